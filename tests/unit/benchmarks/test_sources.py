"""Readers of files: every kind is read or named, one bad line is one broken record, sizes are bounded, no foreign error leaves."""

import contextlib
import gzip
import json

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrr_core.__main__ import main
from lrr_core.benchmarks import sources
from lrr_core.benchmarks.catalogue import BENCHMARKS, ProblemError
from lrr_core.benchmarks.generic import extract
from lrr_core.benchmarks.sources import field_map, records, rename

GSM = {"question": "How many is 4 times 6?", "answer": "4*6=<<4*6=24>>24\n#### 24"}
MATHQA = {"Problem": "the average of 4 and 6 is ?", "Rationale": "x", "correct": "c"}
AQUA = {"question": "A man walks 3 km in 1 h. How far in 4 h?", "rationale": "3*4=12", "correct": "C"}
PROSQA = {
    "question": "Every cat is a pet. Every dog is a wolf. Tom is a cat. Max is a dog. Is Tom a pet or wolf?",
    "idx_to_symbol": ["cat", "pet", "dog", "wolf", "Tom", "Max"],
    "edges": [[0, 1], [2, 3], [4, 0], [5, 2]], "root": 4, "target": 1, "neg_target": 3,
}  # fmt: skip


def put(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def generic(record, id="x"):
    return BENCHMARKS["generic"].read_record(record, id)


# --- forms --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'question,answer\n"How many is 4 times 6?","4*6=<<4*6=24>>24\n#### 24"\n'),
        ("a.csv", 'question;answer\n"How many is 4 times 6?";"4*6=<<4*6=24>>24\n#### 24"\n'),
        ("a.tsv", 'answer\tquestion\n"4*6=<<4*6=24>>24\n#### 24"\tHow many is 4 times 6?\r\n'),
        ("a.json", json.dumps(GSM, indent=1)),
        ("a.jsonl", "\ufeff" + json.dumps(GSM)),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_text_form_gives_the_same_problem_also_packed(tmp_path, name, content, packed):
    if packed and name == "a.json":
        content = f"[{content}]"
    path = put(tmp_path, name, gzip.compress(content.encode()) if packed else content)
    (problem,) = BENCHMARKS["gsm8k"].load(path)
    assert (problem.question, problem.gold, problem.formal) == (GSM["question"], "24", ("4*6=24",))


def test_lines_of_implicit_chains_of_thought_are_read_and_a_line_without_bars_is_broken(tmp_path):
    text = "How many?||<<4*6=24>> <<24-3=21>> #### 21\nno bars\nWhat cost?||<<5*2=10>> #### 10\n"
    loaded = BENCHMARKS["gsm8k"].read(put(tmp_path, "a.txt", text))
    assert [(p.question, p.gold, p.formal) for p in loaded.problems] == [
        ("How many?", "21", ("4*6=24", "24-3=21")),
        ("What cost?", "10", ("5*2=10",)),
    ]
    assert loaded.broken[0].where == "line 2 (record 1)" and "question||steps" in loaded.broken[0].reason


def test_equations_alone_and_no_steps_at_all_are_forms_of_gsm8k():
    read = BENCHMARKS["gsm8k"].read_record
    cot = read({"question": "q", "cot": "<<4*6=24>> <<24-3=21>>", "answer": "21"}, "x")
    assert (cot.gold, cot.formal, cot.steps) == ("21", ("4*6=24", "24-3=21"), ("4*6=24", "24-3=21"))
    assert read({"question": "q", "answer": 21}, "x").gold == "21"
    with pytest.raises(ProblemError, match="#### number"):
        read({"question": "q", "answer": "5 or 6"}, "x")


def test_an_arrow_folder_of_datasets_is_read_and_one_of_several_splits_is_named(tmp_path):
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_list([GSM, GSM | {"question": "Why?"}])
    data.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": data, "test": data}).save_to_disk(tmp_path / "two")
    assert [p.gold for p in BENCHMARKS["gsm8k"].load(tmp_path / "one")] == ["24", "24"]
    with pytest.raises(ProblemError, match=r"several splits \(test, train\)"):
        BENCHMARKS["gsm8k"].load(tmp_path / "two")
    (arrow,) = (tmp_path / "one").glob("*.arrow")
    assert len(BENCHMARKS["gsm8k"].load(arrow)) == 2
    arrow.write_bytes(arrow.read_bytes()[:200])
    with pytest.raises(ProblemError):
        BENCHMARKS["gsm8k"].load(arrow)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "an image"), (b"PK\x03\x04xx", "a zip archive"), (b"%PDF-1", "a PDF"),
        (b"\x80\x04\x95", "a Python pickle"), (b"\x93NUMPY", "a NumPy array"), (b"BZh9", "bzip2"),
        ("[1]".encode("utf-16"), "UTF-16"), (b"ab\0\1", "a binary file"), (b"<html><p>", "HTML"), (b"some words", "plain text"),
        (b"caf\xe9 words", "not UTF-8 text"), (b"", "is empty"), (b"\x1f\x8b\x08broken", "a damaged gzip file"),
        (b"PAR1 and no more", "a damaged Parquet file"), (b"ARROW1 and no more", "a damaged Arrow file"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_called_what_it_is(tmp_path, content, kind):
    with pytest.raises(ProblemError, match=kind) as error:
        BENCHMARKS["gsm8k"].read(put(tmp_path, "mine.json", content))
    assert "broken JSON" not in str(error.value) and "\n" not in str(error.value)


def test_one_bad_line_is_one_broken_record(tmp_path):
    good = json.dumps(GSM).encode()
    bad = [
        b"{oops",
        b'{"question": "caf\xe9"}',
        b"[" * 100_000,
        b'{"answer": ' + b"9" * 5000 + b"}",
        b'{"a": NaN}',
        b"7",
    ]
    path = put(tmp_path, "a.jsonl", b"\n".join([good, *bad, b'"' + b"x" * (sources.MOST_RECORD + 5) + b'"', good]))
    loaded = BENCHMARKS["gsm8k"].read(path)
    assert (len(loaded.problems), len(loaded.broken)) == (2, 7)
    for flaw, said in zip(
        loaded.broken, ("broken JSON", "UTF-8", "nested", "5,000 digits", "NaN", "object", "1 MB"), strict=True
    ):
        assert said in flaw.reason
    table = put(tmp_path, "a.csv", "question,answer\nHow?,#### 1\nWhy?\nWhat?,#### 2\n")
    loaded = BENCHMARKS["gsm8k"].read(table)
    assert len(loaded.problems) == 2 and "2 columns, and the line has 1 cells" in loaded.broken[0].reason


def test_a_long_number_in_a_list_breaks_its_own_record_only(tmp_path):
    path = put(tmp_path, "a.json", f'[{json.dumps(GSM)}, {{"answer": {"9" * 5000}}}, {json.dumps(GSM)}]')
    loaded = BENCHMARKS["gsm8k"].read(path)
    assert (len(loaded.problems), [f.id for f in loaded.broken]) == (2, ["a-1"])


# --- bounds -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", ["[", ""])
def test_many_empty_records_end_early(tmp_path, begin):
    with pytest.raises(ProblemError, match=r"More than 10,000 records|more than 1 MB"):
        BENCHMARKS["gsm8k"].read(put(tmp_path, "a.json", begin + "{}," * 400_000))


def test_deep_nesting_in_a_list_is_refused(tmp_path):
    with pytest.raises(ProblemError, match=r"nested too deeply|more than 1 MB"):
        BENCHMARKS["gsm8k"].read(put(tmp_path, "a.json", "[" * 1_000_000))


def test_what_a_gzip_file_unpacks_to_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MOST_BYTES", 1 << 22)
    monkeypatch.setattr(sources, "MOST_RECORDS", 25_000)
    for begin, reason in ((b"{", "more than 50,000 lines"), (b"[", "unpacks to more than 4 MB")):
        with pytest.raises(ProblemError, match=reason):
            BENCHMARKS["gsm8k"].read(put(tmp_path, "a.gz", gzip.compress(begin + b" \n" * (3 << 20))))


@pytest.mark.parametrize("nested", [False, True])
def test_a_parquet_file_whose_dictionary_unfolds_is_refused_before_it_does(tmp_path, nested):
    text = "x" * (8 << 20)
    column = [[text] * 700] * 2 if nested else [text] * 700
    indices = pyarrow.array([0] * (1400 if nested else 700), pyarrow.int32())
    words = pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array([text]))
    column = pyarrow.ListArray.from_arrays([0, 700, 1400], words) if nested else words
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"question": column}), path, compression="zstd")
    assert path.stat().st_size < 1 << 17
    with pytest.raises(ProblemError, match="unfold"):
        BENCHMARKS["gsm8k"].read(path)


