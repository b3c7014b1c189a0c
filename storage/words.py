"""What an analyst types into the search box, as a query for either full-text index. PURE.

Words are AND-ed; "quoted words" must stand side by side; -word (or -"quoted words") must be absent; word* is any
word that begins so. Everything is folded like the indexed text, so case, accents and letter forms do not matter, and
a hyphenated word is its parts side by side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from storage.errors import BadQuery
from storage.text import LONGEST_WORD, fold

_TERM = re.compile(r'(?P<minus>(?<!\S)[-\u2212])?(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]+))')


@dataclass(frozen=True, slots=True)
class Term:
    """Folded words that must (or must not) stand side by side; with `prefix`, the last may go on."""

    words: tuple[str, ...]
    wanted: bool = True
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """All terms of one search; at least one."""

    terms: tuple[Term, ...]

    def fts5(self) -> tuple[str, str]:
        """Two MATCH expressions: what must match, and, only when that is '', what must not (FTS5 knows no bare NOT)."""
        wanted = " AND ".join(_fts5(term) for term in self.terms if term.wanted)
        unwanted = " OR ".join(_fts5(term) for term in self.terms if not term.wanted)
        if wanted and unwanted:
            return f"({wanted}) NOT ({unwanted})", ""
        return wanted, unwanted

    def tsquery(self) -> str:
        """The same as a tsquery literal."""
        return " & ".join(("" if term.wanted else "!") + _tsquery(term) for term in self.terms)


def parse_words(typed: str) -> Query:
    """The query that the typed words ask for; BadQuery when they hold no letter or digit."""
    terms = []
    for found in _TERM.finditer(typed):
        raw = found["plain"] if found["plain"] is not None else found["quoted"]
        words = tuple(word[:LONGEST_WORD] for word in fold(raw).split())
        if words:
            prefix = found["plain"] is not None and raw.endswith("*")
            terms.append(Term(words, wanted=not found["minus"], prefix=prefix))
    if not terms:
        raise BadQuery
    return Query(tuple(terms))


def _fts5(term: Term) -> str:
    # only letters, digits and spaces are left after folding: nothing to escape
    return f'"{" ".join(term.words)}"' + ("*" if term.prefix else "")


def _tsquery(term: Term) -> str:
    words = [f"'{word}'" for word in term.words]
    if term.prefix:
        words[-1] += ":*"
    return "(" + " <-> ".join(words) + ")"
