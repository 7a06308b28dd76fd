"""The methods table is the one place that knows methods: a record added to it runs everywhere, and one rule says who lends."""

import ast
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lrr_core.__main__ import app
from lrr_core.analysis.summary import method_label
from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.evaluation.arms import parse
from lrr_core.evaluation.cost import forwards
from lrr_core.evaluation.evaluate import evaluate
from lrr_core.models.checkpoints import STANDARD
from lrr_core.refinement.lenders import COUNT, following, lenders
from lrr_core.refinement.methods import METHODS, PAIR, Method, borrowers, contrast, mixed
from lrr_core.refinement.refine import Prompts, RefineError, Refiner, plain_thoughts, run_all
from lrr_core.refinement.trace import RefineConfig, Trace, signed, unsigned
from lrr_core.refinement.tracing import lend
from lrr_core.studies.comparison import table
from lrr_core.studies.measure_comparison import compare_methods

ROOT = Path(__file__).parents[3]
CONFIG = RefineConfig(thoughts=3, rounds=2, step_size=0.4, residual=0.2, momentum=0.5)
TEXT = "Every cat is a pet. Every dog is a wolf. Tom is a cat. Max is a dog. Is Tom a pet or a wolf?"


def run(models, problems, method, **given):
    return run_all(Refiner(models, Prompts.make(models, problems), replace(CONFIG, method=method), **given))


@pytest.fixture
def own(monkeypatch):
    """Adds a record to the table for one test."""
    return lambda method: monkeypatch.setitem(METHODS, method.key, method)


# --- bring your own ---------------------------------------------------------------------------------------------------


def half(now):
    return now.step / 2


def test_half_of_every_push_is_full_with_half_the_step(own, models, problems):
    own(Method("half", "half a push", "half of every push", start=mixed, mixes=True, push=half, references=PAIR))
    halves, wholes = run(models, problems, "half"), run_all(
        Refiner(models, Prompts.make(models, problems), replace(CONFIG, step_size=CONFIG.step_size / 2))
    )  # fmt: skip
    for a, b in zip(halves, wholes, strict=True):
        assert np.allclose(a.states, b.states, atol=1e-5) and a.choice == b.choice
        assert {k: v for k, v in a.cost.items() if k != "readout"} == forwards("half", 3, 2, decoded=a.cost["decode"])


def test_a_record_is_all_that_labels_comparisons_and_reports_need(own, models, problems):
    own(Method("half", "half a push", "half of every push", start=mixed, mixes=True, push=half, references=PAIR))
    arm = parse("half@same@s=0.7", CONFIG, STANDARD)
    assert (arm.method, arm.config.reference, arm.config.step_size, arm.members) == ("half", "same", 0.7, STANDARD)
    assert method_label("half") == "half a push"
    compared = compare_methods(models, problems[0], CONFIG)
    assert "half" in compared.methods and "half a push" in {row["method"] for row in table(compared)}
    report = evaluate(models, problems, ["coconut", "half@same"], CONFIG)
    assert report.labels == ["coconut", "half@same"] and report.against("half@same") == "coconut"


def test_a_step_sees_views_the_lens_and_all_thoughts_so_far(own, models, problems):
    seen = []

    def start(now):
        seen.append((now.thought, len(now.fed), now.lens(now.state).shape[-1]))
        return (now.proposal + now.view("backbone", now.proposal)) / 2

    own(Method("look", "look", "the middle of a thought and what the backbone makes of it", start=start, views=(1, 0)))
    for result in run(models, problems, "look"):
        assert result.strong.shape[1] == 0 and result.states.shape[1] == 1  # no references, no rounds
        assert {k: v for k, v in result.cost.items() if k != "readout"} == forwards(
            "look", 3, decoded=result.cost["decode"]
        )
    assert seen == [(t, t - 1, models.model("backbone").config.vocab_size) for t in (1, 2, 3)]


def test_a_push_without_references_runs_its_rounds_and_asks_for_no_other_checkpoint(own, models, problems):
    own(Method("shrink", "shrink", "every round shortens the thought by a tenth", push=lambda now: -0.1 * now.state))
    (result,) = run(models, problems[:1], "shrink")
    assert np.allclose(result.states[:, 2], 0.81 * result.states[:, 0], atol=1e-5) and result.strong.shape[1] == 0
    assert parse("shrink", CONFIG, STANDARD).members == ("backbone",)
    assert {k: v for k, v in result.cost.items() if k != "readout"} == forwards(
        "shrink", 3, 2, decoded=result.cost["decode"]
    )


