"""The rows of a report: what each arm is called, and what was measured under it, beside what needs no reasoning.

    rows(report), reference_rows(report)         # the table, and what stands beside it

In rows accuracies are in %, differences in percentage points, and every column says what it is. `report_files` writes them as
CSV and LaTeX, `report_words` as sentences.
"""

from __future__ import annotations

from ..refinement.methods import BASELINES, METHODS
from ..studies.ladder_words import name as short
from .report import FORWARDS, ArmResult, Report, Score

KINDS = ("text", "base", "method", "control")  # of arms, in the order they are read
SYMBOLS = {"step_size": "s", "residual": "α", "rounds": "K", "thoughts": "T", "momentum": "β", "seed": "seed"}
REFERENCE_NAMES = {
    "chance": "guessing",
    "majority": "always the most frequent answer",
    "depth_rule": "depth rule (no reasoning)",
    "graph_counts": "graph counts (no reasoning)",
}


# --- names ------------------------------------------------------------------------------------------------------------


def kind(report: Report, label: str) -> str:
    """What an arm is: "text", "base" (the plain latent run), "control" or "method"."""
    method = report.methods[label].method
    if method in BASELINES:
        return "text"
    return "base" if METHODS[method].plain else "control" if METHODS[method].control else "method"


def written(report: Report, label: str) -> str:
    """An arm as people read it: its method, and the settings in which it differs from the report's own."""
    arm = report.methods[label]
    parts = [SPELLED.get(arm.method, arm.method.replace("_", " "))]
    for key, value in arm.settings.items():
        if key in SYMBOLS:
            parts.append(
                f"{SYMBOLS[key]} = {value:g}" if isinstance(value, int | float) else f"{SYMBOLS[key]} = {value}"
            )
        elif key != "method":
            value = short(str(value)).replace("_", " ")
            parts.append(value if key in ("reference", "backbone") else f"{key} {value}")
    return " · ".join(parts)


SPELLED = {"no_cot": "No-CoT", "cot": "CoT", "coconut": "Coconut", "tilr": "TILR"}


# --- the table --------------------------------------------------------------------------------------------------------

COLUMNS = {
    "arm": "what answered",
    "label": "the same as a label of `evaluate`",
    "kind": "text, base (the plain latent run), method or control",
    "correct": "problems answered rightly",
    "n": "problems",
    "accuracy": "correct / n in %",
    "accuracy low": "lower end of its 95 % Wilson interval, %",
    "accuracy high": "upper end, %",
    "decoded": "accuracy in % when the decoded text is judged",
    "against": "the arm it is compared with, on the same problems",
    "points": "difference of the two accuracies in percentage points",
    "points low": "lower end of its 95 % paired bootstrap interval, points",
    "points high": "upper end, points",
    "p": "exact McNemar test of that difference, two-sided",
    "gained": "problems that only this arm answers rightly",
    "lost": "problems that only the other arm answers rightly",
    "text tokens": "tokens written per problem",
    "forwards": "forward passes per problem, all kinds together",
    "prefill": "of these: reading the question",
    "single": "of these: one thought or one position at a time",
    "probe": "of these: asking strong and weak",
    "decode": "of these: writing text",
    "seconds": "seconds per problem on the machine that measured",
    "memory MB": "peak memory per problem",
    "seeds": "seeds it was repeated with",
    "mean": "mean accuracy over seeds, %",
    "spread": "standard deviation over seeds, points",
    "published": "figure of the paper in %, second-hand: read off a chart by a reviewer",
}


def rows(report: Report) -> list[dict]:
    """One row an arm, its keys those of `COLUMNS`, None where nothing was measured."""
    return [_row(report, label) for label in report.labels]


def _row(report: Report, label: str) -> dict:
    arm, found = report.methods[label], report.comparisons.get(label)
    forwards, memory, seeds = arm.forwards_per_problem, arm.memory_per_problem, len(arm.by_seed)
    row = dict.fromkeys(COLUMNS) | {"arm": written(report, label), "label": label, "kind": kind(report, label)}
    row |= _scored(arm) | {"decoded": 100 * arm.correct_greedy / arm.n}
    if found:
        row |= {"against": found.against, "points": found.points, "p": found.p_value}
        row |= {"points low": found.ci95[0], "points high": found.ci95[1], "gained": found.gained, "lost": found.lost}
    row |= {"text tokens": arm.tokens_per_problem, "seconds": arm.seconds_per_problem}
    row |= {kind: getattr(forwards, kind) for kind in FORWARDS}
    row |= {"forwards": sum(row[kind] for kind in FORWARDS), "memory MB": None if memory is None else memory / 2**20}
    if seeds > 1:
        row |= {"seeds": seeds, "mean": _percent(arm.mean), "spread": _percent(arm.spread)}
    return row | {"published": report.published.get(label)}


def _scored(score: Score | ArmResult) -> dict:
    low, high = score.ci95
    row = {"correct": score.correct, "n": score.n, "accuracy": 100 * score.accuracy}
    return row | {"accuracy low": 100 * low, "accuracy high": 100 * high}


def reference_rows(report: Report) -> list[dict]:
    """What a score is read beside: chance, the majority class and the shortcut rules; accuracies in %."""
    plain = {"chance": report.chance, "majority": report.majority}
    out = [{"label": key, "accuracy": 100 * share, "n": report.n} for key, share in plain.items()]
    out += [{"label": name} | _scored(score) for name, score in report.baselines.items()]
    named = lambda row: REFERENCE_NAMES.get(row["label"], row["label"].replace("_", " "))  # noqa: E731
    return [dict.fromkeys(COLUMNS) | row | {"arm": named(row), "kind": "reference"} for row in out]


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value
