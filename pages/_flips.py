"""Which answers a method changes, in both directions beside its random control, and the way from each into Explore."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lrr_core.analysis import summary
from lrr_core.benchmarks.catalogue import Problem
from lrr_core.evaluation.cases import Case, flips
from lrr_core.evaluation.report import Report
from lrr_core.evaluation.report_table import kind, written
from lrr_core.models.checkpoints import ROLES
from lrr_core.models.folder import ModelFolder
from pages import _choices, _controls, _shared
from pages._look import escaped

FIRST = 6  # problems of each direction that are listed at once


def changed(report: Report, folder: ModelFolder, key: str = "") -> None:
    """Which problems are answered otherwise, in both directions, beside what random pushes change. key: of the report where the
    Studio can open it."""
    compared = [label for label in report.labels if report.against(label)]
    if not compared:
        return
    st.markdown("##### Which answers change?")
    first = next((label for label in compared if kind(report, label) == "method"), compared[0])
    named = {label: written(report, label) for label in compared}
    _choices.settle("flips_of", named, first)
    label = _controls.select("Of", "flips_of", named, FLIPS, first=first, width=480)
    found = flips(report, label)
    lines = ["| | wrong → right | right → wrong |", "|---|---|---|"]
    lines.append(f"| **{escaped(written(report, label))}** | **{len(found.gained)}** | **{len(found.lost)}** |")
    if found.control and found.control != label:
        lines.append(
            f"| control: {escaped(written(report, found.control))} | {found.control_gained} | {found.control_lost} |"
        )
    st.markdown("\n".join(lines))
    against = escaped(written(report, found.against))
    st.caption(f"Of n = {found.n} problems, against {against}. {COUNTED if found.control else NO_CONTROL}")
    why_not = cannot_open(report, label, folder)
    if why_not:
        st.info(escaped(why_not), icon=":material/info:")
    elif key and kind(report, label) != "text":
        _controls.figure_button("make_figure", FIGURE, studio_from="a report", studio_report=key, studio_arm=label)
    for place, name, part in zip(
        st.columns(2), ("wrong → right", "right → wrong"), (found.gained, found.lost), strict=True
    ):
        with place:
            st.markdown(f"**{name}** ({len(part)})")
            one_way(report, label, name, part, bool(why_not))


def one_way(report: Report, label: str, name: str, part: Sequence[Case], closed: bool) -> None:
    """The problems of one direction, each with its way into Explore."""
    more = st.session_state.get(f"all {name}", False)
    for flip in part if more else part[:FIRST]:
        problem, line = report.problems[flip.index], st.container(gap=None)
        line.button(
            escaped(summary.asked(problem)), key=f"flip_{name}_{flip.index}_{flip.seed}", type="tertiary",
            icon=":material/open_in_new:", on_click=remember, args=(report, label, flip), disabled=closed, help=FLIP,
        )  # fmt: skip
        line.caption(escaped(described(flip, problem)))
    if len(part) > FIRST:
        st.toggle(f"All {len(part)}", key=f"all {name}")


def described(flip: Case, problem: Problem) -> str:
    hops = f" · {problem.graph.hops} hops, {len(problem.graph.names)} nodes" if problem.graph else ""
    if flip.change is None:
        return f"{problem.id}{hops}"
    return f"margin {flip.before:+.2f} → {flip.after:+.2f} nats{hops}".replace("-", "−")


def remember(report: Report, label: str, flip: Case) -> None:
    """Remembers what Explore is to be opened at: it is opened at the start of the run that follows."""
    settings = report.settings(label)
    if kind(report, label) == "text":
        settings["method"] = "coconut"
    keys = {*_choices.SETTINGS, *ROLES, "thoughts"} - {"seed"}  # it decides nothing but random pushes
    values = {key: settings[key] for key in keys}
    text = report.problems[flip.index].question
    st.session_state.flip_opened = values | {"problem": _shared.OWN, "text": text, "upto": 0}


def cannot_open(report: Report, label: str, folder: ModelFolder) -> str:
    """Why Explore cannot show a problem of this report; "" where it can."""
    if report.benchmark != folder.info.benchmark:
        return OTHER_BENCHMARK.format(theirs=report.benchmark_name, ours=folder.info.benchmark)
    if any(p.options for p in report.problems):
        return (
            "The options of these problems are no part of their text, so they cannot be handed to Explore as own text."
        )
    settings, measured_with = report.settings(label), report.identity.get("members", {})
    for role in ROLES:
        if (name := settings[role]) not in folder.members:
            return f"Explore has no checkpoint {name}, which was the {role} here."
        if isinstance(measured_with, dict) and measured_with.get(name, folder.hash(name)) != folder.hash(name):
            return f"This was measured with other weights for {name} than the set holds now: Explore would show another run."
    return ""


# --- help texts -------------------------------------------------------------------------------------------------------

FLIPS = "Whose answers are compared with those of plain thoughts."
FIGURE = "Opens the Studio with these problems as a gallery: choose one, and make a figure for a paper of it."
FLIP = "Open this problem in Explore, with the settings it was answered with; random pushes are drawn anew there."
COUNTED = "What random pushes of the same length change says how much of this is chance; the largest change of margin comes first."
NO_CONTROL = "This report has no random pushes to compare with; the largest change of margin comes first."
OTHER_BENCHMARK = (
    "These are problems of {theirs}, and the model set answers {ours}: to see one thought by thought, open the app with a set "
    "that was made for {theirs}."
)
