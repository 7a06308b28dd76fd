"""Where records come from: a JSON list, JSON lines, a Parquet file, or a data set of the Hugging Face hub.

    for row in records("dev.jsonl"): row.record, row.where
    records("hub:openai/gsm8k:main@train")      hub:ID[:CONFIG]@SPLIT; ID may also be a local folder

A file is what it holds, not what it is called. Nothing is fetched unless a source begins with "hub:", so that a misspelt
path never reaches for the net; and the split is always written out, because nothing may be tuned on a test split. A line
that is no JSON is a row with a fault, so that the caller can count and name it; a source that cannot be read at all raises a
ProblemError.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .prosqa import ProblemError

HUB = "hub:"


@dataclass(frozen=True)
class Row:
    """One record as it came. index: its place among the records, from 0; line: in the file, from 1, None where lines mean
    nothing; fault: why there is no record, "" where there is one."""

    index: int
    record: object = None
    line: int | None = None
    fault: str = ""

    @property
    def where(self) -> str:
        if self.line is None:
            return f"record {self.index} (the first is 0)"
        return f"line {self.line} (record {self.index})"


def stem(source: str | Path) -> str:
    """A short name of a source, which the ids of its problems begin with: "dev", or "gsm8k-train" for one of the hub."""
    if not str(source).startswith(HUB):
        return Path(source).stem
    id, _, split = _hub_parts(str(source))
    return f"{Path(id).name}-{split}"


def records(source: str | Path) -> Iterator[Row]:
    """Every record of a source, in its order; ProblemError where the source cannot be read at all."""
    if str(source).startswith(HUB):
        return (Row(i, record) for i, record in enumerate(_from_hub(str(source))))
    path = Path(source)
    try:
        with open(path, "rb") as file:
            parquet = file.read(4) == b"PAR1"
    except OSError as error:
        raise ProblemError(
            f"{path} cannot be read ({error.strerror}); give a JSON, JSON-lines or Parquet file, or {_HUB_FORM}."
        ) from error
    return (Row(i, record) for i, record in enumerate(_from_parquet(path))) if parquet else _from_json(path)


def _from_json(path: Path) -> Iterator[Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProblemError(f"{path} is not UTF-8 text (byte {error.start}); give a JSON or JSON-lines file.") from error
    if not text.strip():
        raise ProblemError(f"{path} is empty; it should hold a JSON list of records, or one record a line.")
    try:
        whole = json.loads(text)
        return (Row(i, record) for i, record in enumerate(whole if isinstance(whole, list) else [whole]))
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("["):
            raise ProblemError(
                f"{path}, line {error.lineno}: broken JSON ({error.msg}); is the file complete?"
            ) from error
    return iter(_lines(text))


def _lines(text: str) -> list[Row]:
    rows = []
    # not `splitlines`, which also cuts at the line separators that may stand inside a JSON string
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(Row(len(rows), json.loads(line), number))
        except json.JSONDecodeError as error:
            fault = f"broken JSON ({error.msg}); correct or delete that line: every line must be one record."
            rows.append(Row(len(rows), None, number, fault))
    return rows


def _from_parquet(path: Path) -> list[dict]:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise ProblemError(f"{path} is a damaged Parquet file ({error}); copy it again.") from error


_HUB_FORM = "hub:ID[:CONFIG]@SPLIT, such as hub:openai/gsm8k:main@train"


def _hub_parts(source: str) -> tuple[str, str | None, str]:
    """ "hub:openai/gsm8k:main@train" -> id, configuration or None, split."""
    name, _, split = source.removeprefix(HUB).rpartition("@")
    id, _, config = name.partition(":")
    if not id or not split:
        raise ProblemError(f"{source!r} names no data set and split; write {_HUB_FORM}.")
    return id, config or None, split


def _from_hub(source: str):
    """The data set, row by row as dicts; downloads it unless it is a local folder or already in the cache."""
    id, config, split = _hub_parts(source)
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ProblemError(
            f"{source} needs the package `datasets`; install it with `pip install -r requirements.txt`, or give a file."
        ) from error
    try:
        return load_dataset(id, config, split=split)
    except (
        Exception
    ) as error:  # no net, no such id, configuration or split, a script, a damaged cache: each its own class
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ProblemError(
            f"{source} cannot be loaded ({reason}). Check id, configuration, split and connection, or download its "
            "Parquet or JSON file and give the path."
        ) from error


def require(record: dict, key: str, kind: type):
    """A field of a record; ProblemError where the record is no object, or the field missing, of another type or empty."""
    names = " or ".join(k.__name__ for k in getattr(kind, "__args__", (kind,)))
    if not isinstance(record, dict):
        raise ProblemError(f"A record must be a JSON object, not {type(record).__name__}.")
    if key not in record:
        raise ProblemError(f"The record has no {key!r}; it has {', '.join(map(str, record)) or 'nothing'}.")
    value = record[key]
    if not isinstance(value, kind) or (isinstance(value, bool) and bool not in getattr(kind, "__args__", (kind,))):
        raise ProblemError(f"{key!r} must be {names}, not {type(value).__name__}.")
    if isinstance(value, str) and not value.strip():
        raise ProblemError(f"{key!r} is empty.")
    return value
