"""Accounts with invitations and sign-ins; holders' shares; bulk verifications."""

from alembic import op

revision = "20261122_0003"
down_revision = "20261122_0002"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE account (
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        display TEXT NOT NULL,
        roles TEXT NOT NULL,
        person TEXT,
        password TEXT,
        created_by TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        closed_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_account PRIMARY KEY (name),
        CONSTRAINT uq_account_person UNIQUE (person),
        CONSTRAINT ck_account_kind CHECK (kind IN ('staff', 'employer', 'holder')),
        CONSTRAINT ck_account_holder_is_person CHECK ((kind = 'holder') = (person IS NOT NULL)),
        CONSTRAINT fk_account_person FOREIGN KEY (person) REFERENCES person (id)
    ) STRICT
    """,
    """
    CREATE TABLE invitation (
        token_hash BLOB NOT NULL,
        account TEXT NOT NULL,
        made_by TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        used_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_invitation PRIMARY KEY (token_hash),
        CONSTRAINT fk_invitation_account FOREIGN KEY (account) REFERENCES account (name)
    ) STRICT
    """,
    "CREATE INDEX ix_invitation_account ON invitation (account)",
    """
    CREATE TABLE sign_in (
        token_hash BLOB NOT NULL,
        account TEXT NOT NULL,
        began_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        ended_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_sign_in PRIMARY KEY (token_hash),
        CONSTRAINT fk_sign_in_account FOREIGN KEY (account) REFERENCES account (name)
    ) STRICT
    """,
    "CREATE INDEX ix_sign_in_account ON sign_in (account)",
    """
    CREATE TABLE share (
        id TEXT NOT NULL,
        token_hash BLOB NOT NULL,
        person TEXT NOT NULL,
        number TEXT NOT NULL,
        particulars BLOB NOT NULL,
        made_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        withdrawn_at INTEGER,
        opened INTEGER NOT NULL,
        opened_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_share PRIMARY KEY (id),
        CONSTRAINT uq_share_token_hash UNIQUE (token_hash),
        CONSTRAINT fk_share_person FOREIGN KEY (person) REFERENCES person (id)
    ) STRICT
    """,
    "CREATE INDEX ix_share_person ON share (person)",
    """
    CREATE TABLE job (
        id TEXT NOT NULL,
        account TEXT NOT NULL,
        file_digest BLOB NOT NULL,
        rows INTEGER NOT NULL,
        done INTEGER NOT NULL,
        state TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        finished_at INTEGER,
        expires_at INTEGER NOT NULL,
        wrapped_key BLOB,
        file BLOB,
        result BLOB,
        receipt BLOB,
        failure TEXT,
        seal BLOB NOT NULL,
        CONSTRAINT pk_job PRIMARY KEY (id),
        CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'finished', 'failed', 'forgotten')),
        CONSTRAINT fk_job_account FOREIGN KEY (account) REFERENCES account (name)
    ) STRICT
    """,
    "CREATE INDEX ix_job_account ON job (account)",
)
FROZEN_COLUMNS = {
    "account": "name, kind, person, created_by, created_at",
    "invitation": "token_hash, account, made_by, made_at, expires_at",
    "sign_in": "token_hash, account, began_at, expires_at",
    "share": "id, token_hash, person, number, particulars, made_at, expires_at",
    "job": "id, account, file_digest, made_at",
}


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for table, columns in FROZEN_COLUMNS.items():
        op.execute(
            f"""
            CREATE TRIGGER {table}_not_deleted BEFORE DELETE ON {table}
            BEGIN
                SELECT RAISE(ABORT, 'no row of {table} is ever deleted');
            END
            """
        )
        op.execute(
            f"""
            CREATE TRIGGER {table}_not_changed BEFORE UPDATE OF {columns} ON {table}
            BEGIN
                SELECT RAISE(ABORT, 'these columns of {table} never change');
            END
            """
        )
