import hmac
import sqlite3
import struct

import pytest

from registry.ports.storage import NotHere
from registry.store.sealing import SealBroken, Sealer, seal, seal_of_columns
from registry.store.tables import metadata, sheet
from tests.unit.registry.store.attacks import attacked, edits, primary_key, row_name
from tests.unit.registry.store.filled import KEYS, NOW, PROGRAMME

TABLES = sorted(metadata.tables)


def unsealed(store) -> set[tuple[str, str]]:
    """Rows only: the triggers that an attacker dropped are another finding."""
    with store.read() as unit:
        return {(table, row) for table, row in unit.unsealed_rows() if table != "schema"}


def unsealed_of(store, table: str) -> set[tuple[str, str]]:
    """Rows of one table alone, a page at a time: for many edits in it the others need not be read again each time."""
    place = [one.name for one in metadata.sorted_tables].index(table)
    found, after = set(), (place, None)
    with store.read() as unit:
        while after is not None and after[0] == place:
            page, after = unit.unsealed_page(after)
            found |= set(page)
    return found


def test_a_whole_issue_leaves_every_table_with_sealed_rows_and_nothing_to_find(store, database_file):
    with store.read() as unit:
        assert list(unit.unsealed_rows()) == []
        assert list(unit.journal.broken_entries()) == []
    with sqlite3.connect(database_file) as connection:
        for table in TABLES:
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0, table
    connection.close()


@pytest.mark.parametrize("table", TABLES)
def test_any_edit_of_any_cell_is_found(store, database_file, table):
    whole = True
    with attacked(database_file) as connection:
        key = primary_key(connection, table)
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        (rowid,) = connection.execute(f"SELECT rowid FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()
        for _, column, kind, required, _, _ in columns:
            (before,) = connection.execute(f'SELECT "{column}" FROM {table} WHERE rowid = ?', (rowid,)).fetchone()
            others = edits(kind, before) + ([] if required or before is None else [None])
            for after in others:
                if after == before:
                    continue
                changed = connection.execute(
                    f'UPDATE {table} SET "{column}" = ? WHERE rowid = ? RETURNING rowid, {", ".join(key)}',
                    (after, rowid),
                ).fetchone()
                moved, *name = changed
                if key == [column]:  # the row has another name now, and its rowid may be the name
                    (moved,) = connection.execute(
                        f'SELECT rowid FROM {table} WHERE "{column}" IS ?', (after,)
                    ).fetchone()
                found = unsealed(store) if whole else unsealed_of(store, table)
                assert found == {(table, row_name(tuple(name)))}, (column, before, after)
                whole = False
                connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (before, moved))
        assert unsealed(store) == set()


@pytest.mark.parametrize("table", TABLES)
def test_text_that_is_not_utf_8_and_values_of_another_type_are_found(store, database_file, table):
    whole = True
    with attacked(database_file) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'STRICT', '') WHERE type = 'table' AND name = ?", (table,)
        )
        connection.execute("PRAGMA writable_schema = OFF")
        connection.execute("PRAGMA schema_version = 1000")  # or others go on with the schema that they have read
    with attacked(database_file) as connection:
        rowid = f"(SELECT max(rowid) FROM {table})"
        for _, column, kind, _, _, key in connection.execute(f"PRAGMA table_info({table})").fetchall():
            if key:
                continue
            wrong = {
                "INTEGER": ("1.5", "'5x'", "x'05'"),
                "TEXT": ("CAST(x'ff' AS TEXT)", "x'41'"),
                "BLOB": ("'a'", "9e99", "7"),
            }
            (before,) = connection.execute(f'SELECT "{column}" FROM {table} WHERE rowid = {rowid}').fetchone()
            for value in wrong[kind]:
                connection.execute(f'UPDATE {table} SET "{column}" = {value} WHERE rowid = {rowid}')
                found = unsealed(store) if whole else unsealed_of(store, table)
                assert {one for one, _ in found} == {table}, (column, value)
                whole = False
            connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = {rowid}', (before,))
        with store.read() as unit:
            assert ("schema", f"table {table}") in set(unit.unsealed_rows())


@pytest.mark.parametrize("row", [{"a": "x"}, {"a": "xyz"}, {"a": 7}, {"a": None}, {"a": b"x", "b": "y"}])
def test_a_table_of_few_columns_is_sealed_as_any_other(row):
    sealer = Sealer(KEYS.seal, "few", ("seal", *row))
    values = [b"", *row.values()]
    assert sealer.seal(values) == seal_of_columns(KEYS.seal, "few", row)
    assert sealer.is_sealed(values, seal_of_columns(KEYS.seal, "few", row))
    assert not sealer.is_sealed([b"", *("another" for _ in row)], sealer.seal(values))


