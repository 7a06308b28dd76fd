"""Refinement against arithmetic by hand, against a slow plain twin of the pseudo-code, and against its own laws."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from by_hand import ONE_TOKEN, TwoDimensions

from lrr_core.benchmarks.catalogue import TEMPLATES
from lrr_core.models.checkpoints import STANDARD, Checkpoints
from lrr_core.models.folder import ModelError
from lrr_core.models.opened import ModelSet
from lrr_core.models.rollout import Stream
from lrr_core.refinement.methods import METHODS, controls
from lrr_core.refinement.refine import Prompts, RefineError, Refiner, plain_thoughts, run_all
from lrr_core.refinement.trace import (
    REFERENCES,
    ConfigError,
    RefineConfig,
    Run,
    Trace,
)
from lrr_core.refinement.tracing import refine_problem, rerun

EVERY = tuple(METHODS)
DONATED = ("other_thoughts", "mean_thought")
NEEDED = ("prefill", "single", "probe", "decode")
# measured worst over both families: 2.5e-6 for states, references, objective and scores, slow twin as well as batches
TOLERANCE = 2e-5


def run(models, problems, names=STANDARD, lent=None, observe=False, details=True, decode=False, **settings):
    config = RefineConfig(**{"thoughts": 3, "step_size": 0.3, "residual": 0.2} | settings)
    return run_all(Refiner(models, Prompts.make(models, problems), config, names, lent, observe, details), decode)


def one(models, problems, **kwargs):
    return run(models, problems[:1], **kwargs)[0]


def same_bits(a: Run, b: Run) -> bool:
    arrays = all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=True) for n in Run.ARRAYS)
    return arrays and (a.text, a.text_tokens, a.cost) == (b.text, b.text_tokens, b.cost)


# --- a worked example, by hand ------------------------------------------------------------------


def by_hand(**settings) -> Run:
    # d = 2, so s = 2η/d = η. s = α = β = 1/2: every number below is a short binary fraction, so equality is exact
    config = RefineConfig(**{"step_size": 0.5, "residual": 0.5, "momentum": 0.5, "rounds": 2, "thoughts": 2} | settings)
    refiner = Refiner(TwoDimensions(), ONE_TOKEN, config)
    for _ in refiner:
        pass
    return refiner.runs(decode=False)[0]


def test_worked_example_next():
    r = by_hand(reference="next")
    # question e = (1, 2).                        u1 = swap(e) = (2, 1) = h
    # k=1: g = h + e = (3, 3)  b = -h = (-2, -1)  b-g = (-5, -4)  m = (-5, -4)                        h = (2, 1) + (2.5, 2)
    # k=2: h = (4.5, 3)  g = (5.5, 5)  b = (-4.5, -3)  b-g = (-10, -8)  m = (-2.5, -2) + (-10, -8)    h = (4.5, 3) + (6.25, 5)
    # h1 = (10.75, 8).                            u2 = swap(h1) + e = (8, 10.75) + (1, 2) = (9, 12.75)
    # mixing: (10.75, 8)/2 + (9, 12.75)/2 = (9.875, 10.375);  past of strong = e + h1 = (11.75, 10)
    # k=1: g = (21.625, 20.375)  b = (-9.875, -10.375)  b-g = (-31.5, -30.75)
    #      m = (-12.5, -10)/2 + (-31.5, -30.75) = (-37.75, -35.75)              h = (9.875, 10.375) + (18.875, 17.875)
    # k=2: h = (28.75, 28.25)  g = (40.5, 38.25)  b = (-28.75, -28.25)  b-g = (-69.25, -66.5)
    #      m = (-18.875, -17.875) + (-69.25, -66.5) = (-88.125, -84.375)        h = (28.75, 28.25) + (44.0625, 42.1875)
    assert r.proposed.tolist() == [[2, 1], [9, 12.75]]
    assert r.states.tolist() == [
        [[2, 1], [4.5, 3], [10.75, 8]],
        [[9.875, 10.375], [28.75, 28.25], [72.8125, 70.4375]],
    ]
    assert r.strong.tolist() == [[[3, 3], [5.5, 5]], [[21.625, 20.375], [40.5, 38.25]]]
    assert r.weak.tolist() == [[[-2, -1], [-4.5, -3]], [[-9.875, -10.375], [-28.75, -28.25]]]
    # J = mean (g-h)² - mean (b-h)²; first: (1 + 4)/2 - (16 + 4)/2 = -7.5; second: (1 + 4)/2 - (81 + 36)/2 = -56
    assert r.objective[0].tolist() == [-7.5, -56]


def test_worked_example_same():
    r = by_hand(reference="same")
    # t=1: g = strong's reading of e = (1, 2), b = (-1, -2), b-g = (-2, -4) in both rounds.    u1 = (2, 1)
    # k=1: m = (-2, -4)          h = (2, 1) + (1, 2) = (3, 3)
    # k=2: m = (-1, -2) + (-2, -4) = (-3, -6)   h = (3, 3) + (1.5, 3) = (4.5, 6)
    # u2 = swap(4.5, 6) + e = (6, 4.5) + (1, 2) = (7, 6.5);  mixing: (4.5, 6)/2 + (7, 6.5)/2 = (5.75, 6.25)
    # t=2: g = h1 + e = (5.5, 8)  b = -h1 = (-4.5, -6)  b-g = (-10, -14)
    # k=1: m = (-1.5, -3) + (-10, -14) = (-11.5, -17)      h = (5.75, 6.25) + (5.75, 8.5) = (11.5, 14.75)
    # k=2: m = (-5.75, -8.5) + (-10, -14) = (-15.75, -22.5)  h = (11.5, 14.75) + (7.875, 11.25) = (19.375, 26)
    assert r.proposed.tolist() == [[2, 1], [7, 6.5]]
    assert r.states.tolist() == [[[2, 1], [3, 3], [4.5, 6]], [[5.75, 6.25], [11.5, 14.75], [19.375, 26]]]
    assert r.strong.tolist() == [[[1, 2]] * 2, [[5.5, 8]] * 2]
    assert r.weak.tolist() == [[[-1, -2]] * 2, [[-4.5, -6]] * 2]


def test_worked_example_as_printed_moves_the_other_way():
    r = by_hand(reference="same", sign="as_printed", thoughts=1, momentum=0)
    # b-g = (-2, -4), so each round adds (-1, -2)
    assert r.states.tolist() == [[[2, 1], [1, -1], [0, -3]]]


def test_worked_example_through_the_models():
    r = by_hand(reference="next", gradient="through_model", thoughts=1, rounds=1, momentum=0)
    # J(h) = mean (h + e - h)² - mean (-h - h)² = const - (4/2)|h|²; ∇J = -4h; η = 1/2: h + 2h = 3h
    assert r.states.tolist() == [[[2, 1], [6, 3]]]


# --- the slow plain twin ----------------------------------------------------------------------------------------------


def outputs(model, question, thoughts):
    """The last hidden state after reading a question and thoughts, everything anew: no cache, no padding, no batch."""
    embedded = model.get_input_embeddings()(torch.tensor(question))
    x = torch.cat([embedded, *(h[None].to(embedded) for h in thoughts)])[None]
    return model(inputs_embeds=x, use_cache=False, output_hidden_states=True).hidden_states[-1][0, -1]


@torch.no_grad()
def slow_refine(models, problem, c: RefineConfig):
    """Refinement line by line, in the symbols of its equations; returns u (T, D), h (T, K+1, D), g and b (T, K, D)."""
    backbone, strong, weak = (models.model(n) for n in STANDARD)
    question = models.encode(TEMPLATES["triples"](problem))
    d, eta = models.width, c.eta(models.width)
    fed, m = [], torch.zeros(d)
    u_all, h_all, g_all, b_all = [], [], [], []
    for t in range(1, c.thoughts + 1):
        u = outputs(backbone, question, fed)
        h = u if t == 1 else c.residual * fed[-1] + (1 - c.residual) * u
        rounds, gs, bs = [h], [], []
        for _k in range(1, c.rounds + 1):
            if c.reference == "next":
                g, b = outputs(strong, question, [*fed, h]), outputs(weak, question, [*fed, h])
            else:
                g, b = outputs(strong, question, fed), outputs(weak, question, fed)
            m = c.momentum * m + 2 / d * (b - g)
            h = h - eta * m
            rounds.append(h)
            gs.append(g)
            bs.append(b)
        fed.append(h)
        for store, value in (
            (u_all, u),
            (h_all, torch.stack(rounds)),
            (g_all, torch.stack(gs)),
            (b_all, torch.stack(bs)),
        ):
            store.append(value)
    return [torch.stack(x).numpy() for x in (u_all, h_all, g_all, b_all)]


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_padded_batch_equals_the_pseudo_code_run_plainly(models, problems, reference):
    """So the caches of backbone, strong and weak all hold the refined thoughts, and probes never enter them."""
    settings = {"reference": reference, "rounds": 2, "momentum": 0.5, "step_size": 0.3, "residual": 0.2, "thoughts": 3}
    fast = run(models, problems, **settings)
    worst = 0
    for problem, r in zip(problems, fast, strict=True):
        slow = slow_refine(models, problem, RefineConfig(**settings))
        for ours, theirs in zip((r.proposed, r.states, r.strong, r.weak), slow, strict=True):
            worst = max(worst, np.abs(ours - theirs).max())
        moved = np.linalg.norm(r.states[:, -1] - r.states[:, 0], axis=-1)
        assert (moved > 0.5).all()  # a run that hardly moves would prove nothing
    assert worst < TOLERANCE


@pytest.mark.parametrize("reference", REFERENCES)
def test_scores_and_text_follow_the_refined_thoughts(models, problems, reference):
    settings = {"reference": reference, "thoughts": 2, "rounds": 1}
    r = one(models, problems, decode=True, **settings)
    question = models.encode(TEMPLATES["triples"](problems[0]))
    backbone, embed = models.model("backbone"), models.model("backbone").get_input_embeddings()
    with torch.no_grad():
        prefix = list(embed(torch.tensor(models.answer_ids)))
        for t in (1, 2):  # `readout` after thought t, and `scores` after the last
            fed = [torch.tensor(h) for h in r.thoughts[:t]]
            log_p = backbone.get_output_embeddings()(outputs(backbone, question, [*fed, *prefix])).log_softmax(-1)
            expected = [float(log_p[ids[0]]) for ids in models.candidate_ids(problems[0].candidates)]
            assert np.allclose(r.readout[t - 1], expected, atol=TOLERANCE)
    assert np.array_equal(r.readout[-1], r.scores)
    assert r.text.split()[0] == models.tokenizer.convert_ids_to_tokens(int(log_p.argmax()))


# --- batches and padding ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", EVERY)
def test_batched_equals_one_by_one(models, problems, method):
    settings = {"method": method, "rounds": 2, "momentum": 0.5, "decode": True}
    lent = torch.randn(len(problems), 3, models.width) if method in DONATED else None
    together = run(models, problems, lent=lent, **settings)
    worst = 0
    for i, (problem, batched) in enumerate(zip(problems, together, strict=True)):
        alone = run(models, [problem], lent=None if lent is None else lent[i : i + 1], **settings)[0]
        for name in ("proposed", "states", "strong", "weak", "objective", "top_p", "node_p", "readout", "scores"):
            a, b = getattr(batched, name), getattr(alone, name)
            assert a.shape == b.shape, name
            worst = max(worst, np.abs(a - b).max(initial=0))
        assert (batched.text, batched.text_tokens, batched.cost) == (alone.text, alone.text_tokens, alone.cost)
        assert batched.choice == alone.choice
    assert worst < TOLERANCE


def test_details_off_changes_no_thought_and_no_score(models, problems):
    full, lean = (run(models, problems, details=details, decode=True) for details in (True, False))
    for a, b in zip(full, lean, strict=True):
        for name in ("proposed", "states", "strong", "weak", "objective", "scores"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
        assert a.text == b.text
        assert b.cost["readout"] == 0 and np.isnan(b.readout).all()


# --- settings of its own for every row --------------------------------------------------------------------------------

CELLS = [(-0.7, 0.35), (-0.05, 1.0), (0.0, 0.35), (0.3, 0.0), (1.0, 0.35), (0.3, 1.0)]  # signed s, α
COMPARED = ("proposed", "states", "strong", "weak", "objective", "top_p", "node_p", "readout", "scores")


def plane(models, problems, cells=CELLS, **settings):
    """One pass: every problem under every cell, problem after problem."""
    config = RefineConfig(**{"thoughts": 3, "rounds": 2, "momentum": 0.5} | settings)
    steps, mixes = zip(*cells * len(problems), strict=True)
    return run_all(Refiner(models, Prompts.make(models, problems), config, scales=(steps, mixes)))


@pytest.mark.parametrize(
    ("method", "reference", "gradient"),
    [
        *(
            (method, reference, "detached")
            for method in sorted(key for key, rule in METHODS.items() if rule.pushes or rule.mixes)
            for reference in REFERENCES
        ),
        ("full", "next", "through_model"),
    ],
)
def test_a_cell_of_a_pass_equals_the_run_of_its_own(models, problems, method, reference, gradient):
    if gradient == "through_model" and method != "full":
        pytest.skip("one method is enough for the slower gradient")
    settings = {"method": method, "reference": reference, "gradient": gradient}
    together = plane(models, problems[::2], **settings)
    worst = 0
    rows = [(p, *cell) for p in problems[::2] for cell in CELLS]
    assert len(together) == len(rows) == 12
    for (problem, s, alpha), cell in zip(rows, together, strict=True):
        own = {"step_size": abs(s), "residual": alpha, "sign": "as_printed" if s < 0 else "descent"}
        alone = run(models, [problem], rounds=2, momentum=0.5, decode=True, **settings, **own)[0]
        assert cell.config == alone.config
        assert (cell.text, cell.choice, cell.cost) == (alone.text, alone.choice, alone.cost)
        for name in COMPARED:
            a, b = getattr(cell, name), getattr(alone, name)
            assert a.shape == b.shape, name
            worst = max(worst, (np.abs(a - b) / (1 + np.abs(b))).max(initial=0))
    # measured worst: 3.4e-6; through the models, where a pass backwards adds up in another order, 1.2e-5
    assert worst < (TOLERANCE if gradient == "detached" else 10 * TOLERANCE)


def test_one_setting_for_all_rows_is_that_setting_bit_for_bit(models, problems):
    for settings in ({}, {"method": "frozen"}, {"sign": "as_printed"}, {"method": "random_direction"}):
        config = RefineConfig(thoughts=3, rounds=2, momentum=0.5, step_size=0.3, residual=0.2, **settings)
        signed = -0.3 if config.sign == "as_printed" else 0.3
        prompts = Prompts.make(models, problems)
        without = run_all(Refiner(models, prompts, config))
        columns = run_all(Refiner(models, prompts, config, scales=([signed] * 3, [0.2] * 3)))
        assert all(same_bits(a, b) and a.config == b.config == config for a, b in zip(without, columns, strict=True))


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_question_is_read_once_for_all_its_cells(models, problems, monkeypatch, reference):
    read, sizes = Stream.read.__func__, []
    monkeypatch.setattr(
        Stream, "read", classmethod(lambda cls, m, ids, *rest: sizes.append(len(ids)) or read(cls, m, ids, *rest))
    )
    assert len(plane(models, problems[:2], reference=reference)) == 2 * len(CELLS)
    assert sizes == [2, 2, 2]  # backbone, strong and weak, two questions each


def test_settings_that_do_not_fit_the_problems_are_refused(models, problems):
    prompts, config = Prompts.make(models, problems), RefineConfig()
    for steps, mixes in (([0.1] * 3, [0.1] * 2), ([0.1] * 4, [0.1] * 4), ([], [])):
        with pytest.raises(
            RefineError, match=rf"{len(steps)} step sizes and {len(mixes)} residual mixes for 3 problems"
        ):
            Refiner(models, prompts, config, scales=(steps, mixes))
    with pytest.raises(ConfigError, match=r"residual must lie between 0 and 1, not 1\.5"):
        Refiner(models, prompts, config, scales=([0.1] * 3, [0.1, 1.5, 0.1]))


# --- the laws ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("method", ["full", "swapped", "random_direction", "contrast"])
def test_strong_equal_to_weak_gives_exactly_no_push(models, problems, method, reference):
    names = Checkpoints("backbone", "strong", "strong")
    pushed = one(models, problems, names=names, method=method, reference=reference, rounds=2, momentum=0.5)
    assert np.array_equal(pushed.states[:, 0], pushed.states[:, 2])
    assert np.abs(pushed.objective).max() == 0
    unpushed = one(models, problems, method="coconut" if method == "contrast" else "residual")
    assert np.array_equal(pushed.thoughts, unpushed.thoughts)


def test_strong_equal_to_weak_gives_no_push_through_the_models_either(models, problems):
    r = one(
        models, problems, names=Checkpoints("backbone", "strong", "strong"), gradient="through_model", step_size=1.0
    )
    # measured worst 0, but autograd adds up four terms and promises no order
    assert np.abs(r.states[:, 1] - r.states[:, 0]).max() < 1e-6


@pytest.mark.parametrize("gradient", ["detached", "through_model"])
@pytest.mark.parametrize("reference", REFERENCES)
def test_without_mixing_and_step_it_is_plain_coconut_bit_for_bit(models, problems, reference, gradient):
    plain = run(models, problems, method="coconut", decode=True)
    zero = run(models, problems, residual=0, step_size=0, reference=reference, gradient=gradient, rounds=2, decode=True)
    rolled = plain_thoughts(models, Prompts.make(models, problems), 3)
    for i, (a, b) in enumerate(zip(plain, zero, strict=True)):
        assert np.array_equal(a.thoughts, rolled[i].numpy())
        assert np.array_equal(a.thoughts, b.thoughts) and np.array_equal(a.scores, b.scores) and a.text == b.text


def test_each_method_is_the_full_one_with_a_slider_at_zero(models, problems):
    assert np.array_equal(
        one(models, problems, method="residual").thoughts, one(models, problems, step_size=0).thoughts
    )
    assert np.array_equal(one(models, problems, method="contrast").thoughts, one(models, problems, residual=0).thoughts)
    assert not np.array_equal(one(models, problems).thoughts, one(models, problems, residual=0).thoughts)
    assert not np.array_equal(one(models, problems).thoughts, one(models, problems, step_size=0).thoughts)


@pytest.mark.parametrize("reference", REFERENCES)
def test_the_closed_form_equals_autograd_with_the_references_held_fixed(models, problems, reference):
    config = RefineConfig(thoughts=3, rounds=2, step_size=0.3, residual=0.2, reference=reference)
    eta = config.eta(models.width)
    assert eta == 0.3 * models.width / 2
    r = one(models, problems, rounds=2, reference=reference)
    h = torch.tensor(r.states[:, :-1], requires_grad=True)
    g, b = torch.tensor(r.strong), torch.tensor(r.weak)
    objective = torch.nn.functional.mse_loss(g, h, reduction="none") - torch.nn.functional.mse_loss(
        b, h, reduction="none"
    )
    objective = objective.mean(-1)
    assert np.allclose(objective.detach().numpy(), r.objective, atol=1e-6)
    objective.sum().backward()
    expected = h - eta * h.grad
    assert torch.allclose(expected, torch.tensor(r.states[:, 1:]), atol=2e-6)  # measured worst 2.4e-7


@pytest.mark.parametrize("method", ["contrast", "random_direction"])
def test_momentum_adds_half_of_the_last_step_across_rounds_and_thoughts(models, problems, method):
    r = one(models, problems, method=method, rounds=3, momentum=0.5, step_size=0.2)
    m = np.zeros(models.width)
    for t in range(3):
        for k in range(3):
            m = 0.5 * m + (r.weak - r.strong)[t, k]
            push = r.states[t, k + 1] - r.states[t, k]
            if method == "contrast":
                assert np.allclose(push, -0.2 * m, atol=TOLERANCE)
            assert np.isclose(np.linalg.norm(push), 0.2 * np.linalg.norm(m), atol=TOLERANCE)


def test_the_gradient_through_the_models_equals_finite_differences(models, problems):
    """∇J where strong and weak are asked again at every shifted h: what `through_model` claims to follow."""
    r = one(models, problems, gradient="through_model", thoughts=2, step_size=1.0)
    question = models.encode(TEMPLATES["triples"](problems[0]))
    fed, h = torch.tensor(r.thoughts[0]), torch.tensor(r.states[1, 0])
    step = 1e-2
    shifts = torch.cat([torch.eye(models.width), -torch.eye(models.width)]) * step
    objective = torch.zeros(2 * models.width, dtype=torch.float64)
    with torch.no_grad():
        for name, sign in (("strong", 1), ("weak", -1)):
            model = models.model(name)
            start = torch.cat([model.get_input_embeddings()(torch.tensor(question)), fed[None]])
            x = torch.cat([start.expand(2 * models.width, -1, -1), (h + shifts)[:, None]], 1)
            seen = model(inputs_embeds=x, use_cache=False, output_hidden_states=True).hidden_states[-1][:, -1]
            objective += sign * ((seen.double() - (h + shifts).double()) ** 2).mean(-1)
    gradient = (objective[: models.width] - objective[models.width :]) / (2 * step)
    expected = -0.5 * models.width * gradient.numpy()  # s = 1, so η = D/2
    push = r.states[1, 1] - r.states[1, 0]
    worst = np.linalg.norm(push - expected) / np.linalg.norm(push)
    assert worst < 2e-3  # relative; measured worst 1.7e-4, from the step of 1e-2 in float32
    detached = (r.strong - r.weak)[1, 0]
    assert np.linalg.norm(push - detached) > 0.1 * np.linalg.norm(push)  # and it is not the closed form in disguise


def test_with_fixed_references_the_objective_is_a_straight_line_without_a_bottom(models, problems):
    """J falls by the same amount every round, for ever, although the thought has long passed strong's reference."""
    r = one(models, problems, reference="same", method="contrast", thoughts=1, rounds=12, step_size=0.5)
    drops = np.diff(r.objective[0].astype(float))
    expected = -0.5 * 2 / models.width * np.sum((r.strong - r.weak)[0, 0].astype(float) ** 2)
    assert np.allclose(drops, expected, rtol=1e-4)  # measured worst 1e-5 of a drop of about 1
    path = np.diff(r.states[0], axis=0)
    assert np.allclose(path, path[0], atol=TOLERANCE)  # one straight direction
    gap = np.linalg.norm(r.states[0] - r.strong[0, 0], axis=-1)
    assert gap[-1] > gap[0] and gap.argmin() < 11  # overshot


