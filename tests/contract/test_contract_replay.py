"""What an approver signed does one thing, once, in one place, for a while.

Each of the six signed types goes through the same checks, in a state where a contract that forgot the check would
accept: both issuers have the same sender, approver and controller, and their batches are alike. The last test makes the
checks on a contract into which faults were planted, where they must fail.

A whole transaction signed for another chain is the node's to refuse: tests/unit/node_embedded/test_embedded_pool.py.
"""

import json
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import pytest
import rlp
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address

from contracts import TYPE_FIELDS, Artefact, FaultCode, KeyKind, Kind, Target, artefact, typed_data
from contracts.build import SOURCES, compile_target
from tests.contract import world as worlds
from tests.contract.world import (
    CHAIN_ID,
    DAY,
    FOREVER,
    NO_APPROVAL,
    Account,
    RefusedError,
    World,
    change,
    code_word,
    digest,
    refused,
    window,
)

Values = dict[str, Any]
Approval = tuple[int, int, int, int]

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NOWHERE = "0x" + "00" * 20
HERE, OTHER = "SKILLS-01", "OTHER-01"
SECOND_APPROVER, OTHERS_APPROVER, CANDIDATE = map(Account, ("second approver", "others' approver", "candidate"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One of the signed types: what is approved, how it is sent, and how it could be tried again."""

    name: str
    values: Callable[[World], Values]
    """What is signed, but for the deadline."""
    call: Callable[[Values], tuple[Account, str, list[Any]]]
    """Sender, function and arguments, but for the approval."""
    elsewhere: Values
    """What makes it another act that the same people may do now."""
    again: Callable[[World], Any]
    """Brings back the state in which it was accepted, as far as that can be done."""
    refusal: FaultCode
    """What stands against the second time."""

    def send(self, world: World, values: Values, approval: Approval) -> None:
        sender, function, arguments = self.call(values)
        world.send(sender, function, *arguments, approval)


def _nonce(world: World, name: str = "batch") -> int:
    return int(world.batch(name)["statusNonce"])


def _nothing(world: World) -> None:
    """There is no way back."""


def _change(function: str) -> Callable[[Values], tuple[Account, str, list[Any]]]:
    return lambda of: (
        World.SENDER,
        function,
        [code_word(of["issuer"]), of["batchId"], of["changes"], of["count"], of["reason"]],
    )


SIGNED = (
    Signed(
        name="Anchor",
        values=lambda world: {
            "issuer": HERE,
            "batchId": digest("new"),
            "root": digest("root"),
            "size": 7,
            "scope": "P1/3",
            "evidence": digest("evidence"),
            "credentialKey": World.CREDENTIAL_KEY,
        },
        call=lambda of: (
            World.SENDER,
            "anchorBatch",
            [
                *(code_word(of["issuer"]), of["batchId"], of["root"], of["size"]),
                *(code_word(of["scope"]), of["evidence"], of["credentialKey"]),
            ],
        ),
        elsewhere={"batchId": digest("newer still")},
        again=_nothing,
        refusal=FaultCode.BATCH_KNOWN,
    ),
    Signed(
        name="Revoke",
        values=lambda world: {
            "issuer": HERE,
            "batchId": digest("batch"),
            "changes": [change(2)],
            "count": 1,
            "reason": 32,
        },
        call=_change("revoke"),
        elsewhere={"batchId": digest("twin")},
        again=_nothing,
        refusal=FaultCode.STATUS_FINAL,
    ),
    Signed(
        name="Reinstate",
        values=lambda world: {
            "issuer": HERE,
            "batchId": digest("batch"),
            "changes": [change(1)],
            "count": 1,
            "reason": 36,
            "statusNonce": _nonce(world),
        },
        call=_change("reinstate"),
        elsewhere={"batchId": digest("twin")},
        again=lambda world: world.suspend(change(1)),
        refusal=FaultCode.NOT_AN_APPROVER,
    ),
    Signed(
        name="Supersede",
        values=lambda world: {
            "issuer": HERE,
            "batchId": digest("batch"),
            "indices": [3],
            "targetContract": to_checksum_address(world.address),
            "targetIssuer": HERE,
            "newBatchId": digest("newer"),
            "newIndices": [4],
            "reason": 37,
        },
        call=lambda of: (
            World.SENDER,
            "supersede",
            [
                *(code_word(of["issuer"]), of["batchId"], of["indices"], of["targetContract"]),
                *(code_word(of["targetIssuer"]), of["newBatchId"], of["newIndices"], of["reason"]),
            ],
        ),
        elsewhere={"batchId": digest("twin")},
        again=_nothing,
        refusal=FaultCode.STATUS_FINAL,
    ),
    Signed(
        name="ReinstateBatch",
        values=lambda world: {
            "issuer": HERE,
            "batchIds": [digest("batch")],
            "reason": 36,
            "statusNonces": [_nonce(world)],
        },
        call=lambda of: (World.SENDER, "reinstateBatches", [code_word(of["issuer"]), of["batchIds"], of["reason"]]),
        elsewhere={"batchIds": [digest("twin")]},
        again=lambda world: world.send(World.SENDER, "suspendBatch", World.ISSUER, digest("batch"), 35),
        refusal=FaultCode.NOT_AN_APPROVER,
    ),
    Signed(
        name="ApproverKey",
        values=lambda world: {"issuer": HERE, "key": CANDIDATE.address, "from": 0, "until": FOREVER},
        call=lambda of: (
            World.CONTROLLER,
            "addKey",
            [code_word(of["issuer"]), 2, bytes.fromhex(of["key"][2:]).rjust(32, b"\0"), of["from"], of["until"]],
        ),
        elsewhere={"key": World.STRANGER.address},
        again=lambda world: (
            world.send(World.CONTROLLER, "retireKey", World.ISSUER, CANDIDATE.word),
            world.wait(DAY // 2),
        ),
        refusal=FaultCode.KEY_KNOWN,
    ),
)

OTHER_VALUES: dict[str, Callable[[Any], Any]] = {
    "string": lambda value: OTHER if value == HERE else value + "0",
    "bytes32": lambda value: digest("something else"),
    "bytes32[]": lambda value: [*value, digest("something else")],
    "uint256": lambda value: value + 1,
    "uint256[]": lambda value: [*value, 1],
    "address": lambda value: World.STRANGER.address,
}
"""Another value of each type that members have."""


# The worlds

Domain = tuple[int, bytes]
"""Chain id and contract that a signature names."""


def domain(world: World) -> Domain:
    return (world.genesis.event.fields["chainId"], world.address)


def sign(
    world: World,
    name: str,
    values: Values,
    *,
    by: Account = World.APPROVER,
    deadline: int | None = None,
    signed_deadline: int | None = None,
    signed_domain: Domain | None = None,
) -> Approval:
    """The approval of these values; what is signed is what is sent, and where, unless something else is named."""
    deadline = world.now + DAY if deadline is None else deadline
    chain_id, contract = signed_domain or domain(world)
    document = typed_data(
        primary_type=name,
        message={**values, "deadline": deadline if signed_deadline is None else signed_deadline},
        chain_id=chain_id,
        contract=to_checksum_address(contract),
    )
    signable = encode_typed_data(full_message=document)
    signature = by.key.sign_msg_hash(keccak(b"\x19\x01" + signable.header + signable.body))
    return (deadline, signature.v + 27, signature.r, signature.s)


def _populate(world: World, signed_domain: Domain | None) -> None:
    """Two issuers of the same people; batches of each that are alike, suspended, and one that stands."""
    world.accredit()
    other = code_word(OTHER)
    always = window(0, FOREVER)
    world.decide(Kind.ACCREDIT, other, ref=world.CONTROLLER.word)
    world.decide(Kind.GRANT_SCOPE, other, always, world.SCOPE)
    for key in (world.APPROVER, OTHERS_APPROVER):
        world.decide(Kind.ADD_APPROVER, other, always, key.word)
    for kind, word in ((KeyKind.SENDER, world.SENDER.word), (KeyKind.CREDENTIAL, world.CREDENTIAL_KEY)):
        world.send(world.CONTROLLER, "addKey", other, int(kind), word, 0, FOREVER, NO_APPROVAL)
    anchor = SIGNED[0]
    for issuer in (HERE, OTHER):
        for name in ("newer", "batch", "twin"):
            values = {**anchor.values(world), "issuer": issuer, "batchId": digest(name)}
            anchor.send(world, values, sign(world, anchor.name, values, signed_domain=signed_domain))
            if name != "newer":
                world.send(world.SENDER, "suspend", code_word(issuer), digest(name), [change(1)], 35)
                world.send(world.SENDER, "suspendBatch", code_word(issuer), digest(name), 35)


@cache
def _template(target: Target, chain_id: int, planted: bool) -> tuple[World, tuple[bytes, int]]:
    with mock.patch.object(worlds, "CHAIN_ID", chain_id):
        if planted:
            with mock.patch.object(worlds, "artefact", return_value=planted_artefact()):
                world = World(target)
        else:
            world = World(target)
        _populate(world, (CHAIN_ID, world.address) if planted else None)
    return world, world.evm.snapshot()


def peopled(target: Target, *, chain_id: int = CHAIN_ID, planted: bool = False) -> World:
    template, snapshot = _template(target, chain_id, planted)
    world = copy(template)
    world.evm.restore(snapshot)
    return world


@pytest.fixture
def here(target: Target) -> World:
    return peopled(target)


@pytest.fixture(params=SIGNED, ids=lambda signed: signed.name)
def signed(request: pytest.FixtureRequest) -> Signed:
    found: Signed = request.param
    return found


# What each check tries. Each returns where the contract accepts, and raises RefusedError where it does not.


def on_a_second_chain(world: World, signed: Signed, second: World) -> None:
    assert second.address == world.address
    signed.send(second, signed.values(second), sign(world, signed.name, signed.values(world)))


def on_a_second_contract(world: World, signed: Signed, signed_domain: Domain | None = None) -> None:
    """`signed_domain` is the only one that the contracts know, if they do not look at their own."""
    second = copy(world)
    second.deploy(second.STRANGER, [member.address for member in second.MEMBERS], 2, DAY, (NOWHERE, 0, b"\0" * 32))
    assert second.address != world.address
    _populate(second, signed_domain)
    signed.send(second, signed.values(world), sign(world, signed.name, signed.values(world)))


def a_second_time(world: World, signed: Signed) -> None:
    values = signed.values(world)
    approval = sign(world, signed.name, values)
    signed.send(world, values, approval)
    try:
        signed.again(world)
    except RefusedError as early:
        raise AssertionError("the state of before cannot be brought back") from early
    signed.send(world, values, approval)


def after_its_deadline(world: World, signed: Signed) -> None:
    values = signed.values(world)
    approval = sign(world, signed.name, values)
    world.wait(DAY + 1)
    signed.send(world, values, approval)


def for_another_issuer(world: World, signed: Signed) -> None:
    values = signed.values(world)
    signed.send(world, {**values, "issuer": OTHER}, sign(world, signed.name, values))


def in_its_second_form(world: World, signed: Signed) -> None:
    values = signed.values(world)
    deadline, v, r, s = sign(world, signed.name, values)
    signed.send(world, values, (deadline, 27 + 28 - v, r, ORDER - s))


# The checks


def test_all_signed_types_are_here() -> None:
    assert {signed.name for signed in SIGNED} == set(TYPE_FIELDS)


def test_accepted_when_nothing_is_wrong(here: World, signed: Signed) -> None:
    values = signed.values(here)
    signed.send(here, values, sign(here, signed.name, values))


def test_refused_on_a_second_chain(here: World, signed: Signed, target: Target) -> None:
    """The other chain has the same contract at the same address, with the same people and batches."""
    second = peopled(target, chain_id=CHAIN_ID + 1)
    with refused(FaultCode.NOT_AN_APPROVER):
        on_a_second_chain(here, signed, second)
    signed.send(second, signed.values(second), sign(second, signed.name, signed.values(second)))


def test_refused_on_a_second_contract(here: World, signed: Signed) -> None:
    with refused(FaultCode.NOT_AN_APPROVER):
        on_a_second_contract(here, signed)


@pytest.mark.parametrize(
    ("signed", "member"),
    [
        pytest.param(signed, member, id=f"{signed.name}-{member}")
        for signed in SIGNED
        for member, _ in TYPE_FIELDS[signed.name]
        if member != "deadline"
    ],
)
def test_refused_where_any_member_is_another(here: World, signed: Signed, member: str) -> None:
    """What is sent would be accepted: only what was signed differs."""
    values = signed.values(here)
    changed = OTHER_VALUES[dict(TYPE_FIELDS[signed.name])[member]](values[member])
    assert changed != values[member]
    with refused(FaultCode.NOT_AN_APPROVER):
        signed.send(here, values, sign(here, signed.name, {**values, member: changed}))
    signed.send(here, values, sign(here, signed.name, values))


def test_refused_with_another_deadline(here: World, signed: Signed) -> None:
    values = signed.values(here)
    with refused(FaultCode.NOT_AN_APPROVER):
        signed.send(here, values, sign(here, signed.name, values, signed_deadline=here.now + DAY - 1))


def test_refused_for_another_act_and_another_issuer(here: World, signed: Signed) -> None:
    values = signed.values(here)
    approval = sign(here, signed.name, values)
    with refused(FaultCode.NOT_AN_APPROVER):
        for_another_issuer(here, signed)
    for other in (signed.elsewhere, {"issuer": OTHER}):
        with refused(FaultCode.NOT_AN_APPROVER):
            signed.send(here, values | other, approval)
        signed.send(here, values | other, sign(here, signed.name, values | other))


def test_refused_a_second_time(here: World, signed: Signed) -> None:
    with refused(signed.refusal):
        a_second_time(here, signed)


@pytest.mark.parametrize("signed", [one for one in SIGNED if "Reinstate" in one.name], ids=lambda one: one.name)
def test_what_is_suspended_again_is_reinstated_by_a_new_approval(here: World, signed: Signed) -> None:
    for _ in range(2):
        values = signed.values(here)
        signed.send(here, values, sign(here, signed.name, values))
        signed.again(here)


def test_refused_after_its_deadline(here: World, signed: Signed) -> None:
    with refused(FaultCode.APPROVAL_EXPIRED):
        after_its_deadline(here, signed)
    values = signed.values(here)
    approval = sign(here, signed.name, values)
    here.wait(DAY)
    signed.send(here, values, approval)


def test_refused_more_than_thirty_days_ahead(here: World, signed: Signed) -> None:
    values = signed.values(here)
    with refused(FaultCode.APPROVAL_TOO_FAR_AHEAD):
        signed.send(here, values, sign(here, signed.name, values, deadline=here.now + 30 * DAY + 1))
    signed.send(here, values, sign(here, signed.name, values, deadline=here.now + 30 * DAY))


@pytest.mark.parametrize(
    ("end", "fault"),
    [
        ("over", FaultCode.APPROVER_OUTSIDE_WINDOW),
        ("not begun", FaultCode.APPROVER_OUTSIDE_WINDOW),
        ("retired", FaultCode.APPROVER_OUTSIDE_WINDOW),
        ("reported", FaultCode.APPROVER_OUTSIDE_WINDOW),
        ("compromised by vote", FaultCode.APPROVER_OUTSIDE_WINDOW),
    ],
)
def test_refused_from_an_approver_whose_time_is_over(here: World, signed: Signed, end: str, fault: FaultCode) -> None:
    begin = here.now + 7 * DAY if end == "not begun" else here.now
    key = SECOND_APPROVER.word
    here.decide(Kind.ADD_APPROVER, here.ISSUER, window(begin, here.now + 8 * DAY), key)
    match end:
        case "over":
            here.wait(8 * DAY)
        case "retired":
            here.send(here.CONTROLLER, "retireKey", here.ISSUER, key)
            here.wait(1)
        case "reported":
            here.send(here.CONTROLLER, "reportCompromise", here.ISSUER, key)
        case "compromised by vote":
            here.decide(Kind.KEY_COMPROMISED, here.ISSUER, here.now - DAY, key)
    values = signed.values(here)
    with refused(fault):
        signed.send(here, values, sign(here, signed.name, values, by=SECOND_APPROVER))
    signed.send(here, values, sign(here, signed.name, values))


def test_accepted_from_an_approver_whose_time_it_is(here: World, signed: Signed) -> None:
    here.decide(Kind.ADD_APPROVER, here.ISSUER, window(0, here.now + 8 * DAY), SECOND_APPROVER.word)
    values = signed.values(here)
    signed.send(here, values, sign(here, signed.name, values, by=SECOND_APPROVER))


@pytest.mark.parametrize(
    ("signer", "fault"),
    [
        (OTHERS_APPROVER, FaultCode.NOT_AN_APPROVER),
        (World.STRANGER, FaultCode.NOT_AN_APPROVER),
        (World.CONTROLLER, FaultCode.NOT_AN_APPROVER),
        (World.MEMBERS[0], FaultCode.NOT_AN_APPROVER),
        (World.SENDER, FaultCode.APPROVER_IS_SENDER),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_refused_from_anybody_else(here: World, signed: Signed, signer: Account, fault: FaultCode) -> None:
    values = signed.values(here)
    with refused(fault):
        signed.send(here, values, sign(here, signed.name, values, by=signer))


def test_refused_in_any_other_form(here: World, signed: Signed) -> None:
    values = signed.values(here)
    deadline, v, r, s = sign(here, signed.name, values)
    with refused(FaultCode.APPROVAL_MALFORMED):
        in_its_second_form(here, signed)
    for form in (
        (v, r, ORDER - s),
        (v - 27, r, s),
        (v + 256, r, s),
        (v, 0, s),
        (v, r, 0),
        (v, ORDER, s),
        (0, 0, 0),
        (27, 0, 0),
    ):
        with refused(FaultCode.APPROVAL_MALFORMED):
            signed.send(here, values, (deadline, *form))
    # The other parity is another key's signature, or nobody's.
    with pytest.raises(RefusedError) as caught:
        signed.send(here, values, (deadline, 27 + 28 - v, r, s))
    assert caught.value.code in (FaultCode.NOT_AN_APPROVER, FaultCode.APPROVAL_MALFORMED)
    signed.send(here, values, (deadline, v, r, s))


# Negative controls

_FIRST = to_checksum_address(keccak(rlp.encode([World.DEPLOYER.raw, 0]))[12:])
PLANTS: dict[str, tuple[tuple[str, str], ...]] = {
    "approval.vy": (
        ("VERSION_HASH, chain.id, self", f"VERSION_HASH, convert({CHAIN_ID}, uint256), {_FIRST}"),
        ("block.timestamp > approval.deadline", "approval.deadline == 0"),
        ("approval.s > LARGEST_S or ", ""),
    ),
    "status.vy": (
        ("                self._status_nonce(issuer, batchId),\n", "                convert(2, uint256),\n"),
        ("nonces.append(self._status_nonce(issuer, batch_id))", "nonces.append(2)"),
        ("approvals.REVOKE_TYPE, words._text_hash(issuer)", f'approvals.REVOKE_TYPE, keccak256("{HERE}")'),
    ),
}
"""A domain that is always the first contract's, on the first chain; no deadline; both forms of a signature; a nonce
that stays; a revocation for whichever issuer."""


@cache
def planted_artefact() -> Artefact:
    with TemporaryDirectory() as parent:
        folder = Path(copytree(SOURCES, Path(parent) / "src"))
        for name, changes in PLANTS.items():
            text = (folder / name).read_text(encoding="utf-8")
            for old, new in changes:
                assert text.count(old) == 1, old
                text = text.replace(old, new)
            (folder / name).write_text(text, encoding="utf-8")
        document = json.loads(compile_target("cancun", sources=folder))
    return replace(
        artefact("cancun"),
        bytecode=bytes.fromhex(document["bytecode"].removeprefix("0x")),
        runtime=bytes.fromhex(document["runtime"].removeprefix("0x")),
    )


@pytest.mark.slow
def test_planted_faults_are_noticed(signed: Signed) -> None:
    """Where a check lacks, what it forbids is accepted: the tests above would fail."""

    def here() -> World:
        return peopled("cancun", planted=True)

    on_a_second_chain(here(), signed, peopled("cancun", chain_id=CHAIN_ID + 1, planted=True))
    on_a_second_contract(here(), signed, domain(here()))
    after_its_deadline(here(), signed)
    in_its_second_form(here(), signed)
    if signed.name in ("Reinstate", "ReinstateBatch"):
        a_second_time(here(), signed)
    if signed.name == "Revoke":
        for_another_issuer(here(), signed)
