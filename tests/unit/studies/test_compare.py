"""Comparing: every method on one map, two settings against each other, and the page that shows them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from lrr_core.analysis.curves import candidate_probability, curves
from lrr_core.analysis.summary import answer, method_name
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.evaluation.answering import run_in_text
from lrr_core.evaluation.evaluate import evaluate
from lrr_core.figures.compare import compare_figure, places, shared_ranges
from lrr_core.figures.difference import difference_figure
from lrr_core.figures.explore import run_map
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.models.opened import ModelSet
from lrr_core.refinement import tracing
from lrr_core.refinement.methods import METHODS, borrowers, shown
from lrr_core.refinement.refine import Prompts, Refiner, plain_thoughts, run_all
from lrr_core.refinement.trace import RefineConfig, Run
from lrr_core.refinement.tracing import refine_problem
from lrr_core.studies import measure_comparison as compare
from lrr_core.studies.comparison import (
    QUANTITIES,
    Comparison,
    changed,
    describe,
    describe_difference,
    difference,
    differing,
    table,
)
from lrr_core.studies.measure_comparison import compare_methods

ORDER, BORROW = shown(), borrowers(METHODS)
REPLACED = {key for key, rule in METHODS.items() if rule.replaces}
ROOT = Path(__file__).parents[3]
SET = ROOT / "assets" / "models" / "prosqa"
CONFIG = RefineConfig(thoughts=3, rounds=2, step_size=0.3, residual=0.2)
shipped = pytest.mark.skipif(not (SET / "model_set.json").exists(), reason="the shipped model set is not there")


@pytest.fixture(scope="module")
def compared(opened, problems) -> Comparison:
    return compare_methods(opened["llama"], problems[0], CONFIG, lenders=problems[1:])


@pytest.fixture(scope="module")
def film(compared) -> go.Figure:
    """The figure after Plotly's own validation."""
    return go.Figure(compare_figure(compared, run_map(compared.trace), at=2, close=False).to_dict())


# --- the runs ---------------------------------------------------------------------------------------------------------


def test_every_method_and_control_is_compared_once(compared):
    assert sorted(compared.methods) == sorted(METHODS) and len(compared.methods) == len(ORDER)
    assert {*compared.milliseconds} == {*ORDER} and min(compared.milliseconds.values()) > 0


def test_each_run_is_the_run_of_that_method_alone(models, problems):
    found = compare_methods(models, problems[0], CONFIG, lenders=problems[1:])
    lent = plain_thoughts(models, Prompts.make(models, problems[1:]), 3)
    lent = {"other_thoughts": lent[:1], "mean_thought": lent.mean(0, keepdim=True)}
    for method in ORDER:
        settings = replace(CONFIG, method=method)
        alone = run_all(Refiner(models, Prompts.make(models, problems[:1]), settings, lent=lent.get(method)))[0]
        run = found.trace.runs[method]
        np.testing.assert_array_equal(run.thoughts, alone.thoughts, err_msg=method)
        np.testing.assert_array_equal(run.scores, alone.scores, err_msg=method)


def test_runs_taken_over_from_another_setting_are_the_runs_made_anew(opened, problems, compared):
    moved = replace(CONFIG, step_size=0.7)
    fresh = compare_methods(opened["llama"], problems[0], moved, lenders=problems[1:])
    after = compare_methods(opened["llama"], problems[0], moved, lenders=problems[1:], previous=compared)
    for method in ORDER:
        for array in Run.ARRAYS:
            got, want = (getattr(c.trace.runs[method], array) for c in (after, fresh))
            np.testing.assert_array_equal(got, want, err_msg=f"{method} {array}")
    assert after.trace.runs["zero_thoughts"] is compared.trace.runs["zero_thoughts"]  # no slider touches it
    kept = {m for m in ORDER if after.milliseconds[m] == compared.milliseconds[m]}
    assert kept == {
        "coconut",
        "residual",
        "frozen",
        "zero_thoughts",
        "other_thoughts",
        "mean_thought",
    }  # with their times
    assert np.any(after.trace.runs["contrast"].thoughts != compared.trace.runs["contrast"].thoughts)


def test_nothing_is_taken_over_from_another_problem_or_other_models(opened, problems, compared):
    models, rest = opened["llama"], (problems[1], problems[0])
    for problem, names in (
        (problems[2], Checkpoints("backbone", "strong", "weak")),
        (problems[0], Checkpoints("weak", "strong", "weak")),
    ):
        fresh = compare_methods(models, problem, CONFIG, names, rest)
        after = compare_methods(models, problem, CONFIG, names, rest, previous=compared)
        assert after.methods == tuple(
            m for m in ORDER if m != "tilr" or names[0] == "backbone"
        )  # not calibrated: left out
        for method in after.methods:
            np.testing.assert_array_equal(
                after.trace.runs[method].thoughts, fresh.trace.runs[method].thoughts, err_msg=method
            )
            assert after.milliseconds[method] != compared.milliseconds[method]


