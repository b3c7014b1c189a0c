"""What a document of the past gives for the days that were asked for, and where it leads."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.backfill import DEEPEST, MOST_LEADS, Document, Lead, read_document
from crawler.daysnamed import Span, days_named

URL = "https://news.example"
SPAN = Span(date(2024, 11, 27), date(2024, 12, 31))
SITES = frozenset({"news.example"})
DAYS = [json.loads(line) for line in (Path(__file__).parent / "data" / "urls" / "days.jsonl").read_text("utf-8").splitlines()]  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=case["why"]) for case in DAYS])
def test_the_days_that_an_address_names(case: dict[str, Any]) -> None:
    found = days_named(case["url"], of_document=case.get("of_document", False))
    named = (found.first.isoformat(), found.last.isoformat()) if found else (None, None)
    assert named == (case["first"], case["last"])


def read(
    body: bytes, path: str = "/sitemap.xml", *, sites: frozenset[str] = SITES, kind: Any = "sitemap", **known: Any
) -> Document:
    lead = Lead(URL + path, kind, **known)
    return read_document(body, url=lead.url, content_type=None, lead=lead, span=SPAN, sites=sites)


def sitemap(*pages: tuple[str, str, str]) -> bytes:
    """A sitemap of (address, lastmod, publication date)."""
    news = "<n:news><n:publication_date>{}</n:publication_date><n:title>T</n:title></n:news>"
    rows = "".join(f"<url><loc>{escape(loc)}</loc>{f'<lastmod>{changed}</lastmod>' if changed else ''}{news.format(published) if published else ''}</url>"
                   for loc, changed, published in pages)  # fmt: skip
    return f"<urlset xmlns:n='http://www.google.com/schemas/sitemap-news/0.9'>{rows}</urlset>".encode()


def listing(*pages: tuple[str, str]) -> bytes:
    """An index of (address, lastmod)."""
    rows = "".join(f"<sitemap><loc>{escape(loc)}</loc>{f'<lastmod>{day}</lastmod>' if day else ''}</sitemap>" for loc, day in pages)  # fmt: skip
    return f"<sitemapindex>{rows}</sitemapindex>".encode()


@pytest.mark.parametrize(
    ("why", "page", "is_wanted"),
    [
        ("published in these days", ("/a", "", "2024-12-03"), True),
        ("published on the first of them", ("/a", "", "2024-11-27T00:00:00Z"), True),
        ("published on the last of them", ("/a", "", "2024-12-31T23:59:59Z"), True),
        ("published after them, by UTC", ("/a", "", "2024-12-31T23:00:00-02:00"), False),
        ("published before them, changed in them", ("/a", "2024-12-03", "2020-01-01"), False),
        ("published in them, the address says else", ("/2020/01/01/a", "", "2024-12-03"), True),
        ("the address says so, whatever was changed later", ("/2024/12/03/a", "2026-01-01", ""), True),
        ("the address says else, changed in them", ("/2024/10/03/a", "2024-12-03", ""), False),
        ("a month that begins before them", ("/2024/11/a", "", ""), True),
        ("a month before them", ("/2024/10/a", "", ""), False),
        ("a year alone says nothing", ("/2024/a", "", ""), False),
        ("changed in them, no other date", ("/a", "2024-12-03", ""), True),
        ("changed after them: nobody knows", ("/a", "2026-01-01", ""), False),
        ("changed before them", ("/a", "2024-11-26", ""), False),
        ("no date at all", ("/a", "", ""), False),
        ("a date that cannot be read", ("/a", "yesterday", ""), False),
        ("a foreign host", ("https://elsewhere.example/2024/12/03/a", "", ""), False),
        ("a javascript: address", ("javascript:2024/12/03", "", ""), False),
    ],
)
def test_which_pages_of_a_sitemap_are_wanted(why: str, page: tuple[str, str, str], is_wanted: bool) -> None:
    loc, changed, published = page
    found = read(sitemap((URL + loc if loc.startswith("/") else loc, changed, published)))
    assert (len(found.feed.entries) == 1) is is_wanted
    assert found.listed == 1


@pytest.mark.parametrize(
    ("path", "changed_at", "is_wanted"),
    [
        ("/sitemap-2024-12.xml", None, True),
        ("/sitemap-2024-12.xml", datetime(2026, 1, 1, tzinfo=UTC), True),
        ("/sitemap-2024-10.xml", datetime(2024, 12, 3, tzinfo=UTC), False),
        ("/sitemap-2024.xml", None, False),
        ("/posts.xml", datetime(2024, 12, 3, tzinfo=UTC), True),
        ("/posts.xml", datetime(2026, 1, 1, tzinfo=UTC), False),
        ("/posts.xml", None, False),
    ],
)
def test_a_page_without_any_date_goes_by_its_sitemap(path: str, changed_at: datetime | None, is_wanted: bool) -> None:
    found = read(sitemap((f"{URL}/story/1", "", "")), path, changed_at=changed_at)
    assert bool(found.feed.entries) is is_wanted
    assert found.undated == (not is_wanted and path == "/posts.xml" and changed_at is None) + (
        path == "/sitemap-2024.xml"
    )


def test_a_day_in_the_address_is_the_claim_and_the_last_change_stays_one() -> None:
    entry = read(sitemap((f"{URL}/2024/12/03/a", "2026-01-01", ""))).feed.entries[0]
    assert (entry.published_at, entry.published_source) == (datetime(2024, 12, 3, tzinfo=UTC), "url")
    assert entry.updated_at == datetime(2026, 1, 1, tzinfo=UTC)


def leads(*pages: tuple[str, str], **known: Any) -> list[str]:
    return [lead.url.removeprefix(URL) for lead in read(listing(*pages), "/index.xml", **known).leads]


def test_which_sitemaps_of_an_index_are_worth_a_request() -> None:
    assert leads(
        (f"{URL}/2024-11.xml", ""), (f"{URL}/2024-10.xml", ""), (f"{URL}/2025.xml", ""), (f"{URL}/2024.xml", "2026-01-01"),
        (f"{URL}/posts1.xml", "2024-11-26"), (f"{URL}/posts2.xml", "2024-11-27"), (f"{URL}/posts3.xml", ""),
        (f"{URL}/post_tag-sitemap2.xml", ""), (f"{URL}/wp-sitemap-taxonomies-category-1.xml", ""), (f"{URL}/video-sitemap.xml", ""),
        ("https://elsewhere.example/2024-12.xml", ""), ("ftp://news.example/2024-12.xml", ""), ("", ""),
    ) == ["/2024-11.xml", "/2025.xml", "/2024.xml", "/posts2.xml", "/posts3.xml"]  # fmt: skip
    # a day of slack at the ends: a publisher's own time may be off UTC


def test_indexes_in_indexes_end_somewhere_and_one_gives_no_more_than_there_may_be() -> None:
    assert leads((f"{URL}/a.xml", ""), depth=DEEPEST - 1) == ["/a.xml"]
    assert leads((f"{URL}/a.xml", ""), depth=DEEPEST) == []
    many = read(listing(*((f"{URL}/{number}.xml", "") for number in range(10_000, 10_010 + MOST_LEADS))))
    assert len(many.leads) == MOST_LEADS
    assert {lead.depth for lead in many.leads} == {1}


def test_a_sitemap_on_another_host_that_robots_txt_names_may_list_the_publishers_pages() -> None:
    body = sitemap(
        (f"{URL}/2024/12/03/a", "", ""),
        ("https://maps.example/2024/12/03/b", "", ""),
        ("https://en.example.org/2024/12/03/c", "", ""),
    )
    lead = Lead("https://maps.example/s.xml", "sitemap")
    found = read_document(body, url=lead.url, content_type=None, lead=lead, span=SPAN, sites=SITES | {"example.org"})
    assert [entry.url for entry in found.feed.entries] == [f"{URL}/2024/12/03/a", "https://en.example.org/2024/12/03/c"]
    assert found.foreign == 1


# --- pages of feeds ---


def feed(*days: int, link: str = "", generator: str = "", month: str = "Dec 2024") -> bytes:
    items = "".join(f"<item><guid>{day}</guid><title>T{day}</title><link>{URL}/a/{day}</link><pubDate>{day:02d} {month} 10:00:00 GMT</pubDate></item>" for day in days)  # fmt: skip
    return f"<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom'><channel><title>N</title>{link}{generator}{items}</channel></rss>".encode()


def older(body: bytes, path: str = "/feed.xml", **known: Any) -> list[str]:
    return [lead.url.removeprefix(URL) for lead in read(body, path, kind="page", **known).leads]


def rel(relation: str, href: str) -> str:
    return f"<atom:link rel='{relation}' href='{href}'/>"


def test_where_a_feed_goes_on() -> None:
    assert older(feed(3, link=rel("prev-archive", "/archive/2"))) == ["/archive/2"]
    assert older(feed(3, link=rel("next", f"{URL}/feed.xml?page=2"))) == ["/feed.xml?page=2"]
    assert older(feed(3, link=rel("next", "/p2") + rel("prev-archive", "/a2"))) == ["/a2"]
    assert older(feed(3, link=rel("next", "https://elsewhere.example/2"))) == []
    assert older(feed(3, link=rel("next-archive", "/newer"))) == []
    assert older(feed(3)) == []
    wordpress = "<generator>https://wordpress.org/?v=6.7</generator>"
    assert older(feed(3, generator=wordpress)) == ["/feed.xml?paged=2"]
    assert older(feed(3), "/blog/feed/") == ["/blog/feed/?paged=2"]
    assert older(feed(3), "/?feed=rss2&cat=7&paged=4", number=4) == ["/?feed=rss2&cat=7&paged=5"]
    items = [{"id": "1", "url": f"{URL}/a", "title": "T", "date_published": "2024-12-03T10:00:00Z"}]
    json_feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "N",
        "next_url": f"{URL}/2.json",
        "items": items,
    }
    assert older(json.dumps(json_feed).encode()) == ["/2.json"]
    atom = f"<feed xmlns='http://www.w3.org/2005/Atom'><id>u:n</id><title>N</title><link rel='prev-archive' href='2.atom'/><entry><id>u:1</id><title>T</title><link href='{URL}/a'/><updated>2024-12-03T10:00:00Z</updated></entry></feed>"  # fmt: skip
    assert older(atom.encode(), "/1.atom") == ["/2.atom"]


def test_where_a_feed_ends() -> None:
    link = rel("prev-archive", "/2")
    assert older(feed(26, month="Nov 2024", link=link)) == []  # the newest of this page is older than the first day
    assert older(feed(26, 28, month="Nov 2024", link=link)) == ["/2"]
    assert older(feed(3, month="Mar 2026", link=link)) == ["/2"]  # the days that are wanted come later
    assert older(feed(link=link)) == []
    first = read(feed(3), "/feed/", kind="page").leads[0]
    assert (
        older(feed(3), "/feed/?paged=2", number=2, before=first.before) == []
    )  # a server that gives the same page for ever
    assert older(feed(2), "/feed/?paged=2", number=2, before=first.before) == ["/feed/?paged=3"]


def test_a_feeds_entries_go_by_their_claims() -> None:
    found = read(feed(3, 4, month="Dec 2024"), "/feed.xml", kind="page")
    assert [entry.title for entry in found.feed.entries] == ["T3", "T4"]
    assert read(feed(3, month="Oct 2024"), "/feed.xml", kind="page").feed.entries == ()


# --- of any bytes ---


def test_bombs_and_rubbish_are_no_documents() -> None:
    bomb = gzip.compress(b"<urlset>" + b" " * 12_000_000)
    for body in (bomb, bomb[:100], b"", b"<html><body>Not found</body></html>", b"<urlset", b"\x00" * 1000):
        found = read(body)
        assert (found.feed.entries, found.leads) == ((), ())
    cut = read(sitemap((f"{URL}/2024/12/03/a", "", ""))[:-20])
    assert [entry.url for entry in cut.feed.entries] == [f"{URL}/2024/12/03/a"]


def test_entities_of_a_sitemap_are_not_expanded() -> None:
    declared = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 9))
    body = f"<!DOCTYPE x [<!ENTITY a0 'x'>{declared}<!ENTITY file SYSTEM 'file:///etc/passwd'>]><urlset><url><loc>{URL}/2024/12/03/&a8;&file;</loc></url></urlset>"
    found = read(body.encode())
    assert len(str(found)) < 5_000
    assert "root:" not in str(found)


PIECES = st.sampled_from(
    ["<urlset>", "</urlset>", "<sitemapindex>", "<sitemap>", "<url>", "<loc>", "</loc>", URL, "/2024/12/03/", "<lastmod>2024-12-03</lastmod>", "</url>",
     "<rss version='2.0'>", "<channel>", "<item>", "<link>", rel("next", "//["), "<atom:link rel='next' href='/2'/>", "]]>", "&", "<!--", "\ud800".encode("utf-8", "replace").decode()]
)  # fmt: skip


@given(pieces=st.lists(PIECES, max_size=12), kind=st.sampled_from(["sitemap", "page"]))
def test_whatever_the_document_its_leads_stay_with_its_publisher(pieces: Sequence[str], kind: str) -> None:
    found = read("".join(pieces).encode(), kind=kind)
    assert all(lead.url.startswith(URL) for lead in found.leads)
    assert all(entry.url is None or "news.example" in entry.url for entry in found.feed.entries)
