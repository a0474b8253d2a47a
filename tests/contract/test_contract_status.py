"""Status of certificates and batches: every allowed and every forbidden move, and the log's word on each."""

from collections.abc import Callable
from typing import Any

import pytest

from contracts import BatchFlag, FaultCode, Kind, Reason, Status
from tests.contract.world import Account, World, change, digest, refused

MOVES: dict[str, tuple[Callable[[World, int], Any], Status]] = {
    "suspend": (lambda world, index: world.suspend(change(index)), Status.SUSPENDED),
    "reinstate": (lambda world, index: world.reinstate(change(index)), Status.VALID),
    "revoke": (lambda world, index: world.revoke(change(index)), Status.REVOKED),
    "supersede": (lambda world, index: world.supersede([index], [999], new_name="batch"), Status.SUPERSEDED),
}
WAYS: dict[Status, tuple[str, ...]] = {
    Status.VALID: (),
    Status.SUSPENDED: ("suspend",),
    Status.REVOKED: ("revoke",),
    Status.SUPERSEDED: ("supersede",),
}
FORBIDDEN = {
    (Status.VALID, "reinstate"): FaultCode.NOT_SUSPENDED,
    (Status.SUSPENDED, "suspend"): FaultCode.SUSPENDED_ALREADY,
} | {(final, move): FaultCode.STATUS_FINAL for final in (Status.REVOKED, Status.SUPERSEDED) for move in MOVES}


@pytest.mark.parametrize("index", [0, 127, 128, 998])
@pytest.mark.parametrize("start", list(Status))
@pytest.mark.parametrize("move", list(MOVES))
def test_whole_table_of_moves(anchored: World, start: Status, move: str, index: int) -> None:
    for step in WAYS[start]:
        MOVES[step][0](anchored, index)
    assert anchored.status(index) == start
    neighbours = [near for near in (index - 1, index + 1, (index + 128) % 998) if 0 <= near < 999]
    act, end = MOVES[move]
    fault = FORBIDDEN.get((start, move))
    if fault is None:
        act(anchored, index)
        assert anchored.status(index) == end
    else:
        with refused(fault):
            act(anchored, index)
        assert anchored.status(index) == start
    assert [anchored.status(near) for near in neighbours] == [Status.VALID] * len(neighbours)


def test_words_hold_two_planes(anchored: World) -> None:
    anchored.suspend(change(3))
    anchored.revoke(change(5))
    anchored.supersede([130], [999], new_name="batch")
    assert anchored.call("statusWord", anchored.ISSUER, digest("batch"), 0) == 1 << 5 | 1 << (128 + 3)
    assert anchored.call("statusWord", anchored.ISSUER, digest("batch"), 1) == 1 << 2 | 1 << (128 + 2)
    assert anchored.call("statusWord", anchored.ISSUER, digest("batch"), 2) == 0


def test_suspension_is_announced_with_its_count(anchored: World) -> None:
    changes = (change(0, 1, 127), change(128, 129))
    event = anchored.suspend(*changes, reason=Reason.INVESTIGATION).event
    assert event.fields == {
        "issuer": anchored.ISSUER,
        "batchId": digest("batch"),
        "approver": "0x" + "00" * 20,
        "code": Status.SUSPENDED,
        "changes": changes,
        "count": 5,
        "reason": Reason.INVESTIGATION,
        "by": anchored.SENDER.address,
        "seq": anchored.call("checkpoint")[0] - 1,
    }


def test_revocation_names_its_approver(anchored: World) -> None:
    event = anchored.revoke(change(7), reason=Reason.MISCONDUCT).event
    assert event.fields["approver"] == anchored.APPROVER.address
    assert (event.fields["code"], event.fields["count"], event.fields["reason"]) == (Status.REVOKED, 1, 33)


def test_largest_call_changes_128_whole_words(world: World) -> None:
    world.anchor(size=128 * 128)
    full = 2**128 - 1
    event = world.suspend(*(word << 128 | full for word in range(128))).event
    assert event.fields["count"] == 128 * 128
    assert world.status(128 * 128 - 1) == Status.SUSPENDED
    assert world.call("statusWord", world.ISSUER, digest("batch"), 127) == full << 128


