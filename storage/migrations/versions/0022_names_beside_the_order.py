"""What articles name, listed as words are (Postgres); the scores of what holds a word are told by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from storage.names import FILL, NAMES_DDL

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Make the index of the newest anew; on Postgres note what every article names, of which each mention is read once."""
    columns = ["sort_key", "topics", "syria_score", "isis_score"]
    op.create_index("ix_articles_newest", "articles", columns)
    op.drop_index("ix_articles_sort_key_topics", "articles")
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        return
    if connection.scalar(sa.text("SELECT 1 FROM mentions LIMIT 1")):
        context.config.attributes["tell"]("what every article names is noted")
    table, index = NAMES_DDL
    for statement in (table, FILL, index, "ANALYZE articles_names"):
        connection.exec_driver_sql(statement)
