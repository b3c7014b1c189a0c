"""The command at its edges: bad usage, a bad database, bad input, a reader who leaves. Never a traceback, always one line."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from storage_samples import DAY, NOW, add_feed, add_matches, list_entries, seen, verdict

from crawler.cli import app, command_for
from storage import entries
from storage.db import Database, open_database
from tests.command import ROOT, Desk, environment, free_port, run_here
from tests.site import Site, rss


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def levantwatch(capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run the command in this process; the database is levantwatch.db in the test's folder."""

    return lambda *arguments: Done(*run_here(capfdbinary, *arguments))


def refused(done: Done, status: int, *words: str) -> None:
    """It ended with this status and one line on standard error that holds these words."""
    assert done.status == status, done
    assert done.out == ""
    assert done.err.startswith("levantwatch: ")
    assert len(done.err.splitlines()) == 1, done.err
    for word in words:
        assert word in done.err


ABOUT_SYRIA = (
    "Shells hit a market in Idlib in north-western Syria on Monday, rescuers said. Syrian state media in Damascus did not comment. "
    "Hundreds of Syrians fled towards Aleppo, and the Syrian government said that it would open a road for them."
)
TITLES = {
    "plain": "Ceasefire holds in northern Syria",
    "markup": "[red]Raqqa[/red] \x1b[31m:smile:\u202e retaken",
    "arabic": "سوريا: غارات جوية على إدلب",
    "formula": "=HYPERLINK(1) Syria",
}


@pytest.fixture
def watched() -> Iterator[Database]:
    """Two outlets, four matches, a rejected entry."""
    with closing(open_database("sqlite:///levantwatch.db")) as database:
        database.ensure_schema(upgrade=False)
        feed = add_feed(database)
        both = (verdict("isis"), verdict("syria"))
        add_matches(
            database, feed, {"title": TITLES["plain"]}, {"title": TITLES["markup"], "verdicts": both},
            {"title": TITLES["arabic"], "language": "ar"}, {"title": TITLES["formula"], "published_at": NOW - 40 * DAY},
        )  # fmt: skip
        [rejected] = list_entries(database, feed, seen(1, title="Rain in the north"))
        with database.write() as session:
            entries.record_end(session, entry_id=rejected, state="irrelevant", scores={"syria": 0.1}, now=NOW)
        yield database


# --- help ---


def commands(group: click.Group | Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


ALL = list(commands())


def test_the_commands_of_the_contract_are_there() -> None:
    there = {" ".join(path) for path in ALL}
    assert there >= {
        "demo", "run", "poll", "search", "show", "why", "label", "export", "stats", "classify", "extract", "parse",
        "feeds list", "feeds add", "feeds remove", "feeds enable", "feeds disable", "feeds import", "feeds export", "feeds discover",
        "feeds explain", "db upgrade", "db check",
    }  # fmt: skip


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example_that_names_it(path: tuple[str, ...], levantwatch: Run) -> None:
    done = levantwatch(*path, "--help")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"Usage: levantwatch {' '.join(path)}")
    assert f"levantwatch {' '.join(path)}" in " ".join(done.out.partition("Example")[2].split())


def test_nothing_but_the_command_that_is_asked_for_is_made() -> None:
    names = {path[0] for path in ALL}
    assert all(set(command_for([name, "--help"]).commands) == {name} for name in names)
    assert all(set(command_for(asked).commands) == names for asked in ([], ["--help"], ["pol"], ["--version", "poll"]))


@pytest.mark.parametrize("path", [(), ("feeds",), ("db",)])
def test_a_group_alone_prints_its_help_and_is_bad_usage(path: tuple[str, ...], levantwatch: Run) -> None:
    done = levantwatch(*path)
    assert done.status == 2
    assert done.err.startswith("Usage: levantwatch")


def test_version(levantwatch: Run) -> None:
    assert levantwatch("--version").out.startswith("levantwatch 0.")


