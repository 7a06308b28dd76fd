"""Answers as models write them: a table of kinds with the one right value of each, and laws over generated numbers."""

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrr_core.benchmarks.answers import TIE, choice_of, chosen, letter, name, number, verdict
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.benchmarks.gsm8k import read_record
from lrr_core.benchmarks.numerals import canonical, numbers, plain
from lrr_core.benchmarks.prosqa import ProblemError

OPTIONS = ("12", "15 apples", "20", "25", "none of these")
THIN = "\u2009"

NUMBERS = {
    "fractions": [
        (r"\frac{3}{4}", "0.75"), (r"The answer is \frac{3}{4}.", "0.75"), (r"\boxed{\frac{3}{4}}", "0.75"),
        (r"$\boxed{\dfrac{1}{3}}$", "1/3"), (r"\tfrac34", "0.75"), (r"\frac34", "0.75"), (r"-\frac{3}{4}", "-0.75"),
        (r"\frac{-3}{4}", "-0.75"), (r"2\frac{1}{2}", "2.5"), (r"The answer is $2\frac{3}{4}$ cups", "2.75"),
        ("\x0crac{3}{4}", "0.75"), (r"\frac{x}{2}", None), (r"\frac{1+2}{3}", None), (r"\boxed{\frac{a}{4}}", None),
        ("½", "0.5"), ("The answer is ¾", "0.75"), ("1½", "1.5"), ("1 ½ cups", "1.5"), ("-½", "-0.5"), ("⅓", "1/3"),
        ("3⁄4", "0.75"), ("2 3/4", "2.75"), ("(3)/(4)", "0.75"), ("7/0", None), ("1/2/3", None),
        (r"\frac{1,200}{4}", "300"), (r"\frac{3}{4}\text{ cups}", "0.75"),
    ],
    "boxed": [
        (r"so \boxed{72}", "72"), (r"\boxed{1{,}080}", "1080"), (r"\boxed{\$5.50}", "5.5"), (r"\boxed{72\text{ clips}}", "72"),
        (r"\boxed{72\%}", "72"), (r"\(\boxed{-7}\)", "-7"), (r"\[ \boxed{72} \]", "72"), (r"\boxed{5} or \boxed{6}", None),
        (r"\boxed{5}. Wait. \boxed{6}", "6"), ("<answer>72</answer>", "72"), ("<answer>72</answer> in 3 steps", "72"),
    ],
    "separators": [
        ("12 000", "12000"), (f"12{THIN}000", "12000"), ("12\u202f000", "12000"), ("12\u00a0000.50", "12000.5"),
        (r"12\,000", "12000"), ("12'000", "12000"), ("12’000", "12000"), ("12_000", "12000"), ("1 234 567", "1234567"),
        ("#### 12 000", "12000"), ("$80 000", "80000"), ("1,234,567.5", "1234567.5"), ("1.234,56", None), ("12 00", None),
        ("12 345 6789", None), ("12,34", None), ("1'23", None), ("*12 000*", "12000"), ("_12_", "12"), ("７２", "72"),
    ],
    "powers of ten": [
        ("1.5 × 10^3", "1500"), ("1.5 x 10^3", "1500"), ("1.5*10**3", "1500"), ("1.5 × 10³", "1500"), ("2.5 × 10⁻²", "0.025"),
        (r"$1.5 \times 10^{3}$", "1500"), (r"1.5 \cdot 10^{-1}", "0.15"), ("1.5e3", "1500"), ("The answer is 3·10^2", "300"),
        ("2^10", None), ("10²", None), ("1 × 10^999", None), (r"2\sqrt{3}", None), ("√16", None), ("4π", None),
    ],
    "corrections": [
        ("not 17 but 18", "18"), ("The answer is not 17 but 18.", "18"), ("The answer isn't 17, it's 18", "18"),
        ("It isn't 17, it's 18", "18"), ("The answer is 18, not 17", "18"), ("The answer is 17, no wait, 18.", "18"),
        ("17. No, 18", "18"), ("The answer is 17... actually 18", "18"), ("The answer is 17 apples. Sorry, 18.", "18"),
        ("The answer is 18 rather than 17.", "18"), ("The answer is not 17. It is 18.", "18"), ("17 is wrong, so 18", "18"),
        ("The answer is not 17.", None), ("Tom has 3. The answer is not 17.", None), ("The answer is 18. It is not 17.", "18"),
        ("not 5", None), ("The answer isn’t 17, it’s 18", "18"), ("The answer is 17, I mean 18", "18"),
        ("not 5 but 6", "6"), ("The answer is 17, scratch that, 18", "18"),
    ],
    "equations": [
        ("The answer is 10 = 5 x 2", "10"), ("The answer is 5 x 2 = 10", "10"), ("10 = 5 + 5", "10"), ("x = 72", "72"),
        ("The answer is 72 = 48 + 24.", "72"), ("6 = x", "6"), (r"The answer is $5 \times 2 = 10$", "10"), ("5 × 2", None),
        ("The answer is 5 + 3", None), ("10 / 3 ≈ 3.33", "3.33"), ("2 + 3 = 4 + 1", None), ("The answer is 10 = 20/2", "10"),
    ],
    "ranges and alternatives": [
        ("5 or 6", None), ("The answer is 5 or 6.", None), ("between 3 and 5", None), ("The answer is between 3 and 5", None),
        ("3-5", None), ("The answer is 3–5", None), ("3 to 5", None), ("from 3 to 5 days", None), ("either 5 or 6", None),
        ("The answer is 5 apples or 6 apples", None), ("The answers are 5 and 6", None), ("The answer is 5, 6", None),
        ("#### 2 hours 30 minutes", None), ("5 feet 3 inches", None), ("5 ± 1", None), ("The answer is 5 to 1", None),
        ("The answer is 72 clips, of which 3 are red", "72"), ("5..6", None),
    ],
}  # fmt: skip
LETTERS = {
    "said to be right": [
        ("C is correct", 2), ("C is correct.", 2), ("(C) is correct", 2), ("It must be C", 2), ("It must be (C).", 2),
        ("Therefore, C", 2), ("Therefore, C.", 2), ("Thus C.", 2), ("So it is C.", 2), ("I choose C", 2), ("I would go with C.", 2),
        ("C is the right one", 2), ("C must be the answer", 2), ("it's C!", 2), ("Hence, the answer must be C", 2),
        ("C is right.", 2),
        ("That leaves D.", 3), ("We compute.\n\nC", 2), ("5 * 4. So, option C.", 2), ("“C”", 2), ("The answer is ‘C’.", 2),
    ],
    "dressed": [
        ("$B$", 1), ("The answer is $B$.", 1), ("<answer>B</answer>", 1), ("<answer>\nB\n</answer>", 1), (r"\boxed{B}", 1),
        (r"\boxed{\text{(B)}}", 1), (r"\(B\)", 1), ("**(B)**", 1), ("[B]", 1), ("Answer: **B**", 1), ("B - 15 apples", 1),
        (r"The answer is $\mathbf{B}$", 1), ("Answer: $B$ because of it", 1),
    ],
    "taken back": [
        ("A is wrong, so B.", 1), ("(A) is incorrect. (C) is correct.", 2), ("C, no wait, D", 3), ("not C but D", 3),
        ("The answer is not C but D.", 3), ("The answer is C, no, D", 3), ("It isn't C, it's D.", 3), ("C. Actually, D.", 3),
        ("The answer is D. Option C is wrong.", 3), ("A, B and D are wrong. C is right.", 2), ("The answer is not C.", None),
        ("The answer is D, not C", 3), ("(a) is wrong, (b) is right", 1), ("C is not correct", None), ("C is incorrect", None),
        ("(B) holds 15. The answer is not C.", None), ("The answer is D rather than C.", 3),
    ],
    "contradicted": [
        ("B or C", None), ("Either B or C is correct.", None), ("Both A and C are correct", None), ("(A) and (C)", None),
        ("C is correct. D is correct.", None), (r"\boxed{A} or \boxed{B}", None), ("Therefore, a train", None),
        ("So I think", None),
    ],
    "by value": [
        (r"The answer is $\boxed{15}$", 1), ("The answer is 2 × 10^1", 2), ("The answer is 20 or 25", None), ("25 = 5 x 5", 3),
    ],
}  # fmt: skip
VERDICTS = {
    "negated": [
        ("not true", "no"), ("It is not true.", "no"), ("untrue", "no"), ("This is untrue.", "no"), ("that is not false", "yes"),
        ("That isn't true", "no"), ("That isn’t false.", "yes"), ("not yes", "no"), ("The answer is not yes", "no"),
        ("not no", "yes"), ("not untrue", "yes"), ("It can't be true.", "no"), ("not a yes", "no"), ("It's never true", "no"),
        ("not necessarily true", None), ("not always true", None), ("The answer is not true", "no"), ("partly true", None),
        ("neither yes nor no", None), ("I'm not sure", None),
    ],
    "worded": [
        ("Nope", "no"), ("Nope.", "no"), ("Yeah", "yes"), ("Yeah, he did.", "yes"), ("Yep!", "yes"), ("Nah", "no"),
        ("“Yes”", "yes"), ("The answer is “no”.", "no"), ("‘True’", "yes"), ("<answer>yes</answer>", "yes"),
        (r"\boxed{\text{No}}", "no"), ("Oh, no.", "no"), ("Yes or no? Yes.", "yes"), ("Is it true that cats fly? No.", "no"),
    ],
    "contradicted": [
        ("no, yes", None), ("yes, no", None), ("Yes/No", None), ("yes, but no", None), ("True. False.", None),
        ("The answer is yes or no", None), ("No, wait, yes", "yes"), ("Yes, actually no.", "no"), ("no; yes", None),
        ("Yes, because there is no rule.", "yes"), ("No, it is true that he sang once", "no"),
    ],
}  # fmt: skip


