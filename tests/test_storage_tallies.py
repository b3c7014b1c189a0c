"""Tallies: whatever is written, they are what counting the articles gives, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from storage_samples import DAY, NOW, add_feed, list_entries, record, seen, store, store_verdicts, verdict

from storage import removal, retention, tallies
from storage.db import Database
from storage.models import ARTICLES, TALLIES

SPANS = (
    (None, None), (date(2026, 9, 1), date(2026, 10, 31)), (date(2026, 9, 2), date(2026, 11, 30)), (date(2026, 10, 5), date(2026, 10, 9)),
    (None, date(2026, 10, 7)), (date(2026, 10, 7), None), (date(1, 1, 1), date.max), (date(2026, 9, 30), date(2026, 11, 1)),
)  # fmt: skip


def by_hand(session: Session, kind: str, since: date | None, until: date | None) -> Counter[tuple[str, str, str]]:
    """The same numbers, from the articles one by one."""
    found = Counter[tuple[str, str, str]]()
    for row in session.execute(select(ARTICLES).where(ARTICLES.c.topics != "")):
        if str(since or "") <= row.day <= str(until or "9999-12-31"):
            name = {"day": row.day, "publisher": row.publisher, "language": row.language or "", "feed": str(row.feed_id)}[kind]  # fmt: skip
            told = (True, row.role == "copy", row.extraction == "summary-only")
            for what, holds in zip(("matches", "copies", "summaries"), told, strict=True):
                found[name, row.topics, what] += holds
    return +found


def tallied(
    session: Session, kind: tallies.Kind, since: date | None, until: date | None
) -> Counter[tuple[str, str, str]]:
    found = Counter[tuple[str, str, str]]()
    for one in tallies.counted(session, kind, since=since, until=until):
        for what in ("matches", "copies", "summaries"):
            found[one.name, one.topics, what] += getattr(one, what)
    return +found


def assert_right(database: Database) -> None:
    with database.read() as session:
        for kind in get_args(tallies.Kind):
            for since, until in SPANS:
                assert tallied(session, kind, since, until) == by_hand(session, kind, since, until), (
                    kind,
                    since,
                    until,
                )
        for since in (None, date(2026, 10, 5), date(2027, 1, 1)):
            assert totals_of(session, since) == totals_by_hand(session, since)


def totals_of(session: Session, since: date | None) -> set[tuple[object, ...]]:
    return {
        (one.topics, one.matches, one.copies, one.summaries, one.first_day, one.last_day)
        for one in tallies.totals(session, since=since)
    }


def totals_by_hand(session: Session, since: date | None) -> set[tuple[object, ...]]:
    rows = [
        row for row in session.execute(select(ARTICLES).where(ARTICLES.c.topics != "")) if row.day >= str(since or "")
    ]
    found = set[tuple[object, ...]]()
    for topics in {row.topics for row in rows}:
        these = [row for row in rows if row.topics == topics]
        copies = sum(row.role == "copy" for row in these)
        summaries = sum(row.extraction == "summary-only" for row in these)
        days = [row.day for row in these]
        found.add((topics, len(these), copies, summaries, min(days), max(days)))
    return found


def writes(database: Database, chance: random.Random, ids: list[int]) -> Iterator[str]:
    """One thing after another that changes articles, as the program does it."""
    feeds = [add_feed(database, f"https://{name}.example/feed", publisher=name) for name in ("North", "South")]
    for step in range(40):
        action = chance.choice(("new", "new", "again", "verdict", "forget", "fold", "prune", "role"))
        at = NOW - chance.randint(0, 90) * DAY
        if action == "new" or not ids:
            ids.extend(list_entries(database, chance.choice(feeds), seen(step)))
        with database.write() as session:
            if action == "new":
                _store(session, chance, ids[-1], at)
            elif action == "again":
                _store(session, chance, chance.choice(ids), at)
            elif action == "verdict":
                said = [verdict(topic, score=chance.choice((0.1, 0.9))) for topic in ("isis", "syria")]
                store_verdicts(session, entry_id=chance.choice(ids), verdicts=said, now=NOW)
            elif action == "forget":
                removal.forget(
                    session, entry_id=ids.pop(chance.randrange(len(ids))), why="asked", tombstones={}, now=NOW
                )
            elif action == "fold":
                tallies.fold(session)
            elif action == "prune":
                retention.prune(session, now=NOW + timedelta(days=500))
            else:
                session.execute(update(ARTICLES).where(ARTICLES.c.id == chance.choice(ids)).values(role="related"))
        yield action


def _store(session: Session, chance: random.Random, id_: int, at: Any) -> None:
    topics = chance.choice((("syria",), ("isis",), ("isis", "syria")))
    values = {
        "publisher": chance.choice(("North", "South")), "language": chance.choice(("en", "ar", None)), "published_at": at,
        "extraction": chance.choice(("full", "summary-only")),
        "verdicts": tuple(verdict(topic, 0.9 if topic in topics else 0.1) for topic in ("isis", "syria")),
    }  # fmt: skip
    store(session, record(id_, **values))


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_walk_the_tallies_are_the_count(database: Database, seed: int) -> None:
    done = Counter(writes(database, random.Random(seed), []))
    assert len(done) > 5
    assert_right(database)
    with database.write() as session:
        tallies.refill(session.connection())
    assert_right(database)


def test_fold_leaves_one_row_of_many(database: Database) -> None:
    ids: list[int] = []
    for _ in writes(database, random.Random(3), ids):
        pass
    with database.write() as session:
        while tallies.fold(session):
            pass
        rows = session.execute(select(TALLIES.c.kind, TALLIES.c.period, TALLIES.c.name, TALLIES.c.topics)).all()
        assert len(rows) == len(set(rows)) > 4
        assert session.scalar(select(func.count()).where(TALLIES.c.matches == 0)) == 0
        assert tallies.fold(session) == 0
    assert_right(database)
