"""From a trace to the numbers that are plotted: one frozen record per panel, and nothing is drawn from anything else.

    records = plotted(trace, recipe, background, plane)     panel -> record, in the recipe's order
    records["distances"].lines                              what the panel draws
    record_csv(records["distances"])                        the same numbers as a tidy table

The paper figure draws these records, a bundle writes them out, and a test holds them against what the figure on the screen
draws of the same trace. Axis letters as in the whole house: T thought, K round, D width; N nodes, C candidates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..analysis.curves import curves
from ..analysis.fitting import run_map
from ..analysis.projection import Background, Map
from ..analysis.summary import readers_names
from ..refinement.trace import Trace
from ..storage import csv_text
from ..studies.setting_plane import Plane
from .problem_records import GraphRecord, TextRecord, TokenRecord, graph_record, text_record, token_record
from .recipe import Recipe, RecipeError
from .regime_record import RegimeRecord, regime_record

MOST_BACKGROUND = 1200  # points, as on the screen: enough to show the shape
LEAST = 0.3  # of the map's width and height: no section is so small that the map around is lost
PATHS = ("weak", "strong", "plain", "refined")  # in the order they are drawn, the refined run on top


@dataclass(frozen=True)
class MapRecord:
    """Where everything lies on a map of two dimensions.

    kind: UMAP or PCA; own: whether it is a map of this problem alone; background: (N, 2) thoughts of other problems; paths:
    run -> (T, 2) of the fed thoughts; proposed: (T, 2) what the backbone proposed; rounds: (T, K+1, 2) the refined run,
    round 0 after residual mixing; near: run -> (T,) distance to the nearest background thought, 1 is typical; limits: of both
    axes; zoom: whether these are a section around the runs and not the whole map; quality: its quality in words;
    reading: what may be read off it.
    """

    kind: str
    own: bool
    background: np.ndarray
    paths: dict[str, np.ndarray]
    proposed: np.ndarray
    rounds: np.ndarray
    near: dict[str, np.ndarray]
    limits: tuple[tuple[float, float], tuple[float, float]]
    quality: str
    reading: str
    zoom: bool = False

    @property
    def titles(self) -> tuple[str, ...]:
        """From long to short."""
        return f"Map of thoughts ({self.kind})", f"Thoughts ({self.kind})", self.kind

    def rows(self) -> list[dict]:
        rows = [{"what": "background", "thought": "", "round": "", "x": x, "y": y} for x, y in self.background]
        for name, path in self.paths.items():
            rows += [
                {"what": name, "thought": t, "round": "", "x": x, "y": y, "nearest": near}
                for t, ((x, y), near) in enumerate(zip(path, self.near[name], strict=True), 1)
            ]
        rows += [
            {"what": "proposed", "thought": t, "round": "", "x": x, "y": y} for t, (x, y) in enumerate(self.proposed, 1)
        ]
        return rows + [
            {"what": "refined round", "thought": t, "round": k, "x": x, "y": y}
            for t, places in enumerate(self.rounds, 1)
            for k, (x, y) in enumerate(places)
        ]


@dataclass(frozen=True)
class Line:
    """One curve: values (T,), NaN where there is none. name: as on the screen; short: beside the curve; role: its colour and
    marker; run: plain (dotted) or refined (solid)."""

    name: str
    short: str
    role: str
    run: str
    values: np.ndarray


@dataclass(frozen=True)
class CurveRecord:
    """Curves over thoughts 1 … T. panel: a key of PANELS; unit: of the values; log: whether the axis is logarithmic; level: a
    value that is marked (chance, zero), None for none; level_name: what it is."""

    panel: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    log: bool = False
    level: float | None = None
    level_name: str = ""

    @property
    def titles(self) -> tuple[str, ...]:
        short = {"distances": "Distances", "movements": "Movement", "answers": "Answer", "margin": "Margin"}
        return self.title, short[self.panel]

    def rows(self) -> list[dict]:
        return [
            {"curve": line.name, "run": line.run, "thought": t, "value": value, "unit": self.unit}
            for line in self.lines
            for t, value in enumerate(line.values, 1)
        ]


Record = MapRecord | CurveRecord | TokenRecord | GraphRecord | RegimeRecord | TextRecord


def plotted(
    trace: Trace, recipe: Recipe, background: Background | None = None, plane: Plane | None = None
) -> dict[str, Record]:
    """The records of the recipe's panels, in its order.

    background: of these weights, else the map is a PCA of this problem's own runs; plane: of this problem, else the panel
    says that there is none. Raises RecipeError where the trace cannot fill a panel or has no such thought.
    """
    check(trace, recipe)
    return {name: MAKERS[name](trace, recipe, background, plane) for name in recipe.panels}


def check(trace: Trace, recipe: Recipe) -> None:
    """Raises RecipeError where the trace cannot fill the recipe's panels."""
    thoughts = len(trace.runs["refined"].states)
    if not thoughts:
        raise RecipeError("A run without thoughts has nothing to draw; give at least one thought (--thoughts).")
    if recipe.thought is not None and recipe.thought > thoughts:
        raise RecipeError(f"thought must lie between 1 and {thoughts} for this run, not {recipe.thought}.")
    if "graph" in recipe.panels and trace.problem.graph is None:
        others = ",".join(name for name in recipe.panels if name != "graph") or "text"
        raise RecipeError(f"{trace.problem.id} has no graph; leave that panel out: --panels {others}.")
    if not trace.problem.candidates and (weighed := [name for name in recipe.panels if name in WEIGHED]):
        others = ",".join(name for name in recipe.panels if name not in WEIGHED) or "text"
        raise RecipeError(
            f"{trace.problem.id} has no candidates for {', '.join(weighed)}; leave it out: --panels {others}."
        )


