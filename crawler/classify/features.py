"""What a judge sees in an article on one topic: numbers, each with the places in the text that it comes from. PURE.

The features are the same for every topic, so that what was learned from thousands of labelled articles serves a topic that
somebody adds by a data file alone. They follow the rule of relevance: the title, the lead, or a paragraph of substance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from crawler.classify.beside import beside_words, by_age, in_lists
from crawler.classify.document import LEAD, Document, Feature, Found, Spot

FULL = 600  # characters: a longer text is a full article, in which one name is a side remark
WINDOW = 3  # sentences: a paragraph, in texts that lost their line breaks
STRONG = ("name", "leader", "actor", "event")


def features(document: Document, found: Found) -> dict[str, Feature]:
    """The features of one topic, by name; those that are 0 are left out."""
    if not found.anchors:
        return {"none": Feature(1.0, tuple(found.refused[:3]))}
    result = {**_where(document, found), **_how_much(document, found), **_beside(document, found)}
    return {name: feature for name, feature in result.items() if feature.value}


def _where(document: Document, found: Found) -> dict[str, Feature]:
    """Title and lead, by what stands there."""
    title = [spot for spot in found.anchors if document.in_title(spot)]
    lead = [spot for spot in found.anchors if document.in_lead(spot)]
    body = [spot for spot in found.anchors if not document.in_title(spot) and not document.in_lead(spot)]
    result: dict[str, Feature] = {}
    for name, spots in (("title", title), ("lead", lead)):
        for kind, senses in (("strong", STRONG), ("place", ("place",)), ("derived", ("derived",))):
            result[f"{name}-{kind}"] = _any(spot for spot in spots if spot.mention.concept.sense in senses)
        result[f"{name}-several"] = Feature(float(len({spot.mention.concept.id for spot in spots}) > 1), tuple(spots))
    result["title-and-lead"] = Feature(float(bool(title and lead)), (*title[:2], *lead[:2]))
    result["title-only"] = Feature(float(bool(title and not lead and not body)), tuple(title))
    result["body-only"] = Feature(float(bool(body and not title and not lead)), tuple(body[:3]))
    short = len(document.text.text) < LEAD + 100
    result["short-title"] = Feature(float(bool(short and title)), tuple(title[:2]))
    result["short-lead"] = Feature(float(bool(short and lead and not title)), tuple(lead[:2]))
    return result


def _any(spots: Iterable[Spot]) -> Feature:
    kept = tuple(spots)
    return Feature(float(bool(kept)), kept[:3])


def _how_much(document: Document, found: Found) -> dict[str, Feature]:
    """Counts, density, and the best paragraph."""
    text = [spot for spot in found.anchors if spot.field == "text"]
    result: dict[str, Feature] = {}
    for kind, senses in (("strong", STRONG), ("place", ("place",)), ("derived", ("derived",))):
        spots = [spot for spot in text if spot.mention.concept.sense in senses]
        result[f"count-{kind}"] = Feature(math.log2(1 + min(len(spots), 15)), tuple(spots[:6]))
    sentences = Counter(document.sentence(spot.mention.start) for spot in text)
    total = max(len(document.sentences), 1)
    result["share"] = Feature(min(len(sentences) / total, 1.0), tuple(text[:6]))
    best, at = _best_window(sentences)
    inside = [spot for spot in text if at <= document.sentence(spot.mention.start) < at + WINDOW]
    result["paragraph"] = Feature(math.log2(1 + min(best, 8)), tuple(inside[:4]))
    result["dense-window"] = Feature(
        float(sum(1 for one in range(at, at + WINDOW) if sentences[one]) >= 2), tuple(inside[:4])
    )
    result["density"] = Feature(math.log2(1 + min(100 * len(text) / max(document.words, 25), 8)), tuple(text[:6]))
    kinds = {spot.mention.concept.id for spot in found.anchors}
    result["distinct"] = Feature(math.log2(min(len(kinds), 8)), tuple(found.anchors[:6]))
    in_title = any(map(document.in_title, found.anchors))
    beyond = max(text[0].mention.start - LEAD, 0) if text and not in_title else 0
    result["late"] = Feature(min(math.log2(1 + beyond / LEAD), 4.0), tuple(text[:1]))
    result["single"] = Feature(float(len(text) == 1 and not in_title), tuple(text[:1]))
    alone = len(found.anchors) == 1 and len(document.text.text) > FULL
    result["single-in-full"] = Feature(float(alone), tuple(found.anchors[:1]))
    result["lead-only"] = Feature(
        float(bool(text) and not in_title and all(map(document.in_lead, text)) and len(document.text.text) > FULL),
        tuple(text[:2]),
    )
    return result


def _best_window(sentences: Counter[int]) -> tuple[int, int]:
    """The most anchors in WINDOW sentences, and the first of these sentences."""
    best, at = 0, 0
    for start in sentences:
        number = sum(sentences[one] for one in range(start, start + WINDOW))
        if number > best:
            best, at = number, start
    return best, at


def _beside(document: Document, found: Found) -> dict[str, Feature]:
    """Lists, persons, other countries, and what kind of words stand near."""
    support = found.support
    result: dict[str, Feature] = {}
    listed = in_lists(document, found.anchors)
    result["in-list"] = Feature(len(listed) / len(found.anchors), tuple(listed[:4]))
    origins = [spot for spot in found.anchors if spot.mention.concept.sense in ("derived", "name", "place")]
    persons = beside_words(origins, support.get("person", []))
    persons += [spot for spot in by_age(document, origins) if spot not in persons]
    result["person"] = Feature(len(persons) / max(len(origins), 1), tuple(persons[:4]))
    result["person-only"] = Feature(float(len(persons) == len(found.anchors)), tuple(persons[:4]))
    edges = beside_words(found.anchors, support.get("border", []))
    result["border"] = Feature(len(edges) / len(found.anchors), tuple(edges[:4]))
    places = {document.sentence(spot.mention.start) for spot in found.anchors if spot.field == "text"}
    compared = beside_words(found.anchors, support.get("comparison", []))
    result["comparison"] = Feature(len(compared) / len(found.anchors), tuple(compared[:4]))
    only = [spot for spot in found.anchors if spot.mention.concept.sense == "derived"]
    result["derived-only"] = Feature(float(len(only) == len(found.anchors)), tuple(only[:3]))
    echoes = [spot for spot in support.get("echo", ()) if spot.field == "text" and _follows(document, spot, places)]
    result["echo"] = Feature(math.log2(1 + min(len(echoes), 15)), tuple(echoes[:4]))
    in_title = any(map(document.in_title, found.anchors))
    for sense in ("peer", "migration", "culture", "context", "echo"):
        spots = [spot for spot in support.get(sense, ()) if document.in_title(spot)]
        result[f"title-{sense}{'' if in_title else '-alone'}"] = _any(spots)
    peers = support.get("peer", [])
    ratio = math.log2((1 + len(peers)) / (1 + len(found.anchors)))
    result["peers"] = Feature(min(max(ratio, 0.0), 4.0), tuple(peers[:4]))
    lead = [spot for spot in peers if document.in_lead(spot)]
    has_lead = in_title or any(map(document.in_lead, found.anchors))
    result["lead-peer-alone"] = Feature(float(bool(lead) and not has_lead), tuple(lead[:2]))
    near = [
        spot
        for spot in support.get("context", ())
        if spot.field == "title" or document.sentence(spot.mention.start) in places
    ]
    result["context"] = Feature(
        math.log2(1 + min(len({_written(document, spot) for spot in near}), 15)), tuple(near[:6])
    )
    claims = [
        spot
        for spot in support.get("claim", ())
        if spot.field == "title" or document.sentence(spot.mention.start) in places
    ]
    result["claim"] = _any(claims)
    result["migration"] = Feature(
        math.log2(1 + min(len(support.get("migration", ())), 7)), tuple(support.get("migration", ())[:3])
    )
    result["culture"] = Feature(
        math.log2(1 + min(len(support.get("culture", ())), 7)), tuple(support.get("culture", ())[:3])
    )
    result["other"] = _any(support.get("other", ()))
    result["refused"] = _any(found.refused)
    return result


def _follows(document: Document, spot: Spot, anchored: set[int]) -> bool:
    """Whether a word like "the group" stands within a paragraph's length behind an anchor."""
    at = document.sentence(spot.mention.start)
    return any(at - back in anchored for back in range(WINDOW + 1))
