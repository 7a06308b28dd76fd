"""Tuning on one set of problems and reporting on another: the whole surface, the choice, and the refusal of the same problems."""

import json
from dataclasses import replace

import pytest

from lrr_core.__main__ import main
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.evaluation.answer_log import fingerprint
from lrr_core.evaluation.evaluate import evaluate
from lrr_core.evaluation.search import Axes, check_apart, chosen_settings, load, search
from lrr_core.models.folder import ModelError
from lrr_core.refinement.trace import ConfigError, RefineConfig

CONFIG = RefineConfig(thoughts=2)
AXES = Axes(step_size=(0.0, 0.3), residual=(0.0, 0.5), rounds=(1, 2), thoughts=(1, 2))
PROSQA = BENCHMARKS["prosqa"]


@pytest.fixture(scope="module")
def asked():
    return PROSQA.generate("balanced", 6, 5, (8, 11), (2, 2))


@pytest.fixture(scope="module")
def surface(opened, asked):
    return search(opened["llama"], asked, CONFIG, axes=AXES, source={"generate": "balanced", "seed": 5})


def test_settings_that_are_the_same_are_tried_once():
    labels = AXES.grid(CONFIG)
    # per number of thoughts: 1 mix alone; 2 readings x 2 rounds x 2 mixes with a push
    assert len(labels) == len(set(labels)) == 2 * (1 + 8)
    assert "residual@a=0.5@t=1" in labels and "contrast@same@s=0.3@k=2@t=2" in labels
    assert Axes((0.0,), (0.0,)).grid(CONFIG) == []


def test_a_point_of_the_surface_is_what_evaluate_gives(opened, asked, surface):
    assert surface["n"] == 6 and len(surface["points"]) == 18 and surface["search"]["tried"] == 18
    for row in surface["points"]:
        own = replace(
            CONFIG, step_size=row["step_size"], residual=row["residual"], rounds=row["rounds"], thoughts=row["thoughts"],
            reference=row["reference"] or "next",
        )  # fmt: skip
        data = evaluate(opened["llama"], asked, ["coconut", row["method"]], own)
        assert data.methods[row["method"]].accuracy == row["accuracy"]
        assert data.comparisons[row["method"]].points == row["points"]
        assert surface["plain"][row["against"]]["accuracy"] == data.methods["coconut"].accuracy


def test_the_choice_is_the_most_accurate_and_among_equals_the_smallest(surface):
    best = max(row["accuracy"] for row in surface["points"])
    equals = [row for row in surface["points"] if row["accuracy"] == best]
    smallest = min(equals, key=lambda r: (r["step_size"], r["residual"], r["rounds"], r["thoughts"]))
    assert all(
        surface["chosen"][k] == smallest[k] for k in ("step_size", "residual", "rounds", "thoughts", "reference")
    )
    settings = chosen_settings(surface)
    assert RefineConfig(**settings).step_size == smallest["step_size"]


def test_a_random_search_tries_part_of_the_grid_and_the_same_part_again(opened, asked):
    first, again, other = (
        [p["accuracy"] for p in search(opened["llama"], asked, CONFIG, axes=AXES, draw=5, seed=s)["points"]]
        for s in (0, 0, 1)
    )
    assert len(first) == 5 and first == again
    picked = [search(opened["llama"], asked[:2], CONFIG, axes=AXES, draw=5, seed=s)["points"] for s in (0, 1)]
    assert [p["step_size"] for p in picked[0]] != [p["step_size"] for p in picked[1]] or picked[0] != picked[1]
    assert len(other) == 5


def test_a_report_on_the_problems_of_the_choice_is_refused_whatever_they_are_called(surface, asked):
    check_apart(surface, PROSQA.generate("balanced", 6, 6, (8, 11), (2, 2)))
    renamed = replace(asked[3], id="fresh")
    with pytest.raises(ModelError, match=r"1 of these 1 problems \(fresh\) are those the setting was chosen on"):
        check_apart(surface, [renamed])
    assert fingerprint(renamed) == fingerprint(asked[3]) != fingerprint(asked[2])


def test_nothing_to_search_is_refused(opened, asked):
    with pytest.raises(ConfigError, match="leaves thoughts alone"):
        search(opened["llama"], asked, CONFIG, axes=Axes((0.0,), (0.0,)))
    with pytest.raises(ConfigError, match="No value of residual to search"):
        Axes(residual=())


def run(argv: list[str], capsys) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(argv)
    out = capsys.readouterr()
    return end.value.code, out.out, out.err


def test_the_commands_choose_on_one_seed_report_on_another_and_refuse_the_same(folders, tmp_path, capsys):
    common = ["--models", str(folders["llama"]), "--nodes", "8-11", "--hops", "2", "--limit", "6", "--device", "cpu"]
    file = tmp_path / "surface.json"
    code, out, err = run(
        ["sweep", *common, "--seed", "5", "--step-sizes", "0,0.3", "--residuals", "0,0.5", "--out", str(file)], capsys
    )
    assert code == 0, err
    chosen = json.loads(out)
    assert chosen == json.loads(file.read_text())["chosen"]
    use = ["evaluate", *common, "--generate", "balanced", "--methods", "coconut,full", "--tuned", str(file)]
    code, out, err = run([*use, "--seed", "6"], capsys)
    assert code == 0, err
    report = json.loads(out)
    assert report["config"]["step_size"] == chosen["step_size"] and report["config"]["residual"] == chosen["residual"]
    assert report["tuning"]["chosen_on"] == "generated, balanced, 8-11 nodes, 2 hops, seed 5"
    code, out, err = run([*use, "--seed", "5"], capsys)
    assert code == 2 and "those the setting was chosen on" in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("content", ["", "[]", '{"what": "report"}', '{"what": "surface", "format": 1}'])
def test_a_file_that_is_no_surface_is_refused(tmp_path, content):
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(ConfigError, match=r"no surface of format 2|is not JSON"):
        load(tmp_path / "s.json")
    with pytest.raises(ConfigError, match="There is no surface"):
        load(tmp_path / "none.json")
