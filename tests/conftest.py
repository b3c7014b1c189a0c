"""Fixtures for everybody.

database      a storage Database with its schema, once per engine: every test that takes it runs on SQLite and Postgres
schema_url    its URL, to open it a second time
database_url  the URL of a database with nothing in it yet
sqlite, postgres (ids of the above) can be chosen with -k, and `-m "not postgres"` leaves the server out

A machine without Postgres skips those tests and says so; where LEVANTWATCH_REQUIRE (a comma-separated list) names
"postgres", as CI does, that is a failure. `unavailable("browser", "no Chromium here")` is the same for others.
Every test runs in an empty folder of its own, without any LEVANTWATCH_ variable. What it leaves behind (leftovers.py) fails it.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import NoReturn

import pytest
from leftovers import Leftovers
from postgres_server import PostgresServer, find_binaries, running_server

from storage.db import Database, open_database

_REQUIRED = {word.strip() for word in os.environ.get("LEVANTWATCH_REQUIRE", "").split(",")}
ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


# files that take longest begin first: with several workers none of them is alone at the end
SLOW = (
    "test_hostile",
    "test_road",
    "test_daemon",
    "test_monitor",
    "test_discover",
    "test_demo",
    "test_replacement",
    "test_cli_watching",
    "test_cluster_faults",
    "test_cluster",
    "test_faults",
    "test_backfill",
    "test_revisions",
    "test_proof_road",
    "test_subscriber",
)


_leftovers = Leftovers()
_FAILED = pytest.StashKey[int]()  # tests that had failed when this one began


def pytest_configure() -> None:
    """Take Ctrl-C as usual, also where a shell began us in the background and had it ignored: commands of ours inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every command that a test starts compiles the whole program
    _leftovers.watch()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order whole files: the slow ones, then the others as they are."""
    rank = {name: number for number, name in enumerate(SLOW)}
    items.sort(key=lambda item: rank.get(Path(item.location[0]).stem, len(SLOW)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What a test opens is its own."""
    _leftovers.begin(item.nodeid)
    item.stash[_FAILED] = item.session.testsfailed
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Nothing is left when all that the test, and perhaps its file, asked for was put away; what failed is excused: its traceback holds it."""
    yield
    left = _leftovers.left(file_ends=nextitem is None or nextitem.path != item.path)
    if left and item.session.testsfailed == item.stash[_FAILED]:
        pytest.fail("left behind: " + "; ".join(left), pytrace=False)


def unavailable(what: str, reason: str) -> NoReturn:
    """Skip the test because this machine lacks something, or fail it where that something is required."""
    if what in _REQUIRED:
        pytest.fail(f"{reason} (LEVANTWATCH_REQUIRE names {what})", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose name is short enough for a process's TMPDIR: sockets in it end at 107 bytes, and pytest's own folders are deep."""
    with tempfile.TemporaryDirectory(prefix="lw-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def _folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """New folders, numbered here: pytest looks through all that there are for the next number."""
    where = tmp_path_factory.mktemp("cwd")
    return (where / str(number) for number in count())


@pytest.fixture(autouse=True)
def _isolated(_folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LEVANTWATCH_")]:
        monkeypatch.delenv(name)
    folder = next(_folders)
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer | None]:
    """A server: that of TEST_POSTGRES_URL, or one of our own; None without either."""
    given, binaries = os.environ.get("TEST_POSTGRES_URL"), find_binaries()
    with ExitStack() as stack:
        url = given or (stack.enter_context(running_server(binaries)) if binaries else None)
        yield stack.enter_context(closing(PostgresServer(url))) if url else None


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For each engine a database with the schema in it, to be copied; made by the first test that asks for one."""
    folder = tmp_path_factory.mktemp("template")
    with closing(open_database(f"sqlite:///{folder}/template.db")) as database:
        database.ensure_schema(upgrade=False)
    return {"sqlite": f"{folder}/template.db"}


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it: a file that is not there yet, or an empty database of the server."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/test.db"
    else:
        with _needed(request.getfixturevalue("postgres")).database() as url:
            yield url


@pytest.fixture(params=ENGINES)
def schema_url(request: pytest.FixtureRequest, tmp_path: Path, templates: dict[str, str]) -> Iterator[str]:
    """The URL of a database with its schema and no row."""
    if request.param == "sqlite":
        shutil.copy(templates["sqlite"], tmp_path / "test.db")
        yield f"sqlite:///{tmp_path}/test.db"
        return
    server = _needed(request.getfixturevalue("postgres"))
    if "postgresql" not in templates:
        templates["postgresql"] = server.create()
        with closing(open_database(server.url_of(templates["postgresql"]))) as template:
            template.ensure_schema(upgrade=False)
    with server.database(templates["postgresql"]) as url:
        yield url


@pytest.fixture
def database(schema_url: str) -> Iterator[Database]:
    """An open database with its schema and no row; `schema_url` opens it a second time."""
    with closing(open_database(schema_url)) as database:
        yield database


def _needed(server: PostgresServer | None) -> PostgresServer:
    return server or unavailable("postgres", "no Postgres here: neither TEST_POSTGRES_URL nor Debian's postgresql")