# --- bad usage: status 2 ---


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", ["No such command 'nonsense'", "see: levantwatch --help"]),
        ("--nonsense", ["No such option: --nonsense"]),
        ("search --nonsense", ["No such option: --nonsense", "see: levantwatch search --help"]),
        ("feeds nonsense", ["No such command 'nonsense'", "see: levantwatch feeds --help"]),
        ("show", ["Missing argument", "ID"]),
        ("why 1 2", ["unexpected extra argument"]),
        ("label 1 yes", ["--topic"]),
        ("label 1 --topic syria perhaps", ["perhaps", "yes"]),
        ("label 1 --topic nonsense yes", ["there is no topic 'nonsense'; the topics are isis, syria"]),
        ("search --topic nonsense", ["there is no topic 'nonsense'; the topics are isis, syria"]),
        ("export --topic sirya --format csv -o x", ["there is no topic 'sirya'; the topics are isis, syria"]),
        ("search --limit 0", ["--limit"]),
        ("search --limit 100001", ["--limit"]),
        ("search --limit many", ["--limit"]),
        ("search --format xml", ["--format", "'table', 'json', 'jsonl', 'csv'"]),
        ("export --format xml -o x", ["--format", "csv"]),
        ("export --format csv", ["--output"]),
        ("stats --format csv", ["--format"]),
        ("search --country Syria", ["--country", "'Syria' is no country code; write the two letters of ISO 3166"]),
        ("search --language arabic", ["--language", "'arabic' is no language tag; write one as en, ar or pt-br"]),
        ("search --since soon", ["--since", "'soon' is no date; write 2026-01-31 or an age such as 7d"]),
        ("search --until 2026-02-30", ["--until", "is no date"]),
        ("search --since ²d", ["is no date"]),
        ("search --since ''", ["is no date"]),
        ("search --since 99999w", ["--since", "a day without news"]),
        ("search --until 9999-12-31", ["--until", "a day without news"]),
        ("search --since 0001-01-01T00:00+14:00", ["is no date"]),
        ("search --since 2026-02-01 --until 2026-01-31", ["2026-02-01 is after --until 2026-01-31"]),
        ("stats --since soon", ["is no date"]),
        ("poll 1 --all", ["not both"]),
    ],
)  # fmt: skip
def test_bad_usage_is_one_line(line: str, words: list[str], levantwatch: Run) -> None:
    refused(levantwatch(*shlex.split(line)), 2, *words)
    assert not Path("levantwatch.db").exists()


@pytest.mark.parametrize("line", ["extract --url javascript:x page.html", "parse --url news/a.html page.html"])
def test_an_address_that_is_none_is_passed_over_with_a_word(line: str, levantwatch: Run) -> None:
    Path("page.html").write_text("<html><p>Rain in the valley.</p></html>", encoding="utf-8")
    done = levantwatch(*shlex.split(line))
    assert "is no http or https address and is passed over" in done.err
    assert json.loads(done.out)


# --- the database: status 1 ---

READING = [
    "search",
    "show 1",
    "why 1",
    "stats",
    "export --format csv -o out.csv",
    "label 1 --topic syria yes",
    "feeds list",
    "db check",
]


@pytest.mark.parametrize("line", READING)
def test_without_a_database_the_commands_say_how_to_begin(line: str, levantwatch: Run) -> None:
    refused(
        levantwatch(*line.split()),
        1,
        "There is no levantwatch database here yet; begin with levantwatch feeds import --catalogue, or set LEVANTWATCH_DATABASE_URL",
    )
    assert list(Path().iterdir()) == [], "and nothing is made"


