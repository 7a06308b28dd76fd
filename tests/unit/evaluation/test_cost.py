"""The formula of what a method costs is what is counted while it runs."""

import pytest

from lrr_core.evaluation.cost import bills, forwards, positions
from lrr_core.refinement.methods import METHODS
from lrr_core.refinement.refine import Prompts, Refiner, run_all
from lrr_core.refinement.trace import RefineConfig


@pytest.mark.parametrize("reference", ["next", "same"])
@pytest.mark.parametrize(("thoughts", "rounds"), [(1, 1), (3, 2), (0, 1)])
def test_the_formula_is_what_is_counted(models, problems, reference, thoughts, rounds):
    for method in METHODS:
        if method in ("other_thoughts", "mean_thought", "tilr"):  # need something besides the models
            continue
        config = RefineConfig(method=method, thoughts=thoughts, rounds=rounds, reference=reference)
        (run,) = run_all(Refiner(models, Prompts.make(models, problems[:1]), config, details=False))
        counted = {k: v for k, v in run.cost.items() if k != "readout"}
        assert counted == forwards(method, thoughts, rounds, reference, counted["decode"]), method


def test_cost_is_linear_in_thoughts_and_in_rounds_and_same_needs_no_probe():
    def total(t, k, reference="next"):
        return sum(forwards("full", t, k, reference).values())

    # next: 3 prefills + T(3 + 2K) + decode; same: 3 prefills + 3T + decode, whatever K
    assert [total(t, 2) for t in (0, 1, 2, 10)] == [4, 11, 18, 74]
    assert [total(4, k) for k in (1, 2, 3)] == [24, 32, 40]
    assert total(4, 1, "same") == total(4, 7, "same") == 16
    assert positions("full", 100, 4, 2) == total(4, 2) - 3 + 300


def test_the_table_of_larger_models_follows_from_parameters_and_positions():
    rows = bills(prompt=50)
    by_model = {}
    for row in rows:
        by_model.setdefault(row.model, []).append(row)
    assert len(by_model) == 4
    first = next(iter(by_model.values()))
    for others in by_model.values():
        assert [r.forwards for r in others] == [r.forwards for r in first]
        assert {round(r.flops / r.positions) for r in others} == {round(others[0].flops / others[0].positions)}
    assert first[0].flops == pytest.approx(2 * 0.69e6 * (50 + 6 + 2))
