"""What every chapter of the Learn page is made of: words in a column, one figure, a sentence to take home, small print.

Numbers come from a run of a shipped example or from a stored measurement (`lessons.Case`) that is true of the weights in use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from lrr_core.lessons.records import REMAKE
from pages import _drawn, _runs, _shared

PATH = _shared.SHIPPED_SET
TEXT = 680  # pixels: a column that reads well
DAVIS, SAM, ALEX, FAE = "1-small-0", "1-small-1", "1-small-4", "3-released-0"  # shipped problems
CHART = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}
STILL = {"sign": "descent", "gradient": "detached", "momentum": 0.0, "seed": 0}


@dataclass(frozen=True)
class Chapter:
    """name: in the list; title: a claim; home: the sentence to take home; draw: words, figure and small print. It is given the
    model set's folder and that sentence, and returns the choices at which Explore shows the same (None: nowhere)."""

    name: str
    title: str
    home: str
    draw: Callable[..., dict | None]


def say(*sentences: str) -> None:
    with st.container(width=TEXT):
        st.markdown(" ".join(sentences))


def chart(figure, key: str, alt: str, home: str) -> None:
    """The figure of the chapter, and below it the sentence to take home."""
    st.plotly_chart(figure, key=key, theme=None, width="stretch", config=CHART, alt=alt)
    with st.container(border=True, width=TEXT):
        st.markdown(f":blue[**Take home**]  \n**{home}**")


def note(*sentences: str) -> None:
    with st.container(width=TEXT):
        st.caption(" ".join(sentences))


def run_of(source: str, folder, backbone: str, **settings):
    """An example as a trace. settings: in place of a plain run's."""
    plain = {"method": "coconut", "step_size": 0.0, "residual": 0.0, "rounds": 1, "reference": "next"}
    return _runs.run(
        PATH,
        source,
        0,
        "",
        backbone,
        "strong",
        "weak",
        False,
        **plain | STILL | {"thoughts": folder.info.thoughts} | settings,
    )


def look() -> dict:
    return {"theme": _shared.theme(), "narrow": _shared.is_narrow()}


def measured(*names: str) -> dict:
    """Stored cases; ValueError where one is missing or was measured with other weights."""
    cases = _drawn.lesson_cases(PATH)
    if missing := [name for name in names if name not in cases]:
        raise ValueError(f"{', '.join(missing)} was not measured with these weights; {REMAKE}.")
    return {name: cases[name] for name in names}
