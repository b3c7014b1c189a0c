"""Article pages and robots.txt files that mean harm or are merely odd, and what becomes of their entries. Data for `test_hostile`.

Every entry is about Syria by its title and summary, so each is a match whatever its page does: `full` when the page was read, else `summary-only`.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import brotli

from tests.farm import Behaviour, Case, answers, by_path, drips, floods, head, leads, mute, says
from tests.farm_answers import MB, bomb, chunked, mute_after_reading, reset_when_asked
from tests.farm_documents import LONG

TITLE = "Air strikes hit market in Syria's Idlib"
TEXT = (
    "Air strikes hit a market in Idlib in north-western Syria on Tuesday, killing at least nine people, rescue workers said.",
    "The Syrian Observatory for Human Rights said the strikes were carried out near the town of Ariha in Idlib province.",
    "Syrian state media did not comment. More than 2,000 families have fled towards the Turkish border since Sunday.",
    "The market stands on the road to the crossing, and traders had come from four villages, the mayor of the town said.",
)
PARAGRAPHS = "".join(f"<p>{text}</p>" for text in TEXT)


@dataclass(frozen=True)
class Page:
    """A page and its entry afterwards: how its text was got, words of its error, whether it is asked for again. None: either."""

    case: Case
    extraction: str | None = "full"
    error: str | None = None
    retried: bool | None = False
    path: str = "/page"


def html(body: str, *, start: str = "", attributes: str = "lang='en'") -> bytes:
    """A page with this body, as it is."""
    return (
        f"<!doctype html><html {attributes}><head><meta charset='utf-8'><title>{TITLE} | The Odd Courier</title>{start}</head>"
        f"<body><nav><a href='/'>Home</a></nav><main><article><h1>{TITLE}</h1>{body}</article></main></body></html>"
    ).encode()


GOOD_PAGE = html(PARAGRAPHS)


def page(
    name: str,
    serve: Behaviour | bytes,
    extraction: str | None = "full",
    error: str | None = None,
    retried: bool | None = False,
) -> Page:
    """A page on a host without a robots.txt."""
    behaviour = answers(serve, kind="text/html; charset=utf-8") if isinstance(serve, bytes) else serve
    return Page(Case(f"page-{name}", by_path(page=behaviour)), extraction, error, retried)


def robots(name: str, rules: Behaviour | bytes, forbidden: bool | None, path: str = "/page") -> Page:
    """A good page behind a robots.txt; None where either reading of the rules is right."""
    behaviour = answers(rules, kind="text/plain") if isinstance(rules, bytes) else rules
    case = Case(f"robots-{name}", by_path(robots=behaviour, page=answers(GOOD_PAGE, kind="text/html")))
    if forbidden is None:
        return Page(case, None, None, None, path)
    return Page(case, "summary-only", "robots", False, path) if forbidden else Page(case, path=path)


SUMMARY = "summary-only"
SERVERS = (
    page("good", GOOD_PAGE),
    page("gzip", answers(gzip.compress(GOOD_PAGE), "Content-Encoding: gzip", kind="text/html")),
    page("brotli", answers(brotli.compress(GOOD_PAGE), "Content-Encoding: br", kind="text/html")),
    page("mute", mute_after_reading, SUMMARY, "longer than", True),
    page("drips", drips(head(kind="text/html") + b"<html>", b"<p>"), SUMMARY, "longer than", True),
    page("reset", reset_when_asked, SUMMARY, None, True),
    page("endless", floods(head(kind="text/html"), b"<p>more</p>" * 5000), SUMMARY, None),
    page("6-mb", html(PARAGRAPHS + "<!--" + "p" * (6 * MB) + "-->"), SUMMARY, None),
    page("6-mb-without-length", says(head(kind="text/html") + html("p" * (6 * MB))), SUMMARY, None),
    page(
        "6-mb-in-chunks",
        says(head("200 OK", "Transfer-Encoding: chunked", kind="text/html") + chunked(html("p" * (6 * MB)))),
        SUMMARY,
        None,
    ),
    page("4-mb", html(PARAGRAPHS + "<!--" + "p" * (4 * MB) + "-->"), SUMMARY, "larger than", None),
    page("gzip-bomb", answers(bomb(40), "Content-Encoding: gzip", kind="text/html"), SUMMARY, "MAXSIZE"),
    page(
        "brotli-bomb",
        answers(brotli.compress(bytes(40 * MB), quality=5), "Content-Encoding: br", kind="text/html"),
        SUMMARY,
        "MAXSIZE",
    ),
    page("gzip-bomb-not-claimed", answers(bomb(40), kind="text/html"), SUMMARY, "another kind", None),
    page("404", answers(b"no", status="404 Not Found"), SUMMARY, "HTTP 404", True),
    page("410", answers(b"no", status="410 Gone"), SUMMARY, "HTTP 410"),
    page("403", answers(b"no", status="403 Forbidden"), SUMMARY, "HTTP 403", True),
    page("429", answers(b"no", "Retry-After: 600", status="429 Slow"), SUMMARY, "HTTP 429", True),
    page("500", answers(b"no", status="500 Oops"), SUMMARY, "HTTP 500", True),
    page("redirect-loop", leads("302 Found", "/page"), SUMMARY, "redirections"),
    page("redirect-to-inner", leads("302 Found", "http://127.0.0.2:{canary}/page"), SUMMARY, "127.0.0.2"),
    page("redirect-to-file", leads("302 Found", "file:///etc/passwd"), SUMMARY, "HTTP 302", None),
    page("redirect-to-a-good-one", leads("301 Moved", "{site:page-good}/page?moved"), "full"),
)

BODIES = (
    page("empty", b"", SUMMARY, "empty", None),
    page("only-a-comment", b"<!-- nothing -->", SUMMARY, None, None),
    page("a-pdf", b"%PDF-1.7\n" + bytes(range(256)) * 40, SUMMARY, "another kind", None),
    page("a-png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, SUMMARY, "another kind", None),
    page("binary-junk", bytes(range(256)) * 4_000, SUMMARY, "binary", None),
    page("only-nul", bytes(100_000), SUMMARY, "empty", None),
    page("nul-inside", html(PARAGRAPHS.replace("Ariha", "Ari\x00ha"))),
    page("controls-inside", html(PARAGRAPHS.replace("Ariha", "\x1b[31m\u202eAriha\u202c\x07"))),
    page("invalid-utf-8", html(PARAGRAPHS).replace(b"Ariha", b"\xff\xfeAriha")),
    page("utf-16", answers(GOOD_PAGE.decode().encode("utf-16"), kind="text/html"), None, None, None),
    page("declared-utf-7", answers(GOOD_PAGE, kind="text/html; charset=utf-7"), None, None, None),
    page("200000-paragraphs", html("<p>Rain.</p>" * 200_000), SUMMARY, "larger than", None),
    page("24000-paragraphs", html(PARAGRAPHS + "<p>Rain.</p>" * 24_000), None, None, None),
    page("100000-nested", html("<div>" * 49_000 + PARAGRAPHS), None, None, None),
    page("20000-nested-tables", html("<table><tr><td>" * 15_000 + PARAGRAPHS), None, None, None),
    page("20000-nested-spans", html("<b><i>" * 20_000 + PARAGRAPHS), None, None, None),
    page(
        "100000-attributes",
        html(f"<p {' '.join(f'a{n}=1' for n in range(100_000))}>x</p>{PARAGRAPHS}"),
        None,
        None,
        None,
    ),
    page("1-mb-of-less-than", html(PARAGRAPHS + "< " * (MB // 2)), None, None, None),
    page("1-mb-of-ampersands", html(PARAGRAPHS + "&" * MB), None, None, None),
    page("1-mb-in-one-word", html(PARAGRAPHS + f"<p>{'w' * MB}</p>"), None, None, None),
    page("1-mb-of-spaces", html(PARAGRAPHS + " " * MB)),
    page(
        "1-mb-title",
        html(PARAGRAPHS, start=f"<title>{LONG * 10}</title><meta property='og:title' content='{LONG * 9}'>"),
        None,
        None,
        None,
    ),
    page("unclosed-script", html("<script>" + PARAGRAPHS), SUMMARY, None, None),
    page("json-ld-nested", html(PARAGRAPHS, start=f"<script type='application/ld+json'>{'[' * 50_000}</script>")),
    page(
        "json-ld-huge-number",
        html(
            PARAGRAPHS,
            start=f'<script type=\'application/ld+json\'>{{"@type":"NewsArticle","wordCount":{"9" * 100_000}}}</script>',
        ),
    ),
    page(
        "json-ld-itself",
        html(
            PARAGRAPHS,
            start='<script type="application/ld+json">{"@type":"NewsArticle","author":[[[{"name":{}}]]],"datePublished":-1,"articleBody":{"a":1}}</script>',
        ),
    ),
    page("canonical-javascript", html(PARAGRAPHS, start="<link rel=canonical href='javascript:alert(1)'>")),
    page(
        "canonical-inner",
        html(
            PARAGRAPHS,
            start="<link rel=canonical href='http://127.0.0.2:9/x'><link rel=amphtml href='http://127.0.0.2:9/amp'>",
        ),
    ),
    page("base-inner", html(PARAGRAPHS + "<img src=/pixel.png>", start="<base href='http://127.0.0.2:9/'>")),
    page("refresh-inner", html(PARAGRAPHS, start="<meta http-equiv=refresh content='0;url=http://127.0.0.2:9/'>")),
    page(
        "frames-inner",
        html(PARAGRAPHS + "<iframe src='http://127.0.0.2:9/'></iframe><img src='http://127.0.0.2:9/i.png'>"),
    ),
    page(
        "dates-of-year-0",
        html(PARAGRAPHS, start="<meta property='article:published_time' content='0000-00-00T00:00:00Z'>"),
    ),
    page(
        "dates-of-year-9999",
        html(PARAGRAPHS, start="<meta property='article:published_time' content='9999-12-31T23:59:59-23:59'>"),
    ),
    page(
        "xml-with-entities",
        answers(
            b"<?xml version='1.0'?><!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
            + html(PARAGRAPHS + "<p>&x;</p>"),
            kind="application/xhtml+xml",
        ),
    ),
)

DISALLOW = b"User-agent: *\nDisallow: /\n"
ROBOTS = (
    robots("allows", b"User-agent: *\nAllow: /\n", False),
    robots("disallows", DISALLOW, True),
    robots("disallows-us", b"User-agent: levantwatch\nDisallow: /\n", True),
    robots("disallows-others", b"User-agent: otherbot\nDisallow: /\n", False),
    robots("404", answers(b"no", status="404 Not Found"), False),
    robots("403", answers(b"no", status="403 Forbidden"), False),
    robots("500", answers(b"no", status="500 Oops"), None),
    robots("503", answers(DISALLOW, status="503 Oops"), None),
    robots("mute", mute, None),
    robots("reset", reset_when_asked, None),
    robots("endless", floods(head(kind="text/plain"), DISALLOW * 1000), None),
    robots("redirects-to-itself", leads("302 Found", "/robots.txt"), None),
    robots("redirects-inner", leads("302 Found", "http://127.0.0.2:{canary}/robots.txt"), None),
    robots("600-kb-rule-first", DISALLOW + b"# padding\n" * 60_000, True),
    robots("600-kb-rule-last", b"# padding\n" * 60_000 + DISALLOW, None),
    robots("a-page", html("<p>Not found</p>"), False),
    robots("empty", b"", False),
    robots("with-bom", b"\xef\xbb\xbf" + DISALLOW, True),
    robots("invalid-bytes", b"\xff\xfe\x00# junk\n" + DISALLOW, None),
    robots("with-nul", b"User-agent: *\nDisallow: /\x00\nDisallow: /page\n", True),
    robots("with-cr", DISALLOW.replace(b"\n", b"\r"), True),
    robots("crawl-delay", b"User-agent: *\nCrawl-delay: 2\nAllow: /\n", False),
    robots("crawl-delay-nonsense", b"User-agent: *\nCrawl-delay: -1e999\nRequest-rate: 0/0\nVisit-time: x\n", False),
    robots("100000-rules", b"User-agent: *\n" + b"".join(b"Disallow: /%d\n" % n for n in range(40_000)), None),
    robots("100000-stars", b"User-agent: *\nDisallow: /" + b"*a" * 40 + b"*b$\n", False, "/page?" + "a" * 500),
    robots("long-stars", b"User-agent: *\nDisallow: /" + b"*" * 100_000 + b"x\n", False),
)
PAGES = (*SERVERS, *BODIES, *ROBOTS)
