"""Days as analysts write them: 2026-01-31, 2026-01, 2026, today, yesterday, or an age such as 36h, 7d or 2w. PURE."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_WORDS = {"today": "0d", "yesterday": "1d"}
_AGE = re.compile(r"([0-9]{1,5})([hdw])", re.ASCII)
_PART = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?", re.ASCII)


def parse_day(typed: str, *, now: datetime, last: bool = False) -> date:
    """The UTC day that was written; of a month or a year the first day, or the `last`. ValueError says what is wrong."""
    text = _WORDS.get(typed.strip().lower(), typed.strip())
    try:
        found = _day(text, now, last=last)
    except (ValueError, OverflowError):
        raise ValueError(f"{typed!r} is no date; write 2026-01-31 or an age such as 7d") from None
    if not 1900 <= found.year <= 2200:
        raise ValueError(f"{typed!r} is a day without news; write one from 1900 to 2200")
    return found


def _day(text: str, now: datetime, *, last: bool) -> date:
    if age := _AGE.fullmatch(text):
        return (now - int(age[1]) * _UNITS[age[2]]).astimezone(UTC).date()
    if part := _PART.fullmatch(text):
        year, month = int(part[1]), int(part[2] or (12 if last else 1))
        return date(year, month, calendar.monthrange(year, month)[1] if last else 1)
    moment = datetime.fromisoformat(text)
    return utc_day(moment)


def utc_day(day: date) -> date:
    """The day itself; of a time its UTC day, of one without a zone the day that it names."""
    if not isinstance(day, datetime):
        return day
    return (day if day.tzinfo is None else day.astimezone(UTC)).date()
