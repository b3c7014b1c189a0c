"""A feed that has failed for two weeks is looked for on its home page; what is found is proposed and nothing more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update
from storage_samples import DAY, FEED_URL, NOW, add_feed

from crawler.discover import FoundFeed
from crawler.replacement import choose, home_page
from storage import feeds, replacements
from storage.db import Database, open_database
from storage.models import FEEDS
from storage.replacements import LostFeed
from tests.command import Desk
from tests.site import Reply, Site, rss

SEEK = """
from crawler.config import load_config
from crawler.reactor import run_in_reactor
from crawler.replacement import seek
from crawler.watch import Watch
watch = Watch.open(load_config())
try:
    run_in_reactor(watch.config, lambda stop: seek(watch, stop))
finally:
    watch.close()
"""


def lost(url: str = FEED_URL, title: str = "North Post: World", homepage: str | None = None) -> LostFeed:
    return LostFeed(1, url, title, homepage)


def found(url: str, title: str = "") -> FoundFeed:
    return FoundFeed(url=url, title=title, kind="rss", entries=1)


@pytest.mark.parametrize(
    ("homepage", "looked_at"),
    [
        ("https://northpost.example/world/", "https://northpost.example/world/"),
        (None, "https://northpost.example/"),
        ("javascript:alert(1)", "https://northpost.example/"),
    ],
)
def test_where_it_is_looked_for(homepage: str | None, looked_at: str) -> None:
    assert home_page(lost(homepage=homepage)) == looked_at


def test_the_feed_titled_most_like_it_is_proposed() -> None:
    sport = found("https://northpost.example/sport", "North Post: Sport")
    world = found("https://northpost.example/new/world", "North Post - World")
    assert choose(lost(), [sport, world], ()) == world
    assert choose(lost(title=""), [sport, world], ()) == sport, "of equals the page's first"


def test_what_is_watched_already_is_no_replacement() -> None:
    same = found(FEED_URL.replace("https://", "http://"))
    other = found("https://northpost.example/other")
    assert choose(lost(), [same, other], [other.url]) is None
    assert choose(lost(), [], ()) is None


def failing(database: Database, feed_id: int, days: float) -> None:
    with database.write() as session:
        session.execute(update(FEEDS).where(FEEDS.c.id == feed_id).values(failing_since=NOW - days * DAY))


def to_look_for(database: Database, days: float = 0, limit: int = 5) -> list[int]:
    with database.read() as session:
        return [feed.id for feed in replacements.lost(session, now=NOW + days * DAY, limit=limit)]


def test_after_two_weeks_of_failures_and_every_two_weeks(database: Database) -> None:
    one, two = add_feed(database), add_feed(database, "https://otherpost.example/feed")
    failing(database, one, 13.9)
    failing(database, two, 14)
    assert to_look_for(database) == [two]
    assert to_look_for(database, 1) == [one, two]
    with database.write() as session:
        replacements.record(session, feed_id=two, now=NOW, problem="its server does not answer")
    assert to_look_for(database, 1) == [one]
    assert to_look_for(database, 14) == [one, two], "who was never looked for comes first"
    assert to_look_for(database, 14, limit=1) == [one]
    with database.write() as session:
        feeds.disable(session, feed_id=one, now=NOW)
    assert to_look_for(database, 14) == [two]


def test_a_feed_that_came_back_has_no_proposal(database: Database) -> None:
    feed_id = add_feed(database)
    failing(database, feed_id, 20)
    with database.write() as session:
        replacements.record(session, feed_id=feed_id, now=NOW, url="https://northpost.example/new", title="New")
    with database.read() as session:
        assert replacements.proposed(session) == {feed_id: "https://northpost.example/new"}
        assert "levantwatch feeds add https://northpost.example/new" in (replacements.told(session, feed_id) or "")
    with database.write() as session:
        session.execute(update(FEEDS).values(failing_since=None))
    with database.read() as session:
        assert replacements.proposed(session) == {}
        assert replacements.told(session, feed_id) is None


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def test_it_is_found_on_the_home_page_and_shown_and_not_added(tmp_path: Path, schema_url: str, site: Site) -> None:
    desk = Desk(tmp_path, schema_url)
    old = site.route("/old.xml", Reply(status=404))
    new = site.route("/new.xml", rss(("one", "Rain in the valley", "/a/one")))
    site.route("/", Reply(f"<html><head><link rel=alternate type=application/rss+xml href='{new}'></head></html>".encode(), content_type="text/html"))  # fmt: skip
    desk.watch(old)
    desk.run("poll")
    with closing(open_database(schema_url)) as database, database.write() as session:
        session.execute(update(FEEDS).values(failing_since=datetime.now(UTC) - 15 * DAY))
    done = subprocess.run(
        [sys.executable, "-c", SEEK], cwd=tmp_path, env=desk.env, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    [row] = desk.json("feeds", "list", "--failing", "--format", "json")
    assert (row["url"], row["replacement"]) == (old, new)
    assert f"levantwatch feeds add {new}" in " ".join(desk.ok("feeds", "explain", "1").split())
    assert site.asked("/") == 1
    assert len(desk.json("feeds", "list", "--format", "json")) == 1
