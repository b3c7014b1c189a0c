"""Whether the watch is well: figures from the database, and the problems that they show.

`facts` reads, `problems` decides and does nothing else. Every bound is a named constant with its reason.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

from sqlalchemy import and_, func, select, text
from sqlalchemy.orm import Session

from storage import feeds, runs, told
from storage.base import DUE
from storage.hosts import may_be_asked
from storage.models import ARTICLES, ENTRIES, FEEDS, POLLS
from storage.text import many

LATE = timedelta(
    minutes=30
)  # a feed that is due is polled within minutes; a long round of a big watch takes a quarter of an hour
LATE_TICKS = 3  # two looks for due feeds may fail, as when the database is being restarted
FAILING_SHARE = (
    0.25  # of a large collection of feeds a tenth fails on any day; a quarter is our doing, or the network's
)
OFFLINE_SHARE = 0.5  # half of all feeds unreachable at once: no publishers' fault
FEWEST_FEEDS = 4  # of three feeds one may fail without anything being wrong with the watch
BACKLOG = timedelta(hours=6)  # a page waits for its host's turn: minutes, an hour after a burst; not half a day
CLAIMED = timedelta(hours=2)  # a claim lives as long as a request and its reading: seconds, minutes behind a slow host
DISK_FREE = 200 * 2**20  # bytes: the WAL file (64 MB) and some days of a large watch; below, writing fails soon
WAL = 256 * 2**20  # bytes: SQLite folds it back at 4 MB; a reader that never ends keeps it from that
CLOCK = timedelta(minutes=5)  # time servers correct less
FAR = timedelta(days=8)  # no setting lets a feed wait for longer than a week: its next poll was decided in another year
UNREAD_SHARE = 0.6  # of the pages asked for in a day; publishers that refuse and videos make up to a third
REFUSING = timedelta(hours=1)  # a channel that is away for minutes gets its messages by the sixth try
FEWEST_PAGES = 30  # of fewer a share says nothing
OFFLINE = ("dns", "connection", "timeout")
PROBLEMS = (
    "database", "no-feeds", "stalled", "clock", "disk", "network", "failing", "claims", "backlog", "wal", "future", "unreadable", "channels",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Disk:
    """The SQLite file, its WAL file and what is free beside it, in bytes."""

    database: int
    wal: int
    free: int


@dataclass(frozen=True, slots=True)
class Facts:
    """The watch in figures, at one moment. `due_since` is when the longest overdue feed was to be polled."""

    feeds: Mapping[str, int] = field(default_factory=dict)  # active, failing, gone, disabled
    feeds_offline: int = 0
    feeds_far: int = 0
    feeds_due: int = 0
    due_since: datetime | None = None
    last_poll_at: datetime | None = None
    last_run_at: datetime | None = None
    run_pause: timedelta | None = None  # between the starts of rounds that somebody starts, as cron
    waiting: int = 0
    waiting_since: datetime | None = None
    claimed: int = 0
    claimed_since: datetime | None = None
    pages_read: int = 0
    pages_unread: int = 0
    polls: int = 0
    polls_last_hour: Mapping[str, int] = field(default_factory=dict)
    matches_recent: int = 0
    refusing: Mapping[str, datetime] = field(default_factory=dict)  # channels that take no message, and since when
    disk: Disk | None = None

    @property
    def polled(self) -> int:
        """How many feeds are polled, failing ones included."""
        return self.feeds.get("active", 0) + self.feeds.get("failing", 0)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, in one word and in one line that says what to do."""

    name: str
    message: str


def disk_beside(file: Path) -> Disk | None:
    """The room beside an SQLite file; None when it cannot be looked at."""
    try:
        wal = file.with_name(file.name + "-wal")
        return Disk(
            database=file.stat().st_size,
            wal=wal.stat().st_size if wal.exists() else 0,
            free=shutil.disk_usage(file.parent).free,
        )
    except OSError:
        return None


