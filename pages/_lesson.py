"""What every chapter of the Learn page is made of: words in a column, one figure, a sentence to take home, small print.

Numbers come from a run of a shipped example or from a stored measurement (`lessons.Case`) that is true of the weights in use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from lrr_core.lessons.records import REMAKE, Case
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.methods import PLAIN
from lrr_core.refinement.request import RunRequest
from lrr_core.refinement.trace import RefineConfig, Trace
from pages import _drawn, _runs, _shared
from pages._look import plot

if TYPE_CHECKING:
    from lrr_core.figures.explore import Figure

PATH = _shared.SHIPPED_SET
TEXT = 680  # pixels: a column that reads well
DAVIS, SAM, ALEX, FAE = "1-small-0", "1-small-1", "1-small-4", "3-released-0"  # shipped problems


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


def chart(figure: Figure, key: str, alt: str, home: str) -> None:
    """The figure of the chapter, and below it the sentence to take home."""
    plot(figure, key, alt, bar=False)
    with st.container(border=True, width=TEXT):
        st.markdown(f":blue[**Take home**]  \n**{home}**")


def note(*sentences: str) -> None:
    with st.container(width=TEXT):
        st.caption(" ".join(sentences))


def run_of(source: str, folder: ModelFolder, backbone: str, **settings: Any) -> Trace:
    """An example as a trace. settings: in place of a plain run's."""
    config = RefineConfig(PLAIN, 0.0, 0.0, thoughts=folder.info.thoughts)
    request = RunRequest(_shared.problem(source, 0, "", PATH), Checkpoints(backbone), replace(config, **settings))
    return _runs.run(PATH, request, complete=False)


def measured(*names: str) -> dict[str, Case]:
    """Stored cases; ValueError where one is missing or was measured with other weights."""
    cases = _drawn.lesson_cases(PATH)
    if missing := [name for name in names if name not in cases]:
        raise ValueError(f"{', '.join(missing)} was not measured with these weights; {REMAKE}.")
    return {name: cases[name] for name in names}
