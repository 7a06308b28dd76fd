"""Studio: from a run to a figure in a paper. Find a run, compose its figure, take the files. No maths here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lrr_core.analysis import summary
from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.request import RunRequest
from lrr_core.refinement.trace import Trace
from lrr_core.studio.caption import draft
from lrr_core.studio.latex import snippet
from lrr_core.studio.recipe import PANELS, Recipe
from pages import _cases, _choices, _controls, _paper, _recipe, _runs, _shared
from pages._cases import Found, Gallery
from pages._look import answer_text, companion, error, escaped, is_narrow

PATH = _shared.DEFAULT_SET
SOURCES = (_cases.SETTING, _cases.REPORT, _cases.FILE)
IN_BUNDLE = ("pdf", "svg", "png", "html", "tex", "bib", "txt")


def main() -> None:
    folder = _choices.opened(PATH, *_cases.URL, *_recipe.URL)
    head, body, state = st.container(), st.container(), st.session_state
    skeleton = body.skeleton(height=560) if "studio_shown" not in state else None
    gallery, opened = None, None
    with st.sidebar:
        st.markdown("##### 1 · Find a run", help=FROM)
        source = _controls.view("Find a run", "studio_from", SOURCES, width="stretch")
        if source == _cases.REPORT:
            gallery = _cases.report_controls(head)
        elif source == _cases.FILE:
            opened = _cases.file_controls(head, folder)
        else:
            _controls.settings_sidebar(
                folder, "problem", "method", "step_size", "residual", "thoughts", "rounds", "reference", "checkpoints", "further"
            )  # fmt: skip
        foot = st.container()
    _recipe.begin()
    head.markdown("#### From a run to a figure for a paper")
    head.caption(INTRO)
    if source == _cases.SETTING:
        _controls.notes_and_own_text(head)
    else:
        _choices.show_notes(head)
    place = head.container()
    if gallery is not None:
        with place:
            _cases.counts_line(gallery)
            _cases.cards(PATH, gallery)
    waited = not _shared.loading(PATH).done.is_set()
    found = run_of(source, gallery, opened, head)
    if skeleton is not None:
        skeleton.empty()
    with body:
        if found is None:
            nothing(source, gallery)
        else:
            title_of_another(gallery)
            studio(found, folder)
            state.studio_shown = True
    if (
        found is not None and gallery is not None and waited
    ):  # the model came with this run: thumbnails have their curves now
        st.rerun()
    with foot:  # last, so that the link has everything
        _controls.reset_and_link(folder)
    with st.sidebar:
        _shared.device_line(PATH)
    companion("studio")


# --- 1: find ----------------------------------------------------------------------------------------------------------


def run_of(source: str, gallery: Gallery | None, opened: Found | None, head: DeltaGenerator) -> Found | None:
    try:
        if source == _cases.SETTING:
            return _cases.of_setting(PATH)
        if source == _cases.REPORT:
            return _cases.of_case(PATH, gallery, gallery.chosen) if gallery is not None and gallery.chosen else None
        return opened
    except ValueError as wrong:  # ProblemError, GalleryError, ModelError, ConfigError, RefineError: each names the fix
        error(wrong, head)
        return None


def nothing(source: str, gallery: Gallery | None) -> None:
    if source == _cases.FILE and not st.session_state.get("studio_opened"):
        st.info(NO_FILE, icon=":material/upload_file:")
    elif source == _cases.REPORT and gallery is None:
        st.info(NO_REPORT, icon=":material/table_chart:")


def title_of_another(gallery: Gallery | None) -> None:
    """A title belongs to the figure it was typed for: another case of a report starts without one. A setting that is moved keeps
    it, and so does the first figure of a session, which a link may have brought."""
    state = st.session_state
    case = None if gallery is None or gallery.chosen is None else (gallery.key, gallery.label, gallery.chosen.index)
    if case is not None and state.get("studio_case_drawn", case) != case:
        _recipe.change(title="")
    state.studio_case_drawn = case


# --- 2: compose -------------------------------------------------------------------------------------------------------


def studio(found: Found, folder: ModelFolder) -> None:
    trace, state = found.trace, st.session_state
    plain, refined = summary.answer(trace, "plain"), summary.answer(trace, "refined")
    left, right = st.columns([5, 6], vertical_alignment="center")
    left.markdown(f"**{escaped(summary.asked(trace.problem))}**")
    right.markdown(
        f":gray[○ plain] {answer_text(plain)} → :blue[● {summary.refined_name(trace)}] {answer_text(refined)}",
        text_alignment="right",
    )
    possible = impossible_panels(trace)
    kept = tuple(p for p in state.studio_recipe.panels if not possible[p])
    if dropped := [p for p in state.studio_recipe.panels if possible[p]]:
        st.caption(f":material/info: Left out: {', '.join(f'{_recipe.WORDS[p]} ({possible[p]})' for p in dropped)}.")
    if found.typical:
        st.caption(escaped(found.typical))
    if is_narrow():  # one below the other: the figure, what it is made of, its words, its files
        figure, compose, words = st.container(), st.container(), st.container()
    else:
        compose, sheet = st.columns([4, 7], gap="medium")
        figure, words = sheet.container(), sheet.container()
    with compose:
        st.markdown("##### 2 · Compose")
        with st.container(border=True, gap="xsmall"):
            _recipe.panel_controls(possible)
        _recipe.look_controls(len(trace.runs["refined"].states))
        if "map" in kept:
            _controls.map_view(folder, width="stretch")
    with words:
        drafted = draft_of(found, _recipe.standing(kept))
        _recipe.word_controls(drafted)
        _recipe.take(drafted)
        recipe = _recipe.standing(kept)
        export(found, recipe, folder)
    with figure:
        preview(found, recipe)


def impossible_panels(trace: Trace) -> dict[str, str]:
    """Panel -> why it cannot be drawn of this run, "" where it can."""
    why = dict.fromkeys(PANELS, "")
    if trace.problem.graph is None:
        why["graph"] = "this problem has no graph"
    if not trace.problem.candidates:
        why |= dict.fromkeys(("answers", "margin"), "its answer is a number, not one of candidates")
    if _paper.plane_for(trace) is None:
        why["regimes"] = "not computed for this setting; Regimes does it"
    return why


def draft_of(found: Found, recipe: Recipe) -> str:
    try:
        records = _paper.paper_records(found.digest, found.trace, recipe, PATH)
    except ValueError:  # RecipeError and its like: said where the figure would be
        return ""
    return draft(found.trace, recipe, records, found.typical)


def preview(found: Found, recipe: Recipe) -> None:
    try:
        with st.spinner("Drawing …", show_time=False):
            picture = _paper.paper_preview(found.digest, found.trace, recipe, PATH)
    except ValueError as wrong:  # RecipeError: panels that do not fit; or a file that holds what cannot be drawn
        error(wrong)
        return
    width: Any = 430 if recipe.size == "one-column" else "stretch"
    with st.container(border=True, horizontal_alignment="center"):
        st.image(picture, width=width, output_format="PNG", alt=alt(found, recipe))
    high = f"{recipe.preset.width:g} mm wide."
    ready = _shared.warmup(PATH).done.is_set()
    st.caption(
        f"{high} {SAME}" + ("" if ready else " The shared map is still being prepared; until then PCA of this run.")
    )


def alt(found: Found, recipe: Recipe) -> str:
    panels = ", ".join(_recipe.WORDS[p].lower() for p in recipe.panels)
    return f"Paper figure with the panels {panels}. {summary.describe(found.trace)}"


# --- 3: export --------------------------------------------------------------------------------------------------------


def export(found: Found, recipe: Recipe, folder: ModelFolder) -> None:
    st.markdown("##### 3 · Export")
    trace, name = found.trace, "".join(c if c.isalnum() or c in "-_" else "-" for c in found.trace.problem.id)[:60]
    link = _choices.link(folder)
    # read here: the file is made in another thread, which has no session
    request = _choices.request() if st.session_state.studio_from == _cases.SETTING else None

    def file(kind: str) -> Callable[[], str | bytes]:
        if kind == "tex":  # names the picture as it was saved
            return lambda: snippet(recipe, recipe.caption or draft_of(found, recipe), name)
        return lambda: _paper.paper_files(trace, recipe, (kind,), PATH, found.typical)[kind]

    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Bundle (.zip)", lambda: bundle(found, recipe, request, link),
            f"{name}.zip", "application/zip", key="export_bundle", icon=":material/folder_zip:", type="primary",
            on_click="ignore", help=BUNDLE,
        )  # fmt: skip
        for kind, (label, icon, mime, words) in FILES.items():
            st.download_button(
                label, file(kind), f"{name}.{kind}", mime, key=f"export_{kind}", icon=f":material/{icon}:",
                on_click="ignore", help=words,
            )  # fmt: skip
        st.download_button(
            "CSV", lambda: csv(found, recipe), f"{name}.csv", "text/csv", key="export_csv", icon=":material/table:",
            on_click="ignore", help=CSV,
        )  # fmt: skip
        with st.popover("Resolution, label", icon=":material/tune:", help=PRINT):
            _recipe.printing()


def bundle(found: Found, recipe: Recipe, request: RunRequest | None, link: str) -> bytes:
    """request: the setting of the app, where that is the source: it is run afresh, so that it runs again to the same bits."""
    if request is not None:
        found = _cases.to_draw(_runs.run_here(PATH, request))
    return _paper.paper_bundle(found.digest, found.trace, recipe, IN_BUNDLE, PATH, found.typical, link)


def csv(found: Found, recipe: Recipe) -> str:
    """All tables, one below the other, each under its panel's name."""
    tables = _paper.paper_tables(found.digest, found.trace, recipe, PATH)
    return "\n".join(f"# {name}\n{table}" for name, table in tables.items())


