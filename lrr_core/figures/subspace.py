"""The subspace of TILR, drawn: how much of strong − weak so many directions hold, and what a run keeps and loses by it.

    fig = subspace_figure(subspace, trace.runs["refined"], theme="light")

Four panels. *Energy*: the share of the energy that the first directions hold, with the rank that was chosen. *In the subspace*:
differences δ on its first two directions. *Kept and cut*: every δ as the corner of a right triangle, its part inside along, its
part outside up, so that γ is the cosine at the origin. *γ*: how much of each push of the present run is left, round by round.
Small dots are calibration; numbered marks are the thoughts of the present run. All lengths are in units of the hidden state.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..colours import INK, ROLES, rgba
from ..refinement.subspace import Split, Subspace
from ..refinement.trace import Run
from .explore import FONT

WIDE, NARROW = (842, 4, 176), (482, 2, 200)  # width of the drawing, columns, height of a panel, in pixels
TITLE, FOOT, LEFT, RIGHT = 44, 44, 34, 8  # px around a panel
RAYS = (0.9, 0.7, 0.4)  # values of γ that are marked among the triangles
MOST_DOTS = 500


def run_split(subspace: Subspace, run: Run) -> Split:
    """The differences of a run, (T, K), as the subspace divides them."""
    return subspace.split(run.strong.astype(np.float64) - run.weak)


def subspace_figure(subspace: Subspace, run: Run, theme: str = "light", narrow: bool = False) -> go.Figure:
    """The four panels for one run that has references; where it has none, its marks are left out."""
    sheet = _Sheet(theme, *(NARROW if narrow else WIDE))
    here = run_split(subspace, run)
    data = [
        *_energy(sheet, subspace),
        *_plane(sheet, subspace.seen, here),
        *_triangles(sheet, subspace.seen, here),
        *_gamma(sheet, here.gamma),
    ]
    return go.Figure({"data": data, "layout": sheet.layout()})


def describe(subspace: Subspace, run: Run) -> str:
    """The figure's alternative text."""
    gamma = run_split(subspace, run).gamma
    held = (
        f"{subspace.rank} of {subspace.width} directions hold {100 * subspace.captured:.0f} % of the energy of strong − weak in "
        "calibration."
    )
    if not gamma.size:
        return f"TILR's subspace. {held}"
    told = ", ".join(f"{row[0]:.2f}" for row in gamma)
    return (
        f"TILR's subspace. {held} γ, the share of strong − weak that lies inside, is {told} for thoughts 1 to {len(gamma)} in "
        "the first round. Differences on the first two directions, and their parts inside and outside."
    )


class _Sheet:
    """Where panels stand side by side, and the layout that grows with them."""

    def __init__(self, theme: str, width: int, columns: int, tall: int):
        self.ink, self.width, self.columns, self.tall = INK[theme], width, columns, tall
        self.height = -(-4 // columns) * (TITLE + tall + FOOT)
        self.axes: dict[str, Any] = {}
        self.notes: list[dict] = []

    def panel(self, number: int, title: str, below: str, x: dict, y: dict) -> dict:
        """Adds panel 1 ... 4 with its axes; returns what a trace needs to stand in it."""
        row, column = divmod(number - 1, self.columns)
        pitch = self.width / self.columns
        left, right = (column * pitch + LEFT) / self.width, ((column + 1) * pitch - RIGHT) / self.width
        top = row * (TITLE + self.tall + FOOT) + TITLE
        domain = [1 - (top + self.tall) / self.height, 1 - top / self.height]
        common = {"tickfont": {"size": 10, "color": self.ink.muted}, "gridcolor": self.ink.grid, "nticks": 5}
        common |= {"zeroline": False, "fixedrange": True, "automargin": False}
        self.axes[f"xaxis{number}"] = common | {"domain": [left, right], "anchor": f"y{number}"} | x
        self.axes[f"yaxis{number}"] = common | {"domain": domain, "anchor": f"x{number}"} | y
        self.note(title, left, domain[1] + 6 / self.height, self.ink.text, 12.5, "left", "bottom")
        self.note(below, right, domain[0] - 20 / self.height, self.ink.muted, 11, "right", "top")
        return {"type": "scatter", "xaxis": f"x{number}", "yaxis": f"y{number}", "showlegend": False}

    def note(self, words: str, x: float, y: float, colour: str, size: float, across: str, up: str) -> None:
        style = {"text": words, "font": {"size": size, "color": colour}, "showarrow": False, "align": "left"}
        self.notes.append(style | {"xref": "paper", "yref": "paper", "x": x, "y": y, "xanchor": across, "yanchor": up})

    def layout(self) -> dict:
        return self.axes | {
            "template": {},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 12, "color": self.ink.text},
            "height": self.height,
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "annotations": self.notes,
            "bargap": 0,
            "hoverlabel": {"font": {"family": FONT, "size": 12}},
        }


