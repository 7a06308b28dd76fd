"""Live: drag a point over (step size, residual mix) and watch thoughts, curves and answer follow; no maths here.

While the point moves, the browser interpolates between runs that lie ready. Let go, and the exact run of that very setting takes
its place, with a line that says how far off the interpolation was.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

import streamlit as st
from streamlit.errors import StreamlitAPIException

from lrr_core.analysis import summary
from lrr_core.benchmarks.catalogue import Problem
from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.trace import RefineConfig
from lrr_core.studies import live_pad as live
from lrr_core.studies import live_scene
from pages import _choices, _controls, _help, _pad, _runs, _shared
from pages._jobs import Job
from pages._look import error, escaped

PATH = _shared.DEFAULT_SET
MOST_REMEMBERED = 40  # releases whose answers stay on the pad
HELD = ("thoughts", "rounds", "reference", "gradient", "momentum")  # settings that a pad holds fixed
DRAGGED = ("method", "step_size", "residual", "sign")  # choices the point stands for
WITHOUT_CONTROL = (*DRAGGED, "gradient", "momentum", "seed")


def main() -> None:
    head, place, below = st.container(), st.container(), st.container()
    folder = _choices.opened(PATH)
    with head:
        title, controls = st.columns([5, 6], vertical_alignment="bottom")
        with controls:
            choose(folder)
        _controls.notes_and_own_text(head)
    try:
        held = RefineConfig.from_dict({key: st.session_state[key] for key in HELD})
        request = replace(_choices.request(), config=held, lenders=())
    except ProblemError as wrong:
        error(wrong, place)
        return
    title.markdown(f"#### {escaped(summary.asked(request.problem))}")
    title.caption(INTRO)
    if not request.problem.candidates:
        place.info(FREE, icon=":material/info:")
        return
    job = _runs.live_pad(PATH, request)
    with place:
        wait_for(job)
        if job.result is None:
            error(job.error)
        else:
            show(folder, request.problem, job.result)
    with below.expander("How to read this", icon=":material/help:"):
        st.markdown(READ)


def choose(folder: ModelFolder) -> None:
    """What is looked at: problem, references, models, link."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="right", gap="xsmall"):
        with st.container(width=200):
            _controls.choose("Problem", "problem", folder, _help.PROBLEM)
        st.button("Another", key="another", on_click=_controls.another, icon=":material/casino:", help=_help.ANOTHER)
        with st.popover("Settings", icon=":material/tune:"):
            st.button("Own text", key="own", on_click=_controls.own, icon=":material/edit:", help=_help.OWN)
            _controls.settings_sidebar(folder, "reference", "thoughts", "rounds", "checkpoints", "link")


def setting() -> tuple[float, float]:
    """Where the point stands, from the choices all pages share: (signed step size, mix)."""
    state = st.session_state
    return live.place(RefineConfig(state.method, state.step_size, state.residual, sign=state.sign))


def placed(step: float, mix: float) -> dict:
    """The choices that stand for a place on the pad."""
    config = live.setting(RefineConfig(), step, mix)
    return {key: getattr(config, key) for key in DRAGGED}


def let_go() -> None:
    """The point was let go: the choices all pages share take its setting."""
    at = _pad.released(live.STEPS[-1], live.MIXES[-1])
    if at is not None:
        st.session_state.update(placed(*at), upto=0)


def keep_in_url(folder: ModelFolder) -> None:
    """Choices that have no control of their own on this page go into the URL by hand, so that it can be reloaded and shared."""
    known = _choices.choices(folder)
    for key in WITHOUT_CONTROL:
        value = st.session_state[key]
        # a control of the page before may still own its key for one run: the next run writes it
        with contextlib.suppress(StreamlitAPIException):
            if value != known[key].start:
                st.query_params[key] = known[key].written(value)
            elif key in st.query_params:
                del st.query_params[key]


