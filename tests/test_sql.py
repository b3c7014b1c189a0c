"""`Database.ask` and `levantwatch sql`: one statement that reads, and nothing is written, whatever it says."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import unavailable
from postgres_server import PostgresServer
from sqlalchemy import make_url, text
from storage_samples import add_feed, add_matches

from storage.db import Database, open_database
from storage.errors import BadStatement, StorageError
from storage.sql import Answer
from tests.command import ROOT, Desk


@pytest.fixture
def news(database: Database) -> Database:
    """Three matches."""
    add_matches(database, add_feed(database), {}, {}, {"title": "Raqqa, 50%"})
    return database


def answer(database: Database, statement: str, seconds: float = 20, **values: str) -> list[dict[str, Any]]:
    with database.ask(statement, values, seconds=seconds) as given:
        assert isinstance(given, Answer)
        return list(given.mappings())


def state(database: Database) -> list[Any]:
    """What could have changed: rows, the schema, the version."""
    with database.read() as session:
        tables = ("feeds", "articles", "labels", "saved_searches", "levantwatch_version")
        counts = [session.scalar(text(f"SELECT count(*) FROM {name}")) for name in tables]
        listing = "sqlite_master" if database.dialect == "sqlite" else "pg_class"
        if database.dialect == "postgresql":
            counts.append(session.scalar(text("SELECT count(*) FROM pg_largeobject_metadata")))
        return [
            *counts,
            session.scalar(text(f"SELECT count(*) FROM {listing}")),
            session.scalar(text("SELECT max(title) FROM articles")),
        ]


READS: list[tuple[str, list[dict[str, Any]]]] = [
    ("SELECT 1 AS a, 2 AS a, 'x:y' AS b", [{"a": 1, "a_2": 2, "b": "x:y"}]),
    ("SELECT count(*) AS n FROM matches;", [{"n": 3}]),
    ("-- how many?\nSELECT count(*) AS n FROM matches -- all", [{"n": 3}]),
    ("WITH a AS (SELECT 1 AS n) SELECT n FROM a", [{"n": 1}]),
    ("VALUES (1), (2)", [{"column1": 1}, {"column1": 2}]),
    ("SELECT title FROM matches WHERE title LIKE '%50\\%' ESCAPE '\\'", [{"title": "Raqqa, 50%"}]),
    ("SELECT 'commit; drop table feeds' AS said", [{"said": "commit; drop table feeds"}]),
    ("SELECT avg(1.5) AS a, sum(2) AS b, NULL AS c", [{"a": 1.5, "b": 2, "c": None}]),
]


@pytest.mark.parametrize(("statement", "rows"), READS)
def test_what_reads_is_answered_alike(news: Database, statement: str, rows: list[dict[str, Any]]) -> None:
    assert answer(news, statement) == rows


def test_parameters(news: Database) -> None:
    query = "SELECT :who AS who, ':who' AS said, count(*) AS n, '100%' AS share FROM matches WHERE day >= :since"
    expected = [{"who": "é'\";--", "said": ":who", "n": 3, "share": "100%"}]
    assert answer(news, query, who="é'\";--", since="2026-11-01", unused="x") == expected
    with pytest.raises(BadStatement, match="give each :name its value"):
        answer(news, "SELECT :who")


def test_any_number_of_a_server_is_a_number_or_text(news: Database) -> None:
    if news.dialect == "sqlite":  # which has none but 64 bits
        return
    query = "SELECT 1e40::numeric AS a, 1.5::numeric AS b, 1e200::numeric / 3 AS c, 1e400::numeric AS d, 'NaN'::numeric AS e"
    [row] = answer(news, query)
    assert (row["a"], row["b"], len(str(row["c"])), row["d"], row["e"]) == (10**40, 1.5, 200, "1" + "0" * 400, "nan")


def test_half_a_character_is_explained(news: Database) -> None:
    with pytest.raises(BadStatement, match="half of a character"):
        answer(news, "SELECT '\udcff'")


def test_explain_shows_the_plan(news: Database) -> None:
    assert answer(news, "EXPLAIN QUERY PLAN SELECT * FROM matches WHERE day > :since", since="2026")


WRITES = [
    "DELETE FROM feeds",
    "UPDATE articles SET title = 'x'",
    "INSERT INTO saved_searches VALUES ('a', 'b', '2026-01-01')",
    "INSERT INTO saved_searches VALUES ('a', 'b', '2026-01-01') RETURNING name",
    "WITH gone AS (DELETE FROM labels RETURNING *) SELECT * FROM gone",
    "DROP TABLE feeds",
    "DROP VIEW matches",
    "CREATE TABLE mine (a integer)",
    "CREATE TEMP TABLE mine (a integer)",
    "CREATE VIEW mine AS SELECT 1",
    "SELECT 1 INTO mine",
    "SELECT * INTO TEMP mine FROM feeds",
    "SELECT * FROM feeds FOR UPDATE",
    "SELECT 1; DELETE FROM feeds",
    "SELECT 1; COMMIT; DELETE FROM feeds",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "SAVEPOINT a",
    "ATTACH 'mine.db' AS mine",
    "ATTACH 'file:test.db?mode=rwc' AS mine",
    "DETACH main",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "VACUUM",
    "VACUUM INTO 'mine.db'",
    "REINDEX",
    "ANALYZE",
    "REPLACE INTO articles_fts (articles_fts) VALUES ('delete-all')",
    "INSERT INTO articles_fts (articles_fts) VALUES ('optimize')",
    "SELECT load_extension('mine.so')",
    "EXPLAIN ANALYZE DELETE FROM feeds",
    "EXPLAIN (ANALYZE) DELETE FROM feeds",
    "EXPLAIN SELECT 1; DELETE FROM feeds",
    "COPY (SELECT 1) TO '/tmp/levantwatch-mine'",
    "COPY (SELECT 1) TO PROGRAM 'touch mine'",
    "COPY feeds FROM '/dev/null'",
    "DO $$ BEGIN DELETE FROM feeds; END $$",
    "CALL mine()",
    "SET default_transaction_read_only = off",
    "SET SESSION AUTHORIZATION postgres",
    "RESET ROLE",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT lo_export(1, '/tmp/levantwatch-mine')",
    "SELECT lo_from_bytea(0, 'a')",
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT setval('feeds_id_seq', 99)",
    "GRANT ALL ON feeds TO PUBLIC",
    "LISTEN a",
    "NOTIFY a",
    "LOCK TABLE feeds",
    "PREPARE a AS DELETE FROM feeds",
    "DECLARE a CURSOR WITH HOLD FOR SELECT 1",
    "SELECT 1) TO STDOUT; DELETE FROM feeds; --",
    "",
    ";",
    "-- nothing",
    "SELECT 1\x00; DELETE FROM feeds",
    "SELEKT 1",
    "SELECT \ud800",
    "SELECT * FROM nothing",
    "SELECT nothing FROM feeds",
]


def test_nothing_is_written_whatever_the_statement(news: Database, tmp_path: Path) -> None:
    before = state(news)
    for statement in WRITES:
        if (
            "lo_from_bytea" in statement and news.dialect == "postgresql"
        ):  # before Postgres 16 it runs, and is rolled back
            with suppress(BadStatement):
                answer(news, statement)
            continue
        with pytest.raises(BadStatement) as refused:
            answer(news, statement)
        assert "\n" not in str(refused.value), statement
    assert state(news) == before
    assert answer(news, "SELECT count(*) AS n FROM feeds") == [{"n": 1}]
    assert not list(tmp_path.glob("mine*"))
    assert not list(Path().glob("mine*"))
    assert not Path("/tmp/levantwatch-mine").exists()


def test_what_takes_too_long_is_ended(news: Database) -> None:
    endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT {} FROM c"
    with pytest.raises(BadStatement, match=r"longer than 0.3 seconds"):
        answer(news, endless.format("count(*)"), seconds=0.3)
    with (
        pytest.raises(BadStatement, match=r"longer than 0.3 seconds"),
        news.ask(endless.format("n"), seconds=0.3) as given,
    ):
        assert sum(1 for _ in given.rows) < 0


def test_it_reads_while_another_writes(news: Database) -> None:
    with news.write() as session:
        session.execute(text("UPDATE feeds SET title = 'changed'"))
        counted: list[Any] = []
        reader = threading.Thread(target=lambda: counted.extend(answer(news, "SELECT title FROM feeds")))
        reader.start()
        reader.join(10)
        assert counted == [{"title": "North Post: World"}]
    assert answer(news, "SELECT title FROM feeds") == [{"title": "changed"}]


# --- the command ---


@pytest.fixture
def desk(news: Database, schema_url: str, tmp_path: Path) -> Desk:
    return Desk(tmp_path, schema_url)


def test_the_command_prints_rows_in_every_form(desk: Desk) -> None:
    query = "SELECT article_id, title, topics, '=1+1' AS formula, first_seen_at FROM matches ORDER BY article_id DESC LIMIT 1"
    [row] = desk.json("sql", query, "--format", "json")
    assert row | {"first_seen_at": ""} == {
        "article_id": 3, "title": "Raqqa, 50%", "topics": ["syria"], "formula": "=1+1", "first_seen_at": "",
    }  # fmt: skip
    assert row["first_seen_at"].startswith("2026-11-24T12:00:00")
    [row] = csv.DictReader(io.StringIO(desk.ok("sql", query, "--format", "csv")))
    assert (row["title"], row["formula"]) == ("Raqqa, 50%", "'=1+1")
    assert desk.ok("sql", query).startswith("3\tRaqqa, 50%\t")
    assert desk.ok("sql", "SELECT title AS t FROM matches WHERE 1 = 0", "--format", "csv") == "t\r\n"
    asked = desk.run(
        "sql", "-", "--limit", "2", "--format", "jsonl", "--param", "a=3", stdin=b"SELECT :a AS a FROM matches"
    )
    assert [json.loads(line) for line in asked.stdout.splitlines()] == [{"a": "3"}] * 2
    assert asked.stderr == b"levantwatch: there are more than 2 rows; --limit 0 prints all\n"


def test_a_mistake_is_one_line(desk: Desk) -> None:
    for arguments, status in (
        (("DELETE FROM feeds",), 1),
        (("SELECT 1", "--param", "x"), 2),
        (("SELECT :x", *("--param", "x=1") * 2), 2),
    ):
        done = desk.run("sql", *arguments)
        assert (done.returncode, done.stdout) == (status, b"")
        assert done.stderr.startswith(b"levantwatch: ")
        assert done.stderr.count(b"\n") == 1


# --- the role for readers ---


@pytest.mark.postgres
def test_the_role_for_readers_reads_and_cannot_write(postgres: PostgresServer | None) -> None:
    if postgres is None or shutil.which("psql") is None:
        unavailable("postgres", "no Postgres, or no psql, here")
    with postgres.database() as url:
        with closing(open_database(url)) as owner:
            owner.ensure_schema(upgrade=False)
            add_matches(owner, add_feed(owner), {})
        script = ROOT / "deploy" / "postgres-readers.sql"
        for _ in range(2):
            command = ["psql", "-X", "-q", "-v", "password='secret'", "-d", url, "-f", str(script)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")
        role = make_url(url).set(username="levantwatch_reader", password="secret").render_as_string(hide_password=False)
        try:
            with closing(open_database(role)) as reader:
                reader.check_schema()
                assert answer(reader, "SELECT count(*) AS n FROM matches") == [{"n": 1}]
                for statement in (
                    "DELETE FROM labels",
                    "CREATE TABLE mine (a integer)",
                    "CREATE TEMP TABLE mine (a integer)",
                ):
                    with pytest.raises(StorageError, match=r"may only be read|permission denied"):
                        written(reader, statement)
        finally:
            with closing(open_database(url)) as owner, owner.write() as session:
                session.execute(text("DROP OWNED BY levantwatch_reader"))
                session.execute(text("DROP ROLE levantwatch_reader"))


def written(database: Database, statement: str) -> None:
    with database.write() as session:
        session.execute(text("SET TRANSACTION READ WRITE"))
        session.execute(text(statement))
