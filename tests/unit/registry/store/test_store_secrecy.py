import base64
import hmac
import sqlite3
from contextlib import closing

import pytest

from api.demo_data import sample_roster
from registry.access import Account, AccountKind, Role
from registry.enrolment import IdentityType
from registry.kernel.errors import IntegrityFault
from registry.ports.replacements import Corrected, Replacement, ReplacementKind
from registry.ports.storage import NotHere
from registry.programme import load_catalogue
from registry.store import DataKeys, open_database
from registry.store.people import PersonErased
from registry.store.vault import (
    CiphertextUnreadable,
    decrypt,
    encrypt,
    identity_index,
    new_person_key,
    unwrap_person_key,
)
from registry.workflows.enrolment.enrol import import_roster
from tests.unit.registry.store.attacks import attacked
from tests.unit.registry.store.filled import KEYS, NOW, PROGRAMME, SettableClock, fill

# — the vault —


@pytest.mark.parametrize(
    ("kind", "number", "index"),
    [
        (
            "resident-identity-card",
            "11010519491231002X",
            "cd2bd97405fbad05d1247c267a2e968a8241bbd1fa49f38d1f3513532deceac8",
        ),
        ("passport", "X0000037", "d41be12c2707c496085518d0a9e2a4ea45ae3499f67928e8eb44b6f9798dea49"),
    ],
)
def test_identity_index_vectors(kind, number, index):
    message = b"vermilion/identity-index/1\0" + kind.encode() + b"\0" + number.encode()
    assert identity_index(KEYS, kind, number) == hmac.digest(KEYS.index, message, "sha256")
    assert identity_index(KEYS, kind, number).hex() == index


def test_a_person_is_found_however_the_number_is_typed_and_by_its_type_and_key_only():
    plain = identity_index(KEYS, IdentityType.RESIDENT_IDENTITY_CARD, "11010519491231002X")
    for typed in (
        "11010519491231002x",
        " 11010519491231002X ",
        "１１０１０５１９４９１２３１００２Ｘ",
        "110105 19491231 002x",
    ):
        assert identity_index(KEYS, IdentityType.RESIDENT_IDENTITY_CARD, typed) == plain
    assert identity_index(KEYS, IdentityType.PASSPORT, "11010519491231002X") != plain
    assert identity_index(KEYS, IdentityType.RESIDENT_IDENTITY_CARD, "110105194912310021") != plain
    other = DataKeys(data=KEYS.data, index=bytes(32), seal=KEYS.seal)
    assert identity_index(other, IdentityType.RESIDENT_IDENTITY_CARD, "11010519491231002X") != plain


def test_the_stored_form_and_what_it_is_bound_to():
    key, wrapped = new_person_key(KEYS, "person-1")
    stored = encrypt(key, "person-1", "field", "安小雨".encode())
    assert stored[0] == 1
    assert len(stored) == 1 + 12 + len("安小雨".encode()) + 16
    assert decrypt(key, "person-1", "field", stored) == "安小雨".encode()
    assert unwrap_person_key(KEYS, "person-1", wrapped) == key
    assert stored != encrypt(key, "person-1", "field", "安小雨".encode())
    for person, field in (("person-2", "field"), ("person-1", "other"), ("person-1\0field", "")):
        with pytest.raises(CiphertextUnreadable) as caught:
            decrypt(key, person, field, stored)
        assert isinstance(caught.value, IntegrityFault)
        assert "安小雨" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 1, 12, 13, 28])
def test_cut_ciphertexts_do_not_open(length):
    key, _ = new_person_key(KEYS, "p")
    with pytest.raises(CiphertextUnreadable):
        decrypt(key, "p", "f", encrypt(key, "p", "f", b"text")[:length])


def test_every_changed_byte_of_a_ciphertext_is_noticed():
    key, _ = new_person_key(KEYS, "p")
    stored = encrypt(key, "p", "f", b"text")
    for place in range(len(stored)):
        changed = bytearray(stored)
        changed[place] ^= 1
        with pytest.raises(CiphertextUnreadable):
            decrypt(key, "p", "f", bytes(changed))


def test_keys_do_not_show_themselves():
    keys = DataKeys.generate()
    assert keys.data.hex() not in repr(keys)
    assert "object at" in repr(keys)
    assert len({keys.data, keys.index, keys.seal}) == 3


# — ciphertexts that change places, by an attacker who has the seal key too —


