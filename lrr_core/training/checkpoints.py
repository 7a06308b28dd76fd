"""Checkpoints on disk: a folder appears complete or not at all, and holds safetensors and JSON only."""

from __future__ import annotations

import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file


def replace_folder(beside: Path, folder: Path) -> None:
    """Put a finished folder in the place of an older one. A kill between the two renames is mended by `recover`."""
    old = _old(folder)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    beside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def recover(folder: Path) -> None:
    """Bring back what `replace_folder` had moved aside when it was killed."""
    if not folder.exists() and _old(folder).exists():
        _old(folder).rename(folder)


def save_optimiser(optimiser, path: Path) -> None:
    """The optimiser's moments as one safetensors file, keyed "<parameter>/<name>"; its settings belong to the configuration."""
    state = optimiser.state_dict()["state"]
    save_file({f"{i}/{k}": v.contiguous() for i, entry in state.items() for k, v in entry.items()}, path)


def restore_optimiser(optimiser, path: Path) -> None:
    """The inverse of `save_optimiser` for an optimiser over the same parameters in the same order."""
    state: dict[int, dict] = {}
    for key, value in load_file(path).items():
        i, name = key.split("/")
        state.setdefault(int(i), {})[name] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")
