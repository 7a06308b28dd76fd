"""MathQA and AQuA-RAT: word problems with five options, answered and scored by the letter.

AQuA-RAT: `question`, `options` ["A)12", ...], `rationale`, `correct` "A" ... "E". MathQA: `Problem`, `Rationale`, `options`,
`correct` "a" ... "e", `linear_formula`. The candidates of a problem are the letters as the benchmark writes them and
`options` is what they stand for. The rationale, without its closing "answer : c", is the `steps`; MathQA's operations
("multiply(n0,n1)", the numbers of the text counted from n0) are the `formal`.

What the released MathQA files hold, counted on the 4,475 development records: the options come as one string
"a ) 38 , b ) 1,024 , ..." (4,360) or as the print of a Python list of such strings (115), with commas inside options, and
with the letter twice in 66 ("a ) a ) 3"). In 59 two options read the same; where the right one is among them (14) its
value cannot tell the letter, and the problem is marked doubtful. The letter is also scored because the annotated formula
yields the right option in only about 65 % of the test records.
"""

from __future__ import annotations

import ast
import re
from functools import partial
from itertools import pairwise

from .answers import letter
from .prosqa import ProblemError
from .sources import require
from .task import Benchmark, Problem
from .templates import english, instruct, short

LETTERS = "abcde"
_DOTTED = re.compile(r"\s*([a-eA-E])\s*[.:]\s+")
# what must not be left of a mark: ", f ) 8" inside an option, or one at its beginning
_LEFTOVER = re.compile(r",\s*[a-h]\s*\)\s*[^\s,)]|^\(?[a-h]\s*[):](?=\s|$)|^[a-h]\.\s+(?=\S)", re.IGNORECASE)
# how rationales end: "answer : c", "Hence, the correct option is (B)."
_CLOSING = re.compile(
    r"[\s\"=>-]*(?:\b(?:so|hence|thus|therefore|the|correct|right|final)\b[\s,]*)*\b(?:answer|ans|option|choice)s?\b"
    r"[\s:.=>-]*(?:\b(?:is|are|will be|should be|would be|must be|clearly|option|choice|answer)\b[\s:.=>-]*)*"
    r"[(\[\"']?\s*[a-e]\s*[)\]\"'.\s]*$",
    re.IGNORECASE,
)


