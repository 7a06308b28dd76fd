"""Commands of the studio: figures for paper from a trace, or from the cases of a report; a bundle run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..models.checkpoints import Checkpoints
from ..refinement.methods import FULL
from .options import DEFAULT_SET, PROGRAM, REGIMES, Device, Models, bar, opened, say

if TYPE_CHECKING:
    from ..analysis.projection import Background
    from ..refinement.trace import Trace
    from ..studies.setting_plane import Plane
    from ..studio.recipe import Recipe


def figure(
    trace: Annotated[Path | None, typer.Option(help="A trace (.npz), made by `refine --out`.")] = None,
    gallery: Annotated[Path | None, typer.Option(help="A report instead: one figure per case.")] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="Where the figure goes; its ending says the format; may be repeated. A folder for a gallery."
        ),
    ] = None,
    panels: Annotated[
        str | None,
        typer.Option(help="Panels in order: map,distances,movements,answers,margin,tokens,graph,regimes,text."),
    ] = None,
    size: Annotated[str | None, typer.Option(help="one-column (84 mm), two-column (174 mm), slide or poster.")] = None,
    font_size: Annotated[
        float | None, typer.Option(help="Points of the smallest text.", show_default="by size")
    ] = None,
    palette: Annotated[str | None, typer.Option(help="house, okabe-ito or grey.")] = None,
    letters: Annotated[bool | None, typer.Option(help="(a), (b), … above the panels.")] = None,
    title: Annotated[str | None, typer.Option(help="A line above the panels.")] = None,
    caption: Annotated[str | None, typer.Option(help="The words below.", show_default="drafted from the run")] = None,
    map: Annotated[str | None, typer.Option(help="UMAP or PCA.")] = None,
    thought: Annotated[
        int | None, typer.Option(help="The thought whose push and pull are drawn.", show_default="all")
    ] = None,
    regimes: Annotated[
        str | None, typer.Option(help="Reading of the plane: regions, margin, flips or 'random pushes'.")
    ] = None,
    dpi: Annotated[int | None, typer.Option(help="Of PNG; of films at most what a slide shows.")] = None,
    label: Annotated[str | None, typer.Option(help="Of the LaTeX figure.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe (JSON) that the options above then change.")] = None,
    models: Models = DEFAULT_SET,
    device: Device = "auto",
    top: Annotated[int, typer.Option(help="Of a gallery: how many cases.")] = 12,
    arm: Annotated[str | None, typer.Option(help="Of a gallery: which arm of the report, such as full.")] = None,
    flip: Annotated[str, typer.Option(help="Of a gallery: gained, lost, unchanged or any.")] = "any",
    order: Annotated[str, typer.Option(help="Of a gallery: margin, up, down or report.")] = "margin",
    formats: Annotated[str, typer.Option(help="Of a gallery: formats of every figure, comma-separated.")] = "pdf",
):
    """Draw a trace for paper: PDF, SVG, PNG, HTML, GIF, WebP, LaTeX, BibTeX or the caption (TXT); or the cases of a report."""
    from ..studio.recipe import RecipeError

    if (trace is None) == (gallery is None):
        raise RecipeError("Give either a run by --trace FILE or a report by --gallery FILE.")
    if not out:
        raise RecipeError("Give at least one --out FILE, such as fig.pdf; its ending says the format.")
    given = {
        "panels": panels and tuple(p.strip() for p in panels.split(",") if p.strip()),
        "size": size, "font_size": font_size, "palette": palette, "letters": letters, "title": title, "caption": caption,
        "map": map, "thought": thought, "regimes": regimes, "dpi": dpi, "label": label,
    }  # fmt: skip
    chosen = _recipe(recipe, {name: value for name, value in given.items() if value is not None})
    if trace is not None:
        _one(trace, chosen, out, models, device, as_asked=panels is not None or recipe is not None)
    else:
        if len(out) != 1:
            raise RecipeError("A gallery goes to one folder; give --out once.")
        _many(
            gallery, chosen, out[0], models, device, top, arm, flip, order, tuple(f.strip() for f in formats.split(","))
        )


def replay(
    bundle: Annotated[Path, typer.Argument(help="A bundle.zip made by the Studio page.")],
    models: Models = DEFAULT_SET,
    device: Device = "auto",
):
    """Run a bundle again and draw its files again; says "identical", or exactly where it differs.

    Exit code 0: the same numbers and the same files; 1: it differs; 2: the bundle cannot be used.
    """
    from ..models.opened import ModelSet
    from ..studio.bundle import open_bundle
    from ..studio.replay import replay as run

    found = open_bundle(bundle)  # before the seconds that loading a model takes
    with opened(ModelSet, models, device) as held:
        result = run(found, held, REGIMES)
    print("\n".join(result.lines()))
    if not result.identical:
        raise typer.Exit(1)


def _recipe(path: Path | None, given: dict) -> Recipe:
    import json

    from ..studio.recipe import Recipe, RecipeError

    if path is None:
        return Recipe.from_dict(given)
    try:
        kept = json.loads(path.read_text())
    except ValueError as error:
        raise RecipeError(
            f'{path} is not a recipe ({error}); it is a JSON object such as {{"size": "one-column"}}.'
        ) from None
    if not isinstance(kept, dict):
        raise RecipeError(f"{path} holds a {type(kept).__name__}; a recipe is a JSON object.")
    return Recipe.from_dict(kept | given)


def _one(path: Path, recipe: Recipe, out: list[Path], models: Path, device: str, as_asked: bool) -> None:
    """as_asked: the panels were chosen; else those of them that this run can fill are drawn."""
    from dataclasses import replace

    from ..refinement.trace import Trace
    from ..studio.export import FORMATS
    from ..studio.recipe import RecipeError
    from ..studio.records import check, fillable

    for file in out:
        if file.suffix.lower().removeprefix(".") not in FORMATS:
            endings = ", ".join(f".{name}" for name in FORMATS)
            raise RecipeError(f"--out {file} has no ending that names a format; use one of {endings}.")
    trace = Trace.load(path)
    if not as_asked:
        recipe = replace(recipe, panels=fillable(trace, recipe.panels))
    check(trace, recipe)
    background = _background(trace, recipe, models)
    _write(trace, recipe, out, background, _plane(trace, recipe, models, device))


def _write(trace: Trace, recipe: Recipe, out: list[Path], background, plane, typical: str = "") -> None:
    from ..storage import replacing
    from ..studio.caption import caption_of
    from ..studio.export import files
    from ..studio.latex import snippet
    from ..studio.records import plotted

    kinds = {file: file.suffix.lower().removeprefix(".") for file in out}
    made = files(trace, recipe, dict.fromkeys(kinds.values()), background, plane, typical)
    for file, kind in kinds.items():
        data = made[kind]
        if kind == "tex":  # names the picture that lies beside it
            caption = caption_of(trace, recipe, plotted(trace, recipe, background, plane), typical)
            data = snippet(recipe, caption, file.stem).encode()
        with replacing(file) as beside:
            beside.write_bytes(data)
        print(file)


def _background(trace: Trace, recipe: Recipe, models: Path) -> Background | None:
    """The map of the set whose weights the trace was made with; None, and a word why, where there is none."""
    from ..models.folder import ModelError, ModelFolder
    from ..models.shipped import find_background

    try:
        found = find_background(ModelFolder(models))
    except ModelError as error:
        found = None
        say(str(error))
    if found is not None and found.fits(trace.identity):
        return found
    if "map" in recipe.panels:
        say(
            f"{models} has no map of this trace's weights: the map is a PCA of its own runs (`{PROGRAM} map` fits one)."
        )
    return None


def _plane(trace: Trace, recipe: Recipe, models: Path, device: str) -> Plane | None:
    """The plane of the trace's problem where a panel shows it: shipped or kept, else computed with the set, else None."""
    from ..studio.regime_record import find_plane, plane_marks

    if "regimes" not in recipe.panels or not (marks := plane_marks(trace)):
        return None
    if (found := find_plane(trace, REGIMES)) is not None:
        return found
    from ..models.folder import ModelError  # torch is loaded only where something is computed
    from ..models.opened import ModelSet
    from ..studies.measure_planes import problem_plane
    from ..studies.setting_plane import kept_file

    names = Checkpoints.of(trace.identity)
    try:
        with opened(ModelSet, models, device) as held:
            if held.weights(*dict.fromkeys(names)) != {name: trace.identity["members"][name] for name in names}:
                say(f"{models} holds other weights than the trace's, so no plane of its problem can be computed.")
                return None
            say("No plane of this problem is kept yet: running it at every setting.")
            with bar("round") as shown:

                def progress(done: int, total: int) -> None:
                    shown.total, shown.n = total, done
                    shown.refresh()

                plane, _ = problem_plane(held, trace.problem, trace.config, names, progress=progress)
    except ModelError as error:
        say(str(error))
        return None
    try:
        plane.save(kept_file(marks))
    except OSError as error:  # it costs only the time to compute it again
        say(f"The plane could not be kept: {error}")
    return plane