@pytest.mark.parametrize(
    "line", [*READING, "poll", "run --once", "run", "db upgrade", "feeds add https://news.example/feed"]
)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://desk:secret@127.0.0.1:{port}/news", "cannot be reached"),
        ("sqlite:///folder", "folder"),
        ("sqlite:///text.txt", "not an SQLite database; name another file"),
        ("sqlite:////proc/levantwatch.db", ""),
        ("sqlite:///missing/levantwatch.db", ""),
        ("mysql://localhost/news", "no database known here"),
        ("sqlite://", "name a file"),
        ("nonsense", "must look like sqlite:///levantwatch.db or postgresql://user@host/name"),
    ],
)
def test_a_database_that_is_none_is_one_line(
    line: str, url: str, words: str, levantwatch: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("folder").mkdir()
    Path("text.txt").write_text("a letter, not a database\n" * 100)
    monkeypatch.setenv("LEVANTWATCH_DATABASE_URL", url.format(port=free_port()))
    done = levantwatch(*line.split())
    refused(done, 1, words)
    assert "secret" not in done.err
    left = [path.name for path in Path().iterdir() if path.suffix != ".lock"]
    assert sorted(left) == ["folder", "text.txt"], "nothing is made of a wrong name"


@pytest.mark.parametrize("line", ["search", "stats", "feeds list", "export --format jsonl -o -"])
def test_an_empty_database_has_nothing_and_no_fault(line: str, levantwatch: Run) -> None:
    with closing(open_database("sqlite:///levantwatch.db")) as database:
        database.ensure_schema(upgrade=False)
    done = levantwatch(*line.split())
    assert done.status == 0
    assert len(done.err.splitlines()) <= 1


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(
    "line",
    ["show 99", "why 99", "label 99 --topic syria yes", "why https://news.example/never", "show nonsense", "why -- -1"],
)
def test_an_unknown_entry_is_one_line_that_says_where_to_look(line: str, levantwatch: Run) -> None:
    where = "levantwatch feeds list shows" if "https:" in line else "levantwatch search shows the numbers of matches"
    refused(levantwatch(*shlex.split(line)), 1, where)


def test_what_is_no_number_and_no_address_is_told_so(levantwatch: Run, watched: object) -> None:
    refused(levantwatch("why", "abc"), 1, "'abc' is neither the number nor the address (https://…) of an entry")


# --- asking ---


@pytest.mark.usefixtures("watched")
def test_search_piped_is_tab_separated_and_clean(levantwatch: Run) -> None:
    lines = [line.split("\t") for line in levantwatch("search").out.splitlines()]
    assert [line[0] for line in lines] == ["3", "2", "1", "4"], "newest first"
    assert {len(line) for line in lines} == {5}
    assert lines[1][4] == "[red]Raqqa[/red] [31m:smile: retaken"
    assert lines[0][4] == TITLES["arabic"]


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ("Raqqa", ["2"]),
        ("غارات", ["3"]),
        ("--topic isis", ["2"]),
        ("--topic ISIS", ["2"]),
        ("--language ar", ["3"]),
        ("--since 2026-11-01", ["3", "2", "1"]),
        ("--until 2026-11-01", ["4"]),
        ("--since 2026-11-24 --until 2026-11-24", ["3", "2", "1"]),
        ("--limit 1", ["3"]),
        ("--publisher Nobody", []),
        ("-- Syria -Raqqa -غارات", ["1", "4"]),
    ],
)
def test_filters(line: str, ids: list[str], levantwatch: Run) -> None:
    done = levantwatch("search", *shlex.split(line))
    assert done.status == 0
    assert [found.split("\t")[0] for found in done.out.splitlines()] == ids


@pytest.mark.usefixtures("watched")
def test_forms_for_programs_say_the_same(levantwatch: Run) -> None:
    import csv

    rows = json.loads(levantwatch("search", "--format", "json").out)
    assert [json.loads(line) for line in levantwatch("search", "--format", "jsonl").out.splitlines()] == rows
    table = list(csv.DictReader(levantwatch("search", "--format", "csv").out.splitlines(keepends=True)))
    assert [row["article_id"] for row in table] == [str(row["article_id"]) for row in rows]
    assert table[3]["title"] == "'" + TITLES["formula"]
    assert rows[3]["title"] == TITLES["formula"]
    assert rows[1]["topics"] == ["isis", "syria"]
    assert rows[0]["first_seen_at"].endswith("Z")


