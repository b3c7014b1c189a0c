"""The catalogue is sound as data, and importing it never undoes what the user did."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import update

from crawler.catalogue import TAGS, load_catalogue
from crawler.description import KINDS, FeedDescription, country_code, feed_address, language_tag, word
from crawler.urls import canonical_url, match_key
from storage import feeds
from storage.db import Database
from storage.models import FEEDS

CATALOGUE = load_catalogue()
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


def test_it_is_large_and_speaks_the_languages_of_the_watch() -> None:
    assert len(CATALOGUE) >= 200
    assert len({feed.publisher for feed in CATALOGUE}) >= 150
    assert {"en", "ar", "fr", "de", "tr", "es", "ru", "ku", "ckb", "fa"} <= {feed.language for feed in CATALOGUE}


@pytest.mark.parametrize("feed", CATALOGUE, ids=lambda feed: f"{feed.publisher}-{feed.language}")
def test_every_row_is_whole_and_in_one_spelling(feed: FeedDescription) -> None:
    assert feed.url == feed_address(feed.url)
    assert feed.homepage is not None
    assert canonical_url(feed.homepage) is not None
    assert not urlsplit(feed.url).username
    assert feed.country == country_code(feed.country or "")
    assert feed.language == language_tag(feed.language or "")
    assert feed.kind in KINDS
    assert feed.tags
    assert set(feed.tags) <= TAGS
    assert list(feed.tags) == sorted({word(tag) for tag in feed.tags})
    for text in (feed.title, feed.publisher):
        assert text == " ".join(text.split())
        assert 2 <= len(text) <= 80
    assert feed.title.startswith((feed.publisher, "BBC News", "Google News"))


def test_no_feed_stands_there_twice() -> None:
    assert max(Counter(match_key(feed.url) for feed in CATALOGUE).values()) == 1
    assert max(Counter(feed.title for feed in CATALOGUE).values()) == 1
    assert max(Counter((feed.publisher, feed.language) for feed in CATALOGUE).values()) == 1


def test_the_rows_are_sorted_so_that_a_change_is_one_line() -> None:
    keys = [(feed.publisher.casefold(), feed.language, feed.url) for feed in CATALOGUE]
    assert keys == sorted(keys)


def test_nearly_all_are_https() -> None:
    assert sum(feed.url.startswith("https://") for feed in CATALOGUE) >= 0.97 * len(CATALOGUE)


def test_a_topics_tag_stands_only_where_the_whole_feed_is_about_it() -> None:
    """Such a feed has every article read: no world feed and no feed of another country may have it."""
    topics = {"syria", "isis"}
    assert topics <= TAGS
    of_a_topic = [feed for feed in CATALOGUE if topics & set(feed.tags)]
    assert 30 <= len(of_a_topic) <= 60
    for feed in of_a_topic:
        assert not set(feed.tags) & {
            "world",
            "middle-east",
            "levant",
            "iraq",
            "turkey",
            "iran",
            "lebanon",
            "israel",
            "security",
        }
        assert feed.country == "SY" or re.search(
            r"syria|topic-page|orient",
            f"{feed.url} {feed.title} {feed.tags}",
            re.IGNORECASE,
        )


def test_the_notes_name_every_kind_of_tag_that_needs_one() -> None:
    notes = (Path(__file__).parent.parent / "crawler" / "catalogue" / "README.md").read_text(encoding="utf-8")
    for name in ("search-feed", "user-posts", "sitemap", "jihadism", "publisher", "country", "kind"):
        assert f"`{name}`" in notes


# --- the import, on both databases ---


def rows(*changed: FeedDescription) -> list[feeds.NewFeed]:
    new = {feed.url: feed for feed in changed}
    return [
        feeds.NewFeed(
            feed.url, feed.title, feed.publisher, feed.homepage, feed.language, feed.country, feed.kind, feed.tags
        )
        for feed in (new.get(known.url, known) for known in CATALOGUE)
    ]


def test_a_later_catalogue_leaves_edits_removals_and_disablings_alone(database: Database) -> None:
    edited, removed, disabled, untouched, mine = CATALOGUE[:5]
    with database.write() as session:
        feeds.add(session, url=mine.url, now=NOW, title="Mine", tags=("mine",))
        assert feeds.import_catalogue(session, rows(), now=NOW) == len(CATALOGUE) - 1
        described = {"title": "Edited", "tags": ["syria"], "edited_at": NOW}
        session.execute(update(FEEDS).where(FEEDS.c.url == edited.url).values(described))
        feeds.remove(session, feed_id=feeds.get(session, removed.url).id, now=NOW)
        feeds.disable(session, feed_id=feeds.get(session, disabled.url).id, now=NOW)
    changed = [replace(feed, title=f"{feed.title} 2", kind="blog", tags=("world",)) for feed in CATALOGUE[:5]]
    with database.write() as session:
        assert feeds.import_catalogue(session, rows(*changed), now=LATER) == 0
    with database.read() as session:
        now_there = {feed.url: feed for feed in feeds.all(session)}
    assert removed.url not in now_there
    assert len(now_there) == len(CATALOGUE) - 1
    told = {url: (row.title, row.kind, row.tags, row.enabled) for url, row in now_there.items()}
    assert told[edited.url] == ("Edited", edited.kind, ("syria",), True)
    assert told[disabled.url] == (disabled.title, disabled.kind, disabled.tags, False)
    assert told[mine.url] == ("Mine", "", ("mine",), True)
    assert told[untouched.url] == (f"{untouched.title} 2", "blog", ("world",), True)


def test_a_row_that_left_the_catalogue_stays_with_the_user(database: Database) -> None:
    with database.write() as session:
        feeds.import_catalogue(session, rows(), now=NOW)
        assert feeds.import_catalogue(session, rows()[10:], now=LATER) == 0
        assert feeds.count(session) == len(CATALOGUE)


def test_what_is_imported_is_what_the_catalogue_says(database: Database) -> None:
    with database.write() as session:
        feeds.import_catalogue(session, rows(), now=NOW)
    with database.read() as session:
        stored = {feed.url: feed for feed in feeds.all(session)}
    for feed in CATALOGUE:
        row = stored[feed.url]
        assert (row.title, row.publisher, row.homepage, row.country) == (
            feed.title,
            feed.publisher,
            feed.homepage,
            feed.country,
        )
        assert (row.language, row.kind, row.tags, row.origin) == (feed.language, feed.kind, feed.tags, "catalogue")
