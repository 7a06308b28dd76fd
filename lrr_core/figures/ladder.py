"""Where refinement helps, drawn: gain against the accuracy of the backbone, and the grid of pairs of references.

    gain_figure(ladder)     two panels, one for each reading of the references; zero is the base they are compared with
    pair_figure(ladder)     two grids, strong upwards, weak to the right; every cell can be clicked through its marker

Every point carries (backbone, method, reference, strong, weak), so that a click opens exactly what it stands for.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from ..colours import INK, ROLES, mix
from ..refinement.methods import FULL, METHODS
from ..refinement.trace import REFERENCES
from ..studies.ladder import BASES, Asked, Gain, Ladder, pair_gains, rung_gains, standing_out
from ..studies.ladder_words import in_points, name, told_apart
from .explore import FONT

SERIES = {
    "full": "refinement",
    "random_direction": "random push of the same length",
    "swapped": "strong and weak swapped",
    "residual": "residual mixing alone",
}
AXES = ("", "2")  # of the two panels, as Plotly names them
STILL = {"marker": {"opacity": 1}}  # a click opens something; nothing is dimmed by it


def gain_figure(ladder: Ladder, theme: str = "light", narrow: bool = False, base: str = "coconut") -> go.Figure:
    """Points gained over `base` (see `gains.BASES`) against the plain accuracy of the backbone, with 95 % intervals."""
    ink = INK[theme]
    looks = {
        "full": {"color": ROLES["refined"].colour, "symbol": "circle", "size": 9, "dash": "solid"},
        "random_direction": {"color": ink.text, "symbol": "square-open", "size": 8, "dash": "dash"},
        "swapped": {"color": ROLES["weak"].colour, "symbol": "triangle-down-open", "size": 9, "dash": "dash"},
        "residual": {"color": ink.muted, "symbol": "line-ew-open", "size": 9, "dash": "dot"},
    }
    boxes, height = _boxes(narrow, 330, 138 if narrow else 66)
    layout: dict[str, Any] = {}
    data, notes, ends = [], [], [0.0]
    for i, reference in zip(AXES, REFERENCES, strict=True):
        for place, (method, label) in enumerate(SERIES.items()):
            gains = rung_gains(ladder, method, reference if METHODS[method].pushes else "", base)
            gains = sorted(gains, key=lambda g: g.accuracy)
            if method == base or not gains:
                continue
            look = looks[method]
            ends += [end for g in gains for end in g.ci95]
            shift = 0.28 * (place - 1.5)  # percentage points: side by side, or the intervals would cover one another
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": label,
                    "legendgroup": method,
                    "showlegend": reference == next(iter(REFERENCES)),
                    "xaxis": f"x{i}",
                    "yaxis": f"y{i}",
                    "x": [100 * g.accuracy + shift for g in gains],
                    "y": [g.points for g in gains],
                    "error_y": {
                        "type": "data",
                        "symmetric": False,
                        "array": [g.ci95[1] - g.points for g in gains],
                        "arrayminus": [g.points - g.ci95[0] for g in gains],
                        "thickness": 1.2,
                        "width": 0,
                        "color": look["color"],
                    },
                    "line": {"color": look["color"], "width": 1.6 if method == FULL else 1, "dash": look["dash"]},
                    "marker": {
                        "color": look["color"],
                        "symbol": look["symbol"],
                        "size": look["size"],
                        "line": {"width": 1.6},
                    },
                    "customdata": [_key(g.asked, ladder, reference) for g in gains],
                    "hovertext": [_told(g, label, base) for g in gains],
                    "hoverinfo": "text",
                    "selected": STILL,
                    "unselected": STILL,
                }
            )
        opens = _accuracy(ladder, ladder.opens_with)
        for at, words in ((100 * ladder.chance, "chance"), (opens, "the app opens here")):
            if at is None:
                continue
            layout.setdefault("shapes", []).append(_upright(at, i, ink))
            side = {"xanchor": "left", "xshift": 3} if words == "chance" else {"xanchor": "right", "xshift": -3}
            note = _note(words, f"x{i}", f"y{i} domain", at, 0.0, 10.5, ink.muted)
            notes.append(note | {"yanchor": "bottom"} | side)
        against = "plain run" if METHODS[base].plain else "residual mixing alone"
        notes.append(_note(f"{ROLES['plain'].glyph} {against}", f"x{i} domain", f"y{i}", 0.14, 0, 10.5, ink.muted))
        notes[-1] |= {"yanchor": "top"}  # between guessing and the first rung that knows something there is room
    low, high = min(ends), max(ends)
    limits = [low - 0.08 * (high - low) - 0.5, high + 0.08 * (high - low) + 0.5]
    accuracies = [a for a in (_accuracy(ladder, rung) for rung in ladder.rungs) if a is not None] or [50.0]
    across = [min(100 * ladder.chance, *accuracies) - 2, max(accuracies) + 2.5]
    for i, reference, (x, y) in zip(AXES, REFERENCES, boxes, strict=True):
        grid = {"gridcolor": ink.grid, "zeroline": False, "tickfont": {"size": 11, "color": ink.muted}}
        title = {"text": "accuracy of the backbone, %", "font": {"size": 12, "color": ink.muted}, "standoff": 4}
        layout[f"xaxis{i}"] = grid | {
            "domain": x,
            "anchor": f"y{i}",
            "range": across,
            "title": title,
            "showgrid": False,
        }
        layout[f"yaxis{i}"] = grid | {"domain": y, "anchor": f"x{i}", "range": limits, "ticksuffix": ""}
        layout[f"yaxis{i}"] |= {"zeroline": True, "zerolinecolor": ROLES["plain"].colour, "zerolinewidth": 1.6}
        notes.append(_heading(f"<b>{reference}</b> · points gained, n = {ladder.source['n']:,}", x, y, ink.text))
    layout["legend"] = {"orientation": "h", "x": 0, "y": 1, "yanchor": "top", "font": {"size": 12, "color": ink.text}}
    return _figure(data, layout, notes, height, theme)


def pair_figure(ladder: Ladder, theme: str = "light", narrow: bool = False, base: str = "coconut") -> go.Figure:
    """Points gained over `base` for every pair of rungs as strong and weak, on the rung the app opens on."""
    ink, count = INK[theme], len(ladder.rungs)
    boxes, height = _boxes(narrow, 360, 40)
    grids = {reference: pair_gains(ladder, reference, base) for reference in REFERENCES}
    most = max([abs(g.points) for grid in grids.values() for row in grid for g in row if g] + [1.0])
    shares = [None if (a := _accuracy(ladder, rung)) is None else a / 100 for rung in ladder.rungs]
    ticks = told_apart(shares)
    scale = [[0, mix("wrong", 0.75, theme)], [0.5, ink.paper], [1, mix("right", 0.75, theme)]]
    layout: dict[str, Any] = {}
    data, notes = [], []
    own = [_same_weights(ladder, role) for role in (ladder.weak, ladder.strong)]
    for i, reference, (x, y) in zip(AXES, REFERENCES, boxes, strict=True):
        cells = [g for row in grids[reference] for g in row]
        where = [(w, s) for s in range(count) for w in range(count)]
        out = standing_out(cells)
        axes = {"xaxis": f"x{i}", "yaxis": f"y{i}"}
        z = [[g.points if g else None for g in row] for row in grids[reference]]
        data.append(
            axes | {"type": "heatmap", "z": z, "zmin": -most, "zmax": most, "colorscale": scale, "showscale": False}
            | {"hoverinfo": "skip", "xgap": 1, "ygap": 1, "name": f"gain, {reference}"}
        )  # fmt: skip
        shown = [(g, o, p) for g, o, p in zip(cells, out, where, strict=True) if g]
        # a heat map reports no clicks: an unseen marker on every cell does, and carries the number
        unseen = {"marker": {"opacity": 0}}
        data.append(
            axes
            | {
                "type": "scatter",
                "mode": "markers+text",
                "name": f"pairs, {reference}",
                "x": [p[0] for *_, p in shown],
                "y": [p[1] for *_, p in shown],
                "text": [f"<b>{_signed(g.points)}</b>" if o else _signed(g.points) for g, o, _ in shown],
                "textfont": {
                    "size": 10 if count > 6 else 12,
                    "color": [ink.text if o else ink.muted for _, o, _ in shown],
                },
                "marker": {"symbol": "square", "size": 30, "opacity": 0, "color": ink.muted},
                "selected": unseen,
                "unselected": unseen,
                "customdata": [_key(g.asked, ladder, reference) for g, *_ in shown],
                "hovertext": [_told_pair(g, o, ladder, base) for g, o, _ in shown],
                "hoverinfo": "text",
                "showlegend": False,
            }
        )
        for line in ({"x0": -0.5, "y0": -0.5, "x1": count - 0.5, "y1": count - 0.5, "type": "line"},):
            thin = {"line": {"color": ink.muted, "width": 0.8, "dash": "dot"}, "xref": f"x{i}", "yref": f"y{i}"}
            layout.setdefault("shapes", []).append(line | thin)
        if own[0] is not None and own[1] is not None:
            ring = {"x0": own[0] - 0.5, "x1": own[0] + 0.5, "y0": own[1] - 0.5, "y1": own[1] + 0.5, "type": "rect"}
            ring |= {"line": {"color": ROLES["refined"].colour, "width": 2.4}, "xref": f"x{i}", "yref": f"y{i}"}
            layout["shapes"].append(ring)
        bare = {"showgrid": False, "zeroline": False, "ticks": "", "tickvals": list(range(count)), "ticktext": ticks}
        bare |= {"range": [-0.5, count - 0.5], "fixedrange": True, "tickfont": {"size": 11, "color": ink.muted}}
        for axis, role, domain, anchor in (("xaxis", "weak", x, f"y{i}"), ("yaxis", "strong", y, f"x{i}")):
            words = f"{role} {ROLES[role].glyph}, its accuracy in %"
            title = {"text": words, "font": {"size": 12, "color": ROLES[role].colour}, "standoff": 4}
            layout[f"{axis}{i}"] = bare | {"domain": domain, "anchor": anchor, "title": title}
        notes.append(
            _heading(
                f"<b>{reference}</b> · points over {BASES[base]}, n = {ladder.source['n_pairs']:,}", x, y, ink.text
            )
        )
    return _figure(data, layout, notes, height, theme)


# --- parts ------------------------------------------------------------------------------------------------------------


def _boxes(narrow: bool, tall: int, top: int) -> tuple[list[tuple[list[float], list[float]]], int]:
    """([(x domain, y domain)] of the two panels, height in px): side by side, or one below the other."""
    foot = 48
    if narrow:
        height = top + 2 * (tall + foot) + 34
        first = top, top + tall + foot + 34
        return [([0.12, 1.0], [1 - (t + tall) / height, 1 - t / height]) for t in first], height
    height = top + tall + foot
    y = [1 - (top + tall) / height, 1 - top / height]
    return [([0.065, 0.48], y), ([0.585, 1.0], y)], height


def _key(asked: Asked, ladder: Ladder, reference: str) -> list[str]:
    """What a click on this point opens."""
    return [asked.backbone, asked.method, reference, asked.strong or ladder.strong, asked.weak or ladder.weak]


def _accuracy(ladder: Ladder, rung: str) -> float | None:
    right = ladder.right(Asked(rung, "coconut"))
    return None if right is None else 100 * float(right.mean())


def _same_weights(ladder: Ladder, role: str) -> int | None:
    """Which rung has the weights of the set's own strong or weak."""
    weights = ladder.identity["members"]
    return next((i for i, rung in enumerate(ladder.rungs) if weights.get(rung) == weights.get(role)), None)


