"""Plain RSS 2.0 and Atom 1.0 read directly by lxml: the fields that feed.py asks feedparser for, with feedparser's values. PURE.

`read` answers None for whatever it does not know to the last letter (a document that is not well-formed, declares a type or an entity,
bends a namespace, repeats or nests what stands once, writes a date in an odd way), and feedparser reads that, 20 times slower.
What feedparser does to each value stands beside it here; `bench/quick.py` compares the two on every captured feed there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from lxml import etree

Fields = dict[str, Any]

_ATOM = "{http://www.w3.org/2005/Atom}"
_LANG, _XML_BASE = (f"{{http://www.w3.org/XML/1998/namespace}}{name}" for name in ("lang", "base"))
# Namespaces whose elements are known here, by the prefix that feedparser gives them. It takes a document's prefix for its own
# name, too: one of these on another namespace, or another namespace of its list, is no plain document.
_NAMESPACES = {
    "http://www.w3.org/2005/Atom": "atom",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://search.yahoo.com/mrss/": "media",
    "http://search.yahoo.com/mrss": "media",
    "//search.yahoo.com/mrss/": "media",  # on no list of feedparser: it goes by the prefix
    "http://purl.org/rss/1.0/modules/syndication/": "sy",
    "http://purl.org/rss/1.0/modules/slash/": "slash",
    "http://wellformedweb.org/CommentAPI/": "wfw",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "http://www.georss.org/georss": "georss",
    "http://www.w3.org/2003/01/geo/wgs84_pos#": "geo",
    "http://purl.org/dc/terms/": "dcterms",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://www.itunes.com/DTDs/Podcast-1.0.dtd": "itunes",
    "http://www.w3.org/1999/xhtml": "xhtml",
    "http://purl.org/syndication/thread/1.0": "thr",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi",
}
_TAKEN = re.compile(
    r"(?:admin|ag|annotate|audio|blogchannel|cc|creativecommons|co|content|cp|dc|dcterms|email|ev|feedburner|fm|foaf|geo|georss|gml|icbm"
    r"|image|itunes|l|media|pingback|prism|psc|rdf|rdfs|ref|reqv|search|slash|soap|ss|str|sub|sy|szf|taxo|thr|ti|trackback|wfw|wiki|xhtml"
    r"|xlink|xml|xmlns)",
    re.IGNORECASE,
)
_LISTED = re.compile(  # by feedparser, whatever the prefix
    r"backend\.userland|blogs\.law\.harvard|purl\.org|netscape\.com|example\.com|^uri/of|webns\.net|tangent\.org|creativecommons|web\.resource|cyber\.law"
    r"|theinfo\.org|rssnamespace|freshmeat|xmlns\.com|w3\.org|georss|opengis|postneo|itunes\.com|yahoo\.com|madskills|prismstandard"
    r"|hacks\.benhammersley|pocketsoap|xmlsoap|wellformedweb|podlove",
    re.IGNORECASE,
)
_DECLARED = re.compile(r"""\bxmlns(?::([\w.-]+))?\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_BASE = re.compile(r"[\s:]base\s*=", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[\w.:-]+(?:/[\w./-]*)?", re.ASCII)
# controls that are letters of Windows-1252; five of the 32 are none
_WINDOWS = {code: letter for code in range(0x80, 0xA0) if (letter := bytes([code]).decode("cp1252", "ignore"))}
_SLASHES = re.compile(r"^([A-Za-z][A-Za-z0-9+-.]*://)(/*)(.*?)")  # feedparser.urls._urifixer
_REFERENCE = re.compile(r"&([A-Za-z0-9_]+);")
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
# dates that crawler.dates reads by itself, without asking what feedparser made of them
_DATE = re.compile(
    rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), {_DAY} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?:19|20)\d\d {_CLOCK}:[0-5]\d"
    rf" (?:GMT|UTC|Z|E[SD]T|P[SD]T|[+-](?:0\d|1[0-4])[0-5]\d)"
    rf"|(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T{_CLOCK}:[0-5]\d(?:\.\d{{1,9}})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d))",
    re.ASCII,
)
_HTML = ("text", "html", "text/html", "text/plain", "plain")
_LINK_TYPES = ("html", "xhtml", "text/html", "application/xhtml+xml")
# elements whose text nobody here reads, and that change nothing else
_NAMES = """
category comments enclosure copyright docs generator cloud managingEditor webMaster rating thumb thumbnail
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


class UnusualError(Exception):
    """The document holds something that is left to feedparser."""


@dataclass(frozen=True, slots=True)
class QuickFeed:
    """What feedparser would say of a document, as far as feed.py asks: its `version`, `feed` and `entries`."""

    version: str
    feed: Fields
    entries: list[Fields]


@dataclass(slots=True)
class _Place:
    """A feed or an entry while it is read, in the document's order."""

    fields: Fields
    lang: str | None
    is_entry: bool
    is_atom: bool
    base: str
    has_content: bool = False
    once: set[str] = field(default_factory=set)


