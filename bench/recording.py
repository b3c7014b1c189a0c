"""What parsing and recording a poll cost, without the network: CPU milliseconds a feed, in one process.

    run.sh recording [FEEDS]      (200) invented feeds of 30 entries: all new, then all known in a changed document, then 304s

The 304s are recorded one by one, and as polls that end together are, in shared transactions (crawler.writing).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from crawler.answers import HttpAnswer
from crawler.classify import Judge
from crawler.feed import parse_feed
from crawler.polling import Outcome, Policy
from crawler.record import FeedReading, Recorder
from storage import feeds
from storage.db import Database, open_database
from storage.feeds import FeedForPoll

ENTRIES = 30
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
WORDS = [
    "council",
    "bridge",
    "harvest",
    "ministry",
    "river",
    "school",
    "budget",
    "strike",
    "season",
    "market",
    "border",
    "hospital",
    "railway",
    "museum",
]
TOGETHER = 16


def main(number: int) -> None:
    """Print one line per phase."""
    judge = Judge.load()
    recorder = Recorder(lambda: judge, Policy(timedelta(minutes=5), timedelta(days=1)), "none", None)
    with tempfile.TemporaryDirectory() as folder, closing(open_database(f"sqlite:///{folder}/b.db")) as database:
        database.ensure_schema(upgrade=False)
        with database.write() as session:
            for feed in range(number):
                feeds.add(session, url=f"https://f{feed}.example/feed.xml", now=NOW)
        bodies = [document(feed) for feed in range(number)]
        listed = due(database)
        parsed = timed("parse", number, lambda: [parse_feed(body, url="https://f.example/") for body in bodies])
        answers = [HttpAnswer(Outcome.OK, NOW, 0.1, 200, body, etag='"1"') for body in bodies]
        news = [FeedReading(*one) for one in zip(listed, answers, [Outcome.OK] * number, parsed, strict=True)]
        timed("record, all new", number, lambda: alone(database, recorder, news))
        known = [FeedReading(*one) for one in zip(due(database), answers, [Outcome.OK] * number, parsed, strict=True)]
        timed("record, all known", number, lambda: alone(database, recorder, known))
        same = HttpAnswer(Outcome.NOT_MODIFIED, NOW, 0.1, 304, conditional=True)
        calm = [FeedReading(feed, same, Outcome.NOT_MODIFIED) for feed in due(database)]
        timed("record, 304 alone", number, lambda: alone(database, recorder, calm))
        timed("record, 304 together", number, lambda: asyncio.run(together(database, recorder, calm)))


def document(feed: int) -> bytes:
    """An Atom document of invented news."""
    said = [
        " ".join(WORDS[(feed + word * word) % len(WORDS)] for word in range(start, start + 60))
        for start in range(ENTRIES)
    ]
    entries = "".join(
        f"<entry><id>urn:{feed}:{entry}</id><title>The {text[:40]} {entry}</title><link href='https://f{feed}.example/{entry}'/>"
        f"<published>2026-01-05T10:{entry:02}:00Z</published><author><name>R. Aydin</name></author>"
        f"<summary type='html'>&lt;p&gt;{text}&lt;/p&gt;</summary></entry>"
        for entry, text in enumerate(said)
    )
    return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>Feed {feed}</title>{entries}</feed>".encode()


def due(database: Database) -> list[FeedForPoll]:
    """All feeds, as they stand."""
    with database.read() as session:
        return feeds.for_poll(session, now=NOW)


def alone(database: Database, recorder: Recorder, readings: list[FeedReading]) -> None:
    """A transaction for each."""
    for reading in readings:
        with database.write() as session:
            recorder.record(session, reading, now=NOW)


async def together(database: Database, recorder: Recorder, readings: list[FeedReading]) -> None:
    """As many at a time as end together."""
    from crawler.writing import Writer

    with ThreadPoolExecutor(1) as thread:
        writer = Writer(database.write, thread)
        for start in range(0, len(readings), TOGETHER):
            some = readings[start : start + TOGETHER]
            await asyncio.gather(*(writer.run(recorder.record_all, one) for one in some))


def timed(name: str, number: int, work: Callable[[], Any]) -> Any:
    """Run it and print what it took."""
    begin = time.process_time()
    result = work()
    print(f"{name:22} {1000 * (time.process_time() - begin) / number:7.2f} ms a feed", flush=True)
    return result


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
