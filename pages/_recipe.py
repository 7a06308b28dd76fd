"""How the figure of the Studio is composed: a `Recipe` in the session, its controls, and its keys in the address.

The recipe is the truth; controls are set from it when they appear and read back after. What differs from the first recipe stands
in the address under `studio_…`, so a link carries it; what comes from there is checked like everything from outside.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import streamlit as st

from lrr_core.studio.recipe import (
    DPI,
    FONT,
    MOST_CAPTION,
    MOST_TITLE,
    PALETTES,
    PANELS,
    REGIMES,
    SIZES,
    Recipe,
    RecipeError,
)
from pages._look import error

FIRST = Recipe()
KEYS = tuple(f.name for f in fields(Recipe) if f.name != "map")  # the map is chosen for the whole app
URL = tuple(f"studio_{name}" for name in KEYS)
SWITCHES = ("letters", "zoom")
UP, DOWN, OUT = "Move up", "Move down", "Take out"  # what can be done with a panel
WORDS = {
    "map": "Map of thoughts",
    "distances": "Distances",
    "movements": "Movements",
    "answers": "Probability",
    "margin": "Margin",
    "tokens": "Decoded tokens",
    "graph": "Graph per thought",
    "regimes": "Regimes",
    "text": "Problem and answers",
}


def begin() -> None:
    """The recipe of this session: what was kept, with what the address says where that has changed (a link, back, forward)."""
    state, query = st.session_state, st.query_params
    recipe = state.get("studio_recipe", FIRST)
    for name in KEYS:
        key = f"studio_{name}"
        there, written = query.get(key, ""), state.get(f"written_{key}", "")
        if there and there != written:  # an empty one is left alone: another page drops what it does not show
            try:
                recipe = replace(recipe, **{name: _read(name, there)})
            except (RecipeError, ValueError):
                state.link_notes = [*state.get("link_notes", []), f"{key} cannot be “{there[:40]}”"]
            forget(name)
    state.studio_recipe = replace(recipe, map=state.map)
    write()


def write() -> None:
    """Puts what differs from the first recipe into the address."""
    recipe, state = st.session_state.studio_recipe, st.session_state
    for name in KEYS:
        key, value = f"studio_{name}", getattr(recipe, name)
        text = "" if value == getattr(FIRST, name) else _written(name, value)
        if text and len(text) <= 1500:
            if st.query_params.get(key) != text:
                st.query_params[key] = text
        else:
            st.query_params.pop(key, None)
        state[f"written_{key}"] = text


def _written(name: str, value: Any) -> str:
    if name == "panels":
        return ",".join(value)
    if name in SWITCHES:
        return "1" if value else "0"
    return "all" if value is None else f"{value:g}" if isinstance(value, int | float) else value


def _read(name: str, text: str) -> Any:
    if name == "panels":
        return tuple(text.split(","))
    if name in SWITCHES:
        return text != "0"
    if name in ("thought", "dpi"):
        return None if text == "all" else int(text)
    if name == "font_size":
        return None if text == "all" else float(text)
    return text


def forget(*names: str) -> None:
    """Controls of these settings (all without any) start again from the recipe."""
    for name in names or KEYS:
        st.session_state.pop(f"c_{name}", None)


def restore(recipe: Recipe) -> None:
    """Takes over a recipe from a bundle, before any control stands."""
    st.session_state.update(studio_recipe=recipe, map=recipe.map)
    forget()
    write()


def change(**values: Any) -> None:
    st.session_state.studio_recipe = replace(st.session_state.studio_recipe, **values)
    forget(*values)


# --- controls ---------------------------------------------------------------------------------------------------------


def arrange(name: str) -> None:
    """Does with a panel what its menu was asked for."""
    panels, asked = list(st.session_state.studio_recipe.panels), st.session_state[f"panel_{name}"]
    at = panels.index(name)
    del panels[at]
    if asked != OUT:
        panels.insert(at - 1 if asked == UP else at + 1, name)
    change(panels=tuple(panels))


def add() -> None:
    if name := st.session_state.get("c_add"):
        change(panels=(*st.session_state.studio_recipe.panels, name))
        st.session_state.c_add = None


def panel_controls(possible: dict[str, str]) -> None:
    """The chosen panels in order, each a menu of ways up, down and out; below them what else there is. possible: panel -> why
    it cannot be drawn of this run, "" where it can. Words, not icons: Streamlit would have an icon spoken by its own name."""
    panels = st.session_state.studio_recipe.panels
    for i, name in enumerate(panels):
        ways = [way for way, open in ((UP, i > 0), (DOWN, i < len(panels) - 1), (OUT, len(panels) > 1)) if open]
        with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
            st.markdown(f":gray[{chr(ord('a') + i)}]", width=16)
            st.menu_button(
                WORDS[name], ways or [OUT], key=f"panel_{name}", help=PANELS[name][0].upper() + PANELS[name][1:] + ".",
                on_click=arrange, args=(name,), disabled=not ways, width="stretch",
            )  # fmt: skip
    left = [name for name in PANELS if name not in panels and not possible[name]]
    if left:
        st.pills("Add a panel", left, key="c_add", format_func=lambda n: f"+ {WORDS[n]}", on_change=add, help=ADD)


def look_controls(thoughts: int) -> None:
    """Size, font, palette, letters, and what single panels show; thoughts: T of the run."""
    recipe = st.session_state.studio_recipe
    _set("size", recipe.size)
    st.selectbox("Size", list(SIZES), key="c_size", format_func=lambda s: SIZES[s].words, help=SIZE, on_change=_resized)
    left, right = st.columns(2, vertical_alignment="bottom")
    _set("font_size", recipe.font_size)
    left.number_input(
        "Font, points",
        *FONT,
        key="c_font_size",
        step=0.5,
        format="%.1f",
        placeholder="fitting",
        help=FONTS,
    )
    _set("letters", recipe.letters)
    right.toggle("Letters (a), (b) …", key="c_letters")
    _set("palette", recipe.palette)
    st.segmented_control(
        "Palette",
        list(PALETTES),
        key="c_palette",
        format_func=str.capitalize,
        required=True,
        width="stretch",
        help=PALETTE,
    )
    if "map" in recipe.panels:
        _set("thought", (recipe.thought or 0) if (recipe.thought or 0) <= thoughts else 0)
        st.selectbox(
            "Push and pull on the map", range(thoughts + 1), key="c_thought",
            format_func=lambda t: f"at thought {t}" if t else "at every thought",
        )  # fmt: skip
        _set("zoom", recipe.zoom)
        st.toggle("Close-up of the map", key="c_zoom", help=ZOOM)
    if "regimes" in recipe.panels:
        _set("regimes", recipe.regimes)
        st.selectbox(
            "Regimes show",
            list(REGIMES),
            key="c_regimes",
            help="\n".join(f"* **{k}**: {v}" for k, v in REGIMES.items()),
        )


def _resized() -> None:
    """Another size has a font of its own."""
    change(size=st.session_state.c_size, font_size=None)


def word_controls(draft: str, typical: str = "") -> str:
    """Title and caption; returns the caption as it stands. draft: the one made of the run's numbers; what was not edited
    follows it."""
    state, recipe = st.session_state, st.session_state.studio_recipe
    _set("title", recipe.title)
    st.text_input("Title", key="c_title", max_chars=MOST_TITLE, placeholder="none", help=TITLE)
    _set("caption", recipe.caption or draft)
    if state.c_caption == state.get("studio_draft") != draft:
        state.c_caption = draft
    state.studio_draft = draft
    st.text_area("Caption", key="c_caption", max_chars=MOST_CAPTION, height=132, help=CAPTION)
    edited = state.c_caption.strip() not in ("", draft)
    with st.container(horizontal=True):
        st.button(
            "Draft again", key="draft_again", icon=":material/refresh:", on_click=change, kwargs={"caption": ""},
            disabled=not edited, help=DRAFT,
        )  # fmt: skip
        st.button(
            "Reset the figure",
            key="reset_figure",
            icon=":material/restart_alt:",
            on_click=restore,
            args=(FIRST,),
            help=AFRESH,
        )
    return state.c_caption.strip() or draft


def take(draft: str) -> Recipe:
    """The recipe as the controls stand, kept in session and address."""
    state, recipe = st.session_state, st.session_state.studio_recipe
    for name in KEYS:
        if name == "panels" or (value := state.get(f"c_{name}", recipe)) is recipe:
            continue
        if name == "thought":
            value = value or None
        if name == "caption":
            value = "" if value.strip() == draft else value.strip()
        try:
            recipe = replace(recipe, **{name: value})
        except RecipeError as wrong:  # the LaTeX label is the one thing that is typed freely
            error(wrong)
    state.studio_recipe = recipe
    write()
    return recipe


def standing(panels: tuple[str, ...]) -> Recipe:
    """The recipe as it is drawn: the controls as they stand, with those of its panels that this run can fill."""
    state = st.session_state
    now = {
        name: state[f"c_{name}"]
        for name in ("size", "font_size", "palette", "letters", "zoom", "regimes")
        if f"c_{name}" in state
    }
    return replace(state.studio_recipe, panels=panels or ("text",), map=state.map, **now)


def _set(name: str, value: Any) -> None:
    if f"c_{name}" not in st.session_state:
        st.session_state[f"c_{name}"] = value


def printing() -> None:
    """What only files need: resolution and the label of the LaTeX figure."""
    recipe = st.session_state.studio_recipe
    _set("dpi", recipe.dpi)
    _set("label", recipe.label)
    st.number_input("Resolution, dpi", *DPI, key="c_dpi", step=50, help=RESOLUTION)
    st.text_input("LaTeX label", key="c_label", max_chars=80, help=LABEL)


ADD = "What else can be shown of this run. Panels are laid out in the order of the list above."
SIZE = "Where the figure goes. Widths are those of the printed page, so nothing needs scaling afterwards."
FONTS = "Points of the smallest text on the printed page. Empty: the largest that fits."
PALETTE = (
    "House: the colours of the app; Okabe-Ito: the published colour-blind-safe palette; Grey: for print without colour. Markers "
    "and dashes tell everything apart as well."
)
ZOOM = "The part of the map around the runs; off: all of it, with every thought of the background."
TITLE = "A line above the panels. Papers usually leave it out: the caption says it."
CAPTION = "Drafted from the numbers of the run; edit it as you like. It goes into the LaTeX file and the bundle."
DRAFT = "Throws your edit away and writes the caption from the run's numbers."
AFRESH = "Panels, look and words as they were at first; the run stays."
RESOLUTION = "Of PNG and of the moving picture. PDF and SVG have none: they are drawn at any size."
LABEL = "What \\ref{…} names in the paper."