def test_the_tables_themselves_refuse_values_of_another_type(database_file):
    with attacked(database_file) as connection, pytest.raises(sqlite3.IntegrityError, match="cannot store"):
        connection.execute("UPDATE batch SET size = 'many'")


def test_rows_that_take_each_others_seal_or_place_are_found(store, database_file):
    with attacked(database_file) as connection:
        one, other = connection.execute("SELECT id, seal FROM score ORDER BY id LIMIT 2").fetchall()
        connection.execute("UPDATE score SET seal = ? WHERE id = ?", (other[1], one[0]))
        assert unsealed(store) == {("score", str(one[0]))}
        connection.execute("UPDATE score SET seal = ? WHERE id = ?", (one[1], one[0]))
        connection.execute(
            "INSERT INTO score SELECT 10000, sheet, admission, 'another', 9900, seal FROM score WHERE id = ?", (one[0],)
        )
        assert unsealed(store) == {("score", "10000")}


def test_dropped_changed_and_added_parts_of_the_schema_are_found(store, database_file):
    connection = sqlite3.connect(database_file)
    connection.executescript(
        """
        DROP TRIGGER score_not_changed;
        DROP INDEX ix_certificate_admission;
        CREATE TRIGGER quiet AFTER INSERT ON journal BEGIN SELECT 1; END;
        DROP TRIGGER journal_not_deleted;
        CREATE TRIGGER journal_not_deleted BEFORE DELETE ON journal BEGIN SELECT 1; END;
        """
    )
    connection.close()
    with store.read() as unit:
        assert list(unit.unsealed_rows()) == [
            ("schema", "index ix_certificate_admission"),
            ("schema", "trigger journal_not_deleted"),
            ("schema", "trigger quiet"),
            ("schema", "trigger score_not_changed"),
        ]


@pytest.mark.parametrize("table", TABLES)
def test_no_row_is_ever_deleted(database_file, table):
    connection = sqlite3.connect(database_file)
    with pytest.raises(sqlite3.IntegrityError, match=f"no row of {table} is ever deleted"):
        connection.execute(f"DELETE FROM {table}")
    connection.close()


@pytest.mark.parametrize(
    "table", ["score", "journal", "credential", "tree_chunk", "outbox", "chain_record", "chain_word", "roster"]
)
def test_what_is_only_added_to_refuses_every_change(database_file, table):
    connection = sqlite3.connect(database_file)
    for _, column, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
        with pytest.raises(sqlite3.IntegrityError, match=f"no row of {table} is ever changed"):
            connection.execute(f'UPDATE {table} SET "{column}" = "{column}"')
    connection.close()


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE certificate SET number = 'GSAI-2026-0000000000X'", "these columns of certificate never change"),
        ("UPDATE certificate SET leaf = leaf + 1000", "these columns of certificate never change"),
        ("UPDATE batch SET root = x'00'", "a sealed batch keeps its root"),
        ("UPDATE batch SET manifest = NULL", "a sealed batch keeps its root"),
        ("UPDATE batch SET size = 1", "these columns of batch never change"),
        ("UPDATE application SET person = 'x'", "these columns of application never change"),
        ("UPDATE sheet SET entered_by = 'x'", "these columns of sheet never change"),
        ("UPDATE status_request SET wanted = 0", "these columns of status_request never change"),
        ("UPDATE batch SET state = 'lost'", "ck_batch_state"),
        ("UPDATE status_request SET state = 'lost'", "ck_status_request_state"),
        ("UPDATE batch SET approved_by = upper(proposed_by)", "ck_batch_two_people"),
        ("UPDATE sheet SET confirmed_by = upper(entered_by) WHERE confirmed_by IS NOT NULL", "ck_sheet_two_people"),
        (
            "UPDATE sheet SET confirmed_by = 'x' WHERE confirmed_by IS NULL",
            "a sheet that was returned is never confirmed",
        ),
        (
            "INSERT INTO sheet_return SELECT id, 'x', 1, NULL, NULL, seal FROM sheet WHERE confirmed_by IS NOT NULL",
            "a sheet that was confirmed is never returned",
        ),
        (
            "INSERT INTO sheet SELECT 'S', file_digest, examined_on, rows, 'x', 1, NULL, NULL, seal FROM sheet LIMIT 1",
            "another sheet that counts was made of this file",
        ),
        ("UPDATE sheet_return SET returned_by = 'x'", "these columns of sheet_return never change"),
        ("DELETE FROM sheet_return", "no row of sheet_return is ever deleted"),
        ("UPDATE status_request SET approved_by = requested_by", "ck_status_request_two_people"),
        ("UPDATE status_request SET certificates = 0", "these columns of status_request never change"),
        ("UPDATE status_certificate SET number = 'x'", "no row of status_certificate is ever changed"),
        ("DELETE FROM status_batch", "no row of status_batch is ever deleted"),
        ("UPDATE sender_lease SET account = 'x'", "these columns of sender_lease never change"),
        ("UPDATE sender_lease SET term = term - 1", "the terms of a lease only grow"),
        (
            "INSERT INTO outbox SELECT x'00', subject, sender, nonce, raw, created_at, NULL, seal FROM outbox",
            "UNIQUE constraint failed: outbox.sender, outbox.nonce",
        ),
        (
            "INSERT INTO outbox SELECT x'00', subject, sender, nonce + 1, raw, created_at, hash, seal FROM outbox",
            "a replacement has the sender, nonce and subject of what it replaces",
        ),
        ("UPDATE application SET eligible = 2", "ck_application_eligible"),
        ("UPDATE application SET decided_by = NULL", "ck_application_decided_whole"),
        ("UPDATE person SET wrapped_key = NULL", "ck_person_erased_whole"),
        ("INSERT INTO chain_head SELECT 2, trust_root, 0, 0, hash, 0, 0, 1, seal FROM chain_head", "chain_head_single"),
    ],
)
def test_the_database_itself_refuses(database_file, statement, why):
    connection = sqlite3.connect(database_file)
    with pytest.raises(sqlite3.IntegrityError, match=why):
        connection.execute(statement)
    connection.close()


