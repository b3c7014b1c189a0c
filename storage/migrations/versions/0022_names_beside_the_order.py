"""What articles name, listed as words are (Postgres); scores, margins and paywalls are told by indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from storage.names import FILL, NAMES_DDL

revision = "0022"
down_revision = "0021"

_OF_SOME = (
    ("ix_articles_paywalled", "articles", ["day", "id"], "extraction = 'paywalled'"),
    ("ix_verdicts_least_sure", "verdicts", ["entry_id", "margin", "id"], "current"),
)


def upgrade() -> None:
    """Make three indexes, one of them instead of another; on Postgres note what every article names, of which each mention is read once."""
    columns = ["sort_key", "topics", "syria_score", "isis_score"]
    op.create_index("ix_articles_newest", "articles", columns)
    op.drop_index("ix_articles_sort_key_topics", "articles")
    for name, table, columns, condition in _OF_SOME:
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        return
    if connection.scalar(sa.text("SELECT 1 FROM mentions LIMIT 1")):
        context.config.attributes["tell"]("what every article names is noted")
    table, index = NAMES_DDL
    for statement in (table, FILL, index, "ANALYZE articles_names"):
        connection.exec_driver_sql(statement)
