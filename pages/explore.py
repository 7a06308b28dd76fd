"""Explore: one problem, thought by thought. Sidebar → one core call → one figure → show; no maths here."""

from __future__ import annotations

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lrr_core.analysis import summary
from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.models.folder import ModelFolder, SetInfo
from lrr_core.refinement.trace import Trace
from pages import _choices, _controls, _drawn, _runs, _shared
from pages._look import answer_text, companion, error, escaped, look, plot

PATH = _shared.DEFAULT_SET


def main() -> None:
    folder = _choices.opened(PATH, "tab")
    head, chart, below = st.container(), st.container(), st.container()
    state = st.session_state
    if (
        "drawn" not in state
    ):  # something to look at from the first moment; through it only once: an emptied place would blink
        chart = chart.skeleton(height=660)
    with st.sidebar:
        step_note = sidebar(folder)
    _controls.notes_and_own_text(head)
    try:
        request = _choices.request(stepped=True)
        trace = _runs.run(PATH, request, complete=False)  # the controls follow when the figure stands
    except ValueError as wrong:  # ProblemError, ModelError, ConfigError, RefineError: each names the fix
        error(wrong, head if isinstance(wrong, ProblemError) else chart)
        return
    step_note.caption(summary.step_text(trace, folder.width))
    header(head, trace)
    with head.container(horizontal=True, vertical_alignment="center"):
        _controls.map_view(folder, label_visibility="collapsed")
        _controls.map_view(folder, "dims", label_visibility="collapsed")
        line = st.container(width="content")
        _controls.figure_button("make_figure")
    warm, at = _shared.warmup(PATH), {"at": state.upto or None, "thoughts": state.thoughts}
    figure = _drawn.figure(trace, PATH, state.map, state.dims, **look(), **at)
    plot(figure, "figure", summary.describe(trace), place=chart)
    state.drawn = True
    _shared.loading(PATH)  # torch is imported behind the picture
    trace = _runs.run(PATH, request)
    with line:
        controls_line(trace)
    with below:
        if trace.config.rule.calibrated:
            subspace(trace)
        details(trace, folder.info)
        companion(f"{trace.problem.id} {state.upto}")
    with st.sidebar:
        _shared.device_line(PATH)
    if not warm.done.is_set():
        _shared.map_awaited(PATH)
    elif warm.error:
        below.caption(f"The shared map could not be made ({escaped(warm.error)}); PCA of this problem is shown.")


def sidebar(folder: ModelFolder) -> DeltaGenerator:
    """All controls; returns the place below the step size where its meaning is written."""
    below = _controls.settings_sidebar(
        folder, "problem", "method", "step_size", "residual", "thoughts", "rounds", "reference", "checkpoints", "further", "link"
    )  # fmt: skip
    for place, label, key, run, icon, help in (
        (below["thoughts"], "Step", "step", _controls.step_on, "step", STEP),
        (below["rounds"], "Run all", "run_all", _controls.run_whole, "fast_forward", RUN),
    ):
        place.button(label, key=key, on_click=run, icon=f":material/{icon}:", width="stretch", help=help)
    return below["step_size"]


# --- main column ------------------------------------------------------------------------------------------------------


def header(head: DeltaGenerator, trace: Trace) -> None:
    """The question on the left, the answer before and after on the right."""
    plain, refined = summary.answer(trace, "plain"), summary.answer(trace, "refined")
    left, right = head.columns([5, 6], vertical_alignment="center")
    left.markdown(f"#### {escaped(summary.asked(trace.problem))}")
    right.markdown(
        f":gray[○ plain] {answer_text(plain)} → :blue[● {summary.refined_name(trace)}] {answer_text(refined)}",
        text_alignment="right",
    )
    head.caption(INTRO)
    if trace.problem.renamed:
        pairs = ", ".join(f"{theirs} → {ours}" for theirs, ours in trace.problem.renamed)
        head.caption(f"Names the model does not know stand for names it does: {escaped(pairs)}")


