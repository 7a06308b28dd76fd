"""What the pages share: the only caches, the model set behind its lock, the map that warms up, the width of the window.

Every cache is bounded and keyed by strings and numbers only; what it returns is shared by all sessions and never altered.
torch takes seconds to import: `Loading` does it in a thread, behind a first picture that needs none.
"""

from __future__ import annotations

import gc
import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import streamlit as st

from lrr_core.model_set import ModelFolder, NotCalibrated
from lrr_core.problems import BENCHMARKS, Problem, from_text
from lrr_core.shipped import find_background, find_opening, is_run_of
from lrr_core.studio.recipe import Recipe
from lrr_core.subspace import Subspace, words
from lrr_core.trace import MIXES, PUSHES, RefineConfig, Trace

HERE = Path(__file__).resolve().parent.parent
DEFAULT_SET = str(HERE / "assets" / "models" / "prosqa")
EXAMPLES = HERE / "assets" / "examples"
LIVE = HERE / "assets" / "live"
LESSONS = HERE / "assets" / "lessons"
PLANES = HERE / "assets" / "regimes"
LADDERS = HERE / "assets" / "ladder"
RANDOM, OWN = "random", "own"
RANDOM_NODES, RANDOM_HOPS = (12, 15), (2, 3)
AT_ONCE = ("zero_thoughts",)  # controls that no slider touches, so that they cost nothing when one moves
CONTROLS_SHOWN = (*AT_ONCE, "random_direction")
LENDERS = 8  # problems whose thoughts serve the controls `other_thoughts` and `mean_thought`


@st.cache_resource(max_entries=2, show_spinner=False)
def folder(path: str = DEFAULT_SET) -> ModelFolder:
    """The model set's folder: all that a sidebar needs, at once. Raises ModelError."""
    return ModelFolder(path)


class Loading:
    """A model set that is being opened in a thread. done: set when `models` or `error` is there."""

    def __init__(self, path: str):
        self.models, self.error = None, None
        self.done = threading.Event()
        threading.Thread(target=self._work, args=(path,), daemon=True, name="model set").start()

    def _work(self, path: str) -> None:
        try:
            from lrr_core.models import ModelSet

            self.models = ModelSet(path)
            # Streamlit collects garbage after every run, and would walk through all of torch each time: 0.26 s
            gc.collect()
            gc.freeze()
        except (
            Exception
        ) as error:  # a thread's error has nobody to catch it: `model_set` raises it where it is asked for
            self.error = error
        self.done.set()


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


@st.cache_resource(max_entries=2, show_spinner=False)
def opening(path: str) -> Trace | None:
    """The run a set ships with, so that its first picture waits for nothing."""
    return find_opening(folder(path))


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
    names, shipped = (backbone, strong, weak), opening(path)
    asked, config = problem(source, draw, text), RefineConfig.from_dict(settings)
    if shipped is not None and is_run_of(shipped, asked, config, names):
        _latest(path, source, draw, text, *names)[:] = [shipped]
        return shipped
    within = calibrated(path, names, config.reference).hash if config.method == "tilr" else ""
    model_set(path)  # waits here, where it can say so
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
    from lrr_core.refine import refine_problem

    names, config = (backbone, strong, weak), RefineConfig.from_dict(settings)
    latest = _latest(path, source, draw, text, *names)

    needs = {config.method} & {"other_thoughts", "mean_thought"}
    lenders = BENCHMARKS["prosqa"].generate("balanced", LENDERS, 20_000, RANDOM_NODES, RANDOM_HOPS) if needs else ()
    before, controls = latest[0] if latest else None, CONTROLS_SHOWN if complete else AT_ONCE
    trace = refine_problem(model_set(path), problem(source, draw, text), config, names, controls, lenders, before)
    latest[:] = [trace]
    return trace


@st.cache_resource(max_entries=64, show_spinner=False)
def _latest(path: str, source: str, draw: int, text: str, backbone: str, strong: str, weak: str) -> list[Trace]:
    """Holds the newest trace of a problem and its models: a slider re-runs only what it moves. The one cache that is
    written to; a race costs at most a run that could have been taken over."""
    return []


