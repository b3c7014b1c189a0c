"""The model behind bench/simulate.py: how often feeds are polled by our policy, and crawlers that share hosts which want to be left in peace. PURE.

A discrete-event simulation. A feed is due, waits for its host (a delay from start to start, a number of connections), then for a free place in a crawler; the answer takes
its time; the crawler's one loop records it; what changed is parsed in one of its processes first. New entries that are worth reading are fetched from the same host.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import NormalDist

from msgspec.structs import replace

from crawler.hosts import MOST_ROOM, RESPONSE_SHARE
from crawler.outcomes import Outcome
from crawler.polling import Answer, FeedState, Policy, after

START = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
LONGEST, SHORTEST = (
    timedelta(days=20),
    timedelta(days=2),
)  # of watching what the policy does, after half as long of learning
LISTED = 30  # entries in a document
FASTEST = 30.0  # entries an hour; a wire's
TIMEOUT = 30.0  # seconds that a dead host holds a place


@dataclass(frozen=True, slots=True)
class Kind:
    """Feeds of one rate: how often our policy polls them, and what a poll brings. `share` is theirs of all feeds."""

    share: float
    rate: float  # entries an hour
    interval: float  # seconds between polls
    changed: float  # of the polls
    new: float  # entries a poll that found any


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of CPU: of a crawler's loop for an answer, for a document that changed and for a page; of its processes for reading those."""

    poll: float
    record: float
    parse: float
    page: float
    extract: float


@dataclass(frozen=True, slots=True)
class Crawler:
    """One machine: requests at once, and processes that parse."""

    places: int = 64
    processes: int = 2


@dataclass(slots=True)
class Host:
    """A registered domain: seconds until it answers, and its manners towards it."""

    response: float
    delay: float
    dead: bool = False
    opens: float = -math.inf
    out: int = 0
    line: deque[tuple[float, int]] = field(default_factory=deque)  # (due at, feed; -1 for a page)
    timed: bool = False
    waits: bool = False  # in line for a place in a crawler


def kinds(seed: int, *, daily: float, sigma: float, policy: Policy, classes: int = 40) -> list[Kind]:
    """Feeds by their rate, log-normally spread around `daily` entries a day in the mean, each polled for days by crawler.polling."""
    edges = [(number + 0.5) / classes for number in range(classes)]
    raw = [min(math.exp(sigma * NormalDist().inv_cdf(edge)), 400.0) for edge in edges]
    scale = daily / 24 / (sum(raw) / classes)
    rng = random.Random(seed)
    return [_polled(rng, min(rate * scale, FASTEST), 1 / classes, policy) for rate in raw]


def _polled(rng: random.Random, rate: float, share: float, policy: Policy) -> Kind:
    state, at, end = FeedState(url=f"https://f{rate:.4f}.example/"), START, START + 1.5 * _watched(policy)
    claimed = tuple(START - timedelta(hours=place / rate) for place in range(LISTED))
    first = Answer(at=at, outcome=Outcome.OK, first=True, seen=LISTED, new=LISTED, claimed=claimed)
    plan = after(state, first, policy)
    polls = changed = found = 0
    coming = at + timedelta(hours=rng.expovariate(rate))
    while (then := plan.at) < end:
        new = 0
        while coming <= then:
            new, coming = new + 1, coming + timedelta(hours=rng.expovariate(rate))
        state = replace(state, interval=plan.interval, rate=plan.rate, rhythm=plan.rhythm, last_polled_at=at)
        outcome, seen = (Outcome.OK, LISTED) if new else (Outcome.NOT_MODIFIED, 0)
        known = min(new, LISTED)
        answer = Answer(at=then, outcome=outcome, seen=seen, new=known, overlap=max(seen - new, 0))
        plan, at = after(state, answer, policy), then
        if then >= end - _watched(policy):
            polls, changed, found = polls + 1, changed + (new > 0), found + known
    return Kind(
        share, rate, _watched(policy).total_seconds() / max(polls, 1), changed / max(polls, 1), found / max(changed, 1)
    )


def _watched(policy: Policy) -> timedelta:
    return min(max(20 * policy.max_interval, SHORTEST), LONGEST)


