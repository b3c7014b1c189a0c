"""Feeds replayed under three ways to decide when to poll: ours, miniflux's, Media Cloud's.

    ./run.sh replay [--seed N] [--each]

Replays the recorded timelines of ../shared (when they are there) and synthetic feeds, made from the seed: entries appear,
the document lists the newest, a poll sees what is listed then. Prints, for each kind of feed and in all: entries that no
poll saw, the delay from an entry's appearance to the poll that found it, requests, and requests per new entry. Entries of
the first document count for nobody. No publisher gives hints here, so none is obeyed. Exits 1 when ours misses more, or
asks more, than one of the others over all kinds together.

The formulas of the others (facts, not code) are those of miniflux 2.2, `POLLING_SCHEDULER=entry_frequency` with its default factor
1 and bounds of 5 minutes and 24 hours, and of Media Cloud's rss-fetcher, its defaults and its automatic adjustment.
"""

from __future__ import annotations

import argparse
import json
import lzma
import math
import random
import re
import statistics
import sys
import tarfile
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from crawler.outcomes import Outcome
from crawler.polling import Answer, FeedState, Policy, after

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "feeds"
START = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)  # a Monday
MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=7)
DAYS = 56


@dataclass(frozen=True, slots=True)
class Item:
    """An entry: when it appeared, when it was no longer listed (None: pushed out by newer ones), what date it claims."""

    number: int
    appeared: datetime
    claimed: datetime | None
    gone: datetime | None = None


@dataclass
class Timeline:
    """A feed's life: its entries by appearance; a synthetic document lists the newest `size` of them."""

    kind: str
    name: str
    items: list[Item]
    start: datetime
    end: datetime
    size: int | None = None
    times: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.items.sort(key=lambda item: item.appeared)
        self.times = [item.appeared for item in self.items]

    def listed(self, at: datetime) -> list[Item]:
        """What the document lists at this moment."""
        known = bisect_right(self.times, at)
        if self.size is not None:
            return self.items[max(0, known - self.size) : known]
        return [item for item in self.items[:known] if item.gone is None or item.gone > at]

    def left(self, index: int) -> bool:
        """Whether an entry that nobody saw was no longer listed at the end: missed, not waiting."""
        if self.size is not None:
            return len(self.items) - index > self.size
        gone = self.items[index].gone
        return gone is not None and gone <= self.end


@dataclass(frozen=True, slots=True)
class Seen:
    """What one poll saw: how many entries, which were new, how many the document before had."""

    at: datetime
    listed: Sequence[Item]
    new: Sequence[Item]
    overlap: int
    first: bool
    changed: bool


class Scheduler(Protocol):
    """Decides, after each poll of one feed, when the next one is."""

    def after(self, seen: Seen) -> datetime:
        """The next poll."""


class Ours:
    """`crawler.polling`, as it is."""

    def __init__(self, timeline: Timeline) -> None:
        self.state = FeedState(url=f"https://{timeline.kind}.example/{timeline.name}")

    def after(self, seen: Seen) -> datetime:
        """The next poll."""
        answer = Answer(
            at=seen.at, outcome=Outcome.OK if seen.changed else Outcome.NOT_MODIFIED, first=seen.first,
            seen=len(seen.listed) if seen.changed else 0, new=len(seen.new) if seen.changed else 0,
            overlap=seen.overlap if seen.changed else 0,
            claimed=tuple(item.claimed for item in seen.listed if item.claimed) if seen.changed else (),
        )  # fmt: skip
        plan = after(self.state, answer, Policy())
        self.state = replace(
            self.state, interval=plan.interval, rate=plan.rate, rhythm=plan.rhythm, last_polled_at=seen.at
        )
        return plan.at


class Miniflux:
    """A week, divided by the entries a week: 5 minutes to 24 hours; from the mean distance of the claimed dates of the last week."""

    def __init__(self, timeline: Timeline) -> None:
        self.dates: list[datetime] = []

    def after(self, seen: Seen) -> datetime:
        """The next poll."""
        self.dates += [item.claimed or seen.at for item in seen.new]
        self.dates = [date for date in self.dates if date >= seen.at - WEEK]
        span = (max(self.dates) - min(self.dates)) / (len(self.dates) - 1) if len(self.dates) > 1 else None
        weekly = math.ceil(WEEK / span) if span else 0
        return seen.at + (min(max(WEEK / weekly, 5 * MINUTE), DAY) if weekly else DAY)


class MediaCloud:
    """Six hours; ten minutes more (an hour after a month of silence) when two thirds of a document are known, an hour less, or
    back to six hours, when less than a third is: 10 minutes to 24 hours."""

    def __init__(self, timeline: Timeline) -> None:
        self.interval, self.last_new = 6 * HOUR, timeline.start

    def after(self, seen: Seen) -> datetime:
        """The next poll."""
        if seen.new:
            self.last_new = seen.at
        known = 100 * (len(seen.listed) - len(seen.new)) / len(seen.listed) if seen.changed and seen.listed else 101
        if not seen.first and known >= 67:
            small = seen.at - self.last_new < 32 * DAY or known < 100
            self.interval = min(self.interval + (10 * MINUTE if small else HOUR), DAY)
        elif not seen.first and known < 33:
            self.interval = 6 * HOUR if self.interval > 6 * HOUR else max(self.interval - HOUR, 10 * MINUTE)
        return seen.at + self.interval


