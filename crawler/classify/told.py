"""What an article tells with, counted over the whole of it: names, and words that fit against words of lives. PURE.

One Syrian's shop abroad names country, people and home town as often as a report from the war does. It has one place of the country where the report has
four, and for each word of war two of trades and families.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from crawler.classify.bearers import REFUGEES, TELLS
from crawler.classify.document import EDGE, Document, Feature, Found, Spot

MOST = 4.0  # doublings
NAMES = 7  # different ones


def told(document: Document, found: Found) -> dict[str, Feature]:
    """Who and where is named: `places`, `actors`, `leader`. More words that fit than of lives, or the reverse: `told`, `lived`.

    `front-life`: words of lives, of courts and accidents too, in title and lead; a trial of its members is an organisation's story.
    `edge-plain`: the country's edge, without a word on whose it is. `comparisons`: words that liken.
    """
    support = found.support
    of: dict[str, list[Spot]] = {"place": [], "actor": [], "leader": []}
    edge = []
    for spot in found.anchors:
        concept = spot.mention.concept
        if concept.sense in of and concept.id != REFUGEES:
            of[concept.sense].append(spot)
            if concept.id in EDGE:
                edge.append(spot)
    life = support.get("life", ())
    end = len(document.text.text)
    if not any(spot.titled or document.in_lead(spot) for spot in found.anchors):
        # behind a name in passing the text may be about anything
        last = [spot for spot in found.anchors if spot.field == "text"][-1]
        end = document.paragraph(last)[1]
    fitting = [
        spot for sense in TELLS for spot in support.get(sense, ()) if spot.field == "title" or spot.mention.start < end
    ]
    ratio = math.log2((1 + len({spot.word for spot in life})) / (1 + len({spot.word for spot in fitting})))
    places = _names(of["place"])
    seen = {
        "places": Feature(places, tuple(of["place"][:6])),
        "places-more": Feature(float(places > 1), tuple(of["place"][:6])),
        "actors": Feature(_names(of["actor"]), tuple(of["actor"][:4])),
        "leader": Feature(float(bool(of["leader"])), tuple(of["leader"][:2])),
        "told": Feature(min(max(-ratio, 0.0), MOST), tuple(fitting[:6])),
        "edge-plain": Feature(float(bool(edge) and "claim" not in support), tuple(edge[:3])),
    }
    if life:
        front = [spot for spot in life if spot.titled or document.in_lead(spot)]
        seen["lived"] = Feature(min(max(ratio, 0.0), MOST), tuple(life[:4]))
        seen["front-life"] = Feature(_words(front), tuple(front[:3]))
    if likened := support.get("comparison"):
        seen["comparisons"] = Feature(_words(likened), tuple(likened[:3]))
    return seen


def _names(spots: Sequence[Spot]) -> float:
    return math.log2(1 + min(len({spot.called for spot in spots}), NAMES)) if spots else 0.0


def _words(spots: Sequence[Spot]) -> float:
    return math.log2(1 + len({spot.word for spot in spots}))
