"""The paper figure draws the numbers of the trace, the same as the screen, in letters that can be read and do not touch."""

import itertools
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from lrr_core.analysis.curves import candidate_probability
from lrr_core.analysis.fitting import fit_background, own_labels
from lrr_core.analysis.projection import Background
from lrr_core.benchmarks.catalogue import Problem
from lrr_core.colours import ROLES
from lrr_core.figures.explore import explore_figure, run_map
from lrr_core.figures.panels import MOST_BACKGROUND as MOST_ON_SCREEN
from lrr_core.figures.regimes import plane_figure
from lrr_core.refinement.trace import RefineConfig, Trace
from lrr_core.refinement.tracing import refine_problem
from lrr_core.studies.measure_planes import problem_plane
from lrr_core.studio.layout import Wish, arrange
from lrr_core.studio.look import SETTINGS, cut, spread, width_of, wrap
from lrr_core.studio.paper import draw, draw_records
from lrr_core.studio.recipe import PANELS, SIZES, Recipe, RecipeError
from lrr_core.studio.records import MOST_BACKGROUND, around, plotted, record_csv
from lrr_core.studio.regime_record import SURE, find_plane, plane_marks

CONFIG = RefineConfig(thoughts=3, rounds=2, step_size=0.5, residual=0.25)
SETTING = {"step_sizes": (-0.5, 0.0, 0.5), "residuals": (0.0, 0.25)}
ALL = Recipe(panels=tuple(PANELS), map="PCA")
ASSETS = Path(__file__).parents[3] / "assets"


@pytest.fixture(scope="module")
def trace(opened, problems) -> Trace:
    return refine_problem(opened["llama"], problems[0], CONFIG)


@pytest.fixture(scope="module")
def background(trace) -> Background:
    """Of other thoughts, so that the map is not the run's own."""
    states = np.random.default_rng(0).normal(size=(60, 32)) + trace.runs["plain"].thoughts.mean(0)
    return fit_background(states, own_labels([6] * 10, [False] * 10), {}, maps=("PCA",))


@pytest.fixture(scope="module")
def plane(opened, problems):
    return problem_plane(opened["llama"], problems[0], CONFIG, **SETTING)[0]


@pytest.fixture(scope="module")
def records(trace, background, plane):
    return plotted(trace, ALL, background, plane)


@pytest.fixture(scope="module")
def figure(trace, background, plane):
    return draw(trace, ALL, background, plane)


@pytest.fixture(scope="module")
def screen(trace, background):
    return explore_figure(trace, background.map("PCA", 2))


def axes(figure, name):
    (found,) = [ax for ax in figure.axes if ax.get_label() == name]
    return found


def line(figure, panel, name):
    (found,) = [artist for artist in axes(figure, panel).lines if artist.get_label() == name]
    return np.array(found.get_xydata(), float)


# --- what you see is what you get -------------------------------------------------------------------------------------


@pytest.mark.parametrize("panel", ["distances", "movements", "margin"])
def test_curves_on_paper_are_those_of_the_screen(records, figure, screen, panel):
    on_screen = {t.name: np.array(t.y, float) for t in screen.data if t.name}
    for curve in records[panel].lines:
        np.testing.assert_array_equal(curve.values, on_screen[curve.name], err_msg=curve.name)
        drawn = line(figure, panel, curve.name)
        np.testing.assert_array_equal(drawn[:, 0], [1, 2, 3])
        np.testing.assert_array_equal(drawn[:, 1], curve.values, err_msg=curve.name)


def test_no_curve_of_the_screen_is_missing_on_paper(records, screen):
    axis = {"distances": "y3", "movements": "y4", "margin": "y5"}
    for panel, name in axis.items():
        on_screen = {t.name for t in screen.data if t.yaxis == name and t.name and t.name != "cursor"}
        assert on_screen == {curve.name for curve in records[panel].lines}


