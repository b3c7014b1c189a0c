"""How much each view of the analysts' page weighs in a full store, with the style and the scripts that come with it, as it travels.

    ./run.sh weights sqlite:///million.db              a store that bench/million.py filled

Each view is asked `--runs` times (10), each time for something else, as bench/queries.py does; a page travels as it is, style and
scripts packed. Printed are the lightest and the heaviest, in KB of 1,000 bytes; exit status 1 when one weighs more than 200.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from queries import Asker, pages, request

from storage.db import open_database

BOUND = 200_000
BESIDE = ("desk.css", "desk.js", "htmx.min.js")


def main() -> None:
    """Ask for every view; print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a store that bench/million.py filled")
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    database = open_database(given.url)
    on = Asker(database, 1)
    packed = (b"accept-encoding", b"gzip")
    beside = {name: len(asyncio.run(request(on.app, f"/static/{name}", "", packed))[1]) for name in BESIDE}
    told = ", ".join(f"{name} {size / 1000:.1f}" for name, size in beside.items())
    print(f"{database.dialect}, {given.runs} runs each; with each view {told}\n  lightest heaviest  KB")
    heaviest = 0
    for one in pages(on):
        on.rng.seed(one.name)
        sizes = [len(one.ask()) + sum(beside.values()) for _ in range(given.runs)]  # type: ignore[arg-type]
        heaviest = max(heaviest, *sizes)
        mark = "  over 200" if max(sizes) > BOUND else ""
        print(f"{min(sizes) / 1000:10.1f} {max(sizes) / 1000:8.1f}  {one.name}{mark}", flush=True)
    print(f"the heaviest weighs {heaviest / 1000:.1f} KB")
    database.close()
    sys.exit(heaviest > BOUND)


if __name__ == "__main__":
    main()