def test_a_view_through_a_checkpoint_that_was_not_named_says_so(own, models, problems):
    own(Method("peep", "peep", "looks through strong", start=lambda now: now.view("strong", now.proposal)))
    with pytest.raises(RefineError, match="name it among the references"):
        run(models, problems, "peep")


def test_references_may_be_any_two_roles(own, models, problems):
    """A push away from weak alone: g is the backbone's own view. Between the same two checkpoints nothing is pushed."""
    own(Method("away", "away", "away from weak", push=contrast, references=("backbone", "weak")))
    (result,) = run(models, problems[:1], "away")
    assert np.abs(result.states[:, 1] - result.states[:, 0]).max() > 0
    (still,) = run(models, problems[:1], "away", names=STANDARD._replace(weak="backbone"))
    assert np.array_equal(still.states[:, -1], still.proposed)


@pytest.mark.parametrize("wrong", [{"key": "a@b"}, {"key": "x", "references": ("strong",)}])
def test_a_record_that_no_label_could_name_is_refused(wrong):
    with pytest.raises(ValueError, match="needs letters"):
        Method(**{"name": "x", "words": "x"} | wrong)


# --- one table --------------------------------------------------------------------------------------------------------


def compared_names(source: str) -> list[str]:
    """The comparisons in a source with a literal that is a method's key."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            parts = [part for side in sides for part in (getattr(side, "elts", None) or [side])]
            if any(isinstance(p, ast.Constant) and isinstance(p.value, str) and p.value in METHODS for p in parts):
                found.append(ast.unparse(node))
    return found


def test_no_other_module_compares_a_method_by_its_name():
    assert compared_names("a.method != 'tilr' and b in ('full', 'x')") == ["a.method != 'tilr'", "b in ('full', 'x')"]
    files = [*(ROOT / "lrr_core").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    found = {f.name: compared_names(f.read_text()) for f in files if f.name != "methods.py"}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_table_is_read_without_torch():
    source = (ROOT / "lrr_core" / "refinement" / "methods.py").read_text()
    names = [n.module or "" for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom)]
    names += [a.name for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import) for a in n.names]
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("step", [-1.0, -0.2, 0.0, 0.3])
def test_one_signed_number_says_size_and_sign(step):
    config = replace(CONFIG, **unsigned(step))
    assert config.signed_step == signed(**unsigned(step)) == step
    assert replace(config, method="residual").signed_step == 0


# --- one rule for lenders ---------------------------------------------------------------------------------------------


def test_what_a_list_lends_to_each_is_what_the_others_after_it_lend_to_one(models, problems):
    thoughts = plain_thoughts(models, Prompts.make(models, problems), 3)
    for key in borrowers(METHODS):
        every = METHODS[key].lend(thoughts, each=True)
        for i, problem in enumerate(problems):
            alone = lend(models, [key], following(problems, i), 3)[key]
            assert torch.allclose(every[i : i + 1], alone, atol=1e-4), (key, problem.id)


def test_a_problem_never_lends_to_itself_and_nobody_is_asked_without_need():
    drawn = lenders(BENCHMARKS["prosqa"].parse(TEXT), METHODS)
    assert len(drawn) == COUNT and lenders(drawn[3], METHODS) == (*drawn[:3], *drawn[4:])
    assert lenders(drawn[0], ["full", "random_direction"]) == ()
    listed = [replace(p, benchmark="gsm8k") for p in drawn]  # cannot be drawn: the others of its file
    assert lenders(listed[6], METHODS, listed) == (listed[7], *listed[:6]) and lenders(listed[6], METHODS) == ()


def test_the_command_and_explore_draw_the_same_lenders(tmp_path, monkeypatch):
    """So that one control gives one number: the problem typed into both."""
    import streamlit as st

    from pages import _choices, _runs, _shared

    out = tmp_path / "other.npz"
    made = CliRunner().invoke(app, ["refine", "--text", TEXT, "--method", "other_thoughts", "--out", str(out)])
    assert made.exit_code == 0, made.output
    command = Trace.load(out)
    chosen = (
        asdict(command.config)
        | STANDARD._asdict()
        | {"model_set": _shared.SHIPPED_SET, "problem": _shared.OWN, "draw": 0, "text": TEXT}
    )
    monkeypatch.setattr(st, "session_state", State(chosen))
    request = _choices.request()
    assert request.lenders == command.lenders and len(request.lenders) == COUNT
    here = _runs.run(_shared.SHIPPED_SET, request)
    assert np.array_equal(here.runs["refined"].states, command.runs["refined"].states)
    assert np.array_equal(here.runs["refined"].scores, command.runs["refined"].scores)


class State(dict):
    """What a page chose, read as an attribute or by key."""

    __getattr__ = dict.__getitem__
