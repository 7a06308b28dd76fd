"""The decoding panel on paper: a row per thought, the most probable tokens of the plain and the refined run side by side."""

from __future__ import annotations

from typing import Any

from .look import Cell, Look, cut, lightness, width_of
from .records import TokenRecord

ROW, HEAD, FOOT = 1.75, 1.7, 1.7
LONGEST = 10  # letters of a token
NUMBER = 2.4  # em for "100", its space included


def wish(record: TokenRecord, look: Look):
    height = HEAD + ROW * _thoughts(record) + FOOT
    return min(3.2 + 4 * _column(record), 38.0), 46.0, lambda width: (height, height)


def _thoughts(record: TokenRecord) -> int:
    return len(record.words["refined"])


def _column(record: TokenRecord) -> float:
    """Width of one token and its probability, in em."""
    words = [
        w if len(w) <= LONGEST else w[:LONGEST] + "…" for rows in record.words.values() for row in rows for w in row[:3]
    ]
    return max(map(width_of, words)) + NUMBER + 0.9


def draw(cell: Cell, record: TokenRecord) -> None:
    look, thoughts = cell.look, _thoughts(record)
    label, gap = 1.8, 1.2
    block = (cell.wide - label - gap) / 2
    ranks = max(1, min(record.p["refined"].shape[1], int(block / min(_column(record), block))))
    wide = block / ranks
    row = min(ROW * 1.4, (cell.high - HEAD - FOOT) / thoughts)
    ax = cell.axes(0, 0, cell.wide, cell.high, "tokens")
    ax.set_xlim(0, cell.wide)
    ax.set_ylim(cell.high, 0)
    cell.write(label - 0.5, HEAD - 0.35, "t", "muted", ha="right", va="bottom")
    shown = look.until(thoughts)
    for t in range(thoughts):
        cell.write(label - 0.5, HEAD + row * (t + 0.5), f"{t + 1}", "muted", ha="right", va="center_baseline")
    for place, (run, words) in enumerate((("plain", "○ plain run"), ("refined", "● refined run"))):
        left = label + place * (block + gap)
        cell.write(left, HEAD - 0.35, cut(words, block), run if look.palette != "grey" else "text", va="bottom")
        for t in range(shown):
            for r in range(ranks):
                _token(cell, ax, record, run, t, r, (left + r * wide, HEAD + row * t, wide, row))
    framed = any(table.any() for table in record.frontier.values())
    note = "probability in %" + ("; framed: on the true frontier" if framed else "")
    cell.write(label, HEAD + row * thoughts + 0.5, cut(note, cell.wide - label), "muted")


def _token(
    cell: Cell, ax, record: TokenRecord, run: str, t: int, r: int, box: tuple[float, float, float, float]
) -> None:
    from matplotlib.patches import Rectangle

    look, p = cell.look, float(record.p[run][t, r])
    left, top, wide, high = box
    fill = look.tint(run, 0.62 * p**0.5)
    rim = record.frontier[run][t, r]
    style: dict[str, Any] = {"ec": "none", "zorder": 2}
    if rim:
        style = {"ec": look.colours["frontier"], "lw": look.line(0.17), "zorder": 3}
    ax.add_patch(Rectangle((left + 0.12, top + 0.12), wide - 0.24, high - 0.24, fc=fill, **style))
    dark = look.colours["text"] if lightness(fill) > 0.45 else "#FFFFFF"
    middle = top + high / 2
    word = cut(record.words[run][t][r], wide - NUMBER - 0.7)
    cell.write(left + 0.45, middle, word, va="center_baseline", color=dark, zorder=4)
    cell.write(left + wide - 0.45, middle, f"{100 * p:.0f}", va="center_baseline", ha="right", color=dark, zorder=4)
