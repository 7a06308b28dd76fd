"""Regimes: every step size and residual mix at once, for one problem and for many; a click opens Explore there. No maths here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lrr_core.analysis import summary
from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.figures.regimes import MODES, accuracy_figure, plane_figure
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.refinement.methods import FULL
from lrr_core.refinement.request import RunRequest
from lrr_core.refinement.trace import RefineConfig, signed, unsigned
from lrr_core.studies import setting_plane as regimes
from pages import _choices, _controls, _planes, _shared
from pages._jobs import Job, progress_bar
from pages._look import clicked, companion, error, escaped, look, plot

if TYPE_CHECKING:
    from lrr_core.figures.explore import Figure

PATH = _shared.DEFAULT_SET
HELD = ("thoughts", "rounds", "reference", "gradient", "momentum", "seed")  # what a plane holds fixed
ONE, MANY = "This problem", "Many problems"


def main() -> None:
    head, place = st.container(), st.container()
    folder = _choices.opened(PATH, "regimes_tab", "plane_mode", "many_n", "many_size", "many_control")
    state = st.session_state
    if (cell := state.pop("opened_cell", None)) is not None:
        open_in_explore(*cell)
    with st.sidebar:  # what the plane holds fixed, and the setting that is marked on it
        _controls.settings_sidebar(
            folder, "problem", "reference", "thoughts", "rounds", "The marked setting:", "step_size", "residual",
            "checkpoints", "further", "link",
        )  # fmt: skip
    _controls.notes_and_own_text(head)
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
        companion("regimes")
    with st.sidebar:
        _shared.device_line(PATH)


def here() -> tuple[float, float]:
    """The setting that is marked: (signed step size, residual mix)."""
    state = st.session_state
    return signed(state.step_size, state.sign), state.residual


def open_in_explore(step: float, mix: float) -> None:
    _controls.open_page(method=FULL, **unsigned(step), residual=mix, upto=0)


def explore_button() -> None:
    """Where the ring is, without a mouse."""
    step, mix = here()
    where = f"The ring is at s = {step:+g}, α = {mix:g}; the sliders move it."
    st.button(
        "Open the ring in Explore", key="open", icon=":material/open_in_new:", help=where, on_click=remember, args=(step, mix)
    )  # fmt: skip


def remember(step: float, mix: float) -> None:
    """Remembers a setting: it is opened at the start of the run that follows, before its sliders stand."""
    st.session_state.opened_cell = (step, mix)


def chart(key: str, figure: Figure, alt: str) -> None:
    """A plane; a click on a cell opens Explore at its setting."""

    def selected() -> None:
        if cell := clicked(key):
            remember(*cell[:2])

    plot(figure, key, alt, selected, bar=False)


# --- one problem ------------------------------------------------------------------------------------------------------


def this_problem(head: DeltaGenerator, config: RefineConfig, names: Checkpoints) -> None:
    try:
        request = RunRequest(_choices.problem(), names, config)
    except ProblemError as wrong:
        error(wrong, head)
        return
    head.markdown(f"#### {escaped(summary.asked(request.problem))}")
    head.caption(INTRO)
    if not request.problem.candidates:
        head.info(FREE, icon=":material/info:")
        return
    job = _planes.of_problem(PATH, request)
    if job.result is None:
        st.skeleton(height=560)
        waiting("one", job, lambda: _planes.compute_one(PATH, job, request))
        return
    mode = _controls.view("View", "plane_mode", list(MODES), VIEW, first="regions")
    words = regimes.in_words(job.result)
    chart("plane", plane_figure(job.result, mode, here=here(), **look()), f"{MODES[mode]}. {words}")
    left, right = st.columns([5, 2], vertical_alignment="center")
    left.markdown(f":small[{escaped(words)}]", help=CONTROL)
    with right.container(horizontal_alignment="right"):
        explore_button()
    legend(job.result)


def legend(plane: regimes.Plane) -> None:
    """Every region's sentence, and how many settings it holds."""
    counts = regimes.counts(plane)
    rows = [f"| **{name}** | {counts[name]} | {words} |" for name, words in regimes.REGIONS.items()]
    st.markdown("\n".join(["| region | settings | what it means |", "|---|---|---|", *rows]))
    st.caption(LEGEND)


# --- many problems ----------------------------------------------------------------------------------------------------

SIZES = {"12–15 nodes, 2–3 hops": ("12-15", "2-3"), "14–28 nodes, 3–4 hops": ("14-28", "3-4")}
COUNTS = (50, 100, 200, 400)
SEED = 9_000_001  # neither the seed a setting is chosen on nor one of the published tables


def many_problems(head: DeltaGenerator, config: RefineConfig, names: Checkpoints) -> None:
    head.markdown("#### How often is the answer right, over many problems?")
    head.caption(MANY_INTRO)
    if _shared.benchmark(_shared.DEFAULT_SET).maker is None:
        head.info(NO_MAKER, icon=":material/info:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = _controls.select("Problems", "many_n", COUNTS, COUNT, first=200, width=130)
        size = _controls.select("Size", "many_size", list(SIZES), SIZE, width=230)
        control = _controls.segments("Pushes", "many_control", ["contrast", "random pushes"], PUSHES)
        spot = st.container(width="content")
    nodes, hops = SIZES[size]
    source = {"kind": "balanced", "limit": n, "seed": SEED, "nodes": nodes, "hops": hops}
    job = _planes.of_many(PATH, source, config, names)
    if job.result is not None:
        words = job.result.in_words()
        shown = accuracy_figure(job.result, control=control == "random pushes", here=here(), **look())
        chart("accuracy_plane", shown, f"Accuracy at every setting. {words}")
    if job.running or not job.started or job.stop.is_set() or job.error:
        waiting("many", job, lambda: _planes.compute_many(PATH, job, source, config, names))
    if job.result is not None:
        with spot:
            explore_button()
        st.markdown(f":small[{escaped(words)}. Balanced problems, {size}, seed {SEED}.]")
        st.caption(MANY_LEGEND)


# --- progress ---------------------------------------------------------------------------------------------------------


def waiting(kind: str, job: Job, begin: Callable[[], None]) -> None:
    """Progress and a way to stop; or a way to start, and why there is nothing."""
    if job.running:
        progress_bar(kind, job, lambda: f"{DOING[kind]} {job.share:.0%}", STOP, job.result)
        return
    if job.error:
        error(job.error)
    words = "Go on" if job.stop.is_set() else "Compute"
    st.button(words, key=f"begin_{kind}", on_click=begin, icon=":material/play_arrow:", help=BEGIN)
    if kind == "many" and job.result is None:
        st.caption(NOT_YET)


# --- help texts -------------------------------------------------------------------------------------------------------

INTRO = (
    "Each cell is one run of this problem: step size across, residual mix upwards. Point at a cell for its numbers, click it "
    "to open Explore there; the ring is the setting of the sliders."
)
FREE = "The answer of this problem is a number and not one of candidates, so no plane can be drawn; Explore shows it."
NO_MAKER = "No fresh problems can be drawn of this benchmark; Benchmark counts over a file of them, under any settings."
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
