"""What articles name is listed beside their order (Postgres), and comes, moves and goes with them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session
from storage_samples import DAY, NOW, add_feed, add_matches, record, store

from storage import mentions
from storage.db import Database
from storage.full_text import unindex_words
from storage.models import ARTICLES
from storage.names import FILL, NAMES, named_all
from storage.seen import MentionRecord
from storage.tree import tsquery


def named(name: str, start: int = 0, *, resolved: bool = True) -> MentionRecord:
    return MentionRecord("place", name, name, "text", start, start + 5, name[:5], resolved)


@pytest.fixture
def watched(database: Database) -> Database:
    names: list[tuple[MentionRecord, ...]] = [
        (named("raqqa"), named("raqqa", 20), named("homs", 40)),
        (named("homs", resolved=False),),
        (named("o'neill\\"),),
    ]
    values = [{"mentions": one, "published_at": NOW - n * DAY} for n, one in enumerate(names)]
    add_matches(database, add_feed(database), *values)
    return database


def test_names_are_listed_once_and_without_doubt(watched: Database) -> None:
    if watched.dialect == "sqlite":  # whose mentions are looked at
        return
    with watched.write() as session:
        before = _noted(session)
        assert before == {1: "'homs' 'raqqa'", 3: "'o''neill\\\\'"}
        session.execute(delete(NAMES))
        session.execute(text(FILL))
        assert _noted(session) == before


def test_names_come_move_and_go_with_the_article(watched: Database) -> None:
    if watched.dialect == "sqlite":
        return
    with watched.write() as session:
        store(session, record(1, published_at=NOW - 9 * DAY, mentions=(named("hama"),)))
        assert _noted(session) == {1: "'hama'", 3: "'o''neill\\\\'"}
        mentions.replace(session, {1: (), 2: (named("idlib"),)})
        assert _noted(session) == {2: "'idlib'", 3: "'o''neill\\\\'"}
        unindex_words(session, sort_key=session.scalars(select(ARTICLES.c.sort_key).where(ARTICLES.c.id == 2)).one())
        assert session.scalars(select(NAMES.c.rowid)).all() == _keys(session, 3)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([("raqqa",)], "('raqqa')"),
        ([("raqqa", "homs"), ("sdf",)], "((('homs') | ('raqqa')) & ('sdf'))"),
        ([("o'neill\\",)], "('o''neill\\\\')"),
        ([()], "(' ')"),
    ],
)
def test_groups_of_names_as_a_query(groups: list[Any], expected: str) -> None:
    assert tsquery(named_all(groups)) == expected


def _noted(session: Session) -> dict[int, str]:
    query = select(ARTICLES.c.id, NAMES.c.document).join(NAMES, NAMES.c.rowid == ARTICLES.c.sort_key)
    return {row[0]: row[1] for row in session.execute(query)}


def _keys(session: Session, *these: int) -> list[int]:
    return list(session.scalars(select(ARTICLES.c.sort_key).where(ARTICLES.c.id.in_(these))))
