"""What a judge sees in an article on one topic: numbers, each with the places in the text that it comes from. PURE.

The features are the same for every topic, so that what was learned from thousands of labelled articles serves a topic that
somebody adds by a data file alone. They follow the rule of relevance: the title, the lead, or a paragraph of substance.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from crawler.classify.folding import Folded
from crawler.classify.lexicon import ANCHORS
from crawler.classify.matching import Mention

LEAD = 250  # characters: the first two sentences of a news text; triage reads 200
NEAR = 400  # characters around a weak word in which what supports it must stand: about three sentences
FULL = 600  # characters: a longer text is a full article, in which one name is a side remark
HEADLINE = 180  # characters: longer ones are no headlines
WINDOW = 3  # sentences: a paragraph, in texts that lost their line breaks
STRONG = ("name", "leader", "actor", "event")
_SENTENCE = re.compile(r"[.!?…][\"')\]]*\s+|\n+")
# what stands between the items of a list, and how much of the text on either side is looked at for items
_BETWEEN = re.compile(
    r"[,/•|]|\s(?:and|or|et|ou|und|oder|sowie|ve|veya|ile|y|o|e|i|oraz|и|или|û|an|na|iyo|fi)\s|\s+و(?=\S{3})"
)
_REACH = 90
_ITEM = 3  # words, the middle one a particle (Corée du Nord): more is a clause, no item
_PARTICLE = 3  # letters
_STOP = re.compile(r"[.!?:\n]")
LISTED = 2  # other items that make a list
# an age makes the person beside it the subject: "a 22-year-old Syrian", "siriano di 29 anni"
_AGE_BEFORE = re.compile(r"\b\d\d.{0,2}(?:year|jahre|jahr|yas|let|ans|anos|anni|lat|sal).{0,9}$")
_AGE_BEHIND = re.compile(
    r"^[ ,(]{1,2}(?:de |di |von |w wieku |aged |im alter von )?[1-9]\d\b(?! ?(?:%|percent|million|thousand))"
)
BESIDE = 14  # characters between "Syrian" and "man": room for one adjective


@dataclass(slots=True, eq=False)  # compared by identity: thousands are put into dicts
class Spot:
    """A mention with the field it stands in."""

    field: str  # "title" or "text"
    mention: Mention


@dataclass(frozen=True, slots=True)
class Feature:
    """A number, and the spots that it is owed to, in equal shares; without spots it belongs to the whole document."""

    value: float
    spots: tuple[Spot, ...] = ()


@dataclass(slots=True)
class Document:
    """A folded article; `words` counts the text's words."""

    title: Folded
    text: Folded
    words: int
    headline: int  # of a text without title, where its first sentence ends: that stands for the title; else 0
    _sentences: Sequence[int] | None = None

    @classmethod
    def of(cls, title: Folded, text: Folded) -> Document:
        """The document of a folded title and text."""
        words = text.text.count(" ") + text.text.count("\n") + bool(text.text)
        headline = 0
        if not title.text.strip():
            first = _SENTENCE.search(text.text)
            headline = min(first.end() if first else len(text.text), HEADLINE)
        return cls(title, text, words, headline)

    @property
    def sentences(self) -> Sequence[int]:
        """Where the text's sentences begin; looked for when a name was found, which is seldom."""
        if self._sentences is None:
            text = self.text.text
            self._sentences = [0, *(found.end() for found in _SENTENCE.finditer(text))] if text else []
        return self._sentences

    def in_title(self, spot: Spot) -> bool:
        """Whether a spot stands in the title, or in what stands for it."""
        return spot.field == "title" or spot.mention.start < self.headline

    def in_lead(self, spot: Spot) -> bool:
        """Whether a spot stands in the text's beginning."""
        return spot.field == "text" and self.headline <= spot.mention.start < LEAD + self.headline

    def sentence(self, place: int) -> int:
        """The number of the sentence in which a place of the text stands."""
        return bisect_right(self._sentences or self.sentences, place) - 1


@dataclass(slots=True)
class Found:
    """The mentions of one topic and of the common context in a document, sorted by what they are."""

    anchors: list[Spot] = field(default_factory=list)
    refused: list[Spot] = field(default_factory=list)  # weak words that nothing supports
    support: dict[str, list[Spot]] = field(default_factory=dict)


def gather(
    document: Document, topic: Mapping[str, Sequence[Mention]], common: Mapping[str, Sequence[Mention]]
) -> Found:
    """Sort the mentions of a topic (by field) and decide which weak ones count."""
    found = Found()
    weak: list[Spot] = []
    for name in ("title", "text"):
        for mention in topic.get(name, ()):
            spot = Spot(name, mention)
            if mention.concept.sense not in ANCHORS:
                found.support.setdefault(mention.concept.sense, []).append(spot)
            elif mention.weak:
                weak.append(spot)
            else:
                found.anchors.append(spot)
        for mention in common.get(name, ()):
            found.support.setdefault(mention.concept.sense, []).append(Spot(name, mention))
    # one name that is certain, or supported, tells what the doubtful ones stand for
    sure = bool(found.anchors) or any(_supported(document, spot, found, weak) for spot in weak)
    (found.anchors if sure else found.refused).extend(weak)
    found.anchors.sort(key=_place)
    return found


def _place(spot: Spot) -> tuple[bool, int]:
    return spot.field == "text", spot.mention.start


