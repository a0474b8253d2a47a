from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from api.demo_data import sample_roster
from registry.anchor.history import Ballot, BallotKind, BallotOutcome, Record, StatusChanged, Superseded, Voted
from registry.anchor.operations import Approval
from registry.anchor.progress import Placement, RequestState, StatusRequest, Target
from registry.anchor.states import AnchorState, TransitionForbidden
from registry.batch import Reservation
from registry.enrolment import decide, read_roster
from registry.kernel.identifiers import (
    Address,
    BatchId,
    CertificateNumber,
    IssuerCode,
    batch_id,
    new_certificate_key,
    new_certificate_number,
)
from registry.kernel.merkle import MerkleTree, leaf_hash, require_included
from registry.ports.replacements import Corrected, Replacement, ReplacementKind
from registry.ports.storage import Mark, NotHere, Roster, Sheet, SignedCredential
from registry.programme import load_catalogue
from registry.status import Reason, Status, changes_of
from registry.store.database import RowRefused
from registry.store.sessions import StateMoved, micros, pieces, time_of
from registry.store.standing import RowsMissing
from registry.store.vault import identity_index
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.enrolment.own_records import OwnRecords
from registry.workflows.issuance.issue import _still_certified
from tests.unit.registry.store.filled import (
    APPROVER,
    BODY,
    ISSUER,
    KEYS,
    NOW,
    PROGRAMME,
    SENDER,
    SettableClock,
    block,
    digest_of,
    head,
    position,
    records_of,
    transaction,
)

APPROVAL = Approval(approver=APPROVER, deadline=1_900_000_000, signature=bytes(65))


def roster_of(name: str, rows: int, file: str = "") -> Roster:
    return Roster(
        id=name,
        programme=PROGRAMME,
        programme_version="2026.1",
        programme_digest=load_catalogue().programme(PROGRAMME).digest,
        file_digest=digest_of(file or name),
        rows=rows,
        imported_by="alice",
        imported_at=NOW,
    )


def candidates_of(count: int, seed: int = 1):
    reading = read_roster(
        sample_roster(seed=seed, count=count), programme=load_catalogue().programme(PROGRAMME), today=date(2026, 11, 1)
    )
    return [(one.line, one) for one in reading.accepted()]


def sheet_of(name: str, rows: int = 1, at: datetime = NOW) -> Sheet:
    return Sheet(
        id=name,
        file_digest=digest_of(name),
        examined_on=date(2026, 11, 15),
        rows=rows,
        entered_by="bob",
        entered_at=at,
        confirmed_by=None,
        confirmed_at=None,
    )


# — times and names —


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_come_back_to_the_microsecond(moment):
    assert time_of(micros(moment)) == moment


@given(st.lists(st.integers()), st.integers(1, 7))
def test_pieces_are_the_items_in_order(items, size):
    cut = list(pieces(items, size))
    assert [item for piece in cut for item in piece] == items
    assert all(len(piece) == size for piece in cut[:-1])


def test_names_count_up_by_kind_and_by_month_at_eight_hours_east(empty):
    late = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)  # 1 December, 00:00 in China
    with empty.write() as unit:
        assert unit.next_name("R", NOW) == "R-2026-11-0001"
        unit.enrolments.add_roster(roster_of("R-2026-11-0001", 0), [])
        assert unit.next_name("R", NOW) == "R-2026-11-0002"
        assert unit.next_name("R", late - timedelta(microseconds=1)) == "R-2026-11-0002"
        assert unit.next_name("R", late) == "R-2026-12-0001"
        assert unit.next_name("S", NOW) == "S-2026-11-0001"


def test_names_go_on_beyond_four_digits(empty):
    with empty.write() as unit:
        for serial in ("9999", "10000"):
            unit.enrolments.add_roster(roster_of(f"R-2026-11-{serial}", 0), [])
        assert unit.next_name("R", NOW) == "R-2026-11-10001"


# — enrolments —


def test_a_roster_comes_back_with_its_candidates(empty):
    candidates = candidates_of(30)
    roster = roster_of("R-2026-11-0007", 30)
    with empty.write() as unit:
        admissions = unit.enrolments.add_roster(roster, candidates)
    assert admissions[0] == "26110007000001"
    with empty.read() as unit:
        assert unit.enrolments.rosters() == [roster]
        assert unit.enrolments.roster_of_file(roster.file_digest) == roster
        assert unit.enrolments.roster_of_file(digest_of("other")) is None
        found = list(unit.enrolments.applications())
        assert [one.admission for one in found] == admissions
        assert [(one.line, one.candidate) for one in found] == candidates
        assert unit.enrolments.application(admissions[3]) == found[3]
        assert {one.eligible for one in found} == {None}
        with pytest.raises(NotHere):
            unit.enrolments.application("1")


def test_the_same_people_in_two_rosters_are_the_same_people(empty):
    candidates = candidates_of(12)
    with empty.write() as unit:
        unit.enrolments.add_roster(roster_of("R-2026-11-0001", 12), candidates)
        unit.enrolments.add_roster(roster_of("R-2026-11-0002", 12), list(reversed(candidates)))
    with empty.read() as unit:
        first, second = (
            [one.person for one in unit.enrolments.applications(roster=f"R-2026-11-000{number}")] for number in (1, 2)
        )
    assert second == list(reversed(first))
    assert len(set(first)) == 12


