"""What may be sent, in geth's words, and in which order it is run."""

import contextlib
import itertools
from typing import Any

import pytest
import rlp
from eth_account import Account as Key
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from node.embedded import GAS_TARGET, RpcError, TransactionRefused
from node.embedded.engine import Engine
from node.embedded.errors import TransactionMalformed
from node.embedded.model import Account, Transaction
from node.embedded.pool import MAX_PER_SENDER, PendingPool

SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def receipt(chain: Any, transaction_hash: bytes) -> Any:
    return chain.rpc.dispatch("eth_getTransactionReceipt", ["0x" + transaction_hash.hex()])


def refusal(chain: Any, raw: bytes) -> str:
    with pytest.raises(TransactionRefused) as caught:
        chain.send(raw)
    with pytest.raises(RpcError) as over_rpc:
        chain.rpc.dispatch("eth_sendRawTransaction", ["0x" + raw.hex()])
    assert over_rpc.value.code == -32000
    assert over_rpc.value.message == caught.value.reason
    return caught.value.reason


# --- replay from elsewhere


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_transactions_of_another_chain_are_refused(chain, alice, kind: int) -> None:
    sign = alice.sign if kind == 2 else alice.sign_legacy
    more = {"accessList": []} if kind == 1 else {}
    raw = sign(to=b"\x22" * 20, chainId=1, **more)
    assert refusal(chain, raw) == "invalid sender: invalid chain id for signer: have 1 want 20268"
    assert chain.seal_pending() == ()


def test_legacy_transactions_without_replay_protection_are_refused(chain, alice) -> None:
    raw = alice.sign_legacy(to=b"\x22" * 20, chainId=None)
    assert refusal(chain, raw) == "only replay-protected (EIP-155) transactions allowed over RPC"


def test_a_transaction_of_another_chain_runs_in_py_evm_itself(chain, alice) -> None:
    """The control: without our check the replay would succeed, so the check is not idle."""
    foreign = chain.engine.decode(alice.sign(to=b"\x22" * 20, chainId=1))
    built = chain.engine.build(chain.head(), chain.now(), [foreign])
    assert built.executions[0].succeeded


# --- nonces


def test_known_and_used_nonces_are_refused(chain, alice) -> None:
    raw = alice.sign(to=b"\x22" * 20)
    chain.send(raw)
    assert refusal(chain, raw) == "already known"
    chain.seal_pending()
    assert refusal(chain, raw) == "nonce too low: next nonce 1, tx nonce 0"


def test_what_lies_behind_a_nonce_gap_waits_until_it_is_filled(chain, alice) -> None:
    late = [chain.send(alice.sign(to=b"\x22" * 20, nonce=nonce)) for nonce in (3, 1)]
    assert chain.seal_pending() == ()
    assert chain.pending_nonce(alice.raw_address) == 0
    first = chain.send(alice.sign(to=b"\x22" * 20, nonce=0))
    assert chain.pending_nonce(alice.raw_address) == 2
    chain.seal_pending()
    assert [receipt(chain, one) is not None for one in (first, *late)] == [True, False, True]
    assert refusal(chain, alice.sign(nonce=2 + MAX_PER_SENDER)).startswith("nonce too high")


def test_a_replacement_must_pay_more(chain, alice) -> None:
    chain.send(alice.sign(to=b"\x22" * 20, nonce=0, maxFeePerGas=100, maxPriorityFeePerGas=10))
    for fee, tip in ((100, 10), (109, 11), (110, 10), (0, 0)):
        raw = alice.sign(to=b"\x33" * 20, nonce=0, maxFeePerGas=fee, maxPriorityFeePerGas=tip)
        assert refusal(chain, raw) == "replacement transaction underpriced"
    replacing = chain.send(alice.sign(to=b"\x33" * 20, nonce=0, maxFeePerGas=110, maxPriorityFeePerGas=11))
    chain.seal_pending()
    assert receipt(chain, replacing)["status"] == "0x1"
    assert chain.rpc.dispatch("eth_getBlockTransactionCountByNumber", ["latest"]) == "0x1"


