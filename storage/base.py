"""What all tables share: the types of columns, the names of constraints, the words that a state can be."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, cast, get_args

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, MetaData, Table, text
from sqlalchemy.orm import DeclarativeBase, mapped_column

from storage.portable import CleanJSON, CleanText, CommaList, UTCDateTime

FeedStatus = Literal["active", "gone"]
EntryState = Literal["pending", "match", "near", "irrelevant", "unreadable", "gone", "forgotten"]
Role = Literal["original", "copy", "related"]
RevisionKind = Literal["first", "edited", "taken-down", "restored"]
ENTRY_STATES: tuple[str, ...] = get_args(EntryState)

# 64 bits on Postgres; SQLite's own row number wants the plain word
BigId = BigInteger().with_variant(Integer(), "sqlite")
PrimaryKey = Annotated[int, mapped_column(BigId, primary_key=True)]
# SQLite alone needs telling: without AUTOINCREMENT it gives a deleted row's id to the next one.
NEVER_REUSED = {"sqlite_autoincrement": True}
# The partial indexes' conditions; queries repeat them word for word, or SQLite does not use the index.
DUE = "retry_at IS NOT NULL AND claimed_at IS NULL"
CURRENT = "current"
LOOK_DUE = "due_at IS NOT NULL AND claimed_at IS NULL"
CLAIMED = "claimed_at IS NOT NULL"
THIN = "extraction IN ('summary-only', 'paywalled')"
PAYWALLED = "extraction = 'paywalled'"
# an expression: asked for originals, newest first, SQLite would read them all here and sort them
ORIGINAL = "role || '' = 'original' AND topics <> ''"
FAILED = "error IS NOT NULL"
REJECTED_TEXT = "text_pruned_at IS NULL AND finished_at IS NOT NULL AND state <> 'match'"


class Base(DeclarativeBase):
    """The base of all tables: names for every constraint (SQLite's batch migrations need them), column types."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own name and shape
        str: CleanText,
        FeedStatus: CleanText,
        EntryState: CleanText,
        Role: CleanText,
        RevisionKind: CleanText,
        Literal["yes", "no"]: CleanText,
        tuple[str, ...]: CommaList,
        datetime: UTCDateTime,
        bytes: LargeBinary,
        dict[str, Any]: CleanJSON,
        list[dict[str, Any]]: CleanJSON,
    }

    def as_dict(self) -> dict[str, Any]:
        """The row for programs: its columns by name, in their order, but for bytes (a signature says nothing to them)."""
        values = {column.key: getattr(self, column.key) for column in table_of(type(self)).c}
        return {name: value for name, value in values.items() if not isinstance(value, bytes)}


# What an index is on Postgres is noted beside it: said to SQLAlchemy at once it would load the part for Postgres, 20 ms of every command.
_POSTGRES = ("where", "using")


def partial_index(name: str, *columns: str, where: str) -> Index:
    """An index of the rows that fulfil a condition."""
    return Index(name, *columns, sqlite_where=text(where), info={"where": text(where)})


def hash_index(column: str) -> Index:
    """An index by which only equality is asked, of values that may be longer than a btree of Postgres takes."""
    return Index(None, column, info={"using": "hash"})


def tell_postgres() -> None:
    """Say of all indexes what they are on Postgres, before their DDL is made or compared."""
    for table in Base.metadata.tables.values():
        for index in table.indexes:
            for option in set(_POSTGRES) & index.info.keys():
                index.dialect_options["postgresql"][option] = index.info[option]


def table_of(model: type[Base]) -> Table:
    """The Core table of a model: what the hot paths write with."""
    return cast(Table, model.__table__)
