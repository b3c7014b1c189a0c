"""What was not collected: the limits of every count that an analyst takes from the database.

`report` reads polls, feeds, entries, articles and runs, and writes nothing. Its formulas stand in docs/operating.md and, as
code, in silence.py. What one poll brought as new is `seen`; `expected` is that and what probably fell through.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy.orm import Session

from storage import coverage_rows as rows
from storage.coverage_rows import FeedRow, Mark
from storage.silence import Span, long_pauses, patience, probably_missed, rate_per_second, usual_pause

REFUSALS = frozenset({"forbidden", "blocked", "rate-limited", "robots"})  # somebody decided that we may not read
CAPS = frozenset({"too-large", "parse-timeout"})  # a limit of ours cut it off
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


Answers = Mapping[tuple[int, datetime], datetime | None]  # by feed and moment: when the feed last answered before it


class _FeedAccount:
    """What became of one feed in the period: its polls with something to tell, and what follows from them."""

    def __init__(self, row: FeedRow, marks: list[Mark], polls: int, last: datetime | None) -> None:
        self.row = row
        self.marks = marks
        self.polls = polls
        self.last = last  # when the last poll began
        self.news = [mark.at for mark in marks if mark.new]  # and, where needed, those before the period
        self.failed = [mark for mark in marks if mark.kind == "failed"]
        self.seen = sum(mark.new for mark in marks)
        self.usual = usual_pause(self.news)
        self.patience = patience(self.news, self.usual)
        self.gaps: list[Gap] = []
        self.silences: list[Silence] = []
        self.expected = 0.0

    @property
    def rate(self) -> float | None:
        """New entries a second, by the documents that had something in common with the one before."""
        steady = sum(mark.new for mark in self.marks if mark.kind == "news")
        watched = self.last - self.marks[0].at if self.marks and self.last else timedelta()
        return rate_per_second(steady, watched, self.row.rate)

    @property
    def fails_at_the_end(self) -> bool:
        return bool(self.failed) and self.failed[-1].at == self.last

    def needs_past(self, start: datetime) -> bool:
        """Whether the period alone does not show the feed's rhythm, or begins within a long pause."""
        return self.polls > 0 and (self.patience is None or self.news[0] - start > self.patience)

    def with_past(self, news: Sequence[datetime]) -> None:
        """Take in when it brought something new before the period."""
        if news:
            self.news = [*news, *self.news]
            self.usual = usual_pause(self.news)
            self.patience = patience(self.news, self.usual)

    def long_pauses(self, start: datetime) -> list[Span]:
        """The pauses that its rhythm does not explain, as far as they reach into the period."""
        if self.patience is None or self.last is None:
            return []
        found = long_pauses(self.news, self.patience, end=self.last)
        return [pause for pause in found if pause.until is None or pause.until >= start]

    def failed_within(self, pause: Span, end: datetime) -> bool:
        return any(pause.since < mark.at < (pause.until or end) for mark in self.failed)


def report(session: Session, *, since: date, until: date, now: datetime, publisher: str | None = None) -> Coverage:
    """What was not collected from `since` to `until`, days in UTC, both included; of one publisher if it is named."""
    start = datetime(since.year, since.month, since.day, tzinfo=UTC)
    end = min(datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1), now)
    accounts, times = _accounts(session, start, end, publisher)
    began, stops = rows.standstills(session, start, end, times)
    pauses = {account.row.id: account.long_pauses(start) for account in accounts}
    asked = {pair for one in accounts for pair in _questions(one, pauses[one.row.id], end)}
    answers = rows.last_answers(session, asked)
    for account in accounts:
        account.gaps = _gaps(account, answers)
        account.expected = account.seen + _missed(session, account, answers, end)
        account.silences = _silences(account, pauses[account.row.id], answers, stops, end)
    pages: dict[int, list[rows.PageRow]] = defaultdict(list)
    for page in rows.pages(session, start, end):
        pages[page.feed_id].append(page)
    summary_only = rows.summary_only(session, since, until)
    by_publisher: dict[str, list[_FeedAccount]] = defaultdict(list)
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


