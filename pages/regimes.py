"""Regimes: every step size and residual mix at once, for one problem and for many; a click opens Explore there. No maths here."""

from __future__ import annotations

import streamlit as st

from lrr_core.analysis import summary
from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.figures.regimes import MODES, accuracy_figure, plane_figure
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.refinement.methods import FULL
from lrr_core.refinement.trace import RefineConfig, signed, unsigned
from lrr_core.studies import setting_plane as regimes
from pages import _choices, _controls, _help, _planes, _shared

PATH = _shared.DEFAULT_SET
HELD = ("thoughts", "rounds", "reference", "gradient", "momentum", "seed")  # what a plane holds fixed
ONE, MANY = "This problem", "Many problems"


def main() -> None:
    head, place = st.container(), st.container()
    folder = _choices.opened(PATH)
    state = st.session_state
    if (cell := state.pop("opened_cell", None)) is not None:
        open_in_explore(*cell)
    with st.sidebar:
        sidebar(folder)
    _choices.show_notes(head)
    if state.problem == _shared.OWN:
        _controls.own_text(head)
    config = RefineConfig.from_dict({key: state[key] for key in HELD})
    names = Checkpoints.of(state)
    with place:
        one, many = st.tabs([ONE, MANY], key="regimes_tab", on_change="rerun", **_controls.BOUND)
        if one.open:
            with one:
                this_problem(head, config, names)
        if many.open:
            with many:
                many_problems(head, config, names)
        _shared.companion("regimes")
    with st.sidebar:
        _shared.device_line(PATH)


def sidebar(folder) -> None:
    """What the plane holds fixed, and the setting that is marked on it."""
    _controls.problem_controls(folder)
    _controls.reference_control(folder)
    left, right = st.columns(2)
    with left:
        _controls.number("Thoughts T", "thoughts", folder, _help.THOUGHTS, 1)
    with right:
        _controls.number("Rounds K", "rounds", folder, _help.ROUNDS, 1)
    st.caption("The marked setting:")
    _controls.step_size_control(folder)
    _controls.residual_control(folder)
    _controls.member_controls(folder)
    _controls.further_controls(folder)
    _controls.reset_and_link(folder)


def here() -> tuple[float, float]:
    """The setting that is marked: (signed step size, residual mix)."""
    state = st.session_state
    return signed(state.step_size, state.sign), state.residual


def open_in_explore(step: float, mix: float) -> None:
    _controls.explore_at(method=FULL, **unsigned(step), residual=mix, upto=0)


def explore_button() -> None:
    """Where the ring is, without a mouse."""
    step, mix = here()
    where = f"The ring is at s = {step:+g}, α = {mix:g}; the sliders move it."
    st.button(
        "Open the ring in Explore",
        key="open",
        icon=":material/open_in_new:",
        help=where,
        on_click=clicked,
        args=(step, mix),
    )


def clicked(step: float, mix: float) -> None:
    """Remembers a setting: it is opened at the start of the run that follows, before its sliders stand."""
    st.session_state.opened_cell = (step, mix)


def chart(key: str, figure, alt: str) -> None:
    """A plane; a click on a cell opens Explore at its setting."""

    def selected() -> None:
        points = st.session_state[key].selection.points
        if points and points[0].get("customdata"):
            clicked(*points[0]["customdata"][:2])

    st.plotly_chart(
        figure,
        key=key,
        theme=None,
        width="stretch",
        alt=alt,
        on_select=selected,
        selection_mode="points",
        config={"displayModeBar": False},
    )


# --- one problem ------------------------------------------------------------------------------------------------------


def this_problem(head, config: RefineConfig, names) -> None:
    chosen = _choices.run_arguments()
    try:
        asked = _shared.problem(*(chosen[key] for key in ("source", "draw", "text")))
    except ProblemError as error:
        head.error(_shared.escaped(str(error)), icon=":material/error:")
        return
    head.markdown(f"#### {_shared.escaped(summary.asked(asked))}")
    head.caption(INTRO)
    job = _planes.of_problem(PATH, asked, config, names)
    if job.result is None:
        st.skeleton(height=560)
        waiting("one", job, lambda: _planes.compute_one(PATH, job, asked, config, names))
        return
    mode = st.segmented_control(
        "View", list(MODES), key="plane_mode", default="regions", required=True, help=VIEW,
        label_visibility="collapsed", **_controls.BOUND,
    )  # fmt: skip
    look = {"theme": _shared.theme(), "here": here(), "narrow": _shared.is_narrow()}
    words = regimes.in_words(job.result)
    chart("plane", plane_figure(job.result, mode, **look), f"{MODES[mode]}. {words}")
    left, right = st.columns([5, 2], vertical_alignment="center")
    left.markdown(f":small[{_shared.escaped(words)}]", help=CONTROL)
    with right.container(horizontal_alignment="right"):
        explore_button()
    legend(job.result)


def legend(plane) -> None:
    """Every region's sentence, and how many settings it holds."""
    counts = regimes.counts(plane)
    rows = [f"| **{name}** | {counts[name]} | {words} |" for name, words in regimes.REGIONS.items()]
    st.markdown("\n".join(["| region | settings | what it means |", "|---|---|---|", *rows]))
    st.caption(LEGEND)


