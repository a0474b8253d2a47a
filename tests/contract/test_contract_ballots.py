"""Members and their ballots: thresholds, epochs, delays, windows, and what a lone member can do."""

import pytest

from contracts import FaultCode, IssuerState, Kind, Outcome, Recorded, Target
from tests.contract.world import (
    DAY,
    DELAY,
    FOREVER,
    Account,
    Evm,
    RefusedError,
    World,
    change,
    code_word,
    digest,
    refused,
    window,
)

NEWCOMER = Account("newcomer")
ZERO = "0x" + "00" * 20


def vote(world: World, member: int, *ballot: object) -> int:
    """A member's vote; returns its outcome."""
    return int(world.send(world.MEMBERS[member], "vote", *ballot).event.fields["outcome"])


def accreditation(world: World, salt: int = 0) -> tuple[object, ...]:
    return world.ballot(Kind.ACCREDIT, world.ISSUER, ref=world.CONTROLLER.word, salt=salt)


def admission(world: World, who: Account = NEWCOMER, threshold: int = 3, salt: int = 0) -> tuple[object, ...]:
    return world.ballot(Kind.ADMIT, who.word, threshold, salt=salt)


def test_threshold_vote_enacts_at_once(founded: World) -> None:
    ballot = accreditation(founded)
    assert vote(founded, 0, *ballot) == Outcome.COUNTED
    assert founded.call("issuerOf", founded.ISSUER)["state"] == IssuerState.UNKNOWN
    assert vote(founded, 1, *ballot) == Outcome.ENACTED
    issuer = founded.call("issuerOf", founded.ISSUER)
    assert issuer == {"state": IssuerState.ACTIVE, "controller": founded.CONTROLLER.address, "keys": 0}


def test_stranger_cannot_vote_withdraw_enact_pause_or_record(founded: World) -> None:
    ballot = accreditation(founded)
    for name, arguments in (
        ("vote", ballot),
        ("withdrawVote", ballot),
        ("enact", ballot),
        ("pause", ()),
        ("recordForeignAnchor", (1, 1, digest("root"), digest("tx"))),
    ):
        with refused(FaultCode.NOT_A_MEMBER):
            founded.send(founded.STRANGER, name, *arguments)


def test_no_member_votes_twice(founded: World) -> None:
    vote(founded, 0, *accreditation(founded))
    with refused(FaultCode.ALREADY_VOTED):
        vote(founded, 0, *accreditation(founded))


def test_every_part_of_the_content_makes_another_ballot(founded: World) -> None:
    vote(founded, 0, *accreditation(founded))
    for other in (
        accreditation(founded, salt=1),
        founded.ballot(Kind.ACCREDIT, code_word("OTHER-01"), ref=founded.CONTROLLER.word),
        founded.ballot(Kind.ACCREDIT, founded.ISSUER, ref=founded.STRANGER.word),
    ):
        assert vote(founded, 1, *other) == Outcome.COUNTED


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        (0, None),
        (21, None),
        (2**255, None),
        (Kind.ADMIT, "ref"),
        (Kind.REMOVE, "ref"),
        (Kind.THRESHOLD, "subject"),
        (Kind.THRESHOLD, "ref"),
        (Kind.ACCREDIT, "arg"),
        (Kind.SUSPEND, "arg"),
        (Kind.SUSPEND, "ref"),
        (Kind.REINSTATE, "arg"),
        (Kind.REINSTATE, "ref"),
        (Kind.WITHDRAW, "ref"),
        (Kind.SET_CONTROLLER, "arg"),
        (Kind.REVOKE_SCOPE, "arg"),
        (Kind.UNPAUSE, "subject"),
        (Kind.UNPAUSE, "arg"),
        (Kind.UNPAUSE, "ref"),
        (Kind.MIGRATE, "ref"),
        (Kind.RECORD, "subject"),
    ],
)
def test_unknown_kind_or_unused_part_is_malformed(founded: World, kind: int, part: str | None) -> None:
    parts = {"subject": b"\0" * 32, "arg": 0, "ref": b"\0" * 32}
    if part is not None:
        parts[part] = 1 if part == "arg" else digest("filled")
    with refused(FaultCode.BALLOT_MALFORMED):
        vote(founded, 0, int(kind), parts["subject"], parts["arg"], parts["ref"], b"\0" * 32)


