"""Plans, not times: what runs often, and what analysts ask, finds an index on both databases.

On SQLite a scan of a table without an index shows in the plan as it is; Postgres prefers to scan small tables, so
there scans are made dear, and one that still shows has no index to use instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session
from storage_samples import (
    HOUR,
    MINUTE,
    NOW,
    TriageDecision,
    add_feed,
    add_matches,
    list_entries,
    poll,
    record,
    record_seen,
    record_triage,
    seen,
    store,
)

from storage import counts, entries, feeds, rechecks, retention, search, setback, story_list
from storage.asked import has_topic
from storage.db import Database
from storage.models import ARTICLES
from storage.search import Filters

BIG = (
    "articles",
    "articles_fts",
    "bands",
    "entries",
    "polls",
    "rechecks",
    "sightings",
    "stories",
    "verdicts",
    "labels",
)
MONTH = {"since": date(2026, 11, 1), "until": date(2026, 11, 30)}


@pytest.fixture
def filled(database: Database) -> Iterator[Database]:
    """A few hundred matches and entries, and the planner's statistics of them."""
    feed_id = add_feed(database)
    matches = [{"published_at": NOW - n * HOUR, "bands": (n, n + 1), "signature": b"%08d" % n} for n in range(100)]
    ids = add_matches(database, feed_id, *matches)
    pending = list_entries(database, feed_id, *(seen(10**9 + n, host=f"h{n % 9}") for n in range(300)))
    with database.write() as session:
        record_triage(session, [TriageDecision(one, 0.5, True) for one in pending[:200]], NOW)
        for entry_id in pending[200:250]:
            entries.record_end(session, entry_id=entry_id, state="irrelevant", now=NOW)
        for n in range(100):
            feeds.record_poll(session, poll(feed_id, started_at=NOW + n * MINUTE))
        session.execute(text("ANALYZE"))
    assert ids[0] == 1
    return database


