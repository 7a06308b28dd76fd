"""The report: its layout, its laws, and that no number in it depends on how the work was cut into batches."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from lrr_core.evaluate import ALL_METHODS, TEXT_METHODS, Answer, _donors, evaluate, report, table, write_json
from lrr_core.metrics import paired_difference, wilson
from lrr_core.model_set import REQUIRED, ModelError
from lrr_core.models import ModelSet
from lrr_core.problems import BENCHMARKS
from lrr_core.refine import PUSHES, Prompts, Refiner, plain_thoughts, run_all
from lrr_core.trace import RefineConfig

T, K = 3, 2
CONFIG = RefineConfig(thoughts=T, rounds=K, step_size=0.3, residual=0.2)
PROSQA = BENCHMARKS["prosqa"]


@pytest.fixture(scope="module")
def models(folders, tmp_path_factory):
    """The tiny Llama set with the text baselines beside it."""
    folder = tmp_path_factory.mktemp("with-text") / "set"
    shutil.copytree(folders["llama"], folder)
    for seed, member in enumerate(TEXT_METHODS):
        shutil.copytree(folder / "backbone", folder / member)
        torch.manual_seed(50 + seed)
        config = LlamaConfig.from_pretrained(folder / "backbone")
        AutoModelForCausalLM.from_config(config).save_pretrained(folder / member)
    info = json.loads((folder / "model_set.json").read_text())
    (folder / "model_set.json").write_text(json.dumps(info | {"max_answer_tokens": 2, "max_cot_tokens": 5}))
    return ModelSet(folder, device="cpu")


@pytest.fixture(scope="module")
def seven():
    """Seven problems of unequal length, so that batches of five are padded and the last one is short."""
    made = PROSQA.generate("balanced", 7, 5, (8, 11), (2, 2))
    assert len({len(p.graph.edges) for p in made}) > 2
    return made


@pytest.fixture(scope="module")
def whole(models, seven):
    """Every method on every problem."""
    return evaluate(models, seven, ALL_METHODS, CONFIG, batch_size=5)


def timeless(data: dict) -> dict:
    methods = {n: {k: v for k, v in m.items() if k != "seconds_per_problem"} for n, m in data["methods"].items()}
    return data | {"methods": methods}


def answers(data: dict, method: str, key: str) -> list:
    return [a[key] for a in data["answers"][method]]


# --- layout -----------------------------------------------------------------------------------------------------------


def test_the_report_has_the_promised_keys(whole, seven):
    assert {"benchmark", "n", "chance", "config", "methods", "comparisons", "baselines"} <= set(whole)
    assert (whole["benchmark"], whole["n"], whole["chance"]) == ("prosqa", 7, 0.5)
    assert whole["config"] == asdict(CONFIG) | dict(zip(REQUIRED, REQUIRED, strict=True))
    assert list(whole["methods"]) == list(ALL_METHODS)
    for name, row in whole["methods"].items():
        keys = {
            "correct",
            "correct_greedy",
            "n",
            "accuracy",
            "ci95",
            "tokens_per_problem",
            "forwards_per_problem",
            "seconds_per_problem",
        }
        assert set(row) - {"frontier_mass"} == keys, name
        assert set(row["forwards_per_problem"]) == {"prefill", "single", "probe", "decode"}, name
        assert row["n"] == 7 and row["accuracy"] == row["correct"] / 7
        assert row["ci95"] == list(wilson(row["correct"], 7)) and row["seconds_per_problem"] > 0
    assert set(whole["comparisons"]) == set(ALL_METHODS) - {"coconut"}
    for row in whole["comparisons"].values():
        assert {"points", "ci95", "p_value"} <= set(row)
    assert set(whole["baselines"]) == {"depth_rule", "graph_counts"}


def test_the_report_is_plain_json_and_names_the_weights(whole, models):
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    members = whole["identity"]["members"]
    assert members == {n: models.hash(n) for n in (*REQUIRED, *TEXT_METHODS)}


def test_only_the_checkpoints_that_were_used_are_named(models, seven):
    data = evaluate(models, seven[:2], ["coconut", "residual"], CONFIG)
    assert list(data["identity"]["members"]) == ["backbone"]


def test_correct_counts_choices_and_greedy_counts_decoded_text(models, seven, whole):
    gold = [p.answer for p in seven]
    for name, row in whole["methods"].items():
        assert row["correct"] == sum(c == g for c, g in zip(answers(whole, name, "choice"), gold, strict=True))
        assert row["correct_greedy"] == sum(c == g for c, g in zip(answers(whole, name, "greedy"), gold, strict=True))
    runs = run_all(Refiner(models, Prompts.make(models, seven), replace(CONFIG, method="full"), details=False))
    assert answers(whole, "full", "choice") == [r.choice for r in runs]
    assert answers(whole, "full", "greedy") == [
        PROSQA.parse_answer(r.text, p) for r, p in zip(runs, seven, strict=True)
    ]


def test_the_two_ways_of_counting_are_kept_apart(models, seven):
    cost = {"prefill": 1, "single": 3, "probe": 0, "decode": 1}
    gold = [p.answer for p in seven]
    done = [
        Answer(p.id, g, g if i < 2 else None, 0.9, i, cost) for i, (p, g) in enumerate(zip(seven, gold, strict=True))
    ]
    row = report(models, seven, {"full": done}, {"full": 14.0}, CONFIG, REQUIRED)["methods"]["full"]
    assert (row["correct"], row["correct_greedy"]) == (7, 2)
    assert row["tokens_per_problem"] == 3 and row["seconds_per_problem"] == 2
    assert row["forwards_per_problem"] == cost


def test_comparisons_are_paired_against_coconut(seven, whole):
    gold = [p.answer for p in seven]

    def right(method):
        return [c == g for c, g in zip(answers(whole, method, "choice"), gold, strict=True)]

    for name, row in whole["comparisons"].items():
        assert row == paired_difference(right(name), right("coconut")), name
        assert row["points"] == pytest.approx(
            100 * (whole["methods"][name]["accuracy"] - whole["methods"]["coconut"]["accuracy"])
        )


def test_without_coconut_nothing_is_compared(models, seven):
    assert evaluate(models, seven[:2], ["full"], CONFIG)["comparisons"] == {}


def test_the_table_shows_chance_n_and_every_method(whole):
    lines = list(table(whole))
    assert "n = 7" in lines[0] and "chance 50.0 %" in lines[0] and "reference next" in lines[0]
    firsts = [line.split()[0] for line in lines[2:]]
    assert firsts[: len(ALL_METHODS) + 2] == [*ALL_METHODS, "depth_rule", "graph_counts"]
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
    again = evaluate(models, seven, ALL_METHODS, CONFIG, batch_size=5)
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
        assert f["single"] == (0 if name in TEXT_METHODS else 3 * T if name in PUSHES else T), name
        assert f["probe"] == (2 * T * K if name in PUSHES and reference == "next" else 0), name
        refinement = sum(f.values()) - f["decode"] - (1 + T)
        if name in PUSHES:
            # next adds 2 prefills + 2T(K+1), same adds 2 prefills + 2T
            assert refinement == 2 + (2 * T * (K + 1) if reference == "next" else 2 * T), name


def test_decode_forwards_are_the_end_of_thought_token_and_all_but_the_last_answer_token(models, whole):
    most = models.info.max_answer_tokens
    for name in set(ALL_METHODS) - {"cot"}:
        for a in whole["answers"][name]:
            assert a["forwards"]["decode"] == 1 + min(a["tokens"], most - 1), name
    for a in whole["answers"]["cot"]:
        # path and answer; of each the last token need not be read, and the end-of-thought token is
        assert a["tokens"] > 3 and a["tokens"] - 1 <= a["forwards"]["decode"] <= a["tokens"] + 1


def test_a_problems_donor_is_the_next_in_the_list_and_the_mean_leaves_itself_out(models, seven):
    one_by_one = [plain_thoughts(models, Prompts.make(models, [p]), T) for p in seven]
    for batch_size in (1, 5):
        given = _donors(models, seven, CONFIG, REQUIRED, batch_size)
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


def test_progress_reaches_the_end_of_every_method(models, seven):
    seen = []
    evaluate(models, seven, ["coconut", "full"], CONFIG, batch_size=5, progress=lambda *now: seen.append(now))
    assert seen == [("coconut", 5, 7), ("coconut", 7, 7), ("full", 5, 7), ("full", 7, 7)]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("methods", "count", "message"),
    [
        (["coconut", "magic"], 2, "No method called magic; choose from no_cot, cot, coconut"),
        ([], 2, "No method was named"),
        (["coconut"], 0, "There is no problem to answer"),
        (["other_thoughts"], 1, "other_thoughts needs thoughts of another problem"),
    ],
)
def test_bad_requests_are_refused(models, seven, methods, count, message):
    with pytest.raises(ModelError, match=message):
        evaluate(models, seven[:count], methods, CONFIG)


def test_a_missing_text_baseline_is_refused_before_any_work(opened, seven):
    seen = []
    with pytest.raises(ModelError, match="no checkpoint 'cot'"):
        evaluate(opened["llama"], seven, ["coconut", "cot"], CONFIG, progress=lambda *now: seen.append(now))
    assert seen == []


def test_a_problem_without_a_known_answer_cannot_be_counted(models, seven):
    with pytest.raises(ModelError, match="right answer of lost is unknown"):
        evaluate(models, [seven[0], replace(seven[1], id="lost", answer=None)], ["coconut"], CONFIG)


# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_report_is_written_whole(whole, tmp_path):
    write_json(whole, tmp_path / "new" / "report.json")
    assert json.loads((tmp_path / "new" / "report.json").read_text()) == whole


@pytest.mark.parametrize("method", ["write_text", "replace"])
def test_a_failed_write_leaves_the_old_report_and_nothing_half_written(tmp_path, monkeypatch, method):
    target = tmp_path / "report.json"
    write_json({"old": 1}, target)
    kept = getattr(Path, method)

    def fail(self, *args, **kwargs):
        if method == "write_text":
            kept(self, "{", **kwargs)  # the disk is full after the first character
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(Path, method, fail)
        with pytest.raises(OSError, match="no space left"):
            write_json({"new": 2}, target)
    with pytest.raises(TypeError):
        write_json({"new": object()}, target)
    assert json.loads(target.read_text()) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
