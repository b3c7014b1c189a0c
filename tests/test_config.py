"""The configuration: every setting from the file and from the environment, and one line for every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.config import Config, ConfigError, load_config
from crawler.options import described, setting_names, variable
from tests.command import Desk

# for every setting another value than the default, as it stands in the file
OTHERS: dict[str, str] = {
    "database_url": '"postgresql://desk@db.example/news"',
    "allow_networks": '["10.0.0.0/8", "::1/128"]',
    "contact": '"watch@news.example"',
    "fetch": '"all"',
    "look_again": '"off"',
    "blind_fetches": "0",
    "host_delay": "0",
    "host_connections": "16",
    "concurrency": "8",
    "request_timeout": "2.5",
    "feed_max_bytes": "1024",
    "page_max_bytes": "104857600",
    "tick": "5",
    "cluster_lease": "45",
    "min_interval": "60",
    "max_interval": "604800",
    "workers": "4",
    "parse_seconds": "0.1",
    "worker_memory_mb": "256",
    "log_level": '"DEBUG"',
    "archive": '"on"',
    "archive_dir": '"/srv/pages"',
    "metrics_port": "9464",
    "schedule.poll": '"*/5 * * * mon-fri"',
    "schedule.revisions": '"7 * * * *"',
    "schedule.prune": '"0 4 * * sun"',
    "retention.rejected": "1",
    "retention.polls": "36500",
    "retention.entries": "7",
    "retention.audit_share": "0.25",
    "judge.topics_dir": '"topics"',
    "judge.model_file": '"model.json"',
    "alerts.file": '"alerts.toml"',
    "web.host": '"0.0.0.0"',
    "web.port": "0",
    "web.names": '"desk.example, watch.example"',
    "web.password_hash": '"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA"',
    "web.user_header": '"X-Remote-User"',
    "web.https": '"yes"',
    "web.tokens": '"notebook:0123456789abcdef"',
    "websub.callback_url": '"https://watch.example/websub"',
    "websub.address": '"::1"',
    "websub.port": "8711",
}


def written(text: str | bytes) -> Path:
    file = Path("levantwatch.toml")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def value(config: Config, name: str) -> Any:
    found: Any = config
    for part in name.split("."):
        found = getattr(found, part)
    return found


def from_python(toml: str) -> Any:
    import tomllib

    found = tomllib.loads(f"x = {toml}")["x"]
    return tuple(found) if isinstance(found, list) else found


def test_without_file_and_variables_the_defaults_hold() -> None:
    assert load_config({}) == Config()


def test_the_table_names_every_setting() -> None:
    assert list(OTHERS) == list(setting_names())


@pytest.mark.parametrize("name", setting_names())
def test_every_setting_from_the_file(name: str) -> None:
    section, _, key = name.rpartition(".")
    written((f"[{section}]\n" if section else "") + f"{key} = {OTHERS[name]}\n")
    config = load_config({})
    assert value(config, name) == from_python(OTHERS[name]) != value(Config(), name)
    others = [other for other in setting_names() if other != name]
    assert all(value(config, other) == value(Config(), other) for other in others)


@pytest.mark.parametrize("name", setting_names())
def test_every_setting_from_the_environment_which_wins(name: str) -> None:
    section, _, key = name.rpartition(".")
    wanted = from_python(OTHERS[name])
    text = ", ".join(wanted) if isinstance(wanted, tuple) else str(wanted)
    assert value(load_config({variable(name): f" {text} "}), name) == wanted
    default = "''" if name == "schedule.poll" else value(Config(), name)
    if isinstance(default, str | int | float) and default != "''":
        quoted = f'"{default}"' if isinstance(default, str) else default
        written((f"[{section}]\n" if section else "") + f"{key} = {quoted}\n")
        assert value(load_config({variable(name): text}), name) == wanted


def test_all_settings_at_once_in_one_file() -> None:
    top = "\n".join(f"{name} = {text}" for name, text in OTHERS.items() if "." not in name)
    nested = "\n".join(f"{name} = {text}" for name, text in OTHERS.items() if "." in name)
    written(f"{nested}\n{top}\n")
    config = load_config({})
    assert {name: value(config, name) for name in OTHERS} == {name: from_python(text) for name, text in OTHERS.items()}


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", []),
        (" , ", []),
        ("10.0.0.0/8", ["10.0.0.0/8"]),
        ("10.0.0.0/8,::1", ["10.0.0.0/8", "::1/128"]),
        ("127.0.0.1", ["127.0.0.1/32"]),
    ],
)
def test_networks(text: str, networks: list[str]) -> None:
    assert [str(network) for network in load_config({"LEVANTWATCH_ALLOW_NETWORKS": text}).networks] == networks


def test_other_programs_variables_are_none_of_ours() -> None:
    assert load_config({"HOME": "/", "LEVANTWATCH_REQUIRE": "postgres", "TICK": "no"}) == Config()


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "[schedule]\n", "\ufefftick = 60\n", "tick = 60\r\n", 'tick = "60"', "tick = 60.0"]
)
def test_harmless_files(text: str) -> None:
    written(text)
    assert load_config({}) == Config()


F, V = "levantwatch.toml", "LEVANTWATCH_"
WRONG_FILES = [
    # file, where, what the line says
    ("tik = 5", ":1", "unknown key 'tik'; did you mean 'tick'?"),
    ("\n\nfetsh = 'all'", ":3", "did you mean 'fetch'?"),
    ("[retention]\npols = 5", ":2", "did you mean 'retention.polls'?"),
    ("[schedule]\nfetch = 'all'", ":2", "unknown key 'schedule.fetch'"),
    ("[schedul]\npoll = '* * * * *'", ":2", "did you mean 'schedule.poll'?"),
    ("[colour]", ":1", "unknown key 'colour'; docs/configuration.md lists them"),
    ("[[feeds]]\nurl = 'x'", ":1", "unknown key 'feeds'"),
    ("schedule = 'daily'", ":1", "unknown key 'schedule'; did you mean 'schedule.poll'?"),
    ("tick = true", ":1", "tick cannot be True; write a whole number from 1 to 604800"),
    ("tick = 1.5", ":1", "write a whole number from 1 to 604800"),
    ("tick = 0", ":1", "tick cannot be 0"),
    ("tick = 604801", ":1", "tick cannot be 604801"),
    ("tick = 99999999999999999999999", ":1", "tick cannot be"),
    ("tick = []", ":1", "tick cannot be []"),
    ("tick = 2026-01-31", ":1", "write a whole number"),
    ("host_delay = -0.1", ":1", "write a number from 0 to 3600"),
    ("host_delay = nan", ":1", "write a number from 0 to 3600"),
    ("host_delay = inf", ":1", "write a number from 0 to 3600"),
    ("\nfetch = 'some'", ":2", "fetch cannot be 'some'; write one of all, candidates, none"),
    ("[fetch]\nall = true", ":1", "write one of all, candidates, none"),
    ("log_level = 'info'", ":1", "write one of DEBUG, ERROR, INFO, WARNING"),
    ("contact = 'جهة اتصال'", ":1", "write at most 200 characters of printable ASCII"),
    ('contact = "a\\nX-Header: forged"', ":1", "printable ASCII"),
    ('contact = "a\\n"', ":1", "printable ASCII"),
    (f"contact = '{'x' * 201}'", ":1", "contact cannot be that; write at most 200 characters"),
    ("database_url = 5", ":1", "write text"),
    ("allow_networks = 5", ":1", 'write networks, such as "10.0.0.0/8, ::1/128"'),
    ("allow_networks = ['10.0.0.0/8', 5]", ":1", "write networks"),
    ("# inner\nallow_networks = ['10.0.0.1/8']", ":2", "10.0.0.1/8 has host bits set"),
    ("allow_networks = 'localhost'", ":1", "'localhost' does not appear to be"),
    ("tick = 1\nmin_interval = 600\nmax_interval = 300", ":2", "min_interval (600) is longer than max_interval (300)"),
    ("max_interval = 299", ":1", "min_interval (300) is longer than max_interval (299)"),
    ("[schedule]\npoll = 'often'", ":2", "schedule.poll cannot be 'often'; write a cron expression of five fields"),
    ("schedule.poll = '61 * * * *'", ":1", "maximum value (59)"),
    ("schedule = {poll = '* * * *'}", ":1", "got 4, expected 5"),
    ("[schedule]\nprune = ''", ":2", "write a cron expression"),
    ("[schedule]\nprune = 5", ":2", "write a cron expression"),
    ("tick 5", ":1", "no valid TOML"),
    ("tick = 5\n\ntick = 6", ":3", "no valid TOML"),
    ("tick = 5\nfetch = 'all", ":2", "no valid TOML"),
    ("tick = " + "9" * 5_000, ":1", "no valid TOML: Exceeds the limit"),
    ("a = " + "[" * 5_000, "", "it nests too deep"),
    ("a = " + "{a=" * 5_000, "", "it nests too deep"),
    ("#" * 10_000_001, "", "is larger than 10 MB"),
    (b"contact = '\xff'", "", "is not UTF-8 text (byte 11); save it as UTF-8"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "where", "what"), WRONG_FILES)
def test_a_wrong_file_is_one_line_with_its_place(text: str | bytes, where: str, what: str) -> None:
    written(text)
    with pytest.raises(ConfigError) as raised:
        load_config({})
    message = str(raised.value)
    assert message.startswith(F + where)
    assert what in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("TICK", "soon", "tick cannot be 'soon'; write a whole number from 1 to 604800"),
        ("TICK", "", "tick cannot be ''"),
        ("TICK", "1_0", "write a whole number"),
        ("HOST_DELAY", "nan", "write a number from 0 to 3600"),
        ("FETCH", "ALL", "write one of all, candidates, none"),
        ("CONTACT", "ñ", "printable ASCII"),
        ("ALLOW_NETWORKS", "10.0.0.0/8, inner", "allow_networks: 'inner' does not appear to be"),
        ("MIN_INTERVAL", "90000", "min_interval (90000) is longer than max_interval (86400)"),
        ("SCHEDULE_POLL", "* * * *", "got 4, expected 5"),
        ("RETENTION_POLLS", "0", "write a whole number from 1 to 36500"),
        ("TIK", "5", "there is no such setting; did you mean 'LEVANTWATCH_TICK'?"),
        ("DATABASE", "sqlite://", "did you mean 'LEVANTWATCH_DATABASE_URL'?"),
        ("", "5", "there is no such setting"),
    ],
)
def test_a_wrong_variable_is_one_line_with_its_name(name: str, text: str, what: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config({V + name: text})
    message = str(raised.value)
    assert message.startswith(V + name + ":")
    assert what in message
    assert "\n" not in message


def test_file_and_environment_are_judged_together() -> None:
    written("max_interval = 200000\n")
    assert load_config({"LEVANTWATCH_MIN_INTERVAL": "90000"}).min_interval == 90_000


def test_a_password_is_never_shown() -> None:
    written('database_url = {url = "postgresql://desk:secret@db.example/news"}\n')
    with pytest.raises(ConfigError) as raised:
        load_config({})
    assert "secret" not in str(raised.value)


def test_a_file_that_is_named_must_exist_and_be_one() -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_config({}, Path("other.toml"))
    Path("folder.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config({}, Path("folder.toml"))
    os.mkfifo("pipe.toml")
    with pytest.raises(ConfigError, match="is a pipe"):
        load_config({}, Path("pipe.toml"))
    with pytest.raises(ConfigError, match="is larger than 10 MB"):
        load_config({}, Path("/dev/zero"))


def test_every_setting_is_described_in_words() -> None:
    assert {described(name) for name in setting_names()} >= {
        "text",
        "a number from 0 to 3600",
        "a whole number from 1 to 64",
    }
    assert not any("None" in described(name) for name in setting_names())


def mistake(environ: dict[str, str], file: Path) -> str:
    try:
        load_config(environ, file)
    except ConfigError as error:
        return str(error)
    return ""


@given(text=st.text() | st.sampled_from(sorted(OTHERS)).flatmap(lambda name: st.text().map(f"{name} = {{}}".format)))
def test_no_file_raises_anything_else(text: str) -> None:
    assert "\n" not in mistake({}, written(text.encode("utf-8", "replace")))


@given(name=st.sampled_from(setting_names()), text=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_no_variable_raises_anything_else(name: str, text: str) -> None:
    assert "\n" not in mistake({variable(name): text}, written(""))


# --- the commands ---


@pytest.mark.parametrize(
    "command", [["poll"], ["run"], ["run", "--once"], ["feeds", "list"], ["search"], ["db", "check"]]
)
def test_every_command_ends_with_that_line(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "levantwatch.toml").write_text("tik = 5\n")
    done = Desk(tmp_path, f"sqlite:///{tmp_path}/watch.db").run(*command)
    assert done.returncode == 1
    assert done.stderr.decode() == "levantwatch: levantwatch.toml:1: unknown key 'tik'; did you mean 'tick'?\n"
    assert done.stdout == b""


def test_scrapy_crawl_ends_with_that_line(tmp_path: Path) -> None:
    (tmp_path / "levantwatch.toml").write_text("tik = 5\n")
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/watch.db")
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "crawl", "feeds"],
        cwd=tmp_path, env={**desk.env, "SCRAPY_SETTINGS_MODULE": "crawler.settings"}, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    said = [line for line in done.stderr.decode().splitlines() if " INFO " not in line]
    assert said == ["levantwatch: levantwatch.toml:1: unknown key 'tik'; did you mean 'tick'?"]
