"""The chapters of the Learn page, in order: `CHAPTERS`. Each says a few words, makes one core call and shows one figure.

A chapter is given the model set's folder and its sentence to take home, and returns the choices at which Explore shows the same.
"""

from __future__ import annotations

import streamlit as st

from lrr_core.analysis import summary
from lrr_core.lessons.evidence_figures import Effect, effects_figure
from lrr_core.lessons.feedback_figure import feedback_figure
from lrr_core.lessons.frontier_figure import frontier_figure
from lrr_core.lessons.records import REMAKE, Case, after, described
from lrr_core.lessons.toy_figures import push_figure, readings_figure
from lrr_core.lessons.trap_figures import STEP, depth_figure, map_figure
from lrr_core.models.folder import ModelFolder
from pages import _controls, _drawn, _reference, _runs, _shared
from pages._lesson import ALEX, DAVIS, FAE, PATH, SAM, TEXT, Chapter, chart, measured, note, run_of, say
from pages._look import escaped, look

# --- the chapters -----------------------------------------------------------------------------------------------------


def fed_back(folder: ModelFolder, home: str) -> dict | None:
    say(
        "A language model reasons by writing: every word it writes is read again as its next input. A word is one choice from "
        "a short list; whatever else the model was weighing is not fed back. **Latent reasoning** leaves the word out: the "
        "model's last hidden state, a vector called a *thought*, is fed back as it is."
    )
    trace = run_of(ALEX, folder, "backbone")
    lines = trace.problem.need_graph().sentences()
    with st.container(width=TEXT):
        st.markdown(f"> {escaped(' '.join(lines[:3]))} … **{escaped(summary.asked(trace.problem))}**")
    text, tokens = _runs.text_run(PATH, ALEX)
    alt = (
        f"Text steps {text.written if text else 'missing'}; {folder.info.thoughts} thoughts of {folder.width} numbers."
    )
    chart(feedback_figure(trace, text, tokens, **look()), "fed back", alt, home)
    best = measured("best-small")["best-small"]
    note(
        f"The problem has {len(lines) - 1} sentences of this kind, in any order. Squares are forward passes; the last also reads "
        "the sign that ends the thinking. Under each thought: the words it would say if it had to speak. On problems as short "
        "as these, thoughts save words and not work.",
        f"The text checkpoint was trained far less than the latent one, so read it as a floor: text steps are right in "
        f"{best.rate('cot').text()} of {best.n:,} problems, a bare answer in {best.rate('no_cot').text()}, thoughts in "
        f"{best.rate('coconut').text()}; chance is 50 %.",
    )
    return {"problem": ALEX, "method": "coconut", "backbone": "backbone"}


def frontier(folder: ModelFolder, home: str) -> dict | None:
    say(
        "Read thought *t* as if it were about to be spoken, and it names the places *t* steps from Davis: all of them, at "
        "once. Nothing has to be chosen until the end is in sight. On the right the same model runs with zeros in place of "
        "its thoughts, and all it can do is guess."
    )
    trace = run_of(DAVIS, folder, "backbone")
    alt = "The graph of the problem, shaded by what each thought reads as, beside the same with zero thoughts."
    chart(frontier_figure(trace, **look()), "frontier", alt, home)
    best = measured("best-small")["best-small"]
    note(
        "Fill and number: probability of the node, %. Thick rim: the true frontier. Bars: what it would answer now.",
        "The frontier was **supervised in training**, so finding it here is no discovery. That the answer depends on it is: "
        f"{best.rate('coconut').text()} right with its thoughts, {best.rate('zero_thoughts').text()} with zeros "
        f"({described(best)}; 95 % intervals).",
    )
    return {"problem": DAVIS, "method": "zero_thoughts", "backbone": "backbone"}


def push(folder: ModelFolder, home: str) -> dict | None:
    say(
        "Two more checkpoints look at a thought, a **strong** and a **weak** one. The push adds *s* times the difference "
        "strong − weak. What it climbs down is one bowl taken from another, and that is a ramp: it has no lowest point, so "
        "nothing ever tells the push to stop. Drag *s*; below zero is the sign the paper prints."
    )
    views = {"one": "One thought, many rounds", "two": "Two readings of strong and weak"}
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    with row:
        view = _controls.segments("What to look at", "toy_view", views)
    if view == "one":
        rounds = row.slider("Rounds", 1, 12, 8, key="toy_rounds", width=300, help=ROUNDS, bind="query-params")
        alt = f"A thought pushed {rounds} times along a straight line towards strong and beyond, and the ramp it descends."
        chart(push_figure(rounds, **look()), "push", alt, home)
        note(
            "A toy in the plane, with the method's own arithmetic. Faint lines: equal height of the ramp. Solid: strong and "
            "weak answer once. Dotted: they are asked again after every round, which bends the way but gives it no floor."
        )
        return {"problem": DAVIS, "method": "contrast", "step_size": 0.4, "rounds": 8, "residual": 0.0}
    turn = row.slider(
        "How far a thought moves on, degrees", 10, 150, 110, 10, key="toy_turn", width=300, help=TURN, bind="query-params"
    )  # fmt: skip
    alt = (
        f"Three thoughts of a toy that turns by {turn} degrees, pushed under both readings, and the distance to strong."
    )
    chart(readings_figure(turn, **look()), "readings", alt, home)
    note(
        "*same* corrects this thought by strong's version of it. *next*, the literal reading, corrects it by a forecast of the "
        "following one. Where thoughts hardly move on, both help; where each is far from the last, a forecast points elsewhere."
    )
    return {"problem": DAVIS, "method": "contrast", "step_size": 0.7, "residual": 0.0, "reference": "same"}


