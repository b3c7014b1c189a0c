"""How far back is looked for enough hits, and what an index can tell of words in titles."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from storage_samples import add_feed, add_matches

from storage.db import Database
from storage.full_text import FULL_TEXT
from storage.query import parse_query
from storage.wider import in_text
from storage.windows import Spread

HUNDRED = Spread(10_000_000, range(0, 1_010, 10))  # 101 bounds: parts of 100,000 rows, ten keys each


@pytest.mark.parametrize(
    ("low", "high", "share", "expected"),
    [
        (None, None, 0.0001, 990),  # a part is the least
        (None, None, 0.05, 950),
        (None, None, 0.2, None),  # two million keys would be too long a list
        (None, 500, 0.01, 480),  # ending at the bound of a part, the one before it is meant
        (None, 505, 0.01, 490),
        (975, None, 0.01, 990),
        (995, None, 0.01, 995),
        (None, 5, 0.01, None),
    ],
)
def test_from_where_on_a_share_of_all_rows_is(low: int | None, high: int | None, share: float, expected: int) -> None:
    assert HUNDRED.floor(low, high, share) == expected


def test_as_far_as_should_hold_what_lacks_at_most_eight_times_and_always_further() -> None:
    assert HUNDRED.further(0.02, 50, 25) == pytest.approx(0.08)
    assert HUNDRED.further(0.02, 50, 0) == pytest.approx(0.16)
    assert HUNDRED.further(0.0001, 50, 49) == pytest.approx(0.0204, abs=0.0001)
    share, floors = 0.0001, [1_010]
    while (floor := HUNDRED.floor(None, None, share)) is not None:
        assert floor < floors[-1]
        floors.append(floor)
        share = HUNDRED.further(share, 50, 50)
    assert len(floors) == 5


def test_what_is_not_known_is_looked_through() -> None:
    assert Spread(0, ()).floor(7, None, 0.5) == 7
    assert Spread(0, ()).number(None, 5) == 0


def test_rows_between_two_keys() -> None:
    assert HUNDRED.number(900, 1_000) == pytest.approx(1_000_000)
    assert HUNDRED.number(None, 100) == pytest.approx(1_000_000)
    assert HUNDRED.number(950, None) == pytest.approx(600_000)
    assert HUNDRED.number(500, 400) == 0


def test_what_postgres_knows_is_what_its_last_look_saw(database: Database) -> None:
    if database.dialect == "sqlite":  # whose index is in the order of time
        return
    add_matches(database, add_feed(database), *({"text": f"The camp {number}"} for number in range(40)))
    with database.write() as session:
        assert Spread.of(session, FULL_TEXT) == Spread(0, ())
        session.execute(text("ANALYZE articles_fts"))
        known = Spread.of(session, FULL_TEXT)
        assert known.rows == 40
        assert list(known.bounds) == sorted(session.scalars(text("SELECT rowid FROM articles_fts")))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("title:camp", "camp"),
        ('title:"the camp"', '"the camp"'),
        ("title:camp -title:road", "camp"),
        ("title:camp OR title:road", "camp OR road"),
        ("title:(camp OR road) title:north*", "(camp OR road) north*"),
    ],
)
def test_what_the_text_holds_of_a_title(typed: str, expected: str) -> None:
    assert in_text(parse_query(typed)) == parse_query(expected)


def test_what_a_title_lacks_says_nothing_of_the_text() -> None:
    for typed in ("-title:camp", "title:camp OR -title:road"):
        assert in_text(parse_query(typed)) is None, typed
