"""Numbers about thoughts against arithmetic by hand, and the statistics against published values."""

from math import comb, log

import numpy as np
import pytest

from lrr_core.analysis.curves import candidate_probability, cosine, curves, margin, verdict
from lrr_core.analysis.statistics import paired_difference, wilson
from lrr_core.benchmarks.catalogue import from_text
from lrr_core.refinement.trace import RefineConfig, Run, Trace

# the graph of this text: Davis 0 -> shumpus 1 -> scrompus, Tom -> terpus -> lempus
TEXT = "Davis is a shumpus. Tom is a terpus. Every terpus is a lempus. Every shumpus is a scrompus. Is Tom a lempus or scrompus?"
PROBLEM = from_text("prosqa", TEXT)
NODES = PROBLEM.graph.names


def a_run(states, proposed=None, strong=None, weak=None, node_p=None, readout=None) -> Run:
    """states (T, K+1, 2); strong, weak (T, K, 2); what is not given is zero, and even odds."""
    states = np.array(states, float)
    t, rounds, width = states.shape
    strong = np.zeros((t, 0, width)) if strong is None else np.array(strong, float)
    return Run(
        config=RefineConfig(thoughts=t, rounds=max(rounds - 1, 1)),
        proposed=states[:, 0] if proposed is None else np.array(proposed, float),
        states=states,
        strong=strong,
        weak=np.zeros_like(strong) if weak is None else np.array(weak, float),
        objective=np.zeros(strong.shape[:2]),
        top_ids=np.zeros((t, rounds, 0), int),
        top_p=np.zeros((t, rounds, 0)),
        node_p=np.zeros((t, rounds, len(NODES))) if node_p is None else np.array(node_p, float),
        readout=np.zeros((t, 2)) if readout is None else np.log(readout),
        scores=np.zeros(2),
    )


def a_trace(refined: Run, problem=PROBLEM, plain=None, strong=None, weak=None) -> Trace:
    """The baselines' thoughts as (T, 2) lists; zeros where none are given."""
    zeros = np.zeros_like(refined.proposed)
    runs = {"plain": plain, "strong": strong, "weak": weak}
    runs = {n: a_run(np.array(zeros if h is None else h, float)[:, None]) for n, h in runs.items()}
    return Trace(problem, refined.config, runs | {"refined": refined}, {}, {}, NODES)


@pytest.fixture
def measured():
    """Three thoughts, two rounds, width 2: the first moves by its second round only, the second by both, the third is zero."""
    refined = a_run(
        states=[[[3, 4], [3, 4], [6, 8]], [[6, 4], [6, 0], [3, 4]], [[0, 0], [0, 0], [0, 0]]],
        proposed=[[3, 4], [6, 0], [0, 0]],
        strong=[[[3, 8], [6, 4]], [[6, 4], [6, 3]], [[4, -3], [1, 0]]],
        weak=[[[3, 4], [4, -3]], [[0, 4], [-6, 0]], [[0, 0], [0, 2]]],
    )
    return curves(
        a_trace(
            refined, plain=[[6, 0], [3, 4], [3, 4]], strong=[[6, 8], [6, 0], [0, 5]], weak=[[4, -3], [6, 8], [0, 0]]
        ),
        "refined",
    )


def test_the_three_movements_by_hand(measured):
    assert measured.length.tolist() == [10, 5, 0]
    assert np.isnan(measured.step_change[0])
    assert measured.step_change[1:].tolist() == [5, 5]  # (3,4) - (6,8) = (-3,-4); (0,0) - (3,4)
    assert measured.push.tolist() == [5, 3, 0]  # (6,8) - (3,4); (3,4) - (6,4)
    assert measured.pull.tolist() == [0, 4, 0]  # (6,4) - (6,0): what mixing moved, apart from the push
    assert measured.deviation.tolist() == [8, 0, 5]  # (6,8) - (6,0); (3,4) is plain's own; (0,0) - (3,4)
    assert measured.round_push.tolist() == [[0, 0, 5], [0, 4, 3], [0, 0, 0]]
    assert measured.round_length.tolist() == [[0, 5], [4, 5], [0, 0]]


