"""What the Studio draws: a case run again, its thumbnail, the records and the preview of a figure, its files.

Their caches are kept as `_shared` says; a trace stands in a key as the hash of all it holds.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from lrr_core.refinement.trace import Trace
from lrr_core.studio.recipe import Recipe
from pages import _shared

if TYPE_CHECKING:
    from lrr_core.analysis.projection import Background
    from lrr_core.evaluation.cases import Case
    from lrr_core.evaluation.report import Report
    from lrr_core.models.opened import ModelSet
    from lrr_core.studies.setting_plane import Plane
    from lrr_core.studio.gallery import Preview

PLANES = _shared.HERE / "assets" / "regimes"


def trace_digest(trace: Trace) -> str:
    """Stands for a trace in the key of a cache: a hash of all it holds."""
    from lrr_core.analysis.summary import trace_bytes

    return hashlib.sha256(trace_bytes(trace)).hexdigest()[:24]


def case_trace(path: str, report: Report, key: str, label: str, case: Case) -> Trace:
    """A case of a report, run again; key stands for the report. Raises GalleryError, ModelError, RefineError."""
    models = _shared.model_set(path)  # waits here, where it can say so
    return _case_trace(path, key, label, case.index, models, report, case)


@st.cache_resource(max_entries=32, show_spinner=False)
def _case_trace(path: str, key: str, label: str, index: int, _models: ModelSet, _report: Report, _case: Case) -> Trace:
    from lrr_core.studio.gallery import trace_of

    return trace_of(_models, _report, _case)


def case_previews(path: str, report: Report, key: str, label: str, cases: list[Case]) -> list[Preview] | None:
    """The curves of thumbnails, or None while the model is not there or where the report is of other weights."""
    found = _shared.loading(path)
    if found.result is None:
        return None
    return _case_previews(path, key, label, tuple(case.index for case in cases), found.result, report, cases)


@st.cache_resource(max_entries=64, show_spinner=False)
def _case_previews(
    path: str, key: str, label: str, indices: tuple[int, ...], _models: ModelSet, _report: Report, _cases: list[Case]
) -> list[Preview] | None:
    from lrr_core.studio.gallery import previews

    try:
        return previews(_models, _report, _cases)
    except ValueError:  # GalleryError, ModelError, RefineError: the case that is opened says which
        return None


@st.cache_resource(max_entries=16, show_spinner=False)
def _records(digest: str, recipe: str, path: str, mapped: bool, _trace: Trace) -> dict[str, Any]:
    """What the panels of a recipe plot; digest stands for the trace, recipe is its JSON."""
    from lrr_core.studio.records import plotted

    return plotted(_trace, Recipe.from_dict(json.loads(recipe)), map_for(_trace, path), plane_for(_trace))


def map_for(trace: Trace, path: str) -> Background | None:
    """The background of the maps, where it is there and of the trace's own weights; None means a PCA of this run."""
    found = _shared.warmup(path).result
    return found if found is not None and found.fits(trace.identity) else None


def plane_for(trace: Trace) -> Plane | None:
    """The plane of a trace's problem and settings that lies ready, or None."""
    from lrr_core.studio.regime_record import find_plane

    return find_plane(trace, PLANES)


def paper_records(digest: str, trace: Trace, recipe: Recipe, path: str) -> dict[str, Any]:
    """The records of a figure, panel -> record. Raises RecipeError."""
    bare = replace(recipe, title="", caption="", dpi=300, label="fig:thoughts")  # none of them moves a number
    return _records(digest, json.dumps(bare.to_dict()), path, map_for(trace, path) is not None, trace)


def paper_preview(digest: str, trace: Trace, recipe: Recipe, path: str) -> bytes:
    """PNG of the very figure that is exported, at the resolution of a screen. Raises RecipeError."""
    dpi = max(50, min(300, round(1500 / (recipe.preset.width / 25.4))))
    bare = replace(recipe, caption="", label="fig:thoughts", dpi=dpi)
    return _preview(digest, json.dumps(bare.to_dict()), path, map_for(trace, path) is not None, trace)


@st.cache_data(max_entries=32, show_spinner=False)
def _preview(digest: str, recipe: str, path: str, mapped: bool, _trace: Trace) -> bytes:
    from lrr_core.analysis.summary import describe
    from lrr_core.studio.export import figure_bytes
    from lrr_core.studio.paper import draw_records

    made = Recipe.from_dict(json.loads(recipe))
    figure = draw_records(paper_records(digest, _trace, made, path), made)
    return figure_bytes(figure, "png", made, made.title or describe(_trace))


def paper_files(trace: Trace, recipe: Recipe, formats: tuple[str, ...], path: str, typical: str) -> dict[str, bytes]:
    """Files of a figure, format -> bytes; made when asked for and not kept."""
    from lrr_core.studio.export import files

    return files(trace, recipe, formats, map_for(trace, path), plane_for(trace), typical)


def paper_tables(digest: str, trace: Trace, recipe: Recipe, path: str) -> dict[str, str]:
    """Every plotted number as CSV, panel -> table."""
    from lrr_core.studio.records import record_csv

    return {name: record_csv(record) for name, record in paper_records(digest, trace, recipe, path).items()}


def paper_bundle(
    digest: str, trace: Trace, recipe: Recipe, formats: tuple[str, ...], path: str, typical: str, link: str
) -> bytes:
    """The zip with everything a figure was drawn from."""
    from lrr_core.studio.bundle import make_bundle

    figures, tables = paper_files(trace, recipe, formats, path, typical), paper_tables(digest, trace, recipe, path)
    return make_bundle(trace, recipe, figures, tables, link, typical)
