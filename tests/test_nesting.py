"""Markup that nests too deep loses its deepest tags, and only those."""

from __future__ import annotations

import pytest

from crawler.feed import parse_feed
from crawler.nesting import MAX_DEPTH, flattened

DEEP = 3 * MAX_DEPTH


def rss(items: str) -> str:
    return f"<rss version='2.0'><channel><title>Odd</title>{items}</channel></rss>"


def item(number: int, inside: str = "") -> str:
    return f"<item><guid>odd-{number}</guid><title>Rain {number}</title>{inside}</item>"


@pytest.mark.parametrize(
    "inside",
    [
        "<a>" * (MAX_DEPTH - 4) + "</a>" * (MAX_DEPTH - 4),
        "<br/>" * DEEP,
        "<description><![CDATA[" + "<p>" * DEEP + "]]></description>",
        "<!--" + "<p>" * DEEP + "-->",
        "<description>" + "&lt;p>" * DEEP + "</description>",
        "a < b " * DEEP,
    ],
)
def test_what_does_not_nest_too_deep_is_not_touched(inside: str) -> None:
    text = rss(item(1, inside) + item(2))
    assert flattened(text) == text


def test_a_tag_left_open_in_every_item_is_not_deep() -> None:
    text = rss("".join(item(number, "<description>Rain<br>") for number in range(DEEP)))
    assert flattened(text) == text


@pytest.mark.parametrize("closing", ["</a>", ""])
def test_the_deepest_tags_go_and_their_text_stays(closing: str) -> None:
    text = rss(item(1, "<a>" * DEEP + "kept" + closing * DEEP) + item(2))
    flat = flattened(text)
    assert flat.count("<a>") == MAX_DEPTH - 3  # rss, channel and item are open, too
    assert "kept" in flat
    assert flat.endswith(item(2) + "</channel></rss>")
    assert [entry.title for entry in parse_feed(text.encode(), url="https://odd.example/feed").entries] == [
        "Rain 1",
        "Rain 2",
    ]


def test_deep_tags_of_other_names_are_matched_by_name() -> None:
    text = "<a>" * MAX_DEPTH + "<b><c>x</c></b><d>y" + "</a>" * MAX_DEPTH + "<e>z</e>"
    assert flattened(text) == "<a>" * MAX_DEPTH + "xy" + "</a>" * MAX_DEPTH + "<e>z</e>"
