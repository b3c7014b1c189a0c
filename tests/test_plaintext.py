"""`crawler.plaintext`: one line of harmless text of any markup, in time that grows with its length."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.plaintext import clean, clip, plain_text

CASES = [
    ("Tom &amp;amp; Jerry", "Tom & Jerry"),
    ("AT&T &copy; &bogus;", "AT&T © &bogus;"),
    ("<b>Bold</b> &lt;i&gt;x", "Bold x"),
    ("&lt;p&gt;Hello world&lt;/p&gt;", "Hello world"),
    ("a&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;b", "a b"),
    ("one<br>two<p>three", "one two three"),
    ("<style>p{}</style>ok<!-- no -->", "ok"),
    ("x<script>alert(1)", "x"),
    ("<svg onload=alert(1)>t</svg>after", "after"),
    ('<a title="a > b">link</a> end', "link end"),
    ("a < b and c > d", "a < b and c > d"),
    ("5 <b", "5 <b"),
    ("I <3 you", "I <3 you"),
    ('a summary that was cut <a href="http', "a summary that was cut"),
    ("<![CDATA[inside]]>", "inside"),
    ("&#8217;&#x27;&quot;", "’'\""),
    ("&#x202e;gnp.exe", "gnp.exe"),
    ("line\nbreak\ttab\x0b\x00\x85end", "line break tab end"),
    ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
    ("می\u200cخواهم", "می\u200cخواهم"),
    ("👨\u200d👩\u200d👧 🇸🇾", "👨\u200d👩\u200d👧 🇸🇾"),
    ("\u200fالعربية\u061c", "العربية"),
    ("cafe\u0301", "caf\u00e9"),
    ("lone\ud800surrogate", "lonesurrogate"),
]


@pytest.mark.parametrize(("markup", "text"), CASES)
def test_markup_becomes_its_text(markup: str, text: str) -> None:
    assert plain_text(markup, limit=1000) == text


def test_a_cut_ends_at_a_word() -> None:
    assert clip("one two three four", 15) == "one two three…"
    assert clip("unbroken" * 10, 20) == "unbrokenunbrokenunb…"
    assert clip("short", 5) == "short"


def test_a_letter_carries_few_marks() -> None:
    assert len(clean("a" + "\u0316\u0300" * 500_000)) <= 31  # sorting them takes an hour


# What makes a careless pattern quadratic: at 1 MB each of these would then take hours, not tenths of a second.
ADVERSARIES = [
    "<", "<script", "<script>", "</script ", "&", "&#", "&amp;", "&amp;lt;", "<!--", "<![CDATA[", "<a ", '<a "', "<a \"' ", "<a '\"'", "<p",
    "</", "]]>", "<a", "<br ", " ", "a\u0300", "\u200d", "<iframe></iframe ", "&lt;a", "<a href=\"<a href='",
]  # fmt: skip


@pytest.mark.parametrize("piece", ADVERSARIES)
def test_a_megabyte_of_it_is_read(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert len(plain_text(text, limit=50_000)) <= 50_000
    assert len(clean(text)) <= len(text)


@given(st.text() | st.lists(st.sampled_from([*ADVERSARIES, ">", "x", "\n", "é", "'", '"'])).map("".join))
def test_what_comes_out_is_one_harmless_line(markup: str) -> None:
    text = plain_text(markup, limit=100)
    assert text == text.strip()
    assert len(text) <= 100
    assert not re.search(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    assert unicodedata.is_normalized("NFC", text)
    assert clean(text) == text
    assert not re.search(r"<[/!?]?[a-zA-Z][^<>]*>", text)