def test_who_is_known_by_another_identity_is_the_same_person_and_keeps_what_each_application_states(empty):
    (line, candidate), (_, other) = candidates_of(2)
    with empty.write() as unit:
        unit.enrolments.add_roster(roster_of("R-2026-11-0001", 1), [(line, candidate)])
    with empty.read() as unit:
        (first,) = unit.enrolments.applications()
    again = replace(candidate, identity_type=other.identity_type, identity_number=other.identity_number)
    known = {line: first.person}
    with empty.write() as unit:
        assert unit.enrolments.still_open(PROGRAMME, [again]) == set()
        assert unit.enrolments.still_open(PROGRAMME, [again], known=known) == {line}
        (admission,) = unit.enrolments.add_roster(roster_of("R-2026-11-0002", 1), [(line, again)], known=known)
    with empty.write() as unit:
        second = unit.enrolments.application(admission)
        assert (second.person, second.candidate.identity_number) == (first.person, other.identity_number)
        only_the_kind = Replacement(
            id="X-2026-11-0001",
            kind=ReplacementKind.CORRECTION,
            number="",
            revision=1,
            corrected={Corrected.IDENTITY_TYPE: "other"},
            reason=None,
            asked_by="alice",
            asked_at=NOW,
            jti="",
        )
        # What is not corrected stays as that application states it, not as the person was first enrolled.
        index = unit.replacements._identity_index(admission, only_the_kind)
    assert index == identity_index(KEYS, "other", other.identity_number)


def test_one_person_applies_for_two_levels_in_one_roster_but_not_twice_for_one(empty):
    (line, candidate), *_ = candidates_of(1)
    other = replace(candidate, level="3" if candidate.level != "3" else "2")
    with empty.write() as unit:
        unit.enrolments.add_roster(roster_of("R-2026-11-0001", 2), [(line, candidate), (line + 1, other)])
    with empty.read() as unit:
        assert len({one.person for one in unit.enrolments.applications()}) == 1
    with pytest.raises(RowRefused) as caught, empty.write() as unit:
        unit.enrolments.add_roster(roster_of("R-2026-11-0002", 2), [(line, candidate), (line + 1, candidate)])
    assert caught.value.code == "store/row-refused"
    assert candidate.identity_number not in str(caught.value) + repr(caught.value.__cause__)


def test_the_same_file_is_not_kept_twice(empty):
    with empty.write() as unit:
        unit.enrolments.add_roster(roster_of("R-2026-11-0001", 0, file="a"), [])
    with pytest.raises(RowRefused), empty.write() as unit:
        unit.enrolments.add_roster(roster_of("R-2026-11-0002", 0, file="a"), [])


def test_applications_are_found_by_what_was_decided(empty):
    clock, catalogue = SettableClock(), load_catalogue()
    import_roster(empty, clock, catalogue.programme(PROGRAMME), sample_roster(count=40), person="alice")
    with empty.read() as unit:
        everybody = {one.admission for one in unit.enrolments.applications()}
        assert {one.admission for one in unit.enrolments.applications(undecided=True)} == everybody
        assert list(unit.enrolments.applications(eligible=True)) == []
        assert list(unit.enrolments.applications(eligible=False)) == []
    decided = decide_applications(empty, clock, catalogue, ISSUER, person="alice")
    with empty.read() as unit:
        may, may_not = (list(unit.enrolments.applications(eligible=answer)) for answer in (True, False))
        assert (len(may), len(may_not)) == (decided.eligible, decided.refused)
        assert may_not
        assert {one.eligible for one in may} == {True}
        assert all(one.rule for one in may)
        assert {(one.eligible, one.rule) for one in may_not} == {(False, None)}
        assert {one.admission for one in [*may, *may_not]} == everybody
        assert list(unit.enrolments.applications(undecided=True)) == []
        reasons = unit.enrolments.findings(may_not[0].admission)
        assert {frozenset(one) for one in reasons} == {frozenset({"rule", "condition", "held", "zh", "en"})}
        assert any(one["held"] is False for one in reasons)
        levels = [len(list(unit.enrolments.applications(level=level))) for level in ("1", "2", "3")]
        assert sum(levels) == 40


def test_a_decision_is_written_once(store):
    with store.read() as unit:
        one = next(unit.enrolments.applications(eligible=True))
    decision = decide(one.candidate, load_catalogue().programme(PROGRAMME), one.level, on=date(2026, 11, 1))
    with store.write() as unit:
        with pytest.raises(StateMoved):
            unit.enrolments.decide(one.admission, decision, "alice", NOW)
        with pytest.raises(NotHere):
            unit.enrolments.decide("0", decision, "alice", NOW)


# — marks —


@pytest.fixture
def eligible(empty):
    """A database with one eligible application."""
    clock, catalogue = SettableClock(), load_catalogue()
    import_roster(empty, clock, catalogue.programme(PROGRAMME), sample_roster(count=1), person="alice")
    decide_applications(empty, clock, catalogue, ISSUER, person="alice")
    with empty.read() as unit:
        return empty, next(unit.enrolments.applications(eligible=True))


def test_the_latest_confirmed_sheet_counts(eligible):
    store, one = eligible
    with store.write() as unit:
        assert unit.marks.awaited(PROGRAMME) == {one.admission: one.level}
        for number, at in (("10000", NOW + timedelta(days=1)), ("9999", NOW), ("10001", NOW + timedelta(days=2))):
            sheet = sheet_of(f"S-2026-11-{number}", at=at)
            marks = [Mark(admission=one.admission, paper="theory", hundredths=int(number))]
            unit.marks.add_sheet(sheet, [*marks, Mark(admission=one.admission, paper="work", hundredths=None)])
        assert unit.marks.awaited(PROGRAMME) == {}
        assert list(unit.marks.confirmed(PROGRAMME, one.level)) == []
        unit.marks.confirm("S-2026-11-10000", "carol", NOW + timedelta(days=3))
        unit.marks.confirm("S-2026-11-9999", "carol", NOW + timedelta(days=4))
    with store.read() as unit:
        (marked,) = unit.marks.confirmed(PROGRAMME, one.level)
        assert marked.application == one
        assert (marked.sheet.id, marked.sheet.confirmed_by) == ("S-2026-11-10000", "carol")
        assert [(mark.paper, mark.hundredths) for mark in marked.marks] == [("theory", 10000), ("work", None)]
        assert [sheet.id for sheet in unit.marks.sheets()] == [f"S-2026-11-{one}" for one in ("9999", "10000", "10001")]
        assert list(unit.marks.confirmed(PROGRAMME, "9")) == []