def test_rounds_ask_for_new_references_where_the_thought_now_stands(models, problems):
    r = one(models, problems, reference="next", rounds=3, thoughts=2)
    question = models.encode(TEMPLATES["triples"](problems[0]))
    with torch.no_grad():
        for name, references in (("strong", r.strong), ("weak", r.weak)):
            for k in range(3):
                asked = outputs(models.model(name), question, [torch.tensor(r.states[0, k])]).numpy()
                assert np.allclose(references[0, k], asked, atol=TOLERANCE)
            assert np.abs(references[0, 1] - references[0, 0]).max() > 1e-2


def test_same_takes_each_checkpoint_at_its_word_before_the_thought(models, problems):
    r = one(models, problems, reference="same", rounds=3, thoughts=2)
    question = models.encode(TEMPLATES["triples"](problems[0]))
    for name, references in (("strong", r.strong), ("weak", r.weak)):
        for t, fed in ((0, []), (1, [torch.tensor(r.thoughts[0])])):
            with torch.no_grad():
                own = outputs(models.model(name), question, fed).numpy()
            assert np.allclose(references[t], own, atol=TOLERANCE)
        assert np.array_equal(references[:, 0], references[:, 2])
    assert r.cost["probe"] == 0


# --- cost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("thoughts", "rounds"), [(0, 1), (1, 1), (3, 1), (2, 3)])
def test_cost_follows_the_formulas_of_the_method(models, problems, thoughts, rounds):
    def cost(method, reference="next", **more):
        r = one(
            models, problems, method=method, reference=reference, thoughts=thoughts, rounds=rounds, decode=True, **more
        )
        assert r.cost["decode"] == len(models.answer_ids) + min(r.text_tokens, models.info.max_answer_tokens - 1)
        return [r.cost[k] for k in NEEDED[:3]]

    t, k = thoughts, rounds
    assert cost("coconut") == [1, t, 0]
    assert cost("coconut", observe=True) == [1, t, 0]  # what is only watched is not charged
    assert cost("residual") == cost("frozen") == cost("zero_thoughts") == [1, t, 0]
    for method in ("full", "contrast", "swapped", "random_direction"):
        nexts, sames = cost(method, "next"), cost(method, "same")
        assert nexts == [3, t + 2 * t, 2 * t * k]
        assert sum(nexts) == (1 + t) + 2 + 2 * t * (k + 1)
        assert sames == [3, t + 2 * t, 0]
        assert sum(sames) == (1 + t) + 2 + 2 * t


