"""What kind of piece an article is: news in brief, on a work of art about a war, on a trial for its crimes, on hostages. PURE.

A roundup names a topic in one item of many, and its headline and first item tell whose it is. A film about a war has the words of film and of the
war, a trial for war crimes those of the court and of the crimes.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from crawler.classify.bearers import TELLS, is_private
from crawler.classify.document import Document, Feature, Found, Spot

CAPTIVES = "captives"  # the concept of hostages, who matter where they were taken
COURT = "court"  # the concept of courts and verdicts, beside that of the deeds that are tried there
WORKS = "works"  # the concept of novels, films and exhibitions; a league or a menu tells of no war
ITEMS = 3  # labels of items, or rules between them, that make a roundup
COUNTRIES = 2  # of these labels name one, or the topic
LANDS = ("peer", "land", "theatre")
HEADING = 60  # characters: a shorter line is no item
LABEL = 29  # letters of one
# "Bolivia: …", "Gaza - …" at the front of a sentence
_LABEL = re.compile(rf"[^\W\d_][\w'() ]{{1,{LABEL - 1}}}(?::| -) ")
_RULE = "+++"
_SEGMENT = re.compile(r"[,;|/]| - ")
MOST = 15  # different words
VERDICT = 2  # different words of courts: one stands in any story on crime


def shape(document: Document, found: Found) -> dict[str, Feature]:
    """Features of what an article on a country is, where nobody is named who rules or fights: then its words alone tell."""
    return _work(document, found) | _trial(found) | _captives(document, found) if is_private(found) else {}


def first_item(document: Document, found: Found) -> Found | None:
    """What stands in the headline and the first item of a roundup, which tell what it is about; None of an article that is none."""
    if not _is_roundup(document, found):
        return None
    end = _end_of_item(document)
    words = [spot for spot in found.support.get("roundup", ()) if spot.field == "title"]

    def inside(spots: Iterable[Spot]) -> list[Spot]:
        return [
            spot
            for spot in spots
            if _heads(document, spot, words) or (spot.field == "text" and spot.mention.start < end)
        ]

    support = {sense: kept for sense, spots in found.support.items() if (kept := inside(spots))}
    return Found(inside(found.anchors), inside(found.refused), support, found.company, found.country)


def _is_roundup(document: Document, found: Found) -> bool:
    if any(spot.titled for spot in found.support.get("roundup", ())):
        return True
    text = document.text.text
    if text.count(_RULE) >= ITEMS:
        return True
    labels = _labels(document)
    if len(labels) < ITEMS:
        return False
    lands = [s for some in (found.anchors, *map(found.support.get, LANDS)) for s in some or () if s.field == "text"]
    return sum(any(begin <= spot.mention.start < end for spot in lands) for begin, end in labels) >= COUNTRIES


def _labels(document: Document) -> list[tuple[int, int]]:
    """Where the labels in front of sentences begin and end."""
    text, sentences = document.text.text, document.sentences
    begins = set()  # looking for the letters is dear, looking for one character is not
    for mark in ":-":
        at = text.find(mark)
        while at >= 0:
            begin = sentences[bisect_right(sentences, at) - 1]
            if at - begin <= LABEL + 1:
                begins.add(begin)
            at = text.find(mark, at + 1)
    return [match.span() for at in sorted(begins) if (match := _LABEL.match(text, at))]


def _end_of_item(document: Document) -> int:
    """Where the first item ends: at a line's end, unless it is a heading's or a greeting's, at the second label, at a rule between two.

    Of a text without any of these each sentence is an item.
    """
    text = document.text.text
    begin = len(text) - len(text.lstrip(f" {_RULE[0]}"))
    ends = [end for end in (text.find("\n", begin + HEADING), text.find(_RULE, begin)) if end >= 0]
    ends += [at for at, _ in _labels(document)[1:2]]
    return min(ends or document.sentences[1:2] or [len(text)])


def _heads(document: Document, spot: Spot, words: Sequence[Spot]) -> bool:
    """Whether a spot stands in the first part of the title, which "in brief" itself is not."""
    if spot.field != "title":
        return False
    behind = max((word.mention.end for word in words if word.mention.end <= spot.mention.start), default=0)
    between = document.title.text[behind : spot.mention.start].lstrip(" :|-,")
    return _SEGMENT.search(between) is None


def _work(document: Document, found: Found) -> dict[str, Feature]:
    """`work-told`: how many different words of war a text on a novel or a film has, where nobody is named who rules or fights."""
    works = [spot for spot in found.support.get("culture", ()) if spot.mention.concept.id == WORKS]
    if not works or not any(s.titled or document.in_lead(s) for s in works):
        return {}
    told = {spot.word: spot for sense in TELLS for spot in found.support.get(sense, ())}
    return {"work-told": Feature(math.log2(1 + min(len(told), MOST)), (*works[:2], *list(told.values())[:4]))}


def _trial(found: Found) -> dict[str, Feature]:
    """`trial`: how many different words of war crimes, torture and slavery stand in a report from a court."""
    spots = found.support.get("deed", ())
    court = {spot.word for spot in spots if spot.mention.concept.id == COURT}
    deeds = {spot.word: spot for spot in spots if spot.mention.concept.id != COURT}
    if len(court) < VERDICT or not deeds:
        return {}
    return {"trial": Feature(math.log2(1 + min(len(deeds), MOST)), tuple(deeds.values())[:4])}


def _captives(document: Document, found: Found) -> dict[str, Feature]:
    """`captives`: whether a sentence that names the country tells of hostages; `captives-front`: of title or lead."""
    taken = [spot for spot in found.support.get("deed", ()) if spot.mention.concept.id == CAPTIVES]
    named = {spot.place for spot in found.anchors if spot.mention.concept.sense == "name"}
    there = [spot for spot in taken if spot.place in named]
    front = [spot for spot in there if spot.titled or document.in_lead(spot)]
    return {
        "captives": Feature(float(bool(there)), tuple(there[:3])),
        "captives-front": Feature(float(bool(front)), tuple(front[:3])),
    }
