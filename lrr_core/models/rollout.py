"""Latent rollouts of any Hugging Face causal language model: token ids in, tensors out; never sees a string.

A `Stream` is one model part-way through reading a batch: its key-value cache, its mask and the last hidden state. Reading
a question gives the first thought (Coconut, arXiv 2412.06769: the last hidden state after the final norm); feeding a
thought back as the next input embedding gives the next one. `peek` asks what the model would make of a state without
the state entering the cache; `fork` branches without copying, because a layer of the cache never writes over what a living
branch holds (see `cache`, which also reads a batch on a CPU in parts of similar length).

Two things a set may declare change what the model sees, for thoughts, references, scores and answers alike. `hidden`: tokens of
the question that nothing after it may attend to (positions go on as if it could), so that what they said can only be carried
by thoughts. `scale`: what a state is multiplied by where it is fed as an embedding; states that are kept, refined and read by
the lens are never scaled. With neither, every number is the same to the bit as without them.

Left padding throughout; positions count real tokens, so a padded row gives what the same row gives alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from transformers import DynamicCache, PreTrainedModel

from .cache import can_fill, fill, new_cache


@dataclass
class Cost:
    """Forwards of one run, per problem, kept apart: what refinement costs, kind by kind.

    prefill: questions read; single: positions appended to a cache; probe: positions asked but not kept;
    decode: positions read to produce the answer; readout: what the instrument itself asks and the method does not need.
    """

    prefill: int = 0
    single: int = 0
    probe: int = 0
    decode: int = 0
    readout: int = 0

    @property
    def total(self) -> int:
        """Forwards the method needs; read-outs are the instrument's and are not counted."""
        return self.prefill + self.single + self.probe + self.decode


def pad_left(rows: Sequence[Sequence[int]], pad: int = 0, device: str | torch.device = "cpu"):
    """Token id lists -> ids (B, P) and mask (B, P), 1 where there is a token."""
    longest = max(len(r) for r in rows)
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, longest - len(row) :] = torch.tensor(row)
        mask[i, longest - len(row) :] = 1
    return ids.to(device), mask.to(device)


