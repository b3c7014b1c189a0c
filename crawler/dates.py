"""Claimed dates as aware UTC times. PURE: no clock.

Most dates are ISO 8601 or RFC 822; both are read here, with month names in the languages of the watch and with zones that have names.
Then what feedparser made of it is believed, and what is left is given to dateparser, which is slow (1 to 20 ms), within limits.
"""

from __future__ import annotations

import calendar
import re
import time
import unicodedata
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from crawler.usual_dates import usual_date

_LONGEST = 100
_EPOCH = re.compile(r"-?\d{9,10}(?:\.\d{1,6})?|\d{13}")  # seconds, or milliseconds, since 1970
# what feedparser takes the first digits of for a year, and for the rest today's month: a week, a year before Christ or of five digits
_NO_DATE = re.compile(r"[-+].*|\d{5,}-.*|\d{4}-?W.*|\d{11,13}|\d{15,}")
_ISO = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ]\s*(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,9})?)?\s*([A-Za-z]{1,5}|[A-Z]{0,3}\s?[+-]\d{1,2}:?\d{0,2})?)?"
)
_WORDS = re.compile(
    r"(?:[^\W\d_]+\.?,?\s+)?(\d{1,2})(?:\.|st|nd|rd|th|er)?[\s/-]*(?:de\s+)?([^\W\d_][^\d,]*?)[,.]?[\s/-]+(?:de\s+)?(\d{4}|\d{2})\b[,.]?(.*)"
)
_MONTH_FIRST = re.compile(r"(?:[^\W\d_]+\.?,?\s+)?([^\W\d_]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b[,.]?(.*)")
_NUMBERS = re.compile(r"(?:([^\W\d_]+)\.?,?\s+)?(\d{1,2})([/.-])(\d{1,2})\3(\d{4}|\d{2})\b[,.]?(.*)")
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})\b(.*)")
_ASCTIME = re.compile(
    r"(?:[^\W\d_]+\s+)?([^\W\d_]+\s+\d{1,2})\s+(\d{1,2}:\d{2}(?::\d{2})?)\s*([A-Z]{1,5}|[+-]\d{4})?\s+(\d{4})"
)
# "01:38:07 PM IST, Nov 20, 2019"
_TIME_FIRST = re.compile(
    r"(\d{1,2}:\d{2}(?::\d{2})?(?:\s*[AaPp]\.?[Mm]\.?)?(?:\s+\(?[A-Z]{2,5}\)?)?)[\s,|–—-]+(?:on\s+)?([^\s:][^:]*\b\d{4})"
)
# between date and time stand a dash, "at", "um", "à", "saat" or a pipe; after it the zone, perhaps in brackets
_TIME = re.compile(
    r"[\s|,–—-]*(?:T|at|um|à|a las|alle|om|saat|kl\.?|в|الساعة|ساعت)?[\s|,:–—-]*(\d{1,2})[:.h](\d{1,2})(?:[:.](\d{1,2})(?:[.,]\d+)?)?"
    r"\s*([AaPp]\.?[Mm]\.?|ÖÖ|ÖS|ص|م)?(?:\s*(?:Uhr|uhr))?\s*(.*)"
)
_OFFSET = re.compile(r"\(?(?:[A-Za-z]{1,5}\s?)?([+-])(\d{1,2}):?(\d{2})?\)?(?:\s*\([^()]*\))?")
_ZONE = re.compile(r"\(?([A-Za-z]{1,5})\)?")

# Hours east of Greenwich of zone names in real feeds. RFC 822 names first; IST and BST are read as the publishers of our watch use them
# (India, London), CST and EST as RFC 822 says.
_ZONES = {
    "Z": 0.0, "UT": 0, "UTC": 0, "GMT": 0, "WET": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
    "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10, "BST": 1, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3,
    "TRT": 3, "TSI": 3, "MSK": 3, "AST": 3, "IDT": 3, "IRST": 3.5, "IRDT": 4.5, "GST": 4, "AFT": 4.5, "PKT": 5, "IST": 5.5, "WIB": 7,
    "HKT": 8, "SGT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "ART": -3, "BRT": -3,
}  # fmt: skip

