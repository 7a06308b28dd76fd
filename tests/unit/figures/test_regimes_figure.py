"""The heat maps draw the numbers of their plane, every cell can be clicked, and colour is never alone."""

import re
from dataclasses import replace

import numpy as np
import pytest

from lrr_core.colours import mix
from lrr_core.figures.heat_grid import Grid, label_places, signed
from lrr_core.figures.regimes import MODES, POINTS, SURE, TINTS, accuracy_figure, plane_figure
from lrr_core.studies.accuracy_plane import AccuracyPlane
from lrr_core.studies.live_pad import to_axis
from lrr_core.studies.setting_plane import REGIONS, Plane, name_regions

STEPS, MIXES = np.array([-1.0, -0.2, 0.0, 0.2, 1.0]), np.array([0.0, 0.1, 0.5, 1.0])
SHAPE = (5, 4)


@pytest.fixture
def plane() -> Plane:
    """Right in the plain run; the two lowest steps flip to wrong, and every other region has its place."""
    rng = np.random.default_rng(0)
    margins = rng.uniform(0.5, 9, SHAPE).astype(np.float32)
    margins[:2] *= -1
    approach = np.full(SHAPE, "converges", "U10")
    approach[4] = "overshoots"
    approach[3, 2:] = "drifts"
    step_change = np.ones((*SHAPE, 3))
    step_change[2, 3] = 0.1
    deviation = np.full((*SHAPE, 3), 0.5)
    deviation[2, :2] = 0
    return Plane(
        step_sizes=STEPS, residuals=MIXES, margin=margins, choice=(margins < 0).astype(np.int16),
        length=np.ones((*SHAPE, 3)), step_change=step_change, push=np.full((*SHAPE, 3), 0.2), deviation=deviation,
        gaps=np.ones((*SHAPE, 2)), approach=approach, random_margin=-margins, random_choice=(margins > 0).astype(np.int16),
        plain_length=np.ones(3), plain_step_change=np.ones(3), plain_margin=2.0, plain_choice=0, zero_margin=-3.0,
        zero_choice=1, answer=0, problem="p", candidates=("<b>yes</b>", "no"), stamp={}, identity={},
    )  # fmt: skip


@pytest.fixture
def accuracy() -> AccuracyPlane:
    rng = np.random.default_rng(1)
    right = rng.random((*SHAPE, 60)) < np.linspace(0.2, 1, 5)[:, None, None]
    done = np.ones(SHAPE, bool)
    done[0, 0] = False
    return AccuracyPlane(
        step_sizes=STEPS, residuals=MIXES, right=right, done=done, random_right=right[::-1], random_done=done,
        plain=rng.random(60) < 0.6, zero=rng.random(60) < 0.5, chance=0.5, source={}, stamp={}, identity={},
    )  # fmt: skip


def named(figure, name: str):
    return next(trace for trace in figure.data if trace.name == name)


