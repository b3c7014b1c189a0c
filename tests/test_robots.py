"""robots.txt by RFC 9309: what a file says, what follows from an answer, and who is asked how often."""

from __future__ import annotations

import asyncio
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from protego import Protego
from scrapy import Request
from scrapy import exceptions as scrapy_errors
from scrapy.http import Response

from crawler.answers import HttpAnswer, read_failure
from crawler.hosts import Hosts, NotAskedError, RobotsUnreachableError
from crawler.polling import Outcome
from crawler.robots import (
    FIRST_RETRY,
    LAST_RETRY,
    MAX_BYTES,
    REMEMBERED_CHARS,
    TOKEN,
    RobotsFiles,
    RobotsTxt,
    file_after,
    origin_of,
    rules_for_us,
)
from crawler.urls import registered_domain
from storage.errors import StorageError
from storage.hosts import RobotsFile

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DATA = Path(__file__).parent / "data" / "robots"
ORIGIN = "https://www.northpost.example"
HOST = registered_domain(ORIGIN)


def rules(body: bytes) -> Protego:
    return Protego.parse(rules_for_us(body))


def allows(body: bytes, path: str) -> bool:
    return rules(body).can_fetch(ORIGIN + path, TOKEN)


# --- what a file says ---


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("*.txt")))
def test_a_file_says(name: str) -> None:
    body = (DATA / f"{name}.txt").read_bytes()
    expected = tomllib.loads((DATA / f"{name}.toml").read_text())
    paths = [*expected["forbidden"], *expected["allowed"]]
    assert {path: allows(body, path) for path in paths} == {path: path in expected["allowed"] for path in paths}
    assert rules(body).crawl_delay(TOKEN) == expected.get("crawl_delay")


def test_the_first_500_kib_are_read_and_no_half_line() -> None:
    filler = b"# nothing to see\n"
    start = b"User-agent: *\nDisallow: /first/\n"
    lines = start + filler * ((MAX_BYTES - len(start) - 10) // len(filler))
    body = lines.ljust(MAX_BYTES - 10, b" ") + b"\nDisallow: /last/\nDisallow: /beyond/\n" + filler * 100_000
    assert body[:MAX_BYTES].endswith(b"Disallow:")
    assert not allows(body, "/first/1")
    assert allows(body, "/last/1")
    whole = body.replace(b"# nothing to see\n", b"", 2)
    assert not allows(whole, "/last/1")
    cut = lines.ljust(MAX_BYTES - 12, b" ") + b"\nDisallow: /private/\n"
    assert cut[:MAX_BYTES].endswith(b"Disallow: /")
    assert allows(cut, "/world"), "half of this line would forbid everything"


def test_what_is_kept_of_a_large_file_is_what_concerns_us() -> None:
    others = b"".join(b"User-agent: bot%d\nDisallow: /%d/\n" % (number, number) for number in range(5_000))
    body = others + b"User-agent: *\nDisallow: /x/\n" + others
    assert rules_for_us(body) == "User-agent: *\nDisallow: /x/"


def test_agents_times_rules_are_no_square() -> None:
    agents = b"".join(b"User-agent: bot%d\n" % number for number in range(12_000)) + b"User-agent: *\n"
    body = agents + b"".join(b"Disallow: /%d/\n" % number for number in range(12_000))
    assert len(body) < MAX_BYTES
    began = time.process_time()
    assert not allows(body, "/11999/x")
    assert time.process_time() - began < 20, "Protego alone makes 144 million rules of it; no measure of speed"


@given(st.binary(max_size=2_000))
def test_any_bytes_can_be_read(body: bytes) -> None:
    found = rules(b"User-agent: *\n" + body)
    assert found.can_fetch(ORIGIN + "/robots.txt", TOKEN)
    assert rules_for_us(rules_for_us(body).encode("utf-8", "surrogatepass")) == rules_for_us(body)


def test_an_origin_has_its_port_and_no_password() -> None:
    assert origin_of("HTTPS://reader:secret@News.Example:8443/a?b#c") == "https://news.example:8443"


# --- what follows from an answer ---


def answer(status: int | None = None, outcome: Outcome = Outcome.OK, **values: Any) -> HttpAnswer:
    given_ = {"at": NOW, "seconds": 0.1, "body": b"", **values}
    return HttpAnswer(outcome=outcome, http_status=status, **given_)


def after(answered: HttpAnswer, before: RobotsFile | None = None, **values: Any) -> RobotsFile:
    return file_after(ORIGIN, answered, before=before, host=HOST, **values)


def test_a_good_answer_holds_for_a_day() -> None:
    found = after(answer(200, body=b"User-agent: *\nDisallow: /x/"))
    assert (found.outcome, found.rules, found.expires_at) == ("ok", "User-agent: *\nDisallow: /x/", NOW + DAY)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 418, 451, 302, 304])
