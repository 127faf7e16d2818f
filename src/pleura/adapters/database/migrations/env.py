"""Alembic runs this file for every command; the connection comes from `migrate.configuration`."""

from __future__ import annotations

from alembic import context

from pleura.adapters.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
