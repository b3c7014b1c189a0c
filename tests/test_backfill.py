"""Walking through a publisher's past, run for real: the command and the spider against sites on loopback, on both databases."""

from __future__ import annotations

import gzip
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from scrapy.utils.test import get_crawler

from crawler.backfilling import arguments_for_scrapy
from crawler.spiders.backfill import BackfillSpider
from storage.db import open_database
from storage.errors import UnknownFeed
from storage.walks import feeds_of
from tests.command import ROOT, Desk, wait_for
from tests.site import Reply, Site, page, rss

LEAD = "Rebel fighters entered the Syrian city of Aleppo on Friday, three days into an offensive in the north-west of Syria, residents said."
MORE = (
    "The Syrian Observatory for Human Rights said that government forces had left several districts of Aleppo overnight.",
    "The United Nations said that tens of thousands of people had fled from Idlib and Aleppo since Wednesday morning.",
)
WANTED = (
    "/2024/11/29/rebels-enter-aleppo-in-syria", "/2024/12/08/syria-damascus-falls-to-rebels", "/story/4711", "/story/4712",
    "/old/aleppo-3", "/old/aleppo-2", "/blog/aleppo-12", "/resolved/aleppo-9", "/elsewhere/changed-later/2024/12/05/syria-idlib-camp",
)  # fmt: skip
UNWANTED = (
    "/2024/11/01/syria-before-the-days", "/2025/01/02/syria-after-the-days", "/story/9999", "/old/aleppo-1", "/old/aleppo-4", "/private/2024/12/02/syria-aleppo",
    "/2024/12/03/football-league-results-of-the-week",
)  # fmt: skip
ONCE = ("/index.xml", "/sitemap-2024-11.xml", "/news-2.xml")
ROBOTS = "User-agent: *\nDisallow: /private/\nSitemap: {url}/index.xml\n"


def urlset(*pages: tuple[str, str]) -> bytes:
    """A sitemap of (address, lastmod) pages."""
    rows = "".join(f"<url><loc>{loc}</loc>{f'<lastmod>{day}</lastmod>' if day else ''}</url>" for loc, day in pages)
    return f"<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{rows}</urlset>".encode()


def index(*sitemaps: tuple[str, str]) -> bytes:
    """An index of (address, lastmod) sitemaps."""
    rows = "".join(f"<sitemap><loc>{loc}</loc>{f'<lastmod>{day}</lastmod>' if day else ''}</sitemap>" for loc, day in sitemaps)  # fmt: skip
    return f"<?xml version='1.0'?><sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{rows}</sitemapindex>".encode()


def dated(document: bytes, *days: str, link: str = "", generator: str = "") -> bytes:
    """An RSS document whose items were published on these days, with a link to its older page."""
    for day in days:
        document = document.replace(b"<description>", f"<pubDate>{day}</pubDate><description >".encode(), 1)
    more = (f"<atom:link rel='prev-archive' href='{link}'/>" if link else "") + generator
    return document.replace(b"<rss ", b"<rss xmlns:atom='http://www.w3.org/2005/Atom' ").replace(b"</title>", b"</title>" + more.encode(), 1)  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, schema_url: str) -> Desk:
    return Desk(tmp_path, schema_url, settings={"LEVANTWATCH_WORKERS": "1"})


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def publish(site: Site, other: Site) -> None:
    """A publisher with an index of sitemaps, a feed with archives, and a WordPress blog."""
    url = site.url
    site.route("/robots.txt", Reply(ROBOTS.format(url=url).encode(), content_type="text/plain"))
    bomb = gzip.compress(b"<urlset>" + b" " * 30_000_000)
    laughs = b"<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><urlset><url><loc>&b;</loc></url></urlset>"
    nested = [("/deep/1.xml", "/deep/2.xml"), ("/deep/2.xml", "/deep/3.xml"), ("/deep/3.xml", "/deep/4.xml")]
    for here, there in nested:
        site.route(here, index((url + there, ""), (f"{url}/index.xml", "")))
    named = (
        "/sitemap-2024-10.xml",
        "/sitemap-2024-11.xml",
        "/sitemap-202412.xml.gz",
        "/author-sitemap.xml",
        "/bomb.xml.gz",
        "/laughs.xml",
        "/deep/1.xml",
    )
    site.route("/index.xml", index(*((url + name, "") for name in named), (f"{url}/ancient.xml", "2020-01-01"), (f"{other.url}/sitemap-2024-12.xml", "")))  # fmt: skip
    site.route("/bomb.xml.gz", Reply(bomb, content_type="application/gzip"))
    site.route("/laughs.xml", laughs)
    november = ("/2024/11/01/syria-before-the-days", "/2024/11/29/rebels-enter-aleppo-in-syria", "/private/2024/12/02/syria-aleppo", "/2025/01/02/syria-after-the-days")  # fmt: skip
    december = (
        ("/2024/12/08/syria-damascus-falls-to-rebels", "2026-03-01"), ("/story/4711", "2024-12-08"), ("/story/4712", ""), ("/story/9999", "2026-03-01"),
        ("/2024/12/03/football-league-results-of-the-week", ""), ("/elsewhere/changed-later/2024/12/05/syria-idlib-camp", "2025-06-01"),
    )  # fmt: skip
    site.route("/sitemap-2024-11.xml", urlset(*((url + name, "2024-11-30") for name in november), (f"{other.url}/2024/11/29/syria-foreign", "")))  # fmt: skip
    site.route("/sitemap-202412.xml.gz", Reply(gzip.compress(urlset(*((url + name, day) for name, day in december))), content_type="application/gzip"))  # fmt: skip
    publish_feeds(site, other)
    for short, target in (("/s1", WANTED[0]), ("/s2", "/resolved/aleppo-9")):
        other.route(short, Reply(status=302, headers={"Location": url + target}))
    for name in (*WANTED, *UNWANTED):
        article = page(f"Rebels enter Aleppo, {name.rsplit('/', 1)[1]}", LEAD, *MORE)
        site.route(name, Reply(article.body, content_type=article.content_type, delay=0.25))