def cases(table):
    return [pytest.param(text, value, id=f"{kind}: {text}") for kind, rows in table.items() for text, value in rows]


@pytest.mark.parametrize(("text", "value"), cases(NUMBERS))
def test_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize(("text", "index"), cases(LETTERS))
def test_letters(text, index):
    assert letter(text, OPTIONS) == index


@pytest.mark.parametrize(("text", "said"), cases(VERDICTS))
def test_verdicts(text, said):
    assert verdict(text) == said


@pytest.mark.parametrize(
    ("text", "index"),
    [("Tom is a wolf.", 0), ("Tom is a grey wolf", 1), ("Tom is a “grey  wolf”.", 1), ("not a wolf but a cat", 2),
     ("wolf or cat", None),  ("a werewolf", None), ("Tom is not a cat.", None)],
)  # fmt: skip
def test_names(text, index):
    assert name(text, ("wolf", "grey wolf", "cat")) == index


def test_the_table_is_no_small_one():
    assert sum(len(rows) for table in (NUMBERS, LETTERS, VERDICTS) for rows in table.values()) >= 150


# --- laws -------------------------------------------------------------------------------------------------------------


def grouped(n: int, mark: str) -> str:
    return f"{n:,}".replace(",", mark)


FORMS = {  # every way to write p / 10^places, or p / q, exactly
    "canonical": lambda v: canonical(v),
    "commas": lambda v: grouped(int(v), ","),
    "spaces": lambda v: grouped(int(v), " "),
    "thin": lambda v: grouped(int(v), THIN),
    "latex thin": lambda v: grouped(int(v), r"\,"),
    "apostrophes": lambda v: grouped(int(v), "'"),
    "underscores": lambda v: grouped(int(v), "_"),
    "fraction": lambda v: f"{v.numerator}/{v.denominator}",
    "frac": lambda v: rf"\frac{{{v.numerator}}}{{{v.denominator}}}",
    "mixed": lambda v: f"{int(v)} {abs(v.numerator) % v.denominator}/{v.denominator}",
    "scientific": lambda v: f"{canonical(v / 1000)} × 10^3",
    "latex scientific": lambda v: rf"{canonical(v / 1000)} \times 10^{{3}}",
}
WHOLE = ("commas", "spaces", "thin", "latex thin", "apostrophes", "underscores", "scientific", "latex scientific")
AROUND = (
    "{}",
    "#### {}",
    "The answer is {}.",
    r"\boxed{{{}}}",
    "**Answer:** {}",
    "<answer>{}</answer>",
    "Not 5 but {}",
    "5, no wait, {}",
)


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(
    st.integers(-(10**9), 10**9),
    st.sampled_from((1, 1, 2, 3, 4, 7, 8, 100)),
    st.sampled_from([*FORMS]),
    st.sampled_from(AROUND),
)
def test_every_written_form_of_a_number_reads_as_its_value(p, q, form, around):
    value = Fraction(p, q)
    if form in WHOLE:
        value = Fraction(p)
    if form == "mixed" and (value.denominator == 1 or abs(value) < 1 or value < 0):
        form = "fraction"
    assert number(around.format(FORMS[form](value))) == canonical(value)


TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(
        "12 3,5 000 ' _ 1/2 ½ - – = x × 10^3 and or to not isn't no wait, . "
        "answer is #### \\boxed{ \\frac{3}{4} } ( ) hours π".split(" ")
    ), max_size=12).map(" ".join),
)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(TEXTS)
def test_one_law_binds_records_and_text(text):
    """A record whose answer is read is scored right when its own answer text is copied; any other is refused, and named."""
    gsm8k = BENCHMARKS["gsm8k"]
    try:
        problem = read_record({"question": "How many?", "answer": f"Some prose with 3.\n#### {text}"}, "x")
    except ProblemError as error:
        assert "must" in str(error)
        return
    own = text.rpartition("####")[2]
    assert gsm8k.score(f"#### {own}", problem) and gsm8k.score(f"#### {problem.gold}", problem)
    assert number(problem.gold) == problem.gold


@pytest.mark.parametrize(
    ("own", "gold"), [("12 000", "12000"), ("2 hours 30 minutes", None), (r"\frac{3}{4}", "0.75"), ("5 or 6", None)]
)
def test_the_answer_of_a_record_is_never_a_guess(own, gold):
    record = {"question": "How many?", "answer": f"It is so.\n#### {own}"}
    if gold is None:
        with pytest.raises(ProblemError, match=re.escape(repr(own)) + "; a number that can be misread"):
            read_record(record, "x")
    else:
        assert read_record(record, "x").gold == gold and BENCHMARKS["gsm8k"].score(
            f"#### {own}", read_record(record, "x")
        )


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(TEXTS)
def test_any_text_is_read_without_an_error_and_twice_the_same(text):
    for read in (number, verdict, lambda t: letter(t, OPTIONS), lambda t: name(t, ("wolf", "grey wolf"))):
        assert read(text) == read(text)
    assert plain(plain(text)) is not None and all(end > start for start, end, _ in numbers(plain(text)))