def test_readouts_are_counted_apart(models, problems):
    plain = one(models, problems, method="coconut")
    watched = one(models, problems, method="coconut", observe=True)
    assert plain.cost["readout"] == 3
    assert watched.cost["readout"] == 3 + 2 + 2 * 3 * 2  # two prefills, and per thought a probe and a forward for each
    assert (
        np.array_equal(plain.thoughts, watched.thoughts) and plain.strong.shape[1] == 0 and watched.strong.shape[1] == 1
    )


def test_the_refined_run_of_a_trace_is_charged_as_its_method_is(models, problems):
    config = RefineConfig(thoughts=2, rounds=2)
    trace = refine_problem(models, problems[0], config, controls=())
    assert [trace.runs["refined"].cost[k] for k in NEEDED[:3]] == [3, 6, 8]
    assert [trace.runs["plain"].cost[k] for k in NEEDED[:3]] == [1, 2, 0]


# --- controls ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", REFERENCES)
def test_swapped_as_printed_is_full_by_descent_bit_for_bit(models, problems, reference):
    settings = {"reference": reference, "rounds": 2, "momentum": 0.5}
    full = one(models, problems, **settings)
    twice = one(models, problems, method="swapped", sign="as_printed", **settings)
    assert np.array_equal(full.states, twice.states)
    assert np.array_equal(full.strong, twice.weak) and np.array_equal(full.objective, -twice.objective)
    once = one(models, problems, method="swapped", **settings)
    away = full.states[0, 0] - full.states[0, 1]
    assert np.allclose(once.states[0, 1] - once.states[0, 0], away, atol=TOLERANCE)


