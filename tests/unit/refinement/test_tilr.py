"""TILR: its subspace against linear algebra, its steps against a slow twin and against its laws, its file against other weights."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from streamlit.testing.v1 import AppTest

from lrr_core import __main__ as program
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.colours import INK
from lrr_core.figures.subspace import RAYS, describe, run_split, subspace_figure
from lrr_core.models.checkpoints import STANDARD, Checkpoints
from lrr_core.models.folder import ModelError, ModelFolder, NotCalibrated
from lrr_core.models.opened import ModelSet
from lrr_core.models.rollout import Stream
from lrr_core.refinement import calibration as tilr
from lrr_core.refinement import subspace as subspaces
from lrr_core.refinement.refine import Prompts, Refiner, plain_thoughts, run_all
from lrr_core.refinement.subspace import ROLES, Split, Subspace, SubspaceError, file_name, fit, words
from lrr_core.refinement.trace import REFERENCES, RefineConfig, Run, Trace
from lrr_core.refinement.tracing import refine_problem, rerun
from lrr_core.studies.comparison import table
from lrr_core.studies.measure_comparison import compare_methods

ROOT = Path(__file__).parents[3]
SET = ROOT / "assets" / "models" / "prosqa"
CONFIG = RefineConfig("tilr", 0.4, 0.2, rounds=2, thoughts=3)
WHO = {
    "reference": "next",
    "names": dict.fromkeys(ROLES, "m"),
    "members": dict.fromkeys(ROLES, "0"),
    "problems": {"n": 1},
}
# measured worst over both families and readings: 2.6e-6
TOLERANCE = 2e-5
shipped = pytest.mark.skipif(not (SET / "model_set.json").exists(), reason="the shipped model set is not there")


def run(models, problems, subspace=None, names=STANDARD, scales=None, **settings) -> list[Run]:
    refiner = Refiner(
        models, Prompts.make(models, problems), replace(CONFIG, **settings), names, scales=scales, subspace=subspace
    )
    return run_all(refiner)


def same_bits(a: Run, b: Run) -> bool:
    return all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=True) for n in Run.ARRAYS)


def spanned(basis: np.ndarray, models, reference="next") -> Subspace:
    """A subspace with this very basis (r, D)."""
    basis = np.asarray(basis, np.float32)
    empty = Split(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    members = {role: models.hash(role) for role in ROLES}
    who = WHO | {"reference": reference, "members": members}
    return Subspace(basis=basis, singular=np.ones(len(basis)), energy=1.0, captured=1.0, n=99, seen=empty, **who)


@pytest.fixture(scope="module")
def deltas():
    """(60, 10) differences whose energy falls from direction to direction."""
    return np.random.default_rng(3).normal(size=(60, 10)) * 0.7 ** np.arange(10)


# --- the subspace -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("energy", [0.3, 0.5, 0.9, 0.99, 1.0])
def test_the_rank_is_the_smallest_that_captures_the_energy(deltas, energy):
    found = fit(deltas, energy, **WHO)
    total = (deltas**2).sum()
    held = np.array([((deltas @ found_basis(deltas, r).T) ** 2).sum() / total for r in range(11)])
    assert found.captured == pytest.approx(held[found.rank]) and found.captured >= energy - 1e-12
    assert held[found.rank - 1] < energy
    np.testing.assert_allclose(found.shares, held[1:], atol=1e-12)
    kept = (found.project(deltas) ** 2).sum() / total  # the energy inside is the energy captured
    assert kept == pytest.approx(found.captured, abs=1e-6)


def found_basis(deltas, rank):
    """The leading eigenvectors of the second moments: another way to the same subspace."""
    return np.linalg.eigh(deltas.T @ deltas)[1][:, ::-1][:, :rank].T


def test_projecting_twice_is_projecting_once_and_no_direction_is_made_up(deltas):
    found = fit(deltas, 0.8, **WHO)
    assert 1 < found.rank < 10
    once = found.project(deltas)
    np.testing.assert_allclose(found.project(once), once, atol=1e-6)
    np.testing.assert_allclose(found.basis @ found.basis.T, np.eye(found.rank), atol=1e-6)
    other = found_basis(deltas, found.rank)
    np.testing.assert_allclose(found.basis.T @ found.basis, other.T @ other, atol=1e-6)
    assert all(row[np.abs(row).argmax()] > 0 for row in found.basis)  # so that a picture is not mirrored by chance


def test_a_difference_is_split_as_pythagoras_says(deltas):
    found = fit(deltas, 0.6, **WHO)
    split = found.split(deltas.reshape(6, 10, 10))
    assert split.plane.shape == (6, 10, 2) and split.gamma.shape == (6, 10)
    np.testing.assert_allclose(split.inside**2 + split.outside**2, (deltas**2).sum(-1).reshape(6, 10))
    np.testing.assert_allclose(split.inside, np.linalg.norm(found.project(deltas), axis=-1).reshape(6, 10))
    np.testing.assert_allclose(split.plane.reshape(-1, 2), deltas @ found.basis[:2].T)
    along = found.split(np.stack([found.basis[0], np.zeros(10), found_basis(deltas, 10)[9]]))
    np.testing.assert_allclose(along.gamma, [1, 0, 0], atol=1e-6)


def test_differences_that_are_all_zero_leave_nothing_to_keep():
    found = fit(np.zeros((7, 5)), **WHO)
    assert found.rank == 0 and found.captured == 1 and not found.project(np.ones(5)).any()
    assert found.split(np.ones((2, 5))).gamma.tolist() == [0, 0] and "nothing to keep" in words(found)


def test_a_subspace_of_few_differences_has_no_invented_directions(deltas):
    flat = np.outer([1.0, -2.0, 0.5], deltas[0])  # three differences along one line
    found = fit(flat, 1.0, **WHO)
    assert found.rank == 1 and found.split(flat).plane[:, 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("values", "energy", "said"),
    [
        (np.ones((3, 4)), 0.0, r"energy must lie above 0 .* not 0\.0"),
        (np.ones((3, 4)), 1.2, "energy must lie above 0"),
        (np.ones((0, 4)), 0.9, r"\(n, D\) with n at least 1, not \(0, 4\)"),
        (np.full((3, 4), np.inf), 0.9, "not finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(values, energy, said):
    with pytest.raises(SubspaceError, match=said):
        fit(values, energy, **WHO)


def test_what_is_saved_is_loaded(deltas, tmp_path):
    found = fit(deltas, 0.7, **WHO)
    again = Subspace.load(found.save(tmp_path / "deep" / "a.npz"))
    for name in ("basis", "singular"):
        assert np.array_equal(getattr(again, name), getattr(found, name))
        assert getattr(again, name).dtype == getattr(found, name).dtype
    for name in ("plane", "inside", "outside"):
        assert np.array_equal(getattr(again.seen, name), getattr(found.seen, name))
    for name in ("energy", "captured", "reference", "names", "members", "problems", "n", "hash"):
        assert getattr(again, name) == getattr(found, name), name
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.npz"]


def test_a_damaged_or_foreign_file_is_refused(deltas, tmp_path):
    path = fit(deltas, 0.7, **WHO).save(tmp_path / "a.npz")
    with np.load(path) as file:
        arrays = {k: file[k] for k in file.files}
    for changed, said in (
        ({"basis": 2 * arrays["basis"]}, "not orthonormal"),
        ({"singular": arrays["singular"][:1]}, "does not fit 1 singular values"),
        ({"meta": np.array(json.dumps({"format": 99}))}, "format 99; this version reads 1"),
        ({"meta": np.array(json.dumps(json.loads(str(arrays["meta"])) | {"stray": 1}))}, "stray"),
    ):
        np.savez(path, **(arrays | changed))
        with pytest.raises(SubspaceError, match=said):
            Subspace.load(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SubspaceError, match="not a complete calibration"):
        Subspace.load(path)
    with pytest.raises(SubspaceError, match="no calibration at"):
        Subspace.load(tmp_path / "none.npz")


# --- calibrating ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", REFERENCES)
def test_differences_are_those_of_the_references_at_plain_thoughts(models, problems, reference):
    found = tilr.differences(models, problems, replace(CONFIG, reference=reference), STANDARD)
    prompts = Prompts.make(models, problems)
    plain = plain_thoughts(models, prompts, 3)  # (3, T, D)
    with torch.no_grad():
        for name, sign in (("strong", 1), ("weak", -1)):
            stream = Stream.read(models.model(name), prompts.ids, prompts.mask)
            for t in range(3):
                before, after = stream.last, stream.append(plain[:, t])
                found[:, t] -= sign * (after if reference == "next" else before).numpy()
    np.testing.assert_allclose(found, 0, atol=TOLERANCE)


def test_a_calibration_does_not_depend_on_its_batches(models, problems):
    config = RefineConfig(thoughts=3, reference="same")
    one, all = (tilr.calibrate(models, problems, config, batch_size=size) for size in (1, 64))
    assert one.rank == all.rank and one.n == 9 and one.problems == {"n": 3, "thoughts": 3}
    np.testing.assert_allclose(one.singular, all.singular, rtol=1e-4)
    np.testing.assert_allclose(one.basis.T @ one.basis, all.basis.T @ all.basis, atol=1e-4)
    assert one.members == {role: models.hash(role) for role in ROLES}


def test_a_calibration_without_problems_or_thoughts_is_refused(opened, problems):
    with pytest.raises(ModelError, match="no problem to calibrate on"):
        tilr.calibrate(opened["gpt2"], [], CONFIG)
    with pytest.raises(ModelError, match="at least one thought"):
        tilr.calibrate(opened["gpt2"], problems, replace(CONFIG, thoughts=0))


def test_calibration_problems_are_nobody_elses():
    made, source = tilr.calibration_problems("prosqa", 4)
    assert source == {"generate": "balanced", "seed": 6_000_001, "nodes": [12, 15], "hops": [2, 3]}
    assert len(made) == 4 and made[0].id.startswith("balanced-6000001-")
    with pytest.raises(ModelError, match="cannot generate problems; calibrate with --data FILE"):
        tilr.calibration_problems("gsm8k")


# --- the steps --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("sign", ["descent", "as_printed"])
def test_every_round_is_what_the_equation_says(models, problems, reference, sign):
    subspace = models.subspace(STANDARD, reference)
    assert 0 < subspace.rank < models.width
    direction = 1 if sign == "descent" else -1
    for r in run(models, problems, reference=reference, sign=sign):
        delta = r.strong.astype(np.float64) - r.weak  # (T, K, D)
        gamma = np.linalg.norm(subspace.project(delta), axis=-1) / np.linalg.norm(delta, axis=-1)
        assert (gamma > 0.1).all() and (gamma < 0.999).all()  # else the law would not be tried
        np.testing.assert_allclose(gamma, subspace.split(delta).gamma, rtol=1e-6)
        moved = np.diff(r.states, axis=1)
        np.testing.assert_allclose(moved, direction * 0.4 * gamma[..., None] * subspace.project(delta), atol=TOLERANCE)
        mixed = 0.2 * r.thoughts[:-1] + 0.8 * r.proposed[1:]
        np.testing.assert_allclose(r.states[1:, 0], mixed, atol=TOLERANCE)


def test_momentum_gathers_what_was_projected(models, problems):
    subspace = models.subspace(STANDARD, "next")
    for r in run(models, problems, momentum=0.5):
        delta = r.strong.astype(np.float64) - r.weak
        step = subspace.split(delta).gamma[..., None] * subspace.project(delta)
        m = np.zeros(models.width)
        for t in range(3):
            for k in range(2):
                m = 0.5 * m + step[t, k]
                np.testing.assert_allclose(r.states[t, k + 1] - r.states[t, k], 0.4 * m, atol=TOLERANCE)


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_where_gamma_is_zero_a_thought_stays_to_the_bit(models, problems, reference, momentum):
    """With no direction nothing moves; residual mixing goes on."""
    none = spanned(np.zeros((0, models.width)), models)
    ours = run(models, problems, none, reference=reference, momentum=momentum, step_size=100.0)
    mixed = run(models, problems, method="residual", reference=reference)
    for a, b in zip(ours, mixed, strict=True):
        assert np.array_equal(a.thoughts.view(np.int32), b.thoughts.view(np.int32))  # bits: -0.0 is not 0.0
        assert np.array_equal(a.scores, b.scores)
    plain = run(models, problems, none, reference=reference, residual=0.0)
    coconut = run(models, problems, method="coconut")
    assert all(
        np.array_equal(a.thoughts.view(np.int32), b.thoughts.view(np.int32))
        for a, b in zip(plain, coconut, strict=True)
    )


def test_gathered_momentum_moves_nothing_where_gamma_is_zero(models, problems, monkeypatch):
    """The second round's slope is turned out of the subspace: whatever was gathered in the first, it must not move."""
    axis = spanned(np.eye(models.width)[:1], models)
    feedback, asked = Refiner._feedback, []

    def turned(self, both, h):
        strong, weak, slope = feedback(self, both, h)
        asked.append(None)
        if len(asked) % 2 == 0:
            slope = slope.clone()
            slope[:, 0] = 0
        return strong, weak, slope

    monkeypatch.setattr(Refiner, "_feedback", turned)
    for r in run(models, problems, axis, momentum=0.9):
        assert (r.states[:, 1] != r.states[:, 0]).any(-1).all()
        assert np.array_equal(r.states[:, 2].view(np.int32), r.states[:, 1].view(np.int32))


