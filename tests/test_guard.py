"""The address guard: every class of address, and every way to write one, up to a socket that is never opened."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer
from zope.interface.verify import verifyObject

from crawler.guard import GuardedResolver, is_allowed, is_public, was_refused
from tests.command import ROOT, environment

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "172.15.0.1",
    "172.32.0.1",
    "100.63.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
]
REFUSED = {
    "unspecified": "0.0.0.0 ::",
    "this network": "0.1.2.3",
    "loopback": "127.0.0.1 127.255.255.254 ::1",
    "private": "10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 fc00::1 fd12:3456::1",
    "link-local": "169.254.169.254 fe80::1 fe80::1%eth0",
    "carrier-grade NAT": "100.64.0.1 100.127.255.255",
    "multicast": "224.0.0.1 239.255.255.255 ff02::1 ff0e::1",
    "reserved": "240.0.0.1 255.255.255.254 4000::1",
    "broadcast": "255.255.255.255",
    "documentation": "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1",
    "benchmarking": "198.18.0.1 198.19.255.255 2001:2::1",
    "protocol assignments": "192.0.0.1 192.0.0.170 2001:10::1",
    "mapped IPv4": "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe",
    "translated IPv4": "::ffff:0:127.0.0.1",
    "compatible IPv4": "::127.0.0.1 ::8.8.8.8",
    "NAT64": "64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1",
    "6to4": "2002:7f00:1::1 2002:808:808::1 192.88.99.1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "site-local": "fec0::1",
    "discard-only": "100::1",
    "segment routing": "5f00::1",
    "no address at all": "localhost news.example 127.1 2130706433 0x7f000001 0177.0.0.1 127.0.0.1. [::1] 1.2.3 1.2.3.4.5 ١٢٧.٠.٠.١",
}
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)
    assert is_allowed(address, ())


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(kind: str) -> None:
    for address in [*REFUSED[kind].split(), ""]:
        assert not is_public(address), address
        assert not is_allowed(address, ()), address


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        (
            "127.0.0.0/8",
            ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1"],
            ["::1", "10.0.0.1", "2002:7f00:1::1", "localhost"],
        ),
        ("10.1.0.0/16", ["10.1.2.3"], ["10.2.0.1"]),
        ("::1/128", ["::1"], ["127.0.0.1", "::2"]),
        ("fe80::/10", ["fe80::1", "fe80::1%eth0"], ["fec0::1"]),
        ("64:ff9b::/96", ["64:ff9b::808:808"], ["64:ff9b:1::1"]),
        ("169.254.169.254/32", ["169.254.169.254"], ["169.254.169.253"]),
    ],
)
def test_a_network_opens_what_it_names_and_nothing_else(network: str, inside: list[str], outside: list[str]) -> None:
    networks = (ipaddress.ip_network(network),)
    assert all(is_allowed(address, networks) for address in inside)
    assert not any(is_allowed(address, networks) for address in outside)
    assert all(is_allowed(address, networks) for address in PUBLIC), "it opens, it does not close"


@given(st.text())
def test_no_text_is_an_address_by_accident(text: str) -> None:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        assert not is_public(text)


@given(st.ip_addresses(v=4))
def test_mapped_means_the_same(address: ipaddress.IPv4Address) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address))


# --- the resolver, with a reactor's in its place ---


@implementer(IHostResolution)
class Resolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        raise AssertionError("nobody cancels")


@implementer(IHostnameResolver)
class Answers:
    """A reactor with a resolver that knows these names."""

    def __init__(self, **names: list[str]) -> None:
        self.names = names
        self.nameResolver = self
        self.installed: Any = None

    def installNameResolver(self, resolver: Any) -> None:
        self.installed = resolver

    def resolveHostName(self, receiver: Any, name: str, port: int = 0, *_: Any) -> Any:
        receiver.resolutionBegan(Resolution(name))
        for address in self.names.get(name, []):
            receiver.addressResolved(IPv4Address("TCP", address, port))
        receiver.resolutionComplete()


@implementer(IResolutionReceiver)
class Heard:
    """What a connection would be told."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.calls: list[str] = []

    def resolutionBegan(self, resolution: Any) -> None:
        assert IHostResolution.providedBy(resolution)
        self.calls.append("began")

    def addressResolved(self, address: Any) -> None:
        self.hosts.append(address.host)

    def resolutionComplete(self) -> None:
        self.calls.append("complete")


def look_up(reactor: Answers, name: str, networks: Any = ()) -> list[str]:
    heard = Heard()
    GuardedResolver(reactor, networks).resolveHostName(heard, name, 80)  # type: ignore[arg-type]
    assert heard.calls == ["began", "complete"]
    return heard.hosts


def test_only_allowed_addresses_of_an_answer_are_passed_on() -> None:
    reactor = Answers(mixed=["10.0.0.1", "8.8.8.8", "127.0.0.1"], inner=["192.168.0.1"], nowhere=[])
    assert look_up(reactor, "mixed") == ["8.8.8.8"]
    assert look_up(reactor, "mixed", LOOPBACK) == ["8.8.8.8", "127.0.0.1"]
    assert look_up(reactor, "inner") == []


