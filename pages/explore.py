"""Explore: one problem, thought by thought. Sidebar → one core call → one figure → show; no maths here."""

from __future__ import annotations

import streamlit as st

from lrr_core.analysis import summary
from lrr_core.benchmarks.prosqa import ProblemError
from pages import _choices, _controls, _drawn, _help, _runs, _shared

PATH = _shared.DEFAULT_SET


def main() -> None:
    folder = _choices.opened(PATH)
    head, chart, below = st.container(), st.container(), st.container()
    skeleton = None
    if "drawn" not in st.session_state:  # something to look at from the first moment
        skeleton = chart.skeleton(height=660)
    state = st.session_state
    with st.sidebar:
        step_note = sidebar(folder)
    _choices.show_notes(head)
    if state.problem == _shared.OWN:
        _controls.own_text(head)
    choice = _choices.run_arguments()
    try:
        trace = _runs.run(PATH, complete=False, **choice)  # the controls follow when the figure stands
    except ValueError as error:  # ProblemError, ModelError, ConfigError, RefineError: each names the fix
        where = head if isinstance(error, ProblemError) else chart
        where.error(_shared.escaped(str(error)), icon=":material/error:")
        return
    step_note.caption(summary.step_text(trace, folder.width))
    header(head, trace)
    with head.container(horizontal=True, vertical_alignment="center"):
        _controls.segments("Map", "map", folder, _help.MAP, label_visibility="collapsed")
        _controls.segments("Dimensions", "dims", folder, label_visibility="collapsed")
        line = st.container(width="content")
        _controls.figure_button("make_figure")
    warm = _shared.warmup(PATH)
    figure = _drawn.figure(
        trace,
        PATH,
        state.map,
        state.dims,
        theme=_shared.theme(),
        narrow=_shared.is_narrow(),
        at=state.upto or None,
        thoughts=state.thoughts,
    )
    # through the skeleton only the first time: an emptied place would blink on every rerun
    (skeleton or chart).plotly_chart(
        figure,
        key="figure",
        theme=None,
        width="stretch",
        alt=summary.describe(trace),
        config=CHART | {"displaylogo": False},
    )
    state.drawn = True
    _shared.loading(PATH)  # torch is imported behind the picture
    trace = _runs.run(PATH, **choice)
    with line:
        controls_line(trace)
    with below:
        if trace.config.rule.calibrated:
            subspace(trace)
        details(trace, folder.info)
        _shared.companion(f"{trace.problem.id} {state.upto}")
    with st.sidebar:
        _shared.device_line(PATH)
    if not warm.done.is_set():
        _shared.map_awaited(PATH)
    elif warm.error:
        below.caption(
            f"The shared map could not be made ({_shared.escaped(warm.error)}); PCA of this problem is shown."
        )


# --- sidebar ----------------------------------------------------------------------------------------------------------

CHART = {"modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"], "scrollZoom": False}


def sidebar(folder):
    """All controls; returns the place below the step size where its meaning is written."""
    _controls.problem_controls(folder)
    mixes, pushes = _controls.method_control(folder)
    _controls.step_size_control(folder, disabled=not pushes)
    step_note = st.empty()
    _controls.residual_control(folder, disabled=not mixes)
    left, right = st.columns(2)
    with left:
        _controls.number("Thoughts T", "thoughts", folder, _help.THOUGHTS, 1, on_change=_controls.run_whole)
        st.button("Step", key="step", on_click=_controls.step_on, icon=":material/step:", width="stretch", help=STEP)
    with right:
        _controls.number("Rounds K", "rounds", folder, _help.ROUNDS, 1, disabled=not pushes)
        st.button(
            "Run all",
            key="run_all",
            on_click=_controls.run_whole,
            icon=":material/fast_forward:",
            width="stretch",
            help=RUN,
        )
    _controls.reference_control(folder, disabled=not pushes)
    _controls.member_controls(folder)
    _controls.further_controls(folder)
    _controls.reset_and_link(folder)
    return step_note


# --- main column ------------------------------------------------------------------------------------------------------


