"""Issuers, scopes and keys: who may change them, how, and what never comes back."""

from typing import Any

import pytest

from contracts import FaultCode, IssuerState, KeyKind, Kind
from tests.contract.world import (
    DAY,
    FOREVER,
    NO_APPROVAL,
    Account,
    World,
    change,
    code_word,
    digest,
    refused,
    window,
)

SECOND = Account("second approver")


def key(world: World, key_id: bytes) -> dict[str, Any]:
    found: dict[str, Any] = world.call("keyOf", world.ISSUER, key_id)
    return found


def state(world: World) -> IssuerState:
    return IssuerState(world.call("issuerOf", world.ISSUER)["state"])


def add_approver(world: World, who: Account, *, by: Account | None = None, **signed: Any) -> None:
    approval = world.approve(
        "ApproverKey",
        by=by,
        **{
            "issuer": world.ISSUER.rstrip(b"\0").decode(),
            "key": who.address,
            "from": 0,
            "until": FOREVER,
            **signed,
        },
    )
    world.send(world.CONTROLLER, "addKey", world.ISSUER, int(KeyKind.APPROVER), who.word, 0, FOREVER, approval)


@pytest.mark.parametrize(
    "code",
    [
        b"\0" * 32,
        b"AB\0CD".ljust(32, b"\0"),
        b"\0AB".ljust(32, b"\0"),
        b"A B".ljust(32, b"\0"),
        b"A\x7f".ljust(32, b"\0"),
        "证书".encode().ljust(32, b"\0"),
        b"\0" * 31 + b"A",
    ],
)
def test_code_that_a_wallet_could_show_wrongly_is_refused(founded: World, code: bytes) -> None:
    with refused(FaultCode.CODE_MALFORMED):
        founded.decide(Kind.ACCREDIT, code, ref=founded.CONTROLLER.word)
    founded.decide(Kind.ACCREDIT, founded.ISSUER, ref=founded.CONTROLLER.word)
    with refused(FaultCode.CODE_MALFORMED):
        founded.decide(Kind.GRANT_SCOPE, founded.ISSUER, window(0, FOREVER), code)


@pytest.mark.parametrize("code", ["A", "AB-9", "A" * 31, "A" * 32])
def test_code_of_any_length_can_anchor(founded: World, code: str) -> None:
    founded.ISSUER = code_word(code)  # type: ignore[misc]  # this world's issuer
    founded.accredit()
    founded.anchor()
    assert founded.batch()["size"] == 1_000


def test_an_issuer_is_accredited_once(world: World) -> None:
    with refused(FaultCode.ISSUER_KNOWN):
        world.decide(Kind.ACCREDIT, world.ISSUER, ref=world.STRANGER.word)


@pytest.mark.parametrize("controller", [b"\0" * 32, b"\1" + World.CONTROLLER.word[1:]])
def test_controller_is_an_address(founded: World, controller: bytes) -> None:
    with refused(FaultCode.ADDRESS_MALFORMED):
        founded.decide(Kind.ACCREDIT, founded.ISSUER, ref=controller)


@pytest.mark.parametrize(
    ("kind", "arg", "ref"),
    [
        (Kind.SUSPEND, 0, b"\0" * 32),
        (Kind.REINSTATE, 0, b"\0" * 32),
        (Kind.WITHDRAW, 33, b"\0" * 32),
        (Kind.SET_CONTROLLER, 0, World.CONTROLLER.word),
        (Kind.GRANT_SCOPE, window(0, FOREVER), World.SCOPE),
        (Kind.ADD_APPROVER, window(0, FOREVER), World.APPROVER.word),
    ],
)
def test_unknown_issuer_is_refused(founded: World, kind: Kind, arg: int, ref: bytes) -> None:
    with refused(FaultCode.ISSUER_UNKNOWN):
        founded.decide(kind, founded.ISSUER, arg, ref)