def controls_line(trace: Trace) -> None:
    parts = [
        f"{summary.run_name(name)} {answer_text(summary.answer(trace, name))}"
        for name in _runs.CONTROLS_SHOWN
        if name in trace.runs
    ]
    st.markdown(f":small[:gray[controls:] {' · '.join(parts)}]", help=CONTROL_LINE, width="content")


SUPERVISED = (
    "The true frontier was **supervised in training**: thought t was trained to hold every node t hops away, so seeing it "
    "here is not a discovery. "
)
UNKNOWN = "Whether the true frontier was supervised in training is not recorded in this model set. "


def details(trace: Trace, info: SetInfo) -> None:
    supervised = str(info.provenance.get("frontier", "")).startswith("supervised")
    frontier = "" if trace.problem.graph is None else SUPERVISED if supervised else UNKNOWN
    st.caption(frontier + (opening_note(info) if info.opens_with.startswith("ladder/") else ""))
    tabs = {"Answers, before and after": answers, "Tokens per thought": tokens, "Run details and download": about}
    for tab, fill in zip(
        st.tabs(list(tabs), key="tab", on_change="rerun", **_controls.BOUND), tabs.values(), strict=True
    ):
        if tab.open:  # tables cost the browser as much as the chart: only the one that is seen
            with tab:
                fill(trace)


def subspace(trace: Trace) -> None:
    """What TILR keeps of this run's pushes."""
    with st.expander("What TILR keeps of each push", expanded=True, icon=":material/filter_alt:"):
        figure, alt, sentence = _drawn.subspace_figure(trace, PATH, **look())
        plot(figure, "subspace", alt, bar=False)
        st.caption(f"{escaped(sentence)} {SUBSPACE}")


def answers(trace: Trace) -> None:
    share = st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100)
    columns = dict.fromkeys(summary.readers_names(trace.problem).values(), share)
    st.dataframe(summary.answer_table(trace), hide_index=True, column_config=columns, alt="Answers of every run")


def tokens(trace: Trace) -> None:
    for name, title in (("plain", ":gray[○ plain run]"), ("refined", ":blue[● refined run]")):
        st.markdown(title)
        st.dataframe(summary.token_table(trace, name), hide_index=True, alt=f"Most probable tokens, {name} run")
    st.caption(f"Read with {trace.identity['lens']}, after the last round of each thought.")


def about(trace: Trace) -> None:
    st.dataframe(summary.cost_table(trace), hide_index=True, alt="Forward passes of every run")
    st.caption(
        "Forward passes of each run: reading the question, single thoughts, probes of strong and weak, answer, and "
        "read-outs that only this page asks for. Weights and versions:"
    )
    st.json(trace.identity, expanded=False)
    left, right = st.columns(2)
    for place, label, data, ending, icon, help in (
        (left, "Trace (.npz)", summary.trace_bytes, "npz", "download", TRACE),
        (right, "Curves (.csv)", summary.data_csv, "csv", "table", CURVES),
    ):
        place.download_button(
            label, partial(data, trace), f"{trace.problem.id}.{ending}", icon=f":material/{icon}:", on_click="ignore", help=help
        )  # fmt: skip


def opening_note(info: SetInfo) -> str:
    known = info.members.get(info.opens_with, {})
    return (
        f"The page opens on a checkpoint from the middle of the training, {summary.member_label(info.opens_with, known)}: a "
        "finished model is right so often that nothing is left to refine."
    )


# --- help texts -------------------------------------------------------------------------------------------------------

INTRO = (
    "Before it answers, the model thinks in vectors, not words. The sliders push each thought; ▶ play shows its search."
)
SUBSPACE = (
    "Small dots: calibration, problems that are asked about nowhere else. Numbers: the thoughts of this run. What lies outside the "
    "subspace is cut from a push, and what is left is shortened by γ once more: a push of a kind never met before moves little."
)
STEP = "Runs one thought more and shows what the model would answer now."
RUN = "Runs all thoughts."
TRACE = "Every state, reference and probability, with settings and weights; `Trace.load` reads it."
CURVES = "The numbers behind the curves, one row per run and thought."
CONTROL_LINE = (
    "Zero thoughts: the answer if every thought is blanked. Random direction: pushes of the same length in a random "
    "direction. A refinement means something only where these do worse."
)

main()