@pytest.mark.usefixtures("watched")
def test_words_without_a_letter_are_one_line(levantwatch: Run) -> None:
    refused(levantwatch("search", "!!!"), 1, "no letter or digit")


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("reference", ["2", "https://northpost.example/story-2"])
@pytest.mark.parametrize("command", ["why", "show"])
def test_why_and_show_by_number_and_by_address(command: str, reference: str, levantwatch: Run) -> None:
    done = levantwatch(command, reference)
    assert done.status == 0
    assert "[red]Raqqa[/red] [31m:smile: retaken" in done.out
    assert "\x1b" not in done.out


@pytest.mark.usefixtures("watched")
def test_why_of_a_rejected_entry(levantwatch: Run) -> None:
    shown = levantwatch("why", "5").out
    assert shown == levantwatch("why", "https://northpost.example/story-1?utm_source=rss").out
    assert "Rain in the north\nentry 5: not kept: not about any topic" in shown


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("command", ["why", "show"])
def test_why_and_show_for_programs(command: str, levantwatch: Run) -> None:
    found = json.loads(levantwatch(command, "2", "--format", "json").out)
    assert found["article"]["topics"] == ["isis", "syria"]
    assert found["entry"]["state"] == "match"
    assert [one["topic"] for one in found["verdicts"]] == ["isis", "syria"]
    assert found["verdicts"][0]["evidence"][0]["term"] == "syria"
    rejected = json.loads(levantwatch(command, "5", "--format", "json").out)
    assert (rejected["article"], rejected["entry"]["state"]) == (None, "irrelevant")


@pytest.mark.usefixtures("watched")
def test_a_label_is_kept_with_who_said_so(levantwatch: Run) -> None:
    assert levantwatch("label", "5", "--topic", "Syria", "yes", "--who", "desk").out == "entry 5: syria yes\n"
    found = json.loads(levantwatch("why", "5", "--format", "json").out)
    assert [(one["topic"], one["value"], one["who"]) for one in found["labels"]] == [("syria", "yes", "desk")]
    assert json.loads(levantwatch("stats", "--format", "json").out)["labels"] == 1


@pytest.mark.usefixtures("watched")
def test_stats(levantwatch: Run) -> None:
    found = json.loads(levantwatch("stats", "--format", "json").out)
    assert (found["matches"], found["by_topic"]) == (4, {"isis": 1, "syria": 4})
    assert json.loads(levantwatch("stats", "--since", "2026-11-01", "--format", "json").out)["matches"] == 3
    assert "matches  4" in levantwatch("stats").out
    assert found["per_publisher"] == [{"name": "North Post", "matches": 3, "syria": 3, "isis": 1}]
    assert [(one["name"], one["matches"]) for one in found["per_day"]] == [("2026-11-24", 3)]


def test_polling_quietly_is_quiet(tmp_path: Path) -> None:
    with Site() as site:
        desk = Desk(tmp_path, f"sqlite:///{tmp_path}/levantwatch.db")
        desk.ok("feeds", "add", site.route("/feed.xml", rss(("1", "Rain in the north", "https://news.example/1"))))
        done = desk.run("poll", "--quiet")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"feeds 1 ")


# --- export ---


@pytest.mark.usefixtures("watched")
def test_an_export_is_whole_or_not_there(levantwatch: Run) -> None:
    done = levantwatch("export", "--format", "jsonl", "-o", "out.jsonl", "--topic", "isis")
    assert (done.status, done.out, done.err) == (0, "", "1 match written to out.jsonl\n")
    assert [json.loads(line)["article_id"] for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()] == [
        2
    ]
    assert not Path("out.jsonl.part").exists()
    assert levantwatch("export", "--format", "jsonl", "-o", "-", "--topic", "isis").out == Path("out.jsonl").read_text(
        encoding="utf-8"
    )


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(
    ("output", "words"),
    [("missing/out.csv", "No such file"), ("folder", "Is a directory"), ("/proc/out.csv", "/proc/out.csv")],
)
def test_an_export_that_cannot_be_written_is_one_line(output: str, words: str, levantwatch: Run) -> None:
    Path("folder").mkdir()
    refused(levantwatch("export", "--format", "csv", "-o", output), 1, f"cannot write {output}", words)
    assert list(Path("folder").iterdir()) == []


