"""Signatures of texts: how alike two articles are without comparing them word by word, then word by word. PURE.

MinHash (Broder 1997) over triples of words, 128 hashes; look-up by bands (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets,
section 3.4): with 32 bands of 4 a pair of Jaccard similarity s shares a band with probability 1 - (1 - s^4)^32. What shares one
is confirmed by the exact similarity of the two texts: a false merge is worse than a missed one.
"""

from __future__ import annotations

import hashlib
import re
import struct
import unicodedata
from functools import lru_cache
from operator import eq

from msgspec import Struct

HASHES = 128
BANDS, ROWS = 32, 4
LEAST_WORDS = 48  # lemon24/reader's threshold: shorter texts are alike by chance
LIKELY = 0.5  # of the estimate (standard error .044): from here on two texts are compared word by word
# The least exact similarity of two copies, by the words of the shorter: in a short text a frame that many notices share is
# most of it. Measured by bench/similar.py: docs/measured.md.
THRESHOLDS = ((80, 0.8), (200, 0.7), (1 << 30, 0.6))
SAME_HOUSE = (
    0.8  # two pieces of one publisher share its forms and its appeals; what it really repeats is nearer than that
)
CONTAINED = 0.9  # the shorter text stands, but for a tenth, in the longer one: a cut copy
LEAST_SHARE = 0.4  # of all triples that a cut copy has: less is a digest that quotes, or a lead of two sentences
# Two bulletins of one form differ in their figures alone: with this many in each, this share must agree.
FIGURES, AGREEING = 4, 0.5
_SEED = 20_111  # any fixed number; changing it makes all stored signatures worthless
_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # written without spaces: each character counts as a word
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+")
_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]"
)  # harakat, tatweel, niqqud


class Likeness(Struct, frozen=True):
    """How alike two texts are: `jaccard` of their word triples, `contained` the share of the shorter one's that the longer has,
    `words` of the shorter, `figures` the share of numbers that agree (1 where there are too few to tell)."""

    jaccard: float
    contained: float
    words: int
    figures: float

    def is_copy(self, *, same_house: bool = False) -> bool:
        """Whether the texts are one, lightly edited or cut; `same_house`: one publisher printed both."""
        if self.words < LEAST_WORDS or self.figures < AGREEING:
            return False
        if same_house:
            return self.jaccard >= SAME_HOUSE
        least = next(threshold for words, threshold in THRESHOLDS if self.words < words)
        return self.jaccard >= least or (self.contained >= CONTAINED and self.jaccard >= LEAST_SHARE)


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared: compatibility forms, case, Arabic and Hebrew vowel signs do not matter."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(folded if folded.isascii() else _MARKS.sub("", folded))


def likeness(one: str, other: str) -> Likeness:
    """The exact likeness of two texts (0.3 ms for two of 600 words)."""
    (left, mine), (right, theirs) = _shape(one), _shape(other)
    shared = len(mine & theirs)
    return Likeness(
        jaccard=shared / max(len(mine) + len(theirs) - shared, 1),
        contained=shared / max(min(len(mine), len(theirs)), 1),
        words=min(len(left), len(right)),
        figures=_agreeing(left, right),
    )


@lru_cache(maxsize=64)  # a text that is copied is compared with each of its copies; 100 KB each
def _shape(text: str) -> tuple[list[str], set[tuple[str, ...]]]:
    words = words_of(text)
    return words, _triples(words)


def copy_similarity(one: str, other: str, same_house: bool) -> float | None:
    """The exact similarity of two texts that are copies of one another, 0 to 1; None when they are not."""
    found = likeness(one, other)
    return found.jaccard if found.is_copy(same_house=same_house) else None


def _triples(words: list[str]) -> set[tuple[str, ...]]:
    return set(zip(words, words[1:], words[2:], strict=False))


def _agreeing(left: list[str], right: list[str]) -> float:
    """Of the numbers of the text with fewer, the share that the other has too."""
    mine, theirs = ({word for word in words if word.isdecimal()} for words in (left, right))
    fewer = min(len(mine), len(theirs))
    return len(mine & theirs) / fewer if fewer >= FIGURES else 1.0


def signature(text: str) -> bytes | None:
    """128 hashes of 32 bits, little-endian (512 bytes); None for a text of fewer than 48 words."""
    words = words_of(text)
    if len(words) < LEAST_WORDS:
        return None
    from rensa import RMinHash

    minhash = RMinHash(num_perm=HASHES, seed=_SEED)
    minhash.update(list(map(" ".join, zip(words, words[1:], words[2:], strict=False))))
    return struct.pack(f"<{HASHES}I", *minhash.digest())


def bands(signature: bytes) -> tuple[int, ...]:
    """The 32 bands of a signature as signed 64-bit numbers; the band's number is part of it, so one index serves all."""
    width = len(signature) // BANDS
    return tuple(
        int.from_bytes(
            hashlib.blake2b(
                signature[band * width : (band + 1) * width], digest_size=8, salt=band.to_bytes(2, "little")
            ).digest(),
            "little",
            signed=True,
        )
        for band in range(BANDS)
    )


def nearness(one: bytes, other: bytes) -> float:
    """The estimated Jaccard similarity of two texts, 0 to 1: the share of hashes that agree (standard error .044 at .5)."""
    equal: int = sum(map(eq, memoryview(one).cast("I"), memoryview(other).cast("I")))
    return equal / HASHES
