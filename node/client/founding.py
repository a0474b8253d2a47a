"""Setting up a consortium on a fresh chain: deploy, accredit an issuer, grant its scopes, register its keys.

Nothing about progress is stored here. Each turn reads the contract's own records and asks for what they lack, so a
run that died at any point is continued by running it again:
1. wait until nothing of the accounts involved is still on its way;
2. find the contract among what the first voter has deployed, else deploy it;
3. read all records and list what is missing: first the accreditation, then everything that builds on it;
4. send that together, wait until each is final, and go back to 3 until nothing is missing.
A decision once taken is never asked for again, even if members have undone it since.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import count
from typing import Final

from node.client.deployment import Deployment, contract_address, find_deployed, trust_root_of
from node.client.engines import fees_of
from node.client.ledger import Web3Ledger
from node.client.operations import call_of
from node.client.rpc import Node, quantity
from node.client.transactions import AccountHolder, TransactionFields
from registry.anchor.ballots import Motion, Recorded, kind_slug, motion_of
from registry.anchor.council import BallotState, council_of
from registry.anchor.facts import address_key
from registry.anchor.history import Ballot, BallotKind, KeyChanged, KeyKind, Record
from registry.anchor.operations import AddKey, CastVote, Operation, SignedTransaction
from registry.anchor.trust import Engine
from registry.kernel.errors import Conflict, Unavailable
from registry.kernel.identifiers import Address, Digest, IssuerCode, KeyThumbprint, ScopeCode
from registry.ports import Fate, FateKind, TransactionRefused

_NO_WORD: Final = bytes(32)


class FoundingHalted(Conflict):
    """The contract refused a step of the founding; a person must look."""

    code = "founding/halted"

    def __init__(self, step: str, fault: str) -> None:
        self.step, self.fault = step, fault
        super().__init__(f"founding halted at {step}: {fault}")


class FoundingDelayed(Unavailable):
    """A transaction of the founding was not final in time; running it again goes on from there."""

    code = "founding/delayed"

    def __init__(self, step: str, seconds: float) -> None:
        self.step, self.seconds = step, seconds
        super().__init__(f"founding waits for {step}: not final after {seconds:g} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a founding is."""

    step: str
    """What has just been done, such as `grant-scope AIGC/3`."""
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Founding:
    """A consortium and one issuer, as they are to stand on chain."""

    engine: Engine
    deployment: Deployment
    voters: tuple[AccountHolder, ...]
    """Members whose keys are at hand: the threshold of them at least. The first deploys."""
    issuer: IssuerCode
    controller: AccountHolder
    scopes: tuple[ScopeCode, ...]
    senders: tuple[Address, ...]
    approvers: tuple[Address, ...]
    credential_keys: tuple[KeyThumbprint, ...]
    statement_keys: tuple[KeyThumbprint, ...]
    until: int
    """Unix time at which scopes and keys end; they begin when they are granted."""
    signers: tuple[Address, ...] | None = None
    """Sealers or validators for the trust root; on an embedded chain None takes whoever sealed the newest block."""

    @property
    def steps(self) -> int:
        """How many decisions and registrations it takes, the deployment and the record of the trust root counted."""
        return 3 + len(self.scopes) + len(self.approvers) + len(self._keys())

    def wanted_ballots(self, trust_root: Digest) -> tuple[Ballot, ...]:
        """List what members must decide once the issuer is accredited."""
        granting = partial(Motion, issuer=self.issuer, valid_from=0, until=self.until)
        motions = (
            *(granting(kind=BallotKind.GRANT_SCOPE, scope=scope) for scope in self.scopes),
            *(granting(kind=BallotKind.ADD_APPROVER, key=address_key(key)) for key in self.approvers),
            Motion(kind=BallotKind.RECORD, recorded=Recorded.TRUST_ROOT, digest=trust_root),
        )
        return tuple(motion.ballot() for motion in motions)

    def accreditation(self) -> Ballot:
        """Say what members must decide first."""
        return Motion(kind=BallotKind.ACCREDIT, issuer=self.issuer, controller=self.controller.address).ballot()

    def wanted_keys(self) -> tuple[AddKey, ...]:
        """List what the controller must register."""
        return tuple(
            AddKey(issuer=self.issuer, kind=kind, key=key, valid_from=0, until=self.until) for kind, key in self._keys()
        )

    def _keys(self) -> tuple[tuple[KeyKind, bytes], ...]:
        return (
            *((KeyKind.SENDER, address_key(key)) for key in self.senders),
            *((KeyKind.CREDENTIAL, key) for key in self.credential_keys),
            *((KeyKind.STATEMENT, key) for key in self.statement_keys),
        )


