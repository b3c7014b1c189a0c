"""How Postgres looks up the newest articles that answer words. SQLite's index is in that order and needs none of this.

A frequent word is found by reading the newest articles; a rare one by the list of the index, which is in no order. The planner takes
words to be strangers to each other and to time, and reading a document to cost nothing: so the newest are looked at first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    TableClause,
    desc,
    func,
    intersect,
    literal,
    select,
    text,
    true,
)
from sqlalchemy.orm import Session

from storage.models import ARTICLES
from storage.portable import has_words
from storage.tree import And, Node, Not, Or, Text
from storage.words import Term

_Between = Callable[[ColumnElement[int]], Sequence[ColumnElement[bool]]]
# documents that are looked at first, for each article that is wanted; a thousand take 5 to 10 ms
LOOKED_AT, FEWEST, MOST = 10, 1_000, 2_000
SHARE = 0.25  # of them that are hits: a list would be a quarter of everything
LISTED = 50  # rows of a list are read and sorted while one document is looked at, and half of that time again


def newest_answering(
    session: Session,
    node: Node,
    index: TableClause,
    others: Select[Any],
    *,
    between: _Between,
    within: Sequence[Select[Any]],
    limit: int,
) -> Subquery:
    """The `sort_key` of the newest articles that answer `node`, `limit` of them. `others` is a SELECT of ARTICLES.sort_key with
    all other conditions, `between` makes those on a sort key; `within` are SELECTs of sort keys that an index lists."""
    wide = wider(node)
    key = ARTICLES.c.sort_key
    all_others = others.where(*between(key), *(key.in_(one) for one in within))
    if wide is None or not _finds(wide):
        found = all_others.where(_answers(session, node, index, key))
        return found.order_by(key.desc()).limit(limit).subquery("found")
    near = _near(session, node, index, all_others, wide=wide, limit=limit)
    if near is not None:
        return select(_numbers(near)).subquery("found")
    of_words = listed(session, wide, index)
    # INTERSECT, which no planner makes a loop in a loop of
    hits = (intersect(of_words, *within) if within else of_words).cte("hits").prefix_with("MATERIALIZED")
    # OFFSET 0 keeps the planner from joining in an order of its own: it cannot know how many hits there are
    hit = hits.c[0]
    newest = select(hit.label("rowid")).where(*between(hit)).order_by(hit.desc()).offset(0).subquery("newest")
    each = others.where(ARTICLES.c.sort_key == newest.c.rowid)
    if wide != node:
        each = each.where(_answers(session, node, index, newest.c.rowid))
    kept = each.offset(0).lateral("kept")
    return (
        select(kept.c.sort_key)
        .join_from(newest, kept, true())
        .order_by(newest.c.rowid.desc())
        .limit(limit)
        .subquery("found")
    )


def listed(session: Session, node: Node, index: TableClause) -> Select[tuple[int]]:
    """The rows of the index that hold the words, to be read as the index lists them."""
    # for the rest of this transaction: a planner that takes reading a document to cost nothing reads them all
    session.execute(text("SET LOCAL enable_seqscan = off"))
    return select(index.c.rowid).where(has_words(session, node, index=index))


def wider(node: Node) -> Node | None:
    """What the index alone can tell: words instead of phrases. Whatever answers `node` answers it; None when all might."""
    if isinstance(node, Text):
        return _words(node)
    if isinstance(node, And):
        known = [one for one in map(wider, node.parts) if one is not None]
        return None if not any(_finds(one) for one in known) else known[0] if len(known) == 1 else And(tuple(known))
    if isinstance(node, Or):
        sides = [wider(part) for part in node.parts]
        return Or(tuple(side for side in sides if side)) if all(side and _finds(side) for side in sides) else None
    # what is not there can be told of single words alone
    return node if isinstance(node, Not) and isinstance(node.part, Text) and len(node.part.term.words) == 1 else None


def _finds(node: Node) -> bool:
    """Whether it asks for something that is there."""
    return isinstance(node, Text | Or) or (isinstance(node, And) and any(map(_finds, node.parts)))


def _words(node: Text) -> Node:
    *first, last = node.term.words
    if not first:
        return node
    parts = [Text(Term((word,)), title=node.title) for word in dict.fromkeys(first)]
    return And((*parts, Text(Term((last,), prefix=node.term.prefix), title=node.title)))


def _answers(session: Session, node: Node, index: TableClause, key: ColumnElement[int]) -> ColumnElement[bool]:
    """The condition by a look at one document; a single value, so that it is never taken for a list to begin with."""
    shown = select(has_words(session, node, index=index)).select_from(index).where(index.c.rowid == key)
    return shown.correlate_except(index).scalar_subquery().is_(True)


def _near(
    session: Session, node: Node, index: TableClause, others: Select[Any], *, wide: Node, limit: int
) -> list[int] | None:
    """The sort keys, newest first, when the newest documents that meet all other conditions hold as many hits as are wanted, or when
    there are no more documents; None when a list is the shorter way.

    What the newest hold tells nothing of those before them: copies of one story stand together.
    """
    key = ARTICLES.c.sort_key
    newest = others.order_by(key.desc()).offset(0)
    most = min(max(FEWEST, LOOKED_AT * limit), MOST)
    looked_at = list(
        session.scalars(newest.limit(most))
    )  # once: what else they must meet may take longer than the look
    some = select(_numbers(looked_at)).order_by(desc("sort_key")).offset(0).subquery("some")
    keys = _hits(session, node, index, some, limit)
    if len(keys) == limit or len(looked_at) < most:
        return keys
    rest, wanted = newest.where(key < looked_at[-1]), limit - len(keys)
    if len(keys) >= SHARE * most:
        return keys + list(session.scalars(rest.where(_answers(session, node, index, key)).limit(wanted)))
    reach = _estimated(session, wide, index) // LISTED
    if reach <= most:
        return None
    is_last = session.execute(rest.offset(reach).limit(1)).first() is None
    if not is_last and limit * most > len(keys) * reach:  # as many hits as before would be too few
        return None
    keys += _hits(session, node, index, rest.limit(reach).subquery("some"), wanted)
    return keys if is_last or len(keys) == limit else None


def _hits(session: Session, node: Node, index: TableClause, some: Subquery, limit: int) -> list[int]:
    """The first of these documents, newest first, that answer: no more are looked at than it takes."""
    answering = select(some.c.sort_key).where(_answers(session, node, index, some.c.sort_key))
    return list(session.scalars(answering.order_by(some.c.sort_key.desc()).limit(limit)))


def _numbers(keys: Sequence[int]) -> ColumnElement[int]:
    """These sort keys as rows."""
    return func.unnest(literal(list(keys), ARRAY(BigInteger()))).label("sort_key")


def _estimated(session: Session, node: Node, index: TableClause) -> int:
    """How many rows of the index the planner expects to hold the words: it knows the frequent ones."""
    query = select(index.c.rowid).where(has_words(session, node, index=index)).compile(session.connection())
    plan = session.connection().exec_driver_sql(f"EXPLAIN (FORMAT JSON) {query}", query.construct_params()).scalar_one()
    return int(plan[0]["Plan"]["Plan Rows"])
