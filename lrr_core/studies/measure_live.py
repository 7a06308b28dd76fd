"""Computes the runs under a pad: every cell of one problem, batched, then a check of interpolation between the cells.

python -m lrr_core live        all example problems, both readings of the references -> assets/live/*.npz
pad = compute(models, problem, config, names, maps, progress)       any problem, in seconds
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..analysis.fitting import fit_background, own_labels
from ..analysis.projection import Map
from ..benchmarks.catalogue import Problem
from ..models.checkpoints import Checkpoints
from ..models.opened import ModelSet
from ..refinement.refine import Prompts, RefineError, Refiner, run_all
from ..refinement.trace import REFERENCES, RefineConfig, Run
from ..refinement.tracing import refine_problem
from . import live_pad as grid
from .live_pad import MIXES, STEPS, Pad

ROWS = 3 * len(MIXES)  # settings per batch: enough to be fast, few enough to show progress and to let others in between
CHECKED = 36  # settings between the cells that are compared with their exact runs


def runs_at(
    models: ModelSet,
    problem: Problem,
    config: RefineConfig,
    names: Checkpoints,
    settings: Sequence[tuple[float, float]],
    progress: Callable[[int], None] = lambda done: None,
) -> list[Run | None]:
    """The run at every (signed step size, mix), in order; None where it has no finite numbers. names: backbone, strong, weak."""
    found: list[Run | None] = []
    config = grid.setting(config, 0.0, 0.0)
    for start in range(0, len(settings), ROWS):
        part = settings[start : start + ROWS]
        with models.lock:  # per batch, so that other sessions get their turn
            prompts = Prompts.make(models, [problem])
            found += _batch(models, prompts, config, names, part)
        progress(len(found))
    return found


def _batch(models: ModelSet, prompts: Prompts, config: RefineConfig, names, settings) -> list[Run | None]:
    scales = tuple(zip(*settings, strict=True))
    try:
        return list(run_all(Refiner(models, prompts, config, names, scales=scales), decode=False))
    except RefineError:  # one setting that explodes stops its batch: find out which
        if len(settings) == 1:
            return [None]
        return [run for one in settings for run in _batch(models, prompts, config, names, [one])]


def compute(
    models: ModelSet,
    problem: Problem,
    config: RefineConfig,
    names: Checkpoints,
    maps: dict[str, Map],
    progress: Callable[[float], None] = lambda share: None,
    steps: Sequence[float] = STEPS,
    mixes: Sequence[float] = MIXES,
    checked: int = CHECKED,
) -> Pad:
    """A pad of any problem, with its `Gap` measured at `checked` settings (0: not at all). progress: share done, 0 to 1.

    config: thoughts, rounds, reference, gradient and momentum; its step size, mix, sign and method are those of the pad.
    """
    total = len(steps) * len(mixes) + checked
    base = refine_problem(models, problem, grid.setting(config, 0.0, 0.0), names, ())
    cells = [(i, j) for i in range(len(steps)) for j in range(len(mixes))]
    settings = [(float(steps[i]), float(mixes[j])) for i, j in cells]
    ran = runs_at(models, problem, config, names, settings, lambda done: progress(done / total))
    runs = {cell: run for cell, run in zip(cells, ran, strict=True) if run is not None}
    marks = grid.stamp(problem, models.identity(*dict.fromkeys(names))["members"], names, config, maps)
    pad = grid.build(steps, mixes, runs, base, maps, marks)
    if not checked:
        return pad
    places = grid.between_settings(pad, checked)
    ran = runs_at(models, problem, config, names, places, lambda done: progress((len(cells) + done) / total))
    exact = {place: run for place, run in zip(places, ran, strict=True) if run is not None}
    return replace(pad, gap=grid.measure_gap(pad, exact, problem.answer)) if exact else pad


def own_map(models: ModelSet, problem: Problem, config: RefineConfig, names: Checkpoints) -> Map:
    """A PCA of this problem's plain, strong and weak thoughts, for a set whose shared map is not there yet."""
    base = refine_problem(models, problem, grid.setting(config, 0.0, 0.0), names, ())
    runs = [base.runs[name] for name in grid.FIXED]
    states = np.concatenate([run.thoughts for run in runs])
    labels = own_labels([len(run.thoughts) for run in runs], [False] * len(runs))
    return fit_background(states, labels, {}, maps=("PCA",)).map("PCA", 2)


def ship(
    models: ModelSet,
    problems: Sequence[Problem],
    config: RefineConfig,
    names: Checkpoints,
    maps: dict[str, Map],
    folder: Path,
    say: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Write the pad of every problem, for both readings of the references, to `folder`; returns the files."""
    files = []
    for problem in problems:
        for reference in REFERENCES:
            pad = compute(models, problem, replace(config, reference=reference), names, maps)
            files.append(pad.save(folder / grid.file_name(problem, reference)))
            gap = pad.gap
            say(
                f"{files[-1].name}: {files[-1].stat().st_size / 1000:.0f} kB; between cells the margin is off by "
                f"{gap.median:.3f} nats in the median, {gap.worst:.2f} at worst; {gap.same} of {gap.count} answers are the same"
            )
    return files
