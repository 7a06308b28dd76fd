"""Reports: counted again from their own answers, told in numbers that a hand can check, and refused with a reason where damaged."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from report_maker import made

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.evaluation.cases import control_of, flips
from lrr_core.evaluation.report import MOST_BYTES, MOST_VALUES, ReportError, from_dict, load, to_json
from lrr_core.evaluation.report_files import latex, to_csv, to_latex
from lrr_core.evaluation.report_table import kind, reference_rows, rows, written
from lrr_core.evaluation.report_words import finding, headline, measured, p_text, shown_rows, title
from lrr_core.evaluation.surface import planes, rungs, training_step, views
from lrr_core.studio import gallery

SHIPPED = sorted((Path(__file__).parents[3] / "assets" / "reports").glob("*.json"))
RIGHT = {
    "no_cot": "1010100000",
    "coconut": "1111000000",
    "full": "1101110000",
    "contrast@same": "1111111111",
    "zero_thoughts": "1000000000",
    "random_direction": "1110100000",
}


@pytest.fixture
def report():
    return from_dict(made(RIGHT))


def row(report, label):
    return next(row for row in rows(report) if row["label"] == label)


# --- the table --------------------------------------------------------------------------------------------------------


def test_a_row_has_the_numbers_a_hand_counts(report):
    full = row(report, "full")
    assert (full["correct"], full["n"], full["accuracy"], full["against"]) == (5, 10, 50.0, "coconut")
    # 4 and 5 are gained, 2 is lost: 3 changed, of which 2 are gains, so the exact test is 2 · (1/8 + 3/8) = 1
    assert (full["gained"], full["lost"], full["points"], full["p"]) == (2, 1, pytest.approx(10.0), 1.0)
    # Wilson at 5 of 10: (5 + z²/2 ± z √(2.5 + z²/4)) / (10 + z²) with z = 1.96
    assert (full["accuracy low"], full["accuracy high"]) == (
        pytest.approx(23.66, abs=0.01),
        pytest.approx(76.34, abs=0.01),
    )
    assert full["points low"] <= full["points"] <= full["points high"]
    assert (full["forwards"], full["prefill"], full["probe"]) == (20.0, 3.0, 12.0) and full["memory MB"] == 3.0
    assert (full["published"], row(report, "contrast@same")["published"]) == (85.7, None)


def test_six_gains_and_no_loss_are_one_in_32(report):
    same = row(report, "contrast@same")
    assert (same["gained"], same["lost"], same["points"]) == (6, 0, pytest.approx(60.0))
    assert same["p"] == pytest.approx(2 / 2**6) and p_text(same["p"]) == "= 0.031" and p_text(1e-9) == "< 0.001"


def test_plain_thoughts_are_compared_with_nothing(report):
    plain = row(report, "coconut")
    assert plain["points"] is None and plain["p"] is None and plain["accuracy"] == 40.0


def test_kinds_and_names(report):
    assert [kind(report, label) for label in RIGHT] == ["text", "base", "method", "method", "control", "control"]
    assert written(report, "contrast@same") == "contrast · same" and written(report, "no_cot") == "No-CoT"
    swept = from_dict(
        made({"coconut": "10", "full@next@s=0.4@a=0.1": "11", "full@backbone=ladder/03-step-02000": "11"})
    )
    assert written(swept, "full@next@s=0.4@a=0.1") == "full · next · s = 0.4 · α = 0.1"
    assert written(swept, "full@backbone=ladder/03-step-02000") == "full · 03-step-02000"


def test_references_stand_beside(report):
    found = {row["label"]: row for row in reference_rows(report)}
    assert found["chance"]["accuracy"] == 50.0 and found["depth_rule"]["correct"] == 5
    assert found["depth_rule"]["accuracy low"] == pytest.approx(23.66, abs=0.01) and found["chance"]["points"] is None


def test_seeds_have_mean_and_spread():
    data = made({"coconut": "1100"})
    arm = data["methods"]["coconut"]
    arm["by_seed"] = [{"seed": s, "correct": 2, "n": 4, "accuracy": 0.5} for s in (0, 1, 2)]
    arm["mean"], arm["spread"] = 0.6, 0.05
    one = rows(from_dict(data))[0]
    assert (one["seeds"], one["mean"], one["spread"]) == (3, 60.0, 5.0)
    assert rows(from_dict(made({"coconut": "1100"})))[0]["seeds"] is None


def test_problems_of_several_seeds_are_one_list():
    problems = [p for seed in (1, 2) for p in BENCHMARKS["prosqa"].generate("balanced", 2, seed, (9, 11), (2, 2))]
    found = from_dict(made({"coconut": "1100", "full": "1110"}, problems, seeds=[1, 2]))
    assert flips(found, "full").gained[0].index == 2 and found.n == 4


# --- flips ------------------------------------------------------------------------------------------------------------


def test_flips_go_both_ways_with_the_change_of_margin_and_the_control(report):
    found = flips(report, "full")
    gained, lost = found.gained, found.lost
    # margins are ±(0.5 + i/4): problem 5 goes from -1.75 to +1.75, problem 4 from -1.5 to +1.5
    assert [(f.index, f.before, f.after, f.change) for f in gained] == [(5, -1.75, 1.75, 3.5), (4, -1.5, 1.5, 3.0)]
    assert [(f.index, f.change) for f in lost] == [(2, -2.0)]
    assert (found.against, found.n, found.control) == ("coconut", 10, "random_direction")
    assert (found.control_gained, found.control_lost) == (1, 1)


def test_flips_agree_with_the_comparison(report):
    for label in report.labels:
        if report.against(label):
            found = flips(report, label)
            assert (len(found.gained), len(found.lost)) == (row(report, label)["gained"], row(report, label)["lost"])


def test_flips_without_control_or_margin_or_base(report):
    data = made({"coconut": "10", "full": "01"})
    for answer in data["answers"]["full"]:
        answer["margin"] = None
    alone = flips(from_dict(data), "full")
    assert alone.control is None and (alone.control_gained, alone.control_lost) == (0, 0)
    assert alone.gained[0].change is None
    with pytest.raises(ReportError, match=r"compared with nothing .* choose one of no_cot, full"):
        flips(report, "coconut")
    with pytest.raises(ReportError, match="nowhere is compared with nothing"):
        flips(report, "nowhere")


def test_the_control_is_the_one_of_the_same_backbone_and_settings():
    right = {f"{m}@backbone=ladder/0{i}": "10" for i in (1, 2) for m in ("coconut", "full", "random_direction")}
    right |= {"random_direction@same@backbone=ladder/02": "01", "full@same@backbone=ladder/02": "11"}
    found = from_dict(made(right))
    assert control_of(found, "full@backbone=ladder/02") == "random_direction@backbone=ladder/02"
    assert control_of(found, "full@same@backbone=ladder/02") == "random_direction@same@backbone=ladder/02"
    assert control_of(found, "full@backbone=ladder/01") == "random_direction@backbone=ladder/01"


def test_every_page_pairs_an_arm_with_the_control_of_its_own_settings():
    """Pairs by effective settings: a label that spells out the report's own setting is the same as one without."""
    right = {"coconut": "1100", "full@s=0.4": "1110", "full": "0110", "random_direction": "1000"}
    right |= {"random_direction@s=0.4": "0111", "contrast@s=0.2": "1111"}
    found = from_dict(made(right))
    pairs = {"full@s=0.4": "random_direction@s=0.4", "full": "random_direction", "contrast@s=0.2": "random_direction"}
    for label, control in pairs.items():
        counted = flips(found, label)
        assert control_of(found, label) == counted.control == control and counted.matched
        case = gallery.cases(found, label)[
            0
        ]  # what the Studio shows stands beside the same control, with the same counts
        assert case.random is dict(case.controls)[control]
        told = f"turned {counted.control_gained} right and {counted.control_lost} wrong"
        assert told in gallery.typical(found, case) and "other settings" not in gallery.typical(found, case)
    assert (flips(found, "full@s=0.4").control_gained, flips(found, "full@s=0.4").control_lost) == (2, 1)
    assert not flips(
        from_dict(made({k: v for k, v in right.items() if k != "random_direction@s=0.4"})), "full@s=0.4"
    ).matched


