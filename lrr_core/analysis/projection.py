"""Maps of thoughts: PCA and UMAP in two and three dimensions, fitted once on a frozen background of trajectories.

    background = Background.load("assets/models/prosqa/background.npz")
    umap = background.map("UMAP", 2)
    umap.place(run.states)  (T, K+1, D) -> (T, K+1, 2)

A new state is never fitted: it is *placed*. PCA is linear, so placing is exact. On a UMAP a state goes to the weighted mean
of the coordinates of its K nearest background states, in float64, with weight

    w_i = (e_i - e_{K+1}) / d_i      e_i = exp(-(d_i - d_1) / σ), σ so that Σ_i e_i = log2 K

e_i is UMAP's fuzzy-graph weight. Subtracting that of the next neighbour lets a neighbour fade out before it is lost, so the
placement is continuous; dividing by the distance puts a background state on itself. Laws (tests): the same state always
gets the same place, whatever is placed with it and however often; a background state lands on itself; a tiny change of
the state is a tiny change of the place (`UMAP.transform` keeps none of the three).

What a UMAP does not show. Only *who is near whom* is meaningful, and that as far as `trustworthiness` says. Lengths,
straightness, angles, the size of clusters and the space between them mean nothing; neither do the axes. A path that stops
on the map need not have stopped: where the background is thin, placed points stick to it or are pulled between
far-away neighbours, so `neighbour_distance` belongs on the chart. A contrast push is a straight line in D dimensions and
is not one here. Whether a run converges is read off the full-dimensional curves (`metrics`), never off a map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from ..storage import read_npz, save_npz

FORMAT = 1
MOST = 4000  # above 4,096 points UMAP changes algorithm and takes minutes
NEIGHBOURS = 15  # of a placement and of trustworthiness
DIMS = (2, 3)


class ProjectionError(ValueError):
    """A map that cannot be made or read; the message says what came and the fix."""


@dataclass(frozen=True)
class Labels:
    """What each of N background states is; states of one trajectory stand together, in order.

    thought: 1 ... T; kind: 0 plain, 1 refined; member: name of the checkpoint; trajectory, problem: numbers.
    """

    thought: np.ndarray
    kind: np.ndarray
    member: np.ndarray
    trajectory: np.ndarray
    problem: np.ndarray

    def __post_init__(self):
        shapes = {f.name: getattr(self, f.name).shape for f in fields(self)}
        if len(set(shapes.values())) != 1 or self.thought.ndim != 1:
            raise ProjectionError(f"Labels must all be (N,), not {shapes}.")

    def take(self, index: np.ndarray) -> Labels:
        return Labels(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True)
class Background:
    """Frozen trajectory states, and their coordinates on every map that was fitted on them.

    states: (N, D), N <= MOST; labels: what they are; points: "umap-2" | "umap-3" | "pca-2" | "pca-3" -> (N, dims);
    mean (D,), components (3, D): the PCA; typical: median distance from a state to the nearest one of another problem;
    explained: share of variance, per PCA map; trustworthiness: of the background itself, k = NEIGHBOURS, per map, NaN for
    too few states; placed: the same of states of fresh problems that were only placed, NaN where none were;
    identity: hashes of the members' weights, settings, seed, versions.
    """

    states: np.ndarray
    labels: Labels
    points: dict[str, np.ndarray]
    mean: np.ndarray
    components: np.ndarray
    typical: float
    explained: dict[str, float]
    trustworthiness: dict[str, float]
    placed: dict[str, float]
    identity: dict = field(default_factory=dict)

    def __post_init__(self):
        n, width = self.states.shape
        if n > MOST:
            raise ProjectionError(f"A background has at most {MOST} states, not {n}; `thin` them first.")
        expect = {"mean": (width,), "components": (max(DIMS), width)}
        found = {name: getattr(self, name).shape for name in expect} | {"labels": self.labels.thought.shape}
        expect |= {"labels": (n,)}
        for key, points in self.points.items():
            expect[key], found[key] = (n, int(key[-1])), points.shape
        if wrong := [
            f"{name} {found[name]}, expected {expect[name]}" for name in expect if found[name] != expect[name]
        ]:
            raise ProjectionError(f"A background of {n} states of width {width} does not fit: {'; '.join(wrong)}.")

    def fits(self, identity: dict) -> bool:
        """Whether the map is true of these weights: every member named in `ModelSet.identity(...)` is recorded alike."""
        recorded, members = self.identity.get("members", {}), identity.get("members", {})
        return bool(members) and all(recorded.get(name) == value for name, value in members.items())

    def map(self, kind: str, dims: int = 2) -> Map:
        """The map `kind` (a key of MAPS) in `dims` dimensions."""
        if kind not in PLACE:
            raise ProjectionError(f"No map called {kind!r}; choose one of {', '.join(PLACE)}.")
        name = key(kind, dims)
        if name not in self.points:
            raise ProjectionError(f"This background has no {name}; it has {', '.join(sorted(self.points))}.")
        explained = name in self.explained
        _ = self._fast, self._exact  # so that the first placement pays for nothing
        return Map(
            kind=kind,
            dims=dims,
            points=self.points[name],
            background=self,
            quality=self.explained[name] if explained else self.trustworthiness[name],
            quality_name="explained variance" if explained else f"trustworthiness (k = {NEIGHBOURS})",
            trustworthiness=self.trustworthiness[name],
            placed=self.placed[name],
        )

    @cached_property
    def _exact(self) -> np.ndarray:
        return self.states.astype(np.float64)

    @cached_property
    def _fast(self) -> tuple[np.ndarray, np.ndarray]:
        centred = (self._exact - self.mean).astype(np.float32)
        return centred, (centred**2).sum(-1)

    def nearest(self, states: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices and distances (n, count) of the nearest background states to states (n, D), nearest first.

        A matrix product in float32 picks candidates; their distances are then computed one by one in float64, because a
        product rounds by the size of the batch and loses small distances.
        """
        count = min(count, len(self.states))
        spare = min(count + 8, len(self.states))
        found = []
        for start in range(0, len(states), 256):  # bounds the memory
            part = states[start : start + 256]
            fast, squares = self._fast
            rough = squares - 2 * (part - self.mean).astype(np.float32) @ fast.T
            index = np.sort(np.argpartition(rough, spare - 1, axis=1)[:, :spare], axis=1)
            distance = np.sqrt(((self._exact[index] - part[:, None]) ** 2).sum(-1))  # (n, spare)
            order = np.argsort(distance, axis=1, kind="stable")[:, :count]
            found.append((np.take_along_axis(index, order, 1), np.take_along_axis(distance, order, 1)))
        return np.concatenate([i for i, _ in found]), np.concatenate([d for _, d in found])

    def save(self, path: str | Path) -> Path:
        """Write to `path` (an .npz without pickle); the file appears complete or not at all."""
        meta = {
            "format": FORMAT,
            "what": "background",
            "typical": self.typical,
            "explained": self.explained,
            "trustworthiness": self.trustworthiness,
            "placed": self.placed,
            "identity": self.identity,
        }
        arrays = {f"points/{key}": value.astype(np.float32) for key, value in self.points.items()}
        arrays |= {f"labels/{f.name}": getattr(self.labels, f.name) for f in fields(Labels)}
        arrays |= {"states": half(self.states), "mean": self.mean, "components": self.components}
        return save_npz(path, meta, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Background:
        """Read a background; a file that is none raises ProjectionError saying why."""
        fix = "build it with `python -m lrr_core map`"
        with read_npz(path, {"format": FORMAT, "what": "background"}, ProjectionError, "background", fix) as npz:
            known = ("typical", "explained", "trustworthiness", "placed", "identity")
            return cls(
                states=npz["states"].astype(np.float32),
                labels=Labels(**{f.name: npz[f"labels/{f.name}"] for f in fields(Labels)}),
                points=npz.below("points/"),
                mean=npz["mean"],
                components=npz["components"],
                **{name: npz.meta[name] for name in known},
            )


READINGS = {
    "UMAP": "lengths and straightness mean nothing here",
    "PCA": "linear: lengths along each axis are real; the rest is left out",
}


@dataclass(frozen=True)
class Map:
    """One map: where the background's states lie, and where any other state belongs.

    points: (N, dims); quality, quality_name: the number shown on the chart and what it is (explained variance for PCA,
    trustworthiness for UMAP); trustworthiness: for both, to compare them; placed: the trustworthiness of what is placed here,
    measured on fresh problems: lower, and the number to believe for the thoughts on the chart.
    """

    kind: str
    dims: int
    points: np.ndarray
    background: Background
    quality: float
    quality_name: str
    trustworthiness: float
    placed: float

    @property
    def reading(self) -> str:
        """What may be read off this map, as it stands on every chart."""
        return READINGS[self.kind]

    @property
    def measured(self) -> str:
        """The map's quality in words; the number of placed thoughts is the one to believe for those on show."""
        said = (
            "too few states for a quality number"
            if np.isnan(self.quality)
            else f"{self.quality_name} {self.quality:.2f}"
        )
        if np.isnan(self.placed):
            return said
        alike = self.quality_name.startswith("trustworthiness")
        return (
            f"{said}, of placed thoughts {self.placed:.2f}" if alike else f"{said}; trustworthiness {self.placed:.2f}"
        )

    def place(self, states: np.ndarray) -> np.ndarray:
        """states (..., D) -> (..., dims). The same state always gets the same place."""
        flat = self._flat(states)
        placed = PLACE[self.kind](self, flat) if len(flat) else np.zeros((0, self.dims))
        return placed.reshape(*np.shape(states)[:-1], self.dims)

    def neighbour_distance(self, states: np.ndarray) -> np.ndarray:
        """(...,) distance to the nearest background state, in units of the background's `typical` distance between
        problems: about 1 for a thought of a new problem, well above for one that is off the map."""
        flat = self._flat(states)
        distance = self.background.nearest(flat, 1)[1][:, 0] if len(flat) else np.zeros(0)
        return (distance / (self.background.typical or 1.0)).reshape(np.shape(states)[:-1])

    def ranges(self, margin: float = 0.06) -> tuple[tuple[float, float], ...]:
        """Axis limits, one (low, high) per dimension, from the background alone: no slider moves them."""
        low, high = self.points.min(0), self.points.max(0)
        pad = margin * np.maximum(high - low, 1e-6)
        return tuple(zip((low - pad).tolist(), (high + pad).tolist(), strict=True))

    def outside(self, places: np.ndarray) -> np.ndarray:
        """(...,) whether places (..., dims) lie beyond the axes (PCA only: a UMAP placement never leaves its background)."""
        low, high = np.array(self.ranges()).T
        return ((places < low) | (places > high)).any(-1)

    def lines(self) -> np.ndarray:
        """(N + gaps, dims) the background's trajectories as one polyline with NaN rows between them, for a single trace."""
        cuts = np.flatnonzero(np.diff(self.background.labels.trajectory)) + 1
        return np.insert(self.points.astype(float), cuts, np.nan, axis=0)

    def _flat(self, states: np.ndarray) -> np.ndarray:
        states = np.asarray(states, np.float64)
        width = self.background.states.shape[1]
        if states.shape[-1:] != (width,):
            raise ProjectionError(
                f"This map is of states of width {width}, not {states.shape}; use the set it belongs to."
            )
        if not np.isfinite(states).all():
            raise ProjectionError("A state that is not finite has no place on a map.")
        return states.reshape(-1, width)


def _place_pca(m: Map, states: np.ndarray) -> np.ndarray:
    # sums row by row: a matrix product would round by the size of the batch
    centred = states - m.background.mean
    return np.stack([(centred * c).sum(-1) for c in m.background.components[: m.dims].astype(np.float64)], -1)


def _place_umap(m: Map, states: np.ndarray) -> np.ndarray:
    index, distance = m.background.nearest(states, NEIGHBOURS + 1)
    weight = placement_weights(distance)
    return np.stack([(weight * m.points[index[:, :-1], d]).sum(-1) for d in range(m.dims)], -1)


def placement_weights(distance: np.ndarray) -> np.ndarray:
    """Distances (n, K+1) to the nearest background states, nearest first -> weights (n, K) that sum to one."""
    first, k = distance[:, :1], distance.shape[1] - 1
    gap = distance - first
    low, high = np.zeros(len(gap)), np.full(len(gap), 1e3) * np.maximum(gap[:, -1], 1e-12)
    for _ in range(60):  # bisection of UMAP's bandwidth; the sum grows with sigma
        sigma = (low + high) / 2
        total = np.exp(-gap[:, :k] / sigma[:, None]).sum(-1)
        low, high = np.where(total < np.log2(k), sigma, low), np.where(total < np.log2(k), high, sigma)
    fuzzy = np.exp(-gap / ((low + high) / 2)[:, None])
    weight = fuzzy[:, :k] - fuzzy[:, k:]
    # relative to the farthest distance, so that the floor that keeps a background state on itself has no unit
    weight = weight / np.maximum(distance[:, :k] / np.maximum(distance[:, k:], 1e-300), 1e-9)
    total = weight.sum(-1, keepdims=True)
    return np.where(total > 0, weight / np.where(total > 0, total, 1), 1 / k)  # all equally far: the plain mean


def half(states: np.ndarray) -> np.ndarray:
    """float16 where it can hold the states (half the file), else float32."""
    return states.astype(np.float16 if np.abs(states).max(initial=0) < 6e4 else np.float32)


def key(kind: str, dims: int) -> str:
    return f"{kind.lower()}-{dims}"


PLACE: dict[str, Callable[[Map, np.ndarray], np.ndarray]] = {"UMAP": _place_umap, "PCA": _place_pca}
