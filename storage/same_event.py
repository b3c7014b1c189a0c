"""Which stored article tells of the same event as a new one, found by look-ups alone.

Every article leaves its keys (the words of title and lead, `#` its numbers, `@` the places and `&` the actors that it names) in
`event_keys`, in the order of time. A new one looks its own keys up among those of the 72 hours around it; the rarer a key is
in that window, the more it says. Between languages only names and numbers are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from math import log, sqrt
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.among import among
from storage.models import ARTICLES, EVENT_KEYS, STORIES
from storage.postings import Ask, newest

EVENT_WINDOW = timedelta(hours=72)
KEPT = timedelta(days=7)  # keys of what was seen earlier are forgotten: a backlog or a backfill is through by then
EVERY = "*"  # the key that every article has: how many there are in the window
# Measured on read pairs: docs/measured.md, bench/similar.py.
SAME_LANGUAGE, SHARED_KEYS = 0.38, 4
OTHER_LANGUAGE, SHARED_NAMES = 0.6, 2
TELLING = 1.3  # what shared names and numbers must say together, where 1 is what a key that nobody else has would say
# One publisher's pieces are alike in form, and it seldom tells of one event twice: what was wrongly joined at less was all of one.
SAME_PUBLISHER = 0.6
LEAST_POINTS = 0.1  # of what all keys of an article say: what shares less of them is not compared
_NAMES, _PLACES = ("@", "&"), "@"
_PER_KEY = 24
_SMALL = 30  # articles that a small window is taken to have besides, lest whatever two share there be common
_COMPARED = 6
_ID = (1 << 32) - 1  # of a sort key
# made once: building such a statement takes SQLAlchemy as long as sending it
_KEYS = select(func.aggregate_strings(EVENT_KEYS.c.key, "\n")).where(EVENT_KEYS.c.article_id == ARTICLES.c.id)
_STORED = (
    select(
        ARTICLES.c.id, ARTICLES.c.language, ARTICLES.c.publisher, ARTICLES.c.story_id, STORIES.c.first_at,
        _KEYS.correlate(ARTICLES).scalar_subquery().label("theirs"),
    )
    .join(STORIES, STORIES.c.id == ARTICLES.c.story_id)
    .where(among(ARTICLES.c.id, "ids"))
)  # fmt: skip


class Event(Struct, frozen=True):
    """What an article is found by. `at` is its plausible time."""

    article_id: int
    sort_key: int
    at: datetime
    language: str | None
    publisher: str
    keys: frozenset[str]


class Telling(Struct, frozen=True):
    """An article with those around it that may tell of the same event, and how much each of its keys says."""

    event: Event
    weights: Mapping[str, float]
    likely: Sequence[Other]


class Other(NamedTuple):
    """An article that may tell of the same event; its story, and when that began, are known of one that is stored."""

    article_id: int
    language: str | None
    publisher: str
    keys: Collection[str]
    story_id: int | None = None
    began: datetime | None = None


def postings(events: Sequence[Event]) -> list[tuple[str, int, int]]:
    """What articles are found by, as rows of `event_keys`."""
    return [(key, one.sort_key, one.article_id) for one in events if one.keys for key in one.keys | {EVERY}]


def look_up(
    session: Session, events: Sequence[Event], *, asking: Collection[int], again: bool = False
) -> dict[int, Telling]:
    """Of articles that come together, in their order: for those with the ids `asking` what may tell of the same event, among those that
    are stored and those before it. By id; of one without keys nothing is told. `again`: they may be stored themselves."""
    span = int(EVENT_WINDOW / timedelta(minutes=1)) << 32
    asks = [
        Ask(one.keys | {EVERY}, one.sort_key - span, one.sort_key + span)
        if one.keys and one.article_id in asking
        else Ask((), 0, 0)
        for one in events
    ]
    together: dict[str, list[int]] = defaultdict(list)  # by key: sort keys of those of before in this call
    best: dict[int, tuple[Event, dict[str, float], list[int]]] = {}
    for one, ask, stored in zip(events, asks, newest(session, "event_keys", asks, most=_PER_KEY), strict=True):
        if ask.keys:
            around = _around(ask, stored, together)
            if again:
                around = {
                    key: [each for each in numbers if each & _ID != one.article_id] for key, numbers in around.items()
                }
            best[one.article_id] = one, *_best(one, around, span)
        if one.keys:
            for key in one.keys | {EVERY}:
                together[key].append(one.sort_key)
    others = _others(session, events, {number for _, _, ids in best.values() for number in ids})
    return {
        article_id: Telling(one, weights, [others[number] for number in ids if number in others])
        for article_id, (one, weights, ids) in best.items()
    }


def _around(ask: Ask, stored: dict[str, list[int]], together: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """By key the newest sort keys around an article, those of before in this call among them."""
    for key in ask.keys & together.keys():
        if here := [number for number in together[key] if ask.low <= number <= ask.high]:
            stored[key] = sorted({*stored.get(key, ()), *here}, reverse=True)[:_PER_KEY]
    return stored


def _best(one: Event, others: Mapping[str, Sequence[int]], span: int) -> tuple[dict[str, float], list[int]]:
    """What each key says, and the articles that share most of it."""
    weights = _weights(one.keys, others, span)
    points: dict[int, float] = defaultdict(float)
    for key in one.keys & others.keys():
        weight = weights[key]
        for number in others[key]:
            points[number] += weight
    least = LEAST_POINTS * sum(weights.values())
    likely = sorted((-found, number & _ID) for number, found in points.items() if found >= least)
    return weights, [article_id for _, article_id in likely[:_COMPARED]]


def _others(session: Session, events: Sequence[Event], wanted: set[int]) -> dict[int, Other]:
    found = {
        one.article_id: Other(one.article_id, one.language, one.publisher, one.keys)
        for one in events
        if one.article_id in wanted
    }
    if asked := wanted - found.keys():
        for row in session.execute(_STORED, {"ids": list(asked)}):
            keys = set((row.theirs or "").split("\n")) - {EVERY}
            found[row.id] = Other(row.id, row.language, row.publisher, keys, row.story_id, row.first_at)
    return found


def surest(telling: Telling, began: Callable[[Other], datetime | None]) -> Other | None:
    """The article that most surely tells of this event; None when none does surely enough. `began` tells when an article's story begins.

    It must have begun within 72 hours of this article: what follows later is another event.
    """
    found = []
    for other in telling.likely:
        first = began(other)
        if first is None or abs(telling.event.at - first) > EVENT_WINDOW:
            continue
        one, same_language = telling.event, other.language == telling.event.language
        score = likeness(one.keys, other.keys, telling.weights, same_language=same_language)
        least = SAME_LANGUAGE if same_language else OTHER_LANGUAGE
        if score >= (SAME_PUBLISHER if other.publisher == one.publisher else least):
            found.append((score, other))
    return max(found, key=lambda item: (item[0], -item[1].article_id), default=(0.0, None))[1]


def _weights(keys: Collection[str], others: Mapping[str, Sequence[int]], span: int) -> dict[str, float]:
    """How much each key says: the logarithm of how many articles of the window there are to one that has it. How many have a
    key of which not all were read is told by how far back its newest reach."""
    numbers = {key: _estimate(found, span) for key, found in others.items()}
    everything = max(numbers.values(), default=0.0)
    return {key: log((everything + _SMALL) / (numbers.get(key, 0.0) + 1)) for key in keys}


def _estimate(found: Sequence[int], span: int) -> float:
    """How many there are in a window, of which these are the newest, newest first."""
    if len(found) < _PER_KEY - 1:
        return len(found)
    reach = max(found[0] - found[-1], 1 << 32)
    return len(found) * max(span / reach, 1.0)


def likeness(
    mine: Collection[str], theirs: Collection[str], weights: Mapping[str, float], *, same_language: bool
) -> float:
    """How much of what two articles say is the same (the cosine of their weighted keys), 0 to 1; 0 where too few keys agree, or
    no name. Two languages have only names, a place among them, and numbers in common."""
    if not same_language:
        mine, theirs = ({key for key in keys if key[0] in "@&#"} for keys in (mine, theirs))
    shared = set(mine) & set(theirs)
    names = {key for key in shared if key.startswith(_NAMES)}
    if not names or (same_language and len(shared) < SHARED_KEYS):
        return 0.0
    if not same_language:
        telling = sum(weights[key] for key in shared) / max(weights.values())
        if len(names) < SHARED_NAMES or telling < TELLING or not any(key.startswith(_PLACES) for key in names):
            return 0.0
    usual = sum(weights.values()) / len(weights)  # of a key that only they have
    whole = sum(weights[key] ** 2 for key in mine)
    others = sum(weights.get(key, usual) ** 2 for key in theirs)
    return sum(weights[key] ** 2 for key in shared) / sqrt(whole * others)
