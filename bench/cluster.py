"""Daemons that share one Postgres database: polls a second with 1, 2 and 4 of them, the shortest gap at a host, and what a kill -9 loses or doubles.

    ./run.sh cluster [--feeds N] [--hosts N] [--delay S]

Feeds of 30 entries on loopback hosts, all of them due at once. Needs the programs of a Postgres server. Exits 1 when a host was
asked sooner than its delay, or a feed was lost or polled twice.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from command import Desk, wait_for  # noqa: E402

from bench.chaos import new_desk, place  # noqa: E402
from bench.loopback import Loopback  # noqa: E402

LEASE = 5
CLOCK = 0.01  # seconds that two clocks and a server in Python may be apart


def main() -> int:
    """Print a line per number of members, and one for the kill."""
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("--feeds", type=int, default=600)
    about.add_argument("--hosts", type=int, default=200)
    about.add_argument("--delay", type=float, default=0.5)
    given = about.parse_args()
    print(
        f"{given.feeds} feeds on {given.hosts} hosts, {given.delay:g} s from start to start, lease {LEASE} s, load {os.getloadavg()[0]:.0f}"
    )
    print(f"{'members':20} {'polls/s':>8} {'shortest gap':>12} {'lost':>5} {'twice':>6} {'by each':>20}")
    good = True
    with place("postgresql") as found:
        if found is None:
            sys.exit("no Postgres server's programs here")
        for members, kills in ((1, False), (2, False), (4, False), (4, True)):
            settings = {
                "LEVANTWATCH_FETCH": "none",
                "LEVANTWATCH_HOST_DELAY": str(given.delay),
                "LEVANTWATCH_CLUSTER_LEASE": str(LEASE),
            }
            desk = new_desk(*found, f"m{members}{'k' if kills else ''}", settings)
            good = _round(desk, given, members, kills) and good
    return 0 if good else 1


def _round(desk: Desk, given: argparse.Namespace, members: int, kills: bool) -> bool:
    counts = [given.feeds // given.hosts] * given.hosts
    with Loopback(counts) as site, ExitStack() as ends:
        logs = [desk.folder / f"{number}.log" for number in range(members)]
        desk.watch(site.urls()[0])  # without any feed nobody begins
        crew = [_start(desk, log, ends) for log in logs]
        wait_for(lambda: all("joined the cluster" in log.read_text() for log in logs), 120)
        wait_for(lambda: len(site.asked) == 1, 120)
        begun = time.monotonic()
        desk.watch(*site.urls()[1:])
        if kills:
            wait_for(lambda: len(site.asked) > sum(counts) / 4, 600)
            os.kill(crew[0].pid, signal.SIGKILL)
        wait_for(lambda: _polled(desk) >= sum(counts), 600)
        time.sleep(1.0)
        times = [asked.at for asked in site.asked if asked.at > begun]
        recorded = Counter(row[0] for row in desk.rows("SELECT feed_id FROM polls"))
        lost, twice = sum(counts) - len(recorded), sum(number > 1 for number in recorded.values())
        gap = _gap(site)
        by_each = "/".join(str(log.read_text().count("polled feed=")) for log in logs)
        name = f"{members}, one killed" if kills else str(members)
        print(
            f"{name:20} {len(times) / (max(times) - min(times)):8.1f} {gap:11.3f}s {lost:5} {twice:6} {by_each:>20}",
            flush=True,
        )
        return not lost and not twice and gap >= given.delay - CLOCK


def _start(desk: Desk, log: Path, ends: ExitStack) -> subprocess.Popen[bytes]:
    with log.open("wb") as said:
        process = subprocess.Popen([sys.executable, "-m", "crawler", "run", "--cluster"], cwd=desk.folder, env=desk.env, stdout=said, stderr=said)  # fmt: skip
    ends.callback(process.wait)
    ends.callback(process.kill)
    return process


def _polled(desk: Desk) -> int:
    return int(desk.rows("SELECT count(DISTINCT feed_id) FROM polls")[0][0])


def _gap(site: Loopback) -> float:
    times: dict[str, list[float]] = defaultdict(list)
    for asked in site.asked:
        times[asked.host].append(asked.at)
    return min(later - sooner for at in times.values() for sooner, later in pairwise(at))


if __name__ == "__main__":
    sys.exit(main())
