"""What tells another bearer of a name where no list knows it: no word that fits, a name that is part of a longer one, a name alone abroad. PURE.

Damascus Bakery, Siria Poletti, Yusuf Sharaa: no lexicon has them all. But a story about the country hardly does without a single word of
war, state or people, nor with one doubtful name alone among places of other countries.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from crawler.classify.capitals import follows, goes_on
from crawler.classify.document import LEAD, Document, Feature, Found, Spot

FITTING = ("context", "theatre", "claim", "echo", "migration", "border", "hint")
TELLS = ("context", "theatre", "claim", "echo")  # what a story about the topic is told with
ACTING = ("leader", "actor", "event")
STATE = ("affairs", "peer")
ABOUT = (
    "affairs",
    "everyday",
    "abroad",
    "life",
    "deed",
)  # what is looked for in doubt alone: common words, in every article by the dozen
ENOUGH = 2  # different words that fit: then the name means the topic, whatever stands beside it
REPEATED = 4  # sentences that name a country or its people, by both names
MANY = 1_000  # more than any text has
MOST_LEISURE = 7  # words
UNTOLD = 4.0  # different words that fit: with so many a life is one in the war
WORTH = 0.8  # of a word of war or state, which local news has, too: police, strike, president
FAR = (
    "places",
    "countries",
    "lands",
    "ukraine",
    "sudan",
    "libya",
    "egypt",
    "yemen",
    "venezuela",
    "afghanistan",
)  # of common.toml: the neighbours and the powers at war stand beside the topics themselves
# characters up to the last name: in more, a name without a word that fits is an aside, not another bearer's
SHORT = LEAD + 100
TELLING = 15  # words: in fewer the lack of a word that fits says little
REFUGEES = "refugees"  # the concept of a topic's people as a group
MISHAP = "accident"  # the concept of accidents and police reports
QUOTES = frozenset("\"'„“”«»‚‘’‹›")
BORNE = ("name", "leader", "place", "actor", "derived")  # what people, towns and shops are called by


def bearers(document: Document, found: Found) -> dict[str, Feature]:
    """Features of a name that another may bear; they fade with every different word that fits."""
    if not is_doubtful(document, found):
        return {}
    anchors = found.anchors
    fit = _words(document, found, FITTING)
    towns = ("place", "name") if found.country else ("place",)
    there = any(spot.mention.concept.sense in towns and document.is_there(spot) for spot in anchors)
    fitting = len(fit) + _further(document, found) + there
    affairs = len(_words(document, found, STATE) - fit)
    words = document.words + document.title.text.count(" ") + 1
    telling = min(1.0, words / TELLING)
    doubt = telling * max(0.0, 1 - (fitting + WORTH * affairs) / ENOUGH)
    short = _extent(document, found) < SHORT
    result = {"bare": Feature(short * doubt * math.log2(1 + min(len(anchors), 7)), tuple(anchors[:3]))}
    life = found.support.get("everyday", [])
    result["everyday"] = Feature(doubt * math.log2(1 + min(_different(document, life), 7)), tuple(life[:4]))
    named = {(spot.field, spot.mention.start) for spots in (anchors, *found.support.values()) for spot in spots}
    fading = telling * max(0.0, 1 - fitting / ENOUGH)
    longer = {spot.word for spot in anchors if _follows(document, spot) or _goes_on(document, spot, named)}
    spots = [spot for spot in anchors if spot.word in longer]
    result["part"] = Feature(fading * len(spots) / len(anchors), tuple(spots[:3]))
    quoted = [spot for spot in anchors if _is_quoted(document, spot)]
    result["quoted"] = Feature(len(quoted) / len(anchors), tuple(quoted[:3]))
    return result if _further(document, found) else result | _alone(document, found, telling, short, named)


def _alone(
    document: Document, found: Found, telling: float, short: bool, named: set[tuple[str, int]]
) -> dict[str, Feature]:
    """What speaks for or against a text's only name even among words of war and state, which other countries have, too: General Asad of Kano."""
    anchors = found.anchors
    least = min(spot.mention.weak for spot in anchors)
    person = all(spot.mention.concept.sense == "leader" for spot in anchors)
    people = all(spot.mention.concept.sense == "derived" for spot in anchors)  # Syrians live everywhere
    far = [
        spot for sense in ("abroad", "peer") for spot in found.support.get(sense, ()) if spot.mention.concept.id in FAR
    ]
    strange = [spot for spot in anchors if _goes_on(document, spot, named)]
    there = [spot for spot in anchors if spot.mention.concept.sense == "place" and document.is_there(spot)]
    land = found.country and any(spot.mention.concept.sense == "name" for spot in anchors) and not strange
    distance = telling * (not people) * math.log2(1 + min(_different(document, far), 7))
    titled = land and any(spot.titled for spot in anchors)  # what a title says of the country is no aside
    return {
        "there": Feature(float(bool(there)), tuple(there[:3])),
        "stranger": Feature(len(strange) / len(anchors), tuple(strange[:3])),
        "alone-weak": Feature(telling * (least > 0), tuple(anchors[:3])),
        "alone-weaker": Feature(telling * (least > 1), tuple(anchors[:3])),
        "alone-leader": Feature(telling * person, tuple(anchors[:3])),
        "abroad": Feature(0.0 if land else short * distance, tuple(far[:4])),
        "abroad-land": Feature(distance if land and not titled else 0.0, tuple(far[:4])),
    }


