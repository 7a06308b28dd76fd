"""Problems: what a model is given to read, and how its words are judged."""

import json
from pathlib import Path

import pytest

from lrr_core.benchmarks.catalogue import BENCHMARKS, TEMPLATES, Problem, cot_text, from_graph, from_text
from lrr_core.benchmarks.english import parse_text
from lrr_core.benchmarks.generators import generate
from lrr_core.benchmarks.prosqa import NAMES, ProblemError, to_record

PROSQA = BENCHMARKS["prosqa"]
TEXT = (
    "Davis is a shumpus. Tom is a terpus. Every terpus is a lempus. Every shumpus is a scrompus. "
    "Is Tom a lempus or scrompus?"
)
VALID = Path(__file__).parents[4] / "shared" / "data" / "prosqa" / "valid.json"


@pytest.fixture
def problem():
    return from_text("prosqa", TEXT)


def test_triples_list_every_edge_in_text_order_and_end_with_the_asked_root(problem):
    expected = "Davis shumpus ; Tom terpus ; terpus lempus ; shumpus scrompus ; ? lempus scrompus Tom"
    assert TEMPLATES["triples"](problem) == expected
    assert TEMPLATES["english"](problem) == TEXT + "\n"


def test_the_chain_of_thought_walks_from_the_root_to_the_answer(problem):
    assert cot_text(problem, "triples") == "terpus lempus"
    assert cot_text(problem, "english") == "Tom is a terpus. Every terpus is a lempus."
    with pytest.raises(ProblemError, match="choose one of triples, words, english"):
        cot_text(problem, "haiku")


def test_a_problem_in_foreign_names_keeps_its_text_and_is_put_to_the_model_in_known_names():
    text = "Felix is a cat. Every cat is an animal. Rock is a stone. Is Felix a stone or an animal?"
    p = from_text("prosqa", text)
    assert p.question == text
    ours = dict(p.renamed)
    assert set(ours) == {"Felix", "cat", "animal", "Rock", "stone"}
    assert p.candidates == (ours["stone"], ours["animal"]) and p.candidates[p.answer] == ours["animal"]
    assert set(TEMPLATES["triples"](p).split()) - {";", "?"} <= set(NAMES)
    assert TEMPLATES["english"](p) == p.graph.text() + "\n"
    assert "Felix" not in TEMPLATES["english"](p)
    assert p.steps == (f"{ours['Felix']} is a {ours['cat']}.", f"Every {ours['cat']} is a {ours['animal']}.")
    assert PROSQA.parse_answer(f"{ours['Felix']} is a {ours['animal']}.", p) == p.answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Tom is a lempus.", 0),
        ("lempus", 0),
        (" SCROMPUS<end>", 1),
        ("so ### scrompus, scrompus!", 1),
        ("lempus or scrompus", None),
        ("Tom is a terpus.", None),
        ("lempuses", None),
        ("", None),
    ],
)
def test_an_answer_counts_only_if_exactly_one_candidate_is_named(problem, text, answer):
    assert PROSQA.parse_answer(text, problem) == answer


def test_generated_problems_carry_their_answer_and_unique_ids():
    problems = PROSQA.generate("balanced", 50, 3, (12, 15), (2, 3))
    assert len({p.id for p in problems}) == 50
    assert [p.question for p in problems] == [q.text() for q in generate("balanced", 50, 3, (12, 15), (2, 3))]
    for p in problems:
        assert p.candidates[p.answer] == cot_text(p, "triples").split()[-1]
        assert p.renamed == ()
        assert PROSQA.parse_answer(p.steps[-1], p) == p.answer


def test_majority_is_the_share_of_the_most_frequent_answer():
    problems = [Problem(str(i), "prosqa", "", ("a", "b"), answer, ()) for i, answer in enumerate((0, 1, 1, 1, None))]
    assert PROSQA.majority(problems) == 0.75
    assert PROSQA.majority([]) == 0.0


