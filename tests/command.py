"""Running the real command, as a user does: another process, a folder of its own, nothing of ours in its environment."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from storage import feeds
from storage.db import open_database
from tests import forked

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parent.parent
SECONDS = 240  # a command that takes longer hangs, on the busiest machine too


def environment(**values: str) -> dict[str, str]:
    """The environment without any LEVANTWATCH_ variable, with `values` added."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEVANTWATCH_")}
    return {**kept, "COLUMNS": "200", **values}


@dataclass(frozen=True)
class Desk:
    """An analyst's folder with its database URL and the networks that may be reached."""

    folder: Path
    url: str
    networks: str = "127.0.0.0/8"
    settings: Mapping[str, str] | None = None

    @property
    def env(self) -> dict[str, str]:
        """What the command finds in its environment."""
        return environment(
            LEVANTWATCH_DATABASE_URL=self.url,
            LEVANTWATCH_ALLOW_NETWORKS=self.networks,
            **({"LEVANTWATCH_HOST_DELAY": "0"} | dict(self.settings or {})),
        )

    def run(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run `levantwatch` with these arguments to its end, in a process of its own."""
        return forked.run(arguments, cwd=self.folder, env=self.env, stdin=stdin, timeout=SECONDS)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `levantwatch` and go on."""
        command = [sys.executable, "-m", "crawler", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )

    def ok(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run a command that must succeed, without a word on standard error that looks like a fault; its output."""
        done = self.run(*arguments, stdin=stdin)
        said = done.stderr.decode()
        assert done.returncode == 0, said
        assert "Traceback" not in said
        assert "ERROR" not in said
        return done.stdout.decode()

    def json(self, *arguments: str) -> Any:
        """The output of a command that prints JSON."""
        return json.loads(self.ok(*arguments))

    def watch(self, *urls: str, **described: str) -> None:
        """Add feeds to the database, which has its schema, without half a second of `feeds add` for each."""
        database = open_database(self.url)
        try:
            with database.write() as session:
                for url in urls:
                    feeds.add(session, url=url, now=datetime.now(UTC), **described)  # type: ignore[arg-type]
        finally:
            database.close()

    def rows(self, query: str, **values: object) -> list[Any]:
        """What the database answers."""
        database = open_database(self.url)
        try:
            with database.read() as session:
                return list(session.execute(text(query), values))
        finally:
            database.close()


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something has happened in another process: asked less and less often, for to ask a database costs it 10 ms of a core."""
    end, pause = time.monotonic() + seconds, 0.02
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(pause)
        pause = min(0.2, pause * 1.2)


def run_here(capture: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, str, str]:
    """Run `levantwatch` in this process; its exit status and what it wrote to standard output and error."""
    import pytest  # here: programs of bench/ run commands, too, and have no use for it

    from crawler.cli import main

    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capture.readouterr()
    assert b"Traceback" not in err
    return int(ended.value.code or 0), out.decode(), err.decode()


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return int(taken.getsockname()[1])
