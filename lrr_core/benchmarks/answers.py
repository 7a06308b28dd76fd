"""Reading an answer off decoded text: a number, a letter, yes or no, or a name. Never guesses: unclear is None.

    number("The answer is: $1,234.00.")  -> "1234"          letter("so ( c ) .", options)  -> 2
    verdict("Yes, because ...")          -> "yes"           name("Tom is a lempus.", names) -> 0

Rules that all four share, each a deliberate choice:

* Text is read up to the next question ("Question:", "Q:", "Problem:" on a new line) and up to the first "#### answer":
  models that run on begin another problem, whose answer is not this one's.
* A *statement* is what follows "####", "\\boxed{" or "answer" ("the answer is", "ans :", "Final answer:"), on the same line or
  directly below. It counts only if an answer of the asked kind follows. The last statement counts: models correct
  themselves. Only where nothing is stated does the rest of the text speak.
* Contradictions ("yes and no", "A or B", two options of one value) are None, and so is text without an answer.

Numbers are compared exactly, as fractions: 72 = 72.0 = $72.00 = 72 clips; 1/2 = 0.5; 0.33 is not 1/3. A thousands comma
needs groups of three (or the Indian 1,00,000); "3,5" could be 3.5, 35 or two numbers and is no number, nor are times and
ratios (3:5), powers (2^10) and dates. Percent signs, currencies and units are dropped, so 12 % is 12 and "2 million" is 2, as
usual for GSM8K.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

LONGEST, REACH = 20_000, 300  # characters that are read of a text, from its end, and behind a marker
NEXT_QUESTION = re.compile(r"\n\s*(?:question|problem|q)\s*\d*\s*[:.]", re.IGNORECASE)
FINAL = re.compile(r"#{4}\s*(?:[-−–$£€(]*\.?\d|\(?[a-e]\b|yes\b|no\b)[^\n]*", re.IGNORECASE)


def _own(text: str) -> str:
    """The part of decoded text that is about this problem."""
    text = NEXT_QUESTION.split(text.strip(), maxsplit=1)[0]
    final = FINAL.search(text)
    return (text[: final.end()] if final else text)[-LONGEST:]


# --- statements -------------------------------------------------------------------------------------------------------

# what may stand between the marker and the answer, without anything that could be part of an answer
_FILLERS = "is was are be will would should must equals therefore thus so option choice letter number".replace(" ", "|")
_FILL = rf"(?:[\s:=*_\"'`~>]|\\?\$?\\(?:boxed|text)\{{|\b(?:{_FILLERS})\b)*"
_MARK = re.compile(rf"(?:\#{{3,4}}|\\boxed\{{|\b(?:answers?|ans)\b\.?){_FILL}", re.IGNORECASE)
_FAR_MARK = re.compile(rf"\banswers?\b[^.?!,:;\n\d]{{1,60}}?\b(?:is|are|was|equals)\b{_FILL}", re.IGNORECASE)
_CHOICE_MARK = re.compile(rf"\b(?:option|choice)\b{_FILL}(?=[(\[]?\s*[a-e]\b)", re.IGNORECASE)


def _statements(text: str, *marks: re.Pattern) -> Iterator[str]:
    """What follows each marker, the last one first."""
    for end in sorted({m.end() for mark in (_MARK, *marks) for m in mark.finditer(text)}, reverse=True):
        yield text[end : end + REACH]


def _clause(text: str) -> str:
    """Up to the end of the sentence or line; a decimal point or "rs . 5" ends none."""
    return re.split(r"[.!?;](?=\s*$|\s+[A-Z])|\n", text, maxsplit=1)[0]


# --- numbers ----------------------------------------------------------------------------------------------------------

_CURRENCY = r"(?:[$£€₹¥]|\brs\b\.?|\busd\b)"
_PLAIN = r"(?:\d+(?:,\d+)*(?:\.\d+)*|(?<![\w.])\.\d+)"
_TOKEN = re.compile(
    rf"(?<![A-Za-z_\d])(?P<sign>[-−–]\s*)?(?:{_CURRENCY}\s*)?(?P<minus>[-−–]\s*)?"
    rf"(?:(?P<ill>{_PLAIN}(?:(?:(?:[:∶^]|\s[:∶^]\s){_PLAIN})+|e[+-]?\d{{3,}}))"
    rf"|(?P<whole>\d+)\s+(?P<over>\d+)\s*[/⁄]\s*(?P<under>\d+)(?!\s*[/⁄]?\d)"
    rf"|(?P<body>{_PLAIN})(?P<power>e[+-]?\d{{1,2}}(?!\w))?(?P<below>(?:\s*[/⁄]\s*{_PLAIN})*))",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})*,\d{3})?(?:\.\d+)?")
_LONGEST = 40  # characters; a model that repeats itself writes numbers that would take minutes to compute with


def numbers(text: str) -> Iterator[tuple[int, int, Fraction | None]]:
    """Every number of a text as (start, end, value), value None for one that cannot be read for sure ("3,5", "8:30")."""
    for m in _TOKEN.finditer(text):
        value = None if m["ill"] or len(m[0]) > _LONGEST else _value(m)
        if value is not None and (m["minus"] or (m["sign"] and _is_sign(text, m.start(), m["sign"]))):
            value = -value
        yield m.start(), m.end(), value


def _value(m: re.Match) -> Fraction | None:
    if m["whole"]:
        return int(m["whole"]) + Fraction(int(m["over"]), int(m["under"])) if int(m["under"]) else None
    parts = [m["body"], *re.split(r"\s*[/⁄]\s*", m["below"])[1:]]
    if len(parts) > 2 or not all(_GROUPED.fullmatch(p) for p in parts):
        return None
    top, *below = (Fraction(p.replace(",", "")) for p in parts)
    top *= Fraction(10) ** int(m["power"][1:]) if m["power"] else 1
    return top if not below else top / below[0] if below[0] else None


def _is_sign(text: str, at: int, sign: str) -> bool:
    """Whether the dash at `at` belongs to the number behind it, or is a minus between two things ("10 - 5") or a hyphen."""
    if not sign[-1].isspace():
        return not re.match(r"[\w)%\]]", text[at - 1 : at])
    before = text[max(0, at - 10) : at].rstrip()
    return not text[:at].strip() or bool(re.search(r"(?:[=:(#,{]|\b(?:is|are|equals))$", before, re.IGNORECASE))


def canonical(value: Fraction) -> str:
    """The one way a number is written: "72", "-0.5", and "1/3" where no decimal ends. `number(canonical(v))` gives it back."""
    rest, places = value.denominator, 0
    while rest % 10 == 0 or rest % 5 == 0 or rest % 2 == 0:
        rest, places = (rest // 10 if rest % 10 == 0 else rest // 5 if rest % 5 == 0 else rest // 2), places + 1
    if rest > 1:
        return f"{value.numerator}/{value.denominator}"
    digits = f"{abs(int(value * 10**places)):0{places + 1}d}"
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}".rstrip("0") if places else digits)


def number(text: str) -> str | None:
    """The number a text answers with, as `canonical` writes it: the stated one (behind its last "=", else the first of its
    clause), else that of the last line with a number (behind its last "=", else the last of the line)."""
    text = _own(text)
    for rest in _statements(text, _FAR_MARK):
        if found := next(numbers(_result(_clause(rest))), None):
            value = found[2]
            break
    else:
        value = _last(text)
    return None if value is None else canonical(value)


def _result(clause: str) -> str:
    """What an equation comes to: what is behind its last "=", where a number is."""
    last = clause.rpartition("=")[2]
    return last if any(numbers(last)) else clause


def _last(text: str) -> Fraction | None:
    """The number the last line with numbers comes to: "24 = 5 hours to read 120 pages" is 5, "3 and 5" is 5."""
    for line in reversed(text.split("\n")):
        if found := list(numbers(_result(line))):
            return found[0 if _result(line) != line else -1][2]
    return None


# --- letters ----------------------------------------------------------------------------------------------------------

_BARE = re.compile(r"[\s(\[*_\"'`]*([a-z])[\s)\].,;:*_\"'`}$]*", re.IGNORECASE)
# a letter in brackets or one that something closes; and an open one, where an answer must come ("a" would be an article)
_CLOSED = re.compile(
    r"[\s*_\"'`]*(?:[(\[]\s*([a-z])\s*[)\]]|([a-z])(?=\s*(?:[)\].,;:*_\"'`}\n]|\\?\$|$)))"
    r"(?!\)?\s*(?:is|are)\s+(?:not|wrong|incorrect|false|too|out)\b)",
    re.IGNORECASE,
)
_OPEN = re.compile(r"\s*([b-zB-Z]|A(?=\s+(?:[\d$(-]|because\b|since\b|as\b)))(?=\s)")
_SECOND = re.compile(r"[\s*)\],]*(?:and|or|/|&)\s*(?:[(\[]\s*[a-e]\s*[)\]]|[b-e]\b|a\b(?!\s+[a-z]))", re.IGNORECASE)
_DASH = re.compile(r"[-–—>\s]+(?=[(\[]?\s*[a-z]\b)", re.IGNORECASE)  # "Answer - D"
_BEFORE = re.compile(
    r"(?:^|[\s(\[])([a-e])\s*[)\]]?\s+is\s+(?:the\s+)?(?:(?:correct|right|best|only)\s+)?(?:answer|ans|option|choice)\b",
    re.IGNORECASE,
)
_MENTION = re.compile(
    r"(?<!not )(?<!not be )(?:[(\[]\s*([a-z])\s*[)\]]|\b(?:option|choice)\s+([a-z])\b)", re.IGNORECASE
)
_LEFT = re.compile(r"[\d.)%\"]\s+([a-e])\s*\)?[\s.\"]*$", re.IGNORECASE)  # how many rationales end: "= 625 c"
_ALGEBRA = re.compile(r"[π∏√^=+*!²³½¼¾|]|\bpi\b|\b[k-y]\b", re.IGNORECASE)


def letter(text: str, options: Sequence[str]) -> int | None:
    """Index of the option a text chooses, by letter ("(c)", "B) 12", "answer : c") or else by value ("12 apples").

    Where letter and value disagree the letter counts: it is what MathQA and AQuA-RAT score. "a" counts as a letter only where
    it cannot be an article. A value counts if exactly one option has it: as the same words, or as the same number where the
    option is a single number with its unit.
    """
    text = _own(text)
    for rest in _statements(text, _FAR_MARK, _CHOICE_MARK):
        if found := _stated(rest, options):
            return found.pop() if len(found) == 1 else None
    if before := {_index(found, options) for found in _BEFORE.findall(text)} - {None}:  # "so c is the answer"
        return before.pop() if len(before) == 1 else None
    if bare := _BARE.fullmatch(text):
        return _index(bare[1], options)
    if head := _head(_CLOSED.match(text), options):
        return head.pop() if len(head) == 1 else None
    if (found := _by_value(text, options)) is not None:
        return found
    if mentioned := {_index(a or b, options) for a, b in _MENTION.findall(text)} - {None}:
        return mentioned.pop() if len(mentioned) == 1 else None
    quoted = [i for i, o in enumerate(options) if not re.search(r"\d", o) and _words(o) and _words(o) in _words(text)]
    if len(quoted) == 1:
        return quoted[0]
    if (left := _LEFT.search(text)) and (found := _index(left[1], options)) is not None:
        return found
    return _only(_last(text), options)


def _stated(rest: str, options: Sequence[str]) -> set[int]:
    """The option a statement begins with: by letter, else by value; two for a contradiction, none for something else."""
    clause = _clause(rest)
    if not _BARE.fullmatch(clause) and (found := _same_words(clause, options)) is not None:
        return {found}
    rest = rest[dash.end() :] if (dash := _DASH.match(rest)) else rest
    if head := _head(_CLOSED.match(rest) or _OPEN.match(rest), options):
        return head
    found = _by_value(clause, options)
    return set() if found is None else {found}


def _head(found: re.Match | None, options: Sequence[str]) -> set[int]:
    """The option of a letter that was found; two where another follows at once ("A or B")."""
    first = _index(next(g for g in found.groups() if g), options) if found else None
    if first is None:
        return set()
    return {first, -1} if _SECOND.match(found.string, found.end()) else {first}


def _index(letter: str, options: Sequence[str]) -> int | None:
    i = ord(letter.lower()) - ord("a")
    return i if i < len(options) else None


def _by_value(text: str, options: Sequence[str]) -> int | None:
    """The one option a short text is: the same words, or the same number."""
    if (found := _same_words(text, options)) is not None:
        return found
    return _only(_sole(_result(text)), options)


def _same_words(text: str, options: Sequence[str]) -> int | None:
    same = [i for i, option in enumerate(options) if _squash(option) and _squash(option) == _squash(text)]
    return same[0] if len(same) == 1 else None


def _only(value: Fraction | None, options: Sequence[str]) -> int | None:
    same = [i for i, option in enumerate(options) if value is not None and _sole(option) == value]
    return same[0] if len(same) == 1 else None


def _sole(text: str) -> Fraction | None:
    """The value of a text that is one number with its unit; None for "5 and 3", "4 π", "3 x" and words."""
    found = list(numbers(text))
    if len(found) != 1:
        return None
    start, end, value = found[0]
    return None if _ALGEBRA.search(text[:start] + " " + text[end:]) else value


def _squash(text: str) -> str:
    """Without spaces, case, emphasis, currency and end marks."""
    return re.sub(r"[\s*_\"'`$]|[.,;:]+\s*$", "", re.sub(r"[−–]", "-", text.casefold()))


def _words(text: str) -> str:
    """Its words between single spaces, so that "in" finds whole words only; "" where there is none."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return " ".join(["", *words, ""]) if words else ""


