"""What several commands share: options with one wording, opening the database, dates."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class Format(enum.StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class ReportFormat(enum.StrEnum):
    """How one report is printed."""

    TABLE = "table"
    JSON = "json"


Reference = Annotated[str, typer.Argument(metavar="ID", help="The number or the URL of an article or entry.")]
AsFormat = Annotated[Format, typer.Option("--format", help="How rows are printed.")]
AsReport = Annotated[ReportFormat, typer.Option("--format", help="How the report is printed.")]
Topic = Annotated[str | None, typer.Option("--topic", metavar="TOPIC", help="Matches of this topic: syria, isis.")]
Since = Annotated[str | None, typer.Option("--since", metavar="DATE", help="From this day on: 2026-01-31, or 7d.")]
Until = Annotated[str | None, typer.Option("--until", metavar="DATE", help="Up to and with this day.")]
Publisher = Annotated[str | None, typer.Option("--publisher", help="Of this publisher, as `stats` names it.")]
Country = Annotated[str | None, typer.Option("--country", help="Of publishers in this country.")]
Language = Annotated[str | None, typer.Option("--language", help="In this language: en, ar, tr …")]


def version(show: bool) -> None:
    """Print the version and stop."""
    if show:
        from crawler import __version__

        typer.echo(f"levantwatch {__version__}")
        raise typer.Exit


@contextmanager
def reading() -> Iterator[Session]:
    """A session that only reads, of the configured database."""
    from crawler.config import load_config
    from storage.db import open_database

    database = open_database(load_config().database_url)
    try:
        database.check_schema()
        with database.read() as session:
            yield session
    finally:
        database.close()


@contextmanager
def writing() -> Iterator[Session]:
    """A session that writes in one short transaction; creates the schema of an empty database."""
    from crawler.config import load_config
    from storage.db import open_database

    database = open_database(load_config().database_url)
    try:
        database.ensure_schema(upgrade=False)
        with database.write() as session:
            yield session
    finally:
        database.close()


def now() -> datetime:
    """The wall clock, aware UTC."""
    return datetime.now(UTC)


def day(value: str | None, option: str) -> date | None:
    """A day that an analyst typed, in UTC: 2026-01-31, today, yesterday, or an age as 36h, 7d or 2w."""
    if value is None:
        return None
    text = {"today": "0d", "yesterday": "1d"}.get(value.strip().lower(), value.strip())
    units = {"h": "hours", "d": "days", "w": "weeks"}
    if text[:-1].isdigit() and text[-1:] in units and len(text) <= 6:  # noqa: PLR2004
        return (now() - timedelta(**{units[text[-1]]: int(text[:-1])})).date()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is no date; write 2026-01-31 or an age such as 7d", param_hint=option) from None
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()


def fail(message: str) -> NoReturn:
    """End with status 1 and one line on standard error."""
    sys.stderr.write(f"levantwatch: {' '.join(message.split())}\n")
    raise typer.Exit(1)
