"""Writing a file so that it appears complete or not at all: beside its target first, then renamed over it.

A rename within one folder is atomic, so a reader never meets half a file, and a writer that is stopped leaves what was there.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to; renamed to `path` when the block ends well, removed when it raises.

    Makes the folder. Two writers, be they threads or processes, never share the path beside: the last one to finish stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> Path:
    """Write `text` to `path` as UTF-8, complete or not at all; returns the path."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(data: object, path: str | Path, compact: bool = False) -> Path:
    """Write plain JSON types to `path`, complete or not at all; returns the path. compact: for a machine, in a third of the
    space."""
    layout = {"separators": (",", ":")} if compact else {"indent": 1}
    return write_text(path, json.dumps(data, ensure_ascii=False, **layout))
