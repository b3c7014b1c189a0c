"""JSON Feed 1.0 and 1.1 (jsonfeed.org) to a ParsedFeed. PURE."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from crawler.dates import parse_date
from crawler.parsed import (
    CONTENT_CHARS,
    MOST_ITEMS,
    NAME_CHARS,
    SUMMARY_CHARS,
    TITLE_CHARS,
    ParsedEntry,
    ParsedFeed,
    absolute_link,
    guid_of,
    is_http,
    language_tag,
    no_feed,
    raw_date,
    read_each,
    text_of,
    too_much,
)
from crawler.plaintext import clean, clip, plain_text


def parse_jsonfeed(text: str, url: str) -> ParsedFeed:
    """What a JSON Feed says; items that are no objects are named as problems."""
    try:
        data = json.loads(text, strict=False)  # real feeds have raw line breaks in their strings
    except (ValueError, RecursionError) as error:
        return no_feed(f"the body is no valid JSON: {clean(str(error))[:200]}")
    if not isinstance(data, dict) or not isinstance(data.get("items"), list):
        return no_feed("the body is JSON, but no JSON Feed: it has no list of items")
    if len(data["items"]) > MOST_ITEMS:
        return too_much(f"it lists more than {MOST_ITEMS:,} items")
    problems: list[str] = []
    base = absolute_link(data.get("home_page_url"), url) or url
    hubs = [hub.get("url") for hub in _list(data.get("hubs")) if isinstance(hub, dict)]
    return ParsedFeed(
        kind="json",
        title=plain_text(text_of(data.get("title")), limit=NAME_CHARS),
        homepage=absolute_link(data.get("home_page_url"), url),
        language=language_tag(data.get("language")),
        entries=read_each(data["items"], lambda item: _entry(item, base, data), problems),
        problems=tuple(problems),
        hub=next((found for hub in hubs if (found := absolute_link(hub, url))), None),
        self_url=absolute_link(data.get("feed_url"), url),
        next_page=absolute_link(data.get("next_url"), url),
    )


def _entry(item: Mapping[str, Any], base: str, feed: Mapping[str, Any]) -> ParsedEntry:
    guid = item.get("id")
    content = plain_text(text_of(item.get("content_html")), limit=CONTENT_CHARS)
    published, updated = raw_date(item.get("date_published")), raw_date(item.get("date_modified"))
    link = absolute_link(item.get("url"), base) or absolute_link(item.get("external_url"), base)
    return ParsedEntry(
        guid=guid_of(str(guid)) if isinstance(guid, str | int | float) else None,
        url=link or (absolute_link(guid, base) if is_http(guid) else None),
        title=plain_text(text_of(item.get("title")), limit=TITLE_CHARS),
        summary=plain_text(text_of(item.get("summary")), limit=SUMMARY_CHARS),
        content=content or clip(clean(text_of(item.get("content_text"))[: 2 * CONTENT_CHARS]), CONTENT_CHARS),
        author=", ".join(dict.fromkeys(_names(item))) or ", ".join(dict.fromkeys(_names(feed))) or None,
        language=language_tag(item.get("language") or feed.get("language")),
        published_at=parse_date(published) if published else None,
        published_raw=published,
        published_source="date_published" if published else None,
        updated_at=parse_date(updated) if updated else None,
        updated_raw=updated,
    )


def _names(carrier: Mapping[str, Any]) -> Iterator[str]:
    """Names in `authors` (1.1) or `author` (1.0), of an item or of the feed."""
    for author in _list(carrier.get("authors")) or [carrier.get("author")]:
        name = author.get("name") if isinstance(author, dict) else author
        if shown := plain_text(text_of(name), limit=NAME_CHARS):
            yield shown


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
