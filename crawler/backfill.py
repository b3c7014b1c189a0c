"""What a document of the past says: which of its entries belong to the days that were asked for, and where it leads on. PURE.

Runs in a worker: of a sitemap's 50,000 addresses only those leave it that are wanted. docs/decisions/0064 gives the rules and their reasons.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec.structs import replace

from crawler.daysnamed import Span, day_named, days_named
from crawler.larder import Body
from crawler.parsed import ParsedEntry, ParsedFeed
from crawler.urls import canonical_url, registered_domain

DEEPEST = 3  # sitemaps in an index in an index; the protocol knows one level, some publishers have two
MOST_LEADS = 5_000  # of one document: 13 years of daily sitemaps
SLACK = 1  # days that a publisher's own time may be off UTC: for whole documents, where another one costs a request
MONTH = 31  # days: a sitemap that is named after no more than these dates what it lists
USUAL_PLACES = ("/sitemap_index.xml", "/news-sitemap.xml", "/sitemap-news.xml", "/wp-sitemap.xml", "/sitemap-index.xml", "/sitemap.xml.gz")  # fmt: skip
# by the names that widespread systems give them: these list no articles
_NO_ARTICLES = re.compile(
    r"(?:author|categor(?:y|ies)|post_tag|tag|video|image|user)s?[-_]?sitemap|sitemap[-_](?:author|categor(?:y|ies)|tag|video|image|user|taxonom)",
    re.IGNORECASE,
)
_WORDPRESS = re.compile(rb"wordpress\.(?:org|com)/\?v=|<generator>\s*https?://wordpress\.", re.IGNORECASE)
_WORDPRESS_FEED = re.compile(r"/feed/?$|[?&]feed=(?:rss2?|atom|rdf)\b")


@dataclass(frozen=True, slots=True)
class Lead:
    """A document to be read: a `sitemap` or a `page` of a feed, by whom it was named, and what is known of it before."""

    url: str
    kind: Literal["sitemap", "page"]
    depth: int = 0  # of a sitemap: how many indexes led to it
    changed_at: datetime | None = None  # of a sitemap: when it changed, as its index says
    number: int = 1  # of a page: which one
    before: str = ""  # of a page: what the one before it listed, to notice a server that gives the same one for ever


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read. `feed` holds the entries that are wanted; `listed` all that there were, `foreign` those of other sites, `undated`
    those that nothing gives a day.
    """

    feed: ParsedFeed
    leads: tuple[Lead, ...] = ()
    listed: int = 0
    foreign: int = 0
    undated: int = 0


def read_document(
    body: Body, *, url: str, content_type: str | None, lead: Lead, span: Span, sites: frozenset[str]
) -> Document:
    """What a document gives for these days. `sites` are the registered domains of its publisher; never raises."""
    from crawler.feed import parse_feed  # a matter of the workers: the crawl itself does without feedparser

    body = bytes(body)
    parsed = parse_feed(body, url=url, content_type=content_type)
    if not parsed.is_feed:
        return Document(parsed)
    if parsed.kind == "sitemap":
        return _read_sitemap(parsed, url, lead, span, sites)
    return _read_page(parsed, body, url, lead, span)


# --- sitemaps ---


def _read_sitemap(parsed: ParsedFeed, url: str, lead: Lead, span: Span, sites: frozenset[str]) -> Document:
    own = [entry for entry in parsed.entries if entry.url and registered_domain(entry.url) in sites]
    wanted, undated = [], 0
    for entry in own:
        days = _days_of(entry) or _days_of_sitemap(url, lead)
        undated += days is None
        if days is not None and span.meets(days):
            wanted.append(_dated_by_address(entry))
    leads = tuple(_nested(parsed, lead, span, sites))[:MOST_LEADS]
    shown = replace(parsed, entries=tuple(wanted), sitemaps=())
    return Document(shown, leads, len(parsed.entries), len(parsed.entries) - len(own), undated)


