"""What is remembered of a feed's days, and what it lets us expect: the estimate behind `crawler.polling`. PURE.

Two memories. The slow one counts, for each eight hours' third of the UTC day, how many entries came while we watched: its
share of the day is the feed's shape, its mean the feed's usual rate. The fast one counts against that shape, so that a
quiet night says nothing of a feed that sleeps at night, and a burst is seen at the next poll.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

HOUR = timedelta(hours=1)

SLOTS = 8  # of three hours: a poll every few hours cannot tell single hours apart
SLOT_HOURS = 24 / SLOTS
SLOW_HOURS = 10 * 24.0  # the shape of the day is learnt over a week and a half: two weekends never rule alone
FAST_HOURS = 12.0  # of ordinary time, within which the level follows: news has days
SHAPE_PRIOR = 6.0  # hours of a flat day that every slot begins with: two visits make a night, one does not
LEVEL_PRIOR = 3.0  # hours for which the usual rate weighs against what the fast memory saw
CLAIM_HOURS = 24.0  # what the entries' own dates claim counts as a day of watching
LONGEST_WATCH = 14 * 24.0  # a pause longer than this (the watch was off, the clock jumped) says no more than this
SHORTEST_WATCH = 1 / 60
SHRINKS = 0.7  # of a document's size at once: some list a day's news, and the first of a morning is no document of one
PEAK_HOURS = 120 * 24.0  # how long a burst is remembered: some feeds sleep for weeks
BURST_HOURS = 3.0  # what comes within this is one event, and no rate to go on at


class Rhythm(Struct, frozen=True):
    """Decayed counts: `news` and `hours` per slot of the day (slow), `level_new` and `level_hours` (fast).

    `news` counts what a document did not list before, `level_new` what the ledger had not seen. `size` is the usual number of
    entries in a whole document, `until` the end of what was watched, `peak` the fastest in entries an hour that the
    document rolled, slowly forgotten.
    """

    until: datetime | None = None
    size: int = 0
    news: tuple[float, ...] = (0.0,) * SLOTS
    hours: tuple[float, ...] = (0.0,) * SLOTS
    level_new: float = 0.0
    level_hours: float = 0.0
    peak: float = 0.0

    @property
    def usual(self) -> float:
        """Entries an hour over the last days."""
        return sum(self.news) / hours if (hours := sum(self.hours)) else 0.0

    @property
    def level(self) -> float:
        """Entries an hour now, the time of day taken out: what came lately, held against what is usual."""
        return (self.level_new + LEVEL_PRIOR * self.usual) / (self.level_hours + LEVEL_PRIOR)

    @property
    def shape(self) -> tuple[float, ...]:
        """How much of the mean each slot of the day brings; 1 everywhere while nothing is known. Its mean is 1."""
        usual = self.usual
        if not usual:
            return (1.0,) * SLOTS
        rates = [
            (new + SHAPE_PRIOR * usual) / (hours + SHAPE_PRIOR)
            for new, hours in zip(self.news, self.hours, strict=True)
        ]
        mean = sum(rates) / SLOTS
        return tuple(rate / mean for rate in rates)


def begin(at: datetime, *, rate: float, hours: float, size: int, peak: float = 0.0) -> Rhythm:
    """A feed that was seen once: `rate` entries an hour, which counts as `hours` of watching."""
    return Rhythm(
        until=at,
        size=size,
        news=(rate * hours / SLOTS,) * SLOTS,
        hours=(hours / SLOTS,) * SLOTS,
        level_new=rate * min(hours, LEVEL_PRIOR),
        level_hours=min(hours, LEVEL_PRIOR),
        peak=peak,
    )


def watched(
    rhythm: Rhythm,
    at: datetime,
    *,
    new: int,
    rolled: int,
    size: int | None = None,
    hours: float | None = None,
    burst: float | None = None,
) -> Rhythm:
    """The rhythm after a poll that found `new` entries and `rolled` that the document before did not list.

    They are spread over the time since the last poll as the shape says they come. `hours` is given when the time in which
    they came is known to be shorter, `burst` when they claim to have come within that many; a `size` of None is that of the
    document before.
    """
    since = (at - rhythm.until) / HOUR if rhythm.until else SHORTEST_WATCH
    since = min(max(since if hours is None else min(hours, since), SHORTEST_WATCH), LONGEST_WATCH)
    shape = rhythm.shape
    spent = _spent(at - since * HOUR, since)
    ordinary = sum(share * hours for share, hours in zip(shape, spent, strict=True))
    span = since if burst is None else min(burst, since)
    slow, fast = math.exp(-since / SLOW_HOURS), math.exp(-ordinary / FAST_HOURS)
    return replace(
        rhythm,
        until=at,
        size=rhythm.size if size is None else max(size, round(rhythm.size * SHRINKS)),
        news=tuple(
            old * slow + rolled * share * hours / ordinary
            for old, share, hours in zip(rhythm.news, shape, spent, strict=True)
        ),
        hours=tuple(old * slow + hours for old, hours in zip(rhythm.hours, spent, strict=True)),
        level_new=rhythm.level_new * fast + new,
        level_hours=rhythm.level_hours * fast + ordinary,
        peak=max(rhythm.peak * math.exp(-since / PEAK_HOURS), peak_of(rolled, span)),
    )


def peak_of(entries: int, hours: float) -> float:
    """The entries an hour of a burst: one that is shorter than BURST_HOURS counts as that long, and an hour more."""
    return entries / (max(hours, BURST_HOURS) + 1)


def until_expected(
    rhythm: Rhythm, at: datetime, entries: float, rate: float, *, most: timedelta, careful: bool = False
) -> timedelta:
    """How long until `entries` more are to be expected of a feed that brings `rate` an hour on its mean hour.

    When `careful`, an hour brings what the next slot of the day may begin with: mornings come suddenly.
    """
    missing, passed = entries, 0.0
    limit = most / HOUR
    if rate * limit * SLOTS < entries:  # no slot has a greater share: most feeds are as quiet as that
        return most
    shape = rhythm.shape
    if careful:
        shape = tuple(max(share, shape[(slot + 1) % SLOTS]) for slot, share in enumerate(shape))
    for slot, hours in _slots(at, limit):
        per_hour = rate * shape[slot]
        brings = per_hour * hours
        if per_hour > 0 and brings >= missing:
            return (passed + missing / per_hour) * HOUR
        missing -= brings
        passed += hours
    return most


def _spent(start: datetime, hours: float) -> list[float]:
    spent = [0.0] * SLOTS
    for slot, part in _slots(start, hours):
        spent[slot] += part
    return spent


def _slots(start: datetime, hours: float) -> Iterator[tuple[int, float]]:
    """The slots of the day from a moment on, with the hours spent in each, until `hours` are over."""
    clock = start.hour + start.minute / 60 + start.second / 3600
    slot, left = int(clock // SLOT_HOURS), SLOT_HOURS - clock % SLOT_HOURS
    while hours > 0:
        part = min(left, hours)
        yield slot % SLOTS, part
        hours -= part
        slot, left = slot + 1, SLOT_HOURS


def to_json(rhythm: Rhythm) -> dict[str, Any]:
    """The rhythm as storage keeps it, to four digits: about 300 bytes."""
    return {
        "until": rhythm.until.isoformat() if rhythm.until else None,
        "size": rhythm.size,
        "news": [_short(value) for value in rhythm.news],
        "hours": [_short(value) for value in rhythm.hours],
        "level": [_short(rhythm.level_new), _short(rhythm.level_hours)],
        "peak": _short(rhythm.peak),
    }


def from_json(value: Mapping[str, Any] | None) -> Rhythm | None:
    """The rhythm that was kept; None where there is none, or none that this version understands."""
    try:
        if not value or len(value["news"]) != SLOTS or len(value["hours"]) != SLOTS:
            return None
        level_new, level_hours = value["level"]
        lists = [*value["news"], *value["hours"], level_new, level_hours, value["peak"]]
        numbers = [float(number) for number in lists]
        until = datetime.fromisoformat(value["until"]).astimezone(UTC) if value["until"] else None
        size = int(value["size"])
    except (KeyError, TypeError, ValueError):
        return None
    if not math.isfinite(sum(numbers)) or min(numbers) < 0:
        return None
    return Rhythm(until, size, tuple(numbers[:SLOTS]), tuple(numbers[SLOTS : 2 * SLOTS]), *numbers[2 * SLOTS :])


def _short(value: float) -> float:
    return float(f"{value:.4g}")
