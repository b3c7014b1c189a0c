"""What a feed shows, as the ledger takes it. Without SQLAlchemy: workers make it, 30 MB lighter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """One item of a feed's document; `key` is its identity, `host` the registered domain of `url`.

    `link` is the link that the feed gave where `url` is what was found in it (an aggregator's).
    """

    key: str
    url: str | None
    canonical_url: str | None
    host: str
    guid: str | None
    title: str
    summary: str
    author: str | None
    language: str | None
    published_at: datetime | None
    published_raw: str | None
    published_source: str | None
    updated_at: datetime | None
    updated_raw: str | None
    link: str | None = None