def test_the_map_on_paper_is_that_of_the_screen(trace, background, records, figure, screen):
    record, by_name = records["map"], {}
    for t in screen.data:
        by_name.setdefault(t.name, t)
    cloud = by_name["thoughts of other problems"]
    np.testing.assert_allclose(record.background, np.stack([cloud.x, cloud.y], 1), atol=1e-4)
    np.testing.assert_array_equal(line(figure, "map", "background"), record.background)
    for name in ("plain", "refined", "strong", "weak"):
        on_screen = by_name[ROLES[name].label]
        np.testing.assert_allclose(record.paths[name], np.stack([on_screen.x, on_screen.y], 1), atol=1e-4)
        np.testing.assert_array_equal(line(figure, "map", ROLES[name].label), record.paths[name])
    m, run = background.map("PCA", 2), trace.runs["refined"]
    np.testing.assert_array_equal(record.proposed, m.place(run.proposed))
    np.testing.assert_array_equal(record.rounds, m.place(run.states))
    assert MOST_BACKGROUND == MOST_ON_SCREEN
    on_screen = next(a.text for a in screen.layout.annotations if "explained variance" in a.text)
    assert on_screen == f"{record.quality}<br>{record.reading}" and record.reading.startswith("linear: lengths")


def test_the_graph_on_paper_is_that_of_the_screen(trace, records, screen):
    record = records["graph"]
    shown = next(t for t in screen.data if t.name == "probability")
    np.testing.assert_array_equal((record.x, record.y), (shown.x, shown.y))
    film = screen.to_dict()["frames"]
    for t, frontier in enumerate(trace.problem.graph.frontiers(3)):
        frame = next(f for f in film if f["name"] == f"{t + 1}.2")
        nodes = next(d for d in frame["data"] if "customdata" in d)
        np.testing.assert_allclose(record.p["refined"][t], nodes["customdata"], atol=1e-4)
        assert set(np.flatnonzero(record.frontier[t])) == set(frontier)


def test_every_node_is_shaded_by_its_probability_and_rimmed_on_the_frontier(records, figure):
    record, tints = records["graph"], ROLES["refined"].colour
    full = np.array(to_rgb(tints))
    rim = np.array(to_rgb(ROLES["frontier"].colour))
    for t in range(3):
        nodes = [a for a in axes(figure, f"graph refined {t + 1}").lines if len(a.get_xdata()) == 1][
            : len(record.names)
        ]
        for i, node in enumerate(nodes):
            assert (node.get_xdata()[0], node.get_ydata()[0]) == (record.x[i], record.y[i])
            share = np.sqrt(record.p["refined"][t, i])
            np.testing.assert_allclose(to_rgb(node.get_mfc()), 1 - share * (1 - full), atol=0.005)
            assert np.allclose(to_rgb(node.get_mec()), rim, atol=0.01) == bool(record.frontier[t, i])


def test_the_plane_on_paper_is_that_of_the_screen(trace, plane, background):
    for reading in ("margin", "random pushes"):
        record = plotted(trace, replace(ALL, regimes=reading), background, plane)["regimes"]
        cells = next(t for t in plane_figure(plane, reading).data if t.name == "cells")
        np.testing.assert_allclose(np.clip(record.margin, -SURE, SURE).T, np.array(cells.z, float), rtol=1e-6)
    record = plotted(trace, replace(ALL, regimes="flips"), background, plane)["regimes"]
    kept = {"stays right", "flips to right"}
    np.testing.assert_array_equal(np.isin(record.names, list(kept)), record.right)


def test_this_setting_is_marked_where_it_is(trace, figure, opened, problems):
    from lrr_core.studies.live_pad import to_axis

    assert line(figure, "regimes", "this setting").tolist() == [[float(to_axis(0.5)), 0.25]]
    printed = refine_problem(opened["llama"], problems[0], replace(CONFIG, sign="as_printed", method="contrast"))
    from lrr_core.studio.regime_record import here

    assert here(printed) == (-0.5, 0.0)


@pytest.mark.parametrize("right", [0, 1])
def test_answers_are_probabilities_of_the_right_candidate(trace, right):
    trace = replace(trace, problem=replace(trace.problem, answer=right))
    recipe = Recipe(panels=("answers", "text"))
    record, figure = plotted(trace, recipe), draw(trace, recipe)
    for run in ("plain", "refined"):
        p = candidate_probability(trace.runs[run].readout)[:, right]
        name = next(curve.name for curve in record["answers"].lines if curve.run == run)
        assert name == f"{run}: {trace.problem.candidates[right]}"
        np.testing.assert_allclose(line(figure, "answers", name)[:, 1], p)
    shares = {row[0]: row[3] for row in record["text"].answers}
    assert shares["plain"] == pytest.approx(float(candidate_probability(trace.runs["plain"].scores).max()))