FILES = {
    "pdf": ("PDF", "picture_as_pdf", "application/pdf", "Vector figure for a paper; text is real text, its font is embedded."),
    "svg": ("SVG", "shapes", "image/svg+xml", "Vector figure to edit; text stays text."),
    "png": ("PNG", "image", "image/png", "Pixels, at the resolution under Print."),
    "html": ("HTML", "web", "text/html", "The interactive figure in one file of 5 MB; works offline."),
    "gif": ("GIF", "animation", "image/gif", "The run growing thought by thought, for slides; takes some seconds."),
    "webp": ("WebP", "animation", "image/webp", "The same in full colour and smaller; takes some seconds."),
    "tex": ("LaTeX", "function", "text/x-tex", "The figure environment with caption and label; it names the PDF as saved here."),
    "bib": ("BibTeX", "format_quote", "text/x-bibtex", "The method, latent reasoning, and this software."),
}  # fmt: skip

# --- words ------------------------------------------------------------------------------------------------------------

FROM = (
    "**this setting**: the run of the controls below, as on Explore. **a report**: a case out of many problems, with how typical "
    "it is. **a file**: a bundle or trace from somebody."
)
INTRO = (
    "Find a run on the left, choose what to show of it, take the files. What you see is the exported figure itself, and the bundle "
    "holds every number in it, so that anyone can run it again."
)
NO_FILE = "Choose a bundle or a trace on the left. A bundle puts panels, words and settings back as they were."
NO_REPORT = "There is no report yet: measure one on Benchmark, or open a report.json on the left."
SAME = "The files hold this very figure."
BUNDLE = (
    "Figure in all formats, every plotted number as CSV, the run itself, settings, seeds, versions, weights, this page's "
    "address and a README. `python -m lrr_core replay` runs it again; “a file” opens it here."
)
CSV = "Every plotted number, one table a panel. In the bundle they are files of their own."
PRINT = "Resolution of pixels, and the label for LaTeX."

main()
