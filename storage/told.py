"""Alerts: what a rule has told of already, and the messages that wait for their channels.

A message and the rows that keep it from being made twice are written in one transaction. It is claimed before it is sent and
marked as told after: a crash between the two sends it again, never not at all. What a channel refuses for days is given up, which
`account` tells.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, true, update
from sqlalchemy.orm import Session, aliased

from storage.filters import Filters, narrowed
from storage.models import ALERT_RULES, ARTICLES, ENTRIES, FEEDS, MESSAGES, TOLD, Message
from storage.portable import batches, insert_new, upsert

WINDOW = timedelta(days=14)  # an article that matches later than so long after it was first seen is not told
SPARE = timedelta(days=7)  # so much longer the marks of what is older are kept: a clock may be wrong
LEASE = timedelta(minutes=10)  # a message that was claimed by a process that died is tried again after this
FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=6)
GIVEN_UP = timedelta(days=3)  # after so long of trying a message is news no more
MOST_AT_ONCE = 100  # messages that are claimed at once
SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class News:
    """A match, as a message names it; `day` is that of its claimed publication, `topics` are comma-joined."""

    article_id: int
    title: str
    publisher: str
    url: str | None
    day: str
    topics: str


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message to every one of these channels; of one rule and key there is one per channel."""

    rule: str
    key: str
    channels: tuple[str, ...]
    subject: str
    body: str
    due_at: datetime
    html: str | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours to send; `html` says the same for channels that show it."""

    id: int
    rule: str
    channel: str
    subject: str
    body: str
    html: str | None
    made_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the messages of one rule to one channel."""

    rule: str
    channel: str
    told: int
    waiting: int
    given_up: int
    last_told_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class OpenSilence:
    """A silence that was told and not yet told as over; `returned_at` when its feed brought something new since."""

    key: str
    publisher: str
    feed_url: str
    returned_at: datetime | None


def has_begun(session: Session, *, rule: str, asks: str) -> bool:
    """Whether this rule, asking this, was looked at before."""
    return session.scalar(select(ALERT_RULES.c.asks).where(ALERT_RULES.c.name == rule)) == asks


def begin(session: Session, *, rule: str, asks: str, known: Collection[int], now: datetime) -> None:
    """Remember a rule; what it finds today is known and never told, or a new rule would tell of a fortnight at once."""
    row = {"name": rule, "asks": asks, "began_at": now}
    upsert(session, ALERT_RULES, [row], conflict=["name"], update=["asks", "began_at"])
    _mark(session, rule, known, None)


def keep_only(session: Session, *, rules: Collection[str]) -> None:
    """Forget the beginnings of rules that are no more: one that comes back begins anew. What they told stays told."""
    session.execute(delete(ALERT_RULES).where(ALERT_RULES.c.name.not_in(rules)))


def beginnings(session: Session) -> dict[str, datetime]:
    """When each rule began."""
    return {row[0]: row[1] for row in session.execute(select(ALERT_RULES.c.name, ALERT_RULES.c.began_at))}


def untold(session: Session, *, rule: str, filters: Filters, now: datetime) -> list[News]:
    """The matches first seen within WINDOW that answer the filters and of which the rule has not told, oldest first."""
    lowest = session.scalar(_first_since(now - WINDOW))
    if lowest is None:
        return []
    told = select(TOLD.c.article_id).where(TOLD.c.rule == rule, TOLD.c.article_id == ARTICLES.c.id)
    columns = (ARTICLES.c.id, ARTICLES.c.title, ARTICLES.c.publisher, ARTICLES.c.url, ARTICLES.c.day, ARTICLES.c.topics)
    query = narrowed(session, select(*columns).select_from(ARTICLES), filters)
    query = query.where(ARTICLES.c.id >= lowest, ~told.exists()).order_by(ARTICLES.c.id)
    return [News(*row) for row in session.execute(query)]