def _energy(sheet: _Sheet, subspace: Subspace) -> list[dict]:
    """Energy held against rank, the share that was asked for, and the rank that was chosen."""
    held, rank = 100 * subspace.shares, subspace.rank
    ranks = list(range(1, len(held) + 1))
    at = sheet.panel(
        1,
        f"<b>Energy held</b>, %<br>{rank} of {subspace.width} directions",
        "directions",
        {"range": [0, len(held) + 1]},
        {"range": [0, 104]},
    )
    colour = ROLES["refined"].colour
    line = {"color": sheet.ink.muted, "width": 1.6}
    ask = 100 * subspace.energy
    hover = "%{x} directions: %{y:.1f} %<extra></extra>"
    return [
        at
        | {"name": "inside", "x": ranks[:rank], "y": held[:rank].tolist(), "mode": "lines", "hoverinfo": "skip"}
        | {"fill": "tozeroy", "fillcolor": rgba("refined", 0.18), "line": {"width": 0}},
        at | {"name": "energy", "x": ranks, "y": held.tolist(), "mode": "lines", "line": line, "hovertemplate": hover},
        at
        | {"name": "asked for", "x": [0, len(held) + 1], "y": [ask, ask], "mode": "lines", "hoverinfo": "skip"}
        | {"line": {"color": sheet.ink.text, "width": 1, "dash": "dot"}},
        at
        | {"name": "chosen", "x": ranks[rank - 1 : rank], "y": held[rank - 1 : rank].tolist(), "mode": "markers"}
        | {"marker": {"size": 9, "color": colour}, "hovertemplate": "chosen: " + hover},
    ]


def _plane(sheet: _Sheet, seen: Split, here: Split) -> list[dict]:
    """Differences on the first two directions of the subspace, with one scale for both."""
    points = here.plane[:, :1].reshape(-1, 2)  # the first round of every thought
    every = np.concatenate([seen.plane, points, np.zeros((1, 2))])  # with the origin: no difference at all
    middle, half = (every.max(0) + every.min(0)) / 2, 0.56 * _most(np.ptp(every, axis=0))
    across, up = ([float(m - half), float(m + half)] for m in middle)
    at = sheet.panel(
        2,
        "<b>In the subspace</b><br>first two directions",
        "first direction",
        {"range": across, "scaleanchor": "y2", "constrain": "domain"},
        {"range": up, "constrain": "domain"},
    )
    dots = _thinned(seen.plane)
    origin = {"size": 9, "symbol": "cross-thin", "line": {"width": 1.4, "color": sheet.ink.text}}
    return [
        at | _dots(sheet, dots[:, 0], dots[:, 1]),
        at | {"name": "no difference", "x": [0], "y": [0], "mode": "markers", "marker": origin, "hoverinfo": "skip"},
        at | _thoughts(points[:, 0], points[:, 1], here.gamma),
    ]


