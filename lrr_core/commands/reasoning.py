"""Commands that look at problems: one refined thought by thought, and what a file holds."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path
from typing import Annotated

import typer

from ..models.checkpoints import Checkpoints
from .options import (
    DEFAULT_SET,
    Backbone,
    Benchmark,
    Device,
    Dtype,
    Fields,
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
    find_benchmark,
    opened,
    settings,
    warn_of_equals,
)


def refine(
    models: Models = DEFAULT_SET,
    benchmark: Benchmark = None,
    fields: Fields = None,
    data: Annotated[Path | None, typer.Option(help="File of problems.")] = None,
    index: Annotated[int, typer.Option(help="Which problem of the file, from 0.")] = 0,
    text: Annotated[str | None, typer.Option(help="A problem in plain English instead of a file.")] = None,
    method: Annotated[str, typer.Option(help="full, residual, contrast, tilr, coconut or a control.")] = "full",
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
    from ..analysis.curves import curves
    from ..analysis.summary import answer, readers_names
    from ..benchmarks.catalogue import from_text
    from ..benchmarks.prosqa import ProblemError
    from ..benchmarks.sources import field_map
    from ..models.opened import ModelSet
    from ..refinement.lenders import lenders
    from ..refinement.tracing import refine_problem

    if out is not None and out.suffix != ".npz":
        raise ProblemError(f"--out {out} must end in .npz, the format of a trace.")
    if (data is None) == (text is None):
        raise ProblemError("Give a problem either by --data FILE (and --index N) or by --text.")
    chosen = find_benchmark(benchmark, models)
    benchmark = chosen.key
    if text is not None:
        problem, problems = from_text(benchmark, text), []
    else:
        problems = chosen.load(data, field_map(fields))
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
        if config.rule.pushes:
            warn_of_equals(held, backbone, strong)
        trace = refine_problem(
            held, problem, config, Checkpoints(backbone, strong, weak), lenders=lenders(problem, [method], problems)
        )
    if out:
        trace.save(out)
    theirs = readers_names(problem)
    names = [theirs[name] for name in problem.candidates]  # as the reader wrote them; `renamed` has what the model read
    summary = {"problem": problem.id, "question": problem.question, "candidates": names}
    summary |= {"answer": names[problem.answer] if problem.answer is not None else problem.gold}
    summary |= {
        "renamed": dict(problem.renamed),
        "step_size": config.step_size,
        "eta": config.eta(held.width),
        "runs": {},
    }
    for name, run in trace.runs.items():
        given = answer(trace, name)
        summary["runs"][name] = {
            "answer": given.name,
            "right": given.right,
            "probability": None if given.p is None else round(given.p, 4),
            "margin_after_thought": [None if isnan(m) else round(float(m), 3) for m in curves(trace, name).margin],
            "text": run.text,
            "forwards": run.cost,
        }
    print(json.dumps(summary | {"out": str(out) if out else None}, indent=1, ensure_ascii=False))


def problems(
    data: Annotated[
        str, typer.Option(help="JSON, JSON-lines, CSV, TSV, Parquet or Arrow file, or hub:ID[:CONFIG]@SPLIT.")
    ],
    benchmark: Benchmark = None,
    fields: Fields = None,
    models: Annotated[
        Path | None, typer.Option(help="Model set: show the exact tokens it reads, and where its thoughts go.")
    ] = None,
    index: Annotated[int, typer.Option(help="Which problem to show, from 0.")] = 0,
    template: Annotated[str | None, typer.Option(help="How it is written: english, short, instruct, triples.")] = None,
):
    """Say what a file of problems holds: counts, chance, majority class, broken records by name, and one problem."""
    from ..benchmarks.catalogue import describe
    from ..benchmarks.sources import field_map

    chosen = find_benchmark(benchmark, models or DEFAULT_SET)
    if models:
        from ..models.folder import SetInfo
        from ..models.reading import tokens_read

        info = SetInfo.load(models / "model_set.json")
        template = template or info.template
    loaded = chosen.read(data, field_map(fields))
    print("\n".join(describe(chosen, loaded, index, template)))
    if models:
        print(
            "\n".join(
                tokens_read(models, info, chosen.render(loaded.problems[index], template), loaded.problems[index])
            )
        )
