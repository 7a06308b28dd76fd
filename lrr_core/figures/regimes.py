"""The planes of `regimes` and `accuracy` as heat maps: step size across, residual mix upwards.

    plane_figure(plane, "regions", theme="dark", here=(0.2, 0.2))       one problem; modes: MODES
    accuracy_figure(plane, control=True)                                many problems

Green is right and red is wrong, and never alone: wrong answers carry a cross, regions their name and an outline, accuracies
their number. Hovering a cell gives all its numbers; axes and clicks are those of `heat_grid`.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from ..benchmarks.answers import chosen
from ..colours import INK, ROLES, mix
from ..studies.accuracy_plane import AccuracyPlane
from ..studies.setting_plane import Plane, name_regions
from .heat_grid import Grid, signed
from .panels import plain_text

MODES = {
    "regions": "what becomes of the thoughts and the answer, by name",
    "margin": "how sure the answer is: log p(right) − log p(best other)",
    "flips": "where the answer is another than the plain run's",
    "random pushes": "control: the margin when every push goes in a random direction of equal length",
}
TINTS = {  # role and share of its colour
    "flips to right": ("right", 0.8),
    "flips to wrong": ("wrong", 0.75),
    "stays right": ("right", 0.22),
    "stays wrong": ("wrong", 0.22),
    "as plain": ("plain", 0.0),
    "frozen": ("plain", 0.6),
    "drifts": ("plain", 0.25),
    "converges": ("refined", 0.3),
    "overshoots": ("refined", 0.65),
}
SURE = 4.0  # nats: beyond this margin (55 : 1) the colour is full
POINTS = 10.0  # percentage points: beyond this difference the colour is full


def plane_figure(
    plane: Plane,
    mode: str = "regions",
    theme: str = "light",
    here: tuple[float, float] | None = None,
    narrow: bool = False,
) -> go.Figure:
    """One problem's plane. mode: a key of MODES; here: the (signed step size, residual mix) that is marked as the current
    one; narrow: for a small window."""
    if mode not in MODES:
        raise ValueError(f"No mode called {mode!r}; choose one of {', '.join(MODES)}.")
    random = mode == "random pushes"
    margins = plane.random_margin if random else plane.margin
    right = (plane.random_choice if random else plane.choice) == plane.answer
    grid = Grid(plane.step_sizes, plane.residuals, theme, narrow)
    if mode in ("regions", "flips"):
        names = name_regions(plane) if mode == "regions" else _outcomes(plane)
        kinds = [name for name in TINTS if (names == name).any()]
        codes = np.select([names == name for name in kinds], range(len(kinds)))
        tints = [mix(*TINTS[name], theme) for name in kinds]
        heat = grid.heat(codes, [(i / len(kinds), (i + 1) / len(kinds)) for i in range(len(kinds))], tints)
        traces, notes = [heat, grid.outline(names)], grid.names(names, here)
    else:
        scale = [mix("wrong", 0.85, theme), INK[theme].paper, mix("right", 0.85, theme)]
        bar = ("margin, nats", [-SURE, 0, SURE], [f"✗ ≤ −{SURE:g}", "0", f"✓ ≥ {SURE:g}"])
        traces, notes = [grid.shaded(margins, SURE, scale, bar), grid.outline(right)], []
    traces.append(grid.markers(_cell_texts(plane), ~right))
    return grid.figure([*traces, *grid.current(here)], notes, f"{plane.problem} {mode}")


def accuracy_figure(
    plane: AccuracyPlane,
    theme: str = "light",
    control: bool = False,
    here: tuple[float, float] | None = None,
    narrow: bool = False,
) -> go.Figure:
    """Accuracy in % of every cell, coloured by its difference to the plain run; bold with a sign where the 95 % interval of
    that difference leaves out zero. control: of random pushes instead."""
    grid = Grid(plane.step_sizes, plane.residuals, theme, narrow)
    found = plane.compared(control)
    sure = np.sign(found["points"]) * ((found["points_low"] > 0) | (found["points_high"] < 0))
    scale = [mix("wrong", 0.85, theme), INK[theme].paper, mix("right", 0.85, theme)]
    bar = ("points against<br>the plain run", [-POINTS, 0, POINTS], [f"≤ −{POINTS:g}", "0", f"≥ +{POINTS:g}"])
    words = [
        [_number(found["accuracy"][i, j], sure[i, j]) for i in range(len(plane.step_sizes))]
        for j in range(len(plane.residuals))
    ]
    heat = grid.shaded(found["points"], POINTS, scale, bar)
    heat |= {"text": words, "texttemplate": "%{text}", "textfont": {"size": 10 if narrow else 12}}
    texts = [
        [_accuracy_text(plane, found, control, i, j) for j in range(len(plane.residuals))]
        for i in range(len(plane.step_sizes))
    ]
    marks = grid.markers(texts, np.zeros(plane.done.shape, bool))
    return grid.figure([heat, marks, *grid.current(here, 40)], [], f"accuracy {control}")


def _outcomes(plane: Plane) -> np.ndarray:
    """(S, A) what becomes of the answer alone."""
    was_right = plane.plain_choice == plane.answer
    kept, lost = ("stays right", "flips to wrong") if was_right else ("flips to right", "stays wrong")
    return np.where(plane.right, kept, lost)


def _cell_texts(plane: Plane) -> list[list[str]]:
    """What is said of every cell when the pointer is on it."""
    regions = name_regions(plane)
    far, push, gaps = 100 * plane.far, 100 * plane.push_share, plane.gaps
    length = np.sqrt((plane.length**2).mean(-1) / max(float((plane.plain_length**2).mean()), 1e-12))
    out = []
    for i, s in enumerate(plane.step_sizes):
        row = []
        for j, a in enumerate(plane.residuals):
            mark = ROLES["right" if plane.right[i, j] else "wrong"].glyph
            name = plain_text(chosen(plane.candidates, plane.choice[i, j]))
            row.append(
                f"<b>s = {signed(s)}, α = {a:g}: {regions[i, j]}</b><br>"
                f"answers {name} {mark}, margin {plane.margin[i, j]:+.2f} nats (plain {plane.plain_margin:+.2f})<br>"
                f"random pushes of equal length: margin {plane.random_margin[i, j]:+.2f}<br>"
                f"zero thoughts: margin {plane.zero_margin:+.2f}<br>"
                f"push {push[i, j]:.0f} % of ‖h‖, deviation from plain {far[i, j]:.0f} %<br>"
                f"length {length[i, j]:.2f} × plain, steps {plane.lively[i, j]:.2f} × plain<br>"
                f"distance to strong's reference {gaps[i, j, 0]:.2f} → {gaps[i, j, -1]:.2f}"
            )
        out.append(row)
    return out


def _accuracy_text(plane: AccuracyPlane, found: dict[str, np.ndarray], control: bool, i: int, j: int) -> str:
    here = f"<b>s = {signed(plane.step_sizes[i])}, α = {plane.residuals[j]:g}</b><br>"
    v = {name: values[i, j] for name, values in found.items()}
    if np.isnan(v["accuracy"]):
        return here + "not run yet"
    return here + (
        f"{v['accuracy']:.1f} % right of n = {plane.n} (95 % interval {v['low']:.1f}–{v['high']:.1f})<br>"
        f"{v['points']:+.1f} points against the plain run ({v['points_low']:+.1f} … {v['points_high']:+.1f})<br>"
        f"gained {v['gained']:.0f}, lost {v['lost']:.0f} problems<br>"
        f"{_other(plane, control, i, j)}"
        f"plain {100 * plane.plain.mean():.1f} %, zero thoughts {100 * plane.zero.mean():.1f} %, "
        f"chance {100 * plane.chance:.0f} %"
    )


def _other(plane: AccuracyPlane, control: bool, i: int, j: int) -> str:
    """The same cell under the other kind of pushes, where that has been run."""
    name, right, done = (
        ("pushes towards strong" if control else "random pushes of equal length"),
        plane.right,
        plane.done,
    )
    if not control:
        right, done = plane.random_right, plane.random_done
    return f"{name}: {100 * right[i, j].mean():.1f} %<br>" if done[i, j] else ""


def _number(accuracy: float, sure: float) -> str:
    """An accuracy as it is written in its cell."""
    if np.isnan(accuracy):
        return ""
    return f"{accuracy:.0f}" if not sure else f"<b>{accuracy:.0f} {'+' if sure > 0 else '−'}</b>"
