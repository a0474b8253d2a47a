"""Score sheets that were sent back; the file of one may be handed in again.

The table of sheets is made anew without its unique digest, which a trigger now keeps for the sheets that count. Rows
and seals stay as they are: neither columns nor values change.
"""

from alembic import op
from sqlalchemy import text

revision = "20261122_0005"
down_revision = "20261122_0004"
branch_labels = None
depends_on = None

SHEET = """
    CREATE TABLE sheet (
        id TEXT NOT NULL,
        file_digest BLOB NOT NULL,
        examined_on TEXT NOT NULL,
        rows INTEGER NOT NULL,
        entered_by TEXT NOT NULL,
        entered_at INTEGER NOT NULL,
        confirmed_by TEXT,
        confirmed_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_sheet PRIMARY KEY (id),
        CONSTRAINT ck_sheet_two_people CHECK (confirmed_by IS NULL OR lower(confirmed_by) <> lower(entered_by))
    ) STRICT
    """
RETURNED = """
    CREATE TABLE sheet_return (
        sheet TEXT NOT NULL,
        returned_by TEXT NOT NULL,
        returned_at INTEGER NOT NULL,
        wrapped_key BLOB,
        reason BLOB,
        seal BLOB NOT NULL,
        CONSTRAINT pk_sheet_return PRIMARY KEY (sheet),
        CONSTRAINT ck_sheet_return_forgotten_whole CHECK ((wrapped_key IS NULL) = (reason IS NULL)),
        CONSTRAINT fk_sheet_return_sheet FOREIGN KEY (sheet) REFERENCES sheet (id)
    ) STRICT
    """
FROZEN_COLUMNS = {
    "sheet": "id, file_digest, examined_on, rows, entered_by, entered_at",
    "sheet_return": "sheet, returned_by, returned_at",
}
RULES = (
    """
    CREATE TRIGGER sheet_file_once BEFORE INSERT ON sheet
    WHEN EXISTS (
        SELECT 1 FROM sheet AS other
        WHERE other.file_digest = NEW.file_digest AND other.id NOT IN (SELECT sheet FROM sheet_return)
    )
    BEGIN
        SELECT RAISE(ABORT, 'another sheet that counts was made of this file');
    END
    """,
    """
    CREATE TRIGGER sheet_returned_stays BEFORE UPDATE OF confirmed_by, confirmed_at ON sheet
    WHEN EXISTS (SELECT 1 FROM sheet_return WHERE sheet_return.sheet = NEW.id)
    BEGIN
        SELECT RAISE(ABORT, 'a sheet that was returned is never confirmed');
    END
    """,
    """
    CREATE TRIGGER sheet_return_unconfirmed BEFORE INSERT ON sheet_return
    WHEN EXISTS (SELECT 1 FROM sheet WHERE sheet.id = NEW.sheet AND sheet.confirmed_by IS NOT NULL)
    BEGIN
        SELECT RAISE(ABORT, 'a sheet that was confirmed is never returned');
    END
    """,
)


def upgrade() -> None:
    connection = op.get_bind()
    rows = [dict(row) for row in connection.execute(text("SELECT * FROM sheet ORDER BY rowid")).mappings()]
    op.execute("PRAGMA defer_foreign_keys = ON")  # scores and certificates find their sheet again before the end
    op.execute("DROP TABLE sheet")  # with its triggers
    op.execute(SHEET)
    op.execute("CREATE INDEX ix_sheet_file_digest ON sheet (file_digest)")
    for row in rows:
        columns = ", ".join(f'"{name}"' for name in row)
        places = ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO sheet ({columns}) VALUES ({places})"), row)  # noqa: S608 - the names are ours
    op.execute(RETURNED)
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
