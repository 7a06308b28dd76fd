"""Planes: every cell is the run it stands for, regions are named by what they say, stopped work goes on, files are checked."""

import json
from dataclasses import fields, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from lrr_core.analysis.curves import curves, margin
from lrr_core.analysis.statistics import paired_difference, wilson
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.evaluation import engine
from lrr_core.evaluation.arms import arm_of
from lrr_core.evaluation.engine import Stopped, right_answers
from lrr_core.models.checkpoints import STANDARD, Checkpoints
from lrr_core.models.folder import ModelFolder
from lrr_core.models.opened import ModelSet
from lrr_core.refinement.trace import REFERENCES, RefineConfig
from lrr_core.refinement.tracing import refine_problem
from lrr_core.studies import measure_planes as planes
from lrr_core.studies.accuracy_plane import AccuracyPlane
from lrr_core.studies.measure_planes import accuracy_plane, problem_plane
from lrr_core.studies.setting_plane import (
    FROZEN,
    REGIONS,
    SAME,
    Plane,
    RegimesError,
    counts,
    find,
    in_words,
    kept_file,
    name_regions,
    stamp,
)

ROOT = Path(__file__).parents[3]
STEPS, MIXES = (-0.5, 0.0, 0.3, 1.0), (0.0, 0.2, 1.0)
SOME = ((0, 1), (2, 1), (3, 2))  # cells that are run again by themselves: a printed sign, a mix, the far corner
CONFIG = RefineConfig(thoughts=3, rounds=2)
TOLERANCE = 2e-5  # relative, as in test_refine: batches of other sizes add up in another order; measured worst 3e-6


def close(a, b) -> bool:
    return np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)


def same(a, b) -> bool:
    def alike(x, y):
        return np.array_equal(x, y, equal_nan=x.dtype.kind == "f") if isinstance(x, np.ndarray) else x == y

    return all(alike(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))


# --- one problem ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_cell_holds_the_numbers_of_its_own_run(models, problems, reference):
    config = replace(CONFIG, reference=reference, momentum=0.5)
    plane, runs = problem_plane(models, problems[0], config, STANDARD, STEPS, MIXES)
    assert len(runs) == 12 and plane.margin.shape == (4, 3)
    for i, j in SOME:
        s, a = STEPS[i], MIXES[j]
        own = replace(config, step_size=abs(s), residual=a, sign="as_printed" if s < 0 else "descent")
        trace = refine_problem(models, problems[0], own, STANDARD, ("random_direction", "zero_thoughts"))
        run, c = trace.runs["refined"], curves(trace, "refined")
        assert runs[i * len(MIXES) + j].config == run.config
        answer = problems[0].answer
        assert plane.choice[i, j] == run.choice and close(plane.margin[i, j], margin(run.scores, answer))
        for name in ("length", "step_change", "push", "deviation"):
            assert close(getattr(plane, name)[i, j], getattr(c, name)), name
        gaps = np.concatenate([c.to_strong_reference[:, :1], c.strong_left], 1)
        assert close(plane.gaps[i, j], np.sqrt((gaps**2).mean(0)))
        assert close(plane.random_margin[i, j], margin(trace.runs["random_direction"].scores, answer))
    assert close(plane.plain_margin, margin(trace.runs["plain"].scores, answer))
    assert close(plane.zero_margin, margin(trace.runs["zero_thoughts"].scores, answer))
    assert close(plane.plain_length, curves(trace, "plain").length)


def test_nothing_happens_where_nothing_is_done(models, problems):
    plane, _ = problem_plane(models, problems[0], CONFIG, STANDARD, STEPS, MIXES)
    assert name_regions(plane)[1, 0] == "as plain" and plane.far[1, 0] < 1e-5
    assert plane.choice[1, 0] == plane.plain_choice and close(plane.margin[1, 0], plane.plain_margin)


def test_strong_like_weak_makes_every_step_size_the_same(models, problems):
    plane, _ = problem_plane(models, problems[0], CONFIG, Checkpoints("backbone", "strong", "strong"), STEPS, MIXES)
    assert (plane.push == 0).all() and (plane.approach == "still").all()
    assert close(plane.margin, plane.margin[:1].repeat(4, 0))
    assert set(name_regions(plane).ravel()) <= {"as plain", "drifts", "frozen", "flips to right", "flips to wrong"}


