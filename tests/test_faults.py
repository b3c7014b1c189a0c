"""Faults, run for real: kill -9, a locked, full, restarted or absent database, a network that is down, a clock that is moved.

The long proofs of the same promises are bench/chaos.py and bench/soak.py.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ENGINES, unavailable
from postgres_server import OwnServer, PostgresServer, find_binaries

from storage.db import open_database
from tests.command import Desk, wait_for
from tests.faults import (
    PATIENCE,
    QUICK,
    Daemon,
    World,
    full,
    kill_at,
    ledger,
    locked,
    lost,
    move_clock,
    number_of,
    wrong_in,
)
from tests.site import Reply, Site, rss

YEAR = 365 * 86_400


@dataclass(frozen=True)
class Living:
    """A daemon on a fast clock and what it watches; it lives through every fault that a test brings about."""

    desk: Desk
    site: Site
    daemon: Daemon

    def polls_again(self, count: int = 2) -> None:
        """Wait until the first feed was polled again, twice."""
        polled = "polls where feed_id = 1 and outcome in ('ok', 'not-modified', 'same-body')"
        before = number_of(self.desk, polled)
        wait_for(lambda: number_of(self.desk, polled) >= before + count, PATIENCE)

    def move(self, seconds: int) -> None:
        """Move its wall clock to so many seconds from the right time."""
        move_clock(self.desk, seconds)


@pytest.fixture(scope="module", params=ENGINES)
def living(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    folder = tmp_path_factory.mktemp("living")
    with ExitStack() as stack:
        url = f"sqlite:///{folder}/watch.db"
        if request.param == "postgresql":
            postgres: PostgresServer | None = request.getfixturevalue("postgres")
            url = stack.enter_context((postgres or unavailable("postgres", "no Postgres here")).database())
        _make_schema(url)
        site = stack.enter_context(Site())
        site.route("/feed.xml", Reply(rss(("1", "Rain in the valley", f"{site.url}/1")), etag='"v1"'))
        desk = Desk(folder, url, settings=QUICK)
        desk.watch(site.url + "/feed.xml")
        living = Living(desk, site, stack.enter_context(Daemon(desk)))
        living.polls_again(1)
        yield living
        living.daemon.stop()


def _make_schema(url: str) -> None:
    with closing(open_database(url)) as database:
        database.ensure_schema(upgrade=False)


def test_kill_9_again_and_again_loses_and_doubles_nothing(tmp_path: Path, schema_url: str) -> None:
    desk, chance = Desk(tmp_path, schema_url), random.Random(7)
    with World(sites=3, articles=15) as world:
        desk.watch(*world.feeds)
        for kill in (1, 2):
            started, wanted = world.asked, chance.randint(2, 14)
            killed = desk.start("run")
            before, said = kill_at(killed, desk, lambda: world.asked >= started + wanted)  # noqa: B023
            assert b"Traceback" not in said, said[said.find(b"Traceback") :].decode()[:6_000]
            assert not lost(before, ledger(desk)), f"after {kill} kills"
        before = ledger(desk)
        desk.ok("poll")
        assert not lost(before, ledger(desk))
        assert wrong_in(desk, world) == []


def test_a_locked_database_is_waited_for(living: Living) -> None:
    with locked(living.desk.url):
        time.sleep(2)
    living.polls_again()
    assert living.daemon.process.poll() is None


def test_a_full_disk_is_told_and_the_daemon_goes_on_when_there_is_room(living: Living) -> None:
    told = living.daemon.log.count("the database failed, trying again in 1 s")
    with full(living.desk.url, living.daemon.process.pid):
        wait_for(lambda: living.daemon.log.count("the database failed, trying again in 1 s") >= told + 2, PATIENCE)
    living.polls_again()
    assert ("No space left" if living.desk.url.startswith("postgres") else "disk") in living.daemon.log


def test_a_network_that_is_down_is_waited_for(living: Living) -> None:
    with Site("127.0.0.9") as away:
        url, port = f"{away.url}/feed.xml", int(away.url.rsplit(":", 1)[1])
    living.desk.watch(url)
    answers = f"select p.outcome from polls p join feeds f on f.id = p.feed_id where f.url = '{url}' order by p.id"
    wait_for(lambda: len(living.desk.rows(answers)) >= 2, PATIENCE)
    with Site("127.0.0.9", port) as back:
        back.route("/feed.xml", rss(("1", "Rain in the valley", f"{back.url}/1")))
        wait_for(lambda: "ok" in [row.outcome for row in living.desk.rows(answers)], PATIENCE)
    assert [row.outcome for row in living.desk.rows(answers)][:2] == ["connection", "connection"]


def test_a_clock_that_is_moved_and_a_sleep_stop_nothing(living: Living) -> None:
    told, entries = living.daemon.log.count("the clock was moved by"), number_of(living.desk, "entries")
    for seconds in (3600, 0, YEAR, 0, -YEAR, 0):
        living.move(seconds)
        living.polls_again()
    living.daemon.process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    living.daemon.process.send_signal(signal.SIGCONT)
    living.polls_again()
    assert living.daemon.log.count("the clock was moved by") >= told + 6
    assert number_of(living.desk, "entries") == entries


def test_a_signal_ends_a_daemon_whose_database_is_locked(tmp_path: Path, schema_url: str) -> None:
    desk = Desk(tmp_path, schema_url, settings=QUICK)
    desk.watch("http://127.0.0.9:1/feed.xml")  # where nobody listens
    with Daemon(desk) as daemon:
        wait_for(lambda: number_of(desk, "polls") >= 1, PATIENCE)
        with locked(desk.url):
            time.sleep(1.5)
            said = daemon.stop(status=1)
    assert "\nlevantwatch: stopped without waiting for what hangs (is the database locked?)" in said


def test_scrapy_crawl_exits_1_when_the_database_fails_in_mid_crawl(tmp_path: Path, schema_url: str) -> None:
    desk = Desk(tmp_path, schema_url)
    with ExitStack() as stack:
        site = stack.enter_context(Site())

        def fill(_: object) -> Reply:
            stack.enter_context(full(desk.url, crawl.pid))
            return Reply(rss(("1", "Rain in the valley", f"{site.url}/1")))

        desk.watch(site.route("/feed.xml", fill))
        crawl = subprocess.Popen(
            [sys.executable, "-m", "scrapy", "crawl", "feeds"],
            cwd=desk.folder, env={**desk.env, "SCRAPY_SETTINGS_MODULE": "crawler.settings"}, stderr=subprocess.PIPE,
        )  # fmt: skip
        said = crawl.communicate(timeout=PATIENCE)[1].decode()
    assert site.asked("/feed.xml") == 1
    assert "the database failed, the next crawl goes on from here" in said
    assert "Traceback" not in said, said
    assert crawl.returncode == 1


# --- Postgres' own server ---


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    binaries = find_binaries() or unavailable("postgres", "no Postgres here: Debian's postgresql is not installed")
    with closing(OwnServer(binaries)) as server:
        yield server


@pytest.mark.postgres
def test_postgres_that_is_down_or_restarted_is_waited_for(server: OwnServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path, server.url, settings=QUICK)
    for command in ("run", "poll"):
        done = desk.run(command)
        assert done.returncode == 1
        (line,) = done.stderr.decode().splitlines()
        assert "cannot be reached" in line
    server.start()
    _make_schema(server.url)
    with Site() as site:
        desk.watch(site.route("/feed.xml", rss(("1", "Rain in the valley", f"{site.url}/1"))))
        with Daemon(desk) as daemon:
            living = Living(desk, site, daemon)
            living.polls_again(1)
            for number in (signal.SIGINT, signal.SIGQUIT):  # as pg_ctl's fast and immediate
                before = number_of(desk, "polls")
                server.stop(number)
                if number is signal.SIGINT:
                    wait_for(lambda: "the database failed, trying again in 1 s" in daemon.log, PATIENCE)
                server.start()
                assert number_of(desk, "polls") >= before
                living.polls_again(1)
                wait_for(lambda: number_of(desk, "pg_locks where locktype = 'advisory'") == 1, PATIENCE)
            second = desk.run("poll")
            assert second.returncode == 1
            assert "already crawling" in second.stderr.decode()
            assert " CRITICAL " not in daemon.stop()
