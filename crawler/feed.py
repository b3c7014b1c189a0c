"""Bytes to a ParsedFeed: RSS, Atom, RDF, JSON Feed, news sitemaps. PURE; the only user of feedparser.

`parse_feed` never raises, whatever the bytes; one bad entry costs only itself. It may be slow on hostile input, so it runs
in a worker that can be killed.
"""

from __future__ import annotations

import io
import json
import re
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import feedparser

from crawler.dates import parse_date
from crawler.plaintext import clean, plain_text

MAX_BYTES = 10 * 1024 * 1024  # after decompression; feeds of real publishers stay under 4 MB
TITLE_CHARS, SUMMARY_CHARS, CONTENT_CHARS, GUID_CHARS, NAME_CHARS = 1_000, 10_000, 50_000, 2_000, 300
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PERIODS = {"hourly": 3_600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
_SURROGATE = re.compile(rb"&#(?:x0*[dD][89a-fA-F][0-9a-fA-F]{2}|0*5(?:5(?:29[6-9]|[3-9]\d\d)|6\d\d\d|7(?:[0-2]\d\d|3[0-3]\d|34[0-3])));")


@dataclass(frozen=True, slots=True)
class ParsedEntry:
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


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A feed document; `kind` is rss, atom, rdf, json or sitemap, '' when it is no feed. Hints are as the feed gave them."""

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
    new_url: str | None = None

    @property
    def is_feed(self) -> bool:
        """Whether the document is a feed of a kind that is known."""
        return self.kind != ""


def parse_feed(body: bytes, *, url: str, content_type: str | None = None) -> ParsedFeed:
    """What a feed document says, whatever its bytes. Lists every item, those without a link and repeated ones, too."""
    try:
        body = _decompressed(body)
    except (zlib.error, EOFError, ValueError) as error:
        return _no_feed(f"the compressed body cannot be read: {error}")
    head = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        return _no_feed("the body is empty")
    try:
        if head[:1] in (b"{", b"["):
            return _parse_json(body, url)
        if re.search(rb"<(?:\w+:)?(?:urlset|sitemapindex)\b", head):
            return _parse_sitemap(body, url)
        return _parse_xml(body, url, content_type)
    except Exception as error:  # noqa: BLE001  the boundary of one document: a parser's bug is a problem of that document
        return _no_feed(f"the document broke the parser: {type(error).__name__}: {clean(str(error))[:200]}")


def to_json(feed: ParsedFeed) -> dict[str, Any]:
    """The feed as `levantwatch parse` prints it: {title, entries: [{id, url, title, …}], problems}."""
    return {
        "title": feed.title,
        "kind": feed.kind,
        "homepage": feed.homepage,
        "language": feed.language,
        "entries": [
            {
                "id": entry.guid,
                "url": entry.url,
                "title": entry.title,
                "summary": entry.summary,
                "published": _iso(entry.published_at),
                "updated": _iso(entry.updated_at),
                "author": entry.author,
            }
            for entry in feed.entries
        ],
        "problems": list(feed.problems),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


def _no_feed(problem: str) -> ParsedFeed:
    return ParsedFeed(kind="", problems=(problem,))


def _decompressed(body: bytes) -> bytes:
    if body[:2] != b"\x1f\x8b":
        return body
    out = zlib.decompressobj(wbits=31).decompress(body, MAX_BYTES + 1)
    if len(out) > MAX_BYTES:
        raise ValueError("it is larger than 10 MB")
    return out


# --- RSS, Atom, RDF: feedparser ---


def _parse_xml(body: bytes, url: str, content_type: str | None) -> ParsedFeed:
    headers = {"content-type": content_type or "application/xml", "content-location": url}
    body = _SURROGATE.sub(b"\xef\xbf\xbd", body)  # a lone surrogate makes feedparser raise
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # feedparser's own deprecations are not ours to mend
        data = feedparser.parse(
            io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    version = data.get("version") or ""
    problems = [_told(data.bozo_exception)] if data.get("bozo") and data.get("bozo_exception") else []
    if not version and not data.entries:
        return _no_feed(_why_no_feed(body, problems))
    channel = data.feed
    base = urljoin(url, _text(channel.get("link")) or "") if _is_http(_text(channel.get("link"))) else url
    entries = _each(data.entries, lambda entry: _xml_entry(entry, base), problems)
    return ParsedFeed(
        kind=_kind_of(version),
        title=plain_text(_text(channel.get("title")), limit=TITLE_CHARS),
        homepage=_link(_text(channel.get("link")), url),
        language=_language(channel.get("language")),
        entries=entries,
        problems=tuple(problems),
        ttl_minutes=_number(channel.get("ttl")),
        skip_hours=_hours(channel),
        skip_days=_days(channel),
        update_period_seconds=_period(channel),
        hub=next((_link(link.get("href"), url) for link in channel.get("links", ()) if link.get("rel") == "hub"), None),
        new_url=_link(_text(channel.get("itunes_new-feed-url") or channel.get("newlocation")), url),
    )


def _xml_entry(entry: Any, base: str) -> ParsedEntry:
    guid = _text(entry.get("id"))
    link = _entry_link(entry, base)
    if link is None and guid and entry.get("guidislink", True) and _is_http(guid):
        link = _link(guid, base)
    contents = [_text(part.get("value")) for part in entry.get("content", ())]
    summary = _text(entry.get("summary"))
    published, raw, source = _date_of(entry, ("published", "created", "updated"))
    updated, updated_raw, _ = _date_of(entry, ("updated",))
    return ParsedEntry(
        guid=clean(guid)[:GUID_CHARS] or None,
        url=link,
        title=plain_text(_text(entry.get("title")), limit=TITLE_CHARS),
        summary=plain_text(summary, limit=SUMMARY_CHARS),
        content=max((plain_text(part, limit=CONTENT_CHARS) for part in contents), key=len, default=""),
        author=plain_text(_text(entry.get("author")), limit=NAME_CHARS) or None,
        language=_language(entry.get("language") or (entry.get("title_detail") or {}).get("language")),
        published_at=published,
        published_raw=raw,
        published_source=source,
        updated_at=updated,
        updated_raw=updated_raw,
    )


def _entry_link(entry: Any, base: str) -> str | None:
    """The link, else the first alternate one; an enclosure is no article."""
    candidates = [_text(entry.get("link"))]
    candidates += [link.get("href") for link in entry.get("links", ()) if link.get("rel", "alternate") == "alternate"]
    return next((found for candidate in candidates if (found := _link(candidate, base))), None)


def _date_of(entry: Any, names: Iterable[str]) -> tuple[datetime | None, str | None, str | None]:
    """The first of these dates that the entry has; unreadable ones keep their raw string."""
    unread: tuple[None, str | None, str | None] = (None, None, None)
    for name in names:
        if name not in entry:  # `in` asks the entry itself: .get("updated") falls back to published, with a warning
            continue
        raw = clean(_text(entry[name]))[:NAME_CHARS]
        if not raw:
            continue
        parsed = entry.get(f"{name}_parsed") if f"{name}_parsed" in entry else None
        moment = parse_date(raw, parsed)
        if moment is not None:
            return moment, raw, name
        unread = unread if unread[1] else (None, raw, name)
    return unread


def _kind_of(version: str) -> str:
    if version.startswith("atom"):
        return "atom"
    return "rdf" if version in ("rss10", "rss090") else "rss"


def _why_no_feed(body: bytes, problems: list[str]) -> str:
    if re.search(rb"<html|<!doctype html|<body", body[:4096], re.IGNORECASE):
        return "the body is an HTML page, not a feed"
    return "the body is no feed" + (f" ({problems[0]})" if problems else "")


def _told(error: object) -> str:
    return f"not well-formed: {clean(str(error))[:200]}"


# --- JSON Feed 1.0 and 1.1 (jsonfeed.org) ---


def _parse_json(body: bytes, url: str) -> ParsedFeed:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        return _no_feed(f"the body is no valid JSON: {clean(str(error))[:200]}")
    if not isinstance(data, dict) or not isinstance(data.get("items"), list):
        return _no_feed("the body is JSON, but no JSON Feed: it has no list of items")
    problems: list[str] = []
    base = _link(data.get("home_page_url"), url) or url
    hubs = [hub.get("url") for hub in data.get("hubs") or () if isinstance(hub, dict)]
    return ParsedFeed(
        kind="json",
        title=plain_text(_text(data.get("title")), limit=TITLE_CHARS),
        homepage=_link(data.get("home_page_url"), url),
        language=_language(data.get("language")),
        entries=_each(data["items"], lambda item: _json_entry(item, base, data), problems),
        problems=tuple(problems),
        hub=next((found for hub in hubs if (found := _link(hub, url))), None),
    )


def _json_entry(item: Mapping[str, Any], base: str, feed: Mapping[str, Any]) -> ParsedEntry:
    guid = item.get("id")
    authors = item.get("authors") or ([item["author"]] if item.get("author") else feed.get("authors") or ())
    names = [plain_text(_text(one.get("name")), limit=NAME_CHARS) for one in authors if isinstance(one, dict)]
    text = plain_text(_text(item.get("content_html")), limit=CONTENT_CHARS) or clean(_text(item.get("content_text")))
    published, updated = clean(_text(item.get("date_published"))), clean(_text(item.get("date_modified")))
    return ParsedEntry(
        guid=clean(str(guid))[:GUID_CHARS] if guid is not None else None,
        url=_link(item.get("url") or item.get("external_url"), base) or (_link(guid, base) if _is_http(guid) else None),
        title=plain_text(_text(item.get("title")), limit=TITLE_CHARS),
        summary=plain_text(_text(item.get("summary")), limit=SUMMARY_CHARS),
        content=text[:CONTENT_CHARS],
        author=", ".join(filter(None, names)) or None,
        language=_language(item.get("language") or feed.get("language")),
        published_at=parse_date(published) if published else None,
        published_raw=published[:NAME_CHARS] or None,
        published_source="date_published" if published else None,
        updated_at=parse_date(updated) if updated else None,
        updated_raw=updated[:NAME_CHARS] or None,
    )


# --- sitemaps (sitemaps.org, Google News) ---


def _parse_sitemap(body: bytes, url: str) -> ParsedFeed:
    from lxml import etree

    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False)
    root = etree.fromstring(body, parser)
    if root is None:
        return _no_feed("the sitemap cannot be read")
    if etree.QName(root).localname == "sitemapindex":
        return ParsedFeed(kind="sitemap", problems=("an index of sitemaps: it lists no articles itself",))
    problems: list[str] = []
    elements = [element for element in root if isinstance(element.tag, str) and etree.QName(element).localname == "url"]
    entries = _each(elements, lambda element: _sitemap_entry(element, url), problems)
    title = next((found for found in root.xpath("//*[local-name()='publication']/*[local-name()='name']/text()")), "")
    language = next((found for found in root.xpath("//*[local-name()='publication']/*[local-name()='language']/text()")), None)
    return ParsedFeed(
        kind="sitemap",
        title=plain_text(str(title), limit=TITLE_CHARS),
        homepage=None,
        language=_language(language),
        entries=entries,
        problems=tuple(problems),
    )


def _sitemap_entry(element: Any, base: str) -> ParsedEntry:
    def first(path: str) -> str:
        found = element.xpath(path)
        return clean(str(found[0])) if found else ""

    local = "*[local-name()='{}']/text()"
    link = _link(first(local.format("loc")), base)
    published = first(".//" + local.format("publication_date"))
    modified = first(local.format("lastmod"))
    raw, source = (published, "publication_date") if published else (modified, "lastmod")
    return ParsedEntry(
        guid=None,
        url=link,
        title=plain_text(first(".//*[local-name()='news']/" + local.format("title")), limit=TITLE_CHARS),
        summary=plain_text(first(".//" + local.format("keywords")), limit=SUMMARY_CHARS),
        content="",
        author=None,
        language=_language(first(".//" + local.format("language")) or None),
        published_at=parse_date(raw) if raw else None,
        published_raw=raw[:NAME_CHARS] or None,
        published_source=source if raw else None,
        updated_at=parse_date(modified) if modified else None,
        updated_raw=modified[:NAME_CHARS] or None,
    )


# --- shared ---


def _each(items: Iterable[Any], read: Callable[[Any], ParsedEntry], problems: list[str]) -> tuple[ParsedEntry, ...]:
    def entries() -> Iterator[ParsedEntry]:
        for number, item in enumerate(items, start=1):
            try:
                yield read(item)
            except Exception as error:  # noqa: BLE001  the boundary of one entry: a bad one costs only itself
                problems.append(f"entry {number} cannot be read: {type(error).__name__}")

    return tuple(entries())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_http(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower().startswith(("http://", "https://"))


def _link(value: Any, base: str) -> str | None:
    """An absolute http(s) URL, or None for everything else."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        joined = urljoin(base, re.sub(r"[\t\r\n]", "", value.strip()))
        parts = urlsplit(joined)
    except ValueError:
        return None
    return joined if parts.scheme in ("http", "https") and parts.netloc else None


def _language(value: Any) -> str | None:
    """A BCP 47 tag in lower case, or None for what is none."""
    tag = clean(_text(value)).lower().replace("_", "-")
    return tag if re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", tag) else None


def _number(value: Any) -> int | None:
    text = clean(_text(value))
    return int(text) if text.isdigit() and len(text) < 8 else None  # noqa: PLR2004


def _hours(channel: Any) -> tuple[int, ...]:
    found = re.findall(r"\d+", _text(channel.get("skiphours") or channel.get("hour")))
    return tuple(sorted({int(hour) % 24 for hour in found if int(hour) <= 24}))


def _days(channel: Any) -> tuple[int, ...]:
    text = _text(channel.get("skipdays") or channel.get("day")).lower()
    return tuple(number for number, day in enumerate(_DAYS) if day in text)


def _period(channel: Any) -> int | None:
    period = _PERIODS.get(clean(_text(channel.get("sy_updateperiod"))).lower())
    return period // max(_number(channel.get("sy_updatefrequency")) or 1, 1) if period else None
