"""Bytes to a ParsedFeed: RSS, Atom, RDF, JSON Feed, news sitemaps. PURE; the only user of feedparser.

`parse_feed` never raises, whatever the bytes; one bad entry costs only itself. It may be slow on hostile input, so it runs
in a worker that can be killed. The rooms behind this door: `charset` (bytes to text), `mending` (text to XML), `jsonfeed`, `sitemap`, and here what feedparser reads.
"""

from __future__ import annotations

import io
import re
import warnings
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import feedparser
from msgspec.structs import replace

from crawler import quick
from crawler.charset import decode
from crawler.dates import parse_date
from crawler.jsonfeed import parse_jsonfeed
from crawler.mending import HEAD_CHARS, mended, with_allowed_numbers, without_controls, without_open_links
from crawler.nesting import flattened
from crawler.parsed import (
    CONTENT_CHARS,
    NAME_CHARS,
    SUMMARY_CHARS,
    TITLE_CHARS,
    ParsedEntry,
    ParsedFeed,
    absolute_link,
    check_size,
    guid_of,
    is_http,
    language_tag,
    no_feed,
    raw_date,
    read_each,
    text_of,
    without_last_cut,
)
from crawler.plaintext import clean, plain_text
from crawler.sitemap import is_sitemap, parse_sitemap

__all__ = ["ParsedEntry", "ParsedFeed", "parse_feed", "to_json"]

