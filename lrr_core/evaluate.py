"""Problems x methods -> report: accuracy with interval, paired differences, cost, chance and shortcut baselines.

    python -m lrr_core evaluate --models assets/models/prosqa --generate balanced --nodes 12-15 --hops 2-3 --limit 1000

Every method answers the same problems. `correct` counts candidate scoring (the more probable candidate), `correct_greedy`
counts the decoded text. Comparisons are paired against `coconut`, the plain latent run.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from .benchmarks.generators import generate
from .benchmarks.shortcuts import depth_rule, fit_count_baseline
from .comparison import TextRun
from .metrics import candidate_probability, paired_difference, wilson
from .model_set import ModelError
from .models import ModelSet
from .problems import BENCHMARKS, Problem
from .refine import PUSHES, Prompts, Refiner, plain_thoughts, run_all
from .rollout import Stream, decode_greedy, pad_left, score_candidates
from .trace import CONTROLS, METHODS, RefineConfig

FORMAT = 1
TEXT_METHODS = {"no_cot": "the bare answer, no reasoning", "cot": "reasoning as text, then the answer"}
ALL_METHODS = (*TEXT_METHODS, *METHODS, *CONTROLS)
BASE = "coconut"  # what comparisons are paired against


@dataclass(frozen=True)
class Answer:
    """One problem under one method. choice: index of the likelier candidate; greedy: what the decoded text names."""

    problem: str
    choice: int
    greedy: int | None
    p_right: float
    tokens: int
    forwards: dict[str, int]
    frontier_mass: tuple[float, ...] = ()


def evaluate(
    models: ModelSet,
    problems: Sequence[Problem],
    methods: Sequence[str],
    config: RefineConfig,
    names: tuple[str, str, str] = ("backbone", "strong", "weak"),
    batch_size: int = 64,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict:
    """Answer every problem with every method; returns the report (see `report`).

    progress: called as progress(method, done, total). Raises ModelError for an unknown method or a missing checkpoint.
    """
    if unknown := [m for m in methods if m not in ALL_METHODS]:
        raise ModelError(f"No method called {', '.join(unknown)}; choose from {', '.join(ALL_METHODS)}.")
    if not methods:
        raise ModelError(f"No method was named; choose from {', '.join(ALL_METHODS)}.")
    if not problems:
        raise ModelError("There is no problem to answer; raise --limit or give another file.")
    if unanswered := [p.id for p in problems if p.answer is None]:
        raise ModelError(f"The right answer of {unanswered[0]} is unknown, so nothing can be counted; leave it out.")
    if len(problems) < 2 and (borrowing := DONATED & set(methods)):
        raise ModelError(f"{', '.join(sorted(borrowing))} needs thoughts of another problem; give at least two.")
    for name in _members(methods, names):  # before the clock starts, and before minutes are spent on other methods
        if name in TEXT_METHODS and name not in models.members:
            raise ModelError(f"This set has no checkpoint {name!r}, so the method {name} cannot run; leave it out.")
        models.model(name)
    answers, seconds = {}, {}
    donors = _donors(models, problems, config, names, batch_size) if set(methods) & DONATED else None
    for method in methods:
        start, done = time.perf_counter(), []
        for at in range(0, len(problems), batch_size):
            batch = problems[at : at + batch_size]
            if method in TEXT_METHODS:
                done += _answer_in_text(models, batch, method)
            else:
                given = None if donors is None or method not in donors else donors[method][at : at + batch_size]
                done += _answer_latent(models, batch, replace(config, method=method), names, given)
            if progress:
                progress(method, len(done), len(problems))
        answers[method], seconds[method] = done, time.perf_counter() - start
    return report(models, problems, answers, seconds, config, names)


DONATED = {"other_thoughts", "mean_thought"}


def _members(methods: Sequence[str], names: tuple[str, str, str]) -> list[str]:
    """The checkpoints that `methods` use."""
    pair = names[1:] if set(methods) & PUSHES else ()
    return list(dict.fromkeys([names[0], *pair, *(m for m in TEXT_METHODS if m in methods)]))


def _donors(models, problems, config, names, batch_size) -> dict[str, torch.Tensor]:
    """Plain thoughts for the controls, each (n, T, D) and independent of batching: the next problem's in list order, and
    the mean over all the others."""
    rolled = [
        plain_thoughts(models, Prompts.make(models, problems[at : at + batch_size]), config.thoughts, names[0]).cpu()
        for at in range(0, len(problems), batch_size)
    ]
    thoughts = torch.cat(rolled)  # (n, T, D)
    others = (thoughts.sum(0, keepdim=True) - thoughts) / (len(thoughts) - 1)
    return {"other_thoughts": thoughts.roll(-1, 0), "mean_thought": others}


def _answer_latent(models, batch, config, names, donors) -> list[Answer]:
    prompts = Prompts.make(models, batch)
    refiner = Refiner(models, prompts, config, names, donors, details=False)
    runs = run_all(refiner)
    parse = BENCHMARKS[models.info.benchmark].parse_answer
    masses = _frontier_mass(refiner) if config.method == BASE else [()] * len(batch)
    out = []
    for problem, run, mass in zip(batch, runs, masses, strict=True):
        cost = {k: v for k, v in run.cost.items() if k != "readout"}
        p = candidate_probability(run.scores)[problem.answer]
        out.append(Answer(problem.id, run.choice, parse(run.text, problem), float(p), run.text_tokens, cost, mass))
    return out


@torch.no_grad()
def _frontier_mass(refiner: Refiner) -> list[tuple[float, ...]]:
    """Per problem, the lens probability on the true frontier at every thought up to the answer's depth."""
    if not refiner.config.thoughts:
        return [()] * len(refiner.prompts.problems)
    thoughts = torch.stack([rounds[-1] for rounds in refiner.states], 1)  # (B, T, D)
    lens = refiner.main.logits(thoughts).float().softmax(-1)  # (B, T, V)
    out = []
    for p, problem, watched in zip(lens, refiner.prompts.problems, refiner.prompts.watched, strict=True):
        graph = problem.graph
        frontiers = graph.frontiers(min(graph.hops, len(p))) if graph else []
        out.append(tuple(float(p[t, [watched[i] for i in nodes]].sum()) for t, nodes in enumerate(frontiers)))
    return out


