"""The numbers of the Learn page: stored measurements are what the models give, and every law that is drawn holds."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from by_hand import ONE_TOKEN, ByHand, TwoDimensions

from lrr_core.analysis.statistics import pack, paired_difference, unpack, wilson
from lrr_core.benchmarks.generators import generate
from lrr_core.benchmarks.prosqa import GraphQuestion
from lrr_core.benchmarks.shortcuts import depth_rule
from lrr_core.evaluation.evaluate import evaluate
from lrr_core.lessons import toy
from lrr_core.lessons.laws import (
    follows,
    length_kept,
    map_width,
    memory,
    named_depths,
    straight_walk,
    strides,
)
from lrr_core.lessons.measure import answered, choices_after_each, mixed_runs, tasks
from lrr_core.lessons.records import Case, LessonError, after, load_cases, load_moves
from lrr_core.models.checkpoints import STANDARD, Checkpoints
from lrr_core.models.opened import ModelSet
from lrr_core.models.shipped import find_background
from lrr_core.refinement.refine import Prompts, Refiner, run_all
from lrr_core.refinement.trace import RefineConfig

ROOT = Path(__file__).parents[3]
SET, LESSONS = ROOT / "assets" / "models" / "prosqa", ROOT / "assets" / "lessons"
shipped = pytest.mark.skipif(not (SET / "model_set.json").exists(), reason="the shipped model set is not there")


@pytest.fixture(scope="module")
def models_shipped():
    return ModelSet(SET, device="cpu")


@pytest.fixture(scope="module")
def cases():
    return load_cases(LESSONS / "answers.json")


def residual_run(models, problems, alpha, thoughts=4):
    config = RefineConfig("residual", residual=alpha, thoughts=thoughts)
    return run_all(Refiner(models, Prompts.make(models, problems), config, STANDARD), decode=False)[0]


# --- residual mixing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_memory_gives_the_thoughts_of_a_real_run_from_what_was_proposed(models, problems, alpha):
    run = residual_run(models, problems, alpha)
    # measured worst over both families: 5e-7
    np.testing.assert_allclose(memory(alpha, 4) @ run.proposed, run.thoughts, atol=5e-6)


def test_memory_shares_sum_to_one_and_end_at_no_memory_and_at_frozen():
    assert memory(0.37, 7).sum(1) == pytest.approx(np.ones(7))
    assert np.array_equal(memory(0.0, 5), np.eye(5))
    assert np.array_equal(memory(1.0, 5), np.eye(5)[np.zeros(5, int)])


def test_a_mean_of_two_thoughts_is_never_longer_and_shorter_where_they_differ(models, problems):
    run = residual_run(models, problems, 0.5)
    kept = length_kept(run)
    assert kept[0] == pytest.approx(1) and (kept <= 1 + 1e-6).all() and kept[1:].min() < 0.999
    assert length_kept(residual_run(models, problems, 0.0)) == pytest.approx(np.ones(4))


@pytest.mark.parametrize(("second", "left"), [((3.0, 0.0), 1.0), ((-1.0, 0.0), 0.0), ((0.0, 1.0), np.sqrt(0.5))])
def test_what_is_kept_is_all_side_by_side_nothing_face_to_face_and_some_at_right_angles(second, left):
    proposed = np.array([(1.0, 0.0), second])
    mixed = np.stack([proposed[0], 0.5 * proposed[0] + 0.5 * proposed[1]])
    run = SimpleNamespace(
        config=SimpleNamespace(residual=0.5), proposed=proposed, states=mixed[:, None], thoughts=mixed
    )
    assert length_kept(run) == pytest.approx([1.0, left])


def test_a_thought_does_not_depend_on_how_many_follow(models, problems):
    config = RefineConfig("residual", residual=0.3, thoughts=4)
    long = choices_after_each(models, problems, config, STANDARD)
    for t in (1, 2, 3):
        short = run_all(Refiner(models, Prompts.make(models, problems), replace(config, thoughts=t), STANDARD))
        assert long[:, t - 1].tolist() == [run.choice for run in short]


def test_all_mixes_in_one_pass_are_the_runs_one_by_one(models, problems):
    together = mixed_runs(models, problems[0], 3, STANDARD, (0.0, 0.4, 1.0))
    assert list(together) == ["0", "0.4", "1"]
    for alpha, run in together.items():
        alone = residual_run(models, problems[:1], float(alpha), 3)
        assert run.config.residual == float(alpha)
        np.testing.assert_allclose(run.thoughts, alone.thoughts, atol=2e-5)


# --- the toy ----------------------------------------------------------------------------------------------------------


class ToyModels(TwoDimensions):
    """The toy's maps as models that `Refiner` runs."""

    def __init__(self, plane):
        self.plane = plane

    def model(self, name):
        return ByHand(getattr(self.plane, name).astype(np.float32).tolist(), 0.0)


