"""Train any causal language model on any benchmark: bare answers, reasoning as text, or Coconut's latent curriculum.

    python -m lrr_core train --config assets/training/gsm8k-gpt2-cot.json --out runs/gsm8k-cot [--resume]
    accelerate launch --num_processes 4 -m lrr_core train --config ... --out ...

What a batch is stands in `curriculum`, what can be set in `finetune_config`, the model in `backbones`; this is the run.
Everything random is drawn from the seed and the number of the step, so a run that is killed and resumed ends in the same
weights (on a CPU to the bit), and every process of several knows the whole batch: each takes its share, divides by the
tokens of all, and the averaged gradient is that of one process (both tested).

`out` receives `config.json`, `log.jsonl`, `last/` (weights, tokenizer, optimiser; replaced whole every `save_every` steps)
and `steps/<step>/` every `keep_every` steps: plain Hugging Face folders, adapters merged.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file

from ..benchmarks.prosqa import ProblemError
from ..models.folder import ModelError, weight_hash
from ..storage import write_text
from . import backbones
from .checkpoints import recover, replace_folder, restore_optimiser, save_optimiser
from .curriculum import LatentReader, Row, Stage, Writer, batches, collate, stage_at, stages
from .finetune_config import FinetuneConfig
from .finetune_data import Parts, parts_of, texts

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
CHECKED = 256  # validation problems whose loss is logged with every checkpoint that is kept


@dataclass
class Progress:
    """Where a run stands. stage: number of the curriculum's stage; problems, tokens: seen and predicted so far; origin:
    the hash of the weights the run began from, "" where they are not a local folder."""

    step: int = 0
    stage: int = 0
    problems: int = 0
    tokens: int = 0
    seconds: float = 0.0
    origin: str = ""


@dataclass(frozen=True)
class Held:
    """What is trained. model: the plain model, with adapters in it where there are any; peft: what saves those, or None."""

    model: torch.nn.Module
    tokenizer: object
    peft: object | None


def finetune(config: FinetuneConfig, out: str | Path, resume: bool = False, say: Callable[[str], None] = print) -> Path:
    """Run or resume a training; returns the folder of the last checkpoint.

    Raises ProblemError for data, settings or a folder that do not fit, ModelError for a model that cannot be had.
    """
    out, last = Path(out), Path(out) / "last"
    if config.threads:
        torch.set_num_threads(config.threads)
    accelerator = Accelerator(cpu=config.device == "cpu", mixed_precision=_precision(config))
    world = accelerator.num_processes
    if config.batch % world:
        raise ProblemError(f"batch ({config.batch}) must be a multiple of the {world} processes; change one of them.")
    tell = say if accelerator.is_main_process else lambda _: None
    if accelerator.is_main_process:
        recover(last)
    accelerator.wait_for_everyone()
    resuming = (last / "progress.json").exists()
    if resuming and not resume:
        raise ProblemError(f"{out} already holds a run; add --resume to go on with it or choose another --out.")
    if resuming:
        config.refuse_changes(FinetuneConfig.load(out / "config.json"))
    parts = parts_of(config)
    held, progress = _open(config, parts, last if resuming else None, accelerator.device.type)
    writer = Writer(held.tokenizer, config.template, config.answer_prefix, config.answer_space)
    plan = stages(config.method, config.max_thoughts, config.thoughts_per_step)
    train, lengths = _fitting(config, writer, held.model, parts.train, plan[-1].thoughts)
    pad = held.tokenizer.pad_token_id if held.tokenizer.pad_token_id is not None else held.tokenizer.eos_token_id
    reader = accelerator.prepare(LatentReader(held.model))
    optimiser = _optimiser(held.model, config)
    if resuming:
        restore_optimiser(optimiser, last / "optimiser.safetensors")
        tell(f"resumed at step {progress.step}")
    elif accelerator.is_main_process:
        write_text(out / "config.json", json.dumps(asdict(config), indent=1))
    _forget_after(out / "log.jsonl", progress.step, accelerator.is_main_process)
    tell(
        f"{len(train)} problems to train on, {len(parts.train) - len(train)} longer than {config.longest} tokens left out, "
        f"{parts.broken} broken, {len(parts.validation)} for validation; {_count(held.model)} on "
        f"{accelerator.device.type}, by {world} process{'es' if world > 1 else ''}"
    )
    reader.train()
    feed = batches(lengths, config.batch, config.seed, progress.step)
    start, before = time.monotonic(), progress.seconds
    while progress.step < config.steps:
        step = progress.step
        scheduled = stage_at(step, len(plan), config.stage_steps, config.first_stage)
        in_stage = step - _start_of(scheduled, config)
        if config.reset_optimiser and in_stage == 0:
            optimiser.state.clear()
        stage = plan[_drawn(config, step, scheduled)]
        rows = [writer.row(train[i], stage) for i in next(feed)]
        # dropout must be the same after a resume, and not the same in every process
        torch.manual_seed((config.seed * 1_000_003 + step) * world + accelerator.process_index)
        loss, total = _backward(accelerator, reader, rows, stage.thoughts, config.micro_batch, pad)
        if not np.isfinite(loss):
            raise ProblemError(
                f"The loss is {loss:g} at step {step}; lower learning_rate and begin again, or from a kept checkpoint by init."
            )
        norm = torch.nn.utils.clip_grad_norm_(held.model.parameters(), config.clip)
        rate = config.learning_rate * _pace(config, step, in_stage)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        progress.step, progress.stage = step + 1, scheduled
        progress.problems, progress.tokens = progress.problems + len(rows), progress.tokens + total
        progress.seconds = before + time.monotonic() - start
        if not accelerator.is_main_process:
            continue
        keep = progress.step % config.keep_every == 0
        if keep or progress.step % config.log_every == 0:
            seen = {"loss": loss, "norm": norm.item(), "rate": rate}
            if keep and parts.validation:
                with accelerator.autocast():
                    checked = parts.validation[:CHECKED]
                    seen["validation"] = _loss(held.model, writer, checked, plan[scheduled], config.micro_batch, pad)
            _log(out, config, progress, stage, seen, tell)
        if keep:
            _save(out / "steps" / f"{progress.step:06d}", held, config, progress)
        if progress.step % config.save_every == 0 and progress.step < config.steps:
            _save(last, held, config, progress, optimiser)
    if accelerator.is_main_process:
        _save(last, held, config, progress, optimiser)
    accelerator.wait_for_everyone()
    reader = accelerator.free_memory(reader)  # what averages gradients holds on to the group of processes
    accelerator.end_training()  # leaves that group; without it torch warns at exit
    return last


def _backward(accelerator, reader, rows: list[Row], thoughts: int, micro_batch: int, pad: int) -> tuple[float, int]:
    """Add the gradient of the mean loss per predicted token of `rows`, the batch of all processes; (that loss, tokens)."""
    world, total = accelerator.num_processes, sum(len(r.rest) - r.given for r in rows)
    mine, nll = rows[accelerator.process_index :: world], torch.zeros((), device=accelerator.device)
    for at in range(0, len(mine), micro_batch):
        batch = collate(mine[at : at + micro_batch], pad, accelerator.device)
        with nullcontext() if at + micro_batch >= len(mine) else accelerator.no_sync(reader):
            loss = reader(batch, thoughts)
            # processes average their gradients, so each divides by the tokens of all and multiplies by their number
            accelerator.backward(loss * (world / total))
        nll += loss.detach()
    return (accelerator.reduce(nll, "sum") / total).item(), total


# --- the model --------------------------------------------------------------------------------------------------------


def _open(config: FinetuneConfig, parts: Parts, last: Path | None, device: str) -> tuple[Held, Progress]:
    """The model and tokenizer as they begin, or as they stood in the checkpoint `last`."""
    source = config.init or config.base
    origin = weight_hash(Path(source)) if source and Path(source).is_dir() else ""
    progress = Progress(origin=origin)
    if last:
        progress = Progress(**json.loads((last / "progress.json").read_text()))
        if config.lora and progress.origin != origin:
            raise ModelError(f"The weights in {source} are not those this run began from; restore them to resume it.")
    if config.scratch and not source and not last:
        written = texts(parts.train, config.template, config.answer_space)
        tokenizer = backbones.new_tokenizer(written, config.scratch["vocabulary"], config.answer_prefix)
        return Held(backbones.new_model(config.scratch, tokenizer, config.seed), tokenizer, None), progress
    tokenizer = backbones.open_tokenizer(last or source)
    if not config.lora:
        model = backbones.open_model(last or source)
        if last and (last / "raw.safetensors").exists():  # the checkpoint's own weights are rounded
            model.load_state_dict(load_file(last / "raw.safetensors"), strict=False)
        return Held(model, tokenizer, None), progress
    from peft import set_peft_model_state_dict

    # what is frozen may be held in half precision; adapters stay in float32
    model = backbones.open_model(source, DTYPES[config.dtype] if device == "cuda" else torch.float32)
    adapted = backbones.with_adapters(model, config.lora, config.seed)
    if last:
        set_peft_model_state_dict(adapted, load_file(last / "adapter" / "adapter_model.safetensors"))
    return Held(model, tokenizer, adapted), progress


def _precision(config: FinetuneConfig) -> str:
    return "bf16" if config.dtype == "bfloat16" and config.device != "cpu" and torch.cuda.is_available() else "no"


def _optimiser(model, config: FinetuneConfig) -> torch.optim.AdamW:
    """AdamW; weight decay on matrices only."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=config.learning_rate)