def test_no_run_is_made_twice(opened, problems, monkeypatch):
    made = []

    class Counted(Refiner):
        def __init__(self, models, prompts, config, *rest, details=True, **more):
            made.append((config.method, details))
            super().__init__(models, prompts, config, *rest, details=details, **more)

    for module in (tracing, compare):
        monkeypatch.setattr(module, "Refiner", Counted)
    compare.compare_methods(opened["llama"], problems[0], CONFIG, lenders=problems[1:])
    assert sorted(m for m, details in made if not details) == sorted(ORDER)  # timed, without what a page reads out
    assert sorted(m for m, details in made if details) == sorted(
        [*ORDER, "coconut", "coconut"]
    )  # strong's and weak's own


def test_controls_that_borrow_are_left_out_where_nobody_lends(opened, problems):
    found = compare_methods(opened["llama"], problems[0], CONFIG)
    assert found.methods == tuple(m for m in ORDER if m not in BORROW)


def test_progress_names_every_method_before_it_runs(opened, problems):
    told = []
    compare_methods(
        opened["llama"], problems[0], CONFIG, lenders=problems[1:], progress=lambda *step: told.append(step)
    )
    assert told == [(method, i, len(ORDER)) for i, method in enumerate(ORDER)]


def test_no_clock_runs_while_weights_are_read(folders, problems, monkeypatch):
    models, loaded = ModelSet(folders["llama"], device="cpu"), []
    monkeypatch.setattr(compare.time, "perf_counter", lambda: loaded.append({*models._loaded}) or 0.0)
    compare.compare_methods(models, problems[0], CONFIG, Checkpoints("backbone", "strong", "weak"))
    assert all(names == {"backbone", "strong", "weak"} for names in loaded) and len(loaded) == 2 * (
        len(ORDER) - len(BORROW)
    )


def test_the_lock_is_free_between_methods(opened, problems):
    models, held = opened["llama"], []
    compare_methods(models, problems[0], CONFIG, progress=lambda *_: held.append(models.lock._is_owned()))
    assert held and not any(held)


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_table_repeats_the_records(compared):
    right = compared.trace.problem.answer
    for name, row in zip(ORDER, table(compared), strict=True):
        run, given = compared.trace.runs[name], answer(compared.trace, name)
        assert row["answer"] == f"{given.name} {given.mark}"
        assert row["right answer"] == pytest.approx(100 * candidate_probability(run.scores)[right])
        assert row["margin"] == pytest.approx(run.scores[right] - np.delete(run.scores, right).max())
        assert row["forward passes"] == sum(run.cost[k] for k in ("prefill", "single", "probe", "decode"))
        assert row["forward passes"] == row["question"] + row["thoughts"] + row["probes"] + row["decoding"]
        assert row["milliseconds"] == compared.milliseconds[name]
        moved = curves(compared.trace, name).percent("deviation")
        assert row["moved"] == (None if name == "zero_thoughts" else pytest.approx(moved.mean()))
    assert table(compared)[0]["moved"] == 0  # the plain run has not left itself


def test_a_set_with_text_baselines_shows_them_with_what_evaluate_counts(folders, tmp_path, problems):
    folder = shutil.copytree(folders["llama"], tmp_path / "set")
    for name in ("cot", "no_cot"):
        shutil.copytree(folder / "weak", folder / name)
    models = ModelSet(folder, device="cpu")
    first = compare_methods(models, problems[0], CONFIG)
    rows = table(first)[-2:]
    report = evaluate(models, problems[:1], ["no_cot", "cot"], CONFIG)
    moved = compare_methods(models, problems[0], replace(CONFIG, step_size=0.9), previous=first)
    assert all(moved.text[m] is first.text[m] and moved.milliseconds[m] == first.milliseconds[m] for m in first.text)
    other = compare_methods(models, problems[1], CONFIG, previous=first)
    assert not any(other.text[m] is first.text[m] for m in first.text)
    for row, method in zip(rows, ("no_cot", "cot"), strict=True):
        counted, run = report.answers[method][0], run_in_text(models, problems[:1], method)[0]
        assert row["method"] == f"text: {method.replace('_', ' ')}" and row["moved"] is None
        assert row["right answer"] == pytest.approx(100 * counted.p_right)
        assert row["text tokens"] == counted.tokens and row["forward passes"] == sum(counted.forwards.values())
        assert row["answer"].startswith(problems[0].candidates[counted.choice])
        assert bool(run.written) == (method == "cot")


