"""Changes of status through the client, on a chain: what each does, and that its gas limit is enough at the worst."""

import itertools
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.client.founding import found
from node.client.in_process import InProcessChain
from node.client.operations import call_of
from node.client.rpc import quantity
from node.signer import CONTROLLER_FUNCTIONS, MEMBER_FUNCTIONS, SENDER_FUNCTIONS
from registry.anchor.facts import address_key, batch_facts, certificate_life, code_key
from registry.anchor.history import (
    Ballot,
    BallotKind,
    BallotOutcome,
    BatchChanged,
    BatchFlag,
    KeyKind,
    StatusChanged,
    Superseded,
    Voted,
)
from registry.anchor.operations import (
    AddKey,
    ApproverKeyApproval,
    CastVote,
    EnactBallot,
    Operation,
    PauseAnchoring,
    RecordDigest,
    RecordForeignAnchor,
    ReportCompromise,
    RetireKey,
    SupersedeCertificates,
    SupersessionApproval,
    SuspendBatch,
    WithdrawVote,
)
from registry.anchor.progress import RequestState, StatusRequest, Target
from registry.kernel.identifiers import (
    ADDRESS_NONE,
    Address,
    BatchId,
    CertificateNumber,
    Digest,
    IssuerCode,
    RootHash,
)
from registry.ports import Fate, FateKind
from registry.status import IN_WORD, MOST_BATCHES, MOST_WORDS, Reason, Status, changes_of
from registry.workflows.chain.status_operations import approvable, operation_of, status_nonces
from tests.unit.node_client.test_ledger_contract import ISSUER, KEYS, UNTIL, World, founding

WORST_CARRY = 40 * 3_500
"""Gas of the log's worst append: a node hash and a peak for each of the 40 bits that a record's number has."""
LARGE = MOST_WORDS * IN_WORD
ONE_EACH_WORD = [word * IN_WORD + word for word in range(MOST_WORDS)]


@pytest.fixture(scope="module")
def world() -> World:
    chain = InProcessChain()
    return World(
        chain.node,
        found(chain.node, founding()),
        chain.tester.disable_auto_mine_transactions,
        chain.tester.enable_auto_mine_transactions,
        [],
        itertools.count(1),
    )


def anchored(world: World, size: int) -> BatchId:
    operation = world.anchor_of(size=size)
    assert world.perform(operation).kind is FateKind.FINAL
    return operation.asked.batch


def gas_of(world: World, operation: Operation) -> int:
    """Send it and give the gas that it used."""
    signed = world.signed(operation)
    world.ledger.broadcast(signed)
    assert world.ended(signed.hash).kind is FateKind.FINAL, operation
    return quantity(world.node.call("eth_getTransactionReceipt", "0x" + signed.hash.hex())["gasUsed"])


