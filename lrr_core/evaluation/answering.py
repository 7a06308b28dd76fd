"""One batch of problems answered by one arm: the step between a refined run and a number in a report.

A choice is judged by the likelier candidate (`right`) and by the decoded text (`right_greedy`); a free answer, such as a
number, by the decoded text alone, so the two agree there. Law (tested): what a problem is answered does not depend on its
batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..analysis.curves import candidate_probability, margin
from ..benchmarks.answers import choice_of
from ..benchmarks.catalogue import BENCHMARKS
from ..benchmarks.task import Problem
from ..models.opened import ModelSet
from ..models.rollout import Stream, decode_greedy, pad_left, score_candidates
from ..refinement.methods import PLAIN
from ..refinement.refine import Prompts, Refiner, run_all
from ..refinement.trace import Run
from ..studies.comparison import TextRun
from .arms import Arm


@dataclass(frozen=True)
class Answer:
    """One problem under one arm.

    choice: index of the likelier candidate, None for a tie and for a free answer; greedy: what the decoded text gives, None
    where it gives nothing; right: whether it counts as correct; right_greedy: whether the text does; p_right: probability
    of the right candidate among the candidates, margin: log p(right) - log p(best other), None for a free answer;
    tokens: of text;
    forwards: by kind; frontier_mass: lens probability on the true frontier at every thought up to the answer's depth (plain
    thoughts of a problem with a graph only).
    """

    problem: str
    choice: int | None
    greedy: str | None
    right: bool
    right_greedy: bool
    p_right: float | None
    margin: float | None
    tokens: int
    forwards: dict[str, int]
    frontier_mass: tuple[float, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "frontier_mass", tuple(self.frontier_mass))  # a list, as it comes back from JSON

    @property
    def tied(self) -> bool:
        """Whether the likeliest candidates have the same probability, so that none is chosen and it counts as wrong."""
        return self.choice is None and self.p_right is not None


def answer_batch(
    models: ModelSet, batch: Sequence[Problem], arm: Arm, lent: torch.Tensor | None = None
) -> list[Answer]:
    """Answer a batch. lent: (B, T, D) borrowed thoughts for the controls that need them. Raises RefineError, ModelError."""
    if arm.in_text:
        runs = run_in_text(models, batch, arm.method)
        return [_judge(p, r.scores, r.text, r.tokens, r.cost) for p, r in zip(batch, runs, strict=True)]
    prompts = Prompts.make(models, batch)
    refiner = Refiner(models, prompts, arm.config, arm.names, lent, details=False)
    runs = run_all(refiner)
    masses = frontier_mass(refiner) if arm.method == PLAIN else [()] * len(batch)
    out = []
    for problem, run, mass in zip(batch, runs, masses, strict=True):
        cost = {k: v for k, v in run.cost.items() if k != "readout"}
        out.append(_judge(problem, run.scores, run.text, run.text_tokens, cost, mass))
    return out


def is_right(problem: Problem, run: Run) -> bool:
    """Whether a run counts as correct, as `answer_batch` judges it; a free answer must have been decoded."""
    if problem.candidates:
        return run.choice == problem.answer
    return BENCHMARKS[problem.benchmark].score(run.text, problem)


def _judge(
    problem: Problem, scores: np.ndarray, text: str, tokens: int, cost: dict[str, int], mass: tuple[float, ...] = ()
) -> Answer:
    """scores: (C,) log p of the candidates, empty for a free answer."""
    greedy = BENCHMARKS[problem.benchmark].extract(text, problem)
    right_greedy = greedy == problem.gold
    if not problem.candidates:
        return Answer(problem.id, None, greedy, right_greedy, right_greedy, None, None, tokens, cost, mass)
    choice = choice_of(scores)
    p = float(candidate_probability(scores)[problem.answer])
    lead = float(margin(scores, problem.answer)) if len(scores) > 1 else None
    return Answer(problem.id, choice, greedy, choice == problem.answer, right_greedy, p, lead, tokens, cost, mass)


@torch.no_grad()
def frontier_mass(refiner: Refiner) -> list[tuple[float, ...]]:
    """Per problem, the lens probability on the true frontier at every thought up to the answer's depth."""
    if not refiner.config.thoughts:
        return [()] * len(refiner.prompts.problems)
    thoughts = torch.stack([rounds[-1] for rounds in refiner.states], 1)  # (B, T, D)
    lens = refiner.main.logits(thoughts).float().softmax(-1)  # (B, T, V)
    out = []
    for p, problem, watched in zip(lens, refiner.prompts.problems, refiner.prompts.watched, strict=True):
        graph = problem.graph
        frontiers = graph.frontiers(min(graph.hops, len(p))) if graph else []
        out.append(tuple(float(p[t, [watched[i] for i in nodes]].sum()) for t, nodes in enumerate(frontiers)))
    return out


def _end_of_thought(models: ModelSet) -> int | Callable[[list[int]], bool]:
    """What ends a written reasoning: the answer token, or the whole answer text where that is several tokens; its first
    token alone ("The" of "The answer is") begins many another sentence. A text may be written in other tokens than ours."""
    if len(models.answer_ids) == 1:
        return models.answer_ids[0]
    mark = models.info.answer_prefix.strip()
    return lambda ids: models.decode(ids[-2 * len(mark) - 8 :]).endswith(mark)  # a token may be one byte


def _without_end(models: ModelSet, path: list[int]) -> list[int]:
    """The reasoning without the answer text that ended it: that is read in its own tokens afterwards."""
    mark = models.info.answer_prefix.strip()
    if len(models.answer_ids) == 1 or not models.decode(path).endswith(mark):
        return path
    length = len(models.decode(path)) - len(mark)
    return path[: max(k for k in range(len(path)) if len(models.decode(path[:k])) <= length)]


def run_in_text(models: ModelSet, batch: Sequence[Problem], method: str) -> list[TextRun]:
    """The text baselines: `cot` writes its steps up to the end-of-thought text, `no_cot` answers at once."""
    model, prompts, info = models.model(method), Prompts.make(models, batch), models.info
    paths, forwards = [[] for _ in batch], [0] * len(batch)
    if method == "cot":
        stream = Stream.read(model, prompts.ids, prompts.mask)
        paths, forwards = decode_greedy(stream, (), _end_of_thought(models), info.max_cot_tokens)
        paths = [_without_end(models, path) for path in paths]
    rows = [ids[m.bool()].tolist() + path for ids, m, path in zip(prompts.ids, prompts.mask, paths, strict=True)]
    ids, mask = pad_left(rows, models.tokenizer.pad_token_id or 0, models.device)
    stream = Stream.read(model, ids, mask)
    scores = score_candidates(stream, models.answer_ids, prompts.candidates, models.end_id).float().cpu().numpy()
    texts, more = decode_greedy(stream, models.answer_ids, models.tokenizer.eos_token_id, info.max_answer_tokens)
    return [
        TextRun(
            scores=scores[i, : len(problem.candidates)],
            written=models.decode(paths[i]),
            text=models.decode(texts[i]),
            tokens=len(paths[i]) + len(texts[i]),
            cost={"prefill": 1, "single": 0, "probe": 0, "decode": forwards[i] + more[i]},
        )
        for i, problem in enumerate(batch)
    ]
