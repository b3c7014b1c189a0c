"""A home page's bytes -> the feeds that it names; else the usual places to look. PURE.

Bounded whatever the page: two megabytes of it are read, and at most MOST_NAMED addresses come back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from lxml import etree, html

from crawler.charset import decode
from crawler.description import feed_address
from crawler.plaintext import plain_text
from crawler.urls import match_key, registered_domain

MAX_BYTES = 2 * 1024 * 1024  # home pages of news sites take 100 to 900 kB
MOST_NAMED = 20  # a site with a feed per section names dozens; the main ones come first
MOST_LOOKED_AT = 5_000  # links of one page; large home pages have 1,500
LONGEST_HREF = 500
TITLE_CHARS = 200
# where the common publishing systems put their feed: WordPress, static generators, Drupal, Jekyll and Ghost, Blogger
USUAL_PLACES = (
    "/feed",
    "/rss.xml",
    "/rss",
    "/feed.xml",
    "/atom.xml",
    "/index.xml",
    "/feeds/posts/default",
    "/news/rss.xml",
)

_FEED_TYPES = frozenset(
    {
        "application/rss+xml",
        "application/atom+xml",
        "application/rdf+xml",
        "application/feed+json",
        "application/x.atom+xml",
    }
)
_LOOSE_TYPES = frozenset(
    {"application/json", "application/xml", "text/xml", "application/rss", "text/rss"}
)  # feeds, if the address says so
_NEVER = re.compile(
    r"/wp-json/|oembed|opensearch|manifest|sitemap|\.(?:css|js|png|jpe?g|svg|gif|webp|ico|pdf|mp3|mp4)$", re.IGNORECASE
)
_FEEDLIKE = re.compile(
    r"(?:^|[/.])(?:feed|rss|atom|rdf)s?\d?(?:[._-]?(?:xml|rss|json|php|aspx))?/?$"  # /feed, /rss.xml, /index.rdf, /world.rss
    r"|/(?:feeds?|rss|atom|\.mrss)/|\.(?:rss|atom|rdf|mrss)$",
    re.IGNORECASE,
)
_FEED_WORD = re.compile(r"rss|feed|atom", re.IGNORECASE)
_DOCUMENT = re.compile(r"\.(?:xml|rdf|json|php|aspx?)$", re.IGNORECASE)
_FEED_QUERY = re.compile(
    r"(?:^|&)(?:feed=(?:rss2?|atom|rdf)|format=(?:m?rss|atom|feed)|output=rss|outputType=xml|type=rss)(?:&|$)",
    re.IGNORECASE,
)
_PAGE = re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
_FEED_ROOT = re.compile(rb"<(?:\w+:)?(?:rss|feed|rdf|urlset)[\s>]", re.IGNORECASE)
_FEED_HOSTS = re.compile(r"^(?:feeds?|rss|feedproxy)\d?\.")
_COMMENTS = re.compile(r"/comments?(?:/|\.|$)|[?&]feed=comments|comments[-_/]?(?:feed|rss)", re.IGNORECASE)
_COMMENT_TITLE = re.compile(
    r"\bcomments?\b|\bkommentare?\b|\bcommentaires?\b|\bcomentarios\b|\byorum|\bتعليقات", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class NamedFeed:
    """An address that a page names as a feed; nobody has read it yet."""

    url: str
    title: str = ""
    of_comments: bool = False


@dataclass(frozen=True, slots=True)
class FoundFeed:
    """A feed that was read: its `kind` is rss, atom, rdf, json or sitemap, `entries` is how many items it lists."""

    url: str
    title: str
    kind: str
    entries: int


def discover_feeds(body: bytes, *, url: str, content_type: str | None = None) -> list[NamedFeed]:
    """The feeds that an HTML page names, each once: <link> before <a>, feeds of comments last; what is no page names none.

    `url` is where the page was, `content_type` what its headers declared.
    """
    root = _parsed(decode(body[:MAX_BYTES], content_type=content_type))
    if root is None:
        return []
    base = _base(root, url)
    named: dict[str, NamedFeed] = {}
    for feed in chain(_links(root, base), _anchors(root, base, registered_domain(url))):
        named.setdefault(match_key(feed.url), feed)
        if len(named) >= MOST_NAMED:
            break
    return sorted(named.values(), key=lambda feed: feed.of_comments)


def is_page(body: bytes) -> bool:
    """Whether the bytes begin like an HTML page, so that no feed parser need try them."""
    return bool(_PAGE.search(body[:2048])) and not _FEED_ROOT.search(body[:2048])


def candidate_paths(url: str) -> Iterator[str]:
    """Where a site that names no feed may have one: below the page's own path first, then the usual places."""
    path = urlsplit(url).path
    folder = path[: path.rfind("/")] if path.endswith("/") or "." in path.rpartition("/")[2] else path
    own = [f"{folder}/feed", f"{folder}/rss.xml"] if folder.strip("/") else []
    for place in (*own, *USUAL_PLACES):
        yield urljoin(url, place)