def test_no_difference_in_one_round_leaves_the_next_round_as_it_is(models, problems, monkeypatch):
    """γ of no difference is 0 and not 0/0, which momentum would carry on."""
    feedback, asked = Refiner._feedback, []

    def silenced(self, both, h):
        strong, weak, slope = feedback(self, both, h)
        asked.append(None)
        return strong, weak, slope * (len(asked) % 2 == 0)

    monkeypatch.setattr(Refiner, "_feedback", silenced)
    subspace = models.subspace(STANDARD, "next")
    for r in run(models, problems, momentum=0.5, thoughts=1):
        assert np.array_equal(r.states[0, 1], r.states[0, 0])
        delta = r.strong[0, 1].astype(np.float64) - r.weak[0, 1]
        step = 0.4 * subspace.split(delta).gamma * subspace.project(delta)
        np.testing.assert_allclose(r.states[0, 2] - r.states[0, 1], step, atol=TOLERANCE)


@pytest.mark.parametrize("reference", REFERENCES)
def test_strong_equal_to_weak_gives_no_push(models, problems, reference):
    subspace, names = models.subspace(STANDARD, reference), Checkpoints("backbone", "strong", "strong")
    for r in run(models, problems, subspace, names, reference=reference, momentum=0.5):
        assert np.array_equal(r.states[:, 1:].view(np.int32), np.repeat(r.states[:, :1], 2, 1).view(np.int32))


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("gradient", ["detached", "through_model"])
def test_all_of_the_energy_of_full_rank_is_the_full_method(models, problems, reference, gradient):
    everything = fit(np.random.default_rng(0).normal(size=(200, models.width)), 1.0, **WHO)
    assert everything.rank == models.width
    settings = {"reference": reference, "gradient": gradient, "momentum": 0.5}
    ours, full = run(models, problems, everything, **settings), run(models, problems, method="full", **settings)
    for a, b in zip(ours, full, strict=True):
        np.testing.assert_allclose(everything.split(a.strong - a.weak).gamma, 1, atol=1e-6)
        np.testing.assert_allclose(a.states, b.states, atol=5 * TOLERANCE)
        assert np.abs(b.states[:, -1] - b.states[:, 0]).max() > 0.1 and a.choice == b.choice


