"""What the records add up to is what the contract itself says: the same history, folded here and kept there.

A random walk of everything that members, controller, sender and approver may do, refused or not; after each step the
views of the contract and the folds must agree.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts import KeyKind, Kind
from registry.anchor.facts import (
    IssuerState,
    address_key,
    batch_facts,
    certificate_life,
    changed_statuses,
    is_good_at,
    issuer_facts,
    touched_batch,
)
from registry.anchor.history import BatchFlag
from registry.kernel.identifiers import Address, BatchId, IssuerCode, ScopeCode
from registry.kernel.merkle import root_hash
from registry.status import Status
from tests.contract.world import FOREVER, Account, RefusedError, change, code_word, digest, window
from tests.unit.registry.anchor.recorded_world import RecordedWorld

ISSUER = IssuerCode("SKILLS-01")
BATCHES = ("batch", "newer batch")
INDICES = (0, 1, 127, 128, 129, 255, 256, 999)
SCOPES = (RecordedWorld.SCOPE, code_word("P1/4"))
SPARE_APPROVER, SPARE_SENDER = Account("another approver"), Account("another sender")
KEYS = (
    RecordedWorld.SENDER.word,
    RecordedWorld.APPROVER.word,
    RecordedWorld.CREDENTIAL_KEY,
    SPARE_APPROVER.word,
    SPARE_SENDER.word,
    digest("another credential key"),
    digest("statement key"),
)
STATES = {
    0: None,
    1: IssuerState.ACTIVE,
    2: IssuerState.SUSPENDED,
    3: IssuerState.WITHDRAWN,
    4: IssuerState.WITHDRAWN_AND_SUSPENDED,
}


def agree(world: RecordedWorld) -> None:
    """Compare every fold with the contract's own view."""
    facts = issuer_facts(world.records, ISSUER)
    there = world.call("issuerOf", world.ISSUER)
    assert facts.state is STATES[there["state"]]
    assert facts.controller == there["controller"]
    assert len(facts.keys) == there["keys"]
    for key in KEYS:
        slot = world.call("keyOf", world.ISSUER, key)
        known = facts.keys.get(key)
        if slot["kind"] == 0:
            assert known is None
            continue
        assert known is not None
        assert {
            "kind": known.kind.value,
            "number": known.number,
            "from_": known.valid_from,
            "until": known.until,
            "compromisedSince": known.compromised_since,
        } == slot
    for scope in SCOPES:
        there = world.call("scopeOf", world.ISSUER, scope)
        granted = facts.scopes.get(ScopeCode(scope.rstrip(b"\0").decode()))
        assert (there["from_"], there["until"]) == ((granted.valid_from, granted.until) if granted else (0, 0))
    for name in BATCHES:
        agree_on_batch(world, name)
    size, root = world.call("checkpoint")
    assert size == len(world.records)
    assert root == root_hash([one.position.leaf for one in world.records])


def agree_on_batch(world: RecordedWorld, name: str) -> None:
    there, batch = world.batch(name), BatchId(digest(name))
    facts = batch_facts(world.records, ISSUER, batch)
    if facts is None:
        assert there["size"] == 0
        return
    keys = issuer_facts(world.records, ISSUER).keys
    assert {
        "root": facts.anchored.root,
        "size": facts.anchored.size,
        "anchoredAt": int(facts.position.block_time.timestamp()),
        "scope": facts.anchored.scope.encode().ljust(32, b"\0"),
        "seq": facts.position.seq,
        "flags": int(facts.flags),
        "senderNumber": keys[address_key(facts.position.by)].number,
        "approverNumber": keys[address_key(facts.anchored.approver)].number,
        "credentialNumber": keys[facts.anchored.credential_key].number,
    } == {member: value for member, value in there.items() if member != "statusNonce"}
    for flag in BatchFlag:
        raised = facts.raised(flag)
        assert raised is not None or not facts.flags & flag
    changed = changed_statuses(world.records, ISSUER, batch)
    assert {touched_batch(one, ISSUER) for one in world.records} <= {None, *(BatchId(digest(one)) for one in BATCHES)}
    for index in INDICES:
        assert changed.get(index, Status.VALID) == world.status(index, name)
        life = list(certificate_life(world.records, ISSUER, batch, index))
        assert (life[-1].status if life else Status.VALID) == world.status(index, name)
        assert [step.seq for step in life] == sorted(step.seq for step in life)