# --- in words ---------------------------------------------------------------------------------------------------------


def test_a_sentence_says_more_only_where_the_interval_leaves_out_zero(report):
    assert finding(row(report, "full")).endswith("p = 1.000: no clear difference")
    assert finding(row(report, "contrast@same")).endswith("more right answers")
    touching = from_dict(made({"coconut": "1111000000", "full": "1111100000"}))
    assert row(touching, "full")["points low"] == 0 and finding(row(touching, "full")).endswith("no clear difference")
    worse = from_dict(made({"coconut": "1" * 40, "full": "0" * 40}))
    assert (
        finding(row(worse, "full")) == "full: 0.0 %, −100.0 points (−100.0 to −100.0), p < 0.001: fewer right answers"
    )
    told = headline(report)
    assert told[0].startswith("Coconut: 40.0 %") and told[1].startswith("full: 50.0 %") and told[2].startswith("random")


def test_a_report_says_where_it_is_from(report):
    said = measured(report)
    assert "n = 10: balanced problems of 9–11 nodes and 2–2 hops, seed 3. s = 0.2, α = 0.2" in said
    assert "backbone 06-step-02600, pushed towards strong and away from weak" in said
    assert (
        title(from_dict(made(RIGHT, source={"experiment": "main,controls"})))
        == "Main table, controls · ProsQA · n = 10"
    )
    assert "chosen on other problems" in measured(from_dict(made(RIGHT, tuning={"limit": 5})))


