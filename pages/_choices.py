"""What a person can choose, once for all pages: ranges and starting values, the controls, and the link that carries them.

Every control is bound to the URL, so a page can be reloaded, shared and reached with back and forward. Streamlit checks
such values in the browser only; `begin` checks them again here, takes the nearest valid value and says so in a note.
"""

from __future__ import annotations

import math
import runpy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from lrr_core import summary
from lrr_core.trace import CONTROLS, GRADIENTS, METHODS, REFERENCES, SIGNS
from pages import _shared

APP = Path(__file__).resolve().parent.parent / "app.py"
VERSION = "1"  # of the links: raised when a key changes its meaning
STEP_SIZES, RESIDUALS = (0.0, 2.0), (0.0, 1.0)
BEYOND = 4  # thoughts more than a set is meant to have
MOST_TEXT = 6000  # characters of an own problem
OWN_TEXT = (
    "Tom is a cat. Every cat is a mammal. Every mammal is an animal. Rex is a trout. Every trout is a fish. "
    "Every fish is a swimmer. Is Tom a swimmer or animal?"
)
SETTINGS = ("method", "step_size", "residual", "rounds", "reference", "sign", "gradient", "momentum", "seed")
MEMBERS = ("backbone", "strong", "weak")
UNBOUND = ("draw", "upto")  # choices without a control of their own: kept in the URL by hand


@dataclass(frozen=True)
class Number:
    """A choice between low and high."""

    start: float
    low: float
    high: float

    def written(self, value: float) -> str:
        """As Streamlit writes it into the URL."""
        return _plain(value)

    def nearest(self, text: str) -> float:
        """The valid value nearest to a text; ValueError if it is no number."""
        value = float(text)
        if math.isnan(value):
            raise ValueError("not a number")
        kind = type(self.start)
        return kind(min(max(kind(value) if abs(value) < 1e9 else value, self.low), self.high))


@dataclass(frozen=True)
class OneOf:
    """A choice among options, each known by its key or by its label on the page."""

    start: str | int
    options: dict[str | int, str]

    def written(self, value: str | int) -> str:
        return self.options[value]

    def nearest(self, text: str) -> str | int:
        """The option a text names: by its key, its label, or a label whose first words are the same; ValueError if none."""
        for option, label in self.options.items():
            if str(text) in (str(option), label):
                return option
        first = str(text).split(" · ")[0]
        alike = [option for option, label in self.options.items() if label.split(" · ")[0] == first]
        if len(alike) == 1:  # what is measured of a checkpoint may have changed since the link was made
            return alike[0]
        raise ValueError(f"not one of {', '.join(map(str, self.options))}")


@dataclass(frozen=True)
class Words:
    start: str

    def written(self, value: str) -> str:
        return value

    def nearest(self, text: str) -> str:
        return str(text)[:MOST_TEXT]


def choices(folder) -> dict[str, Number | OneOf | Words]:
    """Every choice of the app for one model set (a `ModelFolder`), by its key in session state and in the URL."""
    info, own = folder.info, folder.info.defaults
    members = {n: summary.member_label(n, info.members.get(n, {}), short=True) for n in folder.thinkers()}
    problems = _shared.example_ids() | {_shared.RANDOM: "random problem", _shared.OWN: "my own text"}
    named = lambda table: {name: name.replace("_", " ") for name in table}  # noqa: E731
    return {
        "problem": OneOf(next(iter(problems)), problems),
        "draw": Number(0, 0, 999_999),
        "text": Words(OWN_TEXT),
        "method": OneOf(own.get("method", "full"), {m: summary.method_label(m) for m in METHODS | CONTROLS}),
        "step_size": Number(float(own.get("step_size", 0.2)), *STEP_SIZES),
        "residual": Number(float(own.get("residual", 0.1)), *RESIDUALS),
        "thoughts": Number(int(own.get("thoughts", info.thoughts)), 1, info.thoughts + BEYOND),
        "rounds": Number(int(own.get("rounds", 1)), 1, 8),
        "reference": OneOf(own.get("reference", "next"), named(REFERENCES)),
        "sign": OneOf(own.get("sign", "descent"), named(SIGNS)),
        "gradient": OneOf(own.get("gradient", "detached"), named(GRADIENTS)),
        "momentum": Number(float(own.get("momentum", 0.0)), 0.0, 0.95),
        "seed": Number(int(own.get("seed", 0)), 0, 9999),
        "backbone": OneOf(info.opens_with if info.opens_with in members else "backbone", members),
        "strong": OneOf("strong", members),
        "weak": OneOf("weak", members),
        "upto": Number(0, 0, info.thoughts + BEYOND),
        "map": OneOf("UMAP", {"UMAP": "UMAP", "PCA": "PCA"}),
        "dims": OneOf(2, {2: "2-D", 3: "3-D"}),
    }


