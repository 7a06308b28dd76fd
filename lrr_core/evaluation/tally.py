"""Answers -> report: rates with intervals, paired differences, cost, chance and the shortcuts that never reason.

Every number of a `Report` can be counted again from its `answers` and `problems`.
Problems of several seeds are pooled where each seed made its own; where all seeds ask the same problems, the first seed is
counted and the others say how far chance alone moves the result (`by_seed`, `mean`, `spread`).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from ..analysis.statistics import paired_difference, wilson
from ..benchmarks.generators import generate
from ..benchmarks.published import NOTE, published
from ..benchmarks.shortcuts import depth_rule, fit_count_baseline
from ..benchmarks.task import Benchmark, Problem
from .answering import Answer
from .arms import Arm, against
from .report import FORMAT, ArmResult, Comparison, Report, ReportedAnswer, Score, SeedScore
from .report_table import reference_rows, rows


@dataclass(frozen=True)
class Tally:
    """What one arm came to. answers: seed -> one per problem of that seed, in order; seconds: wall time of those counted;
    memory: peak bytes per problem beyond the weights, None where it was not measured."""

    answers: Mapping[int, Sequence[Answer]]
    seconds: float
    memory: float | None = None


def report(
    benchmark: Benchmark,
    sets: Mapping[int, Sequence[Problem]],
    arms: Sequence[Arm],
    tallies: Mapping[str, Tally],
    config: dict,
    identity: dict,
    source: dict | None = None,
    tuning: dict | None = None,
) -> Report:
    """The report of the arms in `tallies`. sets: seed -> problems; config: settings with backbone, strong and weak."""
    seeds = list(sets)
    shared = len(seeds) > 1 and all(sets[s] == sets[seeds[0]] for s in seeds)
    counted = seeds[:1] if shared else seeds
    problems = [p for seed in counted for p in sets[seed]]
    arms = [arm for arm in arms if arm.label in tallies]
    answers = {label: [a for seed in counted for a in tally.answers[seed]] for label, tally in tallies.items()}
    methods, comparisons = {}, {}
    for arm in arms:
        tally, base = tallies[arm.label], against(arm, arms)
        by_seed = _over_seeds({seed: tally.answers[seed] for seed in seeds if seed in tally.answers})
        methods[arm.label] = ArmResult(**_counted(arm, base, answers[arm.label], tally, problems), **by_seed)
        if base is not None:
            right = ([a.right for a in answers[label]] for label in (arm.label, base))
            comparisons[arm.label] = Comparison(against=base, **paired_difference(*right).row())
    figures = {arm.label: published(benchmark.key, arm.label) for arm in arms}
    label, majority = benchmark.majority_class(problems)
    return Report(
        format=FORMAT,
        benchmark=benchmark.key,
        n=len(problems),
        chance=benchmark.chance,
        majority=majority,
        majority_class=label,
        source=source or {},
        seeds=seeds,
        config=config,
        identity=identity,
        methods=methods,
        comparisons=comparisons,
        baselines=baselines(problems),
        published={label: value for label, value in figures.items() if value is not None},
        published_note=NOTE,
        tuning=tuning,
        answers={
            arm.label: [
                ReportedAnswer(seed=seed, **asdict(a)) for seed in counted for a in tallies[arm.label].answers[seed]
            ]
            for arm in arms
        },
        problems=problems,
    )


def _counted(arm: Arm, base: str | None, done: list[Answer], tally: Tally, problems: Sequence[Problem]) -> dict:
    n, correct = len(done), sum(a.right for a in done)
    kinds = done[0].forwards
    row = {
        "method": arm.method,
        "settings": arm.settings,
        "against": base,
        "judged_by": "candidates" if problems[0].candidates else "text",
        "correct": correct,
        "correct_greedy": sum(a.right_greedy for a in done),
        "ties": sum(a.tied for a in done),  # of the likeliest candidates: given to nobody
        "n": n,
        "accuracy": correct / n,
        "ci95": list(wilson(correct, n)),
        "tokens_per_problem": float(np.mean([a.tokens for a in done])),
        "forwards_per_problem": {k: float(np.mean([a.forwards[k] for a in done])) for k in kinds},
        "seconds_per_problem": tally.seconds / n,
        "memory_per_problem": tally.memory,
    }
    if masses := [a.frontier_mass for a in done if a.frontier_mass]:
        longest = max(map(len, masses))
        row["frontier_mass"] = [float(np.mean([m[t] for m in masses if len(m) > t])) for t in range(longest)]
    return row


def _over_seeds(by_seed: Mapping[int, Sequence[Answer]]) -> dict:
    scores = []
    for seed, done in by_seed.items():
        correct = sum(a.right for a in done)
        scores.append(SeedScore(seed=seed, correct=correct, n=len(done), accuracy=correct / len(done)))
    rates = [score.accuracy for score in scores]
    spread = statistics.stdev(rates) if len(rates) > 1 else None
    return {"by_seed": scores, "mean": statistics.fmean(rates), "spread": spread}


@lru_cache(maxsize=1)
def _count_rule():
    return fit_count_baseline(list(generate("released", 400, seed=0)))


def baselines(problems: Sequence[Problem]) -> dict[str, Score]:
    """Shortcuts that never reason: the depth rule, and logistic regression on graph counts fitted on released-style graphs."""
    graphs = [p.graph for p in problems]
    if not graphs or any(g is None for g in graphs):
        return {}
    out = {}
    for name, rule in (("depth_rule", depth_rule), ("graph_counts", _count_rule())):
        correct = sum(rule(g) == g.answer for g in graphs)
        n = len(graphs)
        out[name] = Score(correct=correct, n=n, accuracy=correct / n, ci95=wilson(correct, n))
    return out


def table(report: Report) -> Iterator[str]:
    """A report as lines of text for a terminal."""
    c, arms = report.config, report.methods
    yield (
        f"{report.benchmark}, n = {report.n}; chance {100 * report.chance:.1f} %, majority {100 * report.majority:.1f} %; "
        f"s = {c['step_size']:g}, α = {c['residual']:g}, K = {c['rounds']}, T = {c['thoughts']}, reference {c['reference']}; "
        f"{c['backbone']} / {c['strong']} / {c['weak']}"
    )
    wide = max(17, *(len(name) + 1 for name in arms))
    head = f"{'method':<{wide}}{'correct':>11}{'accuracy':>10}{'95 % interval':>16}{'greedy':>8}{'points':>8}"
    yield f"{head}{'95 % interval':>18}{'p':>8}{'tokens':>8}{'forwards':>10}{'ms':>7}{'KiB':>7}{'published':>11}"
    for row in rows(report):
        line = f"{_scored(row['label'], row, wide)}{row['decoded']:>8.1f}"
        if row["points"] is not None:
            interval = f"{row['points low']:+.1f} - {row['points high']:+.1f}"
            line += f"{row['points']:>+8.1f}{interval:>18}{row['p']:>8.3f}"
        else:
            line += " " * 34
        line += f"{row['text tokens']:>8.1f}{row['forwards']:>10.1f}{1000 * row['seconds']:>7.1f}"
        line += f"{1024 * row['memory MB']:>7.0f}" if row["memory MB"] is not None else " " * 7
        line += f"{row['published']:>11.1f}" if row["published"] is not None else ""
        yield line.rstrip()
    yield from (_scored(row["label"], row, wide) for row in reference_rows(report) if row["correct"] is not None)
    if report.published:
        yield f"published: {report.published_note}"
    if ties := ", ".join(f"{name} {arm.ties}" for name, arm in arms.items() if arm.ties):
        yield f"ties of the likeliest candidates, given to nobody: {ties}"
    for name, arm in arms.items():
        if mass := arm.frontier_mass:
            yield f"frontier mass ({name}), by thought: " + "  ".join(f"{m:.2f}" for m in mass)
    if len(report.seeds) > 1:
        for name, arm in arms.items():
            rates = "  ".join(f"{s.seed}: {100 * s.accuracy:.1f}" for s in arm.by_seed)
            spread = f" ± {100 * arm.spread:.1f}" if arm.spread is not None else ", the same for every seed"
            yield f"over seeds ({name}): {100 * arm.mean:.1f}{spread}  ({rates})"


def _scored(name: str, row: dict, wide: int) -> str:
    interval = f"{row['accuracy low']:.1f} - {row['accuracy high']:.1f}"
    return f"{name:<{wide}}{row['correct']:>6}/{row['n']:<4}{row['accuracy']:>10.1f}{interval:>16}"
