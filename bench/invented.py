"""Invented news in three scripts: stories with their copies, in the order in which a watch would see them. PURE, decided by the seed.

Words are made of syllables and fall in frequency as those of a language do (Zipf); places and actors are the judge's own. What a
text says is nothing; how long it is, how its words repeat and who copies whom are what a full store has.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from crawler.classify.gazetteer import Gazetteer
from storage.text import fold

NOW = datetime(2026, 11, 24, tzinfo=UTC)
PUBLISHERS, DAYS, WORDS_EACH, PARAGRAPH = 300, 3_650, 600, 50
FEWEST, MOST = 5, 20  # articles of a story
NATURAL = 12_000  # words of a script
SCRIPTS = {
    "latin": ((["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "st", "br", "kr"], ["a", "e", "i", "o", "u", "ei"]), ("en", "en", "en", "en", "tr", "fr", "de")),
    "arabic": ((["ب", "ت", "ج", "د", "ر", "س", "ش", "ع", "ف", "ق", "ك", "ل", "م", "ن"], ["ا", "و", "ي"]), ("ar",)),
    "cyrillic": ((["б", "в", "г", "д", "з", "к", "л", "м", "н", "п", "р", "с", "т"], ["а", "е", "и", "о", "у"]), ("ru",)),
}  # fmt: skip
SHARE = {"latin": 65, "arabic": 25, "cyrillic": 10}
COUNTRIES = ("GB", "US", "SY", "TR", "FR", "IQ", "DE", "JO", "LB", "RU")


@dataclass(frozen=True, slots=True)
class Publisher:
    """A publisher with its one feed; `id` counts from 1."""

    id: int
    name: str
    language: str
    country: str
    script: str


@dataclass(frozen=True, slots=True)
class Named:
    """A place or an actor in a paragraph."""

    kind: str
    name: str
    area: str
    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Words as they are read and as they are searched, and what they name."""

    text: str
    folded: str
    named: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """An article: its part in its story, when it was seen, and what it says. `first` says that it begins its story."""

    story: int
    first: bool
    publisher: Publisher
    seen_at: datetime
    role: str
    topics: tuple[str, ...]
    title: Paragraph
    body: tuple[Paragraph, ...]