def crowd(rng: random.Random, *, feeds: int, hosts: int, alpha: float, largest: float) -> list[int]:
    """How many feeds each host has: Pareto with exponent `alpha`, none of them more than `largest` of all feeds but the first, which has just that."""
    sizes = [rng.paretovariate(alpha) for _ in range(hosts - 1)]
    first = round(largest * feeds)
    scale = (feeds - first) / sum(sizes)
    counts = [first, *(max(1, min(round(size * scale), first)) for size in sizes)]
    counts[-1] = max(1, counts[-1] + feeds - sum(counts))
    return counts


class World:
    """Hosts with feeds of several kinds; `delay` seconds from start to start at least, as crawler.hosts has it."""

    def __init__(
        self, rng: random.Random, counts: Sequence[int], kinds_: Sequence[Kind], *, delay: float, response: float,
        spread: float = 1.0, dead: float = 0.0,
    ) -> None:  # fmt: skip
        self.kinds = kinds_
        self.hosts: list[Host] = []
        self.host_of: list[int] = []
        self.kind_of: list[int] = []
        weights = [kind.share for kind in kinds_]
        for place, count in enumerate(counts):
            seconds = response * math.exp(spread * rng.gauss(0, 1))
            room = min(RESPONSE_SHARE * seconds, MOST_ROOM) if delay else 0.0
            self.hosts.append(Host(seconds, max(delay, room), dead=place > 0 and rng.random() < dead))
            self.host_of += [place] * count
            self.kind_of += rng.choices(range(len(kinds_)), weights, k=count)

    def interval(self, feed: int) -> float:
        """Seconds between two polls; a dead host's feeds are asked once a day."""
        return 86_400.0 if self.hosts[self.host_of[feed]].dead else self.kinds[self.kind_of[feed]].interval

    def crowded(self) -> tuple[int, int, float]:
        """Hosts that cannot be asked as often as wanted, the feeds on them, and the longest time between two polls of one of those."""
        wanted = [0.0] * len(self.hosts)
        counts = [0] * len(self.hosts)
        for feed, host in enumerate(self.host_of):
            wanted[host] += 1 / self.interval(feed)
            counts[host] += 1
        over = [place for place, rate in enumerate(wanted) if rate * self.hosts[place].delay > 1]
        return (
            len(over),
            sum(counts[place] for place in over),
            max((counts[p] * self.hosts[p].delay for p in over), default=0.0),
        )


@dataclass
class Ran:
    """What a simulation saw. `late` are seconds from due to asked, of hosts that can be asked as often as wanted; `starts` all times of asking a feed."""

    seconds: float
    polls: int = 0
    pages: int = 0
    late: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    loop: float = 0.0  # share of the time that the crawlers' loops were busy
    parsing: float = 0.0
    places: float = 0.0  # share of the places that were taken


