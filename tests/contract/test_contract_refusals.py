"""Every fault of the published table is reached on chain: one scenario each, on both artefacts.

That each has a slug, and a cause and a remedy in both languages, is in tests/unit/api/test_advice.py.
"""

from collections.abc import Callable
from typing import Any

import pytest
from eth_utils import to_checksum_address

from contracts import FaultCode, KeyKind, Kind, faults
from tests.contract.world import (
    DAY,
    DELAY,
    FOREVER,
    NO_APPROVAL,
    Account,
    RefusedError,
    World,
    change,
    code_word,
    digest,
    refused,
    slot_of,
    window,
)

Scenario = Callable[[World], Any]

ISSUER, SENDER, APPROVER, CONTROLLER, STRANGER = (
    World.ISSUER,
    World.SENDER,
    World.APPROVER,
    World.CONTROLLER,
    World.STRANGER,
)
NOBODY = "0x" + "00" * 20
BATCH, MARK = digest("batch"), digest("mark")
COUNCIL_SLOT, ISSUERS_SLOT = 41, 45
SUSPEND = World.ballot(Kind.SUSPEND, ISSUER)
THRESHOLD = World.ballot(Kind.THRESHOLD, arg=3)


def in_turn(*steps: Scenario) -> Scenario:
    """One after the other; only the last may be refused."""

    def scenario(world: World) -> None:
        for step in steps[:-1]:
            try:
                step(world)
            except RefusedError as early:
                raise AssertionError("refused before the last step") from early
        steps[-1](world)

    return scenario


def votes(ballot: tuple[Any, ...], *members: int) -> Scenario:
    return lambda world: [world.send(World.MEMBERS[member], "vote", *ballot) for member in members]


def sent(sender: Account, name: str, *arguments: Any) -> Scenario:
    return lambda world: world.send(sender, name, *arguments)


def decided(kind: Kind, subject: bytes = b"\0" * 32, arg: int = 0, ref: bytes = b"\0" * 32, salt: int = 0) -> Scenario:
    return lambda world: world.decide(kind, subject, arg, ref, salt)


def later(seconds: int) -> Scenario:
    return lambda world: world.wait(seconds)


def founded_with(threshold: int, delay: int, size: int) -> Scenario:
    """Deploy another registry."""
    members = [member.address for member in World.MEMBERS]
    return lambda world: world.deploy(STRANGER, members, threshold, delay, (NOBODY, size, MARK))


def counted(slot: int, more: int) -> Scenario:
    """Add to a number in the contract's storage: nobody waits for as many admissions, or keys, as there can be."""

    def scenario(world: World) -> None:
        world.evm._vm.state.set_storage(world.address, slot, world.evm.storage(world.address, slot) + more)

    return scenario


def superseded(**changed: Any) -> Scenario:
    return lambda world: world.supersede(**{"indices": [1], "new_indices": [2], "new_name": "batch"} | changed)


def anchored_by_new_key(**named: Account | bytes) -> Scenario:
    return lambda world: world.anchor("another", **named)


ALWAYS = window(0, FOREVER)
SUSPENDED = decided(Kind.SUSPEND, ISSUER)
RETIRED_SENDER = in_turn(sent(CONTROLLER, "retireKey", ISSUER, SENDER.word), later(1))
RETIRED_APPROVER = in_turn(sent(CONTROLLER, "retireKey", ISSUER, APPROVER.word), later(1))
RETIRED_CREDENTIAL_KEY = in_turn(sent(CONTROLLER, "retireKey", ISSUER, World.CREDENTIAL_KEY), later(1))
PAUSED = sent(World.MEMBERS[0], "pause")
MIGRATED = decided(Kind.MIGRATE, STRANGER.word, 5)
SUSPENDED_BATCH = sent(SENDER, "suspendBatch", ISSUER, BATCH, 35)

