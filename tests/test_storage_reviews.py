"""What people are asked, and what their answers say: uncertain ones first, audits by lot, agreement, lone terms."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any, Literal

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session
from storage_samples import DAY, NOW, add_feed, add_matches, list_entries, seen, store_verdicts, verdict

from storage import audits, entries, held, labels, reviews, search
from storage.db import Database, open_database
from storage.models import ENTRIES, EVIDENCE_TERMS
from storage.retention import Policy, prune
from storage.schema import HISTORY, History
from storage.text import audit_rank

SHARE = 0.5  # of rejects in the sample: half of them, so that a few are enough to test with


def label(
    database: Database, entry_id: int, value: Literal["yes", "no"], topic: str = "syria", who: str = "one"
) -> None:
    with database.write() as session:
        labels.add(session, entry_id=entry_id, topic=topic, value=value, who=who, now=NOW)


def matches(database: Database, feed_id: int, *scores: float) -> list[int]:
    """A match for each score on Syria; on ISIS all are at 0."""
    return add_matches(
        database, feed_id, *({"verdicts": (verdict("syria", score), verdict("isis", 0.0))} for score in scores)
    )


def rejects(database: Database, feed_id: int, *scores: float | None, state: Any = "irrelevant") -> list[int]:
    """An entry that was not kept for each score on Syria; with None triage left it out."""
    start = 500 if state == "near" else 100
    ids = list_entries(database, feed_id, *(seen(start + number) for number in range(len(scores))))
    with database.write() as session:
        for entry_id, score in zip(ids, scores, strict=True):
            if score is not None:
                verdicts = [verdict("syria", score), verdict("isis", 0.0)]
                store_verdicts(session, entry_id=entry_id, verdicts=verdicts, now=NOW)
            entries.record_end(session, entry_id=entry_id, state=state, now=NOW)
    return list(ids)


def ranks(database: Database) -> dict[int, float]:
    with database.read() as session:
        return {row.id: row.audit_rank for row in session.execute(select(ENTRIES.c.id, ENTRIES.c.audit_rank))}


# --- review ---


def asked(database: Database, **values: Any) -> list[tuple[int, str]]:
    with database.read() as session:
        return [(item.entry_id, item.topic) for item in reviews.uncertain(session, **values)]


def test_the_most_uncertain_come_first_near_misses_and_matches_alike(database: Database) -> None:
    feed_id = add_feed(database)
    sure, doubtful = matches(database, feed_id, 0.99, 0.55)
    [near] = rejects(database, feed_id, 0.48, state="near")
    rejects(database, feed_id, 0.49, None)
    assert asked(database, topic="syria") == [(near, "syria"), (doubtful, "syria"), (sure, "syria")]
    assert asked(database, limit=3) == [(near, "syria"), (doubtful, "syria"), (sure, "syria")]
    assert set(asked(database)[3:]) == {(sure, "isis"), (doubtful, "isis"), (near, "isis")}


def test_what_is_labelled_on_a_topic_is_not_asked_again(database: Database) -> None:
    first, second = matches(database, add_feed(database), 0.6, 0.7)
    label(database, first, "no")
    assert asked(database, topic="syria") == [(second, "syria")]
    assert (first, "isis") in asked(database)


def test_the_newest_verdict_is_the_one_that_is_doubted(database: Database) -> None:
    first, second = matches(database, add_feed(database), 0.51, 0.6)
    with database.write() as session:
        store_verdicts(session, entry_id=first, verdicts=[verdict("syria", 0.9)], now=NOW + DAY)
    assert asked(database, topic="syria") == [(second, "syria"), (first, "syria")]


def test_a_question_shows_what_is_held(database: Database) -> None:
    feed_id = add_feed(database)
    matches(database, feed_id, 0.6)
    rejects(database, feed_id, 0.45, state="near")
    with database.read() as session:
        near, match = reviews.uncertain(session, topic="syria")
    assert (match.state, match.score, match.threshold, match.matched) == ("match", 0.6, 0.5, True)
    assert (match.title, match.publisher, match.day) == ("Ceasefire in Syria, day 1", "North Post", "2026-11-24")
    assert match.text.startswith("The ceasefire in northern Syria")
    assert match.evidence[0]["term"] == "syria"
    assert (near.state, near.matched, near.title, near.text) == (
        "near",
        False,
        "Story 500",
        "What happened in story 500.",
    )
    assert (near.publisher, near.language, near.url) == ("North Post", "en", "https://northpost.example/story-500")


def test_yes_on_a_near_miss_is_a_label_and_no_match(database: Database) -> None:
    feed_id = add_feed(database)
    [near] = rejects(database, feed_id, 0.45, state="near")
    label(database, near, "yes")
    with database.read() as session:
        assert search.search(session, search.Filters()) == []
        assert search.why(session, near).entry.state == "near"


# --- audit ---


def drawn(database: Database, *topics: str, limit: int = 100) -> list[tuple[int, str]]:
    with database.read() as session:
        found = reviews.sample(session, topics=topics or ("syria",), share=SHARE, limit=limit)
    return [(item.entry_id, item.topic) for item in found]


def test_the_lottery_is_decided_by_the_key_and_even(database: Database) -> None:
    ids = list_entries(database, add_feed(database), *(seen(number) for number in range(500)))
    found = ranks(database)
    assert [found[entry_id] for entry_id in ids[:3]] == [audit_rank(seen(number).key) for number in range(3)]
    assert 0.4 < sum(found.values()) / len(found) < 0.6
    assert 30 < sum(rank < 0.1 for rank in found.values()) < 70


def test_the_sample_is_drawn_part_by_part_in_the_order_of_the_lottery(database: Database) -> None:
    feed_id = add_feed(database)
    kept = matches(database, feed_id, *[0.9] * 4)
    near = rejects(database, feed_id, *[0.4] * 3, state="near")
    out = rejects(database, feed_id, *[None] * 20)
    rank = ranks(database)
    queues = [
        sorted(part, key=lambda one: rank[one]) for part in (kept, near, [one for one in out if rank[one] < SHARE])
    ]
    assert 3 < len(queues[2]) < 20
    expected = [queue[turn] for turn in range(20) for queue in queues if turn < len(queue)]
    assert drawn(database) == [(entry_id, "syria") for entry_id in expected]
    assert drawn(database, limit=2) == [(entry_id, "syria") for entry_id in expected[:2]]
    assert drawn(database, "isis")[0] == (queues[0][0], "isis")  # kept for Syria alone: a part of its own


def test_what_retention_has_forgotten_is_not_drawn_and_the_sample_is_not_forgotten(database: Database) -> None:
    feed_id = add_feed(database)
    out = rejects(database, feed_id, *[0.1] * 30)
    near = rejects(database, feed_id, *[0.4] * 10, state="near")
    with database.write() as session:
        prune(session, now=NOW + 100 * DAY, policy=Policy(audit_share=SHARE))
    rank = ranks(database)
    held = {entry_id for entry_id in (*out, *near) if rank[entry_id] < SHARE}
    assert {entry_id for entry_id, _ in drawn(database)} == held
    with database.read() as session:
        for entry_id in (*out, *near):
            found = search.why(session, entry_id)
            kept = entry_id in held
            assert bool(found.entry.title) is kept
            assert bool(found.verdicts[0].evidence) is kept


def audited(database: Database, topic: str = "syria") -> audits.Audit:
    with database.read() as session:
        return audits.audit(session, topic=topic, share=SHARE)


def test_labels_on_the_sample_become_an_estimate(database: Database) -> None:
    feed_id = add_feed(database)
    kept = matches(database, feed_id, *[0.9] * 20)
    other = add_matches(database, feed_id, *[{"verdicts": (verdict("syria", 0.1), verdict("isis"))}] * 2, now=NOW + DAY)
    near = rejects(database, feed_id, *[0.4] * 4, state="near")
    out = rejects(database, feed_id, *[None] * 40)
    for entry_id in kept:
        label(database, entry_id, "yes" if entry_id != kept[0] else "no")
    for entry_id, value in zip((*other, *near), ("yes", "no", "yes", "yes", "no", "no"), strict=True):
        label(database, entry_id, value)  # type: ignore[arg-type]
    rank = ranks(database)
    drawn_out = sorted((one for one in out if rank[one] < SHARE), key=lambda one: rank[one])
    for entry_id in drawn_out:
        label(database, entry_id, "yes" if entry_id == drawn_out[0] else "no")
    found = audited(database)
    assert [(part.name, part.population, part.labelled, part.yes) for part in found.parts] == [
        ("matched", 20, 20, 19), ("other", 2, 2, 1), ("near", 4, 4, 2), ("rejected", 40, len(drawn_out), 1),
    ]  # fmt: skip
    assert found.precision is not None
    assert found.recall is not None
    assert found.precision.value == 19 / 20
    assert found.recall.value == pytest.approx(19 / (19 + 1 + 2 + 40 / len(drawn_out)))
    assert found.recall.low < found.recall.value < found.recall.high
    assert "too few labels to say" in found.problem


def test_without_labels_it_says_what_to_do(database: Database) -> None:
    feed_id = add_feed(database)
    assert audited(database).problem == "nothing has matched yet"
    matches(database, feed_id, 0.9)
    rejects(database, feed_id, None)
    found = audited(database)
    assert (found.precision, found.recall) == (None, None)
    assert (
        found.problem
        == "no labels yet on the sample of: matched, rejected; label more: levantwatch audit --topic syria"
    )


def test_labels_that_were_not_asked_in_turn_do_not_count(database: Database) -> None:
    kept = matches(database, add_feed(database), *[0.9] * 30)
    rank = ranks(database)
    kept.sort(key=lambda one: rank[one])
    label(database, kept[-1], "no")  # reviewed because it was uncertain
    assert audited(database).parts[0].labelled == 0
    for entry_id in kept[:12]:
        if entry_id != kept[5]:
            label(database, entry_id, "yes")
    part = audited(database).parts[0]
    assert (part.labelled, part.yes, part.skipped) == (11, 11, 1)


def test_the_newest_label_counts(database: Database) -> None:
    [only] = matches(database, add_feed(database), 0.9)
    label(database, only, "yes", who="one")
    label(database, only, "no", who="another")
    assert audited(database).parts[0].yes == 0


@pytest.mark.parametrize(
    ("answers", "end"),
    [
        ("", 0),
        ("-", 0),
        ("y", 1),
        ("-y", 0),
        ("yyyyyyyyy-y", 11),
        ("yyyyyyyyyy-", 10),
        ("yyyy-yyyyy", 10),
        ("yy--yy", 2),
    ],
)
def test_the_beginning_that_was_answered(answers: str, end: int) -> None:
    assert len(audits.answered([None if answer == "-" else "yes" for answer in answers])) == end


# --- two people ---


def test_two_people_who_labelled_the_same_are_compared(database: Database) -> None:
    ids = matches(database, add_feed(database), *[0.9] * 50)
    answers = ["yy"] * 20 + ["yn"] * 5 + ["ny"] * 10 + ["nn"] * 15
    for entry_id, (first, second) in zip(ids, answers, strict=True):
        label(database, entry_id, "yes" if first == "y" else "no", who="anna")
        label(database, entry_id, "yes" if second == "y" else "no", who="bela")
    label(database, ids[0], "yes", topic="isis", who="anna")
    label(database, ids[1], "yes", topic="isis", who="bela")
    with database.read() as session:
        [found] = audits.agreement(session)
        assert audits.agreement(session, topic="isis") == []
    assert (found.topic, found.first, found.second, found.labelled, found.agreed) == ("syria", "anna", "bela", 50, 35)
    assert found.kappa == pytest.approx(0.4)
    assert [one.entry_id for one in found.disagreements] == ids[20:35]
    assert found.disagreements[0] == audits.Disagreement(ids[20], "Ceasefire in Syria, day 21", "yes", "no")


def test_a_persons_newest_answer_is_his(database: Database) -> None:
    [only] = matches(database, add_feed(database), 0.9)
    for value, who in (("yes", "anna"), ("no", "bela"), ("yes", "bela")):
        label(database, only, value, who=who)  # type: ignore[arg-type]
    with database.read() as session:
        [found] = audits.agreement(session)
    assert (found.agreed, found.kappa, found.disagreements) == (1, None, ())


def test_a_second_reader_is_asked_what_others_have_labelled(database: Database) -> None:
    first, second, _ = matches(database, add_feed(database), 0.9, 0.9, 0.9)
    label(database, first, "yes", who="anna")
    label(database, second, "yes", who="anna")
    label(database, second, "no", who="bela")
    with database.read() as session:
        assert [item.entry_id for item in reviews.second_opinions(session, who="bela")] == [first]
        assert reviews.second_opinions(session, who="anna") == []
        assert {item.entry_id for item in reviews.second_opinions(session, who="cem", topic="syria")} == {first, second}
        assert reviews.second_opinions(session, who="cem", topic="isis") == []


# --- evidence, asked by term ---


def piece(term: str, weight: float) -> dict[str, Any]:
    field = "" if term == "bias" else "text"
    return {"field": field, "start": 0, "end": 1, "text": "x", "term": term, "sense": "place", "weight": weight}


# log-odds of the score 0.6225: 0.5; of the threshold 0.5: 0
WEIGHED = [piece("hama", 0.4), piece("hama", 0.3), piece("idlib", 0.3), piece("barley", -0.5), piece("bias", 0.0)]


def only(term: str, **values: Any) -> search.Filters:
    return search.Filters(only_because_of=term, **values)


def test_matches_that_stand_on_one_term_alone(database: Database) -> None:
    feed_id = add_feed(database)
    lone = verdict("syria", 0.6224593312018546, evidence=WEIGHED)
    strong = verdict("syria", 0.9, evidence=[piece("hama", 0.7), piece("idlib", 1.5)])
    ids = add_matches(database, feed_id, {"verdicts": (lone,)}, {"verdicts": (strong, verdict("isis", 0.1))})
    with database.read() as session:
        assert [one.article_id for one in search.search(session, only("hama"))] == ids[:1]
        assert search.count(session, only("hama", topic="syria")) == 1
        assert search.search(session, only("idlib")) == []
        assert search.search(session, only("hama", topic="isis")) == []
        rows = session.execute(select(EVIDENCE_TERMS).order_by(EVIDENCE_TERMS.c.entry_id, EVIDENCE_TERMS.c.term)).all()
    assert [(row.entry_id, row.topic, row.term, row.sense, round(row.weight, 6), row.needed) for row in rows] == [
        (ids[0], "syria", "barley", "place", -0.5, False),
        (ids[0], "syria", "hama", "place", 0.7, True),
        (ids[0], "syria", "idlib", "place", 0.3, False),
        (ids[1], "syria", "hama", "place", 0.7, False),
        (ids[1], "syria", "idlib", "place", 1.5, False),
    ]


def test_terms_are_those_of_the_verdict_that_holds(database: Database) -> None:
    [only] = add_matches(database, add_feed(database), {"verdicts": (verdict("syria", 0.9, evidence=WEIGHED),)})
    with database.write() as session:
        again = verdict("syria", 0.6, evidence=[piece("idlib", 0.5)])
        store_verdicts(session, entry_id=only, verdicts=[again], now=NOW)
        assert session.scalars(select(EVIDENCE_TERMS.c.term)).all() == ["idlib"]
        store_verdicts(session, entry_id=only, verdicts=[verdict("syria", 0.2)], now=NOW)
        assert session.scalars(select(EVIDENCE_TERMS.c.term)).all() == []


def plans(database: Database, ask: Callable[[Session], Any]) -> str:
    """SQLite's plan of every statement that a question sends."""
    lines: list[str] = []

    def look(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("SELECT"):
            lines.extend(
                str(row[-1]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            )

    with database.read() as session:
        event.listen(session.connection(), "before_cursor_execute", look)
        ask(session)
    assert lines
    return "\n".join(lines)


@pytest.mark.parametrize("schema_url", ["sqlite"], indirect=True)  # Postgres scans small tables whatever there is
@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (reviews.uncertain, "ix_verdicts_uncertain"),
        (lambda s: reviews.sample(s, topics=["syria"], share=SHARE), "ix_entries_state_audit_rank"),
        (lambda s: audits.audit(s, topic="syria", share=SHARE), "articles USING COVERING INDEX ix_articles_"),
        (lambda s: held.page(s, model="m2"), "entries USING INTEGER PRIMARY KEY (rowid>?)"),
        (lambda s: search.count(s, only("hama")), "ix_evidence_terms_term_needed_topic_entry_id"),
    ],
)
def test_questions_read_in_the_order_of_an_index(database: Database, ask: Callable[[Session], Any], index: str) -> None:
    matches(database, add_feed(database), 0.9)
    label(database, 1, "yes")
    plan = plans(database, ask)
    assert index in plan
    assert "TEMP B-TREE" not in plan


