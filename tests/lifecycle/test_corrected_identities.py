"""Who a holder is after several corrections of several certificates, and which rosters are taken meanwhile."""

from datetime import date
from itertools import count

import pytest

from registry.enrolment import IdentityType
from registry.ports.storage import StoredCertificate
from registry.store.replacing import SqlReplacements
from registry.workflows.enrolment.enrol import check_roster, decide_applications, import_roster
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance.approve import cancel
from registry.workflows.issuance.issue import propose
from registry.workflows.lineage.identities import is_stated
from registry.workflows.replacement.ask_replacement import withdraw_replacement
from tests.lifecycle.test_replacing import HEADER, NAMES, House, follow_now, house_at

PROGRAMME = "AIGC-APP-ENG"
PASSPORT = IdentityType.PASSPORT
NUMBERS = (f"E317{place:05}" for place in count())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return house_at(tmp_path_factory.mktemp("identities") / "home")


def row(number: str, level: str = "初级") -> bytes:
    return f"{HEADER}\r\n{next(NAMES)},护照,{number},{level},1980-01-01,女,本科,15\r\n".encode()


def problems(house: House, data: bytes) -> list[tuple[str, int, str]]:
    home = house.home
    found = check_roster(home.store, home.clock, home.catalogue.programme(PROGRAMME), data).problems
    return [(one.code, one.line, one.column) for one in found]


def enrolled(house: House, data: bytes) -> str:
    """Take a roster of one row, and name the person it is."""
    home = house.home
    programme = home.catalogue.programme(PROGRAMME)
    taken = import_roster(home.store, home.clock, programme, data, person="clerk-1").roster
    with home.store.read() as unit:
        (application,) = unit.enrolments.applications(roster=taken.id)
    return application.person


def stated(house: House, person: str, *numbers: str) -> list[bool]:
    follow_now(house)
    with house.home.store.read() as unit:
        return [is_stated(unit, person, PASSPORT.value, number, enrolled=False) for number in numbers]


def second_certificate(house: House, person: str, number: str) -> StoredCertificate:
    """Let a holder pass for another level, enrolled with this number."""
    home = house.home
    programme = home.catalogue.programme(PROGRAMME)
    assert enrolled(house, row(number, "中级")) == person
    decide_applications(home.store, home.clock, home.catalogue, home.issuer, person="clerk-1")
    with home.store.read() as unit:
        scores = "准考证号,成绩\n" + "".join(f"{one},90\n" for one in unit.marks.awaited(PROGRAMME))
    sheet = record_scores(
        home.store, home.clock, programme, scores.encode(), examined_on=date(2026, 11, 8), person="clerk-1"
    ).sheet
    confirm_sheet(home.store, home.clock, sheet.id, person="clerk-2")
    batch = propose(
        home.store,
        home.clock,
        home.catalogue,
        home.body,
        home.credential_signer(),
        programme=PROGRAMME,
        level="2",
        person="maker-1",
    )
    house.issue(house.approve(batch))
    with home.store.read() as unit:
        return next(one for one in unit.batches.certificates(batch_id=batch.id) if one.person == person)


@pytest.mark.parametrize("kept_by_an_earlier_version", [False, True])
def test_a_correction_of_the_name_alone_brings_no_earlier_identity_back(
    house: House, monkeypatch: pytest.MonkeyPatch, kept_by_an_earlier_version: bool
) -> None:
    if kept_by_an_earlier_version:  # what was carried over from the certificate before was kept as well
        monkeypatch.setattr(
            SqlReplacements,
            "_another_identity",
            lambda self, old, new: self._identity_index(old["admission"], new),
        )
    old = house.one()
    wrong, right = next(NUMBERS), next(NUMBERS)
    first = house.replaced(old, identity_type=PASSPORT, identity_number=wrong)
    follow_now(house)
    second = second_certificate(house, old.person, wrong)
    house.replaced(second, identity_number=right)
    assert stated(house, old.person, right, wrong) == [True, False]
    # Of the other certificate only the name: it says nothing new of who that is.
    again = house.replaced(first, name=next(NAMES))
    assert stated(house, old.person, right, wrong) == [True, False]
    # Control: a correction of the identity there does.
    other = next(NUMBERS)
    house.replaced(again, identity_number=other)
    assert stated(house, old.person, other, right, wrong) == [True, False, False]


def test_a_roster_with_any_identity_that_was_corrected_away_is_refused_in_that_row(house: House) -> None:
    old, middle, newest = house.one(), next(NUMBERS), next(NUMBERS)
    first = house.replaced(old, identity_type=PASSPORT, identity_number=middle)
    house.replaced(first, identity_number=newest)
    follow_now(house)
    assert problems(house, row(middle)) == [("enrol/identity-corrected", 2, "证件号码")]
    assert enrolled(house, row(newest)) == old.person


def test_a_number_given_by_mistake_and_taken_back_is_free_for_whose_it_is(house: House) -> None:
    old, mistake = house.one(), next(NUMBERS)
    enrolled_with = house.said(old).disclosed.identity_number
    first = house.replaced(old, identity_type=PASSPORT, identity_number=mistake)
    follow_now(house)
    assert stated(house, old.person, mistake) == [True]
    house.replaced(first, identity_type=IdentityType.RESIDENT_IDENTITY_CARD, identity_number=enrolled_with)
    follow_now(house)
    assert problems(house, row(mistake)) == []
    assert enrolled(house, row(mistake)) != old.person


def test_who_is_to_have_a_number_by_a_correction_under_way_is_taken_once_that_is_settled(house: House) -> None:
    waits = [("enrol/identity-under-correction", 2, "证件号码")]
    old, number, given_up = house.one(), next(NUMBERS), next(NUMBERS)
    # Asked for, and in no batch yet; withdrawn, it counts no more.
    asked = house.correct(old, identity_type=PASSPORT, identity_number=given_up)
    assert problems(house, row(given_up)) == waits
    assert problems(house, row(number)) == []
    withdraw_replacement(house.home.store, house.home.clock, asked.id, person="maker-1")
    assert problems(house, row(given_up)) == []
    # In a batch; cancelled with it, it counts no more.
    batch = house.propose(house.correct(old, identity_type=PASSPORT, identity_number=given_up))
    assert problems(house, row(given_up)) == waits
    cancel(house.home.store, house.home.clock, batch.id, person="maker-1")
    assert problems(house, row(given_up)) == []
    # Approved, and then in place: the same person.
    batch = house.approve(house.propose(house.correct(old, identity_type=PASSPORT, identity_number=number)))
    assert problems(house, row(number)) == waits
    house.issue(batch)
    follow_now(house)
    assert enrolled(house, row(number)) == old.person


def test_who_was_enrolled_under_a_number_is_no_less_known_while_another_is_to_be_corrected_to_it(house: House) -> None:
    old, number = house.one(), next(NUMBERS)
    other = enrolled(house, row(number))
    house.correct(old, identity_type=PASSPORT, identity_number=number)
    assert problems(house, row(number, "中级")) == []
    assert enrolled(house, row(number, "中级")) == other