def steps(world: RecordedWorld, draw: random.Random) -> list[Callable[[], Any]]:
    """Everything that can be tried, with chosen values."""
    name, key, salt = draw.choice(BATCHES), draw.choice(KEYS), draw.randrange(10**9)
    some = sorted(draw.sample(INDICES[:3], draw.randint(1, 3)))
    one = draw.choice(INDICES)
    reason, now = draw.choice([0, 1, 32, 35, 65_535]), world.now
    start, until = draw.choice([0, now - 50, now + 50]), draw.choice([now + 200, now + 10**6, FOREVER])
    scope = draw.choice(SCOPES)
    batch = digest(name)

    def decide(kind: Kind, arg: int = 0, ref: bytes = bytes(32)) -> Callable[[], Any]:
        return lambda: world.decide(kind, world.ISSUER, arg, ref, salt)

    def add(kind: KeyKind) -> Callable[[], Any]:
        return lambda: world.add_key(kind, key, start, until)

    return [
        decide(Kind.SUSPEND),
        decide(Kind.REINSTATE),
        decide(Kind.REINSTATE),
        decide(Kind.WITHDRAW, reason),
        decide(Kind.SET_CONTROLLER, ref=world.CONTROLLER.word),
        decide(Kind.GRANT_SCOPE, window(start, until), scope),
        decide(Kind.REVOKE_SCOPE, ref=scope),
        decide(Kind.ADD_APPROVER, window(start, until), SPARE_APPROVER.word),
        decide(Kind.KEY_COMPROMISED, draw.randint(now - 10**5, now), key),
        decide(Kind.SUSPEND_BATCH, reason, batch),
        decide(Kind.LIFT_BATCH_SUSPENSION, reason, batch),
        decide(Kind.REVOKE_BATCH, reason, batch),
        decide(Kind.REAFFIRM_BATCH, reason, batch),
        decide(Kind.REVOKE_WORD, reason << 192 | change(one), batch),
        add(KeyKind.SENDER) if key[:12] == bytes(12) else add(KeyKind.CREDENTIAL),
        add(KeyKind.STATEMENT),
        lambda: world.send(world.CONTROLLER, "retireKey", world.ISSUER, draw.choice(KEYS[3:])),
        lambda: world.send(world.CONTROLLER, "reportCompromise", world.ISSUER, draw.choice(KEYS[3:])),
        lambda: world.anchor(name, scope=scope),
        lambda: world.anchor(name),
        lambda: world.suspend(change(*some), change(one), name=name, reason=reason),
        lambda: world.suspend(change(one), name=name, reason=reason),
        lambda: world.reinstate(change(one), name=name, reason=reason),
        lambda: world.reinstate(change(*some), name=name, reason=reason),
        lambda: world.revoke(change(one), name=name, reason=reason),
        lambda: world.supersede([one], [draw.choice(INDICES)], name=name, reason=reason),
        lambda: world.send(world.SENDER, "suspendBatch", world.ISSUER, batch, reason),
        lambda: world.reinstate_batches(name, reason=reason),
        lambda: world.wait(draw.choice([1, 60, 10**4])),
    ]


@pytest.mark.parametrize("seed", [3])
def test_random_history_folds_to_what_the_contract_keeps(seed: int) -> None:
    walk(seed, steps_taken=70, least=20)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(10, 20))
def test_long_random_histories_fold_to_what_the_contract_keeps(seed: int) -> None:
    walk(seed, steps_taken=200, least=50)


def walk(seed: int, *, steps_taken: int, least: int) -> None:
    draw = random.Random(seed)
    world = RecordedWorld()
    world.accredit()
    world.anchor()
    agree(world)
    done = 0
    for _ in range(steps_taken):
        world.wait(1)
        before = len(world.records)
        # Of a decision the votes may stand where its enactment was refused.
        with suppress(RefusedError):
            draw.choice(steps(world, draw))()
        if len(world.records) > before:
            done += 1
            agree(world)
    assert done >= least


def test_withdrawal_and_suspension_are_independent_of_each_other() -> None:
    world = RecordedWorld()
    world.accredit()
    for kind, expected in (
        (Kind.WITHDRAW, IssuerState.WITHDRAWN),
        (Kind.SUSPEND, IssuerState.WITHDRAWN_AND_SUSPENDED),
        (Kind.REINSTATE, IssuerState.WITHDRAWN),
    ):
        world.decide(kind, world.ISSUER)
        agree(world)
        assert issuer_facts(world.records, ISSUER).state is expected
    facts = issuer_facts(world.records, ISSUER)
    assert facts.suspended_since is None
    assert facts.withdrawn_since == facts.standings[1].since
    assert facts.standings[0].state is IssuerState.ACTIVE


def test_issuer_withdrawn_while_suspended_stays_suspended_since_then() -> None:
    world = RecordedWorld()
    world.accredit()
    world.decide(Kind.SUSPEND, world.ISSUER)
    world.decide(Kind.WITHDRAW, world.ISSUER)
    agree(world)
    facts = issuer_facts(world.records, ISSUER)
    assert facts.suspended_since == facts.standings[1].since
    assert facts.withdrawn_since == facts.standings[2].since


def test_windows_are_clamped_and_cut_as_the_contract_does_to_the_second() -> None:
    world = RecordedWorld()
    world.accredit()
    name = ScopeCode("P1/3")
    granted = issuer_facts(world.records, ISSUER).scopes[name]
    assert granted.valid_from == int(world.records[4].position.block_time.timestamp())
    world.wait(100)
    world.decide(Kind.REVOKE_SCOPE, world.ISSUER, ref=world.SCOPE)
    assert issuer_facts(world.records, ISSUER).scopes[name].until == world.now
    agree(world)
    # Granted anew for later, and revoked before it began.
    world.decide(Kind.GRANT_SCOPE, world.ISSUER, window(world.now + 500, FOREVER), world.SCOPE)
    agree(world)
    world.decide(Kind.REVOKE_SCOPE, world.ISSUER, ref=world.SCOPE, salt=1)
    agree(world)


