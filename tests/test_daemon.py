"""The daemon, run for real against the newsroom, on both databases."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from crawler.newsroom.server import Newsroom
from tests.command import ROOT, Desk, wait_for

FACTOR = 60  # ten minutes of the daemon's time are ten seconds of ours
MINUTES = 10


@pytest.fixture
def desk(tmp_path: Path, schema_url: str) -> Desk:
    # the newsroom's feeds are new to the watch: without a ceiling they would be asked again after hours
    settings = {"LEVANTWATCH_TICK": "1", "LEVANTWATCH_MIN_INTERVAL": "60", "LEVANTWATCH_MAX_INTERVAL": "120"}
    return Desk(tmp_path, schema_url, settings=settings)


def watch(desk: Desk, *, offset: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "fast_forward.py"), str(FACTOR), str(offset)],
        cwd=desk.folder, env={**desk.env, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def stop(daemon: subprocess.Popen[bytes]) -> str:
    """End the daemon as a service manager does; what it said on standard error."""
    daemon.send_signal(signal.SIGTERM)
    _, said = daemon.communicate(timeout=30)
    assert daemon.returncode == 0, said.decode()  # by itself: crawler.reactor ends who is not through in time, with 1
    assert "Traceback" not in said.decode()
    return said.decode()


def polls(desk: Desk) -> Counter[int]:
    return Counter(
        {row.feed_id: row.number for row in desk.rows("select feed_id, count(*) as number from polls group by feed_id")}
    )


def test_ten_minutes_of_the_newsroom_a_stop_and_a_restart_fetch_nothing_twice(desk: Desk) -> None:
    with Newsroom() as room:
        for feed in room.feeds():
            desk.watch(feed.url, publisher=feed.publisher)
        daemon = watch(desk, offset=0)
        began = time.monotonic()
        wait_for(lambda: polls(desk).total() >= 3 * len(room.feeds()), seconds=60)
        time.sleep(max(0.0, MINUTES * 60 / FACTOR - (time.monotonic() - began)))
        stop(daemon)
        before = polls(desk)
        daemon = watch(desk, offset=FACTOR * (time.monotonic() - began))
        wait_for(lambda: all(number > before[feed] for feed, number in polls(desk).items()), seconds=60)
        stop(daemon)
        read = Counter(asked.url for asked in room.asked if asked.status == 200 and asked.url in pages(room))
        again = [url for url, number in read.items() if number > 1]
        assert read
        assert not again
    assert [row.number for row in desk.rows("select count(*) as number from entries where claimed_at is not null")] == [
        0
    ]
    doubled = desk.rows(
        "select canonical_url from entries where canonical_url is not null group by canonical_url having count(*) > 1"
    )
    assert not doubled


def pages(room: Newsroom) -> set[str]:
    return {truth.url for truth in room.truth if truth.url}


def test_a_schedule_in_cron_form_polls(desk: Desk) -> None:
    with Newsroom() as room:
        desk.watch(room.feeds()[0].url)
        (desk.folder / "levantwatch.toml").write_text('[schedule]\npoll = "*/5 * * * *"\n', encoding="utf-8")
        daemon = desk.start("run")
        wait_for(lambda: polls(desk).total() == 1, seconds=60)
        stop(daemon)
