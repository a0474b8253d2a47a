"""The embedded chain under kill -9: at random instants, and at every step of writing a block.

Each round runs in a forked child of one warm process (importing py-evm takes a second). The child sends transactions
and seals; it reports a hash only once it has seen the receipt. Then it dies by SIGKILL, and the file is opened again.

The negative control is the same harness over a file that writes the same rows in the same order, each by itself and
without syncs. Both pause between rows, so that an instant within a block is as likely for one as for the other.
"""

import contextlib
import itertools
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.embedded import ChainFileBroken, EmbeddedChain
from node.embedded.storage import ChainFile

pytestmark = pytest.mark.slow

SEALER_KEY = b"\x07" * 32
SENDER_KEY = b"\x01" * 32
CHAIN_ID = 20268
PER_BLOCK = 4
PAUSE_SECONDS = 0.0004
# Stores the first word of call data at the second, and logs both: enough to touch state, storage and logs.
RUNTIME = bytes.fromhex("6000356020355560206000a000")
CREATION = b"\x60" + bytes([len(RUNTIME)]) + b"\x80\x60\x09\x5f\x39\x5f\xf3" + RUNTIME


class Pausing:
    """A connection that pauses after each row, and may die at one of them."""

    def __init__(self, connection: Any, dies_at: int | None) -> None:
        self._connection = connection
        self._rows = itertools.count()
        self._dies_at = dies_at

    def execute(self, statement: str, values: Any = ()) -> Any:
        if next(self._rows) == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(PAUSE_SECONDS)
        return self._connection.execute(statement, values)

    def executemany(self, statement: str, rows: Any) -> None:
        for row in rows:
            self.execute(statement, row)


class PausingFile(ChainFile):
    """The real file, slowed down."""

    dies_at: int | None = None
    after_commit = False

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Any]:
        with super()._transaction() as writer:
            yield Pausing(writer, self.dies_at)
        if self.after_commit:
            os.kill(os.getpid(), signal.SIGKILL)


class NaiveFile(ChainFile):
    """The control: no transaction, no syncs."""

    dies_at: int | None = None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Any]:
        assert self._writer is not None
        self._writer.execute("PRAGMA synchronous = OFF")
        yield Pausing(self._writer, self.dies_at)


KINDS: dict[str, type[ChainFile]] = {"real": PausingFile, "naive": NaiveFile}


# --- the process that dies


def clock_after(start: float) -> Any:
    seconds = itertools.count(int(start) + 1)
    return lambda: float(next(seconds))


def open_chain(path: Path, kind: type[ChainFile]) -> EmbeddedChain:
    file = kind.open(path, writing=True)
    chain = EmbeddedChain(file, sealer_key=SEALER_KEY, clock=lambda: 0.0)
    chain._clock = clock_after(chain.head().timestamp)
    return chain


def work(path: Path, kind: type[ChainFile], rounds: int | None) -> None:
    """Send and seal, and report what has a receipt; for ever, or until killed."""
    from eth_account import Account

    person = Account.from_key(SENDER_KEY)
    chain = open_chain(path, kind)
    nonce = int(chain.rpc.dispatch("eth_getTransactionCount", [person.address.lower()]), 16)
    contract = (path.parent / "contract").read_text()
    report("ready")
    for block in itertools.count() if rounds is None else range(rounds):
        sent = []
        for index in range(PER_BLOCK):
            data = (block * PER_BLOCK + index + 1).to_bytes(32, "big") + os.urandom(32)
            fields = {"chainId": CHAIN_ID, "nonce": nonce, "gas": 200_000, "gasPrice": 0, "value": 0}
            signed = person.sign_transaction(fields | {"to": contract, "data": data})
            sent.append("0x" + chain.send(bytes(signed.raw_transaction)).hex())
            nonce += 1
        chain.seal_pending()
        for one in sent:
            assert chain.rpc.dispatch("eth_getTransactionReceipt", [one])["status"] == "0x1"
            report(one)
    report("done")


def report(line: str) -> None:
    os.write(1, line.encode() + b"\n")


def serve_rounds() -> None:
    """Fork a child for each request on stdin, say its pid, and reap it."""
    import eth_account  # noqa: F401  # warm, so that the children need not import it

    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            kind = KINDS[request["kind"]]
            kind.dies_at = request.get("dies_at")  # type: ignore[attr-defined]
            if request.get("after_commit"):
                PausingFile.after_commit = True
            try:
                work(Path(request["path"]), kind, request.get("rounds"))
            except BaseException:
                report("failed")
                raise
            finally:
                os._exit(0)
        report(f"pid {child}")
        os.waitpid(child, 0)
        report("reaped")


if __name__ == "__main__":
    serve_rounds()


# --- the harness


