"""Two at once, and one that dies midway: nothing is lost, nothing is doubled, nobody waits for the dead."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from storage_samples import HOUR, NOW, TriageDecision, add_feed, list_entries, record, record_triage, seen, store

from storage import entries
from storage.db import Database, open_database
from storage.errors import DatabaseFull
from storage.models import ARTICLES, ENTRIES, SIGHTINGS

TESTS = str(Path(__file__).parent)

DIE_MIDWAY = f"""
import sys; sys.path.insert(0, {TESTS!r})
from storage_samples import *
from storage.db import open_database
database = open_database(sys.argv[1])
with database.write() as session:
    record_seen(session, feed_id=1, entries=[seen(n) for n in range(50)], now=NOW)
    {{more}}
    print("midway", flush=True)
    sys.stdin.read()
"""


def kill_midway(url: str, more: str = "pass") -> None:
    """A process writes into a transaction and is killed before its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", DIE_MIDWAY.format(more=more), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "midway\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()


def count(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in (ENTRIES, SIGHTINGS, ARTICLES)
        }


def test_what_two_processes_see_at_once_is_new_to_one(database: Database, schema_url: str) -> None:
    first, second = add_feed(database), add_feed(database, "https://b.example/feed")
    found: list[int] = []

    def list_them(feed_id: int) -> None:
        with closing(open_database(schema_url)) as own:
            for start in range(0, 100, 10):
                found.extend(list_entries(own, feed_id, *(seen(n) for n in range(start, start + 20))))

    threads = [threading.Thread(target=list_them, args=(feed_id,)) for feed_id in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found))) == (110, 110)
    assert count(database) == {"entries": 110, "sightings": 220, "articles": 0}


def test_a_killed_writer_leaves_nothing_and_nobody_waits_for_it(database: Database, schema_url: str) -> None:
    add_feed(database)
    kill_midway(schema_url, more="store(session, record(1))")
    assert count(database) == {"entries": 0, "sightings": 0, "articles": 0}
    assert len(list_entries(database, 1, *(seen(n) for n in range(50)))) == 50


def test_what_a_killed_crawler_had_claimed_is_claimed_again(database: Database, schema_url: str) -> None:
    ids = list_entries(database, add_feed(database), *(seen(n, host=f"h{n}") for n in range(5)))
    with database.write() as session:
        record_triage(session, [TriageDecision(one, 0.5, True) for one in ids], NOW)
        claimed = entries.claim(session, now=NOW, limit=3, per_host=1)
        store(session, record(claimed[0].id))
    kill_midway(schema_url, more="entries.claim(session, now=NOW, limit=9, per_host=9)")
    with database.write() as session:
        assert entries.release_claims(session) == 2
        again = entries.claim(session, now=NOW + HOUR, limit=9, per_host=1)
    assert [(entry.id, entry.attempts) for entry in again] == [(one, 1) for one in ids[1:]]


@pytest.mark.parametrize("schema_url", ["sqlite"], indirect=True)
def test_a_full_disk_undoes_the_transaction_and_is_told(database: Database) -> None:
    add_feed(database)
    with database.write() as session:
        pages = session.scalar(text("PRAGMA page_count"))
        session.execute(text(f"PRAGMA max_page_count = {pages + 5}"))
    with pytest.raises(DatabaseFull, match="no space is left"):
        list_entries(database, 1, *(seen(n) for n in range(2000)))
    with database.write() as session:
        session.execute(text("PRAGMA max_page_count = 1000000"))
    assert len(list_entries(database, 1, *(seen(n) for n in range(2000)))) == 2000
