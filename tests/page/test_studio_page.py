"""The Studio page through AppTest: a figure at once, a preview that follows every choice, uploads of strangers in plain words."""

import io
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lrr_core.analysis.summary import asked, trace_bytes
from lrr_core.evaluation.cases import flips
from lrr_core.evaluation.report import load
from lrr_core.refinement.trace import Trace
from lrr_core.studio import gallery
from lrr_core.studio.bundle import make_bundle, open_bundle
from lrr_core.studio.recipe import Recipe
from pages import _paper

ROOT = Path(__file__).parents[2]
SET = ROOT / "assets" / "models" / "prosqa"
REPORT = ROOT / "assets" / "reports" / "prosqa-main.json"
pytestmark = pytest.mark.skipif(not (SET / "opening.npz").exists(), reason="the shipped model set is not there")
needs_report = pytest.mark.skipif(not REPORT.exists(), reason="the shipped report is not there")
PATIENCE = 240  # s: the machine may be training a model at the same time


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """One session for all tests, with a cache folder of its own; each test starts from the first setting and figure."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield (
            AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).run().switch_page("pages/studio.py").run()
        )


@pytest.fixture
def at(page):
    page.session_state["studio_from"] = "this setting"
    page.session_state["studio_opened"] = None
    page.run()
    page.button(key="reset_figure").click().run()
    page.button(key="reset").click().run()
    assert not page.exception and not page.error
    return page


@pytest.fixture(scope="module")
def opening() -> Trace:
    return Trace.load(SET / "opening.npz")


def picture(at) -> str:
    """The address of the preview: Streamlit names a picture by its bytes."""
    return at.get("image")[-1].value[0]


def words(at) -> str:
    return " ".join(m.value for m in [*at.markdown, *at.caption]).replace("\\", "")


def panels(at) -> tuple[str, ...]:
    return at.session_state["studio_recipe"].panels


def upload(at, name: str, data: bytes):
    at.session_state["studio_from"] = "a file"
    at.run()
    at.file_uploader(key="studio_file").set_value((name, data, "application/octet-stream"))
    return at.run()


def test_a_figure_of_the_current_setting_is_there_at_once(at, opening):
    assert asked(opening.problem) in words(at)
    assert panels(at) == Recipe().panels and len(at.get("image")) == 1
    caption = at.text_area(key="c_caption").value
    assert asked(opening.problem) in caption and "p = 0.58" in caption  # the run's numbers, and the header's 58 %
    assert "58%" in words(at)


def test_every_choice_changes_the_preview_and_going_back_brings_the_same_picture(at):
    seen = {picture(at)}
    first = picture(at)
    at.menu_button(key="panel_text").click("Take out").run()
    assert panels(at) == Recipe().panels[:-1] and picture(at) not in seen
    seen.add(picture(at))
    at.menu_button(key="panel_distances").click("Move up").run()
    assert panels(at)[:2] == ("distances", "map") and picture(at) not in seen
    seen.add(picture(at))
    at.button_group(key="c_add").set_value("tokens").run()
    assert panels(at)[-1] == "tokens" and picture(at) not in seen
    seen.add(picture(at))
    for control, key, value in (
        (at.selectbox, "c_size", "slide"),
        (at.button_group, "c_palette", "grey"),
        (at.toggle, "c_letters", False),
        (at.text_input, "c_title", "A title"),
        (at.number_input, "c_font_size", 9.0),
    ):
        control(key=key).set_value(value).run()
        assert not at.exception and not at.error
        assert picture(at) not in seen, key
        seen.add(picture(at))
    at.button(key="reset_figure").click().run()
    assert picture(at) == first


def test_the_preview_is_drawn_by_the_code_of_the_files(at, opening):
    """The bytes on the page are those of `export`, at the resolution of the preview."""
    from lrr_core.studio.export import render

    recipe = at.session_state["studio_recipe"]
    at.selectbox(key="c_size").set_value("one-column").run()
    recipe = at.session_state["studio_recipe"]
    mark, path = _paper.trace_digest(opening), str(SET)
    shown = _paper.paper_preview(mark, opening, recipe, path)
    assert recipe.size == "one-column" and recipe.dpi == 300  # for a column the preview has the full 300 dpi
    assert shown == render(opening, recipe, "png", _paper.map_for(opening, path), _paper.plane_for(opening))


def test_a_moved_slider_gives_another_figure_and_another_draft_but_keeps_an_edit(at):
    before, draft = picture(at), at.text_area(key="c_caption").value
    at.slider(key="step_size").set_value(0.5).run()
    assert picture(at) != before and "s = 0.5" in at.text_area(key="c_caption").value != draft
    at.text_area(key="c_caption").set_value("My own words.").run()
    assert at.session_state["studio_recipe"].caption == "My own words."
    at.slider(key="step_size").set_value(0.3).run()
    assert at.text_area(key="c_caption").value == "My own words."
    at.button(key="draft_again").click().run()
    assert "s = 0.3" in at.text_area(key="c_caption").value
    assert at.session_state["studio_recipe"].caption == ""


def test_panels_that_do_not_fit_are_said_in_words(at):
    at.selectbox(key="c_size").set_value("one-column").run()
    at.number_input(key="c_font_size").set_value(40.0).run()
    assert len(at.error) == 1 and not at.exception
    assert "choose fewer panels" in at.error[0].value


def test_a_panel_moves_one_place_and_its_menu_holds_only_what_can_be_done(at):
    first = panels(at)
    menus = {name: at.menu_button(key=f"panel_{name}").options for name in first}
    assert menus[first[0]] == ["Move down", "Take out"] and menus[first[-1]] == ["Move up", "Take out"]
    at.menu_button(key=f"panel_{first[0]}").click("Move down").run()
    assert panels(at) == (first[1], first[0], *first[2:])
    for name in first[1:]:
        at.menu_button(key=f"panel_{name}").click("Take out").run()
    assert panels(at) == first[:1] and at.menu_button(key=f"panel_{first[0]}").disabled


def test_every_choice_of_the_figure_stands_in_the_link_and_a_link_brings_it_back(at):
    at.menu_button(key="panel_text").click("Take out").run()
    at.selectbox(key="c_size").set_value("slide").run()
    at.text_input(key="c_title").set_value("50 % & more").run()
    query = dict(at.query_params)
    kept = at.session_state["studio_recipe"]
    link = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
    for key, value in query.items():
        link.query_params[key] = value
    link.switch_page("pages/studio.py").run()
    assert not link.exception and link.session_state["studio_recipe"] == kept != Recipe()


def test_a_link_with_nonsense_is_put_right_and_said(at):
    link = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
    for key, value in {"studio_panels": "map,dragons", "studio_dpi": "x", "studio_size": "slide"}.items():
        link.query_params[key] = value
    link.switch_page("pages/studio.py").run()
    assert not link.exception and not link.error
    assert link.session_state["studio_recipe"] == Recipe(size="slide")


# --- uploads ----------------------------------------------------------------------------------------------------------


def trap() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("../../escape.txt", "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("trace.npz", b"garbage", "no zip file"),
        ("bundle.zip", b"", "no zip file"),
        ("bundle.zip", b"PK\x03\x04" + bytes(99), "damaged or cut off"),
        ("bundle.zip", trap(), "climbs out"),
    ],
)
def test_garbage_is_explained_and_never_a_traceback(at, name, data, reason):
    upload(at, name, data)
    assert not at.exception
    assert [reason in error.value.replace("\\", "") for error in at.error] == [True]


def test_an_uploaded_trace_is_drawn(at, opening):
    upload(at, "trace.npz", trace_bytes(opening))
    assert not at.exception and not at.error
    assert asked(opening.problem) in words(at) and len(at.get("image")) == 1


def test_a_bundle_brings_back_panels_words_and_settings(at, opening):
    recipe = Recipe(
        panels=("margin", "map"), size="slide", title="Mine", caption="Words of mine.", map="PCA", palette="grey"
    )
    typical = "One of 9 problems of 99 that refinement turned right."
    data = make_bundle(opening, recipe, {}, {}, "?v=1&step_size=0.35&method=contrast&studio_size=poster", typical)
    upload(at, "bundle.zip", data)
    assert not at.exception and not at.error
    assert at.session_state["studio_recipe"] == recipe
    assert at.text_input(key="c_title").value == "Mine" and at.text_area(key="c_caption").value == "Words of mine."
    assert at.selectbox(key="c_size").value == "slide" and typical in words(at)
    at.button_group(key="studio_from").set_value("this setting").run()
    assert (at.session_state["step_size"], at.session_state["method"]) == (0.35, "contrast")
    assert at.session_state["studio_recipe"] == recipe


def test_what_the_bundle_button_gives_opens_again_and_holds_the_figure_that_was_shown(at, opening):
    recipe = Recipe(panels=("distances", "graph"), size="one-column")
    data = _paper.paper_bundle(
        _paper.trace_digest(opening), opening, recipe, ("png", "tex"), str(SET), "Typical.", "?v=1"
    )
    bundle = open_bundle(data)
    assert bundle.recipe == recipe and set(bundle.figures) == {"png", "tex"}
    assert bundle.figures["png"] == _paper.paper_preview(_paper.trace_digest(opening), opening, recipe, str(SET))
    assert {"data/distances.csv", "data/graph.csv"} <= set(bundle.files)
    assert b"Typical." in bundle.files["figure.tex"]


# --- a report ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def of_report(at):
    at.session_state["studio_from"] = "a report"
    at.run()
    at.selectbox(key="studio_report").set_value("prosqa-main").run()
    assert not at.exception and not at.error
    return at


@needs_report
def test_both_directions_and_the_random_push_stand_above_the_gallery(of_report):
    report = load(REPORT)
    label = of_report.selectbox(key="studio_arm").value
    c = flips(report, label)
    said = words(of_report)
    for part in (f"{len(c.gained)} turned right", f"{len(c.lost)} turned wrong", f"{c.unchanged} unchanged"):
        assert part in said
    line = gallery.control_line(c)
    assert line[1:] in said and said.index(f"{len(c.gained)} turned right") < said.index(line[1:])


@needs_report
def test_a_case_is_drawn_with_its_caption_line_and_another_one_on_a_click(of_report):
    at, report = of_report, load(REPORT)
    label = at.selectbox(key="studio_arm").value
    found = gallery.cases(report, label, "flipped")
    assert gallery.typical(report, found[0]) in at.text_area(key="c_caption").value
    at.text_input(key="c_title").set_value("Of the first case").run()
    assert at.session_state["studio_recipe"].title == "Of the first case"
    before = picture(at)
    at.button(key=f"case_{found[1].index}").click().run()
    assert (
        at.text_input(key="c_title").value == at.session_state["studio_recipe"].title == ""
    )  # it was of another figure
    at.text_input(key="c_title").set_value("Of the second").run()
    assert at.session_state["studio_recipe"].title == "Of the second"
    assert not at.exception and not at.error and picture(at) != before
    assert gallery.typical(report, found[1]) in at.text_area(key="c_caption").value
    assert at.query_params["studio_case"] == str(found[1].index)


@needs_report
def test_filters_leave_the_cases_they_name_and_none_is_said(of_report):
    at, report = of_report, load(REPORT)
    label = at.selectbox(key="studio_arm").value
    at.selectbox(key="studio_flip").set_value("lost").run()
    lost = gallery.cases(report, label, "lost")
    shown = [b.key for b in at.button if b.key.startswith("case_")]
    assert shown == [f"case_{case.index}" for case in lost][: len(shown)] and (shown or not lost)
    at.slider(key="studio_least").set_value(10.0).run()
    assert not at.exception and "No problem passes these filters" in at.info[0].value


@needs_report
def test_a_report_of_ones_own_that_is_none_is_explained(of_report):
    at = of_report
    at.selectbox(key="studio_report").set_value("own file").run()
    at.file_uploader(key="studio_report_file").set_value(("report.json", b"[]", "application/json")).run()
    assert not at.exception and "a report is a JSON object" in at.error[0].value.replace("\\", "")