@dataclass(slots=True)
class Vocabulary:
    """The words of a script, the most frequent first."""

    words: list[str]
    folded: dict[str, str]
    sums: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, script: str, rng: random.Random) -> Vocabulary:
        """Words of one to four syllables, none twice."""
        (heads, tails), _ = SCRIPTS[script]
        made: dict[str, None] = {}
        while len(made) < NATURAL:
            long = min(4, 1 + len(made) // 40)  # frequent words are short
            made["".join(rng.choice(heads) + rng.choice(tails) for _ in range(rng.randint((long + 1) // 2, long)))] = (
                None
            )
        words = list(made)
        sums = list(accumulate(1 / (rank + 2) for rank in range(NATURAL)))
        return cls(words, {word: fold(word) for word in words}, sums)


@dataclass(frozen=True, slots=True)
class _Name:
    kind: str
    id: str
    area: str
    text: str
    folded: str


class Newsroom:
    """Everything that articles are made of."""

    def __init__(self, seed: int, words: int = WORDS_EACH) -> None:
        """Make the words, the names and the publishers; of how many words an article is."""
        self._rng = random.Random(seed)
        self._paragraphs = max(2, words // PARAGRAPH)  # an editor changes one, the other tells whose copy it is
        self._long = words // self._paragraphs
        self._words = {script: Vocabulary.of(script, self._rng) for script in SCRIPTS}
        self._names = _names(self._rng)
        self._sums = list(accumulate(1 / (rank + 2) for rank in range(len(self._names))))
        scripts = self._rng.choices(list(SHARE), list(SHARE.values()), k=PUBLISHERS)
        self.publishers = [
            Publisher(n, f"Outlet {n}", self._rng.choice(SCRIPTS[script][1]), self._rng.choice(COUNTRIES), script)
            for n, script in enumerate(scripts, 1)
        ]

    def pieces(self, number: int) -> Iterator[Piece]:
        """So many articles, in the order in which they were seen: five to twenty of a story, within two days of its beginning."""
        waiting: list[tuple[datetime, int, int, list[Paragraph]]] = []
        told = story = 0
        while told < number:
            known = told + len(waiting)
            start = NOW - timedelta(days=2) - (timedelta(days=DAYS) * max(0.0, 1 - known / number))
            while waiting and (waiting[0][0] <= start or known >= number) and told < number:
                at, order, of, paragraphs = heapq.heappop(waiting)
                yield self._piece(of, order, at, paragraphs)
                told += 1
            if known < number:
                story += 1
                self._begin(waiting, story, start)

    def _begin(self, waiting: list[tuple[datetime, int, int, list[Paragraph]]], story: int, start: datetime) -> None:
        script = self._rng.choices(list(SHARE), list(SHARE.values()))[0]
        paragraphs = [self._paragraph(script, self._long) for _ in range(self._paragraphs)]
        paragraphs.insert(0, self._paragraph(script, 9, names=1))
        for part in range(self._rng.randint(FEWEST, MOST)):
            at = start + timedelta(seconds=part and self._rng.randint(600, 170_000))
            heapq.heappush(waiting, (at, story * 32 + part, story, paragraphs))

    def _piece(self, story: int, order: int, at: datetime, paragraphs: list[Paragraph]) -> Piece:
        own = random.Random(order)  # the same whatever else is asked for
        part, script = order % 32, _script(paragraphs)
        sums = self._of_script(script)
        publisher = own.choices([one for one, _ in sums], cum_weights=[total for _, total in sums])[0]
        title, *body = paragraphs
        role = "original" if part == 0 else own.choices(("copy", "related"), (7, 3))[0]
        if role != "original":  # an editor's hand: a paragraph of his own instead of one
            body[own.randrange(1, len(body))] = self._paragraph(script, self._long)
        topics = random.Random(story).choices((("syria",), ("isis",), ("isis", "syria")), (80, 10, 10))[0]
        return Piece(story, part == 0, publisher, at, role, topics, title, tuple(body))

    def _of_script(self, script: str) -> list[tuple[Publisher, float]]:
        found = [one for one in self.publishers if one.script == script]
        return list(zip(found, accumulate(1 / (rank + 3) for rank in range(len(found))), strict=True))

    def _paragraph(self, script: str, length: int, names: int | None = None) -> Paragraph:
        words = self._words[script]
        drawn = self._rng.choices(words.words, cum_weights=words.sums, k=length)
        number = self._rng.choices((0, 1, 2), (5, 3, 2))[0] if names is None else names
        spoken: list[str | _Name] = [*drawn]
        for name in self._rng.choices(self._names, cum_weights=self._sums, k=number):
            spoken[self._rng.randrange(length)] = name
        text, folded, named, at = [], [], [], 0
        for one in spoken:
            if isinstance(one, _Name):
                named.append(Named(one.kind, one.id, one.area, at, one.text))
                text.append(one.text)
                folded.append(one.folded)
            else:
                text.append(one)
                folded.append(words.folded[one])
            at += len(text[-1]) + 1
        return Paragraph(" ".join(text), " ".join(folded), tuple(named))


def _script(paragraphs: list[Paragraph]) -> str:
    for letter in paragraphs[1].text:
        if letter.isalpha() and not letter.isascii():
            return "arabic" if "\u0600" <= letter <= "\u06ff" else "cyrillic"
    return "latin"


def _names(rng: random.Random) -> list[_Name]:
    """The judge's places and actors, in an order that is drawn, but Syria and ISIS first."""
    gazetteer = Gazetteer.load()
    found = [("place", name) for name in sorted(gazetteer.places)] + [
        ("actor", name) for name in sorted(gazetteer.actors)
    ]
    rng.shuffle(found)
    found.sort(key=lambda one: one[1] not in ("syria", "islamic-state", "damascus", "aleppo"))
    texts = [(kind, name, name.replace("-", " ").title()) for kind, name in found]
    return [_Name(kind, name, gazetteer.area(name), text, fold(text)) for kind, name, text in texts]
