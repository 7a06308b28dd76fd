"""The form of a new run on the Benchmark page: experiment, problems, settings; its progress, and a way to stop and go on."""

from __future__ import annotations

import streamlit as st

from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.evaluation.experiments import EXPERIMENTS
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.refinement.trace import RefineConfig
from pages import _benchmark_runs as runs
from pages import _controls, _help, _shared

SETTINGS = ("step_size", "residual", "thoughts", "rounds", "reference", "sign", "gradient", "momentum", "seed")
KINDS = {"balanced": "balanced", "released": "as released", "file": "own file"}
MOST_PROBLEMS, LARGEST_FILE = 1000, 20  # of a run on the page; MB of an uploaded file of problems
RUN = "this run"


def new_run(folder) -> None:
    """The sidebar: which experiment, on which problems, under which settings."""
    state = st.session_state
    st.markdown("**New run**")
    titles = {key: found.title for key, found in EXPERIMENTS.items()}
    experiment = st.selectbox(
        "Experiment", list(titles), key="experiment", format_func=titles.get, help=EXPERIMENT, **_controls.BOUND
    )
    st.caption(EXPERIMENTS[experiment].words)
    spot = st.container()
    chosen_kind = st.radio(
        "Problems", list(KINDS), key="problems", format_func=KINDS.get, help=PROBLEMS, horizontal=True, **_controls.BOUND,
    )  # fmt: skip
    own, source = None, {"data": None}
    if chosen_kind == "file":
        own = own_file(folder)
    else:
        nodes = st.slider("Nodes", 8, 28, (12, 15), key="run_nodes", help=NODES, **_controls.BOUND)
        hops = st.slider("Hops", 1, 6, (2, 3), key="run_hops", help=HOPS, **_controls.BOUND)
        source |= {"generate": chosen_kind, "nodes": "-".join(map(str, nodes)), "hops": "-".join(map(str, hops))}
    left, right = st.columns(2, vertical_alignment="bottom")
    source["limit"] = left.number_input(
        "How many", 10, MOST_PROBLEMS, 200, 10, key="run_n", help=COUNT, **_controls.BOUND
    )
    if chosen_kind == "file":
        source["data"], source["hash"] = (own.name, own.mark) if own else ("", "")
    else:
        seed = right.number_input(
            "Seed of the problems", 0, 99_999_999, 1, key="run_seed", help=SEED, **_controls.BOUND
        )
        source["seed"] = seed
    st.markdown("**Its settings**")
    _controls.step_size_control(folder)
    _controls.residual_control(folder)
    left, right = st.columns(2)
    with left:
        _controls.number("Thoughts T", "thoughts", folder, _help.THOUGHTS, 1)
    with right:
        _controls.number("Rounds K", "rounds", folder, _help.ROUNDS, 1)
    _controls.reference_control(folder)
    _controls.member_controls(folder)
    _controls.further_controls(folder)
    _controls.reset_and_link(folder)
    config = RefineConfig.from_dict({key: state[key] for key in SETTINGS})
    names = Checkpoints.of(state)
    order = runs.Order(experiment, config, names, {"experiment": experiment} | source, own)
    with spot:
        start(order, ready=chosen_kind != "file" or own is not None)


def start(order, ready: bool) -> None:
    """What a run will do, and the button for it."""
    arms, missing = runs.arms(_shared.DEFAULT_SET, order)
    n = order.source["limit"] if order.own is None else min(order.source["limit"], len(order.own.loaded.problems))
    job = runs.current()
    busy = job is not None and job.running
    label = "Start another" if busy else "Start"
    if st.button(
        label,
        key="start_run",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=not ready,
        help=START,
    ):
        runs.begin(_shared.DEFAULT_SET, order)
        st.session_state.benchmark_wanted = RUN
        st.rerun()
    words = f"{len(arms)} ways to answer × {n} problems = {len(arms) * n:,} answers."
    if missing:
        words += f" Left out, because TILR is not calibrated for these checkpoints: {', '.join(missing)}."
    st.caption(_shared.escaped(words))


