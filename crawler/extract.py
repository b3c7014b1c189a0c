"""An article's page to its text and what it says of itself. PURE. Never raises.

A cascade with a recorded winner: trafilatura alone, beside its second extractors where what it found looks wrong; JSON-LD `articleBody` where it has what trafilatura lost, or shows what is not the article's;
trafilatura that favours recall where nothing was found. Then the trimming. The rooms: `charset`, `pagehead`, `bylines`, `jsonld`, `described`, `prose` (trafilatura itself), `trimming`, `pagestatus`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from htmldate import find_date
from lxml import html as lxml_html
from lxml.etree import ElementDefaultClassLookup, ParserError, strip_elements

from crawler import jsonld, pagestatus, prose
from crawler.bylines import likely_authors
from crawler.charset import decode
from crawler.dates import parse_date
from crawler.described import with_described
from crawler.page import Page
from crawler.pagedates import is_plausible_guess
from crawler.pagehead import Head, read_head
from crawler.pagestatus import count_words
from crawler.plaintext import clean
from crawler.trimming import folded, links_perhaps, trimmed

MAX_BYTES = 2 * 1024 * 1024  # FACTS: trafilatura is quadratic in paragraphs; real article pages stay under 1 MB
MAX_TAGS = 50_000
SHORT_CHARS = 300
PARAGRAPH_CHARS = 80  # of a <p>: shorter ones are captions and buttons
MISSED, STRAY = 0.5, 0.1  # the text is less than this of what long paragraphs hold; they hold less than this of it
SCRAP_CHARS, SCRAP = 3_000, 0.2
BINARY = 0.02  # of the characters are controls that text has no use for; random bytes have a tenth
# lxml.html asks Python for the class of each element, to give forms and labels more methods: a tenth of the time of a page
_PLAIN = ElementDefaultClassLookup(element=lxml_html.HtmlElement)
_NOT_TEXT = ("script", "style", "noscript", "template", "svg", "iframe", "button", "select", "object", "canvas")
# trafilatura drops the zero-width joiners that Persian words and emoji need; letters that nobody writes (Elbasan) carry them past it
_JOINERS = (("\u200c", "\U00010500"), ("\u200d", "\U00010501"))
_CONTROL_REFERENCE = re.compile(  # begins with its letters, by which it is found fast
    rb"&#(?:0{0,7}(?:[0-8]|1[124-9]|2\d|3[01]|6553[45])(?!\d)|[xX]0{0,7}(?:[0-8bBcCeEfF]|1[0-9a-fA-F]|[fF]{3}[eEfF])(?![0-9a-fA-F]));?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_NOT_XML = bytes(code for code in range(32) if code not in b"\t\n\r")  # XML 1.0 section 2.2; with U+FFFE and U+FFFF
_CONTROL_BYTES = bytes(code for code in range(128) if _CONTROLS.match(chr(code)))
_PAGE = re.compile(r"html|xml|text/plain|octet-stream", re.IGNORECASE)
_NOT_PAGES = (
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"PK\x03\x04",
    b"RIFF",
    b"\x1f\x8b",
    b"OggS",
    b"ID3",
    b"\x00\x00\x01\x00",
)


def extract_page(body: bytes, *, url: str | None = None, content_type: str | None = None) -> Page:
    """The article in a page: its text and head, or a status that says why there is none."""
    if len(body) > MAX_BYTES or body.count(b"<") > MAX_TAGS:
        return Page("unreadable", problem="the page is larger than an article's page may be")
    if content_type and not _PAGE.search(content_type):
        return Page("unreadable", problem=f"not a page: {clean(content_type[:200])[:60]}")
    if body.startswith(_NOT_PAGES):
        return Page("unreadable", problem="not a page: the body is a file of another kind")
    if not body.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        return Page("unreadable", problem="the body is empty")
    try:
        return _extract(body, url, content_type)
    except MemoryError:  # the worker's limit: its business
        raise
    except Exception as error:  # noqa: BLE001  the boundary of one page: a parser's bug is a problem of that page
        return Page("unreadable", problem=f"the page broke the extractor: {type(error).__name__}")


def _extract(body: bytes, url: str | None, content_type: str | None) -> Page:
    page = decode(body, content_type=content_type)
    if _is_binary(body, page):
        return Page("unreadable", problem="not a page: the body is binary")
    tree = parse_html(_carried(page))
    if tree is None:
        return Page("unreadable", problem="no markup in the page")
    head = _completed(read_head(tree, url), tree, url)
    paragraphs, extractor = _paragraphs(tree, head)
    text = "\n".join(paragraphs)
    words = count_words(text)
    refused = pagestatus.refusal(body, tree, head, text, words, url)
    if refused:
        status, problem = refused
        return _page(head, status=status, text="", words=0, extractor="", problem=problem)
    status = pagestatus.article_status(tree, head, text, words)
    return _page(head, status=status, text=text, words=words, extractor=extractor, problem=None)


def _is_binary(body: bytes, page: str) -> bool:
    few = len(body) - len(body.translate(None, _CONTROL_BYTES)) <= BINARY * len(page)  # no encoding makes more of fewer
    return not few and len(_CONTROLS.findall(page)) > BINARY * len(page)


def _page(head: Head, *, status: str, text: str, words: int, extractor: str, problem: str | None) -> Page:
    return Page(
        status=status,
        title=_rejoined(head.title) if head.title else None,
        text=_rejoined(text),
        author=_rejoined(head.author) if head.author else None,
        published_at=head.published_at,
        published_raw=head.published_raw,
        modified_at=head.modified_at,
        modified_raw=head.modified_raw,
        language=head.language,
        canonical_url=head.canonical_url,
        extractor=extractor,
        words=words,
        problem=problem,
    )


def _completed(head: Head, tree: Any, url: str | None) -> Head:
    """The head with what is guessed of the page's body (an author by class, a date in a line) where nothing was declared."""
    author, date = head.author, None
    if not author:
        author = ", ".join(likely_authors(tree)) or head.organisation
    if head.published_at is None:
        date = find_date(tree, extensive_search=True, original_date=True)
    moment = parse_date(date) if date else None
    if moment is None or not is_plausible_guess(moment.date(), url):
        return replace(head, author=author)
    return replace(head, author=author, published_at=moment, published_raw=date)


