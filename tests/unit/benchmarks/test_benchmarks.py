"""The five benchmarks: every schema loads, what is broken is named, and the right answer reads as the right answer.

The laws are held on small hand-written records; the real files, where they lie beside the checkout, hold them again.
"""

import json
import sys
from pathlib import Path

import pytest

from lrr_core.__main__ import main
from lrr_core.benchmarks.answers import letter
from lrr_core.benchmarks.catalogue import BENCHMARKS, TEMPLATES, Problem, cot_steps, cot_text, describe, from_text
from lrr_core.benchmarks.english import parse_text
from lrr_core.benchmarks.multiple_choice import options_of
from lrr_core.benchmarks.nouns import NOUNS
from lrr_core.benchmarks.prosqa import ProblemError, to_record

RECORDS = {
    "prosqa": to_record(
        parse_text("Tom is a terpus. Davis is a shumpus. Every terpus is a lempus. Is Tom a lempus or shumpus?")
    ),
    "gsm8k": {
        "question": "A shelf holds 1,000 cups and Ann adds 40 boxes of 2. How many are there?",
        "answer": "The boxes hold 40*2 = <<40*2=80>>80 cups.\nThat makes <<1000+80=1080>>1,080.\n#### 1,080",
    },
    "mathqa": {
        "Problem": "a box of 4 pens costs 2 , 500 . what do 2 boxes cost ?",
        "Rationale": '"one costs 2,500 , two cost 2 * 2500 = 5,000 . answer : c"',
        "options": "a ) rs . 2,500 , b ) 1 / 2 , c ) rs . 5,000 , d ) 10 , 000 , e ) none of these",
        "correct": "c",
        "annotated_formula": "multiply(2500, 2)",
        "linear_formula": "multiply(n1,n2)|",
        "category": "gain",
    },
    "aqua": {
        "question": "How far does a train go in 2 hours at 60 km per hour?",
        "options": ["A)30 km", "B)120 km", "C)62 km", "D)(60, 2) km", "E)None of these"],
        "rationale": "Distance is speed times time.\n60 * 2 = 120.\nAnswer is B",
        "correct": "B",
    },
    "strategyqa": {
        "qid": "x1",
        "term": "Penguin",
        "question": "Could a penguin outrun a rumour?",
        "answer": False,
        "facts": ["Penguins walk at 2 km per hour.", "Rumours travel faster."],
        "decomposition": ["How fast is a penguin?", "Is #1 faster than a rumour?"],
        "evidence": [],
    },
}
GOLD = {"prosqa": "lempus", "gsm8k": "1080", "mathqa": "c", "aqua": "B", "strategyqa": "no"}
SPOKEN = ("{}", " {}", "The answer is {}.", "#### {}", "Answer: {}\n", "so the answer is ( {} ) .", "**{}**")


def problem(key, **changed):
    return BENCHMARKS[key].read_record({**RECORDS[key], **changed}, "x")


def test_the_five_of_the_paper_are_there_and_the_graphs_in_everyday_nouns():
    assert set(BENCHMARKS) == set(RECORDS) | {"words", "generic"}
    assert {key: b.chance for key, b in BENCHMARKS.items()} == {
        "generic": 0.0, "prosqa": 0.5, "words": 0.5, "gsm8k": 0.0, "mathqa": 0.2, "aqua": 0.2, "strategyqa": 0.5,
    }  # fmt: skip
    for key in RECORDS:
        b = BENCHMARKS[key]
        assert b.key == key and problem(key).benchmark == key


@pytest.mark.parametrize("key", RECORDS)
def test_the_right_answer_however_it_is_spoken_is_scored_right_and_others_wrong(key):
    b, p = BENCHMARKS[key], problem(key)
    assert p.gold == GOLD[key]
    others = {*p.candidates} - {p.gold} or {"1081", "-1080", "1080.5"}
    for form in SPOKEN:
        assert b.extract(form.format(p.gold), p) == p.gold and b.score(form.format(p.gold), p)
        assert not any(b.score(form.format(other), p) for other in others)
    assert b.extract("", p) is None and not b.score("", p)