# Month names by number; compared after folding, by their whole name or the beginning that is given (three letters or more)
_MONTHS = (
    "january janvier januar jänner enero ocak январь января gennaio styczeń stycznia janeiro januari يناير كانون الثاني|ژانویه|rêbendan|çile",
    "february février februar feber febrero şubat февраль февраля febbraio luty lutego fevereiro februari فبراير شباط|فوریه|reşemî",
    "march mars märz marzo mart март марта marzec marca março maart مارس آذار|مارس|adar",
    "april avril abril nisan апрель апреля aprile kwiecień kwietnia أبريل ابريل نيسان|آوریل|avrêl",
    "may mai mayo mayıs май мая maggio maj maja maio mei مايو أيار|مه|می|gulan",
    "june juin juni junio haziran июнь июня giugno czerwiec czerwca junho يونيو حزيران|ژوئن|pûşper",
    "july juillet juli julio temmuz июль июля luglio lipiec lipca julho يوليو تموز|ژوئیه|ژوئیهٔ|tîrmeh",
    "august août agosto ağustos август августа sierpień sierpnia augustus أغسطس اغسطس آب|اوت|gelawêj",
    "september septembre septiembre setiembre eylül сентябрь сентября settembre wrzesień września setembro سبتمبر أيلول|سپتامبر|rezber",
    "october octobre oktober octubre ekim октябрь октября ottobre październik października outubro أكتوبر اكتوبر تشرين الأول|اکتبر|kewçêr",
    "november novembre noviembre kasım ноябрь ноября listopad listopada novembro نوفمبر تشرين الثاني|نوامبر|sermawez",
    "december décembre dezember diciembre aralık декабрь декабря dicembre grudzień grudnia dezembro ديسمبر كانون الأول|دسامبر|berfanbar",
)
_LEVANTINE = {"كانون الثاني": 1, "كانون الاول": 12, "تشرين الاول": 10, "تشرين الثاني": 11}
_JALALI = (
    "فروردین",
    "اردیبهشت",
    "خرداد",
    "تیر",
    "مرداد",
    "شهریور",
    "مهر",
    "آبان",
    "آذر",
    "دی",
    "بهمن",
    "اسفند",
)  # from 21 March on
_JALALI_YEARS = range(1300, 1500)  # a news site's date with such a year counts by the Iranian calendar
_ABBREVIATED = {"sept": 9, "févr": 2, "avr": 4, "juil": 7, "déc": 12, "mär": 3, "mrz": 3, "okt": 10, "dez": 12, "dic": 12, "ene": 1, "ago": 8,
                "abr": 4, "янв": 1, "фев": 2, "мар": 3, "апр": 4, "авг": 8, "сен": 9, "окт": 10, "ноя": 11, "дек": 12, "oca": 1, "şub": 2,
                "nis": 4, "haz": 6, "tem": 7, "ağu": 8, "eyl": 9, "eki": 10, "kas": 11, "ara": 12, "juin": 6, "jui": 7, "mag": 5, "giu": 6,
                "lug": 7, "set": 9, "ott": 10, "gen": 1, "out": 10, "fev": 2}  # fmt: skip
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LANGUAGES = ["en", "ar", "tr", "fr", "de", "es", "ru", "fa", "it", "pl"]
# day before month: outside the United States everybody writes so, and American feeds use RFC 822
_SETTINGS = {"STRICT_PARSING": True, "DATE_ORDER": "DMY", "TIMEZONE": "UTC", "PARSERS": ["absolute-time"]}
_PUNCTUATION = str.maketrans({"،": ",", "年": "/", "月": "/", "日": " "})


_DIGITS = re.compile(r"(?<![\d:])\d{1,8}(?![\d:])|\d{5,8}")  # of a day and a year, not of a time of day


def parse_date(raw: str, parsed: time.struct_time | None = None) -> datetime | None:
    """The time that a claimed date names; None when it names none.

    `parsed` is what feedparser made of it (UTC), believed where our own reading finds nothing. A string without zone is read as UTC.
    A numeric date is day first, unless only month first can be right, or AM and PM or its weekday say that it is American.
    """
    text = raw.strip()
    if not text or len(text) > _LONGEST:
        return None
    text = plain_digits(text)
    try:
        moment = _read(text)
        if moment is None and parsed is not None and not _EPOCH.fullmatch(text) and not _NO_DATE.fullmatch(text):
            moment = datetime.fromtimestamp(calendar.timegm(parsed), UTC)
        moment = _guessed(text) if moment is None else moment
        return moment.astimezone(UTC) if moment is not None else None
    except (ValueError, OverflowError, OSError):  # the 31st of February, the year 10000
        return None