def test_a_parquet_file_of_too_many_values_is_refused_by_what_it_says_of_itself(tmp_path):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"question": pyarrow.nulls(2_000_000, pyarrow.string())}), path)
    with pytest.raises(ProblemError, match="2,000,000 rows"):
        BENCHMARKS["gsm8k"].read(path)


def test_a_graph_of_200_000_nodes_is_refused_at_once():
    names = [f"n{i}" for i in range(200_000)]
    with pytest.raises(ProblemError, match="200,000 nodes"):
        BENCHMARKS["prosqa"].read_record(PROSQA | {"idx_to_symbol": names}, "x")


# --- what must not become data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    ["a ) 3 , b ) 4 , c ) 5 , d ) 6 , e ) 7 , f ) 8", "a ) 3 , b ) 4 , c ) 5 , e ) 7", "a ) 3 , c ) 4 , d ) 5",
     ["a ) 1", None, "c ) 3"], [["a ) 1"], "b ) 2"], ["a ) 1", True], [f"{c} ) 1" for c in "abcdef"]],
)  # fmt: skip
def test_options_that_hold_another_mark_or_are_no_text_are_refused(options):
    with pytest.raises(ProblemError, match=r"[Oo]ption"):
        BENCHMARKS["mathqa"].read_record(MATHQA | {"options": options}, "x")


