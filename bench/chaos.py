"""Forty times kill -9 in one crawl, on each database; then the faults of machines, one after the other, under one daemon.

    ./run.sh chaos [--database sqlite|postgresql|both] [--kills 40] [--seed 11]

The crawl: 10 sites on loopback, 100 articles each, of which four of five are matches with a page to read. Each kill comes at a random
moment of the work. After each, everything that was committed before must be there with its id and its state. Then one more
run must finish the work, and the ledger must hold every article once, read, judged once, with its story, unclaimed.

The faults: the database locked for 35 s (longer than a writer waits), no room on its disk, Postgres stopped, crashed and killed,
the network down, the clock moved by an hour and a year, ahead and back, the machine asleep. After each the daemon must poll again
by itself. Exits 1 when a promise is broken. Postgres is Debian's, in a temporary folder; without one that half says so.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from postgres_server import OwnServer, find_binaries  # noqa: E402

from storage.db import open_database  # noqa: E402
from tests.command import Desk, wait_for  # noqa: E402
from tests.faults import (  # noqa: E402
    PATIENCE,
    QUICK,
    Daemon,
    World,
    full,
    kill_at,
    ledger,
    locked,
    lost,
    move_clock,
    number_of,
    wrong_in,
)
from tests.site import Reply, Site, rss  # noqa: E402

YEAR = 365 * 86_400
MOST_ASKED = (
    50  # requests before a kill: 20 go out at once, so that most kills come while articles are judged and written
)
GOES_ON = 180.0  # seconds until a daemon that does not go on is broken: the machine may be busy


def main() -> int:
    """Run what was asked for; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    broken = []
    for name in ("sqlite", "postgresql") if options.database == "both" else (options.database,):
        with place(name) as found:
            if found is None:
                print(f"{name}: no server here (Debian's postgresql is not installed): nothing was tried")
                continue
            folder, server = found
            broken += [f"{name}: {wrong}" for wrong in kills(folder, server, options.kills, options.seed)]
            broken += [f"{name}: {wrong}" for wrong in disturbances(folder, server)]
    print(f"\n{len(broken)} promise(s) broken", *broken[:40], sep="\n  ")
    return 1 if broken else 0


@contextmanager
def place(name: str) -> Iterator[tuple[Path, OwnServer | None] | None]:
    """A folder, and a server for Postgres; None where there is none."""
    folder = Path(tempfile.mkdtemp(prefix="levantwatch-chaos-"))
    server = None
    try:
        if name == "sqlite":
            yield folder, None
        elif (binaries := find_binaries()) is None:
            yield None
        else:
            server = OwnServer(binaries)
            server.start()
            yield folder, server
    finally:
        if server is not None:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)


def new_desk(folder: Path, server: OwnServer | None, name: str, settings: Mapping[str, str] = QUICK) -> Desk:
    """An analyst's folder with an empty database of this name."""
    own = folder / name
    own.mkdir()
    url = f"sqlite:///{own}/watch.db" if server is None else server.create(name)
    database = open_database(url)
    database.ensure_schema(upgrade=False)
    database.close()
    return Desk(own, url, settings=settings)


def kills(folder: Path, server: OwnServer | None, number: int, seed: int) -> list[str]:
    """Kill one crawl again and again, then let it finish; what is broken."""
    chance, broken, began = random.Random(seed), [], time.monotonic()
    with World(sites=10, articles=100) as world:
        desk = new_desk(folder, server, "kills")
        desk.watch(*world.feeds)
        print(f"\n## kill -9, {desk.url.partition(':')[0]}\n\n kill  requests  entries  settled  claimed")
        for kill in range(1, number + 1):
            started, wanted, pause = world.asked, chance.randint(1, MOST_ASKED), chance.random() * 0.2
            crawl = desk.start("run", "--once") if kill % 2 else desk.start("run")
            wait_for(lambda: world.asked > started, PATIENCE)  # noqa: B023
            seen, said = kill_at(crawl, desk, lambda: world.asked >= started + wanted, pause)  # noqa: B023
            after = ledger(desk)
            broken += [f"kill {kill}: {wrong}" for wrong in lost(seen, after)]
            broken += [f"kill {kill}: a traceback"] if b"Traceback" in said else []
            settled = sum(state != "pending" for _, state in after.values())
            claimed = desk.rows("select count(*) as n from entries where claimed_at is not null")[0].n
            print(f"{kill:5} {world.asked - started:9} {len(after):8} {settled:8} {claimed:8}", flush=True)
        seen = ledger(desk)
        done = desk.run("poll")
        broken += [] if done.returncode == 0 else [f"the last run ended with status {done.returncode}"]
        broken += lost(seen, ledger(desk)) + wrong_in(desk, world)
        pages = sum(request.path.startswith("/a/") for site in world.sites for request in site.requests)
        attempts = desk.rows("select max(attempts) as most, max(crashes) as crashes from entries")[0]
        print(
            f"\n{number} kills in one crawl of {len(world.truth)} articles: {len(ledger(desk))} in the ledger,"
            f" {sum(state == 'match' for _, state in ledger(desk).values())} matches, {len(broken)} lost, doubled or unfinished;"
            f" {pages} pages asked for; at most {attempts.most} attempts and {attempts.crashes} crashes of one entry;"
            f" {time.monotonic() - began:.0f} s"
        )
    return broken