def header(head, trace) -> None:
    """The question on the left, the answer before and after on the right."""
    say, plain, refined = _shared.escaped, summary.answer(trace, "plain"), summary.answer(trace, "refined")
    left, right = head.columns([5, 6], vertical_alignment="center")
    left.markdown(f"#### {say(summary.asked(trace.problem))}")
    right.markdown(
        f":gray[○ plain] {_shared.said(plain)} → :blue[● {summary.refined_name(trace)}] {_shared.said(refined)}",
        text_alignment="right",
    )
    head.caption(INTRO)
    if trace.problem.renamed:
        pairs = ", ".join(f"{theirs} → {ours}" for theirs, ours in trace.problem.renamed)
        head.caption(f"Names the model does not know stand for names it does: {say(pairs)}")


def controls_line(trace) -> None:
    parts = [
        f"{summary.run_name(name)} {_shared.said(summary.answer(trace, name))}"
        for name in _runs.CONTROLS_SHOWN
        if name in trace.runs
    ]
    st.markdown(f":small[:gray[controls:] {' · '.join(parts)}]", help=CONTROL_LINE, width="content")


SUPERVISED = (
    "The true frontier was **supervised in training**: thought t was trained to hold every node t hops away, so seeing it "
    "here is not a discovery. "
)
UNKNOWN = "Whether the true frontier was supervised in training is not recorded in this model set. "


def details(trace, info) -> None:
    supervised = str(info.provenance.get("frontier", "")).startswith("supervised")
    st.caption((SUPERVISED if supervised else UNKNOWN) + opening_note(info))
    tabs = {"Answers, before and after": answers, "Tokens per thought": tokens, "Run details and download": about}
    for tab, fill in zip(
        st.tabs(list(tabs), key="tab", on_change="rerun", **_controls.BOUND), tabs.values(), strict=True
    ):
        if tab.open:  # tables cost the browser as much as the chart: only the one that is seen
            with tab:
                fill(trace)


def subspace(trace) -> None:
    """What TILR keeps of this run's pushes."""
    with st.expander("What TILR keeps of each push", expanded=True, icon=":material/filter_alt:"):
        look = {"theme": _shared.theme(), "narrow": _shared.is_narrow()}
        figure, alt, sentence = _drawn.subspace_figure(trace, PATH, **look)
        st.plotly_chart(
            figure,
            key="subspace",
            theme=None,
            width="stretch",
            alt=alt,
            config={"displayModeBar": False},
        )
        st.caption(f"{_shared.escaped(sentence)} {SUBSPACE}")


def answers(trace) -> None:
    share = st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100)
    columns = dict.fromkeys(summary.readers_names(trace.problem).values(), share)
    st.dataframe(summary.answer_table(trace), hide_index=True, column_config=columns, alt="Answers of every run")


def tokens(trace) -> None:
    for name, title in (("plain", ":gray[○ plain run]"), ("refined", ":blue[● refined run]")):
        st.markdown(title)
        st.dataframe(summary.token_table(trace, name), hide_index=True, alt=f"Most probable tokens, {name} run")
    st.caption(f"Read with {trace.identity['lens']}, after the last round of each thought.")


def about(trace) -> None:
    st.dataframe(summary.cost_table(trace), hide_index=True, alt="Forward passes of every run")
    st.caption(
        "Forward passes of each run: reading the question, single thoughts, probes of strong and weak, answer, and "
        "read-outs that only this page asks for. Weights and versions:"
    )
    st.json(trace.identity, expanded=False)
    left, right = st.columns(2)
    left.download_button(
        "Trace (.npz)",
        lambda: summary.trace_bytes(trace),
        f"{trace.problem.id}.npz",
        icon=":material/download:",
        on_click="ignore",
        help="Every state, reference and probability, with settings and weights; `Trace.load` reads it.",
    )
    right.download_button(
        "Curves (.csv)",
        lambda: summary.data_csv(trace),
        f"{trace.problem.id}.csv",
        icon=":material/table:",
        on_click="ignore",
        help="The numbers behind the curves, one row per run and thought.",
    )


def opening_note(info) -> str:
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
CONTROL_LINE = (
    "Zero thoughts: the answer if every thought is blanked. Random direction: pushes of the same length in a random "
    "direction. A refinement means something only where these do worse."
)

main()
