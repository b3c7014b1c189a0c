"""What is claimed, listed: every crawl begins and ends with it, and read the whole ledger and every match for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Make both indexes; every entry and every look is read once."""
    claimed = sa.text("claimed_at IS NOT NULL")
    for table in ("entries", "rechecks"):
        op.create_index(f"ix_{table}_claimed", table, ["claimed_at"], sqlite_where=claimed, postgresql_where=claimed)
