"""URLs: tables of cases under data/urls, and what must hold of any text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit, urlunsplit

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scrapy import Request
from w3lib.url import safe_url_string

from crawler.straight import PlainRequest
from crawler.urls import LONGEST_URL, canonical_url, entry_key, is_plain, match_key, redact, registered_domain

DATA = Path(__file__).parent / "data" / "urls"
FEED = "https://news.example/feed.xml"


def cases(name: str) -> list[Any]:
    lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [pytest.param(case, id=case.get("why") or case["url"]) for case in map(json.loads, lines)]


@pytest.mark.parametrize("case", cases("canonical"))
def test_canonical(case: dict[str, Any]) -> None:
    found = canonical_url(case["url"], base=case.get("base"))
    assert found == case["canonical"]
    if found is not None:
        assert canonical_url(found) == found


@pytest.mark.parametrize("case", cases("same_match_key"))
def test_variants_of_one_page_share_a_match_key(case: dict[str, Any]) -> None:
    assert len({match_key(url) for url in case["urls"]}) == 1


@pytest.mark.parametrize("case", cases("other_match_key"))
def test_other_pages_have_other_match_keys(case: dict[str, Any]) -> None:
    assert len({match_key(url) for url in case["urls"]}) == len(case["urls"])


@pytest.mark.parametrize("case", cases("registered_domain"))
def test_registered_domain(case: dict[str, Any]) -> None:
    assert registered_domain(case["url"]) == case["domain"]


# --- of any text ---

PIECES = st.sampled_from(
    ["https://", "http:", "//", "/", "\\", "?", "&", "=", "#", "#!", "%", "%2e", "%2F", "%41", "..", ".", ":", "@", "[", "]", "::1",
     "news.example", "münchen", "خبر", "\u200c", "\u202e", "\ud800", "\x00", "\t", " ", "utm_source", "amp;", "id", "7", "+", "xn--", "\ufeff"]
)  # fmt: skip
ANYTHING = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join))
ANY_URL = st.builds("https://news.example/{}".format, ANYTHING)


@given(url=ANYTHING | ANY_URL, base=st.none() | ANYTHING | ANY_URL)
def test_the_canonical_form_is_its_own_canonical_form_and_can_be_asked_for(url: str, base: str | None) -> None:
    found = canonical_url(url, base=base)
    if found is not None:
        assert Request(found).url
        assert canonical_url(found) == found
        assert found.isascii()
        assert found.isprintable()
        assert " " not in found
        assert len(found) <= LONGEST_URL
        assert urlsplit(found).scheme in ("http", "https")


@given(text=ANYTHING | ANY_URL)
def test_nothing_raises_on_any_text(text: str) -> None:
    assert match_key(text) == match_key(text)
    assert registered_domain(text) == registered_domain(text).lower()
    assert "\n" not in redact(text)
    assert redact(redact(text)) == redact(text)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="&"), min_size=1, max_size=20).map("x-{}".format)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="&#"), max_size=20)


@given(pairs=st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_an_unknown_parameter_is_never_lost(pairs: list[tuple[str, str]]) -> None:
    from urllib.parse import urlencode

    with_tracking = [("utm_source", "rss"), *pairs, ("fbclid", "1")]
    found = canonical_url("https://news.example/a?" + urlencode(with_tracking))
    assert found is not None
    assert parse_qsl(urlsplit(found).query, keep_blank_values=True) == pairs


@given(path=st.text(st.characters(codec="utf-8"), max_size=40))
def test_pages_with_different_paths_stay_apart(path: str) -> None:
    from urllib.parse import quote, unquote

    found = canonical_url("https://news.example/x-" + quote(path, safe=""))
    assert found is not None
    assert unquote(urlsplit(found).path) == "/x-" + path


@pytest.mark.parametrize("piece", ["a", "/..", "&utm_source=1", "%", "é", "@", ".", "/amp", "[", " "])
def test_a_million_characters_are_no_address(piece: str) -> None:
    for start in ("https://news.example/", "https://news.example/?", "https://", ""):
        assert canonical_url(start + piece * 1_000_000) is None
    assert len(redact("https://" + piece * 1_000_000)) <= LONGEST_URL


def test_length() -> None:
    longest = "https://news.example/" + "a" * (LONGEST_URL - len("https://news.example/"))
    assert canonical_url(longest) == longest
    assert canonical_url(longest + "a") is None
    assert canonical_url(longest + "?utm_source=" + "x" * 1_000) == longest


# --- the ledger's keys ---


def key(**values: Any) -> str:
    given = {
        "feed_url": FEED,
        "url": "https://news.example/a",
        "guid": "7",
        "title": "A title",
        "published_raw": "Tue, 24 Nov 2026",
    }
    return entry_key(**{**given, **values})


def test_the_link_is_the_identity_whatever_else_changes() -> None:
    same = {
        key(),
        key(guid="8"),
        key(guid=None),
        key(title="Corrected"),
        key(published_raw=None),
        key(feed_url="https://other.example/f"),
    }
    assert same == {"https://news.example/a"}


def test_without_a_link_the_guid_counts_within_its_feed() -> None:
    assert key(url=None) == key(url=None, title="Corrected", published_raw=None)
    assert key(url=None) != key(url=None, guid="8")
    assert key(url=None) != key(url=None, feed_url="https://other.example/f")


def test_a_link_that_many_items_share_is_no_identity() -> None:
    assert key(link_is_shared=True) == key(url=None)
    assert key(link_is_shared=True, guid=None) != key(
        link_is_shared=True, guid=None, title="Another item of the live page"
    )


def test_without_link_and_guid_title_and_claimed_date_count() -> None:
    bare = {"url": None, "guid": None}
    assert key(**bare) == key(**bare)
    keys = {
        key(**bare),
        key(**bare, title="Another"),
        key(**bare, published_raw="Wed, 25 Nov 2026"),
        key(**bare, published_raw=None),
    }
    assert len(keys) == 4
    assert key(url=None, guid="") == key(**bare), "an empty guid is none"


def test_a_title_is_never_mistaken_for_a_date() -> None:
    assert key(url=None, guid=None, title="ab", published_raw="c") != key(
        url=None, guid=None, title="a", published_raw="bc"
    )


def test_keys_of_long_guids_are_short_and_differ() -> None:
    one, other = key(url=None, guid="x" * 5_000), key(url=None, guid="x" * 4_999 + "y")
    assert len(one) < 200
    assert one != other


def test_half_a_character_in_a_title_makes_a_key() -> None:
    assert key(url=None, guid=None, title="\ud800") != key(url=None, guid=None, title="\ud801")


# --- what is logged ---


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://reader:secret@news.example/a?b=1#c", "https://news.example/a?b=1#c"),
        ("https://a:b@c:d@news.example/", "https://news.example/"),
        ("http:\\\\reader:secret@news.example\\a", "http:\\\\news.example\\a"),
        ("https:/reader:secret@news.example/", "https:/news.example/"),
        ("postgresql://desk:secret@db.example/news", "postgresql://db.example/news"),
        ("https://news.example/@author", "https://news.example/@author"),
        ("https://news.example/a\nERROR forged line\u202e", "https://news.example/aERRORforgedline"),
        ("https:x@//user:secret@news.example/a", "https:news.example/a"),
    ],
)
def test_redacted(url: str, shown: str) -> None:
    assert redact(url) == shown


HOST_LIKE = st.from_regex(r"[a-z0-9.-]{1,12}(:[0-9]{1,5})?", fullmatch=True)
TAIL_LIKE = st.text("abcXYZ019._~/:@!$&'()*+,;=-?#%[]| é\t", max_size=20)


@given(st.sampled_from(["http://", "https://", "HTTP://", "ftp://"]), HOST_LIKE, TAIL_LIKE)
def test_a_plain_address_is_asked_as_scrapy_would_ask_it(scheme: str, host: str, tail: str) -> None:
    def asked(kind: type[Request]) -> str:
        try:
            return kind(f"{scheme}{host}/{tail}").url
        except ValueError as error:
            return f"{type(error).__name__} {error}"

    assert asked(PlainRequest) == asked(Request)


@settings(suppress_health_check=[HealthCheck.filter_too_much])  # of random addresses one in eight is plain
@given(st.sampled_from(["http://", "https://"]), HOST_LIKE, TAIL_LIKE)
def test_a_plain_address_is_left_as_it_is_by_whatever_takes_addresses_apart(scheme: str, host: str, tail: str) -> None:
    url = f"{scheme}{host}/{tail}"
    assume(is_plain(url))
    assert urlunsplit(urlsplit(url)) == url
    assert urljoin("https://orontes.example/feed", url) == url
    assert safe_url_string(url) == url
    assert registered_domain(url) == registered_domain(url.replace("://", "://reader@"))  # the long way
    if "?" not in url:
        assert canonical_url(url, base="https://orontes.example/feed") == url  # the long way


@pytest.mark.parametrize(
    ("url", "is_so"),
    [
        ("https://orontes.example/a/b-c_d.html", True),
        ("http://127.1.0.1:8800/a/1.html?b=2&c=3", True),
        ("https://orontes.example", False),
        ("https://orontes.example/a/../b", False),
        ("https://orontes.example:443/a", False),
        ("https://orontes.example/a?", False),
        ("https://orontes.example/a;", False),  # urljoin drops the semicolon
        ("https://orontes.example/a%2Fb", False),
        ("https://Orontes.example/a", False),
        ("https://" + "o" * 64 + ".example/a", False),
        ("https://orontes.example/" + "a" * LONGEST_URL, False),
    ],
)
def test_which_addresses_are_plain(url: str, *, is_so: bool) -> None:
    assert is_plain(url) is is_so
