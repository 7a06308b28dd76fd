"""What is read from files and drawn: the figures of Explore and Compare, the ladder, reports, and the measurements of Learn.

Their caches are kept as `_shared` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from lrr_core.models.checkpoints import Checkpoints
from lrr_core.refinement.subspace import words
from lrr_core.refinement.trace import Trace
from pages import _runs, _shared

if TYPE_CHECKING:
    from lrr_core.evaluation.report import Report
    from lrr_core.figures.explore import Figure
    from lrr_core.lessons.records import Case, MapMoves
    from lrr_core.studies.comparison import Comparison
    from lrr_core.studies.ladder import Ladder

LESSONS = _shared.HERE / "assets" / "lessons"
LADDERS = _shared.HERE / "assets" / "ladder"


def figure(trace: Trace, path: str, kind: str, dims: int, **look: Any) -> Figure:
    """The Explore figure on the chosen map, or on the run's own PCA until that map is there."""
    from lrr_core.figures.explore import explore_figure, run_map

    found = _shared.warmup(path).result
    chart = _shared.ready_map(path, kind, dims) if found is not None else run_map(trace, dims=dims)
    return explore_figure(trace, chart, **look)


def subspace_figure(trace: Trace, path: str, **look: Any) -> tuple[Figure, str, str]:
    """(figure, alternative text, a sentence) of TILR's subspace and what this run's pushes keep of it."""
    from lrr_core.figures.subspace import describe
    from lrr_core.figures.subspace import subspace_figure as draw

    names = Checkpoints.of(trace.identity)
    found, run = _runs.subspace(path, names, trace.config.reference), trace.runs["refined"]
    return draw(found, run, **look), describe(found, run), words(found)


def compare_figure(found: Comparison, path: str, kind: str, **look: Any) -> Figure:
    """The small multiples of a comparison on the chosen map, or on the plain runs' own PCA until that map is there."""
    from lrr_core.figures.compare import compare_figure as draw
    from lrr_core.figures.explore import run_map

    ready = _shared.warmup(path).result is not None
    return draw(found, _shared.ready_map(path, kind, 2) if ready else run_map(found.trace), **look)


def difference_figure(a: Trace, b: Trace, **look: Any) -> Figure:
    from lrr_core.figures.difference import difference_figure as draw
    from lrr_core.studies.comparison import difference

    return draw(difference(a, b), **look)


@st.cache_resource(max_entries=4, show_spinner=False)
def ladder(name: str) -> Ladder:
    """The measured ladder (`gains.Ladder`) of the set called `name`. Raises GainsError where there is none or it is damaged."""
    from lrr_core.studies.ladder import Ladder

    return Ladder.load(LADDERS / f"{name}.json")


@st.cache_data(max_entries=4, show_spinner=False)
def ladder_findings(name: str) -> dict[str, list[str]]:
    from lrr_core.studies.ladder_words import findings

    return findings(ladder(name))


@st.cache_data(max_entries=4, show_spinner=False)
def ladder_table(name: str) -> list[dict]:
    from lrr_core.studies.ladder_words import table

    return table(ladder(name))


@st.cache_data(max_entries=4, show_spinner=False)
def ladder_csv(name: str) -> str:
    from lrr_core.studies.ladder_words import table_csv

    return table_csv(ladder(name))


@st.cache_resource(max_entries=32, show_spinner=False)
def ladder_figure(which: str, name: str, theme: str, narrow: bool, base: str) -> Figure:
    """which: "gain" or "pair"; base: what the gain is over, a key of `gains.BASES`."""
    from lrr_core.figures import ladder as figures

    return {"gain": figures.gain_figure, "pair": figures.pair_figure}[which](ladder(name), theme, narrow, base)


@st.cache_resource(max_entries=8, show_spinner=False)
def report(path: str, changed: int) -> Report:
    """The `Report` of a file; changed: when it was written, so that another one is read anew. Raises ReportError."""
    from lrr_core.evaluation.report import load

    return load(path)


def report_figure(found: Report, view: str, **look: Any) -> Figure:
    """A report drawn. view: a key of `report_sweeps.VIEWS`; look: theme, narrow, and what a view can be asked for."""
    from lrr_core.evaluation.surface import planes, rungs
    from lrr_core.figures import report as figures
    from lrr_core.figures import report_cost, report_sweeps

    if view == "plane":
        drawn = planes(found)
        return report_sweeps.plane_figure(drawn[look.pop("plane")], **look)
    if view in ("backbones", "training"):
        chosen, chance = rungs(found), found.chance
        draw = report_sweeps.training_figure
        return draw(chosen, **look) if view == "training" else report_sweeps.backbone_figure(chosen, chance, **look)
    if view == "cost":
        return report_cost.cost_figure(found, **look)
    return {"difference": figures.forest_figure, "accuracy": figures.accuracy_figure}[view](found, **look)


@st.cache_resource(max_entries=2, show_spinner=False)
def lesson_cases(path: str) -> dict[str, Case]:
    """The stored measurements of the Learn page, by name, and those of them that are true of this set's weights."""
    from lrr_core.lessons.records import load_cases

    known = _shared.folder(path)
    cases = load_cases(LESSONS / "answers.json")
    return {name: case for name, case in cases.items() if case.fits(known.weights(*known.members))}


@st.cache_resource(max_entries=2, show_spinner=False)
def lesson_moves(path: str) -> MapMoves | None:
    """How far points move on the maps; None where that was measured with other weights."""
    from lrr_core.lessons.records import load_moves

    known, moves = _shared.folder(path), load_moves(LESSONS / "umap.json")
    return moves if moves.fits(known.weights(*known.members)) else None


@st.cache_resource(max_entries=8, show_spinner=False)
def lesson_figure(name: str, path: str, theme: str, narrow: bool) -> Figure:
    """The two figures of the Learn page that count thousands of answers: "mixing" and "controls"."""
    from lrr_core.lessons.evidence_figures import controls_figure
    from lrr_core.lessons.mixing_figure import mixing_figure
    from lrr_core.lessons.records import described_setting

    cases = lesson_cases(path)
    if name == "mixing":
        runs = _runs.mixed_runs(path, next(iter(_shared.example_ids(path))), _shared.folder(path).info.opens_with)
        return mixing_figure(cases["overrun"], runs, theme, narrow)
    pair = (cases["middle-next"], cases["middle-same"])
    return controls_figure({described_setting(c): c for c in pair}, theme, narrow)
