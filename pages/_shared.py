"""What every page shares: the model set behind its lock, the problems, and the map that warms up.

Every cache of the app stands here, in `_runs`, `_drawn` or `_paper`. Each is bounded and keyed by text, numbers or a
`RunRequest`; what it returns is shared by all sessions and never altered. torch takes seconds to import: `loading` does it in
a thread, behind a first picture that needs none.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from lrr_core.analysis.projection import Background, Map
from lrr_core.benchmarks.catalogue import BENCHMARKS, Problem, from_text
from lrr_core.models.folder import ModelError, ModelFolder
from lrr_core.models.shipped import find_background
from pages._jobs import Job
from pages._look import escaped

if TYPE_CHECKING:
    from lrr_core.models.opened import ModelSet

HERE = Path(__file__).resolve().parent.parent
SHIPPED_SET = str(HERE / "assets" / "models" / "prosqa")
# which set the pages show; Learn always tells of the shipped one
DEFAULT_SET = os.environ.get("LRR_MODELS") or SHIPPED_SET
EXAMPLES = HERE / "assets" / "examples"
BENCHMARK = "prosqa"  # what the pages draw: questions about a graph
RANDOM, OWN = "random", "own"
RANDOM_NODES, RANDOM_HOPS = (12, 15), (2, 3)


# --- the model set ----------------------------------------------------------------------------------------------------


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


@st.cache_resource(max_entries=2, show_spinner=False)
def loading(path: str = DEFAULT_SET) -> Job[ModelSet]:
    """Starts to open the model set, or says how far that is; never waits."""

    def make(_: None, job: Job) -> ModelSet:
        from lrr_core.models.opened import ModelSet, without_bars

        without_bars()  # three bars a set in the server's log; a library's user keeps them
        models = ModelSet(path)
        # Streamlit collects garbage after every run, and would walk through all of torch each time: 0.26 s
        gc.collect()
        gc.freeze()
        return models

    job: Job[ModelSet] = Job()
    return job.start(make)


def model_set(path: str = DEFAULT_SET) -> ModelSet:
    """The opened model set; waits for it. Its `lock` makes concurrent sessions wait for each other. Raises ModelError."""
    found = loading(path)
    if not found.done.is_set():
        with st.spinner("Loading the model …"):
            found.done.wait()
    if found.failure is not None:
        loading.clear(path)  # so that a mended set is tried again
    return found.wait()


def device_line(path: str) -> None:
    """Which set runs on which device, as soon as that is known."""
    (_device_known if loading(path).done.is_set() else _device_awaited)(path)


def _device_known(path: str) -> None:
    info, models = folder(path).info, loading(path).result
    where = f"running on {models.device}, {models.dtype_name}" if models else "could not be loaded"
    st.caption(f"{escaped(info.title or info.name)} · {where}")


@st.fragment(run_every=1.0)
def _device_awaited(path: str) -> None:
    if loading(path).done.is_set():
        st.rerun()
    else:
        info = folder(path).info
        st.caption(f"{escaped(info.title or info.name)} · loading the model …")


# --- problems ---------------------------------------------------------------------------------------------------------


@st.cache_data(max_entries=8, show_spinner=False)
def example_ids(benchmark: str = BENCHMARK) -> dict[str, str]:
    """Shipped problems: id -> label, in the order of the files."""
    from lrr_core.analysis.summary import problem_label

    style = {p.id: " · as released" if "released" in p.id else "" for p in _examples(benchmark).values()}
    return {p.id: problem_label(p) + style[p.id] for p in _examples(benchmark).values()}


@st.cache_resource(max_entries=8, show_spinner=False)
def _examples(benchmark: str) -> dict[str, Problem]:
    files = sorted(EXAMPLES.glob("*.json"))
    return {p.id: p for file in files for p in BENCHMARKS[benchmark].load(file)}


@st.cache_resource(max_entries=64, show_spinner=False)
def problem(source: str, draw: int = 0, text: str = "", benchmark: str = BENCHMARK) -> Problem:
    """The problem a choice stands for: an example's id, RANDOM (the draw-th) or OWN text. Raises ProblemError."""
    if source == OWN:
        return from_text(benchmark, text)
    if source == RANDOM:
        hops = (2 + draw % 2, 2 + draw % 2)
        return BENCHMARKS[benchmark].generate("balanced", 1, 10_000 + draw, RANDOM_NODES, hops)[0]
    return _examples(benchmark)[source]


# --- the map ----------------------------------------------------------------------------------------------------------


@st.cache_resource(max_entries=2, show_spinner=False)
def warmup(path: str) -> Job[Background]:
    """The background of the maps: found at once where one is shipped or kept, else built in a thread behind a picture."""
    job = Job(find_background(folder(path)))
    job.words = "looking for the map"

    def make(models: ModelSet, job: Job) -> Background:
        from lrr_core.analysis import background

        return background.ensure(models, progress=lambda words: setattr(job, "words", words))

    return job if job.result is not None else job.start(make, loading(path))


@st.cache_resource(max_entries=16, show_spinner=False)
def ready_map(path: str, kind: str, dims: int) -> Map:
    """The map of the warmed-up background; call it only once `warmup(path).result` is there."""
    return warmup(path).wait().map(kind, dims)


@st.fragment(run_every=1.0)
def map_awaited(path: str) -> None:
    """Says what the warm-up does, and draws the page once more when the map is there."""
    warm = warmup(path)
    if warm.done.is_set():
        st.rerun()
    st.caption(
        f":material/hourglass_top: Preparing the shared map ({warm.words}); until then PCA of this problem is shown."
    )
