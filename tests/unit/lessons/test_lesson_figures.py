"""The figures of the Learn page: what is drawn at a moment is the number of the record or of the law, and stays drawn."""

import json
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest

from lrr_core.analysis.curves import curves
from lrr_core.analysis.fitting import fit_background, own_labels
from lrr_core.analysis.statistics import paired_difference
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.benchmarks.shortcuts import depth_rule
from lrr_core.lessons import toy
from lrr_core.lessons.evidence_figures import METHOD_ROWS, SAMPLES, Effect, controls_figure, effects_figure
from lrr_core.lessons.feedback_figure import feedback_figure
from lrr_core.lessons.frontier_figure import frontier_figure
from lrr_core.lessons.laws import length_kept, memory, straight_walk
from lrr_core.lessons.measure import mixed_runs
from lrr_core.lessons.mixing_figure import mixing_figure
from lrr_core.lessons.records import Case, MapMoves, after
from lrr_core.lessons.stage import Stage
from lrr_core.lessons.toy_figures import PUSHED, READINGS, STEPS, push_figure, readings_figure, signed
from lrr_core.lessons.trap_figures import STEP, depth_figure, map_figure
from lrr_core.lessons.trap_figures import STEPS as WALK
from lrr_core.models.checkpoints import STANDARD
from lrr_core.refinement.trace import RefineConfig
from lrr_core.refinement.tracing import refine_problem
from lrr_core.studies.comparison import TextRun

LOOKS = [("light", False), ("dark", True)]


@pytest.fixture(scope="module")
def trace(opened):
    problem = BENCHMARKS["prosqa"].generate("balanced", 1, 8, (11, 12), (2, 2))[0]
    config = RefineConfig("contrast", 0.3, thoughts=3)
    return refine_problem(opened["llama"], problem, config, STANDARD, ("zero_thoughts",))


def made_up(methods, n=1000, **config):
    rng = np.random.default_rng(1)
    right = {m: rng.random(n) < 0.6 + 0.3 * rng.random() for m in methods}
    return Case("c", {"n": n}, config, STANDARD, {"members": {}}, right)


@pytest.fixture(scope="module")
def films(trace, opened):
    """Every figure by name, as a function of theme and narrow."""
    alphas = [i / 10 for i in range(11)]
    overrun = made_up([after(a, t) for a in alphas for t in range(1, 11)], 60, thoughts=10)
    runs = mixed_runs(opened["llama"], trace.problem, 3, STANDARD)
    states = np.concatenate([trace.runs[n].thoughts for n in ("plain", "refined", "strong", "weak")])
    pca = fit_background(states, own_labels([3] * 4, [False] * 4), {}, maps=("PCA",)).map("PCA")
    many = np.geomspace(1e-7, 30, 20)
    moves = MapMoves(1e-5, 0.1, 0.0, many, dict.fromkeys(("transform", "UMAP", "PCA"), many), {"UMAP": many}, {}, {})
    rule = made_up(("depth_rule", "coconut", "zero_thoughts"))
    controls = made_up(METHOD_ROWS)
    text = TextRun(np.log([0.9, 0.1]), f"{trace.problem.graph.names[0]} nobody", "x", 3, {"prefill": 1, "decode": 3})
    return SimpleNamespace(
        overrun=overrun,
        runs=runs,
        map=pca,
        controls=controls,
        text=text,
        feedback=lambda *look: feedback_figure(trace, text, 60, *look),
        frontier=lambda *look: frontier_figure(trace, *look),
        push=lambda *look: push_figure(6, *look),
        readings=lambda *look: readings_figure(50, *look),
        mixing=lambda *look: mixing_figure(overrun, runs, *look),
        controls_figure=lambda *look: controls_figure({"one": controls, "two": controls}, *look),
        maps=lambda *look: map_figure(trace, {"UMAP": pca, "PCA": pca}, moves, *look),
        depth=lambda *look: depth_figure(trace, {"Released": rule, "Balanced": rule}, *look),
    )


FILMS = ("feedback", "frontier", "push", "readings", "mixing", "controls_figure", "maps", "depth")