def read_date(text: str) -> datetime | None:
    """The time that is written in one of the forms of this module, without guessing; digits are ASCII ones."""
    try:
        moment = _read(text.strip())
        return moment.astimezone(UTC) if moment is not None else None
    except (ValueError, OverflowError, OSError):
        return None


def _read(text: str) -> datetime | None:
    return usual_date(text) or _read_any(text)


def _read_any(text: str) -> datetime | None:
    if _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(float(text) / (1000 if len(text) == 13 else 1), UTC)
    if found := _ISO.fullmatch(text):
        return _iso(found)
    if found := _NUMBERS.fullmatch(text):
        weekday, first, _, second, year, rest = found.groups()
        clock = _clock(rest)
        numbers = int(first), int(second)
        american = bool(clock and clock[1]) or _is_american(weekday, numbers, year)
        return _moment(year, *_day_and_month(*numbers, american=american), clock)
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day, rest = found.groups()
        return _moment(year, int(day), int(month), _clock(rest))
    if found := _ASCTIME.fullmatch(text):
        return _read(f"{found[1]}, {found[4]} {found[2]} {found[3] or ''}")
    for pattern in (_WORDS, _MONTH_FIRST):
        if found := pattern.fullmatch(text):
            one, other, year, rest = found.groups()
            day, name = (one, other) if pattern is _WORDS else (other, one)
            if month := _month(name):
                return _moment(year, int(day), month, _clock(rest))
    if found := _TIME_FIRST.fullmatch(text):
        return _read(f"{found[2]} {found[1]}")
    return None


def _iso(found: re.Match[str]) -> datetime | None:
    year, month, day, hour, minute, second, zone = found.groups()
    offset = _zone(zone or "")
    if offset is None:
        return None
    return datetime(int(year), int(month), int(day), tzinfo=UTC) + _time(hour, minute, second) - offset


Clock = tuple[timedelta, str, timedelta]  # time of day, "am" or "pm" or "", offset of the zone


def _clock(rest: str) -> Clock | None:
    """The time after a date; midnight UTC for none; None for what is no time."""
    if not rest.strip(" ,.-"):
        return timedelta(), "", timedelta()
    found = _TIME.fullmatch(rest)
    if not found:
        return None if any(char.isdigit() for char in rest) else (timedelta(), "", timedelta())
    hour, minute, second, half, zone = found.groups()
    offset = _zone(zone)
    if offset is None and any(char.isdigit() for char in zone):
        return None
    offset = offset or timedelta()  # a weekday or a zone that nobody knows: read as UTC, as everybody does
    half = {"ÖÖ": "am", "ÖS": "pm", "ص": "am", "م": "pm"}.get(half or "", (half or "").replace(".", "").lower())
    hours = int(hour) % 12 + (12 if half == "pm" else 0) if half else int(hour)
    return _time(str(hours), minute, second), half, offset


def _time(hour: str | None, minute: str | None, second: str | None) -> timedelta:
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    if hours > 24 or minutes > 59 or seconds > 60:  # 24:00 and leap seconds are written
        raise ValueError("no time of day")
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _moment(year: str, day: int, month: int, clock: Clock | None) -> datetime | None:
    if clock is None:
        return None
    full = _full(year)
    if full in _JALALI_YEARS:
        return _from_jalali(full, month, day) + clock[0] - clock[2]
    return datetime(full, month, day, tzinfo=UTC) + clock[0] - clock[2]


def _from_jalali(year: int, month: int, day: int) -> datetime:
    """Midnight of a day of the Iranian calendar, by its 33-year cycle of 8 leap years (exact for 1300 to 1500)."""
    if not 1 <= month <= 12 or not 1 <= day <= (31 if month <= 6 else 30):
        raise ValueError("no day of the Iranian calendar")
    cycle = year + 1595  # Borkowski's constants as in jdf: days since a common start of both calendars
    days = -355668 + 365 * cycle + cycle // 33 * 8 + (cycle % 33 + 3) // 4 + day
    days += (month - 1) * 31 if month < 7 else (month - 7) * 30 + 186
    return datetime(1, 1, 1, tzinfo=UTC) + timedelta(days=days - 366)


