"""The Explore page through AppTest: what the sliders say is what the figure draws and what the answer line says."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lrr_core.analysis.curves import curves
from lrr_core.analysis.summary import answer
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.models.opened import ModelSet
from lrr_core.refinement.methods import METHODS
from lrr_core.refinement.trace import REFERENCES, RefineConfig
from lrr_core.refinement.tracing import refine_problem

ROOT = Path(__file__).parents[2]
SET = ROOT / "assets" / "models" / "prosqa"
pytestmark = pytest.mark.skipif(not (SET / "model_set.json").exists(), reason="the shipped model set is not there")


@pytest.fixture(scope="module")
def page():
    """One session for all tests; each starts from Reset."""
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=240).run()


@pytest.fixture
def at(page):
    page.button(key="reset").click().run()
    assert not page.exception
    return page


def spec(at) -> dict:
    return json.loads(at.get("plotly_chart")[0].proto.spec)


def drawn(at, name: str) -> list:
    return next(t["y"] for t in spec(at)["data"] if t.get("name") == name)


def words(at) -> str:
    return " ".join(m.value for m in [*at.markdown, *at.caption])


def test_a_run_is_shown_without_a_click(at):
    assert not at.exception and not at.error
    assert len(spec(at)["frames"]) > 1
    assert re.search(r"Is \w+ a \w+ or \w+", words(at))


def test_slider_label_figure_and_answer_agree(at):
    at.slider(key="step_size").set_value(0.5)
    at.slider(key="residual").set_value(0.3)
    at.slider(key="rounds").set_value(2).run()
    models = ModelSet(SET)
    state = at.session_state
    problem = next(p for p in BENCHMARKS["prosqa"].load(ROOT / "assets" / "examples" / "1-small.json"))
    config = RefineConfig(
        step_size=0.5,
        residual=0.3,
        rounds=2,
        thoughts=state["thoughts"],
        reference=state["reference"],
        method=state["method"],
    )
    trace = refine_problem(models, problem, config, Checkpoints.of(state))
    np.testing.assert_allclose(drawn(at, "push"), curves(trace, "refined").percent("push"), rtol=1e-3)
    np.testing.assert_allclose(drawn(at, "refined margin"), curves(trace, "refined").margin, rtol=1e-3, atol=1e-4)
    for name in ("plain", "refined", "zero_thoughts", "random_direction"):
        given = answer(trace, name)
        assert f"{given.name} {given.p:.0%}" in words(at)
    assert f"η = s·D/2 = {0.5 * models.width / 2:.3g}" in words(at)
    table = at.dataframe[0].value
    assert table[problem.candidates[0]][1] == pytest.approx(100 * curves(trace, "refined").candidate_p[-1][0], abs=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs(at, method):
    at.selectbox(key="method").select(method).run()
    assert not at.exception and not at.error
    assert METHODS[method].words in words(at)


def test_problems_of_every_kind_run(at):
    files = sorted((ROOT / "assets" / "examples").glob("*.json"))
    ids = [[p.id for p in BENCHMARKS["prosqa"].load(file)] for file in files]
    assert len(at.selectbox(key="problem").options) == sum(map(len, ids)) + 2
    for option in [*(of_file[-1] for of_file in ids), "random"]:
        at.selectbox(key="problem").select(option).run()
        assert not at.exception and not at.error, option


def test_reset_goes_back_to_the_start(at):
    before, start = spec(at), {k: at.session_state[k] for k in ("step_size", "method", "thoughts", "weak", "problem")}
    at.slider(key="step_size").set_value(1.5)
    at.selectbox(key="method").select("swapped")
    at.selectbox(key="weak").select("strong").run()
    assert drawn(at, "push") != next(t["y"] for t in before["data"] if t.get("name") == "push")
    at.button(key="reset").click().run()
    assert {k: at.session_state[k] for k in start} == start
    assert spec(at)["data"] == before["data"]


def test_strong_and_weak_alike_push_nothing(at):
    at.selectbox(key="weak").select("strong").run()
    assert "no push" in words(at) and all(v is None for v in drawn(at, "push"))


def test_step_runs_one_thought_more_and_run_all_the_rest(at):
    thoughts = at.session_state["thoughts"]
    at.button(key="step").click().run()
    assert len(drawn(at, "refined margin")) == 1
    at.button(key="step").click().run()
    assert len(drawn(at, "refined margin")) == 2
    assert spec(at)["layout"]["xaxis5"]["range"][1] == pytest.approx(thoughts + 0.4)
    at.button(key="run_all").click().run()
    assert len(drawn(at, "refined margin")) == thoughts


def test_another_problem_is_another_problem(at):
    first = words(at)
    at.button(key="another").click().run()
    assert at.session_state["problem"] == "random" and not at.exception
    second = words(at)
    at.button(key="another").click().run()
    assert len({first, second, words(at)}) == 3


def test_own_text_is_read_and_its_names_are_mapped(at):
    at.selectbox(key="problem").select("own").run()
    assert not at.error and not at.exception
    assert "Tom a swimmer or animal" in words(at) and "cat → " in words(at)
    assert "animal" in at.dataframe[0].value.columns and next(
        t for t in spec(at)["data"] if "<b>Tom</b>" in t.get("text", ())
    )


def test_own_text_that_cannot_be_read_says_why_and_how_to_mend_it(at):
    at.selectbox(key="problem").select("own").run()
    before = spec(at)["data"]
    at.text_area(key="text").set_value("Tom is a cat. Is Tom a dog or cat?").run()
    assert not at.exception
    assert [e.value for e in at.error if 'offers "dog", but no sentence names it' in e.value] == [
        e.value for e in at.error
    ]
    assert ":orange-background[Is Tom a dog or cat]" in words(at) and "last text that could be read" in words(at)
    assert spec(at)["data"] == before  # the last good picture stays
    at.text_area(key="text").set_value("Tom is a cat. Rex is a dog. Is Tom a dog or cat?").run()
    assert not at.error and not at.exception
    assert spec(at)["data"] != before and "I read this as: Tom → cat, Rex → dog" in words(at).replace("\\", "")


def test_a_question_of_yes_or_no_names_the_candidate_that_was_chosen(at):
    at.selectbox(key="problem").select("own").run()
    at.text_area(key="text").set_value("Tom is a cat. Rex is a dog. Is it true that Tom is a cat?").run()
    assert (
        not at.error and not at.exception and '"dog" was chosen to stand against "cat"' in words(at).replace("\\", "")
    )


@pytest.mark.parametrize("kind", ["UMAP", "PCA"])
@pytest.mark.parametrize("dims", [2, 3])
def test_every_map_is_drawn_and_its_axes_stay_when_a_slider_moves(at, kind, dims):
    at.session_state["map"], at.session_state["dims"] = kind, dims
    at.run()
    assert not at.exception
    before = spec(at)["layout"]
    at.slider(key="step_size").set_value(1.0).run()
    after = spec(at)["layout"]
    for axis in ("xaxis", "yaxis", "scene") if dims == 2 else ("scene",):
        assert before.get(axis) == after.get(axis)


def test_every_reference_and_open_choice_runs(at):
    for key, choices in (("reference", REFERENCES), ("sign", ("as_printed",)), ("gradient", ("through_model",))):
        for choice in choices:
            at.session_state[key] = choice
            at.run()
            assert not at.exception and not at.error, choice


def test_every_control_has_a_help_text(at):
    for kind in ("slider", "selectbox", "radio", "number_input", "button"):
        for widget in at.get(kind):
            assert widget.proto.help, widget.label


@pytest.mark.parametrize(
    ("tab", "shown"), [("Tokens per thought", "Read with"), ("Run details and download", "Forward passes of each run")]
)
def test_every_tab_opens(at, tab, shown):
    at.session_state["tab"] = tab
    at.run()
    assert not at.exception and shown in words(at)


def test_the_page_says_that_the_frontier_was_supervised_and_why_it_opens_mid_ladder(at):
    assert "supervised in training" in words(at) and "nothing is left to refine" in words(at)


def test_what_a_reader_writes_is_never_read_as_markup(at):
    at.button(key="own").click().run()
    at.text_area(key="text").set_value("Tom is a cat. Is Tom a $x^2$ or a dog?").run()
    assert not at.exception and "$x^2$" not in at.error[0].value and "\\$x" in at.error[0].value


def test_a_control_is_not_called_refined(at):
    assert "● refined" in words(at)
    at.selectbox(key="method").select("zero_thoughts").run()
    assert "● zero thoughts" in words(at) and "● refined]" not in words(at)
