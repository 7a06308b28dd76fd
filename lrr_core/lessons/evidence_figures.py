"""Measured effects with their intervals: methods beside their controls for growing n, and when what helps.

Everything drawn is counted from `lessons.Case`: right and wrong on the same fresh problems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..analysis.statistics import PairedDifference
from ..colours import ROLES, rgba, written
from ..figures.explore import AnimatedFigure
from .records import Case
from .stage import Box, Stage

METHOD_ROWS = ("coconut", "residual", "contrast", "full", "random_direction", "swapped", "zero_thoughts", "frozen")
ROW_NAMES = {
    "coconut": "plain",
    "residual": "residual mix only",
    "contrast": "push only",
    "full": "both",
    "random_direction": "both, random push",
    "swapped": "both, swapped",
    "zero_thoughts": "zero thoughts",
    "frozen": "first thought kept",
}
CONTROL_ROWS = 4  # the first of METHOD_ROWS are methods, the rest controls
SAMPLES = (25, 50, 100, 200, 300, 500, 700, 1000)


# --- methods beside their controls ------------------------------------------------------------------------------------


def controls_figure(cases: dict[str, Case], theme: str = "light", narrow: bool = False) -> AnimatedFigure:
    """Accuracy of every method and control with its interval, on the first n problems; the slider is n.

    cases: title -> case with the methods METHOD_ROWS; the headline compares `full` with `random_direction`.
    """
    rows = len(METHOD_ROWS)
    stage = Stage(480, 960, theme, True) if narrow else Stage(840, 474, theme)
    boxes = [(128, 78, 344, 340), (128, 540, 344, 340)] if narrow else [(136, 84, 336, 330), (496, 84, 336, 330)]
    layout: dict[str, Any] = {}
    still, parts = [], []
    for number, (box, (title, case)) in enumerate(zip(boxes, cases.items(), strict=True), 2):
        says = "right answers, % · written: points against plain"
        words = {"text": says, "font": {"size": 11, "color": stage.ink.muted}, "standoff": 2}
        x = {"showgrid": True, "dtick": 10, "title": words, "showticklabels": True, "gridcolor": stage.ink.grid}
        layout |= stage.axes(number, box, (40, 100.5), (rows - 0.4, -0.6), xaxis=x)
        left = 0 if narrow else box[0]
        still.append(stage.words(left, box[1] - 60, f"<b>{title}</b>", 13.5))
        chance = {"color": stage.ink.muted, "width": 1, "dash": "dot"}
        still.append(stage.mark(number, [50, 50], [-0.6, rows - 0.4], "lines", line=chance, name="chance"))
        split = {"color": stage.ink.grid, "width": 1}
        still.append(stage.mark(number, [40, 100.5], [CONTROL_ROWS - 0.5] * 2, "lines", line=split))
        if number == 2 or narrow:
            still += [
                stage.words(0, box[1] + box[3] * (i + 0.6) / rows, ROW_NAMES[m], 12.5)
                for i, m in enumerate(METHOD_ROWS)
            ]
        parts.append((number, case, left, box[1] - 34))

    def moving(i: int) -> list[dict]:
        return [trace for number, case, x, y in parts for trace in _rows(stage, number, case, SAMPLES[i], x, y)]

    labels = [f"n = {n}" for n in SAMPLES]
    return stage.film(still, moving, layout, labels, len(SAMPLES) - 1, 1100, title="controls")


def _rows(stage: Stage, number: int, case: Case, n: int, left: float, top: float) -> list[dict]:
    """Intervals, points and differences of all rows on the first n problems, the plain run as a line, and the headline."""
    n = min(n, case.n)
    rates = [case.rate(m, n) for m in METHOD_ROWS]
    x, y = [], []
    for row, r in enumerate(rates):
        x += [100 * r.low, 100 * r.high, None]
        y += [row, row, None]
    roles = ["plain"] + ["refined"] * (CONTROL_ROWS - 1) + ["plain"] * (len(METHOD_ROWS) - CONTROL_ROWS)
    colours = [ROLES[role].colour for role in roles]
    plain = 100 * rates[0].share
    points = {"symbol": "circle", "size": 9, "color": colours}
    differences = [case.difference(m, "coconut", n) for m in METHOD_ROWS[1:]]
    inside = [r.share > 0.72 for r in rates[1:]]
    direction = case.difference("full", "random_direction", n)
    says = {"helps": "the direction helps", "hurts": "the direction hurts"}.get(direction.verdict, "nothing shown")
    words = f"both − random push: {direction.text()}: {says}"
    return [
        stage.mark(
            number,
            [plain, plain],
            [-0.6, len(METHOD_ROWS) - 0.4],
            "lines",
            line={"color": rgba("plain", 0.6), "width": 1.2, "dash": "dash"},
            name="plain",
        ),
        stage.mark(number, x, y, "lines", line={"color": stage.ink.muted, "width": 2}, name="intervals"),
        stage.mark(
            number,
            [100 * r.share for r in rates],
            list(range(len(rates))),
            marker=points,
            name="accuracy",
            hoverinfo="text",
            hovertext=[f"{ROW_NAMES[m]}: {r.text()}, n = {r.n}" for m, r in zip(METHOD_ROWS, rates, strict=True)],
        ),
        stage.mark(
            number,
            [52 if there else 66 for there in inside],
            list(range(1, len(rates))),
            "text",
            text=[d.text() for d in differences],
            textposition="middle right",
            textfont={"size": 11, "color": [verdict_colour(d, stage) for d in differences]},
            name="differences",
        ),
        stage.words(left, top, words, 12.5, verdict_colour(direction, stage)),
    ]


# --- help, hurt or nothing --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effect:
    """One line of the last chapter: what was done, to which model on which problems, the difference to the plain run, and that
    of a random push of equal length where there is one."""

    what: str
    where: str
    difference: PairedDifference
    control: PairedDifference | None = None


def effects_figure(effects: Sequence[Effect], theme: str = "light", narrow: bool = False) -> AnimatedFigure:
    """Differences to the plain run in points with 95 % intervals, and in words: helps, hurts, nothing shown.

    Hollow: a random push of equal length instead.
    """
    high = 56 if narrow else 46
    stage = Stage(480 if narrow else 840, 40 + high * len(effects) + 40, theme, narrow, player=False)
    box: Box = (205, 20, 180, high * len(effects)) if narrow else (250, 20, 440, high * len(effects))
    reach = 1.1 * max(max(map(abs, e.difference.ci95)) for e in effects)
    words = {"text": "points", "font": {"size": 11, "color": stage.ink.muted}, "standoff": 2}
    x = {"showgrid": True, "gridcolor": stage.ink.grid, "showticklabels": True, "title": words}
    layout = stage.axes(2, box, (-reach, reach), (len(effects) - 0.5, -0.5), xaxis=x)
    zero = {"color": stage.ink.muted, "width": 1.4}
    still = [stage.mark(2, [0, 0], [-0.5, len(effects) - 0.5], "lines", line=zero, name="no difference")]
    for row, e in enumerate(effects):
        d, y = e.difference, 20 + high * (row + 0.5)
        colour = verdict_colour(d, stage)
        span = {"color": colour, "width": 2.4}
        still.append(stage.mark(2, [*d.ci95], [row, row], "lines", line=span, name=f"interval {row}"))
        if e.control is not None:
            span = {"color": rgba("plain", 0.7), "width": 1.6}
            at = row + 0.24
            still.append(stage.mark(2, [*e.control.ci95], [at, at], "lines", line=span, name=f"control {row}"))
            ring = {"symbol": "circle-open", "size": 8, "color": ROLES["plain"].colour, "line": {"width": 1.6}}
            says: dict[str, Any] = {
                "hoverinfo": "text",
                "hovertext": [f"random push of equal length: {e.control.text()} points"],
            }
            still.append(stage.mark(2, [e.control.points], [at], marker=ring, name=f"random {row}", **says))
        dot = {"symbol": "circle", "size": 10, "color": colour}
        hover: dict[str, Any] = {
            "hoverinfo": "text",
            "hovertext": [f"{e.what}: {d.text()} points, n = {d.n}, p = {d.p_value:.2g}"],
        }
        still.append(stage.mark(2, [d.points], [row], marker=dot, name=e.what, **hover))
        still.append(stage.words(0, y - 9, f"<b>{e.what}</b>", 12.5))
        still.append(stage.words(0, y + 9, e.where, 11.5, stage.ink.muted))
        right = 394 if narrow else 712
        still.append(stage.words(right, y - 9, f"<b>{d.verdict}</b>", 12.5, colour))
        still.append(
            stage.words(right, y + 9, d.text() if not narrow else d.text().split(" ")[0], 11.5, stage.ink.muted)
        )
    return stage.picture(still, layout, "effects")


def verdict_colour(d: PairedDifference, stage: Stage) -> str:
    """Green for what helps, red for what hurts, grey where nothing is shown; for text."""
    roles = {"helps": "right", "hurts": "wrong"}
    return written(roles[d.verdict], stage.theme) if d.verdict in roles else stage.ink.muted
