"""Measures the numbers the Learn page cannot wait for, problem by problem, with the weights that gave them.

    python -m lrr_core.lessons.measure --released prosqa/valid.json

writes two files of assets/lessons, about 25 minutes on one core; start it again to go on where it stopped.

    answers.json   which problems each method answered rightly, under the settings of the chapters (`lessons.Case`)
    umap.json      how far points move on the maps when the thought hardly moves, or moves (`lessons.MapMoves`)

Problems are drawn from seeds that neither training nor tuning used. Rights and wrongs are kept for every problem, so that
the page can count them for any n, pair them, and put an interval beside every number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..analysis.curves import norm
from ..analysis.fitting import FIT_NEIGHBOURS, MIN_DIST, UMAP_LOCK
from ..analysis.statistics import pack
from ..benchmarks.catalogue import BENCHMARKS, Problem
from ..benchmarks.prosqa import ProblemError
from ..benchmarks.shortcuts import depth_rule
from ..evaluation.arms import arm_of
from ..evaluation.engine import refined, runs
from ..evaluation.evaluate import evaluate
from ..models.checkpoints import STANDARD, Checkpoints
from ..models.opened import ModelSet
from ..models.shipped import find_background
from ..refinement.methods import PLAIN
from ..refinement.trace import RefineConfig, Run
from ..storage import write_json
from .laws import map_width
from .records import FORMAT, MapMoves, after

HERE = Path(__file__).parents[2]
SEED = 20_261_123
SMALL, LARGE = ((12, 15), (2, 3)), ((14, 28), (3, 4))  # nodes, hops
ALPHAS = tuple(i / 10 for i in range(11))
OVERRUN, FEWER = 10, 600  # thoughts, four more than in training, and problems
NOISE = 1e-5  # of a thought's length
MOVED = (40, 0.1)  # problems, and the step size by which their thoughts are pushed
BATCH = 100

Task = tuple[str, Sequence[Problem], dict, RefineConfig, Checkpoints, tuple[str, ...]]


def tasks(models: ModelSet, released: Path | None) -> Iterator[Task]:
    """(name, problems, where they come from, settings, checkpoints, methods) of every case; for methods see `answered`."""
    opens, thoughts = models.info.opens_with, models.info.thoughts
    tuned = RefineConfig.from_dict({"thoughts": thoughts} | models.info.defaults)
    same = replace(tuned, reference="same", step_size=0.7, residual=0.1)
    small, where_small = _draw(SMALL, 1000, SEED)
    large, where_large = _draw(LARGE, 1000, SEED + 1)
    middle, best = STANDARD.alone(opens), STANDARD
    controls = (PLAIN, "residual", "contrast", "full", "random_direction", "swapped", "zero_thoughts", "frozen")
    yield "middle-next", small, where_small, tuned, middle, controls
    yield "middle-same", small, where_small, same, middle, controls
    yield "best-small", small, where_small, tuned, best, (*controls, "cot", "no_cot", "depth_rule")
    yield "best-large", large, where_large, tuned, best, (*controls, "depth_rule")
    pushes = (
        PLAIN,
        "contrast",
        "random_direction",
        "swapped",
    )  # without mixing, so that the random push has its length alone
    for name, config, names in (
        ("push-middle-next", tuned, middle),
        ("push-middle-next-large", replace(tuned, step_size=1.0), middle),
        ("push-middle-same", same, middle),
        ("push-best-next", tuned, best),
    ):
        yield name, small, where_small, replace(config, residual=0.0), names, pushes
    counts = tuple(after(a, t) for a in ALPHAS for t in range(1, OVERRUN + 1))
    plain = RefineConfig("residual", 0.0, 0.0, 1, OVERRUN)
    yield "overrun", small[:FEWER], {**where_small, "n": FEWER}, plain, middle, counts
    if released is not None:
        problems = BENCHMARKS[models.info.benchmark].load(released)
        where = {"file": released.name, "sha256": hashlib.sha256(released.read_bytes()).hexdigest(), "n": len(problems)}
        yield "released", problems, where, tuned, best, (PLAIN, "zero_thoughts", "depth_rule")


def _draw(size, count: int, seed: int) -> tuple[list[Problem], dict]:
    nodes, hops = size
    problems = BENCHMARKS["prosqa"].generate("balanced", count, seed, nodes, hops)
    return problems, {"generator": "balanced", "seed": seed, "nodes": list(nodes), "hops": list(hops), "n": count}


def measure_answers(models: ModelSet, path: Path, released: Path | None, say: Callable[[str], None] = print) -> None:
    """Every case of `tasks` into the file at `path`, written after each; cases of these weights that are there are kept."""
    kept = {}
    if path.exists():
        old = json.loads(path.read_text())
        kept = {c["name"]: c for c in old["cases"] if old.get("format") == FORMAT}
    cases = []
    for name, problems, where, config, names, methods in tasks(models, released):
        head = {"name": name, "problems": where, "config": asdict(config), "checkpoints": list(names)}
        used = dict.fromkeys([*names, *(m for m in methods if m in models.members)])
        head["identity"] = models.identity(*used)
        before = kept.pop(name, {})
        if all(before.get(k) == v for k, v in head.items()) and set(before["right"]) == set(methods):
            cases.append(before)
            continue
        say(f"{name}: {len(problems)} problems, {len(methods)} settings")
        right = answered(models, problems, config, names, methods)
        cases.append(head | {"right": {m: {"n": len(r), "hex": pack(r)} for m, r in right.items()}})
        write_json({"format": FORMAT, "what": "answers", "cases": [*cases, *kept.values()]}, path)
    if released is None:  # without the released file its case stays as it was measured
        cases += [kept[name] for name in kept if name == "released"]
    write_json({"format": FORMAT, "what": "answers", "cases": cases}, path)


def answered(
    models: ModelSet,
    problems: Sequence[Problem],
    config: RefineConfig,
    names: Checkpoints,
    methods: Sequence[str],
) -> dict[str, np.ndarray]:
    """Method -> (n,) whether each problem is answered rightly. "depth_rule" asks no model; `lessons.after(α, t)` is residual
    mixing with t thoughts, read off one run: thought t does not depend on how many follow (tested)."""
    right = {}
    if "depth_rule" in methods:
        right["depth_rule"] = np.array([depth_rule(q) == q.answer for q in (p.need_graph() for p in problems)])
    for alpha in dict.fromkeys(m.split("@")[0] for m in methods if "@" in m):
        setting = replace(config, method="residual", residual=float(alpha))
        chosen = choices_after_each(models, problems, setting, names)
        found = chosen == np.array([p.answer for p in problems])[:, None]
        right |= {after(float(alpha), t + 1): found[:, t] for t in range(found.shape[1])}
    if rest := [m for m in methods if m not in right]:
        report = evaluate(models, problems, rest, config, names, batch_size=BATCH)
        for method, answers in report.answers.items():
            right[method] = np.array([a.choice == p.answer for a, p in zip(answers, problems, strict=True)])
    return {m: right[m] for m in methods}


def choices_after_each(models: ModelSet, problems: Sequence[Problem], config: RefineConfig, names) -> np.ndarray:
    """(n, T) the candidate each problem would answer with after thought 1, 2 ... T."""
    found = runs(models, problems, arm_of(config, names), BATCH, details=True)
    return np.stack([run.readout.argmax(-1) for _, run in found])


def measure_maps(models: ModelSet, path: Path, say: Callable[[str], None] = print) -> None:
    """How far thoughts of fresh problems move on UMAP and PCA: by noise of `NOISE`, and by one real push."""
    background = find_background(models)
    if background is None:
        raise ProblemError("This set has no background map; make one with `python -m lrr_core map` first.")
    maps = {kind: background.map(kind) for kind in ("UMAP", "PCA")}
    count, step = MOVED
    problems, where = _draw(SMALL, count, SEED + 2)
    config = RefineConfig("contrast", step, 0.0, 1, models.info.thoughts, reference="same")
    names = STANDARD.alone(models.info.opens_with)
    pairs = runs(models, problems, arm_of(config, names), count)
    states = np.stack([run.states for _, run in pairs]).reshape(-1, 2, models.width)  # (n·T, before and after, D)
    before, after = states[:, 0].astype(np.float64), states[:, 1].astype(np.float64)
    noise = np.random.default_rng(SEED).normal(size=before.shape)
    shaken = before + NOISE * noise * (norm(before) / norm(noise))[:, None]
    say(f"fitting UMAP once more on {len(background.states)} states")
    own = background.identity["settings"]
    with UMAP_LOCK:
        import umap

        near = min(FIT_NEIGHBOURS, len(background.states) // 3)
        fitted = umap.UMAP(near, 2, min_dist=MIN_DIST, init="pca", random_state=own["seed"], n_jobs=1)
        fitted.fit(background.states)
        again = norm(fitted.embedding_ - background.points["umap-2"]).max() / map_width(maps["UMAP"])
        transformed = norm(fitted.transform(shaken) - fitted.transform(before)) / map_width(maps["UMAP"])

    def moved(kind: str, a: np.ndarray, b: np.ndarray) -> list[float]:
        return _round(100 * norm(maps[kind].place(b) - maps[kind].place(a)) / map_width(maps[kind]))

    moves = MapMoves(
        noise=NOISE,
        step=step,
        refit=float(again),
        real=_round(100 * norm(after - before) / norm(before)),
        shaken={"transform": _round(100 * transformed), "UMAP": moved("UMAP", before, shaken)}
        | {"PCA": moved("PCA", before, shaken)},
        pushed={kind: moved(kind, before, after) for kind in maps},
        problems=where,
        identity=models.identity(*names) | {"background": background.identity["packages"]},
    )
    write_json({"format": FORMAT, "what": "maps"} | asdict(moves), path)


def mixed_runs(
    models: ModelSet, problem: Problem, thoughts: int, names: Checkpoints, alphas: Sequence[float] = ALPHAS
) -> dict[str, Run]:
    """One problem under residual mixing alone at every α of `alphas`, in one pass: the α as in the file -> its run."""
    arms = [arm_of(RefineConfig("residual", 0.0, alpha, 1, thoughts), names) for alpha in alphas]
    with models.lock:
        found = refined(models, [problem], arms).runs()
    return {f"{a:g}": run for a, run in zip(alphas, found, strict=True)}


def _round(values: np.ndarray) -> list[float]:
    return [float(f"{v:.4g}") for v in values]


def main(
    released: Annotated[Path | None, typer.Option(help="The released ProsQA validation file.")] = None,
    models: Annotated[Path, typer.Option(help="Folder of a model set.")] = HERE / "assets" / "models" / "prosqa",
    out: Annotated[Path, typer.Option(help="Folder of the two files.")] = HERE / "assets" / "lessons",
) -> None:
    """Measure the numbers of the Learn page."""
    import torch

    torch.set_num_threads(1)  # one thread adds up in one order, so that the same command gives the same bits
    opened = ModelSet(models)
    measure_answers(opened, out / "answers.json", released)
    measure_maps(opened, out / "umap.json")


if __name__ == "__main__":
    typer.run(main)