def _day_and_month(first: int, second: int, *, american: bool) -> tuple[int, int]:
    if second > 12 or (american and first <= 12):
        return second, first
    return first, second


def _is_american(weekday: str | None, numbers: tuple[int, int], year: str) -> bool:
    """Whether a numeric date falls on the weekday before it with the month first, and not with the day first."""
    name = (weekday or "").lower()[:3]
    if name not in _WEEKDAYS or max(numbers) > 12:
        return False
    falls = [date(_full(year), month, day).weekday() for day, month in (numbers, numbers[::-1])]
    return falls[0] != _WEEKDAYS.index(name) == falls[1]


def _full(year: str) -> int:
    return int(year) if len(year) == 4 else int(year) + (2000 if int(year) < 70 else 1900)  # as POSIX reads them


def _zone(text: str) -> timedelta | None:
    """The offset of a zone as it is written after a time; zero for none; None for what is none that we know."""
    text = text.strip()
    if not text:
        return timedelta()
    if found := _OFFSET.fullmatch(text):
        sign, hours, minutes = found.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return None if offset > timedelta(hours=15) else -offset if sign == "-" else offset
    found = _ZONE.fullmatch(text)
    hours_east = _ZONES.get(found.group(1).upper()) if found else None
    return timedelta(hours=hours_east) if hours_east is not None else None


def _month(name: str) -> int | None:
    """The number of a month by its name in any of our languages."""
    folded = _folded(name)
    for part in (folded, *folded.split(" / "), *folded.split("/")):
        if found := _month_names().get(part.strip(" .")):
            return found
    return None


@lru_cache(maxsize=1)
def _month_names() -> dict[str, int]:
    names = {_folded(name): number for name, number in (_LEVANTINE | _ABBREVIATED).items()}
    for number, spelled in enumerate(_MONTHS, start=1):
        for name in spelled.replace("|", " ").split():
            if name not in ("كانون", "تشرين", "الأول", "الثاني"):
                names.setdefault(_folded(name), number)
    names |= {_folded(name): number for number, name in enumerate(_JALALI, start=1)}
    for number, name in enumerate(_english(), start=1):
        names[name[:3]] = number
    return names


def _english() -> tuple[str, ...]:
    """English month names; `calendar.month_name` would follow the locale."""
    return tuple(spelled.split()[0] for spelled in _MONTHS)


def _folded(name: str) -> str:
    """A name without case, accents and points, and with one spelling of the Arabic alef and yeh."""
    name = name.replace("I", "i").replace("İ", "i").replace("ı", "i").casefold()
    name = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return " ".join(
        name.replace("أ", "ا").replace("إ", "ا").replace("آ", "ا").replace("ی", "ي").replace("ى", "ي").split()
    ).strip(".")


def plain_digits(text: str) -> str:
    """Arabic, Persian and other decimal digits as ASCII ones; odd spaces as spaces."""
    if text.isascii():
        return text
    digits = "".join(
        str(unicodedata.digit(char)) if char.isdecimal() else " " if char.isspace() else char for char in text
    )
    return re.sub(r"[\u200c-\u200f\u202a-\u202e\u2066-\u2069]", "", digits).translate(_PUNCTUATION)


@lru_cache(maxsize=4096)
def _guessed(text: str) -> datetime | None:
    """What dateparser makes of it. A feed writes all its dates alike, and repeats them poll after poll."""
    if len(text) < 6 or len(text) > 60 or text[0] in "-+" or "://" in text or len(_DIGITS.findall(text)) < 2:
        return None
    import dateparser

    try:
        found = dateparser.parse(text, languages=_LANGUAGES, settings=_SETTINGS)
    except (
        ValueError,
        OverflowError,
        TypeError,
        AttributeError,
        KeyError,
        IndexError,
    ):  # it raises on some digits that are no date
        return None
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found) if found is not None else None
