"""Weeks in minutes: 144 rounds of the daemon on a fast clock, and the memory of a round over hostile servers.

    ./run.sh soak [--rounds 144] [--database sqlite|postgresql] [--only rounds|hostile]

The rounds: 20 sites on loopback, each with a feed that a new article enters every quarter of an hour while the oldest leaves,
polled every 15 minutes of a clock that is 300 times as fast (36 hours: 144 rounds); the crawl is renewed and `prune` runs as in
real weeks. Measured after each round: the resident memory of the daemon alone and of all its processes, descriptors,
threads, and the size of the WAL file. One entry stays in its feed from the first round to the last.

The hostile round: the farm of tests/test_hostile.py, some 500 servers that mean harm, in one `levantwatch poll`; the memory of all
processes together, looked at every 20 ms: proportional set size, so that what they share counts once.

Exits 1 when a promise is broken: growth under 20 MB, no more descriptors or threads, WAL under 64 MB, a hostile round under 300 MB,
no entry lost, doubled or new a second time.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.chaos import new_desk, place  # noqa: E402
from tests.command import Desk  # noqa: E402
from tests.farm import NETWORKS, Farm  # noqa: E402
from tests.faults import Daemon, number_of  # noqa: E402
from tests.processes import descendants, memory  # noqa: E402
from tests.site import Reply, Request, Site, page, rss  # noqa: E402

MB = 1024 * 1024
QUARTER = 900  # seconds
DAY = 86_400  # for as long entries are kept here that were not, when no feed lists them any more
WARM = 24  # rounds until everything is loaded and every cache is filled: six hours
LISTED = 20  # entries in a feed
ROUND_SETTINGS = {
    "LEVANTWATCH_TICK": "1",
    "LEVANTWATCH_MIN_INTERVAL": str(QUARTER - 60),
    "LEVANTWATCH_MAX_INTERVAL": str(QUARTER),
    "LEVANTWATCH_SCHEDULE_PRUNE": "* * * * *",
    "LEVANTWATCH_RETENTION_POLLS": "1",
    "LEVANTWATCH_RETENTION_ENTRIES": "1",
    "LEVANTWATCH_RETENTION_REJECTED": "1",
}


@dataclass(frozen=True)
class Sample:
    """What the daemon holds at one moment; bytes."""

    rss: int
    family: int
    descriptors: int
    threads: int
    wal: int


class Outlet:
    """A site whose feed shows one new article every quarter of an hour of a fast clock, and one that always stays."""

    def __init__(self, number: int, factor: float) -> None:
        self.site = Site(f"127.0.0.{number + 2}")
        self.number, self.factor, self.began = number, factor, time.monotonic()
        self.shown: dict[str, float] = {}  # by address, when it was listed last
        self.site.route("/feed.xml", self.feed)
        self.site.fallback = self.article

    def feed(self, _: Request) -> Reply:
        """What is listed now."""
        newest = LISTED + int((time.monotonic() - self.began) * self.factor / QUARTER)
        numbers = [0, *range(newest, newest - LISTED + 1, -1)]
        listed = [(f"{self.number}-{n}", self.title(n), f"{self.site.url}/a/{n}") for n in numbers]
        self.shown.update(dict.fromkeys((url for _, _, url in listed), time.monotonic()))
        return Reply(rss(*listed, title=f"Outlet {self.number}", summary="More on this in our edition of Tuesday."))

    def may_be_pruned(self, url: str) -> bool:
        """Whether it is about nothing that is watched, and left the feed longer ago than the day for which such entries are kept."""
        gone = (time.monotonic() - self.shown[url]) * self.factor
        return int(url.rsplit("/", 1)[1]) % 2 == 1 and gone > DAY

    def title(self, n: int) -> str:
        """Every other one is about Syria."""
        return f"Rain in valley {n}" if n % 2 else f"Air strike {self.number}-{n} hits market in Syria's Idlib"

    def article(self, request: Request) -> Reply:
        """A page, but for robots.txt."""
        if not request.path.startswith("/a/"):
            return Reply(status=404, content_type="text/plain")
        n = int(request.path.rsplit("/", 1)[1])
        words = f"Air strike number {n} hit a market in Idlib in north-western Syria, rescue workers told outlet {self.number}. "
        return page(self.title(n), words * 5, f"This was report {n} of outlet {self.number}.")


def main() -> int:
    """Run what was asked for; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=144)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--only", choices=("rounds", "hostile"))
    options = parser.parse_args()
    broken: list[str] = []
    if options.only != "hostile":
        with place(options.database) as found:
            if found is None:
                print("no Postgres here")
                return 0
            broken += rounds(new_desk(*found, "soak", ROUND_SETTINGS), options.rounds)
    if options.only != "rounds":
        broken += hostile()
    print(f"\n{len(broken)} promise(s) broken", *broken, sep="\n  ")
    return 1 if broken else 0


