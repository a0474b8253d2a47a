"""Sessions of an examination, their seats, attendance and staff; scores by function; corrections of scores."""

from alembic import op

revision = "20261122_0006"
down_revision = "20261122_0005"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE exam_session (
        id TEXT NOT NULL,
        programme TEXT NOT NULL,
        programme_version TEXT NOT NULL,
        programme_digest BLOB NOT NULL,
        held_on TEXT NOT NULL,
        place TEXT NOT NULL,
        registration_closes TEXT,
        made_by TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        closed_by TEXT,
        closed_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_exam_session PRIMARY KEY (id),
        CONSTRAINT ck_exam_session_closed_whole CHECK ((closed_by IS NULL) = (closed_at IS NULL))
    ) STRICT
    """,
    "CREATE INDEX ix_exam_session_programme_held_on ON exam_session (programme, held_on)",
    """
    CREATE TABLE exam_paper (
        session TEXT NOT NULL,
        paper TEXT NOT NULL,
        begins_at INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_exam_paper PRIMARY KEY (session, paper),
        CONSTRAINT fk_exam_paper_session FOREIGN KEY (session) REFERENCES exam_session (id)
    ) STRICT
    """,
    """
    CREATE TABLE exam_room (
        session TEXT NOT NULL,
        room TEXT NOT NULL,
        capacity INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_exam_room PRIMARY KEY (session, room),
        CONSTRAINT fk_exam_room_session FOREIGN KEY (session) REFERENCES exam_session (id),
        CONSTRAINT ck_exam_room_capacity CHECK (capacity > 0)
    ) STRICT
    """,
    """
    CREATE TABLE seat (
        session TEXT NOT NULL,
        admission TEXT NOT NULL,
        room TEXT NOT NULL,
        papers TEXT NOT NULL,
        kind TEXT NOT NULL,
        fee TEXT,
        by_unit INTEGER NOT NULL,
        registered_by TEXT NOT NULL,
        registered_at INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_seat PRIMARY KEY (session, admission),
        CONSTRAINT fk_seat_session_room FOREIGN KEY (session, room) REFERENCES exam_room (session, room),
        CONSTRAINT fk_seat_admission FOREIGN KEY (admission) REFERENCES application (admission),
        CONSTRAINT ck_seat_kind CHECK (kind IN ('first', 'retake', 'anew')),
        CONSTRAINT ck_seat_fee CHECK (fee IN ('full', 'assessment', 'assessment-again')),
        CONSTRAINT ck_seat_by_unit CHECK (by_unit IN (0, 1))
    ) STRICT
    """,
    "CREATE INDEX ix_seat_admission ON seat (admission)",
    """
    CREATE TABLE attendance (
        session TEXT NOT NULL,
        admission TEXT NOT NULL,
        paper TEXT NOT NULL,
        arrived_at INTEGER,
        late_seconds INTEGER NOT NULL,
        admitted INTEGER NOT NULL,
        written_by TEXT NOT NULL,
        written_at INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_attendance PRIMARY KEY (session, admission, paper),
        CONSTRAINT fk_attendance_session_admission FOREIGN KEY (session, admission)
            REFERENCES seat (session, admission),
        CONSTRAINT ck_attendance_admitted CHECK (admitted = 0 OR admitted = 1 AND arrived_at IS NOT NULL)
    ) STRICT
    """,
    """
    CREATE TABLE session_staff (
        session TEXT NOT NULL,
        paper TEXT NOT NULL,
        room TEXT NOT NULL,
        role TEXT NOT NULL,
        person TEXT NOT NULL,
        added_by TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        withdrawn_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_session_staff PRIMARY KEY (session, paper, room, role, person),
        CONSTRAINT fk_session_staff_session_room FOREIGN KEY (session, room) REFERENCES exam_room (session, room),
        CONSTRAINT ck_session_staff_role CHECK (role IN ('invigilator', 'assessor'))
    ) STRICT
    """,
    """
    CREATE TABLE sheet_session (
        sheet TEXT NOT NULL,
        session TEXT NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_sheet_session PRIMARY KEY (sheet),
        CONSTRAINT fk_sheet_session_sheet FOREIGN KEY (sheet) REFERENCES sheet (id),
        CONSTRAINT fk_sheet_session_session FOREIGN KEY (session) REFERENCES exam_session (id)
    ) STRICT
    """,
    "CREATE INDEX ix_sheet_session_session ON sheet_session (session)",
    """
    CREATE TABLE function_score (
        id INTEGER NOT NULL,
        sheet TEXT NOT NULL,
        admission TEXT NOT NULL,
        paper TEXT NOT NULL,
        function TEXT NOT NULL,
        hundredths INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_function_score PRIMARY KEY (id),
        CONSTRAINT uq_function_score_sheet_admission_paper_function UNIQUE (sheet, admission, paper, function),
        CONSTRAINT fk_function_score_sheet FOREIGN KEY (sheet) REFERENCES sheet (id),
        CONSTRAINT fk_function_score_admission FOREIGN KEY (admission) REFERENCES application (admission)
    ) STRICT
    """,
    """
    CREATE TABLE correction (
        id TEXT NOT NULL,
        sheet TEXT NOT NULL,
        admission TEXT NOT NULL,
        paper TEXT NOT NULL,
        hundredths INTEGER,
        function TEXT,
        function_hundredths INTEGER,
        reason BLOB NOT NULL,
        entered_by TEXT NOT NULL,
        entered_at INTEGER NOT NULL,
        confirmed_by TEXT,
        confirmed_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_correction PRIMARY KEY (id),
        CONSTRAINT fk_correction_sheet FOREIGN KEY (sheet) REFERENCES sheet (id),
        CONSTRAINT fk_correction_admission FOREIGN KEY (admission) REFERENCES application (admission),
        CONSTRAINT ck_correction_two_people
            CHECK (confirmed_by IS NULL OR lower(confirmed_by) <> lower(entered_by)),
        CONSTRAINT ck_correction_confirmed_whole CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL)),
        CONSTRAINT ck_correction_function_whole CHECK (function IS NOT NULL OR function_hundredths IS NULL)
    ) STRICT
    """,
    "CREATE INDEX ix_correction_admission ON correction (admission)",
)
EVERY = (
    "exam_session",
    "exam_paper",
    "exam_room",
    "seat",
    "attendance",
    "session_staff",
    "sheet_session",
    "function_score",
    "correction",
)
ONLY_ADDED_TO = ("exam_paper", "exam_room", "seat", "attendance", "sheet_session", "function_score")
FROZEN_COLUMNS = {
    "exam_session": (
        "id, programme, programme_version, programme_digest, held_on, place, registration_closes, made_by, made_at"
    ),
    "session_staff": "session, paper, room, role, person, added_by, added_at",
    "correction": (
        "id, sheet, admission, paper, hundredths, function, function_hundredths, reason, entered_by, entered_at"
    ),
}
RESERVED = """EXISTS (
        SELECT 1 FROM certificate JOIN batch ON batch.id = certificate.batch
        WHERE certificate.admission = NEW.admission AND batch.state <> 'cancelled'
    )"""
RULES = (
    """
    CREATE TRIGGER exam_session_stays_closed BEFORE UPDATE ON exam_session
    WHEN OLD.closed_at IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'a session that was closed stays closed');
    END
    """,
    """
    CREATE TRIGGER correction_stays_confirmed BEFORE UPDATE ON correction
    WHEN OLD.confirmed_at IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'a correction that was confirmed stays as it is');
    END
    """,
    f"""
    CREATE TRIGGER correction_before_certificate BEFORE INSERT ON correction
    WHEN {RESERVED}
    BEGIN
        SELECT RAISE(ABORT, 'a score that a certificate rests on is never corrected');
    END
    """,
    f"""
    CREATE TRIGGER correction_confirmed_before_certificate BEFORE UPDATE ON correction
    WHEN {RESERVED}
    BEGIN
        SELECT RAISE(ABORT, 'a score that a certificate rests on is never corrected');
    END
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for table in EVERY:
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
    for table in ("seat", "attendance", "session_staff"):
        op.execute(
            f"""
            CREATE TRIGGER {table}_before_close BEFORE INSERT ON {table}
            WHEN EXISTS (SELECT 1 FROM exam_session WHERE id = NEW.session AND closed_at IS NOT NULL)
            BEGIN
                SELECT RAISE(ABORT, 'a session that was closed takes no {table}');
            END
            """  # noqa: S608 - the names are ours
        )
