"""The entries whose page failed, listed by time: a report on a year looks at no other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Make the index; every entry is read once."""
    failed = sa.text("error IS NOT NULL")
    op.create_index("ix_entries_failed", "entries", ["first_seen_at"], sqlite_where=failed, postgresql_where=failed)
