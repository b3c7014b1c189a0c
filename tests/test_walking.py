"""One walk without a network: what is asked for, how often, and where it stops. The watch is a fake whose calls run at once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Request
from scrapy.http import Response
from sqlalchemy import select

from crawler import walking
from crawler.backfill import Lead
from crawler.daysnamed import Span
from crawler.polling import Policy
from crawler.record import Recorder
from crawler.robots import RobotsFiles
from crawler.walking import MOST_DOCUMENTS, Step, Walk
from storage import feeds, walks
from storage.db import Database, open_database
from storage.models import FEEDS, WALKS
from tests.storage_samples import NOW, add_feed
from tests.test_backfill import index, urlset

SITE = "https://northpost.example"
SPAN = Span(date(2024, 11, 27), date(2024, 12, 31))


class Watch:
    """What a walk needs of a watch."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.config = SimpleNamespace(feed_max_bytes=1_000_000)
        self.robots = RobotsFiles()
        self.workers = self
        self.at = NOW

    def now(self) -> Any:
        return self.at

    async def write(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self.database.write() as session:
            return function(session, *args, **kwargs)

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)


class NoJudge:
    """A judge for whom nothing is worth reading."""

    topics = ("syria",)

    def triage(self, **_: Any) -> Any:
        return SimpleNamespace(score=0.0, candidate=False)


@pytest.fixture
def watch(tmp_path: Path, templates: dict[str, str]) -> Iterator[Watch]:
    """On SQLite: what storage does of it is tested on both below, and so is a whole walk."""
    shutil.copy(templates["sqlite"], tmp_path / "test.db")
    with closing(open_database(f"sqlite:///{tmp_path}/test.db")) as database:
        add_feed(database, f"{SITE}/feed", homepage=SITE)
        yield Watch(database)


def walk_of(watch: Watch, span: Span = SPAN) -> Walk:
    with watch.database.read() as session:
        found = walks.feeds_of(session, "North Post")
    recorder = Recorder(NoJudge, Policy(timedelta(minutes=5), timedelta(days=1)), "candidates", None)  # type: ignore[arg-type]
    return Walk(watch, found, span, recorder, request=Request)  # type: ignore[arg-type]


def answer(walk: Walk, request: Request, body: bytes, status: int = 200) -> list[str]:
    """What is asked for after this answer."""
    response = Response(request.url, status=status, body=body, request=request)
    return [asked.url.removeprefix(SITE) for asked in asyncio.run(walk.answered(response, request.cb_kwargs["step"]))]


def ask(walk: Walk, path: str = "/index.xml", **known: Any) -> Request:
    step = Step(Lead(SITE + path, "sitemap", **known), walk.feeds[0])
    [request] = asyncio.run(walk.requests([step]))
    return request