def _many(
    report: Path, recipe: Recipe, folder: Path, models: Path, device: str, top: int, arm, flip, order, formats
) -> None:
    """One figure per case of a report and index.csv, which says how typical each is."""
    from ..evaluation.cases import flips
    from ..evaluation.report import load
    from ..models.opened import ModelSet
    from ..storage import csv_text, write_text
    from ..studio import gallery
    from ..studio.export import FORMATS
    from ..studio.recipe import RecipeError

    if top < 1:
        raise RecipeError(f"--top must be 1 or more, not {top}.")
    if unknown := [name for name in formats if name not in FORMATS]:
        raise RecipeError(f"No format called {unknown[0]!r}; choose from {', '.join(FORMATS)}.")
    data = load(report)
    known = gallery.labels(data)
    arm = arm or (FULL if FULL in known or not known else known[0])
    cases = gallery.cases(data, arm, flip=flip, order=order)[:top]
    if not cases:
        raise RecipeError(f"No case of {arm} in {report} has flip {flip!r}; choose another --flip or --arm.")
    c = flips(data, arm)
    say(f"{arm}: {len(c.gained)} of {c.n} turned right, {len(c.lost)} wrong; {gallery.control_line(c)}.")
    rows = []
    with opened(ModelSet, models, device) as held:
        for place, case in enumerate(cases, 1):
            trace, typical = gallery.trace_of(held, data, case), gallery.typical(data, case)
            stem = f"{place:02d}-{_safe(case.id)}"
            out = [folder / f"{stem}.{name}" for name in formats]
            _write(
                trace, recipe, out, _background(trace, recipe, models), _plane(trace, recipe, models, device), typical
            )
            rows.append(
                {
                    "figure": out[0].name,
                    "problem": case.id,
                    "arm": case.label,
                    "flip": case.flip,
                    "right": int(case.right),
                    "hops": case.hops,
                    "margin before": case.before,
                    "margin after": case.after,
                    "change": case.change,
                    "random push answers the same": case.random,
                    "typical": typical,
                }
            )
    print(write_text(folder / "index.csv", csv_text(rows, digits=6)))


def _safe(name: str) -> str:
    """A problem's id as a file name."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:60]
