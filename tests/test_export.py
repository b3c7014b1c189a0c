"""Rows for programs: whatever stands in a title, what is written can be read again."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.export import iso, json_text, row_to_json, to_json, write_rows

MOMENT = datetime(2026, 11, 24, 15, 0, tzinfo=timezone(timedelta(hours=3)))


@dataclass(frozen=True)
class Row:
    article_id: int
    title: str | None
    topics: Any = "isis,syria"
    published_at: datetime | None = None
    score: float | None = None


def written(form: str, *rows: Any, **options: Any) -> str:
    file = io.StringIO(newline="")
    assert write_rows(iter(rows), form, file, **options) == len(rows)
    return file.getvalue()


def cells(*rows: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written("csv", *rows), newline="")))


# --- shapes ---


def test_times_are_utc_with_z() -> None:
    assert iso(MOMENT) == "2026-11-24T12:00:00Z"
    assert iso(MOMENT.replace(microsecond=500)) == "2026-11-24T12:00:00.000500Z"
    assert to_json(MOMENT) == "2026-11-24T12:00:00Z"
    assert to_json(date(2026, 11, 24)) == "2026-11-24"


@pytest.mark.parametrize(
    ("stored", "listed"),
    [
        ("isis,syria", ["isis", "syria"]),
        ("syria", ["syria"]),
        ("", []),
        (None, []),
        (("syria", "isis"), ["isis", "syria"]),
    ],
)
def test_topics_are_a_sorted_list_and_comma_joined_in_csv(stored: Any, listed: list[str]) -> None:
    assert row_to_json(Row(1, "t", topics=stored))["topics"] == listed
    assert cells(Row(1, "t", topics=stored))[0]["topics"] == ",".join(listed)


def test_keys_are_the_fields_in_their_order_and_absent_is_null() -> None:
    row = Row(7, None, published_at=MOMENT)
    assert json.dumps(row_to_json(row)) == (
        '{"article_id": 7, "title": null, "topics": ["isis", "syria"], "published_at": "2026-11-24T12:00:00Z", "score": null}'
    )
    assert cells(row) == [
        {"article_id": "7", "title": "", "topics": "isis,syria", "published_at": "2026-11-24T12:00:00Z", "score": ""}
    ]


def test_nested_values_are_json_all_the_way_down() -> None:
    value = {"at": MOMENT, "rows": (Row(1, "t"),), "names": {"b"}, 3: None}
    assert to_json(value) == {
        "at": "2026-11-24T12:00:00Z", "names": ["b"], "3": None,
        "rows": [{"article_id": 1, "title": "t", "topics": "isis,syria", "published_at": None, "score": None}],
    }  # fmt: skip


@pytest.mark.parametrize(("form", "empty"), [("json", "[]\n"), ("jsonl", ""), ("csv", "")])
def test_no_rows(form: str, empty: str) -> None:
    assert written(form) == empty


def test_json_is_one_array_and_jsonl_one_object_a_line() -> None:
    rows = [Row(number, f"title\n{number}") for number in range(3)]
    assert json.loads(written("json", *rows)) == [json.loads(line) for line in written("jsonl", *rows).splitlines()]


def test_rows_stream() -> None:
    drawn = []

    def rows() -> Any:
        for number in range(3):
            drawn.append(file.tell())
            yield Row(number, "t")

    file = io.StringIO()
    write_rows(rows(), "jsonl", file)
    assert drawn == sorted(set(drawn)), "every row is written before the next is asked for"


def test_a_mark_for_excel_in_csv_alone() -> None:
    assert written("csv", Row(1, "t"), bom=True).startswith("\ufeffarticle_id,")
    assert not written("jsonl", Row(1, "t"), bom=True).startswith("\ufeff")


# --- what strangers write in titles ---


@pytest.mark.parametrize(
    "title",
    [
        "=1+1",
        "+1",
        "-1 degrees in Aleppo",
        "@sum(A1)",
        " =1+1",
        "\t=1+1",
        "\n=1+1",
        "\r=1",
        "\tx",
        "\u00a0=1",
        "＝1+1",
        "＋1",
        "－1",
        "＠x",
        "\x00=1",
    ],
)
def test_formulas_are_text_in_csv_and_untouched_in_json(title: str) -> None:
    assert cells(Row(1, title))[0]["title"] == "'" + title.replace("\x00", "")
    assert json.loads(written("jsonl", Row(1, title)))["title"] == title


@pytest.mark.parametrize("title", ["", "Raqqa", "a = b", "x-ray", "'quoted'", "سوريا", "1-2"])
def test_harmless_titles_are_untouched(title: str) -> None:
    assert cells(Row(1, title))[0]["title"] == title


def test_a_list_is_no_way_around() -> None:
    assert cells(Row(1, "t", topics=("=1", "syria")))[0]["topics"] == "'=1,syria"


def test_numbers_stay_numbers() -> None:
    assert cells(Row(-1, "t", score=-0.5))[0] | {"title": ""} == {
        "article_id": "-1", "title": "", "topics": "isis,syria", "published_at": "", "score": "-0.5",
    }  # fmt: skip


@pytest.mark.parametrize(
    "title", ['He said "no"', "a,b", "first\nsecond", "first\r\nsecond", "one;two", "\u2028", "tab\there"]
)
def test_cells_hold_quotes_commas_and_line_breaks(title: str) -> None:
    assert cells(Row(1, title))[0]["title"] == title


def test_csv_lines_end_as_rfc_4180_says() -> None:
    assert written("csv", Row(1, "t")) == 'article_id,title,topics,published_at,score\r\n1,t,"isis,syria",,\r\n'


def test_halves_of_characters_are_written_so_that_utf_8_can_hold_them() -> None:
    row = Row(1, "half \ud83d of a face, a whole \U0001f600")
    for form in ("json", "jsonl", "csv"):
        written(form, row).encode("utf-8")
    assert json.loads(written("jsonl", row))["title"] == row.title
    assert cells(row)[0]["title"] == "half \ufffd of a face, a whole \U0001f600"


@given(st.text(st.characters()))
def test_any_text_comes_back_from_json(title: str) -> None:
    assert json.loads(json_text({"title": title}).encode())["title"] == title or any(
        "\ud800" <= letter <= "\udfff" for letter in title
    )


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00")))
def test_any_text_comes_back_from_csv_and_is_no_formula(title: str) -> None:
    found = cells(Row(1, title))[0]["title"]
    assert found.removeprefix("'") == title.removeprefix("'")
    assert not found.lstrip().startswith(("=", "+", "-", "@"))
