"""Proof: the append-only ledger, what it says of each article, where pages are kept, what was removed for good."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.portable import CleanText, UTCDateTime, append_only

revision = "0009"
down_revision = "0010"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the four tables, empty."""
    op.create_table(
        "proof_ledger",
        sa.Column("seq", ID, autoincrement=False, nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("what", CleanText(), nullable=False),
        sa.Column("entry_id", ID),
        sa.Column("line", CleanText(), nullable=False),
        sa.Column("hash", CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_proof_ledger"),
    )
    op.create_index("ix_proof_ledger_entry_id_seq", "proof_ledger", ["entry_id", "seq"])
    for statement in append_only("proof_ledger")[op.get_bind().dialect.name]:
        op.execute(statement)
    op.create_table(
        "proofs",
        sa.Column("entry_id", ID, autoincrement=False, nullable=False),
        sa.Column("seq", ID),
        sa.Column("article_hash", CleanText()),
        sa.Column("held_at", UTCDateTime()),
        sa.Column("held_why", CleanText()),
        sa.Column("forgotten_at", UTCDateTime()),
        sa.Column("forgotten_why", CleanText()),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_proofs_entry_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("entry_id", name="pk_proofs"),
    )
    make_captures()
    op.create_table(
        "tombstones",
        sa.Column("hash", CleanText(), nullable=False),
        sa.Column("entry_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_tombstones_entry_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name="pk_tombstones"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tombstones_entry_id", "tombstones", ["entry_id"])


def make_captures() -> None:
    """Where pages are kept."""
    op.create_table(
        "captures",
        sa.Column("id", ID, nullable=False),
        sa.Column("entry_id", ID, nullable=False),
        sa.Column("seq", ID, nullable=False),
        sa.Column("file", CleanText(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("sha256", CleanText(), nullable=False),
        sa.Column("payload_sha256", CleanText(), nullable=False),
        sa.Column("url", CleanText(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=False),
        sa.Column("captured_at", UTCDateTime(), nullable=False),
        sa.Column("record_id", CleanText(), nullable=False),
        sa.Column("revisit_of", CleanText()),
        sa.Column("tombstone_sha256", CleanText()),
        sa.Column("erased_at", UTCDateTime()),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_captures_entry_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_captures"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_captures_entry_id", "captures", ["entry_id"])
    op.create_index("ix_captures_file_offset", "captures", ["file", "offset"])
