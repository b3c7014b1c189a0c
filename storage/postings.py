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

# table, key column, the column that puts a key's rows in order, the key's type on Postgres.
POSTINGS = {"bands": ("band", "article_id", "bigint"), "event_keys": ("key", "sort_key", "text")}
HIGHEST = (1 << 63) - 1
# what is asked for: [key, low, high], one row of the answer for each that is there, with its place among them. Compared as pairs on
# Postgres: no other index answers that, whatever the planner takes a table for that was empty when it was last looked at.
_NEWEST = {
    True: """SELECT k.n, group_concat(b.{order}) FROM (
            SELECT key AS n, json_extract(value, '$[0]') AS asked, json_extract(value, '$[1]') AS low,
                json_extract(value, '$[2]') AS high FROM json_each(:asks)) k
        JOIN {table} b ON b.{key} = k.asked AND b.{order} BETWEEN coalesce((SELECT x.{order} FROM {table} x
            WHERE x.{key} = k.asked AND x.{order} BETWEEN k.low AND k.high ORDER BY x.{order} DESC LIMIT 1 OFFSET :last), k.low) AND k.high
        GROUP BY k.n""",
    False: """SELECT k.n - 1, string_agg(CAST(b.{order} AS text), ',')
        FROM unnest(CAST(:keys AS {type}[]), CAST(:lows AS bigint[]), CAST(:highs AS bigint[])) WITH ORDINALITY AS k(asked, low, high, n)
        CROSS JOIN LATERAL (SELECT x.{order} FROM {table} x
            WHERE (x.{key}, x.{order}) >= (k.asked, k.low) AND (x.{key}, x.{order}) <= (k.asked, k.high)
            ORDER BY x.{key} DESC, x.{order} DESC LIMIT :last + 1) b
        GROUP BY k.n""",
}
_POST = {
    True: "INSERT OR IGNORE INTO {table} ({key}, {names}) SELECT {values} FROM json_each(:rows)",
    False: """INSERT INTO {table} ({key}, {names}) SELECT * FROM unnest(CAST(:rows0 AS {type}[]), {values}) AS r
        ON CONFLICT DO NOTHING""",
}


class Ask(NamedTuple):
    """Keys whose newest rows between `low` and `high` are asked for; without keys nothing is."""

    keys: Collection[Any]
    low: int
    high: int


def newest(session: Session, index: str, asks: Sequence[Ask], *, most: int) -> list[dict[Any, list[int]]]:
    """For each ask its keys that are there with the numbers of their newest rows, `most` of a key at most: a key that thousands
    share costs no more than another. One statement for all."""
    flat = [(number, key, ask.low, ask.high) for number, ask in enumerate(asks) for key in ask.keys]
    found: list[dict[Any, list[int]]] = [{} for _ in asks]
    if not flat:
        return found
    bound: dict[str, Any] = {"last": most - 1}
    if is_sqlite(session):
        bound["asks"] = json.dumps([one[1:] for one in flat], ensure_ascii=False)
    else:
        bound |= {name: [one[place] for one in flat] for place, name in enumerate(("keys", "lows", "highs"), 1)}
    for place, numbers in session.execute(_newest(is_sqlite(session), index), bound):  # a row a key: rows are dear
        number, key = flat[place][:2]
        found[number][key] = list(map(int, numbers.split(",")))
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
        bound = {f"rows{place}": [row[place] for row in ordered] for place in range(len(names) + 1)}
    session.execute(_post(is_sqlite(session), index, names), bound)


@cache
def _newest(sqlite_: bool, index: str) -> Executable:
    key, order, type_ = POSTINGS[index]
    return text(_NEWEST[sqlite_].format(table=index, key=key, order=order, type=type_))


@cache
def _post(sqlite_: bool, index: str, names: tuple[str, ...]) -> Executable:
    key, _, type_ = POSTINGS[index]
    if sqlite_:
        values = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(names) + 1))
    else:
        values = ", ".join(f"CAST(:rows{place} AS bigint[])" for place in range(1, len(names) + 1))
    return text(_POST[sqlite_].format(table=index, key=key, names=", ".join(names), values=values, type=type_))
