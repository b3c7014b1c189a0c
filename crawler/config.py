"""One validated configuration; nobody else reads the environment.

Later wins: the defaults below, `levantwatch.toml` in the current folder, `LEVANTWATCH_<NAME>` in the environment. The key
`[a] b` of the file is `LEVANTWATCH_A_B`. A wrong key or value is a ConfigError of one line that names its place.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

FILE = "levantwatch.toml"
PREFIX = "LEVANTWATCH_"
FOR_TESTS = frozenset({"LEVANTWATCH_REQUIRE"})  # read by the test suite, no setting

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Seconds = Annotated[int, msgspec.Meta(ge=1, le=7 * 86_400)]
Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]
Bytes = Annotated[int, msgspec.Meta(ge=1024, le=100 * 1024 * 1024)]


class ConfigError(Exception):
    """The configuration is wrong; the message says where and what to write."""


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the daemon's jobs run, as cron expressions in UTC."""

    poll: str | None = None
    prune: str = "17 3 * * *"


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many days the ledger remembers what did not match."""

    rejected: Days = 90
    polls: Days = 180
    entries: Days = 365


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting with its default; docs/configuration.md says what each means."""

    database_url: str = "sqlite:///levantwatch.db"
    allow_networks: tuple[str, ...] = ()
    contact: Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[\x20-\x7e]*$")] = ""
    fetch: Literal["candidates", "all", "none"] = "candidates"
    host_delay: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0
    host_connections: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 64
    request_timeout: Annotated[float, msgspec.Meta(ge=1, le=600)] = 20.0
    feed_max_bytes: Bytes = 10 * 1024 * 1024
    page_max_bytes: Bytes = 5 * 1024 * 1024
    tick: Seconds = 60
    min_interval: Seconds = 300
    max_interval: Seconds = 86_400
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    parse_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=600)] = 10.0
    worker_memory_mb: Annotated[int, msgspec.Meta(ge=256, le=65_536)] = 1024
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    schedule: Schedule = Schedule()
    retention: Retention = Retention()

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
    def networks(self) -> tuple[Network, ...]:
        """`allow_networks` as networks."""
        return tuple(ipaddress.ip_network(network) for network in self.allow_networks)


def setting_names() -> tuple[str, ...]:
    """The dotted name of every setting, in order: `fetch`, `schedule.poll` …"""
    return tuple(_names(Config))


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.replace(".", "_").upper()


def load_config(environ: Mapping[str, str] | None = None, path: Path | None = None) -> Config:
    """The configuration in force. Raises ConfigError.

    `environ` stands for os.environ and `path` for levantwatch.toml in the current folder, which need not exist; a `path` that is
    named must.
    """
    environ = os.environ if environ is None else environ
    file = path or Path(FILE)
    values, text = _read(file, required=path is not None)
    for name, value in _from_environment(environ):
        _checked({name: value}, lambda _: variable(name))  # noqa: B023  (called at once)
        values[name] = value
    return _checked(values, lambda name: _place(file, text, name) if name else str(file))


def _read(file: Path, *, required: bool) -> tuple[dict[str, Any], str]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise ConfigError(f"{file} does not exist") from None
        return {}, ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: no valid TOML: {error}") from None
    values = {}
    for name, value in _flat(data):
        if name not in setting_names():
            raise ConfigError(f"{_place(file, text, name)}: unknown key {name!r}{_meant(name, setting_names())}")
        values[name] = value
    return values, text


def _flat(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    sections = {name.split(".")[0] for name in setting_names() if "." in name}
    for key, value in data.items():
        if isinstance(value, dict) and (key in sections or key not in setting_names()):
            yield from ((f"{key}.{inner}", item) for inner, item in value.items())
        else:
            yield key, value


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    known = {variable(name): name for name in setting_names()}
    for key, value in environ.items():
        if not key.startswith(PREFIX) or key in FOR_TESTS:
            continue
        if key not in known:
            raise ConfigError(f"{key}: there is no such setting{_meant(key, tuple(known))}")
        yield known[key], value.strip()


def _checked(values: Mapping[str, Any], place: Any) -> Config:
    """The values as a Config; `place(name)` says where a wrong one stands."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        section, _, inner = name.rpartition(".")
        target = nested.setdefault(section, {}) if section else nested
        target[inner] = _split(value) if inner == "allow_networks" else value
    try:
        config = msgspec.convert(nested, Config, strict=False)
    except msgspec.ValidationError as error:
        reason, _, at = str(error).partition(" - at `$.")
        name = re.sub(r"\[.*", "", at.rstrip("`"))
        raise ConfigError(f"{place(name)}: {name + ': ' if name else ''}{_plain(reason)}") from None
    _check_cron(config, place)
    return config


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _check_cron(config: Config, place: Any) -> None:
    for name in ("poll", "prune"):
        expression = getattr(config.schedule, name)
        if expression is None or expression == Schedule.__struct_defaults__[Schedule.__struct_fields__.index(name)]:
            continue
        from apscheduler.triggers.cron import CronTrigger

        try:
            CronTrigger.from_crontab(expression, timezone="UTC")
        except ValueError as error:
            raise ConfigError(
                f"{place('schedule.' + name)}: schedule.{name}: {expression!r} is no cron expression of five fields ({error})"
            ) from None


def _plain(reason: str) -> str:
    return reason[:1].lower() + reason[1:]


def _place(file: Path, text: str, name: str) -> str:
    """The file with the line that sets `name`."""
    section, _, key = name.rpartition(".")
    inside = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            inside = header.group(1)
        elif re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line) and inside == section:
            return f"{file}:{number}"
    return str(file)


def _meant(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else "; docs/configuration.md lists them"


def _names(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _names(field.type, f"{field.name}.")
        else:
            yield prefix + field.name
