"""`feeds …`: the list of what is watched."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli.common import AsFormat, AsReport, Format, ReportFormat, fail, now, reading, valid, whole_bytes, writing

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from storage.models import Feed as FeedRow

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The feeds: list, add, change, import, export.")

Feed = Annotated[str, typer.Argument(metavar="FEED", help="The number or the URL of a feed.")]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="A tag; `syria` or `isis`: read every article. May be repeated."),
]


@app.command("list", epilog="Example: levantwatch feeds list --failing")
def list_feeds(
    failing: Annotated[
        bool, typer.Option("--failing", help="Only those that fail, with class and since when.")
    ] = False,
    as_format: AsFormat = Format.TABLE,
) -> None:
    """List the feeds, with their state and their next poll; all that is known of each when piped or with --format."""
    from crawler.terminal import rows_out
    from storage import feeds, replacements

    with reading() as session:
        proposed = replacements.proposed(session)
        rows = [feeds.listed(feed, replacement=proposed.get(feed.id)) for feed in feeds.all(session, failing=failing)]
        watched = bool(rows) or (failing and bool(feeds.all(session)))
    if not rows:
        hint = (
            "no feed fails" if failing and watched else "no feed yet; begin with: levantwatch feeds import --catalogue"
        )
        typer.echo(f"levantwatch: {hint}", err=True)
    if as_format is Format.TABLE and sys.stdout.isatty():
        if rows:
            rows_out([_for_people(row, failing=failing) for row in rows], as_format, sys.stdout)
            for row in rows if failing else ():
                if row.replacement:
                    typer.echo(
                        f"feed {row.id} may have moved; to watch the new one: levantwatch feeds add {row.replacement}"
                    )
        return
    rows_out(rows, as_format, sys.stdout)


def _for_people(row: Any, *, failing: bool) -> dict[str, Any]:
    """The columns that fit 80 characters."""
    shown = {"id": row.id, "state": row.state, "title": row.title or row.url}
    if failing:
        return {
            **shown,
            "last_error": f"{row.last_outcome}: {row.last_error or ''}".rstrip(": "),
            "since": row.failing_since,
        }
    return {**shown, "lang": row.language, "in": row.country, "next poll": row.next_poll_at}


@app.command(epilog="Example: levantwatch feeds add https://example.org/feed.xml --country SY --language ar")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="The feed's address.")],
    title: str = typer.Option("", help="What to call it; by default what it calls itself."),
    publisher: str = typer.Option("", help="Who publishes it."),
    country: str | None = typer.Option(None, help="The publisher's country, two letters."),
    language: str | None = typer.Option(None, help="The feed's language: en, ar, tr …"),
    kind: str | None = typer.Option(None, help="newspaper, broadcaster, wire, ngo …"),
    tag: Tags = None,
) -> None:
    """Add a feed; it is due at once."""
    from crawler.description import country_code, feed_address, language_tag, word
    from crawler.parsed import NAME_CHARS
    from crawler.plaintext import clean
    from storage import feeds

    address = valid(feed_address, url, "URL")
    described: dict[str, Any] = {
        "title": clean(title)[:NAME_CHARS],
        "publisher": clean(publisher)[:NAME_CHARS],
        "country": valid(country_code, country, "--country") if country else None,
        "language": valid(language_tag, language, "--language") if language else None,
        "kind": valid(word, kind, "--kind") if kind else None,
        "tags": tuple(valid(_one_tag, one, "--tag") for one in tag or ()),
    }
    with writing() as session:
        feed_id, created = feeds.add(session, url=address, now=now(), **described)
        is_off = not feeds.get(session, feed_id).enabled
    told = "added" if created else "was there already and stays as it is"
    typer.echo(f"feed {feed_id} {told}: {address}")
    if is_off:
        typer.echo(f"it is disabled; poll it again with: levantwatch feeds enable {feed_id}")


def _one_tag(text: str) -> str:
    from crawler.description import word

    if "," in text:
        raise ValueError(f"{text!r} holds a comma; give --tag once for each tag")
    return word(text)


@app.command(epilog="Example: levantwatch feeds remove 12")
def remove(feed: Feed) -> None:
    """Stop watching a feed for good; what it brought stays, and no import brings it back."""
    from storage import feeds

    with writing() as session:
        row = _get(session, feed)
        feeds.remove(session, feed_id=row.id, now=now())
        typer.echo(f"feed {row.id} removed: {row.url}")


@app.command(epilog="Example: levantwatch feeds enable 12")
def enable(feed: Feed) -> None:
    """Poll a feed again; it is due at once."""
    from storage import feeds

    with writing() as session:
        row = _get(session, feed)
        feeds.enable(session, feed_id=row.id, now=now())
        typer.echo(f"feed {row.id} enabled: {row.url}")


@app.command(epilog="Example: levantwatch feeds disable 12")
def disable(feed: Feed) -> None:
    """Stop polling a feed until it is enabled again."""
    from storage import feeds

    with writing() as session:
        row = _get(session, feed)
        feeds.disable(session, feed_id=row.id, now=now())
        typer.echo(f"feed {row.id} disabled: {row.url}")


def _get(session: Session, reference: str) -> FeedRow:
    """The feed with this number or address, as it stands or as `feeds add` would keep it."""
    from crawler.description import feed_address
    from storage import feeds
    from storage.errors import UnknownFeed

    try:
        return feeds.get(session, reference)
    except UnknownFeed:
        try:
            address = feed_address(reference)
        except ValueError:
            address = reference
        if address == reference:
            raise
    return feeds.get(session, address)


@app.command("import", epilog="Example: levantwatch feeds import --catalogue")
def import_feeds(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE|-]", help="OPML, or a text file of one URL a line.")
    ] = None,
    catalogue: Annotated[bool, typer.Option("--catalogue", help="The feeds that come with levantwatch.")] = False,
) -> None:
    """Import feeds; those that are known stay as they are, those that were removed stay away.

    Folders of an OPML file become tags: of a folder called syria or isis, every article is read.
    """
    if bool(file) == catalogue:
        raise typer.BadParameter("name a file, or say --catalogue", param_hint="FILE")
    from crawler.cli.feed_lists import import_catalogue, import_list

    if file:
        import_list(file)
    else:
        import_catalogue()


@app.command(epilog="Example: levantwatch feeds export -o feeds.opml")
def export(output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Where to.")] = "-") -> None:
    """Write the feeds as OPML, which any feed reader imports."""
    from crawler.description import FeedDescription
    from crawler.opml import write_opml
    from storage import feeds

    with reading() as session:
        document = write_opml(
            FeedDescription(
                row.url, row.title, row.publisher, row.homepage, row.language, row.country, row.kind, row.tags,
                disabled=not row.enabled,
            )
            for row in feeds.all(session)
        )  # fmt: skip
    with whole_bytes(output) as file:
        file.write(document)


@app.command(epilog="Example: levantwatch feeds discover https://example.org")
def discover(
    url: Annotated[str, typer.Argument(metavar="URL", help="A home page.")],
    as_format: AsFormat = Format.TABLE,
) -> None:
    """Find the feeds of a site from its home page; add one with `feeds add`."""
    from dataclasses import replace
    from shutil import get_terminal_size

    from crawler.description import feed_address
    from crawler.discovery import discover_site
    from crawler.terminal import clipped, rows_out

    address = valid(feed_address, url if "://" in url else f"https://{url}", "URL")
    if sys.stderr.isatty():
        typer.echo(f"looking for feeds at {address}; some seconds …", err=True)
    discovery = discover_site(address)
    if discovery.stopped:
        raise typer.Abort
    if not discovery.found and discovery.problem:
        fail(f"{address} cannot be read: {discovery.problem}")
    if not discovery.found:
        fail(f"no feed found at {address}; look for one on the site and add it with: levantwatch feeds add URL")
    if as_format is Format.TABLE and sys.stdout.isatty():
        # an address that is broken over two lines cannot be copied; a title may be cut
        room = get_terminal_size().columns - max(len(feed.url) for feed in discovery.found) - len("kind  entries") - 12
        rows_out(
            [replace(feed, title=clipped(feed.title, max(room, 16))) for feed in discovery.found], as_format, sys.stdout
        )
        return
    rows_out(discovery.found, as_format, sys.stdout)


@app.command(epilog="Example: levantwatch feeds explain 12")
def explain(feed: Feed, as_format: AsReport = ReportFormat.TABLE) -> None:
    """Say when a feed is polled next, and why then."""
    import json

    from crawler.export import to_json
    from crawler.terminal import explanation
    from storage import feeds

    with reading() as session:
        lines = feeds.explain(session, _get(session, feed).id)
    if as_format is ReportFormat.TABLE:
        explanation(lines)
        return
    # the lines of polls are named by their time, which two of them may share
    facts = {name.replace(" ", "_"): to_json(value) for name, value in lines if not _is_time(name)}
    polls = [{"at": name.replace(" ", "T", 1), "told": value} for name, value in lines if _is_time(name)]
    typer.echo(json.dumps({**facts, "polls": polls}, ensure_ascii=False, indent=2))


def _is_time(name: str) -> bool:
    return name[:4].isdigit()
