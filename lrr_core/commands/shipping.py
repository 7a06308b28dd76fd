"""Commands that compute what takes minutes once: maps, planes, pads, the ladder; and the speed of this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..models.checkpoints import Checkpoints
from .options import (
    ASSETS,
    DEFAULT_SET,
    PROGRAM,
    REGIMES,
    Device,
    Mixes,
    Models,
    Opening,
    Out,
    References,
    Residual,
    Rounds,
    Seed,
    Steps,
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
)


def plane(
    models: Models = DEFAULT_SET,
    data: Annotated[
        list[Path] | None, typer.Option(help="Files of problems; may be repeated.", show_default="the app's examples")
    ] = None,
    step_sizes: Steps = None,
    residuals: Mixes = None,
    references: References = "next,same",
    backbone: Opening = None,
    strong: Strong = "strong",
    weak: Weak = "weak",
    thoughts: Thoughts = None,
    rounds: Rounds = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Out = None,
):
    """Every problem under every step size and residual mix, and what becomes of its answer: one plane per problem."""
    from ..models.opened import ModelSet
    from ..studies.measure_planes import MIXES, STEPS, problem_plane
    from ..studies.setting_plane import file_name

    files = data or sorted((ASSETS / "examples").glob("*.json"))
    problems = [p for file in files for p in find_benchmark("prosqa").load(file)]
    axes = numbers(step_sizes, "step-sizes", STEPS), numbers(residuals, "residuals", MIXES)
    chosen = [r.strip() for r in references.split(",")]
    with opened(ModelSet, models, device) as held, bar("plane") as shown:
        shown.total = len(problems) * len(chosen)
        names = Checkpoints(backbone or held.info.opens_with, strong, weak)
        for problem in problems:
            for reference in chosen:
                config = settings(held, thoughts=thoughts, rounds=rounds, reference=reference, seed=seed)
                made, _ = problem_plane(held, problem, config, names, *axes)
                print(made.save((out or REGIMES) / file_name(problem.id, reference)))
                shown.update()


def accuracy(
    models: Models = DEFAULT_SET,
    nodes: Annotated[str, typer.Option(help="Graph size of the generated problems, e.g. 12-15.")] = "12-15",
    hops: Annotated[str, typer.Option(help="Hops from root to answer, e.g. 2-3.")] = "2-3",
    limit: Annotated[int, typer.Option(help="Number of problems.")] = 200,
    problem_seed: Annotated[int, typer.Option(help="Seed of the problems.")] = 9_000_001,
    step_sizes: Steps = None,
    residuals: Mixes = None,
    references: References = "next,same",
    backbone: Opening = None,
    strong: Strong = "strong",
    weak: Weak = "weak",
    thoughts: Thoughts = None,
    rounds: Rounds = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Out = None,
):
    """Accuracy of many problems under every step size and residual mix, with random pushes as control; start again to go on."""
    from ..models.opened import ModelSet
    from ..studies.measure_planes import COARSE_MIXES, COARSE_STEPS, accuracy_plane
    from ..studies.setting_plane import file_name

    source = {"kind": "balanced", "limit": limit, "seed": problem_seed, "nodes": nodes, "hops": hops}
    problems = find_benchmark("prosqa").generate(
        "balanced", limit, problem_seed, span(nodes, "nodes"), span(hops, "hops")
    )
    axes = numbers(step_sizes, "step-sizes", COARSE_STEPS), numbers(residuals, "residuals", COARSE_MIXES)
    with opened(ModelSet, models, device) as held, bar("setting") as shown:
        names = Checkpoints(backbone or held.info.opens_with, strong, weak)

        def progress(done: int, total: int) -> None:
            shown.total, shown.n = total, done
            shown.refresh()

        for reference in [r.strip() for r in references.split(",")]:
            config = settings(held, thoughts=thoughts, rounds=rounds, reference=reference, seed=seed)
            made = accuracy_plane(held, problems, config, names, *axes, progress=progress, source=source)
            print(made.save((out or REGIMES) / file_name("accuracy", reference)))


def ladder(
    models: Models = DEFAULT_SET,
    nodes: Annotated[str, typer.Option(help="Graph size of the generated problems, e.g. 12-15.")] = "12-15",
    hops: Annotated[str, typer.Option(help="Hops from root to answer, e.g. 2-3.")] = "2-3",
    limit: Annotated[int, typer.Option(help="Problems for every rung as backbone.")] = 1000,
    pair_limit: Annotated[int, typer.Option(help="Problems for every pair of rungs, the first of those.")] = 300,
    seed: Annotated[int, typer.Option(help="Seed of the problems; not that of the validation problems.")] = 8_000_001,
    step_size: StepSize = None,
    residual: Residual = None,
    rounds: Rounds = None,
    thoughts: Thoughts = None,
    device: Device = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Where the ladder goes.", show_default="assets/ladder/<set>.json")
    ] = None,
):
    """Measure every rung of the ladder as backbone and every pair of rungs as references; start again to go on."""
    from ..models.opened import ModelSet
    from ..studies.measure_ladder import measure

    with opened(ModelSet, models, device) as held, bar("setting") as shown:
        path = out or ASSETS / "ladder" / f"{held.info.name}.json"

        def progress(asked, done: int, total: int) -> None:
            shown.total, shown.n = total, done
            shown.set_description(" ".join(filter(None, asked)))
            if shown.disable:  # no terminal: one line a setting instead of a bar
                print(f"{done}/{total}: {' '.join(filter(None, asked))}", file=sys.stderr)

        config = settings(held, step_size=step_size, residual=residual, rounds=rounds, thoughts=thoughts)
        spans = {"nodes": span(nodes, "nodes"), "hops": span(hops, "hops")}
        measure(held, path, config, limit, min(pair_limit, limit), seed, **spans, progress=progress)
    print(path)


def make_map(
    models: Models = DEFAULT_SET,
    data: Annotated[Path | None, typer.Option(help="A file of problems.", show_default="fresh ones")] = None,
    seed: Seed = 0,
    device: Device = "auto",
):
    """Fit the background map of a model set (PCA and UMAP over its trajectories) and keep it beside the weights."""
    from ..analysis import background
    from ..models.opened import ModelSet

    with opened(ModelSet, models, device) as held:
        problems = None if data is None else list(find_benchmark(held.info.benchmark).read(data).problems)
        print(background.build(held, seed, problems).save(held.path / "background.npz"))


def live(
    models: Models = DEFAULT_SET,
    data: Annotated[
        list[Path] | None, typer.Option(help="Files of problems; may be repeated.", show_default="the app's examples")
    ] = None,
    backbone: Opening = None,
    strong: Strong = "strong",
    weak: Weak = "weak",
    thoughts: Thoughts = None,
    rounds: Rounds = None,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder of the pads.", show_default="where the app looks")] = None,
):
    """The runs under the Live page's pad: every problem and reading of the references, about ten seconds a problem."""
    from ..models.folder import ModelError
    from ..models.opened import ModelSet
    from ..models.shipped import find_background
    from ..studies.measure_live import ship

    assets = ASSETS
    problems = [
        p for f in data or sorted((assets / "examples").glob("*.json")) for p in find_benchmark("prosqa").load(f)
    ]
    with opened(ModelSet, models, device) as held:
        background = find_background(held)
        if background is None:
            raise ModelError(f"{models} has no map of its thoughts; make it with `{PROGRAM} map --models {models}`.")
        maps = {kind: background.map(kind, 2) for kind in ("UMAP", "PCA")}
        names = Checkpoints(backbone or held.info.opens_with, strong, weak)
        config = settings(held, thoughts=thoughts, rounds=rounds)
        for file in ship(held, problems, config, names, maps, out or assets / "live", say):
            print(file)


def bench(
    models: Models = DEFAULT_SET,
    scale: Annotated[bool, typer.Option("--scale", help="How evaluation scales instead: a few minutes.")] = False,
):
    """Measure speed as ratios within one run."""
    from ..speed.bench import run
    from ..speed.scale import run as run_scale

    for line in (run_scale if scale else run)(models):
        print(line, flush=True)