def mixing(folder: ModelFolder, home: str) -> dict | None:
    say(
        "The other slider, α, keeps a share of the thought before. That is **memory**, and it costs length: the mean of two "
        "vectors that point different ways is shorter than they are. At α = 1 the first thought stays for ever and the model "
        "guesses. In between it depends on how long the model thinks."
    )
    overrun = measured("overrun")["overrun"]
    alt = "Shares of each proposal, length kept, and accuracy by the number of thoughts, for every residual mix."
    chart(_drawn.lesson_figure("mixing", PATH, **look()), "mixing", alt, home)
    note(
        "The answer lies 2 or 3 steps away. Without mixing the model gets there in 3 to 5 thoughts and loses it again when it "
        "thinks on; with a large α it gets there late and stays. Stopping in time is better still: "
        f"{overrun.rate(after(0, 3)).text()} after 3 plain thoughts. The model was trained with up to six.",
        f"Left and middle: the law, and one real run. Right: {described(overrun)}; differences are paired with α = 0.",
    )
    return {"problem": DAVIS, "method": "residual", "residual": 0.7, "step_size": 0.0, "thoughts": 10}


def controls(folder: ModelFolder, home: str) -> dict | None:
    say(
        "A push that flips an answer proves little: any push of that size might. So every method runs beside its controls, a "
        "**random push of equal length**, strong and weak **swapped**, and no thoughts at all. Drag *n* down: with a hundred "
        "problems almost anything can look like a gain."
    )
    cases = measured("middle-next", "middle-same", "best-small")
    alt = "Accuracy with intervals of four methods and four controls, under both readings, for growing numbers of problems."
    chart(_drawn.lesson_figure("controls", PATH, **look()), "controls", alt, home)
    note(
        f"{described(cases['middle-next'])}. Dashed: the plain run; dotted: chance. Bars: 95 % intervals; differences are paired.",
        f"Under *same* part of the gain is strong answering: strong alone is right in "
        f"{cases['best-small'].rate('coconut').text()} of the same problems.",
    )
    return {"problem": DAVIS, "method": "random_direction"}


def maps(folder: ModelFolder, home: str) -> dict | None:
    say(
        "A map squeezes 192 numbers into two. Here a push goes **twelve equal steps along one straight line**. PCA shows them "
        "equal and straight. On a UMAP they stick, jump and bend, though nothing of the kind happened."
    )
    warm, moves = _shared.warmup(PATH), _drawn.lesson_moves(PATH)
    if moves is None:
        raise ValueError(f"The movements on the map were not measured with these weights; {REMAKE}.")
    if warm.result is None:
        raise ValueError(f"The shared map is being prepared ({warm.words}); open this chapter again in a minute.")
    trace = run_of(SAM, folder, folder.info.opens_with, method="contrast", step_size=STEP)
    both = {kind: _shared.ready_map(PATH, kind, 2) for kind in ("UMAP", "PCA")}
    alt = "One straight walk on a UMAP and on a PCA, the length each step seems to have, and how far a tiny nudge moves points."
    chart(map_figure(trace, both, moves, **look()), "maps", alt, home)
    note(
        f"False convergence: {moves.stuck:.0%} of {len(moves.real)} real pushes (s = {moves.step:g}, about "
        f"{moves.typical:.0f} % of ‖h‖) move less than 0.1 % of the UMAP's width. False jitter: a nudge nobody could see, and "
        f"UMAP's own transform moves half of the thoughts by {moves.jitter:.1f} % of the map or more. This app places a thought by "
        "its neighbours instead, always at the same spot.",
    )
    return {"problem": SAM, "method": "contrast", "step_size": STEP, "residual": 0.0, "rounds": 8}


def trap(folder: ModelFolder, home: str) -> dict | None:
    say(
        "These questions have a back door. In the released files the right answer is always the **deepest** end below whoever "
        "is asked about, so a rule that only counts is mostly right without reading who that is. Press play and watch it count."
    )
    ways = {FAE: "As released", DAVIS: "Balanced"}
    source = _controls.segments("A problem", "trap_problem", ways)
    cases = measured("released", "best-large")
    trace = run_of(source, folder, "backbone")
    titles = {"Released": cases["released"], "Balanced": cases["best-large"]}
    alt = "The graph with hops from the nearest named entity, and accuracies of the rule and the model."
    chart(depth_figure(trace, titles, **look()), f"trap {source}", alt, home)
    note(
        "Where the rule beats the model, a high score says little about reasoning. On balanced problems both candidates are "
        "equally deep and the rule can only guess; that is what this model was trained on and is judged by.",
        "The first problem is made in the style of the released files.",
        f"Released: {described(cases['released'])}. Balanced: {described(cases['best-large'])}.",
    )
    return {"problem": source, "method": "coconut", "backbone": "backbone"}


