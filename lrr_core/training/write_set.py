"""Checkpoints -> the folder of a model set: copied, described, hashed; it appears complete or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ..models.folder import ModelError, SetInfo, weight_hash
from ..storage import write_json
from .checkpoints import replace_folder

# what going on with a run needs and a set does not
NOT_SERVED = {"progress.json", "optimiser.safetensors", "raw.safetensors", "mean.safetensors", "adapter"}


def write_set(
    out: Path,
    run: Path,
    info: SetInfo,
    rungs: Sequence[Path],
    weak: Path,
    texts: dict[str, Path | None],
    known: Callable[[Path], dict],
    opens: Path | None = None,
) -> Path:
    """Write a model set and return its folder. A checkpoint that serves as several members is stored once, as a rung where it
    is one; the others are its aliases.

    rungs: the checkpoints of the ladder from the first to the best, which is also backbone and strong; texts: `cot` and
    `no_cot`, None where there is none; known: what is recorded of a checkpoint besides its step; opens: the rung the app opens
    on (by default the backbone). ModelError for a folder without weights.
    """
    ladder = {f"ladder/{i:02d}-step-{step_of(folder):05d}": folder for i, folder in enumerate(rungs)}
    places = {"backbone": rungs[-1], "strong": rungs[-1], "weak": weak} | ladder
    places |= {name: folder for name, folder in texts.items() if folder}
    stored: dict[Path, str] = {folder: name for name, folder in ladder.items()}
    beside = out.with_name(f".{out.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    members, weights, aliases = {}, {}, {}
    for name, folder in places.items():
        if not any(folder.glob("*.safetensors")):
            raise ModelError(f"{folder} holds no weights; give a checkpoint folder such as RUN/last for {name}.")
        if stored.setdefault(folder, name) == name:
            shutil.copytree(folder, beside / name, ignore=lambda *_: NOT_SERVED)
        else:
            aliases[name] = stored[folder]
        members[name] = {"step": step_of(folder)} | known(folder)
        weights[name] = weight_hash(folder) if name in aliases else weight_hash(beside / name)
    info = replace(info, members=members, weights=weights, aliases=aliases)
    if opens is not None:
        info = replace(info, opens_with=next(n for n, f in places.items() if f == opens and n.startswith("ladder/")))
    write_json(asdict(info), beside / "model_set.json")
    if (run / "log.jsonl").exists():
        shutil.copy(run / "log.jsonl", beside / "training_log.jsonl")
    replace_folder(beside, out)
    return out


def step_of(folder: Path) -> int:
    """The optimiser step a checkpoint was kept at, 0 where it does not say."""
    try:
        return json.loads((folder / "progress.json").read_text())["step"]
    except (OSError, KeyError, ValueError):
        return 0