def calibrated(path: str, names: tuple[str, str, str], reference: str) -> Subspace:
    """The subspace of TILR for (backbone, strong, weak) and a reading: the set's, else the one in the user's cache folder,
    which is made here behind a bar where it is missing (seconds). Raises ModelError."""
    try:
        return folder(path).subspace(names, reference)
    except NotCalibrated:
        models = model_set(path)
    from lrr_core import tilr

    bar = st.empty()
    try:
        return tilr.ensure(models, names, reference, lambda done, total: bar.progress(done / total, CALIBRATING))
    finally:
        bar.empty()


CALIBRATING = "Calibrating TILR for these checkpoints: once, a few seconds …"


def subspace_figure(trace: Trace, path: str, **look):
    """(figure, alternative text, a sentence) of TILR's subspace and what this run's pushes keep of it."""
    from lrr_core.figures.subspace import describe
    from lrr_core.figures.subspace import subspace_figure as draw

    names = tuple(trace.identity[role] for role in ("backbone", "strong", "weak"))
    found, run = calibrated(path, names, trace.config.reference), trace.runs["refined"]
    return draw(found, run, **look), describe(found, run), words(found)


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
        from lrr_core import background

        try:
            found = loading(path)
            found.done.wait()
            if found.error is not None:
                raise found.error
            self.background = background.ensure(found.models, progress=self._say)
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
    from lrr_core.figures.explore import explore_figure, run_map

    found = warmup(path).background
    chart = ready_map(path, kind, dims) if found is not None else run_map(trace, dims=dims)
    return explore_figure(trace, chart, **look)


def uses(method: str) -> tuple[bool, bool]:
    """Whether a method mixes (α matters) and whether it pushes (step size, rounds, reference matter)."""
    return method in MIXES and method != "frozen", method in PUSHES


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


class PadJob:
    """The runs under the Live page's pad: shipped where they fit, else computed in a thread. done: set when `pad` or `error` is
    there; share: how far it is, 0 to 1; maps: name -> Map."""

    def __init__(self, path: str, asked: Problem, config: RefineConfig, names: tuple[str, str, str], maps: dict):
        from lrr_core.live import grid as live

        self.pad, self.maps, self.error, self.share = None, maps, "", 0.0
        self.done = threading.Event()
        marks = live.stamp(asked, folder(path).weights(*dict.fromkeys(names)), names, config, maps)
        try:
            self.pad = live.Pad.load(LIVE / live.file_name(asked, config.reference), marks)
            self.done.set()
        except live.LiveError:  # none is shipped for this problem, or it is one of other settings or weights
            args = path, asked, config, names
            threading.Thread(target=self._work, args=args, daemon=True, name="runs under the pad").start()

    def _work(self, path: str, asked: Problem, config: RefineConfig, names: tuple[str, str, str]) -> None:
        try:
            found = loading(path)
            found.done.wait()
            if found.error is not None:
                raise found.error
            from lrr_core.live import runs as live_runs

            if not self.maps:
                self.maps = {"PCA": live_runs.own_map(found.models, asked, config, names)}
            self.pad = live_runs.compute(found.models, asked, config, names, self.maps, self._say)
        except Exception as error:  # a thread's error has nobody to catch it: the page shows it
            self.error = str(error)
        self.done.set()

    def _say(self, share: float) -> None:
        self.share = share


def live_pad(
    path: str, source: str, draw: int, text: str, backbone: str, strong: str, weak: str, **held: str | float
) -> PadJob:
    """The runs under the pad of a problem; never waits. held: thoughts, rounds, reference, gradient, momentum."""
    return _live_pad(path, source, draw, text, backbone, strong, weak, warmup(path).background is not None, **held)


