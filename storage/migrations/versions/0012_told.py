"""Alerts: rules that began, the messages that they made, and the articles told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.portable import CleanText, UTCDateTime

revision = "0012"
down_revision = "0011"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, empty: nothing was told so far."""
    op.create_table(
        "alert_rules",
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("asks", CleanText(), nullable=False),
        sa.Column("began_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_alert_rules"),
    )
    op.create_table(
        "messages",
        sa.Column("id", ID, nullable=False),
        sa.Column("rule", CleanText(), nullable=False),
        sa.Column("key", CleanText(), nullable=False),
        sa.Column("channel", CleanText(), nullable=False),
        sa.Column("subject", CleanText(), nullable=False),
        sa.Column("body", CleanText(), nullable=False),
        sa.Column("html", CleanText()),
        sa.Column("made_at", UTCDateTime(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", UTCDateTime()),
        sa.Column("told_at", UTCDateTime()),
        sa.Column("error", CleanText()),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint("rule", "key", "channel", name="uq_messages_rule_key_channel"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_next_try_at", "messages", ["next_try_at"])
    op.create_table(
        "told",
        sa.Column("rule", CleanText(), nullable=False),
        sa.Column("article_id", ID, autoincrement=False, nullable=False),
        sa.Column("key", CleanText()),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_told_article_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("rule", "article_id", name="pk_told"),
    )
    op.create_index("ix_told_article_id", "told", ["article_id"])
