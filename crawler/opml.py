"""Lists of feeds: OPML in and out, and text files with one URL a line. PURE.

What strangers' readers export is read as far as it goes: any case of attribute names, any encoding, bare ampersands, HTML in titles, folders in
folders, a file that stops in the middle. What cannot be used is told with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from crawler.charset import decode
from crawler.description import FeedDescription, country_code, feed_address, language_tag, word
from crawler.mending import strangers_parser, with_xml_references, without_controls
from crawler.parsed import MOST_ATTRIBUTES, NAME_CHARS, has_endless_element
from crawler.plaintext import clean, plain_text
from crawler.urls import canonical_url

MAX_BYTES = 10 * 1024 * 1024  # 10,000 feeds take 3 MB
NAMESPACE = "urn:x-levantwatch:opml"  # publisher, country, kind and disabled have no attribute in OPML
_OWN = f"{{{NAMESPACE}}}"
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_PAGE = re.compile(r"<!doctype\s+html|<html", re.IGNORECASE)
_COMMENT = ("#", ";", "//")
_HEADING = re.compile(r"[\w -]{1,40}([,;\t][\w -]{1,40})+")  # of a table: names of columns


class FeedListError(Exception):
    """The file is no list of feeds; the message says what it is."""


@dataclass(frozen=True, slots=True)
class FeedList:
    """The feeds of a list, each address once, in order; `problems` are lines that could not be used, and why."""

    feeds: tuple[FeedDescription, ...]
    problems: tuple[str, ...] = ()


def read_feed_list(body: bytes) -> FeedList:
    """The feeds in an OPML document or in a text file with one URL a line. Raises FeedListError."""
    if len(body) > MAX_BYTES:
        raise FeedListError(f"it is larger than {MAX_BYTES // 2**20} MB; no list of feeds is")
    text = decode(body).lstrip("\ufeff")
    if not text.strip():
        raise FeedListError("it is empty")
    return _from_xml(text) if text.lstrip().startswith("<") else _from_lines(text)


def write_opml(feeds: Iterable[FeedDescription], *, title: str = "levantwatch") -> bytes:
    """An OPML 2.0 document (UTF-8) that feed readers import, and that `read_feed_list` reads back without loss."""
    root = etree.Element("opml", version="2.0", nsmap={"levantwatch": NAMESPACE})
    etree.SubElement(etree.SubElement(root, "head"), "title").text = without_controls(title)
    outlines = etree.SubElement(root, "body")
    for feed in feeds:
        attributes = {
            "text": feed.title or feed.url,  # required; an address as text is read back as no title
            "title": feed.title,
            "type": "rss",  # OPML 2.0: also for Atom
            "xmlUrl": feed.url,
            "htmlUrl": feed.homepage,
            "language": feed.language,
            "category": ",".join(feed.tags),
            f"{_OWN}publisher": feed.publisher,
            f"{_OWN}country": feed.country,
            f"{_OWN}kind": feed.kind,
            f"{_OWN}disabled": "true" if feed.disabled else None,
        }
        etree.SubElement(
            outlines, "outline", {key: without_controls(value) for key, value in attributes.items() if value}
        )
    document: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return document


# --- OPML ---


def _from_xml(text: str) -> FeedList:
    if has_endless_element(text):
        raise FeedListError(f"one of its elements has more than {MOST_ATTRIBUTES:,} attributes")
    root, problems = _parsed(text)
    name = _local(root.tag) if root is not None else ""
    if name != "opml":
        raise FeedListError(_what_it_is(name or ("html" if _PAGE.search(text[:2048]) else "")))
    found: dict[str, FeedDescription] = {}
    is_ours = NAMESPACE in root.nsmap.values()
    for element in root.iter(etree.Element):
        if _local(element.tag) != "outline":
            continue
        try:
            feed = _feed_of(element, titles_are_plain=is_ours)
        except ValueError as error:
            problems.append(f"line {element.sourceline}: {error}")
            continue
        if feed is not None:
            known = found.setdefault(feed.url, feed)
            # readers list a feed once in each of its folders
            found[feed.url] = replace(known, tags=tuple(dict.fromkeys((*known.tags, *feed.tags))))
    return FeedList(tuple(found.values()), tuple(problems))


def _parsed(text: str) -> tuple[Any, list[str]]:
    """The root as far as the document can be read, and what was wrong with it.

    Neither entity bombs nor external entities can act: no reference but XML's own five and numbers reaches the parser.
    """
    safe = with_xml_references(without_controls(_DECLARATION.sub("", text)))
    parser = strangers_parser(recover=True)
    try:
        root = etree.fromstring(safe.encode("utf-8"), parser)
    except etree.XMLSyntaxError:
        return None, []
    fatal = [error for error in parser.error_log if error.level == etree.ErrorLevels.FATAL]
    if fatal:
        return root, [
            f"line {fatal[0].line}: the XML is broken here ({clean(fatal[0].message)[:100]}); what could be read was read"
        ]
    return root, []


def _what_it_is(root: str) -> str:
    if root in ("rss", "feed", "rdf"):
        return "it is a feed, not a list of feeds; add its address with: levantwatch feeds add URL"
    if root == "html":
        return "it is an HTML page, not a list of feeds; find the feeds of a site with: levantwatch feeds discover URL"
    if root in ("urlset", "sitemapindex"):
        return "it is a sitemap, not a list of feeds"
    return (
        f"it is XML, but no OPML: it begins with <{root[:50]}>"
        if root
        else "it is neither OPML nor a text file of URLs"
    )


def _feed_of(outline: Any, *, titles_are_plain: bool) -> FeedDescription | None:
    """The feed of an outline; None for a folder or a note. Raises ValueError for a feed that cannot be used."""
    given = {_name(key): value for key, value in outline.attrib.items()}
    titles = [given.get("title") or "", given.get("text") or ""]
    title = next(
        filter(
            None,
            (clean(one)[:NAME_CHARS] if titles_are_plain else plain_text(one, limit=NAME_CHARS) for one in titles),
        ),
        "",
    )
    kind = given.get("type", "").strip().lower()
    address = given.get("xmlurl") or (given.get("url") if kind in ("rss", "atom") else None) or ""
    if not address.strip():
        if kind in ("rss", "atom") or (given.get("htmlurl") and not len(outline)):
            where = given.get("htmlurl") or "its home page"
            raise ValueError(
                f"{title[:80] or 'an outline'} has no xmlUrl; try: levantwatch feeds discover {clean(where)[:200]}"
            )
        return None
    url = feed_address(address)
    return FeedDescription(
        url=url,
        title="" if title == url else title,
        publisher=clean(given.get(f"{_OWN}publisher", ""))[:NAME_CHARS],
        homepage=_homepage(given.get("htmlurl")),
        language=_or_none(language_tag, given.get("language")),
        country=_or_none(country_code, given.get(f"{_OWN}country")),
        kind=_or_none(word, given.get(f"{_OWN}kind")) or "",
        tags=tuple(dict.fromkeys(_tags(outline, given.get("category", "")))),
        disabled=given.get(f"{_OWN}disabled") == "true",
    )


def _name(key: Any) -> str:
    """Our own attributes keep their namespace; all others are known by their local name, in small letters."""
    text = str(key)
    return text if text.startswith(_OWN) else _local(text)


def _local(name: Any) -> str:
    """A tag or attribute without namespace or prefix, in small letters; lxml's QName refuses names that its parser lets pass."""
    return re.split("[}:]", str(name))[-1].lower()