def test_tokens_are_the_most_probable_ones_of_the_fed_thought(trace, records):
    record, run = records["tokens"], trace.runs["refined"]
    np.testing.assert_array_equal(record.p["refined"], run.top_p[:, -1])
    tokens = [[trace.tokens[int(i)].replace("Ġ", "").strip() for i in row] for row in run.top_ids[:, -1]]
    assert [list(row) for row in record.words["refined"]] == tokens
    assert tokens != [[trace.tokens[int(i)].replace("Ġ", "").strip() for i in row] for row in run.top_ids[:, 0]]


def test_tables_hold_every_plotted_number(records):
    for panel, record in records.items():
        head, *rows = record_csv(record).splitlines()
        assert rows and all(row.count(",") >= head.count(",") for row in rows), panel
    values = [float(row.split(",")[3]) for row in record_csv(records["margin"]).splitlines()[1:]]
    np.testing.assert_allclose(values, np.concatenate([c.values for c in records["margin"].lines]), rtol=1e-8)
    assert len(record_csv(records["graph"]).splitlines()) == 1 + 2 * 3 * len(records["graph"].names)


def test_limits_hold_every_place_and_the_whole_map_is_one_choice_away(trace, background, records):
    record = records["map"]
    places = np.concatenate([*record.paths.values(), record.proposed, record.rounds.reshape(-1, 2)])
    (x0, x1), (y0, y1) = record.limits
    assert ((places > (x0, y0)) & (places < (x1, y1))).all()
    whole = plotted(trace, replace(ALL, panels=("map",), zoom=False), background)["map"]
    assert whole.limits == background.map("PCA", 2).ranges() and not whole.zoom


def test_a_section_leaves_room_on_every_side_and_is_never_tiny():
    whole = ((0.0, 10.0), (0.0, 100.0))
    assert around(np.array([[2.0, 50.0], [8.0, 50.0]]), whole) == (pytest.approx((0.8, 9.2)), pytest.approx((35, 65)))


def test_without_a_background_the_map_is_the_runs_own(trace):
    record = plotted(trace, Recipe(panels=("map",)))["map"]
    np.testing.assert_allclose(record.paths["refined"], run_map(trace).place(trace.runs["refined"].thoughts))
    assert record.own and record.kind == "PCA" and "this problem's own runs" in record.quality


# --- letters ----------------------------------------------------------------------------------------------------------

SIX = ("map", "distances", "movements", "graph", "margin", "text")
OTHERS = ("map", "answers", "tokens", "regimes", "graph", "text")
SETS = [
    SIX,
    OTHERS,
    ("map",),
    ("margin",),
    ("graph",),
    ("tokens",),
    ("regimes",),
    ("text",),
    ("map", "distances", "graph"),
]


def written(figure):
    """Every text that is seen, with its box in points."""
    with matplotlib.rc_context(SETTINGS):
        figure.canvas.draw()
        renderer, point = figure.canvas.get_renderer(), figure.dpi / 72
        found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
        return [(t, np.array(t.get_window_extent(renderer).extents) / point) for t in found]


def touching(boxes):
    return [
        (a.get_text(), b.get_text())
        for (a, p), (b, q) in itertools.combinations(boxes, 2)
        if min(p[2], q[2]) - max(p[0], q[0]) > 0.8 and min(p[3], q[3]) - max(p[1], q[1]) > 1.6
    ]


@pytest.fixture(scope="module")
def shipped():
    """A real run, whose map, names and numbers crowd as they do."""
    from lrr_core.models.folder import ModelFolder
    from lrr_core.models.shipped import find_opening

    return find_opening(ModelFolder(ASSETS / "models" / "prosqa"))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("panels", SETS, ids=lambda p: "+".join(p))
def test_no_text_touches_another_or_leaves_the_sheet(shipped, size, panels):
    recipe = Recipe(panels=panels, size=size, title="One problem, thought by thought")
    kept = Background.load(ASSETS / "models" / "prosqa" / "background.npz")
    figure = draw(shipped, recipe, kept, find_plane(shipped, ASSETS / "regimes"))
    boxes, sheet = written(figure), figure.get_size_inches() * 72
    assert touching(boxes) == []
    assert [
        t.get_text()
        for t, (x0, y0, x1, y1) in boxes
        if min(x0, y0) < -0.5 or x1 > sheet[0] + 0.5 or y1 > sheet[1] + 0.5
    ] == []
    assert min(t.get_fontsize() for t, _ in boxes) in recipe.fonts
    assert sheet[0] * 25.4 / 72 == pytest.approx(SIZES[size].width)
    assert sheet[1] * 25.4 / 72 <= SIZES[size].most + 0.1


