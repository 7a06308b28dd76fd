"""Commands that count: many problems under many arms, and the search for a setting on problems of its own."""

from __future__ import annotations

import json
import sys
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
    bar,
    find_benchmark,
    numbers,
    opened,
    say,
    settings,
    span,
    warn_of_equals,
)

Data = Annotated[str | None, typer.Option(help="Problems: JSON, JSON-lines or Parquet file, or hub:ID[:CONFIG]@SPLIT.")]
Generate = Annotated[str | None, typer.Option(help="Make fresh problems instead: balanced or released.")]
Nodes = Annotated[str | None, typer.Option(help="Graph size of generated problems, e.g. 23 or 12-15.")]
Hops = Annotated[str | None, typer.Option(help="Hops from root to answer, e.g. 3-6; lengths are drawn evenly.")]
Limit = Annotated[int, typer.Option(help="Number of problems (0: all of a file).")]
BatchSize = Annotated[int, typer.Option(help="Problems answered at once; fewer where memory is short.")]
Values = Annotated[str | None, typer.Option(help="Comma-separated values to try.")]


def evaluate(
    models: Models = DEFAULT_SET,
    benchmark: Benchmark = None,
    data: Data = None,
    fields: Fields = None,
    generate: Generate = None,
    nodes: Nodes = None,
    hops: Hops = None,
    limit: Limit = 200,
    seed: Seed = 0,
    seeds: Annotated[
        str | None,
        typer.Option(help="Several seeds, comma-separated: mean and spread are added.", show_default="--seed"),
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated, each with settings of its own where wanted: full@same@s=0.4@a=0.1.",
            show_default="coconut,residual,contrast,full,zero_thoughts",
        ),
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(
            help="Ready-made lists of methods, comma-separated: main, ablation, controls, sensitivity, backbones, tokens, "
            "more_training."
        ),
    ] = None,
    tuned: Annotated[
        Path | None, typer.Option(help="Surface of `sweep`: use the setting it chose; its own problems are refused.")
    ] = None,
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
    batch_size: BatchSize = 64,
    device: Device = "auto",
    dtype: Dtype = "float32",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where report.json goes; answers are kept beside it as they come, so that a stopped run goes on. Without it the "
            "report is printed."
        ),
    ] = None,
):
    """Answer many problems with many methods; prints a table (stderr) and the report as JSON (stdout or --out)."""
    from ..benchmarks.prosqa import ProblemError
    from ..evaluation.evaluate import evaluate as run
    from ..evaluation.experiments import EXPERIMENTS
    from ..evaluation.processes import Processes
    from ..evaluation.report import to_dict
    from ..evaluation.search import check_apart, chosen_settings, load, tuning
    from ..evaluation.tally import table
    from ..models.opened import ModelSet
    from ..refinement.methods import METHODS
    from ..storage import write_json

    _check_source(data, generate, limit, batch_size)
    surface = load(tuned) if tuned else None
    found, source = _problems(
        find_benchmark(benchmark, models), data, fields, generate, nodes, hops, limit, _seeds(seeds, seed)
    )
    if surface:
        check_apart(surface, [p for asked in found.values() for p in asked])
    team = Processes()
    with opened(ModelSet, models, device, dtype) as held:
        chosen = chosen_settings(surface) if surface else {}
        given = {
            "step_size": step_size, "residual": residual, "rounds": rounds, "thoughts": thoughts, "reference": reference,
            "sign": sign, "gradient": gradient, "momentum": momentum, "seed": next(iter(found)),
        }  # fmt: skip
        config = settings(held, **chosen | {k: v for k, v in given.items() if v is not None})
        labels = [m.strip() for m in (methods or "").split(",") if m.strip()]
        for name in [e.strip() for e in (experiment or "").split(",") if e.strip()]:
            if name not in EXPERIMENTS:
                raise ProblemError(f"No experiment called {name!r}; choose one of {', '.join(EXPERIMENTS)}.")
            labels += EXPERIMENTS[name].labels(held)
        if experiment and not methods:
            source["experiment"] = ",".join(e.strip() for e in experiment.split(",") if e.strip())
        if methods is None and experiment is None:
            labels = ["coconut", "residual", "contrast", "full", "zero_thoughts"]
        if team.main:
            if any(METHODS[m].pushes for m in (label.split("@")[0] for label in labels) if m in METHODS):
                warn_of_equals(held, backbone, strong)
            if surface and not surface["chosen"]["step_size"]:
                say(
                    "note: the setting that was chosen pushes nothing (s = 0); contrast does nothing and full only mixes"
                )
        with bar("answer") as shown:
            report = run(
                held, found, labels, config, Checkpoints(backbone, strong, weak), batch_size, _progress(shown, team.main),
                kept=out.with_suffix(".answers.jsonl") if out else None, source=source,
                tuning=tuning(surface, tuned.name) if surface else None,
            )  # fmt: skip
    if team.main:
        say("\n".join(table(report)))
        if out:
            write_json(to_dict(report), out, compact=True)
        print(out if out else json.dumps(to_dict(report)))
    team.close()


