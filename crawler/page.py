"""A page that was read. PURE, and apart from the reading: who only receives one from a worker needs none of its libraries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from crawler.plaintext import clip

_OFFSET = re.compile(r":\d\d(?:[.,]\d{1,9})?\s?([+-])(\d\d):?(\d\d)\s*\Z")


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
        "published": _as_told(page.published_at, page.published_raw) if page.published_at else None,
        "language": page.language,
        "canonical_url": page.canonical_url,
        "status": page.status,
        "extractor": page.extractor,
        "words": page.words,
        "problem": clip(page.problem, 200) if page.problem else None,
    }


def _as_told(moment: datetime, raw: str | None) -> str:
    """The moment in ISO 8601 with the page's own offset, so that its day is the one its readers saw; in UTC where it states none."""
    found = _OFFSET.search(raw or "")
    zone = UTC
    if found and int(found[2]) <= 14 and int(found[3]) < 60:
        minutes = int(found[2]) * 60 + int(found[3])
        zone = timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
    return moment.astimezone(zone).isoformat().replace("+00:00", "Z")