def test_a_random_push_is_as_long_as_the_contrast_push_but_goes_elsewhere(models, problems):
    full, other = (
        one(models, problems, method=m, thoughts=1, reference="same", rounds=2) for m in ("full", "random_direction")
    )
    for k in range(2):
        a, b = (r.states[0, k + 1] - r.states[0, k] for r in (full, other))
        assert np.isclose(np.linalg.norm(a), np.linalg.norm(b), rtol=1e-5)
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        assert abs(cosine) < 0.75  # 32 dimensions: a chance cosine is about 0.18


def test_random_directions_depend_on_the_seed_the_problem_the_thought_and_the_round(models, problems):
    def directions(seed, batch=problems):
        r = run(models, batch, method="random_direction", reference="same", residual=0, rounds=2, thoughts=2, seed=seed)
        push = np.stack([np.diff(x.states, axis=1) for x in r])
        return push / np.linalg.norm(push, axis=-1, keepdims=True)

    once, again, other = directions(1), directions(1), directions(2)
    assert np.array_equal(once, again)
    flat = np.concatenate([once.reshape(-1, models.width), other.reshape(-1, models.width)])
    alike = np.abs(flat @ flat.T - np.eye(len(flat))).max()
    assert alike < 0.9  # 24 directions, no two the same
    assert np.allclose(directions(1, problems[::-1])[::-1], once, atol=TOLERANCE)
    assert np.allclose(directions(1, problems[1:2])[0], once[1], atol=TOLERANCE)