_Take = Callable[[_Place, Any, str], None]


def read(text: str) -> QuickFeed | None:
    """The document's fields, or None when it is not plain. `text` is XML without a declaration (crawler.mending)."""
    try:
        _check_namespaces(text)
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        root = etree.fromstring(text.encode(), parser)
        if len(parser.error_log):
            return None
        _check_base(text, root)
        return _rss(root) if root.tag == "rss" else _atom(root) if root.tag == _ATOM + "feed" else None
    except (etree.XMLSyntaxError, UnusualError, ValueError):
        return None


def _check_namespaces(text: str) -> None:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnusualError
    declared = _DECLARED.findall(text)
    if text.count("xmlns") != len(declared):  # in a text, perhaps
        raise UnusualError
    by_prefix: dict[str, str] = {}
    for prefix, one, other in set(declared):
        uri = one or other
        if prefix and by_prefix.setdefault(prefix.lower(), uri) != uri:
            raise UnusualError
        known = _NAMESPACES.get(uri)
        if known is None:
            listed = "backend.userland" in uri or (_LISTED.search(uri) and not uri.startswith("//"))
            if listed or "&" in uri or (prefix and _TAKEN.fullmatch(prefix)):
                raise UnusualError
        elif prefix != known and not (known in ("atom", "xhtml") and not _TAKEN.fullmatch(prefix or "none")):
            raise UnusualError


def _check_base(text: str, root: Any) -> None:
    """A document has at most one base, its root's, and that is a plain address."""
    base = root.get(_XML_BASE)
    if "base" in text.lower() and len(_BASE.findall(text)) != (base is not None):
        raise UnusualError
    if base is not None and not (_ADDRESS.fullmatch(base) and urljoin(base, base) == base):
        raise UnusualError


def _rss(root: Any) -> QuickFeed:
    if (
        not root.get("version", "").startswith("2.")
        or set(root.attrib) - {"version", _LANG, _XML_BASE}
        or len(root) != 1
    ):
        raise UnusualError
    channel = root[0]
    if channel.tag != "channel" or channel.attrib:
        raise UnusualError
    return _feed("rss20", root, channel, item="item", is_atom=False)


def _atom(root: Any) -> QuickFeed:
    if set(root.attrib) - {_LANG, _XML_BASE}:
        raise UnusualError
    return _feed("atom10", root, root, item=_ATOM + "entry", is_atom=True)


def _feed(version: str, root: Any, channel: Any, *, item: str, is_atom: bool) -> QuickFeed:
    lang = root.get(_LANG) or None
    feed = _Place({}, lang and lang.replace("_", "-"), is_entry=False, is_atom=is_atom, base=root.get(_XML_BASE, ""))
    if feed.lang:
        feed.fields["language"] = feed.lang
    entries: list[Fields] = []
    for element in channel:
        if element.tag == item:
            if element.attrib:
                raise UnusualError
            entry = _Place({}, feed.lang, is_entry=True, is_atom=is_atom, base=feed.base)
            for part in element:
                _take(entry, part)
            entries.append(entry.fields)
        else:
            _take(feed, element)
    return QuickFeed(version, feed.fields, entries)


def _take(place: _Place, element: Any) -> None:
    """What one element says of its feed or entry."""
    name = _name(element, is_atom=place.is_atom)
    handler = (_OF_ATOM if place.is_atom else _OF_RSS).get(name)
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


