"""Counts drawn with letters: matches per day as one line for each topic, publishers as bars. PURE, but for what prints.

Each line begins with what we write (a topic, a number), and what strangers wrote ends it: a right-to-left name then moves no bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from crawler.terminal import console, plain

if TYPE_CHECKING:
    from storage.counts import Count

DAYS = 30  # that are looked back on, unless told otherwise
TOPICS = ("syria", "isis")  # those that a Count counts
PUBLISHERS = 10
_NARROWEST, _LONGEST_BAR = 20, 30  # columns
_INDENT = 2


@dataclass(frozen=True, slots=True)
class Marks:
    """The letters to draw with: none at all, from little to most, and the part of a bar."""

    none: str
    steps: str
    bar: str


BLOCKS = Marks("·", "▁▂▃▄▅▆▇█", "█")
LETTERS = Marks("_", ".:-=+*%@", "#")  # for a terminal of few letters


@dataclass(frozen=True, slots=True)
class Shown:
    """The days that are drawn, both included, and what they brought."""

    since: date
    until: date
    days: Sequence[Count]
    publishers: Sequence[Count]


def span(*, since: date | None, today: date, newest: date | None) -> tuple[date, date]:
    """The days to draw: from `since`, or thirty, up to today; up to the newest match where that is older than thirty days."""
    until = newest if newest and newest <= today - timedelta(days=DAYS) else today
    return min(since or until - timedelta(days=DAYS - 1), until), until


def counts_page(shown: Shown) -> None:
    """Both drawings, as wide as the terminal; nothing where there is no match."""
    from rich.text import Text

    out = console()
    for line in drawn(shown, out.width, marks_of(out.encoding)):
        out.print(Text(line), no_wrap=True, overflow="ignore", crop=False)


def marks_of(encoding: str) -> Marks:
    """Blocks, or plain letters where the encoding has no blocks."""
    try:
        (BLOCKS.none + BLOCKS.steps).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return LETTERS
    return BLOCKS


def drawn(shown: Shown, width: int, marks: Marks) -> Iterator[str]:
    """The lines, none of them wider than `width` columns."""
    width = max(width, _NARROWEST)
    if not shown.days:
        yield ""
        yield from _wrapped(["no match", *_between(shown)], width)
        return
    yield ""
    yield from _timeline(shown, width, marks)
    if shown.publishers:
        yield ""
        yield "publishers"
        yield from _publishers(shown.publishers, width, marks)


def _timeline(shown: Shown, width: int, marks: Marks) -> Iterator[str]:
    """A line for each topic, all to one scale, with its sum behind it."""
    length = (shown.until - shown.since).days + 1
    by_day = {one.name: one for one in shown.days}
    days = [by_day.get(str(shown.since + timedelta(days=number))) for number in range(length)]
    series = {topic: [getattr(one, topic) if one else 0 for one in days] for topic in TOPICS}
    label = max(map(cell_len, TOPICS))
    room = width - _INDENT - label - 2 - max(len(f"  {sum(values)}") for values in series.values())
    each = -(-length // max(room, 1))  # days in one column
    columns = {topic: _binned(values, each) for topic, values in series.items()}
    most = max(max(values) for values in columns.values())
    column = "a column is a day" if each == 1 else f"a column is {each} days"
    yield from _wrapped(["matches", *_between(shown), f"({column}, the highest {most})"], width)
    for topic, values in columns.items():
        line = "".join(_step(value, most, marks) for value in values)
        yield f"{'':{_INDENT}}{topic:>{label}}  {line}  {sum(values)}"


def _publishers(counts: Sequence[Count], width: int, marks: Marks) -> Iterator[str]:
    """A bar for each; the name stands last and is cut to the room that is left."""
    most = max(one.matches for one in counts)
    figures = len(str(most))
    longest = min(_LONGEST_BAR, max((width - _INDENT - figures - 2) // 2, 1))
    for one in counts:
        length = max(round(one.matches * longest / most), 1)
        name = _cut(plain(one.name) or "-", width - _INDENT - figures - longest - 2)
        yield f"{'':{_INDENT}}{one.matches:>{figures}} {marks.bar * length:<{longest}} {name}"


def _binned(values: Sequence[int], each: int) -> list[int]:
    """Sums of so many days; the last sum is of whole days, too, and the first of what is left."""
    first = len(values) % each
    begins = [*([0] if first else []), *range(first, len(values), each)]
    return [sum(values[begin:end]) for begin, end in zip(begins, [*begins[1:], len(values)], strict=True)]


def _step(value: int, most: int, marks: Marks) -> str:
    """The letter of a value; what is more than nothing never looks like nothing."""
    return marks.steps[-(-value * len(marks.steps) // most) - 1] if value else marks.none


def _cut(name: str, width: int) -> str:
    """The name in at most so many columns of a terminal."""
    return name if cell_len(name) <= width else set_cell_size(name, max(width - 1, 0)).rstrip() + "…"


def _between(shown: Shown) -> list[str]:
    return [f"{shown.since}", "to", f"{shown.until}"]


def _wrapped(pieces: Sequence[str], width: int) -> Iterator[str]:
    line = ""
    for word in " ".join(pieces).split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}".lstrip()
    yield line
