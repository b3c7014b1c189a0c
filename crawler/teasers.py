"""Whether a page lists other articles: each with its headline, which is a link, and a few words of it. PURE.

What an extractor finds there is the teasers of many stories, which is nobody's article: its names and places belong to thirty events. A page
that declares itself an article is never taken for one, nor is an article with teasers of others below it: they are not most of its text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from crawler.urls import registered_domain

LEAST = 8  # teasers
SHARE = 0.7  # of the words that were found
LONGEST = 80  # mean words of a teaser; a chapter of a long read that links its headings has more
MOST_LOOKED_AT = 200  # headlines of one page
LONGEST_BLOCK = 1_500  # characters looked at of what belongs to a headline
FEWEST_WORDS = 8  # of a paragraph: shorter ones are dates, sections and "Read more"
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


def lists_others(tree: Any, text: str, url: str | None) -> bool:
    """Whether most of this text, in lines, is teasers of articles of the same site."""
    headlines = list(_headlines(tree, url or ""))
    all_words = len(text.split())
    if len(headlines) < LEAST or all_words > LONGEST * len(headlines):
        return False
    paragraphs = [line for line in map(_plain, _lines(text)) if line.count(" ") >= FEWEST_WORDS - 1]
    teasers, words = 0, 0
    for block in _blocks(headlines):
        found = [line for line in paragraphs if line in block]
        teasers += bool(found)
        words += sum(line.count(" ") + 1 for line in found)
    return teasers >= LEAST and words >= SHARE * all_words and all_words <= LONGEST * teasers


def _headlines(tree: Any, url: str) -> Iterator[Any]:
    """The links that are headings, or within or around one, to other pages of the site; each page once."""
    own, seen = registered_domain(url), {_page(url)}
    for link in tree.iter("a"):
        if len(seen) > MOST_LOOKED_AT:
            return
        href = (link.get("href") or "").strip()
        if not href or href[0] == "#" or not _is_heading(link):
            continue
        try:
            target = urljoin(url, href)
            page = _page(target)
        except ValueError:
            continue
        if page not in seen and (not own or registered_domain(target) == own):
            seen.add(page)
            yield link


def _is_heading(link: Any) -> bool:
    within = link.getparent()
    for _ in range(2):
        if within is not None and within.tag in _HEADINGS:
            return True
        within = within.getparent() if within is not None else None
    return next(link.iter(*_HEADINGS), None) is not None


def _page(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.path.rstrip("/"), parts.query


def _blocks(headlines: list[Any]) -> Iterator[str]:
    """The text that belongs to each headline: of what holds no other, and of what stands behind it up to the next."""
    holding = Counter(place for link in headlines for place in (link, *link.iterancestors()))
    for link in headlines:
        block = link
        while (parent := block.getparent()) is not None and holding[parent] == 1:
            block = parent
        parts = [_plain(" ".join(block.itertext()))]
        for behind in block.itersiblings():
            if holding[behind]:
                break
            if isinstance(behind.tag, str):
                parts.append(_plain(" ".join(behind.itertext())))
        yield "\n".join(parts)[:LONGEST_BLOCK]


def _lines(text: str) -> Iterator[str]:
    """The lines without the mark of a list."""
    return (line.removeprefix("- ") for line in text.split("\n"))


def _plain(text: str) -> str:
    return " ".join(text.split())
