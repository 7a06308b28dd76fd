"""Turn a training run into a model set: measure its checkpoints, choose backbone, strong, weak and a ladder between them.

    python -m lrr_core assemble --run runs/prosqa --out assets/models/prosqa [--cot DIR] [--no-cot DIR]

Every checkpoint answers the same two generated validation sets (never those a reported score comes from). The ladder runs
from the first checkpoint to the best, evenly in accuracy rather than in steps, because that is where the moments differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..benchmarks.catalogue import BENCHMARKS, Problem
from ..evaluation.arms import arm_of
from ..evaluation.engine import right_answers
from ..models.bases import BASES, base_folder
from ..models.checkpoints import Checkpoints
from ..models.folder import SOURCE, ModelError, SetInfo
from ..models.opened import ModelSet
from ..refinement.methods import PLAIN
from ..refinement.trace import RefineConfig
from .write_set import write_set

VALIDATION_SEED = 7_000_001  # apart from every seed a person is likely to type
# checkpoints that are measured at the most, or a few more; a pretrained model takes its time
COARSE, COARSE_ADAPTERS = 60, 8
WEAKER = 0.25  # how far below the best the weak checkpoint is sought: well below the backbone the app opens on
ALONE = Checkpoints(strong="backbone", weak="backbone")  # of a checkpoint that is opened by itself
END, SPACE = {"triples": "<answer>", "words": ":"}, {"triples": " ", "words": " "}
SIZES = {"small": ((12, 15), (2, 3)), "large": ((14, 28), (3, 4))}  # name -> nodes, hops


def accuracy(
    folder: Path, problems: list[Problem], thoughts: int, template: str, config: dict | None = None, batch: int = 100
) -> float:
    """Share of problems a checkpoint answers rightly with its plain thoughts. config: of the run, where it trained adapters."""
    config = config or {}
    info = SetInfo(
        folder.name,
        template=template,
        answer_prefix=END[template],
        answer_space=SPACE[template],
        max_answer_tokens=1,
        hidden=config.get("hidden", "none"),
        thought_scale=config.get("thought_scale", 1.0),
        base=_base(config["base"]) | {"path": str(base_folder(config["base"]))} if config.get("base") else {},
    )
    plain = arm_of(RefineConfig(PLAIN, thoughts=thoughts), ALONE)
    return float(right_answers(ModelSet(folder, "cpu", alone=info), problems, plain, batch).mean())


def choose_rungs(scores: list[float], count: int) -> list[int]:
    """Indices of `count` checkpoints whose scores climb evenly from the first one's to the best (of equals the last, which has
    been trained longest); increasing."""
    best = max(range(len(scores)), key=lambda i: (scores[i], i))
    low = scores[0]
    picked = {0, best}
    for k in range(1, count - 1):
        goal = low + (scores[best] - low) * k / (count - 1)
        free = [i for i in range(best) if i not in picked]
        if free:
            picked.add(min(free, key=lambda i: (abs(scores[i] - goal), i)))
    return sorted(picked)


def assemble(
    run: Path,
    out: Path,
    cot: Path | None,
    no_cot: Path | None,
    rungs: int,
    limit: int,
    say: Callable[[str], None],
) -> Path:
    """Write a model set from `run`; returns its folder. Raises ModelError when there are too few checkpoints.

    backbone = strong = the best checkpoint; weak = the rung nearest to 25 points below it on the small set;
    opens_with = the rung nearest to 84 %, where there is something left to refine.
    """
    steps = sorted(p for p in (run / "steps").glob("[0-9]*") if any(p.glob("*.safetensors")))
    if len(steps) < rungs:
        raise ModelError(f"{run} holds {len(steps)} checkpoints, fewer than the {rungs} rungs asked for; train longer.")
    config = json.loads((run / "config.json").read_text())
    thoughts = json.loads((steps[-1] / "progress.json").read_text())["stage"]
    thoughts = config["stages"][thoughts][3]
    adapters = bool(config.get("base"))
    template = config.get("template", "triples")
    benchmark = "words" if template == "words" else "prosqa"
    generate = BENCHMARKS[benchmark].generate
    sizes = {"small": (tuple(config["stages"][-1][:2]), (config["stages"][-1][2],) * 2)} if adapters else SIZES
    sets = {
        name: generate("balanced", limit, VALIDATION_SEED + i, nodes, hops)
        for i, (name, (nodes, hops)) in enumerate(sizes.items())
    }
    # a coarse pass keeps this to minutes
    stride = -(-len(steps) // (COARSE_ADAPTERS if adapters else COARSE))
    coarse = sorted({*steps[::stride], steps[-1]})
    measured = {}
    for folder in coarse:
        measured[folder] = {name: accuracy(folder, p, thoughts, template, config) for name, p in sets.items()}
        say(f"{folder.name}: " + "  ".join(f"{k} {100 * v:.1f} %" for k, v in measured[folder].items()))
    mean = [sum(measured[f].values()) / len(sets) for f in coarse]
    small = [measured[f]["small"] for f in coarse]
    chosen = [coarse[i] for i in choose_rungs(mean, rungs)]
    best = chosen[-1]
    if len(chosen) < max(rungs, 2):
        raise ModelError(
            f"The best checkpoint is {best.name}, and only {len(chosen)} of the {rungs} rungs asked for fit up to it; "
            "train longer, or ask for fewer rungs."
        )
    top = measured[best]["small"]
    weak = min(chosen[:-1], key=lambda f: abs(measured[f]["small"] - (top - WEAKER)))
    middle = min(chosen, key=lambda f: abs(measured[f]["small"] - 0.84))
    info = SetInfo(
        name=out.name if adapters else "prosqa",
        title=f"{Path(config['base']).name}, ProsQA in everyday nouns" if adapters else "ProsQA reasoner",
        benchmark=benchmark,
        template=template,
        answer_prefix=END[template],
        thoughts=thoughts,
        max_answer_tokens=1,
        hidden=config.get("hidden", "none"),
        thought_scale=config.get("thought_scale", 1.0),
        base=_base(config["base"]) if adapters else {},
        provenance={
            "trained_on": "generated balanced ProsQA problems, names and edge order drawn anew for each; no released problem",
            "frontier": "supervised: each thought's logit lens was trained toward the nodes at breadth-first depth t",
            "validation": {name: {"nodes": n, "hops": h, "n": limit} for name, (n, h) in sizes.items()},
            "training": config | ({"base": Path(config["base"]).name} if adapters else {}),
        },
    )
    known = lambda folder: {k: round(v, 4) for k, v in measured.get(folder, {}).items()}  # noqa: E731
    write_set(out, run, info, chosen, weak, {"cot": cot, "no_cot": no_cot}, known, middle)
    opens = SetInfo.load(out / "model_set.json").opens_with
    say(
        f"best {best.name} ({100 * top:.1f} % small), weak {weak.name}, opens with {opens}; "
        f"range {min(small):.2f} - {max(small):.2f}"
    )
    return out


def _base(name: str) -> dict:
    """What `model_set.json` says of the base of adapters."""
    folder = base_folder(name)
    try:
        sha256 = json.loads((folder / SOURCE).read_text())["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{folder} has no {SOURCE} that says what it was made from; get it by `lrr_core get`."
        ) from error
    width = json.loads((folder / "config.json").read_text())["hidden_size"]
    get = next((key for key, base in BASES.items() if base.name == Path(name).name), "")
    return {"name": Path(name).name, "width": width, "sha256": sha256, "get": get}
