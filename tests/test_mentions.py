"""From a text to the answer of a search: the pipelines tag a match, storage keeps its names, `search` and `show` know them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import pytest
from storage_samples import NOW, TriageDecision, add_feed, list_entries, mentions_of, record_triage, seen

from crawler.classify import Judge as Judgement
from crawler.items import Article
from crawler.judging import Judging
from crawler.mentions import UnknownNameError, mention_records, named_groups, shipped_tagger
from crawler.page import Page
from crawler.pipelines import Judge, Store
from crawler.workers import Workers
from storage import entries, search
from storage.db import Database
from storage.seen import MentionRecord
from tests.command import run_here

TITLE = "Truce near Deir ez-Zor holds for a third day"
TEXT = (
    "A truce between the Syrian army and the Syrian Democratic Forces held around Mayadin in Syria on Monday, residents said.\n"
    "Officers of the YPG and of the government in Damascus met at the Euphrates, where Islamic State cells had attacked both."
)
JUDGEMENT = Judgement.load()


@dataclass
class Watch:
    """What the pipelines ask of a watch."""

    judging: Judging = field(default=Judging(JUDGEMENT, Workers(count=1, seconds=60, memory_mb=2048)))
    archive: None = None

    def now(self) -> datetime:
        return NOW


def article(database: Database, *pages: tuple[str, str]) -> list[Article]:
    """One claimed entry for each page, a title and a text."""
    listed = [seen(number, title=title) for number, (title, _) in enumerate(pages, 1)]
    ids = list_entries(database, add_feed(database), *listed)
    with database.write() as session:
        record_triage(session, [TriageDecision(one, 0.5, True) for one in ids], NOW)
        claimed = sorted(entries.claim(session, now=NOW, limit=9, per_host=9), key=lambda entry: entry.id)
    return [
        Article(entry, Page("full", title=title, text=text, words=len(text.split())), NOW)
        for entry, (title, text) in zip(claimed, pages, strict=True)
    ]


def test_a_match_is_tagged_and_what_is_none_is_not(database: Database) -> None:
    match, other = article(
        database, (TITLE, TEXT), ("A bridge in Damascus, Virginia", "The town council met on Monday.")
    )
    watch = Watch()
    judge, store = Judge(watch), Store(watch, lambda *args, **kwargs: None)  # type: ignore[arg-type]
    asyncio.run(judge.process_item(other))
    assert other.judged is not None
    assert other.judged.made is None
    asyncio.run(judge.process_item(match))
    assert match.judged is not None
    assert match.judged.made is not None
    assert {one.name for one in match.judged.made.mentions} == {
        "deir-ez-zor", "syrian-army", "sdf", "mayadin", "syria", "ypg", "damascus", "euphrates", "islamic-state",
    }  # fmt: skip
    with database.write() as session:
        assert store.store(session, match) is not None
        kept = mentions_of(session, match.entry.id)
        assert mentions_of(session, other.entry.id) == []
    assert sorted(kept, key=str) == sorted(match.judged.made.mentions, key=str)
    for one in kept:
        assert {"title": TITLE, "text": TEXT}[one.field][one.start : one.end] == one.text
    with database.read() as session:
        groups = named_groups(["deir-ez-zor"], ["sdf"])
        assert [found.title for found in search.search(session, search.Filters(named=groups))] == [TITLE]
        assert search.search(session, search.Filters(named=named_groups(["raqqa"], []))) == []


def test_tags_become_records_with_the_area() -> None:
    assert mention_records(shipped_tagger().tag("", "The YPG in Mayadin")) == (
        MentionRecord("actor", "ypg", "sdf", "text", 4, 7, "YPG", resolved=True),
        MentionRecord("place", "mayadin", "deir-ez-zor", "text", 11, 18, "Mayadin", resolved=True),
    )


def test_what_an_analyst_types_becomes_groups() -> None:
    deir_ez_zor, kobani, idf = named_groups(["Deir Ezzor", "كوباني"], ["israeli-government"])
    assert {"deir-ez-zor", "baghouz"} <= set(deir_ez_zor)
    assert kobani[0] == "kobani"
    assert set(idf) == {"israeli-government", "idf", "israel"}
    with pytest.raises(UnknownNameError, match=r"no place 'Deir Ezor'; close to it: deir-ez-zor,"):
        named_groups(["Deir Ezor"], [])
    with pytest.raises(UnknownNameError, match=r"no actor 'qqq'; crawler/classify/gazetteer lists the actors"):
        named_groups([], ["qqq"])


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("Raka", ["rawa", "raqqa"]),
        ("Kamishli", ["qamishli", "kilis"]),
        ("hasak", ["hasakah", "hasakah-city", "hasakah-district", "hasakah-jazira", "qahtaniyah-hasakah"]),
        ("nowhere", []),  # hermel is no more than made of its letters
        ("tehran", []),
        ("?", []),
    ],
)
def test_what_is_offered_for_a_misspelt_place_is_near_it(typed: str, offered: list[str]) -> None:
    assert sorted(shipped_tagger().gazetteer.close_to(typed, "place")) == sorted(offered)


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def levantwatch(
    database: Database, schema_url: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Command:
    """The command in this process, on a database with one match."""
    monkeypatch.setenv("LEVANTWATCH_DATABASE_URL", schema_url)
    [match] = article(database, (TITLE, TEXT))
    watch = Watch()
    with database.write() as session:
        Store(watch, lambda: None).store(session, asyncio.run(Judge(watch).process_item(match)))  # type: ignore[arg-type]

    return partial(run_here, capfdbinary)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["--place", "deir-ez-zor", "--actor", "sdf"], 1),
        (["--place", "Mayadin", "--actor", "قسد"], 1),
        (["--place", "Deir al-Zour", "--place", "damascus", "--actor", "islamic-state"], 1),
        (["--place", "deir-ez-zor", "--place", "raqqa"], 0),
        (["--actor", "iskp"], 0),
        (["truce", "--actor", "syrian-government"], 1),
        (["harbour", "--actor", "syrian-government"], 0),
    ],
)
def test_search_and_export_by_what_is_named(levantwatch: Command, asked: list[str], found: int) -> None:
    status, out, _ = levantwatch("search", *asked, "--format", "json")
    assert (status, [row["title"] for row in json.loads(out)]) == (0, [TITLE] * found)
    status, out, _ = levantwatch("export", *asked, "--format", "csv", "-o", "-")
    assert (status, len(list(csv.DictReader(io.StringIO(out))))) == (0, found)


@pytest.mark.parametrize("command", [("search",), ("export", "--format", "csv", "-o", "-")], ids=["search", "export"])
def test_an_unknown_name_is_bad_usage_that_says_which_are_close(levantwatch: Command, command: tuple[str, ...]) -> None:
    status, out, err = levantwatch(*command, "--place", "Mayadeen")
    assert (status, out) == (2, "")
    assert err.startswith("levantwatch: ")
    assert "there is no place 'Mayadeen'; close to it: mayadin" in err
    status, _, err = levantwatch(*command, "--actor", "deir-ez-zor")
    assert status == 2
    assert "there is no actor 'deir-ez-zor'" in err


def test_show_lists_what_is_named(levantwatch: Command) -> None:
    status, out, _ = levantwatch("show", "1")
    assert status == 0
    shown = {line[:10].strip(): line[12:] for line in out.splitlines()}
    assert shown["places"].split(", ")[0] == "damascus"
    assert set(shown["actors"].split(", ")) == {"sdf", "syrian-army", "ypg", "islamic-state"}
    status, out, _ = levantwatch("show", "1", "--format", "json")
    assert {"kind": "actor", "name": "ypg", "number": 1, "resolved": True} in json.loads(out)["named"]


def test_a_page_s_own_address_is_its_canonical_one(database: Database) -> None:
    """That it is plausible, `crawler.pagehead` has seen to."""
    match, other = article(database, (TITLE, TEXT), (TITLE, TEXT))
    assert match.page
    match.page = replace(match.page, canonical_url="https://northpost.example/2026/11/the-story")
    watch = Watch()
    store = Store(watch, lambda *args, **kwargs: None)  # type: ignore[arg-type]
    for one in (match, other):
        asyncio.run(Judge(watch).process_item(one))  # type: ignore[arg-type]
        with database.write() as session:
            store.store(session, one)
    urls = [row.canonical_url for row in rows(database, match, other)]
    assert urls == ["https://northpost.example/2026/11/the-story", "https://northpost.example/story-2"]


def rows(database: Database, *items: Article) -> list[search.Match]:
    with database.read() as session:
        return [found for item in items if (found := search.match(session, item.entry.id))]
