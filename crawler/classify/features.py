"""What a judge sees in an article on one topic: numbers, each with the places in the text that it comes from. PURE.

The features are the same for every topic, so that what was learned from thousands of labelled articles serves a topic that
somebody adds by a data file alone. They follow the rule of relevance: the title, the lead, or a paragraph of substance.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from crawler.classify.bearers import bearers, leisure, private
from crawler.classify.beside import beside_words, by_age, in_lists, is_likened, paired
from crawler.classify.document import EDGE, LEAD, Document, Feature, Found, Spot
from crawler.classify.lexicon import COMMON
from crawler.classify.people import moved_people
from crawler.classify.shape import first_item, shape
from crawler.classify.told import told
from crawler.classify.whose import whose

WINDOW = 3  # sentences: a paragraph, in texts that lost their line breaks
FITTING = ("context", "theatre", "claim", "echo")  # what tells a paragraph of substance
OWN = "own"  # of the words beside a topic: those that seldom stand beside another
KIN = "kin"  # of a topic's peers: what its name was made from (al-Qaeda in Iraq)
LONG = 150  # characters: a shorter paragraph is a caption or a cry
THROUGHOUT = 0.6  # of a paragraph's sentences
STRONG = ("name", "leader", "actor")
TITLED = ("migration", "context", "theatre")  # of what kind a title is, beside the topic's name and without it


def features(document: Document, found: Found) -> dict[str, Feature]:
    """The features of one topic, by name; those that are 0 are left out."""
    if not found.anchors:
        return {"none": Feature(1.0, tuple(found.refused[:3]))}
    first = first_item(document, found)
    if first is not None and not first.anchors:
        return {"none": Feature(1.0), "roundup": Feature(1.0, tuple(found.anchors[:3]))}
    found = first or found
    parts = [_where, _how_much, _how_late, _beside, _others, _words, _paragraphs, bearers, told]
    if found.country:
        parts += [private, whose, moved_people, shape]
    return {name: feature for part in parts for name, feature in part(document, found).items() if feature.value}


def _where(document: Document, found: Found) -> dict[str, Feature]:
    """Title and lead, by what stands there; `event-only`: a deed of the topic in a text that names nobody."""
    title = [spot for spot in found.anchors if spot.titled]
    lead = [spot for spot in found.anchors if document.in_lead(spot)]
    result: dict[str, Feature] = {}
    for name, spots in (("title", title), ("lead", lead)):
        result[f"{name}-strong"] = _any(spot for spot in spots if spot.mention.concept.sense in STRONG)
        result[f"{name}-event"] = _any(spot for spot in spots if spot.mention.concept.sense == "event")
    result["title-place"] = _any(spot for spot in title if _is_place(spot))
    result["title-only"] = Feature(float(bool(title) and len(title) == len(found.anchors)), tuple(title))
    events = all(spot.mention.concept.sense == "event" for spot in found.anchors)
    result["event-only"] = Feature(float(events), tuple(found.anchors[:3]))
    short = len(document.text.text) < LEAD + 100
    result["short-title"] = Feature(float(bool(short and title)), tuple(title[:2]))
    return result


def _is_place(spot: Spot) -> bool:
    return spot.mention.concept.sense == "place" and spot.mention.concept.id not in EDGE


def _any(spots: Iterable[Spot]) -> Feature:
    kept = tuple(spots)
    return Feature(float(bool(kept)), kept[:3])


def _how_much(document: Document, found: Found) -> dict[str, Feature]:
    """How many different names, and the sentences in a row that name the topic most often."""
    text = [spot for spot in found.anchors if spot.field == "text"]
    result: dict[str, Feature] = {}
    sentences = Counter(spot.sentence for spot in text)
    best, at = _best_window(sentences)
    inside = [spot for spot in text if at <= spot.sentence < at + WINDOW]
    result["paragraph"] = Feature(math.log2(1 + min(best, 8)), tuple(inside[:4]))
    names = {spot.called for spot in found.anchors}
    result["distinct"] = Feature(math.log2(min(len(names), 8)), tuple(found.anchors[:6]))
    return result


def _best_window(sentences: Counter[int]) -> tuple[int, int]:
    """The most anchors in WINDOW sentences, and the first of these sentences."""
    best, at = 0, 0
    for start in sentences:
        number = sum(sentences[one] for one in range(start, start + WINDOW))
        if number > best:
            best, at = number, start
    return best, at


def _how_late(document: Document, found: Found) -> dict[str, Feature]:
    """Of a topic that the title does not name: where the text names it first, and whether it names others of its kind before."""
    text = [spot for spot in found.anchors if spot.field == "text"]
    opening = [spot for spot in text if document.in_lead(spot) and document.opens(spot)]
    result = {"first-sentence": _any(opening)}
    if not text or any(spot.titled for spot in found.anchors):
        return result
    first = max(text[0].mention.start - document.front, 0)
    result["late"] = Feature(min(math.log2(1 + max(first - LEAD, 0) / LEAD), 4.0), tuple(text[:1]))
    result["single"] = Feature(float(len(text) == 1), tuple(text[:1]))
    result["single-late"] = Feature(result["single"].value * result["late"].value, tuple(text[:1]))
    first = text[0].mention.start
    before = document.sentence(first)
    result["sentences-before"] = Feature(math.log2(1 + min(before, 15)), tuple(text[:1]))
    begin = document.sentences[before]
    head = document.text.text.rfind("\n", 0, first) + 1
    behind = before >= WINDOW and not head and document.in_lead(text[0])
    result["behind-lead"] = Feature(float(behind), tuple(text[:1]))
    ahead = [spot for spot in _rivals(found) if spot.field == "title" or head <= spot.mention.start < begin]
    result["rival-first"] = Feature(float(bool(ahead)), tuple(ahead[:2]))
    return result


def _rivals(found: Found) -> list[Spot]:
    """Others of the topic's own kind."""
    named = found.support.get("peer", ())
    return [spot for spot in named if spot.mention.concept.topic != COMMON and spot.mention.concept.id != KIN]


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
        if sense == "comparison":
            spots += [spot for spot in found.anchors if is_likened(document, spot) and spot not in spots]
        result[sense] = Feature(len(spots) / len(found.anchors), tuple(spots[:4]))
        if sense == "comparison" and spots:
            front = [spot for spot in found.anchors if spot.titled]
            likened = [spot for spot in front if spot in spots]
            result["title-comparison"] = Feature(len(likened) / max(len(front), 1), tuple(likened[:2]))
    return result


