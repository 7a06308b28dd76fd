"""Speed, measured as ratios within one run because machines are noisy: `python -m lrr_core bench`.

1. a refined run against (forwards it needs) x (one bare forward); goal within 1.3
2. batched, cached rollout to a scored and decoded answer against a plain loop that recomputes everything, one problem at
   a time; goal 20 or more. On both sizes of graph, with one thread and with all cores; both sides take turns, because a
   machine does not keep its pace. Printed beside it is how often the plain loop reads a question, which bounds what caching
   can save; the rest is batching, which brings little on a CPU where one question keeps a core busy
3. placing a run's thoughts on the map; goal under 50 ms
4. slider to finished figure on the shipped set; goal under 300 ms at the median
5. trace to a PDF of six panels, text embedded; goal under 5 s
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ..analysis.projection import Background
from ..benchmarks.catalogue import BENCHMARKS
from ..figures.explore import explore_figure
from ..models.opened import ModelSet
from ..models.rollout import decode_greedy, latent_rollout, score_candidates
from ..refinement.refine import Prompts, Refiner, run_all
from ..refinement.trace import RefineConfig
from ..refinement.tracing import refine_problem
from ..studio.export import render
from ..studio.recipe import Recipe

SIZES = ((12, 15), (2, 3)), ((14, 28), (3, 4))  # nodes and hops: the size the page opens on, and as released


def seconds(work: Callable[[], object], repeat: int) -> float:
    """Median wall time of `work` over `repeat` calls after one warm-up."""
    work()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@torch.no_grad()
def uncached_loop(models: ModelSet, problems: list, thoughts: int) -> tuple[list[Answered], int]:
    """The slow plain twin: every forward reads the whole sequence anew, problem by problem, no cache, no batch.

    Returns what each problem came to, and how often one question was read.
    """
    model, embed = models.model("backbone"), models.model("backbone").get_input_embeddings()
    out, reads = [], 0

    def forward(x: torch.Tensor) -> torch.Tensor:
        nonlocal reads
        reads += 1
        return model.base_model(inputs_embeds=x, use_cache=False).last_hidden_state

    def tokens(ids: list[int]) -> torch.Tensor:
        return embed(torch.tensor([ids], device=models.device))

    for problem in problems:
        prompts = Prompts.make(models, [problem])
        x, reads = embed(prompts.ids), 0
        for _ in range(thoughts):
            x = torch.cat([x, forward(x)[:, -1:]], 1)
        x = torch.cat([x, tokens(models.answer_ids)], 1)
        scores = []
        for candidate in prompts.candidates[0]:
            hidden = forward(torch.cat([x, tokens(candidate)], 1))[0, -len(candidate) - 1 : -1]
            log_p = model.get_output_embeddings()(hidden).log_softmax(-1)
            scores.append(float(log_p.gather(1, torch.tensor(candidate, device=models.device)[:, None]).sum()))
        text: list[int] = []
        for _ in range(models.info.max_answer_tokens):
            token = int(model.get_output_embeddings()(forward(x)[:, -1]).argmax())
            if token == models.tokenizer.eos_token_id:
                break
            text.append(token)
            x = torch.cat([x, tokens([token])], 1)
        out.append(Answered(scores, text))
    return out, reads


@torch.no_grad()
def batched_rollout(models: ModelSet, prompts: Prompts, thoughts: int) -> list[Answered]:
    """The fast one: one batch, every position read once."""
    stream = prompts.read(models.model("backbone"))
    for _ in latent_rollout(stream, thoughts):
        pass
    scores = score_candidates(stream, models.answer_ids, prompts.candidates)
    stop, most = models.tokenizer.eos_token_id, models.info.max_answer_tokens
    texts, _ = decode_greedy(stream, models.answer_ids, stop, most)
    return [Answered(row, text) for row, text in zip(scores.tolist(), texts, strict=True)]


@dataclass(frozen=True)
class Answered:
    """scores: log p per candidate; text: token ids of the decoded answer."""

    scores: list[float]
    text: list[int]


def compare_rollouts(models: ModelSet, nodes: tuple[int, int], hops: tuple[int, int], thoughts: int) -> str:
    """Batched and cached against plain on 64 balanced problems of one size, three turns each; the medians, in a line."""
    problems = BENCHMARKS["prosqa"].generate("balanced", 64, 11, nodes, hops)
    batch = Prompts.make(models, problems)
    uncached_loop(models, problems[:4], thoughts)
    turns, reads = [], 0
    for _ in range(3):
        fast = seconds(lambda: batched_rollout(models, batch, thoughts), 5)
        start = time.perf_counter()
        _, reads = uncached_loop(models, problems, thoughts)
        turns.append((time.perf_counter() - start, fast))
    slow, fast = (statistics.median(column) for column in zip(*turns, strict=True))
    ratio = statistics.median(s / f for s, f in turns)
    return (
        f"64 problems of {nodes[0]}-{nodes[1]} nodes, {torch.get_num_threads()} threads: uncached one by one {slow:.2f} s / "
        f"batched cached {1000 * fast:.0f} ms = {ratio:.1f}x (goal 20); the plain loop reads a question {reads} times, the "
        f"cached one once, so batching brings {ratio / reads:.1f}x"
    )


def run(path: Path) -> Iterator[str]:
    models = ModelSet(path)
    config = RefineConfig.from_dict({"thoughts": models.info.thoughts} | models.info.defaults)
    problems = BENCHMARKS["prosqa"].generate("balanced", 64, 11, (12, 15), (2, 3))
    yield f"device {models.device}, {torch.get_num_threads()} threads, {models.info.name}, T = {config.thoughts}"

    prompts = Prompts.make(models, problems[:1])
    full = replace(config, method="full", reference="next")
    refiner = Refiner(models, prompts, full, details=False)
    cost = run_all(refiner, decode=False)[0].cost
    needed = cost["prefill"], cost["single"] + cost["probe"]
    backbone = models.model("backbone")
    prefill = seconds(lambda: prompts.read(backbone), 30)
    stream = prompts.read(backbone)
    state = stream.last
    with torch.no_grad():
        bare = seconds(lambda: stream.fork()._forward(state[:, None]), 60)
    whole = seconds(lambda: run_all(Refiner(models, prompts, full, details=False), decode=False), 20)
    ideal = needed[0] * prefill + needed[1] * bare
    bare_cost = f"{needed[0]} prefills + {needed[1]} forwards {1000 * ideal:.1f} ms"
    yield f"refined run {1000 * whole:.1f} ms / {bare_cost} = {whole / ideal:.2f}x (goal 1.3)"

    threads = torch.get_num_threads()
    for count in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(count)
        yield from (compare_rollouts(models, nodes, hops, config.thoughts) for nodes, hops in SIZES)
    torch.set_num_threads(threads)

    trace = refine_problem(models, problems[0], config)
    kept = Background.load(path / "background.npz")
    chart = kept.map("UMAP", 2)
    states = [s for r in trace.runs.values() for t in r.states for s in t]
    placed = seconds(lambda: chart.place(states), 20)
    yield f"placing {len(states)} states on the map {1000 * placed:.1f} ms (goal 50)"

    sizes = iter([0.05 + 0.01 * i for i in range(1000)])

    def slide():
        moved = refine_problem(models, problems[0], replace(config, step_size=next(sizes)), previous=trace)
        return explore_figure(moved, chart).to_json()

    yield f"slider to figure {1000 * seconds(slide, 15):.0f} ms (goal 300)"

    six = Recipe()
    pdf = seconds(lambda: render(trace, six, "pdf", kept), 3)
    yield f"trace to a PDF of {len(six.panels)} panels {pdf:.2f} s (goal 5)"
