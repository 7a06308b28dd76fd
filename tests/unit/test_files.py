"""A file appears complete or not at all."""

import threading

import pytest

from lrr_core.storage import replacing, write_text


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
