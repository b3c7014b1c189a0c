"""An article as the judge reads it: where its title, lead and sentences are, and which words of a topic count there. PURE."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from crawler.classify.capitals import follows, goes_on
from crawler.classify.folding import Folded
from crawler.classify.lexicon import ANCHORS, COMMON
from crawler.classify.matching import Mention

LEAD = 250  # characters: the first two sentences of a news text; triage reads 200
NEAR = 400  # characters around a weak word in which what supports it must stand: about three sentences
BEFORE = "before"  # the id of the words that put a name elsewhere when they stand before it: rue de Damas
PART = 2  # words that fit which a doubtful name needs on top, as part of a longer one: Esad Yılmaz
NEVER = 6  # of `weak`: no words make up for the lack of a name that is certain
STEM = 4  # letters
EDGE = ("edge", "edge-weak")  # concepts of places that other countries' wars and outings reach
GAP = 2  # characters at most between a name and what puts it elsewhere: a comma and a blank, a blank and a bracket
PARTING = frozenset(".!?…:;\n")  # which part the two, were they in the gap
ABBREVIATION = 3  # letters of SDF, HTS, SNA and FSA, which stand for many things
PARAGRAPH = 900  # characters: a longer one is a text that lost its line breaks
HEADLINE = 180  # characters: longer ones are no headlines
BYLINES = 3  # lines at most that stand before an article's first sentence: author, date, agency, place, caption
BYLINE = 70  # characters: a longer line is a sentence
_WORD = re.compile(r"\w+")
_STOPS = (".", "!", "?", "…", ":", '"', "”", "»", "“", "'")
# something happens in, goes to or comes from a town; seldom a man, a ship or a team of its name
_THERE = re.compile(
    r"(?:^|\W)(?:in|near|outside|inside|across|around|from|to|at|dans|pres de|depuis|vers|en|desde|hacia|da|verso|vicino a|bei|nach|aus|nahe|в|во|из|под|около"
    r"|w|we|z|do|pod|في|الي|من|قرب|در|از|به|li|ji|bij|uit|naar"
    r"|(?:city|town|north|south|east|west|outskirts|suburbs|countryside|centre|streets|people) of|ville de|province de|(?:nord|sud|est|ouest) de"
    r"|stadt|provinz|nordlich von|ostlich von|sudlich von|westlich von|ciudad de|provincia (?:de|di)|citta di|города|городе|город|провинции"
    r"|مدينه|بمدينه|ريف|بريف|محافظه|بمحافظه|بلده|ببلده|شمال|جنوب|شرق|غرب|وسط|احياء|اهالي|شوارع|مطار|ميناء|مرفا|مشفي|شهر|استان) $|\bب$"
)
_THITHER = re.compile(r"['’](?:[dt][ae]n?|y[ae])(?:ki)?(?!\w)")  # Turkish: Humus'ta, Halep'ten
_COLON = re.compile(r" ?:")  # Homs: eight dead, at the front of a headline
_LOOK = 20  # characters before a place
_ENDING = 6  # characters behind it
# begins with one set of characters, not with alternatives: three times as fast to look for
_SENTENCE = re.compile(r"[.!?…\n](?:(?<!\n)[\"')\]]*\s+|(?<=\n)\n*)")


class Spot(Struct, eq=False, gc=False):  # compared by identity: thousands are put into dicts
    """A mention with the field it stands in, as Document.spot makes it."""

    field: str  # "title" or "text"
    mention: Mention
    word: str  # folded
    sentence: int  # its number there; a title is one
    titled: bool  # whether it stands in the title, or in what stands for it

    @property
    def place(self) -> tuple[str, int]:
        """The field and the number of the sentence there."""
        return self.field, self.sentence

    @property
    def stem(self) -> str:
        """The letters with which it begins: the same for most forms of a name (Пальмира, Пальмиры)."""
        return self.word[:STEM]

    @property
    def called(self) -> str:
        """What tells one name from another: a town from the next by its letters, all others by their concept."""
        concept = self.mention.concept
        if concept.id in EDGE:
            return EDGE[0]  # Hermon and the Golan are one place
        return self.word[:STEM] if concept.sense == "place" else concept.id


class Feature(Struct, gc=False):
    """A number, and the spots that it is owed to, in equal shares; without spots it belongs to the whole document."""

    value: float
    spots: tuple[Spot, ...] = ()


class Document(Struct):
    """A folded article."""

    title: Folded
    text: Folded
    headline: int  # of a text without title, where its first sentence ends: that stands for the title; else 0
    front: int = 0  # where the lead begins: behind the headline, and behind lines of author, date and place
    sources: tuple[str, str] = ("", "")  # title and text as they were written, for their capitals
    _sentences: Sequence[int] | None = None
    _paragraphs: dict[int, tuple[int, int]] = field(default_factory=dict)  # by where a spot in them begins
    _opening: int | None = None  # the number of the first sentence, behind what stands for the title

    @classmethod
    def of(cls, title: Folded, text: Folded, sources: tuple[str, str] = ("", "")) -> Document:
        """The document of a folded title and text; without their sources nothing is known of capitals."""
        headline = 0
        if not title.text.strip():
            first = _SENTENCE.search(text.text)
            headline = min(first.end() if first else len(text.text), HEADLINE)
        return cls(title, text, headline, _front(text.text, headline), sources)

    @property
    def words(self) -> int:
        """How many words the text has."""
        return self.text.text.count(" ") + self.text.text.count("\n") + bool(self.text.text)

    @property
    def sentences(self) -> Sequence[int]:
        """Where the text's sentences begin; looked for when a name was found, which is seldom."""
        if self._sentences is None:
            text = self.text.text
            self._sentences = [0, *(found.end() for found in _SENTENCE.finditer(text))] if text else []
        return self._sentences

    def spot(self, field: str, mention: Mention) -> Spot:
        """A mention of a field as a spot."""
        start = mention.start
        if field == "title":
            return Spot(field, mention, self.title.text[start : mention.end], 0, True)
        return Spot(field, mention, self.text.text[start : mention.end], self.sentence(start), start < self.headline)

    def in_lead(self, spot: Spot) -> bool:
        """Whether a spot stands in the text's beginning."""
        return spot.field == "text" and self.front <= spot.mention.start < LEAD + self.front

    def opens(self, spot: Spot) -> bool:
        """Whether a spot stands in the text's first sentence, behind the one that stands for the title."""
        if self.front > spot.mention.start:
            return spot.titled
        if self._opening is None:
            self._opening = max(self.sentence(self.front) if self.front else 0, self.headline > 0)
        return spot.sentence <= self._opening

    def sentence(self, place: int) -> int:
        """The number of the sentence in which a place of the text stands."""
        return bisect_right(self._sentences or self.sentences, place) - 1

    def paragraph(self, spot: Spot) -> tuple[int, int]:
        """Where the paragraph of a spot in the text begins and ends; of one that is no paragraph, the three sentences around it."""
        start = spot.mention.start
        if start not in self._paragraphs:
            self._paragraphs[start] = self._paragraph(spot, start)
        return self._paragraphs[start]

    def _paragraph(self, spot: Spot, start: int) -> tuple[int, int]:
        text = self.text.text
        begin, end = text.rfind("\n", 0, start) + 1, text.find("\n", start)
        end = len(text) if end < 0 else end
        if end - begin > PARAGRAPH:
            at = spot.sentence
            begin = max(begin, self.sentences[max(at - 1, 0)])
            end = min(end, self.sentences[at + 2] if at + 2 < len(self.sentences) else end)
        return begin, end

    def is_there(self, spot: Spot) -> bool:
        """Whether something happens in a place or moves to or from it: in Homs, à Homs, Humus'ta, "Homs: …"."""
        text = (self.title if spot.field == "title" else self.text).text
        start, end = spot.mention.start, spot.mention.end
        if _THERE.search(text[max(start - _LOOK, 0) : start]) or _THITHER.search(text, start, end + _ENDING):
            return True
        if start == 0 and spot.field == "title" and _COLON.match(text, end):
            return True
        source, (first, _) = self.source(spot)
        return source[max(first - 2, 0) : first] in ("à ", "À ")  # folded it is an English article

    def source(self, spot: Spot) -> tuple[str, tuple[int, int]]:
        """The field of a spot as it was written, and where the spot begins and ends there."""
        folded, source = (self.title, self.sources[0]) if spot.field == "title" else (self.text, self.sources[1])
        return source, folded.original(spot.mention.start, spot.mention.end)