@pytest.mark.parametrize("mark", ["{}. ", "{}: ", "{})", "({}) ", "{} : "])
def test_letter_marks_of_every_kind_are_taken_off(mark):
    options = [mark.format(c) + str(n) for c, n in zip("ABCDE", range(10, 15), strict=True)]
    assert BENCHMARKS["aqua"].read_record(AQUA | {"options": options}, "x").options == ("10", "11", "12", "13", "14")
    with pytest.raises(ProblemError, match=r"[Oo]ption"):
        BENCHMARKS["aqua"].read_record(AQUA | {"options": [*options[:3], None, options[4]]}, "x")


@pytest.mark.parametrize("change", [{"edges": [[0, True], [2, 3], [4, 0], [5, 2]]}, {"root": True}, {"target": True}])
def test_true_is_no_node_number(change):
    with pytest.raises(ProblemError):
        BENCHMARKS["prosqa"].read_record(PROSQA | change, "x")


def test_names_of_several_words_load_or_the_message_asks_for_one():
    record = json.loads(json.dumps(PROSQA).replace("cat", "house cat"))
    try:
        assert BENCHMARKS["prosqa"].read_record(record, "x").gold
    except ProblemError as error:
        assert "Names of one word" in str(error)


def test_one_question_with_two_answers_is_doubtful_and_both_are_named(tmp_path):
    lines = [json.dumps(GSM), json.dumps(GSM | {"answer": "#### 42"})]
    (flaw,) = BENCHMARKS["gsm8k"].read(put(tmp_path, "a.jsonl", "\n".join(lines))).doubtful
    assert flaw.reason == "the same question as a-0, with another answer: '24' there, '42' here"


# --- a benchmark of one's own -------------------------------------------------------------------------------------------------


def test_labelled_choices_texts_and_places_name_the_right_one():
    arc = {"question": "How far?", "choices": {"text": ["10", "11", "12"], "label": ["A", "B", "C"]}, "answerKey": "C"}
    pairs = [{"label": "A", "text": "10"}, {"label": "B", "text": "12"}]
    assert (generic(arc).candidates, generic(arc).gold) == (("10", "11", "12"), "12")
    assert generic({"question": "q", "choices": pairs, "answer": "B"}).gold == "12"
    assert generic({"question": "q", "choices": ["red", "blue"], "answer": 1}).gold == "blue"
    assert generic({"question": "q", "choices": '["red", "blue"]', "answer": "red"}).gold == "red"  # a cell of a table
    both = generic({"question": "q", "choices": [1, 2, 3], "answer": 1})
    assert both.gold == "1" and "place of another one" in both.doubt
    assert generic({"question": "could it", "answer": True}).gold == "yes"


@pytest.mark.parametrize(
    "changed",
    [{"choices": ["a"]}, {"choices": ["a", None]}, {"choices": ["a", ["b"]]}, {"choices": ["a", True]}, {"choices": 3},
     {"choices": ["a", "a"]}, {"choices": ["a", "b"], "answer": "c"}, {"choices": ["a", "b"], "answer": 2}, {"answer": None},
     {"choices": {"text": ["a", "b"], "label": ["A"]}}, {"question": ""}, {"steps": 3}, {"answer": float("inf")}],
)  # fmt: skip
def test_a_record_that_names_no_right_answer_is_refused(changed):
    with pytest.raises(ProblemError):
        generic({"question": "q", "answer": "a"} | changed)