def test_every_kind_takes_the_parts_it_uses(founded: World) -> None:
    uses = {
        "subject": set(Kind) - {Kind.THRESHOLD, Kind.UNPAUSE, Kind.RECORD},
        "arg": set(Kind)
        - {Kind.ACCREDIT, Kind.SUSPEND, Kind.REINSTATE, Kind.SET_CONTROLLER, Kind.REVOKE_SCOPE, Kind.UNPAUSE},
        "ref": set(Kind)
        - {
            Kind.ADMIT,
            Kind.REMOVE,
            Kind.THRESHOLD,
            Kind.SUSPEND,
            Kind.REINSTATE,
            Kind.WITHDRAW,
            Kind.UNPAUSE,
            Kind.MIGRATE,
        },
    }
    for kind in Kind:
        ballot = founded.ballot(
            kind,
            digest("subject") if kind in uses["subject"] else b"\0" * 32,
            1 if kind in uses["arg"] else 0,
            digest("ref") if kind in uses["ref"] else b"\0" * 32,
        )
        assert vote(founded, 0, *ballot) == Outcome.COUNTED


def test_enacted_ballot_is_over(founded: World) -> None:
    ballot = accreditation(founded)
    vote(founded, 0, *ballot)
    vote(founded, 1, *ballot)
    for member, name in ((2, "vote"), (0, "withdrawVote"), (0, "enact")):
        with refused(FaultCode.BALLOT_ENACTED):
            founded.send(founded.MEMBERS[member], name, *ballot)


def test_ballot_closes_after_thirty_days(founded: World) -> None:
    ballot = accreditation(founded)
    vote(founded, 0, *ballot)
    founded.wait(30 * DAY)
    on_time = founded.evm.snapshot()
    assert vote(founded, 1, *ballot) == Outcome.ENACTED
    founded.evm.restore(on_time)
    founded.wait(1)
    with refused(FaultCode.BALLOT_CLOSED):
        vote(founded, 1, *ballot)
    assert vote(founded, 1, *accreditation(founded, salt=1)) == Outcome.COUNTED


def test_delayed_kind_waits_and_then_lapses(founded: World) -> None:
    ballot = admission(founded)
    vote(founded, 0, *ballot)
    with refused(FaultCode.BELOW_THRESHOLD):
        founded.send(founded.MEMBERS[0], "enact", *ballot)
    reached = founded.now
    assert vote(founded, 1, *ballot) == Outcome.DELAYED
    founded.wait(DELAY - 1)
    with refused(FaultCode.DELAY_RUNNING):
        founded.send(founded.MEMBERS[0], "enact", *ballot)
    founded.wait(1 + 30 * DAY)
    seen = founded.call("ballot", *ballot)
    assert (seen["since"], seen["enactableFrom"]) == (reached, reached + DELAY)
    assert seen["enactableUntil"] == founded.now
    last_moment = founded.evm.snapshot()
    founded.send(founded.MEMBERS[2], "enact", *ballot)
    assert founded.call("memberOf", NEWCOMER.address)
    founded.evm.restore(last_moment)
    founded.wait(1)
    with refused(FaultCode.ENACTMENT_LAPSED):
        founded.send(founded.MEMBERS[2], "enact", *ballot)


def test_a_late_third_vote_does_not_restart_the_delay(founded: World) -> None:
    ballot = admission(founded)
    vote(founded, 0, *ballot)
    vote(founded, 1, *ballot)
    founded.wait(DELAY - 1)
    assert vote(founded, 2, *ballot) == Outcome.DELAYED
    founded.wait(1)
    founded.send(founded.MEMBERS[0], "enact", *ballot)


