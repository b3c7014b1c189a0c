"""`crawler.feed`: every document of data/feeds says what its twin expects, and no bytes make it raise."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from crawler.feed import parse_feed, to_json
from crawler.listing import listing_of
from crawler.mending import mended
from crawler.parsed import GUID_CHARS, NAME_CHARS, TITLE_CHARS, ParsedEntry

DOCUMENTS = sorted((Path(__file__).parent / "data" / "feeds").glob("*.feed"))
PLACE = "https://orontes.example/feed.xml"
NAMES = {"id": "guid"}  # what `levantwatch parse` calls it -> what ParsedEntry calls it


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_document_says_what_its_twin_expects(document: Path) -> None:
    expected = json.loads(document.with_suffix(".json").read_text(encoding="utf-8"))
    feed = parse_feed(
        document.read_bytes(), url=expected.pop("url", PLACE), content_type=expected.pop("served_as", None)
    )
    shown = to_json(feed)
    entries = expected.pop("entries")
    assert [
        _told(entry, told, wanted) for entry, told, wanted in zip(feed.entries, shown["entries"], entries, strict=False)
    ] == entries
    assert len(feed.entries) == len(entries)
    problem, problems = expected.pop("problem", ""), expected.pop("problems", None)
    assert problem in "; ".join(feed.problems)
    assert problems is None or len(feed.problems) == problems, feed.problems
    if "sitemaps" in expected:
        assert (
            [entry.url for entry in feed.sitemaps] == expected["sitemaps"] == [one["url"] for one in shown["entries"]]
        )
        del expected["sitemaps"]
    assert {name: getattr(feed, name) for name in expected} == expected


def _told(entry: ParsedEntry, shown: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What the entry says of the fields that its twin names, by their names in the command's output or in ParsedEntry."""
    told: dict[str, Any] = {}
    for name in wanted:
        if name == "title_chars":
            told[name] = len(entry.title) if len(entry.title) < TITLE_CHARS - 10 else TITLE_CHARS
        elif name == "lacks":
            told[name] = wanted[name] if wanted[name] not in str(entry) else f"found in {entry}"
        else:
            told[name] = shown[name] if name in shown else getattr(entry, NAMES.get(name, name))
    return told


def test_there_is_a_document_for_every_twin() -> None:
    twins = {path.stem for path in DOCUMENTS[0].parent.glob("*.json")}
    assert twins == {path.stem for path in DOCUMENTS}
    assert len(DOCUMENTS) >= 30


def test_a_relative_link_without_a_place_is_no_link() -> None:
    body = b"<rss version='2.0'><channel><item><title>a</title><link>/a</link></item></channel></rss>"
    assert parse_feed(body, url="").entries[0].url is None


def test_a_gzip_bomb_is_refused() -> None:
    import gzip

    bomb = gzip.compress(b"<rss>" + b" " * (12 * 1024 * 1024))
    assert parse_feed(bomb, url=PLACE).problems == ("the compressed body cannot be read: it is larger than 10 MB",)


def listing(kind: str, number: int) -> bytes:
    """A document that lists so many items, each as small as can be."""
    if kind == "json":
        return f'{{"version": "https://jsonfeed.org/version/1.1", "items": [{",".join(["{}"] * number)}]}}'.encode()
    opened, each, closed = {
        "rss": ("<rss version='2.0'><channel>", "<item><guid>{}</guid></item>", "</channel></rss>"),
        "atom": ("<feed xmlns='http://www.w3.org/2005/Atom'>", "<entry><id>{}</id></entry>", "</feed>"),
        "prefixed": (
            "<a:feed xmlns:a='http://www.w3.org/2005/Atom'>",
            "<a:entry><a:id>{}</a:id></a:entry>",
            "</a:feed>",
        ),
        "sitemap": ("<urlset>", "<url><loc>http://a.example/{}</loc></url>", "</urlset>"),
    }[kind]
    return (opened + "".join(each.format(n) for n in range(number)) + closed).encode()


@pytest.mark.parametrize(("kind", "most"), [("rss", 20_000), ("atom", 20_000), ("prefixed", 20_000), ("sitemap", 50_000), ("json", 20_000)])  # fmt: skip
def test_more_items_than_a_document_may_list_are_refused_whole(kind: str, most: int) -> None:
    refused = parse_feed(listing(kind, most + 1), url=PLACE)
    assert refused.too_large
    assert refused.entries == ()
    assert refused.problems == (f"it lists more than {most:,} items",)


