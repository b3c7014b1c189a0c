"""`storage.open_store`: typed rows, frames where pandas is installed, nothing written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from storage_samples import DAY, HOUR, NOW, add_feed, add_matches, poll, verdict

from storage import feeds, open_store
from storage.counts import Count
from storage.db import Database
from storage.errors import BadQuery, SchemaMissing, StorageError
from storage.search import Match
from storage.store import Store, frame
from tests.command import ROOT

WIRE = {"signature": b"abcd", "bands": (1,), "title": "A wire story"}
ISIS = {"title": "A camp", "verdicts": (verdict("isis"), verdict("syria", 0.1)), "language": "ar"}


@pytest.fixture
def store(database: Database, schema_url: str) -> Iterator[Store]:
    """A wire story on two outlets, an article about ISIS, an older one."""
    first, second = add_feed(database), add_feed(database, "https://south.example/feed", publisher="South Post")
    add_matches(database, first, WIRE, ISIS, {"published_at": NOW - 30 * DAY, "first_seen_at": NOW - 30 * DAY})
    add_matches(database, second, {**WIRE, "publisher": "South Post"}, now=NOW + HOUR)
    with database.write() as session:
        feeds.record_poll(session, poll(first, outcome="timeout"))
    with open_store(schema_url, now=NOW + 2 * HOUR) as store:
        yield store


def test_matches_are_typed_rows_newest_first(store: Store) -> None:
    rows = store.matches("wire OR camp", topic="SYRIA")
    assert [row.article_id for row in rows] == [4, 1]
    assert [row.article_id for row in rows] == [4, 1], "asked anew"
    first = rows.first()
    assert isinstance(first, Match)
    assert (first.title, first.publisher, first.published_at) == ("A wire story", "South Post", NOW - HOUR)
    assert store.matches("nowhereatall").first() is None
    assert [row.article_id for row in store.matches(limit=2)] == [4, 2]
    assert store.match(2) == store.matches(topic="isis").first()
    assert store.match(77) is None


def test_days_are_dates_or_what_an_analyst_types(store: Store) -> None:
    recent = [4, 2, 1]
    for since in ("7d", "2026-11-20", date(2026, 11, 20), datetime(2026, 11, 20, tzinfo=UTC)):
        assert [row.article_id for row in store.matches(since=since)] == recent
    assert [row.article_id for row in store.matches("since:7d")] == recent
    assert store.count(until="2026-11-01") == 1
    with pytest.raises(ValueError, match="soon"):
        store.matches(since="soon")


def test_the_day_of_a_time_is_that_of_utc(store: Store) -> None:
    evening = datetime(2026, 11, 23, 23, 30, tzinfo=timezone(-timedelta(hours=5)))
    assert [row.article_id for row in store.matches(since=evening)] == [
        row.article_id for row in store.matches(since="2026-11-23T23:30-05:00")
    ]
    assert store.matches(since=evening).all() == store.matches(since="2026-11-24").all()
    assert store.coverage(evening, "2026-11-24").since == date(2026, 11, 24)


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"since": "2026-11-24", "until": "2026-11-01"}, "since 2026-11-24 is after until 2026-11-01"),
    ({"since": 2026}, "2026 is no day"),
    ({"limit": -1}, "-1 is no number of rows"),
    ({"country": "Syria"}, "'Syria' is no country"),
    ({"language": "english"}, "'english' is no language"),
    ({"role": "editor"}, "'editor' is no role"),
]


@pytest.mark.parametrize(("given", "said"), IMPOSSIBLE)
def test_what_can_answer_nothing_is_explained(store: Store, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        store.matches(**given)
    with pytest.raises(ValueError, match="is after until"):
        store.coverage("2026-11-24", "2026-11-01")


def test_a_query_names_places_and_topics_as_the_command_does(store: Store) -> None:
    """Installed beside the crawler, the store reads its topics and its gazetteer."""
    assert store.count("topic:isis") == 1
    with pytest.raises(StorageError, match="there is no topic 'sport'"):
        store.count("topic:sport")
    with pytest.raises(StorageError, match="there is no place 'nowhereatall'"):
        store.count("place:nowhereatall")
    with pytest.raises(BadQuery, match="there is no saved search @camps"):
        store.count("@camps")
    with pytest.raises(TypeError, match="publsher"):
        store.count(publsher="x")


def test_counts(store: Store) -> None:
    assert store.counts("day").all() == [Count("2026-11-24", 3, 2, 1), Count("2026-10-25", 1, 1, 0)]
    assert store.counts("publisher", "wire").all() == [Count("North Post", 1, 1, 0), Count("South Post", 1, 1, 0)]
    assert [(one.name, one.matches) for one in store.counts("language")] == [("en", 3), ("ar", 1)]
    with pytest.raises(ValueError, match="are counted by day, publisher, language, not by 'colour'"):
        store.counts("colour")  # type: ignore[arg-type]


def test_stories(store: Store) -> None:
    [wire, *others] = store.stories()
    assert (wire.title, wire.members, wire.matches, wire.publishers) == ("A wire story", 2, 2, 2)
    assert (wire.first_day, wire.last_day) == ("2026-11-24", "2026-11-24")
    assert {(one.members, one.matches) for one in others} == {(1, 1)}
    assert [one.matches for one in store.stories(publisher="South Post")] == [1]
    assert [row.article_id for row in store.story(wire.story_id)] == [1, 4]
    assert len(store.stories(limit=1).all()) == 1
    assert store.story(77).all() == []


def test_relevance_and_sql(store: Store) -> None:
    assert [row.article_id for row in store.relevant("wire", limit=1)] == [4]
    statement = "SELECT count(*) AS n FROM matches WHERE day >= :since"
    assert store.sql(statement, since="2026-11-01") == [{"n": 3}]
    with pytest.raises(StorageError):
        store.sql("DELETE FROM articles")
    assert store.count() == 4


def test_coverage(store: Store) -> None:
    report = store.coverage("2026-11-20", "2026-11-24")
    assert (report.since, report.until) == (date(2026, 11, 20), date(2026, 11, 24))
    assert report.total.failed == 1
    assert [one.publisher for one in report.publishers] == ["North Post", "South Post"]
    assert [one.publisher for one in store.coverage(publisher="South Post").publishers] == ["South Post"]


def test_frames(store: Store) -> None:
    pandas = pytest.importorskip("pandas")
    found = store.matches().frame("article_id", "published_at", "fetched_at", "syria_score", "text")
    assert list(found.columns) == ["article_id", "published_at", "fetched_at", "syria_score", "text"]
    assert list(found.article_id) == [4, 2, 1, 3]
    assert isinstance(found.published_at.dtype, pandas.DatetimeTZDtype)
    assert found.published_at[0] == NOW - HOUR
    empty = store.matches("nowhereatall").frame()
    assert (len(empty), list(empty.columns)[:2]) == (0, ["article_id", "feed_url"])
    assert isinstance(empty.published_at.dtype, pandas.DatetimeTZDtype)
    assert store.counts("day").frame().set_index("name").matches["2026-11-24"] == 3
    assert list(frame(store.coverage("2026-11-20").publishers, "publisher", "failed").failed) == [1, 0]
    assert len(frame([])) == 0
    assert list(frame(store.sql("SELECT 1 AS a, 2 AS b")).columns) == ["a", "b"]
    with pytest.raises(AttributeError):
        store.matches().frame("colour")


def test_without_pandas_a_frame_says_what_to_install(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'levantwatch\[pandas\]'"):
        store.counts("day").frame()


def test_no_database_is_made(tmp_path: Path) -> None:
    for where in (tmp_path / "none.db", f"sqlite:///{tmp_path}/none.db"):
        with pytest.raises(SchemaMissing):
            open_store(where)
    assert list(tmp_path.iterdir()) == []


def test_the_path_of_a_file_will_do(tmp_path: Path, templates: dict[str, str]) -> None:
    with open_store(Path(templates["sqlite"])) as store:
        assert store.count() == 0


def test_importing_storage_stays_light() -> None:
    program = "import storage, sys; assert 'sqlalchemy' not in sys.modules and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
