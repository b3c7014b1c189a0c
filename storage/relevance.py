"""Relevance: an order that is the same on both databases, of the newest matches of a query.

A term counts by how often an article holds it, less and less: the sum of 1/n² over its places (what Postgres calls ts_rank), in
thousandths, and again as much as two places when the title holds it. Among equals the newest is first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from storage.planning import together
from storage.portable import is_sqlite
from storage.words import Term

# of a frequent word a million matches would be read; two thousand take Postgres 0.4 s (docs/measured.md)
RANKED = 1_000
# articles that hold the words of a phrase, of which those that hold the phrase are ranked
LOOKED_THROUGH = 2_000
IN_TITLE = 125
_LIMIT = 1.64493406685  # the sum of 1/n² for ever, as Postgres writes it
# 256 places of a word is what a tsvector keeps
_BY_PLACES = [0.0]
for _number in range(1, 257):
    _BY_PLACES.append(_BY_PLACES[-1] + 1 / _number**2)
_RANKS = [round(total / _LIMIT * 100) for total in _BY_PLACES]
# between what one word has at most and two words that begin alike have at least: 100 and 121
_SEVERAL = 110

_DOCUMENTS = text("SELECT rowid, document FROM articles_fts WHERE rowid IN :keys").bindparams(
    bindparam("keys", expanding=True)
)
_FOLDED_TITLES = text("SELECT rowid, document FROM titles_fts WHERE rowid IN :keys").bindparams(
    bindparam("keys", expanding=True)
)
# the index of titles keeps them close together, and the articles' rows apart
_TITLED = text("""
SELECT d.rowid, (SELECT count(*) FROM unnest(CAST(:terms AS tsquery[])) t WHERE d.document @@ t)
FROM titles_fts d WHERE d.rowid = ANY(:keys)
""")
_RANKED = text("""
SELECT d.rowid, array(SELECT ts_rank(d.document, CAST(w AS tsquery)) FROM unnest(CAST(:words AS text[])) w)
FROM articles_fts d WHERE d.rowid = ANY(:keys)
""")
_BEGUN = text("""
SELECT d.rowid, t.lexeme, cardinality(t.positions) FROM articles_fts d, unnest(d.document) t
WHERE d.rowid = ANY(:keys) AND t.lexeme LIKE ANY(:begun)
""")


def ranked(session: Session, keys: Sequence[int], terms: Sequence[Term]) -> list[int]:
    """The sort keys of the candidates, the most relevant first."""
    words = list(dict.fromkeys((word, term.prefix and word == term.words[-1]) for term in terms for word in term.words))
    # half the time for a thousand of which none is in memory
    with nullcontext() if is_sqlite(session) else together(session):
        points = _counted(session, keys, words) if is_sqlite(session) else _asked(session, keys, words)
        for key, number in _titled(session, keys, list(dict.fromkeys(terms))):
            points[key] += IN_TITLE * number
    return sorted(keys, key=lambda key: (-points[key], -key))


def _titled(session: Session, keys: Sequence[int], terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    """How many of the terms stand in each title, in any order."""
    if is_sqlite(session):
        for key, folded in session.execute(_FOLDED_TITLES, {"keys": keys}):
            there = folded.split()
            yield key, sum(bool(term.at(there)) for term in terms)
        return
    for key, number in session.execute(_TITLED, {"keys": list(keys), "terms": [term.tsquery() for term in terms]}):
        yield key, number


def _counted(session: Session, keys: Sequence[int], words: Sequence[tuple[str, bool]]) -> dict[int, int]:
    """SQLite keeps the folded words: they are counted here."""
    points = dict.fromkeys(keys, 0)
    for key, document in session.execute(_DOCUMENTS, {"keys": keys}):
        # two spaces between words: so one that stands twice in a row is found twice
        there = f" {document.replace(' ', '  ')} "
        for word, prefix in words:
            if prefix:  # each word that begins so counts for itself
                begun = Counter(re.findall(f" ({re.escape(word)}[^ ]*)", there))
                points[key] += sum(map(_rank, begun.values()))
            else:
                points[key] += _rank(there.count(f" {word} "))
    return points


def _asked(session: Session, keys: Sequence[int], words: Sequence[tuple[str, bool]]) -> dict[int, int]:
    """Postgres keeps each word with its places, and has the sum of a single one at hand.

    Of a beginning it has the sum of all words that begin so, where each is rounded for itself: so where there are several these are read,
    which takes six times as long.
    """
    begun = [word for word, prefix in words if prefix]
    asked = [f"'{word}'" for word, prefix in words if not prefix]
    points = dict.fromkeys(keys, 0)
    several: dict[int, list[str]] = {}
    for key, ranks in session.execute(
        _RANKED, {"keys": list(keys), "words": [*asked, *(f"'{word}':*" for word in begun)]}
    ):
        numbers = [round(rank * 1000) for rank in ranks]
        points[key] = sum(numbers[: len(asked)]) + sum(one for one in numbers[len(asked) :] if one < _SEVERAL)
        these = [word for word, one in zip(begun, numbers[len(asked) :], strict=True) if one >= _SEVERAL]
        if these:
            several[key] = these
    if several:
        for key, lexeme, places in session.execute(
            _BEGUN, {"keys": list(several), "begun": [f"{one}%" for one in begun]}
        ):
            # a word with two of the beginnings counts twice
            points[key] += sum(map(lexeme.startswith, several[key])) * _rank(places)
    return points


def _rank(places: int) -> int:
    return _RANKS[min(places, len(_RANKS) - 1)]
