"""Reports of invented answers, in the form of `evaluate`: every count, interval and p is made from the answers given here."""

import json
from dataclasses import asdict

from lrr_core.analysis.statistics import paired_difference, wilson
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.evaluation.arms import against, parse_all
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.refinement.trace import RefineConfig

CONFIG = RefineConfig(step_size=0.2, residual=0.2, thoughts=3)
NAMES = Checkpoints("ladder/06-step-02600")
COST = {"no_cot": (2, 0, 0, 0), "cot": (2, 0, 0, 12), "coconut": (1, 3, 0, 2)}


def made(right: dict[str, str], problems=None, **top) -> dict:
    """A report. right: label -> a string of 1 (right) and 0 (wrong), one a problem."""
    n = max(map(len, right.values()))
    problems = problems or BENCHMARKS["prosqa"].generate("balanced", n, 3, (9, 11), (2, 2))[:n]
    arms = parse_all(right, CONFIG, NAMES)
    methods, answers, comparisons = {}, {}, {}
    for arm in arms:
        bits = [bit == "1" for bit in right[arm.label]]
        correct, base = sum(bits), against(arm, arms)
        pushed = (3, 9, 0, 2) if arm.config.reference == "same" else (3, 3, 12, 2)
        cost = dict(zip(("prefill", "single", "probe", "decode"), COST.get(arm.method, pushed), strict=True))
        tokens = 14.0 if arm.method == "cot" else 2.0
        answers[arm.label] = [
            answer(problem, hit, i, cost, tokens) for i, (problem, hit) in enumerate(zip(problems, bits, strict=False))
        ]
        methods[arm.label] = {
            "method": arm.method, "settings": arm.settings, "against": base, "judged_by": "candidates",
            "correct": correct, "correct_greedy": correct, "n": len(bits), "accuracy": correct / len(bits),
            "ci95": list(wilson(correct, len(bits))), "tokens_per_problem": tokens,
            "forwards_per_problem": {k: float(v) for k, v in cost.items()}, "seconds_per_problem": 0.01,
            "memory_per_problem": 3 * 2**20,
            "by_seed": [{"seed": 0, "correct": correct, "n": len(bits), "accuracy": correct / len(bits)}],
            "mean": correct / len(bits), "spread": None,
        }  # fmt: skip
        if base:
            found = paired_difference(bits, [bit == "1" for bit in right[base]][: len(bits)])
            comparisons[arm.label] = {"against": base} | found.row()
    baseline = {"correct": n // 2, "n": n, "accuracy": (n // 2) / n, "ci95": list(wilson(n // 2, n))}
    data = {
        "format": 2, "benchmark": "prosqa", "n": n, "chance": 0.5, "majority": 0.5, "seeds": [0],
        "source": {"data": None, "generate": "balanced", "nodes": "9-11", "hops": "2-2", "limit": n, "seed": 3},
        "config": asdict(CONFIG) | dict(zip(Checkpoints("backbone", "strong", "weak"), NAMES, strict=True)),
        "identity": {"members": {}}, "methods": methods, "comparisons": comparisons,
        "baselines": {"depth_rule": baseline}, "published": {"coconut": 82.0, "full": 85.7}, "tuning": None,
        "answers": answers, "problems": [asdict(p) | {"hops": p.graph.hops if p.graph else None} for p in problems],
    } | top  # fmt: skip
    return json.loads(json.dumps(data))  # as it comes from a file: lists, no tuples


def answer(problem, hit: bool, i: int, cost: dict, tokens: float) -> dict:
    choice = problem.answer if hit else 1 - problem.answer
    margin = (0.5 + 0.25 * i) * (1 if hit else -1)
    return {
        "problem": problem.id, "seed": 0, "choice": choice, "greedy": problem.candidates[choice], "right": hit,
        "right_greedy": hit, "p_right": 0.5, "margin": margin, "tokens": tokens, "forwards": cost,
    }  # fmt: skip
