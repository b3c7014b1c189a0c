"""The pages that only read. Each opens one read session, asks storage, and fills one template."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from crawler.desk.asking import LARGEST_ID, PAGE, PERIODS, Asked, Period, followed, number
from crawler.desk.kept import Kept
from crawler.desk.marking import as_sum, paragraphs
from crawler.desk.pages import page
from crawler.history import NAMES
from crawler.mentions import group_of, place_names
from storage import coverage, health, overviews, proofs, reviews, saved, stories
from storage import feed_list as listed_feeds
from storage.account import Why, why
from storage.db import Database
from storage.errors import BadQuery, UnknownEntry, UnknownStory
from storage.query import Scope
from storage.search import Filters, Match, search, show_why
from storage.story_list import page as read_story

SAMPLES, MEMBERS = 60, 500  # articles of a story that the page of one of them lists, and its own
EDITS = 20  # of one revision that are shown
ROWS = 100  # of publishers and of feeds on one page: ten thousand would be megabytes


@dataclass(frozen=True, slots=True)
class Desk:
    """What the pages are made from: the database, the judge's topics, the clock; and the answers that are kept for a minute."""

    database: Database
    topics: tuple[str, ...]
    clock: Callable[[], datetime]
    look_every: int = 60
    file: Path | None = None
    kept: Kept = field(default_factory=Kept)

    def not_collected(
        self, since: date, until: date, publisher: str | None = None
    ) -> tuple[coverage.Coverage, datetime]:
        """What was not collected in these days, and when that was found out: perhaps minutes ago, see `Kept`."""

        def ask() -> tuple[coverage.Coverage, datetime]:
            with self.database.read() as session:
                now = max(now := self.clock(), coverage.newest_poll(session) or now)
                return coverage.report(session, since=since, until=until, now=now, publisher=publisher), now

        return self.kept.get(("coverage", since, until, publisher), ask)


def desk_of(request: Request) -> Desk:
    """The desk of the application that answers."""
    desk: Desk = request.app.state.desk
    return desk


def stream(request: Request) -> Response:
    """The matches, newest first, with filters and search."""
    asked = Asked.read(request.query_params)
    if any(value == "" for value in request.query_params.values()):
        return RedirectResponse(asked.link(), status_code=303)  # a form sends empty fields, too
    desk = desk_of(request)
    with desk.database.read() as session:
        scope = scope_of(desk, session, asked.q)
        filters, wrong = asked.filters(scope=scope, group=group_of, topics=desk.topics, limit=PAGE + 1)
        problems = [told for _, told in wrong]
        try:
            found = [] if problems else search(session, filters)
        except BadQuery as error:
            found, problems = [], [str(error)]
        rows = found[:PAGE]
        held = overviews.held_labels(session, [row.article_id for row in rows])
        choices = overviews.choices(session)
    return page(
        request,
        "stream.html",
        asked=asked,
        days=_by_day(rows),
        snippets={row.article_id: _shown(filters, row) for row in rows} if asked.q else {},
        held=held,
        older=asked.link(before=str(rows[-1].article_id)) if len(found) > PAGE else "",
        problems=problems,
        topics=desk.topics,
        choices=choices,
        follow=followed(topic=filters.topic or "", query=asked.q, story=str(filters.story or "")),
    )


def article(request: Request) -> Response:
    """One entry, kept or not: its text with what weighed, the sums, the clocks, labels, copies."""
    desk, id_ = desk_of(request), request.path_params["id"]
    with desk.database.read() as session:
        try:
            found = why(session, _id(id_))
        except UnknownEntry:
            return missing(request, f"There is no article {id_}.")
        story = stories.members(session, story_id=found.article.story_id)[:SAMPLES] if found.article else []
        held = overviews.held_labels(session, [found.entry.id])
        proof, captures = proofs.get(session, found.entry.id), proofs.captures_of(session, found.entry.id)
    evidence = [piece for verdict in found.verdicts for piece in verdict.evidence]
    shown = found.article or found.entry
    return page(
        request,
        "article.html",
        found=found,
        shown=shown,
        shown_publisher=found.article.publisher if found.article else found.feed.publisher or found.feed.title,
        title=paragraphs(shown.title, "title", evidence),
        text=paragraphs(found.article.text if found.article else found.entry.summary, "text", evidence),
        sums=sorted(map(as_sum, found.verdicts), key=lambda one: (not one.matched, -one.score)),
        held=held,
        topics=desk.topics,
        others=[one for one in story if one.id != found.entry.id],
        clocks=_clocks(found),
        names=place_names(),
        kinds=NAMES,
        edits=EDITS,
        proof=proof,
        captures=captures,
    )


def story_list(request: Request) -> Response:
    """The stories of some days, biggest first."""
    desk, period = _period(request, default=7)
    with desk.database.read() as session:
        found = overviews.biggest_stories(
            session, since=period.since, until=period.until, topic=period.topic or None, limit=PAGE
        )
    return page(
        request, "stories.html", period=period, stories=found, periods=PERIODS, follow=followed(topic=period.topic)
    )


