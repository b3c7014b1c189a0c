"""Days of polls, added up once they are over: so that a report on a month need not read each poll."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from storage.poll_days import seal
from storage.portable import CleanText

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the table and add up what is there; a day that is missing is read poll by poll until the nightly pruning adds it up."""
    op.create_table(
        "poll_days",
        sa.Column("day", CleanText(), nullable=False),
        sa.Column("told", CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_poll_days"),
    )
    with Session(op.get_bind()) as session:
        while seal(session, datetime.now(UTC), most=30):
            pass
