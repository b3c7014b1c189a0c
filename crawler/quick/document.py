"""The way through a plain document: its root, its feed, its entries. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lxml import etree

from crawler.mending import strangers_parser
from crawler.quick.elements import OF_ATOM, OF_RSS, Fields, Place, media_description
from crawler.quick.names import ATOM, LANG, XML_BASE, UnusualError, check_base, check_names, check_namespaces, name_of

# elements whose text nobody here reads, and that change nothing else
_NAMES = """
category comments enclosure copyright docs generator cloud webMaster rating thumb thumbnail
content:format slash:comments slash:section slash:department slash:hit_parade wfw:commentRss wfw:comment media:thumbnail
media:keywords media:credit media:copyright media:rating media:adult media:text media:hash media:player
media:restriction media:status media:community dc:subject dc:publisher dc:rights dc:identifier dc:format dc:type
dc:source dc:coverage dc:relation sy:updateBase feedburner:info feedburner:emailServiceId feedburner:feedburnerHostname
feedburner:browserFriendly geo:lat geo:long itunes:explicit itunes:duration itunes:block itunes:keywords
itunes:episodeType itunes:type atom:category atom:rights atom:generator atom:icon atom:logo rights icon logo
media:category thr:total thr:in-reply-to
"""
_IGNORED = frozenset(_NAMES.split())
_NESTING = frozenset(("media:content", "media:group"))
_IMAGE = frozenset(("url", "title", "link", "width", "height", "description"))


@dataclass(frozen=True, slots=True)
class QuickFeed:
    """What feedparser would say of a document, as far as feed.py asks: its `version`, `feed` and `entries`."""

    version: str
    feed: Fields
    entries: list[Fields]


def read(text: str) -> QuickFeed | None:
    """The document's fields, or None when it is not plain. `text` is XML without a declaration (crawler.mending)."""
    try:
        check_namespaces(text)
        parser = strangers_parser()
        root = etree.fromstring(text.encode(), parser)
        if len(parser.error_log):
            return None
        check_names(text, root)
        check_base(text, root)
        return _rss(root) if root.tag == "rss" else _atom(root) if root.tag == ATOM + "feed" else None
    except (etree.XMLSyntaxError, UnusualError, ValueError):
        return None


def _rss(root: Any) -> QuickFeed:
    if not root.get("version", "").startswith("2.") or set(root.attrib) - {"version", LANG, XML_BASE} or len(root) != 1:
        raise UnusualError
    channel = root[0]
    if channel.tag != "channel" or channel.attrib:
        raise UnusualError
    return _feed("rss20", root, channel, item="item", is_atom=False)


def _atom(root: Any) -> QuickFeed:
    if set(root.attrib) - {LANG, XML_BASE}:
        raise UnusualError
    return _feed("atom10", root, root, item=ATOM + "entry", is_atom=True)


def _feed(version: str, root: Any, channel: Any, *, item: str, is_atom: bool) -> QuickFeed:
    lang = root.get(LANG) or None
    feed = Place({}, lang and lang.replace("_", "-"), is_entry=False, is_atom=is_atom, base=root.get(XML_BASE, ""))
    if feed.lang:
        feed.fields["language"] = feed.lang
    entries: list[Fields] = []
    for element in channel:
        if element.tag == item:
            if element.attrib:
                raise UnusualError
            entry = Place({}, feed.lang, is_entry=True, is_atom=is_atom, base=feed.base)
            for part in element:
                _take(entry, part)
            entries.append(entry.fields)
        else:
            _take(feed, element)
    return QuickFeed(version, feed.fields, entries)


def _take(place: Place, element: Any) -> None:
    """What one element says of its feed or entry."""
    name = name_of(element, is_atom=place.is_atom)
    handler = (OF_ATOM if place.is_atom else OF_RSS).get(name)
    if handler is not None:
        handler(place, element, name)
    elif name == "image" and not place.is_entry and not place.is_atom:
        if element.attrib or any(part.tag not in _IMAGE or part.attrib or len(part) for part in element):
            raise UnusualError
    elif name in ("skipHours", "skipDays") and not place.is_entry and not place.is_atom:
        if element.attrib or any(part.tag not in ("hour", "day") or part.attrib or len(part) for part in element):
            raise UnusualError
    else:
        _ignore(place, element, name)


def _ignore(place: Place, element: Any, name: str) -> None:
    # a title of a picture counts only where no title stands yet, or where <source> made feedparser forget it
    title_stands = place.is_entry and bool(place.fields.get("title")) and "source" not in place.once
    if name in _NESTING or (name == "media:title" and title_stands):
        for part in element:
            _take_nested(place, part)
    elif (name not in _IGNORED and name[0] != "?") or len(element):
        raise UnusualError


def _take_nested(place: Place, element: Any) -> None:
    name = name_of(element, is_atom=place.is_atom)
    if name == "media:description":
        media_description(place, element, name)
    else:
        _ignore(place, element, name)