def _front(text: str, headline: int) -> int:
    """Where the first sentence begins: behind short lines that no stop ends, of which an article may have some."""
    front = headline
    if headline and text[headline - 1] != "\n":
        return front
    for _ in range(BYLINES):
        end = text.find("\n", front)
        line = text[front:end].strip() if end >= 0 else ""
        if end < 0 or len(line) > BYLINE or line.endswith(_STOPS):
            break
        front = end + 1
    return front


class Found(Struct):
    """The mentions of one topic and of the common context in a document, sorted by what they are."""

    anchors: list[Spot] = field(default_factory=list)
    refused: list[Spot] = field(default_factory=list)  # weak words that nothing supports
    support: dict[str, list[Spot]] = field(default_factory=dict)
    company: bool = False  # whether another topic is named in the text, too
    country: bool = False  # whether the topic is one


def gather(document: Document, topic: Mapping[str, Sequence[Mention]], common: Mapping[str, Sequence[Spot]]) -> Found:
    """Sort the mentions of a topic (by field) and decide which weak ones count, with the words of all topics beside them."""
    found = Found()
    weak: list[Spot] = []
    for name in ("title", "text"):
        for mention in topic.get(name, ()):
            spot = document.spot(name, mention)
            if mention.concept.sense not in ANCHORS:
                found.support.setdefault(mention.concept.sense, []).append(spot)
            elif mention.weak:
                weak.append(spot)
            else:
                found.anchors.append(spot)
    for sense, spots in common.items():
        found.support.setdefault(sense, []).extend(spots)
    # one name that is certain, or supported, tells what the doubtful ones stand for
    sure = bool(found.anchors) or any(_supported(document, spot, found, weak) for spot in weak)
    (found.anchors if sure else found.refused).extend(weak)
    if found.anchors and _mean_another(document, found):
        found.refused, found.anchors = [*found.refused, *found.anchors], []
    found.anchors.sort(key=_place)
    return found


