"""Daemons that share one Postgres database: polls a second with 1, 2 and 4 of them, the shortest gap at a host, and what a kill -9 loses or doubles.

    ./run.sh cluster [--feeds N] [--hosts N] [--delay S] [--median S] [--concurrency N]

Hosts on loopback answer 304 after a time of their own (log-normal, sigma 0.6), and all feeds are due at once. A member has so few requests in flight
that the network is its bound and not this machine's CPU, as it would be with a machine for each member. Needs the programs of a Postgres
server. Exits 1 when a host was asked sooner than its delay, or a feed was lost or polled twice.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from command import Desk, wait_for  # noqa: E402
from crew import gaps  # noqa: E402

from bench.chaos import new_desk, place  # noqa: E402
from bench.loopback import Loopback  # noqa: E402
from storage.db import open_database  # noqa: E402

LEASE = 10
CLOCK = 0.01  # seconds that two clocks and a server in Python may be apart, beside those by which the sites' own process was late
SPREAD = 0.6


def main() -> int:
    """Print a line per number of members, and one for the kill."""
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("--feeds", type=int, default=240)
    about.add_argument("--hosts", type=int, default=120)
    about.add_argument("--delay", type=float, default=0.5)
    about.add_argument("--median", type=float, default=0.25)
    about.add_argument("--concurrency", type=int, default=2)
    given = about.parse_args()
    print(
        f"{given.feeds} unchanged feeds on {given.hosts} hosts, {given.delay:g} s from start to start, {given.median * 1000:g} ms until an answer"
        f" (median), {given.concurrency} requests in flight of each member, lease {LEASE} s, load {os.getloadavg()[0]:.0f}"
    )
    print(
        f"{'members':14} {'polls/s':>8} {'CPU ms/poll':>11} {'shortest gap':>12} {'late':>6} {'lost':>5} {'twice':>6} {'by each':>20}"
    )
    good = True
    with place("postgresql") as found, Loopback([given.feeds // given.hosts] * given.hosts, entries=2) as site:
        if found is None:
            sys.exit("no Postgres server's programs here")
        settings = {
            "LEVANTWATCH_FETCH": "none",
            "LEVANTWATCH_HOST_DELAY": str(given.delay),
            "LEVANTWATCH_CLUSTER_LEASE": str(LEASE),
        }
        desk = new_desk(*found, "cluster", settings)
        desk.watch(*site.urls())
        desk.ok("poll", "--all")
        site.response, site.spread = given.median, SPREAD
        desk = Desk(desk.folder, desk.url, settings=settings | {"LEVANTWATCH_CONCURRENCY": str(given.concurrency)})
        for members, kills in ((1, False), (2, False), (4, False), (4, True)):
            good = _round(desk, site, given, members, kills) and good
    return 0 if good else 1


def _round(desk: Desk, site: Loopback, given: argparse.Namespace, members: int, kills: bool) -> bool:
    whole = len(site.urls())
    with ExitStack() as ends:
        logs = [desk.folder / f"{members}-{kills}-{number}.log" for number in range(members)]
        _due(desk, datetime.now(UTC) + timedelta(hours=9))
        crew = [_start(desk, log, ends) for log in logs]
        wait_for(lambda: all("joined the cluster" in log.read_text() for log in logs), 240)
        time.sleep(2.0)
        site.asked.clear()
        site.late = 0.0
        cpu, begun = sum(map(_cpu, crew)), datetime.now(UTC)
        _due(desk, begun)
        if kills:
            wait_for(lambda: len(site.asked) > whole / 4, 600)
            os.kill(crew[0].pid, signal.SIGKILL)
        wait_for(lambda: len(_polled(desk, begun)) >= whole, 600)
        cpu = sum(map(_cpu, crew)) - cpu
        time.sleep(1.0)
        times = [asked.at for asked in site.asked]
        recorded = _polled(desk, begun)
    lost, twice = whole - len(recorded), sum(number > 1 for number in recorded.values())
    gap = gaps(site)
    by_each = "/".join(str(log.read_text().count("polled feed=")) for log in logs)
    name = f"{members}, one killed" if kills else str(members)
    spent = "-" if kills else f"{1000 * cpu / whole:.1f}"
    print(
        f"{name:14} {len(times) / (max(times) - min(times)):8.1f} {spent:>11} {gap:11.3f}s {site.late:5.3f}s {lost:5} {twice:6} {by_each:>20}",
        flush=True,
    )
    return not lost and not twice and gap >= given.delay - CLOCK - site.late


def _start(desk: Desk, log: Path, ends: ExitStack) -> subprocess.Popen[bytes]:
    with log.open("wb") as said:
        process = subprocess.Popen([sys.executable, "-m", "crawler", "run", "--cluster"], cwd=desk.folder, env=desk.env, stdout=said, stderr=said)  # fmt: skip
    ends.callback(process.wait)
    ends.callback(process.kill)
    return process


def _due(desk: Desk, at: datetime) -> None:
    database = open_database(desk.url)
    try:
        with database.write() as session:
            session.execute(text("UPDATE feeds SET next_poll_at = :at"), {"at": at})
    finally:
        database.close()


def _polled(desk: Desk, since: datetime) -> Counter[int]:
    """How often each feed was polled since then."""
    return Counter(row[0] for row in desk.rows("SELECT feed_id FROM polls WHERE started_at >= :since", since=since))


def _cpu(process: subprocess.Popen[bytes]) -> float:
    """Seconds that a process has used until now."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
