"""The Regimes page through AppTest: shipped planes at once, others in a thread that stops when told to, a way into Explore."""

import json
import threading
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lrr_core.studies.accuracy_plane import AccuracyPlane
from lrr_core.studies.live_pad import to_axis
from lrr_core.studies.setting_plane import REGIONS, Plane, counts, in_words
from pages._jobs import Job

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "assets" / "regimes"
needs_set = pytest.mark.skipif(
    not (ROOT / "assets" / "models" / "prosqa" / "model_set.json").exists(), reason="the shipped model set is not there"
)
PATIENCE = 240  # s: the machine may be training a model at the same time


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """One session for all tests, with a cache folder of its own; each test starts from Reset."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).run()


@pytest.fixture
def at(page):
    page.switch_page("pages/regimes.py")
    page.session_state["regimes_tab"] = "This problem"
    page.run()
    page.button(key="reset").click().run()
    assert not page.exception
    return page


def spec(at, place: int = 0) -> dict:
    return json.loads(at.get("plotly_chart")[place].proto.spec)


def drawn(at, name: str) -> dict:
    return next(t for t in spec(at)["data"] if t["name"] == name)


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


@needs_set
def test_an_example_shows_its_shipped_plane_at_once(at):
    plane = Plane.load(SHIPPED / "1-small-0-next.npz")
    assert not at.error and not at.get("progress")
    assert len(drawn(at, "settings")["customdata"]) == plane.margin.size == 228
    assert in_words(plane) in words(at)
    for name, count in counts(plane).items():
        assert f"| **{name}** | {count} | {REGIONS[name]} |" in words(at)


@needs_set
def test_the_other_reading_and_another_example_are_other_planes(at):
    at.session_state["reference"] = "same"
    at.session_state["problem"] = "2-large-1"
    at.run()
    assert in_words(Plane.load(SHIPPED / "2-large-1-same.npz")) in words(at) and not at.get("progress")


@needs_set
@pytest.mark.parametrize("mode", ["margin", "flips", "random pushes"])
def test_every_view_is_drawn(at, mode):
    before = drawn(at, "cells")["z"]
    at.session_state["plane_mode"] = mode
    at.run()
    assert not at.exception and drawn(at, "cells")["z"] != before
    at.session_state["plane_mode"] = "regions"


@needs_set
def test_the_ring_follows_the_sliders_and_the_sign(at):
    at.slider(key="step_size").set_value(0.75)
    at.slider(key="residual").set_value(0.4)
    at.session_state["sign"] = "as_printed"
    at.run()
    ring = drawn(at, "current setting")
    assert ring["x"] == [pytest.approx(float(to_axis(-0.75)))] and ring["y"] == [0.4]


@needs_set
@pytest.mark.parametrize(("cell", "sign"), [((-0.5, 0.3), "as_printed"), ((1.4, 0.6), "descent")])
def test_a_cell_that_was_clicked_opens_explore_at_its_setting(at, cell, sign):
    at.session_state["problem"] = "1-small-2"
    at.run()
    at.session_state["opened_cell"] = cell  # what the click leaves; a browser test clicks
    at.run()
    assert not at.exception
    state = at.session_state
    assert (state["step_size"], state["residual"], state["sign"]) == (abs(cell[0]), cell[1], sign)
    assert state["method"] == "full" and state["problem"] == "1-small-2"
    assert at.slider(key="step_size").value == abs(cell[0])
    assert "refined run" in {t.get("name") for t in spec(at)["data"]}  # it is Explore's figure that is seen


@needs_set
def test_the_button_opens_explore_where_the_ring_is(at):
    at.slider(key="step_size").set_value(0.3).run()
    at.button(key="open").click().run()
    assert not at.exception and at.slider(key="step_size").value == 0.3
    assert "refined run" in {t.get("name") for t in spec(at)["data"]}


@needs_set
def test_another_problem_is_computed_and_remembered(at):
    at.button(key="another").click().run()
    wait_until(at, lambda at: "open" in keys(at))
    assert "Of 228 settings" in words(at) and len(drawn(at, "settings")["customdata"]) == 228
    job = at.session_state["jobs_one"]
    made = [j.result for j in job.values() if j.result is not None and j.result.problem.startswith("balanced")]
    assert made and in_words(made[-1]) in words(at)
    at.session_state["thoughts"] = 2
    at.run()
    wait_until(at, lambda at: "open" in keys(at))
    at.session_state["thoughts"] = 6
    at.run()
    assert "open" in keys(at)  # at once: it was kept


@needs_set
def test_stop_stops_and_go_on_goes_on(at):
    at.session_state["rounds"] = 8
    at.session_state["problem"] = "3-released-2"
    at.run()
    assert "stop_one" in keys(at) and at.get("progress")
    at.button(key="stop_one").click().run()
    wait_until(at, lambda at: "begin_one" in keys(at))
    assert not at.error and not at.get("plotly_chart")
    at.button(key="begin_one").click().run()
    wait_until(at, lambda at: "stop_one" in keys(at))
    at.session_state["problem"] = "1-small-0"  # to look at something else stops it too
    at.session_state["rounds"] = 1
    at.run()
    assert all(not job.running or job.stop.is_set() for job in at.session_state["jobs_one"].values())


@needs_set
def test_own_text_that_cannot_be_read_says_why(at):
    at.session_state["problem"] = "own"
    at.session_state["text"] = "Tom is a cat. Is Tom a dog or cat?"
    at.run()
    assert not at.exception and 'offers "dog", but no sentence names it' in at.error[0].value
    at.session_state["problem"] = "1-small-0"


@needs_set
def test_many_problems_stand_beside_their_controls(at):
    at.session_state["regimes_tab"] = "Many problems"
    at.run()
    plane = AccuracyPlane.load(SHIPPED / "accuracy-next.npz")
    assert plane.in_words() in words(at) and "seed 9000001" in words(at)
    cells = drawn(at, "cells")["text"]
    at.session_state["many_control"] = "random pushes"
    at.run()
    assert drawn(at, "cells")["text"] != cells
    at.session_state["many_control"] = "contrast"


@needs_set
def test_many_problems_wait_to_be_asked_and_can_be_stopped(at):
    at.session_state["regimes_tab"] = "Many problems"
    at.session_state["many_n"] = 50
    at.run()
    assert "begin_many" in keys(at) and "Nothing has been computed" in words(at) and not at.get("plotly_chart")
    at.button(key="begin_many").click().run()
    assert "stop_many" in keys(at)
    at.button(key="stop_many").click().run()
    wait_until(at, lambda at: "begin_many" in keys(at))
    assert at.button(key="begin_many").label == "Go on" and not at.error
    at.session_state["many_n"] = 200
    at.run()
    assert "begin_many" not in keys(at)


# --- the job alone ----------------------------------------------------------------------------------------------------


def ended(job: Job) -> Job:
    assert job.done.wait(10)
    return job


def failing(error: Exception):
    def make(*_):
        raise error

    return make


def test_a_job_brings_its_plane_or_says_why_not():
    job = Job().start(lambda models, job: (models, job.tell(1, 4)), Job("models"))
    assert ended(job).result == ("models", None) and job.share == 0.25 and not job.running and not job.error
    broken = ended(Job().start(failing(ValueError("no such set"))))
    for make, needs, error in ((lambda *_: 1 / 0, None, "division by zero"), (None, broken, "no such set")):
        job = Job().start(make, needs)
        assert ended(job).error == error and job.result is None
        with pytest.raises(type(job.failure), match=error):
            job.wait()


def test_a_job_that_is_stopped_keeps_what_it_has_and_is_no_error():
    def make(_, job):
        job.keep("half")
        assert job.stop.wait(10)
        raise RuntimeError("stopped in the middle")

    job = Job().start(make)
    job.stop.set()
    assert ended(job).result == "half" and not job.error


def test_a_job_can_be_stopped_while_the_model_is_loaded():
    release = threading.Event()
    loading = Job().start(lambda *_: release.wait(10))
    job = Job().start(lambda *_: "never", loading)
    assert job.running and job.share is None
    job.stop.set()
    assert ended(job).result is None and not job.error
    release.set()


def session_with_a_job() -> None:
    import streamlit as st

    from pages import _jobs

    st.session_state.job = _jobs.remembered("one", "a", lambda: _jobs.Job().start(lambda _, job: job.stop.wait(10)))
    _jobs._of_this_session.clear()  # what Streamlit does when a session ends


def test_the_jobs_of_a_session_end_with_it():
    at = AppTest.from_function(session_with_a_job).run()
    assert not at.exception
    job = at.session_state["job"]
    assert job.stop.is_set() and ended(job) and not job.error
