"""The two small inverted indexes: by bands copies are found, by keys what tells of one event. The SQL differs between SQLite and Postgres;
a room of portable.py.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Executable, text
from sqlalchemy.orm import Session

from storage.portable import is_sqlite

# table, key column, the column that puts a key's rows in order, the key's type on Postgres, and what a key's rows are asked for by there.
# Of bands by pairs: by its number alone another index would give the order, too, and be taken while the table passes for empty.
POSTINGS = {
    "bands": ("band", "article_id", "bigint", "(x.band, x.article_id) >= (k.asked, k.low) AND (x.band, x.article_id) <= (k.asked, k.high)"),
    "event_keys": ("key", "sort_key", "text", "x.key = k.asked AND x.sort_key BETWEEN k.low AND k.high"),
}  # fmt: skip
HIGHEST = (1 << 63) - 1
# what is asked for: [key, low, high], one row of the answer for each that is there, with its place among them. A limit that is not
# written out makes Postgres plan anew each time.
_NEWEST = {
    True: """SELECT k.n, group_concat(b.{order}) FROM (
            SELECT key AS n, json_extract(value, '$[0]') AS asked, json_extract(value, '$[1]') AS low,
                json_extract(value, '$[2]') AS high FROM json_each(:asks)) k
        JOIN {table} b ON b.{key} = k.asked AND b.{order} BETWEEN coalesce((SELECT x.{order} FROM {table} x
            WHERE x.{key} = k.asked AND x.{order} BETWEEN k.low AND k.high ORDER BY x.{order} DESC LIMIT 1 OFFSET {most} - 1), k.low) AND k.high
        GROUP BY k.n""",
    False: """SELECT k.n - 1, b.numbers FROM unnest({keys}, {lows}, {highs}) WITH ORDINALITY AS k(asked, low, high, n)
        CROSS JOIN LATERAL (SELECT string_agg(CAST(y.{order} AS text), ',') AS numbers FROM (
            SELECT x.{order} FROM {table} x WHERE {among} ORDER BY x.{key} DESC, x.{order} DESC LIMIT {most}) y) b
        WHERE b.numbers IS NOT NULL""",
}
# Lists travel as one text: psycopg looks at every element of a list.
_ARRAY = {"bigint": "CAST(:{} AS bigint[])", "text": "string_to_array(:{}, chr(10))"}
_POST = {
    True: "INSERT INTO {table} ({key}, {names}) SELECT {values} FROM json_each(:rows)",
    False: "INSERT INTO {table} ({key}, {names}) SELECT * FROM unnest({values}) AS r",
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
    for place, numbers in session.execute(_newest(sqlite_, index, most), bound):
        found[place] = sorted(map(int, numbers.split(",")), reverse=True)
    return found


def post(session: Session, index: str, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    """Put rows, a key and its numbers by these names, into an inverted index, in one statement; in the order of keys, which spares
    the disk."""
    ordered = sorted(rows)
    if not ordered:
        return
    bound: dict[str, Any]
    if is_sqlite(session):
        bound = {"rows": json.dumps(ordered, ensure_ascii=False)}
    else:
        bound = {f"rows{place}": _array([row[place] for row in ordered]) for place in range(len(names) + 1)}
    session.execute(_post(is_sqlite(session), index, names), bound)


def _array(values: Sequence[Any]) -> str:
    """Numbers, or words without line breaks, as _ARRAY takes them."""
    return "\n".join(values) if isinstance(values[0], str) else f"{{{','.join(map(str, values))}}}"


@cache
def _newest(sqlite_: bool, index: str, most: int) -> Executable:
    key, order, type_, among = POSTINGS[index]
    arrays = {"keys": _ARRAY[type_].format("keys")} | {
        name: _ARRAY["bigint"].format(name) for name in ("lows", "highs")
    }
    return text(_NEWEST[sqlite_].format(table=index, key=key, order=order, among=among, most=most, **arrays))


@cache
def _post(sqlite_: bool, index: str, names: tuple[str, ...]) -> Executable:
    key, _, type_, _ = POSTINGS[index]
    if sqlite_:
        values = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(names) + 1))
    else:
        types = [type_, *("bigint" for _ in names)]
        values = ", ".join(_ARRAY[one].format(f"rows{place}") for place, one in enumerate(types))
    return text(_POST[sqlite_].format(table=index, key=key, names=", ".join(names), values=values))
