"""The schema: models equal migrations, upgrades keep what is stored, old and new programs refuse each other politely."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, insert, inspect, select, text
from sqlalchemy.orm import Session
from storage_samples import DAY, NOW, add_feed, add_matches, list_entries, poll, seen

from storage import (
    entries,
    errors,
    events,
    feeds,
    hosts,
    labels,
    poll_days,
    proofs,
    rechecks,
    removal,
    replacements,
    revisions,
    runs,
    saved,
    search,
    statistics,
    subscriptions,
    told,
    walks,
)
from storage.base import Base, tell_postgres
from storage.clocks import ClockRecord
from storage.db import Database, open_database
from storage.full_text import FULL_TEXT_TABLES
from storage.models import ARTICLES, ENTRIES, ENTRY_BLOCKS, FEEDS, SIGHTING_BLOCKS, STORIES
from storage.pairs import PAIRS
from storage.schema import HISTORY, VERSION_TABLE, History, is_modelled
from storage.seen import MentionRecord

# DESIGN section 3: a release never drops or renames one of these
MATCHES = [
    "article_id",
    "feed_url",
    "publisher",
    "country",
    "kind",
    "language",
    "title",
    "url",
    "canonical_url",
    "author",
    "published_at",
    "first_seen_at",
    "fetched_at",
    "day",
    "topics",
    "syria_score",
    "isis_score",
    "syria_label",
    "isis_label",
    "story_id",
    "role",
    "words",
    "extraction",
    "summary",
    "text",
]

# An upgrade that does what hurts on SQLite: it makes the parent of every table anew, and changes a child.
NEXT_REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade():
    recreate = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("feeds", recreate=recreate) as batch:
        batch.add_column(sa.Column("colour", sa.Text(), server_default="blue", nullable=False))
    with op.batch_alter_table("entries", recreate=recreate) as batch:
        batch.alter_column("host", existing_type=sa.Text(), server_default="?")
    with op.batch_alter_table("articles", recreate=recreate) as batch:
        batch.add_column(sa.Column("colour", sa.Text()))
{more}
"""


@pytest.fixture
def next_history(tmp_path: Path) -> History:
    """What a later program would know: this one's revisions and one more."""
    return _history(tmp_path / "later")


