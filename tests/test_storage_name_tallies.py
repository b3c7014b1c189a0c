"""Names by day: whatever is written, they are what counting the mentions gives, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from storage_samples import DAY, NOW, add_feed, list_entries, record, seen, store, store_verdicts, verdict

from storage import mentions, name_tallies, removal, retention
from storage.db import Database
from storage.models import ARTICLES, MENTIONS, NAME_TALLIES
from storage.seen import MentionRecord

SPANS = ((None, None), (date(2026, 9, 2), date(2026, 11, 30)), (None, date(2026, 10, 7)), (date(2026, 10, 5), date(2026, 10, 5)))  # fmt: skip
NAMES = (("place", "homs", "homs"), ("place", "tadmur", "homs"), ("place", "idlib", "idlib"), ("actor", "ypg", "sdf"))


def assert_right(database: Database) -> None:
    """Hold the view and `mentions.counts` against the mentions, one by one."""
    named = set()
    with database.read() as session:
        query = select(ARTICLES.c.day, MENTIONS).join_from(MENTIONS, ARTICLES).where(ARTICLES.c.topics != "")
        for row in session.execute(query):
            if row.resolved:
                named.add((row.entry_id, row.day, row.kind, row.name, row.area))
        view = session.execute(text("SELECT day, kind, name, area, matches FROM daily_names")).all()
        assert {tuple(row[:4]): row[4] for row in view} == Counter(one[1:] for one in named)
        for since, until in SPANS:
            within = [one for one in named if str(since or "") <= one[1] <= str(until or "9999")]
            for kind in ("place", "actor"):
                counted = mentions.counts(session, kind=kind, since=since, until=until, limit=None)
                assert {one.name: one.number for one in counted} == Counter(one[3] for one in within if one[2] == kind)


def some_mentions(chance: random.Random) -> tuple[MentionRecord, ...]:
    drawn = [chance.choice(NAMES) for _ in range(chance.randint(0, 6))]
    return tuple(
        MentionRecord(*one, chance.choice(("title", "text")), 10 * at, 10 * at + 4, one[1], chance.random() < 0.8)
        for at, one in enumerate(drawn)
    )


def writes(database: Database, chance: random.Random, ids: list[int]) -> Iterator[str]:
    """One thing after another that changes mentions or their articles, as the program does it, and past it."""
    feed = add_feed(database, "https://north.example/feed", publisher="North")
    actions = ("new", "new", "again", "mentions", "verdict", "forget", "fold", "prune", "day", "one less", "several")
    for step in range(60):
        action = chance.choice(actions)
        if action == "new" or not ids:
            ids.extend(list_entries(database, feed, seen(step)))
        id_, at = ids[-1] if action == "new" else chance.choice(ids), NOW - chance.randint(0, 90) * DAY
        with database.write() as session:
            stored = session.scalar(select(func.count()).where(ARTICLES.c.id == id_))
            if action in ("new", "again"):
                store(session, record(id_, published_at=at, mentions=some_mentions(chance)))
            elif action == "mentions" and stored:
                mentions.replace(session, {id_: some_mentions(chance)})
            elif action == "verdict":
                said = [verdict(topic, score=chance.choice((0.1, 0.9))) for topic in ("isis", "syria")]
                store_verdicts(session, entry_id=id_, verdicts=said, now=NOW)
            elif action == "forget":
                removal.forget(session, entry_id=ids.pop(ids.index(id_)), why="asked", tombstones={}, now=NOW)
            elif action == "fold":
                name_tallies.fold(session)
            elif action == "prune":
                retention.prune(session, now=NOW + timedelta(days=500))
            elif action == "day":
                session.execute(update(ARTICLES).where(ARTICLES.c.id == id_).values(day="2026-10-05"))
            elif action == "one less":
                session.execute(delete(MENTIONS).where(MENTIONS.c.entry_id == id_, MENTIONS.c.start < 20))
            elif action == "several" and stored:
                _several_in_one_statement(session, id_)
        yield action


def _several_in_one_statement(session: Any, id_: int) -> None:
    """What comes in one statement sees what came before it in the same."""
    start = 1_000 + (session.scalar(select(func.max(MENTIONS.c.start)).where(MENTIONS.c.entry_id == id_)) or 0)
    rows = [
        {"entry_id": id_, "field": "text", "start": start + at, "end": start + at + 1, "kind": "place", "name": name, "area": name,
         "text": name, "resolved": True} for at, name in enumerate(("homs", "idlib", "homs", "idlib", "homs"))
    ]  # fmt: skip
    session.execute(insert(MENTIONS).values(rows))


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_walk_the_names_are_the_count(database: Database, seed: int) -> None:
    done = Counter(writes(database, random.Random(seed), []))
    assert len(done) > 8
    assert_right(database)
    with database.write() as session:
        while name_tallies.fold(session):
            pass
        key = (NAME_TALLIES.c.kind, NAME_TALLIES.c.day, NAME_TALLIES.c.name, NAME_TALLIES.c.area)
        rows = session.execute(select(*key)).all()
        assert len(rows) == len(set(rows)) > 4
    assert_right(database)
    with database.write() as session:
        name_tallies.refill(session.connection())
    assert_right(database)


def test_an_article_that_goes_takes_its_names_along(database: Database) -> None:
    feed = add_feed(database, "https://north.example/feed", publisher="North")
    (id_,) = list_entries(database, feed, seen(1))
    with database.write() as session:
        store(
            session,
            record(id_, mentions=(MentionRecord("place", "homs", "homs", "text", 0, 4, "Homs", resolved=True),)),
        )
    assert_right(database)
    with database.write() as session:
        assert [one.number for one in mentions.counts(session, kind="place")] == [1]
        session.execute(delete(ARTICLES).where(ARTICLES.c.id == id_))
        assert mentions.counts(session, kind="place") == []
        assert session.scalar(select(func.sum(NAME_TALLIES.c.matches))) == 0