def is_doubtful(document: Document, found: Found) -> bool:
    """Whether all names are of the kind that others bear, no other topic is named, and too few words stand there that fit."""
    if not found.anchors or found.company or any(spot.mention.concept.sense not in BORNE for spot in found.anchors):
        return False
    if any(" " in spot.word and not spot.mention.weak for spot in found.anchors):
        return False  # nobody else is called by two words and more
    further = _further(document, found)
    return not further or (further < ENOUGH and further + len(_words(document, found, FITTING, most=ENOUGH)) < ENOUGH)


def is_leisure(document: Document, found: Found) -> bool:
    """Whether words of stage, sport or food stand there, no word that fits, and no name of those who rule or fight."""
    if not is_private(found):
        return False
    return bool(found.support.get("culture")) and not _words(document, found, TELLS, most=1)


def is_private(found: Found) -> bool:
    """Whether no name of those who rule or fight stands there, so that the story may be one person's."""
    return bool(found.anchors) and not any(map(_acts, found.anchors))


def _acts(spot: Spot) -> bool:
    """Whether a name is one of those who rule or fight, or of a deed; refugees do neither."""
    concept = spot.mention.concept
    return concept.sense in ACTING and concept.id != REFUGEES


def private(document: Document, found: Found) -> dict[str, Feature]:
    """Words of birth, school, prizes, trades and courts, of accidents and police, and places far from the topic, where nobody who rules or fights is named."""
    if not is_private(found):
        return {}
    tells = len(_words(document, found, TELLS, most=int(UNTOLD)))
    doubt = max(0.0, 1 - tells / UNTOLD)
    told = found.support.get("life", [])
    mishap = [spot for spot in told if spot.mention.concept.id == MISHAP]
    life = [spot for spot in told if spot.mention.concept.id != MISHAP]
    far = [
        spot for sense in ("abroad", "peer") for spot in found.support.get(sense, ()) if spot.mention.concept.id in FAR
    ]
    return {
        "title-life": _titled(life),
        "title-mishap": _titled(mishap),
        "away": Feature(doubt * math.log2(1 + min(_different(document, far), 7)), tuple(far[:4])),
    }


def _titled(spots: Iterable[Spot]) -> Feature:
    titled = tuple(spot for spot in spots if spot.titled)
    return Feature(float(bool(titled)), titled[:2])


def leisure(document: Document, found: Found) -> Feature:
    """How many of these words, where none of war or state stands either: a league table, a menu, a series of a country's actors."""
    if not is_leisure(document, found) or _words(document, found, ("affairs",), most=1):
        return Feature(0.0)
    spots = found.support["culture"]
    return Feature(math.log2(1 + min(len(spots), MOST_LEISURE)), tuple(spots[:4]))


def _further(document: Document, found: Found) -> int:
    """How many more names of the topic there are than one; forms of one are no more."""
    names = {spot.called for spot in found.anchors}
    further = min(len(names), len({spot.stem for spot in found.anchors})) - 1
    if further or not found.country:
        return further
    senses = {spot.mention.concept.sense for spot in found.anchors}
    people = senses >= {"name", "derived"} or "actor" in senses
    return int(people and len({spot.place for spot in found.anchors}) >= REPEATED)


def _words(document: Document, found: Found, senses: Iterable[str], most: int = MANY) -> set[str]:
    """The different words of these senses in the title, before the last name, or in its paragraph, up to `most`."""
    last = [spot for spot in found.anchors if spot.field == "text"][-1:]
    end = document.paragraph(last[0])[1] if last else LEAD
    words: set[str] = set()
    for sense in senses:
        for spot in found.support.get(sense, ()):
            if spot.field == "title" or spot.mention.start < end:
                words.add(spot.word)
                if len(words) == most:
                    return words
    return words


def _extent(document: Document, found: Found) -> int:
    """Where the sentence of the last name ends: what stands behind it may be about anything."""
    last = [spot.sentence for spot in found.anchors if spot.field == "text"][-1:]
    if not last:
        return 0
    behind = last[0] + 1
    return document.sentences[behind] if behind < len(document.sentences) else len(document.text.text)


def _different(document: Document, spots: Iterable[Spot]) -> int:
    return len({spot.word for spot in spots})


def _is_quoted(document: Document, spot: Spot) -> bool:
    """Whether a name stands between quotation marks by itself: a ship, a nickname, a film."""
    source, (start, end) = document.source(spot)
    return start > 0 and source[start - 1] in QUOTES and source[end : end + 1] in QUOTES and end < len(source)


def _follows(document: Document, spot: Spot) -> bool:
    """Whether a name ends a longer one."""
    source, (start, _) = document.source(spot)
    return follows(source, start)


def _goes_on(document: Document, spot: Spot, named: set[tuple[str, int]]) -> bool:
    """Whether a name begins a longer one that the lexicon does not know."""
    source, (_, end) = document.source(spot)
    return (spot.field, spot.mention.end + 1) not in named and goes_on(source, end)
