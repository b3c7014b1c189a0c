"""What docs/queries.md shows of other programs, run as it stands there: Datasette, DuckDB and pandas on what the crawler stored."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pytest
from datasette.app import Datasette
from sqlalchemy import create_engine, make_url
from storage_samples import NOW, add_feed, add_matches

from storage import feeds
from storage.db import Database, open_database
from tests.command import ROOT

SHOWN = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8").partition("# With other programs")[2]
METADATA = json.loads((ROOT / "deploy" / "datasette-metadata.json").read_text(encoding="utf-8"))
TITLES = ("Strike hits Idlib market", "مخيم الهول", "=1+1 & <b>Raqqa</b>")


def shown(program: str) -> list[str]:
    """The indented lines of the paragraph of that program."""
    found = re.search(rf"^\*\*{program}\*\*.*?(?=^\*\*|\Z)", SHOWN, re.DOTALL | re.MULTILINE)
    assert found, program
    return re.findall(r"^    (.*)$", found[0], re.MULTILINE)


def fill(database: Database) -> None:
    add_matches(database, add_feed(database), *({"title": title} for title in TITLES))


@pytest.fixture
def file(tmp_path: Path, templates: dict[str, str]) -> Path:
    """A SQLite file of the name in the documentation, with three matches."""
    path = tmp_path / "levantwatch.db"
    shutil.copy(templates["sqlite"], path)
    with closing(open_database(f"sqlite:///{path}")) as database:
        fill(database)
    return path


# --- Datasette ---


def asked(file: Path, *paths: str) -> list[Any]:
    """What Datasette answers on these paths, as it is started in the documentation; nothing but 200."""

    async def ask() -> list[Any]:
        datasette = Datasette([str(file)], metadata=METADATA)
        answers = [await datasette.client.get(path) for path in paths]
        assert [answer.status_code for answer in answers] == [200] * len(paths)
        return [answer.json() if "json" in answer.headers["content-type"] else answer.text for answer in answers]

    return asyncio.run(ask())


def test_datasette_is_started_as_documented() -> None:
    assert shown("Datasette")[-1] == "datasette serve levantwatch.db --metadata deploy/datasette-metadata.json"


def test_datasette_shows_every_view_while_the_crawler_writes(file: Path) -> None:
    shown_there = [
        name for name, known in METADATA["databases"]["levantwatch"]["tables"].items() if not known.get("hidden")
    ]
    with closing(open_database(f"sqlite:///{file}")) as database, database.write() as session:
        feeds.add(session, url="https://late.example/feed", now=NOW)
        rows, page, *pages = asked(
            file,
            "/levantwatch/matches.json?_shape=array",
            "/levantwatch/matches?_facet=publisher",
            *(f"/levantwatch/{name}" for name in shown_there),
        )
    assert {row["title"] for row in rows} == set(TITLES)
    assert "<b>Raqqa</b>" not in page
    assert "&lt;b&gt;Raqqa&lt;/b&gt;" in page
    assert len(pages) == len(shown_there) > 3


def test_datasette_answers_the_questions_of_the_metadata(file: Path) -> None:
    queries = METADATA["databases"]["levantwatch"]["queries"]
    answers = asked(
        file, *(f"/levantwatch/{name}.json?_shape=array&since=2000-01-01&until=2100-01-01" for name in queries)
    )
    assert all(isinstance(answer, list) for answer in answers)
    assert len(answers) == len(queries)
    assert {row["title"] for row in answers[list(queries).index("new")]} == set(TITLES)


def test_datasette_writes_nothing(file: Path) -> None:
    async def write() -> int:
        answer = await Datasette([str(file)], metadata=METADATA).client.get(
            "/levantwatch.json", params={"sql": "DELETE FROM feeds"}
        )
        return answer.status_code

    assert asyncio.run(write()) == 400
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM feeds").fetchone() == (1,)


# --- DuckDB and pandas ---


def test_duckdb_reads_both(schema_url: str) -> None:
    """INSTALL would fetch the extension from the network; here it comes from a package."""
    with closing(open_database(schema_url)) as database:
        fill(database)
    url = make_url(schema_url)
    kind = url.get_backend_name().removesuffix("ql")
    lines = shown("DuckDB")
    assert f"INSTALL {kind};" in lines
    [attach] = [line for line in lines if line.startswith("ATTACH") and f"TYPE {kind}," in line]
    [question] = [line for line in lines if line.startswith("SELECT")]
    where = url.database if kind == "sqlite" else url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(duckdb.connect()) as connection:
        package = import_module(f"duckdb_extension_{kind}_scanner")
        [extension] = Path(package.__path__[0]).glob("extensions/*/*.duckdb_extension")
        connection.load_extension(str(extension))
        connection.execute(re.sub("'.*?'", f"'{where}'", attach))
        assert [matches for _, matches in connection.execute(question).fetchall()] == [3]
        titles = connection.execute("SELECT title FROM lw.matches").fetchall()
        assert {title for (title,) in titles} == set(TITLES)
        with pytest.raises(duckdb.Error, match="read-only"):
            connection.execute("DELETE FROM lw.feeds")


def test_pandas_reads_sqlite_as_documented(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    there: dict[str, Any] = {}
    exec("\n".join(shown("pandas")), there)
    with closing(there["connection"]):
        assert list(there["frame"].columns) == ["day", "publisher", "topics", "title"]
        assert set(there["frame"]["title"]) == set(TITLES)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            there["connection"].execute("DELETE FROM feeds")


def test_pandas_reads_an_engine_of_both(schema_url: str) -> None:
    with closing(open_database(schema_url)) as database:
        fill(database)
    engine = create_engine(schema_url)
    frame = pandas.read_sql("SELECT title, syria_score FROM matches", engine)
    engine.dispose()
    assert set(frame["title"]) == set(TITLES)
    assert frame["syria_score"].between(0, 1).all()
