"""What a training of a real backbone depends on: one JSON object, checked before anything is loaded.

    {"benchmark": "gsm8k", "data": "parts/train.jsonl", "base": "gpt2", "method": "coconut", "init": "runs/cot/last"}

A file may hold the settings of several methods, {..., "methods": {"cot": {...}, "coconut": {...}}}, of which `for_method`
takes one. `trainer_of` says which of the two trainers a configuration is meant for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path

from ..benchmarks.catalogue import BENCHMARKS
from ..benchmarks.prosqa import ProblemError
from ..benchmarks.templates import TEMPLATES
from ..refinement.methods import PLAIN

METHODS = ("coconut", "cot", "no_cot")
DTYPES = ("float32", "bfloat16")
DEVICES = ("auto", "cpu")
TRAINERS = {
    "backbone": "any causal language model on a file of problems (this configuration)",
    "reasoner": "the small ProsQA reasoner on generated problems (`train.TrainConfig`)",
}
# what a model from scratch is made of, and what LoRA adds; the defaults say which type a value must have
SCRATCH = {"family": "llama", "layers": 4, "width": 128, "heads": 4, "mlp": 256, "vocabulary": 2048, "positions": 1024}
FAMILIES = ("gpt2", "llama")
LORA = {"rank": 16, "alpha": 32.0, "dropout": 0.0, "targets": "all-linear"}
# what may be changed when a run is resumed, because the numbers it computes do not depend on it
FREE_ON_RESUME = {"micro_batch", "log_every", "save_every", "keep_every", "threads", "device"}


@dataclass(frozen=True)
class FinetuneConfig:
    """Everything a run depends on; unknown keys are errors.

    method: "coconut" (the latent curriculum), "cot" (reasoning as text) or "no_cot" (the bare answer).
    data: file of problems, or hub:ID[:CONFIG]@SPLIT; held_back, held_back_seed: share of it that is never trained on but
    measured by `assemble`, told by a hash of each question; validation: a file to measure on instead of that share;
    reserved: a file that stays apart, because a reported score will come from it. Overlap with either is refused.
    base: a model folder or hub id; or scratch: {family, layers, width, heads, mlp, vocabulary, positions} for a new one.
    init: checkpoint to start from (usually the last one of a "cot" run); base and scratch may then be left out.
    lora: {} trains all weights, {rank, alpha, dropout, targets} trains adapters, merged in every checkpoint that is kept.
    dtype: "bfloat16" computes in it on a CUDA device (weights that are trained stay in float32) and keeps checkpoints in it.
    max_thoughts: T, fed for every problem at the last stage; thoughts_per_step: c. Stage s replaces the first s steps by
    c·s thoughts; after max_thoughts/c such stages one more replaces all steps. stage_steps: optimiser steps of every stage
    before the last; first_stage: where to begin (1 after a start from a "cot" checkpoint); mix: share of optimiser steps
    that are drawn evenly from the stages so far instead; reset_optimiser: forget the moments, and warm up again, at a new stage.
    batch: problems per optimiser step over all processes; micro_batch: problems per forward of one process (the rest is
    accumulated). steps: optimiser steps in all. warmup: steps; decay: share of `steps` at the end over which the learning
    rate falls linearly to a twentieth. longest: problems of more tokens (prompt, thoughts, reasoning, answer) are left out.
    """

    benchmark: str = ""
    data: str = ""
    method: str = "coconut"
    template: str = "short"
    held_back: float = 0.05
    held_back_seed: int = 0
    validation: str = ""
    reserved: str = ""
    base: str = ""
    scratch: dict = field(default_factory=dict)
    init: str = ""
    lora: dict = field(default_factory=dict)
    dtype: str = "float32"
    device: str = "auto"
    answer_prefix: str = "####"
    answer_space: str = " "
    max_thoughts: int = 6
    thoughts_per_step: int = 2
    stage_steps: int = 200
    first_stage: int = 0
    mix: float = 0.0
    reset_optimiser: bool = True
    batch: int = 32
    micro_batch: int = 32
    longest: int = 512
    learning_rate: float = 1e-4
    warmup: int = 50
    decay: float = 0.25
    weight_decay: float = 0.01
    clip: float = 1.0
    steps: int = 2000
    seed: int = 0
    threads: int = 0
    log_every: int = 10
    save_every: int = 200
    keep_every: int = 200

    @classmethod
    def load(cls, source: str | Path | dict) -> FinetuneConfig:
        """From a JSON file or a dict; raises ProblemError naming the key, what was expected and what came."""
        data = dict(read_config(source))
        if (trainer := data.pop("trainer", "backbone")) != "backbone":
            raise ProblemError(f'This configuration is for the trainer "backbone", not {trainer!r}.')
        check_types(data, {f.name: default_of(f) for f in fields(cls)}, "the configuration")
        for name, table in (("scratch", SCRATCH), ("lora", LORA)):
            if data.get(name):
                check_types(data[name], table, name)
                data[name] = table | data[name]
        config = cls(**data)
        config._check()
        return config

    def _check(self) -> None:
        for name, choices in (
            ("benchmark", tuple(BENCHMARKS)),
            ("template", tuple(TEMPLATES)),
            ("method", METHODS),
            ("dtype", DTYPES),
            ("device", DEVICES),
        ):
            if (value := getattr(self, name)) not in choices:
                raise ProblemError(f"No {name} called {value!r}; choose one of {', '.join(choices)}.")
        if self.template not in BENCHMARKS[self.benchmark].templates:
            allowed = ", ".join(BENCHMARKS[self.benchmark].templates)
            raise ProblemError(f"{self.benchmark} has no template {self.template!r}; choose one of {allowed}.")
        if not self.data:
            raise ProblemError("data must name a file of problems to train on.")
        if self.base and self.scratch:
            raise ProblemError("Give either base (a model to start from) or scratch (a new one), not both.")
        if not (self.base or self.scratch or self.init):
            raise ProblemError("Give base (a model folder or hub id), scratch (a new model) or init (a checkpoint).")
        if self.scratch:
            if self.scratch["family"] not in FAMILIES:
                raise ProblemError(
                    f"scratch: no family {self.scratch['family']!r}; choose one of {', '.join(FAMILIES)}."
                )
            if self.scratch["width"] % (2 * self.scratch["heads"]):
                raise ProblemError("scratch: width must be a multiple of twice the heads (positions rotate pairs).")
        if not self.answer_prefix.strip():
            raise ProblemError("answer_prefix must hold a mark that ends the reasoning, such as ####.")
        for name in ("batch", "micro_batch", "thoughts_per_step", "save_every", "keep_every", "log_every", "longest"):
            if getattr(self, name) < 1:
                raise ProblemError(f"{name} must be 1 or more, not {getattr(self, name)}.")
        for name in ("held_back", "mix", "decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ProblemError(f"{name} must lie between 0 and 1, not {getattr(self, name):g}.")
        for name in ("max_thoughts", "steps", "stage_steps", "warmup", "seed", "first_stage"):
            if getattr(self, name) < 0:
                raise ProblemError(f"{name} must be 0 or more, not {getattr(self, name)}.")
        if self.max_thoughts % self.thoughts_per_step:
            raise ProblemError(
                f"max_thoughts ({self.max_thoughts}) must be a multiple of thoughts_per_step ({self.thoughts_per_step})."
            )
        if self.method == PLAIN:
            if not self.max_thoughts:
                raise ProblemError(
                    'method "coconut" needs max_thoughts of 1 or more; without thoughts choose "no_cot".'
                )
            last = self.max_thoughts // self.thoughts_per_step + 1
            if self.first_stage > last:
                raise ProblemError(f"first_stage must lie between 0 and {last}, not {self.first_stage}.")
            if self.steps and self.steps <= (needed := (last - self.first_stage) * self.stage_steps):
                raise ProblemError(
                    f"{self.steps} steps never reach the last stage, which begins after {needed}; raise steps or lower "
                    "stage_steps."
                )

    def refuse_changes(self, kept: FinetuneConfig) -> None:
        """Raise ProblemError where a resumed run would not be the run that was begun under `kept`."""
        names = [f.name for f in fields(self) if f.name not in FREE_ON_RESUME]
        if changed := [n for n in names if getattr(self, n) != getattr(kept, n)]:
            raise ProblemError(
                f"This run was begun with {changed[0]} = {getattr(kept, changed[0])!r}, not "
                f"{getattr(self, changed[0])!r}; resume it as it was or choose another --out."
            )


def read_config(source: str | Path | dict) -> dict:
    """A JSON object of settings; ProblemError where there is no such file or it is no JSON object."""
    try:
        data = source if isinstance(source, dict) else json.loads(Path(source).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProblemError(f"There is no training configuration at {source}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ProblemError(f"{source} is not JSON ({error}).") from error
    if not isinstance(data, dict):
        raise ProblemError(f"{source} must hold a JSON object of settings, not a {type(data).__name__}.")
    return data


def for_method(data: dict, method: str | None) -> dict:
    """The settings of one method out of a file that has those of several under "methods"; else `data`, with `method` where
    one is named. ProblemError where the file has none for it."""
    data = dict(data)
    several = data.pop("methods", None)
    if several is None:
        return data | ({"method": method} if method else {})
    if not isinstance(several, dict) or not all(isinstance(own, dict) for own in several.values()):
        raise ProblemError('"methods" must hold settings by method, as in {"cot": {"steps": 500}}.')
    if method not in several:
        given = f"none for {method!r}" if method else "so one must be chosen"
        raise ProblemError(f"This configuration has settings for {', '.join(several)}, {given}; name one by --method.")
    return data | several[method] | {"method": method}


def trainer_of(data: dict) -> str:
    """A key of TRAINERS: the one named by "trainer", else "backbone" where "benchmark" or "data" says what to train on."""
    named = data.get("trainer", "backbone" if {"benchmark", "data"} & set(data) else "reasoner")
    if named not in TRAINERS:
        raise ProblemError(f"No trainer called {named!r}; choose one of {', '.join(TRAINERS)}.")
    return named


def default_of(f):
    return f.default_factory() if callable(f.default_factory) else f.default


# what a value must be, in words
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list", list: "a list"}
KINDS |= {dict: "an object", type(None): "empty"}


def check_types(data: dict, defaults: dict, where: str) -> None:
    """Raise ProblemError for an unknown key or a value of another type than its default."""
    if unknown := sorted(set(data) - set(defaults)):
        raise ProblemError(f"Unknown key {', '.join(unknown)} in {where}; known: {', '.join(sorted(defaults))}.")
    for name, value in data.items():
        default = defaults[name]
        wanted = int | float if isinstance(default, float) else type(default)
        if name == "targets":  # of LoRA: a word for all, or the names of modules
            wanted = str | list
        if not isinstance(value, wanted) or (isinstance(value, bool) and not isinstance(default, bool)):
            raise ProblemError(f"{name} must be {KINDS[type(default)]} such as {default!r}, not {value!r}.")
