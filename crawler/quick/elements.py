"""What each element says of its feed or entry, its value as feedparser's pop() leaves it. PURE."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from crawler.quick.names import ATOM, UnusualError

Fields = dict[str, Any]

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


@dataclass(slots=True)
class Place:
    """A feed or an entry while it is read, in the document's order."""

    fields: Fields
    lang: str | None
    is_entry: bool
    is_atom: bool
    base: str
    has_content: bool = False
    once: set[str] = field(default_factory=set)


Take = Callable[[Place, Any, str], None]


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


def _once(place: Place, name: str) -> None:
    if name in place.once:
        raise UnusualError
    place.once.add(name)


def _title(place: Place, element: Any, name: str) -> None:
    _once(place, name)
    text = _markup(place, element)
    place.fields["title"] = text
    place.fields["title_detail"] = {"language": place.lang}


def _markup(place: Place, element: Any) -> str:
    """A text construct: in Atom it may say that it is text or HTML."""
    if element.attrib and not (
        place.is_atom and list(element.attrib) == ["type"] and element.get("type").lower() in _HTML
    ):
        raise UnusualError
    return _text(element)


def _summary(place: Place, element: Any, name: str) -> None:
    if not place.is_entry:  # a feed's description is asked by nobody
        _markup(place, element)
        return
    _once(place, "summary")
    if "summary" in place.fields and not place.has_content:
        raise UnusualError
    place.fields["summary"] = _markup(place, element)


def _of_feed(place: Place, element: Any, name: str) -> None:
    """What is asked by nobody of a feed, and bends an entry."""
    if place.is_entry:
        raise UnusualError
    _markup(place, element)


def _content(place: Place, element: Any, name: str) -> None:
    if not place.is_entry:
        raise UnusualError
    place.has_content = True
    text = _markup(place, element)
    place.fields.setdefault("content", []).append({"value": text})
    place.fields.setdefault("summary", text)


def media_description(place: Place, element: Any, name: str) -> None:
    """Beside a summary, and before any content, feedparser takes it for content."""
    if not place.is_entry or "summary" not in place.fields or place.has_content:
        raise UnusualError
    if set(element.attrib) - {"type"} or element.get("type", "plain").lower() not in _HTML:
        raise UnusualError
    place.has_content = True
    place.fields.setdefault("content", []).append({"value": _text(element)})


def _link(place: Place, element: Any, name: str) -> None:
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


def _text_link(place: Place, element: Any) -> None:
    text = _plain(element, base=place.base)
    if place.is_entry:
        text = text.replace("&amp;", "&")
    text = _REFERENCE.sub(r"&\g<1>", text)
    place.fields["link"] = text
    link = {"rel": "alternate"}
    if text or not place.is_entry:
        link["href"] = text
    place.fields.setdefault("links", []).append(link)


def _guid(place: Place, element: Any, name: str) -> None:
    _once(place, name)
    if set(element.attrib) - {"isPermaLink"}:
        raise UnusualError
    is_link = element.get("isPermaLink", "true") == "true"
    text = _text(element, base=place.base if is_link else None)
    place.fields["id"] = text
    if is_link:
        place.fields.setdefault("link", text)


def _date(key: str) -> Take:
    def take(place: Place, element: Any, name: str) -> None:
        if not place.is_entry:  # when a feed was built is asked by nobody
            _plain(element)
            return
        _once(place, key)
        text = _plain(element)
        if not _DATE.fullmatch(text):
            raise UnusualError
        place.fields[key] = text

    return take


def _author(place: Place, element: Any, name: str) -> None:
    """RSS's author and dc:creator: a name. An address in it is taken apart by feedparser."""
    text = _plain(element)
    if "@" in text:
        raise UnusualError
    place.fields["author"] = text
    place.fields.setdefault("authors", []).append({"name": text} if text else {})


def _person(place: Place, element: Any, name: str) -> None:
    """Atom's author: exactly one name, perhaps an address and an e-mail address. An e-mail address bends feedparser's other authors."""
    parts = {part.tag: (part.text or "").strip() for part in element}
    known = {ATOM + "name", ATOM + "uri", ATOM + "email"}
    strays = [element.text, *(part.tail for part in element)]
    if (
        element.attrib
        or len(parts) != len(element)
        or set(parts) - known
        or any(part.attrib or len(part) for part in element)
    ):
        raise UnusualError
    shown, email = parts.get(ATOM + "name"), parts.get(ATOM + "email")
    if not shown or "@" in shown or any(stray and stray.strip() for stray in strays):
        raise UnusualError
    if place.fields.get("authors") and (email or "email" in place.once):
        raise UnusualError
    if email:
        place.once.add("email")
    place.fields["author"] = f"{shown} ({email})" if email else shown
    place.fields.setdefault("authors", []).append({"name": shown})


def _field(key: str) -> Take:
    def take(place: Place, element: Any, name: str) -> None:
        _once(place, key)
        place.fields[key] = _plain(element)

    return take


def _source(place: Place, element: Any, name: str) -> None:
    if len(element):
        raise UnusualError
    place.once.add("source")


_OF_BOTH: dict[str, Take] = {
    "title": _title,
    "link": _link,
    "content:encoded": _content,
    "dc:date": _date("updated"),
    "dc:creator": _author,
    "media:description": media_description,
    "dc:language": _field("language"),
    "sy:updatePeriod": _field("sy_updateperiod"),
    "sy:updateFrequency": _field("sy_updatefrequency"),
    "feedburner:origLink": _field("feedburner_origlink"),
}
OF_RSS: dict[str, Take] = _OF_BOTH | {
    "atom:link": _link,
    "description": _summary,
    "guid": _guid,
    "pubDate": _date("published"),
    "lastBuildDate": _date("updated"),
    "atom:updated": _date("updated"),
    "author": _author,
    "managingEditor": _of_feed,
    "language": _field("language"),
    "ttl": _field("ttl"),
    "source": _source,
}
OF_ATOM: dict[str, Take] = _OF_BOTH | {
    "summary": _summary,
    "subtitle": _of_feed,
    "content": _content,
    "id": _guid,
    "published": _date("published"),
    "updated": _date("updated"),
    "author": _person,
}
