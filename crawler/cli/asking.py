"""`show`, `label`, `stats`: what an analyst asks about one article, and about all."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from crawler.cli.common import (
    AsReport,
    Reference,
    ReportFormat,
    Since,
    day,
    known_topic,
    now,
    print_json,
    reading,
    writing,
)


class Answer(enum.StrEnum):
    """A label."""

    YES = "yes"
    NO = "no"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: levantwatch show 42")(show)
    app.command(epilog="Example: levantwatch label 42 --topic syria no")(label)
    app.command(epilog="Example: levantwatch stats --since 30d")(stats)


def show(reference: Reference, as_format: AsReport = ReportFormat.TABLE) -> None:
    """Show one article: its text, its four clocks, and who else carried it."""
    from crawler.export import to_json
    from crawler.terminal import article_page
    from crawler.urls import canonical_url
    from storage.search import why as look_up

    with reading() as session:
        found = look_up(session, reference, canonical=canonical_url(reference))
        if as_format is ReportFormat.JSON:
            print_json(to_json(found))
        else:
            article_page(found)


def label(
    reference: Reference,
    answer: Annotated[Answer, typer.Argument(metavar="yes|no", help="Is it about the topic?")],
    topic: Annotated[str, typer.Option("--topic", metavar="TOPIC", help="The topic that the answer is about.")],
    who: Annotated[
        str | None, typer.Option("--who", metavar="NAME", help="Who says so; by default the user's name.")
    ] = None,
) -> None:
    """Record an analyst's yes or no. Labels never change what is a match; they measure and teach the judge."""
    import getpass

    from crawler.urls import canonical_url
    from storage import labels
    from storage.search import why as look_up

    topic = known_topic(topic) or ""
    with writing(create=False) as session:
        entry = look_up(session, reference, canonical=canonical_url(reference)).entry
        labels.add(session, entry_id=entry.id, topic=topic, value=answer.value, who=who or getpass.getuser(), now=now())
    typer.echo(f"entry {entry.id}: {topic} {answer.value}")


def stats(since: Since = None, as_format: AsReport = ReportFormat.TABLE) -> None:
    """Count what is stored: feeds, the ledger's entries by state, matches by topic, from which day to which."""
    from crawler.export import to_json
    from crawler.terminal import stats_page
    from storage import search as queries

    first = day(since, "--since")
    with reading() as session:
        report = queries.stats(session, since=first)
    if as_format is ReportFormat.JSON:
        print_json(to_json(report))
    else:
        stats_page(report)