def _days_of(entry: ParsedEntry) -> Span | None:
    """When an entry was published: by its claim, else by its address; else, by its last change, not after that."""
    if entry.published_at is not None and entry.published_source != "lastmod":
        return _one(entry.published_at.astimezone(UTC).date())
    if (named := _named_by(entry.url)) is not None:
        return named
    return _one(entry.published_at.astimezone(UTC).date()) if entry.published_at is not None else None


def _named_by(url: str | None, *, of_document: bool = False) -> Span | None:
    """What an address says, where that is a month at most: a year in it may be a topic's."""
    found = days_named(url, of_document=of_document) if url else None
    return found if found is not None and found.days <= MONTH else None


def _days_of_sitemap(url: str, lead: Lead) -> Span | None:
    """What a sitemap says of entries without any date: the month it is named after, else the day of its last change."""
    named = _named_by(url, of_document=True) or _named_by(lead.url, of_document=True)
    if named is not None or lead.changed_at is None:
        return named
    return _one(lead.changed_at.astimezone(UTC).date())


def _one(day: date) -> Span:
    return Span(day, day)


def _dated_by_address(entry: ParsedEntry) -> ParsedEntry:
    """A day in the address says more of the publication than the time of the last change does."""
    day = day_named(entry.url or "")
    if day is None or entry.published_source not in (None, "lastmod"):
        return entry
    at = datetime.combine(day, time(), UTC)
    return replace(entry, published_at=at, published_raw=day.isoformat(), published_source="url")


def _nested(parsed: ParsedFeed, lead: Lead, span: Span, sites: frozenset[str]) -> Iterator[Lead]:
    """The sitemaps of an index that may list something of these days."""
    own = sites | {registered_domain(lead.url)}
    for listed in parsed.sitemaps if lead.depth < DEEPEST else ():
        url = canonical_url(listed.url) if listed.url else None
        if url is None or registered_domain(url) not in own or _NO_ARTICLES.search(urlsplit(url).path):
            continue
        named, changed = days_named(url, of_document=True), listed.updated_at
        if named is not None and not span.meets(named, slack=SLACK):
            continue
        if changed is not None and changed.astimezone(UTC).date() < span.first:  # nothing in it is younger
            continue
        yield Lead(url, "sitemap", depth=lead.depth + 1, changed_at=changed)


# --- pages of feeds ---


def _read_page(parsed: ParsedFeed, body: bytes, url: str, lead: Lead, span: Span) -> Document:
    wanted, undated, newest = [], 0, date.min
    for entry in parsed.entries:
        days = _days_of(entry)
        undated += days is None
        if days is not None:
            newest = max(newest, days.last)
            if span.meets(days):
                wanted.append(entry)
    shown = hashlib.sha256("\n".join(entry.url or entry.guid or entry.title for entry in parsed.entries).encode("utf-8", "replace")).hexdigest()  # fmt: skip
    over = newest != date.min and newest < span.first  # a page whose newest entry is too old: those after it are older
    next_url = None if over or not parsed.entries or shown == lead.before else _older(parsed, body, url, lead)
    leads = (Lead(next_url, "page", number=lead.number + 1, before=shown),) if next_url else ()
    return Document(replace(parsed, entries=tuple(wanted)), leads, len(parsed.entries), 0, undated)


def _older(parsed: ParsedFeed, body: bytes, url: str, lead: Lead) -> str | None:
    """The page before this one: as the feed names it (RFC 5005), else as WordPress has it. Never on another site."""
    for named in (parsed.prev_archive, parsed.next_page):
        found = canonical_url(named) if named else None
        if found is not None and registered_domain(found) == registered_domain(url):
            return found
    if _WORDPRESS.search(body[:8_000]) or _WORDPRESS_FEED.search(_without_paged(lead.url)):
        return _paged(lead.url, lead.number + 1)
    return None


def _without_paged(url: str) -> str:
    parts = urlsplit(url)
    query = urlencode(
        [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "paged"]
    )
    return urlunsplit(parts._replace(query=query))


def _paged(url: str, number: int) -> str:
    plain = _without_paged(url)
    return f"{plain}{'&' if urlsplit(plain).query else '?'}paged={number}"