def test_key_stands_here_exactly_as_long_as_the_contract_takes_it() -> None:
    """Before, at and after each edge of a window, and with the theft of a key."""
    world = RecordedWorld()
    world.accredit()
    key, start = digest("another credential key"), world.now + 10
    world.add_key(KeyKind.CREDENTIAL, key, start, start + 10)
    for offset in range(-2, 14):
        world.evm.travel(to=start + offset)
        slot = issuer_facts(world.records, ISSUER).keys[key]
        try:
            world.anchor(f"batch {offset}", credentialKey=key)
            taken = True
        except RefusedError:
            taken = False
        assert taken == is_good_at(slot, datetime.fromtimestamp(world.now, UTC)) == (0 <= offset < 10)
    world.send(world.CONTROLLER, "retireKey", world.ISSUER, world.CREDENTIAL_KEY)
    slot = issuer_facts(world.records, ISSUER).keys[world.CREDENTIAL_KEY]
    # The second of the retirement is the last good one.
    assert slot.until == world.now + 1
    assert is_good_at(slot, datetime.fromtimestamp(world.now, UTC))
    assert not is_good_at(slot, datetime.fromtimestamp(world.now + 1, UTC))


def test_stolen_key_is_bad_from_the_second_of_the_report() -> None:
    world = RecordedWorld()
    world.accredit()
    world.wait(5)
    world.send(world.CONTROLLER, "reportCompromise", world.ISSUER, world.CREDENTIAL_KEY)
    with pytest.raises(RefusedError):
        world.anchor()
    slot = issuer_facts(world.records, ISSUER).keys[world.CREDENTIAL_KEY]
    assert not is_good_at(slot, datetime.fromtimestamp(world.now, UTC))
    assert is_good_at(slot, datetime.fromtimestamp(world.now - 1, UTC))
    world.decide(Kind.KEY_COMPROMISED, world.ISSUER, world.now - 3, world.CREDENTIAL_KEY)
    agree(world)


def test_lifting_a_batch_leaves_what_others_set() -> None:
    world = RecordedWorld()
    world.accredit()
    world.anchor()
    batch = digest("batch")
    world.send(world.SENDER, "suspendBatch", world.ISSUER, batch, 1)
    world.decide(Kind.SUSPEND_BATCH, world.ISSUER, 35, batch)
    agree(world)
    world.reinstate_batches("batch")
    facts = batch_facts(world.records, ISSUER, BatchId(batch))
    assert facts is not None
    assert facts.flags == BatchFlag.SUSPENDED_BY_MEMBERS
    raised = facts.raised(BatchFlag.SUSPENDED_BY_MEMBERS)
    assert raised is not None
    assert raised[1] == 35
    world.decide(Kind.LIFT_BATCH_SUSPENSION, world.ISSUER, 36, batch)
    world.decide(Kind.REVOKE_BATCH, world.ISSUER, 32, batch)
    world.send(world.SENDER, "suspendBatch", world.ISSUER, batch, 1)
    agree(world)


def test_successor_names_contract_and_issuer() -> None:
    world = RecordedWorld()
    world.accredit()
    world.anchor()
    world.anchor("newer batch")
    world.supersede([5, 130], [7, 9])
    (step,) = certificate_life(world.records, ISSUER, BatchId(digest("batch")), 130)
    assert step.successor == (digest("newer batch"), 9)
    assert step.successor_issuer == ISSUER
    assert step.successor_contract == Address("0x" + world.address.hex())
    elsewhere = bytes(range(20))
    world.supersede([6], [0], target=elsewhere, target_issuer=code_word("OTHER"))
    (step,) = certificate_life(world.records, ISSUER, BatchId(digest("batch")), 6)
    assert (step.successor_issuer, step.successor_contract) == ("OTHER", Address("0x" + elsewhere.hex()))


def test_votes_below_the_threshold_and_waiting_ballots_change_nothing() -> None:
    world = RecordedWorld()
    world.accredit()
    ballot = world.ballot(Kind.SUSPEND, world.ISSUER)
    world.send(world.MEMBERS[0], "vote", *ballot)
    waiting = world.ballot(Kind.WITHDRAW, world.ISSUER)
    world.send(world.MEMBERS[0], "vote", *waiting)
    world.send(world.MEMBERS[1], "vote", *waiting)
    agree(world)
    assert issuer_facts(world.records, ISSUER).state is IssuerState.ACTIVE
    world.send(world.MEMBERS[0], "withdrawVote", *ballot)
    world.send(world.MEMBERS[1], "vote", *ballot)
    agree(world)
    world.send(world.MEMBERS[2], "vote", *ballot)
    agree(world)
    assert issuer_facts(world.records, ISSUER).state is IssuerState.SUSPENDED