# — what is read is checked —

READERS = {
    "person": lambda unit, _: list(unit.batches.certificates()),
    "roster": lambda unit, _: unit.enrolments.rosters(),
    "application": lambda unit, _: list(unit.enrolments.applications()),
    "sheet": lambda unit, _: unit.marks.sheets(),
    "score": lambda unit, of: unit.marks.marked(of.batch),
    "batch": lambda unit, of: unit.batches.batch(of.batch),
    "certificate": lambda unit, of: unit.batches.reservations(of.batch),
    "credential": lambda unit, of: unit.batches.digests(of.batch),
    "tree_chunk": lambda unit, of: unit.batches.leaves(of.batch),
    "outbox": lambda unit, _: unit.outbox.since("0x" + "11" * 20, 0),
    "sender_lease": lambda unit, _: unit.senders.lease("0x" + "11" * 20),
    "status_request": lambda unit, of: unit.status_requests.request(of.request),
    "status_batch": lambda unit, of: unit.status_requests.request(of.request),
    "status_certificate": lambda unit, of: unit.status_requests.request(of.request),
    "journal": lambda unit, _: list(unit.journal.entries()),
    "chain_record": lambda unit, _: list(unit.projection.records()),
    "chain_head": lambda unit, _: unit.projection.head(),
}
EDITS = {
    "person": "wrapped_key = (SELECT wrapped_key FROM person ORDER BY id LIMIT 1)",
    "roster": "programme_version = '2027.1'",
    "application": "eligible = 1 - eligible",
    "sheet": "confirmed_by = 'mallory'",
    "score": "hundredths = 10000",
    "batch": "state = 'approved'",
    "certificate": "leaf = leaf + 1000",
    "credential": "digest = randomblob(32)",
    "tree_chunk": "hashes = randomblob(length(hashes))",
    "outbox": "raw = randomblob(9)",
    "sender_lease": "leased_until = NULL",
    "status_request": "wanted = 0",
    "status_batch": "batch = randomblob(32)",
    "status_certificate": "leaf = leaf + 1",
    "journal": "person = 'mallory'",
    "chain_record": "op = 4",
    "chain_head": "read_at = read_at + 1",
}


@pytest.mark.parametrize("table", sorted(READERS))
def test_an_edited_row_is_not_read(store, database_file, contents, table):
    with store.read() as unit:
        READERS[table](unit, contents)
    with attacked(database_file) as connection:
        connection.execute(f"UPDATE {table} SET {EDITS[table]}")
    with store.read() as unit, pytest.raises(SealBroken) as caught:
        READERS[table](unit, contents)
    assert (caught.value.code, caught.value.table) == ("store/seal-broken", table)