def test_the_table_for_reading_leaves_out_what_nobody_measured(report):
    found = shown_rows(report)
    assert [row["method"] for row in found][:2] == ["No-CoT", "Coconut"] and "± points" not in found[0]
    assert found[2]["right / n"] == "5/10" and found[2]["95 % interval"] == "23.7 to 76.3"
    assert found[4]["its 95 % interval"].startswith("−60.0 to")


# --- files ------------------------------------------------------------------------------------------------------------


def test_json_comes_back_as_it_was(report, tmp_path):
    (tmp_path / "r.json").write_text(to_json(report))
    assert load(tmp_path / "r.json") == load(to_json(report).encode()) == report


def test_csv_has_a_row_an_arm_and_says_what_its_columns_are(report):
    text = to_csv(report)
    head = [line for line in text.splitlines() if line.startswith("# ")]
    found = list(
        csv.DictReader(io.StringIO("\n".join(line for line in text.splitlines() if not line.startswith("# "))))
    )
    assert [row["label"] for row in found] == [*RIGHT, "chance", "majority", "depth_rule"]
    assert found[2]["correct"] == "5" and float(found[2]["points"]) == 10.0 and found[1]["points"] == ""
    assert any(line.startswith("# p: exact McNemar") for line in head) and any('"seed": 3' in line for line in head)


def test_csv_starts_no_formula():
    data = made({"coconut": "10"})
    data["baselines"] = {"=1+1": data["baselines"]["depth_rule"]}
    assert "'=1+1" in to_csv(from_dict(data)) and "\n=1+1" not in to_csv(from_dict(data))


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("50 % & $1_a#b", r"50 \% \& \$1\_a\#b"),
        (r"{a}\b~^", r"\{a\}\textbackslash{}b\textasciitilde{}\textasciicircum{}"),
        ("α = 0.1 · T → β", r"$\alpha$ = 0.1 $\cdot$ T $\to$ $\beta$"),
        ("a\nb\x07☃", "a b??"),
    ],
)
def test_latex_escapes(text, escaped):
    assert latex(text) == escaped


def test_the_latex_table_is_booktabs_with_n_and_chance(report):
    text = to_latex(report)
    body = text.split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
    assert all(text.count(rule) == 1 for rule in (r"\toprule", r"\bottomrule", r"\caption{"))
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert len(lines) == len(RIGHT) + 3 and all(line.count("&") - line.count(r"\&") == 5 for line in lines)
    assert r"ProsQA, n = 10; chance 50.0 \%" in text and "second-hand" in text
    bare = re.sub(r"\\[\\{}%&$#_]|\\[a-z]+", "", text)
    assert bare.count("{") == bare.count("}") and not re.search(r"[%#_~^]", bare) and bare.count("$") % 2 == 0


def test_a_hostile_name_stays_a_name():
    data = made({"coconut": "10"})
    data["baselines"] = {r"\input{/etc/passwd}": data["baselines"]["depth_rule"]}
    assert r"\textbackslash{}input\{/etc/passwd\}" in to_latex(from_dict(data)).replace("input ", "input")


# --- what was varied --------------------------------------------------------------------------------------------------


def test_planes_hold_what_was_measured_and_lend_what_needs_no_push():
    right = {"coconut": "1100", "full@next@s=0@a=0.2": "1000"}
    right |= {f"full@{r}@s={s}@a={a}": "1110" for r in ("next", "same") for s in (0.1, 0.4) for a in (0, 0.2)}
    right["full@same@s=0.4@a=0"] = "0000"
    found = planes(from_dict(made(right)))
    assert set(found) == {"full, next", "full, same"}
    same = found["full, same"]
    assert same.step_sizes.tolist() == [0, 0.1, 0.4] and same.residuals.tolist() == [0, 0.2]
    assert same.points[2].tolist() == [-50, 25] and same.points[0, 1] == -25 and same.plain == 50
    assert same.points[0, 0] != same.points[0, 0]  # not measured
    assert "plane" in views(from_dict(made(right)))


