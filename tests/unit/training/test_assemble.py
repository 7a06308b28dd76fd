"""From a training run to a model set: which checkpoints are taken, and that what is written opens again."""

import json
import shutil

import numpy as np
import pytest

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.evaluation.evaluate import evaluate
from lrr_core.models.checkpoints import STANDARD
from lrr_core.models.folder import ModelError, weight_hash
from lrr_core.models.opened import ModelSet
from lrr_core.refinement.trace import RefineConfig
from lrr_core.training import assemble as module
from lrr_core.training.assemble import VALIDATION_SEED, accuracy, assemble, choose_rungs
from lrr_core.training.train import TrainConfig, train

TINY = TrainConfig(
    width=16, heads=2, mlp=24, batch=2, branches=2, stages=((8, 9, 2, 3),), steps=6, warmup=1,
    save_every=6, keep_every=1, log_every=3, seed=3,
)  # fmt: skip
SCORES = {1: 0.5, 2: 0.55, 3: 0.7, 4: 0.83, 5: 0.95, 6: 0.93}  # step -> what it is said to score


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A training folder with six checkpoints of six steps."""
    folder = tmp_path_factory.mktemp("training") / "run"
    train(TINY, folder, say=lambda _: None)
    return folder


@pytest.fixture
def scored(monkeypatch):
    """Give the checkpoints the accuracies of SCORES, so that what is chosen can be told beforehand."""
    monkeypatch.setattr(module, "accuracy", lambda folder, *_: SCORES[int(folder.name)])


def make(run, out, rungs=4, limit=4, cot=None, no_cot=None):
    return assemble(run, out, cot, no_cot, rungs, limit, say=lambda _: None)


# --- the ladder -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_rungs_climb_in_time_from_the_first_checkpoint_to_the_best(count):
    rng = np.random.default_rng(count)
    for _ in range(50):
        scores = (np.linspace(0.5, 0.95, 40) + rng.normal(0, 0.05, 40)).tolist()
        rungs = choose_rungs(scores, count)
        assert rungs == sorted(set(rungs)) and len(rungs) <= count
        assert rungs[0] == 0 and rungs[-1] == int(np.argmax(scores))


def test_rungs_are_even_in_accuracy_not_in_steps():
    # chance for ever, then a steep rise: eight of ten checkpoints evenly in steps would sit at chance
    scores = [0.5] * 200 + np.linspace(0.5, 0.9, 41).tolist()
    rungs = choose_rungs(scores, 9)
    assert len(rungs) == 9
    assert np.diff([scores[i] for i in rungs]) == pytest.approx(0.05)


def test_rungs_that_do_not_exist_are_not_made_up():
    assert choose_rungs([0.5, 0.9, 0.8], 5) == [0, 1]
    assert choose_rungs([0.9, 0.5], 3) == [0]


# --- the set ----------------------------------------------------------------------------------------------------------


def test_the_set_opens_with_verified_weights_and_knows_its_members(run, scored, tmp_path):
    out = make(run, tmp_path / "sets" / "prosqa", cot=run / "last", no_cot=run / "steps" / "000002")
    models = ModelSet(out, device="cpu")
    assert set(models.members) == set(models.info.weights) == set(models.info.members)
    assert {*STANDARD, "cot", "no_cot"} < set(models.members)
    assert models.info.opens_with in models.members
    for name in models.members:
        models.model(name)  # refuses weights that are not those recorded
    assert models.info.thoughts == 3
    assert models.info.provenance["training"]["width"] == 16
    assert (out / "training_log.jsonl").exists()
    left = {p.name for p in out.rglob("*")} & {"progress.json", "optimiser.safetensors", "raw.safetensors"}
    assert not left  # what only training needs stays there


def test_members_are_the_checkpoints_the_scores_ask_for(run, scored, tmp_path):
    out = make(run, tmp_path / "prosqa")
    info = ModelSet(out, device="cpu").info
    # evenly from 0.5 to 0.95 in four rungs: 0.5, 0.65, 0.8, 0.95
    assert [n for n in info.weights if n.startswith("ladder/")] == [
        "ladder/00-step-00001", "ladder/01-step-00003", "ladder/02-step-00004", "ladder/03-step-00005",
    ]  # fmt: skip
    steps = {p.name: weight_hash(p) for p in (run / "steps").iterdir()}
    assert info.weights["backbone"] == info.weights["strong"] == steps["000005"]
    assert info.weights["weak"] == steps["000003"]  # 25 points below the best
    assert info.opens_with == "ladder/02-step-00004"  # the nearest to 84 %
    assert info.members["weak"] == {"step": 3, "small": 0.7, "large": 0.7}


def test_weak_is_the_rung_nearest_to_25_points_below_the_best(run, monkeypatch, tmp_path):
    close = {1: 0.5, 2: 0.6, 3: 0.7, 4: 0.89, 5: 0.93, 6: 0.95}
    monkeypatch.setattr(module, "accuracy", lambda folder, *_: close[int(folder.name)])
    info = ModelSet(make(run, tmp_path / "prosqa", rungs=6), device="cpu").info
    assert info.members["weak"]["step"] == 3  # 4 and 5 lie higher, 2 is ten points farther down


def test_a_checkpoints_accuracy_is_what_evaluate_finds(run, tmp_path):
    problems = BENCHMARKS["prosqa"].generate("balanced", 30, VALIDATION_SEED, (8, 12), (2, 2))
    measured = accuracy(run / "steps" / "000006", problems, 3, "triples", batch=7)
    for name in STANDARD:
        shutil.copytree(run / "steps" / "000006", tmp_path / name)
    (tmp_path / "model_set.json").write_text(json.dumps({"name": "tiny", "max_answer_tokens": 1}))
    models = ModelSet(tmp_path, device="cpu")
    data = evaluate(models, problems, ["coconut"], RefineConfig(thoughts=3), batch_size=30)
    assert measured == data.methods["coconut"].accuracy


def test_an_older_set_is_replaced_whole(run, scored, tmp_path):
    out = tmp_path / "prosqa"
    (out / "ladder" / "99-old").mkdir(parents=True)
    make(run, out)
    assert not (out / "ladder" / "99-old").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["prosqa"]


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_run_with_too_few_checkpoints_is_refused(run, tmp_path):
    with pytest.raises(ModelError, match="holds 6 checkpoints, fewer than the 7 rungs asked for; train longer"):
        make(run, tmp_path / "prosqa", rungs=7)
    with pytest.raises(ModelError, match="holds 0 checkpoints"):
        make(tmp_path / "nowhere", tmp_path / "prosqa")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rungs", [1, 4])
def test_a_run_that_only_got_worse_is_refused(run, monkeypatch, tmp_path, rungs):
    monkeypatch.setattr(module, "accuracy", lambda folder, *_: 1 / int(folder.name))
    with pytest.raises(ModelError, match="best checkpoint is 000001"):
        make(run, tmp_path / "prosqa", rungs=rungs)
    assert list(tmp_path.iterdir()) == []
