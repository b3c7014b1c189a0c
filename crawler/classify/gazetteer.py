"""Places and actors with their names, read from data files and checked line by line. PURE but for reading the files.

`gazetteer/places.csv` holds the places, `actors.toml` the actors, `bearers.toml` others who bear the same names. Several names
stand in a cell, apart by `|`. A name that begins with `?` is borne by others, too; with `??` it is also a plain word; with `=` it
counts in these letters only; `*` at its end means any ending. docs/decisions/0032-places-and-actors.md says why it is so.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Self

from crawler.classify.folding import fold
from crawler.classify.lexicon import Form, LexiconError
from crawler.classify.names import BEARER, HINT, Followed, Name, forms_of

FOLDER = Path(__file__).parent / "gazetteer"
PLACE_KINDS = frozenset({
    "country", "governorate", "district", "city", "town", "village", "camp", "quarter", "crossing", "base", "prison",
    "region", "river", "mountain",
})  # fmt: skip
ACTOR_KINDS = frozenset(["government", "armed-forces", "armed-group", "agency", "organisation", "party"])
COLUMNS = ("id", "kind", "country", "parent", "latitude", "longitude", "confidence", "en", "ar", "other")
_ACTOR_KEYS = frozenset({"kind", "why", "countries", "parent", "state", "since", "until", "then"})
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
ALIKE, ALIKE_BUT_FOR_THE_FIRST = 0.6, 0.75  # difflib's ratio, of what is offered for a misspelt name: Raka, Kamishli
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Place:
    """A place; `country` is ISO 3166 alpha-2 ('' for a region of several), the point is in decimal degrees; of a governorate or a
    district it is the seat. `sure` is false where the point may be off by more than some five kilometres."""

    id: str
    kind: str
    country: str
    parent: str
    latitude: float
    longitude: float
    sure: bool


@dataclass(frozen=True, slots=True)
class Actor:
    """An actor; `state` is the place whose bare name stands for it, `then` the actor that it became after `until`."""

    id: str
    kind: str
    why: str
    countries: tuple[str, ...]
    parent: str
    state: str
    since: date | None
    until: date | None
    then: str

    def acted(self, day: date | None) -> bool:
        """Whether it was there on that day; without one: whether it still is."""
        if day is None:
            return self.until is None
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """All places, actors and other bearers, and the forms that name them: the concept of a form is named by the ids, `|` between."""

    places: Mapping[str, Place]
    actors: Mapping[str, Actor]
    bearers: Mapping[str, frozenset[str]]
    elsewhere: re.Pattern[str]
    forms: tuple[Form, ...]
    _children: Mapping[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Self:
        """Read and check the three files of a folder. Raises LexiconError with file and line."""
        places, place_names = _load_places(folder / "places.csv")
        actors, actor_names = _load_actors(folder / "actors.toml", places)
        bearers, elsewhere, bearer_names = _load_bearers(folder / "bearers.toml", places.keys() | actors.keys())
        children: dict[str, list[str]] = {}
        parents = {name: one.parent for name, one in places.items()} | {
            name: one.parent for name, one in actors.items()
        }
        for name, parent in parents.items():
            children.setdefault(parent, []).append(name)
        forms = forms_of((*place_names, *actor_names, *bearer_names), places, _followed(actors))
        below = {parent: tuple(ids) for parent, ids in children.items()}
        return cls(places, actors, bearers, elsewhere, forms, below)

    def kind_of(self, name: str) -> str:
        """ "place" or "actor"."""
        return "place" if name in self.places else "actor"

    def family(self, name: str) -> tuple[str, ...]:
        """The id and those of all that lies in it or belongs to it: an article that names one of them names it. A government is
        also named by its state."""
        found = [name]
        for one in found:
            found += self._children.get(one, ())
        state = self.actors[name].state if name in self.actors else ""
        return (*found, state) if state else tuple(found)

    def area(self, name: str) -> str:
        """The governorate in which a place lies, the actor of which another is a part at last; itself where there is none."""
        if name in self.actors:
            while self.actors[name].parent:
                name = self.actors[name].parent
            return name
        at = self.places[name]
        while at.kind != "governorate" and at.parent:
            at = self.places[at.parent]
        return at.id if at.kind == "governorate" else name

    def find(self, word: str, kind: str) -> str | None:
        """The id that a word means, which may be any of its names, if it is one id alone."""
        ids: Mapping[str, Place | Actor] = self.places if kind == "place" else self.actors
        if word.strip().lower() in ids:
            return word.strip().lower()
        folded = " ".join(fold(word).text.split())
        named = {one for form in self.forms if form.text == folded for one in form.concept.id.split("|") if one in ids}
        return named.pop() if len(named) == 1 else None

    def close_to(self, word: str, kind: str) -> list[str]:
        """A few ids that look like a word: alike, and more so when even their first letters differ; or holding it."""
        ids: Iterable[str] = self.places if kind == "place" else self.actors
        folded = "-".join(fold(word).text.split())
        alike = difflib.get_close_matches(folded, ids, n=4, cutoff=ALIKE)
        another = set(difflib.get_close_matches(folded, ids, n=4, cutoff=ALIKE_BUT_FOR_THE_FIRST))
        close = [one for one in alike if one[0] == folded[0] or one in another]
        within = [one for one in ids if len(folded) > 2 and folded in one]
        return list(dict.fromkeys([*close, *within]))[:5]


def _load_places(file: Path) -> tuple[dict[str, Place], list[Name]]:
    rows = csv.DictReader(io.StringIO(_read(file)), strict=True)
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise LexiconError(f"{file.name}:1: the columns must be {','.join(COLUMNS)}")
    places: dict[str, Place] = {}
    names: list[Name] = []
    lines: dict[str, str] = {}
    for row in rows:
        where = f"{file.name}:{rows.line_num}"
        if None in row or None in row.values():
            raise LexiconError(f"{where}: a place has {len(COLUMNS)} columns")
        place = _place(row, where)
        if place.id in places:
            raise LexiconError(f"{where}: {place.id} is there already")
        places[place.id], lines[place.id] = place, where
        cells = [(language, name) for language in ("en", "ar") for name in row[language].split("|")]
        cells += [(part.partition(":")[0], part.partition(":")[2]) for part in row["other"].split("|") if part]
        names += [Name(place.id, name, language, where) for language, name in cells if name]
        if not row["en"] or not row["ar"]:
            raise LexiconError(f"{where}: {place.id} needs an English and an Arabic name")
    _check_parents(places, lines)
    return places, names


def _place(row: Mapping[str, str], where: str) -> Place:
    try:
        latitude, longitude = float(row["latitude"]), float(row["longitude"])
    except ValueError:
        raise LexiconError(f"{where}: latitude and longitude are decimal degrees") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise LexiconError(f"{where}: {latitude}, {longitude} is no point on Earth")
    if not _ID.fullmatch(row["id"]):
        raise LexiconError(f"{where}: {row['id']!r} is no id: small letters, digits and hyphens")
    if row["kind"] not in PLACE_KINDS:
        raise LexiconError(f"{where}: unknown kind {row['kind']!r}; known are {', '.join(sorted(PLACE_KINDS))}")
    if row["country"] and not _COUNTRY.fullmatch(row["country"]):
        raise LexiconError(f"{where}: {row['country']!r} is no country's code of two capital letters")
    if row["confidence"] not in ("", "low"):
        raise LexiconError(f"{where}: confidence is low, or empty for a point that is sure")
    sure = not row["confidence"]
    return Place(row["id"], row["kind"], row["country"], row["parent"], latitude, longitude, sure)


def _load_actors(file: Path, places: Mapping[str, Place]) -> tuple[dict[str, Actor], list[Name]]:
    actors: dict[str, Actor] = {}
    names: list[Name] = []
    lines: dict[str, str] = {}
    for name, entry, where in _tables(file, "actor"):
        if name in places:
            raise LexiconError(f"{where}: {name} is a place's id")
        actors[name], lines[name] = _actor(name, entry, where), where
        if actors[name].state and actors[name].state not in places:
            raise LexiconError(f"{where}: state = {actors[name].state!r} is no place")
        names += _names(name, {key: value for key, value in entry.items() if key not in _ACTOR_KEYS}, where)
    _check_parents(actors, lines)
    for actor in actors.values():
        if actor.then and actor.then not in actors:
            raise LexiconError(f"{lines[actor.id]}: then = {actor.then!r} is no actor")
    return actors, names


def _actor(name: str, entry: Mapping[str, Any], where: str) -> Actor:
    texts = {key: entry.get(key, "") for key in ("kind", "why", "parent", "state", "then")}
    wrong = next((key for key, value in texts.items() if not isinstance(value, str)), None)
    if wrong or not texts["why"].strip():
        raise LexiconError(f"{where}: {wrong or 'why'} must be a text")
    if not _ID.fullmatch(name) or texts["kind"] not in ACTOR_KINDS:
        raise LexiconError(f"{where}: kind is one of {', '.join(sorted(ACTOR_KINDS))}, an id small letters and hyphens")
    countries = entry.get("countries")
    if not isinstance(countries, list) or not all(
        isinstance(one, str) and _COUNTRY.fullmatch(one) for one in countries
    ):
        raise LexiconError(f"{where}: countries is a list of codes of two capital letters")
    since, until = entry.get("since"), entry.get("until")
    if not all(day is None or type(day) is date for day in (since, until)):
        raise LexiconError(f"{where}: since and until are days like 2024-12-08")
    return Actor(name, countries=tuple(countries), since=since, until=until, **texts)


def _load_bearers(file: Path, known: Iterable[str]) -> tuple[dict[str, frozenset[str]], re.Pattern[str], list[Name]]:
    bearers: dict[str, frozenset[str]] = {}
    names: list[Name] = []
    for name, entry, where in _tables(file, "bearer", "hint", "elsewhere"):
        of = entry.get("of")
        if not isinstance(of, list) or not of or not set(of) <= set(known):
            raise LexiconError(f"{where}: of is a list of ids of places and actors; {of!r} is not")
        if not isinstance(entry.get("why"), str) or not entry["why"].strip():
            raise LexiconError(f"{where}: why must be a text")
        bearers[BEARER + name] = frozenset(of)
        names += _names(BEARER + name, {key: value for key, value in entry.items() if key not in ("why", "of")}, where)
    for country, entry, where in _tables(file, "hint", "bearer", "elsewhere"):
        if not _COUNTRY.fullmatch(country):
            raise LexiconError(f"{where}: {country!r} is no country's code of two capital letters")
        names += _names(HINT + country, entry, where)
    behind = tomllib.loads(_read(file)).get("elsewhere", {}).get("en", [])
    words = sorted({" ".join(fold(word).text.split()) for word in behind}, key=len, reverse=True)
    pattern = rf",? ?\(?(?:{'|'.join(map(re.escape, words))})(?!\w)" if words else r"(?!)"
    return bearers, re.compile(pattern), names


def _tables(file: Path, kind: str, *others: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """The tables [kind.name] of a file, each with its line."""
    text = _read(file)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LexiconError(f"{file.name}: {error}") from None
    if unknown := set(data) - {kind, *others}:
        raise LexiconError(f"{file.name}:1: unknown table {sorted(unknown)[0]!r}; there is only [{kind}.id]")
    lines = {line.strip(): number for number, line in enumerate(text.splitlines(), 1)}
    for name, entry in data.get(kind, {}).items():
        yield name, entry, f"{file.name}:{lines.get(f'[{kind}.{name}]', 1)}"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise LexiconError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise LexiconError(f"{file}: {error}") from None


def _names(owner: str, by_language: Mapping[str, Any], where: str) -> list[Name]:
    found = []
    for language, spellings in by_language.items():
        if not isinstance(spellings, list) or not all(isinstance(one, str) for one in spellings):
            raise LexiconError(f"{where}: {language} must be a list of names")
        found += [Name(owner, spelling, language, where) for spelling in spellings]
    if not found:
        raise LexiconError(f"{where}: {owner} has no name in any language")
    return found


def _check_parents(ones: Mapping[str, Place] | Mapping[str, Actor], lines: Mapping[str, str]) -> None:
    for one in ones.values():
        seen, at = {one.id}, one.parent
        while at:
            if at not in ones or at in seen:
                raise LexiconError(f"{lines[one.id]}: parent {at!r} is not there, or is its own parent")
            seen.add(at)
            at = ones[at].parent


def _followed(actors: Mapping[str, Actor]) -> Followed:
    def check(first: str, second: str) -> bool:
        if first not in actors or second not in actors:
            return False
        one, two = actors[first], actors[second]
        return any(a.until and b.since and a.until <= b.since for a, b in ((one, two), (two, one)))

    return check
