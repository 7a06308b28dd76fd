"""How evaluation scales, within one run: `python -m lrr_core bench --scale`.

1. problems per second, batched over one by one
2. time against T and against K: a straight line, and how straight
3. memory against the number of problems: flat
4. two processes against one, one thread each, by the marginal time of more problems (start-up cancels); goal 1.6
5. cost per problem as thoughts, rounds and model grow: counted here, extrapolated by the formula of `cost`
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ..benchmarks.catalogue import BENCHMARKS
from ..evaluation.cost import bills, forwards
from ..evaluation.evaluate import evaluate
from ..models.opened import ModelSet
from ..refinement.trace import RefineConfig

NODES, HOPS = (12, 15), (2, 3)


def run(path: Path) -> Iterator[str]:
    """The measurements as lines, one as soon as it is there; a few minutes on two cores."""
    models = ModelSet(path)
    config = RefineConfig.from_dict({"thoughts": models.info.thoughts} | models.info.defaults)
    asked = BENCHMARKS["prosqa"].generate("balanced", 1024, 12, NODES, HOPS)
    yield from throughput(models, config, asked)
    yield from straight_lines(models, config, asked)
    yield from memory(models, config, asked)
    yield from processes(path)
    yield from costs(models, config, asked)


def throughput(models: ModelSet, config: RefineConfig, asked) -> Iterator[str]:
    for method in ("coconut", "full"):
        evaluate(models, asked[:8], [method], config)  # warm
        one = seconds(models, config, asked[:48], method, 1)
        many = seconds(models, config, asked[:192], method, 64)
        yield (
            f"evaluate {method}: {1 / many:.0f} problems/s in batches of 64, {1 / one:.0f} one by one = {one / many:.1f}x"
        )


def seconds(models: ModelSet, config: RefineConfig, asked, method: str, batch: int) -> float:
    """Per problem, as the report says it."""
    return evaluate(models, asked, [method], config, batch_size=batch).methods[method].seconds_per_problem


def straight_lines(models: ModelSet, config: RefineConfig, asked) -> Iterator[str]:
    for name, values in (("thoughts", (2, 4, 8, 16)), ("rounds", (1, 2, 4, 8))):
        times = []
        for value in values:
            moved: dict[str, Any] = {name: value}
            own = replace(config, reference="next", **moved)
            times.append(1000 * min(seconds(models, own, asked[:64], "full", 64) for _ in range(3)))
        slope, start = np.polyfit(values, times, 1)
        r = np.corrcoef(values, times)[0, 1]
        shown = ", ".join(f"{v}: {t:.1f}" for v, t in zip(values, times, strict=True))
        yield f"full, ms per problem by {name}: {shown}; line {start:.2f} + {slope:.2f} x, r² = {r * r:.3f}"


def memory(models: ModelSet, config: RefineConfig, asked) -> Iterator[str]:
    process, rows = psutil.Process(), []
    evaluate(models, asked[:64], ["full"], config)
    for n in (64, 256, 1024):
        peak = evaluate(models, asked[:n], ["full"], config).methods["full"].memory_per_problem
        rows.append((n, math.nan if peak is None else peak * 64 / 2**20, process.memory_info().rss / 2**20))
    shown = "; ".join(f"n = {n}: {peak:.0f} MiB a batch, {rss:.0f} MiB in all" for n, peak, rss in rows)
    yield f"memory by number of problems: {shown}"


def processes(path: Path, few: int = 64, many: int = 1024) -> Iterator[str]:
    """Marginal time per problem in one and in two processes, one thread each."""
    launch = "-m accelerate.commands.launch --multi_gpu --num_processes 2 --main_process_port 0"
    marginal = {}
    with tempfile.TemporaryDirectory() as folder:
        for count, start in ((1, []), (2, launch.split())):
            took = []
            for n in (few, many):
                command = f"-m lrr_core evaluate --models {path} --generate balanced --nodes 12-15 --hops 2-3 --seed 12"
                command += (
                    f" --limit {n} --methods coconut,full --batch-size 32 --device cpu --out {folder}/{count}-{n}.json"
                )
                begin = time.perf_counter()
                free = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
                subprocess.run([sys.executable, *start, *command.split()], env=free, check=True, capture_output=True)
                took.append(time.perf_counter() - begin)
            marginal[count] = (took[1] - took[0]) / (many - few)
    yield (
        f"one process {1000 * marginal[1]:.1f} ms a problem, two {1000 * marginal[2]:.1f} ms = "
        f"{marginal[1] / marginal[2]:.2f}x (goal 1.6)"
    )


def costs(models: ModelSet, config: RefineConfig, asked) -> Iterator[str]:
    labels = ["coconut", "full@same", "full@next", "full@next@k=4", "full@next@t=12"]
    rows = evaluate(models, asked[:32], labels, config).methods
    for label, row in rows.items():
        counted = row.forwards_per_problem.model_dump()
        t, k = row.settings.get("thoughts", config.thoughts), row.settings.get("rounds", config.rounds)
        by_formula = forwards(row.method, t, k, row.settings.get("reference", config.reference), 1)
        agrees = "as the formula says" if counted == by_formula else f"but by formula {by_formula}"
        yield f"{label}: {sum(counted.values()):.0f} forwards a problem, {agrees}"
    yield "by formula, prompt of 100 tokens:"
    for bill in bills():
        setting = f"{bill.method:<10} T = {bill.thoughts:<3} K = {bill.rounds}"
        yield f"  {bill.model:<17} {setting}  {bill.forwards:>4} forwards  {bill.positions:>4} positions  {bill.flops:.1e} FLOP"
