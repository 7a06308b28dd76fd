"""Links: what the controls say is what the link says, and whatever comes in from outside ends as a valid choice."""

import json
import random
import re
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from lrr_core.models.checkpoints import ROLES
from lrr_core.models.folder import ModelFolder
from lrr_core.refinement.trace import RefineConfig
from pages import _choices

ROOT = Path(__file__).parents[2]
SET = ROOT / "assets" / "models" / "prosqa"
pytestmark = pytest.mark.skipif(not (SET / "model_set.json").exists(), reason="the shipped model set is not there")
CONFIG = (*(k for k in _choices.SETTINGS if k != "method"), "method")


def visit(query: dict[str, str]) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=240)
    for key, value in query.items():
        at.query_params[key] = value  # in a browser it is the address itself
    return at.run()


def spec(at) -> dict:
    return json.loads(at.get("plotly_chart")[0].proto.spec)


def words(at) -> str:
    return " ".join(m.value for m in [*at.markdown, *at.caption])


def state(at) -> dict:
    return {key: at.session_state[key] for key in _choices.choices(ModelFolder(SET))}


@pytest.fixture(scope="module")
def known():
    return _choices.choices(ModelFolder(SET))


def link_of(known, values: dict) -> dict[str, str]:
    return {"v": _choices.VERSION} | {k: known[k].written(v) for k, v in values.items()}


def drawn_at_random(known, seed: int) -> dict:
    rng, values = random.Random(seed), {}
    for key, choice in known.items():
        if isinstance(choice, _choices.OneOf) and key not in ("problem", "map", "dims"):
            values[key] = rng.choice(list(choice.options))
        elif isinstance(choice, _choices.Number) and key not in ("draw", "upto"):
            value = rng.uniform(choice.low, choice.high)
            values[key] = round(value) if isinstance(choice.start, int) else round(value, 2)
    return values | {"rounds": rng.randint(1, 3), "thoughts": rng.randint(1, 6)}


@pytest.mark.parametrize("seed", range(4))
def test_a_link_with_random_choices_opens_on_exactly_these(known, seed):
    values = drawn_at_random(known, seed)
    at = visit(link_of(known, values))
    assert not at.exception and not at.error and not at.info
    assert {k: state(at)[k] for k in values} == pytest.approx(values)
    for key in ("step_size", "residual", "thoughts", "rounds", "momentum"):
        assert at.slider(key=key).value == pytest.approx(values[key])
    # the figure draws as many thoughts as the slider says, and the label names the step size
    data = {t.get("name"): t for t in spec(at)["data"]}
    assert len(data["refined margin"]["y"]) == values["thoughts"]
    eta = RefineConfig(step_size=values["step_size"]).eta(ModelFolder(SET).width)
    assert f"η = s·D/2 = {eta:.3g}" in words(at)


def test_a_copied_link_gives_the_same_figure_and_answer(known):
    at = visit({"step_size": "0.6", "problem": list(known["problem"].options)[-3]})
    at.slider(key="residual").set_value(0.35).run()
    at.button(key="step").click().run()
    at.button(key="step").click().run()
    parts = [json.loads(c.proto.json) for c in at.get("bidi_component")]
    query = next(part["query"] for part in parts if "query" in part)
    given = {k: v[0] for k, v in parse_qs(query[1:]).items()}
    again = visit(given)
    assert state(again) == state(at)
    assert spec(again)["data"] == spec(at)["data"]
    answer = next(m.value for m in at.markdown if "refined" in m.value)
    assert answer in [m.value for m in again.markdown]


@pytest.mark.parametrize(
    ("key", "given", "used"),
    [
        ("step_size", "77", 2.0),
        ("step_size", "-1", 0.0),
        ("step_size", "1e400", 2.0),
        ("residual", "nan", None),
        ("residual", "a half", None),
        ("thoughts", "99", 10),
        ("thoughts", "0", 1),
        ("rounds", "2.7", 2),
        ("method", "<script>alert(1)</script>", None),
        ("backbone", "../../etc/passwd", None),
        ("problem", "", None),
        ("dims", "7", None),
        ("draw", "-3", 0),
        ("upto", "1" * 400, 10),
    ],
)
def test_a_value_that_cannot_be_is_replaced_by_the_nearest_and_said(known, key, given, used):
    at = visit({key: given})
    assert not at.exception and not at.error
    assert state(at)[key] == (known[key].start if used is None else used)
    assert re.search("From the link", at.info[0].value)


def test_foreign_keys_and_versions_are_named_and_dropped():
    at = visit({"zzz": "3", "v": "99"})
    assert not at.exception and "zzz" in at.info[0].value and "version 99" in at.info[0].value
    assert not {"zzz", "v"} & set(at.query_params)


def test_an_option_is_known_by_key_by_label_and_by_its_first_words(known):
    backbone = known["backbone"]
    name = next(iter(n for n in backbone.options if n.startswith("ladder/")))
    label = backbone.options[name]
    for text in (name, label, label.split(" · ")[0] + " · 12/34 %"):
        assert backbone.nearest(text) == name
    with pytest.raises(ValueError, match="not one of"):
        backbone.nearest("ladder")


def test_every_choice_of_a_run_is_in_the_link(known):
    assert {*RefineConfig.__dataclass_fields__, *ROLES, "problem", "draw", "text", "upto"} <= set(known)


def test_going_back_in_the_browser_brings_the_problem_back_that_was_drawn():
    at = visit({})
    at.button(key="another").click().run()
    at.button(key="another").click().run()
    assert at.session_state["draw"] == 2 and at.query_params["draw"] == "2"
    shown = spec(at)["data"]
    at.query_params["draw"] = "1"
    at.run()
    assert at.session_state["draw"] == 1 and spec(at)["data"] != shown
