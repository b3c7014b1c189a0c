"""What bench/regress.py measures: the phases of a round on a farm of feeds, each in processes of its own."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import descendants, memory

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "bench"
SCRIPTS = Path(sys.executable).parent  # where the environment's commands are
MB, SLOW_PORT, FARM_PORT = 1024 * 1024, 8802, 8800
SLOW = 3  # seconds from which on slow.py calls a host slow
ARTICLE_FEEDS = 30  # feeds whose pages are all read: 900 pages of 108 KB


@dataclass(slots=True)
class Cost:
    """What a command took: seconds of wall clock and of CPU, with all its processes, and the bytes that these held at their peak."""

    wall: float
    cpu: float
    peak: int = 0


@dataclass(slots=True)
class Farm:
    """A farm of feeds as ../shared/bench/farm.py makes and serves it."""

    place: Path
    feeds: int
    peer: str | None
    addresses: list[str] = field(default_factory=list)

    @contextmanager
    def served(self) -> Iterator[None]:
        """Make the farm if it is not there, serve it, and stop what was begun."""
        if not (self.place / "feeds.txt").exists():
            self._farm("generate", "--feeds", str(self.feeds), "--hosts", str(min(500, self.feeds)))
        self.addresses = (self.place / "feeds.txt").read_text(encoding="utf-8").split()[: self.feeds]
        with socket.socket() as probe:
            already = probe.connect_ex(("127.0.0.1", FARM_PORT)) == 0
        if not already:
            self._farm("serve")
        try:
            yield
        finally:
            if not already:
                self._farm("stop")

    def _farm(self, word: str, *more: str) -> None:
        command = [sys.executable, str(SHARED / "farm.py"), word, "--dir", str(self.place), *more]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def side_by_side(self, rounds: int) -> dict[str, dict[str, float | None]]:
        """Rate, CPU and ratio of `cold`, `warm`, `tick` and `rude`, ours and, where there is a peer, its: as "cold ours"."""
        listed = self.place / "bench.txt"
        listed.write_text("\n".join(self.addresses), encoding="utf-8")
        command = [sys.executable, str(SHARED / "side_by_side.py"), str(self.place), "--rounds", str(rounds)]
        command += ["--feeds", str(listed), "--only", "ours,reader1,reader4" if self.peer else "ours"]
        environment = {**_environment(), **({"PEER_PYTHON": self.peer} if self.peer else {})}
        environment.pop("LEVANTWATCH_DATABASE_URL", None)
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        found: dict[str, dict[str, float | None]] = json.loads((self.place / "runs" / "side_by_side.json").read_text())
        return found

    @contextmanager
    def slow(self, seconds: int) -> Iterator[None]:
        """The farm through a bad network, for so long at most."""
        command = [sys.executable, str(SHARED / "slow.py"), "--dir", str(self.place), "--secs", str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it listens
            yield
        finally:
            process.terminate()
            process.wait()

    def store(self, name: str, addresses: list[str], **settings: str) -> dict[str, str]:
        """A new database with these feeds; the environment in which commands use it."""
        path = self.place / "runs" / f"{name}.db"
        path.parent.mkdir(exist_ok=True)
        for old in path.parent.glob(f"{name}.db*"):
            old.unlink()
        environment = _environment() | {"LEVANTWATCH_DATABASE_URL": f"sqlite:///{path}", **settings}
        rows = "".join(f'<outline type="rss" text="f{n}" xmlUrl="{url}"/>' for n, url in enumerate(addresses))
        opml = self.place / "runs" / f"{name}.opml"
        opml.write_text(f'<?xml version="1.0"?><opml version="2.0"><head/><body>{rows}</body></opml>', encoding="utf-8")
        run(["feeds", "import", str(opml)], environment)
        return environment


def _environment() -> dict[str, str]:
    own = {"LEVANTWATCH_ALLOW_NETWORKS": "127.0.0.0/8", "LEVANTWATCH_FETCH": "none", "LEVANTWATCH_HOST_DELAY": "0"}
    return {**os.environ, **own, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}


def run(arguments: list[str], environment: dict[str, str], *, weigh: bool = False) -> Cost:
    """Run the command; with `weigh`, look ten times a second at what all its processes hold together."""
    begun, before = time.perf_counter(), os.times()
    process = subprocess.Popen(
        [str(SCRIPTS / "levantwatch"), *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = 0
    while weigh and process.poll() is None:
        peak = max(peak, memory({process.pid} | descendants(process.pid)))
        time.sleep(0.1)
    if process.wait() not in (0, 1):
        sys.exit(f"levantwatch {' '.join(arguments)} ended with {process.returncode}")
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return Cost(time.perf_counter() - begun, cpu, peak)


def slow_rate(farm: Farm) -> float:
    """Feeds a second of a warm round through the bad network: of those whose server is neither dead nor slow, until the last of them
    had answered. The others may not delay them."""
    addresses = [url.replace(f":{FARM_PORT}/", f":{SLOW_PORT}/") for url in farm.addresses]
    environment = farm.store("slow", addresses)
    path = environment["LEVANTWATCH_DATABASE_URL"].removeprefix("sqlite:///")
    with farm.slow(600):
        run(["poll", "--all"], environment)
        [[last]] = _ask(path, "select max(id) from polls")
        run(["poll", "--all"], environment)
    begun, ended = "julianday(started_at) * 86400", "julianday(started_at) * 86400 + seconds"
    answered = f"outcome in ('not-modified', 'ok', 'same-body') and seconds < {SLOW}"
    [[number, seconds]] = _ask(
        path, f"select count(*), max({ended}) - min({begun}) from polls where id > {last} and {answered}"
    )
    return float(number / seconds)


def _ask(path: str, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def article_rate(farm: Farm) -> float:
    """Pages a second, fetched, extracted, judged and stored, of a first round that reads every page."""
    few = farm.addresses[:ARTICLE_FEEDS]
    environment = farm.store("articles", few, LEVANTWATCH_FETCH="all")
    cost = run(["poll", "--all"], environment)
    return 30 * len(few) / cost.wall


def peak_memory(farm: Farm) -> float:
    """Megabytes that all processes of a first round hold together at their peak."""
    environment = farm.store("memory", farm.addresses)
    return run(["poll", "--all"], environment, weigh=True).peak / MB
