"""Looking for what took the place of a feed that has failed for two weeks: on its home page, with the same manners as every poll.

What is found is proposed (`feeds list --failing`, `feeds explain`); only the user adds it.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from crawler.discovery import discover
from crawler.urls import match_key, redact
from storage import replacements
from storage.errors import StorageError

if TYPE_CHECKING:
    from crawler.discover import FoundFeed
    from crawler.watch import Watch
    from storage.replacements import LostFeed

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 5  # sites looked at in one go: an outage of two weeks must not become a wave of requests


async def keep_seeking(watch: Watch, wanted: asyncio.Event, stop: asyncio.Event) -> None:
    """Look each time that `wanted` is set, until `stop` is."""
    stopping = asyncio.ensure_future(stop.wait())
    while not stop.is_set():
        waiting = asyncio.ensure_future(wanted.wait())
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        wanted.clear()
        if not stop.is_set():
            try:
                await seek(watch, stop)
            except StorageError as error:
                logger.error("no replacement was looked for, the next hour tries again: %s", error)


async def seek(watch: Watch, stop: asyncio.Event) -> int:
    """Look for what may replace feeds that failed for long, a few at a time; how many were looked for.

    Raises `storage.errors.StorageError`.
    """
    lost = await watch.write(replacements.lost, now=watch.now(), limit=MOST_AT_ONCE)
    if lost:
        known = await watch.write(replacements.watched_urls)
        await asyncio.gather(*(_seek(watch, feed, known, stop) for feed in lost))
    return len(lost)


async def _seek(watch: Watch, feed: LostFeed, known: Collection[str], stop: asyncio.Event) -> None:
    found = await discover(watch.config, home_page(feed), stop, watch=watch)
    if found.stopped:
        return
    best = choose(feed, found.found, known)
    await watch.write(
        replacements.record,
        feed_id=feed.id,
        now=watch.now(),
        url=best.url if best else None,
        title=best.title if best else "",
        problem=None if best else found.problem,
    )
    logger.info("replacement feed=%d found=%s", feed.id, redact(best.url) if best else "-")


def home_page(feed: LostFeed) -> str:
    """Where to look: what the feed once named as its home page, else the root of its own site."""
    if feed.homepage and feed.homepage.startswith(("http://", "https://")):
        return feed.homepage
    parts = urlsplit(feed.url)
    return f"{parts.scheme}://{parts.netloc}/"


def choose(feed: LostFeed, found: Sequence[FoundFeed], known: Collection[str]) -> FoundFeed | None:
    """Of the feeds that a site has, the one titled most like the lost one; nothing that is watched already."""
    taken = {match_key(url) for url in known} | {match_key(feed.url)}
    new = [other for other in found if match_key(other.url) not in taken]

    def likeness(other: FoundFeed) -> float:
        return difflib.SequenceMatcher(None, feed.title.casefold()[:200], other.title.casefold()[:200]).ratio()

    return max(new, key=likeness, default=None)  # of equals the first: pages name their main feed first