def begin(folder) -> None:
    """Call first on every page: takes over what the URL says, and puts right whatever came from outside.

    Values that cannot be used are replaced by the nearest valid one and named in `notes`.
    """
    state, known = st.session_state, choices(folder)
    if not state.pop("entered", False):
        # Until app.py has run once, a fresh server takes every file of this folder for a page and runs it by itself: a
        # link to a page would come without layout and navigation
        runpy.run_path(str(APP))
        st.stop()
    if state.pop("carried", False):  # from another page: an assignment makes Streamlit write a choice into the URL
        for key in [key for key in known if key in state]:
            state[key] = state[key]
    notes, again = [], False
    if "link_notes" not in state:  # the first run of a session: the URL may be a link from somebody
        for key in list(st.query_params):
            given = st.query_params[key]
            if key == "v":
                if given != VERSION:
                    notes.append(f"this link is of version {given}, the app reads version {VERSION}")
            elif key in known:
                state[key] = _put_right(key, given, known[key], notes)
                if given != known[key].written(state[key]):
                    st.query_params[key] = known[key].written(state[key])
                    again = True
            elif key not in PAGE_KEYS:
                notes.append(f"“{key}” is not a choice of this app")
        for key in [k for k in st.query_params if k == "v" or k not in {*known, *PAGE_KEYS}]:
            del st.query_params[key]
        state.link_notes = notes
        if again:  # Streamlit drops what is not written as its controls write it: start over with the address put right
            st.rerun()
    for key, choice in known.items():
        if key in state:
            value = _put_right(key, state[key], choice, state.link_notes)
            if value != state[key]:  # never assign without need: it would take a slider out of the hand that drags it
                state[key] = value
        else:
            state[key] = choice.start
    for key in UNBOUND:
        there = st.query_params.get(key, "")
        if there != state.get(f"written_{key}", there):  # somebody went back or forward: the address leads
            state[key] = _put_right(key, there or known[key].start, known[key], [])
        wanted = state[key] if key != "draw" or state.problem == _shared.RANDOM else 0
        if wanted and there != str(wanted):
            st.query_params[key] = str(wanted)
        elif there and not wanted:
            del st.query_params[key]
        state[f"written_{key}"] = str(wanted) if wanted else ""


# keys in the URL that a page looks after (its own views, the pins of Compare), or Streamlit itself
PAGE_KEYS = {
    "tab",
    "view",
    "a",
    "b",
    "base",
    "opens",
    "regimes_tab",
    "plane_mode",
    "many_n",
    "many_size",
    "many_control",
}
PAGE_KEYS |= {"experiment", "problems", "run_nodes", "run_hops", "run_n", "run_seed", "picture", "picture_cost", "flips_of"}
PAGE_KEYS |= {"report", "picture_plane"}
PAGE_KEYS |= {f"studio_{name}" for name in ("from", "report", "arm", "case", "flip", "hops", "controls", "order", "least")}
PAGE_KEYS |= {f"studio_{name}" for name in ("panels", "size", "font_size", "palette", "letters", "title", "caption")}
PAGE_KEYS |= {f"studio_{name}" for name in ("thought", "zoom", "regimes", "dpi", "label")}
PAGE_KEYS |= {"chapter", "toy_view", "toy_rounds", "toy_turn", "trap_problem", "embed", "embed_options"}


