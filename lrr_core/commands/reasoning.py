"""Commands that answer: one problem refined thought by thought, many problems under many methods, what a file holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import (
    DEFAULT_SET,
    Backbone,
    Benchmark,
    Device,
    Dtype,
    Gradient,
    Models,
    Momentum,
    Reference,
    Residual,
    Rounds,
    Seed,
    Sign,
    StepSize,
    Strong,
    Thoughts,
    Weak,
    bar,
    find_benchmark,
    opened,
    settings,
    span,
)


def refine(
    models: Models = DEFAULT_SET,
    benchmark: Benchmark = "prosqa",
    data: Annotated[Path | None, typer.Option(help="JSON or JSON-lines file of problems.")] = None,
    index: Annotated[int, typer.Option(help="Which problem of the file, from 0.")] = 0,
    text: Annotated[str | None, typer.Option(help="A problem in plain English instead of a file.")] = None,
    method: Annotated[str, typer.Option(help="full, residual, contrast, coconut or a control.")] = "full",
    step_size: StepSize = None,
    residual: Residual = None,
    rounds: Rounds = None,
    thoughts: Thoughts = None,
    reference: Reference = None,
    sign: Sign = None,
    gradient: Gradient = None,
    momentum: Momentum = None,
    backbone: Backbone = "backbone",
    strong: Strong = "strong",
    weak: Weak = "weak",
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "float32",
    out: Annotated[Path | None, typer.Option(help="Where the whole trace goes (.npz).")] = None,
):
    """Refine one problem thought by thought; prints a summary as JSON, writes the trace to --out."""
    from ..benchmarks.prosqa import ProblemError
    from ..metrics import candidate_probability, curves
    from ..models import ModelSet
    from ..problems import BENCHMARKS, from_text
    from ..refine import refine_problem
    from ..summary import readers_names

    if (data is None) == (text is None):
        raise ProblemError("Give a problem either by --data FILE (and --index N) or by --text.")
    if text is not None:
        problem = from_text(benchmark, text)
    else:
        problems = find_benchmark(benchmark).load(data)
        if not 0 <= index < len(problems):
            raise ProblemError(f"--index must lie between 0 and {len(problems) - 1} for {data}, not {index}.")
        problem = problems[index]
    with opened(ModelSet, models, device, dtype) as held:
        config = settings(
            held,
            method=method,
            step_size=step_size,
            residual=residual,
            rounds=rounds,
            thoughts=thoughts,
            reference=reference,
            sign=sign,
            gradient=gradient,
            momentum=momentum,
            seed=seed,
        )
        others = BENCHMARKS[benchmark].generate("balanced", 8, 0, (12, 12), (2, 2))
        trace = refine_problem(held, problem, config, (backbone, strong, weak), others=others)
    if out:
        trace.save(out)
    theirs = readers_names(problem)
    names = [theirs[name] for name in problem.candidates]  # as the reader wrote them; `renamed` has what the model read
    summary = {"problem": problem.id, "question": problem.question, "candidates": names}
    summary |= {"answer": names[problem.answer] if problem.answer is not None else None}
    summary |= {
        "renamed": dict(problem.renamed),
        "step_size": config.step_size,
        "eta": config.eta(held.width),
        "runs": {},
    }
    for name, run in trace.runs.items():
        summary["runs"][name] = {
            "answer": names[run.choice],
            "probability": round(float(candidate_probability(run.scores)[run.choice]), 4),
            "margin_after_thought": [round(float(m), 3) for m in curves(trace, name).margin],
            "forwards": run.cost,
        }
    print(json.dumps(summary | {"out": str(out) if out else None}, indent=1, ensure_ascii=False))


def evaluate(
    models: Models = DEFAULT_SET,
    benchmark: Benchmark = "prosqa",
    data: Annotated[Path | None, typer.Option(help="JSON or JSON-lines file of problems.")] = None,
    generate: Annotated[str | None, typer.Option(help="Make fresh problems instead: balanced or released.")] = None,
    nodes: Annotated[str | None, typer.Option(help="Graph size of generated problems, e.g. 23 or 12-15.")] = None,
    hops: Annotated[
        str | None, typer.Option(help="Hops from root to answer, e.g. 3-6; lengths are drawn evenly.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Number of problems (0: all of a file).")] = 200,
    seed: Seed = 0,
    methods: Annotated[
        str, typer.Option(help="Comma-separated; also all controls.")
    ] = "coconut,residual,contrast,full,zero_thoughts",
    step_size: StepSize = None,
    residual: Residual = None,
    rounds: Rounds = None,
    thoughts: Thoughts = None,
    reference: Reference = None,
    sign: Sign = None,
    gradient: Gradient = None,
    momentum: Momentum = None,
    backbone: Backbone = "backbone",
    strong: Strong = "strong",
    weak: Weak = "weak",
    batch_size: Annotated[int, typer.Option(help="Problems answered at once.")] = 64,
    device: Device = "auto",
    dtype: Dtype = "float32",
    out: Annotated[Path | None, typer.Option(help="Where report.json goes; without it the report is printed.")] = None,
):
    """Answer many problems with many methods; prints a table (stderr) and the report as JSON (stdout or --out)."""
    from ..benchmarks.prosqa import ProblemError
    from ..evaluate import evaluate as run
    from ..evaluate import table, write_json
    from ..models import ModelSet

    if (data is None) == (generate is None):
        raise ProblemError("Give problems either by --data FILE or by --generate balanced|released.")
    if limit < 0 or batch_size < 1:
        raise ProblemError("--limit must be 0 or more and --batch-size 1 or more.")
    chosen = find_benchmark(benchmark)
    if data is not None:
        problems = chosen.load(data)
        problems = problems[:limit] if limit else problems
    else:
        problems = chosen.generate(generate, limit or 200, seed, span(nodes, "nodes"), span(hops, "hops"))
    with opened(ModelSet, models, device, dtype) as held:
        config = settings(
            held,
            step_size=step_size,
            residual=residual,
            rounds=rounds,
            thoughts=thoughts,
            reference=reference,
            sign=sign,
            gradient=gradient,
            momentum=momentum,
            seed=seed,
        )
        names = list(dict.fromkeys(m.strip() for m in methods.split(",") if m.strip()))
        with bar("problem") as shown:

            def progress(method: str, done: int, total: int) -> None:
                shown.total, shown.n = len(names) * total, names.index(method) * total + done
                shown.set_description(method)
                if shown.disable and done == total:  # no terminal: one line a method instead of a bar
                    print(f"{method}: {done} problems answered", file=sys.stderr)

            report = run(held, problems, names, config, (backbone, strong, weak), batch_size, progress)
    report["source"] = {
        "data": data.name if data else None,
        "generate": generate,
        "nodes": nodes,
        "hops": hops,
        "seed": seed,
    }
    print("\n".join(table(report)), file=sys.stderr)
    if out:
        write_json(report, out)
        print(out)
    else:
        print(json.dumps(report))


def problems(
    data: Annotated[
        str, typer.Option(help="JSON, JSON-lines or Parquet file, or hub:ID[:CONFIG]@SPLIT of the Hugging Face hub.")
    ],
    benchmark: Benchmark = "prosqa",
    index: Annotated[int, typer.Option(help="Which problem to show, from 0.")] = 0,
    template: Annotated[str | None, typer.Option(help="How it is written: english, short, instruct, triples.")] = None,
):
    """Say what a file of problems holds: counts, chance, majority class, broken records by name, and one problem."""
    from ..problems import describe

    chosen = find_benchmark(benchmark)
    print("\n".join(describe(chosen, chosen.read(data), index, template)))