def test_a_free_answer_has_no_candidates_and_no_index():
    p = problem("gsm8k")
    assert (p.candidates, p.answer, p.free_answer, p.gold) == ((), None, "1080", "1080")
    with pytest.raises(ProblemError, match=r"free number.*use `score`"):
        BENCHMARKS["gsm8k"].parse_answer("1080", p)
    assert BENCHMARKS["gsm8k"].score("She has $1,080.00 now.", p)


def test_the_index_of_a_choice_is_the_place_of_its_letter():
    p = problem("aqua")
    assert p.candidates == tuple("ABCDE") and p.options[1] == "120 km"
    assert [BENCHMARKS["aqua"].parse_answer(t, p) for t in ("(b)", "It goes 120 km.", "D) (60, 2) km", "no")] == [
        1,
        1,
        3,
        None,
    ]


def test_reasoning_is_kept_in_words_and_in_its_short_form():
    p = problem("gsm8k")
    assert cot_steps(p, "english") == ("The boxes hold 40*2 = 80 cups.", "That makes 1,080.")
    assert cot_steps(p, "short") == ("<<40*2=80>>", "<<1000+80=1080>>")
    assert cot_text(p, "short") == "<<40*2=80>> <<1000+80=1080>>"
    p = problem("mathqa")
    assert cot_steps(p, "english") == (
        "one costs 2,500 , two cost 2 * 2500 = 5,000 .",
    )  # without the answer it closes with
    assert cot_steps(p, "short") == ("multiply(n1,n2)",)
    p = problem("aqua")
    assert cot_steps(p, "english") == ("Distance is speed times time.", "60 * 2 = 120.")
    assert cot_steps(p, "short") == p.steps  # no short form: the words
    p = problem("strategyqa")
    assert cot_steps(p, "english") == tuple(RECORDS["strategyqa"]["facts"])
    assert cot_steps(p, "short") == tuple(RECORDS["strategyqa"]["decomposition"])
    p = problem("prosqa")
    assert cot_steps(p, "short") == cot_steps(p, "triples") == ("terpus", "lempus")


def test_the_schema_of_the_coconut_code_is_read_too():
    ours = problem("gsm8k")
    theirs = problem("gsm8k", answer="1,080", steps=["<<40*2=80>>", "<<1000+80=1080>>"])
    assert (theirs.gold, theirs.formal) == (ours.gold, ours.formal)
    assert theirs.steps == ours.formal


def test_prompts_hold_question_and_options_and_never_the_answer_or_the_reasoning():
    assert BENCHMARKS["aqua"].render(problem("aqua")) == (
        "How far does a train go in 2 hours at 60 km per hour?\n"
        "(A) 30 km\n(B) 120 km\n(C) 62 km\n(D) (60, 2) km\n(E) None of these\n"
    )
    assert BENCHMARKS["strategyqa"].render(problem("strategyqa"), "instruct") == (
        "Question: Could a penguin outrun a rumour?\nAnswer with yes or no.\nAnswer:"
    )
    for key in RECORDS:
        b, p = BENCHMARKS[key], problem(key)
        for template in b.templates:
            text = b.render(p, template)
            assert text == TEMPLATES[template](p)
            if key != "prosqa":  # there the reasoning consists of sentences of the prompt
                assert not any(step in text for step in (*p.steps, *p.formal)) and "1080" not in text
    with pytest.raises(ProblemError, match="GSM8K has no template 'triples'; choose one of english, short, instruct"):
        BENCHMARKS["gsm8k"].render(problem("gsm8k"), "triples")


