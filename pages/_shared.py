"""What the pages share: the only caches, the model set behind its lock, the map that warms up, the width of the window.

Every cache is bounded and keyed by strings and numbers only; what it returns is shared by all sessions and never altered.
torch is imported inside the functions that need it, so that a page can show something before it is loaded.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

import streamlit as st

from lrr_core.problems import BENCHMARKS, Problem, from_text
from lrr_core.trace import RefineConfig, Trace

HERE = Path(__file__).resolve().parent.parent
DEFAULT_SET = str(HERE / "assets" / "models" / "prosqa")
EXAMPLES = HERE / "assets" / "examples"
RANDOM, OWN = "random", "own"
RANDOM_NODES, RANDOM_HOPS = (12, 15), (2, 3)
AT_ONCE = ("zero_thoughts",)  # controls that no slider touches, so that they cost nothing when one moves
CONTROLS_SHOWN = (*AT_ONCE, "random_direction")
LENDERS = 8  # problems whose thoughts serve the controls `other_thoughts` and `mean_thought`


@st.cache_resource(max_entries=2, show_spinner=False)
def model_set(path: str = DEFAULT_SET, device: str = "auto"):
    """The opened model set; its `lock` makes concurrent sessions wait for each other."""
    from lrr_core.models import ModelSet

    return ModelSet(path, device)


@st.cache_data(max_entries=8, show_spinner=False)
def example_ids(benchmark: str = "prosqa") -> dict[str, str]:
    """Shipped problems: id -> label, in the order of the files."""
    from lrr_core.summary import problem_label

    style = {p.id: " · as released" if "released" in p.id else "" for p in _examples(benchmark).values()}
    return {p.id: problem_label(p) + style[p.id] for p in _examples(benchmark).values()}


@st.cache_resource(max_entries=8, show_spinner=False)
def _examples(benchmark: str) -> dict[str, Problem]:
    files = sorted(EXAMPLES.glob("*.json"))
    return {p.id: p for file in files for p in BENCHMARKS[benchmark].load(file)}


@st.cache_resource(max_entries=64, show_spinner=False)
def problem(source: str, draw: int = 0, text: str = "", benchmark: str = "prosqa") -> Problem:
    """The problem a choice stands for: an example's id, RANDOM (the draw-th) or OWN text. Raises ProblemError."""
    if source == OWN:
        return from_text(benchmark, text)
    if source == RANDOM:
        return BENCHMARKS[benchmark].generate("balanced", 1, 10_000 + draw, RANDOM_NODES, (2 + draw % 2, 2 + draw % 2))[
            0
        ]
    return _examples(benchmark)[source]


@st.cache_resource(max_entries=64, show_spinner=False)
def run(
    path: str,
    source: str,
    draw: int,
    text: str,
    backbone: str,
    strong: str,
    weak: str,
    complete: bool = True,
    **settings: str | float,
) -> Trace:
    """The refined problem with its baselines and controls. settings: fields of RefineConfig; complete: with all controls,
    else only those that cost nothing, for a first picture.

    Runs that a moved slider does not touch (the plain run, strong's and weak's own) are taken over from the run before.
    """
    from lrr_core.refine import refine_problem

    config = RefineConfig.from_dict(settings)
    needs = {config.method} & {"other_thoughts", "mean_thought"}
    lenders = BENCHMARKS["prosqa"].generate("balanced", LENDERS, 20_000, RANDOM_NODES, RANDOM_HOPS) if needs else ()
    names = (backbone, strong, weak)
    latest = _latest(path, source, draw, text, *names)
    before = latest[0] if latest else None
    trace = refine_problem(model_set(path), problem(source, draw, text), config, names, CONTROLS_SHOWN, lenders, before)
    latest[:] = [trace]
    return trace


@st.cache_resource(max_entries=64, show_spinner=False)
def _latest(path: str, source: str, draw: int, text: str, backbone: str, strong: str, weak: str) -> list[Trace]:
    """Holds the newest trace of a problem and its models: a slider re-runs only what it moves. The one cache that is
    written to; a race costs at most a run that could have been taken over."""
    return []


class Warmup:
    """The background of the maps, found or built in a thread while the page already shows a picture."""

    def __init__(self, path: str):
        self.background, self.status, self.error = None, "looking for the map", ""
        self.done = threading.Event()
        threading.Thread(target=self._work, args=(path,), daemon=True, name="map warm-up").start()

    def _work(self, path: str) -> None:
        from lrr_core import background

        try:
            self.background = background.ensure(model_set(path), progress=self._say)
        except Exception as error:  # a thread's error has nobody to catch it: the page shows it and goes on with PCA
            self.error = str(error)
        self.done.set()

    def _say(self, words: str) -> None:
        self.status = words


@st.cache_resource(max_entries=2, show_spinner=False)
def warmup(path: str) -> Warmup:
    return Warmup(path)


@st.cache_resource(max_entries=16, show_spinner=False)
def ready_map(path: str, kind: str, dims: int):
    """The map of the warmed-up background; call it only once `warmup(path).background` is there."""
    return warmup(path).background.map(kind, dims)


def figure(trace: Trace, path: str, kind: str, dims: int, **look):
    """The Explore figure on the chosen map, or on the run's own PCA until that map is there."""
    from lrr_core.figures import explore_figure, run_map

    found = warmup(path).background
    chart = ready_map(path, kind, dims) if found is not None else run_map(trace, dims=dims)
    return explore_figure(trace, chart, **look)


def uses(method: str) -> tuple[bool, bool]:
    """Whether a method mixes (α matters) and whether it pushes (step size, rounds, reference matter)."""
    from lrr_core.refine import MIXES, PUSHES

    return method in MIXES and method != "frozen", method in PUSHES


def theme() -> str:
    return st.context.theme.type or "light"


def escaped(text: str) -> str:
    """Text of a user or a model, with nothing left that Markdown would read."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:])", r"\\\1", text)


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
    """Whether panels stand one below the other."""
    state = st.session_state.get("companion")
    return bool(getattr(state, "narrow", False))