# --- yes or no --------------------------------------------------------------------------------------------------------

_YES_NO = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_WORD = r"(yes|no|true|false)"
_VERDICT = re.compile(rf"[(\[\s*_\"'`]*{_WORD}\b", re.IGNORECASE)
_OPENING = re.compile(
    rf"(?:^|[.!?\n])[\s*_\"'`]*(?:(?:so|thus|hence|therefore),?\s+)?{_WORD}"
    r"(?=[\s*_\"'`]*(?:[.,;:!\n]|$)|\s+(?:because|since|as)\b)",
    re.IGNORECASE,
)
# "no" counts only where it ends something: "there is no doubt" is no verdict
_ANYWHERE = re.compile(
    r"\b(?<!not )(?:(yes|true|false)\b|(no)\b(?=[\s*_\"'`]*(?:[.,;:!)\n]|$)|\s+(?:because|since)\b))", re.IGNORECASE
)
_BOTH = re.compile(rf"[\s,*]*(?:and|or|/)\s*{_WORD}\b", re.IGNORECASE)


def verdict(text: str) -> str | None:
    """ "yes" or "no"; true and false count as these. The stated one, else those that open a sentence ("No, because"), else any
    such word; None where they disagree, so "no" inside a reason never overrules an opening "Yes"."""
    text = _own(text)
    for rest in _statements(text, _FAR_MARK):
        if stated := _VERDICT.match(rest):
            said, both = _YES_NO[stated[1].lower()], _BOTH.match(rest, stated.end())
            return None if both and _YES_NO[both[1].lower()] != said else said
    words = _OPENING.findall(text) or [a or b for a, b in _ANYWHERE.findall(text)]
    said = {_YES_NO[word.lower()] for word in words}
    return said.pop() if len(said) == 1 else None


# --- names ------------------------------------------------------------------------------------------------------------


def name(text: str, names: Sequence[str]) -> int | None:
    """Index of the one name that occurs as a word of the text; None where neither or several do."""
    words = set(re.findall(r"[\w'-]+", _own(text).casefold()))
    named = [i for i, candidate in enumerate(names) if candidate.casefold() in words]
    return named[0] if len(named) == 1 else None
