"""Claimed dates as aware UTC times; what feedparser misses is given to dateparser. PURE: no clock."""

from __future__ import annotations

import calendar
import re
import time
from datetime import UTC, datetime

_EPOCH = re.compile(r"\d{10}(?:\d{3})?")  # seconds or milliseconds since 1970
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})?)?$")
_LANGUAGES = ["en", "ar", "tr", "fr", "de", "es", "ru", "fa", "it", "pl"]
# day before month: outside the United States everybody writes so, and American feeds use RFC 822
_SETTINGS = {"STRICT_PARSING": True, "DATE_ORDER": "DMY", "TIMEZONE": "UTC", "PARSERS": ["absolute-time"]}
_LONGEST = 100


def parse_date(raw: str, parsed: time.struct_time | None = None) -> datetime | None:
    """The time that a claimed date names; None when it names none.

    `parsed` is what feedparser made of it (UTC), believed unless the string is an epoch. A string without zone is read as UTC.
    """
    text = raw.strip()
    if not text or len(text) > _LONGEST:
        return None
    if _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(int(text[:10]), UTC)
    if parsed is not None:
        return _from_struct(parsed)
    if _ISO.match(text):
        try:
            return _aware(datetime.fromisoformat(text.replace(" ", "T", 1).replace(" ", "")))
        except ValueError:
            pass
    return _guessed(text)


def _from_struct(parsed: time.struct_time) -> datetime | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _guessed(text: str) -> datetime | None:
    import dateparser

    try:
        found = dateparser.parse(text, languages=_LANGUAGES, settings=_SETTINGS)
    except (ValueError, OverflowError, TypeError):  # it raises on some digits that are no date
        return None
    return _aware(found) if found is not None else None


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
