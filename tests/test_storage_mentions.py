"""Mentions: written with a match, made anew with it, gone with it, and asked for by groups of ids."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import delete, func, select
from storage_samples import DAY, NOW, add_feed, add_matches, record, store, verdict

from storage import mentions, search
from storage.db import Database
from storage.mentions import Named
from storage.models import ARTICLES, BANDS, MENTIONS
from storage.seen import MentionRecord

DEIR_EZ_ZOR = ("deir-ez-zor", "mayadin", "hajin")
SDF = ("sdf", "ypg")


def place(name: str, start: int = 0, *, area: str = "deir-ez-zor", resolved: bool = True) -> MentionRecord:
    return MentionRecord("place", name, area, "text", start, start + 5, name[:5], resolved)


def actor(name: str, start: int = 50, *, field: str = "text") -> MentionRecord:
    return MentionRecord("actor", name, "sdf", field, start, start + 3, name[:3], resolved=True)


@pytest.fixture
def watched(database: Database) -> Database:
    """Six matches, the first the newest: which of them names what stands in the comments of the tests."""
    named: list[tuple[MentionRecord, ...]] = [
        (place("mayadin"), place("mayadin", 20), actor("ypg"), actor("sdf", 3, field="title")),
        (place("deir-ez-zor"), actor("sdf")),
        (place("raqqa", area="raqqa"), actor("sdf")),
        (place("hajin", resolved=False), actor("ypg")),
        (place("deir-ez-zor"),),
        (),
    ]
    values = [{"mentions": one, "published_at": NOW - n * DAY} for n, one in enumerate(named)]
    assert add_matches(database, add_feed(database), *values) == [1, 2, 3, 4, 5, 6]
    return database


@pytest.mark.parametrize("few", [None, 0, 2], ids=["listed", "looked at", "the rarer listed"])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"places": [DEIR_EZ_ZOR]}, [1, 2, 5]),
        ({"actors": [SDF]}, [1, 2, 3, 4]),
        ({"places": [DEIR_EZ_ZOR], "actors": [SDF]}, [1, 2]),
        ({"actors": [("sdf",), ("ypg",)]}, [1]),
        ({"places": [("hajin",)]}, []),  # in doubt
        ({"places": [("nowhere",)]}, []),
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"places": [DEIR_EZ_ZOR], "since": date(2026, 11, 21)}, [1, 2]),
        ({"places": [DEIR_EZ_ZOR], "until": date(2026, 11, 23)}, [2, 5]),
        ({"actors": [SDF], "limit": 1}, [1]),
    ],
)
def test_articles_naming(watched: Database, asked: dict[str, object], expected: list[int], few: int | None) -> None:
    with watched.read() as session:
        assert mentions.articles_naming(session, **asked, few=few) == expected  # type: ignore[arg-type]


def test_search_and_export_ask_the_same(watched: Database) -> None:
    filters = search.Filters(named=(DEIR_EZ_ZOR, SDF))
    with watched.read() as session:
        assert [match.article_id for match in search.search(session, filters)] == [1, 2]
        assert [match.article_id for match in search.stream(session, filters)] == [1, 2]
        assert search.count(session, filters) == 2
        assert [match.article_id for match in search.search(session, replace(filters, words="day", limit=1))] == [1]


def test_the_mentions_of_an_article_stand_in_its_order(watched: Database) -> None:
    with watched.read() as session:
        assert [(one.field, one.start, one.name) for one in mentions.of_article(session, 1)] == [
            ("title", 3, "sdf"),
            ("text", 0, "mayadin"),
            ("text", 20, "mayadin"),
            ("text", 50, "ypg"),
        ]
        assert mentions.of_article(session, 2)[0] == place("deir-ez-zor")
        assert mentions.of_article(session, 99) == []
        assert search.why(session, 1).named == (
            Named("place", "mayadin", 2, resolved=True),
            Named("actor", "sdf", 1, resolved=True),
            Named("actor", "ypg", 1, resolved=True),
        )


def test_counts_are_of_articles(watched: Database) -> None:
    with watched.read() as session:
        assert mentions.counts(session, kind="place") == [
            Named("place", "deir-ez-zor", 2, resolved=True),
            Named("place", "mayadin", 1, resolved=True),
            Named("place", "raqqa", 1, resolved=True),
        ]
        assert mentions.counts(session, kind="actor", until=date(2026, 11, 22), limit=1) == [
            Named("actor", "sdf", 1, resolved=True)
        ]


def test_an_upgraded_article_has_the_mentions_of_its_new_text(watched: Database) -> None:
    with watched.write() as session:
        store(session, record(1, mentions=(place("hajin", 7),)))
        assert mentions.of_article(session, 1) == [place("hajin", 7)]


def test_a_summary_leaves_the_mentions_of_the_page(watched: Database) -> None:
    with watched.write() as session:
        store(session, record(1, extraction="summary-only", mentions=()))
        assert len(mentions.of_article(session, 1)) == 4


def test_what_no_longer_matches_is_not_found(watched: Database) -> None:
    with watched.write() as session:
        store(session, record(2, verdicts=(verdict(score=0.1), verdict("isis", 0.1)), mentions=(place("deir-ez-zor"),)))
    with watched.read() as session:
        assert mentions.articles_naming(session, places=[DEIR_EZ_ZOR]) == [1, 5]
        assert mentions.counts(session, kind="place", limit=1)[0].number == 1


def test_mentions_go_with_their_article(watched: Database) -> None:
    with watched.write() as session:
        session.execute(delete(BANDS))
        session.execute(delete(ARTICLES).where(ARTICLES.c.id == 1))
        assert session.scalar(select(func.count()).select_from(MENTIONS).where(MENTIONS.c.entry_id == 1)) == 0


def test_text_that_no_database_holds_is_cleaned(database: Database) -> None:
    odd = replace(place("hajin"), text="Ha\x00jin\ud800")
    add_matches(database, add_feed(database), {"mentions": (odd,)})
    with database.read() as session:
        assert mentions.of_article(session, 1)[0].text == "Hajin"
