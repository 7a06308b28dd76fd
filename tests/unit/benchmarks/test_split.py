"""What is held back is told by the question alone: not by order, file, repetition or how it is written."""

import json

import pytest

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.benchmarks.prosqa import ProblemError
from lrr_core.benchmarks.split import is_held_back, key, split

GSM8K = BENCHMARKS["gsm8k"]


def record(i, question="How much is {} and 1?"):
    return {"question": question.format(i), "answer": f"{i}+1=<<{i}+1={i + 1}>>{i + 1}\n#### {i + 1}", "note": i}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path, rows):
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return path


def test_every_record_is_on_one_side_as_it_came(tmp_path):
    rows = [record(i) for i in range(400)]
    made = split(GSM8K, write(tmp_path / "a.jsonl", rows), 0.1, 0, tmp_path / "out")
    train, held = lines(tmp_path / "out" / "train.jsonl"), lines(tmp_path / "out" / "held_back.jsonl")
    assert (made.train, made.held_back, made.broken) == (len(train), len(held), 0)
    assert sorted([*train, *held], key=lambda r: r["note"]) == rows
    assert 20 <= len(held) <= 60  # 40 ± 3.3 standard deviations


def test_order_and_company_change_nothing(tmp_path):
    rows = [record(i) for i in range(60)]
    split(GSM8K, write(tmp_path / "a.jsonl", rows), 0.2, 3, tmp_path / "a")
    other = [*rows[:10:-1], record(99), record(7)]  # reversed, a stranger, one that was left out
    split(GSM8K, write(tmp_path / "b.json", [json.dumps(other)]), 0.2, 3, tmp_path / "b")
    sides = [
        {r["note"]: name for name in ("train", "held_back") for r in lines(tmp_path / k / f"{name}.jsonl")}
        for k in "ab"
    ]
    assert len(set(sides[0].values())) == 2
    assert all(sides[0][n] == side for n, side in sides[1].items() if n in sides[0])


def test_a_repeated_question_cannot_lie_on_both_sides():
    problems = [GSM8K.read_record(record(i), str(i)) for i in range(200)]
    loud = [GSM8K.read_record(record(i, "HOW much  is {}\nand 1?"), str(i)) for i in range(200)]
    assert [key(p) for p in problems] == [key(p) for p in loud]
    assert [is_held_back(p, 0.3) for p in problems] == [is_held_back(p, 0.3) for p in loud]


def test_more_share_holds_back_more_and_another_seed_or_purpose_others():
    problems = [GSM8K.read_record(record(i), str(i)) for i in range(500)]
    few, many = ([is_held_back(p, share, 1) for p in problems] for share in (0.1, 0.3))
    assert all(m for f, m in zip(few, many, strict=True) if f) and sum(many) > sum(few)
    for other in ({"seed": 2}, {"seed": 1, "purpose": "validation"}):
        drawn = [is_held_back(p, 0.3, **other) for p in problems]
        both = sum(a and b for a, b in zip(many, drawn, strict=True))
        assert 20 <= both <= 72  # independent: 45 ± 4 standard deviations


def test_a_broken_record_is_counted_and_on_neither_side(tmp_path):
    rows = [*(record(i) for i in range(50)), '{"question": "cut off', {"question": "no answer"}]
    made = split(GSM8K, write(tmp_path / "a.jsonl", rows), 0.3, 0, tmp_path / "out")
    assert made.broken == 2 and made.train + made.held_back == 50


@pytest.mark.parametrize(
    ("share", "rows", "message"),
    [
        (0, [record(1)], "--held-back must lie between 0 and 1, such as 0.1, not 0"),
        (0.5, [{"question": "no answer"}], "No record of GSM8K in .*has no 'answer'"),
        (0.001, [record(1)], "The held-back part of .* would be empty"),
    ],
)
def test_a_split_that_cannot_be_is_refused(tmp_path, share, rows, message):
    with pytest.raises(ProblemError, match=message):
        split(GSM8K, write(tmp_path / "a.jsonl", rows), share, 0, tmp_path / "out")
    assert not (tmp_path / "out").exists()
