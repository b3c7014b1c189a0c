"""How Postgres looks up the newest articles that answer words. SQLite's index is in that order and needs none of this.

A frequent word is found by reading the newest articles; any other by the list of the index, which is in no order: so the hits among
the newest are listed before all others. The planner takes words to be strangers to each other and to time, and reading a document to
cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    TableClause,
    and_,
    case,
    desc,
    false,
    func,
    intersect,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from storage.bounded import among, few
from storage.full_text import FULL_TEXT, has_words
from storage.listing import EVERYWHERE, Lists, Span, estimated
from storage.models import ARTICLES
from storage.pairs import PAIRS, may_hold
from storage.planning import alone, for_lists, no_scans
from storage.tree import And, Node, Not, Or, Text, all_of
from storage.wider import finds, wider
from storage.windows import WIDEST, Spread

# documents that are looked at first, for each article that is wanted; a thousand take 15 ms, 100 from a disk
LOOKED_AT, FEWEST, MOST = 10, 1_000, 2_000
SHARE = 0.25  # of them that are hits: a list would be a quarter of everything
FREQUENT = 20_000  # hits, from where on the newest documents are looked at: a list of as many is read in 12 ms
# Days of so many documents are listed beside a word of so many: two bitmaps meet, 10 ms, where a look at a thousand documents takes 20, from
# a disk 80.
SHORT, LONGEST = 50_000, 150_000
RARE = 1_000  # hits that are listed whatever they are
HITS = 1_000  # that are listed at once
PHRASES = 10  # times as many for a phrase, of which the list says no more than the words
# Hits that the newest documents should hold: so many times what is wanted and some more, PHRASES times as many for a phrase. Copies of
# one story stand together, so that fifty may be four stories.
MORE, SPARE = 1.2, 140
NEAR = 0.1  # of all articles that meet other conditions: of fewer the newest thousand are too far apart
KEYS = 50_000  # of a publisher: 1 µs each, where a document is a random read
MANY = 16_000  # hits that are listed at once at most; what is older is then looked at in one statement
# So many documents, evenly drawn from the newest, tell how often the words of a phrase meet. Often: its pairs of words are looked through,
# newest first, not lists of half of everything.
DRAWN, OFTEN = 200, 0.03


class Looked(Struct, frozen=True):
    """What is asked for: words (`wide` as the index alone can tell them), all other conditions as a SELECT of ARTICLES.sort_key,
    those on a sort key, and those that an index lists."""

    node: Node
    wide: Node
    index: TableClause
    others: Select[Any]
    span: Span
    lists: Lists
    exact: bool
    expected: int = 0  # rows of the index that hold the words, where that was asked


def newest_answering(
    session: Session,
    node: Node,
    index: TableClause,
    others: Select[Any],
    *,
    span: Span,
    lists: Lists,
    limit: int,
    also: Node | None = None,
) -> Subquery:
    """The `sort_key` of the newest articles of a span that answer `node`, `limit` of them. `others` is a SELECT of ARTICLES.sort_key
    with all other conditions; of these `also` are words that the index holds of whatever meets them."""
    wide = wider(node)
    exact = wide == node
    if also is not None:
        wide = also if wide is None else And((wide, also))
    key = ARTICLES.c.sort_key
    if wide is None or not finds(wide):
        found = others.where(*span.of(key), *lists.met_by(session, key), answers(session, node, index, key))
        return found.order_by(key.desc()).limit(limit).subquery("found")
    spread, expected = Spread.of(session, index), 0
    if lists.keys is None:
        expected = estimated(session, select(index.c.rowid).where(has_words(session, wide, index=index)))
    asked = Looked(node, wide, index, others, span, lists, exact=exact, expected=expected)
    # words of one language meet far more often than is estimated: a fifth of what must be there, for a phrase a fiftieth, may be enough
    enough = spread.rows * limit / (5 * _most(limit))
    frequent = expected > max(FREQUENT, enough) / (1 if exact else 10)
    near = frequent and lists.met > NEAR and not (lists.names or lists.titles) and not _is_short(asked, spread)
    keys = _near(session, asked, limit) if near else None
    if keys is None:
        share = _share(session, asked) if frequent else None
        if share is not None and share > OFTEN:
            keys = _walked(session, asked, limit)
        else:
            # none of some of the newest: all that there may be are read at once
            none = share == 0 and spread.rows / DRAWN < HITS * PHRASES
            part = 1.0 if none else _share_to_list(session, asked, limit, expected, spread)
            keys = _listed_newest(session, asked, limit, part, spread)
    return select(_numbers(keys)).subquery("found")


def listed(session: Session, node: Node, index: TableClause, span: Span = EVERYWHERE) -> Select[tuple[int]]:
    """The rows of the index, in a span, that hold the words, to be read as the index lists them."""
    # for the rest of this transaction: a planner that takes reading a document to cost nothing reads them all
    no_scans(session)
    wide, shown = wider(node), has_words(session, node, index=index)
    row = index.c.rowid
    # two lists meet before a row is read, where the span is short enough to be one
    within = [] if span == EVERYWHERE else span.of(row if is_short(session, index, span) else row + 0)
    may = _may(node, index, row)
    if wide is None or may is None:
        return select(row).where(shown, *within)
    return select(row).where(has_words(session, wide, index=index), *within, case((may, shown), else_=false()))


def _is_short(asked: Looked, spread: Spread) -> bool:
    """Whether a word's rows in a span of days are listed sooner than a thousand documents are looked at."""
    short = asked.span != EVERYWHERE and spread.number(asked.span.low, asked.span.high) <= SHORT
    return short and asked.exact and asked.expected <= LONGEST


