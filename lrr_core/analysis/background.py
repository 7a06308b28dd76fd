"""The background of the maps: trajectories of thoughts collected from a model set, the states every map is fitted on.

A placed point can only go where the background has been, so the background is made of what the page will show: thoughts
of all steps, two beyond what the set is meant to have; plain and refined with several α, s and both references; single
rounds; of the backbones, strong, weak and rungs of the ladder; on fresh problems of the set's sizes.

    python -m lrr_core map --models DIR        builds DIR/background.npz
    ensure(models, cache)                      what is shipped or kept for these weights, else builds and keeps it
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..benchmarks.catalogue import BENCHMARKS, Problem
from ..models.checkpoints import STANDARD, Checkpoints
from ..models.opened import ModelSet
from ..models.shipped import cached_background, find_background
from ..refinement.refine import Prompts, Refiner, run_all
from ..refinement.trace import RefineConfig
from .fitting import MAPS, fit_background
from .projection import MOST, Background, Labels, ProjectionError

SIZES = (((12, 15), (2, 3)), ((14, 28), (3, 4)))  # nodes, hops: half of the problems each
PROBLEMS = 500  # many, with few trajectories each: neighbours should be other problems
FRESH = 30  # problems that are only placed, to measure how good placing is
BEYOND = 2  # thoughts more than the set is meant to have, because the slider allows them
RUNGS = 3  # checkpoints of the ladder that are shown, evenly spread
BATCH = 50
REFINED = (
    RefineConfig("full", 0.1, 0.1, 1, reference="same"),
    RefineConfig("full", 0.3, 0.3, 1, reference="next"),
    RefineConfig("full", 0.6, 0.1, 1, reference="same"),
    RefineConfig("full", 1.0, 0.3, 1, reference="next"),
    RefineConfig("residual", 0.0, 0.2, 1),
    RefineConfig("residual", 0.0, 0.6, 1),
    RefineConfig("contrast", 0.2, 0.0, 3, reference="next"),
    RefineConfig("contrast", 0.3, 0.0, 3, reference="same"),
)


def build(
    models: ModelSet,
    seed: int = 0,
    problems: Sequence[Problem] | None = None,
    maps: Sequence[str] = tuple(MAPS),
    progress: Callable[[str], None] = lambda text: None,
) -> Background:
    """Collect and fit: about three minutes on two busy cores. `problems`: in place of generated ones; a tenth is only placed."""
    problems = _problems(models, seed) if problems is None else list(problems)
    if not problems:
        raise ProjectionError("A background needs problems; none were given.")
    spared = min(FRESH, len(problems) // 10)
    fresh, problems = problems[:spared], problems[spared:]
    progress(f"thoughts of up to {len(problems)} problems")
    kinds = _kinds(models)
    states, labels = collect(models, problems, kinds)
    placed = collect(models, fresh, [k for k in kinds if k[1][0] == kinds[0][1][0]])[0] if fresh else None
    shown = {"problems": len(np.unique(labels.problem)), "trajectories": [_words(*kind) for kind in kinds]}
    return fit_background(
        states, labels, models.identity(*models.thinkers()) | {"collected": shown}, seed, maps, placed, progress
    )


def ensure(
    models: ModelSet,
    cache: Path | None = None,
    progress: Callable[[str], None] = lambda text: None,
    problems: Sequence[Problem] | None = None,
) -> Background:
    """What `shipped` finds, or build and keep in the cache folder (where that can be written). Slow: call it in a thread.
    problems: in place of generated ones."""
    background = find_background(models, cache)
    if background is None:
        background = build(models, problems=problems, progress=progress)
        try:
            background.save(cached_background(models, cache))
        except OSError as error:
            progress(f"the map could not be kept for next time ({error})")
    return background


def collect(
    models: ModelSet, problems: Sequence[Problem], kinds: Sequence[tuple[RefineConfig, Checkpoints]]
) -> tuple[np.ndarray, Labels]:
    """At most MOST states (N, D) and their labels: problem after problem, each with the next kind of trajectory in turn.

    When all problems have one trajectory they get a second of another kind, and so on until MOST is reached.
    """
    turns: list[list[int]] = [[] for _ in kinds]
    left = MOST
    for i in range(len(problems) * len(kinds)):
        lap, p = divmod(i, len(problems))
        kind = (p + lap) % len(kinds)
        left -= _length(kinds[kind][0])
        if left < 0:
            break
        turns[kind].append(p)
    found: list[tuple[int, int, np.ndarray]] = []
    for j, ((config, names), chosen) in enumerate(zip(kinds, turns, strict=True)):
        for start in range(0, len(chosen), BATCH):
            part = chosen[start : start + BATCH]
            with models.lock:  # per batch, so that a page can run in between
                prompts = Prompts.make(models, [problems[p] for p in part])
                runs = run_all(Refiner(models, prompts, config, names, details=False), decode=False)
            found += [(p, j, _kept(run.states)) for p, run in zip(part, runs, strict=True)]
    found.sort(key=lambda f: f[:2])
    lengths = [len(states) for _, _, states in found]
    labels = Labels(
        thought=np.concatenate([_thoughts(len(states), kinds[j][0]) for _, j, states in found]),
        kind=np.repeat([int(not kinds[j][0].rule.plain) for _, j, _ in found], lengths),
        member=np.repeat([kinds[j][1][0] for _, j, _ in found], lengths),
        trajectory=np.repeat(np.arange(len(found)), lengths),
        problem=np.repeat([p for p, _, _ in found], lengths),
    )
    return np.concatenate([states for _, _, states in found]), labels


def _kept(states: np.ndarray) -> np.ndarray:
    """(T, K+1, D) -> the states of one trajectory (n, D): every round where there are several, else what was fed."""
    kept = states if states.shape[1] > 2 else states[:, -1:]
    return kept.reshape(-1, states.shape[-1])


def _thoughts(count: int, config: RefineConfig) -> np.ndarray:
    """(n,) which thought, 1 ... T, each of `count` states belongs to."""
    return np.arange(count) // (count // config.thoughts) + 1


def _length(config: RefineConfig) -> int:
    return config.thoughts * (config.rounds + 1 if config.rounds > 1 else 1)


def _problems(models: ModelSet, seed: int) -> list[Problem]:
    make = BENCHMARKS[models.info.benchmark].generate
    count = PROBLEMS // len(SIZES)
    made = [
        p for j, (nodes, hops) in enumerate(SIZES) for p in make("balanced", count, 7919 * (seed + 1) + j, nodes, hops)
    ]
    return [made[i] for i in np.random.default_rng(seed).permutation(len(made))]  # so that every kind meets every size


def _kinds(models: ModelSet) -> list[tuple[RefineConfig, Checkpoints]]:
    """Settings and (backbone, strong, weak); the first is the plain run of the backbone the app opens on."""
    thoughts = models.info.thoughts + BEYOND
    opens = models.info.opens_with if models.info.opens_with in models.members else "backbone"
    ladder = [name for name in models.members if name.startswith("ladder/") and name != opens]
    rungs = [ladder[i] for i in np.linspace(0, len(ladder) - 1, min(RUNGS, len(ladder))).round().astype(int)]
    plain = RefineConfig("coconut", thoughts=thoughts)
    kinds = [(plain, STANDARD.alone(name)) for name in dict.fromkeys([opens, "backbone", "strong", "weak", *rungs])]
    mains = list(dict.fromkeys([opens, "backbone"]))
    for i, config in enumerate(REFINED):  # half of them on each, and either reading of the references on both
        kinds.append((replace(config, thoughts=thoughts), STANDARD.alone(mains[i // 2 % len(mains)])))
    return kinds


def _words(config: RefineConfig, names: Checkpoints) -> str:
    if config.rule.plain:
        return f"{names[0]}, plain"
    return (
        f"{names[0]}, {config.method}: s = {config.step_size:g}, α = {config.residual:g}, "
        f"rounds = {config.rounds}, reference = {config.reference}"
    )