def plan(database: Database, question: Callable[[Session], Any]) -> list[str]:
    """The plan of every statement that the question sends, inserts apart (they have none on SQLite)."""
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    lines: list[str] = []

    def look(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if re.match(r"\s*(WITH|SELECT|UPDATE|DELETE)", statement):
            rows = connection.exec_driver_sql(explain + statement, parameters[0] if many else parameters)
            lines.extend(str(row[-1]) for row in rows)

    with database.write() as session:
        if database.dialect == "postgresql":
            session.execute(text("SET LOCAL enable_seqscan = off"))
        event.listen(session.connection(), "before_cursor_execute", look)
        question(session)
        session.rollback()
    assert lines
    return lines


def scans(lines: Sequence[str]) -> list[str]:
    """The lines of a plan that read a big table from end to end without an index."""
    tables = "|".join(BIG)
    # aliases of the view; an FTS5 table says how it is read: by MATCH or by row number
    sqlite = rf"SCAN (?:{tables}|a|l)\b(?! USING| VIRTUAL TABLE INDEX \d+:[M=])"
    return [line for line in lines if re.search(rf"Seq Scan on (?:{tables})\b|{sqlite}", line)]


OFTEN: dict[str, Callable[[Session], Any]] = {
    "due": lambda s: feeds.due(s, now=NOW),
    "record_poll": lambda s: feeds.record_poll(s, poll(1)),
    "record_seen": lambda s: record_seen(s, feed_id=1, entries=[seen(n) for n in range(30)], now=NOW),
    "claim": lambda s: entries.claim(s, now=NOW, limit=8, per_host=1, exclude_hosts={"h1"}),
    "record_retry": lambda s: entries.record_retry(s, entry_id=1, error="x", retry_at=NOW, now=NOW),
    "record_end": lambda s: entries.record_end(s, entry_id=1, state="gone", now=NOW),
    "store a new match": lambda s: store(s, record(101, signature=b"00000007", bands=(7, 8))),
    "store a match again": lambda s: store(s, record(1, signature=b"00000007", bands=(7, 8))),
    "release": entries.release_claims,
    "release looks": lambda s: rechecks.release_claims(s, now=NOW),
    "bring back": lambda s: setback.bring_back(s, now=NOW),
    "prune": lambda s: retention.prune(s, now=NOW + 400 * 24 * HOUR, batch=9),
}
ASKED: dict[str, Callable[[Session], Any]] = {
    "newest": lambda s: search.search(s, Filters()),
    "a topic": lambda s: search.search(s, Filters(topic="isis")),
    "a frequent word": lambda s: search.search(s, Filters(words="ceasefire")),
    "a word in a month": lambda s: search.search(s, Filters(words="ceasefire", **MONTH)),
    "a month": lambda s: search.search(s, Filters(**MONTH)),
    "a publisher": lambda s: search.search(s, Filters(publisher="North Post")),
    "a language": lambda s: search.search(s, Filters(language="en")),
    "a story's matches": lambda s: search.search(s, Filters(story=7)),
    "below a place": lambda s: search.search(s, Filters(below=2**62)),
    "a word below a place": lambda s: search.search(s, Filters(words="ceasefire", below=2**62)),
    "one match": lambda s: search.match(s, 7),
    "the view, newest": lambda s: s.execute(
        text("SELECT * FROM matches ORDER BY day DESC, article_id DESC LIMIT 10")
    ).all(),
    "the view, a month": lambda s: s.execute(
        text("SELECT title FROM matches WHERE day BETWEEN :a AND :b ORDER BY day DESC, article_id DESC LIMIT 10"),
        {"a": "2026-11-01", "b": "2026-11-30"},
    ).all(),
    "the view, an address": lambda s: s.execute(text("SELECT * FROM matches WHERE url = 'u'")).all(),
    "why": lambda s: search.why(s, "https://northpost.example/story-7"),
}


# what is counted or sorted, of a bounded number of rows
COUNTED: dict[str, Callable[[Session], Any]] = {
    "days": lambda s: counts.per_day(s, Filters(**MONTH)),
    "publishers": lambda s: counts.per_publisher(s, Filters(**MONTH)),
    "countries": lambda s: counts.per_country(s, Filters(**MONTH)),
    "days with a word": lambda s: counts.per_day(s, Filters(words="ceasefire", **MONTH)),
    "first and last day": counts.first_and_last_day,
    "biggest stories": lambda s: story_list.biggest(s, after=(3, 2, 1)),
    "stories of a query": lambda s: story_list.answering(s, Filters(words="ceasefire", limit=2_000), limit=50),
    "a story": lambda s: story_list.page(s, 1),
}


def test_an_index_is_used(filled: Database) -> None:
    plans = {name: plan(filled, question) for name, question in (OFTEN | ASKED | COUNTED).items()}
    assert {name: lines for name, lines in plans.items() if scans(lines)} == {}
    counting = plan(filled, lambda s: s.execute(text("SELECT day, count(*) FROM matches GROUP BY day")).all())
    index_alone = r"COVERING INDEX ix_articles_overview|Index.*Scan.*ix_articles_overview"
    assert any(re.search(index_alone, line) for line in counting)
    assert not any("TEMP B-TREE" in line for name in ("biggest stories", "first and last day") for line in plans[name])
    if (
        filled.dialect == "postgresql"
    ):  # it would sort a million matches rather than read in order what it thinks is rare
        with filled.read() as session:
            query = select(ARTICLES.c.id).where(has_topic("isis")).compile(session.connection())
            [line] = session.connection().exec_driver_sql(f"EXPLAIN {query}", query.params).scalars().all()[:1]
        assert int(re.findall(r"rows=(\d+)", line)[0]) > 20
    if filled.dialect == "sqlite":  # Postgres may sort what an index found, when it is little
        in_order = {name: lines for name, lines in plans.items() if name in ASKED and name != "why"}
        assert {name: lines for name, lines in in_order.items() if any("TEMP B-TREE" in line for line in lines)} == {}
