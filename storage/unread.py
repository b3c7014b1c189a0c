"""Pages that were not read: of entries that are not kept, and of matches that stand on less than their page. A part of coverage.py."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, func, select, text
from sqlalchemy.orm import Session

from storage import tallies
from storage.base import FAILED, PAYWALLED, THIN
from storage.models import ARTICLES, ENTRIES
from storage.silence import EPOCH

_THIN = text(f"articles.{THIN}")
DAY = timedelta(days=1)

# what an entry's error says, where it does not begin with its class
_BY_STATUS = {"401": "forbidden", "403": "forbidden", "451": "forbidden", "404": "not-found", "410": "gone", "429": "rate-limited"}  # fmt: skip
_CLASS = re.compile(
    r"(gone|not-found|forbidden|robots|rate-limited|client-error|server-error|blocked|timeout|dns|tls|connection|refused-address"
    r"|redirect-loop|too-large|parse-timeout|bad-url|not-an-article|paywalled|unreadable)(?::|$)"
)


@dataclass(frozen=True, slots=True)
class PageRow:
    """Pages of one feed that were not read for one reason, of one `day`, counted from 1970; `waiting` says that they are to be tried again."""

    feed_id: int
    reason: str
    day: int
    waiting: bool
    number: int


def pages(session: Session, start: datetime, end: datetime) -> list[PageRow]:
    """Pages that could not be read, of entries that were new in the period, by feed, reason and day."""
    lost = ENTRIES.c.state.in_(("unreadable", "gone", "pending"))
    # when an entry is triaged it has just been seen; an index has this time, and none the other after the state
    unread = select(
        ENTRIES.c.feed_id, ENTRIES.c.state, ENTRIES.c.error, ENTRIES.c.triaged_at, ENTRIES.c.retry_at.is_not(None)
    ).where(lost, ENTRIES.c.triaged_at >= start, ENTRIES.c.triaged_at < end)
    counted: Counter[tuple[int, str, int, bool]] = Counter()
    for query in (unread, *_kept(start, end)):
        for feed_id, state, error, at, waits in session.execute(query):
            if start <= at < end:  # asked here, lest a planner looks at every entry of the period for its article
                counted[feed_id, page_class(error, state), (at - EPOCH).days, bool(waits)] += 1
    return [PageRow(*key, number) for key, number in counted.items()]


def _kept(start: datetime, end: datetime) -> Iterator[Select[Any]]:
    """Matches of which no page could be read, or no more than its beginning."""
    of_article = case((ARTICLES.c.extraction == "paywalled", "paywalled"), else_="match")
    columns = (ENTRIES.c.feed_id, of_article, ENTRIES.c.error, ENTRIES.c.first_seen_at, ENTRIES.c.retry_at.is_not(None))
    joined = select(*columns).join_from(ARTICLES, ENTRIES, ENTRIES.c.id == ARTICLES.c.id)
    kept = joined.where(ARTICLES.c.day >= f"{start:%Y-%m-%d}", _THIN)
    # by the few that failed: most matches without a page never had one to ask for
    failed = text(f"entries.{FAILED}")
    yield kept.where(failed, ENTRIES.c.first_seen_at >= start, ENTRIES.c.first_seen_at < end)
    yield kept.where(ENTRIES.c.error.is_(None), text(f"articles.{PAYWALLED}"))


def page_class(error: str | None, state: str) -> str:
    """The class of the reason why a page was not read: a word of docs/commands.md, Outcomes."""
    told = error or ""
    if (found := _CLASS.match(told)) is not None:
        return found.group(1)
    if (status := re.match(r"HTTP (\d{3})", told)) is not None:
        code = status.group(1)
        return _BY_STATUS.get(code, "server-error" if code.startswith("5") else "client-error")
    if "robots.txt" in told:
        return "robots"
    if state == "pending":
        return "connection" if error else "not asked for yet"
    return state if state in ("gone", "paywalled") else "unreadable"


def summary_only(session: Session, since: date, until: date) -> dict[int, int]:
    """By feed: matches of these days that stand on their summary alone. Whole months are known; what is before and after them is counted."""
    first, last = _whole_months(since, until)
    if first > last:
        return _counted(session, since, until)
    found = Counter[int]()
    for one in tallies.counted(session, "feed", since=first, until=last):
        found[int(one.name)] += one.summaries
    for begin, end in ((since, first - DAY), (last + DAY, until)):
        found.update(_counted(session, begin, end) if begin <= end else {})
    return {feed_id: number for feed_id, number in found.items() if number}


def _counted(session: Session, since: date, until: date) -> dict[int, int]:
    query = select(ARTICLES.c.feed_id, func.count()).where(
        ARTICLES.c.day >= f"{since:%Y-%m-%d}", ARTICLES.c.day <= f"{until:%Y-%m-%d}",
        ARTICLES.c.topics != "", ARTICLES.c.extraction == "summary-only", _THIN,
    )  # fmt: skip
    return {row[0]: row[1] for row in session.execute(query.group_by(ARTICLES.c.feed_id))}


def _whole_months(since: date, until: date) -> tuple[date, date]:
    """The first day of the first whole month and the last day of the last one; these are in the wrong order when there is none."""
    first = since if since.day == 1 else (since.replace(day=1) + timedelta(days=32)).replace(day=1)
    after = until + DAY
    return first, after.replace(day=1) - DAY
