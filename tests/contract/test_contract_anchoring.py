"""`anchorBatch`: what it stores and announces, and every ground on which it refuses."""

from typing import Any

import pytest

from contracts import FaultCode, KeyKind, Kind
from tests.contract.world import (
    CHAIN_ID,
    DAY,
    FOREVER,
    GENESIS_TIME,
    HALF_ORDER,
    Account,
    World,
    code_word,
    digest,
    refused,
    window,
)

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def test_batch_is_stored_with_time_scope_and_the_keys_that_touched_it(world: World) -> None:
    world.wait(DAY)
    size, _ = world.call("checkpoint")
    receipt = world.anchor()
    assert receipt.output == size
    assert world.batch() == {
        "root": digest("root of batch"),
        "size": 1_000,
        "anchoredAt": world.now,
        "scope": world.SCOPE,
        "seq": size,
        "statusNonce": 0,
        "flags": 0,
        "senderNumber": 2,
        "approverNumber": 1,
        "credentialNumber": 3,
    }
    assert receipt.event.name == "Anchored"
    assert receipt.event.fields == {
        "issuer": world.ISSUER,
        "batchId": digest("batch"),
        "scope": world.SCOPE,
        "approver": world.APPROVER.address,
        "root": digest("root of batch"),
        "size": 1_000,
        "evidence": digest("evidence of batch"),
        "credentialKey": world.CREDENTIAL_KEY,
        "by": world.SENDER.address,
        "seq": size,
    }


def test_unknown_batch_is_all_zero(world: World) -> None:
    assert set(world.batch("none").values()) == {0, b"\0" * 32}


@pytest.mark.parametrize("size", [1, 2**24 - 1])
def test_smallest_and_largest_batch(world: World, size: int) -> None:
    world.anchor(size=size)
    assert world.batch()["size"] == size


@pytest.mark.parametrize("size", [0, 2**24, 2**24 + 1, 2**255])
def test_empty_or_too_large_batch_is_refused(world: World, size: int) -> None:
    with refused(FaultCode.SIZE_OUT_OF_RANGE):
        world.anchor(size=size)


def test_empty_root_is_refused(world: World) -> None:
    with refused(FaultCode.ROOT_EMPTY):
        world.anchor(root=b"\0" * 32)


def test_batch_id_is_used_once(anchored: World) -> None:
    with refused(FaultCode.BATCH_KNOWN):
        anchored.anchor()
    with refused(FaultCode.BATCH_KNOWN):
        anchored.anchor(root=digest("another root"))


def test_another_issuer_cannot_take_or_block_a_batch(world: World) -> None:
    other, controller, sender, approver = (Account(f"other {name}") for name in ("issuer", "ctl", "sender", "approver"))
    code = code_word("OTHER-01")
    world.decide(Kind.ACCREDIT, code, ref=controller.word)
    world.decide(Kind.GRANT_SCOPE, code, window(0, FOREVER), world.SCOPE)
    world.decide(Kind.ADD_APPROVER, code, window(0, FOREVER), approver.word)
    nothing = (0, 0, 0, 0)
    world.send(controller, "addKey", code, 1, sender.word, 0, FOREVER, nothing)
    world.send(controller, "addKey", code, 3, world.CREDENTIAL_KEY, 0, FOREVER, nothing)
    for who, by in ((sender, world.APPROVER), (world.SENDER, approver), (other, approver)):
        with refused(FaultCode.NOT_A_SENDER if who is not sender else FaultCode.NOT_AN_APPROVER):
            world.anchor(issuer=code, sender=who, by=by)
    with refused(FaultCode.NOT_A_SENDER):
        world.anchor(sender=sender, by=approver)
    theirs = world.anchor(issuer=code, sender=sender, by=approver).event.fields
    ours = world.anchor().event.fields
    assert (theirs["batchId"], theirs["root"]) == (ours["batchId"], ours["root"])
    assert world.batch()["seq"] == ours["seq"]


def test_scope_must_be_granted_and_within_its_window(world: World) -> None:
    with refused(FaultCode.SCOPE_NOT_GRANTED):
        world.anchor(scope=code_word("P1/2"))
    world.decide(Kind.GRANT_SCOPE, world.ISSUER, window(world.now + 10, world.now + 20), code_word("P1/2"))
    for seconds, good in ((0, False), (9, False), (1, True), (9, True), (1, False)):
        world.wait(seconds)
        if good:
            world.anchor(f"at {world.now}", scope=code_word("P1/2"))
        else:
            with refused(FaultCode.SCOPE_OUTSIDE_WINDOW):
                world.anchor(scope=code_word("P1/2"))


@pytest.mark.parametrize(
    ("who", "wrong", "outside"),
    [
        ("SENDER", FaultCode.NOT_A_SENDER, FaultCode.SENDER_OUTSIDE_WINDOW),
        ("APPROVER", FaultCode.NOT_AN_APPROVER, FaultCode.APPROVER_OUTSIDE_WINDOW),
        ("CREDENTIAL_KEY", FaultCode.NOT_A_CREDENTIAL_KEY, FaultCode.CREDENTIAL_KEY_OUTSIDE_WINDOW),
    ],
)
def test_each_of_the_three_keys_must_be_known_and_good(
    world: World, who: str, wrong: FaultCode, outside: FaultCode
) -> None:
    new = Account("new key")
    key_id = digest("new key") if who == "CREDENTIAL_KEY" else new.word

    def anchor(name: str = "batch") -> None:
        match who:
            case "SENDER":
                world.anchor(name, sender=new)
            case "APPROVER":
                world.anchor(name, by=new)
            case _:
                world.anchor(name, credentialKey=key_id)

    with refused(wrong):
        anchor()
    begin, end = world.now + 10, world.now + 100
    if who == "APPROVER":
        world.decide(Kind.ADD_APPROVER, world.ISSUER, window(begin, end), key_id)
    else:
        world.add_key(KeyKind[who.removesuffix("_KEY")], key_id, begin, end)
    with refused(outside):
        anchor()
    world.evm.travel(to=begin)
    anchor("first second")
    world.evm.travel(to=end - 1)
    anchor("last second")
    world.evm.travel(to=end)
    with refused(outside):
        anchor()


