"""The documentation is true: every column is in the dictionary, every documented query runs on both databases."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text
from storage_samples import DAY, NOW, add_feed, add_matches, list_entries, poll, seen, verdict

from storage import entries, feeds, labels
from storage.base import Base
from storage.db import Database
from storage.mentions import MentionRecord

DOCS = Path(__file__).parents[1] / "docs"
QUERIES = re.findall(
    r"^## (\d+\. [^\n]+)$.*?^```sql\n(.*?)^```", (DOCS / "queries.md").read_text(), re.DOTALL | re.MULTILINE
)


def documented() -> dict[str, list[str]]:
    """The columns of every heading of the data dictionary, in its order."""
    sections = re.split(r"^## ", (DOCS / "columns.md").read_text(), flags=re.MULTILINE)[1:]
    return {section.splitlines()[0]: re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) for section in sections}


def test_every_column_is_in_the_dictionary_in_its_order(database: Database) -> None:
    with database.read() as session:
        inspector = inspect(session.connection())
        there = {name: [column["name"] for column in inspector.get_columns(name)] for name in Base.metadata.tables}
        there["matches"] = [column["name"] for column in inspector.get_columns("matches")]
    assert documented() == there


def test_every_line_of_the_dictionary_says_something() -> None:
    assert not re.search(r"\| *\|$", (DOCS / "columns.md").read_text(), re.MULTILINE)


# of log-odds; those of the score 0.9 are 2.2
LONE = [{"field": "text", "start": 0, "end": 2, "text": "IS", "term": "isis", "sense": "name", "weight": 3.0}]


NAMED = (
    MentionRecord("place", "mayadin", "deir-ez-zor", "title", 0, 8, "Mayadeen", resolved=True),
    MentionRecord("actor", "ypg", "sdf", "text", 4, 7, "YPG", resolved=True),
)


@pytest.fixture
def watched(database: Database) -> Database:
    """Two outlets, one wire story on both, a match for each topic, a near one, a doubtful one, a failed poll."""
    first, second = add_feed(database), add_feed(database, "https://south.example/feed", publisher="South Post")
    wire = {"signature": b"abcd", "bands": (1,), "title": "A wire story"}
    add_matches(
        database,
        first,
        wire,
        {"verdicts": (verdict("isis", evidence=LONE), verdict("syria", 0.1)), "language": "ar", "mentions": NAMED},
    )
    add_matches(database, second, {**wire, "publisher": "South Post"}, {"published_at": NOW - 40 * DAY}, now=NOW + DAY)
    [near] = list_entries(database, first, seen(1))
    with database.write() as session:
        entries.record_end(session, entry_id=near, state="near", scores={"syria": 0.4}, now=NOW)
        labels.add(session, entry_id=1, topic="syria", value="no", who="an analyst", now=NOW)
        feeds.record_poll(session, poll(first, outcome="timeout"))
        feeds.record_poll(session, poll(first, gap=True))
    return database


EXPECTED: list[list[tuple[Any, ...]]] = [
    [("2026-11-24", "isis"), ("2026-11-24", "syria")],
    [("2026-11-24", 3, 2, 1)],
    [("North Post", 1, 1)],
    [("en", "GB", 2), ("ar", "GB", 1)],
    [(1, 2)],
    [(1,), (1,)],
    [(3,), (2,), (1,)],
    [(5,)],
    [(1, "2026-11-24", "North Post")],
    [("North Post", "https://northpost.example/world.xml", 2, 1, 1, 0)],
    [("isis", "isis", "name", 1, 1), ("syria", "syria", "country", 2, 0)],
    [(2, "2026-11-24", "North Post")],
    [(2, "2026-11-24", "North Post")],
]


def test_the_questions_are_numbered() -> None:
    assert [title.split(".")[0] for title, _ in QUERIES] == [str(number) for number in range(1, 14)]


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_a_documented_query_answers_alike(watched: Database, number: int) -> None:
    title, query = QUERIES[number]
    until = "2026-11-25" if "BETWEEN :since AND :until" in query and "_at BETWEEN" in query else "2026-11-24"
    with watched.read() as session:
        rows = session.execute(text(query), {"since": "2026-11-01", "until": until}).all()
    expected = EXPECTED[number]
    assert [tuple(row)[: len(expected[0])] for row in rows] == expected, title


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_documented_queries_use_no_function_of_one_database(number: int) -> None:
    functions = {name.lower() for name in re.findall(r"\b([a-z_]+)\s*\(", QUERIES[number][1], re.IGNORECASE)}
    assert functions <= {"count", "sum", "min", "max", "in", "and", "or", "join", "where", "exists"}
