"""WebSub: the hubs that feeds announce, and our subscriptions there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.portable import CleanText, UTCDateTime

revision = "0006"
down_revision = "0008"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table, empty: feeds announce their hubs at their next document."""
    op.create_table(
        "subscriptions",
        sa.Column("feed_id", ID, autoincrement=False, nullable=False),
        sa.Column("hub", CleanText(), nullable=False),
        sa.Column("topic", CleanText(), nullable=False),
        sa.Column("token", CleanText(), nullable=False),
        sa.Column("secret", CleanText(), nullable=False),
        sa.Column("base", CleanText(), server_default="", nullable=False),
        sa.Column("state", CleanText(), server_default="announced", nullable=False),
        sa.Column("ask_at", UTCDateTime(), nullable=False),
        sa.Column("asked_at", UTCDateTime()),
        sa.Column("verified_at", UTCDateTime()),
        sa.Column("expires_at", UTCDateTime()),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", CleanText()),
        sa.Column("pushed_at", UTCDateTime()),
        sa.Column("pushes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("pushed_new", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("silent_since", UTCDateTime()),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name="fk_subscriptions_feed_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feed_id", name="pk_subscriptions"),
    )
    op.create_index("ix_subscriptions_token", "subscriptions", ["token"], unique=True)
    op.create_index("ix_subscriptions_ask_at", "subscriptions", ["ask_at"])