def publish_feeds(site: Site, other: Site) -> None:
    url, summary = site.url, "Rebel fighters in Syria's Aleppo."

    def listing(*numbers: int, under: str = "old") -> bytes:
        return rss(
            *((f"{under}{n}", f"Aleppo in Syria, part {n}", f"{url}/{under}/aleppo-{n}") for n in numbers),
            summary=summary,
        )

    today, december, november, october = "Mon, 02 Mar 2026 10:00:00 GMT", "Mon, 02 Dec 2024 10:00:00 GMT", "Thu, 28 Nov 2024 10:00:00 GMT", "Tue, 01 Oct 2024 10:00:00 GMT"  # fmt: skip
    site.route("/news.xml", dated(listing(4), today, link=f"{url}/news-2.xml"))
    through = {f"{url}/old/aleppo-3": f"{other.url}/s1", f"{url}/old/aleppo-5": f"{other.url}/s2", f"{url}/old/aleppo-6": f"https://www.google.com/url?q={quote(url + '/blog/aleppo-12', safe='')}&amp;sa=U"}  # fmt: skip
    middle = listing(3, 3, 5, 2, 6).decode()
    for link, shown in through.items():
        middle = f"<link>{shown}<".join(middle.rsplit(f"<link>{link}<", 1))
    site.route(
        "/news-2.xml",
        dated(middle.encode(), december, december, november, november, november, link=f"{url}/news-1.xml"),
    )
    site.route("/news-1.xml", dated(listing(1), october, link=f"{url}/news-0.xml"))
    generator = "<generator>https://wordpress.org/?v=6.7</generator>"
    site.route("/blog/feed/", dated(listing(13, under="blog"), today, generator=generator))
    site.route("/blog/feed/?paged=2", dated(listing(12, under="blog"), december, generator=generator))


def backfill_on_a_terminal(desk: Desk, *arguments: str) -> str:
    """`scrapy crawl backfill` with a terminal for its standard error; what stood there."""
    command = [sys.executable, "-m", "scrapy", "crawl", "backfill"]
    given = [word for argument in arguments for word in ("-a", argument)]
    master, terminal = pty.openpty()
    running = subprocess.Popen([*command, *given], cwd=ROOT, env={**desk.env, "TERM": "xterm"}, stderr=terminal)
    os.close(terminal)
    said = b""
    with suppress(OSError):  # EIO: the other end is closed
        while piece := os.read(master, 65536):
            said += piece
    os.close(master)
    assert running.wait(timeout=60) == 0, said.decode()
    assert b"Traceback" not in said
    assert b" ERROR " not in said
    return said.decode()