def story(request: Request) -> Response:
    """One story: who reports independently, and its articles in the order in which they were seen."""
    id_ = request.path_params["id"]
    with desk_of(request).database.read() as session:
        try:
            found = read_story(session, _id(id_))
        except UnknownStory:
            return missing(request, f"There is no story {id_}.")
    shown = found.members[:MEMBERS]
    left = len(found.members) - len(shown)
    follow = followed(story=str(found.story.story_id))
    return page(
        request, "story.html", story=found.story, sources=found.sources, members=shown, left=left, follow=follow
    )


def feed_list(request: Request) -> Response:
    """Feeds and coverage: what failed, what is silent, what was not collected; the worst first, a hundred to a page."""
    desk, period = _period(request, default=7)
    skip = number(request.query_params.get("from", "")) or 0
    now = desk.clock()
    report, as_of = desk.not_collected(period.since, period.until)
    with desk.database.read() as session:
        facts = health.facts(session, now=now, disk=health.disk_beside(desk.file) if desk.file else None)
        feeds, number_of_feeds = listed_feeds.worst_first(session, skip=skip, limit=ROWS)
    lacking = [one for one in report.publishers if not one.is_whole]
    last = max(number_of_feeds, len(lacking))
    return page(
        request,
        "feeds.html",
        period=period,
        periods=PERIODS,
        report=report,
        as_of=as_of,
        lacking=lacking[skip : skip + ROWS],
        number_lacking=len(lacking),
        problems=health.problems(facts, now=now, look_every=timedelta(seconds=desk.look_every)),
        facts=facts,
        feeds=feeds,
        number_of_feeds=number_of_feeds,
        first=skip + 1,
        newer=period.link("/feeds", **{"from": skip - ROWS}) if skip else "",
        older=period.link("/feeds", **{"from": skip + ROWS}) if last > skip + ROWS else "",
    )


def review(request: Request) -> Response:
    """The review queue: what the judge is least sure of and nobody has labelled."""
    desk = desk_of(request)
    topic = request.query_params.get("topic", "")
    topic = topic if topic in desk.topics else ""
    with desk.database.read() as session:
        items = reviews.uncertain(session, topic=topic or None, limit=20)
    shown = [(item, paragraphs(item.title, "title", item.evidence), _beginning(item)) for item in items]
    return page(request, "review.html", items=shown, topic=topic, topics=desk.topics)


def missing(request: Request, message: str = "There is no such page.") -> Response:
    """What is not there."""
    return page(request, "message.html", status=404, heading="Not found", message=message)


def scope_of(desk: Desk, session: Session, query: str) -> Scope:
    """What a query may name at this desk."""
    return Scope(
        topic=lambda word: _topic(desk, word),
        place=lambda word: group_of(word, "place"),
        actor=lambda word: group_of(word, "actor"),
        saved=saved.queries(session) if "@" in query else {},
        now=desk.clock(),
    )


def _topic(desk: Desk, word: str) -> str:
    if word.strip().lower() not in desk.topics:
        raise LookupError(f"there is no topic {word!r}; the topics are {', '.join(desk.topics)}")
    return word.strip().lower()


def _period(request: Request, *, default: int) -> tuple[Desk, Period]:
    desk = desk_of(request)
    return desk, Period.read(request.query_params, now=desk.clock(), topics=desk.topics, default=default)


def _id(typed: int) -> int:
    return typed if typed <= LARGEST_ID else 0


def _by_day(rows: list[Match]) -> list[tuple[str, list[Match]]]:
    days: dict[str, list[Match]] = {}
    for row in rows:
        days.setdefault(row.day, []).append(row)
    return list(days.items())


def _shown(filters: Filters, row: Match) -> object:
    try:
        return show_why(filters, row)
    except BadQuery:
        return None


def _beginning(item: reviews.ReviewItem) -> list[object]:
    return list(paragraphs(item.text, "text", item.evidence)[:3])


def _clocks(found: Why) -> list[tuple[str, datetime | None, str]]:
    """The four clocks: claimed by the publisher, changed by him, seen by us, read by us."""
    shown, article = found.article or found.entry, found.article
    claimed = shown.published_source or ("feed" if shown.published_at else "")
    raw = shown.published_raw or ""
    return [
        ("Published", shown.published_at, f"claimed, {claimed}" if shown.published_at else f"not claimed {raw}".strip()),
        ("Updated", shown.updated_at, "claimed" if shown.updated_at else "not claimed"),
        ("First seen", found.entry.first_seen_at, "by this watch, in a feed"),
        ("Read", article.fetched_at if article else None, "the page was fetched" if article and article.fetched_at else "the page was not fetched"),
    ]  # fmt: skip