def test_percent_is_of_the_fed_thought_and_nan_where_that_is_zero(measured):
    assert measured.percent("push")[:2].tolist() == [50, 60]
    assert measured.percent("deviation")[:2].tolist() == [80, 0]
    assert measured.percent("step_change")[1] == 100
    assert measured.percent("round_push")[:2].tolist() == [[0, 0, 50], [0, 80, 60]]
    assert np.isnan(measured.percent("push")[2]) and np.isnan(measured.percent("round_push")[2]).all()


def test_baselines_are_measured_at_every_round_and_references_where_they_were_asked(measured):
    # baselines: strong's and weak's own thought t, (6,8), (6,0), (0,5) and (4,-3), (6,8), (0,0)
    assert measured.to_strong.tolist() == [[5, 5, 0], [4, 0, 5], [5, 5, 5]]
    assert measured.to_weak[1].tolist() == [4, 8, 5]
    assert measured.to_plain[1].tolist() == [3, 5, 0]
    # references g^k against h^{k-1}, then against h^k
    assert measured.to_strong_reference.tolist() == [[4, 3], [0, 3], [5, 1]]
    assert measured.strong_left.tolist() == [[4, 4], [4, np.hypot(3, 1)], [5, 1]]
    assert measured.to_weak_reference[0].tolist() == [0, np.hypot(1, 7)]


