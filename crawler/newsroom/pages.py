"""An article to its page, as bytes: the outlet's template filled in. PURE but for reading the package's templates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from html import escape
from importlib import resources
from string import Template

from crawler.newsroom.articles import SampleArticle, Version
from crawler.newsroom.outlets import Outlet

RIGHT_TO_LEFT = frozenset({"ar", "fa"})
TEASER_PARAGRAPHS = 2  # what a paywall lets through

# The pattern of a real page: an appeal for donations stands before the text, and its last sentence runs into the first.
APPEAL = (
    "Your support keeps our reporters on the road",
    "The Harbour Courier belongs to nobody but its readers. From flooded villages to courtrooms and front lines, our reporters go "
    "where the story is, and stay after the cameras have left.",
    "We have no owner who tells us what to leave out. Reporting from difficult places is expensive, and a donation of any size pays "
    "for drivers, interpreters and time.",
    "Unlike many others we have chosen not to put our journalism behind a paywall. It should be there for everybody, paid for by those who can.",
    "Every contribution, large or small, makes a difference.",
)


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page says around its text: its own address, its outlet's, and other articles to read (title, url)."""

    url: str
    home: str
    published: datetime
    updated: datetime
    related: Sequence[tuple[str, str]]


def article_page(article: SampleArticle, version: Version, outlet: Outlet, facts: PageFacts) -> bytes:
    """The article's page in UTF-8."""
    template = "script-shell" if article.page == "script-shell" else outlet.key
    return _template(template).substitute(_values(article, version, outlet, facts)).encode()


def home_page(outlet: Outlet, listed: Iterable[tuple[str, str]], *, home: str) -> bytes:
    """The outlet's front page: its feeds, announced as browsers expect it, and links to articles (title, url)."""
    feeds = "".join(
        f'<link rel="alternate" type="{feed.content_type}" title="{escape(feed.title)}" href="{feed.path}">'
        for feed in outlet.feeds
        if feed.form != "sitemap"
    )
    values = {
        "name": escape(outlet.name),
        "home": home,
        "language": outlet.language,
        "direction": _direction(outlet.language),
        "feeds": feeds,
        "links": _links(listed),
    }
    return _template("home").substitute(values).encode()


def problem_page(status: int, text: str) -> bytes:
    """The page that comes with an error."""
    return f"<!doctype html><html lang='en'><head><title>{status}</title></head><body><h1>{escape(text)}</h1></body></html>".encode()


def _values(article: SampleArticle, version: Version, outlet: Outlet, facts: PageFacts) -> dict[str, str]:
    return {
        "title": escape(version.title),
        "summary": escape(version.summary),
        "author": escape(article.author),
        "section": escape(article.section),
        "name": escape(outlet.name),
        "domain": outlet.domain,
        "url": escape(facts.url),
        "home": facts.home,
        "id": str(article.id),
        "language": article.language,
        "direction": _direction(article.language),
        "published": facts.published.isoformat(),
        "updated": facts.updated.isoformat(),
        "published_words": f"{facts.published:%d.%m.%Y %H:%M}",
        "updated_words": f"{facts.updated:%d.%m.%Y %H:%M}",
        "body": _body(article, version),
        "related": _links(facts.related),
        "json_ld": _json_ld(article, version, outlet, facts),
    }


def _body(article: SampleArticle, version: Version) -> str:
    paragraphs = [f"<p>{escape(paragraph)}</p>" for paragraph in version.paragraphs]
    if article.page == "paywalled":
        offer = "This article is for subscribers. Subscribe from $1 a week to read on. Already a subscriber? Sign in."
        return "\n".join(
            [*paragraphs[:TEASER_PARAGRAPHS], f'<div class="paywall" data-paywall="hard"><p>{offer}</p></div>']
        )
    if article.page == "appeal":
        head, *middle, last = APPEAL
        appeal = f"<h3>{escape(head)}</h3>" + "".join(f"<p>{escape(part)}</p>" for part in middle)
        glued = f"<p><b>{escape(last)}</b>{escape(version.paragraphs[0])}</p>"
        return "\n".join([f'<div class="insert">{appeal}</div>', glued, *paragraphs[1:]])
    return "\n".join(paragraphs)


def _json_ld(article: SampleArticle, version: Version, outlet: Outlet, facts: PageFacts) -> str:
    data = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "mainEntityOfPage": facts.url,
        "headline": version.title,
        "description": version.summary,
        "inLanguage": article.language,
        "datePublished": facts.published.isoformat(),
        "dateModified": facts.updated.isoformat(),
        "author": {"@type": "Person", "name": article.author},
        "publisher": {"@type": "NewsMediaOrganization", "name": outlet.name, "url": facts.home},
        "isAccessibleForFree": article.page != "paywalled",
    }
    return json.dumps(data, ensure_ascii=False).replace("</", "<\\/")


def _links(listed: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f'<li><a href="{escape(url)}">{escape(title)}</a></li>' for title, url in listed)


def _direction(language: str) -> str:
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"


@lru_cache(maxsize=32)
def _template(name: str) -> Template:
    return Template((resources.files(__package__) / "templates" / f"{name}.html").read_text(encoding="utf-8"))
