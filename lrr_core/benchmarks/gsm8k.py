"""GSM8K: grade-school word problems whose answer is a number.

Three schemas are read. The released one has an `answer` of prose with calculator marks and the number on its last line:
"He sold 48/2 = <<48/2=24>>24 clips.\\n#### 72". The one of the Coconut code (GSM8K-Aug) has the number as `answer` and the
equations as `steps`: ["<<48/2=24>>", ...]. And plain lines, question||steps #### answer (`sources`), or a record whose answer is
a number alone, with its equations under `cot` or with none.
A problem keeps the prose as `steps` and the equations, without their marks, as
`formal`. 95 records of the released training file have no equation.
"""

from __future__ import annotations

import re

from .answers import number
from .prosqa import ProblemError
from .sources import require
from .task import Benchmark, Problem
from .templates import english, instruct, short

_MARKED = re.compile(r"<<(.*?)>>")
_ALONE = re.compile(r"\s*[-+]?\$?\d[\d,]*(?:\.\d+)?\s*")  # an answer that is a number and nothing else


def read_record(record: dict, id: str) -> Problem:
    """One record of either schema; ProblemError where question, answer or its number is missing."""
    question, text = require(record, "question", str), str(require(record, "answer", str | int | float))
    prose, mark, last = text.rpartition("####")
    given = record.get("steps", record.get("cot"))
    if not mark and given is None and not _ALONE.fullmatch(text):
        raise ProblemError(f"'answer' must end with a line '#### number', not {text[-30:]!r}.")
    # read as it is read from a text that copies it: a law holds between records and what models write
    free_answer = number(f"#### {last}")
    if free_answer is None:
        several = "; a number that can be misread is not guessed" if any(c.isdigit() for c in last) else ""
        raise ProblemError(
            f"'answer' must give a number{' after ####' if mark else ''}, not {last.strip()[:30]!r}{several}."
        )
    lines = prose.splitlines() if mark else _lines(given)
    formal = [equation.strip() for line in lines for equation in _MARKED.findall(line)]
    steps = [_MARKED.sub("" if mark else r"\1", line).strip() for line in lines]
    return Problem(id, "gsm8k", question, (), None, [s for s in steps if s], formal=formal, free_answer=free_answer)


def _lines(given: object) -> list[str]:
    """Steps as a list or as one text: its lines, or its marked equations where they stand behind each other."""
    if isinstance(given, str):
        marked = re.findall(r"<<.*?>>", given)
        return marked if marked and not _MARKED.sub("", given).strip() else given.splitlines()
    if given is not None and not (isinstance(given, list) and all(isinstance(step, str) for step in given)):
        raise ProblemError("'steps' must be a text or a list of texts.")
    return given or []


def parse(text: str) -> Problem:
    """A question in the reader's own words; nobody knows its answer."""
    if not text.strip():
        raise ProblemError("The text is empty; write a question whose answer is a number.")
    return Problem("own text", "gsm8k", text, (), None, ())


GSM8K = Benchmark(
    key="gsm8k",
    name="GSM8K",
    chance=0.0,
    parse=parse,
    read_record=read_record,
    extract=lambda text, problem: number(text),
    templates={"english": english, "short": short, "instruct": instruct},
    hub="hub:openai/gsm8k:main",
)