def test_frozen_keeps_the_first_thought(models, problems):
    r = one(models, problems, method="frozen", thoughts=4)
    assert all(np.array_equal(h, r.proposed[0]) for h in r.thoughts)
    assert not np.array_equal(r.proposed[1], r.proposed[0])
    assert np.array_equal(r.thoughts, one(models, problems, method="residual", residual=1, thoughts=4).thoughts)


def test_zero_thoughts_are_zeros_and_the_backbone_still_proposes(models, problems):
    r = one(models, problems, method="zero_thoughts")
    assert not r.states.any() and r.proposed.any()
    assert np.array_equal(r.proposed[0], one(models, problems, method="coconut").proposed[0])


def test_donated_thoughts_are_fed_as_they_came(models, problems):
    config = RefineConfig(thoughts=3)
    trace = refine_problem(models, problems[0], config, controls=tuple(controls()), lenders=problems[1:])
    lent = [run(models, [p], method="coconut")[0].thoughts for p in problems[1:]]
    assert np.allclose(trace.runs["other_thoughts"].thoughts, lent[0], atol=TOLERANCE)
    assert np.allclose(trace.runs["mean_thought"].thoughts, np.mean(lent, 0), atol=TOLERANCE)
    assert set(trace.runs) == {"plain", "strong", "weak", "refined", *controls()}


