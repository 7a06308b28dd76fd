"""ProsQA: reading, naming, both generators, and the shortcuts that must and must not work on them."""

import json
from pathlib import Path

import numpy as np
import pytest

from lrr_core.benchmarks.english import parse_text
from lrr_core.benchmarks.generators import generate
from lrr_core.benchmarks.prosqa import (
    CONCEPTS,
    NAMES,
    PERSONS,
    GraphQuestion,
    ProblemError,
    breadth_first,
    from_record,
    map_names,
    to_record,
)
from lrr_core.benchmarks.shortcuts import depth_rule, fit_count_baseline

VALID = Path(__file__).parents[4] / "shared" / "data" / "prosqa" / "valid.json"
released_file = pytest.mark.skipif(
    not VALID.exists(), reason="the released file ../shared/data/prosqa/valid.json is absent"
)
FACTS = "Every shumpus is a rempus. Tom is a shumpus. Davis is a lempus. "
BALANCED = {"12-15 nodes, 2-3 hops": ((12, 15), (2, 3)), "23, 3-4": ((23, 23), (3, 4)), "23, 5-6": ((23, 23), (5, 6))}


@pytest.fixture(scope="module")
def released_like():
    return list(generate("released", 3000, seed=1))


@pytest.fixture(scope="module")
def released():
    return [from_record(r) for r in json.loads(VALID.read_text())]


def by_name(q: GraphQuestion):
    """The question without its numbering: what a text can tell."""
    name = q.names.__getitem__
    return (
        {i for e in q.edges for i in map(name, e)},
        [tuple(map(name, e)) for e in q.edges],
        name(q.root),
        tuple(map(name, q.candidates)),
        name(q.answer),
    )


def accuracy(rule, questions) -> float:
    return float(np.mean([rule(q) == q.answer for q in questions]))


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["balanced", "released"])
def test_a_text_read_back_is_the_same_question(kind):
    for q in generate(kind, 100, seed=7):
        back = parse_text(q.text())
        assert by_name(back) == by_name(q)
        assert parse_text(back.text()) == back
        assert from_record(json.loads(json.dumps(to_record(q)))) == q


RECORD = to_record(parse_text(FACTS + "Is Tom a lempus or rempus?"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        *(({key: ...}, f"no '{key}'") for key in ("idx_to_symbol", "edges", "root", "target", "neg_target")),
        ({"edges": "0 1"}, "'edges' must be list, not str"),
        ({"edges": [[0, 1, 2]]}, "pairs of node indices"),
        ({"edges": [[0, 9]]}, r"outside 0 \.\.\. 4"),
        ({"idx_to_symbol": [0, 1, 2, 3, 4]}, "a string"),
        ({"neg_target": RECORD["target"]}, "Both candidates"),
        ({"target": RECORD["neg_target"], "neg_target": RECORD["target"]}, "exchange the two"),
        ({"edges": [[2, 1], [3, 4]]}, "disagree"),
    ],
)
def test_a_broken_record_is_refused_by_the_key_at_fault(change, expected):
    record = {k: v for k, v in {**RECORD, **change}.items() if v is not ...}
    with pytest.raises(ProblemError, match=expected):
        from_record(record)


def test_a_record_without_a_question_does_not_give_its_answer_away():
    records = [{k: v for k, v in to_record(q).items() if k != "question"} for q in generate("released", 400, seed=2)]
    questions = [from_record(r) for r in records]
    assert 0.42 < np.mean([q.answer == q.candidates[0] for q in questions]) < 0.58


def test_a_record_that_is_no_object_is_refused():
    with pytest.raises(ProblemError, match=r"JSON object.*not list"):
        from_record([1, 2])


@released_file
def test_the_released_file_is_read_word_for_word():
    records = json.loads(VALID.read_text())
    assert len(records) == 300
    for record in records:
        q = from_record(record)
        assert q.text() == record["question"]
        assert q.hops == len(record["steps"])
        back = to_record(q)
        same = ("question", "answer", "idx_to_symbol", "root", "target", "neg_target")
        assert {k: back[k] for k in same} == {k: record[k] for k in same}
        assert sorted(back["edges"]) == sorted(record["edges"])


# --- names -----------------------------------------------------------------------------------------------------------


def test_unknown_names_take_free_known_ones_and_known_names_stay():
    q = parse_text(
        "Every cat is an animal. Felix is a cat. Tom is a lempus. Rock is a stone. Is Felix an animal or lempus?"
    )
    ours, renamed = map_names(q)
    assert renamed == (
        ("cat", CONCEPTS[0]),
        ("animal", CONCEPTS[1]),
        ("Felix", "Alex"),
        ("Rock", "Bob"),
        ("stone", "brimpus"),
    )
    assert {"Tom", "lempus"} < set(ours.names) <= set(NAMES)
    assert (ours.edges, ours.root, ours.candidates, ours.answer) == (q.edges, q.root, q.candidates, q.answer)
    assert map_names(ours) == (ours, ())
    assert map_names(q) == (ours, renamed)


