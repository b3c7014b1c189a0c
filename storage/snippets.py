"""The place of a text that shows why it answers a query, its words marked. PURE."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from storage.text import fold
from storage.words import Term

WORDS = 30  # of a snippet: two lines of a terminal
BEFORE = 6  # of those, at most so many stand before the first mark
SEARCHED = 15_000  # words; what lies behind is not in the index either
_WHITE = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a snippet; `marked` for what the query asks for."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Snippet:
    """The pieces, in order: joined they are a part of the text on one line, with … where it was cut."""

    pieces: tuple[Piece, ...]

    def marked(self, before: str = "[[", after: str = "]]") -> str:
        """One line of text with these signs around what is marked."""
        return "".join(before + piece.text + after if piece.marked else piece.text for piece in self.pieces)


def snippet(terms: Sequence[Term], *texts: str) -> Snippet | None:
    """From the first of the texts that holds a term: the thirty words around most of them; None when no text does."""
    for text in texts:
        written = _WHITE.findall(text)[:SEARCHED]
        hits = _hits(written, terms)
        if hits:
            return _cut(written, hits)
    return None


def _hits(written: Sequence[str], terms: Sequence[Term]) -> dict[int, set[int]]:
    """The places of written words that are (part of) a term, with the terms that they are of."""
    folded = list(map(_folded, written))
    words = list(chain.from_iterable(folded))
    # of most texts each word that is written is one word folded
    places: Sequence[int] = range(len(words))
    if set(map(len, folded)) != {1}:
        places = [place for place, several in enumerate(folded) for _ in several]
    hits: dict[int, set[int]] = {}
    for number, term in enumerate(terms):
        for start in term.at(words):
            for place in places[start : start + len(term.words)]:
                hits.setdefault(place, set()).add(number)
    return hits


@lru_cache(maxsize=20_000)
def _folded(one: str) -> tuple[str, ...]:
    """The folded words of one that is written: most stand there again and again."""
    return tuple(fold(one).split())


def _cut(written: Sequence[str], hits: dict[int, set[int]]) -> Snippet:
    def worth(first: int) -> int:
        return len(
            set[int]().union(*(terms for place, terms in hits.items() if first <= place < first + WORDS - BEFORE))
        )

    best = max(sorted(hits)[:200], key=lambda first: (worth(first), -first))
    start = max(0, min(best - BEFORE, len(written) - WORDS))
    end = min(len(written), start + WORDS)
    pieces = [Piece("… ", False)] if start else []
    pieces.extend(_pieces(written, hits, start, end))
    if end < len(written):
        pieces.append(Piece(" …", False))
    return Snippet(tuple(pieces))


def _pieces(written: Sequence[str], hits: dict[int, set[int]], start: int, end: int) -> Iterator[Piece]:
    """Each marked word, and what stands between two of them as one piece."""
    between = ""
    for place in range(start, end):
        blank = " " if place > start else ""
        if place not in hits:
            between += blank + written[place]
            continue
        if between or blank:
            yield Piece(between + blank, False)
            between = ""
        yield Piece(written[place], True)
    if between:
        yield Piece(between, False)
