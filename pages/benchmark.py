"""Benchmark: what each method gains, on how many problems, and how sure that is; reports are opened and made. No maths here."""

from __future__ import annotations

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lrr_core.evaluation.report import MOST_BYTES, Report, ReportError, load, to_json
from lrr_core.evaluation.report_files import to_csv, to_latex
from lrr_core.evaluation.report_words import SHOWN, headline, measured, shown_rows
from lrr_core.evaluation.surface import planes, views
from lrr_core.figures.report import describe
from lrr_core.figures.report_cost import COSTS
from lrr_core.models.folder import ModelFolder
from pages import _benchmark_runs as runs
from pages import _choices, _controls, _drawn, _shared
from pages._flips import changed
from pages._look import companion, error, escaped, look, plot
from pages._new_run import RUN, new_run, under_way
from pages._new_run import URL as NEW_RUN

PATH = _shared.DEFAULT_SET
OPENED = "opened file"
NAMES = 200  # px for the names of methods in the table
FIRST = ("plane", "training", "backbones", "difference", "accuracy")  # what is shown first where a report can fill it


def main() -> None:
    state = st.session_state
    folder = _choices.opened(PATH, "report", "picture", "picture_cost", "picture_plane", "flips_of", *NEW_RUN)
    if (values := state.pop("flip_opened", None)) is not None:
        _controls.open_page(**values)
    head = st.container()
    with st.sidebar:
        new_run(folder)
    _choices.show_notes(head)
    head.markdown("#### Does refinement help, by how much, and how sure is that?")
    head.caption(INTRO)
    report = chosen(head)
    job = runs.current()
    if job is not None and (job.running or (st.session_state.report == RUN and (job.stop.is_set() or job.error))):
        with head:
            under_way(job)
    if report is not None:
        show(report, folder)
    elif job is not None and job.running:
        st.skeleton(height=420)
    with st.sidebar:
        _shared.device_line(PATH)
    companion("benchmark")


# --- which report -----------------------------------------------------------------------------------------------------


def chosen(head: DeltaGenerator) -> Report | None:
    """The report that is looked at; None where there is none (yet)."""
    state, reports = st.session_state, runs.available()
    job = runs.current()
    titles = {key: runs.title(path) for key, path in reports.items()}  # a shipped one first: there is always a picture
    titles |= {RUN: RUN} if job is not None else {}
    titles |= {OPENED: f"opened · {state.benchmark_opened[0]}"} if "benchmark_opened" in state else {}
    first = next(iter(titles), None)
    _choices.settle("report", titles, first)
    if (wanted := state.pop("benchmark_wanted", None)) in titles:
        state.report = wanted
    with head.container(horizontal=True, vertical_alignment="bottom"):
        _controls.select("Report", "report", titles, REPORT, width=480)
        with st.popover("Open a report", icon=":material/folder_open:", help=OPEN):
            st.file_uploader(
                "A report.json of `evaluate`", ["json"], key="benchmark_upload", on_change=opened_file,
                max_upload_size=MOST_BYTES // 2**20, help=OPEN,
            )  # fmt: skip
    if wrong := state.get("benchmark_open_error"):
        error(wrong, head)
    if not titles:
        st.info(NOTHING, icon=":material/info:")
        return None
    if state.report == RUN:
        return None if job is None else job.result
    if state.report == OPENED:
        return state.benchmark_opened[1]
    try:
        return runs.opened(reports[state.report])
    except (ReportError, OSError) as wrong:
        error(wrong, head)
        return None


def opened_file() -> None:
    """Reads what was uploaded; what is wrong with it is said above the report that stays."""
    state = st.session_state
    state.pop("benchmark_open_error", None)
    if (file := state.benchmark_upload) is None:
        return
    try:
        state.benchmark_opened = file.name, load(file.getvalue())
        state.benchmark_wanted = OPENED
    except ReportError as wrong:
        state.benchmark_open_error = f"{file.name}: {wrong}"


# --- the report -------------------------------------------------------------------------------------------------------


def show(report: Report, folder: ModelFolder) -> None:
    st.markdown("\n".join(f"* {escaped(sentence)}" for sentence in headline(report)))
    st.caption(escaped(measured(report)))
    pictures(report)
    table(report)
    changed(report, folder, "" if st.session_state.report == RUN else st.session_state.report)


