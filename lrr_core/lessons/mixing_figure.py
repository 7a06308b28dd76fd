"""What residual mixing does, over α: the law of its memory, the length it costs in one real run, and what it does to answers.

The slider is α; the accuracies are counted from a stored case, for every number of thoughts before the answer.
"""

from __future__ import annotations

import numpy as np

from ..colours import ROLES, rgba
from ..figures.explore import AnimatedFigure
from ..refinement.trace import Run
from .evidence_figures import verdict_colour
from .laws import length_kept, memory
from .records import Case, after
from .stage import Box, Stage

SHOWN = (3, 6, 10)  # thoughts: as many as the longest path, as in training, four more


def mixing_figure(case: Case, runs: dict[str, Run], theme: str = "light", narrow: bool = False) -> AnimatedFigure:
    """What α does: which proposals a thought is made of, how long it stays, and how often the answer is right.

    case: its methods are `lessons.after(α, t)`; runs: α as text -> a run of one problem under residual mixing at that α.
    """
    stage = Stage(480, 1010, theme, True) if narrow else Stage(840, 430, theme)
    mixed: Box = (46, 82, 300, 230) if narrow else (46, 84, 190, 200)
    kept: Box = (46, 402, 424, 130) if narrow else (284, 84, 150, 200)
    right: Box = (46, 614, 424, 240) if narrow else (492, 84, 340, 200)
    alphas, count, most = list(runs), len(next(iter(runs.values())).thoughts), case.config["thoughts"]
    layout = _mixing_axes(stage, mixed, kept, right, count, most)
    heads = [
        (mixed, "<b>What a thought is made of</b>", "share of each proposal"),
        (kept, "<b>Length that is kept</b>", "of a mean of two vectors"),
        (
            right,
            "<b>Right answers</b>, in %, with 95 % intervals",
            "○ plain and ● mixed, by thoughts before the answer",
        ),
    ]
    still = []
    for (left, top, *_), head, says in heads:
        still += [
            stage.words(left - 34, top - 44, head, 13),
            stage.words(left - 34, top - 24, says, 12, stage.ink.muted),
        ]
    chance = {"color": stage.ink.muted, "width": 1, "dash": "dot"}
    still.append(stage.mark(4, [0.5, most + 0.5], [50, 50], "lines", line=chance, name="chance"))
    still += _by_thoughts(stage, case, "0", "plain")

    def moving(i: int) -> list[dict]:
        alpha = alphas[i]
        shares = memory(float(alpha), count)
        rows, columns = np.tril_indices(count)
        side = mixed[3] / count * 0.86
        size = (side * np.sqrt(shares[rows, columns])).round(2).tolist()
        square = {"symbol": "square", "size": size, "color": ROLES["refined"].colour, "line": {"width": 0}}
        length = stage.mark(
            3,
            list(range(1, count + 1)),
            length_kept(runs[alpha]),
            "lines+markers",
            line={"color": ROLES["refined"].colour, "width": 2},
            marker={"symbol": "circle", "size": 7, "color": ROLES["refined"].colour},
            name="length kept",
        )
        matrix = stage.mark(2, columns + 1, rows + 1, marker=square, name="memory")
        return [matrix, length, *_by_thoughts(stage, case, alpha, "refined"), *_effects(stage, case, alpha)]

    labels = [f"α = {float(a):.1f}" + _said(float(a)) for a in alphas]
    names = [f"a{a}" for a in alphas]
    return stage.film(still, moving, layout, labels, alphas.index("0.7"), 900, 0, names, "mixing")


def _said(alpha: float) -> str:
    return " · nothing is mixed" if alpha == 0 else " · frozen: the first thought for ever" if alpha == 1 else ""


def _mixing_axes(stage: Stage, mixed: Box, kept: Box, right: Box, count: int, most: int) -> dict:
    def ticks(title: str, last: int) -> dict:
        words = {"text": title, "font": {"size": 11, "color": stage.ink.muted}, "standoff": 2}
        return {"showticklabels": True, "title": words, "tickmode": "array", "tickvals": list(range(1, last + 1))}

    layout = stage.axes(
        2,
        mixed,
        (0.4, count + 0.6),
        (count + 0.6, 0.4),
        xaxis=ticks("proposal", count),
        yaxis=ticks("thought", count),
    )
    x = ticks("thought", count)
    layout |= stage.axes(3, kept, (0.6, count + 0.4), (0, 1.06), False, xaxis=x, yaxis={"nticks": 5})
    x = ticks("thoughts", most)
    return layout | stage.axes(4, right, (0.5, most + 0.5), (40, 100), False, xaxis=x, yaxis={"dtick": 10})


def _by_thoughts(stage: Stage, case: Case, alpha: str, role: str) -> list[dict]:
    """Accuracy at one α over the number of thoughts, and its Wilson band."""
    x = list(range(1, case.config["thoughts"] + 1))
    rates = [case.rate(after(float(alpha), t)) for t in x]
    low, high = [100 * r.low for r in rates], [100 * r.high for r in rates]
    look = ROLES[role]
    edge = {"width": 1.5, "color": look.colour}
    return [
        stage.mark(
            4,
            [*x, *x[::-1]],
            [*high, *low[::-1]],
            "lines",
            fill="toself",
            fillcolor=rgba(role, 0.16),
            line={"width": 0},
            name=f"interval, {role}",
        ),
        stage.mark(
            4,
            x,
            [100 * r.share for r in rates],
            "lines+markers",
            line={"color": look.colour, "width": 2.2, "dash": "dot" if role == "plain" else "solid"},
            marker={"symbol": look.symbol, "size": 7, "color": look.colour, "line": edge},
            name=f"right, {role}",
            hoverinfo="text",
            hovertext=[f"α = {alpha}, {t} thoughts: {r.text()}, n = {r.n}" for t, r in zip(x, rates, strict=True)],
        ),
    ]


def _effects(stage: Stage, case: Case, alpha: str) -> list[dict]:
    """One line per number of thoughts: accuracy without and with mixing, the paired difference, and what may be said."""
    out = []
    for row, thoughts in enumerate(SHOWN):
        y = (918 if stage.narrow else 344) + 26 * row
        without, with_it = after(0.0, thoughts), after(float(alpha), thoughts)
        d = case.difference(with_it, without)
        words = f"<b>{thoughts} thoughts</b>  {case.rate(without).share:.1%} → {case.rate(with_it).share:.1%}"
        said = f"{d.text()} points: <b>{d.verdict}</b>" if float(alpha) else "the plain run"
        if stage.narrow:
            words = f"<b>{thoughts}</b>: {case.rate(without).share:.1%} → {case.rate(with_it).share:.1%}"
        out.append(stage.words(12, y, words, 13))
        out.append(stage.words(150 if stage.narrow else 230, y, said, 13, verdict_colour(d, stage)))
    return out
