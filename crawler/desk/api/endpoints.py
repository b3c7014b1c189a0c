"""The questions. Each opens one read session, asks storage for a bounded number of rows, and answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from crawler import footnotes
from crawler.desk.api import cursors, shapes
from crawler.desk.api import parameters as given
from crawler.desk.api.answers import answer
from crawler.desk.api.asked import (
    DAYS_OF_WORDS,
    MOST_DAYS,
    NotAnswerableError,
    asked_filters,
    days,
    fewer,
    place_of,
    window,
)
from crawler.desk.api.problems import Mistake
from crawler.desk.asking import LARGEST_ID
from crawler.desk.guard import API
from crawler.desk.views import desk_of
from crawler.export import row_to_json
from storage import counts as of_counts
from storage import feed_list, proofs, search, story_list
from storage.account import Why, why
from storage.errors import UnknownEntry, UnknownStory
from storage.relevance import RANKED
from storage.search import Filters, Match

router = APIRouter(prefix=API)
COVERED = 92  # days of a report on coverage
MEMBERS = 1_000  # of a story in one answer
_OF_STORIES = ("limit", "cursor", "topic", "since", "until")  # what the list of all stories can be narrowed by

Id = Annotated[int, Path(description="Its number.")]


@router.get("/matches", response_model=shapes.MatchesAnswer)
def matches(request: Request, asked: Annotated[given.MatchParameters, Query()]) -> Response:
    """The matches that answer, newest first: the columns of `matches`."""
    question = asked.question("matches")
    if asked.order == "relevance" and asked.cursor:
        raise NotAnswerableError([Mistake("cursor", "the most relevant are one page")])
    with desk_of(request).database.read() as session:
        filters = asked_filters(request, session, asked, limit=asked.limit + 1, below=place_of(asked, question, 1))
        found = search.search(session, filters, by_relevance=asked.order == "relevance")
        rows, following = found[: asked.limit], None
        if len(found) > asked.limit and asked.order == "date":
            last = search.position(session, rows[-1].article_id)
            following = None if last is None else cursors.written(question, (last,))
    told = [row_to_json(row) | {"snippet": _snippet(filters, row) if asked.snippets else None} for row in rows]
    return answer(request, {"matches": told, "next": following}, next=following)


@router.get("/articles/{id}", response_model=shapes.ArticleAnswer)
def article(request: Request, id: Id, asked: Annotated[given.NoParameters, Query()]) -> Response:
    """One entry, kept or not: its text, why it is (not) there, its clocks, labels, revisions and proof."""
    with desk_of(request).database.read() as session:
        found = why(session, known(id, UnknownEntry(f"there is no article {id}")))
        row = search.match(session, found.entry.id)
        proof = _proof(session, found.entry.id)
    return answer(request, _article(found, row, proof))


@router.get("/stories", response_model=shapes.StoriesAnswer)
def stories(request: Request, asked: Annotated[given.StoryParameters, Query()]) -> Response:
    """Stories, biggest first; with more than topic and days asked for, those of the newest 1,000 matches that answer."""
    question, most = asked.question("stories"), asked.limit + 1
    plain = not any(getattr(asked, name) for name in given.Asking.model_fields if name not in _OF_STORIES)
    rows: Sequence[tuple[story_list.StoryRow, int | None]]
    with desk_of(request).database.read() as session:
        filters = asked_filters(request, session, asked, limit=RANKED)
        if plain:
            span = {"since": filters.since, "until": filters.until, "topic": filters.topic}
            after = place_of(asked, question, 3)
            rows = [(one, None) for one in story_list.biggest(session, **span, limit=most, after=after)]  # type: ignore[arg-type]
        else:
            place = place_of(asked, question, 2)
            rows = story_list.answering(session, filters, limit=most, after=place)  # type: ignore[arg-type]
    following = None
    if len(rows) > asked.limit:
        rows = rows[: asked.limit]
        last, number = rows[-1]
        place = (last.articles, last.publishers) if number is None else (number,)
        following = cursors.written(question, (*place, last.story_id))
    told = [row_to_json(one) | {"matches": number} for one, number in rows]
    return answer(request, {"stories": told, "next": following}, next=following)


@router.get("/stories/{id}", response_model=shapes.StoryAnswer)
def story(request: Request, id: Id, asked: Annotated[given.NoParameters, Query()]) -> Response:
    """One story: who reports independently, and its articles in the order in which they were seen."""
    with desk_of(request).database.read() as session:
        page = story_list.page(session, known(id, UnknownStory(f"there is no story {id}")))
    return answer(request, shapes.StoryAnswer(page.story, list(page.sources), list(page.members[:MEMBERS])))


@router.get("/feeds", response_model=shapes.FeedsAnswer)
def feeds(request: Request, asked: Annotated[given.FeedParameters, Query()]) -> Response:
    """The feeds that are watched, with their state, by number."""
    question = asked.question("feeds")
    (after,) = place_of(asked, question, 1) or (0,)
    with desk_of(request).database.read() as session:
        found = feed_list.page(
            session,
            limit=asked.limit + 1,
            after=after,
            state=asked.state,
            publisher=asked.publisher,
            country=asked.country,
            language=asked.language,
        )
    rows, following = found[: asked.limit], None
    if len(found) > asked.limit:
        following = cursors.written(question, (rows[-1].id,))
    return answer(request, {"feeds": rows, "next": following}, next=following)


@router.get("/counts", response_model=shapes.CountsAnswer)
def counts(request: Request, asked: Annotated[given.CountParameters, Query()]) -> Response:
    """How many matches there are by day (latest first), publisher, language or country (most first): a year on each page, with a query half a year,
    and with a query, a place or an actor no more whole days than have 50,000 matches. `since` and `until` name the days."""
    question = asked.question("counts")
    ask = {
        "day": of_counts.per_day,
        "publisher": of_counts.per_publisher,
        "language": of_counts.per_language,
        "country": of_counts.per_country,
    }[asked.by]
    place = place_of(asked, question, 1)
    last = date.fromordinal(min(max(place[0], 1), date.max.toordinal())) if place else None
    with desk_of(request).database.read() as session:
        filters = asked_filters(request, session, asked, limit=None if asked.by == "day" else asked.limit)
        oldest, newest = of_counts.first_and_last_day(session)
        today = desk_of(request).clock().date()
        most = DAYS_OF_WORDS if asked.q else MOST_DAYS
        span = window(filters, most, oldest=oldest, newest=newest, today=today, last=last)
        if asked.q or filters.named:
            span = fewer(session, span)
        found = ask(session, replace(filters, since=span.since, until=span.until))
    following = cursors.written(question, (span.earlier.toordinal(),)) if span.earlier else None
    told = shapes.CountsAnswer(asked.by, span.since, span.until, found, following)
    return answer(request, told, next=following)


@router.get("/coverage", response_model=shapes.CoverageAnswer)
def coverage(request: Request, asked: Annotated[given.CoverageParameters, Query()]) -> Response:
    """What was not collected in these days, publishers worst first; the headline can stand in a footnote."""
    now = desk_of(request).clock()
    since, until = days(asked.since or "7d", asked.until, now)
    if (until - since).days >= COVERED:
        raise NotAnswerableError(
            [Mistake("since", f"a report is on {COVERED} days at most; ask for them one after another")]
        )
    report, as_of = desk_of(request).not_collected(since, until, asked.publisher or None)
    if asked.publisher and not report.publishers:
        raise UnknownEntry(f"no feed is of a publisher named {asked.publisher!r}")
    return answer(request, footnotes.whole(report, footnotes.rows(report), now=as_of), ready=True)


def known(id_: int, error: Exception) -> int:
    """The number if an id can be so; else the error."""
    if not 0 < id_ <= LARGEST_ID:
        raise error
    return id_


def _snippet(filters: Filters, row: Match) -> str | None:
    found = search.show_why(filters, row)
    return None if found is None else found.marked()


def _article(found: Why, row: Match | None, proof: shapes.ProofAnswer | None) -> dict[str, Any]:
    return {
        "article": None if row is None else row_to_json(row),
        "entry": shapes.picked(shapes.EntryRow, found.entry),
        "verdicts": [shapes.picked(shapes.VerdictRow, one) for one in found.verdicts],
        "labels": [shapes.picked(shapes.LabelRow, one) for one in found.labels],
        "seen_in": found.seen_in,
        "story_members": found.story_members,
        "named": found.named,
        "clocks": found.clocks,
        "revisions": [row_to_json(one) for one in found.revisions],
        "proof": proof,
    }


def _proof(session: Session, entry_id: int) -> shapes.ProofAnswer | None:
    proof = proofs.get(session, entry_id)
    if proof is None:
        return None
    captures = [shapes.picked(shapes.CaptureRow, one) for one in proofs.captures_of(session, entry_id)]
    names = ("seq", "article_hash", "held_at", "held_why", "forgotten_at", "forgotten_why")
    return shapes.ProofAnswer(**{name: getattr(proof, name) for name in names}, captures=captures)