def test_a_smaller_subspace_pushes_less(models, problems):
    basis, lengths = models.subspace(STANDARD, "next").basis, []
    for rank in (1, 3, len(basis)):
        r = run(models, problems[:1], spanned(basis[:rank], models), rounds=1, thoughts=1)[0]
        lengths.append(np.linalg.norm(r.states[0, 1] - r.states[0, 0]))
    assert 0 < lengths[0] < lengths[1] < lengths[2]  # each subspace holds the one before


def test_rows_with_settings_of_their_own_equal_runs_of_their_own(models, problems):
    cells = [(-0.7, 0.3), (0.0, 0.3), (0.9, 0.0), (0.4, 1.0)]
    steps, mixes = zip(*cells * len(problems), strict=True)
    together = iter(run(models, problems, scales=(steps, mixes), momentum=0.5))
    for problem in problems:
        for s, alpha in cells:
            own = {"step_size": abs(s), "residual": alpha, "sign": "as_printed" if s < 0 else "descent"}
            alone, cell = run(models, [problem], momentum=0.5, **own)[0], next(together)
            assert cell.config == alone.config and cell.cost == alone.cost
            np.testing.assert_allclose(cell.states, alone.states, atol=TOLERANCE)


def test_it_costs_what_full_costs(models, problems):
    for reference in REFERENCES:
        ours, full = (run(models, problems[:1], method=m, reference=reference)[0].cost for m in ("tilr", "full"))
        assert ours == full


