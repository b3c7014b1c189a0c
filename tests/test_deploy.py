"""What stands in deploy/, and the recipes of docs/operating.md: units that parse, a container file that names what is there,
a backup made while a writer writes, and restored."""

from __future__ import annotations

import configparser
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from conftest import unavailable
from postgres_server import PostgresServer, find_binaries
from sqlalchemy import func, make_url, select
from storage_samples import MINUTE, NOW, add_feed, add_matches, list_entries, seen
from typer.main import get_command

from crawler.cli import app
from storage.db import Database, open_database
from storage.models import ARTICLES, ENTRIES
from tests.command import ROOT, Desk

DEPLOY = ROOT / "deploy"
UNITS = sorted(path.name for path in DEPLOY.iterdir() if path.suffix in (".service", ".timer"))
SERVICES = [name for name in UNITS if name.endswith(".service")]
CONTAINER = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


# --- systemd ---


def unit(name: str) -> dict[str, dict[str, str]]:
    """A unit file by section and key; these use no key twice."""
    parser = configparser.ConfigParser(interpolation=None, strict=True, delimiters="=", comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / name).read_text(encoding="utf-8"))
    return {section: dict(parser[section]) for section in parser.sections()}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_calls_a_command_that_there_is(name: str) -> None:
    program, *arguments = unit(name)["Service"]["ExecStart"].split()
    assert Path(program).is_absolute()
    assert Path(program).name == "levantwatch"
    command = get_command(app).commands[arguments[0]]  # type: ignore[attr-defined]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {argument for argument in arguments[1:] if argument.startswith("-")} <= options


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_gets_nothing_that_it_does_not_need(name: str) -> None:
    service = unit(name)["Service"]
    for key in (
        "NoNewPrivileges",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "RestrictSUIDSGID",
        "LockPersonality",
    ):
        assert service[key] == "yes", key
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"] not in ("", "root")
    assert "MemoryMax" in service
    assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}", "else it may write nowhere"


def test_the_daemon_is_watched_over_and_comes_back() -> None:
    service = unit("levantwatch.service")["Service"]
    assert (service["Type"], service["NotifyAccess"], service["Restart"]) == ("notify", "main", "on-failure")
    assert "WatchdogSec" in service
    assert unit("levantwatch-once.service")["Service"]["Type"] == "oneshot"


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_units(name: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        unavailable("systemd", "no systemd-analyze here")
    program = Path(sys.executable).with_name("levantwatch")
    if not program.exists():
        unavailable("systemd", "the command is not installed beside this Python")
    for other in UNITS:
        text = (DEPLOY / other).read_text(encoding="utf-8").replace("/opt/levantwatch/bin/levantwatch", str(program))
        (tmp_path / other).write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "levantwatch" in line]
    assert not ours, "a misspelt key is a warning, not an error"
    assert done.returncode == 0, done.stderr


# --- the container file ---