def test_suspension_and_withdrawal_are_independent(world: World) -> None:
    world.decide(Kind.SUSPEND, world.ISSUER)
    assert state(world) is IssuerState.SUSPENDED
    with refused(FaultCode.ISSUER_SUSPENDED):
        world.decide(Kind.SUSPEND, world.ISSUER, salt=1)
    world.decide(Kind.WITHDRAW, world.ISSUER, 33)
    assert state(world) is IssuerState.WITHDRAWN_AND_SUSPENDED
    with refused(FaultCode.ISSUER_WITHDRAWN):
        world.decide(Kind.WITHDRAW, world.ISSUER, 33, salt=1)
    world.decide(Kind.REINSTATE, world.ISSUER)
    assert state(world) is IssuerState.WITHDRAWN
    with refused(FaultCode.ISSUER_NOT_SUSPENDED):
        world.decide(Kind.REINSTATE, world.ISSUER, salt=1)
    world.decide(Kind.SUSPEND, world.ISSUER, salt=2)
    assert state(world) is IssuerState.WITHDRAWN_AND_SUSPENDED


def test_active_issuer_cannot_be_reinstated(world: World) -> None:
    with refused(FaultCode.ISSUER_NOT_SUSPENDED):
        world.decide(Kind.REINSTATE, world.ISSUER)


def test_withdrawal_names_a_reason_of_the_table(world: World) -> None:
    with refused(FaultCode.REASON_OUT_OF_RANGE):
        world.decide(Kind.WITHDRAW, world.ISSUER, 2**16)


@pytest.mark.parametrize("kinds", [(), (Kind.SUSPEND,), (Kind.WITHDRAW,), (Kind.WITHDRAW, Kind.SUSPEND)])
def test_what_each_state_of_an_issuer_allows(anchored: World, kinds: tuple[Kind, ...]) -> None:
    anchored.suspend(change(1))
    for kind in kinds:
        anchored.decide(kind, anchored.ISSUER, 33 if kind is Kind.WITHDRAW else 0)
    suspended = Kind.SUSPEND in kinds

    anchored.suspend(change(2))
    anchored.send(anchored.SENDER, "suspendBatch", anchored.ISSUER, digest("batch"), 35)
    anchored.send(anchored.SENDER, "recordDigest", anchored.ISSUER, 1, digest("audit head"))
    for approved in (
        lambda: anchored.revoke(change(3)),
        lambda: anchored.reinstate(change(1)),
        lambda: anchored.reinstate_batches("batch"),
        lambda: anchored.supersede([4], [5], new_name="batch"),
        lambda: anchored.add_key(KeyKind.STATEMENT, digest("statement key")),
    ):
        if suspended:
            with refused(FaultCode.ISSUER_SUSPENDED):
                approved()
        else:
            approved()
    if kinds:
        with refused(FaultCode.ISSUER_NOT_ACTIVE):
            anchored.anchor("next")
    else:
        anchored.anchor("next")
    anchored.wait(1)
    anchored.send(anchored.CONTROLLER, "retireKey", anchored.ISSUER, anchored.CREDENTIAL_KEY)
    anchored.send(anchored.CONTROLLER, "reportCompromise", anchored.ISSUER, anchored.APPROVER.word)


# Scopes


def test_grant_is_numbered_once_and_clamped_to_now(world: World) -> None:
    world.wait(DAY)
    world.decide(Kind.GRANT_SCOPE, world.ISSUER, window(5, FOREVER), code_word("P2/-"))
    assert world.call("scopeOf", world.ISSUER, code_word("P2/-")) == {"id": 2, "from_": world.now, "until": FOREVER}
    world.decide(Kind.GRANT_SCOPE, world.ISSUER, window(world.now + DAY, world.now + 2 * DAY), world.SCOPE)
    assert world.call("scopeOf", world.ISSUER, world.SCOPE) == {
        "id": 1,
        "from_": world.now + DAY,
        "until": world.now + 2 * DAY,
    }
    assert world.call("scopeOf", world.ISSUER, code_word("P9/9")) == {"id": 0, "from_": 0, "until": 0}


def test_two_issuers_share_the_number_of_a_scope(world: World) -> None:
    other = code_word("OTHER-01")
    world.decide(Kind.ACCREDIT, other, ref=world.STRANGER.word)
    world.decide(Kind.GRANT_SCOPE, other, window(0, FOREVER), world.SCOPE)
    assert world.call("scopeOf", other, world.SCOPE)["id"] == 1