def test_a_random_push_has_no_sign(models, problems):
    plane, _ = problem_plane(models, problems[0], CONFIG, STANDARD, (-0.4, 0.0, 0.4), MIXES)
    assert np.array_equal(plane.random_margin[0], plane.random_margin[2])
    assert np.array_equal(plane.random_margin[1], plane.margin[1])  # where nothing is pushed it is the cell itself
    assert not np.allclose(plane.random_margin[2], plane.margin[2])


def test_progress_runs_to_the_end_and_a_stop_comes_after_the_thought(models, problems):
    told = []
    problem_plane(models, problems[0], CONFIG, STANDARD, STEPS, MIXES, lambda *at: told.append(at))
    done, total = zip(*told, strict=True)
    assert list(done) == list(range(1, len(told) + 1)) and set(total) == {len(told)}
    asked = []
    with pytest.raises(Stopped):
        problem_plane(
            models, problems[0], CONFIG, STANDARD, STEPS, MIXES, cancel=lambda: len(asked.append(0) or asked) > 3
        )
    assert len(asked) == 4
    assert models.lock.acquire(blocking=False)  # nobody else waits for ever
    models.lock.release()


def test_a_problem_nobody_can_judge_is_refused(models, problems):
    unknown = replace(problems[0], answer=None)
    with pytest.raises(RegimesError, match=f"right answer of {unknown.id} is unknown"):
        problem_plane(models, unknown, CONFIG, STANDARD, STEPS, MIXES)
    with pytest.raises(RegimesError, match=f"right answer of {unknown.id} is unknown"):
        accuracy_plane(models, [problems[1], unknown], CONFIG, STANDARD, STEPS, MIXES)


# --- the names --------------------------------------------------------------------------------------------------------


def a_plane(**changes) -> Plane:
    """One cell of two thoughts, each 1 long, in a plain run that is right and whose thoughts move by 1."""
    cell = {
        "margin": 1.0, "choice": 0, "length": [1, 1], "step_change": [np.nan, 1], "push": [0.2, 0.2],
        "deviation": [0.5, 0.5], "gaps": [1.0, 0.9], "approach": "converges", "random_margin": 1.0, "random_choice": 0,
    } | {k: v for k, v in changes.items() if not k.startswith("plain")}  # fmt: skip
    plain = {"plain_margin": 1.0, "plain_choice": 0} | {k: v for k, v in changes.items() if k.startswith("plain")}
    return Plane(
        step_sizes=np.array([0.2]), residuals=np.array([0.1]), plain_length=np.ones(2),
        plain_step_change=np.array([np.nan, 1]), zero_margin=-1.0, zero_choice=1, answer=0, problem="by hand",
        candidates=("a", "b"), stamp={}, identity={}, **plain,
        **{k: np.array(v)[None, None] for k, v in cell.items()},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("converges", {}),
        ("overshoots", {"approach": "overshoots"}),
        ("drifts", {"approach": "drifts"}),
        ("drifts", {"approach": "still"}),  # nothing is pushed, but memory has carried the thoughts away
        ("as plain", {"deviation": [SAME - 0.01] * 2}),
        ("converges", {"deviation": [SAME + 0.01] * 2}),
        ("frozen", {"step_change": [np.nan, FROZEN - 0.01]}),
        ("converges", {"step_change": [np.nan, FROZEN + 0.01]}),
        ("as plain", {"deviation": [0, 0], "step_change": [np.nan, 0]}),
        ("flips to wrong", {"choice": 1}),
        ("flips to wrong", {"choice": 1, "deviation": [0.05, 0.05], "step_change": [np.nan, 0]}),  # outcomes come first
        ("flips to right", {"plain_choice": 1}),
        ("converges", {"choice": 1, "plain_choice": 1}),  # wrong before and after is no flip
    ],
)
def test_a_region_is_the_first_whose_sentence_is_true(name, changes):
    plane = a_plane(**changes)
    assert name_regions(plane).tolist() == [[name]]
    assert counts(plane) == {region: int(region == name) for region in REGIONS}


