"""Many problems under many settings, answered in batches: the one loop behind reports, planes, ladders, lessons and training.

    for unit in answer(models, units(models, groups, problems, rows), log): ...     a stopped run goes on from the log
    for problem, run in runs(models, problems, arm, size): ...                      without one, for what is read off the runs

A *unit* is a batch of problems under one arm, or under several that differ in step size, sign and residual mix alone: those
share a prefill and run side by side as rows of one pass, which is what makes a plane of settings affordable. The lock of the
models is held for a unit at a time, so that others get their turn.

Laws (tested for every user): a problem's answer depends neither on its batch nor on what else is in the pass; a run that was
stopped and started again ends as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from ..benchmarks.task import Problem
from ..models.folder import ModelError
from ..models.memory import out_of_memory
from ..models.opened import ModelSet
from ..refinement.refine import Prompts, Refiner
from ..refinement.trace import Run
from ..storage import digest
from .answer_log import AnswerLog, Entry, Key, fingerprint
from .answering import Answer, answer_batch, is_right
from .arms import Arm

Tick = Callable[[], None]
Read = Callable[[ModelSet, Sequence[Problem]], Prompts]


class Stopped(Exception):
    """The caller asked to stop; what was answered is kept."""


@dataclass(frozen=True)
class Unit:
    """A batch under the arms of one pass. marks: one per arm, see `answer_log`; start: place of its first problem among all of
    that list."""

    arms: tuple[Arm, ...]
    marks: tuple[str, ...]
    start: int
    problems: tuple[Problem, ...]

    @property
    def arm(self) -> Arm:
        return self.arms[0]

    @property
    def seed(self) -> int:
        return self.arm.config.seed

    @property
    def keys(self) -> list[Key]:
        """Where a log holds it, arm by arm."""
        return [(mark, self.start, len(self.problems)) for mark in self.marks]

    def found(self, log: AnswerLog) -> list[Entry] | None:
        """What the log holds of it, an entry per arm; None where anything is missing."""
        return [log.found[key] for key in self.keys] if all(key in log.found for key in self.keys) else None


def units(models: ModelSet, groups: Sequence[Sequence[Arm]], problems: Sequence[Problem], rows: int) -> list[Unit]:
    """All problems under every group of arms, group after group. rows: of a pass, for all arms of its group together."""
    asked = digest([(p.id, fingerprint(p), p.gold) for p in problems])
    out = []
    for arms in groups:
        size, marks = max(1, rows // len(arms)), tuple(_mark(models, arm, asked) for arm in arms)
        starts = range(0, len(problems), size)
        out += [Unit(tuple(arms), marks, at, tuple(problems[at : at + size])) for at in starts]
    return out


def _mark(models: ModelSet, arm: Arm, asked: str) -> str:
    """Stands for everything that the answers of an arm depend on."""
    weights = models.identity(*arm.members)
    if arm.rule and arm.rule.calibrated:
        weights["subspace"] = models.subspace(arm.names, arm.config.reference).hash
    info = asdict(models.info) | {"members": None}
    return digest([arm.method, asdict(arm.config), arm.names._asdict(), weights, info, asked])


def answer(
    models: ModelSet,
    asked: Iterable[Unit],
    log: AnswerLog,
    full: bool = True,
    tick: Tick = lambda: None,
    often: bool = False,
    lent: Callable[[Unit], torch.Tensor | None] = lambda unit: None,
    mine: Callable[[Unit], bool] = lambda unit: True,
) -> Iterator[Unit]:
    """Answer what `log` lacks of the units `asked`, in order; yields every unit once it is in the log.

    full: keep every `Answer`; else only whether it is right, which spares decoding a choice. tick: called before every unit,
    may raise `Stopped`; often: also after every round, where a pass is long, at the cost of what the unit has so far.
    lent: thoughts (B, T, D) for the arms that borrow; mine: where several processes share the units, those that are another's
    are only yielded. Raises RefineError, ModelError.
    """
    for unit in asked:
        if unit.found(log) is None and mine(unit):
            tick()
            start = time.perf_counter()
            with models.lock:
                rows = _answer(models, unit, lent(unit), full, tick if often else lambda: None)
            seconds = (time.perf_counter() - start) / len(unit.arms)
            for key, column in zip(unit.keys, zip(*rows, strict=True), strict=True):
                right = tuple(a.right for a in column) if full else column
                log.add(key, Entry(seconds, right, column if full else ()))
        yield unit


def runs(
    models: ModelSet,
    problems: Sequence[Problem],
    arm: Arm,
    size: int,
    details: bool = False,
    decode: bool = False,
    read: Read = Prompts.make,
) -> Iterator[tuple[Problem, Run]]:
    """Every problem with its run, `size` of them at a time. details, decode: see `Refiner`; read: see `refined`."""
    for at in range(0, len(problems), size):
        part = problems[at : at + size]
        with models.lock:
            found = refined(models, part, [arm], details=details, read=read).runs(decode)
        yield from zip(part, found, strict=True)


def right_answers(models: ModelSet, problems: Sequence[Problem], arm: Arm, size: int) -> np.ndarray:
    """(n,) whether each problem is answered rightly under one arm."""
    decode = not all(p.candidates for p in problems)
    return np.array([is_right(*pair) for pair in runs(models, problems, arm, size, decode=decode)])


def refined(
    models: ModelSet,
    problems: Sequence[Problem],
    arms: Sequence[Arm],
    lent: torch.Tensor | None = None,
    details: bool = False,
    tick: Tick = lambda: None,
    read: Read = Prompts.make,
) -> Refiner:
    """One pass to its end, a row per problem and arm, problem after problem. arms: one, or some that differ in step size, sign
    and residual mix alone; tick: called after every round; read: what makes prompts of the problems."""
    first, scales = arms[0], None
    if len(arms) > 1:
        scales = (
            [a.config.signed_step for a in arms] * len(problems),
            [a.config.residual for a in arms] * len(problems),
        )
    prompts = read(models, problems)
    refiner = Refiner(models, prompts, first.config, first.names, lent, details=details, scales=scales)
    for _ in refiner:
        tick()
    return refiner


def _answer(models, unit: Unit, lent: torch.Tensor | None, full: bool, tick: Tick) -> list[list[Answer | bool]]:
    """[problem][arm]; in halves where memory runs out."""
    try:
        if full:
            return [[a] for a in answer_batch(models, unit.problems, unit.arm, lent)]
        decode = not all(p.candidates for p in unit.problems)
        found = iter(refined(models, unit.problems, unit.arms, lent, tick=tick).runs(decode))
        return [[is_right(problem, next(found)) for _ in unit.arms] for problem in unit.problems]
    except Exception as error:
        if not out_of_memory(error):
            raise
        half = len(unit.problems) // 2
        if not half:
            raise ModelError(
                f"Memory ran out on a single problem ({unit.problems[0].id}) under {unit.arm.label}; use a smaller model, fewer "
                "thoughts or --dtype bfloat16."
            ) from error
    if models.device.type == "cuda":
        torch.cuda.empty_cache()
    parts = slice(half), slice(half, None)
    return [
        row
        for part in parts
        for row in _answer(
            models, replace(unit, problems=unit.problems[part]), lent if lent is None else lent[part], full, tick
        )
    ]
