"""The fast rollout (batched, left-padded, cached, branching) against slow plain twins."""

import pytest
import torch

from lrr_core.benchmarks.catalogue import TEMPLATES
from lrr_core.models.rollout import Stream, decode_greedy, latent_rollout, pad_left, score_candidates

THOUGHTS = 4
PREFIX = [3, 2]  # two tokens, so that an end-of-thought of several tokens is covered
TOLERANCE = 1e-5  # measured worst: 9e-7 for hidden states of length 5.7, 1.9e-6 for log-probabilities


@pytest.fixture(scope="module")
def rows(opened, problems):
    return [opened["gpt2"].encode(TEMPLATES["triples"](p)) for p in problems]


@pytest.fixture
def model(models):
    return models.model("backbone")


@pytest.fixture
def stream(model, rows):
    return Stream.read(model, *pad_left(rows))


@torch.no_grad()
def slow(model, row, thoughts=(), ids=()):
    """All hidden states after the final norm, (P, D): everything read anew, one problem, no padding, no cache."""
    embed = model.get_input_embeddings()
    x = torch.cat(
        [embed(torch.tensor(row)), *(t[None] for t in thoughts), embed(torch.tensor(list(ids), dtype=torch.long))]
    )
    return model(inputs_embeds=x[None], use_cache=False, output_hidden_states=True).hidden_states[-1][0]


def slow_thoughts(model, row, count):
    out = []
    for _ in range(count):
        out.append(slow(model, row, out)[-1])
    return out


def snapshot(stream):
    held = [t for layer in stream.cache.layers for t in (layer.keys, layer.values)]
    return [t.clone() for t in (*held, stream.mask, stream.last)]


def rollout(stream, count):
    with torch.no_grad():
        thoughts = list(latent_rollout(stream, count))
        return torch.stack(thoughts, 1) if thoughts else None


def test_the_rows_have_different_lengths(rows):
    assert len({len(r) for r in rows}) == len(rows) >= 3


def test_a_cached_padded_batch_equals_reading_each_problem_anew(model, rows, stream):
    fast = rollout(stream, THOUGHTS)
    worst = 0
    for i, row in enumerate(rows):
        worst = max(worst, (fast[i] - torch.stack(slow_thoughts(model, row, THOUGHTS))).abs().max().item())
    assert worst < TOLERANCE


def test_a_padded_batch_equals_one_problem_at_a_time(model, rows, stream):
    fast = rollout(stream, THOUGHTS)
    worst = 0
    for i, row in enumerate(rows):
        alone = rollout(Stream.read(model, *pad_left([row])), THOUGHTS)
        worst = max(worst, (fast[i] - alone[0]).abs().max().item())
    assert worst < TOLERANCE


def test_extra_padding_changes_nothing(model, rows):
    ids, mask = pad_left(rows)
    wide = [torch.cat([torch.zeros(len(rows), 7, dtype=torch.long), x], 1) for x in (ids, mask)]
    a, b = (rollout(Stream.read(model, *x), THOUGHTS) for x in ((ids, mask), wide))
    assert (a - b).abs().max() < TOLERANCE


def test_the_first_thought_is_the_last_of_hidden_states(model, rows, stream):
    """hidden_states[-1] is after the final norm in both families; Stream.last holds the same."""
    ids, mask = pad_left(rows)
    with torch.no_grad():
        full = model(
            ids, attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0), output_hidden_states=True
        )
    worst = (stream.last - full.hidden_states[-1][:, -1]).abs().max().item()
    assert worst < TOLERANCE


def test_latent_rollout_yields_as_many_thoughts_as_asked(stream):
    assert rollout(stream, 3).shape[1] == 3
    assert stream.cost.single == 3 and stream.cost.prefill == 1
    assert list(latent_rollout(stream, 0)) == []


def test_a_fork_leaves_its_parent_as_it_was(model, rows, stream):
    expected = rollout(Stream.read(model, *pad_left(rows)), THOUGHTS)
    before = snapshot(stream)
    branch = stream.fork()
    for _ in range(3):
        branch.append(torch.randn_like(stream.last))
    branch.read_ids(torch.ones(len(rows), 2, dtype=torch.long))
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot(stream), strict=True))
    assert torch.equal(rollout(stream, THOUGHTS), expected)


def test_a_parent_that_goes_on_leaves_its_fork_as_it_was(stream):
    branch = stream.fork()
    before = snapshot(branch)
    stream.append(stream.last)
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot(branch), strict=True))


@torch.no_grad()
def test_peek_keeps_nothing_and_says_what_append_would(stream):
    state = torch.randn_like(stream.last)
    before = snapshot(stream)
    seen = stream.peek(state)
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot(stream), strict=True))
    assert (stream.cost.probe, stream.cost.single) == (1, 0)
    assert torch.equal(seen, stream.append(state))
    assert torch.equal(seen, stream.last)
    assert (stream.cost.probe, stream.cost.single) == (1, 1)


