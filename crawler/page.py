"""A page that was read. PURE, and apart from the reading: who only receives one from a worker needs none of its libraries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from crawler.plaintext import clip


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says. `text` is paragraphs separated by one newline, '' unless it is an article's own text."""

    status: str  # full | partial | paywalled | blocked | not-an-article | unreadable
    title: str | None = None
    text: str = ""
    author: str | None = None
    published_at: datetime | None = None
    published_raw: str | None = None
    modified_at: datetime | None = None
    language: str | None = None
    canonical_url: str | None = None
    extractor: str = ""
    words: int = 0
    problem: str | None = None
    modified_raw: str | None = None


def to_json(page: Page) -> dict[str, Any]:
    """The page as `levantwatch extract` prints it."""
    return {
        "title": page.title,
        "text": page.text,
        "author": page.author,
        "published": page.published_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if page.published_at
        else None,
        "language": page.language,
        "canonical_url": page.canonical_url,
        "status": page.status,
        "extractor": page.extractor,
        "words": page.words,
        "problem": clip(page.problem, 200) if page.problem else None,
    }
