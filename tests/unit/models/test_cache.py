"""The cache that grows in place and is filled in parts gives what transformers' own cache and one whole reading give."""

import copy

import pytest
import torch
from transformers import DynamicCache

from lrr_core.benchmarks.catalogue import TEMPLATES
from lrr_core.models import cache as module
from lrr_core.models.cache import Growing, can_fill, new_cache
from lrr_core.models.rollout import Stream, latent_rollout, pad_left

TOLERANCE = 1e-5  # measured worst: 1.4e-6 for hidden states of length 5.7
SMALL = 100  # tokens a part: several parts, of one row and of several


@pytest.fixture(autouse=True)
def every_layer_has_a_buffer(monkeypatch):
    monkeypatch.setattr(module, "SMALL", 0)


@pytest.fixture
def model(models):
    return models.model("backbone")


@pytest.fixture
def batch(opened, problems):
    rows = [opened["gpt2"].encode(TEMPLATES["triples"](p)) for p in problems]
    return pad_left([rows[0][:1], *rows, rows[1][:5], rows[1]])  # a row of one token, and rows of equal length


def states(*shape):
    return torch.randn(*shape), torch.randn(*shape)


def place(layer):
    return layer.keys.data_ptr()


@torch.no_grad()
def test_growing_holds_what_concatenation_would():
    ours, theirs = Growing(), DynamicCache().layer_class_to_replicate()
    for n in (5, 1, 1, 40, 1):
        keys, values = states(3, 2, n, 4)
        for one, other in zip(ours.update(keys, values), theirs.update(keys, values), strict=True):
            assert torch.equal(one, other)


@torch.no_grad()
def test_what_is_appended_goes_into_the_room_that_is_left():
    layer = Growing()
    layer.update(*states(3, 2, 5, 4))
    start = place(layer)
    for _ in range(module.ROOM):
        layer.update(*states(3, 2, 1, 4))
    assert place(layer) == start
    layer.update(*states(3, 2, 1, 4))
    assert place(layer) != start and layer.get_seq_length() == 5 + module.ROOM + 1


@torch.no_grad()
@pytest.mark.parametrize("first", ["parent", "branch"])
def test_neither_branch_nor_parent_writes_over_the_other(first):
    parent = Growing()
    parent.update(*states(3, 2, 5, 4))
    branch = copy.copy(parent)
    assert place(branch) == place(parent)  # branching copies nothing
    order = [parent, branch] if first == "parent" else [branch, parent]
    held = []
    for layer in order:
        layer.update(*states(3, 2, 1, 4))
        held.append(layer.keys.clone())
    for layer, keys in zip(order, held, strict=True):
        assert torch.equal(layer.keys, keys)
    assert not torch.equal(*held) and torch.equal(held[0][:, :, :5], held[1][:, :, :5])


@torch.no_grad()
def test_a_branch_that_is_gone_leaves_its_place_to_the_parent():
    parent = Growing()
    parent.update(*states(3, 2, 5, 4))
    start, branch = place(parent), copy.copy(parent)
    branch.update(*states(3, 2, 1, 4))
    del branch
    parent.update(*states(3, 2, 1, 4))
    assert place(parent) == start


@torch.no_grad()
def test_small_layers_are_copied_and_stay_apart(monkeypatch):
    parent = Growing()
    parent.update(*states(3, 2, 5, 4))
    monkeypatch.setattr(module, "SMALL", 3 * 2 * 6 * 4)
    branch, held = copy.copy(parent), parent.keys.clone()
    branch.update(*states(3, 2, 1, 4))
    assert branch.buffer is None and torch.equal(parent.keys, held)
    branch.update(*states(3, 2, 1, 4))  # outgrows what is small
    parent.update(*states(3, 2, 1, 4))
    assert branch.buffer and torch.equal(branch.keys[:, :, :5], held) and torch.equal(parent.keys[:, :, :5], held)


@torch.no_grad()
def test_keys_that_somebody_else_put_there_are_kept():
    """transformers repeats, selects and crops by setting new tensors."""
    layer = Growing()
    layer.update(*states(3, 2, 5, 4))
    layer.batch_repeat_interleave(2)
    held = layer.keys.clone()
    keys, _ = layer.update(*states(6, 2, 1, 4))
    assert torch.equal(keys[:, :, :5], held)


