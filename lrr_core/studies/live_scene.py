"""What the Live page sends to the browser: numbers, never pictures. JSON, arrays as base64 of little-endian float32.

    scene(pad, problem, maps)   once per problem: the pad, the fixed runs, maps, graph, candidates, limits of the axes
    moment(pad, trace, maps)    after every release: the exact run, and how far off the interpolation was there

The browser (`pages/live_numbers.js`) interpolates as `live.Pad.at` does, and a test compares the two. Axis limits come from
the pad and the fixed runs alone, so that no dragging moves them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np

from ..analysis import summary
from ..analysis.projection import Map
from ..benchmarks.catalogue import Problem
from ..benchmarks.graph_layout import layers
from ..colours import INK, ROLES, written
from ..refinement.trace import Trace
from .live_pad import FIXED, KNEE, NAMES, Pad, View, place, view

MOST_DOTS = 900  # background points: enough to show the shape
ROOM = 0.14  # share of a map's view that is kept free around the runs of this problem
LEAST = 0.16  # a view never shows less than this share of the whole map: below it, noise would look like movement
OUTSIDE = 12  # per cent of the pad's thoughts that may lie beyond a view on either side
SURE = 97  # the same of the answer margins
SHOWN = 90  # percentile of the pad's values that fits on a curve's axis; the rest is cut off at the edge


def scene(pad: Pad, problem: Problem, maps: dict[str, Map]) -> dict:
    """All that stays while the point is dragged."""
    names = summary.readers_names(problem)
    return {
        "id": "-".join([problem.id, *pad.stamp["maps"].values(), pad.stamp["problem"], *pad.stamp["weights"].values()])
        + str(pad.stamp["settings"]),
        "knee": KNEE,
        "steps": pad.steps.tolist(),
        "mixes": pad.mixes.tolist(),
        "cells": _packed(pad.cells),
        "fixed": {name: _packed(pad.fixed[i]) for i, name in enumerate(FIXED)},
        "thoughts": int(pad.cells.to_strong.shape[2]),
        "candidates": [names[c] for c in problem.candidates],
        "right": problem.answer,
        "maps": [_map(name, i, pad, maps[name]) for i, name in enumerate(pad.maps)],
        "graph": _graph(problem, pad.cells.to_strong.shape[2]) if problem.graph else None,
        "limits": limits(pad, problem.answer),
        "checked": checked(pad),
    }


def moment(pad: Pad, trace: Trace, maps: dict[str, Map]) -> dict:
    """The exact run of a trace as it is drawn, and what was interpolated at its setting. margins in nats."""
    config, answer = trace.config, trace.problem.answer
    step, mix = place(config)
    exact = view([trace.runs["refined"]], trace, maps)[0]
    guessed = pad.at(step, mix)
    said = [float(v.answer_margin(answer)[-1]) for v in (guessed, exact)]
    names = summary.readers_names(trace.problem)
    given = [names[trace.problem.candidates[int(v.log_p[-1].argmax())]] for v in (guessed, exact)]
    controls = [n for n in trace.runs if n not in ("plain", "refined", "strong", "weak")]
    return {
        "step": step,
        "mix": mix,
        "view": _packed(exact),
        "margin": {
            "between": said[0],
            "exact": said[1],
            "off": abs(said[0] - said[1]),
            "known": pad.computed(step, mix),
        },
        "answer": {"between": given[0], "exact": given[1], "same": given[0] == given[1]},
        "right": summary.answer(trace, "refined").right,
        "eta": summary.step_text(trace, trace.runs["refined"].states.shape[-1]),
        "controls": [f"{summary.run_name(n)} {summary.answer(trace, n).text}" for n in controls],
    }


def look() -> dict:
    """Colours and markers for both themes, from `colours`: the browser has none of its own."""
    return {
        theme: {
            "ink": {name: getattr(ink, name) for name in ("text", "muted", "grid", "paper")},
            "roles": {
                name: {"colour": role.colour, "symbol": role.symbol, "glyph": role.glyph, "label": role.label}
                | {"written": written(name, theme)}
                for name, role in ROLES.items()
            },
        }
        for theme, ink in INK.items()
    }


def limits(pad: Pad, answer: int | None) -> dict:
    """(low, high) of the three curves: distance, movement (log10 of %), margin (symmetric about zero)."""

    def most(*values: np.ndarray, share: float = SHOWN) -> float:
        return float(np.nanpercentile(np.concatenate([v.ravel() for v in values]), share))

    fixed, cells = pad.fixed, pad.cells
    far = max(most(cells.to_strong, cells.to_weak), 1.1 * most(fixed.to_strong, fixed.to_weak), 1e-3)
    plain = float(np.abs(fixed.answer_margin(answer)[0]).max())
    sure = 1.1 * max(most(np.abs(cells.answer_margin(answer)), share=SURE), plain, 1.0)
    return {"distance": [0.0, 1.05 * far], "movement": [-1.0, 3.0], "margin": [-sure, sure]}


def checked(pad: Pad) -> str:
    """How good interpolation is on this pad, in words."""
    gap = pad.gap
    if gap is None:
        return ""
    return (
        f"Checked at {gap.count} settings in the middle between computed ones: answer margin off by {gap.median:.2g} nats "
        f"in the median, {gap.worst:.2g} at worst; same answer at {gap.same} of {gap.count}."
    )


def release(moment: dict) -> dict:
    """What is remembered of a release: where, whether right (None where nobody knows), and how far off interpolation was."""
    here = {key: moment[key] for key in ("step", "mix", "right")}
    return here | {"off": moment["margin"]["off"], "known": moment["margin"]["known"], "same": moment["answer"]["same"]}


def so_far(releases: Sequence[dict]) -> str:
    """How good interpolation was at the releases so far, in words."""
    releases = [r for r in releases if not r["known"]]  # at a computed run there is nothing to be off by
    if not releases:
        return ""
    off = float(np.median([r["off"] for r in releases]))
    same = sum(r["same"] for r in releases)
    runs = "1 exact run" if len(releases) == 1 else f"{len(releases)} exact runs"
    return (
        f"Yours so far: {runs}, margin off by {off:.2g} nats in the median, same answer at {same} of {len(releases)}."
    )


def _map(name: str, index: int, pad: Pad, m: Map) -> dict:
    """A map's background, the part of it that is shown, and what to know when reading it."""
    every = max(1, -(-len(m.points) // MOST_DOTS))
    own, fixed = (part.places[..., index, :].reshape(-1, 2) for part in (pad.cells, pad.fixed))
    whole = np.array(m.ranges())
    return {
        "name": name,
        "dots": _array(m.points[::every]),
        "whole": whole.tolist(),
        "near": region(own, fixed, whole).tolist(),
        "quality": m.measured,
        "linear": m.kind == "PCA",
    }


def region(places: np.ndarray, fixed: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """(2, 2) limits around most places (n, 2) and all fixed ones (m, 2), never less than LEAST of the whole map's (2, 2)."""
    ends = np.nanpercentile(places, [OUTSIDE, 100 - OUTSIDE], axis=0)
    around = np.concatenate([ends, fixed])
    low, high = around.min(0), around.max(0)
    size = np.maximum((high - low) * (1 + 2 * ROOM), LEAST * (whole[:, 1] - whole[:, 0]))
    middle = (low + high) / 2
    return np.stack([middle - size / 2, middle + size / 2], 1)


def _graph(problem: Problem, thoughts: int) -> dict:
    """The problem's graph with its places (see `layers`), names as the reader wrote them, every thought's true frontier."""
    q, drawn, names = problem.need_graph(), layers(problem.need_graph()), summary.readers_names(problem)
    return {
        "names": [names[n] for n in q.names],
        "x": drawn.x.tolist(),
        "y": drawn.y.tolist(),
        "rows": drawn.rows,
        "columns": drawn.columns,
        "reached": drawn.reached.tolist(),
        "edges": [list(e) for e in q.edges],
        "root": q.root,
        "candidates": list(q.candidates),
        "answer": q.answer,
        "distractor": q.distractor,
        "hops": q.hops,
        "frontiers": [sorted(nodes) for nodes in q.frontiers(thoughts)],
    }


def _packed(v: View) -> dict:
    return {name: _array(getattr(v, name)) for name in NAMES}


def _array(values: np.ndarray) -> dict:
    values = np.ascontiguousarray(values, "<f4")
    return {"shape": list(values.shape), "data": base64.b64encode(values.tobytes()).decode()}
