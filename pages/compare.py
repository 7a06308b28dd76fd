"""Compare: one problem under every method and control on one map, and two pinned settings against each other. No maths here."""

from __future__ import annotations

from typing import Any

import streamlit as st

from lrr_core.analysis import summary
from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.models.checkpoints import ROLES
from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.trace import Trace
from lrr_core.studies import comparison as comparing
from pages import _choices, _controls, _drawn, _help, _pins, _runs, _shared
from pages._look import answer_text, clicked, companion, error, escaped, look, plot

PATH = _shared.DEFAULT_SET


def main() -> None:
    folder = _choices.opened(PATH, "view", "a", "b")
    head, chart, below = st.container(), st.container(), st.container()
    state = st.session_state
    if (
        "compared" not in state
    ):  # something to look at from the first moment; through it only once: an emptied place would blink
        chart = chart.skeleton(height=540)
    _pins.begin(folder)
    if (method := state.pop("opened", None)) in comparing.shown():
        _controls.open_page(method=method)
    with st.sidebar:  # the method itself is chosen where settings are pinned
        _controls.settings_sidebar(
            folder, "problem", "step_size", "residual", "thoughts", "rounds", "reference", "checkpoints", "further", "link"
        )  # fmt: skip
    _controls.notes_and_own_text(head)
    title, note = head.empty(), head.empty()
    note.caption(INTRO)

    def progress(method: str, done: int, total: int) -> None:
        note.caption(f":material/hourglass_top: {done + 1} of {total}: {summary.method_name(method)} …")

    try:
        request = _choices.request()
        title.markdown(f"#### {escaped(summary.asked(request.problem))}")
        found = _runs.comparison(PATH, request, progress)
    except ValueError as wrong:  # ProblemError, ModelError, ConfigError, RefineError: each names the fix
        error(wrong, head if isinstance(wrong, ProblemError) else chart)
        return
    note.caption(INTRO)
    with head.container(horizontal=True, vertical_alignment="center"):
        _controls.map_view(folder, label_visibility="collapsed")
        _controls.view("View", "view", VIEWS, VIEW)
        st.markdown(f":small[{escaped(comparing.changed(found))}]", help=CHANGED, width="content")
        _controls.figure_button("make_figure", FIGURE)
    figure = _drawn.compare_figure(found, PATH, state.map, **look(), close=state.view != "all")
    plot(figure, "small_multiples", comparing.describe(found), open_clicked, place=chart)
    state.compared = True
    with below:
        numbers(found)
        against(folder)
        companion(f"{found.trace.problem.id} {state.view} {state.map}")
    with st.sidebar:
        _shared.device_line(PATH)
    if not _shared.warmup(PATH).done.is_set():
        _shared.map_awaited(PATH)


VIEWS = {"close": "close-up", "all": "all thoughts"}


# --- one click to Explore ---------------------------------------------------------------------------------------------


def open_clicked() -> None:
    """A point of a panel: its method is opened in Explore on the run that follows."""
    if method := clicked("small_multiples"):
        st.session_state.opened = method[0]


def row_opened() -> None:
    row = st.session_state.open_row.row
    if row < len(comparing.shown()):
        st.session_state.opened = st.session_state.rows[row]


# --- the table --------------------------------------------------------------------------------------------------------


def numbers(found: comparing.Comparison) -> None:
    rows = comparing.table(found)
    st.session_state.rows = found.methods
    for i, row in enumerate(rows):
        row["open"] = "Explore" if i < len(found.methods) else None
    column = st.column_config
    whole = lambda label, help: column.NumberColumn(label, format="%d", help=help)  # noqa: E731
    config: Any = {name: whole(name, help) for name, help in KINDS.items()} | {
        "right answer": column.ProgressColumn(format="%.0f %%", min_value=0, max_value=100, width=120, help=RIGHT),
        "margin": column.NumberColumn(format="%+.2f", help=MARGIN),
        "moved": column.NumberColumn(format="%.0f %%", help=MOVED),
        "text tokens": whole("tokens", "Tokens it writes: only the text baseline reasons in text."),
        "forward passes": whole("forwards", "Forward passes the method needs; by kind in the last four columns."),
        "milliseconds": column.NumberColumn("ms", format="%.0f", help=TIMED),
        "open": column.ButtonColumn(
            "", type="tertiary", on_click=row_opened, key="open_row", help="Open this method in Explore."
        ),
    }
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_order=[*COLUMNS, *KINDS],
        column_config=config,
        placeholder="–",
        alt="Answer, certainty, distance moved and cost of every method",
    )
    device = escaped(found.trace.identity["device"])
    st.caption(f"ms: measured once on this machine ({device}), when this setting was first run. {READING}")


