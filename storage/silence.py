"""Pauses, silences and rates of feeds, from the times at which polls brought something new. PURE: a part of coverage.py.

A feed's own rhythm is the measure, never a fixed number of hours: a ministry writes once a week, a wire every minute. Times are
moments, microseconds since 1970: a month has a hundred thousand of them, and numbers are quicker than times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import sub

SECOND = 1_000_000
DAY = 86_400 * SECOND
SILENT = 3  # times its own usual pause: what issue and documentation call a silence
DAYS_OFF = 1.5  # times its longest pause of an ordinary day: every night is longer than three daytime pauses
FEWEST_PAUSES = 5  # of fewer there is no "usual"
FEWEST_DAYS = 3  # of fewer there is no "ordinary day"
SHORTEST_WATCH = DAY // 2  # a rate from less would be that of one morning
STANDSTILL = timedelta(hours=2)  # a watch that polls nothing for longer, although something is due, stood still
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE = timedelta(microseconds=1)

Pause = tuple[int, int | None]  # from one moment to another; None: it goes on


def moment(at: datetime) -> int:
    """A time as a moment: microseconds since 1970."""
    return (at - EPOCH) // _ONE


def time_of(moment: int) -> datetime:
    """A moment as a time, in UTC."""
    return EPOCH + moment * _ONE


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another; `until` is None for what goes on."""

    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a feed brings something new, what one poll brought as one moment: microseconds all, `news` in the order of time.

    `usual` is the median of its `pauses`, None while there are too few to tell; `patience` is how long nothing new may come before it is
    a silence, None while `usual` is.
    """

    news: Sequence[int]
    pauses: Sequence[int]
    usual: int | None
    patience: int | None


def rhythm(news: Sequence[int]) -> Rhythm:
    """The rhythm of a feed that brought something new at these moments, in the order of time.

    Its patience is three times the usual pause, but at least half as long again as the longest pause of an ordinary day: or every
    newspaper would be silent every night.
    """
    pauses = list(map(sub, news[1:], news))
    if len(pauses) < FEWEST_PAUSES:
        return Rhythm(news, pauses, None, None)
    usual = _median(sorted(pauses))
    return Rhythm(news, pauses, usual, max(SILENT * usual, round(DAYS_OFF * _longest_ordinary(news, pauses))))


def _longest_ordinary(news: Sequence[int], pauses: Sequence[int]) -> int:
    """The median of each day's longest pause, the night mostly; 0 while there are too few days."""
    daily: list[int] = []
    longest = end = 0  # of the day on which the pause begins, to which it belongs
    for at, pause in zip(news, pauses, strict=False):
        if at >= end:
            longest = pause
            daily.append(pause)
            end = at - at % DAY + DAY
        elif pause > longest:
            daily[-1] = longest = pause
    return _median(sorted(daily)) if len(daily) >= FEWEST_DAYS else 0


def _median(ordered: Sequence[int]) -> int:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else round((ordered[middle - 1] + ordered[middle]) / 2)


def long_pauses(known: Rhythm, end: int) -> list[Pause]:
    """The pauses that the rhythm does not explain, the one that goes on at `end`, when the feed last answered, among them."""
    if known.patience is None:
        return []
    most, news = known.patience, known.news
    long = [at for at, pause in enumerate(known.pauses) if pause > most] if max(known.pauses) > most else []
    found: list[Pause] = [(news[at], news[at + 1]) for at in long]
    if end - news[-1] > most:
        found.append((news[-1], None))
    return found


def rate_per_second(new: int, watched: int, fallback: float | None) -> float | None:
    """New entries a second while the feed was watched, for so many microseconds; `fallback` is its moving average per hour."""
    if watched >= SHORTEST_WATCH:
        return new / (watched / SECOND)
    return None if fallback is None else fallback / 3600


def probably_missed(rate: float | None, between: int, brought: int) -> float:
    """How many entries were probably missed between two documents without anything in common, so many microseconds apart.

    What its rate lets expect of the time between them, without what the second one brought.
    """
    return max(0.0, (rate or 0.0) * (between / SECOND) - brought)