def test_free_answers_match_by_normalised_text_or_as_numbers():
    paris, five = generic({"question": "q", "answer": "The Paris"}), generic({"question": "q", "answer": 5.0})
    for text, right in (("paris.", True), ("The answer is Paris!", True), ("London", False), ("", False)):
        assert BENCHMARKS["generic"].score(text, paris) is right
    for text, right in (("5", True), ("It is 5.00", True), ("6", False), ("", False)):
        assert BENCHMARKS["generic"].score(text, five) is right
    choice = generic({"question": "q", "choices": ["10", "10 km"], "answer": "10 km"})
    assert extract("10 km", choice) == "10 km" and extract("10", choice) == "10" and extract("it", choice) is None


def test_a_field_map_reads_other_names_inner_fields_and_joined_texts():
    svamp = {"Body": "Ada has 7 apples.", "Question": "How many are left?", "Answer": 5.0}
    read = generic(rename(svamp, field_map("question=Body+Question,answer=Answer")))
    assert (read.question, read.gold) == ("Ada has 7 apples. How many are left?", "5")
    assert rename({"c": {"text": [1]}, "a.b": 2}, field_map("x=c.text, y=a.b")) | {} == {
        "c": {"text": [1]}, "a.b": 2, "x": [1], "y": 2,
    }  # fmt: skip
    with pytest.raises(ProblemError, match="no 'prompt', which --fields names; it has a"):
        rename({"a": 1}, {"question": "prompt"})
    with pytest.raises(ProblemError, match="OURS=THEIRS"):
        field_map("question")


def test_the_command_reads_own_problems_with_a_field_map(tmp_path, capsys):
    path = put(tmp_path, "a.csv", "prompt,label\nHow far?,12\n,3\n")
    with pytest.raises(SystemExit) as done:
        main(["problems", "--benchmark", "generic", "--data", str(path), "--fields", "question=prompt,answer=label"])
    out, err = capsys.readouterr()
    assert done.value.code == 0, err
    assert "1 load, 1 are broken" in out and "line 3 (record 1): 'question' is empty" in out and "answer: 12" in out


# --- anything at all ------------------------------------------------------------------------------------------------------------

QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "question answer answerKey steps cot choices id Problem Rationale options correct rationale linear_formula facts "
    "decomposition idx_to_symbol edges root target neg_target"
).split()
RECORDS = (GSM, MATHQA | {"options": "a ) 1 , b ) 2 , c ) 3"}, AQUA | {"options": ["A)1", "B)2", "C)3"]}, PROSQA)


@pytest.mark.parametrize("key", BENCHMARKS)
@given(base=st.sampled_from(RECORDS), change=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5))
@QUICK
def test_any_record_is_a_problem_or_a_problem_error(key, base, change):
    try:
        assert BENCHMARKS[key].read_record(base | change, "x").question
    except ProblemError as error:
        assert len(str(error)) < 2000


@pytest.mark.parametrize(
    "begin",
    [b"", b"[", b"{", b"PAR1", b"ARROW1", b"\x1f\x8b\x08", b"question,answer\n", b"a||b\n", b"\xff\xff\xff\xff"],
)
@given(content=st.binary(max_size=200))
@QUICK
def test_any_bytes_are_rows_or_a_problem_error(tmp_path, begin, content):
    try:
        for row in records(put(tmp_path, "any", begin + content)):
            assert row.fault or row.where
    except ProblemError:
        pass


@given(content=st.text(alphabet='[]{},:"0123456789-e.\\ \nnulltrue||', max_size=60))
@QUICK
def test_any_text_like_json_is_rows_or_a_problem_error(tmp_path, content):
    with contextlib.suppress(ProblemError):
        list(records(put(tmp_path, "any", content)))


@given(at=st.integers(0, 2000), byte=st.integers(0, 255))
@QUICK
def test_a_table_with_a_damaged_byte_is_rows_or_a_problem_error(tmp_path, at, byte):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([GSM] * 5), path)
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] = byte
    with contextlib.suppress(ProblemError):
        list(records(put(tmp_path, "b.parquet", bytes(raw))))
