"""Manners towards one host: how many connections, how long a pause, and when it asked to be left alone.

A host is a registered domain. Everything that asks one passes the gate (crawler/gate.py): feeds, articles, robots.txt, every redirect. What is
known of a host lives as long as the process, so that a new crawl is no new visitor. docs/decisions/0043 gives the reasons.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

from msgspec import Struct, field
from scrapy.exceptions import IgnoreRequest

from crawler.outcomes import MAX_RETRY_AFTER

if TYPE_CHECKING:
    from typing import Protocol

    class Leases(Protocol):
        """How the members of a cluster share hosts (crawler.leases): who holds one asks it alone."""

        def holds(self, host: str) -> bool:
            """Whether this process may ask the host now."""

        def want(self, host: str) -> None:
            """Try to get hold of the host, and tell `Hosts.taken` then."""

        def idle(self, host: str) -> None:
            """Nothing is in flight to the host and nothing waits for it: somebody else may have it."""


RESPONSE_SHARE = (
    2.0  # pause this many response times: half of the time a server has rest; Heritrix takes 5, AutoThrottle 1
)
MOST_ROOM = 30.0  # seconds of pause that slowness alone can bring about; as Heritrix's max-delay-ms
SMOOTHING = 0.25  # how much one answer moves the response time: four slow ones in a row count, one hiccup does not
MOST_CRAWL_DELAY = (
    60.0  # seconds of a Crawl-delay that are honoured; "86400" would be a ban, and Disallow is how one says that
)
COMPLAINTS = frozenset({429, 503})  # the answers by which a server says that it has too much to do
IDLE_SECONDS = 3600.0  # after which a host that nothing is to be remembered of is forgotten
REDIRECT_WAITED = timedelta(
    days=1
)  # a server that sends Retry-After with every redirect is waited for once in this time


class NotAskedError(IgnoreRequest):
    """A request that was not sent: its host asked to be left alone `until`, or (None) the crawl ends first."""

    def __init__(self, host: str, until: datetime | None = None) -> None:
        super().__init__(f"{host} was not asked")
        self.host = host
        self.until = until


class RobotsUnreachableError(IgnoreRequest):
    """A page that is not asked for because its robots.txt cannot be had; `outcome` is the class of that, `until` when it is tried again."""

    def __init__(self, outcome: str, reason: str, until: datetime) -> None:
        super().__init__(f"its robots.txt: {reason}")
        self.outcome = outcome
        self.until = until


class _Host(Struct):
    started: float = -math.inf  # when the latest request began
    out: int = 0  # requests in flight
    response: float = 0.0  # smoothed, seconds
    crawl_delays: dict[str, float] = field(default_factory=dict)  # by origin
    quiet_until: datetime | None = None
    redirect_waited: datetime | None = None  # the end of a quiet that came with a redirect
    waiting: deque[tuple[asyncio.Future[None], bool]] = field(default_factory=deque)  # and whether it is forced
    timer: asyncio.TimerHandle | None = None

    def is_forgettable(self, now: float) -> bool:
        """Whether nothing is lost when this host is forgotten."""
        used = self.out or self.waiting or self.crawl_delays or self.quiet_until or self.redirect_waited
        return not used and self.started < now - IDLE_SECONDS


class Hosts:
    """What this process knows of every host, and whose turn it is at each.

    At most `connections` requests to one host at a time, and `delay` seconds from the start of one to the start of the
    next; more for slow servers, none at all when `delay` is 0, but a Crawl-delay always holds. `now` is the wall clock.
    """

    def __init__(
        self, *, connections: int, delay: float, now: Callable[[], datetime], clock: Callable[[], float] = monotonic
    ) -> None:
        self._connections = connections
        self._delay = delay
        self.now = now
        self.clock = clock
        self._hosts: dict[str, _Host] = {}
        self.waiting = 0  # requests that wait for their turn
        self.on_wait: Callable[[], None] = lambda: None  # told when that changes
        self._leaving = False
        self.leases: Leases | None = None  # in a cluster

    def delay(self, host: str) -> float:
        """Seconds from the start of one request to this host to the start of the next."""
        return self._delay_of(self._known(host))

    def _delay_of(self, known: _Host) -> float:
        asked = max(known.crawl_delays.values(), default=0.0)
        room = min(RESPONSE_SHARE * known.response, MOST_ROOM) if self._delay else 0.0
        return max(self._delay, room, asked)

    def slow(self, seconds: float) -> frozenset[str]:
        """The hosts whose delay is as long as this."""
        return frozenset(host for host, known in self._hosts.items() if self._delay_of(known) >= seconds)

    def opens_at(self, host: str) -> float:
        """From which time of `clock` on the host's delay lets it be asked again."""
        known = self._known(host)
        return known.started + self._delay_of(known)

    # --- turns ---

    async def turn(self, host: str, *, forced: bool = False) -> None:
        """Wait until the host may be asked, and take one of its connections; `ended` gives it back.

        Raises NotAskedError when the host asked to be left alone, unless forced, or when the crawl ends meanwhile.
        """
        until = self.quiet_until(host)
        if until is not None and not forced:
            raise NotAskedError(host, until)
        known = self._known(host)
        if not known.waiting and self._may_start(host, known):
            self._start(known)
            return
        if self._leaving:
            raise NotAskedError(host)
        turn = asyncio.get_running_loop().create_future()
        known.waiting.append((turn, forced))
        self._waits(1)
        self._go_on(host, known)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.ended(host)
            raise

    def ended(self, host: str, *, seconds: float | None = None, status: int | None = None) -> None:
        """A request is over: after `seconds` until its answer began, with this status; None for what is not known."""
        known = self._known(host)
        known.out -= 1
        if status in COMPLAINTS:  # twice the pause, whatever Retry-After says; good answers bring it down again
            known.response = max(known.response, self._delay_of(known), seconds or 0.0)
        elif seconds is not None:
            known.response += SMOOTHING * (seconds - known.response) if known.response else seconds
        self._go_on(host, known)

    def _may_start(self, host: str, known: _Host) -> bool:
        if self.leases is not None and not self.leases.holds(host):
            self.leases.want(host)
            return False
        return known.out < self._connections and known.started + self._delay_of(known) <= self.clock()

    def _start(self, known: _Host) -> None:
        known.started = self.clock()
        known.out += 1

    def _go_on(self, host: str, known: _Host) -> None:
        """Let those begin whose turn has come; come back when the delay is over."""
        while known.waiting and self._may_start(host, known):
            turn, _ = known.waiting.popleft()
            self._waits(-1)
            if not turn.done():
                self._start(known)
                turn.set_result(None)
        if self.leases is not None and not (known.waiting and self.leases.holds(host)):
            if not known.waiting and not known.out:
                self.leases.idle(host)
            return  # `taken` goes on
        if known.waiting and known.timer is None and known.out < self._connections:
            pause = known.started + self._delay_of(known) - self.clock()
            known.timer = asyncio.get_running_loop().call_later(max(pause, 0.0), self._delay_over, host, known)

    def _delay_over(self, host: str, known: _Host) -> None:
        known.timer = None
        self._go_on(host, known)

    # --- in a cluster ---

    def taken(self, host: str, *, asked: float, response: float) -> None:
        """This process holds the host now, which somebody asked so many seconds ago and which took so long to answer."""
        known = self._known(host)
        known.started = max(known.started, self.clock() - asked)
        known.response = max(known.response, response)
        self._go_on(host, known)

    def is_busy(self, host: str) -> bool:
        """Whether anything is in flight to the host or waits for it."""
        known = self._known(host)
        return bool(known.out or known.waiting)

    def last_asked(self, host: str) -> tuple[float, float]:
        """How many seconds ago the host was asked, and how many it takes to answer."""
        known = self._known(host)
        return self.clock() - known.started, known.response

    def _waits(self, change: int) -> None:
        self.waiting += change
        self.on_wait()

    def leave(self) -> None:
        """The crawl ends: nobody waits any longer, until the next one begins. Those who do get NotAskedError."""
        self._leaving = True
        for host in self._hosts:
            self._send_away(host, None)

    def begin(self) -> None:
        """A crawl begins. Hosts that were not asked for long are forgotten, so that nothing grows with the weeks."""
        self._leaving = False
        now = self.clock()
        self._hosts = {host: known for host, known in self._hosts.items() if not known.is_forgettable(now)}

    def _send_away(self, host: str, until: datetime | None) -> None:
        known = self._known(host)
        staying: deque[tuple[asyncio.Future[None], bool]] = deque()
        for turn, forced in known.waiting:
            if forced and until is not None:
                staying.append((turn, forced))
                continue
            self._waits(-1)
            if not turn.done():
                turn.set_exception(NotAskedError(host, until))
        known.waiting = staying
        if known.timer is not None and not staying:
            known.timer.cancel()
            known.timer = None

    # --- what hosts ask for ---

    def keep_quiet(self, host: str, until: datetime, *, status: int) -> None:
        """The host asked, with an answer of this status, to be left alone; a time that is over may be told, too."""
        known = self._known(host)
        if 300 <= status < 400:
            known.redirect_waited = until
        if until > self.now():
            known.quiet_until = until
            self._send_away(host, until)

    def quiet_until(self, host: str) -> datetime | None:
        """Until when the host asked to be left alone; None when it may be asked now."""
        known = self._hosts.get(host)
        if known is None or known.quiet_until is None:
            return None
        now = self.now()
        if not now < known.quiet_until <= now + MAX_RETRY_AFTER:  # over, or told by a clock that was ahead
            known.quiet_until = None
        return known.quiet_until

    def quiet(self) -> dict[str, datetime]:
        """Every host that is not to be asked now, with the end of that."""
        return {host: until for host in list(self._hosts) if (until := self.quiet_until(host)) is not None}

    def forget_quiet(self, host: str) -> None:
        """The user said that this host may be asked all the same."""
        self._known(host).quiet_until = None

    def has_waited(self, host: str) -> bool:
        """Whether a Retry-After that came with a redirect was waited for, not long ago: now it may be followed."""
        waited = self._known(host).redirect_waited
        return waited is not None and waited <= self.now() <= waited + REDIRECT_WAITED

    def set_crawl_delay(self, host: str, origin: str, seconds: float | None) -> None:
        """What the robots.txt of one of the host's origins says; the longest of a host holds, up to MOST_CRAWL_DELAY."""
        known = self._known(host)
        if seconds:
            known.crawl_delays[origin] = min(seconds, MOST_CRAWL_DELAY)
        else:
            known.crawl_delays.pop(origin, None)

    def _known(self, host: str) -> _Host:
        return self._hosts.setdefault(host, _Host())
