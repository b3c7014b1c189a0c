"""What an outlet's site answers to a path in a round. PURE: no socket, no clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from crawler.newsroom.articles import SampleArticle
from crawler.newsroom.documents import Listed, content_type, feed_document
from crawler.newsroom.outlets import Outlet, OutletFeed
from crawler.newsroom.pages import PageFacts, article_page, home_page, problem_page

HTML = "text/html; charset=utf-8"
RELATED = 4  # links to other articles below a text


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with its body; `modified` is what Last-Modified says."""

    status: int
    body: bytes
    content_type: str = HTML
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutletSite:
    """The site of one outlet at `home` (scheme, address and port); `started_at` is what the articles' hours count from."""

    outlet: Outlet
    articles: tuple[SampleArticle, ...]
    home: str
    started_at: datetime

    def answer(self, target: str, round_: int) -> Answer:
        """What a GET of this path and query brings."""
        path = _untracked(target)
        for feed in self.outlet.feeds:
            if path == feed.path:
                return self._feed(feed, round_)
        for article in self._shown(round_):
            if article.page != "none" and path == self.path(article):
                return self._page(article, round_)
        if path == "/":
            links = [(one.title, one.url) for one in self._all_listed(round_) if one.url]
            return Answer(200, home_page(self.outlet, links, home=self.home))
        if path == "/robots.txt":
            return Answer(200, self.outlet.robots.encode(), "text/plain; charset=utf-8")
        return Answer(404, problem_page(404, "Not found"))

    def listing(self, feed: OutletFeed, round_: int) -> tuple[Listed, ...]:
        """What the feed lists in this round, newest first."""
        first = self.outlet.feeds[0].name
        listed = [
            self._listed(article, round_) for article in self._shown(round_) if feed.name in (article.feeds or (first,))
        ]
        return tuple(sorted(listed, key=lambda one: one.updated, reverse=True))

    def path(self, article: SampleArticle) -> str:
        """The path of the article's page, with its query where the outlet's addresses have one."""
        section = re.sub(r"\W+", "-", article.section.lower())
        return self.outlet.article_path.format(
            id=article.id, slug=article.slug, section=section, language=article.language
        )

    def url(self, article: SampleArticle) -> str | None:
        """The article's address without campaign parameters; None when it has no page."""
        return None if article.page == "none" else self.home + self.path(article)

    def _shown(self, round_: int) -> Iterator[SampleArticle]:
        return (article for article in self.articles if article.round <= round_)

    def _all_listed(self, round_: int) -> Iterator[Listed]:
        return (self._listed(article, round_) for article in self._shown(round_))

    def _time(self, hours: float) -> datetime:
        return self.started_at - timedelta(hours=hours)

    def _listed(self, article: SampleArticle, round_: int) -> Listed:
        version = article.version(round_)
        return Listed(
            guid=article.guid or f"{self.outlet.key}-{article.id}",
            url=self.url(article),
            title=version.title,
            summary=version.summary,
            author=article.author,
            section=article.section,
            language=article.language,
            paragraphs=version.paragraphs,
            published=self._time(article.first.hours),
            updated=self._time(version.hours),
        )

    def _feed(self, feed: OutletFeed, round_: int) -> Answer:
        listed = self.listing(feed, round_)
        body = feed_document(self.outlet, feed, listed, home=self.home)
        return Answer(200, body, content_type(feed), max(one.updated for one in listed))

    def _page(self, article: SampleArticle, round_: int) -> Answer:
        if article.page == "gone":
            return Answer(410, problem_page(410, "This article is no longer available"))
        if article.page == "fails-once" and round_ == 1:
            return Answer(500, problem_page(500, "Something went wrong on our side"))
        one = self._listed(article, round_)
        others = [
            other for other in self.articles if other is not article and other.round == 1 and other.page != "none"
        ]
        related = [(other.first.title, self.home + self.path(other)) for other in _around(others, article.id)]
        facts = PageFacts(one.url or self.home, self.home, one.published, one.updated, related)
        return Answer(200, article_page(article, article.version(round_), self.outlet, facts), HTML, one.updated)


def _around(others: Sequence[SampleArticle], number: int) -> list[SampleArticle]:
    """A few other articles, not the same ones below each text."""
    start = number % len(others) if others else 0
    return [*others[start:], *others[:start]][:RELATED]


def _untracked(target: str) -> str:
    """The path and query without campaign parameters, which no server of news cares about."""
    parts = urlsplit(target)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if not name.startswith("utm_")]
    return parts.path + (f"?{urlencode(kept)}" if kept else "")
