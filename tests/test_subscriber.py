"""WebSub for real: the daemon, a site whose feeds announce hubs, and a hub on loopback, on both databases."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage import feeds
from storage.db import open_database
from tests.command import ROOT, Desk, free_port, wait_for
from tests.faults import PATIENCE
from tests.hub import Hub, call
from tests.site import Reply, Site, page, rss

FACTOR = 60  # a lease of five minutes is five seconds of ours
LEASE = 300
NEWS = "Islamic State militants attack army post near Deir ez-Zor in eastern Syria"
TEXT = "Islamic State militants attacked a Syrian army post near Deir ez-Zor on Tuesday, the Syrian defence ministry said. ISIS claimed it. "


def announcing(hub: str, topic: str, *entries: tuple[str, str, str]) -> bytes:
    """An RSS document whose channel names its hub and itself there."""
    links = "".join(
        f"<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='{rel}' href='{url}'/>"
        for rel, url in (("hub", hub), ("self", topic))
    )
    return rss(*entries).replace(b"<channel>", b"<channel>" + links.encode())


@contextmanager
def daemon(desk: Desk) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon on the faster clock; it must end well."""
    running = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "fast_forward.py"), str(FACTOR), "0"],
        cwd=desk.folder, env={**desk.env, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        said = running.communicate(timeout=30)[1].decode()
    assert running.returncode == 0, said
    assert "Traceback" not in said, said


def subscriptions(desk: Desk) -> dict[int, Any]:
    return {row.feed_id: row for row in desk.rows("select * from subscriptions order by feed_id")}


def test_subscribe_verify_push_renew_and_leave(tmp_path: Path, schema_url: str) -> None:
    port = free_port()
    settings = {
        "LEVANTWATCH_TICK": "1",
        "LEVANTWATCH_MIN_INTERVAL": "600",
        "LEVANTWATCH_FEED_MAX_BYTES": "200000",
        "LEVANTWATCH_WEBSUB_CALLBACK_URL": f"http://127.0.0.1:{port}/behind/a/proxy/",
        "LEVANTWATCH_WEBSUB_PORT": str(port),
    }
    desk = Desk(tmp_path, schema_url, settings=settings)
    with Hub(lease_seconds=LEASE) as hub, Site() as site:
        topic = f"{site.url}/feed.xml"
        site.route("/feed.xml", announcing(f"{hub.url}/hub", topic, ("1", "Harvest fair opens", f"{site.url}/fair")))
        site.route("/pushed", page(NEWS, *[TEXT * 3] * 3))
        link = f'<{hub.url}/broken>; rel="hub", <http://topic.example/b>; rel=self'
        site.route("/broken.xml", Reply(rss(("2", "Bridge repaired", f"{site.url}/bridge")), headers={"Link": link}))
        for name, asked in (("no", f"{hub.url}/no"), ("inside", "http://[::1]:9/hub"), ("moved", f"{hub.url}/moved")):
            site.route(
                f"/{name}.xml",
                announcing(asked, f"{site.url}/{name}.xml", (name, f"Prize for {name}", f"{site.url}/{name}")),
            )
        desk.watch(*(f"{site.url}/{name}.xml" for name in ("feed", "broken", "no", "inside", "moved")))
        with daemon(desk):
            wait_for(lambda: [row.state for row in subscriptions(desk).values()] == ["active", "asked", "denied", "asked", "asked"], seconds=PATIENCE)  # fmt: skip
            form = hub.forms(topic)[0]
            pushes_are_judged(desk, hub, site, form)
            strangers_learn_nothing(desk, hub, form)
            wait_for(lambda: all(subscriptions(desk)[feed_id].error for feed_id in (2, 3, 4, 5)), seconds=PATIENCE)
            what_failed_is_told(subscriptions(desk), hub)
            assert subscriptions(desk)[1].ask_at < subscriptions(desk)[1].expires_at
            wait_for(lambda: len(hub.forms(topic)) > 1, seconds=PATIENCE)  # before the lease ends
            renewed = hub.forms(topic)[1]
            assert renewed == form
            wait_for(lambda: hub.confirmed.count(("subscribe", 200, True)) >= 2, seconds=PATIENCE)
            a_flood_is_held_back(desk, hub, form)
            leaving_is_confirmed(desk, hub, form)
    assert [row.number for row in desk.rows("select count(*) as number from polls where feed_id = 1 and reason <> 'pushed-by-hub'")] == [1]  # fmt: skip


def pushes_are_judged(desk: Desk, hub: Hub, site: Site, form: dict[str, str]) -> None:
    document = rss(("9", NEWS, "/pushed"))
    assert len(form["secret"]) >= 32
    assert form["callback"].startswith("http://127.0.0.1:")
    assert "/behind/a/proxy/" in form["callback"]
    assert hub.push(form, document, method="sha1") == 202
    wait_for(lambda: desk.rows("select title from matches"), seconds=PATIENCE)
    [match] = desk.rows("select * from matches")
    assert match.url == f"{site.url}/pushed"  # relative to the topic
    assert match.feed_url == f"{site.url}/feed.xml"
    for method in ("sha256", "sha384", "sha512"):
        assert hub.push(form, document, method=method) == 202
    row = subscriptions(desk)[1]
    assert (row.pushes, row.pushed_new) == (4, 1)
    [poll] = desk.rows("select * from polls where reason = 'pushed-by-hub' and entries_new > 0")
    assert (poll.outcome, poll.entries_seen, poll.entries_new, poll.http_status) == ("ok", 1, 1, None)


def strangers_learn_nothing(desk: Desk, hub: Hub, form: dict[str, str]) -> None:
    before = subscriptions(desk)[1], counted(desk)
    document = rss(("bad", NEWS, "/forged"))
    assert hub.push(form, document, secret="guessed") == 202
    assert call(form["callback"], document)[0] == 202
    assert call(form["callback"], document, {"X-Hub-Signature": "md5=00"})[0] == 202
    assert hub.push(form, b"<html>no feed", method="sha256") == 202
    assert hub.push(form, b"<" * 300_000) == 413
    assert hub.push({**form, "callback": form["callback"][:-1] + "~"}, document) == 404
    assert hub.push({**form, "callback": form["callback"][:-43] + "A" * 43}, document) == 404
    assert hub.verify(form, topic="http://other.example/") == (404, "")
    assert hub.verify(form, mode="unsubscribe") == (404, "")
    assert hub.verify(form, mode="publish") == (404, "")
    assert hub.verify(form, challenge="c" * 3_000) == (404, "")
    assert call(form["callback"])[0] == 404
    assert (subscriptions(desk)[1], counted(desk)) == before


def a_flood_is_held_back(desk: Desk, hub: Hub, form: dict[str, str]) -> None:
    """Of one feed no more is taken than a poll might bring; its hub is told to come again."""
    fat = [rss((f"fat-{number}", "Harvest fair opens", f"/fat/{number}")) + b" " * 120_000 for number in range(4)]
    assert [hub.push(form, document) for document in fat] == [202, 202, 503, 503]
    assert [row.guid for row in desk.rows("select guid from sightings where guid like 'fat-%' order by guid")] == ["fat-0", "fat-1"]  # fmt: skip


def counted(desk: Desk) -> list[int]:
    return [
        desk.rows(f"select count(*) as number from {table}")[0].number for table in ("entries", "sightings", "polls")
    ]


def what_failed_is_told(rows: dict[int, Any], hub: Hub) -> None:
    assert rows[2].topic == "http://topic.example/b"
    assert rows[2].error == "the hub answered HTTP 500"
    assert rows[3].error == "denied by its hub: not for you"
    assert rows[4].error == "the hub cannot be asked (refused-address)"
    assert rows[5].error == "the hub answered HTTP 202"  # to a GET
    assert len({row.token for row in rows.values()} | {row.secret for row in rows.values()}) == 10
    assert all(one.form["lease_seconds"] == "864000" for one in hub.asked)


def leaving_is_confirmed(desk: Desk, hub: Hub, form: dict[str, str]) -> None:
    with closing(open_database(desk.url)) as database, database.write() as session:
        feeds.disable(session, feed_id=1, now=datetime.now(UTC))
    wait_for(lambda: subscriptions(desk)[1].state == "ended", seconds=PATIENCE)
    # the hub notes our answer a moment after it was written down here
    wait_for(lambda: hub.confirmed[-1] == ("unsubscribe", 200, True), seconds=PATIENCE)
    wait_for(lambda: hub.push(form, rss(("10", NEWS, "/late"))) in (404, 410), seconds=PATIENCE)
