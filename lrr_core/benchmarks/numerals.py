"""Numbers as they are written in text, read exactly: the forms of print, of code and of LaTeX. Never guesses.

    next(numbers(plain("\\frac{3}{4}")))[2]  -> Fraction(3, 4)       plain("1½")  -> "1 1/2"

Known forms: 72, 72.0, .5; groups of three after commas, spaces of any width, apostrophes or underscores (1,234 1 234 1'234
1_234) and the Indian 1,00,000; 3/4, 2 3/4, ½, \\frac{3}{4}; 1.5e3 and 1.5 × 10^3. "3,5" could be 3.5, 35 or two numbers
and is no number, nor are times and ratios (3:5), other powers (2^10), roots, multiples of π and dates. Percent signs,
currencies and units are dropped, so 12 % is 12 and "2 million" is 2, as usual for GSM8K.

A grammar of our own and no parser of formulas: math-verify 0.9.0 was tried and reads "5 or 6" as 6, "between 3 and 5" as 5,
"1.5 × 10^3" as 10 and "½" as nothing; it bounds its time by a signal, which works in no thread but the main one, and pages run
in others. Everything here is a regular expression without nested repetition, so that time grows with the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

UNREADABLE = "\ufffd"  # stands for a formula that is no number, so that no part of it is taken for one
CURRENCY = r"(?:[$£€₹¥]|\brs\b\.?|\busd\b)"

_SIGNED = r"\s*([-−]?\s*\d[\d,.]*)\s*"
_LATEX = [  # in this order: each leaves what the next one expects
    (re.compile(r"\\(?:text\w{0,2}|math\w{2}|mbox|operatorname)\s*\{([^{}\n]{0,80})\}"), r"\1"),
    (re.compile(r"\\(?:left|right|displaystyle|big)(?![A-Za-z])"), ""),
    (re.compile(r"\\([$%#&])"), r"\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"(?<=\d)\\[,!;: ](?=\d{3})"), "\u2009"),  # the thin space of a group
    (re.compile(r"\\[,!;: ]|~"), " "),
    (re.compile(r"\\[()\[\]]"), " "),
    (re.compile(r"\\(?:times|cdot)(?![A-Za-z])"), "×"),
    (re.compile(r"\\div(?![A-Za-z])"), "÷"),
    (re.compile(r"\\approx(?![A-Za-z])"), "≈"),
    (re.compile(r"\\pm(?![A-Za-z])"), "±"),
    (re.compile(r"\\pi(?![A-Za-z])"), "π"),
    (re.compile(r"\\sqrt\b"), "√"),
    (re.compile(r"\^\s*\{\s*([-−+]?\d+)\s*\}"), r"^\1"),
    # a form feed is what careless decoding makes of the beginning of \frac
    (re.compile(rf"(?:\\[dtc]?f|\x0c)rac\s*\{{{_SIGNED}\}}\s*(?:\{{\s*(\d[\d,.]*)\s*\}}|(\d))"), r" \1/\2\3"),
    (re.compile(r"\\[dtc]?frac\s*(\d)\s*(\d)"), r" \1/\2"),
    (re.compile(r"\\[dtc]?frac(?:\s*\{[^{}\n]{0,80}\})*"), UNREADABLE),
    (re.compile(r"\(\s*(\d+)\s*\)\s*/\s*\(\s*(\d+)\s*\)"), r"\1/\2"),
]
_QUOTES = str.maketrans("‘’‚‛′ʼ“”„‟«»", "''''''\"\"\"\"\"\"")
_VULGAR = re.compile(r"(?<=\d)\s*(?=[¼½¾⅐-⅞↉])")
_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED = re.compile(r"[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_THIN = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f]")


def plain(text: str) -> str:
    """The same text with straight quotes, plain spaces, ½ as 1/2, ³ as ^3 and the LaTeX around numbers taken off."""
    if not text.isascii():
        text = _THIN.sub(" ", text.translate(_QUOTES))
        text = _RAISED.sub(lambda m: "^" + m[0].translate(_SUPER), _VULGAR.sub(" ", text))
        text = unicodedata.normalize("NFKC", text).replace("⁄", "/").replace("\u200b", "")
    if "\\" in text or "\x0c" in text or "{" in text or "~" in text or ")" in text:
        for pattern, put in _LATEX:
            text = pattern.sub(put, text)
        text = text.replace("\u2009", " ")
    return text


_DIGITS = r"(?:\d+(?:[,.]\d+)*|(?<![\w.])\.\d+)"
_SPACED = r"(?:(?!0)\d{1,3}(?:(?P<mark>[ '_])\d{3})(?:(?P=mark)\d{3}){0,8}(?! ?\d|['_,:]\d)(?:\.\d+)?)"
_TOKEN = re.compile(
    rf"(?<![A-Za-z\d])(?<![A-Za-z\d]_)(?P<sign>[-−–]\s*)?(?:{CURRENCY}\s*)?(?P<minus>[-−–]\s*)?"
    rf"(?:(?P<ill>√\s*[({{]?\s*{_DIGITS}|{UNREADABLE}|"
    rf"{_DIGITS}(?:(?:(?:[:∶^]|\s[:∶^]\s|'(?!\d{{3}}(?!\d))|\*\*){_DIGITS})+|e[+-]?\d{{3,}}|\s?π|\s?√\s*[({{]?\s*{_DIGITS})(?!\d))"
    rf"|(?P<whole>\d+)\s+(?P<over>\d+)\s*/\s*(?P<under>\d+)(?!\s*/?\d)"
    rf"|(?P<body>{_SPACED}|{_DIGITS})"
    rf"(?:(?P<power>e[+-]?\d{{1,2}}(?!\w))|\s*[×x*·]\s*10\s*(?:\^|\*\*)\s*\(?(?P<ten>[-−+]?\d{{1,4}})\)?(?!\d))?"
    rf"(?P<below>(?:\s*/\s*{_DIGITS})*))",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"(?:\d+|\d{1,3}(?:[,_' ]\d{3})+|\d{1,2}(?:,\d{2})*,\d{3})?(?:\.\d+)?")
_LONGEST = 40  # characters; a model that repeats itself writes numbers that would take minutes to compute with


def numbers(text: str) -> Iterator[tuple[int, int, Fraction | None]]:
    """Every number of a `plain` text as (start, end, value), value None for one that cannot be read for sure ("3,5", "8:30")."""
    for m in _TOKEN.finditer(text):
        value = None if m["ill"] or len(m[0]) > _LONGEST else _value(m)
        if value is not None and (m["minus"] or (m["sign"] and _is_sign(text, m.start(), m["sign"]))):
            value = -value
        yield m.start(), m.end(), value


def _value(m: re.Match) -> Fraction | None:
    if m["whole"]:
        whole, over, under = int(m["whole"]), int(m["over"]), int(m["under"])
        # "12 000/4" is no mixed number: its fraction would not be a proper one
        return whole + Fraction(over, under) if 0 < over < under and not m["over"].startswith("0") else None
    parts = [m["body"], *re.split(r"\s*/\s*", m["below"])[1:]]
    if len(parts) > 2 or not all(_GROUPED.fullmatch(p) for p in parts):
        return None
    top, *below = (Fraction(re.sub(r"[,_' ]", "", p)) for p in parts)
    power = int((m["power"] or "e0")[1:]) + int((m["ten"] or "0").replace("−", "-"))
    if abs(power) > 99:
        return None
    top *= Fraction(10) ** power
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


# --- which of several numbers a clause comes to -----------------------------------------------------------------------

_EQUALS = re.compile(r"[=≈]")
_BETWEEN = 60  # characters between two numbers that are looked at: what joins them is shorter
_WORD = r"(?:\s*[A-Za-z%]+){0,2}"
_SUM = re.compile(
    rf"{_WORD}\s*[)]?\s*(?:[-−–—+×*·÷/^±]|x|times|plus|minus|divided by|multiplied by)\s*[(]?\s*{CURRENCY}?\s*", re.I
)
_UNIT = (
    r"(?:h|hrs?|hours?|mins?|minutes?|secs?|seconds?|days?|weeks?|months?|years?|f(?:oo|ee)?t|in(?:ches)?|yards?|miles?"
    r"|k?m|cm|meters?|metres?|pounds?|lbs?|ounces?|oz|k?g|grams?|dollars?|cents?|gallons?|quarts?|pints?|dozens?)"
)
_EITHER = re.compile(
    rf"(?:{_WORD}\s*,?\s*\b(?:and|or|to|through|versus|vs|nor)\b\.?\s*(?:maybe|perhaps|possibly|even|about)?"
    rf"|\s*(?:\.\.+|…|&|\|)|\s*{_UNIT}\.?\s*,?|\s)\s*{CURRENCY}?\s*",
    re.IGNORECASE,
)
_LISTED = re.compile(r"\s*(?:,|and\b|or\b|[.!?;)}\]]*\s*$)", re.IGNORECASE)


def comes_to(text: str, first: bool) -> tuple[()] | tuple[Fraction | None]:
    """What a clause comes to: () where it has no number, (None,) where it is not sure which one, else (value,).

    The number behind its last "=" counts where that side is a number and no sum ("10 = 5 x 2" is 10), the one before it where
    that side is a name ("6 = x"); without "=", the first or the last one. One that is joined to its neighbour, by an operator,
    as a range or as an alternative ("5 or 6", "3-5", "2 hours 30 minutes"), is no answer.
    """
    part, lead = _result(text)
    lead = first if lead is None else lead
    found = list(numbers(part))
    if not found:
        return ()
    if len(found) > 1:
        a, b = found[:2] if lead else found[-2:]
        between = _gap(part, a, b)
        listed = first and between.strip() == "," and _LISTED.match(part, b[1])
        if listed or _SUM.fullmatch(between) or _EITHER.fullmatch(between):
            return (None,)
    return (found[0 if lead else -1][2],)


def side(text: str) -> str:
    """The side of an equation that `comes_to` reads; the text where there is no equation."""
    return _result(text)[0]


def _result(text: str) -> tuple[str, bool | None]:
    """That side, and whether its first number counts rather than its last; None where this is for the caller to say."""
    sides, lead = _EQUALS.split(text), True
    for i in reversed(range(len(sides))):
        found = list(numbers(sides[i]))
        if not found:
            lead = False
        elif len(found) == 1 or not all(_SUM.fullmatch(_gap(sides[i], *pair)) for pair in pairwise(found)):
            return sides[i], lead if i else None
        else:
            lead = True
    return text, None


def _gap(text: str, a: tuple, b: tuple) -> str:
    """What stands between two numbers, the sign that the second took along included: it may be the operator ("10 -5")."""
    return text[a[1] : b[0]][:_BETWEEN] + re.match(r"[-−–]?\s*", text[b[0] : b[1]])[0]
