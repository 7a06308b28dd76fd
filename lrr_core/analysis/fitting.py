"""Fitting the maps once: PCA and UMAP on a background of trajectories, and how trustworthy they are.

    fit_background(states, labels, identity)   -> projection.Background, which then places everything else

Slow (UMAP: minutes for 4,000 states), except `maps=("PCA",)`, which takes milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version

import numpy as np

from ..refinement.trace import Trace
from .projection import DIMS, MOST, NEIGHBOURS, Background, Labels, Map, ProjectionError, half, key

# of the UMAP graph. With 15 neighbours and 150 problems of many trajectories each problem became an island and a new one's
# thoughts fell between them: 17 % of its pushes at s = 0.1 moved less than 0.1 % of the map, now 9 % (40 fresh problems)
FIT_NEIGHBOURS, MIN_DIST = 100, 0.3
UMAP_LOCK = threading.RLock()  # numba's default threading layer is not safe: every UMAP call holds this


def fit_background(
    states: np.ndarray,
    labels: Labels,
    identity: dict,
    seed: int = 0,
    maps: Sequence[str] = ("UMAP", "PCA"),
    fresh: np.ndarray | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Background:
    """Fit `maps` in two and three dimensions on states (N, D); more than MOST are thinned by whole trajectories.

    `maps=("PCA",)` takes milliseconds and serves until a UMAP is there; labels may then be `own_labels`. fresh: (M, D)
    states of other problems, only placed, to measure `placed`.
    """
    states = np.asarray(states)
    if not np.isfinite(states).all():
        raise ProjectionError("A background needs finite states.")
    if unknown := [kind for kind in maps if kind not in MAPS]:
        raise ProjectionError(f"No map called {unknown[0]!r}; choose one of {', '.join(MAPS)}.")
    keep = thin(labels, MOST)
    states, labels = half(states[keep]).astype(np.float32), labels.take(keep)  # fitted on what the file will hold
    if len(states) < 2:
        raise ProjectionError(f"A map needs at least two states, not {len(states)}.")
    mean, components, shares = _principal(states)
    points, explained, trust = {}, {}, {}
    for kind in maps:
        for dims in DIMS:
            name = key(kind, dims)
            progress(f"{kind} in {dims} dimensions")
            points[name] = MAPS[kind](states, dims, seed).astype(np.float32)
            trust[name] = trustworthiness(states, points[name])
            if kind == "PCA":
                explained[name] = float(shares[:dims].sum())
    settings = {
        "seed": seed,
        "neighbours": FIT_NEIGHBOURS,
        "min_dist": MIN_DIST,
        "states": len(states),
        "maps": list(maps),
    }
    packages = {p: version(p) for p in ("numpy", "scikit-learn", "umap-learn")}
    typical = _typical(states, labels.problem)
    identity = identity | {"settings": settings, "packages": packages}
    placed = dict.fromkeys(points, float("nan"))
    made = Background(states, labels, points, mean, components, typical, explained, trust, placed, identity)
    if fresh is None:
        return made
    placed = {key(kind, d): placed_trustworthiness(made.map(kind, d), fresh) for kind in maps for d in DIMS}
    return replace(made, placed=placed)


def own_labels(lengths: Sequence[int], refined: Sequence[bool]) -> Labels:
    """Labels for the states of a few runs of one problem, laid end to end: the map shown before a background is there."""
    n = np.asarray(lengths, int)
    return Labels(
        thought=np.concatenate([np.arange(1, k + 1) for k in n]) if len(n) else np.zeros(0, int),
        kind=np.repeat(np.asarray(refined, int), n),
        member=np.full(n.sum(), ""),
        trajectory=np.repeat(np.arange(len(n)), n),
        problem=np.zeros(n.sum(), int),
    )


def thin(labels: Labels, most: int) -> np.ndarray:
    """Indices of at most `most` states: whole trajectories, evenly spread over their order; all where they are few enough."""
    n = len(labels.trajectory)
    if n <= most:
        return np.arange(n)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(labels.trajectory)) + 1])
    lengths = np.diff(np.append(starts, n))
    for keep in range(len(starts), 0, -1):
        chosen = np.unique(np.linspace(0, len(starts) - 1, keep).round().astype(int))
        if lengths[chosen].sum() <= most:
            return np.concatenate([np.arange(starts[c], starts[c] + lengths[c]) for c in chosen])
    raise ProjectionError(f"No trajectory has {most} states or fewer; label shorter ones.")


def run_map(trace: Trace, kind: str = "PCA", dims: int = 2) -> Map:
    """A PCA of this problem's plain, strong and weak thoughts: shown at once while no background fits the weights.

    The refined run is placed on it but has no part in it, so the axes stay when a slider moves.
    """
    runs = [trace.runs[name] for name in ("plain", "strong", "weak")]
    states = np.concatenate([run.thoughts for run in runs])
    labels = own_labels([len(run.thoughts) for run in runs], [False] * len(runs))
    return fit_background(states, labels, {}, maps=(kind,)).map(kind, dims)


def trustworthiness(states: np.ndarray, points: np.ndarray) -> float:
    """How far the neighbours on the map are neighbours in D dimensions, 0 to 1 (k = NEIGHBOURS); NaN for too few states.

    Ranks need an N x N table, about 0.4 GB at N = 4,000 while it runs.
    """
    from sklearn.manifold import trustworthiness as score

    if len(states) <= 2 * NEIGHBOURS + 1:
        return float("nan")
    return float(score(states, points, n_neighbors=NEIGHBOURS))


def placed_trustworthiness(m: Map, states: np.ndarray) -> float:
    """Trustworthiness of placing: of states (M, D) outside the background, each with its NEIGHBOURS on the map among the
    background, as scikit-learn counts it within one set: 1 - 2 / (M k (2N - 3k - 1)) Σ max(0, rank in D dimensions - k)."""
    from scipy.spatial.distance import cdist

    n, k = len(m.points), NEIGHBOURS
    if n <= 2 * k + 1 or not len(states):
        return float("nan")
    near = cdist(m.place(states), m.points).argsort(1)[:, :k]
    rank = cdist(states, m.background.states).argsort(1).argsort(1) + 1
    beyond = np.maximum(np.take_along_axis(rank, near, 1) - k, 0).sum()
    return float(1 - 2 * beyond / (len(states) * k * (2 * n - 3 * k - 1)))


def _principal(states: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (D,), components (3, D) and their shares of variance (3,); zeros where the states span less."""
    from sklearn.decomposition import PCA

    count = min(max(DIMS), *states.shape)
    with np.errstate(invalid="ignore"):  # equal states: 0 / 0 shares
        pca = PCA(count, svd_solver="full").fit(states.astype(np.float64))
    components, shares = np.zeros((max(DIMS), states.shape[1])), np.zeros(max(DIMS))
    if pca.explained_variance_.sum() > 0:
        components[:count], shares[:count] = pca.components_, pca.explained_variance_ratio_
    return pca.mean_.astype(np.float64), components, shares


