"""The ledger of messages: nothing told twice, nothing given up, nothing kept of what was removed."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from storage_samples import DAY, HOUR, MINUTE, NOW, add_feed, add_matches

from storage import removal, told
from storage.db import Database
from storage.models import FEEDS, MESSAGES
from storage.search import Filters

SYRIA = Filters(topic="syria")


def message(key: str = "articles/1", *channels: str) -> told.MessageRecord:
    return told.MessageRecord("camps", key, channels or ("desk",), "New in Syria", "Ceasefire holds", NOW)


def test_a_new_rule_knows_what_is_there_and_finds_what_comes_backdated_too(database: Database) -> None:
    feed = add_feed(database)
    [old] = add_matches(database, feed, {})
    with database.write() as session:
        known = [one.article_id for one in told.untold(session, rule="camps", filters=SYRIA, now=NOW)]
        assert known == [old]
        assert not told.has_begun(session, rule="camps", asks="topic syria")
        told.begin(session, rule="camps", asks="topic syria", known=known, now=NOW)
        assert told.has_begun(session, rule="camps", asks="topic syria")
        assert not told.has_begun(session, rule="camps", asks="topic isis")
    [new] = add_matches(database, feed, {"published_at": NOW - 400 * DAY}, now=NOW + HOUR)
    with database.write() as session:
        found = told.untold(session, rule="camps", filters=SYRIA, now=NOW + HOUR)
        assert [one.article_id for one in found] == [new]
        assert told.take(session, rule="camps", articles=[old, new], key=f"articles/{new}") == {new}
        assert told.take(session, rule="camps", articles=[new], key="articles/again") == set()
        assert told.untold(session, rule="camps", filters=SYRIA, now=NOW + HOUR) == []


def test_a_message_of_one_key_is_made_once_for_each_channel(database: Database) -> None:
    with database.write() as session:
        assert told.add(session, message("k", "desk", "mail"), now=NOW) == 2
        assert told.add(session, message("k", "desk", "chat"), now=NOW + HOUR) == 1
        assert told.is_known(session, rule="camps", key="k")
        assert not told.is_known(session, rule="other", key="k")


def test_a_claimed_message_is_nobody_elses_and_comes_back_when_its_sender_died(database: Database) -> None:
    with database.write() as session:
        told.add(session, message(), now=NOW)
        assert told.claim(session, now=NOW - MINUTE) == []
        [ours] = told.claim(session, now=NOW)
    with database.write() as session:
        assert told.claim(session, now=NOW + MINUTE) == []
        [again] = told.claim(session, now=NOW + told.LEASE)
        assert (ours.id, ours.attempts, again.id, again.attempts) == (1, 1, 1, 2)
        told.record_told(session, message_id=1, now=NOW + told.LEASE)
        assert told.claim(session, now=NOW + DAY) == []


def test_a_message_that_failed_is_tried_again_later(database: Database) -> None:
    with database.write() as session:
        told.add(session, message(), now=NOW)
        [first] = told.claim(session, now=NOW)
        told.record_failure(session, message=first, error="the channel did not take it", now=NOW)
        assert told.claim(session, now=NOW + MINUTE / 2) == []
        [again] = told.claim(session, now=NOW + MINUTE)
        assert again.id == first.id
        assert told.record_failure(session, message=again, error="no", now=NOW + told.GIVEN_UP)
        assert not told.record_failure(session, message=again, error="no", now=NOW + told.GIVEN_UP + MINUTE)
        assert told.claim(session, now=NOW + 400 * DAY) == []


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 2), (5, 16), (9, 256), (10, 360), (10_000, 360)])
def test_the_delay_doubles_up_to_six_hours(attempts: int, minutes: int) -> None:
    assert told.delay(attempts) == minutes * MINUTE


def test_a_told_silence_is_open_until_it_is_told_as_over(database: Database) -> None:
    feed = add_feed(database)
    key = told.silence_key(feed, NOW)
    with database.write() as session:
        told.add(session, message(key, "desk", "mail"), now=NOW)
        [silence] = told.open_silences(session, rule="camps")
        assert (silence.key, silence.publisher, silence.returned_at) == (key, "North Post", None)
        session.execute(FEEDS.update().values(last_new_at=NOW + HOUR))
        [silence] = told.open_silences(session, rule="camps")
        assert silence.returned_at == NOW + HOUR
        told.add(session, message(f"fixed/{key}", "desk"), now=NOW + HOUR)
        assert told.open_silences(session, rule="camps") == []


def test_what_is_forgotten_stands_in_no_message(database: Database) -> None:
    [article] = add_matches(database, add_feed(database), {})
    with database.write() as session:
        told.take(session, rule="camps", articles=[article], key="articles/1")
        told.add(session, message("articles/1"), now=NOW)
        told.add(session, message("articles/2"), now=NOW)
        removal.forget(session, entry_id=article, why="a rule", tombstones={}, now=NOW)
        rows = session.execute(select(MESSAGES.c.key, MESSAGES.c.body))
        bodies = {row.key: row.body for row in rows}
        assert bodies == {"articles/1": "(an article of this message was removed)", "articles/2": "Ceasefire holds"}
