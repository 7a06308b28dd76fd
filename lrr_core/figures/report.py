"""A report drawn: differences as a forest plot, and accuracies with their intervals.

    forest_figure(report)       points gained or lost against plain thoughts, an interval an arm
    accuracy_figure(report)     accuracies beside guessing, rules without reasoning and the published figures

Methods, controls and text differ in colour and in marker. Zero, chance and every n are on the picture or under the pointer.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from ..colours import INK, ROLES
from ..evaluation.report import Report
from ..evaluation.report_table import reference_rows, rows
from ..evaluation.report_words import finding, p_text
from .explore import FONT
from .panels import plain_text

GROUPS = {"text": "in text", "base": "plain thoughts", "method": "refined thoughts", "control": "controls"}
BESIDE = "without reasoning"
ROW, GAP = 27, 28  # px of an arm, and of what stands between two groups
FAR, BREAK = 0.26, 0.03  # shares of the width: of what lies past a break of the axis, and of the break


def looks(theme: str) -> dict[str, dict]:
    """Colour and marker of every kind of arm."""
    ink = INK[theme]
    return {
        "text": {"color": ROLES["question"].colour, "symbol": "diamond-open", "size": 9},
        "base": {"color": ROLES["plain"].colour, "symbol": ROLES["plain"].symbol, "size": 10},
        "method": {"color": ROLES["refined"].colour, "symbol": ROLES["refined"].symbol, "size": 10},
        "control": {"color": ink.text, "symbol": "square-open", "size": 8},
        "reference": {"color": ink.muted, "symbol": "line-ns-open", "size": 11},
    }


# --- differences ------------------------------------------------------------------------------------------------------


def forest_figure(report: Report, theme: str = "light", narrow: bool = False) -> go.Figure:
    """Every arm's difference in points with its paired bootstrap interval. Arms far outside the others stand past a break of the
    axis, where it has a scale of its own: one control would squeeze all methods into a line."""
    table = [row for row in rows(report) if row["points"] is not None]
    ink, places, height, notes = INK[theme], *_places(table)
    parts = _parts(table)
    data = []
    for axis, (_, _, here) in parts.items():
        for kind, look in looks(theme).items():
            if own := [row for row in here if row["kind"] == kind]:
                name = GROUPS[kind] + (", past the break" if axis != "x" else "")
                texts = [told(report, row) for row in own]
                data.append(dots(own, places, look, "points", texts) | {"name": name, "xaxis": axis})
    for row in table:
        sure = row["points low"] > 0 or row["points high"] < 0
        words = signed(row["points"])
        if not narrow:
            ends = f"{signed(row['points low'])} to {signed(row['points high'])}"
            words = f"<b>{words}</b>  ({ends})" if sure else f"{words}  ({ends})"
        elif sure:
            words = f"<b>{words}</b>"
        notes.append(_beside(words, places[row["label"]], ink.text if sure else ink.muted))
        if not narrow:
            notes.append(_beside(f"p {p_text(row['p'])}", places[row["label"]], ink.muted) | {"xshift": 172})
    notes.append(_over("points" if narrow else "points and 95 % interval"))
    axes: dict[str, Any] = {"yaxis": _names(table, places, narrow) | {"anchor": next(iter(parts))}}
    for axis, (domain, limits, _) in parts.items():
        axes["xaxis" + axis[1:]] = {"domain": domain, "range": list(limits), "nticks": 3 if axis != "x" else 8}
        if domain[0]:
            mark, line = _break(domain[0] - BREAK / 2, ink)
            notes.append(mark)
            axes["shapes"] = [*axes.get("shapes", []), line]
    words = ("" if narrow else "difference in ") + "percentage points" + " · // another scale" * (len(parts) > 1)
    title = {"text": words, "font": {"size": 12, "color": ink.muted}, "standoff": 6}
    zero = {"zeroline": True, "zerolinecolor": ink.text, "zerolinewidth": 1.6}
    axes["xaxis"] |= {"title": title} | zero
    sides = {"l": _gutter(table, narrow), "r": 62 if narrow else 262}
    return sheet(data, axes, notes, height, theme, sides)


def _break(x: float, ink) -> tuple[dict, dict]:
    """The mark on the axis and the line above it where the scale changes; x: share of the width."""
    paper = {"xref": "paper", "yref": "paper"}
    mark = {"text": "<b>//</b>", "showarrow": False, "font": {"size": 13, "color": ink.text}, "x": x, "y": 0}
    line = {"type": "line", "x0": x, "x1": x, "y0": 0.03, "y1": 1}
    line |= {"line": {"color": ink.muted, "width": 1, "dash": "dot"}}
    return paper | mark | {"xanchor": "center", "yanchor": "middle"}, paper | line


def _parts(table: list[dict]) -> dict[str, tuple[list[float], tuple[float, float], list[dict]]]:
    """Axis -> (its share of the width, its limits, its rows), from left to right: "x" holds every refined arm and its
    neighbourhood, "x2" what lies far below, "x3" what lies far above."""
    first = [row for row in table if row["kind"] == "method"] or table
    most = max([abs(row[end]) for row in first for end in ("points low", "points high")] + [2.0])
    near = [row for row in table if max(abs(row["points low"]), abs(row["points high"])) <= 2.5 * most]
    while True:  # an arm whose point lies within has its whole interval there
        low, high = _limits(near, 0.0)
        within = [row for row in table if row in near or low <= row["points"] <= high]
        if len(within) == len(near):
            break
        near = within
    below, above = ([row for row in table if row["points"] < low], [row for row in table if row["points"] > high])
    left, right = FAR * bool(below), 1 - FAR * bool(above)
    parts = {"x2": ([0.0, left - BREAK], _limits(below), below)} if below else {}
    parts["x"] = ([left, right], (low, high), near)
    return parts | ({"x3": ([right + BREAK, 1.0], _limits(above), above)} if above else {})


def _limits(table: list[dict], *others: float) -> tuple[float, float]:
    """What holds all intervals and others, with a margin."""
    low = min([row["points low"] for row in table] + [*others])
    high = max([row["points high"] for row in table] + [*others])
    pad = 0.06 * (high - low) or 1.0
    return low - pad, high + pad


def told(report: Report, row: dict) -> str:
    said = f"<b>{plain_text(row['arm'])}</b>: {row['correct']} of {row['n']} right, {row['accuracy']:.1f} %"
    said += f" ({row['accuracy low']:.1f} to {row['accuracy high']:.1f})"
    if row["points"] is not None:
        low, high = signed(row["points low"]), signed(row["points high"])
        said += (
            f"<br>{signed(row['points'])} points ({low} to {high}) against {plain_text(row['against'])}, n = {row['n']}"
            f"<br>{row['gained']} more right, {row['lost']} more wrong, exact McNemar p = {row['p']:.2g}"
        )
    return said


# --- accuracies -------------------------------------------------------------------------------------------------------


def accuracy_figure(report: Report, theme: str = "light", narrow: bool = False) -> go.Figure:
    """Every arm's accuracy with its Wilson interval; guessing and the rules without reasoning are lines through all rows."""
    arms, beside = rows(report), reference_rows(report)
    table, ink = arms + beside, INK[theme]
    places, height, notes = _places(table)
    data, shapes = [], []
    for kind, look in looks(theme).items():
        own = [row for row in table if row["kind"] == kind]
        if own:
            texts = [told(report, row) if row["kind"] != "reference" else _told_beside(row) for row in own]
            data.append(
                dots(own, places, look, "accuracy", texts) | {"name": GROUPS.get(kind, BESIDE), "showlegend": False}
            )
    for row in beside:
        line = {"type": "line", "x0": row["accuracy"], "x1": row["accuracy"], "y0": 0, "y1": places[row["label"]]}
        shapes.append(line | {"line": {"color": ink.muted, "width": 1, "dash": "dot"}, "layer": "below"})
    published = [row for row in arms if row["published"] is not None]
    if published:
        data.append(_published(published, places, ink.muted))
    for row in table:
        words = f"<b>{row['accuracy']:.1f}</b>"
        if not narrow and row["correct"] is not None:
            words += f"   {row['correct']}/{row['n']}"
        notes.append(_beside(words, places[row["label"]], ink.text if row["kind"] != "reference" else ink.muted))
    notes.append(_over("%" if narrow else "% and right answers"))
    values = [row[name] for row in table for name in ("accuracy", "accuracy low", "accuracy high", "published")]
    values = [value for value in values if value is not None]
    low, high = min(values), max(values)
    pad = 0.04 * (high - low) or 1.0
    title = {"text": "accuracy, %", "font": {"size": 12, "color": ink.muted}, "standoff": 6}
    x = {"range": [max(low - pad, -1), min(high + pad, 101)], "title": title, "zeroline": False}
    sides = {"l": _gutter(table, narrow), "r": 52 if narrow else 130}
    axes = {"xaxis": x, "yaxis": _names(table, places, narrow), "shapes": shapes}
    return sheet(data, axes, notes, height, theme, sides, legend=bool(published))


