"""Finds the lexicon's words in a text: whole words only, in any script, the longest reading first. PURE.

A word ends where no letter follows. Arabic lets particles stick to its front (و ف ب ل ك and the article ال), so there a word
may begin behind one; Turkish puts its endings behind an apostrophe, which is no letter; other endings are asked for by `*`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, MatchKind
from msgspec import Struct

from crawler.classify.folding import Folded
from crawler.classify.lexicon import ANCHORS, Concept, Form

# particles (and, so, with, to, as) and the article, in every order in which they can stack before a noun, as folded
_PROCLITICS = frozenset(
    before + particle + article
    for before in ("", "و", "ف")
    for particle in ("", "ب", "ل", "ك", "لل")
    for article in ("", "ال")
)
_LONGEST_PROCLITIC = max(map(len, _PROCLITICS))
_STICKING = frozenset(one[-1] for one in _PROCLITICS if one)
INTERNATIONAL = "en"
FOREIGN = 2  # words that must support a spelling of another language
_NAMES = frozenset({*ANCHORS, "other"})
FOREIGN_LETTERS = 6  # shorter ones are words of the text's own language: "Şamê" and "same"
_AROUND = 80  # characters around a name, to see whether the text has capitals at all
_START = attrgetter("start")
DOUBT = 1_000  # letters: more than any form has
MOST_MENTIONS = 3_000  # of one field: a text with more says the same thing over and over
Hits = Sequence[tuple[int, int, int]]  # which spelling, where it begins and ends


class Mention(Struct, eq=False, gc=False):
    """A word of the lexicon in a folded text, by its place there. A hundred are made for an article: a dataclass takes three times as long."""

    start: int
    end: int
    concept: Concept
    weak: int  # how many words that fit must stand beside it here
    # of two forms that reach as far the lower one is meant: less doubt, then more letters that are its own
    rank: int = 0


class _Use(NamedTuple):
    """A form as it counts in texts of one language."""

    topic: str
    concept: Concept
    weak: int
    open_end: bool
    exact: str | None
    capital: bool
    rank: int = 0  # as in Mention


class _Spelling(NamedTuple):
    """The forms that are spelt alike once folded, and what can be asked of all of them at once."""

    uses: tuple[_Use, ...]  # none: in texts of this language it is a word like any other
    arabic: bool
    open_end: bool  # whether one of them goes on with an ending
    exact: frozenset[str] | None  # when all of them are told by their very letters: these


class Matcher:
    """All forms of some topics in one automaton: one pass finds them all."""

    def __init__(self, forms: Iterable[Form]) -> None:
        by_text: dict[str, list[Form]] = {}
        for form in forms:
            by_text.setdefault(form.text, []).append(form)
        self._forms = [tuple(found) for found in by_text.values()]
        self._automaton = AhoCorasick(list(by_text), matchkind=MatchKind.Standard)
        self._spellings: dict[str | None, list[_Spelling | None]] = {}  # by language, worked out when first met
        self._naming: dict[int, _Spelling | None] = {}  # worked out when first met

    def hits(self, folded: Folded) -> Hits:
        """Every place where the letters of a spelling stand, be it a word or not: what `names` and `find` go through."""
        return self._automaton.find_matches_as_indexes(folded.text, overlapping=True) if folded.text else ()

    def names(self, folded: Folded, original: str, hits: Hits) -> bool:
        """Whether a word may name a topic, in whatever language the text is; sooner told than which, and mostly it is none."""
        text, size = folded.text, len(folded.text)
        straight = folded.places is None
        naming = self._naming
        for number, start, end in hits:
            spelling = naming[number] if number in naming else self._learn_naming(number)
            if spelling is None:
                continue
            _, arabic, open_end, exact = spelling
            if start and text[start - 1].isalnum() and not (arabic and _sticks(text, start)):
                continue
            if not open_end and end < size and text[end].isalnum():
                continue
            if straight and exact and original[start:end].replace("’", "'") not in exact:
                continue
            return True
        return False

    def _learn_naming(self, number: int) -> _Spelling | None:
        named = [form for form in self._forms[number] if form.concept.sense in ANCHORS]
        self._naming[number] = _spelling(named, None) if named else None  # in any language
        return self._naming[number]

    def find(
        self, folded: Folded, original: str, language: str | None = None, hits: Hits | None = None
    ) -> dict[str, list[Mention]]:
        """The mentions by topic, in the text's order. Names do not overlap, longer ones win; words of support stand beside them.

        In a text of a known language, Latin spellings of others are doubtful: a long name needs support, the rest is passed over.
        English spellings are used everywhere. What `hits` found need not be looked for again.
        """
        text, size = folded.text, len(folded.text)
        straight = folded.places is None
        spellings = self._spellings.get(language)
        if spellings is None:
            spellings = self._spellings.setdefault(language, [None] * len(self._forms))
        found: dict[str, list[Mention]] = {}
        for number, start, end in self.hits(folded) if hits is None else hits:
            inside = start > 0 and text[start - 1].isalnum()
            if inside and text[start - 1] not in _STICKING:
                continue
            spelling = spellings[number]
            if spelling is None:
                spelling = spellings[number] = _spelling(self._forms[number], language)
            uses, arabic, open_end, exact = spelling
            if not uses or (inside and not (arabic and _sticks(text, start))):
                continue
            whole = end == size or not text[end].isalnum()
            if not whole and not open_end:
                continue
            # "is" stands in every English sentence; IS seldom
            if straight and exact and original[start:end].replace("’", "'") not in exact:
                continue
            for use in uses:
                if not whole and not use.open_end:
                    continue
                if use.exact is not None and not _written(use.exact, folded, original, start, end):
                    continue
                if use.capital and _is_small(folded, original, start, end):
                    continue
                stop = end if whole else _word_end(text, end)
                found.setdefault(use.topic, []).append(Mention(start, stop, use.concept, use.weak, use.rank))
        return {topic: _longest(mentions) for topic, mentions in found.items()}


def _spelling(forms: Iterable[Form], language: str | None) -> _Spelling:
    """What a spelling stands for in texts of a language."""
    uses = []
    arabic = False
    size = 0
    for form in forms:
        size = len(form.text)
        foreign = form.latin and language is not None and form.language not in (language, INTERNATIONAL)
        if foreign and (form.concept.sense not in ANCHORS or len(form.text) < FOREIGN_LETTERS):
            continue
        weak = form.concept.weak + (FOREIGN if foreign else 0)
        arabic = form.arabic
        capital = form.capital and form.concept.sense == "place"
        uses.append(_Use(form.concept.topic, form.concept, weak, form.open_end, form.exact, capital))
    least: dict[_Use, int] = {}
    for use in uses:
        alike = use._replace(weak=0)
        least[alike] = min(use.weak, least.get(alike, use.weak))
    # of what several languages share the surest is enough
    uses = [use for use in dict.fromkeys(uses) if use.weak == least[use._replace(weak=0)]]
    uses = [use._replace(rank=use.weak * DOUBT - size) for use in uses]
    uses.sort(key=lambda use: use.exact is None)  # of two readings the one that asks for its very letters stands first
    letters = {use.exact for use in uses}
    exact = None if None in letters else frozenset(filter(None, letters))
    return _Spelling(tuple(uses), arabic, any(use.open_end for use in uses), exact)


def _sticks(text: str, start: int) -> bool:
    """Whether only Arabic particles stand between the word's beginning and `start`, before which a letter stands."""
    if text[start - 1] not in _STICKING:
        return False
    begin = start - 1
    while begin > 0 and text[begin - 1].isalnum():
        begin -= 1
        if start - begin > _LONGEST_PROCLITIC:
            return False
    return text[begin:start] in _PROCLITICS


