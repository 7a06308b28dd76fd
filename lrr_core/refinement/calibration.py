"""Calibrating TILR (arXiv 2606.29164): what strong and weak disagree about, on problems kept for this alone.

    subspace = calibrate(models, problems, config, names)         seconds: one plain rollout with references beside it
    ensure(models, names, "next")                                 the set's or the cache's; made and kept where there is none

Every thought of the *plain* rollout of every problem gives one difference δ = g - b, read as in the first round of a run that
pushes nothing; no answer is looked at. `subspace.fit` turns them into the subspace, `refine` keeps its steps in it.

The calibration problems of the shipped set are generated from a seed of their own, so that none is among the validation
problems (seed 7,000,001), those of the ladder and the planes (8,000,001 and 9,000,001) or those a report draws (from 0).

Law (tested): the same problems in other batches give the same subspace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..benchmarks.catalogue import BENCHMARKS, Problem
from ..models.checkpoints import STANDARD, Checkpoints
from ..models.folder import ModelError, NotCalibrated
from ..models.opened import ModelSet
from .refine import Prompts, Refiner, run_all
from .subspace import ENERGY, Subspace, fit
from .trace import RefineConfig

LIMIT, SEED, NODES, HOPS = 200, 6_000_001, (12, 15), (2, 3)  # the calibration problems, where none are given
BATCH = 64


def calibration_problems(
    benchmark: str,
    limit: int = LIMIT,
    seed: int = SEED,
    nodes: tuple[int, int] | None = NODES,
    hops: tuple[int, int] | None = HOPS,
    kind: str = "balanced",
) -> tuple[list[Problem], dict]:
    """Generated problems, and how they were made, for the record. ModelError for a benchmark that cannot generate any."""
    if BENCHMARKS[benchmark].maker is None:
        raise ModelError(f"{benchmark} cannot generate problems; calibrate with --data FILE.")
    source = {"generate": kind, "seed": seed, "nodes": nodes and list(nodes), "hops": hops and list(hops)}
    return BENCHMARKS[benchmark].generate(kind, limit, seed, nodes, hops), source


def differences(
    models: ModelSet,
    problems: Sequence[Problem],
    config: RefineConfig,
    names: Checkpoints,
    batch_size: int = BATCH,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """(n, T, D) δ = g - b at every plain thought of n problems; config gives thoughts and the reading of the references."""
    plain = replace(config, method="coconut", rounds=1)
    found = []
    for at in range(0, len(problems), batch_size):
        part = problems[at : at + batch_size]
        with models.lock:  # per batch, so that a page can run in between
            refiner = Refiner(models, Prompts.make(models, part), plain, names, observe=True, details=False)
            found += [run.strong[:, 0] - run.weak[:, 0] for run in run_all(refiner, decode=False)]
        progress(len(found), len(problems))
    return np.stack(found)


def calibrate(
    models: ModelSet,
    problems: Sequence[Problem],
    config: RefineConfig,
    names: Checkpoints = STANDARD,
    energy: float = ENERGY,
    batch_size: int = BATCH,
    source: dict | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Subspace:
    """The subspace of `config.reference` for (backbone, strong, weak); source: where the problems come from, for the record.

    progress: called as progress(done, total) in problems. Raises ModelError without problems or thoughts, SubspaceError for an
    energy out of range.
    """
    if not problems:
        raise ModelError("There is no problem to calibrate on; raise --limit or give another file.")
    if not config.thoughts:
        raise ModelError("A calibration needs at least one thought; raise --thoughts.")
    deltas = differences(models, problems, config, names, batch_size, progress)
    return fit(
        deltas.reshape(-1, deltas.shape[-1]),
        energy,
        reference=config.reference,
        names=names._asdict(),
        members=names.by_role(models.hash),
        problems=(source or {}) | {"n": len(problems), "thoughts": config.thoughts},
    )


def ensure(
    models: ModelSet,
    names: Checkpoints,
    reference: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Subspace:
    """The calibration for these checkpoints and this reading; where there is none it is made from generated problems and kept
    in the user's cache folder. ModelError where the benchmark cannot generate any."""
    try:
        return models.subspace(names, reference)
    except NotCalibrated as error:
        if BENCHMARKS[models.info.benchmark].maker is None:
            raise error
        problems, source = calibration_problems(models.info.benchmark)
        config = RefineConfig(thoughts=models.info.thoughts, reference=reference)
        found = calibrate(models, problems, config, names, source=source, progress=progress)
        try:
            found.save(models.kept_subspace(names, reference))
        except OSError as trouble:
            raise ModelError(f"{error} It could not be kept in the cache folder ({trouble}).") from trouble
        return found
