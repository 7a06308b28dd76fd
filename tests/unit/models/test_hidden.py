"""What a set may declare of its thoughts: the asked root hidden from all that follows the question, and a scale."""

import json
from dataclasses import replace

import pytest
import torch

from lrr_core.benchmarks.catalogue import TEMPLATES
from lrr_core.models.folder import ModelError, SetInfo
from lrr_core.models.opened import ModelSet
from lrr_core.models.rollout import Stream, decode_greedy, latent_rollout, pad_left, score_candidates
from lrr_core.refinement.refine import Prompts, Refiner, plain_thoughts, run_all
from lrr_core.refinement.trace import RefineConfig

THOUGHTS, SCALE = 3, 0.25
TOLERANCE = 1e-5  # measured worst: 9.6e-7


@pytest.fixture(scope="module")
def rows(opened, problems):
    return [opened["gpt2"].encode(TEMPLATES["triples"](p)) for p in problems]


@pytest.fixture
def model(models):
    return models.model("backbone")


def hidden_read(model, rows, scale=SCALE):
    ids, mask = pad_left(rows)
    hidden = torch.zeros_like(ids, dtype=torch.bool)
    hidden[:, -1] = True
    return Stream.read(model, ids, mask, scale=scale, hidden=hidden)


@torch.no_grad()
def slow_thoughts(model, row, count, scale=SCALE):
    """The same without cache, padding or batch: one mask drawn by hand, in which only the question sees its last token."""
    x, out, n = model.get_input_embeddings()(torch.tensor(row)), [], len(row)
    for _ in range(count):
        seen = torch.ones(len(x), len(x), dtype=torch.bool).tril()
        seen[n:, n - 1] = False
        mask = torch.zeros(1, 1, *seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
        states = model.base_model(
            inputs_embeds=x[None], attention_mask=mask, position_ids=torch.arange(len(x))[None], use_cache=False
        )
        out.append(states.last_hidden_state[0, -1])
        x = torch.cat([x, out[-1][None] * scale])
    return torch.stack(out)


@torch.no_grad()
def test_hidden_and_scale_equal_one_uncached_problem_at_a_time(model, rows):
    fast = torch.stack(list(latent_rollout(hidden_read(model, rows), THOUGHTS)), 1)
    slow = torch.stack([slow_thoughts(model, row, THOUGHTS) for row in rows])
    assert (fast - slow).abs().max() < TOLERANCE
    plain = torch.stack(list(latent_rollout(Stream.read(model, *pad_left(rows)), THOUGHTS)), 1)
    assert (fast[:, 1:] - plain[:, 1:]).abs().max() > 0.01  # or the law would say nothing


@torch.no_grad()
def test_with_nothing_declared_every_number_is_the_same_to_the_bit(model, rows):
    ids, mask = pad_left(rows)
    plain, declared = Stream.read(model, ids, mask), Stream.read(model, ids, mask, scale=1.0, hidden=None)
    for a, b in zip(latent_rollout(plain, THOUGHTS), latent_rollout(declared, THOUGHTS), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(plain.last, declared.last)


@torch.no_grad()
def test_zeroed_thoughts_cannot_tell_who_was_asked(model, rows):
    """Two problems that differ in the last token alone: hidden, their scores and answers are equal; seen, they are not."""
    other = [[*row[:-1], row[0]] for row in rows]
    assert all(a != b for a, b in zip(rows, other, strict=True))
    candidates = [[[7], [9]]] * len(rows)

    def answers(stream):
        for _ in range(THOUGHTS):
            stream.append(torch.zeros_like(stream.last))
        return score_candidates(stream, [3], candidates), decode_greedy(stream, [3], None, 3)[0]

    (a, text), (b, same) = (answers(hidden_read(model, x)) for x in (rows, other))
    assert torch.equal(a, b) and text == same
    seen = [answers(Stream.read(model, *pad_left(x)))[0] for x in (rows, other)]
    assert (seen[0] - seen[1]).abs().max() > 1e-3


@torch.no_grad()
def test_branches_hide_and_scale_as_their_parent_does(model, rows):
    stream = hidden_read(model, rows)
    state = torch.randn_like(stream.last)
    seen, fork = stream.peek(state), stream.fork()
    assert torch.equal(seen, fork.append(state)) and torch.equal(seen, stream.append(state))
    plain = Stream.read(model, *pad_left(rows))
    assert (seen - plain.append(state)).abs().max() > 1e-3
    ids = torch.full((len(rows), 1), 5)
    assert torch.equal(stream.after([5]).last, fork.read_ids(ids)[:, -1])


@torch.no_grad()
def test_a_question_read_in_parts_hides_the_same(model, rows):
    """More tokens than one part of `fill`: every row gives what it gives alone."""
    many = rows * 8
    together = torch.stack(list(latent_rollout(hidden_read(model, many), THOUGHTS)), 1)
    alone = torch.cat([torch.stack(list(latent_rollout(hidden_read(model, [r]), THOUGHTS)), 1) for r in many])
    assert (together - alone).abs().max() < TOLERANCE


@pytest.fixture
def declared(opened, folders, tmp_path):
    """A set that declares both, over the tiny Llama's weights."""
    models = ModelSet(folders["llama"], device="cpu")
    models.info = replace(models.info, hidden="asked", thought_scale=SCALE)
    return models


def test_refiner_references_and_controls_obey_the_set(declared, problems):
    prompts = Prompts.make(declared, problems)
    assert prompts.hidden.sum(1).tolist() == [1] * len(problems) and prompts.hidden[:, -1].all()
    plain = plain_thoughts(declared, prompts, THOUGHTS)
    slow = [
        slow_thoughts(declared.model("backbone"), declared.encode(TEMPLATES["triples"](p)), THOUGHTS) for p in problems
    ]
    assert (plain - torch.stack(slow)).abs().max() < TOLERANCE
    still = run_all(Refiner(declared, prompts, RefineConfig(thoughts=THOUGHTS, step_size=0.0, residual=0.0)))
    bare = run_all(Refiner(declared, prompts, RefineConfig(thoughts=THOUGHTS, method="coconut")))
    for a, b in zip(still, bare, strict=True):
        assert (a.scores == b.scores).all() and (a.thoughts == b.thoughts).all()
    strong = Refiner(declared, prompts, RefineConfig(thoughts=1, rounds=1))
    run_all(strong)
    first = strong.states[0][0]
    expected = prompts.read(declared.model("strong")).append(first)
    assert torch.equal(strong.pairs[0][0][0], expected)


def test_rows_with_settings_of_their_own_hide_as_one_run_does(declared, problems):
    config = RefineConfig(thoughts=THOUGHTS, step_size=0.3, residual=0.2)
    prompts = Prompts.make(declared, problems[:1])
    both = run_all(Refiner(declared, prompts, config, scales=([0.1, 0.3], [0.0, 0.2])), decode=False)
    alone = run_all(Refiner(declared, prompts, config), decode=False)
    assert abs(both[1].scores - alone[0].scores).max() < TOLERANCE


def test_a_prompt_that_does_not_end_with_the_root_is_refused(declared, problems):
    declared.info = replace(declared.info, template="english")
    with pytest.raises(ModelError, match="last word of the prompt"):
        Prompts.make(declared, problems)


@pytest.mark.parametrize(
    ("key", "value"), [("hidden", "root"), ("thought_scale", 0), ("thought_scale", "half"), ("thought_scale", True)]
)
def test_a_set_that_declares_nonsense_is_refused(tmp_path, key, value):
    file = tmp_path / "model_set.json"
    file.write_text(json.dumps({"name": "x", key: value}))
    with pytest.raises(ModelError, match=key):
        SetInfo.load(file)
