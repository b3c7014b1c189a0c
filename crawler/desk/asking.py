"""What an address asks for, and the address of what is asked: the state of every page stands in its query string. PURE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from urllib.parse import quote, quote_plus, urlencode

from crawler.desk.guard import FEEDS
from crawler.terminal import plain
from storage.days import parse_day
from storage.query import LONGEST, SAVED_NAME, Scope
from storage.search import Filters

PAGE = 50  # matches on one page of the stream
PERIODS = (7, 30, 90, 365)  # days that a page of counts looks back on
LARGEST_ID = 2**63 - 1

Group = Callable[[str, str], tuple[str, ...]]
Wrong = tuple[str, str]  # a filter, and what is wrong with what was typed for it


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters as they were typed, '' for none; `before` is the id of the article after which the page begins."""

    q: str = ""
    topic: str = ""
    publisher: str = ""
    language: str = ""
    country: str = ""
    place: str = ""
    actor: str = ""
    role: str = ""
    story: str = ""
    since: str = ""
    until: str = ""
    before: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Asked:
        """From a query string; names that are no filter are passed over."""
        return cls(**{one.name: plain(given.get(one.name, ""))[: LONGEST + 1] for one in fields(cls)})

    def link(self, path: str = "/", **changes: str) -> str:
        """The address with some of it changed."""
        changed = replace(self, **changes) if changes else self
        pairs = [(name, getattr(changed, name)) for name in type(self).__slots__]
        query = "&".join(f"{name}={quote_plus(value)}" for name, value in pairs if value)
        return f"{path}?{query}" if query else path

    @property
    def named(self) -> list[tuple[str, str]]:
        """What is set, apart from where the page begins."""
        pairs = [(one.name, str(getattr(self, one.name))) for one in fields(self)]
        return [(name, value) for name, value in pairs if value and name != "before"]

    def filters(
        self, *, scope: Scope, group: Group, topics: tuple[str, ...], limit: int
    ) -> tuple[Filters, list[Wrong]]:
        """The filters, and what is wrong with what was typed; what is wrong is left out."""
        problems: list[Wrong] = []
        since = _day("since", self.since, scope.now, problems, last=False)
        until = _day("until", self.until, scope.now, problems, last=True)
        if since and until and since > until:
            problems.append(("since", f"{since} is after {until}"))
        if self.topic and self.topic not in topics:
            problems.append(("topic", f"there is no topic {self.topic!r}; the topics are {', '.join(topics)}"))
        named = []
        for kind, typed in (("place", self.place), ("actor", self.actor)):
            try:
                named += [group(typed, kind)] if typed else []
            except LookupError as error:
                problems.append((kind, str(error)))
        story = number(self.story)
        if self.story and story is None:
            problems.append(("story", f"{self.story!r} is no story's number"))
        filters = Filters(
            words=self.q,
            topic=self.topic if self.topic in topics else None,
            since=since,
            until=until,
            publisher=self.publisher or None,
            country=self.country or None,
            language=self.language or None,
            role=self.role if self.role in ("original", "copy", "related") else None,
            story=story,
            limit=limit,
            named=tuple(named),
            scope=scope,
            before=number(self.before),
        )
        return filters, problems


@dataclass(frozen=True, slots=True)
class Period:
    """The days that a page of counts is about, both included, and the topic if it is about one."""

    days: int
    topic: str
    since: date
    until: date
    topics: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls, given: Mapping[str, str], *, now: datetime, topics: tuple[str, ...], default: int) -> Period:
        """From a query string; anything but a known period or topic is passed over."""
        days, topic = given.get("days", ""), given.get("topic", "")
        length = int(days) if days in map(str, PERIODS) else default
        until = now.date()
        return cls(length, topic if topic in topics else "", until - timedelta(days=length - 1), until, topics)

    def link(self, path: str, **changes: str | int) -> str:
        """The address of another period or topic."""
        query = {"days": self.days, "topic": self.topic} | changes
        return f"{path}?{urlencode({name: value for name, value in query.items() if value})}"

    def stream(self, **filters: str) -> str:
        """The address of the matches that a count is of."""
        span = {"since": f"{self.since}", "until": f"{self.until}", "topic": self.topic}
        return Asked(**(span | filters)).link()


def followed(*, topic: str = "", query: str = "", story: str = "") -> list[tuple[str, str]]:
    """The feeds of what a page shows, each with its title and its address without the form's ending; that of all matches is the last."""
    search = query.removeprefix("@") if query.startswith("@") and SAVED_NAME.fullmatch(query[1:]) else ""
    named = (("topic", topic, topic), ("search", search, query), ("story", story, f"story {story}"))
    feeds = [(f"levantwatch: {title}", f"{FEEDS}{kind}/{quote(name, safe='')}") for kind, name, title in named if name]
    return [*feeds, ("levantwatch: all matches", f"{FEEDS}all")]


def number(typed: str) -> int | None:
    """A number that an id can be, else None."""
    value = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 20 else 0
    return value if 0 < value <= LARGEST_ID else None


def _day(name: str, typed: str, now: datetime, problems: list[Wrong], *, last: bool) -> date | None:
    try:
        return parse_day(typed, now=now, last=last) if typed else None
    except ValueError as error:
        problems.append((name, str(error)))
        return None
