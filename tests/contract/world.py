"""A deployed registry on a bare EVM, and the people around it.

The EVM is py-evm without blocks: a transaction is applied to the state at a chosen time, and its exact receipt comes
back. That is much quicker than mining a block for each, and time moves only when a test says so. Senders are not made
to sign; approvals are signed for real.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import pytest
from eth.chains.base import MiningChain
from eth.consensus import ConsensusApplier, NoProofConsensus
from eth.constants import BLANK_ROOT_HASH
from eth.db import get_db_backend
from eth.vm.forks.london import LondonVM
from eth.vm.forks.prague import PragueVM
from eth_abi import decode, encode
from eth_account.messages import encode_typed_data
from eth_keys import keys
from eth_utils import keccak, to_checksum_address

from contracts import RECORDS, FaultCode, KeyKind, Kind, Target, artefact, typed_data

Stage = Literal["founded", "accredited", "anchored"]

CHAIN_ID = 20268
GENESIS_TIME = 1_800_000_000
DAY = 86_400
FOREVER = 2**40 - 1
DELAY = 2 * DAY
NO_APPROVAL = (0, 0, 0, 0)
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody with a secp256k1 key, drawn from their name."""

    name: str

    @property
    def key(self) -> keys.PrivateKey:
        return keys.PrivateKey(keccak(text=self.name))

    @property
    def address(self) -> str:
        return _address_of(self.name)

    @property
    def raw(self) -> bytes:
        return bytes.fromhex(self.address[2:])

    @property
    def word(self) -> bytes:
        """The address as a left-padded word."""
        return self.raw.rjust(32, b"\0")


@cache
def _address_of(name: str) -> str:
    return keys.PrivateKey(keccak(text=name)).public_key.to_address()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A decoded event, with the time of its block."""

    name: str
    fields: dict[str, Any]
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one transaction did."""

    gas: int
    events: tuple[Event, ...]
    output: Any

    @property
    def event(self) -> Event:
        """The only event."""
        (event,) = self.events
        return event


class RefusedError(Exception):
    """The contract refused with `Fault(code)`."""

    def __init__(self, code: int) -> None:
        self.code = FaultCode(code)
        super().__init__(f"{code} {self.code.slug}")


class RevertedError(Exception):
    """The call reverted without a `Fault`: calldata that does not decode, or an arithmetic check."""


@contextmanager
def refused(code: FaultCode) -> Iterator[None]:
    """Expect this very fault."""
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.code is code, f"expected {code.slug}, got {caught.value.code.slug}"


def code_word(text: str) -> bytes:
    """An ASCII code as a right-padded word."""
    return text.encode("ascii").ljust(32, b"\0")


def digest(text: str) -> bytes:
    """Some 32 bytes that stand for something."""
    return hashlib.sha256(text.encode()).digest()


def change(*indices: int) -> int:
    """One change of a word: the certificates named, which must share it."""
    (word,) = {index // 128 for index in indices}
    return word << 128 | sum(1 << index % 128 for index in indices)


def window(from_: int, until: int) -> int:
    """A window as a ballot's `arg`."""
    return from_ | until << 40


def record_word(value: int | bytes | str) -> bytes:
    """A value as one word of a record."""
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    if isinstance(value, str):
        return bytes.fromhex(value[2:]).rjust(32, b"\0")
    return value


def record_of(event: Event) -> bytes:
    """The record that an event announces."""
    op, fields = RECORDS[event.name]
    words = [record_word(int(op)), record_word(event.fields["by"]), record_word(event.time)]
    for name, kind in fields:
        value = event.fields[name]
        words.append(keccak(b"".join(map(record_word, value))) if kind.endswith("[]") else record_word(value))
    return b"".join(words)


def slot_of(slot: int, *keys: bytes) -> int:
    """Vyper's mapping: keccak256(slot, key), once for each key."""
    for key in keys:
        slot = int.from_bytes(keccak(slot.to_bytes(32, "big") + key.rjust(32, b"\0")), "big")
    return slot


def _type(entry: dict[str, Any]) -> str:
    if not entry["type"].startswith("tuple"):
        return entry["type"]
    return "(" + ",".join(_type(part) for part in entry["components"]) + ")" + entry["type"][5:]


def _named(entry: dict[str, Any], value: Any) -> Any:
    if entry["type"] != "tuple":
        return value
    return {part["name"]: _named(part, item) for part, item in zip(entry["components"], value, strict=True)}


class _SentBy:
    """A transaction whose sender is stated, not recovered from its signature."""

    def __init__(self, transaction: Any, sender: bytes) -> None:
        self._transaction, self.sender = transaction, sender

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)


