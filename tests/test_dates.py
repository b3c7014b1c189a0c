"""`crawler.dates`: what a claimed date names, as data, and that no text makes it raise."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.dates import parse_date

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
    parsed = datetime(2026, 11, 25, 10, 0, tzinfo=UTC).timetuple()
    assert parse_date("2026-W48-3T10:00Z", parsed) == datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


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