def verdict(folder: ModelFolder, home: str) -> dict | None:
    say(
        "Help, hurt or nothing? It depends on the model, on how long it thinks and on what strong and weak are asked. Every "
        "line is measured on fresh problems against the plain run of the same model on the same problems."
    )
    cases = measured(*PUSHES, "middle-next", "best-large", "overrun")
    alt = "Differences to the plain run in points with intervals: " + "; ".join(
        f"{e.what}, {e.where}: {e.difference.text()}, {e.difference.verdict}" for e in effects(cases)
    )
    chart(effects_figure(effects(cases), **look()), "effects", alt, home)
    note(
        f"n = {cases['middle-next'].n:,} a line, {cases['overrun'].n} for the last two; bars are 95 % intervals. Hollow: a random "
        "push of equal length instead. "
        f"{half_trained(folder)} One training, one draw of problems: signs and sizes are this model's. A finished model "
        "is right so often that little is left to refine."
    )
    return {"problem": DAVIS}


def half_trained(folder: ModelFolder) -> str:
    """Which checkpoint the lines call half-trained, where the set says how long it was trained."""
    steps = [folder.info.members.get(name, {}).get("step") for name in (folder.info.opens_with, "backbone")]
    return "Half-trained: step {:,} of {:,}.".format(*steps) if all(steps) else ""


def effects(cases: dict[str, Case]) -> list[Effect]:
    """The lines of the last chapter: every push beside a random one of equal length, then residual mixing."""
    lines = []
    for name, (what, where) in PUSHES.items():
        case = cases[name]
        random = case.difference("random_direction", "coconut")
        lines.append(Effect(what, where, case.difference("contrast", "coconut"), random))
    for what, where, name, a, b in (
        ("Mix, α = 0.2", "half-trained, small graphs", "middle-next", "residual", "coconut"),
        ("Mix, α = 0.2", "finished, large graphs", "best-large", "residual", "coconut"),
        ("Mix, α = 0.7, 3 thoughts", "half-trained, small graphs", "overrun", after(0.7, 3), after(0, 3)),
        ("Mix, α = 0.7, 10 thoughts", "half-trained, small graphs", "overrun", after(0.7, 10), after(0, 10)),
    ):
        lines.append(Effect(what, where, cases[name].difference(a, b)))
    return lines


PUSHES = {
    "push-middle-next": ("Push, s = 0.2, next", "half-trained, small graphs"),
    "push-middle-next-large": ("Push, s = 1, next", "half-trained, small graphs"),
    "push-middle-same": ("Push, s = 0.7, same", "half-trained, small graphs"),
    "push-best-next": ("Push, s = 0.2, next", "finished, small graphs"),
}


def words(folder: ModelFolder, home: str) -> dict | None:
    _reference.show()
    return None


ROUNDS = "How often the thought is pushed. The paper uses one round."
TURN = "The backbone turns a thought by this angle to make the next one; strong turns 14 degrees further, weak 18 less."

CHAPTERS = {
    "words-or-thoughts": Chapter(
        "What is fed back",
        "Thinking in vectors instead of words",
        "A text step hands on one word; a thought hands on the whole state behind it.",
        fed_back,
    ),
    "frontier": Chapter(
        "A search inside a thought",
        "One thought can hold a whole search frontier",
        "The search happens inside the thoughts: blank them, and the model only guesses.",
        frontier,
    ),
    "push": Chapter(
        "The push: step size s",
        "The push goes straight on and never arrives",
        "A small push in a good direction helps; a large enough one always overshoots, because nothing on the way says stop.",
        push,
    ),
    "mix": Chapter(
        "The memory: residual mix α",
        "Keeping a share of the thought before",
        "Memory helps a model that thinks longer than it needs, and hurts one that needs every thought.",
        mixing,
    ),
    "controls": Chapter(
        "Direction, or just a push?",
        "Is it the direction, or just a push?",
        "Believe in a direction only where a random push of the same length does worse.",
        controls,
    ),
    "maps": Chapter(
        "How to misread a map",
        "A map can show what never happened",
        "On a UMAP only neighbourhood means anything: read movement and rest off the curves.",
        maps,
    ),
    "trap": Chapter(
        "A trap in the questions",
        "The answer can be guessed without reading the question",
        "A score means something only beside the score of a rule that does not reason.",
        trap,
    ),
    "verdict": Chapter(
        "Help, hurt or nothing",
        "When the two sliders help, hurt or do nothing",
        "There is no setting that always helps: measure it on your model, beside its controls.",
        verdict,
    ),
    "reference": Chapter("Words and formulae", "Words, formulae, sources", "", words),
}