class Evm:
    """A state, a time, and transactions applied to it."""

    def __init__(self, target: Target) -> None:
        vm_class = PragueVM if target == "cancun" else LondonVM
        applier = ConsensusApplier(NoProofConsensus)
        chain_class = type(
            "Chain",
            (MiningChain,),
            {"vm_configuration": applier.amend_vm_configuration(((0, vm_class),)), "chain_id": CHAIN_ID},
        )
        parameters = {
            "coinbase": b"\0" * 20,
            "difficulty": 0 if target == "cancun" else 1,
            "extra_data": b"",
            "gas_limit": 60_000_000,
            "mix_hash": b"\0" * 32,
            "nonce": b"\0" * 8,
            "receipt_root": BLANK_ROOT_HASH,
            "timestamp": GENESIS_TIME,
            "transaction_root": BLANK_ROOT_HASH,
            "base_fee_per_gas": 0,
        }
        self._chain = chain_class.from_genesis(get_db_backend(), parameters, {})
        self._header = self._chain.get_block().header.copy(timestamp=GENESIS_TIME + 1, base_fee_per_gas=0)
        self._vm = self._chain.get_vm(self._header)

    @property
    def now(self) -> int:
        return self._header.timestamp

    def _restart(self, *, state_root: bytes, time: int) -> None:
        self._header = self._header.copy(state_root=state_root, timestamp=time)
        self._vm = self._chain.get_vm(self._header)

    def travel(self, *, to: int) -> None:
        self._vm.state.persist()
        self._restart(state_root=self._vm.state.state_root, time=to)

    def snapshot(self) -> tuple[bytes, int]:
        self._vm.state.persist()
        return self._vm.state.state_root, self.now

    def restore(self, snapshot: tuple[bytes, int]) -> None:
        self._restart(state_root=snapshot[0], time=snapshot[1])

    def transact(self, *, sender: bytes, to: bytes, data: bytes) -> tuple[Any, Any]:
        """Receipt and computation of a transaction that changes the state, unless it reverts."""
        return self._vm.apply_transaction(self._header, self._transaction(sender, to, data))

    def call(self, *, sender: bytes, to: bytes, data: bytes) -> Any:
        """The computation of a transaction whose changes are dropped."""
        state = self._vm.state
        state.lock_changes()
        snapshot = state.snapshot()
        computation = state.apply_transaction(self._transaction(sender, to, data))
        state.revert(snapshot)
        return computation

    def _transaction(self, sender: bytes, to: bytes, data: bytes) -> Any:
        transaction = self._vm.get_transaction_builder().new_transaction(
            nonce=self._vm.state.get_nonce(sender),
            gas_price=0,
            gas=30_000_000,
            to=to,
            value=0,
            data=data,
            v=27,
            r=1,
            s=1,
        )
        return _SentBy(transaction, sender)

    def code(self, address: bytes) -> bytes:
        return self._vm.state.get_code(address)

    def storage(self, address: bytes, slot: int) -> int:
        return self._vm.state.get_storage(address, slot)

    def written(self, address: bytes) -> set[int]:
        """Slots of a contract that were written since time last moved, whoever wrote them."""
        store = self._vm.state._account_db._get_address_store(address)
        diffs = (store._locked_changes.diff(), store._journal_storage.diff())
        return {
            int.from_bytes(slot, "big")
            for diff in diffs
            for slot in (*diff.deleted_keys(), *(key for key, _ in diff.pending_items()))
        }


