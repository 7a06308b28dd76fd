"""Many problems under many arms: laws of the answers, what is kept, what is refused, and that no number depends on how the work
was cut into batches, processes or sittings."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from lrr_core.analysis.statistics import paired_difference, wilson
from lrr_core.benchmarks.catalogue import BENCHMARKS, Problem
from lrr_core.evaluation import answering, engine
from lrr_core.evaluation import evaluate as evaluating
from lrr_core.evaluation.arms import known_methods, parse
from lrr_core.evaluation.evaluate import Stopped, _lent
from lrr_core.evaluation.evaluate import evaluate as measure
from lrr_core.evaluation.processes import Processes
from lrr_core.evaluation.report import from_dict, to_dict
from lrr_core.evaluation.tally import table
from lrr_core.models.checkpoints import STANDARD, Checkpoints
from lrr_core.models.folder import ModelError
from lrr_core.models.opened import ModelSet
from lrr_core.refinement.calibration import calibrate
from lrr_core.refinement.methods import BASELINES, METHODS
from lrr_core.refinement.refine import Prompts, Refiner, plain_thoughts, run_all
from lrr_core.refinement.subspace import file_name
from lrr_core.refinement.trace import ConfigError, RefineConfig

EVERY = known_methods()
PUSHES = {key for key, rule in METHODS.items() if rule.pushes}
ROOT = Path(__file__).parents[3]
T, K = 3, 2
CONFIG = RefineConfig(thoughts=T, rounds=K, step_size=0.3, residual=0.2)
PROSQA = BENCHMARKS["prosqa"]


@pytest.fixture(scope="module")
def models(folders, tmp_path_factory):
    """The tiny Llama set with the text baselines beside it."""
    folder = tmp_path_factory.mktemp("with-text") / "set"
    shutil.copytree(folders["llama"], folder)
    for seed, member in enumerate(BASELINES):
        shutil.copytree(folder / "backbone", folder / member)
        torch.manual_seed(50 + seed)
        config = LlamaConfig.from_pretrained(folder / "backbone")
        AutoModelForCausalLM.from_config(config).save_pretrained(folder / member)
    info = json.loads((folder / "model_set.json").read_text())
    (folder / "model_set.json").write_text(json.dumps(info | {"max_answer_tokens": 2, "max_cot_tokens": 5}))
    opened = ModelSet(folder, device="cpu")
    known = PROSQA.generate("balanced", 6, 77, (8, 11), (2, 2))
    for reference in ("next", "same"):
        config = replace(CONFIG, reference=reference)
        calibrate(opened, known, config, STANDARD).save(folder / "tilr" / file_name(STANDARD, reference))
    return opened


@pytest.fixture(scope="module")
def seven():
    """Seven problems of unequal length, so that batches of five are padded and the last one is short."""
    made = PROSQA.generate("balanced", 7, 5, (8, 11), (2, 2))
    assert len({len(p.graph.edges) for p in made}) > 2
    return made


@pytest.fixture(scope="module")
def whole(models, seven):
    """Every method on every problem."""
    return evaluate(models, seven, EVERY, CONFIG, batch_size=5)


def evaluate(*args, **options) -> dict:
    """The report as its file has it."""
    return to_dict(measure(*args, **options))


def timeless(data: dict) -> dict:
    """A report without the clock."""
    methods = {n: {k: v for k, v in m.items() if k != "seconds_per_problem"} for n, m in data["methods"].items()}
    return data | {"methods": methods}


def answers(data: dict, method: str, key: str) -> list:
    return [a[key] for a in data["answers"][method]]


# --- layout -----------------------------------------------------------------------------------------------------------


def test_the_report_has_the_promised_keys(whole, seven):
    assert {"benchmark", "n", "chance", "config", "methods", "comparisons", "baselines"} <= set(whole)
    assert (whole["benchmark"], whole["n"], whole["chance"]) == ("prosqa", 7, 0.5)
    assert whole["config"] == asdict(CONFIG) | dict(zip(STANDARD, STANDARD, strict=True))
    assert list(whole["methods"]) == list(EVERY)
    for name, row in whole["methods"].items():
        keys = "method settings against judged_by correct correct_greedy ties n accuracy ci95 tokens_per_problem"
        keys += " forwards_per_problem seconds_per_problem memory_per_problem by_seed mean spread"
        assert set(row) - {"frontier_mass"} == set(keys.split()), name
        assert set(row["forwards_per_problem"]) == {"prefill", "single", "probe", "decode"}, name
        assert row["n"] == 7 and row["accuracy"] == row["correct"] / 7
        assert row["ci95"] == list(wilson(row["correct"], 7)) and row["seconds_per_problem"] > 0
    assert set(whole["comparisons"]) == set(EVERY) - {"coconut"}
    for row in whole["comparisons"].values():
        assert {"points", "ci95", "p_value"} <= set(row)
    assert set(whole["baselines"]) == {"depth_rule", "graph_counts"}


def test_the_report_is_plain_json_and_names_the_weights(whole, models):
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    members = whole["identity"]["members"]
    assert members == {n: models.hash(n) for n in (*STANDARD, *BASELINES)}


def test_only_the_checkpoints_that_were_used_are_named(models, seven):
    data = evaluate(models, seven[:2], ["coconut", "residual"], CONFIG)
    assert list(data["identity"]["members"]) == ["backbone"]


def test_correct_counts_choices_and_greedy_counts_decoded_text(models, seven, whole):
    gold = [p.answer for p in seven]
    for name, row in whole["methods"].items():
        assert row["correct"] == sum(c == g for c, g in zip(answers(whole, name, "choice"), gold, strict=True))
        assert row["correct_greedy"] == sum(
            g == p.gold for g, p in zip(answers(whole, name, "greedy"), seven, strict=True)
        )
    runs = run_all(Refiner(models, Prompts.make(models, seven), replace(CONFIG, method="full"), details=False))
    assert answers(whole, "full", "choice") == [r.choice for r in runs]
    assert answers(whole, "full", "greedy") == [PROSQA.extract(r.text, p) for r, p in zip(runs, seven, strict=True)]


def test_comparisons_are_paired_against_coconut(seven, whole):
    gold = [p.answer for p in seven]

    def right(method):
        return [c == g for c, g in zip(answers(whole, method, "choice"), gold, strict=True)]

    for name, row in whole["comparisons"].items():
        assert row == {"against": "coconut"} | paired_difference(right(name), right("coconut")).row(), name
        assert row["points"] == pytest.approx(
            100 * (whole["methods"][name]["accuracy"] - whole["methods"]["coconut"]["accuracy"])
        )


def test_without_coconut_nothing_is_compared(models, seven):
    assert evaluate(models, seven[:2], ["full"], CONFIG)["comparisons"] == {}


def test_the_table_shows_chance_n_and_every_method(whole):
    lines = list(table(from_dict(whole)))
    assert "n = 7" in lines[0] and "chance 50.0 %" in lines[0] and "reference next" in lines[0]
    firsts = [line.split()[0] for line in lines[2:]]
    assert firsts[: len(EVERY) + 2] == [*EVERY, "depth_rule", "graph_counts"]
    row = whole["methods"]["full"]
    shown = next(line for line in lines if line.startswith("full "))
    assert f"{row['correct']}/7" in shown and f"{100 * row['ci95'][0]:.1f} - {100 * row['ci95'][1]:.1f}" in shown


# --- laws -------------------------------------------------------------------------------------------------------------


def test_how_problems_are_cut_into_batches_changes_neither_choices_nor_costs(models, seven, whole):
    methods = ["no_cot", "cot", "coconut", "full", "other_thoughts", "mean_thought", "random_direction"]
    single = evaluate(models, seven, methods, CONFIG, batch_size=1)
    for name in methods:
        for key in ("problem", "choice", "greedy", "tokens", "forwards"):
            assert answers(single, name, key) == answers(whole, name, key), (name, key)
        # measured worst case over all methods: 2e-6
        assert answers(single, name, "p_right") == pytest.approx(answers(whole, name, "p_right"), abs=5e-5)
    assert all(row == whole["comparisons"][name] for name, row in single["comparisons"].items())
    assert single["baselines"] == whole["baselines"]


def test_the_same_seed_gives_the_same_report_and_another_seed_another_random_direction(models, seven, whole):
    again = evaluate(models, seven, EVERY, CONFIG, batch_size=5)
    assert timeless(again) == timeless(whole)
    other = evaluate(models, seven, ["full", "random_direction"], replace(CONFIG, seed=1), batch_size=5)
    assert answers(other, "full", "p_right") == answers(whole, "full", "p_right")
    assert answers(other, "random_direction", "p_right") != answers(whole, "random_direction", "p_right")


def test_coconut_is_full_without_push_and_mixing(models, seven):
    data = evaluate(models, seven, ["coconut", "full"], replace(CONFIG, step_size=0.0, residual=0.0), batch_size=5)
    for key in ("choice", "greedy", "p_right"):
        assert answers(data, "coconut", key) == answers(data, "full", key)
    row = data["comparisons"]["full"]
    assert (row["points"], row["p_value"], row["gained"], row["lost"]) == (0, 1, 0, 0)


@pytest.mark.parametrize("reference", ["next", "same"])
def test_forwards_follow_the_formulas(models, seven, whole, reference):
    data = whole
    if reference == "same":
        data = evaluate(models, seven, ["coconut", *sorted(PUSHES)], replace(CONFIG, reference="same"), batch_size=5)
    for name, row in data["methods"].items():
        f = row["forwards_per_problem"]
        assert f["prefill"] == (3 if name in PUSHES else 1), name
        assert f["single"] == (0 if name in BASELINES else 3 * T if name in PUSHES else T), name
        assert f["probe"] == (2 * T * K if name in PUSHES and reference == "next" else 0), name
        refinement = sum(f.values()) - f["decode"] - (1 + T)
        if name in PUSHES:
            # next adds 2 prefills + 2T(K+1), same adds 2 prefills + 2T
            assert refinement == 2 + (2 * T * (K + 1) if reference == "next" else 2 * T), name


def test_decode_forwards_are_the_end_of_thought_token_and_all_but_the_last_answer_token(models, whole):
    most = models.info.max_answer_tokens
    for name in set(EVERY) - {"cot"}:
        for a in whole["answers"][name]:
            assert a["forwards"]["decode"] == 1 + min(a["tokens"], most - 1), name
    for a in whole["answers"]["cot"]:
        # path and answer; of each the last token need not be read, and the end-of-thought token is
        assert a["tokens"] > 3 and a["tokens"] - 1 <= a["forwards"]["decode"] <= a["tokens"] + 1


def test_a_problems_donor_is_the_next_in_the_list_and_the_mean_leaves_itself_out(models, seven):
    one_by_one = [plain_thoughts(models, Prompts.make(models, [p]), T) for p in seven]
    for batch_size in (1, 5):
        given = _lent(models, seven, parse("other_thoughts", CONFIG, STANDARD), batch_size, Processes())
        for i in range(7):
            others = torch.cat([h for j, h in enumerate(one_by_one) if j != i])
            # rounding of the padded batch; measured worst 3e-6
            torch.testing.assert_close(given["other_thoughts"][i], one_by_one[(i + 1) % 7][0], atol=5e-5, rtol=0)
            torch.testing.assert_close(given["mean_thought"][i], others.mean(0), atol=5e-5, rtol=0)


def test_a_problem_that_borrows_its_own_thoughts_answers_as_coconut_does(models, seven):
    twins = [seven[0], replace(seven[0], id="twin")]
    data = evaluate(models, twins, ["coconut", "other_thoughts"], CONFIG, batch_size=1)
    assert answers(data, "coconut", "p_right") == answers(data, "other_thoughts", "p_right")


def test_the_frontier_mass_is_the_lens_probability_on_the_true_frontier(models, seven, whole):
    runs = run_all(Refiner(models, Prompts.make(models, seven), replace(CONFIG, method="coconut")))
    for problem, run, mass in zip(seven, runs, answers(whole, "coconut", "frontier_mass"), strict=True):
        frontiers = problem.graph.frontiers(min(problem.graph.hops, T))
        expected = [run.node_p[t, -1, sorted(nodes)].sum() for t, nodes in enumerate(frontiers)]
        assert mass == pytest.approx(expected, abs=1e-6) and len(mass) == problem.graph.hops
    per_thought = np.mean(answers(whole, "coconut", "frontier_mass"), 0)
    assert whole["methods"]["coconut"]["frontier_mass"] == pytest.approx(per_thought)


def test_no_thoughts_at_all_is_a_valid_setting(models, seven):
    data = evaluate(models, seven[:2], ["coconut", "full", "zero_thoughts"], replace(CONFIG, thoughts=0))
    assert answers(data, "coconut", "choice") == answers(data, "zero_thoughts", "choice")
    assert data["methods"]["coconut"]["forwards_per_problem"]["single"] == 0


def test_progress_counts_answers_and_all_arms_answer_a_batch_before_the_next(models, seven):
    seen = []
    evaluate(models, seven, ["coconut", "full"], CONFIG, batch_size=5, progress=lambda *now: seen.append(now))
    assert seen == [("coconut", 5, 14), ("full", 10, 14), ("coconut", 12, 14), ("full", 14, 14)]


def test_a_partial_report_is_the_report_of_the_problems_so_far(models, seven):
    seen = []
    evaluate(
        models, seven, ["coconut", "full"], CONFIG, batch_size=3, partial=lambda report: seen.append(to_dict(report))
    )
    assert [part["n"] for part in seen] == [3, 6]
    three = evaluate(models, seven[:3], ["coconut", "full"], CONFIG, batch_size=3)
    assert seen[0]["answers"] == three["answers"] and seen[0]["comparisons"] == three["comparisons"]


# --- arms with settings of their own ----------------------------------------------------------------------------------


def test_an_arms_settings_are_its_own_and_it_is_compared_with_the_same_backbone(models, seven):
    labels = ["coconut", "full@same@s=0.7", "coconut@backbone=weak", "full@backbone=weak", "coconut@t=1", "full@t=1"]
    data = evaluate(models, seven, labels, CONFIG, batch_size=5)
    alone = evaluate(models, seven, ["full"], replace(CONFIG, reference="same", step_size=0.7), batch_size=5)
    assert answers(data, "full@same@s=0.7", "p_right") == answers(alone, "full", "p_right")
    weak = evaluate(models, seven, ["coconut"], CONFIG, Checkpoints("weak", "strong", "weak"), batch_size=5)
    assert answers(data, "coconut@backbone=weak", "p_right") == answers(weak, "coconut", "p_right")
    against = {label: row["against"] for label, row in data["methods"].items()}
    assert against == dict(
        zip(labels, [None, "coconut", "coconut", "coconut@backbone=weak", "coconut", "coconut@t=1"], strict=True)
    )
    assert data["methods"]["full@same@s=0.7"]["settings"] == {"reference": "same", "step_size": 0.7}
    assert data["methods"]["coconut@t=1"]["forwards_per_problem"]["single"] == 1


# --- seeds ------------------------------------------------------------------------------------------------------------


def test_on_the_same_problems_only_random_directions_differ_between_seeds(models, seven):
    labels = ["coconut", "random_direction"]
    data = evaluate(models, {0: seven, 1: seven, 2: seven}, labels, CONFIG, batch_size=5)
    alone = [evaluate(models, seven, labels, replace(CONFIG, seed=s), batch_size=5) for s in range(3)]
    assert data["n"] == 7 and data["seeds"] == [0, 1, 2]
    assert data["answers"] == alone[0]["answers"]
    assert [row["seed"] for row in data["methods"]["coconut"]["by_seed"]] == [0]
    assert data["methods"]["coconut"]["spread"] is None
    by_seed = data["methods"]["random_direction"]["by_seed"]
    assert [row["correct"] for row in by_seed] == [one["methods"]["random_direction"]["correct"] for one in alone]


def test_problems_of_several_seeds_are_pooled(models, seven):
    data = evaluate(models, {3: seven[:4], 9: seven[4:]}, ["coconut", "full"], CONFIG, batch_size=5)
    assert data["n"] == 7 and [a["seed"] for a in data["answers"]["full"]] == [3] * 4 + [9] * 3
    rates = [row["accuracy"] for row in data["methods"]["full"]["by_seed"]]
    assert [row["n"] for row in data["methods"]["full"]["by_seed"]] == [4, 3]
    mean = sum(rates) / 2
    assert data["methods"]["full"]["mean"] == pytest.approx(mean)
    assert data["methods"]["full"]["spread"] == pytest.approx(sum((r - mean) ** 2 for r in rates) ** 0.5)


# --- stopped, started again, split over processes ---------------------------------------------------------------------


LABELS = ["coconut", "full", "other_thoughts", "mean_thought"]


def test_a_stopped_run_goes_on_and_ends_as_one_that_was_not_stopped(models, seven, tmp_path, monkeypatch):
    whole = evaluate(models, seven, LABELS, CONFIG, batch_size=2)
    kept, asked = tmp_path / "run.answers.jsonl", []
    with pytest.raises(Stopped):
        evaluate(
            models, seven, LABELS, CONFIG, batch_size=2, kept=kept, cancel=lambda: len(asked) >= 9 or asked.append(1)
        )
    with open(kept, "a") as file:
        file.write('{"mark": "cut short by a ki')
    ran, answer = [], engine._answer
    monkeypatch.setattr(
        engine, "_answer", lambda m, unit, *rest: ran.append((unit.arm.label, unit.start)) or answer(m, unit, *rest)
    )
    again = evaluate(models, seven, LABELS, CONFIG, batch_size=2, kept=kept)
    assert ran == [(label, start) for start in range(0, 7, 2) for label in LABELS][9:]
    assert timeless(again) == timeless(whole)
    ran.clear()
    assert timeless(evaluate(models, seven, LABELS, CONFIG, batch_size=2, kept=kept)) == timeless(whole) and ran == []
    # another setting, another method or other problems are none of these answers
    evaluate(models, seven[:2], ["full"], replace(CONFIG, step_size=0.4), batch_size=2, kept=kept)
    assert ran == [("full", 0)]


def test_answers_of_other_weights_are_not_taken_over(models, seven, tmp_path, monkeypatch):
    kept, ran, answer = tmp_path / "a.jsonl", [], engine._answer
    monkeypatch.setattr(engine, "_answer", lambda m, unit, *rest: ran.append(unit.arm.label) or answer(m, unit, *rest))
    evaluate(models, seven[:2], ["coconut"], CONFIG, kept=kept)
    evaluate(models, seven[:2], ["coconut"], CONFIG, Checkpoints("weak", "strong", "weak"), kept=kept)
    assert ran == ["coconut", "coconut"]


def test_two_processes_give_the_report_of_one(models, tmp_path):
    methods = "no_cot,cot,coconut,full,other_thoughts,mean_thought,random_direction"
    arguments = f"-m lrr_core evaluate --models {models.path} --generate balanced --nodes 8-11 --hops 2 --limit 9"
    arguments = [*arguments.split(), "--batch-size", "2", "--device", "cpu", "--methods", methods]
    launch = "-m accelerate.commands.launch --multi_gpu --num_processes 2 --main_process_port 0"
    launch = [sys.executable, *launch.split()]
    free = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    for count, command in ((1, [sys.executable]), (2, launch)):
        done = subprocess.run(
            [*command, *arguments, "--out", str(tmp_path / f"{count}.json")],
            cwd=ROOT, env=os.environ | free, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.strip() == str(tmp_path / f"{count}.json")  # one process speaks
    one, two = (json.loads((tmp_path / f"{count}.json").read_text()) for count in (1, 2))
    assert timeless(two) == timeless(one)
    logs = sorted(p.name for p in tmp_path.glob("2.answers*"))
    assert logs == ["2.answers.1.jsonl", "2.answers.jsonl"]  # both have worked
    assert all((tmp_path / name).stat().st_size > 1000 for name in logs)


# --- memory -----------------------------------------------------------------------------------------------------------


def test_a_batch_that_does_not_fit_is_answered_in_halves(models, seven, monkeypatch):
    whole = evaluate(models, seven, ["coconut", "mean_thought"], CONFIG, batch_size=7)
    sizes, answer = [], engine.answer_batch

    def small(m, batch, arm, lent=None):
        if len(batch) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        sizes.append(len(batch))
        return answer(m, batch, arm, lent)

    monkeypatch.setattr(engine, "answer_batch", small)
    monkeypatch.setattr(evaluating, "_measure_memory", lambda *_: None)
    data = evaluate(models, seven, ["coconut", "mean_thought"], CONFIG, batch_size=7)
    assert sizes == [1, 2, 2, 2] * 2
    for name in ("coconut", "mean_thought"):
        assert answers(data, name, "choice") == answers(whole, name, "choice")
        assert answers(data, name, "p_right") == pytest.approx(answers(whole, name, "p_right"), abs=5e-5)
    monkeypatch.setattr(engine, "answer_batch", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA")))
    with pytest.raises(ModelError, match="Memory ran out on a single problem"):
        evaluate(models, seven, ["coconut"], CONFIG)


def test_a_batch_takes_no_more_than_its_share_of_the_free_memory(models, seven, monkeypatch):
    sizes, answer = [], engine._answer
    monkeypatch.setattr(
        engine, "_answer", lambda m, unit, *rest: sizes.append(len(unit.problems)) or answer(m, unit, *rest)
    )
    row = evaluate(models, seven, ["full"], CONFIG)["methods"]["full"]
    assert sizes == [7] and row["memory_per_problem"] > 1000
    monkeypatch.setattr(evaluating, "free_memory", lambda device: 3.5 * row["memory_per_problem"] / evaluating.SHARE)
    sizes.clear()
    evaluate(models, seven, ["full"], CONFIG)
    assert sizes == [3, 3, 1]


def test_memory_grows_with_references_and_not_with_the_number_of_problems(models, seven):
    few, many = (evaluate(models, seven[:n], ["coconut", "full"], CONFIG)["methods"] for n in (4, 7))
    assert few["full"]["memory_per_problem"] > 1.5 * few["coconut"]["memory_per_problem"]
    assert many["full"]["memory_per_problem"] < 1.5 * few["full"]["memory_per_problem"]


# --- free answers -----------------------------------------------------------------------------------------------------


def test_a_free_answer_is_judged_by_its_text(opened, tmp_path, monkeypatch):
    folder = tmp_path / "numbers"
    shutil.copytree(opened["llama"].path, folder)
    info = json.loads((folder / "model_set.json").read_text())
    (folder / "model_set.json").write_text(json.dumps(info | {"benchmark": "gsm8k", "template": "english"}))
    sums = [
        Problem(f"sum-{i}", "gsm8k", "shumpus rempus ; Tom", (), None, (), free_answer=str(72 + i)) for i in range(3)
    ]
    models = ModelSet(folder, device="cpu")
    monkeypatch.setattr(models, "decode", lambda ids: "the answer is 73")
    data = evaluate(models, sums, ["coconut", "full", "zero_thoughts"], CONFIG)
    row = data["methods"]["full"]
    assert (row["judged_by"], row["correct"], row["correct_greedy"], data["chance"]) == ("text", 1, 1, 0.0)
    assert answers(data, "full", "greedy") == ["73"] * 3 and answers(data, "full", "right") == [False, True, False]
    assert answers(data, "full", "choice") == [None] * 3 == answers(data, "full", "margin")
    assert json.loads(json.dumps(data, allow_nan=False)) == data


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("methods", "count", "message"),
    [
        (["coconut", "magic"], 2, "No method called 'magic'; choose from no_cot, cot, coconut"),
        ([], 2, "No method was named"),
        (["coconut"], 0, "There is no problem to answer"),
        (["other_thoughts"], 1, "other_thoughts needs thoughts of another problem"),
        (["full@backbone=ladder/9"], 2, "no checkpoint 'ladder/9'"),
    ],
)
def test_bad_requests_are_refused(models, seven, methods, count, message):
    with pytest.raises((ModelError, ConfigError), match=message):
        evaluate(models, seven[:count], methods, CONFIG)


def test_problems_of_another_benchmark_are_refused(models, seven):
    with pytest.raises(ModelError, match="belongs to gsm8k, and this model set was made for prosqa"):
        evaluate(models, [replace(seven[0], benchmark="gsm8k")], ["coconut"], CONFIG)


def test_a_missing_text_baseline_is_refused_before_any_work(opened, seven):
    seen = []
    with pytest.raises(ModelError, match="no checkpoint 'cot'"):
        evaluate(opened["llama"], seven, ["coconut", "cot"], CONFIG, progress=lambda *now: seen.append(now))
    assert seen == []


def test_a_problem_without_a_known_answer_cannot_be_counted(models, seven):
    with pytest.raises(ModelError, match="right answer of lost is unknown"):
        evaluate(models, [seven[0], replace(seven[1], id="lost", answer=None)], ["coconut"], CONFIG)


class Written:
    """Stands for a model set whose tokens are pieces of text. answer_ids: of its end-of-thought text."""

    def __init__(self, prefix: str, ids: list[int], pieces: list[str]):
        self.info, self.answer_ids, self.pieces = SimpleNamespace(answer_prefix=prefix), ids, pieces

    def decode(self, ids):
        return "".join(self.pieces[i] for i in ids).strip()


def test_written_reasoning_ends_at_the_whole_end_of_thought_text_in_whatever_tokens_it_is_written():
    pieces = ["The", " answer", " is", " The", " cat", "\nThe", " ans", "wer is", " red"]
    models = Written("The answer is", [0, 1, 2], pieces)
    ends = answering._end_of_thought(models)
    for reasoning, end in (([0, 4, 2, 8], [3, 1, 2]), ([0, 4, 2, 8], [5, 6, 7]), ([], [0, 1, 2])):
        path = reasoning + end
        assert [k for k in range(1, len(path) + 1) if ends(path[:k])] == [len(path)]  # not at "The", nor before the end
        assert answering._without_end(models, path) == reasoning
    assert answering._without_end(models, [0, 4, 2]) == [0, 4, 2]  # it never came
    assert answering._end_of_thought(Written("####", [7], pieces)) == 7


def test_a_tie_counts_as_wrong_and_is_counted(seven):
    problem = seven[0]
    tied = answering._judge(problem, np.array([-1.0, -1.0]), "", 0, {})
    assert tied.tied and tied.choice is None and not tied.right and tied.p_right == pytest.approx(0.5)
    sure = answering._judge(problem, np.array([-1.0, -2.0]), "", 0, {})
    assert not sure.tied and sure.choice == 0
