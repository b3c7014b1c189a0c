"""From checked parameters to filters, days and places in a list; what cannot be becomes one error with every mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request

from crawler.desk.api import cursors
from crawler.desk.api.parameters import Asking, Paged
from crawler.desk.api.problems import Mistake
from crawler.desk.asking import Asked
from crawler.desk.views import desk_of, scope_of
from crawler.mentions import group_of
from storage.days import parse_day
from storage.search import Filters
from storage.tallies import first_of

# of a page of counts: 100,000 matches, or half as many with a word, are counted in some 60 ms
MOST_DAYS, DAYS_OF_WORDS = 366, 183
# of a page with a query, a place or an actor, each of which is looked for in all of them
MOST_MATCHES = 50_000


class NotAnswerableError(Exception):
    """Parameters that are well-formed and yet make no question."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(f"{one.parameter}: {one.detail}" for one in mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Window:
    """The days of one page of counts, both included, and the last day of the following page."""

    since: date
    until: date
    earlier: date | None


def asked_filters(
    request: Request, session: Session, asked: Asking, *, limit: int | None, below: Sequence[int] | None = None
) -> Filters:
    """The filters. NotAnswerableError; `below` is the place after which the page begins."""
    desk = desk_of(request)
    typed = Asked(
        q=" ".join(asked.q.split()),
        topic=asked.topic.lower(),
        publisher=asked.publisher,
        language=asked.language or "",
        country=asked.country or "",
        place=asked.place,
        actor=asked.actor,
        role=asked.role or "",
        story=str(asked.story or ""),
        since=asked.since,
        until=asked.until,
    )
    scope = scope_of(desk, session, typed.q)
    filters, wrong = typed.filters(scope=scope, group=group_of, topics=desk.topics, limit=limit or 0)
    if wrong:
        raise NotAnswerableError([Mistake(name, told) for name, told in wrong])
    return replace(filters, limit=limit, below=below[0] if below else None)


def days(since: str, until: str, now: datetime) -> tuple[date, date]:
    """Both ends of a span; without a last day, today. NotAnswerableError."""
    found: list[date] = []
    mistakes: list[Mistake] = []
    for name, typed in (("since", since), ("until", until)):
        try:
            found.append(parse_day(typed, now=now, last=name == "until") if typed else now.date())
        except ValueError as error:
            mistakes.append(Mistake(name, str(error)))
    if not mistakes and found[0] > found[1]:
        mistakes.append(Mistake("since", f"{found[0]} is after {found[1]}"))
    if mistakes:
        raise NotAnswerableError(mistakes)
    return found[0], found[1]


def place_of(asked: Paged, question: dict[str, Any], length: int) -> tuple[int, ...] | None:
    """The place after which the page begins, None for the first one. BadCursorError."""
    return cursors.read(asked.cursor, question, length) if asked.cursor else None


def window(
    filters: Filters, most: int, *, oldest: date | None, newest: date | None, today: date, last: date | None
) -> Window:
    """The days to count on one page: at most so many back from the last one, which the cursor names; no day before the oldest match."""
    ends = [day for day in (today, newest, filters.since) if day]
    until = min(filters.until or max(ends), last or date.max)
    begin = max([day for day in (filters.since, oldest) if day], default=until)
    since = until - timedelta(days=most - 1)
    if since > begin:
        return Window(since, until, since - timedelta(days=1))
    return Window(min(filters.since or begin, until), until, None)


def fewer(session: Session, span: Window, most: int = MOST_MATCHES) -> Window:
    """As many of the days of a page, from its last one back, as have at most so many matches in all; one day at least."""
    since = first_of(session, span.since, span.until, most)
    return span if since <= span.since else Window(since, span.until, since - timedelta(days=1))
