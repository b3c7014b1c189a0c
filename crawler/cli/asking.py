"""`search`, `show`, `label`, `export`, `stats`: what an analyst asks."""

from __future__ import annotations

import enum
import sys
from typing import Annotated

import typer

from crawler.cli.common import (
    AsFormat,
    AsReport,
    Country,
    Format,
    Language,
    Publisher,
    Reference,
    ReportFormat,
    Since,
    Topic,
    Until,
    day,
    days,
    known_topic,
    now,
    print_json,
    reading,
    whole_file,
    writing,
)


class ExportFormat(enum.StrEnum):
    """What `export` writes."""

    CSV = "csv"
    JSONL = "jsonl"


class Answer(enum.StrEnum):
    """A label."""

    YES = "yes"
    NO = "no"


OnlyBecauseOf = Annotated[
    str | None,
    typer.Option("--only-because-of", metavar="TERM", help="Kept by this term alone, as `why` names it."),
]
Words = Annotated[list[str] | None, typer.Argument(metavar="WORDS", help="Words that must all occur.")]


Places = Annotated[
    list[str] | None,
    typer.Option("--place", metavar="PLACE", help="Naming this place or one in it; again: and this one, too."),
]
Actors = Annotated[
    list[str] | None,
    typer.Option("--actor", metavar="ACTOR", help="Naming this actor or one of its parts; again: and this one, too."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: levantwatch search Raqqa --topic isis --since 7d")(search)
    app.command(epilog="Example: levantwatch show 42")(show)
    app.command(epilog="Example: levantwatch label 42 --topic syria no")(label)
    app.command(epilog="Example: levantwatch export --format csv --topic syria -o syria.csv")(export)
    app.command(epilog="Example: levantwatch stats --since 30d")(stats)


def search(
    words: Words = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    publisher: Publisher = None,
    country: Country = None,
    language: Language = None,
    place: Places = None,
    actor: Actors = None,
    only_because_of: OnlyBecauseOf = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, newest first.")] = 20,
    as_format: AsFormat = Format.TABLE,
) -> None:
    """Search the matches, newest first."""
    from crawler.export import write_rows
    from crawler.terminal import matches_table, utf8
    from storage.search import Filters
    from storage.search import search as find

    first, last = days(since, until)
    filters = Filters(
        words=" ".join(words or ()), topic=known_topic(topic), since=first, until=last,
        publisher=publisher, country=country, language=language, limit=limit, named=_named(place, actor),
        only_because_of=only_because_of,
    )  # fmt: skip
    with reading() as session:
        rows = find(session, filters)
    if as_format is Format.TABLE:
        matches_table(rows)
    else:
        write_rows(rows, as_format.value, utf8(sys.stdout))


def export(
    as_format: Annotated[ExportFormat, typer.Option("--format", help="csv (formulas neutralised) or jsonl.")],
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Where to; - is standard output.")],
    words: Words = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    publisher: Publisher = None,
    country: Country = None,
    language: Language = None,
    place: Places = None,
    actor: Actors = None,
    only_because_of: OnlyBecauseOf = None,
) -> None:
    """Write every match that fits, with its text, newest first; of any number, in little memory."""
    from crawler.export import write_rows
    from crawler.terminal import progress
    from storage.search import Filters, count, stream

    first, last = days(since, until)
    filters = Filters(
        words=" ".join(words or ()), topic=known_topic(topic), since=first, until=last,
        publisher=publisher, country=country, language=language, limit=None, named=_named(place, actor),
        only_because_of=only_because_of,
    )  # fmt: skip
    with reading() as session, whole_file(output) as file, progress("exporting", count(session, filters)) as bar:
        written = write_rows(bar.through(stream(session, filters)), as_format.value, file)
    if output != "-":
        typer.echo(f"{written} matches written to {output}", err=True)


def _named(places: list[str] | None, actors: list[str] | None) -> tuple[tuple[str, ...], ...]:
    """What must be named; bad usage for what the gazetteer does not know."""
    if not places and not actors:
        return ()
    from crawler.mentions import UnknownNameError, named_groups

    try:
        return named_groups(places or (), actors or ())
    except UnknownNameError as error:
        raise typer.BadParameter(str(error)) from None


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
