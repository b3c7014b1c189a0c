"""Reclassifying: a change of the topic files on a ledger with matches, near misses and rejected entries."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from storage_samples import (
    DAY,
    HOUR,
    NOW,
    TriageDecision,
    add_feed,
    list_entries,
    mentions_of,
    record,
    record_triage,
    seen,
    store,
    store_verdicts,
)

from crawler.classify import Judge
from crawler.reclassify import BATCH, Report, reclassify, to_judge
from crawler.verdicts import verdict_records
from storage import articles, claims, entries, held, search
from storage.db import Database, open_database
from storage.errors import CrawlLockHeld
from storage.models import ENTRIES, VERDICTS
from storage.retention import prune

LATER = NOW + DAY
SYRIA = 'topic = "syria"\ntitle = "Syria"\n[name.syria]\nwhy = "the country"\nen = ["Syria"]\nar = ["سوريا"]\n'
ISIS = 'topic = "isis"\ntitle = "ISIS"\n[name.isis]\nwhy = "the group"\nen = ["Islamic State"]\n'
IDLIB = '[name.idlib]\nwhy = "a city"\nen = ["Idlib"]\nar = ["إدلب"]\n'
IDLIB_ALONE = 'topic = "syria"\ntitle = "Syria"\n' + IDLIB  # the country is no longer known
HAMA = '[place.hama]\nwhy = "a city"\nen = ["Hama"]\n'  # a place alone is under the threshold, but near it
MODEL = {
    "bias": -1.5,
    "near": 0.2,
    "threshold": 0.5,
    "weights": {"lead-strong": 3.0, "title-strong": 3.0, "places": 1.0},
}


@pytest.fixture
def judge_of(tmp_path: Path) -> Callable[..., Judge]:
    """Makes the judge of topic files; a model of three weights decides."""
    model = tmp_path / "model.json"
    model.write_text(json.dumps({"topics": {"default": MODEL}}), encoding="utf-8")

    def make(syria: str = SYRIA, **others: str) -> Judge:
        folder = tmp_path / f"topics-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, content in {"syria": syria, "isis": ISIS, **others}.items():
            (folder / f"{name}.toml").write_text(content, encoding="utf-8")
        return Judge.load(folder, model)

    return make


class Ledger:
    """A database that a crawl with some judge has filled."""

    def __init__(self, database: Database, judge: Judge) -> None:
        self.database, self.judge, self.feed_id, self.number = database, judge, add_feed(database), 0

    def listed(self, title: str, summary: str, **values: Any) -> int:
        """An entry that nobody has read."""
        self.number += 1
        [entry_id] = list_entries(
            self.database, self.feed_id, seen(self.number, title=title, summary=summary, **values)
        )
        return entry_id

    def left_out(self, title: str, summary: str = "") -> int:
        """An entry that triage rejected."""
        entry_id = self.listed(title, summary)
        with self.database.write() as session:
            record_triage(session, [TriageDecision(entry_id, 0.01, False)], NOW)
        return entry_id

    def read(self, title: str, text: str, summary: str = "", **values: Any) -> int:
        """An entry whose page was fetched and judged; its state is what the judge says."""
        entry_id = self.listed(title, summary)
        verdicts = self.judge.judge(title=title, text=text)
        records = verdict_records(verdicts, model=self.judge.version)
        with self.database.write() as session:
            record_triage(session, [TriageDecision(entry_id, 0.5, True)], NOW)
            entries.claim(session, now=NOW, limit=10, per_host=10)
            if any(one.matched for one in verdicts):
                words = {"title": title, "text": text, "summary": summary, "verdicts": records}
                store(session, record(entry_id, **words, **values))
                return entry_id
            store_verdicts(session, entry_id=entry_id, verdicts=records, now=NOW)
            state: Any = "near" if any(one.near for one in verdicts) else "irrelevant"
            entries.record_end(session, entry_id=entry_id, state=state, now=NOW)
        return entry_id

    def reclassify(self, judge: Judge, **values: Any) -> Report:
        return reclassify(self.database, judge, now=LATER, **values)

    def states(self) -> dict[int, str]:
        with self.database.read() as session:
            return {row.id: row.state for row in session.execute(select(ENTRIES.c.id, ENTRIES.c.state))}

    def matches(self) -> dict[int, str]:
        with self.database.read() as session:
            return {one.article_id: one.topics for one in search.search(session, search.Filters())}

    def dump(self) -> list[Any]:
        with self.database.read() as session:
            return [
                [tuple(row) for row in session.execute(select(table).order_by(table.c.id))]
                for table in (ENTRIES, VERDICTS, articles.ARTICLES)
            ]

    def history(self, entry_id: int, topic: str = "syria") -> list[tuple[str, bool, bool]]:
        """The verdicts on an entry, first to last: whose, whether it matched, whether it holds."""
        with self.database.read() as session:
            rows = session.execute(
                select(VERDICTS)
                .where(VERDICTS.c.entry_id == entry_id, VERDICTS.c.topic == topic)
                .order_by(VERDICTS.c.id)
            )
            return [(row.model, row.matched, row.current) for row in rows]


@pytest.fixture
def ledger(database: Database, judge_of: Callable[..., Judge]) -> Ledger:
    """Empty as yet."""
    return Ledger(database, judge_of())


def test_what_is_gained_and_lost_is_written_with_its_history(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    idlib = ledger.left_out("Hospital reopens in Idlib", "A hospital in Idlib has reopened.")
    rain = ledger.left_out("Rain in the north", "It will rain.")
    both = ledger.read("Syria and Idlib", "Syria and Idlib and Islamic State.")
    lost = ledger.read("Trade with Syria", "Grain for Syria.")
    new = judge_of(IDLIB_ALONE)
    report = ledger.reclassify(new)
    assert ledger.states() == {idlib: "pending", rain: "irrelevant", both: "match", lost: "irrelevant"}
    assert ledger.matches() == {both: "isis,syria"}
    assert ledger.history(lost) == [(ledger.judge.version, True, False), (new.version, False, True)]
    assert ledger.history(both) == [(ledger.judge.version, True, False), (new.version, True, True)]
    assert ledger.history(rain) == [(new.version, False, True)]
    with ledger.database.read() as session:
        kept = search.why(session, lost)
    assert kept.article is not None
    assert (kept.article.text, kept.article.topics) == ("Grain for Syria.", "")
    change = report.topics["syria"]
    assert (report.judged, change.before, change.after, change.gained, change.to_read, change.lost) == (
        4,
        2,
        2,
        1,
        1,
        1,
    )
    assert report.topics["isis"].before == report.topics["isis"].after == 1
    assert report.moved == {"irrelevant -> pending": 1, "match -> irrelevant": 1}


def test_what_goes_back_to_pending_is_claimed_and_read(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    rejected = ledger.left_out("Hospital reopens in Idlib", "A hospital in Idlib has reopened.")
    by_page = ledger.read("School in Idlib", "It is cold in Hama.", "Idlib has a school.")
    assert ledger.states()[by_page] == "irrelevant"
    ledger.reclassify(judge_of(SYRIA + IDLIB))
    with ledger.database.write() as session:
        claimed = entries.claim(session, now=LATER, limit=10, per_host=10)
    assert {(one.id, one.attempts) for one in claimed} == {(rejected, 1), (by_page, 1)}


def test_a_near_miss_that_matches_now_goes_back_to_pending(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    ledger.judge = judge_of(SYRIA + HAMA)
    near = ledger.read("Bread in Hama", "Bread is dear in Hama.", "Bread is dear in Hama, near Idlib.")
    assert ledger.states() == {near: "near"}
    ledger.reclassify(judge_of(SYRIA + HAMA + IDLIB))
    assert ledger.states() == {near: "pending"}


def test_a_summary_takes_nothing_back_that_a_page_has_said(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    ledger.judge = judge_of(SYRIA + HAMA)
    near = ledger.read("Bread is dear", "Bread is dear in Hama.", "Bread is dear.")
    ledger.reclassify(judge_of(SYRIA + HAMA + IDLIB))
    assert ledger.states() == {near: "near"}


def test_what_triage_left_out_is_read_when_it_is_nearly_a_match(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    unread = ledger.left_out("Bread", "Bread is dear in Hama.")
    was_read = ledger.read("Cake", "Cake is dear.", "Cake is dear in Hama.")
    ledger.reclassify(judge_of(SYRIA + HAMA))
    assert ledger.states() == {unread: "pending", was_read: "near"}


def test_a_match_by_its_summary_alone_waits_for_its_page(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    words = {"summary": "Grain for Syria.", "extraction": "summary-only"}
    waits = ledger.read("Grain", "Grain for Syria.", **words, retry_at=NOW + HOUR, error="timeout")
    lost = ledger.read("Grain again", "Grain for Syria.", **words, error="not-found")
    ledger.reclassify(judge_of(IDLIB_ALONE))
    assert ledger.states() == {waits: "pending", lost: "irrelevant"}
    assert ledger.matches() == {}
    with ledger.database.write() as session:
        claimed = claims.claim(session, now=LATER, limit=10, per_host=10)
    assert [one.id for one in claimed] == [waits]


def test_a_match_that_was_lost_comes_back_with_its_text(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    kept = ledger.read("Trade with Syria", "Grain for Syria.")
    before = ledger.matches()
    ledger.reclassify(judge_of(IDLIB_ALONE))
    with ledger.database.write() as session:
        while prune(session, now=LATER + 400 * DAY):
            pass
    assert (ledger.matches(), ledger.states()) == ({}, {kept: "irrelevant"})
    ledger.reclassify(ledger.judge)
    assert (ledger.matches(), ledger.states()) == (before, {kept: "match"})


def test_a_dry_run_shows_the_same_and_writes_nothing(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    ledger.left_out("Hospital reopens in Idlib", "A hospital in Idlib has reopened.")
    ledger.read("Trade with Syria", "Grain for Syria.")
    ledger.read("Rain", "Rain.", "Rain.")
    new = judge_of(IDLIB_ALONE)
    before = ledger.dump()
    with ledger.database.crawl_lock():  # it reads: a crawler may run
        shown = ledger.reclassify(new, dry_run=True)
    assert ledger.dump() == before
    assert shown.dry_run
    written = ledger.reclassify(new)
    assert (shown.judged, shown.topics, shown.moved) == (written.judged, written.topics, written.moved)
    assert ledger.dump() != before


def test_examples_say_what_made_the_difference(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    ledger.judge = judge_of(SYRIA + HAMA)
    gained = ledger.left_out("Hospital reopens in Idlib", "A hospital in Idlib has reopened.")
    lost = ledger.read("Syria", "Hama.")
    new = judge_of(IDLIB_ALONE + HAMA)
    change = ledger.reclassify(new, dry_run=True).topics["syria"]
    [more], [less] = change.gained_examples, change.lost_examples
    assert (more.id, more.title, more.before, more.state, more.then) == (
        gained, "Hospital reopens in Idlib", None, "irrelevant", "pending",
    )  # fmt: skip
    assert (round(more.after, 3), more.threshold, more.because) == (0.989, 0.5, (("idlib", 6.0),))
    assert (less.id, round(less.before or 0, 3), round(less.after, 3)) == (lost, 0.924, 0.378)
    assert less.because[0] == ("syria", -3.0)


def test_only_the_clearest_examples_are_held(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    for number in range(4):
        ledger.left_out(f"Bread {number}", "Bread in Idlib.")
    ledger.left_out("Idlib 4", "Bread in Idlib.")
    ledger.left_out("Idlib 5", "Bread in Idlib and in Hama.")
    change = ledger.reclassify(judge_of(SYRIA + IDLIB + HAMA), dry_run=True, examples=2).topics["syria"]
    assert (change.gained, [one.title for one in change.gained_examples]) == (6, ["Idlib 5", "Idlib 4"])


def test_it_is_done_once_per_model(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    ledger.left_out("Hospital reopens in Idlib", "A hospital in Idlib has reopened.")
    ledger.read("Trade with Syria", "Grain for Syria.")
    ledger.read("Bread is dear", "Bread is dear.")
    new = judge_of(SYRIA + HAMA)
    assert ledger.reclassify(new).judged == 3
    after = ledger.dump()
    assert ledger.reclassify(new).judged == 0
    assert ledger.dump() == after
    assert ledger.reclassify(ledger.judge).judged == 3


def test_who_was_stopped_half_way_goes_on(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    listed = [seen(number, title=f"Idlib {number}") for number in range(BATCH + 20)]
    ids = list_entries(ledger.database, ledger.feed_id, *listed)
    with ledger.database.write() as session:
        record_triage(session, [TriageDecision(one, 0.0, False) for one in ids], NOW)
    new, done = judge_of(SYRIA + IDLIB), []

    def stop() -> None:
        done.append(1)
        if len(done) == BATCH + 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.reclassify(new, on_judged=stop)
    assert list(ledger.states().values()).count("pending") == BATCH
    assert to_judge(ledger.database, new) == 20
    assert ledger.reclassify(new).judged == 20
    assert set(ledger.states().values()) == {"pending"}


def test_it_does_not_write_beside_a_crawler(ledger: Ledger, schema_url: str, judge_of: Callable[..., Judge]) -> None:
    ledger.left_out("Idlib", "Idlib.")
    before = ledger.dump()
    with closing(open_database(schema_url)) as other, other.crawl_lock(), pytest.raises(CrawlLockHeld):
        ledger.reclassify(judge_of(SYRIA + IDLIB))
    assert ledger.dump() == before
    ledger.reclassify(judge_of(SYRIA + IDLIB))


def test_only_what_was_first_seen_since_a_day(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    old = ledger.left_out("Idlib", "Idlib.")
    [young] = list_entries(ledger.database, ledger.feed_id, seen(99, title="Idlib"), now=NOW + DAY)
    with ledger.database.write() as session:
        record_triage(session, [TriageDecision(young, 0.0, False)], NOW)
    new = judge_of(SYRIA + IDLIB)
    assert ledger.reclassify(new, since=NOW + HOUR).judged == 1
    assert ledger.states() == {old: "irrelevant", young: "pending"}
    assert to_judge(ledger.database, new) == 1


def test_what_is_forgotten_unread_or_unreadable_is_left_alone(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    forgotten = ledger.left_out("Idlib", "Idlib.")
    with ledger.database.write() as session:
        session.execute(ENTRIES.update().values(audit_rank=1))
        assert prune(session, now=NOW + 100 * DAY) == 1
    waiting, unreadable = ledger.listed("Idlib", "Idlib."), ledger.listed("Idlib", "Idlib.")
    with ledger.database.write() as session:
        entries.record_end(session, entry_id=unreadable, state="unreadable", now=NOW)
    assert ledger.reclassify(judge_of(SYRIA + IDLIB)).judged == 0
    assert ledger.states() == {forgotten: "irrelevant", waiting: "pending", unreadable: "unreadable"}


def test_a_topic_that_is_new_and_one_that_is_gone(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    both = ledger.read("Syria", "The port of Tartus, Syria.")
    harbour = 'topic = "harbour"\ntitle = "Harbours"\n[name.port]\nwhy = "the thing"\nen = ["port"]\n'
    change = ledger.reclassify(judge_of(harbour=harbour)).topics["harbour"]
    assert (change.before, change.after, change.gained, change.to_read) == (0, 1, 1, 0)
    assert ledger.matches() == {both: "harbour,syria"}
    change = ledger.reclassify(ledger.judge).topics["harbour"]
    assert (change.before, change.after, change.lost) == (1, 0, 1)
    assert ledger.matches() == {both: "syria"}


def test_a_match_names_what_the_present_gazetteer_knows(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    match = ledger.read("Syria", "A hospital in Idlib, Syria, has reopened.")
    rain = ledger.read("Rain", "It rained in Idlib.")
    with ledger.database.read() as session:
        assert mentions_of(session, match) == [], "as from before there was a gazetteer"
    ledger.reclassify(judge_of(SYRIA + HAMA))
    with ledger.database.read() as session:
        assert {one.name for one in mentions_of(session, match)} == {"syria", "idlib"}
        assert mentions_of(session, rain) == []


def test_arabic_is_judged_as_it_is_held(ledger: Ledger, judge_of: Callable[..., Judge]) -> None:
    entry = ledger.left_out("مستشفى جديد في إدلب", "افتتح مستشفى جديد في إدلب.")
    [example] = ledger.reclassify(judge_of(SYRIA + IDLIB)).topics["syria"].gained_examples
    assert (example.id, example.title, ledger.states()) == (entry, "مستشفى جديد في إدلب", {entry: "pending"})


def test_pages_are_bounded(ledger: Ledger) -> None:
    for number in range(7):
        ledger.left_out(f"Story {number}")
    with ledger.database.read() as session:
        sizes, last = [], 0
        while found := held.page(session, model="another", after=last, limit=3):
            sizes.append(len(found))
            last = found[-1].id
        assert sizes == [3, 3, 1]
        assert held.count(session, model="another") == 7
        assert session.scalar(select(func.count()).select_from(VERDICTS)) == 0
