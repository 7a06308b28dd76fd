"""A figure as files: `render(trace, recipe, "pdf", background, plane)` -> bytes. The same call gives the same bytes.

PDF and SVG hold real text in an embedded TrueType font and no date; PNG has the recipe's dpi; HTML is the figure of the screen,
whole in one file that asks for nothing from outside; GIF and WebP are the run growing thought by thought (`film`); TeX, BibTeX and
TXT are the words around it.
"""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .. import __version__
from ..analysis.fitting import run_map
from ..analysis.projection import Background
from ..analysis.summary import asked, describe
from ..figures.explore import explore_figure
from ..refinement.trace import Trace
from ..studies.setting_plane import Plane
from .caption import caption_of
from .film import film
from .latex import bibtex, snippet
from .look import LOCK, SETTINGS
from .paper import draw_records
from .recipe import Recipe, RecipeError
from .records import plotted

MAKER = f"lrr_core {__version__}"


@dataclass(frozen=True)
class Format:
    """mime: its type for a browser; words: what it is, for a list; write: what makes it."""

    mime: str
    words: str
    write: Callable[..., bytes]


def render(
    trace: Trace,
    recipe: Recipe,
    format: str,
    background: Background | None = None,
    plane: Plane | None = None,
    typical: str = "",
) -> bytes:
    """One file of a figure. format: a key of FORMATS; the rest as in `paper.draw`; typical: a line for the caption."""
    return files(trace, recipe, (format,), background, plane, typical)[format]


def files(
    trace: Trace,
    recipe: Recipe,
    formats: Iterable[str],
    background: Background | None = None,
    plane: Plane | None = None,
    typical: str = "",
) -> dict[str, bytes]:
    """Several files of one figure, format -> bytes; its numbers are made once. Raises RecipeError for an unknown format."""
    formats = tuple(formats)
    if unknown := [name for name in formats if name not in FORMATS]:
        raise RecipeError(f"No format called {unknown[0]!r}; choose one of {', '.join(FORMATS)}.")
    records = plotted(trace, recipe, background, plane)
    return {name: FORMATS[name].write(trace, recipe, records, background, typical) for name in formats}


# --- pictures ---------------------------------------------------------------------------------------------------------


def figure_bytes(figure, format: str, recipe: Recipe, title: str = "") -> bytes:
    """A matplotlib figure of `paper.draw` as pdf, svg or png."""
    import matplotlib

    named = {"Title": title} if title else {}
    metadata = {
        "pdf": {"Creator": MAKER, "Producer": MAKER, "CreationDate": None} | named,
        "svg": {"Creator": MAKER, "Date": None} | named,
        "png": {"Software": MAKER} | named,
    }[format]
    out = io.BytesIO()
    with LOCK, matplotlib.rc_context(SETTINGS):
        figure.savefig(out, format=format, dpi=recipe.dpi, metadata=metadata)
    return out.getvalue()


def _picture(format: str) -> Callable[..., bytes]:
    def write(trace: Trace, recipe: Recipe, records, background, typical: str) -> bytes:
        with LOCK:
            return figure_bytes(draw_records(records, recipe), format, recipe, recipe.title or describe(trace))

    return write


def _film(format: str) -> Callable[..., bytes]:
    return lambda trace, recipe, records, background, typical: film(records, recipe, format)


# --- the page ---------------------------------------------------------------------------------------------------------

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ margin: 2rem auto; max-width: 900px; padding: 0 1rem; color: #24292f; background: #ffffff;
  font: 15px/1.5 "Source Sans 3", "Segoe UI", "Helvetica Neue", Arial, sans-serif; }}
h1 {{ font-size: 1.3rem; }} footer {{ color: #59636e; margin-top: 2rem; font-size: .85rem; }}
</style></head>
<body>
<h1>{title}</h1>
{figure}
<p>{caption}</p>
<footer>{maker}</footer>
</body>
</html>
"""


def _page(trace: Trace, recipe: Recipe, records, background: Background | None, typical: str) -> bytes:
    m = run_map(trace) if background is None else background.map(recipe.map, 2)
    figure = explore_figure(trace, m, at=recipe.thought or len(trace.runs["refined"].states))
    # Plotly's own script goes into the file, and no identifier is drawn by chance
    drawn = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        include_mathjax=False,
        div_id="thoughts",
        auto_play=False,
        config={"displaylogo": False, "responsive": False},
    )
    words = {
        "title": recipe.title or asked(trace.problem),
        "caption": caption_of(trace, recipe, records, typical),
        "maker": MAKER,
    }
    return PAGE.format(figure=drawn, **{key: html.escape(value) for key, value in words.items()}).encode()


# --- the words --------------------------------------------------------------------------------------------------------


def _tex(trace: Trace, recipe: Recipe, records, background, typical: str) -> bytes:
    return snippet(recipe, caption_of(trace, recipe, records, typical)).encode()


def _bib(trace: Trace, recipe: Recipe, records, background, typical: str) -> bytes:
    return bibtex(recipe).encode()


def _txt(trace: Trace, recipe: Recipe, records, background, typical: str) -> bytes:
    return (caption_of(trace, recipe, records, typical) + "\n").encode()


FORMATS: dict[str, Format] = {
    "pdf": Format("application/pdf", "PDF, text embedded as TrueType", _picture("pdf")),
    "svg": Format("image/svg+xml", "SVG with editable text", _picture("svg")),
    "png": Format("image/png", "PNG at the chosen dpi", _picture("png")),
    "html": Format("text/html", "the interactive figure in one file, works offline", _page),
    "gif": Format("image/gif", "the run growing thought by thought, animated", _film("gif")),
    "webp": Format("image/webp", "the same, smaller and in full colour", _film("webp")),
    "tex": Format("text/x-tex", "LaTeX snippet with caption and label", _tex),
    "bib": Format("text/x-bibtex", "BibTeX of the method and of this software", _bib),
    "txt": Format("text/plain", "the caption", _txt),
}