def _others(document: Document, found: Found) -> dict[str, Feature]:
    """Who else is named: other countries and, apart from them, others of the topic's own kind (rivals)."""
    named = found.support.get("peer", [])
    rivals = _rivals(found)
    peers = [spot for spot in named if spot.mention.concept.topic == COMMON]
    in_title = any(spot.titled for spot in found.anchors)
    has_lead = in_title or any(map(document.in_lead, found.anchors))
    result: dict[str, Feature] = {}
    for name, spots in (("peer", peers), ("rival", rivals)):
        if not spots:
            continue
        ratio = math.log2((1 + len(spots)) / (1 + len(found.anchors)))
        result[f"{name}s"] = Feature(min(max(ratio, 0.0), 4.0), tuple(spots[:4]))
        result[f"title-{name}{'' if in_title else '-alone'}"] = _any(spot for spot in spots if spot.titled)
    if rivals:
        beside = {spot.place for spot in rivals}
        near = [spot for spot in found.anchors if spot.place in beside]
        result["rival-beside"] = Feature(len(near) / len(found.anchors), tuple(near[:4]))
        lead = [spot for spot in rivals if document.in_lead(spot)]
        result["lead-rival-alone"] = Feature(float(bool(lead) and not has_lead), tuple(lead[:2]))
        titled = [spot for spot in rivals if spot.titled]
        likened = found.support.get("comparison", [])
        both = float(bool(titled and in_title and likened))
        result["rival-likened"] = Feature(both, (*titled[:2], *likened[:2]))
    if others := found.support.get("other"):
        there = tuple(spot for spot in others if spot.titled)
        result["other"] = _any(others)
        result["other-share"] = Feature(len(others) / (len(others) + len(found.anchors)), tuple(others[:3]))
        result["other-title"] = Feature(float(bool(there) and not in_title), there[:2])
    return result


def _words(document: Document, found: Found) -> dict[str, Feature]:
    """What kind of words stand near the names, and in the title."""
    support = found.support
    result: dict[str, Feature] = {}
    places = {spot.sentence for spot in found.anchors if spot.field == "text"}
    in_title = any(spot.titled for spot in found.anchors)
    named = places | {0} if in_title else places  # what the title names is meant by the text's first words
    echoes = [spot for spot in support.get("echo", ()) if spot.field == "text" and _follows(document, spot, named)]
    result["echo"] = Feature(math.log2(1 + min(len(echoes), 15)), tuple(echoes[:4]))
    if not in_title:
        own = (s for s in support.get("context", ()) if s.titled and s.mention.concept.id == OWN)
        result["title-own-alone"] = _any(own)
    for sense in (*TITLED, "culture") if in_title else TITLED:
        spots = [spot for spot in support.get(sense, ()) if spot.titled]
        result[f"title-{sense}{'' if in_title else '-alone'}"] = _any(spots)
    joined = paired(document, found.anchors, _rivals(found)) if support.get("claim") else ()
    alone = {s.sentence for s in found.anchors if s.field == "text" and s not in joined}
    claims = [s for s in support.get("claim", ()) if s.field == "title" or s.sentence in alone]
    result["claim"] = _any(claims)
    result["claim-front"] = _any(s for s in claims if s.titled or document.in_lead(s))
    moves = support.get("migration", [])
    result["migration"] = Feature(math.log2(1 + min(len(moves), 7)), tuple(moves[:3]))
    result["leisure"] = leisure(document, found)
    return result


