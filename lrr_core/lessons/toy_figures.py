"""The contrast push by eye: one thought pushed many times, and two readings of the references, in the plane of `toy`.

In both films the slider is the step size s, from the printed sign (below zero) to descent (above), and every moment is a run
of `toy.refine`. Level lines, paths and distances are the toy's own numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..colours import ROLES, rgba, written
from ..figures.explore import AnimatedFigure
from .stage import Box, Stage
from .toy import Toy, circle, gap, nearest_share, outcome, own, refine, side_view

PUSHED = circle(
    turn=60.0, lead=30.0, lag=40.0, start=-186.0
)  # strong and weak well apart, and the push goes to the right
STEPS = tuple(round(i / 20, 2) for i in range(-20, 21))  # s of the first film
START = 0.15
READINGS = tuple(round(i / 20, 2) for i in range(-10, 21))  # s of the second film
THOUGHTS = 3
LEVELS = 9


def signed(step: float) -> str:
    return f"{step:+.2f}".replace("-", "−").replace("+0.00", "0.00")


def step_label(step: float) -> str:
    """What the slider says: the step size, and which sign it stands for."""
    return f"s = {signed(step)}" + (" · printed sign" if step < 0 else " · nothing is pushed" if step == 0 else "")


# --- one thought, many rounds ------------------------------------------------------------------------------------------


def push_figure(rounds: int = 8, theme: str = "light", narrow: bool = False) -> AnimatedFigure:
    """One thought pushed `rounds` times: with strong's and weak's answers held fixed, and with both asked again each round.

    The plane with its level lines, a side view along the line, and the distance to strong after every round.
    """
    stage = Stage(480, 870, theme, True) if narrow else Stage(840, 440, theme)
    plane: Box = (0, 64, 470, 340) if narrow else (0, 58, 470, 372)
    side: Box = (30, 480, 434, 150) if narrow else (530, 66, 300, 150)
    curve: Box = (30, 698, 434, 130) if narrow else (530, 276, 300, 128)
    first = refine(PUSHED, 0.0, held=True)
    h, g, b = first.states[0, 0], first.strong[0, 0], first.weak[0, 0]
    share = nearest_share(h, g, b)
    far = 3.4
    layout = stage.axes(2, plane, (-1.9, 2.7), (-2.05, 1.59), yaxis={"scaleanchor": "x2", "constrain": "domain"})
    layout["xaxis2"] |= {"constrain": "domain"}
    layout |= stage.axes(3, side, (-1.4, far), (-3.2, 5.2), xaxis=_ticks(stage, "s × rounds", [-1, 0, 1, 2, 3]))
    count = {"dtick": 1 if rounds <= 8 else 2} | _ticks(stage, "round")
    layout |= stage.axes(4, curve, (-0.2, rounds + 0.2), (0, far), False, xaxis=count, yaxis={"nticks": 4})
    still = [*_level_lines(stage, h, g, b), *_side(stage, h, g, b, far)]
    still += [
        _point(stage, 2, "strong", g, "strong", "bottom right"),
        _point(stage, 2, "weak", b, "weak", "bottom center"),
        _point(stage, 2, "plain", h, "the thought", "top left"),
        stage.mark(4, [-0.2, rounds + 0.2], [0, 0], "lines", line={"color": ROLES["strong"].colour, "width": 2}),
    ]
    still += _titles(stage, [(plane, "<b>One thought</b>, pushed again and again", -46)])
    still += _titles(stage, [(side, "<b>Seen from the side</b>: two bowls, and their difference", -18)])
    still += _titles(stage, [(curve, "<b>Distance to strong</b> · dotted: asked again", -14)])

    def moving(i: int) -> list[dict]:
        step = STEPS[i]
        held = refine(PUSHED, step, rounds=rounds, held=True).states[0]
        again = refine(PUSHED, step, rounds=rounds).states[0]
        away = [np.linalg.norm(path - g, axis=-1) for path in (held, again)]
        at = step * np.arange(rounds + 1)
        slope = side_view(at, h, g, b)[2]
        ends = f"{rounds} rounds of {signed(step)}: the push <b>{outcome(step, rounds, share)}</b>"
        return [
            _path(stage, 2, again, "asked again each round", dash="dot", size=5, colour=rgba("refined", 0.55)),
            _path(stage, 2, held, "held fixed"),
            stage.mark(3, at, slope, name="on the ramp", marker=_dots(8)),
            _curve(stage, 4, away[1], "asked again each round", dash="dot"),
            _curve(stage, 4, away[0], "held fixed"),
            stage.words(plane[0], plane[1] - 22, ends, 13, stage.ink.muted),
        ]

    labels = [step_label(s) for s in STEPS]
    names = [f"s{signed(s)}" for s in STEPS]
    return stage.film(still, moving, layout, labels, STEPS.index(START), 120, names=names, title=f"push {rounds}")


def _level_lines(stage: Stage, h: np.ndarray, g: np.ndarray, b: np.ndarray) -> list[dict]:
    """Where J is constant: straight lines across the push, evenly spaced, because J is linear."""
    way = (g - b) / np.linalg.norm(g - b)
    across = np.array([-way[1], way[0]])
    x: list[float | None] = []
    y: list[float | None] = []
    for k in range(-LEVELS, LEVELS + 1):
        middle = h + 0.5 * k * way
        for end in (-6, 6):
            x.append(float((middle + end * across)[0]))
            y.append(float((middle + end * across)[1]))
        x.append(None)
        y.append(None)
    line = {"color": stage.ink.grid, "width": 1.2}
    ends = h + np.outer([-6, 6], way)
    straight = {"color": stage.ink.muted, "width": 1, "dash": "dot"}
    return [
        stage.mark(2, x, y, "lines", line=line, name="level lines of J"),
        stage.mark(2, ends[:, 0].tolist(), ends[:, 1].tolist(), "lines", line=straight, name="the line of the push"),
    ]


def _side(stage: Stage, h: np.ndarray, g: np.ndarray, b: np.ndarray, far: float) -> list[dict]:
    """The two bowls and the ramp along the line of the push."""
    x = np.linspace(-1.4, far, 60)
    bowls = side_view(x, h, g, b)
    out = [stage.mark(3, [-1.4, far], [0, 0], "lines", line={"color": stage.ink.grid, "width": 1})]
    for values, colour, width, name in (
        (bowls[0], ROLES["strong"].colour, 2, "to strong"),
        (bowls[1], ROLES["weak"].colour, 2, "to weak"),
        (bowls[2], stage.ink.text, 2.4, "J"),
    ):
        out.append(stage.mark(3, x, values, "lines", line={"color": colour, "width": width}, name=name))
    for at, value, words, colour in (
        (-1.3, 4.4, "▲ MSE to strong", written("strong", stage.theme)),
        (1.2, 4.4, "▼ MSE to weak", written("weak", stage.theme)),
        (1.6, -2.5, "J = ▲ − ▼", stage.ink.text),
    ):
        font = {"size": 12, "color": colour}
        out.append(stage.mark(3, [at], [value], "text", text=[words], textposition="middle right", textfont=font))
    return out


# --- several thoughts, two readings ------------------------------------------------------------------------------------


def readings_figure(turn: float = 110.0, theme: str = "light", narrow: bool = False) -> AnimatedFigure:
    """Four thoughts refined under either reading of the references, where the backbone turns by `turn` degrees a thought."""
    toy = circle(turn)
    stage = Stage(480, 1010, theme, True) if narrow else Stage(840, 520, theme)
    planes = [(60, 54, 360, 330), (60, 444, 360, 330)] if narrow else [(0, 54, 400, 320), (436, 54, 400, 320)]
    below: Box = (34, 840, 430, 130) if narrow else (40, 424, 790, 72)
    layout: dict[str, Any] = {}
    still = []
    spirals = {name: own(toy, name, THOUGHTS) for name in ("weak", "strong", "backbone")}
    readings = {"same": "strong's version of this thought", "next": "strong's forecast of the next thought"}
    for number, (box, (reading, says)) in enumerate(zip(planes, readings.items(), strict=True), 2):
        square = {"scaleanchor": f"x{number}", "constrain": "domain"}
        layout |= stage.axes(number, box, (-1.65, 1.65), (-1.32, 1.32), xaxis={"constrain": "domain"}, yaxis=square)
        for name, role, dash in (
            ("weak", "weak", "solid"),
            ("strong", "strong", "solid"),
            ("backbone", "plain", "dot"),
        ):
            still.append(_spiral(stage, number, spirals[name], role, dash))
        still += _titles(stage, [(box, f"<b>{reading}</b>: {says}", -30)])
    means = {reading: np.array([gap(toy, _run(toy, s, reading)).mean() for s in READINGS]) for reading in readings}
    top = 1.08 * max(float(m.max()) for m in means.values())
    top = min(top, 2.0)
    zero = {"zeroline": True, "zerolinecolor": stage.ink.muted, "dtick": 0.25} | _ticks(stage, "step size s")
    layout |= stage.axes(4, below, (READINGS[0], READINGS[-1]), (0, top), False, xaxis=zero, yaxis={"nticks": 3})
    for reading, dash in (("next", "dot"), ("same", "solid")):
        line = {"color": ROLES["refined"].colour, "width": 2.2, "dash": dash}
        still.append(stage.mark(4, READINGS, means[reading], "lines", line=line, name=f"mean gap, {reading}"))
    plain = float(means["same"][READINGS.index(0.0)])
    still.append(
        stage.mark(
            4,
            [READINGS[0], READINGS[-1]],
            [plain, plain],
            "lines",
            line={"color": stage.ink.muted, "width": 1, "dash": "dash"},
        )
    )
    words = "<b>Mean distance to strong's thoughts</b>: same (solid), next (dotted), plain (dashed)"
    still += _titles(stage, [(below, words, -16)])

    def moving(i: int) -> list[dict]:
        step, out = READINGS[i], []
        for number, reading in enumerate(readings, 2):
            run = _run(toy, step, reading)
            out.append(_pushes(stage, number, run))
            marker = {"symbol": "circle", "size": 17, "color": ROLES["refined"].colour}
            out.append(
                stage.mark(
                    number,
                    run.thoughts[:, 0],
                    run.thoughts[:, 1],
                    "lines+markers+text",
                    text=[str(t + 1) for t in range(THOUGHTS)],
                    textfont={"size": 10, "color": "#FFFFFF"},
                    line={"color": rgba("refined", 0.6), "width": 2},
                    marker=marker,
                    name=f"refined, {reading}",
                )
            )
        now = [float(means[reading][i]) for reading in readings]
        ring = {"symbol": "circle-open", "size": 12, "color": ROLES["refined"].colour, "line": {"width": 2}}
        line = {"color": stage.ink.muted, "width": 1.2}
        sizes = ring | {"size": [0, 12, 12, 0]}
        out.append(stage.mark(4, [step] * 4, [0, *now, top], "lines+markers", line=line, marker=sizes, name="cursor"))
        for (left, over, *_), value in zip(planes, now, strict=True):
            words = f"mean distance to strong's thoughts: {plain:.2f} → <b>{value:.2f}</b>"
            out.append(stage.words(left, over - 10, words, 12.5, stage.ink.muted))
        return out

    labels, names = [step_label(s) for s in READINGS], [f"s{signed(s)}" for s in READINGS]
    title = f"readings {turn:g}"
    return stage.film(still, moving, layout, labels, READINGS.index(0.3), 150, names=names, title=title)


def _run(toy: Toy, step: float, reading: str):
    return refine(toy, step, thoughts=THOUGHTS, reference=reading)


def _spiral(stage: Stage, number: int, points: np.ndarray, role: str, dash: str) -> dict:
    """The unrefined thoughts of one model."""
    look = ROLES[role]
    edge = {"width": 1.8 if role == "plain" else 0, "color": look.colour}
    marker = {"symbol": look.symbol, "size": 22 if role == "plain" else 12, "color": look.colour, "line": edge}
    line = {"color": rgba(role, 0.45), "width": 1.4, "dash": dash}
    return stage.mark(
        number, points[:, 0], points[:, 1], "lines+markers", marker=marker, line=line, name=f"{role}, {number}"
    )


def _pushes(stage: Stage, number: int, run) -> dict:
    """An arrow from what was proposed to what was fed, for every thought."""
    x, y, size = [], [], []
    for before, after in zip(run.proposed, run.thoughts, strict=True):
        x += [float(before[0]), float(after[0]), None]
        y += [float(before[1]), float(after[1]), None]
        size += [0, 9, 0]
    marker = {"symbol": "arrow", "angleref": "previous", "size": size, "color": stage.ink.text}
    line = {"color": stage.ink.text, "width": 2}
    return stage.mark(number, x, y, "lines+markers", marker=marker, line=line, name=f"push {number}")


# --- small parts --------------------------------------------------------------------------------------------------------


def _ticks(stage: Stage, title: str, values: list | None = None) -> dict:
    out = {
        "showticklabels": True,
        "title": {"text": title, "font": {"size": 11, "color": stage.ink.muted}, "standoff": 2},
    }
    return out | ({"tickmode": "array", "tickvals": values} if values else {})


def _titles(stage: Stage, rows: list[tuple[Box, str, float]]) -> list[dict]:
    return [stage.words(box[0], box[1] + dy, text, 13) for box, text, dy in rows]


def _dots(size: float) -> dict:
    return {"symbol": "circle", "size": size, "color": ROLES["refined"].colour}


def _point(stage: Stage, number: int, role: str, at: np.ndarray, words: str, where: str) -> dict:
    look = ROLES[role]
    edge = {"width": 2 if role == "plain" else 0, "color": look.colour}
    marker = {"symbol": look.symbol, "size": 15, "color": look.colour, "line": edge}
    font = {"size": 12.5, "color": written(role, stage.theme)}
    label = {"text": [words], "textposition": where, "textfont": font}
    return stage.mark(number, [at[0]], [at[1]], "markers+text", marker=marker, name=words, **label)


def _path(stage: Stage, number: int, points: np.ndarray, name: str, dash="solid", size=9.0, colour: str = "") -> dict:
    colour = colour or ROLES["refined"].colour
    line = {"color": colour, "width": 2 if dash == "solid" else 1.6, "dash": dash}
    marker = {"symbol": "circle", "size": size, "color": colour}
    return stage.mark(number, points[:, 0], points[:, 1], "lines+markers", line=line, marker=marker, name=name)


def _curve(stage: Stage, number: int, values: np.ndarray, name: str, dash: str = "solid") -> dict:
    line = {"color": ROLES["refined"].colour, "width": 2, "dash": dash}
    marker = _dots(6 if dash == "solid" else 4)
    rounds = list(range(len(values)))
    return stage.mark(number, rounds, values, "lines+markers", line=line, marker=marker, name=f"distance, {name}")