def _fit_pca(states: np.ndarray, dims: int, seed: int) -> np.ndarray:
    mean, components, _ = _principal(states)
    return (states - mean) @ components[:dims].T


def _fit_umap(states: np.ndarray, dims: int, seed: int) -> np.ndarray:
    if len(states) <= 2 * NEIGHBOURS:
        raise ProjectionError(f"A UMAP needs more than {2 * NEIGHBOURS} states, not {len(states)}; use PCA.")

    def fit() -> np.ndarray:
        import umap

        near = min(FIT_NEIGHBOURS, len(states) // 3)
        return umap.UMAP(near, dims, min_dist=MIN_DIST, init="pca", random_state=seed, n_jobs=1).fit_transform(states)

    # numba sets OpenMP's number of threads in the thread that runs it, and torch, which adds up by that number, would no
    # longer give the same bits there: so it gets a thread of its own
    with UMAP_LOCK, ThreadPoolExecutor(1) as alone:
        return alone.submit(fit).result()


def _typical(states: np.ndarray, problem: np.ndarray) -> float:
    """Median distance from a state to the nearest one of another problem (of any, where there is only one problem)."""
    from scipy.spatial.distance import cdist

    alone = len(np.unique(problem)) == 1
    nearest = []
    for start in range(0, len(states), 500):
        d = cdist(states[start : start + 500], states)
        same = problem[start : start + 500, None] == problem
        if alone:
            same = np.arange(start, start + len(d))[:, None] == np.arange(len(states))
        nearest.append(np.where(same, np.inf, d).min(1))
    return float(np.median(np.concatenate(nearest)))


MAPS: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {"UMAP": _fit_umap, "PCA": _fit_pca}
