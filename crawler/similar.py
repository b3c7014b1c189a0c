"""Signatures of texts: how alike two articles are without comparing them word by word. PURE.

MinHash (Broder 1997) over triples of words, 128 hashes; look-up by bands (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets,
section 3.4): with 32 bands of 4 a pair of Jaccard similarity s shares a band with probability 1 - (1 - s^4)^32.
"""

from __future__ import annotations

import hashlib
import re
import struct
import unicodedata

HASHES = 128
BANDS, ROWS = 32, 4
LEAST_WORDS = 48  # lemon24/reader's threshold: shorter texts are alike by chance
SHINGLE = 3
_SEED = 20_111  # any fixed number; changing it makes all stored signatures worthless
_WORD = re.compile(r"\w+")


def signature(text: str) -> bytes | None:
    """128 hashes of 32 bits, little-endian (512 bytes); None for a text of fewer than 48 words."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    if len(words) < LEAST_WORDS:
        return None
    from rensa import RMinHash

    minhash = RMinHash(num_perm=HASHES, seed=_SEED)
    minhash.update([" ".join(words[start : start + SHINGLE]) for start in range(len(words) - SHINGLE + 1)])
    return struct.pack(f"<{HASHES}I", *(value & 0xFFFFFFFF for value in minhash.digest()))


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
    pairs = zip(struct.unpack(f"<{HASHES}I", one), struct.unpack(f"<{HASHES}I", other), strict=True)
    return sum(bool(left == right) for left, right in pairs) / HASHES