def _mean_another(document: Document, found: Found) -> bool:
    """Whether every name of the topic is one that another bearer is called by in the same text: it means that one throughout."""
    bearers = [spot for spot in found.support.get("other", ()) if spot.mention.concept.topic != COMMON]
    elsewhere = found.support.get("elsewhere", ())
    words = [" ".join(_WORD.findall(spot.word)) for spot in bearers]
    others = f" {' '.join([*words, *map(_initials, words)])} " if words else ""
    # a people or an army is no town's namesake, whatever place stands behind it
    names = [spot for spot in found.anchors if spot.mention.concept.sense != "actor"]
    put = {_borne_as(spot) for spot in names if any(_puts(document, one, spot) for one in elsewhere)}
    left = {
        spot.word.split()[0]
        for spot in found.anchors
        if _borne_as(spot) not in put and not _is_borne(spot.word, others)
    }
    return all(len(name) == ABBREVIATION for name in left) and all(_is_spelt_out(document, name) for name in left)


def _borne_as(spot: Spot) -> tuple[str, bool]:
    """What is put elsewhere with a spot: the forms of its name, but not those who are called after it."""
    return spot.stem, spot.mention.concept.sense in ("derived", "actor")


def _is_borne(name: str, others: str) -> bool:
    """Whether a name is among the words that others are called by."""
    if f" {name} " in others:
        return True
    return len(first := name.split()[0]) == ABBREVIATION and f" {first} " in others


def _is_spelt_out(document: Document, name: str) -> bool:
    """Whether a text spells out an abbreviation by words that are no name of the topic: the Small Dairy Fund, then SDF.

    What the lexicon knows by its full name is that one, whatever else the letters stand for.
    """
    if len(name) != ABBREVIATION or not name.isalpha():
        return False
    words = r"[\w'’]*(?:[ -](?:of|for|the|and|de|des|du|et|für|und))*[ -]".join(name.upper())
    return any(re.search(rf"(?<!\w){words}[\w'’]+", source) for source in document.sources)


def _initials(words: str) -> str:
    """Self-Defense Forces to sdf: what such a name is shortened to in the rest of the text."""
    return "".join(word[0] for word in _WORD.findall(words))


def _puts(document: Document, word: Spot, spot: Spot) -> bool:
    """Whether a word puts a spot elsewhere: right behind it, or right before it, with at most a comma and a bracket between them.

    What a stop or a line's end parts does not: he took in Syrian refugees. Michigan is home to many.
    """
    if spot.field != word.field:
        return False
    first, second = (word, spot) if word.mention.concept.id == BEFORE else (spot, word)
    if not 0 <= second.mention.start - first.mention.end <= GAP:
        return False
    text = document.title if spot.field == "title" else document.text
    return PARTING.isdisjoint(text.text[first.mention.end : second.mention.start])


def _place(spot: Spot) -> tuple[bool, int]:
    return spot.field == "text", spot.mention.start


def _supported(document: Document, spot: Spot, found: Found, weak: Sequence[Spot]) -> bool:
    """Whether enough different words that fit stand near: of the topic's context, or other doubtful names of it; "in" before a place is one.

    Another bearer of a name beside it asks for two words more, and so does a name that goes on like a person's.
    """
    if spot.mention.concept.weak == NEVER:
        return False
    supporting = (*found.support.get("context", ()), *found.support.get("theatre", ()))
    mine = spot.word
    near = {one.word for one in supporting if _is_near(one, spot)}
    fitting = {word for word in near if word not in mine}  # "the caliphate" is not supported by its caliphate
    names = {
        one.mention.concept.id for one in weak if _is_near(one, spot) and mine not in one.word and one.word not in mine
    } - {spot.mention.concept.id}
    there = spot.mention.concept.sense == "place" and document.is_there(spot)
    others = 2 if any(_is_near(one, spot) for one in found.support.get("other", ())) else 0
    support = len(fitting) + len(names) + there
    if support < spot.mention.weak + others:
        return False
    return support >= spot.mention.weak + others + PART or not _is_called(document, spot)


def _is_called(document: Document, spot: Spot) -> bool:
    """Whether a doubtful name of a person stands in a longer one."""
    source, (start, end) = document.source(spot)
    return spot.mention.concept.sense == "leader" and (follows(source, start) or goes_on(source, end))


def _is_near(one: Spot, spot: Spot) -> bool:
    """Within NEAR in one field; the title is near the beginning of the text."""
    if one.field == spot.field:
        return abs(one.mention.start - spot.mention.start) <= NEAR
    return one.field == "title" or one.mention.start <= NEAR
