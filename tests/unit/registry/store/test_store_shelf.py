import errno
import os

import pytest

from registry.store import Shelf


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "delivered"


def test_a_file_is_read_as_it_was_put(folder):
    shelf = Shelf(folder)
    assert shelf.get("a.json") is None
    shelf.put("a.json", b"one")
    assert (shelf.get("a.json"), shelf.path("a.json").read_bytes()) == (b"one", b"one")
    assert shelf.path("a.json").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    shelf.put("a.json", b"two")
    assert [file.name for file in folder.iterdir()] == ["a.json"]
    assert shelf.get("a.json") == b"two"


def test_the_same_bytes_again_change_nothing(folder):
    shelf = Shelf(folder)
    shelf.put("a.json", b"one")
    before = shelf.path("a.json").stat()
    shelf.put("a.json", b"one")
    after = shelf.path("a.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("step", ["fchmod", "replace"])
def test_a_full_disk_leaves_the_earlier_file_and_no_other(folder, monkeypatch, step):
    shelf = Shelf(folder)
    shelf.put("a.json", b"one")

    def refuse(*arguments) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(OSError, match="No space left"):
        shelf.put("a.json", b"two")
    with pytest.raises(OSError, match="No space left"):
        shelf.put("b.json", b"two")
    monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"a.json": b"one"}


def test_settling_brings_everything_to_the_disk(folder, monkeypatch):
    steps = []
    monkeypatch.setattr(os, "sync", lambda: steps.append(sorted(file.name for file in folder.iterdir())))
    shelf = Shelf(folder)
    shelf.put("a.json", b"12345")
    shelf.put("b.json", b"12345")
    shelf.settle()
    assert steps == [["a.json", "b.json"]]
