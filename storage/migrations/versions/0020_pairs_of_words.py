"""Phrases without reading every text (Postgres); publishers and terms from indexes alone; what has no link has none in its row."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import context, op

from storage.pairs import PAIRS, PAIRS_DDL, pair_bits

revision = "0020"
down_revision = "0019"

_PAGE = 2_000
_TOLD = 20_000


def upgrade() -> None:
    """Make both indexes anew and empty links null; on Postgres note the pairs of words of every article, of which each text is read once."""
    op.create_index("ix_articles_publisher_sort_key_topics", "articles", ["publisher", "sort_key", "topics"])
    op.drop_index("ix_articles_publisher_sort_key", "articles")
    columns = ["term", "needed", "topic", "entry_id"]
    op.create_index("ix_evidence_terms_term_needed_topic_entry_id", "evidence_terms", columns)
    op.drop_index("ix_evidence_terms_term_topic_needed", "evidence_terms")
    connection = op.get_bind()
    for column in ("url", "canonical_url"):  # what has no link was stored with an empty one
        connection.exec_driver_sql(f"UPDATE articles SET {column} = NULL WHERE {column} = ''")
    if connection.dialect.name == "sqlite":
        return
    for statement in PAIRS_DDL:
        connection.exec_driver_sql(statement)
    total = connection.scalar(sa.text("SELECT count(*) FROM articles_fts")) or 0
    page = sa.text(
        "SELECT rowid, CAST(document AS text) FROM articles_fts WHERE rowid > :last ORDER BY rowid LIMIT :page"
    )
    last, done = -(2**62), 0
    while rows := connection.execute(page, {"last": last, "page": _PAGE}).all():
        pairs = [{"rowid": key, "bits": pair_bits([*_words(document)])} for key, document in rows]
        connection.execute(sa.insert(PAIRS), pairs)
        last, done = rows[-1][0], done + len(rows)
        if done % _TOLD == 0:
            context.config.attributes["tell"](f"words that stand side by side: {done:,} of {total:,} articles read")
    connection.exec_driver_sql("ANALYZE articles_pairs")


def _words(document: str) -> Iterator[str]:
    """The words of a tsvector as Postgres writes it, `'two':2,4 'words':3`, in the order of their places."""
    places: dict[int, str] = {}
    for piece in document.split():
        word, _, at = piece.rpartition(":")
        places |= dict.fromkeys(map(int, at.split(",")), word[1:-1])
    return (places[place] for place in sorted(places))
