"""Manners towards one host: turns among hosts, delays, room for slow servers, quiet when asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request
from scrapy.exceptions import CannotResolveHostError, DownloadTimeoutError
from scrapy.http import Response
from scrapy.settings import Settings

from crawler import guard
from crawler.fair import FairQueue
from crawler.gate import FORCED, Gate
from crawler.hosts import MOST_CRAWL_DELAY, MOST_ROOM, Hosts, NotAskedError

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Time:
    """Both clocks, which stand until they are moved."""

    seconds: float = 1000.0
    wall: datetime = NOW

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self.wall

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)


def hosts_at(time: Time, *, delay: float = 1.0, connections: int = 2) -> Hosts:
    return Hosts(connections=connections, delay=delay, now=time.now, clock=time.clock)


# --- whose turn it is ---


def test_hosts_take_turns() -> None:
    queue: FairQueue[str] = FairQueue(per_host=1, total=10)
    for number in range(3):
        queue.put("a", f"a{number}")
    queue.put("b", "b0")
    assert [queue.take(), queue.take(), queue.take()] == ["a0", "b0", None]
    queue.done("a")
    assert queue.take() == "a1"


def test_a_hundred_feeds_of_one_host_never_starve_the_others() -> None:
    queue: FairQueue[str] = FairQueue(per_host=2, total=64)
    for number in range(100):
        queue.put("big", f"big{number}")
    for number in range(50):
        queue.put(f"small{number}", f"small{number}")
    out = list(iter(queue.take, None))
    assert len([item for item in out if item.startswith("big")]) == 2
    assert len(out) == 52
    assert len(queue) == 98


def test_who_did_not_answer_last_time_holds_up_nobody_and_has_its_turn() -> None:
    """A quarter of the places at most, while others wait one turn in eight, and all of them in the end."""
    queue: FairQueue[str] = FairQueue(per_host=2, total=8)
    for number in range(40):
        queue.put(f"dead{number}.example", f"dead {number}", doubtful=True)
        queue.put(f"well{number}.example", f"well {number}")
    hanging, order = [], []
    while (item := queue.take()) is not None or hanging:
        if item is None:  # as when a dead one's time is over
            queue.done(hanging.pop(0), doubtful=True)
            continue
        order.append(item)
        kind, number = item.split()
        if kind == "dead":
            hanging.append(f"dead{number}.example")
            assert len(hanging) <= 2
        else:
            queue.done(f"well{number}.example")
    assert sorted(order) == sorted(f"{kind} {number}" for kind in ("dead", "well") for number in range(40))
    assert (
        sum(item.startswith("dead") for item in order[:42]) == 2
    )  # nobody hung longer than it took to serve all others
    assert (queue.out, len(queue)) == (0, 0)


def test_no_more_than_total_are_out() -> None:
    queue: FairQueue[int] = FairQueue(per_host=2, total=3)
    for number in range(10):
        queue.put(f"host{number}", number)
    assert [queue.take() for _ in range(4)] == [0, 1, 2, None]
    queue.done("host1")
    assert queue.take() == 3


def test_every_item_leaves_once() -> None:
    queue: FairQueue[int] = FairQueue(per_host=2, total=5)
    for number in range(40):
        queue.put(f"host{number % 3}", number)
    seen = []
    while len(queue) or queue.out:
        while (item := queue.take()) is not None:
            seen.append(item)
        queue.done(f"host{seen[-queue.out] % 3}")
    assert sorted(seen) == list(range(40))


def test_a_host_that_may_not_be_asked_yet_holds_nobody_up() -> None:
    opens = {"slow": 60.0}
    queue: FairQueue[str] = FairQueue(per_host=2, total=4, opens_at=lambda host: opens.get(host, 0.0))
    for number in range(3):
        queue.put("slow", f"slow{number}")
    queue.put("quick", "quick0")
    assert [queue.take(10.0), queue.take(10.0)] == ["quick0", None]
    assert queue.opens_next() == 60.0
    assert queue.take(60.0) == "slow0"
    opens["slow"] = 120.0
    assert queue.take(60.0) is None
    assert queue.take(120.0) == "slow1"


def test_who_waits_for_another_host_takes_no_place_from_the_others() -> None:
    idle = 0
    queue: FairQueue[int] = FairQueue(per_host=1, total=2, idle=lambda: idle)
    for number in range(4):
        queue.put(f"host{number}", number)
    assert [queue.take() for _ in range(3)] == [0, 1, None]
    idle = 2  # both were redirected to a host that is busy
    assert [queue.take() for _ in range(3)] == [2, 3, None]


def test_what_waits_for_a_host_can_be_taken_back() -> None:
    queue: FairQueue[int] = FairQueue(per_host=1, total=9)
    for number in range(6):
        queue.put(f"host{number % 2}", number)
    assert queue.take() == 0
    assert queue.drop("host0") == [2, 4]
    assert queue.drop("host0") == []
    queue.done("host0")
    queue.put("host0", 6)
    assert sorted(item for item in (queue.take(), queue.take()) if item is not None) == [1, 6]
    assert queue.clear() == [3, 5]
    assert queue.take() is None


# --- the delay ---


def run(scenario: Callable[[], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        return await scenario()

    return asyncio.run(main())


async def settled() -> None:
    """Let everything go on that can without the clock."""
    for _ in range(5):
        await asyncio.sleep(0)


@dataclass
class Asked:
    """Requests that ask for their turn; in the order in which they got it."""

    hosts: Hosts
    begun: list[str] = field(default_factory=list)
    failed: list[NotAskedError] = field(default_factory=list)

    def ask(self, host: str, name: str, *, forced: bool = False) -> asyncio.Task[None]:
        async def one() -> None:
            try:
                await self.hosts.turn(host, forced=forced)
                self.begun.append(name)
            except NotAskedError as error:
                self.failed.append(error)

        return asyncio.ensure_future(one())


def test_turns_come_one_delay_after_another_whatever_ended_meanwhile() -> None:
    async def scenario() -> None:
        time = Time()
        hosts = hosts_at(time)
        asked = Asked(hosts)
        tasks = [asked.ask("a.example", str(number)) for number in range(3)]
        other = asked.ask("b.example", "other")
        await settled()
        assert asked.begun == ["0", "other"]
        hosts.ended("a.example")
        await settled()
        assert asked.begun == ["0", "other"], "the delay counts from start to start"
        assert hosts.waiting == 2
        time.pass_by(1.0)
        hosts.ended("b.example")
        hosts._go_on("a.example", hosts._known("a.example"))
        await settled()
        assert asked.begun == ["0", "other", "1"]
        for task in (*tasks, other):
            task.cancel()

    run(scenario)


def test_no_more_than_the_connections_are_out_though_the_delay_is_over() -> None:
    async def scenario() -> None:
        time = Time()
        hosts = hosts_at(time, delay=0.0)
        asked = Asked(hosts)
        tasks = [asked.ask("a.example", str(number)) for number in range(4)]
        await settled()
        assert asked.begun == ["0", "1"]
        hosts.ended("a.example")
        await settled()
        assert asked.begun == ["0", "1", "2"]
        for task in tasks:
            task.cancel()

    run(scenario)


def test_who_gives_up_waiting_holds_no_connection() -> None:
    async def scenario() -> None:
        hosts = hosts_at(Time(), delay=0.0, connections=1)
        asked = Asked(hosts)
        first, second, third = (asked.ask("a.example", name) for name in ("first", "second", "third"))
        await settled()
        second.cancel()
        hosts.ended("a.example")
        await settled()
        assert asked.begun == ["first", "third"]
        assert hosts.waiting == 0
        third.cancel()
        first.cancel()

    run(scenario)


def answered(hosts: Hosts, *seconds: float, status: int = 200, host: str = "a.example") -> None:
    """As if the host had been asked and had answered after so long."""
    for took in seconds:
        hosts._start(hosts._known(host))
        hosts.ended(host, seconds=took, status=status)


def test_a_slow_server_gets_more_room_and_a_quick_one_the_delay() -> None:
    hosts = hosts_at(Time())
    answered(hosts, 0.1, 0.2)
    assert hosts.delay("a.example") == 1.0
    answered(hosts, *[4.0] * 20)
    assert hosts.delay("a.example") == pytest.approx(8.0, rel=0.01)
    answered(hosts, *[600.0] * 20)
    assert hosts.delay("a.example") == MOST_ROOM
    answered(hosts, *[0.1] * 40)
    assert hosts.delay("a.example") == 1.0


def test_one_hiccup_changes_little() -> None:
    hosts = hosts_at(Time())
    answered(hosts, *[0.1] * 5)
    answered(hosts, 8.0)
    assert hosts.delay("a.example") < 5.0


def test_a_server_that_complains_gets_twice_the_room_each_time() -> None:
    hosts = hosts_at(Time())
    delays = []
    for _ in range(7):
        answered(hosts, 0.01, status=429)
        delays.append(hosts.delay("a.example"))
    assert delays == [2, 4, 8, 16, 30, 30, 30]


def test_without_a_delay_nothing_adapts_but_a_crawl_delay_holds() -> None:
    hosts = hosts_at(Time(), delay=0.0)
    answered(hosts, *[9.0] * 9)
    answered(hosts, 1.0, status=503)
    assert hosts.delay("a.example") == 0.0
    hosts.set_crawl_delay("a.example", "https://www.a.example", 7.5)
    assert hosts.delay("a.example") == 7.5


def test_the_longest_crawl_delay_of_a_host_holds_up_to_a_minute() -> None:
    hosts = hosts_at(Time())
    hosts.set_crawl_delay("a.example", "https://www.a.example", 5.0)
    hosts.set_crawl_delay("a.example", "https://news.a.example", 12.0)
    assert hosts.delay("a.example") == 12.0
    hosts.set_crawl_delay("a.example", "https://news.a.example", 86_400.0)
    assert hosts.delay("a.example") == MOST_CRAWL_DELAY == 60.0
    assert hosts.slow(60.0) == {"a.example"}
    hosts.set_crawl_delay("a.example", "https://news.a.example", None)
    assert hosts.delay("a.example") == 5.0
    hosts.set_crawl_delay("a.example", "https://www.a.example", 0.0)
    assert hosts.delay("a.example") == 1.0


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=30), st.floats(min_value=0, max_value=3600))
def test_the_delay_is_never_shorter_than_configured_nor_out_of_bounds(seconds: list[float], delay: float) -> None:
    hosts = hosts_at(Time(), delay=delay)
    answered(hosts, *seconds)
    assert delay <= hosts.delay("a.example") <= max(delay, MOST_ROOM)


def test_what_is_known_of_a_host_outlives_a_crawl_but_not_for_ever() -> None:
    time = Time()
    hosts = hosts_at(time)
    answered(hosts, 10.0)
    hosts.begin()
    assert hosts.delay("a.example") == 20.0
    assert hosts.opens_at("a.example") == time.clock() + 20.0
    time.pass_by(4_000)
    hosts.begin()
    assert hosts._hosts == {}


# --- quiet ---


def test_who_waits_for_a_host_that_asks_for_quiet_is_sent_away_unless_forced() -> None:
    async def scenario() -> None:
        time = Time()
        hosts = hosts_at(time)
        asked = Asked(hosts)
        tasks = [asked.ask("a.example", "0"), asked.ask("a.example", "1"), asked.ask("a.example", "f", forced=True)]
        await settled()
        hosts.keep_quiet("a.example", NOW + HOUR, status=429)
        await settled()
        assert [(error.host, error.until) for error in asked.failed] == [("a.example", NOW + HOUR)]
        assert hosts.waiting == 1
        assert hosts.quiet() == {"a.example": NOW + HOUR}
        tasks.append(asked.ask("a.example", "2"))
        await settled()
        assert len(asked.failed) == 2
        time.pass_by(3_600)
        assert hosts.quiet_until("a.example") is None
        hosts.ended("a.example")
        tasks.append(asked.ask("a.example", "3"))
        await settled()
        assert asked.begun[:2] == ["0", "f"]
        for task in tasks:
            task.cancel()

    run(scenario)


def test_at_the_end_of_a_crawl_nobody_waits() -> None:
    async def scenario() -> None:
        hosts = hosts_at(Time())
        asked = Asked(hosts)
        tasks = [asked.ask("a.example", str(number)) for number in range(3)]
        await settled()
        hosts.leave()
        tasks.append(asked.ask("a.example", "late"))
        await asyncio.gather(*tasks)
        assert [error.until for error in asked.failed] == [None, None, None]
        assert asked.begun == ["0"]
        assert hosts.waiting == 0
        hosts.begin()
        late = asked.ask("b.example", "next crawl")
        await late
        assert asked.begun == ["0", "next crawl"]

    run(scenario)


# --- the gate ---


@dataclass
class Gated:
    """A gate over hosts whose clocks stand still, and what it told its spider."""

    time: Time = field(default_factory=Time)
    told: list[tuple[str, datetime, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hosts = hosts_at(self.time, delay=0.0)
        self.gate = Gate(self.hosts, self.heard)

    async def heard(self, host: str, until: datetime, status: int) -> None:
        self.told.append((host, until, status))

    def asks(self, url: str, status: int = 200, **meta: Any) -> Request:
        """A request that passed the gate, with its answer gone back through it."""
        headers = {"Retry-After": meta.pop("retry_after")} if "retry_after" in meta else {}
        request = Request(url, meta=meta)

        async def pass_through() -> None:
            await self.gate.process_request(request)
            await self.gate.process_response(request, Response(url, status=status, headers=headers))

        run(pass_through)
        return request


def test_every_hop_is_counted_on_its_own_registered_domain() -> None:
    gated = Gated()
    request = gated.asks("https://feeds.example.co.uk/a", download_slot="elsewhere.example")
    assert request.meta["download_slot"] == "example.co.uk"
    assert gated.hosts._known("example.co.uk").out == 0
    assert gated.hosts._known("example.co.uk").started == gated.time.clock()


@pytest.mark.parametrize("status", [429, 503, 301, 302, 307, 308])
@pytest.mark.parametrize("said", ["3600", "Tue, 24 Nov 2026 13:00:00 GMT"])
def test_a_retry_after_is_heard_on(status: int, said: str) -> None:
    gated = Gated()
    request = gated.asks("https://a.example/feed", status, retry_after=said)
    assert gated.told == [("a.example", NOW + HOUR, status)]
    assert gated.hosts.quiet() == {"a.example": NOW + HOUR}
    assert request.meta["dont_redirect"]


@pytest.mark.parametrize(
    ("status", "said"), [(200, "60"), (304, "60"), (404, "60"), (429, "soon"), (503, "0"), (429, "Tue, 24 Nov 2025 13:00:00 GMT")]
)  # fmt: skip
def test_a_retry_after_is_nothing_on(status: int, said: str) -> None:
    gated = Gated()
    gated.asks("https://a.example/feed", status, retry_after=said)
    assert gated.told == []
    assert gated.hosts.quiet() == {}


def test_no_host_is_left_alone_for_more_than_a_day() -> None:
    gated = Gated()
    gated.asks("https://a.example/feed", 503, retry_after="999999999")
    assert gated.hosts.quiet() == {"a.example": NOW + timedelta(days=1)}


def test_a_redirect_that_always_says_retry_after_is_followed_once_that_was_waited_for() -> None:
    gated = Gated()
    assert "dont_redirect" in gated.asks("https://a.example/feed", 302, retry_after="600").meta
    gated.time.pass_by(600)
    assert "dont_redirect" not in gated.asks("https://a.example/feed", 302, retry_after="600").meta
    assert "dont_redirect" not in gated.asks("https://a.example/other", 302, retry_after="600").meta
    gated.time.pass_by(2 * 86_400)
    assert "dont_redirect" in gated.asks("https://a.example/feed", 302, retry_after="600").meta


def test_what_the_user_forces_is_asked_and_followed() -> None:
    gated = Gated()
    gated.hosts.keep_quiet("a.example", NOW + HOUR, status=429)
    with pytest.raises(NotAskedError):
        gated.asks("https://a.example/feed")
    meta = gated.asks("https://a.example/feed", 302, retry_after="600", **{FORCED: True}).meta
    assert "dont_redirect" not in meta


def test_who_does_not_answer_in_time_is_slow_and_who_cannot_be_reached_is_not() -> None:
    gated = Gated()
    gated.hosts._delay = 1.0
    for error, delay in ((OSError("refused"), 1.0), (DownloadTimeoutError("no end"), MOST_ROOM)):
        request = Request("https://a.example/feed", meta={"download_timeout": 20.0})
        gated.time.pass_by(100)
        run(lambda request=request: gated.gate.process_request(request))
        gated.gate.process_exception(request, error)
        assert gated.hosts.delay("a.example") == delay
        assert gated.hosts._known("a.example").out == 0


def test_what_the_guard_did_not_refuse_is_not_told_as_refused() -> None:
    Gated().gate.process_exception(Request("https://nowhere.example/x"), CannotResolveHostError("?"))


def test_what_the_guard_refused_is_told_as_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(guard._refused, "inner.example", None)
    with pytest.raises(guard.RefusedAddressError):
        Gated().gate.process_exception(Request("https://inner.example/x"), CannotResolveHostError("?"))


def test_a_spider_without_hosts_gets_a_gate_by_the_settings() -> None:
    settings = Settings({"HOST_CONNECTIONS": 3, "HOST_DELAY": 2.5})
    crawler: Any = SimpleNamespace(spider=SimpleNamespace(), settings=settings)
    gate = Gate.from_crawler(crawler)
    assert gate.hosts.delay("a.example") == 2.5