def test_a_sheet_is_confirmed_once_and_by_another_person(eligible):
    store, one = eligible
    sheet = sheet_of("S-2026-11-0001")
    with store.write() as unit:
        unit.marks.add_sheet(sheet, [Mark(admission=one.admission, paper="p", hundredths=6000)])
        assert unit.marks.sheet(sheet.id) == sheet == unit.marks.sheet_of_file(sheet.file_digest)
        assert unit.marks.marks(sheet.id) == [Mark(admission=one.admission, paper="p", hundredths=6000)]
    with pytest.raises(RowRefused, match="two_people"), store.write() as unit:
        unit.marks.confirm(sheet.id, "BOB", NOW)
    with store.write() as unit:
        unit.marks.confirm(sheet.id, "carol", NOW)
        with pytest.raises(StateMoved):
            unit.marks.confirm(sheet.id, "dave", NOW)
        assert unit.marks.sheet(sheet.id) == replace(sheet, confirmed_by="carol", confirmed_at=NOW)
        with pytest.raises(NotHere):
            unit.marks.sheet("S-0")
        assert unit.marks.sheet_of_file(digest_of("x")) is None


@pytest.mark.parametrize("what", ["admission", "twice"])
def test_marks_without_an_application_or_given_twice_are_refused(eligible, what):
    store, one = eligible
    mark = Mark(admission=one.admission, paper="p", hundredths=6000)
    marks = [replace(mark, admission="0")] if what == "admission" else [mark, replace(mark, hundredths=9000)]
    with pytest.raises(RowRefused), store.write() as unit:
        unit.marks.add_sheet(sheet_of("S-2026-11-0001"), marks)
    with store.read() as unit:
        assert unit.marks.sheets() == []


# — batches —


def reserved(store, name: str, key: str, one, *, numbers=None, revision: int = 1):
    """Reserve a batch of one certificate for an application."""
    with store.read() as unit:
        like = unit.batches.batches()
        sheet = unit.marks.sheets()[0].id
    base = like[0]
    batch = replace(
        base,
        id=name,
        batch=batch_id(ISSUER, key),
        idempotency_key=key,
        size=1,
        state=AnchorState.RESERVED,
        root=None,
        manifest=None,
        approved_by=None,
        approved_at=None,
        approval=None,
        transaction=None,
        placement=None,
        delivered_at=None,
        failure=None,
    )
    reservation = Reservation(
        number=numbers or new_certificate_number(ISSUER, 2026),
        revision=revision,
        key=new_certificate_key(),
        jti=f"urn:uuid:{key}",
        leaf=0,
        person=one.person,
        admission=one.admission,
        sheet=sheet,
        status_list=5,
        status_index=int(key),
        roster_salt=b"\1" * 32,
        score_salt=b"\2" * 32,
    )
    with store.write() as unit:
        unit.batches.reserve(batch, [reservation])
    return batch, reservation


def signed(store, batch) -> SignedCredential:
    one = SignedCredential(leaf=0, jwt="a.b." + batch.id, digest=digest_of(batch.id), disclosures={"name": "安"})
    with store.write() as unit:
        unit.batches.add_credentials(batch.id, [one])
    return one


def placed(batch) -> Placement:
    return Placement(
        seq=9, block_number=9, block_hash=block(9).hash, block_time=NOW, transaction=transaction(batch.id).hash
    )


def to_final(store, batch) -> None:
    tree = MerkleTree([leaf_hash(b"x")])
    with store.write() as unit:
        unit.batches.seal(batch.id, root=tree.root, manifest=b"{}", levels=tree.levels)
        unit.batches.approve(batch.id, person="dave", at=NOW, approval=APPROVAL)
        unit.batches.sign(batch.id, transaction(batch.id, nonce=int(batch.idempotency_key)), NOW)
        unit.batches.move(batch.id, AnchorState.SIGNED, AnchorState.SENT)
        unit.batches.move(batch.id, AnchorState.SENT, AnchorState.INCLUDED)
        unit.batches.place(batch.id, placed(batch))


@pytest.fixture
def applicant(store):
    with store.read() as unit:
        return next(unit.enrolments.applications(eligible=False))


def test_a_batch_goes_its_way_and_comes_back_as_it_stands(store, applicant):
    batch, reservation = reserved(store, "B-2026-11-0002", "7", applicant)
    with store.read() as unit:
        assert unit.batches.batch(batch.id) == batch
        assert unit.batches.of_key("7") == batch == unit.batches.of_chain(batch.batch)
        assert unit.batches.of_key("8") is None
        assert unit.batches.of_chain(BatchId(bytes(32))) is None
        assert [one.id for one in unit.batches.batches()] == unit.batches.names() == ["B-2026-11-0001", batch.id]
        assert unit.batches.batches(AnchorState.RESERVED, AnchorState.SEALED) == [batch]
        assert unit.batches.reservations(batch.id) == [reservation]
        assert unit.batches.used_status_indices(5) == {7}
        assert unit.batches.signed_leaves(batch.id) == set()
        assert unit.batches.leaves(batch.id) == []
        with pytest.raises(NotHere):
            unit.batches.proof(batch.id, 0)
        (certificate,) = unit.batches.certificates(batch_id=batch.id)
        assert (certificate.jwt, certificate.digest, certificate.disclosures) == (None, None, None)
        with pytest.raises(NotHere):
            unit.batches.batch("B-0")
    one = signed(store, batch)
    with store.read() as unit:
        assert unit.batches.signed_leaves(batch.id) == {0}
        assert unit.batches.digests(batch.id) == [one.digest]
        (certificate,) = unit.batches.certificates(batch_id=batch.id)
        assert (certificate.jwt, certificate.digest, certificate.disclosures) == (one.jwt, one.digest, {"name": "安"})
    to_final(store, batch)
    with store.write() as unit:
        unit.batches.deliver(batch.id, NOW)
        final = unit.batches.batch(batch.id)
        with pytest.raises(StateMoved):
            unit.batches.deliver(batch.id, NOW)
    assert (final.state, final.approved_by, final.approval) == (AnchorState.FINAL, "dave", APPROVAL)
    assert final.placement == placed(batch)
    assert (final.delivered_at, final.failure) == (NOW, None)
    with store.read() as unit:
        assert list(unit.unsealed_rows()) == []


