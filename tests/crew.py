"""Daemons that share one Postgres database, as processes: members of a cluster."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from storage.db import open_database
from tests.command import Desk

if TYPE_CHECKING:
    from bench.loopback import Loopback

LEASE = 6
DELAY = 0.3
LEADS = "leads the cluster"
SETTINGS = {
    "LEVANTWATCH_FETCH": "none",
    "LEVANTWATCH_HOST_DELAY": str(DELAY),
    "LEVANTWATCH_TICK": "1",
    "LEVANTWATCH_CLUSTER_LEASE": str(LEASE),
}


def new_desk(folder: Path, url: str, **settings: str) -> Desk:
    """A folder for the members' logs, with an empty database that has its schema."""
    with closing(open_database(url)) as database:
        database.ensure_schema(upgrade=True)
    return Desk(folder, url, settings=SETTINGS | settings)


@contextmanager
def member(desk: Desk, name: str, settings: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon of the cluster, killed at the end of the block; its log is a file in the desk's folder."""
    with (desk.folder / f"{name}.log").open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "crawler", "run", "--cluster"],
            cwd=desk.folder, env=desk.env | dict(settings or {}), stderr=said, stdout=said,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def log(desk: Desk, name: str) -> str:
    """What a member has said until now."""
    file = desk.folder / f"{name}.log"
    return file.read_text() if file.exists() else ""


def leader(desk: Desk, *names: str) -> str | None:
    """The first of these members that leads, if one does."""
    return next((name for name in names if LEADS in log(desk, name)), None)


def gaps(site: Loopback) -> float:
    """The shortest time between two requests to one host."""
    times: dict[str, list[float]] = defaultdict(list)
    for asked in site.asked:
        times[asked.host].append(asked.at)
    return min(later - sooner for at in times.values() for sooner, later in pairwise(at))
