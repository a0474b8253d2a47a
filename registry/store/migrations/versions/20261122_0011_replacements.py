"""Certificates that replace others, by correction or renewal; what the chain says of it; scores corrected after issue.

Records of supersessions that were read before are found by their successors too; such a row is sealed only where its
record still has its seal, and is left out where not: the broken record is found as before.
"""

import hmac
import json

from alembic import context, op
from sqlalchemy import text

from registry.kernel.encoding import unb64url
from registry.store.sealing import seal_of_columns

revision = "20261122_0011"
down_revision = "20261122_0010"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE replacement (
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
        CONSTRAINT fk_replacement_number_revision
            FOREIGN KEY (number, revision) REFERENCES certificate (number, revision),
        CONSTRAINT fk_replacement_batch_leaf FOREIGN KEY (batch, leaf) REFERENCES certificate (batch, leaf),
        CONSTRAINT uq_replacement_batch_leaf UNIQUE (batch, leaf),
        CONSTRAINT ck_replacement_kind CHECK (kind IN ('correction', 'renewal')),
        CONSTRAINT ck_replacement_placed_whole CHECK ((batch IS NULL) = (leaf IS NULL)),
        CONSTRAINT ck_replacement_cancelled_whole CHECK ((cancelled_by IS NULL) = (cancelled_at IS NULL))
    ) STRICT
    """,
    "CREATE UNIQUE INDEX uq_replacement_open ON replacement (number, revision) WHERE cancelled_at IS NULL",
    "CREATE INDEX ix_replacement_identity_index ON replacement (identity_index)",
    """
    CREATE TABLE status_successor (
        request TEXT NOT NULL,
        leaf INTEGER NOT NULL,
        contract TEXT NOT NULL,
        batch BLOB NOT NULL,
        new_leaf INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_status_successor PRIMARY KEY (request, leaf),
        CONSTRAINT fk_status_successor_request_leaf
            FOREIGN KEY (request, leaf) REFERENCES status_certificate (request, leaf)
    ) STRICT
    """,
    "CREATE INDEX ix_status_successor_batch ON status_successor (batch)",
    """
    CREATE TABLE chain_successor (
        seq INTEGER NOT NULL,
        leaf INTEGER NOT NULL,
        issuer TEXT NOT NULL,
        batch BLOB NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_chain_successor PRIMARY KEY (seq, leaf),
        CONSTRAINT fk_chain_successor_seq FOREIGN KEY (seq) REFERENCES chain_record (seq)
    ) STRICT
    """,
    "CREATE INDEX ix_chain_successor_issuer_batch_leaf ON chain_successor (issuer, batch, leaf)",
)
NEVER_CHANGED = ("status_successor", "chain_successor")
RULES = (
    """
    CREATE TRIGGER replacement_not_changed
    BEFORE UPDATE OF id, kind, number, revision, statement, image, asked_by, asked_at ON replacement
    BEGIN
        SELECT RAISE(ABORT, 'these columns of replacement never change');
    END
    """,
    """
    CREATE TRIGGER replacement_identity_index_only_erased BEFORE UPDATE OF identity_index ON replacement
    WHEN NEW.identity_index IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'the identity index of a replacement is only ever erased');
    END
    """,
    """
    CREATE TRIGGER replacement_keeps_its_place BEFORE UPDATE OF batch, leaf ON replacement
    WHEN OLD.batch IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'a replacement that has its place keeps it');
    END
    """,
    """
    CREATE TRIGGER replacement_stays_cancelled
    BEFORE UPDATE OF batch, leaf, cancelled_by, cancelled_at ON replacement
    WHEN OLD.cancelled_at IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'a replacement that was cancelled stays so');
    END
    """,
)
ON_ITS_WAY = """EXISTS (
        SELECT 1 FROM certificate JOIN batch ON batch.id = certificate.batch
        WHERE certificate.admission = NEW.admission AND batch.state NOT IN ('final', 'cancelled')
    )"""
# A certificate that is recorded stays as it was signed: what is confirmed by the end of the second in which its batch
# was proposed counts for that batch, what is confirmed later for what replaces it.
BY_THEN = """EXISTS (
        SELECT 1 FROM certificate JOIN batch ON batch.id = certificate.batch
        WHERE certificate.admission = NEW.admission AND batch.state <> 'cancelled'
        AND NEW.confirmed_at < batch.proposed_at / 1000000 * 1000000 + 1000000
    )"""
CORRECTIONS = (
    "DROP TRIGGER correction_before_certificate",
    "DROP TRIGGER correction_confirmed_before_certificate",
    f"""
    CREATE TRIGGER correction_beside_certificate BEFORE INSERT ON correction
    WHEN {ON_ITS_WAY}
    BEGIN
        SELECT RAISE(ABORT, 'a score of a certificate on its way is never corrected');
    END
    """,
    f"""
    CREATE TRIGGER correction_confirmed_beside_certificate BEFORE UPDATE ON correction
    WHEN {ON_ITS_WAY} OR {BY_THEN}
    BEGIN
        SELECT RAISE(ABORT, 'a score of a certificate on its way is never corrected');
    END
    """,
)
SUPERSEDE = 8
"""The operation's word in the chain's log."""


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    _carry_over()
    for table in ("replacement", *NEVER_CHANGED):
        op.execute(
            f"""
            CREATE TRIGGER {table}_not_deleted BEFORE DELETE ON {table}
            BEGIN
                SELECT RAISE(ABORT, 'no row of {table} is ever deleted');
            END
            """
        )
    for table in NEVER_CHANGED:
        op.execute(
            f"""
            CREATE TRIGGER {table}_not_changed BEFORE UPDATE ON {table}
            BEGIN
                SELECT RAISE(ABORT, 'no row of {table} is ever changed');
            END
            """
        )
    for rule in (*RULES, *CORRECTIONS):
        op.execute(rule)


def _carry_over() -> None:
    connection, key = op.get_bind(), context.config.attributes["seal_key"]
    head = connection.execute(text("SELECT trust_root FROM chain_head")).scalar()
    ours = None if head is None else str(json.loads(head)["contract"]).rpartition(":")[2]
    found = connection.execute(text("SELECT * FROM chain_record WHERE op = :op ORDER BY seq"), {"op": SUPERSEDE})
    for record in found.mappings().all():
        if not hmac.compare_digest(seal_of_columns(key, "chain_record", dict(record)), record["seal"]):
            continue
        content = json.loads(record["content"])
        # Only its own issuer's word lets a certificate take the place of another, and only in the contract it names.
        if content["issuer"] != content["target_issuer"] or ours not in (None, content["target_contract"]):
            continue
        for leaf in sorted({int(one) for one in content["new_indices"]}):
            row = {
                "seq": record["seq"],
                "leaf": leaf,
                "issuer": content["target_issuer"],
                "batch": unb64url(content["new_batch"]),
            }
            row["seal"] = seal_of_columns(key, "chain_successor", row)
            connection.execute(
                text("INSERT INTO chain_successor VALUES (:seq, :leaf, :issuer, :batch, :seal)"),
                row,
            )
