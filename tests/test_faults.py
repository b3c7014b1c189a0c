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
from contextlib import closing
from pathlib import Path

import pytest
from conftest import unavailable
from postgres_server import OwnServer, find_binaries

from storage.db import open_database
from tests.command import Desk, wait_for
from tests.faults import QUICK, Daemon, World, full, kill_at, ledger, locked, lost, number_of, wrong_in
from tests.site import Reply, Site, rss

YEAR = 365 * 86_400


@pytest.fixture
def desk(tmp_path: Path, schema_url: str) -> Desk:
    return Desk(tmp_path, schema_url, settings=QUICK)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.route("/feed.xml", Reply(rss(("1", "Rain in the valley", f"{site.url}/1")), etag='"v1"'))
        yield site


def goes_on(desk: Desk, *, seconds: float = 40) -> None:
    """Wait until two more polls are on record."""
    before = number_of(desk, "polls")
    wait_for(lambda: number_of(desk, "polls") >= before + 2, seconds)


def test_kill_9_again_and_again_loses_and_doubles_nothing(desk: Desk) -> None:
    random.seed(7)
    with World(sites=3, articles=20) as world:
        desk.watch(*world.feeds)
        for kills in (1, 2, 3):
            started = world.asked
            wanted = random.randint(2, 14)
            killed = desk.start("run")
            wait_for(lambda: world.asked > started)  # noqa: B023
            before, said = kill_at(killed, desk, lambda: world.asked >= started + wanted)  # noqa: B023
            assert b"Traceback" not in said
            assert not lost(before, ledger(desk)), f"after {kills} kills"
        before = ledger(desk)
        desk.ok("poll")
        assert not lost(before, ledger(desk))
        assert wrong_in(desk, world) == []


def test_a_locked_database_is_waited_for_and_a_signal_ends_the_daemon_meanwhile(desk: Desk, site: Site) -> None:
    desk.watch(site.url + "/feed.xml")
    with Daemon(desk) as daemon:
        wait_for(lambda: number_of(desk, "polls") >= 1)
        with locked(desk.url):
            time.sleep(2)
        goes_on(desk)
        with locked(desk.url):
            time.sleep(1)
            said = daemon.stop(status=1)
        assert "\nlevantwatch: stopped without waiting for what hangs (is the database locked?)" in said


def test_a_full_disk_is_told_and_the_daemon_goes_on_when_there_is_room(desk: Desk, site: Site) -> None:
    desk.watch(site.url + "/feed.xml")
    with Daemon(desk) as daemon:
        wait_for(lambda: number_of(desk, "polls") >= 1)
        with full(desk.url, daemon.process.pid):
            wait_for(lambda: daemon.log.count("the database failed, trying again in 1 s") >= 2)
            assert daemon.process.poll() is None
        goes_on(desk)
        said = daemon.stop()
        assert ("No space left" if desk.url.startswith("postgres") else "disk") in said


def test_scrapy_crawl_exits_1_when_the_database_fails_in_mid_crawl(desk: Desk, site: Site) -> None:
    def fill(_: object) -> Reply:
        spoilt.append(full(desk.url, crawl.pid))
        spoilt[0].__enter__()
        return Reply(rss(("1", "Rain in the valley", f"{site.url}/1")))

    spoilt: list[object] = []
    desk.watch(site.route("/first.xml", fill))
    crawl = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "crawl", "feeds"],
        cwd=desk.folder, env={**desk.env, "SCRAPY_SETTINGS_MODULE": "crawler.settings"}, stderr=subprocess.PIPE,
    )  # fmt: skip
    said = crawl.communicate(timeout=60)[1].decode()
    assert spoilt
    assert "the database failed, the next crawl goes on from here" in said
    assert "Traceback" not in said, said
    assert crawl.returncode == 1


def test_a_network_that_is_down_is_waited_for(desk: Desk) -> None:
    with Site() as site:
        port = int(site.url.rsplit(":", 1)[1])
        desk.watch(f"{site.url}/feed.xml")
    with Daemon(desk) as daemon:
        wait_for(lambda: number_of(desk, "polls") >= 2)
        with Site(port=port) as site:
            site.route("/feed.xml", rss(("1", "Rain in the valley", f"{site.url}/1")))
            wait_for(lambda: number_of(desk, "entries") == 1)
            daemon.stop()
        outcomes = [row.outcome for row in desk.rows("select outcome from polls order by id")]
        assert outcomes[:2] == ["connection", "connection"]
        assert "ok" in outcomes


def test_a_clock_that_is_moved_and_a_sleep_stop_nothing(desk: Desk, site: Site) -> None:
    def move(seconds: int) -> None:
        (desk.folder / "moving").write_text(str(seconds))
        (desk.folder / "moving").rename(desk.folder / "moved")
        goes_on(desk)

    desk.watch(site.url + "/feed.xml")
    with Daemon(desk) as daemon:
        wait_for(lambda: number_of(desk, "polls") >= 1)
        move(3600)
        move(0)
        move(YEAR)
        move(0)
        move(-YEAR)
        daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        daemon.process.send_signal(signal.SIGCONT)
        goes_on(desk)
        said = daemon.stop()
        assert said.count("the clock was moved by") >= 5
        assert number_of(desk, "entries") == 1
        # and another daemon, whose clock is right, does not wait for a year
        (desk.folder / "moved").write_text(str(-2 * YEAR))
    with Daemon(desk) as daemon:
        goes_on(desk)
        assert "brought back rows=1" in daemon.stop()


# --- Postgres' own server ---


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    binaries = find_binaries() or unavailable("postgres", "no Postgres here: Debian's postgresql is not installed")
    with closing(OwnServer(binaries)) as server:
        yield server


@pytest.mark.postgres
def test_postgres_that_is_down_or_restarted_is_waited_for(server: OwnServer, tmp_path: Path, site: Site) -> None:
    desk = Desk(tmp_path, server.url, settings=QUICK)
    for command in (["run"], ["poll"], ["feeds", "list"]):
        done = desk.run(*command)
        assert done.returncode == 1
        (line,) = done.stderr.decode().splitlines()
        assert "cannot be reached" in line
    server.start()
    with closing(open_database(server.url)) as database:
        database.ensure_schema(upgrade=False)
    desk.watch(site.url + "/feed.xml")
    with Daemon(desk) as daemon:
        wait_for(lambda: number_of(desk, "polls") >= 1)
        for number in (signal.SIGINT, signal.SIGQUIT):  # as pg_ctl's fast and immediate
            before = number_of(desk, "polls")
            server.stop(number)
            if number is signal.SIGINT:
                time.sleep(2)  # long enough to be noticed
            server.start()
            assert number_of(desk, "polls") >= before
            goes_on(desk)
            wait_for(lambda: number_of(desk, "pg_locks where locktype = 'advisory'") == 1)
        second = desk.run("poll")
        assert second.returncode == 1
        assert "already crawling" in second.stderr.decode()
        said = daemon.stop()
        assert "the database failed, trying again in 1 s" in said
        assert " CRITICAL " not in said
