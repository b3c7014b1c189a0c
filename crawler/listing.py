"""A document's entries as the ledger keys them: links resolved and canonical, first of each key, in document order."""

from __future__ import annotations

from collections import defaultdict
from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct

from crawler.aggregators import target_of
from crawler.urls import canonical_url, entry_key, registered_domain
from storage.seen import SeenEntry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from crawler.feed import ParsedEntry, ParsedFeed

SUMMARY_CHARS = 4000  # of a feed's full content, when it gives no summary: three screens are enough to judge a page
OF_ONE_LINK = 3  # names without a guid


class Listing(Struct, frozen=True):
    """What one document lists: `entries` as the ledger keys them, first of each key, in document order; the `size` of the document in
    items; the times that these claim."""

    entries: tuple[SeenEntry, ...] = ()
    size: int = 0
    claimed: tuple[datetime, ...] = ()


EMPTY = Listing()


def listing_of(parsed: ParsedFeed, *, feed_url: str, language: str | None) -> Listing:
    """What a document lists. Entries without a link are keyed under `feed_url`; `language` is the feed's, for those that name none."""
    links = [(target_of(entry.url) or entry.url) if entry.url else None for entry in parsed.entries]
    urls = [canonical_url(link) if link else None for link in links]
    shared = _shared_links(zip(urls, parsed.entries, strict=True))
    language, own = parsed.language or language, registered_domain(feed_url)
    seen: dict[str, SeenEntry] = {}
    for link, url, entry in zip(links, urls, parsed.entries, strict=True):
        key = entry_key(
            feed_url=feed_url,
            url=url,
            guid=entry.guid,
            title=entry.title,
            published_raw=entry.published_raw,
            link_is_shared=url in shared,
            summary=entry.summary or entry.content,
        )
        if key not in seen:
            host = registered_domain(link) if link else own
            seen[key] = _seen_entry(key, link, url, entry, host, entry.language or language)
    claimed = tuple(entry.published_at for entry in parsed.entries if entry.published_at)
    return Listing(tuple(seen.values()), len(parsed.entries), claimed)


def _shared_links(listed: Iterable[tuple[str | None, ParsedEntry]]) -> frozenset[str]:
    """Links that one document lists under different guids and titles: a live page, a home page, a bad template.

    What has no title is called by its summary. Without guids an article may be listed twice, as corrected; under three names it is none.
    """
    guids, names = defaultdict(set), defaultdict(set)
    for url, entry in listed:
        if url:
            guids[url].add(entry.guid)
            names[url].add(entry.title or entry.summary or entry.content)
    enough = {url: 2 if len(given) > 1 else OF_ONE_LINK if given == {None} else inf for url, given in guids.items()}
    return frozenset(url for url, given in names.items() if len(given) >= enough[url])


def _seen_entry(
    key: str, link: str | None, url: str | None, entry: ParsedEntry, host: str, language: str | None
) -> SeenEntry:
    return SeenEntry(
        key=key,
        url=link if url else None,  # what has no canonical form cannot be asked for either
        canonical_url=url,
        host=host,
        guid=entry.guid,
        title=entry.title,
        summary=entry.summary or entry.content[:SUMMARY_CHARS],
        author=entry.author,
        language=language,
        published_at=entry.published_at,
        published_raw=entry.published_raw,
        published_source=entry.published_source,
        updated_at=entry.updated_at,
        updated_raw=entry.updated_raw,
        link=entry.url if link != entry.url else None,
    )
