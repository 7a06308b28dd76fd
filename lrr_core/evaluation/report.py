"""A report as an object: opened and checked, then asked for its table, its sentences and its flips.

    report = load("report.json")                 # or the file's bytes; ReportError says what is wrong with it
    rows(report), reference_rows(report)         # the table, and what stands beside it
    flips(report, "full")                        # wrong -> right and right -> wrong, with the random control's counts

`evaluate` makes reports, `report_files` writes them as CSV, JSON and LaTeX. A *label* is a method with the settings in which it
differs ("full@next@s=0.4", see `arms`), an *arm* what was measured under it. In rows accuracies are in %, differences in
percentage points, and every column says what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..analysis.statistics import paired_difference
from ..benchmarks.catalogue import BENCHMARKS, Problem
from ..refinement.methods import BASELINES, METHODS, RANDOM
from ..studies.ladder_words import name as short
from .report_checks import FORWARDS, ReportError, check, read

__all__ = ["Flip", "Flips", "Report", "ReportError", "load"]
KINDS = ("text", "base", "method", "control")  # of arms, in the order they are read
SYMBOLS = {"step_size": "s", "residual": "α", "rounds": "K", "thoughts": "T", "momentum": "β", "seed": "seed"}
REFERENCE_NAMES = {
    "chance": "guessing",
    "majority": "always the most frequent answer",
    "depth_rule": "depth rule (no reasoning)",
    "graph_counts": "graph counts (no reasoning)",
}


@dataclass(frozen=True)
class Report:
    """What `evaluate` measured, checked.

    data: the file as it was read, its keys as in `evaluate`; problems: (N,) in the order of the answers. An arm may have
    answered fewer than N of them: a report is shown while it grows.
    """

    data: dict
    problems: tuple[Problem, ...]

    @property
    def n(self) -> int:
        return len(self.problems)

    @property
    def benchmark(self) -> str:
        """The benchmark's name as people write it."""
        return BENCHMARKS[self.data["benchmark"]].name

    @property
    def labels(self) -> list[str]:
        return list(self.data["methods"])

    def settings(self, label: str) -> dict:
        """Everything an arm ran with: fields of RefineConfig, backbone, strong and weak."""
        arm = self.data["methods"][label]
        return self.data["config"] | arm["settings"] | {"method": arm["method"]}

    def against(self, label: str) -> str | None:
        """The arm that `label` is compared with."""
        found = self.data["comparisons"].get(label, {}).get("against") or self.data["methods"][label]["against"]
        return found if found != label else None

    def right(self, label: str) -> list[bool]:
        return [answer["right"] for answer in self.data["answers"][label]]


def load(source: str | Path | bytes) -> Report:
    """A report from its path or its bytes. Raises ReportError naming what was expected, what came and the fix."""
    return from_data(read(source))


def from_data(data: dict) -> Report:
    """A report from what `evaluate` returns. Raises ReportError."""
    return Report(data, check(data))


# --- names ------------------------------------------------------------------------------------------------------------


def kind(report: Report, label: str) -> str:
    """What an arm is: "text", "base" (the plain latent run), "control" or "method"."""
    method = report.data["methods"][label]["method"]
    if method in BASELINES:
        return "text"
    return "base" if METHODS[method].plain else "control" if METHODS[method].control else "method"


def written(report: Report, label: str) -> str:
    """An arm as people read it: its method, and the settings in which it differs from the report's own."""
    arm = report.data["methods"][label]
    parts = [SPELLED.get(arm["method"], arm["method"].replace("_", " "))]
    for key, value in arm["settings"].items():
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
    arm, found = report.data["methods"][label], report.data["comparisons"].get(label)
    forwards, memory, seeds = arm["forwards_per_problem"], arm.get("memory_per_problem"), len(arm["by_seed"])
    row = dict.fromkeys(COLUMNS) | {"arm": written(report, label), "label": label, "kind": kind(report, label)}
    row |= {"correct": arm["correct"], "n": arm["n"], "accuracy": 100 * arm["accuracy"]}
    row |= {"accuracy low": 100 * arm["ci95"][0], "accuracy high": 100 * arm["ci95"][1]}
    row |= {"decoded": 100 * arm["correct_greedy"] / arm["n"]}
    if found:
        row |= {"against": found["against"], "points": found["points"], "p": found["p_value"]}
        row |= {"points low": found["ci95"][0], "points high": found["ci95"][1]}
        row |= {"gained": int(found["gained"]), "lost": int(found["lost"])}
    row |= {"text tokens": arm["tokens_per_problem"], "seconds": arm["seconds_per_problem"]}
    row |= {kind: forwards[kind] for kind in FORWARDS} | {"forwards": sum(forwards[kind] for kind in FORWARDS)}
    row |= {"memory MB": None if memory is None else memory / 2**20}
    if seeds > 1:
        row |= {"seeds": seeds, "mean": 100 * arm["mean"], "spread": _percent(arm.get("spread"))}
    return row | {"published": report.data["published"].get(label)}


