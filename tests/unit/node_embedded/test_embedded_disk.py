"""A full disk, or another program at the file: nothing of the chain is broken, and it is said so in one line."""

import contextlib
import logging
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.embedded import EmbeddedChain, RpcError, RpcErrorCode
from node.embedded.errors import ChainFileBroken, ChainFileUnavailable
from node.embedded.storage import _unusable
from registry.kernel.errors import Unavailable


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


@contextlib.contextmanager
def held(chain: EmbeddedChain) -> Iterator[None]:
    """Write in the file as another program would, and let the chain's writer wait for nothing."""
    assert chain.file._writer is not None
    chain.file._writer.execute("PRAGMA busy_timeout = 0")
    with contextlib.closing(sqlite3.connect(chain.file.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_on_a_full_disk_a_sound_file_is_not_called_broken(chain, alice, reopen) -> None:
    chain.send(alice.sign(to=b"\x22" * 20))
    chain.seal_pending()
    chain.close()
    with full_disk(), pytest.raises(ChainFileUnavailable, match=r"I/O error|full") as caught:
        EmbeddedChain.open(chain.file.path, sealer_key=None)
    assert isinstance(caught.value, Unavailable)
    with reopen() as opened:
        assert opened.head().number == 1


def test_a_file_held_by_another_program_is_not_called_broken(chain, alice) -> None:
    chain.send(alice.sign(to=b"\x22" * 20))
    with held(chain), pytest.raises(ChainFileUnavailable, match="locked"):
        chain.seal_pending()
    assert len(chain.seal_pending()) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_FULL, ChainFileUnavailable),
        (sqlite3.SQLITE_IOERR_SHMSIZE, ChainFileUnavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, ChainFileUnavailable),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, ChainFileUnavailable),
        (sqlite3.SQLITE_LOCKED, ChainFileUnavailable),
        (sqlite3.SQLITE_CORRUPT_INDEX, ChainFileBroken),
        (sqlite3.SQLITE_NOTADB, ChainFileBroken),
        (sqlite3.SQLITE_ERROR, ChainFileBroken),  # no such table
        (None, ChainFileBroken),
    ],
)
def test_only_what_a_backup_mends_is_called_broken(code: int | None, expected: type[Exception]) -> None:
    error = sqlite3.OperationalError("so it goes")
    if code is not None:
        error.sqlite_errorcode = code
    assert type(_unusable(Path("chain.db"), error)) is expected


def test_a_node_that_cannot_read_says_so_as_trouble_of_its_own(chain, monkeypatch) -> None:
    def refuse(*_: Any) -> None:
        raise ChainFileUnavailable("chain.db", "disk I/O error")

    monkeypatch.setattr(chain.file, "head", refuse)
    with pytest.raises(RpcError, match="disk I/O error") as caught:
        chain.rpc.dispatch("eth_blockNumber")
    assert caught.value.code is RpcErrorCode.UNAVAILABLE


def test_the_sealing_thread_says_once_and_in_one_line_why_no_block_comes(
    chain: EmbeddedChain, alice: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("node.embedded.chain._RETRY_SECONDS", 0.01)
    tries = _counting(chain, monkeypatch)
    with caplog.at_level(logging.WARNING, logger="node.embedded.chain"):
        with held(chain):
            chain.start_sealing()
            chain.send(alice.sign(to=b"\x22" * 20))
            _wait(lambda: len(tries) >= 4)
            assert isinstance(chain.sealing_fault, ChainFileUnavailable)
        _wait(lambda: chain.head().number == 1)
        chain.stop()
    assert chain.sealing_fault is None
    assert [(one.levelname, one.exc_info) for one in caplog.records] == [("WARNING", None)]
    assert "database is locked" in caplog.text
    assert "Traceback" not in caplog.text


def _counting(chain: EmbeddedChain, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    tries: list[int] = []
    write = chain.file.write_block

    def counted(*arguments: Any) -> None:
        tries.append(1)
        write(*arguments)

    monkeypatch.setattr(chain.file, "write_block", counted)
    return tries


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not until() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert until()
