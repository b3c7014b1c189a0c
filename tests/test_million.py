"""The full store that bench/million.py fills holds together, also when Postgres repeats what was written."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.db import Database

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from million import Wanted, fill  # noqa: E402

# what would be found in a store that does not hold together: everything that must be nothing
WRONG = {
    "an article without its entry": "FROM articles a LEFT JOIN entries e ON e.id = a.id WHERE e.id IS NULL OR e.title <> a.title OR e.url <> a.url",
    "words elsewhere": "FROM articles a LEFT JOIN articles_fts f ON f.rowid = a.sort_key WHERE f.rowid IS NULL",
    "a title's words elsewhere": "FROM articles a LEFT JOIN titles_fts f ON f.rowid = a.sort_key WHERE f.rowid IS NULL",
    "outside its story's time": "FROM articles a LEFT JOIN stories s ON s.id = a.story_id AND a.published_at BETWEEN s.first_at AND s.last_at WHERE s.id IS NULL",
    "a copy from another story": "FROM carriers c LEFT JOIN articles a ON a.id = c.root_id AND a.story_id = c.story_id WHERE a.id IS NULL",
    "a name without its article": "FROM mentions m LEFT JOIN articles a ON a.id = m.entry_id WHERE a.id IS NULL",
    "a verdict without its entry": "FROM verdicts v LEFT JOIN entries e ON e.id = v.entry_id WHERE e.id IS NULL",
    "a story of another size": "FROM stories s WHERE members <> (SELECT count(*) FROM articles a WHERE a.story_id = s.id)",
    "another day than its time": "FROM articles WHERE day <> substr(CAST(published_at AS text), 1, 10)",
    "a page that was read": "FROM articles WHERE text <> summary OR extraction <> 'summary-only' OR fetched_at IS NOT NULL OR signature IS NOT NULL",
}  # fmt: skip


def filled(database: Database, *, times: int) -> Database:
    wanted = Wanted(300 * times, words=24, summaries=True, rejected_every=10, polled_days=1, times=times)
    fill(database, wanted, tell=lambda line: None)
    return database


def number(database: Database, rest: str) -> int:
    with database.read() as session:
        return session.scalar(text(f"SELECT count(*) {rest}")) or 0


def wrong(database: Database) -> dict[str, int]:
    return {name: found for name, rest in WRONG.items() if (found := number(database, rest))}


def test_summaries_alone(database: Database) -> None:
    filled(database, times=1)
    assert number(database, "FROM articles") == 300
    assert wrong(database) == {}


@pytest.mark.postgres
@pytest.mark.parametrize("schema_url", ["postgresql"], indirect=True)
def test_repeated(database: Database) -> None:
    filled(database, times=4)
    assert wrong(database) == {}
    assert number(database, "FROM articles") == 1_200
    assert number(database, "FROM entries WHERE state NOT IN ('match', 'gone')") == 4 * 29
    assert number(database, "FROM (SELECT title, count(*) FROM stories GROUP BY 1 HAVING count(*) % 4 <> 0) odd") == 0
    # the same text stands in other years
    assert number(database, "FROM (SELECT text FROM articles GROUP BY 1 HAVING count(DISTINCT substr(day, 1, 4)) >= 4) apart") > 200  # fmt: skip
    # numbered as they came, but for what lies about a joint
    with database.read() as session:
        assert (session.scalar(text("SELECT corr(id, extract(epoch FROM first_seen_at)) FROM articles")) or 0) > 0.8
        # and so they lie, as they would have come
        for table, column in (("entries", "id"), ("articles", "id"), ("mentions", "entry_id"), ("verdicts", "entry_id")):  # fmt: skip
            order = session.scalars(text(f"SELECT {column} FROM {table} ORDER BY ctid")).all()
            assert sum(after < before for before, after in pairwise(order)) < len(order) / 20, table
