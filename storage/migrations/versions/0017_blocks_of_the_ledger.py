"""The ledger counted block by block, and an index of what stands on less than its page: reports need no look at everything."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from storage.ledger_blocks import seal
from storage.portable import CleanText

revision = "0017"
down_revision = "0016"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables and count what is there; a block without a row is counted when it is asked for."""
    numbers = (sa.Column(name, sa.Integer(), nullable=False) for name in ("entries", "fetched", "unreadable"))
    op.create_table(
        "entry_blocks",
        sa.Column("block", ID, autoincrement=False, nullable=False),
        sa.Column("state", CleanText(), nullable=False),
        *numbers,
        sa.PrimaryKeyConstraint("block", "state", name="pk_entry_blocks"),
    )
    op.create_table(
        "sighting_blocks",
        sa.Column("block", ID, autoincrement=False, nullable=False),
        sa.Column("listings", sa.Integer(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("block", name="pk_sighting_blocks"),
    )
    thin = sa.text("extraction IN ('summary-only', 'paywalled')")
    names = ["day", "feed_id", "topics", "extraction", "id"]
    op.create_index("ix_articles_thin", "articles", names, sqlite_where=thin, postgresql_where=thin)
    with Session(op.get_bind()) as session:
        for entries in (True, False):
            while seal(session, entries=entries, most=100):
                pass