@pytest.mark.parametrize("reference", ["next", "same"])
@pytest.mark.parametrize("step", [0.3, -0.2])
def test_the_toy_gives_the_numbers_of_the_real_refinement(reference, step):
    plane = replace(toy.circle(70), question=np.array([1.0, 2.0]))  # what ONE_TOKEN is embedded as
    config = RefineConfig("full", abs(step), 0.25, 3, 4, reference, sign="descent" if step > 0 else "as_printed")
    refiner = Refiner(ToyModels(plane), ONE_TOKEN, config)
    for _ in refiner:
        pass
    real = refiner.runs(decode=False)[0]
    drawn = toy.refine(plane, step, 0.25, 3, 4, reference)
    for ours, theirs in (
        (drawn.states, real.states),
        (drawn.proposed, real.proposed),
        (drawn.strong, real.strong),
        (drawn.weak, real.weak),
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_with_fixed_references_the_rounds_are_equal_steps_on_one_line_and_asked_again_they_are_not():
    plane = toy.circle(60, 30, 40)
    held = toy.refine(plane, 0.2, rounds=8, held=True)
    steps = np.diff(held.states[0], axis=0)
    assert np.allclose(steps, 0.2 * (held.strong[0, 0] - held.weak[0, 0]))
    again = np.diff(toy.refine(plane, 0.2, rounds=8).states[0], axis=0)
    assert np.allclose(again[0], steps[0]) and not np.allclose(again[1:], steps[1:], atol=0.01)


def test_the_push_is_the_slope_of_two_bowls_and_has_no_floor():
    rng = np.random.default_rng(0)
    h, g, b = rng.normal(size=(3, 2))
    leaf = torch.tensor(h, requires_grad=True)
    j = ((torch.tensor(g) - leaf) ** 2).mean() - ((torch.tensor(b) - leaf) ** 2).mean()
    (slope,) = torch.autograd.grad(j, leaf)
    eta = 0.3 * toy.WIDTH / 2
    np.testing.assert_allclose(toy.push(g, b, 0.3), -eta * slope.numpy())
    shares = np.linspace(-50, 50, 11)
    to_strong, to_weak, ramp = toy.side_view(shares, h, g, b)
    np.testing.assert_allclose(ramp, to_strong - to_weak)
    np.testing.assert_allclose(np.diff(ramp), np.diff(ramp)[0])  # one straight line
    assert ramp[-1] < ramp[0]  # that goes on falling
    np.testing.assert_allclose(ramp[5], toy.objective(h, g, b))


def test_the_nearest_point_is_where_the_distance_to_strong_is_smallest_and_beyond_it_the_push_overshoots():
    h, g, b = np.random.default_rng(3).normal(size=(3, 2))
    share = toy.nearest_share(h, g, b)
    grid = np.linspace(share - 2, share + 2, 4001)
    away = np.linalg.norm(g - (h + grid[:, None] * (g - b)), axis=1)
    assert grid[away.argmin()] == pytest.approx(share, abs=1e-3)
    assert np.isnan(toy.nearest_share(h, g, g))
    sign = np.sign(share)
    words = [toy.outcome(sign * s, 10, share) for s in (0, -0.1, 0.9 * abs(share) / 10, 1.2 * abs(share) / 10)]
    assert words == ["stands still", "moves away", "is on the way", "overshoots"]


def test_where_thoughts_hardly_move_on_both_readings_help_and_where_they_jump_only_same_does():
    def gain(turn, reading):
        plane = toy.circle(turn)
        plain, pushed = (toy.gap(plane, toy.refine(plane, s, thoughts=3, reference=reading)).mean() for s in (0, 0.3))
        return plain - pushed

    assert gain(15, "same") > 0.1 and gain(15, "next") > 0.1
    assert gain(110, "same") == pytest.approx(gain(15, "same")) and gain(110, "next") < 0


# --- counted answers --------------------------------------------------------------------------------------------------


def case(n=40, **right):
    right = right or {"a": np.arange(n) % 3 > 0, "b": np.arange(n) % 4 > 0}
    identity = {"members": {"backbone": "x"}}
    return Case("c", {"n": n}, {}, Checkpoints("backbone", "strong", "weak"), identity, right)


@pytest.mark.parametrize("n", [1, 8, 13])
def test_packed_answers_come_back_as_they_were(n):
    right = np.random.default_rng(n).random(n) > 0.5
    assert np.array_equal(unpack(json.loads(json.dumps(pack(right))), n), right)


def test_rates_and_differences_are_those_of_the_first_n_problems():
    c = case()
    a, b = c.right["a"][:15], c.right["b"][:15]
    rate, d = c.rate("a", 15), c.difference("a", "b", 15)
    assert (rate.correct, rate.n, (rate.low, rate.high)) == (a.sum(), 15, wilson(int(a.sum()), 15))
    assert d == paired_difference(a, b) and d.n == 15
    assert c.rate("a").n == 40


def test_a_verdict_needs_an_interval_that_leaves_out_zero():
    none, all_right = np.zeros(50, bool), np.ones(50, bool)
    coin, one_more = np.arange(50) % 2 == 0, np.arange(50) % 2 == 0
    one_more[1] = True  # a point better, but by a single problem
    pairs = (all_right, none), (none, all_right), (coin, ~coin), (one_more, coin)
    assert [paired_difference(a, b).verdict for a, b in pairs] == ["helps", "hurts", "nothing shown", "nothing shown"]
    assert paired_difference(one_more, coin).points == pytest.approx(2)


def test_what_was_not_measured_is_refused():
    with pytest.raises(LessonError, match=r"no 'c'; it has a, b"):
        case().rate("c")
    with pytest.raises(LessonError, match="between 1 and that, not 41"):
        case().rate("a", 41)
    with pytest.raises(LessonError, match="lacks answers"):
        case(5, a=np.ones(4, bool))
    two = replace(case(), identity={"members": {"backbone": "x", "weak": "y"}})
    assert two.fits({"backbone": "x", "weak": "y", "strong": "z"})
    assert not two.fits({"backbone": "x", "weak": "z"}) and not two.fits({"backbone": "x"})


def test_a_file_that_is_no_measurement_says_so_and_how_to_make_one(tmp_path):
    path = tmp_path / "answers.json"
    for text in (None, "{", "[]", '{"format": 1, "what": "maps"}', '{"format": 1, "what": "answers", "cases": [{}]}'):
        if text is not None:
            path.write_text(text)
        with pytest.raises(LessonError, match=r"lessons\.measure"):
            load_cases(path)
    with pytest.raises(LessonError, match="does not hold maps"):
        load_moves(path)


@shipped
def test_the_shipped_answers_are_of_the_shipped_weights(models_shipped, cases):
    weights = models_shipped.weights(*models_shipped.members)
    assert len(cases) >= 9 and all(c.fits(weights) for c in cases.values())
    asked = {name: methods for name, *_, methods in tasks(models_shipped, None)}
    assert {name: tuple(c.right) for name, c in cases.items() if name in asked} == asked


@shipped
@pytest.mark.parametrize("name", ["middle-same", "overrun"])
def test_stored_answers_are_what_the_models_give(models_shipped, cases, name):
    _, problems, where, config, names, methods = next(t for t in tasks(models_shipped, None) if t[0] == name)
    stored, few = cases[name], 16
    assert stored.problems == where and stored.config == vars(config) and stored.checkpoints == names
    some = [m for m in methods if m in ("coconut", "full", "random_direction") or m.startswith("0.7@")]
    found = answered(models_shipped, problems[:few], config, names, some)
    # another batch rounds differently: an answer on the edge may flip
    off = sum(int((found[m] != stored.right[m][:few]).sum()) for m in some)
    assert off <= 1


@shipped
def test_a_measured_method_is_counted_as_evaluate_counts_it(models_shipped):
    _, problems, _, config, names, _ = next(tasks(models_shipped, None))
    right = answered(models_shipped, problems[:8], config, names, ("coconut", "depth_rule"))
    report = evaluate(models_shipped, problems[:8], ("coconut",), config, names)
    assert right["coconut"].sum() == report.methods["coconut"].correct
    assert right["depth_rule"].sum() == report.baselines["depth_rule"].correct


def test_after_names_alpha_and_thoughts():
    assert (after(0.0, 3), after(0.7, 10), after(1.0, 1)) == ("0@3", "0.7@10", "1@1")


# --- maps, depths, steps ----------------------------------------------------------------------------------------------


@shipped
def test_a_straight_walk_has_equal_strides_on_a_pca_and_not_on_a_umap(models_shipped):
    background = find_background(models_shipped)
    start, g, b = background.states[[0, 500, 900]].astype(float)
    walk = straight_walk(start, g, b, 0.1, 6)
    assert np.allclose(strides(walk), 0.1 * np.linalg.norm(g - b))
    pca, umap = (strides(background.map(kind).place(walk)) for kind in ("PCA", "UMAP"))
    assert np.allclose(pca, pca[0]) and umap.max() > 1.5 * umap.min()


@shipped
def test_the_shipped_movements_say_what_the_chapter_says(models_shipped):
    moves, background = load_moves(LESSONS / "umap.json"), find_background(models_shipped)
    assert moves.fits(models_shipped.weights(*models_shipped.members))
    assert moves.refit < 1e-3  # the UMAP that was nudged is the one that is shown
    assert moves.shaken["UMAP"].max() < 0.01 and moves.shaken["PCA"].max() < 0.01 < moves.jitter
    assert moves.stuck == pytest.approx((moves.pushed["UMAP"] < 0.1).mean())
    assert map_width(background.map("PCA")) == pytest.approx(np.ptp(background.points["pca-2"], axis=0).max())


@pytest.mark.parametrize("kind", ["balanced", "released"])
def test_the_depth_rule_answers_with_the_candidate_that_is_deepest(kind):
    for q in generate(kind, 60, 5):
        depth = named_depths(q)
        assert depth[depth_rule(q)] == max(depth[c] for c in q.candidates)
        assert depth[q.root] == 0


def test_depths_count_from_every_name_and_from_whatever_nothing_leads_to():
    names = ("Tom", "cat", "Rex", "pet", "fish", "swimmer", "loop")
    q = GraphQuestion(names, ((0, 1), (1, 2), (2, 3), (4, 5), (6, 6)), 0, (3, 5), 3)
    assert named_depths(q) == [0, 1, 0, 1, 0, 1, -1]


def test_a_written_step_follows_only_where_a_sentence_says_so(problems):
    q = problems[0].graph
    path = [q.names[i] for i in q.path()[1:]]
    assert follows(q, path) == [True] * len(path)
    assert follows(q, [path[-1], "nothing"])[1] is False and not any(follows(q, [q.names[q.root]]))
    assert follows(None, ["x"]) == [True] and follows(q, []) == []
