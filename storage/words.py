"""Words of a query, as either full-text index understands them. PURE.

Everything is folded like the indexed text, so case, accents and letter forms do not matter, and a hyphenated word is its
parts side by side.
"""

from __future__ import annotations

from contextlib import suppress

from msgspec import Struct

from storage.text import LONGEST_WORD, fold


class Term(Struct, frozen=True):
    """Folded words that must stand side by side; with `prefix`, the last may go on."""

    words: tuple[str, ...]
    prefix: bool = False

    def fts5(self) -> str:
        """As an FTS5 phrase."""
        # only letters, digits and spaces are left after folding: nothing to escape
        return f'"{" ".join(self.words)}"' + ("*" if self.prefix else "")

    def tsquery(self) -> str:
        """The same as a tsquery literal."""
        words = [f"'{word}'" for word in self.words]
        if self.prefix:
            words[-1] += ":*"
        return "(" + " <-> ".join(words) + ")"

    def at(self, words: list[str]) -> list[int]:
        """Where it begins in these folded words."""
        *before, last = self.words
        ends = [at for at, word in enumerate(words) if word.startswith(last)] if self.prefix else _places(words, last)
        number = len(before)
        if not number:
            return ends
        return [at - number for at in ends if at >= number and words[at - number : at] == before]


def _places(words: list[str], word: str) -> list[int]:
    """Where a word stands; most stand in few places, which the list finds sooner than a look at each."""
    found: list[int] = []
    with suppress(ValueError):
        at = -1
        while True:
            at = words.index(word, at + 1)
            found.append(at)
    return found


def term_of(typed: str, *, quoted: bool) -> Term | None:
    """The term that a word (`word*`: any that begins so) or a quoted phrase asks for; None without a letter or digit."""
    words = tuple(word[:LONGEST_WORD] for word in fold(typed).split())
    return Term(words, prefix=not quoted and typed.endswith("*")) if words else None
