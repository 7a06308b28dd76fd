"""The sheet a lesson is drawn on: boxes in pixels, words, and a player whose frames all run in the browser.

    stage = Stage(840, 460, "light")
    layout = stage.axes(2, (20, 60, 400, 300), x=(-1, 1), y=(-1, 1))
    figure = stage.film(still, moving, layout, names, labels, start=0)

`moving(i)` gives the traces of moment i: always as many, in the same order. Axes are fixed, nothing is redrawn but what moves,
and no moment needs the server. Axis pair 1 is the sheet itself in pixels from the top left, below all panels, so that words
can move, too. Buttons and slider look and act as on the Explore page (`figures`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..colours import INK, Ink
from ..figures.explore import FONT, MOVES, AnimatedFigure
from ..figures.player import player

Box = tuple[float, float, float, float]  # left, top, width, height in pixels
CONTROLS = 64  # pixels a player needs


@dataclass(frozen=True)
class Stage:
    """width, height: of the drawing in pixels, the player not counted; a wider page stretches it. player: whether it has one;
    narrow: the page has no room for panels side by side, nor for buttons beside the slider."""

    width: int
    height: int
    theme: str
    narrow: bool = False
    player: bool = True

    @property
    def ink(self) -> Ink:
        return INK[self.theme]

    @property
    def total(self) -> int:
        """Height with the player, where there is one."""
        return self.height + (CONTROLS + (40 if self.narrow else 0)) * self.player

    def axes(self, number: int, box: Box, x: Sequence[float], y: Sequence[float], bare: bool = True, **more) -> dict:
        """Layout of axis pair `number` (2 and up) over a box. bare: no lines, ticks or grid; more: "xaxis" and "yaxis" extras."""
        left, top, width, height = box
        domains = (
            [left / self.width, (left + width) / self.width],
            [1 - (top + height) / self.total, 1 - top / self.total],
        )
        out = {}
        for letter, domain, limits in (("x", domains[0], x), ("y", domains[1], y)):
            axis: dict[str, Any] = {
                "domain": domain,
                "range": list(limits),
                "anchor": f"{'y' if letter == 'x' else 'x'}{number}",
            }
            axis |= {"fixedrange": True, "zeroline": False, "automargin": False}
            axis |= {"tickfont": {"size": 11, "color": self.ink.muted}, "gridcolor": self.ink.grid}
            axis |= {"showgrid": False, "showticklabels": False, "ticks": ""} if bare else {"showgrid": letter == "y"}
            out[f"{letter}axis{number}"] = axis | more.get(f"{letter}axis", {})
        return out

    def words(self, x: float, y: float, text: str, size: float = 12, colour: str = "", **more) -> dict:
        """A trace with one line of text whose left middle stands at a pixel of the sheet."""
        return {
            "type": "scatter",
            "mode": "text",
            "x": [x],
            "y": [y],
            "text": [text],
            "textposition": "middle right",
            "textfont": {"size": size, "color": colour or self.ink.text},
            "hoverinfo": "skip",
            "showlegend": False,
        } | more

    def mark(
        self, number: int, x: Sequence | np.ndarray, y: Sequence | np.ndarray, mode: str = "markers", **more
    ) -> dict:
        """A trace on axis pair `number` (1 is the sheet)."""
        suffix = "" if number == 1 else str(number)
        base = {"type": "scatter", "xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "mode": mode}
        return base | {"x": list(x), "y": list(y), "hoverinfo": "skip", "showlegend": False} | more

    def film(
        self,
        still: Sequence[dict],
        moving: Callable[[int], list[dict]],
        layout: dict,
        labels: Sequence[str],
        start: int,
        pause: int = 900,
        glide: int = 0,
        names: Sequence[str] | None = None,
        title: str = "",
    ) -> AnimatedFigure:
        """The figure. labels: what the slider says at each moment; names: of the frames, by default the labels; pause: ms a
        moment is shown while playing; glide: ms that marks take from one moment to the next."""
        names = list(names or labels)
        first = [_lasting(t) for t in moving(start)]
        kept = _kept_panels(still, first)
        first += kept
        slots = list(range(len(still), len(still) + len(first)))
        frames = []
        for i, name in enumerate(names):
            traces = [*(_lasting(t) for t in moving(i)), *kept]
            if len(traces) != len(first):
                raise ValueError(f"Moment {i} has {len(traces)} traces, moment {start} has {len(first)}.")
            changed = [{"type": t["type"]} | {key: t[key] for key in MOVES if key in t} for t in traces]
            frames.append({"name": name, "traces": slots, "data": changed})
        layout = self._base(title) | layout | self._player(names, labels, start, pause, glide)
        return AnimatedFigure({"data": [*still, *first], "layout": layout, "frames": frames})

    def picture(self, still: Sequence[dict], layout: dict, title: str = "") -> AnimatedFigure:
        """A figure without a player."""
        return AnimatedFigure({"data": list(still), "layout": self._base(title) | layout, "frames": []})

    def _base(self, title: str) -> dict:
        """Layout of the sheet: nothing is left to a default theme, and nothing can be zoomed away."""
        sheet = {"domain": [0, 1], "visible": False, "fixedrange": True}
        return {
            "template": {},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 12, "color": self.ink.text},
            "height": self.total,
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "xaxis": sheet | {"range": [0, self.width], "anchor": "y"},
            "yaxis": sheet | {"range": [self.total, 0], "anchor": "x"},
            "showlegend": False,
            "hoverlabel": {"font": {"family": FONT, "size": 12}},
            "hovermode": "closest",
            "dragmode": False,
            "uirevision": title,
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": self.ink.muted, "activecolor": self.ink.text},
        }

    def _player(self, names: list[str], labels: Sequence[str], start: int, pause: int, glide: int) -> dict:
        """The player below the drawing."""
        where: dict[str, Any] = {
            "width": self.width,
            "height": self.total,
            "top": self.height + 12,
            "narrow": self.narrow,
        }
        return player(names, labels, start, self.theme, **where, pause=pause, glide=glide)


def _kept_panels(still: Sequence[dict], moving: Sequence[dict]) -> list[dict]:
    """An invisible moving point for every axis pair where nothing moves: Plotly clears such panels at the first moment."""
    pairs = [{(t.get("xaxis", "x"), t.get("yaxis", "y")) for t in traces} for traces in (still, moving)]
    point = {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "hoverinfo": "skip", "showlegend": False}
    return [point | {"xaxis": x, "yaxis": y, "name": "keeps the panel"} for x, y in sorted(pairs[0] - pairs[1])]


def _lasting(trace: dict) -> dict:
    """The trace with a space for every empty text: Plotly drops the element of an empty one and never makes it again, so a
    number that was blank at one moment would stay blank at all later ones."""
    text = trace.get("text")
    return trace | {"text": [line or " " for line in text]} if isinstance(text, list) else trace
