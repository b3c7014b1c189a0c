"""The pages that count: timeline, map, publishers. The figures of the report are made here as well."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from crawler.desk import drawings
from crawler.desk.asking import PERIODS, Period, followed
from crawler.desk.pages import page
from crawler.desk.views import desk_of
from crawler.mentions import place_names, shipped_tagger
from crawler.spikes import BASELINE
from storage import feeds, mentions, overviews
from storage.counts import Count, per_publisher
from storage.search import Filters

PLACES = 300  # that the map shows


@dataclass(frozen=True, slots=True)
class PublisherRow:
    """A publisher with its matches and what its feeds are."""

    name: str
    country: str
    languages: tuple[str, ...]
    count: Count


@dataclass(frozen=True, slots=True)
class Named:
    """A place in the table of the map."""

    id: str
    name: str
    kind: str
    matches: int


@dataclass(frozen=True, slots=True)
class MapFigures:
    """The dots of the map, and all places that were named."""

    dots: list[drawings.Dot]
    places: list[Named]


def timeline(request: Request) -> Response:
    """Matches per day by topic, with the days that stand out marked."""
    desk = desk_of(request)
    period = Period.read(request.query_params, now=desk.clock(), topics=desk.topics, default=30)
    with desk.database.read() as session:
        lines = timelines(session, period)
    return page(
        request,
        "timeline.html",
        period=period,
        periods=PERIODS,
        lines=lines,
        drawings=drawings,
        follow=followed(topic=period.topic),
    )


def places(request: Request) -> Response:
    """The map of what was named."""
    desk = desk_of(request)
    period = Period.read(request.query_params, now=desk.clock(), topics=(), default=7)
    with desk.database.read() as session:
        figures = map_figures(session, period)
    return page(
        request,
        "map.html",
        period=period,
        periods=PERIODS,
        figures=figures,
        drawings=drawings,
    )


def publishers(request: Request) -> Response:
    """Publishers with their matches, by language and by country."""
    desk = desk_of(request)
    period = Period.read(request.query_params, now=desk.clock(), topics=desk.topics, default=30)
    with desk.database.read() as session:
        rows = publisher_rows(session, period)
        languages = overviews.languages(session, since=period.since, until=period.until)
    countries = Counter[str]()
    for row in rows:
        countries[row.country] += row.count.matches
    return page(
        request,
        "publishers.html",
        follow=followed(topic=period.topic),
        period=period,
        periods=PERIODS,
        rows=rows,
        languages=languages,
        countries=countries.most_common(),
    )


def timelines(session: Session, period: Period) -> list[drawings.Timeline]:
    """The timeline of each topic that the period is about."""
    before = period.since - timedelta(days=BASELINE)
    counts: dict[str, dict[date, int]] = defaultdict(dict)
    for one in overviews.topic_days(session, since=before, until=period.until):
        counts[one.topic][date.fromisoformat(one.day)] = one.matches
    topics = [period.topic] if period.topic else sorted(counts) or list(period.topics)
    return [drawings.timeline(name, counts[name], since=period.since, until=period.until) for name in topics]


def map_figures(session: Session, period: Period) -> MapFigures:
    """The places that the matches of the period name."""
    found = mentions.counts(session, kind="place", since=period.since, until=period.until, limit=PLACES)
    known, names = shipped_tagger().gazetteer.places, place_names()
    named = [Named(one.name, names.get(one.name, one.name), known[one.name].kind, one.number) for one in found if one.name in known]  # fmt: skip
    return MapFigures(drawings.dots([(one.name, one.number) for one in found], known, names), named)


def publisher_rows(session: Session, period: Period) -> list[PublisherRow]:
    """The publishers that brought matches in the period, most first."""
    counted = per_publisher(session, Filters(since=period.since, until=period.until, topic=period.topic or None, limit=None))  # fmt: skip
    countries: dict[str, str] = {}
    spoken: dict[str, set[str]] = defaultdict(set)
    for feed in feeds.all(session):
        countries.setdefault(feed.publisher, feed.country or "")
        spoken[feed.publisher].update([feed.language] if feed.language else [])
    return [
        PublisherRow(one.name, countries.get(one.name, ""), tuple(sorted(spoken.get(one.name, ()))), one)
        for one in counted
    ]
