"""What a judge sees in an article on one topic: numbers, each with the places in the text that it comes from. PURE.

The features are the same for every topic, so that what was learned from thousands of labelled articles serves a topic that
somebody adds by a data file alone. They follow the rule of relevance: the title, the lead, or a paragraph of substance.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from crawler.classify.beside import beside_words, by_age, in_lists
from crawler.classify.document import LEAD, Document, Feature, Found, Spot
from crawler.classify.lexicon import COMMON

FULL = 600  # characters: a longer text is a full article, in which one name is a side remark
WINDOW = 3  # sentences: a paragraph, in texts that lost their line breaks
FITTING = ("context", "theatre", "claim", "echo")  # what tells a paragraph of substance
STRONG = ("name", "leader", "actor", "event")


def features(document: Document, found: Found) -> dict[str, Feature]:
    """The features of one topic, by name; those that are 0 are left out."""
    if not found.anchors:
        return {"none": Feature(1.0, tuple(found.refused[:3]))}
    result = {**_where(document, found), **_how_much(document, found), **_beside(document, found), **_others(document, found), **_words(document, found)}
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
    lonely = {spot.mention.concept.sense for spot in found.anchors} <= {"place", "leader"} and len(kinds) == 1
    bare = lonely and not any(found.support.get(sense) for sense in ("context", "peer", "hint"))
    result["bare"] = Feature(float(bare), tuple(found.anchors[:3]))
    untitled = bare and not any(map(document.in_title, found.anchors))
    result["bare-body"] = Feature(float(untitled), tuple(found.anchors[:3]))
    result["distinct"] = Feature(math.log2(min(len(kinds), 8)), tuple(found.anchors[:6]))
    in_title = any(map(document.in_title, found.anchors))
    beyond = max(text[0].mention.start - LEAD, 0) if text and not in_title else 0
    result["late"] = Feature(min(math.log2(1 + beyond / LEAD), 4.0), tuple(text[:1]))
    result["single"] = Feature(float(len(text) == 1 and not in_title), tuple(text[:1]))
    first = text[0].mention.start if text and not in_title else 0
    result["lead-behind"] = Feature(first / LEAD if 0 < first < LEAD else 0.0, tuple(text[:1]))
    opening = [s for s in text if document.headline <= s.mention.start < LEAD and document.sentence(s.mention.start) <= (document.headline > 0)]
    result["first-sentence"] = _any(opening)
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
    """Lists, persons, borders, comparisons."""
    support = found.support
    result: dict[str, Feature] = {}
    listed = in_lists(document, found.anchors)
    result["in-list"] = Feature(len(listed) / len(found.anchors), tuple(listed[:4]))
    origins = [spot for spot in found.anchors if spot.mention.concept.sense in ("derived", "name", "place")]
    persons = beside_words(origins, support.get("person", []))
    persons += [spot for spot in by_age(document, origins) if spot not in persons]
    result["person"] = Feature(len(persons) / max(len(origins), 1), tuple(persons[:4]))
    result["person-only"] = Feature(float(len(persons) == len(found.anchors)), tuple(persons[:4]))
    for sense in ("border", "comparison"):
        spots = beside_words(found.anchors, support.get(sense, []))
        result[sense] = Feature(len(spots) / len(found.anchors), tuple(spots[:4]))
    only = [spot for spot in found.anchors if spot.mention.concept.sense == "derived"]
    result["derived-only"] = Feature(float(len(only) == len(found.anchors)), tuple(only[:3]))
    return result


def _others(document: Document, found: Found) -> dict[str, Feature]:
    """Who else is named: other countries and, apart from them, others of the topic's own kind (rivals)."""
    named = found.support.get("peer", [])
    rivals = [spot for spot in named if spot.mention.concept.topic != COMMON]
    peers = [spot for spot in named if spot.mention.concept.topic == COMMON]
    in_title = any(map(document.in_title, found.anchors))
    has_lead = in_title or any(map(document.in_lead, found.anchors))
    result: dict[str, Feature] = {}
    for name, spots in (("peer", peers), ("rival", rivals)):
        ratio = math.log2((1 + len(spots)) / (1 + len(found.anchors)))
        result[f"{name}s"] = Feature(min(max(ratio, 0.0), 4.0), tuple(spots[:4]))
        lead = [spot for spot in spots if document.in_lead(spot)]
        result[f"lead-{name}-alone"] = Feature(float(bool(lead) and not has_lead), tuple(lead[:2]))
        titled = [spot for spot in spots if document.in_title(spot)]
        result[f"title-{name}{'' if in_title else '-alone'}"] = _any(titled)
    result["other"] = _any(found.support.get("other", ()))
    result["refused"] = _any(found.refused)
    return result


