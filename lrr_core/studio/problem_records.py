"""The records of a problem's own panels: its graph, what the thoughts decode to, its words and answers.

See `records`, which puts them together. T thought, N nodes, R ranks of the lens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..analysis.curves import curves
from ..analysis.summary import answer, asked, readers_names, refined_name, run_name
from ..benchmarks.graph_layout import layers
from ..refinement.trace import Trace

RUNS = ("plain", "refined")
CONTROLS_BELOW = ("zero_thoughts", "random_direction", "swapped", "other_thoughts", "mean_thought", "frozen")


@dataclass(frozen=True)
class GraphRecord:
    """The graph in layers from the asked root, and every node's probability in every thought.

    names: (N,) in the reader's words; x, y: (N,) column (hops) and row (0 on top); edges: (source, target); rows, columns: size
    of the drawing; root, answer, distractor: nodes; p: run -> (T, N) after the last round; frontier: (T, N) whether a node is on
    the true breadth-first frontier of that thought; mass: run -> (T,) probability on it, NaN where it is empty.
    """

    names: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray
    reached: np.ndarray
    edges: tuple[tuple[int, int], ...]
    rows_high: float
    columns: int
    root: int
    answer: int
    distractor: int
    p: dict[str, np.ndarray]
    frontier: np.ndarray
    mass: dict[str, np.ndarray]
    titles = ("What it is thinking: probability of each node", "What it is thinking", "Graph")

    def rows(self) -> list[dict]:
        return [
            {
                "run": run,
                "thought": t + 1,
                "node": name,
                "column": float(self.x[i]),
                "row": float(self.y[i]),
                "probability": p[t, i],
                "on true frontier": self.frontier[t, i],
                "probability on frontier": self.mass[run][t],
            }
            for run, p in self.p.items()
            for t in range(len(p))
            for i, name in enumerate(self.names)
        ]


def graph_record(trace: Trace, *_) -> GraphRecord:
    q = trace.problem.need_graph()
    drawn, theirs = layers(q), readers_names(trace.problem)
    thoughts = len(trace.runs["refined"].states)
    frontier = np.zeros((thoughts, len(q.names)), bool)
    for t, nodes in enumerate(q.frontiers(thoughts)):
        frontier[t, sorted(nodes)] = True
    return GraphRecord(
        names=tuple(theirs[name] for name in q.names),
        x=drawn.x,
        y=drawn.y,
        reached=drawn.reached,
        edges=tuple((int(s), int(t)) for s, t in q.edges),
        rows_high=float(drawn.rows),
        columns=drawn.columns,
        root=q.root,
        answer=q.answer,
        distractor=q.distractor,
        p={run: trace.runs[run].node_p[:, -1] for run in RUNS},
        frontier=frontier,
        mass={run: curves(trace, run).frontier_mass[:, -1] for run in RUNS},
    )


@dataclass(frozen=True)
class TokenRecord:
    """The most probable tokens of every fed thought under the logit lens. words: run -> T rows of R tokens, most probable
    first; p: run -> (T, R); frontier: run -> (T, R) whether the token is a node of the true frontier at that thought."""

    words: dict[str, tuple[tuple[str, ...], ...]]
    p: dict[str, np.ndarray]
    frontier: dict[str, np.ndarray]
    titles = ("What each thought decodes to", "Decoded thoughts")

    def rows(self) -> list[dict]:
        return [
            {
                "run": run,
                "thought": t + 1,
                "rank": r + 1,
                "token": word,
                "probability": self.p[run][t, r],
                "on true frontier": self.frontier[run][t, r],
            }
            for run, table in self.words.items()
            for t, words in enumerate(table)
            for r, word in enumerate(words)
        ]


def token_record(trace: Trace, *_) -> TokenRecord:
    theirs, q = readers_names(trace.problem), trace.problem.graph
    words, p, frontier = {}, {}, {}
    for name in RUNS:
        run = trace.runs[name]
        tokens = [[_plain(trace.tokens[int(i)]) for i in row] for row in run.top_ids[:, -1]]
        there = [{q.names[n] for n in nodes} for nodes in q.frontiers(len(tokens))] if q else [set()] * len(tokens)
        frontier[name] = np.array([[w in nodes for w in row] for row, nodes in zip(tokens, there, strict=True)])
        words[name] = tuple(tuple(theirs.get(w, w) for w in row) for row in tokens)
        p[name] = run.top_p[:, -1]
    return TokenRecord(words, p, frontier)


def _plain(token: str) -> str:
    """A token without the marks tokenizers write for spaces; what is only space is shown as such."""
    return token.replace("Ġ", " ").replace("▁", " ").replace("Ċ", "⏎").strip() or "␣"


@dataclass(frozen=True)
class TextRecord:
    """The problem in words and what every run answers. question: the whole text; asked: its last sentence; answers: rows of
    (run, what it is called, answer, probability among the candidates, right or None where nobody knows)."""

    question: str
    asked: str
    answers: tuple[tuple[str, str, str, float, bool | None], ...]
    titles = ("Problem and answers", "Problem")

    def rows(self) -> list[dict]:
        return [
            {"run": run, "answer": given, "probability": p, "right": "" if right is None else right}
            for run, _, given, p, right in self.answers
        ]


def text_record(trace: Trace, *_) -> TextRecord:
    called = {"plain": "plain run", "refined": f"{refined_name(trace)} run" if refined_name(trace) == "refined" else ""}
    rows = []
    for name in (*RUNS, *CONTROLS_BELOW):
        if name not in trace.runs or not len(trace.runs[name].scores):
            continue
        given = answer(trace, name)
        label = called.get(name) or (refined_name(trace) if name == "refined" else run_name(name))
        rows.append((name, label, given.name, given.p, given.right))
    return TextRecord(trace.problem.question.strip(), asked(trace.problem), tuple(rows))
