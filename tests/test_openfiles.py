"""Connections are open files: what is scarce is shared out, and no publisher is blamed for it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from crawler.config import ConfigError
from crawler.openfiles import MOST_KEPT, OURS, TASKS, in_use, kept, require_short, require_tasks
from crawler.pool import BoundedPool
from tests.command import SECONDS, Desk
from tests.farm import Case, Connection, Farm, head
from tests.site import page, rss

HOSTS = 80
NEWS = "Islamic State militants attack army post near Deir ez-Zor in eastern Syria"
TEXT = "Islamic State militants attacked a Syrian army post near Deir ez-Zor on Tuesday, the Syrian defence ministry said. ISIS claimed it. "


@pytest.mark.parametrize(("files", "used"), [(64, 4), (128, 52), (256, 96), (1024, 96), (8192, 96), (1_000_000, 96)])
def test_what_may_be_open_is_shared_out(files: int, used: int) -> None:
    assert in_use(files, wanted=96, workers=2) == used
    assert used + 2 * kept(files) + OURS <= files
    assert kept(files) <= MOST_KEPT


@pytest.mark.parametrize(("files", "workers"), [(0, 1), (20, 2), (60, 2), (128, 64)])
def test_too_few_are_told_with_what_is_needed(files: int, workers: int) -> None:
    with pytest.raises(ConfigError, match=rf"only {files} files may be open at once") as told:
        in_use(files, wanted=96, workers=workers)
    needed = int(str(told.value).rpartition("needs ")[2].partition(",")[0])
    assert in_use(needed, wanted=96, workers=workers) >= 4


@pytest.mark.parametrize(("most", "workers"), [(0, 1), (TASKS + 1, 2), (64, 64)])
def test_too_few_processes_are_told_with_what_is_needed(most: int, workers: int) -> None:
    with pytest.raises(ConfigError, match=rf"only {most} processes and threads may run at once") as told:
        require_tasks(most, workers=workers)
    needed = int(str(told.value).rpartition("needs ")[2].partition(",")[0])
    require_tasks(needed, workers=workers)
    require_tasks(None, workers=workers)


def test_a_folder_too_deep_for_sockets_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)
    deep.mkdir()
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/deep.db", settings={"TMPDIR": str(deep)})
    told = subprocess.run(
        [sys.executable, "-m", "crawler", "poll"], cwd=tmp_path, env=desk.env, capture_output=True, timeout=SECONDS, check=False
    )  # fmt: skip
    assert (told.returncode, told.stdout) == (1, b"")
    assert f"{deep} has too long a name" in told.stderr.decode()
    assert not list(deep.iterdir())
    most = int(told.stderr.decode().rpartition("at most ")[2].split()[0])
    require_short("/" + "a" * (most - 1) + "/pymp-12345678")
    with pytest.raises(ConfigError, match="socket"):
        require_short("/" + "é" * (most // 2) + "a" + "/pymp-12345678")


ASKS = """
import os, resource
from crawler.openfiles import most_tasks
resource.setrlimit(resource.RLIMIT_NPROC, (25, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
if os.geteuid() == 0:
    assert most_tasks() is None
    os.setuid(65534)
print(most_tasks())
"""


def test_the_limit_of_processes_is_no_limit_for_root() -> None:
    done = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, timeout=SECONDS, check=True)
    assert done.stdout == "25\n"


class Idle:
    """A connection that waits for another request."""

    state = "QUIESCENT"

    def __init__(self) -> None:
        self.is_open = True
        self.transport = SimpleNamespace(loseConnection=self._close)

    def _close(self) -> None:
        self.is_open = False


def test_of_connections_that_wait_the_oldest_are_closed() -> None:
    clock: Any = Clock()
    pool: Any = BoundedPool(clock, 3)
    waiting = [Idle() for _ in range(5)]
    for number, connection in enumerate(waiting):
        pool._putConnection(("http", f"paper-{number}.example", 80), connection)
    assert [connection.is_open for connection in waiting] == [False, False, True, True, True]
    assert pool.getConnection(("http", "paper-4.example", 80), None).result is not None
    clock.advance(241)
    assert [connection.is_open for connection in waiting] == [False, False, False, False, True]
    pool._putConnection(("http", "paper-4.example", 80), waiting[4])
    pool.keep(0)
    assert not waiting[4].is_open


async def keeps_open(connection: Connection) -> None:
    """A feed and its page, on connections that are kept for ever."""
    while await connection.asked():
        host = connection.headers["host"]
        kind, body = "text/html", page(NEWS, *[f"{host}. {TEXT}" * 3] * 3).body
        if connection.path == "/feed.xml":
            kind, body = "application/rss+xml", rss((host, NEWS, f"http://{host}/story"))
        if connection.path == "/robots.txt":
            kind, body = "text/plain", b""
        await connection.say(head(kind=kind, length=len(body)) + body)


def test_with_few_open_files_every_feed_is_read(tmp_path: Path, schema_url: str) -> None:
    """Servers that keep connections open are no reason for a failure of others."""
    desk = Desk(tmp_path, schema_url)
    with Farm(Case(f"paper-{number}", keeps_open) for number in range(HOSTS)) as farm:
        desk.watch(*map(farm.url, farm.cases))
        done = subprocess.run(
            ["sh", "-c", 'ulimit -n 64; exec "$0" -m crawler poll', sys.executable],
            cwd=desk.folder, env=desk.env, capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert os.strerror(errno.EMFILE) not in done.stderr
    assert "concurrency is 4, not 96: no more files may be open (ulimit -n)" in done.stderr
    assert [tuple(row) for row in desk.rows("select last_outcome, failures, count(*) from feeds group by 1, 2")] == [
        ("ok", 0, HOSTS)
    ]
    assert [row.number for row in desk.rows("select count(*) as number from matches")] == [HOSTS]
