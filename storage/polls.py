"""Polls: what became of one, in its audit row and in its feed's row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from msgspec import Struct
from sqlalchemy import BindParameter, Update, bindparam, case, func, insert, select, update
from sqlalchemy.orm import Session

from storage import events
from storage.base import FeedStatus
from storage.bulk import run_many
from storage.models import FEEDS, POLLS
from storage.portable import CleanText, UTCDateTime
from storage.text import clean

# the outcomes (crawler.polling.Outcome) after which the body was read, so that its validators may be believed
_READ = ("ok", "same-body")
_ANSWERED = (*_READ, "not-modified")

# Statements are made once: building one takes SQLAlchemy longer than SQLite takes to run it.
_AUDIT = insert(POLLS)
_AUDITED = tuple(column.name for column in POLLS.c if column.name != "id")


def _said(name: str) -> BindParameter[Any]:
    return bindparam(f"said_{name}", type_=UTCDateTime() if name == "since" else CleanText())


_SAME_TARGET = FEEDS.c.moved_to == _said("target")
# what is set by what stands in the row, by the name of the value that it takes
_EXPRESSIONS: dict[str, dict[str, Any]] = {
    "said_target": {
        "moved_to": _said("target"),
        "moved_since": case((_SAME_TARGET, FEEDS.c.moved_since), else_=_said("since")),
        "moved_polls": case((_SAME_TARGET, FEEDS.c.moved_polls + 1), else_=1),
    },
    "said_title": {"title": case((FEEDS.c.title == "", _said("title")), else_=FEEDS.c.title)},
    "said_homepage": {"homepage": func.coalesce(FEEDS.c.homepage, _said("homepage"))},
    "said_language": {"language": func.coalesce(FEEDS.c.language, _said("language"))},
}
_BY_WHAT_STANDS = frozenset(_EXPRESSIONS)


class PollRecord(Struct, frozen=True):
    """How one poll went and what was decided after it.

    The validators (`etag`, `last_modified`, `body_hash`) are kept only when the outcome says that the body was read
    (ok, same-body), all three together; a not-modified may bring a new `etag`. `permanent_url` is where a wholly
    permanent chain of redirects ended, or what the document gives as its new address: storage counts since when it is the
    same one (feeds.moved_to, moved_since, moved_polls), and only move() changes the address. `unconditional` says that no
    validator was sent. `rhythm` and `hints` are the decider's memory, kept as they are; `caught` says that the validators
    were caught lying, and how; `hidden_count` how often in a row news was found that a 304 had denied.
    """

    feed_id: int
    started_at: datetime
    seconds: float
    outcome: str
    next_poll_at: datetime
    reason: str
    run_id: int | None = None
    http_status: int | None = None
    error: str | None = None
    bytes: int = 0
    entries_seen: int = 0
    entries_new: int = 0
    overlap: int = 0
    gap: bool = False
    final_url: str | None = None
    permanent_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    title: str | None = None
    homepage: str | None = None
    language: str | None = None
    interval_seconds: int | None = None
    rate: float | None = None
    failures: float = 0.0
    failing_since: datetime | None = None
    status: FeedStatus = "active"
    retry_after_at: datetime | None = None
    unconditional: bool = False
    rhythm: Mapping[str, Any] | None = None
    hints: Mapping[str, Any] | None = None
    hidden_count: int = 0
    caught: str | None = None


def record_poll(session: Session, record: PollRecord) -> None:
    """Write what a poll found: one audit row, and the feed's validators, failures and next poll.

    Belongs into the transaction of entries.record_seen, or an article is lost at the next 304.
    """
    record_polls(session, [record])


def record_polls(session: Session, records: Sequence[PollRecord]) -> None:
    """The same for polls of different feeds, in a few statements: all audit rows in one, and one for each set of columns that changes."""
    run_many(session, _AUDIT, [_audit_row(record) for record in records])
    changes: dict[tuple[Update, frozenset[str]], list[dict[str, Any]]] = {}
    for record in records:
        _note_events(session, record)
        values = _feed_values(record)
        statement = _change(frozenset(values) & _BY_WHAT_STANDS, record.outcome == "gone")
        changes.setdefault((statement, frozenset(values)), []).append({"which": record.feed_id, **values})
    for (statement, _), rows in changes.items():
        run_many(session, statement, rows)


def _feed_values(record: PollRecord) -> dict[str, Any]:
    """What a poll sets in its feed's row."""
    answered = record.outcome in _ANSWERED
    values = {
        "next_poll_at": record.next_poll_at,
        "next_poll_reason": record.reason,
        "interval_seconds": record.interval_seconds,
        "rate": record.rate,
        "failures": record.failures,
        "failing_since": record.failing_since,
        "status": record.status,
        "retry_after_at": record.retry_after_at,
        "last_polled_at": record.started_at,
        "last_outcome": record.outcome,
        "last_error": None if answered else record.error or record.outcome,
        **({"last_new_at": record.started_at} if record.entries_new else {}),
        **({"unconditional_at": record.started_at} if record.unconditional and answered else {}),
        **({"not_modified_at": record.started_at} if record.outcome == "not-modified" else {}),
        **({"distrusted_at": record.started_at} if record.caught else {}),
        "rhythm": record.rhythm,
        "hints": record.hints,
        "hidden_count": record.hidden_count,
        **_validators(record),
        **_redirect(record),
        **_self_description(record),
    }
    if record.outcome != "gone":
        values["gone_count"] = 0
    return values