def instructions() -> list[tuple[str, str]]:
    """The container file's instructions with their arguments, in order."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", CONTAINER, flags=re.MULTILINE))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())]


def test_the_container_copies_what_there_is_and_what_the_wheel_needs() -> None:
    copied = [
        word for name, rest in instructions() if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]
    ]
    assert all((ROOT / word).exists() for word in copied)
    assert set(copied) == {"requirements-runtime.lock", "pyproject.toml", "README.md", "LICENSE", "crawler", "storage"}
    assert "--require-hashes -r requirements-runtime.lock" in CONTAINER


def test_the_container_runs_without_root_and_asks_for_its_health() -> None:
    last = dict(instructions()[len(instructions()) - [name for name, _ in instructions()][::-1].index("FROM") - 1 :])
    assert last["USER"] == "levantwatch"
    assert last["ENTRYPOINT"] == '["levantwatch"]'
    assert last["CMD"] == '["run"]'
    assert last["HEALTHCHECK"].endswith('CMD ["levantwatch", "health"]')
    assert last["STOPSIGNAL"] == "SIGTERM"
    for name, rest in instructions():
        if name == "FROM":
            assert "." not in rest.split(":")[0], "no registry's host"


# --- the recipes of docs/operating.md ---


def fill(database: Database, number: int, *, begin: int = 0) -> None:
    feed_id = add_feed(database) if begin == 0 else 1
    list_entries(database, feed_id, *(seen(begin + n) for n in range(number)))
    add_matches(database, feed_id, {}, {}, now=NOW + begin * MINUTE)


def counts(url: str) -> tuple[int, int]:
    with closing(open_database(url)) as database, database.read() as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) or 0 for table in (ENTRIES, ARTICLES))  # type: ignore[return-value]


@contextmanager
def a_writer(url: str) -> Iterator[threading.Event]:
    """Another connection that lists one new entry after another; the event says that it has begun."""
    begun, enough = threading.Event(), threading.Event()

    def write() -> None:
        with closing(open_database(url)) as database:
            number = 10**6
            while not enough.is_set():
                number += 1
                list_entries(database, 1, seen(number))
                begun.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield begun
    finally:
        enough.set()
        thread.join(30)


def recipe(heading: str) -> list[str]:
    """The indented lines of a section of docs/operating.md."""
    section = OPERATING.split(f"### {heading}\n")[1].split("\n#")[0]
    return [line[4:] for line in section.splitlines() if line.startswith("    ")]


def test_a_backup_of_sqlite_made_while_a_writer_writes_is_whole(tmp_path: Path) -> None:
    """By the statement that the documentation gives."""
    [command] = [line for line in recipe("SQLite") if "VACUUM INTO" in line]
    statement = re.search(r"VACUUM INTO '[^']+'", command)
    assert statement
    url, copy = f"sqlite:///{tmp_path}/levantwatch.db", tmp_path / "backup.db"
    with closing(open_database(url)) as database:
        database.ensure_schema(upgrade=False)
        fill(database, 300)
    before = counts(url)
    with a_writer(url) as begun:
        assert begun.wait(30)
        with closing(sqlite3.connect(tmp_path / "levantwatch.db", timeout=30)) as connection:
            connection.execute(re.sub(r"'[^']+'", f"'{copy}'", statement[0]))
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    after = counts(url)
    restored = tmp_path / "elsewhere" / "levantwatch.db"
    restored.parent.mkdir()
    shutil.copy(copy, restored)
    kept = counts(f"sqlite:///{restored}")
    assert before[0] < kept[0] <= after[0]
    assert kept[1] == before[1]
    desk = Desk(tmp_path, f"sqlite:///{restored}")
    assert "up to date" in desk.ok("db", "check")
    assert desk.json("search", "--format", "json")[0]["publisher"] == "North Post"
    with closing(open_database(desk.url)) as database:  # it can be written again, with its full-text index
        fill(database, 5, begin=5000)
    assert counts(desk.url) == (kept[0] + 7, kept[1] + 2)


@pytest.mark.postgres
def test_a_backup_of_postgres_made_while_a_writer_writes_is_whole(
    postgres: PostgresServer | None, tmp_path: Path
) -> None:
    if postgres is None:
        unavailable("postgres", "no Postgres here")
    binaries = find_binaries()
    dump_program = shutil.which("pg_dump") or (binaries and (binaries / "pg_dump").exists() and binaries / "pg_dump")
    if not dump_program:
        unavailable("postgres", "no pg_dump here")
    lines = recipe("Postgres")
    [dump] = [line.split() for line in lines if line.startswith("pg_dump ")]
    [restore] = [line.split() for line in lines if line.startswith("pg_restore ")]
    file = tmp_path / "levantwatch.dump"
    with postgres.database() as url, postgres.database() as other:
        with closing(open_database(url)) as database:
            database.ensure_schema(upgrade=False)
            fill(database, 300)
        before = counts(url)
        with a_writer(url) as begun:
            assert begun.wait(30)
            subprocess.run(as_here(dump, Path(str(dump_program)), url, file), check=True, capture_output=True)
        subprocess.run(
            as_here(restore, Path(str(dump_program)).with_name("pg_restore"), other, file),
            check=True,
            capture_output=True,
        )
        kept, after = counts(other), counts(url)
        assert before[0] < kept[0] <= after[0]
        assert kept[1] == before[1]
        desk = Desk(tmp_path, other)
        assert "up to date" in desk.ok("db", "check")
        assert desk.json("search", "ceasefire", "--format", "json")[0]["publisher"] == "North Post"
        with closing(open_database(other)) as database:  # ids go on where they were
            fill(database, 5, begin=5000)
        assert counts(other) == (kept[0] + 7, kept[1] + 2)


def as_here(words: list[str], program: Path, url: str, file: Path) -> list[str]:
    """The documented call with this test's program, database and file."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    here = {"--file=levantwatch.dump": f"--file={file}", "levantwatch.dump": str(file)}
    here['"$LEVANTWATCH_DATABASE_URL"'] = address
    changed = [f"--dbname={address}" if word.startswith("--dbname=") else here.get(word, word) for word in words[1:]]
    return [str(program), *changed]


def test_the_page_speaks_of_every_problem_and_every_unit() -> None:
    from storage.health import PROBLEMS

    for name in PROBLEMS:
        assert f"| `{name}` |" in OPERATING, name
    for name in [*UNITS, "Containerfile"]:
        assert f"deploy/{name}" in OPERATING, name
