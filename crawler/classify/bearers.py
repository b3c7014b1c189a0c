"""What tells another bearer of a name where no list knows it: no word that fits, and a name that goes on like a person's. PURE.

Damascus Bakery, Siria Poletti, Yusuf Sharaa: no lexicon has them all. A story about the country hardly does without a single word of
war, state or people, and hardly makes its name a part of another.
"""

from __future__ import annotations

import re

from crawler.classify.document import LEAD, Document, Feature, Found, Spot

FITTING = ("context", "theatre", "claim", "echo", "migration", "border", "hint", "peer", "affairs")
ENOUGH = 3  # different words that fit: then the name means the topic, whatever stands beside it
_AFTER = re.compile(r" (\w[\w'’-]+)")
_BEFORE = re.compile(r"[\w,)] (\w[\w'’-]+) $")
_LONG = re.compile(r"[^\W\d_]{4,}")


def bearers(document: Document, found: Found) -> dict[str, Feature]:
    """Features of a name that another may bear; each fades with every different word that fits."""
    doubt = max(0.0, 1 - _fitting(document, found) / ENOUGH)
    if not doubt:
        return {}
    anchors = found.anchors
    one = len({spot.mention.concept.id for spot in anchors}) == 1
    named = {word for spots in found.support.values() for word in map(_place, spots)} | set(map(_place, anchors))
    goes_on = {document.written(spot) for spot in anchors if _goes_on(document, spot, named)}
    follows = {document.written(spot) for spot in anchors if _follows(document, spot)}
    result = {"bare": Feature(doubt if one else 0.0, tuple(anchors[:3]))}
    for name, words in (("goes-on", goes_on), ("surname", follows)):
        spots = [spot for spot in anchors if document.written(spot) in words]
        result[name] = Feature(doubt * len(spots) / len(anchors), tuple(spots[:3]))
    return result


def _fitting(document: Document, found: Found) -> int:
    """How many different words that fit stand in the title, before the last name, or in its paragraph."""
    last = [spot for spot in found.anchors if spot.field == "text"][-1:]
    end = document.paragraph(last[0])[1] if last else LEAD
    words = {
        document.written(spot)
        for sense in FITTING
        for spot in found.support.get(sense, ())
        if spot.field == "title" or spot.mention.start < end
    }
    return len(words)


def _place(spot: Spot) -> tuple[str, int]:
    return spot.field, spot.mention.start


def _goes_on(document: Document, spot: Spot, named: set[tuple[str, int]]) -> bool:
    """Whether a word with a capital that is no name of the lexicon follows: Siria Poletti, Damascus Bakery."""
    source, (_, end) = document.source(spot)
    behind = _AFTER.match(source, end)
    if behind is None or not behind[1][0].isupper() or (spot.field, spot.mention.end + 1) in named:
        return False
    return not _shouts(source)


def _follows(document: Document, spot: Spot) -> bool:
    """Whether a word with a capital that does not begin its sentence stands before: the poet Léon Damas."""
    source, (start, _) = document.source(spot)
    before = _BEFORE.search(source[max(start - 40, 0) : start])
    return before is not None and before[1][0].isupper() and not _shouts(source)


def _shouts(source: str) -> bool:
    """Whether most words have capitals, as in English headlines: there they say nothing."""
    words = _LONG.findall(source[:400])
    return 2 * sum(word[0].isupper() for word in words) > len(words)
