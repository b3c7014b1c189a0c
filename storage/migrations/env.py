"""What Alembic runs: the revisions, on the connection that storage.schema opened and locked."""

from __future__ import annotations

from alembic import context

from storage.base import Base, tell_postgres
from storage.schema import VERSION_TABLE, is_modelled

tell_postgres()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite cannot alter a table, only make it anew
    include_object=is_modelled,
)
with context.begin_transaction():
    context.run_migrations()
