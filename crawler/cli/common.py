"""What several commands share: options with one wording, opening the database, dates."""

from __future__ import annotations

import enum
import errno
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NoReturn, TextIO, TypeVar

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

T = TypeVar("T")


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
Publisher = Annotated[
    str | None, typer.Option("--publisher", metavar="NAME", help="Of this publisher, as `search` names it.")
]
Country = Annotated[
    str | None, typer.Option("--country", metavar="CODE", help="Of publishers in this country: SY, GB …")
]
Language = Annotated[str | None, typer.Option("--language", metavar="CODE", help="In this language: en, ar, tr …")]


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
def writing(*, create: bool = True) -> Iterator[Session]:
    """A session that writes in one short transaction; creates the schema of an empty database, if it may `create`."""
    from crawler.config import load_config
    from storage.db import open_database

    database = open_database(load_config().database_url)
    try:
        if create:
            database.ensure_schema(upgrade=False)
        else:
            database.check_schema()
        with database.write() as session:
            yield session
    finally:
        database.close()


def now() -> datetime:
    """The wall clock, aware UTC."""
    return datetime.now(UTC)


def day(value: str | None, option: str, *, last: bool = False) -> date | None:
    """A day that an analyst typed, in UTC: 2026-01-31, today, yesterday, or an age as 36h, 7d or 2w."""
    if value is None:
        return None
    from storage.days import parse_day

    try:
        return parse_day(value, now=now(), last=last)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def days(since: str | None, until: str | None) -> tuple[date | None, date | None]:
    """Both ends of a span that an analyst typed."""
    first, last = day(since, "--since"), day(until, "--until", last=True)
    if first and last and first > last:
        raise typer.BadParameter(f"{first} is after --until {last}", param_hint="--since")
    return first, last


def known_topic(value: str | None) -> str | None:
    """The name of a topic; bad usage, with the names that there are, for anything else."""
    if value is None:
        return None
    from crawler.scope import topic_named

    try:
        return topic_named(value)
    except LookupError as error:
        raise typer.BadParameter(str(error.args[0]), param_hint="--topic") from None


def valid(read: Callable[[str], T], text: str, option: str) -> T:
    """What an option says, read; bad usage where it cannot be."""
    try:
        return read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def print_json(value: object) -> None:
    """One JSON value on one line of standard output, in UTF-8 whatever the locale."""
    from crawler.export import json_text

    sys.stdout.flush()
    sys.stdout.buffer.write(json_text(value).encode() + b"\n")
    sys.stdout.buffer.flush()


@contextmanager
def whole_file(output: str) -> Iterator[TextIO]:
    """A file to write text to, which is there only when it is whole; a device, a pipe or `-` (standard output) as it is."""
    from crawler.terminal import utf8

    if output == "-":
        yield utf8(sys.stdout)
        return
    with whole_bytes(output) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        yield text


@contextmanager
def whole_bytes(output: str) -> Iterator[BinaryIO]:
    """The same for what is no text."""
    if output == "-":
        yield sys.stdout.buffer
        return
    path = Path(output).resolve()  # through a link, as writing would
    part = path if path.exists() and not path.is_file() else path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        if part != path:
            part.replace(path)
    except OSError as error:
        if error.filename or error.errno == errno.ENOSPC:
            fail(f"cannot write {output}: {error.strerror}")
        raise
    finally:
        if part != path:
            part.unlink(missing_ok=True)


@contextmanager
def opened(source: str) -> Iterator[BinaryIO]:
    """A file to read as it is, or with - standard input."""
    if source == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115
    except OSError as error:
        fail(f"cannot read {source}: {error.strerror}")
    with file:
        yield file


def fail(message: str) -> NoReturn:
    """End with status 1 and one line on standard error."""
    sys.stderr.write(f"levantwatch: {' '.join(message.split())}\n")
    raise typer.Exit(1)