@pytest.mark.parametrize(
    "bounds", [(0, 0), (0, 1_800_000_000), (FOREVER, FOREVER), (0, 2**40), (FOREVER - 1, FOREVER - 2)]
)
def test_empty_window_is_refused(world: World, bounds: tuple[int, int]) -> None:
    for kind, ref in ((Kind.GRANT_SCOPE, world.SCOPE), (Kind.ADD_APPROVER, SECOND.word)):
        with refused(FaultCode.WINDOW_MALFORMED):
            world.decide(kind, world.ISSUER, window(*bounds), ref)
    with refused(FaultCode.WINDOW_MALFORMED):
        world.add_key(KeyKind.SENDER, SECOND.word, *bounds)


def test_revoked_scope_ends_now_and_can_be_granted_again(world: World) -> None:
    world.decide(Kind.REVOKE_SCOPE, world.ISSUER, ref=world.SCOPE)
    assert world.call("scopeOf", world.ISSUER, world.SCOPE)["until"] == world.now
    with refused(FaultCode.SCOPE_OUTSIDE_WINDOW):
        world.anchor()
    with refused(FaultCode.SCOPE_OUTSIDE_WINDOW):
        world.decide(Kind.REVOKE_SCOPE, world.ISSUER, ref=world.SCOPE, salt=1)
    with refused(FaultCode.SCOPE_NOT_GRANTED):
        world.decide(Kind.REVOKE_SCOPE, world.ISSUER, ref=code_word("P9/9"))
    world.decide(Kind.GRANT_SCOPE, world.ISSUER, window(0, FOREVER), world.SCOPE, salt=1)
    world.anchor()


# Keys


def test_keys_are_numbered_per_issuer_and_recorded_with_their_slot(founded: World) -> None:
    founded.decide(Kind.ACCREDIT, founded.ISSUER, ref=founded.CONTROLLER.word)
    for number, kind in enumerate((KeyKind.SENDER, KeyKind.CREDENTIAL, KeyKind.STATEMENT), start=1):
        key_id = founded.SENDER.word if kind is KeyKind.SENDER else digest(kind.name)
        event = founded.add_key(kind, key_id, from_=founded.now + 7, until=founded.now + DAY).event
        assert key(founded, key_id) == {
            "kind": kind,
            "number": number,
            "from_": founded.now + 7,
            "until": founded.now + DAY,
            "compromisedSince": 0,
        }
        assert event.fields["slot"] == kind | number << 8 | (founded.now + 7) << 24 | (founded.now + DAY) << 64
    assert founded.call("issuerOf", founded.ISSUER)["keys"] == 3


def test_only_the_controller_touches_keys(world: World) -> None:
    for who in (world.STRANGER, world.SENDER, world.APPROVER, world.MEMBERS[0]):
        for name, arguments in (
            ("addKey", (world.ISSUER, 1, SECOND.word, 0, FOREVER, NO_APPROVAL)),
            ("retireKey", (world.ISSUER, world.SENDER.word)),
            ("reportCompromise", (world.ISSUER, world.SENDER.word)),
        ):
            with refused(FaultCode.NOT_THE_CONTROLLER):
                world.send(who, name, *arguments)


def test_controller_of_one_issuer_is_nobody_at_another(world: World) -> None:
    other = code_word("OTHER-01")
    world.decide(Kind.ACCREDIT, other, ref=world.STRANGER.word)
    with refused(FaultCode.NOT_THE_CONTROLLER):
        world.send(world.STRANGER, "retireKey", world.ISSUER, world.SENDER.word)
    with refused(FaultCode.ISSUER_UNKNOWN):
        world.send(world.CONTROLLER, "retireKey", code_word("NOBODY"), world.SENDER.word)


@pytest.mark.parametrize("kind", [0, 5, 2**200])
def test_unknown_kind_of_key_is_refused(world: World, kind: int) -> None:
    with refused(FaultCode.KEY_KIND_UNKNOWN):
        world.send(world.CONTROLLER, "addKey", world.ISSUER, kind, SECOND.word, 0, FOREVER, NO_APPROVAL)


