"""The one item of the road."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from crawler.classify import Verdict
    from crawler.judged import Judged
    from crawler.looks import NextLook
    from crawler.page import Page
    from crawler.polling import ArticleNext
    from crawler.wire import Exchange
    from storage.entries import ClaimedEntry
    from storage.rechecks import ClaimedRecheck, PageSource
    from storage.revisions import ChangeRecord


class SecondLook(Struct, frozen=True):
    """A match whose page says something else now: what was claimed, how it changed, when its next look is due."""

    recheck: ClaimedRecheck
    change: ChangeRecord
    next: NextLook


class Article(Struct):
    """An entry on its way from its page to the store.

    `page` is None when there is no readable page: then the entry is judged on its title and summary, and `later`
    says whether the page is tried again. `judged` is filled by the pipeline Judge.
    """

    entry: ClaimedEntry
    page: Page | None
    fetched_at: datetime | None
    url: str | None = None  # where the page was found after redirects
    error: str | None = None  # class of the failure, e.g. "not-found"
    later: ArticleNext | None = None
    judged: Judged | None = None
    exchanges: tuple[Exchange, ...] = ()  # what went over the wire for the page, with the archive on
    source: PageSource | None = None  # of the page: its validators, the hash of its bytes
    again: SecondLook | None = None  # this is no new entry but a match that was looked at again, and has changed

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One per topic, after Judge."""
        return self.judged.verdicts if self.judged else ()

    @property
    def title(self) -> str:
        """The page's headline, else what the feed called it."""
        return (self.page.title if self.page else None) or self.entry.title

    @property
    def text(self) -> str:
        """What is judged: the article's own text, else the feed's summary."""
        return self.page.text if self.page else self.entry.summary

    @property
    def language(self) -> str | None:
        """The feed's declared language is trusted first: pages of one template often all claim English."""
        return self.entry.language or (self.page.language if self.page else None)