def _published(table: list[dict], places: dict[str, float], colour: str) -> dict:
    texts = [f"{plain_text(row['arm'])}, published: {row['published']:g} %<br>{SECOND_HAND}" for row in table]
    cross = {"color": colour, "symbol": "x-thin", "size": 8, "line": {"width": 1.6, "color": colour}}
    at = {"x": [row["published"] for row in table], "y": [places[row["label"]] for row in table]}
    look = {"type": "scatter", "mode": "markers", "marker": cross, "cliponaxis": False}
    told = {"name": "published, second-hand", "showlegend": True, "hovertext": texts, "hoverinfo": "text"}
    return look | at | told


SECOND_HAND = "GPT-2 117M, read off a chart by a reviewer: second-hand"


def _told_beside(row: dict) -> str:
    said = f"<b>{plain_text(row['arm'])}</b>: {row['accuracy']:.1f} %"
    if row["correct"] is None:
        return said
    return said + f" ({row['accuracy low']:.1f} to {row['accuracy high']:.1f}), {row['correct']} of {row['n']}"


# --- parts ------------------------------------------------------------------------------------------------------------


def _places(table: list[dict]) -> tuple[dict[str, float], int, list[dict]]:
    """(label -> y in px from above, height in px, headings of the groups)."""
    places, notes, y = {}, [], 0
    for kind, heading in (GROUPS | {"reference": BESIDE}).items():
        own = [row for row in table if row["kind"] == kind]
        if not own:
            continue
        y += GAP
        notes.append({"text": heading, "x": 0, "xref": "paper", "y": y - 4, "yanchor": "bottom", "xanchor": "right"})
        notes[-1] |= {"xshift": -8, "showarrow": False, "font": {"size": 11}, "opacity": 0.75}
        for row in own:
            places[row["label"]] = y + ROW / 2
            y += ROW
    return places, int(y) + 12, notes


