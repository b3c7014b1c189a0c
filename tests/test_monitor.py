"""The watch under observation: the daemon is run for real and asked, as a monitor and as systemd would."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from storage_samples import HOUR, NOW, add_feed, poll

from crawler.config import Config
from crawler.metrics import exposition
from crawler.monitor import check, look_every
from crawler.newsroom.server import Newsroom
from crawler.notify import notify, watchdog_seconds
from crawler.options import Schedule
from storage import feeds
from storage.db import Database, open_database
from storage.health import PROBLEMS, Disk, Facts, Problem
from tests.command import Desk, free_port, wait_for
from tests.site import Reply, Site

MINUTE = timedelta(minutes=1)
Start = Callable[[Desk], subprocess.Popen[bytes]]


# --- the daemon, asked ---


def get(port: int, path: str) -> tuple[int, str, str]:
    """Status, content type and text."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def listens(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `levantwatch run`; whatever still runs at the end is killed."""
    with ExitStack() as running:

        def start(desk: Desk) -> subprocess.Popen[bytes]:
            daemon = running.enter_context(desk.start("run"))
            running.callback(lambda: daemon.poll() is None and daemon.kill())
            return daemon

        yield start


def stop(daemon: subprocess.Popen[bytes]) -> str:
    daemon.send_signal(signal.SIGTERM)
    _, said = daemon.communicate(timeout=30)
    assert daemon.returncode == 0, said.decode()
    assert "Traceback" not in said.decode()
    return said.decode()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def desk(tmp_path: Path, schema_url: str, port: int) -> Desk:
    return Desk(tmp_path, schema_url, settings={"LEVANTWATCH_TICK": "1", "LEVANTWATCH_METRICS_PORT": str(port)})


def test_the_daemon_answers_on_loopback_while_it_crawls(desk: Desk, port: int, start: Start) -> None:
    with Newsroom() as room:
        desk.watch(room.feeds()[0].url)
        daemon = start(desk)
        wait_for(lambda: listens(port), seconds=60)
        wait_for(lambda: json.loads(get(port, "/healthz")[2])["figures"]["polls"] == 1, seconds=60)
        status, kind, text = get(port, "/healthz")
        metrics = get(port, "/metrics")
        nowhere = get(port, "/")[0]
        outside = [address for address in own_addresses() if listens(port, address)]
        said = stop(daemon)
    assert (status, kind) == (200, "application/json")
    assert json.loads(text)["problems"] == []
    assert metrics[:2] == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "\nlevantwatch_polls_total 1\n" in metrics[2]
    assert samples(metrics[2])["levantwatch_healthy"] == 1
    assert nowhere == 404
    assert not outside, "loopback only"
    assert f"http://127.0.0.1:{port}/healthz" in said
    assert not listens(port)


