"""`levantwatch search` with the query language, snippets, relevance and saved searches; the metadata for Datasette."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text
from storage_samples import HOUR, NOW, add_feed, add_matches

from storage.db import Database, open_database
from tests.command import ROOT, run_here

METADATA = json.loads((ROOT / "deploy" / "datasette-metadata.json").read_text(encoding="utf-8"))
# https://docs.datasette.io/en/stable/metadata.html, of 0.6x
TOP = {"title", "description", "license", "license_url", "source", "source_url", "databases"}
OF_TABLE = {"title", "description", "columns", "facets", "sort", "sort_desc", "label_column", "hidden", "size", "units"}
OF_QUERY = {"title", "description", "sql", "params", "hide_sql"}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def levantwatch(schema_url: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run the command in this process on a database with three matches."""
    with closing(open_database(schema_url)) as database:
        stories: list[dict[str, Any]] = [
            {"title": "Raqqa: a camp is closed", "text": "The camp near Raqqa held thousands.", "published_at": NOW},
            {
                "title": "سوريا: مخيم الهول",
                "text": "أُغلق المخيم في الرَّقّة.",
                "language": "ar",
                "published_at": NOW - HOUR,
            },
            {
                "title": "Harvest",
                "text": "A camp, a camp, and again a camp, said <b>men</b>.",
                "published_at": NOW - 2 * HOUR,
            },
        ]
        add_matches(database, add_feed(database), *stories)
    monkeypatch.setenv("LEVANTWATCH_DATABASE_URL", schema_url)

    return partial(run_here, capfdbinary)


def ids(run: Run, *arguments: str) -> list[int]:
    status, out, err = run("search", "--format", "json", *arguments)
    assert status == 0, err
    return [row["article_id"] for row in json.loads(out)]


def test_fields_options_and_places(levantwatch: Run) -> None:
    assert ids(levantwatch, "camp OR title:مخيم") == [1, 2, 3]
    assert ids(levantwatch, "topic:syria", "lang:ar", "--since", "2026-11-01") == [2]
    assert ids(levantwatch, "camp -lang:ar", "--topic", "syria") == [1, 3]
    assert ids(levantwatch, "camp", "--by", "relevance", "--limit", "1") == [1]
    assert ids(levantwatch, "place:aleppo OR harvest") == [3]


def test_a_word_may_begin_with_a_minus(levantwatch: Run) -> None:
    assert ids(levantwatch, "-lang:ar") == ids(levantwatch, "--", "-lang:ar") == [1, 3]
    assert ids(levantwatch, "camp", "-title:Harvest", "--topic", "syria", "-lang:ar") == [1]
    assert ids(levantwatch, '-"camp is closed"', "camp") == [3]
    assert ids(levantwatch, "-(lang:ar OR harvest)") == [1]
    status, out, err = levantwatch("export", "--format", "csv", "-o", "-", "-lang:ar")
    assert (status, len(list(csv.DictReader(io.StringIO(out))))) == (0, 2), err
    status, _, err = levantwatch("snapshot", "-o", "all-but-Arabic", "-lang:ar")
    assert status == 0, err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-x",), "No such option: -x"),
        (("camp", "-o", "camps.csv"), "No such option: -o"),  # of export, not of search
        (("--nonsense",), "No such option: --nonsense"),
        (("camp", "-topic", "syria"), "Invalid value for -topic: an option has two minuses: --topic"),
        (("camp", "-since=7d"), "Invalid value for -since=7d: an option has two minuses: --since"),
        (("--limit", "-5"), "-5 is not in the range"),
        (("--since", "-7d"), "'-7d' is no date"),
    ],
)
def test_an_option_is_no_word_of_the_query(levantwatch: Run, arguments: tuple[str, ...], said: str) -> None:
    status, out, err = levantwatch("search", *arguments)
    assert (status, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("nowhere",),
            "no match for nowhere; try fewer words, another spelling, or the beginning of a word with a star",
        ),
        (("camp", "nowhere", "--topic", "syria"), "no match for camp nowhere --topic syria; none has nowhere,"),
        (("raqqa", "harvest", "_", "\u0640"), "each word is in one, none has all of them"),
        (("harvest", "--language", "ar"), "without --language or without the words there is one"),
        (("camp", "--topic", "isis"), "no match for camp --topic isis; without --topic there is one"),
        (("nowhere", "--topic", "isis"), "no match for nowhere --topic isis; to leave out one of these is not enough"),
        (("--publisher", "north  POST"), "is called 'north  POST'; close to it: North Post"),
        (("--publisher", "post"), "close to it: North Post"),
        (("--publisher", "xyz"), "the query publisher:WORD finds a part of a name"),
        (("--since", "2030"), "levantwatch stats tells from which day to which"),
        (("--place", "aleppo", "--place", "al-hol-camp"), "no match for --place aleppo --place al-hol-camp; "),
    ],
)
def test_without_a_match_it_says_what_was_asked_and_what_to_try(
    levantwatch: Run, arguments: tuple[str, ...], said: str
) -> None:
    status, out, err = levantwatch("search", *arguments)
    assert (status, out) == (0, "")
    assert said in err
    assert err.startswith("levantwatch: no match for ")
    assert err.count("\n") == 1
    assert levantwatch("search", *arguments, "--format", "json") == (0, "[]\n", "")