def test_a_json_list_json_lines_and_a_single_record_load_alike(tmp_path):
    records = [to_record(q) for q in generate("released", 3, seed=1)]
    forms = {"list": json.dumps(records, indent=1), "lines": "\n".join(map(json.dumps, records)) + "\n\n"}
    loaded = {}
    for name, content in forms.items():
        (tmp_path / name).mkdir()
        path = tmp_path / name / "file.json"
        path.write_text(content)
        loaded[name] = PROSQA.load(path)
    assert loaded["list"] == loaded["lines"]
    assert [p.question for p in loaded["list"]] == [r["question"] for r in records]
    path.write_text(json.dumps(records[0], indent=1))
    assert PROSQA.load(str(path)) == loaded["list"][:1]


RECORD = to_record(parse_text(TEXT))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"[{]", "line 1: broken JSON"),
        (b"\xff\xfe", "UTF-16 text"),
        (
            json.dumps([RECORD, {**RECORD, "edges": None}]).encode(),
            r"record 1 \(the first is 0\): 'edges' must be list",
        ),
        (json.dumps([{k: v for k, v in RECORD.items() if k != "root"}]).encode(), "record 0 .*no 'root'"),
        (b"\n".join([json.dumps(RECORD).encode(), b"{oops"]), r"line 2 \(record 1\): broken JSON"),
        (b"[3]", "record 0 .*must be a JSON object"),
    ],
)
def test_a_broken_file_is_named_with_the_record_at_fault(tmp_path, content, expected):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(ProblemError, match=r"mine\.json.*" + expected):
        PROSQA.load(path)


def test_a_missing_file_and_an_unknown_benchmark_are_named(tmp_path):
    with pytest.raises(ProblemError, match=r"nothing\.json cannot be read"):
        PROSQA.load(tmp_path / "nothing.json")
    with pytest.raises(ProblemError, match="No benchmark called 'pros'; choose one of prosqa"):
        from_text("pros", TEXT)


def test_an_answer_outside_the_candidates_is_refused():
    with pytest.raises(ProblemError, match="not one of the 2 candidates"):
        Problem("x", "prosqa", "", ("a", "b"), 2, ())


def test_triples_of_a_problem_without_a_graph_are_refused():
    with pytest.raises(ProblemError, match="needs a graph"):
        TEMPLATES["triples"](Problem("x", "prosqa", "Why?", ("a", "b"), 0, ()))


def test_the_triples_are_the_tokens_the_model_is_trained_on():
    branches = pytest.importorskip("lrr_core.training.branches")
    reasoner = pytest.importorskip("lrr_core.training.reasoner")
    import numpy as np

    questions = list(generate("balanced", 4, 3, (12, 15), (2, 3)))
    batch = branches.make_batch(questions, 1, 3, np.random.default_rng(0))
    tokenizer = reasoner.make_tokenizer()
    for i, q in enumerate(questions):
        row = [*batch.edges[i].tolist(), *batch.branches[i, 0].tolist()]
        words = [reasoner.VOCABULARY[t] for t in row if t]
        text = TEMPLATES["triples"](from_graph(q, "x"))
        assert text.split() == words
        assert tokenizer(text).input_ids == [t for t in row if t]


@pytest.mark.skipif(not VALID.exists(), reason="the released file ../shared/data/prosqa/valid.json is absent")
def test_the_released_file_loads_with_its_words_unchanged():
    records = json.loads(VALID.read_text())
    problems = PROSQA.load(VALID)
    assert len(problems) == 300 and problems[7].id == "valid-7"
    for p, r in zip(problems, records, strict=True):
        assert p.question == r["question"] and p.renamed == ()
        assert PROSQA.parse_answer(r["answer"], p) == p.answer
        assert TEMPLATES["english"](p) == r["question"] + "\n"
        assert len(p.steps) == len(r["steps"])
    assert 0.5 <= PROSQA.majority(problems) < 0.56