def test_withdrawal_below_threshold_stops_the_clock_and_reaching_it_again_starts_it_anew(founded: World) -> None:
    ballot = admission(founded)
    vote(founded, 0, *ballot)
    vote(founded, 1, *ballot)
    founded.wait(DELAY - 1)
    withdrawn = founded.send(founded.MEMBERS[1], "withdrawVote", *ballot).event
    assert withdrawn.fields["votes"] == 0b001
    founded.wait(1)
    with refused(FaultCode.BELOW_THRESHOLD):
        founded.send(founded.MEMBERS[0], "enact", *ballot)
    assert vote(founded, 1, *ballot) == Outcome.DELAYED
    with refused(FaultCode.DELAY_RUNNING):
        founded.send(founded.MEMBERS[0], "enact", *ballot)
    founded.wait(DELAY)
    founded.send(founded.MEMBERS[0], "enact", *ballot)


def test_withdrawal_above_threshold_leaves_the_clock_running(founded: World) -> None:
    ballot = admission(founded)
    for member in range(3):
        vote(founded, member, *ballot)
    founded.wait(DELAY)
    founded.send(founded.MEMBERS[0], "withdrawVote", *ballot)
    founded.send(founded.MEMBERS[1], "enact", *ballot)


def test_only_a_given_vote_can_be_withdrawn(founded: World) -> None:
    ballot = accreditation(founded)
    with refused(FaultCode.BALLOT_UNKNOWN):
        founded.send(founded.MEMBERS[0], "withdrawVote", *ballot)
    vote(founded, 0, *ballot)
    with refused(FaultCode.NOT_VOTED):
        founded.send(founded.MEMBERS[1], "withdrawVote", *ballot)


def test_ballot_nobody_voted_on_cannot_be_enacted(founded: World) -> None:
    with refused(FaultCode.BALLOT_UNKNOWN):
        founded.send(founded.MEMBERS[0], "enact", *admission(founded))


def test_removed_members_vote_no_longer_counts(founded: World) -> None:
    ballot = accreditation(founded)
    vote(founded, 2, *ballot)
    founded.decide(Kind.REMOVE, founded.MEMBERS[2].word, 2)
    assert founded.call("ballot", *ballot)["count"] == 0
    assert vote(founded, 0, *ballot) == Outcome.COUNTED
    assert vote(founded, 1, *ballot) == Outcome.ENACTED


def test_removed_member_can_do_nothing(founded: World) -> None:
    founded.decide(Kind.REMOVE, founded.MEMBERS[2].word, 2)
    with refused(FaultCode.NOT_A_MEMBER):
        vote(founded, 2, *accreditation(founded))
    with refused(FaultCode.NOT_A_MEMBER):
        founded.send(founded.MEMBERS[2], "pause")


def test_readmitted_members_old_vote_stays_dead(founded: World) -> None:
    ballot = accreditation(founded)
    vote(founded, 2, *ballot)
    founded.decide(Kind.REMOVE, founded.MEMBERS[2].word, 2)
    founded.decide(Kind.ADMIT, founded.MEMBERS[2].word, 2)
    assert founded.call("ballot", *ballot)["count"] == 0
    assert vote(founded, 2, *ballot) == Outcome.COUNTED
    assert founded.call("epoch")["members"] == 0b1011


def test_new_epoch_restarts_the_delay(founded: World) -> None:
    ballot = founded.ballot(Kind.WITHDRAW, founded.ISSUER, 33)
    founded.decide(Kind.ACCREDIT, founded.ISSUER, ref=founded.CONTROLLER.word)
    other = admission(founded, threshold=3)
    vote(founded, 0, *other)
    vote(founded, 1, *other)
    founded.wait(DELAY)
    vote(founded, 0, *ballot)
    vote(founded, 1, *ballot)
    vote(founded, 2, *ballot)
    founded.wait(DELAY - 1)
    founded.send(founded.MEMBERS[0], "enact", *other)
    began = founded.now
    founded.wait(1)
    with refused(FaultCode.DELAY_RUNNING):
        founded.send(founded.MEMBERS[0], "enact", *ballot)
    assert founded.call("ballot", *ballot)["enactableFrom"] == began + DELAY
    founded.evm.travel(to=began + DELAY)
    founded.send(founded.MEMBERS[0], "enact", *ballot)


