"""Speed in a full store: indexes of scores, sightings and polls; matches counted as they are written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.portable import CleanText
from storage.tallies import refill

revision = "0013"
down_revision = "0012"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the indexes (that of the polls takes the place of one that it begins with), the table, and count what is there."""
    op.create_index(
        "ix_articles_syria_score_isis_score_sort_key", "articles", ["syria_score", "isis_score", "sort_key"]
    )
    op.create_index(
        "ix_articles_isis_score_syria_score_sort_key", "articles", ["isis_score", "syria_score", "sort_key"]
    )
    op.create_index("ix_sightings_first_seen_at_entry_id", "sightings", ["first_seen_at", "entry_id"])
    op.create_index("ix_polls_told", "polls", ["started_at", "feed_id", "outcome", "entries_new", "overlap", "gap"])
    op.drop_index("ix_polls_started_at", "polls")
    op.drop_index("ix_articles_overview", "articles")
    columns = ["day", "id", "topics", "feed_id", "publisher", "language", "role", "extraction", "story_id"]
    op.create_index("ix_articles_overview", "articles", columns)
    op.create_table(
        "tallies",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("period", CleanText(), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("topics", CleanText(), nullable=False),
        sa.Column("matches", sa.BigInteger(), nullable=False),
        sa.Column("copies", sa.BigInteger(), nullable=False),
        sa.Column("summaries", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tallies"),
    )
    names = ["kind", "period", "name", "topics", "matches", "copies", "summaries"]
    op.create_index("ix_tallies_counted", "tallies", names)
    refill(op.get_bind())
