"""A benchmark of one's own: any file of questions with answers.

`question` and `answer`; optionally `choices`, `steps` (a list or a text, a step a line) and `id`. Other names are given by a
field map (`sources.rename`). What is read:

* no choices: a free answer. A gold answer that is a number is compared as a number, any other text after normalising: letter
  case, articles, punctuation and spaces do not count. `true` and `false` are a choice between yes and no.
* choices: 2 or more texts or numbers, or labelled as ARC has them, {"text": [...], "label": ["A", ...]} or a list of such
  pairs. The answer is a label, the text of a choice, or its place from 0; where a number is both a text and the place of another
  choice the text counts, and the problem is doubtful.

Choices are judged by the total log-probability of their tokens and of the end of the answer behind them. With the end, a choice
that begins another one ("10", "10 km") does not win for being shorter.
"""

from __future__ import annotations

import json
import re

from .answers import number
from .prosqa import ProblemError
from .sources import require
from .task import Benchmark, Problem
from .templates import english, instruct, short

MOST_CHOICES = 26
YES_NO = ("yes", "no")
_STATED = re.compile(r"(?:####|\banswer(?:\s+is\b)?\s*:?)[ \t]*(.+)", re.IGNORECASE)
_NUMBER = re.compile(r"[\s$€£]*[-+−]?[\d.,/\s]*\d[\d.,/\s]*%?\s*")


def read_record(record: dict, id: str) -> Problem:
    """One record; ProblemError where question or answer is missing, or the answer is none of the choices."""
    question = require(record, "question", str)
    key = "answer" if "answer" in record or "answerKey" not in record else "answerKey"
    answer = require(record, key, str | int | float | bool)
    steps = _steps(record.get("steps"))
    if record.get("id") is not None:
        named = require(record, "id", str | int)
        id = f"{id} ({str(named)[:80]})"
    if record.get("choices") is None:
        if isinstance(answer, bool):
            return Problem(id, "generic", question, YES_NO, 0 if answer else 1, steps)
        return Problem(id, "generic", question, (), None, steps, free_answer=_text(answer))
    texts, labels = _choices(record["choices"])
    place, doubt = _place(answer, texts, labels)
    return Problem(id, "generic", question, texts, place, steps, doubt=doubt)


def _text(value: object) -> str:
    """A number or a text as text; 5.0 is "5"."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _steps(raw: object) -> list[str]:
    lines = raw.splitlines() if isinstance(raw, str) else [] if raw is None else raw
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise ProblemError("'steps' must be a text or a list of texts.")
    return [line.strip() for line in lines if line.strip()]


def _choices(raw: object) -> tuple[list[str], list[str]]:
    """(texts, labels) of 2 ... MOST_CHOICES choices; no labels where they have none."""
    if isinstance(raw, str) and raw.lstrip().startswith(("[", "{")):  # a cell of a table
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise ProblemError(f"'choices' begins as a JSON list but is none: {raw[:40]!r}.") from error
    labels: object = []
    if isinstance(raw, dict):
        raw, labels = raw.get("text"), raw.get("label", [])
    elif isinstance(raw, list) and raw and all(isinstance(choice, dict) for choice in raw):
        raw, labels = [c.get("text") for c in raw], [c.get("label") for c in raw if c.get("label") is not None]
    if not isinstance(raw, list) or not isinstance(labels, list):
        raise ProblemError("'choices' must be a list of texts, or {'text': [...], 'label': [...]}.")
    if not 2 <= len(raw) <= MOST_CHOICES:
        raise ProblemError(f"'choices' must hold 2 to {MOST_CHOICES}, not {len(raw)}.")
    for what, values in (("choice", raw), ("label", labels)):
        for i, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, str | int | float) or not _text(value):
                raise ProblemError(
                    f"{what} {i + 1} must be a text or a number, not {json.dumps(value, default=str)[:40]}."
                )
    texts, labels = [_text(v) for v in raw], [_text(v) for v in labels]
    if labels and len(labels) != len(texts):
        raise ProblemError(f"'choices' has {len(texts)} texts but {len(labels)} labels.")
    for what, values in (("choices", texts), ("labels", labels)):
        if len(set(values)) < len(values):
            twice = next(v for v in values if values.count(v) > 1)
            raise ProblemError(f"Two {what} are {twice[:40]!r}; only one could be right.")
    return texts, labels


def _place(answer: object, texts: list[str], labels: list[str]) -> tuple[int, str]:
    given = _text(answer)
    if labels:
        if given in labels:
            return labels.index(given), ""
        if given in texts:
            return texts.index(given), ""
        raise ProblemError(f"'answer' must be a label ({', '.join(labels)}) or a choice, not {given[:40]!r}.")
    index = int(given) if re.fullmatch(r"\d{1,2}", given) and int(given) < len(texts) else None
    if given in texts:
        place = texts.index(given)
        both = index is not None and index != place
        return place, f"the answer {given} is a choice and the place of another one; read as the choice" if both else ""
    if isinstance(answer, bool) or index is None:
        raise ProblemError(f"'answer' must be one of the choices or its place from 0, not {given[:40]!r}.")
    return index, ""


def normalised(text: str) -> str:
    """Without letter case, articles, punctuation and spare spaces: what exact match compares."""
    words = re.sub(r"[^\w\s]", " ", text.casefold()).split()
    return " ".join(word for word in words if word not in ("a", "an", "the"))


def extract(text: str, problem: Problem) -> str | None:
    """The answer of decoded text, as the gold answer is written where it is the same; None where there is none.

    A choice is given by its own words, stated or alone; a number as `answers.number` reads it; a free text by its stated part
    ("The answer is Paris."), else by its first line.
    """
    if not problem.candidates and is_number(problem.free_answer):
        found = number(text)
        return problem.free_answer if found is not None and found == number(problem.free_answer) else found
    stated = _STATED.findall(text)
    said = normalised(stated[-1] if stated else next((line for line in text.splitlines() if line.strip()), ""))
    known = problem.candidates or ((problem.free_answer,) if problem.free_answer else ())
    same = [choice for choice in known if (normalised(choice) or choice.strip()) == (said or text.strip())]
    if problem.candidates:
        return same[0] if len(same) == 1 else None
    return same[0] if same else said or None


def is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) and number(text) is not None


def parse(text: str) -> Problem:
    """A question in the reader's own words; nobody knows its answer."""
    if not text.strip():
        raise ProblemError("The text is empty; write a question.")
    return Problem("own text", "generic", text, (), None, ())


GENERIC = Benchmark(
    key="generic",
    name="Own problems",
    chance=0.0,
    parse=parse,
    read_record=read_record,
    extract=extract,
    templates={"english": english, "short": short, "instruct": instruct},
    ends=True,
)