def test_new_epoch_after_the_deadline_kills_a_waiting_ballot(target: Target) -> None:
    world = World(target)
    world.decide(Kind.ACCREDIT, world.ISSUER, ref=world.CONTROLLER.word)
    other, ballot = admission(world, threshold=3), world.ballot(Kind.WITHDRAW, world.ISSUER, 33)
    vote(world, 0, *ballot)
    world.wait(30 * DAY - DELAY)
    vote(world, 0, *other)
    vote(world, 1, *other)
    world.wait(DELAY)
    vote(world, 1, *ballot)
    vote(world, 2, *ballot)
    world.wait(1)
    world.send(world.MEMBERS[0], "enact", *other)
    world.wait(DELAY)
    with refused(FaultCode.BELOW_THRESHOLD):
        world.send(world.MEMBERS[0], "enact", *ballot)


def test_lower_threshold_lets_a_waiting_ballot_through_without_another_vote(target: Target) -> None:
    world = World(target)
    world.decide(Kind.THRESHOLD, arg=3)
    ballot = accreditation(world)
    vote(world, 0, *ballot)
    assert vote(world, 1, *ballot) == Outcome.COUNTED
    lower = world.ballot(Kind.THRESHOLD, arg=2, salt=1)
    for member in range(3):
        vote(world, member, *lower)
    world.wait(DELAY)
    world.send(world.MEMBERS[0], "enact", *lower)
    enacted = world.send(world.MEMBERS[0], "enact", *ballot).event
    assert (enacted.name, enacted.fields["outcome"]) == ("Enacted", Outcome.ENACTED)
    assert world.call("issuerOf", world.ISSUER)["state"] == IssuerState.ACTIVE


@pytest.mark.parametrize("threshold", [0, 1, 4, 2**255])
def test_threshold_must_be_a_majority(founded: World, threshold: int) -> None:
    ballot = founded.ballot(Kind.THRESHOLD, arg=threshold)
    vote(founded, 0, *ballot)
    vote(founded, 1, *ballot)
    founded.wait(DELAY)
    with refused(FaultCode.NO_MAJORITY):
        founded.send(founded.MEMBERS[0], "enact", *ballot)


def test_admission_and_removal_carry_the_new_threshold(founded: World) -> None:
    founded.decide(Kind.ADMIT, NEWCOMER.word, 3)
    assert founded.call("epoch") == {
        "number": 2,
        "since": founded.now,
        "members": 0b1111,
        "threshold": 3,
        "admissions": 4,
        "delay": DELAY,
    }
    ballot = founded.ballot(Kind.REMOVE, NEWCOMER.word, 2)
    for member in range(3):
        vote(founded, member, *ballot)
    founded.wait(DELAY)
    founded.send(founded.MEMBERS[0], "enact", *ballot)
    seen = founded.call("epoch")
    assert (seen["number"], seen["members"], seen["threshold"], seen["admissions"]) == (3, 0b0111, 2, 4)
    assert not founded.call("memberOf", NEWCOMER.address)


@pytest.mark.parametrize(
    ("kind", "subject", "fault"),
    [
        (Kind.ADMIT, World.MEMBERS[0].word, FaultCode.MEMBER_KNOWN),
        (Kind.ADMIT, b"\0" * 32, FaultCode.ADDRESS_MALFORMED),
        (Kind.ADMIT, b"\1" + NEWCOMER.word[1:], FaultCode.ADDRESS_MALFORMED),
        (Kind.REMOVE, NEWCOMER.word, FaultCode.MEMBER_UNKNOWN),
        (Kind.REMOVE, b"\1" + World.MEMBERS[0].word[1:], FaultCode.ADDRESS_MALFORMED),
    ],
)
def test_membership_that_makes_no_sense_is_refused(
    founded: World, kind: Kind, subject: bytes, fault: FaultCode
) -> None:
    with refused(fault):
        founded.decide(kind, subject, 2)


