"""What review and audit ask: the lottery of entries, how near a verdict is to its threshold, the terms that weighed."""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.portable import CleanText

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CURRENT = sa.text("current")
REJECTED_TEXT = sa.text("text_pruned_at IS NULL AND finished_at IS NOT NULL AND state <> 'match'")
PAGE = 1_000  # rows of the old tables in memory at once

TERMS = sa.table(
    "evidence_terms",
    *(sa.column(name) for name in ("entry_id", "topic", "term", "sense", "weight")),
    sa.column("needed", sa.Boolean()),
)


def upgrade() -> None:
    """Add columns and table, and fill them from what is stored."""
    op.add_column("entries", sa.Column("audit_rank", sa.Double(), server_default=sa.text("1"), nullable=False))
    op.add_column("verdicts", sa.Column("margin", sa.Double(), server_default=sa.text("1"), nullable=False))
    op.create_table(
        "evidence_terms",
        sa.Column("entry_id", ID, nullable=False),
        sa.Column("topic", CleanText(), nullable=False),
        sa.Column("term", CleanText(), nullable=False),
        sa.Column("sense", CleanText(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("needed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_evidence_terms_entry_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("entry_id", "topic", "term", name="pk_evidence_terms"),
        sqlite_with_rowid=False,
    )
    fill_ranks()
    op.execute("UPDATE verdicts SET margin = abs(score - threshold)")
    fill_terms()
    op.create_index("ix_evidence_terms_term_topic_needed", "evidence_terms", ["term", "topic", "needed"])
    op.create_index("ix_entries_state_audit_rank", "entries", ["state", "audit_rank"])
    op.create_index("ix_verdicts_uncertain", "verdicts", ["margin"], sqlite_where=CURRENT, postgresql_where=CURRENT)
    op.drop_index("ix_entries_rejected_text", "entries")
    op.create_index(
        "ix_entries_rejected_text",
        "entries",
        ["finished_at", "audit_rank"],
        sqlite_where=REJECTED_TEXT,
        postgresql_where=REJECTED_TEXT,
    )


def pages(query: str) -> Iterator[Sequence[Any]]:
    """The rows of a query with `id > :last … LIMIT :page`, page by page."""
    last = 0
    while rows := op.get_bind().execute(sa.text(query), {"last": last, "page": PAGE}).all():
        yield rows
        last = rows[-1].id


def fill_ranks() -> None:
    """Give every entry its place: as storage.text.audit_rank does."""
    update = sa.text("UPDATE entries SET audit_rank = :rank WHERE id = :id")
    for rows in pages("SELECT id, key FROM entries WHERE id > :last ORDER BY id LIMIT :page"):
        ranks = [(row.id, hashlib.sha256(row.key.encode()).digest()[:6]) for row in rows]
        op.get_bind().execute(update, [{"id": id_, "rank": int.from_bytes(rank, "big") / 2**48} for id_, rank in ranks])


def fill_terms() -> None:
    """The terms of every verdict that holds and matched: as storage.evidence does."""
    found = "SELECT id, entry_id, topic, score, threshold, evidence FROM verdicts"
    for rows in pages(f"{found} WHERE id > :last AND current AND matched ORDER BY id LIMIT :page"):
        if terms := [term for row in rows for term in terms_of(row)]:
            op.get_bind().execute(sa.insert(TERMS), terms)


def terms_of(row: Any) -> list[dict[str, Any]]:
    """The rows of one verdict."""
    evidence = json.loads(row.evidence) if isinstance(row.evidence, str) else row.evidence
    weights: defaultdict[str, float] = defaultdict(float)
    senses = {}
    for piece in evidence:
        if piece["term"] != "bias":
            weights[piece["term"]] += piece["weight"]
            senses[piece["term"]] = piece["sense"]
    spare = log_odds(row.score) - log_odds(row.threshold)
    names = {"entry_id": row.entry_id, "topic": row.topic}
    return [
        {**names, "term": term, "sense": senses[term], "weight": weight, "needed": weight > spare}
        for term, weight in weights.items()
    ]


def log_odds(score: float) -> float:
    """The inverse of the logistic function."""
    return math.log(score / (1 - score)) if 0 < score < 1 else math.copysign(math.inf, score - 0.5)
