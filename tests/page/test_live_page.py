"""The Live page through AppTest: what it sends to the browser is the run of the setting all pages share, and its pad."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from lrr_core.analysis.curves import curves
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.models.opened import ModelSet
from lrr_core.refinement.trace import RefineConfig
from lrr_core.refinement.tracing import refine_problem
from lrr_core.studies.live_pad import place
from pages import _pad

ROOT = Path(__file__).parents[2]
SET = ROOT / "assets" / "models" / "prosqa"
pytestmark = pytest.mark.skipif(not (SET / "model_set.json").exists(), reason="the shipped model set is not there")


@pytest.fixture(scope="module")
def page():
    """One session for all tests; each starts from Reset."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=240)
    return at.switch_page(str(ROOT / "pages" / "live.py")).run()


@pytest.fixture
def at(page):
    page.button(key="reset").click().run()
    assert not page.exception and not page.error
    return page


def sent(at) -> dict:
    """What the instrument got."""
    found = [json.loads(c.proto.json) for c in at.get("bidi_component")]
    return next(data for data in found if "scene" in data)


def words(at) -> str:
    return " ".join(m.value for m in [*at.markdown, *at.caption])


def test_an_example_needs_no_waiting_and_is_shown_at_the_shared_setting(at):
    data, state = sent(at), at.session_state
    assert data["at"] == {"step": state.step_size, "mix": state.residual} and data["trouble"] == ""
    assert len(data["scene"]["steps"]) == 19 and len(data["scene"]["mixes"]) == 12
    assert "settings in the middle between computed ones" in words(at)


@pytest.mark.parametrize(
    ("choice", "there"),
    [
        ({"step_size": 0.6, "residual": 0.35}, (0.6, 0.35)),
        ({"step_size": 0.6, "residual": 0.35, "sign": "as_printed"}, (-0.6, 0.35)),
        ({"step_size": 0.6, "residual": 0.35, "method": "contrast"}, (0.6, 0.0)),
        ({"step_size": 0.6, "residual": 0.35, "method": "residual"}, (0.0, 0.35)),
        ({"step_size": 0.6, "residual": 0.35, "reference": "same"}, (0.6, 0.35)),
    ],
)
def test_the_exact_run_is_the_run_of_the_shared_choices(at, choice, there):
    scene = sent(at)["scene"]["id"]
    for key, value in choice.items():
        at.session_state[key] = value
    at.run()
    assert not at.exception
    data, state = sent(at), at.session_state
    assert (data["at"]["step"], data["at"]["mix"]) == there == (data["moment"]["step"], data["moment"]["mix"])
    assert (data["scene"]["id"] == scene) == ("reference" not in choice)
    problem = BENCHMARKS["prosqa"].load(ROOT / "assets" / "examples" / "1-small.json")[0]
    config = RefineConfig(**{"thoughts": state.thoughts, "reference": state.reference, **choice})
    assert place(config) == there
    trace = refine_problem(ModelSet(SET), problem, config, Checkpoints(state.backbone, state.strong, state.weak), ())
    np.testing.assert_allclose(data["moment"]["margin"]["exact"], curves(trace, "refined").margin[-1], atol=1e-4)
    assert data["moment"]["controls"]


def test_the_setting_is_in_the_address_and_leaves_it_again(at):
    at.session_state.step_size, at.session_state.sign = 0.55, "as_printed"
    at.run()
    assert at.query_params["step_size"] in ("0.55", ["0.55"]) and "sign" in at.query_params
    at.button(key="reset").click().run()
    assert "step_size" not in at.query_params and "sign" not in at.query_params


def test_a_random_problem_gets_a_pad_of_its_own(at):
    before = sent(at)["scene"]
    at.button(key="another").click().run()
    data = sent(at)
    assert not at.exception and data["scene"]["id"] != before["id"]
    assert data["scene"]["candidates"] != before["candidates"] and data["moment"] is not None
    assert data["history"] == [] or len(data["history"]) == 1


def test_a_text_that_cannot_be_read_says_why(at):
    at.session_state.problem, at.session_state.text = "own", "Tom is a cat. Is Tom a dog or cat?"
    at.run()
    assert not at.exception and 'offers "dog", but no sentence names it' in at.error[0].value


def test_what_was_run_in_this_visit_stays_on_the_pad_and_in_the_words(at):
    for step in (0.07, 0.13):
        at.session_state.step_size = step
        at.run()
    history = sent(at)["history"]
    assert [h["step"] for h in history][-2:] == [0.07, 0.13] and all(h["off"] >= 0 for h in history)
    assert "2 exact runs" in words(at)


@pytest.mark.parametrize(
    ("value", "place_"),
    [
        ({"step": 0.123, "mix": 0.5, "n": 3}, (0.12, 0.5)),
        ({"step": -99, "mix": 7, "n": 1}, (-2.0, 1.0)),
        ({"step": "0.5", "mix": None}, None),
        ({"step": float("nan"), "mix": 0.1}, None),
        ({"step": 10**400, "mix": 0.1}, None),
        ("a text", None),
        (None, None),
    ],
)
def test_whatever_a_browser_sends_is_held_to_the_pad(monkeypatch, value, place_):
    monkeypatch.setattr(st, "session_state", {_pad.KEY: SimpleNamespace(at=value)})
    assert _pad.released(2.0, 1.0) == place_
    assert _pad.heard() == (value.get("n", 0) if isinstance(value, dict) else 0)
