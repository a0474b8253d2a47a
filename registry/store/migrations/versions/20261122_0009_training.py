"""Training bodies and applying units, the steps of an admission, courses with their hours."""

from alembic import op

revision = "20261122_0009"
down_revision = "20261122_0008"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE organisation (
        code TEXT NOT NULL,
        kind TEXT NOT NULL,
        name_zh TEXT NOT NULL,
        name_en TEXT NOT NULL,
        contact TEXT NOT NULL,
        since TEXT NOT NULL,
        until TEXT,
        made_by TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_organisation PRIMARY KEY (code),
        CONSTRAINT ck_organisation_kind CHECK (kind IN ('training-body', 'applying-unit')),
        CONSTRAINT ck_organisation_term CHECK (until IS NULL OR until >= since)
    ) STRICT
    """,
    """
    CREATE TABLE admission_step (
        admission TEXT NOT NULL,
        place INTEGER NOT NULL,
        state TEXT NOT NULL,
        unit TEXT NOT NULL,
        taken_by TEXT NOT NULL,
        taken_at INTEGER NOT NULL,
        reason BLOB,
        seal BLOB NOT NULL,
        CONSTRAINT pk_admission_step PRIMARY KEY (admission, place),
        CONSTRAINT fk_admission_step_admission FOREIGN KEY (admission) REFERENCES application (admission),
        CONSTRAINT fk_admission_step_unit FOREIGN KEY (unit) REFERENCES organisation (code),
        CONSTRAINT ck_admission_step_state CHECK (state IN ('pre-registered', 'first-review-passed',
            'first-review-returned', 'fee-paid', 'documents-handed-in', 'admitted', 'withdrawn', 'refused'))
    ) STRICT
    """,
    """
    CREATE TABLE course (
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        programme TEXT NOT NULL,
        programme_version TEXT NOT NULL,
        programme_digest BLOB NOT NULL,
        level TEXT NOT NULL,
        made_by TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_course PRIMARY KEY (id),
        CONSTRAINT fk_course_body FOREIGN KEY (body) REFERENCES organisation (code)
    ) STRICT
    """,
    """
    CREATE TABLE course_unit (
        course TEXT NOT NULL,
        place INTEGER NOT NULL,
        name_zh TEXT NOT NULL,
        name_en TEXT NOT NULL,
        hours INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_course_unit PRIMARY KEY (course, place),
        CONSTRAINT fk_course_unit_course FOREIGN KEY (course) REFERENCES course (id),
        CONSTRAINT ck_course_unit_hours CHECK (hours > 0)
    ) STRICT
    """,
    """
    CREATE TABLE course_teacher (
        course TEXT NOT NULL,
        person TEXT NOT NULL,
        holds_level TEXT,
        title TEXT,
        added_by TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_course_teacher PRIMARY KEY (course, person),
        CONSTRAINT fk_course_teacher_course FOREIGN KEY (course) REFERENCES course (id),
        CONSTRAINT ck_course_teacher_two_people CHECK (lower(added_by) <> lower(person))
    ) STRICT
    """,
    """
    CREATE TABLE participant (
        admission TEXT NOT NULL,
        course TEXT NOT NULL,
        added_by TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_participant PRIMARY KEY (admission),
        CONSTRAINT fk_participant_admission FOREIGN KEY (admission) REFERENCES application (admission),
        CONSTRAINT fk_participant_course FOREIGN KEY (course) REFERENCES course (id)
    ) STRICT
    """,
    "CREATE INDEX ix_participant_course ON participant (course)",
    """
    CREATE TABLE attendance_list (
        id TEXT NOT NULL,
        course TEXT NOT NULL,
        file_digest BLOB NOT NULL,
        rows INTEGER NOT NULL,
        entered_by TEXT NOT NULL,
        entered_at INTEGER NOT NULL,
        settled_by TEXT,
        settled_at INTEGER,
        confirmed INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_attendance_list PRIMARY KEY (id),
        CONSTRAINT fk_attendance_list_course FOREIGN KEY (course) REFERENCES course (id),
        CONSTRAINT ck_attendance_list_confirmed CHECK (confirmed IN (0, 1)),
        CONSTRAINT ck_attendance_list_settled_whole CHECK (
            (settled_by IS NULL) = (settled_at IS NULL) AND (settled_by IS NULL) = (confirmed IS NULL)
        ),
        CONSTRAINT ck_attendance_list_two_people
            CHECK (confirmed IS NULL OR confirmed = 0 OR lower(settled_by) <> lower(entered_by))
    ) STRICT
    """,
    "CREATE INDEX ix_attendance_list_course ON attendance_list (course)",
    """
    CREATE TABLE attended (
        list TEXT NOT NULL,
        admission TEXT NOT NULL,
        unit INTEGER NOT NULL,
        held_on TEXT NOT NULL,
        hours INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_attended PRIMARY KEY (list, admission, unit, held_on),
        CONSTRAINT fk_attended_list FOREIGN KEY (list) REFERENCES attendance_list (id),
        CONSTRAINT fk_attended_admission FOREIGN KEY (admission) REFERENCES participant (admission),
        CONSTRAINT ck_attended_hours CHECK (hours > 0)
    ) STRICT
    """,
    "CREATE INDEX ix_attended_admission ON attended (admission)",
)
ONLY_ADDED_TO = ("admission_step", "course", "course_unit", "course_teacher", "participant", "attended")
FROZEN_COLUMNS = {
    "organisation": "code, kind, name_zh, name_en, since, made_by, made_at",
    "attendance_list": "id, course, file_digest, rows, entered_by, entered_at",
}
RULES = (
    """
    CREATE TRIGGER attendance_list_stays_settled BEFORE UPDATE ON attendance_list
    WHEN OLD.settled_at IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'an attendance list that was confirmed or returned stays so');
    END
    """,
    """
    CREATE TRIGGER attended_before_settled BEFORE INSERT ON attended
    WHEN EXISTS (SELECT 1 FROM attendance_list WHERE id = NEW.list AND settled_at IS NOT NULL)
    BEGIN
        SELECT RAISE(ABORT, 'an attendance list that was confirmed or returned takes no rows');
    END
    """,
    """
    CREATE TRIGGER admission_step_follows BEFORE INSERT ON admission_step
    WHEN NEW.place <> 1 + (SELECT count(*) FROM admission_step WHERE admission = NEW.admission)
    BEGIN
        SELECT RAISE(ABORT, 'a step of an admission follows the last one');
    END
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for table in (*ONLY_ADDED_TO, *FROZEN_COLUMNS):
        op.execute(
            f"""
            CREATE TRIGGER {table}_not_deleted BEFORE DELETE ON {table}
            BEGIN
                SELECT RAISE(ABORT, 'no row of {table} is ever deleted');
            END
            """
        )
    for table in ONLY_ADDED_TO:
        op.execute(
            f"""
            CREATE TRIGGER {table}_not_changed BEFORE UPDATE ON {table}
            BEGIN
                SELECT RAISE(ABORT, 'no row of {table} is ever changed');
            END
            """
        )
    for table, columns in FROZEN_COLUMNS.items():
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
