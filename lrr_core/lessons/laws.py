"""The small laws the Learn page draws: what mixing remembers and loses, walks on maps, depths, and steps that do not follow.

Each is a few lines of numpy with its law in the docstring and in a test; runs come from `trace`, graphs from `prosqa`.
"""

from __future__ import annotations

import numpy as np

from ..analysis.curves import norm
from ..analysis.projection import Map
from ..benchmarks.prosqa import GraphQuestion, breadth_first
from ..refinement.trace import Run

# --- residual mixing --------------------------------------------------------------------------------------------------


def memory(alpha: float, thoughts: int) -> np.ndarray:
    """(T, T) how much of proposal u^j (column) is in thought t (row) under residual mixing alone.

    Law: h = memory(α, T) @ u for h^1 = u^1, h^t = α h^{t-1} + (1-α) u^t. Rows sum to one; α = 0 is the identity (no
    memory), α = 1 has only the first column (frozen).
    """
    weights = np.zeros((thoughts, thoughts))
    for t in range(thoughts):
        if t:
            weights[t] = alpha * weights[t - 1]
        weights[t, t] += 1 - alpha if t else 1
    return weights


def length_kept(run: Run) -> np.ndarray:
    """(T,) length of the mean over the mean of the lengths, ‖αh + (1-α)u‖ / (α‖h‖ + (1-α)‖u‖), for thought t after mixing.

    At most 1 (triangle inequality), and 1 only where both point the same way: what residual mixing loses. Thought 1 mixes
    nothing. A run that does not mix keeps everything.
    """
    alpha, mixed = run.config.residual, run.states[:, 0]
    before = np.concatenate([run.proposed[:1], run.thoughts[:-1]])
    return norm(mixed) / (alpha * norm(before) + (1 - alpha) * norm(run.proposed))


# --- maps -------------------------------------------------------------------------------------------------------------


def map_width(m: Map) -> float:
    """The longer side of the cloud of background points, the unit in which movement on a map is given."""
    return float(np.ptp(m.points, axis=0).max())


def straight_walk(start: np.ndarray, strong: np.ndarray, weak: np.ndarray, step: float, steps: int) -> np.ndarray:
    """(steps + 1, D) a push with fixed references, taken `steps` times: start + k·s·(g - b). Equal steps on one line."""
    return start + step * np.arange(steps + 1)[:, None] * (strong - weak)


def strides(places: np.ndarray) -> np.ndarray:
    """(n - 1,) length of each stride of a path (n, dims)."""
    return norm(np.diff(places, axis=0))


# --- the trap in ProsQA -----------------------------------------------------------------------------------------------


def named_depths(q: GraphQuestion) -> list[int]:
    """(N,) hops of every node from the nearest named entity (capitalised or parentless); -1 where none leads there.

    Law: `shortcuts.depth_rule` answers with the candidate that is deepest here.
    """
    inner = {target for _, target in q.edges}
    named = [i for i, name in enumerate(q.names) if i not in inner or name[:1].isupper()]
    return breadth_first(q.children(), *named)


# --- text steps -------------------------------------------------------------------------------------------------------


def follows(q: GraphQuestion | None, words: list[str]) -> list[bool]:
    """(n,) whether each written name follows from the one before (the first from the asked root) by a sentence of the
    problem. A name that is no node never does; without a graph nobody knows, and nothing is called wrong."""
    if q is None:
        return [True] * len(words)
    edges = {(q.names[s], q.names[t]) for s, t in q.edges}
    return [pair in edges for pair in zip([q.names[q.root], *words], words, strict=False)]
