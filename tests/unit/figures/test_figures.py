"""Figures: the numbers in them are the numbers of `metrics`, every moment has its frame, axes stay, colours come from one table."""

import itertools
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from lrr_core.analysis.curves import curves
from lrr_core.analysis.summary import answer, answer_table, data_csv, problem_label
from lrr_core.benchmarks.catalogue import BENCHMARKS, Problem
from lrr_core.benchmarks.graph_layout import crossings, layers
from lrr_core.colours import INK, PAGE, ROLES, written
from lrr_core.figures.explore import GRAPH_NOTE, explore_figure, moments, run_map
from lrr_core.figures.panels import plain_text
from lrr_core.figures.token_panel import least_entropy, token_panel
from lrr_core.refinement.trace import RefineConfig, Trace
from lrr_core.refinement.tracing import refine_problem

CONFIG = RefineConfig(thoughts=3, rounds=2, step_size=0.3, residual=0.2)
EXAMPLES = Path(__file__).parents[3] / "assets" / "examples"


@pytest.fixture(scope="module")
def trace(opened, problems) -> Trace:
    return refine_problem(opened["llama"], problems[0], CONFIG)


def checked(*args, **look) -> go.Figure:
    """The figure after Plotly's own validation, which the fast path leaves out."""
    return go.Figure(explore_figure(*args, **look).to_dict())


@pytest.fixture(scope="module")
def figure(trace):
    return checked(trace, run_map(trace))


def named(figure, name: str) -> list:
    return [t for t in figure.data if t.name == name]


def test_every_way_out_of_the_fast_figure_has_its_frames(trace, figure):
    film = explore_figure(trace, run_map(trace))
    assert [f["name"] for f in json.loads(film.to_json())["frames"]] == [f.name for f in figure.frames]
    assert '"1.2"' in film.to_html(include_plotlyjs=False)


def test_curves_draw_the_numbers_of_metrics(trace, figure):
    refined, plain = curves(trace, "refined"), curves(trace, "plain")
    drawn = {
        "refined to strong": refined.to_strong[:, -1],
        "refined to weak": refined.to_weak[:, -1],
        "plain to weak": plain.to_weak[:, -1],
        "push": refined.percent("push"),
        "deviation from plain": refined.percent("deviation"),
        "refined margin": refined.margin,
        "plain margin": plain.margin,
    }
    for name, values in drawn.items():
        (line,) = named(figure, name)
        np.testing.assert_allclose(np.array(line.y, float), values, rtol=1e-6, err_msg=name)
        assert list(line.x) == [1, 2, 3]


def test_the_map_places_the_fed_thoughts_of_all_four_runs(trace, figure):
    m = run_map(trace)
    for name in ("plain", "refined", "strong", "weak"):
        line = next(t for t in named(figure, ROLES[name].label) if len(t.x) == 3)
        np.testing.assert_allclose(np.stack([line.x, line.y], 1), m.place(trace.runs[name].thoughts), atol=1e-3)
        assert line.line.color == ROLES[name].colour and line.marker.symbol == ROLES[name].symbol
    numbers = next(t for t in named(figure, ROLES["refined"].label) if len(t.x) == 3).text
    assert list(numbers) == ["1", "2", "3"]


def test_frames_cover_every_thought_and_round_and_name_their_traces(trace, figure):
    assert moments(trace) == list(itertools.product(range(3), range(3)))
    assert [f.name for f in figure.frames] == [f"{t + 1}.{k}" for t, k in moments(trace)]
    assert len({f.traces for f in figure.frames}) == 1
    assert all(len(f.traces) == len(f.data) for f in figure.frames)
    shown = [s.args[0][0] for s in figure.layout.sliders[0].steps]
    assert shown == [f.name for f in figure.frames]


def test_a_frame_shades_every_node_by_its_probability_and_rims_the_true_frontier(trace, figure):
    slot = next(i for i, t in enumerate(figure.data) if t.name == "probability")
    frontiers = trace.problem.graph.frontiers(3)
    for (t, k), frame in zip(moments(trace), figure.frames, strict=True):
        nodes = frame.data[frame.traces.index(slot)]
        np.testing.assert_allclose(nodes.customdata, trace.runs["refined"].node_p[t, k], atol=1e-4)
        rimmed = {i for i, colour in enumerate(nodes.marker.line.color) if colour == ROLES["frontier"].colour}
        assert rimmed == set(frontiers[t])