def _parsed(text: str) -> Any:
    # as bytes: lxml refuses a string with an XML declaration, as XHTML has one
    parser = html.HTMLParser(encoding="utf-8", huge_tree=False, no_network=True, remove_comments=True)
    try:
        return html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError):
        return None


def _base(root: Any, url: str) -> str:
    href = next((element.get("href") for element in root.iter("base") if element.get("href")), "")
    try:
        return str(urljoin(url, href.strip()))
    except ValueError:
        return url


def _links(root: Any, base: str) -> Iterator[NamedFeed]:
    for element, href in _addressed(root.iter("link")):
        relations = (element.get("rel") or "").lower().split()
        kind = (element.get("type") or "").partition(";")[0].strip().lower()
        if not {"alternate", "feed"} & set(relations) or "stylesheet" in relations:
            continue
        if kind in _FEED_TYPES or (kind in _LOOSE_TYPES and _is_feedlike(href)) or (not kind and "feed" in relations):
            yield from _named(href, element.get("title") or "", base)


def _anchors(root: Any, base: str, domain: str) -> Iterator[NamedFeed]:
    """Links that plainly are feeds, on the page's own domain or on a host for feeds."""
    for element, href in _addressed(root.iter("a", "area")):
        if not _is_feedlike(href):
            continue
        for feed in _named(href, element.get("title") or element.text or "", base):
            if registered_domain(feed.url) == domain or _FEED_HOSTS.match(urlsplit(feed.url).hostname or ""):
                yield feed


def _addressed(elements: Iterable[Any]) -> Iterator[tuple[Any, str]]:
    """The elements with their addresses, each address once, and not for ever."""
    seen: set[str] = set()
    for element in elements:
        href = (element.get("href") or "").strip()
        if href and len(href) <= LONGEST_HREF and href not in seen:
            seen.add(href)
            yield element, href
        if len(seen) >= MOST_LOOKED_AT:
            return


def _is_feedlike(href: str) -> bool:
    if href.lower().startswith("feed:"):
        return True
    path, _, query = href.partition("#")[0].partition("?")
    name = path.rpartition("/")[2]
    by_path = _FEEDLIKE.search(path) or (_DOCUMENT.search(name) and _FEED_WORD.search(name))
    return not _NEVER.search(path) and bool(by_path or _FEED_QUERY.search(query))


def _named(href: str, title: str, base: str) -> Iterator[NamedFeed]:
    try:
        url = feed_address(href if href.lower().startswith("feed:") else urljoin(base, href))
    except ValueError:
        return
    if _NEVER.search(urlsplit(url).path):
        return
    name = plain_text(title, limit=TITLE_CHARS)
    yield NamedFeed(url, name, bool(_COMMENTS.search(unquote(url)) or _COMMENT_TITLE.search(name)))
