"""`levantwatch demo`, run for real in another process, on the newsroom that the package brings along."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from farm import wait_until
from rich.cells import cell_len

from crawler.newsroom.articles import load_articles
from crawler.newsroom.outlets import OUTLETS
from tests.command import Desk

RTL = "دمشق وأنقرة تتفقان على إعادة تأهيل خط السكة الحديد بين حلب وغازي عنتاب"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def done(folder: Path) -> subprocess.CompletedProcess[bytes]:
    """One demo, run with a configuration that it must not look at."""
    (folder / "levantwatch.toml").write_text("this is no configuration\n", encoding="utf-8")
    return Desk(folder, f"sqlite:///{folder}/mine.db", settings={"TMPDIR": str(folder)}).run("demo")


@pytest.fixture(scope="module")
def said(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stdout.decode()


@pytest.fixture(scope="module")
def kept(folder: Path, done: subprocess.CompletedProcess[bytes]) -> Desk:
    """The database that the demo left, to be asked."""
    found = re.search(rb"LEVANTWATCH_DATABASE_URL=(\S+)", done.stdout)
    assert found, done.stdout.decode()
    asking = folder / "asking"
    asking.mkdir(exist_ok=True)
    return Desk(asking, found.group(1).decode())


def test_it_ends_well_and_touches_nothing_of_the_users(done: subprocess.CompletedProcess[bytes], folder: Path) -> None:
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    assert not list(folder.glob("mine.db*"))


def test_the_account_is_of_both_rounds(said: str) -> None:
    (line,) = [line for line in said.splitlines() if line.startswith("feeds ")]
    relevant = sum(bool(one.topics) for one in load_articles())
    # 64 articles, two of them listed by two feeds; two more copies of the wire story; one page is a shell for scripts, one gone
    assert re.fullmatch(
        rf"feeds 9 · entries 66 · new 64 · fetched \d+ · matched {relevant} · duplicates 4 · unreadable 2",
        line,
    )


def test_every_relevant_article_is_kept_and_no_other(kept: Desk) -> None:
    assert sorted(told["title"] for told in matches(kept)) == sorted(one["title"] for one in truth())


def test_a_passing_mention_of_a_likely_deed_and_one_persons_deed_are_near_misses(kept: Desk) -> None:
    rows = kept.rows("select title from entries where state = 'near'")
    assert sorted(row.title for row in rows) == [
        "Knife attacker at station acted alone and was known to doctors, police say",
        "Lieferfahrer zieht Sechsjährige aus dem Main",
    ]


def test_the_matches_are_the_truth(kept: Desk) -> None:
    """Title and topics of every match, exactly."""
    assert sorted(matches(kept), key=str) == sorted(truth(), key=str)


def matches(kept: Desk) -> list[dict[str, Any]]:
    rows = kept.json("search", "--limit", "1000", "--format", "json")
    return [{"title": bare(row["title"]), "publisher": row["publisher"], "topics": row["topics"]} for row in rows]


def truth() -> list[dict[str, Any]]:
    """What is relevant, by reading it; there is no re-check yet: what was corrected is kept as it came out."""
    publishers = {outlet.key: outlet.name for outlet in OUTLETS}
    return [
        {"title": bare(one.first.title), "publisher": publishers[one.outlet], "topics": list(one.topics)}
        for one in load_articles()
        if one.topics
    ]


def bare(title: str) -> str:
    """The title without zero-width joiners, which the extractor drops."""
    return title.replace("\u200c", "")


def test_the_wire_story_is_one_story_with_two_copies(kept: Desk) -> None:
    rows = kept.rows(
        "select publisher, role, story_id from matches where url like '%convoy%' or title like '%killed 14%'"
    )
    assert sorted((row.publisher, row.role) for row in rows) in [
        sorted(
            (name, "original" if name == first else "copy")
            for name in ("Meridian News Agency", "Levant Ledger", "Prairie Signal")
        )
        for first in ("Meridian News Agency", "Levant Ledger", "Prairie Signal")
    ]
    assert len({row.story_id for row in rows}) == 1


def test_a_page_that_failed_at_first_was_read_in_the_second_round(kept: Desk) -> None:
    (row,) = kept.rows(
        "select m.extraction, e.attempts from matches m join entries e on e.id = m.article_id where m.title like '%arrest IS cell%'"
    )
    assert (row.extraction, row.attempts) == ("full", 2)


def test_what_has_no_text_is_judged_on_its_summary(kept: Desk) -> None:
    rows = kept.rows("select title from matches where extraction = 'summary-only' order by title")
    assert [row.title for row in rows] == [
        "Chemical weapons inspectors search tunnels near Syrian city of Homs",
        "Rocket lands near Damascus airport, flights delayed",
        "UN envoy for Syria to brief Security Council on constitution talks",
    ]


def test_the_second_round_asks_politely_and_nothing_is_fetched_twice(kept: Desk) -> None:
    outcomes = [row.outcome for row in kept.rows("select outcome from polls order by id")]
    assert outcomes[:9] == ["ok"] * 9
    assert sorted(outcomes[9:]) == ["not-modified"] * 6 + ["ok"] * 3
    attempts = {
        row.attempts: row.number
        for row in kept.rows("select attempts, count(*) as number from entries group by attempts")
    }
    assert attempts.keys() <= {0, 1, 2}
    assert attempts[2] == 2, "the page that failed, and the shell for scripts, which may be another page next time"


def test_every_match_is_shown_with_its_reason(said: str) -> None:
    assert said.splitlines()[1].split() == ["id", "day", "topics", "publisher", "title", "because", "of"]
    assert RTL in said, "an Arabic title is whole and in the order in which it is read"
    assert re.search(r"syria 0\.\d\d|syria 1\.00", said)
    assert re.search(r"Mosul's leaning minaret.*Islamic State", said)


def test_it_names_a_next_command_that_works(said: str, kept: Desk) -> None:
    command = said.splitlines()[-1].split()
    assert command[1:3] == ["levantwatch", "why"]
    assert "match, score" in kept.ok("why", command[3])


def test_narrow_output_keeps_every_line_within_its_width(folder: Path) -> None:
    lines = Desk(folder, "unused", settings={"COLUMNS": "80"}).ok("demo", "--no-keep").splitlines()
    table = lines[: next(number for number, line in enumerate(lines) if line.startswith("feeds "))]
    assert lines[1].split() == ["id", "day", "topics", "title,", "because", "of,", "publisher"]
    assert max(cell_len(line) for line in table) <= 80


def test_without_keep_nothing_is_left(short_folder: Path) -> None:
    desk = Desk(short_folder, "unused", settings={"TMPDIR": str(short_folder)})
    said = desk.ok("demo", "--no-keep")
    assert "levantwatch why" not in said
    assert "feeds 9 ·" in said
    assert list(short_folder.iterdir()) == []


def test_what_is_interrupted_says_so_and_leaves_nothing(short_folder: Path) -> None:
    desk = Desk(short_folder, f"sqlite:///{short_folder}/mine.db", settings={"TMPDIR": str(short_folder)})
    process = desk.start("demo")
    assert wait_until(lambda: bool(list(short_folder.glob("levantwatch-demo-*/levantwatch.db-wal"))), 60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert err in (b"", b"levantwatch: interrupted\n")  # nothing before the crawl has begun
    assert not list(short_folder.glob("levantwatch-demo-*"))
