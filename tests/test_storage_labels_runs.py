"""Labels and runs: small tables, few rules."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from storage_samples import DAY, HOUR, NOW, add_feed, add_matches, labels_that_hold, list_entries, seen

from storage import labels, runs, search
from storage.db import Database
from storage.errors import UnknownEntry


def label(database: Database, entry_id: int, value: Any, topic: str = "syria", **values: Any) -> None:
    with database.write() as session:
        labels.add(session, entry_id=entry_id, topic=topic, value=value, who="an analyst", now=NOW, **values)


def test_the_newest_label_holds_and_the_others_are_its_history(database: Database) -> None:
    add_matches(database, add_feed(database), {}, {})
    label(database, 1, "yes")
    label(database, 1, "no", note="about the film")
    label(database, 1, "yes", topic="isis")
    label(database, 2, "yes")
    with database.read() as session:
        assert [(one.topic, one.value) for one in labels.of_entry(session, entry_id=1)] == [
            ("isis", "yes"), ("syria", "no"), ("syria", "yes"),
        ]  # fmt: skip
        assert [(one.entry_id, one.topic, one.value) for one in labels_that_hold(session)] == [
            (1, "isis", "yes"), (1, "syria", "no"), (2, "syria", "yes"),
        ]  # fmt: skip
        assert [(one.entry_id, one.value) for one in labels_that_hold(session, topic="syria")] == [
            (1, "no"),
            (2, "yes"),
        ]
        match = search.match(session, 1)
    assert match is not None
    assert (match.syria_label, match.isis_label) == ("no", "yes")


def test_labels_never_change_what_is_a_match(database: Database) -> None:
    add_matches(database, add_feed(database), {})
    label(database, 1, "no")
    with database.read() as session:
        assert len(search.search(session, search.Filters())) == 1


def test_a_rejected_entry_can_be_labelled(database: Database) -> None:
    list_entries(database, add_feed(database), seen(1))
    label(database, 1, "yes")
    with database.read() as session:
        assert len(search.why(session, 1).labels) == 1


def test_what_cannot_be_labelled(database: Database) -> None:
    with pytest.raises(UnknownEntry, match="no entry 5"):
        label(database, 5, "yes")
    list_entries(database, add_feed(database), seen(1))
    with pytest.raises(IntegrityError):
        label(database, 1, "perhaps")


def test_a_run_from_start_to_end(database: Database) -> None:
    with database.write() as session:
        first = runs.start(session, now=NOW, command="poll", version="0.1.0")
        second = runs.start(session, now=NOW + DAY, command="run")
        runs.finish(session, run_id=first, counts={"polled": 3, "seconds": 1.5}, reason="finished", now=NOW + HOUR)
    with database.read() as session:
        [running, done] = runs.latest(session, limit=5)
    assert (done.id, done.command, done.version, done.started_at, done.finished_at) == (
        first, "poll", "0.1.0", NOW, NOW + HOUR,
    )  # fmt: skip
    assert (done.reason, done.counts) == ("finished", {"polled": 3, "seconds": 1.5})
    assert (running.id, running.finished_at, running.counts) == (second, None, {})
