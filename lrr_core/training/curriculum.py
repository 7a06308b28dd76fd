"""The latent curriculum of Coconut (arXiv 2412.06769) for any causal language model: what a batch is and what it costs.

    stages("coconut", 6, 2)      stage 0: reasoning as text; stage s: its first s steps replaced by 2s thoughts; at the
                                 last stage no text is left and every problem has T = 6 thoughts, as when it is evaluated

A row is   prompt | T thoughts | remaining steps | answer prefix | answer | end   and is read as a model set is read later
(`rollout.Stream`, the same code): the prompt left-padded, each thought the last hidden state after the final norm, fed back
as the next input embedding *with* its gradient, then the rest, right-padded. Only the rest is predicted: not the prompt,
not the thoughts, and not the answer prefix where no text is left, because then it is given. Law (tested): the loss of a
row at the last stage is what `score_candidates` says of its answer after a rollout, end token included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import DynamicCache

from ..benchmarks.catalogue import TEMPLATES, Problem, cot_steps
from ..benchmarks.prosqa import ProblemError
from ..models.rollout import Stream, pad_left

IGNORED = -100  # label of a position that is not predicted


@dataclass(frozen=True)
class Stage:
    """number: its place in the curriculum; replaced: reasoning steps left out, None for all; thoughts: fed instead."""

    number: int
    replaced: int | None
    thoughts: int


def stages(method: str, max_thoughts: int, thoughts_per_step: int) -> tuple[Stage, ...]:
    """The curriculum of a method: one stage for the text baselines, max_thoughts/c + 2 for "coconut"."""
    if method == "cot":
        return (Stage(0, 0, 0),)
    if method == "no_cot":
        return (Stage(0, None, 0),)
    count = max_thoughts // thoughts_per_step
    return (*(Stage(s, s, s * thoughts_per_step) for s in range(count + 1)), Stage(count + 1, None, max_thoughts))


def stage_at(step: int, count: int, stage_steps: int, first: int) -> int:
    """Stage of optimiser step `step` (from 0): `stage_steps` in each from `first` on, the rest in the last of `count`."""
    return min(first + step // stage_steps if stage_steps else count - 1, count - 1)


@dataclass(frozen=True)
class Row:
    """One problem at one stage, as token ids. rest: what follows prompt and thoughts; given: how many of its first tokens
    are not predicted."""

    prompt: tuple[int, ...]
    rest: tuple[int, ...]
    given: int


class Writer:
    """Writes problems as a model set of `template`, `answer_prefix` and `answer_space` will read them.

    `of_answer` and `of_reasoning` give the token ids of each part; they are remembered, as every epoch asks again.
    """

    def __init__(self, tokenizer, template: str, answer_prefix: str, answer_space: str):
        self.tokenizer, self.template, self.answer_space = tokenizer, template, answer_space
        if tokenizer.eos_token_id is None:
            raise ProblemError("This tokenizer has no end-of-text token, so an answer could not end; give it one.")
        self.encode = lru_cache(1 << 18)(self._encode)
        self.prefix = self.encode(answer_prefix)

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"]) if text else ()

    def of_reasoning(self, problem: Problem, replaced: int | None = 0) -> tuple[int, ...]:
        """The steps that are left, without the mark that ends them; () where none is."""
        steps = cot_steps(problem, self.template)
        return self.encode(" ".join(steps[len(steps) if replaced is None else replaced :]))

    def of_answer(self, problem: Problem) -> tuple[int, ...]:
        return self.encode(self.answer_space + problem.gold)

    def row(self, problem: Problem, stage: Stage) -> Row:
        """A problem whose answer is known, at a stage."""
        steps = self.of_reasoning(problem, stage.replaced)
        prompt = self.encode(TEMPLATES[self.template](problem))
        rest = (*steps, *self.prefix, *self.of_answer(problem), self.tokenizer.eos_token_id)
        return Row(prompt, rest, 0 if steps else len(self.prefix))


@dataclass(frozen=True)
class Batch:
    """ids, mask: (B, P) prompts, left-padded, 1 = token. rest, rest_mask: (B, R) what follows the thoughts, right-padded.
    labels: (B, R), the token of `rest` where it is predicted, else IGNORED."""

    ids: torch.Tensor
    mask: torch.Tensor
    rest: torch.Tensor
    rest_mask: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self):
        b = self.ids.shape[0]
        shapes = [tuple(x.shape) for x in (self.ids, self.mask, self.rest, self.rest_mask, self.labels)]
        if len({*shapes[:2]}) != 1 or len({*shapes[2:]}) != 1 or shapes[2][0] != b:
            raise ProblemError(f"The parts of a batch disagree: {shapes}.")


def collate(rows: Sequence[Row], pad: int, device: str | torch.device = "cpu") -> Batch:
    """Rows of different lengths as one batch."""
    ids, mask = pad_left([r.prompt for r in rows], pad, device)
    longest = max(len(r.rest) for r in rows)
    rest = torch.full((len(rows), longest), pad, dtype=torch.long)
    real = torch.zeros((len(rows), longest), dtype=torch.long)
    labels = torch.full((len(rows), longest), IGNORED, dtype=torch.long)
    for i, row in enumerate(rows):
        n = len(row.rest)
        rest[i, :n] = labels[i, :n] = torch.tensor(row.rest)
        labels[i, : row.given] = IGNORED
        real[i, :n] = 1
    return Batch(ids, mask, rest.to(device), real.to(device), labels.to(device))


class LatentReader(nn.Module):
    """A language model that reads batches of the curriculum; a module, so that processes can average its gradients."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, thoughts: int) -> torch.Tensor:
        """Minus log-probability, summed over the predicted tokens of the batch, with `thoughts` thoughts fed back."""
        return -self.log_p(batch, thoughts).sum()

    def log_p(self, batch: Batch, thoughts: int) -> torch.Tensor:
        """Log-probability of every token of the rest that is predicted, else 0: (B, R)."""
        # transformers' own cache: it grows by concatenation, so nothing that autograd remembers is written over
        cache = DynamicCache(config=self.model.config)
        stream = Stream(self.model, batch.mask[:, :0], torch.empty(0), cache)
        stream.read_ids(batch.ids, batch.mask)
        for _ in range(thoughts):
            stream.append(stream.last)  # no detach: the loss reaches the question through every thought
        before = stream.last[:, None]  # (B, 1, D)
        states = torch.cat([before, stream.read_ids(batch.rest[:, :-1], batch.rest_mask[:, :-1])], 1)  # (B, R, D)
        counted = batch.labels != IGNORED
        # only where a token is predicted: a vocabulary of 150,000 times every position would not fit
        logits = stream.logits(states[counted])
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        nll = F.cross_entropy(logits, batch.labels[counted], reduction="none")
        return nll.new_zeros(batch.labels.shape).masked_scatter(counted, -nll)


def batches(lengths: Sequence[int], batch: int, seed: int, start: int = 0) -> Iterator[list[int]]:
    """Endless batches of problem numbers, from batch `start` on; which ones depends on nothing but the arguments.

    Every epoch is a new order without repetition (what does not fill a batch waits for the next epoch). Problems of
    similar length are put together, 16 batches at a time, because padding is computed and thrown away.
    Raises ProblemError where there are fewer problems than a batch holds.
    """
    n = len(lengths)
    each = n // batch
    if not each:
        raise ProblemError(f"There are {n} problems to train on, fewer than one batch of {batch}; lower batch.")
    at = start
    while True:
        epoch, place = divmod(at, each)
        rng = np.random.default_rng([seed, epoch])
        order, made = rng.permutation(n)[: each * batch], []
        for pool in np.array_split(order, -(-each // 16)) if each > 1 else [order]:
            by_length = sorted(pool.tolist(), key=lambda i: (lengths[i], i))
            made += by_length
        chunks = [made[i * batch : (i + 1) * batch] for i in range(each)]
        for i in rng.permutation(each)[place:]:
            yield chunks[i]
            at += 1
