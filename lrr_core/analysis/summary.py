"""A trace in words and small tables: what a page, a report or a table file says about one refined problem. No plotly.

Every number here is one of the record or of `metrics`; this module only chooses and names them.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..benchmarks.answers import chosen
from ..benchmarks.catalogue import BENCHMARKS, Problem
from ..colours import ROLES
from ..refinement.methods import METHODS
from ..refinement.trace import Run, Trace
from ..storage import csv_text
from .curves import Curves, candidate_probability, curves

RUN_NAMES = {"plain": "plain", "refined": "refined", "strong": "strong's own", "weak": "weak's own"}


@dataclass(frozen=True)
class ShownAnswer:
    """What one run answers. name: the candidate in the reader's words, or what the decoded text gives where any answer may come;
    p: its probability among the candidates, None without candidates; right: None where nobody knows."""

    run: str
    name: str
    p: float | None
    right: bool | None

    @property
    def mark(self) -> str:
        if self.right is None:
            return ""
        return ROLES["right" if self.right else "wrong"].glyph

    @property
    def share(self) -> str:
        """Its probability in per cent, or nothing where it has none."""
        return "" if self.p is None else f"{self.p:.0%}"

    @property
    def text(self) -> str:
        return " ".join(filter(None, (self.name, self.share, self.mark)))


def answer(trace: Trace, name: str) -> ShownAnswer:
    """The answer of run `name`: its most probable candidate; what its text gives where there are no candidates."""
    run, problem = trace.runs[name], trace.problem
    if not problem.candidates:
        given = BENCHMARKS[problem.benchmark].extract(run.text, problem)
        return ShownAnswer(name, given or "no answer", None, None if problem.gold is None else given == problem.gold)
    p = float(candidate_probability(run.scores).max())
    right = None if problem.answer is None else run.choice == problem.answer
    return ShownAnswer(name, chosen([readers_names(problem)[c] for c in problem.candidates], run.choice), p, right)


def readers_names(problem: Problem) -> dict[str, str]:
    """The model's name -> the name in the reader's text, for candidates and nodes; the same where nothing was renamed."""
    known = [*problem.candidates, *(problem.graph.names if problem.graph else ())]
    return {name: name for name in known} | {ours: theirs for theirs, ours in problem.renamed}


def answer_table(trace: Trace) -> list[dict]:
    """One row per run: every candidate's probability in %, the answer, whether it is right, and the decoded text."""
    rows = []
    for name, run in _plain_and_refined_first(trace):
        shares = candidate_probability(run.scores)
        given, names = answer(trace, name), readers_names(trace.problem)
        rows.append(
            {"run": run_name(name)}
            | {names[c]: 100 * float(v) for c, v in zip(trace.problem.candidates, shares, strict=True)}
            | {"answer": f"{given.name} {given.mark}".strip(), "decoded text": run.text}
        )
    return rows


def run_name(name: str) -> str:
    """A run's name in words."""
    return RUN_NAMES.get(name, method_name(name))


def refined_name(trace: Trace) -> str:
    """What the run beside the plain one is to be called: a control is no refinement, nor is the plain method."""
    method = trace.config.method
    return "refined" if METHODS[method].refines else method_name(method)


def asked(problem: Problem) -> str:
    """The question alone: the last sentence of the text."""
    sentences = [s.strip() for s in re.split(r"(?<=[.?!])\s+", problem.question.strip()) if s.strip()]
    return sentences[-1] if sentences else problem.question


def problem_label(problem: Problem) -> str:
    """One short line to choose a problem by."""
    if problem.graph is None:
        return asked(problem)
    return f"{problem.graph.names[problem.graph.root]} · {len(problem.graph.names)} nodes · {problem.graph.hops} hops"


def token_table(trace: Trace, name: str) -> list[dict]:
    """One row per thought: the most probable tokens of the fed thought under the logit lens, most probable first."""
    run = trace.runs[name]
    rows = []
    for t in range(len(run.states)):
        pairs = zip(run.top_ids[t, -1], run.top_p[t, -1], strict=True)
        tokens = [f"{trace.tokens[int(i)].replace('Ġ', '').replace('▁', '')} {v:.0%}" for i, v in pairs]
        rows.append({"thought": t + 1} | {f"{place}.": token for place, token in enumerate(tokens, 1)})
    return rows