def at(film, name: str) -> dict:
    """Trace name -> its data at a moment."""
    d = film.to_dict()
    frame = next(f for f in d["frames"] if f["name"] == name)
    return {
        d["data"][slot].get("name"): d["data"][slot] | t for slot, t in zip(frame["traces"], frame["data"], strict=True)
    }


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("look", LOOKS)
def test_a_film_is_a_figure_plotly_accepts_and_its_axes_never_move(films, name, look):
    film = getattr(films, name)(*look).to_dict()
    assert len(go.Figure(film).frames) == len(film["frames"]) > 1  # checks every property
    assert all("layout" not in frame for frame in film["frames"])
    axes = [axis for key, axis in film["layout"].items() if key.startswith(("xaxis", "yaxis"))]
    assert all(axis["range"] and axis["fixedrange"] for axis in axes)
    json.dumps(film["layout"]["sliders"])


@pytest.mark.parametrize("name", FILMS)
def test_no_panel_and_no_text_is_lost_when_a_film_moves(films, name):
    """Plotly clears a panel where nothing moves, and never writes again into a text that was once empty."""
    film = getattr(films, name)("light", False).to_dict()
    moving = {film["data"][slot].get("xaxis", "x") for slot in film["frames"][0]["traces"]}
    assert moving == {t.get("xaxis", "x") for t in film["data"]}
    texts = [t["text"] for f in film["frames"] for t in f["data"] if isinstance(t.get("text"), list)]
    assert all(line for text in texts for line in text)


@pytest.mark.parametrize("name", FILMS)
def test_every_moment_has_the_same_traces(films, name):
    film = getattr(films, name)("light", False).to_dict()
    assert len({tuple(f["traces"]) for f in film["frames"]}) == 1
    steps = film["layout"]["sliders"][0]["steps"]
    assert [s["args"][0][0] for s in steps] == [f["name"] for f in film["frames"]]


def test_a_stage_refuses_moments_of_different_size():
    stage = Stage(100, 100, "light")
    with pytest.raises(ValueError, match="Moment 1 has 2 traces, moment 0 has 1"):
        stage.film([], lambda i: [stage.words(0, 0, "x")] * (i + 1), {}, ["a", "b"], 0)


def test_text_steps_and_thoughts_are_counted_as_their_runs_count_them(films, trace):
    end = films.feedback("light", False).to_dict()["frames"][-1]["data"]
    said = [t["text"][0] for t in end if len(t.get("text", ())) == 1]
    cost = trace.runs["plain"].cost
    passes = sum(v for k, v in cost.items() if k != "readout")
    assert any("<b>3</b> words" in s and "<b>4</b> forward" in s for s in said)
    assert any("<b>1</b> word " in s and f"<b>{passes}</b> forward" in s for s in said)


def test_an_invented_step_is_marked_and_each_thought_shows_its_numbers(films, trace):
    moments = films.feedback("light", False)
    end = at(moments, moments.to_dict()["frames"][-1]["name"])
    assert [x is not None for x in end["invented step"]["x"]] == [True, True]
    shown = end["thought 2"]["marker"]["color"]
    assert shown == trace.runs["plain"].thoughts[1].round(3).tolist()
    assert at(moments, "pass 1")["thought 2"]["x"] == []


def test_a_set_without_a_text_checkpoint_says_so(trace):
    film = feedback_figure(trace, None, 60).to_dict()
    assert any("no text checkpoint" in str(t.get("text")) for t in film["data"])


def test_the_two_graphs_show_thoughts_and_zeros_and_the_bars_their_answers(films, trace):
    film = films.frontier("light", False).to_dict()
    frame = film["frames"][1]
    drawn = [film["data"][slot] | t for slot, t in zip(frame["traces"], frame["data"], strict=True)]
    p = [t["customdata"] for t in drawn if t.get("name") == "probability"]
    for shown, name in zip(p, ("plain", "zero_thoughts"), strict=True):
        assert shown == trace.runs[name].node_p[1, -1].round(4).tolist()
    bars = [t["x"][1] for t in drawn if str(t.get("name")).startswith("answers")]
    expected = curves(trace, "plain").candidate_p[1].tolist()
    assert bars[:2] == pytest.approx(expected)


@pytest.mark.parametrize("step", [-0.4, 0.0, 0.15])
def test_the_slider_of_the_push_shows_the_toys_own_run(films, step):
    now = at(films.push("light", False), f"s{signed(step)}")
    for name, held in (("held fixed", True), ("asked again each round", False)):
        path = toy.refine(PUSHED, step, rounds=6, held=held).states[0]
        np.testing.assert_allclose(np.stack([now[name]["x"], now[name]["y"]], 1), path)
        strong = toy.refine(PUSHED, step, held=True).strong[0, 0]
        away = np.linalg.norm(path - strong, axis=1)
        np.testing.assert_allclose(now[f"distance, {name}"]["y"], away)


