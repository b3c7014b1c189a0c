"""The watch's account of itself: what it holds, and why an entry is (not) a match. Read through search.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from storage import clocks, labels, ledger_blocks, mentions, rechecks, revisions
from storage.base import ENTRY_STATES
from storage.errors import UnknownEntry
from storage.models import (
    ARTICLES,
    FEEDS,
    LABELS,
    SIGHTINGS,
    STORIES,
    Article,
    Entry,
    Feed,
    Label,
    Recheck,
    Verdict,
)
from storage.tallies import totals
from storage.text import short_key


@dataclass(frozen=True, slots=True)
class Stats:
    """What the database holds, in numbers; `matches` are the rows of the view, `by_topic` may count one twice."""

    feeds: int
    feeds_enabled: int
    feeds_failing: int
    feeds_gone: int
    entries: Mapping[str, int]
    matches: int
    by_topic: Mapping[str, int]
    copies: int
    summary_only: int
    stories: int
    labels: int
    first_day: str | None
    last_day: str | None
    last_poll_at: datetime | None


@dataclass(frozen=True, slots=True)
class Collected:
    """What the watch took in, over all its crawls.

    `entries` are listings: an entry that two feeds list counts twice; `new` are the ledger's. `fetched` pages were read;
    an entry is `unreadable` while its page was asked for in vain. `duplicates` are the further listings of an entry by
    other feeds, plus the matches that are copies of another article.
    """

    entries: int
    new: int
    fetched: int
    matched: int
    duplicates: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class SeenIn:
    """A feed that listed the entry, and when it first and last did; `url` is its link where that leads through somebody else."""

    feed_url: str
    publisher: str
    first_seen_at: datetime
    last_seen_at: datetime
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that decided about one entry: verdicts (those that hold) first to last, labels newest first, what its
    article names, what is claimed of its times, what it said before, and when it was looked at."""

    entry: Entry
    feed: Feed
    article: Article | None
    verdicts: tuple[Verdict, ...]
    labels: tuple[Label, ...]
    seen_in: tuple[SeenIn, ...]
    story_members: int
    named: tuple[mentions.Named, ...] = ()
    clocks: tuple[clocks.ClockRecord, ...] = ()
    revisions: tuple[revisions.RevisionRow, ...] = ()
    recheck: Recheck | None = None


@dataclass(frozen=True, slots=True)
class ListedFeed:
    """A feed as a list shows it; `state` is active, failing, gone or disabled."""

    id: int
    state: str
    url: str
    title: str
    publisher: str
    country: str | None
    language: str | None
    kind: str
    tags: tuple[str, ...]
    next_poll_at: datetime
    last_polled_at: datetime | None
    last_outcome: str | None
    last_error: str | None
    failing_since: datetime | None
    replacement: str | None = None


def listed(feed: Feed, *, replacement: str | None = None) -> ListedFeed:
    """The feed as a list shows it, with what may have taken its place."""
    state: str = feed.status
    if not feed.enabled:
        state = "disabled"
    elif feed.status == "active" and feed.failing_since is not None:
        state = "failing"
    own = {name: getattr(feed, name) for name in ListedFeed.__slots__ if name not in ("state", "replacement")}
    return ListedFeed(state=state, replacement=replacement, **own)


def stats(session: Session, *, since: date | None = None) -> Stats:
    """The watch in numbers: feeds, the ledger by state, matches by topic, and from when to when.

    With `since`, a UTC day, matches, copies and summary-only ones are counted from that day on; the rest is of now.
    """
    kept = FEEDS.c.removed_at.is_(None)
    failing, gone = FEEDS.c.failing_since.is_not(None), FEEDS.c.status == "gone"
    feeds = session.execute(
        select(
            _count(kept),
            _count(and_(kept, FEEDS.c.enabled)),
            _count(and_(kept, failing)),
            _count(and_(kept, gone)),
            func.max(FEEDS.c.last_polled_at),
        )
    ).one()
    states = ledger_blocks.ledger(session).states
    matched = totals(session, since=since)
    by_topic: dict[str, int] = {"isis": 0, "syria": 0}
    for one in matched:
        for topic in one.topics.split(","):
            by_topic[topic] = by_topic.get(topic, 0) + one.matches
    return Stats(
        feeds=feeds[0],
        feeds_enabled=feeds[1],
        feeds_failing=feeds[2],
        feeds_gone=feeds[3],
        entries={state: states[state] for state in ENTRY_STATES},
        matches=sum(one.matches for one in matched),
        by_topic=by_topic,
        copies=sum(one.copies for one in matched),
        summary_only=sum(one.summaries for one in matched),
        stories=session.scalar(select(func.count()).select_from(STORIES)) or 0,
        labels=session.scalar(select(func.count()).select_from(LABELS)) or 0,
        first_day=min((one.first_day for one in matched), default=None),
        last_day=max((one.last_day for one in matched), default=None),
        last_poll_at=feeds[4],
    )


