"""What every page shares: the model set behind its lock, the problems, and the map that warms up.

Every cache of the app stands here, in `_runs`, `_drawn` or `_paper`. Each is bounded and keyed by text, numbers or a
`RunRequest`; what it returns is shared by all sessions and never altered. torch takes seconds to import: `loading` does it in
a thread, behind a first picture that needs none.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from lrr_core.analysis.projection import Background, Map, ProjectionError
from lrr_core.benchmarks.catalogue import BENCHMARKS, Benchmark, Problem
from lrr_core.models.folder import ModelError, ModelFolder
from lrr_core.models.shipped import find_background
from pages._jobs import Job
from pages._look import escaped

if TYPE_CHECKING:
    from lrr_core.models.opened import ModelSet

HERE = Path(__file__).resolve().parent.parent
SHIPPED_SET = str(HERE / "assets" / "models" / "prosqa")
# which set the pages show; Learn always tells of the shipped one
DEFAULT_SET = str(Path(os.environ.get("LRR_MODELS") or SHIPPED_SET))
EXAMPLES = HERE / "assets" / "examples"
SHIPPED_EXAMPLES = "prosqa"  # the benchmark of these
RANDOM, OWN = "random", "own"
RANDOM_NODES, RANDOM_HOPS = (12, 15), (2, 3)
MOST_EXAMPLES, DRAWN, LABEL = 200, 6, 70  # problems of a file that are offered; problems drawn in place of one; letters
LEAST_MAP = 20  # problems that a shared map is made of, at least


# --- the model set ----------------------------------------------------------------------------------------------------


@st.cache_resource(max_entries=2, show_spinner=False)
def folder(path: str) -> ModelFolder:
    """The model set's folder: all that a sidebar needs, at once. Raises ModelError, also where nobody knows its benchmark."""
    found = ModelFolder(path)
    if found.info.benchmark not in BENCHMARKS:
        raise ModelError(
            f"{path} answers {found.info.benchmark!r}, a benchmark that is not known here; known: {', '.join(BENCHMARKS)}."
        )
    return found


def benchmark(path: str) -> Benchmark:
    """What a set's problems are: the one place that says what pages offer, draw and count with it."""
    return BENCHMARKS[folder(path).info.benchmark]


@st.cache_resource(max_entries=2, show_spinner=False)
def loading(path: str) -> Job[ModelSet]:
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


def model_set(path: str) -> ModelSet:
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
def example_ids(path: str) -> dict[str, str]:
    """Problems that a set offers: id -> label, in the order of the files. Raises ProblemError."""
    from lrr_core.analysis.summary import problem_label

    style = {p.id: " · as released" if "released" in p.id else "" for p in examples(path).values()}
    labels = {p.id: problem_label(p) + style[p.id] for p in examples(path).values()}
    short = {id: label if len(label) <= LABEL else label[: LABEL - 1] + "…" for id, label in labels.items()}
    twice = {
        label for label, count in Counter(short.values()).items() if count > 1
    }  # the address tells them by their labels
    return {id: f"{label} · {id}" if label in twice else label for id, label in short.items()}


@st.cache_resource(max_entries=8, show_spinner=False)
def examples(path: str) -> dict[str, Problem]:
    """The problems a set offers, by id: of the file that LRR_PROBLEMS names, of `problems.*` in its folder, those shipped for its
    benchmark, else fresh ones where the benchmark can draw any. Raises ProblemError for a file without a single one."""
    kind, own = benchmark(path), os.environ.get("LRR_PROBLEMS") if path == DEFAULT_SET else None
    files: list = [own] if own else sorted(folder(path).path.glob("problems.*"))
    if not files and kind.key == SHIPPED_EXAMPLES:
        files = sorted(EXAMPLES.glob("*.json"))
    found = [p for file in files for p in kind.read(file).problems][:MOST_EXAMPLES]
    if not found and kind.maker is not None:
        found = kind.generate("balanced", DRAWN, 30_000, RANDOM_NODES, RANDOM_HOPS)
    return {p.id: p for p in found}


@st.cache_resource(max_entries=64, show_spinner=False)
def problem(source: str, draw: int, text: str, path: str) -> Problem:
    """The problem a choice stands for: an example's id, RANDOM (the draw-th) or OWN text. Raises ProblemError."""
    if source == OWN:
        return benchmark(path).parse(text)
    if source == RANDOM:
        hops = (2 + draw % 2, 2 + draw % 2)
        return benchmark(path).generate("balanced", 1, 10_000 + draw, RANDOM_NODES, hops)[0]
    return examples(path)[source]


def listed(asked: Problem, path: str) -> tuple[Problem, ...]:
    """A problem among those its set offers: who lends thoughts where the benchmark cannot draw any."""
    known = tuple(examples(path).values())
    return known if asked in known else (asked, *known)


# --- the map ----------------------------------------------------------------------------------------------------------


@st.cache_resource(max_entries=2, show_spinner=False)
def warmup(path: str) -> Job[Background]:
    """The background of the maps: found at once where one is shipped or kept, else built in a thread behind a picture."""
    job = Job(find_background(folder(path)))
    job.words = "looking for the map"

    def make(models: ModelSet, job: Job) -> Background:
        from lrr_core.analysis import background

        problems = None if benchmark(path).maker is not None else list(examples(path).values())
        if problems is not None and len(problems) < LEAST_MAP:
            raise ProjectionError(
                f"it takes {LEAST_MAP} problems, and {len(problems)} are known; name a file in LRR_PROBLEMS"
            )
        return background.ensure(models, progress=lambda words: setattr(job, "words", words), problems=problems)

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