def _put_right(key: str, given, choice, notes: list[str]):
    try:
        value = choice.nearest(given)
    except (ValueError, TypeError, OverflowError):
        value = choice.start
    same = str(value) == str(given) or value == given
    if not same and isinstance(choice, Number):
        try:
            same = float(given) == value
        except (ValueError, TypeError):
            same = False
    if not same and not (isinstance(choice, OneOf) and choice.options.get(value) == given):
        notes.append(f"{key.replace('_', ' ')} cannot be “{str(given)[:40]}”; {choice.written(value)} is used")
    return value


def settle(key: str, options, first) -> None:
    """Before a control whose options depend on what is shown: its state is one of them. A first value may come from the URL,
    which names an option or its label (options may be a dict of both); what is none of them becomes `first`."""
    state, labels = st.session_state, options if isinstance(options, dict) else {}
    if key not in state and (given := st.query_params.get(key)) is not None:
        state[key] = next((option for option in options if given in (option, labels.get(option))), first)
    if state.get(key) not in options:
        state[key] = first


def show_notes(place) -> None:
    """What was put right, once, where the reader sees it."""
    notes, st.session_state.link_notes = st.session_state.get("link_notes", []), []
    if notes:
        place.info("From the link: " + _shared.escaped("; ".join(notes)) + ".", icon=":material/link:")


def start(key: str, folder):
    return choices(folder)[key].start


def reset(folder) -> None:
    st.session_state.update({key: choice.start for key, choice in choices(folder).items()})


def run_arguments() -> dict:
    """The arguments of `_shared.run` besides path and text, from the choices as they stand."""
    state = st.session_state
    return {key: state[key] for key in (*SETTINGS, *MEMBERS)} | {
        "thoughts": min(state.upto or state.thoughts, state.thoughts),
        "source": state.problem,
        "draw": state.draw if state.problem == _shared.RANDOM else 0,
        "text": state.text if state.problem == _shared.OWN else "",
    }


def link(folder, **changes) -> str:
    """Every choice and the version as a query string, with some of them changed: what "Copy link" writes."""
    known = choices(folder)
    values = {key: st.session_state.get(key, choice.start) for key, choice in known.items()} | changes
    if values["problem"] != _shared.OWN:
        del values["text"]
    if values["problem"] != _shared.RANDOM:
        del values["draw"]
    views = {key: st.query_params[key] for key in PAGE_KEYS if key in st.query_params}
    return "?" + urlencode({"v": VERSION} | {key: known[key].written(value) for key, value in values.items()} | views)