def take(session: Session, *, rule: str, articles: Sequence[int], key: str) -> set[int]:
    """Mark these articles as told by the message `key`; the ids of those that were not before, which alone it may name."""
    return _mark(session, rule, articles, key)


def _mark(session: Session, rule: str, articles: Collection[int], key: str | None) -> set[int]:
    new: set[int] = set()
    for some in batches(sorted(articles)):
        there = session.scalars(select(ARTICLES.c.id).where(ARTICLES.c.id.in_(some))).all()
        rows = [{"rule": rule, "article_id": one, "key": key} for one in there]
        added = insert_new(session, TOLD, rows, conflict=["rule", "article_id"], returning=[TOLD.c.article_id])
        new.update(row[0] for row in added)
    return new


def add(session: Session, message: MessageRecord, *, now: datetime) -> int:
    """Put a message into the ledger, unless one of its rule and key is there; for how many channels it is new."""
    rows = [
        {
            "rule": message.rule,
            "key": message.key,
            "channel": channel,
            "subject": message.subject,
            "body": message.body,
            "html": message.html,
            "made_at": now,
            "due_at": message.due_at,
            "next_try_at": message.due_at,
        }
        for channel in message.channels
    ]
    return len(insert_new(session, MESSAGES, rows, conflict=["rule", "key", "channel"], returning=[MESSAGES.c.id]))


def is_known(session: Session, *, rule: str, key: str) -> bool:
    """Whether there is a message of this rule and key, told or waiting."""
    query = select(MESSAGES.c.id).where(MESSAGES.c.rule == rule, MESSAGES.c.key == key).limit(1)
    return session.scalar(query) is not None


def claim(session: Session, *, now: datetime) -> list[Claimed]:
    """The messages that are due, oldest first, for nobody else until the LEASE ends."""
    due = select(MESSAGES.c.id).where(MESSAGES.c.next_try_at <= now, MESSAGES.c.told_at.is_(None))
    ids = session.scalars(due.order_by(MESSAGES.c.id).limit(MOST_AT_ONCE).with_for_update(skip_locked=True)).all()
    columns = (MESSAGES.c.id, MESSAGES.c.rule, MESSAGES.c.channel, MESSAGES.c.subject, MESSAGES.c.body,
               MESSAGES.c.html, MESSAGES.c.made_at)  # fmt: skip
    statement = (
        update(MESSAGES)
        .where(MESSAGES.c.id.in_(ids))
        .values(next_try_at=now + LEASE, attempts=MESSAGES.c.attempts + 1)
        .returning(*columns, MESSAGES.c.attempts)
    )
    return sorted((Claimed(*row) for row in session.execute(statement)), key=lambda one: one.id)


def record_told(session: Session, *, message_id: int, now: datetime) -> None:
    """The channel took the message."""
    done = {"told_at": now, "next_try_at": None, "error": None, "html": None}
    session.execute(update(MESSAGES).where(MESSAGES.c.id == message_id).values(done))


def record_failure(session: Session, *, message: Claimed, error: str, now: datetime) -> bool:
    """The channel did not: it is tried again, later each time, for GIVEN_UP at least; whether it will be."""
    given_up = now - message.made_at > GIVEN_UP
    again = {"error": error, "next_try_at": None if given_up else now + delay(message.attempts)}
    session.execute(update(MESSAGES).where(MESSAGES.c.id == message.id).values(again))
    return not given_up


def delay(attempts: int) -> timedelta:
    """How long to wait after so many attempts: a minute, doubled each time, up to LONGEST_DELAY."""
    doublings = min(max(attempts - 1, 0), 20)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)


def refusing(session: Session) -> dict[str, datetime]:
    """The channels that did not take a message which still waits, and when the oldest such message was made."""
    waits = and_(MESSAGES.c.next_try_at.is_not(None), MESSAGES.c.error.is_not(None))
    query = select(MESSAGES.c.channel, func.min(MESSAGES.c.made_at)).where(waits).group_by(MESSAGES.c.channel)
    return {row[0]: row[1] for row in session.execute(query.order_by(MESSAGES.c.channel))}


