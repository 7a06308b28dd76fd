"""From a trace to a figure for paper: `draw(trace, recipe, background, plane)` -> matplotlib Figure.

    figure = draw(trace, Recipe(panels=("map", "distances", "graph"), size="one-column"), background)
    export.render(...) writes it as PDF, SVG or PNG

The numbers are those of `records`, the places those of `layout`, what is inside a panel is in `paper_map`, `paper_curves`,
`paper_tokens`, `paper_graph`, `paper_regimes` and `paper_text`. Laws (tests): every value drawn is the record's; no text is smaller
than the recipe's font size, touches another or leaves the sheet; the same call gives the same bytes. Safe in threads: drawing holds
a lock and no global figure exists.
"""

from __future__ import annotations

from typing import Any

from ..analysis.projection import Background
from ..colours import ROLES
from ..refinement.trace import Trace
from ..studies.setting_plane import Plane
from . import paper_curves, paper_graph, paper_map, paper_regimes, paper_text, paper_tokens
from .layout import Place, Wish, arrange
from .look import DOTTED, LOCK, SETTINGS, Cell, Look, cut, width_of, wrap
from .recipe import Recipe, RecipeError
from .records import CurveRecord, Record, plotted

DRAWN_BY = {
    "map": paper_map, "distances": paper_curves, "movements": paper_curves, "answers": paper_curves, "margin": paper_curves,
    "tokens": paper_tokens, "graph": paper_graph, "regimes": paper_regimes, "text": paper_text,
}  # fmt: skip
EDGE = 0.5  # em of empty paper around everything
HEAD = 1.9  # em of a panel's own title
TITLE, LEGEND = 1.35, 1.7  # size of the figure's title in em; height of a line of the legend
HANDLE = 2.3  # em of a sign in the legend
MM = 72 / 25.4


def draw(
    trace: Trace,
    recipe: Recipe,
    background: Background | None = None,
    plane: Plane | None = None,
    moment: tuple[int, int] | None = None,
) -> Any:
    """The figure, with a canvas of its own.

    background: of these weights, else the map is a PCA of this problem's runs; plane: of this problem, for the regimes panel;
    moment: (thought from 0, round) for a frame of a film, which shows the run up to there. Raises RecipeError where panels do not
    fit the size or the trace cannot fill them.
    """
    records = plotted(trace, recipe, background, plane)
    with LOCK:
        return draw_records(records, recipe, moment)


