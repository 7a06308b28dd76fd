"""Files: written complete or not at all, arrays with their record in one `.npz`, tables as CSV, digests, the cache folder.

A file is written beside its target first and then renamed over it. A rename within one folder is atomic, so a reader never
meets half a file, and a writer that is stopped leaves what was there.

An `.npz` of ours holds named arrays and, under `meta`, plain JSON; no pickle is ever written or read.

    save_npz(path, {"format": 1, "what": "pad"}, {"steps": steps})
    with read_npz(path, {"format": 1, "what": "pad"}, error=LiveError, fix="make it again with `python -m lrr_core live`") as npz:
        npz.meta, npz["steps"]
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs

MOST = 1 << 30  # bytes of all arrays of a file together; the largest shipped file unpacks to 20 MB


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


def digest(data: object) -> str:
    """Sixteen hexadecimal digits that stand for plain JSON types, whatever the order of their keys: a name for a cache's file."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()[:16]


def cache_folder() -> Path:
    """Where results are kept that were not shipped: the platform's folder for caches. It need not exist."""
    return platformdirs.user_cache_path("lrr_core", appauthor=False)


@dataclass(frozen=True)
class Stored:
    """An open `.npz`: its record, the names of its arrays, and each array on asking (KeyError where there is none)."""

    meta: dict
    names: tuple[str, ...]
    archive: zipfile.ZipFile

    def __getitem__(self, name: str) -> np.ndarray:
        with self.archive.open(f"{name}.npy") as member:
            return np.lib.format.read_array(member, allow_pickle=False)

    def below(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays whose names start with `prefix`, by the rest of their names."""
        return {name.removeprefix(prefix): self[name] for name in self.names if name.startswith(prefix)}


def save_npz(path: str | Path, meta: dict, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write arrays and their record to `path`; the file appears complete or not at all."""
    with replacing(path) as beside, open(beside, "wb") as file:
        np.savez_compressed(file, meta=np.array(json.dumps(meta)), **arrays)
    return Path(path)


@contextmanager
def read_npz(
    path: str | Path, expect: dict, error: type[ValueError], name: str, fix: str, make: str = ""
) -> Iterator[Stored]:
    """Open a file of `save_npz` whose record agrees with `expect`; what is built from it belongs inside the block.

    name: what such a file is called; fix, make: what to do where it is damaged, or not there. Only `error` leaves the block,
    with the path and the fix. Sizes are compared with MOST before anything is unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if (size := sum(member.file_size for member in names.values())) > MOST:
                raise error(
                    f"{path} would unpack to {size >> 20} MB, more than the {MOST >> 20} MB a {name} may have; {fix}."
                )
            for member in names.values():
                _check_header(archive, member)
            stored = Stored({}, tuple(n for n in names if n != "meta"), archive)
            stored.meta.update(json.loads(str(stored["meta"])))
            for key, value in expect.items():
                if (found := stored.meta.get(key)) != value:
                    this = f"{name} of {key} {found}" if key == "format" else f"{found}, not a {name}"
                    raise error(f"{path} is a {this}; this version reads {value}: {fix}.")
            yield stored
    except FileNotFoundError:
        raise error(f"There is no {name} at {path}; {make or fix}.") from None
    except error:
        raise
    except Exception as trouble:  # a damaged file makes zip, zlib, json and numpy raise nearly anything
        what = "it is no .npz" if isinstance(trouble, zipfile.BadZipFile) else trouble
        raise error(f"{path} is not a complete {name} ({what}); {fix}.") from trouble


def _check_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """ValueError where the shape an array announces does not fit its bytes: numpy makes room for what is announced."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
        raise ValueError(f"{member.filename} announces {shape} and is shorter")


def csv_text(rows: Sequence[Mapping[str, object]], head: Sequence[str] = (), digits: int | None = None) -> str:
    """Rows as CSV below comment lines; columns in the order they first appear, an empty cell where a row has none or NaN.

    digits: of a number, else as many as it has. Nothing in it is a formula for a spreadsheet, in cells or in comments.
    """
    import pandas as pd

    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = pd.DataFrame([{key: _cell(value, digits) for key, value in row.items()} for row in rows], columns=columns)
    lines = "".join(f"# {_FORMULA.sub(chr(39), ' '.join(line.split()))}\n" for line in head)
    return lines + table.to_csv(index=False, lineterminator="\n")


# where a spreadsheet that splits a comment line at its separators would find a formula
_FORMULA = re.compile(r"(?<=[,;|])(?=[\s\"']*[=+\-@])")


def _cell(value: object, digits: int | None) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return str(float(value)) if digits is None else f"{value:.{digits}g}"
    text = str(value)
    evil = text.startswith(("=", "+", "-", "@", "\t", "\r")) and not isinstance(value, int)
    return f"{chr(39) if evil else ''}{text}".replace("\r", " ")  # the writer would not quote a lone carriage return
