"""`storage.bulk`: many rows by one statement, as SQLAlchemy would write them."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, insert, select, update
from storage_samples import NOW

from storage import feeds
from storage.bulk import run_many
from storage.db import Database
from storage.models import EVENTS, FEEDS

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
