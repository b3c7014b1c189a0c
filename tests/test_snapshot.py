"""`levantwatch snapshot`: a data set that is whole, says what it is, can be checked, and compared with a later one."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from storage_samples import HOUR, NOW, add_feed, add_matches, poll

from crawler.export import write_all
from crawler.parquet import Parquet, installed
from storage import feeds
from storage.db import open_database
from tests.command import ROOT, environment, run_here

Run = Callable[..., tuple[int, str, str]]
TITLES = ["=Raqqa: a camp is closed", "سوريا: مخيم الهول", "Harvest\x1b[31m"]


@pytest.fixture
def levantwatch(schema_url: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run the command in this process on a database with three matches."""
    with closing(open_database(schema_url)) as database:
        feed = add_feed(database)
        stories: list[dict[str, Any]] = [
            {"title": title, "published_at": NOW - n * HOUR, "language": "ar" if n == 1 else "en"}
            for n, title in enumerate(TITLES)
        ]
        add_matches(database, feed, *stories)
        with database.write() as session:
            feeds.record_poll(session, poll(feed, outcome="timeout"))
    monkeypatch.setenv("LEVANTWATCH_DATABASE_URL", schema_url)

    return partial(run_here, capfdbinary)


def made(run: Run, folder: str, *arguments: str) -> Path:
    status, out, err = run("snapshot", "-o", folder, *arguments)
    assert (status, out) == (0, ""), err
    return Path(folder)


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


def change(url: str, statement: str) -> None:
    with closing(open_database(url)) as database, database.write() as session:
        session.execute(text(statement))


# --- what is in it ---


