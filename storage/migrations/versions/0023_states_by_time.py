"""The ledger of some days is counted by state in an index."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Make the index of entries by time anew, with their states."""
    op.create_index("ix_entries_first_seen_at_id_state", "entries", ["first_seen_at", "id", "state"])
    op.drop_index("ix_entries_first_seen_at_id", "entries")