@pytest.mark.parametrize(
    ("raw", "options"),
    [
        ("a ) 38 , b ) 27.675 , c ) 30 , d ) 1 , 512 , e ) none", ["38", "27.675", "30", "1 , 512", "none"]),
        ("a ) a ) 3 , b ) b ) 2 , c ) 5 , d ) d ) 21 , e ) d ) 36", ["3", "2", "5", "21", "36"]),
        ("['a ) 4', 'b ) 4 π', 'c ) 16', 'd ) 8 , 5', 'e ) 16']", ["4", "4 π", "16", "8 , 5", "16"]),
        ("a)1,b)2,c)3", ["1", "2", "3"]),
        ("a ) ( 1 , c ) , b ) ( 2 , d ) , c ) 7", ["( 1 , c )", "( 2 , d )", "7"]),
        (["A)12", "B) 12,000", "C)5 and (b) 6", "D)x", "E)None"], ["12", "12,000", "5 and (b) 6", "x", "None"]),
        (["(A) 1", "(B) 2"], ["1", "2"]),
        (["twelve", "six"], ["twelve", "six"]),
    ],
)
def test_options_are_split_at_their_letters_and_nowhere_else(raw, options):
    assert options_of(raw) == options


@pytest.mark.parametrize(
    ("key", "changed", "reason"),
    [
        ("gsm8k", {"answer": "It is 72."}, "must end with a line '#### number'"),
        ("gsm8k", {"answer": "Well.\n#### seven"}, "must give a number after ####, not 'seven'"),
        ("gsm8k", {"answer": None}, "'answer' must be str or int or float, not NoneType"),
        ("gsm8k", {"question": " "}, "'question' is empty"),
        ("mathqa", {"correct": "f"}, "'correct' must be one letter of abcde, not 'f'"),
        ("mathqa", {"options": "38 , 42"}, "must hold at least two"),
        ("mathqa", {"options": "['a ) 1', "}, "begins as a list but is none"),
        ("mathqa", {"options": "a ) 1 , b ) , c ) 3"}, "Option b is empty"),
        ("aqua", {"options": ["A)1", "C)2"]}, "Option 2 should be lettered 'b'"),
        ("aqua", {"options": ["A)1", "B)2"], "correct": "C"}, "'correct' must be one letter of AB, not 'C'"),
        ("strategyqa", {"answer": "perhaps"}, "'answer' must be true or false, not 'perhaps'"),
        ("strategyqa", {"answer": 1}, "'answer' must be bool or str, not int"),
        ("strategyqa", {"facts": [1]}, "must be lists of sentences"),
    ],
)
def test_a_broken_record_says_what_is_wrong_with_it(key, changed, reason):
    with pytest.raises(ProblemError) as error:
        problem(key, **changed)
    assert reason in str(error.value)


def test_yes_and_no_come_as_truth_values_or_words():
    answers = [problem("strategyqa", answer=a).gold for a in (True, False, "Yes", "no", "true", "False ")]
    assert answers == ["yes", "no", "yes", "no", "yes", "no"]
    assert problem("strategyqa", facts="Penguins walk.").steps == ("Penguins walk.",)  # as on the hub


def test_an_option_that_reads_as_the_right_one_does_is_doubtful_but_loads():
    p = problem("aqua", options=["A)1", "B)2", "C)3", "D)2", "E)4"])
    assert p.doubt == "options B and D are both '2', and only B counts as right"
    assert BENCHMARKS["aqua"].score("B", p) and not BENCHMARKS["aqua"].score("2", p)
    assert problem("aqua", options=["A)1", "B)2", "C)3", "D)3", "E)4"]).doubt == ""
    assert problem("aqua", options=["A)1", "B)2"]).doubt == "2 options, so guessing is right in 50%"


# --- files ------------------------------------------------------------------------------------------------------------


def write(folder, form, records):
    path = folder / f"mine.{form}"
    if form == "json":
        path.write_text(json.dumps(records))
    elif form == "jsonl":
        path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in records) + "\n")
    else:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), path)
    return path


