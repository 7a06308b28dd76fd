"""`python -m lrr_core refine | evaluate | problems | train | assemble | sweep | plane | accuracy | ladder | map | live | bench`.

Progress goes to stderr, results to stdout or `--out`. Bad input ends with exit code 2 and one line that names the fix.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

PROGRAM = "python -m lrr_core"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__.split("\n")[0])

DEFAULT_SET = Path(__file__).parent.parent / "assets" / "models" / "prosqa"
REGIMES = Path(__file__).parent.parent / "assets" / "regimes"
Models = Annotated[
    Path,
    typer.Option(
        help="Folder of a model set (model_set.json, backbone/, strong/, weak/).", show_default="the shipped set"
    ),
]
Benchmark = Annotated[
    str, typer.Option(help="Which benchmark the problems belong to: prosqa, gsm8k, mathqa, aqua or strategyqa.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Dtype = Annotated[str, typer.Option(help="float32, float16 or bfloat16.")]
Backbone = Annotated[str, typer.Option(help="Checkpoint that thinks, e.g. backbone or ladder/NAME.")]
Strong = Annotated[str, typer.Option(help="Checkpoint thoughts are pushed towards.")]
Weak = Annotated[str, typer.Option(help="Checkpoint thoughts are pushed away from.")]
StepSize = Annotated[float | None, typer.Option(help="s = 2η/D: fraction of (strong - weak) added per round.")]
Residual = Annotated[float | None, typer.Option(help="α: share of the previous thought that is mixed in, 0 to 1.")]
Rounds = Annotated[int | None, typer.Option(help="K: contrast rounds per thought.")]
Thoughts = Annotated[int | None, typer.Option(help="T: thoughts before the answer (default: the set's own).")]
Reference = Annotated[
    str | None, typer.Option(help="next: forecast of the next thought; same: strong's own thought t.")
]
Sign = Annotated[str | None, typer.Option(help="descent (towards strong) or as_printed (the published equation).")]
Gradient = Annotated[str | None, typer.Option(help="detached (closed form) or through_model.")]
Momentum = Annotated[float | None, typer.Option(help="β: share of the earlier gradients that is kept.")]
Seed = Annotated[int, typer.Option(help="Seed of random directions and generated problems.")]


def _settings(models, **given):
    """The set's defaults, overridden by what was given on the command line."""
    from .trace import RefineConfig

    chosen = {k: v for k, v in given.items() if v is not None}
    return RefineConfig.from_dict({"thoughts": models.info.thoughts} | models.info.defaults | chosen)


def _span(text: str | None, what: str) -> tuple[int, int] | None:
    """ "3-6" or "23" -> inclusive range."""
    from .prosqa import ProblemError

    if text is None:
        return None
    try:
        low, _, high = text.partition("-")
        span = int(low), int(high or low)
    except ValueError:
        raise ProblemError(f"--{what} takes a number or a range such as 3-6, not {text!r}.") from None
    if not 0 < span[0] <= span[1]:
        raise ProblemError(f"--{what} must run from a smaller to a larger positive number, not {text!r}.")
    return span