@pytest.mark.parametrize(
    ("kind", "key_id"),
    [
        (KeyKind.SENDER, b"\0" * 32),
        (KeyKind.SENDER, b"\1" + SECOND.word[1:]),
        (KeyKind.CREDENTIAL, b"\0" * 32),
        (KeyKind.STATEMENT, b"\0" * 32),
    ],
)
def test_malformed_key_is_refused(world: World, kind: KeyKind, key_id: bytes) -> None:
    with refused(FaultCode.KEY_MALFORMED):
        world.add_key(kind, key_id)


def test_a_key_has_one_kind_and_one_life(world: World) -> None:
    for kind in (KeyKind.SENDER, KeyKind.CREDENTIAL, KeyKind.STATEMENT):
        with refused(FaultCode.KEY_KNOWN):
            world.add_key(kind, world.APPROVER.word)
    with refused(FaultCode.KEY_KNOWN):
        world.decide(Kind.ADD_APPROVER, world.ISSUER, window(0, FOREVER), world.SENDER.word)
    world.send(world.CONTROLLER, "retireKey", world.ISSUER, world.SENDER.word)
    world.wait(DAY)
    with refused(FaultCode.KEY_KNOWN):
        world.add_key(KeyKind.SENDER, world.SENDER.word)


def test_standing_approver_cosigns_the_next_one(world: World) -> None:
    add_approver(world, SECOND)
    assert key(world, SECOND.word)["kind"] == KeyKind.APPROVER
    world.anchor(by=SECOND)


def test_controller_alone_adds_no_approver(world: World) -> None:
    with refused(FaultCode.APPROVAL_EXPIRED):
        world.add_key(KeyKind.APPROVER, SECOND.word)
    for signer, fault in (
        (world.CONTROLLER, FaultCode.NOT_AN_APPROVER),
        (SECOND, FaultCode.NOT_AN_APPROVER),
        (world.SENDER, FaultCode.APPROVER_IS_SENDER),
    ):
        with refused(fault):
            add_approver(world, SECOND, by=signer)


@pytest.mark.parametrize(
    "signed",
    [{"issuer": "OTHER-01"}, {"key": World.STRANGER.address}, {"from": 1}, {"until": FOREVER - 1}],
)
def test_cosignature_over_something_else_is_refused(world: World, signed: dict[str, Any]) -> None:
    with refused(FaultCode.NOT_AN_APPROVER):
        add_approver(world, SECOND, **signed)


def test_controller_is_never_an_approver(world: World) -> None:
    with refused(FaultCode.CONTROLLER_IS_APPROVER):
        add_approver(world, world.CONTROLLER)
    with refused(FaultCode.CONTROLLER_IS_APPROVER):
        world.decide(Kind.ADD_APPROVER, world.ISSUER, window(0, FOREVER), world.CONTROLLER.word)
    with refused(FaultCode.CONTROLLER_IS_APPROVER):
        world.decide(Kind.SET_CONTROLLER, world.ISSUER, ref=world.APPROVER.word)


def test_retirement_ends_a_window_with_this_second_and_never_lengthens_it(world: World) -> None:
    world.add_key(KeyKind.SENDER, SECOND.word, until=world.now + 100)
    world.send(world.CONTROLLER, "retireKey", world.ISSUER, world.SENDER.word)
    assert key(world, world.SENDER.word)["until"] == world.now + 1
    world.anchor("same second")
    with refused(FaultCode.KEY_OVER):
        world.send(world.CONTROLLER, "retireKey", world.ISSUER, world.SENDER.word)
    world.wait(1)
    with refused(FaultCode.SENDER_OUTSIDE_WINDOW):
        world.anchor("a second later")
    world.wait(99)
    with refused(FaultCode.KEY_OVER):
        world.send(world.CONTROLLER, "retireKey", world.ISSUER, SECOND.word)
    assert key(world, SECOND.word)["until"] == world.now
    with refused(FaultCode.KEY_UNKNOWN):
        world.send(world.CONTROLLER, "retireKey", world.ISSUER, digest("no key"))


