"""Which problems a training reads, which it is measured on, and that they have nothing in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..benchmarks.catalogue import BENCHMARKS, TEMPLATES, Loaded, Problem, cot_text
from ..benchmarks.prosqa import ProblemError
from ..benchmarks.split import is_held_back, refuse_overlap
from .finetune_config import FinetuneConfig


@dataclass(frozen=True)
class Parts:
    """train: problems that are trained on; validation: problems that `assemble` measures on, none of them trained on;
    broken: records that could not be read; unanswered: problems nobody knows the answer of, in neither part."""

    train: tuple[Problem, ...]
    validation: tuple[Problem, ...]
    broken: int
    unanswered: int


def parts_of(config: FinetuneConfig) -> Parts:
    """Read `data`, take its held-back share out (or read `validation`), and refuse overlap, also with `reserved`."""
    benchmark = BENCHMARKS[config.benchmark]
    loaded = benchmark.read(config.data)
    known = [p for p in loaded.problems if p.gold is not None]
    if config.validation:
        train, validation = known, _known(benchmark.read(config.validation))
        refuse_overlap(train, validation, config.validation)
    else:
        held = [is_held_back(p, config.held_back, config.held_back_seed, "validation") for p in known]
        train = [p for p, h in zip(known, held, strict=True) if not h]
        validation = [p for p, h in zip(known, held, strict=True) if h]
    if config.reserved:
        reserved = benchmark.read(config.reserved).problems
        refuse_overlap([*train, *validation], reserved, config.reserved)
    if not train:
        raise ProblemError(f"No problem of {config.data} is left to train on; lower held_back or give another file.")
    return Parts(tuple(train), tuple(validation), len(loaded.broken), len(loaded.problems) - len(known))


def texts(problems: Sequence[Problem], template: str, answer_space: str) -> Iterator[str]:
    """Everything a model will read and write: what a new tokenizer is made from."""
    for problem in problems:
        yield TEMPLATES[template](problem)
        yield cot_text(problem, template)
        yield answer_space + problem.gold


def _known(loaded: Loaded) -> list[Problem]:
    return [p for p in loaded.problems if p.gold is not None]
