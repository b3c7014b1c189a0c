"""What workers make and storage takes: what a feed shows, what triage says of it, what an article names. Without SQLAlchemy, for
workers are 30 MB lighter without it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Triage(Struct, frozen=True):
    """What triage says of an entry by its title and summary: whether its page is worth fetching."""

    score: float | None
    candidate: bool


class SeenEntry(Struct, frozen=True):
    """One item of a feed's document; `key` is its identity, `host` the registered domain of `url`.

    `link` is the link that the feed gave where `url` is what was found in it (an aggregator's). `triage` is what the shipped judge
    says of it, where a worker has asked.
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
    triage: Triage | None = None


class MentionRecord(Struct, frozen=True):
    """A name in an article: `kind` place or actor, `name` its id, `area` the id of what it lies in or belongs to (itself, where
    there is nothing), `start` and `end` code points of the `field` (title or text), `resolved` false when in doubt."""

    kind: str
    name: str
    area: str
    field: str
    start: int
    end: int
    text: str
    resolved: bool
