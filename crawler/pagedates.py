"""When a page says that its article appeared and was changed. PURE: no clock.

What is declared in JSON-LD and meta elements is believed first. Without it the lines that readers see are searched, those below the
headline first: above it stands today's date. A day in the page's own address settles which of them is the article's.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any

from crawler import jsonld
from crawler.dateline import LONGEST, date_in, tells_a_change
from crawler.dates import parse_date
from crawler.daysnamed import day_named, days_named
from crawler.parsed import raw_date

Dated = tuple[datetime | None, str | None]

MOST_LINES = 12  # of a page that may hold its date; teasers of other articles have theirs farther down
_PUBLISHED = (
    "article:published_time", "og:published_time", "article:published", "datepublished", "parsely-pub-date", "sailthru.date",
    "cxenseparse:recs:publishtime", "publish-date", "publish_date", "publishdate", "publication_date", "pubdate", "published_time", "date_published",
    "article.published", "dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date", "dc.date.created", "dcterms.date", "article_date_original",
    "originalpublicationdate", "citation_publication_date", "date",
)  # fmt: skip
_MODIFIED = (
    "article:modified_time", "og:updated_time", "datemodified", "last-modified", "dcterms.modified", "lastmod", "article.updated", "revised",
)  # fmt: skip
_OF_ARTICLE = re.compile(
    r"(?:^|[\s_-])(?:entry-date|pub-?date|published|publication|posted|submitted|article-date|post-date)(?:$|[\s_-])|PublishDate|datePublished|articleDate",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"(?:^|[\s_-])(?:date|datetime|dateline|timestamp|meta|byline|datum|fecha|tarih|data)(?:$|[\s_-])|meta-?info|DateTime",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"(?:^|[\s_-])(?:teasers?|related|recommended|sidebar|widget|comments?|masthead|site-header|top-?bar|breaking|ticker)(?:$|[\s_-])",
    re.IGNORECASE,
)
_ASIDES = ("aside", "nav", "footer", "blockquote")  # a post that is quoted has a date of its own
# so many elements below the headline a line of so many characters may hold the date without being marked
_NEAR, _SHORT = 40, 80


def published(tree: Any, node: dict[str, Any], metas: dict[str, list[str]], url: str | None) -> Dated:
    """When the article appeared and how that is written; a raw string alone where no claim can be read."""
    told = [jsonld.text_of(node.get(key)) for key in ("datePublished", "dateCreated", "uploadDate")]
    told += _all(metas, _PUBLISHED)
    moment, raw = _first(told)
    if moment is None:
        moment, raw = _first([*told, *_marked(tree)])
    if moment is not None:
        return moment, raw
    seen = _seen(tree)
    day = day_named(url) if url else None
    if day is not None:
        return next((one for one in seen if abs((one[0].date() - day).days) <= 1), (_midnight(day), day.isoformat()))
    return seen[0] if seen else (None, raw)


def modified(node: dict[str, Any], metas: dict[str, list[str]]) -> Dated:
    """When the article was changed, by its own account."""
    return _first([jsonld.text_of(node.get("dateModified")), *_all(metas, _MODIFIED)])


def is_plausible_guess(day: date, url: str | None) -> bool:
    """Whether a day that was guessed from all of a page may be the article's. A year alone, a copyright's say, is guessed as its
    first of January; an address that names another month is right."""
    span = days_named(url) if url else None
    return (day.month, day.day) != (1, 1) and (span is None or span.holds(day))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _all(metas: dict[str, list[str]], names: tuple[str, ...]) -> list[str]:
    return [value for name in names for value in metas.get(name, ())]


def _first(told: list[str]) -> Dated:
    """The first readable claim and its raw string; without one, the first raw string."""
    raws = [raw for one in told if (raw := raw_date(one))]
    for raw in raws[:12]:
        if moment := parse_date(raw):
            return moment, raw
    return None, raws[0] if raws else None


def _marked(tree: Any) -> list[str]:
    """What is marked as the date of publication in the page's body."""
    return [
        element.get("datetime") or element.get("content") or element.get("title") or _line(element)
        for element in tree.iter("time", "span", "abbr", "div", "p")
        if (element.get("itemprop") or "").lower() == "datepublished" or element.get("pubdate") is not None
    ]


def _seen(tree: Any) -> list[tuple[datetime, str]]:
    """Dates in the lines that readers see, the surest first."""
    ranked: list[tuple[int, int, datetime, str]] = []
    below = 0  # elements since the headline; 0 above it
    around = {parent for headline in tree.iter("h1") for parent in headline.iterancestors()}
    for element in tree.iter("h1", "time", "span", "abbr", "div", "p", "li", "small", "em", "a", "font", "td"):
        below = 1 if element.tag == "h1" else below + bool(below)
        rank = _rank(element, below)
        found = _dated(element) if rank is not None and not _is_aside(element, around) else None
        if rank is not None and found is not None:
            ranked.append((rank + 10 * tells_a_change(_line(element)), len(ranked), *found))
            if len(ranked) == MOST_LINES:
                break
    return [(moment, raw) for _, _, moment, raw in sorted(ranked, key=lambda one: one[:2])]


def _rank(element: Any, below: int) -> int | None:
    """How surely a line may tell the article's date, 0 the surest; None for one that does not look it."""
    name = f"{element.get('class') or ''} {element.get('id') or ''}"
    if element.tag == "time" or _OF_ARTICLE.search(name):
        return 0 if below else 2
    if _DATED.search(name):
        return 1 if below else 3
    return 4 if 1 < below < _NEAR and len(_line(element)) <= _SHORT else None


def _is_aside(element: Any, around: set[Any]) -> bool:
    """Whether a line belongs to something beside the article: the site's head, teasers of others, comments. What stands `around`
    a headline too is none of these."""
    return any(
        one.tag in _ASIDES or _ASIDE.search(f"{one.get('class') or ''} {one.get('id') or ''}")
        for one in (element, *element.iterancestors())
        if one not in around
    )


def _dated(element: Any) -> tuple[datetime, str] | None:
    for name in ("datetime", "title"):
        told = raw_date(element.get(name) or "")
        if told and (moment := parse_date(told)):
            return moment, told
    return date_in(_line(element))


def _line(element: Any) -> str:
    words: list[str] = []
    for text in element.itertext():
        words += text.split()
        if sum(map(len, words)) > LONGEST:
            break
    return " ".join(words)
