"""`crawler.extract`: every page of data/pages says what its twin expects, and no bytes make it raise or run long."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.extract import MAX_BYTES, MAX_TAGS, extract_page
from crawler.page import Page, to_json
from crawler.trimming import trimmed

PAGES = sorted((Path(__file__).parent / "data" / "pages").glob("*.html"))
STATUSES = {"full", "partial", "paywalled", "blocked", "not-an-article", "unreadable"}
PLACE = "https://www.orontes.example/2026/11/24/ferry"


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.stem)
def test_page_says_what_its_twin_expects(document: Path) -> None:
    expected = json.loads(document.with_suffix(".json").read_text(encoding="utf-8"))
    page = extract_page(
        document.read_bytes(), url=expected.pop("url", None), content_type=expected.pop("served_as", None)
    )
    shown = to_json(page)
    assert expected.pop("problem", "") in (page.problem or "")
    assert page.text.startswith(expected.pop("starts", ""))
    assert expected.pop("contains", "") in page.text
    if "modified" in expected:
        assert page.modified_at == datetime.fromisoformat(expected.pop("modified"))
    assert {name: shown[name] for name in expected} == expected
    _check_promises(page)


def test_there_is_a_page_for_every_twin_and_every_status() -> None:
    twins = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in PAGES[0].parent.glob("*.json")}
    assert set(twins) == {path.stem for path in PAGES}
    assert len(PAGES) >= 20
    assert {twin["status"] for twin in twins.values() if "status" in twin} == STATUSES


@pytest.mark.parametrize(
    "body", [b"<p>x" * (MAX_TAGS + 1), b"x" * (MAX_BYTES + 1)], ids=["too many tags", "too many bytes"]
)
def test_what_is_larger_than_a_page_is_refused(body: bytes) -> None:
    assert extract_page(body).status == "unreadable"


@pytest.mark.parametrize(
    "body",
    [
        b"<div>" * 49_000, b"<b><p>" * 20_000, b"<table><tr><td>" * 15_000, b"<a href='" * 40_000, b"<" * 49_000, b"&" * 1_000_000,
        b"<html><body><p>" + b"word. " * 300_000, b"<html><script type='application/ld+json'>" + b"[" * 500_000,
        b"<html><script type='application/ld+json'>" + b'{"@type":"NewsArticle","author":' * 3_000,
        b"<html><title>" + b"a - " * 200_000 + b"</title><p>text",
        b"<html><body><p>Subscribe to our " + b"newsletter sign up for our " * 30_000,
        b"<html><body><article>" + b"<div class=share id=comment>t</div>" * 24_000,
    ],
    ids=["divs", "b p", "tables", "attributes", "less-than", "ampersands", "one paragraph", "json depth", "json objects", "title", "appeals", "short ones"],
)  # fmt: skip
def test_a_hostile_page_is_an_answer(body: bytes) -> None:
    _check_promises(extract_page(body, url=PLACE))


def test_without_a_url_the_canonical_one_is_as_the_page_says() -> None:
    body = b"<html><head><link rel=canonical href='https://a.example/x?utm_source=y&id=1'></head><body><p>x</p></body></html>"
    assert extract_page(body).canonical_url == "https://a.example/x?id=1"
    assert extract_page(body, url="https://b.example/x").canonical_url is None


STORY = (
    "The ferry across the Orontes stopped on Monday, said the harbour master, since the rope had worn through in the flood.",
    "Farmers waited with their lorries on both banks for a day and a half, and some turned back to the bridge before nightfall.",
    "A new rope is on its way from Latakia, the council said, and the ferry ought to run again before the market of Thursday.",
    "Until then a boat carries people, but neither animals nor goods, and it stops at dusk because nobody has mended the lamps.",
    "The ferryman, who has worked there for thirty years, asked for an engine, and for a second hand in the months of winter.",
    "Two villages have shared the cost of the crossing since spring, when the bridge was closed to lorries of ten tons and more.",
)


@pytest.mark.parametrize(
    ("lead", "rest"),
    [
        ("<article><p>{0} {0} {0}</p></article>", "<div class='story-continued'>{1}</div>"),
        ("<article><p>{0} {0} {0}</p></article>", "<div class='article-extra'>{1}</div>"),
    ],
)
def test_where_the_first_extractor_misses_most_of_the_page_others_are_asked(lead: str, rest: str) -> None:
    paragraphs = "".join(f"<p>{sentence}</p>" for sentence in STORY[1:])
    body = f"<html><body><h1>Ferry stands still</h1>{lead}{rest}</body></html>".format(STORY[0], paragraphs)
    text = extract_page(body.encode(), url=PLACE).text
    assert [sentence for sentence in STORY if sentence not in text] == []


@pytest.mark.parametrize(
    ("around", "author"),
    [
        ("<span class=authorname>Salma Haddad</span>", "Salma Haddad"),
        ("<div class=post-writer>Monday, 24/11/2026 - by Salma Haddad</div>", "Salma Haddad"),
        ("<div id=authorize>Login here</div><ul class=metaAuthorList><li>Salma Haddad</li></ul>", "Salma Haddad"),
        ("<div class=comments><span class=comment-author-link>Old Reader</span></div>", None),
        ("<form class=follow-author-form>Follow</form><button class=followAuthorBtn>Follow</button>", None),
    ],
)
def test_an_author_who_is_not_declared_is_read_where_readers_see_one(around: str, author: str | None) -> None:
    paragraphs = "".join(f"<p>{sentence}</p>" for sentence in STORY)
    body = f"<html><body><h1>Ferry stands still</h1>{around}<article>{paragraphs}</article></body></html>"
    assert extract_page(body.encode(), url=PLACE).author == author


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
def test_characters_that_no_page_may_have_are_dropped_and_a_body_of_them_is_no_page(encoding: str) -> None:
    paragraphs = (
        "".join(f"<p>{sentence}</p>" for sentence in STORY)
        .replace("ferry", "f\x0ber\ufffery&#1;")
        .replace("i", "i&#x0B;")
    )
    page = extract_page(f"<html><body><article>{paragraphs}</article></body></html>".encode(encoding), url=PLACE)
    assert page.text == "\n".join(STORY)
    assert (
        extract_page(("<p>" + "a\x01\x02" * 300).encode(encoding), url=PLACE).problem
        == "not a page: the body is binary"
    )


def test_more_than_half_is_never_cut() -> None:
    paragraphs = ["Subscribe to our newsletter and sign up for our alerts."] * 3 + ["A sentence of the article."]
    assert trimmed(paragraphs) == paragraphs


PIECES = [
    b"<html>", b"<head>", b"<title>", b"</title>", b"<body>", b"<article>", b"<p>", b"</p>", b"<h1>", b"<script type='application/ld+json'>", b"</script>",
    b'{"@type":"NewsArticle","headline":', b'{"@graph":[', b"[", b"]", b"}", b"null", b'"author":{"name":[1,null]}', b'"datePublished":"99999"', b'"wordCount":"x"',
    b"<meta charset=utf-7>", b"<meta property='article:published_time' content='", b"<link rel=canonical href='http://[", b"'>", b"<?xml version='1.0' encoding='x'?>",
    b"<svg>", b"<math>", b"<template>", b"<form>", b"<iframe>", b"<!--", b"-->", b"<![CDATA[", b"&#xD800;", b"\x00", b"\xff\xfe", b"\xfe\xff",
    b"The lorries crossed the border after a long wait at the gate and went on to the town. " * 6,
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)), max_size=25).map(b"".join),
    )
)
def test_no_bytes_make_it_raise(body: bytes) -> None:
    _check_promises(extract_page(body, url=PLACE))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PAGES), st.data())
def test_no_mutation_of_a_page_makes_it_raise(document: Path, data: st.DataObject) -> None:
    body = document.read_bytes()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 60)))
        body = body[:start] + data.draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6))) + body[end:]
    _check_promises(extract_page(body, url=PLACE))


def _check_promises(page: Page) -> None:
    assert page.status in STATUSES
    assert "broke the extractor" not in (page.problem or ""), page.problem
    shown: dict[str, Any] = to_json(page)
    json.dumps(shown).encode("utf-8")
    if page.status in ("blocked", "not-an-article", "unreadable") or (page.status == "paywalled" and page.problem):
        assert page.text == ""
        assert page.problem
    else:
        assert page.text
        assert page.words
        assert page.extractor
    for value in (page.title, page.author, page.language, page.published_raw, *page.text.split("\n")):
        assert value is None or not set(value) & set("\x00\n\r\u202e\ud800")
    assert page.published_at is None or page.published_at.tzinfo is UTC
    assert page.canonical_url is None or page.canonical_url.startswith(("http://", "https://"))


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("2026-05-01T23:30:00-05:00", "2026-05-01T23:30:00-05:00"),
        ("2026-05-01T23:30:00.000+0530", "2026-05-01T23:30:00+05:30"),
        ("2026-05-01T23:30:00Z", "2026-05-01T23:30:00Z"),
        ("2026-05-01T23:30:00+00:00", "2026-05-01T23:30:00Z"),
        ("2026-05-01 23:30", "2026-05-01T23:30:00Z"),
        ("2026-05-01", "2026-05-01T00:00:00Z"),
    ],
)
def test_a_date_is_printed_with_the_offset_of_its_page(told: str, shown: str) -> None:
    body = (
        f'<html><head><meta property="article:published_time" content="{told}"><title>Rain</title></head>'
        "<body><article><h1>Rain</h1></article></body></html>"
    )
    page = extract_page(body.encode(), url="https://northpost.example/rain")
    assert to_json(page)["published"] == shown
    assert page.published_at is not None
    assert page.published_at.utcoffset() == timedelta()


@pytest.mark.parametrize("residue", ["· Updated", "| By", "Updated ·", "·", "| Published: |"])
def test_what_is_left_of_a_byline_is_no_paragraph(residue: str) -> None:
    assert trimmed([residue, "Rain fell on the coast."]) == ["Rain fell on the coast."]


@pytest.mark.parametrize(
    "first", ["Updated", "Rain. | Wind.", "• Aleppo", "· Two people were hurt", "AMMAN | Rain fell."]
)
def test_a_short_first_line_that_may_be_the_articles_stays(first: str) -> None:
    assert trimmed([first, "Rain fell on the coast."]) == [first, "Rain fell on the coast."]


def _listed(body: str, *, head: str = "", linked: bool = True) -> bytes:
    """A page that lists ten other articles with a few words of each, after `body`."""
    words = "Farmers from forty villages brought wheat, lentils and apricots to the square on Monday morning, and sold all of it by noon."
    heads = (
        f"<a href='/news/{number}'>Harvest fair {number} opens</a>" if linked else f"Harvest fair {number} opens"
        for number in range(10)
    )
    teasers = "".join(f"<div><h3>{one}</h3><p>{words}</p></div>" for one in heads)
    return f"<html><head><title>Fairs</title>{head}</head><body><main><h1>Fairs</h1>{body}{teasers}</main></body></html>".encode()


OWN_TEXT = "".join(f"<p>The square was cleared in {1990 + year}, when the last trees had fallen to a storm that nobody in the town forgot, and was paved again in the year after it.</p>" for year in range(20))  # fmt: skip
NO_LISTS = {
    "an article above teasers": _listed(OWN_TEXT),
    "a digest that declares itself an article": _listed("", head="<meta property='og:type' content='article'>"),
    "chapters": _listed("", linked=False),
}


@pytest.mark.parametrize("case", NO_LISTS)
def test_what_is_no_list_of_other_articles(case: str) -> None:
    assert extract_page(NO_LISTS[case], url="https://www.orontes.example/2026/11/24/fairs").status == "full"
    assert extract_page(_listed(""), url="https://www.orontes.example/fairs").problem == "a list of articles"
