"""Re-checks, revisions and claimed clocks in the database, on both engines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from storage_samples import DAY, HOUR, MINUTE, NOW, add_feed, add_matches, record, states, store, verdict

from storage import articles, clocks, hosts, rechecks, revisions, search
from storage.db import Database
from storage.models import RECHECKS, REVISIONS, VERDICTS
from storage.rechecks import LookRecord, PageSource
from storage.revisions import ChangeRecord

HOST = "northpost.example"
SOURCE = PageSource(HOST, '"v1"', "Tue, 24 Nov 2026 11:00:00 GMT", "hash-1")
NUMBER = {"field": "text", "before": "12", "after": "21", "was": 12.0, "now": 21.0, "left": "killed", "right": "people"}


def matches(database: Database, number: int, **values: Any) -> list[int]:
    """So many matches, all due for a look an hour after NOW."""
    feed_id = add_feed(database)
    ids = add_matches(database, feed_id, *[values] * number)
    with database.write() as session:
        for article_id in ids:
            rechecks.plan(session, article_id=article_id, fetched_at=NOW, due_at=NOW + HOUR, source=SOURCE)
    return ids


def claim(database: Database, **values: Any) -> list[rechecks.ClaimedRecheck]:
    with database.write() as session:
        return rechecks.claim(session, **{"now": NOW + HOUR, "limit": 10, "per_host": 10, **values})


def look(article_id: int, **values: Any) -> LookRecord:
    fields: dict[str, Any] = {"outcome": "not-modified", "error": None, "step": 1, "due_at": NOW + 3 * HOUR}
    return LookRecord(article_id, **{**fields, "failures": 0, "missing": 0, **values})


def change(database: Database, article_id: int, *, now: Any, numbers: tuple[Any, ...] = (), **values: Any) -> int:
    """A look that found another text."""
    with database.write() as session:
        revisions.keep_first(session, article_id=article_id)
        store(session, record(article_id, **values), now)
        told = ChangeRecord([{"field": "text", "before": "a", "after": "b", "left": "", "right": ""}], numbers, 1, 1)
        return revisions.add(session, article_id=article_id, kind="edited", now=now, change=told)


# --- the queue ---


def test_a_match_is_claimed_when_it_is_due_with_what_its_page_is_asked_by(database: Database) -> None:
    (article_id,) = matches(database, 1)
    assert claim(database, now=NOW + HOUR - MINUTE) == []
    (found,) = claim(database)
    assert (found.id, found.host, found.step, found.first_fetched_at) == (article_id, HOST, 0, NOW)
    assert (found.etag, found.last_modified, found.body_hash) == (SOURCE.etag, SOURCE.last_modified, "hash-1")
    assert found.url == f"https://northpost.example/story-{article_id}"
    assert found.entry.publisher == "North Post"
    assert claim(database) == [], "what is in flight is not asked twice"


def test_a_claim_is_bounded_in_all_and_by_host(database: Database) -> None:
    matches(database, 9)
    assert len(claim(database, limit=2)) == 2
    assert len(claim(database, per_host={"*": 3})) == 3
    assert claim(database, exclude_hosts=[HOST]) == []
    with database.write() as session:
        hosts.keep_quiet(session, host=HOST, until=NOW + DAY, status=429, now=NOW)
    assert claim(database) == [], "a host that asked to be left alone is"
    assert len(claim(database, now=NOW + 2 * DAY)) == 4


def test_a_look_ends_the_claim_and_says_when_the_next_one_is(database: Database) -> None:
    (article_id,) = matches(database, 1)
    claim(database)
    with database.write() as session:
        rechecks.record_look(session, look(article_id), now=NOW + HOUR)
    assert claim(database, now=NOW + 2 * HOUR) == []
    (again,) = claim(database, now=NOW + 3 * HOUR)
    assert (again.step, again.etag) == (1, '"v1"')
    with database.write() as session:
        source = PageSource(HOST, '"v2"', None, "hash-2")
        rechecks.record_look(session, look(article_id, due_at=None, source=source), now=NOW + 3 * HOUR)
    assert claim(database, now=NOW + 99 * DAY) == []
    with database.read() as session:
        known = rechecks.get(session, article_id)
    assert known is not None
    assert (known.looks, known.looked_at, known.etag, known.last_modified) == (2, NOW + 3 * HOUR, '"v2"', None)


def test_what_was_not_asked_waits_for_its_host_and_what_crashed_for_an_hour(database: Database) -> None:
    first, second, third = matches(database, 3)
    claim(database)
    with database.write() as session:
        rechecks.postpone(session, article_ids=[first], until=NOW + 5 * HOUR)
        assert rechecks.release_claims(session, now=NOW + HOUR) == 2
    assert claim(database, now=NOW + HOUR + MINUTE) == []
    assert {one.id for one in claim(database, now=NOW + 2 * HOUR)} == {second, third}
    with database.write() as session:
        assert rechecks.release_claims(session, now=NOW + 2 * HOUR, crashed=False) == 2
    assert {one.id for one in claim(database, now=NOW + 2 * HOUR)} == {second, third}, "given back, not crashed"


def test_a_page_that_is_read_anew_by_the_road_keeps_its_schedule(database: Database) -> None:
    (article_id,) = matches(database, 1)
    with database.write() as session:
        newer = PageSource(HOST, '"v2"', None, "hash-2")
        rechecks.plan(session, article_id=article_id, fetched_at=NOW + DAY, due_at=NOW + DAY + HOUR, source=newer)
    (found,) = claim(database)
    assert (found.first_fetched_at, found.etag) == (NOW, '"v2"')


def test_what_is_due_is_found_by_its_index(database: Database) -> None:
    matches(database, 1)
    query = "SELECT article_id FROM rechecks WHERE due_at <= '2026-11-24' AND claimed_at IS NULL ORDER BY due_at"
    with database.write() as session:
        connection = session.connection()
        if database.dialect == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # of one row the table is read, and rightly
            plan = connection.exec_driver_sql(f"EXPLAIN {query}").all()
    assert "ix_rechecks_due" in str(plan)


# --- revisions ---


def test_an_article_whose_text_changes_keeps_its_id_and_is_found_by_its_new_words(database: Database) -> None:
    (article_id,) = matches(database, 1, text="Shells killed 12 people in Ariha.")
    number = change(
        database, article_id, now=NOW + HOUR, numbers=(NUMBER,),
        text="Mortars killed 21 people in Ariha.", verdicts=(verdict(score=0.8), verdict("isis", 0.2)),
    )  # fmt: skip
    with database.read() as session:
        article = articles.get(session, article_id)
        found = {word: [row.article_id for row in search.search(session, search.Filters(words=word))] for word in ("mortars", "shells")}  # fmt: skip
        history = revisions.of_article(session, article_id)
        kept = list(session.scalars(select(REVISIONS.c.text).order_by(REVISIONS.c.number)))
        verdicts = session.scalar(select(func.count()).select_from(VERDICTS))
        current = session.scalar(select(func.count()).where(VERDICTS.c.current))
    assert number == 1
    assert (article.text, article.changed_at, article.syria_score) == ("Mortars killed 21 people in Ariha.", NOW + HOUR, 0.8)  # fmt: skip
    assert found == {"mortars": [article_id], "shells": []}
    assert kept == ["Shells killed 12 people in Ariha.", "Mortars killed 21 people in Ariha."]
    assert [(one.number, one.kind, one.seen_at) for one in history] == [(0, "first", NOW + MINUTE), (1, "edited", NOW + HOUR)]  # fmt: skip
    assert (verdicts, current) == (4, 2), "the verdicts on the old text are kept"


def test_changes_are_listed_numbers_first_then_newest_first(database: Database) -> None:
    ids = matches(database, 4)
    change(database, ids[0], now=NOW + 3 * DAY)
    change(database, ids[1], now=NOW + HOUR, numbers=(NUMBER,))
    change(database, ids[2], now=NOW + 2 * DAY, numbers=(NUMBER,))
    change(database, ids[0], now=NOW + 4 * DAY)
    with database.read() as session:
        found = revisions.changes(session)
        recent = revisions.changes(session, since=(NOW + 2 * DAY).date())
        two = revisions.changes(session, limit=2)
        day = (NOW + 2 * DAY).date()
        before = revisions.changes(session, until=day - DAY)
        both = revisions.changes(session, since=day, until=day + DAY)
    assert [(one.article_id, one.number) for one in found] == [(ids[2], 1), (ids[1], 1), (ids[0], 2), (ids[0], 1)]
    assert [(one.article_id, one.number) for one in recent] == [(ids[2], 1), (ids[0], 2), (ids[0], 1)]
    assert two == found[:2]
    assert [one.article_id for one in before] == [ids[1]]
    assert [(one.article_id, one.number) for one in both] == [(ids[2], 1), (ids[0], 1)]
    assert (found[0].numbers, found[0].publisher) == ([NUMBER], "North Post")


def test_a_page_that_is_gone_keeps_its_last_text(database: Database) -> None:
    (article_id,) = matches(database, 1, text="The last that it said.")
    with database.write() as session:
        revisions.keep_first(session, article_id=article_id)
        revisions.add(session, article_id=article_id, kind="taken-down", now=NOW + DAY)
        rechecks.mark_taken_down(session, article_id=article_id, at=NOW + DAY)
    with database.read() as session:
        history = revisions.of_article(session, article_id)
        known = rechecks.get(session, article_id)
        assert articles.get(session, article_id).text == "The last that it said."
        assert session.scalar(select(REVISIONS.c.text).where(REVISIONS.c.number == 0)) == "The last that it said."
        assert [one.kind for one in revisions.changes(session)] == ["taken-down"]
    assert [one.kind for one in history] == ["first", "taken-down"]
    assert known is not None
    assert known.taken_down_at == NOW + DAY


def test_an_article_that_never_changed_has_no_revision(database: Database) -> None:
    (article_id,) = matches(database, 1)
    with database.read() as session:
        assert revisions.of_article(session, article_id) == ()
        assert revisions.changes(session) == []
        assert search.why(session, article_id).revisions == ()


# --- clocks ---


def test_claims_are_kept_as_written_and_replaced_with_the_text(database: Database) -> None:
    raw = "2026-11-24T11:00:00 \u202eتوقيت"
    claims = (
        clocks.ClockRecord("published", "feed", NOW - HOUR, raw, 0.6, ("no-zone",)),
        clocks.ClockRecord("published", "page", None, "soon", 0.0, ("unreadable",)),
        clocks.ClockRecord("updated", "page", NOW + 400 * DAY, "2027-12-29", 0.2, ("future", "no-time")),
    )
    (article_id,) = matches(database, 1, clocks=claims)
    with database.read() as session:
        assert clocks.of_article(session, article_id) == claims
        assert search.why(session, article_id).clocks == claims
    with database.write() as session:
        store(session, record(article_id, clocks=claims[:1]))
    with database.read() as session:
        assert clocks.of_article(session, article_id) == claims[:1]


def test_what_is_not_read_yet_is_not_looked_at(database: Database) -> None:
    (article_id,) = add_matches(database, add_feed(database), {"extraction": "summary-only", "retry_at": NOW + HOUR})
    with database.read() as session:
        assert rechecks.get(session, article_id) is None
        assert states(session) == {"match": 1}
    assert claim(database, now=NOW + timedelta(days=99)) == []


def test_a_revision_goes_with_its_article(database: Database) -> None:
    first, second = matches(database, 2)
    change(database, first, now=NOW + HOUR)
    change(database, second, now=NOW + HOUR)
    with database.write() as session:
        session.execute(update(RECHECKS).where(RECHECKS.c.article_id == first).values(due_at=None))
        session.delete(articles.get(session, first))
    with database.read() as session:
        assert [one.article_id for one in revisions.changes(session)] == [second]
        assert rechecks.get(session, first) is None
