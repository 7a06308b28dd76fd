"""A file appears complete or not at all, and a bad one ends in one line; a table holds no formula."""

import csv
import io
import threading
import zipfile

import numpy as np
import pytest

from lrr_core import storage
from lrr_core.storage import csv_text, digest, read_npz, replacing, save_npz, write_text


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_nothing_stands_at_the_target_until_all_is_written(tmp_path):
    target = tmp_path / "deep" / "er" / "a.txt"
    with replacing(target) as beside:
        beside.write_text("half")
        assert beside.parent == target.parent and not target.exists()
        beside.write_text("whole")
    assert target.read_text() == "whole" and names(target.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_writer_that_is_stopped_leaves_what_was_there(tmp_path, error):
    target = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(type(error)), replacing(target) as beside:
        beside.write_text("half")
        raise error
    assert target.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_two_threads_that_write_one_file_never_share_a_path(tmp_path):
    seen, together = [], threading.Barrier(2, timeout=10)

    def work(word):
        with replacing(tmp_path / "a.txt") as beside:
            seen.append(beside)
            beside.write_text(word * 1000)
            together.wait()
            assert beside.read_text() == word * 1000

    threads = [threading.Thread(target=work, args=(word,)) for word in "xy"]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(set(seen)) == 2 and names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() in ("x" * 1000, "y" * 1000)


def test_text_is_written_as_utf8(tmp_path):
    assert write_text(tmp_path / "a.txt", "α → β\n").read_bytes() == "α → β\n".encode()


# --- arrays with their record -------------------------------------------------------------------------------------


class OwnError(ValueError):
    pass


def read(path, **expect):
    with read_npz(path, {"format": 1} | expect, OwnError, "thing", "make it again") as npz:
        return npz.meta, {name: npz[name] for name in npz.names}


def test_what_is_saved_is_read_back(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b/c": np.array([True, False])}
    meta, found = read(save_npz(tmp_path / "a.npz", {"format": 1, "α": [1]}, arrays))
    assert meta == {"format": 1, "α": [1]} and found.keys() == arrays.keys()
    assert all(np.array_equal(found[k], arrays[k]) and found[k].dtype == arrays[k].dtype for k in arrays)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is no .npz"),
        (b"PK\x03\x04 no archive", "it is no .npz"),
        (b"\x80\x04N.", "it is no .npz"),  # a pickle
        ({}, "format None; this version reads 1"),
        ({"format": 9}, "format 9; this version reads 1"),
        ("[" * 100_000, "not a complete thing"),
        ("no json", "not a complete thing"),
    ],
)
def test_only_the_named_error_leaves_with_path_and_fix(tmp_path, data, words):
    path = tmp_path / "bad.npz"
    if isinstance(data, bytes):
        path.write_bytes(data)
    elif isinstance(data, dict):
        save_npz(path, data, {})
    else:
        np.savez_compressed(path, meta=np.array(data))
    with pytest.raises(OwnError, match=rf"bad\.npz is .*{words}.*make it again"):
        read(path)
    with pytest.raises(OwnError, match=r"There is no thing at .*none\.npz; make it again"):
        read(tmp_path / "none.npz")


def test_a_file_that_would_fill_the_memory_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = save_npz(tmp_path / "big.npz", {"format": 1}, {"a": np.zeros(1 << 20)})
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(storage, "MOST", 1 << 20)
    with pytest.raises(OwnError, match="would unpack to 8 MB"):
        read(path)


def test_an_array_that_announces_more_than_it_holds_is_refused(tmp_path):
    path, header = tmp_path / "a.npz", io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header.getvalue())
    with pytest.raises(OwnError, match="announces"):
        read(path)


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [2, None]}) == digest({"b": [2, None], "a": 1}) != digest({"a": 1, "b": [2]})
    assert len(digest([])) == 16


# --- tables ---------------------------------------------------------------------------------------------------------


def test_a_table_has_every_column_and_is_empty_where_a_row_has_none():
    text = csv_text([{"a": 1, "b": True}, {"b": None, "c": 0.1, "a": float("nan")}], digits=3)
    assert text == "a,b,c\n1,1,\n,,0.1\n"
    assert csv_text([{"a": 1 / 3}]) == "a\n0.3333333333333333\n"


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_cell_and_no_comment_is_a_formula(evil):
    head, _, cell = csv_text([{"a": evil}], [f'{{"question": "x,{evil}"}}']).partition("\n")
    (row,) = csv.DictReader(io.StringIO(cell, newline=""))
    assert row["a"] == f"'{evil}".replace("\r", " ")
    assert not any(part.strip(' "').startswith(("=", "+", "-", "@")) for part in head.split(","))
    assert "\r" not in head and head.startswith("# ")
    assert csv_text([{"a": -0.5}]) == "a\n-0.5\n"
