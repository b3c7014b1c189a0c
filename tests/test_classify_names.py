"""What the lexicon finds in sentences of every language, as data: tests/data/judge/names.tsv holds the sentence and its spans."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from test_classify_matching import names

from crawler.classify.folding import fold
from crawler.classify.gazetteer import FOLDER
from crawler.classify.lexicon import LANGUAGES

CASES = Path(__file__).parent / "data" / "judge" / "names.tsv"
ROWS = list(csv.DictReader(CASES.read_text(encoding="utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['language']}-{number}" for number, row in enumerate(ROWS, 2)])
def test_the_names_of_a_sentence(row: dict[str, str]) -> None:
    expected = row["expected"].split("|") if row["expected"] else []
    assert names(row["text"], row["topic"], row["language"]) == expected


def test_the_cases_name_known_languages() -> None:
    assert {row["language"] for row in ROWS} <= LANGUAGES


def test_the_judge_knows_the_towns_of_the_gazetteer_that_nobody_else_is_called_by() -> None:
    """Their names stand in both files; of the topic's they count beside a word that fits."""
    unknown = []
    for row in csv.DictReader((FOLDER / "places.csv").read_text(encoding="utf-8").splitlines()):
        if row["country"] != "SY" or row["kind"] not in (
            "governorate",
            "district",
            "town",
            "village",
            "camp",
            "crossing",
        ):
            continue
        for name in (*row["en"].split("|"), *row["ar"].split("|")):
            plain = not name.startswith(("?", "=")) and not name.endswith("*") and len(fold(name).text) >= 5
            if plain and not names(name, "syria"):
                unknown.append(name)
    assert unknown == []
