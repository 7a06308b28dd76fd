"""What stands where the graph would: the question, its options, and a table of what every thought decodes to.

Rows are thoughts, columns the most probable tokens of the refined run under the logit lens, shaded by probability; beside them the
plain run's first token and the lens' entropy. The row of the moment looked at is framed and shows the round looked at.

Law (tested): `least_entropy` is a lower bound of the entropy of any distribution with these most probable tokens, and equal to it
where they hold all the probability.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..benchmarks.catalogue import Problem
from ..colours import INK, ROLES, rgba, written
from ..refinement.trace import Trace
from .panels import Panel, plain_text

SHOWN = 4  # tokens of the refined run
LINE = 0.56  # height of a line of text, where the panel is ten high
LEFT, TOKENS, PLAIN, RIGHT = 0.05, 0.68, 0.86, 1.0  # where the columns end
LONGEST = 8  # letters of a token
PIXELS, BAR = 31, 42  # pixels of a unit of height; size of a marker that is as wide as a token
AXES = {"xaxis": "x2", "yaxis": "y2", "showlegend": False}


def least_entropy(p: np.ndarray) -> np.ndarray:
    """(..., n) probabilities of the most probable tokens -> (...) nats: the entropy if all the rest were one token."""
    all_of_it = np.concatenate([p, np.clip(1 - p.sum(-1, keepdims=True), 0, 1)], axis=-1)
    return -(all_of_it * np.log(np.where(all_of_it > 0, all_of_it, 1))).sum(-1)


def token_panel(trace: Trace, theme: str, wide: int = 62) -> Panel:
    """The panel of a problem without a graph. wide: letters of a line of the question."""
    ink, refined, plain = INK[theme], trace.runs["refined"], trace.runs["plain"]
    lines = list(_lines(trace.problem.question, wide, 5)) + list(_lines(options(trace.problem), wide, 3))
    top = LINE * (len(lines) + 1.6)
    colours = {name: written(name, theme) for name in ("plain", "refined")}
    thoughts = len(refined.states)
    row = min(0.8, (9.9 - top) / thoughts)
    size = 11 if row >= 0.5 else 9
    centres = top + row * (np.arange(thoughts) + 0.5)
    columns = LEFT + (TOKENS - LEFT) / SHOWN * (np.arange(SHOWN) + 0.5)

    def text(x: Iterable[float], y: Iterable[float], words: list[str], colour: str, where: str, name: str) -> dict:
        style = {"textposition": where, "textfont": {"size": size, "color": colour}, "name": name, "hoverinfo": "skip"}
        return AXES | {"type": "scatter", "mode": "text", "x": list(x), "y": list(y), "text": words} | style

    head = top - LINE / 2
    still = [
        text([0.0], [0.0], ["<br>".join(map(plain_text, lines))], ink.text, "bottom right", "question"),
        text([LEFT], [head], [f"{ROLES['refined'].glyph} refined run"], colours["refined"], "middle right", "head"),
        text([TOKENS], [head], [f"{ROLES['plain'].glyph} plain"], colours["plain"], "middle right", "head"),
        text([RIGHT], [head], ["H ≥"], ink.muted, "middle left", "head"),
        text([0.0] * thoughts, centres, [str(t + 1) for t in range(thoughts)], ink.muted, "middle right", "thoughts"),
    ]  # fmt: skip
    still[0]["textfont"]["size"] = 11.5

    def shade(p: np.ndarray) -> dict:
        """A bar behind every token, the deeper the likelier: of markers, because a heat map needs a slow frame."""
        deep = [rgba("refined", 0.55 * float(v)) for v in p.flat]
        return {"symbol": "line-ew", "size": BAR, "opacity": 1, "line": {"width": 0.8 * PIXELS * row, "color": deep}}

    def cells(run: str, t: int, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids and probabilities of every thought after its last round, of thought t after round k."""
        ids, p = (np.array(table[:, -1]) for table in (trace.runs[run].top_ids, trace.runs[run].top_p))
        ids[t], p[t] = trace.runs[run].top_ids[t, k], trace.runs[run].top_p[t, k]
        return ids, p

    def token(i: int, p: float) -> str:
        word = trace.tokens[int(i)].replace("Ġ", "").replace("▁", "") or "␣"
        return f"{plain_text(word if len(word) <= LONGEST else word[: LONGEST - 1] + '…')} {100 * p:.0f}"

    def moving(t: int, k: int) -> list[dict]:
        ids, p = cells("refined", t, k)
        shown = ids[:, :SHOWN], p[:, :SHOWN]
        words = [token(i, v) for i, v in zip(shown[0].flat, shown[1].flat, strict=True)]
        beside = [token(i, v) for i, v in zip(plain.top_ids[:, -1, 0], plain.top_p[:, -1, 0], strict=True)]
        edge = centres[t] + row / 2 * np.array([-1, -1, 1, 1, -1])
        return [
            AXES | {
                "type": "scatter", "mode": "markers", "x": np.tile(columns, thoughts).tolist(), "hoverinfo": "skip",
                "y": np.repeat(centres, SHOWN).tolist(), "marker": shade(shown[1]), "name": "probability",
            },
            text(np.tile(columns, thoughts), np.repeat(centres, SHOWN), words, ink.text, "middle center", "refined tokens"),
            text([TOKENS] * len(beside), centres, beside, colours["plain"], "middle right", "plain tokens"),
            text([RIGHT] * thoughts, centres, [f"{h:.1f}" for h in least_entropy(p)], ink.muted, "middle left", "entropy"),
            AXES | {
                "type": "scatter", "mode": "lines", "x": [0, RIGHT, RIGHT, 0, 0], "y": edge.tolist(), "hoverinfo": "skip",
                "line": {"width": 1.5, "color": colours["refined"]}, "name": "moment",
            },
        ]  # fmt: skip

    return Panel(still, moving)


def options(problem: Problem) -> str:
    """What can be answered, in one line; "" where any number may come."""
    if problem.options:
        return "   ".join(f"{c}) {o}" for c, o in zip(problem.candidates, problem.options, strict=True))
    return " or ".join(problem.candidates)


def _lines(text: str, wide: int, most: int) -> list[str]:
    """A text in lines of at most `wide` letters, `most` of them, with "…" for what is left out."""
    lines: list[str] = []
    for word in text.split():
        if not lines or len(lines[-1]) + len(word) >= wide:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word[:wide]}".strip()
    return lines if len(lines) <= most else [*lines[: most - 1], "…"]
