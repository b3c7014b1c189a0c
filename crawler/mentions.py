"""What articles name, between the gazetteer and storage: tags as storage takes them, what an analyst typed as groups of ids."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from storage.seen import MentionRecord

if TYPE_CHECKING:
    from crawler.classify.tagging import Tag, Tagger


class UnknownNameError(LookupError):
    """There is no such place or actor; the message says which are close."""


@cache
def shipped_tagger() -> Tagger:
    """The tagger of the shipped gazetteer, read once, by the first match."""
    from crawler.classify.tagging import Tagger

    return Tagger.load()


def mention_records(tags: Iterable[Tag]) -> tuple[MentionRecord, ...]:
    """One record per tag."""
    return tuple(
        MentionRecord(
            kind=tag.kind,
            name=tag.id,
            area=shipped_tagger().gazetteer.area(tag.id),
            field=tag.field,
            start=tag.start,
            end=tag.end,
            text=tag.text,
            resolved=tag.resolved,
        )
        for tag in tags
    )


def sure_names(tags: Iterable[Tag]) -> list[tuple[str, str, int]]:
    """What an article names beyond doubt: id, field and start."""
    return [(tag.id, tag.field, tag.start) for tag in tags if tag.resolved]


@cache
def kinds() -> dict[str, str]:
    """What kind of place or actor each id of the gazetteer is: country, town, armed-group …"""
    gazetteer = shipped_tagger().gazetteer
    places = {name: place.kind for name, place in gazetteer.places.items()}
    return places | {name: actor.kind for name, actor in gazetteer.actors.items()}


@cache
def place_names() -> dict[str, str]:
    """The first English name of every place of the gazetteer."""
    from crawler.classify.gazetteer import FOLDER

    with (FOLDER / "places.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["en"].split("|")[0].lstrip("?=").rstrip("*") for row in csv.DictReader(file)}


def named_groups(places: Sequence[str], actors: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """For each place or actor that an analyst typed, by id or by name, its id and those of all that belongs to it.

    Raises UnknownNameError.
    """
    return tuple(group_of(word, kind) for kind, words in (("place", places), ("actor", actors)) for word in words)


def group_of(word: str, kind: str) -> tuple[str, ...]:
    """The same for one `place` or `actor`. Raises UnknownNameError."""
    gazetteer = shipped_tagger().gazetteer
    found = gazetteer.find(word, kind)
    if found is None:
        close = gazetteer.close_to(word, kind)
        hint = f"close to it: {', '.join(close)}" if close else f"crawler/classify/gazetteer lists the {kind}s"
        raise UnknownNameError(f"there is no {kind} {word!r}; {hint}")
    return gazetteer.family(found)
