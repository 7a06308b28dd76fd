"""The parts of a report in which a setting was varied: a plane of step size and mix, and the checkpoints of a training.

plane_figure(plane)             the difference to plain thoughts over (s, α)
backbone_figure(rungs)          points gained against the accuracy of the backbone
training_figure(rungs)          accuracy along the training, plain and refined
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from ..colours import INK, ROLES, mix
from ..evaluation.report_words import p_text
from ..evaluation.surface import Plane, Rung
from .heat_grid import Grid
from .heat_grid import signed as signed_step
from .panels import plain_text
from .report import looks, sheet, signed

SYMBOLS = ("circle", "triangle-up", "circle-open", "star", "hexagon")  # of the refined series, in turn
DASHES = ("solid", "dash", "dot", "dashdot")


def plane_figure(plane: Plane, theme: str = "light", narrow: bool = False) -> go.Figure:
    """Points gained over plain thoughts at every setting, bold with a sign where the 95 % interval leaves out zero."""
    grid, ink = Grid(plane.step_sizes, plane.residuals, theme, narrow), INK[theme]
    most = float(np.ceil(max(np.nanmax(np.abs(plane.points), initial=1.0), 1.0)))
    scale = [mix("wrong", 0.85, theme), ink.paper, mix("right", 0.85, theme)]
    bar = ("points against<br>plain thoughts", [-most, 0, most], [signed_step(-most), "0", signed_step(most)])
    sure = (plane.low > 0) | (plane.high < 0)
    words = [
        [_cell(plane.points[i, j], sure[i, j]) for i in range(len(plane.step_sizes))]
        for j in range(len(plane.residuals))
    ]
    heat = grid.shaded(plane.points, most, scale, bar)
    heat |= {"text": words, "texttemplate": "%{text}", "textfont": {"size": 11 if narrow else 13}}
    texts = [[_told_cell(plane, i, j) for j in range(len(plane.residuals))] for i in range(len(plane.step_sizes))]
    marks = grid.markers(texts, np.zeros(plane.points.shape, bool))
    figure = grid.figure([heat, marks], [], "report plane")
    return figure if narrow else figure.update_layout(height=400)


def _cell(points: float, sure: bool) -> str:
    if np.isnan(points):
        return ""
    return f"<b>{signed(points)}</b>" if sure else signed(points)


def _told_cell(plane: Plane, i: int, j: int) -> str:
    where = f"<b>s = {signed_step(plane.step_sizes[i])}, α = {plane.residuals[j]:g}</b><br>"
    if np.isnan(plane.accuracy[i, j]):
        return where + "not measured"
    said = f"{where}{plane.accuracy[i, j]:.1f} % right of n = {plane.n}"
    if np.isnan(plane.points[i, j]):
        return said
    low, high = signed(plane.low[i, j]), signed(plane.high[i, j])
    said += f"<br>{signed(plane.points[i, j])} points ({low} to {high}) against plain thoughts ({plane.plain:.1f} %)"
    return said + f"<br>exact McNemar p = {plane.p[i, j]:.2g}"


# --- checkpoints ------------------------------------------------------------------------------------------------------


def backbone_figure(rungs: Sequence[Rung], chance: float, theme: str = "light", narrow: bool = False) -> go.Figure:
    """Points gained over plain thoughts against the plain accuracy of each backbone, with intervals. chance: a fraction."""
    ink, data = INK[theme], []
    names = list(dict.fromkeys(name for rung in rungs for name in rung.refined))
    for place, (name, look) in enumerate(zip(names, _series(names, rungs, theme), strict=True)):
        own = sorted((r for r in rungs if name in r.refined), key=lambda rung: rung.plain["accuracy"])
        shift = 0.25 * (place - (len(names) - 1) / 2)  # side by side, or the intervals would cover one another
        table = [rung.refined[name] for rung in own]
        data.append(
            _line(name, look)
            | {"x": [rung.plain["accuracy"] + shift for rung in own], "y": [row["points"] for row in table]}
            | {"error_y": _bars(table, "points", look["color"]), "hovertext": [_told(r, name) for r in own]}
        )
    title = {"font": {"size": 12, "color": ink.muted}, "standoff": 6}
    x = {"title": title | {"text": "accuracy of the backbone with plain thoughts, %"}, "showgrid": False}
    y = {"title": title | {"text": "points gained"}, "zeroline": True, "zerolinewidth": 1.6}
    y["zerolinecolor"] = ROLES["plain"].colour
    guess = {
        "type": "line",
        "x0": 100 * chance,
        "x1": 100 * chance,
        "y0": 0,
        "y1": 1,
        "yref": "y domain",
        "layer": "below",
    }
    guess["line"] = {"color": ink.muted, "width": 1, "dash": "dot"}
    note = {"x": 100 * chance, "y": 0, "yref": "paper", "yanchor": "bottom", "xanchor": "left", "text": "guessing"}
    note |= {"showarrow": False, "font": {"size": 11}, "xshift": 3}
    axes = {"xaxis": x, "yaxis": y, "shapes": [guess]}
    return sheet(data, axes, [note], 340 if narrow else 400, theme, {"l": 54, "r": 12}, legend=True)


def training_figure(rungs: Sequence[Rung], theme: str = "light", narrow: bool = False) -> go.Figure:
    """Accuracy against the training step, with plain and with refined thoughts: refinement pays where its line is above what
    further training reaches for the same effort."""
    ink, base = INK[theme], looks(theme)["base"]
    first = {**base, "dash": "solid"}
    plain = _line("plain thoughts", first)
    plain |= {"x": [rung.step for rung in rungs], "y": [rung.plain["accuracy"] for rung in rungs]}
    plain |= {"error_y": _bars([rung.plain for rung in rungs], "accuracy", base["color"])}
    plain |= {"hovertext": [_told_plain(rung) for rung in rungs]}
    data, names = [plain], list(dict.fromkeys(name for rung in rungs for name in rung.refined))
    aside = 0.006 * (rungs[-1].step - rungs[0].step)  # side by side, or the intervals would cover one another
    for place, (name, look) in enumerate(zip(names, _series(names, rungs, theme), strict=True), 1):
        own = [rung for rung in rungs if name in rung.refined]
        table = [rung.refined[name] for rung in own]
        data.append(
            _line(name, look)
            | {"x": [rung.step + aside * place for rung in own], "y": [row["accuracy"] for row in table]}
            | {"error_y": _bars(table, "accuracy", look["color"]), "hovertext": [_told(r, name) for r in own]}
        )
    title = {"font": {"size": 12, "color": ink.muted}, "standoff": 6}
    x = {"title": title | {"text": "training step of the backbone"}, "showgrid": False, "tickformat": ",d"}
    axes = {"xaxis": x, "yaxis": {"title": title | {"text": "accuracy, %"}}}
    return sheet(data, axes, [], 340 if narrow else 400, theme, {"l": 54, "r": 12}, legend=True)


def _series(names: Sequence[str], rungs: Sequence[Rung], theme: str) -> list[dict]:
    """Colour, marker and dash of each series: refined ones blue, controls in the colour of the text."""
    out, refined = [], 0
    for name in names:
        kind = next(rung.refined[name]["kind"] for rung in rungs if name in rung.refined)
        look = looks(theme)[kind]
        if kind == "method":
            look = look | {"symbol": SYMBOLS[refined % len(SYMBOLS)], "dash": DASHES[refined % len(DASHES)]}
            refined += 1
        out.append({"dash": "dot"} | look)
    return out


def _line(name: str, look: dict) -> dict:
    marker = {"color": look["color"], "symbol": look["symbol"], "size": look["size"]}
    marker["line"] = {"width": 1.8, "color": look["color"]}
    line = {"color": look["color"], "dash": look["dash"], "width": 1.4}
    shown = {"hoverinfo": "text", "name": plain_text(name), "line": line, "marker": marker, "cliponaxis": False}
    return {"type": "scatter", "mode": "lines+markers"} | shown


def _bars(table: Sequence[dict], column: str, colour: str) -> dict:
    up = [row[f"{column} high"] - row[column] for row in table]
    down = [row[column] - row[f"{column} low"] for row in table]
    return {
        "type": "data",
        "symmetric": False,
        "array": up,
        "arrayminus": down,
        "thickness": 1.2,
        "width": 0,
        "color": colour,
    }


def _told_plain(rung: Rung) -> str:
    row = rung.plain
    ends = f"({row['accuracy low']:.1f} to {row['accuracy high']:.1f})"
    return f"<b>{plain_text(rung.name)}, plain thoughts</b><br>{row['accuracy']:.1f} % {ends}, n = {row['n']}"


def _told(rung: Rung, name: str) -> str:
    row = rung.refined[name]
    low, high = signed(row["points low"]), signed(row["points high"])
    return (
        f"<b>{plain_text(rung.name)}, {plain_text(name)}</b><br>{row['accuracy']:.1f} %, {signed(row['points'])} points "
        f"({low} to {high}) over plain thoughts ({rung.plain['accuracy']:.1f} %)<br>n = {row['n']}, "
        f"exact McNemar p {p_text(row['p'])}"
    )