def test_who_changed_the_answer_is_told_with_the_controls_apart(compared):
    runs = dict(compared.trace.runs)
    flipped = replace(runs["coconut"], scores=runs["coconut"].scores[::-1].copy())
    same = dict.fromkeys(ORDER, runs["coconut"])

    def told(**changes):
        return changed(replace(compared, trace=replace(compared.trace, runs=runs | same | changes)))

    assert told() == "Every method and every control gives the plain run's answer here."
    assert "methods: full; controls: none" in told(full=flipped)
    assert "methods: contrast, full; controls: random direction" in told(
        full=flipped, contrast=flipped, random_direction=flipped
    )
    assert all(f"{method_name(name)}: {answer(compared.trace, name).name}" in describe(compared) for name in ORDER)


# --- A against B ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(opened, problems):
    other = replace(CONFIG, step_size=0.8, reference="same")
    return tuple(refine_problem(opened["llama"], problems[0], c, controls=()) for c in (CONFIG, other))


def test_a_setting_does_not_differ_from_itself(pair):
    d = difference(pair[0], pair[0])
    assert all(np.array_equal(d.delta(name), np.zeros(3)) for name in QUANTITIES)
    assert np.array_equal(d.apart, np.zeros(3)) and differing(pair[0], pair[0]) == []


def test_a_difference_is_b_minus_a_of_the_curves(pair):
    d, back = difference(*pair), difference(*reversed(pair))
    a, b = (curves(trace, "refined") for trace in pair)
    np.testing.assert_allclose(d.delta("margin"), b.margin - a.margin, rtol=1e-6)
    np.testing.assert_allclose(d.delta("to_strong"), b.to_strong[:, -1] - a.to_strong[:, -1], rtol=1e-6)
    np.testing.assert_allclose(d.delta("deviation"), b.percent("deviation") - a.percent("deviation"), rtol=1e-5)
    assert np.abs(d.delta("push")).max() > 0
    for name in QUANTITIES:
        np.testing.assert_array_equal(d.delta(name), -back.delta(name))
    h = [trace.runs["refined"].thoughts for trace in pair]
    np.testing.assert_allclose(
        d.apart, 100 * np.linalg.norm(h[0] - h[1], axis=1) / np.linalg.norm(h[0], axis=1), rtol=1e-5
    )


def test_only_thoughts_that_both_have_are_compared(opened, problems, pair):
    short = refine_problem(opened["llama"], problems[0], replace(CONFIG, thoughts=2), controls=())
    assert difference(pair[1], short).apart.shape == (2,)


def test_different_problems_are_refused(opened, problems, pair):
    other = refine_problem(opened["llama"], problems[1], CONFIG, controls=())
    with pytest.raises(ValueError, match="different problems"):
        difference(pair[0], other)


def test_settings_and_checkpoints_that_differ_are_listed(opened, problems, pair):
    assert {row["setting"]: (row["A"], row["B"]) for row in differing(*pair)} == {
        "step size": ("0.3", "0.8"), "reference": ("next", "same"),
    }  # fmt: skip
    weak = refine_problem(opened["llama"], problems[0], CONFIG, Checkpoints("weak", "strong", "weak"), controls=())
    assert differing(pair[0], weak) == [{"setting": "backbone", "A": "backbone", "B": "weak"}]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("narrow", [False, True])
def test_the_difference_figure_draws_both_curves_and_their_difference(pair, theme, narrow):
    d = difference(*pair)
    drawn = {t.name: list(t.y) for t in difference_figure(d, theme, narrow).data}
    for name, (title, _) in QUANTITIES.items():
        for key, values in (("A", d.a[name]), ("B", d.b[name]), ("B - A", d.delta(name))):
            np.testing.assert_allclose(drawn[f"{title}: {key}"], values, err_msg=f"{title} {key}")
    np.testing.assert_allclose(drawn["How far A and B are apart: apart"], d.apart)
    assert f"{d.apart[-1]:.0f} %" in describe_difference(*pair)


def test_the_difference_of_a_setting_to_itself_can_be_drawn(pair):
    bars = [t for t in difference_figure(difference(pair[0], pair[0])).data if t.type == "bar"]
    assert len(bars) == len(QUANTITIES) and not any(any(t.y) for t in bars)


# --- the small multiples ----------------------------------------------------------------------------------------------


