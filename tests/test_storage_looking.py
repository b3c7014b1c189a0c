"""The newest answers are the first of all answers, however far Postgres looks before it lists (SQLite's index is in that order)."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import text
from storage_samples import HOUR, NOW, add_feed, add_matches, verdict

from storage import bounded, filters, looking, newest, search
from storage.db import Database
from storage.search import Filters
from storage.seen import MentionRecord

WORDS = ["camp", "road", "north", "river", "aleppo", "truce", "flour", "raqqa"]  # the first ones stand in most texts
QUESTIONS = [
    "camp", "road", "raqqa", "flour truce", "camp road", '"camp road"', '"road camp"', '"north camp road"', '"raqqa camp"',
    "camp -road", "cam*", "raqqa OR flour", "(camp OR raqqa) river", "title:camp", "camp title:raqqa", 'road title:"camp road"',
    'camp publisher:"South"', 'raqqa publisher:"South"', '"camp road" publisher:"South"', "camp country:sy", "camp score:>0.9", "nothing", "camp nothing",
    "place:raqqa", "actor:sdf", 'actor:"o\'neill"', "place:nowhere", "place:raqqa actor:sdf", "camp place:raqqa", "camp road actor:sdf", "title:camp place:raqqa",
    '"camp road" place:raqqa', "camp place:raqqa actor:sdf", "camp -place:raqqa", 'place:raqqa publisher:"South"', "place:raqqa since:2026-11-20",
    "camp since:2026-11-20", "camp until:2026-11-20", "flour since:2026-11-19 until:2026-11-21", "title:camp -title:road road",
    "raqqa OR lang:en", "lang:(ar OR en) camp", "lang:ar OR (lang:en place:raqqa)", "score:>0.9", "score:>0.9 country:sy", 'score:<0.7 publisher:"South"', "score:0.5..0.7 since:2026-11-20", "score:syria>0.9 score:<0.99 -place:raqqa", "score:>0.99",
]  # fmt: skip


BOUNDS = ("FEWEST", "MOST", "FREQUENT", "HITS", "RARE", "MORE", "SPARE", "MANY", "KEYS", "FEW", "LISTED", "FIRST")
ELSEWHERE = {"FEW": bounded, "LISTED": filters, "FIRST": newest}


@pytest.fixture(
    params=[
        (1_000, 2_000, 20_000, 1_000, 1_000, 1.2, 140, 16_000, 50_000, 5_000, 20_000, 4),
        (2, 4, 0, 3, 0, 1, 0, 16_000, 0, 0, 0, 1),
        (20, 40, 0, 1, 0, 1, 5, 4, 100, 10, 20, 4),
        (1, 1, 1_000, 2, 0, 0.1, 0, 16, 100, 0, 100, 1),
    ],
    ids=str,
)
def bounds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many documents are looked at and listed, as they are and so few that a small store has the ways of a full one."""
    for name, value in zip(BOUNDS, request.param, strict=True):
        monkeypatch.setattr(ELSEWHERE.get(name, looking), name, value)


@pytest.fixture
def news(database: Database) -> Database:
    chance = random.Random(1)
    feeds = [add_feed(database), add_feed(database, "https://south.example/feed", country="SY")]

    def some(number: int) -> str:
        return " ".join(WORDS[min(int(chance.expovariate(0.7)), len(WORDS) - 1)] for _ in range(number))

    articles = [
        {
            "title": some(3), "text": some(8), "publisher": chance.choice(("North", "South")),
            "published_at": NOW - number // 3 * HOUR,  # copies of one story stand together
            "verdicts": (verdict("syria", chance.choice((0.6, 0.95))),),
            "mentions": tuple(
                MentionRecord(kind=kind, name=name, area=name, field="text", start=start, end=start + 3, text=name, resolved=chance.random() < 0.9)
                for start, (kind, name) in enumerate((("place", "raqqa"), ("actor", "sdf"), ("place", "raqqa"), ("actor", "o'neill")))
                if chance.random() < 0.3
            ),
        }
        for number in range(120)
    ]  # fmt: skip
    chance.shuffle(articles)
    add_matches(database, feeds[0], *articles[:60])
    add_matches(database, feeds[1], *articles[60:], now=NOW + HOUR)
    with database.write() as session:  # how far back enough of them stand is in the statistics
        session.execute(text("ANALYZE"))
    return database


@pytest.mark.usefixtures("bounds")
def test_the_newest_answers_are_the_first_of_all(news: Database) -> None:
    with news.read() as session:
        whole = {query: _ids(search.search(session, Filters(words=query, limit=None))) for query in QUESTIONS}
    assert sum(len(found) > 7 for found in whole.values()) > 12
    for query, expected in whole.items():
        for limit in (1, 7, 50):
            with news.read() as session:
                assert _ids(search.search(session, Filters(words=query, limit=limit))) == expected[:limit], query


def test_a_ranked_phrase_is_one_of_the_newest_that_hold_its_words(
    news: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LOOKED_THROUGH", 20)
    with news.read() as session:
        for words, phrase in (
            ("camp road", '"camp road"'),
            ("camp road publisher:South", '"camp road" publisher:South'),
        ):
            looked_through = _ids(search.search(session, Filters(words=words, limit=20)))
            answers = set(_ids(search.search(session, Filters(words=phrase, limit=None))))
            found = _ids(search.search(session, Filters(words=phrase), by_relevance=True))
            assert sorted(found) == sorted(answers & set(looked_through))
            assert 0 < len(found) < len(answers)


def _ids(found: list[search.Match]) -> list[int]:
    return [one.article_id for one in found]