def _name(element: Any, *, is_atom: bool) -> str:
    """An element by feedparser's name for it: "title", "dc:creator"; of an unknown namespace with its prefix after a "?"."""
    tag: str = element.tag
    if tag[0] != "{":
        if is_atom:
            raise UnusualError
        return tag
    uri, _, local = tag[1:].partition("}")
    known = _NAMESPACES.get(uri)
    if known == "atom":
        return local if is_atom else f"atom:{local}"
    if known is None:
        if not element.prefix or local.lower() in ("svg", "math"):
            raise UnusualError
        return f"?{element.prefix}:{local}"
    return f"{known}:{local}"


def _ignore(place: _Place, element: Any, name: str) -> None:
    # a title of a picture counts only where no title stands yet, or where <source> made feedparser forget it
    title_stands = place.is_entry and bool(place.fields.get("title")) and "source" not in place.once
    if name in _NESTING or (name == "media:title" and title_stands):
        for part in element:
            _take_nested(place, part)
    elif (name not in _IGNORED and name[0] != "?") or len(element):
        raise UnusualError


def _take_nested(place: _Place, element: Any) -> None:
    name = _name(element, is_atom=place.is_atom)
    if name == "media:description":
        _media_description(place, element, name)
    else:
        _ignore(place, element, name)


# --- values, as feedparser's pop() leaves them ---


def _plain(element: Any, *, base: str | None = None) -> str:
    """The text of an element without children and attributes."""
    if element.attrib:
        raise UnusualError
    return _text(element, base=base)


def _text(element: Any, *, base: str | None = None) -> str:
    if len(element):
        raise UnusualError
    text: str = (element.text or "").strip()
    if base is not None and text:
        text = _resolved(base, text)
    if text.isascii():
        return text
    with suppress(UnicodeError):  # UTF-8 that somebody read as Latin-1 and wrote as UTF-8 again
        text = text.encode("iso-8859-1").decode("utf-8")
    return text.translate(_WINDOWS)


def _resolved(base: str, address: str) -> str:
    address = _SLASHES.sub(r"\1\3", address)
    try:
        return urljoin(base, address)
    except ValueError:
        return ""


def _once(place: _Place, name: str) -> None:
    if name in place.once:
        raise UnusualError
    place.once.add(name)


def _title(place: _Place, element: Any, name: str) -> None:
    _once(place, name)
    text = _markup(place, element)
    place.fields["title"] = text
    place.fields["title_detail"] = {"language": place.lang}


def _markup(place: _Place, element: Any) -> str:
    """A text construct: in Atom it may say that it is text or HTML."""
    if element.attrib and not (
        place.is_atom and list(element.attrib) == ["type"] and element.get("type").lower() in _HTML
    ):
        raise UnusualError
    return _text(element)


def _summary(place: _Place, element: Any, name: str) -> None:
    if not place.is_entry:  # a feed's description is asked by nobody
        _markup(place, element)
        return
    _once(place, "summary")
    if "summary" in place.fields and not place.has_content:
        raise UnusualError
    place.fields["summary"] = _markup(place, element)


def _subtitle(place: _Place, element: Any, name: str) -> None:
    if place.is_entry:
        raise UnusualError
    _markup(place, element)


def _content(place: _Place, element: Any, name: str) -> None:
    if not place.is_entry:
        raise UnusualError
    place.has_content = True
    text = _markup(place, element)
    place.fields.setdefault("content", []).append({"value": text})
    place.fields.setdefault("summary", text)


def _media_description(place: _Place, element: Any, name: str) -> None:
    """Beside a summary, and before any content, feedparser takes it for content."""
    if not place.is_entry or "summary" not in place.fields or place.has_content:
        raise UnusualError
    if set(element.attrib) - {"type"} or element.get("type", "plain").lower() not in _HTML:
        raise UnusualError
    place.has_content = True
    place.fields.setdefault("content", []).append({"value": _text(element)})