def test_everything_is_allowed_where_there_is_no_file(status: int) -> None:
    found = after(answer(status, Outcome.CLIENT_ERROR))
    assert (found.outcome, found.expires_at, found.failing_since) == ("unavailable", NOW + DAY, None)


def test_after_five_redirects_there_is_no_file() -> None:
    found = after(answer(outcome=Outcome.REDIRECT_LOOP), too_many_redirects=True)
    assert found.outcome == "unavailable"


@pytest.mark.parametrize(
    ("answered", "outcome"),
    [
        (answer(500, Outcome.SERVER_ERROR), "server-error"),
        (answer(503, Outcome.BLOCKED), "server-error"),
        (answer(599, Outcome.SERVER_ERROR), "server-error"),
        (answer(429, Outcome.RATE_LIMITED), "rate-limited"),
        (answer(302, Outcome.RATE_LIMITED, retry_after=NOW + HOUR), "rate-limited"),
        (answer(outcome=Outcome.TIMEOUT), "timeout"),
        (answer(outcome=Outcome.DNS), "dns"),
        (answer(outcome=Outcome.TLS), "tls"),
        (answer(outcome=Outcome.CONNECTION), "connection"),
        (answer(outcome=Outcome.REFUSED_ADDRESS), "refused-address"),
        (answer(outcome=Outcome.TOO_LARGE), "server-error"),  # a bomb says nothing of the pages
    ],
)
def test_nothing_is_allowed_while_the_file_cannot_be_had(answered: HttpAnswer, outcome: str) -> None:
    found = after(answered)
    assert (found.outcome, found.failing_since, found.failures) == (outcome, NOW, 1)
    assert found.expires_at == max(NOW + FIRST_RETRY, answered.retry_after or NOW)


def test_a_file_that_cannot_be_had_is_asked_for_less_and_less_often_and_not_for_ever() -> None:
    known, pauses = None, []
    now = NOW
    while now < NOW + timedelta(days=31):
        known = after(answer(500, Outcome.SERVER_ERROR, at=now), known)
        pauses.append(known.expires_at - now)
        if known.outcome == "unavailable":
            break
        now = known.expires_at
    assert pauses[:4] == [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY, 8 * FIRST_RETRY]
    assert max(pauses[:-1]) == LAST_RETRY
    assert known is not None
    assert known.outcome == "unavailable"
    assert timedelta(days=30) <= now - NOW <= timedelta(days=30) + LAST_RETRY
    assert len(pauses) < 150
    mended = after(answer(404, Outcome.NOT_FOUND, at=now + DAY), known)
    assert (mended.failing_since, mended.failures) == (None, 0)


def test_a_crawl_delay_holds_on_while_the_file_cannot_be_had() -> None:
    before = replace(after(answer(200)), crawl_delay=9.0)
    assert after(answer(500, Outcome.SERVER_ERROR), before).crawl_delay == 9.0
    assert after(answer(404, Outcome.NOT_FOUND), before).crawl_delay is None


def test_a_page_waits_until_its_robots_file_is_asked_for_again() -> None:
    error = RobotsUnreachableError("timeout", "no end after 20 seconds.", NOW + HOUR)
    found = read_failure(error, at=NOW)
    assert (found.outcome, found.retry_after) == (Outcome.TIMEOUT, NOW + HOUR)
    assert found.error == "its robots.txt: no end after 20 seconds."


# --- who is asked how often ---


