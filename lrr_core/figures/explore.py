"""Records become figures. `explore_figure` is the one figure of the Explore page: map, graph and curves that move together.

    fig = explore_figure(trace, background.map("UMAP", 2), theme="light")

One slider and its buttons drive all panels through Plotly frames in the browser; every frame names the traces it changes and
nothing else is redrawn. Axes are fixed by the background, the graph and the plain run, so that no slider of the refinement
moves them. Colours and markers come from `colours`, what is inside a panel from `panels`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.graph_objects import Figure as Figure  # the type of what pages show

from ..analysis.curves import curves
from ..analysis.fitting import run_map as run_map  # where pages look for it
from ..analysis.projection import Map
from ..colours import INK, ROLES, Ink, written
from ..refinement.trace import Trace
from .graph_panel import graph_panel, graph_ranges
from .panels import Panel, curve_panels, curve_ranges, map_panel, off_the_axes
from .player import player as shared_player
from .token_panel import token_panel

FONT = "Source Sans, Source Sans Pro, Segoe UI, Helvetica Neue, Arial, sans-serif"
GRAPH_NOTE = "fill and number: refined run · grey dot: plain run · ◆ asked about · ■ candidates"
MOVES = ("x", "y", "z", "text", "hovertext", "customdata", "marker", "textfont")  # what a frame may change
PAUSE = 900  # ms per moment while playing


@dataclass(frozen=True)
class Layout:
    """Where the panels stand, in pixels from the top left: (left, top, width, height) of map, graph and three curves."""

    width: int
    height: int
    map: tuple[int, int, int, int]
    graph: tuple[int, int, int, int]
    curves: tuple[tuple[int, int, int, int], ...]
    controls: int

    def domain(self, box: tuple[int, int, int, int]) -> tuple[list[float], list[float]]:
        left, top, width, height = box
        x = [left / self.width, (left + width) / self.width]
        return x, [1 - (top + height) / self.height, 1 - top / self.height]


WIDE = Layout(
    width=840,
    height=668,
    map=(2, 58, 398, 322),
    graph=(428, 58, 410, 322),
    curves=((34, 448, 226, 116), (314, 448, 226, 116), (606, 448, 230, 116)),
    controls=603,
)
NARROW = Layout(
    width=480,
    height=1354,
    map=(2, 92, 474, 330),
    graph=(2, 498, 474, 346),
    curves=((36, 1022, 438, 66), (36, 1140, 438, 66), (36, 1258, 438, 66)),
    controls=886,
)


def moments(trace: Trace) -> list[tuple[int, int]]:
    """(thought from 0, round) of every frame, in order."""
    thoughts, rounds = trace.runs["refined"].states.shape[:2]
    return [(t, k) for t in range(thoughts) for k in range(rounds)]


def explore_figure(
    trace: Trace,
    m: Map,
    theme: str = "light",
    narrow: bool = False,
    at: int | None = None,
    thoughts: int | None = None,
) -> go.Figure:
    """The Explore figure of one trace on one map.

    theme: "light" or "dark"; narrow: one panel below the other; at: the thought (1 ... T) it opens on, after its last
    round; thoughts: length of the curves' axis where the run was stopped early.
    """
    place = NARROW if narrow else WIDE
    refined, plain = curves(trace, "refined"), curves(trace, "plain")
    graph = trace.problem.graph is not None
    second = (
        graph_panel(trace, refined, plain, theme, place.graph[2], place.graph[3])
        if graph
        else token_panel(trace, theme)
    )
    panels = [map_panel(trace, m, theme), second, curve_panels(trace, refined, plain, theme)]
    steps = moments(trace)
    if not steps:
        raise ValueError("A run without thoughts has nothing to look at; give at least one thought.")
    last = max(k for _, k in steps)
    start = steps.index((min(at or 1, len(refined.length)) - 1, last))
    data, slots = _stack(panels, steps[start], INK[theme])
    figure: dict[str, Any] = {
        "data": data,
        "layout": _layout(trace, m, place, theme, graph, curve_ranges(plain), thoughts or len(refined.length)),
        "frames": [_frame(panels, slots, step, m.dims) for step in steps],
    }
    _say_what_is_off(figure["layout"], off_the_axes(refined, plain), narrow, theme)
    figure["layout"] |= player(steps, last, start, place, theme, m.dims)
    return AnimatedFigure(figure)


class AnimatedFigure(go.Figure):
    """A figure whose frames stay plain dictionaries; `to_dict`, and with it JSON, HTML and Streamlit, has them.

    Plotly would build and check an object for each of the hundred traces in them, which takes longer than all the rest of
    a slider's way to its figure. `go.Figure(film.to_dict())` is the same figure, checked; the tests work on that.
    """

    def __init__(self, figure: dict):
        super().__init__({"data": figure["data"], "layout": figure["layout"]}, _validate=False)
        self._film = figure["frames"]

    def to_dict(self) -> dict:
        return super().to_dict() | {"frames": self._film}


def _stack(panels: list[Panel], step: tuple[int, int], ink: Ink) -> tuple[list[dict], list[int]]:
    """All traces at one moment, and the places of those that move. Moving ones lie between a panel's own still ones."""
    data, slots = [], []
    for panel in panels:
        data += panel.still
        for trace in panel.moving(*step):
            slots.append(len(data))
            data.append(trace)
    return [*data, *_legend(ink)], slots