def pictures(report: Report) -> None:
    offered, state = views(report), st.session_state
    first = next(view for view in FIRST if view in offered)
    seen = f"{state.report} {state.get('benchmark_job')}" if state.report == RUN else state.report
    if state.get("benchmark_seen", seen) != seen:  # another report has another first picture
        state.picture = first
    state.benchmark_seen = seen
    _choices.settle("picture", offered, first)
    with st.container(horizontal=True, vertical_alignment="center"):
        help = "\n".join(f"* **{name}**: {words}" for name, words in offered.items())
        view, drawn = _controls.view("Picture", "picture", list(offered), help, first=first), look()
        if view == "cost":
            drawn["cost"] = _controls.view("Cost", "picture_cost", COSTS)
        if view == "plane":
            names = list(planes(report))
            _choices.settle("picture_plane", names, names[0])
            drawn["plane"] = _controls.view("Plane", "picture_plane", names)
    plot(_drawn.report_figure(report, view, **drawn), f"report_{view}", describe(report, view))
    st.caption(CAPTIONS[view])


def table(report: Report) -> None:
    st.markdown("##### Every number")
    form = {"points": "%+.1f", "published, %": "%.2f", "peak MB": "%.2f"}
    found = shown_rows(report)
    columns = {
        name: st.column_config.NumberColumn(format=form.get(name, "%.1f"), help=words)
        if name in found[0] and not isinstance(found[0][name], str)
        else st.column_config.TextColumn(
            help=words, pinned=name == "method" or None, width=NAMES if name == "method" else None
        )
        for name, words in SHOWN.items()
    }
    st.dataframe(
        found, column_config=columns, hide_index=True, height="content", placeholder="",
        alt="Every arm with its accuracy, difference, test and cost",
    )  # fmt: skip
    with st.container(horizontal=True):
        for label, make, ending, icon, help in FILES:
            st.download_button(
                label, partial(make, report), f"{report.benchmark}-{report.n}.{ending}",
                icon=f":material/{icon}:", on_click="ignore", help=help, key=f"get_{ending}",
            )  # fmt: skip


FILES = (
    ("Table (.csv)", to_csv, "csv", "table", "Every column with what it means, and the settings in comment lines."),
    ("Report (.json)", to_json, "json", "data_object", "Everything, with the problems and each answer; opens here."),
    ("LaTeX table (.tex)", to_latex, "tex", "function", "A booktabs table with n, chance and intervals."),
)


# --- help texts -------------------------------------------------------------------------------------------------------

INTRO = (
    "Every method answers the same problems. A gain counts where its interval leaves out zero **and** a random push of the same "
    "length does not gain as much; every n, interval and test is beside its number."
)
REPORT = (
    "What is looked at: reports that come with the app, earlier runs of yours, an opened file, or the run that goes on."
)
OPEN = "A report written by `python -m lrr_core evaluate --out report.json`, of any model and benchmark. It is checked first."
NOTHING = "There is no report yet: start a run on the left, or open a file."
CAPTIONS = {
    "difference": (
        "Dots: points of accuracy against plain thoughts with the same backbone; lines: 95 % paired bootstrap intervals; bold: the "
        "interval leaves out zero. Past a break (//) the axis has another scale."
    ),
    "accuracy": (
        "Dots: accuracy; lines: 95 % Wilson intervals; dotted: guessing, the most frequent answer, and rules that never reason. A "
        "thin cross is the paper's figure for another model on other problems, read off a chart: second-hand."
    ),
    "cost": (
        "Forward passes count reading, thoughts, questions to strong and weak, and writing alike. More cost should buy more "
        "accuracy."
    ),
    "plane": (
        "Points against plain thoughts; bold where the 95 % interval leaves out zero. With so many cells a few do by chance: "
        "measure the best one again on other problems."
    ),
    "backbones": (
        "Each point is a checkpoint as backbone: what refinement gains there, with 95 % intervals. Zero is plain thoughts."
    ),
    "training": "Refinement at inference is worth it where its line lies above what more training reaches.",
}

main()
