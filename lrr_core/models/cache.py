"""What a model has read: keys and values that grow in place, branch without copying, and are filled part by part.

transformers' own layers copy all they hold for every position that is added. A `Growing` layer writes into room at the end of
its buffer, and shares the buffer with its branches. Law (tested): nothing that a living layer holds is ever written over, so
a branch and its parent go on independently; where both want the same place, the later one moves to a buffer of its own.

`fill` reads a left-padded batch on a CPU in parts of similar length, which wastes nothing on padding and keeps a part's
activations in the processor's cache, and stops at the last layer's keys and values: what that layer makes of any position
but the last is never asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakSet

import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

ROOM = 32  # positions a buffer has to spare: thoughts and an answer
SMALL = 1 << 17  # numbers a layer's keys may have for copying them to cost less than the care of a buffer
PART = 512  # tokens that `fill` reads at once; on two cores 256 to 1,024 are equally fast


@dataclass(eq=False)
class Buffer:
    """keys, values: (B, H, positions and room, D per head); holders: the living layers on it."""

    keys: torch.Tensor
    values: torch.Tensor
    holders: WeakSet = field(default_factory=WeakSet)

    @classmethod
    def like(cls, keys: torch.Tensor, values: torch.Tensor, rows: int, positions: int) -> Buffer:
        """Empty, for `rows` rows of `positions` positions with heads, precision and device as given."""
        (_, heads, _, width), (_, _, _, other) = keys.shape, values.shape
        size = rows, heads, positions + ROOM
        return cls(keys.new_empty(*size, width), values.new_empty(*size, other))


class Growing(DynamicLayer):
    """keys, values: (B, H, P so far, D per head), views of a buffer. Copy it (`copy.copy`) to branch."""

    def __init__(self):
        super().__init__()
        self.buffer: Buffer | None = None
        self._view: torch.Tensor | None = None  # the keys as we left them: anything else was put there by somebody else

    def __copy__(self) -> Growing:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        if twin.buffer:
            twin.buffer.holders.add(twin)
        return twin

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs):
        """Append (B, H, n, D per head); returns all keys and values."""
        before = self.get_seq_length()
        after = before + key_states.shape[-2]
        small = key_states.shape[0] * key_states.shape[1] * key_states.shape[3] * after <= SMALL
        if small or key_states.requires_grad or value_states.requires_grad:
            # autograd remembers what it has seen, so that must never be written over
            self._take(None)
            return super().update(key_states, value_states)
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        if not self._free(before, after):
            held = self.keys, self.values
            self._take(Buffer.like(key_states, value_states, len(key_states), after))
            if before:
                self.buffer.keys[:, :, :before], self.buffer.values[:, :, :before] = held
        self.buffer.keys[:, :, before:after] = key_states
        self.buffer.values[:, :, before:after] = value_states
        self.show(after)
        return self.keys, self.values

    def _free(self, before: int, after: int) -> bool:
        """Whether positions `before` to `after` of the buffer are there and nobody else's."""
        if self.buffer is None or self.keys is not self._view or after > self.buffer.keys.shape[2]:
            return False
        return all(other is self or other.get_seq_length() <= before for other in self.buffer.holders)

    def _take(self, buffer: Buffer | None) -> None:
        if self.buffer:
            self.buffer.holders.discard(self)
        self.buffer = buffer
        if buffer:
            buffer.holders.add(self)

    def show(self, positions: int) -> None:
        """Hold the first `positions` of the buffer."""
        self.keys, self.values = self.buffer.keys[:, :, :positions], self.buffer.values[:, :, :positions]
        self._view = self.keys


class Filled(Exception):
    """The last layer has its keys and values; nothing after them is needed."""


class Part(DynamicLayer):
    """One layer while some rows are read: keeps nothing, writes to these rows of a `Growing` layer of the whole batch."""

    def __init__(self, whole: Growing, size: tuple[int, int], rows: torch.Tensor, last: bool):
        super().__init__()
        self.whole, self.size, self.rows, self.last = whole, size, rows, last

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs):
        """Raises Filled at the last layer."""
        whole, positions = self.whole, self.size[1]
        if not whole.is_initialized:
            whole.lazy_initialization(key_states, value_states)
            whole._take(Buffer.like(key_states, value_states, *self.size))
        start = positions - key_states.shape[-2]
        for buffer, states in ((whole.buffer.keys, key_states), (whole.buffer.values, value_states)):
            buffer[:, :, start:positions].index_copy_(0, self.rows, states)
            buffer[:, :, :start].index_fill_(0, self.rows, 0)  # masked, but what lay there may be no number
        whole.show(positions)
        if self.last:
            raise Filled
        return key_states, value_states


def new_cache(model: PreTrainedModel) -> DynamicCache:
    """An empty cache for `model`; layers that are not plain attention (sliding windows, state spaces) stay transformers' own."""
    cache = DynamicCache(config=model.config)
    cache.layers = [Growing() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def can_fill(cache: DynamicCache, mask: torch.Tensor) -> bool:
    """Whether reading in parts is possible, and worth while: on a CPU, more than one row, more tokens than one part."""
    plain = all(type(layer) is Growing for layer in cache.layers)
    return plain and mask.device.type == "cpu" and mask.shape[0] > 1 and mask.numel() > PART and mask.shape[1] > 1


def fill(model: PreTrainedModel, cache: DynamicCache, ids: torch.Tensor, mask: torch.Tensor) -> None:
    """Read ids (B, P), left-padded with mask (B, P), into an empty cache of `new_cache`."""
    embed, positions = model.get_input_embeddings(), ids.shape[1]
    for rows in _parts(mask):
        used = mask[rows].any(0).nonzero()
        at = slice(int(used[0]) if len(used) else positions - 1, positions)
        part = DynamicCache(config=model.config)
        last = len(cache.layers) - 1
        part.layers = [Part(layer, ids.shape, rows, i == last) for i, layer in enumerate(cache.layers)]
        here = mask[rows, at]
        with suppress(Filled):
            model.base_model(
                inputs_embeds=embed(ids[rows, at]),
                attention_mask=here,
                position_ids=(here.cumsum(1) - 1).clamp(min=0),
                past_key_values=part,
                use_cache=True,
            )


def _parts(mask: torch.Tensor) -> Iterator[torch.Tensor]:
    """Row numbers, shortest first, in groups of at most PART tokens counting padding (one row at least)."""
    lengths, order = mask.sum(1).sort(stable=True)
    start = 0
    for stop in range(1, len(order) + 1):
        if stop == len(order) or (stop + 1 - start) * int(lengths[stop]) > PART:
            yield order[start:stop]
            start = stop