def _told(g: Gain, label: str, base: str) -> str:
    low, high = (100 * v for v in g.accuracy_ci95)
    return (
        f"<b>{label}</b><br>{in_points(g)} over {BASES[base]}, n = {g.n}<br>"
        f"{g.gained} more right, {g.lost} more wrong, McNemar p = {g.p_value:.2g}<br>"
        f"backbone {name(g.asked.backbone)}: {100 * g.accuracy:.1f} % ({low:.1f} to {high:.1f})<br>click to open"
    )


def _told_pair(g: Gain, out: int, ladder: Ladder, base: str) -> str:
    if g.asked.strong == g.asked.weak:
        return f"strong = weak = {name(g.asked.strong)}: no push, residual mixing alone<br>{_signed(g.points)} points, n = {g.n}"
    pair = f"strong {name(g.asked.strong)}, weak {name(g.asked.weak)}"
    verdict = "stands out" if out else "may be chance"
    return (
        f"<b>{pair}</b><br>{in_points(g)} over {BASES[base]}, n = {g.n}: {verdict}"
        f"<br>{g.gained} more right, {g.lost} more wrong<br>click to open"
    )


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")


def _upright(at: float, i: str, ink) -> dict:
    line = {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "xref": f"x{i}", "yref": f"y{i} domain"}
    return line | {"line": {"color": ink.muted, "width": 1, "dash": "dot"}, "layer": "below"}


def _note(words: str, xref: str, yref: str, x: float, y: float, size: float, colour: str) -> dict:
    style = {"text": words, "font": {"size": size, "color": colour}, "showarrow": False, "xanchor": "left"}
    return style | {"xref": xref, "yref": yref, "x": x, "y": y}


def _heading(words: str, x: list[float], y: list[float], colour: str) -> dict:
    return _note(words, "paper", "paper", x[0], y[1], 14, colour) | {"yanchor": "bottom", "yshift": 6}


def _figure(data: list, layout: dict, notes: list, height: int, theme: str) -> go.Figure:
    ink = INK[theme]
    rest = {
        "template": {},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": ink.text},
        "height": height,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "annotations": notes,
        "hovermode": "closest",
        "hoverlabel": {"font": {"family": FONT, "size": 12}, "align": "left"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink.muted, "activecolor": ink.text},
    }
    return go.Figure({"data": data, "layout": layout | rest})
