"""Maps: placing keeps its laws, PCA is PCA, a UMAP is better than chance, and the file holds what was fitted."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lrr_core.analysis import fitting, projection
from lrr_core.analysis.fitting import MAPS, fit_background, own_labels, thin, trustworthiness
from lrr_core.analysis.projection import MOST, NEIGHBOURS, Background, Labels, ProjectionError, placement_weights

WIDTH = 24
IDENTITY = {"set": "test", "members": {"backbone": "a", "strong": "b"}}
SHIPPED = Path(__file__).parents[3] / "assets" / "models" / "prosqa"


def straight_lines(count: int, steps: int = 6, seed: int = 0) -> tuple[np.ndarray, Labels]:
    """`count` straight trajectories side by side on a curved sheet in WIDTH dimensions; the seed moves them a little."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(WIDTH, WIDTH)))[0]
    angle = np.linspace(0, np.pi, count)
    start = 3 * np.stack([np.cos(angle), np.sin(angle)], 1) @ basis[:2]
    way = basis[2] + 0.3 * np.sin(angle)[:, None] * basis[3]
    states = start[:, None] + np.arange(steps)[:, None] * way[:, None] + 0.05 * rng.normal(size=(count, steps, WIDTH))
    labels = replace(own_labels([steps] * count, [False] * count), problem=np.repeat(np.arange(count), steps))
    return states.reshape(-1, WIDTH), labels


@pytest.fixture(scope="module")
def background():
    states, labels = straight_lines(60)
    return fit_background(states, labels, IDENTITY, seed=0, fresh=straight_lines(17, seed=1)[0])


@pytest.fixture(scope="module", params=[(kind, dims) for kind in MAPS for dims in (2, 3)], ids=str)
def one_map(request, background):
    return background.map(*request.param)


@pytest.fixture
def states(background):
    """(5, 4, WIDTH) off the background by about half its own spacing."""
    rng = np.random.default_rng(3)
    return background.states[rng.integers(len(background.states), size=(5, 4))] + 0.1 * rng.normal(size=(5, 4, WIDTH))


def size(m) -> float:
    return max(high - low for low, high in m.ranges())


def test_the_same_state_gets_the_same_place_whatever_is_placed_with_it(one_map, states):
    together = one_map.place(states)
    assert together.shape == (5, 4, one_map.dims)
    one_by_one = np.stack([one_map.place(s) for s in states.reshape(-1, WIDTH)]).reshape(together.shape)
    np.testing.assert_array_equal(together, one_by_one)
    np.testing.assert_array_equal(together, one_map.place(states))
    np.testing.assert_array_equal(together, one_map.place(np.concatenate([states] * 80))[-5:])  # over a block of 256
    np.testing.assert_array_equal(one_map.neighbour_distance(states)[2, 1], one_map.neighbour_distance(states[2, 1]))


def test_a_background_state_lands_on_itself_and_has_no_neighbour_distance(one_map, background):
    np.testing.assert_allclose(one_map.place(background.states), one_map.points, atol=1e-5 * size(one_map))
    assert not one_map.neighbour_distance(background.states).any()


def test_input_noise_of_1e_5_moves_no_point_by_a_thousandth_of_the_map(one_map, background, states):
    rng = np.random.default_rng(4)
    for base in (states.reshape(-1, WIDTH), background.states):
        moved = one_map.place(base + 1e-5 * rng.normal(size=base.shape)) - one_map.place(base)
        # worst seen 4e-4, on a background state, where the placement has a cusp
        assert np.linalg.norm(moved, axis=-1).max() < 1e-3 * size(one_map)


def test_placement_is_continuous_where_one_neighbour_replaces_another(background):
    # the longest step of a path through the background is a steep place, not a jump: ten times finer it is ten times less
    m = background.map("UMAP", 2)
    way = np.linspace(background.states[0], background.states[-1], 4001)
    steps = np.linalg.norm(np.diff(m.place(way), axis=0), axis=-1)
    at = int(steps.argmax())
    finer = np.linalg.norm(np.diff(m.place(np.linspace(way[at], way[at + 1], 101)), axis=0), axis=-1)
    assert steps.max() < 0.05 * size(m) and finer.max() < 0.05 * steps.max()  # seen: 0.022 and 0.011