def _supported(document: Document, spot: Spot, found: Found, weak: Sequence[Spot]) -> bool:
    """Whether enough different words that fit stand near: of the topic's context, or other doubtful names of it.

    Another bearer of a name beside it asks for two words more.
    """
    fitting = {_written(document, one) for one in found.support.get("context", ()) if _is_near(one, spot)}
    mine = _written(document, spot)
    names = {
        one.mention.concept.id
        for one in weak
        if _is_near(one, spot) and mine not in _written(document, one) and _written(document, one) not in mine
    } - {spot.mention.concept.id}
    others = 2 if any(_is_near(one, spot) for one in found.support.get("other", ())) else 0
    return len(fitting) + len(names) >= spot.mention.weak + others


def _is_near(one: Spot, spot: Spot) -> bool:
    """Within NEAR in one field; the title is near the beginning of the text."""
    if one.field == spot.field:
        return abs(one.mention.start - spot.mention.start) <= NEAR
    return one.field == "title" or one.mention.start <= NEAR


def _written(document: Document, spot: Spot) -> str:
    folded = document.title if spot.field == "title" else document.text
    return folded.text[spot.mention.start : spot.mention.end]


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
    listed = _in_lists(document, found.anchors)
    result["in-list"] = Feature(len(listed) / len(found.anchors), tuple(listed[:4]))
    origins = [spot for spot in found.anchors if spot.mention.concept.sense in ("derived", "name", "place")]
    persons = _beside_words(origins, support.get("person", []))
    persons += [spot for spot in _by_age(document, origins) if spot not in persons]
    result["person"] = Feature(len(persons) / max(len(origins), 1), tuple(persons[:4]))
    result["person-only"] = Feature(float(len(persons) == len(found.anchors)), tuple(persons[:4]))
    edges = _beside_words(found.anchors, support.get("border", []))
    result["border"] = Feature(len(edges) / len(found.anchors), tuple(edges[:4]))
    places = {document.sentence(spot.mention.start) for spot in found.anchors if spot.field == "text"}
    compared = _beside_words(found.anchors, support.get("comparison", []))
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


def _in_lists(document: Document, anchors: Sequence[Spot]) -> list[Spot]:
    """The anchors that stand in a list with at least two items of another kind: "Iraq, Yemen and Syria"."""
    starts = {name: [spot.mention.start for spot in anchors if spot.field == name] for name in ("title", "text")}
    return [spot for spot in anchors if _is_listed(document, spot, starts[spot.field])]


def _is_listed(document: Document, spot: Spot, anchors: Sequence[int]) -> bool:
    """Whether at least two short items that hold no anchor themselves stand right beside a spot."""
    text = (document.title if spot.field == "title" else document.text).text
    first, last = spot.mention.start, spot.mention.end
    left, right = text[max(first - _REACH, 0) : first], text[last : last + _REACH]
    behind = before = 0.0
    words = right.split(
        None, _ITEM + 1
    )  # looking for lists is dear; a glance at the words that touch the spot mostly ends it
    touching = right[: len(right) - len(words[-1])] if len(words) > _ITEM + 1 else right
    if len(_BETWEEN.split(touching, maxsplit=1)[0].split()) <= _ITEM - 1:
        behind = _run(_cut(right, last), anchors, open_end=True)
    words = left.rsplit(None, _ITEM + 1)
    touching = left[len(words[0]) :] if len(words) > _ITEM + 1 else left
    if len(_BETWEEN.split(touching)[-1].split()) <= _ITEM - 1:
        before = _run(_cut(left, first - len(left))[::-1], anchors, open_end=False)
    return before + behind >= LISTED


def _cut(text: str, offset: int) -> list[tuple[int, str]]:
    """The pieces of a text with their places, without the one that touches the anchor."""
    pieces, at = [], 0
    for found in _BETWEEN.finditer(text):
        pieces.append((offset + at, text[at : found.start()]))
        at = found.end()
    pieces.append((offset + at, text[at:]))
    return pieces


def _run(pieces: list[tuple[int, str]], anchors: Sequence[int], *, open_end: bool) -> float:
    """How many pieces in a row, from the anchor outward, are items; one that goes on as a clause ends the row and is half one."""
    number = 0.0
    for place, piece in pieces[1:]:
        words = _STOP.split(piece)[0 if open_end else -1].split()
        if not words:
            break
        clause = len(words) > _ITEM or (len(words) == _ITEM and len(words[1]) > _PARTICLE)
        at = bisect_right(anchors, place - 1)
        if at == len(anchors) or anchors[at] >= place + len(piece):
            number += 0.5 if clause else 1.0
        if clause:
            break
    return number


def _by_age(document: Document, anchors: Sequence[Spot]) -> list[Spot]:
    """The anchors that stand beside somebody's age."""
    found = []
    for spot in anchors:
        text = (document.title if spot.field == "title" else document.text).text
        before, behind = (
            text[max(spot.mention.start - 24, 0) : spot.mention.start],
            text[spot.mention.end : spot.mention.end + 24],
        )
        if _AGE_BEFORE.search(before) or _AGE_BEHIND.search(behind):
            found.append(spot)
    return found


def _beside_words(anchors: Sequence[Spot], words: Sequence[Spot]) -> list[Spot]:
    """The anchors with one of these words right behind them, or right before: "a Syrian man", "the border with Syria"."""
    if not words:
        return []
    found = []
    for name in ("title", "text"):
        starts = sorted(spot.mention.start for spot in words if spot.field == name)
        ends = sorted(spot.mention.end for spot in words if spot.field == name)
        for spot in anchors:
            first, last = spot.mention.start, spot.mention.end
            if spot.field == name and (_within(starts, last, last + BESIDE) or _within(ends, first - BESIDE, first)):
                found.append(spot)
    return found


def _within(places: Sequence[int], first: int, last: int) -> bool:
    """Whether one of these sorted places lies from `first` up to and without `last`."""
    at = bisect_left(places, first)
    return at < len(places) and places[at] < last
