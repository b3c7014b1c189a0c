"""`changes`: what publishers corrected, and what they took down."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from crawler.cli.common import AsFormat, Format, Since, Until, days, reading


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: levantwatch changes --since 7d --format csv")(changes)


def changes(
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_format: AsFormat = Format.TABLE,
) -> None:
    """List corrections and pages taken down: first those that changed a number, then the others, each newest first."""
    from crawler.export import write_rows
    from crawler.history import change_line, short_line
    from crawler.terminal import rows_out, utf8
    from storage import revisions

    first, last = days(since, until)
    with reading() as session:
        found = revisions.changes(session, since=first, until=last, limit=limit)
    if not found and as_format is Format.TABLE:
        ever = (
            "; levantwatch changes asks for all"
            if since or until
            else ": no match that was looked at again had another text"
        )
        typer.echo(f"levantwatch: no correction, nothing taken down{ever}", err=True)
    elif as_format is Format.TABLE:
        rows_out([short_line(one) for one in found], "table", sys.stdout)
    elif as_format is Format.CSV:
        write_rows(map(change_line, found), "csv", utf8(sys.stdout))
    else:
        write_rows(found, as_format.value, utf8(sys.stdout))