def test_numbers_of_thoughts_that_pile_up_do_not_touch(opened, problems):
    crowd = refine_problem(opened["llama"], problems[0], replace(CONFIG, thoughts=12, residual=0.9, rounds=1))
    for size in SIZES:
        figure = draw(crowd, Recipe(panels=("map",), size=size))
        boxes = written(figure)
        assert touching(boxes) == [] and sum(t.get_text().isdigit() for t, _ in boxes) >= 6


def test_names_of_small_regions_do_not_touch(records):
    names = np.array(
        [[f"flips to {'right' if (i // 2 + j // 2) % 2 else 'wrong'}" for j in range(8)] for i in range(18)]
    )
    record = replace(
        records["regimes"], step_sizes=np.linspace(-2, 2, 18), residuals=np.linspace(0, 1, 8), names=names,
        margin=np.zeros((18, 8)), right=np.zeros((18, 8), bool),
    )  # fmt: skip
    boxes = written(draw_records({"regimes": record}, Recipe(panels=("regimes",), size="one-column")))
    assert touching(boxes) == [] and sum("flips to" in t.get_text() for t, _ in boxes) >= 3


@pytest.mark.parametrize("font", [5, 7.5, 9])
def test_no_text_is_smaller_than_asked(trace, background, plane, font):
    boxes = written(draw(trace, replace(ALL, font_size=font, panels=("map", "graph", "text")), background, plane))
    assert min(t.get_fontsize() for t, _ in boxes) == font


def test_what_does_not_fit_is_refused_with_the_way_out(trace, background):
    with pytest.raises(
        RecipeError, match=r"need \d+ lines of height .* choose fewer panels, a smaller font_size or another size"
    ):
        draw(trace, replace(ALL, size="slide", font_size=30), background)


def test_grey_print_holds_no_colour(trace, background, plane):
    figure = draw(trace, replace(ALL, palette="grey"), background, plane)
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    assert (picture.max(-1) - picture.min(-1)).max() <= 1


def test_runs_differ_without_colour(figure):
    """Line style or marker sets every two curves of a panel apart."""
    for panel in ("distances", "movements", "answers", "margin"):
        drawn = [a for a in axes(figure, panel).lines if not a.get_label().startswith("_")]
        looks = {(a.get_linestyle(), a.get_marker(), to_rgb(a.get_mfc()) == (1, 1, 1)) for a in drawn}
        assert len(looks) == len(drawn), panel


def test_a_dollar_sign_is_a_dollar_sign(trace):
    problem = Problem("q", "gsm8k", "A $5 egg and a $7_{egg}$: how much?", trace.problem.candidates, 0, ())
    runs = {n: replace(r, node_p=np.zeros((*r.states.shape[:2], 0))) for n, r in trace.runs.items()}
    bare = replace(trace, problem=problem, runs=runs, watched=())
    figure = draw(bare, Recipe(panels=("text", "tokens", "map")))
    texts = [t for t in figure.findobj(Text) if "$5" in t.get_text()]
    assert texts and not any(t.get_parse_math() for t in texts)
    with pytest.raises(RecipeError, match="has no graph; leave that panel out: --panels map,text"):
        draw(bare, Recipe(panels=("map", "text", "graph")))


def test_letters_and_title_stand_when_asked(trace, background):
    words = [t.get_text() for t in draw(trace, Recipe(panels=("margin", "text"), title="Two words"), background).texts]
    assert {"(a)", "(b)", "Two words"} <= set(words)
    words = [t.get_text() for t in draw(trace, Recipe(panels=("margin", "text"), letters=False), background).texts]
    assert not {"(a)", "(b)"} & set(words)


@pytest.mark.parametrize("method", ["coconut", "zero_thoughts", "frozen", "residual"])
def test_methods_without_a_push_are_drawn_too(opened, problems, method):
    run = refine_problem(opened["llama"], problems[0], replace(CONFIG, method=method))
    figure = draw(run, Recipe(panels=SIX))
    assert np.isnan(line(figure, "movements", "push")[:, 1]).all()


def test_a_frame_shows_the_run_up_to_its_moment(trace, background, records):
    figure = draw(trace, replace(ALL, panels=("map", "margin", "graph")), background, moment=(1, 1))
    np.testing.assert_array_equal(line(figure, "margin", "refined margin")[:, 1], records["margin"].lines[1].values[:2])
    path = line(figure, "map", ROLES["refined"].label)
    np.testing.assert_array_equal(path[-1], records["map"].rounds[1, 1])
    assert {ax.get_label() for ax in figure.axes} >= {"graph refined 2"} and not any(
        ax.get_label() == "graph refined 3" for ax in figure.axes
    )