def test_cosines_by_hand(measured):
    assert measured.cos_strong[0].tolist() == [1, 1, 1]  # (3,4) and (6,8) lie on one ray
    assert measured.cos_weak[0].tolist() == [0, 0, 0]  # (3,4) · (4,-3) = 0
    assert measured.cos_weak_reference[1].tolist() == [pytest.approx(16 / np.sqrt(52) / 4), -1]
    assert measured.cos_strong_reference[1, 0] == pytest.approx(1)
    assert np.isnan(measured.cos_plain[2]).all()  # a zero thought has no direction
    assert cosine(np.array([1.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx(np.sqrt(0.5))


def test_a_run_stopped_half_way_is_measured_against_the_first_thoughts():
    whole = a_trace(a_run([[[1, 0]], [[0, 1]]]), plain=[[0, 0], [0, 3]])
    half = Trace(**{**vars(whole), "runs": whole.runs | {"refined": a_run([[[1, 0]]])}})
    assert curves(half, "refined").deviation.tolist() == [1]
    assert curves(whole, "refined").deviation.tolist() == [1, 2]


# --- answer margin and lens mass --------------------------------------------------------------------------------------


def test_the_margin_is_right_against_the_best_other():
    two, three = np.log([[0.6, 0.3]]), np.log([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])
    assert margin(two, 0) == pytest.approx([log(2)])
    assert margin(two, 1) == pytest.approx([-log(2)])
    assert margin(three, 1) == pytest.approx([log(0.5 / 0.3), log(0.2 / 0.7)])
    assert margin(three, 2) == pytest.approx([log(0.3 / 0.5), log(0.1 / 0.7)])


def test_an_unknown_answer_gives_the_margin_of_the_first_candidate_and_one_candidate_has_none():
    three = np.log([[0.2, 0.5, 0.3]])
    assert margin(three, None) == pytest.approx(margin(three, 0))
    with pytest.raises(ValueError, match="at least two"):
        margin(np.zeros((1, 1)), 0)


def test_candidate_probabilities_are_shares_among_the_candidates_and_never_overflow():
    assert candidate_probability(np.log([[0.03, 0.01]])) == pytest.approx(np.array([[0.75, 0.25]]))
    assert candidate_probability(np.array([-2000.0, -2000.0 - log(3)])).tolist() == pytest.approx([0.75, 0.25])
    assert candidate_probability(np.array([-1.0, -np.inf])).tolist() == [1, 0]


def test_margin_in_the_curves_is_read_at_the_right_answer():
    c = curves(a_trace(a_run([[[1, 0]], [[1, 0]]], readout=[[0.2, 0.1], [0.1, 0.4]])), "refined")
    assert PROBLEM.candidates[PROBLEM.answer] == "lempus" and PROBLEM.answer == 0
    assert c.margin == pytest.approx([log(2), -log(4)])
    assert c.candidate_p == pytest.approx(np.array([[2 / 3, 1 / 3], [0.2, 0.8]]))


def test_frontier_mass_sums_the_nodes_at_depth_t_and_is_nan_where_there_are_none():
    p = dict.fromkeys(NODES, 0.0) | {"terpus": 0.5, "lempus": 0.25, "scrompus": 0.125}
    row = [p[n] for n in NODES]
    c = curves(a_trace(a_run([[[1, 0]]] * 3, node_p=[[row]] * 3)), "refined")
    assert c.node_mass[:, 0].tolist() == [0.875] * 3
    assert c.frontier_mass[:2, 0].tolist() == [0.5, 0.25]  # one hop from Tom: terpus; two: lempus; three: nothing
    assert np.isnan(c.frontier_mass[2, 0])


def test_a_frontier_of_several_nodes_is_summed():
    wide = from_text("prosqa", TEXT.replace("Every terpus", "Tom is a wumpus. Every terpus"))
    names = wide.graph.names
    p = [{"terpus": 0.5, "wumpus": 0.25, "lempus": 0.2}.get(n, 0.0) for n in names]
    run = a_run([[[1, 0]]], node_p=[[p]])
    assert curves(a_trace(run, wide), "refined").frontier_mass.tolist() == [[0.75]]


def test_without_a_graph_there_is_no_frontier():
    problem = type(PROBLEM)("x", "prosqa", TEXT, PROBLEM.candidates, None, ())
    c = curves(a_trace(a_run([[[1, 0]]], node_p=np.zeros((1, 1, 0))), problem), "refined")
    assert np.isnan(c.frontier_mass).all() and c.node_mass.tolist() == [[0]]


# --- the verdict ------------------------------------------------------------------------------------------------------


def judged(path, reference, thoughts=1):
    """The word for a thought that takes `path` (K+1 points) while strong's reference stays where it is."""
    rounds = len(path) - 1
    return verdict(curves(a_trace(a_run([path] * thoughts, strong=[[reference] * rounds] * thoughts)), "refined"))


def test_a_run_without_rounds_or_without_a_push_is_still():
    assert verdict(curves(a_trace(a_run([[[1, 0]]])), "refined")) == "still"
    assert judged([[1, 0], [1, 0]], [5, 0]) == "still"
    assert verdict(curves(a_trace(a_run(np.zeros((0, 2, 2)), strong=np.zeros((0, 1, 2)))), "refined")) == "still"


@pytest.mark.parametrize("step", [0.001, 0.3, 1.0, 1.9])
def test_a_step_that_ends_nearer_converges_however_short(step):
    assert judged([[0, 0], [step, 0]], [1, 0]) == "converges"


def test_a_step_beyond_twice_the_gap_overshoots():
    # on a straight line the gap |1 - s| is smaller than at first up to s = 2
    assert judged([[0, 0], [2.1, 0]], [1, 0]) == "overshoots"
    assert judged([[0, 0], [2.1, 0]], [1, 0], thoughts=3) == "overshoots"


def test_rounds_that_came_near_and_left_again_overshoot_even_if_they_end_nearer_than_they_began():
    assert judged([[0, 0], [9, 0], [16, 0]], [10, 0]) == "overshoots"
    assert judged([[0, 0], [6, 0], [9, 0]], [10, 0]) == "converges"


def test_rounds_that_jump_across_with_a_shrinking_gap_converge():
    assert judged([[0, 0], [1.5, 0], [0.8, 0], [1.1, 0]], [1, 0]) == "converges"


def test_a_converged_thought_may_tremble():
    assert judged([[0, 0], [0.9, 0], [1, 0], [1.001, 0]], [1, 0]) == "converges"


def test_a_push_away_or_aside_drifts():
    assert judged([[0, 0], [-0.5, 0]], [1, 0]) == "drifts"
    assert judged([[0, 0], [0, 0.01]], [1, 0]) == "drifts"
    assert judged([[0, 0], [0.05, 1]], [1, 0]) == "drifts"  # off a right angle by 3°: nowhere on that line is it nearer


def test_a_random_direction_in_many_dimensions_drifts():
    rng = np.random.default_rng(0)
    words = set()
    for length in (0.01, 0.5, 3):
        for _ in range(20):
            move = rng.normal(size=(4, 192))
            states = np.stack([np.zeros_like(move), length * move / np.linalg.norm(move, axis=1, keepdims=True)], 1)
            run = a_run(states, strong=np.eye(192)[None, :1].repeat(4, 0))
            words.add(verdict(curves(a_trace(run, plain=move, strong=move, weak=move), "refined")))
    assert words == {"drifts"}


def test_the_verdict_does_not_depend_on_the_unit_of_the_hidden_state():
    for path in ([[0, 0], [0.3, 0]], [[0, 0], [2.1, 0]], [[0, 0], [0, 1]]):
        small, large = (judged((np.array(path) * f).tolist(), [f, 0]) for f in (1e-3, 1e4))
        assert small == large == judged(path, [1, 0])


# --- statistics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        (
            81,
            263,
            0.2553,
            0.3662,
        ),  # these four: R. G. Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_wilson_agrees_with_published_intervals(correct, n, low, high):
    assert wilson(correct, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_nothing_excludes_nothing():
    assert wilson(0, 0) == (0, 1)


def outcomes(gained, lost, both, neither):
    a = [True] * gained + [False] * lost + [True] * both + [False] * neither
    b = [False] * gained + [True] * lost + [True] * both + [False] * neither
    return a, b


@pytest.mark.parametrize(("gained", "lost"), [(8, 2), (2, 8), (5, 5), (1, 0), (30, 14)])
def test_the_p_value_is_mcnemars_exact_one(gained, lost):
    d = paired_difference(*outcomes(gained, lost, 40, 10))
    m = gained + lost
    tail = sum(comb(m, k) for k in range(max(gained, lost), m + 1)) / 2**m
    assert d.p_value == pytest.approx(min(1, 2 * tail))
    assert (d.gained, d.lost) == (gained, lost)
    assert d.points == pytest.approx(100 * (gained - lost) / (m + 50))


def test_the_p_value_by_hand():
    # 8 against 2: 2 (45 + 10 + 1) / 1024
    assert paired_difference(*outcomes(8, 2, 0, 0)).p_value == pytest.approx(112 / 1024)


def test_the_interval_contains_the_points_and_has_about_the_normal_width():
    d = paired_difference(*outcomes(60, 40, 700, 200))
    low, high = d.ci95
    assert low < d.points < high
    # variance of a paired difference: (gained + lost)/n - ((gained - lost)/n)², over n
    expected = 2 * 1.96 * 100 * np.sqrt((0.1 - 0.02**2) / 1000)
    assert high - low == pytest.approx(expected, rel=0.05)
    for case in [(1, 0, 3, 3), (0, 1, 0, 0), (5, 5, 5, 5), (0, 7, 20, 2)]:
        d = paired_difference(*outcomes(*case))
        assert d.ci95[0] <= d.points <= d.ci95[1]


def test_swapping_the_two_turns_the_sign():
    a, b = outcomes(30, 14, 100, 56)
    d, e = paired_difference(a, b), paired_difference(b, a)
    assert e.points == -d.points and e.p_value == d.p_value
    assert (e.gained, e.lost) == (d.lost, d.gained)
    # other draws, so the ends may differ by one problem of 200
    assert (-e.ci95[1], -e.ci95[0]) == pytest.approx(d.ci95, abs=0.5)


def test_identical_answers_are_no_evidence():
    d = paired_difference([True, False, True], [True, False, True])
    assert (d.points, d.p_value, d.gained, d.lost) == (0, 1, 0, 0)
    assert paired_difference([], []).p_value == 1


def test_the_same_seed_gives_the_same_interval_and_unequal_lengths_are_refused():
    a, b = outcomes(9, 4, 10, 10)
    assert paired_difference(a, b, seed=4) == paired_difference(a, b, seed=4)
    with pytest.raises(ValueError, match="same length, not 2 and 1"):
        paired_difference([True, True], [True])