def test_a_contract_admits_128_times_in_its_life(target: Target) -> None:
    evm = Evm(target)
    world = World(target, evm=evm)
    crowd = [Account(f"founder {number}") for number in range(128)]
    world.deploy(world.DEPLOYER, [founder.address for founder in crowd], 65, DELAY, (ZERO, 0, b"\0" * 32))
    assert world.call("epoch")["members"] == 2**128 - 1
    ballot = world.ballot(Kind.REMOVE, crowd[0].word, 65)
    for founder in crowd[:65]:
        world.send(founder, "vote", *ballot)
    world.wait(DELAY)
    world.send(crowd[1], "enact", *ballot)
    back = world.ballot(Kind.ADMIT, crowd[0].word, 65)
    for founder in crowd[1:66]:
        world.send(founder, "vote", *back)
    world.wait(DELAY)
    with refused(FaultCode.ADMISSIONS_EXHAUSTED):
        world.send(crowd[1], "enact", *back)


@pytest.mark.parametrize(
    ("members", "terms", "predecessor", "fault"),
    [
        ([], (0, 0), (ZERO, 0, b"\0" * 32), FaultCode.NO_MAJORITY),
        ([0, 1, 2], (1, 0), (ZERO, 0, b"\0" * 32), FaultCode.NO_MAJORITY),
        ([0, 1, 2], (4, 0), (ZERO, 0, b"\0" * 32), FaultCode.NO_MAJORITY),
        ([0, 1, 1], (2, 0), (ZERO, 0, b"\0" * 32), FaultCode.MEMBER_KNOWN),
        ([0, None], (2, 0), (ZERO, 0, b"\0" * 32), FaultCode.ADDRESS_MALFORMED),
        ([0, 1, 2], (2, 90 * DAY + 1), (ZERO, 0, b"\0" * 32), FaultCode.DELAY_TOO_LONG),
        ([0, 1, 2], (2, 0), (ZERO, 1, b"\0" * 32), FaultCode.PREDECESSOR_MALFORMED),
        ([0, 1, 2], (2, 0), (NEWCOMER.address, 0, digest("root")), FaultCode.PREDECESSOR_MALFORMED),
        ([0, 1, 2], (2, 0), (NEWCOMER.address, 9, b"\0" * 32), FaultCode.PREDECESSOR_MALFORMED),
    ],
)
def test_deployment_that_makes_no_sense_is_refused(
    target: Target,
    members: list[int | None],
    terms: tuple[int, int],
    predecessor: tuple[str, int, bytes],
    fault: FaultCode,
) -> None:
    world = World(target)
    addresses = [ZERO if member is None else world.MEMBERS[member].address for member in members]
    with refused(fault):
        world.deploy(world.DEPLOYER, addresses, *terms, predecessor)


def test_successor_begins_with_its_predecessors_checkpoint(world: World) -> None:
    size, root = world.call("checkpoint")
    old = "0x" + world.address.hex()
    genesis = world.deploy(
        world.DEPLOYER, [member.address for member in world.MEMBERS], 3, 90 * DAY, (old, size, root)
    ).event
    assert (genesis.name, genesis.fields["seq"]) == ("Genesis", 0)
    assert genesis.fields["predecessorContract"] == old
    assert (genesis.fields["predecessorSize"], genesis.fields["predecessorRoot"]) == (size, root)


def test_pause_stops_anchoring_for_72_hours_and_nothing_else(anchored: World) -> None:
    paused = anchored.send(anchored.MEMBERS[0], "pause").event
    assert paused.fields["until"] == anchored.now + 3 * DAY == anchored.call("gate")["pausedUntil"]
    with refused(FaultCode.PAUSED):
        anchored.anchor("next")
    anchored.suspend(change(1))
    anchored.reinstate(change(1))
    anchored.revoke(change(1))
    anchored.decide(Kind.SUSPEND_BATCH, anchored.ISSUER, 35, digest("batch"))
    anchored.wait(3 * DAY - 1)
    with refused(FaultCode.PAUSED):
        anchored.anchor("next")
    anchored.wait(1)
    anchored.anchor("next")


def test_a_member_pauses_once_in_thirty_days(world: World) -> None:
    world.send(world.MEMBERS[0], "pause")
    world.wait(30 * DAY - 1)
    with refused(FaultCode.PAUSED_LATELY):
        world.send(world.MEMBERS[0], "pause")
    world.send(world.MEMBERS[1], "pause")
    world.wait(1)
    world.send(world.MEMBERS[0], "pause")


