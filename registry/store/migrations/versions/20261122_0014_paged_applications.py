"""Applications are read page by page in the order of their admission numbers: by roster, and by who is eligible."""

from alembic import op

revision = "20261122_0014"
down_revision = "20261122_0013"
branch_labels = None
depends_on = None

STATEMENTS = (
    "DROP INDEX ix_application_roster",
    "DROP INDEX ix_application_programme_level_eligible",
    "CREATE INDEX ix_application_roster_admission ON application (roster, admission)",
    """
    CREATE INDEX ix_application_programme_level_eligible_admission
    ON application (programme, level, eligible, admission)
    """,
)


def upgrade() -> None:
    """Put the admission number behind what is asked for, so that no page is found by sorting all of them."""
    for statement in STATEMENTS:
        op.execute(statement)
