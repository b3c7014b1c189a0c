"""`crawler.dates`: what a claimed date names, as data, and that no text makes it raise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from feedparser.datetimes import _parse_date
from hypothesis import given
from hypothesis import strategies as st

from crawler.dates import _read_any, parse_date
from crawler.usual_dates import usual_date

TABLE = Path(__file__).parent / "data" / "dates.tsv"
ROWS = [
    line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
]


@pytest.mark.parametrize(("raw", "expected"), ROWS, ids=[raw for raw, _ in ROWS])
def test_a_claimed_date_names_its_time(raw: str, expected: str) -> None:
    found = parse_date(raw)
    assert found is None or found.tzinfo is UTC
    assert (found.isoformat().replace("+00:00", "Z") if found else "-") == expected


def test_our_reading_wins_over_feedparsers() -> None:
    misread = datetime(2026, 11, 25, 10, 0, tzinfo=UTC).timetuple()  # feedparser takes a zone it does not know for UTC
    assert parse_date("Wed, 25 Nov 2026 10:00:00 MSK", misread) == datetime(2026, 11, 25, 7, 0, tzinfo=UTC)


def test_feedparsers_reading_is_believed_where_we_have_none() -> None:
    day_of_the_year = "2026-329T10:00Z"
    assert parse_date(day_of_the_year, _parse_date(day_of_the_year)) == datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("raw", ["2026-W48-5", "10000-01-01T00:00:00Z", "-2026-01-01T00:00:00Z", "1764237600000000"])
def test_what_feedparser_fills_up_with_todays_month_is_no_date(raw: str) -> None:
    assert parse_date(raw, _parse_date(raw)) is None


def test_an_epoch_is_never_what_feedparser_made_of_it() -> None:
    assert parse_date("1700000000", datetime(1795, 1, 1, tzinfo=UTC).timetuple()) == datetime(
        2023, 11, 14, 22, 13, 20, tzinfo=UTC
    )


@given(
    st.text(max_size=120)
    | st.from_regex(r"\A\w{0,4},? ?\d{1,5}[ ./-]\w{1,9}[ ./-]\d{1,5} ?\d{0,3}:?\d{0,3} ?\w{0,4}\Z")
)
def test_no_text_makes_it_raise(raw: str) -> None:
    found = parse_date(raw)
    assert found is None or found.tzinfo is UTC


def read_so(read: Callable[[str], datetime | None], raw: str) -> datetime | str | None:
    try:
        return read(raw)
    except ValueError:
        return "no such day"


@given(
    st.from_regex(
        r"((Mon|Sun), )?\d{1,2} (Jan|Feb|Sep|Dec) (19|20|21)\d\d [012]\d:[0-6]\d:[0-6]\d (GMT|UTC|Z|EST|[+-][01]\d[0-6]\d)"
        r"|(19|20|13)\d\d-[01]\d-[0-3]\dT[012]\d:[0-6]\d:[0-6]\d(Z|[+-][01]\d:[0-6]\d)",
        fullmatch=True,
    )
)
def test_the_short_way_to_a_usual_date_is_the_long_ones(raw: str) -> None:
    short = read_so(usual_date, raw)
    assert short is None or short == read_so(_read_any, raw)


@pytest.mark.parametrize(
    "raw", ["Wed, 25 Nov 2026 10:00:00 +0300", "2026-11-25T07:00:00Z", "2026-11-25T10:00:00+03:00"]
)
def test_usual_dates_take_it(raw: str) -> None:
    assert usual_date(raw) == datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