# --- form, gas, funds


def mirrored(alice: Any) -> bytes:
    """The same transaction with the signature's other, upper half s."""
    signed = rlp.decode(alice.sign(to=b"\x22" * 20)[1:])
    signed[9] = b"" if signed[9] else b"\x01"
    signed[11] = (SECP256K1_ORDER - int.from_bytes(signed[11], "big")).to_bytes(32, "big")
    return b"\x02" + rlp.encode(signed)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda alice: alice.sign(to=b"\x22" * 20, gas=20_999),
            "intrinsic gas too low: gas 20999, minimum needed 21000",
        ),
        (
            lambda alice: alice.sign(to=b"\x22" * 20, gas=30_000, data=b"\xff" * 500),
            "insufficient gas for floor data gas cost: gas 30000, minimum needed 41000",
        ),
        (
            lambda alice: alice.sign(to=b"\x22" * 20, gas=GAS_TARGET + 1),
            f"exceeds block gas limit: tx gas {GAS_TARGET + 1}, a block takes {GAS_TARGET}",
        ),
        (
            lambda alice: alice.sign(to=b"\x22" * 20, maxFeePerGas=1, maxPriorityFeePerGas=2),
            "max priority fee per gas higher than max fee per gas",
        ),
        (
            lambda alice: alice.sign(to=b"\x22" * 20, value=10**24 + 1),
            f"insufficient funds for gas * price + value: balance {10**24}, tx cost {10**24 + 1}, overshot 1",
        ),
        (lambda alice: alice.sign(data=b"\0" * 49_153, gas=9_000_000), "max initcode size exceeded"),
        (lambda alice: alice.sign(to=b"\x22" * 20, data=b"\0" * 131_072, gas=9_000_000), "oversized data"),
        (mirrored, "invalid transaction v, r, s values"),
        (lambda alice: b"\x03" + alice.sign(to=b"\x22" * 20)[1:], "transaction type not supported"),
        (lambda alice: b"\x04" + alice.sign(to=b"\x22" * 20)[1:], "transaction type not supported"),
        (lambda alice: b"\x05" + alice.sign(to=b"\x22" * 20)[1:], ""),
        (lambda alice: alice.sign(to=b"\x22" * 20) + b"\0", ""),
        (lambda alice: alice.sign(to=b"\x22" * 20)[:-1], ""),
        (lambda _: b"", ""),
        (lambda _: b"\xc0", ""),
        (lambda _: b"\x02", ""),
    ],
)
def test_a_transaction_no_block_could_hold_is_refused(chain, alice, make: Any, reason: str) -> None:
    assert refusal(chain, make(alice)).startswith(reason)
    assert chain.seal_pending() == ()


def test_costs_of_what_waits_already_count(chain, alice) -> None:
    chain.send(alice.sign(to=b"\x22" * 20, value=10**24 - 5))
    assert "overshot 1" in refusal(chain, alice.sign(to=b"\x22" * 20, value=6))
    chain.send(alice.sign(to=b"\x22" * 20, value=5, nonce=1))
    chain.seal_pending()
    assert chain.rpc.dispatch("eth_getBalance", [alice.address]) == "0x0"


def test_an_account_without_funds_may_send_for_nothing(chain) -> None:
    poor = Key.from_key(b"\x09" * 32)
    fields = {"chainId": 20268, "nonce": 0, "gas": 21_000, "gasPrice": 0, "to": b"\x22" * 20, "value": 0, "data": b""}
    sent = chain.send(bytes(poor.sign_transaction(fields).raw_transaction))
    chain.seal_pending()
    assert receipt(chain, sent)["status"] == "0x1"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused_and_nothing_else(raw: bytes) -> None:
    engine = Engine({}.__getitem__, chain_id=1, coinbase=b"\0" * 20)
    with pytest.raises(TransactionMalformed):
        engine.decode(raw)


