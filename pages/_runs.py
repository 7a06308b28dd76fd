"""The runs that pages ask for: refined, compared, under the pad of Live, and for Learn. Only what a slider moves runs again.

Their caches are kept as `_shared` says; a `RunRequest` stands in their keys by its own key.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from lrr_core.analysis.projection import Map
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.models.folder import NotCalibrated
from lrr_core.models.shipped import find_opening, is_run_of
from lrr_core.refinement.lenders import lenders
from lrr_core.refinement.methods import FULL, METHODS, RANDOM, ZERO
from lrr_core.refinement.request import RunRequest
from lrr_core.refinement.subspace import Subspace
from lrr_core.refinement.trace import Run, Trace
from pages import _shared
from pages._jobs import Job, remembered

if TYPE_CHECKING:
    from lrr_core.evaluation.answering import TextRun
    from lrr_core.models.opened import ModelSet
    from lrr_core.studies.comparison import Comparison
    from lrr_core.studies.live_pad import Pad

LIVE = _shared.HERE / "assets" / "live"
AT_ONCE = (ZERO,)  # controls that no slider touches, so that they cost nothing when one moves
CONTROLS_SHOWN = (*AT_ONCE, RANDOM)
BY_KEY: Any = {RunRequest: lambda request: request.key}


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs=BY_KEY)
def _kept(what: str, path: str, request: RunRequest, more: str = "") -> list[Any]:
    """Holds one result, once it is there: the newest of a problem and its models (only what a slider moves is run again), or what
    cannot be made inside a cache, where no progress could be shown. The one cache that is written to; a race costs at most a
    run that could have been taken over."""
    return []


@st.cache_resource(max_entries=2, show_spinner=False)
def opening(path: str) -> Trace | None:
    """The run a set ships with, so that its first picture waits for nothing."""
    return find_opening(_shared.folder(path))


def run(path: str, request: RunRequest, complete: bool = True) -> Trace:
    """The refined problem with its baselines and controls. complete: with all controls, else only those that cost nothing, for a
    first picture.

    Runs that a moved slider does not touch (the plain run, strong's and weak's own) are taken over from the run before.
    """
    shipped = opening(path)
    if shipped is not None and is_run_of(shipped, request):
        _kept("trace", path, request.source)[:] = [shipped]
        return shipped
    calibrated = request.config.rule.calibrated
    within = subspace(path, request.checkpoints, request.config.reference).hash if calibrated else ""
    _shared.model_set(path)  # waits here, where it can say so
    return _run(path, request, complete, within)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_KEY)
def _run(path: str, request: RunRequest, complete: bool, within: str) -> Trace:
    """within: the subspace of TILR, by its hash: a part of the cache's key."""
    latest = _kept("trace", path, request.source)
    controls = CONTROLS_SHOWN if complete else AT_ONCE
    trace = _refined(_shared.model_set(path), request, controls, latest[0] if latest else None)
    latest[:] = [trace]
    return trace


def _refined(models: ModelSet, asked: RunRequest, controls: tuple[str, ...], before: Trace | None = None) -> Trace:
    from lrr_core.refinement.tracing import refine_problem

    return refine_problem(models, asked.problem, asked.config, asked.checkpoints, controls, asked.lenders, before)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_KEY)
def run_here(path: str, request: RunRequest) -> Trace:
    """As `run`, with nothing taken over from a shipped or an earlier run: every bit is this machine's, so that a bundle of it runs
    again to the same bits here. Waits for the model."""
    return _refined(_shared.loading(path).wait(), request, CONTROLS_SHOWN)


def subspace(path: str, names: Checkpoints, reference: str) -> Subspace:
    """The subspace of TILR for these checkpoints and a reading: the set's, else the one in the user's cache folder,
    which is made here behind a bar where it is missing (seconds). Raises ModelError."""
    try:
        return _shared.folder(path).subspace(names, reference)
    except NotCalibrated:
        models = _shared.model_set(path)
    from lrr_core.refinement import calibration

    bar = st.empty()

    def progress(done: int, total: int) -> None:
        bar.progress(done / total, CALIBRATING)

    try:
        return calibration.ensure(models, names, reference, progress)
    finally:
        bar.empty()


