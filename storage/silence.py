"""Pauses, silences and rates of feeds, from the times at which polls brought something new. PURE: a part of coverage.py.

A feed's own rhythm is the measure, never a fixed number of hours: a ministry writes once a week, a wire every minute. News are
moments, microseconds since 1970: a month has a hundred thousand of them, and numbers are quicker than times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import sub

SILENT = 3  # times its own usual pause: what issue and documentation call a silence
DAYS_OFF = 1.5  # times its longest pause of an ordinary day: every night is longer than three daytime pauses
FEWEST_PAUSES = 5  # of fewer there is no "usual"
FEWEST_DAYS = 3  # of fewer there is no "ordinary day"
SHORTEST_WATCH = timedelta(hours=12)  # a rate from less would be that of one morning
STANDSTILL = timedelta(hours=2)  # a watch that polls nothing for longer, although something is due, stood still
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE = timedelta(microseconds=1)
_DAY = 86_400_000_000


def moment(at: datetime) -> int:
    """A time as a moment: microseconds since 1970."""
    return (at - EPOCH) // _ONE


def time_of(moment: int) -> datetime:
    """A moment as a time, in UTC."""
    return EPOCH + timedelta(microseconds=moment)


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another; `until` is None for what goes on."""

    since: datetime
    until: datetime | None

    def length(self, end: datetime) -> timedelta:
        """How long it is, or has been at `end`."""
        return (self.until or end) - self.since


def usual_pause(news: Sequence[int]) -> timedelta | None:
    """The median interval between new entries; None while there are too few to tell. What one poll brought is one moment."""
    if len(news) <= FEWEST_PAUSES:
        return None
    return _median(_pauses(news))


def longest_ordinary(news: Sequence[int]) -> timedelta | None:
    """The median of each day's longest pause, the night mostly; None while there are too few days. `news` in the order of time."""
    daily: list[int] = []
    end = 0  # of the day on which the pause begins, to which it belongs
    for at, pause in zip(news, _pauses(news), strict=False):
        if at >= end:
            daily.append(pause)
            end = at - at % _DAY + _DAY
        elif pause > daily[-1]:
            daily[-1] = pause
    return _median(daily) if len(daily) >= FEWEST_DAYS else None


def _pauses(news: Sequence[int]) -> list[int]:
    return list(map(sub, news[1:], news))


def _median(spans: list[int]) -> timedelta:
    spans.sort()
    middle = len(spans) // 2
    if len(spans) % 2:
        return timedelta(microseconds=spans[middle])
    return timedelta(microseconds=spans[middle - 1] + spans[middle]) / 2


def patience(news: Sequence[int], usual: timedelta | None) -> timedelta | None:
    """How long nothing new may come before it is a silence; None while the feed's rhythm is not known.

    Three times the usual pause, but at least half as long again as the longest pause of an ordinary day: or every
    newspaper would be silent every night.
    """
    if usual is None:
        return None
    return max(SILENT * usual, DAYS_OFF * (longest_ordinary(news) or timedelta()))


def long_pauses(news: Sequence[int], limit: timedelta, *, end: datetime) -> list[Span]:
    """The pauses longer than `limit`, the one that goes on at `end`, when the feed last answered, among them."""
    most = limit // _ONE
    pauses = _pauses(news)
    # most feeds have none, and the longest is found in a tenth of the time
    long = [] if max(pauses, default=0) <= most else [at for at, pause in enumerate(pauses) if pause > most]
    found = [Span(time_of(news[at]), time_of(news[at + 1])) for at in long]
    if news and moment(end) - news[-1] > most:
        found.append(Span(time_of(news[-1]), None))
    return found


def rate_per_second(new: int, watched: timedelta, fallback: float | None) -> float | None:
    """New entries a second while the feed was watched; `fallback` is its moving average per hour."""
    if watched >= SHORTEST_WATCH:
        return new / watched.total_seconds()
    return None if fallback is None else fallback / 3600


def probably_missed(rate: float | None, between: timedelta, brought: int) -> float:
    """How many entries were probably missed between two documents without anything in common.

    What its rate lets expect of the time between them, without what the second one brought.
    """
    return max(0.0, (rate or 0.0) * between.total_seconds() - brought)