def test_a_burst_of_5000_is_read() -> None:
    for kind in ("rss", "json"):
        assert len(parse_feed(listing(kind, 5_000), url=PLACE).entries) == 5_000


def test_an_element_of_a_thousand_attributes_is_refused_a_long_picture_is_not() -> None:
    item = "<rss version='2.0'><channel><item><title>Rain</title><description><![CDATA[{}]]></description></item></channel></rss>"
    picture = f"<img src='data:image/png;base64,{'iVBORw0KGgo' * 9_000}=='>"
    assert [entry.title for entry in parse_feed(item.format(picture).encode(), url=PLACE).entries] == ["Rain"]
    many = "<item " + " ".join(f"a{n}='1'" for n in range(1_001)) + ">"
    assert parse_feed(item.replace("<item>", many).encode(), url=PLACE).problems == ("one of its elements has more than 1,000 attributes",)  # fmt: skip


@pytest.mark.parametrize("body", [b"<rss>" + b"<a/>" * 500_000, b'{"items": [' + b"{}," * 500_001 + b"{}]}"])
def test_a_document_of_tags_is_refused_before_it_is_a_tree(body: bytes) -> None:
    assert parse_feed(body, url=PLACE).too_large


@pytest.mark.parametrize(
    "body",
    [
        "<rss version='2.0'><channel><title>{}</title></channel></rss>",
        '{{"version": "https://jsonfeed.org/version/1.1", "title": "{}", "items": []}}',
        "<urlset><url><loc>https://a.example/1</loc><news><publication><name>{}</name></publication></news></url></urlset>",
    ],
    ids=["xml", "json", "sitemap"],
)
def test_the_name_of_a_feed_is_bounded(body: str) -> None:
    assert len(parse_feed(body.format("n" * 2_000).encode(), url=PLACE).title) == NAME_CHARS


RSS_TO_CUT = """<rss version="2.0"><channel><title>Courier</title>
<item><title>One</title><guid isPermaLink="false">1</guid><description>Rain</description><link>https://a.example/one</link></item>
<item><title>Two</title><guid isPermaLink="false">2</guid><description>Hail</description><link>https://a.example/two</link></item>
</channel></rss>"""
ATOM_TO_CUT = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Courier</title>
<entry><id>tag:1</id><title>One</title><link rel="self" href="https://a.example/1"/><link href="https://a.example/one"/></entry>
<entry><id>tag:2</id><title>Two</title><link rel="self" href="https://a.example/2"/><link href="https://a.example/two"/></entry></feed>"""
SITEMAP_TO_CUT = """<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<url><loc>https://a.example/one</loc><lastmod>2026-11-27</lastmod></url>
<url><loc>https://a.example/two</loc><lastmod>2026-11-27</lastmod></url></urlset>"""


@pytest.mark.parametrize("text", [RSS_TO_CUT, ATOM_TO_CUT, SITEMAP_TO_CUT], ids=["rss", "atom", "sitemap"])
def test_wherever_a_document_is_cut_it_lists_nothing_that_the_whole_does_not(text: str) -> None:
    def listed(body: str) -> dict[str, str | None]:
        parsed = parse_feed(body.encode(), url=PLACE)
        return {entry.key: entry.url for entry in listing_of(parsed, feed_url=PLACE, language=None).entries}

    whole = listed(text)
    assert list(whole) == ["https://a.example/one", "https://a.example/two"]
    for end in range(len(text)):
        assert listed(text[:end]).items() <= whole.items(), text[:end][-60:]


def test_deep_nesting_is_an_answer() -> None:
    feed = parse_feed(b"<rss version='2.0'><channel><item><title>" + b"<b>" * 20_000, url=PLACE)
    assert isinstance(feed.entries, tuple)


def test_json_as_deep_as_the_stack_is_an_answer() -> None:
    assert "no valid JSON" in parse_feed(b'{"items":' + b"[" * 100_000, url=PLACE).problems[0]


