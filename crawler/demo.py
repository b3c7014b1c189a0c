"""`levantwatch demo`: the whole road on the bundled newsroom, in a temporary folder, without any network."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crawler.config import Config
from crawler.crawl import Account, crawl, rounds_of, run_in_reactor
from crawler.newsroom.server import Newsroom
from crawler.spiders.feeds import Round
from crawler.watch import Watch
from storage import feeds, search

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ROUNDS = 2  # the second shows what a watch is for: a correction, new articles, and a page that failed at first


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo kept, why, and what it did."""

    database_url: str
    folder: Path
    matches: tuple[search.Match, ...]
    reasons: dict[int, str]
    account: Account


def run_demo(*, keep: bool) -> DemoReport:
    """Serve the newsroom on loopback, poll it twice, and read back what was kept.

    The user's configuration and database are not looked at. Once per process, as the reactor starts once.
    """
    folder = Path(tempfile.mkdtemp(prefix="levantwatch-demo-"))
    url = f"sqlite:///{folder / 'levantwatch.db'}"
    config = Config(
        database_url=url,
        allow_networks=("127.0.0.0/8",),
        host_delay=0.0,  # the newsroom is ours
        log_level="WARNING",
    )
    try:
        with Newsroom() as room:
            watch = Watch.open(config)
            try:
                with watch.database.write() as session:
                    _add_feeds(session, room, watch)
                account = run_in_reactor(config, lambda stop: _rounds(watch, room, stop))
                with watch.database.read() as session:
                    matches = tuple(search.search(session, search.Filters(limit=None)))
                    reasons = {row.article_id: reason(session, row.article_id) for row in matches}
            finally:
                watch.close()
    finally:
        if not keep:
            shutil.rmtree(folder)
    return DemoReport(url, folder, matches, reasons, account)


def _add_feeds(session: Session, room: Newsroom, watch: Watch) -> None:
    for feed in room.feeds():
        feeds.add(
            session,
            url=feed.url,
            now=watch.now(),
            title=feed.title,
            publisher=feed.publisher,
            country=feed.country,
            language=feed.language,
            kind=feed.kind,
            tags=tuple(feed.tags),
        )


async def _rounds(watch: Watch, room: Newsroom, stop: asyncio.Event) -> Account:
    """Both rounds; the account is of the second, whose counts are the database's."""
    account = await crawl(watch, rounds_of(Round(now=True)), kind="demo", stop=stop)
    for _ in range(1, ROUNDS):
        room.advance()
        account = await crawl(watch, rounds_of(Round(now=True)), kind="demo", stop=stop)
    return account


def reason(session: Session, article_id: int, *, most: int = 3) -> str:
    """The words that weighed most for a match, in one line."""
    found = search.why(session, str(article_id))
    pieces = [
        piece
        for verdict in found.verdicts
        if verdict.matched
        for piece in verdict.evidence
        if piece["weight"] > 0 and piece["text"]
    ]
    pieces.sort(key=lambda piece: -piece["weight"])
    return ", ".join(dict.fromkeys(piece["text"] for piece in pieces[:most]))
