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
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import msgspec.inspect

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


def load_config(environ: Mapping[str, str] | None = None, path: Path | None = None) -> Config:
    """The configuration in force. Raises ConfigError.

    `environ` stands for os.environ and `path` for levantwatch.toml in the current folder, which need not exist; a `path` that is
    named must.
    """
    settings = _from_file(path or Path(FILE), required=path is not None)
    settings.update(_from_environment(os.environ if environ is None else environ))
    return _checked(settings)


@dataclass(frozen=True, slots=True)
class _Setting:
    """A value with the place where it was set: a variable, or a file and line."""

    value: Any
    place: str


def _from_file(file: Path, *, required: bool) -> dict[str, _Setting]:
    text = read_text(file, required=required)
    data = read_toml(file, text)
    settings = {}
    for name, value in _flat(data):
        place = _place(file, text, name)
        if name not in setting_names():
            raise ConfigError(f"{place}: unknown key {name!r}{_meant(name, setting_names())}")
        settings[name] = _Setting(value, place)
    return settings


def read_text(file: Path, *, required: bool = True) -> str:
    """The text of a file of settings, '' for one that is not there and need not be. Raises ConfigError."""
    try:
        return file.read_bytes().decode("utf-8-sig")  # editors on Windows begin a file with a byte order mark
    except FileNotFoundError:
        if required:
            raise ConfigError(f"{file} does not exist") from None
        return ""
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def read_toml(file: Path, text: str) -> dict[str, Any]:
    """The values in the text of this file. Raises ConfigError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_no_toml(file, text, str(error))) from None


def _no_toml(file: Path, text: str, reason: str) -> str:
    line = re.search(r" \(at line (\d+), column \d+\)", reason)
    number = int(line.group(1)) if line else text.count("\n", 0, len(text.rstrip())) + 1
    return f"{file}:{number}: no valid TOML: {re.sub(r' [(]at .*[)]$', '', reason)}"


def _flat(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, dict) and value and key not in setting_names():
            yield from ((f"{key}.{inner}", item) for inner, item in value.items())
        elif value != {} or key not in _SECTIONS:  # an empty section sets nothing
            yield key, value


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Setting]:
    known = {variable(name): name for name in setting_names()}
    settings = {}
    for key, value in environ.items():
        if not key.startswith(PREFIX) or key in FOR_TESTS:
            continue
        if key not in known:
            raise ConfigError(f"{key}: there is no such setting{_meant(key, tuple(known))}")
        settings[known[key]] = _Setting(value.strip(), key)
    return settings


def _checked(settings: Mapping[str, _Setting]) -> Config:
    nested: dict[str, Any] = {}
    for name, setting in settings.items():
        section, _, inner = name.rpartition(".")
        target = nested.setdefault(section, {}) if section else nested
        target[inner] = _split(setting.value) if inner == "allow_networks" else setting.value
    try:
        config = msgspec.convert(nested, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(_wrong(settings, str(error))) from None
    _check_cron(config, settings)
    return config


def _wrong(settings: Mapping[str, _Setting], reason: str) -> str:
    """The line that says where what is wrong; `reason` is msgspec's, or of Config.__post_init__ beginning with a name."""
    told, at_value, path = reason.partition(" - at `$.")
    if at_value:
        name = re.sub(r"\[.*", "", path.rstrip("`"))
        shown = repr(settings[name].value)
        if len(shown) > 80 or name in ("database_url", "web.password_hash", "web.tokens"):  # which may hold a password
            shown = "that"
        return f"{settings[name].place}: {name} cannot be {shown}; write {described(name)}"
    culprits = [settings[name].place for name in re.findall(r"\w+", told) if name in settings]
    return f"{culprits[0]}: {told}"


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _check_cron(config: Config, settings: Mapping[str, _Setting]) -> None:
    for name in Schedule.__struct_fields__:
        setting = settings.get(f"schedule.{name}")
        if setting is None:  # the default, which is right
            continue
        from apscheduler.triggers.cron import CronTrigger

        try:
            CronTrigger.from_crontab(getattr(config.schedule, name), timezone="UTC")
        except ValueError as error:
            raise ConfigError(
                f"{setting.place}: schedule.{name} cannot be {setting.value!r}; write {described('schedule.' + name)} ({error})"
            ) from None


def _place(file: Path, text: str, name: str) -> str:
    """The file with the line that sets `name`."""
    section, _, key = name.rpartition(".")
    inside = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([\w.-]+)\s*\]", line):
            inside = header.group(1)
            if inside == name:
                return f"{file}:{number}"
        elif (setting := re.match(r"\s*([\w.\"' -]+?)\s*=", line)) and _sets(setting.group(1), inside, section, key):
            return f"{file}:{number}"
    return str(file)


def _sets(written: str, inside: str, section: str, key: str) -> bool:
    """Whether `written` within the section `inside` sets the key: alone, dotted, or as an inline table."""
    words = re.sub(r"[\s\"']", "", written)
    full = f"{inside}.{words}" if inside else words
    return full == (f"{section}.{key}" if section else key) or full == section


def _meant(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else "; docs/configuration.md lists them"


def _names(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _names(field.type, f"{field.name}.")
        else:
            yield prefix + field.name


_SECTIONS = frozenset(name.partition(".")[0] for name in setting_names() if "." in name)
