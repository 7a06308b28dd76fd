"""The graph panel: the problem's graph in layers, every node shaded by its probability in the thought looked at.

Fill and number are the refined run, the grey dot at the upper left is the plain run (its area is the probability), a thick rim is
the true breadth-first frontier of that thought. The frontier was supervised in training, which the page says beside it.
"""

from __future__ import annotations

import numpy as np

from ..analysis.curves import Curves
from ..analysis.summary import readers_names
from ..benchmarks.graph_layout import layers
from ..colours import INK, ROLES, mix, rgba, written
from ..refinement.trace import Trace
from .panels import Panel, plain_text

TOP, BOTTOM = 1.05, 0.85  # rows kept free above the first node (a headline) and below the last (its name)
LONGEST = 12  # letters of a name that fit under a node
SPOKEN = 0.045  # probabilities from here on are written into the node


def graph_panel(trace: Trace, refined: Curves, plain: Curves, theme: str, width: float, height: float) -> Panel:
    """The graph in layers from the asked root; width, height: of the panel in pixels, so that sizes fit."""
    q, ink = trace.problem.need_graph(), INK[theme]
    drawn = layers(q)
    x, y = drawn.x, drawn.y
    row, column = height / (drawn.rows + TOP + BOTTOM - 1), width / max(drawn.columns, 1)
    size = float(np.clip(row - 15, 13, 24))
    n, frontiers = len(q.names), q.frontiers(len(trace.runs["refined"].states))
    axes = {"type": "scatter", "xaxis": "x2", "yaxis": "y2", "showlegend": False, "hoverinfo": "skip"}
    symbol = ["circle"] * n
    for c in q.candidates:
        symbol[c] = "square"
    symbol[q.root] = ROLES["question"].symbol
    rim, rim_width = [rgba("plain", 0.55)] * n, np.ones(n)
    for c in q.candidates:
        rim[c], rim_width[c] = ink.text, 1.6
    rim[q.root], rim_width[q.root] = ROLES["question"].colour, 2.2
    size_of = np.where(np.array(symbol) == "diamond", size + 5, size)
    lines, heads = _edges(x, y, q.edges, column, row)
    faint = ["rgba(127,135,145,0.55)" if drawn.reached[s] else "rgba(127,135,145,0.28)" for s, _ in q.edges]
    name_colour = [ink.text if r else ink.muted for r in drawn.reached]
    for node, role in ((q.root, "question"), (q.answer, "right"), (q.distractor, "wrong")):
        name_colour[node] = written(role, theme)
    theirs = readers_names(trace.problem)
    labels = [
        plain_text(theirs[name] if len(theirs[name]) <= LONGEST else theirs[name][: LONGEST - 1] + "…")
        for name in q.names
    ]
    bold = {q.root, *q.candidates}
    still = [
        axes
        | {"mode": "lines", "x": lines[0], "y": lines[1], "line": {"color": "rgba(127,135,145,0.38)", "width": 1.1}},
        axes
        | {
            "mode": "markers",
            "x": heads[0],
            "y": heads[1],
            "marker": {
                "symbol": "arrow",
                "angleref": "previous",
                "size": [0, 9] * len(q.edges),
                "standoff": size / 2 + 1,
                "color": [c for c in faint for _ in (0, 1)],
                "line": {"width": 0},
            },
        },
        axes
        | {
            "mode": "markers",
            "x": [x[q.answer]],
            "y": [y[q.answer]],
            "name": "right answer",
            "marker": {
                "symbol": "square-open",
                "size": size + 9,
                "color": ROLES["right"].colour,
                "line": {"width": 2.6},
            },
        },
    ]
    names = axes | {
        "mode": "text",
        "x": x.tolist(),
        "y": (y + (size / 2 + np.where(np.isin(np.arange(n), (q.answer, q.root)), 13, 9)) / row).tolist(),
        "text": [f"<b>{name}</b>" if i in bold else name for i, name in enumerate(labels)],
        "textfont": {"size": 10.5, "color": name_colour},
        "textposition": "middle center",
    }
    names["text"][q.answer] += " " + ROLES["right"].glyph
    p, p_plain = trace.runs["refined"].node_p, trace.runs["plain"].node_p

    def moving(t: int, k: int) -> list[dict]:
        now, before = p[t, k], p_plain[t, -1]
        outline = [ROLES["frontier"].colour if i in frontiers[t] else rim[i] for i in range(n)]
        share = np.sqrt(now)
        return [
            axes
            | {
                "mode": "markers+text",
                "x": x.tolist(),
                "y": y.tolist(),
                "name": "probability",
                # a blank and not an empty text, which Plotly would never draw again
                "text": [f"{100 * v:.0f}" if v >= SPOKEN else " " for v in now],
                "textfont": {
                    "size": 9.5,
                    "color": ["#FFFFFF" if s > 0.6 or theme == "dark" else ink.text for s in share],
                },
                "textposition": "middle center",
                "customdata": now.round(4).tolist(),
                "hoverinfo": "text",
                "hovertext": [
                    f"<b>{plain_text(theirs[q.names[i]])}</b><br>refined {now[i]:.1%}, plain {before[i]:.1%}"
                    + ("<br>on the true frontier" if i in frontiers[t] else "")
                    for i in range(n)
                ],
                "marker": {
                    "symbol": symbol,
                    "size": size_of.tolist(),
                    "color": [mix("refined", float(s), theme) for s in share],
                    "opacity": 1,
                    "line": {
                        "color": outline,
                        "width": [4 if i in frontiers[t] else float(rim_width[i]) for i in range(n)],
                    },
                },
            },
            axes
            | {
                "mode": "markers",
                "x": (x - (size / 2 + 5) / column).tolist(),
                "y": (y - (size / 2 - 1) / row).tolist(),
                "name": "plain",
                "marker": {
                    "symbol": "circle",
                    "size": [13 * float(np.sqrt(v)) if v >= 0.01 else 0 for v in before],
                    "color": ROLES["plain"].colour,
                    "opacity": 0.9,
                    "line": {"width": 0},
                },
            },
            axes
            | {
                "mode": "text",
                "x": [-0.5],
                "y": [-0.78],
                "text": [_mass(refined.frontier_mass[t, k], plain.frontier_mass[t, -1], t + 1)],
                "textposition": "middle right",
                "textfont": {"size": 11.5, "color": ink.text},
            },
        ]

    return Panel([*still, names], moving)


