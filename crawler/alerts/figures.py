"""What one UTC day brought, and what was quiet: the figures of the digest. They are read, nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from crawler.alerts.findings import daily, filters
from crawler.alerts.quiet import moment
from crawler.alerts.rules import MatchRule, Rules
from crawler.alerts.spiking import Spike, explained
from crawler.footnotes import headline
from crawler.mentions import place_names, shipped_tagger
from crawler.spikes import BASELINE, is_quiet, mean_before, usual
from storage import coverage, mentions, overviews
from storage.counts import per_publisher
from storage.errors import BadQuery
from storage.search import Filters, Match, count, search

NEWEST, STORIES, PUBLISHERS, PLACES, QUIET = 15, 8, 10, 10, 20  # of each so many: what one reads with a coffee
ALIVE = 1.0  # matches a day: a publisher that brings fewer is missed by nobody on a day without any


@dataclass(frozen=True, slots=True)
class TopicFigures:
    """A topic's day; `usually` is None while half of the 28 days before are not on record."""

    name: str
    matches: int
    own: int
    usually: float | None
    spike: Spike | None

    @property
    def is_quiet(self) -> bool:
        """Whether it brought far less than usual."""
        return self.usually is not None and is_quiet(self.usually, self.matches)


@dataclass(frozen=True, slots=True)
class Figures:
    """The day. `missing` are publishers without a match that usually have one, with how many; `empty` rules that matched nothing."""

    day: date
    topics: Sequence[TopicFigures]
    stories: Sequence[overviews.StorySummary]
    publishers: Sequence[tuple[str, int]]
    places: Sequence[tuple[str, int]]
    newest: Sequence[Match]
    missing: Sequence[tuple[str, float]]
    silent: Sequence[coverage.Silence]
    empty: Sequence[str]
    collected: str
    at: datetime


def day_of(now: datetime, at: time, zone: ZoneInfo) -> date:
    """The UTC day that the latest digest is about: that before the moment at which it was due."""
    local = now.astimezone(zone).date()
    due = moment(local, at, zone)
    if due > now:
        due = moment(local - timedelta(days=1), at, zone)
    return due.astimezone(UTC).date() - timedelta(days=1)


def figures(session: Session, day: date, file: Rules | None, *, now: datetime) -> Figures:
    """Read them; `file` may name rules."""
    of_day = Filters(since=day, until=day, limit=None)
    before = Filters(since=day - timedelta(days=BASELINE), until=day - timedelta(days=1), limit=None)
    brought = {one.name: one.matches for one in per_publisher(session, of_day)}
    usually = {one.name: one.matches / BASELINE for one in per_publisher(session, before)}
    missing = [(name, mean) for name, mean in usually.items() if mean >= ALIVE and name not in brought]
    report = coverage.report(session, since=day, until=day, now=now)
    return Figures(
        day=day,
        topics=_topics(session, day),
        stories=overviews.biggest_stories(session, since=day, until=day, limit=STORIES),
        publishers=list(brought.items())[:PUBLISHERS],
        places=_places(session, day),
        newest=search(session, replace(of_day, words="-role:copy", limit=NEWEST)),
        missing=sorted(missing, key=lambda one: (-one[1], one[0]))[:QUIET],
        silent=[one for one in report.silences if one.until is None][:QUIET],
        empty=_empty(session, day, file, now),
        collected=headline(report, now=now),
        at=now,
    )


def _topics(session: Session, day: date) -> list[TopicFigures]:
    found = []
    for name, counts in sorted(daily(session, until=day, days=BASELINE).items()):
        by_day = {one: figure.matches for one, figure in counts.items()}
        began = min(by_day)
        one = counts.get(day, overviews.TopicDay(f"{day}", name, 0, 0))
        mean = usual(by_day, day, began)
        spike = explained(session, one, usually=mean) if mean is not None else None
        found.append(TopicFigures(name, one.matches, one.own, mean_before(by_day, day, began), spike))
    return found


def _places(session: Session, day: date) -> list[tuple[str, int]]:
    """The places named most, without whole countries, which every second article names."""
    known, names = shipped_tagger().gazetteer.places, place_names()
    found = mentions.counts(session, kind="place", since=day, until=day, limit=4 * PLACES)
    named = [one for one in found if one.name in known and known[one.name].kind != "country"]
    return [(names.get(one.name, one.name), one.number) for one in named[:PLACES]]


def _empty(session: Session, day: date, file: Rules | None, now: datetime) -> list[str]:
    found = []
    for rule in file.rules if file else ():
        if isinstance(rule, MatchRule):
            try:
                asked = replace(filters(session, rule, now), since=day, until=day)
                if not count(session, asked):
                    found.append(rule.name)
            except BadQuery:  # which the look at the rules tells
                continue
    return found
