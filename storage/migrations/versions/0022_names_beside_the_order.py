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

# A sample of rows that stand together takes nine of them for one article's where there are one or two: then all are read, for a week.
_DISTINCT = (
    "ALTER TABLE evidence_terms ALTER COLUMN entry_id SET (n_distinct = -0.5)",
    "ALTER TABLE mentions ALTER COLUMN entry_id SET (n_distinct = -0.3)",
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
    filled = connection.scalar(sa.text("SELECT 1 FROM mentions LIMIT 1"))
    if filled:
        context.config.attributes["tell"]("what every article names is noted")
    table, index = NAMES_DDL
    for statement in (table, FILL, index, *_DISTINCT):
        connection.exec_driver_sql(statement)
    if filled:  # of an empty table nothing is better known than something
        connection.exec_driver_sql("ANALYZE articles_names, evidence_terms, mentions")