def resealed(path, statement: str) -> None:
    """Change rows as somebody who can also seal them: then the encryption alone is left to tell."""
    from registry.store.sealing import seal
    from registry.store.tables import metadata

    table = metadata.tables[statement.split()[1]]
    with attacked(path) as connection:
        connection.execute(statement)
        connection.row_factory = sqlite3.Row
        for row in connection.execute(f"SELECT rowid AS place, * FROM {table.name}").fetchall():
            values = {column.name: row[column.name] for column in table.columns}
            connection.execute(
                f"UPDATE {table.name} SET seal = ? WHERE rowid = ?", (seal(KEYS.seal, table, values), row["place"])
            )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE application SET evidence = (SELECT evidence FROM application LIMIT 1)",
        "UPDATE certificate SET salts = (SELECT salts FROM certificate LIMIT 1)",
        "UPDATE credential SET disclosures = (SELECT disclosures FROM credential LIMIT 1)",
        "UPDATE person SET wrapped_key = (SELECT wrapped_key FROM person LIMIT 1)",
    ],
)
def test_a_ciphertext_in_another_persons_row_does_not_open(store, database_file, contents, statement):
    resealed(database_file, statement)
    with store.read() as unit:
        assert {table for table, _ in unit.unsealed_rows()} == {"schema"}
        with pytest.raises(CiphertextUnreadable):
            list(unit.enrolments.applications()) + list(unit.batches.certificates())


def for_another_level(roster: bytes) -> bytes:
    """Let everybody apply for another level: for the same one they are enrolled already."""
    text = roster.decode()
    for level, other in (("初级", "\0"), ("中级", "初级"), ("高级", "中级"), ("\0", "高级")):
        text = text.replace(f",{level},", f",{other},")
    return text.encode()


def test_a_ciphertext_in_another_row_of_the_same_person_does_not_open(empty, tmp_path):
    programme, clock = load_catalogue().programme(PROGRAMME), SettableClock()
    first = sample_roster(count=1)
    import_roster(empty, clock, programme, first, person="alice")
    import_roster(empty, clock, programme, for_another_level(first), person="alice")
    with empty.read() as unit:
        assert len({one.person for one in unit.enrolments.applications()}) == 1
        assert len(list(unit.enrolments.applications())) == 2
    resealed(
        tmp_path / "new.db",
        "UPDATE application SET evidence = (SELECT evidence FROM application ORDER BY admission LIMIT 1)",
    )
    with empty.read() as unit, pytest.raises(CiphertextUnreadable, match=r"application\.evidence/26110002000001"):
        list(unit.enrolments.applications())


def test_another_data_key_opens_nothing(database_file):
    database = open_database(database_file, DataKeys(data=bytes(32), index=KEYS.index, seal=KEYS.seal))
    with closing(database), database.read() as unit, pytest.raises(CiphertextUnreadable, match=r"person\.wrapped_key"):
        list(unit.enrolments.applications())


# — nothing personal can be read in the files —


def spellings(text: str) -> set[bytes]:
    """Forms in which a text could lie in a file; too short ones turn up by chance."""
    plain = text.encode()
    found = {plain, text.encode("utf-16-le"), text.encode("gb18030"), text.encode("ascii", "backslashreplace")}
    for shift in range(3):  # base64 at each offset, without the characters that depend on neighbours
        found.add(base64.urlsafe_b64encode(bytes(shift) + plain)[4 * (shift > 0) : -4])
    return {one for one in found if len(one) >= 6}


def test_no_name_and_no_number_can_be_read_in_the_database_or_its_log(tmp_path):
    path = tmp_path / "registry.db"
    open_database(path, KEYS, create=True).close()
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM person").fetchone()  # keeps the log from being emptied
    contents = fill(path, settle=False)
    files = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    assert len(files["registry.db-wal"]) > 100_000
    everything = b"\n".join(files.values())
    # What is not personal is found, so the search works.
    assert contents.batch.encode() in files["registry.db-wal"]
    assert contents.number.encode() in everything
    assert len(contents.personal) > 200
    for text in contents.personal:
        for spelling in spellings(text):
            assert spelling not in everything, text
    reader.execute("ROLLBACK")
    reader.execute("CREATE TABLE leak AS SELECT ? AS text", (contents.personal[-1],))
    assert contents.personal[-1].encode() in b"".join(file.read_bytes() for file in tmp_path.glob("registry.db*"))
    reader.close()


# — erasing —