def test_the_printed_sign_is_the_other_half_of_the_plane():
    arms = [f"full@s={s}@a={a}@sign={g}" for s in (0.1, 0.4) for a in (0, 0.2) for g in ("descent", "as_printed")]
    right = {"coconut": "1100"} | dict.fromkeys(arms, "1110")
    (plane,) = planes(from_dict(made(right))).values()
    assert plane.step_sizes.tolist() == [-0.4, -0.1, 0.1, 0.4]


def test_rungs_are_in_the_order_of_training():
    right = {}
    for s in (3000, 1000, 2000):
        arms = {"coconut": "1100", "full@same": "1110", "random_direction": "1110"}
        right |= {f"{arm}@backbone=ladder/0{s}-step-0{s}": bits for arm, bits in arms.items()}
    report = from_dict(made(right))
    found = rungs(report)
    assert [rung.step for rung in found] == [1000, 2000, 3000] and training_step("backbone") is None
    assert list(found[0].refined) == ["full · same", "random direction"]
    assert found[0].refined["full · same"]["points"] == 25 and found[0].plain["accuracy"] == 50
    assert list(views(report)) == ["difference", "accuracy", "cost", "backbones", "training"]
    assert "training" not in views(from_dict(made({k.replace("step-", "x"): v for k, v in right.items()})))


# --- damage -----------------------------------------------------------------------------------------------------------


def at(data, path, value):
    *way, last = path
    for key in way:
        data = data[key]
    data[last] = value


