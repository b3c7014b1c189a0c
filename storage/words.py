"""Words of a query, as either full-text index understands them. PURE.

Everything is folded like the indexed text, so case, accents and letter forms do not matter, and a hyphenated word is its
parts side by side.
"""

from __future__ import annotations

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
        length = len(self.words)
        if not (self.prefix and length == 1) and self.words[0] not in words:
            return []
        return [
            start
            for start in range(len(words) - length + 1)
            if tuple(words[start : start + length - 1]) == self.words[:-1] and self._ends(words[start + length - 1])
        ]

    def _ends(self, word: str) -> bool:
        return word.startswith(self.words[-1]) if self.prefix else word == self.words[-1]


def term_of(typed: str, *, quoted: bool) -> Term | None:
    """The term that a word (`word*`: any that begins so) or a quoted phrase asks for; None without a letter or digit."""
    words = tuple(word[:LONGEST_WORD] for word in fold(typed).split())
    return Term(words, prefix=not quoted and typed.endswith("*")) if words else None