def _names(table: list[dict], places: dict[str, float], narrow: bool) -> dict:
    long = 30 if narrow else 44
    words = [plain_text(row["arm"]) for row in table]
    words = [w if len(w) <= long else w[: long - 1] + "…" for w in words]
    height = max(places.values(), default=0) + ROW / 2 + 12
    at = {"tickvals": [places[row["label"]] for row in table], "ticktext": words, "range": [height, 0]}
    return at | {
        "tickfont": {"size": 11.5 if narrow else 12.5},
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "ticklabelstandoff": 8,
    }


def _gutter(table: list[dict], narrow: bool) -> int:
    """Room for the names, in px."""
    longest = max([len(row["arm"]) for row in table] + [12])
    return int(min(longest, 30 if narrow else 44) * (6.0 if narrow else 6.6)) + 16


def dots(own: list[dict], places: dict[str, float], look: dict, column: str, texts: list[str]) -> dict:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row[column] for row in own],
        "y": [places[row["label"]] for row in own],
        "error_x": bars(own, column, look["color"]),
        "marker": marker(look),
        "hovertext": texts,
        "hoverinfo": "text",
        "customdata": [row["label"] for row in own],
        "cliponaxis": False,
    }


def bars(own: list[dict], column: str, colour: str) -> dict:
    up = [(row[f"{column} high"] or row[column]) - row[column] for row in own]
    down = [row[column] - (row[column] if row[f"{column} low"] is None else row[f"{column} low"]) for row in own]
    return {
        "type": "data",
        "symmetric": False,
        "array": up,
        "arrayminus": down,
        "thickness": 1.6,
        "width": 0,
        "color": colour,
    }


def marker(look: dict) -> dict:
    return look | {"line": {"width": 1.8, "color": look["color"]}}


def _beside(words: str, y: float, colour: str) -> dict:
    """A number right of the axis, in its arm's row."""
    style = {"showarrow": False, "xanchor": "left", "xref": "paper", "x": 1, "xshift": 10}
    return style | {"font": {"size": 12, "color": colour}, "text": words, "y": y}


def _over(words: str) -> dict:
    """The heading of that column."""
    style = {"showarrow": False, "xanchor": "left", "xref": "paper", "x": 1, "xshift": 10, "y": 0, "yanchor": "bottom"}
    return style | {"text": words, "font": {"size": 11}, "opacity": 0.75, "yshift": -GAP + 4}


def signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")


def sheet(data: list, axes: dict, notes: list, height: int, theme: str, sides: dict, legend: bool = False) -> go.Figure:
    """The figure on the page's own paper. height: of the plot in px, without margins; sides: margins left and right."""
    ink = INK[theme]
    top, foot = (34 if legend else 6), 46
    for name in [key for key in axes if key.startswith(("xaxis", "yaxis"))]:
        plain = {
            "gridcolor": ink.grid,
            "zeroline": False,
            "tickfont": {"size": 11.5, "color": ink.text},
            "linecolor": ink.grid,
        }
        merged = plain | axes[name]
        merged["tickfont"] = plain["tickfont"] | axes[name].get("tickfont", {})
        axes[name] = merged
    for note in notes:
        note["font"] = {"color": ink.muted} | note.get("font", {})
    rest = {
        "template": {},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": ink.text},
        "height": height + top + foot,
        "margin": {"t": top, "b": foot} | sides,
        "annotations": notes,
        "hovermode": "closest",
        "hoverlabel": {"font": {"family": FONT, "size": 12}, "align": "left"},
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 12, "color": ink.text}},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink.muted, "activecolor": ink.text},
    }
    return go.Figure({"data": data, "layout": rest | axes})


def describe(report: Report, view: str) -> str:
    """A figure's alternative text: what was measured, and every arm's number."""
    said = [
        finding(row) if view == "difference" else f"{row['arm']} {row['accuracy']:.1f} %" for row in rows(report)[:24]
    ]
    return f"{report.benchmark_name}, n = {report.n}, chance {100 * report.chance:.0f} %. " + "; ".join(said) + "."
