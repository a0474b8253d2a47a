"""The contract's rules in plain Python: what the specification says, with none of the contract's encodings.

No slots, planes, bit masks or lazy clocks: members hold seats in a dictionary, a batch's statuses are a dictionary by
index, and a new epoch walks over all ballots at once. An operation that is refused raises `Refused` with every reason
that applies, since the specification gives the reasons no order; the contract must answer with one of them. Where
only one thing is wrong, that is the exact code.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from contracts import BatchFlag, FaultCode, IssuerState, KeyKind, Kind, Op, Outcome, Status
from registry.kernel.merkle import Frontier, leaf_hash
from tests.contract.things import (
    ADMISSIONS,
    AT_ONCE,
    ENACTMENT_PERIOD,
    LARGEST_REASON,
    LARGEST_SIZE,
    LAST_TIME,
    LONGEST_APPROVAL,
    LONGEST_DELAY,
    NOBODY,
    NOTHING,
    PAUSE,
    PAUSE_INTERVAL,
    VOTING_PERIOD,
    Address,
    Answer,
    Approval,
    Ballot,
    Batch,
    Decision,
    Issuer,
    Key,
    Refused,
    Statement,
    View,
    Word,
    array_digest,
    is_address,
    is_code,
    members_of,
    padded,
    text,
)


class Model:
    """One contract's whole state. Operations are named and ordered as the contract's, `by` is who sends them."""

    def __init__(
        self,
        *,
        chain_id: int,
        address: Address,
        now: int,
        by: Address,
        members: Sequence[Address],
        threshold: int,
        delay: int,
        predecessor: tuple[Address, int, Word],
    ) -> None:
        faults = set()
        contract, size, root = predecessor
        if contract == NOBODY and size:
            faults.add(FaultCode.PREDECESSOR_MALFORMED)
        if contract != NOBODY and (not size or root == NOTHING):
            faults.add(FaultCode.PREDECESSOR_MALFORMED)
        if delay > LONGEST_DELAY:
            faults.add(FaultCode.DELAY_TOO_LONG)
        if NOBODY in members:
            faults.add(FaultCode.ADDRESS_MALFORMED)
        if len(set(members)) != len(members):
            faults.add(FaultCode.MEMBER_KNOWN)
        faults |= self._threshold_faults(threshold, len(set(members) - {NOBODY}))
        self._require(faults)
        self.chain_id, self.address, self.now, self.delay = chain_id, address, now, delay
        self.members = {member: seat for seat, member in enumerate(members)}
        self.seats_ever = len(members)
        self.threshold = threshold
        self.epoch, self.epoch_since = 1, now
        self.paused_by: dict[Address, int] = {}
        self.ballots: dict[Decision, Ballot] = {}
        self.paused_until = self.migrated_at = 0
        self.successor: tuple[Address, int] = (NOBODY, 0)
        self.issuers: dict[Word, Issuer] = {}
        self.scope_ids: dict[Word, int] = {}
        self.scopes: dict[tuple[Word, Word], tuple[int, int]] = {}
        self.keys: dict[tuple[Word, Word], Key] = {}
        self.batches: dict[tuple[Word, Word], Batch] = {}
        self.records: list[bytes] = []
        self.frontier = Frontier()
        self.touched: set[View] = set()
        self._record(Op.GENESIS, by, chain_id, address, threshold, delay, array_digest(members), contract, size, root)

    @staticmethod
    def _require(faults: Iterable[FaultCode]) -> None:
        found = set(faults)
        if found:
            raise Refused(found)

    def _record(self, op: Op, by: Address, *words: bytes | int) -> int:
        entry = b"".join(map(padded, (op, by, self.now, *words)))
        self.records.append(entry)
        self.frontier = self.frontier.append(leaf_hash(entry))
        return len(self.records) - 1

    # Members

    @staticmethod
    def _threshold_faults(threshold: int, members: int) -> set[FaultCode]:
        return set() if members < 2 * threshold <= 2 * members else {FaultCode.NO_MAJORITY}

    def _begin_epoch(self) -> None:
        self.epoch, self.epoch_since = self.epoch + 1, self.now
        for decision, ballot in self.ballots.items():
            ballot.votes &= set(self.members.values())
            in_time = self.now <= ballot.deadline
            ballot.since = self.now if in_time and len(ballot.votes) >= self.threshold else 0
            self.touched.add(("ballot", *decision.words))
        self.touched.add(("epoch",))

    def _member_faults(self, by: Address) -> set[FaultCode]:
        return set() if by in self.members else {FaultCode.NOT_A_MEMBER}

    def _wait(self, decision: Decision) -> int:
        return 0 if decision.kind in AT_ONCE else self.delay

    def vote(self, by: Address, decision: Decision) -> None:
        faults = self._member_faults(by)
        ballot = self.ballots.get(decision)
        if not decision.well_formed:
            faults.add(FaultCode.BALLOT_MALFORMED)
        elif ballot is not None:
            if ballot.enacted:
                faults.add(FaultCode.BALLOT_ENACTED)
            if self.now > ballot.deadline:
                faults.add(FaultCode.BALLOT_CLOSED)
            if self.members.get(by) in ballot.votes:
                faults.add(FaultCode.ALREADY_VOTED)
        self._require(faults)
        votes = {self.members[by]} | (ballot.votes if ballot else set())
        outcome = Outcome.COUNTED
        if len(votes) >= self.threshold:
            outcome = Outcome.ENACTED if decision.kind in AT_ONCE else Outcome.DELAYED
        effect = self._effect(decision) if outcome is Outcome.ENACTED else None
        if ballot is None:
            ballot = self.ballots[decision] = Ballot(votes=votes, deadline=self.now + VOTING_PERIOD)
        ballot.votes = votes
        if outcome is not Outcome.COUNTED and not ballot.since:
            ballot.since = self.now
        self.touched.add(("ballot", *decision.words))
        if effect:
            ballot.enacted = True
            effect()
        self._record(Op.VOTE, by, *decision.words, sum(1 << seat for seat in votes), outcome)

    def withdraw_vote(self, by: Address, decision: Decision) -> None:
        faults = self._member_faults(by)
        ballot = self.ballots.get(decision)
        if ballot is None:
            raise Refused(faults | {FaultCode.BALLOT_UNKNOWN})
        if ballot.enacted:
            faults.add(FaultCode.BALLOT_ENACTED)
        elif self.members.get(by) not in ballot.votes:
            faults.add(FaultCode.NOT_VOTED)
        self._require(faults)
        ballot.votes = ballot.votes - {self.members[by]}
        if len(ballot.votes) < self.threshold:
            ballot.since = 0
        self.touched.add(("ballot", *decision.words))
        self._record(Op.WITHDRAW_VOTE, by, decision.id, sum(1 << seat for seat in ballot.votes))

    def enact(self, by: Address, decision: Decision) -> None:
        faults = self._member_faults(by)
        ballot = self.ballots.get(decision)
        if ballot is None:
            raise Refused(faults | {FaultCode.BALLOT_UNKNOWN})
        start = ballot.since + self._wait(decision)
        if ballot.enacted:
            faults.add(FaultCode.BALLOT_ENACTED)
        elif not ballot.since:
            faults.add(FaultCode.BELOW_THRESHOLD)
        elif self.now < start:
            faults.add(FaultCode.DELAY_RUNNING)
        elif self.now > start + ENACTMENT_PERIOD:
            faults.add(FaultCode.ENACTMENT_LAPSED)
        self._require(faults)
        effect = self._effect(decision)
        ballot.enacted = True
        self.touched.add(("ballot", *decision.words))
        effect()
        self._record(Op.ENACT, by, *decision.words, Outcome.ENACTED)

    def pause(self, by: Address) -> None:
        faults = self._member_faults(by)
        if by in self.paused_by and self.now < self.paused_by[by] + PAUSE_INTERVAL:
            faults.add(FaultCode.PAUSED_LATELY)
        self._require(faults)
        self.paused_by[by] = self.now
        self.paused_until = self.now + PAUSE
        self.touched.add(("gate",))
        self._record(Op.PAUSE, by, self.paused_until)

    def record_foreign_anchor(self, by: Address, chain_id: int, size: int, root: Word, reference: Word) -> None:
        faults = self._member_faults(by)
        if not 0 < size <= len(self.records) or root == NOTHING:
            faults.add(FaultCode.FOREIGN_MALFORMED)
        self._require(faults)
        self._record(Op.FOREIGN, by, chain_id, size, root, reference)

    # What decisions do: each checks, and returns what is then to be done

    def _effect(self, decision: Decision) -> Callable[[], None]:
        handler: Callable[[Decision], Callable[[], None]] = getattr(self, f"_decide_{Kind(decision.kind).name.lower()}")
        return handler(decision)

    def _decide_admit(self, decision: Decision) -> Callable[[], None]:
        who, threshold = Address(decision.subject[12:]), decision.arg
        faults = self._threshold_faults(threshold, len(self.members) + 1)
        if not is_address(decision.subject):
            faults.add(FaultCode.ADDRESS_MALFORMED)
        elif who in self.members:
            faults.add(FaultCode.MEMBER_KNOWN)
        if self.seats_ever == ADMISSIONS:
            faults.add(FaultCode.ADMISSIONS_EXHAUSTED)
        self._require(faults)

        def apply() -> None:
            self.members[who] = self.seats_ever
            self.seats_ever += 1
            self.threshold = threshold
            self.touched.add(("memberOf", who))
            self._begin_epoch()

        return apply

    def _decide_remove(self, decision: Decision) -> Callable[[], None]:
        who, threshold = Address(decision.subject[12:]), decision.arg
        faults = self._threshold_faults(threshold, len(self.members) - 1)
        if not is_address(decision.subject):
            faults.add(FaultCode.ADDRESS_MALFORMED)
        elif who not in self.members:
            faults.add(FaultCode.MEMBER_UNKNOWN)
        self._require(faults)

        def apply() -> None:
            del self.members[who]
            self.threshold = threshold
            self.touched.add(("memberOf", who))
            self._begin_epoch()

        return apply

    def _decide_threshold(self, decision: Decision) -> Callable[[], None]:
        self._require(self._threshold_faults(decision.arg, len(self.members)))

        def apply() -> None:
            self.threshold = decision.arg
            self._begin_epoch()

        return apply

    def _controller_faults(self, issuer: Word, controller: Word) -> set[FaultCode]:
        if not is_address(controller):
            return {FaultCode.ADDRESS_MALFORMED}
        key = self.keys.get((issuer, controller))
        return {FaultCode.CONTROLLER_IS_APPROVER} if key and key.kind is KeyKind.APPROVER else set()

    def _issuer_faults(self, issuer: Word) -> set[FaultCode]:
        return set() if issuer in self.issuers else {FaultCode.ISSUER_UNKNOWN}

    def _decide_accredit(self, decision: Decision) -> Callable[[], None]:
        code = decision.subject
        faults = self._controller_faults(code, decision.ref)
        if code in self.issuers:
            faults.add(FaultCode.ISSUER_KNOWN)
        if not is_code(code):
            faults.add(FaultCode.CODE_MALFORMED)
        self._require(faults)

        def apply() -> None:
            self.issuers[code] = Issuer(controller=Address(decision.ref[12:]))
            self.touched.add(("issuerOf", code))

        return apply

    def _decide_set_controller(self, decision: Decision) -> Callable[[], None]:
        code = decision.subject
        self._require(self._controller_faults(code, decision.ref) | self._issuer_faults(code))

        def apply() -> None:
            self.issuers[code].controller = Address(decision.ref[12:])
            self.touched.add(("issuerOf", code))

        return apply

    def _on_issuer(self, code: Word, *, refuse: FaultCode, when: bool, **changed: bool) -> Callable[[], None]:
        self._require(self._issuer_faults(code) | ({refuse} if when else set()))

        def apply() -> None:
            for name, value in changed.items():
                setattr(self.issuers[code], name, value)
            self.touched.add(("issuerOf", code))

        return apply

    def _decide_suspend(self, decision: Decision) -> Callable[[], None]:
        issuer = self.issuers.get(decision.subject)
        suspended = issuer is not None and issuer.suspended
        return self._on_issuer(decision.subject, refuse=FaultCode.ISSUER_SUSPENDED, when=suspended, suspended=True)

    def _decide_reinstate(self, decision: Decision) -> Callable[[], None]:
        issuer = self.issuers.get(decision.subject)
        free = issuer is not None and not issuer.suspended
        return self._on_issuer(decision.subject, refuse=FaultCode.ISSUER_NOT_SUSPENDED, when=free, suspended=False)

    def _decide_withdraw(self, decision: Decision) -> Callable[[], None]:
        self._require(self._reason_faults(decision.arg))
        issuer = self.issuers.get(decision.subject)
        withdrawn = issuer is not None and issuer.withdrawn
        return self._on_issuer(decision.subject, refuse=FaultCode.ISSUER_WITHDRAWN, when=withdrawn, withdrawn=True)

    def _window_faults(self, start: int, until: int) -> set[FaultCode]:
        return set() if max(start, self.now) < until <= LAST_TIME else {FaultCode.WINDOW_MALFORMED}

    def _decide_grant_scope(self, decision: Decision) -> Callable[[], None]:
        code, scope = decision.subject, decision.ref
        until, start = divmod(decision.arg, 2**40)
        faults = self._issuer_faults(code) | self._window_faults(start, until)
        if not is_code(scope):
            faults.add(FaultCode.CODE_MALFORMED)
        self._require(faults)

        def apply() -> None:
            self.scope_ids.setdefault(scope, len(self.scope_ids) + 1)
            self.scopes[code, scope] = (max(start, self.now), until)
            self.touched.add(("scopeOf", code, scope))

        return apply

    def _decide_revoke_scope(self, decision: Decision) -> Callable[[], None]:
        place = (decision.subject, decision.ref)
        if place not in self.scopes:
            raise Refused({FaultCode.SCOPE_NOT_GRANTED})
        start, until = self.scopes[place]
        self._require({FaultCode.SCOPE_OUTSIDE_WINDOW} if until <= self.now else set())

        def apply() -> None:
            self.scopes[place] = (start, self.now)
            self.touched.add(("scopeOf", *place))

        return apply

    def _decide_add_approver(self, decision: Decision) -> Callable[[], None]:
        until, start = divmod(decision.arg, 2**40)
        place = (decision.subject, decision.ref)
        faults = self._issuer_faults(decision.subject) | self._new_key_faults(*place, KeyKind.APPROVER, start, until)
        self._require(faults)

        def apply() -> None:
            self._register(*place, KeyKind.APPROVER, start, until)

        return apply

    def _compromise_faults(self, issuer: Word, key: Word, since: int) -> set[FaultCode]:
        held = self.keys.get((issuer, key))
        if held is None:
            return {FaultCode.KEY_UNKNOWN}
        faults = set() if 0 < since <= self.now else {FaultCode.COMPROMISE_MALFORMED}
        if held.compromised_since and since >= held.compromised_since:
            faults.add(FaultCode.COMPROMISE_KNOWN)
        return faults

    def _decide_key_compromised(self, decision: Decision) -> Callable[[], None]:
        place = (decision.subject, decision.ref)
        self._require(self._compromise_faults(*place, decision.arg))

        def apply() -> None:
            self.keys[place].compromised_since = decision.arg
            self.touched.add(("keyOf", *place))

        return apply

    def _flagged(
        self, issuer: Word, batch_id: Word, reason: int, flag: BatchFlag, *, present: bool, refuse: FaultCode
    ) -> Callable[[], None]:
        faults = self._reason_faults(reason)
        batch = self.batches.get((issuer, batch_id))
        if batch is None:
            raise Refused(faults | {FaultCode.BATCH_UNKNOWN})
        if bool(batch.flags & flag) is present:
            faults.add(refuse)
        self._require(faults)

        def apply() -> None:
            batch.flags ^= flag
            if present and flag in BatchFlag.SUSPENDED_BY_ISSUER | BatchFlag.SUSPENDED_BY_MEMBERS:
                batch.nonce += 1
            self.touched.add(("batch", issuer, batch_id))

        return apply

    def _decide_suspend_batch(self, decision: Decision) -> Callable[[], None]:
        flag, refuse = BatchFlag.SUSPENDED_BY_MEMBERS, FaultCode.BATCH_SUSPENDED_ALREADY
        return self._flagged(decision.subject, decision.ref, decision.arg, flag, present=True, refuse=refuse)

    def _decide_lift_batch_suspension(self, decision: Decision) -> Callable[[], None]:
        flag, refuse = BatchFlag.SUSPENDED_BY_MEMBERS, FaultCode.BATCH_NOT_SUSPENDED
        return self._flagged(decision.subject, decision.ref, decision.arg, flag, present=False, refuse=refuse)

    def _decide_revoke_batch(self, decision: Decision) -> Callable[[], None]:
        flag, refuse = BatchFlag.REVOKED, FaultCode.BATCH_REVOKED
        return self._flagged(decision.subject, decision.ref, decision.arg, flag, present=True, refuse=refuse)

    def _decide_reaffirm_batch(self, decision: Decision) -> Callable[[], None]:
        flag, refuse = BatchFlag.REAFFIRMED, FaultCode.BATCH_REAFFIRMED_ALREADY
        return self._flagged(decision.subject, decision.ref, decision.arg, flag, present=True, refuse=refuse)

    def _decide_revoke_word(self, decision: Decision) -> Callable[[], None]:
        reason, change = divmod(decision.arg, 2**192)
        place = (decision.subject, decision.ref)
        if place not in self.batches:
            raise Refused(self._reason_faults(reason) | {FaultCode.BATCH_UNKNOWN})
        faults, moved, _ = self._moved(self.batches[place], Status.REVOKED, [change])
        self._require(faults | self._reason_faults(reason))
        return lambda: self._set_statuses(place, moved)

    def _decide_unpause(self, _decision: Decision) -> Callable[[], None]:
        self._require({FaultCode.NOT_PAUSED} if self.paused_until <= self.now else set())

        def apply() -> None:
            self.paused_until = self.now
            self.touched.add(("gate",))

        return apply

    def _decide_migrate(self, decision: Decision) -> Callable[[], None]:
        faults = {FaultCode.MIGRATED_ALREADY} if self.migrated_at else set()
        target, chain_id = decision.subject, decision.arg
        here = (target, chain_id) == (padded(self.address), self.chain_id)
        if not is_address(target) or not 0 < chain_id < 2**64 or here:
            faults.add(FaultCode.SUCCESSOR_MALFORMED)
        self._require(faults)

        def apply() -> None:
            self.successor = (Address(target[12:]), chain_id)
            self.migrated_at = self.now
            self.touched |= {("gate",), ("successorContract",)}

        return apply

    def _decide_record(self, decision: Decision) -> Callable[[], None]:
        bad = decision.arg not in (1, 2, 3) or decision.ref == NOTHING
        self._require({FaultCode.DIGEST_MALFORMED} if bad else set())
        return lambda: None

    # Keys

    def _new_key_faults(self, issuer: Word, key: Word, kind: KeyKind, start: int, until: int) -> set[FaultCode]:
        faults = self._window_faults(start, until)
        if kind in (KeyKind.SENDER, KeyKind.APPROVER):
            if not is_address(key):
                faults.add(FaultCode.KEY_MALFORMED)
        elif key == NOTHING:
            faults.add(FaultCode.KEY_MALFORMED)
        if (issuer, key) in self.keys:
            faults.add(FaultCode.KEY_KNOWN)
        held = self.issuers.get(issuer)
        if held and kind is KeyKind.APPROVER and padded(held.controller) == key:
            faults.add(FaultCode.CONTROLLER_IS_APPROVER)
        return faults

    def _register(self, issuer: Word, key: Word, kind: KeyKind, start: int, until: int) -> Key:
        holder = self.issuers[issuer]
        holder.keys += 1
        added = Key(kind=kind, number=holder.keys, start=max(start, self.now), until=until)
        self.keys[issuer, key] = added
        self.touched |= {("keyOf", issuer, key), ("issuerOf", issuer)}
        return added

    def _controlled_faults(self, by: Address, issuer: Word) -> set[FaultCode]:
        if issuer not in self.issuers:
            return {FaultCode.ISSUER_UNKNOWN}
        return set() if self.issuers[issuer].controller == by else {FaultCode.NOT_THE_CONTROLLER}

    def _key_faults(
        self, issuer: Word, key: Word, kind: KeyKind, *, wrong: FaultCode, outside: FaultCode
    ) -> set[FaultCode]:
        held = self.keys.get((issuer, key))
        if held is None or held.kind is not kind:
            return {wrong}
        return set() if held.good(self.now) else {outside}

    def _approval_faults(
        self, issuer: Word, primary_type: str, message: dict[str, Any], approval: Approval
    ) -> set[FaultCode]:
        faults = set()
        if self.now > approval.deadline:
            faults.add(FaultCode.APPROVAL_EXPIRED)
        if approval.deadline > self.now + LONGEST_APPROVAL:
            faults.add(FaultCode.APPROVAL_TOO_FAR_AHEAD)
        asked = Statement(
            chain_id=self.chain_id,
            contract=self.address,
            primary_type=primary_type,
            message={"issuer": text(issuer), **message},
            deadline=approval.deadline,
        )
        if not approval.well_formed:
            faults.add(FaultCode.APPROVAL_MALFORMED)
        elif approval.statement != asked:
            # Whatever else was signed leads to somebody unknown.
            faults.add(FaultCode.NOT_AN_APPROVER)
        else:
            signer = Word(padded(approval.signer))
            held = self.keys.get((issuer, signer))
            if held and held.kind is KeyKind.SENDER:
                faults.add(FaultCode.APPROVER_IS_SENDER)
            else:
                wrong, outside = FaultCode.NOT_AN_APPROVER, FaultCode.APPROVER_OUTSIDE_WINDOW
                faults |= self._key_faults(issuer, signer, KeyKind.APPROVER, wrong=wrong, outside=outside)
        return faults

    def add_key(
        self, by: Address, issuer: Word, kind: int, key: Word, start: int, until: int, approval: Approval
    ) -> None:
        faults = self._controlled_faults(by, issuer)
        if issuer in self.issuers and self.issuers[issuer].suspended:
            faults.add(FaultCode.ISSUER_SUSPENDED)
        if kind not in set(KeyKind):
            raise Refused(faults | {FaultCode.KEY_KIND_UNKNOWN})
        faults |= self._new_key_faults(issuer, key, KeyKind(kind), start, until)
        if kind == KeyKind.APPROVER:
            message = {"key": Address(key[12:]) if is_address(key) else None, "from": start, "until": until}
            faults |= self._approval_faults(issuer, "ApproverKey", message, approval)
        self._require(faults)
        self._record(Op.KEY, by, issuer, key, self._register(issuer, key, KeyKind(kind), start, until).packed)

    def retire_key(self, by: Address, issuer: Word, key: Word) -> None:
        faults = self._controlled_faults(by, issuer)
        held = self.keys.get((issuer, key))
        if held is None:
            raise Refused(faults | {FaultCode.KEY_UNKNOWN})
        if held.until <= self.now + 1:
            faults.add(FaultCode.KEY_OVER)
        self._require(faults)
        held.until = self.now + 1
        self.touched.add(("keyOf", issuer, key))
        self._record(Op.KEY, by, issuer, key, held.packed)

    def report_compromise(self, by: Address, issuer: Word, key: Word) -> None:
        self._require(self._controlled_faults(by, issuer) | self._compromise_faults(issuer, key, self.now))
        held = self.keys[issuer, key]
        held.compromised_since = self.now
        self.touched.add(("keyOf", issuer, key))
        self._record(Op.KEY, by, issuer, key, held.packed)

    # Batches

    @staticmethod
    def _reason_faults(reason: int) -> set[FaultCode]:
        return set() if reason <= LARGEST_REASON else {FaultCode.REASON_OUT_OF_RANGE}

    def _sender_faults(self, by: Address, issuer: Word) -> set[FaultCode]:
        wrong, outside = FaultCode.NOT_A_SENDER, FaultCode.SENDER_OUTSIDE_WINDOW
        found = self._key_faults(issuer, Word(padded(by)), KeyKind.SENDER, wrong=wrong, outside=outside)
        return self._issuer_faults(issuer) | found

    def _pair_faults(self, by: Address, issuer: Word, reason: int) -> set[FaultCode]:
        """What the sender of an approved change must hold against."""
        faults = self._sender_faults(by, issuer) | self._reason_faults(reason)
        if issuer in self.issuers and self.issuers[issuer].suspended:
            faults.add(FaultCode.ISSUER_SUSPENDED)
        return faults

    def anchor_batch(
        self,
        by: Address,
        issuer: Word,
        batch_id: Word,
        root: Word,
        size: int,
        scope: Word,
        evidence: Word,
        credential_key: Word,
        approval: Approval,
    ) -> int:
        faults = self._sender_faults(by, issuer)
        if self.migrated_at:
            faults.add(FaultCode.MIGRATED)
        if self.now < self.paused_until:
            faults.add(FaultCode.PAUSED)
        if issuer in self.issuers and self.issuers[issuer].state is not IssuerState.ACTIVE:
            faults.add(FaultCode.ISSUER_NOT_ACTIVE)
        start, until = self.scopes.get((issuer, scope), (0, 0))
        if not until:
            faults.add(FaultCode.SCOPE_NOT_GRANTED)
        elif not start <= self.now < until:
            faults.add(FaultCode.SCOPE_OUTSIDE_WINDOW)
        wrong, outside = FaultCode.NOT_A_CREDENTIAL_KEY, FaultCode.CREDENTIAL_KEY_OUTSIDE_WINDOW
        faults |= self._key_faults(issuer, credential_key, KeyKind.CREDENTIAL, wrong=wrong, outside=outside)
        if root == NOTHING:
            faults.add(FaultCode.ROOT_EMPTY)
        if not 0 < size <= LARGEST_SIZE:
            faults.add(FaultCode.SIZE_OUT_OF_RANGE)
        if (issuer, batch_id) in self.batches:
            faults.add(FaultCode.BATCH_KNOWN)
        message = {
            "batchId": batch_id,
            "root": root,
            "size": size,
            "scope": text(scope),
            "evidence": evidence,
            "credentialKey": credential_key,
        }
        self._require(faults | self._approval_faults(issuer, "Anchor", message, approval))
        seq = self._record(
            Op.ANCHOR, by, issuer, batch_id, scope, approval.signer, root, size, evidence, credential_key
        )
        numbers = [self.keys[issuer, Word(padded(key))].number for key in (by, approval.signer, credential_key)]
        self.batches[issuer, batch_id] = Batch(
            root=root,
            size=size,
            anchored_at=self.now,
            scope=scope,
            seq=seq,
            sender=numbers[0],
            approver=numbers[1],
            credential=numbers[2],
        )
        self.touched.add(("batch", issuer, batch_id))
        return seq

    @staticmethod
    def _moved(batch: Batch, code: Status, changes: Sequence[int]) -> tuple[set[FaultCode], dict[int, Status], int]:
        """Faults of a move, the statuses after it, and how many certificates it names."""
        faults: set[FaultCode] = set()
        moved: dict[int, Status] = {}
        count = 0
        if not changes:
            faults.add(FaultCode.NOTHING_TO_CHANGE)
        for change in changes:
            indices = members_of(change)
            count += len(indices)
            if not indices:
                faults.add(FaultCode.NOTHING_TO_CHANGE)
            for index in indices:
                status = moved.get(index, batch.status(index))
                if index >= batch.size:
                    faults.add(FaultCode.OUTSIDE_BATCH)
                elif status.final:
                    faults.add(FaultCode.STATUS_FINAL)
                elif code is Status.SUSPENDED and status is Status.SUSPENDED:
                    faults.add(FaultCode.SUSPENDED_ALREADY)
                elif code is Status.VALID and status is Status.VALID:
                    faults.add(FaultCode.NOT_SUSPENDED)
                else:
                    moved[index] = code
        return faults, moved, count

    def _set_statuses(self, place: tuple[Word, Word], moved: dict[int, Status]) -> None:
        self.batches[place].statuses.update(moved)
        self.touched.add(("batch", *place))
        for index in moved:
            self.touched.add(("statusWord", *place, index // 128))
        self.touched.add(("statusOf", *place, max(moved)))

    def suspend(self, by: Address, issuer: Word, batch_id: Word, changes: Sequence[int], reason: int) -> None:
        faults = self._sender_faults(by, issuer) | self._reason_faults(reason)
        self._change(by, issuer, batch_id, Status.SUSPENDED, changes, None, reason, NOBODY, faults)

    def revoke(
        self,
        by: Address,
        issuer: Word,
        batch_id: Word,
        changes: Sequence[int],
        count: int,
        reason: int,
        approval: Approval,
    ) -> None:
        message = {"batchId": batch_id, "changes": list(changes), "count": count, "reason": reason}
        faults = self._pair_faults(by, issuer, reason)
        faults |= self._approval_faults(issuer, "Revoke", message, approval)
        self._change(by, issuer, batch_id, Status.REVOKED, changes, count, reason, approval.signer, faults)

    def reinstate(
        self,
        by: Address,
        issuer: Word,
        batch_id: Word,
        changes: Sequence[int],
        count: int,
        reason: int,
        approval: Approval,
    ) -> None:
        faults = self._pair_faults(by, issuer, reason)
        batch = self.batches.get((issuer, batch_id))
        if batch:
            message = {"batchId": batch_id, "changes": list(changes), "count": count, "reason": reason}
            message["statusNonce"] = batch.nonce
            faults |= self._approval_faults(issuer, "Reinstate", message, approval)
        self._change(by, issuer, batch_id, Status.VALID, changes, count, reason, approval.signer, faults)

    def _change(
        self,
        by: Address,
        issuer: Word,
        batch_id: Word,
        code: Status,
        changes: Sequence[int],
        expected: int | None,
        reason: int,
        approver: Address,
        faults: set[FaultCode],
    ) -> None:
        batch = self.batches.get((issuer, batch_id))
        if batch is None:
            raise Refused(faults | {FaultCode.BATCH_UNKNOWN})
        wrong, moved, count = self._moved(batch, code, changes)
        faults |= wrong
        if expected is not None and count != expected:
            faults.add(FaultCode.COUNT_MISMATCH)
        self._require(faults)
        self._set_statuses((issuer, batch_id), moved)
        if code is Status.SUSPENDED:
            batch.nonce += 1
        self._record(Op.STATUS, by, issuer, batch_id, approver, code, array_digest(changes), count, reason)

    def supersede(
        self,
        by: Address,
        issuer: Word,
        batch_id: Word,
        indices: Sequence[int],
        target_contract: Address,
        target_issuer: Word,
        new_batch_id: Word,
        new_indices: Sequence[int],
        reason: int,
        approval: Approval,
    ) -> None:
        faults = self._pair_faults(by, issuer, reason)
        if not indices:
            faults.add(FaultCode.NOTHING_TO_CHANGE)
        if len(indices) != len(new_indices):
            faults.add(FaultCode.INDICES_UNPAIRED)
        if target_contract == NOBODY:
            faults.add(FaultCode.ADDRESS_MALFORMED)
        if not is_code(target_issuer):
            faults.add(FaultCode.CODE_MALFORMED)
        message = {
            "batchId": batch_id,
            "indices": list(indices),
            "targetContract": target_contract,
            "targetIssuer": text(target_issuer),
            "newBatchId": new_batch_id,
            "newIndices": list(new_indices),
            "reason": reason,
        }
        faults |= self._approval_faults(issuer, "Supersede", message, approval)
        place, target = (issuer, batch_id), (target_issuer, new_batch_id)
        if place not in self.batches:
            raise Refused(faults | {FaultCode.BATCH_UNKNOWN})
        batch = self.batches[place]
        moved: dict[int, Status] = {}
        for index in indices:
            if index >= batch.size:
                faults.add(FaultCode.OUTSIDE_BATCH)
            elif moved.get(index, batch.status(index)).final:
                faults.add(FaultCode.STATUS_FINAL)
            else:
                moved[index] = Status.SUPERSEDED
        if target_contract == self.address:
            faults |= self._standing_faults(target, new_indices, moved if target == place else {})
        self._require(faults)
        self._set_statuses(place, moved)
        self._record(
            Op.SUPERSEDE,
            by,
            issuer,
            batch_id,
            approval.signer,
            array_digest(indices),
            target_contract,
            target_issuer,
            new_batch_id,
            array_digest(new_indices),
            reason,
        )

    def _standing_faults(
        self, target: tuple[Word, Word], indices: Sequence[int], moved: dict[int, Status]
    ) -> set[FaultCode]:
        """Faults of successors in this contract: each must stand once the old certificates have moved."""
        batch = self.batches.get(target)
        if batch is None:
            return {FaultCode.TARGET_UNKNOWN}
        faults = set() if batch.stands else {FaultCode.TARGET_NOT_STANDING}
        for index in indices:
            if index >= batch.size:
                faults.add(FaultCode.TARGET_UNKNOWN)
            elif moved.get(index, batch.status(index)) is not Status.VALID:
                faults.add(FaultCode.TARGET_NOT_STANDING)
        return faults

    def suspend_batch(self, by: Address, issuer: Word, batch_id: Word, reason: int) -> None:
        faults = self._sender_faults(by, issuer)
        flag, refuse = BatchFlag.SUSPENDED_BY_ISSUER, FaultCode.BATCH_SUSPENDED_ALREADY
        try:
            effect = self._flagged(issuer, batch_id, reason, flag, present=True, refuse=refuse)
        except Refused as error:
            raise Refused(faults | error.faults) from error
        self._require(faults)
        effect()
        self._record(Op.BATCH, by, issuer, batch_id, NOBODY, self.batches[issuer, batch_id].flags, reason)

    def reinstate_batches(
        self, by: Address, issuer: Word, batch_ids: Sequence[Word], reason: int, approval: Approval
    ) -> None:
        faults = self._pair_faults(by, issuer, reason)
        if not batch_ids:
            faults.add(FaultCode.NOTHING_TO_CHANGE)
        batches = [self.batches.get((issuer, batch_id)) for batch_id in batch_ids]
        known = [batch for batch in batches if batch]
        if len(known) < len(batches):
            faults.add(FaultCode.BATCH_UNKNOWN)
        else:
            message = {"batchIds": list(batch_ids), "reason": reason, "statusNonces": [one.nonce for one in known]}
            faults |= self._approval_faults(issuer, "ReinstateBatch", message, approval)
        if len(set(batch_ids)) != len(batch_ids):
            faults.add(FaultCode.BATCH_NOT_SUSPENDED)
        if any(not batch.flags & BatchFlag.SUSPENDED_BY_ISSUER for batch in known):
            faults.add(FaultCode.BATCH_NOT_SUSPENDED)
        self._require(faults)
        for batch_id, batch in zip(batch_ids, known, strict=True):
            batch.flags &= ~BatchFlag.SUSPENDED_BY_ISSUER
            self.touched.add(("batch", issuer, batch_id))
            self._record(Op.BATCH, by, issuer, batch_id, approval.signer, batch.flags, reason)

    def record_digest(self, by: Address, issuer: Word, kind: int, digest: Word) -> None:
        faults = self._sender_faults(by, issuer)
        if kind not in (1, 2) or digest == NOTHING:
            faults.add(FaultCode.DIGEST_MALFORMED)
        self._require(faults)
        self._record(Op.DIGEST, by, issuer, kind, digest)

    # Views: what the contract's view of this name answers

    def answer(self, view: View) -> Answer:
        name, *arguments = view
        snake = re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)
        return getattr(self, f"_see_{snake}")(*arguments)

    def _see_checkpoint(self) -> Answer:
        return (self.frontier.size, self.frontier.root)

    def _see_peaks(self) -> Answer:
        return self.frontier.peaks

    def _see_member_of(self, who: Address) -> Answer:
        return who in self.members

    def _see_ballot(self, *words: Any) -> Answer:
        decision = Decision(*words)
        ballot = self.ballots.get(decision) or Ballot(votes=set(), deadline=0)
        start = ballot.since + self._wait(decision) if ballot.since else 0
        return {
            "votes": sum(1 << seat for seat in ballot.votes),
            "count": len(ballot.votes),
            "threshold": self.threshold,
            "deadline": ballot.deadline,
            "since": ballot.since,
            "enactableFrom": start,
            "enactableUntil": start + ENACTMENT_PERIOD if start else 0,
            "enacted": ballot.enacted,
        }

    def _see_gate(self) -> Answer:
        return {"pausedUntil": self.paused_until, "migratedAt": self.migrated_at}

    def _see_epoch(self) -> Answer:
        return {
            "number": self.epoch,
            "since": self.epoch_since,
            "members": sum(1 << seat for seat in self.members.values()),
            "threshold": self.threshold,
            "admissions": self.seats_ever,
            "delay": self.delay,
        }

    def _see_successor_contract(self) -> Answer:
        return {"contract_": "0x" + self.successor[0].hex(), "chainId": self.successor[1]}

    def _see_issuer_of(self, code: Word) -> Answer:
        issuer = self.issuers.get(code)
        if issuer is None:
            return {"state": 0, "controller": "0x" + NOBODY.hex(), "keys": 0}
        return {"state": issuer.state, "controller": "0x" + issuer.controller.hex(), "keys": issuer.keys}

    def _see_scope_of(self, code: Word, scope: Word) -> Answer:
        if (code, scope) not in self.scopes:
            return {"id": 0, "from_": 0, "until": 0}
        start, until = self.scopes[code, scope]
        return {"id": self.scope_ids[scope], "from_": start, "until": until}

    def _see_key_of(self, code: Word, key: Word) -> Answer:
        held = self.keys.get((code, key))
        names = ("kind", "number", "from_", "until", "compromisedSince")
        values = (held.kind, held.number, held.start, held.until, held.compromised_since) if held else (0,) * 5
        return dict(zip(names, values, strict=True))

    def _see_batch(self, code: Word, batch_id: Word) -> Answer:
        batch = self.batches.get((code, batch_id))
        return {
            "root": batch.root if batch else NOTHING,
            "size": batch.size if batch else 0,
            "anchoredAt": batch.anchored_at if batch else 0,
            "scope": batch.scope if batch else NOTHING,
            "seq": batch.seq if batch else 0,
            "statusNonce": batch.nonce if batch else 0,
            "flags": batch.flags if batch else 0,
            "senderNumber": batch.sender if batch else 0,
            "approverNumber": batch.approver if batch else 0,
            "credentialNumber": batch.credential if batch else 0,
        }

    def _see_status_word(self, code: Word, batch_id: Word, word: int) -> Answer:
        batch = self.batches.get((code, batch_id))
        planes = 0
        for index, status in batch.statuses.items() if batch else ():
            if index // 128 == word:
                planes |= (status & 1) << index % 128 | (status >> 1) << 128 + index % 128
        return planes

    def _see_status_of(self, code: Word, batch_id: Word, index: int) -> Answer:
        batch = self.batches.get((code, batch_id))
        if batch is None:
            raise Refused({FaultCode.BATCH_UNKNOWN})
        if index >= batch.size:
            raise Refused({FaultCode.OUTSIDE_BATCH})
        state = self.issuers[code].state
        return {"status": batch.status(index), "batchFlags": batch.flags, "issuerState": state}

    def _see_version(self) -> Answer:
        return 1