def run_in_text(models: ModelSet, batch: Sequence[Problem], method: str) -> list[TextRun]:
    """The text baselines: `cot` writes its path up to the answer token, `no_cot` answers at once."""
    model, prompts, info = models.model(method), Prompts.make(models, batch), models.info
    paths, forwards = [[] for _ in batch], [0] * len(batch)
    if method == "cot":
        stream = Stream.read(model, prompts.ids, prompts.mask)
        paths, forwards = decode_greedy(stream, (), models.answer_ids[0], info.max_cot_tokens)
    rows = [ids[m.bool()].tolist() + path for ids, m, path in zip(prompts.ids, prompts.mask, paths, strict=True)]
    ids, mask = pad_left(rows, models.tokenizer.pad_token_id or 0, models.device)
    stream = Stream.read(model, ids, mask)
    scores = score_candidates(stream, models.answer_ids, prompts.candidates).cpu().numpy()
    texts, more = decode_greedy(stream, models.answer_ids, models.tokenizer.eos_token_id, info.max_answer_tokens)
    return [
        TextRun(
            scores=scores[i, : len(problem.candidates)],
            written=models.decode(paths[i]),
            text=models.decode(texts[i]),
            tokens=len(paths[i]) + len(texts[i]),
            cost={"prefill": 1, "single": 0, "probe": 0, "decode": forwards[i] + more[i]},
        )
        for i, problem in enumerate(batch)
    ]


def _answer_in_text(models: ModelSet, batch: Sequence[Problem], method: str) -> list[Answer]:
    parse, out = BENCHMARKS[models.info.benchmark].parse_answer, []
    for problem, run in zip(batch, run_in_text(models, batch, method), strict=True):
        p = candidate_probability(run.scores)[problem.answer]
        greedy = parse(run.text, problem)
        out.append(Answer(problem.id, int(run.scores.argmax()), greedy, float(p), run.tokens, run.cost))
    return out


# --- the report -------------------------------------------------------------------------------------------------------