def facts(session: Session, *, now: datetime, disk: Disk | None = None) -> Facts:
    """The figures of now."""
    due_count, due_since = session.execute(
        select(func.count(), func.min(FEEDS.c.next_poll_at)).where(feeds.is_due(now))
    ).one()
    offline, far = session.execute(
        select(
            func.count().filter(and_(feeds.is_polled(), FEEDS.c.last_outcome.in_(OFFLINE))),
            func.count().filter(and_(feeds.is_polled(), FEEDS.c.next_poll_at > now + FAR)),
        )
    ).one()
    # the newest row, not the latest time: a clock that was once ahead is forgiven by the next poll
    newest = session.execute(select(POLLS.c.id, POLLS.c.started_at).order_by(POLLS.c.id.desc()).limit(1)).one_or_none()
    by_outcome = (
        select(POLLS.c.outcome, func.count())
        .where(POLLS.c.started_at > now - timedelta(hours=1), POLLS.c.started_at <= now)
        .group_by(POLLS.c.outcome)
    )
    waiting = session.execute(
        select(func.count(), func.min(ENTRIES.c.retry_at)).where(
            text(DUE), ENTRIES.c.retry_at <= now, may_be_asked(ENTRIES.c.host, now)
        )
    ).one()
    claimed = session.execute(
        select(func.count(), func.min(ENTRIES.c.claimed_at)).where(
            ENTRIES.c.state == "pending", ENTRIES.c.claimed_at.is_not(None)
        )
    ).one()
    yesterday = now - timedelta(days=1)
    recent = select(func.count()).where(ARTICLES.c.day >= f"{yesterday:%Y-%m-%d}", ARTICLES.c.topics != "")
    read, unread, last_run_at, run_pause = _of_runs(session, now)
    return Facts(
        feeds=_feed_states(session),
        feeds_offline=offline,
        feeds_far=far,
        feeds_due=due_count,
        due_since=due_since,
        last_poll_at=newest.started_at if newest else None,
        last_run_at=last_run_at,
        run_pause=run_pause,
        waiting=waiting[0],
        waiting_since=waiting[1],
        claimed=claimed[0],
        claimed_since=claimed[1],
        pages_read=read,
        pages_unread=unread,
        polls=newest.id if newest else 0,
        polls_last_hour={row[0]: row[1] for row in session.execute(by_outcome)},
        matches_recent=session.scalar(recent) or 0,
        refusing=told.refusing(session),
        disk=disk,
    )


def _feed_states(session: Session) -> dict[str, int]:
    failing = FEEDS.c.failing_since.is_not(None)
    query = select(
        func.count().filter(and_(feeds.is_polled(), ~failing)),
        func.count().filter(and_(feeds.is_polled(), failing)),
        func.count().filter(and_(FEEDS.c.enabled, FEEDS.c.status == "gone")),
        func.count().filter(~FEEDS.c.enabled),
    ).where(FEEDS.c.removed_at.is_(None))
    return dict(zip(("active", "failing", "gone", "disabled"), session.execute(query).one(), strict=True))


def _of_runs(session: Session, now: datetime) -> tuple[int, int, datetime | None, timedelta | None]:
    """Pages read and not read in a day's crawls, when the last crawl began, and the usual pause of started rounds."""
    latest = runs.latest(session, limit=50)
    day = [run.counts for run in latest if run.started_at > now - timedelta(days=1)]
    read, unread = (sum(int(counts.get(name, 0)) for counts in day) for name in ("fetched", "unreadable"))
    if not latest:
        return read, unread, None, None
    starts = [run.started_at for run in latest[:10] if run.command != "run"]
    pauses = [(after - before).total_seconds() for after, before in pairwise(starts)]
    pause = timedelta(seconds=median(pauses)) if pauses and latest[0].command != "run" else None
    return read, unread, latest[0].started_at, pause


def patience(figures: Facts, *, look_every: timedelta) -> timedelta:
    """For how long a due feed may wait: the daemon looks `look_every`, a timer starts rounds in a rhythm of its own."""
    return max(LATE, LATE_TICKS * look_every, 2 * min(figures.run_pause or timedelta(), timedelta(days=1)))


def is_stalled(figures: Facts, *, now: datetime, look_every: timedelta) -> bool:
    """Whether feeds are due for long and none was polled meanwhile."""
    latest = now - patience(figures, look_every=look_every)
    overdue = figures.due_since is not None and figures.due_since < latest
    return overdue and (figures.last_poll_at is None or figures.last_poll_at < latest)


def problems(figures: Facts, *, now: datetime, look_every: timedelta) -> tuple[Problem, ...]:
    """What is wrong, gravest first; nothing when the watch is well."""
    found = [
        _no_feeds(figures),
        _stalled(figures, now, look_every),
        _clock(figures, now),
        _disk(figures),
        _failing(figures),
        _claims(figures, now),
        _backlog(figures, now),
        _wal(figures),
        _far(figures),
        _unread(figures),
        _channels(figures, now),
    ]
    return tuple(problem for problem in found if problem is not None)


