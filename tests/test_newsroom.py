"""The newsroom of the demo: its files are right, our own parser and extractor read it, and it speaks proper HTTP."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from crawler.extract import extract_page
from crawler.feed import ParsedFeed, parse_feed
from crawler.newsroom.articles import PAGES, SampleArticle, SampleError, load_articles, read_article
from crawler.newsroom.outlets import OUTLETS
from crawler.newsroom.pages import APPEAL
from crawler.newsroom.server import Newsroom, bound
from crawler.newsroom.sites import OutletSite
from crawler.similar import nearness, signature
from crawler.urls import canonical_url, registered_domain

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
UNREAD = ("script-shell", "gone", "none")  # pages that hold no text
ARTICLES = load_articles()
ENTRIES = {  # by outlet and feed: the form that our parser must find, and how many entries in the two rounds
    ("meridian", "wire"): ("atom", 6, 7),
    ("courier", "world"): ("rss", 6, 7),
    ("courier", "top"): ("rss", 7, 7),
    ("ledger", "all"): ("rdf", 8, 8),
    ("prairie", "news"): ("json", 9, 9),
    ("gazette", "sitemap"): ("sitemap", 8, 8),
    ("mina", "news"): ("rss", 6, 7),
    ("kiyi", "haberler"): ("rss", 6, 6),
    ("crossroads", "all"): ("rss", 7, 7),
}
FURNITURE = (
    "cookies", "our free newsletter", "Signal Mornings", "Log in to", "All rights reserved", "Keep reading", "Most read", "Exchange rates", "Çerez", "Yorum yapmak",
    "İlgili Haberler", "اقرأ أيضا", "النشرة البريدية", "جميع الحقوق", "Leave a Reply", "Français", "Read next", "Sign up", "More about this",
)  # fmt: skip
ARTICLE = """id: 1
language: en
section: World
title: A title
summary: A summary
author: A desk
hours: 2
syria: 1
isis: 0
case: a case

The first
paragraph.

