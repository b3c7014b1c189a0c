"""The two inverted indexes: what is asked together is answered as if each had been asked alone."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import text
from storage_samples import add_feed, add_matches

from storage.db import Database
from storage.postings import HIGHEST, POSTINGS, Ask, _newest, newest, post

MOST = 4


@pytest.mark.parametrize("seed", range(3))
def test_keys_of_several_windows_are_answered_as_if_each_were_asked_alone(database: Database, seed: int) -> None:
    rng = random.Random(seed)
    [article_id] = add_matches(database, add_feed(database), {"event_keys": frozenset()})
    keys = ["قصف", "it's", '"', "\\", "#12", "@aleppo"]
    rows = {(key, rng.randrange(60)) for key in keys for _ in range(rng.choice((2, 6, 30)))}
    windows = [sorted((rng.randrange(60), rng.randrange(60))) for _ in range(12)]
    asks = [Ask({*rng.sample(keys, 3), "nobody's"}, low, high) for low, high in windows] + [Ask((), 0, 0)]
    with database.write() as session:
        post(session, {"event_keys": [(key, at, article_id) for key, at in rows]})
        answers = newest(session, "event_keys", asks, most=MOST)
        alone = [answer for ask in asks for answer in newest(session, "event_keys", [ask], most=MOST)]
    for ask, answer in zip(asks, answers, strict=True):
        within = {
            key: [at for one, at in sorted(rows, reverse=True) if one == key and ask.low <= at <= ask.high]
            for key in ask.keys
        }
        assert answer == {key: numbers[:MOST] for key, numbers in within.items() if numbers}
    assert answers == alone


def test_of_a_band_that_many_share_the_newest_are_told(database: Database) -> None:
    ids = add_matches(database, add_feed(database), *({"bands": ()} for _ in range(8)))
    with database.write() as session:
        post(session, {"bands": [(band, one) for one in ids for band in (-7, one)], "event_keys": [("a", 9, ids[0])]})
        answer = newest(session, "bands", [Ask({-7, ids[0], 99}, ids[0], HIGHEST), Ask({-7}, ids[6], HIGHEST)], most=3)
    assert answer == [{-7: ids[:4:-1], ids[0]: [ids[0]]}, {-7: ids[:5:-1]}]


@pytest.mark.parametrize("schema_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.parametrize("index", POSTINGS)
def test_postgres_reads_the_right_index_of_a_table_that_was_empty_when_it_was_looked_at(
    database: Database, index: str
) -> None:
    [article_id] = add_matches(database, add_feed(database), {"event_keys": frozenset()})
    rows = {
        "bands": [(band, article_id) for band in range(5_000)],
        "event_keys": [("a", at, article_id) for at in range(5_000)],
    }
    lists = {"keys": "{5,6}" if index == "bands" else "a\nb", "lows": "{0,0}", "highs": "{9000,9000}"}
    with database.write() as session:
        session.execute(text(f"ANALYZE {index}"))
        post(session, {index: rows[index]})
        plan = "\n".join(session.scalars(text(f"EXPLAIN {_newest(False, index, MOST)}"), lists))
    assert f"Index Only Scan Backward using pk_{index}" in plan