SCENARIOS: dict[FaultCode, Scenario] = {
    FaultCode.NOT_A_MEMBER: sent(STRANGER, "pause"),
    FaultCode.BALLOT_MALFORMED: votes(World.ballot(Kind.SUSPEND, ISSUER, 1), 0),
    FaultCode.BALLOT_UNKNOWN: sent(World.MEMBERS[0], "enact", *THRESHOLD),
    FaultCode.BALLOT_CLOSED: in_turn(votes(SUSPEND, 0), later(30 * DAY + 1), votes(SUSPEND, 1)),
    FaultCode.BALLOT_ENACTED: in_turn(SUSPENDED, votes(SUSPEND, 2)),
    FaultCode.ALREADY_VOTED: votes(SUSPEND, 0, 0),
    FaultCode.NOT_VOTED: in_turn(votes(SUSPEND, 0), sent(World.MEMBERS[1], "withdrawVote", *SUSPEND)),
    FaultCode.BELOW_THRESHOLD: in_turn(votes(THRESHOLD, 0), sent(World.MEMBERS[0], "enact", *THRESHOLD)),
    FaultCode.DELAY_RUNNING: in_turn(
        votes(THRESHOLD, 0, 1), later(DELAY - 1), sent(World.MEMBERS[0], "enact", *THRESHOLD)
    ),
    FaultCode.ENACTMENT_LAPSED: in_turn(
        votes(THRESHOLD, 0, 1), later(DELAY + 30 * DAY + 1), sent(World.MEMBERS[0], "enact", *THRESHOLD)
    ),
    FaultCode.NO_MAJORITY: decided(Kind.THRESHOLD, arg=1),
    FaultCode.MEMBER_KNOWN: decided(Kind.ADMIT, World.MEMBERS[2].word, 2),
    FaultCode.MEMBER_UNKNOWN: decided(Kind.REMOVE, STRANGER.word, 2),
    FaultCode.ADMISSIONS_EXHAUSTED: in_turn(counted(COUNCIL_SLOT, 125 << 8), decided(Kind.ADMIT, STRANGER.word, 3)),
    FaultCode.ADDRESS_MALFORMED: decided(Kind.ADMIT, MARK, 2),
    FaultCode.PAUSED_LATELY: in_turn(PAUSED, later(30 * DAY - 1), PAUSED),
    FaultCode.NOT_PAUSED: decided(Kind.UNPAUSE),
    FaultCode.MIGRATED_ALREADY: in_turn(MIGRATED, decided(Kind.MIGRATE, STRANGER.word, 6)),
    FaultCode.SUCCESSOR_MALFORMED: decided(Kind.MIGRATE, STRANGER.word, 2**64),
    FaultCode.DELAY_TOO_LONG: founded_with(2, 90 * DAY + 1, 0),
    FaultCode.PREDECESSOR_MALFORMED: founded_with(2, DELAY, 1),
    FaultCode.FOREIGN_MALFORMED: sent(World.MEMBERS[0], "recordForeignAnchor", 1, 0, MARK, MARK),
    FaultCode.CODE_MALFORMED: decided(Kind.ACCREDIT, code_word("TWO WORDS"), ref=CONTROLLER.word),
    FaultCode.ISSUER_KNOWN: decided(Kind.ACCREDIT, ISSUER, ref=CONTROLLER.word, salt=1),
    FaultCode.ISSUER_UNKNOWN: decided(Kind.SUSPEND, code_word("OTHER-01")),
    FaultCode.ISSUER_NOT_ACTIVE: in_turn(decided(Kind.WITHDRAW, ISSUER), anchored_by_new_key()),
    FaultCode.ISSUER_SUSPENDED: in_turn(SUSPENDED, lambda world: world.revoke(change(1))),
    FaultCode.ISSUER_NOT_SUSPENDED: decided(Kind.REINSTATE, ISSUER),
    FaultCode.ISSUER_WITHDRAWN: in_turn(decided(Kind.WITHDRAW, ISSUER), decided(Kind.WITHDRAW, ISSUER, 1)),
    FaultCode.NOT_THE_CONTROLLER: sent(STRANGER, "retireKey", ISSUER, SENDER.word),
    FaultCode.CONTROLLER_IS_APPROVER: decided(Kind.SET_CONTROLLER, ISSUER, ref=APPROVER.word),
    FaultCode.SCOPE_NOT_GRANTED: anchored_by_new_key(scope=code_word("P1/2")),
    FaultCode.SCOPE_OUTSIDE_WINDOW: in_turn(decided(Kind.REVOKE_SCOPE, ISSUER, ref=World.SCOPE), anchored_by_new_key()),
    FaultCode.WINDOW_MALFORMED: decided(Kind.GRANT_SCOPE, ISSUER, window(0, 1), World.SCOPE),
    FaultCode.KEY_KIND_UNKNOWN: sent(CONTROLLER, "addKey", ISSUER, 5, MARK, 0, FOREVER, NO_APPROVAL),
    FaultCode.KEY_MALFORMED: lambda world: world.add_key(KeyKind.SENDER, MARK),
    FaultCode.KEY_KNOWN: lambda world: world.add_key(KeyKind.SENDER, APPROVER.word),
    FaultCode.KEY_UNKNOWN: sent(CONTROLLER, "reportCompromise", ISSUER, MARK),
    FaultCode.KEYS_EXHAUSTED: in_turn(
        counted(slot_of(ISSUERS_SLOT, ISSUER), (2**16 - 4) << 8), lambda world: world.add_key(KeyKind.CREDENTIAL, MARK)
    ),
    FaultCode.KEY_OVER: in_turn(RETIRED_SENDER, sent(CONTROLLER, "retireKey", ISSUER, SENDER.word)),
    FaultCode.COMPROMISE_KNOWN: in_turn(
        *[sent(CONTROLLER, "reportCompromise", ISSUER, SENDER.word)] * 2,
    ),
    FaultCode.COMPROMISE_MALFORMED: decided(Kind.KEY_COMPROMISED, ISSUER, FOREVER, SENDER.word),
    FaultCode.NOT_A_SENDER: lambda world: world.suspend(change(1), sender=STRANGER),
    FaultCode.SENDER_OUTSIDE_WINDOW: in_turn(RETIRED_SENDER, lambda world: world.suspend(change(1))),
    FaultCode.NOT_A_CREDENTIAL_KEY: anchored_by_new_key(credentialKey=MARK),
    FaultCode.CREDENTIAL_KEY_OUTSIDE_WINDOW: in_turn(RETIRED_CREDENTIAL_KEY, anchored_by_new_key()),
    FaultCode.APPROVAL_EXPIRED: lambda world: world.anchor("another", deadline=world.now - 1),
    FaultCode.APPROVAL_TOO_FAR_AHEAD: lambda world: world.anchor("another", deadline=world.now + 30 * DAY + 1),
    FaultCode.APPROVAL_MALFORMED: lambda world: world.revoke(change(1), approval=(world.now, 27, 0, 0)),
    FaultCode.NOT_AN_APPROVER: lambda world: world.revoke(change(1), by=STRANGER),
    FaultCode.APPROVER_OUTSIDE_WINDOW: in_turn(RETIRED_APPROVER, lambda world: world.revoke(change(1))),
    FaultCode.APPROVER_IS_SENDER: lambda world: world.revoke(change(1), by=SENDER),
    FaultCode.PAUSED: in_turn(PAUSED, anchored_by_new_key()),
    FaultCode.MIGRATED: in_turn(MIGRATED, anchored_by_new_key()),
    FaultCode.BATCH_KNOWN: lambda world: world.anchor("batch"),
    FaultCode.ROOT_EMPTY: anchored_by_new_key(root=b"\0" * 32),
    FaultCode.SIZE_OUT_OF_RANGE: anchored_by_new_key(size=2**24),
    FaultCode.BATCH_UNKNOWN: lambda world: world.suspend(change(1), name="another"),
    FaultCode.NOTHING_TO_CHANGE: lambda world: world.suspend(),
    FaultCode.OUTSIDE_BATCH: lambda world: world.suspend(change(1_000)),
    FaultCode.STATUS_FINAL: in_turn(lambda world: world.revoke(change(1)), lambda world: world.suspend(change(1))),
    FaultCode.SUSPENDED_ALREADY: in_turn(*[lambda world: world.suspend(change(1))] * 2),
    FaultCode.NOT_SUSPENDED: lambda world: world.reinstate(change(1)),
    FaultCode.COUNT_MISMATCH: lambda world: world.revoke(change(1), count=2),
    FaultCode.REASON_OUT_OF_RANGE: lambda world: world.suspend(change(1), reason=2**16),
    FaultCode.INDICES_UNPAIRED: superseded(new_indices=[2, 3]),
    FaultCode.TARGET_UNKNOWN: superseded(new_name="another"),
    FaultCode.TARGET_NOT_STANDING: superseded(new_indices=[1]),
    FaultCode.BATCH_SUSPENDED_ALREADY: in_turn(SUSPENDED_BATCH, SUSPENDED_BATCH),
    FaultCode.BATCH_NOT_SUSPENDED: lambda world: world.reinstate_batches("batch"),
    FaultCode.BATCH_REVOKED: in_turn(
        decided(Kind.REVOKE_BATCH, ISSUER, ref=BATCH), decided(Kind.REVOKE_BATCH, ISSUER, 1, BATCH)
    ),
    FaultCode.BATCH_REAFFIRMED_ALREADY: in_turn(
        decided(Kind.REAFFIRM_BATCH, ISSUER, ref=BATCH), decided(Kind.REAFFIRM_BATCH, ISSUER, 1, BATCH)
    ),
    FaultCode.DIGEST_MALFORMED: sent(SENDER, "recordDigest", ISSUER, 3, MARK),
}


