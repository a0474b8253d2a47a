"""What the records add up to is what the contract itself says: members, ballots, delays, and what would be refused."""

import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts import FaultCode, Kind
from registry.anchor import council as rules
from registry.anchor.ballots import PARTS, Motion, Recorded, motion_of
from registry.anchor.council import BallotState, Council, ballot_id, council_of
from registry.anchor.history import Ballot, BallotKind, BallotOutcome, Enacted, Voted
from registry.anchor.objections import objection
from registry.kernel.identifiers import Address, BatchId, Digest, IssuerCode, ScopeCode
from tests.contract.world import DAY, DELAY, Account, RefusedError, World, digest
from tests.unit.registry.anchor.recorded_world import RecordedWorld

OTHERS = tuple(Account(f"newcomer {number}") for number in range(3))
PEOPLE = (*World.MEMBERS, *OTHERS)
ISSUERS = (IssuerCode("SKILLS-01"), IssuerCode("SKILLS-02"))
SCOPES = (ScopeCode("P1/3"), ScopeCode("P2/1"))
BATCHES = (BatchId(digest("batch")), BatchId(digest("nothing")))
OF_BALLOTS = {
    FaultCode.NOT_A_MEMBER,
    FaultCode.BALLOT_UNKNOWN,
    FaultCode.BALLOT_CLOSED,
    FaultCode.BALLOT_ENACTED,
    FaultCode.ALREADY_VOTED,
    FaultCode.NOT_VOTED,
    FaultCode.BELOW_THRESHOLD,
    FaultCode.DELAY_RUNNING,
    FaultCode.ENACTMENT_LAPSED,
}
"""Refusals about the vote itself; all others are about what it decides."""

MET: Counter[str] = Counter()
"""What a walk came across."""


def motion(chance: random.Random, now: int) -> Motion:
    """Anything that can be proposed, sensible more often than not."""
    kind = chance.choice(list(BallotKind))
    choices: dict[str, list[Any]] = {
        "member": [Address(one.address) for one in PEOPLE],
        "threshold": [2, 2, 3, 3, 4, 1],
        "issuer": [*ISSUERS, ISSUERS[0], ISSUERS[0]],
        "controller": [Address(one.address) for one in (World.CONTROLLER, World.APPROVER, World.STRANGER)],
        "scope": list(SCOPES),
        "key": [World.APPROVER.word, World.SENDER.word, World.CONTROLLER.word, OTHERS[0].word],
        "valid_from": [0],
        "until": [now + 90 * DAY, now + 90 * DAY, 5],
        "since": [now - 5 * DAY, now - 6 * DAY, now + 99 * DAY],
        "batch": [BATCHES[0], BATCHES[0], BATCHES[1]],
        "leaves": [(0, 1), (127,), (128, 200), (999,), (1000,), (5_000,)],
        "reason": [0, 33],
        "contract": [Address(OTHERS[2].address)],
        "chain_id": [7],
        "recorded": list(Recorded),
        "digest": [Digest(digest("charter of another kind"))],
    }
    return Motion(kind=kind, **{part: chance.choice(choices[part]) for part in PARTS[kind]})


def words(ballot: Ballot) -> tuple[int, bytes, int, bytes, bytes]:
    return int(ballot.kind), ballot.subject, ballot.arg, ballot.ref, ballot.salt


def seconds(at: datetime | None) -> int:
    return 0 if at is None else int(at.timestamp())


def agree(world: RecordedWorld, council: Council) -> None:
    epoch = world.call("epoch")
    present = sum(1 << one.admission for one in council.members)
    assert (council.epoch, seconds(council.epoch_since), council.threshold) == (
        epoch["number"],
        epoch["since"],
        epoch["threshold"],
    )
    assert (present, len(council.memberships)) == (epoch["members"], epoch["admissions"])
    assert council.genesis.delay == epoch["delay"]
    for one in PEOPLE:
        assert council.is_member(Address(one.address)) is world.call("memberOf", one.address)
    gate = world.call("gate")
    assert seconds(council.paused_until) == gate["pausedUntil"]
    assert seconds(council.successor.since if council.successor else None) == gate["migratedAt"]
    at = datetime.fromtimestamp(world.now, UTC)
    for one in council.ballots:
        theirs = world.call("ballot", *words(one.ballot))
        assert (one.enacted is not None) is theirs["enacted"]
        assert (one.state(at) is BallotState.ENACTED) is theirs["enacted"]
        if theirs["enacted"]:
            continue
        assert len(one.votes) == theirs["count"]
        assert seconds(one.deadline) == theirs["deadline"]
        assert seconds(one.since) == theirs["since"]
        assert seconds(one.enactable_from) == theirs["enactableFrom"]
        assert seconds(one.enactable_until) == theirs["enactableUntil"]


def act(world: RecordedWorld, who: Account, name: str, ballot: Ballot) -> None:
    """Do it; what the decision itself meets is what was foretold."""
    at = datetime.fromtimestamp(world.now, UTC)
    foretold = objection(motion_of(ballot), council_of(world.records), world.records, at)
    met = None
    try:
        world.send(who, name, *words(ballot))
    except RefusedError as error:
        met = error.code
    MET.update([met.slug if met is not None else f"{name} {ballot.kind.name}"])
    if met is not None:
        assert met in OF_BALLOTS or met.slug == foretold, motion_of(ballot)
        return
    content = world.records[-1].content
    if isinstance(content, Enacted) or (isinstance(content, Voted) and content.outcome is BallotOutcome.ENACTED):
        MET.update([f"in force {ballot.kind.name}"])
        assert foretold is None, (foretold, motion_of(ballot))


