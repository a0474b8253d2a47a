"""Alarms: why nothing more goes to the chain, until a person lifts them."""

from alembic import op

revision = "20261122_0010"
down_revision = "20261122_0009"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE alarm (
        id TEXT NOT NULL,
        code TEXT NOT NULL,
        subject TEXT NOT NULL,
        detail TEXT NOT NULL,
        raised_at INTEGER NOT NULL,
        lifted_at INTEGER,
        lifted_by TEXT,
        reason TEXT,
        seal BLOB NOT NULL,
        CONSTRAINT pk_alarm PRIMARY KEY (id),
        CONSTRAINT ck_alarm_lifted_whole CHECK (
            (lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (reason IS NULL)
        )
    ) STRICT
    """,
    "CREATE UNIQUE INDEX uq_alarm_open ON alarm (code, subject) WHERE lifted_at IS NULL",
)
RULES = (
    """
    CREATE TRIGGER alarm_not_deleted BEFORE DELETE ON alarm
    BEGIN
        SELECT RAISE(ABORT, 'no row of alarm is ever deleted');
    END
    """,
    """
    CREATE TRIGGER alarm_not_changed BEFORE UPDATE OF id, code, subject, detail, raised_at ON alarm
    BEGIN
        SELECT RAISE(ABORT, 'these columns of alarm never change');
    END
    """,
    """
    CREATE TRIGGER alarm_stays_lifted BEFORE UPDATE ON alarm
    WHEN OLD.lifted_at IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'an alarm that was lifted stays so');
    END
    """,
)


def upgrade() -> None:
    for statement in (*TABLES, *RULES):
        op.execute(statement)