def _require_success(computation: Any) -> None:
    if not computation.is_error:
        return
    output = bytes(computation.output)
    if output[:4] == keccak(text="Fault(uint256)")[:4]:
        raise RefusedError(int.from_bytes(output[4:], "big"))
    raise RevertedError(repr(computation.error))


class Contract:
    """A contract with its ABI on an EVM."""

    def __init__(self, evm: Evm, target: Target) -> None:
        self.evm = evm
        self.artefact = artefact(target)
        self.address = b""
        self.history: list[Event] = []
        self._functions = {entry["name"]: entry for entry in self.artefact.abi if entry["type"] == "function"}
        self._events = {
            keccak(text=entry["name"] + _type({"type": "tuple", "components": entry["inputs"]})): entry
            for entry in self.artefact.abi
            if entry["type"] == "event"
        }

    def deploy(self, deployer: Account, *arguments: Any) -> Receipt:
        (constructor,) = (entry for entry in self.artefact.abi if entry["type"] == "constructor")
        encoded = encode([_type(entry) for entry in constructor["inputs"]], arguments)
        receipt, computation = self.evm.transact(sender=deployer.raw, to=b"", data=self.artefact.bytecode + encoded)
        _require_success(computation)
        self.address = computation.msg.storage_address
        return self._receipt(receipt, None)

    def _calldata(self, name: str, arguments: Sequence[Any]) -> bytes:
        types = [_type(entry) for entry in self._functions[name]["inputs"]]
        return keccak(text=f"{name}({','.join(types)})")[:4] + encode(types, arguments)

    def _decode(self, name: str, output: bytes) -> Any:
        outputs = self._functions[name]["outputs"]
        values = decode([_type(entry) for entry in outputs], output)
        named = tuple(_named(entry, value) for entry, value in zip(outputs, values, strict=True))
        return named[0] if len(named) == 1 else named

    def send(self, sender: Account, name: str, *arguments: Any) -> Receipt:
        """Apply a transaction; raises RefusedError."""
        data = self._calldata(name, arguments)
        receipt, computation = self.evm.transact(sender=sender.raw, to=self.address, data=data)
        _require_success(computation)
        return self._receipt(receipt, self._decode(name, computation.output))

    def call(self, name: str, *arguments: Any) -> Any:
        """Ask a view; structs come back as dictionaries."""
        data = self._calldata(name, arguments)
        computation = self.evm.call(sender=b"\x99" * 20, to=self.address, data=data)
        _require_success(computation)
        return self._decode(name, computation.output)

    def _receipt(self, receipt: Any, output: Any) -> Receipt:
        events = tuple(self._event(log) for log in receipt.logs)
        self.history.extend(events)
        return Receipt(gas=receipt.gas_used, events=events, output=output)

    def _event(self, log: Any) -> Event:
        topics = [topic.to_bytes(32, "big") for topic in log.topics]
        entry = self._events[topics[0]]
        plain = [part for part in entry["inputs"] if not part["indexed"]]
        fields = dict(
            zip(
                (part["name"] for part in plain),
                decode([_type(part) for part in plain], log.data),
                strict=True,
            )
        )
        indexed = [part["name"] for part in entry["inputs"] if part["indexed"]]
        fields.update(zip(indexed, topics[1:], strict=True))
        return Event(name=entry["name"], fields=fields, time=self.evm.now)