def cells(figure) -> dict:
    """(signed step size, mix) -> (x, y, symbol, hover text) of every marker."""
    t = named(figure, "settings")
    return {
        tuple(at): (x, y, symbol, text)
        for at, x, y, symbol, text in zip(t.customdata, t.x, t.y, t.marker.symbol, t.hovertext, strict=True)
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("mode", MODES)
def test_every_cell_has_a_marker_that_says_which_setting_it_is(plane, mode, theme):
    found = cells(plane_figure(plane, mode, theme))
    assert set(found) == {(s, a) for s in STEPS for a in MIXES}
    heat = named(plane_figure(plane, mode, theme), "cells")
    for (s, a), (x, y, _, text) in found.items():
        i, j = np.searchsorted(heat.x, x) - 1, np.searchsorted(heat.y, y) - 1  # the cell the marker lies in
        assert (STEPS[i], MIXES[j]) == (s, a) and x == pytest.approx(to_axis(s)) and y == a
        assert text.startswith(f"<b>s = {signed(s)}, α = {a:g}: {name_regions(plane)[i, j]}</b>")


def test_the_step_axis_is_symmetric_and_about_linear_near_zero():
    places = to_axis(np.array([-1.0, -0.02, -0.01, 0.0, 0.01, 0.02, 1.0]))
    assert np.allclose(places, -places[::-1])
    assert places[5] == pytest.approx(2 * places[4], rel=0.02) and places[6] < 35 * places[4]


@pytest.mark.parametrize(("mode", "field"), [("margin", "margin"), ("random pushes", "random_margin")])
def test_the_shade_is_the_margin_and_is_centred_on_zero(plane, mode, field):
    heat = named(plane_figure(plane, mode), "cells")
    assert np.allclose(np.array(heat.z).T, np.clip(getattr(plane, field), -SURE, SURE))
    assert heat.zmin == -heat.zmax == -SURE and heat.showscale
    low, middle, high = (colour for _, colour in heat.colorscale)
    assert (low, middle, high) == (mix("wrong", 0.85, "light"), "#FFFFFF", mix("right", 0.85, "light"))


@pytest.mark.parametrize("mode", MODES)
def test_wrong_answers_carry_a_cross_besides_their_colour(plane, mode):
    found = cells(plane_figure(plane, mode))
    wrong = (plane.random_choice if mode == "random pushes" else plane.choice) != plane.answer
    for i, s in enumerate(STEPS):
        for j, a in enumerate(MIXES):
            assert (found[s, a][2] == "x-thin") == wrong[i, j]


def test_every_region_has_its_tint_and_its_name_is_written_on_it(plane):
    figure, names = plane_figure(plane, "regions"), name_regions(plane)
    assert set(REGIONS) <= set(TINTS)
    heat = named(figure, "cells")
    colours = {}
    for name, z in zip(names.ravel(), np.array(heat.z).T.ravel(), strict=True):
        share = (z - heat.zmin) / (heat.zmax - heat.zmin)
        colour = next(c for (a, c), (b, _) in zip(heat.colorscale, heat.colorscale[1:], strict=False) if a <= share < b)
        colours.setdefault(name, set()).add(colour)
    assert colours == {name: {mix(*TINTS[name], "light")} for name in np.unique(names)}
    assert len(set().union(*colours.values())) == len(colours)
    written = {note.text: note for note in figure.layout.annotations}
    at = written["<b>flips to wrong</b>"]
    assert at.x < to_axis(0) and {t for t in written if t.startswith("<b>")} <= {f"<b>{n}</b>" for n in REGIONS}


def test_an_outline_runs_between_every_two_cells_of_different_names(plane):
    outline, names = named(plane_figure(plane, "regions"), "outline"), name_regions(plane)
    between = (names[1:] != names[:-1]).sum() + (names[:, 1:] != names[:, :-1]).sum()
    assert sum(x is None for x in outline.x) == between > 4


def test_flips_show_what_becomes_of_the_answer_alone(plane):
    words = {note.text for note in plane_figure(plane, "flips").layout.annotations}
    assert {"<b>stays right</b>", "<b>flips to wrong</b>"} <= words
    was_wrong = {n.text for n in plane_figure(replace(plane, plain_choice=1), "flips").layout.annotations}
    assert {"<b>flips to right</b>", "<b>stays wrong</b>"} <= was_wrong


def test_the_ring_is_at_the_current_setting_also_between_cells(plane):
    ring = named(plane_figure(plane, "margin", here=(-0.35, 0.27)), "current setting")
    assert ring.x == (pytest.approx(float(to_axis(-0.35))),) and ring.y == (0.27,)
    assert "current setting" not in {t.name for t in plane_figure(plane).data}


def test_a_label_keeps_off_the_ring():
    grid, names = Grid(STEPS, MIXES, "light", False), np.full(SHAPE, "a")
    (at,) = grid.names(names, None)
    (moved,) = grid.names(names, (0.0, at["y"]))
    assert at["x"] == to_axis(0.0) and (moved["x"], moved["y"]) != (at["x"], at["y"])


def test_both_halves_say_which_sign_they_are(plane):
    words = [n.text for n in plane_figure(plane).layout.annotations]
    assert "◀ as printed: away from ▲ strong" in words and "descent: towards ▲ strong ▶" in words
    upper = replace(
        plane, **{f: getattr(plane, f)[2:] for f in ("step_sizes", "margin", "choice", "approach", "random_margin")},
        **{f: getattr(plane, f)[2:] for f in ("random_choice", "length", "step_change", "push", "deviation", "gaps")},
    )  # fmt: skip
    assert not any("printed" in n.text for n in plane_figure(upper).layout.annotations)


def test_names_of_a_text_cannot_become_markup(plane):
    texts = [text for *_, text in cells(plane_figure(plane)).values()]
    assert all("&lt;b&gt;yes&lt;/b&gt;" in text for text in texts if "answers no" not in text)


def test_an_unknown_mode_is_refused(plane):
    with pytest.raises(
        ValueError, match="No mode called 'colours'; choose one of regions, margin, flips, random pushes"
    ):
        plane_figure(plane, "colours")


# --- many problems ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("control", [False, True])
def test_accuracies_are_written_and_shaded_by_their_difference_to_the_plain_run(accuracy, control):
    figure, found = accuracy_figure(accuracy, control=control), accuracy.compared(control)
    heat = named(figure, "cells")
    shown = np.array(heat.z, float).T
    assert np.allclose(shown, np.clip(found["points"], -POINTS, POINTS), equal_nan=True) and heat.zmin == -heat.zmax
    for i in range(5):
        for j in range(4):
            words, sure = heat.text[j][i], int(found["points_low"][i, j] > 0) - int(found["points_high"][i, j] < 0)
            if np.isnan(found["accuracy"][i, j]):
                assert words == "" and "not run yet" in cells(figure)[STEPS[i], MIXES[j]][3]
                continue
            assert re.sub(r"\D", "", words) == f"{found['accuracy'][i, j]:.0f}"
            assert {1: "+" in words, -1: "−" in words, 0: "<b>" not in words}[sure]


def test_hovering_an_accuracy_gives_n_intervals_and_controls(accuracy):
    text, found = cells(accuracy_figure(accuracy))[0.2, 0.5][3], accuracy.compared()
    v = {name: values[3, 2] for name, values in found.items()}
    assert f"{v['accuracy']:.1f} % right of n = 60 (95 % interval {v['low']:.1f}–{v['high']:.1f})" in text
    assert f"({v['points_low']:+.1f} … {v['points_high']:+.1f})" in text and "chance 50 %" in text
    assert f"zero thoughts {100 * accuracy.zero.mean():.1f} %" in text
    assert f"random pushes of equal length: {100 * accuracy.random_right[3, 2].mean():.1f} %" in text
    other = cells(accuracy_figure(accuracy, control=True))[0.2, 0.5][3]
    assert f"pushes towards strong: {v['accuracy']:.1f} %" in other


# --- where names go ---------------------------------------------------------------------------------------------------


def test_a_name_stands_on_its_own_region_once_for_each_piece_that_is_large_enough():
    names = np.array([list("aaab"), list("aaab"), list("bbbb"), list("acca"), list("aaaa")]).astype("U2")
    places = label_places(names, [1] * 5, [1] * 4)
    assert sorted(name for name, *_ in places) == ["a", "a", "b"]  # two pieces of a; c is too small
    assert all(names[i, j] == name for name, i, j in places)
    assert len({(i, j) for _, i, j in places}) == 3


def test_a_name_stands_in_the_middle():
    assert label_places(np.full((5, 5), "a"), [1] * 5, [1] * 5) == [("a", 2, 2)]
    assert label_places(np.full((5, 5), ""), [1] * 5, [1] * 5) == []
