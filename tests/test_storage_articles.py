"""Articles: matches as they are stored and improved, verdicts with their history, copies and stories."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from storage_samples import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    add_feed,
    add_matches,
    list_entries,
    poll,
    record,
    record_seen,
    seen,
    store,
    store_verdicts,
    verdict,
)

from crawler.parsed import NAME_CHARS
from storage import articles, entries, feeds, search, stories
from storage.db import Database
from storage.errors import UnknownArticle, UnknownEntry, UnknownStory
from storage.models import BANDS, VERDICTS, Article
from storage.text import clean

ABCD, ABCX, WXYZ = b"abcdefgh", b"abcdefXX", b"stuvwxyz"


def get(database: Database, article_id: int) -> Article:
    with database.read() as session:
        return articles.get(session, article_id)


def save(database: Database, entry_id: int, *, now: datetime = NOW + MINUTE, **values: Any) -> articles.StoredMatch:
    with database.write() as session:
        return store(session, record(entry_id, **values), now=now)


def ids_found(database: Database, words: str) -> list[int]:
    with database.read() as session:
        return [match.article_id for match in search.search(session, search.Filters(words=words))]


@pytest.fixture
def entry_ids(database: Database) -> tuple[int, ...]:
    """Five entries of a feed."""
    return list_entries(database, add_feed(database), *(seen(n) for n in range(1, 6)))


def test_a_match_is_stored_whole(database: Database, entry_ids: tuple[int, ...]) -> None:
    stored = save(database, 1, retry_at=None, language="en-GB")
    assert (stored.role, stored.is_copy) == ("original", False)
    article = get(database, 1)
    assert (article.id, article.feed_id, article.publisher, article.author) == (1, 1, "North Post", "Staff writer")
    assert (article.published_at, article.first_seen_at, article.fetched_at) == (NOW - HOUR, NOW, NOW + MINUTE)
    assert (article.topics, article.syria_score, article.isis_score) == ("syria", 0.9, 0.1)
    assert (article.day, article.language, article.words, article.extraction) == ("2026-11-24", "en", 15, "full")
    assert article.text.startswith("The ceasefire in northern Syria entered its day number 1.\nAid")
    with database.read() as session:
        entry = search.why(session, 1).entry
    assert (entry.state, entry.claimed_at, entry.retry_at, entry.finished_at) == ("match", None, None, NOW + MINUTE)
    assert (entry.syria_score, entry.isis_score) == (0.9, 0.1)


def test_a_row_for_programs(database: Database, entry_ids: tuple[int, ...]) -> None:
    save(database, 1, signature=ABCD, bands=(1,))
    row = get(database, 1).as_dict()
    assert list(row)[:3] == ["id", "feed_id", "url"]
    assert (row["title"], row["first_seen_at"], "signature" in row) == ("Ceasefire in Syria, day 1", NOW, False)


def test_topics_are_sorted_and_joined(database: Database, entry_ids: tuple[int, ...]) -> None:
    save(database, 1, verdicts=(verdict("syria"), verdict("isis", 0.7)))
    assert get(database, 1).topics == "isis,syria"


def test_a_summary_is_upgraded_to_its_page_under_the_same_id(database: Database, entry_ids: tuple[int, ...]) -> None:
    save(database, 1, extraction="summary-only", text="Only a lead", words=3, retry_at=NOW + HOUR, error="timeout")
    with database.read() as session:
        entry = search.why(session, 1).entry
    assert (entry.state, entry.retry_at, entry.finished_at, entry.error) == ("match", NOW + HOUR, None, "timeout")
    assert ids_found(database, "lead") == [1]
    save(database, 1, now=NOW + HOUR, verdicts=(verdict("syria", 0.95), verdict("isis", 0.6)))
    article = get(database, 1)
    assert (article.extraction, article.topics, article.stored_at) == ("full", "isis,syria", NOW + MINUTE)
    assert article.changed_at == NOW + HOUR
    assert (ids_found(database, "lead"), ids_found(database, "convoys")) == ([], [1])
    with database.read() as session:
        rows = session.execute(select(VERDICTS).order_by(VERDICTS.c.id)).all()
    assert [(row.topic, row.score, row.current) for row in rows] == [
        ("syria", 0.9, False), ("isis", 0.1, False), ("syria", 0.95, True), ("isis", 0.6, True),
    ]  # fmt: skip


def test_a_page_is_never_replaced_by_a_summary(database: Database, entry_ids: tuple[int, ...]) -> None:
    save(database, 1)
    stored = save(database, 1, extraction="summary-only", text="", verdicts=(verdict("isis"),))
    assert stored.story_id == get(database, 1).story_id
    assert (get(database, 1).extraction, get(database, 1).topics) == ("full", "syria")


def test_a_page_that_disproves_its_summary_leaves_the_matches(database: Database, entry_ids: tuple[int, ...]) -> None:
    save(database, 1, extraction="summary-only", retry_at=NOW + HOUR)
    with database.write() as session:
        verdicts = [verdict("syria", 0.2), verdict("isis", 0.1)]
        store_verdicts(session, entry_id=1, verdicts=verdicts, now=NOW + HOUR)
        entries.record_end(session, entry_id=1, state="irrelevant", now=NOW + HOUR)
    with database.read() as session:
        assert search.search(session, search.Filters()) == []
        found = search.why(session, 1)
    assert found.article is not None
    assert (found.article.topics, found.article.syria_score, found.entry.state) == ("", 0.2, "irrelevant")


def test_verdicts_on_a_rejected_entry_are_kept_with_their_evidence(
    database: Database, entry_ids: tuple[int, ...]
) -> None:
    with database.write() as session:
        store_verdicts(session, entry_id=2, verdicts=[verdict("syria", 0.4)], now=NOW)
        store_verdicts(session, entry_id=2, verdicts=[], now=NOW)
    with database.read() as session:
        [kept] = search.why(session, 2).verdicts
    assert (kept.score, kept.threshold, kept.matched, kept.model, kept.decided_at) == (0.4, 0.5, False, "m1", NOW)
    assert kept.evidence == verdict().evidence


def test_unknown_ids(database: Database) -> None:
    with pytest.raises(UnknownEntry), database.write() as session:
        store(session, record(77))
    with database.read() as session:
        with pytest.raises(UnknownArticle, match="levantwatch why 77"):
            articles.get(session, 77)
        with pytest.raises(UnknownStory, match="no story 77"):
            stories.get(session, 77)


@pytest.mark.parametrize(
    ("published_at", "day"),
    [
        (NOW - HOUR, "2026-11-24"),
        (datetime(2026, 11, 20, 23, 59, tzinfo=UTC), "2026-11-20"),
        (datetime(2026, 11, 21, 1, 0, tzinfo=timezone(timedelta(hours=3))), "2026-11-20"),
        (NOW + DAY, "2026-11-25"),
        (NOW + DAY + MINUTE, "2026-11-24"),  # a claim in the future
        (datetime(1970, 1, 1, tzinfo=UTC), "2026-11-24"),  # an absurd one
        (datetime(1990, 1, 1, tzinfo=UTC), "1990-01-01"),
        (None, "2026-11-24"),
    ],
)
def test_the_day_is_of_a_plausible_claim_else_of_first_sight(published_at: datetime | None, day: str) -> None:
    assert articles.day_of(articles.effective_time(published_at, NOW)) == day


def test_the_claim_itself_is_never_rewritten(database: Database, entry_ids: tuple[int, ...]) -> None:
    save(database, 1, published_at=datetime(2031, 1, 1, tzinfo=UTC), published_raw="2031")
    assert (get(database, 1).published_at, get(database, 1).day) == (datetime(2031, 1, 1, tzinfo=UTC), "2026-11-24")


# stories


def test_a_near_copy_joins_the_story_of_the_first(database: Database, entry_ids: tuple[int, ...]) -> None:
    first = save(database, 1, signature=ABCD, bands=(1, 2, 3))
    copy = save(database, 2, signature=ABCX, bands=(2, 9), publisher="South Post")
    other = save(database, 3, signature=WXYZ, bands=(3, 2, 1))  # shares every band, and is another text
    assert (copy.story_id, copy.role, copy.is_copy) == (first.story_id, "copy", True)
    assert (other.role, other.is_copy) == ("original", False)
    assert other.story_id != first.story_id
    with database.read() as session:
        assert [article.id for article in stories.members(session, story_id=first.story_id)] == [1, 2]
        assert stories.get(session, first.story_id).members == 2
        assert search.why(session, 2).story_members == 2


def test_the_nearest_is_chosen_and_of_equals_the_first(database: Database, entry_ids: tuple[int, ...]) -> None:
    near = save(database, 1, signature=ABCX, bands=(1,))
    exact = save(database, 2, signature=b"abcdezzz", bands=(1,))
    assert exact.story_id != near.story_id
    assert save(database, 3, signature=b"abcdezzy", bands=(1,)).story_id == exact.story_id
    assert save(database, 4, signature=b"abcdezzz", bands=(1,)).story_id == exact.story_id


@pytest.mark.parametrize("missing", [{"signature": None}, {"bands": ()}, {"bands": (7,)}])
def test_without_a_shared_band_there_is_no_copy(
    database: Database, entry_ids: tuple[int, ...], missing: dict[str, Any]
) -> None:
    first = save(database, 1, signature=ABCD, bands=(1, 2))
    assert save(database, 2, **{"signature": ABCD, "bands": (1, 2), **missing}).story_id != first.story_id


def test_storing_an_article_again_does_not_make_it_a_copy_of_itself(
    database: Database, entry_ids: tuple[int, ...]
) -> None:
    first = save(database, 1, signature=ABCD, bands=(1, 2))
    assert save(database, 1, signature=ABCD, bands=(1, 2)) == first
    with database.read() as session:
        assert sorted(session.scalars(select(BANDS.c.band))) == [1, 2]


def test_a_page_read_later_may_turn_out_to_be_a_copy(database: Database, entry_ids: tuple[int, ...]) -> None:
    save(database, 1, extraction="summary-only")
    original = save(database, 2, signature=ABCD, bands=(1, 2))
    late = save(database, 1, signature=ABCD, bands=(1, 2))
    assert late == articles.StoredMatch(original.story_id, "copy", is_copy=True)
    with database.read() as session:
        assert session.scalars(text("SELECT id FROM stories")).all() == [original.story_id]


def test_an_original_that_others_joined_stays_one(database: Database, entry_ids: tuple[int, ...]) -> None:
    first = save(database, 1, signature=ABCD, bands=(1,))
    save(database, 2, signature=ABCD, bands=(1,))
    other = save(database, 3, signature=WXYZ, bands=(5,))
    assert save(database, 1, signature=WXYZ, bands=(5,)) == first
    assert other.story_id != first.story_id


@pytest.mark.parametrize("letter", ["a", "ح", "𐐨"], ids=["one byte", "two bytes", "four bytes"])
def test_a_text_of_long_words_that_all_differ_is_stored_and_found(
    database: Database, entry_ids: tuple[int, ...], letter: str
) -> None:
    hashes = " ".join(f"x{number}{letter * 190}" for number in range(20_000))
    save(database, entry_ids[0], title="The files", text=f"raqqa {hashes}")
    assert ids_found(database, "raqqa") == [entry_ids[0]]


def test_the_longest_name_of_a_feed_fits_every_index(database: Database, entry_ids: tuple[int, ...]) -> None:
    chance = random.Random(7)  # what nothing can press together
    name = "".join(chr(chance.randrange(0x20000, 0x2A6D0)) for _ in range(NAME_CHARS))
    save(database, entry_ids[0], publisher=name)
    with database.read() as session:
        assert articles.get(session, entry_ids[0]).publisher == name


# what goes in comes out

ANY_TEXT = st.text(max_size=200)
MANY = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def feed_id(database: Database) -> int:
    """A feed to list things in; every example of a property undoes what it wrote."""
    return add_feed(database)


@MANY
@given(title=ANY_TEXT, body=ANY_TEXT, evidence=st.dictionaries(ANY_TEXT, ANY_TEXT | st.integers(), max_size=3))
def test_text_survives_the_store(
    database: Database, feed_id: int, title: str, body: str, evidence: dict[str, Any]
) -> None:
    with database.write() as session:
        listed = seen(1, key=title + body, title=title, summary=body)
        [entry_id] = record_seen(session, feed_id=feed_id, entries=[listed], now=NOW).new_ids
        feeds.record_poll(session, poll(feed_id, title=title, homepage=body, error=title, permanent_url=body))
        hostile = {"title": title, "text": body, "summary": body, "author": title, "extractor": body}
        piece = {**evidence, "term": title, "sense": body, "weight": 1.5}
        store(session, record(entry_id, **hostile, verdicts=(verdict(evidence=[piece]),)))
        found = search.match(session, entry_id)
        held = search.why(session, entry_id)
        feed = feeds.get(session, feed_id)
        assert found is not None
        assert (found.title, found.text) == (clean(title), clean(body))
        assert (found.summary, found.author) == (clean(body), clean(title))
        assert (held.entry.title, feed.homepage or "", feed.moved_to) == (clean(title), clean(body), clean(body))
        assert held.verdicts[0].evidence == [
            {clean(key): clean(value) if isinstance(value, str) else value for key, value in piece.items()}
        ]
        session.rollback()


@MANY
@given(
    moment=st.datetimes(
        min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC) | st.timezones()
    )
)
def test_times_survive_the_store(database: Database, feed_id: int, moment: datetime) -> None:
    with database.write() as session:
        shown = record_seen(session, feed_id=feed_id, entries=[seen(1, published_at=moment)], now=NOW)
        back = search.why(session, shown.new_ids[0]).entry.published_at
        session.rollback()
    assert back == moment.astimezone(UTC)
    assert back is not None
    assert back.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_a_bug(database: Database) -> None:
    feed_id = add_feed(database)
    with pytest.raises(Exception, match="a time without a zone"):
        list_entries(database, feed_id, seen(1, published_at=datetime(2026, 1, 1)))


def test_times_in_the_view_are_text_that_sorts_on_sqlite(database: Database) -> None:
    add_matches(database, add_feed(database), {"fetched_at": None})
    with database.read() as session:
        row = session.execute(text("SELECT published_at, fetched_at, day FROM matches")).one()
    if database.dialect == "sqlite":
        assert row.published_at == "2026-11-24T11:00:00.000000Z"
    else:
        assert row.published_at == NOW - HOUR
    assert (row.fetched_at, row.day) == (None, "2026-11-24")
