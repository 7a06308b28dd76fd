"""What a method costs per problem, by formula: forward passes and positions read, and what they come to on larger models.

    forwards("full", thoughts=6, rounds=1)  ->  {"prefill": 3, "single": 18, "probe": 12, "decode": 1}

Laws (tests): the formula is what `Refiner` counts; it is linear in T and in K; `same` costs no probe. Text only, no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..refinement.methods import METHODS, PLAIN

# parameters outside the token embedding, which a position that is only read does not pass through
SIZES = {
    "shipped reasoner": 0.69e6,
    "GPT-2": 85e6,
    "Qwen2.5-1.5B": 1.31e9,
    "Llama-3.2-3B": 2.82e9,
}


def forwards(method: str, thoughts: int, rounds: int = 1, reference: str = "next", decoded: int = 1) -> dict[str, int]:
    """Forward passes of one problem by kind. decoded: tokens read to write the answer, the end-of-thought token included."""
    return METHODS[method].forwards(thoughts, rounds, reference, decoded)


def positions(
    method: str, prompt: int, thoughts: int, rounds: int = 1, reference: str = "next", decoded: int = 1
) -> int:
    """Positions that pass through a model: a prefill reads the whole prompt, every other forward one position."""
    kinds = forwards(method, thoughts, rounds, reference, decoded)
    return kinds["prefill"] * prompt + kinds["single"] + kinds["probe"] + kinds["decode"]


@dataclass(frozen=True)
class Bill:
    """One line of the table. forwards: passes per problem; positions: see above; flops: about 2 per parameter and position
    (attention over so short a prompt adds a few per cent and is left out)."""

    model: str
    method: str
    thoughts: int
    rounds: int
    forwards: int
    positions: int
    flops: float


def bills(prompt: int = 100, decoded: int = 2) -> list[Bill]:
    """The table as thoughts, rounds and model grow."""
    settings = [(PLAIN, 6, 1, "next"), ("full", 6, 1, "same"), ("full", 6, 1, "next"), ("full", 6, 4, "next")]
    settings += [("full", 12, 1, "next")]
    out = []
    for model, parameters in SIZES.items():
        for method, t, k, reference in settings:
            count = positions(method, prompt, t, k, reference, decoded)
            passes = sum(forwards(method, t, k, reference, decoded).values())
            label = method if METHODS[method].plain else f"{method}@{reference}"
            out.append(Bill(model, label, t, k, passes, count, 2 * parameters * count))
    return out