class Fleet:
    """Crawlers that take the next request of any host, and one simulated stretch of time."""

    def __init__(
        self, world: World, costs: Costs, *, crawlers: int, of: Crawler, connections: int, reads: float, rng: random.Random
    ) -> None:  # fmt: skip
        self.world, self.costs, self.of, self.connections, self.reads, self.rng = (
            world,
            costs,
            of,
            connections,
            reads,
            rng,
        )
        self.loops = [0.0] * crawlers
        self.free = [of.places] * crawlers
        self.parsers = [[0.0] * of.processes for _ in range(crawlers)]
        self.open = list(range(crawlers))  # crawlers with a free place, the next one first
        self.ready: deque[int] = deque()  # hosts that may be asked and wait for a place
        self.events: list[tuple[float, int, str, int, int, int]] = []
        self.count = 0
        self.busy = self.parse_busy = self.held = 0.0
        self.polite: set[int] = set()

    def run(self, seconds: float, *, once: bool = False) -> Ran:
        """So many seconds in which every feed is due in its own interval; or, `once`, all are due now, until all are polled."""
        world, rng = self.world, self.rng
        ran = Ran(seconds)
        wanted = [0.0] * len(world.hosts)
        for feed, host in enumerate(world.host_of):
            interval = world.interval(feed)
            wanted[host] += 1 / interval
            due = 0.0 if once else rng.random() * interval
            if once or due < seconds:
                self._at(due, "due", host, feed)
        self.polite = {host for host, rate in enumerate(wanted) if once or rate * world.hosts[host].delay <= 1}
        at = 0.0
        while self.events and (once or self.events[0][0] < seconds):
            at, _, what, host, feed, crawler = heapq.heappop(self.events)
            getattr(self, f"_{what}")(at, host, feed, crawler, ran, once)
        ran.seconds = at if once else seconds
        span = ran.seconds * len(self.loops)
        ran.loop, ran.parsing = self.busy / span, self.parse_busy / (span * self.of.processes)
        ran.places = self.held / (span * self.of.places)
        return ran

    def _at(self, at: float, what: str, host: int, feed: int, crawler: int = -1) -> None:
        self.count += 1
        heapq.heappush(self.events, (at, self.count, what, host, feed, crawler))

    def _due(self, at: float, place: int, feed: int, crawler: int, ran: Ran, once: bool) -> None:
        self.world.hosts[place].line.append((at, feed))
        if feed >= 0 and not once:
            self._at(at + self.world.interval(feed), "due", place, feed)
        self._turn(at, place, ran)

    def _opens(self, at: float, place: int, feed: int, crawler: int, ran: Ran, once: bool) -> None:
        self.world.hosts[place].timed = False
        self._turn(at, place, ran)

    def _turn(self, at: float, place: int, ran: Ran) -> None:
        host = self.world.hosts[place]
        if not host.line or host.waits or host.out >= self.connections:
            return
        if host.opens > at:
            if not host.timed:
                host.timed = True
                self._at(host.opens, "opens", place, -1)
            return
        host.waits = True
        self.ready.append(place)
        self._hand_out(at, ran)

    def _hand_out(self, at: float, ran: Ran) -> None:
        while self.ready and self.open:
            place, crawler = self.ready.popleft(), self.open.pop(0)
            host = self.world.hosts[place]
            due, feed = host.line.popleft()
            host.waits, host.opens, host.out = False, at + host.delay, host.out + 1
            self.free[crawler] -= 1
            if self.free[crawler]:
                self.open.append(crawler)
            if feed >= 0:
                ran.polls += 1
                ran.starts.append(at)
                if place in self.polite:
                    ran.late.append(at - due)
            else:
                ran.pages += 1
            seconds = TIMEOUT if host.dead else host.response
            self.held += seconds
            self._at(at + seconds, "answer", place, feed, crawler)
            self._turn(at, place, ran)

    def _work(self, at: float, crawler: int, seconds: float) -> float:
        self.loops[crawler] = max(at, self.loops[crawler]) + seconds
        self.busy += seconds
        return self.loops[crawler]

    def _answer(self, at: float, place: int, feed: int, crawler: int, ran: Ran, once: bool) -> None:
        host = self.world.hosts[place]
        host.out -= 1
        self._turn(at, place, ran)
        done = self._work(at, crawler, self.costs.poll)
        heavy = self.costs.extract
        if feed >= 0:
            kind = self.world.kinds[self.world.kind_of[feed]]
            if host.dead or self.rng.random() >= kind.changed:
                self._at(done, "end", place, feed, crawler)
                return
            heavy = self.costs.parse
            reads = kind.new * self.reads
            for _ in range(int(reads) + (self.rng.random() < reads % 1)):
                self._at(done, "due", place, -1)
        parsers = self.parsers[crawler]
        which = parsers.index(min(parsers))
        parsers[which] = max(done, parsers[which]) + heavy
        self.parse_busy += heavy
        self._at(parsers[which], "record", place, feed, crawler)

    def _record(self, at: float, place: int, feed: int, crawler: int, ran: Ran, once: bool) -> None:
        seconds = self.costs.record if feed >= 0 else self.costs.page
        self._at(self._work(at, crawler, seconds), "end", place, feed, crawler)

    def _end(self, at: float, place: int, feed: int, crawler: int, ran: Ran, once: bool) -> None:
        if not self.free[crawler]:
            self.open.append(crawler)
        self.free[crawler] += 1
        self._hand_out(at, ran)
