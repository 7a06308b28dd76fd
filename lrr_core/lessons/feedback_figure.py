"""What is fed back: text steps against thoughts on one problem, forward pass by forward pass.

Both lanes are real runs. A thought is drawn as a picture of its numbers, with the words it reads as; words and forward passes
are counted as the records count them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..analysis.summary import readers_names
from ..benchmarks.answers import choice_of, chosen
from ..colours import INK, ROLES, written
from ..figures.explore import AnimatedFigure
from ..figures.panels import plain_text
from ..refinement.trace import Run, Trace
from ..studies.comparison import TextRun
from .laws import follows
from .stage import Stage

CELLS = 12  # numbers of a thought in a row of its little picture
TOKENS = 3  # readings of a thought that are written under it


def feedback_figure(
    trace: Trace, text: TextRun | None, vocabulary: int, theme: str = "light", narrow: bool = False
) -> AnimatedFigure:
    """Two ways to reason on one problem, forward pass by forward pass: a word is fed back, or the whole hidden state.

    trace: its plain run is drawn; text: the text checkpoint's run, None where the set has none; vocabulary: tokens it can
    choose from.
    """
    run = trace.runs["plain"]
    words = text.written.split() if text else []
    passes = max(len(words), len(run.thoughts)) + 1
    stage = Stage(480, 96 * passes + 104, theme, True) if narrow else Stage(840, 400, theme)
    lanes = [_Lane(stage, 0, passes, plain="plain"), _Lane(stage, 1, passes, plain="refined")]
    still, shapes = [], []
    ends = [(len(words) + 1, _passes(text)) if text else (0, 0), (len(run.thoughts) + 1, _passes(run))]
    for lane, (used, total) in zip(lanes, ends, strict=True):
        more, boxes = lane.still(used, total)
        still += more
        shapes += boxes
    numbers = run.thoughts.shape[1]
    still += lanes[0].heading("Text steps", f"hands on one of {vocabulary} tokens")
    still += lanes[1].heading("Thoughts", f"hands on {numbers} numbers")
    if text is None:
        still.append(stage.words(*lanes[0].node(0), "this model set has no text checkpoint", colour=stage.ink.muted))

    def moving(i: int) -> list[dict]:
        now = i + 1
        return [
            *_written(stage, lanes[0], trace, text, words, now),
            *_thought(stage, lanes[1], trace, run, now),
            *([lanes[0].count(text, min(now, len(words)), now > len(words), now)] if text else []),
            lanes[1].count(run, 0, now > len(run.thoughts), now),
        ]

    layout = {"shapes": shapes}
    labels = [f"pass {i + 1}" for i in range(passes)]
    return stage.film(still, moving, layout, labels, passes - 1, pause=1100, title="feedback")


class _Lane:
    """Where one way of reasoning is drawn: across the sheet, or down it where the page is narrow."""

    def __init__(self, stage: Stage, number: int, passes: int, plain: str):
        self.stage, self.number, self.role = stage, number, plain
        self.step = 96 if stage.narrow else (stage.width - 150 - 56) / max(passes - 1, 1)

    def node(self, i: int) -> tuple[float, float]:
        """Middle of forward pass i, in pixels."""
        if self.stage.narrow:
            return 34 + 240 * self.number, 112 + self.step * i
        return 158 + self.step * i, (42, 194)[self.number]

    def chip(self, i: int) -> tuple[float, float]:
        """Middle of what pass i hands on."""
        x, y = self.node(i)
        return (x + 84, y + 14) if self.stage.narrow else (x, y + (62, 84)[self.number])

    def size(self) -> tuple[float, float]:
        return (74, 26) if self.number == 0 else (62, 82) if not self.stage.narrow else (50, 66)

    def heading(self, name: str, says: str) -> list[dict]:
        s = self.stage
        if s.narrow:
            x = 8 + 240 * self.number
            return [s.words(x, 14, f"<b>{name}</b>", 15), s.words(x, 36, says, 12, s.ink.muted)]
        y = self.node(0)[1]
        first, second = says.split(" one of ") if " one of " in says else (says.rsplit(" ", 2)[0], "")
        lines = [f"{first} one", f"of {second}"] if second else ["hands on", says.removeprefix("hands on ")]
        return [
            s.words(0, y, f"<b>{name}</b>", 15),
            *(s.words(0, y + 22 + 17 * k, line, 12, s.ink.muted) for k, line in enumerate(lines)),
        ]

    def still(self, used: int, total: int) -> tuple[list[dict], list[dict]]:
        """Empty slots of the passes that are used, as traces and shapes; the last box stands for all passes up to `total`."""
        s = self.stage
        shapes, (w, h) = [], self.size()
        for i in range(used):
            for (x, y), (a, b), radius in ((self.node(i), (26, 26), 1), (self.chip(i), (w, h), 0)):
                last = i == used - 1 and not radius
                box = {"type": "rect", "x0": x - a / 2, "x1": x + a / 2, "y0": y - b / 2, "y1": y + b / 2}
                if last:
                    box |= {"y0": y - 13, "y1": y + 13, "x0": x - 37, "x1": x + 37}
                line = {"color": s.ink.muted if last else s.ink.grid, "width": 1.2}
                shapes.append(box | {"line": line, "fillcolor": "rgba(0,0,0,0)", "layer": "below"})
        numbers = [self.node(i) for i in range(used)]
        labels = [str(i + 1) if i < used - 1 or total <= used else f"{used}–{total}" for i in range(used)]
        marks = s.mark(
            1,
            [x for x, _ in numbers],
            [y for _, y in numbers],
            "markers+text",
            marker={"symbol": "square", "size": 26, "color": s.ink.grid},
            text=labels,
            textfont={"size": 11, "color": s.ink.muted},
            name=f"passes {self.number}",
        )
        x, y = self.node(0)
        question: dict[str, Any] = {"size": 11, "colour": s.ink.muted, "textposition": "middle center"}
        return [marks, *([s.words(x, y - 22, "question", **question)] if used else [])], shapes

    def arrows(self, upto: int, used: int) -> dict:
        """Pass -> what it hands on -> next pass, for the passes taken so far."""
        x, y, size = [], [], []
        for i in range(min(upto, used)):
            end = (74, 26) if i == used - 1 else self.size()
            ways: list[tuple] = [(self.node(i), self.chip(i), 15, end[0 if self.stage.narrow else 1] / 2 + 2)]
            if i + 1 < min(upto, used):
                ways.append((self.chip(i), self.node(i + 1), self.size()[1 if self.stage.narrow else 0] / 2 + 2, 16))
            for (x0, y0), (x1, y1), before, behind in ways:
                length = float(np.hypot(x1 - x0, y1 - y0)) or 1.0
                start, stop = min(before / length, 0.45), min(behind / length, 0.45)
                x += [x0 + (x1 - x0) * start, x1 - (x1 - x0) * stop, None]
                y += [y0 + (y1 - y0) * start, y1 - (y1 - y0) * stop, None]
                size += [0, 8, 0]
        style = {"symbol": "arrow", "angleref": "previous", "size": size, "color": self.stage.ink.muted}
        line = {"color": self.stage.ink.muted, "width": 1.3}
        return self.stage.mark(1, x, y, "lines+markers", line=line, marker=style)

    def count(self, run: TextRun | Run, words: int, ended: bool, now: int) -> dict:
        """Words and forward passes so far, in text; at the end as the record counts them."""
        tokens = words + ended
        passes = _passes(run) if ended else now
        s = self.stage
        noun = "word" if tokens == 1 else "words"
        if s.narrow:
            return s.words(8 + 240 * self.number, 58, f"<b>{tokens}</b> {noun}, <b>{passes}</b> passes", 12)
        y = self.node(0)[1] + 66
        return s.words(0, y, f"<b>{tokens}</b> {noun} written<br><b>{passes}</b> forward passes", 12)


def _passes(run: TextRun | Run) -> int:
    """Forward passes the run needed; what was only read out for a page is not counted."""
    return sum(count for kind, count in run.cost.items() if kind != "readout")


def _written(stage: Stage, lane: _Lane, trace: Trace, text: TextRun | None, words: list[str], now: int) -> list[dict]:
    """The text lane so far: arrows, words, and crosses where a step is not in the problem."""
    if text is None:
        return []
    names, real = readers_names(trace.problem), follows(trace.problem.need_graph(), words)
    chips = [lane.chip(i) for i in range(len(words) + 1)]
    said = [f"<b>{plain_text(names.get(w, w))}</b>" if i < now else "" for i, w in enumerate(words)]
    said.append(_answer(trace, text.scores) if now > len(words) else "")
    wrong = [chips[i] if i < now and not ok else (None, None) for i, ok in enumerate(real)]
    colour = [stage.ink.text] * len(words) + [_colour(trace, text.scores, stage.theme)]
    crosses = {"textfont": {"size": 11, "color": written("wrong", stage.theme)}, "name": "invented step"}
    return [
        lane.arrows(now, len(words) + 1),
        stage.mark(
            1,
            [x for x, _ in chips],
            [y for _, y in chips],
            "text",
            text=said,
            textfont={"size": 12.5, "color": colour},
            name="words",
        ),
        stage.mark(
            1,
            [x for x, _ in wrong],
            [y and y + 22 for _, y in wrong],
            "text",
            text=["✗ not in the text"] * len(wrong),
            **crosses,
        ),
    ]


def _thought(stage: Stage, lane: _Lane, trace: Trace, run: Run, now: int) -> list[dict]:
    """The lane of thoughts so far: arrows, each thought as a picture of its numbers, what it reads as, the answer."""
    count, width = run.thoughts.shape
    cell = 4 if stage.narrow else 5
    rows = -(-width // CELLS)
    most = float(np.abs(run.thoughts).max()) or 1.0
    out = [lane.arrows(now, count + 1)]
    scale = [[0, INK[stage.theme].muted], [0.5, INK[stage.theme].paper], [1, ROLES["refined"].colour]]
    for t in range(count):
        x, y = lane.chip(t)
        column, row = np.arange(width) % CELLS, np.arange(width) // CELLS
        seen = t < now
        out.append(
            stage.mark(
                1,
                (x + cell * (column - (CELLS - 1) / 2)).tolist() if seen else [],
                (y + cell * (row - (rows - 1) / 2)).tolist() if seen else [],
                marker={
                    "symbol": "square",
                    "size": cell + 0.4,
                    "color": run.thoughts[t].round(3).tolist() if seen else [],
                    "cmin": -most,
                    "cmax": most,
                    "colorscale": scale,
                    "line": {"width": 0},
                },
                name=f"thought {t + 1}",
            )
        )
    names = readers_names(trace.problem)
    places = [lane.chip(t) for t in range(count)] + [lane.chip(count)]
    below = (0, 74) if not stage.narrow else (58, 0)
    reads = [_reading(trace, run, t, names) if t < now else "" for t in range(count)] + [""]
    answer = [""] * count + [_answer(trace, run.scores) if now > count else ""]
    spot = "middle center" if not stage.narrow else "middle right"
    out.append(
        stage.mark(
            1,
            [x + below[0] * 0.55 for x, _ in places],
            [y + below[1] for _, y in places],
            "text",
            text=reads,
            textposition=spot,
            textfont={"size": 10.5, "color": stage.ink.muted},
            name="reads as",
        )
    )
    out.append(
        stage.mark(
            1,
            [x for x, _ in places],
            [y for _, y in places],
            "text",
            text=answer,
            textfont={"size": 12.5, "color": _colour(trace, run.scores, stage.theme)},
            name="answer",
        )
    )
    return out


def _reading(trace: Trace, run: Run, t: int, names: dict[str, str]) -> str:
    """The most probable words of a thought, one below the other."""
    pairs = zip(run.top_ids[t, -1][:TOKENS], run.top_p[t, -1][:TOKENS], strict=True)
    shown = ((trace.tokens[int(i)].strip("Ġ▁ "), p) for i, p in pairs)
    return "<br>".join(f"{plain_text(names.get(word, word))} {p:.0%}" for word, p in shown)


def _answer(trace: Trace, scores: np.ndarray) -> str:
    choice, names = choice_of(scores), [readers_names(trace.problem)[c] for c in trace.problem.candidates]
    mark = "" if trace.problem.answer is None else ROLES["right" if choice == trace.problem.answer else "wrong"].glyph
    return f"<b>{plain_text(chosen(names, choice))}</b> {mark}"


def _colour(trace: Trace, scores: np.ndarray, theme: str) -> str:
    if trace.problem.answer is None:
        return INK[theme].text
    return written("right" if choice_of(scores) == trace.problem.answer else "wrong", theme)
