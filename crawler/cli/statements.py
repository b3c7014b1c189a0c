"""`sql`: one statement that reads, as an analyst wrote it."""

from __future__ import annotations

import re
import sys
from itertools import islice
from typing import Annotated

import typer

from crawler.cli.common import AsFormat, Format, opened
from storage.text import many


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: levantwatch sql 'SELECT day, count(*) FROM matches GROUP BY day' --format csv")(sql)


def sql(
    statement: Annotated[str, typer.Argument(metavar="STATEMENT|-", help="SQL, or - for standard input.")],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="The value of :NAME in the statement; may be repeated."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many rows; 0 for all.")] = 1_000,
    timeout: Annotated[float, typer.Option(min=0.1, max=3_600, help="Seconds that it may take.")] = 30,
    as_format: AsFormat = Format.TABLE,
) -> None:
    """Run one SQL statement that reads, and print its rows. Nothing is written, whatever the statement says."""
    from crawler.config import load_config
    from crawler.export import write_rows
    from crawler.terminal import rows_out, utf8
    from storage.db import open_database

    if statement == "-":
        with opened("-") as file:
            statement = file.read().decode("utf-8", "replace")
    values = _values(param or [])
    database = open_database(load_config().database_url)
    try:
        database.check_schema()
        with database.ask(statement, values, seconds=timeout) as answer:
            rows = islice(answer.mappings(), limit) if limit else answer.mappings()
            if as_format is Format.TABLE:
                rows_out(list(rows), "table", sys.stdout)
            else:
                write_rows(rows, as_format.value, utf8(sys.stdout), columns=answer.columns)
            if limit and next(answer.rows, None) is not None:
                sys.stderr.write(f"levantwatch: there are more than {many(limit, 'row')}; --limit 0 prints all\n")
    finally:
        database.close()


def _values(given: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in map(_value, given):
        if name in values:
            raise typer.BadParameter(f"{name} is given twice", param_hint="--param")
        values[name] = value
    return values


def _value(given: str) -> tuple[str, str]:
    name, sign, value = given.partition("=")
    if not sign or not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise typer.BadParameter(f"{given!r} is not NAME=VALUE, such as since=2026-01-31", param_hint="--param")
    return name, value