def reference_rows(report: Report) -> list[dict]:
    """What a score is read beside: chance, the majority class and the shortcut rules; accuracies in %."""
    out = []
    for key in ("chance", "majority"):
        out.append({"arm": REFERENCE_NAMES[key], "label": key, "accuracy": 100 * report.data[key], "n": report.n})
    for name, row in report.data["baselines"].items():
        out.append(
            {
                "arm": REFERENCE_NAMES.get(name, name.replace("_", " ")),
                "label": name,
                "correct": row["correct"],
                "n": row["n"],
                "accuracy": 100 * row["accuracy"],
                "accuracy low": 100 * row["ci95"][0],
                "accuracy high": 100 * row["ci95"][1],
            }
        )
    return [dict.fromkeys(COLUMNS) | row | {"kind": "reference"} for row in out]


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


# --- flips ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flip:
    """One problem whose answer changed between two arms. index: into `Report.problems`; seed: of the answer; before, after:
    margins in nats, log p(right) - log p(best other), None where the answer is judged by its text."""

    index: int
    seed: int
    before: float | None
    after: float | None

    @property
    def change(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True)
class Flips:
    """What `label` answers otherwise than `against`, in both directions, the largest change of margin first.

    gained: wrong -> right; lost: right -> wrong; n: problems both answered; control: the arm with random pushes that is read
    beside it, None where there is none; control_gained, control_lost: its counts against the same arm.
    """

    label: str
    against: str
    gained: tuple[Flip, ...]
    lost: tuple[Flip, ...]
    n: int
    control: str | None
    control_gained: int
    control_lost: int

    def __iter__(self):
        return iter((self.gained, self.lost))


def flips(report: Report, label: str) -> Flips:
    """Raises ReportError for a label that is not compared with anything."""
    against = report.against(label) if label in report.data["methods"] else None
    if against is None:
        known = ", ".join(name for name in report.labels if report.against(name)) or "none"
        raise ReportError(f"{label} is compared with nothing in this report; choose one of {known}.")
    gained, lost, answers = [], [], report.data["answers"]
    pairs = list(zip(answers[label], answers[against], strict=False))  # a report that grows: what both have answered
    for i, (mine, theirs) in enumerate(pairs):
        if mine["right"] != theirs["right"]:
            margins = theirs.get("margin"), mine.get("margin")
            (gained if mine["right"] else lost).append(Flip(i % report.n, mine.get("seed", 0), *margins))
    largest = lambda flip: -abs(flip.change or 0.0)  # noqa: E731
    control = control_of(report, label)
    sides = (report.right(control), report.right(against)) if control else ((), ())
    n = min(map(len, sides))
    counted = paired_difference(*(side[:n] for side in sides))
    gained, lost = sorted(gained, key=largest), sorted(lost, key=largest)
    return Flips(label, against, tuple(gained), tuple(lost), len(pairs), control, counted.gained, counted.lost)


def control_of(report: Report, label: str) -> str | None:
    """The random pushes that `label` is read beside: the same comparison, and as many of the same settings as there are."""
    against, mine = report.against(label), report.settings(label)
    found = [
        other
        for other in report.labels
        if other != label and report.data["methods"][other]["method"] == RANDOM and report.against(other) == against
    ]
    shared = lambda other: sum(mine.get(k) == v for k, v in report.settings(other).items())  # noqa: E731
    return max(found, key=shared, default=None)