@pytest.mark.parametrize(
    "unit",
    ["1", "111 ", "1,1", "1'111'", "\\frac{", "\\frac{1}{2}", "½", "not 1 ", "not ", "1 no wait, ", "1 or ", "no, ", "A or ",
     "(a) ", "true ", "not not ", "a, ", "1 - ", "= ", "1=", "answer is ", "\\boxed{1} or ", "wait ", "isn't A ", "A is ", "  ",
     "\n1", "wolf "],
)  # fmt: skip
def test_a_text_that_repeats_itself_is_read_in_bounded_work(unit):
    """Work is bounded because at most LONGEST characters are read and no pattern backtracks over more than a few words: a
    quadratic pattern takes minutes here, and the test then does not end."""
    text = unit * (8_000 // len(unit))
    for read in (number, verdict, lambda t: letter(t, OPTIONS), lambda t: name(t, ("wolf", "grey wolf"))):
        read(text)


# --- ties -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "index"),
    [((-1.0, -2.0), 0), ((-2.0, -1.0), 1), ((-1.0, -1.0), None), ((-1.0, -2.0, -1.0), None), ((-2.0, -2.0, -1.0), 2), ((), None),
     ((-1.0, -float("inf")), 0), ((float("nan"), -1.0), None), ((-float("inf"), -float("inf")), None)],
)  # fmt: skip
def test_a_tie_of_likelihood_is_given_to_nobody(scores, index):
    assert choice_of(scores) == index
    assert chosen(("a", "b", "c"), index) == (TIE if index is None else "abc"[index])
    assert chosen(("a", "b"), -1) == TIE  # as an array holds it


def test_a_record_whose_answer_is_not_read_back_is_named_broken(tmp_path):
    from dataclasses import replace

    (tmp_path / "x.jsonl").write_text('{"question": "Is it?", "answer": true}\n')
    broken = replace(BENCHMARKS["strategyqa"], extract=lambda text, problem: None)
    with pytest.raises(ProblemError, match="'yes' is not read back"):
        broken.read(tmp_path / "x.jsonl")
