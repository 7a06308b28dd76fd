"""Ladder: gain of refinement against the accuracy of the backbone, and which pairs of references help. No maths here."""

from __future__ import annotations

import json

import streamlit as st

from lrr_core.refinement.trace import REFERENCES
from lrr_core.studies.ladder import BASES
from lrr_core.studies.ladder_words import describe
from lrr_core.studies.ladder_words import name as short
from pages import _choices, _controls, _drawn, _shared

PATH = _shared.DEFAULT_SET


def main() -> None:
    state = st.session_state
    try:
        folder = _shared.folder(PATH)
        ladder = _drawn.ladder(folder.info.name)
    except ValueError as error:  # ModelError, GainsError: each names the fix
        st.error(str(error), icon=":material/error:")
        return
    _choices.begin(folder)
    if values := state.pop("ladder_opened", None):
        open_at(values)
    _choices.show_notes(st)
    st.markdown("#### Where does refinement help at all?")
    st.caption(INTRO)
    if odd := ladder.other_weights(folder.weights(*folder.thinkers())):
        st.warning(
            f"These numbers were measured with other weights for {_shared.escaped(', '.join(odd))} than the set holds now; "
            "measure again with `python -m lrr_core ladder`.",
            icon=":material/warning:",
        )
    told = _drawn.ladder_findings(folder.info.name)
    say(told["gains"])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "Gain over", list(BASES), key="base", default="coconut", required=True, help=BASE,
            format_func=lambda name: f"over {BASES[name]}", label_visibility="collapsed", **_controls.BOUND,
        )  # fmt: skip
        st.segmented_control(
            "A click opens", ["explore", "compare"], key="opens", default="explore", required=True, help=OPENS,
            format_func=lambda page: f"a click opens {page.capitalize()}", label_visibility="collapsed",
            **_controls.BOUND,
        )  # fmt: skip
    st.markdown("##### Gain of refinement against accuracy of the backbone")
    chart("gain", folder.info.name, describe(ladder, told["gains"] + told["controls"]))
    st.caption(GAINS)
    say(told["controls"])
    st.markdown("##### Which strong, which weak?")
    chart("pair", folder.info.name, describe(ladder, told["pairs"]))
    st.caption(PAIRS.format(rung=_shared.escaped(short(ladder.opens_with))))
    say(told["pairs"])
    by_hand(ladder)
    how(ladder, folder)
    _shared.companion("ladder")


def say(sentences: list[str]) -> None:
    st.markdown("\n".join(f"* {sentence}" for sentence in sentences))


def chart(which: str, name: str, alt: str) -> None:
    base = st.session_state.base if st.session_state.base in BASES else "coconut"
    look = {"theme": _shared.theme(), "narrow": _shared.is_narrow(), "base": base}
    st.plotly_chart(
        _drawn.ladder_figure(which, name, **look),
        key=f"ladder_{which}",
        theme=None,
        width="stretch",
        alt=alt,
        on_select=lambda: clicked(f"ladder_{which}"),
        selection_mode="points",
        config={
            "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
            "scrollZoom": False,
            "displaylogo": False,
        },
    )


# --- opening what a point stands for ----------------------------------------------------------------------------------


def clicked(key: str) -> None:
    """A point or a cell: what it stands for is opened on the run that follows."""
    keys = [point.get("customdata") for point in st.session_state[key].selection.points]
    if keys and keys[0]:
        opened = zip(("backbone", "method", "reference", "strong", "weak"), keys[0], strict=True)
        st.session_state.ladder_opened = dict(opened)


def open_at(values: dict) -> None:
    """Explore or Compare at these checkpoints, with the settings that were measured."""
    settings = _drawn.ladder(_shared.folder(PATH).info.name).settings
    kept = {
        key: settings[key]
        for key in ("step_size", "residual", "rounds", "thoughts", "sign", "gradient", "momentum", "seed")
    }
    where = "compare" if st.session_state.get("opens") == "compare" else "explore"
    _controls.go(where, **kept, **values, upto=0)


def by_hand(ladder) -> None:
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
            open_at(chosen | {"backbone": ladder.opens_with, "method": "full"})


# --- how it was made --------------------------------------------------------------------------------------------------


def how(ladder, folder) -> None:
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