def test_the_readings_show_the_toys_thoughts_and_its_mean_distance(films):
    step, plane = READINGS[-3], toy.circle(50)
    now = at(films.readings("light", False), f"s{signed(step)}")
    for place, reading in enumerate(("same", "next")):
        run = toy.refine(plane, step, thoughts=3, reference=reading)
        np.testing.assert_allclose(now[f"refined, {reading}"]["x"], run.thoughts[:, 0])
        assert now["cursor"]["y"][1 + place] == pytest.approx(toy.gap(plane, run).mean())
    assert 0.0 in STEPS and 0.0 in READINGS


def test_squares_lengths_and_curves_of_the_mix_are_their_numbers(films):
    now = at(films.mixing("light", False), "a0.4")
    size = np.array(now["memory"]["marker"]["size"])
    rows, columns = np.tril_indices(3)
    share = memory(0.4, 3)[rows, columns]
    np.testing.assert_allclose((size / size[0]) ** 2, share / share[0], atol=0.002)  # area is the share
    np.testing.assert_allclose(now["length kept"]["y"], length_kept(films.runs["0.4"]))
    rates = [100 * films.overrun.rate(after(0.4, t)).share for t in range(1, 11)]
    np.testing.assert_allclose(now["right, refined"]["y"], rates)


@pytest.mark.parametrize("n", [25, 1000])
def test_controls_are_counted_on_the_first_n_problems(films, n):
    now = at(films.controls_figure("light", False), f"n = {n}")
    rates = [films.controls.rate(m, n) for m in METHOD_ROWS]
    np.testing.assert_allclose(now["accuracy"]["x"], [100 * r.share for r in rates])
    np.testing.assert_allclose(now["intervals"]["x"][:2], [100 * rates[0].low, 100 * rates[0].high])
    assert now["differences"]["text"][0] == films.controls.difference(METHOD_ROWS[1], "coconut", n).text()
    assert n in SAMPLES


def test_the_walk_on_a_map_is_where_the_map_puts_it_and_pca_shows_it_straight(films, trace):
    now = at(films.maps("light", False), f"step {WALK}")
    run = trace.runs["refined"]
    walk = straight_walk(run.states[0, 0], run.strong[0, 0], run.weak[0, 0], STEP, WALK)
    drawn = np.stack([now["straight walk, PCA"]["x"], now["straight walk, PCA"]["y"]], 1)
    np.testing.assert_allclose(drawn, films.map.place(walk))
    np.testing.assert_allclose(np.diff(drawn, axis=0), np.tile(drawn[1] - drawn[0], (WALK, 1)), atol=1e-6)


@pytest.mark.parametrize(("kind", "seed"), [("balanced", 8), ("released", 3), ("released", 4)])
def test_the_played_rule_ends_with_the_answer_of_the_depth_rule(opened, kind, seed):
    problem = BENCHMARKS["prosqa"].generate(kind, 1, seed, (14, 14), (2, 2) if kind == "balanced" else None)[0]
    trace = refine_problem(opened["llama"], problem, RefineConfig("coconut", thoughts=2), STANDARD, ())
    film = depth_figure(trace, {"Some": made_up(("depth_rule", "coconut", "zero_thoughts"))})
    said = next(t["text"][0] for t in film.to_dict()["frames"][-1]["data"] if " out, " in str(t.get("text")))
    q = problem.graph
    if kind == "balanced":  # both candidates are equally deep
        assert "a tie" in said
    else:
        assert f"it says <b>{q.names[depth_rule(q)]} {'✓' if depth_rule(q) == q.answer else '✗'}" in said


def test_effects_are_drawn_as_points_with_their_intervals_and_controls():
    a, b = np.arange(200) % 3 > 0, np.arange(200) % 2 > 0
    found = paired_difference(a, b)
    film = effects_figure(
        [Effect("Push", "here", found, paired_difference(b, a)), Effect("Mix", "there", found)]
    ).to_dict()
    drawn = {t.get("name"): t for t in film["data"]}
    assert drawn["Push"]["x"] == [found.points] and drawn["interval 1"]["x"] == [*found.ci95]
    assert drawn["random 0"]["x"] == [-found.points] and "random 1" not in drawn
    go.Figure(film)
