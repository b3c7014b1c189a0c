"""The stories to which most articles came are the same by their sizes as by their articles, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from storage_samples import HOUR, NOW, add_feed, add_matches, store_verdicts, verdict

from storage import most_came, overviews, removal
from storage.db import Database
from storage.models import ARTICLES

TODAY = NOW.date()
SPANS = [(TODAY - timedelta(days=ago), TODAY - timedelta(days=until)) for ago, until in ((365, 0), (120, 5), (300, 150), (93, 0), (400, 366))]  # fmt: skip


@pytest.fixture
def news(database: Database) -> Database:
    """Stories of one to six articles over 400 days, some without their original, some of articles that are no matches any more."""
    chance = random.Random(4)
    feed = add_feed(database)
    ids: list[list[int]] = []
    for number in range(40):
        begun = NOW - timedelta(days=chance.choice((5, 93, 120, 150, chance.randint(1, 400))))
        text = {"signature": bytes([number + 1]) * 8, "bands": (2 * number + 1, 2 * number + 2)}
        rows = [{**text, "published_at": begun + chance.randint(0, 40) * HOUR} for _ in range(chance.randint(1, 6))]
        ids.append(add_matches(database, feed, *rows, now=NOW + number * HOUR))
    with database.write() as session:
        for number, story in enumerate(ids):
            if number % 5 == 0:
                removal.forget(session, entry_id=story.pop(0), why="asked", tombstones={}, now=NOW)
            if number % 7 == 0 and story:
                said = [verdict(topic, score=0.1) for topic in ("isis", "syria")]
                store_verdicts(session, entry_id=story[-1], verdicts=said, now=NOW)
    return database


def by_hand(database: Database, since: date, until: date) -> Counter[int]:
    came = Counter[int]()
    with database.read() as session:
        for row in session.execute(select(ARTICLES).where(ARTICLES.c.topics != "")):
            came[row.story_id] += row.role != "original" and f"{since}" <= row.day <= f"{until}"
    return +came


@pytest.mark.parametrize("limit", [1, 3, 8, 50])
def test_stories_of_a_long_time_are_those_to_which_most_articles_came(news: Database, limit: int) -> None:
    for since, until in SPANS:
        came = by_hand(news, since, until)
        expected = sorted(came, key=lambda id_: (-came[id_], -id_))[:limit]
        assert expected
        with news.read() as session:
            assert most_came.most_came(session, since=since, until=until, limit=limit) == expected
            shown = overviews.biggest_stories(session, since=since, until=until, limit=limit)
        assert {one.id for one in shown} == set(expected)


def test_where_too_many_are_of_one_size_the_articles_are_counted(
    news: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    since, until = SPANS[0]
    with news.read() as session:
        expected = overviews.biggest_stories(session, since=since, until=until, limit=50)
        monkeypatch.setattr(most_came, "MOST", 2)
        assert most_came.most_came(session, since=since, until=until, limit=50) is None
        assert overviews.biggest_stories(session, since=since, until=until, limit=50) == expected