def test_when_persons_run_out_concepts_step_in_and_too_many_names_are_refused():
    def star(n):
        return parse_text(" ".join(f"P{i} is a kind{i % 2}." for i in range(n)) + " Is P0 a kind0 or kind1?")

    ours, _ = map_names(star(len(PERSONS) + 3))
    assert len(set(ours.names)) == len(PERSONS) + 5
    assert set(PERSONS) < set(ours.names)
    assert len(map_names(star(53))[1]) == 55
    with pytest.raises(ProblemError, match="names 56 things, but the model knows only 55"):
        map_names(star(54))


# --- generators ------------------------------------------------------------------------------------------------------


def test_generated_released_problems_match_the_means_of_the_released_file(released_like):
    nodes = np.array([len(q.names) for q in released_like])
    hops = np.bincount([q.hops for q in released_like], minlength=7) / len(nodes)
    assert abs(nodes.mean() - 22.82) < 0.2 and abs(nodes.std() - 2.04) < 0.2
    assert abs(np.mean(nodes >= 24) - 118 / 300) < 0.04
    assert nodes.min() >= 14 and nodes.max() <= 28
    assert abs(np.mean([len(q.edges) for q in released_like]) - 36.26) < 0.5
    assert np.abs(hops[3:] - [0.413, 0.443, 0.12, 0.023]).max() < 0.05 and hops[:3].sum() == 0


def test_generated_names_are_persons_exactly_where_nothing_is_above(released_like):
    for q in released_like[:200]:
        inner = {t for _, t in q.edges}
        assert all((name in PERSONS) == (i not in inner) for i, name in enumerate(q.names))
        assert {i for e in q.edges for i in e} == set(range(len(q.names)))


@pytest.mark.parametrize(("nodes", "hops"), BALANCED.values(), ids=BALANCED)
def test_balanced_problems_are_balanced_and_only_the_answer_is_reachable(nodes, hops):
    seen = []
    for q in generate("balanced", 300, 3, nodes, hops):
        children = q.children()
        assert q.depths()[q.answer] == q.hops and q.depths()[q.distractor] == -1
        assert not children[q.answer] and not children[q.distractor]
        tops = set(range(len(q.names))) - {t for _, t in q.edges}
        other = {r for r in tops if breadth_first(children, r)[q.distractor] == q.hops}
        assert other - {q.root}, "no other root lies as far from the distractor as the asked one from the answer"
        assert len(q.names) <= nodes[1]
        seen.append(q.hops)
    assert set(seen) == set(range(hops[0], hops[1] + 1))
    assert np.ptp(np.bincount(seen)[hops[0] :]) <= 1


def test_the_same_seed_gives_the_same_problems_and_another_seed_others():
    def texts(seed):
        return [q.text() for q in generate("balanced", 20, seed, (12, 15), (2, 3))]

    assert texts(4) == texts(4) != texts(5)


def test_an_answer_stands_first_half_of_the_time(released_like):
    assert abs(np.mean([q.answer == q.candidates[0] for q in released_like]) - 0.5) < 0.03


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("easy", 1, 0), "choose one of balanced, released"),
        (("balanced", 1, 0, (8, 8), (5, 5)), "at least 12 nodes"),
        (("balanced", 1, 0, (90, 90), (3, 3)), "4 to 38 nodes"),
        (("balanced", 1, 0, (23, 23), (11, 11)), "between 1 and 10"),
    ],
)
def test_a_problem_that_cannot_be_generated_is_refused_with_the_limits(arguments, expected):
    with pytest.raises(ProblemError, match=expected):
        list(generate(*arguments))


# --- shortcuts -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def released_counts():
    return fit_count_baseline(generate("released", 1000, seed=6))


def test_both_shortcuts_work_on_problems_as_released(released_like, released_counts):
    assert accuracy(depth_rule, released_like) > 0.88
    assert accuracy(released_counts, released_like) > 0.88


@released_file
def test_both_shortcuts_score_on_the_released_file_what_was_published(released, released_counts):
    assert accuracy(depth_rule, released) == pytest.approx(274 / 300)
    assert accuracy(released_counts, released) > 0.9


@pytest.mark.parametrize(("nodes", "hops"), BALANCED.values(), ids=BALANCED)
def test_no_shortcut_works_on_balanced_problems(nodes, hops, released_counts):
    # 1,200 problems: one standard error is 1.4 points, so 50 ± 5 is 3.5 of them
    questions = list(generate("balanced", 1200, 11, nodes, hops))
    own_counts = fit_count_baseline(generate("balanced", 1200, 12, nodes, hops))
    for rule in (depth_rule, own_counts, released_counts):
        assert 0.45 < accuracy(rule, questions) < 0.55


def test_shortcuts_never_look_at_who_is_asked_about():
    rule = fit_count_baseline(generate("released", 300, seed=6))
    for q in generate("balanced", 100, seed=9):
        tops = set(range(len(q.names))) - {t for _, t in q.edges}
        for root in tops:
            asked = GraphQuestion(q.names, q.edges, root, q.candidates, q.distractor)
            assert depth_rule(asked) == depth_rule(q)
            assert rule(asked) == rule(q)
