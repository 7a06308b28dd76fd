"""The controls of the sidebars, once for all pages, and the buttons that lead to another page.

Each control is bound to the URL under its key. Its state is set by `_choices.begin`; the starting value is passed all the
same, because Streamlit leaves a value out of the URL that is the control's own first one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lrr_core.analysis import summary
from lrr_core.benchmarks.english import Sentence, read
from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.methods import FULL, METHODS
from lrr_core.refinement.trace import GRADIENTS, SIGNS
from pages import _choices, _help, _shared
from pages._look import error, escaped

BOUND: Any = {"bind": "query-params"}
Options = Mapping[Any, str] | Iterable[Any]  # what can be chosen, with its label where that is another one


# --- ways to another page ---------------------------------------------------------------------------------------------


def open_page(page: str = "explore", **values: Any) -> None:
    """Open another page at these choices; the others stay. Call it in the page's body, not in a callback."""
    st.session_state.update(values, carried=True)
    # without parameters of its own a switch would clear the URL, which Streamlit refuses while controls own parts of it
    st.switch_page(str(Path(__file__).parent / f"{page}.py"), query_params={})


def figure_button(key: str, help: str = "", **values: Any) -> None:
    """A button that opens the Studio: at the setting as it stands, or at these choices."""
    if st.button("Make a figure", key=key, icon=":material/brush:", help=help or _help.FIGURE):
        open_page("studio", **{"studio_from": "this setting"} | values)


def explore_button(label: str, key: str, help: str | None = None, **values: Any) -> None:
    """A button that opens Explore at these choices."""
    if st.button(label, key=key, icon=":material/open_in_new:", help=help):
        open_page(**values)


# --- choosing among options -------------------------------------------------------------------------------------------


def select(label: str, key: str, options: Options, help: str | None = None, **look: Any) -> Any:
    """A select box over a choice of the app, or over options of a page's own; the first one is chosen at first, or `first`."""
    names, first = _named(options, look)
    return st.selectbox(label, list(names), list(names).index(first) if names else 0, key=key,
                        format_func=names.__getitem__, help=help, **BOUND, **look)  # fmt: skip


def segments(label: str, key: str, options: Options, help: str | None = None, **look: Any) -> Any:
    """The same as a row of buttons."""
    names, first = _named(options, look)
    return st.segmented_control(label, list(names), default=first, key=key, format_func=names.__getitem__, help=help,
                                required=True, **BOUND, **look)  # fmt: skip


def view(label: str, key: str, options: Options, help: str | None = None, **look: Any) -> Any:
    """A row of buttons without a label, above what it changes."""
    return segments(label, key, options, help, label_visibility="collapsed", **look)


def _named(options: Options, look: dict[str, Any]) -> tuple[Mapping[Any, str], Any]:
    """Option -> label, and what is chosen at first."""
    if isinstance(options, _choices.OneOf):
        return options.options, options.start
    names = options if isinstance(options, Mapping) else {option: str(option) for option in options}
    return names, look.pop("first", next(iter(names), None))


def choose(label: str, key: str, folder: ModelFolder, help: str, on_change: Callable[[], None] | None = None) -> None:
    """A select box over all options of a choice of the app."""
    select(label, key, _choices.choices(folder)[key], help, on_change=on_change)


def number(label: str, key: str, folder: ModelFolder, help: str, step: float, **look: Any) -> None:
    """A slider over the range of a choice of the app."""
    choice = _choices.choices(folder)[key]
    st.slider(label, choice.low, choice.high, choice.start, step, key=key, help=help, **BOUND, **look)


# --- the sidebar ------------------------------------------------------------------------------------------------------


def another() -> None:
    """A fresh problem; where the benchmark cannot draw any, the next one of the list."""
    state = st.session_state
    if _shared.benchmark(state.model_set).maker is not None:
        state.update(problem=_shared.RANDOM, draw=state.draw + 1, upto=0)
    elif known := list(_shared.examples(state.model_set)):
        at = known.index(state.problem) + 1 if state.problem in known else 0
        state.update(problem=known[at % len(known)], upto=0)


def own() -> None:
    st.session_state.update(problem=_shared.OWN, upto=0)


def run_whole() -> None:
    st.session_state.upto = 0


def step_on() -> None:
    st.session_state.upto = min(st.session_state.upto + 1, st.session_state.thoughts)


def settings_sidebar(folder: ModelFolder, *keys: str) -> dict[str, DeltaGenerator]:
    """The controls that a page asks for, in its order: keys of `SIDEBAR`, or a text that is put between them. Thoughts and rounds
    share a line. What the chosen method does not look at is off, where the method is chosen here. Returns the place below
    step size, thoughts and rounds, for what a page adds there."""
    method = METHODS[st.session_state.method] if "method" in keys else METHODS[FULL]
    below, asked = {}, {"residual": method.takes_alpha}
    for key in keys:
        if key == "thoughts":
            pair = iter(st.columns(2))
        with next(pair) if key in ("thoughts", "rounds") else nullcontext():
            if key in SIDEBAR:
                SIDEBAR[key](folder, not asked.get(key, method.pushes))
            else:
                st.caption(key)
            if key in ("step_size", "thoughts", "rounds"):
                below[key] = st.container()
    return below