def _tags(outline: Any, categories: str) -> Iterator[str]:
    """The words of `category` (comma-separated, each a path), and the names of the folders around it, outermost first."""
    for part in re.split("[,/]", categories):
        if found := _or_none(word, part):
            yield found
    for folder in reversed(list(outline.iterancestors())):
        if _local(folder.tag) == "outline":
            named = {_name(key): value for key, value in folder.attrib.items()}
            if found := _or_none(word, plain_text(named.get("text") or named.get("title") or "", limit=NAME_CHARS)):
                yield found


def _homepage(text: str | None) -> str | None:
    """As given, when it is an address."""
    url = clean(text or "")
    return url if canonical_url(url) else None


def _or_none(read: Any, text: str | None) -> str | None:
    """What `read` makes of a text; None where it refuses: a wrong country is no reason to lose a feed."""
    try:
        return str(read(text)) if text and text.strip() else None
    except ValueError:
        return None


# --- one URL a line ---


def _from_lines(text: str) -> FeedList:
    """Addresses, each perhaps followed by words in quotes, its tags; "~…" is its title (Newsboat writes its list so)."""
    if "\x00" in text:  # a database is full of addresses, with other bytes at their ends
        raise FeedListError("it is no text, perhaps a table or an archive; give OPML or a text file of URLs")
    if _HEADING.fullmatch(text.lstrip().split("\n", 1)[0].replace('"', "").strip()):
        raise FeedListError(
            "it is a table, no list of feeds; save its column of addresses alone as a text file, one URL a line "
            "(levantwatch feeds export writes a list that can be imported)"
        )
    found: dict[str, FeedDescription] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith(_COMMENT):
            continue
        address, _, rest = line.partition(" ") if "\t" not in line else line.partition("\t")
        quoted = re.findall(r'"([^"]+)"', rest)
        title = next((clean(one[1:]) for one in quoted if one.startswith("~")), "")
        tags = (_or_none(word, one) for one in quoted if not one.startswith("~"))
        try:
            url = feed_address(address)
        except ValueError as error:
            problems.append(f"line {number}: {clean(str(error))}")
        else:
            found.setdefault(
                url, FeedDescription(url, title[:NAME_CHARS], tags=tuple(dict.fromkeys(filter(None, tags))))
            )
    if problems and not found:
        raise FeedListError(f"it is neither OPML nor a text file with one URL a line ({problems[0]})")
    return FeedList(tuple(found.values()), tuple(problems))
