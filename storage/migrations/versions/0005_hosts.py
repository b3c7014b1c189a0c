"""Manners: the hosts that asked to be left alone, their robots.txt, and what may replace a feed that fails for long."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.portable import CleanText, UTCDateTime

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the three tables, empty."""
    op.create_table(
        "hosts",
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("quiet_until", UTCDateTime(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_hosts"),
    )
    op.create_table(
        "robots",
        sa.Column("origin", CleanText(), nullable=False),
        sa.Column("host", CleanText(), nullable=False),
        sa.Column("outcome", CleanText(), nullable=False),
        sa.Column("http_status", sa.Integer()),
        sa.Column("error", CleanText()),
        sa.Column("fetched_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("failing_since", UTCDateTime()),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crawl_delay", sa.Double()),
        sa.Column("rules", CleanText(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("origin", name="pk_robots"),
    )
    op.create_index("ix_robots_expires_at", "robots", ["expires_at"])
    op.create_table(
        "replacements",
        sa.Column("feed_id", ID, autoincrement=False, nullable=False),
        sa.Column("sought_at", UTCDateTime(), nullable=False),
        sa.Column("url", CleanText()),
        sa.Column("title", CleanText(), server_default="", nullable=False),
        sa.Column("problem", CleanText()),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name="fk_replacements_feed_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feed_id", name="pk_replacements"),
    )
