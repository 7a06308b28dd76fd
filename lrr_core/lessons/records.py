"""The stored measurements of the Learn page, counted with their intervals.

    cases = load_cases("assets/lessons/answers.json")
    cases["middle-next"].rate("full", n=200)                      -> Rate: 0.885, 0.833 to 0.922 of 200
    cases["middle-next"].difference("full", "random_direction")   -> PairedDifference, paired on the same problems

A `Case` keeps right and wrong for every problem, so any number on the page can be counted again for any n.
`lesson_measurements` makes the files; what is measured live comes from a `Trace`, and `lesson_laws` holds what is drawn of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from ..analysis.statistics import PairedDifference, paired_difference, unpack, wilson
from ..models.checkpoints import Checkpoints

FORMAT = 1
REMAKE = "measure it again with `python -m lrr_core.lessons.measure`"


class LessonError(ValueError):
    """A stored measurement that cannot be shown; the message says what came and the fix."""


# --- right and wrong, counted -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rate:
    """A share of right answers: correct of n, and the 95 % Wilson interval (fractions)."""

    correct: int
    n: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.correct / self.n

    def text(self) -> str:
        return f"{self.share:.1%} ({100 * self.low:.1f}–{100 * self.high:.1f})"


@dataclass(frozen=True)
class Case:
    """One set of problems under one setting. right: method -> (n,) whether each problem was answered rightly, problems in
    one order throughout, so that methods are paired. config: of RefineConfig; checkpoints: (backbone, strong, weak);
    problems: how they were drawn; identity: weights and versions."""

    name: str
    problems: Mapping
    config: Mapping
    checkpoints: Checkpoints
    identity: Mapping
    right: Mapping[str, np.ndarray]

    def __post_init__(self):
        if wrong := [m for m, r in self.right.items() if r.shape != (self.n,)]:
            raise LessonError(
                f"{self.name}: {', '.join(wrong)} lacks answers to some of the {self.n} problems; {REMAKE}."
            )

    @property
    def n(self) -> int:
        return self.problems["n"]

    def rate(self, method: str, n: int | None = None) -> Rate:
        """Right answers of `method` on the first n problems (all by default)."""
        counted = self._first(method, n)
        low, high = wilson(int(counted.sum()), len(counted))
        return Rate(int(counted.sum()), len(counted), low, high)

    def difference(self, a: str, b: str, n: int | None = None) -> PairedDifference:
        """Accuracy of a minus accuracy of b on the first n problems."""
        return paired_difference(self._first(a, n), self._first(b, n))

    def fits(self, weights: Mapping[str, str]) -> bool:
        """Whether it was measured with these weights (member -> hash)."""
        members = self.identity["members"]
        return all(weights.get(name) == hash for name, hash in members.items())

    def _first(self, method: str, n: int | None) -> np.ndarray:
        if method not in self.right:
            raise LessonError(f"{self.name} has no {method!r}; it has {', '.join(self.right)}.")
        if n is not None and not 1 <= n <= self.n:
            raise LessonError(f"{self.name} has {self.n} problems; n must lie between 1 and that, not {n}.")
        return self.right[method][:n]


def described(case: Case) -> str:
    """Where a case's numbers come from, in words: problems, size, which checkpoint."""
    where, n = case.problems, f"{case.n:,}"
    if "file" in where:
        drawn = f"{n} released problems ({where['file']})"
    else:
        (few, many), (near, far) = where["nodes"], where["hops"]
        drawn = f"{n} fresh balanced problems of {few}–{many} nodes, {near} or {far} hops"
    backbone = case.checkpoints[0]
    return f"{drawn}; checkpoint {backbone.removeprefix('ladder/')}, weights {case.identity['members'][backbone][:8]}"


def described_setting(case: Case) -> str:
    """The setting of a case that mixes and pushes, in a few words."""
    c = case.config
    return f"{c['reference']}: s = {c['step_size']:g}, α = {c['residual']:g}"


def load_cases(path: str | Path) -> dict[str, Case]:
    """The cases of a file, by name. LessonError where there is none or it is no such file."""
    data = _read(path, "answers")
    try:
        return {
            c["name"]: Case(
                **{k: c[k] for k in ("name", "problems", "config", "identity")},
                checkpoints=Checkpoints(*c["checkpoints"]),
                right={method: unpack(packed["hex"], packed["n"]) for method, packed in c["right"].items()},
            )
            for c in data["cases"]
        }
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, LessonError):
            raise
        raise LessonError(f"{path} is not complete ({error!r}); {REMAKE}.") from error


def _read(path: str | Path, what: str) -> dict:
    try:
        data = json.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise LessonError(f"{path} cannot be read ({error}); {REMAKE}.") from error
    if not isinstance(data, dict) or (data.get("format"), data.get("what")) != (FORMAT, what):
        raise LessonError(f"{path} does not hold {what} of format {FORMAT}; {REMAKE}.")
    return data


def after(alpha: float, thoughts: int) -> str:
    """The name under which a case keeps residual mixing at α with that many thoughts before the answer."""
    return f"{alpha:g}@{thoughts}"


# --- maps -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MapMoves:
    """How far points move on the maps, for (n) thoughts of fresh problems, in % of the map's width.

    noise: length of a random nudge as a share of the thought's; step: s of one push; refit: how far the UMAP that was fitted
    once more lies from the shipped one, as a share of its width; real: (n) true length of the push in % of ‖h‖;
    shaken: (n) movement by the nudge, under "transform" (UMAP's own), "UMAP" and "PCA" (as placed by this app);
    pushed: (n) movement by the push, per map.
    """

    noise: float
    step: float
    refit: float
    real: np.ndarray
    shaken: Mapping[str, np.ndarray]
    pushed: Mapping[str, np.ndarray]
    problems: Mapping
    identity: Mapping

    def __post_init__(self):
        sizes = {len(v) for v in (self.real, *self.shaken.values(), *self.pushed.values())}
        if len(sizes) != 1:
            raise LessonError(
                f"The movements on the maps are of {sorted(sizes)} thoughts, not of the same ones; {REMAKE}."
            )

    @cached_property
    def jitter(self) -> float:
        """Median movement by the nudge under UMAP's own transform, in % of the map's width."""
        return float(np.median(self.shaken["transform"]))

    @cached_property
    def typical(self) -> float:
        """Median true length of the push, in % of ‖h‖."""
        return float(np.median(self.real))

    @cached_property
    def stuck(self) -> float:
        """Share of real pushes that move less than 0.1 % of the UMAP's width."""
        return float((np.asarray(self.pushed["UMAP"]) < 0.1).mean())

    def fits(self, weights: Mapping[str, str]) -> bool:
        """Whether it was measured with these weights (member -> hash)."""
        return all(weights.get(name) == hash for name, hash in self.identity["members"].items())


def load_moves(path: str | Path) -> MapMoves:
    data = _read(path, "maps")
    try:
        values = {f.name: data[f.name] for f in fields(MapMoves)}
    except KeyError as error:
        raise LessonError(f"{path} lacks {error}; {REMAKE}.") from error
    values["real"] = np.array(values["real"])
    for name in ("shaken", "pushed"):
        values[name] = {k: np.array(v) for k, v in values[name].items()}
    return MapMoves(**values)