def draw_records(records: dict[str, Record], recipe: Recipe, moment: tuple[int, int] | None = None) -> Any:
    """As `draw`, from records that are made already."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    look, top, places, titles, legend = _composed(records, recipe, moment)
    width, most = recipe.preset.width * MM / look.em, recipe.preset.most * MM / look.em  # em
    height = most if recipe.preset.height else top + max(p.top + p.height for p in places) + EDGE
    with LOCK, matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(width * look.em / 72, height * look.em / 72), facecolor="#FFFFFF")
        FigureCanvasAgg(figure)
        sheet = Cell(figure, look, 0.0, 0.0, width * look.em, height * look.em)
        for i, line in enumerate(titles):
            sheet.write(EDGE, EDGE + 1.35 * TITLE * i, line, size=TITLE, fontweight="bold")
        for i, line in enumerate(legend):
            _legend(sheet, line, top - 0.5 - LEGEND * (len(legend) - i))
        for i, place in enumerate(places):
            letter = f"({chr(ord('a') + i)})" if recipe.letters and len(places) > 1 else ""
            _panel(
                sheet.part(EDGE + place.left, top + place.top, place.width, place.height),
                place,
                records[place.panel],
                letter,
                recipe,
            )
    return figure


def _composed(records: dict[str, Record], recipe: Recipe, moment):
    """Look, top of the panels in em, their places, lines of the title and of the legend: in the largest font that fits."""
    for font in recipe.fonts:
        look = Look(font, recipe.palette, moment)
        width = recipe.preset.width * MM / font - 2 * EDGE
        titles = wrap_bold(recipe.title, width / TITLE) if recipe.title else []
        legend = legend_lines(records, width)
        top = EDGE + (1.35 * TITLE * len(titles) + 0.3 if titles else 0) + (LEGEND * len(legend) + 0.5 if legend else 0)
        wishes = [_wish(name, record, look) for name, record in records.items()]
        try:
            room = recipe.preset.most * MM / font - top - EDGE
            return look, top, arrange(wishes, width, room, fixed=recipe.preset.height is not None), titles, legend
        except RecipeError:
            if font == recipe.fonts[-1]:
                raise


def wrap_bold(words: str, width: float) -> list[str]:
    """Lines of bold words, which are about a seventh wider."""
    return wrap(words, width / 1.16)


def _wish(name: str, record: Record, look: Look) -> Wish:
    least, best, height = DRAWN_BY[name].wish(record, look)
    return Wish(name, least, best, lambda width: tuple(h + HEAD for h in height(width)))


def title_of(record: Record, width: float) -> str:
    """The longest title of a panel that fits."""
    return next((t for t in record.titles if width_of(t, bold=True) <= width), cut(record.titles[-1], width))


def _panel(cell: Cell, place: Place, record: Record, letter: str, recipe: Recipe) -> None:
    indent = width_of(letter, bold=True) + 0.55 if letter else 0.0
    if letter:
        cell.write(0, 0.1, letter, fontweight="bold")
    cell.write(indent, 0.1, title_of(record, cell.wide - indent), fontweight="bold")
    inner = cell.part(0, HEAD, cell.wide, cell.high - HEAD)
    if place.panel == "map":
        paper_map.draw(inner, record, recipe.thought)
    else:
        DRAWN_BY[place.panel].draw(inner, record)


# --- legend -----------------------------------------------------------------------------------------------------------


def legend_lines(records: dict[str, Record], width: float) -> list[list[tuple[str, str]]]:
    """Lines of (kind, words) that explain every sign of the panels once."""
    entries: list[tuple[str, str]] = []
    curves = [r for r in records.values() if isinstance(r, CurveRecord)]
    if "map" in records or curves:
        entries += [("plain", ROLES["plain"].label), ("refined", ROLES["refined"].label)]
    if "map" in records or "distances" in records:
        entries += [("strong", ROLES["strong"].label), ("weak", ROLES["weak"].label)]
    if "map" in records:
        entries += [("push", "contrast push"), ("pull", "residual pull")]
    lines: list[list[tuple[str, str]]] = []
    used = width + 1
    for entry in entries:
        needs = HANDLE + 0.5 + width_of(entry[1]) + 1.2
        if used + needs - 1.2 > width:
            lines.append([])
            used = 0.0
        lines[-1].append(entry)
        used += needs
    return lines


def _legend(sheet: Cell, line: list[tuple[str, str]], top: float) -> None:
    look, middle, left = sheet.look, LEGEND / 2, EDGE
    ax = sheet.axes(0, top, sheet.wide, LEGEND, "legend")
    ax.set_xlim(0, sheet.wide)
    ax.set_ylim(LEGEND, 0)
    for kind, words in line:
        x = [left, left + HANDLE]
        if kind in ("push", "pull"):
            role, width = ("text", 0.17) if kind == "push" else ("muted", 0.13)
            style = {
                "arrowstyle": "-|>,head_width=0.22,head_length=0.4",
                "mutation_scale": look.em,
                "lw": look.line(width),
            }
            style |= {"color": look.colours[role], "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", (x[1], middle), (x[0], middle), arrowprops=style)
        else:
            colour, dotted = look.colours[kind], kind == "plain"
            ax.plot(x, [middle] * 2, ls=DOTTED if dotted else "-", lw=look.line(0.15), color=colour)
            ax.plot(
                [sum(x) / 2], [middle], look.marker(kind), ms=0.8 * look.em, mfc="#FFFFFF" if dotted else colour, mec=colour,
                mew=look.line(0.12),
            )  # fmt: skip
        sheet.write(x[1] + 0.5, top + middle, words, va="center_baseline")
        left = x[1] + 0.5 + width_of(words) + 1.2
