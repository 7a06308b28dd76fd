"""The curve panels on paper: one set of axes, curves named at their ends, plain dotted and refined solid."""

from __future__ import annotations

import numpy as np

from .look import DASHED, DOTTED, Cell, Look, dress, spread, width_of
from .records import CurveRecord, Line

BOTTOM = 2.75  # em below the axes: numbers and what they count
UNITS = {"distances": "distance", "movements": "% of ‖h‖", "answers": "probability", "margin": "nats"}


def wish(record: CurveRecord, look: Look):
    return 17.0, 23.0, lambda width: (8.5, min(max(0.55 * width, 10.5), 15.0) + BOTTOM)


def draw(cell: Cell, record: CurveRecord) -> None:
    look = cell.look
    thoughts = len(record.lines[0].values)
    ticks, (low, high) = scale(record)
    labels = {t: _tick(t) for t in ticks}
    left = 1.5 + 0.6 + max((width_of(words) for words in labels.values()), default=1.0)
    named = _named(record)
    right = 0.9 + max(width_of(line.short) for line in named)
    ax = cell.axes(left, 0.35, cell.wide - left - right, cell.high - BOTTOM - 0.35, record.panel)
    dress(ax, look)
    if record.log:
        ax.set_yscale("log")
        ax.minorticks_off()
    ax.set_xlim(0.7, thoughts + 0.3)
    ax.set_ylim(low, high)
    ax.set_yticks(list(labels), list(labels.values()))
    every = max(1, -(-thoughts // 10))
    ax.set_xticks(range(1, thoughts + 1, every))
    ax.set_xlabel("thought", fontsize=look.em, labelpad=0.2 * look.em, color=look.colours["text"])
    cell.write(
        0.0, 0.35 + (cell.high - BOTTOM - 0.35) / 2, UNITS[record.panel], rotation=90, va="center", ha="left",
    )  # fmt: skip
    if record.level is not None:
        ax.axhline(record.level, lw=look.line(0.085), ls=DASHED, color=look.tint("muted", 0.6), zorder=1)
    shown = look.until(thoughts)
    x = np.arange(1, thoughts + 1)
    for line in record.lines:
        _curve(ax, look, line, x[:shown], line.values[:shown])
    if look.moment is not None:
        ax.axvline(shown, lw=look.line(0.085), color=look.colours["muted"], zorder=1)
    _end_labels(ax, cell, named, shown, cell.high - BOTTOM - 0.35)


def scale(record: CurveRecord) -> tuple[list[float], tuple[float, float]]:
    """Ticks, and limits that hold every value: distances from zero, margins around it, movements in whole steps of a decade."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    values = np.concatenate([line.values for line in record.lines])
    values = values[np.isfinite(values)]
    if not values.size:
        return ([1.0, 10.0, 100.0], (0.5, 200.0)) if record.log else ([0.0, 1.0], (0.0, 1.0))
    low, high = float(values.min()), float(values.max())
    if record.log:
        low, high = low / 1.35, high * 1.35
        wide = np.log10(high / low) > 1.6
        ticks = LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)).tick_values(low, high)
        return [float(t) for t in ticks if low <= t <= high], (low, high)
    if record.panel == "answers":
        return [0.0, 0.25, 0.5, 0.75, 1.0], (-0.03, 1.03)
    low, high = min(low, 0.0), max(high, 0.0)
    pad = 0.08 * ((high - low) or 1.0)
    low, high = (low - pad if low < 0 else 0.0), high + pad
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(t) for t in ticks if low <= t <= high], (low, high)


def _tick(value: float) -> str:
    return f"{value:.6g}".replace("-", "−")


def _curve(ax, look: Look, line: Line, x: np.ndarray, y: np.ndarray) -> None:
    solid, colour = line.run == "refined", look.colours[line.role]
    # step, push and deviation are of one run: what tells them apart without colour is the marker
    marker = {"step": "s", "push": "D"}.get(line.short) or look.marker(line.role)
    size = {"strong": 0.62, "weak": 0.62}.get(line.role, 0.52)
    hollow = not solid
    ax.plot(
        x, y, ls="-" if solid else DOTTED, lw=look.line(0.17 if solid else 0.14), color=colour, marker=marker, ms=size * look.em,
        mfc="#FFFFFF" if hollow else colour, mec=colour, mew=look.line(0.1), zorder=3 if solid else 2, label=line.name,
        clip_on=False,
    )  # fmt: skip


def _named(record: CurveRecord) -> list[Line]:
    """The curves that get their name at the end: one of each name, the refined one where both runs have it."""
    last = {line.short: line for line in sorted(record.lines, key=lambda line: line.run == "refined")}
    if record.panel == "answers":  # every curve by its run, or by its candidate where there are several
        several = len({line.short for line in record.lines}) > 1
        return list(last.values()) if several else [_renamed(line, line.run) for line in record.lines]
    return list(last.values())


def _renamed(line: Line, short: str) -> Line:
    return Line(line.name, short, line.role, line.run, line.values)


def _end_labels(ax, cell: Cell, named: list[Line], shown: int, high: float) -> None:
    """Names to the right of the last points, moved apart where they would touch."""
    look = cell.look
    found = [(line, line.values[:shown][np.isfinite(line.values[:shown])]) for line in named]
    found = [(line, values[-1]) for line, values in found if len(values)]
    if not found:
        return
    ends = [ax.transAxes.inverted().transform(ax.transData.transform((1, value)))[1] * high for _, value in found]
    for (line, _), y in zip(found, spread(ends, 1.2, 0.55, high - 0.55), strict=True):
        ax.annotate(
            line.short, (1, y / high), (0.55 * look.em, 0), xycoords="axes fraction", textcoords="offset points",
            fontsize=look.em, color=look.colours[line.role], va="center", ha="left", annotation_clip=False,
        )  # fmt: skip
