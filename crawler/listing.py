"""A document's entries as the ledger keys them: links resolved and canonical, first of each key, in document order."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from crawler.aggregators import target_of
from crawler.urls import canonical_url, entry_key, registered_domain
from storage import entries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crawler.feed import ParsedEntry, ParsedFeed
    from storage.feeds import FeedForPoll

SUMMARY_CHARS = 4000  # of a feed's full content, when it gives no summary: three screens are enough to judge a page


def seen_entries(parsed: ParsedFeed, feed: FeedForPoll) -> tuple[entries.SeenEntry, ...]:
    """The entries of a document as the ledger keys them, first of each key, in document order."""
    links = [(target_of(entry.url) or entry.url) if entry.url else None for entry in parsed.entries]
    urls = [canonical_url(link) if link else None for link in links]
    shared = _shared_links(zip(urls, parsed.entries, strict=True))
    seen: dict[str, entries.SeenEntry] = {}
    for link, url, entry in zip(links, urls, parsed.entries, strict=True):
        key = entry_key(
            feed_url=feed.key_url or feed.url,
            url=url,
            guid=entry.guid,
            title=entry.title,
            published_raw=entry.published_raw,
            link_is_shared=url in shared,
        )
        seen.setdefault(key, _seen_entry(key, link, url, entry, parsed, feed))
    return tuple(seen.values())


def _shared_links(listed: Iterable[tuple[str | None, ParsedEntry]]) -> frozenset[str]:
    """Links that one document lists under different guids and titles: a live page, a home page, a bad template."""
    guids, titles = defaultdict(set), defaultdict(set)
    for url, entry in listed:
        if url:
            guids[url].add(entry.guid)
            titles[url].add(entry.title)
    return frozenset(url for url in guids if len(guids[url]) > 1 and len(titles[url]) > 1)


def _seen_entry(
    key: str, link: str | None, url: str | None, entry: ParsedEntry, parsed: ParsedFeed, feed: FeedForPoll
) -> entries.SeenEntry:
    return entries.SeenEntry(
        key=key,
        url=link if url else None,  # what has no canonical form cannot be asked for either
        canonical_url=url,
        host=registered_domain(link or feed.url),
        guid=entry.guid,
        title=entry.title,
        summary=entry.summary or entry.content[:SUMMARY_CHARS],
        author=entry.author,
        language=entry.language or parsed.language or feed.language,
        published_at=entry.published_at,
        published_raw=entry.published_raw,
        published_source=entry.published_source,
        updated_at=entry.updated_at,
        updated_raw=entry.updated_raw,
        link=entry.url if link != entry.url else None,
    )
