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
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..benchmarks.generators import generate_balanced, renamed
from ..benchmarks.nouns import NOUNS
from ..benchmarks.prosqa import ProblemError
from ..benchmarks.templates import asked, told
from ..models.bases import base_folder
from ..models.folder import HIDDEN
from ..refinement.methods import PLAIN
from .backbones import open_model, open_tokenizer, with_adapters
from .branches import TRIPLES, Wording, latent_losses, make_batch, text_losses
from .checkpoints import recover, replace_folder
from .finetune_config import LORA, check_types, default_of
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
    least: steps a stage takes at the least; smooth: how much of the running means is kept at every step.
    base: a pretrained model's folder, of which adapters (`lora`: rank, alpha, dropout, targets) are trained instead of a new
    model; template: "triples", or "words" for sentences of everyday nouns; hidden: "asked" hides the asked root from
    everything that follows the question; thought_scale: what thoughts are multiplied by before they are fed.
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
    base: str = ""
    lora: dict = field(default_factory=dict)
    template: str = "triples"
    hidden: str = "none"
    thought_scale: float = 1.0
    least: int = 100
    smooth: float = 0.97

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
        check_types(data, {f.name: default_of(f) for f in fields(cls)}, "the configuration")
        if data.get("lora"):
            check_types(data["lora"], LORA, "lora")
            data = {**data, "lora": LORA | data["lora"]}
        config = cls(**data)
        for name, choices in (("template", ("triples", "words")), ("hidden", HIDDEN)):
            if (value := getattr(config, name)) not in choices:
                raise ProblemError(f"No {name} called {value!r}; choose one of {', '.join(choices)}.")
        if bool(config.base) != (config.template == "words"):
            raise ProblemError('A base is trained in the template "words", and the small reasoner in "triples".')
        if config.base and config.method != PLAIN:
            raise ProblemError(
                'Adapters on a base are trained by the method "coconut" alone; train text with a data file.'
            )
        if not config.base and (config.hidden != "none" or config.thought_scale != 1):
            raise ProblemError("hidden and thought_scale are for adapters on a base; leave them out here.")
        if not 0 < config.thought_scale < float("inf"):
            raise ProblemError(f"thought_scale must be above 0, not {config.thought_scale:g}.")
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
    held = _open(config)
    model, trained = held.model, held.trained
    progress = Progress()
    rng = np.random.default_rng(config.seed)
    optimisers = make_optimisers(model, config)
    last = out / "last"
    recover(last)
    if resume and (last / "progress.json").exists():
        progress = _restore(last, held, optimisers, rng)
        say(f"resumed at step {progress.step}")
    elif resume or not (last / "progress.json").exists():
        if config.init:
            _load_weights(model, Path(config.init))
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
        if config.template == "words":
            questions = [renamed(rng, q, NOUNS) for q in questions]
        if config.method == PLAIN:
            losses = latent_losses(
                model, make_batch(questions, config.branches, thoughts, rng, held.wording), thoughts, held.wording
            )
        else:
            losses = text_losses(model, questions, config.method)
        if not torch.isfinite(losses["loss"]):
            raise ProblemError(
                f"The loss is {losses['loss']:g} at step {progress.step}; lower learning_rate and resume."
            )
        model.zero_grad(set_to_none=True)
        losses["loss"].backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), config.clip)
        for optimiser in optimisers:
            optimiser.step()
        held.average(config.average, progress.step)
        progress.step += 1
        progress.problems += len(questions)
        progress.seconds = before + time.monotonic() - start
        if high == config.stages[progress.stage][1]:  # review batches do not count for the stage
            for name in ("mass", "right"):
                if name in losses:
                    setattr(progress, name, _smooth(getattr(progress, name), losses[name].tolist(), config.smooth))
        _maybe_advance(config, progress, say)
        if progress.step % config.log_every == 0:
            _log(out, config, progress, losses, say)
        if progress.step % config.keep_every == 0:
            save_checkpoint(held, out / "steps" / f"{progress.step:06d}", progress)
        if progress.step % config.save_every == 0 or progress.step == config.steps:
            _save_last(last, held, optimisers, progress, rng)
    _save_last(last, held, optimisers, progress, rng)
    return last


