"""The road, run for real: the command against a site on loopback, on both databases."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.reactor import STOP_AT_MOST
from storage.db import open_database
from tests.command import SECONDS, Desk, wait_for
from tests.faults import locked
from tests.site import Reply, Request, Site, page, rss
from tests.storage_samples import add_feed
from tests.test_storage_indexes import scans

ABOUT_SYRIA = (
    "Air strikes hit a market in Idlib in north-western Syria on Tuesday, killing at least nine people, rescue workers said.",
    "The Syrian Observatory for Human Rights said the strikes were carried out near the town of Ariha in Idlib province.",
    "Syrian state media did not comment. More than 2,000 families have fled towards the Turkish border since Sunday.",
)
ABOUT_RAIN = (
    "Heavy rain is expected over the northern valleys on Tuesday, the weather service said.",
    "Drivers should leave more time for their journeys, a spokesman for the transport authority said.",
    "The rain will ease by Thursday morning, and the weekend will be dry and mild in most places.",
)


# both signals and both databases, without their product: what stops knows nothing of what stores
SIGNALS = [
    ("sqlite", signal.SIGTERM),
    pytest.param("postgresql", signal.SIGINT, marks=pytest.mark.postgres),
]


@pytest.fixture
def desk(tmp_path: Path, schema_url: str) -> Desk:
    return Desk(tmp_path, schema_url)


@pytest.fixture
def empty(tmp_path: Path, database_url: str) -> Desk:
    """A desk whose database has nothing in it, no table either."""
    return Desk(tmp_path, database_url)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.route("/robots.txt", Reply(b"User-agent: *\nDisallow: /private/\n", content_type="text/plain"))
        yield site


SAYS_NOTHING = "More on this story, with pictures and reactions, in our edition of Tuesday."


def two_articles(site: Site) -> str:
    site.route("/a/idlib", page("Air strikes hit market in Syria's Idlib", *ABOUT_SYRIA))
    site.route("/a/rain", page("Rain expected in the north", *ABOUT_RAIN))
    return site.route(
        "/feed.xml",
        Reply(
            rss(
                ("1", "Air strikes hit market in Syria's Idlib", site.url + "/a/idlib"),
                ("2", "Rain expected in the north", site.url + "/a/rain"),
                summary=SAYS_NOTHING,
            ),
            etag='"v1"',
        ),
    )


def test_a_crawl_reads_no_table_from_end_to_end(desk: Desk, site: Site, tmp_path: Path) -> None:
    """Neither its beginning nor its end, nor what is recorded, judged and stored between: a ledger of years has millions of rows."""
    desk.ok("feeds", "add", two_articles(site))
    told = tmp_path / "plans.jsonl"
    for command in (["run", "--once"], ["poll", "--all"]):
        arguments = [sys.executable, "-m", "tests.explained", str(told), *command]
        env = {**desk.env, "PYTHONPATH": str(Path(__file__).parent.parent)}
        subprocess.run(arguments, cwd=tmp_path, env=env, check=True, capture_output=True, timeout=SECONDS)
    plans = [json.loads(line) for line in told.read_text().splitlines()]
    assert {statement: plan for statement, plan in plans if scans(plan)} == {}
    assert {"entries", "articles", "rechecks", "sightings"} <= {
        table for statement, _ in plans for table in statement.replace("(", " ").split()
    }
    assert desk.rows("SELECT count(*) AS number FROM articles")[0].number == 1


def states(desk: Desk) -> dict[str, int]:
    return {row.state: row.number for row in desk.rows("select state, count(*) as number from entries group by state")}


def test_a_feed_becomes_matches(empty: Desk, site: Site) -> None:
    desk = empty
    desk.ok("feeds", "add", two_articles(site), "--publisher", "The Example Courier", "--country", "GB")
    desk.ok("poll")
    (match,) = desk.json("search", "--format", "json")
    assert match["title"] == "Air strikes hit market in Syria's Idlib"
    assert match["topics"] == ["syria"]
    assert match["publisher"] == "The Example Courier"
    assert match["extraction"] == "full"
    assert "Ariha" in match["text"]
    assert states(desk) == {"match": 1, "irrelevant": 1}
    assert site.asked("/a/rain") == 0, "triage spares publishers the pages of the other 99 of 100"


def test_nothing_is_fetched_twice(desk: Desk, site: Site) -> None:
    desk.watch(two_articles(site))
    for _ in range(3):
        desk.ok("poll")
    assert site.asked("/feed.xml") == 3
    assert site.asked("/a/idlib") == 1
    outcomes = [row.outcome for row in desk.rows("select outcome from polls order by id")]
    assert outcomes == ["ok", "not-modified", "not-modified"]
    assert sum(states(desk).values()) == 2


def test_an_article_that_failed_is_read_later_though_its_feed_answers_304(desk: Desk, site: Site) -> None:
    url = two_articles(site)
    site.route("/a/idlib", Reply(status=503))
    desk.watch(url)
    desk.ok("poll")
    assert [row.extraction for row in desk.rows("select extraction from matches")] == ["summary-only"]
    site.route("/a/idlib", page("Air strikes hit market in Syria's Idlib", *ABOUT_SYRIA))
    desk.ok("poll")
    (row,) = desk.rows("select article_id, extraction, text from matches")
    assert row.extraction == "full"
    assert "Ariha" in row.text
    assert [one.outcome for one in desk.rows("select outcome from polls order by id")] == ["ok", "not-modified"]


def test_a_page_that_robots_txt_forbids_is_judged_on_its_summary(desk: Desk, site: Site) -> None:
    link = site.url + "/private/idlib"
    site.route("/private/idlib", page("Hidden", *ABOUT_SYRIA))
    desk.watch(site.route("/feed.xml", rss(("1", "Air strikes hit market in Syria's Idlib", link))))
    desk.ok("poll")
    assert site.asked("/private/idlib") == 0
    assert [row.extraction for row in desk.rows("select extraction from matches")] == ["summary-only"]
    assert [row.retry_at for row in desk.rows("select retry_at from entries")] == [None]


def test_the_same_article_with_tracking_parameters_is_one(desk: Desk, site: Site) -> None:
    site.route("/a/idlib?utm_source=world", page("Air strikes hit market in Syria's Idlib", *ABOUT_SYRIA))
    site.route("/a/idlib?utm_source=top", page("Air strikes hit market in Syria's Idlib", *ABOUT_SYRIA))
    for name in ("world", "top"):
        link = f"{site.url}/a/idlib?utm_source={name}"
        desk.ok(
            "feeds", "add", site.route(f"/{name}.xml", rss((name, "Air strikes hit market in Syria's Idlib", link)))
        )
    desk.ok("poll")
    assert states(desk) == {"match": 1}
    assert [row.number for row in desk.rows("select count(*) as number from sightings")] == [2]


def test_failures_are_recorded_with_their_class_and_the_next_feed_goes_on(desk: Desk, site: Site) -> None:
    replies = {
        "gone": Reply(status=410), "not-found": Reply(status=404), "forbidden": Reply(status=403),
        "server-error": Reply(status=500), "connection": Reply(reset=True), "not-a-feed": Reply(b"<html><p>hello</p></html>", content_type="text/html"),
    }  # fmt: skip
    for name, reply in replies.items():
        desk.watch(site.route(f"/{name}.xml", reply))
    desk.watch(two_articles(site))
    with Site("127.0.0.2") as busy:  # a Retry-After holds for everything on its host
        limit = Reply(status=429, headers={"Retry-After": "7200"})
        desk.watch(busy.route("/rate-limited.xml", limit))
        desk.ok("poll")
    found = {row.url.rsplit("/", 1)[1].removesuffix(".xml"): row for row in desk.rows(
        "select f.url, p.outcome, p.reason, f.failures from polls p join feeds f on f.id = p.feed_id")}  # fmt: skip
    names = [*replies, "rate-limited"]
    assert {name: found[name].outcome for name in names} == {name: name for name in names}
    assert found["feed"].outcome == "ok"
    assert found["rate-limited"].reason == "retry-after"
    assert all(found[name].failures > 0 for name in names)


def test_an_address_that_cannot_be_asked_is_a_failure_like_others(desk: Desk, site: Site) -> None:
    """None comes in by the commands; one that is there all the same holds up nobody."""
    desk.watch(site.route("/feed.xml", rss()))
    database = open_database(desk.url)
    add_feed(database, "https://news.example:x/feed.xml")
    database.close()
    desk.ok("poll")
    assert {row.outcome for row in desk.rows("select outcome from polls")} == {"ok", "bad-url"}


def test_no_connection_to_an_address_that_is_not_public(desk: Desk, site: Site) -> None:
    closed = Desk(desk.folder, desk.url, networks="127.0.0.1/32")
    with Site("127.0.0.2") as inner:
        secret = inner.route("/secret", rss(("1", "Secret", inner.url + "/x")))
        port = secret.split(":")[2].split("/")[0]
        hops = [
            secret,
            f"http://2130706434:{port}/secret",
            f"http://0x7f000002:{port}/secret",
            f"http://[::ffff:127.0.0.2]:{port}/secret",
        ]
        for number, hop in enumerate(hops):
            closed.watch(site.route(f"/hop{number}.xml", Reply(status=302, headers={"Location": hop})))
        closed.watch(secret)
        closed.ok("poll")
        assert inner.requests == []
    outcomes = [row.outcome for row in desk.rows("select outcome from polls")]
    assert outcomes == ["refused-address"] * 5


def test_scrapy_crawl_writes_matches_to_the_file_and_to_the_database(desk: Desk, site: Site) -> None:
    out = desk.folder / "out.jsonl"
    desk.watch(two_articles(site))
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "crawl", "feeds", "-O", str(out)],
        cwd=desk.folder, env={**desk.env, "SCRAPY_SETTINGS_MODULE": "crawler.settings"}, capture_output=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert lines == desk.json("search", "--format", "json")
    assert [line["topics"] for line in lines] == [["syria"]]


def test_a_second_crawler_refuses_with_one_line(desk: Desk, site: Site) -> None:
    desk.watch(site.route("/slow.xml", Reply(hang=True)))
    first = desk.start("run")
    try:
        wait_for(lambda: site.asked("/slow.xml") == 1)
        for command in (["poll"], ["run"], ["run", "--once"]):
            second = desk.run(*command)
            assert second.returncode == 1
            assert len(second.stderr.decode().strip().splitlines()) == 1
            assert "already crawling" in second.stderr.decode()
    finally:
        first.terminate()
        first.communicate(timeout=10)


@pytest.mark.parametrize(("schema_url", "number"), SIGNALS, indirect=["schema_url"])
def test_a_signal_ends_the_daemon_in_seconds_with_a_hung_server_in_flight(desk: Desk, site: Site, number: int) -> None:
    desk.watch(site.route("/slow.xml", Reply(hang=True)))
    daemon = desk.start("run")
    wait_for(lambda: site.asked("/slow.xml") == 1)
    daemon.send_signal(number)
    _, said = daemon.communicate(timeout=30)
    assert daemon.returncode == 0, said.decode()  # by itself: crawler.reactor ends who is not through in time, with 1
    assert STOP_AT_MOST < 10, "the promise to the operator"
    assert "Traceback" not in said.decode()


def test_after_kill_9_the_next_run_finishes_and_doubles_nothing(desk: Desk, site: Site) -> None:
    url = two_articles(site)
    answer = page("Air strikes hit market in Syria's Idlib", *ABOUT_SYRIA)
    site.route("/a/idlib", Reply(hang=True))
    desk.watch(url)
    killed = desk.start("run")
    wait_for(lambda: site.asked("/a/idlib") == 1)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=10)
    site.route("/a/idlib", answer)
    desk.ok("poll")
    assert states(desk) == {"match": 1, "irrelevant": 1}
    (row,) = desk.rows("select attempts, crashes from entries where state = 'match'")
    assert (row.attempts, row.crashes) == (1, 1), "a crash costs no attempt"


def test_a_burst_of_new_entries_is_all_kept(desk: Desk, site: Site) -> None:
    entries = [(str(number), f"Rain in valley {number}", f"{site.url}/r/{number}") for number in range(5_000)]
    desk.watch(site.route("/burst.xml", rss(*entries, summary=SAYS_NOTHING)))
    desk.ok("poll")
    assert sum(states(desk).values()) == 5_000


def test_entries_without_a_summary_are_read_up_to_a_cap_that_is_counted(desk: Desk, site: Site) -> None:
    entries = [(str(number), f"Letter from the valley {number}", f"{site.url}/r/{number}") for number in range(30)]
    desk.watch(site.route("/bare.xml", rss(*entries)))
    desk.ok("poll")
    asked = sum(site.asked(f"/r/{number}") for number in range(30))
    assert asked == 20
    (row,) = desk.rows("select counts from runs")
    counts = row.counts if isinstance(row.counts, dict) else json.loads(row.counts)
    assert counts["capped_without_summary"] == 10
    assert "without" in desk.ok("coverage", "--since", "1d")


def test_named_feeds_that_all_fail_are_a_failure(desk: Desk, site: Site) -> None:
    bad = site.route("/bad.xml", Reply(status=500))
    desk.watch(bad)
    desk.watch(two_articles(site))
    assert desk.run("poll", bad).returncode == 1
    assert desk.run("poll").returncode == 0
    unknown = desk.run("poll", site.url + "/never-added.xml")
    assert unknown.returncode == 1
    assert "Traceback" not in unknown.stderr.decode()


def test_without_a_feed_the_commands_say_what_to_do(empty: Desk) -> None:
    for command in (["poll"], ["run"], ["run", "--once"]):
        done = empty.run(*command)
        assert done.returncode == 1
        assert "levantwatch feeds import --catalogue" in done.stderr.decode()


def test_a_poll_that_waits_for_the_database_keeps_no_other_feed_from_being_asked(
    tmp_path: Path, schema_url: str
) -> None:
    desk = Desk(tmp_path, schema_url, settings={"LEVANTWATCH_CONCURRENCY": "1"})
    asked, held = threading.Semaphore(0), threading.Event()

    def answer(request: Request) -> Reply:
        asked.release()
        held.wait(60)
        return Reply(rss(("1", "Rain", "https://courier.example/1")))

    with Site("127.0.0.1") as one, Site("127.0.0.2") as other:
        desk.watch(one.route("/feed.xml", answer), other.route("/feed.xml", answer))
        with desk.start("poll") as crawl:
            assert asked.acquire(timeout=60)
            with locked(desk.url):
                held.set()
                assert asked.acquire(timeout=20), "the second feed waits for the first one's transaction"
            crawl.communicate(timeout=60)
        assert crawl.returncode == 0
    assert desk.rows("select count(*) from polls where outcome = 'ok'")[0][0] == 2


def test_retry_after_holds_unless_forced(desk: Desk, site: Site) -> None:
    seen: list[Request] = []

    def limited(request: Request) -> Reply:
        seen.append(request)
        return Reply(status=429, headers={"Retry-After": "3600"})

    url = site.route("/limited.xml", limited)
    desk.watch(url)
    for _ in range(2):
        desk.run("poll")
    assert len(seen) == 1
    desk.run("poll", url, "--force")
    assert len(seen) == 2
