"""One problem under every method and control, and one setting against another: the records and the numbers drawn from them.

A `Comparison` is a trace that has a run for every method, with the time each took. A `Difference` is two traces of one
problem, A and B, thought by thought. Law: a setting against itself differs by exactly zero (tested).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from ..analysis.curves import candidate_probability, curves, margin, norm
from ..analysis.summary import answer, asked, method_label, method_name, readers_names
from ..benchmarks.answers import choice_of, chosen
from ..models.checkpoints import ROLES
from ..refinement.methods import METHODS, PLAIN, shown
from ..refinement.trace import Trace

FORWARDS = {
    "prefill": "question",
    "single": "thoughts",
    "probe": "probes",
    "decode": "decoding",
}  # kinds, as people read them


@dataclass(frozen=True)
class TextRun:
    """One problem answered by a text baseline. scores: (C,) log p of each candidate at the end; written: the text of its
    steps, empty for `no_cot`; text: the greedily decoded answer; tokens: length of both; cost: forwards by kind."""

    scores: np.ndarray
    written: str
    text: str
    tokens: int
    cost: dict[str, int]


@dataclass(frozen=True)
class Comparison:
    """trace: with a run for every method, under its own name; text: the text baselines the set has; milliseconds: wall time
    of each method's own run, measured once on `trace.identity["device"]`, without what is only read out for a page."""

    trace: Trace
    text: dict[str, TextRun]
    milliseconds: dict[str, float]

    def __post_init__(self):
        if missing := {*self.milliseconds} ^ {*self.methods, *self.text}:
            raise ValueError(f"Runs and times do not agree on {', '.join(sorted(missing))}.")

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods and controls that were run, in the order they are shown."""
        return tuple(name for name in shown() if name in self.trace.runs)


def table(comparison: Comparison) -> list[dict]:
    """One row per method, control and text baseline; None where a number does not exist.

    right answer: its probability in %; margin: log p(right) - log p(best other), nats; moved: mean over the thoughts of the
    deviation from the plain run, in % of ‖h‖; forward passes: in all and by kind; milliseconds: see `Comparison`.
    """
    trace, rows = comparison.trace, []
    right = trace.problem.answer or 0
    for name in comparison.methods:
        run, given = trace.runs[name], answer(trace, name)
        moved = curves(trace, name).percent("deviation")
        rows.append(
            {"method": method_label(name), "answer": f"{given.name} {given.mark}".strip()}
            | _certainty(run.scores, right)
            | {"moved": float(moved.mean()) if moved.size and np.isfinite(moved).all() else None}
            | {"text tokens": run.text_tokens}
            | _forwards(run.cost)
            | {"milliseconds": comparison.milliseconds[name]}
        )
    for name, run in comparison.text.items():
        choice, names = choice_of(run.scores), [readers_names(trace.problem)[c] for c in trace.problem.candidates]
        mark = "" if trace.problem.answer is None else "✓" if choice == trace.problem.answer else "✗"
        rows.append(
            {"method": f"text: {name.replace('_', ' ')}"}
            | {"answer": f"{chosen(names, choice)} {mark}".strip()}
            | _certainty(run.scores, right)
            | {"moved": None, "text tokens": run.tokens}
            | _forwards(run.cost)
            | {"milliseconds": comparison.milliseconds[name]}
        )
    return rows


def changed(comparison: Comparison) -> str:
    """Who answers otherwise than the plain run, methods and controls apart: a flip says little where a control flips, too."""
    given = {name: answer(comparison.trace, name).name for name in comparison.methods}
    others = [name for name in given if given[name] != given[PLAIN]]
    told = [[method_name(name) for name in others if METHODS[name].control == kind] for kind in (False, True)]
    if not others:
        return "Every method and every control gives the plain run's answer here."
    methods, controls = (", ".join(names) or "none" for names in told)
    return f"Another answer than the plain run's: methods: {methods}; controls: {controls}."


def describe(comparison: Comparison) -> str:
    """The figure's alternative text: every method with its answer."""
    trace, word = comparison.trace, {True: "right", False: "wrong", None: ""}
    given = [(name, answer(trace, name)) for name in comparison.methods]
    answers = "; ".join(f"{method_name(n)}: {g.name} {g.share} {word[g.right]}".strip() for n, g in given)
    return f"{asked(trace.problem)} {len(given)} small maps with the same axes, one for each method. {answers}."