def _count(model) -> str:
    trained, all_of_them = (sum(p.numel() for p in model.parameters() if p.requires_grad or every) for every in (0, 1))
    return f"{trained / 1e6:.2f} of {all_of_them / 1e6:.2f} million weights trained"


def _fitting(config, writer: Writer, model, problems, thoughts: int) -> tuple[list, list[int]]:
    """The problems that fit into `longest` tokens and the model's positions, and the length of each."""
    limit = min(config.longest, getattr(model.config, "max_position_embeddings", None) or config.longest)
    text = Stage(0, 0, 0)
    both = [(p, len(r.prompt) + len(r.rest) + thoughts) for p in problems for r in (writer.row(p, text),)]
    both = [(p, length) for p, length in both if length <= limit]
    return [p for p, _ in both], [length for _, length in both]


# --- the schedule -----------------------------------------------------------------------------------------------------


def _start_of(scheduled: int, config: FinetuneConfig) -> int:
    """The optimiser step at which a stage begins."""
    return max(scheduled - config.first_stage, 0) * config.stage_steps


def _drawn(config: FinetuneConfig, step: int, scheduled: int) -> int:
    """The stage of one step: the scheduled one, or with probability `mix` any so far. One for the whole batch, so that all of
    it has the same number of thoughts."""
    rng = np.random.default_rng([config.seed, 1, step])
    return int(rng.integers(scheduled + 1)) if rng.random() < config.mix else scheduled


