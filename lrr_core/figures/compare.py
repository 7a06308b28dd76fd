"""A comparison becomes small multiples: one panel per method on one map, and a player that moves all of them together.

    fig = compare_figure(comparison, background.map("UMAP", 2), theme="light")

Every panel has the same axes and the same language: the plain run faint, the method's own run strong, strong and weak where
they are at the thought looked at. The bar below a panel is the probability of the
right answer if the model had to answer after that thought. A point carries its method's name, so that a click opens it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..analysis.curves import Curves, curves
from ..analysis.projection import Map
from ..analysis.summary import answer, method_label
from ..colours import INK, ROLES, rgba, written
from ..refinement.methods import METHODS
from ..refinement.trace import Trace
from ..studies.comparison import Comparison
from .explore import FONT, MOVES, AnimatedFigure, Layout, player
from .panels import plain_text

MOST_BACKGROUND = (
    120  # points in each panel: eleven panels are drawn at once, and every point is an element of the page
)
MARGIN = 0.12  # of the drawn extent, around it


@dataclass(frozen=True)
class Grid:
    """Where the panels stand, in pixels: `columns` of `panel` (width, height); above each room for two lines of title, below
    it the bar; the key above them is `key` high; the player stands `above` everything or below it."""

    width: int
    columns: int
    panel: tuple[int, int]
    key: int
    above: bool

    TITLE, STRIP, GAP, PLAYER, NOTE = 42, 7, 10, 62, 22

    def rows(self, count: int) -> int:
        return -(-count // self.columns)

    def height(self, count: int) -> int:
        pitch = self.TITLE + self.panel[1] + self.STRIP + self.GAP
        return self.rows(count) * pitch + self.key + self.NOTE + (2 if self.above else 1) * self.PLAYER

    def top(self) -> int:
        """Where the key begins."""
        return 2 * self.PLAYER if self.above else 0

    def corner(self, i: int) -> tuple[int, int]:
        """(left, top) of panel i."""
        row, column = divmod(i, self.columns)
        left = 1 + column * (self.panel[0] + self.GAP)
        pitch = self.TITLE + self.panel[1] + self.STRIP + self.GAP
        return left, self.top() + self.key + self.TITLE + row * pitch


WIDE = Grid(width=842, columns=6, panel=(131, 150), key=24, above=False)
NARROW = Grid(width=482, columns=2, panel=(235, 180), key=42, above=True)


def compare_figure(
    comparison: Comparison,
    m: Map,
    theme: str = "light",
    narrow: bool = False,
    at: int | None = None,
    close: bool = True,
) -> AnimatedFigure:
    """Small multiples of a comparison on a two-dimensional map.

    at: the thought (1 ... T) it opens on, by default the last; close: axes around the runs that refine the model's own
    thoughts (and the checkpoints'), where thoughts that replace them may lie beyond the edge; else around everything.
    ValueError for a map of three dimensions or a run without thoughts.
    """
    trace, names, grid = comparison.trace, comparison.methods, NARROW if narrow else WIDE
    thoughts = len(trace.runs["plain"].states)
    if m.dims != 2:
        raise ValueError(f"Small multiples need a map of two dimensions, not {m.dims}.")
    if not thoughts:
        raise ValueError("Runs without thoughts have nothing to compare; give at least one thought.")
    paths = places(comparison, m)
    ranges = shared_ranges(paths, close)
    panels = [_Panel(comparison, name, i, paths, m, ranges, theme) for i, name in enumerate(names, 1)]
    at = min(at or thoughts, thoughts)
    data, slots = [], []
    for panel in panels:
        data += panel.still()
        for moving in panel.moving(at - 1):
            slots.append(len(data))
            data.append(moving)
    frames = []
    for t in range(thoughts):
        traces = [moving for panel in panels for moving in panel.moving(t)]
        changed = [{"type": "scatter"} | {key: x[key] for key in MOVES if key in x} for x in traces]
        frames.append({"name": f"{t + 1}.0", "traces": slots, "data": changed})
    layout = _layout(comparison, m, grid, ranges, paths, theme) | _player(grid, len(names), thoughts, at, theme)
    return AnimatedFigure({"data": data, "layout": layout, "frames": frames})


def places(comparison: Comparison, m: Map) -> dict[str, np.ndarray]:
    """Run -> (T, 2) where its fed thoughts lie; one call for all, so that the same state has the same place."""
    names = [*comparison.methods, "plain", "strong", "weak"]
    placed = m.place(np.stack([comparison.trace.runs[name].thoughts for name in names]))
    return dict(zip(names, placed, strict=True))


def shared_ranges(paths: dict[str, np.ndarray], close: bool) -> list[list[float]]:
    """[[low, high], [low, high]], the axes of every panel: around all runs, or around those that keep their own thoughts."""
    points = np.concatenate(
        [p for name, p in paths.items() if not (close and name in METHODS and METHODS[name].replaces)]
    )
    low, high = points.min(0), points.max(0)
    pad = MARGIN * np.maximum(high - low, 1e-6)
    return [list(r) for r in zip((low - pad).tolist(), (high + pad).tolist(), strict=True)]


class _Panel:
    """What is drawn for one method: traces that stand still, and those of a thought."""

    def __init__(self, comparison: Comparison, name: str, axis: int, paths: dict, m: Map, ranges, theme: str):
        self.trace, self.name, self.paths, self.m, self.ranges = comparison.trace, name, paths, m, ranges
        self.axes = {"xaxis": f"x{axis}", "yaxis": f"y{axis}"}
        self.strip = {"xaxis": f"x{axis + 50}", "yaxis": f"y{axis + 50}"}
        self.ink, self.role = INK[theme], "plain" if METHODS[name].plain else "refined"
        self.curves: Curves = curves(comparison.trace, name)

    def still(self) -> list[dict]:
        dots = self._background()
        faint = {"color": rgba("plain", 0.75), "width": 1.2, "dash": "dot"}
        own = {"color": rgba(self.role, 0.55), "width": 1.2}
        marker = {"size": 7, "color": ROLES[self.role].colour, "opacity": 0.6, "line": {"width": 0}}
        tick = {"symbol": "line-ns", "size": 9, "line": {"width": 1.4, "color": self.ink.text}}
        return [
            self._points(dots, mode="markers", marker={"color": self.ink.muted, "size": 2.4, "opacity": 0.3}),
            self._points(self.paths["plain"], mode="lines", line=faint, name=f"{self.name}: plain"),
            self._points(self.paths[self.name], mode="lines+markers", line=own, marker=marker, name=self.name)
            | {
                "hoverinfo": "text",
                "hovertext": self._hover(),
                "customdata": [[self.name]] * len(self.paths[self.name]),
            },
            self._bar([0, 1], self.ink.grid, 5),
            self._bar([1 / max(1, len(self.trace.problem.candidates))] * 2, self.ink.text, 5)
            | {"mode": "markers", "marker": tick},
        ]

    def moving(self, t: int) -> list[dict]:
        """Strong and weak at this thought, the plain run's ring, the way so far, where it stands, and the bar."""
        others = {
            "size": [9, 9],
            "symbol": [ROLES[n].symbol for n in ("weak", "strong")],
            "color": [ROLES[n].colour for n in ("weak", "strong")],
        }
        ring = {"symbol": "circle-open", "size": 20, "color": ROLES["plain"].colour, "line": {"width": 1.6}}
        colour, path = ROLES[self.role].colour, self.paths[self.name]
        head = {"size": 15, "color": colour, "opacity": 1}
        right = self.trace.problem.answer or 0
        share = self.curves.candidate_p[t]
        free = not share.size  # any number may be the answer: there is no share of the right one
        ahead, p = (
            ("right", 0.0) if free else ("right" if int(share.argmax()) == right else "wrong", float(share[right]))
        )
        words = "" if free else f"right answer {p:.0%} after thought {t + 1}"
        return [
            self._points(np.stack([self.paths[n][t] for n in ("weak", "strong")]), mode="markers", marker=others),
            self._points(self.paths["plain"][t : t + 1], mode="markers", marker=ring),
            self._points(path[: t + 1], mode="lines", line={"color": colour, "width": 2.4}),
            self._points(path[t : t + 1], mode="markers+text", marker=head, name=f"{self.name}: now")
            | {"text": [str(t + 1)], "textfont": {"size": 9, "color": "#FFFFFF"}, "hoverinfo": "text"}
            | {"hovertext": self._hover()[t : t + 1], "customdata": [[self.name]]},
            # one bar for each colour, because a frame moves points but repaints no line
            *(
                self._bar([0, p * (mark == ahead)], ROLES[mark].colour, 5)
                | {"hoverinfo": "text", "hovertext": [words] * 2}
                for mark in ("right", "wrong")
            ),
        ]

    def _background(self) -> np.ndarray:
        (left, right), (low, high) = self.ranges
        x, y = self.m.points.T
        seen = self.m.points[(x >= left) & (x <= right) & (y >= low) & (y <= high)]
        return seen[:: max(1, -(-len(seen) // MOST_BACKGROUND))]

    def _hover(self) -> list[str]:
        moved, names = self.curves.percent("deviation"), self.trace.problem.candidates
        lines = []
        for t, share in enumerate(self.curves.candidate_p):
            now = f"{plain_text(names[int(share.argmax())])} {share.max():.0%}" if share.size else "no candidates"
            far = f"{moved[t]:.0f} % of ‖h‖ from plain" if np.isfinite(moved[t]) else "no length"
            lines.append(f"{method_label(self.name)}, thought {t + 1}: {now}<br>{far} · click to open in Explore")
        return lines

    def _points(self, points: np.ndarray, **rest) -> dict:
        x, y = np.asarray(points, float).T.round(4).tolist()
        fixed = {"showlegend": False, "hoverinfo": "skip", "selected": SELECTED, "unselected": SELECTED}
        return {"type": "scatter", "x": x, "y": y} | self.axes | fixed | rest

    def _bar(self, ends: list[float], colour: str, width: float) -> dict:
        line = {"type": "scatter", "x": ends, "y": [0, 0], "mode": "lines", "line": {"color": colour, "width": width}}
        return line | self.strip | {"showlegend": False, "hoverinfo": "skip"}


SELECTED = {"marker": {"opacity": 1}}  # a click opens a method; nothing is dimmed by it


def _layout(comparison: Comparison, m: Map, grid: Grid, ranges: list, paths: dict, theme: str) -> dict:
    ink, count = INK[theme], len(comparison.methods)
    height = grid.height(count)
    place = Layout(grid.width, height, (0,) * 4, (0,) * 4, (), 0)
    bare = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": ""}
    frame = {"showline": True, "linecolor": ink.grid, "linewidth": 1, "mirror": True}
    layout, notes = {}, []
    for i, name in enumerate(comparison.methods):
        left, top = grid.corner(i)
        (width, tall), axis = grid.panel, i + 1
        x, y = place.domain((left, top, width, tall))
        same = {"matches": "x"} if i else {}
        layout[f"xaxis{axis}"] = bare | frame | same | {"domain": x, "range": ranges[0], "anchor": f"y{axis}"}
        same = {"matches": "y"} if i else {}
        layout[f"yaxis{axis}"] = bare | frame | same | {"domain": y, "range": ranges[1], "anchor": f"x{axis}"}
        x, y = place.domain((left, top + tall + 2, width, grid.STRIP))
        fixed = bare | {"fixedrange": True}
        layout[f"xaxis{axis + 50}"] = fixed | {"domain": x, "range": [0, 1], "anchor": f"y{axis + 50}"}
        layout[f"yaxis{axis + 50}"] = fixed | {"domain": y, "range": [-1, 1], "anchor": f"x{axis + 50}"}
        notes.append(
            _note(_title(comparison.trace, name, theme), left, top - 3, grid, height, ink.text, 12.5, "bottom")
        )
        (low, high), (floor, ceiling) = ranges
        x, y = paths[name].T
        if not ((x >= low) & (x <= high) & (y >= floor) & (y <= ceiling)).any():
            notes.append(_note("beyond the edge", left + 8, top + 8, grid, height, ink.muted, 11, "top"))
    bottom = grid.corner(count - 1)[1] + grid.panel[1] + grid.STRIP + 8
    quality = "" if np.isnan(m.quality) else f", {m.quality_name} {m.quality:.2f}"
    notes.append(_note(f"{m.kind}{quality}: {m.reading}", 0, bottom, grid, height, ink.muted, 11, "top"))
    notes.append(_note(_key(theme, grid), 0, grid.top(), grid, height, ink.muted, 12, "top"))
    return layout | {
        "template": {},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": ink.text},
        "height": height,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "showlegend": False,
        "annotations": notes,
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "uirevision": f"{comparison.trace.problem.id} {m.kind}",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink.muted, "activecolor": ink.text},
        "hovermode": "closest",
    }


def _title(trace: Trace, name: str, theme: str) -> str:
    given = answer(trace, name)
    role = {True: "right", False: "wrong", None: "plain"}[given.right]
    said = f'<span style="color:{written(role, theme)}">{plain_text(given.name)} {given.share} {given.mark}</span>'
    return f"<b>{method_label(name).removeprefix('control: ')}</b><br>{said}"


def _key(theme: str, grid: Grid) -> str:
    glyphs = {"refined": "this method", "plain": "plain run", "strong": "strong", "weak": "weak"}
    parts = [f'<span style="color:{written(n, theme)}">{ROLES[n].glyph}</span> {words}' for n, words in glyphs.items()]
    bar = "bar: probability of the right answer if it had to answer now, tick: chance"
    return "   ".join(parts) + ("<br>" if grid.columns < 3 else " · ") + bar


def _note(words: str, left: int, top: int, grid: Grid, height: int, colour: str, size: float, anchor: str) -> dict:
    style = {"text": words, "font": {"size": size, "color": colour}, "showarrow": False, "align": "left"}
    where = {"xref": "paper", "yref": "paper", "x": left / grid.width, "y": 1 - top / height, "xanchor": "left"}
    return style | where | {"yanchor": anchor}


def _player(grid: Grid, count: int, thoughts: int, at: int, theme: str) -> dict:
    """The Explore page's own player, one moment a thought."""
    height = grid.height(count)
    top = 4 if grid.above else height - grid.PLAYER + 8
    place = Layout(grid.width, height, (0,) * 4, (0,) * 4, (), top)
    made = player([(t, 0) for t in range(thoughts)], 0, at - 1, place, theme, 2)
    if grid.above:
        made["sliders"][0] |= {"x": 0.0, "len": 1.0, "y": 1 - (top + 40) / height}
    return made
