"""Looking again: when an article's page is asked again, what changed, and what is claimed of its times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

from storage.portable import CleanJSON, CleanText, CommaList, UTCDateTime

revision = "0007"
down_revision = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DUE = "due_at IS NOT NULL AND claimed_at IS NULL"
# crawler.looks.SCHEDULE as it was: what was stored before is looked at as if this program had stored it
SCHEDULE = tuple(timedelta(hours=hours) for hours in (1, 3, 12, 48, 168, 720))
BATCH = 1_000


def upgrade() -> None:
    """Make the three tables; what was fetched in the last thirty days is planned for its next look."""
    _make_rechecks()
    _make_revisions()
    _make_clocks()
    _plan()


def _make_rechecks() -> None:
    op.create_table(
        "rechecks",
        sa.Column("article_id", ID, autoincrement=False, nullable=False),
        sa.Column("host", CleanText(), nullable=False),
        sa.Column("first_fetched_at", UTCDateTime(), nullable=False),
        sa.Column("step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", UTCDateTime()),
        sa.Column("claimed_at", UTCDateTime()),
        sa.Column("looked_at", UTCDateTime()),
        sa.Column("looks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("outcome", CleanText()),
        sa.Column("error", CleanText()),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("missing", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("taken_down_at", UTCDateTime()),
        sa.Column("etag", CleanText()),
        sa.Column("last_modified", CleanText()),
        sa.Column("body_hash", CleanText()),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_rechecks_article_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("article_id", name="pk_rechecks"),
    )
    op.create_index(
        "ix_rechecks_due",
        "rechecks",
        ["due_at", "article_id", "host"],
        sqlite_where=sa.text(DUE),
        postgresql_where=sa.text(DUE),
    )


def _make_revisions() -> None:
    op.create_table(
        "revisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("article_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=False),
        sa.Column("title", CleanText(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("topics", CleanText(), server_default="", nullable=False),
        sa.Column("added", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("removed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("has_numbers", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("numbers", CleanJSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("text_hash", CleanText(), nullable=False),
        sa.Column("edits", CleanJSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("text", CleanText(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_revisions_article_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_revisions"),
        sa.UniqueConstraint("article_id", "number", name="uq_revisions_article_id_number"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_revisions_has_numbers_seen_at_id", "revisions", ["has_numbers", "seen_at", "id"])


def _make_clocks() -> None:
    op.create_table(
        "clocks",
        sa.Column("article_id", ID, nullable=False),
        sa.Column("clock", CleanText(), nullable=False),
        sa.Column("source", CleanText(), nullable=False),
        sa.Column("at", UTCDateTime()),
        sa.Column("raw", CleanText(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("flags", CommaList(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_clocks_article_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("article_id", "clock", "source", name="pk_clocks"),
        sqlite_with_rowid=False,
    )


def _plan() -> None:
    """What this program would have planned. Hosts are those of the entries, which the crawler wrote."""
    rechecks = sa.table(
        "rechecks",
        sa.column("article_id", ID),
        sa.column("host", CleanText()),
        sa.column("first_fetched_at", UTCDateTime()),
        sa.column("step", sa.Integer()),
        sa.column("due_at", UTCDateTime()),
    )
    articles = sa.table(
        "articles", sa.column("id"), sa.column("url"), sa.column("extraction"), sa.column("fetched_at", UTCDateTime())
    )
    entries = sa.table("entries", sa.column("id"), sa.column("host"))
    now = datetime.now(UTC)
    last, connection = 0, op.get_bind()
    while True:
        query = (
            sa.select(articles.c.id, entries.c.host, articles.c.url, articles.c.fetched_at)
            .join_from(articles, entries, entries.c.id == articles.c.id)
            .where(articles.c.id > last, articles.c.extraction != "summary-only")
            .where(articles.c.fetched_at > now - SCHEDULE[-1])
        )
        rows = connection.execute(query.order_by(articles.c.id).limit(BATCH)).all()
        if not rows:
            return
        last = rows[-1].id
        planned = [_planned(row, now) for row in rows if row.url]
        if planned:
            connection.execute(sa.insert(rechecks), planned)


def _planned(row: Any, now: datetime) -> dict[str, object]:
    step = next(number for number, after in enumerate(SCHEDULE) if row.fetched_at + after > now)
    return {
        "article_id": row.id,
        "host": row.host or urlsplit(row.url).hostname or "",
        "first_fetched_at": row.fetched_at,
        "step": step,
        "due_at": row.fetched_at + SCHEDULE[step],
    }