@dataclass
class Stream:
    """One model reading one batch.

    model: the checkpoint; mask: (B, P so far), 1 = real position; last: (B, D) last hidden state after the final norm;
    cost: forwards so far; forks share it, so that what a branch does is counted once, where it is done; scale, hidden: as
    above, hidden (B, P) with True where a token of the question is not seen after it, or None.
    """

    model: PreTrainedModel
    mask: torch.Tensor
    last: torch.Tensor
    cache: DynamicCache
    cost: Cost = field(default_factory=Cost)
    scale: float = 1.0
    hidden: torch.Tensor | None = None
    _after: tuple[tuple[int, ...], Stream] | None = None

    @classmethod
    def read(
        cls,
        model: PreTrainedModel,
        ids: torch.Tensor,
        mask: torch.Tensor,
        cost: Cost | None = None,
        scale: float = 1.0,
        hidden: torch.Tensor | None = None,
    ) -> Stream:
        """Prefill: read the question, ids (B, P) left-padded with mask (B, P); hidden: (B, P), its tokens see one another."""
        stream = cls(model, mask[:, :0], torch.empty(0), new_cache(model), cost or Cost(), scale)
        if can_fill(stream.cache, mask[:, :-1]):
            fill(model, stream.cache, ids[:, :-1], mask[:, :-1])
            stream.mask, ids, mask = mask[:, :-1], ids[:, -1:], mask[:, -1:]
        stream._forward(model.get_input_embeddings()(ids), mask)
        stream.cost.prefill += 1
        stream.hidden = hidden
        return stream

    def _forward(self, embeddings: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Append embeddings (B, n, D); returns hidden states (B, n, D) after the final norm."""
        self._after = None
        b, n, _ = embeddings.shape
        new = self.mask.new_ones(b, n) if mask is None else mask
        self.mask = torch.cat([self.mask, new], 1)
        positions = (self.mask.cumsum(1) - 1).clamp(min=0)[:, -n:]
        out = self.model.base_model(
            inputs_embeds=embeddings,
            attention_mask=self._seen(),
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
        )
        self.last = out.last_hidden_state[:, -1]
        return out.last_hidden_state

    def _seen(self) -> torch.Tensor:
        """(B, P so far), 1 = a position that may be attended to."""
        if self.hidden is None:
            return self.mask
        seen = self.mask.clone()
        seen[:, : self.hidden.shape[1]] &= ~self.hidden
        return seen

    def _fed(self, state: torch.Tensor) -> torch.Tensor:
        """A state (B, D) as the embedding (B, 1, D) that is fed."""
        return (state if self.scale == 1 else state * self.scale)[:, None]

    def fork(self) -> Stream:
        """A branch that shares what was read and appends on its own; the parent's cache stays as it is (tested)."""
        cache = copy.copy(self.cache)
        cache.layers = [copy.copy(layer) for layer in self.cache.layers]
        return Stream(self.model, self.mask, self.last, cache, self.cost, self.scale, self.hidden)

    def append(self, state: torch.Tensor) -> torch.Tensor:
        """Feed state (B, D) as the next input embedding and keep it in the cache; returns the output (B, D)."""
        self.cost.single += 1
        return self._forward(self._fed(state))[:, -1]

    def peek(self, state: torch.Tensor) -> torch.Tensor:
        """What the model makes of state (B, D) here, as (B, D); nothing is kept. Differentiable in `state`."""
        self.cost.probe += 1
        return self.fork()._forward(self._fed(state))[:, -1]

    def after(self, ids: Sequence[int]) -> Stream:
        """A branch that has also read these tokens in every row. It is kept until this stream goes on, so that scoring and
        decoding an answer read its beginning once; fork it before you append."""
        key = tuple(ids)
        if self._after is None or self._after[0] != key:
            branch = self.fork()
            if key:
                branch.read_ids(torch.tensor([key] * len(self.mask), device=self.mask.device))
            self._after = key, branch
        return self._after[1]

    def read_ids(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Append tokens (B, n); returns hidden states (B, n, D). The caller counts what it was for."""
        return self._forward(self.model.get_input_embeddings()(ids), mask)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """The logit lens: states (..., D) -> (..., V) through the model's own output embedding (tied: W_E h exactly)."""
        return self.model.get_output_embeddings()(states)


def latent_rollout(stream: Stream, thoughts: int) -> Iterator[torch.Tensor]:
    """Plain Coconut: yields thought 1 ... T, each (B, D), and feeds each back. The output after the last is discarded."""
    thought = stream.last
    for _ in range(thoughts):
        yield thought
        thought = stream.append(thought)


@torch.no_grad()
def score_candidates(
    stream: Stream,
    answer_prefix: Sequence[int],
    candidates: Sequence[Sequence[Sequence[int]]],
    end_id: int | None = None,
) -> torch.Tensor:
    """log p of every candidate answer after the end-of-thought token(s), (B, C); -inf where a problem has fewer candidates.

    answer_prefix: ids of the end-of-thought token(s); candidates: per problem, per candidate, token ids. A candidate of
    several tokens scores the sum of their log-probabilities. The stream is left as it was.
    end_id: token that ends an answer, counted behind every candidate; without it one that begins another is never the
    less likely of the two.
    """
    if end_id is not None:
        candidates = [[[*ids, end_id] for ids in per] for per in candidates]
    end = stream.after(answer_prefix)
    b, device = stream.mask.shape[0], stream.mask.device
    first = end.logits(end.last).float().log_softmax(-1)  # (B, V)
    count = max(len(c) for c in candidates)
    scores = torch.full((b, count), -torch.inf, device=device)
    for c in range(count):
        rows = [per[c] if c < len(per) else [0] for per in candidates]
        longest = max(map(len, rows))
        ids = torch.tensor([list(r) + [0] * (longest - len(r)) for r in rows], device=device)
        real = torch.tensor([[i < len(r) for i in range(longest)] for r in rows], device=device)
        total = first.gather(1, ids[:, :1])[:, 0]
        if longest > 1:
            # right padding is safe here: causal attention never lets it reach a real token, and the branch is dropped
            branch = end.fork()
            hidden = branch.read_ids(ids[:, :-1])
            later = branch.logits(hidden).float().log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
            total = total + (later * real[:, 1:]).sum(1)
        here = torch.tensor([c < len(per) for per in candidates], device=device)
        scores[:, c] = torch.where(here, total, -torch.inf)
    return scores


@torch.no_grad()
def decode_greedy(
    stream: Stream, answer_prefix: Sequence[int], stop: int | Callable[[list[int]], bool] | None, most: int
) -> tuple[list[list[int]], list[int]]:
    """Greedy text after the answer prefix: token ids per problem (stop token left out) and decode forwards per problem.

    stop: a token, or what says of a problem's ids so far whether they end there (these stay). most: longest answer in
    tokens. The stream is left as it was. With no thoughts this equals `generate` (tested).
    """
    end = stream.after(answer_prefix).fork()
    b = stream.mask.shape[0]
    out: list[list[int]] = [[] for _ in range(b)]
    forwards, running = [len(answer_prefix)] * b, [True] * b
    for step in range(most):
        token = end.logits(end.last).argmax(-1)  # (B,)
        for i, value in enumerate(token.tolist()):
            if running[i] and value == stop:
                running[i] = False
            elif running[i]:
                out[i].append(value)
                running[i] = not (callable(stop) and stop(out[i]))
        if not any(running) or step == most - 1:
            break
        for i, on in enumerate(running):
            forwards[i] += on
        end.read_ids(token[:, None])
    return out, forwards