@st.fragment
def show(folder: ModelFolder, problem: Problem, under: _runs.MappedPad) -> None:
    """The instrument, and beneath it what the releases of this visit have shown. A release reruns only this."""
    keep_in_url(folder)
    step, mix = setting()
    ready, moment, trouble = _shared.loading(PATH).done.is_set(), None, ""
    if ready:
        try:
            moment = live_scene.moment(under.pad, _runs.run(PATH, _choices.request(**placed(step, mix))), under.maps)
        except ValueError as wrong:  # ModelError, ConfigError, RefineError: each names the fix
            trouble = str(wrong)
    remembered = remember(under, moment)
    _pad.instrument(
        {
            "scene": live_scene.scene(under.pad, problem, under.maps),
            "moment": moment,
            "at": {"step": step, "mix": mix},
            "look": live_scene.look(),
            "map": st.session_state.map,
            "history": remembered,
            "trouble": trouble,
            "loading": not ready,
        },
        let_go,
    )
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.caption(escaped(" ".join([live_scene.checked(under.pad), live_scene.so_far(remembered)])))
    with right.container(horizontal_alignment="right"):
        _controls.explore_button("Open in Explore", "open", OPEN)
    if not ready:
        _shared.model_set(PATH)
        st.rerun()


def remember(under: _runs.MappedPad, moment: dict | None) -> list[dict]:
    """The releases of this visit on this pad, oldest first."""
    state = st.session_state
    stamp = str(under.pad.stamp)
    if state.get("live_stamp") != stamp:
        state.live_stamp, state.live_releases = stamp, {}
    if moment is not None and (moment["step"] or moment["mix"]):
        state.live_releases[moment["step"], moment["mix"]] = live_scene.release(moment)
    return list(state.live_releases.values())[-MOST_REMEMBERED:]


def wait_for(job: Job) -> None:
    """Says how far the runs under the pad are until they are there; any click goes on elsewhere, and they are kept.

    A loop and not a fragment that asks again and again: Streamlit collects garbage after every run of a script, which beside a
    loaded model takes a quarter of a second in which nothing is computed.
    """
    if job.done.is_set():
        return
    empty, bar = st.empty(), st.empty()
    empty.skeleton(height=560)
    while not job.done.wait(0.25):
        share = job.share or 0.0
        bar.progress(share, f"Computing the runs under the pad: {share:.0%}. Shipped problems need no waiting.")
    empty.empty()
    bar.empty()


INTRO = (
    "Drag the blue point. Right pushes thoughts towards strong, left away from it, up keeps more of the thought before."
)
FREE = "The answer of this problem is a number and not one of candidates, so no pad can be shaded; Explore shows it."
OPEN = "The same problem and setting on the Explore page, with every round, token and number."
READ = """
* **The pad.** Its shade is the answer margin after the last thought: green ✓ where the right answer wins, red ✗ where the
  other does, stronger where it wins by more. The dark line is where the answer flips. Every small dot is a run that was
  computed; all between them is interpolated, answers as log-probabilities. ○ is the plain run, a star or a cross is an exact
  run you asked for, right or wrong.
* **Left half.** The published equation adds +η∇J, which moves *away* from strong; the text describes the opposite. The
  left half is the printed sign, the right half the described intent.
* **Interpolated or exact.** While you drag, nothing is run: the pictures are mixed from the four runs around the point.
  Let go, and the model runs that very setting; the dashed path on the map is what interpolation had drawn. Where several
  flips lie close together the interpolated answer can be wrong, and the line under the answer says so.
* **The map** leaves out most of 192 dimensions. On a UMAP lengths and straight lines mean nothing; the curves below are
  measured in all dimensions. Gray dotted is the plain run, ▲ and ▼ are strong's and weak's own thoughts.
* **The graph** shows the thought chosen above it: fill and number are the refined run, the gray dot the plain one, a
  thick rim the nodes truly that many hops away. The thoughts were *trained* to hold them.
* **Keys.** On the pad: arrows by 0.05, with Shift by 0.01, Page Up and Page Down to the next computed step size, Home to the
  plain run. On the map: ← and → choose the thought.
"""

main()
