"""The two forms that most feeds write dates in, as RFC 822 and RFC 3339 want them. PURE.

`crawler.dates` reads these and all others; this is the short way, a fifth of its time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_MONTH_OF = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], start=1
    )
}
_MAIL = re.compile(
    rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(\d{{1,2}}) ({'|'.join(_MONTH_OF)}) ((?:19|20)\d\d)"
    r" ((?:[01]\d|2[0-3])):([0-5]\d):([0-5]\d) (?:GMT|UTC|Z|([+-])(0\d|1[0-4])([0-5]\d))",
    re.ASCII,
)
_NET = re.compile(
    r"(?:19|20)\d\d-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)", re.ASCII
)


def usual_date(text: str) -> datetime | None:
    """The time of a date in one of the two forms; None for any other. ValueError for a day that there is not."""
    if _NET.fullmatch(text):
        return datetime.fromisoformat(text)
    found = _MAIL.fullmatch(text)
    if found is None:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
    moment = datetime(int(year), _MONTH_OF[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    if sign is None:
        return moment
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return moment + offset if sign == "-" else moment - offset