@st.cache_resource(max_entries=32, show_spinner=False)
def _live_pad(
    path: str, source: str, draw: int, text: str, backbone: str, strong: str, weak: str, mapped: bool, **held
) -> PadJob:
    maps = {kind: ready_map(path, kind, 2) for kind in ("UMAP", "PCA")} if mapped else {}
    config = RefineConfig.from_dict(held)
    return PadJob(path, problem(source, draw, text), config, (backbone, strong, weak), maps)


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
    within = calibrated(path, (backbone, strong, weak), settings["reference"]).hash
    made = _comparisons(path, source, draw, text, backbone, strong, weak, within, **settings)
    if not made:
        models = model_set(path)
        from lrr_core.compare import compare_methods

        config, names = RefineConfig.from_dict(settings), (backbone, strong, weak)
        lenders = BENCHMARKS["prosqa"].generate("balanced", LENDERS, 20_000, RANDOM_NODES, RANDOM_HOPS)
        before = _latest_comparison(path, source, draw, text, *names)
        asked, previous = problem(source, draw, text), before[0] if before else None
        result = compare_methods(models, asked, config, names, lenders, previous, progress)
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


def compare_figure(found, path: str, kind: str, **look):
    """The small multiples of a comparison on the chosen map, or on the plain runs' own PCA until that map is there."""
    from lrr_core.figures.compare import compare_figure as draw
    from lrr_core.figures.explore import run_map

    return draw(
        found, ready_map(path, kind, 2) if warmup(path).background is not None else run_map(found.trace), **look
    )


def difference_figure(a: Trace, b: Trace, **look):
    from lrr_core.comparison import difference
    from lrr_core.figures.difference import difference_figure as draw

    return draw(difference(a, b), **look)


@st.cache_resource(max_entries=4, show_spinner=False)
def ladder(name: str):
    """The measured ladder (`gains.Ladder`) of the set called `name`. Raises GainsError where there is none or it is damaged."""
    from lrr_core.gains import Ladder

    return Ladder.load(LADDERS / f"{name}.json")


@st.cache_data(max_entries=4, show_spinner=False)
def ladder_findings(name: str) -> dict[str, list[str]]:
    from lrr_core.findings import findings

    return findings(ladder(name))


@st.cache_data(max_entries=4, show_spinner=False)
def ladder_table(name: str) -> list[dict]:
    from lrr_core.findings import table

    return table(ladder(name))


@st.cache_data(max_entries=4, show_spinner=False)
def ladder_csv(name: str) -> str:
    from lrr_core.findings import table_csv

    return table_csv(ladder(name))


@st.cache_resource(max_entries=32, show_spinner=False)
def ladder_figure(which: str, name: str, theme: str, narrow: bool, base: str):
    """which: "gain" or "pair"; base: what the gain is over, a key of `gains.BASES`."""
    from lrr_core.figures import ladder as figures

    return {"gain": figures.gain_figure, "pair": figures.pair_figure}[which](ladder(name), theme, narrow, base)


@st.cache_resource(max_entries=8, show_spinner=False)
def report(path: str, changed: int):
    """The `Report` of a file; changed: when it was written, so that another one is read anew. Raises ReportError."""
    from lrr_core.reports.report import load

    return load(path)


def report_figure(found, view: str, **look):
    """A report drawn. view: a key of `report_sweeps.VIEWS`; look: theme, narrow, and what a view can be asked for."""
    from lrr_core.figures import report as figures
    from lrr_core.figures import report_cost, report_sweeps
    from lrr_core.reports.sweeps import planes, rungs

    if view == "plane":
        drawn = planes(found)
        return report_sweeps.plane_figure(drawn[look.pop("plane")], **look)
    if view in ("backbones", "training"):
        chosen, chance = rungs(found), found.data["chance"]
        draw = report_sweeps.training_figure
        return draw(chosen, **look) if view == "training" else report_sweeps.backbone_figure(chosen, chance, **look)
    if view == "cost":
        return report_cost.cost_figure(found, **look)
    return {"difference": figures.forest_figure, "accuracy": figures.accuracy_figure}[view](found, **look)


# --- what the Learn page measures and stores ----------------------------------------------------------------------------


