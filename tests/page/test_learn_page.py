"""The Learn page through AppTest: every chapter stands, its words, figure and sliders agree, and its links lead where they say."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.lessons import toy
from lrr_core.lessons.laws import named_depths
from lrr_core.lessons.records import load_cases
from lrr_core.lessons.toy_figures import PUSHED, STEPS, signed
from pages._chapters import CHAPTERS
from pages._reference import FORMULAE, SOURCES, WORDS

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "assets" / "models" / "prosqa" / "model_set.json").exists(), reason="the shipped model set is not there"
)
DRAWN = [key for key in CHAPTERS if key != "reference"]


def fresh(**query) -> AppTest:
    """The app in a new session, on this page."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=240)
    for key, value in query.items():
        page.query_params[key] = value
    return page.switch_page("pages/learn.py").run()


@pytest.fixture(scope="module")
def page():
    """One session for all tests."""
    return fresh()


def opened(page, key: str):
    page.radio(key="chapter").set_value(key).run()
    assert not page.exception and not page.error
    return page


def spec(page) -> dict:
    return json.loads(page.get("plotly_chart")[0].proto.spec)


def words(page) -> str:
    return " ".join(m.value for m in [*page.header, *page.markdown, *page.caption])


@pytest.fixture(scope="module")
def cases():
    return load_cases(ROOT / "assets" / "lessons" / "answers.json")


@pytest.mark.parametrize("key", DRAWN)
def test_every_chapter_has_one_live_figure_and_one_sentence_to_take_home(page, key):
    opened(page, key)
    charts = page.get("plotly_chart")
    assert len(charts) == 1 and charts[0].proto.alt
    assert words(page).count("Take home") == 1 and CHAPTERS[key].home in words(page)
    assert page.header[0].value == CHAPTERS[key].title


@pytest.mark.parametrize("key", [k for k in DRAWN if k != "verdict"])
def test_something_moves_in_every_chapter(page, key):
    assert len(spec(opened(page, key))["frames"]) > 3


def test_the_chapters_are_walked_through_by_the_buttons(page):
    keys = list(CHAPTERS)
    opened(page, keys[0])
    assert all(b.key != "before" for b in page.button)
    for key in keys[1:]:
        page.button(key="after").click().run()
        assert page.radio(key="chapter").value == key
    assert all(b.key != "after" for b in page.button)
    page.button(key="before").click().run()
    assert page.radio(key="chapter").value == keys[-2]


def test_the_rounds_slider_is_the_number_of_rounds_that_is_drawn(page):
    opened(page, "push")
    for rounds in (3, 11):
        page.slider(key="toy_rounds").set_value(rounds).run()
        film = spec(page)
        path = next(t for t in film["data"] if t.get("name") == "held fixed")
        step = STEPS[film["layout"]["sliders"][0]["active"]]
        expected = toy.refine(PUSHED, step, rounds=rounds, held=True).states[0]
        np.testing.assert_allclose(np.stack([path["x"], path["y"]], 1), expected)
        assert f"{rounds} rounds of {signed(step)}" in json.dumps(film["data"], ensure_ascii=False)


def test_the_turn_slider_moves_the_thoughts_and_next_stops_helping(page):
    opened(page, "push")
    page.segmented_control(key="toy_view").set_value("two").run()
    said = {}
    for turn in (20, 110):
        page.slider(key="toy_turn").set_value(turn).run()
        assert not page.exception
        text = json.dumps(spec(page)["data"], ensure_ascii=False)
        pairs = re.findall(r"thoughts: ([\d.]+) → <b>([\d.]+)</b>", text)
        said[turn] = [float(after) < float(before) for before, after in pairs]
    page.segmented_control(key="toy_view").set_value("one").run()
    assert said == {20: [True, True], 110: [True, False]}  # same, next


def test_numbers_in_the_words_are_those_of_the_stored_answers(page, cases):
    best = cases["best-small"]
    for key, methods in (
        ("words-or-thoughts", ("cot", "no_cot", "coconut")),
        ("frontier", ("coconut", "zero_thoughts")),
    ):
        said = words(opened(page, key))
        assert all(best.rate(m).text() in said for m in methods)


def test_every_effect_stands_beside_n_interval_and_weights(page, cases):
    for key in ("frontier", "mix", "controls", "trap"):
        assert re.search(r"\d fresh balanced problems of .* weights [0-9a-f]{8}", words(opened(page, key))), key
    assert "supervised in training" in words(opened(page, "frontier"))
    assert "trained far less" in words(opened(page, "words-or-thoughts"))


def test_the_trap_is_played_on_the_problem_that_was_chosen(page):
    opened(page, "trap")
    ends = []
    for source in ("3-released-0", "1-small-0"):
        page.segmented_control(key="trap_problem").set_value(source).run()
        ends.append(json.dumps(spec(page)["frames"][-1], ensure_ascii=False))
    files = sorted((ROOT / "assets" / "examples").glob("*.json"))
    released = next(p for f in files for p in BENCHMARKS["prosqa"].load(f) if p.id == "3-released-0").graph
    depth = [named_depths(released)[c] for c in released.candidates]
    assert f"is {depth[0]} out, " in ends[0] and "a tie" in ends[1]
    page.segmented_control(key="trap_problem").set_value("3-released-0").run()


def test_the_reference_has_every_word_formula_and_source(page):
    said = words(opened(page, "reference"))
    for word in (
        "Thought",
        "Latent reasoning",
        "Backbone",
        "Strong, weak",
        "Logit lens",
        "UMAP",
        "PCA",
        "Trustworthiness",
    ):
        assert word in WORDS and f"**{word}**" in said
    assert len(page.latex) == len(FORMULAE) and all(symbols for *_, symbols in FORMULAE)
    cited = ("2506.08552", "2412.06769", "2505.12514", "2606.29164")
    assert [url.rsplit("/", 1)[1] for *_, url in SOURCES] == list(cited) and all(c in said for c in cited)


@pytest.mark.parametrize(
    ("key", "choices"),
    [
        ("push", {"method": "contrast", "step_size": 0.4, "rounds": 8, "residual": 0.0}),
        ("mix", {"method": "residual", "residual": 0.7, "thoughts": 10}),
        ("frontier", {"method": "zero_thoughts", "backbone": "backbone", "problem": "1-small-0"}),
    ],
)
def test_a_chapter_leads_into_explore_at_the_setting_it_talks_about(key, choices):
    page = opened(fresh(), key)
    page.button(key="explore").click().run()
    assert not page.exception and not page.error
    assert page.slider(key="step_size")  # this is the Explore page
    assert {k: page.session_state[k] for k in choices} == choices


def test_a_chapter_is_opened_by_its_name_in_the_address():
    assert fresh(chapter="trap").header[0].value == CHAPTERS["trap"].title


def test_an_unknown_chapter_opens_the_first():
    page = fresh(chapter="nonsense")
    assert not page.exception and page.header[0].value == next(iter(CHAPTERS.values())).title


@pytest.mark.parametrize("key", ["frontier", "mix", "maps", "verdict"])
def test_numbers_of_other_weights_are_not_shown(monkeypatch, key):
    from pages import _drawn

    monkeypatch.setattr(_drawn, "lesson_cases", lambda path: {})
    monkeypatch.setattr(_drawn, "lesson_moves", lambda path: None)
    page = fresh()
    page.radio(key="chapter").set_value(key).run()
    assert not page.exception
    assert (
        "not measured with these weights" in (said := page.error[0].value.replace("\\", ""))
        and "lessons.measure" in said
    )
