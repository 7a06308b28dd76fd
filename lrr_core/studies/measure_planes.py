"""The planes of the Regimes page, with both signs of the step, their controls, progress and a way to stop:

    plane, runs = problem_plane(models, problem, config, names)         one problem, every setting: seconds
    accuracy_plane(models, problems, config, names)                     many problems: minutes, kept on disk as it goes

Law (tested): a cell is what a run of its own gives; a stopped plane goes on where it was, and ends as if it had not been.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..benchmarks.catalogue import BENCHMARKS, Problem
from ..evaluation.evaluate import Stopped
from ..models.checkpoints import STANDARD, Checkpoints
from ..models.opened import ModelSet
from ..refinement.refine import Prompts, Refiner, run_all
from ..refinement.trace import RefineConfig, Run
from ..refinement.tracing import refine_problem
from ..storage import cache_folder, digest
from .accuracy_plane import AccuracyPlane
from .live_pad import MIXES, STEPS
from .setting_plane import Plane, RegimesError, measure, stamp


def right_answers(models, problems: Sequence[Problem], config: RefineConfig, names, batch_size: int) -> np.ndarray:
    """(n,) whether each problem is answered rightly under one setting."""
    out = []
    for at in range(0, len(problems), batch_size):
        part = problems[at : at + batch_size]
        runs = run_all(Refiner(models, Prompts.make(models, part), config, names, details=False), decode=False)
        out += [run.choice == p.answer for p, run in zip(part, runs, strict=True)]
    return np.array(out)


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
    # a random direction has no sign: one side is run, and where nothing is pushed it is the cell itself
    lengths = sorted({abs(s) for s in step_sizes} - {0.0})
    control = [("random_direction", s, a) for s in lengths for a in residuals]
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
        runs |= zip(part, _pass(models, [problem], part, config, names, tick, details), strict=True)
    random = [runs["random_direction" if s else "full", abs(s), a] for _, s, a in cells]
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
    marks = stamp(problems, identity["members"], names, config)
    kept = KeptAnswers(kept_answers(marks | {"identity": identity}, cache), len(problems))
    lengths = sorted({abs(s) for s in step_sizes} - {0.0})
    wanted: list[Cell] = [("coconut", 0.0, 0.0), ("zero_thoughts", 0.0, 0.0)]
    wanted += [("full", s, a) for s in sorted(step_sizes, key=abs) for a in residuals]
    wanted += [("random_direction", s, a) for s in lengths for a in residuals]
    total, done = len(wanted), len(wanted) - len(kept.missing(wanted))

    def so_far() -> AccuracyPlane:
        shape = len(step_sizes), len(residuals), len(problems)
        right, random = np.zeros(shape, bool), np.zeros(shape, bool)
        ran, random_ran = np.zeros(shape[:2], bool), np.zeros(shape[:2], bool)
        for i, s in enumerate(step_sizes):
            for j, a in enumerate(residuals):
                own, pushed = ("full", s, a), ("random_direction" if s else "full", abs(s), a)
                ran[i, j], random_ran[i, j] = own in kept.found, pushed in kept.found
                right[i, j], random[i, j] = kept.found.get(own, False), kept.found.get(pushed, False)
        return AccuracyPlane(
            step_sizes=np.asarray(step_sizes, float),
            residuals=np.asarray(residuals, float),
            right=right,
            done=ran,
            random_right=random,
            random_done=random_ran,
            plain=kept.found[wanted[0]],
            zero=kept.found[wanted[1]],
            chance=BENCHMARKS[models.info.benchmark].chance,
            source=source or {},
            stamp=marks,
            identity=identity,
        )

    def tick() -> None:
        if cancel():
            raise Stopped

    progress(done, total)
    for block in _blocks(kept.missing(wanted)):
        rows = np.zeros((len(problems), len(block)), bool)
        size = max(1, ROWS // len(block))
        for at in range(0, len(problems), size):
            part = problems[at : at + size]
            runs = iter(_pass(models, part, block, config, names, tick))
            rows[at : at + size] = [[next(runs).choice == p.answer for _ in block] for p in part]
            progress(done + len(block) * min(at + size, len(problems)) // len(problems), total)
        for cell, right in zip(block, rows.T, strict=True):
            kept.add(cell, right)
        done += len(block)
        if all(cell in kept.found for cell in wanted[:2]):
            partial(so_far())
    return so_far()


def _blocks(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Cells of one method together, at most BLOCK at a time."""
    methods = dict.fromkeys(method for method, _, _ in cells)
    same = [[c for c in cells if c[0] == method] for method in methods]
    return [side[at : at + BLOCK] for side in same for at in range(0, len(side), BLOCK)]


def _pass(models, problems, cells: Sequence[Cell], config, names, tick: Callable[[], None], details=False) -> list[Run]:
    """Every problem under every cell (all of one method), problem after problem; `tick` is called after every round."""
    _, steps, mixes = zip(*cells, strict=True)
    config = replace(config, method=cells[0][0])
    with models.lock:  # per pass, so that other sessions get their turn
        scales = steps * len(problems), mixes * len(problems)
        refiner = Refiner(models, Prompts.make(models, problems), config, names, details=details, scales=scales)
        for _ in refiner:
            tick()
        return refiner.runs(decode=False)


class KeptAnswers:
    """Right answers by cell in a file of one line a cell, which a stop or a second writer cannot spoil: a line that is cut
    short is left out when it is read. found: cell -> (n,) whether each problem was answered rightly."""

    def __init__(self, path: Path, n: int):
        self.path, self.n, self.found = path, n, {}
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        for line in lines:
            try:
                method, step, mix, bits = json.loads(line)
                row = np.unpackbits(np.frombuffer(bytes.fromhex(bits), np.uint8), count=n).astype(bool)
            except (ValueError, TypeError):
                continue
            self.found[method, float(step), float(mix)] = row

    def missing(self, cells: Sequence[Cell]) -> list[Cell]:
        return [cell for cell in cells if cell not in self.found]

    def add(self, cell: Cell, right: np.ndarray) -> None:
        """Keep a cell; where the file cannot be written it is kept for this process alone."""
        self.found[cell] = right
        line = json.dumps([*cell, np.packbits(right).tobytes().hex()])
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a") as file:
                file.write(f"\n{line}\n")  # begins a line of its own, whatever the last writer left
        except OSError:
            pass


def kept_answers(marks: dict, cache: Path | None = None) -> Path:
    """The cache's file for answers that are true of `marks`."""
    return (cache or cache_folder()) / f"accuracy-{digest(marks)}.jsonl"
