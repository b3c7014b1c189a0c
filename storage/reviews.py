"""What people are asked to judge: near misses, the random sample of an audit, what others have labelled.

An audit asks in the order of `entries.audit_rank`, a lottery that the entry's key decides, so that what was labelled
first is a random sample of its part of the ledger. The parts, for a topic:

matched   kept for the topic              near      in quarantine: just under a threshold
other     kept for another topic alone    rejected  irrelevant; of these the first `share` of the lottery
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, not_, select, text
from sqlalchemy.orm import Session

from storage.articles import day_of, effective_time
from storage.base import CURRENT
from storage.models import ARTICLES, ENTRIES, FEEDS, LABELS, VERDICTS
from storage.portable import batches

SHOWN = 1_500  # characters of a text that somebody reads before he answers
PARTS = ("matched", "other", "near", "rejected")

_Pairs = Sequence[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """An entry with the question whether it is about a topic; score, threshold and evidence of the verdict, if any.

    `text` is the beginning of the article, or of the summary of what was not kept.
    """

    entry_id: int
    topic: str
    state: str
    score: float | None
    threshold: float | None
    matched: bool
    day: str
    publisher: str
    language: str | None
    url: str | None
    title: str
    text: str
    evidence: tuple[Mapping[str, Any], ...]


def uncertain(session: Session, *, topic: str | None = None, limit: int = 20) -> list[ReviewItem]:
    """Matches and near misses that nobody has labelled, those first whose score is nearest to its threshold."""
    # a single value for each verdict, lest a planner begins with all matches: verdicts are read in the order of their margin
    asked = and_(
        ENTRIES.c.id == VERDICTS.c.entry_id, ENTRIES.c.state.in_(("match", "near")), ENTRIES.c.text_pruned_at.is_(None)
    )
    query = (
        select(VERDICTS.c.entry_id, VERDICTS.c.topic)
        .where(text(f"verdicts.{CURRENT}"), select(ENTRIES.c.id).where(asked).limit(1).scalar_subquery().is_not(None))
        .where(~_labelled(VERDICTS.c.entry_id, VERDICTS.c.topic))
        .order_by(VERDICTS.c.margin, VERDICTS.c.id)
        .limit(limit)
    )
    if topic is not None:
        query = query.where(VERDICTS.c.topic == topic)
    return _items(session, [(row.entry_id, row.topic) for row in session.execute(query)])


def sample(session: Session, *, topics: Collection[str], share: float, limit: int = 20) -> list[ReviewItem]:
    """The next unlabelled entries of the audit's random sample: of every part one in turn, as long as it has some."""
    queues: list[list[tuple[int, str]]] = []
    for part in PARTS:
        for topic in topics:
            query = select(ENTRIES.c.id).where(part_asked(part, topic, share), ~_labelled(ENTRIES.c.id, topic))
            ids = session.scalars(query.order_by(ENTRIES.c.audit_rank, ENTRIES.c.id).limit(limit))
            queues.append([(entry_id, topic) for entry_id in ids])
    turns = [pair for turn in zip_longest(*queues) for pair in turn if pair is not None]
    return _items(session, turns[:limit])


def second_opinions(session: Session, *, who: str, topic: str | None = None, limit: int = 20) -> list[ReviewItem]:
    """What others have labelled and `who` has not, in the order of the lottery."""
    own = LABELS.alias()
    mine = exists().where(own.c.entry_id == LABELS.c.entry_id, own.c.topic == LABELS.c.topic, own.c.who == who)
    query = (
        select(LABELS.c.entry_id, LABELS.c.topic, ENTRIES.c.audit_rank)
        .join(ENTRIES, ENTRIES.c.id == LABELS.c.entry_id)
        .where(~mine, ENTRIES.c.text_pruned_at.is_(None))
        .group_by(LABELS.c.entry_id, LABELS.c.topic, ENTRIES.c.audit_rank)
        .order_by(ENTRIES.c.audit_rank, LABELS.c.entry_id, LABELS.c.topic)
        .limit(limit)
    )
    if topic is not None:
        query = query.where(LABELS.c.topic == topic)
    return _items(session, [(row.entry_id, row.topic) for row in session.execute(query)])