@pytest.mark.parametrize("dims", [2, 3])
def test_a_straight_line_in_d_dimensions_moves_on_a_umap_if_the_background_has_such_lines(background, dims):
    def steps(b: Background) -> np.ndarray:
        fresh = straight_lines(17, seed=5)[0].reshape(17, 6, WIDTH)
        return np.linalg.norm(np.diff(b.map("UMAP", dims).place(fresh), axis=1), axis=-1) / size(background.map("UMAP"))

    assert steps(background).min() > 0.03  # seen: 0.050
    # false convergence: on the end points alone the same lines hardly move, which is why a background is trajectories
    last = background.labels.thought == 6
    ends = {key: points[last] for key, points in background.points.items()}
    alone = replace(background, states=background.states[last], labels=background.labels.take(last), points=ends)
    assert np.median(steps(alone)) < 0.01  # seen: 0.005


def test_placement_weights_are_a_mean_that_prefers_the_near_and_ignores_the_unit():
    distance = np.sort(np.random.default_rng(0).uniform(1, 2, (8, NEIGHBOURS + 1)), axis=1)
    weight = placement_weights(distance)
    np.testing.assert_allclose(weight.sum(1), 1)
    assert (np.diff(weight, axis=1) <= 0).all() and (weight >= 0).all()
    np.testing.assert_allclose(placement_weights(1e-6 * distance), weight, rtol=1e-6)
    np.testing.assert_allclose(placement_weights(np.ones((1, 16))), 1 / 15)  # all equally far
    distance[:, 0] = 0
    np.testing.assert_allclose(placement_weights(distance)[:, 0], 1, atol=1e-6)
    edge = np.sort(np.append(distance[0, :-2], [1.9999999, 2.0]))[None]
    assert placement_weights(edge)[0, -1] < 1e-6  # a neighbour about to be replaced has faded out


def test_the_bandwidth_is_that_of_umap(background):
    # the slow twin: umap's own smooth_knn_dist on the same distances, with the fade-out and the 1/d written out
    from umap.umap_ import smooth_knn_dist

    distance = background.nearest(straight_lines(17, seed=6)[0], NEIGHBOURS + 1)[1]
    # umap counts the state itself as the first neighbour and starts its sum at the second: give it one
    padded = np.insert(distance[:, :-1], 0, 0, axis=1).astype(np.float32)
    sigma, rho = smooth_knn_dist(padded, NEIGHBOURS, n_iter=64)
    np.testing.assert_allclose(rho, distance[:, 0], rtol=1e-6)
    fuzzy = np.exp(-(distance - distance[:, :1]) / sigma[:, None])
    slow = (fuzzy[:, :-1] - fuzzy[:, -1:]) / distance[:, :-1]
    np.testing.assert_allclose(placement_weights(distance), slow / slow.sum(1, keepdims=True), atol=2e-4)


def test_pca_placement_is_linear_and_that_of_scikit_learn(background, states):
    from sklearn.decomposition import PCA

    m = background.map("PCA", 3)
    flat = states.reshape(-1, WIDTH)
    twin = PCA(3, svd_solver="full").fit(background.states.astype(np.float64))
    np.testing.assert_allclose(m.place(flat), twin.transform(flat), atol=1e-9)
    np.testing.assert_allclose(m.place(0.3 * flat[0] + 0.7 * flat[1]), 0.3 * m.place(flat[0]) + 0.7 * m.place(flat[1]))
    assert m.quality == pytest.approx(twin.explained_variance_ratio_.sum()) and m.quality_name == "explained variance"
    assert background.map("PCA", 2).quality < m.quality


def test_trustworthiness_is_well_above_a_random_map_and_survives_placing(background):
    random = np.random.default_rng(0).normal(size=(len(background.states), 2))
    chance = trustworthiness(background.states, random)
    assert 0.4 < chance < 0.6
    for dims in (2, 3):
        m = background.map("UMAP", dims)
        assert m.quality == m.trustworthiness > 0.9 > chance + 0.3
        assert 0.8 < m.placed <= 1


def test_axes_hold_the_background_and_do_not_depend_on_what_is_placed(one_map, states):
    before = one_map.ranges()
    assert not one_map.outside(one_map.points).any() and len(before) == one_map.dims
    one_map.place(100 * states)
    assert one_map.ranges() == before
    assert one_map.outside(one_map.place(100 * states)).any() == (one_map.kind == "PCA")
    assert (one_map.neighbour_distance(100 * states) > 10).all()


def test_the_polyline_of_the_background_breaks_between_trajectories(one_map):
    lines = one_map.lines()
    gaps = np.flatnonzero(np.isnan(lines[:, 0]))
    assert len(gaps) == 59 and (np.diff(gaps) == 7).all() and len(lines) == len(one_map.points) + 59