def test_a_walk_that_is_killed_goes_on_and_reads_the_days_that_were_asked_for_once(desk: Desk, site: Site) -> None:
    with Site("127.0.0.2") as other:
        publish(site, other)
        described = {"publisher": "North Post", "language": "en", "homepage": f"{site.url}/"}
        desk.watch(f"{site.url}/news.xml", f"{site.url}/blog/feed/", **described)
        walk = desk.start("backfill", "North Post", "--since", "2024-11-27", "--until", "2024-12-31", "--quiet")
        wait_for(lambda: sum(site.asked(name) for name in WANTED) >= 2 and len(read_whole(desk, *ONCE)) == len(ONCE))
        walk.kill()
        walk.communicate()
        shown = backfill_on_a_terminal(desk, "publisher=north post", "since=2024-11-27", "until=2024-12-31")
        assert "walking" in shown
        assert " INFO crawler" not in shown
        assert [request.path for request in other.requests] == ["/robots.txt", *(r.path for r in other.requests[1:])]
        assert {request.path for request in other.requests[1:]} == {"/s1", "/s2"}
    every_wanted_page_was_read_once_and_no_other(desk, site)
    links_through_others_lead_to_one_article(desk, site)
    documents_were_asked_for_within_their_limits(site)
    counts = json.loads(desk.rows("select counts from runs order by id desc")[0].counts) if "sqlite" in desk.url else desk.rows("select counts from runs order by id desc")[0].counts  # fmt: skip
    assert counts["documents_known"] >= 1
    assert {request.headers["user-agent"].split("/")[0] for request in site.requests} == {"levantwatch"}


def every_wanted_page_was_read_once_and_no_other(desk: Desk, site: Site) -> None:
    assert {name: site.asked(name) for name in UNWANTED} == dict.fromkeys(UNWANTED, 0)
    # those in flight when the first walk was killed were asked for again, the first one perhaps through a shortener, too
    asked = {name: site.asked(name) for name in WANTED}
    assert all(1 <= number <= 2 + (name == WANTED[0]) for name, number in asked.items()), asked
    matches = [row.url.removeprefix(site.url) for row in desk.rows("select url from matches")]
    assert sorted(matches) == sorted(WANTED)
    listed = desk.rows("select url, state from entries where url like '%football%'")
    assert [row.state for row in listed] == ["irrelevant"]
    carriers = desk.rows("select m.url, m.feed_url, m.publisher, m.day from matches m where m.url like '%damascus%'")
    assert [(row.feed_url, row.publisher) for row in carriers] == [(f"{site.url}/sitemap-202412.xml.gz", "North Post")]
    assert [str(row.day) for row in carriers] == [
        "2024-12-08"
    ]  # by its address: the sitemap only knows its last change


def links_through_others_lead_to_one_article(desk: Desk, site: Site) -> None:
    links = {
        row.url.rsplit("/", 1)[1]: row
        for row in desk.rows("select id, url, state, error from entries where state = 'gone' and url like '%/s_'")
    }
    ids = {row.url.removeprefix(site.url): row.article_id for row in desk.rows("select url, article_id from matches")}
    assert links["s1"].error == f"same-article: entry {ids[WANTED[0]]}"
    seen = desk.rows("select entry_id, url from sightings where url is not null")
    kept = {(row.entry_id, row.url.partition("?")[0].rsplit("/", 1)[1]) for row in seen}
    assert {(ids[WANTED[0]], "s1"), (ids["/resolved/aleppo-9"], "s2"), (ids["/blog/aleppo-12"], "url")} <= kept
    carriers = desk.rows("select canonical_url from articles where id = :id", id=ids["/resolved/aleppo-9"])
    assert [row.canonical_url for row in carriers] == [f"{site.url}/resolved/aleppo-9"]


def read_whole(desk: Desk, *names: str) -> set[str]:
    """Those of these documents that were read whole."""
    found = desk.rows("select f.url from walks w join feeds f on f.id = w.feed_id where w.read_at is not null")
    return {name for name in names if any(row.url.endswith(name) for row in found)}


def documents_were_asked_for_within_their_limits(site: Site) -> None:
    never = (
        "/sitemap-2024-10.xml",
        "/author-sitemap.xml",
        "/ancient.xml",
        "/deep/4.xml",
        "/news-0.xml",
        "/blog/feed/?paged=4",
    )
    assert {name: site.asked(name) for name in never} == dict.fromkeys(never, 0)
    # what the walk that was killed had read and written is not read again
    assert {name: site.asked(name) for name in ONCE} == dict.fromkeys(ONCE, 1)
    assert {"/index.xml", "/deep/2.xml", "/bomb.xml.gz", "/laughs.xml", "/blog/feed/?paged=2"} <= {
        r.path for r in site.requests
    }


