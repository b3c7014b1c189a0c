"""The documentation is true: every column is in the dictionary, every documented query runs on both databases."""

from __future__ import annotations

import io
import json
import os
import re
from contextlib import closing, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from desk_server import desk_app
from sqlalchemy import inspect, text
from starlette.testclient import TestClient
from storage_samples import DAY, HOUR, NOW, add_feed, add_matches, list_entries, poll, seen, verdict

from crawler.desk.api.problems import KINDS
from storage import entries, feeds, labels, search
from storage.base import Base
from storage.db import Database, open_database
from storage.seen import MentionRecord
from storage.views import VIEWS
from tests.newsroom_database import DAY as NEWSROOM_DAY
from tests.newsroom_database import copy_rows, make_newsroom

AFTER = datetime.fromisoformat(NEWSROOM_DAY) + HOUR
DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOK = DOCS / "example.ipynb"
WRITE_NOTEBOOK = "LEVANTWATCH_WRITE_NOTEBOOK" in os.environ
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
        there |= {name: [column["name"] for column in inspector.get_columns(name)] for name in VIEWS}
    assert documented() == there


def test_every_line_of_the_dictionary_says_something() -> None:
    assert not re.search(r"\| *\|$", (DOCS / "columns.md").read_text(), re.MULTILINE)


# of log-odds; those of the score 0.9 are 2.2
LONE = [
    {"field": "text", "start": 0, "end": 2, "text": "IS", "term": "islamic-state-group", "sense": "name", "weight": 3.0}
]


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
    [("isis", "islamic-state-group", "name", 1, 1), ("syria", "syria", "country", 2, 0)],
    [(2, "2026-11-24", "North Post")],
    [(2, "2026-11-24", "North Post")],
]


def test_the_questions_are_numbered() -> None:
    assert [title.split(".")[0] for title, _ in QUERIES] == [str(number) for number in range(1, 26)]


@pytest.mark.parametrize("number", range(len(EXPECTED)))
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
    assert functions <= {"as", "count", "sum", "min", "max", "in", "and", "or", "from", "join", "where", "exists"}


# --- the answers on the newsroom ---

ANSWERS = re.findall(
    r"^```sql\n(.*?)^```\n\n?```text\n(\d+) rows?(?:: ([^\n]*))?\n(.*?)^```",
    (DOCS / "queries.md").read_text(),
    re.DOTALL | re.MULTILINE,
)
ALWAYS = {"since": "2000-01-01", "until": "2100-01-01"}


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of the newsroom's SQLite database."""
    return make_newsroom(tmp_path_factory.mktemp("newsroom"))


def test_every_question_has_its_answer_on_the_newsroom(newsroom: str, schema_url: str) -> None:
    assert [query for query, *_ in ANSWERS] == [query for _, query in QUERIES]
    copy_rows(newsroom, schema_url)
    with closing(open_database(schema_url)) as database:
        for query, number, named, shown in ANSWERS:
            with database.ask(query, ALWAYS) as answer:
                rows = list(answer.mappings())
            assert len(rows) == int(number), query
            columns = named.split(", ") if named else []
            there = [" | ".join(written(row[column]) for column in columns) for row in rows]
            lines = shown.splitlines()
            assert set(lines) <= set(there), query
            assert bool(lines) is bool(rows), query


def test_every_question_to_the_api_has_its_answer_on_the_newsroom(newsroom: str, schema_url: str) -> None:
    copy_rows(newsroom, schema_url)
    text_ = (DOCS / "api.md").read_text()
    examples = re.findall(r"^```\nGET (/\S+)\n```\n\n```json\n(.*?)^```", text_, re.DOTALL | re.MULTILINE)
    named: dict[str, str] = {}
    with closing(open_database(schema_url)) as database, TestClient(desk_app(database, AFTER)) as client:
        for address, shown in examples:
            for word, number in named.items():
                address = address.replace(word, number)
            answer = client.get(address).json()
            named |= {word: str(rows[0][key]) for word, key, rows in _numbers(answer)}
            assert agrees(json.loads(shown), answer), (address, answer)
        paths = client.get("/api/v1/openapi.json").json()["paths"]
    asked = {re.sub("ARTICLE|STORY", "{id}", address.partition("?")[0]) for address, _ in examples}
    assert asked == set(paths)
    for name, (status, title, meaning) in KINDS.items():
        assert f"| `{name}` | {status} | {title}. {meaning} |" in text_
    for operations in paths.values():
        for one in operations["get"]["parameters"]:
            assert one["in"] != "query" or f"`{one['name']}" in text_, one["name"]


def _numbers(answer: dict[str, Any]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    kinds = (("ARTICLE", "article_id", "matches"), ("STORY", "story_id", "stories"))
    return [(word, key, answer[name]) for word, key, name in kinds if answer.get(name)]


def agrees(shown: Any, answer: Any) -> bool:
    """Whether an answer is what the page shows, where "…" stands for anything, or for the rest."""
    if isinstance(shown, str) and shown.endswith("…"):
        return shown == "…" or answer.startswith(shown[:-1])
    if isinstance(shown, dict):
        there = set(shown) - {"…"}
        same = there <= set(answer) if "…" in shown else there == set(answer)
        return same and all(agrees(shown[name], answer[name]) for name in there)
    if isinstance(shown, list) and isinstance(answer, list):
        more = shown[-1:] == ["…"]
        rows = shown[:-1] if more else shown
        fits = len(rows) <= len(answer) if more else len(rows) == len(answer)
        return fits and all(map(agrees, rows, answer))
    return bool(shown == answer)


def written(value: Any) -> str:
    """A value as the page shows it: times as SQLite keeps them."""
    if isinstance(value, datetime):
        value = value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return "null" if value is None else str(value)


def test_a_newsroom_search_is_alike_too(newsroom: str, schema_url: str) -> None:
    """By relevance and newest first, in four languages: what the copy on Postgres finds is what the original finds."""
    copy_rows(newsroom, schema_url)
    queries = [
        "syria OR suriye OR سوريا",
        "damascus -isis",
        "title:داعش OR deaş",
        '"islamic state"',
        "publisher:kiyi",
        "al* score:>0.9 -role:copy",
    ]
    for typed in queries:
        found = []
        for url in (newsroom, schema_url):
            with closing(open_database(url)) as database, database.read() as session:
                filters = search.Filters(words=typed, limit=None)
                newest = [one.article_id for one in search.search(session, filters)]
                best = (
                    [one.article_id for one in search.search(session, filters, by_relevance=True)]
                    if "kiyi" not in typed
                    else []
                )
                found.append((newest, best))
        assert found[0] == found[1], typed
        assert found[0][0], typed


def test_the_example_notebook_prints_what_it_shows(
    newsroom: str, schema_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cells in order, in one namespace, without Jupyter; LEVANTWATCH_WRITE_NOTEBOOK writes what they print into it."""
    pytest.importorskip("pandas")
    copy_rows(newsroom, schema_url)
    monkeypatch.setenv("LEVANTWATCH_DATABASE_URL", schema_url)
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    for cell in (cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile("".join(cell["source"]), str(NOTEBOOK), "exec"), names)
        shown = [{"name": "stdout", "output_type": "stream", "text": printed.getvalue().splitlines(keepends=True)}]
        if WRITE_NOTEBOOK:
            cell["outputs"] = shown
        assert printed.getvalue()
        assert cell["outputs"] == shown, "".join(cell["source"])
    if WRITE_NOTEBOOK:
        NOTEBOOK.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
