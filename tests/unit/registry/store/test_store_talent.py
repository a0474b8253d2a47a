"""What the database itself keeps of the talent database: consent, contact, requests; what its triggers refuse."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from registry.ports.storage import NotHere
from registry.ports.talents import ContactRequest, RequestAnswer, TalentContact, TalentEntry
from registry.store.database import RowRefused
from registry.store.people import PersonErased
from tests.unit.registry.store.attacks import attacked
from tests.unit.registry.store.filled import NOW, REACHED_BY, TALKS_ABOUT

LISTED, ASKED = "fedcba9876543210", "0f1e2d3c4b5a6978"


def entry_in(store) -> TalentEntry:
    with store.read() as unit:
        return unit.talents.entry(LISTED)


def found(store, at=NOW, **wanted: str) -> list[str]:
    words = {"level": "", "direction": "", "region": "", "after": "", **wanted}
    with store.read() as unit:
        return [one.id for one in unit.talents.search(at, programmes=["AIGC-APP-ENG"], limit=10, **words)]


def test_what_was_put_in_comes_out(store):
    entry = entry_in(store)
    assert (entry.scope, entry.region, entry.is_kept, entry.withdrawn_at) == ("AIGC-APP-ENG/1", "44", True, None)
    with store.read() as unit:
        assert unit.talents.contact(LISTED) == TalentContact(contact=REACHED_BY, wish=TALKS_ABOUT)
        assert [one.id for one in unit.talents.of_person(entry.person)] == [LISTED]
        (request,) = unit.talents.of_account("hr-1")
        assert (request.id, request.purpose, request.answer) == (ASKED, TALKS_ABOUT, RequestAnswer.ASKED)
        assert unit.talents.of_entry(LISTED) == [request] == [unit.talents.request(ASKED)]
        for missing in (unit.talents.entry, unit.talents.contact, unit.talents.request):
            with pytest.raises(NotHere):
                missing("nothing")


@pytest.mark.parametrize(
    "wanted", [{"level": "2"}, {"level": "%"}, {"region": "11"}, {"direction": "any"}, {"after": LISTED}]
)
def test_search_takes_every_word_as_it_is(store, wanted):
    assert found(store) == [LISTED]
    assert found(store, **wanted) == []


def test_search_ends_with_the_last_moment_and_without_programmes(store):
    end = entry_in(store).expires_at
    assert found(store, end - timedelta(microseconds=1)) == [LISTED]
    assert found(store, end) == []
    with store.read() as unit:
        nothing = {"level": "", "direction": "", "region": "", "after": ""}
        assert unit.talents.search(NOW, programmes=[], limit=10, **nothing) == []


def test_withdrawing_deletes_the_contact_from_the_file(store, database_file):
    with closing(sqlite3.connect(database_file)) as connection:
        (kept,) = connection.execute("SELECT contact FROM talent").fetchone()
    with store.write() as unit:
        unit.talents.withdraw(LISTED, NOW)
        unit.talents.withdraw(LISTED, NOW + timedelta(days=1))  # once is enough
    store.settle()
    assert kept not in b"".join(one.read_bytes() for one in database_file.parent.iterdir())
    assert entry_in(store).withdrawn_at == NOW
    assert found(store) == []
    with store.read() as unit, pytest.raises(NotHere):
        unit.talents.contact(LISTED)


def test_erasing_takes_contact_and_requests(store):
    entry = entry_in(store)
    with store.write() as unit:
        unit.enrolments.erase(entry.person, NOW)
    assert found(store) == []
    with store.read() as unit:
        assert unit.talents.of_account("hr-1") == []
        assert list(unit.unsealed_rows()) == []
        with pytest.raises(NotHere):
            unit.talents.request(ASKED)
    with store.write() as unit, pytest.raises(PersonErased):
        unit.talents.add(replace(entry, id="0" * 16), TalentContact(contact="a", wish="b"))


def test_what_is_over_is_forgotten_once(store):
    with store.write() as unit:
        assert unit.talents.forget_expired(NOW) == 0
        assert unit.talents.forget_expired(NOW + timedelta(days=180)) == 1
        assert unit.talents.forget_expired(NOW + timedelta(days=180)) == 0


def test_one_entry_a_certificate_and_one_request_an_account(store):
    entry = entry_in(store)
    with pytest.raises(RowRefused), store.write() as unit:
        unit.talents.add(replace(entry, id="0" * 16), TalentContact(contact="a", wish="b"))
    with store.read() as unit:
        request: ContactRequest = unit.talents.request(ASKED)
    with pytest.raises(RowRefused), store.write() as unit:
        unit.talents.ask(replace(request, id="0" * 16))
    with store.write() as unit:
        unit.talents.withdraw(LISTED, NOW)
        unit.talents.add(replace(entry, id="0" * 16), TalentContact(contact="a", wish="b"))
    assert found(store) == ["0" * 16]


def test_a_refusal_stands_whatever_asks(store):
    with store.write() as unit:
        unit.talents.answer(ASKED, RequestAnswer.AGREED, NOW)
        unit.talents.answer(ASKED, RequestAnswer.REFUSED, NOW)
    with pytest.raises(RowRefused, match="stays refused"), store.write() as unit:
        unit.talents.answer(ASKED, RequestAnswer.AGREED, NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE talent SET region = '11'",
        "UPDATE talent SET expires_at = expires_at + 1",
        "UPDATE talent SET contact = x'00'",
        "UPDATE talent SET withdrawn_at = 1",
        "UPDATE talent_request SET account = 'alice'",
        "DELETE FROM talent",
        "DELETE FROM talent_request",
    ],
)
def test_the_database_refuses_what_may_never_happen(store, database_file, statement):
    with closing(sqlite3.connect(database_file)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE talent SET region = '11'",
        "UPDATE talent SET expires_at = expires_at + 1",
        "UPDATE talent_request SET answer = 'agreed', answered_at = 1",
    ],
)
def test_an_edit_past_the_software_is_found(store, database_file, statement):
    with attacked(database_file) as connection:
        connection.execute(statement)
    with store.read() as unit:
        assert {table for table, _ in unit.unsealed_rows() if table != "schema"} == {statement.split()[1]}