def _numbers(text: str | None, what: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """ "-0.5,0,1" -> (-0.5, 0.0, 1.0), ascending and without repeats."""
    from .trace import ConfigError

    if text is None:
        return default
    try:
        return tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError:
        raise ConfigError(f"--{what} takes numbers separated by commas, such as 0,0.5,1, not {text!r}.") from None


@app.command()
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
    from .metrics import candidate_probability, curves
    from .models import ModelSet
    from .problems import BENCHMARKS, from_text
    from .prosqa import ProblemError
    from .refine import refine_problem
    from .summary import readers_names

    if (data is None) == (text is None):
        raise ProblemError("Give a problem either by --data FILE (and --index N) or by --text.")
    if text is not None:
        problem = from_text(benchmark, text)
    else:
        problems = _benchmark(benchmark).load(data)
        if not 0 <= index < len(problems):
            raise ProblemError(f"--index must lie between 0 and {len(problems) - 1} for {data}, not {index}.")
        problem = problems[index]
    with _opened(ModelSet, models, device, dtype) as opened:
        config = _settings(
            opened,
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
        trace = refine_problem(opened, problem, config, (backbone, strong, weak), others=others)
    if out:
        trace.save(out)
    theirs = readers_names(problem)
    names = [theirs[name] for name in problem.candidates]  # as the reader wrote them; `renamed` has what the model read
    summary = {"problem": problem.id, "question": problem.question, "candidates": names}
    summary |= {"answer": names[problem.answer] if problem.answer is not None else None}
    summary |= {
        "renamed": dict(problem.renamed),
        "step_size": config.step_size,
        "eta": config.eta(opened.width),
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


@app.command()
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
    from .evaluate import evaluate as run
    from .evaluate import table, write_json
    from .models import ModelSet
    from .prosqa import ProblemError

    if (data is None) == (generate is None):
        raise ProblemError("Give problems either by --data FILE or by --generate balanced|released.")
    if limit < 0 or batch_size < 1:
        raise ProblemError("--limit must be 0 or more and --batch-size 1 or more.")
    chosen = _benchmark(benchmark)
    if data is not None:
        problems = chosen.load(data)
        problems = problems[:limit] if limit else problems
    else:
        problems = chosen.generate(generate, limit or 200, seed, _span(nodes, "nodes"), _span(hops, "hops"))
    with _opened(ModelSet, models, device, dtype) as opened:
        config = _settings(
            opened,
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
        with _bar("problem") as bar:

            def progress(method: str, done: int, total: int) -> None:
                bar.total, bar.n = len(names) * total, names.index(method) * total + done
                bar.set_description(method)
                if bar.disable and done == total:  # no terminal: one line a method instead of a bar
                    print(f"{method}: {done} problems answered", file=sys.stderr)

            report = run(opened, problems, names, config, (backbone, strong, weak), batch_size, progress)
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


@app.command()
def problems(
    data: Annotated[
        str, typer.Option(help="JSON, JSON-lines or Parquet file, or hub:ID[:CONFIG]@SPLIT of the Hugging Face hub.")
    ],
    benchmark: Benchmark = "prosqa",
    index: Annotated[int, typer.Option(help="Which problem to show, from 0.")] = 0,
    template: Annotated[str | None, typer.Option(help="How it is written: english, short, instruct, triples.")] = None,
):
    """Say what a file of problems holds: counts, chance, majority class, broken records by name, and one problem."""
    from .problems import describe

    chosen = _benchmark(benchmark)
    print("\n".join(describe(chosen, chosen.read(data), index, template)))


@app.command()
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
    from .train import TrainConfig
    from .train import train as run

    kept = out / "config.json"
    if config is None and resume and kept.exists():
        config = kept
    print(run(TrainConfig.load(config or {}), out, resume, say=lambda line: print(line, file=sys.stderr)))


@app.command()
def assemble(
    run: Annotated[Path, typer.Option(help="Training folder with steps/.")],
    out: Annotated[Path, typer.Option(help="Model set to write.")],
    cot: Annotated[Path | None, typer.Option(help="Checkpoint of the text baseline.")] = None,
    no_cot: Annotated[Path | None, typer.Option(help="Checkpoint of the bare-answer baseline.")] = None,
    rungs: Annotated[int, typer.Option(help="Checkpoints on the ladder.")] = 10,
    limit: Annotated[int, typer.Option(help="Validation problems per checkpoint.")] = 400,
):
    """Measure a training's checkpoints and make a model set of them: backbone, strong, weak, ladder."""
    from .assemble import assemble as make

    print(make(run, out, cot, no_cot, rungs, limit, say=lambda line: print(line, file=sys.stderr)))


@app.command()
def sweep(
    models: Models = DEFAULT_SET,
    nodes: Annotated[str, typer.Option(help="Graph size of the generated problems, e.g. 12-15.")] = "12-15",
    hops: Annotated[str, typer.Option(help="Hops from root to answer, e.g. 2-3.")] = "2-3",
    limit: Annotated[int, typer.Option(help="Number of validation problems.")] = 400,
    seed: Annotated[int, typer.Option(help="Seed of the validation problems; report on another.")] = 7_000_001,
    backbone: Backbone = "backbone",
    strong: Strong = "strong",
    weak: Weak = "weak",
    thoughts: Thoughts = None,
    rounds: Rounds = None,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="Where the surface goes (JSON); without it it is printed.")] = None,
):
    """Accuracy over a grid of step size, residual mix and reference on validation problems; names the best setting."""
    from .evaluate import write_json
    from .models import ModelSet
    from .sweep import sweep as run

    problems = _benchmark("prosqa").generate("balanced", limit, seed, _span(nodes, "nodes"), _span(hops, "hops"))
    with _opened(ModelSet, models, device) as opened, _bar("setting") as bar:

        def progress(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        config = _settings(opened, thoughts=thoughts, rounds=rounds)
        surface = run(opened, problems, config, (backbone, strong, weak), progress=progress)
    surface["source"] = {"generate": "balanced", "nodes": nodes, "hops": hops, "seed": seed}
    if out:
        write_json(surface, out)
    print(json.dumps(surface["chosen"]) if out else json.dumps(surface))


Steps = Annotated[str | None, typer.Option(help="Signed step sizes, comma-separated; negative is the printed sign.")]
Mixes = Annotated[str | None, typer.Option(help="Residual mixes, comma-separated.")]
Out = Annotated[Path | None, typer.Option(help="Folder the planes go to.", show_default="assets/regimes")]
Opening = Annotated[str | None, typer.Option(help="Checkpoint that thinks.", show_default="the one the app opens on")]
References = Annotated[str, typer.Option(help="Readings of the references, comma-separated.")]


@app.command()
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
    from .models import ModelSet
    from .regimes import file_name
    from .sweep import MIXES, STEPS, problem_plane

    files = data or sorted((DEFAULT_SET.parents[1] / "examples").glob("*.json"))
    problems = [p for file in files for p in _benchmark("prosqa").load(file)]
    axes = _numbers(step_sizes, "step-sizes", STEPS), _numbers(residuals, "residuals", MIXES)
    chosen = [r.strip() for r in references.split(",")]
    with _opened(ModelSet, models, device) as opened, _bar("plane") as bar:
        bar.total = len(problems) * len(chosen)
        names = backbone or opened.info.opens_with, strong, weak
        for problem in problems:
            for reference in chosen:
                config = _settings(opened, thoughts=thoughts, rounds=rounds, reference=reference, seed=seed)
                made, _ = problem_plane(opened, problem, config, names, *axes)
                print(made.save((out or REGIMES) / file_name(problem.id, reference)))
                bar.update()


@app.command()
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
    from .models import ModelSet
    from .regimes import file_name
    from .sweep import COARSE_MIXES, COARSE_STEPS, accuracy_plane

    source = {"kind": "balanced", "limit": limit, "seed": problem_seed, "nodes": nodes, "hops": hops}
    problems = _benchmark("prosqa").generate(
        "balanced", limit, problem_seed, _span(nodes, "nodes"), _span(hops, "hops")
    )
    axes = _numbers(step_sizes, "step-sizes", COARSE_STEPS), _numbers(residuals, "residuals", COARSE_MIXES)
    with _opened(ModelSet, models, device) as opened, _bar("setting") as bar:
        names = backbone or opened.info.opens_with, strong, weak

        def progress(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        for reference in [r.strip() for r in references.split(",")]:
            config = _settings(opened, thoughts=thoughts, rounds=rounds, reference=reference, seed=seed)
            made = accuracy_plane(opened, problems, config, names, *axes, progress=progress, source=source)
            print(made.save((out or REGIMES) / file_name("accuracy", reference)))


@app.command()
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
    from .ladder import measure
    from .models import ModelSet

    with _opened(ModelSet, models, device) as opened, _bar("setting") as bar:
        path = out or DEFAULT_SET.parents[1] / "ladder" / f"{opened.info.name}.json"

        def progress(asked, done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.set_description(" ".join(filter(None, asked)))
            if bar.disable:  # no terminal: one line a setting instead of a bar
                print(f"{done}/{total}: {' '.join(filter(None, asked))}", file=sys.stderr)

        config = _settings(opened, step_size=step_size, residual=residual, rounds=rounds, thoughts=thoughts)
        spans = {"nodes": _span(nodes, "nodes"), "hops": _span(hops, "hops")}
        measure(opened, path, config, limit, min(pair_limit, limit), seed, **spans, progress=progress)
    print(path)


@app.command(name="map")
def make_map(models: Models = DEFAULT_SET, seed: Seed = 0, device: Device = "auto"):
    """Fit the background map of a model set (PCA and UMAP over its trajectories) and keep it beside the weights."""
    from . import background
    from .models import ModelSet

    opened = ModelSet(models, device)
    print(background.build(opened, seed).save(opened.path / "background.npz"))


@app.command()
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
    from .live_runs import ship
    from .model_set import ModelError
    from .models import ModelSet
    from .shipped import find_background

    assets = DEFAULT_SET.parents[1]
    problems = [p for f in data or sorted((assets / "examples").glob("*.json")) for p in _benchmark("prosqa").load(f)]
    with _opened(ModelSet, models, device) as opened:
        background = find_background(opened)
        if background is None:
            raise ModelError(f"{models} has no map of its thoughts; make it with `{PROGRAM} map --models {models}`.")
        maps = {kind: background.map(kind, 2) for kind in ("UMAP", "PCA")}
        names = (backbone or opened.info.opens_with, strong, weak)
        config = _settings(opened, thoughts=thoughts, rounds=rounds)
        for file in ship(opened, problems, config, names, maps, out or assets / "live", _say):
            print(file)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


@app.command()
def bench(models: Models = DEFAULT_SET):
    """Measure speed as ratios within one run."""
    from .bench import run

    for line in run(models):
        print(line, flush=True)


def _benchmark(name: str):
    from .problems import BENCHMARKS
    from .prosqa import ProblemError

    if name not in BENCHMARKS:
        raise ProblemError(f"No benchmark called {name!r}; choose one of {', '.join(BENCHMARKS)}.")
    return BENCHMARKS[name]


def _bar(unit: str):
    """A progress bar on stderr; silent where stderr is no terminal."""
    from tqdm import tqdm

    return tqdm(file=sys.stderr, unit=unit, disable=None)


class _opened:
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


def main(argv: list[str] | None = None) -> None:
    """Run a command (by default that of the command line) and exit: 0 done, 2 bad input, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        code = app(argv or ["--help"], prog_name=PROGRAM, standalone_mode=False) or 0
        if code == 130:  # how typer reports Ctrl-C here
            print("Stopped.", file=sys.stderr)
        if not argv:
            code = 2
    except typer.TyperException as error:  # an option that does not exist, a number that is none, ...
        command = error.ctx.command_path if getattr(error, "ctx", None) else PROGRAM
        code = _complain(f"{error.format_message().rstrip('.')}; see `{command} --help`.")
    except (ValueError, OSError) as error:  # ProblemError, ModelError, ConfigError, RefineError; unreadable files
        code = _complain(str(error))
    sys.exit(code)


def _complain(message: str) -> int:
    """One line, whatever the message was; the exit code of bad input."""
    print("Error:", " ".join(message.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