def rounds(desk: Desk, number: int) -> list[str]:
    """Let the daemon live through so many rounds; what is broken."""
    factor = 300.0
    outlets = [Outlet(n, factor) for n in range(20)]
    for outlet in outlets:
        outlet.site.__enter__()
    desk.watch(*(outlet.site.url + "/feed.xml" for outlet in outlets))
    samples: list[Sample] = []
    print(f"## {number} rounds of {len(outlets)} feeds, {desk.url.partition(':')[0]}\n")
    print("round  daemon MB  all processes MB  descriptors  threads  WAL MB  entries  polls kept", flush=True)
    with Daemon(desk, factor=factor) as daemon:
        began = time.monotonic()
        for now in range(1, number + 1):
            looks = looks_until(began + now * QUARTER / factor, daemon.process.pid)
            samples.append(sample(desk, daemon.process.pid, looks))
            if now % 12 == 0 or now == 1:
                last = samples[-1]
                print(
                    f"{now:5} {last.rss / MB:10.1f} {last.family / MB:17.1f} {last.descriptors:12} {last.threads:8} {last.wal / MB:7.2f}"
                    f" {number_of(desk, 'entries'):8} {number_of(desk, 'polls'):11}",
                    flush=True,
                )
        said = daemon.stop()
    for outlet in outlets:
        outlet.site.stop()
    return judged(desk, samples, outlets, said)


def looks_until(then: float, pid: int) -> list[int]:
    """The open descriptors of a process, ten times a round: each crawl opens connections anew and drops them, so that one look says little."""
    looks = [len(list(Path(f"/proc/{pid}/fd").iterdir()))]
    while (left := then - time.monotonic()) > 0:
        time.sleep(min(left, 0.3))
        looks.append(len(list(Path(f"/proc/{pid}/fd").iterdir())))
    return looks