@pytest.mark.parametrize("form", ["json", "jsonl", "parquet"])
@pytest.mark.parametrize("key", RECORDS)
def test_every_file_format_gives_the_same_problems(tmp_path, key, form):
    # pyarrow cannot write an empty list of unknown type; nothing of it is read
    records = [{k: v for k, v in RECORDS[key].items() if k != "evidence"}] * 2
    loaded = BENCHMARKS[key].read(write(tmp_path, form, records))
    assert [p.id for p in loaded.problems] == ["mine-0", "mine-1"]
    assert loaded.problems[0] == BENCHMARKS[key].read_record(records[0], "mine-0")
    assert [(f.id, f.reason) for f in loaded.doubtful] == [("mine-1", "the same question as mine-0")]


def test_a_parquet_file_is_known_by_what_it_holds_and_a_damaged_one_is_named(tmp_path):
    path = write(tmp_path, "parquet", [RECORDS["gsm8k"]])
    renamed = path.rename(tmp_path / "mine.json")
    assert BENCHMARKS["gsm8k"].load(renamed)[0].gold == "1080"
    renamed.write_bytes(renamed.read_bytes()[:40])
    with pytest.raises(ProblemError, match=r"mine\.json is a damaged Parquet file"):
        BENCHMARKS["gsm8k"].read(renamed)


def test_broken_records_are_named_and_the_others_load(tmp_path):
    good, bad = (json.dumps(r) for r in (RECORDS["gsm8k"], {"question": "Why?"}))
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join([good, "", "{oops", bad, good.replace("shelf", "shop")]))
    loaded = BENCHMARKS["gsm8k"].read(path)
    assert [p.id for p in loaded.problems] == ["mine-0", "mine-3"] and loaded.records == 4
    assert [(f.id, f.where) for f in loaded.broken] == [
        ("mine-1", "line 3 (record 1)"),
        ("mine-2", "line 4 (record 2)"),
    ]
    assert "broken JSON" in loaded.broken[0].reason and "no 'answer'" in loaded.broken[1].reason
    with pytest.raises(ProblemError, match=r"line 3 \(record 1\): broken JSON.*\(2 of 4 records are broken\)"):
        BENCHMARKS["gsm8k"].load(path)
    lines = list(describe(BENCHMARKS["gsm8k"], loaded, 1, named=1))
    assert lines[0].endswith("4 records in " + str(path) + "; 2 load, 2 are broken")
    assert "broken: 2" in lines and "  and 1 more" in lines and lines[-1] == "--- answer: 1080"


def test_the_command_says_what_a_file_holds_and_shows_one_problem(tmp_path, capsys):
    path = write(tmp_path, "json", [RECORDS["aqua"], {"question": "Why?"}])
    with pytest.raises(SystemExit) as done:
        main(["problems", "--benchmark", "aqua", "--data", str(path), "--template", "instruct"])
    out, err = capsys.readouterr()
    assert done.value.code == 0 and err == ""
    assert "2 records" in out and "1 load, 1 are broken" in out and "chance 20.0%; always 'B': 100.0%" in out
    assert "mine-1, record 1 (the first is 0): The record has no 'options'" in out
    assert (
        "(B) 120 km" in out
        and "Answer with the letter of the right option.\nAnswer:" in out
        and out.endswith("answer: B\n")
    )
    for wrong in (["--index", "1"], ["--template", "triples"]):
        with pytest.raises(SystemExit) as done:
            main(["problems", "--benchmark", "aqua", "--data", str(path), *wrong])
        assert done.value.code == 2 and capsys.readouterr().err.startswith("Error: ")


def test_a_file_of_another_benchmark_is_refused(tmp_path):
    path = write(tmp_path, "json", [RECORDS["aqua"]] * 3)
    with pytest.raises(ProblemError, match=r"No record of GSM8K in .*record 0 .*no 'answer'.*3 of 3 records"):
        BENCHMARKS["gsm8k"].read(path)
    with pytest.raises(ProblemError, match="it has no record"):
        BENCHMARKS["gsm8k"].read(write(tmp_path, "json", []))


