"""Text as the lexicon reads it: no case, no accents, one form of every letter; each place maps back to the original. PURE.

Unlike the folding of full-text search this one keeps white space and punctuation, since what stands between words matters here.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import cache

from msgspec import Struct

# Letters that people use for one another and that Unicode does not decompose.
_SAME = {
    "ı": "i", "ø": "o", "đ": "d", "ł": "l", "ð": "d", "þ": "t", "æ": "a", "œ": "o", "ß": "s", "ə": "e",
    "ٱ": "ا", "ى": "ي", "ی": "ي", "ې": "ي", "ێ": "ي", "ة": "ه", "ۃ": "ه", "ہ": "ه", "ھ": "ه", "ە": "ه", "ک": "ك", "ڪ": "ك",
    "ۆ": "و", "ۇ": "و", "ڕ": "ر", "ڵ": "ل", "ё": "е",
    "’": "'", "‘": "'", "ʼ": "'", "ʻ": "'", "`": "'", "´": "'", "ʿ": "'", "ʾ": "'",
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-",
    "“": '"', "”": '"', "«": '"', "»": '"', "„": '"',
    "،": ",", "؛": ";", "؟": "?",
    "\u00a0": " ", "\u202f": " ", "\t": " ",
}  # fmt: skip
MOST_REPLACED = 40  # different characters; beyond, one look at each is faster
_ODD = "\ufffe"  # a noncharacter: stands for a character that does not become exactly one
_REMOVED = ("Mn", "Me", "Cf", "Cs")  # accents, harakat, joiners and direction marks, halves of surrogate pairs
_TATWEEL = "\u0640"  # stretches an Arabic word for looks


class _Table(dict[int, str]):
    """What a character becomes when that is one character, worked out when it is first met; else _ODD."""

    def __missing__(self, code: int) -> str:
        became = folded_character(chr(code))
        self[code] = became if len(became) == 1 else _ODD
        return self[code]


@cache
def folded_character(letter: str) -> str:
    """What one character becomes: '', one, or (ligatures) a few."""
    if letter in _SAME:
        return _SAME[letter]
    if letter == _TATWEEL or unicodedata.category(letter) in _REMOVED:
        return ""
    pieces = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", letter).casefold())
    kept = [piece for piece in pieces if unicodedata.category(piece) not in _REMOVED and piece != _TATWEEL]
    became = "".join(_SAME.get(piece, piece) for piece in kept)
    # a precomposed syllable of Hangul is one letter to us; taking it apart would cost every offset of the text
    return (
        letter
        if unicodedata.category(letter) == "Lo" and len(became) > 1 and "\uac00" <= letter <= "\ud7a3"
        else became
    )


_TABLE = _Table()
_CAPITALS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# letters of the scripts that the lexicon is written in, and general punctuation
_LOOKED_AT = (range(0x80), range(0xA0, 0x700), range(0x1200, 0x1380), range(0x2000, 0x2070))
_IDEOGRAPHS = "\u4e00-\u9fff\uac00-\ud7a3"  # too many to try at every start; a test does
# All others than those that are known to stay. A set of all a text's characters takes three times as long where they are not Latin.
_STAYING = "".join(re.escape(chr(c)) for some in _LOOKED_AT for c in some if folded_character(chr(c)) == chr(c))
UNSURE = re.compile(f"[^{_STAYING}{_IDEOGRAPHS}]")


class Places:
    """Where each character of a folded text stood, where some became none or several: kept by runs of characters that stood side by side."""

    def __init__(self) -> None:
        self._starts: list[int] = []  # in the folded text
        self._originals: list[int] = []
        self._length = 0

    def add(self, original: int, length: int) -> None:
        """The next so many characters of the folded text stood there, side by side."""
        if length:
            self._starts.append(self._length)
            self._originals.append(original)
            self._length += length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, at: int) -> int:
        run = bisect_right(self._starts, at) - 1
        return self._originals[run] + at - self._starts[run]


class Folded(Struct, frozen=True):
    """A folded text; `places[i]` is where its character `i` stood in the original (None: the same place)."""

    text: str
    places: Places | None
    length: int  # of the original, in code points

    def original(self, start: int, end: int) -> tuple[int, int]:
        """A span of the folded text as a span of the original, in code points; marks inside and behind it belong to it."""
        if self.places is None:
            return start, end
        behind = self.places[end] if end < len(self.places) else self.length
        return self.places[start], max(self.places[end - 1] + 1, behind if _only_marks(self, end, behind) else 0)


def _only_marks(folded: Folded, end: int, behind: int) -> bool:
    assert folded.places is not None
    return behind > folded.places[end - 1] + 1


def _translated(text: str) -> str:
    """The text with every character replaced by what it becomes, or by _ODD.

    As `str.translate`, three times as fast: a text has few different characters, and bytes lower ASCII letters alone.
    """
    unsure = set(UNSURE.findall(text))
    if not unsure.isdisjoint(_CAPITALS):
        text = text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
    changing = [letter for letter in unsure - _CAPITALS if _TABLE[ord(letter)] != letter]
    if len(changing) > MOST_REPLACED:
        return text.translate(_TABLE)
    for letter in changing:  # what a letter becomes stays as it is, so the order is of no matter
        text = text.replace(letter, _TABLE[ord(letter)])
    return text


def fold(text: str) -> Folded:
    """Fold a text. Folding a folded text changes nothing."""
    if text.isascii():
        return Folded(text.lower().replace("\t", " ").replace("`", "'"), None, len(text))
    quick = _translated(text)
    if _ODD not in quick:
        return Folded(quick, None, len(text))
    pieces: list[str] = []
    places = Places()
    done = 0
    while (odd := quick.find(_ODD, done)) >= 0:  # harakat are few: what stands between two of them is taken at once
        pieces.append(quick[done:odd])
        places.add(done, odd - done)
        became = folded_character(text[odd])
        pieces.append(became)
        for _ in became:
            places.add(odd, 1)
        done = odd + 1
    pieces.append(quick[done:])
    places.add(done, len(quick) - done)
    return Folded("".join(pieces), places, len(text))
