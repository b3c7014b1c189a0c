"""Markup that nests deeper than any feed, to markup that does not. PURE, linear in its input, never raises.

feedparser keeps every open element: a hundred thousand of them, 300 kB, take it 60 MB. Feeds nest six deep, XHTML in them a few dozen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

MAX_DEPTH = 200
_TOKEN = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|<(/?)([^\s<>/!?]{1,200}+)([^<>]*+)>", re.DOTALL)


def flattened(text: str) -> str:
    """The document without the tags below `MAX_DEPTH`; what stands between them stays."""
    if text.count("<") <= MAX_DEPTH:
        return text
    kept, at = [], 0
    for start, end in _too_deep(text):
        kept.append(text[at:start])
        at = end
    return "".join((*kept, text[at:])) if at else text


def _too_deep(text: str) -> Iterator[tuple[int, int]]:
    """Where the tags stand that nest too deep. An end tag closes what was left open in its element, as it does for readers of HTML."""
    stack: list[str] = []
    is_open: Counter[str] = Counter()
    deeper: Counter[str] = Counter()
    for found in _TOKEN.finditer(text):
        closing, name, rest = found.groups()
        if name is None or rest.endswith("/"):
            continue
        if closing and deeper[name]:
            deeper[name] -= 1
            yield found.span()
        elif closing and is_open[name]:
            while (last := stack.pop()) != name:
                is_open[last] -= 1
            is_open[name] -= 1
            deeper.clear()
        elif not closing and len(stack) >= MAX_DEPTH:
            deeper[name] += 1
            yield found.span()
        elif not closing:
            stack.append(name)
            is_open[name] += 1
