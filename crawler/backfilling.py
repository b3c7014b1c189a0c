"""Starting a walk through a publisher's past: by the command, and by `scrapy crawl backfill`; what they were told is checked here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from crawler.daysnamed import Span
from crawler.watch import Watch
from storage import runs, walks
from storage.days import parse_day
from storage.errors import StorageError

if TYPE_CHECKING:
    import asyncio

    from scrapy.crawler import Crawler

    from crawler.config import Config
    from crawler.crawl import Account

HOW = "backfill needs -a publisher=NAME -a since=2024-11-27, and may have -a until=2024-12-31"


def span_of(since: date | None, until: date | None, *, today: date) -> Span:
    """The days to walk through, at the latest today's. Raises ValueError, which says what is wrong."""
    if since is None:
        raise ValueError("say from which day on: since=2024-11-27")
    last = min(until or today, today)
    if since > last:
        raise ValueError(f"{since} is after {last}")
    return Span(since, last)


def backfill(config: Config, publisher: str, span: Span, *, on_progress: Callable[[int, int], None]) -> Account:
    """Walk in this process. Raises `storage.errors.StorageError`."""
    from crawler.crawl import crawl, require_feeds, rounds_of
    from crawler.reactor import run_in_reactor
    from crawler.spiders.backfill import BackfillSpider
    from crawler.spiders.feeds import Round

    watch = Watch.open(config)

    async def main(stop: asyncio.Event) -> Account:
        return await crawl(
            watch, rounds_of(Round(polls=False)), kind="backfill", stop=stop, spider=BackfillSpider,
            publisher=found, span=span, on_progress=on_progress,
        )  # fmt: skip

    try:
        require_feeds(watch)
        with watch.database.read() as session:
            found = walks.feeds_of(session, publisher)
        return run_in_reactor(config, main)
    finally:
        watch.close()


def arguments_for_scrapy(
    crawler: Crawler, *, publisher: str = "", since: str = "", until: str = "", **kwargs: Any
) -> dict[str, Any]:
    """What the spider needs when Scrapy starts it. Wrong arguments end the process with one line and status 2, an unknown publisher with 1."""
    from crawler.crawl import watch_for_scrapy
    from crawler.spiders.feeds import Round

    now = datetime.now(UTC)
    try:
        if not publisher.strip():
            raise ValueError(HOW)
        first = parse_day(since, now=now) if since else None
        span = span_of(first, parse_day(until, now=now, last=True) if until else None, today=now.date())
    except ValueError as error:
        sys.stderr.write(f"levantwatch: {error}\n")
        raise SystemExit(2) from None
    given = watch_for_scrapy(crawler, round_=Round(polls=False), **kwargs)
    watch: Watch = given["watch"]
    try:
        with watch.database.read() as session:
            found = walks.feeds_of(session, publisher)
    except StorageError as error:
        with watch.database.write() as session:
            runs.finish(session, run_id=given["run_id"], counts={}, reason="unknown publisher", now=now)
        watch.close()
        sys.stderr.write(f"levantwatch: {error}\n")
        raise SystemExit(1) from None
    return {**given, "publisher": found, "span": span}


def show_progress(crawler: Crawler, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments with a bar on a terminal, which goes when the spider closes."""
    from scrapy import signals

    from crawler.terminal import progress

    shown = progress("walking", None)
    bar = shown.__enter__()

    def close() -> None:
        shown.__exit__(None, None, None)

    crawler.signals.connect(close, signal=signals.spider_closed, weak=False)
    return {**given, "on_progress": bar.so_far}