def _paragraphs(document: Document, found: Found) -> dict[str, Feature]:
    """How much of the topic's own words stands in a name's paragraph, and how much apart from the sentences that name it."""
    anchors = [spot for spot in found.anchors if spot.field == "text"]
    places = {spot.sentence for spot in anchors}
    # what stands behind the last name may be about anything: it must never make a match
    last = anchors[-1].mention.start if anchors else LEAD
    apart: list[Spot] = []
    others: set[int] = set()  # sentences that tell of it without its name
    for spot in found.support.get("context", ()):
        if spot.field == "title":
            apart.append(spot)
        elif spot.mention.start < last and (at := spot.sentence) not in places:
            apart.append(spot)
            others.add(at)
    drowned = 0.0
    if anchors and not any(spot.titled for spot in found.anchors):
        drowned = min(max(math.log2((1 + len(others)) / (1 + len(places))), 0.0), 4.0)
    words = [s for sense in FITTING for s in found.support.get(sense, ()) if s.field == "text"]
    words.sort(key=lambda spot: spot.mention.start)
    rich, spots = _richest(document, anchors, words)
    own, opens, inside = _own_paragraph(document, anchors, words)
    # beside an organisation's name they tell of its deeds; beside a country's they mostly tell of another's war
    where = "war-elsewhere" if found.country else "context-apart"
    return {
        where: Feature(_different(document, apart), tuple(apart[:6])),
        "drowned": Feature(drowned, tuple(anchors[:2])),
        "rich": Feature(math.log2(1 + min(rich, 15)), spots),
        "own-paragraph": Feature(math.log2(1 + min(own, 7)), inside),
        "opens-paragraph": Feature(float(opens), inside),
    }


def _own_paragraph(
    document: Document, anchors: Sequence[Spot], words: Sequence[Spot]
) -> tuple[int, bool, tuple[Spot, ...]]:
    """Of the paragraphs behind the first that speak of the topic nearly throughout: the most sentences that do, and the names there.

    In between: whether one of them begins with a sentence that names the topic.
    """
    text = document.text.text
    most, opens = 0, False
    spots: tuple[Spot, ...] = ()
    for begin, end in {document.paragraph(spot) for spot in anchors} if "\n" in text else ():
        first, last = document.sentence(begin), document.sentence(end - 1)
        if begin == 0 or text[begin - 1] != "\n" or first == last or end - begin < LONG:
            continue
        inside = [spot for spot in anchors if begin <= spot.mention.start < end]
        named = {spot.sentence for spot in inside}
        topical = named | {spot.sentence for spot in words if begin <= spot.mention.start < end}
        if len(topical) < THROUGHOUT * (last - first + 1):
            continue
        opens = opens or first in named
        if len(topical) > most:
            most, spots = len(topical), tuple(inside[:4])
    return most, opens, spots


def _richest(document: Document, anchors: Sequence[Spot], words: Sequence[Spot]) -> tuple[int, tuple[Spot, ...]]:
    """How many different words that fit stand in the paragraph of a name that has most of them, and these words."""
    starts = [spot.mention.start for spot in words]
    best: tuple[int, tuple[Spot, ...]] = (0, ())
    looked = -1
    for anchor in anchors:
        begin, end = document.paragraph(anchor)
        if begin == looked:
            continue
        looked = begin
        inside = words[bisect_left(starts, begin) : bisect_left(starts, end)]
        number = len({spot.word for spot in inside})
        if number > best[0]:
            best = number, (anchor, *inside[:5])
    return best


def _different(document: Document, spots: Sequence[Spot]) -> float:
    return math.log2(1 + min(len({spot.word for spot in spots}), 15))


def _follows(document: Document, spot: Spot, anchored: set[int]) -> bool:
    """Whether a word like "the group" stands within a paragraph's length behind an anchor."""
    at = spot.sentence
    return any(at - back in anchored for back in range(WINDOW + 1))