@pytest.mark.parametrize("wanted", [AnchorState.FINAL, AnchorState.SIGNED, AnchorState.RESERVED])
def test_steps_that_the_state_table_does_not_have_are_refused(store, applicant, wanted):
    batch, _ = reserved(store, "B-2026-11-0002", "7", applicant)
    with store.write() as unit, pytest.raises(TransitionForbidden):
        unit.batches.move(batch.id, AnchorState.RESERVED, wanted)
    with store.write() as unit, pytest.raises(StateMoved):
        unit.batches.move(batch.id, AnchorState.SIGNED, AnchorState.SENT)
    with store.write() as unit, pytest.raises(StateMoved):
        unit.batches.approve(batch.id, person="dave", at=NOW, approval=APPROVAL)


def test_a_failure_keeps_its_reason_until_the_batch_is_approved_again(store, applicant):
    batch, _ = reserved(store, "B-2026-11-0002", "7", applicant)
    signed(store, batch)
    tree = MerkleTree([leaf_hash(b"x")])
    with store.write() as unit:
        unit.batches.seal(batch.id, root=tree.root, manifest=b"{}", levels=tree.levels)
        unit.batches.approve(batch.id, person="dave", at=NOW, approval=APPROVAL)
        unit.batches.sign(batch.id, transaction("first", nonce=5), NOW)
        unit.batches.move(batch.id, AnchorState.SIGNED, AnchorState.SENT)
        unit.batches.move(batch.id, AnchorState.SENT, AnchorState.FAILED, failure="paused")
    with store.write() as unit:
        assert unit.batches.batch(batch.id).failure == "paused"
        unit.batches.approve(batch.id, person="erin", at=NOW, approval=APPROVAL)
        again = unit.batches.batch(batch.id)
        assert (again.state, again.failure, again.transaction, again.approved_by) == (
            AnchorState.APPROVED,
            None,
            None,
            "erin",
        )
        assert unit.outbox.transaction(transaction("first").hash).nonce == 5
        unit.batches.sign(batch.id, transaction("second", nonce=6), NOW)
        unit.batches.move(batch.id, AnchorState.SIGNED, AnchorState.SENT)
        unit.batches.move(batch.id, AnchorState.SENT, AnchorState.FAILED, failure="lapsed")
        unit.batches.move(batch.id, AnchorState.FAILED, AnchorState.CANCELLED)
        assert unit.batches.batch(batch.id).failure == "lapsed"


LAPSES = datetime.fromtimestamp(APPROVAL.deadline, UTC)


def test_a_batch_is_approved_anew_when_its_approval_has_lapsed_and_not_before(store, applicant):
    batch, _ = reserved(store, "B-2026-11-0002", "7", applicant)
    tree = MerkleTree([leaf_hash(b"x")])
    with store.write() as unit:
        unit.batches.seal(batch.id, root=tree.root, manifest=b"{}", levels=tree.levels)
        unit.batches.approve(batch.id, person="dave", at=NOW, approval=APPROVAL)
        with pytest.raises(StateMoved):
            unit.batches.approve(batch.id, person="erin", at=LAPSES - timedelta(seconds=1), approval=APPROVAL)
        later = replace(APPROVAL, deadline=APPROVAL.deadline + 1000)
        unit.batches.approve(batch.id, person="erin", at=LAPSES, approval=later)
        again = unit.batches.batch(batch.id)
    assert (again.state, again.approved_by, again.approval) == (AnchorState.APPROVED, "erin", later)


def test_a_request_is_approved_anew_when_its_approval_has_lapsed_and_not_before(store):
    request = request_for("N")
    with store.write() as unit:
        unit.status_requests.add(request)
        unit.status_requests.approve(request.id, person="dave", at=NOW, approval=APPROVAL, status_nonces=(1,))
        early = LAPSES - timedelta(seconds=1)
        with pytest.raises(StateMoved):
            unit.status_requests.approve(request.id, person="erin", at=early, approval=APPROVAL, status_nonces=(1,))
        unit.status_requests.approve(request.id, person="erin", at=LAPSES, approval=APPROVAL, status_nonces=(1,))
        again = unit.status_requests.request(request.id)
        assert (again.state, again.approved_by, again.status_nonces) == (RequestState.APPROVED, "erin", (1,))
        unit.status_requests.sign(request.id, transaction("t", nonce=5), NOW)
        with pytest.raises(StateMoved):
            unit.status_requests.approve(request.id, person="dave", at=LAPSES, approval=APPROVAL, status_nonces=(3,))


def test_a_request_is_approved_anew_when_its_batches_were_suspended_once_more(store):
    request = replace(request_for("N", wanted=Status.VALID), reason=Reason.INVESTIGATION_CLOSED)
    with store.write() as unit:
        unit.status_requests.add(request)
        unit.status_requests.approve(request.id, person="dave", at=NOW, approval=APPROVAL, status_nonces=(1,))
        unit.status_requests.approve(request.id, person="erin", at=NOW, approval=APPROVAL, status_nonces=(2,))
        again = unit.status_requests.request(request.id)
    assert (again.approved_by, again.status_nonces) == ("erin", (2,))


def test_what_was_reserved_is_never_given_again(store, applicant):
    _, first = reserved(store, "B-2026-11-0002", "7", applicant)
    for same in ("number", "key", "status_index"):
        batch = replace(
            store_batch(store), id="B-2026-11-0003", batch=batch_id(ISSUER, "9"), idempotency_key="9", size=1
        )
        fresh = replace(
            first,
            number=new_certificate_number(ISSUER, 2026),
            key=new_certificate_key(),
            jti="urn:uuid:x",
            status_index=99,
        )
        with pytest.raises(RowRefused), store.write() as unit:
            unit.batches.reserve(batch, [replace(fresh, **{same: getattr(first, same)})])
        with store.read() as unit:
            assert unit.batches.names() == ["B-2026-11-0001", "B-2026-11-0002"]


