"""What was found of an article beside the body that its JSON-LD describes. PURE; a room of `crawler.extract`."""

from __future__ import annotations

import re
from collections import Counter

from crawler import pagestatus
from crawler.pagestatus import count_words

LOST = 0.7  # trafilatura has fewer of JSON-LD's words than this: it lost part of the article
WITNESS = 0.75  # a description that knows less of what was found is cut, or of another article
PROSE_WORDS = 20
COVERED = 0.3  # a paragraph with fewer of its 4-grams in JSON-LD's body is not in it


def with_described(found: list[str], described: list[str], extractor: str) -> tuple[list[str], str]:
    """What was found, corrected by the body that JSON-LD describes, when that is the same article.

    The description is taken where much of it was not found. Else it is a witness: of what was found, paragraphs after the first that it
    covers and that it does not know are not the article's, as long as it knows most of the text; leads and standfirsts stand before it.
    """
    own, other = _grams(" ".join(found)), _grams(" ".join(described))
    if not other or count_words(" ".join(described)) < pagestatus.LEAST_WORDS:
        return found, extractor
    shared = sum((own & other).values())
    known = shared / sum(other.values())
    if known < LOST and sum(other.values()) > sum(own.values()):
        return described, "json-ld"
    if known < LOST or shared < WITNESS * sum(own.values()):
        return found, extractor
    covered = [number for number, paragraph in enumerate(found) if _coverage(paragraph, other) >= COVERED]
    first, last = (covered[0], covered[-1]) if covered else (0, len(found))
    kept = [
        paragraph
        for number, paragraph in enumerate(found)
        if number in covered or number < first or (number > last and _is_prose(paragraph))  # a description may be cut
    ]
    return (kept, f"{extractor}+json-ld") if len(kept) < len(found) else (found, extractor)


def _is_prose(paragraph: str) -> bool:
    return count_words(paragraph) >= PROSE_WORDS and paragraph.rstrip("\"'”’»)").endswith(
        (".", "!", "?", "؟", "…", "。")
    )


def _grams(text: str) -> Counter[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return Counter(tuple(words[at : at + 4]) for at in range(max(1, len(words) - 3)) if words)


def _coverage(paragraph: str, body: Counter[tuple[str, ...]]) -> float:
    grams = _grams(paragraph)
    if len(grams) < 2:  # a subheading is in no 4-gram of its own; it stays
        return 1.0
    return sum(gram in body for gram in grams) / len(grams)