def test_no_moving_text_is_ever_empty(figure):
    """Plotly never draws a text again that was once empty, so a node's number would not come back."""
    moving = [t for frame in figure.frames for t in frame.data if t.text is not None]
    texts = [text for t in moving for text in ([t.text] if isinstance(t.text, str) else t.text)]
    assert len(texts) > 20 and "" not in texts


def test_the_cursor_of_a_frame_stands_at_its_thought_and_round(trace, figure):
    refined = curves(trace, "refined")
    slots = [i for i, t in enumerate(figure.data) if t.name == "cursor"]
    for (t, k), frame in zip(moments(trace), figure.frames, strict=True):
        cursors = [frame.data[frame.traces.index(i)] for i in slots]
        assert all(set(c.x) == {t + 1} for c in cursors)
        np.testing.assert_allclose(cursors[0].y[1:3], [refined.to_strong[t, k], refined.to_weak[t, k]])


def test_push_and_pull_arrows_belong_to_the_moment(trace, figure):
    m, run = run_map(trace), trace.runs["refined"]
    slot = {name: next(i for i, t in enumerate(figure.data) if t.name == name) for name in ("push arrow", "pull arrow")}
    frame = figure.frames[moments(trace).index((1, 2))]
    push, pull = (frame.data[frame.traces.index(slot[n])] for n in slot)
    np.testing.assert_allclose(np.stack([push.x, push.y], 1), m.place(run.states[1]), atol=1e-3)
    np.testing.assert_allclose([pull.x[0], pull.y[0]], m.place(run.proposed[1]), atol=1e-3)


def test_axes_stay_when_a_setting_moves(opened, problems, figure):
    moved = refine_problem(opened["llama"], problems[0], replace(CONFIG, step_size=1.5, residual=0.7))
    other = checked(moved, run_map(moved))
    for axis in [f"{d}axis{n}" for d in "xy" for n in ("", 2, 3, 4, 5)]:
        assert figure.layout[axis].range == other.layout[axis].range, axis
    assert any(not np.allclose(a.y, b.y) for a, b in zip(named(figure, "push"), named(other, "push"), strict=True))


def test_a_run_that_breaks_says_what_the_axes_cannot_hold(opened, problems, figure):
    def notes(figure) -> list[str]:
        titles = [figure.layout[f"xaxis{n}"].title.text for n in (3, 4, 5)]  # below the axis: nothing is covered
        return [text for text in titles if "off the axis" in text]

    assert notes(figure) == []
    broken = refine_problem(opened["llama"], problems[0], replace(CONFIG, step_size=300.0, sign="as_printed"))
    drawn = checked(broken, run_map(broken))
    refined = curves(broken, "refined")
    farthest = max(refined.to_strong[:, -1].max(), refined.to_weak[:, -1].max())
    assert farthest > drawn.layout.yaxis3.range[1]
    note = next(note for note in notes(drawn) if "strong" in note)
    both = [
        f"{name} to {values[:, -1].max():.3g}"
        for name, values in (("strong", refined.to_strong), ("weak", refined.to_weak))
    ]
    assert f"{farthest:.3g}" in note and "1 to 3" in note and ", ".join(both) in note  # every curve that leaves
    assert not [a.text for a in drawn.layout.annotations if "off the axis" in a.text]


def test_it_opens_on_the_thought_it_is_told_and_buttons_step_from_there(trace):
    figure = checked(trace, run_map(trace), at=2)
    start = figure.layout.sliders[0].active
    names = [f.name for f in figure.frames]
    assert names[start] == "2.2"
    assert set(named(figure, "cursor")[0].x) == {2}
    _, _, back, on = figure.layout.updatemenus[0].buttons
    assert (back.args[0][0], on.args[0][0]) == (names[start - 1], names[start + 1])
    # afterwards the list is searched for the current frame: doubled ends, so that a click at an end stays there
    assert list(on.args2[0][-2:]) == [names[-1]] * 2 and list(back.args2[0][-2:]) == [names[0]] * 2


