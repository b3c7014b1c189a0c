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
from contextlib import closing, contextmanager
from pathlib import Path

from leftovers import LASTING
from sqlalchemy import create_engine, make_url

# nothing is to survive the tests; a commit survives the server's own crash
_UNSAFE = ("fsync=off", "full_page_writes=off", "max_connections=60", "listen_addresses=")


class PostgresServer:
    """A server on which every test gets a database of its own; what it created is dropped when it is closed."""

    def __init__(self, url: str) -> None:
        """Take the URL of a database in which databases may be created."""
        self._url = make_url(url)
        admin = self._url.set(drivername="postgresql+psycopg").update_query_dict({"application_name": LASTING})
        self._admin = create_engine(admin, isolation_level="AUTOCOMMIT")
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


class OwnServer:
    """A server on a unix socket, as the user `postgres` when we are root: it can be stopped, killed and started again."""

    def __init__(self, binaries: Path) -> None:
        """Make its data folder; nothing runs yet."""
        self._binaries = binaries
        self._identity: dict[str, object] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="levantwatch-postgres-"))
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(self.folder, "postgres", "postgres")
            self._identity = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://postgres@/postgres?host={self.folder}"
        initdb = [
            binaries / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N",
        ]  # fmt: skip
        try:
            subprocess.run(initdb, check=True, capture_output=True, cwd=self.folder, **self._identity)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The server's process, the parent of those that serve connections."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until connections are taken. What is committed survives its own crash, if not the machine's."""
        options = [word for setting in _UNSAFE for word in ("-c", setting)]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.folder / "data", "-k", self.folder, *options],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no thread runs yet
                **self._identity,
            )
        _wait_for(self._process, self.folder / "log")

    def create(self, name: str) -> str:
        """Create a database; its URL."""
        self.run(f"CREATE DATABASE {name} TEMPLATE template0")
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def run(self, statement: str) -> None:
        """Run a statement in the maintenance database."""
        with closing(PostgresServer(self.url)) as server, server._admin.connect() as connection:
            connection.exec_driver_sql(statement)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End every connection and stop: SIGINT as `pg_ctl -m fast` does, SIGQUIT and SIGKILL as crashes do."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def close(self) -> None:
        """Stop at once and remove everything: there is nothing to save."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def running_server(binaries: Path) -> Iterator[str]:
    """A server of our own; gives the URL of its maintenance database."""
    with closing(OwnServer(binaries)) as server:
        server.start()
        yield server.url


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG: a killed test run leaves no server behind


def _wait_for(server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while "ready to accept connections" not in log.read_text(errors="replace"):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Postgres did not start: {log.read_text(errors='replace')}")
        time.sleep(0.02)
