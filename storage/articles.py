"""Articles: the matches, as they were read, and the verdicts on every entry that was judged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, bindparam, delete, insert, literal_column, select, update
from sqlalchemy.orm import Session

from storage import clocks, copies, mentions, proofs, removal, same_event, stories
from storage.among import among
from storage.base import Role
from storage.bulk import run_many
from storage.errors import UnknownArticle, UnknownEntry
from storage.full_text import Indexed, index_words
from storage.models import ARTICLES, BANDS, ENTRIES, EVENT_KEYS, Article
from storage.placing import Compared, Likeness, place_again, places
from storage.postings import post
from storage.seen import MentionRecord
from storage.text import clean, language_code, search_words
from storage.verdicts import VerdictRecord, topics_of, write_verdicts

# DESIGN section 3: a claim in the future or absurdly old is flagged, never rewritten; it does not decide the day
_FUTURE = timedelta(days=1)
_ANCIENT = datetime(1990, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUMMARY_ONLY = "summary-only"
_ID_BITS = 32  # of a sort key; the minutes since 1970 take 25 of the other 31

# The statements of every new article, made once: building one takes SQLAlchemy as long as sending it.
_STORED = select(ARTICLES).where(among(ARTICLES.c.id, "these"))
_FEEDS_OF = select(ENTRIES.c.id, ENTRIES.c.feed_id).where(among(ENTRIES.c.id, "these"))
_ADD = insert(ARTICLES)
_FINISH = update(ENTRIES).where(ENTRIES.c.id == bindparam("which"))


class ArticleRecord(Struct, frozen=True):
    """A match to store. `extraction` is "full", "partial", … or "summary-only"; `retry_at` asks for the page again.

    `family` is the publisher's owner, `agency` whose text it is by the words `credit`, `event_keys` are those of same_event.py.
    """

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
    mentions: tuple[MentionRecord, ...] = ()
    family: str = ""
    agency: str | None = None
    credit: str | None = None
    event_keys: frozenset[str] = frozenset()
    clocks: tuple[clocks.ClockRecord, ...] = ()
    captures: tuple[proofs.CaptureRecord, ...] | None = None  # with the archive on: where its page is kept

    @property
    def text_hash(self) -> str:
        """SHA-256 of the text as it is stored."""
        return hashlib.sha256(clean(self.text).encode()).hexdigest()


class StoredMatch(Struct, frozen=True):
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


def numbered(key: ColumnElement[int]) -> ColumnElement[int]:
    """The id of the article that has a sort key."""
    return key.bitwise_and(literal_column(f"{(1 << _ID_BITS) - 1}"))


class _Written(Struct, frozen=True):
    """An article that stands in its story, and what of it nobody looks up to place the next: that is written of several at once."""

    record: ArticleRecord
    sort_key: int
    old: Row[Any] | None  # what it was before, if it was stored


def store_match(
    session: Session,
    record: ArticleRecord,
    *,
    now: datetime,
    nearness: Callable[[bytes, bytes], float],
    near_copy: float,
    confirm: copies.Confirm | None = None,
) -> StoredMatch | None:
    """Write a match: the article (new, or the same id with better text), verdicts, full text, bands, mentions, story,
    ledger.

    `nearness` estimates how alike two signatures are (0..1); from `near_copy` on, the later article is a copy if `confirm`,
    which compares the texts, says so. A summary never replaces the text of a page that was read. None for what was removed
    for good, under whatever number it comes back. UnknownEntry when the ledger has no such entry.
    """
    [stored] = store_matches(session, [record], now=now, nearness=nearness, near_copy=near_copy, confirm=confirm)
    return stored


def store_matches(
    session: Session,
    records: Sequence[ArticleRecord],
    *,
    now: datetime,
    nearness: Callable[[bytes, bytes], float],
    near_copy: float,
    confirm: copies.Confirm | None = None,
) -> list[StoredMatch | None]:
    """The same for matches of different entries, in fewer statements; the later ones are placed beside the earlier ones."""
    these = [record.entry_id for record in records]
    stored = {row.id: row for row in session.execute(_STORED, {"these": these})}
    feed_of = {row.id: row.feed_id for row in session.execute(_FEEDS_OF, {"these": these})}
    forgotten = removal.forgotten(session, {record.entry_id: _marks(record) for record in records})
    like = Likeness(nearness, near_copy, confirm)
    finished: list[ArticleRecord] = []
    written: list[_Written] = []
    placed: dict[int, stories.Place] = {}
    for record in records:
        if record.entry_id not in feed_of:
            raise UnknownEntry(f"no entry {record.entry_id}")
        if record.entry_id in forgotten:
            removal.refuse(session, entry_id=record.entry_id, now=now)
        else:
            finished.append(record)
    for is_new, together in groupby(finished, key=lambda record: record.entry_id not in stored):
        if is_new:
            written += _store_new(session, list(together), placed, feed_of=feed_of, like=like, now=now)
            continue
        for record in together:
            old = stored[record.entry_id]
            if record.extraction == _SUMMARY_ONLY != old.extraction:
                placed[record.entry_id] = stories.Place(old.story_id, old.role)
            else:
                written.append(_store_again(session, record, old, placed, like=like, now=now))
    _finish_entries(session, finished, now)
    _write_rest(session, written, now)
    return [_stands(placed.get(record.entry_id)) for record in records]


def _stands(place: stories.Place | None) -> StoredMatch | None:
    return None if place is None else StoredMatch(place.story_id, place.role, is_copy=place.role == "copy")


def _store_new(
    session: Session,
    records: Sequence[ArticleRecord],
    placed: dict[int, stories.Place],
    *,
    feed_of: Mapping[int, int],
    like: Likeness,
    now: datetime,
) -> list[_Written]:
    """Place articles and write their rows, by what they are found beside others, and their parts in their stories."""
    compared = [_compared(record) for record in records]
    rows, newcomers = [], []
    for record, one, (place, begun) in zip(records, compared, places(session, compared, like, now=now), strict=True):
        placed[record.entry_id] = place
        rows.append({**_values(record, place, now), "feed_id": feed_of[record.entry_id], "stored_at": now})
        newcomers.append(
            stories.Newcomer(record.entry_id, place, _origin(record), one.text.at, kept=one.kept, begun=begun)
        )
    run_many(session, _ADD, rows)
    _write_postings(session, records, [one.event for one in compared])
    stories.join(session, newcomers, now=now)
    return [_Written(record, row["sort_key"], None) for record, row in zip(records, rows, strict=True)]


def _store_again(
    session: Session,
    record: ArticleRecord,
    old: Row[Any],
    placed: dict[int, stories.Place],
    *,
    like: Likeness,
    now: datetime,
) -> _Written:
    """The same for an article that was stored before: a better text may move it."""
    one = _compared(record)
    place = place_again(session, one, like)
    placed[record.entry_id] = place
    values = {**_values(record, place, now), "feed_id": old.feed_id}
    session.execute(update(ARTICLES).where(ARTICLES.c.id == record.entry_id).values(values))
    for index in (BANDS, EVENT_KEYS):
        session.execute(delete(index).where(index.c.article_id == record.entry_id))
    _write_postings(session, [record], [one.event])
    stories.move(
        session, article_id=record.entry_id, place=place, origin=_origin(record), at=one.text.at, kept=one.kept
    )
    stories.recount(session, {place.story_id, old.story_id}, now=now)
    return _Written(record, values["sort_key"], old)


def _origin(record: ArticleRecord) -> stories.Origin:
    return stories.Origin(record.publisher, record.family, record.agency, record.credit)


def _write_rest(session: Session, written: Sequence[_Written], now: datetime) -> None:
    """All else that is made of the texts: words, mentions, clocks, verdicts, proof."""
    known = [one.record.entry_id for one in written if one.old is not None]
    index_words(
        session,
        [
            Indexed(
                one.sort_key,
                search_words(one.record.title, one.record.summary, one.record.text),
                search_words(one.record.title),
            )
            for one in written
        ],
        instead_of=[one.old.sort_key for one in written if one.old is not None],
    )
    mentions.replace(session, {one.record.entry_id: one.record.mentions for one in written}, known=known)
    clocks.replace(session, {one.record.entry_id: one.record.clocks for one in written}, known=known)
    if written:
        write_verdicts(session, {one.record.entry_id: one.record.verdicts for one in written}, now)
    proven = proofs.proven(session, [one.record.entry_id for one in written])
    for one in written:
        if one.record.captures is not None or one.record.entry_id in proven:
            proofs.follow(session, entry_id=one.record.entry_id, captures=one.record.captures, now=now)


def is_forgotten(session: Session, record: ArticleRecord) -> bool:
    """Whether this match was removed for good."""
    return record.entry_id in removal.forgotten(session, {record.entry_id: _marks(record)})


def _marks(record: ArticleRecord) -> list[str]:
    return removal.marks_of(
        urls=(record.url, record.canonical_url), publisher=record.publisher, text_hash=record.text_hash
    )


def _values(record: ArticleRecord, place: stories.Place, now: datetime) -> dict[str, Any]:
    """The columns of `articles` that a record decides."""
    own = set(record.__struct_fields__) & set(ARTICLES.c.keys())
    time = effective_time(record.published_at, record.first_seen_at)
    return {
        **{name: getattr(record, name) for name in own},
        **topics_of(record.verdicts),
        "id": record.entry_id,
        "language": language_code(record.language),
        "day": day_of(time),
        "sort_key": sort_key(time, record.entry_id),
        "story_id": place.story_id,
        "role": place.role,
        "text_hash": record.text_hash,
        "changed_at": now,
    }


def _compared(record: ArticleRecord) -> Compared:
    """What of a record is compared with what is stored."""
    at = effective_time(record.published_at, record.first_seen_at)
    text = copies.Text(
        record.entry_id, record.publisher, record.text, record.signature, record.bands, at, record.first_seen_at
    )
    language, key = language_code(record.language), sort_key(at, record.entry_id)
    event = same_event.Event(record.entry_id, key, at, language, record.publisher, record.event_keys)
    return Compared(record.title, text, event, kept=any(verdict.matched for verdict in record.verdicts))


def _finish_entries(session: Session, records: Sequence[ArticleRecord], now: datetime) -> None:
    rows = []
    for record in records:
        scores = topics_of(record.verdicts)
        rows.append(
            {
                "which": record.entry_id,
                "state": "match",
                "claimed_at": None,
                "retry_at": record.retry_at,
                "error": record.error,
                "finished_at": now if record.retry_at is None else None,
                "syria_score": scores["syria_score"],
                "isis_score": scores["isis_score"],
            }
        )
    run_many(session, _FINISH, rows)


def _write_postings(session: Session, records: Sequence[ArticleRecord], events: Sequence[same_event.Event]) -> None:
    """What articles are found by as copies, and as tellings of an event."""
    bands = [(band, record.entry_id) for record in records for band in set(record.bands)]
    post(session, {"bands": bands, "event_keys": same_event.postings(events)})


def get(session: Session, article_id: int) -> Article:
    """The article with this id, or UnknownArticle."""
    article = session.get(Article, article_id)
    if article is None:
        raise UnknownArticle(f"no article {article_id}; levantwatch why {article_id} tells what became of the entry")
    return article
