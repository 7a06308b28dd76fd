"""Ladder: gain of refinement against the accuracy of the backbone, and which pairs of references help. No maths here."""

from __future__ import annotations

import json
from functools import partial

import streamlit as st

from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.methods import FULL, PLAIN
from lrr_core.refinement.trace import REFERENCES
from lrr_core.studies.ladder import BASES, Ladder
from lrr_core.studies.ladder_words import describe
from lrr_core.studies.ladder_words import name as short
from pages import _choices, _controls, _drawn, _shared
from pages._look import clicked, companion, error, escaped, look, plot

PATH = _shared.DEFAULT_SET


def main() -> None:
    state = st.session_state
    folder = _choices.opened(PATH, "base", "opens")
    name = folder.info.name
    try:
        ladder = _drawn.ladder(name)
    except ValueError as wrong:  # GainsError: it names the fix
        error(wrong)
        return
    if values := state.pop("ladder_opened", None):
        open_at(values)
    _choices.show_notes(st.container())
    st.markdown("#### Where does refinement help at all?")
    st.caption(INTRO)
    if odd := ladder.other_weights(folder.weights(*folder.thinkers())):
        st.warning(
            f"These numbers were measured with other weights for {escaped(', '.join(odd))} than the set holds now; "
            "measure again with `python -m lrr_core ladder`.",
            icon=":material/warning:",
        )
    findings = _drawn.ladder_findings(name)
    as_list(findings["gains"])
    with st.container(horizontal=True, vertical_alignment="center"):
        base = _controls.view("Gain over", "base", {key: f"over {words}" for key, words in BASES.items()}, BASE)
        pages = {page: f"a click opens {page.capitalize()}" for page in ("explore", "compare")}
        _controls.view("A click opens", "opens", pages, OPENS)
    for which, title, below in (
        ("gain", "##### Gain of refinement against accuracy of the backbone", GAINS),
        ("pair", "##### Which strong, which weak?", PAIRS.format(rung=escaped(short(ladder.opens_with)))),
    ):
        found = findings["controls" if which == "gain" else "pairs"]
        st.markdown(title)
        figure = _drawn.ladder_figure(which, name, **look(), base=base if base in BASES else PLAIN)
        alt = describe(ladder, findings["gains"] + found if which == "gain" else found)
        plot(figure, f"ladder_{which}", alt, partial(remember, f"ladder_{which}"))
        st.caption(below)
        as_list(found)
    by_hand(ladder)
    how(ladder, folder)
    companion("ladder")


def as_list(sentences: list[str]) -> None:
    st.markdown("\n".join(f"* {sentence}" for sentence in sentences))


# --- opening what a point stands for ----------------------------------------------------------------------------------


def remember(key: str) -> None:
    """A point or a cell: what it stands for is opened on the run that follows."""
    if values := clicked(key):
        opened = zip(("backbone", "method", "reference", "strong", "weak"), values, strict=True)
        st.session_state.ladder_opened = dict(opened)


def open_at(values: dict) -> None:
    """Explore or Compare at these checkpoints, with the settings that were measured."""
    settings = _drawn.ladder(_shared.folder(PATH).info.name).settings
    kept = {
        key: settings[key]
        for key in ("step_size", "residual", "rounds", "thoughts", "sign", "gradient", "momentum", "seed")
    }
    where = "compare" if st.session_state.get("opens") == "compare" else "explore"
    _controls.open_page(where, **kept, **values, upto=0)


def by_hand(ladder: Ladder) -> None:
    """The same without a mouse."""
    with st.form("by_hand"):
        st.markdown("Open a pair without clicking a cell")
        left, middle, right = st.columns(3)
        rungs = list(ladder.rungs)
        chosen = {
            "strong": left.selectbox("Strong ▲", rungs, len(rungs) - 1, format_func=short, key="hand_strong"),
            "weak": middle.selectbox("Weak ▼", rungs, 0, format_func=short, key="hand_weak"),
            "reference": right.segmented_control(
                "References", list(REFERENCES), default="next", required=True, key="hand_ref"
            ),
        }
        if st.form_submit_button("Open", icon=":material/open_in_new:", help=OPENS):
            open_at(chosen | {"backbone": ladder.opens_with, "method": FULL})


# --- how it was made --------------------------------------------------------------------------------------------------


def how(ladder: Ladder, folder: ModelFolder) -> None:
    source, c = ladder.source, ladder.settings
    nodes, hops = ("–".join(map(str, source[key])) for key in ("nodes", "hops"))
    st.caption(
        f"Measured on {source['n']:,} fresh balanced problems of {nodes} nodes and {hops} hops (seed {source['seed']:,}); "
        f"the pairs on the first {source['n_pairs']:,} of them. Settings are the set's defaults, chosen on other problems and "
        f"not tuned on these: s = {c['step_size']:g}, α = {c['residual']:g}, K = {c['rounds']}, T = {c['thoughts']}. "
        f"Chance is {100 * ladder.chance:.0f} %."
    )
    with st.expander("Every number, and how to measure it again"):
        st.code(
            f"python -m lrr_core ladder --limit {source['n']} --pair-limit {source['n_pairs']} --seed {source['seed']}",
            "bash",
        )
        st.dataframe(
            _drawn.ladder_table(folder.info.name), hide_index=True, alt="Every measured setting with its intervals"
        )
        st.download_button(
            "Numbers (.csv)",
            lambda: _drawn.ladder_csv(folder.info.name),
            f"ladder-{folder.info.name}.csv",
            icon=":material/table:",
            on_click="ignore",
            help="One row per setting, with problems, settings and weights in comment lines.",
        )
        st.json(json.dumps(ladder.identity), expanded=False)


# --- help texts -------------------------------------------------------------------------------------------------------

INTRO = (
    "Refinement needs room: a backbone that guesses has nothing to refine, and one that is always right has nothing to gain. "
    "Here every checkpoint of the training is the backbone once, beside the controls a gain has to beat. With **next**, "
    "strong and weak are asked what they make of the current thought, a forecast of the next one; with **same**, for their own "
    "version of this very thought."
)
BASE = (
    "Over the plain run: all that refinement changes. Over residual mixing alone: what the push adds to it, which is where "
    "strong and weak come in."
)
OPENS = "Where a clicked point or cell leads: Explore shows one method thought by thought, Compare all of them side by side."
GAINS = (
    "Points of accuracy gained on the same problems, with 95 % intervals of the paired difference; points of one backbone stand a "
    "little apart so that they can be told apart. A gain of the refinement means something where the random push of the same "
    "length and the swapped pair do worse. Click a point to open it."
)
PAIRS = (
    "The backbone is {rung}, where the app opens. Green: more right answers, red: fewer; bold numbers stand out after allowing for "
    "the number of cells, the grey ones may be chance. On the dotted diagonal strong and weak are the same, so nothing is pushed "
    "and only residual mixing is left. The frame marks the set's own pair. Click a cell to open it."
)

main()