@dataclass
class Held:
    """What is trained. model: with adapters in it where there are any; trained: its trained weights by name; mean: their
    running mean, which is what is kept; peft: what saves adapters, or None."""

    model: torch.nn.Module
    tokenizer: object
    wording: Wording
    peft: object | None = None
    trained: dict[str, torch.nn.Parameter] = field(init=False)
    mean: dict[str, torch.Tensor] = field(default_factory=dict)

    def __post_init__(self):
        self.trained = {n: p for n, p in self.model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def average(self, keep: float, seen: int) -> None:
        """Take the weights after step `seen` into the mean: exponential, but shorter while few steps have been seen."""
        k = min(keep, seen / (9 + seen))
        for name, p in self.trained.items():
            self.mean[name] = torch.lerp(p, self.mean[name], k) if name in self.mean and seen > 1 else p.clone()

    @contextmanager
    def averaged(self, dtype: torch.dtype = torch.float32):
        """The model with its mean weights, for as long as it is saved."""
        raw = {name: p.data for name, p in self.trained.items()}
        for name, p in self.trained.items():
            p.data = self.mean.get(name, p.data).to(dtype)
        try:
            yield self.model
        finally:
            for name, p in self.trained.items():
                p.data = raw[name]


def _open(config: TrainConfig) -> Held:
    """The model as it begins: the small reasoner, or adapters on a pretrained base."""
    if not config.base:
        return Held(make_model(config), make_tokenizer(), TRIPLES)
    base = base_folder(config.base)
    tokenizer, model = open_tokenizer(base), open_model(base)
    peft = with_adapters(model, config.lora or LORA, config.seed)
    peft.peft_config["default"].base_model_name_or_path = Path(config.base).name
    return Held(model, tokenizer, wording_of(tokenizer, config.hidden == "asked", config.thought_scale), peft)


def wording_of(tokenizer, hidden: bool, scale: float) -> Wording:
    """The template "words" in the tokens of a pretrained model."""
    encode = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]  # noqa: E731
    one = lru_cache(None)(lambda name: encode(f" {name}")[0])
    return Wording(
        vocabulary=len(tokenizer),
        names=lambda q: [one(name) for name in q.names],
        facts=lambda q: encode(told(q)),
        ask=lambda q, pair, root: encode(asked(q, pair, root)),
        end=tuple(encode(":")),
        hidden=hidden,
        scale=scale,
    )


def make_optimisers(model, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embeddings, norms and biases; AdamW alone for adapters."""
    if config.base:
        trained = [p for p in model.parameters() if p.requires_grad]
        only = torch.optim.AdamW(trained, config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay)
        only.param_groups[0]["peak"] = config.learning_rate
        return [only]
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


def _smooth(old: list[float], new: list[float], keep: float) -> list[float]:
    return [keep * o + (1 - keep) * n for o, n in zip(old, new, strict=True)] if len(old) == len(new) else new


def _maybe_advance(config: TrainConfig, progress: Progress, say) -> None:
    if progress.stage + 1 >= len(config.stages) or progress.step - progress.stage_start < config.least:
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


def save_checkpoint(held: Held, folder: Path, progress: Progress | None = None) -> None:
    """Write one Hugging Face folder, or one of adapters in half precision; it appears complete or not at all."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    _write(held, beside)
    if progress is not None:
        (beside / "progress.json").write_text(json.dumps(asdict(progress)))
    replace_folder(beside, folder)


def _write(held: Held, folder: Path) -> None:
    if held.peft is None:
        with held.averaged() as model:
            model.save_pretrained(folder)
        held.tokenizer.save_pretrained(folder)
        return
    with held.averaged(torch.float16):
        held.peft.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # a form to fill in


def _save_last(last: Path, held: Held, optimisers, progress: Progress, rng) -> None:
    beside = last.with_name(".last.new")
    shutil.rmtree(beside, ignore_errors=True)
    _write(held, beside)
    # what is served is the mean; the raw weights are only needed to go on, and so is a mean that has not been rounded
    save_file({k: v.detach().contiguous() for k, v in held.trained.items()}, beside / "raw.safetensors")
    if held.peft is not None:
        save_file({k: v.contiguous() for k, v in held.mean.items()}, beside / "mean.safetensors")
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


def _restore(last: Path, held: Held, optimisers, rng) -> Progress:
    exact = last / ("model.safetensors" if held.peft is None else "mean.safetensors")
    held.mean = {name: value for name, value in load_file(exact).items() if name in held.trained}
    held.model.load_state_dict(load_file(last / "raw.safetensors"), strict=False)
    data = json.loads((last / "progress.json").read_text())
    rng.bit_generator.state = data.pop("rng")
    states: list[dict] = [{} for _ in optimisers]
    for key, value in load_file(last / "optimiser.safetensors").items():
        o, i, name = key.split("/")
        states[int(o)].setdefault(int(i), {})[name] = value
    for optimiser, state in zip(optimisers, states, strict=True):
        optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    return Progress(**data)