def _pace(config: FinetuneConfig, step: int, in_stage: int) -> float:
    """Share of the peak learning rate: warm-up (again at every stage where the moments are forgotten), plateau, decay."""
    since = in_stage if config.reset_optimiser else step
    left = (config.steps - step) / max(config.decay * config.steps, 1)
    return min(1.0, (since + 1) / max(config.warmup, 1), max(left, 0.05))


# --- what is written --------------------------------------------------------------------------------------------------


@torch.no_grad()
def _loss(model, writer: Writer, problems, stage: Stage, size: int, pad: int) -> float:
    """Mean minus log-probability of a predicted token; leaves the model in training mode."""
    model.eval()
    rows, total = [writer.row(p, stage) for p in problems], 0.0
    for at in range(0, len(rows), size):
        batch = collate(rows[at : at + size], pad, model.get_input_embeddings().weight.device)
        total += LatentReader(model)(batch, stage.thoughts).item()
    model.train()
    return total / sum(len(r.rest) - r.given for r in rows)


def _log(out: Path, config, progress: Progress, stage: Stage, seen: dict[str, float], say) -> None:
    row = {"step": progress.step, "stage": progress.stage, "drawn": stage.number, "thoughts": stage.thoughts}
    row |= {k: float(f"{v:.5g}") for k, v in seen.items()}
    row |= {"problems": progress.problems, "tokens": progress.tokens, "seconds": round(progress.seconds, 1)}
    with open(out / "log.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")
    left = (config.steps - progress.step) * progress.seconds / progress.step
    checked = f"  validation {row['validation']:.3f}" if "validation" in row else ""
    say(
        f"step {progress.step}/{config.steps}  stage {progress.stage} ({stage.thoughts} thoughts)  loss {row['loss']:.3f}"
        f"{checked}  {progress.seconds:.0f} s, {left / 60:.0f} min left"
    )


def _forget_after(log: Path, step: int, main: bool) -> None:
    """Drop the lines of a log that a killed run wrote after its last checkpoint, since they will be written again."""
    if main and log.exists():
        lines = [line for line in log.read_text().splitlines() if json.loads(line)["step"] <= step]
        write_text(log, "".join(line + "\n" for line in lines))


def _save(folder: Path, held: Held, config: FinetuneConfig, progress: Progress, optimiser=None) -> None:
    """Write a checkpoint that serves; with `optimiser` also what is needed to go on. Complete or not at all."""
    beside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    dtype = DTYPES[config.dtype]
    backbones.save_plain(held.model, held.tokenizer, beside, dtype)
    if optimiser is not None:
        if held.peft is not None:
            held.peft.save_pretrained(beside / "adapter", save_embedding_layers=False)
        elif dtype != torch.float32:
            save_file({k: v.contiguous() for k, v in held.model.named_parameters()}, beside / "raw.safetensors")
        save_optimiser(optimiser, beside / "optimiser.safetensors")
    (beside / "progress.json").write_text(json.dumps(asdict(progress)))
    replace_folder(beside, folder)
