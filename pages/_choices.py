"""What a person can choose, once for all pages: ranges and starting values, and the link that carries them.

Every control (`_controls`) is bound to the URL, so a page can be reloaded, shared and reached with back and forward.
Streamlit checks such values in the browser only; `begin` checks them again here, takes the nearest valid value and says
so in a note.
"""

from __future__ import annotations

import math
import runpy
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lrr_core.analysis import summary
from lrr_core.benchmarks.catalogue import Problem
from lrr_core.models.checkpoints import ROLES, Checkpoints
from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.lenders import lenders
from lrr_core.refinement.methods import METHODS
from lrr_core.refinement.request import RunRequest
from lrr_core.refinement.trace import GRADIENTS, REFERENCES, SIGNS, RefineConfig
from pages import _shared
from pages._look import error, escaped

APP = Path(__file__).resolve().parent.parent / "app.py"
VERSION = "1"  # of the links: raised when a key changes its meaning
STEP_SIZES, RESIDUALS = (0.0, 2.0), (0.0, 1.0)
BEYOND = 4  # thoughts more than a set is meant to have
MOST_TEXT = 6000  # characters of an own problem
OWN_TEXT = (
    "Tom is a cat. Every cat is a mammal. Every mammal is an animal. Rex is a trout. Every trout is a fish. "
    "Every fish is a swimmer. Is Tom a swimmer or animal?"
)
OWN_TEXTS = {
    "gsm8k": "Anna has 3 boxes with 4 apples each and gives 5 apples away. How many apples are left?",
    "mathqa": "how much is 3 + 4 ? a ) 6 b ) 7 c ) 8 d ) 9 e ) 12",
    "aqua": "How much is 3 + 4? a) 6 b) 7 c) 8 d) 9 e) 12",
    "strategyqa": "Could a camel win a swimming race against a dolphin?",
}
SETTINGS = ("method", "step_size", "residual", "rounds", "reference", "sign", "gradient", "momentum", "seed")
UNBOUND = ("draw", "upto")  # choices without a control of their own: kept in the URL by hand


@dataclass(frozen=True)
class Number:
    """A choice between low and high."""

    start: float
    low: float
    high: float

    def written(self, value: float) -> str:
        """As Streamlit writes it into the URL."""
        return f"{value:.6g}" if isinstance(value, float) else str(value)

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
    options: Mapping[Any, str]

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


Choice = Number | OneOf | Words


def choices(folder: ModelFolder) -> dict[str, Any]:
    """Every `Choice` of the app for one model set, by its key in session state and in the URL."""
    info, own = folder.info, folder.info.defaults
    members = {n: summary.member_label(n, info.members.get(n, {}), short=True) for n in folder.thinkers()}
    path, benchmark = str(folder.path), _shared.benchmark(str(folder.path))
    problems = _shared.example_ids(path)
    problems |= {_shared.RANDOM: "random problem"} if benchmark.maker is not None else {}
    problems |= {_shared.OWN: "my own text"}

    def named(table: Collection[str]) -> dict[str, str]:
        return {name: name.replace("_", " ") for name in table}

    return {
        "problem": OneOf(next(iter(problems)), problems),
        "draw": Number(0, 0, 999_999),
        "text": Words(OWN_TEXTS.get(benchmark.key, OWN_TEXT)),
        "method": OneOf(own.get("method", "full"), {m: summary.method_label(m) for m in METHODS}),
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


def opened(path: str, *keys: str) -> ModelFolder:
    """Call first on every page: the model set's folder, with every choice put right. keys: what else the page keeps in the URL.
    Where the set cannot be read, the page says so and ends here."""
    try:
        folder = _shared.folder(path)
        _shared.example_ids(path)
    except ValueError as wrong:  # ModelError, ProblemError: each names the fix
        error(wrong)
        st.stop()
    begin(folder, keys)
    return folder


def begin(folder: ModelFolder, page_keys: tuple[str, ...]) -> None:
    """Takes over what the URL says, and puts right whatever came from outside.

    Values that cannot be used are replaced by the nearest valid one and named in `notes`.
    """
    state, known = st.session_state, choices(folder)
    state.model_set = str(folder.path)
    page_keys = state.page_keys = (*page_keys, "embed", "embed_options")  # the last two are Streamlit's own
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
            elif key not in page_keys:
                notes.append(f"“{key}” is not a choice of this app")
        for key in [k for k in st.query_params if k == "v" or k not in {*known, *page_keys}]:
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


def _put_right(key: str, given: Any, choice: Choice, notes: list[str]) -> Any:
    value: Any
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


def settle(key: str, options: Collection, first: Any) -> None:
    """Before a control whose options depend on what is shown: its state is one of them. A first value may come from the URL,
    which names an option or its label (options may be a dict of both); what is none of them becomes `first`."""
    state, labels = st.session_state, options if isinstance(options, dict) else {}
    if key not in state and (given := st.query_params.get(key)) is not None:
        state[key] = next((option for option in options if given in (option, labels.get(option))), first)
    if state.get(key) not in options:
        state[key] = first


def show_notes(place: DeltaGenerator) -> None:
    """What was put right, once, where the reader sees it."""
    notes, st.session_state.link_notes = st.session_state.get("link_notes", []), []
    if notes:
        place.info("From the link: " + escaped("; ".join(notes)) + ".", icon=":material/link:")


def reset(folder: ModelFolder) -> None:
    st.session_state.update({key: choice.start for key, choice in choices(folder).items()})


def problem() -> Problem:
    """The problem that is chosen. Raises ProblemError."""
    state = st.session_state
    draw = state.draw if state.problem == _shared.RANDOM else 0
    text = state.get("text_run", state.text) if state.problem == _shared.OWN else ""
    return _shared.problem(state.problem, draw, text, state.model_set)


def request(stepped: bool = False, **changes: str | float) -> RunRequest:
    """The run that the choices stand for, with some of them changed. stepped: as far as Explore has stepped, else with all
    thoughts. Raises ProblemError, ConfigError."""
    state = st.session_state
    values = {key: state[key] for key in (*SETTINGS, *ROLES, "thoughts")}
    if stepped and state.upto:
        values["thoughts"] = min(state.upto, state.thoughts)
    values |= changes
    config = RefineConfig.from_dict({key: values[key] for key in (*SETTINGS, "thoughts")})
    asked = problem()
    lent = lenders(asked, [config.method], _shared.listed(asked, state.model_set))
    return RunRequest(asked, Checkpoints.of(values), config, lent)


def link(folder: ModelFolder, **changes: Any) -> str:
    """Every choice and the version as a query string, with some of them changed: what "Copy link" writes."""
    known = choices(folder)
    values = {key: st.session_state.get(key, choice.start) for key, choice in known.items()} | changes
    if values["problem"] != _shared.OWN:
        del values["text"]
    if values["problem"] != _shared.RANDOM:
        del values["draw"]
    views = {key: st.query_params[key] for key in st.session_state.page_keys if key in st.query_params}
    return "?" + urlencode({"v": VERSION} | {key: known[key].written(value) for key, value in values.items()} | views)