class Trial:
    """One daemon on a fast clock under one fault after the other."""

    def __init__(self, desk: Desk, daemon: Daemon) -> None:
        self.desk, self.daemon = desk, daemon
        self.broken: list[str] = []

    def tried(self, name: str, fault: Callable[[], object] = lambda: None) -> None:
        """Let it happen; the daemon must poll twice afterwards, by itself."""
        fault()
        began, before = time.monotonic(), number_of(self.desk, "polls")
        while number_of(self.desk, "polls") < before + 2:
            if self.daemon.process.poll() is not None or time.monotonic() - began > GOES_ON:
                self.broken.append(f"{name}: the daemon did not go on")
                return
            time.sleep(0.1)
        print(f"{name}: two polls later after {time.monotonic() - began:.1f} s", flush=True)

    def lock(self) -> None:
        """Another writer has the database for longer than ours waits."""
        with locked(self.desk.url):
            time.sleep(35)

    def fill(self) -> None:
        """The disk is full for a while."""
        with full(self.desk.url, self.daemon.process.pid):
            time.sleep(10)

    def sleep(self) -> None:
        """The machine sleeps."""
        self.daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(10)
        self.daemon.process.send_signal(signal.SIGCONT)

    def move(self, seconds: int) -> None:
        """The wall clock is moved to so many seconds from the right time."""
        move_clock(self.desk, seconds)

    def restart(self, server: OwnServer, number: signal.Signals, pause: float) -> None:
        """Postgres is stopped in this way, and started again after so many seconds."""
        server.stop(number)
        time.sleep(pause)
        server.start()


def disturbances(folder: Path, server: OwnServer | None) -> list[str]:
    """Every fault of machines, one after the other; what is broken."""
    with Site() as site:
        desk = new_desk(folder, server, "faults")
        port = int(site.url.rsplit(":", 1)[1])
        feed = Reply(rss(("1", "Rain in the valley", f"{site.url}/1")), etag='"v1"')
        desk.watch(site.route("/feed.xml", feed))
        print(f"\n## faults, {desk.url.partition(':')[0]}\n")
        with Daemon(desk) as daemon:
            trial = Trial(desk, daemon)
            trial.tried("nothing")
            trial.tried("the database locked for 35 s", trial.lock)
            trial.tried("no room for 10 s", trial.fill)
            trial.tried("asleep for 10 s (50 minutes of its clock)", trial.sleep)
            for by, name in (
                (3600, "an hour ahead"),
                (0, "put right"),
                (YEAR, "a year ahead"),
                (0, "put right"),
                (-YEAR, "a year back"),
            ):
                trial.tried(f"the clock {name}", partial(trial.move, by))
            if server is not None:
                for number, name in (
                    (signal.SIGINT, "stopped"),
                    (signal.SIGQUIT, "crashed"),
                ):
                    for pause in (0, 5):
                        trial.tried(
                            f"Postgres {name}, away for {pause} s", partial(trial.restart, server, number, pause)
                        )
            site.stop()
            time.sleep(10)
            with Site(port=port) as again:
                again.route("/feed.xml", feed)
                trial.tried("the network down for 10 s (50 minutes of its clock)")
                began = time.monotonic()
                said = daemon.stop()
                print(f"SIGTERM: ended after {time.monotonic() - began:.1f} s with status {daemon.process.returncode}")
    if number_of(desk, "entries") != 1:
        trial.broken.append("the entry was lost or doubled")
    failed = [line.split(": ", 1)[1][:150] for line in said.splitlines() if " ERROR " in line]
    print(f"\nits {len(failed)} errors in the log, each once:", *dict.fromkeys(failed), sep="\n  ")
    return trial.broken


if __name__ == "__main__":
    sys.exit(main())