def test_quality_warning_and_legend_are_on_the_chart(trace, figure):
    words = " ".join(a.text for a in figure.layout.annotations)
    assert GRAPH_NOTE in words and f"explained variance {run_map(trace).quality:.2f}" in words
    # PCA is linear: the warning of a UMAP would be wrong on it
    assert "linear: lengths along each axis are real" in words and "mean nothing" not in words
    legend = [t for t in figure.data if t.showlegend]
    assert [t.name for t in legend][:5] == [ROLES[n].label for n in ("plain", "refined", "strong", "weak", "frontier")]


@pytest.mark.parametrize("look", [{"theme": "dark"}, {"narrow": True}, {"thoughts": 5}])
def test_every_look_is_a_valid_figure(trace, look):
    checked(trace, run_map(trace), **look)


def test_three_dimensions_take_a_scene_and_redraw(trace):
    figure = checked(trace, run_map(trace, dims=3))
    assert figure.layout.scene.xaxis.range and figure.data[0].type == "scatter3d"
    assert all(step.args[1]["frame"]["redraw"] for step in figure.layout.sliders[0].steps)


def test_in_three_dimensions_a_thought_has_one_number(trace):
    figure = checked(trace, run_map(trace, dims=3))
    numbered = [t.name for t in figure.data if t.type == "scatter3d" and t.text and "1" in t.text]
    assert numbered == [ROLES["refined"].label]


@pytest.mark.parametrize("method", ["coconut", "zero_thoughts", "frozen"])
def test_methods_without_a_push_are_drawn_too(opened, problems, method):
    trace = refine_problem(opened["llama"], problems[0], replace(CONFIG, method=method))
    figure = checked(trace, run_map(trace))
    assert all(y is None for y in named(figure, "push")[0].y)  # zero has no place on a logarithmic axis
    assert len(figure.frames) == len(moments(trace))


def test_a_problem_without_a_graph_shows_its_words_and_tokens(trace):
    problem = Problem("q", "gsm8k", "How many <b>eggs</b> are left?", trace.problem.candidates, 0, ())
    runs = {n: replace(r, node_p=np.zeros((*r.states.shape[:2], 0))) for n, r in trace.runs.items()}
    bare = replace(trace, problem=problem, runs=runs, watched=())
    figure = checked(bare, run_map(bare))
    asked = f"How many &lt;b&gt;eggs&lt;/b&gt; are left?<br>{' or '.join(problem.candidates)}"
    assert named(figure, "question")[0].text == (asked,)
    refined, shown = bare.runs["refined"], named(figure, "refined tokens")[0]
    for t, row in enumerate(np.reshape(shown.text, (len(refined.states), -1))):
        ids, p = refined.top_ids[t, -1], refined.top_p[t, -1]
        for cell, i, share in zip(row, ids, p, strict=False):
            word, number = cell.rsplit(" ", 1)
            assert plain_text(bare.tokens[int(i)]).startswith(word.rstrip("…")) and int(number) == round(100 * share)


def test_the_frame_of_a_moment_shows_that_round_of_that_thought(trace):
    bare = replace(trace, problem=replace(trace.problem, graph=None))
    panel, refined = token_panel(bare, "light"), bare.runs["refined"]
    for t, k in moments(bare):
        shown = next(m for m in panel.moving(t, k) if m["name"] == "entropy")["text"]
        expected = least_entropy(refined.top_p[:, -1])
        expected[t] = least_entropy(refined.top_p[t, k])
        assert shown == [f"{h:.1f}" for h in expected]


def test_the_entropy_shown_is_never_more_than_that_of_the_whole_distribution():
    p = np.sort(np.random.default_rng(0).dirichlet(np.full(40, 0.2), 200))[:, ::-1]
    whole = -(p * np.log(np.where(p > 0, p, 1))).sum(-1)
    assert (least_entropy(p[:, :5]) <= whole + 1e-12).all() and least_entropy(p[:, :5]).min() >= 0
    np.testing.assert_allclose(least_entropy(p), whole, atol=1e-9)
    assert least_entropy(np.array([1.0, 0, 0])) == 0


# --- colours ----------------------------------------------------------------------------------------------------------