@pytest.mark.parametrize("fault", SCENARIOS, ids=lambda fault: fault.slug)
def test_fault_is_reached(anchored: World, fault: FaultCode) -> None:
    with refused(fault):
        SCENARIOS[fault](anchored)


def test_these_are_all_faults_of_the_table() -> None:
    assert set(SCENARIOS) == set(FaultCode) == {FaultCode(fault.code) for fault in faults().values()}


def test_a_scenario_that_meets_another_fault_is_noticed(anchored: World) -> None:
    with pytest.raises(AssertionError, match="expected contract/key-known"), refused(FaultCode.KEY_KNOWN):
        SCENARIOS[FaultCode.KEY_UNKNOWN](anchored)
    with pytest.raises(AssertionError, match="before the last step"):
        in_turn(SCENARIOS[FaultCode.KEY_KNOWN], SCENARIOS[FaultCode.KEY_KNOWN])(anchored)


def test_successor_may_stand_on_the_same_chain(anchored: World) -> None:
    chain = anchored.genesis.event.fields["chainId"]
    anchored.decide(Kind.MIGRATE, STRANGER.word, chain)
    assert anchored.call("successorContract") == {
        "contract_": to_checksum_address(STRANGER.raw).lower(),
        "chainId": chain,
    }


def test_ballot_that_nobody_voted_on_has_nothing_but_the_threshold(anchored: World) -> None:
    view = anchored.call("ballot", *THRESHOLD)
    assert {name: value for name, value in view.items() if value} == {"threshold": 2}


def test_issuer_of_a_successor_elsewhere_must_be_a_readable_code(anchored: World) -> None:
    elsewhere = b"\x77" * 20
    with refused(FaultCode.CODE_MALFORMED):
        superseded(target=elsewhere, target_issuer=code_word("TWO WORDS"))(anchored)
    superseded(target=elsewhere, target_issuer=code_word("OTHER-01"))(anchored)