PIECES = [
    b"<rss version='2.0'>", b"<channel>", b"<item>", b"</item>", b"<title>", b"</title>", b"<![CDATA[", b"]]>", b"<link>", b"</link>",
    b"<feed xmlns='http://www.w3.org/2005/Atom'>", b"<entry>", b"</entry>", b"<id>", b"<link href='", b"'/>", b"<urlset>", b"<url>", b"<loc>",
    b"http://[", b"&#xD800;", b"&#55296;", b"&amp;", b"&", b"<!--", b"-->", b"<!DOCTYPE rss [", b"<!ENTITY a 'b'>", b"<?xml version='1.0' encoding='utf-7'?>",
    b"<pubDate>", b"99999-99-99", b"<guid>", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b", b'{"items": [', b'{"id": ', b"null", b"}", b"]", b"xml:base='http://['",
    "ء\u202e👨\u200d👩".encode(), b"<content type='application/octet-stream' mode='base64'>", b"<sitemapindex>", b"<rdf:RDF>", b"<dc:date>",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)), max_size=25).map(b"".join),
    )
)
def test_no_bytes_make_it_raise(body: bytes) -> None:
    _check_promises(body)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(DOCUMENTS), st.data())
def test_no_mutation_of_a_feed_makes_it_raise(document: Path, data: st.DataObject) -> None:
    body = document.read_bytes()[:20_000]
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 60)))
        body = body[:start] + data.draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6))) + body[end:]
    _check_promises(body)


@pytest.mark.parametrize("reference", ["&#xD800;", "&#x00dfff;", "&#55296;", "&#0;", "&#x110000;", "&#xFFFE;"])
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_a_forbidden_character_by_its_number_breaks_no_name(document: Path, reference: str) -> None:
    text = document.read_bytes()
    for place in (b'="', b">", b"<"):
        for at in [found.end() for found in re.finditer(place, text[:3_000])][:12]:
            _check_promises(text[:at] + reference.encode() + text[at:])


def _check_promises(body: bytes) -> None:
    feed = parse_feed(body, url=PLACE, content_type=None)
    assert feed.is_feed or (feed.problems and not feed.entries)
    assert all("broke the parser" not in problem for problem in feed.problems), feed.problems
    json.dumps(to_json(feed)).encode("utf-8")
    for entry in feed.entries:
        assert entry.url is None or entry.url.startswith(("http://", "https://"))
        assert len(entry.title) <= TITLE_CHARS
        assert len(entry.guid or "") <= GUID_CHARS
        assert len(entry.published_raw or "") <= NAME_CHARS
        assert entry.published_at is None or entry.published_raw
        for name, value in asdict(entry).items():
            if name != "url" and isinstance(value, str):
                assert not set(value) & set("\x00\n\r\u202e\u2066\ud800"), (name, value)