def test_a_site_without_a_named_sitemap_is_asked_for_the_usual_ones_and_its_robots_txt_holds(
    tmp_path: Path, templates: dict[str, str], site: Site
) -> None:
    shutil.copy(templates["sqlite"], tmp_path / "test.db")  # what differs between databases was met above
    settings = {"LEVANTWATCH_HOST_CONNECTIONS": "1", "LEVANTWATCH_WORKERS": "1"}
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/test.db", settings=settings)
    site.route("/robots.txt", Reply(b"User-agent: *\nDisallow: /news-sitemap.xml\n", content_type="text/plain"))
    site.route("/wp-sitemap.xml", urlset((f"{site.url}/2024/12/08/rain-in-the-north-on-sunday", "")))
    site.route("/sitemap-index.xml", Reply(status=429, headers={"Retry-After": "3600"}))
    site.route("/feed.xml", rss(("1", "Rain", f"{site.url}/rain")))
    desk.watch(f"{site.url}/feed.xml", publisher="Rain Gazette")
    done = desk.run(
        "backfill", "Rain Gazette", "--since", "2024-12-01", "--until", "2024-12-31", "--quiet", "--format", "json"
    )
    said = json.loads(done.stdout)
    assert (done.returncode, done.stderr.decode()) == (
        0,
        "levantwatch: not everything was asked for; the next run goes on from here\n",
    )
    assert (said["counts"]["entries"], said["counts"]["new"], said["counts"]["fetched"]) == (1, 1, 0)
    assert [said["counts"][f"documents_{name}"] for name in ("read", "failed", "left")] == [2, 1, 1]
    assert site.asked("/wp-sitemap.xml") == site.asked("/robots.txt") == 1
    assert site.asked("/news-sitemap.xml") == site.asked("/2024/12/08/rain-in-the-north-on-sunday") == 0
    assert [row.state for row in desk.rows("select state from entries")] == ["irrelevant"]
    reasons = {row.outcome for row in desk.rows("select outcome from walks")}
    assert reasons == {"ok", "not-found", "robots", "rate-limited"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--since", "2024-12-31", "--until", "2024-11-27"], "2024-12-31 is after"),
        (["--since", "2199-01-01"], "2199-01-01 is after"),
        (["--since", "soon"], "soon"),
        ([], "--since"),
    ],
)  # fmt: skip
def test_days_that_are_none_are_bad_usage(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    from crawler.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["backfill", "North Post", *arguments])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_a_publisher_is_found_by_name_domain_and_feed(desk: Desk) -> None:
    north = ("https://feeds.northpost.example/a", "https://northpost.example/b")
    desk.watch(*north, publisher="North Post", homepage="https://northpost.example/")
    desk.watch("https://other.example/f", title="The Other")
    with closing(open_database(desk.url)) as database, database.read() as session:
        for name in ("North Post", " north post ", "northpost.example", "1", north[1]):
            assert [feed.url for feed in feeds_of(session, name)] == list(north), name
        assert [feed.url for feed in feeds_of(session, "the other")] == ["https://other.example/f"]
        for name in ("", "North", "post.example", "example", "99", "https://nobody.example/"):
            with pytest.raises(UnknownFeed):
                feeds_of(session, name)


def test_a_publisher_that_nobody_knows_is_said_in_one_line(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEVANTWATCH_DATABASE_URL", desk.url)
    crawler = get_crawler(BackfillSpider)
    for given, status, says in (
        ({"publisher": "Nobody", "since": "7d"}, 1, "no publisher 'Nobody'; levantwatch feeds list shows them"),
        ({"publisher": "Nobody"}, 2, "say from which day on: since=2024-11-27"),
        ({"since": "7d"}, 2, "backfill needs -a publisher=NAME"),
        ({"publisher": "Nobody", "since": "7d", "until": "30d"}, 2, "is after"),
    ):
        with pytest.raises(SystemExit) as ended:
            arguments_for_scrapy(crawler, **given)
        said = capsys.readouterr().err
        assert (ended.value.code, said.count("\n")) == (status, 1)
        assert says in said
    assert [row.reason for row in desk.rows("select reason from runs")] == ["unknown publisher"]
