"""Postgres for the tests: a server of our own (Debian's initdb in a temporary folder, unsafe and quick), databases on it."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url

# nothing is to survive the tests
_UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "listen_addresses=")


class PostgresServer:
    """A server on which every test gets a database of its own; what it created is dropped when it is closed."""

    def __init__(self, url: str) -> None:
        """Take the URL of a database in which databases may be created."""
        self._url = make_url(url)
        self._admin = create_engine(self._url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        self._created: set[str] = set()

    def url_of(self, name: str) -> str:
        """The URL of a database by its name."""
        return self._url.set(database=name).render_as_string(hide_password=False)

    def create(self, template: str = "template0") -> str:
        """Create a database as a copy of the template; returns its name."""
        name = f"levantwatch_test_{uuid.uuid4().hex[:12]}"
        with self._admin.connect() as connection:
            # copying files takes a fifth of the time of the default, which writes everything to the log
            how = "STRATEGY FILE_COPY" if connection.dialect.server_version_info >= (15,) else ""
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} {how}")
        self._created.add(name)
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._created.discard(name)

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The URL of a database that lives as long as the block."""
        name = self.create(template)
        try:
            yield self.url_of(name)
        finally:
            self.drop(name)

    def close(self) -> None:
        """Drop what is left and let go of the server."""
        for name in list(self._created):
            self.drop(name)
        self._admin.dispose()


def find_binaries() -> Path | None:
    """The folder of initdb and postgres: on PATH, or the newest where Debian keeps them; None when there is none."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


@contextmanager
def running_server(binaries: Path) -> Iterator[str]:
    """A server on a unix socket, as the user `postgres` when we are root; gives the URL of its maintenance database."""
    identity: dict[str, object] = {}
    folder = Path(tempfile.mkdtemp(prefix="levantwatch-postgres-"))
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        identity = {"user": "postgres", "group": "postgres", "extra_groups": []}
    data = folder / "data"
    server = None
    try:
        initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **identity)
        options = [word for setting in _UNSAFE for word in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-k", folder, *options],
                cwd=folder,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no thread runs yet
                **identity,
            )
        _wait_for(folder / ".s.PGSQL.5432", server, folder / "log")
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)  # at once: there is nothing to save
            server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG: a killed test run leaves no server behind


def _wait_for(socket: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while "ready to accept connections" not in log.read_text(errors="replace"):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Postgres did not start: {log.read_text(errors='replace')}")
        time.sleep(0.02)