def test_without_any_match_it_says_where_to_look(
    schema_url: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv("LEVANTWATCH_DATABASE_URL", schema_url)
    status, out, err = run_here(capfdbinary, "search")
    assert (status, out) == (0, "")
    assert err == "levantwatch: no match; nothing has matched yet: levantwatch stats tells what was polled and read\n"


def test_what_has_no_rows_says_so_on_standard_error(levantwatch: Run) -> None:
    for arguments, said in (
        (("search", "--saved"), "no search is saved; levantwatch search WORDS --save NAME keeps one"),
        (("changes",), "no correction, nothing taken down: no match that was looked at again had another text"),
        (("changes", "--since", "7d"), "no correction, nothing taken down; levantwatch changes asks for all"),
        (
            ("stories", "--topic", "isis"),
            "no story of what was asked; without --since, --until and --topic all are listed",
        ),
        (("feeds", "list", "--failing"), "no feed fails"),
    ):
        assert levantwatch(*arguments) == (0, "", f"levantwatch: {said}\n")
        assert levantwatch(*arguments, "--format", "json")[:2] == (0, "[]\n")


def test_evidence_without_a_page_says_so(levantwatch: Run) -> None:
    status, out, err = levantwatch("evidence", "1", "-o", "case")
    assert (status, out) == (0, "")
    assert err.splitlines()[1:] == [
        "levantwatch: its page is not among them, for none is kept; README.md there says why"
    ]
    assert "No page is kept" in Path("case/README.md").read_text(encoding="utf-8")


def test_a_publisher_that_is_called_otherwise_is_told(levantwatch: Run) -> None:
    status, out, err = levantwatch("coverage", "--publisher", "north post")
    assert (status, out) == (1, "")
    assert err == "levantwatch: no feed of a publisher named 'north post'; close to it: North Post\n"


def test_stats_of_the_future_are_bad_usage_as_coverage_is(levantwatch: Run) -> None:
    for command in ("stats", "coverage"):
        status, out, err = levantwatch(command, "--since", "2199-01-01")
        assert (status, out) == (2, "")
        assert "Invalid value for --since: it lies in the future" in err


def test_mistakes_are_one_line(levantwatch: Run) -> None:
    for arguments, status, said in (
        (("camp publsher:x",), 1, "at character 6: there is no field publsher:"),
        (("*",), 1, "no letter or digit to look for; without words the newest are shown"),
        (("topic:sport",), 1, "at character 1: there is no topic 'sport'; the topics are"),
        (("place:nowhereatall",), 1, "there is no place 'nowhereatall'"),
        (("lang:ar", "--by", "relevance"), 1, "relevance is that of words"),
        (("@camps",), 1, "there is no saved search @camps"),
        (("--forget", "camps"), 1, "there is no saved search @camps"),
        (("camp", "--save", "a b"), 1, "is no name for a search"),
        (("--save", "empty"), 2, "there is no query to keep"),
        (("(camp", "--save", "broken"), 1, "this ( is not closed"),
    ):
        done = levantwatch("search", *arguments)
        assert done[:2] == (status, ""), arguments
        assert said in done[2]
        assert done[2].count("\n") == 1


def test_snippets(levantwatch: Run) -> None:
    _, out, _ = levantwatch("search", "الرقة OR raqqa", "--snippets")
    first, second = out.splitlines()
    assert first.endswith("\tThe camp near [[Raqqa]] held thousands.")
    assert second.endswith("\tأُغلق المخيم في [[الرَّقّة.]]")
    _, out, _ = levantwatch("search", "harvest", "--snippets", "--format", "csv")
    [row] = csv.DictReader(io.StringIO(out))
    assert row["snippet"] == "[[Harvest]]"


def test_saved_searches(levantwatch: Run) -> None:
    status, out, err = levantwatch(
        "search", "camp OR مخيم", "--save", "@camps", "--language", "ar", "--since", "2026-11-01"
    )
    assert (status, out.count("\n")) == (0, 1)
    assert err == 'saved as @camps: (camp OR مخيم) since:"2026-11-01" lang:"ar"\n'
    assert ids(levantwatch, "@camps") == [2]
    assert ids(levantwatch, "harvest OR @camps") == [2, 3]
    assert levantwatch("search", "--saved")[1] == '@camps\t(camp OR مخيم) since:"2026-11-01" lang:"ar"\n'
    status, out, err = levantwatch("search", "@camps x", "--save", "camps")
    assert (status, out) == (1, "")
    assert "contains itself" in err
    status, out, err = levantwatch("search", "since:2026-11-02 until:2026-11-01", "--save", "camps")
    assert (status, out, err.count("saved as"), "no day is both" in err) == (1, "", 0, True)
    assert ids(levantwatch, "@camps") == [2]  # what was there stays
    [kept] = json.loads(levantwatch("search", "--saved", "--format", "json")[1])
    assert (kept["name"], set(kept)) == ("camps", {"name", "query", "saved_at"})
    assert levantwatch("search", "--forget", "@camps") == (0, "", "@camps forgotten\n")
    assert levantwatch("search", "--saved")[1] == ""


def test_export_takes_the_same_queries(levantwatch: Run) -> None:
    status, out, _ = levantwatch("export", "--format", "jsonl", "-o", "-", "title:(harvest OR raqqa) -الهول")
    assert status == 0
    assert [json.loads(line)["article_id"] for line in out.splitlines()] == [1, 3]


def test_the_metadata_for_datasette_is_of_this_schema(database: Database) -> None:
    assert set(METADATA) <= TOP
    [(name, described)] = METADATA["databases"].items()
    assert name == "levantwatch"
    with database.read() as session:
        inspector = inspect(session.connection())
        there = {*inspector.get_table_names(), *inspector.get_view_names()}
        for table, known in described["tables"].items():
            assert set(known) <= OF_TABLE
            if known.get("hidden"):
                continue
            assert table in there
            columns = [column["name"] for column in inspector.get_columns(table)]
            assert list(known["columns"]) == columns
            assert {*known.get("facets", ()), known.get("sort_desc", columns[0])} <= set(columns)
        for query in described["queries"].values():
            assert set(query) <= OF_QUERY
            session.execute(text(query["sql"]), {"since": "2026-01-01", "until": "2026-12-31"}).all()