@pytest.mark.usefixtures("watched")
def test_an_export_that_fails_leaves_the_old_file(levantwatch: Run) -> None:
    Path("out.csv").write_text("yesterday's\n")
    refused(levantwatch("export", "!!!", "--format", "csv", "-o", "out.csv"), 1, "no letter or digit")
    assert Path("out.csv").read_text() == "yesterday's\n"
    assert not Path("out.csv.part").exists()


@pytest.mark.usefixtures("watched")
def test_an_export_follows_a_link_and_writes_to_a_device(levantwatch: Run) -> None:
    Path("elsewhere").mkdir()
    Path("out.csv").symlink_to("elsewhere/real.csv")
    assert levantwatch("export", "--format", "csv", "-o", "out.csv").status == 0
    assert Path("out.csv").is_symlink()
    assert Path("elsewhere/real.csv").read_bytes().startswith(b"article_id,")
    assert levantwatch("export", "--format", "csv", "-o", "/dev/null").status == 0
    refused(
        levantwatch("export", "--format", "csv", "-o", "/dev/full"),
        1,
        "cannot write /dev/full: No space left on device",
    )


# --- the pure modules as commands ---


def fed(line: str, stdin: bytes) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "crawler", *line.split()], input=stdin, capture_output=True, timeout=60, check=False,
        env=environment(PYTHONPATH=str(ROOT), PYTHONIOENCODING="ascii", LC_ALL="C"),
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    return Done(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode())


def test_classify_gives_one_line_per_line_whatever_it_holds() -> None:
    lines = [
        json.dumps({"id": "a", "title": "Syria: shells hit a market in Idlib", "text": ABOUT_SYRIA}).encode(),
        b"\xef\xbb\xbf"
        + json.dumps({"id": 2, "title": "غارات على إدلب في سوريا", "text": "داعش"}, ensure_ascii=False).encode(),
        b"not json",
        b"",
        b'{"id": "cut", "title": "Air st',
        b'{"id": "caf\xe9", "title": "x"}',
        b"[1, 2]",
        b'{"id": "n", "title": 5}',
        b"null",
        b"[" * 100_000,
        json.dumps({"id": "\U0001f600 \ud83d", "title": "Rain"}).encode(),
        b'{"id": "nul", "title": "Syria\\u0000 Idlib"}',
    ]
    done = fed("classify", b"\n".join(lines))
    assert (done.status, done.err) == (0, "")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert len(found) == len(lines)
    assert [one["id"] for one in found] == [
        "a",
        2,
        None,
        None,
        None,
        None,
        None,
        "n",
        None,
        None,
        "\U0001f600 \ud83d",
        "nul",
    ]
    wrong = [number for number, one in enumerate(found) if "error" in one]
    assert wrong == [2, 3, 4, 5, 6, 7, 8, 9]
    assert found[5]["error"] == "line 6 is not UTF-8"
    assert found[0]["syria"]["match"] is True
    assert "داعش" in [piece["text"] for piece in found[1]["isis"]["evidence"]]


@pytest.mark.parametrize("command", ["classify", "extract", "parse"])
@pytest.mark.parametrize(
    ("file", "words"), [("missing.json", "No such file or directory"), ("folder", "Is a directory")]
)
def test_a_file_that_cannot_be_read_is_one_line(command: str, file: str, words: str, levantwatch: Run) -> None:
    Path("folder").mkdir()
    refused(levantwatch(command, file), 1, f"cannot read {file}: {words}")