def test_half_precision_is_projected_in_single(folders, problems):
    """ε is zero in half precision: γ of no difference would be 0/0."""
    half = ModelSet(folders["llama"], device="cpu", dtype="bfloat16")
    subspace = half.subspace(STANDARD, "next")
    r = run(half, problems[:1], subspace, Checkpoints("backbone", "strong", "strong"))[0]
    assert np.isfinite(r.states).all() and np.array_equal(r.states[:, 0], r.states[:, -1])
    assert np.isfinite(run(half, problems[:1], subspace)[0].states).all()


# --- which calibration ------------------------------------------------------------------------------------------------


@pytest.fixture
def copy(folders, tmp_path, monkeypatch):
    """A set of its own, and an empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return shutil.copytree(folders["llama"], tmp_path / "set")


def test_a_missing_calibration_names_the_command_that_makes_it(copy, problems):
    models = ModelSet(copy, device="cpu")
    names = Checkpoints("weak", "strong", "weak")
    with pytest.raises(NotCalibrated) as caught:
        Refiner(models, Prompts.make(models, problems), CONFIG, names)
    told = str(caught.value)
    assert f"calibrate --models {copy} --backbone weak --strong strong --weak weak --references next`" in told
    assert "\n" not in told and "--data" not in told
    with pytest.raises(NotCalibrated):
        models.check_method("tilr", names, CONFIG)
    models.check_method("tilr", STANDARD, CONFIG)
    models.check_method("full", names, CONFIG)
    with pytest.raises(ModelError, match="no checkpoint 'ladder/9'"):
        models.check_method("full", Checkpoints("ladder/9", "strong", "weak"), CONFIG)
    with pytest.raises(ModelError, match="no checkpoint 'cot'"):
        models.check_method("cot", STANDARD, CONFIG)


def test_a_calibration_of_other_weights_is_refused(copy):
    before = ModelFolder(copy).subspace(STANDARD, "next")
    shutil.copy(copy / "strong" / "model.safetensors", copy / "weak" / "model.safetensors")
    with pytest.raises(
        NotCalibrated, match=r"backbone-strong-weak-next\.npz was made with other weights.*calibrate --models"
    ):
        ModelFolder(copy).subspace(STANDARD, "next")
    assert before.fits(before.members, "next") and not before.fits(before.members, "same")
    assert not before.fits(before.members | {"weak": "other"}, "next")


def test_a_calibration_is_found_by_weights_whatever_the_names(copy):
    shutil.copytree(copy / "backbone", copy / "ladder" / "7")
    found = ModelFolder(copy).subspace(Checkpoints("ladder/7", "strong", "weak"), "same")
    assert found.hash == ModelFolder(copy).subspace(STANDARD, "same").hash and found.reference == "same"
    damaged = copy / "tilr" / file_name(STANDARD, "next")
    damaged.write_bytes(b"half a file")
    with pytest.raises(NotCalibrated, match=r"not a complete calibration.*calibrate"):
        ModelFolder(copy).subspace(STANDARD, "next")
    assert file_name(Checkpoints("ladder/7", "strong", "weak"), "next") == "ladder-7-strong-weak-next.npz"


def test_what_is_missing_is_made_once_and_kept_in_the_cache(copy, monkeypatch):
    monkeypatch.setattr(tilr, "calibration_problems", lambda benchmark: small())
    models, names, told = ModelSet(copy, device="cpu"), Checkpoints("weak", "strong", "weak"), []
    made = tilr.ensure(models, names, "next", lambda *at: told.append(at))
    assert told == [(4, 4)] and models.kept_subspace(names, "next").exists()
    assert not any("weak-strong" in p.name for p in (copy / "tilr").iterdir())
    assert tilr.ensure(models, names, "next", lambda *at: told.append(at)).hash == made.hash and len(told) == 1
    assert models.subspace(names, "next").hash == made.hash
    assert tilr.ensure(models, STANDARD, "next").hash == models.subspace(STANDARD, "next").hash  # the set's own


def small():
    return BENCHMARKS["prosqa"].generate("balanced", 4, 6, (8, 11), (2, 2)), {"generate": "balanced"}


def test_a_benchmark_that_makes_no_problems_says_so(copy):
    info = json.loads((copy / "model_set.json").read_text())
    (copy / "model_set.json").write_text(json.dumps(info | {"benchmark": "gsm8k"}))
    with pytest.raises(NotCalibrated, match="--references next --data FILE`"):
        tilr.ensure(ModelSet(copy, device="cpu"), Checkpoints("weak", "strong", "weak"), "next")


# --- traces -----------------------------------------------------------------------------------------------------------


def test_a_trace_runs_again_to_the_same_bits_or_not_at_all(copy, problems, tmp_path):
    models = ModelSet(copy, device="cpu")
    trace = refine_problem(models, problems[0], CONFIG)
    assert trace.identity["subspace"] == models.subspace(STANDARD, "next").hash
    saved = Trace.load(trace.save(tmp_path / "t.npz"))
    again = rerun(saved, models)
    assert again.identity == trace.identity and set(again.runs) == set(trace.runs)
    assert all(same_bits(again.runs[name], trace.runs[name]) for name in trace.runs)
    other = tilr.calibrate(models, problems, RefineConfig(thoughts=3), energy=0.5)
    other.save(copy / "tilr" / file_name(STANDARD, "next"))
    with pytest.raises(ModelError, match="another calibration of TILR for backbone / strong / weak"):
        rerun(saved, models)


def test_other_methods_do_not_record_a_subspace(models, problems):
    assert "subspace" not in refine_problem(models, problems[0], replace(CONFIG, method="full")).identity


def test_runs_are_taken_over_only_from_the_same_subspace(copy, problems):
    models = ModelSet(copy, device="cpu")
    full = refine_problem(models, problems[0], replace(CONFIG, method="full"))
    first = refine_problem(models, problems[0], CONFIG, previous=full)
    assert first.runs["plain"] is full.runs["plain"] and first.runs["strong"] is full.runs["strong"]
    assert refine_problem(models, problems[0], CONFIG, previous=first).runs["refined"] is first.runs["refined"]
    other = tilr.calibrate(models, problems, RefineConfig(thoughts=3), energy=0.4)
    other.save(copy / "tilr" / file_name(STANDARD, "next"))
    after = refine_problem(models, problems[0], CONFIG, previous=first)
    assert after.runs["plain"] is first.runs["plain"]
    assert not same_bits(after.runs["refined"], first.runs["refined"])
    assert same_bits(after.runs["refined"], refine_problem(models, problems[0], CONFIG).runs["refined"])


def test_a_comparison_has_it_beside_full_with_its_cost(opened, problems):
    found = compare_methods(opened["gpt2"], problems[0], replace(CONFIG, method="full"))
    rows = {row["method"]: row for row in table(found)}
    assert list(rows)[3:5] == ["full", "TILR"]
    assert rows["TILR"]["forward passes"] == rows["full"]["forward passes"] and rows["TILR"]["milliseconds"] > 0
    alone = run(opened["gpt2"], problems[:1])[0]
    assert np.array_equal(found.trace.runs["tilr"].thoughts, alone.thoughts)


# --- the figure -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(opened, problems):
    """(subspace, run, figure by trace name)."""
    models = opened["llama"]
    subspace, r = models.subspace(STANDARD, "next"), run(models, problems[:1])[0]
    figure = go.Figure(subspace_figure(subspace, r).to_dict())  # through Plotly's own validation
    return subspace, r, figure


def named(figure, name, axis):
    """The trace of that name in panel `axis`; Plotly writes the first axis without its number."""
    return next(t for t in figure.data if t.name == name and (t.xaxis if t.xaxis != "x" else "x1") == axis)


def test_the_figure_shows_the_energy_and_the_rank_that_was_chosen(drawn):
    subspace, _, figure = drawn
    curve, chosen = named(figure, "energy", "x1"), named(figure, "chosen", "x1")
    np.testing.assert_allclose(curve.y, 100 * subspace.shares)
    assert curve.x == tuple(range(1, len(subspace.singular) + 1))
    assert chosen.x == (subspace.rank,) and chosen.y[0] == pytest.approx(100 * subspace.captured)
    assert set(named(figure, "asked for", "x1").y) == {90.0}
    assert chosen.y[0] >= 90 > curve.y[subspace.rank - 2]
    assert any(f"{subspace.rank} of {subspace.width} directions" in a.text for a in figure.layout.annotations)


def test_the_figure_shows_what_is_kept_and_cut_of_this_runs_pushes(drawn):
    subspace, r, figure = drawn
    delta = r.strong.astype(np.float64) - r.weak
    kept = subspace.project(delta)[:, 0]
    cut = delta[:, 0] - kept
    shown = named(figure, "thoughts", "x3")
    np.testing.assert_allclose(shown.x, np.linalg.norm(kept, axis=-1))
    np.testing.assert_allclose(shown.y, np.linalg.norm(cut, axis=-1))
    assert shown.text == ("1", "2", "3")
    on_axes = named(figure, "thoughts", "x2")
    np.testing.assert_allclose(
        np.stack([on_axes.x, on_axes.y], 1), delta[:, 0] @ subspace.basis[:2].T.astype(np.float64)
    )
    np.testing.assert_allclose(named(figure, "kept", "x3").x, shown.x)
    drops = named(figure, "cut", "x3")
    assert drops.y[::3] == (0, 0, 0) and drops.y[1::3] == shown.y and drops.x[1::3] == shown.x
    for gamma in RAYS:  # γ is the cosine of the angle at the origin
        ray = named(figure, f"γ = {gamma:g}", "x3")
        assert ray.x[1] / np.hypot(ray.x[1], ray.y[1]) == pytest.approx(gamma)
    assert figure.layout.xaxis3.scaleanchor == "y3" and figure.layout.xaxis2.scaleanchor == "y2"


def test_the_figure_shows_gamma_for_every_round(drawn):
    subspace, r, figure = drawn
    bars = named(figure, "γ", "x4")
    gamma = run_split(subspace, r).gamma  # (T, K)
    np.testing.assert_allclose(bars.y, gamma.ravel())
    assert [tuple(c) for c in bars.customdata] == [(t, k) for t in (1, 2, 3) for k in (1, 2)]
    assert [round(x) for x in bars.x] == [1, 1, 2, 2, 3, 3] and list(figure.layout.yaxis4.range) == [0, 1.04]
    told = describe(subspace, r)
    assert ", ".join(f"{g:.2f}" for g in gamma[:, 0]) in told and f"{subspace.rank} of {subspace.width}" in told


def test_calibration_stands_behind_the_run_inside_the_axes(drawn):
    subspace, _, figure = drawn
    for axis, values in (("2", subspace.seen.plane), ("3", np.stack([subspace.seen.inside, subspace.seen.outside], 1))):
        dots = named(figure, "calibration", f"x{axis}")
        np.testing.assert_allclose(np.stack([dots.x, dots.y], 1), values, atol=1e-4)
        for letter, column in zip("xy", values.T, strict=True):
            low, high = figure.layout[f"{letter}axis{axis}"].range
            assert low <= column.min() and column.max() <= high
    assert figure.data.index(named(figure, "calibration", "x2")) < figure.data.index(named(figure, "thoughts", "x2"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("narrow", [False, True])
def test_the_figure_is_drawn_in_the_ink_of_its_theme(drawn, theme, narrow):
    subspace, r, _ = drawn
    figure = go.Figure(subspace_figure(subspace, r, theme, narrow).to_dict())
    assert figure.layout.font.color == INK[theme].text and named(figure, "energy", "x1").line.color == INK[theme].muted
    domains = [tuple(figure.layout[f"xaxis{i}"].domain) for i in (1, 2, 3, 4)]
    assert len(set(domains)) == (2 if narrow else 4)
    assert all(0 <= low < high <= 1 for low, high in domains)


def test_a_run_without_references_and_a_subspace_without_directions_are_drawn(opened, problems):
    models = opened["gpt2"]
    plain = run(models, problems[:1], method="coconut")[0]
    figure = subspace_figure(models.subspace(STANDARD, "next"), plain)
    assert not named(figure, "thoughts", "x3").x and not named(figure, "γ", "x4").y
    none = fit(np.zeros((4, models.width)), **WHO)
    figure = go.Figure(subspace_figure(none, run(models, problems[:1], none)[0]).to_dict())
    assert set(named(figure, "γ", "x4").y) == {0} and not named(figure, "chosen", "x1").x


# --- command line -----------------------------------------------------------------------------------------------------


def command(*argv) -> int:
    with pytest.raises(SystemExit) as ended:
        program.main([str(a) for a in argv])
    return ended.value.code or 0


def test_the_command_writes_what_the_method_then_uses(copy, capsys):
    shutil.rmtree(copy / "tilr")
    sizes = ("--nodes", "8-11", "--hops", "2", "--limit", 5, "--seed", 6, "--device", "cpu")
    assert command("calibrate", "--models", copy, "--backbone", "weak,backbone", *sizes) == 0
    out, err = capsys.readouterr()
    files = [file_name((b, "strong", "weak"), r) for b in ("weak", "backbone") for r in ("next", "same")]
    assert out.splitlines() == [str(copy / "tilr" / name) for name in files]
    models = ModelSet(copy, device="cpu")
    problems = BENCHMARKS["prosqa"].generate("balanced", 5, 6, (8, 11), (2, 2))
    for reference in REFERENCES:
        found = models.subspace(STANDARD, reference)
        direct = tilr.calibrate(models, problems, RefineConfig(thoughts=3, reference=reference))
        assert found.hash == direct.hash and found.n == 15 and found.problems["seed"] == 6
        assert f"backbone / strong / weak, {reference}: {words(found)}" in err


def test_the_command_refuses_what_it_cannot_do(copy, capsys, tmp_path):
    for argv, said in (
        (("--energy", "1.5"), "energy must lie above 0"),
        (("--backbone", "ladder/3"), "no checkpoint 'ladder/3'"),
        (("--references", "other"), "No reference called 'other'"),
        (("--data", tmp_path / "a.json", "--generate", "balanced"), "not both"),
        (("--limit", "-1"), "--limit must be 0 or more"),
    ):
        assert command("calibrate", "--models", copy, "--device", "cpu", "--nodes", "8-9", "--hops", "2", *argv) == 2
        err = capsys.readouterr().err.strip().splitlines()[-1]
        assert err.startswith("Error:") and said in err


def test_calibrating_on_a_file_records_its_name(copy, tmp_path):
    examples = ROOT / "assets" / "examples" / "1-small.json"
    where = tmp_path / "out"
    argv = ("--data", examples, "--limit", 3, "--references", "same", "--backbone", "backbone", "--out", where)
    assert command("calibrate", "--models", copy, "--device", "cpu", *argv) == 0
    found = Subspace.load(where / file_name(STANDARD, "same"))
    assert found.problems == {"data": "1-small.json", "n": 3, "thoughts": 3}


# --- what is shipped --------------------------------------------------------------------------------------------------


@shipped
@pytest.mark.parametrize("reference", REFERENCES)
def test_the_shipped_calibrations_are_of_the_shipped_weights_and_problems(reference):
    folder = ModelFolder(SET)
    for backbone in ("backbone", folder.info.opens_with):
        found = folder.subspace(STANDARD.alone(backbone), reference, cache=Path("/nowhere"))
        assert found.names["backbone"] == backbone and found.energy == 0.9 <= found.captured
        assert found.n == 1200 and found.problems == {
            "generate": "balanced", "seed": 6_000_001, "nodes": [12, 15], "hops": [2, 3], "n": 200, "thoughts": 6,
        }  # fmt: skip


@shipped
def test_a_shipped_calibration_is_what_calibrating_gives():
    models = ModelSet(SET, device="cpu")
    problems, _ = tilr.calibration_problems("prosqa", 12)
    names = STANDARD.alone(models.info.opens_with)
    found = models.subspace(names, "same")
    deltas = tilr.differences(models, problems, RefineConfig(thoughts=6, reference="same"), names)
    seen = found.split(deltas[0])
    np.testing.assert_allclose(found.seen.inside[:6], seen.inside, rtol=1e-3)
    np.testing.assert_allclose(found.seen.plane[:6], seen.plane, atol=1e-3)
    assert found.split(deltas).gamma.mean() == pytest.approx(0.95, abs=0.02)


def test_reading_a_calibration_needs_no_torch():
    assert "torch" not in vars(subspaces)
    source = "import sys; import lrr_core.models.folder, lrr_core.refinement.subspace; print('torch' in sys.modules)"
    import subprocess

    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- the page ---------------------------------------------------------------------------------------------------------


@shipped
def test_explore_shows_what_it_keeps_and_calibrates_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=240).run()
    assert len(at.get("plotly_chart")) == 1
    at.selectbox(key="method").select("tilr").run()
    assert not at.exception and not at.error and not list(tmp_path.rglob("tilr-*.npz"))
    folder, state = ModelFolder(SET), at.session_state
    chart = json.loads(at.get("plotly_chart")[1].proto.spec)
    bars = next(t for t in chart["data"] if t.get("name") == "γ")
    models = ModelSet(SET, device="cpu")
    problem = BENCHMARKS["prosqa"].load(ROOT / "assets" / "examples" / "1-small.json")[0]
    settings = {k: state[k] for k in ("step_size", "residual", "reference", "thoughts", "rounds")}
    names = STANDARD.alone(folder.info.opens_with)
    trace = refine_problem(models, problem, RefineConfig("tilr", **settings), names, ())
    subspace = folder.subspace(names, state["reference"])
    np.testing.assert_allclose(bars["y"], run_split(subspace, trace.runs["refined"]).gamma.ravel(), rtol=1e-4)
    said = " ".join(c.value for c in at.caption)
    assert f"{subspace.rank} of 192 directions hold" in said
    at.selectbox(key="backbone").select("ladder/03-step-02000").run()
    assert not at.exception and not at.error and len(list(tmp_path.rglob("tilr-*.npz"))) == 1
    assert len(at.get("plotly_chart")) == 2
