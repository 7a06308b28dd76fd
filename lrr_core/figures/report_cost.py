"""What an accuracy costs: every arm of a report over its forward passes, or over the tokens it writes."""

from __future__ import annotations

import math
from itertools import product

import plotly.graph_objects as go

from ..colours import INK
from ..evaluation.report import Report
from ..evaluation.report_table import rows
from .panels import plain_text
from .report import GROUPS, bars, looks, marker, sheet, told

COSTS = {"forwards": "forward passes per problem", "text tokens": "written tokens per problem"}
CLOSEST = 0.055  # of the axis: nearer than that two names of points would cover each other
ALIKE = 1.35  # times the cost: nearer points share a stack of names
SHIFTS = (0, 0.5, -0.5, 1, -1, 1.5, -1.5, 2, -2, 3, -3)  # lines that a stack of names may be moved by
AWAY = 22  # px from a point to its name
MOST_NAMES = 30  # more names than that cannot be read


def cost_figure(report: Report, theme: str = "light", narrow: bool = False, cost: str = "forwards") -> go.Figure:
    """Accuracy against what it costs, the cost on a logarithmic axis. cost: a key of `COSTS`. Names of near points are moved
    apart, a thin line leads from each to its point."""
    ink, table = INK[theme], [row for row in rows(report) if row[cost] and row[cost] > 0]
    height = 420 if narrow else 470
    data = []
    for kind, look in looks(theme).items():
        own = [row for row in table if row["kind"] == kind]
        if own:
            texts = [
                f"{told(report, row)}<br>{row[cost]:.1f} {COSTS[cost]}, {1000 * row['seconds']:.1f} ms" for row in own
            ]
            data.append(
                {"type": "scatter", "mode": "markers", "name": GROUPS[kind], "hovertext": texts, "hoverinfo": "text"}
                | {"x": [row[cost] for row in own], "y": [row["accuracy"] for row in own]}
                | {"error_y": bars(own, "accuracy", look["color"]), "marker": marker(look), "cliponaxis": False}
            )
    values = [row[name] for row in table for name in ("accuracy low", "accuracy high")] + [100 * report.chance]
    low, high = min(values) - 2, max(values) + 2
    step = 10 if high - low > 40 else 5 if high - low > 15 else 2
    accuracies = [value for value in range(0, 101, step) if low <= value <= high]
    high += 0.16 * (high - low) if narrow else 0  # room for the names, which have less of it beside them
    logs = [math.log10(row[cost]) for row in table] or [0.0]
    wide = max(max(logs) - min(logs), 0.3)
    across = [min(logs) - 0.08 * wide, max(logs) + (0.5 if narrow else 0.26) * wide]
    room = (390 if narrow else 780), height - 12
    notes = _leaders(table, cost, across, [low, high], room, ink)
    guess = 100 * report.chance
    notes.append({"x": 1, "xref": "paper", "y": guess, "text": "guessing", "showarrow": False, "xanchor": "right"})
    notes[-1] |= {"yanchor": "bottom", "font": {"size": 11, "color": ink.muted}}
    line = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": guess, "y1": guess, "layer": "below"}
    shapes = [line | {"line": {"color": ink.muted, "width": 1, "dash": "dot"}}]
    style = {"font": {"size": 12, "color": ink.muted}, "standoff": 6}
    ticks = [v for base in range(-2, 9) for v in (10**base, 2 * 10**base, 5 * 10**base)]
    x = {"type": "log", "range": across, "title": style | {"text": f"{COSTS[cost]} (logarithmic)"}, "showgrid": True}
    x |= {"tickvals": ticks, "ticktext": [f"{v:g}" for v in ticks]}
    y = {"range": [low, high], "tickvals": accuracies, "title": style | {"text": "accuracy, %"}}
    return sheet(
        data, {"xaxis": x, "yaxis": y, "shapes": shapes}, notes, height, theme, {"l": 54, "r": 12}, legend=True
    )


def _leaders(
    table: list[dict], cost: str, across: list[float], heights: list[float], room: tuple[int, int], ink
) -> list[dict]:
    """A name beside every point; where several would meet, they are stacked around the middle of their points, on the side
    that is free. across, heights: limits of the axes, the first as logarithms; room: of the plot, in px."""
    low, high = heights
    clusters: list[list] = []
    if len(table) > MOST_NAMES:
        return []
    for row in sorted(table, key=lambda row: (row[cost], row["accuracy"])):
        if clusters and row[cost] <= ALIKE * clusters[-1][0][cost]:
            clusters[-1].append(row)
        else:
            clusters.append([row])
    per_px, per_line = (across[1] - across[0]) / room[0], CLOSEST * (high - low)
    points = [(math.log10(row[cost]), math.log10(row[cost]), row["accuracy"]) for row in table]
    notes: list[dict] = []
    named: list[tuple] = []  # named: (left end, right end, height) of every name that has its place
    for cluster in clusters:
        ordered, spots = _stacked(cluster, low, high)
        ends = min(math.log10(row[cost]) for row in cluster), max(math.log10(row[cost]) for row in cluster)
        places = []  # (hits, lines it is shifted by, side, start, boxes): the least of them is the best
        for shift, (side, end) in product(SHIFTS, ((1, ends[1]), (-1, ends[0]))):
            start = end + side * AWAY * per_px
            heights_here = [spot + shift * per_line for spot in spots]
            far = [start + side * 6.6 * len(row["arm"]) * per_px for row in ordered]
            boxes = [(min(start, f), max(start, f), y) for f, y in zip(far, heights_here, strict=True)]
            hits = sum(_meets(box, other, per_line) for box in boxes for other in named + points)
            hits += 4 * sum(box[0] < across[0] or not low < box[2] < high for box in boxes)  # over axis or legend
            places.append((hits, abs(shift), -side, start, boxes))
        _, _, away, start, boxes = min(places)
        named += boxes
        for row, (*_, spot) in zip(ordered, boxes, strict=True):
            anchor = "left" if away < 0 else "right"
            notes.append(
                {"x": math.log10(row[cost]), "y": row["accuracy"], "text": plain_text(row["arm"]), "xanchor": anchor}
                | {
                    "ax": (start - math.log10(row[cost])) / per_px,
                    "ay": -(spot - row["accuracy"]) / (high - low) * room[1],
                }
                | {"showarrow": True, "arrowhead": 0, "arrowwidth": 0.7, "arrowcolor": ink.muted, "standoff": 6}
                | {"captureevents": False, "borderpad": 1, "font": {"size": 11, "color": ink.text}}
            )
    return notes


def _meets(box: tuple, other: tuple, apart: float) -> bool:
    """Whether two names (left end, right end, height) would touch."""
    return box[0] < other[1] and other[0] < box[1] and abs(box[2] - other[2]) < apart


def _stacked(cluster: list[dict], low: float, high: float) -> tuple[list[dict], list[float]]:
    """(rows from below, accuracy at which each name is written): far enough apart, and as near to their points as that allows."""
    ordered = sorted(cluster, key=lambda row: row["accuracy"])
    at, least = [row["accuracy"] for row in ordered], CLOSEST * (high - low)
    spots: list[float] = []
    for value in at:
        spots.append(max(value, spots[-1] + least) if spots else value)
    shift = max((sum(spots) - sum(at)) / len(at), spots[-1] - high + least / 2)
    return ordered, [spot - shift for spot in spots]