@pytest.mark.parametrize("method", DONATED)
def test_donated_thoughts_cannot_be_made_up(models, problems, method):
    with pytest.raises(RefineError, match=f"{method} needs thoughts of other problems; none were given"):
        run(models, problems, method=method)


def test_a_trace_holds_each_checkpoints_own_unrefined_rollout(models, problems):
    trace = refine_problem(models, problems[0], RefineConfig(thoughts=3), controls=())
    prompts = Prompts.make(models, problems[:1])
    for run_name, member in (("plain", "backbone"), ("strong", "strong"), ("weak", "weak")):
        own = plain_thoughts(models, prompts, 3, member)[0].numpy()
        assert np.array_equal(trace.runs[run_name].thoughts, own)


# --- records, partial runs, failures ----------------------------------------------------------------------------------


def test_the_record_of_the_lens_is_the_softmax_of_the_logits(models, problems):
    r = one(models, problems)
    with torch.no_grad():
        p = models.model("backbone").get_output_embeddings()(torch.tensor(r.states)).softmax(-1).numpy()
    assert np.allclose(np.sort(p, -1)[..., :-6:-1], r.top_p, atol=1e-6)
    assert np.allclose(np.take_along_axis(p, r.top_ids, -1), r.top_p, atol=1e-6)
    names = problems[0].graph.names
    ids = [models.tokenizer.convert_tokens_to_ids(n) for n in names]
    assert r.node_p.shape[-1] == len(names) and np.allclose(p[..., ids], r.node_p, atol=1e-6)