CALIBRATING = "Calibrating TILR for these checkpoints: once, a few seconds …"


def comparison(path: str, request: RunRequest, progress: Callable[[str, int, int], None]) -> Comparison:
    """One problem under every method, its times measured when a setting is first asked for; the request's own method does not
    matter. progress: called as progress(method, done, total) while it runs."""
    request = replace(
        request.but(method=FULL), lenders=lenders(request.problem, METHODS, _shared.listed(request.problem, path))
    )
    within = ""  # where no fresh problems can be drawn, TILR is left out until `calibrate --data FILE` has been run
    with contextlib.suppress(NotCalibrated):
        within = subspace(path, request.checkpoints, request.config.reference).hash
    made, latest = _kept("comparison", path, request, within), _kept("comparison", path, request.source)
    if not made:
        models = _shared.model_set(path)
        from lrr_core.studies.measure_comparison import compare_methods

        result = compare_methods(
            models, request.problem, request.config, request.checkpoints, request.lenders,
            latest[0] if latest else None, progress,
        )  # fmt: skip
        latest[:] = made[:] = [result]  # complete or not at all: a moved slider ends a script in the middle
    return made[0]


class MappedPad(NamedTuple):
    """The runs under the Live page's pad, and the maps they are drawn on: name -> Map."""

    pad: Pad
    maps: dict[str, Map]


class Stopped(Exception):
    """The work was no longer wanted."""


def live_pad(path: str, request: RunRequest) -> Job[MappedPad]:
    """The runs under the pad of a problem: shipped where they fit, else computed in a thread; never waits. What the point on the
    pad stands for is no part of the request."""
    mapped = _shared.warmup(path).result is not None
    kept = _kept("pad", path, request, str(mapped))
    maps = {kind: _shared.ready_map(path, kind, 2) for kind in ("UMAP", "PCA")} if mapped else {}
    asked, names, config = request.problem, request.checkpoints, request.config

    def make() -> Job[MappedPad]:
        from lrr_core.studies import live_pad as live

        stamp = live.stamp(asked, _shared.folder(path).weights(*dict.fromkeys(names)), names, config, maps)
        try:
            kept[:] = kept or [MappedPad(live.Pad.load(LIVE / live.file_name(asked, config.reference), stamp), maps)]
            return Job(kept[0])
        except live.LiveError:  # none is shipped for this problem, or it is one of other settings or weights
            return Job[MappedPad]().start(compute, _shared.loading(path))

    def compute(models: ModelSet, job: Job) -> MappedPad:
        from lrr_core.studies import measure_live

        def progress(share: float) -> None:
            job.tell(share)
            if job.stop.is_set():
                raise Stopped

        on = maps or {"PCA": measure_live.own_map(models, asked, config, names)}
        kept[:] = [MappedPad(measure_live.compute(models, asked, config, names, on, progress), on)]
        return kept[0]

    return remembered("pad", f"{request.key} {mapped}", make, alone=False)


@st.cache_resource(max_entries=8, show_spinner=False)
def text_run(path: str, source: str) -> tuple[TextRun | None, int]:
    """An example answered by the text checkpoint (None where the set has none), and how many tokens it chooses from."""
    from lrr_core.evaluation.answering import run_in_text

    models = _shared.model_set(path)
    with models.lock:
        run = run_in_text(models, [_shared.problem(source, 0, "", path)], "cot")[0] if "cot" in models.members else None
    return run, len(models.tokenizer)


@st.cache_resource(max_entries=8, show_spinner=False)
def mixed_runs(path: str, source: str, backbone: str) -> dict[str, Run]:
    """An example under residual mixing at every α the lesson shows: α as text -> run."""
    from lrr_core.lessons.measure import mixed_runs

    models = _shared.model_set(path)
    return mixed_runs(models, _shared.problem(source, 0, "", path), models.info.thoughts, Checkpoints(backbone))