def store_batch(store):
    with store.read() as unit:
        return unit.batches.batches()[0]


def test_a_leaf_that_was_not_reserved_and_one_that_is_signed_already_take_no_credential(store, applicant):
    batch, _ = reserved(store, "B-2026-11-0002", "7", applicant)
    one = signed(store, batch)
    with pytest.raises(NotHere), store.write() as unit:
        unit.batches.add_credentials(batch.id, [replace(one, leaf=1)])
    with pytest.raises(RowRefused), store.write() as unit:
        unit.batches.add_credentials(batch.id, [replace(one, digest=digest_of("other"))])


def test_a_certificate_is_found_by_number_key_and_place_however_the_number_is_typed(store, contents):
    with store.read() as unit:
        for one in unit.batches.certificates():
            number = one.reservation.number
            for typed in (number, number.lower(), number.replace("-", ""), number.replace("-", " ")):
                assert unit.batches.by_number(typed) == one
            assert unit.batches.by_number(number, 1) == one
            assert unit.batches.by_number(number, 2) is None
            assert unit.batches.by_key(one.reservation.key) == one
            assert unit.batches.by_leaf(contents.chain_id, one.reservation.leaf) == one
        assert unit.batches.by_number("GSAI-2026-0000000000X") is None
        assert unit.batches.by_leaf(contents.chain_id, contents.size) is None
        assert unit.batches.by_leaf(BatchId(bytes(32)), 0) is None


def test_certificates_come_page_by_page(store, contents):
    with store.read() as unit:
        everything = list(unit.batches.certificates())
        assert len(everything) == contents.size
        pages = [list(unit.batches.certificates(after=start, limit=5)) for start in range(0, contents.size, 5)]
        assert [one for page in pages for one in page] == everything
        assert list(unit.batches.certificates(limit=0)) == []
        assert list(unit.batches.certificates(batch_id="B-0")) == []
        assert list(unit.batches.certificates(batch_id=contents.batch, limit=3)) == everything[:3]


def test_a_correction_on_its_way_does_not_hide_what_stands(store, contents):
    with store.read() as unit:
        first = next(unit.batches.certificates())
        one = unit.enrolments.application(first.reservation.admission)
    number = first.reservation.number
    batch, _ = reserved(store, "B-2026-11-0002", "7", one, numbers=number, revision=2)
    with store.read() as unit:
        assert unit.batches.by_number(number) == first
        assert unit.batches.by_number(number, 2).reservation.revision == 2
    signed(store, batch)
    to_final(store, batch)
    # Final, and still the first one stands: the chain does not say yet that the second took its place.
    with store.read() as unit:
        assert unit.batches.by_number(number) == first
        assert unit.batches.shown_by_number(number) == first
    supersedes = Superseded(
        issuer=ISSUER,
        batch=contents.chain_id,
        approver=APPROVER,
        indices=(first.reservation.leaf,),
        target_contract=BODY.contract.address,
        target_issuer=ISSUER,
        new_batch=batch.batch,
        new_indices=(0,),
        reason=37,
    )
    # What another issuer writes of it, or its own issuer of another contract, changes nothing here.
    strangers = [
        replace(supersedes, issuer=IssuerCode("ELSEWHERE")),
        replace(supersedes, target_contract=Address("0x" + "c1" * 20)),
    ]
    with store.write() as unit:
        for content in strangers:
            record = Record(position=position(unit.projection.size(), "stranger"), content=content)
            unit.projection.extend(head(9), [record])
        assert unit.projection.successors(ISSUER, batch.batch) == set()
    with store.read() as unit:
        assert unit.batches.by_number(number) == first
    with store.write() as unit:
        record = Record(position=position(unit.projection.size(), "superseded"), content=supersedes)
        unit.projection.extend(head(9), [record])
        assert unit.projection.successors(ISSUER, batch.batch) == {0}
        assert record in unit.projection.concerning(ISSUER, batch.batch, 0)
        assert record in unit.projection.concerning(ISSUER, contents.chain_id, first.reservation.leaf)
    with store.read() as unit:
        assert unit.batches.by_number(number).reservation.revision == 2
        assert unit.batches.by_number(number, 1) == first


def test_what_a_person_holds_is_told_by_final_batches_of_that_programme(store, contents):
    with store.read() as unit:
        one = next(unit.batches.certificates()).reservation
        assert unit.batches.held_by(one.person, PROGRAMME) == [("1", contents.chain_id, one.leaf)]
        assert unit.batches.held_by(one.person, "AIGC") == []
        assert unit.batches.held_by(one.person, "AIGC_APP_ENG") == []
        assert unit.batches.held_by("nobody", PROGRAMME) == []
        application = unit.enrolments.application(one.admission)
    reserved(store, "B-2026-11-0002", "7", application)
    with store.read() as unit:
        assert len(unit.batches.held_by(one.person, PROGRAMME)) == 1


def test_after_a_revocation_who_is_in_a_batch_under_way_gets_no_second_one(store, contents):
    with store.read() as unit:
        one = unit.batches.by_number(contents.number).reservation  # leaves are drawn: the last may be revoked already
        application = unit.enrolments.application(one.admission)
    revoked = StatusChanged(
        issuer=ISSUER,
        batch=contents.chain_id,
        approver=APPROVER,
        code=Status.REVOKED,
        changes=changes_of([one.leaf]),
        count=1,
        reason=32,
    )
    asked = ISSUER, one.person, PROGRAMME, "1"
    with store.write() as unit:
        assert _still_certified(unit, *asked)
        record = Record(position=position(unit.projection.size(), "revoked"), content=revoked)
        unit.projection.extend(head(9), [record])
        assert not _still_certified(unit, *asked)
        assert unit.pieces.on_their_way(f"{PROGRAMME}/1", [one.person]) == set()
    batch, _ = reserved(store, "B-2026-11-0002", "7", application)
    with store.read() as unit:
        assert unit.pieces.on_their_way(f"{PROGRAMME}/1", [one.person]) == {one.person}
        assert _still_certified(unit, *asked)
    with store.write() as unit:
        unit.batches.move(batch.id, AnchorState.RESERVED, AnchorState.CANCELLED)
    with store.read() as unit:
        assert not _still_certified(unit, *asked)