def found(
    node: Node,
    founding: Founding,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    patience_seconds: float = 60.0,
    pause_seconds: float = 0.05,
) -> Web3Ledger:
    """Bring the chain behind `node` to where `founding` wants it, and return the ledger to pin and use.

    Raises FoundingHalted, FoundingDelayed, LedgerUnavailable, LedgerForeign; running it again continues.
    """
    return _Run(node, founding, progress, patience_seconds, pause_seconds).complete()


@dataclass(frozen=True, slots=True)
class _Step:
    """One operation of one account."""

    name: str
    holder: AccountHolder
    operation: Operation


@dataclass(slots=True)
class _Decisions:
    """What the records say has been asked for and done."""

    votes: dict[Ballot, set[Address]]
    enacted: set[Ballot]
    lapsed: set[Ballot]
    """Which took too long: voted on in vain."""
    keys: set[tuple[str, bytes]]

    def matching(self, wanted: Ballot) -> Ballot:
        """Find the ballot already open or enacted for the same thing, whatever window it names; else the wanted one."""
        same = [ballot for ballot in (*self.enacted, *self.votes) if _subject(ballot) == _subject(wanted)]
        if same:
            return same[0]
        # The same words may have been put to the vote in vain: then another salt makes another ballot of them.
        return next(
            replace(wanted, salt=salt)
            for salt in (number.to_bytes(32, "big") for number in count())
            if replace(wanted, salt=salt) not in self.lapsed
        )


