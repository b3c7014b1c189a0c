"""How far claimed times are believed, and what is said against them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crawler.clocks import claim, has_time, has_zone, weighed

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("raw", "time", "zone"),
    [
        ("2024-11-27", False, False),
        ("27-11-2024", False, False),
        ("24.11.2026", False, False),
        ("November 24, 2026", False, False),
        ("2024-11-27T10:00:00", True, False),
        ("Tue, 24 Nov 2026 11:00:00", True, False),
        ("Nov 24, 2026 3:15 PM", True, False),
        ("24.11.2026 11:00 Uhr", True, False),
        ("24.11.2026 11.00", True, False),
        ("20241127T101500", True, False),
        ("2024-11-27T10:00:00Z", True, True),
        ("2024-11-27T10:00:00+03:00", True, True),
        ("2024-11-27 10:00:00 +0300 (AST)", True, True),
        ("Tue, 24 Nov 2026 11:00:00 GMT", True, True),
        ("Nov 24, 2026 3:15 PM EST", True, True),
        ("24/11/2026 11:00 GMT+3", True, True),
        ("Tue Nov 24 11:00:00 UTC 2026", True, True),
        ("1732700000", True, True),
        ("1732700000000", True, True),
    ],
)
def test_what_a_date_as_written_says(raw: str, time: bool, zone: bool) -> None:
    assert (has_time(raw), has_zone(raw)) == (time, zone)


@pytest.mark.parametrize(
    ("at", "raw", "flags"),
    [
        (NOW - HOUR, "Tue, 24 Nov 2026 11:00:00 GMT", ()),
        (NOW - HOUR, "2026-11-24T11:00:00", ("no-zone",)),
        (NOW - HOUR, "2026-11-24", ("no-time",)),
        (NOW + timedelta(minutes=10), "2026-11-24T12:10:00Z", ()),
        (NOW + HOUR, "2026-11-24T13:00:00Z", ("future",)),
        (NOW + 400 * DAY, "2027-12-29T12:00:00", ("no-zone", "future")),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01T00:00:00Z", ("ancient",)),
        (None, "next Tuesday or so", ("unreadable",)),
    ],
)
def test_a_claim_is_flagged_and_never_rewritten(at: datetime | None, raw: str, flags: tuple[str, ...]) -> None:
    found = claim("published", "feed", at, raw, read_at=NOW)
    assert found is not None
    assert (found.at, found.raw, found.flags) == (at, raw, flags)


def test_the_more_is_wrong_the_less_a_claim_is_believed() -> None:
    order = [
        claim("published", "feed", at, raw, read_at=NOW)
        for at, raw in [
            (NOW, "2026-11-24T12:00:00Z"),
            (NOW, "2026-11-24T12:00:00"),
            (NOW, "2026-11-24"),
            (NOW + DAY, "2026-11-25T12:00:00Z"),
            (datetime(1904, 1, 1, tzinfo=UTC), "1904-01-01T00:00:00Z"),
            (None, "soon"),
        ]
    ]
    confidences = [one.confidence for one in order if one is not None]
    assert len(confidences) == 6
    assert confidences == sorted(confidences, reverse=True)
    assert len(set(confidences)) == 6


def test_nothing_claimed_is_no_claim() -> None:
    assert claim("updated", "page", None, None, read_at=NOW) is None
    assert claim("updated", "page", None, "", read_at=NOW) is None


def test_claims_that_agree_confirm_each_other() -> None:
    feed = claim("published", "feed", NOW, "2026-11-24T12:00:00Z", read_at=NOW)
    page = claim("published", "page", NOW + timedelta(minutes=2), "2026-11-24T12:02:00Z", read_at=NOW)
    assert [one.confidence for one in weighed([feed, page])] == [0.95, 0.95]
    assert [one.confidence for one in weighed([feed, None])] == [0.9]


def test_claims_that_contradict_each_other_are_disputed() -> None:
    feed = claim("published", "feed", NOW, "2026-11-24T12:00:00Z", read_at=NOW)
    page = claim("published", "page", NOW - 30 * DAY, "2026-10-25T12:00:00Z", read_at=NOW)
    assert [one.flags for one in weighed([feed, page])] == [("disputed",), ("disputed",)]


def test_an_update_that_one_source_does_not_know_yet_is_no_dispute() -> None:
    feed = claim("updated", "feed", NOW - 3 * DAY, "2026-11-21T12:00:00Z", read_at=NOW)
    page = claim("updated", "page", NOW, "2026-11-24T12:00:00Z", read_at=NOW)
    assert [one.flags for one in weighed([feed, page])] == [(), ()]