def sweep(
    models: Models = DEFAULT_SET,
    benchmark: Benchmark = None,
    data: Data = None,
    fields: Fields = None,
    generate: Annotated[
        str | None, typer.Option(help="Make fresh problems: balanced or released.", show_default="balanced")
    ] = None,
    nodes: Annotated[str | None, typer.Option(help="Graph size of generated problems.", show_default="12-15")] = None,
    hops: Annotated[str | None, typer.Option(help="Hops from root to answer.", show_default="2-3")] = None,
    limit: Limit = 400,
    seed: Annotated[int, typer.Option(help="Seed of the problems; report on another.")] = 7_000_001,
    step_sizes: Values = None,
    residuals: Values = None,
    rounds: Values = None,
    thoughts: Values = None,
    references: Annotated[str, typer.Option(help="Readings of the references, comma-separated.")] = "next,same",
    draw: Annotated[int, typer.Option(help="Try so many settings of the grid at random (0: all of it).")] = 0,
    draw_seed: Annotated[int, typer.Option(help="Seed of that draw.")] = 0,
    backbone: Backbone = "backbone",
    strong: Strong = "strong",
    weak: Weak = "weak",
    batch_size: BatchSize = 100,
    device: Device = "auto",
    dtype: Dtype = "float32",
    out: Annotated[
        Path | None,
        typer.Option(help="Where the surface goes; a stopped search goes on. Without it the surface is printed."),
    ] = None,
):
    """Search step size, residual mix, rounds, thoughts and reference on validation problems; writes the whole surface."""
    from ..evaluation.processes import Processes
    from ..evaluation.search import Axes, search
    from ..models.opened import ModelSet
    from ..storage import write_json

    if data is None:
        generate, nodes, hops = generate or "balanced", nodes or "12-15", hops or "2-3"
    _check_source(data, generate, limit, batch_size)
    found, source = _problems(find_benchmark(benchmark, models), data, fields, generate, nodes, hops, limit, [seed])
    axes = Axes(
        step_size=numbers(step_sizes, "step-sizes", Axes.step_size),
        residual=numbers(residuals, "residuals", Axes.residual),
        rounds=tuple(map(int, numbers(rounds, "rounds", ()))),
        thoughts=tuple(map(int, numbers(thoughts, "thoughts", ()))),
        reference=tuple(r.strip() for r in references.split(",")),
    )
    team = Processes()
    with opened(ModelSet, models, device, dtype) as held, bar("answer") as shown:
        surface = search(
            held, found[seed], settings(held), Checkpoints(backbone, strong, weak), axes, draw, draw_seed, batch_size,
            _progress(shown, team.main), out.with_suffix(".answers.jsonl") if out else None, source,
        )  # fmt: skip
    if team.main:
        if out:
            write_json(surface, out, compact=True)
        print(json.dumps(surface["chosen"]) if out else json.dumps(surface))
    team.close()


def _check_source(data: str | None, generate: str | None, limit: int, batch_size: int) -> None:
    from ..benchmarks.prosqa import ProblemError

    if (data is None) == (generate is None):
        raise ProblemError("Give problems either by --data FILE or by --generate balanced|released.")
    if limit < 0 or batch_size < 1:
        raise ProblemError("--limit must be 0 or more and --batch-size 1 or more.")


def _seeds(text: str | None, seed: int) -> list[int]:
    from ..benchmarks.prosqa import ProblemError

    if text is None:
        return [seed]
    try:
        found = list(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise ProblemError(f"--seeds takes whole numbers separated by commas, such as 0,1,2, not {text!r}.") from None
    if min(found) < 0:
        raise ProblemError(f"--seeds must be 0 or more, not {min(found)}.")
    return found


def _problems(chosen, data, fields, generate, nodes, hops, limit, seeds) -> tuple[dict[int, list], dict]:
    """Problems by seed, and where they came from. Broken records of a file are named on stderr and left out; problems whose
    answer nobody knows cannot be counted and are named, too."""
    from ..benchmarks.sources import field_map

    source = {"data": None, "generate": generate, "nodes": nodes, "hops": hops, "seed": seeds[0]}
    if data is None:
        spans = span(nodes, "nodes"), span(hops, "hops")
        return {s: chosen.generate(generate, limit or 200, s, *spans) for s in seeds}, source
    loaded = chosen.read(data, field_map(fields))
    for flaw in loaded.broken:
        say(f"left out: {flaw.id}, {flaw.where}: {flaw.reason}")
    known = [p for p in loaded.problems if p.gold is not None]
    if unknown := len(loaded.problems) - len(known):
        say(f"left out: {unknown} problems whose right answer is unknown")
    found = known[:limit] if limit else known
    source |= {"data": Path(data).name, "seed": None, "records": loaded.records, "broken": len(loaded.broken)}
    return dict.fromkeys(seeds, found), source


def _progress(shown, main: bool):
    """A bar on a terminal; elsewhere a line at every tenth."""
    told = [0]

    def progress(label: str, done: int, total: int) -> None:
        if not main:
            return
        shown.total, shown.n = total, done
        if label == "kept":
            say(f"{done} of {total} answers are there from before")
            told[0] = 10 * done // total
            return
        shown.set_description(label)
        if shown.disable and 10 * done // total > told[0]:
            told[0] = 10 * done // total
            print(f"{done} of {total} answers", file=sys.stderr)

    return progress
