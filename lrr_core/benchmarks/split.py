"""Which problems are held back: told by a hash of the question, never by the order of a file.

    python -m lrr_core split --data train.jsonl --benchmark gsm8k --held-back 0.1 --seed 0 --out DIR

A problem falls on the same side whatever file it stands in, however that file is ordered, and however often it occurs;
so a repeated question cannot lie on both sides. The share is therefore met on average and not exactly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..storage import write_text
from .prosqa import ProblemError
from .sources import records
from .task import Benchmark, Problem

TRAIN, HELD_BACK = "train.jsonl", "held_back.jsonl"


@dataclass(frozen=True)
class Split:
    """What was written. train, held_back: records in each file; broken: records that could not be read, in neither."""

    train: int
    held_back: int
    broken: int


def key(problem: Problem) -> str:
    """What makes two problems the same: question and options, whatever their letter case and spacing."""
    text = "\n".join((problem.question, *(problem.options or problem.candidates)))
    return " ".join(text.lower().split())


def is_held_back(problem: Problem, share: float, seed: int = 0, purpose: str = "report") -> bool:
    """Whether a problem belongs to the `share` (0 to 1) that is held back under `seed`. More share holds back more, never
    others: what is held back at 5 % is also held back at 10 %. Another purpose is another draw, so that a part can be
    divided again."""
    digest = hashlib.sha256(f"{purpose} {seed}\n{key(problem)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def refuse_overlap(train: Sequence[Problem], other: Sequence[Problem], where: str) -> None:
    """Raise ProblemError where a problem of `other`, which lies in `where`, is also trained on."""
    known = {key(p) for p in train}
    if shared := [p.id for p in other if key(p) in known]:
        raise ProblemError(
            f"{len(shared)} of {len(other)} problems of {where} are also in the training data (the first is {shared[0]}); "
            "train on a file without them, such as the train.jsonl that `python -m lrr_core split` writes."
        )


def split(benchmark: Benchmark, source: str | Path, share: float, seed: int, out: Path) -> Split:
    """Write `out`/train.jsonl and `out`/held_back.jsonl: the records as they came, one a line.

    A record that cannot be read is in neither and counted. Raises ProblemError for a share outside 0 ... 1, where nothing
    can be read, or where a side would be empty.
    """
    if not 0 < share < 1:
        raise ProblemError(f"--held-back must lie between 0 and 1, such as 0.1, not {share:g}.")
    sides: dict[bool, list] = {False: [], True: []}
    broken, reason = 0, "it has no record."
    for row in records(source):
        try:
            if row.fault:
                raise ProblemError(row.fault)
            problem = benchmark.read_record(row.record, str(row.index))
        except ProblemError as error:
            broken, reason = broken + 1, f"{row.where}: {error}"
            continue
        sides[is_held_back(problem, share, seed)].append(row.record)
    if not any(sides.values()):
        raise ProblemError(f"No record of {benchmark.name} in {source}: {reason}")
    if empty := [name for side, name in ((False, "train"), (True, "held-back")) if not sides[side]]:
        raise ProblemError(f"The {empty[0]} part of {source} would be empty; choose another --held-back or --seed.")
    for side, name in ((False, TRAIN), (True, HELD_BACK)):
        write_text(out / name, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in sides[side]))
    return Split(len(sides[False]), len(sides[True]), broken)
