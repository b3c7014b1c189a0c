"""The newest answers are the first of all answers, however far Postgres looks before it lists (SQLite's index is in that order)."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import text
from storage_samples import HOUR, NOW, add_feed, add_matches, verdict

from storage import bounded, filters, looking, mentions, newest, search
from storage.db import Database
from storage.relevance import IN_TITLE
from storage.search import Filters
from storage.seen import MentionRecord
from storage.text import fold

WORDS = ["camp", "road", "north", "river", "aleppo", "truce", "flour", "raqqa"]  # the first ones stand in most texts
QUESTIONS = [
    "camp", "road", "raqqa", "flour truce", "camp road", '"camp road"', '"road camp"', '"north camp road"', '"raqqa camp"',
    "camp -road", "cam*", "raqqa OR flour", "(camp OR raqqa) river", "title:camp", "camp title:raqqa", 'road title:"camp road"',
    "road title:camp", "camp road title:cam*", "raqqa title:(road OR river)", 'camp title:"road camp" publisher:"South"', "road title:camp place:raqqa", "camp title:-raqqa",
    "camp title:road since:2026-11-20", "road title:nothing", '"camp road" title:camp', '"camp nothing"', '"nothing camp" since:2026-11-20', "camp since:2026-11-23 until:2026-11-24",
    'camp publisher:"South"', 'raqqa publisher:"South"', '"camp road" publisher:"South"', "camp country:sy", "camp score:>0.9", "nothing", "camp nothing",
    "place:raqqa", "actor:sdf", 'actor:"o\'neill"', "place:nowhere", "place:raqqa actor:sdf", "camp place:raqqa", "camp road actor:sdf", "title:camp place:raqqa",
    '"camp road" place:raqqa', "camp place:raqqa actor:sdf", "camp -place:raqqa", 'place:raqqa publisher:"South"', "place:raqqa since:2026-11-20",
    "camp since:2026-11-20", "camp until:2026-11-20", "flour since:2026-11-19 until:2026-11-21", "title:camp -title:road road",
    "raqqa OR lang:en", "lang:(ar OR en) camp", "lang:ar OR (lang:en place:raqqa)", "score:>0.9", "score:>0.9 country:sy", 'score:<0.7 publisher:"South"', "score:0.5..0.7 since:2026-11-20", "score:syria>0.9 score:<0.99 -place:raqqa", "score:>0.99",
]  # fmt: skip


BOUNDS = (
    "FEWEST",
    "MOST",
    "FREQUENT",
    "HITS",
    "RARE",
    "MORE",
    "SPARE",
    "MANY",
    "KEYS",
    "FEW",
    "LISTED",
    "FIRST",
    "SHORT",
    "MOST_OF_TWO",
    "FEW_OF_TWO",
)
ELSEWHERE = {"FEW": bounded, "LISTED": filters, "FIRST": newest, "MOST_OF_TWO": mentions, "FEW_OF_TWO": mentions}


@pytest.fixture(
    params=[
        (1_000, 2_000, 20_000, 1_000, 1_000, 1.2, 140, 16_000, 50_000, 5_000, 20_000, 4, 50_000, 300_000, 10_000),
        (2, 4, 0, 3, 0, 1, 0, 16_000, 0, 0, 0, 1, 0, 5, 10_000),
        (20, 40, 0, 1, 0, 1, 5, 4, 100, 10, 20, 4, 50_000, 300_000, 1),
        (1, 1, 1_000, 2, 0, 0.1, 0, 16, 100, 0, 100, 1, 20, 30, 10),
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


@pytest.mark.usefixtures("bounds")
def test_beginnings_count_each_of_their_words(news: Database) -> None:
    """Whether one word of an article begins so, or several do, or the same word with two beginnings."""
    folded = {row.article_id: (fold(f"{row.title} {row.text}").split(), fold(row.title).split()) for row in _all(news)}
    for query, begun in (
        ("ca*", ["ca"]),
        ("r*", ["r"]),
        ("r* OR ro*", ["r", "ro"]),
        ("camp ra*", ["ra"]),
        ("t* flou*", ["t", "flou"]),
    ):
        exact = [word for word in query.split() if not word.endswith("*") and word != "OR"]
        with news.read() as session:
            found = _ids(search.search(session, Filters(words=query), by_relevance=True))
            newest = _ids(search.search(session, Filters(words=query, limit=1_000)))
        assert found == sorted(newest, key=lambda id_: -_points(*folded[id_], exact, begun))[:50], query


def _all(news: Database) -> list[search.Match]:
    with news.read() as session:
        return search.search(session, Filters(limit=None))


def _points(words: list[str], title: list[str], exact: list[str], begun: list[str]) -> int:
    wanted = [word for word in set(words) for one in exact if word == one]
    wanted += [word for word in set(words) for one in begun if word.startswith(one)]
    places = sum(round(sum(1 / n**2 for n in range(1, words.count(word) + 1)) / 1.64493406685 * 100) for word in wanted)
    titled = [any(word == one for word in title) for one in exact]
    titled += [any(word.startswith(one) for word in title) for one in begun]
    return places + IN_TITLE * sum(titled)


def _ids(found: list[search.Match]) -> list[int]:
    return [one.article_id for one in found]
