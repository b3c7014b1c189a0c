"""How a database is opened, read and written, on both; and every way in which that can fail, in one line."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import exc as sa
from sqlalchemy import make_url, select, text
from storage_samples import NOW, add_feed

from storage import errors, feeds
from storage.db import Database, open_database
from storage.models import FEEDS

OPEN = "import sys; from storage.db import open_database; database = open_database(sys.argv[1]); "


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own that runs this code."""
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)


def test_what_is_written_is_read(database: Database) -> None:
    feed_id = add_feed(database)
    with database.read() as session:
        assert feeds.get(session, feed_id).title == "North Post: World"


def test_an_error_undoes_the_whole_transaction(database: Database) -> None:
    def write_and_fail() -> None:
        with database.write() as session:
            feeds.add(session, url="https://a.example/feed", now=NOW)
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.read() as session:
        assert feeds.count(session) == 0


def test_rows_stay_usable_after_their_session(database: Database) -> None:
    add_feed(database)
    with database.read() as session:
        feed = feeds.get(session, 1)
    assert feed.tags == ()


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(errors.ReadOnlyDatabase), database.read() as session:
        feeds.add(session, url="https://a.example/feed", now=NOW)


def test_a_reader_sees_one_state_while_another_writes(database: Database) -> None:
    with database.read() as session:
        assert feeds.count(session) == 0
        add_feed(database)
        assert feeds.count(session) == 0
    with database.read() as session:
        assert feeds.count(session) == 1


def test_writers_of_many_threads_wait_for_each_other(database: Database) -> None:
    def write(number: int) -> None:
        with database.write() as session:
            seen = session.scalar(select(FEEDS.c.id).limit(1))  # a read that turns into a write
            feeds.add(session, url=f"https://{number}.example/{seen}", now=NOW)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert feeds.count(session) == 8


def test_wrong_sql_is_a_bug_and_no_storage_error(database: Database) -> None:
    with pytest.raises(sa.DBAPIError), database.read() as session:
        session.execute(text("SELEKT 1"))


def test_the_schema_is_made_once_by_any_number_of_processes(database_url: str) -> None:
    makers = [python(OPEN + "database.ensure_schema(upgrade=False); print('made')", database_url) for _ in range(4)]
    assert [maker.communicate()[0] for maker in makers] == ["made\n"] * 4
    assert [maker.returncode for maker in makers] == [0] * 4
    with closing(open_database(database_url)) as database:
        database.check_schema()


def test_before_the_schema_everything_says_so(database_url: str) -> None:
    with closing(open_database(database_url)) as database:
        with pytest.raises(errors.SchemaMissing, match="feeds import --catalogue"):
            database.check_schema()
        with pytest.raises(errors.SchemaMissing, match="feeds import --catalogue"), database.read() as session:
            feeds.count(session)
        with pytest.raises(errors.SchemaMissing, match="feeds import --catalogue"), database.write() as session:
            feeds.add(session, url="https://a.example/feed", now=NOW)


@pytest.mark.parametrize(
    ("url", "kind", "told"),
    [
        ("mysql://root@localhost/news", errors.BadDatabaseURL, "'mysql://' is no database known here"),
        ("postgresql+asyncpg://h/n", errors.BadDatabaseURL, "postgresql+asyncpg"),
        ("levantwatch.db", errors.BadDatabaseURL, "must look like sqlite:///levantwatch.db"),
        ("", errors.BadDatabaseURL, "must look like sqlite:///levantwatch.db"),
        ("postgresql://user:s3cret@host:port/name", errors.BadDatabaseURL, "must look like"),
        ("sqlite://", errors.BadDatabaseURL, "name a file"),
        ("sqlite:///:memory:", errors.BadDatabaseURL, "name a file"),
    ],
)
def test_a_wrong_url_is_told_in_one_line(url: str, kind: type[errors.StorageError], told: str) -> None:
    with pytest.raises(kind) as caught:
        open_database(url)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
@pytest.mark.parametrize("login", ["user:s3cret@", ""])
def test_a_server_that_does_not_answer_is_told_without_the_password(scheme: str, login: str) -> None:
    with (
        closing(open_database(f"{scheme}://{login}127.0.0.1:1/name?connect_timeout=2")) as database,
        pytest.raises(
            errors.DatabaseUnreachable, match=r"^postgresql://127\.0\.0\.1:1/name cannot be reached: "
        ) as caught,
    ):
        database.check_schema()
    assert "refused" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_without_the_driver_for_postgres_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from storage.db import open_database\n"
        "try: open_database('postgresql://host/name')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    told = python(code).communicate()[0]
    assert told == "DatabaseUnreachable the driver for Postgres is not installed: pip install 'levantwatch[postgres]'\n"


def test_relative_and_absolute_files(tmp_path: Path) -> None:
    for url, path in (
        ("sqlite:///here.db", Path("here.db")),
        (f"sqlite:///{tmp_path}/there.db", tmp_path / "there.db"),
    ):
        with closing(open_database(url)) as database:
            database.ensure_schema(upgrade=False)
        assert path.stat().st_size > 0