LIVE = "<link>https://orontes.example/live</link>"
DATED = "<pubDate>Mon, 05 Jan 2026 10:00:00 GMT</pubDate>"
LISTED = {
    "summaries alone": (["<description>Rain</description>", "<description>Snow</description>"], 2),
    "summaries of one date": ([f"<description>Rain</description>{DATED}", f"<description>Snow</description>{DATED}"], 2),
    "the same summary twice": (["<description>Rain</description>"] * 2, 1),
    "a link for all, titles": ([f"<title>{one}</title>{LIVE}" for one in ("Rain", "Snow", "Fog")], 3),
    "a link for all, summaries": ([f"<description>{one}</description>{LIVE}" for one in ("Rain", "Snow", "Fog")], 3),
    "a link, and its title corrected": ([f"<title>{one}</title>{LIVE}" for one in ("Rain", "Snow")], 1),
    "a link and a guid, its title corrected": (
        [f"<title>{one}</title>{LIVE}<guid isPermaLink='false'>7</guid>" for one in ("Rain", "Snow", "Fog")], 1
    ),
    "guids of one link": (
        [f"<description>{one}</description>{LIVE}<guid isPermaLink='false'>{one}</guid>" for one in ("Rain", "Snow")], 2
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LISTED)
def test_how_many_entries_a_document_lists(case: str) -> None:
    """RSS 2.0 asks for a title or a description and for nothing else."""
    items, number = LISTED[case]
    body = f"<rss version='2.0'><channel>{''.join(f'<item>{item}</item>' for item in items)}</channel></rss>".encode()
    listed = [listing_of(parse_feed(body, url=PLACE), feed_url=PLACE, language=None) for _ in range(2)]
    assert len(listed[0].entries) == number
    assert listed[0] == listed[1]


@pytest.mark.parametrize("long", ["x" * 2_001, "x" * 5_000, f"x{' ' * 4_000}x"], ids=["just", "long", "blank"])
@pytest.mark.parametrize("kind", ["rss", "json"])
def test_identifiers_that_differ_only_behind_what_is_kept_are_two(kind: str, long: str) -> None:
    ids = [f"{long}{end}" for end in "ab"]
    items = "".join(f"<item><guid isPermaLink='false'>{one}</guid><title>Rain</title></item>" for one in ids)
    body = {
        "rss": f"<rss version='2.0'><channel><title>A</title>{items}</channel></rss>",
        "json": json.dumps(
            {
                "version": "https://jsonfeed.org/version/1.1",
                "title": "A",
                "items": [{"id": one, "title": "Rain"} for one in ids],
            }
        ),
    }[kind].encode()
    feed = parse_feed(body, url=PLACE)
    assert all(len(entry.guid or "") <= GUID_CHARS for entry in feed.entries)
    assert len(listing_of(feed, feed_url=PLACE, language=None).entries) == 2
    assert parse_feed(body, url=PLACE) == feed


@pytest.mark.parametrize("link", ["<link</entry>>{0}</link>", "<link></entry>{0}</link>", "<link></item>{0}</link>", "<atom:link></item>{0}</atom:link>"])  # fmt: skip
def test_a_link_that_the_end_of_its_entry_cuts_off_costs_no_other_entry(link: str) -> None:
    whole = "<item><title>Rain</title><link>https://orontes.example/rain</link></item>"
    cut = f"<item><title>Oil</title>{link.format('https://orontes.example/oil')}</item>"
    feed = parse_feed(
        f"<rss version='2.0'><channel><title>Paper</title>{cut}{whole}</channel></rss>".encode(), url=PLACE
    )
    assert {entry.title for entry in feed.entries} == {"Oil", "Rain"}
    assert "https://orontes.example/rain" in {entry.url for entry in feed.entries}


@pytest.mark.parametrize("blank", [" ", "\n", "\xa0", "\u2009", "&#160;", "&#x20;", "&nbsp;", " \xa0\t"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_blank_in_a_namespace_breaks_nothing(blank: str, quote: str) -> None:
    def document(address: str, before: str = "") -> bytes:
        declared = f"xmlns:content={quote}{address}{quote} xmlns:own={quote}http://own.example/?a=1&amp;b=2{quote}"
        item = "<item><guid>1</guid><content:encoded><![CDATA[<p xmlns='a b'>Rain</p>]]></content:encoded><own:x>1</own:x></item>"
        return f"{before}<rss version='2.0' {declared}><channel><title>A</title>{item}</channel></rss>".encode()

    known = "http://purl.org/rss/1.0/modules/content/"
    for place in (0, 1, 7, len(known)):
        feed = parse_feed(document(known[:place] + blank + known[place:]), url=PLACE)
        assert feed.problems == ()
        assert [entry.content for entry in feed.entries] == ["Rain"]
        if not blank.endswith("nbsp;"):
            own = parse_feed(
                document(known[:place] + blank + known[place:], "<!DOCTYPE rss [<!ENTITY a 'b'>]>"), url=PLACE
            )
            assert [entry.content for entry in own.entries] == ["Rain"]


@pytest.mark.parametrize("before", range(9))
def test_a_reference_is_whole_wherever_it_stands_in_a_long_document(before: int) -> None:
    text = mended(f"<rss><channel><title>{'a' * before}{'&eacute;&amp;&' * 20_000}")
    assert text == f"<rss><channel><title>{'a' * before}{'é&amp;&amp;' * 20_000}"


def test_an_endless_title_is_cut_before_it_is_parsed_and_costs_only_itself() -> None:
    items = f"<item><title>{'Rain &lt;b ' * 300_000}</title><link>https://odd.example/1</link></item><item><title>Sun</title><link>https://odd.example/2</link></item>"
    text = mended(f"<rss version='2.0'><channel>{items}</channel></rss>")
    assert len(text) < 200_000
    parsed = parse_feed(text.encode(), url="https://odd.example/feed")
    assert [(entry.url, entry.title[:4]) for entry in parsed.entries] == [
        ("https://odd.example/1", "Rain"),
        ("https://odd.example/2", "Sun"),
    ]