def test_every_panel_draws_where_its_method_thinks(compared, film):
    m = run_map(compared.trace)
    for name in ORDER:
        drawn = next(t for t in film.data if t.name == name)
        np.testing.assert_allclose(
            np.stack([drawn.x, drawn.y], 1), m.place(compared.trace.runs[name].thoughts), atol=1e-4
        )
        assert {tuple(key) for key in drawn.customdata} == {(name,)}  # what a click opens


def test_all_panels_share_their_axes(film):
    shared = [film.layout[f"{axis}axis{i or ''}"] for axis in "xy" for i in ["", *range(2, len(ORDER) + 1)]]
    assert {tuple(axis.range) for axis in shared[: len(ORDER)]} == {tuple(film.layout.xaxis.range)}
    assert {tuple(axis.range) for axis in shared[len(ORDER) :]} == {tuple(film.layout.yaxis.range)}
    assert {axis.matches for axis in shared} == {None, "x", "y"}  # a zoom in one is a zoom in all
    drawn = [t for t in film.data if t.name in ORDER]
    low, high = film.layout.xaxis.range
    assert all(low < x < high for t in drawn for x in t.x)


def test_the_close_up_is_around_the_runs_that_keep_their_own_thoughts(compared):
    paths = {name: np.full((2, 2), 1.0 + i) for i, name in enumerate([*ORDER, "plain", "strong", "weak"])}
    paths["zero_thoughts"] = np.full((2, 2), -100.0)
    close, wide = shared_ranges(paths, True), shared_ranges(paths, False)
    assert -2 < close[0][0] < 1 and wide[0][0] < -100 and close[0][1] > 12
    assert {"zero_thoughts", "other_thoughts", "mean_thought"} == REPLACED
    beyond = [
        a.text for a in compare_figure(compared, run_map(compared.trace)).layout.annotations if "beyond" in a.text
    ]
    ranges = shared_ranges(places(compared, run_map(compared.trace)), True)
    outside = 0
    for name in ORDER:
        x, y = places(compared, run_map(compared.trace))[name].T
        (left, right), (low, high) = ranges
        outside += not ((x >= left) & (x <= right) & (y >= low) & (y <= high)).any()
    assert len(beyond) == outside


def test_every_thought_has_a_frame_that_moves_all_panels(compared, film):
    m = run_map(compared.trace)
    assert [f.name for f in film.frames] == ["1.0", "2.0", "3.0"]
    assert len({tuple(f.traces) for f in film.frames}) == 1
    for t, frame in enumerate(film.frames):
        heads = [x for x in frame.data if x.text == (str(t + 1),)]
        assert len(heads) == len(ORDER)
        for name, head in zip(ORDER, heads, strict=True):
            place = m.place(compared.trace.runs[name].thoughts[t])
            np.testing.assert_allclose([head.x[0], head.y[0]], place, atol=1e-4)
    opened_on = next(t for t in film.data if t.name == "full: now")
    assert opened_on.text == ("2",) and film.layout.sliders[0].active == 1


def test_the_bars_are_the_probability_of_the_right_answer_after_that_thought(compared, film):
    right, panels = compared.trace.problem.answer, len(ORDER)
    for t, frame in enumerate(film.frames):
        per_panel = len(frame.data) // panels
        for i, name in enumerate(ORDER):
            bars = frame.data[per_panel * i + per_panel - 2 : per_panel * (i + 1)]
            share = curves(compared.trace, name).candidate_p[t]
            ends = [bar.x[1] for bar in bars]  # one in the colour of right, one in that of wrong
            assert sum(ends) == pytest.approx(share[right], abs=1e-6)
            assert (ends[0] > 0) == (share.argmax() == right)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("narrow", [False, True])
def test_titles_say_method_answer_and_whether_it_is_right(compared, theme, narrow):
    figure = go.Figure(compare_figure(compared, run_map(compared.trace), theme, narrow).to_dict())
    notes = [a.text for a in figure.layout.annotations]
    for name in ORDER:
        given = answer(compared.trace, name)
        title = next(note for note in notes if note.startswith(f"<b>{method_name(name)}</b>"))
        assert f"{given.name} {given.p:.0%} {given.mark}" in title


def test_a_map_of_three_dimensions_is_refused(compared):
    with pytest.raises(ValueError, match="two dimensions"):
        compare_figure(compared, run_map(compared.trace, dims=3))


# --- the page ---------------------------------------------------------------------------------------------------------

COMPARE = str(ROOT / "pages" / "compare.py")


