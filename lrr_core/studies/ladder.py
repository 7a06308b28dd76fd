"""What refinement gains, rung by rung of a training: who answered which problems rightly, and every number drawn from that.

A `Ladder` keeps the answers themselves (one bit a problem), not their summary, so that any two settings can be compared on
the same problems: against the plain run, or against residual mixing alone, which tells a push from the mixing below it.

    ladder = Ladder.load("assets/ladder/prosqa.json")        # made by `python -m lrr_core ladder`
    rung_gains(ladder, "full", "next")                       # one Gain per backbone
    pair_gains(ladder, "same")                               # [strong][weak] for one backbone

Law: with strong = weak nothing is pushed, so the diagonal of the pairs equals residual mixing alone (tested).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..analysis.statistics import PairedDifference, pack, paired_difference, unpack, wilson
from ..refinement.methods import FULL, METHODS, PLAIN, RANDOM, RESIDUAL, ZERO
from ..storage import write_text

FORMAT = 1
# measured once per backbone, and those that push once per reading of the references, too
MEASURED = (PLAIN, RESIDUAL, ZERO, FULL, "contrast", RANDOM, "swapped")
BASES = {PLAIN: "the plain run", RESIDUAL: "residual mixing alone"}


class GainsError(ValueError):
    """A ladder file that cannot be used; the message says why and what to do."""


class Asked(NamedTuple):
    """One setting that was measured. strong, weak and reference are empty where the method asks no reference."""

    backbone: str
    method: str
    reference: str = ""
    strong: str = ""
    weak: str = ""


@dataclass(frozen=True)
class Gain(PairedDifference):
    """One setting against a base on the same problems.

    accuracy, accuracy_ci95: of the *plain* run of this backbone, fractions, with a Wilson interval.
    """

    asked: Asked
    accuracy: float
    accuracy_ci95: tuple[float, float]


@dataclass(frozen=True)
class Ladder:
    """Everything that was measured.

    rungs: checkpoints in the order of training, each set of weights once; strong, weak: the set's own pair, used on every
    rung; opens_with: the rung whose thoughts the pairs refine; settings: fields of RefineConfig; source: how the problems
    were generated, `n` on the rungs and `n_pairs` (the first of them) for the pairs; identity: weights and versions;
    answers: Asked -> (n,) whether each problem was answered rightly. A ladder may be half measured.
    """

    rungs: tuple[str, ...]
    strong: str
    weak: str
    opens_with: str
    settings: dict
    source: dict
    chance: float
    identity: dict
    answers: dict[Asked, np.ndarray]

    def right(self, asked: Asked) -> np.ndarray | None:
        """(n,) the answers to one setting; None where it was not measured (yet)."""
        return self.answers.get(asked)

    def other_weights(self, weights: dict[str, str]) -> list[str]:
        """Checkpoints whose hash in `weights` is not the one that was measured, or is not there."""
        return [name for name, made_with in self.identity["members"].items() if weights.get(name) != made_with]

    def save(self, path: str | Path) -> None:
        """Write beside the target, then rename, so that a reader never meets half a ladder."""
        head = {f: getattr(self, f) for f in HEAD}
        cells = [
            {k: v for k, v in asked._asdict().items() if v}
            | {"correct": int(right.sum()), "n": len(right), "right": pack(right)}
            for asked, right in self.answers.items()
        ]
        lines = ",\n".join(
            "  " + json.dumps(cell) for cell in cells
        )  # a line a cell: readable, and small changes stay small
        text = (
            json.dumps({"format": FORMAT, "what": "ladder"} | head, indent=1)[:-2]
            + f',\n "cells": [\n{lines}\n ]\n}}\n'
        )
        write_text(path, text)

    @classmethod
    def load(cls, path: str | Path) -> Ladder:
        """Read a ladder; a file that is none raises GainsError saying why."""
        fix = "measure it with `python -m lrr_core ladder`"
        try:
            data = json.loads(Path(path).read_text())
            if data.get("what") != "ladder" or data.get("format") != FORMAT:
                raise GainsError(
                    f"{path} is {data.get('what', 'something else')} of format {data.get('format')}, not a ladder of format "
                    f"{FORMAT}; {fix}."
                )
            answers = {}
            for cell in data["cells"]:
                right = unpack(cell["right"], cell["n"])
                asked = Asked(**{k: cell[k] for k in Asked._fields if k in cell})
                if right.sum() != cell["correct"]:
                    raise GainsError(f"{path} is damaged at {' '.join(filter(None, asked))}; {fix}.")
                answers[asked] = right
            return cls(**{f: data[f] for f in HEAD} | {"rungs": tuple(data["rungs"])}, answers=answers)
        except FileNotFoundError:
            raise GainsError(f"There is no ladder at {path}; {fix}.") from None
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            if isinstance(error, GainsError):
                raise
            raise GainsError(f"{path} is not a complete ladder ({error}); {fix}.") from error


HEAD = ("rungs", "strong", "weak", "opens_with", "settings", "source", "chance", "identity")


# --- comparisons ------------------------------------------------------------------------------------------------------


def gain(ladder: Ladder, asked: Asked, base: str = "coconut") -> Gain | None:
    """`asked` against `base` (a method of the same backbone) on the problems both answered; None where one is missing."""
    plain = ladder.right(Asked(asked.backbone, "coconut"))
    against = ladder.right(base_of(ladder, asked, base))
    right = ladder.right(asked)
    if right is None or plain is None or against is None:
        return None
    n = min(len(right), len(against))  # the pairs answered the first problems of the rungs
    right, against, correct = right[:n], against[:n], int(plain[:n].sum())
    found = paired_difference(right, against)
    return Gain(**vars(found), asked=asked, accuracy=correct / n, accuracy_ci95=wilson(correct, n))


def base_of(ladder: Ladder, asked: Asked, base: str) -> Asked:
    """The setting that `asked` is compared with: an unpushed method of its backbone, or a pushed one of the same reading."""
    if not METHODS[base].pushes:
        return Asked(asked.backbone, base)
    return Asked(asked.backbone, base, asked.reference, ladder.strong, ladder.weak)


def rung_gains(ladder: Ladder, method: str, reference: str = "", base: str = "coconut") -> list[Gain]:
    """One method on every backbone that was measured, in the order of training."""
    pair = (reference, ladder.strong, ladder.weak) if METHODS[method].pushes else ()
    found = (gain(ladder, Asked(rung, method, *pair), base) for rung in ladder.rungs)
    return [g for g in found if g is not None]


def pair_gains(ladder: Ladder, reference: str, base: str = "coconut") -> list[list[Gain | None]]:
    """[strong][weak]: `full` with every pair of rungs as references, on the backbone the set opens with."""
    return [
        [gain(ladder, Asked(ladder.opens_with, FULL, reference, s, w), base) for w in ladder.rungs]
        for s in ladder.rungs
    ]


def standing_out(gains: Sequence[Gain | None], rate: float = 0.05) -> list[int]:
    """+1, -1 or 0 per gain: up, down, or neither, at a false-discovery rate over all of them together (Benjamini-Hochberg):
    where a hundred pairs are tried, five would look like a finding by chance alone."""
    from scipy.stats import false_discovery_control

    tested = {i: g for i, g in enumerate(gains) if g is not None}
    out = [0] * len(gains)
    if not tested:
        return out
    adjusted = false_discovery_control([g.p_value for g in tested.values()])
    for (i, g), p in zip(tested.items(), adjusted, strict=True):
        out[i] = int(np.sign(g.points)) if p <= rate else 0
    return out
