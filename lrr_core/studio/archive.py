"""Zip archives of strangers, read with bounds and never unpacked to disk; and our own, written to the same bytes every time.

    entries(data)    -> {name: bytes}, or ArchiveError with the reason
    check_npz(data)  -> nothing, or ArchiveError: called before numpy is allowed to look at an uploaded array file
    pack(files)      -> bytes: entries by name, one fixed time, so equal files make an equal archive

Refused: what is no zip, damaged or cut off, too large (packed, in one entry, in all, in number), compressed far beyond what
text or pictures are, encrypted, with a name that is absolute, climbs (`..`), is doubled or unprintable, with a link or a
folder in it, with a zip within the zip; and array files that hold Python objects, which numpy would unpickle.
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

MIB = 1 << 20
TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold: the same file, the same bytes
PACKED = {".png", ".gif", ".webp", ".npz"}  # compressed already
ZIP_START = (b"PK\x03\x04", b"PK\x05\x06")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+=@()/-]{0,159}")


class ArchiveError(ValueError):
    """An archive that is not read; the message says what it is, what is allowed, and what to do."""


@dataclass(frozen=True)
class Limits:
    """What an archive may be. packed: bytes as it comes; entry, total: bytes unpacked; count: entries; ratio: unpacked over
    packed bytes of an entry, asked of those above `small` bytes (a few kilobytes of zeros shrink without harm)."""

    packed: int = 128 * MIB
    entry: int = 128 * MIB
    total: int = 256 * MIB
    count: int = 200
    ratio: float = 200.0
    small: int = MIB


BUNDLE = Limits()
# arrays of zeros (a control) shrink a thousandfold: here the sizes alone decide
ARRAYS = Limits(count=2000, ratio=float("inf"))


def entries(data: bytes, limits: Limits = BUNDLE) -> dict[str, bytes]:
    """Every file of a zip, by name in sorted order. ArchiveError for whatever is refused."""
    with _opened(data, limits) as file:
        return {info.filename: _read(file, info) for info in sorted(_checked(file, limits), key=lambda i: i.filename)}


def _opened(data: bytes, limits: Limits) -> zipfile.ZipFile:
    if len(data) > limits.packed:
        raise ArchiveError(f"The file has {_size(len(data))}; at most {_size(limits.packed)} are read.")
    if not data.startswith(ZIP_START):
        raise ArchiveError("This is no zip file: it does not begin like one. Choose the file as it was downloaded.")
    if data.count(b"PK\x01\x02") > 50 * limits.count:  # before a directory of millions of names is built in memory
        raise ArchiveError(f"The zip lists far more than {limits.count} files; no file of this app does.")
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeError) as error:
        raise ArchiveError(f"The zip is damaged or cut off ({error}); download it again.") from error


def _checked(file: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    """The entries, once all of them pass; nothing has been unpacked by then."""
    infos, seen, total = file.infolist(), set(), 0
    if not infos:
        raise ArchiveError("The zip is empty; choose the file as it was downloaded.")
    if len(infos) > limits.count:
        raise ArchiveError(f"The zip holds {len(infos)} files; at most {limits.count} are read.")
    for info in infos:
        name = _safe_name(info)
        if name.casefold() in seen:
            raise ArchiveError(f"The zip holds {name} twice, so it is unclear which one is meant; make it again.")
        seen.add(name.casefold())
        if info.flag_bits & 0x2041:  # bits 0, 6 and 13: the entry, its key or the directory is encrypted
            raise ArchiveError(f"{name} is encrypted; give a zip without a password.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError(f"{name} is compressed by method {info.compress_type}; only deflate is read.")
        if info.file_size > limits.entry:
            raise ArchiveError(f"{name} unpacks to {_size(info.file_size)}; at most {_size(limits.entry)} are read.")
        if info.file_size > limits.small and info.file_size > limits.ratio * max(info.compress_size, 1):
            raise ArchiveError(
                f"{name} unpacks to {info.file_size / max(info.compress_size, 1):,.0f} times its size, which no figure or "
                "table does; it is taken for a bomb and not unpacked."
            )
        total += info.file_size
        if total > limits.total:
            raise ArchiveError(f"The zip unpacks to more than {_size(limits.total)}; it is not unpacked.")
    return infos


def _safe_name(info: zipfile.ZipInfo) -> str:
    """A name as this app writes them: letters, digits and a few marks, relative, without a way up; a plain file."""
    name = info.orig_filename  # as it stands in the file: `filename` is cut at a zero byte
    shown = ascii(name)[:80]
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        raise ArchiveError(f"The zip names an absolute path ({shown}); files must lie inside it.")
    if ".." in re.split(r"[/\\]", name):
        raise ArchiveError(f"The zip names a path that climbs out of it ({shown}); files must lie inside it.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise ArchiveError(f"{shown} is a symbolic link; only plain files are read.")
    if kind not in (0, stat.S_IFREG) or name.endswith("/") or info.external_attr & 0x10:
        raise ArchiveError(f"{shown} is no plain file; only plain files are read.")
    if not NAME.fullmatch(name):
        raise ArchiveError(f"The zip names a file {shown}; this app writes no such name.")
    return name


def _read(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """One entry, at most one byte more than it says it has."""
    try:
        with file.open(info) as stream:
            data = stream.read(info.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        raise ArchiveError(f"{info.filename} is damaged ({error}); download the file again.") from error
    if len(data) != info.file_size:
        raise ArchiveError(
            f"{info.filename} has {len(data)} bytes where the zip says {info.file_size}; download it again."
        )
    return data


def check_npz(data: bytes, limits: Limits = ARRAYS) -> None:
    """Whether an array file may be given to numpy: plain numbers and text only, as large as its headers say, within bounds."""
    with _opened(data, limits) as file:
        for info in _checked(file, limits):
            if not info.filename.endswith(".npy"):
                raise ArchiveError(f"The array file holds {info.filename}, which is no array; write the trace again.")
            _check_array(file, info)


def _check_array(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """By the header alone: nothing of the array is read."""
    name = info.filename.removesuffix(".npy")
    try:
        with file.open(info) as stream:
            version = np.lib.format.read_magic(stream)
            header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = header[version](stream)
            start = stream.tell()
    except KeyError:
        raise ArchiveError(f"The array {name} is of an unknown format; write the trace again.") from None
    except Exception as error:  # headers of strangers make the parser raise nearly anything
        raise ArchiveError(f"The array {name} has a damaged header ({error}); write the trace again.") from error
    if dtype.hasobject or dtype.kind not in "biufU":
        raise ArchiveError(
            f"The array {name} holds Python objects ({dtype}), which would be unpickled; only numbers and text are read."
        )
    size = dtype.itemsize
    for length in shape:  # in whole numbers of Python, which do not overflow
        size *= int(length)
    if start + size != info.file_size:
        raise ArchiveError(
            f"The array {name} says {size} bytes and has {info.file_size - start}; write the trace again."
        )


def pack(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files: sorted by name, one fixed time, the same rights; equal files give equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, TIME)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            stored = any(name.endswith(kind) for kind in PACKED)
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            file.writestr(info, files[name], compresslevel=None if stored else 6)
    return out.getvalue()


def _size(count: int) -> str:
    return f"{count / MIB:,.0f} MiB" if count >= MIB else f"{count:,} bytes"
