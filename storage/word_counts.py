"""How many matches hold some words, from the index of words alone: a look at each article would take seconds where many do."""

from __future__ import annotations

from sqlalchemy import TableClause, func, select, text
from sqlalchemy.orm import Session

from storage.bounded import among, few
from storage.full_text import has_words
from storage.models import ARTICLES
from storage.portable import is_sqlite
from storage.tree import And, Node, Or, Text
from storage.wider import wider

# articles that are indexed and match nothing (any more): above that many the articles themselves are counted
NO_MATCHES = 1_000
_LOST = text("SELECT sort_key FROM articles INDEXED BY ix_articles_no_match WHERE topics = '' LIMIT :most")


def counted(session: Session, node: Node, index: TableClause) -> int | None:
    """How many matches answer `node`; None where the index alone cannot tell it in bounded time."""
    if not _finds(node) or (not is_sqlite(session) and wider(node) != node):
        return None
    others = _lost(session)
    if others is None:
        return None
    if not is_sqlite(session):  # for the rest of this transaction: reading each document is what is to be avoided
        session.execute(text("SET LOCAL enable_seqscan = off"))
    holding = select(func.count()).select_from(index).where(has_words(session, node, index=index))
    number: int = session.scalar(holding) or 0
    lost: int | None = session.scalar(holding.where(among(session, index.c.rowid, others))) if others else 0
    return number - (lost or 0)


def _lost(session: Session) -> list[int] | None:
    """The sort keys of what is indexed and matches nothing, where it is little."""
    if is_sqlite(session):  # of an empty index ANALYZE notes nothing, and the planner would read one of all articles
        found = list(session.scalars(_LOST, {"most": NO_MATCHES}))
        return found if len(found) < NO_MATCHES else None
    # written out, lest a planner takes another index
    return few(session, select(ARTICLES.c.sort_key).where(text("articles.topics = ''")), NO_MATCHES)


def _finds(node: Node) -> bool:
    """Whether it is made of words that are there, and none that are not."""
    return isinstance(node, Text) or (isinstance(node, And | Or) and all(map(_finds, node.parts)))
