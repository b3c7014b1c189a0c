"""One of many numbers, as a condition whose SQL is the same for any number of them: SQLAlchemy builds, and Postgres plans, it once.
The SQL differs between SQLite and Postgres; a room of portable.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Dialect, Text, TypeDecorator, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Numbers(TypeDecorator[Iterable[int]]):
    """Whole numbers in one text: a JSON array for SQLite, an array for Postgres."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Iterable[int] | None], str]:
        """The text of them."""
        start, end = "[]" if dialect.name == "sqlite" else "{}"
        return lambda numbers: f"{start}{','.join(map(str, numbers or ()))}{end}"


class among(FunctionElement[Any]):
    """Whether a whole number is among those that are bound to `name`. Not of type Boolean, of which SQLAlchemy would write "= 1" for
    SQLite, which then reads the whole table."""

    inherit_cache = True

    def __init__(self, number: Any, name: str) -> None:
        """Take the column, and the name of the parameter."""
        super().__init__(number, bindparam(name, type_=_Numbers()))


@compiles(among, "sqlite")
def _for_sqlite(element: among, compiler: Any, **options: Any) -> str:
    number, numbers = (compiler.process(one, **options) for one in element.clauses)
    return f"{number} IN (SELECT value FROM json_each({numbers}))"


@compiles(among, "postgresql")
def _for_postgres(element: among, compiler: Any, **options: Any) -> str:
    number, numbers = (compiler.process(one, **options) for one in element.clauses)
    # a list whose length the planner does not see: else it plans anew for each
    return f"{number} = ANY (ARRAY(SELECT unnest(CAST({numbers} AS bigint[]))))"