MAX_BYTES = 10 * 1024 * 1024  # after decompression; feeds of real publishers stay under 4 MB
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PERIODS = {"hourly": 3_600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
_HTML = re.compile(r"<html|<!doctype html|<body", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")


def parse_feed(body: bytes, *, url: str, content_type: str | None = None) -> ParsedFeed:
    """What a feed document says, whatever its bytes. Lists every item, those without a link and repeated ones, too."""
    try:
        body = _decompressed(body)
    except (zlib.error, EOFError, ValueError) as error:
        return no_feed(f"the compressed body cannot be read: {error}")
    try:
        text = decode(body, content_type=content_type).lstrip("\ufeff \t\r\n\x00")
        if not text:
            return no_feed("the body is empty")
        if refused := check_size(text):
            return refused
        if text[0] in "{[":
            return parse_jsonfeed(text, url)
        if is_sitemap(text[:HEAD_CHARS]):
            return parse_sitemap(with_allowed_numbers(without_controls(text)), url)
        return parse_text(mended(text), url)
    except MemoryError:  # the worker's limit: its business
        raise
    except Exception as error:  # noqa: BLE001  the boundary of one document: a parser's bug is a problem of that document
        return no_feed(f"the document broke the parser: {type(error).__name__}: {clean(str(error)[:1000])[:200]}")


def to_json(feed: ParsedFeed) -> dict[str, Any]:
    """The feed as `levantwatch parse` prints it: {title, entries: [{id, url, title, …}], problems}. An index lists its sitemaps."""
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
            for entry in feed.entries or feed.sitemaps
        ],
        "problems": list(feed.problems),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


def _decompressed(body: bytes) -> bytes:
    """A gzip body (sitemaps are served as files.gz) unpacked; what a cut one still gives."""
    if body[:2] != b"\x1f\x8b":
        return body
    unpacker = zlib.decompressobj(wbits=31)
    out = unpacker.decompress(body, MAX_BYTES + 1)
    if len(out) > MAX_BYTES:
        raise ValueError("it is larger than 10 MB")
    if not out and not unpacker.eof:
        raise EOFError("it is cut off")
    return out


def parse_text(text: str, url: str) -> ParsedFeed:
    """What a mended XML document says: the short way where it is plain, else the long one."""
    plain = quick.read(text)
    if plain is not None:
        return _feed(plain.version, plain.feed, plain.entries, [], text, url)
    return parse_slowly(text, url)


def parse_slowly(text: str, url: str) -> ParsedFeed:
    """What feedparser makes of a mended document: the long way, which the short one (crawler.quick) must agree with."""
    try:
        data = _by_feedparser(text)
    except KeyError:
        data = _by_feedparser(without_open_links(text))
    version = data.get("version") or ""
    problems = [_told(data.bozo_exception)] if data.get("bozo") and data.get("bozo_exception") else []
    if not version and not data.entries:
        return no_feed(_why_no_feed(text, problems))
    return _feed(version, data.feed, data.entries, problems, text, url)


def _by_feedparser(text: str) -> Any:
    # No location is given: feedparser would make an address of the guid "abc". xml:base is resolved by it, the rest here.
    headers = {"content-type": "application/xml; charset=utf-8"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # feedparser's own deprecations are not ours to mend
        return feedparser.parse(
            io.BytesIO(
                flattened(text).encode("utf-8", "replace")
            ),  # never the bytes themselves: it would open what looks like a file
            response_headers=headers,
            sanitize_html=False,
            resolve_relative_uris=False,
        )


def _feed(version: str, channel: Any, listed: list[Any], problems: list[str], text: str, url: str) -> ParsedFeed:
    homepage = absolute_link(text_of(channel.get("link")), url)
    base = (
        homepage if homepage and version.startswith("rss") else url
    )  # RSS behind a feed service is relative to its site
    kind = _kind_of(version)
    is_broken = bool(problems)
    entries = read_each(listed, lambda entry: _entry(entry, base), problems)
    if is_broken and entries and entries[-1].url is None:
        entries = without_last_cut(entries, text, problems)
    author = _author(channel) if kind == "atom" else None
    if author:  # RFC 4287 section 4.2.1: the feed's author is the author of entries that name none
        entries = tuple(entry if entry.author else replace(entry, author=author) for entry in entries)
    return ParsedFeed(
        kind=kind,
        title=plain_text(text_of(channel.get("title")), limit=NAME_CHARS),
        homepage=homepage,
        language=language_tag(channel.get("language")),
        entries=entries,
        problems=tuple(problems),
        ttl_minutes=_number(channel.get("ttl")),
        skip_hours=_hours(text),
        skip_days=_days(text),
        update_period_seconds=_period(channel),
        hub=_related(channel, "hub", url),
        self_url=_related(channel, "self", url),
        prev_archive=_related(channel, "prev-archive", url),
        next_page=_related(channel, "next", url),
        new_url=absolute_link(text_of(channel.get("itunes_new-feed-url") or channel.get("newlocation")), url),
    )


def _related(channel: Any, relation: str, url: str) -> str | None:
    """The first link of the channel with this relation that is one."""
    links = (link.get("href") for link in channel.get("links", ()) if link.get("rel") == relation)
    return next((found for link in links if (found := absolute_link(link, url))), None)


def _entry(entry: Any, base: str) -> ParsedEntry:
    guid = text_of(entry.get("id"))
    contents = [text_of(part.get("value")) for part in entry.get("content", ())]
    content = max((plain_text(part, limit=CONTENT_CHARS) for part in contents), key=len, default="")
    published, raw, source = _date_of(entry, ("published", "created", "updated"))
    updated, updated_raw, _ = _date_of(entry, ("updated",))
    return ParsedEntry(
        guid=guid_of(guid),
        url=_entry_link(entry, guid, base),
        title=_first_text(entry, ("title", "media_title", "itunes_title"), TITLE_CHARS),
        summary=_first_text(entry, ("summary", "media_description", "itunes_summary", "subtitle"), SUMMARY_CHARS),
        content=content,
        author=_author(entry),
        language=language_tag(entry.get("language") or (entry.get("title_detail") or {}).get("language")),
        published_at=published,
        published_raw=raw,
        published_source=source,
        updated_at=updated,
        updated_raw=updated_raw,
    )


def _entry_link(entry: Any, guid: str, base: str) -> str | None:
    """The publisher's own link, else the entry's, else the first alternate one; an enclosure is no article.

    A guid is a link only when it is a permalink and looks like one: many feeds leave `isPermaLink` to its default on plain ids.
    """
    candidates = [text_of(entry.get("feedburner_origlink")), text_of(entry.get("link"))]
    candidates += [
        text_of(link.get("href")) for link in entry.get("links", ()) if link.get("rel", "alternate") == "alternate"
    ]
    usable = [one for one in candidates if one and (one != guid or is_http(one) or one.startswith("/"))]
    return next((found for one in usable if (found := absolute_link(one, base))), None)


def _first_text(entry: Any, names: Iterable[str], limit: int) -> str:
    """The first of these fields that says something, as plain text."""
    found = (plain_text(text_of(entry.get(name)), limit=limit) for name in names)
    return next(filter(None, found), "")


def _author(carrier: Any) -> str | None:
    """Names of the authors, joined by commas; an address is no name, unless it is all there is."""
    told = text_of(carrier.get("author"))
    names = [text_of(detail.get("name")) for detail in carrier.get("authors", ()) if isinstance(detail, dict)]
    if "@" in told or not any(names):  # feedparser cuts names out of addresses whose last label is long
        names = [told]
    return ", ".join(dict.fromkeys(filter(None, map(_name, names))))[:NAME_CHARS] or None


def _name(name: str) -> str:
    shown = plain_text(name[: 10 * NAME_CHARS], limit=NAME_CHARS)
    return _EMAIL.sub("", shown).strip(" ()<>,;") or shown


def _date_of(entry: Any, names: Iterable[str]) -> tuple[datetime | None, str | None, str | None]:
    """The first of these dates that the entry has; unreadable ones keep their raw string."""
    unread: tuple[None, str | None, str | None] = (None, None, None)
    for name in names:
        if name not in entry:  # `in` asks the entry itself: .get("updated") falls back to published, with a warning
            continue
        raw = raw_date(entry[name])
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


def _why_no_feed(text: str, problems: list[str]) -> str:
    if _HTML.search(text[:HEAD_CHARS]):
        return "the body is an HTML page, not a feed"
    return "the body is no feed" + (f" ({problems[0]})" if problems else "")


def _told(error: object) -> str:
    return f"not well-formed: {clean(str(error)[:1000])[:200]}"


def _number(value: Any) -> int | None:
    text = clean(text_of(value)[:NAME_CHARS])
    return int(text) if text.isdecimal() and len(text) < 8 else None


def _hours(text: str) -> tuple[int, ...]:
    found = re.findall(r"\d{1,3}", _element(text, "skiphours"))
    return tuple(sorted({int(hour) % 24 for hour in found if int(hour) <= 24}))


def _days(text: str) -> tuple[int, ...]:
    named = _element(text, "skipdays")
    return tuple(number for number, day in enumerate(_DAYS) if day in named)


def _element(text: str, name: str) -> str:
    """What stands in the first element of this name, in lower case: feedparser keeps only the last of several <hour>."""
    head = text[: 10 * HEAD_CHARS].lower()
    start = head.find(f"<{name}>")
    end = head.find(f"</{name}>", start)
    return head[start:end][: 4 * NAME_CHARS] if 0 <= start < end else ""


def _period(channel: Any) -> int | None:
    period = _PERIODS.get(clean(text_of(channel.get("sy_updateperiod"))[:NAME_CHARS]).lower())
    return period // max(_number(channel.get("sy_updatefrequency")) or 1, 1) if period else None
