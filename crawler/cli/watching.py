"""`coverage` and `health`: what the watch did not collect, and whether it is well."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from crawler.cli.common import (
    AsFormat,
    AsReport,
    Format,
    Publisher,
    ReportFormat,
    Since,
    Until,
    days,
    fail,
    now,
    print_json,
    reading,
)
from storage.text import many

Everything = Annotated[bool, typer.Option("--all", help="Publishers with nothing to report, too.")]


def register(app: typer.Typer) -> None:
    """Add the two commands."""
    app.command(epilog="Example: levantwatch coverage --since 2026-11-01 --until 2026-11-25")(coverage)
    app.command(epilog="Example, from a monitor: levantwatch health || notify-the-operator")(health)


def coverage(
    since: Since = "7d",
    until: Until = None,
    publisher: Publisher = None,
    everything: Everything = False,
    as_format: AsFormat = Format.TABLE,
) -> None:
    """Report what was NOT collected: refusals, gaps, silences, failures, pages not read; publishers worst first.

    The first line can stand in a footnote. Without dates it is about the last 7 days, up to the newest poll.
    """
    from crawler import footnotes
    from crawler.cli.nothing import close_to
    from crawler.export import write_rows
    from crawler.terminal import utf8
    from storage.coverage import newest_poll
    from storage.coverage import report as of

    first, last = days(since, until)
    with reading() as session:
        moment = max(now(), newest_poll(session) or now())  # a clock that was ahead must not hide what was polled then
        span = {"since": first or moment.date(), "until": last or moment.date()}
        if span["since"] > span["until"]:
            raise typer.BadParameter("it lies in the future", param_hint="--since")
        report = of(session, **span, now=moment, publisher=publisher)
        if publisher and not report.publishers:
            close = close_to(
                publisher, (one.publisher for one in of(session, **span, now=moment, publisher=None).publishers)
            )
            hint = (
                f"close to it: {', '.join(close)}" if close else "levantwatch feeds list --format csv has their names"
            )
            fail(f"no feed of a publisher named {publisher!r}; {hint}")
    rows = footnotes.rows(report)
    whole = footnotes.whole(report, rows, now=moment)
    if as_format is Format.JSON:
        print_json(whole)
    elif as_format is Format.TABLE:
        _print_coverage([whole["headline"], *footnotes.lines(report)], rows, everything=everything)
    else:
        write_rows(rows if as_format is Format.CSV else whole["publishers"], as_format.value, utf8(sys.stdout))


def health(as_format: AsReport = ReportFormat.TABLE) -> None:
    """Say whether the watch is well: exit status 0, or 1 with one line per problem that says what to do."""
    from crawler.config import load_config
    from crawler.monitor import check
    from storage.db import open_database

    config = load_config()
    database = open_database(config.database_url)
    try:
        report = check(database, config, now=now())
    finally:
        database.close()
    if as_format is ReportFormat.JSON:
        print_json(report.as_json())
    else:
        for line in report.lines():
            typer.echo(line)
    if report.problems:
        raise typer.Exit(1)


def _print_coverage(lines: list[str], rows: list[dict[str, Any]], *, everything: bool) -> None:
    """The lines that can be quoted, then who lost what; tab-separated when piped."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from crawler.terminal import console, plain

    shown = [row for row in rows if everything or not row["whole"]]
    cells = [(plain(row["publisher"]), f"{row['seen']:,}", f"{row['expected']:,}", row["notes"]) for row in shown]
    if not sys.stdout.isatty():
        for line in lines:
            sys.stdout.write(line + "\n")
        for cell in cells:
            sys.stdout.write("\t".join(cell) + "\n")
        return
    out = console()
    for line in lines:
        out.print(Text(line))
    if cells:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("publisher", max_width=24)
        table.add_column("seen", justify="right", no_wrap=True)
        table.add_column("expected", justify="right", no_wrap=True)
        table.add_column("not collected", ratio=1)
        for cell in cells:
            table.add_row(*map(Text, cell))
        out.print(table)
    if len(shown) < len(rows):
        out.print(
            Text(f"{many(len(rows) - len(shown), 'publisher')} with nothing to report not shown; --all shows them")
        )
