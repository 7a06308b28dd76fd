"""Explore: one problem, thought by thought. Sidebar → one core call → one figure → show; no maths here."""

from __future__ import annotations

import streamlit as st

from lrr_core import summary
from lrr_core.prosqa import ProblemError
from lrr_core.trace import CONTROLS, GRADIENTS, METHODS, REFERENCES, SIGNS
from pages import _shared

PATH = _shared.DEFAULT_SET
OWN_TEXT = (
    "Tom is a cat. Every cat is a mammal. Every mammal is an animal. Rex is a trout. Every trout is a fish. "
    "Every fish is a swimmer. Is Tom a swimmer or animal?"
)


def main() -> None:
    head, chart, below = st.container(), st.container(), st.container()
    hello = skeleton = None
    if "problem" not in st.session_state:  # something to look at while torch is imported
        hello = head.empty()
        hello.markdown("#### Reading a problem …")
        skeleton = chart.skeleton(height=660)
    try:
        models = _shared.model_set(PATH)
    except ValueError as error:
        chart.error(str(error), icon=":material/error:")
        return
    warm = _shared.warmup(PATH)
    set_defaults(models.info)
    choice = sidebar(models)
    text = own_text(head) if choice["source"] == _shared.OWN else ""
    try:
        trace = _shared.run(PATH, text=text, complete=False, **choice)  # the controls follow when the figure stands
    except ValueError as error:  # ProblemError, ModelError, ConfigError, RefineError: each names the fix
        where = head if isinstance(error, ProblemError) else chart
        where.error(str(error), icon=":material/error:")
        return
    st.session_state.step_note.caption(summary.step_text(trace, models.width))
    if hello is not None:
        hello.empty()
    header(head, trace)
    with head.container(horizontal=True, vertical_alignment="center"):
        kind = st.segmented_control(
            "Map", ["UMAP", "PCA"], key="map", required=True, label_visibility="collapsed", help=MAP
        )
        dims = st.segmented_control(
            "Dimensions", [2, 3], key="dims", required=True, format_func="{}-D".format, label_visibility="collapsed"
        )
        line = st.container(width="content")
    warm.done.wait(0 if st.session_state.get("drawn") else 1.5)
    figure = _shared.figure(
        trace,
        PATH,
        kind,
        dims,
        theme=_shared.theme(),
        narrow=_shared.is_narrow(),
        at=st.session_state.upto,
        thoughts=st.session_state.thoughts,
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
    st.session_state.drawn = True
    trace = _shared.run(PATH, text=text, **choice)
    with line:
        controls_line(trace)
    with below:
        details(trace, models.info)
        _shared.companion(f"{trace.problem.id} {st.session_state.upto}")
    if not warm.done.is_set():
        waiting(PATH)
    elif warm.error:
        below.caption(
            f"The shared map could not be made ({_shared.escaped(warm.error)}); PCA of this problem is shown."
        )


# --- sidebar ----------------------------------------------------------------------------------------------------------

CHART = {"modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"], "scrollZoom": False}
MAP = "UMAP shows who is near whom; PCA is linear: lengths along its two axes are real, everything else is dropped."


def start_values(info) -> dict:
    """Every control and the value it starts from; Reset goes back here."""
    members = info.defaults | {}
    return {
        "problem": next(iter(_shared.example_ids())),
        "draw": 0,
        "text": OWN_TEXT,
        "method": members.get("method", "full"),
        "step_size": float(members.get("step_size", 0.2)),
        "residual": float(members.get("residual", 0.1)),
        "thoughts": int(members.get("thoughts", info.thoughts)),
        "rounds": int(members.get("rounds", 1)),
        "reference": members.get("reference", "next"),
        "sign": members.get("sign", "descent"),
        "gradient": members.get("gradient", "detached"),
        "momentum": float(members.get("momentum", 0.0)),
        "seed": int(members.get("seed", 0)),
        "backbone": info.opens_with,
        "strong": "strong",
        "weak": "weak",
        "upto": None,
        "map": "UMAP",
        "dims": 2,
    }


def set_defaults(info) -> None:
    for key, value in start_values(info).items():
        st.session_state.setdefault(key, value)


def reset(info) -> None:
    st.session_state.update(start_values(info))


def another() -> None:
    st.session_state.update(problem=_shared.RANDOM, draw=st.session_state.draw + 1, upto=None)


