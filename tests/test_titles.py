"""Which of a page's headlines is its title, and that no other of them stands in its text."""

from __future__ import annotations

import json

import pytest

from crawler.extract import extract_page

FERRY = "Ferry service to the island resumes after four months of storms"
BOATS = "Boats sail again: What islanders need to know about tickets"
PLACE = "https://www.orontes.example/news/"
BODY = (
    "<p>Two boats a day will carry passengers between the harbour and the island from Monday, the office said.</p>" * 3
)


def title_of(*, shared: str, described: str, heading: str, document: str, url: str = PLACE + "8211") -> str | None:
    node = json.dumps({"@type": "NewsArticle", "headline": described, "datePublished": "2026-11-24"})
    page = (
        f'<html><head><title>{document}</title><meta property="og:title" content="{shared}">'
        f'<script type="application/ld+json">{node}</script></head><body><article><h1>{heading}</h1>{BODY}</article></body></html>'
    )
    found = extract_page(page.encode(), url=url)
    assert heading not in found.text
    return found.title


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"shared": FERRY, "described": BOATS, "heading": FERRY, "document": BOATS}, FERRY),
        ({"shared": FERRY, "described": BOATS, "heading": BOATS, "document": BOATS}, BOATS),
        ({"shared": FERRY, "described": BOATS, "heading": BOATS, "document": FERRY}, BOATS),
        ({"shared": FERRY, "described": BOATS, "heading": BOATS, "document": "Harbour: timetable and prices of all boats"}, FERRY),
        ({"shared": FERRY, "described": f"At sea: {FERRY}", "heading": f"At sea: {FERRY}", "document": f"At sea: {FERRY}"}, FERRY),
        ({"shared": FERRY, "described": "Ferry is back on its way", "heading": "Ferry is back on its way", "document": "Ferry is back on its way"}, FERRY),
    ],
    ids=["h1 agrees", "h1 does not", "nor is the document's", "a third", "a kicker", "a short one for search engines"],
)  # fmt: skip
def test_of_two_headlines(given: dict[str, str], expected: str) -> None:
    assert title_of(**given) == expected


@pytest.mark.parametrize(
    ("described", "address", "is_it"),
    [
        ("Städte am Fluß öffnen ihre Brücken für Fußgänger", "staedte-am-fluss-oeffnen-ihre-bruecken-fuer-fussgaenger-123.html", True),
        ("Les élus débattent du pont après la crue d’été", "2026/11/24/les-elus-debattent-du-pont-apres-la-crue-d-ete", True),
        ("النهر يفيض بعد أسبوع من الأمطار", "%D8%A7%D9%84%D9%86%D9%87%D8%B1-%D9%8A%D9%81%D9%8A%D8%B6-%D8%A8%D8%B9%D8%AF-%D8%A3%D8%B3%D8%A8%D9%88%D8%B9-%D9%85%D9%86-%D8%A7%D9%84%D8%A3%D9%85%D8%B7%D8%A7%D8%B1", True),
        ("Ferry resumes", "ferry-resumes", False),
        (BOATS, "boats-sail-again", False),
    ],
    ids=["umlauts", "accents", "Arabic", "too short to tell", "only its beginning"],
)  # fmt: skip
def test_the_address_tells_the_first_headline(described: str, address: str, is_it: bool) -> None:
    expected = described if is_it else FERRY
    assert title_of(shared=FERRY, described=described, heading=FERRY, document=FERRY, url=PLACE + address) == expected