def test_a_line_separator_inside_a_string_ends_no_record(tmp_path):
    record = {**RECORDS["gsm8k"], "question": "One\u2028two\u0085three: how many?"}
    path = write(tmp_path, "jsonl", [record, record])
    assert [p.question for p in BENCHMARKS["gsm8k"].load(path)] == [record["question"]] * 2


def test_a_data_set_of_the_hub_is_read_by_id_configuration_and_split(monkeypatch):
    asked = []

    class Hub:
        @staticmethod
        def load_dataset(id, config, split):
            asked.append((id, config, split))
            if id == "no/such":
                raise FileNotFoundError("Dataset 'no/such' doesn't exist on the Hub")
            return [RECORDS["gsm8k"]]

    monkeypatch.setitem(sys.modules, "datasets", Hub)
    load = BENCHMARKS["gsm8k"].load
    assert [p.id for p in load("hub:openai/gsm8k:main@train[:10]")] == ["gsm8k-train[:10]-0"]
    assert [p.gold for p in load(Path("hub:me/mine@test"))] == ["1080"]
    assert asked == [("openai/gsm8k", "main", "train[:10]"), ("me/mine", None, "test")]
    with pytest.raises(ProblemError, match=r"no/such@train cannot be loaded .*doesn't exist.*give the path"):
        load("hub:no/such@train")
    for incomplete in ("hub:openai/gsm8k", "hub:@train", "hub:openai/gsm8k@"):
        with pytest.raises(ProblemError, match="names no data set and split; write hub:ID"):
            load(incomplete)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ProblemError, match="needs the package `datasets`; install it"):
        load("hub:openai/gsm8k:main@train")


def test_only_a_source_that_says_hub_reaches_for_the_hub(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProblemError, match=r"openai/gsm8k cannot be read .*such as hub:openai/gsm8k:main@train"):
        BENCHMARKS["gsm8k"].read("openai/gsm8k")


def test_the_library_itself_reads_a_folder_as_it_reads_the_hub(monkeypatch, tmp_path):
    datasets = pytest.importorskip("datasets", reason="the package datasets is not installed")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_MODULES_CACHE", tmp_path / "modules")
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine", "jsonl", [RECORDS["aqua"]] * 2).rename(tmp_path / "mine" / "validation.jsonl")
    problems = BENCHMARKS["aqua"].load(f"hub:{tmp_path / 'mine'}@validation")
    assert [(p.id, p.gold, p.options[1]) for p in problems] == [(f"mine-validation-{i}", "B", "120 km") for i in (0, 1)]
    with pytest.raises(ProblemError, match=r"@test cannot be loaded .*[Ss]plit"):
        BENCHMARKS["aqua"].load(f"hub:{tmp_path / 'mine'}@test")


# --- chance, majority, own text, the record ------------------------------------------------------------------------------


def test_the_majority_class_is_named_and_its_share_is_its_accuracy():
    b = BENCHMARKS["strategyqa"]
    problems = [problem("strategyqa", answer=a) for a in (True, False, False, True, False)]
    assert b.majority_class(problems) == ("no", 0.6)
    assert b.majority(problems) == sum(b.score("no", p) for p in problems) / 5
    numbers = [problem("gsm8k", answer=f"#### {n}") for n in ("4", "4.0", "5")]
    assert BENCHMARKS["gsm8k"].majority_class(numbers) == ("4", 2 / 3)
    assert BENCHMARKS["prosqa"].majority_class([problem("prosqa")]) == ("lempus", 1.0)
    assert b.majority_class([]) == ("", 0.0)


def test_a_question_in_the_readers_own_words_is_asked_but_not_scored():
    text = "How much is (a) plus 3, if (a) is 4? a) 6 b) 7 c) 8"
    p = from_text("aqua", text)
    assert p.options == ("6", "7", "8") and p.candidates == ("A", "B", "C") and p.gold is None
    assert p.question == "How much is (a) plus 3, if (a) is 4?"
    assert BENCHMARKS["aqua"].extract("It is 7.", p) == "B"
    assert from_text("gsm8k", "How much is 3 + 4?").gold is None
    assert from_text("strategyqa", "Can pigs fly?").candidates == ("yes", "no")
    with pytest.raises(ProblemError, match="unknown, so nothing can be scored"):
        BENCHMARKS["aqua"].score("B", p)


