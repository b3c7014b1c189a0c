"""An article's page to its text and what it says of itself. PURE; the only user of trafilatura. Never raises."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import trafilatura
from trafilatura.settings import Document

from crawler.dates import parse_date
from crawler.plaintext import clean, clip

MAX_BYTES = 2 * 1024 * 1024  # FACTS: trafilatura is quadratic in paragraphs; real article pages stay under 1 MB
MAX_TAGS = 50_000
LEAST_WORDS = 25  # fewer words are a teaser or a caption: the summary says as much
_SPLIT = re.compile(r"\n+")


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


def extract_page(body: bytes, *, url: str | None = None, content_type: str | None = None) -> Page:
    """The article in a page: its text and head, or a status that says why there is none."""
    if len(body) > MAX_BYTES or body.count(b"<") > MAX_TAGS:
        return Page("unreadable", problem="the page is larger than an article's page may be")
    if content_type and not re.search(r"html|xml|text/plain", content_type, re.IGNORECASE):
        return Page("unreadable", problem=f"not a page: {clean(content_type)[:60]}")
    try:
        return _extract(body, url)
    except Exception as error:  # noqa: BLE001  the boundary of one page: a parser's bug is a problem of that page
        return Page("unreadable", problem=f"the page broke the extractor: {type(error).__name__}")


def _extract(body: bytes, url: str | None) -> Page:
    document: Document | None = trafilatura.bare_extraction(
        body, url=url, with_metadata=True, include_comments=False, include_tables=False, deduplicate=False
    )
    if document is None:
        return Page("not-an-article", problem="no article text in the page")
    paragraphs = [clean(part) for part in _SPLIT.split(document.text or "")]
    text = "\n".join(part for part in paragraphs if part)
    page = Page(
        status="full",
        title=clean(document.title or "") or None,
        text=text,
        author=clean(document.author or "").replace("; ", ", ") or None,
        published_at=parse_date(document.date) if document.date else None,
        published_raw=document.date or None,
        language=document.language or None,
        canonical_url=document.url or None,
        extractor="trafilatura",
        words=len(text.split()),
    )
    if page.words < LEAST_WORDS:
        return replace(page, status="not-an-article", text="", words=0, problem=f"only {page.words} words")
    return page


def to_json(page: Page) -> dict[str, Any]:
    """The page as `levantwatch extract` prints it."""
    return {
        "title": page.title,
        "text": page.text,
        "author": page.author,
        "published": page.published_at.astimezone(UTC).isoformat().replace("+00:00", "Z") if page.published_at else None,
        "language": page.language,
        "canonical_url": page.canonical_url,
        "status": page.status,
        "extractor": page.extractor,
        "words": page.words,
        "problem": clip(page.problem, 200) if page.problem else None,
    }