def test_who_was_in_a_batch_that_the_members_revoked_holds_nothing_and_may_get_another(store, contents):
    with store.read() as unit:
        one = unit.batches.by_number(contents.number).reservation
    revoked = Voted(
        ballot=Ballot(
            kind=BallotKind.REVOKE_BATCH,
            subject=ISSUER.encode().ljust(32, b"\0"),
            arg=0,
            ref=contents.chain_id,
            salt=bytes(32),
        ),
        votes=1,
        outcome=BallotOutcome.ENACTED,
    )
    lifted = replace(revoked, ballot=replace(revoked.ballot, kind=BallotKind.LIFT_BATCH_SUSPENSION))

    def held() -> tuple[list[str], bool]:
        with store.read() as unit:
            levels = OwnRecords(unit, ISSUER, [])._standing(one.person, PROGRAMME)
            return list(levels), _still_certified(unit, ISSUER, one.person, PROGRAMME, "1")

    for step, expected in ((None, ([], True)), (lifted, (["1"], True)), (revoked, ([], False))):
        if step is not None:
            with store.write() as unit:
                unit.projection.extend(
                    head(9), [Record(position=position(unit.projection.size(), str(step.ballot.kind)), content=step)]
                )
        assert held() == expected


def test_who_has_a_certificate_waits_for_none_unless_the_batch_was_cancelled(store, contents):
    with store.read() as unit:
        assert list(unit.marks.confirmed(PROGRAMME, "1")) != []  # those who failed
        waiting = {one.application.admission for one in unit.marks.confirmed(PROGRAMME, "1")}
        issued = {one.reservation.admission for one in unit.batches.certificates()}
        assert not waiting & issued
        assert set(unit.marks.marked(contents.batch)) == issued
        (free, *_) = (one.application for one in unit.marks.confirmed(PROGRAMME, "1"))
    batch, _ = reserved(store, "B-2026-11-0002", "7", free)
    with store.write() as unit:
        assert free.admission not in {one.application.admission for one in unit.marks.confirmed(PROGRAMME, "1")}
        unit.batches.move(batch.id, AnchorState.RESERVED, AnchorState.CANCELLED)
        assert free.admission in {one.application.admission for one in unit.marks.confirmed(PROGRAMME, "1")}


