"""The keys by which articles about one event find each other: words of title and lead, `#` numbers, `@` places, `&` actors. PURE.

A word is its first letters, without accents, so that "strike" and "strikes", "قصف" and "القصف" meet; function words are left
to the store, where what everybody says weighs next to nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

LEAD_WORDS = 50  # of the text: who, what, where stand in the first two sentences
LEAST_LETTERS = 4  # one less in other scripts: most roots of Arabic have three
STEM = 6  # letters of a word that are kept: suffixes are inflection
MOST_WORDS, MOST_NAMES = 28, 8
LONGEST_NUMBER = 12  # digits
NAMES_UP_TO = 500  # characters of the text: what is named later is background, and reports of one theatre share it
WIDE = frozenset({"country", "region", "government"})
PLACES = frozenset(
    [
        "town",
        "district",
        "city",
        "base",
        "governorate",
        "village",
        "quarter",
        "crossing",
        "mountain",
        "camp",
        "prison",
        "river",
    ]
)  # narrower than those; the other kinds are of actors
_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]{{2}}|[^\W_{_CJK}]+")
_LETTERS = {"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ی": "ي", "ة": "ه", "ک": "ك", "ı": "i", "\u0640": ""}
_SAME = str.maketrans(_LETTERS)
# Arabic proclitics stick to the word: and, so, with, for, like, and the article
_PROCLITIC = re.compile("^(?:[وف]?(?:[بك]?ال|لل))(?=[\u0621-\u064a]{3})")


def event_keys(
    title: str, text: str, names: Iterable[tuple[str, str, int]], kinds: Mapping[str, str]
) -> frozenset[str]:
    """The keys of an article. `names` are (id, field, start) of the places and actors that it surely names, `kinds` the kind of
    each by its id: a country, a region or a government says nothing of an event."""
    words: dict[str, None] = {}
    for word in (*_words(title), *_words(text)[:LEAD_WORDS]):
        if word.isdecimal():
            if len(word) <= LONGEST_NUMBER:
                words[f"#{int(word)}"] = None
        elif len(word) >= LEAST_LETTERS - (not word.isascii()) or (len(word) == 2 and "\u3040" <= word[0] <= "\uffff"):
            words[_stem(word)] = None
    return frozenset((*list(words)[:MOST_WORDS], *_names(names, kinds)))


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text[:5_000].casefold()).translate(_SAME)
    bare = folded if folded.isascii() else "".join(one for one in folded if unicodedata.category(one) != "Mn")
    return _WORD.findall(unicodedata.normalize("NFC", bare))


def _stem(word: str) -> str:
    return _PROCLITIC.sub("", word)[:STEM]


def _names(names: Iterable[tuple[str, str, int]], kinds: Mapping[str, str]) -> list[str]:
    told = {
        ("@" if kinds[name] in PLACES else "&") + name: None
        for name, field, start in names
        if kinds[name] not in WIDE and (field == "title" or start < NAMES_UP_TO)
    }
    return list(told)[:MOST_NAMES]
