"""The Benchmark page through AppTest: a shipped report at once, runs that grow and stop, files of strangers in plain words, and
the way from an answer that changed into Explore."""

import json
import re
import time
from pathlib import Path

import pytest
from report_maker import made
from streamlit.testing.v1 import AppTest

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.evaluation.cases import flips
from lrr_core.evaluation.report import load
from lrr_core.evaluation.report_table import rows
from lrr_core.evaluation.report_words import headline, measured
from pages import _benchmark_runs as runs
from pages._jobs import Job
from pages._new_run import stopped as words_of_a_stop

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "assets" / "reports" / "prosqa-main.json"
pytestmark = pytest.mark.skipif(
    not (ROOT / "assets" / "models" / "prosqa" / "model_set.json").exists() or not SHIPPED.exists(),
    reason="the shipped model set or its report is not there",
)
PATIENCE = 240  # s: the machine may be training a model at the same time


@pytest.fixture(scope="module")
def shipped():
    return load(SHIPPED)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """One session for all tests, with a cache folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).run()


@pytest.fixture
def at(page):
    page.switch_page("pages/benchmark.py").run()
    page.session_state["report"] = "prosqa-main"
    page.session_state["picture"] = "difference"
    page.button(key="reset").click().run()
    assert not page.exception
    return page


def drawn(at, name: str) -> dict:
    traces = json.loads(at.get("plotly_chart")[0].proto.spec)["data"]
    return next(trace for trace in traces if trace["name"] == name)


def words(at) -> str:
    return " ".join(m.value for m in [*at.markdown, *at.caption]).replace("\\", "")


def wait_until(at, true) -> None:
    """What the page's own timer does in a browser: runs it again and again."""
    for _ in range(4 * PATIENCE):
        if true(at):
            return
        time.sleep(0.25)
        at.run()
        assert not at.exception
    raise AssertionError("it never came")


def keys(at) -> set[str]:
    return {button.key for button in at.button}


def small_run(at, n: int, seed: int) -> None:
    at.session_state["run_n"] = n
    at.session_state["run_seed"] = seed
    at.session_state["run_nodes"] = (9, 11)
    at.session_state["run_hops"] = (2, 2)
    at.run()


# --- a report that is there -------------------------------------------------------------------------------------------


def test_the_shipped_report_is_shown_at_once(at, shipped):
    assert not at.error and not at.get("progress")
    said = words(at)
    assert all(sentence in said for sentence in headline(shipped)) and measured(shipped) in said
    full = next(row for row in rows(shipped) if row["label"] == "full")
    refined = drawn(at, "refined thoughts")
    assert refined["x"][refined["customdata"].index("full")] == full["points"]
    table = at.dataframe[0].value
    assert table.loc[table["method"] == "full", "right / n"].item() == f"{full['correct']}/{full['n']}"
    assert len(table) == len(shipped.labels) + 4


@pytest.mark.parametrize(("picture", "name"), [("accuracy", "without reasoning"), ("cost", "controls")])
def test_every_picture_of_it_is_drawn(at, picture, name):
    at.session_state["picture"] = picture
    at.run()
    assert not at.exception and drawn(at, name)["x"]


def test_flips_are_counted_both_ways_beside_the_control(at, shipped):
    at.session_state["flips_of"] = "contrast@same"
    at.run()
    found = flips(shipped, "contrast@same")
    assert f"| **contrast · same** | **{len(found.gained)}** | **{len(found.lost)}** |" in words(at)
    assert f"| control: random direction | {found.control_gained} | {found.control_lost} |" in words(at)
    listed = {key for key in keys(at) if key.startswith("flip_wrong → right")}
    assert listed == {f"flip_wrong → right_{flip.index}_{flip.seed}" for flip in found.gained[:6]}
    at.toggle(key="all wrong → right").set_value(True).run()
    assert len({key for key in keys(at) if key.startswith("flip_wrong → right")}) == len(found.gained)


def test_a_flip_opens_explore_with_its_problem_and_shows_the_same_answers(at, shipped):
    at.session_state["flips_of"] = "contrast@same"
    at.run()
    flip = flips(shipped, "contrast@same").gained[0]
    at.button(key=f"flip_wrong → right_{flip.index}_{flip.seed}").click().run()
    assert not at.exception and not at.error
    state, problem = at.session_state, shipped.problems[flip.index]
    assert (state["problem"], state["text"]) == ("own", problem.question)
    assert (state["method"], state["reference"], state["backbone"]) == ("contrast", "same", "ladder/06-step-02600")
    before, after = (shipped.answers[label][flip.index].p_right for label in ("coconut", "contrast@same"))
    wrong = problem.candidates[1 - problem.answer]
    assert f"**{wrong} {1 - before:.0%}**" in words(
        at
    ) and f"**{problem.candidates[problem.answer]} {after:.0%}**" in words(at)


