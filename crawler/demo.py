"""`levantwatch demo`: the whole road on the bundled newsroom, in a temporary folder, without any network."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from crawler.config import Config
from crawler.crawl import Account, crawl, rounds_of
from crawler.newsroom.outlets import OUTLETS
from crawler.newsroom.server import LAST_ROUND, Newsroom
from crawler.reactor import run_in_reactor
from crawler.spiders.feeds import Round
from crawler.watch import Watch
from storage import feeds, search

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

FEEDS_POLLED = sum(len(outlet.feeds) for outlet in OUTLETS) * LAST_ROUND  # for a progress bar: each feed in each round


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo kept, why, and what it did in both rounds together."""

    database_url: str
    folder: Path
    matches: tuple[search.Match, ...]
    reasons: dict[int, str]
    account: Account


def run_demo(
    *, keep: bool, on_poll: Callable[[], None] | None = None, now: datetime | None = None
) -> DemoReport | None:
    """Serve the newsroom on loopback, poll it twice, and read back what was kept.

    The second round shows what a watch is for: a correction, new articles, and a page that failed at first. The user's
    configuration and database are not looked at. Once per process, as the reactor starts once. `now` is when the articles' hours
    count from, if not the present. None, and nothing is kept, when a signal stopped it.
    """
    folder = Path(tempfile.mkdtemp(prefix="levantwatch-demo-"))
    url = f"sqlite:///{folder / 'levantwatch.db'}"
    config = Config(
        database_url=url,
        allow_networks=("127.0.0.0/8",),
        host_delay=0.0,  # the newsroom is ours
        log_level="WARNING",
    )
    done = False
    try:
        with Newsroom(now=now) as room:
            watch = Watch.open(config)
            try:
                with watch.database.write() as session:
                    _add_feeds(session, room, watch)
                polled = run_in_reactor(config, lambda stop: _rounds(watch, room, stop, on_poll))
                if polled is None:
                    return None
                with watch.database.read() as session:
                    matches = tuple(search.search(session, search.Filters(limit=None)))
                    reasons = {row.article_id: reason(session, row.article_id) for row in matches}
                    account = _account(session, polled)
                done = True
            finally:
                watch.close()
    finally:
        if not (keep and done):
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
            tags=feed.tags,
        )


async def _rounds(
    watch: Watch, room: Newsroom, stop: asyncio.Event, on_poll: Callable[[], None] | None
) -> tuple[Account, ...] | None:
    """Every round's account of itself; None when `stop` was set."""
    accounts = []
    for number in range(LAST_ROUND):
        if number:
            room.advance()
        accounts.append(await crawl(watch, rounds_of(Round(now=True)), kind="demo", stop=stop, on_poll=on_poll))
        if stop.is_set():
            return None
    return tuple(accounts)


def _account(session: Session, rounds: tuple[Account, ...]) -> Account:
    """One account of all rounds. What the database holds is counted there: rounds added up would count a retry twice."""
    return Account(
        polled=max(account.polled for account in rounds),
        failed=max(account.failed for account in rounds),
        counts=asdict(search.collected(session)),
    )


def reason(session: Session, article_id: int, *, most: int = 3) -> str:
    """The words that weighed most for a match, in one line; of words that hold one another the heaviest."""
    found = search.why(session, article_id)
    pieces = [
        piece
        for verdict in found.verdicts
        if verdict.matched
        for piece in verdict.evidence
        if piece["weight"] > 0 and piece["text"]
    ]
    told: list[str] = []
    for text in (piece["text"] for piece in sorted(pieces, key=lambda piece: -piece["weight"])):
        if not any(text.casefold() in other.casefold() or other.casefold() in text.casefold() for other in told):
            told.append(text)
    return ", ".join(told[:most])
