"""Where records come from: JSON, JSON lines, CSV, TSV, question||steps #### answer lines, Parquet, Arrow, or the Hugging Face hub.

    for row in records("dev.jsonl"): row.record, row.where
    records("hub:openai/gsm8k:main@train")      hub:ID[:CONFIG]@SPLIT; ID may also be a local folder

A file is what it holds, not what it is called; text may be packed with gzip. Nothing is fetched unless a source begins with
"hub:", so that a misspelt path never reaches for the net; and the split is always written out, because nothing may be tuned
on a test split.

One bad line is one row with a fault, so that the caller can count and name it. A source that cannot be read at all raises a
ProblemError that names the kind of file it is. Sizes are bounded before memory is spent: `MOST_BYTES` of a source when
unpacked, `MOST_RECORD` characters of one record, `MOST_RECORDS` records, `MOST_VALUES` cells of a Parquet file.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .prosqa import ProblemError

HUB = "hub:"
MOST_BYTES = 256 << 20
MOST_RECORD = 1 << 20
MOST_RECORDS = 1_000_000
MOST_VALUES = 10_000_000
MOST_DIGITS = 400  # of one number; more than a float can hold
_BATCH = 128  # rows of a table that are turned into Python objects at once
_WINDOW = 1 << 14  # characters of a JSON list that are tried first; most records are shorter


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
    """Every record of a source, in its order; ProblemError where the source cannot be read at all, also while it is read."""
    if str(source).startswith(HUB):
        rows = (Row(0, record) for record in _from_hub(str(source)))
    else:
        path = Path(source)
        try:
            rows = _from_folder(path) if path.is_dir() else _from_file(path)
        except (OSError, ValueError) as error:
            if isinstance(error, ProblemError):
                raise
            reason = getattr(error, "strerror", None) or error
            raise ProblemError(f"{path} cannot be read ({reason}); give {FORMS}, or {_HUB_FORM}.") from error
    return _counted(rows, source)


def _counted(rows: Iterable[Row], source: str | Path) -> Iterator[Row]:
    """The rows with their places; what a damaged source raises while it is read is a ProblemError, too."""
    try:
        for index, row in enumerate(rows):
            if index >= MOST_RECORDS:
                raise ProblemError(f"{source} holds more than {MOST_RECORDS:,} records; give a part of it.")
            yield replace(row, index=index)
    except ProblemError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise ProblemError(f"{source} cannot be read to its end ({error}); copy it again.") from error


# --- which kind of file -----------------------------------------------------------------------------------------------

FORMS = "a JSON, JSON-lines, CSV, TSV, Parquet or Arrow file"
_MAGIC = {  # how files of a kind that holds no problems begin
    b"PK\x03\x04": "a zip archive (or a spreadsheet of Excel)", b"\x89PNG": "an image (PNG)", b"\xff\xd8\xff": "an image (JPEG)",
    b"GIF8": "an image (GIF)", b"%PDF": "a PDF", b"BZh": "packed with bzip2", b"\xfd7zXZ": "packed with xz",
    b"(\xb5/\xfd": "packed with zstd", b"\x80\x02": "a Python pickle", b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle", b"\x80\x05": "a Python pickle", b"\x93NUMPY": "a NumPy array",
    b"SQLite format 3": "an SQLite database", b"\xff\xfe": "UTF-16 text", b"\xfe\xff": "UTF-16 text",
    b"\x1f\x9d": "packed with compress", b"Obj\x01": "an Avro file", b"ORC": "an ORC file", b"7z\xbc\xaf": "a 7z archive",
}  # fmt: skip


def _from_file(path: Path) -> Iterator[Row]:
    with open(path, "rb") as file:
        head = file.read(1 << 16)
    if head.startswith(b"PAR1"):
        return _from_parquet(path)
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return _from_arrow([path])
    packed = head.startswith(b"\x1f\x8b")
    if packed:
        try:
            with gzip.open(path) as file:
                head = file.read(1 << 16)
        except (OSError, EOFError, zlib.error) as error:
            raise ProblemError(f"{path} is a damaged gzip file ({error}); copy it again.") from error
    if not packed and path.stat().st_size > MOST_BYTES:
        raise ProblemError(f"{path} has more than {MOST_BYTES >> 20} MB; give a part of it.")
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            raise ProblemError(f"{path} is {kind}{' inside gzip' if packed else ''}; give {FORMS}.")
    if head.startswith(b"PAR1") or b"\0" in head:
        inside = " inside gzip; unpack it" if packed else ""
        raise ProblemError(f"{path} is a binary file of no known kind{inside}; give {FORMS}.")
    return _from_text(path, packed, head.decode("utf-8-sig", "replace"))


def _from_text(path: Path, packed: bool, head: str) -> Iterator[Row]:
    """Text by what its first lines look like."""
    lines = [line.strip() for line in head.split("\n")[:20] if line.strip()]
    if not lines:
        raise ProblemError(f"{path} is empty; it should hold a JSON list of records, or one record a line.")
    read = _Text(path, packed)
    if lines[0].startswith("["):
        return _list(read)
    if lines[0].startswith("{") and not _is_json(lines[0]) and (whole := _object(read)) is not None:
        return iter([whole])  # one record over several lines
    if any(line.startswith("{") for line in lines):
        return _lines(read)
    if "||" in lines[0]:
        return _bars(read)
    if lines[0].startswith("<"):
        raise ProblemError(f"{path} is a page of HTML or XML; give {FORMS}.")
    for separator, name in (("\t", "TSV"), (",", "CSV"), (";", "CSV")):
        if separator in lines[0] and len(lines) > 1:
            return _table(read, separator, name)
    if lines[0].casefold() in ("null", "true", "false") or re.match(r'[\d"-]', lines[0]):
        return _lines(read)
    text = "not UTF-8 text" if "\ufffd" in head else "plain text"
    raise ProblemError(f"{path} is {text}, not records; give {FORMS}, or lines 'question||steps #### answer'.")


# --- text -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Text:
    path: Path
    packed: bool

    def lines(self) -> Iterator[tuple[int, str, str]]:
        """(number, line, fault): never more than one line in memory. Lines end at \\n alone: the other separators may stand
        inside a JSON string."""
        total, number = 0, 0
        with gzip.open(self.path) if self.packed else open(self.path, "rb") as file:
            while raw := file.readline(MOST_RECORD + 1):
                number, total, long = number + 1, total + len(raw), False
                if number > 2 * MOST_RECORDS:
                    raise ProblemError(f"{self.path} has more than {2 * MOST_RECORDS:,} lines; give a part of it.")
                while raw and not raw.endswith(b"\n") and len(raw) > MOST_RECORD:  # skip the rest of a line too long
                    long, raw = True, file.readline(MOST_RECORD + 1)
                    total += len(raw)
                    self.check(total)
                self.check(total)
                if long:
                    yield number, "", f"the line has more than {MOST_RECORD >> 20} MB; every line must be one record."
                    continue
                try:
                    yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n"), ""
                except UnicodeDecodeError as error:
                    yield number, "", f"the line is not UTF-8 text (byte {error.start}); save the file as UTF-8."

    def check(self, total: int) -> None:
        if total > MOST_BYTES:
            raise ProblemError(f"{self.path} unpacks to more than {MOST_BYTES >> 20} MB; give a part of it.")

    def whole(self) -> str:
        with gzip.open(self.path) if self.packed else open(self.path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
        self.check(len(raw))
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ProblemError(f"{self.path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error


class _Decoder:
    """JSON with numbers of at most MOST_DIGITS digits and no NaN. A call returns (value, end, fault)."""

    def __init__(self):
        self.fault = ""
        self.json = json.JSONDecoder(parse_int=self._int, parse_constant=self._constant)

    def _int(self, digits: str) -> int:
        if len(digits) <= MOST_DIGITS:
            return int(digits)
        self.fault = f"it holds a number of {len(digits):,} digits; {MOST_DIGITS} are read."
        return 0

    def _constant(self, name: str) -> None:
        self.fault = f"it holds {name}, which is no JSON; write null or a number."

    def __call__(self, text: str, at: int = 0) -> tuple[object, int, str]:
        self.fault = ""
        value, end = self.json.raw_decode(text, at)
        return value, end, self.fault


_SPACE = re.compile(r"[ \t\n\r]*")
_DEEP = "it is nested too deeply; a record needs no more than a few levels."


def _parse(text: str) -> tuple[object, str]:
    """One JSON value that is the whole text -> (value, fault)."""
    try:
        value, end, fault = _Decoder()(text, _SPACE.match(text).end())
        if text[end:].strip():
            return None, "broken JSON (Extra data); correct or delete that line: every line must be one record."
        return (None, fault) if fault else (value, "")
    except json.JSONDecodeError as error:
        return None, f"broken JSON ({error.msg}); correct or delete that line: every line must be one record."
    except RecursionError:
        return None, _DEEP


def _is_json(line: str) -> bool:
    return not _parse(line)[1]


def _object(read: _Text) -> Row | None:
    """A file that is one JSON object over several lines, None where it is not."""
    size = read.path.stat().st_size
    if read.packed or size > MOST_RECORD:
        return None
    try:
        record, fault = _parse(read.whole())
    except ProblemError:  # a line that is no UTF-8 is named by its number
        return None
    return None if fault else Row(0, record)


def _lines(read: _Text) -> Iterator[Row]:
    for number, line, fault in read.lines():
        if fault or line.strip():
            record, fault = (None, fault) if fault else _parse(line)
            yield Row(0, record, number, fault)


def _list(read: _Text) -> Iterator[Row]:
    """The elements of a JSON list, one after the other, so that no more than one is unpacked at a time."""
    text, decode = read.whole(), _Decoder()
    at = _SPACE.match(text, text.index("[") + 1).end()

    def broken(reason: str) -> ProblemError:
        line = text.count("\n", 0, at) + 1
        return ProblemError(f"{read.path}, line {line}: {reason}")

    first = True
    while at < len(text) and text[at] != "]":
        if not first:
            if text[at] != ",":
                raise broken("broken JSON (Expecting ',' delimiter); is the file complete?")
            at = _SPACE.match(text, at + 1).end()
        first = False
        for size in (_WINDOW, MOST_RECORD):
            window = text[at : at + size]
            last = size == MOST_RECORD or at + size >= len(text)
            try:
                value, end, fault = decode(window)
                if end == len(window) and not last:  # a number may go on
                    continue
                break
            except json.JSONDecodeError as error:
                if last and at + size < len(text) and error.pos > size - 64:
                    raise broken(f"a record has more than {MOST_RECORD >> 20} MB; shorten it.") from error
                if last:
                    at += min(error.pos, len(window))
                    raise broken(f"broken JSON ({error.msg}); is the file complete?") from error
            except RecursionError:
                raise broken(_DEEP) from None
        yield Row(0, None if fault else value, None, fault)
        at = _SPACE.match(text, at + end).end()
    if at >= len(text):
        raise broken("broken JSON (the list has no end); is the file complete?")
    if text[at + 1 :].strip():
        raise broken("broken JSON (Extra data behind the list); give one list, or one record a line.")


def _bars(read: _Text) -> Iterator[Row]:
    """Lines "question||steps #### answer", the form of the implicit chain-of-thought code."""
    for number, line, fault in read.lines():
        if not fault and not line.strip():
            continue
        question, bars, answer = line.partition("||")
        if not fault and not bars:
            fault = f"a line must read 'question||steps #### answer', not {line[:40]!r}."
        yield Row(0, None if fault else {"question": question.strip(), "answer": answer.strip()}, number, fault)


def _table(read: _Text, separator: str, name: str) -> Iterator[Row]:
    """CSV or TSV with a line of column names; a cell is text."""
    faults: dict[int, str] = {}

    def lines() -> Iterator[str]:
        for number, line, fault in read.lines():
            if fault:
                faults[number] = fault
            yield line + "\n"

    reader = csv.reader(lines(), delimiter=separator, strict=True)
    names: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells, fault = next(reader), ""
        except StopIteration:
            return
        except csv.Error as error:
            cells, fault = [], f"broken {name} ({error}); is a quotation mark missing?"
        fault = next((faults.pop(n) for n in range(line, reader.line_num + 1) if n in faults), fault)
        if names is None:
            names = [cell.strip() for cell in cells]
            if fault or len(set(names)) < len(names):
                raise ProblemError(
                    f"{read.path}: {fault or f'two columns of this {name} share a name'}; correct line 1."
                )
        elif fault:
            yield Row(0, None, line, fault)
        elif cells and len(cells) != len(names):
            yield Row(0, None, line, f"this {name} has {len(names)} columns, and the line has {len(cells)} cells.")
        elif cells:
            yield Row(0, dict(zip(names, cells, strict=True)), line)


# --- tables in binary form --------------------------------------------------------------------------------------------


def _from_parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        # pre_buffer would hold whole row groups
        with parquet.ParquetFile(path, pre_buffer=False, thrift_string_size_limit=1 << 24) as file:
            meta = file.metadata
            groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
            columns = [g.column(i) for g in groups for i in range(g.num_columns)]
            size = sum(max(c.total_uncompressed_size, 0) for c in columns)
            values = sum(max(c.num_values, 0) for c in columns)
            # only text can unfold: a dictionary holds a long one once and the rows name it a million times
            text = {c.path_in_schema for c in columns if c.physical_type == "BYTE_ARRAY"}
        if size > MOST_BYTES or values > MOST_VALUES or meta.num_rows > MOST_RECORDS:
            raise ProblemError(
                f"{path} is a Parquet file of {meta.num_rows:,} rows, {values:,} values and {size >> 20} MB; at most "
                f"{MOST_RECORDS:,}, {MOST_VALUES:,} and {MOST_BYTES >> 20} MB are read. Give a part of it."
            )
        with parquet.ParquetFile(path, pre_buffer=False, read_dictionary=sorted(text)) as file:
            for batch in file.iter_batches(_BATCH, use_threads=False):
                yield from _batch(batch, path)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ProblemError(f"{path} is a damaged Parquet file ({_line(error)}); copy it again.") from error


def _from_folder(path: Path) -> Iterator[Row]:
    """What `save_to_disk` of the package `datasets` writes."""
    if (path / "dataset_dict.json").exists():
        inside = ", ".join(sorted(p.name for p in path.iterdir() if p.is_dir())[:10])
        raise ProblemError(f"{path} holds several splits ({inside}); give the folder of one of them.")
    files = sorted([*path.glob("data-*.arrow"), *path.glob("dataset.arrow")])
    if not files:
        raise ProblemError(f"{path} is a folder without Arrow files; give {FORMS}, or a folder of `save_to_disk`.")
    return _from_arrow(files)


def _from_arrow(files: list[Path]) -> Iterator[Row]:
    import pyarrow
    from pyarrow import ipc

    if sum(path.stat().st_size for path in files) > MOST_BYTES:
        raise ProblemError(f"{files[0].parent} has more than {MOST_BYTES >> 20} MB of Arrow files; give a part of it.")
    for path in files:
        try:
            with pyarrow.memory_map(str(path)) as mapped:
                if mapped.read(6) == b"ARROW1":
                    file = ipc.open_file(mapped)
                    batches = (file.get_batch(i) for i in range(file.num_record_batches))
                else:
                    mapped.seek(0)
                    batches = iter(ipc.open_stream(mapped))
                for whole in batches:
                    whole.validate(full=True)  # offsets of a damaged file would be read beyond its end
                    for at in range(0, whole.num_rows, _BATCH):
                        yield from _batch(whole.slice(at, _BATCH), path)
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise ProblemError(f"{path} is a damaged Arrow file ({_line(error)}); copy it again.") from error


def _batch(batch, path: Path) -> Iterator[Row]:
    """The rows of a record batch, after a look at how much text they unfold to."""
    if (size := sum(_unfolded(column) for column in batch.columns)) > MOST_BYTES:
        raise ProblemError(
            f"{path}: {batch.num_rows} of its rows unfold to up to {size >> 20} MB; at most {MOST_BYTES >> 20} MB are read."
        )
    yield from (Row(0, record) for record in batch.to_pylist())


def _unfolded(array) -> int:
    """Bytes an array may take as Python objects, at most: a dictionary's longest text counts wherever it is named."""
    import pyarrow
    import pyarrow.compute as compute

    kind = array.type
    if pyarrow.types.is_dictionary(kind):
        texts = array.dictionary
        if not len(texts):
            return 8 * len(array)
        nested = not (pyarrow.types.is_string(texts.type) or pyarrow.types.is_binary(texts.type)
                      or pyarrow.types.is_large_string(texts.type) or pyarrow.types.is_large_binary(texts.type))  # fmt: skip
        longest = _unfolded(texts) if nested else compute.max(compute.binary_length(texts)).as_py() or 0
        return len(array) * (longest + 50)
    if pyarrow.types.is_struct(kind):
        return sum(_unfolded(child) for child in array.flatten())
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind) or pyarrow.types.is_map(kind):
        if not pyarrow.types.is_map(kind):
            return 56 * len(array) + _unfolded(array.flatten())
        return 56 * len(array) + _unfolded(array.keys) + _unfolded(array.items)
    return array.nbytes + 50 * len(array)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


