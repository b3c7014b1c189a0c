"""`crawler.dateline`: the date within a line of words, as data."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.dateline import LONGEST, date_in, tells_a_change

TABLE = Path(__file__).parent / "data" / "datelines.tsv"
ROWS = [
    line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
]


@pytest.mark.parametrize(("line", "expected"), ROWS, ids=[line for line, _ in ROWS])
def test_a_line_names_its_date(line: str, expected: str) -> None:
    found = date_in(line)
    assert (found[0].isoformat().replace("+00:00", "Z") if found else "-") == expected


def test_how_it_is_written_is_told_without_the_words_around_it() -> None:
    found = date_in("Published on 30/04/2026 - 16:38 by our desk")
    assert found is not None
    assert found[1] == "30/04/2026 - 16:38"


def test_a_paragraph_is_no_dateline() -> None:
    assert date_in("x " * LONGEST + "30/04/2026") is None


@pytest.mark.parametrize(
    "line", ["Last updated: 3 May 2026", "Stand: 28.04.2026", "آخر تحديث 3 مايو", "Son güncelleme"]
)
def test_a_line_on_a_change_says_so(line: str) -> None:
    assert tells_a_change(line)
    assert not tells_a_change(f"Published {line}")


@given(st.text(max_size=LONGEST))
def test_no_line_breaks_it(line: str) -> None:
    found = date_in(line)
    assert found is None or found[0].tzinfo is UTC
