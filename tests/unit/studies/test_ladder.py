"""The ladder: every number is evaluate's, a second start does only what is missing, and the sentences follow from the answers."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lrr_core.__main__ import main
from lrr_core.analysis.statistics import paired_difference, wilson
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.evaluation.evaluate import evaluate
from lrr_core.figures.ladder import SERIES, gain_figure, pair_figure
from lrr_core.models.checkpoints import Checkpoints
from lrr_core.models.folder import ModelFolder
from lrr_core.models.opened import ModelSet
from lrr_core.refinement.methods import METHODS
from lrr_core.refinement.trace import REFERENCES, RefineConfig
from lrr_core.studies import measure_ladder as measuring
from lrr_core.studies.ladder import (
    BASES,
    MEASURED,
    Asked,
    GainsError,
    Ladder,
    gain,
    pair_gains,
    rung_gains,
    standing_out,
)
from lrr_core.studies.ladder_words import describe, findings, table, table_csv, told_apart
from lrr_core.studies.measure_ladder import measure, plan, rungs
from lrr_core.training.assemble import VALIDATION_SEED
from pages import _drawn

ROOT = Path(__file__).parents[3]
SET, FILE = ROOT / "assets" / "models" / "prosqa", ROOT / "assets" / "ladder" / "prosqa.json"
CONFIG = RefineConfig(thoughts=2, step_size=0.5, residual=0.3)
PUSHED = [method for method in MEASURED if METHODS[method].pushes]
UNPUSHED = [method for method in MEASURED if not METHODS[method].pushes]
SMALL = {"n": 10, "n_pairs": 6, "seed": 3, "nodes": (8, 9), "hops": (2, 2)}
shipped = pytest.mark.skipif(not FILE.exists(), reason="the shipped ladder is not there")


@pytest.fixture(scope="module")
def measured(opened, tmp_path_factory) -> tuple[Ladder, Path]:
    path = tmp_path_factory.mktemp("ladder") / "tiny.json"
    return measure(opened["llama"], path, CONFIG, **SMALL), path


@pytest.fixture(scope="module")
def invented() -> Ladder:
    """Three rungs on 400 problems: guessing, half-way, best. `full` with `next` mends 60 problems of the middle one and the random
    push 50 of the same; with `same` both mend those 60. Residual mixing changes nothing, and the pair (best, guessing) 40."""
    names, n, answers = Checkpoints("ladder/0", "ladder/1", "ladder/2"), 400, {}
    for rung, correct in zip(names, (200, 300, 396), strict=True):
        plain = np.arange(n) < correct
        for method in UNPUSHED:
            answers[Asked(rung, method)] = plain
        for reference in REFERENCES:
            for method in PUSHED:
                answers[Asked(rung, method, reference, "strong", "weak")] = plain
    answers[Asked("ladder/1", "full", "next", "strong", "weak")] = np.arange(n) < 360
    answers[Asked("ladder/1", "random_direction", "next", "strong", "weak")] = np.arange(n) < 350
    answers[Asked("ladder/1", "full", "same", "strong", "weak")] = np.arange(n) < 360
    answers[Asked("ladder/1", "random_direction", "same", "strong", "weak")] = np.arange(n) < 360
    for s in names:
        for w in names:
            answers[Asked("ladder/1", "full", "next", s, w)] = np.arange(n) < 300
    answers[Asked("ladder/1", "full", "next", "ladder/2", "ladder/0")] = np.arange(n) < 340
    weights = {"ladder/0": "a", "ladder/1": "b", "ladder/2": "c", "strong": "c", "weak": "a"}
    source = {"generate": "balanced", "nodes": [8, 9], "hops": [2, 2], "seed": 3, "n": n, "n_pairs": n}
    return Ladder(names, "strong", "weak", "ladder/1", {"step_size": 0.2}, source, 0.5, {"members": weights}, answers)


# --- measuring --------------------------------------------------------------------------------------------------------


def test_every_answer_is_the_one_evaluate_counts(opened, measured):
    ladder, _ = measured
    problems = BENCHMARKS["prosqa"].generate("balanced", 10, 3, (8, 9), (2, 2))
    gold = np.array([p.answer for p in problems])
    for rung in ladder.rungs:
        for reference in REFERENCES:
            config = replace(CONFIG, reference=reference)
            report = evaluate(opened["llama"], problems, MEASURED, config, Checkpoints(rung))
            for method in (*UNPUSHED, *PUSHED):
                pair = (reference, "strong", "weak") if method in PUSHED else ()
                chosen = np.array([a.choice for a in report.answers[method]])
                np.testing.assert_array_equal(ladder.answers[Asked(rung, method, *pair)], chosen == gold)


def test_pairs_answer_the_first_problems_with_those_references(opened, measured):
    ladder, _ = measured
    problems = BENCHMARKS["prosqa"].generate("balanced", 6, 3, (8, 9), (2, 2))
    report = evaluate(
        opened["llama"],
        problems,
        ["full"],
        replace(CONFIG, reference="same"),
        Checkpoints("backbone", "weak", "strong"),
    )
    right = [a.choice == p.answer for a, p in zip(report.answers["full"], problems, strict=True)]
    np.testing.assert_array_equal(ladder.answers[Asked("backbone", "full", "same", "weak", "strong")], right)


def test_strong_against_itself_is_residual_mixing_alone(measured):
    ladder, _ = measured
    alone = ladder.answers[Asked("backbone", "residual")][:6]
    for reference in REFERENCES:
        for rung in ladder.rungs:
            np.testing.assert_array_equal(ladder.answers[Asked("backbone", "full", reference, rung, rung)], alone)
        diagonal = [row[i] for i, row in enumerate(pair_gains(ladder, reference, "residual"))]
        assert [(g.points, g.gained, g.lost) for g in diagonal] == [(0.0, 0, 0)] * 3


def test_everything_of_the_plan_is_measured_once(measured):
    ladder, _ = measured
    todo = plan(ladder.rungs, ladder.opens_with)
    assert {*todo} == {*ladder.answers}
    assert len({*todo}) == 3 * (len(UNPUSHED) + 2 * len(PUSHED)) + 2 * 9 - 2  # two pairs are the set's own


def test_weights_that_were_met_before_are_no_rung_of_their_own(folders, tmp_path):
    folder = shutil.copytree(folders["llama"], tmp_path / "set")
    for name, of in (("0-early", "weak"), ("1-late", "backbone")):
        shutil.copytree(folder / of, folder / "ladder" / name)
    models = ModelSet(folder, device="cpu")
    assert rungs(models) == ["ladder/0-early", "ladder/1-late", "strong"]  # backbone and weak are the two rungs
    path = tmp_path / "l.json"
    assert (
        measure(models, path, CONFIG, n=2, n_pairs=2, seed=1, nodes=(8, 8), hops=(2, 2)).opens_with == "ladder/1-late"
    )


@pytest.fixture
def counted(monkeypatch):
    """What is run: (method, backbone, strong, weak) of every call."""
    calls, real = [], measuring.right_answers

    def counting(models, problems, arm, size):
        calls.append((arm.method, arm.config.reference, *arm.names, len(problems)))
        return real(models, problems, arm, size)

    monkeypatch.setattr(measuring, "right_answers", counting)
    return calls


def test_a_second_start_does_only_what_is_missing(opened, measured, tmp_path, counted):
    ladder, _ = measured
    again = tmp_path / "again.json"
    gone = [Asked("weak", "swapped", "same", "strong", "weak"), Asked("backbone", "full", "next", "weak", "backbone")]
    replace(ladder, answers={k: v for k, v in ladder.answers.items() if k not in gone}).save(again)
    finished = measure(opened["llama"], again, CONFIG, **SMALL)
    assert counted == [
        ("swapped", "same", "weak", "strong", "weak", 10),
        ("full", "next", "backbone", "weak", "backbone", 6),
    ]
    assert {*finished.answers} == {*ladder.answers}
    for asked, right in ladder.answers.items():
        np.testing.assert_array_equal(finished.answers[asked], right)
    counted.clear()
    measure(opened["llama"], again, CONFIG, **SMALL)
    assert counted == []


def test_what_was_measured_before_a_stop_is_kept(opened, tmp_path, counted):
    path = tmp_path / "stopped.json"

    def stop(asked, done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(opened["llama"], path, CONFIG, **SMALL, progress=stop)
    assert len(Ladder.load(path).answers) == 4
    assert [p.name for p in tmp_path.iterdir()] == ["stopped.json"]  # nothing half-written is left
    counted.clear()
    with pytest.raises(KeyboardInterrupt):
        measure(opened["llama"], path, CONFIG, **SMALL, progress=lambda a, done, n: stop(a, done - 2, n))
    assert len(counted) == 2


@pytest.mark.parametrize(
    ("change", "what"),
    [({"seed": 4}, "source"), ({"n": 12}, "source"), ({"config": RefineConfig(thoughts=3)}, "settings")],
)
def test_a_file_of_other_problems_or_settings_is_refused_and_left_alone(opened, measured, change, what):
    _, path = measured
    before = path.read_bytes()
    with pytest.raises(GainsError, match=f"another {what}.*another --out"):
        measure(opened["llama"], path, **{"config": CONFIG} | SMALL | change)
    assert path.read_bytes() == before


def test_more_pair_problems_than_problems_are_refused(opened, tmp_path):
    with pytest.raises(GainsError, match="first of the rungs' 4 problems"):
        measure(opened["llama"], tmp_path / "l.json", CONFIG, n=4, n_pairs=5)


def test_the_command_measures_and_says_where(folders, tmp_path, capsys):
    out = tmp_path / "l.json"
    small = ["--limit", "2", "--pair-limit", "5", "--nodes", "8", "--hops", "2", "--out", str(out)]
    with pytest.raises(SystemExit) as stop:
        main(["ladder", "--models", str(folders["gpt2"]), *small])
    said = capsys.readouterr()
    assert stop.value.code == 0 and said.out.strip() == str(out) and "backbone coconut" in said.err
    assert Ladder.load(out).source["n_pairs"] == 2
    with pytest.raises(SystemExit) as stop:
        main(["ladder", "--models", str(folders["gpt2"]), *small, "--seed", "5"])
    assert stop.value.code == 2 and "another source" in capsys.readouterr().err


# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_ladder_survives_its_file(measured, tmp_path):
    ladder, _ = measured
    ladder.save(tmp_path / "copy.json")
    copy = Ladder.load(tmp_path / "copy.json")
    for field in ("rungs", "strong", "weak", "opens_with", "settings", "source", "chance", "identity"):
        assert getattr(copy, field) == getattr(ladder, field)
    assert {*copy.answers} == {*ladder.answers}
    assert all(
        np.array_equal(copy.answers[a], right) and copy.answers[a].dtype == bool for a, right in ladder.answers.items()
    )


def test_damage_is_told_and_named(measured, tmp_path):
    data = json.loads(measured[1].read_text())
    file = tmp_path / "odd.json"
    cell = data["cells"][1]
    cell["correct"] += 1
    file.write_text(json.dumps(data))
    with pytest.raises(GainsError, match=f"damaged at {cell['backbone']} {cell['method']}.*lrr_core ladder"):
        Ladder.load(file)
    file.write_text(measured[1].read_text()[:-40])
    with pytest.raises(GainsError, match="not a complete ladder"):
        Ladder.load(file)
    file.write_text('{"what": "sweep", "format": 1}')
    with pytest.raises(GainsError, match="is sweep of format 1"):
        Ladder.load(file)
    with pytest.raises(GainsError, match="There is no ladder"):
        Ladder.load(tmp_path / "none.json")


def test_other_weights_are_named(invented):
    weights = invented.identity["members"]
    assert invented.other_weights(weights) == []
    assert invented.other_weights(weights | {"ladder/1": "x"}) == ["ladder/1"]
    assert invented.other_weights({k: v for k, v in weights.items() if k != "weak"}) == ["weak"]


# --- comparisons ------------------------------------------------------------------------------------------------------


def test_a_gain_is_the_paired_difference_on_the_same_problems(measured):
    ladder, _ = measured
    asked = Asked("strong", "full", "same", "strong", "weak")
    plain = ladder.answers[Asked("strong", "coconut")]
    for base, against in {"coconut": plain, "residual": ladder.answers[Asked("strong", "residual")]}.items():
        g, d = gain(ladder, asked, base), paired_difference(ladder.answers[asked], against)
        assert g.row() == d.row()
        assert g.accuracy == plain.mean() and g.accuracy_ci95 == wilson(int(plain.sum()), 10) and g.n == 10
    pair = gain(ladder, Asked("backbone", "full", "same", "weak", "strong"))
    plain = ladder.answers[Asked("backbone", "coconut")][:6]
    assert pair.n == 6 and pair.accuracy == plain.mean()
    assert pair.gained - pair.lost == ladder.answers[pair.asked].sum() - plain.sum()


def test_what_was_not_measured_has_no_gain(invented):
    some = {a: r for a, r in invented.answers.items() if a.backbone != "ladder/2" and a.strong != "ladder/0"}
    part = replace(invented, answers=some)
    assert [g.asked.backbone for g in rung_gains(part, "full", "next")] == ["ladder/0", "ladder/1"]
    assert [g is None for g in pair_gains(part, "next")[0]] == [True] * 3
    assert standing_out(pair_gains(part, "next")[0]) == [0, 0, 0]
    for base in BASES:
        assert gain_figure(part, base=base).data and pair_figure(part, base=base).data
    assert findings(part)["gains"] and findings(replace(invented, answers={})) == {
        "gains": [],
        "controls": [],
        "pairs": [],
    }


def test_among_many_settings_chance_alone_does_not_stand_out(invented):
    one = gain(invented, Asked("ladder/1", "full", "next", "strong", "weak"))
    lucky = replace(one, p_value=0.03)
    assert standing_out([lucky]) == [1]
    assert standing_out([lucky] + 19 * [replace(one, p_value=0.6)]) == [0] * 20
    assert standing_out([replace(one, p_value=1e-6, points=-3.0), None, lucky]) == [-1, 0, 1]


def test_the_sentences_count_what_stands_out_and_put_the_controls_beside_it(invented):
    told = findings(invented)
    following, same = told["gains"]
    assert "**next**" in following and "at 1 of 3 backbones (75 %) and fewer at none of 3 backbones" in following
    assert (
        "Most at the backbone of 75.0 %: +15.0 points" in following
        and "at the best one (99.0 %): +0.0 points" in following
    )
    assert "**same**" in same and "at 1 of 3 backbones (75 %) and fewer at none of 3" in same
    assert (
        "random one at none of 3 backbones, and better than residual mixing alone at 1 of 3 backbones"
        in told["controls"][1]
    )
    assert "a random push of the same length gains at 1 of 3 backbones (75 %)" in told["controls"][0]
    assert "better than the random one at 1 of 3 backbones" in told["controls"][0]
    assert (
        "of 6 pairs of references, and allowing for their number, 1 do better than residual mixing alone and none worse"
        in told["pairs"][0]
    )
    assert "2 over 0, reaches 85.0 % (its strong checkpoint alone: 99.0 %): +10.0 points" in told["pairs"][0]
    assert "3 checkpoints as backbone on 400 problems" in describe(invented, told["gains"])
    worse = invented.answers | {Asked("ladder/2", "full", "next", "strong", "weak"): np.arange(400) < 350}
    assert "and fewer at 1 of 3 backbones (99 %)" in findings(replace(invented, answers=worse))["gains"][0]


def test_the_table_has_every_setting_with_its_interval(invented):
    rows = table(invented)
    assert len(rows) == len(invented.answers)
    row = next(
        r for r in rows if (r["backbone"], r["method"], r["reference"], r["strong"]) == ("1", "full", "next", "strong")
    )
    assert (row["correct"], row["n"], row["accuracy"], row["points"], row["gained"], row["lost"]) == (
        360,
        400,
        90,
        15,
        60,
        0,
    )
    assert [row["low"], row["high"]] == pytest.approx([100 * v for v in wilson(360, 400)])
    lines = table_csv(invented).splitlines()
    assert len(lines) == 4 + len(rows) and "'seed': 3" in lines[0]


# --- the figures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(("theme", "narrow"), [("light", False), ("dark", True)])
def test_points_and_intervals_are_those_of_the_record(invented, base, theme, narrow):
    figure = gain_figure(invented, theme, narrow, base)
    for axis, reference in zip(("x", "x2"), REFERENCES, strict=True):
        for method in SERIES:
            if method == base:
                continue
            drawn = next(t for t in figure.data if t.name == SERIES[method] and t.xaxis == axis)
            gains = rung_gains(invented, method, reference if method in PUSHED else "", base)
            for i, g in enumerate(sorted(gains, key=lambda g: g.accuracy)):
                assert drawn.y[i] == g.points and abs(drawn.x[i] - 100 * g.accuracy) < 0.5
                assert drawn.y[i] + drawn.error_y.array[i] == pytest.approx(g.ci95[1])
                assert drawn.y[i] - drawn.error_y.arrayminus[i] == pytest.approx(g.ci95[0])
                assert list(drawn.customdata[i]) == [g.asked.backbone, method, reference, "strong", "weak"]
    assert sum("n = 400" in a.text for a in figure.layout.annotations) == 2
    assert any(a.text == "chance" and a.x == 50 for a in figure.layout.annotations)
    assert any(BASES[base].removeprefix("the ") in a.text for a in figure.layout.annotations)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(("theme", "narrow"), [("light", False), ("dark", True)])
def test_cells_are_centred_at_zero_and_can_be_clicked(invented, base, theme, narrow):
    figure = pair_figure(invented, theme, narrow, base)
    heat, cells = figure.data[0], figure.data[1]
    assert heat.zmin == -heat.zmax and heat.colorscale[1][0] == 0.5
    grid = pair_gains(invented, "next", base)
    assert [list(row) for row in heat.z] == [[g.points for g in row] for row in grid]
    for x, y, text, key in zip(cells.x, cells.y, cells.text, cells.customdata, strict=True):
        g = grid[y][x]
        assert (g.asked.strong, g.asked.weak) == (invented.rungs[y], invented.rungs[x]) == tuple(key[3:])
        assert f"{g.points:+.1f}".replace("-", "−") in text and tuple(key[:3]) == ("ladder/1", "full", "next")
        assert text.startswith("<b>") == (tuple(key[3:]) == ("ladder/2", "ladder/0"))
    frame = next(s for s in figure.layout.shapes if s.type == "rect")
    assert (frame.x0, frame.y0) == (
        -0.5,
        1.5,
    )  # the set's own pair: weak has the weights of rung 0, strong those of rung 2
    assert [list(row) for row in figure.data[2].z] == 3 * [3 * [None]]  # no pair was measured under `same`


# --- what is shipped --------------------------------------------------------------------------------------------------


@shipped
def test_the_shipped_ladder_is_whole_and_of_the_shipped_weights():
    ladder, folder = Ladder.load(FILE), ModelFolder(SET)
    assert {*ladder.answers} == {*plan(ladder.rungs, ladder.opens_with)}
    assert ladder.other_weights(folder.weights(*folder.thinkers())) == []
    assert ladder.source["n"] >= 500 and ladder.source["n_pairs"] >= 200


@shipped
def test_nothing_was_tuned_on_the_shipped_ladder():
    ladder, info = Ladder.load(FILE), ModelFolder(SET).info
    assert ladder.source["seed"] not in {VALIDATION_SEED, 0, 101, 102, 103, 104}
    assert {k: ladder.settings[k] for k in info.defaults if k in ladder.settings} == {
        k: v for k, v in info.defaults.items() if k in ladder.settings
    }


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_page(tmp_path, monkeypatch):
    """Opens the page of the app on an invented ladder, or on none."""
    monkeypatch.setattr(_drawn, "LADDERS", tmp_path)
    caches = (_drawn.ladder, _drawn.ladder_findings, _drawn.ladder_table, _drawn.ladder_figure)

    def go(ladder: Ladder | None) -> AppTest:
        for cache in caches:
            cache.clear()
        if ladder is not None:
            ladder.save(tmp_path / "prosqa.json")
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=240).run()
        return at.switch_page(str(ROOT / "pages" / "ladder.py")).run()

    yield go
    for cache in caches:
        cache.clear()


def words(at) -> str:
    return " ".join(m.value for m in [*at.markdown, *at.caption])


@pytest.fixture
def of_the_set(invented) -> Ladder:
    """The invented ladder with rungs of the shipped set."""
    names = dict(
        zip(
            invented.rungs,
            Checkpoints("ladder/00-step-00200", "ladder/06-step-02600", "ladder/09-step-04400"),
            strict=True,
        )
    )
    folder = ModelFolder(SET)
    answers = {Asked(*(names.get(part, part) for part in asked)): right for asked, right in invented.answers.items()}
    settings = {
        "step_size": 0.2,
        "residual": 0.2,
        "rounds": 1,
        "thoughts": 6,
        "sign": "descent",
        "gradient": "detached",
    }
    return replace(
        invented, rungs=tuple(names.values()), opens_with=names["ladder/1"], answers=answers,
        settings=settings | {"momentum": 0.0, "seed": 0}, identity={"members": folder.weights(*names.values(), "strong", "weak")},
    )  # fmt: skip


def test_the_page_says_what_the_file_says(open_page, of_the_set):
    at = open_page(of_the_set)
    assert not at.exception and not at.error and not at.warning
    for sentences in findings(of_the_set).values():
        assert all(sentence in words(at) for sentence in sentences)
    assert "400 fresh balanced problems" in words(at) and "seed 3" in words(at) and "Chance is 50 %" in words(at)
    assert len(at.get("plotly_chart")) == 2
    plain = json.loads(at.get("plotly_chart")[0].proto.spec)
    at.session_state["base"] = "residual"
    at.run()
    over = json.loads(at.get("plotly_chart")[0].proto.spec)
    assert not at.exception and len(over["data"]) == len(plain["data"]) - 2  # the base is the zero line


def test_other_weights_are_said_on_the_page(open_page, of_the_set):
    at = open_page(replace(of_the_set, identity={"members": of_the_set.identity["members"] | {"weak": "x"}}))
    assert not at.exception and "other weights for weak" in at.warning[0].value


def test_without_a_ladder_the_page_says_how_to_measure_one(open_page):
    at = open_page(None)
    assert not at.exception and "python -m lrr_core ladder" in at.error[0].value.replace("\\", "")


@pytest.mark.parametrize(("leads_to", "button"), [("explore", "run_all"), ("compare", "pin_as_a")])
def test_a_pair_opens_with_the_settings_that_were_measured(open_page, of_the_set, leads_to, button):
    at = open_page(of_the_set)
    at.session_state["opens"] = leads_to
    at.session_state["step_size"] = 1.5
    at.selectbox(key="hand_strong").select("ladder/06-step-02600")
    at.selectbox(key="hand_weak").select("ladder/00-step-00200")
    at.button(key="FormSubmitter:by_hand-Open").click().run()
    assert not at.exception
    state = at.session_state
    assert any(b.key == button for b in at.button)  # one that only that page has
    assert (state["strong"], state["weak"], state["backbone"]) == (
        "ladder/06-step-02600", "ladder/00-step-00200", "ladder/06-step-02600",
    )  # fmt: skip
    assert (state["step_size"], state["method"]) == (0.2, "full")


def test_a_click_opens_what_the_point_stands_for(open_page, of_the_set):
    at = open_page(of_the_set)
    opened = {
        "backbone": "ladder/00-step-00200",
        "method": "swapped",
        "reference": "same",
        "strong": "strong",
        "weak": "weak",
    }
    at.session_state["ladder_opened"] = opened
    at.run()
    assert not at.exception and any(b.key == "run_all" for b in at.button)
    assert {key: at.session_state[key] for key in opened} == opened


def test_accuracies_that_round_alike_get_decimals_until_they_differ():
    assert told_apart([0.52, 0.681]) == ["52", "68"]
    assert told_apart([0.685, 0.677, None]) == ["68.5", "67.7", "?"]
    assert told_apart([0.685], among=[0.685, 0.677]) == ["68.5"]
    assert told_apart([0.6851, 0.6852]) == ["68.51", "68.52"]
    assert told_apart([0.685, 0.685]) == ["68", "68"]  # truly the same


def test_no_two_rungs_of_the_grid_read_alike(measured):
    ladder, _ = measured
    accuracies = {rung: ladder.right(Asked(rung, "coconut")).mean() for rung in ladder.rungs}
    for axis in (pair_figure(ladder).layout.xaxis, pair_figure(ladder).layout.yaxis2):
        assert len(set(axis.ticktext)) == len(set(accuracies.values()))