def options_of(raw: str | list) -> list[str]:
    """The options of either benchmark without their letters; ProblemError unless they are lettered a, b, c, ... in order."""
    if isinstance(raw, str) and raw.lstrip().startswith("["):
        try:
            raw = ast.literal_eval(raw.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise ProblemError(f"'options' begins as a list but is none: {raw[:60]!r}.") from error
    if isinstance(raw, str):
        marks, at = [], 0
        for i, mark in enumerate(LETTERS):  # in order, so that a letter inside an option begins no new one
            found = re.compile(rf"{r'(?:^|,)' if i else '^'}\s*{mark}\s*\)", re.IGNORECASE).search(raw, at)
            if found is None:
                break
            marks.append(found)
            at = found.end()
        cuts = [m.start() for m in marks] + [len(raw)]
        texts = [raw[start:end].lstrip(", ") for start, end in pairwise(cuts)]
    else:
        for i, text in enumerate(raw):
            if isinstance(text, bool) or not isinstance(text, str | int | float):
                raise ProblemError(f"Option {i + 1} must be a text or a number, not {type(text).__name__}.")
        texts = [str(text) for text in raw]
    out = []
    # "A. 10", "B: 11": marks only where every option has one, since "a." may also begin a word of its own
    dotted = len(texts) > 1 and all(
        (m := _DOTTED.match(t)) and m[1].lower() == x for t, x in zip(texts, LETTERS, strict=False)
    )
    for i, text in enumerate(texts):
        lettered = re.match(r"\s*\(?\s*([a-zA-Z])\s*\)\s*", text) or (dotted and _DOTTED.match(text))
        if i >= len(LETTERS) or (lettered and lettered[1].lower() != LETTERS[i]):
            raise ProblemError(f"Option {i + 1} should be lettered {'abcde?'[min(i, 5)]!r} in order: {text[:40]!r}.")
        text = text[lettered.end() :] if lettered else text
        out.append(re.sub(r"^(?:[a-e]\s+\)\s*)+", "", text).strip())  # the letter again: "a ) a ) 3"
    for i, text in enumerate(out):
        if left := _LEFTOVER.search(text):
            raise ProblemError(
                f"Option {LETTERS[i]} still holds the letter mark {left[0].strip(' ,')!r}; "
                f"five options a to {LETTERS[-1]} are read, "
                f"each once and in order: {text[:40]!r}."
            )
    if len(out) < 2:
        raise ProblemError(f"'options' must hold at least two, as in 'a ) 38 , b ) 42', not {str(raw)[:60]!r}.")
    if empty := [LETTERS[i] for i, text in enumerate(out) if not text]:
        raise ProblemError(f"Option {empty[0]} is empty.")
    return out


def _read(record: dict, id: str, key: str, question: str, rationale: str, letters: str) -> Problem:
    options, correct = options_of(require(record, "options", str | list)), require(record, "correct", str).strip()
    answer = LETTERS.find(correct.lower()) if len(correct) == 1 else -1
    if not 0 <= answer < len(options):
        raise ProblemError(f"'correct' must be one letter of {letters[: len(options)]}, not {correct!r}.")
    steps = [_CLOSING.sub("", line.strip(' "')).strip(' "') for line in str(record.get(rationale) or "").splitlines()]
    formal = [op for op in str(record.get("linear_formula") or "").split("|") if op]
    return Problem(
        id,
        key,
        require(record, question, str),
        tuple(letters[: len(options)]),
        answer,
        [step for step in steps if step],
        options=options,
        formal=formal,
        doubt=_doubt(options, answer, letters),
    )


def _doubt(options: list[str], answer: int, letters: str) -> str:
    same = [letters[i] for i, option in enumerate(options) if option == options[answer]]
    if len(same) > 1:
        return f"options {' and '.join(same)} are both {options[answer]!r}, and only {letters[answer]} counts as right"
    return (
        ""
        if len(options) == len(LETTERS)
        else f"{len(options)} options, so guessing is right in {1 / len(options):.0%}"
    )


_OWN_OPTION = re.compile(r"(?:^|(?<=\s))\(?([a-e])\s?\)", re.IGNORECASE)


def _parse(text: str, key: str, letters: str) -> Problem:
    """A question in the reader's own words with its options behind it; nobody knows the answer."""
    found = list(_OWN_OPTION.finditer(text))
    # the last run a, b, c, ...: the question itself may mention "(a)"
    starts = [i for i, m in enumerate(found) if m[1].lower() == "a"]
    marks = found[starts[-1] :] if starts else []
    if (
        len(marks) < 2
        or "".join(m[1].lower() for m in marks) != LETTERS[: len(marks)]
        or not text[: marks[0].start()].strip()
    ):
        raise ProblemError(
            "Write the question and then its options in order, as in: How much is 3 + 4? a) 6 b) 7 c) 8."
        )
    ends = [m.start() for m in marks[1:]] + [len(text)]
    options = [text[m.end() : end].strip(" ,;\n\t") for m, end in zip(marks, ends, strict=True)]
    if not all(options):
        raise ProblemError(f"Option {LETTERS[options.index('')]} is empty; give it a value or leave it out.")
    question = text[: marks[0].start()].strip()
    return Problem("own text", key, question, tuple(letters[: len(options)]), None, (), options=options)


def _extract(text: str, problem: Problem) -> str | None:
    chosen = letter(text, problem.options)
    return None if chosen is None else problem.candidates[chosen]


def _benchmark(key: str, name: str, question: str, rationale: str, letters: str, hub: str) -> Benchmark:
    return Benchmark(
        key=key,
        name=name,
        chance=1 / len(LETTERS),
        parse=partial(_parse, key=key, letters=letters),
        read_record=partial(_read, key=key, question=question, rationale=rationale, letters=letters),
        extract=_extract,
        templates={"english": english, "short": short, "instruct": instruct},
        hub=hub,
    )


MATHQA = _benchmark("mathqa", "MathQA", "Problem", "Rationale", LETTERS, "hub:allenai/math_qa")
AQUA = _benchmark("aqua", "AQuA-RAT", "question", "rationale", LETTERS.upper(), "hub:deepmind/aqua_rat:raw")
