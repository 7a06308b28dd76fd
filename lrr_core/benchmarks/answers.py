"""Reading an answer off decoded text: a number, a letter, yes or no, or a name. Never guesses: unclear is None.

    number("The answer is: $1,234.00.")  -> "1234"          letter("so ( c ) .", options)  -> 2
    verdict("Yes, because ...")          -> "yes"           name("Tom is a lempus.", names) -> 0

Rules that all four share, each a deliberate choice:

* Text is read up to the next question ("Question:", "Q:", "Problem:" on a new line) and up to the first "#### answer":
  models that run on begin another problem, whose answer is not this one's.
* A *statement* is what follows "####", "\\boxed{" or "answer" ("the answer is", "ans :", "Final answer:"), on the same line or
  directly below. It counts only if an answer of the asked kind follows. The last statement counts: models correct
  themselves. Only where nothing is stated does the rest of the text speak.
* What a text takes back ("not 17 but 18", "A is wrong", "C, no wait, D") is struck out before anything is read.
* Contradictions ("yes and no", "A or B", "5 or 6", two options of one value) are None, and so is text without an answer.

One law binds records and text: the answer of a record is what is read from "#### " and that answer (`Benchmark.read` names a
record that breaks it). Numbers are compared exactly, as fractions: 72 = 72.0 = $72.00 = 72 clips; 1/2 = 0.5; 0.33 is not
1/3. How they may be written stands in `numerals`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

from .numerals import CURRENCY, canonical, comes_to, numbers, plain, side

LONGEST, REACH = 20_000, 300  # characters that are read of a text, from its end, and behind a marker
NEXT_QUESTION = re.compile(r"\n\s*(?:question|problem|q)\s*\d*\s*[:.]", re.IGNORECASE)
FINAL = re.compile(r"#{4}\s*(?:[-−–$£€(]*\.?\d|\(?[a-e]\b|yes\b|no\b)[^\n]*", re.IGNORECASE)


def _own(text: str) -> str:
    """The part of decoded text that is about this problem, in plain characters."""
    text = NEXT_QUESTION.split(text.strip(" \n\r\t"), maxsplit=1)[0]
    final = FINAL.search(text)
    return plain((text[: final.end()] if final else text)[-LONGEST:]).strip()


# --- what a text takes back -------------------------------------------------------------------------------------------

STRUCK = "\u2421"  # stands where an answer was struck out: what is only denied is not to be looked for elsewhere
_NOT = (
    r"(?:\b(?:not|never|neither|cannot|rather than|instead of)|n't)\s+"
    r"(?:(?:be|equal(?: to)?|exactly|actually|option|choice|answer|the answer)\s+)*"
)
_IS_WRONG = (
    r"\s*(?:is|are|was|were|would be|must be)\s+"
    r"(?:(?:also|clearly|therefore|definitely|both|all)\s+)?(?:wrong|incorrect|false|too \w+|out\b|ruled out|eliminated"
    r"|not\s+(?:right|correct|true|the\b|an?\s+(?:answer|option)|it\b|possible))"
    r"|\s*(?:isn't|aren't|wasn't|can't be|cannot be)\s+(?:right|correct|true|the\b|it\b|possible)"
)
_ITS = (
    r"(?:(?:it|that|this)(?:'s| is| was| must be| should be)|(?:it )?should be|make (?:it|that)"
    r"|the (?:right|correct|real)? ?\w* ?is)"
)
_BUT = rf"(?P<but>\s*[,.;:)\]]*\s*(?:(?:but|rather|instead|actually|so|{_ITS})\b\s*)+)?"  # the right answer follows
_RETRACT = (
    r"(?:wait|actually|sorry|oops|hmm+|correction|i mean|scratch that|make (?:it|that)"
    r"|(?:that|it)(?:'s| is) (?:wrong|incorrect|not right))"
)


def _strike(text: str, what: str, no: str = "|no") -> str:
    """Without the answers that a text denies or corrects. what: an answer; no: what a correction may begin with besides."""
    corrected = (
        rf"(?:{what})(?:\s+[a-z]+){{0,2}}[)\s,.;:!*—–-]+"
        rf"(?:\b(?:{_RETRACT}{no})\b[\s,.;:!—]*(?:[-–]\s+)?)+(?:{_ITS}\s+)?(?={what})"
    )
    some = rf"(?:(?:{what})\s*(?:,|or|and|nor)\s*){{0,5}}(?:{what})"
    denied = rf"(?:{_NOT}{some}|{some}(?:{_IS_WRONG})){_BUT}"
    text = re.sub(corrected, " ", text, flags=re.IGNORECASE)
    return re.sub(denied, lambda m: f" {STRUCK} {'so' if m['but'] else ''} ", text, flags=re.IGNORECASE)


# --- statements -------------------------------------------------------------------------------------------------------

# what may stand between the marker and the answer, without anything that could be part of an answer
_FILLERS = (
    "is was are be will would should must equals therefore thus so but rather actually option choice letter number"
).replace(" ", "|")
_FILL = rf"(?:[\s:=*_\"'`~>$]|\\(?:boxed|fbox)\{{|\b(?:{_FILLERS})\b)*"
# a closing "</answer>" marks nothing
_MARK = re.compile(rf"(?:\#{{3,4}}|\\(?:boxed|fbox)\s*\{{|(?<!/)\b(?:answers?|ans)\b\.?){_FILL}", re.IGNORECASE)
_FAR_MARK = re.compile(rf"(?<!/)\banswers?\b[^.?!,:;\n\d]{{1,60}}?\b(?:is|are|was|equals)\b{_FILL}", re.IGNORECASE)
_CHOICE_MARK = re.compile(rf"\b(?:option|choice)\b{_FILL}(?=[(\[]?\s*[a-e]\b)", re.IGNORECASE)
_AND_BOXED = re.compile(r"\}[\s$]*(?:or|and|/)[\s$]*$", re.IGNORECASE)


def _statements(text: str, *marks: re.Pattern) -> Iterator[str]:
    """What follows each marker, the last one first; nothing after "?", which stands for "\\boxed{5} or \\boxed{6}"."""
    ends = {m.end(): m.start() for mark in (_MARK, *marks) for m in mark.finditer(text)}
    for end in sorted(ends, reverse=True):
        if text.startswith("\\", ends[end]) and _AND_BOXED.search(text[max(0, ends[end] - 20) : ends[end]]):
            yield "?"
            return
        yield text[end : end + REACH]


def _clause(text: str) -> str:
    """Up to the end of the sentence or line; a decimal point or "rs . 5" ends none."""
    return re.split(r"[.!?;](?=\s*$|\s+[A-Z])|\n|</", text, maxsplit=1)[0]


# --- numbers ----------------------------------------------------------------------------------------------------------

_A_NUMBER = rf"[-−]?{CURRENCY}?\s?(?<![\w.,])(?:\d{{1,3}}(?:[ '_]\d{{3}}){{1,6}}|\d+(?:[,./]\d+){{0,6}})(?![\d/])"


def number(text: str) -> str | None:
    """The number a text answers with, as `canonical` writes it: what its last statement comes to, else what its last line
    with a number does (see `numerals.comes_to`)."""
    text, denied = _strike(_own(text), _A_NUMBER), False
    for rest in _statements(text, _FAR_MARK):
        clause = _clause(rest)
        if rest == "?":
            return None
        if found := comes_to(clause, first=True):
            return None if found[0] is None else canonical(found[0])
        denied |= STRUCK in clause
    found = () if denied else _last(text)
    return canonical(found[0]) if found and found[0] is not None else None


def _last(text: str) -> tuple[()] | tuple[Fraction | None]:
    """What the last line with numbers comes to: "24 = 5 hours to read 120 pages" is 5; (None,) where it is only denied."""
    for line in reversed(text.split("\n")):
        if found := comes_to(line, first=False):
            return found
        if STRUCK in line:
            return (None,)
    return ()


# --- letters ----------------------------------------------------------------------------------------------------------

_BARE = re.compile(r"[\s(\[*_\"'`${]*([a-z])[\s)\].,;:!*_\"'`}$]*", re.IGNORECASE)
_END = r"(?=\s*(?:[)\].,;:!?*_\"'`}\n<]|\\?\$|(?-i:(?<=[A-E]\s))[-–—]\s|$))"
# a letter in brackets or one that something closes; and an open one, where an answer must come ("a" would be an article)
_CLOSED = re.compile(rf"[\s*_\"'`${{]*(?:[(\[]\s*([a-z])\s*[)\]]|([a-z]){_END})", re.IGNORECASE)
_OPEN = re.compile(r"\s*([b-zB-Z]|A(?=\s+(?:[\d$(-]|because\b|since\b|as\b)))(?=\s)")
_SECOND = re.compile(r"[\s*)\],]*(?:and|or|/|&)\s*(?:[(\[]\s*[a-e]\s*[)\]]|[b-e]\b|a\b(?!\s+[a-z]))", re.IGNORECASE)
_DASH = re.compile(r"[-–—>\s]+(?=[(\[]?\s*[a-z]\b)", re.IGNORECASE)  # "Answer - D"
_BEFORE = re.compile(
    r"(?:^|[\s(\[*\"'])(?:(?P<other>[a-e])\s*[)\]]?\s*(?:,|and|or|&)\s*[(\[]?\s*)?"
    r"([a-e])\s*[)\]*\"']*\s+(?:is|must be|has to be)\s+"
    r"(?:therefore\s+|clearly\s+|thus\s+)?(?:(?:the\s+)?(?:(?:correct|right|best|only|true)\s+)?(?:answer|ans|option|choice|one)\b"
    r"|(?:the\s+)?(?:correct|right|true)\b)",
    re.IGNORECASE,
)
_MENTION = re.compile(r"[(\[]\s*([a-z])\s*[)\]]|\b(?:option|choice)\s+([a-z])\b", re.IGNORECASE)
_CONCLUDED = re.compile(
    r"(?:\b(?:it|that|this|which)(?:'s|\s+(?:is|must\s+be|should\s+be|has\s+to\s+be|can\s+only\s+be|would\s+be))"
    r"|\b(?:therefore|thus|hence|so|then|but)\b|\b(?:choose|pick|select|go\s+with|chose|going\s+with|say|think)\b|\bleaves\b)"
    r"(?:[\s,:]+(?:therefore|thus|just|only|option|choice|letter|it's|it\s+is|it\s+must\s+be))*[\s,:]+(?=\S)",
    re.IGNORECASE,
)
_LAST_WORD = re.compile(r"(?:[.!?:]\s+|\n)[\s*_\"'$(\[]*([A-Eb-e])[)\].*_\"'$\s]*$")
# a letter as it is struck out: "a" and "I" are words unless in brackets or written large
_A_LETTER = r"(?:(?:option|choice|letter|answer)\s+)?(?:[(\[]\s*[a-e]\s*[)\]]|(?<![\w'])(?-i:[A-E]|[b-e])(?![\w'])\)?)"
_LEFT = re.compile(r"[\d.)%\"]\s+([a-e])\s*\)?[\s.\"]*$", re.IGNORECASE)  # how many rationales end: "= 625 c"
_ALGEBRA = re.compile(r"[π∏√^=+*!²³½¼¾|]|\bpi\b|\b[k-y]\b", re.IGNORECASE)


def letter(text: str, options: Sequence[str]) -> int | None:
    """Index of the option a text chooses, by letter ("(c)", "B) 12", "answer : c") or else by value ("12 apples").

    Where letter and value disagree the letter counts: it is what MathQA and AQuA-RAT score. "a" counts as a letter only where
    it cannot be an article. A value counts if exactly one option has it: as the same words, or as the same number where the
    option is a single number with its unit.
    """
    text = _strike(_own(text), _A_LETTER)
    options, denied = [plain(option) for option in options], False
    for rest in _statements(text, _FAR_MARK, _CHOICE_MARK):
        if rest == "?":
            return None
        if found := _stated(rest, options):
            return _the_one(found)
        denied |= rest.lstrip().startswith(STRUCK)
    judged = _BEFORE.findall(text)  # "so c is the answer", "(C) is correct"
    if before := {_index(x, options) for pair in judged for x in pair if x} - {None}:
        return _the_one(before)
    if bare := _BARE.fullmatch(text):
        return _index(bare[1], options)
    ends = [_CLOSED.match(text, m.end()) for m in _CONCLUDED.finditer(text)]
    # "so c : d = 3 : 5" is about a ratio
    ends = [_head(m, options) for m in ends if m and not text[m.end() :].lstrip().startswith(":")]
    if any(ends):
        return _the_one(next(found for found in reversed(ends) if found))
    if denied:
        return None
    if head := _head(_CLOSED.match(text), options):
        return _the_one(head)
    if (found := _by_value(text, options)) is not None:
        return found
    if mentioned := {_index(a or b, options) for a, b in _MENTION.findall(text)} - {None}:
        return _the_one(mentioned)
    quoted = [i for i, o in enumerate(options) if not re.search(r"\d", o) and _words(o) and _words(o) in _words(text)]
    if len(quoted) == 1:
        return quoted[0]
    for pattern in (_LAST_WORD, _LEFT):
        if (left := pattern.search(text)) and (found := _index(left[1], options)) is not None:
            return found
    return _only(next(iter(_last(text)), None), options)


def _the_one(found: set[int]) -> int | None:
    return min(found) if len(found) == 1 else None


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
    return _only(_sole(side(text)), options)


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

_YES, _NO = "yes yeah yep yup true".split(), "no nope nah false untrue".split()
_YES_NO = dict.fromkeys(_YES, "yes") | dict.fromkeys(_NO, "no")
_SAID = "|".join(_YES_NO)
_WORD = rf"({_SAID})"
_DENIED = re.compile(
    r"\b(?:\w{0,5}n't|not|never|cannot)\s+"
    rf"((?:(?:be|a|an|at all|actually|the answer|really|in fact|simply|definitely|just)\s+)*){_WORD}\b",
    re.IGNORECASE,
)
# neither yes nor no: "not necessarily true"; and a question that is only repeated: "Yes or no?"
_UNSURE = re.compile(
    rf"\b(?:not|isn't|n't|neither)\s+(?:necessarily|always|entirely|completely|quite|only|wholly|strictly|sure|certain|exactly)\s+"
    rf"(?:(?:if|that|whether|it|is|be|it's)\s+)*{_WORD}\b|\b(?:half|partly|partially|neither)\s+{_WORD}\b(?:\s+nor\s+{_WORD}\b)?"
    r"|\b(?:is it|it is|whether it is|whether it's)\s+(?:true|false)\s+(?:or\s+(?:false|not)\b|that\b[^.?!\n]{0,200}\?)"
    r"|\b(?:yes|true)\s*(?:or|/)\s*(?:no|false)\b\s*[?:)]",
    re.IGNORECASE,
)
_TURNED = re.compile(
    rf"\b{_WORD}\b[\s,.;:!—–-]*(?:\b(?:no|but)\b[\s,]*)?(?:\b{_RETRACT}\b[\s,.;:!—–-]*)+(?:{_ITS}\s+)?(?={_WORD}\b)",
    re.IGNORECASE,
)
_VERDICT = re.compile(rf"[(\[\s*_\"'`]*{_WORD}\b", re.IGNORECASE)
_OPENING = re.compile(
    rf"(?:^|[.!?\n])[\s*_\"'`$]*(?:(?:so|thus|hence|therefore|well|oh),?\s+)?{_WORD}"
    r"(?=[\s*_\"'`]*(?:[.,;:!\n<]|$)|\s+(?:because|since|as)\b)",
    re.IGNORECASE,
)
# "no" counts only where it ends something: "there is no doubt" is no verdict
_ANYWHERE = re.compile(
    rf"\b(?:({'|'.join(w for w in _YES_NO if w != 'no')})\b|(no)\b(?=[\s*_\"'`]*(?:[.,;:!)\n]|$)|\s+(?:because|since)\b))",
    re.IGNORECASE,
)
_BOTH = re.compile(
    rf"[\s,*;/&—–-]*(?:(?:and|or|but|also)\b[\s,]*)*{_WORD}\b(?=\s*(?:[.,;:!?)*\"'\n<]|$))", re.IGNORECASE
)


def verdict(text: str) -> str | None:
    """ "yes" or "no"; true and false count as these, and "not true" as no. The stated one, else those that open a sentence
    ("No, because"), else any such word; None where they disagree, so "no" inside a reason never overrules an opening "Yes"."""
    text = _TURNED.sub("", _UNSURE.sub(" ", _own(text)))
    for _ in range(3):  # "not untrue", and "not not true"
        text = _DENIED.sub(lambda m: "false" if _YES_NO[m[2].lower()] == "yes" else "true", text)
    for rest in _statements(text, _FAR_MARK):
        if rest == "?":
            return None
        if stated := _VERDICT.match(rest):
            return _agreed(stated)
    opening = list(_OPENING.finditer(text))
    if any(_agreed(m) is None for m in opening):
        return None
    words = [m[1] for m in opening] or [a or b for a, b in _ANYWHERE.findall(text)]
    said = {_YES_NO[word.lower()] for word in words}
    return said.pop() if len(said) == 1 else None


def _agreed(found: re.Match) -> str | None:
    """What a verdict says, None where the next word says the other: "no, yes"."""
    said, both = _YES_NO[found[1].lower()], _BOTH.match(found.string, found.end())
    return None if both and _YES_NO[both[1].lower()] != said else said


# --- likelihood -------------------------------------------------------------------------------------------------------

TIE = "a tie"


def choice_of(scores: Sequence[float]) -> int | None:
    """Index of the likeliest of (C,) log-probabilities; None where there is none, one is NaN, or the highest is a tie.

    Ties are exact and real: in bfloat16 two logits are often the same number. A tie is given to nobody, so it never counts
    for whoever stands first.
    """
    scores = [float(score) for score in scores]
    best = max(scores, default=float("nan"))
    return scores.index(best) if scores.count(best) == 1 and all(score == score for score in scores) else None


def chosen(names: Sequence[str], choice: int | None) -> str:
    """The name of what was chosen; a tie (None, or -1 in an array) in words."""
    return TIE if choice is None or choice < 0 else names[choice]


# --- names ------------------------------------------------------------------------------------------------------------


def name(text: str, names: Sequence[str]) -> int | None:
    """Index of the one name that occurs as a word of the text ("not a lempus" names no lempus, and "grey wolf" is no "wolf");
    None where neither or several do."""
    text, named = " ".join(re.findall(r"[\w'-]+", _own(text).casefold())), []
    for i, candidate in sorted(enumerate(names), key=lambda pair: -len(pair[1])):
        words = re.escape(" ".join(re.findall(r"[\w'-]+", plain(candidate).casefold())))
        text = re.sub(rf"(?:\bnot|n't|never) (?:(?:an?|the|be) )*{words}(?![\w'-])", STRUCK, text) if words else text
        text, found = re.subn(rf"(?<![\w'-]){words}(?![\w'-])", STRUCK, text) if words else (text, 0)
        named += [i] if found else []
    return named[0] if len(named) == 1 else None
