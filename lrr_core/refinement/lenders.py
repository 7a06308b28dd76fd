"""Who lends thoughts to the methods that borrow: one rule for pages, commands and reports. Text only.

A problem of a list borrows from the others after it, in a circle: the next one lends to `other_thoughts`, all of them to
`mean_thought`. A problem looked at alone stands before a list of its own: freshly drawn problems, always the same, so that one
control gives one number wherever it is asked for; where its benchmark cannot draw any, before the others of its file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from ..benchmarks.catalogue import BENCHMARKS, Problem
from .methods import borrowers

Listed = TypeVar("Listed")
COUNT = 8  # problems that lend to one looked at alone
SEED, NODES, HOPS = 20_000, (12, 15), (2, 3)  # of those that are drawn


def following(problems: Sequence[Listed], at: int) -> tuple[Listed, ...]:
    """The others of a list, those after place `at` first."""
    return (*problems[at + 1 :], *problems[:at])


def lenders(problem: Problem, methods: Iterable[str], listed: Sequence[Problem] = ()) -> tuple[Problem, ...]:
    """Who lends to a problem looked at alone under `methods`; () where none of them borrows, or nobody can lend.

    listed: the problems of its file, itself among them.
    """
    if not borrowers(methods):
        return ()
    benchmark = BENCHMARKS[problem.benchmark]
    if benchmark.maker is None:
        return following(listed, listed.index(problem))[:COUNT] if listed else ()
    return tuple(p for p in benchmark.generate("balanced", COUNT, SEED, NODES, HOPS) if p != problem)
