"""Where the panels of a figure stand: rows of panels, in the order that was asked for. Pure arithmetic, in em.

    rows = arrange(wishes, width=75.9, most=None)      free height
    rows = arrange(wishes, width=73.8, most=36.0)      a slide: the rows share what there is

All ways to break the order into rows are weighed (there are at most 2⁸), so the answer does not depend on luck.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .recipe import RecipeError

GAP, ROW_GAP = 2.2, 1.6  # between panels of a row, between rows


@dataclass(frozen=True)
class Wish:
    """What a panel needs. least, best: width in em below which it cannot be read, and the one it looks best at; height: width ->
    (least, best) height in em."""

    panel: str
    least: float
    best: float
    height: Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Place:
    """A panel's rectangle in em, from the upper left corner of the panels' area."""

    panel: str
    left: float
    top: float
    width: float
    height: float


def arrange(wishes: Sequence[Wish], width: float, most: float, fixed: bool = False) -> list[Place]:
    """Places of all panels within `width`; fixed: the height is `most`, not less.

    Raises RecipeError where they do not fit, naming what was needed.
    """
    found, needed = [], float("inf")
    for cuts in itertools.product((False, True), repeat=len(wishes) - 1):
        rows = _rows(wishes, cuts)
        if any(_least(row) > width for row in rows if len(row) > 1):
            continue
        widths = [_widths(row, width) for row in rows]
        heights = [
            tuple(map(max, zip(*(w.height(x) for w, x in zip(row, wide, strict=True)), strict=True)))
            for row, wide in zip(rows, widths, strict=True)
        ]
        gaps = ROW_GAP * (len(rows) - 1)
        low, best = (sum(h[i] for h in heights) + gaps for i in (0, 1))
        needed = min(needed, low)
        if low > most + 1e-9:
            continue
        badness = sum(_strain(row, wide) for row, wide in zip(rows, widths, strict=True))
        badness += 0.15 * len(rows) + (abs(best - most) / most if fixed else 0.012 * best)
        found.append((badness, cuts, rows, widths, heights, gaps))
    if not found:
        raise RecipeError(
            f"These panels need {needed:.0f} lines of height at this font size and width, there are {most:.0f}; choose fewer "
            f"panels, a smaller font_size or another size."
        )
    _, _, rows, widths, heights, gaps = min(found, key=lambda f: f[:2])
    return _placed(rows, widths, _shared(heights, most - gaps, fixed))


def _rows(wishes: Sequence[Wish], cuts: Sequence[bool]) -> list[list[Wish]]:
    rows = [[wishes[0]]]
    for wish, cut in zip(wishes[1:], cuts, strict=True):
        if cut:
            rows.append([wish])
        else:
            rows[-1].append(wish)
    return rows


def _least(row: Sequence[Wish]) -> float:
    return sum(w.least for w in row) + GAP * (len(row) - 1)


def _widths(row: Sequence[Wish], width: float) -> list[float]:
    """What is left above the least is shared by how much each panel would like."""
    spare = width - _least(row)
    longing = [max(w.best - w.least, 1.0) for w in row]
    return [w.least + spare * part / sum(longing) for w, part in zip(row, longing, strict=True)]


def _strain(row: Sequence[Wish], widths: Sequence[float]) -> float:
    """How far the widths of a row are from the best ones; being stretched hurts as much as being squeezed."""
    return sum(
        (x / w.best - 1) ** 2 if x < w.best else 0.5 * (x / w.best - 1) ** 2 for w, x in zip(row, widths, strict=True)
    )


def _shared(heights: Sequence[tuple[float, float]], room: float, fixed: bool) -> list[float]:
    """A height for every row: the best one where there is room, else between least and best in equal measure."""
    low, best = (sum(h[i] for h in heights) for i in (0, 1))
    if best <= room and not fixed:
        return [h[1] for h in heights]
    if best <= room:
        return [h[1] * room / best for h in heights]
    share = (room - low) / (best - low) if best > low else 0.0
    return [a + share * (b - a) for a, b in heights]


def _placed(rows, widths, heights) -> list[Place]:
    places, top = [], 0.0
    for row, wide, high in zip(rows, widths, heights, strict=True):
        left = 0.0
        for wish, x in zip(row, wide, strict=True):
            places.append(Place(wish.panel, left, top, x, high))
            left += x + GAP
        top += high + ROW_GAP
    return places
