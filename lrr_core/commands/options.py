"""What the commands share: options and their help, settings over a set's defaults, progress on stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

PROGRAM = "python -m lrr_core"
ASSETS = Path(__file__).parents[2] / "assets"
DEFAULT_SET = ASSETS / "models" / "prosqa"
REGIMES = ASSETS / "regimes"
Models = Annotated[
    Path,
    typer.Option(
        help="Folder of a model set (model_set.json, backbone/, strong/, weak/).", show_default="the shipped set"
    ),
]
Benchmark = Annotated[
    str | None,
    typer.Option(
        help="Which benchmark the problems belong to: prosqa, gsm8k, mathqa, aqua, strategyqa or generic.",
        show_default="the set's own",
    ),
]
Fields = Annotated[
    str | None,
    typer.Option(help="Names of a file's own: question=prompt,answer=label; a.b looks inside a, a+b joins two texts."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Dtype = Annotated[str, typer.Option(help="float32, float16 or bfloat16.")]
Backbone = Annotated[str, typer.Option(help="Checkpoint that thinks, e.g. backbone or ladder/NAME.")]
Strong = Annotated[str, typer.Option(help="Checkpoint thoughts are pushed towards.")]
Weak = Annotated[str, typer.Option(help="Checkpoint thoughts are pushed away from.")]
OWN = "the set's own"  # shown as the default of what a model set decides
StepSize = Annotated[
    float | None, typer.Option(help="s = 2η/D: fraction of (strong - weak) added per round.", show_default=OWN)
]
Residual = Annotated[
    float | None, typer.Option(help="α: share of the previous thought that is mixed in, 0 to 1.", show_default=OWN)
]
Rounds = Annotated[int | None, typer.Option(help="K: contrast rounds per thought.", show_default=OWN)]
Thoughts = Annotated[int | None, typer.Option(help="T: thoughts before the answer.", show_default=OWN)]
Reference = Annotated[
    str | None, typer.Option(help="next: forecast of the next thought; same: strong's own thought t.", show_default=OWN)
]
Sign = Annotated[
    str | None,
    typer.Option(help="descent (towards strong) or as_printed (the published equation).", show_default="descent"),
]
Gradient = Annotated[str | None, typer.Option(help="detached (closed form) or through_model.", show_default="detached")]
Momentum = Annotated[
    float | None, typer.Option(help="β: share of the earlier gradients that is kept.", show_default="0")
]
Seed = Annotated[int, typer.Option(help="Seed of random directions and generated problems.")]
Steps = Annotated[str | None, typer.Option(help="Signed step sizes, comma-separated; negative is the printed sign.")]
Mixes = Annotated[str | None, typer.Option(help="Residual mixes, comma-separated.")]
Out = Annotated[Path | None, typer.Option(help="Folder the planes go to.", show_default="assets/regimes")]
Opening = Annotated[str | None, typer.Option(help="Checkpoint that thinks.", show_default="the one the app opens on")]
References = Annotated[str, typer.Option(help="Readings of the references, comma-separated.")]


def settings(models, **given):
    """The set's defaults, overridden by what was given on the command line."""
    from ..refinement.trace import RefineConfig

    chosen = {k: v for k, v in given.items() if v is not None}
    return RefineConfig.from_dict({"thoughts": models.info.thoughts} | models.info.defaults | chosen)


def warn_of_equals(models, backbone: str, strong: str) -> None:
    """One line on stderr where strong is the very model that thinks: there is nothing to be pushed towards then."""
    if models.hash(backbone) == models.hash(strong):
        opens = models.info.opens_with
        say(
            f"note: {backbone} and {strong} are the same weights, so refinement has little to do"
            + (f"; try --backbone {opens}, which the app opens on" if opens not in (backbone, strong) else "")
        )


def span(text: str | None, what: str) -> tuple[int, int] | None:
    """ "3-6" or "23" -> inclusive range."""
    from ..benchmarks.prosqa import ProblemError

    if text is None:
        return None
    try:
        low, _, high = text.partition("-")
        low_high = int(low), int(high or low)
    except ValueError:
        raise ProblemError(f"--{what} takes a number or a range such as 3-6, not {text!r}.") from None
    if not 0 < low_high[0] <= low_high[1]:
        raise ProblemError(f"--{what} must run from a smaller to a larger positive number, not {text!r}.")
    return low_high


def numbers(text: str | None, what: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """ "-0.5,0,1" -> (-0.5, 0.0, 1.0), ascending and without repeats."""
    from ..refinement.trace import ConfigError

    if text is None:
        return default
    try:
        return tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError:
        raise ConfigError(f"--{what} takes numbers separated by commas, such as 0,0.5,1, not {text!r}.") from None


def find_benchmark(name: str | None, models: Path = DEFAULT_SET):
    """The benchmark of that name; without a name the one the set was made for. ProblemError, or the set's own error."""
    from ..benchmarks.catalogue import BENCHMARKS
    from ..benchmarks.prosqa import ProblemError

    if name is None:
        from ..models.folder import SetInfo

        name = SetInfo.load(Path(models) / "model_set.json").benchmark
    if name not in BENCHMARKS:
        raise ProblemError(f"No benchmark called {name!r}; choose one of {', '.join(BENCHMARKS)}.")
    return BENCHMARKS[name]


def bar(unit: str):
    """A progress bar on stderr; silent where stderr is no terminal."""
    from tqdm import tqdm

    return tqdm(file=sys.stderr, unit=unit, disable=None)


class opened:
    """Open a model set with the library's own loading bars off; results are all that goes to stdout."""

    def __init__(self, kind, *args):
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()
        self.models = kind(*args)

    def __enter__(self):
        return self.models

    def __exit__(self, *_):
        return False


def say(line: str) -> None:
    print(line, file=sys.stderr)
