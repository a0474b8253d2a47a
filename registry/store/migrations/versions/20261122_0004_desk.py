"""What pages ask of the desk; candidates' photographs."""

from alembic import op

revision = "20261122_0004"
down_revision = "20261122_0003"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE task (
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        asked_by TEXT NOT NULL,
        asked_at INTEGER NOT NULL,
        state TEXT NOT NULL,
        step TEXT,
        done INTEGER NOT NULL,
        total INTEGER NOT NULL,
        worker TEXT,
        leased_until INTEGER,
        began_at INTEGER,
        heard_at INTEGER,
        finished_at INTEGER,
        result TEXT,
        failure TEXT,
        seal BLOB NOT NULL,
        CONSTRAINT pk_task PRIMARY KEY (id),
        CONSTRAINT ck_task_kind CHECK (kind IN ('propose', 'send-batch', 'send-request', 'draw')),
        CONSTRAINT ck_task_state CHECK (state IN ('queued', 'running', 'finished', 'failed')),
        CONSTRAINT ck_task_leased CHECK ((state = 'running') = (leased_until IS NOT NULL)),
        CONSTRAINT ck_task_finished_whole CHECK ((state IN ('finished', 'failed')) = (finished_at IS NOT NULL))
    ) STRICT
    """,
    "CREATE UNIQUE INDEX uq_task_open ON task (kind, subject) WHERE state IN ('queued', 'running')",
    """
    CREATE TABLE portrait (
        admission TEXT NOT NULL,
        person TEXT NOT NULL,
        media_type TEXT NOT NULL,
        image BLOB,
        added_by TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_portrait PRIMARY KEY (admission),
        CONSTRAINT fk_portrait_admission FOREIGN KEY (admission) REFERENCES application (admission),
        CONSTRAINT fk_portrait_person FOREIGN KEY (person) REFERENCES person (id)
    ) STRICT
    """,
    "CREATE INDEX ix_portrait_person ON portrait (person)",
)
FROZEN_COLUMNS = {
    "task": "id, kind, subject, asked_by, asked_at",
    "portrait": "admission, person",
}
ENDED_TASK = """
    CREATE TRIGGER task_stays_ended BEFORE UPDATE ON task
    WHEN OLD.finished_at IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'a task that ended stays as it ended');
    END
    """


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
    op.execute(ENDED_TASK)