def own() -> None:
    st.session_state.update(problem=_shared.OWN, upto=None)


def step_on() -> None:
    st.session_state.upto = min((st.session_state.upto or 0) + 1, st.session_state.thoughts)


def run_all() -> None:
    st.session_state.upto = None


def sidebar(models) -> dict:
    """All controls; returns the arguments of `_shared.run` besides path and text."""
    info, state = models.info, st.session_state
    members = [name for name in models.members if name not in ("cot", "no_cot")]
    examples = _shared.example_ids()
    with st.sidebar:
        names = examples | {_shared.RANDOM: f"random problem no. {state.draw}", _shared.OWN: "my own text"}
        st.selectbox("Problem", list(names), key="problem", format_func=names.get, help=PROBLEM, on_change=run_all)
        left, right = st.columns(2)
        left.button("Another", key="another", on_click=another, icon=":material/casino:", width="stretch", help=ANOTHER)
        right.button("Own text", key="own", on_click=own, icon=":material/edit:", width="stretch", help=OWN)
        st.selectbox("Method", list(METHODS | CONTROLS), key="method", format_func=summary.method_label, help=METHOD)
        st.caption((METHODS | CONTROLS)[state.method])
        mixes, pushes = _shared.uses(state.method)
        st.slider("Step size s", 0.0, 2.0, step=0.05, key="step_size", help=STEP_SIZE, disabled=not pushes)
        state.step_note = st.empty()
        st.slider("Residual mix α", 0.0, 1.0, step=0.05, key="residual", help=RESIDUAL, disabled=not mixes)
        left, right = st.columns(2)
        left.slider("Thoughts T", 1, info.thoughts + 4, key="thoughts", help=THOUGHTS, on_change=run_all)
        right.slider("Rounds K", 1, 8, key="rounds", help=ROUNDS, disabled=not pushes)
        left.button("Step", key="step", on_click=step_on, icon=":material/step:", width="stretch", help=STEP)
        right.button(
            "Run all", key="run_all", on_click=run_all, icon=":material/fast_forward:", width="stretch", help=RUN
        )
        st.segmented_control(
            "References",
            list(REFERENCES),
            key="reference",
            help=REFERENCE,
            disabled=not pushes,
            width="stretch",
            required=True,
        )
        label = lambda name: summary.member_label(name, info.members.get(name, {}), short=True)  # noqa: E731
        measured = summary.measured_on(info.members)
        st.selectbox("Backbone", members, key="backbone", format_func=label, help=f"{BACKBONE} {measured}")
        st.selectbox("Strong ▲", members, key="strong", format_func=label, help=STRONG)
        st.selectbox("Weak ▼", members, key="weak", format_func=label, help=WEAK)
        with st.popover("More choices", icon=":material/tune:", width="stretch"):
            st.radio("Sign", list(SIGNS), key="sign", format_func=words, captions=list(SIGNS.values()), help=SIGN)
            st.radio(
                "Gradient",
                list(GRADIENTS),
                key="gradient",
                format_func=words,
                captions=list(GRADIENTS.values()),
                help=GRADIENT,
            )
            st.slider("Momentum β", 0.0, 0.95, step=0.05, key="momentum", help=MOMENTUM)
            st.number_input("Seed", 0, 9999, key="seed", help="Decides the random directions of that control.")
        st.button(
            "Reset",
            key="reset",
            on_click=reset,
            args=(info,),
            icon=":material/restart_alt:",
            width="stretch",
            help=RESET,
        )
        st.caption(f"{info.title or info.name} · running on {models.device}, {models.dtype_name}")
    settings = ("method", "step_size", "residual", "rounds", "reference", "sign", "gradient", "momentum", "seed")
    return {key: state[key] for key in settings} | {
        "thoughts": state.upto or state.thoughts,
        "source": state.problem,
        "draw": state.draw if state.problem == _shared.RANDOM else 0,
        **{key: state[key] for key in ("backbone", "strong", "weak")},
    }


def words(name: str) -> str:
    return name.replace("_", " ")


def own_text(head) -> str:
    return head.text_area("Your problem in plain English", key="text", height=110, help=OWN)


# --- main column ------------------------------------------------------------------------------------------------------


