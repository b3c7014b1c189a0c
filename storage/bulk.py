"""Many rows by one statement. SQLAlchemy's own way goes through every row name by name, twice; here each column is gone through once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Dialect, Insert, Update
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class _Form:
    """A statement as a database takes it: its text, and what stands at each of its places."""

    text: str
    places: tuple[tuple[str, Callable[[Any], Any] | None], ...]  # the name of the value, how it is written
    fixed: Mapping[str, Any]  # what the statement itself says
    is_positional: bool


_FORMS: dict[tuple[Insert | Update, tuple[str, ...], str], _Form] = {}


def run_many(session: Session, statement: Insert | Update, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run an INSERT or UPDATE, made once and without RETURNING, for each of these rows; for none, do nothing.

    All rows have the names of the first. KeyError when one lacks a value that the statement asks for; SQLAlchemy's errors as ever.
    """
    if not rows:
        return
    form = _form(statement, tuple(rows[0]), session.get_bind().dialect)
    columns = [_column(form, rows, name, write) for name, write in form.places]
    written: Any = list(zip(*columns, strict=True))
    if not form.is_positional:
        names = [name for name, _ in form.places]
        written = [dict(zip(names, values, strict=True)) for values in written]
    session.connection().exec_driver_sql(form.text, written).close()


def _column(
    form: _Form, rows: Sequence[Mapping[str, Any]], name: str, write: Callable[[Any], Any] | None
) -> Sequence[Any]:
    """What stands at one place of the statement, row by row."""
    if name in form.fixed:
        return [write(form.fixed[name]) if write else form.fixed[name]] * len(rows)
    values = [row[name] for row in rows]
    return list(map(write, values)) if write else values


def _form(statement: Insert | Update, names: tuple[str, ...], dialect: Dialect) -> _Form:
    key = (statement, names, dialect.name)
    if key not in _FORMS:
        _FORMS[key] = _made(statement, names, dialect)
    return _FORMS[key]


def _made(statement: Insert | Update, names: tuple[str, ...], dialect: Dialect) -> _Form:
    made: Any = statement.compile(dialect=dialect, column_keys=list(names), for_executemany=True)
    if made.insert_prefetch or made.update_prefetch or made.post_compile_params or statement._returning:
        raise TypeError(f"a statement with defaults, lists or an answer is no matter of many rows: {made}")
    places = tuple(made.positiontup or made.binds)
    binds: dict[str, BindParameter[Any]] = made.binds
    fixed = {name: binds[name].value for name in places if name not in names and not binds[name].required}
    return _Form(
        text=str(made),
        places=tuple((name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in places),
        fixed=fixed,
        is_positional=bool(made.positiontup),
    )
