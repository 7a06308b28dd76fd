"""Where to draw a graph: layers by distance from the asked root, few crossings, room for every name. No plotly here.

Columns are distances: the asked root stands at column 0 and a node `d` hops away in column d, so a thought that holds the
frontier of step d lights up one column. What the root cannot reach stands below a gap, in columns of its own distances
from the other parentless nodes. Inside a column, nodes are ordered by the mean place of their neighbours (barycentre
method of Sugiyama), swept to and fro; the order with the fewest crossings is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .prosqa import GraphQuestion, breadth_first

SWEEPS = 12
GAP = 0.55  # empty rows between what the root reaches and what it does not


@dataclass(frozen=True)
class Layers:
    """Coordinates of a drawn graph.

    x, y: (N,) column (hops) and row (0 is the top, growing downwards); reached: (N,) whether the asked root leads there;
    split: row of the gap between the two parts, NaN where everything is reached; rows, columns: size of the drawing.
    """

    x: np.ndarray
    y: np.ndarray
    reached: np.ndarray
    split: float
    rows: float
    columns: int


def layers(q: GraphQuestion) -> Layers:
    """Lay out a question's graph. Deterministic; the root is always at column 0 in the upper part."""
    n = len(q.names)
    depth = np.array(q.depths())
    reached = depth >= 0
    inner = {target for _, target in q.edges}
    tops = [i for i in range(n) if not reached[i] and i not in inner]
    column = np.where(reached, depth, breadth_first(q.children(), *tops) if tops else 0)
    column = np.maximum(column, 0)  # a cycle without an entrance
    bands = [[int(i) for i in np.flatnonzero(reached == part)] for part in (True, False)]
    y = np.zeros(n)
    top, split = 0.0, float("nan")
    for band in filter(None, bands):
        if top:
            split = top - 0.5 + GAP / 2
            top += GAP
        order = _order(band, column, q.edges)
        height = max(map(len, order.values()))
        for nodes in order.values():
            # a short column stands in the middle of the tall ones, its nodes spread a little
            step = min(height / len(nodes), 1.6)
            start = top + (height - 1 - step * (len(nodes) - 1)) / 2
            for place, node in enumerate(nodes):
                y[node] = start + step * place
        top += height
    return Layers(column.astype(float), y, reached, split, top, int(column.max()) + 1)


def crossings(order: dict[int, list[int]], column: np.ndarray, edges) -> int:
    """How many pairs of edges between neighbouring columns cross."""
    place = {node: i for nodes in order.values() for i, node in enumerate(nodes)}
    pairs = [(s, t) for s, t in edges if s in place and t in place and column[t] - column[s] == 1]
    return sum(
        column[a] == column[c] and (place[a] - place[c]) * (place[b] - place[d]) < 0
        for i, (a, b) in enumerate(pairs)
        for c, d in pairs[:i]
    )


def _order(band: list[int], column: np.ndarray, edges) -> dict[int, list[int]]:
    """Column -> its nodes from top to bottom, by barycentre sweeps."""
    order: dict[int, list[int]] = {}
    for node in band:
        order.setdefault(int(column[node]), []).append(node)
    members = set(band)
    neighbours: dict[int, list[int]] = {node: [] for node in band}
    for s, t in edges:
        if s in members and t in members and column[s] != column[t]:
            neighbours[s].append(t)
            neighbours[t].append(s)
    best, fewest = {c: list(nodes) for c, nodes in order.items()}, crossings(order, column, edges)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for c in sorted(order, reverse=not forward):
            height = {node: (i + 0.5) / len(nodes) for nodes in order.values() for i, node in enumerate(nodes)}
            looked_at = {node: [height[m] for m in neighbours[node] if (column[m] < c) == forward] for node in order[c]}
            order[c].sort(key=lambda node: np.mean(looked_at[node] or [height[node]]))
        if (count := crossings(order, column, edges)) < fewest:
            best, fewest = {c: list(nodes) for c, nodes in order.items()}, count
    return best