def accounts(session: Session) -> list[Account]:
    """What became of the messages that are on record, by rule and channel."""
    told, waits = MESSAGES.c.told_at.is_not(None), MESSAGES.c.next_try_at.is_not(None)
    newest = (
        select(MESSAGES.c.rule, MESSAGES.c.channel, func.max(MESSAGES.c.id).label("id"))
        .where(MESSAGES.c.error.is_not(None))
        .group_by(MESSAGES.c.rule, MESSAGES.c.channel)
        .subquery()
    )
    errors = {
        (row[0], row[1]): row[2]
        for row in session.execute(
            select(MESSAGES.c.rule, MESSAGES.c.channel, MESSAGES.c.error).join(newest, MESSAGES.c.id == newest.c.id)
        )
    }
    query = select(
        MESSAGES.c.rule,
        MESSAGES.c.channel,
        func.count().filter(told),
        func.count().filter(waits),
        func.count().filter(~told, ~waits),
        func.max(MESSAGES.c.told_at),
    ).group_by(MESSAGES.c.rule, MESSAGES.c.channel)
    rows = session.execute(query.order_by(MESSAGES.c.rule, MESSAGES.c.channel))
    return [Account(row[0], row[1], row[2], row[3], row[4], row[5], errors.get((row[0], row[1]))) for row in rows]


def prune(session: Session, *, before: datetime, now: datetime, batch: int) -> int:
    """Forget messages made before then that are settled, and marks of articles too old to be told; how many."""
    settled = and_(MESSAGES.c.made_at < before, MESSAGES.c.next_try_at.is_(None))
    old = session.scalars(select(MESSAGES.c.id).where(settled).order_by(MESSAGES.c.id).limit(batch)).all()
    if old:
        session.execute(delete(MESSAGES).where(MESSAGES.c.id.in_(old)))
    unseen = TOLD.c.key.is_(None) & _first_seen_before(session, now - WINDOW - SPARE)
    useless = or_(unseen, _first_seen_before(session, before))
    marks = session.scalars(select(TOLD.c.article_id).where(useless).distinct().limit(batch)).all()
    if marks:
        session.execute(delete(TOLD).where(useless, TOLD.c.article_id.in_(marks)))
    return len(old) + len(marks)


def _first_seen_before(session: Session, moment: datetime) -> ColumnElement[bool]:
    lowest = session.scalar(_first_since(moment))
    return true() if lowest is None else TOLD.c.article_id < lowest


def _first_since(moment: datetime) -> Select[int]:
    """The number of the first entry that was seen since."""
    return select(ENTRIES.c.id).where(ENTRIES.c.first_seen_at >= moment).order_by(ENTRIES.c.first_seen_at).limit(1)


def silence_key(feed_id: int, since: datetime) -> str:
    """The key of the message that a feed is silent since then."""
    return f"{SILENCE}/{feed_id}/{since:%Y-%m-%dT%H:%M:%S.%fZ}"


def open_silences(session: Session, *, rule: str) -> list[OpenSilence]:
    """The silences that the rule told and has not told as over."""
    over = aliased(Message)
    closed = select(over.id).where(over.rule == rule, over.key == "fixed/" + MESSAGES.c.key)
    query = select(MESSAGES.c.key).where(
        and_(MESSAGES.c.rule == rule, MESSAGES.c.key.like(f"{SILENCE}/%"), ~closed.exists())
    )
    found = []
    for key in sorted(set(session.scalars(query))):
        _, feed_id, since = key.split("/")
        columns = (FEEDS.c.publisher, FEEDS.c.url, FEEDS.c.last_new_at)
        feed = session.execute(select(*columns).where(FEEDS.c.id == int(feed_id))).one_or_none()
        if feed is not None:
            returned = feed.last_new_at is not None and feed.last_new_at > datetime.fromisoformat(since)
            found.append(OpenSilence(key, feed.publisher, feed.url, feed.last_new_at if returned else None))
    return found
