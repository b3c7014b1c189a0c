"""The analysts' questions: the same answers on both databases, in Arabic and Turkish too."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
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

from storage import counts, entries, feeds, labels, search, word_counts
from storage.db import Database
from storage.errors import BadQuery, UnknownEntry
from storage.models import ARTICLES
from storage.search import Filters
from storage.text import fold


def found(database: Database, **filters: Any) -> list[int]:
    with database.read() as session:
        return [match.article_id for match in search.search(session, Filters(**filters))]


NEWS: list[dict[str, Any]] = [
    {"title": "Aid convoy reaches Aleppo", "text": "Trucks with flour entered the city after a truce."},
    {
        "title": "Hava saldırısı: IŞİD mevzileri vuruldu",
        "text": "Suriye'nin kuzeyinde İdlib yakınlarında.",
        "language": "tr",
    },
    {"title": "داعش يتبنى هجوماً في الرَّقّة", "text": "قال مسؤول في مدينة حلب إنّ سوريا …", "language": "ar"},
    {
        "title": "Camp of al-Hol: a day in 2026",
        "text": "Northern town, southern road. Covid-19 is back.",
        "language": "en",
    },
    {
        "title": "Der Waffenstillstand hält",
        "text": "In Nordsyrien überquerten Lastwagen die Grenze.",
        "language": "de-DE",
    },
]


@pytest.fixture
def news(database: Database) -> Database:
    """Five matches, ids 1 to 5, the first the newest."""
    feed_id = add_feed(database)
    stories = [{"summary": "", "published_at": NOW - number * HOUR, **values} for number, values in enumerate(NEWS)]
    add_matches(database, feed_id, *stories)
    return database


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("aleppo", [1]),
        ("ALEPPO convoy", [1]),
        ("aleppo camp", []),
        ('"aid convoy"', [1]),
        ('"convoy aid"', []),
        ('"convoy reaches aleppo trucks"', [1]),
        ("al-hol", [4]),
        ("hol al", [4]),
        ('"hol al"', []),
        ("covid-19", [4]),
        ("19-covid", []),
        ("2026", [4]),
        ("٢٠٢٦", [4]),
        ("ışid", [2]),
        ("ISID", [2]),
        ("idlib", [2]),
        ("İDLİB", [2]),
        ("suriye", [2]),
        ("الرقه", [3]),
        ("الرقة داعش", [3]),
        ("دَاعِش", [3]),
        ("ان", [3]),
        ("halt", [5]),
        ("hält", [5]),
        ("nordsyr*", [5]),
        ("nordsyr", []),
        ("t*", [1, 4]),
        ('"northern to*"', []),
        ("-aleppo", [2, 3, 4, 5]),
        ("-aleppo -ışid", [3, 4, 5]),
        ("town -aleppo", [4]),
        ("town -road", []),
        ('town -"town road"', [4]),
        ("road' or 1=1 --", []),
        ("road' OR 1=1 --", [4]),
        ("nothinglikethis", []),
    ],
)
def test_words(news: Database, words: str, expected: list[int]) -> None:
    assert found(news, words=words) == expected


def test_words_without_a_letter_are_told(news: Database) -> None:
    with pytest.raises(BadQuery):
        found(news, words="…")


def test_newest_first_by_a_plausible_publication(database: Database) -> None:
    feed_id = add_feed(database)
    times = [NOW - DAY, NOW - HOUR, None, NOW + 9 * DAY, NOW - HOUR]
    add_matches(database, feed_id, *({"published_at": time} for time in times))
    # unknown and impossible claims stand at first sight; within a minute the later id is first
    assert found(database) == [4, 3, 5, 2, 1]
    assert found(database, words="ceasefire") == [4, 3, 5, 2, 1]
    assert found(database, limit=2) == [4, 3]
    assert found(database, words="ceasefire", limit=2) == [4, 3]


def test_filters(database: Database) -> None:
    british = add_feed(database)
    syrian = add_feed(database, "https://south.example/feed", publisher="South Post", country="sy")
    add_matches(database, british, {"published_at": NOW - 3 * DAY}, {"verdicts": (verdict("isis"), verdict("syria"))})
    add_matches(
        database,
        syrian,
        {"publisher": "South Post", "language": "ar", "verdicts": (verdict("isis"), verdict("syria", 0.1))},
        now=NOW + MINUTE,
    )
    expected: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [3, 2, 1]),
        ({"topic": "syria"}, [2, 1]),
        ({"topic": "isis"}, [3, 2]),
        ({"topic": "yria"}, []),
        ({"publisher": "South Post"}, [3]),
        ({"country": "SY"}, [3]),
        ({"country": "gb"}, [2, 1]),
        ({"language": "ar"}, [3]),
        ({"language": "AR-sy"}, [3]),
        ({"since": date(2026, 11, 24)}, [3, 2]),
        ({"until": date(2026, 11, 21)}, [1]),
        ({"since": date(2026, 11, 21), "until": date(2026, 11, 21)}, [1]),
        ({"since": NOW}, [3, 2]),
        ({"role": "original"}, [3, 2, 1]),
        ({"role": "copy"}, []),
        ({"topic": "isis", "publisher": "North Post", "since": date(2026, 11, 1)}, [2]),
    ]
    for filters, ids in expected:
        assert found(database, **filters) == ids, filters
        assert found(database, words="ceasefire", **filters) == ids, filters
        with database.read() as session:
            assert search.count(session, Filters(**filters)) == len(ids)
            assert search.count(session, Filters(words="ceasefire", limit=1, **filters)) == len(ids)


@pytest.mark.parametrize("bound", [1, 1_000])
def test_what_lost_its_topics_is_not_counted_by_its_words(
    news: Database, monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    monkeypatch.setattr(word_counts, "NO_MATCHES", bound)
    with news.write() as session:
        session.execute(ARTICLES.update().where(ARTICLES.c.id == 4).values(topics=""))
    for words, number in (("is", 0), ("in", 1), ("in OR is", 1), ("title:camp", 0), ('"aid convoy"', 1), ("t*", 1)):
        with news.read() as session:
            assert search.count(session, Filters(words=words)) == number == len(found(news, words=words)), words


def test_a_match_is_its_row_of_the_view(news: Database) -> None:
    with news.write() as session:
        labels.add(session, entry_id=1, topic="syria", value="no", who="an analyst", now=NOW)
        labels.add(session, entry_id=1, topic="syria", value="yes", who="another", now=NOW)
        labels.add(session, entry_id=1, topic="isis", value="no", who="an analyst", now=NOW)
    with news.read() as session:
        match = search.match(session, 1)
        assert match == search.search(session, Filters(words="aleppo"))[0]
        assert search.match(session, 99) is None
    assert match is not None
    assert (match.feed_url, match.country, match.kind) == ("https://northpost.example/world.xml", "GB", "national")
    assert (match.syria_label, match.isis_label) == ("yes", "no")
    assert (match.topics, match.topic_list, match.role) == ("syria", ["syria"], "original")
    assert (match.published_at, match.first_seen_at) == (NOW, NOW)


def test_a_stream_gives_the_same_in_pages(database: Database) -> None:
    feed_id = add_feed(database)
    add_matches(database, feed_id, *({"published_at": NOW - n * MINUTE} for n in range(450)))
    with database.read() as session:
        streamed = list(search.stream(session, Filters(limit=None)))
        assert streamed == search.search(session, Filters(limit=None))
        assert len(streamed) == 450
        assert len(list(search.stream(session, Filters(words="ceasefire", limit=300)))) == 300


def test_counts_by_day_and_publisher(database: Database) -> None:
    feed_id = add_feed(database)
    add_matches(
        database,
        feed_id,
        {"published_at": NOW - DAY},
        {"publisher": "South Post", "verdicts": (verdict("isis"), verdict("syria"))},
        {"publisher": "South Post", "verdicts": (verdict("isis"),)},
    )
    with database.read() as session:
        assert counts.per_day(session, Filters()) == [
            counts.Count("2026-11-24", 2, 1, 2),
            counts.Count("2026-11-23", 1, 1, 0),
        ]
        assert counts.per_publisher(session, Filters(topic="isis")) == [counts.Count("South Post", 2, 1, 2)]
        assert counts.per_publisher(session, Filters(limit=1)) == [counts.Count("South Post", 2, 1, 2)]


def test_stats(database: Database) -> None:
    with database.read() as session:
        empty = search.stats(session)
    assert (empty.feeds, empty.matches, empty.first_day, empty.last_poll_at) == (0, 0, None, None)
    feed_id = add_feed(database)
    add_feed(database, "https://b.example/feed")
    add_matches(
        database,
        feed_id,
        {"signature": b"abcd", "bands": (1,), "published_at": NOW - 3 * DAY},
        {"signature": b"abcd", "bands": (1,), "verdicts": (verdict("isis"), verdict("syria"))},
        {"extraction": "summary-only"},
    )
    with database.write() as session:
        feeds.record_poll(session, poll(2, outcome="timeout", failing_since=NOW))
        labels.add(session, entry_id=1, topic="syria", value="yes", who="an analyst", now=NOW)
        stats = search.stats(session)
        recent = search.stats(session, since=date(2026, 11, 22))
    assert (stats.feeds, stats.feeds_enabled, stats.feeds_failing, stats.feeds_gone) == (2, 2, 1, 0)
    assert (stats.matches, dict(stats.by_topic)) == (3, {"isis": 1, "syria": 3})
    assert (stats.copies, stats.summary_only, stats.stories, stats.labels) == (1, 1, 2, 1)
    assert (stats.first_day, stats.last_day, stats.last_poll_at) == ("2026-11-21", "2026-11-24", NOW)
    assert stats.entries["match"] == 3
    assert (recent.matches, dict(recent.by_topic), recent.copies) == (2, {"isis": 1, "syria": 2}, 1)


def test_why_by_id_and_by_every_address(database: Database) -> None:
    feed_id = add_feed(database)
    url = "https://short.example/x?utm_source=feed"
    list_entries(database, feed_id, seen(1, key="https://short.example/x", url=url))
    page = {"url": "https://northpost.example/real", "canonical_url": "https://northpost.example/canonical"}
    with database.write() as session:
        store(session, record(1, **page))
    with database.read() as session:
        for ref in (1, "1", " 1 ", url, "https://short.example/x", *page.values()):
            assert search.why(session, ref).entry.id == 1, ref
        variant = "https://short.example:443/x?utm_medium=mail"
        assert search.why(session, variant, canonical="https://short.example/x").entry.id == 1


def test_why_tells_all_that_decided(database: Database) -> None:
    feed_id = add_feed(database)
    other = add_feed(database, "https://agency.example/feed", publisher="Agency")
    add_matches(database, feed_id, {})
    key = "https://northpost.example/story-"
    with database.write() as session:
        labels.add(session, entry_id=1, topic="syria", value="yes", who="an analyst", now=NOW)
        known = search.why(session, 1).entry
    list_entries(database, other, seen(int(known.key.removeprefix(key))), now=NOW + HOUR)
    with database.read() as session:
        why = search.why(session, 1)
    assert [(one.topic, one.matched) for one in why.verdicts] == [("isis", False), ("syria", True)]
    assert [(label.topic, label.value, label.who) for label in why.labels] == [("syria", "yes", "an analyst")]
    assert [(one.publisher, one.first_seen_at) for one in why.seen_in] == [("North Post", NOW), ("Agency", NOW + HOUR)]
    assert (why.feed.id, why.story_members) == (feed_id, 1)


def test_why_of_a_rejected_entry(database: Database) -> None:
    list_entries(database, add_feed(database), seen(1))
    with database.write() as session:
        store_verdicts(session, entry_id=1, verdicts=[verdict("syria", 0.4)], now=NOW)
        entries.record_end(session, entry_id=1, state="near", now=NOW)
        why = search.why(session, seen(1).url or "")
    assert (why.entry.state, why.article, [one.score for one in why.verdicts]) == ("near", None, [0.4])


@pytest.mark.parametrize("ref", ["77", "https://never.example/seen", "", "9" * 25, "abc"])
def test_why_of_what_was_never_seen(database: Database, ref: str) -> None:
    list_entries(database, add_feed(database), seen(1, url="", canonical_url=""))  # which has no link
    told = re.compile("no entry 77|no feed has listed|by its id or its address|neither the number nor the address")
    with pytest.raises(UnknownEntry, match=told), database.read() as session:
        search.why(session, ref)


QUESTIONS: list[Callable[..., Any]] = [search.search, search.count, counts.per_day, counts.per_publisher]


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_has_its_sentence_and_answers_an_empty_database(
    database: Database, question: Callable[..., Any]
) -> None:
    assert (question.__doc__ or "").split(".")[0]
    with database.read() as session:
        assert not question(session, Filters())


# Both full-text indexes hold what fold() gives, and nothing else: so every word of a text finds it, on both.


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
@example(text="0e0a, 1e5x; 7z.2e9")
def test_every_word_of_a_text_finds_it(database: Database, text: str) -> None:
    words = fold(text).split()
    with database.write() as session:
        feed_id, _ = feeds.add(session, url="https://a.example/feed", now=NOW)
        [entry_id] = record_seen(session, feed_id=feed_id, entries=[seen(1)], now=NOW).new_ids
        store(session, record(entry_id, title="", summary="", text=text))
        for asked in [*words, *([f'"{" ".join(words)}"'] if words else [])]:
            assert len(search.search(session, Filters(words=asked))) == 1, asked
        assert search.search(session, Filters(words="zzzznothing")) == []
        session.rollback()


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.text(max_size=40) | st.text(alphabet="ab\"-* '&|!():<>\\", max_size=12))
def test_no_typed_words_break_the_search(news: Database, typed: str) -> None:
    with suppress(BadQuery):
        found(news, words=typed)