class _Run:
    def __init__(
        self,
        node: Node,
        founding: Founding,
        progress: Callable[[Progress], None],
        patience_seconds: float,
        pause_seconds: float,
    ) -> None:
        self._node = node
        self._founding = founding
        self._progress = progress
        self._patience = patience_seconds
        self._pause = pause_seconds
        self._done = 0

    def complete(self) -> Web3Ledger:
        # 1. nothing on its way
        for holder in (*self._founding.voters, self._founding.controller):
            self._settle(holder.address)
        # 2. the contract
        ledger = self._deployed()
        # 3. what is missing
        while True:
            missing, steps = self._missing(ledger)
            self._done = self._founding.steps - missing
            if not steps:
                return ledger
            # 4. all of it
            self._perform(ledger, steps)

    def _settle(self, account: Address) -> None:
        for _ in self._patiently(f"transactions of {account} sent before"):
            final, waiting = (
                quantity(self._node.call("eth_getTransactionCount", account, state)) for state in ("latest", "pending")
            )
            if final >= waiting:
                return

    def _deployed(self) -> Web3Ledger:
        founding, deployer = self._founding, self._founding.voters[0]
        found_already = find_deployed(
            self._node,
            founding.deployment,
            engine=founding.engine,
            deployer=deployer.address,
            signers=founding.signers,
        )
        if found_already is not None:
            self._report("deploy")
            return found_already
        fields = founding.deployment.fields(
            engine=founding.engine,
            chain_id=quantity(self._node.call("eth_chainId")),
            nonce=quantity(self._node.call("eth_getTransactionCount", deployer.address, "latest")),
        )
        signed = deployer.sign_fields(fields)
        self._send("deploy", signed)
        for _ in self._patiently("deploy"):
            receipt = self._node.receipt(signed.hash)
            if receipt is not None:
                break
            if not self._node.knows(signed.hash):
                self._send("deploy", signed)
        if quantity(receipt["status"]) != 1:
            raise FoundingHalted("deploy", "the constructor refused its arguments, or ran out of gas")
        contract = contract_address(deployer.address, signed.nonce)
        root = trust_root_of(self._node, contract, engine=founding.engine, signers=founding.signers)
        ledger = Web3Ledger(self._node, root)
        self._await(ledger, "deploy", signed)
        self._report("deploy")
        return ledger

    def _missing(self, ledger: Web3Ledger) -> tuple[int, list[_Step]]:
        """Count what is not done, and list the operations that can be sent now."""
        founding = self._founding
        head = ledger.head()
        decisions = _decided(tuple(ledger.records(0, head.number)), head.time)
        accredited = self._undecided(decisions, [founding.accreditation()])
        later = self._undecided(decisions, founding.wanted_ballots(ledger.trust_root.digest()))
        keys = [key for key in founding.wanted_keys() if (key.issuer, key.key) not in decisions.keys]
        count = len(accredited) + len(later) + len(keys)
        if accredited:
            return count, list(self._votes(decisions, accredited))
        return count, [
            *self._votes(decisions, later),
            *(_Step(f"add-key {key.kind.name.lower()}", founding.controller, key) for key in keys),
        ]

    def _undecided(self, decisions: _Decisions, wanted: Iterable[Ballot]) -> list[Ballot]:
        ballots = [decisions.matching(ballot) for ballot in wanted]
        return [ballot for ballot in ballots if ballot not in decisions.enacted]

    def _votes(self, decisions: _Decisions, ballots: Iterable[Ballot]) -> Iterator[_Step]:
        for ballot in ballots:
            given = decisions.votes.get(ballot, set())
            lacking = self._founding.deployment.threshold - len(given)
            willing = [voter for voter in self._founding.voters if voter.address not in given]
            if len(willing) < lacking:
                raise FoundingHalted(_name(ballot), f"{lacking} more votes needed, {len(willing)} keys at hand")
            for voter in willing[:lacking]:
                yield _Step(_name(ballot), voter, CastVote(ballot=ballot))

    def _perform(self, ledger: Web3Ledger, steps: list[_Step]) -> None:
        nonces: dict[Address, int] = {}
        sent = []
        for step in steps:
            address = step.holder.address
            nonce = nonces[address] if address in nonces else ledger.next_nonce(address)
            nonces[address] = nonce + 1
            call = call_of(step.operation)
            contract = ledger.trust_root.contract
            signed = step.holder.sign_fields(
                TransactionFields(
                    chain_id=contract.chain_id,
                    nonce=nonce,
                    to=contract.address,
                    data=call.data,
                    gas=call.gas,
                    fees=fees_of(self._founding.engine),
                )
            )
            self._send(step.name, signed)
            sent.append((step, signed))
        last_vote = {step.name: position for position, (step, _) in enumerate(sent)}
        for position, (step, signed) in enumerate(sent):
            self._await(ledger, step.name, signed)
            # Several votes make one decision, several keys of a kind are several registrations.
            if isinstance(step.operation, AddKey) or last_vote[step.name] == position:
                self._report(step.name)

    def _send(self, step: str, signed: SignedTransaction) -> None:
        try:
            self._node.send(signed)
        except TransactionRefused as error:
            raise FoundingHalted(step, error.cause) from error

    def _await(self, ledger: Web3Ledger, step: str, signed: SignedTransaction) -> Fate:
        for _ in self._patiently(step):
            fate = ledger.fate(signed.hash)
            if fate.kind is FateKind.FINAL:
                return fate
            if fate.kind is FateKind.REVERTED:
                raise FoundingHalted(step, fate.fault or "refused without a reason")
            if fate.kind is FateKind.UNKNOWN:
                self._send(step, signed)
        raise AssertionError("patience ends with an error")

    def _patiently(self, step: str) -> Iterator[None]:
        """Give turns until patience ends. Raises FoundingDelayed."""
        end = time.monotonic() + self._patience
        while True:
            yield
            if time.monotonic() >= end:
                raise FoundingDelayed(step, self._patience)
            time.sleep(self._pause)

    def _report(self, step: str) -> None:
        self._done += 1
        self._progress(Progress(step=step, done=self._done, total=self._founding.steps))


def _decided(records: Sequence[Record], at: datetime) -> _Decisions:
    ballots = council_of(records).ballots
    lapsed = {one.ballot for one in ballots if one.state(at) is BallotState.LAPSED}
    return _Decisions(
        votes={one.ballot: set(one.votes) for one in ballots if one.ballot not in lapsed},
        lapsed=lapsed,
        enacted={one.ballot for one in ballots if one.enacted is not None},
        keys={
            (record.content.issuer, record.content.key) for record in records if isinstance(record.content, KeyChanged)
        },
    )


def _subject(ballot: Ballot) -> tuple[BallotKind, bytes, bytes]:
    """What a ballot is about, whatever window it asks for. An issuer is accredited once, whoever controls it."""
    return ballot.kind, ballot.subject, _NO_WORD if ballot.kind is BallotKind.ACCREDIT else ballot.ref


def _name(ballot: Ballot) -> str:
    motion = motion_of(ballot)
    if motion.scope is not None:
        return f"{kind_slug(motion.kind)} {motion.scope}"
    if motion.key is not None:
        return f"{kind_slug(motion.kind)} 0x{motion.key[12:].hex()}"
    return kind_slug(motion.kind)