@pytest.mark.parametrize(
    ("key", "text", "reason"),
    [
        ("gsm8k", " ", "empty"),
        ("strategyqa", "", "empty"),
        ("mathqa", "What is 3?", "then its options"),
        ("mathqa", "What? a) 1 c) 2", "then its options"),
        ("mathqa", "a) 1 b) 2", "Write the question"),
        ("mathqa", "What? a) b) 2", "Option a is empty"),
    ],
)
def test_an_own_question_that_cannot_be_asked_says_what_it_needs(key, text, reason):
    with pytest.raises(ProblemError, match=reason):
        from_text(key, text)


def test_only_prosqa_has_a_generator():
    with pytest.raises(ProblemError, match="MathQA cannot be generated; give a file"):
        BENCHMARKS["mathqa"].generate("balanced", 1, 0)


@pytest.mark.parametrize("key", RECORDS)
def test_a_problem_survives_json(key):
    from dataclasses import asdict

    p = problem(key)
    data = json.loads(json.dumps(asdict(p)))
    again = Problem(**{**data, "graph": p.graph, "renamed": tuple(map(tuple, data["renamed"]))})
    assert again == p and hash(again) == hash(p)


def test_contradictory_problems_are_refused():
    with pytest.raises(ProblemError, match="2 candidates but 1 options"):
        Problem("x", "aqua", "", ("A", "B"), 0, (), options=("1",))
    with pytest.raises(ProblemError, match="has candidates, so its answer is one of them"):
        Problem("x", "aqua", "", ("A", "B"), None, (), free_answer="7")


# --- the real files ---------------------------------------------------------------------------------------------------

DATA = Path(__file__).parents[4] / "shared" / "data"
REAL = {  # key: file, records, majority class, its share in percent, doubtful records
    "prosqa": ("prosqa/valid.json", 300, "candidate 2", 52.0, 0),
    "gsm8k": ("gsm8k/train.jsonl", 7473, "4", 2.8, 0),
    "mathqa": ("mathqa/dev.json", 4475, "b", 22.0, 14),
    "aqua": ("aqua/dev.json", 254, "A", 27.2, 0),
    "strategyqa": ("strategyqa/train.json", 2061, "no", 53.2, 1),
}


@pytest.fixture(scope="module")
def real():
    """key -> (what the library loads, the raw records); skips where the file is absent."""
    kept = {}

    def load(key):
        path = DATA / REAL[key][0]
        if not path.exists():
            pytest.skip(f"the released file ../shared/data/{REAL[key][0]} is absent")
        if key not in kept:
            text = path.read_text()
            raw = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.split("\n") if line]
            kept[key] = BENCHMARKS[key].read(path), raw
        return kept[key]

    return load


@pytest.mark.parametrize("key", REAL)
def test_every_released_record_loads_and_its_right_answer_reads_as_right(real, key):
    loaded, raw = real(key)
    _, count, label, share, doubtful = REAL[key]
    b = BENCHMARKS[key]
    assert len(loaded.problems) == count == len(raw) and loaded.broken == ()
    assert len(loaded.doubtful) == doubtful
    assert b.majority_class(loaded.problems)[0] == label
    assert round(100 * b.majority(loaded.problems), 1) == share
    for form in ("{}", "so the answer is ( {} ) ."):
        missed = [p.id for p in loaded.problems if not b.score(form.format(p.gold), p)]
        assert missed == [], form