def _triangles(sheet: _Sheet, seen: Split, here: Split) -> list[dict]:
    """Every difference by its part inside (across) and outside (up); γ is the cosine of the angle at the origin."""
    inside, outside = here.inside[:, :1].ravel(), here.outside[:, :1].ravel()
    most = 1.08 * _most(seen.inside, seen.outside, inside, outside)
    at = sheet.panel(
        3,
        "<b>Kept and cut</b><br>length outside, upwards",
        "length inside: kept",
        {"range": [0, most], "scaleanchor": "y3", "constrain": "domain"},
        {"range": [0, most], "constrain": "domain"},
    )
    data = [at | _dots(sheet, _thinned(seen.inside), _thinned(seen.outside))]
    for gamma in RAYS:
        along, up = gamma, np.sqrt(1 - gamma**2)
        end = 0.97 * most / max(along, up)
        line = {"color": sheet.ink.grid, "width": 1.4}
        style = {"mode": "lines+text", "text": ["", f"γ {gamma:g}"], "textposition": "bottom left", "line": line}
        style |= {"textfont": {"size": 10, "color": sheet.ink.muted}, "hoverinfo": "skip", "name": f"γ = {gamma:g}"}
        data.append(at | style | {"x": [0, along * end], "y": [0, up * end]})
    # None lifts the pen between one thought and the next
    drops = {"x": [v for x in inside.tolist() for v in (x, x, None)], "hoverinfo": "skip", "mode": "lines"}
    drops |= {"y": [v for y in outside.tolist() for v in (0, y, None)], "name": "cut"}
    feet = {"x": inside.tolist(), "y": [0.0] * len(inside), "mode": "markers", "cliponaxis": False, "name": "kept"}
    feet |= {"marker": {"size": 5, "color": ROLES["refined"].colour}, "hoverinfo": "skip"}
    data.append(at | drops | {"line": {"color": sheet.ink.muted, "width": 1, "dash": "dot"}})
    return [*data, at | feet, at | _thoughts(inside, outside, here.gamma, size=11)]


def _gamma(sheet: _Sheet, gamma: np.ndarray) -> list[dict]:
    """γ of every round of every thought as a bar, (T, K)."""
    thoughts, rounds = gamma.shape
    at = sheet.panel(
        4,
        "<b>γ of this run</b><br>share of strong − weak inside",
        "thought",
        {"range": [0.4, max(thoughts, 1) + 0.6], "dtick": 1, "showgrid": False},
        {"range": [0, 1.04]},
    )
    width = 0.7 / max(rounds, 1)
    places = [t + 1 + width * (k - (rounds - 1) / 2) for t in range(thoughts) for k in range(rounds)]
    told = [[t + 1, k + 1] for t in range(thoughts) for k in range(rounds)]
    return [
        at
        | {"type": "bar", "name": "γ", "x": places, "y": gamma.ravel().tolist(), "width": 0.9 * width}
        | {"marker": {"color": ROLES["refined"].colour, "line": {"width": 0}}, "customdata": told}
        | {"hovertemplate": "thought %{customdata[0]}, round %{customdata[1]}: γ = %{y:.3f}<extra></extra>"}
    ]


def _dots(sheet: _Sheet, x: np.ndarray, y: np.ndarray) -> dict:
    marker = {"size": 3.2, "color": sheet.ink.muted, "opacity": 0.35, "line": {"width": 0}}
    dots = {"mode": "markers", "name": "calibration", "marker": marker, "hoverinfo": "skip"}
    return dots | {"x": x.astype(float).round(5).tolist(), "y": y.astype(float).round(5).tolist()}


def _thoughts(x: np.ndarray, y: np.ndarray, gamma: np.ndarray, size: float = 14) -> dict:
    """The thoughts of the run, numbered, at the difference of their first round."""
    names = [str(t + 1) for t in range(len(x))]
    marker = {"size": size, "symbol": ROLES["refined"].symbol, "color": ROLES["refined"].colour, "line": {"width": 0}}
    hover = [f"thought {t + 1}: γ = {row[0]:.3f}" for t, row in enumerate(gamma[: len(x)])]
    style = {"mode": "markers+text", "text": names, "textfont": {"size": 9, "color": "#FFFFFF"}, "marker": marker}
    return style | {"x": x.tolist(), "y": y.tolist(), "name": "thoughts", "hoverinfo": "text", "hovertext": hover}


def _thinned(values: np.ndarray) -> np.ndarray:
    return values[:: max(1, -(-len(values) // MOST_DOTS))]


def _most(*values: np.ndarray) -> float:
    return max(*(float(v.max(initial=0.0)) for v in values), 1e-6)