DAMAGE = {
    "format 1": (("format",), 1, "format 1, which kept neither .* measure again with `python -m lrr_core evaluate"),
    "a later format": (("format",), 3, "report of format 3, this version reads 2"),
    "unknown benchmark": (("benchmark",), "chess", "benchmark must be .prosqa., .* not chess"),
    "more than n": (("methods", "full", "correct"), 11, "methods, full: correct is 11 of 10"),
    "another count": (("methods", "full", "correct"), 6, "accuracy is 0.5000, 6 of 10 give 0.6000: the file was changed"),
    "a nicer accuracy": (("methods", "full", "accuracy"), 0.9, "accuracy is 0.9000, 5 of 10 give 0.5000: the file was changed"),
    "a nicer interval": (("methods", "full", "ci95"), [0.49, 0.51], "low end is 0.4900"),
    "interval upside down": (("methods", "full", "ci95"), [0.7, 0.2], "ci95 must be two numbers in order, not"),
    "nicer points": (("comparisons", "full", "points"), 20.0, "points is 20, the answers give 10: the file was changed"),
    "a nicer p": (("comparisons", "full", "p_value"), 0.01, "p_value is 0.01, the answers give 1"),
    "an answer flipped": (("answers", "full", 0, "right"), False, "answer 1 is called wrong, which it is not: the file"),
    "the text counted otherwise": (("answers", "full", 0, "right_greedy"), False, "correct_greedy is 5, its answers give 4"),
    "an answer missing": (("answers", "full"), [], "full counts 10 answers, the report holds 0"),
    "answers swapped": (("answers", "full", 0, "problem"), "x", "answer 1 is to x, not to balanced-3-0"),
    "a choice that is none": (("answers", "full", 0, "choice"), 7, "chooses 7, which is no candidate"),
    "a margin in words": (("answers", "full", 0, "margin"), "big", "answers, full, 1: margin must be a valid number, not big"),
    "compared with nobody": (("comparisons", "full", "against"), "nobody", "names nobody, which the report does not measure"),
    "arm against nobody": (("methods", "full", "against"), "nobody", "compared against nobody"),
    "unknown method": (("methods", "full", "method"), "magic", "methods, full: method must be one of no_cot, .* not magic"),
    "no problems": (("problems",), [], "problems must have at least 1 item"),
    "a problem without question": (("problems", 0, "question"), None, "problems: 1 cannot be read"),
    "an unknown setting": (("config", "warp"), 9, "Unknown setting warp"),
    "no backbone": (("config", "backbone"), None, "config: backbone must be a word, or a number"),
    "negative time": (("methods", "full", "seconds_per_problem"), -1, "seconds_per_problem must be greater than or equal to 0"),
    "truth as a number": (("methods", "full", "tokens_per_problem"), True, "tokens_per_problem must be a valid number, not True"),
    "n of others": (("n",), 9, "n is 9, but there are 10 problems"),
    "published as a share of a million": (("published", "full"), 1e6, "published: full must be less than or equal to 100"),
    "methods as a list": (("methods",), [], "methods must be a valid dictionary"),
    "no forwards": (("methods", "full", "forwards_per_problem"), {}, "forwards_per_problem: prefill must be there"),
    "a label without end": (("methods", "x" * 400), {}, "at most 300 characters"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_with_its_place_and_the_fix(name):
    path, value, message = DAMAGE[name]
    data = made(RIGHT)
    at(data, path, value)
    with pytest.raises(ReportError, match=message) as caught:
        load(json.dumps(data).encode())
    said = str(caught.value)
    assert "\n" not in said and ("evaluate" in said or "newer version" in said)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[1]", "holds a list, a report is a JSON object"),
        (b'{"a": NaN}', "NaN is not a number a report may hold"),
        (b'{"a": 1e999}', "1e999 is not finite"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"what": "ladder", "format": 1}', "This is a ladder file"),
        (b'{"question": "Is Tom a cat?"}', "file of problems and no report"),
        (b'{"hello": 1}', "needs format 2 and methods, and has hello"),
        (b" " * (MOST_BYTES + 1), "65 MB|64 MB"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_said_to_be_none(content, message):
    with pytest.raises(ReportError, match=message):
        load(content)


BOMBS = {
    "66 MB of empty objects": lambda: b"[" + b"{}," * 22_000_000 + b"{}]",
    "as many as fit into a small file": lambda: b'{"format":2,"methods":[' + b"{}," * MOST_VALUES + b"{}]}",
    "5,000 digits": lambda: b'{"format":2,"n":' + b"9" * 5000 + b"}",
    "100,000 lists in one another": lambda: b'{"format":2,"methods":' + b"[" * 100_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_one_line_before_it_takes_memory(name, monkeypatch, tmp_path):
    content = BOMBS[name]()
    (tmp_path / "r.json").write_bytes(content)
    if len(content) > 2**20:  # nothing of it is parsed
        monkeypatch.setattr("lrr_core.evaluation.report.json.loads", lambda *_, **__: pytest.fail("parsed"))
    with pytest.raises(ReportError) as caught:
        load(tmp_path / "r.json")
    assert "\n" not in str(caught.value) and "r.json" in str(caught.value) and len(str(caught.value)) < 600


def test_what_is_nested_too_deep_is_named():
    data = made({"coconut": "10"})
    data["source"]["deep"] = json.loads("[" * 300 + "]" * 300)
    with pytest.raises(ReportError, match="source must be nested at most 8 deep"):
        from_dict(data)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(ReportError, match="There is no report at"):
        load(tmp_path / "none.json")


def test_a_free_answer_is_judged_by_its_text():
    problem = replace(
        BENCHMARKS["prosqa"].generate("balanced", 1, 3, (9, 11), (2, 2))[0], candidates=("a", "b"), answer=0
    )
    data = made({"coconut": "1", "full": "0"}, [problem])
    for label, right in (("coconut", True), ("full", False)):
        data["methods"][label]["judged_by"] = "text"
        data["answers"][label][0] |= {"choice": None, "margin": None, "p_right": None, "right": right}
    assert flips(from_dict(data), "full").lost[0].change is None


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_report_is_whole_and_small(path):
    found = load(path)
    assert json.loads(to_json(found)) == json.loads(path.read_bytes())  # saved again it is the same
    assert path.stat().st_size < 1.5 * 2**20 and len(rows(found)) >= 1 and headline(found)


def test_the_report_of_an_evaluation_is_one_that_can_be_opened(models, problems):
    from lrr_core.evaluation.evaluate import evaluate
    from lrr_core.refinement.trace import RefineConfig

    seen = []
    labels = ("coconut", "full", "full@same@s=0.5", "random_direction")
    data = evaluate(models, problems, labels, RefineConfig(thoughts=2), batch_size=2, partial=seen.append)
    for grown in (*seen, data):
        found = load(to_json(grown).encode())
        assert found == grown  # a record is the same at birth and read back
        plain, following, same, _ = (sum(row[k] for k in ("prefill", "single", "probe")) for row in rows(found))
        assert (following - plain, same - plain) == (2 + 2 * 2 * 2, 2 + 2 * 2)  # two prefills, and 2 T (K + 1) or 2 T
    assert [grown.n for grown in seen] == [2] and found.n == 3
