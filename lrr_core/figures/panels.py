"""The panels of the Explore figure: what is drawn in each, as plain trace dictionaries. `figures` puts them together.

Every panel has traces that stand `still` and traces that follow the moment looked at: `moving(t, k)` gives those for
thought t (from 0) after round k (0 is after residual mixing). A panel only reads a record and its curves; every number it
draws is a number of `metrics` or a place on a `Map`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..analysis.curves import Curves
from ..analysis.projection import Map
from ..colours import INK, ROLES, rgba
from ..refinement.trace import Trace

MOST_BACKGROUND = 1200  # points: enough to show the shape, few enough to draw at once
FLOOR, CEILING = 0.1, 1000.0  # % of ‖h‖, ends of the logarithmic axis of movements


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
    refined, thoughts = runs["refined"], len(runs["refined"].states)
    # one call for all: (T, 4 + 1 + K+1, D)
    fed = np.stack([run.thoughts for run in runs.values()], 1)
    places = m.place(np.concatenate([fed, refined.proposed[:, None], refined.states], 1))
    paths = {name: places[:, i] for i, name in enumerate(runs)}  # (T, dims)
    proposed, rounds = places[:, 4], places[:, 5:]
    near = dict(zip(runs, m.neighbour_distance(fed).T, strict=True))

    def trace_of(points: np.ndarray, **rest) -> dict:
        axes = dict(zip("xyz", np.asarray(points, float).T.round(4).tolist(), strict=False))
        where = (
            {"type": "scatter3d", "scene": "scene"} if dims == 3 else {"type": "scatter", "xaxis": "x", "yaxis": "y"}
        )
        return where | axes | {"hoverinfo": "skip", "showlegend": False} | rest

    every = max(1, -(-len(m.points) // MOST_BACKGROUND))
    dots = {"color": ink.muted, "size": 1.2 if dims == 3 else 3.2, "opacity": 0.28, "line": {"width": 0}}
    still = [trace_of(m.points[::every], mode="markers", marker=dots, name="thoughts of other problems")]
    for name, points in paths.items():
        role = ROLES[name]
        numbered = name in ("plain", "refined")
        style: dict[str, Any] = {
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
            still.append(trace_of(points, **_solid(name, thoughts)) | style)
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
        ring: dict[str, Any] = {
            "symbol": "circle-open",
            "size": [16, 16, 27, 24],
            "color": colours,
            "line": {"width": 2, "color": colours},
        }
        if dims == 3:
            ring = {"symbol": "circle-open", "size": 10, "color": colours}
        push = rounds[t, : k + 1]
        pull = np.stack([proposed[t], rounds[t, 0]])
        return [
            trace_of(here, mode="markers", marker=ring),
            trace_of(push, **_arrow(len(push), ink.text, dims, 2.4), name="push arrow", legendgroup="contrast push"),
            trace_of(pull, **_arrow(2, ink.muted, dims, 1.8), name="pull arrow", legendgroup="residual pull"),
        ]

    return Panel(still, moving)


def _solid(name: str, thoughts: int) -> dict:
    """Style of a run in three dimensions. Only the refined run is numbered: two numbers in one place could not be read."""
    role = ROLES[name]
    text = {"mode": "lines+markers+text", "textposition": "middle center", "text": [role.glyph] * thoughts}
    if name in ("strong", "weak"):
        hidden = {"size": 1, "color": role.colour, "opacity": 0}
        return text | {"textfont": {"color": role.colour, "size": 13}, "marker": hidden}
    marker = {"size": {"refined": 6, "plain": 8}[name], "symbol": role.symbol, "color": role.colour}
    if name == "plain":
        return {"mode": "lines+markers", "marker": marker}
    numbers = [f"{t + 1}" for t in range(thoughts)]
    return text | {"text": numbers, "textfont": {"color": "#FFFFFF", "size": 10}, "marker": marker}


def _arrow(points: int, colour: str, dims: int, width: float) -> dict:
    """Style of a polyline that ends in an arrow head."""
    if dims == 3:
        marker: dict[str, Any] = {"size": [0] * (points - 1) + [4], "symbol": "diamond", "color": colour}
        return {"mode": "lines+markers", "line": {"color": colour, "width": 2.5 * width}, "marker": marker}
    marker = {
        "size": [0] * (points - 1) + [9],
        "symbol": "arrow",
        "angleref": "previous",
        "color": colour,
        "line": {"width": 0},
    }
    return {"mode": "lines+markers", "line": {"color": colour, "width": width}, "marker": marker}


# --- problems without a graph: the words ------------------------------------------------------------------------------


def plain_text(text: str) -> str:
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
    push = {"marker": {"symbol": "circle", "size": 5, "color": INK[theme].text}}
    push |= {"line": {"color": INK[theme].text, "width": 2}}
    line(4, _shown(refined.percent("push")), "refined", "push", "refined", " % of ‖h‖", **push)
    line(4, _shown(refined.percent("deviation")), "refined", "deviation from plain", "refined", " % of ‖h‖")
    line(5, plain.margin, "plain", "plain margin", "plain", " nats")
    line(5, refined.margin, "refined", "refined margin", "refined", " nats")
    values = {3: (refined.to_strong, refined.to_weak), 4: (refined.percent("round_push"),)}
    colours = {3: [ROLES["strong"].colour, ROLES["weak"].colour], 4: [INK[theme].text]}
    colours[5] = [ROLES["plain"].colour, ROLES["refined"].colour]
    ends = {axis: list(limits) for axis, limits in curve_ranges(plain).items()}
    ends[4] = [FLOOR, CEILING]

    def moving(t: int, k: int) -> list[dict]:
        now = {axis: [float(v[t, k]) for v in values[axis]] for axis in (3, 4)}
        now[4] = [v for v in now[4] if v > 0]
        now[5] = [float(plain.margin[t]), float(refined.margin[t])]
        out = []
        for axis, y in now.items():
            rings = [colour for colour, _ in zip(colours[axis], y, strict=False)]
            style = {
                "symbol": "circle-open",
                "size": [0, *[13] * len(y), 0],
                "color": ["rgba(0,0,0,0)", *rings, "rgba(0,0,0,0)"],
            }
            out.append(
                {
                    "type": "scatter",
                    "xaxis": f"x{axis}",
                    "yaxis": f"y{axis}",
                    "mode": "lines+markers",
                    "showlegend": False,
                    "hoverinfo": "skip",
                    "x": [t + 1] * (len(y) + 2),
                    "y": [ends[axis][0], *y, ends[axis][1]],
                    "line": {"color": INK[theme].muted, "width": 1.2},
                    "marker": style | {"line": {"width": 2}},
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


def off_the_axes(refined: Curves, plain: Curves) -> dict[int, tuple[str, str]]:
    """What a fixed axis cannot hold, by panel: (at which thoughts, every curve that leaves and how far it goes), in words. A run
    that breaks must be seen to break, not to vanish."""
    limits, percent = curve_ranges(plain), ("step_change", "push", "deviation")
    shown = {
        3: {"strong": refined.to_strong[:, -1], "weak": refined.to_weak[:, -1]},
        4: {n.split("_")[0]: np.log10(np.maximum(refined.percent(n), FLOOR)) for n in percent},
        5: {"margin": refined.margin},
    }
    out = {}
    for axis, curves in shown.items():
        low, high = limits[axis]
        thoughts, said, above = set(), [], False
        for name, values in curves.items():
            values = np.where(np.isfinite(values), values, np.clip(0.0, low, high))
            outside = (values < low) | (values > high)
            if outside.any():
                worst = values[outside][np.abs(values[outside]).argmax()]
                above |= bool(worst > high)
                said.append(f"{name} to {10**worst:.2g} %" if axis == 4 else f"{name} to {worst:.3g}".replace("-", "−"))
                thoughts |= set((np.flatnonzero(outside) + 1).tolist())
        if said:
            first, last = min(thoughts), max(thoughts)
            where = f"thought {first}" if first == last else f"thoughts {first} to {last}"
            out[axis] = f"{'▲' if above else '▼'} off the axis at {where}:", ", ".join(said)
    return out