def test_every_region_has_a_sentence_of_one_line():
    assert len(REGIONS) == 7 and all(words.endswith(".") and 30 < len(words) < 130 for words in REGIONS.values())


def test_the_words_count_flips_beside_their_control():
    assert in_words(a_plane(choice=1)) == (
        "The plain run answers a, which is right (margin +1.00). Of 1 settings 1 make the answer wrong; of the same pushes in "
        "random directions 0 do."
    )


# --- many problems ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many():
    return BENCHMARKS["prosqa"].generate("balanced", 9, 11, (8, 11), (2, 2))


def test_every_cell_counts_the_same_problems_as_an_evaluation(models, many, tmp_path):
    plane = accuracy_plane(models, many, CONFIG, STANDARD, STEPS, MIXES, cache=tmp_path)
    assert plane.done.all() and plane.random_done.all() and plane.n == 9
    for i, j in SOME:
        s, a = STEPS[i], MIXES[j]
        sign = "as_printed" if s < 0 else "descent"
        for method, right in (("full", plane.right), ("random_direction", plane.random_right)):
            own = replace(CONFIG, method=method, step_size=abs(s), residual=a, sign=sign)
            assert np.array_equal(right[i, j], right_answers(models, many, arm_of(own, STANDARD), 4)), (method, s, a)
    for method, right in (("coconut", plane.plain), ("zero_thoughts", plane.zero)):
        assert np.array_equal(right, right_answers(models, many, arm_of(replace(CONFIG, method=method), STANDARD), 4))
    assert plane.plain.any() and not plane.plain.all()  # or the test would see nothing


def test_a_stopped_plane_goes_on_where_it_was_and_ends_the_same(models, many, tmp_path, monkeypatch):
    parts, ran, passing = [], [], engine._answer
    monkeypatch.setattr(engine, "_answer", lambda m, unit, *rest: ran.extend(unit.keys) or passing(m, unit, *rest))
    whole = accuracy_plane(models, many, CONFIG, STANDARD, STEPS, MIXES, cache=tmp_path / "whole")
    every, ran[:] = list(ran), []
    settings = {"cache": tmp_path / "stopped", "partial": parts.append}
    with pytest.raises(Stopped):
        accuracy_plane(models, many, CONFIG, STANDARD, STEPS, MIXES, cancel=lambda: len(parts) == 2, **settings)
    assert parts[-1].done.any() and not parts[-1].random_done.all()
    assert np.array_equal(parts[-1].right[parts[-1].done], whole.right[parts[-1].done])
    first, ran[:] = list(ran), []
    resumed = accuracy_plane(models, many, CONFIG, STANDARD, STEPS, MIXES, **settings)
    assert same(resumed, whole)
    assert first and ran and first + ran == every  # what was kept is not run again
    ran[:] = []
    assert same(accuracy_plane(models, many, CONFIG, STANDARD, STEPS, MIXES, **settings), whole) and not ran


@pytest.mark.parametrize(
    "change",
    [
        {"thoughts": 2},
        {"rounds": 1},
        {"reference": "same"},
        {"gradient": "through_model"},
        {"momentum": 0.5},
        {"seed": 1},
    ],
)
def test_what_is_kept_is_kept_under_everything_that_matters(models, many, change):
    weights = {name: models.hash(name) for name in STANDARD}
    files = {kept_file(stamp(many, weights, STANDARD, config)) for config in (CONFIG, replace(CONFIG, **change))}
    files.add(kept_file(stamp(many[1:], weights, STANDARD, CONFIG)))
    files.add(kept_file(stamp(many, weights, Checkpoints("backbone", "weak", "strong"), CONFIG)))
    files.add(kept_file(stamp(many, weights | {"weak": "other weights"}, STANDARD, CONFIG)))
    assert len(files) == 5
    moved = replace(
        CONFIG, step_size=0.7, residual=0.3, sign="as_printed", method="swapped"
    )  # these are the cells' own
    assert stamp(many, weights, STANDARD, moved) == stamp(many, weights, STANDARD, CONFIG)


def test_a_cache_that_cannot_be_written_costs_only_the_cache(models, many, tmp_path):
    (tmp_path / "file").write_text("")
    plane = accuracy_plane(models, many[:2], CONFIG, STANDARD, (0.0,), (0.0,), cache=tmp_path / "file" / "folder")
    assert plane.done.all()