@pytest.mark.parametrize("size", [1, 2, 3, 1023, 1024, 1025, 2600])
def test_a_tree_of_any_size_is_read_back_and_proven(store, size):
    tree = MerkleTree([leaf_hash(number.to_bytes(4, "big")) for number in range(size)])
    batch = replace(
        store_batch(store), id="B-2026-11-0003", batch=batch_id(ISSUER, "3"), idempotency_key="3", size=size
    )
    with store.write() as unit:
        unit.batches.reserve(batch, [])
    with store.write() as unit:
        unit.batches.seal(batch.id, root=tree.root, manifest=b"{}", levels=tree.levels)
    with store.read() as unit:
        assert unit.batches.leaves(batch.id) == [tree.leaf(index) for index in range(size)]
        for index in {0, 1, size // 2, 1023, 1024, size - 1}:
            if index < size:
                proof = unit.batches.proof(batch.id, index)
                assert proof == tree.proof(index)
                require_included(tree.leaf(index), proof, tree.root)
        with pytest.raises(NotHere):
            unit.batches.proof(batch.id, size)


# — outbox and requests —


def test_transactions_are_kept_for_ever_and_listed_by_nonce(store):
    with store.read() as unit:
        assert unit.outbox.next_nonce(SENDER) == 2
        assert unit.outbox.next_nonce(APPROVER) == 0
        assert [one.nonce for one in unit.outbox.since(SENDER, 0)] == [0, 1]
        assert unit.outbox.since(SENDER, 1) == [transaction("revoke", nonce=1)]
        assert unit.outbox.since(SENDER, 2) == unit.outbox.since(APPROVER, 0) == []
        assert unit.outbox.transaction(transaction("anchor").hash) == transaction("anchor")
        with pytest.raises(NotHere):
            unit.outbox.transaction(transaction("none").hash)


BATCH = BatchId(bytes(32))


def request_for(*numbers: str, name: str = "C-2026-11-0002", wanted: Status = Status.REVOKED) -> StatusRequest:
    return StatusRequest(
        id=name,
        issuer=ISSUER,
        batches=(BATCH,),
        certificates=tuple(
            Target(number=CertificateNumber(number), revision=1, leaf=leaf) for leaf, number in enumerate(numbers, 3)
        ),
        wanted=wanted,
        reason=Reason.MISCONDUCT,
        state=RequestState.REQUESTED,
        requested_by="alice",
        requested_at=NOW,
    )


def test_a_request_goes_its_way(store):
    request = request_for("N")
    with store.write() as unit:
        unit.status_requests.add(request)
        assert unit.status_requests.request(request.id) == request
        assert unit.status_requests.open_on(BATCH) == [request]
        assert unit.status_requests.open_on(BatchId(b"x" * 32)) == []
        with pytest.raises(StateMoved):
            unit.status_requests.sign(request.id, transaction("t", nonce=5), NOW)
        assert unit.outbox.next_nonce(SENDER) == 2
        unit.status_requests.approve(request.id, person="dave", at=NOW, approval=APPROVAL, status_nonces=())
        with pytest.raises(StateMoved):
            unit.status_requests.approve(request.id, person="erin", at=NOW, approval=APPROVAL, status_nonces=())
        unit.status_requests.sign(request.id, transaction("t", nonce=5), NOW)
        unit.status_requests.move(request.id, RequestState.SIGNED, RequestState.SENT)
        unit.status_requests.move(request.id, RequestState.SENT, RequestState.FINAL, seq=12)
        done = unit.status_requests.request(request.id)
        assert done == replace(
            request,
            state=RequestState.FINAL,
            approved_by="dave",
            approved_at=NOW,
            approval=APPROVAL,
            transaction=transaction("t").hash,
            seq=12,
        )
        assert unit.status_requests.open_on(BATCH) == []
        names = [one.id for one in unit.status_requests.requests()]
        assert names == ["C-2026-11-0001", request.id, "C-2026-10-0001"]
        assert unit.status_requests.names() == names
        assert unit.status_requests.requests(RequestState.FINAL) == [done]
        with pytest.raises(NotHere):
            unit.status_requests.request("C-0")


def test_a_suspension_needs_no_approval(store):
    request = request_for("N", wanted=Status.SUSPENDED)
    with store.write() as unit:
        unit.status_requests.add(request)
        unit.status_requests.sign(request.id, transaction("t", nonce=5), NOW)
        assert unit.status_requests.request(request.id).state is RequestState.SIGNED


def of_batches(*batches: BatchId, name: str = "C-2026-11-0002", wanted: Status = Status.VALID) -> StatusRequest:
    return replace(request_for(name=name, wanted=wanted), batches=batches, reason=Reason.UNSPECIFIED)


def test_one_change_of_a_certificate_at_a_time(store):
    with store.write() as unit:
        unit.status_requests.add(request_for("M", "N"))
    with pytest.raises(RowRefused, match="one change at a time"), store.write() as unit:
        unit.status_requests.add(request_for("N", "O", name="C-2026-11-0003"))
    with store.write() as unit:
        assert len(unit.status_requests.requests()) == 3
        unit.status_requests.add(request_for("O", name="C-2026-11-0003"))
        unit.status_requests.move("C-2026-11-0002", RequestState.REQUESTED, RequestState.CANCELLED)
        unit.status_requests.add(request_for("N", name="C-2026-11-0004"))


def test_one_change_of_a_batch_as_a_whole_at_a_time(store):
    other = BatchId(b"o" * 32)
    with store.write() as unit:
        unit.status_requests.add(request_for("N"))  # certificates of the same batch are another matter
        unit.status_requests.add(of_batches(BATCH, name="C-2026-11-0003", wanted=Status.SUSPENDED))
        unit.status_requests.add(request_for("M", name="C-2026-11-0004"))
    with pytest.raises(RowRefused, match="one change at a time"), store.write() as unit:
        unit.status_requests.add(of_batches(other, BATCH, name="C-2026-11-0005"))
    with store.write() as unit:
        unit.status_requests.move("C-2026-11-0003", RequestState.REQUESTED, RequestState.CANCELLED)
        both = of_batches(other, BATCH, name="C-2026-11-0005")
        unit.status_requests.add(both)
        assert unit.status_requests.request(both.id) == both  # in the order that was asked for
        assert [one.id for one in unit.status_requests.open_on(other)] == [both.id]


def test_requests_that_concern_a_certificate_name_it_or_its_whole_batch(store):
    other = BatchId(b"o" * 32)
    with store.write() as unit:
        unit.status_requests.add(request_for("M", "N"))
        unit.status_requests.add(request_for("O", name="C-2026-11-0003"))
        unit.status_requests.add(of_batches(BATCH, name="C-2026-11-0004", wanted=Status.SUSPENDED))
        unit.status_requests.add(of_batches(other, name="C-2026-11-0005", wanted=Status.SUSPENDED))
    with store.read() as unit:
        concerning = unit.status_requests.concerning
        assert [one.id for one in concerning("N", BATCH)] == ["C-2026-11-0002", "C-2026-11-0004"]
        assert [one.id for one in concerning("O", other)] == ["C-2026-11-0003", "C-2026-11-0005"]
        assert list(concerning("P", BatchId(b"p" * 32))) == []


def test_a_request_of_many_comes_back_by_leaf_and_whole(store):
    request = request_for(*(f"N-{leaf:05d}" for leaf in range(2_500)))
    shuffled = replace(request, certificates=request.certificates[::-1])
    with store.write() as unit:
        unit.status_requests.add(shuffled)
    with store.read() as unit:
        assert unit.status_requests.request(request.id) == request


@pytest.mark.parametrize("table", ["status_batch", "status_certificate"])
def test_a_request_that_lost_a_row_is_not_read(store, table):
    request = request_for("M", "N")
    with store.write() as unit:
        unit.status_requests.add(request)
        connection = unit.journal._session.connection
        connection.exec_driver_sql(f"DROP TRIGGER {table}_not_deleted")
        connection.exec_driver_sql(f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")
    with store.read() as unit, pytest.raises(RowsMissing) as caught:
        unit.status_requests.request(request.id)
    assert (caught.value.code, caught.value.table, caught.value.of) == ("store/rows-missing", table, request.id)


# — the projection —


def test_records_come_back_and_go_on(empty):
    chain_id = BatchId(digest_of("batch"))
    records = records_of(chain_id, 400, digest_of("root"))
    with empty.write() as unit:
        assert (unit.projection.head(), unit.projection.size()) == (None, 0)
        unit.projection.extend(head(3), records[:3])
        unit.projection.extend(head(9), iter(records[3:]))
        unit.projection.extend(head(10), [])
    with empty.read() as unit:
        assert unit.projection.head() == head(10)
        assert unit.projection.size() == len(records)
        assert list(unit.projection.records()) == records
        assert list(unit.projection.records(first=2, last=4)) == records[2:5]
        assert list(unit.projection.records(first=99)) == []
    with pytest.raises(RowRefused), empty.write() as unit:
        unit.projection.extend(head(11), [replace(records[0], position=position(7))])
    with empty.read() as unit:
        assert unit.projection.head() == head(10)


def test_what_concerns_a_certificate_is_its_issuer_its_batch_and_its_own_word(empty):
    chain_id, other = BatchId(digest_of("batch")), BatchId(digest_of("other"))
    with empty.write() as unit:
        unit.projection.extend(head(9), records_of(chain_id, 400, digest_of("root")))
    with empty.read() as unit:

        def concerning(leaf, batch=chain_id):
            return [one.position.seq for one in unit.projection.concerning(ISSUER, batch, leaf)]

        assert concerning(3) == [1, 2, 3, 5, 7]  # word 0: suspended; superseded at 4
        assert concerning(128) == [1, 2, 4, 7]
        assert concerning(257) == [1, 2, 4, 5, 6, 7]
        assert concerning(399) == [1, 2, 7]
        assert concerning(3, other) == [1]
        assert unit.projection.concerning("OTHER", chain_id, 3) == ()
        assert [one.position.seq for one in unit.projection.of_batch(ISSUER, chain_id)] == [2, 3, 4, 5, 6, 7]


def test_what_concerns_an_issuer_as_such_is_of_no_batch_whatever_its_id(empty):
    zero = BatchId(bytes(32))  # the contract takes it as it takes any other
    with empty.write() as unit:
        unit.projection.extend(head(9), records_of(zero, 400, digest_of("root")))
    with empty.read() as unit:
        assert [one.position.seq for one in unit.projection.of_issuer(ISSUER)] == [1]
        assert len(unit.projection.concerning(ISSUER, zero, 0)) > 1
        assert unit.projection.of_issuer("OTHER") == ()


# — nothing grows with the square of anything, nothing is asked row by row —


class Statements:
    """What was asked of a database, with the parameters."""

    def __init__(self, store) -> None:
        self.asked: list[tuple[str, object]] = []
        for engine in (store._readers, store._writers):
            event.listen(engine, "before_cursor_execute", self._note, named=True)

    def _note(self, *, statement, parameters, executemany, **_) -> None:
        if statement.startswith(("SELECT", "UPDATE", "INSERT")):
            self.asked.append((statement, parameters[0] if executemany else parameters))


def test_bulk_reading_asks_page_by_page_and_not_row_by_row(store, contents):
    statements = Statements(store)
    with store.read() as unit:
        for read in (
            lambda: list(unit.batches.certificates()),
            lambda: unit.batches.reservations(contents.batch),
            lambda: unit.batches.digests(contents.batch),
            lambda: unit.batches.leaves(contents.batch),
            lambda: unit.marks.marked(contents.batch),
            lambda: list(unit.marks.confirmed(PROGRAMME, "1")),
            lambda: list(unit.enrolments.applications()),
        ):
            statements.asked.clear()
            assert len(read()) > 0
            assert len(statements.asked) <= 8


def test_bulk_writing_asks_piece_by_piece(empty):
    candidates = candidates_of(200)
    statements = Statements(empty)
    with empty.write() as unit:
        unit.enrolments.add_roster(roster_of("R-2026-11-0001", 200), candidates)
    assert len(statements.asked) == 4


def test_more_rows_than_a_page_and_more_people_than_one_question_names(empty):
    candidates = [
        (line, replace(candidate, identity_number=f"X{line:07d}"))
        for line, (_, candidate) in enumerate(candidates_of(1) * 2100, start=2)
    ]
    with empty.write() as unit:
        admissions = unit.enrolments.add_roster(roster_of("R-2026-11-0001", 2100), candidates)
    with empty.read() as unit:
        found = list(unit.enrolments.applications())
    assert [one.admission for one in found] == admissions
    assert [(one.line, one.candidate) for one in found] == candidates
    assert len({one.person for one in found}) == 2100


def test_no_hot_question_reads_a_whole_table(store, contents):
    with store.read() as unit:
        one = next(unit.batches.certificates()).reservation
    statements = Statements(store)
    with store.read() as unit:
        unit.batches.by_number(one.number)
        unit.batches.by_number(one.number, 1)
        unit.batches.by_key(one.key)
        unit.batches.by_leaf(contents.chain_id, one.leaf)
        unit.batches.held_by(one.person, PROGRAMME)
        unit.batches.proof(contents.batch, one.leaf)
        unit.batches.reservations(contents.batch)
        unit.batches.digests(contents.batch)
        unit.batches.signed_leaves(contents.batch)
        unit.batches.leaves(contents.batch)
        unit.batches.used_status_indices(0)
        list(unit.batches.certificates(batch_id=contents.batch, limit=20))
        list(unit.batches.certificates(limit=20))
        unit.marks.marked(contents.batch)
        unit.marks.awaited(PROGRAMME)
        list(unit.marks.confirmed(PROGRAMME, "1"))
        unit.enrolments.application(one.admission)
        unit.outbox.next_nonce(SENDER)
        unit.outbox.since(SENDER, 0)
        unit.status_requests.open_on(contents.chain_id)
        unit.status_requests.requests()
        unit.projection.concerning(ISSUER, contents.chain_id, one.leaf)
        unit.projection.of_batch(ISSUER, contents.chain_id)
        for kind in "RSBC":
            unit.next_name(kind, NOW)
    with store.write() as unit:
        unit.journal.write(at=NOW, person="alice", action="test", subject="x")
    large = ("person", "application", "score", "certificate", "credential", "tree_chunk", "chain_record", "chain_word")
    large += ("status_certificate", "status_batch")
    with store.read() as unit:
        for statement, parameters in statements.asked:
            if not statement.startswith("SELECT"):
                continue
            plan = unit.journal._session.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [step[3] for step in plan]
            scanned = [step for step in steps if step.startswith("SCAN") and step.split()[1] in large]
            assert not scanned, (statement, steps)
