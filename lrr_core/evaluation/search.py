"""Tuning without cheating: settings are chosen on one set of problems and reported on another.

    python -m lrr_core sweep --nodes 12-15 --hops 2-3 --limit 400 --seed 7000001 --out surface.json
    python -m lrr_core evaluate --generate balanced ... --tuned surface.json --out report.json

The *surface* is every setting that was tried, also where refinement does not help, with the fingerprints of the problems it
was tried on. `check_apart` refuses a report on any of them: the best of many settings flatters itself.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..benchmarks.task import Problem
from ..models.checkpoints import STANDARD, Checkpoints
from ..models.folder import ModelError
from ..models.opened import ModelSet
from ..refinement.methods import PLAIN
from ..refinement.trace import REFERENCES, ConfigError, RefineConfig
from .answer_log import fingerprint
from .arms import parse
from .evaluate import evaluate
from .report import ArmResult, Report

FORMAT = 2
KEYS = ("step_size", "residual", "rounds", "thoughts", "reference")


@dataclass(frozen=True)
class Axes:
    """What is searched: the values of every setting. Empty rounds or thoughts: those of the configuration alone."""

    step_size: tuple[float, ...] = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)
    residual: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2, 0.4)
    rounds: tuple[int, ...] = ()
    thoughts: tuple[int, ...] = ()
    reference: tuple[str, ...] = tuple(REFERENCES)

    def __post_init__(self):
        for name in ("step_size", "residual", "reference"):
            if not getattr(self, name):
                raise ConfigError(f"No value of {name} to search; give at least one.")

    def grid(self, config: RefineConfig) -> list[str]:
        """The label of every setting that refines, each once: without a push no reference and no number of rounds matters."""
        labels = []
        values = (self.thoughts or (config.thoughts,), self.rounds or (config.rounds,), self.reference)
        for t, k, r, a, s in itertools.product(*values, self.residual, self.step_size):
            method = ("full" if a else "contrast") if s else "residual"
            if not s and not a:
                continue
            push = f"@{r}@s={s:g}@k={k}" if s else ""
            mix = f"@a={a:g}" if a else ""
            labels.append(f"{method}{push}{mix}@t={t}")
        return list(dict.fromkeys(labels))


def search(
    models: ModelSet,
    problems: Sequence[Problem],
    config: RefineConfig,
    names: Checkpoints = STANDARD,
    axes: Axes | None = None,
    draw: int = 0,
    seed: int = 0,
    batch_size: int = 100,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
    kept: Path | None = None,
    source: dict | None = None,
) -> dict:
    """The accuracy of every setting, paired with plain thoughts of the same number, and the setting that is chosen.

    axes: what is searched, by default `Axes()`; draw: so many settings of the grid at random (0: all of it), by `seed`;
    kept: as in `evaluate`. Returns `n`, `plain` (by number of thoughts), `points` (a row a setting), `chosen`: the most accurate
    setting that refines; among equals the smallest step, then the smallest mix, fewest rounds and thoughts; and `problems`,
    the fingerprints of what it was chosen on.
    """
    axes = axes or Axes()
    labels = axes.grid(config)
    if not labels:
        raise ConfigError(
            "Every setting that was given leaves thoughts alone; give a step size or a residual mix above 0."
        )
    if draw:
        picked = np.random.default_rng(seed).permutation(len(labels))[:draw]
        labels = [labels[i] for i in sorted(picked)]
    plain = [f"{PLAIN}@t={t}" for t in axes.thoughts or (config.thoughts,)]
    tools = {"progress": progress, "kept": kept, "source": source}
    report = evaluate(models, problems, [*plain, *labels], config, names, batch_size, **tools)
    rows = [_point(report, label, config, names) for label in labels]
    order = lambda r: (r["accuracy"], -r["step_size"], -r["residual"], -r["rounds"], -r["thoughts"])  # noqa: E731
    chosen = max(rows, key=order)
    return {
        "format": FORMAT,
        "what": "surface",
        "benchmark": report.benchmark,
        "n": report.n,
        "chance": report.chance,
        "source": report.source,
        "search": {"of": len(axes.grid(config)), "tried": len(rows), "how": "random" if draw else "grid", "seed": seed},
        "config": report.config,
        "identity": report.identity,
        "plain": {label: _score(report.methods[label]) for label in plain},
        "points": rows,
        "chosen": {k: chosen[k] for k in (*KEYS, "method", "accuracy", "points")},
        "problems": sorted(map(fingerprint, problems)),
    }


def _score(arm: ArmResult) -> dict:
    return {"accuracy": arm.accuracy, "ci95": list(arm.ci95)}


def _point(report: Report, label: str, config: RefineConfig, names: Checkpoints) -> dict:
    """One setting of the surface. reference: None where nothing is pushed, since it then plays no part."""
    arm, found = parse(label, config, names), report.comparisons[label]
    pushed, mixed = arm.config.rule.pushes, arm.config.rule.mixes
    return {
        "step_size": arm.config.step_size if pushed else 0.0,
        "residual": arm.config.residual if mixed else 0.0,
        "rounds": arm.config.rounds,
        "thoughts": arm.config.thoughts,
        "reference": arm.config.reference if pushed else None,
        "method": arm.method,
        **_score(report.methods[label]),
        "points_ci95": list(found.ci95),
        **found.model_dump(exclude={"ci95"}),
    }


# --- using what was chosen --------------------------------------------------------------------------------------------


def load(path: Path) -> dict:
    """A surface; ConfigError for a file that is none."""
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"There is no surface at {path}; make one with `python -m lrr_core sweep --out`.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path} is not JSON ({error}); make it again with `sweep --out`.") from error
    if not isinstance(data, dict) or data.get("what") != "surface" or data.get("format") != FORMAT:
        raise ConfigError(f"{path} is no surface of format {FORMAT}; make one with `python -m lrr_core sweep --out`.")
    return data


def chosen_settings(surface: Mapping) -> dict:
    """The chosen setting as fields of RefineConfig."""
    chosen = {key: surface["chosen"][key] for key in KEYS}
    return {key: value for key, value in chosen.items() if value is not None}


def check_apart(surface: Mapping, problems: Sequence[Problem]) -> None:
    """Raise ModelError where a problem to be reported on is one the setting was chosen on."""
    known = set(surface["problems"])
    if both := [p.id for p in problems if fingerprint(p) in known]:
        source = surface["source"]
        raise ModelError(
            f"{len(both)} of these {len(problems)} problems ({', '.join(both[:3])}{', …' if len(both) > 3 else ''}) are those the "
            f"setting was chosen on ({described(source)}); report on other problems: another file, another part of it, or "
            "another seed."
        )


def described(source: Mapping) -> str:
    """Where problems came from, in words."""
    if source.get("data"):
        return f"the file {source['data']}"
    sizes = [f"{source[key]} {key}" for key in ("nodes", "hops") if source.get(key)]
    return ", ".join([f"generated, {source.get('generate')}", *sizes, f"seed {source.get('seed')}"])


def tuning(surface: Mapping, file: str) -> dict:
    """What a report says of how its setting was chosen."""
    return {
        "file": file,
        "chosen_on": described(surface["source"]),
        "n": surface["n"],
        "tried": surface["search"]["tried"],
        "setting": chosen_settings(surface),
        "accuracy_there": surface["chosen"]["accuracy"],
        "backbone": surface["config"]["backbone"],
    }