def test_the_released_words_are_kept(real):
    for key, question, answer in (
        ("gsm8k", "question", None),
        ("mathqa", "Problem", "correct"),
        ("aqua", "question", "correct"),
    ):
        loaded, raw = real(key)
        assert [p.question for p in loaded.problems] == [r[question] for r in raw]
        if answer:
            assert [p.gold for p in loaded.problems] == [r[answer] for r in raw]
            assert {len(p.options) for p in loaded.problems} == {5}
    loaded, raw = real("aqua")
    assert [p.options for p in loaded.problems] == [tuple(o[2:].strip() for o in r["options"]) for r in raw]
    loaded, raw = real("mathqa")
    assert sum(r["options"].startswith("[") for r in raw) == 115
    assert not any(
        o.startswith(("a )", "b )", "c )", "d )", "e )", "'", "[ '")) for p in loaded.problems for o in p.options
    )
    assert sum(len(set(p.options)) < 5 for p in loaded.problems) == 59


def test_whole_released_solutions_are_read_as_models_would_write_them(real):
    """Solutions as prose, as noise: how often the reader disagrees with the label is measured, not assumed to be never."""
    loaded, raw = real("gsm8k")
    b = BENCHMARKS["gsm8k"]
    assert all(b.score(r["answer"], p) for p, r in zip(loaded.problems, raw, strict=True))
    bare = [b.score(r["answer"].rpartition("####")[0], p) for p, r in zip(loaded.problems, raw, strict=True)]
    assert bare.count(False) == 74  # 1.0 %: a last line that comes to another number ("$0.25" where cents are asked)
    assert sum(not p.formal for p in loaded.problems) == 95
    for key, wrong, silent in (("mathqa", 23, 32), ("aqua", 0, 2)):  # of 4,475 and 254
        loaded, raw = real(key)
        given = [
            letter(r.get("Rationale") or r["rationale"], p.options) for p, r in zip(loaded.problems, raw, strict=True)
        ]
        assert given.count(None) == silent
        assert sum(g not in (None, p.answer) for g, p in zip(given, loaded.problems, strict=True)) == wrong


def test_the_value_of_the_right_option_names_it_unless_another_reads_the_same(real):
    for key in ("mathqa", "aqua"):
        loaded, _ = real(key)
        missed = [p for p in loaded.problems if letter(f"The answer is {p.options[p.answer]}.", p.options) != p.answer]
        assert all(p.doubt or p.options[p.answer] == "d" for p in missed)  # the option "d" of MathQA reads as a letter
        assert len(missed) == (15 if key == "mathqa" else 0)


# --- graphs in everyday nouns ------------------------------------------------------------------------------------------


def test_problems_in_everyday_nouns_are_the_same_problems_under_other_names():
    made, twins = (BENCHMARKS[key].generate("balanced", 5, 3, (8, 12), (2, 2)) for key in ("words", "prosqa"))
    for p, twin in zip(made, twins, strict=True):
        assert (p.graph.edges, p.graph.root, p.graph.candidates) == (
            twin.graph.edges,
            twin.graph.root,
            twin.graph.candidates,
        )
        assert set(p.graph.names) <= set(NOUNS) and not p.renamed
    assert BENCHMARKS["words"].generate("balanced", 5, 3, (8, 12), (2, 2)) == made


def test_a_prompt_in_nouns_is_sentences_and_ends_with_the_asked_root():
    p = from_text(
        "words", "Every cup is a lamp. Every lamp is a stone. Every boat is a tree. Is every cup a stone or tree?"
    )
    assert (
        TEMPLATES["words"](p)
        == "Every cup is a lamp. Every lamp is a stone. Every boat is a tree. Question: stone or tree? cup"
    )
    assert p.benchmark == "words" and p.gold == "stone" and cot_text(p, "words") == "lamp stone"


def test_a_word_the_set_does_not_know_is_renamed_and_said():
    p = from_text("words", "Every wumpus is a lamp. Every boat is a tree. Is every wumpus a lamp or tree?")
    assert p.renamed == (("wumpus", p.graph.names[0]),) and p.graph.names[0] in NOUNS


def test_every_noun_begins_with_a_consonant_and_is_named_once():
    assert len(set(NOUNS)) == len(NOUNS) >= 190
    assert all(n.isalpha() and n.islower() and n[0] not in "aeiou" for n in NOUNS)
