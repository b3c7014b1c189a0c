"""Which stored article tells of the same event as a new one, found by look-ups alone.

Every article leaves its keys (the words of title and lead, `#` its numbers, `@` the places and `&` the actors that it names) in
`event_keys`, in the order of time. A new one looks its own keys up among those of the 72 hours around it; the rarer a key is
in that window, the more it says. Between languages only names and numbers are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log, sqrt
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.orm import Session

from storage.models import ARTICLES, EVENT_KEYS, STORIES
from storage.postings import newest_postings, post

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
    .where(ARTICLES.c.id.in_(bindparam("ids", expanding=True)))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """What an article is found by. `at` is its plausible time."""

    article_id: int
    sort_key: int
    at: datetime
    language: str | None
    publisher: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An article that tells of the same event, its story, and how much of what both say is the same, 0 to 1."""

    article_id: int
    story_id: int
    score: float


def index(session: Session, one: Event, *, new: bool) -> None:
    """Write an article's keys, instead of those that it had."""
    if not new:
        session.execute(delete(EVENT_KEYS).where(EVENT_KEYS.c.article_id == one.article_id))
    if one.keys:
        values = {"sort_key": one.sort_key, "article_id": one.article_id}
        post(session, "event_keys", one.keys | {EVERY}, values)


def find(session: Session, one: Event) -> Candidate | None:
    """The article that most surely tells of this event; None when none does surely enough.

    Its story must have begun within 72 hours of this article: what follows later is another event.
    """
    if not one.keys:
        return None
    span = int(EVENT_WINDOW / timedelta(minutes=1)) << 32
    newest = newest_postings(
        session, "event_keys", one.keys | {EVERY}, low=one.sort_key - span, high=one.sort_key + span, most=_PER_KEY
    )
    others = {key: [number for number in found if number & _ID != one.article_id] for key, found in newest.items()}
    weights = _weights(one.keys, others, span)
    points: dict[int, float] = defaultdict(float)
    for key in one.keys & others.keys():
        for number in others[key]:
            points[number & _ID] += weights[key]
    least = LEAST_POINTS * sum(weights.values())
    likely = [article_id for article_id, found in points.items() if found >= least]
    best = sorted(likely, key=lambda article_id: (-points[article_id], article_id))[:_COMPARED]
    if not best:
        return None
    return _surest(one, weights, session.execute(_STORED, {"ids": best}).all())


def _weights(keys: Collection[str], others: Mapping[str, Collection[int]], span: int) -> dict[str, float]:
    """How much each key says: the logarithm of how many articles of the window there are to one that has it. How many have a
    key of which not all were read is told by how far back its newest reach."""
    numbers = {key: _estimate(found, span) for key, found in others.items()}
    everything = max(numbers.values(), default=0.0)
    return {key: log((everything + _SMALL) / (numbers.get(key, 0.0) + 1)) for key in keys}


def _estimate(found: Collection[int], span: int) -> float:
    if len(found) < _PER_KEY - 1:
        return len(found)
    reach = max(max(found) - min(found), 1 << 32)
    return len(found) * max(span / reach, 1.0)


def _surest(one: Event, weights: Mapping[str, float], rows: Sequence[Any]) -> Candidate | None:
    found = []
    for row in rows:
        if row.first_at is None or abs(one.at - row.first_at) > EVENT_WINDOW:
            continue
        same_language = row.language == one.language
        theirs = set((row.theirs or "").split("\n")) - {EVERY}
        score = likeness(one.keys, theirs, weights, same_language=same_language)
        least = SAME_PUBLISHER if row.publisher == one.publisher else SAME_LANGUAGE if same_language else OTHER_LANGUAGE
        if score >= least:
            found.append(Candidate(row.id, row.story_id, score))
    return max(found, key=lambda candidate: (candidate.score, -candidate.article_id), default=None)


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