def _words(document: Document, found: Found) -> dict[str, Feature]:
    """What kind of words stand near the names, and in the title."""
    support = found.support
    result: dict[str, Feature] = {}
    places = {document.sentence(spot.mention.start) for spot in found.anchors if spot.field == "text"}
    in_title = any(map(document.in_title, found.anchors))
    named = places | {0} if in_title else places  # what the title names is meant by the text's first words
    echoes = [spot for spot in support.get("echo", ()) if spot.field == "text" and _follows(document, spot, named)]
    result["echo"] = Feature(math.log2(1 + min(len(echoes), 15)), tuple(echoes[:4]))
    for sense in ("migration", "culture", "context", "theatre", "echo"):
        spots = [spot for spot in support.get(sense, ()) if document.in_title(spot)]
        result[f"title-{sense}{'' if in_title else '-alone'}"] = _any(spots)
    context = support.get("context", ())
    near = [s for s in context if s.field == "title" or document.sentence(s.mention.start) in places]
    result["context"] = Feature(_different(document, near), tuple(near[:6]))
    around = {one + step for one in named for step in (-1, 0, 1)}
    wide = [s for s in context if s.field == "text" and document.sentence(s.mention.start) in around]
    result["context-around"] = Feature(_different(document, wide), tuple(wide[:6]))
    last = max((s.mention.start for s in found.anchors if s.field == "text"), default=LEAD)
    # what stands behind the last name may be about anything: it must never make a match
    before = [s for s in context if s.field == "title" or s.mention.start < last]
    apart = [s for s in before if s.field == "title" or document.sentence(s.mention.start) not in places]
    result["context-apart"] = Feature(_different(document, apart), tuple(apart[:6]))
    result["stray"] = Feature(float(not apart and not in_title), tuple(found.anchors[:3]))
    past = {document.sentence(s.mention.start) for s in support.get("past", ()) if s.field == "text"}
    gone = [s for s in found.anchors if s.field == "text" and document.sentence(s.mention.start) in past]
    result["past"] = Feature(len(gone) / len(found.anchors), tuple(gone[:4]))
    result["past-only"] = Feature(float(len(gone) == len(found.anchors)), tuple(gone[:4]))
    claims = [s for s in support.get("claim", ()) if s.field == "title" or document.sentence(s.mention.start) in places]
    result["claim"] = _any(claims)
    for sense in ("migration", "culture"):
        spots = support.get(sense, [])
        result[sense] = Feature(math.log2(1 + min(len(spots), 7)), tuple(spots[:3]))
    topical = places | {document.sentence(spot.mention.start) for spot in echoes}
    result["topical"] = Feature(min(len(topical) / max(len(document.sentences), 1), 1.0), tuple(echoes[:4]))
    best = max((sum(one + step in topical for step in range(WINDOW)) for one in topical), default=0)
    result["substance"] = Feature(float(best >= 2), (*found.anchors[:3], *echoes[:3]))
    rich, spots = _richest(document, found)
    result["rich"] = Feature(math.log2(1 + min(rich, 15)), spots)
    rivals = any(s.mention.concept.topic != COMMON and document.in_title(s) for s in support.get("peer", ()))
    deed = bool(claims) and not in_title and not rivals and result["title-context-alone"].value > 0
    result["claimed-deed"] = Feature(float(deed), tuple(claims[:3]))
    return result


def _richest(document: Document, found: Found) -> tuple[int, tuple[Spot, ...]]:
    """How many different words that fit stand in the paragraph of a name that has most of them, and these words."""
    words = [s for sense in FITTING for s in found.support.get(sense, ()) if s.field == "text"]
    words.sort(key=lambda spot: spot.mention.start)
    starts = [spot.mention.start for spot in words]
    best: tuple[int, tuple[Spot, ...]] = (0, ())
    looked = -1
    for anchor in found.anchors:
        if anchor.field != "text":
            continue
        begin, end = document.paragraph(anchor)
        if begin == looked:
            continue
        looked = begin
        inside = words[bisect_left(starts, begin) : bisect_left(starts, end)]
        number = len({document.written(spot) for spot in inside})
        if number > best[0]:
            best = number, (anchor, *inside[:5])
    return best


def _different(document: Document, spots: Sequence[Spot]) -> float:
    return math.log2(1 + min(len({document.written(spot) for spot in spots}), 15))


def _follows(document: Document, spot: Spot, anchored: set[int]) -> bool:
    """Whether a word like "the group" stands within a paragraph's length behind an anchor."""
    at = document.sentence(spot.mention.start)
    return any(at - back in anchored for back in range(WINDOW + 1))
