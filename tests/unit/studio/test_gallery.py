"""The gallery: counts by hand on an invented report, both directions and the control; a case runs again as it was reported."""

import re
from dataclasses import replace

import pytest
from report_maker import made

from lrr_core.benchmarks.catalogue import BENCHMARKS
from lrr_core.evaluation.cases import Case, flips
from lrr_core.evaluation.report import from_dict
from lrr_core.refinement.trace import RefineConfig
from lrr_core.refinement.tracing import refine_problem
from lrr_core.studio.gallery import (
    GalleryError,
    cases,
    labels,
    previews,
    settings_of,
    trace_of,
    typical,
)
from lrr_core.studio.thumbnail import HEIGHT, thumbnail

#           plain  full  random  swapped      (✓ right)   margins of plain and full
INVENTED = [
    ("p0", 2, "✗✓✗✗", -1.0, 0.5),  # gained, not by the random push
    ("p1", 3, "✗✓✓✗", -0.2, 0.1),  # gained, by the random push too
    ("p2", 3, "✓✗✓✓", 0.4, -2.0),  # lost, not by the random push
    ("p3", 2, "✓✓✓✓", 3.0, 3.1),
    ("p4", 4, "✗✗✓✗", -2.0, -1.9),  # the random push alone turns it right
    ("p5", 2, "✓✓✗✓", 1.0, 1.0),  # and this one wrong
]
NAMES = ("coconut", "full", "random_direction", "swapped")


def invented(**more: str) -> dict:
    """more: further arms, label -> right (1) or wrong (0)."""
    problems = [
        replace(BENCHMARKS["prosqa"].generate("balanced", 1, 3, (14, 16), (hops, hops))[0], id=id)
        for id, hops, *_ in INVENTED
    ]
    right = {n: "".join("1" if marks[i] == "✓" else "0" for _, _, marks, *_ in INVENTED) for i, n in enumerate(NAMES)}
    data = made(right | more, problems)
    for i, (*_, before, after) in enumerate(INVENTED):
        for name, value in (("coconut", before), ("full", after)):
            if i < len(data["answers"][name]):
                data["answers"][name][i]["margin"] = value
    return data


@pytest.fixture
def report():
    return from_dict(invented())


def ids(found) -> list[str]:
    return [case.id for case in found]


def test_counts_are_those_counted_by_hand_in_both_directions_and_under_the_random_push(report):
    c = flips(report, "full")
    assert (c.n, len(c.gained), len(c.lost), c.right, c.wrong) == (6, 2, 1, 2, 1)
    assert (c.control, c.matched, c.control_gained, c.control_lost) == ("random_direction", True, 2, 1)
    assert c.unchanged == 3
    pushed = flips(report, "random_direction")
    assert (len(pushed.gained), len(pushed.lost), pushed.control) == (2, 1, None)


def test_every_case_says_what_happened_to_it(report):
    found = {case.id: case for case in cases(report, "full", order="report")}
    assert {id: case.flip for id, case in found.items()} == {
        "p0": "gained", "p1": "gained", "p2": "lost", "p3": "unchanged", "p4": "unchanged", "p5": "unchanged",
    }  # fmt: skip
    assert found["p2"].change == pytest.approx(-2.4) and found["p2"].hops == 3 and not found["p2"].right
    assert {id: case.random for id, case in found.items()} == {
        "p0": False, "p1": True, "p2": False, "p3": True, "p4": False, "p5": False,
    }  # fmt: skip
    assert found["p1"].controls == (("random_direction", True), ("swapped", False))


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({}, ["p2", "p0", "p1", "p3", "p4", "p5"]),  # by |change|: 2.4, 1.5, 0.3, 0.1, 0.1, 0
        ({"flip": "gained"}, ["p0", "p1"]),
        ({"flip": "lost"}, ["p2"]),
        ({"flip": "flipped"}, ["p2", "p0", "p1"]),
        ({"flip": "flipped", "hops": {2}}, ["p0"]),
        ({"flip": "unchanged", "order": "report"}, ["p3", "p4", "p5"]),
        ({"hops": {3}}, ["p2", "p1"]),
        ({"hops": ()}, []),
        ({"flip": "gained", "disagree": "alone"}, ["p0"]),
        ({"flip": "gained", "disagree": "shared"}, ["p1"]),
        ({"disagree": "some", "order": "report"}, ["p0", "p1", "p2", "p4", "p5"]),
        ({"least": 0.2}, ["p2", "p0", "p1"]),
        ({"order": "up"}, ["p0", "p1", "p3", "p4", "p5", "p2"]),
        ({"order": "down"}, ["p2", "p5", "p3", "p4", "p1", "p0"]),
    ],
)
def test_each_filter_keeps_what_it_says(report, filters, left):
    assert ids(cases(report, "full", **filters)) == left


