"""The labels of bench/labels: ids and labels, never a text; what is settled was read twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

LABELS = Path(__file__).parent.parent / "bench" / "labels"
WORDS = {"id", "syria", "isis", "kind", "case", "sure"}


def rows(pattern: str) -> list[dict[str, object]]:
    return [json.loads(line) for file in sorted(LABELS.glob(pattern)) for line in file.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("pattern", ["*.jsonl", "again/*.jsonl", "settled/*.jsonl"])
def test_a_label_is_an_id_and_short_words(pattern: str) -> None:
    for row in rows(pattern):
        assert set(row) <= WORDS
        assert all(len(str(value)) < 30 for value in row.values())


def test_an_article_has_one_first_label() -> None:
    ids = [row["id"] for row in rows("*.jsonl")]
    assert len(ids) == len(set(ids))


def test_who_reads_elsewhere_again_reads_what_was_read_before() -> None:
    for row in rows("elsewhere/again/*.jsonl"):
        assert set(row) == {"file", "id", "syria", "isis", "sure_syria", "sure_isis"}
        assert row["id"] in {one["id"] for one in rows(f"elsewhere/{row['file']}.jsonl")}


def test_what_is_settled_was_read_twice_and_is_another_label_than_the_first() -> None:
    first = {row["id"]: row["isis"] for row in rows("*.jsonl")}
    again = {row["id"]: row["case"] for row in rows("again/isis-war-reports.jsonl")}
    for row in rows("settled/isis.jsonl"):
        assert again[row["id"]] == row["case"]
        assert first[row["id"]] != row["isis"]