def whole_part(part: str, topic: str) -> ColumnElement[bool]:
    """The entries of a part."""
    if part in ("near", "rejected"):
        return ENTRIES.c.state == {"near": "near", "rejected": "irrelevant"}[part]
    kept = exists().where(ARTICLES.c.id == ENTRIES.c.id, has_topic(part, topic)).correlate(ENTRIES)
    return and_(ENTRIES.c.state == "match", kept)


def has_topic(part: str, topic: str) -> ColumnElement[bool]:
    """Whether an article matched the topic, or did not."""
    has = ("," + ARTICLES.c.topics + ",").like(f"%,{topic},%")
    return has if part == "matched" else not_(has)


def part_asked(part: str, topic: str, share: float) -> ColumnElement[bool]:
    """Those of a part that can be asked about: their text is held. Near misses that were forgotten are like the others."""
    whole = whole_part(part, topic)
    if part in ("matched", "other"):
        return whole
    held = and_(whole, ENTRIES.c.text_pruned_at.is_(None))
    return held if part == "near" else and_(held, ENTRIES.c.audit_rank < share)


def _labelled(entry_id: ColumnElement[int], topic: ColumnElement[str] | str) -> ColumnElement[bool]:
    return exists().where(LABELS.c.entry_id == entry_id, LABELS.c.topic == topic)


def _items(session: Session, pairs: _Pairs) -> list[ReviewItem]:
    """The questions in the order of the pairs (entry, topic)."""
    ids = sorted({entry_id for entry_id, _ in pairs})
    rows: dict[int, Any] = {}
    verdicts: dict[tuple[int, str], Any] = {}
    for some in batches(ids):
        rows.update((row.id, row) for row in session.execute(_DETAILS.where(ENTRIES.c.id.in_(some))))
        said = session.execute(select(VERDICTS).where(VERDICTS.c.entry_id.in_(some), VERDICTS.c.current))
        verdicts.update(((row.entry_id, row.topic), row) for row in said)
    return [_item(rows[entry_id], topic, verdicts.get((entry_id, topic))) for entry_id, topic in pairs]


def _item(row: Any, topic: str, verdict: Any | None) -> ReviewItem:
    return ReviewItem(
        entry_id=row.id,
        topic=topic,
        state=row.state,
        score=verdict.score if verdict else None,
        threshold=verdict.threshold if verdict else None,
        matched=bool(verdict and verdict.matched),
        day=row.day or day_of(effective_time(row.published_at, row.first_seen_at)),
        publisher=row.publisher,
        language=row.language,
        url=row.url,
        title=row.title,
        text=row.shown,
        evidence=tuple(verdict.evidence) if verdict else (),
    )


_DETAILS = (
    select(
        ENTRIES.c.id,
        ENTRIES.c.state,
        ENTRIES.c.published_at,
        ENTRIES.c.first_seen_at,
        ARTICLES.c.day,
        func.coalesce(ARTICLES.c.publisher, func.nullif(FEEDS.c.publisher, ""), FEEDS.c.title).label("publisher"),
        func.coalesce(ARTICLES.c.language, ENTRIES.c.language).label("language"),
        func.coalesce(ARTICLES.c.url, ENTRIES.c.url).label("url"),
        func.coalesce(ARTICLES.c.title, ENTRIES.c.title).label("title"),
        func.substr(func.coalesce(ARTICLES.c.text, ENTRIES.c.summary), 1, SHOWN).label("shown"),
    )
    .outerjoin_from(ENTRIES, ARTICLES, ARTICLES.c.id == ENTRIES.c.id)
    .outerjoin(FEEDS, FEEDS.c.id == ENTRIES.c.feed_id)
)