def test_axes_are_those_of_the_whole_run_in_every_frame(trace, background):
    whole, frame = (draw(trace, ALL, background, moment=m) for m in (None, (0, 0)))
    for panel in ("map", "margin", "distances", "movements"):
        assert axes(whole, panel).get_xlim() == axes(frame, panel).get_xlim()
        assert axes(whole, panel).get_ylim() == axes(frame, panel).get_ylim()


# --- planes -----------------------------------------------------------------------------------------------------------


def test_a_missing_plane_is_said_and_a_foreign_one_refused(trace, plane, background):
    figure = draw(trace, Recipe(panels=("regimes",)), background)
    assert "No plane of this problem" in " ".join(t.get_text() for t in figure.texts)
    with pytest.raises(RecipeError, match="The plane is of problem other"):
        draw(trace, Recipe(panels=("regimes",)), background, replace(plane, problem="other"))


def test_a_plane_is_found_for_its_trace_alone(trace, plane, tmp_path):
    from lrr_core.studies.setting_plane import file_name

    assert find_plane(trace, tmp_path, tmp_path) is None
    plane.save(tmp_path / file_name(trace.problem.id, "next"))
    assert find_plane(trace, tmp_path, tmp_path).stamp == plane.stamp
    assert find_plane(replace(trace, config=replace(trace.config, rounds=1)), tmp_path, tmp_path) is None
    assert plane_marks(replace(trace, problem=replace(trace.problem, answer=None))) == {}


# --- layout and words -------------------------------------------------------------------------------------------------


def wish(panel, least, best, low, high):
    return Wish(panel, least, best, lambda width: (low, high))


def test_panels_stand_in_order_within_the_width_and_apart():
    wishes = [
        wish(str(i), least, best, 5, 9)
        for i, (least, best) in enumerate([(20, 30), (10, 20), (10, 20), (35, 40), (12, 12)])
    ]
    for width in (40, 60, 80, 200):
        places = arrange(wishes, width, 500)
        assert [p.panel for p in places] == ["0", "1", "2", "3", "4"]
        assert [(p.top, p.left) for p in places] == sorted((p.top, p.left) for p in places)
        assert all(p.left >= 0 and p.left + p.width <= width + 1e-9 for p in places)
        for a, b in itertools.combinations(places, 2):
            assert a.left + a.width < b.left or a.top + a.height < b.top
        assert all(p.width >= w.least for p, w in zip(places, wishes, strict=True))


def test_a_fixed_height_is_filled_and_a_free_one_is_not_exceeded():
    wishes = [wish(str(i), 30, 40, 4, 10) for i in range(4)]
    fixed = arrange(wishes, 40, 30, fixed=True)
    assert max(p.top + p.height for p in fixed) == pytest.approx(30)
    assert max(p.top + p.height for p in arrange(wishes, 40, 100)) < 50
    with pytest.raises(RecipeError, match="need 21 lines of height"):
        arrange(wishes, 40, 20)


def test_labels_are_spread_in_order_and_no_farther_than_they_must():
    assert spread([1.0, 5.0, 9.0], 1.2, 0, 10) == [1.0, 5.0, 9.0]
    close = spread([5.0, 5.1, 4.9, 0.0], 1.0, 0, 10)
    assert close[3] == 0.0 and np.allclose(sorted(close[:3]), [4, 5, 6]) and close[2] < close[0] < close[1]
    low = spread([0.0, 0.0, 0.1], 1.0, 0, 10)
    assert min(low) >= 0 and np.allclose(np.diff(sorted(low)), 1.0)
    crowded = spread([5.0] * 9, 2.0, 0, 10)
    assert min(crowded) >= 0 and max(crowded) <= 10


@pytest.mark.parametrize("width", [8, 20, 50])
def test_wrapped_lines_fit_and_lose_no_word(width):
    words = "Every shumpus is a rempus. Tom is a lempus ✓ α ‖h‖ Wolkenkuckucksheimerverordnungsentwurf."
    lines = wrap(words, width)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")
    assert all(width_of(row) <= width for row in lines)
    assert width_of(cut(words, width)) <= width and cut("Tom", 50) == "Tom"
