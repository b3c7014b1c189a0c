"""The ledger of some days is counted by state in an index, and an index tells of which stories the original is a match."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Make the index of entries by time anew, with their states, and one of originals by story."""
    op.create_index("ix_entries_first_seen_at_id_state", "entries", ["first_seen_at", "id", "state"])
    op.drop_index("ix_entries_first_seen_at_id", "entries")
    where = sa.text("role || '' = 'original' AND topics <> ''")
    op.create_index("ix_articles_originals", "articles", ["story_id"], sqlite_where=where, postgresql_where=where)
