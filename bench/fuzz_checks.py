"""What must hold for any bytes at all; asked by bench/fuzz.py of millions of inputs, and by tests/test_fuzz.py of those that once failed."""

from __future__ import annotations

import re
from datetime import datetime

from crawler import quick, urls
from crawler.charset import decode
from crawler.extract import MAX_BYTES, extract_page
from crawler.feed import ParsedEntry, parse_feed, parse_slowly, parse_text
from crawler.mending import mended
from crawler.page import Page
from crawler.parsed import CONTENT_CHARS, GUID_CHARS, NAME_CHARS, SUMMARY_CHARS, TITLE_CHARS, check_size

BASE = "https://courier.example/feed.xml"
# what a terminal, a page or a log could obey, and what is no character; of white space a line of text has only spaces
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x84\x86-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
# what a browser would take for a tag
MARKUP = re.compile(r"<[/!?]?[a-zA-Z][^<>]*>")
STATUSES = {"full", "partial", "paywalled", "blocked", "not-an-article", "unreadable"}
WITH_TEXT = {"full", "partial", "paywalled"}


def check_feed(data: bytes) -> None:
    """A feed's bytes: AssertionError, or whatever parse_feed should not raise."""
    feed = parse_feed(data, url=BASE)
    assert feed.kind or feed.problems, "no feed and no reason"
    for one in (feed.title, *feed.problems):
        line(one, 10 * TITLE_CHARS)
    for link in (feed.homepage, feed.hub, feed.self_url, feed.new_url):
        assert link is None or is_link(link), link
    for entry in (*feed.entries, *feed.sitemaps):
        _entry(entry, plain=feed.kind == "json")
    _ways_agree(data)


def _ways_agree(data: bytes) -> None:
    """Whatever takes the short way through a feed gives what feedparser gives."""
    text = decode(data).lstrip("\ufeff \t\r\n\x00")
    if not text or text[0] in "{[" or check_size(text):
        return
    text = mended(text)
    if quick.read(text) is not None:
        assert parse_text(text, BASE) == parse_slowly(text, BASE), ascii(text[:1000])


def _entry(entry: ParsedEntry, *, plain: bool) -> None:
    """One entry; `plain`: its format knows text that is no markup, where "<b>" are three characters (JSON Feed)."""
    for text, most in (
        (entry.title, TITLE_CHARS),
        (entry.summary, SUMMARY_CHARS),
        (entry.content, CONTENT_CHARS),
        (entry.guid or "", GUID_CHARS),
        (entry.author or "", NAME_CHARS),
        (entry.published_raw or "", NAME_CHARS),
        (entry.updated_raw or "", NAME_CHARS),
    ):
        line(text, most)
    for text in (entry.title, entry.summary, entry.content, entry.author or ""):
        assert plain or not MARKUP.search(text), ascii(text[:200])
    assert entry.url is None or is_link(entry.url), entry.url
    if entry.url is not None:
        check_url(entry.url.encode("utf-8", "surrogatepass"))
    for moment in (entry.published_at, entry.updated_at):
        aware(moment)


def check_page(data: bytes) -> None:
    """A page's bytes: AssertionError, or whatever extract_page should not raise."""
    page: Page = extract_page(data[:MAX_BYTES], url="https://courier.example/2026/11/story", content_type="text/html")
    assert page.status in STATUSES, page.status
    assert not page.text or page.status in WITH_TEXT, (page.status, page.text[:80])
    assert page.text or page.status not in ("full", "partial"), page.status
    for text in (page.title or "", page.author or "", page.problem or "", page.published_raw or ""):
        line(text, 100_000)
    for text in (page.title or "", page.author or ""):  # (its text may show a reader what a tag looks like)
        assert not MARKUP.search(text), ascii(text[:200])
    for paragraph in page.text.split("\n"):
        line(paragraph, len(data) + 1)
    aware(page.published_at)
    aware(page.modified_at)
    if page.canonical_url:
        assert urls.registered_domain(page.canonical_url) == "courier.example", page.canonical_url


def check_url(data: bytes) -> None:
    """A URL in any bytes: AssertionError, or whatever crawler.urls should not raise."""
    text = data.decode("utf-8", "surrogateescape")
    found = urls.canonical_url(text)
    below = urls.canonical_url(text, base=BASE)
    for one in {found, below} - {None}:
        _canonical(one, text)
    urls.match_key(text)
    urls.registered_domain(text)
    for shared in (False, True):
        key = urls.entry_key(feed_url=BASE, url=None, guid=text, title=text, published_raw=None, link_is_shared=shared)
        assert key.startswith(BASE), key
        assert len(key) < 600, len(key)
    safe = urls.redact(text)
    line(safe, urls.LONGEST_URL)
    assert urls.redact(safe) == safe, (text, safe)


def _canonical(found: str, text: str) -> None:
    """A canonical form is one, can be asked for, and has a key and a domain."""
    assert urls.canonical_url(found) == found, (text, found, urls.canonical_url(found))
    assert found.isascii(), found
    assert re.match(r"https?://[^/\s@]+/?", found), found
    assert not re.search(r"\s", found), found
    assert len(found) <= urls.LONGEST_URL, len(found)
    key = urls.match_key(found)
    assert urls.match_key(key) == key, found
    host = urls.registered_domain(found)
    assert host, found
    assert host == host.lower(), host
    assert urls.entry_key(feed_url=BASE, url=found, guid=text, title=text, published_raw=text) == found


def line(text: str, most: int) -> None:
    """A text is one line of harmless characters, and no longer than it may be."""
    assert not UNSAFE.search(text), ascii(text[:200])
    assert len(text) <= most, len(text)


def is_link(text: str) -> bool:
    """Whether a text begins as an http or https address with a host."""
    return re.match(r"https?://[^/\s]", text, re.IGNORECASE) is not None


def aware(moment: datetime | None) -> None:
    """A time is none, or has its zone."""
    assert moment is None or moment.tzinfo is not None, moment
