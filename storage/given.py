"""Rows of the caller's as a table of a query, the whole of them in one parameter of each column. A room of db.py.

VALUES with a parameter for each value costs more to compile (0.2 s for 600 rows of three) than any index needs to answer it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, CTE, ColumnElement, column, func, literal, select
from sqlalchemy.orm import Session

from storage.portable import is_sqlite


def given(session: Session, name: str, columns: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> CTE:
    """The rows, with these columns, as a common table expression of that name."""
    if is_sqlite(session):
        return _from_json(session, name, columns, rows)
    lists: list[ColumnElement[Any]] = [
        literal([row[place] for row in rows], ARRAY(type_)) for place, type_ in enumerate(columns.values())
    ]
    parts = [column(one, type_) for one, type_ in columns.items()]
    return select(func.unnest(*lists).table_valued(*parts, name="listed").render_derived()).cte(name)


def _from_json(session: Session, name: str, columns: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> CTE:
    dialect = session.get_bind().dialect
    written = [type_.bind_processor(dialect) for type_ in columns.values()]
    plain = [
        [value if write is None else write(value) for write, value in zip(written, row, strict=True)] for row in rows
    ]
    listed = func.json_each(literal(json.dumps(plain))).table_valued("value", name="listed")
    parts = [
        func.json_extract(listed.c.value, f"$[{place}]", type_=type_).label(one)
        for place, (one, type_) in enumerate(columns.items())
    ]
    return select(*parts).cte(name)
