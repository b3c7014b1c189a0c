"""The two small inverted indexes: by bands copies are found, by keys what tells of one event. The SQL differs between SQLite and Postgres;
a room of portable.py.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Executable, text
from sqlalchemy.orm import Session

from storage.portable import is_sqlite

# By table: the key, the columns of its numbers with the one first that puts a key's rows in order, the key's type on Postgres, and what a
# key's rows are asked for by there. Of bands by pairs: by its number alone another index would give the order, too, and be taken while
# the table passes for empty.
POSTINGS = {
    "bands": ("band", ("article_id",), "bigint", "(x.band, x.article_id) >= (k.asked, k.low) AND (x.band, x.article_id) <= (k.asked, k.high)"),
    "event_keys": ("key", ("sort_key", "article_id"), "text", "x.key = k.asked AND x.sort_key BETWEEN k.low AND k.high"),
}  # fmt: skip
HIGHEST = (1 << 63) - 1
# what is asked for: [key, low, high]; all that is there in one text, for rows are dear: the place among them, and the numbers. A limit that
# is not written out makes Postgres plan anew each time.
_NEWEST = {
    True: """SELECT group_concat(n || ':' || numbers, ' ') FROM (SELECT k.n, group_concat(b.{order}) AS numbers FROM (
            SELECT key AS n, json_extract(value, '$[0]') AS asked, json_extract(value, '$[1]') AS low,
                json_extract(value, '$[2]') AS high FROM json_each(:asks)) k
        JOIN {table} b ON b.{key} = k.asked AND b.{order} BETWEEN coalesce((SELECT x.{order} FROM {table} x
            WHERE x.{key} = k.asked AND x.{order} BETWEEN k.low AND k.high ORDER BY x.{order} DESC LIMIT 1 OFFSET {most} - 1), k.low) AND k.high
        GROUP BY k.n)""",
    False: """SELECT string_agg(k.n - 1 || ':' || b.numbers, ' ')
        FROM unnest({keys}, {lows}, {highs}) WITH ORDINALITY AS k(asked, low, high, n)
        CROSS JOIN LATERAL (SELECT string_agg(CAST(y.{order} AS text), ',') AS numbers FROM (
            SELECT x.{order} FROM {table} x WHERE {among} ORDER BY x.{key} DESC, x.{order} DESC LIMIT {most}) y) b
        WHERE b.numbers IS NOT NULL""",
}
# Lists travel as one text: psycopg looks at every element of a list.
_ARRAY = {"bigint": "CAST(:{} AS bigint[])", "text": "string_to_array(:{}, chr(10))"}
_POST = {
    True: "INSERT INTO {table} ({names}) SELECT {values} FROM json_each(:rows)",
    False: "INSERT INTO {table} ({names}) SELECT * FROM unnest({values}) AS r",
}


class Ask(NamedTuple):
    """Keys whose newest rows between `low` and `high` are asked for; without keys nothing is."""

    keys: Collection[Any]
    low: int
    high: int


def newest(session: Session, index: str, asks: Sequence[Ask], *, most: int) -> list[dict[Any, list[int]]]:
    """For each ask its keys that are there with the numbers of their newest rows, newest first, `most` of a key at most: a key that
    thousands share costs no more than another. One statement for all, in which a key of several asks is asked for once; a second
    one for those of which that told nothing, for all that it found is newer than theirs."""
    windows: dict[Any, tuple[int, int]] = {}
    for ask in asks:
        for key in ask.keys:
            low, high = windows.get(key, ask[1:])
            windows[key] = min(low, ask.low), max(high, ask.high)
    known = dict(
        zip(windows, _rows(session, index, [(key, *window) for key, window in windows.items()], most), strict=True)
    )
    found: list[dict[Any, list[int]]] = []
    again: list[tuple[dict[Any, list[int]], tuple[Any, int, int]]] = []
    for keys, low, high in asks:
        here: dict[Any, list[int]] = {}
        found.append(here)
        for key in keys:
            numbers = known[key]
            if not numbers:
                continue
            if numbers[0] > high and len(numbers) == most:
                again.append((here, (key, low, high)))
            elif numbers[-1] >= low and numbers[0] <= high:
                here[key] = numbers
            elif within := [number for number in numbers if low <= number <= high]:
                here[key] = within
    for (here, (key, _, _)), numbers in zip(
        again, _rows(session, index, [asked for _, asked in again], most), strict=True
    ):
        if numbers:
            here[key] = numbers
    return found


def _rows(session: Session, index: str, asked: Sequence[tuple[Any, int, int]], most: int) -> list[list[int]]:
    """The newest numbers of each key between these two."""
    found: list[list[int]] = [[] for _ in asked]
    if not asked:
        return found
    sqlite_ = is_sqlite(session)
    bound: dict[str, Any]
    if sqlite_:
        bound = {"asks": json.dumps(asked, ensure_ascii=False)}
    else:
        bound = {name: _array([one[place] for one in asked]) for place, name in enumerate(("keys", "lows", "highs"))}
    for one in (session.scalar(_newest(sqlite_, index, most), bound) or "").split():
        place, _, numbers = one.partition(":")
        several = numbers.split(",")
        found[int(place)] = sorted(map(int, several), reverse=True) if len(several) > 1 else [int(numbers)]
    return found


def post(session: Session, rows: Mapping[str, Iterable[tuple[Any, ...]]]) -> None:
    """Put rows, each a key and its numbers, into the inverted indexes of these names; in the order of keys, which spares the disk.
    One statement for all on Postgres."""
    ordered = {index: some for index, these in rows.items() if (some := sorted(these))}
    if is_sqlite(session):
        for index, some in ordered.items():
            session.execute(_post((index,), sqlite_=True), {"rows": json.dumps(some, ensure_ascii=False)})
    elif ordered:
        bound = {
            f"{index}{place}": _array(column)
            for index, some in ordered.items()
            for place, column in enumerate(zip(*some, strict=True))
        }
        session.execute(_post(tuple(ordered), sqlite_=False), bound)


def _array(values: Sequence[Any]) -> str:
    """Numbers, or words without line breaks, as _ARRAY takes them."""
    return "\n".join(values) if isinstance(values[0], str) else f"{{{','.join(map(str, values))}}}"


@cache
def _newest(sqlite_: bool, index: str, most: int) -> Executable:
    key, (order, *_), type_, among = POSTINGS[index]
    arrays = {"keys": _ARRAY[type_].format("keys")} | {
        name: _ARRAY["bigint"].format(name) for name in ("lows", "highs")
    }
    return text(_NEWEST[sqlite_].format(table=index, key=key, order=order, among=among, most=most, **arrays))


@cache
def _post(indexes: tuple[str, ...], *, sqlite_: bool) -> Executable:
    inserts = []
    for index in indexes:
        key, numbers, type_, _ = POSTINGS[index]
        types = [type_, *("bigint" for _ in numbers)]
        values = [
            f"json_extract(value, '$[{place}]')" if sqlite_ else _ARRAY[one].format(f"{index}{place}")
            for place, one in enumerate(types)
        ]
        inserts.append(_POST[sqlite_].format(table=index, names=", ".join((key, *numbers)), values=", ".join(values)))
    *before, last = inserts
    with_ = ", ".join(f"w{place} AS ({one})" for place, one in enumerate(before))
    return text(f"WITH {with_} {last}" if before else last)
