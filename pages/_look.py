"""How every page looks: theme and width, charts, errors, answers, and text that came from outside."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

if TYPE_CHECKING:  # plotly is imported where a figure is drawn
    from lrr_core.analysis.summary import ShownAnswer
    from lrr_core.figures.explore import Figure

BAR = {"modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"], "scrollZoom": False, "displaylogo": False}
NO_BAR = {"displayModeBar": False, "displaylogo": False, "scrollZoom": False}


def theme() -> str:
    return st.context.theme.type or "light"


def look() -> dict[str, Any]:
    """What every figure is drawn for."""
    return {"theme": theme(), "narrow": is_narrow()}


def escaped(text: str) -> str:
    """Text of a user or a model, with nothing left that Markdown would read."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:])", r"\\\1", text)


def answer_text(answer: ShownAnswer) -> str:
    """An answer in Markdown: name, probability, and a mark in the colour of right or wrong."""
    colour = {True: "green", False: "red", None: "gray"}[answer.right]
    mark = f" :{colour}[**{answer.mark}**]" if answer.mark else ""
    return f"**{escaped(' '.join(filter(None, (answer.name, answer.share))))}**{mark}"


def error(problem: Exception | str, place: DeltaGenerator | None = None) -> None:
    """What is wrong, in the one line that names the fix; in `place`, or where the page stands."""
    (place or st).error(escaped(str(problem)), icon=":material/error:")


def plot(
    figure: Figure, key: str, alt: str, selected: Callable[[], None] | None = None, bar: bool = True,
    place: DeltaGenerator | None = None,
) -> None:  # fmt: skip
    """A figure across the page. selected: called when a point is clicked, see `clicked`."""
    select: dict[str, Any] = {} if selected is None else {"on_select": selected, "selection_mode": "points"}
    (place or st).plotly_chart(
        figure, key=key, theme=None, width="stretch", alt=alt, config=BAR if bar else NO_BAR, **select
    )


def clicked(key: str) -> list[Any] | None:
    """What the point that was clicked in the chart `key` stands for; None where it stands for nothing."""
    points = st.session_state[key].selection.points
    return points[0].get("customdata") or None if points else None


_COMPANION = st.components.v2.component(
    "chart_companion", html="<div></div>", js=(Path(__file__).parent / "companion.js").read_text()
)


def companion(view: str) -> None:
    """An invisible helper beside a chart: it notes whether the page is too narrow for two panels side by side (a change of
    that reruns the page once), and after a rerun of the same `view` puts the player back on the moment that was looked at.
    """
    before = is_narrow()
    data, default = {"narrow": before, "view": view}, {"narrow": before}
    _COMPANION(key="companion", data=data, default=default, on_narrow_change=lambda: None)


def is_narrow() -> bool:
    """Whether panels stand one below the other: as measured, or as at the last visit until that is done (a cookie)."""
    known = getattr(st.session_state.get("companion"), "narrow", None)
    return bool(known) if known is not None else st.context.cookies.get("lrr_narrow") == "1"