def _mass(refined: float, plain: float, hops: int) -> str:
    what = "1 hop" if hops == 1 else f"{hops} hops"
    if np.isnan(refined):
        return f"thought {hops}: no true frontier, nothing is {what} away"
    return f"thought {hops}: <b>{refined:.0%}</b> on the true frontier, {what} away (plain {plain:.0%})"


def _edges(x, y, edges, column: float, row: float):
    """Polylines of all edges with gaps, and pairs (just before the end, end) for the arrow heads.

    An edge inside a column bends to the right so that it does not run through the nodes between; one that goes back or far
    bends a little as well.
    """
    lx, ly, hx, hy = [], [], [], []
    for s, t in edges:
        dx, dy = x[t] - x[s], y[t] - y[s]
        bend = 0.34 if dx == 0 else 0.22 if dx < 0 else 0.0
        u = np.linspace(0, 1, 9 if bend else 2)
        px = x[s] + dx * u + bend * 4 * u * (1 - u) * (1 if dx <= 0 else 0)
        py = y[s] + dy * u
        lx += [*px.round(3).tolist(), None]
        ly += [*py.round(3).tolist(), None]
        hx += px[-2:].round(3).tolist()
        hy += py[-2:].round(3).tolist()
    return (lx, ly), (hx, hy)


def graph_ranges(trace: Trace) -> tuple[tuple[float, float], tuple[float, float]]:
    """Axis limits of the graph panel; rows grow downwards."""
    drawn = layers(trace.problem.need_graph())
    return (-0.5, drawn.columns - 0.5), (drawn.rows - 1 + BOTTOM, -TOP)
