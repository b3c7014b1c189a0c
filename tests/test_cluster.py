"""Daemons that share one Postgres database: no feed is polled twice, no host sooner than its delay, and nobody is missed who dies."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from command import Desk, wait_for
from conftest import unavailable
from crew import DELAY, LEASE, gaps, log, member, new_desk
from faults import PATIENCE, World, wrong_in
from postgres_server import PostgresServer
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.testing import InMemoryConnector

from crawler.cluster import speak_plainly
from storage.db import open_database

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.loopback import Loopback  # noqa: E402

LEFT = re.compile(r"^(\S+) WARNING crawler\.cluster: feed=(\d+) was left by a member that went silent", re.MULTILINE)
BUSY = 10  # seconds that a loaded machine may be late


@pytest.fixture
def desk(postgres: PostgresServer | None, tmp_path: Path) -> Iterator[Desk]:
    if postgres is None:
        unavailable("postgres", "no Postgres here: neither TEST_POSTGRES_URL nor Debian's postgresql")
    with postgres.database() as url:
        yield new_desk(tmp_path, url)


class _Deaf(InMemoryConnector):
    """A queue that works, and whose bell the database does not let us hear."""

    async def listen_notify(self, on_notification: object, channels: Iterable[str]) -> None:
        raise ConnectorException from psycopg.OperationalError("server closed the connection\n\tbefore it answered")


def test_a_queue_that_is_lost_is_told_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    speak_plainly("deaf")
    app = App(connector=_Deaf())

    async def work() -> None:
        async with app.open_async():
            await app.run_worker_async(name="deaf", install_signal_handlers=False)

    asyncio.run(asyncio.wait_for(work(), 60))  # it stops by itself, and whoever runs it begins anew
    told = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert {record.getMessage() for record in told} == {
        "the queue failed, trying again: server closed the connection before it answered"
    }
    assert not [record for record in told if record.exc_info]


def test_members_share_feeds_and_hosts(desk: Desk) -> None:
    # nobody dies here, and on a busy machine a member may be silent for seconds while it starts
    desk = replace(
        desk,
        settings={**(desk.settings or {}), "LEVANTWATCH_CLUSTER_LEASE": "60", "LEVANTWATCH_REQUEST_TIMEOUT": "600"},
    )
    with Loopback([6, 6, 6, 2, 1, 1, 1, 1], answers=0) as site:
        desk.watch(*site.urls())
        with member(desk, "one") as one, member(desk, "two") as two:
            wait_for(lambda: all("joined the cluster" in log(desk, name) for name in ("one", "two")), PATIENCE)
            site.answers = math.inf
            wait_for(lambda: desk.rows("SELECT count(*) FROM polls")[0][0] >= 24, PATIENCE)
            for process in (one, two):
                process.send_signal(signal.SIGTERM)
            # by themselves: crawler.reactor ends who is not through in time, with another status
            assert [one.wait(30), two.wait(30)] == [0, 0], log(desk, "one") + log(desk, "two")
        said = log(desk, "one"), log(desk, "two")
        assert "Traceback" not in "".join(said)
        assert all(text.count("polled feed=") > 0 for text in said), said
        assert sum(text.count("leads the cluster") for text in said) >= 1
        assert "went silent" not in "".join(said)
        assert sorted((a.host, a.path) for a in site.asked) == sorted({(a.host, a.path) for a in site.asked})
        assert gaps(site) >= DELAY * 0.95
        assert desk.rows("SELECT count(*) FROM polls")[0][0] == 24


def in_hand(desk: Desk) -> set[int]:
    """Feeds whose jobs some member has taken and not ended."""
    [[schema]] = desk.rows("SELECT schemaname FROM pg_tables WHERE tablename = 'procrastinate_jobs'")
    taken = desk.rows(f"SELECT args FROM {schema}.procrastinate_jobs WHERE status = 'doing' AND task_name <> ''")
    return {args["feed_id"] for [args] in taken if "feed_id" in args}


def test_what_a_killed_member_had_is_polled_by_the_others_within_two_leases(desk: Desk) -> None:
    """The site answers six requests and no more until the first member is dead: however long the second takes to start, the first has feeds in hand."""
    desk = replace(desk, settings={**(desk.settings or {}), "LEVANTWATCH_REQUEST_TIMEOUT": "600"})
    with Loopback([4] * 6, response=0.2, answers=6) as site:
        desk.watch(*site.urls())
        with member(desk, "one") as one:
            wait_for(lambda: len(site.asked) >= 7, PATIENCE)
            with member(desk, "two"):
                wait_for(lambda: "joined the cluster" in log(desk, "two"), PATIENCE)
                os.kill(one.pid, signal.SIGKILL)
                killed = datetime.now(UTC)
                held = {row[0] for row in desk.rows("SELECT id FROM feeds WHERE id NOT IN (SELECT feed_id FROM polls)")}
                held |= in_hand(desk)  # a poll that is written, too, until the queue has been told so
                site.answers = math.inf
                wait_for(lambda: desk.rows("SELECT count(DISTINCT feed_id) FROM polls")[0][0] == 24, PATIENCE)
        left = LEFT.findall(log(desk, "two"))
        assert left
        assert {int(feed) for _, feed in left} <= held
        late = max(datetime.fromisoformat(at) for at, _ in left) - killed
        assert late.total_seconds() < 2 * LEASE + BUSY
        assert gaps(site) >= DELAY * 0.95
        assert desk.rows("SELECT count(*) FROM polls")[0][0] == 24
        assert "Traceback" not in log(desk, "two")


def test_pages_are_read_once_and_what_a_killed_member_claimed_is_read_by_the_others(desk: Desk) -> None:
    reading = replace(
        desk, settings={**(desk.settings or {}), "LEVANTWATCH_FETCH": "candidates", "LEVANTWATCH_HOST_DELAY": "0"}
    )
    with World(sites=3, articles=12, delay=0.3) as world:
        reading.watch(*world.feeds)
        with member(reading, "one") as one, member(reading, "two"):
            wait_for(lambda: world.asked >= 14, PATIENCE)
            os.kill(one.pid, signal.SIGKILL)
            wait_for(lambda: wrong_in(reading, world) == [], PATIENCE)
        assert "Traceback" not in log(reading, "two")


def test_a_cluster_and_a_daemon_of_its_own_keep_out_of_each_others_way(desk: Desk) -> None:
    with Loopback([1]) as site:
        desk.watch(*site.urls())
        with member(desk, "one"):
            wait_for(lambda: "joined the cluster" in log(desk, "one"), PATIENCE)
            alone = desk.run("poll")
            assert alone.returncode == 1
            assert "a cluster crawls into this database" in alone.stderr.decode()
        database = open_database(desk.url)
        try:
            with database.crawl_lock():  # the member is dead, and its hold with it
                joining = desk.run("run", "--cluster")
                assert joining.returncode == 1
                assert "already crawling" in joining.stderr.decode()
        finally:
            database.close()


def test_a_cluster_on_sqlite_is_refused_in_one_line(tmp_path: Path) -> None:
    refused = Desk(tmp_path, f"sqlite:///{tmp_path}/levantwatch.db").run("run", "--cluster")
    assert refused.returncode == 1
    assert refused.stderr.decode().strip().splitlines() == [
        "levantwatch: A cluster shares its work through Postgres; with SQLite one process does all of it: levantwatch run."
    ]


def test_without_a_cluster_procrastinate_is_not_imported() -> None:
    code = "import sys, crawler.daemon, crawler.crawl, crawler.spiders.feeds, crawler.cli.crawling; print('procrastinate' in sys.modules, 'psycopg_pool' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False False\n"