def test_cells_are_compared_with_the_plain_run_on_the_same_problems():
    right = np.zeros((2, 1, 40), bool)
    right[0, 0, :30] = True
    plain = np.arange(40) < 20
    plane = AccuracyPlane(
        step_sizes=np.array([0.0, 0.5]), residuals=np.array([0.1]), right=right, done=np.array([[True], [False]]),
        random_right=right, random_done=np.zeros((2, 1), bool), plain=plain, zero=~plain, chance=0.5, source={}, stamp={},
        identity={},
    )  # fmt: skip
    found = plane.compared()
    pair = paired_difference(right[0, 0], plain)
    assert found["accuracy"][0, 0] == 75 and found["points"][0, 0] == 25
    assert (found["low"][0, 0], found["high"][0, 0]) == tuple(100 * v for v in wilson(30, 40))
    assert [found["points_low"][0, 0], found["points_high"][0, 0]] == [*pair.ci95]
    assert (found["gained"][0, 0], found["lost"][0, 0]) == (10, 0)
    assert all(np.isnan(v[1, 0]) for v in found.values())
    assert all(np.isnan(v).all() for v in plane.compared(random=True).values())
    assert plane.in_words() == (
        "Plain run 50.0 % (35.2–64.8), zero thoughts 50.0 % (35.2–64.8), chance 50 %; n = 40, 95 % Wilson intervals"
    )


# --- files ------------------------------------------------------------------------------------------------------------


def test_planes_come_back_as_they_were_saved(models, problems, many, tmp_path):
    plane, _ = problem_plane(models, problems[0], CONFIG, STANDARD, STEPS, MIXES)
    accuracy = accuracy_plane(models, many, CONFIG, STANDARD, STEPS, MIXES, cache=tmp_path, source={"seed": 11})
    for made in (plane, accuracy):
        loaded = type(made).load(made.save(tmp_path / "folder" / "plane.npz"))
        assert same(made, loaded) and [p.name for p in (tmp_path / "folder").iterdir()] == ["plane.npz"]


def test_only_a_plane_of_the_same_weights_problem_and_settings_is_found(models, problems, tmp_path):
    plane, _ = problem_plane(models, problems[0], CONFIG, STANDARD, STEPS, MIXES)
    file = plane.save(tmp_path / "plane.npz")
    assert same(find(Plane, file, plane.stamp), plane)
    assert find(Plane, tmp_path / "missing.npz", plane.stamp) is None
    assert find(AccuracyPlane, file, plane.stamp) is None
    for key, other in (("weights", {}), ("problems", "0"), ("settings", {})):
        assert find(Plane, file, plane.stamp | {key: other}) is None


def test_a_file_that_is_no_plane_says_so(tmp_path):
    file = tmp_path / "a.npz"
    with pytest.raises(RegimesError, match=r"There is no plane at .*lrr_core plane"):
        Plane.load(file)
    file.write_bytes(b"PK nonsense")
    with pytest.raises(RegimesError, match="not a complete plane"):
        Plane.load(file)
    a_plane().save(file)
    with pytest.raises(RegimesError, match="is a Plane, not a plane; this version reads AccuracyPlane"):
        AccuracyPlane.load(file)
    with np.load(file) as found:
        arrays = {name: found[name] for name in found.files if name != "margin"}
    np.savez(file, **arrays)
    with pytest.raises(RegimesError, match=r"not a complete plane.*margin"):
        Plane.load(file)


def test_arrays_that_disagree_are_refused():
    with pytest.raises(RegimesError, match=r"push \(1, 1, 3\), expected \(1, 1, 2\)"):
        a_plane(push=[1, 2, 3])


# --- what is shipped --------------------------------------------------------------------------------------------------

SHIPPED = ROOT / "assets" / "regimes"
MODEL_SET = ROOT / "assets" / "models" / "prosqa"
shipped = pytest.mark.skipif(not (MODEL_SET / "model_set.json").exists(), reason="the shipped model set is not there")
EXAMPLES = [p for f in sorted((ROOT / "assets" / "examples").glob("*.json")) for p in BENCHMARKS["prosqa"].load(f)]