def carry(world: RecordedWorld, ballot: Ballot, chance: random.Random) -> None:
    """Members vote until it is carried; most of the time they wait, and one enacts it."""
    members = [one for one in PEOPLE if council_of(world.records).is_member(Address(one.address))]
    for who in chance.sample(members, len(members)):
        act(world, who, "vote", ballot)
    if chance.random() < 0.8:
        world.wait(chance.choice([1, DELAY, DELAY, DELAY, DELAY + 31 * DAY]))
        act(world, members[0], "enact", ballot)


def pause(world: RecordedWorld, who: Account) -> None:
    council, at = council_of(world.records), datetime.fromtimestamp(world.now, UTC)
    again = council.may_pause_from(Address(who.address))
    too_early = council.is_member(Address(who.address)) and again is not None and again > at
    met = None
    try:
        world.send(who, "pause")
    except RefusedError as error:
        met = error.code
    assert (met is FaultCode.PAUSED_LATELY) is too_early


def walk(seed: int, steps: int) -> None:
    chance = random.Random(seed)
    world = RecordedWorld()
    world.accredit()
    world.anchor()
    proposed = [Motion(kind=BallotKind.SUSPEND, issuer=ISSUERS[0]).ballot()]
    for _ in range(steps):
        agree(world, council_of(world.records))
        who = chance.choice(PEOPLE)
        step = chance.choice(["propose", "carry", "carry", "vote", "withdrawVote", "enact", "wait", "pause"])
        if step in ("propose", "carry"):
            proposed.append(motion(chance, world.now).ballot(chance.randrange(3).to_bytes(32, "big")))
        ballot = chance.choice(proposed[-6:])
        match step:
            case "propose":
                act(world, who, "vote", proposed[-1])
            case "carry":
                carry(world, proposed[-1], chance)
            case "wait":
                world.wait(chance.choice([1, DAY, DELAY, 12 * DAY]))
            case "pause":
                pause(world, who)
            case _:
                act(world, who, step, ballot)
    agree(world, council_of(world.records))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_records_add_up_to_what_the_contract_says(seed: int) -> None:
    walk(seed, 40)


@pytest.mark.deep
def test_records_add_up_to_what_the_contract_says_at_length() -> None:
    MET.clear()
    for seed in range(100, 140):
        walk(seed, 60)
    assert {f"in force {kind.name}" for kind in BallotKind} <= set(MET)
    assert {fault.slug for fault in OF_BALLOTS} <= set(MET)


def test_a_ballot_that_a_later_epoch_left_dead_stays_dead() -> None:
    """A withdrawal never carries: only a vote does, and the contract takes none after the deadline."""
    world = RecordedWorld()
    members = (*World.MEMBERS, *OTHERS[:2])

    def decide(one: Motion, votes: int) -> None:
        for who in members[:votes]:
            world.send(who, "vote", *words(one.ballot()))
        world.wait(DELAY)
        world.send(members[0], "enact", *words(one.ballot()))

    decide(Motion(kind=BallotKind.ADMIT, member=Address(OTHERS[0].address), threshold=3), 2)
    decide(Motion(kind=BallotKind.ADMIT, member=Address(OTHERS[1].address), threshold=5), 3)
    late = Motion(kind=BallotKind.REMOVE, member=Address(OTHERS[1].address), threshold=3).ballot()
    for who in members[:4]:
        world.send(who, "vote", *words(late))
    world.wait(29 * DAY)
    lower = Motion(kind=BallotKind.THRESHOLD, threshold=3)
    for who in members:
        world.send(who, "vote", *words(lower.ballot()))
    world.wait(DELAY)
    world.send(members[0], "enact", *words(lower.ballot()))
    world.send(members[0], "withdrawVote", *words(late))
    council = council_of(world.records)
    agree(world, council)
    facts = council.find(late)
    assert facts is not None
    assert facts.state(datetime.fromtimestamp(world.now, UTC)) is BallotState.LAPSED
    ballot, known = council.open_or_next(motion_of(late), datetime.fromtimestamp(world.now, UTC))
    assert (known, ballot.salt) == (None, (1).to_bytes(32, "big"))


def test_numbers_are_the_contract_s() -> None:
    assert {one.value: one.name for one in BallotKind} == {one.value: one.name for one in Kind}
    assert {kind.value for kind in rules.DELAYED_KINDS} == {kind.value for kind in Kind if kind.delayed}


def test_ballot_id_is_the_contract_s() -> None:
    founded = RecordedWorld()
    ballot = Motion(kind=BallotKind.SUSPEND, issuer=ISSUERS[0]).ballot(b"s" * 32)
    founded.send(founded.MEMBERS[0], "vote", *words(ballot))
    founded.send(founded.MEMBERS[0], "withdrawVote", *words(ballot))
    assert founded.history[-1].fields["ballot"] == ballot_id(ballot)
