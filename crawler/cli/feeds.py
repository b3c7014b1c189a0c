"""`feeds …`: the list of what is watched."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from crawler.cli.common import AsFormat, Format, fail, now, reading, writing

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The feeds: list, add, change, import, export.")

Feed = Annotated[str, typer.Argument(metavar="FEED", help="The number or the URL of a feed.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag; `syria` or `isis`: read every article.")]


@app.command("list", epilog="Example: levantwatch feeds list --failing")
def list_feeds(
    failing: Annotated[bool, typer.Option("--failing", help="Only those that fail, with class and since when.")] = False,
    as_format: AsFormat = Format.TABLE,
) -> None:
    """List the feeds, with their state and their next poll."""
    from crawler.terminal import rows_out
    from storage import feeds

    with reading() as session:
        rows_out([feeds.listed(feed) for feed in feeds.all(session, failing=failing)], as_format, sys.stdout)


@app.command(epilog="Example: levantwatch feeds add https://example.org/feed.xml --country SY --language ar")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="The feed's address.")],
    title: str = typer.Option("", help="What to call it; by default what it calls itself."),
    publisher: str | None = typer.Option(None, help="Who publishes it."),
    country: str | None = typer.Option(None, help="The publisher's country, two letters."),
    language: str | None = typer.Option(None, help="The feed's language: en, ar, tr …"),
    kind: str | None = typer.Option(None, help="newspaper, broadcaster, wire, ngo …"),
    tag: Tags = None,
) -> None:
    """Add a feed; it is due at once."""
    from crawler.urls import canonical_url
    from storage import feeds

    if canonical_url(url) is None:
        raise typer.BadParameter(f"{url!r} is no http or https address", param_hint="URL")
    with writing() as session:
        feed_id, created = feeds.add(
            session, url=url, now=now(), title=title, publisher=publisher, country=country, language=language,
            kind=kind, tags=tuple(tag or ()),
        )  # fmt: skip
    typer.echo(f"feed {feed_id} {'added' if created else 'was there already'}: {url}")


@app.command(epilog="Example: levantwatch feeds remove 12")
def remove(feed: Feed) -> None:
    """Stop watching a feed for good; what it brought stays, and no catalogue brings it back."""
    from storage import feeds

    with writing() as session:
        row = feeds.get(session, feed)
        feeds.remove(session, feed_id=row.id, now=now())
        typer.echo(f"feed {row.id} removed: {row.url}")


@app.command(epilog="Example: levantwatch feeds enable 12")
def enable(feed: Feed) -> None:
    """Poll a feed again; it is due at once."""
    from storage import feeds

    with writing() as session:
        row = feeds.get(session, feed)
        feeds.enable(session, feed_id=row.id, now=now())
        typer.echo(f"feed {row.id} enabled: {row.url}")


@app.command(epilog="Example: levantwatch feeds disable 12")
def disable(feed: Feed) -> None:
    """Stop polling a feed until it is enabled again."""
    from storage import feeds

    with writing() as session:
        row = feeds.get(session, feed)
        feeds.disable(session, feed_id=row.id, now=now())
        typer.echo(f"feed {row.id} disabled: {row.url}")


@app.command("import", epilog="Example: levantwatch feeds import --catalogue")
def import_feeds(
    file: Annotated[str | None, typer.Argument(metavar="[FILE|-]", help="OPML, or a text file of one URL a line.")] = None,
    catalogue: Annotated[bool, typer.Option("--catalogue", help="The feeds that come with levantwatch.")] = False,
) -> None:
    """Import feeds; those that are known stay as they are."""
    from storage import feeds

    if bool(file) == catalogue:
        raise typer.BadParameter("name a file, or say --catalogue", param_hint="FILE")
    if catalogue:
        from crawler.catalogue import load_catalogue

        with writing() as session:
            rows = load_catalogue()
            added = feeds.import_catalogue(session, rows, now=now())
        typer.echo(f"{len(rows)} feeds in the catalogue, {added} added; poll them with: levantwatch run")
        return
    from crawler.opml import ImportError_, read_feed_list

    try:
        listed = read_feed_list(_bytes(file or "-"))
    except ImportError_ as error:
        fail(f"{file}: {error}")
    with writing() as session:
        added = sum(_add_listed(session, feed) for feed in listed.feeds)
    for problem in listed.problems:
        typer.echo(f"levantwatch: {file}: {problem}", err=True)
    typer.echo(f"{len(listed.feeds)} feeds in {file}, {added} added")


def _add_listed(session: Any, feed: Any) -> bool:
    from storage import feeds

    return feeds.add(
        session, url=feed.url, now=now(), title=feed.title, homepage=feed.homepage, language=feed.language, tags=feed.tags
    )[1]


@app.command(epilog="Example: levantwatch feeds export -o feeds.opml")
def export(output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Where to.")] = "-") -> None:
    """Write the feeds as OPML, which any feed reader imports."""
    from crawler.opml import OpmlFeed, write_opml
    from storage import feeds

    with reading() as session:
        document = write_opml(
            [OpmlFeed(row.url, row.title, row.homepage, row.language, tuple(row.tags)) for row in feeds.all(session)]
        )
    if output == "-":
        sys.stdout.buffer.write(document)
    else:
        Path(output).write_bytes(document)


@app.command(epilog="Example: levantwatch feeds discover https://example.org")
def discover(
    url: Annotated[str, typer.Argument(metavar="URL", help="A home page.")],
    as_format: AsFormat = Format.TABLE,
) -> None:
    """Find the feeds of a site from its home page; add one with `feeds add`."""
    from crawler.discovery import discover_site
    from crawler.terminal import rows_out

    found = discover_site(url)
    if not found:
        fail(f"no feed found at {url}; look for one on the site and add it with: levantwatch feeds add URL")
    rows_out(found, as_format, sys.stdout)


@app.command(epilog="Example: levantwatch feeds explain 12")
def explain(feed: Feed) -> None:
    """Say when a feed is polled next, and why then."""
    from crawler.terminal import explanation
    from storage import feeds

    with reading() as session:
        explanation(feeds.explain(session, feeds.get(session, feed).id))


def _bytes(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        fail(f"cannot read {source}: {error.strerror}")
