"""The runs that pages ask for: refined, compared, under the pad of Live, and for Learn. Only what a slider moves runs again.

Their caches are kept as `_shared` says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import streamlit as st

from lrr_core.benchmarks.catalogue import Problem
from lrr_core.models.checkpoints import STANDARD, Checkpoints
from lrr_core.models.folder import NotCalibrated
from lrr_core.models.shipped import find_opening, is_run_of
from lrr_core.refinement.lenders import lenders
from lrr_core.refinement.methods import METHODS
from lrr_core.refinement.subspace import Subspace
from lrr_core.refinement.trace import RefineConfig, Trace
from pages import _shared

LIVE = _shared.HERE / "assets" / "live"
AT_ONCE = ("zero_thoughts",)  # controls that no slider touches, so that they cost nothing when one moves
CONTROLS_SHOWN = (*AT_ONCE, "random_direction")


@st.cache_resource(max_entries=2, show_spinner=False)
def opening(path: str) -> Trace | None:
    """The run a set ships with, so that its first picture waits for nothing."""
    return find_opening(_shared.folder(path))


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
    names, shipped = Checkpoints(backbone, strong, weak), opening(path)
    asked, config = _shared.problem(source, draw, text), RefineConfig.from_dict(settings)
    if shipped is not None and is_run_of(shipped, asked, config, names):
        _latest(path, source, draw, text, *names)[:] = [shipped]
        return shipped
    within = calibrated(path, names, config.reference).hash if config.rule.calibrated else ""
    _shared.model_set(path)  # waits here, where it can say so
    return _run(path, source, draw, text, *names, complete, within, **settings)


@st.cache_resource(max_entries=64, show_spinner=False)
def _run(
    path: str,
    source: str,
    draw: int,
    text: str,
    backbone: str,
    strong: str,
    weak: str,
    complete: bool,
    within: str,  # the subspace of TILR, by its hash: a part of the cache's key
    **settings: str | float,
) -> Trace:
    from lrr_core.refinement.tracing import refine_problem

    names, config = Checkpoints(backbone, strong, weak), RefineConfig.from_dict(settings)
    latest = _latest(path, source, draw, text, *names)
    before, controls = latest[0] if latest else None, CONTROLS_SHOWN if complete else AT_ONCE
    models, asked = _shared.model_set(path), _shared.problem(source, draw, text)
    trace = refine_problem(models, asked, config, names, controls, lenders(asked, [config.method]), before)
    latest[:] = [trace]
    return trace


@st.cache_resource(max_entries=64, show_spinner=False)
def _latest(path: str, source: str, draw: int, text: str, backbone: str, strong: str, weak: str) -> list[Trace]:
    """Holds the newest trace of a problem and its models: a slider re-runs only what it moves. The one cache that is
    written to; a race costs at most a run that could have been taken over."""
    return []


def run_here(
    path: str, source: str, draw: int, text: str, backbone: str, strong: str, weak: str, **settings: str | float
) -> Trace:
    """As `run`, with nothing taken over from a shipped or an earlier run: every bit is this machine's, so that a bundle of it runs
    again to the same bits here. Waits for the model."""
    models = _shared.loading(path).wait()
    return _run_here(path, source, draw, text, backbone, strong, weak, models, **settings)


@st.cache_resource(max_entries=8, show_spinner=False)
def _run_here(path, source, draw, text, backbone, strong, weak, _models, **settings) -> Trace:
    from lrr_core.refinement.tracing import refine_problem

    config, names = RefineConfig.from_dict(settings), Checkpoints(backbone, strong, weak)
    asked = _shared.problem(source, draw, text)
    return refine_problem(_models, asked, config, names, CONTROLS_SHOWN, lenders(asked, [config.method]))


def calibrated(path: str, names: Checkpoints, reference: str) -> Subspace:
    """The subspace of TILR for these checkpoints and a reading: the set's, else the one in the user's cache folder,
    which is made here behind a bar where it is missing (seconds). Raises ModelError."""
    try:
        return _shared.folder(path).subspace(names, reference)
    except NotCalibrated:
        models = _shared.model_set(path)
    from lrr_core.refinement import calibration as tilr

    bar = st.empty()
    try:
        return tilr.ensure(models, names, reference, lambda done, total: bar.progress(done / total, CALIBRATING))
    finally:
        bar.empty()


CALIBRATING = "Calibrating TILR for these checkpoints: once, a few seconds …"


def comparison(
    path: str,
    source: str,
    draw: int,
    text: str,
    backbone: str,
    strong: str,
    weak: str,
    progress: Callable[[str, int, int], None],
    **settings: str | float,
):
    """One problem under every method (`compare.Comparison`), its times measured when a setting is first asked for. settings:
    fields of RefineConfig besides the method; progress: called as progress(method, done, total) while it runs."""
    within = calibrated(path, Checkpoints(backbone, strong, weak), settings["reference"]).hash
    made = _comparisons(path, source, draw, text, backbone, strong, weak, within, **settings)
    if not made:
        models = _shared.model_set(path)
        from lrr_core.studies.measure_comparison import compare_methods

        config, names = RefineConfig.from_dict(settings), Checkpoints(backbone, strong, weak)
        before = _latest_comparison(path, source, draw, text, *names)
        asked, previous = _shared.problem(source, draw, text), before[0] if before else None
        result = compare_methods(models, asked, config, names, lenders(asked, METHODS), previous, progress)
        before[:] = made[:] = [result]  # complete or not at all: a moved slider ends a script in the middle
    return made[0]


@st.cache_resource(max_entries=32, show_spinner=False)
def _comparisons(
    path: str, source: str, draw: int, text: str, backbone: str, strong: str, weak: str, within: str, **settings
) -> list:
    """Holds the comparison of these settings, once it is there: it cannot be made in here, where no progress could be shown."""
    return []


@st.cache_resource(max_entries=32, show_spinner=False)
def _latest_comparison(path: str, source: str, draw: int, text: str, backbone: str, strong: str, weak: str) -> list:
    """Holds the newest comparison of a problem and its models: only what a slider moves is run again."""
    return []


class PadJob:
    """The runs under the Live page's pad: shipped where they fit, else computed in a thread. done: set when `pad` or `error` is
    there; share: how far it is, 0 to 1; maps: name -> Map."""

    def __init__(self, path: str, asked: Problem, config: RefineConfig, names: Checkpoints, maps: dict):
        from lrr_core.studies import live_pad as live

        self.pad, self.maps, self.error, self.share = None, maps, "", 0.0
        self.done = threading.Event()
        marks = live.stamp(asked, _shared.folder(path).weights(*dict.fromkeys(names)), names, config, maps)
        try:
            self.pad = live.Pad.load(LIVE / live.file_name(asked, config.reference), marks)
            self.done.set()
        except live.LiveError:  # none is shipped for this problem, or it is one of other settings or weights
            args = path, asked, config, names
            threading.Thread(target=self._work, args=args, daemon=True, name="runs under the pad").start()

    def _work(self, path: str, asked: Problem, config: RefineConfig, names: Checkpoints) -> None:
        try:
            models = _shared.loading(path).wait()
            from lrr_core.studies import measure_live as live_runs

            if not self.maps:
                self.maps = {"PCA": live_runs.own_map(models, asked, config, names)}
            self.pad = live_runs.compute(models, asked, config, names, self.maps, self._say)
        except Exception as error:  # a thread's error has nobody to catch it: the page shows it
            self.error = str(error)
        self.done.set()

    def _say(self, share: float) -> None:
        self.share = share


def live_pad(
    path: str, source: str, draw: int, text: str, backbone: str, strong: str, weak: str, **held: str | float
) -> PadJob:
    """The runs under the pad of a problem; never waits. held: thoughts, rounds, reference, gradient, momentum."""
    return _live_pad(
        path, source, draw, text, backbone, strong, weak, _shared.warmup(path).background is not None, **held
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _live_pad(
    path: str, source: str, draw: int, text: str, backbone: str, strong: str, weak: str, mapped: bool, **held
) -> PadJob:
    maps = {kind: _shared.ready_map(path, kind, 2) for kind in ("UMAP", "PCA")} if mapped else {}
    config = RefineConfig.from_dict(held)
    return PadJob(path, _shared.problem(source, draw, text), config, Checkpoints(backbone, strong, weak), maps)


@st.cache_resource(max_entries=8, show_spinner=False)
def text_run(path: str, source: str):
    """An example answered by the text checkpoint (None where the set has none), and how many tokens it chooses from."""
    from lrr_core.evaluation.answering import run_in_text

    models = _shared.model_set(path)
    with models.lock:
        run = run_in_text(models, [_shared.problem(source)], "cot")[0] if "cot" in models.members else None
    return run, len(models.tokenizer)


@st.cache_resource(max_entries=8, show_spinner=False)
def mixed_runs(path: str, source: str, backbone: str):
    """An example under residual mixing at every α the lesson shows: α as text -> run."""
    from lrr_core.lessons.measure import mixed_runs

    models = _shared.model_set(path)
    return mixed_runs(models, _shared.problem(source), models.info.thoughts, STANDARD.alone(backbone))
