"""How Postgres looks up the newest articles that answer words. SQLite's index is in that order and needs none of this.

A frequent word is found by reading the newest articles; any other by the list of the index, which is in no order: so the hits among
the newest are listed before all others. The planner takes words to be strangers to each other and to time, and reading a document to
cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    TableClause,
    case,
    desc,
    false,
    func,
    intersect,
    literal,
    select,
    text,
    true,
)
from sqlalchemy.orm import Session

from storage.bounded import among, few
from storage.full_text import FULL_TEXT, has_words
from storage.models import ARTICLES
from storage.pairs import PAIRS, may_hold
from storage.tree import And, Node, Not, Or, Text
from storage.words import Term

_Between = Callable[[ColumnElement[int]], Sequence[ColumnElement[bool]]]
# documents that are looked at first, for each article that is wanted; a thousand take 15 ms, 100 from a disk
LOOKED_AT, FEWEST, MOST = 10, 1_000, 2_000
SHARE = 0.25  # of them that are hits: a list would be a quarter of everything
FREQUENT = 20_000  # hits, from where on the newest documents are looked at: a list of as many is read in 12 ms
WINDOW = 30_000  # newest documents whose hits are listed first: each is a step of two indexes, and no look
HITS, PHRASES = (
    1_000,
    10,
)  # that are listed at once, and as many times for a phrase, of which the list says no more than the words
# So many documents, evenly drawn from the newest, tell how often the words of a phrase meet. Often: its pairs of words are looked through,
# newest first, not lists of half of everything. Seldom: the whole list is read at once.
DRAWN, OFTEN, SELDOM = 200, 0.03, 0.01
# Planning for lists alone: a look at a row costs a hundred steps of an index, and a single list is not read in the order of another
# index; where several meet, each may be such an index. Texts are never all read, in the rest of the transaction either.
_NO_SCANS = "SET LOCAL enable_seqscan = off"
_ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"  # a second process starts in the time in which enough is found
_BY_LISTS = f"{_NO_SCANS}; {_ALONE}; SET LOCAL cpu_tuple_cost = 1"
_BY_ONE_LIST = f"{_BY_LISTS}; SET LOCAL enable_indexscan = off"
_AS_BEFORE = "; ".join(
    f"SET LOCAL {name} TO DEFAULT" for name in ("cpu_tuple_cost", "max_parallel_workers_per_gather", "enable_indexscan")
)


@dataclass(frozen=True, slots=True)
class Lists:
    """Conditions that an index lists by themselves: the sort keys that meet all the short ones, and a SELECT for each long one."""

    keys: frozenset[int] | None
    long: tuple[Select[Any], ...]

    @classmethod
    def of(cls, session: Session, within: Sequence[Select[Any]], keys: Sequence[set[int]]) -> Lists:
        """Read those of the SELECTs that are short; `keys` are lists that are read."""
        short, long = list(keys), []
        for one in within:
            found = few(session, one)
            if found is None:
                long.append(one)
            else:
                short.append(set(found))
        return cls(frozenset.intersection(*map(frozenset, short)) if short else None, tuple(long))

    def met_by(self, session: Session, key: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """The conditions on a sort key."""
        known = [] if self.keys is None else [among(session, key, self.keys)]
        return [*known, *(key.in_(one) for one in self.long)]


@dataclass(frozen=True, slots=True)
class Looked:
    """What is asked for: words (`wide` as the index alone can tell them), all other conditions as a SELECT of ARTICLES.sort_key,
    those on a sort key, and those that an index lists."""

    node: Node
    wide: Node
    index: TableClause
    others: Select[Any]
    between: _Between
    lists: Lists


def newest_answering(
    session: Session,
    node: Node,
    index: TableClause,
    others: Select[Any],
    *,
    between: _Between,
    lists: Lists,
    limit: int,
) -> Subquery:
    """The `sort_key` of the newest articles that answer `node`, `limit` of them. `others` is a SELECT of ARTICLES.sort_key with
    all other conditions, `between` makes those on a sort key."""
    wide = wider(node)
    key = ARTICLES.c.sort_key
    if wide is None or not _finds(wide):
        found = others.where(*between(key), *lists.met_by(session, key), _answers(session, node, index, key))
        return found.order_by(key.desc()).limit(limit).subquery("found")
    asked = Looked(node, wide, index, others, between, lists)
    # words of one language meet far more often than is estimated: for a phrase a tenth is many
    many = FREQUENT if wide == node else FREQUENT / 10
    frequent = lists.keys is None and _estimated(session, wide, index) > many
    keys = _near(session, asked, limit) if frequent else None
    if keys is None:
        share = _share(session, asked) if frequent else None
        if share is not None and share > OFTEN:
            keys = _walked(session, asked, limit)
        else:
            seldom = share is not None and share <= SELDOM
            keys = _listed_newest(session, asked, limit, frequent=frequent, whole=seldom)
    return select(_numbers(keys)).subquery("found")


def listed(session: Session, node: Node, index: TableClause) -> Select[tuple[int]]:
    """The rows of the index that hold the words, to be read as the index lists them."""
    # for the rest of this transaction: a planner that takes reading a document to cost nothing reads them all
    session.execute(text(_NO_SCANS))
    wide, shown = wider(node), has_words(session, node, index=index)
    may = _may(node, index, index.c.rowid)
    if wide is None or may is None:
        return select(index.c.rowid).where(shown)
    return select(index.c.rowid).where(has_words(session, wide, index=index), case((may, shown), else_=false()))


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
    answers = shown.correlate_except(index).scalar_subquery().is_(True)
    may = _may(node, index, key)
    return answers if may is None else case((may, answers), else_=false())


def _may(node: Node, index: TableClause, key: ColumnElement[int]) -> ColumnElement[bool] | None:
    """The condition that a document has the pairs of words of the phrases: which lacks one is not read. None where pairs cannot tell."""
    pairs = may_hold(node) if index is FULL_TEXT else None
    if pairs is None:
        return None
    noted = select(pairs).select_from(PAIRS).where(PAIRS.c.rowid == key)
    return noted.correlate_except(PAIRS).scalar_subquery().is_(True)


def _near(session: Session, asked: Looked, limit: int) -> list[int] | None:
    """The sort keys, newest first, when the newest documents that meet all other conditions hold as many hits as are wanted, or when
    there are no more documents; None when a list is the shorter way.

    What the newest hold tells nothing of those before them: copies of one story stand together.
    """
    key = ARTICLES.c.sort_key
    newest = asked.others.where(*asked.between(key), *asked.lists.met_by(session, key)).order_by(key.desc()).offset(0)
    most = min(max(FEWEST, LOOKED_AT * limit), MOST)
    # once: what else they must meet may take longer than the look
    looked_at = list(session.scalars(newest.limit(most)))
    some = select(_numbers(looked_at)).order_by(desc("sort_key")).offset(0).subquery("some")
    answering = select(some.c.sort_key).where(_answers(session, asked.node, asked.index, some.c.sort_key))
    keys = list(session.scalars(answering.order_by(some.c.sort_key.desc()).limit(limit)))
    if len(keys) == limit or len(looked_at) < most:
        return keys
    if len(keys) < SHARE * most:
        return None
    rest = newest.where(key < looked_at[-1], _answers(session, asked.node, asked.index, key))
    return keys + list(session.scalars(rest.limit(limit - len(keys))))


def _share(session: Session, asked: Looked) -> float | None:
    """In which part of some of the newest documents all words of a phrase stand; None where its pairs of words are no way to it."""
    if asked.index is not FULL_TEXT or may_hold(asked.node) is None or asked.lists.long:
        return None
    key = ARTICLES.c.sort_key
    newest = session.scalars(select(key).where(*asked.between(key)).order_by(key.desc()).limit(MOST)).all()
    drawn = newest[:: max(1, len(newest) // DRAWN)]
    some = select(_numbers(drawn)).offset(0).subquery("some")
    together = _answers(session, asked.wide, asked.index, some.c.sort_key)
    number = session.scalar(select(func.count()).select_from(some).where(together)) or 0
    return number / max(1, len(drawn))


def _walked(session: Session, asked: Looked, limit: int) -> list[int]:
    """The sort keys, newest first, by the pairs of words of all documents, read until there are enough."""
    pairs = may_hold(asked.node)
    assert pairs is not None
    key = PAIRS.c.rowid
    newest = select(key.label("sort_key")).where(*asked.between(key), pairs).order_by(key.desc()).offset(0)
    session.execute(text(f"{_NO_SCANS}; {_ALONE}"))
    found = list(session.scalars(_kept(session, asked, newest.subquery("newest"), limit)))
    session.execute(text(_AS_BEFORE))
    return found


def _listed_newest(session: Session, asked: Looked, limit: int, *, frequent: bool, whole: bool) -> list[int]:
    """The sort keys, newest first, by the index's list: of the newest hits, and only if too few of these answer of all others.

    `whole` is to read the list to its end at once.
    """
    key, phrases = ARTICLES.c.sort_key, asked.wide != asked.node
    number = max(HITS * PHRASES if phrases else HITS, 2 * limit)
    floor = None
    if not whole and asked.lists.keys is None and (frequent or phrases):
        newest = select(key).where(*asked.between(key)).order_by(key.desc())
        floor = session.scalar(newest.offset(WINDOW * 2 if phrases else WINDOW).limit(1))
    hits = _newest_hits(session, asked, floor, number)
    last = hits[-1] if len(hits) == number else floor
    some = select(_numbers(_sifted(session, asked, hits))).offset(0).subquery("newest")
    keys = list(session.scalars(_kept(session, asked, some, limit)))
    if len(keys) == limit or last is None:
        return keys
    return keys + list(session.scalars(_older(session, asked, last, limit - len(keys))))


def _sifted(session: Session, asked: Looked, keys: list[int]) -> list[int]:
    """Those of the sort keys, newest first, whose documents may hold the phrases."""
    pairs = may_hold(asked.node) if asked.index is FULL_TEXT else None
    if pairs is None or not keys:
        return keys
    key = PAIRS.c.rowid
    return list(session.scalars(select(key).where(among(session, key, keys), pairs).order_by(key.desc())))


def _older(session: Session, asked: Looked, last: int, limit: int) -> Select[Any]:
    """The newest answers under a sort key, by the whole list."""
    within = [*asked.lists.long, *([] if asked.lists.keys is None else [select(_numbers(sorted(asked.lists.keys)))])]
    of_words = listed(session, asked.wide, asked.index)
    # INTERSECT, which no planner makes a loop in a loop of
    hits = (intersect(of_words, *within) if within else of_words).cte("hits").prefix_with("MATERIALIZED")
    hit = hits.c[0]
    # OFFSET 0 keeps the planner from joining in an order of its own: it cannot know how many hits there are
    older = select(hit.label("sort_key")).where(*asked.between(hit), hit < last).order_by(hit.desc()).offset(0)
    return _kept(session, asked, older.subquery("newest"), limit)


def _newest_hits(session: Session, asked: Looked, floor: int | None, number: int) -> list[int]:
    """The newest rows that the index lists, of those from `floor` on, by sort key."""

    def bounded(rows: Select[Any]) -> Select[Any]:
        row = rows.selected_columns[0]
        return rows.where(*asked.between(row), *([] if floor is None else [row >= floor]))

    of_words = bounded(select(asked.index.c.rowid).where(has_words(session, asked.wide, index=asked.index)))
    if asked.lists.keys is not None:
        of_words = of_words.where(among(session, asked.index.c.rowid, asked.lists.keys))
    lists = [of_words, *map(bounded, asked.lists.long)]
    hits = (intersect(*lists) if len(lists) > 1 else of_words).subquery("hits")
    session.execute(text(_BY_LISTS if asked.lists.long else _BY_ONE_LIST))
    found = list(session.scalars(select(hits.c[0]).order_by(hits.c[0].desc()).limit(number)))
    session.execute(text(_AS_BEFORE))
    return found


def _kept(session: Session, asked: Looked, newest: Subquery, limit: int) -> Select[Any]:
    """Those of the rows of `newest`, in their order, that meet all other conditions and answer."""
    each = asked.others.where(ARTICLES.c.sort_key == newest.c.sort_key)
    if asked.wide != asked.node:
        each = each.where(_answers(session, asked.node, asked.index, newest.c.sort_key))
    kept = each.offset(0).lateral("kept")
    return select(kept.c.sort_key).join_from(newest, kept, true()).order_by(newest.c.sort_key.desc()).limit(limit)


def _numbers(keys: Sequence[int]) -> ColumnElement[int]:
    """These sort keys as rows."""
    return func.unnest(literal(list(keys), ARRAY(BigInteger()))).label("sort_key")


def _estimated(session: Session, node: Node, index: TableClause) -> int:
    """How many rows of the index the planner expects to hold the words: it knows the frequent ones."""
    query = select(index.c.rowid).where(has_words(session, node, index=index)).compile(session.connection())
    plan = session.connection().exec_driver_sql(f"EXPLAIN (FORMAT JSON) {query}", query.construct_params()).scalar_one()
    return int(plan[0]["Plan"]["Plan Rows"])