def parse_html(text: str) -> Any:
    """The tree of a page, None when there is none. Depth is bounded by the parser; the text is decoded already."""
    parser = lxml_html.HTMLParser(encoding="utf-8", huge_tree=False, remove_comments=True, remove_pis=True)
    parser.set_element_class_lookup(_PLAIN)
    try:
        tree = lxml_html.document_fromstring(_without_controls(text), parser=parser)
    except ParserError:  # nothing but a comment, a declaration or a scrap of one
        return None
    return tree if len(tree) else None


def _without_controls(text: str) -> bytes:
    """The text in UTF-8 without characters that XML forbids, written or referred to: for one of them trafilatura gives up the page.

    Of bytes they are taken in a tenth of the time.
    """
    if "\ufffe" in text or "\uffff" in text:  # of text this is asked in a tenth of the time that bytes take
        text = text.replace("\ufffe", "").replace("\uffff", "")
    page = text.encode("utf-8", "ignore").translate(None, _NOT_XML)  # lone surrogates are none of its characters either
    return _CONTROL_REFERENCE.sub(b"", page)


# --- the cascade ---


def _paragraphs(tree: Any, head: Head) -> tuple[list[str], str]:
    """The article's paragraphs and who found them."""
    described = jsonld.body_paragraphs(head.node)
    strip_elements(tree, *_NOT_TEXT, with_tail=False)
    rest = prose.without_furniture(tree)
    chars = rest.xpath("string-length(normalize-space(.))")
    found, extractor = _lines(prose.first(rest)), "trafilatura"
    if _is_a_scrap(found, chars):
        found = _lines(prose.again(prose.without_furniture(tree)))
    if _looks_wrong(found, tree):
        found = _lines(prose.compared(tree))
    if count_words(" ".join(found)) < pagestatus.LEAST_WORDS:
        more = _lines(prose.any_at_all(tree))
        if count_words(" ".join(more)) > count_words(" ".join(found)):
            found, extractor = more, "trafilatura-recall"
    anchors = _anchors(tree, possible) if (possible := links_perhaps(found)) else frozenset()
    found = trimmed(found, titles=head.headlines, anchors=anchors)
    if described:
        found, extractor = with_described(found, trimmed(described, titles=head.headlines), extractor)
    return found, extractor


def _looks_wrong(found: list[str], tree: Any) -> bool:
    """Whether the text is too short, or the paragraphs of the page say that it is another one: they hold much more, or next to none
    of it. Then trafilatura compares it with what readability and justext find, at the price of half as much again.

    Of 331 real pages 41 look so, 9 of the 16 that come out otherwise among them; the other 7 are as good either way.
    """
    size = sum(map(len, found))
    if size < SHORT_CHARS:
        return True
    marked = sum(chars for chars in map(_chars, tree.iter("p")) if chars > PARAGRAPH_CHARS)
    return not STRAY * size <= marked <= size / MISSED


def _is_a_scrap(found: list[str], chars: float) -> bool:
    """Whether the text is a short one and a small part of what the page says, so many characters without its furniture."""
    size = sum(map(len, found))
    return size < SCRAP_CHARS and size < SCRAP * chars


def _chars(element: Any) -> int:
    text = "".join(element.itertext()) if len(element) else element.text or ""
    return len(" ".join(text.split())) if len(text) > PARAGRAPH_CHARS else 0


def _lines(text: str) -> list[str]:
    return [line for part in text.split("\n") if (line := clean(part))]


def _carried(text: str) -> str:
    for joiner, stand_in in _JOINERS:
        text = text.replace(joiner, stand_in)
    return text


def _rejoined(text: str) -> str:
    for joiner, stand_in in _JOINERS:
        text = text.replace(stand_in, joiner)
    return text


def _anchors(tree: Any, possible: frozenset[str]) -> frozenset[str]:
    """Which of these are texts of the page's links to other pages; a table of contents links to headings of its own."""
    shortest = min(map(len, possible))
    links = (link for link in tree.iter("a") if not (link.get("href") or "#").startswith("#"))
    texts = ("".join(link.itertext())[:400] if len(link) else link.text or "" for link in links)
    return frozenset(possible.intersection(folded(text) for text in texts if len(text) >= shortest))