SIGHT = {  # Machado 2009, severity 1.0
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = (to_xyz @ rgb) / (0.9505, 1, 1.089)
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
def test_roles_stay_apart_for_every_colour_vision(sight):
    seen = {n: lab(np.clip(np.array(SIGHT[sight]) @ linear(r.colour), 0, 1)) for n, r in ROLES.items()}
    for a, b in itertools.combinations(ROLES, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 14, (a, b)


def test_roles_are_legible_on_both_pages():
    for page in ("light", "dark"):
        paper = linear(INK[page].paper) @ (0.2126, 0.7152, 0.0722) + 0.05
        for name, role in ROLES.items():
            own = linear(role.colour) @ (0.2126, 0.7152, 0.0722) + 0.05
            assert max(own, paper) / min(own, paper) >= 2.7, (page, name)


def test_the_theme_repeats_the_table():
    config = tomllib.loads((Path(__file__).parents[3] / ".streamlit" / "config.toml").read_text())["theme"]
    pairs = {
        "blue": "refined",
        "gray": "plain",
        "green": "right",
        "red": "wrong",
        "orange": "weak",
        "violet": "question",
    }
    for page in ("light", "dark"):
        assert {c: config[page][f"{c}Color"] for c in pairs} == {c: ROLES[r].colour for c, r in pairs.items()}
        assert {k: config[page][k] for k in PAGE[page]} == PAGE[page]
        assert config[page]["primaryColor"] == written("refined", page)


def test_colours_in_the_figure_come_from_the_table(figure):
    table = {r.colour for r in ROLES.values()} | {v for ink in INK.values() for v in vars(ink).values()}
    for line in figure.data:
        if isinstance(line.line.color, str) and line.line.color.startswith("#"):
            assert line.line.color in table, line.name


# --- layers, words, examples ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(12, (2, 3)), (23, (3, 4)), (28, (3, 4))], ids=str)
def test_layers_are_hops_and_no_two_names_meet(size):
    nodes, hops = size
    for problem in BENCHMARKS["prosqa"].generate("balanced", 10, 3, (nodes, nodes), hops):
        q = problem.graph
        drawn, depth = layers(q), np.array(q.depths())
        assert (drawn.x[depth >= 0] == depth[depth >= 0]).all()
        for i, j in itertools.combinations(range(len(q.names)), 2):
            assert abs(drawn.x[i] - drawn.x[j]) >= 1 or abs(drawn.y[i] - drawn.y[j]) >= 0.99
        below = drawn.y[depth < 0]
        assert not len(below) or below.min() > drawn.y[depth >= 0].max()


def test_barycentres_remove_the_crossing_of_a_plain_cross():
    column = np.array([0, 0, 1, 1])
    edges = [(0, 3), (1, 2)]
    assert crossings({0: [0, 1], 1: [2, 3]}, column, edges) == 1
    from lrr_core.benchmarks.graph_layout import _order

    assert crossings(_order([0, 1, 2, 3], column, edges), column, edges) == 0


def test_the_answer_in_words_is_the_answer_of_the_record(trace):
    given, run = answer(trace, "refined"), trace.runs["refined"]
    assert given.name == trace.problem.candidates[int(np.argmax(run.scores))]
    assert given.p == pytest.approx(np.exp(run.scores).max() / np.exp(run.scores).sum(), rel=1e-5)
    assert given.right == (run.choice == trace.problem.answer)
    row = next(r for r in answer_table(trace) if r["run"] == "refined")
    assert sum(row[c] for c in trace.problem.candidates) == pytest.approx(100)


def test_the_csv_holds_the_curves(trace):
    rows = [line.split(",") for line in data_csv(trace).splitlines() if not line.startswith("#")]
    head, last = rows[0], rows[-1]
    assert len(rows) == 1 + 2 * 3 and last[:2] == ["refined", "3"]
    assert float(last[head.index("push")]) == pytest.approx(curves(trace, "refined").push[-1], rel=1e-4)


def test_the_examples_are_what_their_records_say_they_were_made_by():
    for file in sorted(EXAMPLES.glob("*.json")):
        for record, problem in zip(json.loads(file.read_text()), BENCHMARKS["prosqa"].load(file), strict=True):
            made = record["made"]
            spans = {k: made[k] and tuple(made[k]) for k in ("nodes", "hops")}
            again = BENCHMARKS["prosqa"].generate(made["generator"], made["count"], made["seed"], **spans)[
                made["index"]
            ]
            assert again.question == problem.question and again.graph == problem.graph
            assert f"{problem.graph.hops} hops" in problem_label(problem)
