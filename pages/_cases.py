"""Where the Studio's run comes from: the setting of the app, a case of a report, or a file; with the gallery of a report."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lrr_core.evaluation.cases import Case, flips
from lrr_core.evaluation.report import Report, ReportError, load
from lrr_core.evaluation.report_table import written
from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.trace import Trace
from lrr_core.studio import gallery
from lrr_core.studio.bundle import Bundle, BundleError, is_bundle, open_bundle
from lrr_core.studio.checked import open_trace
from lrr_core.studio.thumbnail import thumbnail
from pages import _benchmark_runs, _choices, _controls, _paper, _recipe, _runs
from pages._look import error, escaped, is_narrow, theme

SETTING, REPORT, FILE = "this setting", "a report", "a file"
OWN_FILE, OPENED = "own file", "opened file"  # the second: on the Benchmark page
SHOWN = 4  # cards at once: one row, so that the figure stays in sight
MOST_UPLOAD = 128  # MB
# keys that the gallery keeps in the address
URL = tuple(
    f"studio_{name}" for name in ("from", "report", "arm", "case", "flip", "hops", "controls", "order", "least")
)


@dataclass(frozen=True)
class Found:
    """A run to draw. digest: stands for all it is, in the keys of caches; typical: how typical a case is, for the caption."""

    trace: Trace
    digest: str
    typical: str = ""


# --- the setting of the app -------------------------------------------------------------------------------------------


def of_setting(path: str) -> Found:
    """The run of the choices as they stand, with all its thoughts. Raises what `_runs.run` raises."""
    return to_draw(_runs.run(path, _choices.request()))


def to_draw(trace: Trace, typical: str = "") -> Found:
    return Found(trace, _paper.trace_digest(trace), typical)


# --- a case of a report -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gallery:
    """A report under the filters as they stand. key: stands for the report in caches; chosen: the case to draw, None where
    nothing passes the filters."""

    report: Report
    key: str
    label: str
    cases: list[Case]
    chosen: Case | None


def report_controls(place: DeltaGenerator) -> Gallery | None:
    """Which report, which method, which of its cases; None where there is no report yet. place: where errors go."""
    reports = _benchmark_runs.available()
    names = {key: _benchmark_runs.title(path) for key, path in reports.items()}
    seen: Any = st.session_state.get("benchmark_opened")
    names |= {OPENED: f"opened · {seen[0]}"} if seen else {}
    names[OWN_FILE] = "a report of my own …"
    key = _one_of("Report", "studio_report", names, REPORT_HELP)
    try:
        if key == OWN_FILE:
            given = st.file_uploader(
                "report.json", ["json"], key="studio_report_file", max_upload_size=64, help=UPLOAD_REPORT
            )
            if given is None:
                return None
            report, key = _uploaded_report(given.getvalue()), hashlib.sha256(given.getvalue()).hexdigest()[:16]
        elif key == OPENED:
            report, key = seen[1], f"opened {seen[0]} {id(seen[1])}"  # the session holds it, so its place is its own
        else:
            report = _benchmark_runs.opened(reports[key])
        return _filtered(report, key)
    except (ReportError, gallery.GalleryError) as wrong:
        error(wrong, place)
        return None


def _uploaded_report(data: bytes) -> Report:
    """Read once a file: the session keeps the last one."""
    state, digest = st.session_state, hashlib.sha256(data).hexdigest()
    if state.get("studio_upload", ("",))[0] != digest:
        state.studio_upload = (digest, load(data))
    return state.studio_upload[1]


def _filtered(report: Report, key: str) -> Gallery:
    state = st.session_state
    known = gallery.labels(report)
    if not known:
        raise gallery.GalleryError(NO_METHOD)
    label = _one_of("Method", "studio_arm", {n: written(report, n) for n in known}, METHOD)
    flip = _one_of("What happened to the answer", "studio_flip", gallery.FLIPS, None)
    hops = sorted({p.graph.hops for p in report.problems if p.graph})
    kept = None
    if len(hops) > 1:
        state.studio_hops = [h for h in state.get("studio_hops") or [] if h in hops]
        kept = st.pills("Hops", hops, selection_mode="multi", key="studio_hops", help=HOPS) or None
    with st.expander("More filters", icon=":material/filter_list:"):
        disagree = _one_of("Controls", "studio_controls", gallery.DISAGREE, CONTROLS)
        order = _one_of("Order", "studio_order", gallery.ORDERS, None)
        least = st.slider(
            "Margin changed by at least, nats", 0.0, 10.0, 0.0, 0.5, key="studio_least", help=LEAST, **_controls.BOUND
        )
    cases = gallery.cases(report, label, flip, kept, disagree, order, least)
    everything = {case.index: case for case in gallery.cases(report, label)}
    picked, first = _chosen(key, label), cases[0] if cases else None
    chosen = first if picked is None else everything.get(picked, first)
    return Gallery(report, key, label, cases, chosen)


def _one_of(label: str, key: str, options: dict[str, str], help: str | None) -> str:
    """A select box over a table, bound to the address; what is not in the table becomes its first."""
    _choices.settle(key, options, next(iter(options)))
    return _controls.select(label, key, options, help)


def _chosen(key: str, label: str) -> int | None:
    """The case that was chosen, by its place in the report; kept in the address by hand."""
    state, there = st.session_state, st.query_params.get("studio_case", "")
    if there != state.get("written_studio_case", "") and there.isdigit():
        state.studio_case = (key, label, int(there[:9]))
    where, arm, index = state.get("studio_case", (key, label, None))
    return index if (where, arm) == (key, label) else None


def choose(key: str, label: str, index: int) -> None:
    st.session_state.studio_case = (key, label, index)


def of_case(path: str, found: Gallery, case: Case) -> Found:
    """A case, run again. Raises GalleryError, ModelError, RefineError."""
    state = st.session_state
    st.query_params["studio_case"] = state.written_studio_case = str(case.index)
    trace = _paper.case_trace(path, found.report, found.key, found.label, case)
    return to_draw(trace, gallery.typical(found.report, case))


def counts_line(found: Gallery) -> None:
    """Both directions, and the same under a random push: always above the gallery."""
    c = flips(found.report, found.label)
    who = escaped(written(found.report, found.label))
    turned = f":green[**{len(c.gained)} turned right**], :red[**{len(c.lost)} turned wrong**]"
    line = f"**{who}** on {c.n} problems: {turned}, {c.unchanged} unchanged."
    pushed = gallery.control_line(c)
    st.markdown(f"{line}  \n:gray[{escaped(pushed[0].upper() + pushed[1:])}.]", help=COUNTS)


def cards(path: str, found: Gallery) -> None:
    """The gallery: a card a case, a click draws it."""
    state = st.session_state
    if not found.cases:
        st.info("No problem passes these filters. Loosen one on the left.", icon=":material/filter_list_off:")
        return
    pages = -(-len(found.cases) // SHOWN)
    at = min(state.get("studio_gallery_page", 0), pages - 1)
    shown = found.cases[at * SHOWN : (at + 1) * SHOWN]
    curves = _paper.case_previews(path, found.report, found.key, found.label, shown)
    columns = 2 if is_narrow() else 4
    for start in range(0, len(shown), columns):
        for column, i in zip(st.columns(columns), range(start, min(start + columns, len(shown))), strict=False):
            with column.container(border=True, gap="xsmall"):
                _card(found, shown[i], curves[i] if curves else None)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{at * SHOWN + 1}–{at * SHOWN + len(shown)} of {len(found.cases)}. {LEGEND}", width="stretch")
        for words, icon, step, off in (
            ("Back", "chevron_left", -1, at == 0),
            ("More", "chevron_right", 1, at == pages - 1),
        ):
            st.button(
                words, key=f"found{words.lower()}", icon=f":material/{icon}:", disabled=off, on_click=_turn, args=(at + step,)
            )  # fmt: skip


def _turn(page: int) -> None:
    st.session_state.studio_gallery_page = page


def _card(found: Gallery, case: Case, curve: gallery.Preview | None) -> None:
    before = curve.before if curve else (case.before,) if case.before is not None else ()
    after = curve.after if curve else (case.after,) if case.after is not None else ()
    colour = {"gained": "green", "lost": "red", "unchanged": "gray"}[case.flip]
    words = gallery.FLIPS[case.flip] if case.flip != "unchanged" else f"stays {'right' if case.right else 'wrong'}"
    hops = f" · {case.hops} hops" if case.hops is not None else ""
    st.markdown(f":{colour}[**{words}**]:small[:gray[{hops}]]")
    if before and after:
        svg = thumbnail(before, after, case.right, theme())
        st.image(svg, width="stretch", alt=f"Margin before {before[-1]:+.2f}, after {after[-1]:+.2f} nats")
    change = "" if case.change is None else f"margin {case.before:+.1f} → {case.after:+.1f}".replace("-", "−")
    push = {True: "random push: the same", False: "random push: other answer", None: ""}[case.random]
    st.caption("  \n".join(filter(None, (change, push))))
    picked = found.chosen is not None and case.index == found.chosen.index
    st.button(
        "Drawn below" if picked else "Draw this", key=f"case_{case.index}", type="primary" if picked else "secondary",
        width="stretch", on_click=choose, args=(found.key, found.label, case.index), help=escaped(case.id),
    )  # fmt: skip


# --- a file -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Upload:
    """What an uploaded file holds. digest: of its bytes; error: why it cannot be used; bundle: None for a bare trace."""

    name: str
    digest: str
    error: str = ""
    found: Found | None = None
    bundle: Bundle | None = None


def file_controls(place: DeltaGenerator, folder: ModelFolder) -> Found | None:
    """A trace or a bundle; a bundle puts the studio back as it was. None where there is none, or none that can be used."""
    given = st.file_uploader(
        "Bundle (.zip) or trace (.npz)", ["zip", "npz"], key="studio_file", max_upload_size=MOST_UPLOAD, help=UPLOAD
    )
    state = st.session_state
    opened: Upload | None = state.get("studio_opened")
    if given is not None:
        data = given.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        if opened is None or opened.digest != digest:
            opened = state.studio_opened = _open(data, given.name, digest)
            if opened.bundle is not None:
                _restore(folder, opened.bundle)
    if opened is None:
        return None
    if opened.error:
        error(f"{opened.name}: {opened.error}", place)
        return None
    what = "a trace" if opened.bundle is None else "a bundle; panels, words and settings are as they were"
    st.caption(f":material/check_circle: {escaped(opened.name)}: {what}")
    return opened.found


def _open(data: bytes, name: str, digest: str) -> Upload:
    """What an upload is, or why it cannot be used."""
    try:
        if name.lower().endswith(".zip") or is_bundle(data):
            bundle = open_bundle(data)
            return Upload(name[:80], digest, found=to_draw(bundle.trace, bundle.typical), bundle=bundle)
        return Upload(name[:80], digest, found=to_draw(open_trace(data)))
    except BundleError as wrong:
        return Upload(name[:80], digest, str(wrong))


def _restore(folder: ModelFolder, bundle: Bundle) -> None:
    """The recipe, and the choices of the app as the bundle's link has them: then “this setting” goes on from there."""
    known, state = _choices.choices(folder), st.session_state
    for key, value in parse_qsl(bundle.link.removeprefix("?")):
        if key in known:
            with contextlib.suppress(ValueError, TypeError, OverflowError):
                state[key] = known[key].nearest(value)
    _recipe.restore(bundle.recipe)


# --- words ------------------------------------------------------------------------------------------------------------

REPORT_HELP = (
    "An evaluation: many problems under many methods. The shipped ones, those you measured on Benchmark, or a file."
)
UPLOAD_REPORT = "Written by the Benchmark page or by `python -m lrr_core evaluate --out report.json`."
METHOD = "What the plain run is compared with."
NO_METHOD = (
    "No method of this report is held against a plain run, so there is nothing to choose a case from. Evaluate coconut beside a "
    "method that refines."
)
HOPS = "Steps from the one that is asked about to the answer. None chosen: all."
CONTROLS = "A case is telling where a push of equal length in a random direction answers otherwise."
LEAST = "Margin: log p of the right answer minus log p of the best other one."
COUNTS = "A case proves nothing by itself. These counts belong beside it, and its caption says them."
LEGEND = "Margin after each thought: above the line is right; dotted plain, solid refined."
UPLOAD = (
    "A bundle made here puts everything back as it was; a trace is what `refine --out` or Explore's download wrote."
)
