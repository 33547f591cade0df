"""Alembic's entry: runs the migrations on the connection that `schema.migrate` hands over."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="alembic_version",
    version_table_schema="chartline",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
