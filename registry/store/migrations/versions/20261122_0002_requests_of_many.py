"""A status request covers many certificates of one batch, or batches as a whole.

What each request covers gets tables of its own; the requests that are there keep their names and states. Their seals
are made anew, for their columns are others now; a row whose seal was broken before keeps a broken one, so that it is
found afterwards as it was before.
"""

import hmac
from typing import Any

from alembic import context, op
from sqlalchemy import Connection, text

from registry.store.sealing import seal_of_columns

revision = "20261122_0002"
down_revision = "20261121_0001"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE status_request (
        id TEXT NOT NULL,
        issuer TEXT NOT NULL,
        batches INTEGER NOT NULL,
        certificates INTEGER NOT NULL,
        wanted INTEGER NOT NULL,
        reason INTEGER NOT NULL,
        state TEXT NOT NULL,
        requested_by TEXT NOT NULL,
        requested_at INTEGER NOT NULL,
        approved_by TEXT,
        approved_at INTEGER,
        approver TEXT,
        status_nonces TEXT,
        approval_deadline INTEGER,
        approval_signature BLOB,
        "transaction" BLOB,
        seq INTEGER,
        failure TEXT,
        seal BLOB NOT NULL,
        CONSTRAINT pk_status_request PRIMARY KEY (id),
        CONSTRAINT ck_status_request_state CHECK (
            state IN ('requested', 'approved', 'signed', 'sent', 'final', 'failed', 'cancelled')
        ),
        CONSTRAINT ck_status_request_two_people CHECK (
            approved_by IS NULL OR lower(approved_by) <> lower(requested_by)
        ),
        CONSTRAINT ck_status_request_one_batch CHECK (batches = 1 OR batches > 1 AND certificates = 0)
    ) STRICT
    """,
    """
    CREATE TABLE status_batch (
        request TEXT NOT NULL,
        place INTEGER NOT NULL,
        batch BLOB NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_status_batch PRIMARY KEY (request, place),
        CONSTRAINT fk_status_batch_request FOREIGN KEY (request) REFERENCES status_request (id),
        CONSTRAINT uq_status_batch_request_batch UNIQUE (request, batch)
    ) STRICT
    """,
    "CREATE INDEX ix_status_batch_batch ON status_batch (batch)",
    """
    CREATE TABLE status_certificate (
        request TEXT NOT NULL,
        leaf INTEGER NOT NULL,
        number TEXT NOT NULL,
        revision INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_status_certificate PRIMARY KEY (request, leaf),
        CONSTRAINT fk_status_certificate_request FOREIGN KEY (request) REFERENCES status_request (id)
    ) STRICT
    """,
    "CREATE INDEX ix_status_certificate_number_revision ON status_certificate (number, revision)",
)

# One change of a certificate at a time, and one of a batch as a whole; a request is there before what it covers.
ONE_AT_A_TIME = {
    "status_certificate": "other.number = NEW.number AND other.revision = NEW.revision",
    "status_batch": (
        "other.batch = NEW.batch AND asked.certificates = 0"
        " AND (SELECT certificates FROM status_request WHERE id = NEW.request) = 0"
    ),
}

FROZEN = "id, issuer, batches, certificates, wanted, reason, requested_by, requested_at"
GONE = frozenset({"number", "revision", "batch", "leaf", "status_nonce", "seal"})


def upgrade() -> None:
    connection = op.get_bind()
    old = [dict(row) for row in connection.execute(text("SELECT * FROM status_request")).mappings()]
    op.execute("DROP TABLE status_request")  # with its index and its triggers
    for statement in TABLES:
        op.execute(statement)
    for row in old:
        _carry_over(connection, row)
    for table in ("status_request", "status_batch", "status_certificate"):
        op.execute(
            f"""
            CREATE TRIGGER {table}_not_deleted BEFORE DELETE ON {table}
            BEGIN
                SELECT RAISE(ABORT, 'no row of {table} is ever deleted');
            END
            """
        )
    for table, same in ONE_AT_A_TIME.items():
        op.execute(
            f"""
            CREATE TRIGGER {table}_not_changed BEFORE UPDATE ON {table}
            BEGIN
                SELECT RAISE(ABORT, 'no row of {table} is ever changed');
            END
            """
        )
        op.execute(
            f"""
            CREATE TRIGGER {table}_one_at_a_time BEFORE INSERT ON {table}
            WHEN EXISTS (
                SELECT 1 FROM {table} AS other JOIN status_request AS asked ON asked.id = other.request
                WHERE {same} AND other.request <> NEW.request AND asked.state NOT IN ('final', 'failed', 'cancelled')
            )
            BEGIN
                SELECT RAISE(ABORT, 'one change at a time: another request is open');
            END
            """  # noqa: S608 - the names are this file's own
        )
    op.execute(
        f"""
        CREATE TRIGGER status_request_not_changed BEFORE UPDATE OF {FROZEN} ON status_request
        BEGIN
            SELECT RAISE(ABORT, 'these columns of status_request never change');
        END
        """
    )


def _carry_over(connection: Connection, row: dict[str, Any]) -> None:
    key = context.config.attributes["seal_key"]
    whole = hmac.compare_digest(seal_of_columns(key, "status_request", row), row["seal"])
    nonce = row["status_nonce"]
    request = {name: value for name, value in row.items() if name not in GONE} | {
        "batches": 1,
        "certificates": 1,
        "status_nonces": None if nonce is None else f"[{nonce}]",
    }
    batch = {"request": row["id"], "place": 0, "batch": row["batch"]}
    certificate = {"request": row["id"], **{name: row[name] for name in ("leaf", "number", "revision")}}
    tables = {"status_request": request, "status_batch": batch, "status_certificate": certificate}
    for table, values in tables.items():
        values["seal"] = seal_of_columns(key, table, values) if whole else row["seal"]
        columns = ", ".join(f'"{name}"' for name in values)
        places = ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), values)  # noqa: S608 - the names are ours
