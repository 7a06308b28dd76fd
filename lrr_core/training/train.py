"""Train a latent reasoner on generated ProsQA, from nothing to checkpoints that need their thoughts.

    python -m lrr_core train --config assets/models/train-latent.json --out DIR [--resume]

What is asked and what it costs to be wrong is `branches`; the model is `reasoner`; this is the run. Curriculum: the number
of thoughts grows when the newest depth is read well enough, then the graphs grow; smaller graphs stay in the mix and hop
lengths are drawn evenly.

`method` "coconut" trains latent thoughts; "cot" the path from root to answer as text; "no_cot" the bare answer.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.optim.swa_utils import AveragedModel

from ..benchmarks.generators import generate_balanced
from ..benchmarks.prosqa import ProblemError
from ..refinement.methods import PLAIN
from .branches import latent_losses, make_batch, text_losses
from .checkpoints import recover, replace_folder
from .finetune_config import check_types
from .muon import Muon
from .reasoner import make_model, make_tokenizer

METHODS = ("coconut", "cot", "no_cot")


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on; unknown keys in a configuration file are errors.

    stages: the curriculum, each (smallest graph, largest graph, longest answer in hops, thoughts); a stage ends when the
    running mean of frontier mass and of accuracy at its longest hop both reach `advance`, or after `patience` steps.
    review: share of batches drawn from earlier stages' graph sizes. minutes: stop after so long (0 = by `steps` alone).
    average: the weights that are kept are a running mean over about 1/(1 - average) steps: what a decayed learning rate
    would give, at every checkpoint and at no cost in progress (0 = the raw weights).
    decay: share of `steps` at the end over which the learning rate falls linearly to a twentieth.
    """

    method: str = "coconut"
    width: int = 192
    layers: int = 2
    heads: int = 4
    head_dim: int = 64
    mlp: int = 256
    rope_theta: float = 1e6
    batch: int = 64
    branches: int = 8
    stages: tuple[tuple[int, int, int, int], ...] = (
        (8, 9, 1, 1),
        (8, 9, 2, 2),
        (8, 12, 3, 3),
        (12, 15, 3, 4),
        (12, 18, 4, 4),
        (14, 23, 4, 5),
        (14, 28, 6, 6),
    )
    advance: float = 0.8
    patience: int = 4000
    review: float = 0.25
    learning_rate: float = 1.5e-3
    warmup: int = 200
    average: float = 0.995
    decay: float = 0.25
    weight_decay: float = 0.01
    clip: float = 1.0
    steps: int = 20_000
    minutes: float = 0.0
    seed: int = 0
    threads: int = 0
    log_every: int = 25
    save_every: int = 200
    keep_every: int = 200
    init: str = ""

    @classmethod
    def load(cls, source: str | Path | dict) -> TrainConfig:
        """From a JSON file or a dict; raises ProblemError naming an unknown key, a bad method or a file that is no JSON."""
        try:
            data = source if isinstance(source, dict) else json.loads(Path(source).read_text())
        except FileNotFoundError:
            raise ProblemError(f"There is no training configuration at {source}.") from None
        except json.JSONDecodeError as error:
            raise ProblemError(f"{source} is not JSON ({error}).") from error
        if not isinstance(data, dict):
            raise ProblemError(f"{source} must hold a JSON object of settings, not a {type(data).__name__}.")
        if data.get("method", "coconut") not in METHODS:
            raise ProblemError(f"No training method {data['method']!r}; choose one of {', '.join(METHODS)}.")
        if "stages" in data:
            try:
                data = {**data, "stages": tuple(tuple(map(int, s)) for s in data["stages"])}
                fits = all(
                    4 <= low <= high and hops > 0 and thoughts > 0 for low, high, hops, thoughts in data["stages"]
                )
            except (TypeError, ValueError):
                fits = False
            if not (fits and data["stages"]):
                raise ProblemError(
                    "stages must be a list of [smallest graph (4 or more), largest graph, longest answer in hops, thoughts]."
                )
        check_types(data, {f.name: f.default for f in fields(cls)}, "the configuration")
        config = cls(**data)
        if config.head_dim % 2:
            raise ProblemError(f"head_dim must be even (positions rotate pairs), not {config.head_dim}.")
        return config


@dataclass
class Progress:
    """Where a run stands; saved with every checkpoint. mass, right: running means per thought of the current stage."""

    step: int = 0
    stage: int = 0
    stage_start: int = 0
    problems: int = 0
    seconds: float = 0.0
    mass: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)