@pytest.mark.parametrize("table", ["certificate", "credential", "batch", "person"])
@pytest.mark.parametrize("found_by", ["number", "key", "leaf"])
def test_no_certificate_is_found_whose_rows_were_edited(store, database_file, contents, table, found_by):
    with store.read() as unit:
        one = next(unit.batches.certificates(batch_id=contents.batch)).reservation
    find = {
        "number": lambda unit: unit.batches.by_number(one.number),
        "key": lambda unit: unit.batches.by_key(one.key),
        "leaf": lambda unit: unit.batches.by_leaf(contents.chain_id, one.leaf),
    }[found_by]
    with store.read() as unit:
        assert find(unit).reservation == one
    edit = {"certificate": "jti = jti || 'x'", "credential": "jwt = jwt || 'x'", "batch": "root = randomblob(32)"}
    with attacked(database_file) as connection:
        connection.execute(f"UPDATE {table} SET {edit.get(table, 'created_at = 0')}")
    with store.read() as unit, pytest.raises(SealBroken) as caught:
        find(unit)
    assert caught.value.table == table


def test_a_verdicts_records_are_checked(store, database_file, contents):
    with store.read() as unit:
        assert unit.projection.concerning("GSAI", contents.chain_id, 3)
    with attacked(database_file) as connection:
        connection.execute('UPDATE chain_record SET content = replace(content, \'"code":"1"\', \'"code":"0"\')')
    with store.read() as unit, pytest.raises(SealBroken):
        unit.projection.of_batch("GSAI", contents.chain_id)


def test_an_edited_node_on_a_proofs_path_is_found_although_its_chunk_is_not_read_whole(store, database_file, contents):
    with store.read() as unit:
        before = [unit.batches.proof(contents.batch, leaf) for leaf in range(contents.size)]
    with attacked(database_file) as connection:
        connection.execute("UPDATE tree_chunk SET hashes = randomblob(length(hashes)) WHERE level = 1")
    with store.read() as unit:
        for leaf in range(contents.size):
            with pytest.raises(SealBroken, match=f"on the path of leaf {leaf}"):
                unit.batches.proof(contents.batch, leaf)
    assert len({proof.path for proof in before}) == contents.size


def test_a_missing_piece_of_the_tree_is_found(store, database_file, contents):
    with attacked(database_file) as connection:
        connection.execute("UPDATE tree_chunk SET level = 9 WHERE level = 0")
    with store.read() as unit:
        assert unit.batches.leaves(contents.batch) == []
        with pytest.raises(NotHere, match="tree node"):
            unit.batches.proof(contents.batch, 0)


def test_an_edited_row_is_not_changed_further(store, database_file, contents):
    with attacked(database_file) as connection:
        connection.execute("UPDATE batch SET delivered_at = NULL")
    with store.write() as unit, pytest.raises(SealBroken):
        unit.batches.deliver(contents.batch, NOW)


def test_who_was_made_eligible_past_the_registry_gets_no_certificate(store, database_file):
    with attacked(database_file) as connection:
        connection.execute("UPDATE application SET eligible = 1")
    with store.read() as unit, pytest.raises(SealBroken):
        list(unit.marks.confirmed(PROGRAMME, "2"))


def test_the_sealed_bytes_are_part_of_the_file_format():
    """Seals of today must hold for the software of tomorrow, also where it has further columns that may be null."""
    row = {
        "id": "S-2026-11-0001",
        "file_digest": b"\1" * 32,
        "examined_on": "2026-11-15",
        "rows": 2,
        "entered_by": "安",
        "entered_at": -5,
    }
    sealed = [b"vermilion/row-seal/1", b"sheet", b"entered_at", b"i-5", b"entered_by", "s安".encode()]
    sealed += [b"examined_on", b"s2026-11-15", b"file_digest", b"b" + b"\1" * 32, b"id", b"sS-2026-11-0001"]
    sealed += [b"rows", b"i2"]
    message = b"".join(struct.pack(">I", len(part)) + part for part in sealed)
    expected = hmac.digest(KEYS.seal, message, "sha256")
    assert expected.hex() == "e754da49c50bd72318e9bbfa5c1a5fedccca0cfb311a9822a314cb62cc3ed0bb"
    assert seal(KEYS.seal, sheet, row) == expected
    assert seal(KEYS.seal, sheet, {**row, "confirmed_by": None, "seal": b"anything"}) == expected