def test_the_caption_line_says_how_typical_a_case_is(report):
    lines = {case.id: typical(report, case) for case in cases(report, "full")}
    assert lines["p0"] == (
        "One of 2 problems of 6 that refinement turned right; 1 was turned wrong; a random push of equal length turned 2 right "
        "and 1 wrong. Here the random push gives another answer."
    )
    assert lines["p2"].startswith("The only one of 6 problems that refinement turned wrong; 2 were turned right;")
    assert lines["p1"].endswith("Here the random push gives the same answer.")
    assert lines["p3"].startswith(
        "One of 2 problems of 6 that stayed right under refinement; 2 were turned right, 1 wrong;"
    )
    assert lines["p4"].startswith("The only one of 6 problems that stayed wrong under refinement;")
    swapped = typical(report, cases(report, "swapped")[0])
    assert "under the control swapped" in swapped


def test_a_control_of_other_settings_is_named_and_a_missing_one_is_said_to_be_missing():
    def told(data: dict) -> tuple:
        found = from_dict(data)
        counted = flips(found, "full")
        return counted.control, counted.matched, typical(found, cases(found, "full")[0])

    data = invented()
    data["methods"]["full"]["settings"] = {"reference": "same"}
    assert told(data)[:2] == ("random_direction", False) and "(other settings: random_direction)" in told(data)[2]
    data["methods"]["random_direction"]["settings"] = {"reference": "same"}
    assert told(data)[:2] == ("random_direction", True)
    for part in ("methods", "comparisons"):
        del data[part]["random_direction"]
    assert told(data)[:2] == (None, False) and "no random push was measured" in told(data)[2]
    assert {case.random for case in cases(from_dict(data), "full")} == {None}


def test_a_report_that_is_still_growing_shows_what_it_has():
    growing = from_dict(invented(full="110"))
    assert len(cases(growing, "full")) == flips(growing, "full").n == 3


def test_only_latent_methods_that_are_held_against_a_plain_run_have_a_gallery():
    report = from_dict(invented(cot="111111", **{"coconut@t=3": "000000"}))
    assert labels(report) == ["full", "random_direction", "swapped"]
    with pytest.raises(GalleryError, match=r"no gallery of 'cot'.*it has full"):
        cases(report, "cot")
    for wrong in ({"flip": "up"}, {"order": "hops"}, {"disagree": "yes"}):
        with pytest.raises(GalleryError, match="choose one of"):
            cases(report, "full", **wrong)


# --- on a real report -------------------------------------------------------------------------------------------------

LABELS = ("coconut", "full@same@s=0.9", "random_direction@same@s=0.9", "other_thoughts", "mean_thought")


@pytest.fixture(scope="module")
def measured(opened):
    from lrr_core.evaluation.evaluate import evaluate

    asked = BENCHMARKS["prosqa"].generate("balanced", 6, 5, (8, 11), (2, 2))
    return evaluate(opened["llama"], asked, LABELS, RefineConfig(thoughts=3, rounds=2))


