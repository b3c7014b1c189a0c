"""One feed in a period: its gaps, its silences, and how many entries were to be expected of it. PURE: a part of coverage.py."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.coverage_rows import FeedRow, Mark, Told
from storage.silence import (
    DAY,
    SECOND,
    Pause,
    long_pauses,
    probably_missed,
    rate_per_second,
    rhythm,
    time_of,
)

REFUSALS = frozenset({"forbidden", "blocked", "rate-limited", "robots"})  # somebody decided that we may not read

Answers = Mapping[tuple[int, int], int | None]  # by feed and moment: when the feed last answered before it


@dataclass(frozen=True, slots=True)
class Period:
    """What is asked about: from `start` up to `end`, and when the watch itself began to stand still in it. Moments all (silence.py)."""

    start: int
    end: int
    stops: Sequence[int] = ()


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
    """What became of one feed: take in its polls with something to tell, answer its questions, then settle it. Times are moments."""

    def __init__(self, row: FeedRow, told: Told) -> None:
        """Take the feed, and what its polls tell."""
        self.row = row
        self.polls, self.last, self.seen, self._regular = told.polls, told.last, told.seen, told.regular
        self.expected = float(told.seen)
        self._failed, self._marks = _parted(told.marks)
        self._failures = [mark.at for mark in self._failed]
        self.failures = Counter([mark.outcome for mark in self._failed])
        self.gaps: list[Gap] = []
        self.silences: list[Silence] = []
        self.pauses: list[Pause] = []
        self._rhythm = rhythm(told.news)

    @property
    def refused_days(self) -> set[int]:
        """The days, counted from 1970, on which it turned us away."""
        if REFUSALS.isdisjoint(self.failures):
            return set()
        return {mark.at // DAY for mark in self._failed if mark.outcome in REFUSALS}

    @property
    def fails_at_the_end(self) -> bool:
        """Whether its last poll failed."""
        return bool(self._failures) and self._failures[-1] == self.last

    def needs_past(self, start: int) -> bool:
        """Whether the period alone does not show the feed's rhythm, or begins within a long pause."""
        known = self._rhythm
        return self.polls > 0 and (known.patience is None or known.news[0] - start > known.patience)

    def with_past(self, news: Sequence[int]) -> None:
        """Take in when it brought something new before the period."""
        if news:
            self._rhythm = rhythm([*news, *self._rhythm.news])

    def questions(self, period: Period) -> Iterator[tuple[int, int]]:
        """The moments before which it must be known when the feed last answered."""
        for mark in self._marks:
            if mark.kind == "gap":
                yield self.row.id, mark.at
        if self.fails_at_the_end:
            yield self.row.id, period.end
        self.pauses = self._long_pauses(period)
        for since, until in self.pauses:
            if self._failed_within(since, later := until or period.end):
                yield self.row.id, later

    def settle(self, period: Period, answers: Answers, recovered: Collection[int]) -> None:
        """Work out gaps, silences and what was to be expected; `recovered` are the feeds that lost nothing when they came back."""
        gaps = [mark for mark in self._marks if mark.kind == "gap"]
        unheard = self.fails_at_the_end and self.row.is_watched and self.row.id not in recovered
        answered = answers[self.row.id, period.end] if unheard else None
        if gaps or answered is not None:
            rate = self._rate(period, answers, gaps)
            self.gaps = [self._gap(mark, rate, answers[self.row.id, mark.at]) for mark in gaps]
            self.expected += sum(gap.probably_missed for gap in self.gaps)
            if answered is not None:
                self.expected += probably_missed(rate, period.end - answered, 0)
        self.silences = list(self._silences(period, answers))

    def _gap(self, mark: Mark, rate: float | None, before: int | None) -> Gap:
        missed = 0.0 if before is None else probably_missed(rate, mark.at - before, mark.new)
        since = None if before is None else time_of(before)
        return Gap(self.row.id, self.row.url, self.row.publisher, since, time_of(mark.at), round(missed))

    def _rate(self, period: Period, answers: Answers, gaps: Sequence[Mark]) -> float | None:
        """New entries a second, by the documents that had something in common with the one before, and the time of these."""
        if self.last is None:
            return None
        begin = next((mark.at for mark in self._marks if mark.kind == "first"), period.start)
        end = answers[self.row.id, period.end] if self.fails_at_the_end else self.last
        between = sum(mark.at - (answers[self.row.id, mark.at] or mark.at) for mark in gaps)
        return rate_per_second(self._regular, (end or begin) - begin - between, self.row.rate)

    def _long_pauses(self, period: Period) -> list[Pause]:
        """The pauses that its rhythm does not explain, as far as they reach into the period."""
        if self.last is None:
            return []
        found = long_pauses(self._rhythm, self.last)
        return [pause for pause in found if pause[1] is None or pause[1] >= period.start]

    def _failed_within(self, since: int, until: int) -> bool:
        later = bisect_right(self._failures, since)
        return later < len(self._failures) and self._failures[later] < until

    def _silences(self, period: Period, answers: Answers) -> Iterator[Silence]:
        usual, patience = self._rhythm.usual, self._rhythm.patience
        if not (usual and patience and self.last is not None):
            return
        for pause in self.pauses:
            since, until = self._heard(pause, self.last, period, answers)
            if not self.row.is_watched:  # nobody asks it any more: that is no silence of its own
                until = until or self.last
            if (until or self.last) - since > patience:
                end = None if until is None else time_of(until)
                yield Silence(self.row.id, self.row.url, self.row.publisher, time_of(since), end, round(usual / SECOND))

    def _heard(self, pause: Pause, last: int, period: Period, answers: Answers) -> Pause:
        """The part of a pause in which the feed answered: an outage, or a watch that stood still, is no silence of its own."""
        since, until = pause
        end = until or last
        heard = [stop for stop in period.stops if since < stop < end]
        if self._failed_within(since, later := until or period.end):
            heard.append(answers[self.row.id, later] or since)
        if not heard or (until is None and min(heard) >= end):
            return pause
        return since, max(min(heard), since)


def _parted(marks: Sequence[Mark]) -> tuple[list[Mark], list[Mark]]:
    """Failures, and what else there is to tell."""
    failed = [mark for mark in marks if mark.kind == "failed"]
    return failed, [mark for mark in marks if mark.kind != "failed"] if len(failed) < len(marks) else []
