"""The history log: Python rebuilds every root from events alone, with an oracle of its own."""

import hashlib
from collections.abc import Sequence

import pytest

from contracts import RECORDS, KeyKind, Kind, Op
from tests.contract.world import (
    DAY,
    FOREVER,
    Account,
    World,
    change,
    code_word,
    digest,
    record_of,
    window,
)


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


def require_rebuilt(world: World) -> None:
    records = [record_of(event) for event in world.history]
    assert [event.fields["seq"] for event in world.history] == list(range(len(records)))
    assert world.call("checkpoint") == (len(records), tree_hash(records))
    peaks, start = [], 0
    for level in reversed(range(40)):
        if len(records) >> level & 1:
            peaks.append(tree_hash(records[start : start + (1 << level)]))
            start += 1 << level
    assert world.call("peaks") == tuple(peaks)


def test_first_record_is_the_founding(founded: World) -> None:
    (genesis,) = founded.history
    assert genesis.name == "Genesis"
    assert genesis.fields == {
        "chainId": 20268,
        "contract_": "0x" + founded.address.hex(),
        "threshold": 2,
        "delay": 2 * DAY,
        "members": tuple(member.address for member in founded.MEMBERS),
        "predecessorContract": "0x" + "00" * 20,
        "predecessorSize": 0,
        "predecessorRoot": founded.CHARTER,
        "by": founded.DEPLOYER.address,
        "seq": 0,
    }
    require_rebuilt(founded)


def test_every_operation_is_one_record_that_rebuilds_the_root(founded: World) -> None:
    world = founded
    steps = iter_story(world)
    for step in steps:
        before = len(world.history)
        step()
        world.wait(61)
        assert len(world.history) > before
        require_rebuilt(world)
    assert {RECORDS[event.name][0] for event in world.history} == set(Op)


def iter_story(world: World):  # type: ignore[no-untyped-def]  # closures over one world
    newcomer, second = Account("newcomer"), Account("second approver")
    yield world.accredit
    yield world.anchor
    yield lambda: world.anchor("newer batch", size=1)
    yield lambda: world.suspend(change(1, 2), change(128))
    yield lambda: world.reinstate(change(2))
    yield lambda: world.revoke(change(1), change(129, 130))
    yield lambda: world.supersede([5, 6], [0, 0])
    yield lambda: world.supersede([7], [9], target=b"\x77" * 20, target_issuer=code_word("ELSEWHERE"))
    yield lambda: world.send(world.SENDER, "suspendBatch", world.ISSUER, digest("batch"), 35)
    yield lambda: world.send(world.SENDER, "suspendBatch", world.ISSUER, digest("newer batch"), 35)
    yield lambda: world.reinstate_batches("batch", "newer batch")
    yield lambda: world.send(world.SENDER, "recordDigest", world.ISSUER, 2, digest("ceremony"))
    yield lambda: world.send(world.MEMBERS[2], "recordForeignAnchor", 1, *world.call("checkpoint"), digest("tx"))
    yield lambda: world.send(world.MEMBERS[1], "pause")
    ballot = world.ballot(Kind.ADMIT, newcomer.word, 3)
    yield lambda: world.send(world.MEMBERS[1], "vote", *ballot)
    yield lambda: world.send(world.MEMBERS[1], "withdrawVote", *ballot)
    yield lambda: world.decide(Kind.ADMIT, newcomer.word, 3, salt=1)
    for kind, subject, arg, ref in (
        (Kind.THRESHOLD, b"\0" * 32, 3, b"\0" * 32),
        (Kind.REMOVE, newcomer.word, 2, b"\0" * 32),
    ):
        yield lambda kind=kind, subject=subject, arg=arg, ref=ref: three_decide(world, kind, subject, arg, ref)
    yield lambda: world.decide(Kind.ADD_APPROVER, world.ISSUER, window(0, FOREVER), second.word)
    yield lambda: world.add_key(KeyKind.STATEMENT, digest("statement key"))
    yield lambda: world.send(world.CONTROLLER, "retireKey", world.ISSUER, second.word)
    yield lambda: world.send(world.CONTROLLER, "reportCompromise", world.ISSUER, second.word)
    yield lambda: world.decide(Kind.KEY_COMPROMISED, world.ISSUER, 1_800_000_000, second.word)
    yield lambda: world.decide(Kind.SUSPEND_BATCH, world.ISSUER, 1, digest("batch"))
    yield lambda: world.decide(Kind.LIFT_BATCH_SUSPENSION, world.ISSUER, 1, digest("batch"))
    yield lambda: world.decide(Kind.REVOKE_WORD, world.ISSUER, 1 << 192 | change(9), digest("batch"))
    yield lambda: world.decide(Kind.REAFFIRM_BATCH, world.ISSUER, 1, digest("batch"))
    yield lambda: world.decide(Kind.REVOKE_BATCH, world.ISSUER, 1, digest("newer batch"))
    yield lambda: world.decide(Kind.REVOKE_SCOPE, world.ISSUER, ref=world.SCOPE)
    yield lambda: world.decide(Kind.RECORD, arg=3, ref=digest("charter"))
    yield lambda: world.decide(Kind.SUSPEND, world.ISSUER)
    yield lambda: world.decide(Kind.SET_CONTROLLER, world.ISSUER, ref=world.STRANGER.word)
    yield lambda: world.decide(Kind.REINSTATE, world.ISSUER)
    yield lambda: world.decide(Kind.WITHDRAW, world.ISSUER, 33)
    yield lambda: world.decide(Kind.MIGRATE, newcomer.word, 1)
    yield lambda: world.suspend(change(20))


def three_decide(world: World, kind: Kind, subject: bytes, arg: int, ref: bytes) -> None:
    ballot = world.ballot(kind, subject, arg, ref)
    for member in world.MEMBERS:
        world.send(member, "vote", *ballot)
    world.wait(2 * DAY)
    world.send(world.MEMBERS[0], "enact", *ballot)


def test_changed_event_gives_another_root(anchored: World) -> None:
    """The oracle is sharp: one changed value anywhere in the events is seen."""
    _, root = anchored.call("checkpoint")
    for position in range(len(anchored.history)):
        records = [record_of(event) for event in anchored.history]
        records[position] = records[position][:-1] + bytes([records[position][-1] ^ 1])
        assert tree_hash(records) != root


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 31])
def test_roots_at_all_sizes(world: World, count: int) -> None:
    for number in range(count):
        world.send(world.SENDER, "recordDigest", world.ISSUER, 1, digest(str(number)))
    require_rebuilt(world)