def test_no_changed_bit_keeps_the_sender() -> None:
    """Neither does another encoding of the same fields: one signature must not stand under two hashes."""
    person = Key.from_key(b"\x01" * 32)
    fields = {"chainId": 1, "nonce": 5, "gas": 90_000, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
    fields |= {
        "to": b"\x22" * 20,
        "value": 7,
        "data": b"ab",
        "accessList": [{"address": "0x" + "33" * 20, "storageKeys": [1]}],
    }
    raw = bytes(person.sign_transaction(fields).raw_transaction)
    engine = Engine({}.__getitem__, chain_id=1, coinbase=b"\0" * 20)
    assert engine.decode(raw).sender == bytes.fromhex(person.address[2:])
    for position in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[position] ^= 1 << bit
            with contextlib.suppress(TransactionMalformed):
                assert engine.decode(bytes(changed)).sender != bytes.fromhex(person.address[2:])


# --- the order of running


def plain(sender: int, nonce: int, *, arrival: int = 0, value: int = 0) -> Transaction:
    raw = b"%d/%d/%d" % (sender, nonce, arrival)
    return Transaction(
        hash=keccak(raw),
        raw=raw,
        kind=2,
        chain_id=1,
        nonce=nonce,
        sender=bytes([sender]) * 20,
        to=b"\x22" * 20,
        value=value,
        gas=21_000,
        gas_price=0,
        max_fee=0,
        max_priority_fee=0,
        data=b"",
        access_list=(),
        v=0,
        r=1,
        s=1,
        native=None,
    )


@settings(max_examples=200, deadline=None)
@given(
    sent=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), unique=True, max_size=28),
    nonces=st.lists(st.integers(0, 4), min_size=4, max_size=4),
)
def test_order_is_by_nonce_within_a_sender_and_by_arrival_of_the_first_between_them(
    sent: list[tuple[int, int]], nonces: list[int]
) -> None:
    pool = PendingPool(1)
    for sender, nonce in sent:
        pool.add(plain(sender, nonce), Account())
    runnable = pool.executable(lambda sender: Account(nonce=nonces[sender[0]]))

    for sender in range(4):
        waiting = {nonce for who, nonce in sent if who == sender}
        expected = list(itertools.takewhile(waiting.__contains__, itertools.count(nonces[sender])))
        assert [one.nonce for one in runnable if one.sender[0] == sender] == expected
        assert pool.next_nonce(bytes([sender]) * 20, nonces[sender]) == nonces[sender] + len(expected)
    # Stale ones are gone, those behind a gap stay.
    assert len(pool) == sum(nonce >= nonces[sender] for sender, nonce in sent)


def test_a_full_pool_refuses_more(monkeypatch) -> None:
    monkeypatch.setattr("node.embedded.pool.MAX_POOL", 2)
    pool = PendingPool(1)
    pool.add(plain(1, 0), Account())
    pool.add(plain(1, 1), Account())
    with pytest.raises(TransactionRefused, match="txpool is full"):
        pool.add(plain(2, 0), Account())


def test_an_account_with_code_cannot_send() -> None:
    with pytest.raises(TransactionRefused, match="sender not an eoa"):
        PendingPool(1).add(plain(1, 0), Account(code_hash=b"\x01" * 32))


def test_old_reasons_of_dropping_are_forgotten_first(monkeypatch) -> None:
    monkeypatch.setattr("node.embedded.pool._REMEMBERED_DROPS", 2)
    pool = PendingPool(1)
    dropped = [plain(1, nonce) for nonce in range(3)]
    for one in dropped:
        pool.add(one, Account())
        pool.drop(one, f"reason {one.nonce}")
    assert [pool.why_dropped(one.hash) for one in dropped] == [None, "reason 1", "reason 2"]
    assert len(pool) == 0
