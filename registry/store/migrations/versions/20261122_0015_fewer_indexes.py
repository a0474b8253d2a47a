"""Certificates and credentials without the indexes that nothing is found by.

Numbers, keys, leaves lie at random: each index of them costs a page for a row, written twice, and in a batch of a
million most of the time of the one process that writes. Identifiers and digests are looked for by nobody; a number is
found, and is the only one, by `found_by`, which the table now checks to follow from it; whose a certificate is stands
in its application. Rows and seals stay as they are: neither columns nor values change.
"""

from alembic import op
from sqlalchemy import text

revision = "20261122_0015"
down_revision = "20261122_0014"
branch_labels = None
depends_on = None

CERTIFICATE = """
    CREATE TABLE new_certificate (
        id INTEGER NOT NULL,
        number TEXT NOT NULL,
        found_by TEXT NOT NULL,
        revision INTEGER NOT NULL,
        key TEXT NOT NULL,
        jti TEXT NOT NULL,
        batch TEXT NOT NULL,
        leaf INTEGER NOT NULL,
        person TEXT NOT NULL,
        admission TEXT NOT NULL,
        sheet TEXT NOT NULL,
        status_list INTEGER NOT NULL,
        status_index INTEGER NOT NULL,
        salts BLOB,
        seal BLOB NOT NULL,
        CONSTRAINT pk_certificate PRIMARY KEY (id),
        CONSTRAINT uq_certificate_found_by_revision UNIQUE (found_by, revision),
        CONSTRAINT uq_certificate_batch_leaf UNIQUE (batch, leaf),
        CONSTRAINT uq_certificate_status_list_status_index UNIQUE (status_list, status_index),
        CONSTRAINT uq_certificate_key UNIQUE (key),
        CONSTRAINT ck_certificate_found_by_number CHECK (found_by = replace(number, '-', '')),
        CONSTRAINT fk_certificate_batch FOREIGN KEY (batch) REFERENCES batch (id),
        CONSTRAINT fk_certificate_person FOREIGN KEY (person) REFERENCES person (id),
        CONSTRAINT fk_certificate_admission FOREIGN KEY (admission) REFERENCES application (admission),
        CONSTRAINT fk_certificate_sheet FOREIGN KEY (sheet) REFERENCES sheet (id)
    ) STRICT
    """
CREDENTIAL = """
    CREATE TABLE new_credential (
        certificate INTEGER NOT NULL,
        jwt TEXT NOT NULL,
        digest BLOB NOT NULL,
        disclosures BLOB NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_credential PRIMARY KEY (certificate),
        CONSTRAINT fk_credential_certificate FOREIGN KEY (certificate) REFERENCES certificate (id)
    ) STRICT
    """
REPLACEMENT = """
    CREATE TABLE new_replacement (
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        number TEXT NOT NULL,
        revision INTEGER NOT NULL,
        statement BLOB NOT NULL,
        image BLOB,
        identity_index BLOB,
        asked_by TEXT NOT NULL,
        asked_at INTEGER NOT NULL,
        batch TEXT,
        leaf INTEGER,
        cancelled_by TEXT,
        cancelled_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_replacement PRIMARY KEY (id),
        CONSTRAINT fk_replacement_batch_leaf FOREIGN KEY (batch, leaf) REFERENCES certificate (batch, leaf),
        CONSTRAINT uq_replacement_batch_leaf UNIQUE (batch, leaf),
        CONSTRAINT ck_replacement_kind CHECK (kind IN ('correction', 'renewal')),
        CONSTRAINT ck_replacement_placed_whole CHECK ((batch IS NULL) = (leaf IS NULL)),
        CONSTRAINT ck_replacement_cancelled_whole CHECK ((cancelled_by IS NULL) = (cancelled_at IS NULL))
    ) STRICT
    """
GONE = "ix_certificate_person"
# The foreign key that this was could only point at an index over the number itself.
IS_THERE = """
    CREATE TRIGGER replacement_of_certificate BEFORE INSERT ON replacement
    WHEN NOT EXISTS (
        SELECT 1 FROM certificate
        WHERE certificate.found_by = replace(NEW.number, '-', '') AND certificate.number = NEW.number
        AND certificate.revision = NEW.revision
    )
    BEGIN
        SELECT RAISE(ABORT, 'what is replaced is a certificate');
    END
    """


def upgrade() -> None:
    op.execute("PRAGMA legacy_alter_table = ON")  # triggers of other tables name a table that is not there for a moment
    for table, made in (("certificate", CERTIFICATE), ("credential", CREDENTIAL), ("replacement", REPLACEMENT)):
        _make_anew(table, made)
    op.execute("PRAGMA legacy_alter_table = OFF")
    op.execute(IS_THERE)


def _make_anew(table: str, made: str) -> None:
    """Move a table's rows into one that is made otherwise, with the same columns, and put its rules back."""
    query = "SELECT sql FROM sqlite_master WHERE tbl_name = :table AND type <> 'table' AND name <> :gone AND sql <> ''"
    rules = op.get_bind().execute(text(query), {"table": table, "gone": GONE}).scalars().all()
    op.execute(made)
    op.execute(f"INSERT INTO new_{table} SELECT * FROM {table} ORDER BY rowid")  # noqa: S608 - the names are ours
    op.execute(f"DROP TABLE {table}")
    op.execute(f"ALTER TABLE new_{table} RENAME TO {table}")
    for rule in rules:
        op.execute(text(rule.replace(":", r"\:")))
