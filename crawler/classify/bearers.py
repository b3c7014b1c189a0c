"""What tells another bearer of a name where no list knows it: no word that fits, and a name that is part of a longer one. PURE.

Damascus Bakery, Siria Poletti, Yusuf Sharaa: no lexicon has them all. But a story about the country hardly does without a single word of
war, state or people.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from crawler.classify.capitals import follows, goes_on
from crawler.classify.document import LEAD, Document, Feature, Found, Spot

FITTING = ("context", "theatre", "claim", "echo", "migration", "border", "hint")
STATE = ("affairs", "peer")
ABOUT = (
    "affairs",
    "everyday",
    "abroad",
)  # what is looked for in doubt alone: common words, in every article by the dozen
ENOUGH = 2  # different words that fit: then the name means the topic, whatever stands beside it
MANY = 1_000  # more than any text has
WORTH = 0.8  # of a word of war or state, which local news has, too: police, strike, president
TELLING = 15  # words: in fewer the lack of a word that fits says little
BORNE = ("name", "leader", "place", "actor", "derived")  # what people, towns and shops are called by


def bearers(document: Document, found: Found) -> dict[str, Feature]:
    """Features of a name that another may bear; they fade with every different word that fits."""
    if not is_doubtful(document, found):
        return {}
    anchors = found.anchors
    fit = _words(document, found, FITTING)
    fitting = len(fit) + _further(document, found)
    affairs = len(_words(document, found, STATE) - fit)
    words = document.words + document.title.text.count(" ") + 1
    telling = min(1.0, words / TELLING)
    doubt = telling * max(0.0, 1 - (fitting + WORTH * affairs) / ENOUGH)
    result = {"bare": Feature(doubt * math.log2(1 + min(len(anchors), 7)), tuple(anchors[:3]))}
    away = found.support.get("abroad", [])
    people = all(spot.mention.concept.sense == "derived" for spot in anchors)  # Syrians live everywhere
    far = telling * (1 - fitting / ENOUGH) if not people else 0.0
    result["abroad"] = Feature(far * math.log2(1 + min(_different(document, away), 7)), tuple(away[:4]))
    life = found.support.get("everyday", [])
    result["everyday"] = Feature(doubt * math.log2(1 + min(_different(document, life), 7)), tuple(life[:4]))
    named = {(spot.field, spot.mention.start) for spots in (anchors, *found.support.values()) for spot in spots}
    longer = {document.written(spot) for spot in anchors if _is_part(document, spot, named)}
    spots = [spot for spot in anchors if document.written(spot) in longer]
    result["part"] = Feature(telling * (1 - fitting / ENOUGH) * len(spots) / len(anchors), tuple(spots[:3]))
    return result


def is_doubtful(document: Document, found: Found) -> bool:
    """Whether all names are of the kind that others bear, no other topic is named, and too few words stand there that fit."""
    if not found.anchors or found.company or any(spot.mention.concept.sense not in BORNE for spot in found.anchors):
        return False
    further = _further(document, found)
    return further < ENOUGH and further + len(_words(document, found, FITTING, most=ENOUGH)) < ENOUGH


def _further(document: Document, found: Found) -> int:
    """How many more names of the topic there are than one; forms of one are no more."""
    ids = {spot.mention.concept.id for spot in found.anchors}
    return min(len(ids), len(set(map(document.stem, found.anchors)))) - 1


def _words(document: Document, found: Found, senses: Iterable[str], most: int = MANY) -> set[str]:
    """The different words of these senses in the title, before the last name, or in its paragraph, up to `most`."""
    last = [spot for spot in found.anchors if spot.field == "text"][-1:]
    end = document.paragraph(last[0])[1] if last else LEAD
    words: set[str] = set()
    for sense in senses:
        for spot in found.support.get(sense, ()):
            if spot.field == "title" or spot.mention.start < end:
                words.add(document.written(spot))
                if len(words) == most:
                    return words
    return words


def _different(document: Document, spots: Iterable[Spot]) -> int:
    return len({document.written(spot) for spot in spots})


def _is_part(document: Document, spot: Spot, named: set[tuple[str, int]]) -> bool:
    """Whether a name is part of a longer one that the lexicon does not know."""
    source, (start, end) = document.source(spot)
    if follows(source, start):
        return True
    return (spot.field, spot.mention.end + 1) not in named and goes_on(source, end)