def test_placing_a_run_takes_less_than_50_ms_from_the_first_time_on():
    rng = np.random.default_rng(0)
    states, points = rng.normal(size=(MOST, 192)), rng.normal(size=(MOST, 2))
    labels, score = own_labels([8] * 500, [False] * 500), {"umap-2": 0.9}
    b = Background(states, labels, {"umap-2": points}, np.zeros(192), np.zeros((3, 192)), 1.0, {}, score, score)
    m, run = b.map("UMAP"), states[:84] + 0.1
    taken = []
    for _ in range(5):
        start = time.process_time()  # of this process, so that a busy machine does not count
        m.place(run)
        taken.append(time.process_time() - start)
    assert np.median(taken) < 0.05 and taken[0] < 0.1, taken


def test_the_file_gives_back_the_same_map(tmp_path, background, states):
    path = background.save(tmp_path / "made" / "background.npz")
    assert [p.name for p in path.parent.iterdir()] == ["background.npz"]  # nothing left beside it
    again = Background.load(path)
    for kind in MAPS:
        np.testing.assert_array_equal(again.map(kind).place(states), background.map(kind).place(states))
        assert again.map(kind, 3).ranges() == background.map(kind, 3).ranges()
        assert again.map(kind).quality == background.map(kind).quality
        assert again.map(kind).placed == background.map(kind).placed
    np.testing.assert_array_equal(again.states, background.states)
    np.testing.assert_array_equal(again.labels.problem, background.labels.problem)
    assert again.identity == background.identity and again.typical == background.typical