SCHEDULERS: dict[str, Callable[[Timeline], Scheduler]] = {
    "levantwatch": Ours,
    "miniflux": Miniflux,
    "media cloud": MediaCloud,
}


@dataclass
class Score:
    """What a way of polling brought."""

    requests: int = 0
    new: int = 0
    missed: int = 0
    delays: list[float] = field(default_factory=list)

    def add(self, other: Score) -> None:
        """Sum up."""
        self.requests += other.requests
        self.new += other.new
        self.missed += other.missed
        self.delays += other.delays

    def row(self) -> str:
        """One line of the table."""
        delays = sorted(self.delays) or [0.0]
        return (
            f"{self.new:7} {self.missed:7} {_told(statistics.median(delays)):>8} {_told(delays[int(len(delays) * 0.95)]):>8}"
            f" {self.requests:9} {self.requests / max(self.new, 1):8.3f}"
        )


def _told(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"


def replay(timeline: Timeline, make: Callable[[Timeline], Scheduler]) -> Score:
    """One feed under one way of polling."""
    scheduler, at, score = make(timeline), timeline.start, Score()
    known: set[int] = set()
    before: set[int] = set()
    first = True
    while at <= timeline.end:
        listed = timeline.listed(at)
        numbers = {item.number for item in listed}
        new = [item for item in listed if item.number not in known]
        if not first:
            score.new += len(new)
            score.delays += [(at - item.appeared) / HOUR for item in new]
        seen = Seen(at, listed, new, len(numbers & before), first, changed=first or numbers != before)
        known |= numbers
        before = numbers
        at, first = max(scheduler.after(seen), at + MINUTE), False
        score.requests += 1
    missed = [
        item for index, item in enumerate(timeline.items)
        if item.number not in known and item.appeared > timeline.start and timeline.left(index)
    ]  # fmt: skip
    score.missed = len(missed)
    return score


# --- synthetic feeds ---

Rate = Callable[[datetime], float]  # entries an hour at a moment


def poisson(rng: random.Random, rate: Rate, *, most: float, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Moments at a rate that changes, by thinning; `most` is its maximum."""
    at = begin
    while (at := at + timedelta(hours=rng.expovariate(most))) < end:
        if rng.random() * most < rate(at):
            yield at


def flat(rate: float) -> Rate:
    """The same at any time."""
    return lambda at: rate


def by_day(rate: float, zone: int = 0) -> Rate:
    """Eight of ten between 7 and 19, next to nothing from 0 to 5, in a time zone; `rate` on the mean hour."""
    hours = [0.1] * 5 + [0.5, 1.0] + [1.7] * 12 + [0.9] * 3 + [0.4, 0.2]
    mean = sum(hours) / 24
    return lambda at: rate * hours[(at.hour + zone) % 24] / mean


def weekly(rate: float) -> Rate:
    """By day, and a tenth of that on Saturdays and Sundays."""
    day = by_day(rate)
    return lambda at: day(at) * (0.1 if at.weekday() >= 5 else 1.36)


def seasonal(rate: float) -> Rate:
    """By day, between a fifth and nearly double within four weeks."""
    day = by_day(rate)
    return lambda at: day(at) * (1 + 0.8 * math.sin((at - START) / (28 * DAY) * 2 * math.pi))


def sudden(rate: float, quiet: timedelta, length: timedelta) -> Rate:
    """Silence, then this much for a time, in turn."""
    return lambda at: rate if (at - START) % (quiet + length) >= quiet else 0.0


def synthetic(seed: int) -> list[Timeline]:
    """Every kind at several rates and sizes, as news outlets have them: from one entry in two days to a wire's 30 an hour."""
    rng = random.Random(seed)
    made: list[Timeline] = []

    def feed(kind: str, rate: Rate, most: float, size: int, dated: Callable[[datetime], datetime | None]) -> None:
        end = START + DAYS * DAY
        moments = list(poisson(rng, rate, most=most, begin=START - 60 * DAY, end=end))
        items = [Item(number, moment, dated(moment)) for number, moment in enumerate(moments)]
        made.append(Timeline(kind, str(len(made)), items, START, end, size))

    def true(at: datetime) -> datetime:
        return at

    for rate, size in ((0.02, 10), (0.1, 15), (0.3, 20), (1.0, 25), (2.0, 30), (5.0, 50), (12.0, 60)):
        feed("steady", flat(rate), rate, size, true)
        feed("day and night", by_day(rate), 2.5 * rate, size, true)
        feed("day and night", by_day(rate, 9), 2.5 * rate, size, true)
        feed("weekly", weekly(rate), 4 * rate, size, true)
        feed("seasonal", seasonal(rate), 4.5 * rate, size, true)
        feed("no dates", by_day(rate), 2.5 * rate, size, lambda at: None)
        feed("backdated", by_day(rate), 2.5 * rate, size, lambda at: at - rng.choice((0, 0, 1, 30, 2000)) * HOUR)
    for rate, size, quiet, length in (
        (3.0, 20, 2 * DAY, 6 * HOUR),
        (6.0, 30, 5 * DAY, 12 * HOUR),
        (10.0, 50, DAY, 3 * HOUR),
    ):
        feed("bursty", sudden(rate, quiet, length), rate, size, true)
        feed("silent, then a burst", sudden(rate / 2, 25 * DAY, 3 * DAY), rate / 2, size, true)
    for rate in (12.0, 20.0, 30.0):
        feed("rolls off 20", by_day(rate), 2.5 * rate, 20, true)
        feed("rolls off 20", flat(rate), rate, 20, true)
    return made


# --- recorded feeds ---

ITEM = re.compile(r"<(?:\w+:)?(item|entry)[\s>].*?</(?:\w+:)?\1\s*>", re.DOTALL | re.IGNORECASE)
ID = re.compile(r"<(?:guid|id|link)(?:\s[^>]*)?>\s*(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?\s*</(?:guid|id|link)>", re.DOTALL)
DATE = re.compile(r"<(?:pubDate|published|updated|dc:date)>\s*(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?\s*</", re.DOTALL)


def recorded() -> list[Timeline]:
    """The recorded captures of ../shared; none when they are not there.

    Between two captures an entry appeared when it claims to have been published, if that lies between them, else with the
    later one; it was listed until the first capture without it.
    """
    if not SHARED.is_dir():
        return []
    captures: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    rows = [json.loads(line) for line in (SHARED / "TIMELINES.jsonl").read_text(encoding="utf-8").splitlines()]
    with lzma.open(SHARED / "timelines.tar.xz") as packed, tarfile.open(fileobj=packed) as archive:
        texts = {
            "/".join(member.name.split("/")[-2:]): read.read().decode("utf-8", "replace")
            for member in archive if (read := archive.extractfile(member))
        }  # fmt: skip
    for row in rows:
        name, file = row["file"].split("/")[-2:]
        at = datetime.fromisoformat(row["capture_date"]).astimezone(UTC)
        captures[name].append((at, texts[f"{name}/{file}"]))
    return [_timeline(name, sorted(steps)) for name, steps in captures.items()]


def _timeline(name: str, steps: list[tuple[datetime, str]]) -> Timeline:
    dates: dict[str, datetime | None] = {}
    shown: list[set[str]] = []
    for _, text in steps:
        found = {}
        for item in ITEM.finditer(text):
            if identity := ID.search(item.group()):
                found[identity.group(1)] = _date(DATE.search(item.group()))
        shown.append(set(found))
        dates = found | dates
    items = []
    for number, (identity, claimed) in enumerate(dates.items()):
        first = next(step for step, there in enumerate(shown) if identity in there)
        last = max(step for step, there in enumerate(shown) if identity in there)
        before, at = steps[max(first - 1, 0)][0], steps[first][0]
        appeared = claimed if claimed and before < claimed < at else at
        items.append(Item(number, appeared, claimed, steps[last + 1][0] if last + 1 < len(steps) else None))
    return Timeline("recorded", name, items, steps[0][0], steps[-1][0])


def _date(match: re.Match[str] | None) -> datetime | None:
    try:
        return parsedate_to_datetime(match.group(1)).astimezone(UTC) if match else None
    except (ValueError, TypeError):
        return None


# --- the table ---


def table(timelines: Iterable[Timeline], each: bool) -> dict[str, Score]:
    """Replay everything, print a line per kind and way, and return the sums."""
    by_kind: dict[str, list[Timeline]] = defaultdict(list)
    for timeline in timelines:
        by_kind[f"{timeline.kind}: {timeline.name}" if each else timeline.kind].append(timeline)
    totals = {name: Score() for name in SCHEDULERS}
    print(f"{'':28}{'':13} {'found':>7} {'missed':>7} {'median':>8} {'p95':>8} {'requests':>9} {'per new':>8}")
    for kind, group in by_kind.items():
        for name, make in SCHEDULERS.items():
            score = Score()
            for timeline in group:
                score.add(replay(timeline, make))
            totals[name].add(score)
            print(f"{kind if name == 'levantwatch' else '':28}{name:13} {score.row()}")
    for name, score in totals.items():
        print(f"{'all' if name == 'levantwatch' else '':28}{name:13} {score.row()}")
    return totals


def main() -> int:
    """Replay, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=7, help="what the synthetic feeds are drawn from")
    parser.add_argument("--each", action="store_true", help="a line for every feed, not for every kind")
    args = parser.parse_args()
    real = recorded()
    if not real:
        print("the recorded timelines of ../shared are not here; synthetic feeds only")
    totals = table([*real, *synthetic(args.seed)], args.each)
    ours = totals.pop("levantwatch")
    worse = [name for name, other in totals.items() if ours.missed > other.missed or ours.requests >= other.requests]
    print(
        "misses no more, with fewer requests:", "no, against " + " and ".join(worse) if worse else "yes, against both"
    )
    return bool(worse)


if __name__ == "__main__":
    sys.exit(main())
