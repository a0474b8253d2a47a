"""Holders who let employers find them, and the employers' requests for their contact."""

from alembic import op

revision = "20261122_0007"
down_revision = "20261122_0006"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE talent (
        id TEXT NOT NULL,
        person TEXT NOT NULL,
        number TEXT NOT NULL,
        scope TEXT NOT NULL,
        direction TEXT,
        region TEXT NOT NULL,
        contact BLOB,
        agreed_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        withdrawn_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_talent PRIMARY KEY (id),
        CONSTRAINT fk_talent_person FOREIGN KEY (person) REFERENCES person (id),
        CONSTRAINT ck_talent_term CHECK (agreed_at < expires_at),
        CONSTRAINT ck_talent_withdrawn_whole CHECK (withdrawn_at IS NULL OR contact IS NULL)
    ) STRICT
    """,
    "CREATE INDEX ix_talent_person ON talent (person)",
    "CREATE INDEX ix_talent_scope_region ON talent (scope, region)",
    "CREATE UNIQUE INDEX uq_talent_open ON talent (person, number) WHERE contact IS NOT NULL",
    """
    CREATE TABLE talent_request (
        id TEXT NOT NULL,
        talent TEXT NOT NULL,
        account TEXT NOT NULL,
        particulars BLOB,
        answer TEXT NOT NULL,
        asked_at INTEGER NOT NULL,
        answered_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_talent_request PRIMARY KEY (id),
        CONSTRAINT fk_talent_request_talent FOREIGN KEY (talent) REFERENCES talent (id),
        CONSTRAINT fk_talent_request_account FOREIGN KEY (account) REFERENCES account (name),
        CONSTRAINT uq_talent_request_talent_account UNIQUE (talent, account),
        CONSTRAINT ck_talent_request_answer CHECK (answer IN ('asked', 'agreed', 'refused')),
        CONSTRAINT ck_talent_request_answered_whole CHECK ((answer = 'asked') = (answered_at IS NULL))
    ) STRICT
    """,
    "CREATE INDEX ix_talent_request_account ON talent_request (account)",
)
FROZEN_COLUMNS = {
    "talent": "id, person, number, scope, direction, region, agreed_at, expires_at",
    "talent_request": "id, talent, account, asked_at",
}
RULES = (
    """
    CREATE TRIGGER talent_stays_withdrawn BEFORE UPDATE ON talent
    WHEN OLD.withdrawn_at IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'an entry that was withdrawn stays withdrawn');
    END
    """,
    """
    CREATE TRIGGER talent_contact_not_again BEFORE UPDATE OF contact ON talent
    WHEN NEW.contact IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'a contact is given once, and then only deleted');
    END
    """,
    """
    CREATE TRIGGER talent_request_stays_refused BEFORE UPDATE OF answer ON talent_request
    WHEN OLD.answer = 'refused' AND NEW.answer <> 'refused'
    BEGIN
        SELECT RAISE(ABORT, 'a request that was refused stays refused');
    END
    """,
)


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
    for rule in RULES:
        op.execute(rule)
