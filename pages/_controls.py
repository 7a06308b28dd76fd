"""The controls of the sidebars, once for all pages, and the buttons that lead to another page.

Each control is bound to the URL under its key. Its state is set by `_choices.begin`; the starting value is passed all the
same, because Streamlit leaves a value out of the URL that is the control's own first one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from lrr_core.analysis import summary
from lrr_core.refinement.methods import METHODS
from lrr_core.refinement.trace import GRADIENTS, SIGNS
from pages import _choices, _help, _shared

BOUND = {"bind": "query-params"}


def explore_at(**values) -> None:
    """Open Explore at these choices; the others stay. Call it in the page's body, not in a callback."""
    go("explore", **values)


def go(page: str, **values) -> None:
    """Open another page at these choices; the others stay. Call it in the page's body, not in a callback."""
    st.session_state.update(values, carried=True)
    # without parameters of its own a switch would clear the URL, which Streamlit refuses while controls own parts of it
    st.switch_page(str(Path(__file__).parent / f"{page}.py"), query_params={})


def figure_button(key: str, help: str = "", **values) -> None:
    """A button that opens the Studio: at the setting as it stands, or at these choices."""
    if st.button("Make a figure", key=key, icon=":material/brush:", help=help or _help.FIGURE):
        go("studio", **{"studio_from": "this setting"} | values)


def explore_button(label: str, key: str, help: str | None = None, **values) -> None:
    """A button that opens Explore at these choices."""
    if st.button(label, key=key, icon=":material/open_in_new:", help=help):
        explore_at(**values)


def another() -> None:
    st.session_state.update(problem=_shared.RANDOM, draw=st.session_state.draw + 1, upto=0)


def own() -> None:
    st.session_state.update(problem=_shared.OWN, upto=0)


def run_whole() -> None:
    st.session_state.upto = 0


def step_on() -> None:
    st.session_state.upto = min(st.session_state.upto + 1, st.session_state.thoughts)


def one_of(label: str, key: str, folder, help: str, on_change: Callable | None = None) -> None:
    """A select box over all options of a choice."""
    choice = _choices.choices(folder)[key]
    options = list(choice.options)
    st.selectbox(
        label,
        options,
        options.index(choice.start),
        key=key,
        format_func=choice.options.get,
        help=help,
        on_change=on_change,
        **BOUND,
    )


def number(label: str, key: str, folder, help: str, step: float, disabled: bool = False, on_change=None) -> None:
    """A slider over the range of a choice."""
    choice = _choices.choices(folder)[key]
    st.slider(
        label,
        choice.low,
        choice.high,
        choice.start,
        step,
        key=key,
        help=help,
        disabled=disabled,
        on_change=on_change,
        **BOUND,
    )


def problem_controls(folder) -> None:
    """Which problem: an example, another random one, or one's own text."""
    one_of("Problem", "problem", folder, _help.PROBLEM, on_change=run_whole)
    left, right = st.columns(2)
    left.button(
        "Another", key="another", on_click=another, icon=":material/casino:", width="stretch", help=_help.ANOTHER
    )
    right.button("Own text", key="own", on_click=own, icon=":material/edit:", width="stretch", help=_help.OWN)


def own_text(place=st) -> None:
    """Where a problem of one's own is written."""
    place.text_area("Your problem in plain English", key="text", height=110, help=_help.OWN, **BOUND)


def method_control(folder) -> tuple[bool, bool]:
    """Which method; returns whether it mixes (α matters) and whether it pushes (step size, rounds, references matter)."""
    one_of("Method", "method", folder, _help.METHOD)
    method = st.session_state.method
    st.caption(METHODS[method].words)
    return _shared.uses(method)


def step_size_control(folder, disabled: bool = False) -> None:
    number("Step size s", "step_size", folder, _help.STEP_SIZE, 0.05, disabled)


def residual_control(folder, disabled: bool = False) -> None:
    number("Residual mix α", "residual", folder, _help.RESIDUAL, 0.05, disabled)


def segments(label: str, key: str, folder, help: str | None = None, **look) -> None:
    """A row of buttons over all options of a choice."""
    choice = _choices.choices(folder)[key]
    st.segmented_control(
        label,
        list(choice.options),
        default=choice.start,
        key=key,
        format_func=choice.options.get,
        help=help,
        required=True,
        **BOUND,
        **look,
    )


def reference_control(folder, disabled: bool = False) -> None:
    segments("References", "reference", folder, _help.REFERENCE, disabled=disabled, width="stretch")


def member_controls(folder) -> None:
    """Which checkpoints think, attract and repel."""
    one_of("Backbone", "backbone", folder, f"{_help.BACKBONE} {summary.measured_on(folder.info.members)}")
    one_of("Strong ▲", "strong", folder, _help.STRONG)
    one_of("Weak ▼", "weak", folder, _help.WEAK)


def further_controls(folder) -> None:
    """What the sources leave open, behind a button."""
    known = _choices.choices(folder)
    with st.popover("More choices", icon=":material/tune:", width="stretch"):
        for label, key, table, help in (
            ("Sign", "sign", SIGNS, _help.SIGN),
            ("Gradient", "gradient", GRADIENTS, _help.GRADIENT),
        ):
            st.radio(
                label,
                list(table),
                list(table).index(known[key].start),
                key=key,
                format_func=known[key].options.get,
                captions=list(table.values()),
                help=help,
                **BOUND,
            )
        number("Momentum β", "momentum", folder, _help.MOMENTUM, 0.05)
        seed = known["seed"]
        st.number_input("Seed", seed.low, seed.high, seed.start, key="seed", help=_help.SEED, **BOUND)


def reset_and_link(folder) -> None:
    """Everything back to the start, and a link to how it stands."""
    left, right = st.columns(2)
    left.button(
        "Reset",
        key="reset",
        on_click=_choices.reset,
        args=(folder,),
        icon=":material/restart_alt:",
        width="stretch",
        help=_help.RESET,
    )
    with right:
        _COPY(key="copy_link", data={"query": _choices.link(folder)})


_COPY = st.components.v2.component(
    "copy_link",
    html='<button type="button">Copy link</button><output aria-live="polite"></output>',
    css=(Path(__file__).parent / "copy_link.css").read_text(),
    js=(Path(__file__).parent / "copy_link.js").read_text(),
)
