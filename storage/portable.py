"""The SQL in which SQLite and Postgres differ: column types, insert-if-new, upsert, full text. A room of db.py.

Everything else in storage is written once for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Executable,
    Row,
    String,
    Table,
    Text,
    TypeDecorator,
    cast,
    column,
    literal,
    literal_column,
    table,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from storage.text import clean, clean_json
from storage.words import Query


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
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value}")
        if dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

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


class CleanText(TypeDecorator[str]):
    """Text that both databases hold unchanged: NUL and lone surrogates are removed on the way in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text without what cannot be stored."""
        return None if value is None else clean(value)


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
        return dialect.type_descriptor(JSON() if dialect.name == "sqlite" else postgresql.JSONB())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """The value with clean strings."""
        return clean_json(value)


def is_sqlite(session: Session) -> bool:
    """Whether this session talks to SQLite."""
    return session.get_bind().dialect.name == "sqlite"


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
    statement = _insert_new(is_sqlite(session), into, tuple(conflict), tuple(returning))
    return session.execute(statement, [dict(row) for row in rows]).all()


def upsert(
    session: Session, into: Table, rows: Sequence[Mapping[str, Any]], *, conflict: Sequence[str], update: Sequence[str]
) -> None:
    """Insert the rows; where the `conflict` columns are there already, set the `update` columns to the new values."""
    if rows:
        statement = _upsert(is_sqlite(session), into, tuple(conflict), tuple(update))
        session.execute(statement, [dict(row) for row in rows])


# Made once: building such a statement takes SQLAlchemy as long as sending it (0.4 ms).
@cache
def _insert_new(
    sqlite_: bool, into: Table, conflict: tuple[str, ...], returning: tuple[Column[Any], ...]
) -> Executable:
    insert = sqlite.insert(into) if sqlite_ else postgresql.insert(into)
    return insert.on_conflict_do_nothing(index_elements=conflict).returning(*returning)


@cache
def _upsert(sqlite_: bool, into: Table, conflict: tuple[str, ...], update: tuple[str, ...]) -> Executable:
    insert = sqlite.insert(into) if sqlite_ else postgresql.insert(into)
    values = {name: insert.excluded[name] for name in update}
    return insert.on_conflict_do_update(index_elements=conflict, set_=values)


# The full-text index is the table articles_fts(rowid, document) on both: FTS5 there, tsvector + GIN here. It is no
# model, because neither kind of column exists on the other side. Its rowid is articles.sort_key, newest last.
FULL_TEXT_DDL = {
    # Only letters, digits and spaces arrive. Its tables of Unicode are older than Python's: so whatever it does not take
    # for a space, a sign or punctuation is part of a word.
    "sqlite": (
        """CREATE VIRTUAL TABLE articles_fts USING fts5(
            document, tokenize = "unicode61 remove_diacritics 0 categories 'L* M* N* C*'"
        )""",
    ),
    "postgresql": (
        "CREATE TABLE articles_fts (rowid bigint PRIMARY KEY, document tsvector NOT NULL)",
        "CREATE INDEX ix_articles_fts_document ON articles_fts USING gin (document)",
    ),
}
FULL_TEXT = table("articles_fts", column("rowid", BigInteger()), column("document"))
FULL_TEXT_TABLES = (
    "articles_fts",
    *(f"articles_fts_{part}" for part in ("data", "idx", "content", "docsize", "config")),
)
_INDEX = {
    True: text("INSERT INTO articles_fts (rowid, document) VALUES (:sort_key, :words)"),
    False: text("INSERT INTO articles_fts (rowid, document) VALUES (:sort_key, to_tsvector('simple', :words))"),
}
_UNINDEX = text("DELETE FROM articles_fts WHERE rowid = :sort_key")


def index_words(session: Session, *, sort_key: int, words: str, old_sort_key: int | None = None) -> None:
    """Put an article's folded words into the full-text index, instead of the row that it had before."""
    if old_sort_key is not None:
        session.execute(_UNINDEX, {"sort_key": old_sort_key})
    session.execute(_INDEX[is_sqlite(session)], {"sort_key": sort_key, "words": words})


def has_words(session: Session, query: Query) -> ColumnElement[bool]:
    """The condition on a row of FULL_TEXT that its folded words answer the query."""
    if not is_sqlite(session):
        return FULL_TEXT.c.document.op("@@")(cast(literal(query.tsquery(), Text()), postgresql.TSQUERY))
    wanted, unwanted = query.fts5()
    if wanted:
        return literal_column("articles_fts", Text()).match(wanted)
    rows = text("SELECT rowid FROM articles_fts WHERE articles_fts MATCH :unwanted").bindparams(unwanted=unwanted)
    return FULL_TEXT.c.rowid.not_in(rows.columns(column("rowid")))


def text_list(values: Iterable[str]) -> str:
    """Words as the tables keep them: sorted, unique, comma-joined, '' for none."""
    return ",".join(sorted({value.strip() for value in values if value.strip()}))
