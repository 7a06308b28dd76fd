"""The paper's experiments as lists of arms: what is compared with what, for any model set. Text only, no torch.

    EXPERIMENTS["ablation"].labels(folder)  ->  ("coconut", "residual", "contrast@next", ...)

`evaluate --experiment main,ablation` runs them and the Benchmark page offers them; every arm's label says its setting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..models.folder import ModelFolder
from ..refinement.methods import BASELINES, FULL, PLAIN, RANDOM, RESIDUAL, ZERO, controls, methods
from ..refinement.trace import REFERENCES

STEP_SIZES = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)  # of the sensitivity experiment
RESIDUALS = (0.0, 0.1, 0.2, 0.4, 0.7)


@dataclass(frozen=True)
class Experiment:
    """title: its name on a page; words: the question it answers; labels: the arms for a model set."""

    title: str
    words: str
    labels: Callable[[ModelFolder], tuple[str, ...]]


def _text(folder: ModelFolder) -> tuple[str, ...]:
    return tuple(name for name in BASELINES if name in folder.members)


def _main(folder: ModelFolder) -> tuple[str, ...]:
    return (*_text(folder), PLAIN, FULL, ZERO, RANDOM)


def _ablation(folder: ModelFolder) -> tuple[str, ...]:
    pushed = [f"{key}@{reference}" for key, rule in methods().items() if rule.pushes for reference in REFERENCES]
    return (PLAIN, RESIDUAL, *pushed)


def _controls(folder: ModelFolder) -> tuple[str, ...]:
    return (PLAIN, FULL, *controls())


def _sensitivity(folder: ModelFolder) -> tuple[str, ...]:
    grid = [f"full@{r}@s={s:g}@a={a:g}" for r in REFERENCES for a in RESIDUALS for s in STEP_SIZES if s]
    return (PLAIN, *(f"full@next@s=0@a={a:g}" for a in RESIDUALS if a), *grid)


def _rungs(folder: ModelFolder) -> list[str]:
    """Checkpoints of one training, in its order; without a ladder the two that are known to lie on it."""
    return [name for name in folder.thinkers() if name.startswith("ladder/")] or ["weak", "strong"]


def _backbones(folder: ModelFolder) -> tuple[str, ...]:
    rungs = _rungs(folder)
    methods = (PLAIN, "full@next", "full@same", RANDOM)
    return tuple(f"{method}@backbone={rung}" for rung in rungs for method in methods)


def _tokens(folder: ModelFolder) -> tuple[str, ...]:
    counts = [f"{PLAIN}@t={t}" for t in range(folder.info.thoughts)]
    return (*_text(folder), PLAIN, *counts, FULL)


def _more_training(folder: ModelFolder) -> tuple[str, ...]:
    rungs = _rungs(folder)
    start = rungs.index(folder.info.opens_with) if folder.info.opens_with in rungs else max(len(rungs) // 2 - 1, 0)
    methods = (PLAIN, "full@next", "full@same")
    return tuple(f"{method}@backbone={rung}" for rung in rungs[start:] for method in methods)


EXPERIMENTS: dict[str, Experiment] = {
    "main": Experiment("Main table", "No reasoning, text, plain thoughts, refined thoughts.", _main),
    "ablation": Experiment(
        "Ablation", "Residual mixing, contrast, both and TILR, each with both readings of the references.", _ablation
    ),
    "controls": Experiment("Controls", "Is it the direction, or would any push, or any thought, do?", _controls),
    "sensitivity": Experiment("Sensitivity", "Accuracy over step size and residual mix.", _sensitivity),
    "backbones": Experiment("Backbones", "Every checkpoint of the ladder as the model that thinks.", _backbones),
    "tokens": Experiment(
        "Token efficiency", "What text and thoughts cost, and what fewer thoughts would give.", _tokens
    ),
    "more_training": Experiment(
        "More training instead",
        "Refinement at inference, further training, and both: the paper's second question.",
        _more_training,
    ),
}
