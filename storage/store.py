"""The database for notebooks and scripts: one object, read-only, with typed rows and, where pandas is installed, frames.

from storage import open_store

with open_store("sqlite:///levantwatch.db") as store:
    for match in store.matches("camp -damascus", topic="syria", since="30d"):
        print(match.day, match.publisher, match.title)
    frame = store.counts("day", topic="isis").frame()
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import counts, coverage, search, summaries
from storage.counts import Count
from storage.days import parse_day, utc_day
from storage.db import Database, open_database
from storage.models import ARTICLES
from storage.query import Scope, filter_of
from storage.search import Filters, Match
from storage.summaries import StoryMatches
from storage.views import MATCHES

T = TypeVar("T")
Day = date | str  # a date, or what an analyst types: 2026-01-31, yesterday, 7d
ScopeOf = Callable[[Session, str, datetime], Scope]
By = Literal["day", "publisher", "language"]
_COUNTS: Mapping[By, Callable[[Session, Filters], list[Count]]] = {
    "day": counts.per_day,
    "publisher": counts.per_publisher,
    "language": counts.per_language,
}


@dataclass(frozen=True)
class Rows(Generic[T]):
    """The rows of one question, read from the database whenever they are asked for; never all in memory by themselves.

    `for row in rows`, `rows.all()`, `rows.first()`, `rows.frame()`.
    """

    kind: type[T]
    read: Callable[[], Generator[T]] = field(repr=False)

    def __iter__(self) -> Iterator[T]:
        """Each row, from a new look at the database."""
        return self.read()

    def all(self) -> list[T]:
        """Every row in a list."""
        return list(self)

    def first(self) -> T | None:
        """The first row, or None."""
        rows = self.read()
        try:
            return next(rows, None)
        finally:
            rows.close()

    def frame(self, *columns: str) -> Any:
        """A pandas.DataFrame of these columns, or of all: times are datetime64 in UTC, what is absent is missing.

        ImportError without pandas; AttributeError for a column that is not there.
        """
        return frame(self, *columns, kind=self.kind)


class Store:
    """One database, to be read. Use `open_store`; `with` closes it.

    A question takes a query in the language of `levantwatch search` (docs/queries.md) and filters by name, all of which
    must hold: `topic`, `since` and `until` (days in UTC, both included), `publisher`, `country`, `language`, `role`; `limit`
    None means all. Errors are those of storage.errors, and ValueError for a value that cannot be, each with a message that says
    what to do.
    """

    def __init__(self, database: Database, scope: ScopeOf, now: datetime | None) -> None:
        """Take an open database."""
        self._database = database
        self._scope = scope
        self._now = now

    def matches(self, query: str = "", *, limit: int | None = None, **filters: Any) -> Rows[Match]:
        """The matches, newest first: the columns of the view `matches`."""
        asked = self._filters(query, limit, filters)
        return self._rows(Match, lambda session: search.stream(session, asked(session)))

    def relevant(self, query: str, *, limit: int = 50, **filters: Any) -> Rows[Match]:
        """The most relevant of the newest 1,000 matches."""
        asked = self._filters(query, limit, filters)
        return self._rows(Match, lambda session: search.search(session, asked(session), by_relevance=True))

    def match(self, article_id: int) -> Match | None:
        """One match, or None."""
        with self._database.read() as session:
            return search.match(session, article_id)

    def count(self, query: str = "", **filters: Any) -> int:
        """How many matches there are."""
        asked = self._filters(query, None, filters)
        with self._database.read() as session:
            return search.count(session, asked(session))

    def counts(self, by: By, query: str = "", *, limit: int | None = None, **filters: Any) -> Rows[Count]:
        """How many matches there are by "day" (latest first), "publisher" or "language" (most first)."""
        if by not in _COUNTS:
            raise ValueError(f"matches are counted by {', '.join(_COUNTS)}, not by {by!r}")
        asked = self._filters(query, limit, filters)
        return self._rows(Count, lambda session: _COUNTS[by](session, asked(session)))

    def stories(self, query: str = "", *, limit: int | None = None, **filters: Any) -> Rows[StoryMatches]:
        """The stories of the matches, those with most matches first."""
        asked = self._filters(query, limit, filters)
        return self._rows(StoryMatches, lambda session: summaries.stories(session, asked(session)))

    def story(self, story_id: int) -> Rows[Match]:
        """The matches of one story in the order in which they were found; none when there is no such story."""
        query = select(*MATCHES.c).join_from(ARTICLES, MATCHES, MATCHES.c.article_id == ARTICLES.c.id)
        query = query.where(ARTICLES.c.story_id == story_id).order_by(ARTICLES.c.id)
        return self._rows(Match, lambda session: (Match(*row) for row in session.execute(query)))

    def coverage(
        self, since: Day = "7d", until: Day | None = None, *, publisher: str | None = None
    ) -> coverage.Coverage:
        """What was NOT collected: totals, publishers worst first, gaps, silences. `frame(report.publishers)` is a table."""
        with self._database.read() as session:
            now = max(self._moment(), coverage.newest_poll(session) or self._moment())
            first, last = self._days(since, until or now.date())
            return coverage.report(
                session, since=first or now.date(), until=last or now.date(), now=now, publisher=publisher
            )

    def sql(self, statement: str, *, seconds: float = 30, **values: str) -> list[dict[str, Any]]:
        """The rows of one SQL statement that can only read; `values` are those of its `:name` parameters."""
        with self._database.ask(statement, values, seconds=seconds) as answer:
            return [dict(row) for row in answer.mappings()]

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def _rows(self, kind: type[T], ask: Callable[[Session], Iterable[T]]) -> Rows[T]:
        def read() -> Generator[T]:
            with self._database.read() as session:
                yield from ask(session)

        return Rows(kind, read)

    def _filters(self, query: str, limit: int | None, given: dict[str, Any]) -> Callable[[Session], Filters]:
        """The filters, once there is a session to look saved searches up in; a wrong name fails here."""
        since, until = self._days(given.pop("since", None), given.pop("until", None))
        if limit is not None and limit < 0:
            raise ValueError(f"{limit} is no number of rows; None means all")
        for name, asked_as in (("country", "country"), ("language", "lang"), ("role", "role")):
            if given.get(name) is not None:
                filter_of(asked_as, given[name], Scope())  # what it cannot be finds nothing, and says so here
        filters = Filters(words=query, since=since, until=until, limit=limit, **given)

        def asked(session: Session) -> Filters:
            scope = self._scope(session, query, self._moment())
            topic = None if filters.topic is None else scope.topic(filters.topic)
            values = {one.name: getattr(filters, one.name) for one in fields(filters)}
            return Filters(**{**values, "scope": scope, "topic": topic})

        return asked

    def _days(self, since: Day | None, until: Day | None) -> tuple[date | None, date | None]:
        """Both ends of a span. ValueError for what is no day, and for a span that has none."""
        first, last = self._day(since), self._day(until, last=True)
        if first and last and first > last:
            raise ValueError(f"since {first} is after until {last}")
        return first, last

    def _day(self, value: Day | None, *, last: bool = False) -> date | None:
        if isinstance(value, str):
            return parse_day(value, now=self._moment(), last=last)
        if value is not None and not isinstance(value, date):
            raise ValueError(f"{value!r} is no day; give a date, or a text such as '2026-01-31' or '7d'")
        return utc_day(value) if value else None

    def _moment(self) -> datetime:
        return self._now or datetime.now(UTC)


def open_store(url: str | Path, *, now: datetime | None = None) -> Store:
    """The store of a database: a URL as `database_url` has it, or the path of an SQLite file. Nothing is ever written.

    Ages such as 7d count back from `now`, by default the present.
    """
    database = open_database(f"sqlite:///{url.absolute()}" if isinstance(url, Path) else url)
    try:
        database.check_schema()
    except BaseException:
        database.close()
        raise
    return Store(database, _scope_of(), now)


def frame(rows: Iterable[Any], *columns: str, kind: type | None = None) -> Any:
    """A pandas.DataFrame of any of the dataclasses here, such as the publishers of a coverage report."""
    try:
        import pandas
    except ImportError:
        raise ImportError("frames need pandas, which is not installed; pip install 'levantwatch[pandas]'") from None
    found = iter(rows)
    ahead: list[Any] = []
    if kind is None:
        ahead = [row for _, row in zip(range(1), found, strict=False)]
        kind = type(ahead[0]) if ahead else None
    if kind is None or not is_dataclass(kind):
        return pandas.DataFrame([*ahead, *found], columns=list(columns) or None)
    names = list(columns) or [one.name for one in fields(kind)]
    hints = typing.get_type_hints(kind)
    values = ([getattr(row, name) for name in names] for rows in (ahead, found) for row in rows)
    made = pandas.DataFrame(values, columns=names)
    for name in names:
        if datetime in (hints.get(name), *typing.get_args(hints.get(name))):
            made[name] = pandas.to_datetime(made[name], utc=True)
    return made


def _scope_of() -> ScopeOf:
    """How a query names topics, places and actors: as the program says that is installed with the database, if there is one."""
    for point in entry_points(group="levantwatch.scope"):
        found: ScopeOf = point.load()
        return found
    return lambda session, query, now: Scope(now=now)