def _plain(value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


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
    if st.button("Make a figure", key=key, icon=":material/brush:", help=help or FIGURE):
        go("studio", **{"studio_from": "this setting"} | values)


def explore_button(label: str, key: str, help: str | None = None, **values) -> None:
    """A button that opens Explore at these choices."""
    if st.button(label, key=key, icon=":material/open_in_new:", help=help):
        explore_at(**values)


# --- controls ---------------------------------------------------------------------------------------------------------
# Each is bound to the URL under its key. Its state is set by `begin`; the starting value is passed all the same, because
# Streamlit leaves a value out of the URL that is the control's own first one.

BOUND = {"bind": "query-params"}


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
    choice = choices(folder)[key]
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
    choice = choices(folder)[key]
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
    one_of("Problem", "problem", folder, PROBLEM, on_change=run_whole)
    left, right = st.columns(2)
    left.button("Another", key="another", on_click=another, icon=":material/casino:", width="stretch", help=ANOTHER)
    right.button("Own text", key="own", on_click=own, icon=":material/edit:", width="stretch", help=OWN)


def method_control(folder) -> tuple[bool, bool]:
    """Which method; returns whether it mixes (α matters) and whether it pushes (step size, rounds, references matter)."""
    one_of("Method", "method", folder, METHOD)
    method = st.session_state.method
    st.caption((METHODS | CONTROLS)[method])
    return _shared.uses(method)


def step_size_control(folder, disabled: bool = False) -> None:
    number("Step size s", "step_size", folder, STEP_SIZE, 0.05, disabled)


def residual_control(folder, disabled: bool = False) -> None:
    number("Residual mix α", "residual", folder, RESIDUAL, 0.05, disabled)


def segments(label: str, key: str, folder, help: str | None = None, **look) -> None:
    """A row of buttons over all options of a choice."""
    choice = choices(folder)[key]
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
    segments("References", "reference", folder, REFERENCE, disabled=disabled, width="stretch")


def member_controls(folder) -> None:
    """Which checkpoints think, attract and repel."""
    one_of("Backbone", "backbone", folder, f"{BACKBONE} {summary.measured_on(folder.info.members)}")
    one_of("Strong ▲", "strong", folder, STRONG)
    one_of("Weak ▼", "weak", folder, WEAK)


def further_controls(folder) -> None:
    """What the sources leave open, behind a button."""
    known = choices(folder)
    with st.popover("More choices", icon=":material/tune:", width="stretch"):
        for label, key, table, help in (("Sign", "sign", SIGNS, SIGN), ("Gradient", "gradient", GRADIENTS, GRADIENT)):
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
        number("Momentum β", "momentum", folder, MOMENTUM, 0.05)
        seed = known["seed"]
        st.number_input("Seed", seed.low, seed.high, seed.start, key="seed", help=SEED, **BOUND)


def reset_and_link(folder) -> None:
    """Everything back to the start, and a link to how it stands."""
    left, right = st.columns(2)
    left.button(
        "Reset",
        key="reset",
        on_click=reset,
        args=(folder,),
        icon=":material/restart_alt:",
        width="stretch",
        help=RESET,
    )
    with right:
        _COPY(key="copy_link", data={"query": link(folder)})


_COPY = st.components.v2.component(
    "copy_link",
    html='<button type="button">Copy link</button><output aria-live="polite"></output>',
    css=(Path(__file__).parent / "copy_link.css").read_text(),
    js=(Path(__file__).parent / "copy_link.js").read_text(),
)


# --- help texts -------------------------------------------------------------------------------------------------------

PROBLEM = (
    "A graph told in sentences, and one question: which of two things follows? Small ones first, then larger ones."
)
ANOTHER = "Draws a new balanced problem: 12 to 15 nodes, 2 or 3 hops."
METHOD = "What is done to each thought before it is fed back.\n\n" + summary.method_help()
STEP_SIZE = (
    "How far each thought is pushed: the fraction of the difference strong − weak that is added in each round. 0 pushes "
    "nothing; above 1 usually overshoots. The paper's η grows with the width of the model, s does not."
)
RESIDUAL = (
    "How much of the previous thought is mixed into the next one. 0 mixes nothing, 1 keeps the first thought for ever."
)
THOUGHTS = "How many thoughts the model thinks before it answers. Each can look one hop further."
ROUNDS = "How often each thought is pushed before it is fed back. The paper uses one round."
REFERENCE = "What strong and weak are asked.\n\n" + "\n".join(f"* **{k}**: {v}" for k, v in REFERENCES.items())
BACKBONE = "The checkpoint that thinks and answers."
STRONG = "Thoughts are pushed towards what this checkpoint makes of them."
WEAK = "Thoughts are pushed away from what this checkpoint makes of them. The same as strong: no push at all."
SIGN = "The published equation and the described intent disagree; try both."
GRADIENT = "Whether strong and weak count as fixed points, or are differentiated through."
SEED = "Decides the random directions of that control."
MOMENTUM = "How much of the earlier pushes carries on. 0: none."
FIGURE = "Opens the Studio: a figure of this run for a paper, its caption, and a bundle with every number."
RESET = "Everything back to the start."
OWN = (
    'Write a problem yourself: sentences such as "Tom is a cat." and "Every cat is a mammal.", then one question with two '
    "candidates."
)