@st.cache_resource(max_entries=2, show_spinner=False)
def lesson_cases(path: str):
    """The stored measurements of the Learn page, by name, and those of them that are true of this set's weights."""
    from lrr_core.lessons.records import load_cases

    known = folder(path)
    cases = load_cases(LESSONS / "answers.json")
    return {name: case for name, case in cases.items() if case.fits(known.weights(*known.members))}


@st.cache_resource(max_entries=2, show_spinner=False)
def lesson_moves(path: str):
    """How far points move on the maps; None where that was measured with other weights."""
    from lrr_core.lessons.records import load_moves

    known, moves = folder(path), load_moves(LESSONS / "umap.json")
    return moves if moves.fits(known.weights(*known.members)) else None


@st.cache_resource(max_entries=8, show_spinner=False)
def text_run(path: str, source: str):
    """An example answered by the text checkpoint (None where the set has none), and how many tokens it chooses from."""
    from lrr_core.evaluation.answering import run_in_text

    models = model_set(path)
    with models.lock:
        run = run_in_text(models, [problem(source)], "cot")[0] if "cot" in models.members else None
    return run, len(models.tokenizer)


@st.cache_resource(max_entries=8, show_spinner=False)
def mixed_runs(path: str, source: str, backbone: str):
    """An example under residual mixing at every α the lesson shows: α as text -> run."""
    from lrr_core.lessons.measure import mixed_runs

    models = model_set(path)
    return mixed_runs(models, problem(source), models.info.thoughts, (backbone, "strong", "weak"))


@st.cache_resource(max_entries=8, show_spinner=False)
def lesson_figure(name: str, path: str, theme: str, narrow: bool):
    """The two figures of the Learn page that count thousands of answers: "mixing" and "controls"."""
    from lrr_core.lessons.evidence_figures import controls_figure
    from lrr_core.lessons.mixing_figure import mixing_figure
    from lrr_core.lessons.records import described_setting

    cases = lesson_cases(path)
    if name == "mixing":
        runs = mixed_runs(path, next(iter(example_ids())), folder(path).info.opens_with)
        return mixing_figure(cases["overrun"], runs, theme, narrow)
    pair = (cases["middle-next"], cases["middle-same"])
    return controls_figure({described_setting(c): c for c in pair}, theme, narrow)


# --- what the Studio runs and draws -----------------------------------------------------------------------------------


def mark_of(trace: Trace) -> str:
    """Stands for a trace in the key of a cache: a hash of all it holds."""
    from lrr_core.summary import trace_bytes

    return hashlib.sha256(trace_bytes(trace)).hexdigest()[:24]


def run_here(
    path: str, source: str, draw: int, text: str, backbone: str, strong: str, weak: str, **settings: str | float
) -> Trace:
    """As `run`, with nothing taken over from a shipped or an earlier run: every bit is this machine's, so that a bundle of it runs
    again to the same bits here. Waits for the model."""
    found = loading(path)
    found.done.wait()
    if found.error is not None:
        raise found.error
    return _run_here(path, source, draw, text, backbone, strong, weak, found.models, **settings)


@st.cache_resource(max_entries=8, show_spinner=False)
def _run_here(path, source, draw, text, backbone, strong, weak, _models, **settings) -> Trace:
    from lrr_core.refine import refine_problem

    config, names = RefineConfig.from_dict(settings), (backbone, strong, weak)
    needs = {config.method} & {"other_thoughts", "mean_thought"}
    lenders = BENCHMARKS["prosqa"].generate("balanced", LENDERS, 20_000, RANDOM_NODES, RANDOM_HOPS) if needs else ()
    return refine_problem(_models, problem(source, draw, text), config, names, CONTROLS_SHOWN, lenders)


def case_trace(path: str, report: dict, key: str, label: str, case) -> Trace:
    """A case of a report, run again; key stands for the report. Raises GalleryError, ModelError, RefineError."""
    models = model_set(path)  # waits here, where it can say so
    return _case_trace(path, key, label, case.index, models, report, case)


@st.cache_resource(max_entries=32, show_spinner=False)
def _case_trace(path: str, key: str, label: str, index: int, _models, _report: dict, _case) -> Trace:
    from lrr_core.studio.gallery import trace_of

    return trace_of(_models, _report, _case)