def train(config: TrainConfig, out: str | Path, resume: bool = False, say: Callable[[str], None] = print) -> Path:
    """Run or resume a training; returns the folder of the last checkpoint.

    `out` receives `config.json`, `log.jsonl`, `last/` (weights, tokenizer, optimiser state; replaced whole) and
    `steps/<step>/` every `keep_every` steps. A kill at any moment loses at most `save_every` steps.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    if config.threads:
        torch.set_num_threads(config.threads)
    tokenizer = make_tokenizer()
    model = make_model(config)
    progress = Progress()
    rng = np.random.default_rng(config.seed)
    optimisers = make_optimisers(model, config)
    averaged = AveragedModel(model, avg_fn=_running_mean(config.average))
    last = out / "last"
    recover(last)
    if resume and (last / "progress.json").exists():
        progress = _restore(last, model, averaged, optimisers, rng)
        say(f"resumed at step {progress.step}")
    elif resume or not (last / "progress.json").exists():
        if config.init:
            _load_weights(model, Path(config.init))
            averaged = AveragedModel(model, avg_fn=_running_mean(config.average))
            say(f"warm start from {config.init}")
    else:
        raise ProblemError(f"{out} already holds a run; add --resume to go on with it or choose another --out.")
    (out / "config.json").write_text(json.dumps(asdict(config), indent=1))
    model.train()
    start, before = time.monotonic(), progress.seconds
    while progress.step < config.steps:
        if config.minutes and progress.seconds > config.minutes * 60:
            break
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * _pace(config, progress.step)
        low, high, hops, thoughts = config.stages[progress.stage]
        if progress.stage and rng.random() < config.review:
            low, high, _, _ = config.stages[int(rng.integers(progress.stage))]
        size = int(rng.integers(low, high + 1))
        lengths = [h for h in range(1, hops + 1) if size >= 2 * h + 2]
        questions = [generate_balanced(rng, size, lengths[i % len(lengths)]) for i in range(config.batch)]
        if config.method == PLAIN:
            losses = latent_losses(model, make_batch(questions, config.branches, thoughts, rng), thoughts)
        else:
            losses = text_losses(model, questions, config.method)
        if not torch.isfinite(losses["loss"]):
            raise ProblemError(
                f"The loss is {losses['loss']:g} at step {progress.step}; lower learning_rate and resume."
            )
        model.zero_grad(set_to_none=True)
        losses["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        for optimiser in optimisers:
            optimiser.step()
        averaged.update_parameters(model)
        progress.step += 1
        progress.problems += len(questions)
        progress.seconds = before + time.monotonic() - start
        if high == config.stages[progress.stage][1]:  # review batches do not count for the stage
            for name in ("mass", "right"):
                if name in losses:
                    setattr(progress, name, _smooth(getattr(progress, name), losses[name].tolist()))
        _maybe_advance(config, progress, say)
        if progress.step % config.log_every == 0:
            _log(out, config, progress, losses, say)
        if progress.step % config.keep_every == 0:
            save_checkpoint(averaged.module, tokenizer, out / "steps" / f"{progress.step:06d}", progress)
        if progress.step % config.save_every == 0 or progress.step == config.steps:
            _save_last(last, model, averaged, tokenizer, optimisers, progress, rng)
    _save_last(last, model, averaged, tokenizer, optimisers, progress, rng)
    return last


def make_optimisers(model, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embeddings, norms and biases."""
    layers = [p for n, p in model.named_parameters() if p.ndim == 2 and "layers" in n]
    known = set(map(id, layers))
    rest = [p for p in model.parameters() if id(p) not in known]
    both = [
        Muon(layers, lr=config.learning_rate, weight_decay=config.weight_decay),
        torch.optim.AdamW(rest, lr=0.6 * config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay),
    ]
    for optimiser in both:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return both


def _pace(config: TrainConfig, step: int) -> float:
    """Share of the peak learning rate: warm-up, plateau, linear decay to a twentieth."""
    left = (config.steps - step) / max(config.decay * config.steps, 1)
    return min(1.0, (step + 1) / max(config.warmup, 1), max(left, 0.05))


def _running_mean(keep: float):
    """Averaging rule of torch.optim.swa_utils: exponential, but shorter while few steps have been seen."""

    def mean(old, new, seen):
        k = min(keep, (1 + int(seen)) / (10 + int(seen)))
        return torch.lerp(new, old, k)

    return mean


def _smooth(old: list[float], new: list[float], keep: float = 0.97) -> list[float]:
    return [keep * o + (1 - keep) * n for o, n in zip(old, new, strict=True)] if len(old) == len(new) else new


