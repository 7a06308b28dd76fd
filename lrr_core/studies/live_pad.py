"""The pad that a dragged point moves over: one problem's exact runs at a grid of (step size, residual mix).

    pad = build(STEPS, MIXES, runs, base, maps, marks)     runs: (i, j) -> Run with STEPS[i], MIXES[j]
    pad.at(0.13, 0.27)                                     the run there, interpolated between the four around it
    Pad.load(path, stamp(problem, ...))                    refuses a pad of other weights, another problem, another map

Step sizes are signed: below zero the sign of the published equation is used, which moves away from strong. Between grid
points everything that is drawn is interpolated linearly along both axes, in the coordinates of the pad: answers as
log-probabilities, never as labels. Laws (tests): at a grid point the interpolation is the exact run; it is continuous and
never leaves the range of its four corners; the axis is odd, rises, and its inverse returns where it came from.

An interpolated picture is not a run: between two grid points the answer may flip elsewhere, or twice. `measure_gap` says by how
much it was off where it was looked at.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from ..analysis.curves import candidate_probability, curves, margin
from ..analysis.projection import Map
from ..benchmarks.catalogue import Problem
from ..models.checkpoints import Checkpoints
from ..refinement.methods import FULL
from ..refinement.trace import RefineConfig, Run, Trace
from ..storage import digest, read_npz, save_npz

FORMAT = 1
UPWARD = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.4, 2.0)
STEPS = (*(-s for s in reversed(UPWARD)), 0.0, *UPWARD)  # signed step sizes s
MIXES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # residual mixes α
KNEE = 0.1  # step size up to which the axis is about linear, beyond it logarithmic
FIXED = ("plain", "strong", "weak")  # runs that no dragging moves
SETTINGS = ("thoughts", "rounds", "reference", "gradient", "momentum")  # what a pad holds fixed


class LiveError(ValueError):
    """A pad that cannot be made or read; the message says what came and the fix."""


def to_axis(step: float | np.ndarray, top: float = STEPS[-1]) -> np.ndarray:
    """Signed step size in [-top, top] -> place on the axis in [-1, 1]: about linear up to KNEE, logarithmic beyond."""
    return np.arcsinh(np.asarray(step, float) / KNEE) / np.arcsinh(top / KNEE)


def from_axis(place: float | np.ndarray, top: float = STEPS[-1]) -> np.ndarray:
    """The inverse of `to_axis`."""
    return KNEE * np.sinh(np.asarray(place, float) * np.arcsinh(top / KNEE))


def setting(config: RefineConfig, step: float, mix: float) -> RefineConfig:
    """The configuration at a place of the pad: method `full`, whose edges are `contrast`, `residual` and the plain run."""
    return replace(config, method=FULL).at(float(step), float(mix))


def place(config: RefineConfig) -> tuple[float, float]:
    """(signed step size, mix) of a configuration on the plane: what its method leaves out is 0. The inverse of `setting`."""
    return config.signed_step, config.rule.residual(config.residual)


@dataclass(frozen=True)
class View:
    """Runs as they are drawn. `...` is (I, J) for a pad, (3,) for the fixed runs, nothing for one run; T thoughts, M maps.

    places: (..., T, M, 2) where the fed thought lies on each map; to_strong, to_weak: (..., T) distance to the
    checkpoints' own thought t, in units of the hidden state; push, deviation, step_change: (..., T) in % of ‖h‖, NaN where
    there is none; log_p: (..., T, C) log p of each candidate if it had to answer after thought t; node_p: (..., T, N) lens
    probability of the graph's nodes.
    """

    places: np.ndarray
    to_strong: np.ndarray
    to_weak: np.ndarray
    push: np.ndarray
    deviation: np.ndarray
    step_change: np.ndarray
    log_p: np.ndarray
    node_p: np.ndarray

    def __post_init__(self):
        lead, tail = self.to_strong.shape, {"places": 2, "log_p": 1, "node_p": 1}
        for name in NAMES:
            shape = getattr(self, name).shape
            if shape[: len(lead)] != lead or len(shape) != len(lead) + tail.get(name, 0):
                raise LiveError(f"View.{name} has shape {shape}, which does not begin with (..., T) = {lead}.")

    def __getitem__(self, index) -> View:
        """The same of some of the runs; index: of the leading axes."""
        return View(**{name: getattr(self, name)[index] for name in NAMES})

    def answer_margin(self, answer: int | None) -> np.ndarray:
        """(..., T) log p(right) - log p(best other), as in `metrics.margin`."""
        return margin(self.log_p, answer)

    def answer_p(self) -> np.ndarray:
        """(..., C) probabilities among the candidates after the last thought."""
        return candidate_probability(self.log_p[..., -1, :])


NAMES = tuple(f.name for f in fields(View))


@dataclass(frozen=True)
class Gap:
    """How far interpolation was off at `count` settings between grid points, each compared with its exact run.

    median, worst: |interpolated - exact| answer margin in nats; same: how many gave the same answer.
    """

    count: int
    median: float
    worst: float
    same: int


@dataclass(frozen=True)
class Pad:
    """One problem's exact runs over the pad.

    steps: (I,) signed step sizes, rising; mixes: (J,) residual mixes, rising; cells: View (I, J, ...), NaN where a run has no
    finite numbers; fixed: View (3, ...) of FIXED; maps: M names; stamp: weights, problem, settings and maps it is true of.
    """

    steps: np.ndarray
    mixes: np.ndarray
    cells: View
    fixed: View
    maps: tuple[str, ...]
    stamp: dict
    gap: Gap | None = None

    def __post_init__(self):
        expect = (len(self.steps), len(self.mixes))
        if min(expect) < 2 or (np.diff(self.steps) <= 0).any() or (np.diff(self.mixes) <= 0).any():
            raise LiveError("A pad needs at least two step sizes and two mixes, each rising.")
        if self.cells.to_strong.shape[:2] != expect or self.fixed.to_strong.shape[:1] != (len(FIXED),):
            raise LiveError(f"Cells {self.cells.to_strong.shape[:2]} do not fit a grid of {expect}.")
        if self.cells.places.shape[-2] != len(self.maps):
            raise LiveError(f"Places on {self.cells.places.shape[-2]} maps do not fit {', '.join(self.maps)}.")

    def at(self, step: float, mix: float) -> View:
        """The run at any setting (held to the pad's edges), bilinear in the coordinates of the pad."""
        i, across = _between(to_axis(self.steps, self.steps[-1]), to_axis(step, self.steps[-1]))
        j, up = _between(self.mixes, mix)
        corners = [(i, j, (1 - across) * (1 - up)), (i + 1, j, across * (1 - up))]
        corners += [(i, j + 1, (1 - across) * up), (i + 1, j + 1, across * up)]
        used = [(a, b, weight) for a, b, weight in corners if weight > 0]  # a NaN beyond the edge must not leak in
        mixed = {name: sum(w * getattr(self.cells, name)[a, b].astype(float) for a, b, w in used) for name in NAMES}
        return View(**mixed)

    def computed(self, step: float, mix: float) -> bool:
        """Whether a setting is one of the grid's, where `at` is the exact run."""
        return bool(np.isclose(self.steps, step, atol=1e-9).any() and np.isclose(self.mixes, mix, atol=1e-9).any())

    def save(self, path: str | Path) -> Path:
        """Write to `path` (an .npz without pickle); the file appears complete or not at all."""
        gap = asdict(self.gap) if self.gap else None
        meta = {"format": FORMAT, "what": "pad", "maps": self.maps, "stamp": self.stamp, "gap": gap}
        arrays = {f"{part}/{name}": _packed(getattr(getattr(self, part), name), name) for part, name in _PARTS}
        return save_npz(path, meta, {"steps": self.steps, "mixes": self.mixes} | arrays)

    @classmethod
    def load(cls, path: str | Path, stamp: dict | None = None) -> Pad:
        """Read a pad; LiveError where it is none, or where it was made of anything else than `stamp` says."""
        fix = "make it again with `python -m lrr_core live`"
        with read_npz(path, {"format": FORMAT, "what": "pad"}, LiveError, "pad", fix) as npz:
            meta = npz.meta
            views = {
                part: View(**{name: npz[f"{part}/{name}"].astype(np.float32) for name in NAMES})
                for part in ("cells", "fixed")
            }
            gap = Gap(**meta["gap"]) if meta["gap"] else None
            pad = cls(npz["steps"], npz["mixes"], **views, maps=tuple(meta["maps"]), stamp=meta["stamp"], gap=gap)
        if stamp is not None and (odd := sorted(k for k in stamp if pad.stamp.get(k) != stamp[k])):
            raise LiveError(f"{path} was made with another {', '.join(odd)}; {fix}.")
        return pad


_PARTS = tuple((part, name) for part in ("cells", "fixed") for name in NAMES)


def file_name(problem: Problem, reference: str) -> str:
    """What the pad of a problem is called in `assets/live`."""
    return f"{problem.id}-{reference}.npz"


def stamp(
    problem: Problem,
    weights: Mapping[str, str],
    names: Checkpoints,
    config: RefineConfig,
    maps: Mapping[str, Map],
) -> dict:
    """Everything a pad is true of. weights: checkpoint -> hash; names: (backbone, strong, weak)."""
    graph = problem.graph and (problem.graph.names, problem.graph.edges, problem.graph.root)
    return {
        "problem": digest([problem.question, problem.candidates, problem.answer, graph]),
        "weights": names.by_role(weights.__getitem__),
        "settings": {name: getattr(config, name) for name in SETTINGS},
        "maps": {name: f"{zlib.crc32(np.ascontiguousarray(m.points).tobytes()):08x}" for name, m in maps.items()},
    }


def view(runs: Sequence[Run], base: Trace, maps: Mapping[str, Map]) -> View:
    """Measure n runs of one problem, (n, ...), against the plain, strong and weak run of `base`."""
    measured = [curves(replace(base, runs=base.runs | {"refined": run}), "refined") for run in runs]
    thoughts = np.stack([run.thoughts for run in runs])  # (n, T, D)

    def stack(values: Iterable[np.ndarray]) -> np.ndarray:
        return np.stack(list(values)).astype(np.float32)

    return View(
        places=stack(m.place(thoughts) for m in maps.values()).transpose(1, 2, 0, 3),
        to_strong=stack(c.to_strong[:, -1] for c in measured),
        to_weak=stack(c.to_weak[:, -1] for c in measured),
        push=stack(c.percent("push") for c in measured),
        deviation=stack(c.percent("deviation") for c in measured),
        step_change=stack(c.percent("step_change") for c in measured),
        log_p=stack(run.readout for run in runs),
        node_p=stack(run.node_p[:, -1] for run in runs),
    )


def build(
    steps: Sequence[float],
    mixes: Sequence[float],
    runs: Mapping[tuple[int, int], Run],
    base: Trace,
    maps: Mapping[str, Map],
    marks: dict,
) -> Pad:
    """A pad of exact runs; what is missing from `runs` becomes NaN. marks: `stamp` of all this."""
    if not runs:
        raise LiveError("A pad needs runs; none were given.")
    seen = view(list(runs.values()), base, maps)
    cells = {}
    for name in NAMES:
        values = getattr(seen, name)
        cells[name] = np.full((len(steps), len(mixes), *values.shape[1:]), np.nan, np.float32)
        for (i, j), value in zip(runs, values, strict=True):
            cells[name][i, j] = value
    fixed = view([base.runs[name] for name in FIXED], base, maps)
    return Pad(np.array(steps, float), np.array(mixes, float), View(**cells), fixed, tuple(maps), marks)


def between_settings(pad: Pad, count: int, seed: int = 0) -> list[tuple[float, float]]:
    """`count` settings in the middle of cells of the grid, where interpolation is worst; drawn without replacement."""
    rows, columns = len(pad.steps) - 1, len(pad.mixes) - 1
    chosen = np.random.default_rng(seed).permutation(rows * columns)[:count]
    place, mixes = to_axis(pad.steps, pad.steps[-1]), pad.mixes
    middle = [divmod(int(c), columns) for c in chosen]
    return [
        (float(from_axis((place[i] + place[i + 1]) / 2, pad.steps[-1])), float((mixes[j] + mixes[j + 1]) / 2))
        for i, j in middle
    ]


def measure_gap(pad: Pad, runs: Mapping[tuple[float, float], Run], answer: int | None) -> Gap:
    """Compare exact runs at (step, mix) with what the pad says there."""
    if not runs:
        raise LiveError("A gap is measured on runs; none were given.")
    exact = np.array([margin(run.scores, answer) for run in runs.values()])
    guessed = [pad.at(*place) for place in runs]
    off = np.abs(np.array([v.answer_margin(answer)[-1] for v in guessed]) - exact)
    same = sum(int(v.log_p[-1].argmax()) == run.choice for v, run in zip(guessed, runs.values(), strict=True))
    return Gap(len(runs), float(np.median(off)), float(off.max()), same)


def _between(nodes: np.ndarray, value: float | np.ndarray) -> tuple[int, float]:
    """Index of the node below a value and how far it is towards the next, 0 to 1; held to the ends."""
    value = float(np.clip(value, nodes[0], nodes[-1]))
    below = min(int(np.searchsorted(nodes, value, "right")) - 1, len(nodes) - 2)
    return below, (value - nodes[below]) / (nodes[below + 1] - nodes[below])


def _packed(values: np.ndarray, name: str) -> np.ndarray:
    """As kept in a file: probabilities of nodes are most of it and are only shown as shades and per cents."""
    return values.astype(np.float16 if name == "node_p" else np.float32)
