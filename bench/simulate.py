"""How many crawlers a million feeds need, by simulation: docs/scale.md quotes what this prints.

    ./run.sh simulate                          10,000 feeds: the table that a test compares with docs/scale.md
    ./run.sh simulate --feeds 1000000          the whole of it, a few minutes
    ./run.sh simulate --check                  the model beside real polls of loopback hosts on this machine

The feeds' rates, the hosts' sizes and speeds come from the seed; the intervals from crawler.polling, the manners from crawler.hosts; what a poll costs
was measured (--check prints it, docs/measured.md keeps it). `--check` then polls heavy-tailed hosts with a delay, really and in the model, and exits 1
when the times differ by more than a quarter.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.fleet import Costs, Crawler, Fleet, Kind, Ran, World, crowd, kinds
from bench.loopback import Loopback
from crawler.polling import Policy
from storage import feeds
from storage.db import open_database

# CPU seconds of one core, measured; docs/scale.md names the measurement of each
COSTS = Costs(poll=0.0036, record=0.0031, parse=0.0041, page=0.0089, extract=0.022)
DAILY, SIGMA = (
    10.0,
    2.0,
)  # entries a day and feed; how unlike the rates are: a quarter of the feeds bring nothing for days
FEEDS_A_HOST, ALPHA, LARGEST = 4, 1.2, 0.11  # docs/scale.md says whose figures these are
RESPONSE, SPREAD, DEAD = 0.25, 1.0, 0.03  # seconds in the median, log-normal; of the hosts
READS = 0.027  # of the new entries: what triage fetches
MATCHES = 0.01  # of the new entries
UNCONDITIONAL = 0.3  # of the answers without news: a body all the same
FEED_BYTES, PAGE_BYTES, SMALL_BYTES = 8_000, 30_000, 700  # on the wire, compressed; an answer without a body
ENTRY_BYTES, MATCH_BYTES, POLL_BYTES = 1_000, 10_000, 250  # in the database: docs/operating.md
PRUNED_ENTRY_BYTES, ENTRY_DAYS, POLL_DAYS = 500, 400, 90
MOST_INTERVALS = (("1 day", 86_400), ("1 hour", 3_600), ("15 minutes", 900))
TOLERANCE = 0.25
CHECK_DELAY, CHECK_HOSTS, CHECK_FEEDS = 0.5, 30, 300


@dataclass(frozen=True, slots=True)
class Demand:
    """What all feeds together ask for in a second."""

    polls: float
    changed: float
    new: float
    pages: float
    bytes: float
    seen: float  # of the entries that are published


def demand(found: list[Kind], feeds_: int) -> Demand:
    """By the mean over the kinds of feeds; dead hosts left out."""
    polls = sum(kind.share / kind.interval for kind in found) * feeds_
    changed = sum(kind.share / kind.interval * kind.changed for kind in found) * feeds_
    new = sum(kind.share / kind.interval * kind.changed * kind.new for kind in found) * feeds_
    published = sum(kind.share * kind.rate for kind in found) / 3600 * feeds_
    same = polls - changed
    size = changed * FEED_BYTES + same * (UNCONDITIONAL * FEED_BYTES + (1 - UNCONDITIONAL) * SMALL_BYTES)
    return Demand(polls, changed, new, new * READS, size + new * READS * PAGE_BYTES, min(new / published, 1.0))


def table(feeds_: int, *, seed: int, hours: float, crawlers: list[int], of: Crawler) -> Iterator[str]:
    """The lines that docs/scale.md quotes."""
    yield (
        f"{feeds_:,} feeds on {feeds_ // FEEDS_A_HOST:,} hosts, {feeds_ * DAILY:,.0f} entries a day,"
        f" {of.places} requests at once a crawler, seed {seed}, {hours:g} h simulated"
    )
    yield ""
    yield (
        f"{'polled at least every':21} {'polls/s':>8} {'changed/s':>9} {'new/s':>7} {'seen':>6} {'pages/s':>7} {'Mbit/s':>7}"
        f" {'writes/s':>8} {'rows/s':>7} {'GB/year':>8} {'crowded hosts':>13} {'their feeds':>11} {'one in':>7}"
    )
    worlds: list[tuple[str, list[Kind]]] = []
    for name, most in MOST_INTERVALS:
        found = kinds(seed, daily=DAILY, sigma=SIGMA, policy=Policy(max_interval=timedelta(seconds=most)))
        worlds.append((name, found))
        asked = demand(found, feeds_)
        hosts, crowded, slowest = _world(found, feeds_, seed).crowded()
        rows = asked.polls * 2 + asked.changed + 2 * asked.new + asked.new * MATCHES * 12
        yield (
            f"{name:21} {asked.polls:8.2f} {asked.changed:9.2f} {asked.new:7.2f} {asked.seen:6.1%} {asked.pages:7.3f} {asked.bytes * 8 / 1e6:7.2f}"
            f" {asked.polls + asked.pages:8.2f} {rows:7.1f} {_stored(asked) / 1e9:8.1f} {hosts:13} {crowded:11} {_span(slowest):>7}"
        )
    yield ""
    yield f"{'polled at least every':21} {'crawlers':>8} {'asked/s':>8} {'loop busy':>9} {'parsing':>8} {'places':>7} {'late, median':>12} {'95 %':>8} {'keeps up':>8}"
    for name, found in worlds:
        for number in crawlers:
            ran = _simulated(found, feeds_, seed, hours, number, of)
            yield _row(name, number, ran)
            if _keeps_up(ran):
                break


def _world(found: list[Kind], feeds_: int, seed: int) -> World:
    rng = random.Random(seed)
    counts = crowd(rng, feeds=feeds_, hosts=feeds_ // FEEDS_A_HOST, alpha=ALPHA, largest=LARGEST)
    return World(rng, counts, found, delay=1.0, response=RESPONSE, spread=SPREAD, dead=DEAD)


def _simulated(found: list[Kind], feeds_: int, seed: int, hours: float, crawlers: int, of: Crawler) -> Ran:
    world, rng = _world(found, feeds_, seed), random.Random(seed)
    fleet = Fleet(world, COSTS, crawlers=crawlers, of=of, connections=2, reads=READS, rng=rng)
    return fleet.run(hours * 3600)


def _keeps_up(ran: Ran) -> bool:
    return _late(ran)[1] <= 60.0 and ran.loop < 0.9


def _late(ran: Ran) -> tuple[float, float]:
    late = sorted(ran.late) or [0.0]
    return late[len(late) // 2], late[int(len(late) * 0.95)]


def _row(name: str, crawlers: int, ran: Ran) -> str:
    median, most = _late(ran)
    return (
        f"{name:21} {crawlers:8} {(ran.polls + ran.pages) / ran.seconds:8.2f} {ran.loop:9.1%} {ran.parsing:8.1%} {ran.places:7.1%}"
        f" {_span(median):>12} {_span(most):>8} {'yes' if _keeps_up(ran) else 'no':>8}"
    )


def _span(seconds: float) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.1f} s"


def _stored(asked: Demand) -> float:
    """Bytes in the database after a year, with the retention that is set from the start."""
    day, days = 86_400, 365
    kept = min(ENTRY_DAYS, days)
    entries = asked.new * day * kept * (PRUNED_ENTRY_BYTES + (ENTRY_BYTES - PRUNED_ENTRY_BYTES) * min(30 / kept, 1))
    return entries + asked.polls * day * POLL_DAYS * POLL_BYTES + asked.new * MATCHES * day * days * MATCH_BYTES


# --- beside the real thing ---


def check(seed: int) -> bool:
    """Measure what a poll costs, then poll heavy-tailed hosts with a delay, really and in the model; whether they agree."""
    with tempfile.TemporaryDirectory() as folder:
        costs = _measured(Path(folder))
        counts = crowd(random.Random(seed), feeds=CHECK_FEEDS, hosts=CHECK_HOSTS, alpha=ALPHA, largest=LARGEST)
        with Loopback(counts, response=0.05) as site:
            desk = _Desk(Path(folder) / "check.db", delay=0.0)
            desk.watch(site.urls())
            desk.poll()  # so that all answer 304 when the delay is looked at: a busy machine's loop is another matter
            site.asked.clear()
            replace(desk, delay=CHECK_DELAY).poll()
            first = site.asked[0].at
            real = sorted(asked.at - first for asked in site.asked)
    still = [Kind(1.0, 1.0, 86_400.0, 0.0, 0.0)]
    world = World(random.Random(seed), counts, still, delay=CHECK_DELAY, response=0.05, spread=0.0)
    fleet = Fleet(world, costs, crawlers=1, of=Crawler(), connections=2, reads=0.0, rng=random.Random(seed))
    model = sorted(fleet.run(0.0, once=True).starts)
    print(
        f"\n{len(real)} feeds on {CHECK_HOSTS} hosts, {max(counts)} on the largest, {CHECK_DELAY} s from start to start"
    )
    print(f"{'asked after':14} {'really':>8} {'model':>8} {'ratio':>6}")
    agree = len(real) == len(model)
    for name, share in (
        ("a quarter", 0.25),
        ("half", 0.5),
        ("three quarters", 0.75),
        ("nine tenths", 0.9),
        ("all", 1.0),
    ):
        at = min(int(share * len(real)), len(real) - 1)
        ratio = model[at] / real[at]
        agree = agree and abs(ratio - 1) <= TOLERANCE
        print(f"{name:14} {real[at]:7.2f}s {model[at]:7.2f}s {ratio:6.2f}")
    return agree


@dataclass(frozen=True)
class _Desk:
    path: Path
    delay: float

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LEVANTWATCH_")}
        return kept | {
            "LEVANTWATCH_DATABASE_URL": f"sqlite:///{self.path}", "LEVANTWATCH_ALLOW_NETWORKS": "127.0.0.0/8",
            "LEVANTWATCH_FETCH": "none", "LEVANTWATCH_HOST_DELAY": str(self.delay), "LEVANTWATCH_LOG_LEVEL": "WARNING",
        }  # fmt: skip

    def watch(self, urls: list[str]) -> None:
        database = open_database(f"sqlite:///{self.path}")
        try:
            database.ensure_schema(upgrade=True)
            with database.write() as session:
                for url in urls:
                    feeds.add(session, url=url, now=datetime.now(UTC))
        finally:
            database.close()

    def poll(self) -> float:
        """CPU seconds of the command and its processes."""
        before = _spent()
        subprocess.run([sys.executable, "-m", "crawler", "poll", "--all", "-q"], env=self.env, check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        return _spent() - before


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _measured(folder: Path) -> Costs:
    """CPU of a poll by what it brings: nothing (304), two new entries, thirty new entries; what a command costs without one taken off."""
    few, many = 20, 420
    spent: dict[int, dict[str, float]] = {}
    rates = []
    for number in (few, many):
        with Loopback([1] * number) as site:
            desk = _Desk(folder / f"{number}.db", delay=0.0)
            desk.watch(site.urls())
            spent[number] = {"thirty new": desk.poll(), "304": desk.poll()}
            site.version += 1
            begun = len(site.asked)
            spent[number]["two new"] = desk.poll()
            rates = [asked.at for asked in site.asked[begun:]]
    each = {what: (spent[many][what] - spent[few][what]) / (many - few) for what in spent[few]}
    for what, seconds in each.items():
        print(f"a poll with {what:10} {seconds * 1000:6.2f} ms of CPU")
    print(
        f"two new entries each: {(len(rates) - 1) / (rates[-1] - rates[0]):.0f} polls a second by the clock, load {os.getloadavg()[0]:.0f}"
    )
    record = max(each["thirty new"] - each["304"] - COSTS.parse, 0.0)
    return Costs(each["304"], record, COSTS.parse, COSTS.page, COSTS.extract)


def main() -> int:
    """Print the tables; the exit status is 1 when the model and the machine disagree."""
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("--feeds", type=int, default=10_000)
    about.add_argument("--seed", type=int, default=7)
    about.add_argument("--hours", type=float, default=1.0)
    about.add_argument(
        "--places", type=int, default=64, help="requests at once of a crawler: the setting `concurrency`"
    )
    about.add_argument("--crawlers", default="1,2,4,8,16,32,64")
    about.add_argument("--check", action="store_true")
    given = about.parse_args()
    if given.check:
        return 0 if check(given.seed) else 1
    begun = time.monotonic()
    crawlers = [int(number) for number in given.crawlers.split(",")]
    for line in table(given.feeds, seed=given.seed, hours=given.hours, crawlers=crawlers, of=Crawler(given.places)):
        print(line)
    print(f"simulated in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