def problem_controls(folder: ModelFolder, off: bool) -> None:
    """Which problem: an example, another random one, or one's own text."""
    choose("Problem", "problem", folder, _help.PROBLEM, run_whole)
    left, right = st.columns(2)
    left.button(
        "Another", key="another", on_click=another, icon=":material/casino:", width="stretch", help=_help.ANOTHER
    )
    right.button("Own text", key="own", on_click=own, icon=":material/edit:", width="stretch", help=_help.OWN)


def method_control(folder: ModelFolder, off: bool) -> None:
    choose("Method", "method", folder, _help.METHOD)
    st.caption(METHODS[st.session_state.method].words)


def step_size_control(folder: ModelFolder, off: bool) -> None:
    number("Step size s", "step_size", folder, _help.STEP_SIZE, 0.05, disabled=off)


def residual_control(folder: ModelFolder, off: bool) -> None:
    number("Residual mix α", "residual", folder, _help.RESIDUAL, 0.05, disabled=off)


def thoughts_control(folder: ModelFolder, off: bool) -> None:
    number("Thoughts T", "thoughts", folder, _help.THOUGHTS, 1, on_change=run_whole)


def rounds_control(folder: ModelFolder, off: bool) -> None:
    number("Rounds K", "rounds", folder, _help.ROUNDS, 1, disabled=off)


def reference_control(folder: ModelFolder, off: bool) -> None:
    choice = _choices.choices(folder)["reference"]
    segments("References", "reference", choice, _help.REFERENCE, disabled=off, width="stretch")


def checkpoint_controls(folder: ModelFolder, off: bool) -> None:
    """Which checkpoints think, attract and repel."""
    choose("Backbone", "backbone", folder, f"{_help.BACKBONE} {summary.measured_on(folder.info.members)}")
    choose("Strong ▲", "strong", folder, _help.STRONG)
    choose("Weak ▼", "weak", folder, _help.WEAK)


def further_controls(folder: ModelFolder, off: bool) -> None:
    """What the sources leave open, behind a button."""
    known = _choices.choices(folder)
    with st.popover("More choices", icon=":material/tune:", width="stretch"):
        for label, key, table, help in (
            ("Sign", "sign", SIGNS, _help.SIGN),
            ("Gradient", "gradient", GRADIENTS, _help.GRADIENT),
        ):
            st.radio(
                label, list(table), list(table).index(known[key].start), key=key, format_func=known[key].options.get,
                captions=list(table.values()), help=help, **BOUND,
            )  # fmt: skip
        number("Momentum β", "momentum", folder, _help.MOMENTUM, 0.05)
        seed = known["seed"]
        st.number_input("Seed", seed.low, seed.high, seed.start, key="seed", help=_help.SEED, **BOUND)


def reset_and_link(folder: ModelFolder, off: bool = False) -> None:
    """Everything back to the start, and a link to how it stands."""
    left, right = st.columns(2)
    left.button(
        "Reset", key="reset", on_click=_choices.reset, args=(folder,), icon=":material/restart_alt:", width="stretch",
        help=_help.RESET,
    )  # fmt: skip
    with right:
        _COPY(key="copy_link", data={"query": _choices.link(folder)})


SIDEBAR: dict[str, Callable[[ModelFolder, bool], None]] = {
    "problem": problem_controls,
    "method": method_control,
    "step_size": step_size_control,
    "residual": residual_control,
    "thoughts": thoughts_control,
    "rounds": rounds_control,
    "reference": reference_control,
    "checkpoints": checkpoint_controls,
    "further": further_controls,
    "link": reset_and_link,
}
_COPY = st.components.v2.component(
    "copy_link",
    html='<button type="button">Copy link</button><output aria-live="polite"></output>',
    css=(Path(__file__).parent / "copy_link.css").read_text(),
    js=(Path(__file__).parent / "copy_link.js").read_text(),
)


# --- above the picture ------------------------------------------------------------------------------------------------


def map_view(folder: ModelFolder, key: str = "map", **look: Any) -> None:
    """Which map, or how many dimensions of it."""
    label, help = ("Map", _help.MAP) if key == "map" else ("Dimensions", None)
    segments(label, key, _choices.choices(folder)[key], help, **look)


def notes_and_own_text(place: DeltaGenerator) -> None:
    """What was put right of the link, and where a problem of one's own is written."""
    _choices.show_notes(place)
    if st.session_state.problem == _shared.OWN:
        place.text_area("Your problem in plain English", key="text", height=110, help=_help.OWN, **BOUND)
        _own_text_read(place)


def _own_text_read(place: DeltaGenerator) -> None:
    """What was read in the text, with the sentences marked that could not be used. Where none can be run, the last text that
    could be stays in `text_run`, and its picture with it."""
    state = st.session_state
    try:
        _shared.problem(_shared.OWN, 0, state.text, state.model_set)
        state.text_run = state.text
    except ProblemError as wrong:
        if "text_run" in state:  # without one the page itself says it, and has no picture
            error(wrong, place)
            place.caption("The picture is still that of your last text that could be read.")
    if _shared.benchmark(state.model_set).maker is None:  # the words go to the model as they are
        return
    reading = read(state.text)
    if reading.graph:
        place.caption(escaped(reading.told()))
    if any(not s.used for s in reading.sentences):
        place.markdown(" · ".join(_marked(s) for s in reading.sentences))


def _marked(sentence: Sentence) -> str:
    """A sentence in Markdown; one that was not used stands out and says why."""
    text = escaped(sentence.text)
    return text if sentence.used else f":orange-background[{text}] ({escaped(sentence.why)})"