def _accounts(
    session: Session, start: datetime, end: datetime, publisher: str | None
) -> tuple[list[_FeedAccount], list[datetime]]:
    """The feeds with what their polls tell, and when these polls were, in their order."""
    described = {row.id: row for row in rows.feeds(session) if publisher is None or row.publisher == publisher}
    only = None if publisher is None else list(described)
    polled = rows.polls(session, start, end, only)
    marks: dict[int, list[Mark]] = defaultdict(list)
    told = rows.marks(session, start, end, only)
    for mark in told:
        marks[mark.feed_id].append(mark)
    accounts = [
        _FeedAccount(row, marks[id_], *polled.get(id_, (0, None)))
        for id_, row in described.items()
        if row.added_at < end and (not row.removed or id_ in polled)
    ]
    past = rows.news_before(session, start, [one.row.id for one in accounts if one.needs_past(start)])
    for account in accounts:
        account.with_past(past.get(account.row.id, ()))
    return accounts, [mark.at for mark in told]


def _questions(account: _FeedAccount, pauses: Sequence[Span], end: datetime) -> Iterator[tuple[int, datetime]]:
    """The moments before which it must be known when the feed last answered."""
    feed_id = account.row.id
    for mark in account.marks:
        if mark.kind == "gap":
            yield feed_id, mark.at
    if account.fails_at_the_end:
        yield feed_id, end
    for pause in pauses:
        if account.failed_within(pause, end):
            yield feed_id, pause.until or end


def _gaps(account: _FeedAccount, answers: Answers) -> list[Gap]:
    found, row = [], account.row
    for mark in account.marks:
        if mark.kind == "gap":
            before = answers[row.id, mark.at]
            missed = probably_missed(account.rate, mark.at - before, mark.new) if before else 0.0
            found.append(Gap(row.id, row.url, row.publisher, before, mark.at, round(missed)))
    return found


def _missed(session: Session, account: _FeedAccount, answers: Answers, end: datetime) -> float:
    """What probably fell through the gaps, and what a feed that fails to the end and is still watched must have shown since."""
    missed = float(sum(gap.probably_missed for gap in account.gaps))
    if not account.fails_at_the_end or not account.row.is_watched:
        return missed
    answered = answers[account.row.id, end]
    if answered is None or rows.recovered(session, account.row.id, end):
        return missed  # what a feed still lists when it comes back is not lost
    return missed + probably_missed(account.rate, end - answered, 0)


def _silences(
    account: _FeedAccount, pauses: Sequence[Span], answers: Answers, stops: Sequence[Span], end: datetime
) -> list[Silence]:
    row, last, limit = account.row, account.last, account.patience
    if last is None or limit is None:
        return []
    found = []
    for pause in pauses:
        span = _heard(account, pause, answers, stops, end)
        if not row.is_watched:
            span = Span(span.since, span.until or last)
        if span.seconds_to(last) > limit.total_seconds():
            usual = round((account.usual or limit).total_seconds())
            found.append(Silence(row.id, row.url, row.publisher, span.since, span.until, usual))
    return found


def _heard(account: _FeedAccount, pause: Span, answers: Answers, stops: Sequence[Span], end: datetime) -> Span:
    """The part of a pause in which the feed answered: an outage, or a watch that stood still, is no silence of its own."""
    last = pause.until or account.last or pause.since
    heard = [stop.since for stop in stops if pause.since < stop.since < last]
    if account.failed_within(pause, end):
        heard.append(answers[account.row.id, pause.until or end] or pause.since)
    if not heard or (pause.until is None and min(heard) >= last):
        return pause
    return Span(pause.since, max(min(heard), pause.since))


def _of(
    publisher: str,
    accounts: Collection[_FeedAccount],
    pages: Mapping[int, Sequence[rows.PageRow]],
    summary_only: Mapping[int, int],
) -> PublisherCoverage:
    ids = {account.row.id for account in accounts}
    states = Counter(account.row.state for account in accounts)
    failed = [mark for account in accounts for mark in account.failed]
    failures = Counter(mark.outcome for mark in failed)
    unread = Counter[str]()
    refused = {mark.at.date() for mark in failed if mark.outcome in REFUSALS}
    waiting = 0
    for page in (page for id_ in ids for page in pages.get(id_, ())):
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
