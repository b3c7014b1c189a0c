"""Backfills: which documents of the past were read; and the links through which feeds list what stands elsewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.portable import CleanJSON, CleanText, UTCDateTime

revision = "0011"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table, empty, and the column: what was listed before stands under the link that the feed gave."""
    op.create_table(
        "walks",
        sa.Column("feed_id", ID, autoincrement=False, nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("outcome", CleanText(), nullable=False),
        sa.Column("error", CleanText()),
        sa.Column("listed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("wanted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("read_at", UTCDateTime()),
        sa.Column("since", CleanText()),
        sa.Column("until", CleanText()),
        sa.Column("leads", CleanJSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name="fk_walks_feed_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feed_id", name="pk_walks"),
    )
    op.add_column("sightings", sa.Column("url", CleanText()))
