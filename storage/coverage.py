"""What was not collected: the limits of every count that an analyst takes from the database.

`report` reads polls, feeds, entries, articles and runs, and writes nothing. Its formulas stand in docs/operating.md and, as
code, in silence.py. What one poll brought as new is `seen`; `expected` is that and what probably fell through.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy.orm import Session

from storage import coverage_rows as rows
from storage.coverage_rows import FeedRow, Mark
from storage.silence import Span, long_pauses, patience, probably_missed, rate_per_second, usual_pause

REFUSALS = frozenset({"forbidden", "blocked", "rate-limited", "robots"})  # somebody decided that we may not read
CAPS = frozenset({"too-large", "parse-timeout"})  # a limit of ours cut it off
_TICK = timedelta(microseconds=1)
PASSING = 0.05  # of polls may fail and pass: every server has its moments, and a feed still lists what it showed then


@dataclass(frozen=True, slots=True)
class Gap:
    """Two documents of a feed without an entry in common: `since` the one, `at` the other, what lay between is unknown."""

    feed_id: int
    feed_url: str
    publisher: str
    since: datetime | None
    at: datetime
    probably_missed: int


@dataclass(frozen=True, slots=True)
class Silence:
    """A feed that answered and brought nothing new for much longer than it usually pauses; `until` None: it goes on."""

    feed_id: int
    feed_url: str
    publisher: str
    since: datetime
    until: datetime | None
    usual_seconds: int


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


@dataclass(slots=True)
class _FeedAccount:
    """What became of one feed."""

    row: FeedRow
    marks: list[Mark]
    polls: int = 0
    last: datetime | None = None
    gaps: list[Gap] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    expected: float = 0.0

    @property
    def seen(self) -> int:
        return sum(mark.new for mark in self.marks)

    @property
    def news(self) -> list[datetime]:
        return [mark.at for mark in self.marks if mark.new]


def report(session: Session, *, since: date, until: date, now: datetime, publisher: str | None = None) -> Coverage:
    """What was not collected from `since` to `until`, days in UTC, both included; of one publisher if it is named."""
    start = datetime(since.year, since.month, since.day, tzinfo=UTC)
    end = min(datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1), now)
    accounts = _accounts(session, start, end, publisher)
    began, stops = rows.standstills(session, start, end, [mark.at for one in accounts.values() for mark in one.marks])
    for account in accounts.values():
        account.gaps = _gaps(session, account)
        account.expected = account.seen + _missed(session, account, end)
    _find_silences(session, accounts, start, stops)
    pages = rows.pages(session, start, end)
    summary_only = rows.summary_only(session, since, until)
    by_publisher: dict[str, list[_FeedAccount]] = defaultdict(list)
    for account in accounts.values():
        by_publisher[account.row.publisher].append(account)
    of_all = [_of(name, list_, pages, summary_only) for name, list_ in by_publisher.items()]
    return Coverage(
        since=since,
        until=until,
        began=began,
        total=_total(accounts.values(), pages, summary_only),
        refusing=sum(one.refused_days > 0 for one in of_all),
        silent=sum(one.silent_since is not None for one in of_all),
        publishers=tuple(sorted(sorted(of_all, key=lambda one: one.publisher), key=_badness, reverse=True)),
        gaps=tuple(sorted((gap for one in accounts.values() for gap in one.gaps), key=lambda gap: gap.at)),
        silences=tuple(
            sorted((silence for one in accounts.values() for silence in one.silences), key=lambda one: one.since)
        ),
        stops=tuple(stops),
        run_caps=rows.run_caps(session, start, end),
    )


def _accounts(session: Session, start: datetime, end: datetime, publisher: str | None) -> dict[int, _FeedAccount]:
    described = {row.id: row for row in rows.feeds(session) if publisher is None or row.publisher == publisher}
    only = None if publisher is None else list(described)
    polled = rows.polls(session, start, end, only)
    marks: dict[int, list[Mark]] = defaultdict(list)
    for mark in rows.marks(session, start, end, only):
        marks[mark.feed_id].append(mark)
    watched = {id_: row for id_, row in described.items() if not row.removed or id_ in polled}
    return {
        id_: _FeedAccount(row, marks[id_], *polled.get(id_, (0, None)))
        for id_, row in watched.items()
        if row.added_at < end
    }


def _gaps(session: Session, account: _FeedAccount) -> list[Gap]:
    found = []
    rate = _rate(account)
    for mark in account.marks:
        if mark.kind == "gap":
            before = rows.last_answer(session, account.row.id, mark.at)
            missed = probably_missed(rate, mark.at - before, mark.new) if before else 0.0
            found.append(Gap(account.row.id, account.row.url, account.row.publisher, before, mark.at, round(missed)))
    return found


def _rate(account: _FeedAccount) -> float | None:
    """New entries a second by the documents that had something in common with the one before."""
    steady = [mark for mark in account.marks if mark.kind == "news"]
    if not account.marks or account.last is None:
        return rate_per_second(0, timedelta(), account.row.rate)
    watched = account.last - account.marks[0].at
    return rate_per_second(sum(mark.new for mark in steady), watched, account.row.rate)


def _missed(session: Session, account: _FeedAccount, end: datetime) -> float:
    """What probably fell through the gaps, and what a feed that fails to the end and is still watched must have shown since."""
    missed = float(sum(gap.probably_missed for gap in account.gaps))
    failed = [mark for mark in account.marks if mark.kind == "failed"]
    if not failed or account.row.state in ("disabled", "gone") or account.row.removed:
        return missed
    answered = rows.last_answer(session, account.row.id, end)
    if answered is None or answered > failed[-1].at or rows.recovered(session, account.row.id, end):
        return missed  # what a feed still lists when it comes back is not lost
    return missed + probably_missed(_rate(account), end - answered, 0)


def _find_silences(
    session: Session, accounts: Mapping[int, _FeedAccount], start: datetime, stops: Sequence[Span]
) -> None:
    """Note the silences of every feed; of those whose rhythm the period does not show, by what came before it."""
    short = [id_ for id_, one in accounts.items() if one.polls and _needs_past(one, start)]
    past = rows.news_before(session, start, short)
    for id_, account in accounts.items():
        news = [*past.get(id_, ()), *account.news]
        limit = patience(news)
        if limit is None or account.last is None:
            continue
        going_on = account.row.state in ("active", "failing") and not account.row.removed
        spans = (_heard(session, account, span, stops) for span in long_pauses(news, limit, end=account.last))
        if not going_on:
            spans = (Span(span.since, span.until or account.last) for span in spans)
        usual = round((usual_pause(news) or timedelta()).total_seconds())
        row = account.row
        account.silences = [
            Silence(row.id, row.url, row.publisher, span.since, span.until, usual)
            for span in spans
            if span.seconds_to(account.last) > limit.total_seconds() and (span.until or account.last) >= start
        ]


def _needs_past(account: _FeedAccount, start: datetime) -> bool:
    limit = patience(account.news)
    return limit is None or account.news[0] - start > limit


def _heard(session: Session, account: _FeedAccount, span: Span, stops: Sequence[Span]) -> Span:
    """The part of a pause in which the feed answered: an outage, or a watch that stood still, is no silence of its own."""
    end = span.until or account.last or span.since
    stopped = [stop.since for stop in stops if span.since < stop.since < end]
    failed = any(span.since < mark.at <= end for mark in account.marks if mark.kind == "failed")
    if not stopped and not failed:
        return span
    answered = rows.last_answer(session, account.row.id, end + _TICK) if failed else end
    heard = min([answered or span.since, *stopped])
    return span if span.until is None and heard >= end else Span(span.since, max(heard, span.since))


def _of(
    publisher: str,
    accounts: Collection[_FeedAccount],
    pages: Sequence[rows.PageRow],
    summary_only: Mapping[int, int],
) -> PublisherCoverage:
    ids = {account.row.id for account in accounts}
    states = Counter(account.row.state for account in accounts)
    failed = [mark for account in accounts for mark in account.marks if mark.kind == "failed"]
    failures = Counter(mark.outcome for mark in failed)
    unread = Counter[str]()
    refused = {mark.at.date() for mark in failed if mark.outcome in REFUSALS}
    waiting = 0
    for page in pages:
        if page.feed_id in ids:
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
        failed=len(failed),
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
        summary_only=sum(summary_only.get(id_, 0) for id_ in ids),
    )


def _total(
    accounts: Iterable[_FeedAccount], pages: Sequence[rows.PageRow], summary_only: Mapping[int, int]
) -> PublisherCoverage:
    return _of("", list(accounts), pages, summary_only)


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
