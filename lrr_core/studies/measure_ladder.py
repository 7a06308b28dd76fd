"""Where does refinement help at all? Every rung of a training as backbone, every pair of rungs as strong and weak.

    python -m lrr_core ladder --models assets/models/prosqa --out assets/ladder/prosqa.json

Settings are the set's defaults, chosen on validation problems; the problems here are others (`SEED`), and nothing may be
tuned on them. Each rung answers them plainly, with residual mixing, with the push under both readings of the references, and
with the controls; the pairs refine the rung the app opens on. The file is rewritten after every setting, and a second
start measures only what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ..benchmarks.catalogue import BENCHMARKS, Problem
from ..evaluation.arms import arm_of
from ..evaluation.engine import right_answers
from ..models.checkpoints import Checkpoints
from ..models.opened import ModelSet
from ..refinement.methods import FULL, METHODS
from ..refinement.trace import REFERENCES, RefineConfig
from .ladder import MEASURED, Asked, GainsError, Ladder

SEED = 8_000_001  # neither the validation seed nor one of the published tables
NODES, HOPS = (12, 15), (2, 3)
BATCH = 50


def rungs(models: ModelSet) -> list[str]:
    """Checkpoints in the order of training, the ladder first; weights that were met before are left out."""
    order = [m for m in models.thinkers() if m.startswith("ladder/")]
    order += [m for m in models.thinkers() if m not in order]
    first = {}
    for name in order:
        first.setdefault(models.hash(name), name)
    return list(first.values())


def plan(names: Sequence[str], opens_with: str, strong: str = "strong", weak: str = "weak") -> list[Asked]:
    """Every setting that is measured: first the rungs as backbones, then the pairs of rungs as references."""
    asked = []
    for rung in names:
        asked += [Asked(rung, method) for method in MEASURED if not METHODS[method].pushes]
        pushed = [method for method in MEASURED if METHODS[method].pushes]
        asked += [Asked(rung, method, reference, strong, weak) for reference in REFERENCES for method in pushed]
    return asked + [Asked(opens_with, FULL, r, s, w) for r in REFERENCES for s in names for w in names]


def measure(
    models: ModelSet,
    path: str | Path,
    config: RefineConfig,
    n: int = 1000,
    n_pairs: int = 300,
    seed: int = SEED,
    nodes: tuple[int, int] = NODES,
    hops: tuple[int, int] = HOPS,
    progress: Callable[[Asked, int, int], None] | None = None,
) -> Ladder:
    """Measure what `path` lacks and write it there after every setting; returns the whole.

    n: problems for the rungs, the first `n_pairs` of them for the pairs. progress: called as progress(setting, done, total).
    Raises GainsError where `path` holds a ladder of other problems, settings or weights.
    """
    if not 2 <= n_pairs <= n:
        raise GainsError(f"The pairs answer the first of the rungs' {n} problems: 2 to {n} of them, not {n_pairs}.")
    ladder = _started(models, Path(path), config, n, n_pairs, seed, nodes, hops)
    problems = BENCHMARKS[models.info.benchmark].generate("balanced", n, seed, nodes, hops)
    todo = plan(ladder.rungs, ladder.opens_with, ladder.strong, ladder.weak)
    for done, asked in enumerate(todo, 1):
        if asked not in ladder.answers:
            paired = (asked.strong, asked.weak) != (ladder.strong, ladder.weak) and asked.strong
            right = _answers(models, problems[: n_pairs if paired else n], asked, config)
            ladder = replace(ladder, answers=ladder.answers | {asked: right})
            ladder.save(path)
        if progress:
            progress(asked, done, len(todo))
    return ladder


def _answers(models: ModelSet, problems: Sequence[Problem], asked: Asked, config: RefineConfig):
    settings = replace(config, method=asked.method, reference=asked.reference or config.reference)
    names = Checkpoints(asked.backbone, asked.strong or "strong", asked.weak or "weak")
    return right_answers(models, problems, arm_of(settings, names), BATCH)


def _started(models, path: Path, config, n, n_pairs, seed, nodes, hops) -> Ladder:
    """The ladder at `path` if there is one and it is of the same kind, else an empty one."""
    names = rungs(models)
    by_hash = {models.hash(name): name for name in names}
    fresh = Ladder(
        rungs=tuple(names),
        strong="strong",
        weak="weak",
        opens_with=by_hash[models.hash(models.info.opens_with)],
        settings={k: v for k, v in asdict(config).items() if k not in ("method", "reference")},
        source={
            "generate": "balanced",
            "nodes": list(nodes),
            "hops": list(hops),
            "seed": seed,
            "n": n,
            "n_pairs": n_pairs,
        },
        chance=BENCHMARKS[models.info.benchmark].chance,
        identity=models.identity(*names, "strong", "weak"),
        answers={},
    )
    if not path.exists():
        return fresh
    old = Ladder.load(path)
    for what in ("source", "settings", "identity"):
        if getattr(old, what) != getattr(fresh, what):
            raise GainsError(
                f"{path} was measured with another {what} ({getattr(old, what)}, asked for {getattr(fresh, what)}); give "
                "another --out, or remove it to start again."
            )
    return replace(fresh, answers=old.answers)
