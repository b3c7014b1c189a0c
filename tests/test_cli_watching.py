"""`coverage` and `health` as commands: what they print, in every form, and how they end."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update
from storage_samples import DAY, HOUR, TriageDecision, add_feed, list_entries, poll, record_triage, seen

from crawler import footnotes
from crawler.footnotes import duration
from storage import entries, feeds
from storage.coverage import Coverage, PublisherCoverage
from storage.db import open_database
from storage.models import FEEDS, POLLS
from storage.silence import Span
from tests.command import Desk

NOW = datetime.now(UTC).replace(microsecond=0)  # the command has no other clock


@pytest.fixture
def desk(tmp_path: Path, schema_url: str) -> Desk:
    """A watch of five days over three outlets: one whole, one that refuses, one with a gap that has fallen silent."""
    with closing(open_database(schema_url)) as database:
        ids = [
            add_feed(database, f"https://{name}.example/feed", publisher=name) for name in ("Whole", "Shut", "Gappy")
        ]
        with database.write() as session:
            session.execute(update(FEEDS).values(added_at=NOW - 5 * DAY, next_poll_at=NOW + HOUR, last_new_at=NOW))
            for feed_id in ids:
                for number in range(120):
                    session.execute(insert(POLLS).values(told(feed_id, number)))
        entry_ids = list_entries(database, ids[0], seen(1), now=NOW - DAY)
        with database.write() as session:
            record_triage(session, [TriageDecision(entry_ids[0], 0.5, True)], NOW - DAY)
            entries.record_end(session, entry_id=entry_ids[0], state="irrelevant", now=NOW)
    return Desk(tmp_path, schema_url)


def told(feed_id: int, number: int) -> dict[str, Any]:
    """The poll that this feed made in that hour."""
    base = {column.name: getattr(poll(feed_id), column.name) for column in POLLS.c if column.name != "id"}
    at = NOW - 5 * DAY + number * HOUR
    base |= {"started_at": at, "next_poll_at": at + HOUR, "entries_new": 1, "overlap": 9}
    if number == 0:
        base["overlap"] = 0
    if feed_id == 2:
        base |= {"outcome": "forbidden", "http_status": 403, "entries_new": 0, "overlap": 0}
    if feed_id == 3 and number == 60:
        base |= {"gap": True, "overlap": 0}
    if feed_id == 3 and number > 80:
        base |= {"outcome": "not-modified", "entries_new": 0}
    return base


def test_the_first_line_can_be_quoted_and_the_worst_stand_first(desk: Desk) -> None:
    first, *rows = desk.ok("coverage").splitlines()
    assert first.startswith("From ")
    assert f"3 publishers (the watch began on {NOW - 5 * DAY:%Y-%m-%d}); 1 refused us on " in first
    assert "; 1 probable gap; 1 silent; " in first
    cells = [row.split("\t") for row in rows]
    assert [cell[0] for cell in cells] == ["Shut", "Gappy"], "whole ones are left out"
    assert cells[0][3].startswith("none of 120 polls succeeded; refused us on ")
    assert "silent since" in cells[1][3]
    assert len(desk.ok("coverage", "--all").splitlines()) == 4


def test_no_report_is_of_days_to_come(desk: Desk) -> None:
    done = desk.run("coverage", "--since", "2190-01-01")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Invalid value for --since: it lies in the future" in done.stderr


def test_programs_get_the_whole_report(desk: Desk) -> None:
    report = desk.json("coverage", "--format", "json")
    assert report["headline"] == desk.ok("coverage").splitlines()[0]
    by_name = {one["publisher"]: one for one in report["publishers"]}
    assert by_name["Shut"]["failures"] == {"forbidden": 120}
    assert by_name["Whole"]["whole"]
    assert [gap["publisher"] for gap in report["gaps"]] == ["Gappy"]
    assert [silence["until"] for silence in report["silences"]] == [None]
    assert report["total"]["polls"] == 360
    assert report["total"]["missed"] == sum(one["missed"] for one in report["publishers"])
    lines = desk.ok("coverage", "--format", "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == report["publishers"]
    rows = list(csv.DictReader(io.StringIO(desk.ok("coverage", "--format", "csv"))))
    assert [row["publisher"] for row in rows] == ["Shut", "Gappy", "Whole"]
    assert rows[0]["failures"] == "forbidden 120"


def test_a_span_and_a_publisher(desk: Desk) -> None:
    report = desk.json("coverage", "--since", "2d", "--until", "1d", "--publisher", "Gappy", "--format", "json")
    assert [one["publisher"] for one in report["publishers"]] == ["Gappy"]
    assert report["since"] in {f"{now - 2 * DAY:%Y-%m-%d}" for now in (NOW, datetime.now(UTC))}, "midnight may pass"
    assert report["total"]["polls"] in range(24, 49)
    done = desk.run("coverage", "--publisher", "Nobody")
    assert (done.returncode, done.stdout) == (1, b"")
    assert "no feed of a publisher named 'Nobody'" in done.stderr.decode()
    assert desk.run("coverage", "--since", "1d", "--until", "9d").returncode == 2


def test_a_watch_that_is_well_ends_with_0(desk: Desk) -> None:
    with closing(open_database(desk.url)) as database, database.write() as session:
        session.execute(update(FEEDS).where(FEEDS.c.id == 2).values(enabled=False))
        feeds.record_poll(session, poll(1, started_at=NOW, next_poll_at=NOW + DAY))
    assert desk.ok("health").startswith("healthy: 2 feeds, 0 failing, last poll ")
    assert desk.json("health", "--format", "json")["healthy"]


def test_a_watch_that_stands_still_ends_with_1_and_a_line_that_says_what_to_do(desk: Desk) -> None:
    with closing(open_database(desk.url)) as database, database.write() as session:
        session.execute(update(POLLS).values(started_at=NOW - 9 * HOUR))
        session.execute(update(FEEDS).values(next_poll_at=NOW - 8 * HOUR))
    done = desk.run("health")
    assert done.returncode == 1
    [line] = done.stdout.decode().splitlines()
    assert line.startswith("stalled: nothing was polled since ")
    assert "start levantwatch run" in line
    as_json = desk.run("health", "--format", "json")
    assert as_json.returncode == 1
    assert [problem["name"] for problem in json.loads(as_json.stdout)["problems"]] == ["stalled"]


@pytest.mark.parametrize("url", ["sqlite:///nothing.db", "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2"])
def test_without_a_database_health_is_one_line_and_1(tmp_path: Path, url: str) -> None:
    done = Desk(tmp_path, url).run("health")
    assert done.returncode == 1
    [line] = done.stdout.decode().splitlines()
    assert line.startswith("database: ")
    assert not done.stderr


# --- words ---


def world(**values: Any) -> Coverage:
    total = PublisherCoverage("", feeds=3, polls=300, seen=95, expected=100)
    fields: dict[str, Any] = {
        "since": datetime(2026, 11, 1).date(), "until": datetime(2026, 11, 25).date(),
        "began": datetime(2026, 10, 1, tzinfo=UTC), "total": total, "refusing": 0, "silent": 0,
        "publishers": (PublisherCoverage("North", polls=300),), "gaps": (), "silences": (), "stops": (), "run_caps": {},
    }  # fmt: skip
    return Coverage(**{**fields, **values})


LATER = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "From 2026-11-01 to 2026-11-25: 1 publisher; some 5 of 100 entries (5.0 %) probably never seen."),
        ({"began": None}, "From 2026-11-01 to 2026-11-25: 1 publisher; nothing was polled yet."),
        (
            {"total": PublisherCoverage("")},
            "From 2026-11-01 to 2026-11-25: 1 publisher; nothing was polled in this time.",
        ),
        (
            {
                "refusing": 3, "silent": 2,
                "total": PublisherCoverage(
                    "", polls=1, seen=1200, expected=1200, gaps=5, refused_days=12, feeds_failing=1, feeds_gone=2,
                    pages={"robots": 3, "gone": 1}, summary_only=1,
                ),
                "stops": (Span(LATER, None),),
            },
            "From 2026-11-01 to 2026-11-25: 1 publisher; 3 refused us on 12 days; 5 probable gaps; 2 silent; 1 feed failing; "
            "2 feeds gone; 1,200 entries seen, none known to be missed; 4 pages not read; 1 match judged on a summary alone; "
            "1 time the watch itself stood still.",
        ),
    ],
)  # fmt: skip
def test_the_line_for_a_footnote(values: dict[str, Any], expected: str) -> None:
    assert footnotes.headline(world(**values), now=LATER) == expected


def test_what_concerns_no_publisher() -> None:
    stops = (Span(LATER - DAY, LATER), Span(LATER, None))
    assert footnotes.lines(world(stops=stops, run_caps={"capped_rounds": 2})) == [
        "The watch stood still from 2026-11-30 00:00Z to 2026-12-01 00:00Z.",
        "The watch stood still from 2026-12-01 00:00Z until now.",
        "Cut off by a limit of ours: capped_rounds 2.",
    ]


def test_a_publisher_whose_name_is_a_formula_or_a_command_to_the_terminal(desk: Desk) -> None:
    with closing(open_database(desk.url)) as database, database.write() as session:
        session.execute(update(FEEDS).where(FEEDS.c.id == 2).values(publisher="=1+1\x1b[2J\nx"))
    assert "\x1b" not in desk.ok("coverage")
    assert "'=1+1" in desk.ok("coverage", "--format", "csv")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(600, "10 min"), (7200, "2 h"), (47 * 3600, "47 h"), (72 * 3600, "3 days")]
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