@cache
def _change(filled: frozenset[str], is_gone: bool) -> Update:
    """The change of a feed's row, made once: columns that are named among the values are set to them by SQLAlchemy."""
    expressions = {column: part for name in filled for column, part in _EXPRESSIONS[name].items()}
    if is_gone:
        expressions["gone_count"] = FEEDS.c.gone_count + 1
    statement = update(FEEDS).where(FEEDS.c.id == bindparam("which"))
    return statement.values(expressions) if expressions else statement


def record_push(session: Session, record: PollRecord) -> None:
    """Write what a hub pushed as one audit row. Nobody was asked: validators, failures and the next poll stay as they are."""
    run_many(session, _AUDIT, [_audit_row(record)])
    if record.entries_new:
        session.execute(update(FEEDS).where(FEEDS.c.id == record.feed_id).values(last_new_at=record.started_at))


def _audit_row(record: PollRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _AUDITED}


def _note_events(session: Session, record: PollRecord) -> None:
    if record.caught:
        events.note(session, feed_id=record.feed_id, now=record.started_at, what="distrusted", details=record.caught)
    if record.status == "gone":
        before = session.scalar(select(FEEDS.c.status).where(FEEDS.c.id == record.feed_id))
        if before != "gone":
            why = "410 Gone twice, a day apart"
            events.note(session, feed_id=record.feed_id, now=record.started_at, what="gone", details=why)


def _validators(record: PollRecord) -> dict[str, str | None]:
    if record.outcome in _READ:
        return {"etag": record.etag, "last_modified": record.last_modified, "body_hash": record.body_hash}
    if record.outcome == "not-modified" and record.etag:
        return {"etag": record.etag}
    return {}


def _redirect(record: PollRecord) -> dict[str, object]:
    if record.permanent_url is not None and record.outcome in _ANSWERED:
        return {"said_target": clean(record.permanent_url), "said_since": record.started_at}
    # a failure says nothing about where the feed lives
    return {"moved_to": None, "moved_since": None, "moved_polls": 0} if record.outcome in _ANSWERED else {}


def _self_description(record: PollRecord) -> dict[str, object]:
    """What the feed says of itself fills what nobody else has said."""
    said = {"said_title": record.title, "said_homepage": record.homepage, "said_language": record.language}
    return {name: value for name, value in said.items() if value}