def _frame(panels: list[Panel], slots: list[int], step: tuple[int, int], dims: int) -> dict:
    traces = [trace for panel in panels for trace in panel.moving(*step)]
    changed = [{"type": t["type"]} | {key: t[key] for key in MOVES if key in t} for t in traces]
    return {"name": _name(*step), "traces": slots, "data": changed}


def _name(t: int, k: int) -> str:
    return f"{t + 1}.{k}"


def _legend(ink: Ink) -> list[dict]:
    """Entries for what is drawn by more than one trace, so that every colour is explained once."""
    entries = []
    for name in ("plain", "refined", "strong", "weak", "frontier"):
        role = ROLES[name]
        line = {"width": {"plain": 1.8, "frontier": 3}.get(name, 0), "color": role.colour}
        marker = {"symbol": role.symbol, "size": 11, "color": role.colour, "line": line}
        entries.append({"name": role.label, "legendgroup": name, "mode": "markers", "marker": marker})
    for name, colour in (("contrast push", ink.text), ("residual pull", ink.muted)):
        marker = {"symbol": "arrow-right", "size": 10, "color": colour}
        entries.append({"name": name, "legendgroup": name, "mode": "markers", "marker": marker})
    rest = {
        "type": "scatter",
        "xaxis": "x2",
        "yaxis": "y2",
        "x": [None],
        "y": [None],
        "showlegend": True,
        "hoverinfo": "skip",
    }
    return [e | rest for e in entries]


def _layout(trace: Trace, m: Map, place: Layout, theme: str, graph: bool, limits: dict, thoughts: int) -> dict:
    ink = INK[theme]
    bare = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": "", "fixedrange": False}
    frame = {"showline": True, "linecolor": ink.grid, "linewidth": 1, "mirror": True}
    grid = {"gridcolor": ink.grid, "zerolinecolor": ink.grid, "tickfont": {"size": 10, "color": ink.muted}}
    x, y = place.domain(place.map)
    ranges = [list(r) for r in m.ranges()]
    layout: dict = {}
    if m.dims == 2:
        layout["xaxis"] = bare | frame | {"domain": x, "range": ranges[0], "anchor": "y"}
        layout["yaxis"] = bare | frame | {"domain": y, "range": ranges[1], "anchor": "x"}
    else:
        bare3d = {"showticklabels": False, "title": {"text": ""}, "showbackground": False, "gridcolor": ink.lattice}
        bare3d |= {"zeroline": False, "showspikes": False, "linecolor": ink.lattice}
        layout["scene"] = {f"{n}axis": bare3d | {"range": r} for n, r in zip("xyz", ranges, strict=True)}
        layout["scene"] |= {"domain": {"x": x, "y": y}, "aspectmode": "cube", "dragmode": "turntable"}
        layout["scene"]["camera"] = {"eye": {"x": 1.05, "y": 1.05, "z": 0.65}}
    x, y = place.domain(place.graph)
    across, down = map(list, graph_ranges(trace) if graph else ((0.0, 1.0), (10.0, -0.2)))
    layout["xaxis2"] = bare | {"domain": x, "range": across, "anchor": "y2"}
    layout["yaxis2"] = bare | {"domain": y, "range": down, "anchor": "x2"}
    for axis, box in zip((3, 4, 5), place.curves, strict=True):
        x, y = place.domain(box)
        ticks = {"tickmode": "array", "tickvals": list(range(1, thoughts + 1)), "showgrid": False}
        ticks["title"] = {"text": "thought", "font": {"size": 10, "color": ink.muted}, "standoff": 1}
        layout[f"xaxis{axis}"] = grid | ticks | {"domain": x, "range": [0.6, thoughts + 0.4], "anchor": f"y{axis}"}
        layout[f"yaxis{axis}"] = grid | {"domain": y, "range": list(limits[axis]), "anchor": f"x{axis}", "nticks": 5}
    layout["yaxis4"] |= {
        "type": "log",
        "tickvals": [0.1, 1, 10, 100, 1000],
        "ticktext": ["0.1", "1", "10", "100", "1000"],
    }
    layout["yaxis5"] |= {"zeroline": True, "zerolinecolor": ink.muted, "zerolinewidth": 1}
    return layout | {
        "template": {},  # nothing is left to a default theme
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": ink.text},
        "height": place.height,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "annotations": _titles(trace, m, place, theme, graph),
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "top",
            "font": {"size": 12, "color": ink.text},
            "itemsizing": "constant",
        },
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "uirevision": f"{trace.problem.id} {m.kind} {m.dims}",
        # upright, because lying it would cover the end of the legend
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink.muted, "activecolor": ink.text, "orientation": "v"},
    }