WEIGHED = ("answers", "margin")  # panels about candidates, which a free answer has none of


def fillable(trace: Trace, panels: tuple[str, ...]) -> tuple[str, ...]:
    """`panels` with those left out that this trace cannot fill, and decoded tokens in place of a graph."""
    if trace.problem.graph is None:
        panels = tuple("tokens" if name == "graph" else name for name in panels)
    if not trace.problem.candidates:
        panels = tuple(name for name in panels if name not in WEIGHED)
    return tuple(dict.fromkeys(panels)) or ("text",)


def map_record(trace: Trace, recipe: Recipe, background: Background | None, plane: Plane | None = None) -> MapRecord:
    own = background is None
    m = run_map(trace) if own else background.map(recipe.map, 2)
    runs = [trace.runs[name] for name in PATHS]
    refined = runs[-1]
    fed = np.stack([run.thoughts for run in runs], 1)  # (T, 4, D)
    # one call for all: (T, 4 + 1 + K+1, 2)
    places = m.place(np.concatenate([fed, refined.proposed[:, None], refined.states], 1))
    every = max(1, -(-len(m.points) // MOST_BACKGROUND))
    return MapRecord(
        kind=m.kind,
        own=own,
        background=np.zeros((0, 2)) if own else np.asarray(m.points[::every], float),
        paths={name: places[:, i] for i, name in enumerate(PATHS)},
        proposed=places[:, len(PATHS)],
        rounds=places[:, len(PATHS) + 1 :],
        near=dict(zip(PATHS, m.neighbour_distance(fed).T, strict=True)),
        limits=around(places.reshape(-1, 2), m.ranges()) if recipe.zoom or own else m.ranges(),
        quality=quality(m, own),
        reading=m.reading,
        zoom=recipe.zoom and not own,
    )


def around(places: np.ndarray, whole: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Limits that hold all places with a margin of a fifth, at least `LEAST` of the whole map on each axis."""
    out = []
    for values, (low, high) in zip(places.T, whole, strict=True):
        first, last = float(values.min()), float(values.max())
        half = max(0.7 * (last - first), 0.5 * LEAST * (high - low))
        out.append(((first + last) / 2 - half, (first + last) / 2 + half))
    return tuple(out)


def quality(m: Map, own: bool = False) -> str:
    """The map's quality in words."""
    if own:
        return f"of this problem's own runs; explained variance {m.quality:.2f}"
    return m.measured


def distance_record(trace: Trace, *_) -> CurveRecord:
    measured = {run: curves(trace, run) for run in ("plain", "refined")}
    lines = tuple(
        Line(f"{run} to {name}", f"to {name}", name, run, getattr(c, f"to_{name}")[:, -1])
        for name in ("weak", "strong")
        for run, c in measured.items()
    )
    return CurveRecord("distances", "Distance to strong and weak", "units of the hidden state", lines)


def movement_record(trace: Trace, *_) -> CurveRecord:
    """Movements of the refined run; what is exactly zero has no place on a logarithmic axis and is NaN."""
    refined = curves(trace, "refined")

    def line(name: str, short: str, role: str, field: str) -> Line:
        percent = refined.percent(field)
        return Line(name, short, role, "refined", np.where(percent > 0, percent, np.nan))

    lines = (
        line("step change, refined", "step", "plain", "step_change"),
        line("push", "push", "text", "push"),
        line("deviation from plain", "deviation", "refined", "deviation"),
    )
    return CurveRecord("movements", "Movement of the refined run", "% of ‖h‖", lines, log=True)


def answer_record(trace: Trace, *_) -> CurveRecord:
    """Probability of the right candidate (the first where nobody knows it) and, with more than two, of its best rival."""
    names, right = readers_names(trace.problem), trace.problem.answer or 0
    candidates = [names[c] for c in trace.problem.candidates]
    if len(candidates) < 2:
        raise RecipeError(f"{trace.problem.id} has no candidates to choose from; leave the panel 'answers' out.")
    lines: list[Line] = []
    for run in ("plain", "refined"):
        p = curves(trace, run).candidate_p  # (T, C)
        lines.append(Line(f"{run}: {candidates[right]}", candidates[right], run, run, p[:, right]))
        if len(candidates) > 2:
            rival = int(np.nanargmax(np.where(np.arange(len(candidates)) == right, -1, p[-1])))
            lines.append(Line(f"{run}: {candidates[rival]}", candidates[rival], "wrong", run, p[:, rival]))
    level = 1 / len(candidates)
    return CurveRecord(
        "answers", f"Probability of {candidates[right]}", "probability", tuple(lines), level=level, level_name="chance"
    )


def margin_record(trace: Trace, *_) -> CurveRecord:
    lines = tuple(Line(f"{run} margin", run, run, run, curves(trace, run).margin) for run in ("plain", "refined"))
    return CurveRecord("margin", "Answer margin", "nats", lines, level=0.0)


MAKERS: dict[str, Callable[..., Record]] = {
    "map": map_record,
    "distances": distance_record,
    "movements": movement_record,
    "answers": answer_record,
    "margin": margin_record,
    "tokens": token_record,
    "graph": graph_record,
    "regimes": regime_record,
    "text": text_record,
}


def record_csv(record: Record) -> str:
    """A record as a tidy table: one row per plotted thing, numbers to nine digits."""
    return csv_text(record.rows(), digits=9)
