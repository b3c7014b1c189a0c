"""Matches that rest on a summary: of whole months as they were counted when they came, of the days beside these one by one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from storage_samples import DAY, NOW, add_feed, add_matches

from storage import unread
from storage.db import Database

LAST = NOW.date()


@pytest.fixture
def summaries(database: Database) -> Database:
    days = range(0, 120, 3)
    add_matches(
        database,
        add_feed(database),
        *({"published_at": NOW - n * DAY, "extraction": "full" if n % 5 == 0 else "summary-only"} for n in days),
    )
    return database


@pytest.mark.parametrize("length", [1, 20, 29, 31, 45, 62, 100])
def test_whole_months_and_the_days_beside_them_are_all_days(summaries: Database, length: int) -> None:
    with summaries.read() as session:
        for back in (0, 3, 11, 24):
            until = LAST - timedelta(days=back)
            since = until - timedelta(days=length - 1)
            each: dict[int, int] = {}
            for day in (since + timedelta(days=n) for n in range(length)):
                for feed_id, number in unread.summary_only(session, day, day).items():
                    each[feed_id] = each.get(feed_id, 0) + number
            assert unread.summary_only(session, since, until) == each, (since, until)
            assert since.month == until.month or sum(each.values()) > 3
