"""The SQL in which SQLite and Postgres differ: column types, insert-if-new, upsert. A room of db.py.

Everything else in storage is written once for both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Insert,
    Row,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from storage.text import clean, clean_json

V = TypeVar("V")


class UTCDateTime(TypeDecorator[datetime]):
    """An aware time: text `YYYY-MM-DDTHH:MM:SS.ffffffZ` on SQLite (sorts as it reads), timestamptz on Postgres.

    A naive time raises ValueError; what comes back is always in UTC.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text for SQLite, timestamptz for Postgres."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """The time as the driver wants it."""
        return self.bind_processor(dialect)(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """The same without a call that asks for the dialect each time: a document has a hundred times."""
        return _as_text if dialect.name == "sqlite" else _as_time

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The time, aware and in UTC."""
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """The same for a whole column; on SQLite without two calls for each of 30,000 times."""
        if dialect.name == "sqlite":
            parse = datetime.fromisoformat
            return lambda value: None if value is None else parse(value)
        return super().result_processor(dialect, coltype)


def _as_time(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise ValueError(f"a time without a zone cannot be stored: {value}")
    return value


@lru_cache(maxsize=256)  # most times of a transaction are its own
def _as_text(value: datetime | None) -> str | None:
    aware = _as_time(value)
    return None if aware is None else aware.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


class CleanText(TypeDecorator[str]):
    """Text that both databases hold unchanged: NUL and lone surrogates are removed on the way in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text without what cannot be stored."""
        return _as_clean(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        """The same without a call between."""
        return _as_clean


def _as_clean(value: str | None) -> str | None:
    if value is None:
        return None
    return value if type(value) is str and value.isascii() and "\0" not in value else clean(value)


class CommaList(TypeDecorator[tuple[str, ...]]):
    """Words in one text, sorted and comma-joined, '' for none, so that `LIKE` finds one on both databases."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> str:
        """The words as one text."""
        return text_list(map(clean, value or ()))

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:
        """The words, sorted."""
        return tuple(value.split(",")) if value else ()


class CleanJSON(TypeDecorator[Any]):
    """JSON (jsonb on Postgres) whose strings are cleaned like every other text."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Readable text for SQLite, jsonb for Postgres."""
        return dialect.type_descriptor(JSON() if dialect.name == "sqlite" else _postgresql().JSONB())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """The value with clean strings."""
        return clean_json(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """The same; on SQLite it is the finished text that is looked at, in which half of a pair or NUL stands as an escape."""
        if dialect.name != "sqlite":
            return super().bind_processor(dialect)
        write: Any = self.load_dialect_impl(dialect).bind_processor(dialect)

        def clean_text(value: Any) -> Any:
            written = write(value)
            return write(clean_json(value)) if written and _ESCAPED.search(written) else written

        return clean_text


_ESCAPED = re.compile(r"\\u(?:0000|d[89a-f])")  # a whole pair, too: that is only slower


def is_sqlite(session: Session) -> bool:
    """Whether this session talks to SQLite."""
    return session.get_bind().dialect.name == "sqlite"


def batches(values: Sequence[V], size: int = 1_000) -> Iterator[Sequence[V]]:
    """The values, so many at a time: SQLite takes 32,766 parameters in one statement."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def insert_new(
    session: Session,
    into: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    conflict: Sequence[str],
    returning: Sequence[Column[Any]],
) -> Sequence[Row[Any]]:
    """Insert the rows whose `conflict` columns are not there yet; return the columns of those alone, in any order.

    Rows must be unique among themselves (Postgres raises else) and have the same keys; any number of them, sent in
    pages.
    """
    if not rows:
        return []
    statement = if_new(is_sqlite(session), into, tuple(conflict), tuple(returning))
    return session.execute(statement, [dict(row) for row in rows]).all()


def upsert(
    session: Session, into: Table, rows: Sequence[Mapping[str, Any]], *, conflict: Sequence[str], update: Sequence[str]
) -> None:
    """Insert the rows; where the `conflict` columns are there already, set the `update` columns to the new values."""
    if rows:
        statement = or_update(is_sqlite(session), into, tuple(conflict), tuple(update))
        session.execute(statement, [dict(row) for row in rows])


def _postgresql() -> Any:
    """SQLAlchemy's part for Postgres, which takes a crawl on SQLite 20 ms to load."""
    from sqlalchemy.dialects import postgresql

    return postgresql


# Made once: building such a statement takes SQLAlchemy as long as sending it (0.4 ms).
@cache
def if_new(sqlite_: bool, into: Table, conflict: tuple[str, ...], returning: tuple[Column[Any], ...]) -> Insert:
    """The statement of insert_new."""
    insert = sqlite.insert(into) if sqlite_ else _postgresql().insert(into)
    return insert.on_conflict_do_nothing(index_elements=conflict).returning(*returning)


@cache
def or_update(sqlite_: bool, into: Table, conflict: tuple[str, ...], update: tuple[str, ...]) -> Insert:
    """The statement of upsert."""
    insert = sqlite.insert(into) if sqlite_ else _postgresql().insert(into)
    values = {name: insert.excluded[name] for name in update}
    return insert.on_conflict_do_update(index_elements=conflict, set_=values)


def append_only(name: str) -> dict[str, tuple[str, ...]]:
    """What makes a table refuse changes of its rows, by database: triggers. Who owns it can drop them; then the hashes tell."""
    message = f"{name} is append-only"
    refuse = f"CREATE TRIGGER {name}_{{0}} BEFORE {{0}} ON {name} BEGIN SELECT RAISE(ABORT, '{message}'); END"
    return {
        "sqlite": tuple(refuse.format(action) for action in ("UPDATE", "DELETE")),
        "postgresql": (
            f"CREATE FUNCTION {name}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'restrict_violation'; END$$",
            f"CREATE TRIGGER {name}_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_refuse()",
        ),
    }


def alone_with(session: Session, name: str) -> None:
    """Wait until no other transaction that asked for the same name is open. On SQLite a writer is alone anyway."""
    if not is_sqlite(session):
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"levantwatch {name}"})


def erase_thoroughly(session: Session) -> None:
    """What this transaction deletes is overwritten in the file, not only let go of; SQLite alone can be asked to."""
    if is_sqlite(session):
        session.connection().exec_driver_sql("PRAGMA secure_delete = ON").close()


def text_list(values: Iterable[str]) -> str:
    """Words as the tables keep them: sorted, unique, comma-joined, '' for none."""
    return ",".join(sorted({value.strip() for value in values if value.strip()}))
