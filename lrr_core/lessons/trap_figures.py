"""Two ways to be fooled: a map that shows movement where there is none, and questions that answer themselves.

`map_figure` walks one straight line of equal steps over a UMAP and a PCA; `depth_figure` plays a rule that never looks at
who is asked about. Both beside the numbers that give the trap away.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..analysis.curves import curves, norm
from ..analysis.projection import Map
from ..analysis.summary import readers_names
from ..colours import ROLES, rgba, written
from ..figures.explore import AnimatedFigure
from ..figures.graph_panel import graph_panel, graph_ranges
from ..figures.panels import map_panel, plain_text
from ..refinement.trace import Trace
from .laws import map_width, named_depths, straight_walk, strides
from .records import Case, MapMoves, Rate
from .stage import Box, Stage

STEPS, STEP = 12, 0.25  # of the straight walk: equal steps, each s (g - b)
WALKED = 0  # the thought (from 0) the walk starts from


# --- how to misread a map ---------------------------------------------------------------------------------------------


def map_figure(
    trace: Trace, maps: dict[str, Map], moves: MapMoves, theme: str = "light", narrow: bool = False
) -> AnimatedFigure:
    """The same run on every map of `maps` (two), and a push taken in equal steps along one straight line.

    Below: how long each step looks on each map, and how far a nudge far too small to see moves a point.
    """
    stage = Stage(480, 1186, theme, True) if narrow else Stage(840, 586, theme)
    boxes = [(2, 50, 474, 320), (2, 430, 474, 320)] if narrow else [(2, 50, 402, 300), (434, 50, 402, 300)]
    length: Box = (44, 830, 424, 110) if narrow else (44, 436, 356, 112)
    nudge: Box = (112, 1036, 350, 110) if narrow else (534, 436, 290, 112)
    run = trace.runs["refined"]
    start, g, b = run.states[WALKED, 0], run.strong[WALKED, 0], run.weak[WALKED, 0]
    walk = straight_walk(start, g, b, STEP, STEPS)
    real = 100 * strides(walk)[0] / norm(start)
    layout: dict[str, Any] = {}
    places: dict[str, Any] = {}
    looks: dict[str, Any] = {}
    still = []
    for number, (box, (kind, m)) in enumerate(zip(boxes, maps.items(), strict=True), 2):
        framed = {"showline": True, "linecolor": stage.ink.grid, "mirror": True}
        across, up = m.ranges()
        layout |= stage.axes(number, box, across, up, xaxis=framed, yaxis=framed)
        panel = map_panel(trace, m, theme)
        shown = {"thoughts of other problems", ROLES["plain"].label}
        still += [t | {"xaxis": f"x{number}", "yaxis": f"y{number}"} for t in panel.still if t.get("name") in shown]
        places[kind] = m.place(walk)
        looks[kind] = 100 * strides(places[kind]) / map_width(m)
        still.append(stage.words(box[0], box[1] - 36, f"<b>{kind}</b>", 15))
    layout |= _length_axes(stage, length, looks)
    still += _lengths(stage, length, looks)
    layout |= _nudge_axes(stage, nudge)
    still += _nudges(stage, nudge, moves)

    def moving(i: int) -> list[dict]:
        out = []
        for number, (box, kind) in enumerate(zip(boxes, maps, strict=True), 2):
            taken = places[kind][: i + 1]
            size = [7] * (len(taken) - 1) + [13]
            marker = {"symbol": "circle", "size": size, "color": stage.ink.text, "line": {"width": 0}}
            line = {"color": stage.ink.text, "width": 2}
            path = stage.mark(number, taken[:, 0], taken[:, 1], "lines+markers", marker=marker, line=line)
            out.append(path | {"name": f"straight walk, {kind}"})
            words = (
                f"step {i}: looks like <b>{looks[kind][i - 1]:.2g} %</b> of the map" if i else "it begins at thought 1"
            )
            out.append(stage.words(box[0] + 60, box[1] - 36, words, 12.5, stage.ink.muted))
        now = [float(looks[kind][max(i, 1) - 1]) for kind in maps]
        ring = {"symbol": "circle-open", "size": 11, "color": stage.ink.text, "line": {"width": 2}}
        out.append(stage.mark(4, [max(i, 1)] * 2, now, marker=ring, name="cursor"))
        truth = f"in truth: twelve equal steps on one straight line, each {real:.0f} % of ‖h‖"
        out.append(stage.words(0, length[1] - 54, truth, 12.5, stage.ink.muted))
        return out

    labels = ["start", *(f"step {i}" for i in range(1, STEPS + 1))]
    return stage.film(still, moving, layout, labels, STEPS, 500, title=f"maps {trace.problem.id}")


def _length_axes(stage: Stage, box: Box, looks: dict[str, np.ndarray]) -> dict:
    top = 1.15 * max(float(v.max()) for v in looks.values())
    words = {"text": "step", "font": {"size": 11, "color": stage.ink.muted}, "standoff": 2}
    x = {"dtick": 1, "title": words, "showticklabels": True}
    return stage.axes(4, box, (0.6, STEPS + 0.4), (0, top), False, xaxis=x, yaxis={"nticks": 4})


def _lengths(stage: Stage, box: Box, looks: dict[str, np.ndarray]) -> list[dict]:
    """Apparent length of every step, one line per map."""
    out = [stage.words(0, box[1] - 30, "<b>How long each step looks</b>, in % of the map", 13)]
    for (kind, values), dash in zip(looks.items(), ("solid", "dot"), strict=True):
        line = {"color": stage.ink.text, "width": 2, "dash": dash}
        marker = {"symbol": "circle", "size": 5, "color": stage.ink.text}
        steps = list(range(1, STEPS + 1))
        out.append(stage.mark(4, steps, values, "lines+markers", line=line, marker=marker, name=f"looks, {kind}"))
        font = {"size": 11, "color": stage.ink.muted}
        where = {"text": [kind], "textposition": "top center", "textfont": font}
        out.append(stage.mark(4, [steps[int(np.argmax(values))]], [float(values.max())], "text", **where))
    return out


NUDGED = {"transform": "umap.transform", "UMAP": "this app's UMAP", "PCA": "PCA"}
SMALLEST = 1e-6  # % of the map: what moves less is drawn here


def _nudge_axes(stage: Stage, box: Box) -> dict:
    x = {"type": "log", "showgrid": True, "gridcolor": stage.ink.grid, "showticklabels": True}
    x |= {"tickvals": [1e-6, 1e-4, 1e-2, 1], "ticktext": ["0.000001", "0.0001", "0.01", "1 %"]}
    return stage.axes(5, box, (np.log10(SMALLEST) - 0.3, 3.6), (2.6, -0.6), xaxis=x)


def _nudges(stage: Stage, box: Box, moves: MapMoves) -> list[dict]:
    """How far a nudge of 1e-5 of its length moves each of some hundred thoughts, per way of placing."""
    left = 0 if stage.narrow else 434
    out = [stage.words(left, box[1] - 54, f"<b>Nudge a thought by {moves.noise:.5f} of its length</b>", 13)]
    out.append(
        stage.words(left, box[1] - 30, f"{len(moves.real)} thoughts, movement in % of the map", 12, stage.ink.muted)
    )
    for row, (name, words) in enumerate(NUDGED.items()):
        values = np.maximum(moves.shaken[name], SMALLEST)
        spread = row + 0.5 * (np.random.default_rng(row).random(len(values)) - 0.5)
        marker = {"symbol": "circle", "size": 5, "color": rgba("refined", 0.3), "line": {"width": 0}}
        if name == "transform":
            marker["color"] = rgba("wrong", 0.45)
        out.append(stage.mark(5, values, spread, marker=marker, name=f"nudged, {name}"))
        out.append(stage.words(left, box[1] + box[3] * (row + 0.6) / 3.2, words, 12))
        at = {"textposition": "middle right", "textfont": {"size": 11, "color": stage.ink.text}}
        most = f" up to {_least(moves.shaken[name])}"
        out.append(stage.mark(5, [float(values.max())], [row], "text", text=[most], **at))
    return out


def _least(values: np.ndarray) -> str:
    most = float(np.max(values))
    return f"{most:.1f} %" if most >= 0.1 else f"{most:.1g} %" if most >= 1e-4 else f"{most:.0e} %"


# --- the depth rule ---------------------------------------------------------------------------------------------------


def depth_figure(
    trace: Trace, cases: dict[str, Case], theme: str = "light", narrow: bool = False, rule: str = "depth_rule"
) -> AnimatedFigure:
    """The rule "the candidate farther from its nearest named entity", played on one problem's graph, and its score.

    cases: title -> case with the methods `rule`, "coconut" and "zero_thoughts".
    """
    stage = Stage(480, 860, theme, True) if narrow else Stage(840, 440, theme)
    graph: Box = (0, 60, 478, 380) if narrow else (0, 60, 470, 370)
    score: Box = (150, 520, 320, 290) if narrow else (640, 70, 190, 330)
    q, names = trace.problem.need_graph(), readers_names(trace.problem)
    depth: np.ndarray = np.array(named_depths(q))
    last = int(max(depth[c] for c in q.candidates))
    across, down = graph_ranges(trace)
    layout = stage.axes(2, graph, across, down)
    c = curves(trace, "refined")
    panel = graph_panel(trace, c, c, theme, graph[2], graph[3])
    nodes = panel.moving(0, 0)[0]
    still = [*panel.still]
    scores, axes = _scores(stage, score, cases, rule)
    layout |= axes
    still += scores
    called = [plain_text(names[q.names[i]]) for i in q.candidates]
    tie = depth[q.candidates[0]] == depth[q.candidates[1]]
    picked = None if tie else max(q.candidates, key=lambda i: depth[i])

    def moving(i: int) -> list[dict]:
        done = i == last + 2
        seen = (depth >= 0) & (depth <= i - 1)
        colour = [rgba("plain", 0.28 if depth[n] else 0.75) if s else stage.ink.paper for n, s in enumerate(seen)]
        if done and picked is not None:
            colour[picked] = ROLES["question"].colour
        marker = nodes["marker"] | {"color": colour, "line": {"width": 1.4, "color": stage.ink.muted}}
        text = [str(depth[n]) if s else "" for n, s in enumerate(seen)]
        ink = ["#FFFFFF" if done and n == picked else stage.ink.text for n in range(len(q.names))]
        shown = {"text": text, "textfont": {"size": 11, "color": ink}, "marker": marker, "name": "depths"}
        return [
            nodes | shown | {"hovertext": [plain_text(names[n]) for n in q.names]},
            stage.words(0, 16, _rule_says(i, last, called, depth[list(q.candidates)], q, picked), 13.5),
        ]

    labels = ["the question", "named entities", *(f"{k} away" for k in range(1, last + 1)), "the rule answers"]
    return stage.film(still, moving, layout, labels, 0, 1100, title=f"depth {trace.problem.id}")


def _rule_says(i: int, last: int, called: list[str], depths: np.ndarray, q, picked: int | None) -> str:
    if i == 0:
        return f"The question: {called[0]} or {called[1]}? The rule does not read who is asked about."
    if i == 1:
        return "It marks everybody with a name, and whatever nothing leads to: 0."
    if i < last + 2:
        return f"It counts the hops outwards: {i - 1}."
    counts = f"{called[0]} is {depths[0]} out, {called[1]} {depths[1]}"
    if picked is None:
        return f"{counts}: <b>a tie, so it can only guess.</b>"
    glyph = ROLES["right" if picked == q.answer else "wrong"].glyph
    return f"{counts}: it says <b>{called[q.candidates.index(picked)]} {glyph}</b>"


def _scores(stage: Stage, box: Box, cases: dict[str, Case], rule: str) -> tuple[list[dict], dict]:
    """Accuracy of the rule and of the model, per set of problems, with intervals and chance."""
    rows: list[tuple[str, Rate | None]] = []
    for title, case in cases.items():
        rows.append((f"<b>{title}</b>", None))
        for name, words in ((rule, "depth rule"), ("coconut", "the model"), ("zero_thoughts", "model, zero thoughts")):
            rows.append((words, case.rate(name)))
    height = box[3] / len(rows)
    title = {"text": "right answers, %", "font": {"size": 11, "color": stage.ink.muted}, "standoff": 2}
    x = {"showgrid": True, "gridcolor": stage.ink.grid, "dtick": 25, "showticklabels": True, "title": title}
    axes = stage.axes(3, box, (40, 101), (len(rows) - 0.5, -0.5), xaxis=x)
    chance = {"color": stage.ink.muted, "width": 1, "dash": "dot"}
    out = [stage.mark(3, [50, 50], [-0.5, len(rows) - 0.5], "lines", line=chance, name="chance")]
    left = 0 if stage.narrow else 496
    for row, (label, rate) in enumerate(rows):
        y = box[1] + height * (row + 0.5)
        out.append(stage.words(left, y, label, 13 if rate is None else 12.5))
        if rate is None:
            continue
        role = "question" if label == "depth rule" else "refined" if label == "the model" else "plain"
        colour = ROLES[role].colour
        span = {"color": colour, "width": 2.4}
        out.append(stage.mark(3, [100 * rate.low, 100 * rate.high], [row, row], "lines", line=span))
        hover: dict[str, Any] = {"hoverinfo": "text", "hovertext": [f"{label}: {rate.text()}, n = {rate.n}"]}
        dot = {"symbol": "circle", "size": 9, "color": colour}
        out.append(stage.mark(3, [100 * rate.share], [row], marker=dot, name=label, **hover))
        font = {"size": 11.5, "color": written(role, stage.theme)}
        side = {"textposition": "middle left" if rate.share > 0.75 else "middle right", "textfont": font}
        shift = 100 * (rate.low if rate.share > 0.75 else rate.high)
        text = f"{rate.share:.1%} " if rate.share > 0.75 else f" {rate.share:.1%}"
        out.append(stage.mark(3, [shift], [row], "text", text=[text], **side))
    return out, axes