def sample(desk: Desk, pid: int, looks: list[int]) -> Sample:
    """What the daemon and its processes hold now, and the fewest descriptors of the round."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    wal = Path(desk.url.removeprefix("sqlite:///") + "-wal")
    return Sample(
        rss=int(fields["VmRSS"].split()[0]) * 1024,
        family=memory({pid} | descendants(pid)),
        descriptors=min(looks),
        threads=int(fields["Threads"]),
        wal=wal.stat().st_size if wal.exists() else 0,
    )


def judged(desk: Desk, samples: list[Sample], outlets: list[Outlet], said: str) -> list[str]:
    """The sums, printed; what is broken."""
    early, late = samples[WARM : WARM + 12] or samples, samples[-12:]

    def growth(of: Callable[[Sample], int]) -> float:
        return median(of(one) for one in late) - median(of(one) for one in early)

    grown, family = growth(lambda one: one.rss) / MB, growth(lambda one: one.family) / MB
    descriptors = min(one.descriptors for one in late) - min(
        one.descriptors for one in early
    )  # what a renewed crawl does not give back
    threads = growth(lambda one: one.threads)
    wal = max(one.wal for one in samples) / MB
    shown = {url: outlet for outlet in outlets for url in outlet.shown}
    ledger = [row.url for row in desk.rows("select url from entries")]
    stays = [outlet.site.url + "/a/0" for outlet in outlets]
    pages: dict[str, int] = {}
    for outlet in outlets:
        for request in outlet.site.requests:
            if request.path.startswith("/a/"):
                url = outlet.site.url + request.path
                pages[url] = pages.get(url, 0) + 1
    polled = sum(outlet.site.asked("/feed.xml") for outlet in outlets)
    pruned = set(shown) - set(ledger)
    lost = [url for url in pruned if not shown[url].may_be_pruned(url)]
    (new,) = desk.rows("select sum(entries_new) as n from polls")
    looked = "select e.url, r.looks from rechecks r join entries e on e.id = r.article_id"
    looks = {row.url: row.looks for row in desk.rows(looked)}
    twice = [url for url, number in pages.items() if number > 1 + looks.get(url, 0)]
    print(
        f"\nround {WARM}-{WARM + 11} to the last 12, in the median: the daemon {grown:+.1f} MB, all processes {family:+.1f} MB,"
        f" threads {threads:+.0f}; at the least {descriptors:+} descriptors; WAL at most {wal:.1f} MB\n"
        f"{polled} polls ({polled / len(outlets):.0f} a feed), {len(shown)} entries shown, {len(ledger)} in the ledger, {len(pruned) - len(lost)} pruned by rule,"
        f" {len(pages)} pages read and looked at again {sum(looks.values())} times, {len(twice)} of them more often; new in the polls that are kept: {new.n}"
    )
    checks = {
        f"the daemon grew by {grown:.1f} MB": grown < 20,
        f"its processes grew by {family:.1f} MB": family < 20,
        f"{descriptors:+} descriptors": descriptors <= 0,
        f"{threads:+.0f} threads": threads <= 0,
        f"a WAL of {wal:.1f} MB": wal < 64,
        f"{len(set(ledger) - set(shown))} entries that nobody showed": not set(ledger) - set(shown),
        f"{len(lost)} entries lost: {lost[:3]}": not lost,
        "an entry in the ledger twice": len(ledger) == len(set(ledger)),
        "an entry that is still listed was forgotten": set(stays) <= set(ledger),
        f"read more often than they were to be looked at: {twice[:3]}": not twice,
        "a traceback in the log": "Traceback" not in said,
    }
    return [told for told, holds in checks.items() if not holds]


# --- the hostile round ---


def hostile() -> list[str]:
    """One round over the farm of tests/test_hostile.py; what is broken."""
    from tests.test_hostile import SETTINGS, asked_of, hostile_farm

    folder = Path(tempfile.mkdtemp(prefix="levantwatch-soak-"))
    try:
        with hostile_farm(folder) as (farm, authority):
            desk = Desk(
                folder, f"sqlite:///{folder}/hostile.db", networks=NETWORKS,
                # ten seconds as ever, so that rounds can be compared; the tests have more patience
                settings={**SETTINGS, "LEVANTWATCH_REQUEST_TIMEOUT": "10", "SSL_CERT_FILE": str(authority.file)},
            )  # fmt: skip
            return _hostile_round(desk, farm, asked_of(farm))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _hostile_round(desk: Desk, farm: Farm, names: list[str]) -> list[str]:
    (desk.folder / "feeds.txt").write_text("".join(f"{farm.url(name)}\n" for name in names), encoding="utf-8")
    desk.ok("feeds", "import", "feeds.txt")
    began = time.monotonic()
    crawl = desk.start("poll", "--quiet")
    with peak_of(crawl.pid) as peak:
        said = crawl.communicate(timeout=900)[1].decode()
    print(
        f"\n## A hostile round of {len(names)} feeds\n\n{number_of(desk, 'polls')} polls in {time.monotonic() - began:.0f} s;"
        f" all processes together at most {peak['pss'] / MB:.0f} MB (proportional set size, {peak['looks']} looks; the crawler alone {median(peak['own']) / MB:.0f} MB in the median),"
        f" at that moment the crawler {peak['each'].pop(crawl.pid, 0) / MB:.0f} MB, the others"
        f" {', '.join(f'{held / MB:.0f}' for held in sorted(peak['each'].values(), reverse=True))} MB"
    )
    broken = [] if peak["pss"] < 300 * MB else [f"a hostile round took {peak['pss'] / MB:.0f} MB"]
    return broken + (
        [] if crawl.returncode == 0 else [f"the hostile round ended with {crawl.returncode}: {said[-300:]}"]
    )


@contextmanager
def peak_of(pid: int) -> Iterator[dict[str, Any]]:
    """The most that a process and those below it hold while the block runs."""
    peak: dict[str, Any] = {"pss": 0, "looks": 0, "each": {}, "own": []}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            with suppress(OSError):
                each = {one: memory({one}) for one in {pid} | descendants(pid)}
                if sum(each.values()) > peak["pss"]:
                    peak.update(pss=sum(each.values()), each=each)
                peak["looks"] += 1
                peak["own"].append(each.get(pid, 0))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield peak
    finally:
        over.set()
        looking.join()


if __name__ == "__main__":
    sys.exit(main())