@pytest.mark.parametrize("method", EVERY)
def test_saved_loaded_and_rerun_gives_the_same_bits(models, problems, tmp_path, method):
    config = RefineConfig(method=method, thoughts=2, rounds=2, momentum=0.3, seed=7)
    trace = refine_problem(
        models, problems[0], config, controls=("random_direction", "mean_thought"), lenders=problems[1:]
    )
    loaded = Trace.load(trace.save(tmp_path / "a.npz"))
    again = rerun(loaded, models)
    assert set(loaded.runs) == set(again.runs) == set(trace.runs)
    for name, r in trace.runs.items():
        assert same_bits(r, loaded.runs[name]) and same_bits(r, again.runs[name]), name
    assert again.config == trace.config and again.identity == trace.identity and again.tokens == trace.tokens


CHANGES = [
    {"step_size": 0.7}, {"residual": 0.4}, {"rounds": 2}, {"thoughts": 3}, {"reference": "same"}, {"sign": "as_printed"},
    {"gradient": "through_model"}, {"momentum": 0.5}, {"seed": 3}, {"method": "residual"}, {"method": "other_thoughts"},
    {"method": "frozen"},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: "-".join(map(str, *c.items())))
def test_taking_over_untouched_runs_changes_no_bit(models, problems, change):
    controls, others = ("zero_thoughts", "random_direction", "mean_thought", "frozen"), problems[1:]
    before = RefineConfig(thoughts=2)
    first = refine_problem(models, problems[0], before, controls=controls, lenders=others)
    after = replace(before, **change)
    fresh = refine_problem(models, problems[0], after, controls=controls, lenders=others)
    reused = refine_problem(models, problems[0], after, controls=controls, lenders=others, previous=first)
    assert set(fresh.runs) == set(reused.runs)
    for name, r in fresh.runs.items():
        assert same_bits(r, reused.runs[name]) and r.config == reused.runs[name].config, name
    if "step_size" in change:  # what a slider costs: only what it moves is run again
        taken = {name for name in first.runs if reused.runs[name] is first.runs[name]}
        assert taken == {"plain", "strong", "weak", "zero_thoughts", "mean_thought", "frozen"}


def test_runs_of_another_problem_or_other_weights_are_not_taken_over(models, problems):
    config = RefineConfig(thoughts=2)
    first = refine_problem(models, problems[0], config)
    for problem, names in ((problems[1], STANDARD), (problems[0], Checkpoints("strong", "backbone", "weak"))):
        fresh = refine_problem(models, problem, config, names)
        reused = refine_problem(models, problem, config, names, previous=first)
        assert all(same_bits(r, reused.runs[n]) for n, r in fresh.runs.items())