def test_a_run_asks_for_so_many_documents_and_the_next_one_goes_on_behind_them(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = walk_of(watch)
    listing = index(*((f"{SITE}/part-{number}.xml", "") for number in range(10_000, 10_010 + MOST_DOCUMENTS)))
    asked = answer(first, ask(first), listing)
    assert len(asked) == MOST_DOCUMENTS - 1
    assert first.counts["capped_documents"] == 11
    read = ask(walk_of(watch), "/part-10000.xml")
    answer(first, read, urlset())
    following = walk_of(watch)
    step = Step(Lead(f"{SITE}/index.xml", "sitemap"), following.feeds[0])
    again = [request.url.removeprefix(SITE) for request in asyncio.run(following.requests([step]))]
    assert "/index.xml" not in again
    assert "/part-10000.xml" not in again
    assert len(again) == MOST_DOCUMENTS
    assert (following.counts["documents_known"], following.counts["capped_documents"]) == (2, 9)


def test_a_walk_knows_so_many_addresses_whatever_indexes_name(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its memory nor the database grows with what an enemy's indexes name, and the next walk ends, too."""
    monkeypatch.setattr(walking, "MOST_KNOWN", 30)
    walk = walk_of(watch)
    asked = [ask(walk, f"/index-{number}.xml", depth=1) for number in range(5)]
    for number, request in enumerate(asked):
        answer(walk, request, index(*((f"{SITE}/{number}-{part}.xml", "") for part in range(10))))
    assert len(walk._seen) == 30
    assert walk.counts["capped_documents"] == 25
    with watch.database.read() as session:
        assert sum(len(leads or []) for leads in session.scalars(select(WALKS.c.leads))) == 25
    following = walk_of(watch)
    steps = [Step(Lead(f"{SITE}/index-{number}.xml", "sitemap", depth=1), following.feeds[0]) for number in range(5)]
    assert len(asyncio.run(following.requests(steps))) == 25


@pytest.mark.parametrize(
    ("span", "later", "is_known"),
    [
        (SPAN, timedelta(days=6), True),
        (Span(date(2024, 12, 1), date(2024, 12, 2)), timedelta(0), True),
        (SPAN, timedelta(days=8), False),
        (Span(date(2024, 11, 26), date(2024, 12, 31)), timedelta(0), False),
        (Span(date(2024, 11, 27), date(2025, 1, 1)), timedelta(0), False),
    ],
)
def test_a_document_that_was_read_is_known_for_its_days_and_for_a_week(
    watch: Watch, span: Span, later: timedelta, is_known: bool
) -> None:
    first = walk_of(watch)
    answer(first, ask(first), index((f"{SITE}/a.xml", "2026-01-01")))
    watch.at = NOW + later
    following = walk_of(watch, span)
    step = Step(Lead(f"{SITE}/index.xml", "sitemap"), following.feeds[0])
    asked = [request.url.removeprefix(SITE) for request in asyncio.run(following.requests([step]))]
    assert asked == (["/a.xml"] if is_known else ["/index.xml"])


@pytest.mark.parametrize(("status", "body"), [(404, b""), (503, b""), (200, b"<html>Not found</html>"), (200, b"")])
def test_a_document_that_could_not_be_read_is_asked_for_again_by_the_next_walk(
    watch: Watch, status: int, body: bytes
) -> None:
    first = walk_of(watch)
    assert answer(first, ask(first), body, status) == []
    assert (first.counts["documents_read"], first.counts["documents_failed"]) == (0, 1)
    assert ask(walk_of(watch)).url == f"{SITE}/index.xml"


def test_loops_end_and_an_address_is_asked_for_once(watch: Watch) -> None:
    walk = walk_of(watch)
    loop = index((f"{SITE}/index.xml", ""), (f"{SITE}/b.xml", ""), (f"{SITE}/b.xml#x", ""), (f"{SITE}:443/b.xml", ""))
    assert answer(walk, ask(walk), loop) == ["/b.xml"]


def test_documents_are_described_as_their_publishers_feed_and_never_polled(watch: Watch) -> None:
    walk = walk_of(watch)
    answer(walk, ask(walk), urlset((f"{SITE}/2024/12/03/a", "")))
    with watch.database.read() as session:
        row = session.execute(select(FEEDS).where(FEEDS.c.url == f"{SITE}/index.xml")).one()
        assert (row.publisher, row.country, row.origin, row.key_url) == ("North Post", "GB", "backfill", f"{SITE}/feed")
        assert row.removed_at == row.added_at == NOW
        read = session.execute(select(WALKS)).one()
        assert (read.outcome, read.listed, read.wanted, read.leads) == ("ok", 1, 1, [])
        assert [feed.url for feed in walks.feeds_of(session, "North Post")] == [f"{SITE}/feed"]


def test_a_watched_feed_keeps_its_row(watch: Watch) -> None:
    walk = walk_of(watch)
    requests = asyncio.run(walk.begin())
    assert [(request.url.removeprefix(SITE), request.meta["dont_obey_robotstxt"]) for request in requests] == [("/feed", True), ("/sitemap.xml", False)]  # fmt: skip
    with watch.database.read() as session:
        before = session.execute(select(FEEDS)).one()
    answer(walk, requests[0], b"<rss version='2.0'><channel><title>Else</title></channel></rss>")
    with watch.database.read() as session:
        after = session.execute(select(FEEDS)).one()
    assert after == before


def test_a_sitemaps_pages_are_written_in_batches(watch: Watch) -> None:
    walk = walk_of(watch)
    pages = [(f"{SITE}/2024/12/{1 + number % 28:02d}/a-{number}", "") for number in range(walking.BATCH + 5)]
    answer(walk, ask(walk), urlset(*pages))
    assert (walk.counts["entries"], walk.counts["new"]) == (walking.BATCH + 5, walking.BATCH + 5)


def test_what_is_known_of_a_document_stays_when_it_fails_later(database: Database) -> None:
    add_feed(database, f"{SITE}/feed")
    days = {"since": SPAN.first, "until": SPAN.last, "read_after": NOW - timedelta(days=7)}
    leads = [{"url": f"{SITE}/b.xml", "kind": "sitemap"}]
    with database.write() as session:
        [feed] = walks.feeds_of(session, "northpost.example")
        row = walks.open_document(session, url=f"{SITE}/a.xml", feed=feed, now=NOW)
        assert walks.open_document(session, url=f"{SITE}/a.xml", feed=feed, now=NOW).id == row.id
        walks.record_failure(session, feed_id=row.id, outcome="timeout", error="no end", now=NOW)
        assert walks.leads_of(session, urls=[f"{SITE}/a.xml"], **days) == {}
        walks.record_read(
            session, feed_id=row.id, days=(SPAN.first, SPAN.last), listed=9, wanted=2, leads=leads, now=NOW
        )
        walks.record_failure(session, feed_id=row.id, outcome="timeout", error="no end", now=NOW)
        assert walks.leads_of(session, urls=[f"{SITE}/a.xml", f"{SITE}/c.xml"], **days) == {f"{SITE}/a.xml": leads}
        assert walks.waiting(session, now=NOW) == 0


def test_a_document_that_was_walked_can_be_watched_later(database: Database) -> None:
    add_feed(database, f"{SITE}/feed", homepage=SITE)
    watch = Watch(database)
    walk = walk_of(watch)
    for path in ("/index.xml", "/b.xml"):
        answer(walk, ask(walk, path), urlset((f"{SITE}/2024/12/03/a", "")))
    with watch.database.write() as session:
        assert feeds.add(session, url=f"{SITE}/index.xml", now=NOW, bring_back=False)[1]
        assert feeds.import_catalogue(session, [feeds.NewFeed(f"{SITE}/b.xml", "B")], NOW) == 1
        assert feeds.import_catalogue(session, [feeds.NewFeed(f"{SITE}/b.xml", "B")], NOW) == 0
        assert {feed.url.removeprefix(SITE) for feed in feeds.due(session, now=NOW)} == {
            "/feed",
            "/index.xml",
            "/b.xml",
        }
