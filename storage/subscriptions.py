"""Subscriptions (WebSub): the hub that a feed announces, and what became of our request there.

announced -> asked -> active -> … while it is renewed before its lease ends; denied by the hub: asked again after a week. Of a feed that
is no longer watched: leaving -> ended. Only the hub's own confirmation makes a subscription active or ended.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, or_, select, update
from sqlalchemy.orm import Session

from storage.feeds import is_polled
from storage.models import FEEDS
from storage.models_websub import SUBSCRIPTIONS, SubscriptionState
from storage.portable import upsert

PATIENCE = timedelta(hours=1)  # for a hub to confirm what it was asked; doubled with each time that it does not
MOST_PATIENCE = timedelta(days=1)
DENIED = timedelta(days=7)  # until a hub that said no is asked again
_WISHED = ("announced", "asked", "active", "denied")
_LISTENING = ("asked", "active", "leaving")  # states in which a hub may call


@dataclass(frozen=True, slots=True)
class Subscribed:
    """One subscription. `token` is the secret end of its callback, `base` what stands before it there."""

    feed_id: int
    hub: str
    topic: str
    token: str = field(repr=False)
    secret: str = field(repr=False)
    base: str
    state: SubscriptionState
    ask_at: datetime
    asked_at: datetime | None
    verified_at: datetime | None
    expires_at: datetime | None
    failures: int
    pushed_at: datetime | None
    pushed_new: int
    silent_since: datetime | None

    @property
    def callback(self) -> str:
        """The address that the hub calls."""
        return f"{self.base.rstrip('/')}/{self.token}"

    def is_live(self, now: datetime) -> bool:
        """Whether the hub has promised to push, at this moment."""
        return self.state == "active" and self.expires_at is not None and now < self.expires_at


_ROW = [SUBSCRIPTIONS.c[one.name] for one in fields(Subscribed)]
_OF_FEED = select(*_ROW).where(SUBSCRIPTIONS.c.feed_id == bindparam("feed"))  # asked of every document: made once


def of_feed(session: Session, *, feed_id: int) -> Subscribed | None:
    """The subscription of a feed, in whatever state."""
    row = session.execute(_OF_FEED, {"feed": feed_id}).one_or_none()
    return Subscribed(*row) if row is not None else None


def calling(session: Session, *, token: str) -> Subscribed | None:
    """The subscription whose callback ends so, when its hub may call."""
    condition = and_(SUBSCRIPTIONS.c.token == token, SUBSCRIPTIONS.c.state.in_(_LISTENING))
    row = session.execute(select(*_ROW).where(condition)).one_or_none()
    return Subscribed(*row) if row is not None else None


def announce(session: Session, *, feed_id: int, hub: str, topic: str, now: datetime) -> Subscribed | None:
    """A document of the feed names this hub and this address of its own there. Another hub than before begins anew."""
    known = of_feed(session, feed_id=feed_id)
    if known is not None and (known.hub, known.topic) == (hub, topic) and known.state not in ("leaving", "ended"):
        return known
    row = {
        "feed_id": feed_id, "hub": hub, "topic": topic, "token": secrets.token_urlsafe(32), "secret": secrets.token_urlsafe(48),
        "base": "", "state": "announced", "ask_at": now, "asked_at": None, "verified_at": None, "expires_at": None, "failures": 0,
        "error": None, "pushed_at": None, "pushes": 0, "pushed_new": 0, "silent_since": None,
    }  # fmt: skip
    upsert(session, SUBSCRIPTIONS, [row], conflict=["feed_id"], update=[name for name in row if name != "feed_id"])
    return of_feed(session, feed_id=feed_id)


def retract(session: Session, *, feed_id: int, now: datetime) -> None:
    """A whole document of the feed names no hub any more: the subscription is not renewed."""
    wished = and_(SUBSCRIPTIONS.c.feed_id == feed_id, SUBSCRIPTIONS.c.state.in_(_WISHED))
    leaving = case((SUBSCRIPTIONS.c.state == "active", "leaving"), else_="ended")
    session.execute(update(SUBSCRIPTIONS).where(wished).values(state=leaving, ask_at=now))


def take(session: Session, *, base: str, now: datetime, limit: int) -> list[Subscribed]:
    """The hubs to ask now, noted as asked before they are: a hub may call back while it is being asked.

    Asked are those never asked, those that have not confirmed, leases that end soon, and all whose callbacks begin with another
    address than `base`. Of feeds that are not watched any more the subscriptions are given up.
    """
    due = SUBSCRIPTIONS.c.ask_at <= now
    elsewhere = and_(SUBSCRIPTIONS.c.base != base, SUBSCRIPTIONS.c.state.in_(("asked", "active")))
    wanted = and_(is_polled(), SUBSCRIPTIONS.c.state.in_(_WISHED), or_(due, elsewhere))
    unwanted = and_(~is_polled(), SUBSCRIPTIONS.c.state.in_(("asked", "active")))
    leaving = and_(SUBSCRIPTIONS.c.state == "leaving", due)
    query = (
        select(is_polled(), *_ROW)
        .join_from(SUBSCRIPTIONS, FEEDS, FEEDS.c.id == SUBSCRIPTIONS.c.feed_id)
        .where(or_(wanted, unwanted, leaving))
        .order_by(SUBSCRIPTIONS.c.ask_at, SUBSCRIPTIONS.c.feed_id)
        .limit(limit)
    )
    rows = [(bool(watched), Subscribed(*row)) for watched, *row in session.execute(query)]
    return [one for watched, row in rows if (one := _taken(session, row, watched, base, now)) is not None]


def _taken(session: Session, row: Subscribed, watched: bool, base: str, now: datetime) -> Subscribed | None:
    """Note that a hub is asked; None when it was asked to let us go already and has not answered."""
    leaves = row.state == "leaving" or not watched
    state: SubscriptionState = "leaving" if leaves else "active" if row.is_live(now) else "asked"
    if row.state == "leaving" and row.failures > 0:
        state = "ended"  # its lease runs out by itself, and what it pushes is refused
    failures = row.failures + 1  # until it confirms
    ask_at = now + min(PATIENCE * 2 ** min(row.failures, 10), MOST_PATIENCE)
    if leaves:
        failures, base = (1, row.base)
    values = {"state": state, "base": base, "asked_at": now, "ask_at": ask_at, "failures": failures}
    _set(session, row.feed_id, **values)
    return None if state == "ended" else of_feed(session, feed_id=row.feed_id)


def refused(session: Session, *, feed_id: int, error: str) -> None:
    """The hub could not be asked, or did not take the request: it is asked again when its patience ends."""
    _set(session, feed_id, error=error)


def confirm(session: Session, *, feed_id: int, until: datetime, renew_at: datetime, now: datetime) -> None:
    """The hub confirmed: it pushes until then, and is asked again before."""
    _set(session, feed_id, state="active", verified_at=now, expires_at=until, ask_at=renew_at, failures=0, error=None)


def end(session: Session, *, feed_id: int) -> None:
    """The hub let us go, as we asked."""
    _set(session, feed_id, state="ended", expires_at=None, error=None)


def deny(session: Session, *, feed_id: int, reason: str, now: datetime) -> None:
    """The hub will not push this feed, or no longer."""
    _set(session, feed_id, state="denied", expires_at=None, ask_at=now + DENIED, error=f"denied by its hub: {reason}")


def note_push(session: Session, *, feed_id: int, new: int, now: datetime) -> None:
    """The hub pushed a document with so many new entries: it is not silent."""
    table = SUBSCRIPTIONS.c
    counts = {"pushes": table.pushes + 1, "pushed_new": table.pushed_new + new}
    _set(session, feed_id, pushed_at=now, silent_since=None, **counts)


def note_poll(session: Session, *, feed_id: int, missed: bool, now: datetime) -> None:
    """The feed was polled; `missed`: that found what the hub should have pushed, so that it counts as silent until it pushes."""
    _set(session, feed_id, pushed_new=0, **({"silent_since": now} if missed else {}))


def tokens(session: Session) -> Collection[str]:
    """The ends of all callbacks that a hub may call."""
    return frozenset(session.scalars(select(SUBSCRIPTIONS.c.token).where(SUBSCRIPTIONS.c.state.in_(_LISTENING))))


def _set(session: Session, feed_id: int, **values: object) -> None:
    session.execute(update(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.feed_id == feed_id).values(**values))
