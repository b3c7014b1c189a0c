"""An article to the places and actors that it names, each with its span. PURE but for reading the gazetteer once.

A name that others bear, too, is resolved only where the text says which is meant: by another name of the same one, by a place of
the same country, by an actor of its theatre. Else it is kept and marked, or dropped where another bearer is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

from crawler.classify.folding import Folded, fold
from crawler.classify.gazetteer import Gazetteer
from crawler.classify.languages import language_of
from crawler.classify.matching import FOREIGN, Matcher, Mention
from crawler.classify.names import BEARER, HINT, NAMES

MOST_CHARACTERS = 200_000  # of a text, as the judge reads it
SHORTEST_FOREIGN = 5  # characters: a shorter spelling of another language is some word of this one
_NEAREST = 1_000  # more support than any number of neighbours: the text names this very one in full


@dataclass(frozen=True, slots=True)
class Tag:
    """A name in an article: `id` is the gazetteer's, `field` title or text, `start` and `end` are code points of the field;
    `resolved` is false where the text does not tell which bearer of the name is meant."""

    kind: str
    id: str
    field: str
    start: int
    end: int
    text: str
    resolved: bool


@dataclass(frozen=True, slots=True)
class _Spot:
    """A mention in the original text, with those that it may mean."""

    field: str
    start: int
    end: int
    text: str
    ids: tuple[str, ...]
    doubt: int  # 0: it needs no help; 1: other names are spelt so; 2 and more: a plain word, or of another language
    foreign: bool
    elsewhere: bool  # what follows puts it elsewhere: Palmyra, New Jersey


class Tagger:
    """Finds places and actors. Safe to share between threads."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.gazetteer = gazetteer
        self._matcher = Matcher(gazetteer.forms)

    @classmethod
    def load(cls) -> Self:
        """The tagger of the shipped gazetteer. Raises LexiconError."""
        return cls(Gazetteer.load())

    def tag(self, title: str, text: str, language: str | None = None, day: date | None = None) -> tuple[Tag, ...]:
        """The places and actors that an article names, in its order, title first; they do not overlap, the longest wins.

        `day` (of publication) tells governments of one name apart; without it today's are meant. Of a text over 200,000
        characters the beginning is read.
        """
        fields = {"title": title[:MOST_CHARACTERS], "text": text[:MOST_CHARACTERS]}
        folded = {name: fold(value) for name, value in fields.items()}
        told = language_of(language, folded["title"].text, folded["text"].text)
        spots: list[_Spot] = []
        bearers: set[str] = set()
        hints: set[str] = set()
        for name, value in fields.items():
            for mention in self._matcher.find(folded[name], value, told).get(NAMES, ()):
                if mention.concept.id.startswith(BEARER):
                    for one in mention.concept.id.split("|"):
                        bearers |= self.gazetteer.bearers[one]
                elif mention.concept.id.startswith(HINT):
                    hints.add(mention.concept.id.removeprefix(HINT))
                elif (spot := self._spot(name, value, folded[name], mention, day)) is not None:
                    spots.append(spot)
        return self._resolved(spots, bearers, hints)

    def _spot(self, name: str, value: str, folded: Folded, mention: Mention, day: date | None) -> _Spot | None:
        start, end = folded.original(mention.start, mention.end)
        word = value[start:end]
        foreign = mention.weak - mention.concept.weak >= FOREIGN
        if foreign and len(word) < SHORTEST_FOREIGN:
            return None
        ids = tuple(mention.concept.id.split("|"))
        is_place = mention.concept.sense == "place"
        if is_place and word.islower() and word[0] != word[0].upper():
            return None  # in a script with capitals no place is written without one
        if len(ids) > 1 and not is_place:
            ids = tuple(one for one in ids if self.gazetteer.actors[one].acted(day)) or ids
        doubt = mention.weak if mention.weak or len(ids) == 1 else 1
        elsewhere = is_place and self.gazetteer.elsewhere.match(folded.text, mention.end) is not None
        return _Spot(name, start, end, word, ids, doubt, foreign, elsewhere)

    def _resolved(self, spots: Sequence[_Spot], bearers: set[str], hints: set[str]) -> tuple[Tag, ...]:
        elsewhere = {spot.text.casefold() for spot in spots if spot.elsewhere}
        bearers = bearers | {one for spot in spots if spot.elsewhere for one in spot.ids}
        spots = [
            replace(spot, doubt=max(spot.doubt, 1)) if spot.text.casefold() in elsewhere else spot
            for spot in spots
            if not spot.elsewhere
        ]
        sure = {spot.ids[0] for spot in spots if not spot.doubt}
        support = self._support(sure, hints) or self._mutual(spots, bearers)
        return tuple(tag for spot in spots if (tag := self._tag(spot, sure, support, bearers)) is not None)

    def _tag(self, spot: _Spot, sure: set[str], support: Mapping[str, int], bearers: set[str]) -> Tag | None:
        best, resolved = spot.ids[0], not spot.doubt
        if not resolved:
            ranked = sorted(((self._points(one, sure, support), one) for one in spot.ids), key=lambda item: -item[0])
            points, best = ranked[0]
            borne = best in bearers
            resolved = points > 0 and (len(ranked) == 1 or points > ranked[1][0]) and (not borne or points >= _NEAREST)
            if not points and (borne or spot.foreign):
                return None
        kind = self.gazetteer.kind_of(best)
        return Tag(kind, best, spot.field, spot.start, spot.end, spot.text, resolved)

    def _points(self, name: str, sure: set[str], support: Mapping[str, int]) -> int:
        """How much speaks for one of those that a name may mean."""
        points = (_NEAREST if name in sure else 0) + sum(support.get(country, 0) for country in self._countries(name))
        place = self.gazetteer.places.get(name)
        # Jordan is a country wherever another is named
        return points or (1 if place is not None and place.kind == "country" and support else 0)

    def _countries(self, name: str) -> tuple[str, ...]:
        if name in self.gazetteer.places:
            country = self.gazetteer.places[name].country
            return (country,) if country else ()
        return self.gazetteer.actors[name].countries

    def _support(self, sure: set[str], hints: set[str]) -> dict[str, int]:
        """By country, how many places in it and actors of its theatre are named beyond doubt, and whether its people are."""
        support = dict.fromkeys(hints, 1)
        for name in sure:
            for country in self._countries(name):
                support[country] = support.get(country, 0) + 1
        return support

    def _mutual(self, spots: Sequence[_Spot], bearers: set[str]) -> dict[str, int]:
        """Where nothing is beyond doubt, two different names of one country speak for each other, unless one is a plain word."""
        names = {spot.ids[0] for spot in spots if spot.doubt == 1 and len(spot.ids) == 1} - bearers
        return {country: number for country, number in self._support(names, set()).items() if number > 1}