def test_key_of_the_wrong_kind_is_refused(world: World) -> None:
    statement = digest("statement key")
    world.add_key(KeyKind.STATEMENT, statement)
    with refused(FaultCode.NOT_A_CREDENTIAL_KEY):
        world.anchor(credentialKey=statement)
    with refused(FaultCode.NOT_A_SENDER):
        world.anchor(sender=world.APPROVER)
    with refused(FaultCode.NOT_A_SENDER):
        world.anchor(sender=world.CONTROLLER)


def test_nobody_approves_what_they_send(world: World) -> None:
    second = Account("second sender")
    world.add_key(KeyKind.SENDER, second.word)
    for signer in (world.SENDER, second):
        with refused(FaultCode.APPROVER_IS_SENDER):
            world.anchor(by=signer)


@pytest.mark.parametrize(
    "signed",
    [
        {"issuer": code_word("SKILLS-02")},
        {"batchId": digest("x")},
        {"root": digest("x")},
        {"size": 999},
        {"scope": code_word("P1/2")},
        {"evidence": digest("x")},
        {"credentialKey": digest("x")},
    ],
)
def test_approval_over_anything_else_is_refused(world: World, signed: dict[str, Any]) -> None:
    with refused(FaultCode.NOT_AN_APPROVER):
        world.anchor(signed=signed)


def test_approval_holds_until_its_deadline(world: World) -> None:
    world.anchor("on time", deadline=world.now)
    with refused(FaultCode.APPROVAL_EXPIRED):
        world.anchor(deadline=world.now - 1)


def test_approval_lies_at_most_thirty_days_ahead(world: World) -> None:
    world.anchor("just", deadline=world.now + 30 * DAY)
    with refused(FaultCode.APPROVAL_TOO_FAR_AHEAD):
        world.anchor(deadline=world.now + 30 * DAY + 1)
    with refused(FaultCode.APPROVAL_TOO_FAR_AHEAD):
        world.anchor(deadline=2**256 - 1)


def approval_for(world: World, **overrides: Any) -> tuple[int, int, int, int]:
    return world.approve(
        "Anchor",
        **{
            "issuer": world.ISSUER.rstrip(b"\0").decode(),
            "batchId": digest("batch"),
            "root": digest("root of batch"),
            "size": 1_000,
            "scope": world.SCOPE.rstrip(b"\0").decode(),
            "evidence": digest("evidence of batch"),
            "credentialKey": world.CREDENTIAL_KEY,
            **overrides,
        },
    )


def test_changed_deadline_breaks_the_approval(world: World) -> None:
    deadline, v, r, s = approval_for(world)
    with refused(FaultCode.NOT_AN_APPROVER):
        world.anchor(approval=(deadline + 1, v, r, s))
    world.anchor(approval=(deadline, v, r, s))


def test_signature_has_one_form_only(world: World) -> None:
    deadline, v, r, s = approval_for(world)
    assert s <= HALF_ORDER
    for bad in (
        (deadline, 55 - v, r, ORDER - s),  # the same signature in its high form
        (deadline, v - 27, r, s),
        (deadline, v + 8, r, s),
        (deadline, v + 256, r, s),
        (deadline, v, 0, s),
        (deadline, v, r, 0),
        (deadline, v, ORDER, s),
        (deadline, 0, 0, 0),
    ):
        with refused(FaultCode.APPROVAL_MALFORMED):
            world.anchor(approval=bad)


def test_approval_for_another_contract_or_chain_is_refused(world: World) -> None:
    approval = approval_for(world)
    here = world.address
    world.deploy(
        world.DEPLOYER,
        [member.address for member in world.MEMBERS],
        2,
        DAY,
        ("0x" + here.hex(), *world.call("checkpoint")),
    )
    assert world.address != here
    world.accredit()
    with refused(FaultCode.NOT_AN_APPROVER):
        world.anchor(approval=approval)


def test_approval_is_bound_to_the_chain(world: World) -> None:
    from eth_account.messages import encode_typed_data
    from eth_utils import keccak, to_checksum_address

    from contracts import typed_data

    deadline = world.now + DAY
    document = typed_data(
        primary_type="Anchor",
        message={
            "issuer": "SKILLS-01",
            "batchId": digest("batch"),
            "root": digest("root of batch"),
            "size": 1_000,
            "scope": "P1/3",
            "evidence": digest("evidence of batch"),
            "credentialKey": world.CREDENTIAL_KEY,
            "deadline": deadline,
        },
        chain_id=CHAIN_ID + 1,
        contract=to_checksum_address(world.address),
    )
    signable = encode_typed_data(full_message=document)
    signature = world.APPROVER.key.sign_msg_hash(keccak(b"\x19\x01" + signable.header + signable.body))
    with refused(FaultCode.NOT_AN_APPROVER):
        world.anchor(approval=(deadline, signature.v + 27, signature.r, signature.s))


def test_refused_anchor_leaves_no_trace(world: World) -> None:
    before = world.call("checkpoint")
    with refused(FaultCode.APPROVAL_EXPIRED):
        world.anchor(deadline=GENESIS_TIME)
    assert world.call("checkpoint") == before
    assert world.batch()["size"] == 0
