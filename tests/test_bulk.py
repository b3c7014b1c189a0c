"""`storage.bulk`: many rows by one statement, as SQLAlchemy would write them."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, insert, select, update
from storage_samples import NOW

from storage import feeds
from storage.bulk import insert_many, run_many
from storage.db import Database
from storage.models import EVENTS, FEEDS
from storage.portable import if_new, is_sqlite

ADDED = insert(EVENTS).values(what="changed")
CHANGED = update(FEEDS).where(FEEDS.c.id == bindparam("which"))


def test_rows_are_written_as_their_columns_are_and_what_the_statement_says_stands_in_each(database: Database) -> None:
    with database.write() as session:
        ids = [feeds.add(session, url=f"https://orontes.example/{number}", now=NOW)[0] for number in range(3)]
        session.execute(EVENTS.delete())
        run_many(session, ADDED, [{"feed_id": id_, "at": NOW, "details": f"\0why {id_}"} for id_ in ids])
        run_many(session, CHANGED, [{"which": id_, "title": f"Title {id_}", "last_new_at": NOW} for id_ in ids[1:]])
        run_many(session, CHANGED, [])
    with database.read() as session:
        told = session.execute(select(EVENTS.c.feed_id, EVENTS.c.at, EVENTS.c.what, EVENTS.c.details)).all()
        titles = session.execute(select(FEEDS.c.title, FEEDS.c.last_new_at).order_by(FEEDS.c.id)).all()
    assert sorted(map(tuple, told)) == [(id_, NOW, "changed", f"why {id_}") for id_ in ids]
    assert [tuple(row) for row in titles] == [("", None), *((f"Title {id_}", NOW) for id_ in ids[1:])]


def test_a_row_without_a_value_and_a_statement_with_an_answer_are_refused(database: Database) -> None:
    with database.write() as session:
        with pytest.raises(KeyError, match="title"):
            run_many(session, CHANGED, [{"which": 1, "title": "One"}, {"which": 2}])
        with pytest.raises(TypeError, match="answer"):
            run_many(session, ADDED.returning(EVENTS.c.id), [{"feed_id": 1, "at": NOW, "details": ""}])


def test_what_comes_back_is_of_the_rows_that_are_new_over_several_statements(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.bulk._VALUES", 70)
    with database.write() as session:
        there, _ = feeds.add(session, url="https://orontes.example/7", now=NOW)
        urls = [f"https://orontes.example/{number}" for number in range(30)]
        said = {"publisher": "", "origin": "user", "added_at": NOW, "next_poll_at": NOW}
        rows = [{"url": url, "title": f"\0At {url}", **said} for url in urls]
        adding = if_new(is_sqlite(session), FEEDS, ("url",), (FEEDS.c.url, FEEDS.c.id))
        back = insert_many(session, adding, rows)
        assert insert_many(session, adding, []) == []
    with database.read() as session:
        stored = session.execute(select(FEEDS.c.url, FEEDS.c.id, FEEDS.c.title).where(FEEDS.c.id != there)).all()
    assert sorted(back) == sorted((url, id_) for url, id_, _ in stored)
    assert {url: title for url, _, title in stored} == {url: f"At {url}" for url in urls if url != urls[7]}


def test_a_row_to_insert_without_a_value_is_refused(database: Database) -> None:
    adding = ADDED.returning(EVENTS.c.id)
    with database.write() as session, pytest.raises(KeyError, match="details"):
        insert_many(session, adding, [{"feed_id": 1, "at": NOW, "details": ""}, {"feed_id": 1, "at": NOW}])


def test_json_is_clean_however_deep_and_keeps_what_is_text(database: Database) -> None:
    given = {"a": ["\0N\ud800", {"b": "\udfff"}], "emoji": "\U0001f600 \\u0000", "arabic": "حلب", "none": None}
    with database.write() as session:
        id_, _ = feeds.add(session, url="https://orontes.example/1", now=NOW)
        session.execute(CHANGED.values(hints=given), {"which": id_})
    with database.read() as session:
        kept = session.scalar(select(FEEDS.c.hints))
    assert kept == {"a": ["N", {"b": ""}], "emoji": "\U0001f600 \\u0000", "arabic": "حلب", "none": None}
