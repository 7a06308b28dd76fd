"""A report as a file for others: CSV with every number, and a LaTeX table for a paper. As it was measured: `report.to_json`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..storage import csv_text
from .report import Report
from .report_table import COLUMNS, reference_rows, rows


def to_csv(report: Report) -> str:
    """The table and what it is read beside as CSV, numbers unrounded; problems, settings and weights stand in comment lines."""
    head = [f"{report.benchmark_name}, n = {report.n}, chance {report.chance:g}, majority {report.majority:g}"]
    head += [f"problems: {json.dumps(report.source)}", f"settings: {json.dumps(report.config)}"]
    head += [f"identity: {json.dumps(report.identity)}", *(f"{name}: {words}" for name, words in COLUMNS.items())]
    return csv_text([{name: row.get(name) for name in COLUMNS} for row in rows(report) + reference_rows(report)], head)


LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"}
LATEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"}
LATEX |= {
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "·": r"$\cdot$",
    "−": "$-$",
    "×": r"$\times$",
    "→": r"$\to$",
    "–": "--",
    "…": r"\dots{}",
}


def latex(text: str) -> str:
    """A text with nothing left that LaTeX would read; what it has no letter for becomes a question mark."""
    known = lambda c: LATEX.get(c, c if (c.isascii() and c.isprintable()) or (c.isalpha() and ord(c) < 0x180) else "?")  # noqa: E731
    return "".join(known(" " if c in "\r\n\t" else c) for c in text)


def to_latex(report: Report) -> str:
    """A booktabs table (needs \\usepackage{booktabs}); n, chance and what the columns are stand in its caption."""
    lines = [r"\begin{table}", r"\centering", r"\small", r"\begin{tabular}{lrrrrr}", r"\toprule"]
    lines += [r"Method & Correct & Accuracy & Points & $p$ & Forwards \\", r"\midrule"]
    groups = [("text", "base", "method"), ("control",)]
    table = rows(report)
    blocks = [[_latex_row(row) for row in table if row["kind"] in group] for group in groups]
    blocks.append([_latex_row(row) for row in reference_rows(report)])
    for block in filter(None, blocks):
        lines += [*block, r"\midrule"]
    lines[-1] = r"\bottomrule"
    return "\n".join([*lines, r"\end{tabular}", rf"\caption{{{_caption(report, table)}}}", r"\end{table}", ""])


def _latex_row(row: dict) -> str:
    ends = lambda name, form: " ".join(f"{row[f'{name} {end}']:{form}}" for end in ("low", "high"))  # noqa: E731
    sign = lambda text: f"${text}$"  # noqa: E731
    accuracy = f"{row['accuracy']:.1f}"
    if row["accuracy low"] is not None:
        accuracy += rf" \scriptsize[{ends('accuracy', '.1f').replace(' ', ', ')}]"
    cells = [latex(row["arm"]), "" if row["correct"] is None else f"{row['correct']}/{row['n']}", accuracy]
    if row["points"] is None:
        cells += ["", ""]
    else:
        low, high = (sign(f"{row[f'points {end}']:+.1f}") for end in ("low", "high"))
        p = f"{row['p']:.3f}" if row["p"] >= 0.001 else "$<0.001$"
        points = sign(f"{row['points']:+.1f}")
        cells += [rf"{points} \scriptsize[{low}, {high}]", p]
    return " & ".join([*cells, "" if row["forwards"] is None else f"{row['forwards']:.1f}"]) + r" \\"


def _caption(report: Report, table: Sequence[dict]) -> str:
    c = report.config
    said = [
        f"{report.benchmark_name}, n = {report.n:,}; chance {100 * report.chance:.1f} %, "
        f"most frequent answer {100 * report.majority:.1f} %.",
        "Accuracy in % with 95 % Wilson interval; points: difference to Coconut with the same backbone on the same problems, "
        "with 95 % paired bootstrap interval; p: exact McNemar test; forward passes per problem.",
        "Full: residual mixing and contrast.",
        f"s = {c['step_size']:g}, α = {c['residual']:g}, K = {c['rounds']}, T = {c['thoughts']}, reference {c['reference']}.",
    ]
    if published := [row for row in table if row["published"] is not None]:
        named = ", ".join(f"{row['arm']} {row['published']:g}" for row in published)
        said.append(f"Published figures, second-hand (read off a chart): {named}.")
    return latex(" ".join(said))
