"""Many rows by one statement. SQLAlchemy's own way goes through every row name by name, twice; here each column is gone through once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from msgspec import Struct
from sqlalchemy import BindParameter, Dialect, Insert, Update
from sqlalchemy.orm import Session

from storage.portable import batches

# values in one statement: SQLite takes 32,766, Postgres 65,535
_VALUES = 16_000
_VALUES_OF = re.compile(r"VALUES (\([^()]*\))")


class _Form(Struct, frozen=True):
    """A statement as a database takes it: its text with a place for each value, and what stands at each of them."""

    text: str
    places: tuple[tuple[str, Callable[[Any], Any] | None], ...]  # the name of the value, how it is written
    fixed: Mapping[str, Any]  # what the statement itself says

    def values(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
        """What stands at the places, row by row."""
        return zip(*(self._column(rows, name, write) for name, write in self.places), strict=True)

    def _column(
        self, rows: Sequence[Mapping[str, Any]], name: str, write: Callable[[Any], Any] | None
    ) -> Sequence[Any]:
        if name in self.fixed:
            return [write(self.fixed[name]) if write else self.fixed[name]] * len(rows)
        values = [row[name] for row in rows]
        return list(map(write, values)) if write else values


_FORMS: dict[tuple[Insert | Update, tuple[str, ...], str], _Form] = {}


def run_many(session: Session, statement: Insert | Update, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run an INSERT or UPDATE, made once and without RETURNING, for each of these rows; for none, do nothing.

    All rows have the names of the first. KeyError when one lacks a value that the statement asks for; SQLAlchemy's errors as ever.
    """
    if not rows:
        return
    if statement._returning:
        raise TypeError(f"a statement with an answer is no matter of many runs: {statement}")
    form = _form(statement, rows[0], session)
    session.connection().exec_driver_sql(form.text, list(form.values(rows))).close()


def insert_many(session: Session, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Run an INSERT, made once and with RETURNING, for all of these rows; what comes back, in any order, as the driver gives it.

    Some hundred rows by one statement. Errors as of `run_many`.
    """
    if not rows:
        return []
    form = _form(statement, rows[0], session)
    before, one, behind = _VALUES_OF.split(form.text, maxsplit=1)
    found: list[tuple[Any, ...]] = []
    for page in batches(rows, _VALUES // len(form.places)):
        text = f"{before}VALUES {', '.join([one] * len(page))}{behind}"
        answer = session.connection().exec_driver_sql(text, tuple(chain.from_iterable(form.values(page))))
        found += map(tuple, answer)
    return found


def _form(statement: Insert | Update, row: Mapping[str, Any], session: Session) -> _Form:
    dialect = session.get_bind().dialect
    key = (statement, tuple(row), dialect.name)
    if key not in _FORMS:
        _FORMS[key] = _made(statement, list(row), dialect)
    return _FORMS[key]


def _made(statement: Insert | Update, names: Sequence[str], dialect: Dialect) -> _Form:
    kind: Callable[..., Dialect] = type(dialect)
    in_order = kind(paramstyle="qmark" if dialect.name == "sqlite" else "format")
    made: Any = statement.compile(dialect=in_order, column_keys=names, for_executemany=True)
    if made.insert_prefetch or made.update_prefetch or made.post_compile_params:
        raise TypeError(f"a statement with defaults or lists is no matter of many rows: {made}")
    binds: dict[str, BindParameter[Any]] = made.binds
    places = made.positiontup
    return _Form(
        text=str(made),
        places=tuple((name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in places),
        fixed={name: binds[name].value for name in places if name not in names and not binds[name].required},
    )
