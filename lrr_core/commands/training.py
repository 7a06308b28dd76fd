"""Commands that train: a run of the curriculum, and a model set made of its checkpoints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[
        Path | None, typer.Option(help="JSON file with fields of TrainConfig; without it the defaults.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, log and configuration.")] = Path("runs/prosqa"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, by its own configuration if none is given.")
    ] = False,
):
    """Train a latent reasoner (or its text baselines) on freshly generated ProsQA; resumable after a kill."""
    from ..training.train import TrainConfig
    from ..training.train import train as run

    kept = out / "config.json"
    if config is None and resume and kept.exists():
        config = kept
    print(run(TrainConfig.load(config or {}), out, resume, say=lambda line: print(line, file=sys.stderr)))


def assemble(
    run: Annotated[Path, typer.Option(help="Training folder with steps/.")],
    out: Annotated[Path, typer.Option(help="Model set to write.")],
    cot: Annotated[Path | None, typer.Option(help="Checkpoint of the text baseline.")] = None,
    no_cot: Annotated[Path | None, typer.Option(help="Checkpoint of the bare-answer baseline.")] = None,
    rungs: Annotated[int, typer.Option(help="Checkpoints on the ladder.")] = 10,
    limit: Annotated[int, typer.Option(help="Validation problems per checkpoint.")] = 400,
):
    """Measure a training's checkpoints and make a model set of them: backbone, strong, weak, ladder."""
    from ..training.assemble import assemble as make

    print(make(run, out, cot, no_cot, rungs, limit, say=lambda line: print(line, file=sys.stderr)))
