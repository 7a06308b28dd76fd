"""The panels of the Explore figure: what is drawn in each, as plain trace dictionaries. `figures` puts them together.

Every panel has traces that stand `still` and traces that follow the moment looked at: `moving(t, k)` gives those for
thought t (from 0) after round k (0 is after residual mixing). A panel only reads a record and its curves; every number it
draws is a number of `metrics` or a place on a `Map`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .colours import INK, ROLES, mix, rgba
from .layers import layers
from .metrics import Curves
from .projection import Map
from .trace import Trace

MOST_BACKGROUND = 1200  # points: enough to show the shape, few enough to draw at once
FLOOR, CEILING = 0.1, 1000.0  # % of ‖h‖, ends of the logarithmic axis of movements
SPOKEN = 0.045  # node probabilities from here on are written out


@dataclass(frozen=True)
class Panel:
    """still: traces drawn once; moving(t, k): traces of a moment, always the same number in the same order."""

    still: list[dict]
    moving: Callable[[int, int], list[dict]]


# --- map of thoughts --------------------------------------------------------------------------------------------------


def map_panel(trace: Trace, m: Map, theme: str) -> Panel:
    """Plain, refined, strong and weak as polylines over a faint background; at the moment: rings, push and pull."""
    ink, dims = INK[theme], m.dims
    runs = {name: trace.runs[name] for name in ("weak", "strong", "plain", "refined")}
    paths = {name: m.place(run.thoughts) for name, run in runs.items()}  # (T, dims)
    rounds, proposed = m.place(runs["refined"].states), m.place(runs["refined"].proposed)
    thoughts = len(rounds)

    def trace_of(points: np.ndarray, **rest) -> dict:
        axes = dict(zip("xyz", np.asarray(points, float).T.round(4).tolist(), strict=False))
        where = {"type": "scatter3d", "scene": "scene"} if dims == 3 else {"type": "scatter", "xaxis": "x", "yaxis": "y"}
        return where | axes | {"hoverinfo": "skip", "showlegend": False} | rest

    every = max(1, -(-len(m.points) // MOST_BACKGROUND))
    dots = {"color": ink.muted, "size": 1.8 if dims == 3 else 3.2, "opacity": 0.28, "line": {"width": 0}}
    still = [trace_of(m.points[::every], mode="markers", marker=dots, name="thoughts of other problems")]
    near = {name: m.neighbour_distance(run.thoughts) for name, run in runs.items()}
    for name, points in paths.items():
        role = ROLES[name]
        numbered = name in ("plain", "refined")
        style = {
            "name": role.label,
            "legendgroup": name,
            "hoverinfo": "text",
            "hovertext": [
                f"{role.label}, thought {t + 1}<br>nearest background thought: {near[name][t]:.2f} × typical"
                for t in range(thoughts)
            ],
            "line": {"color": role.colour, "width": {"refined": 2.4, "plain": 1.8}.get(name, 1.4)},
        }
        if name != "refined":
            style["line"]["dash"] = "dot" if name == "plain" else "solid"
        if dims == 3:  # three dimensions have no triangles: write the glyph
            text = [role.glyph if not numbered else f"{t + 1}" for t in range(thoughts)]
            marker = {"size": {"refined": 6, "plain": 8}.get(name, 1), "symbol": role.symbol, "color": role.colour}
            marker = {"size": 1, "color": role.colour, "opacity": 0} if not numbered else marker
            font = {"color": ink.text if numbered else role.colour, "size": 11 if numbered else 13}
            place = "top center" if numbered else "middle center"
            still.append(
                trace_of(points, mode="lines+markers+text", text=text, textposition=place, textfont=font, marker=marker)
                | style
            )
            continue
        size = {"refined": 15, "plain": 21}.get(name, 9)
        marker = {"size": size, "symbol": role.symbol, "color": role.colour, "opacity": 1}
        if name == "plain":
            marker["line"] = {"width": 1.8, "color": role.colour}
        still.append(
            trace_of(
                points,
                mode="lines+markers+text" if numbered else "lines+markers",
                text=[f"{t + 1}" for t in range(thoughts)] if numbered else None,
                textposition="middle center",
                textfont={"size": 9, "color": "#FFFFFF" if name == "refined" else ink.text},
                marker=marker,
            )
            | style
        )

    def moving(t: int, k: int) -> list[dict]:
        here = np.stack([paths["weak"][t], paths["strong"][t], paths["plain"][t], rounds[t, k]])
        colours = [ROLES[n].colour for n in ("weak", "strong", "plain", "refined")]
        ring = {"symbol": "circle-open", "size": [16, 16, 27, 24], "color": colours, "line": {"width": 2, "color": colours}}
        if dims == 3:
            ring = {"symbol": "circle-open", "size": 11, "color": colours}
        push = rounds[t, : k + 1]
        pull = np.stack([proposed[t], rounds[t, 0]])
        return [
            trace_of(here, mode="markers", marker=ring),
            trace_of(push, **_arrow(len(push), ink.text, dims, 2.4), name="push", legendgroup="push"),
            trace_of(pull, **_arrow(2, ROLES["question"].colour, dims, 1.8), name="residual pull", legendgroup="pull"),
        ]

    return Panel(still, moving)


def _arrow(points: int, colour: str, dims: int, width: float) -> dict:
    """Style of a polyline that ends in an arrow head."""
    if dims == 3:
        marker = {"size": [0] * (points - 1) + [4], "symbol": "diamond", "color": colour}
        return {"mode": "lines+markers", "line": {"color": colour, "width": 2.5 * width}, "marker": marker}
    marker = {"size": [0] * (points - 1) + [9], "symbol": "arrow", "angleref": "previous", "color": colour}
    return {"mode": "lines+markers", "line": {"color": colour, "width": width}, "marker": marker}


# --- the problem's graph ----------------------------------------------------------------------------------------------


def graph_panel(trace: Trace, refined: Curves, plain: Curves, theme: str, width: float, height: float) -> Panel:
    """The graph in layers from the asked root; width, height: of the panel in pixels, so that sizes fit."""
    q, ink = trace.problem.graph, INK[theme]
    drawn = layers(q)
    x, y = drawn.x, drawn.y
    row, column = height / (drawn.rows + 0.4), width / max(drawn.columns, 1)
    size = float(np.clip(row - 15, 13, 24))
    n, frontiers = len(q.names), q.frontiers(len(trace.runs["refined"].states))
    axes = {"type": "scatter", "xaxis": "x2", "yaxis": "y2", "showlegend": False, "hoverinfo": "skip"}
    symbol = ["circle"] * n
    for c in q.candidates:
        symbol[c] = "square"
    symbol[q.root] = ROLES["question"].symbol
    size_of = np.where(np.array(symbol) == "diamond", size + 5, size)
    lines, heads = _edges(x, y, q.edges, column, row)
    faint = ["rgba(127,135,145,0.55)" if drawn.reached[s] else "rgba(127,135,145,0.28)" for s, _ in q.edges]
    name_colour = [ink.text if r else ink.muted for r in drawn.reached]
    name_colour[q.root], name_colour[q.answer] = ROLES["question"].colour, ROLES["right"].colour
    name_colour[q.distractor] = ROLES["wrong"].colour
    bold = {q.root, *q.candidates}
    still = [
        axes | {"mode": "lines", "x": lines[0], "y": lines[1], "line": {"color": "rgba(127,135,145,0.38)", "width": 1.1}},
        axes
        | {
            "mode": "markers",
            "x": heads[0],
            "y": heads[1],
            "marker": {
                "symbol": "arrow",
                "angleref": "previous",
                "size": [0, 7] * len(q.edges),
                "standoff": size / 2 + 1,
                "color": [c for c in faint for _ in (0, 1)],
            },
        },
        axes
        | {
            "mode": "markers",
            "x": [x[q.answer]],
            "y": [y[q.answer]],
            "name": "right answer",
            "marker": {"symbol": "circle-open", "size": size + 14, "color": ROLES["right"].colour, "line": {"width": 2.4}},
        },
    ]
    # dark green is hard to read on a dark page: the name takes the ink there, the ring keeps the colour
    if theme == "dark":
        name_colour[q.answer] = name_colour[q.distractor] = ink.text
    names = axes | {
        "mode": "text",
        "x": x.tolist(),
        "y": (y + (size / 2 + 8) / row).tolist(),
        "text": [f"<b>{name}</b>" if i in bold else name for i, name in enumerate(q.names)],
        "textfont": {"size": 10.5, "color": name_colour},
        "textposition": "middle center",
    }
    names["text"][q.answer] += " " + ROLES["right"].glyph
    p, p_plain = trace.runs["refined"].node_p, trace.runs["plain"].node_p

    def moving(t: int, k: int) -> list[dict]:
        now, before = p[t, k], p_plain[t, -1]
        outline = [ROLES["frontier"].colour if i in frontiers[t] else rgba("plain", 0.55) for i in range(n)]
        outline[q.root] = ROLES["question"].colour if q.root not in frontiers[t] else outline[q.root]
        share = np.sqrt(now)
        return [
            axes
            | {
                "mode": "markers",
                "x": x.tolist(),
                "y": y.tolist(),
                "name": "probability",
                "customdata": now.round(4).tolist(),
                "hoverinfo": "text",
                "hovertext": [
                    f"<b>{q.names[i]}</b><br>refined {now[i]:.1%}, plain {before[i]:.1%}"
                    + ("<br>on the true frontier" if i in frontiers[t] else "")
                    for i in range(n)
                ],
                "marker": {
                    "symbol": symbol,
                    "size": size_of.tolist(),
                    "color": [mix("refined", float(s), theme) for s in share],
                    "opacity": 1,
                    "line": {"color": outline, "width": [4 if i in frontiers[t] else 1 for i in range(n)]},
                },
            },
            axes
            | {
                "mode": "text",
                "x": x.tolist(),
                "y": y.tolist(),
                "text": [f"{100 * v:.0f}" if v >= SPOKEN else "" for v in now],
                "textfont": {"size": 9.5, "color": ["#FFFFFF" if s > 0.6 or theme == "dark" else ink.text for s in share]},
                "textposition": "middle center",
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
        return f"thought {hops}: nothing is {what} away; no true frontier"
    return f"thought {hops}: <b>{refined:.0%}</b> on what is {what} away (plain {plain:.0%})"


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
    drawn = layers(trace.problem.graph)
    return (-0.5, drawn.columns - 0.5), (drawn.rows - 0.4, -1.05)


# --- problems without a graph: the words ------------------------------------------------------------------------------


def text_panel(trace: Trace, theme: str, wide: int = 62) -> Panel:
    """Question and the five most probable tokens of the thought, in the graph's place."""
    ink = INK[theme]
    axes = {"type": "scatter", "xaxis": "x2", "yaxis": "y2", "showlegend": False, "hoverinfo": "skip", "mode": "text"}
    words, lines = trace.problem.question.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) >= wide:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    shown = lines[:9] + (["…"] if len(lines) > 9 else [])
    still = [
        axes
        | {
            "x": [0.0],
            "y": [0.0],
            "text": ["<br>".join(_plain_text(line) for line in shown)],
            "textposition": "bottom right",
            "textfont": {"size": 11.5, "color": ink.text},
            "name": "question",
        }
    ]

    def moving(t: int, k: int) -> list[dict]:
        out = []
        for place, (name, moment) in enumerate((("refined", k), ("plain", -1))):
            run = trace.runs[name]
            rows = [f"<b>{ROLES[name].glyph} {ROLES[name].label}</b>"] + [
                f"{_plain_text(trace.tokens[int(i)])}  {v:.0%}"
                for i, v in zip(run.top_ids[t, moment], run.top_p[t, moment], strict=True)
            ]
            style = {"textposition": "bottom right", "textfont": {"size": 12, "color": ROLES[name].colour}, "name": name}
            out.append(axes | {"x": [0.5 * place], "y": [5.6], "text": ["<br>".join(rows)]} | style)
        return out

    return Panel(still, moving)