def cost_table(trace: Trace) -> list[dict]:
    """One row per run: forward passes by kind, and text tokens."""
    return [{"run": run_name(n)} | r.cost | {"text tokens": r.text_tokens} for n, r in _plain_and_refined_first(trace)]


def _plain_and_refined_first(trace: Trace) -> list[tuple[str, Run]]:
    first = ("plain", "refined")
    return sorted(trace.runs.items(), key=lambda item: first.index(item[0]) if item[0] in first else len(first))


def push_percent(trace: Trace) -> str:
    """How far the refined run was pushed per thought, in % of ‖h‖, as text."""
    percent = curves(trace, "refined").percent("push")
    percent = percent[np.isfinite(percent)]
    if not percent.size or percent.max() == 0:
        return "no push"
    low, high = (f"{v:.2g}" if v < 10 else f"{v:.0f}" for v in (percent.min(), percent.max()))
    return f"{low} %" if low == high else f"{low}–{high} %"


def step_text(trace: Trace, width: int) -> str:
    """What the step size means here: the paper's η, and the push it led to."""
    return f"η = s·D/2 = {trace.config.eta(width):.3g} · push = {push_percent(trace)} of ‖h‖"


def member_label(name: str, facts: dict, short: bool = False) -> str:
    """A checkpoint and what is known of it: accuracies are fractions, `step` is the training step."""
    known = {key: f"{100 * value:.0f} %" for key, value in _accuracies(facts).items()}
    if short:
        shown = ["/".join(v.removesuffix(" %") for v in known.values()) + " %"] if known else []
    else:
        shown = [f"{key} {value}".removeprefix("accuracy ") for key, value in known.items()]
    return " · ".join([name.removeprefix("ladder/"), *shown])


def measured_on(members: dict[str, dict]) -> str:
    """What the percentages in short labels are, for a help text; empty where nothing is known."""
    keys = list(dict.fromkeys(key for facts in members.values() for key in _accuracies(facts)))
    return f"The percentages are accuracies without refinement: {' / '.join(keys)}." if keys else ""


def _accuracies(facts: dict) -> dict[str, float]:
    return {k: v for k, v in facts.items() if isinstance(v, float) and 0 <= v <= 1}


def method_name(name: str) -> str:
    """A method or control in words."""
    return METHODS[name].name if name in METHODS else name.replace("_", " ")


def method_label(name: str) -> str:
    """A method in words, marked where it is a control."""
    return f"control: {method_name(name)}" if METHODS[name].control else method_name(name)


def method_help() -> str:
    """All methods and controls in plain words, as a list."""
    return "\n".join(f"* **{rule.name}**: {rule.words}" for rule in METHODS.values())


def describe(trace: Trace) -> str:
    """The figure's alternative text."""
    plain, refined = answer(trace, "plain"), answer(trace, "refined")
    return (
        f"{asked(trace.problem)} Plain run answers {plain.name} {plain.share}, refined run {refined.name} "
        f"{refined.share}. Map of thoughts, graph of the problem and curves for {len(trace.runs['refined'].states)} thoughts."
    )


CSV_FIELDS = ("length", "step_change", "push", "pull", "deviation", "margin")
CSV_ROUNDS = ("to_strong", "to_weak", "to_plain", "cos_strong", "cos_weak", "cos_plain", "node_mass", "frontier_mass")


def data_csv(trace: Trace) -> str:
    """The curves of the plain and the refined run as CSV: one row per run and thought, values after the last round.

    Lengths and distances are in units of the hidden state, margins in nats; settings and weights stand in comment lines.
    """
    settings = ", ".join(f"{k}={getattr(trace.config, k)}" for k in trace.config.__dataclass_fields__)
    rows = []
    for name in ("plain", "refined"):
        c: Curves = curves(trace, name)
        for t in range(len(c.length)):
            row = {"run": name, "thought": t + 1} | {f: getattr(c, f)[t] for f in CSV_FIELDS}
            row |= {f: getattr(c, f)[t, -1] for f in CSV_ROUNDS}
            rows.append(
                row | {f"p {name}": p for name, p in zip(trace.problem.candidates, c.candidate_p[t], strict=True)}
            )
    return csv_text(rows, [f"{trace.problem.id}: {asked(trace.problem)}", settings, str(trace.identity)], digits=6)


def trace_bytes(trace: Trace) -> bytes:
    """The trace file (.npz) as bytes, for a download."""
    with tempfile.TemporaryDirectory() as folder:
        return trace.save(Path(folder) / "trace.npz").read_bytes()