def test_key_retired_before_it_begins_is_never_good(world: World) -> None:
    world.add_key(KeyKind.SENDER, SECOND.word, from_=world.now + DAY)
    world.send(world.CONTROLLER, "retireKey", world.ISSUER, SECOND.word)
    for seconds in (0, 1, DAY):
        world.wait(seconds)
        with refused(FaultCode.SENDER_OUTSIDE_WINDOW):
            world.anchor(sender=SECOND)


def test_reported_key_is_bad_from_this_block_on(world: World) -> None:
    slot = world.send(world.CONTROLLER, "reportCompromise", world.ISSUER, world.SENDER.word).event.fields["slot"]
    assert key(world, world.SENDER.word)["compromisedSince"] == world.now == slot >> 104
    with refused(FaultCode.SENDER_OUTSIDE_WINDOW):
        world.anchor()
    with refused(FaultCode.COMPROMISE_KNOWN):
        world.send(world.CONTROLLER, "reportCompromise", world.ISSUER, world.SENDER.word)
    with refused(FaultCode.KEY_UNKNOWN):
        world.send(world.CONTROLLER, "reportCompromise", world.ISSUER, digest("no key"))


def test_retirement_keeps_the_compromise_time(world: World) -> None:
    world.send(world.CONTROLLER, "reportCompromise", world.ISSUER, world.SENDER.word)
    reported = world.now
    world.wait(DAY)
    world.send(world.CONTROLLER, "retireKey", world.ISSUER, world.SENDER.word)
    found = key(world, world.SENDER.word)
    assert (found["compromisedSince"], found["until"], found["number"]) == (reported, world.now + 1, 2)


def test_members_move_a_compromise_back_never_forward(world: World) -> None:
    earlier = world.now - 5
    world.send(world.CONTROLLER, "reportCompromise", world.ISSUER, world.SENDER.word)
    world.decide(Kind.KEY_COMPROMISED, world.ISSUER, earlier, world.SENDER.word)
    assert key(world, world.SENDER.word)["compromisedSince"] == earlier
    for since in (earlier, earlier + 1):
        with refused(FaultCode.COMPROMISE_KNOWN):
            world.decide(Kind.KEY_COMPROMISED, world.ISSUER, since, world.SENDER.word, salt=1)
    with refused(FaultCode.COMPROMISE_MALFORMED):
        world.decide(Kind.KEY_COMPROMISED, world.ISSUER, 0, world.SENDER.word)
    with refused(FaultCode.COMPROMISE_MALFORMED):
        world.decide(Kind.KEY_COMPROMISED, world.ISSUER, world.now + 9 * DAY, world.APPROVER.word)
    with refused(FaultCode.KEY_UNKNOWN):
        world.decide(Kind.KEY_COMPROMISED, world.ISSUER, earlier, digest("no key"))


def test_recovery_from_a_stolen_controller(world: World) -> None:
    thief, heir = world.CONTROLLER, Account("new controller")
    world.send(thief, "addKey", world.ISSUER, int(KeyKind.SENDER), SECOND.word, 0, FOREVER, NO_APPROVAL)
    world.decide(Kind.SUSPEND, world.ISSUER)
    with refused(FaultCode.ISSUER_SUSPENDED):
        world.send(thief, "addKey", world.ISSUER, int(KeyKind.SENDER), thief.word, 0, FOREVER, NO_APPROVAL)
    world.decide(Kind.SET_CONTROLLER, world.ISSUER, ref=heir.word)
    assert world.call("issuerOf", world.ISSUER) == {
        "state": IssuerState.SUSPENDED,
        "controller": heir.address,
        "keys": 4,
    }
    with refused(FaultCode.NOT_THE_CONTROLLER):
        world.send(thief, "retireKey", world.ISSUER, world.SENDER.word)
    world.send(heir, "retireKey", world.ISSUER, SECOND.word)
    world.wait(1)
    world.decide(Kind.REINSTATE, world.ISSUER)
    with refused(FaultCode.SENDER_OUTSIDE_WINDOW):
        world.anchor(sender=SECOND)
    world.anchor()