# --- A against B ------------------------------------------------------------------------------------------------------


def against(folder: ModelFolder) -> None:
    """Two pinned settings on this problem, thought by thought."""
    st.markdown("#### A against B")
    st.caption(AGAINST)
    try:
        pinned = {name: _choices.request(**st.session_state[f"pin_{name}"]) for name in ("a", "b")}
        traces = {name: _runs.run(PATH, request, complete=False) for name, request in pinned.items()}
    except ValueError as wrong:
        error(wrong)
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _controls.choose("Method for the next pin", "method", folder, _help.METHOD)
            _controls.explore_button("Open in Explore", "open_method", OPEN)
        for column, name, mark in zip(st.columns(2), "ab", (":blue[● A]", "□ B"), strict=True):
            with column:
                trace = traces[name]
                st.markdown(
                    f"**{mark}** {answer_text(summary.answer(trace, 'refined'))} :gray[{escaped(in_words(trace))}]"
                )
                with st.container(horizontal=True):
                    st.button(
                        f"Pin as {name.upper()}", key=f"pin_as_{name}", on_click=_pins.pin, args=(name,),
                        icon=":material/keep:", help=f"Keeps the sliders, checkpoints and method as they stand as {name.upper()}.",
                    )  # fmt: skip
                    st.button(
                        f"Back to {name.upper()}", key=f"take_{name}", on_click=_pins.take, args=(name,),
                        icon=":material/tune:", help=f"Puts the sliders, checkpoints and method where {name.upper()} is.",
                    )  # fmt: skip
    rows = comparing.differing(traces["a"], traces["b"])
    if rows:
        st.dataframe(rows, hide_index=True, alt="Settings in which A and B differ")
    else:
        st.caption("A and B are the same setting, so every difference below is zero. Move a slider and pin again.")
    figure = _drawn.difference_figure(traces["a"], traces["b"], **look())
    plot(figure, "difference", comparing.describe_difference(traces["a"], traces["b"]))
    if any(row["setting"] in ROLES for row in rows):
        st.caption(
            "A and B use different checkpoints: each is measured against its own plain run, its own strong and weak."
        )


def in_words(trace: Trace) -> str:
    c, members = trace.config, " / ".join(trace.identity[role].removeprefix("ladder/") for role in ROLES)
    settings = f"s = {c.step_size:g} · α = {c.residual:g} · {c.reference} · T = {c.thoughts} · K = {c.rounds}"
    return f"{summary.method_label(c.method)} · {settings} · {members}"


# --- help texts -------------------------------------------------------------------------------------------------------

INTRO = (
    "The same question under every method and every control, on one map. ▶ play moves all panels together; click a point to "
    "open its method in Explore."
)
VIEW = (
    "Close-up: axes around the runs that refine the model's own thoughts; thoughts that were replaced may lie beyond the edge. "
    "All thoughts: axes around everything. Either way they are the same in every panel."
)
CHANGED = "A refinement that flips an answer means something only where its controls do not flip it as well."
FIGURE = "Opens the Studio with the method that is chosen below: a figure for a paper, and a bundle with every number."
OPEN = "Opens this method in Explore, as a click on its panel or on its row does."
RIGHT = "Probability of the right answer among the candidates, at the end."
MARGIN = "log p of the right answer minus log p of the best other one, in nats: above zero is right."
MOVED = "Deviation: how far the thoughts are from the plain run's, in % of their length ‖h‖; mean over the thoughts."
TIMED = "Milliseconds of wall time from reading the question to the written answer, without what this page reads out."
READING = (
    "Zero thoughts have no length to give a share of. One problem proves nothing: the Ladder page counts over many."
)
COLUMNS = (
    "method",
    "answer",
    "right answer",
    "margin",
    "moved",
    "text tokens",
    "forward passes",
    "milliseconds",
    "open",
)
KINDS = {
    "question": "Reading the question: once for the backbone, and once each for strong and weak where they are asked.",
    "thoughts": "Thoughts that are fed, to every model that follows along.",
    "probes": "Asking strong and weak what they make of a thought, without keeping it.",
    "decoding": "Writing text: the steps of the text baseline and the answer.",
}
AGAINST = (
    "Pin two settings and see where they part. The sliders on the left are what the next pin keeps; both are run on the "
    "problem above."
)

main()