def header(head, trace) -> None:
    """The question on the left, the answer before and after on the right."""
    say, plain, refined = _shared.escaped, summary.answer(trace, "plain"), summary.answer(trace, "refined")
    left, right = head.columns([5, 6], vertical_alignment="center")
    left.markdown(f"#### {say(summary.asked(trace.problem))}")
    right.markdown(f":gray[○ plain] {said(plain)} → :blue[● refined] {said(refined)}", text_alignment="right")
    head.caption(INTRO)
    if trace.problem.renamed:
        pairs = ", ".join(f"{theirs} → {ours}" for theirs, ours in trace.problem.renamed)
        head.caption(f"Names the model does not know stand for names it does: {say(pairs)}")


def said(answer) -> str:
    """An answer in Markdown: name, probability, and a mark in the colour of right or wrong."""
    colour = {True: "green", False: "red", None: "gray"}[answer.right]
    return f"**{_shared.escaped(answer.name)} {answer.p:.0%}** :{colour}[**{answer.mark}**]"


def controls_line(trace) -> None:
    parts = [
        f"{summary.run_name(name)} {said(summary.answer(trace, name))}"
        for name in _shared.CONTROLS_SHOWN
        if name in trace.runs
    ]
    st.markdown(f":small[:gray[controls:] {' · '.join(parts)}]", help=CONTROL_LINE, width="content")


def details(trace, info) -> None:
    st.caption(
        "The true frontier was **supervised in training**: thought t was trained to hold every node t hops away, so seeing it "
        "here is not a discovery. " + opening_note(info)
    )
    tabs = {"Answers, before and after": answers, "Tokens per thought": tokens, "Run details and download": about}
    for tab, fill in zip(st.tabs(list(tabs), key="tab", on_change="rerun"), tabs.values(), strict=True):
        if tab.open:  # tables cost the browser as much as the chart: only the one that is seen
            with tab:
                fill(trace)


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


@st.fragment(run_every=1.0)
def waiting(path: str) -> None:
    """Says what the warm-up does, and redraws the page once when the map is there."""
    warm = _shared.warmup(path)
    if warm.done.is_set():
        st.rerun()
    st.caption(
        f":material/hourglass_top: Preparing the shared map ({warm.status}); until then PCA of this problem is shown."
    )


# --- help texts -------------------------------------------------------------------------------------------------------

INTRO = (
    "Before it answers, the model thinks in vectors, not words. The sliders push each thought; ▶ play shows its search."
)
PROBLEM = (
    "A graph told in sentences, and one question: which of two things follows? Small ones first, then larger ones."
)
ANOTHER = "Draws a new balanced problem: 12 to 15 nodes, 2 or 3 hops."
METHOD = "What is done to each thought before it is fed back.\n\n" + summary.method_help()
STEP_SIZE = (
    "How far each thought is pushed: the fraction of the difference strong − weak that is added in each round. 0 pushes "
    "nothing; above 1 usually overshoots. The paper's η grows with the width of the model, s does not."
)
RESIDUAL = (
    "How much of the previous thought is mixed into the next one. 0 mixes nothing, 1 keeps the first thought for ever."
)
THOUGHTS = "How many thoughts the model thinks before it answers. Each can look one hop further."
ROUNDS = "How often each thought is pushed before it is fed back. The paper uses one round."
STEP = "Runs one thought more and shows what the model would answer now."
RUN = "Runs all thoughts."
REFERENCE = "What strong and weak are asked.\n\n" + "\n".join(f"* **{k}**: {v}" for k, v in REFERENCES.items())
BACKBONE = "The checkpoint that thinks and answers."
STRONG = "Thoughts are pushed towards what this checkpoint makes of them."
WEAK = "Thoughts are pushed away from what this checkpoint makes of them. The same as strong: no push at all."
SIGN = "The published equation and the described intent disagree; try both."
GRADIENT = "Whether strong and weak count as fixed points, or are differentiated through."
MOMENTUM = "How much of the earlier pushes carries on. 0: none."
RESET = "Everything back to the start."
OWN = (
    'Write a problem yourself: sentences such as "Tom is a cat." and "Every cat is a mammal.", then one question with two '
    "candidates."
)
CONTROL_LINE = (
    "Zero thoughts: the answer if every thought is blanked. Random direction: pushes of the same length in a random "
    "direction. A refinement means something only where these do worse."
)

main()
