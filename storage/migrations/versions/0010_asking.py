"""Asking: saved searches, and a full-text index of the titles alone (`title:` of a query), filled from what is stored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.full_text import TITLES_DDL
from storage.portable import CleanText, UTCDateTime
from storage.text import search_words

revision = "0010"
down_revision = "0005"

_PAGE = 2_000


def upgrade() -> None:
    """Make both tables; index the titles that are there."""
    op.create_table(
        "saved_searches",
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("query", CleanText(), nullable=False),
        sa.Column("saved_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_saved_searches"),
    )
    connection = op.get_bind()
    for statement in TITLES_DDL[connection.dialect.name]:
        connection.exec_driver_sql(statement)
    words = ":words" if connection.dialect.name == "sqlite" else "to_tsvector('simple', :words)"
    insert = sa.text(f"INSERT INTO titles_fts (rowid, document) VALUES (:key, {words})")
    page = sa.text("SELECT sort_key, title FROM articles WHERE sort_key > :last ORDER BY sort_key LIMIT :page")
    last = -(2**62)
    while rows := connection.execute(page, {"last": last, "page": _PAGE}).all():
        connection.execute(insert, [{"key": key, "words": search_words(title)} for key, title in rows])
        last = rows[-1][0]
