"""The pad: at a computed setting it is the exact run, between them it is bilinear, and the browser computes the same."""

import base64
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lrr_core.analysis.curves import candidate_probability, curves
from lrr_core.analysis.summary import answer
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.models.checkpoints import STANDARD
from lrr_core.models.folder import ModelFolder
from lrr_core.models.opened import ModelSet
from lrr_core.models.shipped import find_background
from lrr_core.refinement.methods import methods
from lrr_core.refinement.refine import RefineError, Refiner
from lrr_core.refinement.trace import REFERENCES, SIGNS, RefineConfig
from lrr_core.refinement.tracing import refine_problem
from lrr_core.studies import live_pad as live
from lrr_core.studies import live_scene
from lrr_core.studies import measure_live as live_runs
from lrr_core.studies.live_pad import (
    FIXED,
    MIXES,
    NAMES,
    STEPS,
    LiveError,
    Pad,
    from_axis,
    place,
    setting,
    to_axis,
    view,
)

ROOT = Path(__file__).parents[3]
SET, SHIPPED = ROOT / "assets" / "models" / "prosqa", ROOT / "assets" / "live"
NODE = shutil.which("node")
CONFIG = RefineConfig(thoughts=3)
TRIO = STANDARD
GRID = (-0.5, 0.0, 0.2, 1.0), (0.0, 0.3, 1.0)
BETWEEN = ((-0.3, 0.1), (0.07, 0.9), (0.61, 0.3), (-0.02, 0.55), (0.2, 0.77), (5.0, -3.0))
ROUNDING = 2e-5  # of a batch against a run alone; worst measured here 3e-6


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def made(request, opened, problems):
    """(models, problem, maps, pad) on both families."""
    models, problem = opened[request.param], problems[1]
    maps = {"PCA": live_runs.own_map(models, problem, CONFIG, TRIO)}
    return models, problem, maps, live_runs.compute(models, problem, CONFIG, TRIO, maps, steps=GRID[0], mixes=GRID[1])


@pytest.fixture(scope="module")
def pad(made) -> Pad:
    return made[3]


def exact(made, step: float, mix: float):
    """A run of its own, cell by cell and not in a batch."""
    models, problem, *_ = made
    return refine_problem(models, problem, setting(CONFIG, step, mix), TRIO, ())


def close(a, b, **tolerance) -> None:
    for name in NAMES:
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), err_msg=name, **tolerance)


# --- the axis and the settings ----------------------------------------------------------------------------------------


def test_the_axis_is_odd_rises_and_is_undone_by_its_inverse():
    steps = np.linspace(-2, 2, 401)
    places = to_axis(steps)
    assert (np.diff(places) > 0).all() and places[0] == -1 and places[-1] == 1 and to_axis(0.0) == 0
    np.testing.assert_allclose(places, -places[::-1], atol=1e-15)
    np.testing.assert_allclose(from_axis(places), steps, atol=1e-14)


def test_the_axis_is_linear_near_zero_and_logarithmic_beyond_the_knee():
    assert to_axis(0.02) == pytest.approx(2 * to_axis(0.01), rel=0.02)
    assert to_axis(2.0) - to_axis(1.0) == pytest.approx(to_axis(1.0) - to_axis(0.5), rel=0.02)


def test_the_grid_holds_both_signs_the_plain_run_and_the_settings_of_the_sliders():
    assert tuple(-s for s in reversed(STEPS)) == STEPS and 0.0 in STEPS and 0.0 in MIXES and 1.0 in MIXES
    assert all(round(20 * v, 9) % 1 == 0 for v in (*STEPS, *MIXES))


@pytest.mark.parametrize(("step", "mix"), [(0.3, 0.2), (-0.3, 0.2), (0.0, 1.0), (-2.0, 0.0)])
def test_a_place_and_its_setting_are_each_others_inverse(step, mix):
    config = setting(CONFIG, step, mix)
    assert place(config) == (step, mix)
    assert config.sign == ("as_printed" if step < 0 else "descent") and config.thoughts == CONFIG.thoughts


@pytest.mark.parametrize("method", [m for m in methods() if m != "tilr"])  # its pushes are others: it has no place
@pytest.mark.parametrize("sign", SIGNS)
def test_a_methods_place_on_the_pad_is_the_same_run(opened, problems, method, sign):
    config = RefineConfig(method, 0.4, 0.3, thoughts=2, sign=sign)
    run = refine_problem(opened["llama"], problems[0], config, TRIO, ()).runs["refined"]
    there = refine_problem(opened["llama"], problems[0], setting(config, *place(config)), TRIO, ()).runs["refined"]
    np.testing.assert_array_equal(run.thoughts, there.thoughts)