def test_a_case_runs_again_with_the_settings_of_the_report_and_gives_its_answer(measured, opened):
    models = opened["llama"]
    for label in LABELS[1:]:
        for case in cases(measured, label):
            trace, row = trace_of(models, measured, case), measured.answers[label][case.index]
            assert trace.problem.id == case.id and trace.runs["refined"].choice == row.choice
            margin = trace.runs["refined"].scores
            right = trace.problem.answer
            other = max(v for i, v in enumerate(margin) if i != right)
            assert float(margin[right] - other) == pytest.approx(
                case.after, abs=1e-4
            )  # batched there, alone here: 2e-6
            assert {"plain", "zero_thoughts"} <= set(trace.runs)
            assert ("random_direction" in trace.runs) == (case.label != LABELS[2])  # there it is the run itself
    config, names = settings_of(measured, "full@same@s=0.9")
    assert (config.reference, config.step_size, config.rounds, config.method) == ("same", 0.9, 2, "full")
    assert names == ("backbone", "strong", "weak")


def test_previews_are_the_margins_of_the_run_itself(measured, opened):
    from lrr_core.analysis.curves import curves

    some = cases(measured, "full@same@s=0.9")
    for case, preview in zip(some, previews(opened["llama"], measured, some), strict=True):
        trace = trace_of(opened["llama"], measured, case)
        for name, curve in (("plain", preview.before), ("refined", preview.after)):
            assert curve == pytest.approx(curves(trace, name).margin.tolist(), abs=1e-4)
    with pytest.raises(GalleryError, match="thoughts of other problems"):
        previews(opened["llama"], measured, cases(measured, "mean_thought"))


def test_an_answer_that_is_not_the_reports_is_refused(measured, opened):
    case = cases(measured, "full@same@s=0.9")[0]
    rows = list(measured.answers[case.label])
    rows[case.index] = rows[case.index].model_copy(update={"choice": 1 - rows[case.index].choice})
    altered = measured.model_copy(update={"answers": measured.answers | {case.label: tuple(rows)}})
    with pytest.raises(GalleryError, match=f"refined run of {case.id} answers .* here and .* in the report"):
        trace_of(opened["llama"], altered, case)


def test_other_weights_are_refused_by_name(measured, opened):
    members = measured.identity["members"] | {"strong": "0" * 64}
    altered = measured.model_copy(update={"identity": measured.identity | {"members": members}})
    case = cases(altered, "full@same@s=0.9")[0]
    for ask in (lambda m: trace_of(opened["llama"], m, case), lambda m: previews(opened["llama"], m, [case])):
        with pytest.raises(GalleryError, match="other weights for strong"):
            ask(altered)


def test_the_trace_of_a_case_is_the_trace_one_would_make_by_hand(measured, opened):
    case = cases(measured, "full@same@s=0.9")[0]
    config = replace(RefineConfig(thoughts=3, rounds=2), reference="same", step_size=0.9)
    asked = BENCHMARKS["prosqa"].generate("balanced", 6, 5, (8, 11), (2, 2))[case.index]
    by_hand = refine_problem(opened["llama"], asked, config)
    assert (trace_of(opened["llama"], measured, case).runs["refined"].states == by_hand.runs["refined"].states).all()


# --- thumbnails -------------------------------------------------------------------------------------------------------


def heights(svg: str) -> list[list[float]]:
    lines = re.findall(r'points="([^"]+)"', svg)
    return [[float(point.split(",")[1]) for point in line.split()] for line in lines]


def test_a_thumbnail_has_right_answers_above_its_line_and_wrong_ones_below():
    plain, refined = heights(thumbnail([-1, -0.1, -20], [0.1, 1, 20], True))
    assert all(y > HEIGHT / 2 for y in plain) and all(y < HEIGHT / 2 for y in refined)
    assert refined == sorted(refined, reverse=True) and all(0 < y < HEIGHT for y in plain + refined)
    assert heights(thumbnail([-1.5], [1.5], True)) == [[HEIGHT / 2 + 12.5, HEIGHT / 2 - 12.5]]  # ±1.5 nats: half of 25


def test_a_case_knows_its_change():
    assert Case(0, "p", "full", "gained", True, 2, -1.0, 0.5).change == 1.5
    assert Case(0, "p", "full", "gained", True, 2, None, 0.5).change is None
