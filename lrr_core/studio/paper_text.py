"""The words panel on paper: the problem as it was asked, what each run answers, and the controls below a line."""

from __future__ import annotations

from typing import Any

from ..colours import ROLES
from .look import Cell, Look, cut, width_of, wrap
from .records import TextRecord

LINE, ROW = 1.45, 1.6
LONG = 8  # lines of a problem that are always kept; a longer one is cut where a figure has no room
BAR = 4.2  # em of a probability of 1


def _answers_width(record: TextRecord) -> float:
    return sum(_columns(record)) + BAR + 5.7


def _columns(record: TextRecord) -> tuple[float, float]:
    """Widths of the run's name (with its sign) and of the answer."""
    names = max((width_of(label) for _, label, *_ in record.answers), default=4.0) + 2.3
    return names, min(max((width_of(given, bold=True) for _, _, given, *_ in record.answers), default=4.0), 12.0) + 0.8


def _beside(record: TextRecord, width: float) -> bool:
    return width >= _answers_width(record) + 28.0


def _table_height(record: TextRecord) -> float:
    controls = any(run not in ("plain", "refined") for run, *_ in record.answers)
    return ROW * len(record.answers) + (1.9 if controls else 0.0)


def wish(record: TextRecord, look: Look):
    table = _table_height(record)

    def height(width: float) -> tuple[float, float]:
        if _beside(record, width):
            question = LINE * len(wrap(record.question, width - _answers_width(record) - 2.5))
            return max(min(question, LINE * LONG), table), max(question, table) + 0.3
        question = LINE * len(wrap(record.question, width))
        return min(question, LINE * LONG) + table + 0.8, question + table + 1.1

    return max(22.0, _answers_width(record)), 36.0, height


def draw(cell: Cell, record: TextRecord) -> None:
    beside, table = _beside(record, cell.wide), _table_height(record)
    width = cell.wide - _answers_width(record) - 2.5 if beside else cell.wide
    room = cell.high if beside else cell.high - table - 0.8
    shown = _fitting(record, width, int((room + 0.25) / LINE))
    for i, line in enumerate(shown):
        cell.write(0, LINE * i, line)
    if beside:
        _table(cell.part(width + 2.5, 0, cell.wide - width - 2.5, cell.high), record)
    else:
        _table(cell.part(0, LINE * len(shown) + 0.8, cell.wide, table), record)


def _fitting(record: TextRecord, width: float, most: int) -> list[str]:
    """The question in at most `most` lines: whole, or from its start, an ellipsis, and what is asked."""
    lines = wrap(record.question, width)
    if len(lines) <= most:
        return lines
    last = wrap(f"… {record.asked}", width)
    return [*lines[: max(most - len(last), 0)], *last][:most]


def _table(cell: Cell, record: TextRecord) -> None:
    """Rows of run, answer, whether it is right, and its probability as a number and a bar."""
    from matplotlib.patches import Rectangle

    look, (name, given_width) = cell.look, _columns(record)
    ax = cell.axes(0, 0, cell.wide, cell.high, "answers table")
    ax.set_xlim(0, cell.wide)
    ax.set_ylim(cell.high, 0)
    top, below = 0.0, False
    for run, label, given, p, right in record.answers:
        if run not in ("plain", "refined") and not below:
            below = True
            ax.plot(
                [0, min(cell.wide, _answers_width(record))],
                [top + 0.15] * 2,
                lw=look.line(0.06),
                color=look.colours["muted"],
            )
            cell.write(0, top + 0.5, "controls", "muted")
            top += 1.9
        middle = top + ROW / 2
        role = run if run in ROLES else "muted"
        glyph = ROLES[run].glyph if run in ROLES else "·"
        style: dict[str, Any] = {"va": "center_baseline"}
        cell.write(0.1, middle, glyph, role, **style)
        cell.write(1.5, middle, label, "text" if not below else "muted", **style)
        cell.write(name, middle, cut(given, given_width - 0.6), fontweight="bold" if not below else "normal", **style)
        at = name + given_width
        if right is not None:
            verdict = "right" if right else "wrong"
            cell.write(at, middle, ROLES[verdict].glyph, "text" if look.palette == "grey" else verdict, **style)
        cell.write(at + 4.9, middle, f"{100 * p:.0f} %", ha="right", **style)
        fill = look.tint(run if run in ROLES else "muted", 0.75 if run in ROLES else 0.45)
        ax.add_patch(Rectangle((at + 5.4, middle - 0.42), BAR * p, 0.84, fc=fill, ec="none"))
        ax.add_patch(
            Rectangle((at + 5.4, middle - 0.42), BAR, 0.84, fc="none", ec=look.tint("muted", 0.5), lw=look.line(0.05))
        )
        top += ROW
