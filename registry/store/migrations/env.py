"""Runs the migrations on the connection that registry.store.migrating hands over, inside its transaction."""

from alembic import context

from registry.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,
    render_as_batch=True,
)
context.run_migrations()
