"""The guard of the suite itself: what a test leaves behind is found, and told with the test that left it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from leftovers import BUSY, LASTING, PATIENCE, Leftovers, comes_to_rest, taken
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.pool import Pool

from storage.db import Database, open_database
from tests.command import wait_for

on_postgres = pytest.mark.parametrize(
    "schema_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def guard() -> Iterator[Leftovers]:
    """A guard beside that of the suite."""
    guard = Leftovers(patience=0.3)
    guard.watch()
    yield guard
    event.remove(Pool, "connect", guard._connected)


@contextmanager
def running(work: Callable[[], object], enough: threading.Event) -> Iterator[threading.Thread]:
    """A thread that works again and again until it is enough."""

    def again() -> None:
        while not enough.is_set():
            work()

    thread = threading.Thread(target=again, name="careless")
    thread.start()
    try:
        yield thread
    finally:
        enough.set()
        thread.join()


@on_postgres
def test_a_connection_is_told_with_the_test_that_left_it_open(guard: Leftovers, schema_url: str) -> None:
    with closing(open_database(schema_url)) as first:
        guard.begin("test_careless")
        first.check_schema()
        [told] = guard.left(file_ends=False)
        assert told.startswith("an open connection to levantwatch_test_")
        assert told.endswith(" (test_careless)")
        assert guard.left(file_ends=False) == [], "told once"


@on_postgres
def test_what_a_file_has_opened_may_stay_as_long_as_the_file(guard: Leftovers, database: Database) -> None:
    guard.begin("test_first")
    database.check_schema()
    guard.begin("test_second")
    assert guard.left(file_ends=False) == []
    assert [told.endswith(" (test_first)") for told in guard.left(file_ends=True)] == [True]


@on_postgres
def test_who_closes_leaves_nothing_and_the_suite_keeps_its_own(guard: Leftovers, schema_url: str) -> None:
    with closing(open_database(schema_url)) as database, database.crawl_lock():
        database.check_schema()
    url = make_url(schema_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url.update_query_dict({"application_name": LASTING}))
    with engine.connect():
        assert guard.left(file_ends=True) == []
    engine.dispose()


def test_a_thread_that_spins_is_told_and_one_that_waits_is_not(guard: Leftovers) -> None:
    guard.begin("test_careless")
    enough = threading.Event()
    with running(enough.wait, enough):
        assert guard.left(file_ends=True) == []
    enough.clear()
    with running(lambda: None, enough):
        assert guard.left(file_ends=True) == ["a thread that spins, careless (test_careless)"]


def test_a_thread_that_begins_to_spin_later_is_told_with_the_test_that_began_it(guard: Leftovers) -> None:
    enough, go = threading.Event(), threading.Event()
    with running(go.wait, enough) as thread:
        guard.begin("test_careless")
        assert guard.left(file_ends=False) == []
        guard.begin("test_innocent")
        rested = taken(thread)
        go.set()
        wait_for(lambda: taken(thread) > rested + 2 * BUSY)
        assert guard.left(file_ends=False) == ["a thread that spins, careless (test_careless)"]


def test_a_thread_that_is_at_its_end_is_none(guard: Leftovers) -> None:
    enough = threading.Event()
    with running(lambda: None, enough) as thread:
        threading.Timer(0.2, enough.set).start()
        assert comes_to_rest(thread, PATIENCE)
        assert guard.left(file_ends=True) == []