def test_a_frozen_run_is_the_upper_edge():
    assert place(RefineConfig("frozen", 0.4, 0.3)) == (0.0, 1.0)


# --- cells and what lies between ------------------------------------------------------------------------------------------


def test_a_cell_is_the_run_alone(made, pad):
    for step, mix in ((-0.5, 0.3), (0.0, 0.0), (0.2, 1.0), (1.0, 0.3)):
        trace = exact(made, step, mix)
        run, c = trace.runs["refined"], curves(trace, "refined")
        here = pad.at(step, mix)
        np.testing.assert_allclose(here.log_p, run.readout, atol=ROUNDING)
        np.testing.assert_allclose(here.answer_margin(trace.problem.answer), c.margin, atol=ROUNDING)
        np.testing.assert_allclose(here.answer_p(), candidate_probability(run.scores), atol=ROUNDING)
        np.testing.assert_allclose(here.to_strong, c.to_strong[:, -1], rtol=ROUNDING)
        np.testing.assert_allclose(here.to_weak, c.to_weak[:, -1], rtol=ROUNDING)
        for name in ("push", "deviation", "step_change"):
            np.testing.assert_allclose(getattr(here, name), c.percent(name), rtol=1e-4, atol=1e-3, err_msg=name)
        np.testing.assert_allclose(here.node_p, run.node_p[:, -1], atol=ROUNDING)
        np.testing.assert_allclose(here.places[:, 0], made[2]["PCA"].place(run.thoughts), atol=1e-4)


def test_at_a_computed_setting_interpolation_is_that_cell_to_the_bit(pad):
    for i, step in enumerate(pad.steps):
        for j, mix in enumerate(pad.mixes):
            close(pad.at(step, mix), pad.cells[i, j], rtol=0, atol=0)
            assert pad.computed(step, mix)
    assert not pad.computed(0.21, 0.3) and not pad.computed(0.2, 0.31)


def test_at_zero_the_pad_is_the_plain_run(pad):
    here, plain = pad.at(0.0, 0.0), pad.fixed[FIXED.index("plain")]
    close(here, plain, rtol=1e-4, atol=1e-4)
    assert np.abs(here.deviation).max() < 1e-3 and (here.push == 0).all()


def test_the_fixed_runs_are_each_checkpoints_own(made, pad):
    trace = exact(made, 0.0, 0.0)
    for name, own in zip(FIXED, (None, pad.fixed[1].to_strong, pad.fixed[2].to_weak), strict=True):
        np.testing.assert_allclose(pad.fixed[FIXED.index(name)].log_p, trace.runs[name].readout, atol=ROUNDING)
        assert own is None or (own == 0).all()


def test_between_cells_everything_is_bilinear_in_the_pads_coordinates(pad):
    i, j = 2, 0  # the cell between s = 0.2 and 1, mix 0 and 0.3
    middle = float(from_axis(to_axis(pad.steps[i : i + 2], pad.steps[-1]).mean(), pad.steps[-1]))
    corners = [pad.cells[a, b] for a in (i, i + 1) for b in (j, j + 1)]
    here = pad.at(middle, 0.15)
    for name in NAMES:
        mean = np.mean([getattr(c, name) for c in corners], axis=0)
        np.testing.assert_allclose(getattr(here, name), mean, rtol=1e-5, atol=1e-6, err_msg=name)


def test_answers_are_interpolated_as_log_probabilities_so_that_a_flip_lies_where_the_margin_is_zero(pad):
    cells = pad.cells
    log_p = np.full_like(cells.log_p, -1.0)
    log_p[2, :, :, 0], log_p[3, :, :, 0] = -1.0 + 3.0, -1.0 - 1.0  # margins 3 and -1
    there = replace(pad, cells=replace(cells, log_p=log_p))
    a, b = to_axis(pad.steps[2:4], pad.steps[-1])
    for share, margin in ((0.25, 2.0), (0.74, 0.04), (0.76, -0.04)):
        step = float(from_axis(a + share * (b - a), pad.steps[-1]))
        assert there.at(step, 0.1).answer_margin(0)[-1] == pytest.approx(margin, abs=1e-5)


def test_the_pad_is_continuous_stays_between_its_corners_and_is_held_at_its_edges(pad):
    edge = float(pad.steps[2])
    close(pad.at(edge - 1e-9, 0.3 - 1e-9), pad.at(edge + 1e-9, 0.3 + 1e-9), rtol=1e-5, atol=1e-5)
    close(pad.at(9.0, -2.0), pad.cells[-1, 0], rtol=0)
    low, high = np.nanmin(pad.cells.log_p, (0, 1)), np.nanmax(pad.cells.log_p, (0, 1))
    for place_ in BETWEEN:
        assert (pad.at(*place_).log_p >= low - 1e-6).all() and (pad.at(*place_).log_p <= high + 1e-6).all()


