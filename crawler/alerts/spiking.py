"""Why a day stands out: how much above its usual, which publishers, which words are new in the headlines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.orm import Session

from crawler.spikes import BASELINE, bound
from storage.counts import per_publisher
from storage.overviews import TopicDay
from storage.search import Filters
from storage.text import fold
from storage.titles import titles

PUBLISHERS, TERMS = 5, 8  # named
HEADLINES = 20_000  # of the days before, the newest, that words are looked for in
FEWEST = 3  # headlines of the day that must have a word
TIMES = 4.0  # so much more often than before
SHORTEST = 3  # letters


@dataclass(frozen=True, slots=True)
class Source:
    """A publisher on that day, with its mean of the days before."""

    name: str
    matches: int
    usually: float


@dataclass(frozen=True, slots=True)
class Spike:
    """A day of a topic above its usual, with what explains it. `own` are matches that are no copies."""

    topic: str
    day: date
    matches: int
    own: int
    usually: float
    bound: float
    publishers: tuple[Source, ...]
    terms: tuple[tuple[str, int], ...]


def explained(session: Session, one: TopicDay, *, usually: float) -> Spike:
    """The reasons of a day that stands out."""
    day = date.fromisoformat(one.day)
    before, yesterday = day - timedelta(days=BASELINE), day - timedelta(days=1)
    today = Filters(topic=one.topic, since=day, until=day, limit=None)
    past = Filters(topic=one.topic, since=before, until=yesterday, limit=HEADLINES)
    counted = {count.name: count.matches for count in per_publisher(session, today)}
    earlier = {
        count.name: count.matches
        for count in per_publisher(session, Filters(topic=one.topic, since=before, until=yesterday, limit=None))
    }
    terms = new_terms(titles(session, today), titles(session, past))
    return Spike(
        one.topic, day, one.matches, one.own, usually, bound(usually), _sources(counted, earlier), tuple(terms)
    )


def _sources(counted: Mapping[str, int], earlier: Mapping[str, int]) -> tuple[Source, ...]:
    """Those that brought most above their usual, first."""
    found = [Source(name, number, earlier.get(name, 0) / BASELINE) for name, number in counted.items()]
    return tuple(sorted(found, key=lambda one: (one.usually - one.matches, one.name))[:PUBLISHERS])


def new_terms(today: Sequence[str], before: Sequence[str]) -> list[tuple[str, int]]:
    """The words that stand in today's headlines far more often than in those before, with in how many; PURE.

    A word counts once a headline. Words that follow every headline of a publisher stood there before, too.
    """
    now, shown = _frequencies(today)
    then, _ = _frequencies(before)
    found = []
    for word, number in now.items():
        share, earlier = number / len(today), (then[word] + 0.5) / (len(before) + 1)
        if number >= FEWEST and share >= TIMES * earlier:
            found.append((number * (share / earlier) ** 0.5, shown[word], number))
    found.sort(key=lambda one: (-one[0], one[1]))
    return [(word, number) for _, word, number in found[:TERMS]]


def _frequencies(headlines: Iterable[str]) -> tuple[Counter[str], dict[str, str]]:
    """In how many headlines each folded word stands, and how it was written first."""
    counts, shown = Counter[str](), dict[str, str]()
    for headline in headlines:
        words: dict[str, str] = {}
        for written in headline.split():
            for word in fold(written).split():
                if len(word) >= SHORTEST and not word.isdigit():
                    words.setdefault(word, written.strip(".,:;!?()[]{}\"'«»“”‘’…-–—"))
        counts.update(words.keys())
        for word, written in words.items():
            # "Deir-ez-Zor" is three folded words: then each stands for itself
            shown.setdefault(word, written if fold(written) == word else word)
    return counts, shown
