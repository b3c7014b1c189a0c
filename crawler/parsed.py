"""What a feed document says, as values, and the small readers that all feed formats share. PURE."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from crawler.plaintext import clean
from crawler.urls import is_plain

# characters kept of a title, a summary, a full content, a guid, and a name or a raw date
TITLE_CHARS, SUMMARY_CHARS, CONTENT_CHARS, GUID_CHARS = 1_000, 10_000, 50_000, 2_000
NAME_CHARS = 300  # of a feed, a publisher, an author: longer ones fit no index of Postgres, which takes 2,704 bytes
MOST_ITEMS = 20_000  # of one document; real feeds list hundreds, a publisher's burst thousands
MOST_PAGES = 50_000  # of one sitemap, by sitemaps.org itself
MOST_TAGS = 500_000  # opened in one document: 25 to an item
MOST_ATTRIBUTES = 1_000  # of one element: 100,000 take feedparser ten seconds and 70 MB
TAGS_OF_PAGE = 12  # of a full sitemap, opened and closed: five elements and some more
LONGEST_LINK = 4_000  # longer ones are documents in disguise
_LONG_TAG = re.compile(r"<[a-zA-Z][^<>]{4000,}")
_ENTRY_TAG = re.compile(r"<(/?)(?:[\w.-]{1,20}:)?(?:item|entry|url|sitemap)(?:[\s>]|\Z)", re.IGNORECASE)
_END = re.compile(r"</(?:[\w.-]{1,20}:)?(?:rss|feed|rdf|channel|loc|urlset|sitemapindex)\s*>|loc>[^<]+<", re.IGNORECASE)
_IGNORED_IN_URLS = re.compile(r"[\t\r\n\x00]")  # browsers drop them (WHATWG URL)


class ParsedEntry(Struct, frozen=True):
    """One item of a feed, in plain text; `url` is absolute http(s) or None, `guid` as the feed gave it."""

    guid: str | None
    url: str | None
    title: str
    summary: str
    content: str
    author: str | None
    language: str | None
    published_at: datetime | None
    published_raw: str | None
    published_source: str | None
    updated_at: datetime | None
    updated_raw: str | None


class ParsedFeed(Struct, frozen=True):
    """A feed document; `kind` is rss, atom, rdf, json or sitemap, '' when it is no feed. Hints are as the feed gave them.

    `sitemaps` is filled by an index of sitemaps, whose `entries` are empty: it lists no articles.
    """

    kind: str
    title: str = ""
    homepage: str | None = None
    language: str | None = None
    entries: tuple[ParsedEntry, ...] = ()
    problems: tuple[str, ...] = ()
    ttl_minutes: int | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()
    update_period_seconds: int | None = None
    hub: str | None = None
    self_url: str | None = None
    new_url: str | None = None
    sitemaps: tuple[ParsedEntry, ...] = ()
    too_large: bool = False  # it lists more than one document may; nothing of it was read
    prev_archive: str | None = None  # RFC 5005: the older entries
    next_page: str | None = None

    @property
    def is_feed(self) -> bool:
        """Whether the document is a feed of a kind that is known."""
        return self.kind != ""


def no_feed(problem: str) -> ParsedFeed:
    """A document that is no feed, and why."""
    return ParsedFeed(kind="", problems=(problem,))


def check_size(text: str) -> ParsedFeed | None:
    """The refusal of a text with more items or tags than are read of one document: small in bytes, it is large in memory."""
    is_json = text[0] in "{["
    most_tags = TAGS_OF_PAGE * MOST_PAGES if "<urlset" in text[:4_096] else MOST_TAGS
    tags = text.count("{") + text.count("],") if is_json else text.count("<")
    if tags > most_tags:
        return too_much(f"it has more than {most_tags:,} {'objects' if is_json else 'tags'}")
    if has_endless_element(text):
        return too_much(f"one of its elements has more than {MOST_ATTRIBUTES:,} attributes")
    for names, most in (("item|entry", MOST_ITEMS), ("url|sitemap", MOST_PAGES)):
        if text.count("<") <= most:
            continue
        found = re.finditer(rf"<(?:[\w.-]{{1,20}}:)?(?:{names})[\s/>]", text, re.IGNORECASE)
        if next(islice(found, most, None), None):
            return too_much(f"it lists more than {most:,} items")
    return None


def has_endless_element(text: str) -> bool:
    """Whether an element has more attributes than are read: parsers compare each with all before it."""
    is_long = text.count("=") > MOST_ATTRIBUTES
    return is_long and any(tag.group().count("=") > MOST_ATTRIBUTES for tag in _LONG_TAG.finditer(text))


def too_much(problem: str) -> ParsedFeed:
    """A document that lists more than is read of one, and what."""
    return ParsedFeed(kind="", problems=(problem,), too_large=True)


def without_last_cut(entries: tuple[ParsedEntry, ...], text: str, problems: list[str]) -> tuple[ParsedEntry, ...]:
    """The entries without the last one, if the document stops within it (of a sitemap, within its address).

    What it says so far may be half an address, or nothing to know it by: as another entry it would be doubled when it comes whole.
    """
    last = None
    for last in _ENTRY_TAG.finditer(text):  # noqa: B007
        pass
    if not entries or last is None or last[1] or _END.search(text, last.end()):
        return entries
    problems.append("it is cut off: its last entry is left to the next time")
    return entries[:-1]


def read_each(items: Iterable[Any], read: Callable[[Any], ParsedEntry], problems: list[str]) -> tuple[ParsedEntry, ...]:
    """Read every item; one that cannot be read is named in `problems` and costs only itself."""
    entries = []
    for number, item in enumerate(items, start=1):
        try:
            entries.append(read(item))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  the boundary of one entry
            problems.append(f"entry {number} cannot be read: {type(error).__name__}")
    return tuple(entries)


def text_of(value: Any) -> str:
    """The value when it is a string, else ''."""
    return value if isinstance(value, str) else ""


def guid_of(value: str) -> str | None:
    """An identifier as it is kept: one line, of one longer than GUID_CHARS its beginning and a hash of the whole; None for an empty one."""
    value = value.strip()
    guid = clean(value[: 2 * GUID_CHARS])[:GUID_CHARS]
    if len(value) <= GUID_CHARS:
        return guid or None
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{guid[: GUID_CHARS - len(digest) - 2]} #{digest}"


def is_http(value: Any) -> bool:
    """Whether a value is an absolute http or https URL by its beginning."""
    return isinstance(value, str) and value.strip()[:8].lower().startswith(("http://", "https://"))


def absolute_link(value: Any, base: str) -> str | None:
    """An absolute http(s) URL, or None for everything else: javascript:, mailto:, text, or a relative one without a base."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_LINK:
        return None
    if is_plain(value):
        return value
    try:
        joined = urljoin(base, _IGNORED_IN_URLS.sub("", clean_ends(value)))
        parts = urlsplit(joined)
        valid = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return joined if valid else None


def clean_ends(value: str) -> str:
    """A URL without white space, marks and invisible characters around it."""
    return value.strip(" \t\r\n\x0b\x0c\xa0\u200b\u200e\u200f\u2028\u2029\ufeff")


def language_tag(value: Any) -> str | None:
    """A BCP 47 tag in lower case, or None for what is none."""
    tag = clean(text_of(value)[:NAME_CHARS]).lower().replace("_", "-")
    return tag if re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", tag) else None


def raw_date(value: Any) -> str | None:
    """A claimed date as it is kept: one line of at most NAME_CHARS characters, or None."""
    return clean(text_of(value)[: 4 * NAME_CHARS])[:NAME_CHARS] or None