def test_a_foreign_broken_or_missing_file_is_refused_with_the_fix(tmp_path, background):
    good = background.save(tmp_path / "good.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(good[: len(good) // 2])
    (tmp_path / "text.npz").write_text("not a map")
    (tmp_path / "flipped.npz").write_bytes(good[:3000] + bytes(b ^ 255 for b in good[3000:3400]) + good[3400:])
    np.savez(tmp_path / "trace.npz", meta=np.array(json.dumps({"format": 1, "version": "0.1.0"})))
    with np.load(tmp_path / "good.npz") as file:
        meta = json.loads(str(file["meta"])) | {"format": 99}
        np.savez(tmp_path / "later.npz", **{**file, "meta": np.array(json.dumps(meta))})
    np.savez(tmp_path / "pickle.npz", meta=np.array([{"a": 1}], object))
    np.save(open(tmp_path / "array.npz", "wb"), np.zeros(3))  # noqa: SIM115
    for name in ("half", "text", "flipped", "trace", "later", "pickle", "array", "missing"):
        with pytest.raises(ProjectionError, match=rf"{name}\.npz.*lrr_core map"):
            Background.load(tmp_path / f"{name}.npz")


def test_a_background_fits_its_own_weights_only(background):
    assert background.fits(IDENTITY) and background.fits({"members": {"strong": "b"}})
    assert not background.fits({"members": {"backbone": "a", "strong": "other"}})
    assert not background.fits({"members": {"backbone": "a", "ladder/01": "c"}})
    assert not background.fits({})


def test_too_many_states_are_thinned_by_whole_trajectories_always_alike(monkeypatch):
    n = 900
    labels = own_labels([6] * n, [False] * n)
    keep = thin(labels, MOST)
    assert len(keep) == 3996 and (np.diff(keep.reshape(-1, 6), axis=1) == 1).all() and (keep[::6] % 6 == 0).all()
    np.testing.assert_array_equal(keep, thin(labels, MOST))
    for module in (projection, fitting):
        monkeypatch.setattr(module, "MOST", 100)
    b = fit_background(np.random.default_rng(0).normal(size=(6 * n, 3)), labels, {}, maps=("PCA",))
    assert len(b.states) == 96
    with pytest.raises(ProjectionError, match="at most 100"):
        replace(b, states=np.zeros((101, 3)))


def test_a_few_states_of_one_run_have_a_pca_at_once_and_no_umap():
    rng = np.random.default_rng(0)
    for lengths, width in (([6, 6, 6], 8), ([1, 1], 8), ([3], 2)):
        states = rng.normal(size=(sum(lengths), width))
        b = fit_background(states, own_labels(lengths, [False] * len(lengths)), {}, maps=("PCA",))
        assert b.map("PCA", 3).place(states).shape == (len(states), 3)
        assert np.isnan(b.map("PCA").trustworthiness) and b.map("PCA", 3).quality <= 1 + 1e-12
    with pytest.raises(ProjectionError, match="more than 30 states"):
        fit_background(states, own_labels([3], [False]), {}, maps=("UMAP",))
    same = fit_background(np.ones((6, 4)), own_labels([6], [False]), {}, maps=("PCA",))  # nothing varies
    assert not same.map("PCA").place(np.ones((2, 4))).any()
    assert np.isfinite(same.map("PCA").neighbour_distance(np.zeros((2, 4)))).all()


def test_what_has_no_place_is_refused_and_says_why(background):
    m = background.map("UMAP")
    with pytest.raises(ProjectionError, match="width 24, not \\(2, 9\\)"):
        m.place(np.zeros((2, 9)))
    with pytest.raises(ProjectionError, match="not finite"):
        m.place(np.full((2, WIDTH), np.nan))
    with pytest.raises(ProjectionError, match="choose one of UMAP, PCA"):
        background.map("t-SNE")
    with pytest.raises(ProjectionError, match="no umap-4"):
        background.map("UMAP", 4)
    with pytest.raises(ProjectionError, match="labels"):
        replace(background, labels=background.labels.take(np.arange(5)))
    assert m.place(np.zeros((0, WIDTH))).shape == (0, 2) and m.neighbour_distance(np.zeros((0, WIDTH))).shape == (0,)


@pytest.mark.skipif(not SHIPPED.exists(), reason="the shipped model set is absent")
def test_a_background_is_collected_from_a_model_set_kept_and_found_again(tmp_path, monkeypatch):
    from lrr_core.analysis import background as backgrounds
    from lrr_core.benchmarks.catalogue import BENCHMARKS
    from lrr_core.models.opened import ModelSet
    from lrr_core.models.shipped import cached_background, find_background
    from lrr_core.refinement.refine import Prompts, plain_thoughts

    models = ModelSet(SHIPPED, device="cpu")
    problems = BENCHMARKS["prosqa"].generate("balanced", 12, 0, (12, 12), (2, 2))
    made = backgrounds.build(models, problems=problems, maps=("PCA",))
    labels = made.labels
    opens, *_ = labels.member
    assert {"backbone", "strong", "weak"} < set(labels.member) and set(labels.kind) == {0, 1}
    assert set(labels.thought) == set(range(1, models.info.thoughts + backgrounds.BEYOND + 1))
    assert len(np.unique(labels.problem)) == 11  # a tenth is only placed
    assert 0 < made.placed["pca-2"] < 1
    # the states are the thoughts themselves
    here = (labels.problem == 0) & (labels.kind == 0) & (labels.member == opens)
    thoughts = plain_thoughts(models, Prompts.make(models, problems[1:2]), here.sum(), opens)[0].numpy()
    np.testing.assert_allclose(made.states[here], thoughts, atol=1e-2)  # float16
    # found only where it fits the weights
    monkeypatch.setattr(models, "path", tmp_path / "nothing shipped")
    assert find_background(models, tmp_path) is None
    replace(made, identity={"members": {"backbone": "other"}}).save(cached_background(models, tmp_path))
    assert find_background(models, tmp_path) is None
    monkeypatch.setattr(backgrounds, "build", lambda models, **_: made)
    assert backgrounds.ensure(models, tmp_path) is made
    assert find_background(models, tmp_path).fits(models.identity("backbone", opens))


def test_each_kind_of_map_says_what_may_be_read_off_it_and_what_its_numbers_are(background):
    pca, umap = background.map("PCA", 2), background.map("UMAP", 2)
    assert (
        umap.reading == "lengths and straightness mean nothing here"
        and "lengths along each axis are real" in pca.reading
    )
    assert umap.measured == f"{umap.quality_name} {umap.quality:.2f}, of placed thoughts {umap.placed:.2f}"
    # two numbers of two kinds: the second one is no variance
    assert pca.measured == f"explained variance {pca.quality:.2f}; trustworthiness {pca.placed:.2f}"
    assert replace(umap, placed=np.nan).measured == f"{umap.quality_name} {umap.quality:.2f}"


def test_fitting_a_umap_leaves_torchs_number_of_threads_alone():
    # numba sets OpenMP's number in the thread it runs in; torch adds up by that number, and bits would change after a fit
    before = torch.get_num_threads()
    fit_background(*straight_lines(20, seed=3), IDENTITY, maps=("UMAP",))
    assert torch.get_num_threads() == before == 1
