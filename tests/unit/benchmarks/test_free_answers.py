"""A problem whose answer is a free number: no candidates to weigh, so its text is what counts, and nothing breaks on the way."""

import json
import shutil

import numpy as np
import pytest

from lrr_core.__main__ import main
from lrr_core.analysis.curves import curves
from lrr_core.analysis.summary import answer, answer_table, describe
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.figures.explore import explore_figure, run_map
from lrr_core.models.opened import ModelSet
from lrr_core.refinement.trace import RefineConfig, Trace
from lrr_core.refinement.tracing import refine_problem, rerun

SUM = {
    "question": "Tom is a cat. How many cats are there?",
    "answer": "There is one, and then 71.\n<<1+71=72>>\n#### 72",
}


@pytest.fixture(scope="module")
def numbers(folders, tmp_path_factory):
    """A tiny set made for GSM8K, and a file of two problems."""
    root = tmp_path_factory.mktemp("numbers")
    shutil.copytree(folders["llama"], root / "set")
    info = json.loads((root / "set" / "model_set.json").read_text())
    (root / "set" / "model_set.json").write_text(json.dumps(info | {"benchmark": "gsm8k", "template": "english"}))
    (root / "two.jsonl").write_text("\n".join(json.dumps(SUM | {"question": q}) for q in (SUM["question"], "And now?")))
    return root


@pytest.fixture(scope="module")
def trace(numbers):
    problem = BENCHMARKS["gsm8k"].load(numbers / "two.jsonl")[0]
    return refine_problem(ModelSet(numbers / "set", device="cpu"), problem, RefineConfig(thoughts=3))


def test_a_trace_of_a_free_answer_has_no_candidates_and_its_text_is_the_answer(trace, numbers, tmp_path):
    run = trace.runs["refined"]
    assert run.scores.shape == (0,) and run.choice is None and run.readout.shape == (3, 0)
    found = curves(trace, "refined")
    assert np.isnan(found.margin).all() and found.margin.shape == (3,) and found.candidate_p.shape == (3, 0)
    assert np.isfinite(found.to_strong).all()
    again = rerun(Trace.load(trace.save(tmp_path / "t.npz")), ModelSet(numbers / "set", device="cpu"))
    assert np.array_equal(again.runs["refined"].states, run.states) and again.runs["refined"].text == run.text


@pytest.mark.parametrize(
    ("text", "name", "right"), [("so 72 .", "72", True), ("71", "71", False), ("cats", "no answer", False)]
)
def test_what_the_text_gives_is_the_answer(trace, text, name, right):
    object.__setattr__(trace.runs["refined"], "text", text)
    given = answer(trace, "refined")
    assert (given.name, given.right, given.p) == (name, right, None)
    assert answer_table(trace)[1]["decoded text"] == text and "%" not in given.text
    assert name in describe(trace)


def test_its_figure_is_drawn_with_the_problem_in_words(trace):
    figure = explore_figure(trace, run_map(trace, "PCA", 2))
    assert "How many cats" in json.dumps(figure.to_plotly_json(), default=str)


def test_the_command_refines_it(numbers, capsys):
    argv = ["refine", "--models", str(numbers / "set"), "--benchmark", "gsm8k", "--data", str(numbers / "two.jsonl")]
    with pytest.raises(SystemExit) as end:
        main([*argv, "--thoughts", "2", "--device", "cpu", "--method", "other_thoughts"])
    out, err = capsys.readouterr()
    assert end.value.code == 0, err
    said = json.loads(out)
    assert said["answer"] == "72" and said["candidates"] == []
    assert (
        said["runs"]["refined"]["probability"] is None and said["runs"]["refined"]["margin_after_thought"] == [None] * 2
    )


def test_a_figure_of_it_for_paper_takes_the_panels_it_can_fill_and_says_the_answers(trace, numbers, tmp_path, capsys):
    kept = trace.save(tmp_path / "t.npz")
    with pytest.raises(SystemExit) as end:
        main(["figure", "--trace", str(kept), "--models", str(numbers / "set"), "--out", str(tmp_path / "f.txt"),
              "--out", str(tmp_path / "f.pdf")])  # fmt: skip
    assert end.value.code == 0, capsys.readouterr().err
    words = (tmp_path / "f.txt").read_text()
    assert f"The plain run answers {answer(trace, 'plain').name} (wrong)" in words
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")
    for panel, missing in (("graph", "no graph"), ("margin", "no candidates")):
        with pytest.raises(SystemExit) as end:
            main(["figure", "--trace", str(kept), "--panels", f"map,{panel}", "--out", str(tmp_path / "g.pdf")])
        assert end.value.code == 2 and missing in capsys.readouterr().err
