"""`show`, `label`, `stats`: what an analyst asks about one article, and about all."""

from __future__ import annotations

import enum
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from crawler.bars import Shown


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
    """Count what is stored: feeds, the ledger's entries by state, matches by topic, from which day to which.

    Below, the matches of the last 30 days (or since the day that was given) as a line for each topic, and the publishers that
    brought most of them.
    """
    from crawler.bars import counts_page
    from crawler.export import to_json
    from crawler.terminal import stats_page
    from storage import search as queries

    first = day(since, "--since")
    if first and first > now().date():
        raise typer.BadParameter("it lies in the future", param_hint="--since")
    with reading() as session:
        report = queries.stats(session, since=first)
        shown = counted(session, since=first, today=now().date())
    if as_format is ReportFormat.JSON:
        print_json(to_json(report) | {"per_day": to_json(shown.days), "per_publisher": to_json(shown.publishers)})
    else:
        stats_page(report)
        counts_page(shown)


def counted(session: Session, *, since: date | None, today: date) -> Shown:
    """What `stats` draws: the days, and the publishers with most matches in them."""
    from crawler.bars import PUBLISHERS, Shown, span
    from storage import counts
    from storage.search import Filters

    begin, end = span(since=since, today=today, newest=counts.first_and_last_day(session)[1])
    asked = Filters(since=begin, until=end, limit=None)
    days = counts.per_day(session, asked)
    return Shown(begin, end, days, counts.per_publisher(session, replace(asked, limit=PUBLISHERS)))
