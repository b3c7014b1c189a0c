"""Mentions: the places and actors that an article names. Empty at first: articles stored before have none until they are read again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.portable import CleanText

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "mentions",
        sa.Column("entry_id", ID, nullable=False),
        sa.Column("field", CleanText(), nullable=False),
        sa.Column("start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("area", CleanText(), nullable=False),
        sa.Column("text", CleanText(), nullable=False),
        sa.Column("resolved", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["articles.id"], name="fk_mentions_entry_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("entry_id", "field", "start", name="pk_mentions"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mentions_name_entry_id_resolved", "mentions", ["name", "entry_id", "resolved"])
    op.create_index("ix_mentions_area_entry_id_resolved", "mentions", ["area", "entry_id", "resolved"])