def case_previews(path: str, report: dict, key: str, label: str, cases: list):
    """The curves of thumbnails, or None while the model is not there or where the report is of other weights."""
    found = loading(path)
    if not found.done.is_set() or found.error is not None:
        return None
    return _case_previews(path, key, label, tuple(case.index for case in cases), found.models, report, cases)


@st.cache_resource(max_entries=64, show_spinner=False)
def _case_previews(path: str, key: str, label: str, indices: tuple[int, ...], _models, _report: dict, _cases: list):
    from lrr_core.studio.gallery import previews

    try:
        return previews(_models, _report, _cases)
    except ValueError:  # GalleryError, ModelError, RefineError: the case that is opened says which
        return None


@st.cache_resource(max_entries=16, show_spinner=False)
def _records(mark: str, recipe: str, path: str, mapped: bool, _trace: Trace):
    """What the panels of a recipe plot; mark stands for the trace, recipe is its JSON."""
    from lrr_core.studio.records import plotted

    return plotted(_trace, Recipe.from_dict(json.loads(recipe)), map_for(_trace, path), plane_for(_trace))


def map_for(trace: Trace, path: str):
    """The background of the maps, where it is there and of the trace's own weights; None means a PCA of this run."""
    found = warmup(path).background
    return found if found is not None and found.fits(trace.identity) else None


def plane_for(trace: Trace):
    """The plane of a trace's problem and settings that lies ready, or None."""
    from lrr_core.studio.regime_record import find_plane

    return find_plane(trace, PLANES)


def paper_records(mark: str, trace: Trace, recipe: Recipe, path: str):
    """The records of a figure, panel -> record. Raises RecipeError."""
    bare = replace(recipe, title="", caption="", dpi=300, label="fig:thoughts")  # none of them moves a number
    return _records(mark, json.dumps(bare.to_dict()), path, map_for(trace, path) is not None, trace)


def paper_preview(mark: str, trace: Trace, recipe: Recipe, path: str) -> bytes:
    """PNG of the very figure that is exported, at the resolution of a screen. Raises RecipeError."""
    dpi = max(50, min(300, round(1500 / (recipe.preset.width / 25.4))))
    bare = replace(recipe, caption="", label="fig:thoughts", dpi=dpi)
    return _preview(mark, json.dumps(bare.to_dict()), path, map_for(trace, path) is not None, trace)


@st.cache_data(max_entries=32, show_spinner=False)
def _preview(mark: str, recipe: str, path: str, mapped: bool, _trace: Trace) -> bytes:
    from lrr_core.studio.export import figure_bytes
    from lrr_core.studio.paper import draw_records
    from lrr_core.summary import describe

    made = Recipe.from_dict(json.loads(recipe))
    figure = draw_records(paper_records(mark, _trace, made, path), made)
    return figure_bytes(figure, "png", made, made.title or describe(_trace))


def paper_files(trace: Trace, recipe: Recipe, formats: tuple[str, ...], path: str, typical: str) -> dict[str, bytes]:
    """Files of a figure, format -> bytes; made when asked for and not kept."""
    from lrr_core.studio.export import files

    return files(trace, recipe, formats, map_for(trace, path), plane_for(trace), typical)


def paper_tables(mark: str, trace: Trace, recipe: Recipe, path: str) -> dict[str, str]:
    """Every plotted number as CSV, panel -> table."""
    from lrr_core.studio.records import csv_text

    return {name: csv_text(record) for name, record in paper_records(mark, trace, recipe, path).items()}


def paper_bundle(
    mark: str, trace: Trace, recipe: Recipe, formats: tuple[str, ...], path: str, typical: str, link: str
) -> bytes:
    """The zip with everything a figure was drawn from."""
    from lrr_core.studio.bundle import make_bundle

    figures, tables = paper_files(trace, recipe, formats, path, typical), paper_tables(mark, trace, recipe, path)
    return make_bundle(trace, recipe, figures, tables, link, typical)