@pytest.mark.parametrize("size", [1, 127, 128, 129, 1_000, 2**24 - 1])
def test_mask_beyond_the_batch_is_refused(world: World, size: int) -> None:
    world.anchor(size=size)
    last = change(size - 1)
    beyond = [change(size), (size // 128 + 1) << 128 | 1, 2**17 << 128 | 1, (2**128 - 1) << 128 | 1]
    if size % 128:
        beyond += [last | change(size), last >> 128 << 128 | 1 << 127]
    for outside in beyond:
        with refused(FaultCode.OUTSIDE_BATCH):
            world.suspend(outside)
        with refused(FaultCode.OUTSIDE_BATCH):
            world.revoke(outside)
    world.suspend(last)
    assert world.status(size - 1) == Status.SUSPENDED


def test_change_of_nothing_is_refused(anchored: World) -> None:
    for changes in ((), (0,), (5 << 128,), (change(1), 1 << 128)):
        with refused(FaultCode.NOTHING_TO_CHANGE):
            anchored.suspend(*changes)
        with refused(FaultCode.NOTHING_TO_CHANGE):
            anchored.revoke(*changes)
    with refused(FaultCode.NOTHING_TO_CHANGE):
        anchored.supersede([], [])
    with refused(FaultCode.NOTHING_TO_CHANGE):
        anchored.reinstate_batches()


def test_same_certificate_twice_in_a_call_is_refused(anchored: World) -> None:
    with refused(FaultCode.SUSPENDED_ALREADY):
        anchored.suspend(change(1), change(1, 2))
    with refused(FaultCode.STATUS_FINAL):
        anchored.revoke(change(1), change(1), count=2)
    with refused(FaultCode.STATUS_FINAL):
        anchored.supersede([1, 1], [2, 3], new_name="batch")
    anchored.suspend(change(1), change(2))


def test_forbidden_move_refuses_the_whole_call(anchored: World) -> None:
    anchored.revoke(change(200))
    with refused(FaultCode.STATUS_FINAL):
        anchored.suspend(change(1), change(199, 200, 201))
    assert anchored.status(1) == Status.VALID


def test_unknown_batch_is_refused(world: World) -> None:
    for act in (
        lambda: world.suspend(change(1)),
        lambda: world.revoke(change(1)),
        lambda: world.reinstate(change(1)),
        lambda: world.supersede([1], [2]),
        lambda: world.send(world.SENDER, "suspendBatch", world.ISSUER, digest("batch"), 35),
        lambda: world.reinstate_batches("batch"),
        lambda: world.status(0),
        lambda: world.decide(Kind.SUSPEND_BATCH, world.ISSUER, 35, digest("batch")),
        lambda: world.decide(Kind.REVOKE_WORD, world.ISSUER, 1, digest("batch")),
    ):
        with refused(FaultCode.BATCH_UNKNOWN):
            act()


def test_status_beyond_the_batch_is_refused(anchored: World) -> None:
    for index in (1_000, 1_023, 2**200):
        with refused(FaultCode.OUTSIDE_BATCH):
            anchored.status(index)


@pytest.mark.parametrize("reason", [2**16, 2**255])
def test_reason_beyond_the_table_is_refused(anchored: World, reason: int) -> None:
    anchored.suspend(change(9))
    for act in (
        lambda: anchored.suspend(change(1), reason=reason),
        lambda: anchored.revoke(change(1), reason=reason),
        lambda: anchored.reinstate(change(9), reason=reason),
        lambda: anchored.supersede([1], [2], new_name="batch", reason=reason),
        lambda: anchored.send(anchored.SENDER, "suspendBatch", anchored.ISSUER, digest("batch"), reason),
        lambda: anchored.reinstate_batches("batch", reason=reason),
        lambda: anchored.decide(Kind.REVOKE_BATCH, anchored.ISSUER, reason, digest("batch")),
        lambda: anchored.decide(Kind.LIFT_BATCH_SUSPENSION, anchored.ISSUER, reason, digest("batch")),
    ):
        with refused(FaultCode.REASON_OUT_OF_RANGE):
            act()
    with refused(FaultCode.REASON_OUT_OF_RANGE):
        anchored.decide(Kind.REVOKE_WORD, anchored.ISSUER, 2**16 << 192 | 1, digest("batch"))


# Who


@pytest.mark.parametrize("who", [World.STRANGER, World.CONTROLLER, World.APPROVER, World.MEMBERS[0]])
def test_only_a_sender_changes_status(anchored: World, who: Account) -> None:
    anchored.suspend(change(9))
    for act in (
        lambda: anchored.suspend(change(1), sender=who),
        lambda: anchored.revoke(change(1), sender=who),
        lambda: anchored.reinstate(change(9), sender=who),
        lambda: anchored.supersede([1], [2], new_name="batch", sender=who),
        lambda: anchored.send(who, "suspendBatch", anchored.ISSUER, digest("batch"), 35),
        lambda: anchored.reinstate_batches("batch", sender=who),
        lambda: anchored.send(who, "recordDigest", anchored.ISSUER, 1, digest("x")),
    ):
        with refused(FaultCode.NOT_A_SENDER):
            act()


@pytest.mark.parametrize("signer", [World.SENDER, World.STRANGER, World.CONTROLLER, World.MEMBERS[0]])
def test_sender_alone_can_only_suspend(anchored: World, signer: Account) -> None:
    anchored.suspend(change(9))
    anchored.send(anchored.SENDER, "suspendBatch", anchored.ISSUER, digest("batch"), 35)
    fault = FaultCode.APPROVER_IS_SENDER if signer is World.SENDER else FaultCode.NOT_AN_APPROVER
    for act in (
        lambda: anchored.revoke(change(1), by=signer),
        lambda: anchored.reinstate(change(9), by=signer),
        lambda: anchored.supersede([1], [2], new_name="batch", by=signer),
        lambda: anchored.reinstate_batches("batch", by=signer),
    ):
        with refused(fault):
            act()


@pytest.mark.parametrize(
    "signed",
    [
        {"issuer": "OTHER-01"},
        {"batchId": digest("x")},
        {"changes": [change(2)]},
        {"changes": []},
        {"count": 2},
        {"reason": 33},
    ],
)
def test_approval_of_another_change_is_refused(anchored: World, signed: dict[str, Any]) -> None:
    with refused(FaultCode.NOT_AN_APPROVER):
        anchored.revoke(change(1), signed=signed)
    anchored.suspend(change(1))
    with refused(FaultCode.NOT_AN_APPROVER):
        anchored.reinstate(change(1), signed=signed)


@pytest.mark.parametrize("count", [0, 1, 3, 2**200])
def test_approved_count_must_be_the_true_one(anchored: World, count: int) -> None:
    with refused(FaultCode.COUNT_MISMATCH):
        anchored.revoke(change(1, 2), count=count)
    anchored.suspend(change(1, 2))
    with refused(FaultCode.COUNT_MISMATCH):
        anchored.reinstate(change(1, 2), count=count)


def test_approved_revocation_works_on_one_batch_once(anchored: World) -> None:
    anchored.anchor("other")
    approval = anchored.approve(
        "Revoke", issuer="SKILLS-01", batchId=digest("batch"), changes=[change(1)], count=1, reason=32
    )
    with refused(FaultCode.NOT_AN_APPROVER):
        anchored.revoke(change(1), name="other", approval=approval)
    anchored.revoke(change(1), approval=approval)
    with refused(FaultCode.STATUS_FINAL):
        anchored.revoke(change(1), approval=approval)


def test_reinstatement_is_bound_to_the_suspensions_it_knows(anchored: World) -> None:
    anchored.suspend(change(1, 2))
    assert anchored.batch()["statusNonce"] == 1
    approval = anchored.approve(
        "Reinstate",
        issuer="SKILLS-01",
        batchId=digest("batch"),
        changes=[change(1)],
        count=1,
        reason=36,
        statusNonce=1,
    )
    later = anchored.evm.snapshot()
    anchored.reinstate(change(1), approval=approval)
    with refused(FaultCode.NOT_SUSPENDED):
        anchored.reinstate(change(1), approval=approval)
    anchored.suspend(change(1))
    with refused(FaultCode.NOT_AN_APPROVER):
        anchored.reinstate(change(1), approval=approval)
    anchored.evm.restore(later)
    anchored.suspend(change(7))
    with refused(FaultCode.NOT_AN_APPROVER):
        anchored.reinstate(change(1), approval=approval)


def test_final_moves_bump_no_nonce(anchored: World) -> None:
    anchored.revoke(change(1))
    anchored.supersede([2], [3], new_name="batch")
    assert anchored.batch()["statusNonce"] == 0


# Superseding


def test_successor_in_this_contract_must_stand(anchored: World) -> None:
    anchored.anchor("newer batch", size=10)
    for index, fault in ((10, FaultCode.TARGET_UNKNOWN), (2**200, FaultCode.TARGET_UNKNOWN)):
        with refused(fault):
            anchored.supersede([1], [index])
    with refused(FaultCode.TARGET_UNKNOWN):
        anchored.supersede([1], [1], new_name="no batch")
    anchored.suspend(change(3), name="newer batch")
    anchored.revoke(change(4), name="newer batch")
    anchored.supersede([5], [6], name="newer batch", new_name="newer batch")
    for index in (3, 4, 5):
        with refused(FaultCode.TARGET_NOT_STANDING):
            anchored.supersede([1], [index])
    event = anchored.supersede([1, 2], [7, 8]).event
    assert (event.fields["indices"], event.fields["newIndices"]) == ((1, 2), (7, 8))
    assert event.fields["targetContract"] == "0x" + anchored.address.hex()
    assert [anchored.status(index) for index in (1, 2)] == [Status.SUPERSEDED] * 2
    assert anchored.status(7, "newer batch") == Status.VALID


def test_no_certificate_succeeds_itself_in_any_circle(anchored: World) -> None:
    for indices, successors in (([1], [1]), ([1, 2], [2, 1]), ([1, 2, 3], [2, 3, 1])):
        with refused(FaultCode.TARGET_NOT_STANDING):
            anchored.supersede(indices, successors, new_name="batch")
    anchored.supersede([1], [2], new_name="batch")
    with refused(FaultCode.TARGET_NOT_STANDING):
        anchored.supersede([2], [1], new_name="batch")


@pytest.mark.parametrize("kind", [None, Kind.SUSPEND_BATCH, Kind.REVOKE_BATCH])
def test_successor_in_a_batch_that_does_not_stand_is_refused(anchored: World, kind: Kind | None) -> None:
    anchored.anchor("newer batch")
    if kind is None:
        anchored.send(anchored.SENDER, "suspendBatch", anchored.ISSUER, digest("newer batch"), 35)
    else:
        anchored.decide(kind, anchored.ISSUER, 35, digest("newer batch"))
    with refused(FaultCode.TARGET_NOT_STANDING):
        anchored.supersede([1], [1])


def test_successor_elsewhere_is_recorded_unseen(anchored: World) -> None:
    event = anchored.supersede([1], [2**255], target=b"\x77" * 20, new_name="elsewhere").event
    assert event.fields["targetContract"] == "0x" + "77" * 20
    assert anchored.status(1) == Status.SUPERSEDED
    with refused(FaultCode.ADDRESS_MALFORMED):
        anchored.supersede([2], [2], target=b"\0" * 20)
    with refused(FaultCode.CODE_MALFORMED):
        anchored.supersede([2], [2], target=b"\x77" * 20, target_issuer=b"\0" * 32)


def test_each_certificate_has_one_successor(anchored: World) -> None:
    with refused(FaultCode.INDICES_UNPAIRED):
        anchored.supersede([1, 2], [3], new_name="batch")
    with refused(FaultCode.OUTSIDE_BATCH):
        anchored.supersede([1_000], [3], new_name="batch")


@pytest.mark.parametrize(
    "signed",
    [
        {"issuer": "OTHER-01"},
        {"batchId": digest("x")},
        {"indices": [4]},
        {"targetContract": "0x" + "77" * 20},
        {"targetIssuer": "OTHER-01"},
        {"newBatchId": digest("x")},
        {"newIndices": [4]},
        {"reason": 38},
    ],
)
def test_approval_of_another_succession_is_refused(anchored: World, signed: dict[str, Any]) -> None:
    anchored.anchor("newer batch")
    with refused(FaultCode.NOT_AN_APPROVER):
        anchored.supersede([1], [2], signed=signed)


# Batches


def flags(world: World, name: str = "batch") -> BatchFlag:
    return BatchFlag(world.batch(name)["flags"])


def test_issuers_suspension_of_batches_is_lifted_with_approval(anchored: World) -> None:
    anchored.anchor("other")
    for name in ("batch", "other"):
        event = anchored.send(anchored.SENDER, "suspendBatch", anchored.ISSUER, digest(name), 35).event
        assert (event.name, event.fields["flags"], event.fields["reason"]) == ("BatchChanged", 1, 35)
        assert flags(anchored, name) is BatchFlag.SUSPENDED_BY_ISSUER
        assert anchored.batch(name)["statusNonce"] == 1
    with refused(FaultCode.BATCH_SUSPENDED_ALREADY):
        anchored.send(anchored.SENDER, "suspendBatch", anchored.ISSUER, digest("batch"), 35)
    with refused(FaultCode.BATCH_NOT_SUSPENDED):
        anchored.reinstate_batches("batch", "other", "batch")
    receipt = anchored.reinstate_batches("batch", "other")
    assert [event.fields["batchId"] for event in receipt.events] == [digest("batch"), digest("other")]
    assert {event.fields["approver"] for event in receipt.events} == {anchored.APPROVER.address}
    assert flags(anchored) == flags(anchored, "other") == BatchFlag(0)
    with refused(FaultCode.BATCH_NOT_SUSPENDED):
        anchored.reinstate_batches("batch")


def test_approved_reinstatement_of_batches_is_bound_to_their_suspensions(anchored: World) -> None:
    suspend = (anchored.SENDER, "suspendBatch", anchored.ISSUER, digest("batch"), 35)
    anchored.send(*suspend)
    for signed in (
        {"statusNonces": [0]},
        {"statusNonces": []},
        {"statusNonces": [1, 1]},
        {"batchIds": [digest("x")]},
        {"issuer": "OTHER-01"},
        {"reason": 0},
    ):
        with refused(FaultCode.NOT_AN_APPROVER):
            anchored.reinstate_batches("batch", signed=signed)
    anchored.suspend(change(1))
    with refused(FaultCode.NOT_AN_APPROVER):
        anchored.reinstate_batches("batch", signed={"statusNonces": [1]})
    anchored.reinstate_batches("batch")
    assert anchored.status(1) == Status.SUSPENDED


def test_issuer_cannot_lift_the_members_suspension(anchored: World) -> None:
    anchored.decide(Kind.SUSPEND_BATCH, anchored.ISSUER, 35, digest("batch"))
    assert flags(anchored) is BatchFlag.SUSPENDED_BY_MEMBERS
    with refused(FaultCode.BATCH_NOT_SUSPENDED):
        anchored.reinstate_batches("batch")
    anchored.send(anchored.SENDER, "suspendBatch", anchored.ISSUER, digest("batch"), 35)
    anchored.reinstate_batches("batch")
    assert flags(anchored) is BatchFlag.SUSPENDED_BY_MEMBERS
    anchored.decide(Kind.LIFT_BATCH_SUSPENSION, anchored.ISSUER, 36, digest("batch"))
    assert flags(anchored) == BatchFlag(0)
    with refused(FaultCode.BATCH_NOT_SUSPENDED):
        anchored.decide(Kind.LIFT_BATCH_SUSPENSION, anchored.ISSUER, 36, digest("batch"), salt=1)


def test_flags_stand_side_by_side(anchored: World) -> None:
    for kind in (Kind.SUSPEND_BATCH, Kind.REVOKE_BATCH, Kind.REAFFIRM_BATCH):
        anchored.decide(kind, anchored.ISSUER, 1, digest("batch"))
    assert flags(anchored) == BatchFlag.SUSPENDED_BY_MEMBERS | BatchFlag.REVOKED | BatchFlag.REAFFIRMED
    assert anchored.call("statusOf", anchored.ISSUER, digest("batch"), 3) == {
        "status": Status.VALID,
        "batchFlags": 14,
        "issuerState": 1,
    }
    for kind, fault in (
        (Kind.SUSPEND_BATCH, FaultCode.BATCH_SUSPENDED_ALREADY),
        (Kind.REVOKE_BATCH, FaultCode.BATCH_REVOKED),
        (Kind.REAFFIRM_BATCH, FaultCode.BATCH_REAFFIRMED_ALREADY),
    ):
        with refused(fault):
            anchored.decide(kind, anchored.ISSUER, 1, digest("batch"), salt=1)


def test_flags_touch_nothing_else_of_the_batch(anchored: World) -> None:
    before = anchored.batch()
    anchored.decide(Kind.REVOKE_BATCH, anchored.ISSUER, 1, digest("batch"))
    assert anchored.batch() == before | {"flags": BatchFlag.REVOKED}


def test_members_revoke_a_word(anchored: World) -> None:
    anchored.suspend(change(129))
    anchored.decide(Kind.REVOKE_WORD, anchored.ISSUER, 33 << 192 | change(128, 129), digest("batch"))
    assert [anchored.status(index) for index in (127, 128, 129, 130)] == [0, 1, 1, 0]
    with refused(FaultCode.STATUS_FINAL):
        anchored.decide(Kind.REVOKE_WORD, anchored.ISSUER, 33 << 192 | change(128, 130), digest("batch"))
    with refused(FaultCode.OUTSIDE_BATCH):
        anchored.decide(Kind.REVOKE_WORD, anchored.ISSUER, 33 << 192 | change(1_000), digest("batch"))
    with refused(FaultCode.NOTHING_TO_CHANGE):
        anchored.decide(Kind.REVOKE_WORD, anchored.ISSUER, 33 << 192, digest("batch"))


# Digests


def test_issuer_records_digests(world: World) -> None:
    for kind in (1, 2):
        event = world.send(world.SENDER, "recordDigest", world.ISSUER, kind, digest("x")).event
        assert (event.name, event.fields["kind"], event.fields["digest"]) == ("DigestRecorded", kind, digest("x"))
    for kind, value in ((0, digest("x")), (3, digest("x")), (1, b"\0" * 32)):
        with refused(FaultCode.DIGEST_MALFORMED):
            world.send(world.SENDER, "recordDigest", world.ISSUER, kind, value)
