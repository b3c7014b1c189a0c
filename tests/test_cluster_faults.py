"""What a cluster lives through: its leader killed while it tells and asks hubs, and a Postgres that is restarted, lost and killed."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from command import Desk, free_port, wait_for
from conftest import unavailable
from crew import DELAY, LEADS, gaps, leader, log, member, new_desk
from faults import PATIENCE, World, wrong_in
from hub import Hub
from postgres_server import OwnServer, PostgresServer, find_binaries
from webhook import Webhook

from storage import cluster as shared
from storage.db import open_database
from tests.site import Reply, Site, page, rss
from tests.test_subscriber import NEWS, TEXT, announcing

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.loopback import Loopback  # noqa: E402

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
NAMES = ("one", "two")


@pytest.fixture
def url(postgres: PostgresServer | None) -> Iterator[str]:
    server = postgres or unavailable("postgres", "no Postgres here: neither TEST_POSTGRES_URL nor Debian's postgresql")
    with server.database() as url:
        yield url


def count(desk: Desk, what: str) -> int:
    return int(desk.rows(f"SELECT count(*) FROM {what}")[0][0])


# --- what one member does for all ---


def attack(site: Site, number: int) -> str:
    """A feed with one article on an attack, each on another place."""
    title = NEWS.replace("Deir ez-Zor", ("Raqqa", "Palmyra", "Hajin")[number])
    article = site.route(f"/attack/{number}", page(title, *[TEXT.replace("Deir ez-Zor", title[-9:]) * 3] * 3))
    return site.route(f"/attacks/{number}.xml", rss((str(number), title, article)))


def test_rules_are_told_once_by_the_whole_cluster_also_when_its_leader_is_killed(url: str, tmp_path: Path) -> None:
    with Site() as site, Webhook() as hook:
        desk = new_desk(tmp_path, url, LEVANTWATCH_FETCH="candidates", LEVANTWATCH_HOST_DELAY="0", LEVANTWATCH_ALERTS_FILE="alerts.toml")  # fmt: skip
        (tmp_path / "alerts.toml").write_text(RULES.format(address=hook.address()), encoding="utf-8")
        desk.watch(site.route("/fair.xml", rss(("fair", "Harvest fair opens", f"{site.url}/fair"))))

        def told(number: int) -> None:
            desk.watch(attack(site, number))
            wait_for(lambda: count(desk, "messages WHERE rule = 'attacks' AND told_at IS NOT NULL") > number, PATIENCE)

        with member(desk, "one") as one, member(desk, "two") as two:
            wait_for(lambda: leader(desk, *NAMES) and count(desk, "alert_rules") and hook.posts, PATIENCE)
            wait_for(lambda: all("joined the cluster" in log(desk, name) for name in NAMES), PATIENCE)
            told(0)
            first = leader(desk, *NAMES)
            os.kill((one if first == "one" else two).pid, signal.SIGKILL)
            other = "two" if first == "one" else "one"
            wait_for(lambda: LEADS in log(desk, other), PATIENCE)
            told(1)
            wait_for(lambda: "told messages=" in log(desk, other), PATIENCE)  # which comes after the row
        assert [title.partition(" ")[0] for title in hook.titles] == ["Digest", "attacks:", "attacks:"], hook.titles
        assert count(desk, "messages") == 3
        assert "Traceback" not in log(desk, other)
        assert desk.rows("SELECT feed_id FROM polls GROUP BY feed_id HAVING count(*) > 1") == []


# --- WebSub behind a proxy ---


class Proxy:
    """What stands before the members: every connection goes to the next one that answers."""

    def __init__(self, ports: Sequence[int]) -> None:
        turns = itertools.count()
        proxy = self
        self.went_to: list[int] = []

        class Relay(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                first = next(turns)
                for place in range(len(ports)):
                    port = ports[(first + place) % len(ports)]
                    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)) as member:
                        proxy.went_to.append(port)
                        back = threading.Thread(target=_pass_on, args=(member, self.request), daemon=True)
                        back.start()
                        _pass_on(self.request, member)
                        back.join()
                        return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def test_hubs_are_asked_by_one_member_and_may_call_any(url: str, tmp_path: Path) -> None:
    """Also when the one that asks is killed; what is pushed is taken once, and a push polls nothing."""
    desk = new_desk(tmp_path, url, LEVANTWATCH_FETCH="candidates", LEVANTWATCH_HOST_DELAY="0", LEVANTWATCH_TICK="2")
    ports = {name: free_port() for name in NAMES}
    with Hub() as hub, Site() as site, Site("127.0.0.9") as slow, Proxy(list(ports.values())) as proxy:

        def subscribe(*numbers: int) -> None:
            for number in numbers:
                entry = (str(number), f"Bridge number {number} repaired", f"{site.url}/bridge/{number}")
                topic = f"{site.url}/{number}.xml"
                desk.watch(site.route(f"/{number}.xml", announcing(f"{hub.url}/hub", topic, entry)))
            wait_for(lambda: count(desk, "subscriptions WHERE state = 'active'") > numbers[-1], PATIENCE)

        with ExitStack() as members:

            def join(name: str) -> subprocess.Popen[bytes]:
                websub = {"LEVANTWATCH_WEBSUB_CALLBACK_URL": proxy.url, "LEVANTWATCH_WEBSUB_PORT": str(ports[name])}
                joined, heard = ("joined the cluster", "listening for hubs")
                before = log(desk, name).count(heard)
                process = members.enter_context(member(desk, name, websub))
                wait_for(lambda: joined in log(desk, name) and log(desk, name).count(heard) > before, PATIENCE)
                return process

            desk.watch(site.route("/fair.xml", rss(("fair", "Harvest fair opens", f"{site.url}/fair"))))
            crew = {name: join(name) for name in NAMES}
            subscribe(0, 1, 2, 3)
            asks = next(name for name in NAMES if "asked hub" in log(desk, name))
            os.kill(crew[asks].pid, signal.SIGKILL)
            subscribe(4)
            assert all(len(hub.forms(f"{site.url}/{number}.xml")) == 1 for number in range(5))
            wait_for(lambda: hub.confirmed == [("subscribe", 200, True)] * 5, PATIENCE)
            join(asks)
            pushes_are_taken_once_by_any(desk, hub, site, slow, list(ports.values()))
        assert len(set(proxy.went_to)) == 2
        assert "Traceback" not in log(desk, "one") + log(desk, "two")


def pushes_are_taken_once_by_any(desk: Desk, hub: Hub, site: Site, slow: Site, ports: Sequence[int]) -> None:
    """While one of the members has a slow feed in hand: what the other is pushed must not make it poll that."""
    desk.watch(slow.route("/slow.xml", Reply(rss(("s", "Slow news", f"{slow.url}/s")), delay=8)))
    wait_for(lambda: slow.asked("/slow.xml") == 1, PATIENCE)
    for number, port in enumerate(ports):
        form = hub.forms(f"{site.url}/{number}.xml")[0]
        site.route(f"/pushed/{number}", page(NEWS, *[TEXT * 3] * 3))
        document = rss((f"p{number}", f"{NEWS}, part {number}", f"/pushed/{number}"))
        direct = f"http://127.0.0.1:{port}/{form['callback'].rpartition('/')[2]}"
        for callback in (direct, form["callback"], form["callback"]):
            assert hub.push({**form, "callback": callback}, document) == 202
    wait_for(lambda: count(desk, "matches") == 2, PATIENCE)
    polled = "polls p JOIN feeds f ON f.id = p.feed_id WHERE f.url LIKE '%slow%'"
    wait_for(lambda: count(desk, polled) == 1, PATIENCE)
    desk.watch(slow.route("/slow-too.xml", rss(("t", "More slow news", f"{slow.url}/t"))))
    wait_for(lambda: count(desk, polled) == 2, PATIENCE)
    assert slow.asked("/slow.xml") == 1
    assert [site.asked(f"/pushed/{number}") for number in range(2)] == [1, 1]
    by_poll = "SELECT feed_id FROM polls WHERE reason <> 'pushed-by-hub' GROUP BY feed_id HAVING count(*) > 1"
    assert desk.rows(by_poll) == []


# --- Postgres lost ---


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    binaries = find_binaries() or unavailable("postgres", "no Postgres here: Debian's postgresql is not installed")
    with closing(OwnServer(binaries)) as server:
        server.start()
        yield server


def away(server: OwnServer, desk: Desk, number: signal.Signals) -> None:
    """The server goes, as by this signal, until every member has noticed, and comes back."""
    said = {name: log(desk, name).count(", trying again") for name in NAMES}
    server.stop(number)
    wait_for(lambda: all(log(desk, name).count(", trying again") > said[name] for name in NAMES), PATIENCE)
    server.start()


def test_a_postgres_that_is_restarted_and_crashes_is_waited_for_and_nothing_is_lost_or_doubled(
    server: OwnServer, tmp_path: Path
) -> None:
    desk = new_desk(tmp_path, server.create("watch"), LEVANTWATCH_FETCH="candidates")
    with (
        Loopback([3] * 12, response=0.3) as site,
        World(sites=3, articles=6, delay=0.2) as world,
        member(desk, "one") as one,
    ):
        parts = [site.urls()[start::3] for start in range(3)]
        desk.watch(parts[0].pop())
        with member(desk, "two"):
            wait_for(lambda: all("joined the cluster" in log(desk, name) for name in NAMES), PATIENCE)
            for part, feed, number in zip(parts, world.feeds, (signal.SIGINT, signal.SIGQUIT, None), strict=True):
                asked = len(site.asked)
                desk.watch(*part, feed)
                wait_for(lambda: len(site.asked) >= asked + 4, PATIENCE)  # noqa: B023
                if number is not None:  # as pg_ctl's fast and immediate
                    away(server, desk, number)
                else:
                    os.kill(one.pid, signal.SIGKILL)  # the other one has come through it all, too
                wait_for(lambda: not count(desk, "feeds WHERE id NOT IN (SELECT feed_id FROM polls)"), PATIENCE)
            wait_for(lambda: not [wrong for wrong in wrong_in(desk, world) if "//127.5." not in wrong], PATIENCE)
        assert desk.rows("SELECT feed_id FROM polls GROUP BY feed_id HAVING count(*) > 1") == []
        assert gaps(site) >= DELAY * 0.95
        assert "Traceback" not in log(desk, "one") + log(desk, "two")


def test_who_holds_a_host_is_known_after_a_crash_of_the_server(server: OwnServer, tmp_path: Path) -> None:
    desk = new_desk(tmp_path, server.create("hosts"))
    with closing(open_database(desk.url)) as database:
        with database.write() as session:
            schema = shared.queue_schema(session, version="1", create="SELECT 1")
            shared.take_hosts(session, schema=schema, owner="one", hosts=["127.0.0.1"], seconds=3600)
        server.stop(signal.SIGQUIT)
        server.start()
        with database.write() as session:
            assert shared.take_hosts(session, schema=schema, owner="two", hosts=["127.0.0.1"], seconds=3600) == {}
            assert shared.take_hosts(session, schema=schema, owner="one", hosts=["127.0.0.1"], seconds=3600)