def is_short(session: Session, index: TableClause, span: Span) -> bool:
    """Whether the keys of a span are few enough to be read beside a list of words."""
    return Spread.of(session, index).number(span.low, span.high) <= WIDEST


def answers(session: Session, node: Node, index: TableClause, key: ColumnElement[int]) -> ColumnElement[bool]:
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
    newest = asked.others.where(*asked.span.of(key), *asked.lists.met_by(session, key)).order_by(key.desc()).offset(0)
    most = _most(limit)
    # once: what else they must meet may take longer than the look
    looked_at = list(session.scalars(newest.limit(most)))
    some = select(_numbers(looked_at)).order_by(desc("sort_key")).offset(0).subquery("some")
    answering = select(some.c.sort_key).where(answers(session, asked.node, asked.index, some.c.sort_key))
    keys = list(session.scalars(answering.order_by(some.c.sort_key.desc()).limit(limit)))
    if len(keys) == limit or len(looked_at) < most:
        return keys
    if len(keys) < SHARE * most:
        return None
    rest = newest.where(key < looked_at[-1], answers(session, asked.node, asked.index, key))
    return keys + list(session.scalars(rest.limit(limit - len(keys))))


def _most(limit: int) -> int:
    """How many of the newest documents are looked at."""
    return min(max(FEWEST, LOOKED_AT * limit), MOST)


