"""A crawl to be disturbed: sites with many articles, what must be in the ledger of them, and ways to spoil a database for a while."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import text

from storage.db import open_database
from tests.command import Desk
from tests.site import Reply, Site, page, rss

VALLEYS = ("Ariha", "Saraqib", "Jisr al-Shughur", "Maarat", "Khan Sheikhoun", "Kafr Nabl", "Binnish", "Taftanaz")
TABLES = ("entries", "sightings", "articles", "verdicts", "polls", "runs")


class World:
    """Sites on loopback, each with one feed of articles on Syria, every fifth of them on the weather; all pages take `delay` s."""

    def __init__(self, *, sites: int, articles: int, delay: float = 0.02) -> None:
        self.sites = [Site(f"127.0.0.{number + 2}") for number in range(sites)]
        self.truth: dict[str, str] = {}  # the state that an article must come to, by its address
        self.feeds = [self._feed(site, number, articles, delay) for number, site in enumerate(self.sites)]
        self._stack = ExitStack()

    def _feed(self, site: Site, number: int, articles: int, delay: float) -> str:
        listed = []
        site.route("/robots.txt", Reply(status=404, content_type="text/plain"))
        for n in range(articles):
            place = VALLEYS[n % len(VALLEYS)]
            if n % 5 == 4:
                title, text = f"Rain in valley {number}-{n}", f"Heavy rain is expected over valley {n} on Tuesday. " * 4
            else:
                title = f"Air strike {number}-{n} hits market near {place} in Syria's Idlib"
                text = (
                    f"Air strike number {n} hit a market near {place} in Idlib in north-western Syria, killing {n + 2} people,"
                    f" rescue workers told reporter {number} of the courier. Syrian state media did not comment. "
                ) * 3
            answer = page(title, text, f"This was report {n} of outlet {number}, from {place}.")
            url = site.route(f"/a/{n}", Reply(answer.body, content_type=answer.content_type, delay=delay))
            listed.append((f"{number}-{n}", title, url))
            self.truth[url] = "irrelevant" if n % 5 == 4 else "match"
        feed = rss(*listed, title=f"Outlet {number}", summary="More on this, with pictures, in our edition of Tuesday.")
        return site.route("/feed.xml", Reply(feed, etag='"v1"'))

    def __enter__(self) -> World:
        for site in self.sites:
            self._stack.enter_context(site)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def asked(self) -> int:
        """How many requests came in."""
        return sum(len(site.requests) for site in self.sites)


def ledger(desk: Desk) -> dict[str, tuple[int, str]]:
    """What is committed: id and state of every entry by its address."""
    return {row.url: (row.id, row.state) for row in desk.rows("select url, id, state from entries")}


def lost(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> list[str]:
    """What was committed before and is not there any more, has another id, or was settled and is not."""
    return [
        f"{url}: {was} -> {after.get(url)}"
        for url, was in before.items()
        if url not in after or after[url][0] != was[0] or was[1] not in ("pending", after[url][1])
    ]


def wrong_in(desk: Desk, world: World) -> list[str]:
    """What is not as it must be after a whole crawl of the world: missing, doubled, unfinished, or claimed for ever."""
    wrong = [f"missing: {url}" for url in world.truth.keys() - ledger(desk).keys()]
    wrong += [
        f"{url} is {state}, not {world.truth.get(url)}"
        for url, (_, state) in ledger(desk).items()
        if state != world.truth.get(url)
    ]
    checks = {
        "listed twice": "select url from entries group by url having count(*) > 1",
        "claimed": "select url from entries where claimed_at is not null",
        "judged twice": "select entry_id from verdicts group by entry_id, topic having count(*) > 1",
        "a match without its text": "select e.url from entries e left join articles a on a.id = e.id"
        " where e.state = 'match' and (a.id is null or a.extraction <> 'full')",
        "a sighting too few": "select e.url from entries e left join sightings s on s.entry_id = e.id where s.entry_id is null",
        "not in the view": "select a.id from articles a left join matches m on m.article_id = a.id where m.article_id is null",
        "a story without its article": "select a.id from articles a where a.story_id is null",
    }
    for name, query in checks.items():
        wrong += [f"{name}: {row[0]}" for row in desk.rows(query)]
    if desk.url.startswith("sqlite"):
        (row,) = desk.rows("pragma integrity_check")
        wrong += [] if row[0] == "ok" else [f"the file is damaged: {row[0]}"]
    return wrong


def kill_at(daemon: subprocess.Popen[bytes], happened: Callable[[], bool], seconds: float = 60) -> bytes:
    """kill -9 as soon as something happened; what the process had said on standard error."""
    end = time.monotonic() + seconds
    while not happened() and daemon.poll() is None:
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.003)
    if daemon.poll() is None:
        os.kill(daemon.pid, signal.SIGKILL)
    return daemon.communicate(timeout=20)[1]


# --- ways to spoil a database ---


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another program writes and writes: nobody else can."""
    database = open_database(url)
    try:
        with database.write() as session:
            if database.dialect != "sqlite":
                session.execute(text(f"LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE"))
            yield
    finally:
        database.close()


@contextmanager
def full(url: str, pid: int) -> Iterator[None]:
    """There is no room for anything new: a file limit of the process on SQLite, Postgres' own error from a trigger there."""
    if url.startswith("sqlite"):
        most = resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, most)
        return
    _run(
        url,
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION"
        " 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$",
        "CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON polls EXECUTE FUNCTION no_room()",
    )
    try:
        yield
    finally:
        _run(url, "DROP FUNCTION no_room CASCADE")


def _run(url: str, *statements: str) -> None:
    database = open_database(url)
    try:
        with database.write() as session:
            for statement in statements:
                session.execute(text(statement))
    finally:
        database.close()


def number_of(desk: Desk, table: str) -> int:
    """How many rows a table has."""
    found: Any = desk.rows(f"select count(*) as number from {table}")[0].number
    return int(found)
