"""What the poller remembers of a feed: its days, its hints, whether its validators lie; and the events of a feed's life."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.portable import CleanJSON, CleanText, UTCDateTime

revision = "0004"
down_revision = "0003"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns and table; a feed learns its days anew."""
    for column in (
        sa.Column("rhythm", CleanJSON(), nullable=True),
        sa.Column("hints", CleanJSON(), nullable=True),
        sa.Column("not_modified_at", UTCDateTime(), nullable=True),
        sa.Column("hidden_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("distrusted_at", UTCDateTime(), nullable=True),
        sa.Column("moved_polls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("key_url", CleanText(), nullable=True),
    ):
        op.add_column("feeds", column)
    op.create_table(
        "events",
        sa.Column("id", ID, nullable=False),
        sa.Column("feed_id", ID, nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("what", CleanText(), nullable=False),
        sa.Column("details", CleanText(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name="fk_events_feed_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_feed_id_at", "events", ["feed_id", "at"])