def test_a_report_of_another_benchmark_or_weights_says_why_explore_is_closed(at):
    foreign = made({"coconut": "10", "full": "01"})
    foreign["identity"]["members"] = {"ladder/06-step-02600": "0" * 64}
    opens(at, "other.json", foreign)
    assert "measured with other weights for ladder/06-step-02600" in at.info[0].value.replace("\\", "")
    assert at.button(key="flip_wrong → right_1_0").disabled
    foreign = made({"coconut": "10", "full": "01"}, benchmark="gsm8k")
    opens(at, "gsm8k.json", foreign)
    assert "These are problems of GSM8K, and the model set answers prosqa" in at.info[0].value.replace("\\", "")


def opens(at, name: str, report: dict | bytes) -> None:
    data = report if isinstance(report, bytes) else json.dumps(report).encode()
    at.file_uploader(key="benchmark_upload").set_value((name, data, "application/json")).run()
    assert not at.exception


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not valid JSON"),
        (b'{"what": "ladder"}', "This is a ladder file and no report"),
        (json.dumps(made({"coconut": "10"}) | {"format": 1}).encode(), "format 1, which kept neither"),
        (json.dumps(made({"coconut": "10"}) | {"n": 3}).encode(), "n is 3, but there are 2 problems"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_explained_and_the_shown_one_stays(at, shipped, content, message):
    opens(at, "wrong.json", content)
    assert message in at.error[0].value.replace("\\", "") and "wrong.json" in at.error[0].value.replace("\\", "")
    assert headline(shipped)[0] in words(at)
    at.file_uploader(key="benchmark_upload").set_value(None).run()
    assert not at.error


def test_a_report_from_disk_is_shown_with_the_pictures_it_can_fill(at):
    right = {"coconut": "1100"} | {f"full@s={s}@a={a}": "1110" for s in (0.1, 0.4) for a in (0, 0.2)}
    opens(at, "swept.json", made(right))
    assert at.session_state["report"] == "opened file" and at.session_state["picture"] == "plane"
    assert drawn(at, "cells")["z"] == [[25, 25], [25, 25]]


# --- a run ------------------------------------------------------------------------------------------------------------


def test_a_run_grows_ends_and_is_there_at_once_the_next_time(at):
    small_run(at, 12, 11)
    assert "6 ways to answer × 12 problems = 72 answers." in words(at)
    at.button(key="start_run").click().run()
    assert at.session_state["report"] == "this run"
    job, sizes = runs_job(at), set()

    def ended(at) -> bool:
        if job.result is not None:
            sizes.add(job.result.n)
        return job.done.is_set()

    wait_until(at, ended)
    at.run()
    assert not job.error and "stop_run" not in keys(at) and job.result.n == 12
    assert headline(job.result)[0] in words(at) and "seed 11" in words(at)
    assert len(drawn(at, "controls")["x"]) + len([t for t in spec_names(at) if t == "controls, beyond"]) >= 1
    (kept,) = runs.kept_folder().glob("main-12-*.json")
    assert load(kept) == job.result and not list((runs.kept_folder() / "answers").glob("*"))
    at.session_state["jobs_benchmark"] = {}  # another session
    at.button(key="start_run").click().run()
    assert runs_job(at).done.is_set() and runs_job(at).result == job.result and not at.get("progress")
    assert kept.stem in at.selectbox(key="report").options or any(
        "own run" in o for o in at.selectbox(key="report").options
    )


def spec_names(at) -> list[str]:
    return [trace["name"] for trace in json.loads(at.get("plotly_chart")[0].proto.spec)["data"]]


def runs_job(at):
    return at.session_state["jobs_benchmark"][at.session_state["benchmark_job"]]


def test_a_run_shows_what_it_has_can_be_stopped_and_goes_on(at):
    small_run(at, 400, 12)
    at.button(key="start_run").click().run()
    assert "stop_run" in keys(at) and at.get("progress")
    job = runs_job(at)
    wait_until(at, lambda at: job.result is not None)
    at.run()
    part = job.result.n
    assert 0 < part < 400 and f"n = {part}" in words(at) and at.get("plotly_chart")
    at.button(key="stop_run").click().run()
    wait_until(at, lambda at: "go_on_run" in keys(at))
    stopped = job.result.n
    assert not job.error and part <= stopped < 400 and headline(job.result)[0] in words(at)
    (log,) = (runs.kept_folder() / "answers").glob("main-400-*.jsonl")
    done, total = job.counted
    said = at.info[0].value.replace("\\", "")
    assert f"Stopped. {done:,} of {total:,} answers are kept" in said and f"first {stopped} problems" in said
    at.button(key="leave_run").click().run()  # the way back to a whole report, and again to the stopped run
    assert at.session_state["report"] == "prosqa-main" and "go_on_run" not in keys(at) and at.get("plotly_chart")
    at.session_state["report"] = "this run"
    at.run()
    lines = len(log.read_text().split())
    at.button(key="go_on_run").click().run()
    wait_until(at, lambda at: job.result.n > stopped or job.done.is_set())
    assert not job.error and len(log.read_text().split()) > lines
    at.session_state["report"] = "prosqa-main"  # to look at another report does not stop it
    at.run()
    assert job.running and not at.exception and "stop_run" in keys(at)
    job.stop.set()
    assert job.done.wait(60)


def test_settings_that_cannot_be_drawn_say_so(at):
    at.session_state["run_nodes"] = (8, 8)
    at.session_state["run_hops"] = (6, 6)
    at.session_state["run_n"] = 20
    at.run()
    at.button(key="start_run").click().run()
    wait_until(at, lambda at: runs_job(at).done.is_set())
    at.run()
    assert "Two chains of 6 hops need at least 14 nodes, not 8" in at.error[0].value.replace("\\", "")
    assert "go_on_run" in keys(at)


def test_tilr_is_left_out_where_nothing_was_calibrated(at):
    at.session_state["experiment"] = "ablation"
    at.run()
    assert "Left out" not in words(at)
    at.session_state["backbone"] = "ladder/00-step-00200"
    at.run()
    assert "not calibrated for these checkpoints: tilr@next, tilr@same" in words(at)
    at.session_state["experiment"] = "main"
    at.run()


# --- problems of one's own --------------------------------------------------------------------------------------------


def test_own_problems_are_read_and_answered(at):
    made_here = BENCHMARKS["prosqa"].generate("balanced", 12, 4, (9, 11), (2, 2))
    records = [released(p) for p in made_here] + [{"question": "?"}]
    asked = give(at, "mine.json", json.dumps(records).encode())
    assert "12 of 13 records load. The first broken one" in asked and not at.error
    at.session_state["run_n"] = 12
    at.run()
    at.button(key="start_run").click().run()
    wait_until(at, lambda at: runs_job(at).done.is_set())
    report = runs_job(at).result
    assert [p.question for p in report.problems] == [p.question for p in made_here]
    assert report.source["data"] == "mine.json"


def released(problem) -> dict:
    q = problem.graph
    return {
        "question": problem.question, "answer": f"{q.names[q.root]} is a {q.names[q.answer]}.", "steps": list(problem.steps),
        "idx_to_symbol": list(q.names), "edges": [list(edge) for edge in q.edges], "root": q.root, "target": q.answer,
        "neg_target": q.distractor,
    }  # fmt: skip


GSM8K = b'{"question": "1 + 1?", "answer": "<<1+1=2>>2\\n#### 2"}'


def give(at, name: str, data: bytes) -> str:
    at.session_state["problems"] = "file"
    at.run()
    at.file_uploader(key="problem_upload").set_value((name, data, "application/json")).run()
    assert not at.exception
    return words(at)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("gsm.jsonl", GSM8K, "problems of GSM8K, .* need a set that was trained on GSM8K"),
        ("none.json", b"[]", "No record of ProsQA in none.json"),
        ("broken.json", b"{", "broken.json"),
        ("unknown.json", b'[{"question": "Tom is a cat. Is Tom a cat or dog?"}]', "unknown.json"),
    ],
)  # fmt: skip
def test_files_that_hold_no_such_problems_say_what_they_need(at, name, data, message):
    give(at, name, data)
    said = at.error[0].value.replace("\\", "")
    assert re.search(message, said) and "/tmp" not in said and at.button(key="start_run").disabled
    at.file_uploader(key="problem_upload").set_value(None).run()


def test_an_unreadable_shipped_or_kept_file_does_not_take_the_page(at):
    bad = runs.kept_folder() / "main-5-0000.json"
    bad.parent.mkdir(parents=True, exist_ok=True)
    bad.write_text("{")
    at.run()
    at.session_state["report"] = bad.stem
    at.run()
    assert not at.exception and "not valid JSON" in at.error[0].value.replace("\\", "")
    bad.unlink()


def test_a_run_stopped_before_anything_can_be_compared_says_so():
    job = Job()
    job.tell(25, 2000)
    assert "25 of 2,000 answers are kept" in words_of_a_stop(job) and "nothing to compare" in words_of_a_stop(job)
    job = Job()
    assert "No batch was finished" in words_of_a_stop(job)
