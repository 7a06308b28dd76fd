"""The planes of the Regimes page, with both signs of the step, their controls, progress and a way to stop:

    plane, runs = problem_plane(models, problem, config, names)         one problem, every setting: seconds
    accuracy_plane(models, problems, config, names)                     many problems: minutes, kept on disk as it goes

Law (tested): a cell is what a run of its own gives; a stopped plane goes on where it was, and ends as if it had not been.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..benchmarks.catalogue import BENCHMARKS, Problem
from ..evaluation.answer_log import AnswerLog, Key
from ..evaluation.arms import Arm, arm_of
from ..evaluation.engine import Stopped, answer, refined, units
from ..models.checkpoints import STANDARD, Checkpoints
from ..models.opened import ModelSet
from ..refinement.trace import RefineConfig, Run
from ..refinement.tracing import refine_problem
from ..storage import cache_folder, digest
from .accuracy_plane import AccuracyPlane
from .live_pad import MIXES, STEPS
from .setting_plane import Plane, RegimesError, measure, stamp

ROWS = 128  # rows of a pass: enough to be fast, few enough to stop soon and to let others in between
BLOCK = 8  # settings whose answers are found, and kept, together: a question is read once for all of them
COARSE_STEPS = (-1.0, -0.5, -0.2, 0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0)  # for many problems
COARSE_MIXES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
Cell = tuple[str, float, float]  # method, signed step size, residual mix


def problem_plane(
    models: ModelSet,
    problem: Problem,
    config: RefineConfig,
    names: Checkpoints = STANDARD,
    step_sizes: Sequence[float] = STEPS,
    residuals: Sequence[float] = MIXES,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancel: Callable[[], bool] = lambda: False,
    details: bool = False,
) -> tuple[Plane, list[Run]]:
    """One problem under every setting: the plane, and the run of every cell, step size by step size.

    config gives thoughts, rounds, reference, gradient, momentum and seed; its method, step size, sign and mix are those of
    the cells. progress: called as progress(done, total); cancel: asked after every thought, and raises Stopped where it
    says so; details: keep the lens and the answer after every thought in the runs. Raises RegimesError, RefineError.
    """
    config = replace(config, method="full", step_size=0.0, residual=0.0, sign="descent")
    if problem.answer is None:
        raise RegimesError(f"The right answer of {problem.id} is unknown, so no setting can be called right.")
    cells = [("full", s, a) for s in step_sizes for a in residuals]
    control = [pushed(s, a) for s in sorted({abs(s) for s in step_sizes} - {0.0}) for a in residuals]
    parts = [side[at : at + ROWS] for side in (cells, control) for at in range(0, len(side), ROWS)]
    total, done = 1 + len(parts) * config.thoughts * (config.rounds + 1), 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done, total)
        if cancel():
            raise Stopped

    base = refine_problem(models, problem, config, names, ("zero_thoughts",))
    tick()
    runs: dict[Cell, Run] = {}
    for part in parts:
        with models.lock:  # per pass, so that other sessions get their turn
            refiner = refined(models, [problem], _arms(part, config, names), details=details, tick=tick)
            runs |= zip(part, refiner.runs(decode=False), strict=True)
    random = [runs[pushed(s, a)] for _, s, a in cells]
    ran = [runs[cell] for cell in cells]
    return measure(base, ran, random, step_sizes, residuals), ran


def accuracy_plane(
    models: ModelSet,
    problems: Sequence[Problem],
    config: RefineConfig,
    names: Checkpoints = STANDARD,
    step_sizes: Sequence[float] = COARSE_STEPS,
    residuals: Sequence[float] = COARSE_MIXES,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancel: Callable[[], bool] = lambda: False,
    partial: Callable[[AccuracyPlane], None] = lambda plane: None,
    cache: Path | None = None,
    source: dict | None = None,
) -> AccuracyPlane:
    """Many problems under every setting, with a random push of equal length as control; see `problem_plane` for config,
    progress (in settings) and cancel.

    What is found is kept in `cache` (by default the user's cache folder) setting by setting, under everything that matters:
    a second start runs only what is missing. partial: called with the plane so far whenever it has grown. Raises Stopped.
    """
    if unanswered := [p.id for p in problems if p.answer is None]:
        raise RegimesError(f"The right answer of {unanswered[0]} is unknown, so nothing can be counted; leave it out.")
    if not problems:
        raise RegimesError("There is no problem to answer; give at least one.")
    config = replace(config, method="full", step_size=0.0, residual=0.0, sign="descent")
    identity = models.identity(*dict.fromkeys(names))
    stamped = stamp(problems, identity["members"], names, config)
    wanted: list[Cell] = [("coconut", 0.0, 0.0), ("zero_thoughts", 0.0, 0.0)]
    wanted += [("full", s, a) for s in sorted(step_sizes, key=abs) for a in residuals]
    wanted += [pushed(s, a) for s in sorted({abs(s) for s in step_sizes} - {0.0}) for a in residuals]
    log = AnswerLog(
        (cache or cache_folder()) / f"accuracy-{digest(stamped | {'identity': identity})}.jsonl", needed=False
    )
    asked = units(models, [_arms(block, config, names) for block in _blocks(wanted)], problems, ROWS)
    keys: dict[Cell, list[Key]] = {cell: [] for cell in wanted}  # where the log holds a cell's batches
    for unit in asked:
        for arm, key in zip(unit.arms, unit.keys, strict=True):
            keys[arm.method, arm.config.signed_step, arm.config.residual].append(key)

    def rights(*cells: Cell) -> tuple[np.ndarray, np.ndarray]:
        """(cells, n) whether each problem is answered rightly, and (cells,) whether all of them have been answered."""
        done = [all(key in log.found for key in keys[cell]) for cell in cells]
        right = np.zeros((len(cells), len(problems)), bool)
        for i, cell in enumerate(cells):
            if done[i]:
                right[i] = np.concatenate([log.found[key].right for key in keys[cell]])
        return right, np.array(done)

    def so_far() -> AccuracyPlane:
        shape, plane = (len(step_sizes), len(residuals)), list(itertools.product(step_sizes, residuals))
        right, done = rights(*(("full", s, a) for s, a in plane))
        random, random_done = rights(*itertools.starmap(pushed, plane))
        plain, zero = rights(*wanted[:2])[0]
        return AccuracyPlane(
            step_sizes=np.asarray(step_sizes, float),
            residuals=np.asarray(residuals, float),
            right=right.reshape(*shape, -1),
            done=done.reshape(shape),
            random_right=random.reshape(*shape, -1),
            random_done=random_done.reshape(shape),
            plain=plain,
            zero=zero,
            chance=BENCHMARKS[models.info.benchmark].chance,
            source=source or {},
            stamp=stamped,
            identity=identity,
        )

    def tick() -> None:
        if cancel():
            raise Stopped

    missing = [unit for unit in asked if unit.found(log) is None]
    size_of = lambda unit: len(unit.arms) * len(unit.problems)  # noqa: E731
    done = len(wanted) * len(problems) - sum(map(size_of, missing))
    progress(done // len(problems), len(wanted))
    for unit in answer(models, missing, log, full=False, tick=tick, often=True):
        done += size_of(unit)
        progress(done // len(problems), len(wanted))
        whole = unit.start + len(unit.problems) == len(problems)
        if whole and rights(*wanted[:2])[1].all():
            partial(so_far())
    return so_far()


def pushed(s: float, a: float) -> Cell:
    """The control of a cell: a random push has no sign, and where nothing is pushed it is the cell itself."""
    return ("random_direction" if s else "full", abs(s), a)


def _arms(cells: Sequence[Cell], config: RefineConfig, names: Checkpoints) -> list[Arm]:
    settings = [replace(config, method=method).at(s, a) for method, s, a in cells]
    return [arm_of(own, names) for own in settings]


def _blocks(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Cells of one method together, at most BLOCK at a time."""
    methods = dict.fromkeys(method for method, _, _ in cells)
    same = [[c for c in cells if c[0] == method] for method in methods]
    return [side[at : at + BLOCK] for side in same for at in range(0, len(side), BLOCK)]
