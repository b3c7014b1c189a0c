"""One feed in a period: its gaps, its silences, and how many entries were to be expected of it. PURE: a part of coverage.py."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.coverage_rows import FeedRow, Mark, Told
from storage.silence import (
    Span,
    long_pauses,
    moment,
    patience,
    probably_missed,
    rate_per_second,
    time_of,
    usual_pause,
)

Answers = Mapping[tuple[int, datetime], datetime | None]  # by feed and moment: when the feed last answered before it


@dataclass(frozen=True, slots=True)
class Period:
    """What is asked about: from `start` up to `end`, and when the watch itself stood still in it."""

    start: datetime
    end: datetime
    stops: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """Two documents of a feed without an entry in common: what it showed between `since` and `at` is not known."""

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


class FeedAccount:
    """What became of one feed: take in its polls with something to tell, answer its questions, then settle it."""

    def __init__(self, row: FeedRow, told: Told, polls: int, last: datetime | None) -> None:
        """Take the feed, what its polls tell, how many there were and when the last one began."""
        self.row = row
        self.polls = polls
        self.last = last
        self.failed, self.marks = _parted(told.marks)
        self._failures = [mark.at for mark in self.failed]
        self.failures = Counter([mark.outcome for mark in self.failed])
        self.gaps: list[Gap] = []
        self.silences: list[Silence] = []
        self.pauses: list[Span] = []
        self.seen, self._regular = told.seen, told.regular
        self.expected = float(self.seen)
        self._learn_rhythm(told.news)

    def _learn_rhythm(self, news: Sequence[int]) -> None:
        self.news = news
        self.usual = usual_pause(news)
        self.patience = patience(news, self.usual)

    @property
    def fails_at_the_end(self) -> bool:
        """Whether its last poll failed."""
        return bool(self.failed) and self.last is not None and self.failed[-1].at == moment(self.last)

    def needs_past(self, start: datetime) -> bool:
        """Whether the period alone does not show the feed's rhythm, or begins within a long pause."""
        return self.polls > 0 and (self.patience is None or time_of(self.news[0]) - start > self.patience)

    def with_past(self, news: Sequence[int]) -> None:
        """Take in when it brought something new before the period."""
        if news:
            self._learn_rhythm([*news, *self.news])

    def questions(self, period: Period) -> Iterator[tuple[int, datetime]]:
        """The moments before which it must be known when the feed last answered."""
        for mark in self.marks:
            if mark.kind == "gap":
                yield self.row.id, time_of(mark.at)
        if self.fails_at_the_end:
            yield self.row.id, period.end
        self.pauses = self._long_pauses(period)
        for pause in self.pauses:
            if self._failed_within(pause, period.end):
                yield self.row.id, pause.until or period.end

    def settle(self, period: Period, answers: Answers, recovered: Collection[int]) -> None:
        """Work out gaps, silences and what was to be expected; `recovered` are the feeds that lost nothing when they came back."""
        rate = self._rate(period, answers)
        for mark in self.marks:
            if mark.kind == "gap":
                at = time_of(mark.at)
                before = answers[self.row.id, at]
                missed = probably_missed(rate, at - before, mark.new) if before else 0.0
                self.gaps.append(Gap(self.row.id, self.row.url, self.row.publisher, before, at, round(missed)))
        self.expected += sum(gap.probably_missed for gap in self.gaps)
        answered = answers.get((self.row.id, period.end)) if self.fails_at_the_end and self.row.is_watched else None
        if answered is not None and self.row.id not in recovered:
            self.expected += probably_missed(rate, period.end - answered, 0)
        self.silences = list(self._silences(period, answers))

    def _rate(self, period: Period, answers: Answers) -> float | None:
        """New entries a second, by the documents that had something in common with the one before, and the time of these."""
        if self.last is None:
            return None
        begin = next((time_of(mark.at) for mark in self.marks if mark.kind == "first"), period.start)
        end = answers[self.row.id, period.end] if self.fails_at_the_end else self.last
        gaps = [time_of(mark.at) for mark in self.marks if mark.kind == "gap"]
        between = [at - (answers[self.row.id, at] or at) for at in gaps]
        watched = (end or begin) - begin - sum(between, timedelta())
        return rate_per_second(self._regular, watched, self.row.rate)

    def _long_pauses(self, period: Period) -> list[Span]:
        """The pauses that its rhythm does not explain, as far as they reach into the period."""
        if self.patience is None or self.last is None:
            return []
        found = long_pauses(self.news, self.patience, end=self.last)
        return [pause for pause in found if pause.until is None or pause.until >= period.start]

    def _failed_within(self, pause: Span, end: datetime) -> bool:
        later = bisect_right(self._failures, moment(pause.since))
        return later < len(self._failures) and self._failures[later] < moment(pause.until or end)

    def _silences(self, period: Period, answers: Answers) -> Iterator[Silence]:
        for pause in self.pauses:
            span = self._heard(pause, period, answers)
            if not self.row.is_watched:  # nobody asks it any more: that is no silence of its own
                span = Span(span.since, span.until or self.last)
            if self.last and self.usual and self.patience and span.length(self.last) > self.patience:
                usual = round(self.usual.total_seconds())
                yield Silence(self.row.id, self.row.url, self.row.publisher, span.since, span.until, usual)

    def _heard(self, pause: Span, period: Period, answers: Answers) -> Span:
        """The part of a pause in which the feed answered: an outage, or a watch that stood still, is no silence of its own."""
        last = pause.until or self.last or pause.since
        heard = [stop.since for stop in period.stops if pause.since < stop.since < last]
        if self._failed_within(pause, period.end):
            heard.append(answers[self.row.id, pause.until or period.end] or pause.since)
        if not heard or (pause.until is None and min(heard) >= last):
            return pause
        return Span(pause.since, max(min(heard), pause.since))


def _parted(marks: Sequence[Mark]) -> tuple[list[Mark], list[Mark]]:
    """Failures, and what else there is to tell."""
    failed: list[Mark] = []
    others: list[Mark] = []
    for mark in marks:
        (failed if mark.kind == "failed" else others).append(mark)
    return failed, others