# --- the hub ----------------------------------------------------------------------------------------------------------

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


# --- fields -----------------------------------------------------------------------------------------------------------


def require(record: object, key: str, kind: type):
    """A field of a record; ProblemError where the record is no object, or the field missing, of another type or empty."""
    names = " or ".join(k.__name__ for k in getattr(kind, "__args__", (kind,)))
    if not isinstance(record, dict):
        raise ProblemError(f"A record must be a JSON object, not {type(record).__name__}.")
    if key not in record:
        has = ", ".join(str(name)[:40] for name in list(record)[:20])
        raise ProblemError(f"The record has no {key!r}; it has {has or 'nothing'}.")
    value = record[key]
    if not isinstance(value, kind) or (isinstance(value, bool) and bool not in getattr(kind, "__args__", (kind,))):
        raise ProblemError(f"{key!r} must be {names}, not {type(value).__name__}.")
    if isinstance(value, str) and not value.strip():
        raise ProblemError(f"{key!r} is empty.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ProblemError(f"{key!r} must be a finite number, not {value}.")
    return value


def field_map(text: str | None) -> dict[str, str]:
    """ "question=prompt,answer=label,choices=choices.text" -> {ours: theirs}; ProblemError for anything else."""
    out = {}
    for part in (text or "").split(","):
        ours, equals, theirs = (piece.strip() for piece in part.partition("="))
        if part.strip() and not (equals and ours and theirs):
            raise ProblemError(f"--fields takes OURS=THEIRS pairs, such as question=prompt,answer=label, not {part!r}.")
        if part.strip():
            out[ours] = theirs
    return out


def rename(record: object, fields: Mapping[str, str]) -> object:
    """The record with the fields that a map names added under our names. "a.b" looks inside a (in every entry where a is a list),
    "a+b" joins two texts by a space. ProblemError where the record has no such field."""
    if not fields or not isinstance(record, dict):
        return record
    out = dict(record)
    for ours, theirs in fields.items():
        found = [_inside(record, name.strip()) for name in theirs.split("+")]
        out[ours] = found[0] if len(found) == 1 else " ".join(str(part).strip() for part in found)
    return out


def _inside(record: object, path: str) -> object:
    value = record
    if isinstance(record, dict) and path in record:  # a name that has a dot itself
        return record[path]
    for i, name in enumerate(path.split(".")):
        if isinstance(value, list) and i:
            value = [part.get(name) if isinstance(part, dict) else None for part in value]
            continue
        if not isinstance(value, dict) or name not in value:
            has = ", ".join(str(key)[:40] for key in list(value)[:20]) if isinstance(value, dict) else "no fields"
            raise ProblemError(f"The record has no {path!r}, which --fields names; it has {has or 'nothing'}.")
        value = value[name]
    return value
