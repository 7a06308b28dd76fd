"""How a paper figure looks: sizes in points from one font size, colours of a palette, and cells to draw in.

Everything is measured in *em* (the font size in points), so a column, a slide and a poster are one layout at three scales. No
text is ever smaller than the recipe's font size; words are measured before they are placed, with the font that is embedded.
matplotlib is used through its objects alone: no pyplot, no global figure.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..colours import PALETTES, ROLES, shade

LOCK = threading.RLock()  # matplotlib's settings belong to the process: who draws or writes holds this
FONT = "DejaVu Sans"  # comes with matplotlib and has every sign that is used here
MARKERS = {
    "circle": "o",
    "circle-open": "o",
    "diamond": "D",
    "triangle-up": "^",
    "triangle-down": "v",
    "star": "*",
    "x": "X",
}
DOTTED, DASHED = (0, (1.1, 1.5)), (0, (4.0, 1.6))
SETTINGS: dict[str, Any] = {  # see matplotlib.rcParams
    "font.family": [FONT],
    "pdf.fonttype": 42,  # TrueType, so that text can be selected and edited
    "svg.fonttype": "none",  # <text>, not outlines
    "svg.hashsalt": "lrr_core",  # the same names in every file
    "text.parse_math": False,  # a question may hold a dollar sign
    "text.usetex": False,
    "text.hinting": "none",  # letters as wide on a screen as in print
    "path.simplify": True,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class Look:
    """em: points of the smallest text; colours: role -> "#RRGGBB". moment: (thought from 0, round) that is looked at in a film,
    None for the whole run at once."""

    em: float
    palette: str
    moment: tuple[int, int] | None = None

    @property
    def colours(self) -> dict[str, str]:
        return PALETTES[self.palette]

    def line(self, em: float) -> float:
        """A line width in points. 0.1 em is 0.6 pt at 6 pt: thin, and above what a press can hold."""
        return em * self.em

    def marker(self, role: str) -> str:
        return MARKERS[ROLES[role].symbol]

    def tint(self, role: str, share: float) -> str:
        return shade(self.colours[role], share)

    def until(self, thoughts: int) -> int:
        """How many thoughts are shown."""
        return thoughts if self.moment is None else self.moment[0] + 1


@dataclass(frozen=True)
class Cell:
    """A rectangle of a figure in points, from the figure's lower left; words and axes are placed from its upper left, in em."""

    figure: Any
    look: Look
    left: float
    bottom: float
    width: float
    height: float

    @property
    def wide(self) -> float:
        """Width in em."""
        return self.width / self.look.em

    @property
    def high(self) -> float:
        return self.height / self.look.em

    def axes(self, left: float, top: float, width: float, height: float, name: str = ""):
        """Axes with their upper left corner `left` and `top` em from the cell's, bare of ticks and frame."""
        em, size = self.look.em, self.figure.get_size_inches() * 72
        box = (self.left + left * em, self.bottom + self.height - (top + height) * em, width * em, height * em)
        ax = self.figure.add_axes((box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]), label=name)
        ax.set_xticks([])
        ax.set_yticks([])
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.patch.set_visible(False)
        return ax

    def write(self, left: float, top: float, words: str, role: str = "text", size: float = 1.0, **style):
        """Words whose upper left corner (or what `ha` and `va` say) lies `left` and `top` em from the cell's."""
        em, sheet = self.look.em, self.figure.get_size_inches() * 72
        x, y = (self.left + left * em) / sheet[0], (self.bottom + self.height - top * em) / sheet[1]
        settings = {"ha": "left", "va": "top", "color": self.look.colours[role], "fontsize": size * em} | style
        return self.figure.text(x, y, words, **settings)

    def part(self, left: float, top: float, width: float, height: float) -> Cell:
        """A cell within this one, in em."""
        em = self.look.em
        bottom = self.bottom + self.height - (top + height) * em
        return Cell(self.figure, self.look, self.left + left * em, bottom, width * em, height * em)


def dress(ax, look: Look, sides: tuple[str, ...] = ("left", "bottom")) -> None:
    """Frame lines on some sides, thin and muted, with short ticks."""
    for side in sides:
        ax.spines[side].set_visible(True)
        ax.spines[side].set_linewidth(look.line(0.085))
        ax.spines[side].set_color(look.colours["muted"])
    ax.tick_params(
        labelsize=look.em, length=0.35 * look.em, width=look.line(0.085), pad=0.25 * look.em,
        color=look.colours["muted"], labelcolor=look.colours["text"],
    )  # fmt: skip


def lightness(colour: str) -> float:
    """Of a "#RRGGBB" colour, 0 black to 1 white, as an eye weighs red, green and blue."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return sum(w * p for w, p in zip((0.30, 0.59, 0.11), parts, strict=True))


@lru_cache(maxsize=4096)
def width_of(words: str, bold: bool = False) -> float:
    """How wide a line of words is, in em."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    with LOCK:
        font = get_font(findfont(FontProperties(family=[FONT], weight="bold" if bold else "normal")))
        font.set_size(100, 72)
        font.set_text(words, 0.0)
        return font.get_width_height()[0] / 64 / 100


def wrap(words: str, width: float) -> list[str]:
    """Lines of at most `width` em, broken at spaces; a word that is longer than a line is broken where it must be."""
    lines = [""]
    for word in words.split():
        while width_of(word) > width and len(word) > 1:
            cut = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or width_of(word[:n]) <= width)
            lines += [word[:cut]] if lines[-1] else []
            lines[-1] = word[:cut]
            lines.append("")
            word = word[cut:]
        longer = f"{lines[-1]} {word}".strip()
        if width_of(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return [line for line in lines if line] or [""]


def cut(words: str, width: float) -> str:
    """Words that fit into `width` em, ending in … where they had to be cut."""
    if width_of(words) <= width:
        return words
    while len(words) > 1 and width_of(words + "…") > width:
        words = words[:-1]
    return words + "…"


def spread(places: list[float], gap: float, low: float, high: float) -> list[float]:
    """Places moved as little as they must so that neighbours are `gap` apart and all lie within low … high.

    Where they cannot fit they are spread evenly. Law: order and, where nothing collides, the places stay.
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    if len(order) > 1 and gap * (len(order) - 1) > high - low:
        gap = (high - low) / (len(order) - 1)
    groups: list = [[min(max(places[i], low), high), 1] for i in order]  # (middle, count) of blocks that touch
    i = 0
    while i + 1 < len(groups):
        (a, n), (b, m) = groups[i], groups[i + 1]
        if b - a < gap * (n + m) / 2 - 1e-9:
            middle = (a * n + b * m) / (n + m)
            half = gap * (n + m - 1) / 2
            groups[i : i + 2] = [[min(max(middle, low + half), high - half), n + m]]
            i = max(i - 1, 0)
        else:
            i += 1
    out, at = [0.0] * len(places), 0
    for middle, count in groups:
        for k in range(count):
            out[order[at]] = middle + gap * (k - (count - 1) / 2)
            at += 1
    return out
