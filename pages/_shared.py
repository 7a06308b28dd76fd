"""What every page shares: the model set behind its lock, the problems, the map that warms up, and how the page looks.

Every cache of the app stands here, in `_runs`, `_drawn` or `_paper`. Each is bounded and keyed by strings and numbers
only; what it returns is shared by all sessions and never altered. torch takes seconds to import: `Loading` does it in a
thread, behind a first picture that needs none.
"""

from __future__ import annotations

import gc
import os
import re
import threading
from pathlib import Path

import streamlit as st

from lrr_core.benchmarks.catalogue import BENCHMARKS, Problem, from_text
from lrr_core.models.folder import ModelError, ModelFolder
from lrr_core.models.shipped import find_background
from lrr_core.refinement.methods import METHODS

HERE = Path(__file__).resolve().parent.parent
SHIPPED_SET = str(HERE / "assets" / "models" / "prosqa")
DEFAULT_SET = (
    os.environ.get("LRR_MODELS") or SHIPPED_SET
)  # which set the pages show; Learn always tells of the shipped one
EXAMPLES = HERE / "assets" / "examples"
BENCHMARK = "prosqa"  # what the pages draw: questions about a graph
RANDOM, OWN = "random", "own"
RANDOM_NODES, RANDOM_HOPS = (12, 15), (2, 3)


@st.cache_resource(max_entries=2, show_spinner=False)
def folder(path: str = DEFAULT_SET) -> ModelFolder:
    """The model set's folder: all that a sidebar needs, at once. Raises ModelError, also for a set of another benchmark."""
    found = ModelFolder(path)
    if found.info.benchmark != BENCHMARK:
        raise ModelError(
            f"The pages show sets that answer {BENCHMARKS[BENCHMARK].name}, and {path} answers {found.info.benchmark}; use it "
            "with `python -m lrr_core evaluate`, `refine` and `figure`, or start the app without LRR_MODELS."
        )
    return found


class Loading:
    """A model set that is being opened in a thread. done: set when `models` or `error` is there."""

    def __init__(self, path: str):
        self.models, self.error = None, None
        self.done = threading.Event()
        threading.Thread(target=self._work, args=(path,), daemon=True, name="model set").start()

    def _work(self, path: str) -> None:
        try:
            from lrr_core.models.opened import ModelSet, without_bars

            without_bars()  # three bars a set in the server's log; a library's user keeps them
            self.models = ModelSet(path)
            # Streamlit collects garbage after every run, and would walk through all of torch each time: 0.26 s
            gc.collect()
            gc.freeze()
        except (
            Exception
        ) as error:  # a thread's error has nobody to catch it: `model_set` raises it where it is asked for
            self.error = error
        self.done.set()

    def wait(self):
        """The opened model set, once it is there. Raises ModelError."""
        self.done.wait()
        if self.error is not None:
            raise self.error
        return self.models


@st.cache_resource(max_entries=2, show_spinner=False)
def loading(path: str = DEFAULT_SET) -> Loading:
    """Starts to open the model set, or says how far that is; never waits."""
    return Loading(path)


def model_set(path: str = DEFAULT_SET):
    """The opened model set; waits for it. Its `lock` makes concurrent sessions wait for each other. Raises ModelError."""
    found = loading(path)
    if not found.done.is_set():
        with st.spinner("Loading the model …"):
            found.done.wait()
    if found.error is not None:
        loading.clear(path)  # so that a mended set is tried again
        raise found.error
    return found.models


@st.cache_data(max_entries=8, show_spinner=False)
def example_ids(benchmark: str = "prosqa") -> dict[str, str]:
    """Shipped problems: id -> label, in the order of the files."""
    from lrr_core.analysis.summary import problem_label

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


class Warmup:
    """The background of the maps: found at once where one is shipped or kept, else built in a thread behind a picture."""

    def __init__(self, path: str):
        self.background, self.status, self.error = None, "looking for the map", ""
        self.done = threading.Event()
        self.background = find_background(folder(path))
        if self.background is not None:
            self.done.set()
        else:
            threading.Thread(target=self._work, args=(path,), daemon=True, name="map warm-up").start()

    def _work(self, path: str) -> None:
        from lrr_core.analysis import background

        try:
            self.background = background.ensure(loading(path).wait(), progress=self._say)
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


@st.fragment(run_every=1.0)
def map_awaited(path: str) -> None:
    """Says what the warm-up does, and draws the page once more when the map is there."""
    warm = warmup(path)
    if warm.done.is_set():
        st.rerun()
    st.caption(
        f":material/hourglass_top: Preparing the shared map ({warm.status}); until then PCA of this problem is shown."
    )


def uses(method: str) -> tuple[bool, bool]:
    """Whether a method mixes (α matters) and whether it pushes (step size, rounds, reference matter)."""
    return METHODS[method].takes_alpha, METHODS[method].pushes


def device_line(path: str) -> None:
    """Which set runs on which device, as soon as that is known."""
    (_device_known if loading(path).done.is_set() else _device_awaited)(path)


def _device_known(path: str) -> None:
    info, models = folder(path).info, loading(path).models
    where = f"running on {models.device}, {models.dtype_name}" if models else "could not be loaded"
    st.caption(f"{escaped(info.title or info.name)} · {where}")


@st.fragment(run_every=1.0)
def _device_awaited(path: str) -> None:
    if loading(path).done.is_set():
        st.rerun()
    else:
        info = folder(path).info
        st.caption(f"{escaped(info.title or info.name)} · loading the model …")


def theme() -> str:
    return st.context.theme.type or "light"


def escaped(text: str) -> str:
    """Text of a user or a model, with nothing left that Markdown would read."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:])", r"\\\1", text)


def said(answer) -> str:
    """An answer in Markdown: name, probability, and a mark in the colour of right or wrong."""
    colour = {True: "green", False: "red", None: "gray"}[answer.right]
    return f"**{escaped(answer.name)} {answer.share}** :{colour}[**{answer.mark}**]"


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
