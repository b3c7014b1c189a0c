"""Matches as a feed that any reader can follow: Atom (RFC 4287) and JSON Feed 1.1. PURE.

What strangers wrote is text on one line in both: never markup, no control or direction character. An id says nothing of the desk's
address, so that a reader knows an article again when the desk has moved.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid5

from lxml import etree

from crawler import __version__
from crawler.desk.pages import language_tag, web_address
from crawler.export import iso
from crawler.terminal import clipped, plain
from storage.search import Match

MEDIA_TYPES = {"atom": "application/atom+xml", "json": "application/feed+json"}
NEWEST = 50  # matches of a feed
ATOM = "http://www.w3.org/2005/Atom"
LONGEST = 1_000  # characters of a summary: what readers show, and no copy of the article
_OURS = UUID("5b0c6d1e-0b57-4b3c-9d0d-6f6c65766e74")  # made by us once; every id is a version 5 UUID in it
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when a feed without any match was updated
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_NOT_XML = re.compile("[\ufffe\uffff]")  # of what `plain` lets through
_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_OF_ADDRESSES = "%/:=&?~#+!$,;'@()*-._"


@dataclass(frozen=True, slots=True)
class Channel:
    """What a feed is about: `name` makes its id and is never changed, `path` is its address without the form's ending, `page` that
    of the desk's page with the same matches; `desk` is the desk's own address, without a slash behind it."""

    name: str
    title: str
    path: str
    page: str
    desk: str


def as_atom(channel: Channel, matches: Sequence[Match]) -> bytes:
    """The document."""
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    _add(feed, "id", feed_id(channel))
    _add(feed, "title", text(channel.title), type="text")
    _add(feed, "updated", iso(max(map(updated, matches), default=_NEVER)))
    _link(feed, "self", f"{channel.desk}{channel.path}.atom", MEDIA_TYPES["atom"])
    _link(feed, "alternate", channel.desk + channel.page, "text/html")
    _person(feed, "levantwatch")
    _add(feed, "generator", "levantwatch", version=__version__)
    for match in matches:
        _entry(etree.SubElement(feed, f"{{{ATOM}}}entry"), channel, match)
    written: bytes = etree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return written


def as_jsonfeed(channel: Channel, matches: Sequence[Match]) -> dict[str, Any]:
    """The document, to be written as JSON."""
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": text(channel.title),
        "home_page_url": channel.desk + channel.page,
        "feed_url": f"{channel.desk}{channel.path}.json",
        "authors": [{"name": "levantwatch"}],
        "items": [_item(channel, match) for match in matches],
    }


def feed_id(channel: Channel) -> str:
    """The same for ever."""
    return uuid5(_OURS, f"feed {channel.name}").urn


def match_id(match: Match) -> str:
    """The same in every feed, for ever: ids are never used again, and two databases saw no two articles at one instant under one id."""
    return uuid5(_OURS, f"article {match.article_id} {match.first_seen_at.astimezone(UTC).isoformat()}").urn


def updated(match: Match) -> datetime:
    """When the watch last learned what it says: saw it, or read its page."""
    return max(match.first_seen_at, match.fetched_at or match.first_seen_at)


def text(written: str) -> str:
    """One line that XML can hold."""
    return _NOT_XML.sub("", plain(written)).strip()


def address(url: str | None) -> str:
    """The article's address as a URI (RFC 3986), or '' where a click on it opens no page."""
    found = web_address(url)
    if not found:
        return ""
    before, mark, behind = found.partition("#")
    host = urlsplit(found).netloc
    if "[" in host or "]" in host:  # an IPv6 address, of which no news is
        return ""
    quoted = quote(before + mark + behind.replace("#", "%23"), safe=_OF_ADDRESSES, errors="replace")
    return _LONE_PERCENT.sub("%25", quoted)


def _entry(entry: Any, channel: Channel, match: Match) -> None:
    if language := language_tag(match.language):
        entry.set(_LANG, language)
    _add(entry, "id", match_id(match))
    _add(entry, "title", text(match.title) or "(no title)", type="text")
    _add(entry, "updated", iso(updated(match)))
    if match.published_at:
        _add(entry, "published", iso(match.published_at))
    _link(entry, "alternate", _opened(channel, match), "text/html")
    _link(entry, "related", _on_desk(channel, match), "text/html")
    for name in _authors(match):
        _person(entry, name)
    for topic in match.topic_list:
        _add(entry, "category", None, term=topic)
    _add(entry, "summary", _summary(match), type="text")


def _item(channel: Channel, match: Match) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": match_id(match),
        "url": _opened(channel, match),
        "title": text(match.title) or "(no title)",
        "content_text": _summary(match),
        "date_modified": iso(updated(match)),
        "authors": [{"name": name} for name in _authors(match)],
        "tags": match.topic_list,
        "_levantwatch": {
            "article_id": match.article_id,
            "story_id": match.story_id,
            "role": match.role,
            "publisher": text(match.publisher),
            "page": _on_desk(channel, match),
        },
    }
    if match.published_at:
        item["date_published"] = iso(match.published_at)
    if language := language_tag(match.language):
        item["language"] = language
    return item


def _opened(channel: Channel, match: Match) -> str:
    return address(match.url) or address(match.canonical_url) or _on_desk(channel, match)


def _on_desk(channel: Channel, match: Match) -> str:
    return f"{channel.desk}/article/{match.article_id}"


def _summary(match: Match) -> str:
    return clipped(text(match.summary) or text(match.text[: 2 * LONGEST]), LONGEST) or text(match.title) or "(no text)"


def _authors(match: Match) -> list[str]:
    """Who signed it and who published it."""
    return list(dict.fromkeys(filter(None, (text(match.author or ""), text(match.publisher))))) or ["unknown"]


def _add(parent: Any, name: str, content: str | None, **attributes: str) -> Any:
    added = etree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    added.text = content
    return added


def _link(parent: Any, relation: str, to: str, media_type: str) -> None:
    _add(parent, "link", None, rel=relation, type=media_type, href=to)


def _person(parent: Any, name: str) -> None:
    _add(_add(parent, "author", None), "name", name)
