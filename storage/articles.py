"""Articles: the matches, as they were read, and the verdicts on every entry that was judged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, insert, null, select, update
from sqlalchemy import true as yes
from sqlalchemy.orm import Session

from storage import clocks, evidence, mentions, proofs, removal, stories
from storage.base import Role
from storage.errors import UnknownArticle, UnknownEntry
from storage.models import ARTICLES, BANDS, ENTRIES, VERDICTS, Article
from storage.portable import index_words, insert_new, text_list
from storage.text import clean, language_code, search_words

# DESIGN section 3: a claim in the future or absurdly old is flagged, never rewritten; it does not decide the day
_FUTURE = timedelta(days=1)
_ANCIENT = datetime(1990, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUMMARY_ONLY = "summary-only"
_ID_BITS = 32  # of a sort key; the minutes since 1970 take 25 of the other 31


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """What the judge said on one topic; evidence items are (field, start, end, text, term, sense, weight)."""

    topic: str
    score: float
    threshold: float
    matched: bool
    evidence: Sequence[Mapping[str, Any]]
    model: str


@dataclass(frozen=True, slots=True)
class ArticleRecord:
    """A match to store. `extraction` is "full", "partial", … or "summary-only"; `retry_at` asks for the page again."""

    entry_id: int
    url: str | None
    canonical_url: str | None
    publisher: str
    title: str
    author: str | None
    language: str | None
    text: str
    summary: str
    words: int
    extraction: str
    extractor: str | None
    published_at: datetime | None
    published_raw: str | None
    published_source: str | None
    updated_at: datetime | None
    first_seen_at: datetime
    fetched_at: datetime | None
    signature: bytes | None
    bands: tuple[int, ...]
    verdicts: tuple[VerdictRecord, ...]
    retry_at: datetime | None = None
    error: str | None = None
    mentions: tuple[mentions.MentionRecord, ...] = ()
    clocks: tuple[clocks.ClockRecord, ...] = ()
    captures: tuple[proofs.CaptureRecord, ...] | None = None  # with the archive on: where its page is kept

    @property
    def text_hash(self) -> str:
        """SHA-256 of the text as it is stored."""
        return hashlib.sha256(clean(self.text).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredMatch:
    """Where a stored match stands among the others."""

    story_id: int
    role: Role
    is_copy: bool


def effective_time(published_at: datetime | None, first_seen_at: datetime) -> datetime:
    """The claimed time if it is plausible, else the time of first sight: what newest-first and `day` go by."""
    if published_at is None or not _ANCIENT <= published_at <= first_seen_at + _FUTURE:
        return first_seen_at
    return published_at


def day_of(time: datetime) -> str:
    """The UTC day as YYYY-MM-DD."""
    return time.astimezone(UTC).date().isoformat()


def sort_key(time: datetime, entry_id: int = 0) -> int:
    """A number that orders articles by the minute, then by id, and is unique: the newest-first index of search."""
    return (int((time - _EPOCH) / timedelta(minutes=1)) << _ID_BITS) + entry_id


def store_match(
    session: Session,
    record: ArticleRecord,
    *,
    now: datetime,
    nearness: Callable[[bytes, bytes], float],
    near_copy: float,
) -> StoredMatch | None:
    """Write a match: the article (new, or the same id with better text), verdicts, full text, bands, mentions, story,
    ledger.

    `nearness` estimates how alike two signatures are (0..1); from `near_copy` on, the later article is a copy. A
    summary never replaces the text of a page that was read. None for what was removed for good, under whatever number it
    comes back. UnknownEntry when the ledger has no such entry.
    """
    old = session.execute(select(ARTICLES).where(ARTICLES.c.id == record.entry_id)).one_or_none()
    feed_id = session.scalar(select(ENTRIES.c.feed_id).where(ENTRIES.c.id == record.entry_id))
    if feed_id is None:
        raise UnknownEntry(f"no entry {record.entry_id}")
    if is_forgotten(session, record):
        removal.refuse(session, entry_id=record.entry_id, now=now)
        return None
    _finish_entry(session, record, now)
    if old is not None and record.extraction == _SUMMARY_ONLY != old.extraction:
        return StoredMatch(old.story_id, old.role, is_copy=old.role == "copy")
    place = _place(session, record, old, now, nearness, near_copy)
    values = _values(record, place, now)
    if old is None:
        session.execute(insert(ARTICLES), {**values, "feed_id": feed_id, "stored_at": now})
    else:
        session.execute(update(ARTICLES).where(ARTICLES.c.id == record.entry_id).values(values))
    index_words(
        session,
        sort_key=values["sort_key"],
        words=search_words(record.title, record.summary, record.text),
        title_words=search_words(record.title),
        old_sort_key=None if old is None else old.sort_key,
    )
    _write_bands(session, record)
    mentions.replace(session, entry_id=record.entry_id, mentions=record.mentions)
    clocks.replace(session, article_id=record.entry_id, clocks=record.clocks)
    _write_verdicts(session, {record.entry_id: record.verdicts}, now)
    proofs.follow(session, entry_id=record.entry_id, captures=record.captures, now=now)
    for story_id in {place.story_id} | ({old.story_id} if old is not None else set()):
        stories.recount(session, story_id=story_id, now=now)
    return StoredMatch(place.story_id, place.role, is_copy=place.role == "copy")


def is_forgotten(session: Session, record: ArticleRecord) -> bool:
    """Whether this match was removed for good."""
    return removal.is_forgotten(
        session,
        entry_id=record.entry_id,
        urls=(record.url, record.canonical_url),
        publisher=record.publisher,
        text_hash=record.text_hash,
    )


def _values(record: ArticleRecord, place: stories.Place, now: datetime) -> dict[str, Any]:
    """The columns of `articles` that a record decides."""
    own = {field.name for field in fields(record)} & set(ARTICLES.c.keys())
    time = effective_time(record.published_at, record.first_seen_at)
    return {
        **{name: getattr(record, name) for name in own},
        **_topics(record.verdicts),
        "id": record.entry_id,
        "language": language_code(record.language),
        "day": day_of(time),
        "sort_key": sort_key(time, record.entry_id),
        "story_id": place.story_id,
        "role": place.role,
        "text_hash": record.text_hash,
        "changed_at": now,
    }


def _topics(verdicts: Sequence[VerdictRecord]) -> dict[str, Any]:
    scores = {verdict.topic: verdict.score for verdict in verdicts}
    return {
        "topics": text_list(verdict.topic for verdict in verdicts if verdict.matched),
        "syria_score": scores.get("syria"),
        "isis_score": scores.get("isis"),
    }


def _place(
    session: Session,
    record: ArticleRecord,
    old: Row[Any] | None,
    now: datetime,
    nearness: Callable[[bytes, bytes], float],
    near_copy: float,
) -> stories.Place:
    """An article that others joined keeps its story; one that stands alone may yet turn out to be a copy."""
    alone = old is None or (old.role == "original" and stories.get(session, old.story_id).members <= 1)
    if alone:
        found = stories.place(
            session,
            article_id=record.entry_id,
            signature=record.signature,
            bands=record.bands,
            nearness=nearness,
            near_copy=near_copy,
        )
        if found is not None:
            return found
    if old is not None:
        return stories.Place(old.story_id, old.role)
    return stories.Place(stories.begin(session, title=record.title, now=now), "original")


def _finish_entry(session: Session, record: ArticleRecord, now: datetime) -> None:
    scores = _topics(record.verdicts)
    session.execute(
        update(ENTRIES)
        .where(ENTRIES.c.id == record.entry_id)
        .values(
            state="match",
            claimed_at=null(),
            retry_at=record.retry_at,
            error=record.error,
            finished_at=now if record.retry_at is None else null(),
            syria_score=scores["syria_score"],
            isis_score=scores["isis_score"],
        )
    )


def _write_bands(session: Session, record: ArticleRecord) -> None:
    session.execute(delete(BANDS).where(BANDS.c.article_id == record.entry_id))
    rows = [{"band": band, "article_id": record.entry_id} for band in set(record.bands)]
    insert_new(session, BANDS, rows, conflict=["band", "article_id"], returning=[BANDS.c.band])


def _write_verdicts(session: Session, verdicts: Mapping[int, Sequence[VerdictRecord]], now: datetime) -> None:
    """Add the verdicts on these entries to the history; the ones before are no longer current."""
    before = and_(VERDICTS.c.entry_id.in_(verdicts), VERDICTS.c.current == yes())
    session.execute(update(VERDICTS).where(before).values(current=False))
    rows = [
        {
            "entry_id": entry_id,
            "topic": verdict.topic,
            "score": verdict.score,
            "threshold": verdict.threshold,
            "matched": verdict.matched,
            "current": True,
            "model": verdict.model,
            "decided_at": now,
            "evidence": [dict(one) for one in verdict.evidence],
            "margin": abs(verdict.score - verdict.threshold),
        }
        for entry_id, said in verdicts.items()
        for verdict in said
    ]
    if rows:
        session.execute(insert(VERDICTS), rows)
        evidence.write_terms(session, verdicts)


def store_verdicts(session: Session, *, entry_id: int, verdicts: Sequence[VerdictRecord], now: datetime) -> None:
    """Write the verdicts on an entry that is no match (entries.record_end says which state it ends in).

    An article that was stored for it, from its summary say, stays but leaves the view `matches`, unless a verdict
    matches after all.
    """
    store_verdicts_of(session, {entry_id: verdicts} if verdicts else {}, now=now)


def store_verdicts_of(session: Session, verdicts: Mapping[int, Sequence[VerdictRecord]], *, now: datetime) -> None:
    """The same for some hundred entries by id, in a few statements."""
    if not verdicts:
        return
    _write_verdicts(session, verdicts, now)
    of_article = update(ARTICLES).where(ARTICLES.c.id == bindparam("which"))
    values: dict[str, Any] = {name: bindparam(f"said_{name}") for name in ("topics", "syria_score", "isis_score")}
    rows = [
        {"which": entry_id, **{f"said_{name}": value for name, value in _topics(said).items()}}
        for entry_id, said in verdicts.items()
    ]
    session.execute(of_article.values(**values, changed_at=now), rows)


def get(session: Session, article_id: int) -> Article:
    """The article with this id, or UnknownArticle."""
    article = session.get(Article, article_id)
    if article is None:
        raise UnknownArticle(f"no article {article_id}; levantwatch why {article_id} tells what became of the entry")
    return article