@pytest.mark.parametrize("thoughts", [0, 2])
def test_candidates_of_several_tokens_score_as_by_brute_force(model, rows, stream, thoughts):
    candidates = [[[7], [8, 9]], [[10, 11, 12], [13], [14, 15]], [[20, 21]]]
    rollout(stream, thoughts)
    before = snapshot(stream)
    fast = score_candidates(stream, PREFIX, candidates)
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot(stream), strict=True))
    assert fast.shape == (3, 3)
    worst = 0
    for i, row in enumerate(rows):
        fed = slow_thoughts(model, row, thoughts)
        for c, tokens in enumerate(candidates[i]):
            hidden = slow(model, row, fed, PREFIX + tokens)
            log_p = model.get_output_embeddings()(hidden).log_softmax(-1)
            first = len(row) + thoughts + len(PREFIX) - 1  # the position that predicts the first token of the candidate
            plain = sum(log_p[first + j, token] for j, token in enumerate(tokens))
            worst = max(worst, abs(float(fast[i, c] - plain)))
    assert worst < TOLERANCE
    assert torch.isneginf(fast[0, 2]) and torch.isneginf(fast[2, 1:]).all()  # there is no such candidate


def test_with_the_end_of_the_answer_a_choice_that_begins_another_need_not_win(model, rows, stream):
    short, longer = [7], [7, 9]
    bare = score_candidates(stream, PREFIX, [[short, longer]] * 3)
    assert (bare[:, 0] > bare[:, 1]).all()  # a sum of more log-probabilities is always less
    for end in (10, 12):
        ended = score_candidates(stream, PREFIX, [[short, longer]] * 3, end)
        assert torch.equal(ended, score_candidates(stream, PREFIX, [[[*short, end], [*longer, end]]] * 3))
    # where 9 is the end itself, the longer one is what the shorter one is with its end
    assert torch.allclose(score_candidates(stream, PREFIX, [[short]] * 3, 9)[:, 0], bare[:, 1], atol=TOLERANCE)


def test_without_a_prefix_candidates_follow_the_question(model, rows, stream):
    scores = score_candidates(stream, [], [[[7], [8]]] * 3)
    expected = stream.logits(stream.last).log_softmax(-1)[:, 7:9]
    assert torch.equal(scores, expected)


def test_without_thoughts_decoding_equals_generate(model, rows, stream):
    ids, mask = pad_left(rows)
    ids_before = snapshot(stream)
    ours, forwards = decode_greedy(stream, [], None, 6)
    theirs = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=6, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    assert ours == theirs[:, ids.shape[1] :].tolist()
    assert len({tuple(r) for r in ours}) > 1  # the problems do not all get the same answer
    assert forwards == [5, 5, 5]  # the first token costs none: the question has already been read
    assert all(torch.equal(a, b) for a, b in zip(ids_before, snapshot(stream), strict=True))


def test_decoding_stops_at_the_stop_token_of_each_row_on_its_own(stream):
    free, _ = decode_greedy(stream, PREFIX, None, 6)
    stop = free[0][2]
    stopped, forwards = decode_greedy(stream, PREFIX, stop, 6)
    for row, whole, cost in zip(stopped, free, forwards, strict=True):
        expected = whole[: whole.index(stop)] if stop in whole else whole
        assert row == expected
        assert cost == len(PREFIX) + min(len(expected), 5)


def test_decoding_after_thoughts_equals_argmax_by_brute_force(model, rows, stream):
    rollout(stream, 2)
    ours, _ = decode_greedy(stream, PREFIX, None, 4)
    for i, row in enumerate(rows):
        fed, tokens = slow_thoughts(model, row, 2), list(PREFIX)
        for _ in range(4):
            tokens.append(int(model.get_output_embeddings()(slow(model, row, fed, tokens)[-1]).argmax()))
        assert ours[i] == tokens[len(PREFIX) :]


@torch.no_grad()
def test_the_logit_lens_of_a_tied_model_is_its_embedding_matrix(model, stream):
    thoughts = rollout(stream, 2)
    assert torch.equal(stream.logits(thoughts), thoughts @ model.get_input_embeddings().weight.T)


@torch.no_grad()
def test_the_logit_lens_of_an_untied_model_is_its_own_output_matrix(opened, rows):
    model = opened["untied"].model("backbone")
    stream = Stream.read(model, *pad_left(rows))
    logits = stream.logits(stream.last)
    assert torch.equal(logits, stream.last @ model.lm_head.weight.T)
    assert not torch.allclose(logits, stream.last @ model.get_input_embeddings().weight.T)
    with torch.no_grad():
        ids, mask = pad_left(rows)
        full = model(ids, attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0)).logits[:, -1]
    assert torch.allclose(logits, full, atol=TOLERANCE)


def test_left_padding_marks_exactly_the_real_tokens():
    ids, mask = pad_left([[5, 6, 7], [8]], pad=9)
    assert ids.tolist() == [[5, 6, 7], [9, 9, 8]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_decoding_may_be_ended_by_what_was_written_and_keeps_it(stream):
    free, _ = decode_greedy(stream, PREFIX, None, 6)
    stopped, forwards = decode_greedy(stream, PREFIX, lambda ids: ids[-2:] == free[0][1:3], 6)
    for row, whole, cost in zip(stopped, free, forwards, strict=True):
        ends = [k for k in range(1, 7) if whole[:k][-2:] == free[0][1:3]]
        assert row == whole[: ends[0] if ends else 6]
        assert cost == len(PREFIX) + len(row) - 1  # the last token is not read
    assert len(stopped[0]) < 6