def _maybe_advance(config: TrainConfig, progress: Progress, say) -> None:
    if progress.stage + 1 >= len(config.stages) or progress.step - progress.stage_start < 100:
        return
    hops = config.stages[progress.stage][2]
    reached = config.method == PLAIN and min(*progress.mass[:hops], progress.right[hops - 1]) >= config.advance
    if reached or progress.step - progress.stage_start >= config.patience:
        progress.stage += 1
        progress.stage_start = progress.step
        progress.mass, progress.right = [], []
        say(
            f"step {progress.step}: stage {progress.stage} {config.stages[progress.stage]} ({'reached' if reached else 'patience'})"
        )


def _log(out: Path, config, progress: Progress, losses, say) -> None:
    row = {
        "step": progress.step,
        "stage": progress.stage,
        "seconds": round(progress.seconds, 1),
        "problems": progress.problems,
    }
    row |= {k: round(losses[k].item(), 4) for k in ("loss", "frontier", "answer") if k in losses}
    row |= {k: [round(x, 3) for x in getattr(progress, k)] for k in ("mass", "right")}
    with open(out / "log.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")
    left = (config.steps - progress.step) * progress.seconds / max(progress.step, 1)
    say(
        f"step {progress.step}/{config.steps}  stage {progress.stage} {config.stages[progress.stage]}  loss {row['loss']:.3f}  "
        f"mass {row['mass']}  right {row['right']}  {progress.seconds:.0f} s, {left / 60:.0f} min left"
    )


def save_checkpoint(model, tokenizer, folder: Path, progress: Progress | None = None) -> None:
    """Write one Hugging Face folder; it appears complete or not at all."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    model.save_pretrained(beside)
    tokenizer.save_pretrained(beside)
    if progress is not None:
        (beside / "progress.json").write_text(json.dumps(asdict(progress)))
    replace_folder(beside, folder)


def _save_last(last: Path, model, averaged, tokenizer, optimisers, progress: Progress, rng) -> None:
    beside = last.with_name(".last.new")
    shutil.rmtree(beside, ignore_errors=True)
    averaged.module.save_pretrained(beside)
    tokenizer.save_pretrained(beside)
    # `model.safetensors` holds the averaged weights, which are the result; the raw ones are only needed to go on
    save_file({k: v.contiguous() for k, v in model.named_parameters()}, beside / "raw.safetensors")
    flat = {
        f"{o}/{i}/{k}": v.contiguous()
        for o, optimiser in enumerate(optimisers)
        for i, entry in optimiser.state_dict()["state"].items()
        for k, v in entry.items()
    }
    save_file(flat, beside / "optimiser.safetensors")
    (beside / "progress.json").write_text(json.dumps(asdict(progress) | {"rng": rng.bit_generator.state}))
    replace_folder(beside, last)


def _load_weights(model, folder: Path) -> None:
    try:
        weights = load_file(folder / "model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise ProblemError(
            f"Cannot read weights from {folder} ({error}); give a checkpoint folder of a run."
        ) from error
    shapes = {k: v.shape for k, v in model.state_dict().items()}
    if odd := [k for k, v in weights.items() if k in shapes and v.shape != shapes[k]]:
        raise ProblemError(
            f"The weights in {folder} do not fit this configuration; {odd[0]} is {tuple(weights[odd[0]].shape)} there "
            f"and {tuple(shapes[odd[0]])} here. Give the width, heads, mlp and layers they were trained with."
        )
    result = model.load_state_dict(weights, strict=False)
    missing = set(result.missing_keys) - {"lm_head.weight"}
    if missing or result.unexpected_keys:
        raise ProblemError(f"The weights in {folder} do not fit this configuration; missing {sorted(missing)[:3]}.")


def _restore(last: Path, model, averaged, optimisers, rng) -> Progress:
    _load_weights(averaged.module, last)
    model.load_state_dict(load_file(last / "raw.safetensors"), strict=False)
    data = json.loads((last / "progress.json").read_text())
    rng.bit_generator.state = data.pop("rng")
    states: list[dict] = [{} for _ in optimisers]
    for key, value in load_file(last / "optimiser.safetensors").items():
        o, i, name = key.split("/")
        states[int(o)].setdefault(int(i), {})[name] = value
    for optimiser, state in zip(optimisers, states, strict=True):
        optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    averaged.n_averaged.fill_(data["step"])  # updates seen so far: the mean goes on where it was
    return Progress(**data)
