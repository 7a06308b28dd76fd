"""A report in sentences and as a table for reading: nothing here was written after looking at the numbers.

"More" and "fewer" are said only of a difference whose 95 % interval leaves out zero.
"""

from __future__ import annotations

from ..studies.ladder_words import name as short
from .cases import control_of
from .experiments import EXPERIMENTS
from .report import Report
from .report_table import KINDS, reference_rows, rows


def finding(row: dict) -> str:
    """One arm's difference as a sentence, which never says more than its interval does."""
    if row["points"] is None:
        return f"{row['arm']}: {row['accuracy']:.1f} % of n = {row['n']}"
    low, high = row["points low"], row["points high"]
    verdict = "more" if low > 0 else "fewer" if high < 0 else "no clear difference"
    said = f"{row['points']:+.1f} points ({low:+.1f} to {high:+.1f}), p {p_text(row['p'])}".replace("-", "−")
    return f"{row['arm']}: {row['accuracy']:.1f} %, {said}: {verdict}{' right answers' if verdict != 'no clear difference' else ''}"


def p_text(p: float) -> str:
    """How a p stands behind its letter: "= 0.012", "< 0.001"."""
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"


def headline(report: Report) -> list[str]:
    """What was measured, and what became of the refinement and of its random control."""
    table = {row["label"]: row for row in rows(report)}
    plain = next((row for row in table.values() if row["kind"] == "base"), None)
    said = []
    if plain:
        said.append(
            f"{plain['arm']}: {plain['accuracy']:.1f} % ({plain['accuracy low']:.1f} to {plain['accuracy high']:.1f}) of "
            f"n = {plain['n']}; guessing gives {100 * report.chance:.0f} %"
        )
    main = next((row for row in table.values() if row["kind"] == "method" and row["points"] is not None), None)
    main = table.get("full", main)
    if main and main["points"] is not None:
        said.append(finding(main))
        if control := control_of(report, main["label"]):
            said.append(finding(table[control]))
    return said


def measured(report: Report) -> str:
    """On which problems and under which settings, in a sentence."""
    c = report.config
    said = (
        f"{report.benchmark_name}, n = {report.n}{_drawn(report.source)}. s = {c['step_size']:g}, α = {c['residual']:g}, "
        f"K = {c['rounds']}, T = {c['thoughts']}, reference {c['reference']}; backbone {short(c['backbone'])}, pushed towards "
        f"{short(c['strong'])} and away from {short(c['weak'])}."
    )
    if report.tuning:
        said += f" Settings were chosen on other problems: {report.tuning}."
    return said


def _drawn(source: dict) -> str:
    """Where the problems are from, as far as a report says."""
    made = source.get("generate")
    if made and {"nodes", "hops", "seed"} <= set(source):
        kind = "as released" if made == "released" else str(made)
        nodes, hops = (str(source[name]).replace("-", "–") for name in ("nodes", "hops"))
        seed = f"{source['seed']:,}" if isinstance(source["seed"], int) else source["seed"]
        return f": {kind} problems of {nodes} nodes and {hops} hops, seed {seed}"
    return f" from {source['data']}" if source.get("data") else ""


def title(report: Report, otherwise: str = "") -> str:
    """A report's name in a list: its experiments, its benchmark, its n. otherwise: its name where it tells no experiment."""
    keys = str(report.source.get("experiment", "")).split(",")
    named = [EXPERIMENTS[key].title for key in keys if key in EXPERIMENTS] or [
        otherwise or f"{len(report.labels)} arms"
    ]
    return " · ".join(
        [", ".join([named[0], *(name.lower() for name in named[1:])]), report.benchmark_name, f"n = {report.n}"]
    )


# --- the table as it is read ---


SHOWN = {
    "method": "What answered, with the settings in which it differs.",
    "right / n": "Problems answered rightly, of all.",
    "accuracy, %": "Judged by the likelier candidate; a free answer by its text.",
    "95 % interval": "Wilson interval of the accuracy.",
    "points": "Accuracy minus that of plain thoughts with the same backbone, on the same problems.",
    "its 95 % interval": "Paired bootstrap interval of that difference.",
    "p": "Exact McNemar test of that difference, two-sided.",
    "text tokens": "Tokens written per problem.",
    "forward passes": "Per problem: reading, thoughts, questions to strong and weak, writing.",
    "peak MB": "Peak memory per problem beyond the weights.",
    "ms": "Milliseconds per problem on the machine that measured.",
    "mean over seeds, %": "Mean accuracy over seeds.",
    "± points": "Standard deviation over seeds.",
    "published, %": "Figure of the paper for another model on other problems: second-hand, read off a chart by a reviewer.",
}


def shown_rows(report: Report) -> list[dict]:
    """The table as it is read: an interval is one cell, and columns in which nothing was measured are left out."""
    out = []
    for row in sorted(rows(report), key=lambda row: KINDS.index(row["kind"])) + reference_rows(report):
        shown = {
            "method": row["arm"],
            "right / n": None if row["correct"] is None else f"{row['correct']}/{row['n']}",
            "accuracy, %": row["accuracy"],
            "95 % interval": _ends(row, "accuracy", ".1f"),
            "points": row["points"],
            "its 95 % interval": _ends(row, "points", "+.1f"),
            "p": None if row["p"] is None else p_text(row["p"]).removeprefix("= "),
        }
        named = {"text tokens": "text tokens", "forwards": "forward passes", "memory MB": "peak MB"}
        shown |= {heading: row[name] for name, heading in named.items()}
        shown |= {"ms": None if row["seconds"] is None else 1000 * row["seconds"]}
        shown |= {"mean over seeds, %": row["mean"], "± points": row["spread"], "published, %": row["published"]}
        out.append(shown)
    used = [name for name in SHOWN if any(row[name] is not None for row in out)]
    return [{name: row[name] for name in used} for row in out]


def _ends(row: dict, name: str, form: str) -> str | None:
    low, high = row[f"{name} low"], row[f"{name} high"]
    if low is None:
        return None
    return f"{low:{form}} to {high:{form}}".replace("-", "−")
