"""The bits of words that stand side by side: none is missing, few are there by chance, and they come and go with the article."""

from __future__ import annotations

import random
from itertools import pairwise

from sqlalchemy import LargeBinary, delete, literal, select, update
from sqlalchemy.orm import Session
from storage_samples import add_feed, add_matches

from storage import search
from storage.db import Database
from storage.full_text import Indexed, index_words, unindex_words
from storage.pairs import BITS_A_PAIR, PAIRS, may_hold, pair_bits
from storage.query import parse_query
from storage.search import Filters


def test_three_bits_of_ten_are_kept_of_each_pair() -> None:
    words = [f"w{number}" for number in range(600)]
    bits = pair_bits(words)
    assert len(bits) == 599 * BITS_A_PAIR // 8 + 1
    assert 0.2 < int.from_bytes(bits, "little").bit_count() / (len(bits) * 8) < 0.3
    assert pair_bits(words * 2) == pair_bits([*words, "w0"])  # a pair twice is a pair
    for few in ([], ["one"]):
        assert pair_bits(few) == b"\0"


def test_the_pairs_that_an_article_has_are_found_and_of_others_one_in_fifty(database: Database) -> None:
    if database.dialect == "sqlite":  # which reads its own index
        return
    chance = random.Random(1)
    words = [chance.choice(("حلب", "halep", "aleppo", "camp", "road", "سوريا", "7", "north")) + str(chance.randint(0, 40)) for _ in range(400)]  # fmt: skip
    there = set(pairwise(words))
    with database.write() as session:
        index_words(session, [Indexed(1, " ".join(words), "")])
        held = {pair: _may_hold(session, f'"{pair[0]} {pair[1]}"') for pair in there}
        lacking = [(first, second) for first in words[:40] for second in words[40:80] if (first, second) not in there]
        by_chance = sum(_may_hold(session, f'"{first} {second}"') for first, second in lacking)
        assert all(held.values())
        assert by_chance < len(lacking) / 30
        assert _may_hold(session, f'"{" ".join(words[7:12])}"')
        assert not _may_hold(session, f'"{" ".join(reversed(words[7:12]))}"')


def test_what_the_pairs_cannot_tell_is_not_asked_of_them() -> None:
    for query in ("camp", "camp*", '-"camp road"', 'camp OR "camp road"', "camp -road"):
        assert may_hold(parse_query(query)) is None, query
    for query in ('"camp road"', "deir-ezzor", "deir-ez-zor*", '"camp road" north', '"camp road" OR "north road"'):
        assert may_hold(parse_query(query)) is not None, query


def test_pairs_come_and_go_with_the_article_and_are_asked_first(database: Database) -> None:
    add_matches(database, add_feed(database), {"text": "The camp road is open"}, {"text": "The road of the camp"})
    if database.dialect == "sqlite":
        return
    with database.write() as session:
        assert _found(session) == [1]
        session.execute(update(PAIRS).values(bits=literal(bytes(9), LargeBinary())))
        assert _found(session) == []
        session.execute(delete(PAIRS))
        index_words(session, [Indexed(1, "camp road", "")])
        unindex_words(session, sort_key=1)
        assert session.scalars(select(PAIRS.c.rowid)).all() == []


def _found(session: Session) -> list[int]:
    return [one.article_id for one in search.search(session, Filters(words='"camp road"'))]


def _may_hold(session: Session, phrase: str) -> bool:
    condition = may_hold(parse_query(phrase))
    assert condition is not None
    return session.scalar(select(condition).select_from(PAIRS)) is True
