"""The regimes panel on paper: step size across, mix upwards, regions by name and outline, this setting ringed."""

from __future__ import annotations

import numpy as np

from ..figures.heat_grid import edges, label_places, signed
from ..figures.regimes import TINTS
from ..studies.live_pad import to_axis
from .look import Cell, Look, dress, width_of, wrap
from .records import RegimeRecord
from .regime_record import SURE

BOTTOM, TOP = 2.9, 1.6
TICKS = (-2.0, -1.0, -0.5, -0.2, 0.0, 0.2, 0.5, 1.0, 2.0)


def wish(record: RegimeRecord, look: Look):
    if record.missing:
        return 20.0, 30.0, lambda width: (1.4 * len(wrap(record.missing, width - 1)) + 1,) * 2
    return 26.0, 38.0, lambda width: (13.0, min(0.5 * width, 22.0) + BOTTOM + TOP)


def draw(cell: Cell, record: RegimeRecord) -> None:
    look = cell.look
    if record.missing:
        for i, line in enumerate(wrap(record.missing, cell.wide - 1)):
            cell.write(0.5, 0.5 + 1.4 * i, line, "muted")
        return
    shaded = record.reading in ("margin", "random pushes")
    left, right = 4.2, 5.6 if shaded else 0.3
    ax = cell.axes(left, TOP, cell.wide - left - right, cell.high - TOP - BOTTOM, "regimes")
    dress(ax, look)
    x, y = to_axis(record.step_sizes), np.asarray(record.residuals, float)
    across, up = edges(x), edges(y)
    ax.set_xlim(across[0], across[-1])
    ax.set_ylim(up[0], up[-1])
    _fill(cell, ax, record, across, up, shaded)
    _outline(ax, look, record.right if shaded else record.names, across, up)
    wrong = np.argwhere(~record.right.astype(bool))
    ax.plot(x[wrong[:, 0]], y[wrong[:, 1]], "x", ms=0.34 * look.em, mew=look.line(0.05), color=look.colours["muted"], zorder=3,
            label="wrong")  # fmt: skip
    room = (cell.wide - left - right) / (across[-1] - across[0])
    if not shaded:
        _names(ax, look, record, x, y, across, up, room)
    s, a = float(to_axis(record.here[0])), record.here[1]
    ax.plot(s, a, "o", ms=1.5 * look.em, mfc="none", mec="#FFFFFF", mew=look.line(0.42), zorder=6, clip_on=False)
    ax.plot(s, a, "o", ms=1.5 * look.em, mfc="none", mec=look.colours["text"], mew=look.line(0.2), zorder=7, clip_on=False,
            label="this setting")  # fmt: skip
    shown = _apart([t for t in TICKS if record.step_sizes[0] <= t <= record.step_sizes[-1]], room)
    ax.set_xticks([float(to_axis(t)) for t in shown], [signed(t) for t in shown])
    mixes = [m for m in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0) if up[0] <= m <= up[-1]]
    ax.set_yticks(mixes, [f"{m:g}" for m in mixes])
    said = "step size s, signed · ○ this setting · × wrong answer"
    if width_of(said) > cell.wide - left - right:
        said = "step size s, signed"
    ax.set_xlabel(said, fontsize=look.em, labelpad=0.2 * look.em, color=look.colours["text"])
    cell.write(0.0, TOP + (cell.high - TOP - BOTTOM) / 2, "residual mix α", rotation=90, va="center", ha="left")
    _halves(cell, ax, left, right, across)


def _fill(cell: Cell, ax, record: RegimeRecord, across, up, shaded: bool) -> None:
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    look = cell.look
    if not shaded:
        kinds = [name for name in TINTS if (record.names == name).any()]
        codes = np.select([record.names == name for name in kinds], range(len(kinds)))
        tints = ListedColormap([look.tint(*TINTS[name]) for name in kinds])
        ax.pcolormesh(
            across, up, codes.T, cmap=tints, vmin=-0.5, vmax=len(kinds) - 0.5, zorder=1, lw=0, antialiased=False
        )
        return
    ends = (look.tint("wrong", 0.85), "#FFFFFF", look.tint("right", 0.85))
    if look.palette == "grey":
        ends = (look.tint("text", 0.8), look.tint("text", 0.4), "#FFFFFF")
    ramp = LinearSegmentedColormap.from_list("margin", ends)
    clipped = np.clip(record.margin, -SURE, SURE)
    cells = ax.pcolormesh(across, up, clipped.T, cmap=ramp, vmin=-SURE, vmax=SURE, zorder=1, lw=0, antialiased=False)
    high = cell.high - TOP - BOTTOM
    key = cell.axes(cell.wide - 4.6, TOP + 1.5, 0.8, high - 1.5, "key")
    key.pcolormesh([0, 1], np.linspace(-SURE, SURE, 65), np.linspace(-SURE, SURE, 64)[:, None], cmap=cells.cmap, norm=cells.norm,
                   lw=0, antialiased=False)  # fmt: skip
    dress(key, look, ("left", "right", "top", "bottom"))
    key.yaxis.tick_right()
    key.set_xticks([])
    key.set_yticks([-SURE, 0, SURE], [f"✗ ≤ −{SURE:g}", "0", f"✓ ≥ {SURE:g}"])
    cell.write(cell.wide - 4.6, TOP, "nats", va="top")


