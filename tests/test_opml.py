"""Lists of feeds: files and their expected twins, what is no list, and the way out and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from crawler.description import FeedDescription, country_code, feed_address, language_tag, word
from crawler.opml import MAX_BYTES, NAMESPACE, FeedListError, read_feed_list, write_opml
from crawler.plaintext import clean

LISTS = sorted(path for path in (Path(__file__).parent / "data" / "opml").iterdir() if path.suffix in (".opml", ".txt"))


def described(given: dict[str, Any]) -> FeedDescription:
    return FeedDescription(**{**given, "tags": tuple(given.get("tags", ()))})


@pytest.mark.parametrize("file", LISTS, ids=lambda file: file.name)
def test_what_a_list_holds(file: Path) -> None:
    expected = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    listed = read_feed_list(file.read_bytes())
    assert list(listed.feeds) == [described(feed) for feed in expected["feeds"]]
    assert len(listed.problems) == len(expected["problems"])
    for problem, beginning in zip(listed.problems, expected["problems"], strict=True):
        assert problem.startswith(beginning)
        assert "\n" not in problem


def test_a_quotation_mark_by_its_name_in_html_ends_no_attribute() -> None:
    listed = read_feed_list(
        b'<opml><body><outline text="The &QUOT;Post&QUOT;" xmlUrl="https://a.example/f"/></body></opml>'
    )
    assert [(feed.title, feed.url) for feed in listed.feeds] == [('The "Post"', "https://a.example/f")]
    assert listed.problems == ()


def test_there_are_lists_to_read() -> None:
    assert len(LISTS) >= 14


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf \n", "it is empty"),
        (
            b"<?xml version='1.0'?><rss version='2.0'><channel/></rss>",
            "it is a feed, not a list of feeds; add its address",
        ),
        (b"<feed xmlns='http://www.w3.org/2005/Atom'/>", "it is a feed, not a list"),
        (
            b"<!doctype html><html><body><p>Hello</body></html>",
            "it is an HTML page, not a list of feeds; find the feeds of a site",
        ),
        (b"<html><body>", "it is an HTML page"),
        (b"<urlset/>", "it is a sitemap"),
        (b"<data><x/></data>", "it is XML, but no OPML: it begins with <data>"),
        (b"<<<<>>>>", "it is neither OPML nor a text file of URLs"),
        (
            b"PK\x03\x04\x14\x00\x00\x00xl/workbook.xml",
            "it is no text, perhaps a table or an archive; give OPML or a text",
        ),
        (b"SQLite format 3\x00\nhttps://a.example/feed\x00\nhttps://b.example/feed\n", "it is no text"),
        (b"url,title\r\nhttps://a.example/feed,A\r\n", "it is a table, no list of feeds; save its column of addresses"),
        (b'"Feed URL";"Name"\nhttps://a.example/feed;A\n', "it is a table"),
        (b"name\turl\nA\thttps://a.example/feed\n", "it is a table"),
        (b"id,state,url\n1,active,https://a.example/feed\n", "it is a table"),
        (b'{"feeds": []}', "it is neither OPML nor a text file with one URL a line"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "it is no text"),
        (
            b"a\nb\nc",
            "it is neither OPML nor a text file with one URL a line (line 1: 'a' is no http or https address)",
        ),
        (b" " * (MAX_BYTES + 1), "it is larger than 10 MB"),
        (
            b"<opml><body><outline " + b" ".join(b"a%d='1'" % n for n in range(200_000)) + b"/>",
            "one of its elements has more than 1,000 attributes",
        ),
    ],
)
def test_what_is_no_list_says_what_it_is(body: bytes, told: str) -> None:
    with pytest.raises(FeedListError) as caught:
        read_feed_list(body)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=400) | st.text(alphabet="<>/=\"'&;! opmlutinexURL:\n#%[]", max_size=400).map(str.encode))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    try:
        listed = read_feed_list(body)
    except FeedListError:
        return
    assert all(feed.url.startswith(("http://", "https://")) for feed in listed.feeds)


def test_folders_in_folders_without_end_are_read_to_a_depth() -> None:
    deep = b"<opml><body>" + b"<outline text='x'><outline text='f' xmlUrl='https://a.example/feed'/>" * 50_000
    listed = read_feed_list(deep)
    assert [feed.tags for feed in listed.feeds] == [("x",)]
    assert len(listed.problems) == 1


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
# titles and publishers are kept as `clean` leaves them, by feeds and command alike
CLEAN = TEXTS.map(clean)
DESCRIPTIONS = st.builds(
    FeedDescription,
    url=st.integers(1, 10**6).map(lambda number: f"https://a.example/feed?n={number}&x='\"<y>"),
    title=CLEAN,
    publisher=CLEAN,
    homepage=st.sampled_from([None, "https://a.example", "https://a.example/ü?a=1&b=2"]),
    language=st.sampled_from([None, "en", "ckb", "pt-br"]),
    country=st.sampled_from([None, "SY", "GB"]),
    kind=st.sampled_from(["", "news-site", "wire"]),
    tags=st.lists(st.sampled_from(["syria", "middle-east", "شام", "news"]), unique=True).map(tuple),
    disabled=st.booleans(),
)


@given(st.lists(DESCRIPTIONS, max_size=5, unique_by=lambda feed: feed.url))
def test_out_and_back_is_the_same(feeds: list[FeedDescription]) -> None:
    listed = read_feed_list(write_opml(feeds))
    assert list(listed.feeds) == feeds
    assert listed.problems == ()


@given(TEXTS, TEXTS)
def test_what_is_written_is_always_xml(title: str, tag: str) -> None:
    document = write_opml([FeedDescription("https://a.example/feed", title, publisher=title, tags=(tag,))], title=title)
    root = etree.fromstring(document)
    assert root.find("body/outline").get("xmlUrl") == "https://a.example/feed"


def test_what_other_readers_look_for_is_there() -> None:
    feed = FeedDescription(
        "https://a.example/feed",
        "The Courier\x0b",
        "Courier Group",
        "https://a.example",
        "en",
        "SY",
        "newspaper",
        ("levant", "syria"),
    )
    root = etree.fromstring(write_opml([feed, FeedDescription("https://b.example/feed")]))
    assert (root.tag, root.get("version"), root.find("head/title").text) == ("opml", "2.0", "levantwatch")
    first, second = root.findall("body/outline")
    assert dict(first.attrib) == {
        "text": "The Courier", "title": "The Courier", "type": "rss", "xmlUrl": "https://a.example/feed",
        "htmlUrl": "https://a.example", "language": "en", "category": "levant,syria",
        f"{{{NAMESPACE}}}publisher": "Courier Group", f"{{{NAMESPACE}}}country": "SY", f"{{{NAMESPACE}}}kind": "newspaper",
    }  # fmt: skip
    assert dict(second.attrib) == {"text": "https://b.example/feed", "type": "rss", "xmlUrl": "https://b.example/feed"}


# --- one spelling ---


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" https://a.example/Feed \n", "https://a.example/Feed"),
        ("HTTP://A.Example:80", "http://a.example/"),
        ("https://a.example:443/feed?utm_source=x&b=1&a=2#top", "https://a.example/feed?utm_source=x&b=1&a=2"),
        ("http://a.example:8080/%7efeed/../x", "http://a.example:8080/%7efeed/../x"),
        ("feed://a.example/x", "http://a.example/x"),
        ("FEED:https://a.example/x", "https://a.example/x"),
        ("<https://a.example/x>", "https://a.example/x"),
        ("https://a.example/fe\ned", "https://a.example/feed"),
        ("http://[2001:DB8::1]:8000/feed", "http://[2001:db8::1]:8000/feed"),
    ],
)
def test_an_address_is_kept_as_given_but_for_what_is_plainly_the_same(given: str, kept: str) -> None:
    assert feed_address(given) == kept
    assert feed_address(kept) == kept


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a.example/feed", "'a.example/feed' is no http or https address; write https://a.example/feed"),
        ("ftp://a.example/feed", "'ftp://a.example/feed' is no http or https address"),
        ("file:///etc/passwd", "'file:///etc/passwd' is no http or https address"),
        ("http://", "'http://' is no http or https address"),
        ("http:\\\\a.example\\feed", "'http:\\\\\\\\a.example\\\\feed' is no http or https address"),
        ("", "'' is no http or https address"),
        ("https://me:secret@a.example/", "the address holds a user name or a password"),
        ("https://a.example/" + "x" * 2000, "the address has 2,018 characters; 2,000 is the most"),
        ("x" * 500, f"'{'x' * 99}…' is no http or https address"),
    ],
)
def test_an_address_that_is_none_says_what_to_write(text: str, told: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared below)
        feed_address(text)
    assert str(caught.value).startswith(told)
    assert "secret" not in str(caught.value)


@given(st.text(max_size=60) | st.from_regex(r"(feed:)?(https?:)?//[a-zé.@\[\]:0-9\\]{0,20}[/?#]?.{0,20}"))
def test_an_address_once_read_stays(text: str) -> None:
    try:
        kept = feed_address(text)
    except ValueError:
        return
    assert feed_address(kept) == kept


def test_countries_languages_and_words() -> None:
    assert [country_code(text) for text in ("sy", " GB ", "uk")] == ["SY", "GB", "GB"]
    assert [language_tag(text) for text in ("EN", "pt_BR", "ckb", "zh-hant-tw")] == ["en", "pt-br", "ckb", "zh-hant-tw"]
    assert [word(text) for text in ("Middle East, daily", "SYRIA", "a/b_c", "C++", "شام", "R&D", " x ")] == [
        "middle-east-daily", "syria", "a-b-c", "c", "شام", "r-d", "x"
    ]  # fmt: skip
    for read, text in (
        (country_code, "Syria"), (country_code, "ZZ"), (country_code, ""), (language_tag, "english"), (language_tag, "e"),
        (language_tag, "en-" + "a-" * 40), (word, "--"), (word, ""), (word, ","), (word, "x" * 51),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"is no|holds no|longer than"):
            read(text)