def test_a_snapshot_holds_the_answer_and_says_what_it_is(levantwatch: Run) -> None:
    folder = made(
        levantwatch, "camps", "lang:ar OR harvest", "--topic", "syria", "--author", "A. Analyst", "--title", "T"
    )
    told = manifest(folder)
    rows = [json.loads(line) for line in (folder / "matches.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["article_id"] for row in rows] == [2, 3]
    assert list(rows[0]) == told["columns"]
    with (folder / "matches.csv").open(encoding="utf-8", newline="") as file:
        assert [row["article_id"] for row in csv.DictReader(file)] == ["2", "3"]
    assert (told["format"], told["title"], told["authors"]) == ("levantwatch-snapshot/1", "T", ["A. Analyst"])
    assert told["query"] | {"words": "", "topic": ""} == {
        "words": "", "topic": "", "since": None, "until": None, "publisher": None, "country": None, "language": None,
        "places": [], "actors": [], "only_because_of": None, "saved": {},
    }  # fmt: skip
    assert (told["query"]["words"], told["query"]["topic"]) == ("lang:ar OR harvest", "syria")
    counts = told["counts"]
    assert (counts["matches"], counts["stories"], counts["first_day"]) == (2, 2, "2026-11-24")
    assert counts["by_language"] == {"ar": 1, "en": 1}
    assert counts["by_topic"] == {"syria": 2}
    assert told["models"]["verdicts"] == {"m1": 2}
    assert told["models"]["judge"]
    assert told["program"]["name"] == "levantwatch"
    assert told["coverage"]["publishers"][0]["failures"] == {"timeout": 1}
    assert told["coverage"]["since"] == "2026-11-24"
    for file in told["files"]:
        data = (folder / file["name"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data), file["rows"]) == (file["sha256"], file["bytes"], 2)
    assert {file.name for file in folder.iterdir()} == {
        "README.md", "CITATION.cff", "manifest.json", *(file["name"] for file in told["files"]),
    }  # fmt: skip


def test_the_same_rows_in_the_same_order_every_time(levantwatch: Run) -> None:
    first, second = made(levantwatch, "a"), made(levantwatch, "b")
    assert manifest(first)["files"] == manifest(second)["files"]
    assert manifest(first)["counts"] == manifest(second)["counts"]
    assert levantwatch("snapshot", "diff", "a", "b")[1].endswith("\n0 added, 0 removed, 0 changed\n")
    assert levantwatch("snapshot", "diff", "a", "b", "--format", "jsonl")[1] == ""


def test_the_formats_hold_the_same(levantwatch: Run) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = made(levantwatch, "all")
    rows = [json.loads(line) for line in (folder / "matches.jsonl").read_text(encoding="utf-8").splitlines()]
    for row, typed in zip(rows, parquet.read_table(folder / "matches.parquet").to_pylist(), strict=True):
        assert typed["published_at"].isoformat().replace("+00:00", "Z") == row["published_at"]
        assert str(typed["day"]) == row["day"]
        plain = {name for name in row if name not in ("day", "published_at", "first_seen_at", "fetched_at")}
        assert {name: typed[name] for name in plain} == {name: row[name] for name in plain}
    assert [row["title"] for row in rows][:2] == TITLES[:2]


def test_readme_and_citation_can_be_read_whatever_was_typed(levantwatch: Run) -> None:
    levantwatch("search", "camp OR مخيم", "--save", "camps")
    nasty = 'x"\n# head\n- y: [z]\x1b[31m'
    folder = made(levantwatch, "nasty", "@camps", "--title", nasty, "--author", nasty)
    assert manifest(folder)["query"]["saved"] == {"camps": "camp OR مخيم"}
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert '    x" # head - y: [z][31m\n' in readme
    assert "@camps: camp OR مخيم" in readme
    assert [line for line in readme.splitlines() if line.startswith("# ")] == ["# A snapshot of news matches"]
    for file in manifest(folder)["files"]:
        assert f"    {file['sha256']}  {file['name']}" in readme
    lines = (folder / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["cff-version: 1.2.0", "type: dataset"]
    values = dict(line.strip(" -").split(": ", 1) for line in lines if ": " in line)
    assert (
        json.loads(next(line for line in lines if line.startswith("title:")).partition(": ")[2])
        == 'x" # head - y: [z][31m'
    )
    assert {"message", "abstract", "date-released", "version", "name", "value"} <= set(values)
    assert "\x1b" not in readme + "".join(lines)


def test_an_empty_answer_is_a_data_set_too(levantwatch: Run) -> None:
    folder = made(levantwatch, "none", "nowhereatall")
    assert (folder / "matches.jsonl").read_bytes() == b""
    assert (folder / "matches.csv").read_text(encoding="utf-8").startswith("article_id,feed_url,")
    assert manifest(folder)["counts"]["matches"] == 0
    assert levantwatch("snapshot", "verify", "none")[0] == 0


# --- whole or not at all ---


def test_a_snapshot_is_never_written_over_another(levantwatch: Run) -> None:
    folder = made(levantwatch, "there")
    before = sorted((file.name, file.stat().st_mtime_ns) for file in folder.iterdir())
    status, out, err = levantwatch("snapshot", "-o", "there", "camp")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "never written over" in err
    assert sorted((file.name, file.stat().st_mtime_ns) for file in folder.iterdir()) == before
    Path("empty").mkdir()
    made(levantwatch, "empty")


def test_a_mistake_is_one_line_and_leaves_nothing(levantwatch: Run) -> None:
    for arguments, status, said in (
        (("-o", "x", "camp publsher:x"), 1, "there is no field publsher:"),
        (("-o", "x", "--topic", "sport"), 2, "there is no topic 'sport'"),
        (("-o", "x", "--since", "soon"), 2, "soon"),
        (("-o", "nowhere/x"), 1, "there is no folder"),
        (("camp",), 2, "-o"),
        (("verify", "nothing"), 1, "is no snapshot"),
    ):
        done = levantwatch("snapshot", *arguments)
        assert done[:2] == (status, ""), arguments
        assert said in done[2]
        assert done[2].count("\n") == 1
        assert list(Path().iterdir()) == []


def test_whoever_is_interrupted_leaves_nothing_that_looks_whole(tmp_path: Path, templates: dict[str, str]) -> None:
    """The process is ended while it writes the second of three rows."""
    url = f"sqlite:///{shutil.copy(templates['sqlite'], tmp_path / 'news.db')}"
    with closing(open_database(url)) as database:
        add_matches(database, add_feed(database), {}, {}, {})
    program = (
        "import os, signal, sys\n"
        "from crawler import snapshot\n"
        "from crawler.cli import main\n"
        "class Dying(snapshot.JsonLines):\n"
        "    def write(self, row):\n"
        "        super().write(row)\n"
        "        if row.article_id == 2: os.kill(os.getpid(), int(sys.argv[1]))\n"
        "snapshot.JsonLines = Dying\n"
        "main(['snapshot', '-o', 'whole'])\n"
    )
    for number, left in ((signal.SIGINT, []), (signal.SIGKILL, [".part"])):
        env = environment(LEVANTWATCH_DATABASE_URL=url, PYTHONPATH=str(ROOT))
        done = subprocess.run(
            [sys.executable, "-c", program, str(int(number))], env=env, capture_output=True, timeout=60, check=False
        )
        assert done.returncode != 0
        assert [name[-5:] for name in os.listdir()] == left
    again = "import os\nos.getpid = lambda: 1\n" + program.replace(
        "os.kill(os.getpid(), int(sys.argv[1]))", "os._exit(1)"
    )
    for left in (2, 3):  # in a container each process has the same number: what one left is in nobody's way
        done = subprocess.run([sys.executable, "-c", again], env=env, capture_output=True, timeout=60, check=False)
        assert (done.returncode, len(os.listdir())) == (1, left)


# --- checked and compared ---


def test_what_was_altered_is_found_out(levantwatch: Run) -> None:
    folder = made(levantwatch, "set")
    status, out, _ = levantwatch("snapshot", "verify", "set")
    assert (status, out.count("\n")) == (0, 1)
    assert out.startswith("set: 3 matches, made 20")
    file = folder / "matches.csv"
    kept = file.read_bytes()
    file.write_bytes(kept.replace(b"Raqqa", b"Hasak"))
    status, out, err = levantwatch("snapshot", "verify", "set")
    assert (status, out) == (1, "")
    assert "matches.csv has the SHA-256" in err
    assert levantwatch("snapshot", "diff", "set", "set")[0] == 1
    file.unlink()
    assert "matches.csv: No such file" in levantwatch("snapshot", "verify", "set")[2]
    file.write_bytes(kept)
    assert levantwatch("snapshot", "verify", "set")[0] == 0


@pytest.mark.parametrize("name", ["matches.csv", "manifest.json"])
def test_what_never_ends_is_no_file_of_a_snapshot(levantwatch: Run, name: str) -> None:
    file = made(levantwatch, "set") / name
    for make in (os.mkfifo, lambda path: os.symlink("/dev/zero", path)):
        file.unlink()
        make(file)
        status, out, err = levantwatch("snapshot", "verify", "set")
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert f"{name}: it is no file" in err


def test_a_diff_tells_what_came_went_and_changed(levantwatch: Run, schema_url: str) -> None:
    made(levantwatch, "a", "NOT damascus")
    change(schema_url, "UPDATE articles SET topics = '' WHERE id = 1")
    change(schema_url, "UPDATE articles SET syria_score = 0.75, text = 'a longer text' WHERE id = 2")
    with closing(open_database(schema_url)) as database:
        add_matches(database, 1, {"title": "New"}, now=NOW + HOUR)
    made(levantwatch, "b")
    status, out, err = levantwatch("snapshot", "diff", "a", "b")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "query.words: NOT damascus → nothing"
    assert "models.verdicts.m1" not in out  # three matches then, three now
    assert lines[-4:] == [
        "+ 4\tNew",
        "~ 2\tسوريا: مخيم الهول\tsyria_score: 0.9 → 0.75\ttext: 87 characters → a longer text",
        "- 1\t=Raqqa: a camp is closed",
        "1 added, 1 removed, 1 changed",
    ]
    status, out, err = levantwatch("snapshot", "diff", "a", "b", "--format", "json")
    rows = json.loads(out)
    assert [(row["change"], row["article_id"]) for row in rows] == [("added", 4), ("changed", 2), ("removed", 1)]
    assert rows[1]["before"]["syria_score"] == 0.9
    assert rows[1]["after"] == {"syria_score": 0.75, "text": "a longer text"}
    assert err == "query.words: NOT damascus → nothing\n"
    _, out, _ = levantwatch("snapshot", "diff", "a", "b", "--format", "csv")
    assert out.splitlines()[2] == 'changed,2,سوريا: مخيم الهول,"syria_score,text"'


def forged(folder: Path, rows: bytes, **values: Any) -> Path:
    """A snapshot of somebody's making, whose hashes are right."""
    folder.mkdir()
    (folder / "matches.jsonl").write_bytes(rows)
    files = [{"name": "matches.jsonl", "sha256": hashlib.sha256(rows).hexdigest()}]
    told = {"format": "levantwatch-snapshot/1", "columns": ["article_id", "title"], "files": files, **values}
    (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("rows", "values", "said"),
    [
        (b"{}\n", {}, "a row without an article_id"),
        (b"[]\n", {}, "a line that is no article"),
        (b"{\n", {}, "something else than JSON"),
        (b"[" * 100_000, {}, "something else than JSON"),
        (b'{"article_id": true}\n', {}, "a row without an article_id"),
        (b"", {"format": "another"}, "is no manifest of the form"),
        (b"", {"files": [{"name": "../secret", "sha256": ""}]}, "names no matches.jsonl"),
        (b"", {"files": 7}, "names no matches.jsonl"),
        (b"", {"files": [{"name": "matches.jsonl"}, {"name": "../secret"}]}, "'../secret' is no file of it"),
        (b"", {"files": [{"name": "matches.jsonl"}, {"name": "a\x00b"}]}, "a"),
        (b"", {"files": [{"name": "matches.jsonl"}, 3]}, "None is no file of it"),
        (b"", {"columns": {}}, "names no matches.jsonl or no columns"),
    ],
)
def test_a_forged_snapshot_is_refused_in_one_line(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], rows: bytes, values: dict[str, Any], said: str
) -> None:
    forged(tmp_path / "a", rows, **values)
    status, out, err = run_here(capfdbinary, "snapshot", "diff", str(tmp_path / "a"), str(tmp_path / "a"))
    assert status == 1
    assert said in err
    assert "Traceback" not in out
    assert err.count("\n") == 1


def test_columns_that_only_one_has_are_named_once(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    a = forged(tmp_path / "a", b'{"article_id": 1, "title": "x\\u001b[2J"}\n', query={"words": "\x1b[2J"})
    b = forged(tmp_path / "b", b'{"article_id": 1, "title": "y", "more": 1}\n', columns=["article_id", "title", "more"])
    status, out, _ = run_here(capfdbinary, "snapshot", "diff", str(a), str(b))
    assert status == 0
    assert "more only in the second" in out
    assert "~ 1\ty\ttitle: x[2J → y\n" in out
    assert "\x1b" not in out


# --- export ---


def test_export_to_parquet(levantwatch: Run) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert installed()
    assert levantwatch("export", "--format", "parquet", "-o", "all.parquet", "harvest OR مخيم")[0] == 0
    table = parquet.read_table("all.parquet")
    assert table.column("article_id").to_pylist() == [2, 3]
    assert table.column("topics").to_pylist() == [["syria"], ["syria"]]
    assert {str(field.type) for field in table.schema} == {
        "int64", "string", "double", "date32[day]", "timestamp[us, tz=UTC]", "list<element: string>",
    }  # fmt: skip
    assert levantwatch("export", "--format", "parquet", "-o", "none.parquet", "nowhereatall")[0] == 0
    assert parquet.read_table("none.parquet").schema == table.schema
    assert sorted(os.listdir()) == ["all.parquet", "none.parquet"]


@dataclass(frozen=True)
class Row:
    n: int
    title: str | None
    topics: str = ""
    day: str = "1969-12-31"
    at: datetime | None = None
    score: float | None = None


def test_any_value_comes_back_from_parquet() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    at = datetime(1931, 1, 1, 3, tzinfo=timezone(timedelta(hours=3))) + timedelta(microseconds=7)
    titles = ["", None, "half \ud83d of a face \U0001f600", "سوريا", "a\x00b"] * 5
    rows = [Row(-(2**63), None, "syria,isis", at=at), *(Row(n, title, score=n / 3) for n, title in enumerate(titles))]
    file = BytesIO()
    assert write_all(rows, Parquet(file, Row)) == 26
    table = parquet.read_table(file)
    table.validate(full=True)
    first, *others = table.to_pylist()
    assert first == {
        "n": -(2**63),
        "title": None,
        "topics": ["isis", "syria"],
        "day": date(1969, 12, 31),
        "at": at,
        "score": None,
    }
    expected = [None if title is None else title.replace("\ud83d", "\ufffd") for title in titles]
    assert [row["title"] for row in others] == expected
    assert [(row["n"], row["topics"], row["at"], row["score"]) for row in others] == [
        (n, [], None, n / 3) for n in range(25)
    ]


def test_a_mark_for_excel(levantwatch: Run) -> None:
    assert levantwatch("export", "--format", "csv", "--bom", "-o", "-", "harvest")[1].startswith("\ufeffarticle_id,")
    assert levantwatch("export", "--format", "csv", "-o", "-", "harvest")[1].startswith("article_id,")
    status, out, err = levantwatch("export", "--format", "jsonl", "--bom", "-o", "-")
    assert (status, out) == (2, "")
    assert "only CSV has such a mark" in err