def test_strange_file_names(tmp_path: Path) -> None:
    path = tmp_path / "a folder%20 with #?&=" / "watch ü%.db"
    path.parent.mkdir()
    with closing(open_database(make_url("sqlite://").set(database=str(path)).render_as_string())) as database:
        database.ensure_schema(upgrade=False)
        add_feed(database)
    assert path.exists()


@pytest.mark.parametrize("action", [Database.check_schema, lambda database: database.ensure_schema(upgrade=True)])
def test_a_file_that_is_no_database(tmp_path: Path, action: Callable[[Database], None]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are notes, and they are longer than any header of a database would be.\n" * 40)
    with closing(open_database(f"sqlite:///{path}")) as database, pytest.raises(errors.NotADatabase) as caught:
        action(database)
    assert str(path) in str(caught.value)
    assert path.read_text().startswith("These are notes")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with (
        closing(open_database(f"sqlite:///{tmp_path}/no/such/watch.db")) as database,
        pytest.raises(
            errors.DatabaseUnreachable, match=r"no/such/watch\.db cannot be reached: there is no folder \S+; make it"
        ),
    ):
        database.ensure_schema(upgrade=False)


@pytest.mark.parametrize("action", [lambda one: one.check_schema(), lambda one: one.ensure_schema(upgrade=False)])
def test_a_folder_is_no_database(tmp_path: Path, action: Any) -> None:
    with (
        closing(open_database(f"sqlite:///{tmp_path}")) as database,
        pytest.raises(errors.NotADatabase, match=r"is a folder; name a file in it: \S+/levantwatch\.db"),
    ):
        action(database)


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE bookmarks (url text)")
    with (
        closing(open_database(f"sqlite:///{tmp_path}/other.db")) as database,
        pytest.raises(errors.ForeignSchema, match="name another database"),
    ):
        database.ensure_schema(upgrade=True)
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


READ_AS_NOBODY = """
import os, sys
from storage import feeds
from storage.db import open_database
database = open_database(sys.argv[1])
with database.read() as session:
    added_at = feeds.get(session, 1).added_at
database.close()  # whatever was to be imported is imported: nobody may not read Python's own files everywhere
os.setgroups([]); os.setgid(65534); os.setuid(65534)
database.check_schema()
with database.read() as session:
    print(feeds.count(session))
try:
    with database.write() as session:
        feeds.add(session, url="https://b.example/feed", now=added_at)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not write")
def test_a_file_in_a_folder_that_may_only_be_read() -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "watch.db")
        with closing(open_database(f"sqlite:///{path}")) as database:
            database.ensure_schema(upgrade=False)
            add_feed(database)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        count, told = python(READ_AS_NOBODY, f"sqlite:///{path}").communicate()[0].splitlines()
    assert count == "1"
    assert told.startswith("ReadOnlyDatabase")


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_role_that_may_only_read(database_url: str) -> None:
    with closing(open_database(database_url)) as database:
        database.ensure_schema(upgrade=False)
        add_feed(database)
        with database.write() as session:
            session.execute(text("DROP ROLE IF EXISTS levantwatch_reader"))
            session.execute(text("CREATE ROLE levantwatch_reader LOGIN"))
            session.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO levantwatch_reader"))
    try:
        reader_url = make_url(database_url).set(username="levantwatch_reader").render_as_string(hide_password=False)
        with closing(open_database(reader_url)) as reader:
            reader.ensure_schema(upgrade=False)  # is there already: nothing to write
            with reader.read() as session:
                assert feeds.count(session) == 1
            with pytest.raises(errors.ReadOnlyDatabase), reader.write() as session:
                feeds.add(session, url="https://b.example/feed", now=NOW)
    finally:
        with closing(open_database(database_url)) as database, database.write() as session:
            session.execute(text("DROP OWNED BY levantwatch_reader"))
            session.execute(text("DROP ROLE levantwatch_reader"))


def test_a_full_disk_and_a_wrong_password_have_their_own_words() -> None:
    class Driver(Exception):
        sqlstate = "53100"

    told = errors.translated(sa.OperationalError("INSERT", {}, Driver("could not extend file\nHINT")), where="db")
    assert isinstance(told, errors.DatabaseFull)
    assert "\n" not in str(told)
    Driver.sqlstate = "28P01"
    told = errors.translated(sa.OperationalError(None, None, Driver("no s3cret")), where="db", secret="s3cret")
    assert isinstance(told, errors.DatabaseUnreachable)
    assert "s3cret" not in str(told)
    Driver.sqlstate = "54000"  # what is too much for the server is no server that is away: nobody waits for it
    assert errors.translated(sa.OperationalError("INSERT", {}, Driver("too long for tsvector")), where="db") is None


def test_storing_does_not_import_alembic_nor_the_crawler() -> None:
    code = (
        "import sys, storage.search, storage.articles, storage.retention, storage.labels, storage.runs\n"
        "print([name for name in ('alembic', 'psycopg', 'scrapy', 'twisted', 'crawler') if name in sys.modules])"
    )
    assert python(code).communicate()[0] == "[]\n"
