"""Days that an address names: `/2024/12/03/story`, `sitemap-2024-12.xml`, `?yyyy=2024&mm=12`. PURE."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlsplit

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_NAMES = (
    r"(?P<m>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![a-z])"
)
_YEAR = r"(?<!\d)(?P<y>(?:19|20)\d\d)"
_WHOLE = (
    re.compile(_YEAR + r"(?P<s>[/_.-])(?P<m>0?[1-9]|1[0-2])(?P=s)(?P<d>0?[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(_YEAR + r"(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(_YEAR + rf"/{_NAMES}/(?P<d>0?[1-9]|[12]\d|3[01])(?!\d)", re.IGNORECASE),
    re.compile(r"\byyyy=(?P<y>\d{4})&(?:amp;)?mm=(?P<m>\d{1,2})&(?:amp;)?dd=(?P<d>\d{1,2})(?!\d)"),
)
_MONTH = (
    re.compile(_YEAR + r"[/_.-](?P<m>0[1-9]|1[0-2])(?!\d)"),
    re.compile(_YEAR + r"[/_.-](?P<m>[1-9])(?=[/?.]|$)"),  # not "2024/5-things"
    re.compile(_YEAR + rf"[/_.-]{_NAMES}", re.IGNORECASE),
    re.compile(r"\byyyy=(?P<y>\d{4})&(?:amp;)?mm=(?P<m>\d{1,2})(?!\d)"),
)
# in an article's address six figures are its number
_OF_DOCUMENTS = (re.compile(_YEAR + r"(?P<m>0[1-9]|1[0-2])(?!\d)"),)
_ONLY_YEAR = (re.compile(_YEAR + r"(?!\d)"),)


@dataclass(frozen=True, slots=True)
class Span:
    """Days from the first to the last, both included."""

    first: date
    last: date

    def holds(self, day: date) -> bool:
        """Whether a day is one of them."""
        return self.first <= day <= self.last

    def meets(self, other: Span, *, slack: int = 0) -> bool:
        """Whether they have a day in common, or would if one were `slack` days longer at both ends."""
        return self.first - timedelta(days=slack) <= other.last and other.first <= self.last + timedelta(days=slack)

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


def day_named(url: str) -> date | None:
    """The one day that an address names."""
    found = _first(_WHOLE, _place(url))
    return found.first if found else None


def days_named(url: str, *, of_document: bool = False) -> Span | None:
    """The day, month or year that an address names, the most exact that it has; `of_document`, a sitemap's, may write 202412."""
    place = _place(url)
    months = _MONTH + _OF_DOCUMENTS if of_document else _MONTH
    return _first(_WHOLE, place) or _first(months, place) or _first(_ONLY_YEAR, place)


def _place(url: str) -> str:
    try:
        parts = urlsplit(url[:4_000])
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}"


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> Span | None:
    for pattern in patterns:
        for found in pattern.finditer(text):
            if (span := _span(found.groupdict())) is not None:
                return span
    return None


def _span(told: dict[str, str]) -> Span | None:
    year, month = int(told["y"]), told.get("m")
    try:
        if month is None:
            return Span(date(year, 1, 1), date(year, 12, 31))
        number = int(month) if month.isdecimal() else _MONTHS.index(month.lower()[:3]) + 1
        if (day := told.get("d")) is not None:
            return Span(date(year, number, int(day)), date(year, number, int(day)))
        return Span(date(year, number, 1), date(year, number, monthrange(year, number)[1]))
    except ValueError:  # the 31st of February
        return None
