"""Hosts: which asked to be left alone, and what their robots.txt said. Only the holder of the crawl lock writes here.

A host is a registered domain, as crawler.urls.registered_domain names it: robots.txt belongs to an origin
(scheme, name and port), a Retry-After and a Crawl-delay hold for the whole host.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, and_, delete, exists, select, update
from sqlalchemy.orm import Session

from storage.models import ENTRIES, FEEDS, HOSTS, ROBOTS
from storage.portable import upsert

REMEMBERED = timedelta(days=1)  # that a host asked for quiet is known this long after: crawler.hosts says what for
ROBOTS_KEPT = timedelta(days=90)  # longer than a robots.txt may be unreachable before that is no ban any more (30 days)
BECAUSE_OF_HOST = "retry-after of its host"


class QuietHost(Struct, frozen=True):
    """A host that asked to be left alone until a time, with the HTTP status of the answer that asked."""

    host: str
    until: datetime
    status: int


class RobotsFile(Struct, frozen=True):
    """What was learnt when an origin's robots.txt was last asked for.

    `outcome` is `ok` (the `rules` hold), `unavailable` (there are none: everything is allowed), else the class of the
    failure (crawler.polling.Outcome), which forbids everything until it is asked for again. `rules` are those groups
    of the file that concern us.
    """

    origin: str
    host: str
    outcome: str
    fetched_at: datetime
    expires_at: datetime
    http_status: int | None = None
    error: str | None = None
    rules: str = ""
    crawl_delay: float | None = None
    failing_since: datetime | None = None
    failures: int = 0


_OF_FILE = [ROBOTS.c[name] for name in RobotsFile.__struct_fields__]
_UPDATED = tuple(name for name in RobotsFile.__struct_fields__ if name != "origin")


def keep_quiet(session: Session, *, host: str, until: datetime, status: int, now: datetime) -> None:
    """Note that a host asked to be left alone."""
    row = {"name": host, "quiet_until": until, "status": status, "asked_at": now}
    upsert(session, HOSTS, [row], conflict=["name"], update=["quiet_until", "status", "asked_at"])


def quiet(session: Session, *, now: datetime, hosts: Collection[str] | None = None) -> list[QuietHost]:
    """The hosts (of these) that asked to be left alone until now or later, or until less than REMEMBERED ago."""
    query = select(HOSTS.c.name, HOSTS.c.quiet_until, HOSTS.c.status).where(HOSTS.c.quiet_until > now - REMEMBERED)
    if hosts is not None:
        query = query.where(HOSTS.c.name.in_(hosts))
    return [QuietHost(*row) for row in session.execute(query.order_by(HOSTS.c.name))]


def forget_quiet(session: Session, *, hosts: Collection[str]) -> None:
    """These hosts may be asked again: the user said so."""
    session.execute(delete(HOSTS).where(HOSTS.c.name.in_(hosts)))


def may_be_asked(host: ColumnElement[str], now: datetime) -> ColumnElement[bool]:
    """Whether the host that a row names did not ask to be left alone now."""
    return ~exists().where(HOSTS.c.name == host, HOSTS.c.quiet_until > now)


def postpone_feeds(
    session: Session, *, feed_ids: Collection[int], until: datetime, because: str = BECAUSE_OF_HOST
) -> None:
    """These feeds wait, until their host may be asked again as a rule, and say so."""
    later = and_(FEEDS.c.id.in_(feed_ids), FEEDS.c.next_poll_at < until)
    session.execute(update(FEEDS).where(later).values(next_poll_at=until, next_poll_reason=because))


def postpone_entries(session: Session, *, entry_ids: Collection[int], until: datetime) -> None:
    """Give back entries that were claimed and not asked for: no attempt, and not before their host may be asked."""
    given_back = {"claimed_at": None, "attempts": ENTRIES.c.attempts - 1, "retry_at": until}
    claimed = and_(ENTRIES.c.id.in_(entry_ids), ENTRIES.c.claimed_at.is_not(None))
    session.execute(update(ENTRIES).where(claimed).values(given_back))


def robots(session: Session, *, origin: str) -> RobotsFile | None:
    """What an origin's robots.txt said when it was last asked for; None when it never was."""
    row = session.execute(select(*_OF_FILE).where(ROBOTS.c.origin == origin)).one_or_none()
    return RobotsFile(*row) if row else None


def keep_robots(session: Session, file: RobotsFile) -> None:
    """Keep what an origin's robots.txt said, instead of what it said before."""
    upsert(session, ROBOTS, [asdict(file)], conflict=["origin"], update=_UPDATED)


def crawl_delays(
    session: Session, *, now: datetime, hosts: Collection[str] | None = None
) -> list[tuple[str, str, float]]:
    """(host, origin, seconds) of every Crawl-delay (of these hosts) that was read less than REMEMBERED before it expired."""
    fresh = and_(ROBOTS.c.crawl_delay.is_not(None), ROBOTS.c.expires_at > now - REMEMBERED)
    query = select(ROBOTS.c.host, ROBOTS.c.origin, ROBOTS.c.crawl_delay).where(fresh).order_by(ROBOTS.c.origin)
    if hosts is not None:
        query = query.where(ROBOTS.c.host.in_(hosts))
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def retry_robots(session: Session, *, now: datetime) -> None:
    """Every robots.txt that could not be had may be asked for now, because somebody asked for a poll."""
    failing = and_(ROBOTS.c.failing_since.is_not(None), ROBOTS.c.expires_at > now)
    session.execute(update(ROBOTS).where(failing).values(expires_at=now))


def prune(session: Session, *, now: datetime, batch: int = 500) -> int:
    """Forget at most `batch` rows of each kind that nobody asks for any more; returns how many in all."""
    over = select(HOSTS.c.name).where(HOSTS.c.quiet_until < now - REMEMBERED).limit(batch)
    old = select(ROBOTS.c.origin).where(ROBOTS.c.expires_at < now - ROBOTS_KEPT).limit(batch)
    names, origins = session.scalars(over).all(), session.scalars(old).all()
    if names:
        session.execute(delete(HOSTS).where(HOSTS.c.name.in_(names)))
    if origins:
        session.execute(delete(ROBOTS).where(ROBOTS.c.origin.in_(origins)))
    return len(names) + len(origins)