def _word_end(text: str, end: int) -> int:
    while end < len(text) and text[end].isalnum():
        end += 1
    return end


def _written(exact: str, folded: Folded, original: str, start: int, end: int) -> bool:
    """Whether the text has these very letters, and not because a whole headline is in capitals."""
    begin, stop = (start, end) if folded.places is None else folded.original(start, end)
    if original[begin:stop].replace("’", "'") != exact:
        return False
    around = original[max(begin - 25, 0) : begin] + original[stop : stop + 25]
    return not exact.isupper() or any(letter.islower() for letter in around) or not any(map(str.isalpha, around))


def _is_small(folded: Folded, original: str, start: int, end: int) -> bool:
    """Whether a place's name is written in small letters where others are not: then it is damask, and not Damascus."""
    begin, stop = (start, end) if folded.places is None else folded.original(start, end)
    if not original[begin:stop].islower():
        return False
    return not original[max(begin - _AROUND, 0) : stop + _AROUND].islower()


def _longest(mentions: list[Mention]) -> list[Mention]:
    """Names and other bearers first; then each sense of support by itself, where no name stands."""
    if len(mentions) == 1:
        return mentions
    mentions.sort(key=_longest_first)
    kept: list[Mention] = []
    supporting: list[Mention] = []
    taken: list[tuple[int, int]] = []
    reached = 0
    for mention in mentions:
        if mention.concept.sense not in _NAMES:
            supporting.append(mention)
        elif mention.start >= reached:
            reached = mention.end
            taken.append((mention.start, reached))
            kept.append(mention)
    if not supporting:
        return kept[:MOST_MENTIONS]
    ends: dict[str, int] = {}
    for mention in supporting:
        sense = mention.concept.sense
        if mention.start >= ends.get(sense, 0) and not (taken and _overlaps(taken, mention)):
            ends[sense] = mention.end
            kept.append(mention)
    if taken:
        kept.sort(key=_START)
    return kept[:MOST_MENTIONS]


def _longest_first(mention: Mention) -> tuple[int, int, int, bool]:
    return mention.start, -mention.end, mention.rank, mention.concept.sense != "other"


def _overlaps(taken: Sequence[tuple[int, int]], mention: Mention) -> bool:
    """Whether a mention touches one of these spans, which are sorted and apart."""
    at = bisect_right(taken, (mention.start, mention.start))
    behind = at < len(taken) and taken[at][0] < mention.end
    return behind or (at > 0 and taken[at - 1][1] > mention.start)
