"""The crawl lock: one crawler per database, however the one before it ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from storage_samples import add_feed

from storage.db import Database, open_database
from storage.errors import CrawlLockHeld, DatabaseUnreachable
from storage.lock import FileLock

CRAWL = """
import sys
from storage.db import open_database
lock = open_database(sys.argv[1]).crawl_lock()
with lock:
    {inside}
    print("crawling", flush=True)
    sys.stdin.read()
"""


def crawler(url: str, inside: str = "pass") -> subprocess.Popen[str]:
    """A process that holds the lock; it has it when this returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", CRAWL.format(inside=inside), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "crawling\n"
    return process


def test_a_second_crawler_is_refused_and_the_database_is_not(database: Database, schema_url: str) -> None:
    with database.crawl_lock() as lock, closing(open_database(schema_url)) as second:
        assert lock.is_held()
        with pytest.raises(CrawlLockHeld, match="already crawling into this database"):
            second.crawl_lock().acquire()
        add_feed(second)
    assert not lock.is_held()


def test_the_lock_is_free_after_its_crawler(database: Database, schema_url: str) -> None:
    for _ in range(2):
        with database.crawl_lock():
            pass
    with closing(open_database(schema_url)) as second, second.crawl_lock():
        pass


def test_it_is_not_taken_twice_in_one_process(database: Database) -> None:
    with database.crawl_lock() as lock, pytest.raises(CrawlLockHeld, match="this process already crawls"):
        lock.acquire()


def test_closing_the_database_lets_go_of_the_lock(schema_url: str) -> None:
    first = open_database(schema_url)
    first.crawl_lock().acquire()
    first.close()
    with closing(open_database(schema_url)) as second, second.crawl_lock():
        pass


def test_a_killed_crawler_lets_go_of_the_lock(database: Database, schema_url: str) -> None:
    process = crawler(schema_url)
    with pytest.raises(CrawlLockHeld) as caught:
        database.crawl_lock().acquire()
    if database.dialect == "sqlite":
        assert f"(process {process.pid})" in str(caught.value)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _acquire_soon(database)
    database.crawl_lock().release()


@pytest.mark.parametrize("schema_url", ["sqlite"], indirect=True)
def test_a_worker_that_outlives_a_killed_crawler_does_not_keep_the_lock(database: Database, schema_url: str) -> None:
    fork = "import os, time; child = os.fork(); child or (time.sleep(60), os._exit(0)); print(child)"
    script = CRAWL.format(inside=fork)
    process = subprocess.Popen(
        [sys.executable, "-c", script, schema_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    assert process.stdout.readline() == "crawling\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    try:
        _acquire_soon(database)  # the worker lets go when it first runs, which may be after the kill
    finally:
        subprocess.run(["kill", "-9", str(worker)], check=True)
        process.communicate()


@pytest.mark.postgres
@pytest.mark.parametrize("schema_url", ["postgresql"], indirect=True)
def test_a_lock_whose_connection_the_server_ended_is_known_to_be_lost(database: Database) -> None:
    lock = database.crawl_lock()
    lock.acquire()
    with database.write() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
        )
    assert not lock.is_held()
    lock.release()
    with lock:
        assert lock.is_held()


@pytest.mark.postgres
@pytest.mark.parametrize("schema_url", ["postgresql"], indirect=True)
def test_schemas_of_one_database_have_a_lock_each(database: Database, schema_url: str) -> None:
    with database.write() as session:
        session.execute(text("CREATE SCHEMA second"))
    with (
        database.crawl_lock(),
        closing(open_database(f"{schema_url}&options=-csearch_path%3Dsecond")) as second,
        second.crawl_lock(),
    ):
        second.ensure_schema(upgrade=False)
        assert add_feed(second) == 1


BROKEN = """
CREATE SCHEMA broken;
CREATE FUNCTION broken.pg_try_advisory_lock(int, int) RETURNS bool LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_lock($1, $2); RAISE EXCEPTION 'no lock today'; END $$
"""


@pytest.mark.postgres
@pytest.mark.parametrize("schema_url", ["postgresql"], indirect=True)
def test_a_lock_that_cannot_be_asked_for_leaves_no_connection_open(database: Database, schema_url: str) -> None:
    """Also while somebody holds the error, and with it the frames that it came through."""
    with database.write() as session:
        session.execute(text(BROKEN))
    with closing(open_database(f"{schema_url}&options=-csearch_path%3Dbroken,pg_catalog")) as other:
        with pytest.raises(DBAPIError, match="no lock today") as caught:
            other.crawl_lock().acquire()
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with database.read() as session:
            for _ in range(200):  # a server needs a moment to see that its client has gone
                if not (left := session.scalar(text(others))):
                    break
                session.rollback()  # what it says of others is kept for a transaction
                time.sleep(0.05)
        assert left == 0
    assert caught.value


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with (
        closing(open_database(f"sqlite:///{tmp_path}/none/watch.db")) as database,
        pytest.raises(DatabaseUnreachable, match=r"watch\.db\.lock cannot be written"),
    ):
        database.crawl_lock().acquire()


def _acquire_soon(database: Database) -> None:
    """A server needs a moment to see that its client is dead."""
    for attempt in range(200):
        try:
            database.crawl_lock().acquire()
        except CrawlLockHeld:
            if attempt == 199:
                raise
            subprocess.run(["sleep", "0.05"], check=True)
        else:
            return


def test_who_has_no_room_to_say_who_he_is_holds_the_lock_all_the_same() -> None:
    lock = FileLock(Path("/dev/full"))  # writing there fails as on a full disk
    lock.acquire()
    assert lock.is_held()
    with pytest.raises(CrawlLockHeld):
        FileLock(Path("/dev/full")).acquire()
    lock.release()
    assert not lock.is_held()