def _plain_text(text: str) -> str:
    """Text of a user or a model, safe inside Plotly's markup."""
    return text.replace("Ġ", " ").replace("▁", " ").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# --- curves in full dimension -----------------------------------------------------------------------------------------


def curve_panels(trace: Trace, refined: Curves, plain: Curves, theme: str) -> Panel:
    """Distances to strong and weak; movements in % of ‖h‖; answer margin. Axes x3/y3, x4/y4 and x5/y5."""
    thoughts = list(range(1, len(refined.length) + 1))
    still = []

    def line(axis: int, values: np.ndarray, role: str, name: str, run: str, unit: str = "", **rest) -> None:
        solid = run == "refined"
        style = {
            "type": "scatter",
            "xaxis": f"x{axis}",
            "yaxis": f"y{axis}",
            "mode": "lines+markers",
            "x": thoughts,
            "y": [None if not np.isfinite(v) else float(v) for v in values],
            "name": name,
            "showlegend": False,
            "line": {"color": ROLES[role].colour, "width": 2 if solid else 1.4, "dash": "solid" if solid else "dot"},
            "marker": {"symbol": ROLES[role].symbol, "size": 6, "color": ROLES[role].colour},
            "hovertemplate": f"{name}, thought %{{x}}: %{{y:.3g}}{unit}<extra></extra>",
        }
        still.append(style | rest)

    for name, role in (("weak", "weak"), ("strong", "strong")):
        for run, c in (("plain", plain), ("refined", refined)):
            line(3, getattr(c, f"to_{name}")[:, -1], role, f"{run} to {name}", run)
    steps = {"marker": {"symbol": "circle", "size": 4, "color": rgba("plain", 0.75)}}
    line(4, _shown(refined.percent("step_change")), "plain", "step change, refined", "plain", " % of ‖h‖", **steps)
    push = {"marker": {"symbol": "arrow-up", "size": 7, "color": INK[theme].text}}
    push |= {"line": {"color": INK[theme].text, "width": 2}}
    line(4, _shown(refined.percent("push")), "refined", "push", "refined", " % of ‖h‖", **push)
    line(4, _shown(refined.percent("deviation")), "refined", "deviation from plain", "refined", " % of ‖h‖")
    line(5, plain.margin, "plain", "plain margin", "plain", " nats")
    line(5, refined.margin, "refined", "refined margin", "refined", " nats")
    values = {3: (refined.to_strong, refined.to_weak), 4: (refined.percent("round_push"),), 5: ()}
    roles = {3: ("strong", "weak"), 4: ("refined",), 5: ()}
    ends = {axis: list(limits) for axis, limits in curve_ranges(plain).items()}
    ends[4] = [FLOOR, CEILING]

    def moving(t: int, k: int) -> list[dict]:
        out = []
        for axis in (3, 4, 5):
            y = [float(v[t, k]) for v in values[axis]]
            colours = [ROLES[r].colour for r in roles[axis]]
            if axis == 4:
                y, colours = [None if not v > 0 else v for v in y], [INK[theme].text]
            if axis == 5:
                y, colours = [float(plain.margin[t]), float(refined.margin[t])], [ROLES[r].colour for r in ("plain", "refined")]
            out.append(
                {
                    "type": "scatter",
                    "xaxis": f"x{axis}",
                    "yaxis": f"y{axis}",
                    "mode": "markers",
                    "showlegend": False,
                    "hoverinfo": "skip",
                    "x": [t + 1] * len(y),
                    "y": y,
                    "marker": {"symbol": "circle-open", "size": 13, "color": colours, "line": {"width": 2, "color": colours}},
                    "name": "now",
                }
            )
            out.append(
                {
                    "type": "scatter",
                    "xaxis": f"x{axis}",
                    "yaxis": f"y{axis}",
                    "mode": "lines",
                    "showlegend": False,
                    "hoverinfo": "skip",
                    "x": [t + 1, t + 1],
                    "y": ends[axis],
                    "line": {"color": INK[theme].muted, "width": 1.2},
                    "name": "cursor",
                }
            )
        return out

    return Panel(still, moving)


def _shown(percent: np.ndarray) -> np.ndarray:
    """Movements for a logarithmic axis: what is exactly zero has no place on it."""
    return np.where(percent > 0, percent, np.nan)


def curve_ranges(plain: Curves) -> dict[int, tuple[float, float]]:
    """Limits of the three curve panels, from the plain run alone: no slider of the refinement moves them.

    Movements are drawn on a logarithmic axis of fixed ends (log10 of per cent), margins symmetrically about zero.
    """
    far = 1.6 * float(max(plain.to_strong.max(initial=0), plain.to_weak.max(initial=0), 1e-3))
    margin = max(4.0, 1.5 * float(np.abs(plain.margin).max(initial=0)))
    return {3: (0.0, far), 4: (float(np.log10(FLOOR)), float(np.log10(CEILING))), 5: (-margin, margin)}
