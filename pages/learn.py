"""Learn: what latent reasoning is and what the two sliders do, in short chapters of one live figure each.

This is the frame: the list of chapters, the one that is open, and the ways on. What is in a chapter stands in `_chapters`; only
the chosen one is drawn.
"""

from __future__ import annotations

import streamlit as st

from lrr_core.models.checkpoints import ROLES
from lrr_core.models.folder import ModelFolder
from pages import _choices, _controls, _shared
from pages._chapters import CHAPTERS
from pages._look import companion, error

PATH = _shared.SHIPPED_SET
WIDE = 1100  # pixels: the widest a figure gets
VIEW = ("thoughts", "upto", "map", "dims")  # choices of Explore that a chapter sets besides the method's
SEE = "Opens the Explore page at the setting this chapter talks about."


def main() -> None:
    folder = _choices.opened(PATH, "chapter", "toy_view", "toy_rounds", "toy_turn", "trap_problem")
    keys = list(CHAPTERS)
    if "chapter" not in st.session_state and (given := st.query_params.get("chapter")) in keys:
        st.session_state.chapter = given
    with st.sidebar:
        st.radio(
            "Chapters",
            keys,
            key="chapter",
            format_func=lambda k: f"{keys.index(k) + 1} · {CHAPTERS[k].name}",
            bind="query-params",
            help="Seven ideas, one answer, and the words to look up. About ten minutes in all.",
        )
    key = chosen()
    chapter = CHAPTERS[key]
    with st.container(width=WIDE):
        # before the figure, so that a player of another chapter is forgotten by the time this one's is mounted
        companion(f"learn {key}")
        st.caption(f"{keys.index(key) + 1} of {len(keys)} · {chapter.name}")
        st.header(chapter.title, anchor=False)
        there = None
        try:
            there = chapter.draw(folder, chapter.home)
        except ValueError as wrong:  # ModelError, ProblemError, LessonError: each names the fix
            error(wrong)
        way_on(folder, keys, keys.index(key), there)


def way_on(folder: ModelFolder, keys: list[str], at: int, there: dict | None) -> None:
    """Buttons to the chapter before and after, and into Explore at what this chapter talks about."""
    with st.container(horizontal=True, width=WIDE):
        if there is not None and PATH == _shared.DEFAULT_SET:  # never a problem of one set on the models of another
            known = _choices.choices(folder)
            starts = {k: known[k].start for k in (*_choices.SETTINGS, *ROLES, *VIEW)}
            _controls.explore_button("See it in Explore", "explore", help=SEE, **starts | there)
        if at:
            before = CHAPTERS[keys[at - 1]].name
            st.button(f"← {before}", key="before", on_click=turn_to, args=(keys[at - 1],), shortcut="P")
        if at + 1 < len(keys):
            after = CHAPTERS[keys[at + 1]].name
            st.button(f"{after} →", key="after", on_click=turn_to, args=(keys[at + 1],), shortcut="N", type="primary")


def chosen() -> str:
    """The chapter that is open; the first one for whatever else a browser may have sent."""
    key = st.session_state.get("chapter")
    return key if key in CHAPTERS else next(iter(CHAPTERS))


def turn_to(key: str) -> None:
    st.session_state.chapter = key


main()
