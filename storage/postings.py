"""The two small inverted indexes: by bands copies are found, by keys what tells of one event. The SQL differs between SQLite and Postgres;
a room of portable.py.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Executable, bindparam, text
from sqlalchemy.orm import Session

from storage.portable import UTCDateTime, is_sqlite

# table, key column, the column that puts a key's rows in order, the key's type on Postgres.
POSTINGS = {"bands": ("band", "article_id", "bigint"), "event_keys": ("key", "sort_key", "text")}
# Ids grow with the time of first sight, but those of one moment may have changed places: so what lies behind the last one of
# before, not the first one since. Asked for within the statement, since every question is a round trip.
_SINCE = "(SELECT coalesce(max(e.id), 0) + 1 FROM (SELECT id FROM entries WHERE first_seen_at < :since ORDER BY first_seen_at DESC, id DESC LIMIT 1) e)"
_HIGHEST = (1 << 63) - 1
_NEWEST = {
    True: """SELECT k.value, group_concat(b.{order}) FROM json_each(:keys) k JOIN {table} b ON b.{key} = k.value
        AND b.{order} >= coalesce((SELECT x.{order} FROM {table} x WHERE x.{key} = k.value
            AND x.{order} BETWEEN {low} AND :high ORDER BY x.{order} DESC LIMIT 1 OFFSET :last), {low})
        AND b.{order} <= :high GROUP BY k.value""",
    False: """SELECT k.value, string_agg(CAST(b.{order} AS text), ',')
        FROM unnest(CAST(:keys AS {type}[])) AS k(value) CROSS JOIN LATERAL (
            SELECT x.{order} FROM {table} x WHERE x.{key} = k.value AND x.{order} BETWEEN {low} AND :high
            ORDER BY x.{order} DESC LIMIT :last + 1) b GROUP BY k.value""",
}
_POST = {
    True: "INSERT OR IGNORE INTO {table} ({names}) SELECT value, {values} FROM json_each(:keys)",
    False: """INSERT INTO {table} ({names}) SELECT value, {values} FROM unnest(CAST(:keys AS {type}[])) AS k(value)
        ON CONFLICT DO NOTHING""",
}


def newest_postings(
    session: Session, index: str, keys: Collection[int] | Collection[str], *, low: int, high: int, most: int
) -> dict[Any, list[int]]:
    """For each key that is there the numbers of its newest rows between `low` and `high`, `most` of a key at most: a key that
    thousands share costs no more than another."""
    if not keys:
        return {}
    return _read_newest(session, index, ":low", keys, {"low": low, "high": high, "last": most - 1})


def newest_since(
    session: Session, index: str, keys: Collection[int] | Collection[str], *, since: datetime, most: int
) -> dict[Any, list[int]]:
    """The same of an index whose rows are in the order of entries' ids: those of entries that were first seen since then."""
    if not keys:
        return {}
    return _read_newest(session, index, _SINCE, keys, {"since": since, "high": _HIGHEST, "last": most - 1})


def _read_newest(
    session: Session, index: str, low: str, keys: Collection[int] | Collection[str], bound: Mapping[str, Any]
) -> dict[Any, list[int]]:
    values = {"keys": _key_list(session, keys), **bound}
    rows = session.execute(_newest(is_sqlite(session), index, low), values).all()
    return {key: list(map(int, numbers.split(","))) for key, numbers in rows}  # a row a key: rows are dear


def post(session: Session, index: str, keys: Collection[int] | Collection[str], values: Mapping[str, int]) -> None:
    """Put a row for each key into an inverted index, in one statement."""
    if keys:
        bound = {"keys": _key_list(session, keys), **values}
        session.execute(_post(is_sqlite(session), index, tuple(values)), bound)


def _key_list(session: Session, keys: Collection[int] | Collection[str]) -> Any:
    return json.dumps(sorted(keys), ensure_ascii=False) if is_sqlite(session) else sorted(keys)


@cache
def _newest(sqlite_: bool, index: str, low: str) -> Executable:
    key, order, type_ = POSTINGS[index]
    made = text(_NEWEST[sqlite_].format(table=index, key=key, order=order, type=type_, low=low))
    return made.bindparams(bindparam("since", type_=UTCDateTime())) if low == _SINCE else made


@cache
def _post(sqlite_: bool, index: str, names: tuple[str, ...]) -> Executable:
    key, _, type_ = POSTINGS[index]
    values = ", ".join(f":{name}" if sqlite_ else f"CAST(:{name} AS bigint)" for name in names)
    return text(_POST[sqlite_].format(table=index, names=", ".join((key, *names)), values=values, type=type_))
