"""One SQL statement of an analyst's, which can read and nothing else, whatever it says.

SQLite: the file is opened mode=ro, an authorizer refuses whatever is no reading, a progress handler ends what takes too long.
Postgres: a cursor is declared for the statement (the server takes nothing but one query for that), in a read-only transaction with
a statement timeout; a superuser reads as pg_read_all_data.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn, cast

from storage.errors import BadStatement

LONGEST_VALUE = 50_000_000  # bytes of one value: the longest text that is stored is under 10 MB
_PAGE = 500
_STEPS = 20_000  # of SQLite's machine between two looks at the clock: some milliseconds
_READS = {
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
}  # fmt: skip
_NO_FUNCTIONS = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"}
_ONLY_READS = "only one statement that reads is run: SELECT, WITH, VALUES, or EXPLAIN before one"
_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?:QUERY\s+PLAN\s+)?", re.IGNORECASE)
_PARAMETER = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(?<![:\w]):([a-z_]\w*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns of an answer, their names made unique, and its rows, which are read as they are asked for."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]

    def mappings(self) -> Iterator[dict[str, Any]]:
        """The rows by column."""
        for row in self.rows:
            yield dict(zip(self.columns, map(_simple, row), strict=True))


@contextmanager
def asked_of_sqlite(
    connection: sqlite3.Connection, statement: str, values: Mapping[str, str], *, seconds: float
) -> Iterator[Answer]:
    """The answer of an SQLite file, on a connection opened mode=ro that is used for nothing else."""
    deadline = time.monotonic() + seconds
    connection.execute("PRAGMA query_only = ON")
    connection.execute("SELECT count(*) FROM articles_fts WHERE articles_fts MATCH 'a'").fetchone()  # opens the index
    connection.execute("SELECT count(*) FROM titles_fts WHERE titles_fts MATCH 'a'").fetchone()
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    connection.set_authorizer(_may_read)
    with _explained(sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeEncodeError, seconds=seconds):
        cursor = connection.execute(statement, dict(values))
        if cursor.description is None:
            raise BadStatement(_ONLY_READS)
        yield Answer(_unique(column[0] for column in cursor.description), _pages(cursor))


@contextmanager
def asked_of_postgres(
    connection: Any, statement: str, values: Mapping[str, str], *, seconds: float
) -> Iterator[Answer]:
    """The answer of a server, on a psycopg connection that is closed afterwards."""
    import psycopg

    with _explained(psycopg.Error, UnicodeEncodeError, seconds=seconds):
        connection.rollback()
        connection.read_only = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", (str(max(1, int(seconds * 1000))),))
            cursor.execute("SET LOCAL cursor_tuple_fraction = 1")  # all rows are read, not a tenth
            if cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user").fetchone() == (True,):
                cursor.execute("SET LOCAL ROLE pg_read_all_data")
        query, given = _with_parameters(statement, values)
        explained = _EXPLAIN.match(statement)
        if explained:  # of what may be declared: EXPLAIN alone would take ANALYZE, and that DELETE
            query = query[explained.end() :]
        with connection.cursor(name="asked", scrollable=False) as cursor:
            cursor.itersize = _PAGE
            cursor.execute(cast(Any, query), given)
            if explained:
                yield _plan(connection, query, given)
                return
            yield Answer(_unique(column.name for column in cursor.description or ()), _pages(cursor, seconds))


def _plan(connection: Any, query: str, given: Mapping[str, str] | None) -> Answer:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + query, given, prepare=True)
        return Answer(("plan",), iter(cursor.fetchall()))


def _may_read(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    allowed = action in _READS and (second or "").lower() not in _NO_FUNCTIONS
    # the full-text index looks whether another connection has changed it
    allowed = allowed or (action == sqlite3.SQLITE_PRAGMA and first == "data_version" and second is None)
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _pages(cursor: Any, seconds: float | None = None) -> Iterator[tuple[Any, ...]]:
    deadline = None if seconds is None else time.monotonic() + seconds
    while rows := cursor.fetchmany(_PAGE):
        yield from rows
        if deadline is not None and time.monotonic() > deadline:
            raise BadStatement(_too_long(seconds))


def _with_parameters(statement: str, values: Mapping[str, str]) -> tuple[str, Mapping[str, str] | None]:
    """`:name` outside of quotes as psycopg writes it, for the names that have a value; the statement as it is without any."""
    if not values:
        return statement, None

    def named(found: re.Match[str]) -> str:
        name = found[1]
        return f"%({name})s" if name in values else found[0].replace("%", "%%")

    pieces, last = [], 0
    for found in _PARAMETER.finditer(statement):
        pieces += [statement[last : found.start()].replace("%", "%%"), named(found)]
        last = found.end()
    return "".join([*pieces, statement[last:].replace("%", "%%")]), values


def _simple(value: Any) -> Any:
    """The value as a number, text, time or list: decimals are numbers, JSON and what else a server may give is text."""
    if isinstance(value, Decimal):
        value = _number(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float | date):
        return value
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, list):
        items = [_simple(item) for item in value]
        return (
            json.dumps(items, ensure_ascii=False, default=str) if any(isinstance(one, dict) for one in value) else items
        )
    return str(value)


def _number(value: Decimal) -> int | float | str:
    """A decimal as a number; as text where it has more digits than any number that a program reads."""
    if value.is_finite() and value.adjusted() > 300:
        return str(value)
    return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)


def _unique(names: Iterator[str] | Any) -> tuple[str, ...]:
    """The names of columns; one that is there already gets a number."""
    found: list[str] = []
    for name in names:
        number, one = 1, str(name)
        while one in found:
            number += 1
            one = f"{name}_{number}"
        found.append(one)
    return tuple(found)


@contextmanager
def _explained(*kinds: type[Exception], seconds: float) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        _explain(error, seconds)


def _explain(error: Exception, seconds: float) -> NoReturn:
    """Raise BadStatement with what the driver says, in one line and in our words where there are better ones."""
    said = " ".join(str(error).split("\n")[0].split())
    name, state = getattr(error, "sqlite_errorname", ""), getattr(error, "sqlstate", "")
    if name == "SQLITE_INTERRUPT" or state == "57014":
        said = _too_long(seconds)
    elif name in ("SQLITE_AUTH", "SQLITE_READONLY") or state in ("25006", "0A000") or "one statement" in said:
        said = f"{_ONLY_READS} ({said})"
    elif "binding" in said or 'at or near ":"' in said:
        said = f"{said}; give each :name its value, as with --param since=2026-01-31"
    elif state in ("42601", "42P11") or "multiple commands" in said:
        said = f"{said}; {_ONLY_READS}"
    raise BadStatement(f"the statement was not run: {said}") from error


def _too_long(seconds: float | None) -> str:
    return f"it took longer than {seconds:g} seconds; ask for fewer days, or give --timeout"