def _link(place: _Place, element: Any, name: str) -> None:
    attributes = dict(element.attrib)
    if "href" not in attributes:
        _text_link(place, element)
        return
    for key in attributes:
        local = key.rpartition("}")[2]
        if (
            local != local.lower()
            or local in ("url", "uri", "base", "lang")
            or (local != key and local in ("href", "rel", "type"))
        ):
            raise UnusualError
    if len(element):
        raise UnusualError
    rel = attributes.get("rel", "alternate").lower()
    kind = attributes.get("type", "application/atom+xml" if rel == "self" else "text/html").lower()
    href = _resolved(place.base, attributes["href"])
    place.fields.setdefault("links", []).append({"rel": rel, "href": href})
    if rel == "alternate" and kind in _LINK_TYPES:
        place.fields["link"] = href


def _text_link(place: _Place, element: Any) -> None:
    text = _plain(element, base=place.base)
    if place.is_entry:
        text = text.replace("&amp;", "&")
    text = _REFERENCE.sub(r"&\g<1>", text)
    place.fields["link"] = text
    link = {"rel": "alternate"}
    if text or not place.is_entry:
        link["href"] = text
    place.fields.setdefault("links", []).append(link)


def _guid(place: _Place, element: Any, name: str) -> None:
    _once(place, name)
    if set(element.attrib) - {"isPermaLink"}:
        raise UnusualError
    is_link = element.get("isPermaLink", "true") == "true"
    text = _text(element, base=place.base if is_link else None)
    place.fields["id"] = text
    if is_link:
        place.fields.setdefault("link", text)


def _date(key: str) -> _Take:
    def take(place: _Place, element: Any, name: str) -> None:
        if not place.is_entry:  # when a feed was built is asked by nobody
            _plain(element)
            return
        _once(place, key)
        text = _plain(element)
        if not _DATE.fullmatch(text):
            raise UnusualError
        place.fields[key] = text

    return take


def _author(place: _Place, element: Any, name: str) -> None:
    """RSS's author and dc:creator: a name. An address in it is taken apart by feedparser."""
    text = _plain(element)
    if "@" in text:
        raise UnusualError
    place.fields["author"] = text
    place.fields.setdefault("authors", []).append({"name": text} if text else {})


def _person(place: _Place, element: Any, name: str) -> None:
    """Atom's author: exactly one name, perhaps an address and an e-mail address."""
    parts = {part.tag: (part.text or "").strip() for part in element}
    known = {_ATOM + "name", _ATOM + "uri", _ATOM + "email"}
    strays = [element.text, *(part.tail for part in element)]
    if (
        element.attrib
        or len(parts) != len(element)
        or set(parts) - known
        or any(part.attrib or len(part) for part in element)
    ):
        raise UnusualError
    shown, email = parts.get(_ATOM + "name"), parts.get(_ATOM + "email")
    if not shown or "@" in shown or any(stray and stray.strip() for stray in strays):
        raise UnusualError
    place.fields["author"] = f"{shown} ({email})" if email else shown
    place.fields.setdefault("authors", []).append({"name": shown})


def _field(key: str) -> _Take:
    def take(place: _Place, element: Any, name: str) -> None:
        _once(place, key)
        place.fields[key] = _plain(element)

    return take


def _source(place: _Place, element: Any, name: str) -> None:
    if len(element):
        raise UnusualError
    place.once.add("source")


_OF_BOTH: dict[str, _Take] = {
    "title": _title,
    "link": _link,
    "content:encoded": _content,
    "dc:date": _date("updated"),
    "dc:creator": _author,
    "media:description": _media_description,
    "dc:language": _field("language"),
    "sy:updatePeriod": _field("sy_updateperiod"),
    "sy:updateFrequency": _field("sy_updatefrequency"),
    "feedburner:origLink": _field("feedburner_origlink"),
}
_OF_RSS: dict[str, _Take] = _OF_BOTH | {
    "atom:link": _link,
    "description": _summary,
    "guid": _guid,
    "pubDate": _date("published"),
    "lastBuildDate": _date("updated"),
    "atom:updated": _date("updated"),
    "author": _author,
    "language": _field("language"),
    "ttl": _field("ttl"),
    "source": _source,
}
_OF_ATOM: dict[str, _Take] = _OF_BOTH | {
    "summary": _summary,
    "subtitle": _subtitle,
    "content": _content,
    "id": _guid,
    "published": _date("published"),
    "updated": _date("updated"),
    "author": _person,
}