def _outline(ax, look: Look, names: np.ndarray, across, up) -> None:
    """A line between every two cells of different names."""
    from matplotlib.collections import LineCollection

    lines = [
        [(across[i + 1], up[j]), (across[i + 1], up[j + 1])]
        for i, j in zip(*np.nonzero(names[:-1] != names[1:]), strict=True)
    ]
    lines += [
        [(across[i], up[j + 1]), (across[i + 1], up[j + 1])]
        for i, j in zip(*np.nonzero(names[:, :-1] != names[:, 1:]), strict=True)
    ]
    ax.add_collection(
        LineCollection(lines, colors=look.colours["text"], linewidths=look.line(0.09), zorder=4, capstyle="projecting")
    )


def _names(ax, look: Look, record: RegimeRecord, x, y, across, up, room: float) -> None:
    """The name of every region on its innermost cell, left out where it would touch another name or leave the panel."""
    names = record.names.copy()
    near = np.abs(x - to_axis(record.here[0])).argmin(), np.abs(y - record.here[1]).argmin()
    names[near] = ""
    row = (ax.get_position().height * ax.figure.get_size_inches()[1] * 72 / look.em) / (up[-1] - up[0])
    taken: list[tuple[float, float, float]] = [(float(to_axis(record.here[0])) * room, record.here[1] * row, 0.9)]
    for name, i, j in label_places(names, np.diff(across), np.diff(up)):
        half = width_of(name, bold=True) / 2 + 0.3
        left, right = across[0] * room + half, across[-1] * room - half
        middle, height = min(max(x[i] * room, left), right), y[j] * row
        if any(abs(middle - m) < half + h and abs(height - v) < 1.5 for m, v, h in taken):
            continue
        taken.append((middle, height, half))
        ax.annotate(
            name, (middle / room, y[j]), ha="center", va="center", fontsize=look.em, fontweight="bold", color=look.colours["text"],
            zorder=5, bbox={"facecolor": "#FFFFFF", "edgecolor": "none", "pad": 0.12 * look.em, "alpha": 0.85},
        )  # fmt: skip


def _apart(ticks: list[float], room: float) -> list[float]:
    """Ticks whose words do not touch; zero and the ends come first."""
    kept: list[float] = []
    for tick in sorted(ticks, key=lambda t: (t != 0, -abs(t))):
        at, half = float(to_axis(tick)) * room, width_of(signed(tick)) / 2 + 0.3
        if all(abs(at - float(to_axis(k)) * room) > half + width_of(signed(k)) / 2 for k in kept):
            kept.append(tick)
    return sorted(kept)


def _halves(cell: Cell, ax, left: float, right: float, across) -> None:
    """What the two halves of the step axis are, above them, and the line between."""
    look, wide = cell.look, cell.wide - left - right
    zero = (float(to_axis(0.0)) - across[0]) / (across[-1] - across[0]) * wide
    ax.axvline(float(to_axis(0.0)), lw=look.line(0.085), ls=(0, (1, 2)), color=look.colours["text"], zorder=4)
    for words, at, ha, room in (
        (("◀ as printed: away from ▲ strong", "◀ as printed"), zero - 0.6, "right", zero),
        (("descent: towards ▲ strong ▶", "descent ▶"), zero + 0.6, "left", wide - zero),
    ):
        fitting = [w for w in words if width_of(w) + 0.8 <= room]
        if fitting and room > 1:
            role = "strong" if look.palette != "grey" else "text"
            cell.write(left + at, TOP - 0.35, fitting[0], role, ha=ha, va="bottom")