def _no_feeds(figures: Facts) -> Problem | None:
    if figures.polled:
        return None
    return Problem(
        "no-feeds", "there is no feed to poll; load the catalogue with: levantwatch feeds import --catalogue"
    )


def _stalled(figures: Facts, now: datetime, look_every: timedelta) -> Problem | None:
    if not is_stalled(figures, now=now, look_every=look_every):
        return None
    since = (
        f"nothing was polled since {_at(figures.last_poll_at)}" if figures.last_poll_at else "nothing was ever polled"
    )
    return Problem(
        "stalled",
        f"{since}, and {many(figures.feeds_due, 'feed is', 'feeds are')} due, the first since {_at(figures.due_since)}; start levantwatch run, "
        "or restart it if it runs, and look into its log",
    )


def _clock(figures: Facts, now: datetime) -> Problem | None:
    if figures.last_poll_at is None or figures.last_poll_at <= now + CLOCK:
        return None
    return Problem(
        "clock",
        f"the newest poll is of {_at(figures.last_poll_at)}, and this machine's clock says {_at(now)}: one of them is wrong; "
        "set the clock, then run levantwatch poll --all",
    )


def _disk(figures: Facts) -> Problem | None:
    if figures.disk is None or figures.disk.free >= DISK_FREE:
        return None
    return Problem(
        "disk", f"{_mb(figures.disk.free)} are free beside the database; make room, or move it to a larger disk"
    )


def _failing(figures: Facts) -> Problem | None:
    if figures.polled < FEWEST_FEEDS:
        return None
    if figures.feeds_offline >= OFFLINE_SHARE * figures.polled:
        return Problem(
            "network",
            f"{figures.feeds_offline} of {figures.polled} feeds cannot be reached; look after network and DNS of this machine",
        )
    failing = figures.feeds.get("failing", 0)
    if failing < FAILING_SHARE * figures.polled:
        return None
    return Problem("failing", f"{failing} of {figures.polled} feeds fail; levantwatch feeds list --failing says why")


def _claims(figures: Facts, now: datetime) -> Problem | None:
    if figures.claimed_since is None or now - figures.claimed_since < CLAIMED:
        return None
    return Problem(
        "claims",
        f"{many(figures.claimed, 'article is', 'articles are')} being read, the first since {_at(figures.claimed_since)}: their crawler hangs or was "
        "killed; restart levantwatch run, which takes them up again",
    )


def _backlog(figures: Facts, now: datetime) -> Problem | None:
    if figures.waiting_since is None or now - figures.waiting_since < BACKLOG:
        return None
    return Problem(
        "backlog",
        f"{many(figures.waiting, 'article waits', 'articles wait')} to be read, the first since {_at(figures.waiting_since)}; if levantwatch run is "
        "running, lower host_delay or raise host_connections, or fetch fewer",
    )


def _wal(figures: Facts) -> Problem | None:
    if figures.disk is None or figures.disk.wal < WAL:
        return None
    return Problem(
        "wal", f"the WAL file has {_mb(figures.disk.wal)}: some program keeps a read transaction open; end that program"
    )


def _far(figures: Facts) -> Problem | None:
    if not figures.feeds_far:
        return None
    return Problem(
        "future",
        f"{many(figures.feeds_far, 'feed waits', 'feeds wait')} for a day more than a week away: the clock was ahead at the last poll; "
        "run levantwatch poll --all",
    )


def _unread(figures: Facts) -> Problem | None:
    asked = figures.pages_read + figures.pages_unread
    if asked < FEWEST_PAGES or figures.pages_unread < UNREAD_SHARE * asked:
        return None
    return Problem(
        "unreadable",
        f"{figures.pages_unread} of {asked} pages of the last day could not be read; levantwatch coverage --since 1d says whose",
    )


def _channels(figures: Facts, now: datetime) -> Problem | None:
    since = {name: made for name, made in figures.refusing.items() if now - made >= REFUSING}
    if not since:
        return None
    return Problem(
        "channels",
        f"{', '.join(since)}: no message was taken since {_at(min(since.values()))}; levantwatch alerts list says why, alerts test tries again",
    )


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%MZ}" if moment else "ever"


def _mb(size: int) -> str:
    return f"{size / 2**20:,.0f} MB"
