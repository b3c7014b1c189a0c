"""What becomes of an entry whose page could not be read. PURE; a room of `crawler.polling`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from crawler.outcomes import MAX_RETRY_AFTER, Outcome

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

PAGE_RETRIES = (10 * MINUTE, HOUR, 6 * HOUR, DAY, DAY, 2 * DAY, 3 * DAY)  # a week in all; news pages come back or never
SHORT_RETRIES = PAGE_RETRIES[:3]  # after seven hours an answer is an answer

# A 404 right after publishing is a cache that lags, a page without text a template that fills late or a video.
_SOON_FINAL = frozenset({Outcome.NOT_FOUND, Outcome.NOT_AN_ARTICLE, Outcome.UNREADABLE})


class ArticleState(Struct, frozen=True):
    """What is known of an entry whose page was asked for; `attempts` counts this one."""

    attempts: int
    first_seen_at: datetime


class ArticleNext(Struct, frozen=True):
    """What becomes of an entry without a readable page: `pending` with a time, else `gone` or `unreadable`."""

    state: Literal["pending", "gone", "unreadable"]
    retry_at: datetime | None
    reason: str


def article_after(
    state: ArticleState, outcome: Outcome, *, now: datetime, retry_after: datetime | None = None
) -> ArticleNext:
    """What becomes of an entry whose page could not be read at this attempt."""
    if outcome is Outcome.GONE:
        return ArticleNext("gone", None, "the server says it is gone")
    final = {
        Outcome.ROBOTS: "robots.txt forbids it",
        Outcome.TOO_LARGE: "the page is larger than a page may be",
        Outcome.PARSE_TIMEOUT: "the page takes longer to read than a page may",
        Outcome.BAD_URL: "its address is none",
        Outcome.REFUSED_ADDRESS: "its address is not public",
        Outcome.REDIRECT_LOOP: "its redirects do not end",
        Outcome.PAYWALLED: "it stands behind a paywall",
    }
    if outcome in final:
        return ArticleNext("unreadable", None, final[outcome])
    steps = SHORT_RETRIES if outcome in _SOON_FINAL else PAGE_RETRIES
    if state.attempts > len(steps):
        end: Literal["gone", "unreadable"] = "gone" if outcome is Outcome.NOT_FOUND else "unreadable"
        return ArticleNext(end, None, f"{outcome} after {state.attempts} attempts")
    later = now + steps[max(state.attempts, 1) - 1]
    if retry_after is not None:
        later = max(later, min(retry_after, now + MAX_RETRY_AFTER))
    return ArticleNext("pending", later, f"again after {outcome}")
