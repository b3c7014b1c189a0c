"""Looking again, run for real: the command and the spider against sites on loopback, on both databases."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from crawler.cli import main
from crawler.clock import ClockWatch
from crawler.config import Config
from crawler.daemon import Jobs, schedule
from crawler.extract import extract_page
from crawler.looks import SCHEDULE
from crawler.newsroom.server import Newsroom
from crawler.rechecks import Rechecks
from crawler.spiders.feeds import Round
from crawler.urls import registered_domain
from storage import rechecks, revisions, search
from storage.db import open_database
from storage.models import FEEDS, RECHECKS
from storage.rechecks import ClaimedRecheck, PageSource
from tests.command import ROOT, Desk
from tests.site import Reply, Site, page
from tests.storage_samples import NOW, add_feed, list_entries, record, seen, store

LEAD = (
    "Shells hit a crowded market in Idlib in north-western Syria on Monday, killing nine people, rescue workers said."
)
MORE = (
    "The Syrian Observatory for Human Rights said that the shells were fired from positions near the town of Ariha in Idlib province.",
    "Syrian state media did not comment. More than 2,000 families have fled from Idlib towards the Turkish border since Sunday.",
)
RAIN = (
    "Heavy rain is expected over the northern valleys on Tuesday, the weather service said in its morning bulletin.",
    "Drivers should leave more time for their journeys, a spokesman for the transport authority said to reporters.",
    "The rain will ease by Thursday morning, and the weekend will be dry and mild in most places of the valleys.",
)
NAMES = ("corrected", "same", "returned", "gone", "lost", "wall", "challenge", "withdrawn", "elsewhere", "down")
NOT_FOUND = Reply(
    b"<html><head><title>Page not found</title></head><body><h1>Page not found</h1><p>Try our search.</p></body></html>",
    content_type="text/html",
)
WALL = page("Market hit in Syria's Idlib", LEAD[:60] + " …", "Subscribe to continue reading. Already a subscriber?")
CHALLENGE = Reply(
    b"<html><head><title>Just a moment...</title></head><body><p>Checking your browser. Enable JavaScript and cookies to continue.</p>"
    b"<script>window._cf_chl_opt={}</script></body></html>",
    content_type="text/html",
)


@pytest.fixture
def desk(tmp_path: Path, schema_url: str) -> Desk:
    return Desk(tmp_path, schema_url)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.route("/robots.txt", Reply(b"User-agent: *\nDisallow:\n", content_type="text/plain"))
        yield site


def article(name: str, lead: str = LEAD, etag: str | None = None) -> Reply:
    reply = page(f"Market hit in Syria's Idlib ({name})", lead, *MORE)
    return Reply(reply.body, content_type=reply.content_type, etag=etag)


def make_due(desk: Desk, **values: Any) -> None:
    """Let time pass: every match is due for a look, and was fetched an hour and a bit ago."""
    fetched = datetime.now(UTC) - timedelta(minutes=61)
    planned = {"due_at": fetched + timedelta(hours=1), "first_fetched_at": fetched, **values}
    with closing(open_database(desk.url)) as database, database.write() as session:
        session.execute(update(RECHECKS).values(planned))


def crawl_revisions(desk: Desk, *arguments: str) -> str:
    command = [sys.executable, "-m", "scrapy", "crawl", "revisions", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=desk.env, capture_output=True, timeout=60, check=False)
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert "Traceback" not in said
    return said


def state_of(desk: Desk) -> dict[str, Any]:
    query = "select a.url, r.outcome, r.missing, r.failures, r.etag, r.taken_down_at from rechecks r join articles a on a.id = r.article_id"
    return {row.url.rsplit("/", 1)[1]: row for row in desk.rows(query)}


def texts(desk: Desk) -> dict[str, str]:
    return {row.url.rsplit("/", 1)[1]: row.text for row in desk.rows("select url, text from articles")}


def hold(desk: Desk, *urls: str, taken_down: str = "", missed_once: str = "") -> None:
    """As if the road had read these articles an hour ago, and listed the feed that has them just now."""
    fetched = datetime.now(UTC) - timedelta(minutes=61)
    with closing(open_database(desk.url)) as database:
        feed_id = add_feed(database)
        listed = [seen(number, url=url, key=url, host="127.0.0.1") for number, url in enumerate(urls)]
        ids = list_entries(database, feed_id, *listed, now=fetched)
        with database.write() as session:
            session.execute(update(FEEDS).values(next_poll_at=fetched + timedelta(days=9)))
            for article_id, url in zip(ids, urls, strict=True):
                name = url.rsplit("/", 1)[1]
                read = extract_page(article(name).body, url=url, content_type="text/html")
                values = {"url": url, "title": read.title, "text": read.text, "fetched_at": fetched, "summary": ""}
                store(session, record(article_id, **values, first_seen_at=fetched), fetched)
                source = PageSource(registered_domain(url), f'"{name}"', None, "as-it-was")
                due_at = fetched + timedelta(hours=1)
                rechecks.plan(session, article_id=article_id, fetched_at=fetched, due_at=due_at, source=source)
                if name == taken_down:
                    rechecks.mark_taken_down(session, article_id=article_id, at=fetched)
                missing = {taken_down: 2, missed_once: 1}.get(name, 0)
                session.execute(update(RECHECKS).where(RECHECKS.c.article_id == article_id).values(missing=missing))


def test_every_page_is_looked_at_again_and_only_an_articles_own_new_text_replaces_its_text(
    desk: Desk, site: Site
) -> None:
    with Site("127.0.0.2") as other, Site("127.0.0.3") as busy:
        for name in NAMES:
            site.route(f"/a/{name}", article(name, etag=f'"{name}"'))
        other.route("/a/elsewhere", article("another story", "Somebody else's story about Syria and Idlib, killing 99 people on a Friday."))  # fmt: skip
        site.route("/a/corrected", article("corrected", LEAD.replace("nine", "13"), etag='"corrected-2"'))
        site.route("/a/gone", Reply(status=410))
        site.route("/a/lost", NOT_FOUND)
        site.route("/a/wall", WALL)
        site.route("/a/challenge", CHALLENGE)
        site.route("/a/withdrawn", page("Rain in the north", *RAIN))
        site.route("/a/elsewhere", Reply(status=301, headers={"Location": other.url + "/a/elsewhere"}))
        site.route("/a/down", Reply(status=500))
        for number in range(4):
            busy.route(f"/a/busy{number}", Reply(status=503, headers={"Retry-After": "7200"}))
        hold(
            desk, *(f"{site.url}/a/{name}" for name in NAMES), *(f"{busy.url}/a/busy{number}" for number in range(4)),
            taken_down="returned", missed_once="gone",
        )  # fmt: skip
        before = texts(desk)

        items = desk.folder / "changed.jsonl"
        crawl_revisions(desk, "-O", str(items))
        after, looked = texts(desk), state_of(desk)
        assert {name: row.outcome for name, row in looked.items() if "busy" not in name} == {
            "corrected": "changed", "same": "not-modified", "returned": "not-modified", "gone": "gone", "lost": "not-an-article",
            "wall": "paywalled", "challenge": "blocked", "withdrawn": "changed", "elsewhere": "not-an-article",
            "down": "server-error",
        }  # fmt: skip
        assert {name for name in before if after[name] != before[name]} == {"corrected", "withdrawn"}
        assert "killing 13 people" in after["corrected"]
        assert looked["corrected"].etag == '"corrected-2"'
        assert [json.loads(line)["url"] for line in items.read_text().splitlines()] == [site.url + "/a/corrected"]
        assert len(desk.rows("select article_id from matches")) == len(before) - 1, "rain is no match"
        assert {name: site.asked(f"/a/{name}") for name in NAMES} == dict.fromkeys(NAMES, 1)
        assert {one.path for one in site.requests if "if-none-match" in one.headers} == {f"/a/{name}" for name in NAMES}
        assert site.asked("/robots.txt") == 1
        assert_waiting(desk, busy)
    taken_down = {name for name, row in looked.items() if row.taken_down_at}
    assert taken_down == {"gone"}, "what is missing for the first time is looked at once more"
    assert looked["lost"].missing == 1
    query = "select a.url, v.kind from revisions v join articles a on a.id = v.article_id where v.kind <> 'first'"
    assert sorted((row.url.rsplit("/", 1)[1], row.kind) for row in desk.rows(query)) == [
        ("corrected", "edited"), ("gone", "taken-down"), ("returned", "restored"), ("withdrawn", "edited"),
    ]  # fmt: skip


def assert_waiting(desk: Desk, busy: Site) -> None:
    """The host that asked to be left alone is, and its looks wait until it may be asked."""
    asked = [one for one in busy.requests if one.path.startswith("/a/")]
    assert 1 <= len(asked) <= 2, "the connections that were open at once, and no more"
    rows = desk.rows("select r.due_at, r.claimed_at from rechecks r join articles a on a.id = r.article_id where a.url like '%/busy%'")  # fmt: skip
    due = [row.due_at if isinstance(row.due_at, datetime) else datetime.fromisoformat(row.due_at) for row in rows]
    assert min(due) > datetime.now(UTC) + timedelta(minutes=110)
    assert {row.claimed_at for row in rows} == {None}


def command(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command prints, without a process of its own."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_newsrooms_correction_is_found_and_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEVANTWATCH_DATABASE_URL", desk.url)
    with Newsroom() as room:
        desk.watch(*(feed.url for feed in room.feeds() if "wire.atom" in feed.url))
        desk.ok("poll", "-q")
        assert command("changes", capsys=capsys) == ""
        room.advance()
        make_due(desk)
        assert "looked" in desk.ok("run", "--once")
        (change,) = revisions_of(desk)
        corrected = next(one for one in room.truth if one.url == change.url)
    assert change.title == corrected.title != corrected.first_title
    numbers = [(one["field"], one["was"], one["now"]) for one in change.numbers]
    assert numbers[:2] == [("title", 9, 13), ("text", 9, 13)]
    number = str(change.article_id)
    (line,) = command("changes", "--since", "2d", capsys=capsys).splitlines()
    assert "killing nine -> 13 people" in line
    (row,) = csv.DictReader(io.StringIO(command("changes", "--format", "csv", capsys=capsys)))
    assert (row["article_id"], row["kind"]) == (number, "edited")
    assert "killing nine -> 13 people" in row["numbers"]
    assert "{+13+}" in row["words"] or "{+Thirteen+}" in row["words"]
    assert command("changes", "--since", "2099-01-01", capsys=capsys) == ""
    shown = command("show", number, capsys=capsys)
    assert "looked at  once" in shown
    assert "revision  1:" in shown
    assert "claimed by the page" in shown
    with closing(open_database(desk.url)) as database, database.read() as session:
        found = search.why(session, number)
    assert [one.kind for one in found.revisions] == ["first", "edited"]
    assert {(one.clock, one.source) for one in found.clocks} == {(clock, source) for clock in ("published", "updated") for source in ("feed", "page")}  # fmt: skip


def revisions_of(desk: Desk) -> list[revisions.Change]:
    with closing(open_database(desk.url)) as database, database.read() as session:
        return revisions.changes(session)


@pytest.mark.parametrize("step", range(len(SCHEDULE)))
def test_every_look_but_one_is_conditional_and_bounded(step: int) -> None:
    """The look after two days presumes nothing: some servers keep an ETag while the page changes."""
    watch: Any = SimpleNamespace(config=Config(), now=lambda: NOW, archive=None)
    looks = Rechecks(watch, accept="text/html", settled=print, broke=print)
    entry: Any = SimpleNamespace(id=1)
    due = ClaimedRecheck(entry, "https://a.example/1", "a.example", NOW, step, 0, 0, None, '"v1"', "yesterday", None)
    request = asyncio.run(looks.work(due, callback=print, errback=print))
    assert request is not None
    sent = {name.decode(): values[0].decode() for name, values in request.headers.items() if name != b"Accept"}
    conditional = {"If-None-Match": '"v1"', "If-Modified-Since": "yesterday"}
    assert sent == ({} if SCHEDULE[step] == timedelta(days=2) else conditional)
    assert request.meta == {"download_maxsize": Config().page_max_bytes}


@pytest.mark.parametrize(("settings", "scheduled"), [({}, True), ({"look_again": "off"}, False), ({"fetch": "none"}, False)])  # fmt: skip
def test_the_daemon_has_a_job_that_puts_a_round_of_looks(settings: dict[str, Any], scheduled: bool) -> None:
    watch: Any = SimpleNamespace(config=Config(**settings), seal=print, leads=True)
    rounds: asyncio.Queue[Round | None] = asyncio.Queue()
    clock = ClockWatch(lambda: NOW, lambda: 0.0)
    job = schedule(Jobs(watch, rounds, asyncio.Event(), clock), 3600).get_job("revisions")
    assert (job is not None) is scheduled
    if job is not None:
        assert str(job.trigger) == "cron[month='*', day='*', day_of_week='*', hour='*', minute='*/5']"
        asyncio.run(job.func())
        assert rounds.get_nowait() == Round(polls=False, looks=True)
