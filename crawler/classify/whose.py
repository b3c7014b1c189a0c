"""Whose story it is: the country that title and text name most, beside the topic; and a topic that only stands beside it. PURE.

A war, an election or a budget of another country names the topic in a list, a comparison, a sentence of background. A sum of all countries does not
tell it: a meeting about the topic names ten of them once each. The one that is named most does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from crawler.classify.document import EDGE, Document, Feature, Found, Spot
from crawler.classify.lexicon import COMMON

MIXED = (
    "countries",
    "partners",
)  # concepts of many countries: the letters with which a name begins tell one from the next
ARTICLE = "ال"
WARS = ("ukraine", "palestine", "sudan", "libya", "yemen")  # of common.toml: where a war is likened to another
IN_TITLE, OPENING = 3.0, 2.0  # worth of a mention there, of one anywhere else 1
MOST = 4.0  # doublings


def whose(document: Document, found: Found) -> dict[str, Feature]:
    """Features of another country's story, and of names that are on the edge, rulers alone or all in one sentence."""
    lands = _lands(document, found)
    result = _owner(document, found, lands) if lands else {}
    result |= _likened(document, found)
    edge = [spot for spot in found.anchors if spot.mention.concept.id in EDGE]
    result["edge-only"] = Feature(float(len(edge) == len(found.anchors)), tuple(edge[:3]))
    result["edge-most"] = Feature(float(2 * len(edge) >= len(found.anchors)), tuple(edge[:3]))
    leaders = all(spot.mention.concept.sense == "leader" for spot in found.anchors)
    result["leader-only"] = Feature(float(leaders), tuple(found.anchors[:3]))
    places = {spot.place for spot in found.anchors}
    titled = any(spot.titled for spot in found.anchors)
    first = min(at for _, at in places)
    once = len(places) == 1
    names = math.log2(min(len({spot.called for spot in found.anchors}), 8))
    result["distinct-once"] = Feature(names if once else 0.0, tuple(found.anchors[:4]))
    result["one-sentence"] = Feature(float(once and not titled and first > 0), tuple(found.anchors[:3]))
    return result


def _owner(document: Document, found: Found, lands: Mapping[str, Sequence[Spot]]) -> dict[str, Feature]:
    """What the country that is named most has beyond the topic."""
    own = _weight(document, found.anchors)
    most, name = max((_weight(document, spots), name) for name, spots in lands.items())
    spots = lands[name]
    titled, topic_titled = (any(spot.titled for spot in some) for some in (spots, found.anchors))
    opens = any(map(document.opens, _text(spots)))
    ratio = math.log2((1 + most) / (1 + own))
    sentences, topics = (len({spot.place for spot in some}) for some in (spots, found.anchors))
    more = math.log2((1 + sentences) / (1 + topics))
    there = titled or opens
    return {
        "owner": Feature(min(max(ratio, 0.0), MOST) if there else 0.0, tuple(spots[:4])),
        "owner-sentences": Feature(min(max(more, 0.0), MOST), tuple(spots[:4])),
        "owner-title": Feature(float(titled and not topic_titled and len(spots) > 1), tuple(spots[:2])),
    }


def _likened(document: Document, found: Found) -> dict[str, Feature]:
    """`other-war`: how many sentences tell of another war for each that names the topic, where both are likened; `other-war-front`: title or opening names it."""
    named = {spot.place for spot in found.anchors}
    likening = [spot for spot in found.support.get("comparison", ()) if spot.place in named]
    wars = [s for sense in ("peer", "land") for s in found.support.get(sense, ()) if s.mention.concept.id in WARS]
    if not likening or not wars:
        return {}
    more = math.log2((1 + len({spot.place for spot in wars})) / (1 + len(named)))
    front = any(spot.titled or document.opens(spot) for spot in wars)
    return {
        "other-war": Feature(min(max(more + 1, 0.0), MOST), tuple(wars[:3])),
        "other-war-front": Feature(float(front), (*likening[:2], *wars[:2])),
    }


def _lands(document: Document, found: Found) -> dict[str, list[Spot]]:
    lands: dict[str, list[Spot]] = {}
    own = {(spot.field, spot.mention.start) for spot in found.support.get("theatre", ())}
    for sense in ("peer", "land"):
        for spot in found.support.get(sense, ()):
            if spot.mention.concept.topic == COMMON and (spot.field, spot.mention.start) not in own:
                lands.setdefault(_land(document, spot), []).append(spot)
    return lands


def _land(document: Document, spot: Spot) -> str:
    concept = spot.mention.concept.id
    return spot.word.removeprefix(ARTICLE)[:4] if concept in MIXED else concept


def _weight(document: Document, spots: Iterable[Spot]) -> float:
    return sum(IN_TITLE if spot.titled else OPENING if document.opens(spot) else 1.0 for spot in spots)


def _text(spots: Iterable[Spot]) -> list[Spot]:
    return [spot for spot in spots if spot.field == "text"]