@pytest.mark.parametrize(
    "stdin", [b"", b"\x00\xff\xfe", b"not a page", b"<html", b"{", b"\x1f\x8b\x00", b"<rss><channel><item>"]
)
def test_extract_and_parse_print_json_for_any_bytes(stdin: bytes, levantwatch: Run) -> None:
    Path("input").write_bytes(stdin)
    page, feed = levantwatch("extract", "input"), levantwatch("parse", "input")
    assert (page.status, feed.status) == (0, 0)
    assert json.loads(page.out)["status"]
    assert isinstance(json.loads(feed.out)["entries"], list)


def test_parse_resolves_links_against_the_url(levantwatch: Run) -> None:
    Path("feed.xml").write_text(
        "<rss version='2.0'><channel><title>Courier</title><item><title>Rain</title><link>/a/rain</link></item></channel></rss>"
    )
    found = json.loads(levantwatch("parse", "feed.xml", "--url", "https://news.example/feed.xml").out)
    assert [entry["url"] for entry in found["entries"]] == ["https://news.example/a/rain"]


# --- standard streams ---


def shell(script: str, **env: str) -> Done:
    """Run a line of shell, in which lw is the command."""
    prelude = f'lw() {{ {shlex.quote(sys.executable)} -m crawler "$@"; }}\nset -o pipefail\n'
    done = subprocess.run(
        ["bash", "-c", prelude + script],
        capture_output=True,
        timeout=60,
        check=False,
        env=environment(PYTHONPATH=str(ROOT), **env),
    )
    return Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


@pytest.fixture
def many() -> None:
    """More matches than a pipe holds."""
    with closing(open_database("sqlite:///levantwatch.db")) as database:
        database.ensure_schema(upgrade=False)
        feed = add_feed(database)
        add_matches(
            database,
            feed,
            *({"title": f"{TITLES['arabic']} {number}", "text": "Syria " * 400} for number in range(100)),
        )


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    "line", ["search --limit 100", "search --limit 100 --format jsonl", "export --format csv -o -", "show 1"]
)
def test_a_reader_who_has_seen_enough_is_no_fault(line: str) -> None:
    assert shell(f"lw {line} | head -c 1 >/dev/null") == Done(0, "", "")


@pytest.mark.usefixtures("watched")
def test_closed_streams_harm_nothing() -> None:
    assert shell("lw search >&-") == Done(0, "", "")
    assert shell("lw search <&- >&- 2>&-").status == 0
    assert shell("lw label 1 --topic syria yes >&-") == Done(0, "", "")
    assert shell("lw why 1 >&-; lw db check").out == "levantwatch.db: the schema is up to date\n"
    assert shell("lw classify <&-") == Done(0, "", "")


def test_a_digest_is_sent_or_written(levantwatch: Run) -> None:
    done = levantwatch("alerts", "digest", "--send", "-o", "digest.txt")
    assert (done.status, done.out) == (2, "")
    assert "leave out one of the two" in done.err


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("line", ["search", "search --format json", "why 3", "stats", "db check", "--help"])
def test_a_full_disk_is_one_line(line: str) -> None:
    done = shell(f"lw {line} >/dev/full")
    assert done.status == 1
    assert done.err.startswith("levantwatch: the output cannot be written: No space left on device")
    assert len(done.err.splitlines()) == 1


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("line", ["search", "show 3", "why 3", "stats", "feeds list", "why 2"])
def test_a_terminal_of_few_letters_gets_escapes(line: str) -> None:
    done = shell(f"lw {line}", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
    assert (done.status, done.err) == (0, "")
    assert done.out.isascii()
    if line in ("search", "show 3", "why 3"):
        assert r"\u0633\u0648\u0631\u064a\u0627" in done.out


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(
    "line", ["search --format jsonl", "search --format csv", "show 3 --format json", "export --format csv -o -"]
)
def test_programs_get_utf_8_in_any_locale(line: str) -> None:
    done = shell(f"lw {line}", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
    assert (done.status, done.err) == (0, "")
    assert TITLES["arabic"] in done.out
