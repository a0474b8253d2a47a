"""Storage slot by slot, read raw as a state proof would, against the views."""

from eth_utils import keccak

from contracts import KeyKind, Kind
from tests.contract.world import DAY, DELAY, FOREVER, World, change, digest, slot_of, window


def raw(world: World, variable: str, *keys: bytes, offset: int = 0) -> int:
    module, name = variable.split(".")
    base = world.artefact.layout["storage_layout"][module][name]["slot"]
    return world.evm.storage(world.address, slot_of(base, *keys) + offset)


def test_batch_takes_two_slots(world: World) -> None:
    seq = world.anchor().output
    world.suspend(change(3))
    world.decide(Kind.SUSPEND_BATCH, world.ISSUER, 35, digest("batch"))
    key = keccak(world.ISSUER + digest("batch"))
    anchored_at = world.batch()["anchoredAt"]
    assert raw(world, "status.batches", key) == int.from_bytes(digest("root of batch"), "big")
    assert raw(world, "status.batches", key, offset=1) == (
        1_000  # size, 24 bits
        | anchored_at << 24  # 40
        | 1 << 64  # scope id, 32
        | seq << 96  # 40
        | 2 << 136  # statusNonce, 32
        | 2 << 168  # flags, 8
        | 2 << 176  # number of the sender, 16
        | 1 << 192  # of the approver
        | 3 << 208  # of the credential key
    )
    assert raw(world, "status.statuses", key, (0).to_bytes(32, "big")) == 1 << (128 + 3)


def test_issuer_scope_and_key(world: World) -> None:
    granted = world.call("scopeOf", world.ISSUER, world.SCOPE)["from_"]
    added = world.call("keyOf", world.ISSUER, world.SENDER.word)["from_"]
    assert raw(world, "accreditation.issuers", world.ISSUER) == 1 | 3 << 8 | int(world.CONTROLLER.address, 16) << 24
    assert raw(world, "accreditation.scope_count") == 1
    assert raw(world, "accreditation.scope_ids", world.SCOPE) == 1
    assert raw(world, "accreditation.scope_codes", b"\1") == int.from_bytes(world.SCOPE, "big")
    assert raw(world, "accreditation.scopes", world.ISSUER, world.SCOPE) == 1 | granted << 32 | FOREVER << 72
    world.wait(DAY)
    world.send(world.CONTROLLER, "reportCompromise", world.ISSUER, world.SENDER.word)
    assert raw(world, "accreditation.keys", world.ISSUER, world.SENDER.word) == (
        KeyKind.SENDER | 2 << 8 | added << 24 | FOREVER << 64 | world.now << 104
    )


def test_council_seat_ballot_and_successor(founded: World) -> None:
    born = founded.now
    assert raw(founded, "governance.council") == 2 | 3 << 8 | 1 << 16 | born << 48 | 0b111 << 88
    founded.wait(DAY)
    founded.send(founded.MEMBERS[1], "pause")
    assert raw(founded, "governance.seats", founded.MEMBERS[1].raw) == 1 | 1 << 8 | founded.now << 16
    assert raw(founded, "history.head") == 2 | (founded.now + 3 * DAY) << 40
    target = founded.STRANGER
    ballot = founded.ballot(Kind.MIGRATE, target.word, 77)
    ballot_id = keccak(
        ballot[0].to_bytes(32, "big") + ballot[1] + ballot[2].to_bytes(32, "big") + ballot[3] + ballot[4]
    )
    opened = founded.now
    founded.send(founded.MEMBERS[0], "vote", *ballot)
    founded.wait(5)
    founded.send(founded.MEMBERS[2], "vote", *ballot)
    expected = 1 << 8 | (opened + 30 * DAY) << 40 | (opened + 5) << 80 | 0b101 << 120
    assert raw(founded, "governance.ballots", ballot_id) == expected
    founded.wait(DELAY)
    founded.send(founded.MEMBERS[0], "enact", *ballot)
    assert raw(founded, "governance.ballots", ballot_id) == expected | 1
    assert raw(founded, "governance.successor") == int(target.address, 16) | 77 << 160
    assert raw(founded, "history.head") >> 80 == founded.now


def test_frontier_is_filled_at_deployment(founded: World) -> None:
    filler = int.from_bytes(keccak(text="vermilion/empty-level/1"), "big")
    slots = [founded.evm.storage(founded.address, 1 + level) for level in range(40)]
    assert slots[1:] == [filler] * 39
    assert slots[0] != filler
    founded.decide(Kind.ACCREDIT, founded.ISSUER, ref=founded.CONTROLLER.word)
    founded.decide(Kind.GRANT_SCOPE, founded.ISSUER, window(0, FOREVER), founded.SCOPE)
    assert founded.call("checkpoint")[0] == 5
    assert founded.call("peaks") == tuple(
        founded.evm.storage(founded.address, 1 + level).to_bytes(32, "big") for level in (2, 0)
    )
