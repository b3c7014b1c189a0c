"""Which words stand side by side in an article, as some bits of a table of its own. Postgres alone needs it; SQLite reads its index.

A tsvector is 6 KB, and read whole to tell whether it holds a phrase: fifty that hold one of two frequent words are found among
tens of thousands that hold both. Of each pair of neighbours three bits are set, of ten times as many as there are pairs (a Bloom
filter, https://doi.org/10.1145/362686.362692): one article in sixty that holds no such pair has all three by chance, and is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from zlib import crc32

from sqlalchemy import BigInteger, ColumnElement, Integer, LargeBinary, and_, cast, column, func, or_, table

from storage.tree import And, Node, Or, Text

PAIRS_DDL = (
    "CREATE TABLE articles_pairs (rowid bigint PRIMARY KEY, bits bytea NOT NULL)",
    # as good as random: nothing to compress
    "ALTER TABLE articles_pairs ALTER COLUMN bits SET STORAGE EXTERNAL",
)
PAIRS = table("articles_pairs", column("rowid", BigInteger()), column("bits", LargeBinary()))
BITS_A_PAIR = 10
_FACTORS = (1, 0x9E3779B1, 0x85EBCA77)  # odd numbers of no pattern: three places from one hash
_ALL = 0xFFFFFFFF


def pair_bits(words: Sequence[str]) -> bytes:
    """The bits of the pairs of neighbours in these folded words."""
    pairs = set(pairwise(words))
    size = (len(pairs) * BITS_A_PAIR // 8 + 1) * 8
    one, two, three = _FACTORS
    flags = bytearray(b"0") * size
    for first, second in pairs:
        number = crc32(f"{first} {second}".encode())
        flags[number * one % size] = flags[(number * two & _ALL) % size] = flags[(number * three & _ALL) % size] = 49
    flags.reverse()  # bit 0, as get_bit counts, is the last of the first byte
    return int(flags, 2).to_bytes(size // 8, "little")


def may_hold(node: Node) -> ColumnElement[bool] | None:
    """The condition on a row of PAIRS that holds of whatever answers a tree of words; None when the pairs cannot tell."""
    if isinstance(node, Text):
        conditions = [_is_set(place) for place in _places(node)]
        return and_(*conditions) if conditions else None
    if isinstance(node, And | Or):
        parts = [may_hold(part) for part in node.parts]
        known = [part for part in parts if part is not None]
        if isinstance(node, Or):
            return or_(*known) if len(known) == len(parts) else None
        return and_(*known) if known else None
    return None


def _places(node: Text) -> Iterator[int]:
    """The hashes whose remainders are the places of the bits of a phrase."""
    words = node.term.words[:-1] if node.term.prefix else node.term.words
    for first, second in dict.fromkeys(pairwise(words)):
        number = crc32(f"{first} {second}".encode())
        yield from (number * factor & _ALL for factor in _FACTORS)


def _is_set(number: int) -> ColumnElement[bool]:
    size = cast(func.octet_length(PAIRS.c.bits) * 8, BigInteger())
    return func.get_bit(PAIRS.c.bits, cast(cast(number, BigInteger()) % size, Integer())) == 1
