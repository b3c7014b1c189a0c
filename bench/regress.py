"""No regress: every phase of a round beside its floor and its goal, in one table.

    PEER_PYTHON=peer/bin/python ./run.sh bench                    2,000 feeds, beside lemon24/reader
    ./run.sh bench --feeds 500 --only warm,memory                 a quick look
    ./run.sh bench --store sqlite:///million.db                   the documented questions of a full store, too

Uses the farm of ../shared/bench (nginx, `pip install reader sgmllib3k` for the peer). What cannot be measured here is named with the
reason. Exit status 1 when anything measured is under its floor, 2 when nothing could be measured. Speeds are ratios to the peer in
the same run; the machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.phases import SHARED, Farm, article_rate, peak_memory, slow_rate  # noqa: E402

ROUND = ("cold", "warm", "tick", "rude")
PHASES = (*ROUND, "slow", "articles", "memory", "queries")


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach: at least `floor`, or with `at_most` no more than that."""

    phase: str
    figure: str
    floor: float
    goal: float
    at_most: bool = False

    def holds(self, measured: float) -> bool:
        """Whether the floor is reached."""
        return measured <= self.floor if self.at_most else measured >= self.floor


BARS = (
    Bar("cold", "x reader", 2.0, 4.0),
    Bar("warm", "x reader", 1.2, 1.8),
    Bar("warm", "CPU ms a feed", 2.4, 1.7, at_most=True),
    Bar("tick", "x reader", 1.8, 2.5),
    Bar("tick", "CPU ms a feed", 2.8, 2.0, at_most=True),
    Bar("rude", "x reader", 5.0, 10.0),
    Bar("slow", "feeds a second", 100, 135),
    Bar("articles", "pages a second", 45, 120),
    Bar("memory", "MB, all processes", 350, 250, at_most=True),
    Bar("queries", "over their bound", 0, 0, at_most=True),
)
Figures = dict[tuple[str, str], float]


def main() -> int:
    """Measure, print the table, say whether every floor holds."""
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("--feeds", type=int, default=2_000)
    about.add_argument("--rounds", type=int, default=3, help="of cold, warm, tick and rude; medians are taken")
    about.add_argument("--only", default=",".join(PHASES), help="phases, with commas")
    about.add_argument("--farm", type=Path, default=ROOT / ".bench-farm", help="where the farm is, or is made")
    about.add_argument("--store", help="a full store, which bench/million.py makes")
    given = about.parse_args()
    wanted = given.only.split(",")
    if unknown := set(wanted) - set(PHASES):
        about.error(f"no such phase: {', '.join(sorted(unknown))}; there are {', '.join(PHASES)}")
    found, skipped = measure(wanted, given)
    return tell(wanted, found, skipped)


def measure(wanted: Sequence[str], given: argparse.Namespace) -> tuple[Figures, dict[str, str]]:
    """The figures by phase and name; why what is missing is."""
    found: Figures = {}
    skipped: dict[str, str] = {}
    why = missing()
    on_farm = [phase for phase in wanted if phase != "queries"]
    if why:
        skipped |= dict.fromkeys(on_farm, why)
    elif on_farm:
        given.farm.mkdir(parents=True, exist_ok=True)
        farm = Farm(given.farm.resolve(), given.feeds, os.environ.get("PEER_PYTHON"))
        with farm.served():
            found |= _on_farm(farm, on_farm, given.rounds)
        if not farm.peer:
            skipped |= {phase: "no peer: set PEER_PYTHON" for phase in wanted if phase in ROUND}
    if "queries" in wanted:
        if given.store:
            found["queries", "over their bound"] = over_bound(given.store)
        else:
            skipped["queries"] = "no --store"
    return found, skipped


def missing() -> str:
    """What the farm needs and this machine has not; "" when all is there."""
    if not SHARED.is_dir():
        return "there is no ../shared/bench"
    return "" if shutil.which("nginx") else "nginx is not installed"


def _on_farm(farm: Farm, wanted: Sequence[str], rounds: int) -> Figures:
    found: Figures = {}
    if any(phase in ROUND for phase in wanted):
        for name, row in farm.side_by_side(rounds).items():
            phase, who = name.split()
            if who == "ours" and phase in wanted:
                found |= _of_row(phase, row)
    alone: dict[str, tuple[str, Callable[[], float]]] = {
        "slow": ("feeds a second", lambda: slow_rate(farm)),
        "articles": ("pages a second", lambda: article_rate(farm)),
        "memory": ("MB, all processes", lambda: peak_memory(farm)),
    }
    for phase, (figure, measured) in alone.items():
        if phase in wanted:
            found[phase, figure] = measured()
    return found


def _of_row(phase: str, row: dict[str, float | None]) -> Figures:
    ratio, cpu = row["ratio"], row["cpu_ms"]
    return {
        **({(phase, "x reader"): ratio} if ratio is not None else {}),
        **({(phase, "CPU ms a feed"): cpu} if cpu is not None else {}),
    }


def over_bound(store: str) -> int:
    """How many of the documented questions, API calls and pages are over their bound."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "queries.py"), store], capture_output=True, text=True, check=False
    )
    summary = done.stdout.strip().rpartition("\n")[2]  # "143 asked, 5 over their bound"
    return int(summary.split(", ")[1].split()[0])


def tell(wanted: Sequence[str], found: Figures, skipped: dict[str, str]) -> int:
    """Print the table; the exit status."""
    print(f"{'phase':10} {'figure':20} {'floor':>8} {'goal':>8} {'measured':>9}")
    under = 0
    for bar in BARS:
        if bar.phase not in wanted:
            continue
        measured = found.get((bar.phase, bar.figure))
        said, verdict = "-", f"skipped: {skipped.get(bar.phase, 'not measured')}"
        if measured is not None:
            said, verdict = (
                f"{measured:.2f}" if measured < 100 else f"{measured:.0f}",
                "holds" if bar.holds(measured) else "UNDER",
            )
            under += not bar.holds(measured)
        sign = "<=" if bar.at_most else ">="
        print(f"{bar.phase:10} {bar.figure:20} {sign}{bar.floor:>6g} {bar.goal:>8g} {said:>9}  {verdict}")
    if not found:
        return 2
    return 1 if under else 0


if __name__ == "__main__":
    sys.exit(main())
