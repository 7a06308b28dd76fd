"""The figures of a report show its numbers: every dot, interval, line and word is one of its rows."""

import math
from itertools import pairwise

import pytest
from report_maker import made

from lrr_core.colours import INK, ROLES
from lrr_core.evaluation.report import from_dict
from lrr_core.evaluation.report_table import rows
from lrr_core.evaluation.surface import planes, rungs
from lrr_core.figures.report import accuracy_figure, describe, forest_figure, looks
from lrr_core.figures.report_cost import COSTS, MOST_NAMES, cost_figure
from lrr_core.figures.report_sweeps import backbone_figure, plane_figure, training_figure

RIGHT = {
    "cot": "1" * 30 + "0" * 10,
    "coconut": "1" * 32 + "0" * 8,
    "full": "1" * 34 + "0" * 6,
    "contrast@same": "1" * 33 + "0" * 7,
    "zero_thoughts": "1" * 2 + "0" * 38,
    "random_direction": "0" + "1" * 32 + "0" * 7,
}
LOOKS = [("light", False), ("dark", True)]


@pytest.fixture(scope="module")
def report():
    return from_dict(made(RIGHT))


def row(report, label):
    return next(row for row in rows(report) if row["label"] == label)


def dots(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def words(figure):
    return [note.text for note in figure.layout.annotations]


# --- differences ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("theme", "narrow"), LOOKS)
def test_a_dot_is_its_difference_and_its_line_the_interval(report, theme, narrow):
    refined = dots(forest_figure(report, theme, narrow), "refined thoughts")
    for i, label in enumerate(("full", "contrast@same")):
        one = row(report, label)
        assert (refined.customdata[i], refined.x[i]) == (label, one["points"])
        assert refined.x[i] + refined.error_x.array[i] == pytest.approx(one["points high"])
        assert refined.x[i] - refined.error_x.arrayminus[i] == pytest.approx(one["points low"])
    assert "n = 40" in refined.hovertext[0] and "exact McNemar p = 0.5" in refined.hovertext[0]
    assert "2 more right, 0 more wrong" in refined.hovertext[0]


def test_plain_thoughts_are_the_zero_line_and_no_dot(report):
    figure = forest_figure(report)
    assert not [trace for trace in figure.data if trace.name == "plain thoughts"]
    assert figure.layout.xaxis.zeroline and figure.layout.xaxis.range[0] < 0 < figure.layout.xaxis.range[1]
    assert "Coconut" not in figure.layout.yaxis.ticktext


@pytest.mark.parametrize("narrow", [False, True])
def test_what_lies_far_outside_is_drawn_past_a_break_of_the_axis_with_its_interval(report, narrow):
    figure = forest_figure(report, narrow=narrow)
    one, far = row(report, "zero_thoughts"), dots(figure, "controls, past the break")
    near, apart = figure.layout.xaxis, figure.layout.xaxis2
    assert one["points"] == -75 < near.range[0] and (far.xaxis, far.x, far.customdata) == (
        "x2",
        (-75,),
        ("zero_thoughts",),
    )
    assert far.x[0] - far.error_x.arrayminus[0] == pytest.approx(one["points low"])
    assert apart.range[0] < one["points low"] < one["points high"] < apart.range[1] < near.range[0]
    assert 0 == apart.domain[0] < apart.domain[1] < near.domain[0] and near.domain[1] == 1
    assert figure.layout.yaxis.anchor == "x2" and "<b>//</b>" in words(figure) and "another scale" in near.title.text
    assert any(text.startswith("<b>−75.0</b>") for text in words(figure))
    assert dots(figure, "controls").customdata == ("random_direction",)


def test_an_axis_that_holds_everything_has_no_break():
    figure = forest_figure(from_dict(made({name: RIGHT[name] for name in ("coconut", "full", "contrast@same")})))
    assert (
        figure.layout.xaxis.domain == (0, 1) and not figure.layout.shapes and "//" not in figure.layout.xaxis.title.text
    )


def test_every_arm_is_drawn_once_whatever_the_parts_of_the_axis_hold(report):
    figure = forest_figure(report)
    shown = [label for trace in figure.data for label in trace.customdata]
    assert sorted(shown) == sorted(r["label"] for r in rows(report) if r["points"] is not None)
    for trace in figure.data:  # an interval never runs over a break
        low, high = figure.layout["xaxis" + (trace.xaxis or "x")[1:]].range
        assert all(
            low <= x - down and x + up <= high
            for x, up, down in zip(trace.x, trace.error_x.array, trace.error_x.arrayminus, strict=True)
        )


def test_bold_is_what_leaves_out_zero(report):
    texts = words(forest_figure(report))
    assert any(text.startswith("+5.0  (") for text in texts) and not any(text.startswith("<b>+5.0") for text in texts)
    assert "p < 0.001" in texts and "p = 0.500" in texts


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_methods_and_controls_differ_in_colour_and_marker(report, theme):
    found = looks(theme)
    assert len({look["symbol"] for look in found.values()}) == len({look["color"] for look in found.values()}) == 5
    figure = forest_figure(report, theme)
    refined, control = dots(figure, "refined thoughts").marker, dots(figure, "controls").marker
    assert refined.color == ROLES["refined"].colour != control.color == INK[theme].text
    assert refined.symbol != control.symbol


def test_rows_stand_apart_and_in_groups(report):
    figure = forest_figure(report)
    places = sorted(y for trace in figure.data for y in trace.y)
    assert len(places) == len(set(places)) == 5 and min(b - a for a, b in pairwise(places)) >= 27
    assert {"in text", "refined thoughts", "controls"} <= set(words(figure)) and "plain thoughts" not in words(figure)


# --- accuracies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("theme", "narrow"), LOOKS)
def test_accuracies_stand_beside_guessing_and_rules(report, theme, narrow):
    figure = accuracy_figure(report, theme, narrow)
    plain = dots(figure, "plain thoughts")
    assert plain.x == (80.0,) and plain.x[0] + plain.error_x.array[0] == pytest.approx(
        row(report, "coconut")["accuracy high"]
    )
    lines = {shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1}
    assert lines == {50.0}  # chance, majority and the depth rule all say a half here
    beside = dots(figure, "without reasoning")
    assert beside.customdata == ("chance", "majority", "depth_rule") and beside.error_x.array[0] == 0
    assert "guessing" in beside.hovertext[0] and "20 of 40" in beside.hovertext[2]


def test_each_reference_has_its_own_line():
    data = made(RIGHT, majority=0.6, chance=0.2)
    assert {s.x0 for s in accuracy_figure(from_dict(data)).layout.shapes} == {20.0, 60.0, 50.0}


def test_published_figures_are_marked_second_hand_in_the_row_of_their_method(report):
    figure = accuracy_figure(report)
    cross = dots(figure, "published, second-hand")
    assert cross.x == (82.0, 85.7) and all("second-hand" in text for text in cross.hovertext)
    assert cross.y[0] == dots(figure, "plain thoughts").y[0] and cross.marker.symbol == "x-thin"
    bare = accuracy_figure(from_dict(made(RIGHT, published={})))
    assert not [t for t in bare.data if "published" in t.name]


# --- cost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", COSTS)
def test_cost_is_on_a_logarithmic_axis(report, cost):
    figure = cost_figure(report, cost=cost)
    refined, one = dots(figure, "refined thoughts"), row(report, "full")
    assert figure.layout.xaxis.type == "log" and (refined.x[0], refined.y[0]) == (one[cost], one["accuracy"])
    low, high = figure.layout.xaxis.range
    assert all(low < note.x < high for note in figure.layout.annotations if note.xref != "paper")
    assert COSTS[cost] in figure.layout.xaxis.title.text


@pytest.mark.parametrize("narrow", [False, True])
def test_names_of_points_cover_neither_each_other_nor_a_point(narrow):
    report = from_dict(made(RIGHT | {"full@same": "1" * 34 + "0" * 6, "swapped": "1" * 33 + "0" * 7}))
    figure = cost_figure(report, narrow=narrow)
    room = (390 if narrow else 780), (420 if narrow else 470) - 12
    (left, right), (low, high) = figure.layout.xaxis.range, figure.layout.yaxis.range
    boxes = []
    for note in figure.layout.annotations:
        if note.xref != "paper":
            x = (note.x - left) / (right - left) * room[0] + note.ax
            y = (note.y - low) / (high - low) * room[1] - note.ay
            wide = 6 * len(note.text)
            boxes.append((x if note.xanchor == "left" else x - wide, x + wide if note.xanchor == "left" else x, y))
    assert len(boxes) == len(report.labels)
    points = [
        ((math.log10(x) - left) / (right - left) * room[0], (y - low) / (high - low) * room[1])
        for trace in figure.data
        for x, y in zip(trace.x, trace.y, strict=True)
    ]
    assert not [(box, p) for box in boxes for p in points if box[0] < p[0] < box[1] and abs(box[2] - p[1]) < 8]
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[0] >= b[1] or b[0] >= a[1] or abs(a[2] - b[2]) > 12


def test_too_many_names_are_left_to_the_pointer():
    many = {"coconut": "10"} | {f"full@s={s / 100}": "11" for s in range(1, MOST_NAMES + 2)}
    figure = cost_figure(from_dict(made(many)))
    assert words(figure) == ["guessing"] and len(dots(figure, "refined thoughts").hovertext) == MOST_NAMES + 1


# --- what was varied --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("theme", "narrow"), LOOKS)
def test_a_plane_shows_points_and_marks_what_is_sure(theme, narrow):
    right = {"coconut": "1" * 20 + "0" * 20}
    right |= {f"full@s={s}@a={a}": "1" * 21 + "0" * 19 for s in (0.1, 0.4) for a in (0, 0.2)}
    right["full@s=0.4@a=0.2"] = "1" * 30 + "0" * 10
    (plane,) = planes(from_dict(made(right))).values()
    figure = plane_figure(plane, theme, narrow)
    heat = dots(figure, "cells")
    assert heat.z[1][1] == 25 and heat.z[0][0] == 2.5 and heat.zmax == -heat.zmin == 25
    assert heat.text[1][1] == "<b>+25.0</b>" and heat.text[0][0] == "+2.5"
    told = dots(figure, "settings").hovertext[-1]
    assert "s = +0.4, α = 0.2" in told and "75.0 % right of n = 40" in told and "McNemar p = 0.002" in told


@pytest.fixture(scope="module")
def trained():
    right = {}
    for i, n in enumerate((10, 20, 30), 1):
        arms = {"coconut": n, "full@same": n + i, "random_direction": n}
        right |= {f"{a}@backbone=ladder/0{i}-step-0{i}000": "1" * k + "0" * (40 - k) for a, k in arms.items()}
    return rungs(from_dict(made(right)))


@pytest.mark.parametrize(("theme", "narrow"), LOOKS)
def test_gain_stands_over_the_accuracy_of_its_backbone(trained, theme, narrow):
    figure = backbone_figure(trained, 0.5, theme, narrow)
    refined, control = dots(figure, "full · same"), dots(figure, "random direction")
    assert refined.y == (2.5, 5.0, 7.5) and control.y == (0, 0, 0)
    assert all(abs(x - a) < 1 for x, a in zip(refined.x, (25, 50, 75), strict=True)) and refined.x[0] != control.x[0]
    assert refined.marker.symbol != control.marker.symbol and refined.line.color == ROLES["refined"].colour
    assert figure.layout.shapes[0].x0 == 50 and "n = 40" in refined.hovertext[0]


def test_training_shows_both_lines_over_the_step(trained):
    figure = training_figure(trained)
    plain, refined = dots(figure, "plain thoughts"), dots(figure, "full · same")
    assert plain.x == (1000, 2000, 3000) and plain.y == (25, 50, 75) and refined.y == pytest.approx((27.5, 55, 82.5))
    assert all(0 < x - step < 40 for x, step in zip(refined.x, plain.x, strict=True))
    assert plain.y[0] - plain.error_y.arrayminus[0] == pytest.approx(trained[0].plain["accuracy low"])


def test_a_picture_can_be_read_without_seeing_it(report):
    told = describe(report, "difference")
    assert (
        told.startswith("ProsQA, n = 40, chance 50 %.") and "full: 85.0 %, +5.0 points" in told and told.endswith(".")
    )
    assert "CoT 75.0 %" in describe(report, "accuracy")


def test_names_from_a_file_are_no_markup():
    data = made({"coconut": "10", "full": "11"})
    data["methods"]["full"]["settings"] = {"reference": "<a href='x'>&"}
    figure = forest_figure(from_dict(data))
    assert "full · &lt;a href='x'&gt;&amp;" in figure.layout.yaxis.ticktext
    assert (
        "&lt;a" in dots(figure, "refined thoughts").hovertext[0]
        and "<a" not in dots(figure, "refined thoughts").hovertext[0]
    )
