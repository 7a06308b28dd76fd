"""What a paper figure is made of, as one small frozen record: panels and their order, size, font, palette, words.

    recipe = Recipe(panels=("map", "distances", "graph"), size="one-column")
    Recipe.from_dict(recipe.to_dict()) == recipe

A recipe holds no numbers of a run: the same recipe on another trace is the same figure of another problem. Every choice is a
key of a table below, and a page lists the keys. Law (tests): what `from_dict` accepts comes back from `to_dict` unchanged;
every refusal names the setting, what came and what may come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

PANELS = {
    "map": "where the thoughts lie: plain and refined, over a faint background",
    "distances": "distance of every thought to strong's and weak's own",
    "movements": "push, deviation from the plain run and step change, in % of ‖h‖",
    "answers": "probability of the candidates, if it had to answer after each thought",
    "margin": "answer margin in nats, plain and refined",
    "tokens": "what each thought decodes to: the most probable tokens",
    "graph": "the problem's graph, shaded by probability, once per thought",
    "regimes": "what becomes of the answer at every step size and mix; this setting marked",
    "text": "the problem in words, the answers, and the controls below them",
}
MAPS = ("UMAP", "PCA")
REGIMES = {  # the readings of the plane, as on the Regimes page
    "regions": "what becomes of thoughts and answer, by name",
    "margin": "how sure the answer is",
    "flips": "where the answer is another than the plain run's",
    "random pushes": "the margin under random pushes of equal length",
}
PALETTES = {
    "house": "the colours of the app; safe for colour-blind readers",
    "okabe-ito": "the palette of Okabe and Ito, safe for colour-blind readers",
    "grey": "for print without colour",
}


@dataclass(frozen=True)
class Size:
    """A place to put a figure. width, height: mm, height None where the figure may take what it needs, up to `most`;
    font, least: points of the smallest text unless the recipe says otherwise: `font`, and down to `least` where the panels would
    not fit; words: what it is for."""

    width: float
    height: float | None
    most: float
    font: float
    least: float
    words: str


SIZES = {
    "one-column": Size(84.0, None, 230.0, 6.0, 5.0, "one column of a paper, 84 mm"),
    "two-column": Size(174.0, None, 230.0, 6.5, 5.0, "both columns of a paper, 174 mm"),
    "slide": Size(338.7, 190.5, 190.5, 13.0, 8.0, "a slide of 16 : 9"),
    "poster": Size(560.0, None, 800.0, 22.0, 16.0, "a poster, 560 mm wide"),
}
FONT = (4.0, 72.0)  # points
DPI = (50, 1200)
MOST_TITLE, MOST_CAPTION = 200, 4000  # letters


class RecipeError(ValueError):
    """A setting outside its range; the message names it, its range and what came."""


@dataclass(frozen=True)
class Recipe:
    """panels: keys of PANELS in reading order, each once; size: a key of SIZES; font_size: points of the smallest text, None
    for the largest of the size's own that fits; palette: a key of PALETTES; letters: (a), (b), … above the panels; title: a line
    above all, "" for none; caption: the words below, "" for those drafted from the run; map: a key of MAPS; zoom: the part of
    the map around the runs instead of all of it; thought: the one whose push and pull are drawn (1 … T), None for all; regimes:
    a key of REGIMES; dpi: of PNG, GIF and WebP; label: of the LaTeX figure.
    """

    panels: tuple[str, ...] = ("map", "distances", "movements", "graph", "margin", "text")
    size: str = "two-column"
    font_size: float | None = None
    palette: str = "house"
    letters: bool = True
    title: str = ""
    caption: str = ""
    map: str = "UMAP"
    zoom: bool = True
    thought: int | None = None
    regimes: str = "regions"
    dpi: int = 300
    label: str = "fig:thoughts"

    def __post_init__(self):
        if isinstance(self.panels, str) or not all(isinstance(p, str) for p in _listed("panels", self.panels)):
            raise RecipeError(f"panels must be a list of names, not {self.panels!r}; choose from {', '.join(PANELS)}.")
        object.__setattr__(self, "panels", tuple(self.panels))
        if not self.panels:
            raise RecipeError(f"A figure needs at least one panel; choose from {', '.join(PANELS)}.")
        if unknown := [p for p in self.panels if p not in PANELS]:
            raise RecipeError(f"No panel called {', '.join(unknown)}; choose from {', '.join(PANELS)}.")
        if twice := sorted({p for p in self.panels if self.panels.count(p) > 1}):
            raise RecipeError(f"Each panel may stand once in a figure; {', '.join(twice)} came more often.")
        for name, table in (("size", SIZES), ("palette", PALETTES), ("map", MAPS), ("regimes", REGIMES)):
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in table:
                raise RecipeError(f"No {name} called {getattr(self, name)!r}; choose one of {', '.join(table)}.")
        if self.font_size is not None and not _number(self.font_size, *FONT):
            raise RecipeError(
                f"font_size must lie between {FONT[0]:g} and {FONT[1]:g} points, or be left out for the size's own "
                f"({self.preset.least:g} to {self.preset.font:g}), not {self.font_size!r}."
            )
        if not (_whole(self.dpi) and DPI[0] <= self.dpi <= DPI[1]):
            raise RecipeError(f"dpi must be a whole number between {DPI[0]} and {DPI[1]}, not {self.dpi!r}.")
        if self.thought is not None and not (_whole(self.thought) and self.thought >= 1):
            raise RecipeError(f"thought must be a whole number from 1 on, or left out for all, not {self.thought!r}.")
        for name in ("letters", "zoom"):
            if not isinstance(getattr(self, name), bool):
                raise RecipeError(f"{name} must be true or false, not {getattr(self, name)!r}.")
        for name, most in (("title", MOST_TITLE), ("caption", MOST_CAPTION), ("label", 80)):
            if not (isinstance(getattr(self, name), str) and len(getattr(self, name)) <= most):
                raise RecipeError(f"{name} must be text of at most {most} letters, not {getattr(self, name)!r:.60}.")
        if any(not (c.isascii() and c.isalnum()) and c not in ":-_.+" for c in self.label) or not self.label:
            raise RecipeError(
                f"label takes the letters a–z, digits and : - _ . + , such as fig:thoughts, not {self.label!r}."
            )

    @property
    def preset(self) -> Size:
        return SIZES[self.size]

    @property
    def fonts(self) -> tuple[float, ...]:
        """Points that the smallest text may have, the preferred first: one number, or down to the size's least in halves."""
        if self.font_size is not None:
            return (float(self.font_size),)
        most, least = self.preset.font, self.preset.least
        return tuple(most - 0.5 * i for i in range(int(2 * (most - least)) + 1))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """The inverse of `to_dict`, also after a way through JSON; what is left out keeps its default."""
        if not isinstance(data, Mapping):
            raise RecipeError(f"A recipe is a table of settings, not {type(data).__name__}.")
        known = [f.name for f in fields(cls)]
        if unknown := sorted(str(key) for key in set(data) - set(known)):
            raise RecipeError(f"Unknown setting {', '.join(unknown)}; known: {', '.join(known)}.")
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self)} | {"panels": list(self.panels)}


def _listed(name: str, value: Any) -> list:
    try:
        return list(value)
    except TypeError:
        raise RecipeError(f"{name} must be a list of names, not {value!r}; choose from {', '.join(PANELS)}.") from None


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
