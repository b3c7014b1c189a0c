"""The drawings of `stats`: what is counted is what is drawn, in any terminal."""

from __future__ import annotations

import io
import unicodedata
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from storage_samples import DAY, NOW, add_feed, add_matches, verdict

from crawler.bars import BLOCKS, DAYS, LETTERS, Shown, drawn, marks_of, span
from crawler.cli.asking import counted
from storage.counts import Count
from storage.db import Database

TODAY = NOW.date()
ARABIC = "صحيفة الشمال اليومية المستقلة"
NAMES = ("North Post", ARABIC, "北方日报" * 12, "\x1b[31mred\u202eevil\nline", "[bold]markup[/bold]", "")


def count(name: str, syria: int, isis: int = 0) -> Count:
    """So many matches of each topic, none of both."""
    return Count(name, syria + isis, syria, isis)


def days(first: date, *numbers: int) -> list[Count]:
    """Days with so many matches on Syria, those without any left out, latest first as storage has them."""
    listed = [count(str(first + timedelta(days=place)), number) for place, number in enumerate(numbers) if number]
    return listed[::-1]


def test_the_days_drawn_are_those_stored(database: Database) -> None:
    feed = add_feed(database)
    add_matches(
        database, feed, {}, {}, {"published_at": NOW - 3 * DAY, "verdicts": (verdict("isis"),)}, {"publisher": "Souk Daily"},
        {"published_at": NOW - 200 * DAY},
    )  # fmt: skip
    with database.read() as session:
        shown = counted(session, since=None, today=TODAY)
        longer = counted(session, since=TODAY - timedelta(days=250), today=TODAY)
        later = counted(session, since=TODAY - timedelta(days=2), today=TODAY + timedelta(days=90))
    assert shown == Shown(
        TODAY - timedelta(days=29), TODAY,
        [Count("2026-11-24", 3, 3, 0), Count("2026-11-21", 1, 0, 1)],
        [Count("North Post", 3, 2, 1), Count("Souk Daily", 1, 1, 0)],
    )  # fmt: skip
    assert (longer.since, sum(one.matches for one in longer.days)) == (TODAY - timedelta(days=250), 5)
    assert (later.until, sum(one.matches for one in later.days)) == (TODAY, 3)
    assert list(drawn(shown, 60, BLOCKS)) == [
        "",
        "matches 2026-10-26 to 2026-11-24 (a column is a day, the",
        "highest 3)",
        "  syria  " + "·" * 29 + "█  3",
        "   isis  " + "·" * 26 + "▃···  1",
        "",
        "publishers",
        "  3 " + "█" * 27 + " North Post",
        "  1 " + "█" * 9 + " " * 18 + " Souk Daily",
    ]


@pytest.mark.parametrize(
    ("since", "newest", "drawn_days"),
    [
        (None, TODAY, (TODAY - timedelta(days=DAYS - 1), TODAY)),
        (None, None, (TODAY - timedelta(days=DAYS - 1), TODAY)),
        (None, TODAY - timedelta(days=29), (TODAY - timedelta(days=DAYS - 1), TODAY)),  # a silence is seen
        (None, date(2026, 3, 2), (date(2026, 2, 1), date(2026, 3, 2))),  # an old database is not an empty drawing
        (date(2026, 1, 1), TODAY, (date(2026, 1, 1), TODAY)),
        (date(2027, 1, 1), TODAY, (TODAY, TODAY)),
    ],
)
def test_the_days_that_are_drawn(since: date | None, newest: date | None, drawn_days: tuple[date, date]) -> None:
    assert span(since=since, today=TODAY, newest=newest) == drawn_days


def test_many_days_share_a_column_and_none_is_lost() -> None:
    first = TODAY - timedelta(days=364)
    lines = list(drawn(Shown(first, TODAY, days(first, *[1] * 365), []), 40, LETTERS))
    [syria] = [line for line in lines if "syria" in line]
    assert syria.endswith("  365")
    assert "is 15 days, the highest 15)" in " ".join(lines)
    steps = syria.split()[1]
    assert (len(steps), set(steps[1:]), steps[0]) == (
        25,
        {"@"},
        "-",
    )  # the first column is of the five days that are over


def test_a_day_with_one_match_never_looks_empty() -> None:
    first = TODAY - timedelta(days=2)
    [syria] = [
        line for line in drawn(Shown(first, TODAY, days(first, 1, 0, 10_000), []), 80, BLOCKS) if "syria" in line
    ]
    assert syria == "  syria  ▁·█  10001"


@pytest.mark.parametrize("width", [1, 20, 40, 80, 200])
@pytest.mark.parametrize("marks", [BLOCKS, LETTERS])
def test_no_line_is_wider_than_the_terminal_nor_obeyed_by_it(width: int, marks: object) -> None:
    publishers = [count(name, 10 ** (6 - place)) for place, name in enumerate(NAMES)]
    shown = Shown(TODAY - timedelta(days=99), TODAY, days(TODAY - timedelta(days=99), *range(100)), publishers)
    lines = list(drawn(shown, width, marks))  # type: ignore[arg-type]
    assert len(lines) > len(NAMES)
    assert all(cell_len(line) <= max(width, 20) for line in lines)
    assert not [one for line in lines for one in line if unicodedata.category(one) in ("Cc", "Cf")]
    bars = lines[lines.index("publishers") + 1 :]
    assert len(bars) == len(NAMES)
    right_to_left = next(line for line in bars if any(unicodedata.bidirectional(one) == "AL" for one in line))
    assert all(unicodedata.bidirectional(one) != "AL" for one in right_to_left[: right_to_left.rindex(marks.bar) + 1])  # type: ignore[attr-defined]


@given(
    numbers=st.lists(st.integers(0, 10**4), min_size=1, max_size=200),
    width=st.integers(1, 200),
    name=st.text(max_size=80),
)
def test_any_counts_are_drawn(numbers: list[int], width: int, name: str) -> None:
    first = TODAY - timedelta(days=len(numbers) - 1)
    shown = Shown(first, TODAY, days(first, *numbers), [count(name, sum(numbers))] if any(numbers) else [])
    lines = list(drawn(shown, width, BLOCKS))
    assert all(cell_len(line) <= max(width, 20) for line in lines)
    told = [line for line in lines if line.startswith("  syria")]
    assert [int(line.split()[-1]) for line in told] == ([sum(numbers)] if any(numbers) else [])


def test_nothing_is_said_in_words() -> None:
    assert list(drawn(Shown(TODAY, TODAY, [], []), 80, BLOCKS)) == ["", "no match 2026-11-24 to 2026-11-24"]


@pytest.mark.parametrize(("encoding", "marks"), [("utf-8", BLOCKS), ("ascii", LETTERS), ("latin-1", LETTERS)])
def test_a_terminal_of_few_letters_has_bars_too(encoding: str, marks: object) -> None:
    assert marks_of(encoding) == marks
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    for line in drawn(
        Shown(TODAY, TODAY, [count("2026-11-24", 2, 1)], [count("North Post", 3)]), 40, marks_of(encoding)
    ):
        file.write(line)  # an error here would be one on the terminal
    file.flush()