def test_a_run_that_explodes_leaves_a_gap_that_does_not_leak(made):
    models, problem, maps, pad = made
    explodes = Refiner._check

    def check(self, value, t, k):
        if t == 1 and any(c.step_size == 1.0 and c.sign == "descent" for c in self.configs):
            raise RefineError("not a finite number")
        explodes(self, value, t, k)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Refiner, "_check", check)
        holed = live_runs.compute(models, problem, CONFIG, TRIO, maps, steps=GRID[0], mixes=GRID[1], checked=0)
    assert np.isnan(holed.cells.log_p[3]).all() and np.isfinite(holed.cells.log_p[:3]).all()
    np.testing.assert_allclose(holed.at(0.2, 0.3).log_p, pad.at(0.2, 0.3).log_p, atol=ROUNDING)
    assert np.isnan(holed.at(0.3, 0.3).log_p).all()
    assert np.isfinite(live_scene.limits(holed, 0)["margin"]).all()


def test_a_gap_is_the_difference_between_interpolation_and_the_exact_run(made, pad):
    trace = exact(made, 0.5, 0.15)
    run, right = trace.runs["refined"], trace.problem.answer
    found = live.measure_gap(pad, {(0.5, 0.15): run}, right)
    off = abs(pad.at(0.5, 0.15).answer_margin(right)[-1] - curves(trace, "refined").margin[-1])
    assert off > 1e-3 and found.median == found.worst == pytest.approx(off, rel=1e-4) and found.count == 1
    other = replace(run, scores=run.scores[::-1].copy())
    assert live.measure_gap(pad, {(0.5, 0.15): other}, right).same == 1 - found.same
    assert pad.gap.count == (len(GRID[0]) - 1) * (len(GRID[1]) - 1) and pad.gap.worst >= pad.gap.median > 0


def test_interpolation_is_checked_in_the_middle_of_different_cells(pad):
    places = live.between_settings(pad, 4, seed=1)
    assert len(set(places)) == 4
    axis = to_axis(pad.steps, pad.steps[-1])
    middles = (axis[1:] + axis[:-1]) / 2
    for step, mix in places:
        assert np.isclose(to_axis(step, pad.steps[-1]), middles).any() and mix in (0.15, 0.65)


# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_pad_comes_back_from_its_file(pad, tmp_path):
    file = pad.save(tmp_path / "a.npz")
    back = Pad.load(file, pad.stamp)
    close(back.cells, pad.cells, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(back.cells.log_p, pad.cells.log_p)
    assert (back.maps, back.stamp, back.gap) == (pad.maps, pad.stamp, pad.gap)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("what", ["problem", "weights", "settings", "maps"])
def test_a_pad_of_something_else_is_refused_by_name(made, tmp_path, what):
    models, problem, maps, pad = made
    file = pad.save(tmp_path / "a.npz")
    weights = models.weights(*TRIO)
    fine = {"problem": problem, "weights": weights, "names": TRIO, "config": CONFIG, "maps": maps}
    moved = replace(maps["PCA"], points=maps["PCA"].points + 1)
    other = {
        "problem": replace(problem, question=problem.question + " "),
        "weights": weights | {"weak": "0"},
        "settings": replace(CONFIG, reference="same"),
        "maps": {"PCA": moved},
    }
    assert Pad.load(file, live.stamp(**fine)).stamp == pad.stamp
    with pytest.raises(LiveError, match=f"another {what}"):
        Pad.load(file, live.stamp(**fine | {"config" if what == "settings" else what: other[what]}))


def test_a_damaged_file_is_refused_and_says_what_to_do(pad, tmp_path):
    whole = pad.save(tmp_path / "a.npz").read_bytes()
    np.savez(tmp_path / "d.npz", meta=np.array(json.dumps({"what": "background", "format": 1})))
    (tmp_path / "b.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.npz").write_text("nothing")
    for name in "bcde":
        with pytest.raises(LiveError, match="python -m lrr_core live"):
            Pad.load(tmp_path / f"{name}.npz")


def test_shapes_that_disagree_are_refused(pad):
    with pytest.raises(LiveError, match="does not begin"):
        replace(pad.cells, push=pad.cells.push[:, :-1])
    with pytest.raises(LiveError, match="do not fit a grid"):
        replace(pad, steps=pad.steps[:-1])
    with pytest.raises(LiveError, match="rising"):
        replace(pad, steps=pad.steps[::-1])


# --- what the browser gets ----------------------------------------------------------------------------------------------


def unpacked(array: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(array["data"]), "<f4").reshape(array["shape"])


def test_the_scene_holds_the_pad_and_is_json(made):
    _, problem, maps, pad = made
    scene = json.loads(json.dumps(live_scene.scene(pad, problem, maps)))
    for name in NAMES:
        np.testing.assert_array_equal(unpacked(scene["cells"][name]), getattr(pad.cells, name))
        np.testing.assert_array_equal(unpacked(scene["fixed"]["weak"][name]), getattr(pad.fixed, name)[2])
    assert scene["right"] == problem.answer and scene["thoughts"] == 3 and len(scene["candidates"]) == 2
    frontiers = [set(nodes) for nodes in scene["graph"]["frontiers"]]
    assert frontiers == [set(nodes) for nodes in problem.graph.frontiers(3)]


def test_axes_hold_the_fixed_runs_and_belong_to_the_pad_alone(made):
    _, problem, maps, pad = made
    scene = live_scene.scene(pad, problem, maps)
    (low, high), plain = scene["limits"]["margin"], pad.fixed.answer_margin(problem.answer)[0]
    assert low == -high and np.abs(plain).max() < high
    loud = replace(pad, fixed=replace(pad.fixed, log_p=40 * pad.fixed.log_p))
    assert live_scene.limits(loud, problem.answer)["margin"][1] > 40 * np.abs(plain).max()
    (x0, x1), (y0, y1) = scene["maps"][0]["near"]
    x, y = pad.fixed.places[..., 0, 0], pad.fixed.places[..., 0, 1]
    assert (x > x0).all() and (x < x1).all() and (y > y0).all() and (y < y1).all()


def test_after_a_release_the_page_says_how_far_off_interpolation_was(made, pad):
    trace = exact(made, 0.5, 0.15)
    moment = live_scene.moment(pad, trace, made[2])
    right = trace.problem.answer
    assert (moment["step"], moment["mix"]) == (0.5, 0.15) and not moment["margin"]["known"]
    assert moment["margin"]["exact"] == pytest.approx(curves(trace, "refined").margin[-1], abs=1e-5)
    assert moment["margin"]["between"] == pytest.approx(pad.at(0.5, 0.15).answer_margin(right)[-1])
    assert moment["margin"]["off"] == pytest.approx(abs(moment["margin"]["exact"] - moment["margin"]["between"]))
    assert moment["answer"]["exact"] == answer(trace, "refined").name
    np.testing.assert_allclose(unpacked(moment["view"]["log_p"]), trace.runs["refined"].readout, atol=1e-6)


def test_a_wrong_interpolated_answer_is_named(made, pad):
    trace = exact(made, 0.5, 0.15)
    turned = replace(pad, cells=replace(pad.cells, log_p=-pad.cells.log_p))
    moment = live_scene.moment(turned, trace, made[2])
    assert not moment["answer"]["same"] and moment["answer"]["exact"] != moment["answer"]["between"]
    words = live_scene.so_far([live_scene.release(moment)])
    assert "same answer at 0 of 1" in words


def test_a_release_on_a_computed_setting_says_nothing_about_interpolation(made, pad):
    moment = live_scene.moment(pad, exact(made, 0.2, 0.3), made[2])
    assert moment["margin"]["known"] and moment["margin"]["off"] < ROUNDING
    assert live_scene.so_far([live_scene.release(moment)]) == ""


def test_colours_are_those_of_the_colour_table():
    from lrr_core.colours import INK, ROLES

    sent = live_scene.look()
    for theme, ink in INK.items():
        assert sent[theme]["ink"]["text"] == ink.text
        assert {n: r["colour"] for n, r in sent[theme]["roles"].items()} == {n: r.colour for n, r in ROLES.items()}
    drawn = "".join(
        (ROOT / "pages" / name).read_text() for name in ("live_strokes.js", "live_draw.js", "live_words.js")
    )
    assert not any(role.colour.lower() in drawn.lower() for role in ROLES.values())


JAVASCRIPT = """
import { readFileSync } from "node:fs";
const { scene, places, axis } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const open = unpackScene(scene);
const out = places.map(([step, mix]) => {
  const run = runAt(open, step, mix);
  const margin = [0, 1].map((right) => margins(run.log_p, open.candidates.length, right));
  return { run: Object.fromEntries(Object.entries(run).map(([k, v]) => [k, Array.from(v)])), margin,
           shares: shares(run.log_p, open.candidates.length) };
});
const round = axis.map((s) => [toAxis(s, open.knee, open.top), fromAxis(toAxis(s, open.knee, open.top), open.knee, open.top)]);
const field = marginField(open, 5, 3);
console.log(JSON.stringify({ out, round, field: Array.from(field), line: zeroLine([-1, 1, -1, 3], 2, 2) },
  (_, v) => (Number.isNaN(v) ? "NaN" : v)));
"""


@pytest.mark.skipif(NODE is None, reason="no node on this machine; the browser test compares the margin")
def test_the_browser_interpolates_as_python_does(made, tmp_path):
    _, problem, maps, pad = made
    nodes = [(s, a) for s in pad.steps for a in pad.mixes]
    places, axis = [*BETWEEN, *nodes], np.linspace(-1, 1, 21)
    sent = {"scene": live_scene.scene(pad, problem, maps), "places": places, "axis": axis.tolist()}
    (tmp_path / "sent.json").write_text(json.dumps(sent))
    (tmp_path / "run.mjs").write_text((ROOT / "pages" / "live_numbers.js").read_text() + JAVASCRIPT)
    command = [NODE, tmp_path / "run.mjs", tmp_path / "sent.json"]
    back = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for (step, mix), theirs in zip(places, back["out"], strict=True):
        ours = pad.at(step, mix)
        for name in NAMES:
            got = np.array(theirs["run"][name], float).reshape(getattr(ours, name).shape)
            np.testing.assert_allclose(got, getattr(ours, name), rtol=2e-5, atol=2e-5, err_msg=f"{name} {step} {mix}")
        np.testing.assert_allclose(theirs["margin"], [ours.answer_margin(right) for right in (0, 1)], atol=2e-5)
        np.testing.assert_allclose(theirs["shares"], ours.answer_p(), atol=2e-5)
    np.testing.assert_allclose(back["round"], np.stack([to_axis(axis, 1.0), axis], 1), atol=1e-12)
    field = np.reshape(back["field"], (3, 5))
    top = pad.steps[-1]
    # the pad is symmetric in the browser, the small grid of this test is not: its left edge is held
    expect = [
        [pad.at(s, a).answer_margin(problem.answer)[-1] for s in from_axis(np.linspace(-1, 1, 5), top)]
        for a in (1, 0.5, 0)
    ]
    np.testing.assert_allclose(field, expect, atol=2e-5)
    assert back["line"] == [[0.5, 0, 0.25, 1]]


# --- what is shipped --------------------------------------------------------------------------------------------------

shipped = pytest.mark.skipif(not (SET / "model_set.json").exists(), reason="the shipped model set is not there")


def examples() -> list:
    files = sorted((ROOT / "assets" / "examples").glob("*.json"))
    return [p for file in files for p in BENCHMARKS["prosqa"].load(file)]


@pytest.fixture(scope="module")
def shelf():
    folder = ModelFolder(SET)
    background = find_background(folder)
    return folder, {kind: background.map(kind, 2) for kind in ("UMAP", "PCA")}


@shipped
def test_every_example_has_a_pad_of_these_weights_for_both_readings(shelf):
    folder, maps = shelf
    names = STANDARD.alone(folder.info.opens_with)
    for problem in examples():
        for reference in REFERENCES:
            config = RefineConfig(thoughts=folder.info.thoughts, reference=reference)
            marks = live.stamp(problem, folder.weights(*names), names, config, maps)
            pad = Pad.load(SHIPPED / live.file_name(problem, reference), marks)
            assert tuple(pad.steps) == STEPS and tuple(pad.mixes) == MIXES and pad.gap.count == live_runs.CHECKED
            assert all(np.isfinite(getattr(pad.cells, name)).all() for name in set(NAMES) - {"step_change"})
    assert sum(f.stat().st_size for f in SHIPPED.glob("*.npz")) < 4e6


@shipped
def test_a_shipped_pad_holds_the_runs_of_the_shipped_model(shelf):
    folder, maps = shelf
    problem, models = examples()[-1], ModelSet(SET, "cpu")
    pad = Pad.load(SHIPPED / live.file_name(problem, "same"))
    for step, mix in ((0.3, 0.1), (-1.0, 0.6)):
        config = setting(RefineConfig(thoughts=6, reference="same"), step, mix)
        trace = refine_problem(models, problem, config, STANDARD.alone(folder.info.opens_with), ())
        run = view([trace.runs["refined"]], trace, maps)[0]
        here = pad.at(step, mix)
        np.testing.assert_allclose(here.log_p, run.log_p, atol=2e-3)
        np.testing.assert_allclose(here.places, run.places, atol=0.05)
        np.testing.assert_allclose(here.node_p, run.node_p, atol=1e-3)