def test_what_autograd_has_seen_is_not_written_over(model, batch):
    with torch.no_grad():
        stream = Stream.read(model, *batch)
    leaf = stream.last.clone().requires_grad_()
    out = stream.peek(leaf)
    with torch.no_grad():
        for _ in range(3):
            stream.append(torch.randn_like(stream.last))
    (gradient,) = torch.autograd.grad(out.sum(), leaf)
    with torch.no_grad():
        again = Stream.read(model, *batch)
    other = leaf.detach().clone().requires_grad_()
    (expected,) = torch.autograd.grad(again.peek(other).sum(), other)
    assert torch.equal(gradient, expected)


@torch.no_grad()
def read_both(monkeypatch, model, batch, part=SMALL):
    """(in parts, in one piece), each rolled out for three thoughts."""
    out = []
    for size in (part, 1 << 30):
        monkeypatch.setattr(module, "PART", size)
        stream = Stream.read(model, *batch)
        out.append((stream, torch.stack([stream.last, *latent_rollout(stream, 3), stream.last], 1)))
    return out


def test_a_batch_read_in_parts_equals_one_read_whole(monkeypatch, model, batch):
    (parts, ours), (whole, theirs) = read_both(monkeypatch, model, batch)
    assert (ours - theirs).abs().max() < TOLERANCE
    real = parts.mask[:, None, :, None].bool()
    for one, other in zip(parts.cache.layers, whole.cache.layers, strict=True):
        assert ((one.keys - other.keys) * real).abs().max() < TOLERANCE
        assert ((one.values - other.values) * real).abs().max() < TOLERANCE
        assert torch.isfinite(one.keys).all() and torch.isfinite(one.values).all()
    assert torch.equal(parts.mask, whole.mask) and parts.cost == whole.cost


def test_the_last_layer_makes_nothing_of_positions_nobody_asks_for(monkeypatch, model, batch):
    layers = getattr(model.base_model, "layers", None) or model.base_model.h
    seen = []
    hook = layers[-1].mlp.register_forward_hook(lambda _, inputs, out: seen.append(tuple(inputs[0].shape[:2])))
    monkeypatch.setattr(module, "PART", SMALL)
    try:
        with torch.no_grad():
            Stream.read(model, *batch)
    finally:
        hook.remove()
    assert seen == [(len(batch[0]), 1)]


def test_parts_hold_every_row_once_and_little_padding(monkeypatch, batch):
    monkeypatch.setattr(module, "PART", SMALL)
    mask = batch[1]
    parts = list(module._parts(mask))
    assert len(mask) > len(parts) > 1
    assert sorted(torch.cat(parts).tolist()) == list(range(len(mask)))
    lengths = mask.sum(1)
    for rows in parts:
        assert len(rows) == 1 or len(rows) * int(lengths[rows].max()) <= SMALL


def test_only_plain_attention_on_a_cpu_is_read_in_parts(monkeypatch, model, batch):
    monkeypatch.setattr(module, "PART", SMALL)
    cache = new_cache(model)
    assert can_fill(cache, batch[1])
    assert not can_fill(cache, batch[1][:1]) and not can_fill(cache, batch[1].to("meta"))
    cache.layers[0] = DynamicCache().layer_class_to_replicate()
    assert not can_fill(cache, batch[1])


@torch.no_grad()
def test_the_beginning_of_an_answer_is_read_once_until_the_stream_goes_on(model, batch):
    stream = Stream.read(model, *batch)
    end = stream.after([3, 2])
    assert stream.after((3, 2)) is end and stream.after([3]) is not end
    end, expected = stream.after([3, 2]), stream.fork()
    assert torch.equal(expected.read_ids(torch.tensor([[3, 2]] * len(batch[0])))[:, -1], end.last)
    stream.append(stream.last)
    assert stream.after([3, 2]) is not end and not torch.equal(stream.after([3, 2]).last, end.last)