def operation(
    world: World, wanted: Status, batches: Iterable[BatchId], leaves: Iterable[int] = (), reason: int = 0
) -> Operation:
    """Make the operation of a request as the workflows do, approved where it has to be."""
    request = StatusRequest(
        id="C-2026-11-0001",
        issuer=ISSUER,
        batches=tuple(batches),
        certificates=tuple(Target(number=CertificateNumber(f"N-{leaf}"), revision=1, leaf=leaf) for leaf in leaves),
        wanted=wanted,
        reason=Reason(reason),
        state=RequestState.REQUESTED,
        requested_by="maker",
        requested_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    if wanted is not Status.SUSPENDED:
        nonces = status_nonces(world.ledger, request)
        approval = world.approver.approve(approvable(request, deadline=world.deadline(), nonces=nonces))
        request = replace(request, approval=approval, status_nonces=nonces)
    return operation_of(request)


def superseding(world: World, batch: BatchId, leaves: Iterable[int], **changes: object) -> SupersedeCertificates:
    asked = SupersessionApproval(
        issuer=ISSUER,
        batch=batch,
        indices=tuple(leaves),
        target_contract=world.ledger.trust_root.contract.address,
        target_issuer=ISSUER,
        new_batch=batch,
        new_indices=tuple(leaves),
        reason=int(Reason.CORRECTION),
        deadline=world.deadline(),
    )
    asked = replace(asked, **changes)  # type: ignore[arg-type]  # each has its own type
    return SupersedeCertificates(asked=asked, approval=world.approver.approve(asked))


def statuses(world: World, batch: BatchId, size: int) -> list[int]:
    """Read every certificate's status from the contract's own words."""
    words = [world.ledger.view("statusWord", code_key(ISSUER), batch, word)[0] for word in range(-(-size // IN_WORD))]
    return [
        (words[leaf // IN_WORD] >> leaf % IN_WORD & 1) | (words[leaf // IN_WORD] >> leaf % IN_WORD + IN_WORD & 1) << 1
        for leaf in range(size)
    ]


# — what a bulk does —


@settings(max_examples=5)
@given(data=st.data())
def test_just_the_certificates_that_were_asked_for_change(world: World, data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([1, 127, 128, 129, 300]), "size")
    leaves = st.sets(st.integers(0, size - 1), min_size=1, max_size=size)
    suspended = data.draw(leaves, "suspended")
    revoked = data.draw(leaves, "revoked")
    batch, beside = anchored(world, size), anchored(world, size)
    expected = [0] * size

    def change(wanted: Status, chosen: set[int]) -> None:
        done = operation(world, wanted, [batch], sorted(chosen))
        assert world.perform(done).kind is FateKind.FINAL
        for leaf in chosen:
            expected[leaf] = int(wanted)
        assert statuses(world, batch, size) == expected
        assert statuses(world, beside, size) == [0] * size
        told = world.contents(StatusChanged)[-1]
        assert (told.changes, told.count) == (changes_of(chosen), len(chosen))

    change(Status.SUSPENDED, suspended)
    change(Status.REVOKED, revoked)
    if lifted := suspended - revoked:
        change(Status.VALID, lifted)
    records = world.records()
    life = {leaf: list(certificate_life(records, ISSUER, batch, leaf)) for leaf in range(size)}
    assert [int(life[leaf][-1].status) if life[leaf] else 0 for leaf in range(size)] == expected


def test_an_approval_of_some_does_not_carry_others(world: World) -> None:
    batch = anchored(world, 300)
    good = operation(world, Status.REVOKED, [batch], [1, 2])
    more = replace(good, asked=replace(good.asked, changes=changes_of([1, 2, 3]), count=3))  # type: ignore[union-attr]
    assert _refused(world, more) == "contract/not-an-approver"
    assert statuses(world, batch, 5) == [0] * 5


def test_batches_as_a_whole_are_suspended_and_stand_again(world: World) -> None:
    batches = [anchored(world, 5) for _ in range(3)]
    for batch in batches:
        assert world.perform(operation(world, Status.SUSPENDED, [batch], reason=35)).kind is FateKind.FINAL
    assert _refused(world, operation(world, Status.SUSPENDED, batches[:1])) == "contract/batch-suspended-already"
    single = operation(world, Status.SUSPENDED, batches[:1], [3])
    assert world.perform(single).kind is FateKind.FINAL
    assert world.perform(operation(world, Status.VALID, batches[:2], reason=36)).kind is FateKind.FINAL
    told = [one for one in world.contents(BatchChanged) if one.batch in batches]
    assert [(one.batch, one.flags, one.approver, one.reason) for one in told] == [
        *((batch, BatchFlag.SUSPENDED_BY_ISSUER, ADDRESS_NONE, 35) for batch in batches),
        *((batch, BatchFlag(0), KEYS["a"].address, 36) for batch in batches[:2]),
    ]
    records = world.records()
    flags = [batch_facts(records, ISSUER, batch).flags for batch in batches]  # type: ignore[union-attr]
    assert flags == [BatchFlag(0), BatchFlag(0), BatchFlag.SUSPENDED_BY_ISSUER]
    assert statuses(world, batches[0], 5) == [0, 0, 0, 2, 0]  # what was suspended singly stays so


def test_a_reinstatement_of_batches_that_was_overtaken_is_refused(world: World) -> None:
    batches = [anchored(world, 5) for _ in range(2)]
    for batch in batches:
        assert world.perform(operation(world, Status.SUSPENDED, [batch])).kind is FateKind.FINAL
    lift = operation(world, Status.VALID, batches)
    assert world.perform(operation(world, Status.SUSPENDED, batches[1:], [0])).kind is FateKind.FINAL
    assert _refused(world, lift) == "contract/not-an-approver"


def test_certificates_are_superseded_by_others_of_the_same_contract(world: World) -> None:
    batch, newer = anchored(world, 300), anchored(world, 300)
    done = superseding(world, batch, (7, 130), new_batch=newer, new_indices=(1, 0))
    assert world.perform(done).kind is FateKind.FINAL
    assert [statuses(world, batch, 300)[leaf] for leaf in (7, 8, 130)] == [3, 0, 3]
    assert statuses(world, newer, 300) == [0] * 300
    told = world.contents(Superseded)[-1]
    assert (told.indices, told.new_batch, told.new_indices, told.reason) == ((7, 130), newer, (1, 0), 37)
    (step,) = certificate_life(world.records(), ISSUER, batch, 130)
    assert (step.status, step.successor, step.successor_issuer) == (Status.SUPERSEDED, (newer, 0), ISSUER)
    assert _refused(world, operation(world, Status.REVOKED, [batch], [7])) == "contract/status-final"
    assert _refused(world, superseding(world, batch, (8,), new_indices=(7,))) == "contract/target-not-standing"
    assert _refused(world, superseding(world, batch, (8,), new_batch=BatchId(b"?" * 32))) == "contract/target-unknown"
    assert _refused(world, superseding(world, batch, (8, 9), new_indices=(1,))) == "contract/indices-unpaired"


def test_a_successor_elsewhere_is_recorded_with_its_contract_and_issuer(world: World) -> None:
    batch, there = anchored(world, 300), Address("0x" + "ee" * 20)
    away = superseding(
        world,
        batch,
        (5,),
        target_contract=there,
        target_issuer=IssuerCode("ELSEWHERE"),
        new_batch=BatchId(b"n" * 32),
        new_indices=(9_000,),
    )
    assert world.perform(away).kind is FateKind.FINAL
    (step,) = certificate_life(world.records(), ISSUER, batch, 5)
    assert (step.successor, step.successor_issuer, step.successor_contract) == ((b"n" * 32, 9_000), "ELSEWHERE", there)


def _refused(world: World, refused: Operation) -> str | None:
    fate: Fate = world.perform(refused)
    assert fate.kind is FateKind.REVERTED
    return fate.fault


# — gas —


@pytest.mark.slow
def test_gas_limits_are_enough_for_the_largest_calls_and_within_the_signers_policy(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fresh words, 128 of everything; beside the figure itself there is room for the log's worst append."""
    used: dict[str, int] = {}

    def measure(name: str, done: Operation) -> None:
        used[name] = gas_of(world, done)  # the signer's policy has let it through
        assert used[name] + WORST_CARRY <= call_of(done).gas, (name, used[name], call_of(done).gas)

    first, second, old, new = (anchored(world, LARGE) for _ in range(4))
    measure("suspend", operation(world, Status.SUSPENDED, [first], range(LARGE)))
    measure("reinstate", operation(world, Status.VALID, [first], range(LARGE)))
    measure("revoke", operation(world, Status.REVOKED, [second], range(LARGE)))
    measure("supersede", superseding(world, old, ONE_EACH_WORD, new_batch=new))
    measure("suspendBatch", SuspendBatch(issuer=ISSUER, batch=old, reason=35))
    many = [anchored(world, 5) for _ in range(MOST_BATCHES)]
    for batch in many:
        assert world.perform(SuspendBatch(issuer=ISSUER, batch=batch, reason=35)).kind is FateKind.FINAL
    measure("reinstateBatches", operation(world, Status.VALID, many))
    thousand, hundred = anchored(world, 1_000), anchored(world, LARGE)
    measure("revoke one", operation(world, Status.REVOKED, [new], [0]))
    measure("revoke 1,000 contiguous", operation(world, Status.REVOKED, [thousand], range(1_000)))
    measure("revoke 100 scattered", operation(world, Status.REVOKED, [hundred], ONE_EACH_WORD[:100]))
    with capsys.disabled():
        sys.stdout.write(f"\ngas through the client: {json.dumps(used)}\n")


def test_one_more_word_than_a_request_is_cut_to_does_not_go_through(world: World) -> None:
    batch = anchored(world, LARGE + IN_WORD)
    fate = world.perform(operation(world, Status.SUSPENDED, [batch], range(0, LARGE + IN_WORD, IN_WORD)))
    assert fate.kind is FateKind.REVERTED
    assert world.perform(operation(world, Status.SUSPENDED, [batch], range(0, LARGE, IN_WORD))).kind is FateKind.FINAL


def test_gas_limits_are_enough_for_what_members_and_controllers_do(world: World) -> None:
    """Every ballot with its votes and its enactment, and every operation of a controller; the last ends anchoring."""
    issuer, other, batch = code_key(ISSUER), code_key("NEW-CENTRE"), anchored(world, 300)
    spare, until = KEYS["x"], 4_000_000_000 << 40
    kinds = BallotKind
    salt = itertools.count(1)

    def measure(done: Operation, who: str, functions: frozenset[str]) -> int:
        signed = world.signed(done, world.signer(who, functions))
        world.ledger.broadcast(signed)
        fate = world.ended(signed.hash)
        assert fate.kind is FateKind.FINAL, (done, fate)
        assert fate.block is not None
        used = quantity(world.node.call("eth_getTransactionReceipt", "0x" + signed.hash.hex())["gasUsed"])
        assert used + WORST_CARRY <= call_of(done).gas, (done, used)
        return fate.block.number

    def decide(kind: BallotKind, subject: bytes = bytes(32), arg: int = 0, ref: bytes = bytes(32)) -> None:
        ballot = Ballot(kind=kind, subject=subject, arg=arg, ref=ref, salt=next(salt).to_bytes(32, "big"))
        for member in ("m1", "m2"):
            at = measure(CastVote(ballot=ballot), member, MEMBER_FUNCTIONS)
        (vote,) = (record.content for record in world.ledger.records(at, at))
        assert isinstance(vote, Voted)
        if vote.outcome is BallotOutcome.DELAYED:
            measure(EnactBallot(ballot=ballot), "m1", MEMBER_FUNCTIONS)

    withdrawn = Ballot(kind=kinds.RECORD, subject=bytes(32), arg=2, ref=b"h" * 32, salt=bytes(32))
    measure(CastVote(ballot=withdrawn), "m1", MEMBER_FUNCTIONS)
    measure(WithdrawVote(ballot=withdrawn), "m1", MEMBER_FUNCTIONS)
    decide(kinds.ADMIT, address_key(spare.address), arg=3)
    for kind in (kinds.THRESHOLD, kinds.REMOVE):
        ballot = Ballot(kind=kind, subject=bytes(32), arg=3, ref=bytes(32), salt=b"s" * 32)
        if kind is kinds.REMOVE:
            ballot = replace(ballot, subject=address_key(spare.address), arg=2)
        for member in ("m1", "m2", "m3"):
            measure(CastVote(ballot=ballot), member, MEMBER_FUNCTIONS)
        measure(EnactBallot(ballot=ballot), "m3", MEMBER_FUNCTIONS)
    decide(kinds.ACCREDIT, other, ref=address_key(spare.address))
    decide(kinds.SET_CONTROLLER, other, ref=address_key(KEYS["c"].address))
    decide(kinds.GRANT_SCOPE, other, arg=until, ref=code_key("NEW/1"))
    decide(kinds.REVOKE_SCOPE, other, ref=code_key("NEW/1"))
    decide(kinds.ADD_APPROVER, other, arg=until, ref=address_key(spare.address))
    decide(kinds.KEY_COMPROMISED, other, arg=1, ref=address_key(spare.address))
    decide(kinds.SUSPEND, other)
    decide(kinds.REINSTATE, other)
    decide(kinds.WITHDRAW, other, arg=1)
    decide(kinds.SUSPEND_BATCH, issuer, arg=35, ref=batch)
    decide(kinds.LIFT_BATCH_SUSPENSION, issuer, arg=36, ref=batch)
    decide(kinds.REAFFIRM_BATCH, issuer, arg=0, ref=batch)
    decide(kinds.REVOKE_WORD, issuer, arg=33 << 192 | 1 << 128 | (1 << 128) - 1, ref=batch)
    decide(kinds.REVOKE_BATCH, issuer, arg=33, ref=batch)
    decide(kinds.RECORD, arg=3, ref=b"c" * 32)
    measure(PauseAnchoring(), "m1", MEMBER_FUNCTIONS)
    decide(kinds.UNPAUSE)
    foreign = RecordForeignAnchor(chain_id=1, size=7, root=RootHash(b"r" * 32), reference=Digest(b"t" * 32))
    measure(foreign, "m2", MEMBER_FUNCTIONS)
    asked = ApproverKeyApproval(issuer=ISSUER, key=spare.address, valid_from=0, until=UNTIL, deadline=world.deadline())
    added = AddKey(
        issuer=ISSUER,
        kind=KeyKind.APPROVER,
        key=address_key(spare.address),
        valid_from=0,
        until=UNTIL,
        approval=world.approver.approve(asked),
    )
    measure(added, "c", CONTROLLER_FUNCTIONS)
    measure(RetireKey(issuer=ISSUER, key=address_key(spare.address)), "c", CONTROLLER_FUNCTIONS)
    measure(ReportCompromise(issuer=ISSUER, key=address_key(spare.address)), "c", CONTROLLER_FUNCTIONS)
    measure(RecordDigest(issuer=ISSUER, kind=2, digest=Digest(b"d" * 32)), "s", SENDER_FUNCTIONS)
    measure(world.anchor_of(), "s", SENDER_FUNCTIONS)
    decide(kinds.MIGRATE, address_key(spare.address), arg=1)
