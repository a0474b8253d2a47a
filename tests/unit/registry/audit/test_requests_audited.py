"""Requests to change statuses beside what the chain recorded: every disagreement has its name."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from registry.anchor.facts import joint_status
from registry.anchor.history import BatchChanged, BatchFlag, Content, Position, Record, StatusChanged
from registry.anchor.progress import RequestState, StatusRequest, Target
from registry.audit import foreign_changes, request_differences
from registry.kernel.identifiers import (
    ADDRESS_NONE,
    Address,
    BatchId,
    BlockHash,
    CertificateNumber,
    IssuerCode,
    LeafHash,
    TransactionHash,
)
from registry.status import Reason, Status, changes_of

ISSUER, BATCH, OTHER = IssuerCode("GSAI"), BatchId(b"b" * 32), BatchId(b"o" * 32)
OURS = TransactionHash(b"t" * 32)
LEAVES = (3, 130)


def record(content: Content, seq: int = 9, transaction: TransactionHash = OURS) -> Record:
    position = Position(
        seq=seq,
        by=Address("0x" + "11" * 20),
        block_number=5,
        block_hash=BlockHash(b"h" * 32),
        block_time=datetime(2026, 11, 21, tzinfo=UTC),
        transaction=transaction,
        leaf=LeafHash(b"l" * 32),
    )
    return Record(position=position, content=content)


CHANGE = StatusChanged(
    issuer=ISSUER, batch=BATCH, approver=ADDRESS_NONE, code=1, changes=changes_of(LEAVES), count=2, reason=33
)
FLAGS = BatchChanged(issuer=ISSUER, batch=BATCH, approver=ADDRESS_NONE, flags=BatchFlag.SUSPENDED_BY_ISSUER, reason=35)
REQUEST = StatusRequest(
    id="C-2026-11-0001",
    issuer=ISSUER,
    batches=(BATCH,),
    certificates=tuple(Target(number=CertificateNumber(f"N-{leaf}"), revision=1, leaf=leaf) for leaf in LEAVES),
    wanted=Status.REVOKED,
    reason=Reason.MISCONDUCT,
    state=RequestState.FINAL,
    requested_by="alice",
    requested_at=datetime(2026, 11, 21, tzinfo=UTC),
    transaction=OURS,
    seq=9,
)
WHOLE = replace(REQUEST, certificates=(), wanted=Status.SUSPENDED, reason=Reason.INVESTIGATION)
LIFTED = replace(WHOLE, batches=(BATCH, OTHER), wanted=Status.VALID, reason=Reason.INVESTIGATION_CLOSED)
LIFTS = [replace(FLAGS, batch=batch, flags=BatchFlag.SUSPENDED_BY_MEMBERS, reason=36) for batch in (BATCH, OTHER)]


def codes(request: StatusRequest, *records: Record) -> list[str]:
    return [one.code for one in request_differences(request, records)]


def test_what_was_asked_for_and_done_agrees() -> None:
    assert codes(REQUEST, record(CHANGE)) == []
    assert codes(WHOLE, record(FLAGS)) == []
    assert codes(LIFTED, record(LIFTS[0]), record(LIFTS[1], seq=10)) == []
    for state in RequestState:
        if state is not RequestState.FINAL:
            assert codes(replace(REQUEST, state=state, seq=None)) == []


@pytest.mark.parametrize("state", [state for state in RequestState if state is not RequestState.FINAL])
def test_what_is_recorded_and_not_final_here_is_named(state: RequestState) -> None:
    assert codes(replace(REQUEST, state=state, seq=None), record(CHANGE)) == ["fsck/request-state"]


@pytest.mark.parametrize("records", [[], [record(CHANGE, seq=8)]])
def test_what_is_final_here_and_not_recorded_there_is_named(records: list[Record]) -> None:
    assert codes(REQUEST, *records) == ["fsck/request-record"]


@pytest.mark.parametrize(
    "done",
    [
        replace(CHANGE, changes=changes_of([*LEAVES, 4]), count=3),
        replace(CHANGE, changes=changes_of(LEAVES[:1]), count=1),
        replace(CHANGE, code=2),
        replace(CHANGE, reason=32),
        replace(CHANGE, batch=OTHER),
        FLAGS,
    ],
)
def test_another_effect_than_was_asked_for_is_named(done: Content) -> None:
    assert codes(REQUEST, record(done)) == ["fsck/request-effect"]


def test_batches_that_were_not_all_lifted_or_in_another_way_are_named() -> None:
    assert codes(LIFTED, record(LIFTS[0])) == ["fsck/request-effect"]
    assert codes(LIFTED, record(LIFTS[1]), record(LIFTS[0], seq=10)) == ["fsck/request-effect"]
    assert codes(WHOLE, record(LIFTS[0])) == ["fsck/request-effect"]


def test_changes_by_nobodys_request_are_found() -> None:
    theirs = TransactionHash(b"x" * 32)
    records = [record(CHANGE), record(CHANGE, 10, theirs), record(FLAGS, 11, theirs)]
    assert [one.subject for one in foreign_changes(records, ISSUER, {OURS})] == ["record 10", "record 11"]
    assert list(foreign_changes(records, IssuerCode("ELSE"), {OURS})) == []


@pytest.mark.parametrize("own", Status)
@pytest.mark.parametrize("flags", [BatchFlag(number) for number in range(16)])
def test_certificate_and_batch_are_joined_final_first(own: Status, flags: BatchFlag) -> None:
    suspended = flags & (BatchFlag.SUSPENDED_BY_ISSUER | BatchFlag.SUSPENDED_BY_MEMBERS)
    found = {own} | ({Status.REVOKED} if flags & BatchFlag.REVOKED else set())
    found |= {Status.SUSPENDED} if suspended else set()
    expected = next(one for one in (Status.REVOKED, Status.SUPERSEDED, Status.SUSPENDED, Status.VALID) if one in found)
    assert joint_status(own, flags) is expected
