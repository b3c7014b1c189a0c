"""Mentions: written with a match, made anew with it, gone with it, and asked for by groups of ids."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import delete, func, select
from storage_samples import DAY, NOW, add_feed, add_matches, mentions_of, record, store, verdict

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
    ("groups", "expected"),
    [
        ([DEIR_EZ_ZOR], [1, 2, 5]),
        ([SDF], [1, 2, 3, 4]),
        ([DEIR_EZ_ZOR, SDF], [1, 2]),
        ([("sdf",), ("ypg",)], [1]),
        ([("hajin",)], []),  # in doubt
        ([("nowhere",)], []),
        ([], [1, 2, 3, 4, 5, 6]),
    ],
)
@pytest.mark.parametrize("bounded", [True, False])
def test_articles_that_name_one_of_every_group(
    watched: Database, groups: list[tuple[str, ...]], expected: list[int], few: int | None, bounded: bool
) -> None:
    with watched.read() as session:
        condition = mentions.naming(session, groups, limit=50, bounded=bounded, few=few)
        assert list(session.scalars(select(ARTICLES.c.id).where(condition).order_by(ARTICLES.c.id))) == expected


def test_search_and_export_ask_the_same(watched: Database) -> None:
    filters = search.Filters(named=(DEIR_EZ_ZOR, SDF))
    with watched.read() as session:
        assert [match.article_id for match in search.search(session, filters)] == [1, 2]
        assert [match.article_id for match in search.stream(session, filters)] == [1, 2]
        assert search.count(session, filters) == 2
        assert [match.article_id for match in search.search(session, replace(filters, words="day", limit=1))] == [1]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [({"since": date(2026, 11, 21)}, [1, 2]), ({"until": date(2026, 11, 23)}, [2, 5]), ({"limit": 1}, [1])],
)
def test_naming_within_days(watched: Database, bounds: dict[str, Any], expected: list[int]) -> None:
    with watched.read() as session:
        found = search.search(session, search.Filters(named=(DEIR_EZ_ZOR,), **bounds))
        assert [match.article_id for match in found] == expected


def test_the_mentions_of_an_article_stand_in_its_order(watched: Database) -> None:
    with watched.read() as session:
        assert [(one.field, one.start, one.name) for one in mentions_of(session, 1)] == [
            ("title", 3, "sdf"),
            ("text", 0, "mayadin"),
            ("text", 20, "mayadin"),
            ("text", 50, "ypg"),
        ]
        assert mentions_of(session, 2)[0] == place("deir-ez-zor")
        assert mentions_of(session, 99) == []
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
        assert mentions_of(session, 1) == [place("hajin", 7)]


def test_a_summary_leaves_the_mentions_of_the_page(watched: Database) -> None:
    with watched.write() as session:
        store(session, record(1, extraction="summary-only", mentions=()))
        assert len(mentions_of(session, 1)) == 4


def test_what_no_longer_matches_is_not_found(watched: Database) -> None:
    with watched.write() as session:
        store(session, record(2, verdicts=(verdict(score=0.1), verdict("isis", 0.1)), mentions=(place("deir-ez-zor"),)))
    with watched.read() as session:
        assert [match.article_id for match in search.search(session, search.Filters(named=(DEIR_EZ_ZOR,)))] == [1, 5]
        assert mentions.counts(session, kind="place", limit=1)[0].number == 1


def test_mentions_go_with_their_article(watched: Database) -> None:
    with watched.write() as session:
        session.execute(delete(BANDS))
        session.execute(delete(ARTICLES).where(ARTICLES.c.id == 1))
        assert session.scalar(select(func.count()).select_from(MENTIONS).where(MENTIONS.c.entry_id == 1)) == 0


def test_text_that_no_database_holds_is_cleaned(database: Database) -> None:
    odd = structs.replace(place("hajin"), text="Ha\x00jin\ud800")
    add_matches(database, add_feed(database), {"mentions": (odd,)})
    with database.read() as session:
        assert mentions_of(session, 1)[0].text == "Hajin"