def _history(folder: Path, more: str = "") -> History:
    shutil.copytree(HISTORY.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_next.py").write_text(NEXT_REVISION.format(head=HISTORY.head, more=more))
    return History((*HISTORY.revisions, "9999"), folder)


KEYS = frozenset({"aid", "aleppo", "@aleppo"})
NAMED = (MentionRecord("place", "aleppo", "aleppo", "title", 12, 18, "Aleppo", resolved=True),)


CLAIMED = (ClockRecord("published", "feed", NOW, "2026-11-24T12:00", 0.6, ("no-zone",)),)


@pytest.fixture
def filled(database: Database) -> Database:
    """A database with something in every table."""
    feed_id = add_feed(database)
    add_matches(
        database,
        feed_id,
        {
            "title": "Aid reaches Aleppo",
            "signature": bytes(512),
            "bands": (1, 2),
            "mentions": NAMED,
            "event_keys": KEYS,
            "clocks": CLAIMED,
        },
        {"title": "داعش"},
    )
    list_entries(database, feed_id, seen(7), seen(8))
    with database.write() as session:
        runs.start(session, now=NOW, command="poll")
        feeds.record_poll(session, poll(feed_id, run_id=1))
        poll_days.seal(session, NOW + 2 * DAY)
        session.execute(insert(ENTRY_BLOCKS).values(block=9, state="", entries=0, fetched=0, unreadable=0))
        session.execute(insert(SIGHTING_BLOCKS).values(block=9, listings=0, entries=0))
        labels.add(session, entry_id=1, topic="syria", value="yes", who="an analyst", now=NOW)
        entries.record_end(session, entry_id=3, state="irrelevant", now=NOW)
        events.note(session, feed_id=feed_id, now=NOW, what="distrusted")
        hosts.keep_quiet(session, host="a.example", until=NOW + DAY, status=429, now=NOW)
        origin = {"origin": "https://a.example", "host": "a.example", "outcome": "ok"}
        hosts.keep_robots(session, hosts.RobotsFile(**origin, fetched_at=NOW, expires_at=NOW + DAY))
        replacements.record(session, feed_id=feed_id, now=NOW)
        subscriptions.announce(
            session, feed_id=feed_id, hub="https://hub.example/", topic="https://a.example/f", now=NOW
        )
        saved.save(session, name="camps", query="camp", now=NOW)
        where = {
            "file": "a.warc.gz",
            "offset": 0,
            "length": 9,
            "sha256": "a",
            "payload_sha256": "b",
            "url": "https://a.example/",
        }
        kept = proofs.CaptureRecord(**where, http_status=200, captured_at=NOW, record_id="<urn:uuid:1>")
        proofs.follow(session, entry_id=1, captures=[kept], now=NOW)
        removal.forget(session, entry_id=4, why="a rule", tombstones={}, now=NOW)
        page = rechecks.PageSource("northpost.example", None, None, None)
        rechecks.plan(session, article_id=1, fetched_at=NOW, due_at=NOW + DAY, source=page)
        revisions.keep_first(session, article_id=1)
        walks.record_failure(session, feed_id=feed_id, outcome="timeout", error=None, now=NOW)
        told.begin(session, rule="camps", asks="search camps", known=[1], now=NOW)
        told.add(session, told.MessageRecord("camps", "articles/2", ("desk",), "New", "Text", NOW), now=NOW)
    return database


def counts(connection: Connection) -> dict[str, int]:
    """The number of rows of every table."""
    return {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in Base.metadata.tables}


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as session:
        yield session.connection()


def test_the_revisions_are_those_of_the_files() -> None:
    config = ScriptDirectory(str(HISTORY.folder))
    assert [script.revision for script in reversed(list(config.walk_revisions()))] == list(HISTORY.revisions)


def test_models_equal_migrations(connection: Connection) -> None:
    options = {
        "include_object": is_modelled,
        "version_table": VERSION_TABLE,
        "compare_server_default": connection.dialect.name != "sqlite",  # Alembic takes SQLite's '' for a difference
    }
    tell_postgres()
    assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


def test_models_equal_migrations_to_the_letter_on_sqlite(tmp_path: Path) -> None:
    def statements(url: str, *, by_models: bool) -> dict[str, set[str]]:
        """Every CREATE statement as the set of its columns and constraints: what Alembic does not compare is there too."""
        engine = create_engine(url)
        if by_models:
            Base.metadata.create_all(engine)
        else:
            with closing(open_database(url)) as database:
                database.ensure_schema(upgrade=False)
        with engine.connect() as connection:
            # views and the triggers of the tallies are made anew after each migration
            query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'view' AND name NOT LIKE 'tallies_%'"
            rows = connection.execute(text(query)).all()
        engine.dispose()
        return {
            # an added column stands on the line of the one before it, and of the bracket that ends all
            name: {part.strip() for part in re.split(r"\n|,(?![^()\n]*\))", re.sub(r"\)\s*$", "\n)", sql))} - {""}
            for name, sql in rows
            if "levantwatch" not in name
        }

    by_models = statements(f"sqlite:///{tmp_path}/models.db", by_models=True)
    by_migrations = statements(f"sqlite:///{tmp_path}/migrations.db", by_models=False)
    assert by_models == {name: sql for name, sql in by_migrations.items() if name not in FULL_TEXT_TABLES}


def test_the_view_has_the_columns_of_the_contract(connection: Connection) -> None:
    assert [column["name"] for column in inspect(connection).get_columns("matches")] == MATCHES
    assert [field.name for field in fields(search.Match)] == MATCHES


def test_upgrade_keeps_every_row(filled: Database, schema_url: str, next_history: History) -> None:
    with filled.read() as session:
        before = counts(session.connection())
        matches = search.search(session, search.Filters())
    with closing(open_database(schema_url, history=next_history)) as later:
        with pytest.raises(errors.SchemaOutdated, match="run levantwatch db upgrade"):
            later.ensure_schema(upgrade=False)
        with pytest.raises(errors.SchemaOutdated, match="run levantwatch db upgrade"):
            later.check_schema()
        later.ensure_schema(upgrade=True)
        later.check_schema()
        with later.read() as session:
            assert counts(session.connection()) == before
            assert min(before.values()) > 0
            assert search.search(session, search.Filters()) == matches
            assert [found.title for found in search.search(session, search.Filters(words="aleppo"))] == [
                "Aid reaches Aleppo"
            ]
            assert session.scalar(text("SELECT colour FROM feeds")) == "blue"
        # foreign keys are enforced again, and ids go on where they were
        with pytest.raises(Exception, match=r"(?i)foreign key"), later.write() as session:
            session.execute(text("UPDATE entries SET feed_id = 99"))
        assert list_entries(later, 1, seen(99)) == (5,)


def test_what_was_stored_before_is_planned_to_be_looked_at_from_its_next_step_on(database_url: str) -> None:
    now = datetime.now(UTC)
    fetched = {1: now - timedelta(hours=2), 2: now - timedelta(days=3), 3: now - timedelta(days=31)}
    with closing(open_database(database_url, history=History(HISTORY.revisions[:5], HISTORY.folder))) as old:
        old.ensure_schema(upgrade=False)
        with old.write() as session:
            session.execute(
                insert(FEEDS), {"id": 1, "url": "https://a.example/f", "added_at": NOW, "next_poll_at": NOW}
            )
            session.execute(insert(STORIES), {"id": 1, "created_at": NOW, "changed_at": NOW})
            for number, at in fetched.items():
                url = f"https://a.example/{number}"
                entry = {"key": url, "url": url, "host": "a.example", "state": "match", "first_seen_at": at}
                article = {"url": url, "first_seen_at": at, "fetched_at": at, "day": "2026-11-24", "sort_key": number}
                rest = {"story_id": 1, "role": "original", "extraction": "full", "text_hash": "", "stored_at": at}
                session.execute(insert(ENTRIES), {"id": number, "feed_id": 1, **entry})
                session.execute(insert(ARTICLES), {"id": number, "feed_id": 1, **article, **rest, "changed_at": at})
    with closing(open_database(database_url)) as database:
        database.ensure_schema(upgrade=True)
        with database.read() as session:
            planned = [rechecks.get(session, number) for number in fetched]
    assert [one and (one.step, one.host, one.due_at) for one in planned] == [
        (1, "a.example", fetched[1] + timedelta(hours=3)),
        (4, "a.example", fetched[2] + timedelta(days=7)),
        None,
    ]


def test_a_newer_database_is_refused(filled: Database, schema_url: str, next_history: History) -> None:
    with closing(open_database(schema_url, history=next_history)) as later:
        later.ensure_schema(upgrade=True)
    for action in (filled.check_schema, lambda: filled.ensure_schema(upgrade=True)):
        with pytest.raises(errors.SchemaNewer, match="newer levantwatch"):
            action()


def test_an_upgrade_that_breaks_is_undone(filled: Database, schema_url: str, tmp_path: Path) -> None:
    with filled.read() as session:
        before = counts(session.connection())
    broken = _history(tmp_path / "broken", more='    raise RuntimeError("midway")')
    with closing(open_database(schema_url, history=broken)) as later, pytest.raises(RuntimeError, match="midway"):
        later.ensure_schema(upgrade=True)
    filled.check_schema()
    with filled.read() as session:
        assert counts(session.connection()) == before
        assert len(search.search(session, search.Filters())) == 2


@pytest.mark.parametrize("schema_url", ["sqlite"], indirect=True)  # Postgres never lets go of its foreign keys
def test_an_upgrade_that_loses_parents_is_undone(filled: Database, schema_url: str, tmp_path: Path) -> None:
    losing = _history(tmp_path / "losing", more='    op.execute("DELETE FROM entries WHERE id = 1")')
    with (
        closing(open_database(schema_url, history=losing)) as later,
        pytest.raises(errors.StorageError, match="the upgrade was undone"),
    ):
        later.ensure_schema(upgrade=True)
    filled.check_schema()
    with filled.read() as session:
        assert search.why(session, 1).article is not None


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_shared_postgres_database_keeps_the_other_programs_tables(database_url: str) -> None:
    with closing(open_database(database_url)) as database:
        with database.write() as session:
            session.execute(text("CREATE TABLE alembic_version (version_num text)"))
            session.execute(text("INSERT INTO alembic_version VALUES ('of another program')"))
        database.ensure_schema(upgrade=False)
        with database.read() as session:
            assert session.scalar(text("SELECT version_num FROM alembic_version")) == "of another program"


def test_tables_of_our_names_without_our_version_are_foreign(database_url: str) -> None:
    with closing(open_database(database_url)) as database:
        with database.write() as session:
            session.execute(text("CREATE TABLE feeds (url text)"))
        with pytest.raises(errors.ForeignSchema):
            database.ensure_schema(upgrade=True)


def test_titles_that_are_stored_are_indexed_by_the_upgrade(filled: Database, schema_url: str) -> None:
    with filled.write() as session:
        session.execute(text("DROP TABLE titles_fts"))
        session.execute(text("DROP TABLE saved_searches"))
        session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0005'"))
    up_to_it = History(HISTORY.revisions[: HISTORY.revisions.index("0010") + 1], HISTORY.folder)
    with closing(open_database(schema_url, history=up_to_it)) as later:
        later.ensure_schema(upgrade=True)
        with later.read() as session:
            for typed, expected in (("title:aleppo", 1), ("title:داعش", 2)):
                assert [one.article_id for one in search.search(session, search.Filters(words=typed))] == [expected]


def test_the_planner_knows_new_indexes_when_an_upgrade_is_through(filled: Database, schema_url: str) -> None:
    with filled.write() as session:
        session.execute(text("UPDATE articles SET url = '', canonical_url = '' WHERE id = 1"))
        before = pairs_of(session) if filled.dialect == "postgresql" else []
        for statement in UNDO_0020[filled.dialect]:
            session.execute(text(statement))
        session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0019'"))
    said: list[str] = []
    with closing(open_database(schema_url)) as later:
        later.ensure_schema(upgrade=True, tell=said.append)
        with later.read() as session:
            links = session.execute(select(ARTICLES.c.url, ARTICLES.c.canonical_url).order_by(ARTICLES.c.id)).all()
            assert tuple(links[0]) == (None, None)
            assert all(links[1])
            if later.dialect == "sqlite":
                known = session.scalars(text("SELECT idx FROM sqlite_stat1 WHERE tbl = 'articles'")).all()
            else:
                known = session.scalars(text("SELECT relname FROM pg_class WHERE reltuples = 2")).all()
                assert pairs_of(session) == before
                assert len(before) == 2
        assert "ix_articles_publisher_sort_key_topics" in known
        later.ensure_schema(upgrade=True, tell=said.append)
    renewed = [
        f"what the planner knows of {table} is renewed"
        for table in ("articles", "entries", "evidence_terms", "rechecks", "verdicts")
    ]
    noted = ["what every article names is noted"] if filled.dialect == "postgresql" else []
    assert said[1 : 1 + len(noted)] == noted
    assert sorted(said[1 + len(noted) :]) == renewed  # each database lists its tables in an order of its own
    assert said[0].startswith(f"bringing the schema from 0019 to {HISTORY.head};")


def test_an_empty_database_is_made_without_a_word(database_url: str) -> None:
    said: list[str] = []
    with closing(open_database(database_url)) as database:
        database.ensure_schema(upgrade=True, tell=said.append)
        with database.write() as session:  # an index of an empty table is told of when there is something
            session.execute(text("DROP INDEX ix_articles_publisher_sort_key_topics"))
            assert statistics.refresh_changed(session.connection(), {}, said.append) == []
    assert said == []


UNDO_0020 = {  # and what came after it
    "sqlite": (
        "DROP INDEX ix_articles_originals",
        "DROP INDEX ix_entries_first_seen_at_id_state",
        "CREATE INDEX ix_entries_first_seen_at_id ON entries (first_seen_at, id)",
        "DROP INDEX ix_articles_newest",
        "DROP INDEX ix_articles_paywalled",
        "DROP INDEX ix_verdicts_least_sure",
        "CREATE INDEX ix_articles_sort_key_topics ON articles (sort_key, topics)",
        "DROP INDEX ix_entries_claimed",
        "DROP INDEX ix_rechecks_claimed",
        "DROP INDEX ix_articles_publisher_sort_key_topics",
        "CREATE INDEX ix_articles_publisher_sort_key ON articles (publisher, sort_key)",
        "DROP INDEX ix_evidence_terms_term_needed_topic_entry_id",
        "CREATE INDEX ix_evidence_terms_term_topic_needed ON evidence_terms (term, topic, needed)",
    ),
}
UNDO_0020["postgresql"] = (*UNDO_0020["sqlite"], "DROP TABLE articles_pairs", "DROP TABLE articles_names")


def pairs_of(session: Session) -> list[Any]:
    """What is noted of pairs of words, by article."""
    return [tuple(row) for row in session.execute(select(PAIRS).order_by(PAIRS.c.rowid))]
