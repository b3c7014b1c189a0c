"""How far the times that feeds and pages claim can be believed. PURE: no clock; time is an argument.

A claim is never rewritten: it gets flags, and a confidence by what is wrong with it. The numbers are an order, not
probabilities: docs/columns.md has the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

AHEAD = timedelta(
    minutes=15
)  # a claim this much later than the moment it was read is in the future; clocks differ by less
ANCIENT = datetime(1990, 1, 1, tzinfo=UTC)  # no news site is older; storage.articles goes by the same day
APART = timedelta(days=1)  # claims of one clock that differ by more contradict each other
TOGETHER = timedelta(minutes=10)  # and by less confirm each other

CONFIRMED, FEED, PAGE = 0.95, 0.9, 0.8  # a page's date may be one that stands in its text
NO_ZONE, NO_TIME, DISPUTED, FUTURE, PAST, NONE = 0.6, 0.5, 0.4, 0.2, 0.1, 0.0

_TIME = re.compile(r"\d[:h]\d{2}|[\sT,]\d{1,2}\.\d{2}(?![.\d])|\dT\d{4,6}(?!\d)")
_EPOCH = re.compile(r"\s*-?\d{9,13}(?:\.\d+)?\s*")
_ZONE = re.compile(
    r"\d\s*(?:[AP]\.?M\.?\s+)?(?:Z|[A-Z]{0,3}\s?[+-]\d{1,2}:?(?:\d{2})?|(?!AM\b|PM\b|UHR\b)\(?[A-Z]{2,5}\)?)\s*(?:\([^()]*\))?(?:\s+\d{4})?\s*$",
    re.IGNORECASE,
)


class Claim(Struct, frozen=True):
    """A time that a source claims. `clock` is published or updated, `source` feed or page."""

    clock: str
    source: str
    at: datetime | None
    raw: str
    confidence: float
    flags: tuple[str, ...]


def claim(clock: str, source: str, at: datetime | None, raw: str | None, *, read_at: datetime) -> Claim | None:
    """A claim as it was read then; None where nothing is claimed."""
    if at is None and not raw:
        return None
    if at is None:
        return Claim(clock, source, None, raw or "", NONE, ("unreadable",))
    flags, confidence = [], FEED if source == "feed" else PAGE
    if raw and not has_time(raw):
        flags, confidence = ["no-time"], NO_TIME
    elif raw and not has_zone(raw):
        flags, confidence = ["no-zone"], NO_ZONE
    if at > read_at + AHEAD:
        flags, confidence = [*flags, "future"], min(confidence, FUTURE)
    if at < ANCIENT:
        flags, confidence = [*flags, "ancient"], min(confidence, PAST)
    return Claim(clock, source, at, raw or "", confidence, tuple(flags))


def weighed(claims: Iterable[Claim | None]) -> tuple[Claim, ...]:
    """The claims, held against each other: those of one clock that agree confirm each other, those that do not are disputed."""
    made = [one for one in claims if one is not None]
    return tuple(_weighed(one, [two for two in made if two is not one and two.clock == one.clock]) for one in made)


def _weighed(one: Claim, others: Sequence[Claim]) -> Claim:
    times = [other.at for other in others if other.at is not None]
    if one.at is None or not times:
        return one
    apart = max(abs(one.at - other) for other in times)
    if apart > APART and one.clock == "published":  # an update may well be told by one before the other
        flags = (*one.flags, "disputed")
        return replace(one, flags=flags, confidence=min(one.confidence, DISPUTED))
    return replace(one, confidence=CONFIRMED) if apart <= TOGETHER and not one.flags else one


def has_time(raw: str) -> bool:
    """Whether a date as written names a time of day."""
    return bool(_EPOCH.fullmatch(raw) or _TIME.search(raw))


def has_zone(raw: str) -> bool:
    """Whether a date as written names its zone: an offset, a name, or none because it counts seconds."""
    return bool(_EPOCH.fullmatch(raw) or (has_time(raw) and _ZONE.search(raw)))
