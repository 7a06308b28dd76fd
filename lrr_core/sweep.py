"""The whole surface over (step size, residual mix, reference) on validation problems, also where refinement does not help.

    python -m lrr_core sweep --nodes 12-15 --hops 2-3 --limit 400 --seed 7000001 --out surface.json

A setting is chosen here and *reported* elsewhere: give `evaluate` another seed, or its best point flatters itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np

from .metrics import paired_difference, wilson
from .models import ModelSet
from .problems import Problem
from .refine import Prompts, Refiner, run_all
from .trace import RefineConfig

STEP_SIZES = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)
RESIDUALS = (0.0, 0.05, 0.1, 0.2, 0.4)


def right_answers(models, problems: Sequence[Problem], config: RefineConfig, names, batch_size: int) -> np.ndarray:
    """(n,) whether each problem is answered rightly under one setting."""
    out = []
    for at in range(0, len(problems), batch_size):
        part = problems[at : at + batch_size]
        runs = run_all(Refiner(models, Prompts.make(models, part), config, names, details=False), decode=False)
        out += [run.choice == p.answer for p, run in zip(part, runs, strict=True)]
    return np.array(out)


def sweep(
    models: ModelSet,
    problems: Sequence[Problem],
    config: RefineConfig,
    names: tuple[str, str, str],
    step_sizes: Sequence[float] = STEP_SIZES,
    residuals: Sequence[float] = RESIDUALS,
    references: Sequence[str] = ("next", "same"),
    batch_size: int = 100,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Accuracy at every setting, paired against the plain run.

    Returns `plain`, `points` (one row a setting: step_size, residual, reference, method, accuracy, ci95, points, gained,
    lost) and `chosen`: the most accurate setting that refines; among equals the smallest step, then the smallest mix.
    Where s = 0 no reference is asked for, so those settings are run once.
    """
    plain = right_answers(models, problems, replace(config, method="coconut"), names, batch_size)
    grid = [(s, a, r) for r in references for a in residuals for s in step_sizes if s > 0]
    grid += [(0.0, a, references[0]) for a in residuals if a > 0 and 0.0 in step_sizes]
    rows = []
    for i, (s, a, reference) in enumerate(grid):
        method = "residual" if s == 0 else "contrast" if a == 0 else "full"
        setting = replace(config, method=method, step_size=s, residual=a, reference=reference)
        right = right_answers(models, problems, setting, names, batch_size)
        difference = paired_difference(right, plain)
        rows.append(
            {
                "step_size": s,
                "residual": a,
                "reference": reference if s else None,
                "method": method,
                "accuracy": float(right.mean()),
                "ci95": list(wilson(int(right.sum()), len(right))),
                **{k: difference[k] for k in ("points", "ci95", "p_value", "gained", "lost") if k != "ci95"},
                "points_ci95": difference["ci95"],
            }
        )
        if progress:
            progress(i + 1, len(grid))
    chosen = max(rows, key=lambda r: (r["accuracy"], -r["step_size"], -r["residual"]))
    return {
        "n": len(problems),
        "plain": {"accuracy": float(plain.mean()), "ci95": list(wilson(int(plain.sum()), len(plain)))},
        "config": asdict(config) | {"backbone": names[0], "strong": names[1], "weak": names[2]},
        "identity": models.identity(*dict.fromkeys(names)),
        "points": rows,
        "chosen": {k: chosen[k] for k in ("step_size", "residual", "reference", "method", "accuracy", "points")},
    }