def test_a_refusal_is_told_from_a_name_that_does_not_exist() -> None:
    reactor = Answers(inner=["192.168.0.1"], mixed=["192.168.0.1", "8.8.8.8"])
    for name in ("inner", "mixed", "nowhere"):
        look_up(reactor, name)
    assert [was_refused(name) for name in ("inner", "INNER", "mixed", "nowhere")] == [True, True, False, False]
    look_up(reactor, "inner", (ipaddress.ip_network("192.168.0.0/16"),))
    assert not was_refused("inner"), "the latest look-up counts"


@pytest.mark.parametrize("address", ["8.8.8.8", "127.0.0.1", "2606:4700::1111", "::ffff:127.0.0.1"])
def test_an_address_needs_no_look_up_and_is_guarded_all_the_same(address: str) -> None:
    reactor = Answers(**{address: ["10.0.0.1"]})  # a look-up would say that
    assert look_up(reactor, address) == ([address] if is_allowed(address, ()) else [])
    assert look_up(reactor, address, LOOPBACK) == [address]
    assert not was_refused(address)
    assert GuardedResolver(reactor, ()).permits(address) is is_allowed(address, ())  # type: ignore[arg-type]
    assert GuardedResolver(reactor, LOOPBACK).permits(address)  # type: ignore[arg-type]
    heard = Heard()
    GuardedResolver(reactor, LOOPBACK).resolveHostName(heard, address, 80, addressTypes=[IPv6Address])  # type: ignore[arg-type]
    assert heard.hosts == ([address] if ":" in address else [])


@pytest.mark.parametrize("notation", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1"])
def test_other_notations_of_an_address_are_looked_up(notation: str) -> None:
    reactor = Answers(**{notation: ["127.0.0.1"]})
    assert look_up(reactor, notation) == []
    assert was_refused(notation)
    assert not GuardedResolver(reactor, LOOPBACK).permits(notation)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["x" * 64 + ".example", "a..example", ".", "", ".example", "a." * 127 + "example"])
def test_a_name_that_cannot_exist_is_not_looked_up(name: str) -> None:
    assert look_up(Answers(**{name: ["8.8.8.8"]}), name) == []
    assert not was_refused(name)


def test_the_memory_of_refusals_is_bounded() -> None:
    reactor = Answers(**{f"inner{number}": ["10.0.0.1"] for number in range(1_500)})
    for name in reactor.names:
        look_up(reactor, name)
    assert was_refused("inner1499")
    assert not was_refused("inner0")


def test_it_is_what_twisted_and_scrapy_expect() -> None:
    reactor = Answers()
    resolver = GuardedResolver.from_crawler(None, reactor)
    verifyObject(IHostnameResolver, resolver)
    resolver.install_on_reactor()
    assert reactor.installed is resolver


def test_a_wrong_configuration_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVANTWATCH_ALLOW_NETWORKS", "10.0.0.0/8, nonsense")
    reactor = Answers(inner=["10.0.0.1"])
    heard = Heard()
    GuardedResolver.from_crawler(None, reactor).resolveHostName(heard, "inner")  # type: ignore[arg-type]
    assert heard.hosts == []


# --- Scrapy behind it: what is asked for, in any notation, reaches no socket ---

PROBE = """
import json, socket, sys, threading
import scrapy
from scrapy.crawler import CrawlerProcess
from crawler.answers import read_failure
from datetime import UTC, datetime

server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]
knocks = []
def listen():
    while True:
        knocks.append(server.accept()[1])
threading.Thread(target=listen, daemon=True).start()

class Probe(scrapy.Spider):
    name = "probe"
    custom_settings = {"ROBOTSTXT_OBEY": False, "DOWNLOAD_DELAY": 0, "LOG_LEVEL": "CRITICAL", "ITEM_PIPELINES": {}}
    found = {}
    async def start(self):
        for host in sys.argv[1:]:
            for scheme in ("http", "https"):
                yield scrapy.Request(f"{scheme}://{host}:{port}/", callback=self.came, errback=self.failed, cb_kwargs={"key": f"{scheme} {host}"})
    def came(self, response, key):
        self.found[key] = f"HTTP {response.status}"
    def failed(self, failure):
        self.found[failure.request.cb_kwargs["key"]] = str(read_failure(failure.value, at=datetime.now(UTC)).outcome)

from scrapy.settings import Settings
settings = Settings()
settings.setmodule("crawler.settings", priority="project")
process = CrawlerProcess(settings, install_root_handler=False)
process.crawl(Probe)
process.start()
print(json.dumps({"found": Probe.found, "knocks": len(knocks)}))
"""
NOTATIONS = ["127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.1", "0", "localhost", "LOCALHOST.",
             "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254"]  # fmt: skip


def test_no_notation_of_an_inner_address_reaches_a_socket() -> None:
    import json

    done = subprocess.run(
        [sys.executable, "-c", PROBE, *NOTATIONS], capture_output=True, timeout=90, check=False,
        env=environment(PYTHONPATH=str(ROOT), http_proxy="http://127.0.0.1:9"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    assert told["knocks"] == 0
    assert len(told["found"]) == 2 * len(NOTATIONS)
    assert set(told["found"].values()) <= {"refused-address", "dns"}, told["found"]
    assert told["found"]["http 127.0.0.1"] == told["found"]["https [::1]"] == "refused-address"
