"""Schema versions as Alembic scripts."""
