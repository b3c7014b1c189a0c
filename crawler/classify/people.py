"""A topic's people as those whom the story is about: they go home, are sent or taken in. PURE.

Asylum and borders speak against a topic where it is one country of many; where its people are named beside the move, and no other people, they are
the object of it. A person's origin is none of this: one man is no people.
"""

from __future__ import annotations

import math

from crawler.classify.bearers import REFUGEES
from crawler.classify.beside import beside_words, by_age
from crawler.classify.document import Document, Feature, Found, Spot
from crawler.classify.lexicon import COMMON

# who takes people in: no other people of the story
HOSTS = ("lebanon", "jordan", "turkey", "egypt", "gulf", "america", "kurdistan", "partners")
MOST = 7  # sentences


def moved_people(document: Document, found: Found) -> dict[str, Feature]:
    """`moved`: sentences that name the topic's people and a move, and nobody else's; `moved-title`, `moved-front`: where they stand."""
    derived = [spot for spot in found.anchors if spot.mention.concept.sense == "derived"]
    refugees = [spot for spot in found.anchors if spot.mention.concept.id == REFUGEES]
    moves = [*found.support.get("migration", ()), *refugees]
    if not moves or not (derived or refugees):
        return {}
    going = {(spot.field, spot.mention.start) for spot in moves}  # of refugees there are many, of bakers one
    words = [one for one in found.support.get("person", ()) if (one.field, one.mention.start) not in going]
    persons = beside_words(derived, words) + by_age(document, [*derived, *refugees])
    moving = {spot.place for spot in moves}
    others = {spot.place for spot in found.support.get("peer", ()) if _is_other(spot)}
    people = [spot for spot in (*derived, *refugees) if spot not in persons]
    moved = [spot for spot in people if (at := spot.place) in moving and at not in others]
    titled = [spot for spot in people if spot.titled]
    lead = [spot for spot in moves if spot.titled or document.in_lead(spot)]
    alone = bool(lead) and ("title", 0) not in others
    front = [spot for spot in moved if spot.titled or document.opens(spot)]
    return {
        "moved": Feature(math.log2(1 + min(len({spot.place for spot in moved}), MOST)), tuple(moved[:4])),
        "moved-title": Feature(float(alone and bool(titled)), tuple(titled[:2])),
        "moved-front": Feature(float(bool(front)), tuple(front[:2])),
    }


def _is_other(spot: Spot) -> bool:
    concept = spot.mention.concept
    return concept.topic == COMMON and concept.id not in HOSTS
