"""What the lexicon finds in sentences of every language, as data: tests/data/judge/names.tsv holds the sentence and its spans."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from crawler.classify.folding import fold
from crawler.classify.lexicon import ANCHORS, LANGUAGES, load_topics
from crawler.classify.matching import Matcher

CASES = Path(__file__).parent / "data" / "judge" / "names.tsv"
MATCHER = Matcher(form for topic in load_topics() for form in topic.forms)
ROWS = list(csv.DictReader(CASES.read_text(encoding="utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def names(text: str, topic: str, language: str) -> list[str]:
    """What names a topic in a text of a language, as it stands there."""
    folded = fold(text)
    found = MATCHER.find(folded, text, language).get(topic, [])
    spans = [folded.original(one.start, one.end) for one in found if one.concept.sense in ANCHORS]
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['language']}-{number}" for number, row in enumerate(ROWS, 2)])
def test_the_names_of_a_sentence(row: dict[str, str]) -> None:
    expected = row["expected"].split("|") if row["expected"] else []
    assert names(row["text"], row["topic"], row["language"]) == expected


def test_the_cases_name_known_languages() -> None:
    assert {row["language"] for row in ROWS} <= LANGUAGES