class World(Contract):
    """A registry with three members of whom two decide; and, once `accredited`, an issuer with its keys."""

    MEMBERS = tuple(Account(f"member {number}") for number in range(3))
    DEPLOYER = Account("deployer")
    STRANGER = Account("stranger")
    CONTROLLER = Account("controller")
    SENDER = Account("sender")
    APPROVER = Account("approver")
    ISSUER = code_word("SKILLS-01")
    SCOPE = code_word("P1/3")
    CREDENTIAL_KEY = digest("credential key")
    CHARTER = digest("charter")

    def __init__(self, target: Target = "cancun", *, evm: Evm | None = None) -> None:
        super().__init__(evm or Evm(target), target)
        self.genesis = self.deploy(
            self.DEPLOYER,
            [member.address for member in self.MEMBERS],
            2,
            DELAY,
            ("0x" + "00" * 20, 0, self.CHARTER),
        )

    @classmethod
    def at(cls, stage: Stage, target: Target) -> "World":
        """A world of its own at a stage, made from a state that is computed once."""
        template, snapshot = _template(stage, target)
        world = copy(template)
        world.history = list(template.history)
        world.evm.restore(snapshot)
        return world

    @property
    def now(self) -> int:
        return self.evm.now

    def wait(self, seconds: int) -> None:
        self.evm.travel(to=self.now + seconds)

    # Ballots

    @staticmethod
    def ballot(
        kind: Kind, subject: bytes = b"\0" * 32, arg: int = 0, ref: bytes = b"\0" * 32, salt: int = 0
    ) -> tuple[int, bytes, int, bytes, bytes]:
        return (int(kind), subject, arg, ref, salt.to_bytes(32, "big"))

    def decide(
        self, kind: Kind, subject: bytes = b"\0" * 32, arg: int = 0, ref: bytes = b"\0" * 32, salt: int = 0
    ) -> Receipt:
        """Two members vote; a delayed decision is waited for and enacted."""
        ballot = self.ballot(kind, subject, arg, ref, salt)
        self.send(self.MEMBERS[0], "vote", *ballot)
        receipt = self.send(self.MEMBERS[1], "vote", *ballot)
        if not kind.delayed:
            return receipt
        self.wait(DELAY)
        return self.send(self.MEMBERS[0], "enact", *ballot)

    def accredit(self) -> None:
        """Issuer, scope, approver, sender and credential key."""
        always = window(0, FOREVER)
        self.decide(Kind.ACCREDIT, self.ISSUER, ref=self.CONTROLLER.word)
        self.decide(Kind.GRANT_SCOPE, self.ISSUER, always, self.SCOPE)
        self.decide(Kind.ADD_APPROVER, self.ISSUER, always, self.APPROVER.word)
        self.add_key(KeyKind.SENDER, self.SENDER.word)
        self.add_key(KeyKind.CREDENTIAL, self.CREDENTIAL_KEY)

    def add_key(self, kind: KeyKind, key: bytes, from_: int = 0, until: int = FOREVER) -> Receipt:
        return self.send(self.CONTROLLER, "addKey", self.ISSUER, int(kind), key, from_, until, NO_APPROVAL)

    # Approvals

    def approve(
        self, primary_type: str, *, by: Account | None = None, deadline: int | None = None, **message: Any
    ) -> tuple[int, int, int, int]:
        """An approval as the contract takes it, over the typed data of `contracts`."""
        deadline = self.now + DAY if deadline is None else deadline
        document = typed_data(
            primary_type=primary_type,
            message={**message, "deadline": deadline},
            chain_id=CHAIN_ID,
            contract=to_checksum_address(self.address),
        )
        signable = encode_typed_data(full_message=document)
        signed = keccak(b"\x19\x01" + signable.header + signable.body)
        signature = (by or self.APPROVER).key.sign_msg_hash(signed)
        return (deadline, signature.v + 27, signature.r, signature.s)

    # Batches

    def anchor(
        self,
        name: str = "batch",
        *,
        sender: Account | None = None,
        approval: tuple[int, int, int, int] | None = None,
        by: Account | None = None,
        deadline: int | None = None,
        signed: dict[str, Any] | None = None,
        **overrides: Any,
    ) -> Receipt:
        """Anchor a batch of 1,000; `overrides` replace what is sent and signed, `signed` only what is signed."""
        batch = {
            "issuer": self.ISSUER,
            "batchId": digest(name),
            "root": digest(f"root of {name}"),
            "size": 1_000,
            "scope": self.SCOPE,
            "evidence": digest(f"evidence of {name}"),
            "credentialKey": self.CREDENTIAL_KEY,
        } | overrides
        if approval is None:
            message = {**batch, **(signed or {})}
            texts = {part: message[part].rstrip(b"\0").decode() for part in ("issuer", "scope")}
            approval = self.approve("Anchor", by=by, deadline=deadline, **{**message, **texts})
        return self.send(sender or self.SENDER, "anchorBatch", *batch.values(), approval)

    def batch(self, name: str = "batch") -> Any:
        return self.call("batch", self.ISSUER, digest(name))

    def status(self, index: int, name: str = "batch") -> int:
        return self.call("statusOf", self.ISSUER, digest(name), index)["status"]

    def suspend(self, *changes: int, name: str = "batch", reason: int = 35, sender: Account | None = None) -> Receipt:
        return self.send(sender or self.SENDER, "suspend", self.ISSUER, digest(name), changes, reason)

    def revoke(
        self,
        *changes: int,
        name: str = "batch",
        reason: int = 32,
        count: int | None = None,
        **approved: Any,
    ) -> Receipt:
        return self._change("revoke", changes, name, reason, count, **approved)

    def reinstate(
        self,
        *changes: int,
        name: str = "batch",
        reason: int = 36,
        count: int | None = None,
        **approved: Any,
    ) -> Receipt:
        nonce = {"statusNonce": self.batch(name)["statusNonce"]}
        return self._change("reinstate", changes, name, reason, count, more=nonce, **approved)

    def _change(
        self,
        function: str,
        changes: Sequence[int],
        name: str,
        reason: int,
        count: int | None,
        *,
        more: dict[str, Any] | None = None,
        sender: Account | None = None,
        approval: tuple[int, int, int, int] | None = None,
        by: Account | None = None,
        signed: dict[str, Any] | None = None,
    ) -> Receipt:
        total = sum((entry & (2**128 - 1)).bit_count() for entry in changes) if count is None else count
        message = {
            "issuer": self.ISSUER.rstrip(b"\0").decode(),
            "batchId": digest(name),
            "changes": list(changes),
            "count": total,
            "reason": reason,
            **(more or {}),
            **(signed or {}),
        }
        approval = approval or self.approve(function.capitalize(), by=by, **message)
        return self.send(sender or self.SENDER, function, self.ISSUER, digest(name), changes, total, reason, approval)

    def supersede(
        self,
        indices: Sequence[int],
        new_indices: Sequence[int],
        *,
        name: str = "batch",
        new_name: str = "newer batch",
        target: bytes | None = None,
        target_issuer: bytes | None = None,
        reason: int = 37,
        sender: Account | None = None,
        by: Account | None = None,
        signed: dict[str, Any] | None = None,
    ) -> Receipt:
        target = self.address if target is None else target
        target_issuer = self.ISSUER if target_issuer is None else target_issuer
        approval = self.approve(
            "Supersede",
            by=by,
            **{
                "issuer": self.ISSUER.rstrip(b"\0").decode(),
                "batchId": digest(name),
                "indices": list(indices),
                "targetContract": to_checksum_address(target),
                "targetIssuer": target_issuer.rstrip(b"\0").decode(),
                "newBatchId": digest(new_name),
                "newIndices": list(new_indices),
                "reason": reason,
                **(signed or {}),
            },
        )
        return self.send(
            sender or self.SENDER,
            "supersede",
            self.ISSUER,
            digest(name),
            indices,
            "0x" + target.hex(),
            target_issuer,
            digest(new_name),
            new_indices,
            reason,
            approval,
        )

    def reinstate_batches(
        self,
        *names: str,
        reason: int = 36,
        sender: Account | None = None,
        by: Account | None = None,
        signed: dict[str, Any] | None = None,
    ) -> Receipt:
        approval = self.approve(
            "ReinstateBatch",
            by=by,
            **{
                "issuer": self.ISSUER.rstrip(b"\0").decode(),
                "batchIds": [digest(name) for name in names],
                "reason": reason,
                "statusNonces": [self.batch(name)["statusNonce"] for name in names],
                **(signed or {}),
            },
        )
        return self.send(
            sender or self.SENDER,
            "reinstateBatches",
            self.ISSUER,
            [digest(name) for name in names],
            reason,
            approval,
        )


@cache
def _template(stage: Stage, target: Target) -> tuple[World, tuple[bytes, int]]:
    world = World(target)
    if stage != "founded":
        world.accredit()
    if stage == "anchored":
        world.anchor()
    return world, world.evm.snapshot()