def test_leaving_and_coming_back_gives_no_new_pause(world: World) -> None:
    world.send(world.MEMBERS[2], "pause")
    world.decide(Kind.REMOVE, world.MEMBERS[2].word, 2)
    world.decide(Kind.ADMIT, world.MEMBERS[2].word, 2)
    with refused(FaultCode.PAUSED_LATELY):
        world.send(world.MEMBERS[2], "pause")


def test_members_lift_a_pause_at_once(world: World) -> None:
    world.send(world.MEMBERS[0], "pause")
    world.decide(Kind.UNPAUSE)
    world.anchor()
    with refused(FaultCode.NOT_PAUSED):
        world.decide(Kind.UNPAUSE, salt=1)


def test_migration_stops_new_batches_for_ever_and_nothing_else(anchored: World) -> None:
    anchored.decide(Kind.MIGRATE, NEWCOMER.word, 77)
    assert anchored.call("successorContract") == {"contract_": NEWCOMER.address, "chainId": 77}
    assert anchored.call("gate") == {"pausedUntil": 0, "migratedAt": anchored.now}
    with refused(FaultCode.MIGRATED):
        anchored.anchor("next")
    anchored.suspend(change(1))
    anchored.reinstate(change(1))
    anchored.revoke(change(1))
    anchored.send(anchored.MEMBERS[0], "pause")
    anchored.decide(Kind.UNPAUSE)
    assert anchored.call("gate")["migratedAt"] > 0
    with refused(FaultCode.MIGRATED):
        anchored.anchor("next")
    with refused(FaultCode.MIGRATED_ALREADY):
        anchored.decide(Kind.MIGRATE, anchored.STRANGER.word, 78)


@pytest.mark.parametrize(
    ("subject", "chain"), [(b"\0" * 32, 1), (b"\1" + NEWCOMER.word[1:], 1), (NEWCOMER.word, 0), (NEWCOMER.word, 2**64)]
)
def test_migration_to_nowhere_is_refused(founded: World, subject: bytes, chain: int) -> None:
    with refused(FaultCode.SUCCESSOR_MALFORMED):
        founded.decide(Kind.MIGRATE, subject, chain)


def test_migration_to_itself_is_refused(founded: World) -> None:
    with refused(FaultCode.SUCCESSOR_MALFORMED):
        founded.decide(Kind.MIGRATE, founded.address.rjust(32, b"\0"), 20268)


def test_record_puts_a_digest_into_the_log(founded: World) -> None:
    voted = founded.decide(Kind.RECORD, arg=Recorded.TRUST_ROOT, ref=digest("trust root")).event
    assert (voted.fields["arg"], voted.fields["ref"]) == (1, digest("trust root"))
    assert voted.fields["outcome"] == Outcome.ENACTED


@pytest.mark.parametrize(("what", "ref"), [(0, digest("x")), (4, digest("x")), (1, b"\0" * 32)])
def test_record_of_nothing_is_refused(founded: World, what: int, ref: bytes) -> None:
    with refused(FaultCode.DIGEST_MALFORMED):
        founded.decide(Kind.RECORD, arg=what, ref=ref)


def test_refused_decision_leaves_the_ballot_as_it_was(founded: World) -> None:
    ballot = founded.ballot(Kind.SUSPEND, founded.ISSUER)
    vote(founded, 0, *ballot)
    before = founded.call("checkpoint")
    with refused(FaultCode.ISSUER_UNKNOWN):
        vote(founded, 1, *ballot)
    assert founded.call("checkpoint") == before
    founded.decide(Kind.ACCREDIT, founded.ISSUER, ref=founded.CONTROLLER.word)
    assert vote(founded, 1, *ballot) == Outcome.ENACTED


def test_foreign_anchor_is_of_a_size_the_log_has_had(founded: World) -> None:
    size, root = founded.call("checkpoint")
    recorded = founded.send(founded.MEMBERS[0], "recordForeignAnchor", 1, size, root, digest("tx")).event
    assert (recorded.name, recorded.fields["size"], recorded.fields["root"]) == ("ForeignAnchored", size, root)
    for bad in ((0, root), (size + 2, root), (size, b"\0" * 32)):
        with refused(FaultCode.FOREIGN_MALFORMED):
            founded.send(founded.MEMBERS[0], "recordForeignAnchor", 1, *bad, digest("tx"))