def opening() -> tuple[ModelFolder, Checkpoints, RefineConfig]:
    folder = ModelFolder(MODEL_SET)
    config = RefineConfig.from_dict({"thoughts": folder.info.thoughts} | folder.info.defaults)
    return folder, STANDARD.alone(folder.info.opens_with), config


@shipped
def test_every_example_has_a_plane_of_these_weights_for_either_reading():
    folder, names, config = opening()
    for problem, reference in product(EXAMPLES, REFERENCES):
        marks = stamp([problem], folder.weights(*names), names, replace(config, reference=reference))
        plane = find(Plane, SHIPPED / f"{problem.id}-{reference}.npz", marks)
        assert plane is not None, (problem.id, reference)
        assert set(planes.STEPS) == set(plane.step_sizes.tolist()) and set(planes.MIXES) == set(
            plane.residuals.tolist()
        )
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 3_000_000


@shipped
def test_the_shipped_numbers_are_those_of_this_model():
    _, names, config = opening()
    plane = Plane.load(SHIPPED / f"{EXAMPLES[1].id}-same.npz")
    steps, mixes = plane.step_sizes[[0, 9, 12, 18]], plane.residuals[[0, 3, 8, 11]]
    again, _ = problem_plane(ModelSet(MODEL_SET), EXAMPLES[1], replace(config, reference="same"), names, steps, mixes)
    cells = np.ix_([0, 9, 12, 18], [0, 3, 8, 11])
    assert np.abs(again.margin - plane.margin[cells]).max() < 2e-3  # nats; other machines and batches round otherwise
    assert np.array_equal(name_regions(again), name_regions(plane)[cells])


@shipped
@pytest.mark.parametrize("reference", REFERENCES)
def test_the_shipped_accuracies_are_of_these_weights_and_problems(reference):
    folder, names, config = opening()
    plane = AccuracyPlane.load(SHIPPED / f"accuracy-{reference}.npz")
    s = plane.source
    spans = [tuple(map(int, s[name].split("-"))) for name in ("nodes", "hops")]
    problems = BENCHMARKS["prosqa"].generate(s["kind"], s["limit"], s["seed"], *spans)
    assert plane.stamp == stamp(problems, folder.weights(*names), names, replace(config, reference=reference))
    assert plane.done.all() and plane.random_done.all() and plane.n == s["limit"] >= 200
    zero = plane.step_sizes.tolist().index(0.0)
    assert np.array_equal(plane.right[zero, 0], plane.plain)  # s = 0, α = 0
    assert json.dumps(plane.source)


# --- the command line -------------------------------------------------------------------------------------------------


def command(*argv) -> int:
    from lrr_core.__main__ import main

    with pytest.raises(SystemExit) as end:
        main([str(part) for part in argv])
    return end.value.code


def test_commands_make_planes(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    common = ["--models", folders["llama"], "--step-sizes=-0.5,0,0.5", "--residuals", "0,0.2", "--thoughts", 2]
    common += ["--out", tmp_path / "out", "--device", "cpu"]
    data = ROOT / "assets" / "examples" / "1-small.json"
    assert command("plane", "--data", data, "--references", "same", *common) == 0
    made = Plane.load(tmp_path / "out" / "1-small-0-same.npz")
    assert made.step_sizes.tolist() == [-0.5, 0, 0.5] and made.stamp["settings"]["thoughts"] == 2
    many = ["--limit", 4, "--nodes", "8-10", "--hops", 2, "--references", "next"]
    assert command("accuracy", *many, *common) == 0
    made = AccuracyPlane.load(tmp_path / "out" / "accuracy-next.npz")
    assert made.n == 4 and made.done.all() and made.source["nodes"] == "8-10"
    printed = capsys.readouterr().out.split()
    assert len(printed) == 7 and all(Path(line).exists() for line in printed)
    assert len(list((tmp_path / "cache" / "lrr_core").glob("accuracy-*.jsonl"))) == 1


def test_a_step_size_that_is_no_number_is_named(folders, capsys):
    assert command("plane", "--models", folders["llama"], "--step-sizes", "0,fast") == 2
    assert "--step-sizes takes numbers separated by commas" in capsys.readouterr().err
