"""What was not collected: the limits of every count that an analyst takes from the database.

`report` reads polls, feeds, entries, articles and runs, and writes nothing. Its formulas stand in docs/operating.md and, as
code, in silence.py. What one poll brought as new is `seen`; `expected` is that and what probably fell through.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import coverage_rows as rows
from storage import poll_days, unread
from storage.coverage_feeds import REFUSALS, FeedAccount, Gap, Period, Silence
from storage.models import POLLS
from storage.silence import Span, moment, time_of
from storage.standstills import standstills
from storage.unread import PageRow

__all__ = ["Coverage", "Gap", "PublisherCoverage", "Silence", "newest_poll", "report"]

CAPS = frozenset({"too-large", "parse-timeout"})  # a limit of ours cut it off
ENOUGH = 20  # feeds by whose polls the watch is seen to go on
NEVER_POLLED = rows.Told()
PASSING = 0.05  # of polls may fail and pass: every server has its moments, and a feed still lists what it showed then


@dataclass(frozen=True, slots=True)
class PublisherCoverage:
    """What was and was not collected of one publisher.

    `failures` counts failed polls by class, `pages` the pages that could not be read by class; `waiting` pages are still
    tried. `refused_days` are days on which it turned us away. `capped` counts what a limit of ours cut off.
    """

    publisher: str
    feeds: int = 0
    feeds_failing: int = 0
    feeds_disabled: int = 0
    feeds_gone: int = 0
    feeds_mute: int = 0  # polled, and never an entry
    feeds_unpolled: int = 0
    polls: int = 0
    failed: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    seen: int = 0
    expected: int = 0
    gaps: int = 0
    refused_days: int = 0
    silences: int = 0
    silent_since: datetime | None = None
    capped: int = 0
    pages: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    summary_only: int = 0

    @property
    def missed(self) -> int:
        """Entries that probably were never seen."""
        return self.expected - self.seen

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing to report but failures that passed."""
        return self.failed <= PASSING * self.polls and not any((
            self.missed, self.gaps, self.refused_days, self.silences, self.capped, self.pages, self.waiting, self.summary_only,
            self.feeds_failing, self.feeds_disabled, self.feeds_gone, self.feeds_mute, self.feeds_unpolled,
        ))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Coverage:
    """The report on the days from `since` to `until` (UTC, both included), publishers worst first.

    `began` is the first poll that is on record, `stops` the longest times when the watch itself polled nothing although something was due.
    `run_caps` are the limits that whole crawls hit, by the name under which they counted them.
    """

    since: date
    until: date
    began: datetime | None
    total: PublisherCoverage
    refusing: int  # publishers that turned us away
    silent: int  # publishers with a feed that is silent at the end
    publishers: tuple[PublisherCoverage, ...]
    gaps: tuple[Gap, ...]
    silences: tuple[Silence, ...]
    stops: tuple[Span, ...]
    run_caps: Mapping[str, int]


def report(session: Session, *, since: date, until: date, now: datetime, publisher: str | None = None) -> Coverage:
    """What was not collected from `since` to `until`, days in UTC, both included; of one publisher if it is named."""
    start = datetime(since.year, since.month, since.day, tzinfo=UTC)
    end = min(datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1), now)
    began = rows.first_poll(session)
    accounts, times = _accounts(session, start, end, publisher, began)
    stops = standstills(session, began, start, end, times)
    _settle(session, accounts, Period(moment(start), moment(end), [moment(stop.since) for stop in stops]))
    pages: dict[int, list[PageRow]] = defaultdict(list)
    for page in unread.pages(session, start, end):
        pages[page.feed_id].append(page)
    summary_only = unread.summary_only(session, since, until)
    by_publisher: dict[str, list[FeedAccount]] = defaultdict(list)
    for account in accounts:
        by_publisher[account.row.publisher].append(account)
    of_all = sorted(
        (_of(name, feeds, pages, summary_only) for name, feeds in by_publisher.items()), key=lambda one: one.publisher
    )
    return Coverage(
        since=since,
        until=until,
        began=began,
        total=_of("", accounts, pages, summary_only),
        refusing=sum(one.refused_days > 0 for one in of_all),
        silent=sum(one.silent_since is not None for one in of_all),
        publishers=tuple(sorted(of_all, key=_badness, reverse=True)),
        gaps=tuple(sorted((gap for one in accounts for gap in one.gaps), key=lambda gap: gap.at)),
        silences=tuple(sorted((pause for one in accounts for pause in one.silences), key=lambda pause: pause.since)),
        stops=tuple(stops),
        run_caps=rows.run_caps(session, start, end),
    )


