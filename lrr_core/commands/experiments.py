"""Commands for experiments: what has to be measured before a method can run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..models.checkpoints import Checkpoints
from .options import (
    DEFAULT_SET,
    Device,
    Dtype,
    Models,
    References,
    Strong,
    Thoughts,
    Weak,
    bar,
    find_benchmark,
    opened,
    say,
    settings,
    span,
)


def calibrate(
    models: Models = DEFAULT_SET,
    data: Annotated[Path | None, typer.Option(help="File of problems to calibrate on; never those you report.")] = None,
    generate: Annotated[
        str | None,
        typer.Option(help="Make fresh problems instead: balanced or released.", show_default="balanced without --data"),
    ] = None,
    nodes: Annotated[str, typer.Option(help="Graph size of generated problems, e.g. 12-15.")] = "12-15",
    hops: Annotated[str, typer.Option(help="Hops from root to answer, e.g. 2-3.")] = "2-3",
    limit: Annotated[int, typer.Option(help="Number of problems (0: all of a file).")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the generated problems; report on another.")] = 6_000_001,
    energy: Annotated[float, typer.Option(help="Share of the energy of strong - weak that is kept, up to 1.")] = 0.9,
    references: References = "next,same",
    backbone: Annotated[
        str | None,
        typer.Option(help="Checkpoints that think, comma-separated.", show_default="backbone, and where the app opens"),
    ] = None,
    strong: Strong = "strong",
    weak: Weak = "weak",
    thoughts: Thoughts = None,
    batch_size: Annotated[int, typer.Option(help="Problems read at once.")] = 64,
    device: Device = "auto",
    dtype: Dtype = "float32",
    out: Annotated[
        Path | None, typer.Option(help="Folder the calibrations go to.", show_default="tilr/ in the set")
    ] = None,
):
    """Find the subspace TILR keeps its pushes in, for each backbone and reading; prints the files, and what they hold on stderr."""
    from ..benchmarks.prosqa import ProblemError
    from ..models.opened import ModelSet
    from ..refinement.calibration import calibrate as run
    from ..refinement.calibration import calibration_problems
    from ..refinement.subspace import file_name, words

    if data is not None and generate is not None:
        raise ProblemError("Give problems either by --data FILE or by --generate balanced|released, not both.")
    if limit < 0 or batch_size < 1:
        raise ProblemError("--limit must be 0 or more and --batch-size 1 or more.")
    with opened(ModelSet, models, device, dtype) as held:
        benchmark = held.info.benchmark
        if data is not None:
            problems = find_benchmark(benchmark).load(data)
            problems, source = problems[:limit] if limit else problems, {"data": data.name}
        else:
            size = span(nodes, "nodes"), span(hops, "hops")
            problems, source = calibration_problems(benchmark, limit or 200, seed, *size, generate or "balanced")
        thinkers = [b.strip() for b in (backbone or f"backbone,{held.info.opens_with}").split(",")]
        for thinker in dict.fromkeys(thinkers):
            for reference in dict.fromkeys(r.strip() for r in references.split(",")):
                config, names = (
                    settings(held, thoughts=thoughts, reference=reference),
                    Checkpoints(thinker, strong, weak),
                )
                with bar("problem") as shown:

                    def progress(done: int, total: int, shown=shown) -> None:
                        shown.total, shown.n = total, done
                        shown.refresh()

                    found = run(held, problems, config, names, energy, batch_size, source, progress)
                say(f"{' / '.join(names)}, {reference}: {words(found)}")
                print(found.save((out or held.path / "tilr") / file_name(names, reference)))
