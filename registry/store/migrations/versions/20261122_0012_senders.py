"""Who may sign and send for an account of ours; transactions that replace others, and each nonce given out once."""

from alembic import op

revision = "20261122_0012"
down_revision = "20261122_0011"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE sender_lease (
        account TEXT NOT NULL,
        worker TEXT NOT NULL,
        term INTEGER NOT NULL,
        taken_at INTEGER NOT NULL,
        leased_until INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_sender_lease PRIMARY KEY (account)
    ) STRICT
    """,
    """
    CREATE TABLE outbox_of_before (
        hash BLOB NOT NULL,
        subject TEXT NOT NULL,
        sender TEXT NOT NULL,
        nonce INTEGER NOT NULL,
        raw BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        seal BLOB NOT NULL
    ) STRICT
    """,
    "INSERT INTO outbox_of_before SELECT hash, subject, sender, nonce, raw, created_at, seal FROM outbox",
    "DROP TABLE outbox",  # with its index and its triggers
    """
    CREATE TABLE outbox (
        hash BLOB NOT NULL,
        subject TEXT NOT NULL,
        sender TEXT NOT NULL,
        nonce INTEGER NOT NULL,
        raw BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        replaces BLOB,
        seal BLOB NOT NULL,
        CONSTRAINT pk_outbox PRIMARY KEY (hash),
        CONSTRAINT fk_outbox_replaces FOREIGN KEY (replaces) REFERENCES outbox (hash)
    ) STRICT
    """,
    # A column that is null has no part in a seal: those of the rows that were there hold on.
    "INSERT INTO outbox SELECT hash, subject, sender, nonce, raw, created_at, NULL, seal FROM outbox_of_before",
    "DROP TABLE outbox_of_before",
    "CREATE INDEX ix_outbox_subject ON outbox (subject)",
    "CREATE INDEX ix_outbox_sender_nonce ON outbox (sender, nonce)",
    "CREATE UNIQUE INDEX uq_outbox_nonce ON outbox (sender, nonce) WHERE replaces IS NULL",
    "CREATE UNIQUE INDEX uq_outbox_replaces ON outbox (replaces)",
)
RULES = (
    """
    CREATE TRIGGER outbox_not_deleted BEFORE DELETE ON outbox
    BEGIN
        SELECT RAISE(ABORT, 'no row of outbox is ever deleted');
    END
    """,
    """
    CREATE TRIGGER outbox_not_changed BEFORE UPDATE ON outbox
    BEGIN
        SELECT RAISE(ABORT, 'no row of outbox is ever changed');
    END
    """,
    """
    CREATE TRIGGER outbox_replaces_its_like BEFORE INSERT ON outbox
    WHEN NEW.replaces IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM outbox AS before WHERE before.hash = NEW.replaces AND before.subject = NEW.subject
            AND before.sender = NEW.sender AND before.nonce = NEW.nonce
    )
    BEGIN
        SELECT RAISE(ABORT, 'a replacement has the sender, nonce and subject of what it replaces');
    END
    """,
    """
    CREATE TRIGGER sender_lease_not_deleted BEFORE DELETE ON sender_lease
    BEGIN
        SELECT RAISE(ABORT, 'no row of sender_lease is ever deleted');
    END
    """,
    """
    CREATE TRIGGER sender_lease_not_changed BEFORE UPDATE OF account ON sender_lease
    BEGIN
        SELECT RAISE(ABORT, 'these columns of sender_lease never change');
    END
    """,
    """
    CREATE TRIGGER sender_lease_goes_on BEFORE UPDATE ON sender_lease
    WHEN NEW.term < OLD.term
    BEGIN
        SELECT RAISE(ABORT, 'the terms of a lease only grow');
    END
    """,
)


def upgrade() -> None:
    for statement in (*TABLES, *RULES):
        op.execute(statement)