def own_addresses() -> list[str]:
    """This machine's own address that is not loopback, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            address = str(probe.getsockname()[0])
        except OSError:
            return []
    return [] if address.startswith("127.") else [address]


def test_a_port_that_is_taken_is_one_line(desk: Desk, port: int) -> None:
    with Newsroom() as room, closing(socket.create_server(("127.0.0.1", port))):
        desk.watch(room.feeds()[0].url)
        done = desk.run("run")
    assert done.returncode == 1
    assert f"levantwatch: metrics_port: port {port} of 127.0.0.1 cannot be had" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


# --- the service manager ---


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def received(manager: socket.socket) -> bytes | None:
    try:
        return manager.recv(100)
    except TimeoutError:
        return None


def test_the_daemon_says_when_it_is_ready_that_it_lives_and_that_it_stops(
    tmp_path: Path, manager: socket.socket, start: Start
) -> None:
    settings = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/watch.db", settings=settings)
    with Newsroom() as room:
        desk.ok("feeds", "add", room.feeds()[0].url)
        daemon = start(desk)
        heard = [manager.recv(100) for _ in range(4)]
        stop(daemon)
    manager.settimeout(0.1)
    heard += iter(lambda: received(manager), None)
    assert heard[:2] == [b"READY=1", b"WATCHDOG=1"]
    assert set(heard[2:]) == {b"WATCHDOG=1", b"STOPPING=1"}, "it may say once more that it lives while it stops"


def test_the_watchdog_is_not_fed_while_feeds_are_due_and_none_is_polled(
    tmp_path: Path, manager: socket.socket, start: Start
) -> None:
    """At the start after a long time off the watch looks as if it hung; with the first poll it does not any more."""
    settings = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "300000",
    }
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/watch.db", settings=settings)
    with Site() as site, closing(open_database(desk.url)) as database:
        database.ensure_schema(upgrade=False)
        add_feed(database, site.route("/feed", Reply(status=304, delay=2)))
        with database.write() as session:
            feeds.record_poll(session, poll(1, started_at=datetime(2020, 1, 1, tzinfo=UTC), next_poll_at=NOW - HOUR))
        daemon = start(desk)
        assert manager.recv(100) == b"READY=1"
        wait_for(lambda: desk.rows("select count(*) as n from polls")[0].n == 2, seconds=60)
        assert manager.recv(100) == b"WATCHDOG=1", "now something was polled"
        said = stop(daemon)
    assert "the watchdog will restart the service" in said


@pytest.mark.parametrize("abstract", [False, True])
def test_notify_speaks_to_both_kinds_of_socket(tmp_path: Path, abstract: bool) -> None:
    name = f"levantwatch-test-{tmp_path.name}-{time.time_ns()}" if abstract else str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}" if abstract else name)
        assert notify("READY=1", {"NOTIFY_SOCKET": f"@{name}" if abstract else name})
        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"}, {"NOTIFY_SOCKET": "/no/such"}]
)
def test_without_a_manager_notify_does_nothing(environ: dict[str, str]) -> None:
    assert notify("READY=1", environ) is False


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),  # another process is meant
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_how_often_the_watchdog_is_fed(environ: dict[str, str], expected: float | None) -> None:
    assert watchdog_seconds(environ, pid=7) == expected


# --- reports ---


def test_a_database_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{tmp_path}/none.db")) as missing:
        report = check(missing, Config(), now=NOW)
    assert [problem.name for problem in report.problems] == ["database"]
    assert "feeds import --catalogue" in report.lines()[0]
    assert report.as_json()["figures"] is None


def test_the_report_of_a_watch_that_is_well(database: Database) -> None:
    feed_id = add_feed(database)
    with database.write() as session:
        feeds.record_poll(session, poll(feed_id))
    report = check(database, Config(), now=NOW + MINUTE)
    assert report.lines() == ["healthy: 1 feed, 0 failing, last poll 2026-11-24 12:00Z, 0 articles wait"]
    told = json.loads(json.dumps(report.as_json()))
    assert (told["healthy"], told["figures"]["polls"]) == (True, 1)
    assert (told["figures"]["disk"] is not None) == (database.dialect == "sqlite")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Config(), MINUTE),
        (Config(tick=600), 10 * MINUTE),
        (Config(host_delay=3600), HOUR),
        (Config(schedule=Schedule(poll="*/5 * * * *")), 5 * MINUTE),
        (Config(schedule=Schedule(poll="0 8,12 * * *")), 20 * HOUR),
    ],
)
def test_how_long_nobody_may_look(config: Config, expected: timedelta) -> None:
    assert look_every(config, now=NOW) == expected
    assert look_every(replace(config, metrics_port=9), now=NOW) == expected


# --- the format: https://prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4 ---

LINE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"\})? (\S+)$')


def samples(text: str) -> dict[str, float]:
    """The samples of an exposition by name and label, after checking what the format demands."""
    assert text.endswith("\n")
    found: dict[str, float] = {}
    families: list[str] = []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            families.append(line.split()[2])
            assert line.split(" ", 3)[3]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name == families[-1], "TYPE stands below its HELP"
            assert kind in ("gauge", "counter")
            assert (kind == "counter") == name.endswith("_total")
        else:
            match = LINE.match(line)
            assert match, line
            assert match[1] == families[-1], "the samples of a family stand together"
            key = match[1] if match[3] is None else f"{match[1]}[{match[3]}]"
            assert key not in found, "no sample twice"
            found[key] = float(match[4])
    assert len(families) == len(set(families))
    return found


def test_every_figure_is_told_in_the_format() -> None:
    figures = Facts(
        feeds={"active": 3, "failing": 1, "gone": 0, "disabled": 0}, feeds_due=2, due_since=NOW - HOUR,
        last_poll_at=NOW, last_run_at=NOW - HOUR, waiting=4, waiting_since=NOW - MINUTE, claimed=1, pages_read=5,
        pages_unread=6, polls=7, polls_last_hour={"ok": 6, 'odd "\\\n': 1}, matches_recent=8, disk=Disk(10, 20, 30),
    )  # fmt: skip
    found = samples(exposition(figures, [Problem("stalled", "…")], now=NOW))
    assert found["levantwatch_healthy"] == 0
    assert {name: found[f"levantwatch_problem[{name}]"] for name in PROBLEMS} == {
        name: float(name == "stalled") for name in PROBLEMS
    }
    assert found["levantwatch_feeds[failing]"] == 1
    assert found["levantwatch_feeds_overdue_seconds"] == 3600
    assert found["levantwatch_last_poll_timestamp_seconds"] == NOW.timestamp()
    assert found["levantwatch_polls_total"] == 7
    assert found['levantwatch_polls_last_hour[odd \\"\\\\\\n]'] == 1
    assert (found["levantwatch_articles_waiting"], found["levantwatch_articles_waiting_seconds"]) == (4, 60)
    assert (found["levantwatch_pages_last_day[read]"], found["levantwatch_pages_last_day[not-read]"]) == (5, 6)
    assert [found[f"levantwatch_{name}_bytes"] for name in ("database", "wal", "disk_free")] == [10, 20, 30]


def test_without_figures_only_health_is_told() -> None:
    found = samples(exposition(None, [Problem("database", "…")], now=NOW))
    assert (found["levantwatch_healthy"], found["levantwatch_problem[database]"]) == (0, 1)
    assert not [name for name in found if name.startswith("levantwatch_feeds")]
