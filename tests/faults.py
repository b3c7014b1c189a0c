"""A crawl to be disturbed: sites with many articles, what must be in the ledger of them, and ways to spoil a database for a while."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from sqlalchemy import text

from storage.db import open_database
from tests.command import ROOT, Desk
from tests.site import Reply, Site, page, rss

FACTOR = 300  # five minutes of a fast daemon's time are a second of ours
QUICK = {"LEVANTWATCH_TICK": "1", "LEVANTWATCH_MIN_INTERVAL": "60", "LEVANTWATCH_MAX_INTERVAL": "120"}
PATIENCE = 120.0  # seconds: what has not happened by then, on the busiest machine, does not happen
VALLEYS = ("Ariha", "Saraqib", "Jisr al-Shughur", "Maarat", "Khan Sheikhoun", "Kafr Nabl", "Binnish", "Taftanaz")
LITTLE = 2048  # bytes: no page of a database fits, the semaphores of worker processes do
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


def kill_at(
    crawl: subprocess.Popen[bytes], desk: Desk, happened: Callable[[], bool], pause: float = 0.0
) -> tuple[dict[str, tuple[int, str]], bytes]:
    """kill -9 that long after something happened: what was committed just before, and what the process had said."""
    end = time.monotonic() + PATIENCE
    while not happened() and crawl.poll() is None:
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.003)
    time.sleep(pause)
    before = ledger(desk)
    if crawl.poll() is None:
        os.kill(crawl.pid, signal.SIGKILL)
    return before, crawl.communicate(timeout=30)[1]


class Daemon:
    """The daemon on a fast clock, which the file `moved` in its folder moves."""

    def __init__(self, desk: Desk, *, factor: float = FACTOR) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "fast_forward.py"), str(factor), "0", "moved"],
            cwd=desk.folder, env={**desk.env, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._lines: list[str] = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as said:
            self._lines.extend(line.decode() for line in said)

    @property
    def log(self) -> str:
        """What it has said until now."""
        return "".join(self._lines)

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._listener.join()

    def stop(self, *, status: int = 0) -> str:
        """End it as a service manager does; what it has said. Status 0: by itself, before crawler.reactor would have ended it with 1."""
        self.process.terminate()
        self.process.wait(timeout=30)
        self._listener.join()
        assert self.process.returncode == status, self.log
        assert "Traceback" not in self.log, self.log
        return self.log


def move_clock(desk: Desk, seconds: int) -> None:
    """Move the wall clock of a daemon in this folder to so many seconds from the right time."""
    (desk.folder / "moving").write_text(str(seconds))
    (desk.folder / "moving").rename(desk.folder / "moved")


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
        most = resource.prlimit(pid, resource.RLIMIT_FSIZE, (LITTLE, resource.RLIM_INFINITY))
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
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
