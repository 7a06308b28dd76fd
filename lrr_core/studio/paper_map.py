"""The map panel on paper: plain, refined, strong and weak as polylines, push and pull as arrows, the quality below."""

from __future__ import annotations

import numpy as np

from ..colours import ROLES
from .look import DOTTED, Cell, Look, dress, wrap
from .records import WARNING, MapRecord

DISC, RING = 1.75, 2.2  # em across: a refined and a plain thought with its number
NEAR = 0.75  # of a disc: nearer than this a later disc hides a number


def wish(record: MapRecord, look: Look):
    return 20.0, 28.0, lambda width: (12.0, 0.78 * min(width, 40.0) + 1.4 * len(_notes(record, width)) + 0.4)


def _notes(record: MapRecord, width: float) -> list[str]:
    return wrap(f"{record.quality}; {WARNING}", width)


def draw(cell: Cell, record: MapRecord, thought: int | None = None) -> None:
    """thought: the one whose push and pull are drawn, from 1; None for all of them (of a film: the one looked at)."""
    look, notes = cell.look, _notes(record, cell.wide)
    high = cell.high - 1.4 * len(notes) - 0.3
    ax = cell.axes(0.1, 0, cell.wide - 0.2, high, "map")
    dress(ax, look, ("left", "right", "top", "bottom"))
    for side in ax.spines.values():
        side.set_color(look.tint("muted", 0.35))
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlim(*record.limits[0])
    ax.set_ylim(*record.limits[1])
    shown, now = look.until(len(record.proposed)), look.moment
    ax.plot(
        *record.background.T,
        "o",
        ms=0.26 * look.em,
        mew=0,
        color=look.tint("muted", 0.42),
        zorder=1,
        label="background",
    )
    for name in ("weak", "strong"):
        _path(ax, look, name, record.paths[name][:shown], 2)
    _path(ax, look, "plain", record.paths["plain"][:shown], 3)
    refined = record.paths["refined"][:shown].copy()
    if now is not None:
        refined[-1] = record.rounds[now]
    _path(ax, look, "refined", refined, 5)
    _numbers(ax, look, record.paths["plain"][:shown], refined, high)
    wanted = range(shown) if thought is None else [thought - 1]
    for t in [now[0]] if now is not None else [t for t in wanted if t < shown]:
        upto = record.rounds.shape[1] if now is None else now[1] + 1
        _arrow(ax, look, np.stack([record.proposed[t], record.rounds[t, 0]]), "muted", 0.13, "pull")
        _arrow(ax, look, record.rounds[t, :upto], "text", 0.17, "push")
    for i, line in enumerate(notes):
        cell.write(0.1, high + 0.4 + 1.4 * i, line, "muted")


def _path(ax, look: Look, name: str, points: np.ndarray, order: int) -> None:
    colour = look.colours[name]
    size, width = {"refined": (DISC, 0.17), "plain": (RING, 0.15)}.get(name, (0.72, 0.11))
    line = DOTTED if name == "plain" else "-"
    face = "none" if name == "plain" else colour
    ax.plot(
        *points.T, ls=line, lw=look.line(width), color=colour, marker=look.marker(name), ms=size * look.em, mfc=face, mec=colour,
        mew=look.line(0.13 if name == "plain" else 0.0), zorder=order, label=ROLES[name].label, clip_on=False,
    )  # fmt: skip


def _numbers(ax, look: Look, plain: np.ndarray, refined: np.ndarray, high: float) -> None:
    """The thoughts' numbers where no later disc lies over them; the refined run is on top of the plain one."""
    to_points = ax.transData.transform
    at = {"plain": to_points(plain) / ax.figure.dpi * 72, "refined": to_points(refined) / ax.figure.dpi * 72}
    for name, own in at.items():
        for t, place in enumerate(own):
            above = [*own[t + 1 :], *(at["refined"] if name == "plain" else ())]
            if any(
                np.hypot(*(place - other)) < (NEAR * DISC if name == "refined" else DISC) * look.em for other in above
            ):
                continue
            points = plain if name == "plain" else refined
            ax.annotate(
                f"{t + 1}", points[t], ha="center", va="center_baseline", fontsize=look.em, zorder=4 if name == "plain" else 6,
                color=look.colours["text"] if name == "plain" else "#FFFFFF", annotation_clip=False,
            )  # fmt: skip


def _arrow(ax, look: Look, points: np.ndarray, role: str, width: float, name: str) -> None:
    """A polyline that ends in a head, drawn only where it is long enough to be seen."""
    ends = ax.transData.transform(points) / ax.figure.dpi * 72
    if len(points) < 2 or np.hypot(*(ends[-1] - ends[0])) < 0.25 * look.em:
        return
    colour = look.colours[role]
    if len(points) > 2:
        ax.plot(*points[:-1].T, "-", lw=look.line(width), color=colour, zorder=7, solid_capstyle="butt")
    style = {"arrowstyle": "-|>,head_width=0.22,head_length=0.4", "mutation_scale": look.em, "lw": look.line(width)}
    ax.annotate(
        "", points[-1], points[-2], arrowprops=style | {"color": colour, "shrinkA": 0, "shrinkB": 0}, zorder=7, label=name,
        annotation_clip=False,
    )  # fmt: skip
