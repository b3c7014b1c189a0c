"""What stands in line for its host's turn: a feed's poll, a request for a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from scrapy import Request

from crawler.gate import FORCED
from crawler.polls import Turn
from storage.entries import ClaimedEntry
from storage.feeds import FeedForPoll
from storage.rechecks import ClaimedRecheck

Work: TypeAlias = Turn | Request  # a Turn is no matter of Scrapy's


class Numbers(NamedTuple):
    """The ids of what work is about."""

    feeds: list[int]
    entries: list[int]
    looks: list[int]


def numbers_of(works: Sequence[Work]) -> Numbers:
    """Whose polls and pages these are."""
    asked = [work.cb_kwargs for work in works if isinstance(work, Request)]
    return Numbers(
        [work.feed.id for work in works if isinstance(work, Turn)],
        [known["entry"].id for known in asked if "entry" in known],
        [known["again"].id for known in asked if "again" in known],
    )


def stays(work: Work) -> bool:
    """Whether work goes on although its host asked to be left alone: somebody insists."""
    return work.forced if isinstance(work, Turn) else bool(work.meta.get(FORCED))


def is_doubtful(work: Work) -> bool:
    """Whether work may take until the time-out."""
    return isinstance(work, Turn) and may_hang(work.feed)


def may_hang(feed: FeedForPoll) -> bool:
    """Whether a feed did not answer last time: a dead server takes until the time-out."""
    return feed.failing_since is not None


def page_of(request: Request) -> ClaimedEntry | ClaimedRecheck:
    """Whose page a request asks for: an entry's, or a match's that is looked at again."""
    found: ClaimedEntry | ClaimedRecheck = request.cb_kwargs.get("entry") or request.cb_kwargs["again"]
    return found
