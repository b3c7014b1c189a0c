"""`search` and `export`: the matches that answer a query."""

from __future__ import annotations

import enum
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from crawler.cli.common import (
    AsFormat,
    Country,
    Format,
    Language,
    Publisher,
    Since,
    Topic,
    Until,
    days,
    fail,
    known_topic,
    now,
    reading,
    valid,
    whole_bytes,
    whole_file,
    writing,
)
from crawler.scope import scope
from storage.text import many

if TYPE_CHECKING:
    from storage.search import Filters, Match


_MINUS = "\ue000"  # a character for private use: nobody types it


class ExportFormat(enum.StrEnum):
    """What `export` writes."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Order(enum.StrEnum):
    """In which order matches are shown."""

    DATE = "date"
    RELEVANCE = "relevance"


OnlyBecauseOf = Annotated[
    str | None,
    typer.Option("--only-because-of", metavar="TERM", help="Kept by this term alone, as `why` names it."),
]
Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[WORDS]...", help='A query: words, "a phrase", -not, OR, ( ), title:x, place:x …, @saved.'),
]
Places = Annotated[
    list[str] | None,
    typer.Option("--place", metavar="PLACE", help="Naming this place or one in it; again: and this one, too."),
]
Actors = Annotated[
    list[str] | None,
    typer.Option("--actor", metavar="ACTOR", help="Naming this actor or one of its parts; again: and this one, too."),
]


class QueryCommand(TyperCommand):
    """A command whose WORDS may begin with a minus: -place:x is a word of the query, -o and --topic are options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed, as Typer does; a word with a minus is given to it with another sign in the place of that."""
        options = {name: one for one in self.params for name in one.opts if name.startswith("-")}
        end = args.index("--") if "--" in args else len(args)
        given, before = [], None
        for arg in args[:end]:
            takes_it = before is not None and not getattr(before, "is_flag", False)
            before = None if takes_it else options.get(arg)
            is_word = len(arg) > 2 and arg[0] == "-" and arg[1] != "-" and not takes_it
            if is_word and (meant := "-" + arg.partition("=")[0]) in options:
                raise typer.BadParameter(
                    f"an option has two minuses: {meant}; a word goes after -- here", param_hint=arg
                )
            given.append(_MINUS + arg[1:] if is_word else arg)
        left = super().parse_args(ctx, [*given, *args[end:]])
        if ctx.params.get("words"):
            ctx.params["words"] = [re.sub(f"^{_MINUS}", "-", word) for word in ctx.params["words"]]
        return left


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(cls=QueryCommand, epilog="Example: levantwatch search Raqqa --topic isis --since 7d")(search)
    app.command(cls=QueryCommand, epilog="Example: levantwatch export --format csv --topic syria -o syria.csv")(export)


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
    by: Annotated[
        Order, typer.Option("--by", help="Newest first, or the most relevant of the newest 1,000.")
    ] = Order.DATE,
    snippets: Annotated[
        bool, typer.Option("--snippets", help="With the place that answers, its words marked.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, newest first.")] = 20,
    as_format: AsFormat = Format.TABLE,
    save: Annotated[str | None, typer.Option("--save", metavar="NAME", help="Keep this query as @NAME.")] = None,
    saved: Annotated[bool, typer.Option("--saved", help="List the saved searches, and do nothing else.")] = False,
    forget: Annotated[str | None, typer.Option("--forget", metavar="NAME", help="Delete a saved search.")] = None,
) -> None:
    """Search the matches, newest first."""
    from crawler.cli.nothing import no_match
    from storage import search as queries

    if saved:
        _list_saved(as_format)
        return
    if forget is not None:
        _forget(forget)
        return
    typed = " ".join(words or ())
    if save is not None:
        named = [("place", one) for one in place or ()] + [("actor", one) for one in actor or ()]
        _save(save, typed, [
            ("topic", topic), ("since", since), ("until", until), ("publisher", publisher), ("country", country),
            ("lang", language), *named, ("because", only_because_of),
        ])  # fmt: skip
    filters = filters_of(
        typed, topic=topic, since=since, until=until, publisher=publisher, country=country,
        language=language, place=place, actor=actor, only_because_of=only_because_of, limit=limit,
    )  # fmt: skip
    with reading() as session:
        filters = replace(filters, scope=scope(session, typed, now()))
        rows = queries.search(session, filters, by_relevance=by is Order.RELEVANCE)
        if not rows and as_format is Format.TABLE:
            typer.echo("levantwatch: " + no_match(session, filters, {
                "--topic": topic, "--since": since, "--until": until, "--publisher": publisher, "--country": country,
                "--language": language, "--place": place, "--actor": actor, "--only-because-of": only_because_of,
            }), err=True)  # fmt: skip
            return
    _show(rows, filters, as_format, snippets=snippets)


def export(
    as_format: Annotated[ExportFormat, typer.Option("--format", help="csv (formulas neutralised), jsonl or parquet.")],
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
    bom: Annotated[
        bool, typer.Option("--bom", help="A mark in front of CSV by which Excel sees that it is UTF-8.")
    ] = False,
) -> None:
    """Write every match that fits, with its text, newest first; of any number, in little memory."""
    from crawler.terminal import progress
    from storage.search import count, stream

    _usable(as_format, output, bom=bom)
    typed = " ".join(words or ())
    filters = filters_of(
        typed, topic=topic, since=since, until=until, publisher=publisher, country=country,
        language=language, place=place, actor=actor, only_because_of=only_because_of, limit=None,
    )  # fmt: skip
    with reading() as session:
        filters = replace(filters, scope=scope(session, typed, now()))
        with progress("exporting", count(session, filters)) as bar:
            written = _write(bar.through(stream(session, filters)), as_format, output, bom=bom)
    if output != "-":
        typer.echo(f"{many(written, 'match', 'matches')} written to {output}", err=True)


def _usable(as_format: ExportFormat, output: str, *, bom: bool) -> None:
    """Bad usage for options that contradict each other; the end when pyarrow is missing."""
    from crawler.parquet import MISSING, installed

    if bom and as_format is not ExportFormat.CSV:
        raise typer.BadParameter("only CSV has such a mark", param_hint="--bom")
    if as_format is not ExportFormat.PARQUET:
        return
    if output == "-" and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is nothing for a terminal; name a file", param_hint="-o")
    if not installed():
        fail(MISSING)


def _write(rows: Iterable[Any], as_format: ExportFormat, output: str, *, bom: bool) -> int:
    from crawler.export import write_all, write_rows
    from crawler.parquet import Parquet
    from storage.search import Match

    if as_format is ExportFormat.PARQUET:
        with whole_bytes(output) as file:
            return write_all(rows, Parquet(file, Match))
    with whole_file(output) as text:
        return write_rows(rows, as_format.value, text, bom=bom)


def filters_of(
    typed: str, *, topic: str | None, since: str | None, until: str | None, country: str | None, language: str | None,
    place: list[str] | None, actor: list[str] | None, **given: Any,
) -> Filters:  # fmt: skip
    """What was asked by words and options, still without its scope; bad usage for what makes no sense."""
    from crawler.description import country_code, language_tag
    from storage.search import Filters

    first, last = days(since, until)
    return Filters(
        words=typed, topic=known_topic(topic), since=first, until=last, named=_named(place, actor),
        country=valid(country_code, country, "--country") if country else None,
        language=valid(language_tag, language, "--language") if language else None,
        **given,
    )  # fmt: skip


def _named(places: list[str] | None, actors: list[str] | None) -> tuple[tuple[str, ...], ...]:
    """What must be named; bad usage for what the gazetteer does not know."""
    if not places and not actors:
        return ()
    from crawler.mentions import UnknownNameError, named_groups

    try:
        return named_groups(places or (), actors or ())
    except UnknownNameError as error:
        raise typer.BadParameter(str(error)) from None


def _show(rows: list[Match], filters: Filters, as_format: Format, *, snippets: bool) -> None:
    from crawler.export import write_rows
    from crawler.terminal import matches_table, utf8
    from storage.search import show_why

    found = {}
    if snippets:
        pieces = {row.article_id: show_why(filters, row) for row in rows}
        found = {number: one.marked() for number, one in pieces.items() if one is not None}
    if as_format is Format.TABLE:
        matches_table(rows, found if snippets else None, heading="where")
    elif snippets:
        write_rows(
            (asdict(row) | {"snippet": found.get(row.article_id)} for row in rows), as_format.value, utf8(sys.stdout)
        )
    else:
        write_rows(rows, as_format.value, utf8(sys.stdout))


def _save(name: str, typed: str, options: Iterable[tuple[str, str | None]]) -> None:
    """Keep words and options as one query, after it was read without a mistake."""
    from storage import saved
    from storage.search import Filters

    name = name.removeprefix("@")
    written = [f'{field}:"{value}"' for field, value in options if value]
    if any(one.count('"') != 2 for one in written):
        raise typer.BadParameter("a value with a quotation mark in it cannot be saved", param_hint="--save")
    alternatives = f"({typed})" if written and typed and "OR" in typed.split() else typed
    query = " ".join([*([alternatives] if alternatives else []), *written])
    if not query:
        raise typer.BadParameter("there is no query to keep; give words or filters", param_hint="--save")
    with writing(create=False) as session:
        saved.save(session, name=name, query=query, now=now())
        known = saved.queries(session)  # with the new one in it: it may contain itself
        Filters(words=f"@{name}", scope=replace(scope(session, "", now()), saved=known)).asked()
    typer.echo(f"saved as @{name}: {query}", err=True)


def _forget(name: str) -> None:
    from storage import saved

    with writing(create=False) as session:
        saved.forget(session, name=name.removeprefix("@"))
    typer.echo(f"@{name.removeprefix('@')} forgotten", err=True)


def _list_saved(as_format: Format) -> None:
    from crawler.export import write_rows
    from crawler.terminal import plain, utf8
    from storage import saved

    with reading() as session:
        rows = [one.as_dict() for one in saved.all(session)]
    if as_format is not Format.TABLE:
        write_rows(rows, as_format.value, utf8(sys.stdout))
        return
    if not rows:
        typer.echo("levantwatch: no search is saved; levantwatch search WORDS --save NAME keeps one", err=True)
    for row in rows:
        sys.stdout.write(f"@{plain(row['name'])}\t{plain(row['query'])}\n")
