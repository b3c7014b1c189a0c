"""What a test leaves behind: connections to Postgres that are open, threads that spin. conftest.py fails who left them, by name.

psycopg reports a connection that nobody closed when Python happens to collect it: in another test's set-up. A thread that spins takes
a core from all that come after it, and nobody reports it. Threads that wait are left alone, and so is what a fixture of a whole file opened
while the file lasts.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.pool import Pool

LASTING = "lasting"  # the application_name of connections that outlive a file of tests
BUSY = 0.05  # seconds of a core: a thread that was at rest is looked at again when it has taken so many
WINDOW = 0.005  # seconds in which a thread at rest takes nothing
PATIENCE = 3.0  # seconds for a thread to come to rest, or to its end


class Leftovers:
    """What was opened and begun in this process since `watch`, and in which test."""

    def __init__(self, patience: float = PATIENCE) -> None:
        """Take the seconds that a thread has to come to rest; nothing is watched yet."""
        self._patience = patience
        self._test = "before any test"
        self._opened: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._rested: WeakKeyDictionary[threading.Thread, float] = WeakKeyDictionary()
        self._began: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()

    def watch(self) -> None:
        """Learn from now on of every connection that an engine opens."""
        event.listen(Pool, "connect", self._connected)

    def begin(self, test: str) -> None:
        """What appears from now on is of this test."""
        self._test = test

    def left(self, *, file_ends: bool) -> list[str]:
        """A line for each thing that was left behind; told once."""
        found = [*self._connections(file_ends=file_ends), *self._threads()]
        return [f"{what} ({whose})" for what, whose in found]

    def _connected(self, connection: Any, _: object) -> None:
        if hasattr(connection, "pgconn"):  # SQLite's are files of the test's own folder
            self._opened[connection] = self._test

    def _connections(self, *, file_ends: bool) -> list[tuple[str, str]]:
        found = []
        for connection, test in list(self._opened.items()):
            if connection.closed or connection.info.get_parameters().get("application_name") == LASTING:
                del self._opened[connection]
            elif file_ends or test == self._test:
                del self._opened[connection]
                found.append((f"an open connection to {connection.info.dbname}", test))
        return found

    def _threads(self) -> list[tuple[str, str]]:
        found = []
        for thread in threading.enumerate():
            if thread is threading.main_thread():
                continue
            test = self._began.setdefault(thread, self._test)
            if taken(thread) - self._rested.get(thread, -BUSY) < BUSY:
                continue
            if not comes_to_rest(thread, self._patience):
                found.append((f"a thread that spins, {thread.name}", test))
            self._rested[thread] = taken(thread)
        return found


def comes_to_rest(thread: threading.Thread, patience: float) -> bool:
    """Whether a thread waits for something, or ends, within so many seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        before = taken(thread)
        time.sleep(WINDOW)
        # on a busy machine one that spins may take nothing for a while: then it is known by wanting to run
        if not thread.is_alive() or (not _wants_to_run(thread) and taken(thread) == before):
            return True
    return False


def taken(thread: threading.Thread) -> float:
    """Seconds that a thread has had of a core; 0 where Linux does not tell, or when it has ended."""
    return int((_told(thread, "schedstat") or "0").split()[0]) / 1e9


def _wants_to_run(thread: threading.Thread) -> bool:
    return _told(thread, "stat").rpartition(") ")[2].startswith("R")


def _told(thread: threading.Thread, file: str) -> str:
    try:
        return Path(f"/proc/self/task/{thread.native_id}/{file}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
