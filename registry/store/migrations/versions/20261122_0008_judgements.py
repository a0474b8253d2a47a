"""What people judged of applications, each confirmed by a second person; the bytes of programme files once used."""

from alembic import op

revision = "20261122_0008"
down_revision = "20261122_0007"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE judgement (
        id TEXT NOT NULL,
        admission TEXT NOT NULL,
        subject TEXT NOT NULL,
        favourable INTEGER NOT NULL,
        reason BLOB NOT NULL,
        entered_by TEXT NOT NULL,
        entered_at INTEGER NOT NULL,
        confirmed_by TEXT,
        confirmed_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_judgement PRIMARY KEY (id),
        CONSTRAINT fk_judgement_admission FOREIGN KEY (admission) REFERENCES application (admission),
        CONSTRAINT ck_judgement_favourable CHECK (favourable IN (0, 1)),
        CONSTRAINT ck_judgement_two_people
            CHECK (confirmed_by IS NULL OR lower(confirmed_by) <> lower(entered_by)),
        CONSTRAINT ck_judgement_confirmed_whole CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL))
    ) STRICT
    """,
    "CREATE INDEX ix_judgement_admission ON judgement (admission)",
    """
    CREATE TABLE programme_file (
        code TEXT NOT NULL,
        version TEXT NOT NULL,
        digest BLOB NOT NULL,
        bytes BLOB NOT NULL,
        first_used_at INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_programme_file PRIMARY KEY (code, version)
    ) STRICT
    """,
)
RULES = (
    """
    CREATE TRIGGER judgement_not_deleted BEFORE DELETE ON judgement
    BEGIN
        SELECT RAISE(ABORT, 'no row of judgement is ever deleted');
    END
    """,
    """
    CREATE TRIGGER judgement_not_changed
    BEFORE UPDATE OF id, admission, subject, favourable, reason, entered_by, entered_at ON judgement
    BEGIN
        SELECT RAISE(ABORT, 'these columns of judgement never change');
    END
    """,
    """
    CREATE TRIGGER judgement_stays_confirmed BEFORE UPDATE ON judgement
    WHEN OLD.confirmed_at IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'a judgement that was confirmed stays as it is');
    END
    """,
    """
    CREATE TRIGGER programme_file_not_deleted BEFORE DELETE ON programme_file
    BEGIN
        SELECT RAISE(ABORT, 'no row of programme_file is ever deleted');
    END
    """,
    """
    CREATE TRIGGER programme_file_not_changed BEFORE UPDATE ON programme_file
    BEGIN
        SELECT RAISE(ABORT, 'no row of programme_file is ever changed');
    END
    """,
)


def upgrade() -> None:
    for statement in (*TABLES, *RULES):
        op.execute(statement)
