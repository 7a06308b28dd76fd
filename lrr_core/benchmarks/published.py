"""The paper's own figures, in % correct: second-hand, read off a chart by a reviewer (arXiv 2506.08552, GPT-2 117M).

They stand beside our numbers and are never compared by a test: other model, other training, other problems.
"""

from __future__ import annotations

NOTE = "GPT-2 117M, read off a chart of arXiv 2506.08552: second-hand"
# benchmark -> method -> % correct; `full` is the paper's LRR
PUBLISHED: dict[str, dict[str, float]] = {
    "gsm8k": {"no_cot": 16.5, "cot": 42.8, "coconut": 36.3, "full": 36.9},
    "mathqa": {
        "no_cot": 23.0, "cot": 35.3, "coconut": 38.25, "full": 40.20,
        "residual": 40.02, "contrast": 39.79,
    },
    "aqua": {"no_cot": 22.8, "cot": 24.7, "coconut": 28.5, "full": 31.3},
    "prosqa": {"no_cot": 75.0, "cot": 77.5, "coconut": 82.0, "full": 85.7},
    "strategyqa": {"no_cot": 50.6, "cot": 57.5, "coconut": 59.4, "full": 62.0},
}  # fmt: skip
TEST_PROBLEMS = {"gsm8k": 1319, "mathqa": 2985, "aqua": 254, "prosqa": 500, "strategyqa": 229}
TEXT_TOKENS = {"mathqa": {"cot": 66.7, "full": 5.0}, "aqua": {"cot": 72.7, "full": 5.3}}  # per query


def published(benchmark: str, label: str) -> float | None:
    """The published figure for an arm: of a method without settings of its own, or of its literal reading; else None."""
    return PUBLISHED.get(benchmark, {}).get(label.removesuffix("@next"))