The second paragraph."""


@pytest.fixture(scope="module")
def room() -> Iterator[Newsroom]:
    with Newsroom(now=NOW) as room:
        yield room


@pytest.fixture
def fresh() -> Iterator[Newsroom]:
    with Newsroom(now=NOW) as room:
        yield room


def get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.replace("\u200c", "").casefold()))  # the extractor drops zero-width joiners


def parsed(site: OutletSite, name: str) -> ParsedFeed:
    feed = site.outlet.feed(name)
    status, headers, body = get(site.home + feed.path)
    assert status == 200
    return parse_feed(body, url=site.home + feed.path, content_type=headers["Content-Type"])


def site_of(room: Newsroom, key: str) -> OutletSite:
    return next(site for site in room.sites() if site.outlet.key == key)


def article(slug: str, outlet: str) -> SampleArticle:
    return next(one for one in ARTICLES if (one.outlet, one.slug) == (outlet, slug))


# --- the articles ---


def test_there_is_enough_of_everything_that_a_watch_meets() -> None:
    languages = Counter(one.language for one in ARTICLES)
    topics = Counter(one.topics for one in ARTICLES)
    assert len(ARTICLES) >= 50
    assert languages["ar"] >= 6
    assert languages["tr"] >= 6
    assert {"fr", "de", "es", "ru", "ku", "fa"} <= languages.keys()
    assert min(topics[("syria",)], topics[("isis",)]) >= 10
    assert topics[("isis", "syria")] >= 6
    assert topics[()] >= 20
    assert {one.page for one in ARTICLES} == set(PAGES)
    assert sum(one.corrected is not None for one in ARTICLES) == 1
    assert 3 <= sum(one.round == 2 for one in ARTICLES) <= 5


def test_every_article_has_an_outlet_and_feeds_that_exist() -> None:
    outlets = {outlet.key: outlet for outlet in OUTLETS}
    for one in ARTICLES:
        for name in one.feeds:
            assert outlets[one.outlet].feed(name)


def test_the_wire_story_is_one_text_in_three_outlets() -> None:
    texts = [
        " ".join(article("convoy-attack-deir-ezzor", outlet).first.paragraphs)
        for outlet in ("meridian", "ledger", "prairie")
    ]
    original, edited, renamed = (signature(text) or b"" for text in texts)
    assert len(set(texts)) == 3
    assert min(nearness(original, edited), nearness(original, renamed)) > 0.75


def test_an_article_file() -> None:
    read = read_article(
        f"{ARTICLE}\n\n=== corrected\ntitle: Another\nhours: 1\n\nMended.", outlet="courier", slug="a-slug"
    )
    assert read.topics == ("syria",)
    assert read.version(1).paragraphs == ("The first paragraph.", "The second paragraph.")
    assert read.version(2) == read.corrected
    assert (read.version(2).title, read.version(2).summary, read.version(2).hours) == ("Another", "A summary", 1.0)


@pytest.mark.parametrize(
    ("found", "instead", "told"),
    [
        ("author: A desk\n", "", "no author"),
        ("author:", "writer: me\nauthor:", "unknown writer"),
        ("syria: 1", "syria: yes", "'yes' is none of 0, 1"),
        ("language: en", "language: xx", "'xx' is none of"),
        ("hours: 2", "hours: two", "could not convert"),
        ("hours: 2", "hours: 2\nhours: 3", "said twice"),
        ("hours: 2", "hours: 2\npage: lost", "'lost' is none of"),
        ("\n\nThe first\nparagraph.\n\nThe second paragraph.", "", "no paragraph"),
    ],
)
def test_a_wrong_article_file_says_what_is_wrong(found: str, instead: str, told: str) -> None:
    assert found in ARTICLE
    with pytest.raises(SampleError, match=f"courier/a-slug: .*{told}"):
        read_article(ARTICLE.replace(found, instead), outlet="courier", slug="a-slug")


# --- the feeds ---


@pytest.mark.parametrize(("outlet", "name"), ENTRIES)
def test_our_parser_reads_every_feed(fresh: Newsroom, outlet: str, name: str) -> None:
    site = site_of(fresh, outlet)
    kind, first, second = ENTRIES[outlet, name]
    for count in (first, second):
        found = parsed(site, name)
        listed = site.listing(site.outlet.feed(name), fresh.round)
        assert (found.kind, len(found.entries)) == (kind, count)
        assert [(entry.title, entry.summary, entry.published_at) for entry in found.entries] == [
            (one.title, one.summary, one.published) for one in listed
        ]
        assert [canonical_url(entry.url) if entry.url else None for entry in found.entries] == [
            one.url for one in listed
        ]
        fresh.advance()


def test_feeds_are_as_real_ones_are(room: Newsroom) -> None:
    courier, mina, kiyi = (site_of(room, key) for key in ("courier", "mina", "kiyi"))
    assert re.search(rb"&(?!\w+;)", get(courier.home + "/rss.xml")[2]), "one feed forgets to escape its ampersands"
    assert "سوريا".encode("windows-1256") in get(mina.home + "/rss.php")[2]
    assert "zeytin hasadı öncesinde dönenlerin sayısı".encode("iso-8859-9") in get(kiyi.home + "/rss/son-dakika")[2]
    guids = Counter(entry.guid for entry in parsed(site_of(room, "crossroads"), "all").entries)
    assert max(guids.values()) == 2
    assert [entry.title for entry in parsed(site_of(room, "crossroads"), "all").entries if entry.url is None] == [
        "UN envoy for Syria to brief Security Council on constitution talks"
    ]


def test_two_feeds_list_the_same_article_under_different_links(room: Newsroom) -> None:
    courier = site_of(room, "courier")
    world, top = ({entry.url for entry in parsed(courier, name).entries if entry.url} for name in ("world", "top"))
    assert not world & top
    assert len({canonical_url(url) for url in world} & {canonical_url(url) for url in top}) == 2


def test_the_feeds_are_described_for_the_watch(room: Newsroom) -> None:
    feeds = room.feeds()
    assert len(feeds) == 9
    assert len({feed.publisher for feed in feeds}) == 8
    assert {feed.language for feed in feeds} == {"en", "ar", "tr"}
    assert not any({"syria", "isis"} & set(feed.tags) for feed in feeds), (
        "a feed tagged with a topic is read whole: no triage to show"
    )
    assert len({registered_domain(feed.url) for feed in feeds}) in (8, 1), (
        "a host for each outlet, or a system with one address"
    )


# --- the pages ---


@pytest.mark.parametrize(
    "one", [one for one in ARTICLES if one.page not in UNREAD], ids=lambda one: f"{one.outlet}-{one.slug}"
)
def test_a_page_gives_its_own_text(room: Newsroom, one: SampleArticle) -> None:
    site = site_of(room, one.outlet)
    answer = site.answer(site.path(one), 2)
    page = extract_page(answer.body, url=site.url(one), content_type=answer.content_type)
    version = one.version(2)
    own = words(" ".join(version.paragraphs[:2] if one.page == "paywalled" else version.paragraphs))
    assert (own & words(page.text)).total() > 0.9 * own.total()
    assert words(page.title or "") == words(version.title)


@pytest.mark.parametrize("outlet", [outlet.key for outlet in OUTLETS])
def test_navigation_notices_and_prompts_are_no_part_of_a_text(room: Newsroom, outlet: str) -> None:
    site = site_of(room, outlet)
    found = {
        (one.slug, piece)
        for one in site.articles
        for text in [extract_page(site.answer(site.path(one), 2).body, url=site.url(one)).text]
        for piece in FURNITURE
        if piece in text
    }
    assert found == set()


def test_a_donation_appeal_is_no_part_of_the_text(room: Newsroom) -> None:
    site, one = site_of(room, "courier"), article("al-hol-annex-closes", "courier")
    page = extract_page(site.answer(site.path(one), 1).body, url=site.url(one), content_type="text/html")
    assert [piece for piece in APPEAL if piece in page.text] == []


def test_pages_without_text_hold_none(room: Newsroom) -> None:
    for one in ARTICLES:
        if one.page in UNREAD:
            site = site_of(room, one.outlet)
            assert extract_page(site.answer(site.path(one), 2).body).text == ""


def test_pages_say_their_language_and_direction(room: Newsroom) -> None:
    for one in ARTICLES:
        site = site_of(room, one.outlet)
        answer = site.answer(site.path(one), 2)
        if one.language in ("ar", "fa"):
            assert f'<html lang="{one.language}" dir="rtl">' in answer.body.decode()
        elif answer.status == 200:
            assert re.search(rf'<html[^>]* lang="{one.language}', answer.body.decode())


def test_every_link_below_a_text_leads_somewhere(room: Newsroom) -> None:
    site, one = site_of(room, "mina"), article("zoo-lions", "mina")
    links = re.findall(r'href="(http[^"]+\?id=\d+)"', site.answer(site.path(one), 1).body.decode())
    assert len(set(links)) >= 4
    assert {get(link)[0] for link in links} == {200}


# --- HTTP and the second round ---


def test_a_validator_brings_304_until_something_changes(fresh: Newsroom) -> None:
    wire, ledger = (
        next(feed.url for feed in fresh.feeds() if part in feed.url) for part in ("wire.atom", "backend.rdf")
    )
    known = {url: get(url)[1] for url in (wire, ledger)}
    for url, headers in known.items():
        assert get(url, If_None_Match=headers["ETag"])[0] == 304
        assert get(url, If_Modified_Since=headers["Last-Modified"])[0] == 304
        assert get(url, If_None_Match='"other"', If_Modified_Since=headers["Last-Modified"])[0] == 200
    fresh.advance()
    assert get(wire, If_None_Match=known[wire]["ETag"])[0] == 200
    assert get(wire, If_Modified_Since=known[wire]["Last-Modified"])[0] == 200
    assert get(ledger, If_None_Match=known[ledger]["ETag"])[0] == 304


def test_the_second_round_brings_articles_a_correction_and_a_page_that_failed(fresh: Newsroom) -> None:
    before = {one.article_id: one for one in fresh.truth}
    failing = next(one for one in before.values() if one.page == "fails-once")
    shelling = next(one for one in before.values() if "Nine killed" in one.title)
    assert failing.url
    assert shelling.url
    assert get(failing.url)[0] == 500
    assert b"killing nine people" in get(shelling.url)[2]
    fresh.advance()
    after = {one.article_id: one for one in fresh.truth}
    assert len(after) - len(before) == sum(one.round == 2 for one in ARTICLES)
    assert get(failing.url)[0] == 200
    assert b"killing 13 people" in get(shelling.url)[2]
    assert after[shelling.article_id].title.startswith("Thirteen killed")
    assert after[shelling.article_id].first_title == shelling.title
    (entry,) = [entry for entry in parsed(site_of(fresh, "meridian"), "wire").entries if entry.url == shelling.url]
    assert entry.title.startswith("Thirteen killed")
    assert entry.updated_at
    assert entry.published_at
    assert entry.updated_at > entry.published_at


def test_the_site_has_robots_txt_front_pages_and_errors(room: Newsroom) -> None:
    for site in room.sites():
        status, headers, body = get(site.home + "/robots.txt")
        assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
        assert body.startswith(b"User-agent: *")
        assert get(site.home + "/")[0] == 200
        assert get(site.home + "/no-such-page")[0] == 404
    assert any("Disallow: /" in site.outlet.robots for site in room.sites())
    gone = next(one for one in room.truth if one.page == "gone")
    assert gone.url
    assert get(gone.url)[0] == 410


def test_what_was_asked_is_remembered(fresh: Newsroom) -> None:
    get(fresh.url)
    get(fresh.url + "nothing")
    assert [(one.url, one.status) for one in fresh.asked] == [(fresh.url, 200), (fresh.url + "nothing", 404)]


def test_a_system_with_one_loopback_address_serves_on_several_ports() -> None:
    with bound("192.0.2.1") as one, bound("192.0.2.1") as other:  # a documentation address: no machine's own
        assert one.server_address[0] == other.server_address[0] == "127.0.0.1"
        assert one.server_address[1] != other.server_address[1]