def test_zero_delay_still_needs_an_enactment(target: Target) -> None:
    world = World(target)
    world.deploy(world.DEPLOYER, [member.address for member in world.MEMBERS], 2, 0, (ZERO, 0, b"\0" * 32))
    ballot = admission(world)
    vote(world, 0, *ballot)
    assert vote(world, 1, *ballot) == Outcome.DELAYED
    world.send(world.MEMBERS[0], "enact", *ballot)
    assert world.call("memberOf", NEWCOMER.address)


@pytest.mark.parametrize("kind", list(Kind))
def test_one_member_alone_decides_nothing(anchored: World, kind: Kind) -> None:
    """The honest form of each kind, voted once: protected state stays, and it cannot be enacted at any time."""
    ballots = {
        Kind.ADMIT: (NEWCOMER.word, 3, b""),
        Kind.REMOVE: (anchored.MEMBERS[1].word, 2, b""),
        Kind.THRESHOLD: (b"", 3, b""),
        Kind.ACCREDIT: (code_word("OTHER-01"), 0, anchored.CONTROLLER.word),
        Kind.SUSPEND: (anchored.ISSUER, 0, b""),
        Kind.REINSTATE: (anchored.ISSUER, 0, b""),
        Kind.WITHDRAW: (anchored.ISSUER, 33, b""),
        Kind.SET_CONTROLLER: (anchored.ISSUER, 0, anchored.STRANGER.word),
        Kind.GRANT_SCOPE: (anchored.ISSUER, window(0, FOREVER), code_word("P2/1")),
        Kind.REVOKE_SCOPE: (anchored.ISSUER, 0, anchored.SCOPE),
        Kind.ADD_APPROVER: (anchored.ISSUER, window(0, FOREVER), anchored.STRANGER.word),
        Kind.KEY_COMPROMISED: (anchored.ISSUER, anchored.now, anchored.SENDER.word),
        Kind.SUSPEND_BATCH: (anchored.ISSUER, 35, digest("batch")),
        Kind.LIFT_BATCH_SUSPENSION: (anchored.ISSUER, 36, digest("batch")),
        Kind.REVOKE_BATCH: (anchored.ISSUER, 32, digest("batch")),
        Kind.REAFFIRM_BATCH: (anchored.ISSUER, 1, digest("batch")),
        Kind.REVOKE_WORD: (anchored.ISSUER, 32 << 192 | 1, digest("batch")),
        Kind.UNPAUSE: (b"", 0, b""),
        Kind.MIGRATE: (NEWCOMER.word, 1, b""),
        Kind.RECORD: (b"", 1, digest("x")),
    }
    subject, arg, ref = ballots[kind]

    def protected() -> list[object]:
        return [
            anchored.call("epoch"),
            anchored.call("gate"),
            anchored.call("successorContract"),
            anchored.call("issuerOf", anchored.ISSUER),
            anchored.call("issuerOf", code_word("OTHER-01")),
            anchored.call("scopeOf", anchored.ISSUER, anchored.SCOPE),
            anchored.call("scopeOf", anchored.ISSUER, code_word("P2/1")),
            anchored.call("keyOf", anchored.ISSUER, anchored.SENDER.word),
            anchored.call("keyOf", anchored.ISSUER, anchored.STRANGER.word),
            anchored.batch(),
            anchored.call("statusWord", anchored.ISSUER, digest("batch"), 0),
        ]

    before = protected()
    ballot = anchored.ballot(kind, subject.ljust(32, b"\0"), arg, ref.ljust(32, b"\0"))
    vote(anchored, 0, *ballot)
    for days in (0, 3, 40):
        anchored.wait(days * DAY)
        with refused(FaultCode.BELOW_THRESHOLD):
            anchored.send(anchored.MEMBERS[0], "enact", *ballot)
    with pytest.raises(RefusedError):
        vote(anchored, 0, *ballot)
    assert protected() == before
