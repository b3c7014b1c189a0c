"""`crawler.quick`: whatever takes the short way gives what feedparser gives, field by field; anything unusual takes the long one."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from farm_documents import DOCUMENTS
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler import quick
from crawler.charset import decode
from crawler.feed import parse_slowly, parse_text
from crawler.mending import mended
from crawler.newsroom.articles import load_articles
from crawler.newsroom.outlets import OUTLETS
from crawler.newsroom.sites import OutletSite

FEEDS = sorted((Path(__file__).parent / "data" / "feeds").glob("*.feed"))
PLACE = "https://orontes.example/feed.xml"
LARGE = 20_000  # bytes: what a hostile document of more may cost feedparser is no business of this test

NAMESPACES = (
    'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:mine="https://orontes.example/ns"'
)
WORDS = (
    "Rain in Aleppo",
    "",
    "  ",
    "Ã©tÃ©",
    "été",
    "&amp;amp; &lt;b&gt;bold&lt;/b&gt;",
    "\u0085 \u0093q\u0094",
    "سوريا",
    "<![CDATA[<p>a & b</p>]]>",
)
ADDRESSES = (
    "https://a.example/1",
    "/2",
    "http:///a.example//3?a=1&amp;b;=2",
    "id-4",
    "",
    " https://a.example/é ",
    "javascript:x",
)
DATES = (
    "Mon, 05 Jan 2026 10:00:00 GMT",
    "2026-01-05T10:00:00+02:00",
    "2026-02-30T10:00:00Z",
    "5 يناير 2026",
    "yesterday",
    "",
)
TEXTS = [
    "title",
    "description",
    "guid",
    "pubDate",
    "author",
    "dc:creator",
    "dc:date",
    "content:encoded",
    "category",
    "comments",
    "source",
    "media:title",
    "media:description",
    "mine:note",
    "language",
    "dc:language",
    "ttl",
    "summary",
    "id",
    "updated",
    "atom:updated",
    "media:credit",
    "unheard-of",
    "sy:updatePeriod",
]
ATTRIBUTES = (
    "",
    "",
    "",
    "",
    ' isPermaLink="false"',
    ' type="html"',
    ' type="xhtml"',
    ' xml:lang="ar"',
    ' xml:base="http://b.example/"',
    ' lang="tr"',
)
LINKS = (
    "",
    ' rel="self"',
    ' rel="alternate"',
    ' rel="Alternate" type="TEXT/HTML"',
    ' type="application/json"',
    ' title="x"',
    ' url="/u"',
)


def texts_of(name: str) -> st.SearchStrategy[str]:
    pool = DATES if "ate" in name else ADDRESSES if name in ("guid", "id") else WORDS
    return st.builds(
        lambda attribute, text: f"<{name}{attribute}>{text}</{name}>",
        st.sampled_from(ATTRIBUTES),
        st.sampled_from(pool),
    )


ELEMENTS = st.one_of(
    st.sampled_from(TEXTS).flatmap(texts_of),
    st.sampled_from(("title", "description", "pubDate", "guid")).flatmap(texts_of),  # most of what there is
    st.sampled_from(ADDRESSES).map(lambda address: f"<link>{address}</link>"),
    st.builds(lambda more, address: f'<atom:link href="{address}"{more}/>', st.sampled_from(LINKS), st.sampled_from(ADDRESSES)),
    st.sampled_from(WORDS[:6]).map(lambda text: f"<media:content url='/p.jpg'><media:title>{text}</media:title></media:content>"),
    st.sampled_from(WORDS[:6]).map(lambda text: f"<media:group><media:description type='html'>{text}</media:description></media:group>"),
    st.sampled_from(("<author><name>A. Haddad</name><email>a@b.example</email></author>", "<author><name>B</name>x</author>")),
    st.sampled_from(("<image><title>Logo</title><url>/l.png</url></image>", "<!-- --><?x y?>", "<item><title>inner</title></item>")),
)  # fmt: skip
ITEMS = st.lists(st.lists(ELEMENTS, max_size=7).map("".join), max_size=3)


def same(body: bytes) -> bool:
    """Whether a document takes the short way; then both ways must say the same of it."""
    text = mended(decode(body).lstrip("\ufeff \t\r\n\x00"))
    if quick.read(text) is None:
        return False
    assert parse_text(text, PLACE) == parse_slowly(text, PLACE)
    return True


def rss(items: str, *, root: str = NAMESPACES) -> str:
    return f"<rss version='2.0' {root}><channel><title>T</title>{items}</channel></rss>"


def atom(entries: str, *, root: str = "") -> str:
    return f"<feed xmlns='http://www.w3.org/2005/Atom' {root}><title>T</title>{entries}</feed>"


def test_the_projects_documents_read_alike_and_plain_ones_shortly() -> None:
    short = {path.stem for path in FEEDS if same(path.read_bytes())}
    assert len(short) > len(FEEDS) / 3
    assert {"atom-1.0"} <= short or {"rss-2.0"} <= short


def test_the_newsrooms_feeds_read_alike() -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    sites = [OutletSite(outlet, load_articles(), "http://127.0.0.1:1", now) for outlet in OUTLETS]
    bodies = [site.answer(feed.path, 2).body for site in sites for feed in site.outlet.feeds]
    assert sum(map(same, bodies)) > len(bodies) / 3


class _Connection:
    """Takes what a server of the farm says to one request."""

    def __init__(self) -> None:
        self.requests, self.said = 1, b""

    async def asked(self) -> bool:
        self.requests -= 1
        return self.requests == 0

    async def say(self, data: bytes) -> None:
        self.said += data


@pytest.mark.parametrize("case", DOCUMENTS, ids=lambda case: case.name)
def test_hostile_documents_read_alike_or_take_the_long_way(case: Any) -> None:
    connection = _Connection()
    asyncio.run(case.serve(connection))
    body = connection.said.partition(b"\r\n\r\n")[2]
    if len(body) < LARGE:
        same(body)
    else:
        begin = time.process_time()
        quick.read(mended(decode(body)))
        assert time.process_time() - begin < 10


@settings(max_examples=120, deadline=None)
@given(ITEMS, st.lists(ELEMENTS, max_size=3).map("".join))
def test_rss_of_any_elements_reads_alike(items: list[str], channel: str) -> None:
    same(rss(channel + "".join(f"<item>{item}</item>" for item in items)).encode())


@settings(max_examples=120, deadline=None)
@given(ITEMS, st.lists(ELEMENTS, max_size=3).map("".join))
def test_atom_of_any_elements_reads_alike(entries: list[str], feed: str) -> None:
    same(
        atom(feed + "".join(f"<entry>{entry}</entry>" for entry in entries), root=NAMESPACES)
        .replace("atom:", "")
        .encode()
    )


PLAIN = {
    "rss": rss("<item><title>a</title><link>https://a.example/1</link><guid>https://a.example/1</guid></item>"),
    "atom": atom(
        "<entry><id>urn:1</id><title type='html'>a</title><link href='https://a.example/1'/><content>c</content></entry>"
    ),
    "language of the root": rss("<item><title>a</title></item>", root="xml:lang='ar_SY'"),
    "base of the root": rss("<item><link>/1</link></item>", root="xml:base='https://a.example/news/'"),
    "summary and content": rss(
        "<item><content:encoded>long</content:encoded><description>short</description></item>"
        "<item><description>short</description><media:description>more</media:description></item>"
    ),
    "UTF-8 twice": rss("<item><title>Ã©tÃ©</title></item>"),
    "two declarations": "<?xml version='1.0'?>\n<?xml version='1.0' encoding='windows-1256'?>"
    + rss("<item><title>افتتاح طريق حلب</title></item>"),
    "several authors": rss(
        "<item><dc:creator>A</dc:creator><dc:creator></dc:creator><dc:creator>B</dc:creator></item>"
    ),
    "an unknown namespace": rss("<item><title>a</title><mine:title>b</mine:title></item>"),
}
UNUSUAL = {
    "not well-formed": rss("<item><title>a</item>"),
    "a document type": "<!DOCTYPE rss>" + rss("<item/>"),
    "an entity": "<!DOCTYPE rss [<!ENTITY a 'b'>]>" + rss("<item><title>&a;</title></item>"),
    "nested items": rss("<item><item><title>inner</title></item></item>"),
    "markup in a title": rss("<item><title>a <b>b</b></title></item>"),
    "two titles": rss("<item><title>a</title><title>b</title></item>"),
    "a base within": rss("<item xml:base='https://b.example/'><link>/1</link></item>"),
    "a prefix for two": rss("<item xmlns:mine='urn:other'><mine:a/></item>"),
    "a prefix of another": rss("<item><dc:title>a</dc:title></item>", root="xmlns:dc='https://orontes.example/ns'"),
    "an odd date": rss("<item><pubDate>5 Jan, at noon</pubDate></item>"),
    "XHTML": atom("<entry><title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>a</div></title></entry>"),
    "RDF": "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/'><item/></rdf:RDF>",
    "an address as author": rss("<item><author>a@b.example (A)</author></item>"),
    "an author after one with an address": atom(
        "<entry><author><name>A</name><email>a@a.example</email></author><author><name>B</name></author></entry>"
    ),
    "an editor of an entry": rss("<item><managingEditor>desk@a.example (A. Haddad)</managingEditor></item>"),
    "a name that expat does not know": rss("<item><enclosure \U0001f600url='/p.jpg'/></item>"),
    "an instruction that expat does not know": rss("<?\U0001f600 x?><item/>"),
    "a prefix that expat does not know": rss("<item/>", root="xmlns:\u0750='urn:x'"),
    "a declaration that no pattern sees": rss("<item xmlns:·='urn:x'/>"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_plain_documents_take_the_short_way(name: str) -> None:
    assert same(PLAIN[name].encode())


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_documents_take_the_long_way(name: str) -> None:
    assert quick.read(mended(UNUSUAL[name])) is None


def test_very_many_tiny_items_are_read_in_bounded_time() -> None:
    text = rss("<item/>" * 50_000)
    begin = time.process_time()
    assert quick.read(text) is not None
    assert time.process_time() - begin < 20
