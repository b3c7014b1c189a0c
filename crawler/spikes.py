"""When a day stands out: the one rule of the timeline, of alerts and of the digest. PURE.

docs/decisions/0070-the-desk.md says why it is as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta

BASELINE = 28  # days before, whose mean a day is held against
FEWEST = 5  # matches: of fewer no day is a spike
_DAYS = tuple(timedelta(days=number) for number in range(1, BASELINE + 1))
SPIKE = 3.0  # standard deviations of a Poisson count with that mean


def usual(counts: Mapping[date, int], day: date, began: date) -> float | None:
    """The mean of the 28 days before, if the day stands out against it and half of them are on record; else None."""
    matches = counts.get(day, 0)
    if matches < FEWEST:
        return None
    middle = mean_before(counts, day, began)
    return middle if middle is not None and matches > bound(middle) else None


def mean_before(counts: Mapping[date, int], day: date, began: date) -> float | None:
    """The mean of the 28 days before; None while not half of them are on record, which `began` tells."""
    known = min(BASELINE, (day - began).days)
    # asked for each day of a year: statistics.mean takes ten times as long
    return sum(counts.get(day - one, 0) for one in _DAYS[:known]) / known if known >= BASELINE // 2 else None


def bound(usually: float) -> float:
    """What a day must exceed to stand out against this mean."""
    return usually + SPIKE * math.sqrt(max(usually, 1))


def is_quiet(usually: float, matches: int) -> bool:
    """Whether a day stands out by how little it brought: as far below its mean, or nothing where five were usual (1 day in 150)."""
    return matches < usually - SPIKE * math.sqrt(max(usually, 1)) or (matches == 0 and usually >= FEWEST)