class Stable:
    """The warm process whose children die."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._requests, self._reports = self.process.stdin, self.process.stdout
        self._kept = b""

    def start(self, **request: Any) -> int:
        self._requests.write(json.dumps(request).encode() + b"\n")
        self._requests.flush()
        return int(self.line().removeprefix("pid "))

    def line(self, seconds: float = 30) -> str:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._kept:
            assert select.select([self._reports], [], [], max(0.0, deadline - time.monotonic()))[0], "no report"
            piece = os.read(self._reports.fileno(), 65536)
            assert piece, "the warm process is gone"
            self._kept += piece
        line, _, self._kept = self._kept.partition(b"\n")
        return line.decode()

    def until(self, last: str) -> list[str]:
        lines = list(iter(self.line, last))
        assert "failed" not in lines
        return lines

    def close(self) -> None:
        self._requests.close()
        self.process.wait(10)
        self._reports.close()


@pytest.fixture(scope="module")
def stable() -> Iterator[Stable]:
    running = Stable()
    yield running
    running.close()


def new_chain(folder: Path) -> Path:
    from eth_account import Account

    person = Account.from_key(SENDER_KEY)
    path = folder / "chain.db"
    with EmbeddedChain.create(
        path, chain_id=CHAIN_ID, sealer_key=SEALER_KEY, alloc={}, genesis_time=1_000, clock=clock_after(1_000)
    ) as chain:
        fields = {"chainId": CHAIN_ID, "nonce": 0, "gas": 200_000, "gasPrice": 0, "value": 0, "data": CREATION}
        sent = chain.send(bytes(person.sign_transaction(fields).raw_transaction))
        chain.seal_pending()
        receipt = chain.rpc.dispatch("eth_getTransactionReceipt", ["0x" + sent.hex()])
        from eth_utils.address import to_checksum_address

        (folder / "contract").write_text(to_checksum_address(receipt["contractAddress"]))
    return path


def faults_of(path: Path, promised: set[str], checked: int) -> tuple[list[str], int]:
    """Open the file as the next process would, and list what is lost or broken; with the number of the last block."""
    try:
        with EmbeddedChain.open(path, sealer_key=None) as reader:
            seen = reader.head().hash
        with EmbeddedChain.open(path, sealer_key=SEALER_KEY) as chain:
            head = chain.head()
            faults = ["a reader sees another head"] if head.hash != seen else []
            for number in range(checked, head.number + 1):
                chain.check_block(number)
            for one in promised:
                receipt = chain.rpc.dispatch("eth_getTransactionReceipt", [one])
                if receipt is None or int(receipt["blockNumber"], 16) > head.number:
                    faults.append(f"{one} had a receipt and has none")
            return faults, head.number
    except ChainFileBroken as error:
        return [error.reason], checked


def kill_at_random(stable: Stable, folder: Path, kind: str, rounds: int) -> tuple[int, int, list[str]]:
    """Give the number of receipts promised, of kills, and the faults of the first round that had any."""
    path, promised, checked = new_chain(folder), set[str](), 1
    instants = random.Random(20268)  # instants to kill at, not keys
    for killed in range(1, rounds + 1):
        child = stable.start(path=str(path), kind=kind)
        stable.until("ready")
        time.sleep(instants.uniform(0.0, 0.25))
        os.kill(child, signal.SIGKILL)
        promised |= set(stable.until("reaped"))
        faults, checked = faults_of(path, promised, checked)
        if faults:
            return len(promised), killed, faults
    return len(promised), rounds, []


def test_killed_at_random_instants_nothing_promised_is_lost(stable, tmp_path) -> None:
    promised, _, faults = kill_at_random(stable, tmp_path, "real", rounds=12)
    assert faults == []
    assert promised > PER_BLOCK


def test_the_same_harness_finds_the_fault_of_a_naive_file(stable, tmp_path) -> None:
    _, killed, faults = kill_at_random(stable, tmp_path, "naive", rounds=40)
    assert faults, f"a file that writes row by row went through {killed} kills unnoticed"


def test_killed_at_any_row_of_a_block_the_block_is_there_or_not(stable, tmp_path) -> None:
    path = new_chain(tmp_path)
    checked, outcomes = 1, []
    for dies_at in (*range(25), "commit"):
        before = checked
        request = {"after_commit": True} if dies_at == "commit" else {"dies_at": dies_at}
        stable.start(path=str(path), kind="real", rounds=1, **request)
        lines = stable.until("reaped")
        faults, checked = faults_of(path, set(lines) - {"ready", "done"}, checked)
        assert faults == [], f"killed at row {dies_at}"
        outcomes.append((checked - before, "done" in lines))
    # Cut short: nothing of the block; past its last row, or right after the commit: all of it.
    assert outcomes[0] == (0, False)
    assert outcomes[-1] == (1, False)
    assert {added for added, _ in outcomes} == {0, 1}


def test_killed_at_some_row_the_naive_file_is_found_broken(stable, tmp_path) -> None:
    found = []
    for dies_at in (2, 9, 16):
        folder = tmp_path / str(dies_at)
        folder.mkdir()
        path = new_chain(folder)
        stable.start(path=str(path), kind="naive", rounds=1, dies_at=dies_at)
        stable.until("reaped")
        found.append(bool(faults_of(path, set(), 1)[0]))
    assert any(found)
