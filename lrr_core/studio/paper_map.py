"""The map panel on paper: plain, refined, strong and weak as polylines, push and pull as arrows, the quality below."""

from __future__ import annotations

import numpy as np

from ..colours import ROLES
from .look import DOTTED, Cell, Look, dress, width_of, wrap
from .records import MapRecord

DISC, RING = 1.5, 2.0  # em across: a refined and a plain thought with its number
NEAR = 0.75  # of a disc: nearer than this a later disc hides a number


def wish(record: MapRecord, look: Look):
    return 20.0, 28.0, lambda width: (12.0, 0.62 * min(width, 42.0) + 1.4 * len(_notes(record, width)) + 0.4)


def _notes(record: MapRecord, width: float) -> list[str]:
    section = "section of the map; " if record.zoom else ""
    return wrap(f"{section}{record.quality}; {record.reading}", width)


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
        *record.background.T, "o", ms=0.24 * look.em, mew=0, color=look.tint("muted", 0.3), zorder=1, label="background"
    )
    for name in ("weak", "strong"):
        _path(ax, look, name, record.paths[name][:shown], 2)
    _path(ax, look, "plain", record.paths["plain"][:shown], 3)
    refined = record.paths["refined"][:shown].copy()
    if now is not None:
        refined[-1] = record.rounds[now]
    _path(ax, look, "refined", refined, 5)
    _numbers(ax, look, record.paths["plain"][:shown], refined)
    wanted = range(shown) if thought is None else [thought - 1]
    for t in [now[0]] if now is not None else [t for t in wanted if t < shown]:
        upto = record.rounds.shape[1] if now is None else now[1] + 1
        _arrow(ax, look, np.stack([record.proposed[t], record.rounds[t, 0]]), "muted", 0.13, "pull", 0.0)
        _arrow(ax, look, record.rounds[t, :upto], "text", 0.2, "push", DISC / 2)
    for i, line in enumerate(notes):
        cell.write(0.1, high + 0.4 + 1.4 * i, line, "muted")


def _path(ax, look: Look, name: str, points: np.ndarray, order: int) -> None:
    colour = look.colours[name]
    size, width = {"refined": (DISC, 0.17), "plain": (RING, 0.15)}.get(name, (0.78, 0.12))
    line = DOTTED if name == "plain" else "-"
    face = "none" if name == "plain" else colour
    ax.plot(
        *points.T, ls=line, lw=look.line(width), color=colour, marker=look.marker(name), ms=size * look.em, mfc=face, mec=colour,
        mew=look.line(0.13 if name == "plain" else 0.0), zorder=order, label=ROLES[name].label, clip_on=False,
    )  # fmt: skip


def _numbers(ax, look: Look, plain: np.ndarray, refined: np.ndarray) -> None:
    """The thoughts' numbers: inside their discs, beside the pile where another disc or number is in the way, and left out where
    there is no room at all. A plain number is also left out where a refined disc lies over it, which is then at nearly the same
    place."""
    scale = ax.figure.dpi / 72 * look.em
    at = {name: ax.transData.transform(p) / scale for name, p in (("refined", refined), ("plain", plain))}
    low, high = (np.array(p) / scale for p in (ax.get_window_extent().min, ax.get_window_extent().max))
    placed: list[tuple[np.ndarray, np.ndarray]] = []  # middle and half size of every number
    for name, own in at.items():
        for t in reversed(range(len(own))):  # the disc on top has the first say
            half = np.array([width_of(f"{t + 1}") / 2 + 0.12, 0.55])
            over = np.concatenate([own[t + 1 :], at["refined"][:0] if name == "refined" else at["refined"]])
            reach = NEAR * DISC if name == "refined" else 0.5 * (DISC + 1)
            free = all(np.hypot(*(own[t] - other)) >= reach for other in over)
            if not free and name == "plain":
                continue
            shift = _room(own[t], half, free, placed, at["refined"], low, high)
            if shift is None:
                continue
            placed.append((own[t] + shift, half))
            white = name == "refined" and not shift.any()
            ax.annotate(
                f"{t + 1}", (plain if name == "plain" else refined)[t], shift * look.em, textcoords="offset points", ha="center",
                va="center_baseline", fontsize=look.em, zorder=4 if name == "plain" else 6, annotation_clip=False,
                color="#FFFFFF" if white else look.colours["text" if name == "plain" else name],
            )  # fmt: skip


def _room(place, half, inside: bool, placed, discs, low, high) -> np.ndarray | None:
    """Where a number can stand, in em from the middle of its disc: there (if `inside`), else the nearest free way around it."""

    def clear(middle: np.ndarray) -> bool:
        return all((np.abs(middle - m) >= half + h).any() for m, h in placed)

    if inside and clear(place):
        return np.zeros(2)
    turns = np.arange(16) * np.pi / 8
    for far in (DISC / 2 + 0.65, DISC / 2 + 1.1, DISC / 2 + 1.6):
        for way in far * np.stack([np.cos(turns), np.sin(turns)], 1):
            middle = place + way
            within = (middle - half > low).all() and (middle + half < high).all()
            bare = all(np.hypot(*(middle - disc)) >= DISC / 2 + 0.4 for disc in discs)
            if within and bare and clear(middle):
                return way
    return None


def _arrow(ax, look: Look, points: np.ndarray, role: str, width: float, name: str, gap: float) -> None:
    """A polyline that ends in a head, `gap` em before its last point; left out where nothing of it could be seen."""
    ends = ax.transData.transform(points) / ax.figure.dpi * 72
    if len(points) < 2 or np.hypot(*(ends[-1] - ends[0])) < (gap + 0.35) * look.em:
        return
    colour = look.colours[role]
    style = {"arrowstyle": "-|>,head_width=0.22,head_length=0.4", "mutation_scale": look.em, "lw": look.line(width)}
    style |= {"color": colour, "shrinkA": 0, "shrinkB": gap * look.em}
    if len(points) > 2:  # the last round may be shorter than the head: the arrow then comes from farther back
        far = np.flatnonzero(np.hypot(*(ends[:-1] - ends[-1]).T) > (gap + 0.35) * look.em)
        start = far[-1] if len(far) else 0
        ax.plot(*points[: start + 1].T, "-", lw=look.line(width), color=colour, zorder=4.5, solid_capstyle="butt")
        points = points[[start, -1]]
    ax.annotate("", points[-1], points[0], arrowprops=style, zorder=4.5, label=name, annotation_clip=False)