def _share(session: Session, asked: Looked) -> float | None:
    """In which part of some of the newest documents all words of a phrase stand; None where its pairs of words are no way to it."""
    if asked.index is not FULL_TEXT or may_hold(asked.node) is None or asked.lists.all:
        return None
    key = ARTICLES.c.sort_key
    newest = session.scalars(select(key).where(*asked.span.of(key)).order_by(key.desc()).limit(MOST)).all()
    drawn = newest[:: max(1, len(newest) // DRAWN)]
    some = select(_numbers(drawn)).offset(0).subquery("some")
    together = answers(session, asked.wide, asked.index, some.c.sort_key)
    number = session.scalar(select(func.count()).select_from(some).where(together)) or 0
    return number / max(1, len(drawn))


def _walked(session: Session, asked: Looked, limit: int) -> list[int]:
    """The sort keys, newest first, by the pairs of words of all documents, read until there are enough."""
    pairs = may_hold(asked.node)
    assert pairs is not None
    key = PAIRS.c.rowid
    newest = select(key.label("sort_key")).where(*asked.span.of(key), pairs).order_by(key.desc()).offset(0)
    with alone(session):
        return list(session.scalars(_kept(session, asked, newest.subquery("newest"), limit)))


def _share_to_list(session: Session, asked: Looked, limit: int, expected: int, spread: Spread) -> float:
    """In which part of all rows enough should be found, by what is expected of the words and of what is listed beside them."""
    if asked.lists.keys is not None:
        return 1.0
    number = _between_strangers_and_twins(session, asked, expected) * asked.lists.met
    for one in asked.lists.all:
        number *= min(1.0, estimated(session, one) / max(1.0, spread.rows))
    if number <= RARE and not asked.lists.all:
        return 1.0
    wanted = (MORE * limit + SPARE) * (1 if asked.exact else PHRASES)
    widest = WIDEST / max(1.0, spread.rows)
    sure = isinstance(asked.wide, Text) and not asked.lists.all
    return min(1.0, wanted / max(1.0, number), 1.0 if sure else widest)


def _between_strangers_and_twins(session: Session, asked: Looked, expected: int) -> float:
    """How many rows may hold all words: more than by chance, for they are of one language, and no more than hold the rarest."""
    parts = asked.wide.parts if isinstance(asked.wide, And) else ()
    each = [
        estimated(session, select(asked.index.c.rowid).where(has_words(session, part, index=asked.index)))
        for part in parts
        if isinstance(part, Text)
    ]
    return math.sqrt(max(1, expected) * max(expected, min(each))) if len(each) > 1 else expected


def _listed_newest(session: Session, asked: Looked, limit: int, share: float, spread: Spread) -> list[int]:
    """The sort keys, newest first, by the index's list: of the newest hits, and only if too few of these answer of older ones."""
    number = max(HITS if asked.exact else HITS * PHRASES, min(MANY, round(2 * limit / asked.lists.met)))
    found: list[int] = []
    high = asked.span.high
    while True:
        low = asked.span.low if share >= 1 else spread.floor(asked.span.low, asked.span.high, share)
        hits = _newest_hits(session, asked, Span(low, high), number, by_keys=spread.number(low, high) <= WIDEST)
        some = select(_numbers(_sifted(session, asked, hits))).offset(0).subquery("newest")
        found += session.scalars(_kept(session, asked, some, limit - len(found)))
        if len(found) == limit or (len(hits) < number and low == asked.span.low):
            return found
        if len(hits) < number:
            # a list of two words is read whole whatever the span, so that what is left is read at once where it is short
            left = len(hits) / share <= number
            high, share = low, 1.0 if left else spread.further(share, limit, len(found))
        elif number < MANY:
            high, number = hits[-1], number * 4
        else:
            return found + list(session.scalars(_older(session, asked, hits[-1], limit - len(found))))


def _sifted(session: Session, asked: Looked, keys: list[int]) -> list[int]:
    """Those of the sort keys, newest first, whose documents may hold the phrases."""
    pairs = may_hold(asked.node) if asked.index is FULL_TEXT else None
    if pairs is None or not keys:
        return keys
    key = PAIRS.c.rowid
    return list(session.scalars(select(key).where(among(session, key, keys), pairs).order_by(key.desc())))


def _older(session: Session, asked: Looked, last: int, limit: int) -> Select[Any]:
    """The newest answers under a sort key, by the whole list."""
    within = [*asked.lists.all, *([] if asked.lists.keys is None else [select(_numbers(sorted(asked.lists.keys)))])]
    of_words = listed(session, asked.wide, asked.index)
    # INTERSECT, which no planner makes a loop in a loop of
    hits = (intersect(of_words, *within) if within else of_words).cte("hits").prefix_with("MATERIALIZED")
    hit = hits.c[0]
    # OFFSET 0 keeps the planner from joining in an order of its own: it cannot know how many hits there are
    older = select(hit.label("sort_key")).where(*asked.span.of(hit), hit < last).order_by(hit.desc()).offset(0)
    return _kept(session, asked, older.subquery("newest"), limit)


def _newest_hits(session: Session, asked: Looked, span: Span, number: int, *, by_keys: bool) -> list[int]:
    """The newest rows of a span that the index lists, by sort key; `by_keys`: the span is a list, too, and short enough to be read."""

    def bounded(rows: Select[Any]) -> Select[Any]:
        row = rows.selected_columns[0]
        # an expression, lest the keys of half of all rows are read
        return rows.where(*span.of(row if by_keys else row + 0))

    of_words = bounded(select(asked.index.c.rowid).where(by_lists(session, asked.wide, asked.index)))
    if asked.lists.keys is not None:
        of_words = of_words.where(among(session, asked.index.c.rowid, asked.lists.keys))
    keys = _few_keys(session, asked, bounded)
    if keys is not None:
        of_words = of_words.where(among(session, asked.index.c.rowid, keys))
    lists = [of_words, *([] if keys is not None else map(bounded, asked.lists.all))]
    hits = (intersect(*lists) if len(lists) > 1 else of_words).subquery("hits")
    with for_lists(session, one=len(lists) == 1):
        return list(session.scalars(select(hits.c[0]).order_by(hits.c[0].desc()).limit(number)))


def _few_keys(session: Session, asked: Looked, bounded: Callable[[Select[Any]], Select[Any]]) -> list[int] | None:
    """The sort keys of a single long list beside words of more rows, where they are short enough to be told to the index of rows: two
    bitmaps then meet before a document is read, of which there are as many as hits."""
    if len(asked.lists.all) != 1 or asked.lists.names or asked.expected < KEYS / 10:
        return None
    with for_lists(session) if asked.lists.titles else nullcontext():
        return few(session, bounded(asked.lists.all[0]), KEYS)


def by_lists(session: Session, node: Node, index: TableClause) -> ColumnElement[bool]:
    """The condition that words stand in a row, for reading lists: one for each side of an OR, which are put together as they are.

    Of sixty sides in one question the index asks at every row which of them hold: 500,000 rows took half a second.
    """
    if isinstance(node, Or) and not any(isinstance(part, Not) for part in node.parts):
        return or_(*(by_lists(session, part, index) for part in node.parts))
    if isinstance(node, And) and any(isinstance(part, Or) for part in node.parts):
        sides = [part for part in node.parts if isinstance(part, Or)]
        rest = [part for part in node.parts if not isinstance(part, Or)]
        if not any(isinstance(part, Not) for part in rest) or any(finds(part) for part in rest):
            one = [has_words(session, all_of(rest), index=index)] if rest else []
            return and_(*one, *(by_lists(session, side, index) for side in sides))
    return has_words(session, node, index=index)


def _kept(session: Session, asked: Looked, newest: Subquery, limit: int) -> Select[Any]:
    """Those of the rows of `newest`, in their order, that meet all other conditions and answer."""
    each = asked.others.where(ARTICLES.c.sort_key == newest.c.sort_key)
    if not asked.exact:
        each = each.where(answers(session, asked.node, asked.index, newest.c.sort_key))
    kept = each.offset(0).lateral("kept")
    return select(kept.c.sort_key).join_from(newest, kept, true()).order_by(newest.c.sort_key.desc()).limit(limit)


def _numbers(keys: Sequence[int]) -> ColumnElement[int]:
    """These sort keys as rows."""
    return func.unnest(literal(list(keys), ARRAY(BigInteger()))).label("sort_key")