def test_a_trace_of_other_weights_is_not_rerun(opened, problems):
    trace = refine_problem(opened["llama"], problems[0], RefineConfig(thoughts=2))
    with pytest.raises(ModelError, match="other weights for backbone, strong, weak"):
        rerun(trace, opened["gpt2"])


def test_steps_come_one_by_one_and_show_the_thought_as_it_stands(models, problems):
    config = RefineConfig(thoughts=2, rounds=2)
    refiner = Refiner(models, Prompts.make(models, problems), config)
    steps = list(refiner)
    assert [(s.thought, s.round) for s in steps] == [(t, k) for t in (1, 2) for k in (0, 1, 2)]
    runs = refiner.runs(decode=False)
    for s in steps:
        assert np.array_equal(s.state, np.stack([r.states[s.thought - 1, s.round] for r in runs]))


@pytest.mark.parametrize("details", [True, False])
@pytest.mark.parametrize("method", EVERY)
def test_stopping_after_the_first_thought_gives_the_first_thought(models, problems, method, details):
    config = RefineConfig(method=method, thoughts=3, rounds=2)
    lent = torch.randn(len(problems), 3, models.width) if method in DONATED else None
    prompts = Prompts.make(models, problems)
    whole = run_all(Refiner(models, prompts, config, lent=lent, details=details), decode=False)
    refiner = Refiner(models, prompts, config, lent=lent, details=details)
    for step in refiner:
        if step.thought == 2:
            break
    for part, full in zip(refiner.runs(decode=False), whole, strict=True):
        for name in ("proposed", "states", "strong", "weak", "objective", "top_ids", "readout"):
            assert np.array_equal(getattr(part, name), getattr(full, name)[:1], equal_nan=True), name
        for name in ("top_p", "node_p"):  # one matrix product for all thoughts at once: measured worst 2e-8
            assert np.allclose(getattr(part, name), getattr(full, name)[:1], atol=1e-6), name
        if details:
            assert np.array_equal(part.scores, full.readout[0])
    rest = run_all(refiner, decode=False)  # and it goes on where it stopped
    assert all(same_bits(a, b) for a, b in zip(rest, whole, strict=True))


def test_no_record_before_the_first_thought_is_fed(models, problems):
    refiner = Refiner(models, Prompts.make(models, problems), RefineConfig(thoughts=2))
    for _ in range(2):
        with pytest.raises(RefineError, match="No thought has been fed yet"):
            refiner.runs()
        next(refiner)


def test_without_thoughts_the_question_is_answered_at_once(models, problems):
    zero = one(models, problems, thoughts=0, decode=True)
    assert zero.states.shape == (0, 2, models.width) and zero.readout.shape == (0, 2)
    assert zero.cost["single"] == 0 and zero.text_tokens > 0


def test_a_run_that_blows_up_names_thought_round_and_cause():
    # a round takes h to about (1 + 2s) h = 2001 h; float32 ends at 3.4e38 = 2001^11.7, and h starts at (2, 1):
    # seven rounds of thought 1 end near 2.6e23 (|h| 2.87e23), and the fifth of thought 2 would be the twelfth in all
    message = (
        r"thought 2, round 5 \(problem by hand; the thought before was \d\.\d+e\+23 long\).*step size 1000 .*lower one"
    )
    with pytest.raises(RefineError, match=message):
        by_hand(step_size=1000, rounds=7, thoughts=4, momentum=0)


def test_a_half_precision_run_that_overflows_is_stopped(folders, problems):
    half = ModelSet(folders["llama"], device="cpu", dtype="float16")
    with pytest.raises(RefineError, match=rf"thought 1, round 1 \(problem {problems[0].id}; .*step size 1e\+06"):
        one(half, problems, step_size=1e6)
    assert np.isfinite(one(half, problems).states).all()


def test_a_problem_that_outruns_the_positions_is_refused(models, problems):
    with pytest.raises(ModelError, match=r"\d+ tokens, 200 thoughts .* 160 positions"):
        run(models, problems, thoughts=200)
    fits = replace(RefineConfig(), thoughts=160 - 5 - Prompts.make(models, problems).ids.shape[1])
    Refiner(models, Prompts.make(models, problems), fits)


def test_an_untied_set_runs_and_uses_its_own_output_matrix(opened, problems):
    models = opened["untied"]
    trace = refine_problem(models, problems[0], RefineConfig(thoughts=2), controls=())
    assert trace.identity["lens"] == "the untied output embedding"
    with torch.no_grad():
        p = (torch.tensor(trace.runs["refined"].states) @ models.model("backbone").lm_head.weight.T).softmax(-1)
    assert np.allclose(p.max(-1).values.numpy(), trace.runs["refined"].top_p[..., 0], atol=1e-6)