def own_file(folder):
    """Problems of one's own; None where there are none, and why."""
    state, benchmark = st.session_state, folder.info.benchmark
    file = st.file_uploader(
        "Problems", ["json", "jsonl", "parquet"], key="problem_upload", max_upload_size=LARGEST_FILE, help=FILE,
        label_visibility="collapsed",
    )  # fmt: skip
    if file is None:
        return None
    if state.get("own_problems", (None,))[0] != file.file_id:
        try:
            state.own_problems = file.file_id, runs.own_problems(file.name, file.getvalue(), benchmark), ""
        except (ProblemError, runs.OtherSet) as error:
            state.own_problems = file.file_id, None, str(error)
    _, own, error = state.own_problems
    if error:
        st.error(_shared.escaped(error), icon=":material/error:")
        return None
    broken = own.loaded.broken
    words = f"{len(own.loaded.problems)} of {own.loaded.records} records load."
    if broken:
        words += f" The first broken one, {broken[0].where}: {broken[0].reason}"
    st.caption(_shared.escaped(words))
    return own


def under_way(job) -> None:
    """Progress and a way to stop; or a way to go on, and why there is nothing."""
    if job.running:
        progress(job, job.result)
        return
    if job.error:
        st.error(_shared.escaped(job.error), icon=":material/error:")
    else:
        st.info(_shared.escaped(stopped(job)), icon=":material/stop_circle:")
    with st.container(horizontal=True):
        st.button(
            "Try again" if job.error else "Go on", key="go_on_run", on_click=runs.go_on, args=(_shared.DEFAULT_SET,),
            icon=":material/play_arrow:", help=GO_ON,
        )  # fmt: skip
        shelf = runs.shelf()
        if first := next(iter(shelf), None):
            st.button(
                f"Back to {runs.title(shelf[first])}", key="leave_run", on_click=st.session_state.update,
                kwargs={"report": first}, icon=":material/arrow_back:", help=LEAVE,
            )  # fmt: skip


def stopped(job) -> str:
    """What a stopped run leaves, and what the page shows of it."""
    done, total = job.counted
    kept = (
        f"{done:,} of {total:,} answers are kept"
        if total
        else "No batch was finished; what an earlier run has answered is kept"
    )
    if job.result is None:
        return f"Stopped. {kept}. No problem has been answered in every way yet, so there is nothing to compare; go on for that."
    return (
        f"Stopped. {kept}. Below is the report on the first {job.result.n} problems, which were answered in every way."
    )


@st.fragment(run_every=1.0)
def progress(job, shown) -> None:
    """shown: the part of the report that the page shows; a larger one is shown as soon as it is there."""
    looks = st.session_state.get("report") == RUN
    if not job.running or (looks and job.result is not shown):
        st.rerun()
    left, right = st.columns([6, 1], vertical_alignment="center")
    so_far = f", {job.result.n} problems answered by all" if job.result is not None else ""
    words = "Loading the model …" if job.share is None else f"Answering: {job.share:.0%}{so_far}"
    left.progress(min(job.share or 0.0, 1.0), "Stopping …" if job.stop.is_set() else words)
    right.button(
        "Stop", key="stop_run", on_click=job.stop.set, icon=":material/stop:", width="stretch", help=STOP,
        disabled=job.stop.is_set(),
    )  # fmt: skip


# --- help texts -------------------------------------------------------------------------------------------------------

EXPERIMENT = "What is compared with what.\n\n" + "\n".join(f"* **{e.title}**: {e.words}" for e in EXPERIMENTS.values())
PROBLEMS = (
    "Balanced: no shortcut we know of helps. As released: like the published files, where a rule that never reasons is right nine "
    "times in ten. Own file: JSON, JSON lines or Parquet."
)
NODES = "Size of the graphs, smallest to largest."
HOPS = "How many steps the answer is away, in turn from the smallest to the largest."
COUNT = "More problems, narrower intervals, more time. 200 take a minute or so for the main table."
SEED = "Which problems are drawn. Never report on the seed a setting was chosen on."
FILE = f"At most {LARGEST_FILE} MB of JSON, JSON lines or Parquet, in the form of the benchmark."
START = (
    "Runs in the background and is shown while it grows. What has been answered is kept, so it can be stopped; a run that goes on "
    "already is stopped by another one."
)
GO_ON = "Goes on where it stopped; what has been answered is not asked again."
LEAVE = "Shows the report that the page opened with. The run stays in the list above, where it can go on."
STOP = "Stops after the current batch. What has been answered is kept."