class Engine:
    """Answers robots.txt as it is told, after the loop has gone round a few times; remembers what it was asked."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def download_async(self, request: Request) -> Response:
        self.asked.append(request.url)
        for _ in range(3):
            await asyncio.sleep(0)
        answered = self.answers.pop(0)
        if isinstance(answered, Exception):
            raise answered
        answered.request = request
        return answered


class Shelf:
    """A database of robots files."""

    def __init__(self, *files: RobotsFile) -> None:
        self.files = {file.origin: file for file in files}
        self.broken = False

    async def load(self, origin: str) -> RobotsFile | None:
        if self.broken:
            raise StorageError("it is down")
        return self.files.get(origin)

    async def keep(self, file: RobotsFile) -> None:
        self.files[file.origin] = file


class World:
    """The middleware with a fake engine, a fake shelf and a clock that stands."""

    def __init__(self, engine: Engine, shelf: Shelf | None = None) -> None:
        self.now = NOW
        self.engine = engine
        self.shelf = shelf or Shelf()
        self.hosts = Hosts(connections=2, delay=0.0, now=lambda: self.now)
        self.forget()

    def forget(self) -> None:
        """As after a restart."""
        self.files = RobotsFiles(self.shelf.load, self.shelf.keep)
        crawler: Any = SimpleNamespace(engine=self.engine)
        self.middleware = RobotsTxt(crawler, self.hosts, self.files)

    def may(self, *urls: str) -> list[str]:
        """What becomes of requests for these, all at once: `yes`, or the class of the refusal."""

        async def one(url: str) -> str:
            try:
                await self.middleware.process_request(Request(url))
            except scrapy_errors.IgnoreRequest as error:
                return "no" if type(error) is scrapy_errors.IgnoreRequest else type(error).__name__
            return "yes"

        async def all_() -> list[str]:
            return list(await asyncio.gather(*(one(url) for url in urls)))

        return asyncio.run(all_())


def robots_txt(body: bytes = b"User-agent: *\nDisallow: /x/\nCrawl-delay: 3", status: int = 200) -> Response:
    return Response(ORIGIN + "/robots.txt", status=status, body=body)


def test_however_many_pages_wait_the_file_is_asked_for_once() -> None:
    world = World(Engine(robots_txt()))
    urls = [f"{ORIGIN}/{folder}/{number}" for number in range(10) for folder in "xy"]
    assert world.may(*urls) == ["no", "yes"] * 10
    assert world.engine.asked == [ORIGIN + "/robots.txt"]
    assert world.hosts.delay(HOST) == 3.0


def test_it_is_known_for_a_day_over_restarts() -> None:
    world = World(Engine(robots_txt(), robots_txt(b"")))
    for hours in (0, 12, 23):
        world.now = NOW + hours * HOUR
        world.forget()
        assert world.may(f"{ORIGIN}/x/1", f"{ORIGIN}/y/1") == ["no", "yes"]
    assert len(world.engine.asked) == 1
    world.now = NOW + 24 * HOUR
    assert world.may(f"{ORIGIN}/x/1") == ["yes"]
    assert len(world.engine.asked) == 2


def test_each_origin_has_its_own() -> None:
    world = World(Engine(robots_txt(), robots_txt(b""), robots_txt(b"")))
    assert world.may(f"{ORIGIN}/x/1", "https://news.northpost.example/x/1", "http://www.northpost.example/x/1") == [
        "no",
        "yes",
        "yes",
    ]
    assert len(set(world.engine.asked)) == 3


@pytest.mark.parametrize(
    "failure", [robots_txt(status=503), scrapy_errors.DownloadTimeoutError("no end"), OSError("reset")]
)
def test_a_file_that_cannot_be_had_is_asked_for_again_after_a_while(failure: Response | Exception) -> None:
    world = World(Engine(failure, robots_txt()))
    assert world.may(f"{ORIGIN}/y/1", f"{ORIGIN}/y/2") == ["RobotsUnreachableError"] * 2
    assert world.may(f"{ORIGIN}/y/1") == ["RobotsUnreachableError"]
    assert len(world.engine.asked) == 1
    world.now += FIRST_RETRY
    assert world.may(f"{ORIGIN}/y/1") == ["yes"]


def test_a_host_that_asked_for_quiet_says_nothing_of_its_robots_file() -> None:
    world = World(Engine(NotAskedError(HOST, NOW + HOUR), robots_txt()))
    assert world.may(f"{ORIGIN}/y/1") == ["NotAskedError"]
    assert world.shelf.files == {}
    assert world.may(f"{ORIGIN}/y/1") == ["yes"]


def test_without_a_database_nothing_is_asked() -> None:
    world = World(Engine())
    world.shelf.broken = True
    assert world.may(f"{ORIGIN}/y/1") == ["NotAskedError"]
    assert world.engine.asked == []


def test_a_file_from_the_future_is_not_believed() -> None:
    ahead = RobotsFile(ORIGIN, HOST, "ok", NOW + 400 * DAY, NOW + 401 * DAY)
    world = World(Engine(robots_txt()), Shelf(ahead))
    assert world.may(f"{ORIGIN}/x/1") == ["no"]


def test_feeds_are_exempt() -> None:
    world = World(Engine())
    request = Request(f"{ORIGIN}/x/feed", meta={"dont_obey_robotstxt": True})
    asyncio.run(world.middleware.process_request(request))
    assert world.engine.asked == []


def test_memory_has_an_end() -> None:
    async def remember() -> RobotsFiles:
        files = RobotsFiles()
        for number in range(400):
            text = "User-agent: *\nDisallow: /x/\n" + "# " * (20_000 if number % 50 == 0 else 10)
            await files.put(RobotsFile(f"https://{number}.example", "example", "ok", NOW, NOW + DAY, rules=text))
        return files

    files = asyncio.run(remember())
    assert len(files._parsed) == 256
    assert sum(len(file.rules) for file, _ in files._parsed.values()) <= REMEMBERED_CHARS
    assert files.known("https://399.example") is not None
    assert files.known("https://0.example") is None