# --- many problems ----------------------------------------------------------------------------------------------------

SIZES = {"12–15 nodes, 2–3 hops": ("12-15", "2-3"), "14–28 nodes, 3–4 hops": ("14-28", "3-4")}
COUNTS = (50, 100, 200, 400)
SEED = 9_000_001  # neither the seed a setting is chosen on nor one of the published tables


def many_problems(head, config: RefineConfig, names) -> None:
    head.markdown("#### How often is the answer right, over many problems?")
    head.caption(MANY_INTRO)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = st.selectbox("Problems", COUNTS, COUNTS.index(200), key="many_n", help=COUNT, width=130, **_controls.BOUND)
        size = st.selectbox("Size", list(SIZES), key="many_size", help=SIZE, width=230, **_controls.BOUND)
        control = st.segmented_control(
            "Pushes", ["contrast", "random pushes"], key="many_control", default="contrast", required=True,
            help=PUSHES, **_controls.BOUND,
        )  # fmt: skip
        spot = st.container(width="content")
    nodes, hops = SIZES[size]
    source = {"kind": "balanced", "limit": n, "seed": SEED, "nodes": nodes, "hops": hops}
    job = _planes.of_many(PATH, source, config, names)
    begin = lambda: _planes.compute_many(PATH, job, source, config, names)  # noqa: E731
    if job.result is not None:
        words = job.result.in_words()
        look = {"theme": _shared.theme(), "here": here(), "narrow": _shared.is_narrow()}
        shown = accuracy_figure(job.result, control=control == "random pushes", **look)
        chart("accuracy_plane", shown, f"Accuracy at every setting. {words}")
    if job.running or not job.started or job.stop.is_set() or job.error:
        waiting("many", job, begin)
    if job.result is not None:
        with spot:
            explore_button()
        st.markdown(f":small[{_shared.escaped(words)}. Balanced problems, {size}, seed {SEED}.]")
        st.caption(MANY_LEGEND)


# --- progress ---------------------------------------------------------------------------------------------------------


def waiting(kind: str, job, begin) -> None:
    """Progress and a way to stop; or a way to start, and why there is nothing."""
    if job.running:
        progress(kind, job)
        return
    if job.error:
        st.error(_shared.escaped(job.error), icon=":material/error:")
    words = "Go on" if job.stop.is_set() else "Compute"
    st.button(words, key=f"begin_{kind}", on_click=begin, icon=":material/play_arrow:", help=BEGIN)
    if kind == "many" and job.result is None:
        st.caption(NOT_YET)


@st.fragment(run_every=0.5)
def progress(kind: str, job) -> None:
    if not job.running:
        st.rerun()
    left, right = st.columns([6, 1], vertical_alignment="center")
    words = "Loading the model …" if job.share is None else f"{DOING[kind]} {job.share:.0%}"
    left.progress(min(job.share or 0.0, 1.0), "Stopping …" if job.stop.is_set() else words)
    right.button(
        "Stop",
        key=f"stop_{kind}",
        on_click=job.stop.set,
        icon=":material/stop:",
        width="stretch",
        help=STOP,
        disabled=job.stop.is_set(),
    )


# --- help texts -------------------------------------------------------------------------------------------------------

INTRO = (
    "Each cell is one run of this problem: step size across, residual mix upwards. Point at a cell for its numbers, click it "
    "to open Explore there; the ring is the setting of the sliders."
)
VIEW = "\n".join(f"* **{name}**: {words}" for name, words in MODES.items())
CONTROL = (
    "A push of equal length in a random direction is the control: where it flips the answer as often, the direction towards "
    "strong has nothing to do with it."
)
LEGEND = (
    "A cell belongs to the first of these that is true. Distance to strong is taken to strong's reference in each round, all "
    "thoughts together; ✗ marks settings that answer wrongly."
)
MANY_INTRO = (
    "The same plane over many problems: accuracy in %, coloured by the difference to the plain run. Bold with + or − where the "
    "95 % interval of that difference leaves out zero. Click a cell to open Explore there."
)
MANY_LEGEND = (
    "Every setting answers the same problems. With so many cells a few leave out zero by chance, and the best of them flatters "
    "itself: measure a setting again on other problems with `python -m lrr_core evaluate`."
)
COUNT = "More problems, narrower intervals, more time. The first ones stay the same."
SIZE = "What problems are drawn: balanced ones, in which no shortcut we know of helps."
PUSHES = "Contrast: pushes towards strong. Random pushes: the control, pushes of equal length in a random direction."
BEGIN = "Runs in the background; you can stop it, and go on later where it stopped."
STOP = "Stops after the current thought. What has been found is kept."
NOT_YET = (
    "Nothing has been computed for these settings yet. It takes some minutes on two cores, is shown as it grows and is kept, so "
    "that a second start runs only what is missing."
)
DOING = {"one": "Running every setting of this problem …", "many": "Running every setting over all problems …"}

main()
