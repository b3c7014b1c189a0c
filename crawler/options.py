"""Every setting with its default and its bounds, and what may be written for it. PURE."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
import msgspec.inspect

PREFIX = "LEVANTWATCH_"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Seconds = Annotated[int, msgspec.Meta(ge=1, le=7 * 86_400)]
Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]
Bytes = Annotated[int, msgspec.Meta(ge=1024, le=100 * 1024 * 1024)]


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the daemon's jobs run, as cron expressions in UTC."""

    poll: str | None = None
    revisions: str = "*/5 * * * *"
    prune: str = "17 3 * * *"


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many days the ledger remembers what did not match."""

    rejected: Days = 90
    polls: Days = 180
    entries: Days = 365
    audit_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.005


class JudgeFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files of the user's that the judge reads, '' for none."""

    topics_dir: str = ""
    model_file: str = ""

    @property
    def are_own(self) -> bool:
        """Whether any is given: then the judge may be wrong, which is told at the start, and workers do not have it."""
        return bool(self.topics_dir or self.model_file)


class Web(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The page: where it listens, to which names it answers, and who may see it."""

    host: Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[\x20-\x7e]*\Z")] = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8350
    names: Annotated[str, msgspec.Meta(max_length=1000, pattern=r"^[\x20-\x7e]*\Z")] = ""
    password_hash: Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[\x20-\x7e]*\Z")] = ""
    user_header: Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[A-Za-z0-9-]*\Z")] = ""
    https: Literal["no", "yes"] = "no"
    tokens: Annotated[str, msgspec.Meta(max_length=10_000, pattern=r"^[\x20-\x7e]*\Z")] = ""


class WebSub(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where hubs reach the daemon, '' for nowhere, and where it listens for them."""

    callback_url: Annotated[
        str, msgspec.Meta(max_length=300, pattern=r"^(https?://[^\s/?#@]+(/[\x21\x24-\x3e\x40-\x7e]*)?)?\Z")
    ] = ""
    address: Annotated[str, msgspec.Meta(max_length=45, pattern=r"^[0-9a-fA-F.:]+\Z")] = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 8710


class Alerts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file with channels and rules, '' for none: crawler.alerts.rules reads it."""

    file: str = ""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting with its default; docs/configuration.md says what each means."""

    database_url: str = "sqlite:///levantwatch.db"
    allow_networks: tuple[str, ...] = ()
    contact: Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[\x20-\x7e]*\Z")] = ""
    fetch: Literal["candidates", "all", "none"] = "candidates"
    look_again: Literal["on", "off"] = "on"
    blind_fetches: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 20
    host_delay: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0
    host_connections: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 96
    request_timeout: Annotated[float, msgspec.Meta(ge=1, le=600)] = 20.0
    feed_max_bytes: Bytes = 10 * 1024 * 1024
    page_max_bytes: Bytes = 5 * 1024 * 1024
    tick: Seconds = 60
    cluster_lease: Seconds = 30
    min_interval: Seconds = 300
    max_interval: Seconds = 86_400
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    parse_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=600)] = 10.0
    worker_memory_mb: Annotated[int, msgspec.Meta(ge=256, le=65_536)] = 1024
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    archive: Literal["off", "on"] = "off"
    archive_dir: str = "archive"
    metrics_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    schedule: Schedule = Schedule()
    retention: Retention = Retention()
    judge: JudgeFiles = JudgeFiles()
    alerts: Alerts = Alerts()
    web: Web = Web()
    websub: WebSub = WebSub()

    def __post_init__(self) -> None:
        """What no single value can say."""
        if self.min_interval > self.max_interval:
            raise ValueError(f"min_interval ({self.min_interval}) is longer than max_interval ({self.max_interval})")
        for network in self.allow_networks:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f"allow_networks: {error}; write networks as 10.0.0.0/8") from None

    @property
    def looks_again(self) -> bool:
        """Whether pages of matches are looked at again: where no page is ever read, none is read again."""
        return self.look_again == "on" and self.fetch != "none"

    @property
    def networks(self) -> tuple[Network, ...]:
        """`allow_networks` as networks."""
        return tuple(ipaddress.ip_network(network) for network in self.allow_networks)


def setting_names() -> tuple[str, ...]:
    """The dotted name of every setting, in order: `fetch`, `schedule.poll` …"""
    return tuple(_names(Config))


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.replace(".", "_").upper()


def described(name: str) -> str:
    """What may be written for a setting, in words: `a whole number from 1 to 64`, `one of candidates, all, none`."""
    kind: Any = msgspec.inspect.type_info(Config)
    for part in name.split("."):
        kind = next(field.type for field in kind.fields if field.name == part)
    if name.startswith("schedule."):
        return 'a cron expression of five fields, such as "*/5 * * * *"'
    if name == "websub.callback_url":
        return "an http or https address without query, such as https://watch.example/websub"
    if name == "websub.address":
        return "an address of this machine, such as 127.0.0.1"
    match kind:
        case msgspec.inspect.IntType():
            return f"a whole number from {kind.ge} to {kind.le}"
        case msgspec.inspect.FloatType():
            return f"a number from {kind.ge:g} to {kind.le:g}"
        case msgspec.inspect.LiteralType():
            return "one of " + ", ".join(map(str, kind.values))
        case msgspec.inspect.StrType(max_length=int()):
            return f"at most {kind.max_length} characters of printable ASCII"
        case msgspec.inspect.StrType():
            return "text"
    return 'networks, such as "10.0.0.0/8, ::1/128"'


def _names(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _names(field.type, f"{field.name}.")
        else:
            yield prefix + field.name