def report(models, problems, answers: dict[str, list[Answer]], seconds, config, names) -> dict:
    """The report as plain JSON types: `benchmark, n, chance, majority, config, identity, methods, comparisons, baselines`,
    and `answers` (per method, per problem) so that flips can be found again."""
    benchmark, n = BENCHMARKS[models.info.benchmark], len(problems)
    gold = [p.answer for p in problems]
    right = {m: [a.choice == g for a, g in zip(done, gold, strict=True)] for m, done in answers.items()}
    methods = {}
    for name, done in answers.items():
        correct = sum(right[name])
        kinds = done[0].forwards
        row = {
            "correct": correct,
            "correct_greedy": sum(a.greedy == g for a, g in zip(done, gold, strict=True)),
            "n": n,
            "accuracy": correct / n,
            "ci95": list(wilson(correct, n)),
            "tokens_per_problem": float(np.mean([a.tokens for a in done])),
            "forwards_per_problem": {k: float(np.mean([a.forwards[k] for a in done])) for k in kinds},
            "seconds_per_problem": seconds[name] / n,
        }
        if masses := [a.frontier_mass for a in done if a.frontier_mass]:
            longest = max(map(len, masses))
            row["frontier_mass"] = [float(np.mean([m[t] for m in masses if len(m) > t])) for t in range(longest)]
        methods[name] = row
    comparisons = {
        name: paired_difference(row, right[BASE]) for name, row in right.items() if BASE in right and name != BASE
    }
    return {
        "format": FORMAT,
        "benchmark": models.info.benchmark,
        "n": n,
        "chance": benchmark.chance,
        "majority": benchmark.majority(problems),
        "config": asdict(config) | {"backbone": names[0], "strong": names[1], "weak": names[2]},
        "identity": models.identity(*_members(list(answers), names)),
        "methods": methods,
        "comparisons": comparisons,
        "baselines": baselines(problems),
        "answers": {
            m: [asdict(a) | {"frontier_mass": list(a.frontier_mass)} for a in done] for m, done in answers.items()
        },
        "problems": [{"id": p.id, "answer": p.answer, "hops": p.graph.hops if p.graph else None} for p in problems],
    }


@lru_cache(maxsize=1)
def _count_rule():
    return fit_count_baseline(list(generate("released", 400, seed=0)))


def baselines(problems: Sequence[Problem]) -> dict:
    """Shortcuts that never reason: the depth rule, and logistic regression on graph counts fitted on released-style graphs."""
    graphs = [p.graph for p in problems]
    if not graphs or any(g is None for g in graphs):
        return {}
    out = {}
    for name, rule in (("depth_rule", depth_rule), ("graph_counts", _count_rule())):
        correct = sum(rule(g) == g.answer for g in graphs)
        out[name] = {"correct": correct, "n": len(graphs), "accuracy": correct / len(graphs)}
        out[name]["ci95"] = list(wilson(correct, len(graphs)))
    return out


def write_json(data: dict, path: str | Path) -> None:
    """Write beside the target, then rename, so that a reader never meets half a report."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(json.dumps(data, indent=1))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def table(data: dict) -> Iterator[str]:
    """The report as lines of text for a terminal."""
    c = data["config"]
    yield (
        f"{data['benchmark']}, n = {data['n']}; chance {100 * data['chance']:.1f} %, majority {100 * data['majority']:.1f} %; "
        f"s = {c['step_size']:g}, α = {c['residual']:g}, K = {c['rounds']}, T = {c['thoughts']}, reference {c['reference']}; "
        f"{c['backbone']} / {c['strong']} / {c['weak']}"
    )
    head = f"{'method':<17}{'correct':>11}{'accuracy':>10}{'95 % interval':>16}{'greedy':>8}{'points':>8}{'95 % interval':>18}"
    yield head + f"{'p':>8}{'tokens':>8}{'forwards':>10}{'ms':>7}"
    for name, row in data["methods"].items():
        low, high = row["ci95"]
        line = f"{name:<17}{row['correct']:>6}/{row['n']:<4}{100 * row['accuracy']:>10.1f}"
        line += f"{f'{100 * low:.1f} - {100 * high:.1f}':>16}{100 * row['correct_greedy'] / row['n']:>8.1f}"
        if d := data["comparisons"].get(name):
            interval = f"{d['ci95'][0]:+.1f} - {d['ci95'][1]:+.1f}"
            line += f"{d['points']:>+8.1f}{interval:>18}{d['p_value']:>8.3f}"
        else:
            line += " " * 34
        forwards = sum(row["forwards_per_problem"].values())
        yield line + f"{row['tokens_per_problem']:>8.1f}{forwards:>10.1f}{1000 * row['seconds_per_problem']:>7.1f}"
    for name, row in data["baselines"].items():
        low, high = row["ci95"]
        interval = f"{100 * low:.1f} - {100 * high:.1f}"
        yield f"{name:<17}{row['correct']:>6}/{row['n']:<4}{100 * row['accuracy']:>10.1f}{interval:>16}"
    for name, row in data["methods"].items():
        if mass := row.get("frontier_mass"):
            yield f"frontier mass ({name}), by thought: " + "  ".join(f"{m:.2f}" for m in mass)
