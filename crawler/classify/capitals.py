"""What the capitals beside a name tell: whether it is a part of a longer one (Siria Poletti, Damascus Bakery, Yusuf Sharaa). PURE."""

from __future__ import annotations

import re

_AFTER = re.compile(r" (\w[\w'’-]+)")
_BEFORE = re.compile(r"[\w,)] (\w[\w'’-]+) $")
_LONG = re.compile(r"[^\W\d_]{4,}")
_LOOK = 40  # characters before a name
SHOUTING = 0.7  # of the longer words; a headline in German, or with three names, has up to two in three
_SAMPLE = 400  # characters of a text that tell whether it shouts


def goes_on(source: str, end: int) -> bool:
    """Whether a word with a capital follows a name that ends here."""
    behind = _AFTER.match(source, end)
    if behind is None or not behind[1][0].isupper():
        return False
    crossheading = behind[1].isupper() and source[end - 1 : end].isupper()  # in capitals throughout, as the name is
    return not crossheading and not _shouts(source)


def follows(source: str, start: int) -> bool:
    """Whether a word with a capital that does not begin its sentence stands before a name that begins here."""
    before = _BEFORE.search(source[max(start - _LOOK, 0) : start])
    return before is not None and before[1][0].isupper() and not _shouts(source)


def _shouts(source: str) -> bool:
    """Whether nearly all words have capitals, as in English headlines: there they say nothing."""
    words: list[str] = _LONG.findall(source[:_SAMPLE])
    return sum(word[0].isupper() for word in words) > SHOUTING * len(words)