def _certainty(scores: np.ndarray, right: int) -> dict:
    if not len(scores):  # any number may be the answer
        return {"right answer": None, "margin": None}
    share = candidate_probability(scores)[right]
    return {"right answer": 100 * float(share), "margin": float(margin(scores, right))}


def _forwards(cost: dict[str, int]) -> dict:
    counts = {words: cost.get(kind, 0) for kind, words in FORWARDS.items()}
    return {"forward passes": sum(counts.values())} | counts


# --- A against B ------------------------------------------------------------------------------------------------------

# what is compared per thought: attribute of `metrics.Curves` -> (title, unit)
QUANTITIES = {
    "margin": ("Answer margin", "nats"),
    "to_strong": ("Distance to strong", ""),
    "to_weak": ("Distance to weak", ""),
    "deviation": ("Deviation from plain", "% of ‖h‖"),
    "push": ("Push", "% of ‖h‖"),
}


@dataclass(frozen=True)
class Difference:
    """Two settings on one problem. T: the thoughts both have.

    a, b: quantity of `QUANTITIES` -> (T,), after the last round; NaN where there is none; each measured against its own
    plain run and its own checkpoints. apart: (T,) ‖h_A - h_B‖ in % of ‖h_A‖, NaN where that is zero.
    """

    a: dict[str, np.ndarray]
    b: dict[str, np.ndarray]
    apart: np.ndarray

    def __post_init__(self):
        if shapes := {v.shape for v in (*self.a.values(), *self.b.values())} ^ {self.apart.shape}:
            raise ValueError(f"A difference needs the same thoughts everywhere, not {shapes}.")

    def delta(self, name: str) -> np.ndarray:
        """(T,) B - A."""
        return self.b[name] - self.a[name]


def difference(a: Trace, b: Trace) -> Difference:
    """The refined run of two traces of one problem, thought by thought. ValueError where the problems differ."""
    if a.problem != b.problem:
        raise ValueError(f"A and B are of different problems: {a.problem.id} and {b.problem.id}.")
    both = min(len(t.runs["refined"].states) for t in (a, b))
    first, second = (_quantities(trace, both) for trace in (a, b))
    h = [trace.runs["refined"].thoughts[:both].astype(np.float64) for trace in (a, b)]
    length = norm(h[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.where(length > 0, 100 * norm(h[0] - h[1]) / length, np.nan)
    return Difference(first, second, apart)


def _quantities(trace: Trace, thoughts: int) -> dict[str, np.ndarray]:
    c = curves(trace, "refined")
    values = {
        "margin": c.margin,
        "to_strong": c.to_strong[:, -1],
        "to_weak": c.to_weak[:, -1],
        "deviation": c.percent("deviation"),
        "push": c.percent("push"),
    }
    return {name: values[name][:thoughts].astype(np.float64) for name in QUANTITIES}


def differing(a: Trace, b: Trace) -> list[dict]:
    """One row per setting in which two traces differ: settings and checkpoints."""
    roles = ROLES
    values = [asdict(t.config) | {role: t.identity[role] for role in roles} for t in (a, b)]
    return [
        {"setting": name.replace("_", " "), "A": str(values[0][name]), "B": str(values[1][name])}
        for name in values[0]
        if values[0][name] != values[1][name]
    ]


def describe_difference(a: Trace, b: Trace) -> str:
    """The figure's alternative text: who answers what, and how far the two are apart at the end."""
    d, given = difference(a, b), [answer(trace, "refined") for trace in (a, b)]
    apart = (
        f"{d.apart[-1]:.0f} % of the length of A's"
        if np.isfinite(d.apart[-1])
        else "no share of A's, which has no length"
    )
    answers = " and ".join(f"{name} answers {g.name} {g.share}" for name, g in zip("AB", given, strict=True))
    return (
        f"{asked(a.problem)} {answers}. Curves of both and their difference for {len(d.apart)} thoughts; the last thoughts are "
        f"apart by {apart}; margins end at {d.a['margin'][-1]:+.2f} and {d.b['margin'][-1]:+.2f} nats."
    )