def test_an_erased_person_is_gone_and_the_rest_stands(store, database_file, contents):
    with store.read() as unit:
        certificates = list(unit.batches.certificates())
        erased, kept = certificates[0].reservation, certificates[1].reservation
        applications = len(list(unit.enrolments.applications()))
        digests, leaves = unit.batches.digests(contents.batch), unit.batches.leaves(contents.batch)
    with closing(sqlite3.connect(database_file)) as connection:
        wrapped, index = connection.execute(
            "SELECT wrapped_key, identity_index FROM person WHERE id = ?", (erased.person,)
        ).fetchone()
    with store.write() as unit:
        unit.enrolments.erase(erased.person, NOW)
    store.settle()
    everything = b"".join(file.read_bytes() for file in database_file.parent.iterdir())
    assert wrapped not in everything
    assert index not in everything
    with store.read() as unit:
        assert list(unit.unsealed_rows()) == []
        assert len(list(unit.enrolments.applications())) == applications - 1
        with pytest.raises(NotHere):
            unit.enrolments.application(erased.admission)
        found = unit.batches.by_key(erased.key)
        assert found is not None
        assert (found.disclosures, found.digest) == (None, certificates[0].digest)
        reservations = {one.leaf: one for one in unit.batches.reservations(contents.batch)}
        assert (reservations[erased.leaf].roster_salt, reservations[erased.leaf].score_salt) == (b"", b"")
        assert reservations[kept.leaf] == kept
        assert (unit.batches.digests(contents.batch), unit.batches.leaves(contents.batch)) == (digests, leaves)
        assert erased.admission not in unit.marks.marked(contents.batch)
    with store.write() as unit, pytest.raises(PersonErased):
        unit.enrolments.erase(erased.person, NOW)
    with store.write() as unit, pytest.raises(NotHere):
        unit.enrolments.erase("nobody", NOW)


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_who_was_erased_is_not_found_by_a_corrected_number_either(store, contents, is_cancelled):
    with store.write() as unit:
        old = unit.batches.by_leaf(contents.chain_id, 9).reservation
        person = unit.batches.by_leaf(contents.chain_id, 9).person
        corrected = {Corrected.IDENTITY_TYPE: "passport", Corrected.IDENTITY_NUMBER: "E16180339"}
        asked = Replacement(
            id=unit.next_name("X", NOW),
            kind=ReplacementKind.CORRECTION,
            number=old.number,
            revision=1,
            corrected=corrected,
            reason="two columns were swapped",
            asked_by="alice",
            asked_at=NOW,
            jti=old.jti,
        )
        unit.replacements.add(asked)
        if unit.accounts.find(person) is None:
            unit.accounts.add(
                Account(
                    name=person,
                    kind=AccountKind.HOLDER,
                    display="",
                    roles=frozenset({Role.HOLDER}),
                    person=person,
                    password=None,
                    created_by="alice",
                    created_at=NOW,
                    closed_at=None,
                )
            )
        if is_cancelled:
            unit.replacements.cancel(asked.id, "alice", NOW)
    with store.read() as unit:
        assert [one.name for one in unit.accounts.of_corrected_identity("passport", "e16180339")] == [person]
        assert unit.accounts.of_corrected_identity("other", "E16180339") == []
    with store.write() as unit:
        unit.enrolments.erase(person, NOW)
    with store.read() as unit:
        assert unit.accounts.of_corrected_identity("passport", "E16180339") == []
        assert list(unit.unsealed_rows()) == []


def test_an_older_copys_ciphertext_does_not_open_under_what_is_left(store, database_file, contents):
    with closing(sqlite3.connect(database_file)) as connection:
        (evidence,) = connection.execute("SELECT evidence FROM application LIMIT 1").fetchone()
        (person,) = connection.execute("SELECT person FROM application LIMIT 1").fetchone()
        others = connection.execute("SELECT id, wrapped_key FROM person WHERE id <> ?", (person,)).fetchall()
        (admission,) = connection.execute("SELECT admission FROM application LIMIT 1").fetchone()
    with store.write() as unit:
        unit.enrolments.erase(person, NOW)
    for key in [KEYS.data, *(unwrap_person_key(KEYS, other, wrapped) for other, wrapped in others)]:
        with pytest.raises(CiphertextUnreadable):
            decrypt(key, person, f"application.evidence/{admission}", evidence)


def test_who_was_erased_and_comes_again_is_somebody_new(empty):
    programme, clock = load_catalogue().programme(PROGRAMME), SettableClock()
    roster = sample_roster(count=1)
    import_roster(empty, clock, programme, roster, person="alice")
    with empty.write() as unit:
        before = next(unit.enrolments.applications()).person
        unit.enrolments.erase(before, NOW)
    import_roster(empty, clock, programme, for_another_level(roster), person="alice")
    with empty.read() as unit:
        assert [one.person == before for one in unit.enrolments.applications()] == [False]
