"""One validated configuration; nobody else reads the environment.

Later wins: the defaults of options.py, `levantwatch.toml` in the current folder, `LEVANTWATCH_<NAME>` in the environment. The key
`[a] b` of the file is `LEVANTWATCH_A_B`. A wrong key or value is a ConfigError of one line that names its place.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from crawler.options import PREFIX, Config, Schedule, described, setting_names, variable

__all__ = ["Config", "ConfigError", "load_config", "read_text", "read_toml"]

FILE = "levantwatch.toml"
MOST_BYTES = 10_000_000  # of a file of settings; a device never ends
FOR_TESTS = frozenset({"LEVANTWATCH_REQUIRE"})  # read by the test suite, no setting


class ConfigError(Exception):
    """The configuration is wrong; the message says where and what to write."""


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
        if stat.S_ISFIFO(file.stat().st_mode):  # nobody may ever write to it
            raise ConfigError(f"{file} is a pipe, not a file of settings")
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigError(f"{file} is larger than {MOST_BYTES // 1_000_000} MB; a file of settings is not")
        return data.decode("utf-8-sig")  # editors on Windows begin a file with a byte order mark
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
    except ValueError as error:  # of TOML, or a number too long for Python
        raise ConfigError(_no_toml(file, text, str(error).partition(";")[0])) from None
    except RecursionError:
        raise ConfigError(f"{file}: no valid TOML: it nests too deep") from None


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


_SECTIONS = frozenset(name.partition(".")[0] for name in setting_names() if "." in name)
