"""Who is in a batch, kept before the numbers are drawn: a large batch gets its certificates piece by piece."""

from alembic import op

revision = "20261122_0013"
down_revision = "20261122_0012"
branch_labels = None
depends_on = None

TABLE = """
    CREATE TABLE reserved_piece (
        batch TEXT NOT NULL,
        piece INTEGER NOT NULL,
        first_id INTEGER NOT NULL,
        size INTEGER NOT NULL,
        places BLOB NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_reserved_piece PRIMARY KEY (batch, piece),
        CONSTRAINT fk_reserved_piece_batch FOREIGN KEY (batch) REFERENCES batch (id),
        CONSTRAINT uq_reserved_piece_first_id UNIQUE (first_id)
    ) STRICT
    """
RULES = (
    """
    CREATE TRIGGER reserved_piece_not_deleted BEFORE DELETE ON reserved_piece
    BEGIN
        SELECT RAISE(ABORT, 'no row of reserved_piece is ever deleted');
    END
    """,
    """
    CREATE TRIGGER reserved_piece_not_changed BEFORE UPDATE ON reserved_piece
    BEGIN
        SELECT RAISE(ABORT, 'no row of reserved_piece is ever changed');
    END
    """,
)


def upgrade() -> None:
    """Make the table and its rules."""
    for statement in (TABLE, *RULES):
        op.execute(statement)