def _titles(trace: Trace, m: Map, place: Layout, theme: str, graph: bool) -> list[dict]:
    """Panel titles, the map's quality and how to read it, and what the vertical axes are, as text on the chart."""
    ink = INK[theme]

    def text(box, words: str, size: float = 13, colour: str = ink.text, dy: float = -6, bottom: bool = False) -> dict:
        left, top, _, height = box
        y = 1 - (top + height + 4) / place.height if bottom else 1 - (top + dy) / place.height
        style = {"text": words, "font": {"size": size, "color": colour}, "showarrow": False, "align": "left"}
        anchor = {"xref": "paper", "yref": "paper", "x": left / place.width, "y": y, "xanchor": "left"}
        return style | anchor | {"yanchor": "top" if bottom else "bottom"}

    strong, weak = (f'<span style="color:{written(n, theme)}">{ROLES[n].glyph} {n}</span>' for n in ("strong", "weak"))
    second = "What it is thinking" if graph else "The question, and what each thought decodes to"
    blue = f'<span style="color:{written("refined", theme)}">'
    notes = [
        text(place.map, f"<b>Map of thoughts</b> · {m.kind}"),
        text(place.map, f"{m.measured}<br>{m.reading}", 11, ink.muted, bottom=True),
        text(place.graph, f"<b>{second}</b>" + (" · probability of each node, %" if graph else "")),
        text(
            place.graph,
            GRAPH_NOTE if graph else "most probable tokens under the logit lens, % · H: its entropy in nats, at least",
            11,
            ink.muted,
            bottom=True,
        ),
        text(place.curves[0], f"<b>Distance</b> to {strong} and {weak}"),
        text(place.curves[1], f"<b>Movement</b> in % of ‖h‖: push, {blue}deviation</span>, step"),
        text(place.curves[2], "<b>Answer margin</b> in nats"),
    ]
    for box, words, role in ((place.curves[2], "right", "right"), (place.curves[2], "wrong", "wrong")):
        left, top, width, height = box
        notes.append(
            {
                "text": f"{ROLES[role].glyph} {words}",
                "font": {"size": 11, "color": written(role, theme)},
                "showarrow": False,
                "xref": "paper",
                "yref": "paper",
                "x": (left + width - 3) / place.width,
                "y": 1 - (top + (2 if role == "right" else height - 2)) / place.height,
                "xanchor": "right",
                "yanchor": "top" if role == "right" else "bottom",
            }
        )
    return notes


def _say_what_is_off(layout: dict, words: dict[int, tuple[str, str]], narrow: bool, theme: str) -> None:
    """Below the axis of each curve panel that could not draw everything, where nothing is covered."""
    for axis, (where, which) in words.items():
        title = layout[f"xaxis{axis}"]["title"]
        said = f"{where}{' ' if narrow else '<br>'}{which}"
        title["text"] += f' · <span style="color:{written("wrong", theme)}">{said}</span>'


def player(steps: list, last: int, start: int, place: Layout, theme: str, dims: int) -> dict:
    """The player of a figure whose moments are (thought, round); last: how many rounds a thought has."""
    names, labels = [_name(*step) for step in steps], [_moment(t, k, last) for t, k in steps]
    where: dict[str, Any] = {
        "width": place.width,
        "height": place.height,
        "top": place.controls,
        "narrow": place is NARROW,
    }
    return shared_player(names, labels, start, theme, **where, pause=PAUSE, redraw=dims == 3)


def _moment(t: int, k: int, rounds: int) -> str:
    """What the slider says about a moment."""
    if rounds == 0:
        return f"thought {t + 1}"
    if k == 0:
        return f"thought {t + 1}: before the push"
    return f"thought {t + 1}: after the push" if rounds == 1 else f"thought {t + 1}: round {k} of {rounds}"
