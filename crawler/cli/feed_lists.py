"""`feeds import`: a list of feeds from a file, or the catalogue."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from crawler.cli.common import fail, now, writing

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from crawler.description import FeedDescription

MOST_PROBLEMS = 20  # lines of a list that are told; a file with more is looked at in an editor


def import_catalogue() -> None:
    """Add what the catalogue has and the database has not."""
    from crawler.catalogue import load_catalogue
    from storage import feeds

    rows = [feeds.NewFeed(**_description(feed)) for feed in load_catalogue()]
    with writing() as session:
        added = feeds.import_catalogue(session, rows, now=now())
    typer.echo(f"{len(rows)} feeds in the catalogue, {added} added; poll them with: levantwatch run")


def import_list(file: str) -> None:
    """Add the feeds of an OPML or text file, `-` for standard input; what cannot be used is told by line."""
    from crawler.opml import FeedListError, read_feed_list

    name = "standard input" if file == "-" else file
    try:
        listed = read_feed_list(_bytes(file))
    except FeedListError as error:
        fail(f"{name}: {error}")
    if listed.problems and not listed.feeds:
        more = f", and {len(listed.problems) - 1} more" if len(listed.problems) > 1 else ""
        fail(f"{name}: no feed in it can be used: {listed.problems[0]}{more}")
    for problem in listed.problems[:MOST_PROBLEMS]:
        typer.echo(f"levantwatch: {name}: {problem}", err=True)
    if len(listed.problems) > MOST_PROBLEMS:
        typer.echo(f"levantwatch: {name}: and {len(listed.problems) - MOST_PROBLEMS} more lines like these", err=True)
    with writing() as session:
        added = sum(_add_listed(session, feed) for feed in listed.feeds)
    known = len(listed.feeds) - added
    told = f", {known} known already or removed before" if known else ""
    number = len(listed.feeds)
    typer.echo(f"{number} feed{'' if number == 1 else 's'} in {name}, {added} added{told}")


def _add_listed(session: Session, feed: FeedDescription) -> bool:
    from storage import feeds

    feed_id, created = feeds.add(session, now=now(), bring_back=False, **_description(feed))
    if created and feed.disabled:
        feeds.disable(session, feed_id=feed_id, now=now())
    return created


def _description(feed: FeedDescription) -> dict[str, Any]:
    """What storage keeps of a description when the feed is added."""
    names = ("url", "title", "publisher", "homepage", "language", "country", "kind", "tags")
    return {name: getattr(feed, name) for name in names}


def _bytes(source: str) -> bytes:
    """The file, or a little more of it than a list of feeds may have."""
    from crawler.opml import MAX_BYTES

    if source == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(source).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        fail(f"cannot read {source}: {error.strerror}")
