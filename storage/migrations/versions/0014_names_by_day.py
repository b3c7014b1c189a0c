"""Names by day: how many matches name a place or an actor, counted as they are written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.name_tallies import refill
from storage.portable import CleanText

revision = "0014"
down_revision = "0013"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table, count what is there, then make its index."""
    op.create_table(
        "name_tallies",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("day", CleanText(), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("area", CleanText(), nullable=False),
        sa.Column("matches", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_name_tallies"),
    )
    refill(op.get_bind())
    op.create_index("ix_name_tallies_counted", "name_tallies", ["kind", "day", "name", "area", "matches"])
