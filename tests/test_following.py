"""The feeds of the desk on both databases: valid by RFC 4287 and JSON Feed 1.1, read back by two readers, open to whom the API is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import feedparser
import pytest
from argon2 import PasswordHasher
from desk_server import desk_app
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from starlette.testclient import TestClient
from storage_samples import HOUR, NOW, add_feed, add_matches, verdict

from crawler.desk import syndicated
from crawler.desk.api import tokens
from crawler.desk.asking import followed
from crawler.feed import parse_feed
from storage import saved
from storage.db import Database

A = "{http://www.w3.org/2005/Atom}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("correct horse")
TOKEN = tokens.new_token()
ARABIC = "سوريا: هدنة في الشمال"
MARKUP = "<script>alert(1)</script> & ]]> &lt;b&gt; Syria"
TURNED = "Syria\u202egpj.exe \x07bell \x1b[31m\ufffe\uffff \u2066isolated\nline"
HOSTILE: list[dict[str, Any]] = [
    {"title": MARKUP, "summary": "<b>bold</b> & more", "url": "javascript:alert(1)", "canonical_url": None},
    {"title": TURNED, "publisher": '"><evil>', "author": "\x00\x08", "url": "https://a.example/a b|<c>?q=%zz&é#x#y"},
    {"title": ARABIC, "language": "ar", "published_at": NOW - 2 * HOUR},
    {"title": "", "summary": "", "text": "", "author": None, "language": 'en" x="1'},
    {"title": "Raqqa", "verdicts": (verdict("isis"), verdict()), "published_at": None, "published_source": None},
]  # fmt: skip
PATHS = ("all", "topic/syria", "topic/isis", "search/north", "search/%D8%B3%D9%88%D8%B1%D9%8A%D8%A7", "story/1")


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    """Asks a desk with hostile matches and two saved searches."""
    add_matches(database, add_feed(database), *HOSTILE)
    with database.write() as session:
        saved.save(session, name="north", query="ceasefire OR raqqa", now=NOW)
        saved.save(session, name="سوريا", query="هدنة", now=NOW)
        saved.save(session, name="broken", query="place:nowhere-at-all", now=NOW)
    with TestClient(desk_app(database, NOW + HOUR)) as client:
        yield client


# --- the two rules, strictly ---

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
URI = re.compile(r"[a-z][a-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
TAG = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
TEXT = {"title", "summary"}
CHILDREN = {  # of RFC 4287, those that may stand in a feed and in an entry: the fewest and the most
    "feed": {"id": (1, 1), "title": (1, 1), "updated": (1, 1), "author": (1, 99), "link": (1, 99), "generator": (0, 1), "entry": (0, 50)},
    "entry": {"id": (1, 1), "title": (1, 1), "updated": (1, 1), "published": (0, 1), "author": (1, 99), "link": (1, 99), "category": (0, 99), "summary": (0, 1)},
    "author": {"name": (1, 1)},
}  # fmt: skip
ATTRIBUTES = {
    "title": {"type", LANG},
    "summary": {"type"},
    "link": {"rel", "type", "href"},
    "category": {"term"},
    "generator": {"version"},
    "entry": {LANG},
}


def moment(text: str) -> datetime:
    """A date of RFC 3339."""
    assert MOMENT.fullmatch(text), text
    return datetime.fromisoformat(text)


def uri(text: str) -> str:
    """An absolute URI of RFC 3986."""
    assert URI.fullmatch(text), text
    assert text.count("#") <= 1
    assert urlsplit(text).netloc or text.startswith("urn:uuid:"), text
    return text


def check_element(element: Any) -> None:
    """What RFC 4287 asks of an element and of all in it."""
    name = element.tag.removeprefix(A)
    assert set(element.attrib) <= ATTRIBUTES.get(name, set()), name
    assert TAG.fullmatch(element.get(LANG, "en"))
    counts = CHILDREN.get(name, {})
    children = [child.tag.removeprefix(A) for child in element]
    assert set(children) <= set(counts), name
    for child, (fewest, most) in counts.items():
        assert fewest <= children.count(child) <= most, (name, child)
    if counts:
        assert not (element.text or "").strip()
    if name in ("updated", "published"):
        moment(element.text)
    if name == "id":
        assert uri(element.text).startswith("urn:uuid:")
    if name == "link":
        assert uri(element.get("href"))
        assert re.fullmatch(r"[a-z]+/[a-z+]+", element.get("type"))
    if name in TEXT:
        assert (element.get("type"), len(element)) == ("text", 0)
    if name in (*TEXT, "name"):
        assert element.text
        assert element.text.strip() == element.text
    for child in element:
        check_element(child)


def check_atom(body: bytes, address: str) -> Any:
    """The feed of a document that is valid by RFC 4287."""
    assert body.startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    feed = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    assert feed.tag == f"{A}feed"
    check_element(feed)
    assert [link.get("href") for link in feed.findall(f"{A}link[@rel='self']")] == [address]
    ids = [one.text for one in feed.iter(f"{A}id")]
    assert len(ids) == len(set(ids))
    for entry in feed.findall(f"{A}entry"):
        assert len(entry.findall(f"{A}link[@rel='alternate']")) == 1
        assert moment(entry.findtext(f"{A}updated")) <= moment(feed.findtext(f"{A}updated"))
    return feed


ITEM: dict[str, type] = {
    "id": str, "url": str, "title": str, "content_text": str, "date_published": str, "date_modified": str, "authors": list,
    "tags": list, "language": str, "_levantwatch": dict,
}  # fmt: skip


def check_json(body: bytes, address: str) -> dict[str, Any]:
    """A document that is valid by JSON Feed 1.1."""
    feed: dict[str, Any] = json.loads(body)
    assert set(feed) == {"version", "title", "home_page_url", "feed_url", "authors", "items"}
    assert (feed["version"], feed["feed_url"]) == ("https://jsonfeed.org/version/1.1", address)
    assert feed["title"]
    uri(feed["home_page_url"])
    for item in feed["items"]:
        assert {"id", "url", "content_text", "authors"} <= set(item) <= set(ITEM)
        assert all(isinstance(value, ITEM[name]) and value for name, value in item.items()), item
        uri(item["id"]), uri(item["url"])
        [moment(item[name]) for name in ("date_published", "date_modified") if name in item]
        assert TAG.fullmatch(item.get("language", "en"))
        assert all(isinstance(tag, str) and tag for tag in item["tags"])
    for carrier in (feed, *feed["items"]):
        assert carrier["authors"]
        assert all(set(author) == {"name"} and author["name"] for author in carrier["authors"])
    ids = [item["id"] for item in feed["items"]]
    assert len(ids) == len(set(ids))
    assert len(ids) <= 50
    return feed


@pytest.mark.parametrize("host", ["testserver", "localhost:8350"])
def test_every_feed_is_valid_whatever_strangers_wrote(client: TestClient, host: str) -> None:
    numbers = []
    for path in PATHS:
        atom = client.get(f"/feeds/{path}.atom", headers={"host": host, "accept": "application/rss+xml"})
        told = client.get(f"/feeds/{path}.json", headers={"host": host})
        assert (atom.status_code, atom.headers["content-type"]) == (200, "application/atom+xml"), atom.text
        assert (told.status_code, told.headers["content-type"]) == (200, "application/feed+json"), told.text
        feed = check_atom(atom.content, f"http://{host}/feeds/{path}.atom")
        same = check_json(told.content, f"http://{host}/feeds/{path}.json")
        entries = feed.findall(f"{A}entry")
        assert [one.findtext(f"{A}id") for one in entries] == [one["id"] for one in same["items"]]
        assert [one.findtext(f"{A}title") for one in entries] == [one["title"] for one in same["items"]]
        assert [one.get(LANG) for one in entries] == [one.get("language") for one in same["items"]]
        home = same["home_page_url"].removeprefix(f"http://{host}")
        page = client.get(home).text
        assert all(f'href="/article/{one["_levantwatch"]["article_id"]}"' in page for one in same["items"]), home
        assert f'href="/feeds/{path}.atom"' in page
        numbers.append(len(entries))
    assert numbers == [5, 5, 1, 4, 1, 1]
    for path in ("/timeline", "/publishers", "/stories"):
        assert 'href="/feeds/topic/isis.json"' in client.get(f"{path}?topic=isis").text


def test_two_readers_read_what_was_written(client: TestClient) -> None:
    atom, told = client.get("/feeds/all.atom").content, client.get("/feeds/all.json").content
    titles = {MARKUP, "Syriagpj.exe bell [31m isolated line", ARABIC, "(no title)", "Raqqa"}
    theirs = feedparser.parse(atom)
    assert not theirs.bozo
    assert (theirs.version, theirs.feed.author) == ("atom10", "levantwatch")
    assert {one.title_detail.type for one in theirs.entries} == {"text/plain"}
    assert {one.title for one in theirs.entries} == titles
    xml, js = (parse_feed(body, url="http://testserver/feeds/all.atom") for body in (atom, told))
    assert (xml.kind, xml.problems, js.kind, js.problems) == ("atom", (), "json", ())
    assert xml.self_url == "http://testserver/feeds/all.atom"
    for ours, same in zip(xml.entries, js.entries, strict=True):
        assert (ours.guid, ours.url, ours.language, ours.updated_at) == (
            same.guid,
            same.url,
            same.language,
            same.updated_at,
        )
        assert same.published_at in (ours.published_at, None)  # Atom without one is read as of when it was updated
    assert {one.language for one in xml.entries} == {"en", "ar", None}
    assert ARABIC in {one.title for one in xml.entries}
    by_title = {one.title: one for one in theirs.entries}
    assert by_title[MARKUP].link == "http://testserver/article/1"
    assert by_title["Syriagpj.exe bell [31m isolated line"].link == (
        "https://a.example/a%20b%7C%3Cc%3E?q=%25zz&%C3%A9#x%23y"
    )
    assert [one.name for one in by_title["Raqqa"].authors] == ["Staff writer", "North Post"]
    assert [one.term for one in by_title["Raqqa"].tags] == ["isis", "syria"]
    assert "published" not in by_title["Raqqa"]


def test_nothing_in_a_feed_is_markup_or_turns_a_line(client: TestClient) -> None:
    for form in ("atom", "json"):
        text = client.get(f"/feeds/all.{form}").text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", text)
        assert "<script" not in text
        assert "<evil" not in text
        assert "javascript:" not in text


@given(st.text(), st.text(), st.text())
def test_any_text_makes_a_valid_feed(title: str, url: str, name: str) -> None:
    match = sample(title=title, url=f"https://x.example/{url}", publisher=name, summary=url)
    channel = syndicated.Channel("story 1", name or "x", "/feeds/story/1", "/story/1", "http://localhost")
    if syndicated.text(channel.title):
        check_atom(syndicated.as_atom(channel, [match]), "http://localhost/feeds/story/1.atom")
        body = json.dumps(syndicated.as_jsonfeed(channel, [match])).encode()
        check_json(body, "http://localhost/feeds/story/1.json")


def sample(**values: Any) -> Any:
    """A match as `search` gives it."""
    fields = {
        "article_id": 1, "feed_url": "", "publisher": "North Post", "country": "GB", "kind": "", "language": "en", "title": "Syria",
        "url": None, "canonical_url": None, "author": None, "published_at": None, "first_seen_at": NOW, "fetched_at": None,
        "day": "2026-11-24", "topics": "syria", "syria_score": 0.9, "isis_score": None, "syria_label": None, "isis_label": None,
        "story_id": 1, "role": "original", "words": 1, "extraction": "full", "summary": "", "text": "",
    }  # fmt: skip
    return syndicated.Match(**(fields | values))


# --- what stays ---


def test_ids_outlive_the_desk_address_and_a_correction() -> None:
    first, later = (
        sample(),
        sample(title="Syria, corrected", fetched_at=NOW + timedelta(days=1), url="https://b.example/"),
    )
    assert syndicated.match_id(first) == syndicated.match_id(later) == "urn:uuid:" + str(syndicated.match_id(first))[9:]
    assert syndicated.updated(first) < syndicated.updated(later)
    assert syndicated.match_id(sample(article_id=2)) != syndicated.match_id(first)
    at = [
        syndicated.Channel("all", "t", "/feeds/all", "/", desk) for desk in ("http://localhost", "https://desk.example")
    ]
    assert syndicated.feed_id(at[0]) == syndicated.feed_id(at[1])
    empty = etree.fromstring(syndicated.as_atom(at[0], []))
    assert empty.findtext(f"{A}updated") == "1970-01-01T00:00:00Z", "a feed without matches is the same every day"
    assert first.first_seen_at.tzinfo is UTC


def test_what_is_held_is_not_sent_again_and_head_has_no_body(client: TestClient, database: Database) -> None:
    tags = {}
    for path in ("all.atom", "all.json", "topic/syria.atom"):
        whole = client.get(f"/feeds/{path}")
        tags[path] = whole.headers["etag"]
        again = client.get(f"/feeds/{path}", headers={"If-None-Match": tags[path]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tags[path])
        assert again.headers["cache-control"] == "private, no-cache"
        head = client.head(f"/feeds/{path}")
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tags[path])
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert "default-src 'none'" in whole.headers["content-security-policy"]
    add_matches(database, 1, *HOSTILE, {"title": "Idlib"}, now=NOW + 4 * HOUR)
    changed = client.get("/feeds/all.atom", headers={"If-None-Match": tags["all.atom"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tags["all.atom"]


def test_the_newest_fifty(client: TestClient, database: Database) -> None:
    feed = add_feed(database, url="https://souk.example/rss")
    times = [{"title": f"Syria {number}", "published_at": NOW + number * timedelta(minutes=1)} for number in range(60)]
    add_matches(database, feed, *times, now=NOW + HOUR)
    items = check_json(client.get("/feeds/all.json").content, "http://testserver/feeds/all.json")["items"]
    assert [one["title"] for one in items] == [f"Syria {number}" for number in range(59, 9, -1)]


# --- what is not there, and who may ask ---


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("topic/tea.atom", "there is no topic 'tea'; the topics are isis, syria"),
        ("search/nope.json", "there is no search 'nope'"),
        ("search/%3Cb%3E%E2%80%AE.atom", "there is no search"),
        ("story/99.atom", "no story 99"),
        ("story/x.atom", "there is no story 'x'"),
        ("story/99999999999999999999.json", "there is no story"),
        ("tea/x.atom", "there is no tea"),
        ("all.rss", "there are feeds that end in .atom and in .json"),
    ],
)
def test_what_there_is_not_is_told_plainly(client: TestClient, path: str, words: str) -> None:
    answer = client.get(f"/feeds/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert answer.text.startswith(words)
    assert len(answer.text.splitlines()) == 1
    assert "\u202e" not in answer.text


def test_a_saved_search_with_a_mistake_says_so(client: TestClient) -> None:
    answer = client.get("/feeds/search/broken.atom")
    assert (answer.status_code, "nowhere-at-all" in answer.text) == (422, True)


def test_feeds_open_to_whom_the_api_opens(database: Database) -> None:
    add_matches(database, add_feed(database), {})
    locked = TestClient(
        desk_app(database, NOW, password_hash=CHEAP, https=True, tokens={"reader": tokens.hashed(TOKEN)})
    )
    for path in ("/feeds/all.atom", "/feeds/topic/syria.json", "/feeds/nope"):
        answer = locked.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="levantwatch"')
        assert "Ceasefire" not in answer.text
    with_token = locked.get("/feeds/all.atom", headers={"Authorization": f"Bearer {TOKEN}"})
    assert with_token.status_code == 200
    check_atom(with_token.content, "https://testserver/feeds/all.atom")
    assert locked.post("/feeds/all.atom", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405
    assert locked.get("/feeds/all.atom", headers={"host": "evil.example"}).status_code == 400
    odd = locked.get("/feeds/all.atom", headers={"host": 'localhost:1"><x>', "Authorization": f"Bearer {TOKEN}"})
    check_atom(odd.content, "https://localhost/feeds/all.atom")
    assert locked.get("/feeds", follow_redirects=False).status_code == 303, "the page of that name is the desk's"


def test_a_page_names_the_feeds_of_what_it_shows() -> None:
    everything = ("levantwatch: all matches", "/feeds/all")
    assert followed() == [everything]
    assert followed(topic="syria") == [("levantwatch: syria", "/feeds/topic/syria"), everything]
    assert followed(query="@سوريا")[0] == ("levantwatch: @سوريا", f"/feeds/search/{quote('سوريا')}")
    assert followed(story="7")[0] == ("levantwatch: story 7", "/feeds/story/7")
    assert followed(query="raqqa") == followed(query="@a @b") == followed(query="@") == [everything]
