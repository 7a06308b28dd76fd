"""The form of a new run on the Benchmark page: experiment, problems, settings; its progress, and a way to stop and go on."""

from __future__ import annotations

from typing import Any

import streamlit as st

from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.evaluation.experiments import EXPERIMENTS
from lrr_core.evaluation.report import Report
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.trace import RefineConfig
from pages import _benchmark_runs as runs
from pages import _choices, _controls, _shared
from pages._jobs import Job, progress_bar
from pages._look import error, escaped

URL = (
    "experiment",
    "problems",
    "run_nodes",
    "run_hops",
    "run_n",
    "run_seed",
)  # keys that the form keeps in the address
SETTINGS = ("step_size", "residual", "thoughts", "rounds", "reference", "sign", "gradient", "momentum", "seed")
KINDS = {"balanced": "balanced", "released": "as released", "file": "own file"}
MOST_PROBLEMS, LARGEST_FILE = 1000, 20  # of a run on the page; MB of an uploaded file of problems
RUN = "this run"


def new_run(folder: ModelFolder) -> None:
    """The sidebar: which experiment, on which problems, under which settings."""
    state = st.session_state
    st.markdown("**New run**")
    titles = {key: found.title for key, found in EXPERIMENTS.items()}
    experiment = _controls.select("Experiment", "experiment", titles, EXPERIMENT)
    st.caption(EXPERIMENTS[experiment].words)
    spot = st.container()
    kinds = KINDS if _shared.benchmark(_shared.DEFAULT_SET).maker is not None else {"file": KINDS["file"]}
    _choices.settle("problems", kinds, next(iter(kinds)))
    chosen_kind = st.radio(
        "Problems", list(kinds), key="problems", format_func=KINDS.get, help=PROBLEMS, horizontal=True, **_controls.BOUND,
    )  # fmt: skip
    own: runs.Own | None = None
    source: dict[str, Any] = {"data": None}
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
        source["data"], source["hash"] = (own.name, own.digest) if own else ("", "")
    else:
        seed = right.number_input(
            "Seed of the problems", 0, 99_999_999, 1, key="run_seed", help=SEED, **_controls.BOUND
        )
        source["seed"] = seed
    st.markdown("**Its settings**")
    _controls.settings_sidebar(
        folder, "step_size", "residual", "thoughts", "rounds", "reference", "checkpoints", "further", "link"
    )  # fmt: skip
    config = RefineConfig.from_dict({key: state[key] for key in SETTINGS})
    names = Checkpoints.of(state)
    order = runs.Order(experiment, config, names, {"experiment": experiment} | source, own)
    with spot:
        start(order, ready=chosen_kind != "file" or own is not None)


def start(order: runs.Order, ready: bool) -> None:
    """What a run will do, and the button for it."""
    arms, missing = runs.arms(_shared.DEFAULT_SET, order)
    n = order.source["limit"] if order.own is None else min(order.source["limit"], len(order.own.loaded.problems))
    job = runs.current()
    busy = job is not None and job.running
    label = "Start another" if busy else "Start"
    if st.button(
        label, key="start_run", type="primary", icon=":material/play_arrow:", width="stretch", disabled=not ready, help=START
    ):  # fmt: skip
        runs.begin(_shared.DEFAULT_SET, order)
        st.session_state.benchmark_wanted = RUN
        st.rerun()
    words = f"{len(arms)} ways to answer × {n} problems = {len(arms) * n:,} answers."
    if missing:
        words += f" Left out, because TILR is not calibrated for these checkpoints: {', '.join(missing)}."
    st.caption(escaped(words))


def own_file(folder: ModelFolder) -> runs.Own | None:
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
        except (ProblemError, runs.OtherSet) as wrong:
            state.own_problems = file.file_id, None, str(wrong)
    _, own, why_not = state.own_problems
    if why_not:
        error(why_not)
        return None
    broken = own.loaded.broken
    words = f"{len(own.loaded.problems)} of {own.loaded.records} records load."
    if broken:
        words += f" The first broken one, {broken[0].where}: {broken[0].reason}"
    st.caption(escaped(words))
    return own


def under_way(job: Job[Report]) -> None:
    """Progress and a way to stop; or a way to go on, and why there is nothing."""
    if job.running:
        looks = st.session_state.get("report") == RUN
        progress_bar("run", job, lambda: answered(job), STOP, job.result, looks)
        return
    if job.error:
        error(job.error)
    else:
        st.info(escaped(stopped(job)), icon=":material/stop_circle:")
    with st.container(horizontal=True):
        st.button(
            "Try again" if job.error else "Go on", key="go_on_run", on_click=runs.go_on, args=(_shared.DEFAULT_SET,),
            icon=":material/play_arrow:", help=GO_ON,
        )  # fmt: skip
        reports = runs.available()
        if first := next(iter(reports), None):
            st.button(
                f"Back to {runs.title(reports[first])}", key="leave_run", on_click=st.session_state.update,
                kwargs={"report": first}, icon=":material/arrow_back:", help=LEAVE,
            )  # fmt: skip


def stopped(job: Job[Report]) -> str:
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


def answered(job: Job[Report]) -> str:
    so_far = f", {job.result.n} problems answered by all" if job.result is not None else ""
    return f"Answering: {job.share:.0%}{so_far}"


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