def visit(**before) -> AppTest:
    """A new session that enters the app and goes to the page; before: what its address says."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=240).run()
    for key, value in before.items():
        at.query_params[key] = value
    return at.switch_page(COMPARE).run()


@pytest.fixture(scope="module")
def page():
    """One session for all tests; each starts from Reset."""
    return visit()


@pytest.fixture
def at(page):
    page.button(key="reset").click().run()
    assert not page.exception and not page.error
    return page


def spec(at, chart: int = 0) -> dict:
    return json.loads(at.get("plotly_chart")[chart].proto.spec)


def words(at) -> str:
    return " ".join(m.value for m in [*at.markdown, *at.caption])


@shipped
def test_the_page_shows_every_method_its_answer_and_its_cost(at):
    rows = at.dataframe[0].value
    assert len(rows) == len(ORDER) + 2 and list(rows["method"][-2:]) == ["text: no cot", "text: cot"]
    titles = " ".join(a["text"] for a in spec(at)["layout"]["annotations"])
    for name, said in zip(ORDER, rows["answer"], strict=False):
        assert method_name(name) in titles and said.split()[0] in titles
    assert "measured once on this machine" in words(at) and "Another answer" in words(at)


@shipped
def test_the_page_and_the_core_agree_at_any_sliders(at):
    at.slider(key="step_size").set_value(0.5)
    at.slider(key="residual").set_value(0.3)
    at.selectbox(key="weak").select("ladder/02-step-01400").run()
    state, models = at.session_state, ModelSet(SET)
    problem = BENCHMARKS["prosqa"].load(ROOT / "assets" / "examples" / "1-small.json")[0]
    config = RefineConfig(
        step_size=0.5, residual=0.3, thoughts=state["thoughts"], reference=state["reference"], rounds=state["rounds"]
    )
    found = compare_methods(models, problem, config, Checkpoints(state["backbone"], weak="ladder/02-step-01400"))
    shown = at.dataframe[0].value.set_index("method")
    for row in table(found):
        assert shown.loc[row["method"], "right answer"] == pytest.approx(row["right answer"], abs=1e-3)
        assert shown.loc[row["method"], "forward passes"] == row["forward passes"]


@shipped
def test_pinning_the_same_setting_twice_shows_no_difference_and_another_one_shows_it(at):
    at.button(key="pin_as_a").click().run()
    at.button(key="pin_as_b").click().run()
    assert "A and B are the same setting" in words(at)
    bars = [t for t in spec(at, 1)["data"] if t["type"] == "bar"]
    assert bars and not any(any(bar["y"]) for bar in bars)
    at.slider(key="step_size").set_value(1.0).run()
    assert "A and B are the same setting" in words(at)  # a pin stays until it is pinned anew
    at.button(key="pin_as_b").click().run()
    assert "A and B are the same setting" not in words(at)
    assert dict(at.dataframe[1].value.iloc[0]) == {"setting": "step size", "A": "0.2", "B": "1.0"}
    assert any(any(t["y"]) for t in spec(at, 1)["data"] if t["type"] == "bar")
    at.button(key="take_a").click().run()
    assert at.session_state["step_size"] == 0.2


@shipped
def test_a_pin_survives_the_way_through_a_link_and_refuses_what_is_no_setting(at):
    at.slider(key="step_size").set_value(0.45)
    at.selectbox(key="method").select("swapped").run()
    at.button(key="pin_as_b").click().run()
    link = at.query_params["b"]
    fresh = visit(b=link)
    assert fresh.session_state["pin_b"] == at.session_state["pin_b"]
    odd = visit(a="step_size=99&method=nonsense&rounds=&strong=../../etc&evil=1")
    assert not odd.exception and not odd.error
    pinned = odd.session_state["pin_a"]
    assert (pinned["step_size"], pinned["method"], pinned["strong"]) == (2.0, "full", "strong") and "evil" not in pinned


@shipped
def test_opening_a_method_leads_to_explore_with_that_method(at):
    at.session_state["opened"] = "swapped"
    at.run()
    assert not at.exception and at.session_state["method"] == "swapped"
    assert any(button.key == "run_all" for button in at.button)  # Explore
    at.switch_page(COMPARE).run()
    assert any(button.key == "pin_as_a" for button in at.button)


@shipped
def test_a_mistake_in_the_own_text_is_told_and_can_be_mended(at):
    at.selectbox(key="problem").select("own").run()
    at.text_area(key="text").set_value("Tom is a cat. Is Tom a dog or cat?").run()
    assert not at.exception and "no sentence names it" in at.error[0].value
    at.text_area(key="text").set_value("Tom is a cat. Rex is a dog. Is Tom a dog or cat?").run()
    assert not at.error and not at.exception
