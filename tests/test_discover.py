"""Finding the feeds of a site: what pages name (files and their twins), and the spider against a site on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.discover import MOST_NAMED, USUAL_PLACES, candidate_paths, discover_feeds, is_page
from tests.command import Desk
from tests.site import Reply, Site, rss

PAGES = sorted((Path(__file__).parent / "data" / "discover").glob("*.html"))
STORY = ("1", "Market reopens", "/a/1")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names(page: Path) -> None:
    expected = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    found = discover_feeds(page.read_bytes(), url=expected["url"])
    assert [[feed.url, feed.title, feed.of_comments] for feed in found] == expected["feeds"]


def test_there_are_pages_to_read() -> None:
    assert len(PAGES) >= 7


def test_the_encoding_that_the_headers_declare() -> None:
    page = '<link rel="alternate" type="application/rss+xml" title="Günlük" href="/rss">'.encode("cp1254")
    declared = "text/html; charset=windows-1254"
    assert [feed.title for feed in discover_feeds(page, url="https://a.example/", content_type=declared)] == ["Günlük"]
    xhtml = b'<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><a href="/rss">RSS</a></html>'
    assert discover_feeds(xhtml, url="https://a.example/", content_type="text/html; charset=none-such")


@given(st.binary(max_size=300) | st.text(alphabet="<>/=\"' alinkhrefsbotyp:#?&;", max_size=300).map(str.encode))
def test_no_bytes_break_it(body: bytes) -> None:
    for feed in discover_feeds(body, url="https://a.example/"):
        assert feed.url.startswith(("http://", "https://"))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>" + b"<a href='/rss/%d.xml'>x</a>" * 100_000,
        b"<html>" + b"".join(b"<a href='/rss/%d.xml'>x</a>" % number for number in range(100_000)),
        b"<html>" + b"<link rel=alternate type=application/rss+xml href=/rss>" * 36_000,
        b"<html>" + b"".join(b"<a href='https://%d.example/rss'>x</a>" % number for number in range(50_000)),
        b"<html>" + b"".join(b"<a href='/%d%s.x'>x</a>" % (number, b"rss" * 160) for number in range(4_000)),
        b"<div>" * 400_000,
        b"<a href='" + b"x" * 2_000_000 + b"/rss'>",
        b"<a " + b"a=b " * 500_000 + b"href=/rss>",
        b"<base href='" + b"../" * 600_000 + b"'><a href=rss>",
    ],
    ids=[
        "one link often",
        "100,000 links",
        "one feed often",
        "other sites",
        "backtracking",
        "deep",
        "long address",
        "many attributes",
        "long base",
    ],
)
def test_a_hostile_page_names_no_more_than_some(body: bytes) -> None:
    assert len(discover_feeds(body, url="https://a.example/")) <= MOST_NAMED


def test_the_usual_places_begin_below_the_pages_own_path() -> None:
    assert list(candidate_paths("https://a.example")) == [f"https://a.example{place}" for place in USUAL_PLACES]
    for url in ("https://a.example/en", "https://a.example/en/", "https://a.example/en/index.html?x=1"):
        assert list(candidate_paths(url))[:3] == [
            "https://a.example/en/feed", "https://a.example/en/rss.xml", "https://a.example/feed"
        ]  # fmt: skip


def test_what_begins_like_a_page() -> None:
    assert is_page(b"\xef\xbb\xbf\n<!DOCTYPE html><html>")
    assert is_page(b"<!-- made by hand --><HTML lang=en>")
    assert not is_page(b"<?xml version='1.0'?><rss version='2.0'><channel><description>&lt;html>")
    assert not is_page(b'{"version": "https://jsonfeed.org/version/1.1"}')


# --- the spider, run for real ---


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, f"sqlite:///{tmp_path}/none.db")


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def html(text: str, **values: object) -> Reply:
    return Reply(f"<!doctype html><html>{text}</html>".encode(), content_type="text/html; charset=utf-8", **values)  # type: ignore[arg-type]


def feed(title: str, *links: str) -> Reply:
    return Reply(rss(*((link, f"Story {link}", link) for link in links or ("/a/1",)), title=title))


def test_the_feeds_that_a_home_page_names_in_its_order(desk: Desk, site: Site) -> None:
    head = "".join(
        f'<link rel="alternate" type="application/rss+xml" href="{path}">'
        for path in ("/comments/feed", "/slow.xml", "/moved.xml", "/gone.xml", "/page", "/copy.xml", "/empty.xml")
    )
    site.route("/", html(head))
    site.route("/comments/feed", feed("Comments", "/a/9"))
    site.route("/slow.xml", Reply(rss(STORY, title="Slow"), delay=0.5))
    site.route("/copy.xml", Reply(rss(STORY, title="Slow")))
    site.route("/moved.xml", Reply(status=301, headers={"Location": "/new.xml"}))
    site.route("/new.xml", feed("New", "/a/2", "/a/3"))
    site.route("/page", html("<a href='/region.rss'>Region</a><a href='/slow.xml'>All</a>"))
    site.route("/region.rss", feed("Region", "/a/4"))
    site.route("/empty.xml", Reply(rss(title="Nothing yet")))
    assert desk.json("feeds", "discover", site.url, "--format", "json") == [
        {"url": site.url + "/slow.xml", "title": "Slow", "kind": "rss", "entries": 1},
        {"url": site.url + "/new.xml", "title": "New", "kind": "rss", "entries": 2},
        {"url": site.url + "/region.rss", "title": "Region", "kind": "rss", "entries": 1},
        {"url": site.url + "/empty.xml", "title": "Nothing yet", "kind": "rss", "entries": 0},
        {"url": site.url + "/comments/feed", "title": "Comments", "kind": "rss", "entries": 1},
    ]
    assert not (desk.folder / "none.db").exists()
    assert {request.headers["user-agent"].split("/")[0] for request in site.requests} == {"levantwatch"}


def test_the_address_may_be_a_feed_itself_and_needs_no_scheme_to_be_understood(desk: Desk, site: Site) -> None:
    url = site.route("/feed.xml", feed("The Courier"))
    assert desk.ok("feeds", "discover", url) == f"{url}\tThe Courier\trss\t1\n"
    done = desk.run("feeds", "discover", url.removeprefix("http://"))
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"levantwatch: https{url[4:]} cannot be read: ")


@pytest.mark.parametrize(
    "home", [html("<p>news</p>"), html("<link rel=alternate type=application/rss+xml href=/dead>"), Reply(status=403)]
)
def test_the_usual_places_when_the_page_names_no_feed_that_is_one(desk: Desk, site: Site, home: Reply) -> None:
    site.route("/", home)
    site.route("/robots.txt", Reply(b"User-agent: *\nDisallow: /rss.xml\n", content_type="text/plain"))
    site.route("/rss.xml", feed("Not to be guessed"))
    url = site.route("/feeds/posts/default", feed("Posts"))
    assert [row["url"] for row in desk.json("feeds", "discover", site.url, "--format", "json")] == [url]
    assert site.asked("/rss.xml") == 0


def test_no_feed_is_one_line(desk: Desk, site: Site) -> None:
    site.route("/", html("<a href='/a/1'>Story</a>"))
    done = desk.run("feeds", "discover", site.url)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        f"levantwatch: no feed found at {site.url}/; look for one on the site and add it with: levantwatch feeds add URL\n"
    )
    assert len(site.requests) <= 2 + len(USUAL_PLACES)


def test_why_a_site_cannot_be_read(desk: Desk, site: Site) -> None:
    site.route("/", Reply(status=503))
    site.route("/robots.txt", Reply(b"User-agent: *\nDisallow: /private\n", content_type="text/plain"))
    site.route("/circle", Reply(status=302, headers={"Location": "/circle"}))
    site.route("/reset", Reply(reset=True))
    closed = Desk(desk.folder, desk.url, networks="")
    for who, url, reason in (
        (desk, site.url, "it answered HTTP 503"),
        (desk, site.url + "/private/", "its robots.txt asks not to read it"),
        (desk, site.url + "/circle", "it redirects in circles"),
        (closed, site.url, "its address is not a public one; LEVANTWATCH_ALLOW_NETWORKS can allow it"),
        (desk, site.url + "/reset", ""),
    ):
        done = who.run("feeds", "discover", url)
        said = done.stderr.decode()
        assert (done.returncode, done.stdout) == (1, b""), url
        assert said.startswith("levantwatch: http"), said
        assert f" cannot be read: {reason}" in said
        assert said.count("\n") == 1


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://user:secret@a.example/", "not a url", ""])
def test_an_address_that_is_none_is_bad_usage(desk: Desk, url: str) -> None:
    done = desk.run("feeds", "discover", url)
    assert done.returncode == 2
    assert b"secret" not in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_page_that_names_a_thousand_feeds_is_asked_for_some(desk: Desk, site: Site) -> None:
    site.route("/", html("".join(f"<a href='/rss/{number}.xml'>x</a>" for number in range(1000))))
    for number in range(1000):
        site.route(
            f"/rss/{number}.xml", html("".join(f"<a href='/rss/{other}.xml'>x</a>" for other in range(number, 1000)))
        )
    assert desk.run("feeds", "discover", site.url).returncode == 1
    assert len(site.requests) < 40


def test_ctrl_c_ends_it_at_once(desk: Desk, site: Site) -> None:
    site.route("/", Reply(hang=True))
    process = desk.start("feeds", "discover", site.url)
    deadline = time.monotonic() + 60
    while not site.asked("/"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said.decode()) == (130, "levantwatch: interrupted\n")


def test_by_scrapy_crawl_with_its_exports(desk: Desk, site: Site) -> None:
    site.route("/", html('<link rel="alternate" type="application/rss+xml" href="/feed.xml">'))
    site.route("/feed.xml", feed("The Courier"))
    env = {**os.environ, **desk.env, "SCRAPY_SETTINGS_MODULE": "crawler.settings"}

    def crawl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "scrapy", "crawl", "discover", *arguments]
        return subprocess.run(command, cwd=desk.folder, env=env, capture_output=True, timeout=90, check=False)

    done = crawl("-a", f"url={site.url}", "-O", "found.jsonl")
    assert done.returncode == 0, done.stderr.decode()
    [line] = (desk.folder / "found.jsonl").read_text().splitlines()
    assert json.loads(line) == {"url": site.url + "/feed.xml", "title": "The Courier", "kind": "rss", "entries": 1}
    assert f"found kind=rss entries=1 url={site.url}/feed.xml" in done.stderr.decode()
    wrong = crawl()
    assert wrong.returncode == 2
    assert wrong.stderr.decode().splitlines()[-1].startswith("levantwatch: discover needs -a url=ADDRESS: ")
