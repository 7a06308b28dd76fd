"""StrategyQA: yes-or-no questions whose reasoning is implicit.

A record has `question` and `answer` (a bool; the hub's copies also write "true" or "yes"), `facts` (what has to be known, a
list, or one string on the hub) and `decomposition` (sub-questions, "#1" standing for the first answer). The facts are the
`steps` of a problem, the sub-questions its `formal`. Majority class of the released training file: no, 53.2 %.
"""

from __future__ import annotations

from .answers import verdict
from .prosqa import ProblemError
from .sources import require
from .task import Benchmark, Problem
from .templates import english, instruct, short

CANDIDATES = ("yes", "no")


def read_record(record: dict, id: str) -> Problem:
    """One record; ProblemError where the question is missing or the answer is neither yes nor no."""
    question, given = require(record, "question", str), require(record, "answer", bool | str)
    answer = {True: "yes", False: "no", "yes": "yes", "no": "no", "true": "yes", "false": "no"}.get(
        given.strip().lower() if isinstance(given, str) else given
    )
    if answer is None:
        raise ProblemError(f"'answer' must be true or false, not {given!r}.")
    facts, parts = record.get("facts") or [], record.get("decomposition") or []
    facts, parts = ([x] if isinstance(x, str) else x for x in (facts, parts))
    if not all(isinstance(x, list) and all(isinstance(line, str) for line in x) for x in (facts, parts)):
        raise ProblemError("'facts' and 'decomposition' must be lists of sentences.")
    steps, formal = ([line.strip() for line in x if line.strip()] for x in (facts, parts))
    return Problem(id, "strategyqa", question, CANDIDATES, CANDIDATES.index(answer), steps, formal=formal)


def parse(text: str) -> Problem:
    """A question in the reader's own words; nobody knows its answer."""
    if not text.strip():
        raise ProblemError("The text is empty; write a question that is answered by yes or no.")
    return Problem("own text", "strategyqa", text, CANDIDATES, None, ())


STRATEGYQA = Benchmark(
    key="strategyqa",
    name="StrategyQA",
    chance=0.5,
    parse=parse,
    read_record=read_record,
    extract=lambda text, problem: verdict(text),
    templates={"english": english, "short": short, "instruct": instruct},
    hub="hub:ChilleD/StrategyQA",
)