# --- the upgrade of an older database ---

FIRST = """
INSERT INTO feeds (id, url, added_at, next_poll_at) VALUES (1, 'https://northpost.example/feed', :now, :now);
INSERT INTO stories (id, created_at, changed_at) VALUES (1, :now, :now);
INSERT INTO entries (id, key, feed_id, first_seen_at, state) VALUES
  (1, 'https://northpost.example/1', 1, :now, 'match'), (2, 'https://northpost.example/2', 1, :now, 'near');
INSERT INTO articles (id, feed_id, first_seen_at, day, sort_key, topics, story_id, role, extraction, text_hash, stored_at,
  changed_at) VALUES (1, 1, :now, '2026-11-24', 5, 'syria', 1, 'original', 'full', '', :now, :now);
INSERT INTO verdicts (entry_id, topic, score, threshold, matched, current, model, decided_at, evidence) VALUES
  (1, 'syria', 0.5, 0.25, :no, :no, 'm0', :now, :evidence), (1, 'syria', 0.6225, 0.5, :yes, :yes, 'm1', :now, :evidence),
  (2, 'syria', 0.25, 0.5, :no, :yes, 'm1', :now, :evidence)
"""


def test_an_older_database_gets_ranks_margins_and_terms(database_url: str) -> None:
    values = {"now": "2026-11-24T12:00:00.000000Z", "yes": True, "no": False, "evidence": json.dumps(WEIGHED)}
    with closing(open_database(database_url, history=History(("0001",), HISTORY.folder))) as older:
        older.ensure_schema(upgrade=False)
        with older.write() as session:
            for statement in FIRST.split(";"):
                used = {name: value for name, value in values.items() if f":{name}" in statement}
                session.execute(text(statement), used)
    with closing(open_database(database_url)) as database:
        database.ensure_schema(upgrade=True)
        assert ranks(database) == {number: audit_rank(f"https://northpost.example/{number}") for number in (1, 2)}
        with database.read() as session:
            margins = session.scalars(text("SELECT margin FROM verdicts ORDER BY id")).all()
            assert [round(margin, 6) for margin in margins] == [0.25, 0.1225, 0.25]
            assert [one.article_id for one in search.search(session, only("hama"))] == [1]
            terms = session.execute(select(EVIDENCE_TERMS.c.entry_id, EVIDENCE_TERMS.c.term, EVIDENCE_TERMS.c.needed))
            assert sorted(tuple(row) for row in terms) == [(1, "barley", False), (1, "hama", True), (1, "idlib", False)]
        assert asked(database) == [(1, "syria"), (2, "syria")]