def collected(session: Session) -> Collected:
    """What the watch took in: listings, entries, pages, matches, duplicates."""
    listings, listed = ledger_blocks.listings(session)
    ledger = ledger_blocks.ledger(session)
    by_topics = totals(session)
    matched, copies = sum(one.matches for one in by_topics), sum(one.copies for one in by_topics)
    return Collected(
        listings, ledger.states.total(), ledger.fetched, matched, listings - listed + copies, ledger.unreadable
    )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(condition)


def why(session: Session, ref: int | str, *, canonical: str | None = None) -> Why:
    """Why an entry is a match, or is not: by its id or its address, kept or rejected. UnknownEntry when never seen.

    `canonical` is the address in its canonical form, when the caller can make one: entries are keyed by it.
    """
    entry = _find(session, str(ref).strip(), canonical)
    feed = session.get_one(Feed, entry.feed_id)
    article = session.get(Article, entry.id)
    verdicts = session.scalars(
        select(Verdict).where(Verdict.entry_id == entry.id, Verdict.current).order_by(Verdict.topic)
    )
    seen_in = session.execute(
        select(FEEDS.c.url, FEEDS.c.publisher, SIGHTINGS.c.first_seen_at, SIGHTINGS.c.last_seen_at, SIGHTINGS.c.url)
        .join_from(SIGHTINGS, FEEDS, FEEDS.c.id == SIGHTINGS.c.feed_id)
        .where(SIGHTINGS.c.entry_id == entry.id)
        .order_by(SIGHTINGS.c.first_seen_at, FEEDS.c.id)
    )
    members = select(STORIES.c.members).where(STORIES.c.id == article.story_id) if article else None
    return Why(
        entry=entry,
        feed=feed,
        article=article,
        verdicts=tuple(verdicts),
        labels=tuple(labels.of_entry(session, entry_id=entry.id)),
        seen_in=tuple(SeenIn(*row) for row in seen_in),
        story_members=0 if members is None else session.scalar(members) or 0,
        named=tuple(mentions.named_in(session, entry.id)),
        clocks=clocks.of_article(session, entry.id),
        revisions=revisions.of_article(session, entry.id),
        recheck=rechecks.get(session, entry.id),
    )


def _find(session: Session, ref: str, canonical: str | None) -> Entry:
    """The entry with this id; else the newest with this address, as its feed or its page gave it."""
    if ref.isascii() and ref.isdigit() and len(ref) < 19:
        entry = session.get(Entry, int(ref))
        if entry is None:
            raise UnknownEntry(number=ref)
        return entry
    if not ref:  # an article without a link has no address, and is not the one that is meant
        raise UnknownEntry("name an article or entry by its id or its address")
    urls = {ref, canonical or ref}
    keys = {short_key(url) for url in urls}
    pages = select(ARTICLES.c.id).where(or_(ARTICLES.c.url.in_(urls), ARTICLES.c.canonical_url.in_(urls)))
    found = or_(Entry.key.in_(keys), Entry.url.in_(urls), Entry.id.in_(pages))
    newest = session.scalars(select(Entry).where(found).order_by(Entry.id.desc()).limit(1)).one_or_none()
    if newest is None:
        raise UnknownEntry(
            f"no feed has listed {ref!r}, or it was pruned since; levantwatch feeds list shows what is watched"
            if "://" in ref
            else f"{ref!r} is neither the number nor the address (https://…) of an entry; levantwatch search shows the "
            "numbers of matches"
        )
    return newest
