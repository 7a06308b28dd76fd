"""The graph panel on paper: the graph once with its names, then small and without them for every thought and run.

Shade is the square root of the probability, as on the screen, with a key; a thick rim is the true frontier of that thought. Below
each small graph stands the probability on that frontier in per cent.
"""

from __future__ import annotations

import numpy as np

from .look import Cell, Look, cut, width_of, wrap
from .records import GraphRecord

LONGEST = 12  # letters of a name
SIDE = 2.0  # em for the word at the left of the small graphs
HEAD, FOOT = 1.4, 1.9  # em above (number of the thought) and below (probability on the frontier) a small graph
ROOM = 3.0  # em a row of the named graph takes at most; more would only pull it apart
NOTE = "number: % of probability on the true frontier (thick rim); –: nothing is so far away"
LEGEND = "◆ asked about · ■ candidates"


def _name_width(record: GraphRecord) -> float:
    return max(width_of(cut(name, width_of("m" * LONGEST))) for name in record.names) + 0.8


def _sizes(record: GraphRecord, width: float) -> tuple[bool, float, int, float]:
    """(side by side, width of the named graph, thoughts in a row, width of a small graph) in em."""
    thoughts = len(record.frontier)
    named = min(record.columns * _name_width(record), width)
    mini = record.columns * 1.02 + 0.7
    beside = width - named - 2.0 - SIDE
    fits = int(beside / mini)
    if fits >= min(thoughts, 4):
        rows = -(-thoughts // fits)
        per = -(-thoughts // rows)
        return True, named, per, beside / per
    per = max(1, min(thoughts, int((width - SIDE) / mini)))
    per = -(-thoughts // -(-thoughts // per))
    return False, width, per, (width - SIDE) / per


def wish(record: GraphRecord, look: Look):
    least = max(record.columns * _name_width(record) * 0.75, 24.0)

    def height(width: float) -> tuple[float, float]:
        beside, _, per, _ = _sizes(record, width)
        blocks = -(-len(record.frontier) // per)
        notes = 1.4 * len(_notes(width)) + 0.4
        named = np.array([2.25, 2.7]) * record.rows_high + 0.4
        small = blocks * (HEAD + 2 * (FOOT + np.array([0.72, 1.05]) * record.rows_high)) + 0.2
        both = np.maximum(named, small) if beside else named + small + 0.8
        return float(both[0] + notes), float(both[1] + notes)

    return least, 72.0, height


def _notes(width: float) -> list[str]:
    both = f"{LEGEND} · {NOTE}"
    return [both] if width_of(both) + 13 <= width else [*wrap(LEGEND, width - 13), *wrap(NOTE, width)]


def draw(cell: Cell, record: GraphRecord) -> None:
    beside, named, per, wide = _sizes(record, cell.wide)
    notes = _notes(cell.wide)
    high = cell.high - 1.4 * len(notes) - 0.4
    blocks = -(-len(record.frontier) // per)
    if beside:
        _named(cell.part(0, 0, named, min(high, ROOM * record.rows_high + 0.4)), record)
        area = cell.part(named + 2.0, 0, cell.wide - named - 2.0, high)
    else:
        share = 2.5 * record.rows_high + 0.4
        small = blocks * (HEAD + 2 * (FOOT + 0.95 * record.rows_high))
        top = (high - 0.8) * share / (share + small)
        _named(cell.part(0, 0, named, top), record)
        area = cell.part(0, top + 0.8, cell.wide, high - top - 0.8)
    each = area.high / blocks
    for block in range(blocks):
        thoughts = range(block * per, min((block + 1) * per, len(record.frontier)))
        _block(area.part(0, block * each, area.wide, each), record, thoughts, wide)
    for i, line in enumerate(notes):
        cell.write(0, high + 0.4 + 1.4 * i, line, "muted")
    _key(cell, high + 0.4)


def _block(cell: Cell, record: GraphRecord, thoughts, wide: float) -> None:
    """Plain above refined, a column per thought."""
    high = (cell.high - HEAD) / 2
    shown = cell.look.until(len(record.frontier))
    for i, t in enumerate(thoughts):
        cell.write(
            SIDE + (i + 0.5) * wide, 0.1, ("thought " if wide > 6 else "t = ") * (i == 0) + f"{t + 1}", ha="center"
        )
    for row, run in enumerate(("plain", "refined")):
        top = HEAD + row * high
        middle = top + (high - FOOT) / 2
        cell.write(
            0.1, middle, run, run if cell.look.palette != "grey" else "text", rotation=90, va="center", ha="left"
        )
        for i, t in enumerate(thoughts):
            if t < shown:
                _small(cell.part(SIDE + i * wide, top, wide, high), record, run, t)


def _small(cell: Cell, record: GraphRecord, run: str, t: int) -> None:
    look = cell.look
    ax = cell.axes(0.25, 0.05, cell.wide - 0.5, cell.high - FOOT, f"graph {run} {t + 1}")
    _frame(ax, record, 0.5)
    size = min(0.82 * (cell.high - FOOT) / record.rows_high, 0.74 * (cell.wide - 0.5) / record.columns, 1.3)
    for s, e in record.edges:
        ax.plot(*_edge(record, s, e), "-", lw=look.line(0.05), color=look.tint("muted", 0.45), zorder=1)
    _nodes(ax, look, record, size, record.p[run][t], record.frontier[t], run)
    mass = record.mass[run][t]
    words = "–" if np.isnan(mass) else f"{100 * mass:.0f} %" if cell.wide > 3.2 else f"{100 * mass:.0f}"
    cell.write(cell.wide / 2, cell.high - 0.35, words, ha="center", va="bottom")


def _frame(ax, record: GraphRecord, pad: float, below: float = 0.0) -> None:
    ax.set_xlim(-pad, record.columns - 1 + pad)
    ax.set_ylim(record.rows_high - 1 + pad + below, -pad)


def _edge(record: GraphRecord, s: int, e: int) -> tuple[np.ndarray, np.ndarray]:
    """An edge inside a column bends to the right, and one that goes back a little as well, so that none runs through nodes."""
    dx, dy = record.x[e] - record.x[s], record.y[e] - record.y[s]
    bend = 0.34 if dx == 0 else 0.22 if dx < 0 else 0.0
    u = np.linspace(0, 1, 9 if bend else 2)
    return record.x[s] + dx * u + bend * 4 * u * (1 - u), record.y[s] + dy * u


def _nodes(ax, look: Look, record: GraphRecord, size: float, p: np.ndarray, frontier: np.ndarray, run: str) -> None:
    """Nodes filled by probability; size: em across."""
    for i in range(len(record.names)):
        candidate = i in (record.answer, record.distractor)
        marker = "D" if i == record.root else "s" if candidate else "o"
        rim, wide = look.tint("muted", 0.6), 0.06
        if i == record.root:
            rim, wide = look.colours["question"], 0.14
        elif candidate:
            rim, wide = look.colours["text"], 0.1
        if frontier[i]:
            rim, wide = look.colours["frontier"], min(0.24, 0.22 * size)
        across = size * (0.86 if marker == "D" else 0.9 if marker == "s" else 1.0)
        ax.plot(
            record.x[i], record.y[i], marker, ms=across * look.em, mfc=look.tint(run, float(p[i]) ** 0.5), mec=rim,
            mew=look.line(wide), zorder=3, clip_on=False,
        )  # fmt: skip
    ax.plot(
        record.x[record.answer], record.y[record.answer], "s", ms=(size + 0.42) * look.em, mfc="none",
        mec=look.colours["right"], mew=look.line(0.11), zorder=2, clip_on=False,
    )  # fmt: skip


def _named(cell: Cell, record: GraphRecord) -> None:
    """The graph with its names and arrows, without probabilities."""
    look = cell.look
    ax = cell.axes(0, 0, cell.wide, cell.high, "graph")
    _frame(ax, record, 0.5, 0.35)
    row, column = cell.high / (record.rows_high + 0.35), cell.wide / record.columns
    size = min(1.25, 0.5 * row)
    for s, e in record.edges:
        x, y = _edge(record, s, e)
        tint = look.tint("muted", 0.75 if record.reached[s] else 0.4)
        style = {"arrowstyle": "-|>,head_width=0.13,head_length=0.28", "mutation_scale": look.em, "lw": look.line(0.06)}
        style |= {"shrinkA": 0, "shrinkB": 0.56 * size * look.em, "color": tint}
        if len(x) > 2:
            ax.plot(x[:-1], y[:-1], "-", lw=look.line(0.06), color=tint, zorder=1)
        ax.annotate("", (x[-1], y[-1]), (x[-2], y[-2]), arrowprops=style, zorder=1, annotation_clip=False)
    nothing = np.zeros(len(record.names))
    _nodes(ax, look, record, size, nothing, nothing.astype(bool), "plain")
    roles = {record.root: "question", record.answer: "right", record.distractor: "wrong"}
    for i, name in enumerate(record.names):
        mark = " ✓" if i == record.answer else ""
        words = cut(name, min(column - 0.3, width_of("m" * LONGEST)) - width_of(mark) if mark else column - 0.3) + mark
        role = roles.get(i, "text" if record.reached[i] else "muted")
        below = (size / 2 + (0.32 if i == record.answer else 0.14)) / row
        ax.annotate(
            words, (record.x[i], record.y[i] + below), ha="center", va="top", fontsize=look.em, annotation_clip=False, zorder=4,
            color=look.colours["text" if look.palette == "grey" else role],
            bbox={"facecolor": "#FFFFFF", "edgecolor": "none", "pad": 0.03 * look.em, "alpha": 0.8},
        )  # fmt: skip


def _key(cell: Cell, top: float) -> None:
    """What a shade means, at the right end of the last line."""
    from matplotlib.patches import Rectangle

    look, steps, wide = cell.look, (0.0, 0.1, 0.5, 1.0), 1.1
    words = [f"{100 * p:.0f}" for p in steps]
    left = cell.wide - 12.4
    ax = cell.axes(left, top, 12.2, 1.2, "shade")
    ax.set_xlim(0, 12.2)
    ax.set_ylim(1.2, 0)
    x = 0.2
    for p, word in zip(steps, words, strict=True):
        for part, run in enumerate(("plain", "refined")):
            fill = look.tint(run, p**0.5)
            ax.add_patch(Rectangle((x + part * wide / 2, 0.02), wide / 2, 0.9, fc=fill, ec="none", zorder=2))
        ax.add_patch(
            Rectangle((x, 0.02), wide, 0.9, fc="none", ec=look.tint("muted", 0.6), lw=look.line(0.05), zorder=3)
        )
        cell.write(left + x + wide + 0.2, top, word, "muted")
        x += wide + 0.55 + width_of(word)
    cell.write(left + x - 0.1, top, "%", "muted")
