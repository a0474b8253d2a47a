"""Create, open, seal, restart: what the file promises."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth.vm.forks.prague import PragueVM
from eth_utils.exceptions import ValidationError

from node.embedded import (
    GAS_TARGET,
    ChainFileBroken,
    ChainFileExists,
    ChainFileMissing,
    ChainLocked,
    ChainReadOnly,
    ClockBehindHead,
    EmbeddedChain,
    RpcError,
    SealerMismatch,
    TransactionRefused,
    recover_sealer,
    sealer_address,
)
from node.embedded.errors import ChainFileUnavailable, StateMissing
from node.embedded.storage import ChainFile

SEALER_KEY = b"\x07" * 32
LARGE_CODE = "0x61400080600a5f395ff3" + "00" * 0x4000
"""Creates a contract whose code is 16 KB of zeros."""


def receipt(chain: EmbeddedChain, transaction_hash: bytes) -> Any:
    return chain.rpc.dispatch("eth_getTransactionReceipt", ["0x" + transaction_hash.hex()])


def check_all(chain: EmbeddedChain) -> None:
    for number in range(chain.head().number + 1):
        chain.check_block(number)


def edit(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement).rowcount == 1


# --- restart


def test_restart_keeps_head_state_receipts_and_logs(chain, alice, table, reopen, read_store) -> None:
    sent = chain.send(alice.put(table, 1, 11))
    chain.seal_pending()
    before = {
        "head": chain.head(),
        "block": chain.rpc.dispatch("eth_getBlockByNumber", ["latest", True]),
        "receipt": receipt(chain, sent),
        "logs": chain.rpc.dispatch("eth_getLogs", [{"fromBlock": "0x0"}]),
        "seal": chain.rpc.dispatch("vermilion_getSeal", ["0x" + chain.head().hash.hex()]),
        "nonce": chain.rpc.dispatch("eth_getTransactionCount", [alice.address, "latest"]),
    }
    chain.close()

    with reopen() as opened:
        assert opened.head() == before["head"]
        assert opened.rpc.dispatch("eth_getBlockByNumber", ["latest", True]) == before["block"]
        assert receipt(opened, sent) == before["receipt"]
        assert opened.rpc.dispatch("eth_getLogs", [{"fromBlock": "0x0"}]) == before["logs"]
        assert opened.rpc.dispatch("vermilion_getSeal", ["0x" + opened.head().hash.hex()]) == before["seal"]
        assert opened.rpc.dispatch("eth_getTransactionCount", [alice.address, "latest"]) == before["nonce"]
        check_all(opened)
        opened.send(alice.put(table, 1, 12))
        opened.seal_pending()
        assert opened.head().number == before["head"].number + 1


def test_pool_is_gone_after_a_restart_and_the_same_bytes_are_taken_again(chain, alice, reopen) -> None:
    raw = alice.sign(to=b"\x22" * 20)
    sent = chain.send(raw)
    chain.close()
    with reopen() as opened:
        assert opened.rpc.dispatch("eth_getTransactionByHash", ["0x" + sent.hex()]) is None
        assert opened.send(raw) == sent
        opened.seal_pending()
        assert receipt(opened, sent)["status"] == "0x1"


def test_genesis_holds_the_balances_and_its_own_seal(chain, alice) -> None:
    assert chain.head().number == 0
    assert chain.head().hash == chain.genesis
    assert chain.rpc.dispatch("eth_getBalance", [alice.address, "latest"]) == hex(10**24)
    seal = chain.rpc.dispatch("vermilion_getSeal", ["0x" + chain.genesis.hex()])
    assert recover_sealer(chain.genesis, bytes.fromhex(seal[2:])) == sealer_address(SEALER_KEY)


def test_the_same_arguments_give_the_same_genesis(create_chain, chain_path, tmp_path) -> None:
    with create_chain() as first:
        genesis = first.genesis
    chain_path.rename(tmp_path / "other.db")
    with create_chain() as second:
        assert second.genesis == genesis


def test_every_block_carries_its_sealers_signature(chain, alice, table) -> None:
    for number in range(chain.head().number + 1):
        header = chain.header_by_number(number)
        seal = bytes.fromhex(chain.rpc.dispatch("vermilion_getSeal", ["0x" + header.hash.hex()])[2:])
        assert len(seal) == 65
        assert seal[64] in (0, 1)
        assert recover_sealer(header.hash, seal) == chain.sealer
    assert chain.rpc.dispatch("vermilion_getSeal", ["0x" + "00" * 32]) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda seal: seal[:-1],
        lambda seal: seal + b"\0",
        lambda seal: bytes(len(seal)),
        lambda seal: seal[:64] + b"\x05",
        lambda seal: bytes([seal[0] ^ 1]) + seal[1:],
        # The mirrored signature over the same hash: valid mathematics, refused because s is in the upper half.
        lambda seal: (
            seal[:32]
            + (
                0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 - int.from_bytes(seal[32:64], "big")
            ).to_bytes(32, "big")
            + bytes([1 - seal[64]])
        ),
    ],
)
def test_spoilt_seal_is_not_the_sealers(chain, spoil: Callable[[bytes], bytes]) -> None:
    seal = bytes.fromhex(chain.rpc.dispatch("vermilion_getSeal", ["0x" + chain.genesis.hex()])[2:])
    assert recover_sealer(chain.genesis, spoil(seal)) != chain.sealer


# --- the file


def test_creating_over_a_chain_is_refused(chain, create_chain) -> None:
    chain.close()
    with pytest.raises(ChainFileExists):
        create_chain()


def test_a_file_that_never_got_its_genesis_is_as_good_as_none(create_chain, reopen, chain_path) -> None:
    ChainFile.create(chain_path).close()
    with pytest.raises(ChainFileBroken):
        reopen()
    with create_chain() as created:
        assert created.head().number == 0


def test_opening_what_is_not_there_is_refused(reopen, chain_path) -> None:
    for key in (SEALER_KEY, None):
        with pytest.raises(ChainFileMissing):
            reopen(key)
    assert not chain_path.exists()


def test_opening_something_else_is_refused(reopen, chain_path) -> None:
    chain_path.write_bytes(os.urandom(8192))
    with pytest.raises(ChainFileBroken):
        reopen()
    chain_path.unlink()
    with contextlib.closing(sqlite3.connect(chain_path)) as connection:
        connection.execute("CREATE TABLE other (x)")
    for key in (SEALER_KEY, None):
        with pytest.raises(ChainFileBroken):
            reopen(key)


def test_a_later_format_is_refused(chain, reopen, chain_path) -> None:
    chain.close()
    with contextlib.closing(sqlite3.connect(chain_path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(ChainFileBroken, match="format"):
        reopen()


def test_another_sealers_key_is_refused(chain, reopen) -> None:
    chain.close()
    with pytest.raises(SealerMismatch) as caught:
        reopen(b"\x08" * 32)
    assert caught.value.expected == sealer_address(SEALER_KEY)


def test_the_file_is_in_wal_mode_with_full_syncs(chain) -> None:
    assert chain.file._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert chain.file._writer.execute("PRAGMA synchronous").fetchone() == (2,)


def test_one_writer_at_a_time_across_processes(chain, reopen, chain_path) -> None:
    with pytest.raises(ChainLocked):
        reopen()
    program = (
        "import sys, pathlib\n"
        "from node.embedded.storage import ChainFile\n"
        "from node.embedded.errors import ChainLocked\n"
        "try:\n    ChainFile.open(pathlib.Path(sys.argv[1]), writing=True)\n"
        "except ChainLocked:\n    sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(chain_path)], check=False).returncode == 7
    chain.close()
    reopen().close()


def test_read_only_sees_the_blocks_of_the_writer_and_cannot_write(chain, alice, table, reopen) -> None:
    with reopen(None) as reader:
        before = reader.head().number
        sent = chain.send(alice.put(table, 5, 6))
        assert receipt(reader, sent) is None
        chain.seal_pending()
        assert reader.head().number == before + 1
        assert receipt(reader, sent)["status"] == "0x1"
        assert len(reader.rpc.dispatch("eth_getLogs", [{"fromBlock": "0x0"}])) == 1
        check_all(reader)
        with pytest.raises(ChainReadOnly):
            reader.send(alice.sign(nonce=99))
        with pytest.raises(ChainReadOnly):
            reader.start_sealing()
        with pytest.raises(ChainReadOnly):
            reader.seal_empty()
        with pytest.raises(RpcError, match="read-only"):
            reader.rpc.dispatch("eth_sendRawTransaction", ["0x" + alice.sign(nonce=99).hex()])


def test_closing_twice_does_no_harm_and_reading_after_it_is_refused(chain) -> None:
    chain.close()
    chain.close()
    with pytest.raises(ChainFileMissing):
        chain.head()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE block SET seal = zeroblob(65) WHERE number = 2",
        "DELETE FROM node WHERE key = (SELECT hash FROM block WHERE number = 2)",
        "DELETE FROM block WHERE number = 2",
        "UPDATE node SET value = (SELECT hash FROM block WHERE number = 1)"
        " WHERE key = CAST('v1:canonical_head_hash' AS BLOB)",
        "UPDATE meta SET value = zeroblob(32) WHERE name = 'genesis'",
        "DELETE FROM meta WHERE name = 'sealer'",
    ],
)
def test_an_incomplete_last_block_is_found_at_opening(chain, alice, table, reopen, statement) -> None:
    chain.send(alice.put(table, 1, 1))
    chain.seal_pending()
    chain.close()
    edit(chain.file.path, statement)
    for key in (SEALER_KEY, None):
        with pytest.raises(ChainFileBroken):
            reopen(key)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log SET data = zeroblob(32) WHERE block = 2",
        "DELETE FROM log WHERE block = 2",
        "UPDATE transaction_ SET succeeded = 0 WHERE block = 2",
        "UPDATE transaction_ SET gas_used = gas_used + 1 WHERE block = 2",
        "UPDATE transaction_ SET sender = zeroblob(20) WHERE block = 2",
        "UPDATE transaction_ SET raw = x'f800' WHERE block = 2",
        "DELETE FROM transaction_ WHERE block = 2",
        "UPDATE block SET seal = zeroblob(65) WHERE number = 2",
        "UPDATE node SET value = zeroblob(9) WHERE key = (SELECT key FROM node WHERE length(value) > 15000)",
    ],
)
def test_an_edited_row_is_found_by_running_the_block_again(chain, alice, table, reopen, statement) -> None:
    chain.send(alice.put(table, 1, 1))
    chain.seal_pending()
    # Code of 16 KB, the longest value in the file.
    chain.send(alice.sign(data=LARGE_CODE, gas=5_000_000))
    chain.seal_pending()
    check_all(chain)
    chain.close()
    edit(chain.file.path, statement)
    with reopen() as opened, pytest.raises(ChainFileBroken):
        check_all(opened)


def test_a_gap_in_the_state_is_never_taken_for_a_transactions_fault(chain, alice, table, reopen) -> None:
    chain.close()
    edit(chain.file.path, "DELETE FROM node WHERE length(value) BETWEEN 200 AND 300 AND length(key) = 32")  # the code
    with reopen() as opened:
        sent = opened.send(alice.put(table, 1, 1))
        with pytest.raises(StateMissing):
            opened.seal_pending()
        assert opened.head().number == 1
        assert opened.pending_transaction(sent) is not None
        assert opened.why_dropped(sent) is None
        for method, params in (("eth_getCode", [table]), ("eth_call", [{"to": table}])):
            with pytest.raises(RpcError, match="lacks a part of its state"):
                opened.rpc.dispatch(method, params)


# --- blocks and time


def test_at_most_one_block_a_second_and_never_ahead_of_the_clock(create_chain, alice) -> None:
    with create_chain(clock=time.time, genesis_time=int(time.time())) as chain:
        started = time.time()
        for _ in range(2):
            chain.send(alice.sign(to=b"\x22" * 20))
            (header,) = chain.seal_pending()
            assert header.timestamp <= time.time()
        assert chain.header_by_number(2).timestamp > chain.header_by_number(1).timestamp > int(started)


def test_a_genesis_ahead_of_the_clock_is_refused(create_chain, chain_path) -> None:
    with pytest.raises(ClockBehindHead):
        create_chain(genesis_time=2_000_000_000)
    assert not chain_path.exists()


def test_sealing_halts_while_the_clock_stands_far_behind_and_goes_on_after(create_chain, alice) -> None:
    now = [1_700_000_000.0]
    with create_chain(clock=lambda: now[0]) as chain:
        chain.send(alice.sign(to=b"\x22" * 20))
        chain.seal_pending()
        now[0] -= 3600
        sent = chain.send(alice.sign(to=b"\x22" * 20))
        with pytest.raises(ClockBehindHead):
            chain.seal_pending()
        chain.start_sealing()
        deadline = time.monotonic() + 10
        while chain.sealing_fault is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert isinstance(chain.sealing_fault, ClockBehindHead)
        now[0] += 7200
        while receipt(chain, sent) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        chain.stop()
        assert chain.sealing_fault is None
        assert receipt(chain, sent)["status"] == "0x1"


def test_many_transactions_go_into_one_block_in_order(chain, alice, bob) -> None:
    sent = [chain.send(person.sign(to=b"\x22" * 20, value=1)) for _ in range(50) for person in (alice, bob)]
    (header,) = chain.seal_pending()
    block = chain.rpc.dispatch("eth_getBlockByNumber", [hex(header.number), False])
    assert block["transactions"] == ["0x" + one.hex() for one in sent]
    assert int(block["gasUsed"], 16) == 21_000 * 100 == int(receipt(chain, sent[-1])["cumulativeGasUsed"], 16)
    assert chain.rpc.dispatch("eth_getBalance", ["0x" + "22" * 20]) == hex(100)
    chain.check_block(1)


def test_base_fee_stays_zero_however_full_the_blocks_are(chain, alice) -> None:
    # This contract's code is the one byte INVALID: a call burns all gas it is given.
    burner = receipt_address(chain, chain.send(alice.sign(data="0x60fe5f5360015ff3")))
    sent = [chain.send(alice.sign(to=burner, gas=GAS_TARGET // 3)) for _ in range(7)]
    headers = chain.seal_pending()
    assert [header.gas_used for header in headers] == [GAS_TARGET, GAS_TARGET, GAS_TARGET // 3]
    assert {header.base_fee for header in headers} == {0}
    assert chain.seal_empty().base_fee == 0
    assert {receipt(chain, one)["status"] for one in sent} == {"0x0"}
    assert chain.rpc.dispatch("eth_getBlockByNumber", ["latest", False])["baseFeePerGas"] == "0x0"


def receipt_address(chain: EmbeddedChain, sent: bytes) -> bytes:
    chain.seal_pending()
    return bytes.fromhex(receipt(chain, sent)["contractAddress"][2:])


def test_nothing_pending_seals_nothing_and_an_empty_block_is_sealed_when_told(chain) -> None:
    assert chain.seal_pending() == ()
    assert chain.head().number == 0
    assert chain.seal_empty() == chain.head()
    assert chain.head().number == 1
    chain.check_block(1)


def test_a_silent_chain_gives_a_sign_of_life_when_asked_to(chain) -> None:
    chain.start_sealing(heartbeat_seconds=0.05)
    deadline = time.monotonic() + 10
    while chain.head().number < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    chain.stop()
    assert chain.head().number >= 2


def test_many_threads_send_and_read_while_one_seals(chain, alice, bob) -> None:
    raws = {person.address: [person.sign(to=b"\x22" * 20, value=1) for _ in range(60)] for person in (alice, bob)}
    hashes: list[bytes] = []
    faults: list[BaseException] = []
    chain.start_sealing()
    done = threading.Event()

    def send(address: str) -> None:
        hashes.extend(chain.send(raw) for raw in raws[address])

    def read() -> None:
        while not done.is_set():
            block = chain.rpc.dispatch("eth_getBlockByNumber", ["latest", True])
            # What a block lists must be there: a reader never sees half a block.
            for transaction in block["transactions"]:
                if chain.rpc.dispatch("eth_getTransactionReceipt", [transaction["hash"]]) is None:
                    faults.append(AssertionError(transaction["hash"]))
            time.sleep(0.01)

    senders = [threading.Thread(target=send, args=(address,)) for address in raws]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in (*senders, *readers):
        thread.start()
    for thread in senders:
        thread.join()
    deadline = time.monotonic() + 20
    while any(receipt(chain, one) is None for one in hashes) and time.monotonic() < deadline:
        time.sleep(0.02)
    done.set()
    for thread in readers:
        thread.join()
    chain.stop()
    assert not faults
    assert len({receipt(chain, one)["blockHash"] for one in hashes}) <= chain.head().number
    assert chain.rpc.dispatch("eth_getBalance", ["0x" + "22" * 20]) == hex(120)


# --- what goes wrong while sealing

MARK = b"\xbadbad"


@pytest.mark.parametrize("fault", [ValidationError("no such luck"), ZeroDivisionError("a bug in the engine")])
def test_an_offender_is_dropped_and_the_rest_sealed(chain, alice, bob, monkeypatch, fault) -> None:
    execute = PragueVM.apply_transaction

    def refuse_marked(self: Any, header: Any, transaction: Any) -> Any:
        if transaction.data == MARK:
            # Spoil the state first: what an offender has touched must not reach the block.
            self.state.set_balance(b"\x33" * 20, 1)
            raise fault
        return execute(self, header, transaction)

    monkeypatch.setattr(PragueVM, "apply_transaction", refuse_marked)
    good = [chain.send(alice.sign(to=b"\x22" * 20)), chain.send(bob.sign(to=b"\x22" * 20))]
    marked = bob.sign(to=b"\x22" * 20, data=MARK)
    offender = chain.send(marked)
    behind = chain.send(bob.sign(to=b"\x22" * 20))
    last = chain.send(alice.sign(to=b"\x22" * 20))

    (header,) = chain.seal_pending()

    assert [receipt(chain, one)["blockNumber"] for one in (*good, last)] == ["0x1"] * 3
    assert receipt(chain, offender) is None
    assert receipt(chain, behind) is None
    assert chain.rpc.dispatch("eth_getTransactionByHash", ["0x" + offender.hex()]) is None
    assert chain.rpc.dispatch("eth_getBalance", ["0x" + "33" * 20]) == "0x0"
    assert str(fault) in chain.rpc.dispatch("vermilion_whyDropped", ["0x" + offender.hex()])
    with pytest.raises(TransactionRefused, match="was dropped"):
        chain.send(marked)
    # Another transaction with that nonce lets through what waited behind it.
    chain.send(bob.sign(to=b"\x44" * 20, nonce=1))
    chain.seal_pending()
    assert receipt(chain, behind)["blockNumber"] == "0x2"
    assert header.number == 1
    check_all(chain)


def test_a_block_refused_as_a_whole_is_halved_until_the_offender_stands_alone(chain, alice, monkeypatch) -> None:
    mine = PragueVM.mine_block

    def refuse_marked(self: Any, block: Any, *rest: Any, **more: Any) -> Any:
        if any(transaction.data == MARK for transaction in block.transactions):
            raise ValidationError("does not hold together")
        return mine(self, block, *rest, **more)

    monkeypatch.setattr(PragueVM, "mine_block", refuse_marked)
    good = [chain.send(alice.sign(to=b"\x22" * 20)) for _ in range(3)]
    offender = chain.send(alice.sign(to=b"\x22" * 20, data=MARK))
    chain.seal_pending()
    assert all(receipt(chain, one) is not None for one in good)
    assert receipt(chain, offender) is None
    assert chain.rpc.dispatch("vermilion_whyDropped", ["0x" + offender.hex()]) == "does not hold together"


def test_nobody_is_dropped_when_even_an_empty_block_is_refused(chain, alice, monkeypatch) -> None:
    def refuse(*_: Any) -> None:
        raise ValidationError("no block today")

    sent = chain.send(alice.sign(to=b"\x22" * 20))
    with monkeypatch.context() as patch:
        patch.setattr(PragueVM, "mine_block", refuse)
        with pytest.raises(ChainFileBroken, match="not even an empty block"):
            chain.seal_pending()
    assert chain.why_dropped(sent) is None
    chain.seal_pending()
    assert receipt(chain, sent)["status"] == "0x1"


def test_a_clock_that_jumps_back_while_sealing_blames_nobody(create_chain, alice) -> None:
    readings = iter([2e9, 2e9, 2e9 + 5, 1.0, 1.0])
    with create_chain(clock=lambda: next(readings, 1.0)) as chain:
        chain.send(alice.sign(to=b"\x22" * 20))
        chain.seal_pending()
        sent = chain.send(alice.sign(to=b"\x22" * 20))
        chain.seal_pending()
        assert receipt(chain, sent)["status"] == "0x1"
        assert chain.head().timestamp == int(2e9) + 5


def test_full_disk_changes_nothing_and_sealing_goes_on_once_there_is_room(chain, alice, reopen) -> None:
    sent = chain.send(alice.sign(data=LARGE_CODE, gas=5_000_000))
    pages = chain.file._writer.execute("PRAGMA page_count").fetchone()[0]
    chain.file._writer.execute(f"PRAGMA max_page_count = {pages}")
    before = chain.head()
    with pytest.raises(ChainFileUnavailable, match="full"):
        chain.seal_pending()
    assert chain.head() == before
    assert receipt(chain, sent) is None
    assert chain.pending_transaction(sent) is not None

    chain.file._writer.execute("PRAGMA max_page_count = 1000000")
    chain.seal_pending()
    assert receipt(chain, sent)["status"] == "0x1"
    chain.close()
    with reopen() as opened:
        check_all(opened)


def test_the_sealing_thread_survives_a_fault(chain, alice, monkeypatch) -> None:
    monkeypatch.setattr("node.embedded.chain._RETRY_SECONDS", 0.02)
    write, failures = chain.file.write_block, [sqlite3.OperationalError("disk I/O error"), OSError("gone")]

    def fail_first(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        write(*arguments)

    monkeypatch.setattr(chain.file, "write_block", fail_first)
    chain.start_sealing()
    sent = chain.send(alice.sign(to=b"\x22" * 20))
    deadline = time.monotonic() + 10
    while receipt(chain, sent) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    chain.stop()
    assert receipt(chain, sent)["status"] == "0x1"
    assert chain.sealing_fault is None
    assert not failures