def newest_poll(session: Session) -> datetime | None:
    """When the latest poll began."""
    latest: datetime | None = session.scalar(select(func.max(POLLS.c.started_at)))
    return latest


def _accounts(
    session: Session, start: datetime, end: datetime, publisher: str | None, began: datetime | None
) -> tuple[list[FeedAccount], list[int]]:
    """The feeds with what their polls tell, and the moments of the loudest ones' polls, in their order: a watch that stood still shows in these."""
    described = {row.id: row for row in rows.feeds(session) if publisher is None or row.publisher == publisher}
    polled = _polled(session, max(start, began or end), end, None if publisher is None else list(described))
    accounts = [
        FeedAccount(row, polled.get(id_, NEVER_POLLED))
        for id_, row in described.items()
        if row.added_at < end and (not row.removed or id_ in polled)
    ]
    if began is not None and began < start:
        past = rows.news_before(session, start, [one.row.id for one in accounts if one.needs_past(moment(start))])
        for account in accounts:
            account.with_past(past.get(account.row.id, ()))
    loudest = sorted(polled.values(), key=lambda one: len(one.news), reverse=True)[:ENOUGH]
    return accounts, sorted({at for one in loudest for at in one.moments()})


def _polled(session: Session, start: datetime, end: datetime, only: Sequence[int] | None) -> dict[int, rows.Told]:
    """By feed that was polled what its polls tell."""
    if only is None:
        return poll_days.told(session, start, end)
    return rows.told(session, start, end, only)


def _settle(session: Session, accounts: Sequence[FeedAccount], period: Period) -> None:
    answers = rows.last_answers(session, {pair for one in accounts for pair in one.questions(period)})
    failing = [one.row.id for one in accounts if one.fails_at_the_end]
    recovered = rows.recovered(session, failing, time_of(period.end))
    for account in accounts:
        account.settle(period, answers, recovered)


def _of(
    publisher: str,
    accounts: Collection[FeedAccount],
    pages: Mapping[int, Sequence[PageRow]],
    summary_only: Mapping[int, int],
) -> PublisherCoverage:
    states = Counter([account.row.state for account in accounts])
    failures = Counter[str]()
    refused = set[int]()
    for account in accounts:
        for name, number in account.failures.items():
            failures[name] += number
        refused |= account.refused_days
    unread = Counter[str]()
    waiting = 0
    for page in (page for account in accounts for page in pages.get(account.row.id, ())):
        if page.waiting:
            waiting += page.number
        else:
            unread[page.reason] += page.number
        if page.reason in REFUSALS:
            refused.add(page.day)
    silences = [silence for account in accounts for silence in account.silences]
    going_on = [silence.since for silence in silences if silence.until is None]
    capped = sum(number for name, number in (*failures.items(), *unread.items()) if name in CAPS)
    return PublisherCoverage(
        publisher=publisher,
        feeds=len(accounts),
        feeds_failing=states["failing"],
        feeds_disabled=states["disabled"],
        feeds_gone=states["gone"],
        feeds_mute=sum(account.row.is_mute and account.polls > 0 for account in accounts),
        feeds_unpolled=sum(account.polls == 0 and account.row.state == "active" for account in accounts),
        polls=sum(account.polls for account in accounts),
        failed=failures.total(),
        failures=_by_number(failures),
        seen=sum(account.seen for account in accounts),
        expected=round(sum(account.expected for account in accounts)),
        gaps=sum(len(account.gaps) for account in accounts),
        refused_days=len(refused),
        silences=len(silences),
        silent_since=min(going_on, default=None),
        capped=capped,
        pages=_by_number(unread),
        waiting=waiting,
        summary_only=sum(summary_only.get(account.row.id, 0) for account in accounts),
    )


def _by_number(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _badness(one: PublisherCoverage) -> tuple[float, ...]:
    """Worst first: whoever never answered, then by what was probably missed, by gaps, refusals and silences, by failures, by pages."""
    return (
        one.polls > 0 and one.failed == one.polls,
        one.missed,
        one.gaps + one.refused_days + one.silences + one.feeds_gone + one.feeds_mute,
        one.failed / max(one.polls, 1),
        sum(one.pages.values()) + one.waiting + one.summary_only,
    )
