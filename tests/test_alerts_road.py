"""Alerts as users have them: the command, and the daemon that polls a site, matches, and tells a webhook."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from storage_samples import add_feed, add_matches
from webhook import Webhook

from crawler.alerts.rules import load
from crawler.alerts.telling import send
from storage.db import open_database
from tests.command import ROOT, Desk, wait_for
from tests.site import Site, page, rss

NEWS = "Islamic State militants attack army post near Deir ez-Zor in eastern Syria"
TEXT = "Islamic State militants attacked a Syrian army post near Deir ez-Zor on Tuesday, the Syrian defence ministry said. ISIS claimed it. "
RULES = """
[channels]
desk = "{address}"
[digest]
at = "00:00"
channels = ["desk"]
[[rule]]
name = "attacks"
topic = "isis"
channels = ["desk"]
"""

FAST = {"LEVANTWATCH_TICK": "1", "LEVANTWATCH_MIN_INTERVAL": "60", "LEVANTWATCH_MAX_INTERVAL": "120"}
DOWN = 'down = "json://127.0.0.1:1/"\n[digest]'


@pytest.fixture
def sqlite_url(tmp_path: Path, templates: dict[str, str]) -> str:
    """A database with its schema: what differs between the two is tested in test_alerts.py."""
    shutil.copy(templates["sqlite"], tmp_path / "test.db")
    return f"sqlite:///{tmp_path}/test.db"


def desk_of(folder: Path, url: str, rules: str | None, **settings: str) -> Desk:
    if rules is not None:
        (folder / "alerts.toml").write_text(rules, encoding="utf-8")
        settings["LEVANTWATCH_ALERTS_FILE"] = "alerts.toml"
    return Desk(folder, url, settings=settings)


@contextmanager
def daemon(desk: Desk) -> Iterator[list[str]]:
    """The daemon on a clock that is sixty times as fast; what it said is in the list when it has ended."""
    said: list[str] = []
    running = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "fast_forward.py"), "60", "0"],
        cwd=desk.folder, env={**desk.env, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield said
    finally:
        running.send_signal(signal.SIGTERM)
        said.append(running.communicate(timeout=30)[1].decode())
    assert running.returncode == 0, said
    assert "Traceback" not in said[0], said


def test_the_daemon_polls_matches_and_tells(tmp_path: Path, schema_url: str) -> None:
    with Site() as site, Webhook(200, 503) as hook:
        address = hook.address("T0KEN")
        desk = desk_of(tmp_path, schema_url, RULES.format(address=address), **FAST)
        site.route("/feed.xml", rss(("1", "Harvest fair opens", f"{site.url}/fair")))
        desk.watch(f"{site.url}/feed.xml", publisher="Plains Herald")
        with daemon(desk) as said:
            wait_for(lambda: bool(desk.rows("select 1 from alert_rules")))
            wait_for(lambda: len(hook.titles) == 1)  # the digest of yesterday
            site.route("/attack", page(NEWS, *[TEXT * 3] * 3))
            site.route(
                "/feed.xml", rss(("2", NEWS, f"{site.url}/attack"), ("1", "Harvest fair opens", f"{site.url}/fair"))
            )
            wait_for(
                lambda: bool(desk.rows("select 1 from messages where rule = 'attacks' and told_at is not null")), 60
            )
            (tmp_path / "alerts.toml").write_text("nonsense", encoding="utf-8")
            wait_for(lambda: len(hook.posts) >= 3)
    assert hook.titles[0].startswith("Digest of ")
    assert hook.titles[1:] == [f"attacks: {NEWS}"] * 2  # the first try was refused, and nothing was told twice
    assert "Plains Herald" in hook.posts[-1]["message"]
    assert f"{site.url}/attack" in hook.posts[-1]["message"]
    assert "T0KEN" not in said[0]
    assert "error=503" in said[0]
    assert [row.rule for row in desk.rows("select rule from messages order by id")] == ["digest", "attacks"]


def test_the_command_tells_once_and_a_dry_run_writes_nothing(tmp_path: Path, sqlite_url: str) -> None:
    with Webhook() as hook:
        desk = desk_of(tmp_path, sqlite_url, RULES.replace("isis", "syria").format(address=hook.address("T0KEN")))
        assert desk.ok("alerts", "check") == "messages written: 1, told: 1\n"
        with closing(open_database(sqlite_url)) as database:
            now = datetime.now(UTC) - timedelta(hours=1)
            add_matches(database, add_feed(database), {"title": "Aid reaches Raqqa"}, now=now)
        dry = desk.ok("alerts", "check", "--dry-run")
        assert "To desk: attacks: Aid reaches Raqqa" in dry
        assert "Rule attacks: topic syria." in dry
        assert [
            row.n for row in desk.rows("select count(*) as n from messages union all select count(*) from told")
        ] == [1, 0]
        assert desk.ok("alerts", "check") == "messages written: 1, told: 1\n"
    assert hook.titles[1:] == ["attacks: Aid reaches Raqqa"]
    listed = {row["rule"]: row for row in desk.json("alerts", "list", "--format", "json")}
    assert (listed["attacks"]["told"], listed["attacks"]["by"], listed["attacks"]["asks"]) == (1, "json", "topic syria")
    assert listed["attacks"]["began_at"].endswith("Z")


def test_channels_are_tried_and_the_digest_is_a_file(tmp_path: Path, sqlite_url: str) -> None:
    with Webhook() as hook:
        desk = desk_of(tmp_path, sqlite_url, RULES.format(address=hook.address()).replace("[digest]", DOWN))
        done = desk.run("alerts", "test")
        desk.ok("alerts", "digest", "--format", "html", "-o", "digest.html", "--day", "2026-03-02")
    assert done.returncode == 1
    assert done.stdout.decode().splitlines()[0] == "desk: took it"
    assert done.stdout.decode().splitlines()[1].startswith("down: the channel did not take it")
    assert hook.titles == ["levantwatch: a test"]
    assert (tmp_path / "digest.html").read_text().startswith("<!doctype html>")


def test_mistakes_are_one_line(tmp_path: Path, sqlite_url: str) -> None:
    without = desk_of(tmp_path, sqlite_url, None).run("alerts", "check")
    assert without.stderr.decode().startswith("levantwatch: there is no rule file: set alerts.file")
    for rules, command, said in (
        (RULES.format(address="slak://T0KEN"), ("alerts", "check"), "alerts.toml: channels: desk: apprise cannot use its address"),
        (RULES.format(address="json://T0KEN").replace("isis", "isil"), ("run",), "rule 'attacks': topic: there is no topic 'isil'"),
    ):  # fmt: skip
        desk = desk_of(tmp_path, sqlite_url, rules)
        desk.watch("https://northpost.example/feed.xml")
        done = desk.run(*command)
        [line] = done.stderr.decode().splitlines()[-1:]
        assert done.returncode == 1
        assert said in line
        assert "T0KEN" not in done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()


def test_without_apprise_the_command_says_what_to_install(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, f"sqlite:///{tmp_path}/x.db", RULES.format(address="json://127.0.0.1/"))
    code = "import sys; sys.modules['apprise'] = None; from crawler.cli import main; main(['alerts', 'check'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=desk.env, capture_output=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr.decode()
        == "levantwatch: alerts.file: alerts need the package apprise: pip install 'levantwatch[alerts]'\n"
    )


def test_kill_9_while_a_message_is_sent_sends_it_again_and_then_no_more(tmp_path: Path, sqlite_url: str) -> None:
    with Webhook("hang") as hook, closing(open_database(sqlite_url)) as database:
        desk = desk_of(tmp_path, sqlite_url, RULES.format(address=hook.address()))
        running = desk.start("alerts", "check")
        wait_for(lambda: len(hook.posts) == 1)
        running.kill()
        running.communicate(timeout=30)
        assert [(row.attempts, row.told_at) for row in desk.rows("select * from messages")] == [(1, None)]
        file = load(tmp_path / "alerts.toml", topics=("isis",), environ={})

        def write(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
            with database.write() as session:
                return function(session, *arguments, **named)

        for minutes, sent in ((9, 0), (11, 1), (30, 0)):
            now = datetime.now(UTC) + timedelta(minutes=minutes)
            assert send(write, file, clock=lambda now=now: now).sent == sent
    assert len(hook.posts) == 2
