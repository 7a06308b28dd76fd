"""A plane of step size and residual mix as a heat map: axes, cells, outlines, names and markers as plain Plotly traces.

The step axis is symmetric-logarithmic (about linear up to 0.1) and its negative half is the printed sign. Every cell has a
marker with customdata (signed step size, residual mix), because cells of a heat map report no clicks. What is drawn on a
grid is decided in `regimes_figure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..colours import INK, ROLES, mix, written
from ..studies.live_pad import to_axis
from .explore import FONT

FEW_TICKS = (-2.0, -1.0, -0.5, -0.2, 0.0, 0.2, 0.5, 1.0, 2.0)
HEIGHT, LOW_HEIGHT = 560, 400
QUIET = {"hoverinfo": "skip", "showlegend": False}


class Grid:
    """Where the cells of a plane lie, and the traces that are drawn on them as plain dictionaries."""

    def __init__(self, step_sizes: np.ndarray, residuals: np.ndarray, theme: str, narrow: bool):
        self.steps, self.mixes, self.theme, self.ink = step_sizes, residuals, theme, INK[theme]
        self.narrow = narrow
        self.x, self.y = to_axis(step_sizes), np.asarray(residuals, float)
        self.edges_x, self.edges_y = edges(self.x), edges(self.y)

    def heat(self, codes: np.ndarray, steps: Sequence[tuple[float, float]], colours: Sequence[str]) -> dict:
        """Cells of a few kinds, each in its colour. codes: (S, A) whole numbers."""
        scale = [[end, colour] for ends, colour in zip(steps, colours, strict=True) for end in ends]
        # the middle of a kind's share of the scale, so that rounding cannot reach the next one
        return self._heat(codes + 0.5, scale, 0, len(colours)) | {"showscale": False}

    def shaded(self, values: np.ndarray, most: float, colours: Sequence[str], bar: tuple[str, list, list]) -> dict:
        """Cells shaded from -most to most through zero; NaN stays empty. bar: title, values and words of the key."""
        title, at, words = bar
        key: dict[str, Any] = {
            "title": {"text": title, "font": {"size": 11}},
            "tickvals": at,
            "ticktext": words,
            "thickness": 10,
        }
        key |= {"len": 0.62, "y": 0.5, "x": 1.01, "outlinewidth": 0, "tickfont": {"size": 11, "color": self.ink.muted}}
        if self.narrow:  # below the axis, so that the cells keep the width
            key |= {"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.36, "len": 0.9}
            key["title"]["side"] = "top"
        scale = [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]
        return self._heat(np.clip(values, -most, most), scale, -most, most) | {"showscale": True, "colorbar": key}

    def _heat(self, values: np.ndarray, scale: list, low: float, high: float) -> dict:
        z = [[None if not np.isfinite(v) else float(v) for v in row] for row in values.T]
        edges = {"x": self.edges_x.tolist(), "y": self.edges_y.tolist()}
        look = {"colorscale": scale, "zmin": low, "zmax": high, "xgap": 1, "ygap": 1, "hoverinfo": "skip"}
        return {"type": "heatmap", "name": "cells", "z": z} | edges | look

    def outline(self, names: np.ndarray) -> dict:
        """A line between every two cells of different names."""
        x, y = [], []
        for i, j in zip(*np.nonzero(names[:-1] != names[1:]), strict=True):
            x += [self.edges_x[i + 1]] * 2 + [None]
            y += [self.edges_y[j], self.edges_y[j + 1], None]
        for i, j in zip(*np.nonzero(names[:, :-1] != names[:, 1:]), strict=True):
            x += [self.edges_x[i], self.edges_x[i + 1], None]
            y += [self.edges_y[j + 1]] * 2 + [None]
        line = {"color": self.ink.text, "width": 1.6}
        return {"type": "scatter", "mode": "lines", "name": "outline", "x": x, "y": y, "line": line} | QUIET

    def names(self, names: np.ndarray, here: tuple[float, float] | None) -> list[dict]:
        """The name of every region, written on its innermost cell that is not the current setting's."""
        names = names.copy()
        if here is not None:
            names[np.abs(self.x - to_axis(here[0])).argmin(), np.abs(self.y - here[1]).argmin()] = ""
        sheet = mix("plain", 0.0, self.theme)
        left, right = 2, len(self.x) - 3  # nearer to an end a name is written inwards
        return [
            {
                "x": self.edges_x[0] if i < left else self.edges_x[-1] if i > right else self.x[i],
                "xanchor": "left" if i < left else "right" if i > right else "center",
                "y": self.y[j],
                "text": f"<b>{name}</b>",
                "showarrow": False,
                "font": {"size": 11 if self.narrow else 13, "color": self.ink.text},
                "bgcolor": sheet,
                "opacity": 0.88,
                "borderpad": 2,
                "captureevents": False,
            }
            for name, i, j in label_places(names, np.diff(self.edges_x).tolist(), np.diff(self.edges_y).tolist())
        ]

    def markers(self, texts: list[list[str]], crossed: np.ndarray) -> dict:
        """One marker a cell for hovering and clicking; a cross where `crossed` (S, A), else nothing to see."""
        cells = [(i, j) for i in range(len(self.steps)) for j in range(len(self.mixes))]
        seen = [bool(crossed[cell]) for cell in cells]
        marker = {
            "symbol": ["x-thin" if cross else "circle" for cross in seen],
            "size": [6 if cross else 12 for cross in seen],
            "color": "rgba(0,0,0,0)",
            "line": {"color": _rgba(self.ink.text, 0.55), "width": [1.2 if cross else 0 for cross in seen]},
        }
        same = {"marker": {"opacity": 1}}  # a click must not fade the others
        return {
            "type": "scatter",
            "mode": "markers",
            "name": "settings",
            "x": [self.x[i] for i, _ in cells],
            "y": [self.y[j] for _, j in cells],
            "customdata": [[float(self.steps[i]), float(self.mixes[j])] for i, j in cells],
            "hovertext": [texts[i][j] for i, j in cells],
            "hoverinfo": "text",
            "marker": marker,
            "selected": same,
            "unselected": same,
            "showlegend": False,
        }

    def current(self, here: tuple[float, float] | None, size: int = 22) -> list[dict]:
        """A ring around the current setting. size: in pixels, wider where something is written in the cells."""
        if here is None:
            return []
        ring = {"symbol": "circle-open", "size": size, "color": self.ink.text, "line": {"width": 3}}
        inner = {"symbol": "circle-open", "size": size - 5, "color": self.ink.paper, "line": {"width": 2}}
        at = {"type": "scatter", "mode": "markers", "x": [float(to_axis(here[0]))], "y": [here[1]]} | QUIET
        return [at | {"name": "current setting", "marker": ring}, at | {"name": "current, inside", "marker": inner}]

    def figure(self, traces: list[dict], notes: list[dict], name: str) -> go.Figure:
        """The traces on their axes. name: what a zoom or selection is kept for."""
        ink, few = self.ink, self.narrow
        key_below = 66 if few and any("colorbar" in trace for trace in traces) else 0
        shown = [s for s in self.steps if not few or s in FEW_TICKS]
        axis = {"showgrid": False, "zeroline": False, "ticks": "outside", "tickcolor": ink.grid}
        axis |= {"tickfont": {"size": 11, "color": ink.muted}, "ticklen": 4}
        title = {"font": {"size": 12, "color": ink.text}}
        notes = [*notes, *self._halves()]
        across, up = ([float(edges[0]), float(edges[-1])] for edges in (self.edges_x, self.edges_y))
        layout = {
            "template": {},  # nothing is left to a default theme
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 12, "color": ink.text},
            "height": (LOW_HEIGHT if few else HEIGHT) + key_below,
            "margin": {"l": 52, "r": 8, "t": 34, "b": 52 + key_below},
            "showlegend": False,
            "hovermode": "closest",
            "hoverdistance": 40,
            "dragmode": "pan",  # Plotly reports clicks only where something can be dragged; the limits leave it nowhere to go
            "hoverlabel": {"font": {"family": FONT, "size": 12}, "align": "left"},
            "uirevision": name,
            "annotations": notes,
            "shapes": [self._middle()],
            "xaxis": axis
            | {"range": across, "minallowed": across[0], "maxallowed": across[1]}
            | {"tickvals": [float(to_axis(s)) for s in shown]}
            | {"ticktext": [signed(s) for s in shown], "tickangle": 0}
            | {"title": title | {"text": "step size s, signed", "standoff": 6}},
            "yaxis": axis
            | {"range": up, "minallowed": up[0], "maxallowed": up[1]}
            | {"tickvals": self.mixes.tolist()}
            | {"ticktext": [f"{a:g}" for a in self.mixes]}
            | {"title": title | {"text": "residual mix α", "standoff": 6}},
        }
        return go.Figure({"data": traces, "layout": layout})

    def _halves(self) -> list[dict]:
        """What the two halves of the step axis are, written above them."""
        strong, away, towards = ROLES["strong"].glyph, "as printed", "descent"
        left = f"◀ {away}" if self.narrow else f"◀ {away}: away from {strong} strong"
        right = f"{towards} ▶" if self.narrow else f"{towards}: towards {strong} strong ▶"
        zero = float(to_axis(0.0))
        style = {"yref": "paper", "y": 1.0, "yanchor": "bottom", "showarrow": False, "yshift": 6}
        style["font"] = {"size": 12, "color": written("strong", self.theme)}
        out = []
        if self.x[0] < zero:
            out.append(style | {"text": left, "x": zero, "xanchor": "right", "xshift": -12})
        if self.x[-1] > zero:
            out.append(style | {"text": right, "x": zero, "xanchor": "left", "xshift": 12})
        return out

    def _middle(self) -> dict:
        line = {"color": self.ink.text, "width": 1, "dash": "dot"}
        zero = float(to_axis(0.0))
        return {"type": "line", "x0": zero, "x1": zero, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def label_places(names: np.ndarray, widths: Sequence[float], heights: Sequence[float], least: int = 3):
    """(name, i, j) of the innermost cell of every connected region of at least `least` cells, to write its name there.

    widths: (S,) and heights: (A,) how wide and high the cells of names (S, A) are drawn; "" has no label.
    """
    from scipy.ndimage import label

    across, up = _middles(widths), _middles(heights)
    out = []
    for name in dict.fromkeys(filter(None, names.ravel().tolist())):
        regions, count = label(names == name)
        for number in range(1, count + 1):
            inside = regions == number
            if inside.sum() < least:
                continue
            here, other = np.argwhere(inside) + 1, np.argwhere(np.pad(~inside, 1, constant_values=True))
            # words are wide: a neighbour to the side is in the way sooner than one above
            aside = (across[other[:, 0]] - across[here[:, 0]][:, None]) / 2.5
            above = up[other[:, 1]] - up[here[:, 1]][:, None]
            room = np.hypot(aside, above).min(1)
            spot = np.stack([across[here[:, 0]] / 2.5, up[here[:, 1]]], 1)
            middle = np.hypot(*(spot - spot.mean(0)).T)  # between equals the one in the middle of the region
            i, j = here[(room - 0.1 * middle).argmax()] - 1
            out.append((name, int(i), int(j)))
    return out


def _middles(sizes: Sequence[float]) -> np.ndarray:
    """Middles of cells side by side in shares of the whole, with one more cell at either end."""
    shares = np.array([sizes[0], *sizes, sizes[-1]], float) / np.sum(sizes)
    return np.cumsum(shares) - shares / 2


def edges(places: np.ndarray) -> np.ndarray:
    """Borders half-way between places, and as far beyond the outermost."""
    if len(places) == 1:
        return places[0] + np.array([-0.5, 0.5])
    middles = (places[1:] + places[:-1]) / 2
    return np.concatenate([[2 * places[0] - middles[0]], middles, [2 * places[-1] - middles[-1]]])


def signed(step: float) -> str:
    """A signed step size as it is written."""
    return f"{step:+g}".replace("-", "−") if step else "0"


def _rgba(colour: str, opacity: float) -> str:
    """A "#RRGGBB" colour, see-through."""
    return f"rgba({int(colour[1:3], 16)},{int(colour[3:5], 16)},{int(colour[5:7], 16)},{opacity:g})"
