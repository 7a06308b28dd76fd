"""A search frontier inside a thought: the problem's graph, read from the model's own thoughts and from zeros in their place.

Graph and shading are those of the Explore page (`graph_panel`); the bars below are what the model would answer by then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..analysis.curves import curves
from ..analysis.summary import readers_names
from ..colours import ROLES, rgba, written
from ..figures.explore import AnimatedFigure
from ..figures.graph_panel import graph_panel, graph_ranges
from ..figures.panels import plain_text
from ..refinement.trace import Trace
from .stage import Stage


def frontier_figure(trace: Trace, theme: str = "light", narrow: bool = False) -> AnimatedFigure:
    """The problem's graph twice, thought by thought: read from the model's own thoughts, and from zeros in their place.

    Below each, what it would answer now. trace: with the runs "plain" and "zero_thoughts".
    """
    stage = Stage(480, 900, theme, True) if narrow else Stage(840, 470, theme)
    wide, high = (470, 318) if narrow else (400, 330)
    corners = [(4, 44), (4, 494)] if narrow else [(0, 44), (436, 44)]
    sides = [("plain", "Its own thoughts"), ("zero_thoughts", "Zeros in their place")]
    layout: dict[str, Any] = {}
    still, parts = [], []
    for number, ((left, top), (name, title)) in enumerate(zip(corners, sides, strict=True)):
        graph, bars = 2 + 2 * number, 3 + 2 * number
        across, down = graph_ranges(trace)
        layout |= stage.axes(graph, (left, top, wide, high), across, down)
        layout |= stage.axes(bars, (left + 74, top + high + 18, wide - 130, 52), (0, 1), (1.6, -0.6))
        only = replace(trace, runs=trace.runs | {"refined": trace.runs[name], "plain": trace.runs[name]})
        c = curves(only, "refined")
        panel = graph_panel(only, c, c, theme, wide, high)
        still += [_on(graph, t) for t in panel.still]
        still += _bar_frame(stage, trace, bars)
        still.append(stage.words(left, top - 30, f"<b>{title}</b>", 15))
        still.append(stage.words(left, top + high + 4, "if it had to answer now", 11.5, stage.ink.muted))
        parts.append((graph, bars, panel, c, (left, top - 10 if narrow else 36)))
    names = readers_names(trace.problem)

    def moving(t: int) -> list[dict]:
        out = []
        for graph, bars, panel, c, (left, top) in parts:
            out.append(_on(graph, panel.moving(t, 0)[0]))
            out += _bars(stage, trace, bars, c.candidate_p[t])
            out.append(stage.words(left, top, _on_frontier(c.frontier_mass[t, -1], t + 1), 12, stage.ink.muted))
        return out

    count = len(trace.runs["plain"].thoughts)
    q = trace.problem.need_graph()
    asked = plain_text(names[q.names[q.root]])
    labels = [f"thought {t + 1}" for t in range(count)]
    return stage.film(still, moving, layout, labels, 0, title=f"frontier {asked}")


def _on(number: int, trace: dict) -> dict:
    """A trace of a panel, moved to another axis pair."""
    return trace | {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def _on_frontier(mass: float, hops: int) -> str:
    away = "1 hop away" if hops == 1 else f"{hops} hops away"
    if np.isnan(mass):
        return f"thought {hops}: nothing is {away}"
    return f"thought {hops}: <b>{mass:.0%}</b> of its reading is on the nodes {away}"


def _bar_frame(stage: Stage, trace: Trace, number: int) -> list[dict]:
    """Names of the candidates and the full length of their bars."""
    names, answer = readers_names(trace.problem), trace.problem.answer
    out = []
    for i, candidate in enumerate(trace.problem.candidates):
        role = "right" if i == answer else "wrong"
        rail = {"line": {"color": stage.ink.grid, "width": 12}}
        out.append(stage.mark(number, [0, 1], [i, i], "lines", **rail))
        out.append(
            stage.mark(
                number,
                [0],
                [i],
                "text",
                text=[f"{plain_text(names[candidate])} {ROLES[role].glyph} "],
                textposition="middle left",
                textfont={"size": 12, "color": written(role, stage.theme)},
                cliponaxis=False,
            )
        )
    chance = {"line": {"color": stage.ink.muted, "width": 1, "dash": "dot"}}
    return [*out, stage.mark(number, [0.5, 0.5], [-0.5, 1.5], "lines", **chance)]


def _bars(stage: Stage, trace: Trace, number: int, p: np.ndarray) -> list[dict]:
    """Probability of each candidate if it had to answer now."""
    out = []
    for i, value in enumerate(p):
        role = "right" if i == trace.problem.answer else "wrong"
        line = {"color": rgba(role, 0.9), "width": 12}
        out.append(stage.mark(number, [0, float(value)], [i, i], "lines", line=line, name=f"answers {i}"))
    out.append(
        stage.mark(
            number,
            [1.0] * len(p),
            list(range(len(p))),
            "text",
            text=[f" {v:.0%}" for v in p],
            textposition="middle right",
            textfont={"size": 12, "color": stage.ink.text},
            cliponaxis=False,
        )
    )
    return out
