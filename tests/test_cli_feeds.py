"""`levantwatch feeds …` as its user meets it: what it prints, its exit status, one line for every mistake."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crawler.catalogue import load_catalogue
from crawler.cli import main
from crawler.opml import read_feed_list
from tests.command import Desk, free_port

LISTED = [
    "id", "state", "url", "title", "publisher", "country", "language", "kind", "tags", "next_poll_at", "last_polled_at", "last_outcome",
    "last_error", "failing_since", "replacement",
]  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a command ended with and said."""

    status: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture
def run(schema_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process on a database of its own, on SQLite and on Postgres."""
    monkeypatch.setenv("LEVANTWATCH_DATABASE_URL", schema_url)

    def run(*arguments: str) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        told = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, told.out, told.err)

    return run


def rows(run: Run, *arguments: str) -> list[dict[str, Any]]:
    answer = run("feeds", "list", "--format", "json", *arguments)
    assert answer.status == 0
    listed: list[dict[str, Any]] = json.loads(answer.out)
    return listed


# --- adding, changing, removing ---


def test_adding_a_feed_with_all_that_is_known_of_it(run: Run) -> None:
    answer = run(
        "feeds", "add", " HTTPS://Courier.example/feed.xml ", "--title", "The  Courier\x07", "--publisher", "Courier Group", "--country",
        "sy", "--language", "AR", "--kind", "State media", "--tag", "Syria", "--tag", "Middle East",
    )  # fmt: skip
    assert answer == Answer(0, "feed 1 added: https://courier.example/feed.xml\n", "")
    [row] = rows(run)
    assert list(row) == LISTED
    assert {name: row[name] for name in LISTED[:9]} == {
        "id": 1, "state": "active", "url": "https://courier.example/feed.xml", "title": "The Courier", "publisher": "Courier Group",
        "country": "SY", "language": "ar", "kind": "state-media", "tags": ["middle-east", "syria"],
    }  # fmt: skip
    assert row["next_poll_at"].endswith("Z")


def test_adding_the_same_feed_twice_says_so_and_changes_nothing(run: Run) -> None:
    run("feeds", "add", "https://courier.example/feed", "--title", "The Courier")
    again = run("feeds", "add", "HTTPS://COURIER.example:443/feed", "--title", "Another")
    assert again == Answer(0, "feed 1 was there already and stays as it is: https://courier.example/feed\n", "")
    assert [row["title"] for row in rows(run)] == ["The Courier"]
    run("feeds", "disable", "1")
    assert (
        "it is disabled; poll it again with: levantwatch feeds enable 1\n"
        in run("feeds", "add", "https://courier.example/feed").out
    )


def test_disable_enable_remove_and_back(run: Run) -> None:
    url = "https://courier.example/feed"
    run("feeds", "add", url)
    assert run("feeds", "disable", url).out == f"feed 1 disabled: {url}\n"
    assert [row["state"] for row in rows(run)] == ["disabled"]
    assert run("feeds", "enable", "HTTPS://Courier.example/feed").out == f"feed 1 enabled: {url}\n"
    assert [row["state"] for row in rows(run)] == ["active"]
    assert run("feeds", "remove", "1").out == f"feed 1 removed: {url}\n"
    assert rows(run) == []
    assert run("feeds", "remove", "1").status == 1
    assert run("feeds", "add", url).out == f"feed 1 added: {url}\n"


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["add", "ftp://a.example/feed"], 2, "'ftp://a.example/feed' is no http or https address"),
        (["add", "a.example/feed"], 2, "write https://a.example/feed"),
        (
            ["add", "https://me:secret@a.example/"],
            2,
            "holds a user name or a password, and levantwatch sends none; leave it out",
        ),
        (["add", "https://a.example/" + "x" * 3000], 2, "the address has 3,018 characters; 2,000 is the most"),
        (["add", ""], 2, "'' is no http or https address"),
        (["add", "https://a.example/", "--country", "Syria"], 2, "write the two letters of ISO 3166"),
        (["add", "https://a.example/", "--language", "Arabic"], 2, "is no language tag; write one as en, ar or pt-br"),
        (["add", "https://a.example/", "--kind", "?"], 2, "'?' holds no letter or digit"),
        (["add", "https://a.example/", "--tag", "a,b"], 2, "'a,b' holds a comma; give --tag once for each tag"),
        (["add", "https://a.example/", "--tag", "x" * 60], 2, "is longer than 50 characters"),
        (["add"], 2, "Missing argument 'URL'"),
        (["add", "https://a.example/", "--colour", "red"], 2, "No such option"),
        (["remove", "99"], 1, "no feed '99'; levantwatch feeds list shows them"),
        (
            ["enable", "https://nowhere.example/"],
            1,
            "no feed 'https://nowhere.example/'; levantwatch feeds list shows them",
        ),
        (["disable", "nonsense"], 1, "no feed 'nonsense'"),
        (["explain", "99"], 1, "no feed '99'"),
        (["import"], 2, "name a file, or say --catalogue"),
        (["import", "x.opml", "--catalogue"], 2, "name a file, or say --catalogue"),
        (["import", "nothing-here.opml"], 1, "cannot read nothing-here.opml: No such file or directory"),
        (["import", "."], 1, "cannot read .: Is a directory"),
        (["export", "-o", "no-folder/feeds.opml"], 1, "cannot write no-folder/feeds.opml: No such file or directory"),
        (["list", "--format", "xml"], 2, "'xml' is not one of"),
        (["frobnicate"], 2, "No such command"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line_that_says_what_to_do(run: Run, arguments: list[str], status: int, told: str) -> None:
    run("feeds", "add", "https://known.example/feed")
    answer = run("feeds", *arguments)
    assert (answer.status, answer.out) == (status, "")
    assert answer.err.startswith("levantwatch: ")
    assert told in answer.err
    assert answer.err.count("\n") == 1
    assert "secret" not in answer.err
    assert len(rows(run)) == 1


# --- looking ---


def test_every_form_of_the_list(run: Run) -> None:
    run("feeds", "add", "https://a.example/feed", "--title", "=A", "--tag", "one", "--tag", "two")
    run("feeds", "add", "https://b.example/feed")
    assert [json.loads(line)["id"] for line in run("feeds", "list", "--format", "jsonl").out.splitlines()] == [1, 2]
    table = list(csv.DictReader(io.StringIO(run("feeds", "list", "--format", "csv").out)))
    assert list(table[0]) == LISTED
    assert (table[0]["title"], table[0]["tags"], table[1]["title"]) == ("'=A", "one,two", "")
    piped = [line.split("\t") for line in run("feeds", "list").out.splitlines()]
    assert [(len(line), line[:4]) for line in piped] == [
        (len(LISTED), ["1", "active", "https://a.example/feed", "=A"]),
        (len(LISTED), ["2", "active", "https://b.example/feed", ""]),
    ]


def test_an_empty_list_says_how_to_begin(run: Run) -> None:
    run("feeds", "add", "https://a.example/feed")
    assert run("feeds", "list", "--failing") == Answer(0, "", "levantwatch: no feed fails\n")
    run("feeds", "remove", "1")
    assert run("feeds", "list") == Answer(
        0, "", "levantwatch: no feed yet; begin with: levantwatch feeds import --catalogue\n"
    )
    assert run("feeds", "list", "--format", "json").out == "[]\n"


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_the_list_fits(tmp_path: Path, columns: int) -> None:
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/watch.db", settings={"COLUMNS": str(columns), "TERM": "dumb"})
    long = "The Harbour Gazette of the Northern Provinces: news of the Levant and of all its neighbours, hour by hour"
    desk.ok("feeds", "add", "https://gazette.example/" + "a" * 150)
    desk.ok("feeds", "add", "https://gazette.example/feed", "--title", long, "--language", "en", "--country", "GB")
    lines = on_a_terminal(desk, columns, "feeds", "list")
    assert max(map(len, lines)) <= columns
    assert next(words for words in map(str.split, lines) if words[:2] == ["2", "active"])[-4:-2] == ["en", "GB"]
    assert "hourbyhour" in "".join("".join(lines).split())  # nothing is cut off


def test_a_quiet_poll_shows_no_bar_and_a_failed_one_says_where_to_look(tmp_path: Path) -> None:
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/watch.db")
    desk.ok("feeds", "add", f"http://127.0.0.1:{free_port()}/feed")
    shown = " ".join(on_a_terminal(desk, 120, "poll", errors=True))
    assert "polling" in shown
    assert "why feeds failed: levantwatch feeds list --failing" in shown
    quiet = [line for line in on_a_terminal(desk, 120, "poll", "--quiet", errors=True) if line]
    assert quiet == ["feeds 1 (1 failed) · entries 0 · new 0 · fetched 0 · matched 0 · unreadable 0"]


def on_a_terminal(desk: Desk, columns: int, *arguments: str, errors: bool = False) -> list[str]:
    """What a command prints on a terminal of so many columns; with `errors` what goes to standard error, too."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "crawler", *arguments]
    env = desk.env | {"COLUMNS": str(columns), "TERM": "xterm" if errors else "dumb", "NO_COLOR": "1"}
    told = follower if errors else subprocess.PIPE
    subprocess.run(command, cwd=desk.folder, env=env, stdout=follower, stderr=told, timeout=90, check=True)
    os.close(follower)
    output = b""
    try:
        while chunk := os.read(leader, 65_536):
            output += chunk
    except OSError:  # the end of a terminal
        pass
    os.close(leader)
    return output.decode().replace("\r", "").split("\n")


def test_explain_for_people_and_for_programs(run: Run) -> None:
    run("feeds", "add", "https://a.example/feed")
    assert "first-poll" in run("feeds", "explain", "1").out
    told = json.loads(run("feeds", "explain", "https://a.example/feed", "--format", "json").out)
    assert (told["feed"], told["state"], told["because_of"], told["polls"]) == (
        "1 https://a.example/feed",
        "active",
        "first-poll",
        [],
    )
    assert told["next_poll"].endswith("Z")


# --- lists in and out ---


def test_export_then_import_into_an_empty_database_gives_the_same_feeds(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("feeds", "import", "--catalogue")
    run("feeds", "add", "https://bare.example/feed?a=1&b='\"<x>")
    run(
        "feeds",
        "add",
        "https://a.example/feed",
        "--title",
        '<b>Bold</b> & "quoted"',
        "--publisher",
        "A & B",
        "--tag",
        "شام",
        "--kind",
        "mine",
    )
    run("feeds", "disable", "https://a.example/feed")
    run("feeds", "remove", "https://www.syria.tv/feed")
    assert run("feeds", "export", "-o", "feeds.opml") == Answer(0, "", "")
    before = rows(run)
    monkeypatch.setenv("LEVANTWATCH_DATABASE_URL", "sqlite:///empty.db")
    assert run("feeds", "import", "feeds.opml").out == f"{len(before)} feeds in feeds.opml, {len(before)} added\n"
    without = ("id", "next_poll_at")
    assert [{name: row[name] for name in row if name not in without} for row in rows(run)] == [
        {name: row[name] for name in row if name not in without} for row in before
    ]
    assert len(before) == len(load_catalogue()) + 1


def test_export_to_standard_output_is_the_document(tmp_path: Path) -> None:
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/watch.db")
    done = desk.run("feeds", "import", "-", stdin="https://a.example/feed\nhttps://ü.example/feed\n".encode())
    assert (done.returncode, done.stdout, done.stderr) == (0, b"2 feeds in standard input, 2 added\n", b"")
    listed = read_feed_list(desk.run("feeds", "export").stdout)
    assert [feed.url for feed in listed.feeds] == ["https://a.example/feed", "https://ü.example/feed"]


def test_import_never_changes_a_known_feed_and_brings_no_removed_one_back(run: Run) -> None:
    for name in ("known", "removed", "disabled"):
        run("feeds", "add", f"https://{name}.example/feed", "--title", name)
    run("feeds", "remove", "https://removed.example/feed")
    run("feeds", "disable", "https://disabled.example/feed")
    before = rows(run)
    Path("list.opml").write_text(
        "<opml version='2.0'><body><outline text='Folder'>"
        + "".join(
            f"<outline text='New name' type='rss' xmlUrl='https://{name}.example/feed'/>"
            for name in ("known", "removed", "disabled", "new")
        )
        + "</outline></body></opml>"
    )
    answer = run("feeds", "import", "list.opml")
    assert answer == Answer(0, "4 feeds in list.opml, 1 added, 3 known already or removed before\n", "")
    assert rows(run)[:2] == before
    assert [(row["url"], row["title"], row["tags"]) for row in rows(run)[2:]] == [
        ("https://new.example/feed", "New name", ["folder"])
    ]
    assert (
        run("feeds", "import", "list.opml").out == "4 feeds in list.opml, 0 added, 4 known already or removed before\n"
    )


def test_lines_that_cannot_be_used_are_told_and_the_rest_is_imported(run: Run) -> None:
    Path("list.txt").write_text("https://a.example/feed\n" + "junk\n" * 25)
    answer = run("feeds", "import", "list.txt")
    assert (answer.status, answer.out) == (0, "1 feed in list.txt, 1 added\n")
    told = answer.err.splitlines()
    assert told[0] == "levantwatch: list.txt: line 2: 'junk' is no http or https address"
    assert told[20:] == ["levantwatch: list.txt: and 5 more lines like these"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b"<rss version='2.0'><channel/></rss>", "it is a feed, not a list of feeds; add its address with: levantwatch feeds add URL"),
        (b"<!doctype html><html><body>x</body></html>", "it is an HTML page, not a list of feeds"),
        (b"<opml><body><outline text='One", "no feed in it can be used: line 1: the XML is broken here"),
        (b"<opml><body><outline type='rss' text='One'/><outline type='rss'/></body></opml>", "One has no xmlUrl; try: levantwatch feeds discover its home page, and 1 more"),
        (b"\x00\x01\x02", "it is no text, perhaps a table or an archive; give OPML or a text file of URLs"),
        (b"#" * (10 * 2**20 + 5), "it is larger than 10 MB"),
    ],
    ids=["empty", "feed", "page", "cut off", "no address", "binary", "large"],
)  # fmt: skip
def test_a_file_that_is_no_list_is_one_line(run: Run, content: bytes, told: str) -> None:
    Path("list.opml").write_bytes(content)
    answer = run("feeds", "import", "list.opml")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith("levantwatch: list.opml: ")
    assert told in answer.err
    assert answer.err.count("\n") == 1


def test_the_catalogue_comes_by_its_command_alone_and_leaves_the_users_changes(run: Run) -> None:
    run("feeds", "add", "https://mine.example/feed")
    assert len(rows(run)) == 1
    number = len(load_catalogue())
    assert run("feeds", "import", "--catalogue").out == (
        f"{number} feeds in the catalogue, {number} added; poll them with: levantwatch run\n"
    )
    run("feeds", "remove", "https://www.syria.tv/feed")
    run("feeds", "disable", "https://syriadirect.org/feed/")
    before = rows(run)
    assert f"{number} feeds in the catalogue, 0 added" in run("feeds", "import", "--catalogue").out
    assert rows(run) == before


@pytest.mark.parametrize(
    "command", ["list", "add", "remove", "enable", "disable", "import", "export", "discover", "explain"]
)
def test_every_command_has_an_example_in_its_help(run: Run, command: str) -> None:
    assert f"levantwatch feeds {command}" in run("feeds", command, "--help").out
