"""`stories`: events with all who carried them, the biggest first, and how many of those are independent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from crawler.cli.common import AsFormat, Format, Since, Topic, Until, days, known_topic, print_json, reading
from storage.text import many

if TYPE_CHECKING:
    from storage.story_list import StoryPage


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: levantwatch stories --since 7d --topic syria")(stories)


def stories(
    story: Annotated[int | None, typer.Argument(metavar="ID", help="One story, with its members.")] = None,
    since: Since = None,
    until: Until = None,
    topic: Topic = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 20,
    as_format: AsFormat = Format.TABLE,
) -> None:
    """List stories, biggest first, with the number of independent publishers; or one story with who carried it.

    Copies of one text, what one agency wrote and what one owner's outlets print count as one publisher.
    """
    from crawler.terminal import rows_out
    from storage.story_list import biggest, page

    if story is not None:
        with reading() as session:
            _print_page(page(session, story), as_format)
        return
    first, last = days(since, until)
    with reading() as session:
        rows = biggest(session, since=first, until=last, topic=known_topic(topic), limit=limit)
    if not rows and as_format is Format.TABLE:
        asked = (
            " of what was asked; without --since, --until and --topic all are listed"
            if first or last or topic
            else " yet"
        )
        typer.echo(f"levantwatch: no story{asked}", err=True)
        return
    rows_out(rows, as_format.value, sys.stdout)


def _print_page(page: StoryPage, as_format: Format) -> None:
    """JSON: the whole page as one object; rows of any other form: its members."""
    from crawler.export import to_json
    from crawler.terminal import rows_out

    if as_format is Format.JSON:
        print_json(to_json(page))
    elif as_format is Format.TABLE:
        _print_lines(page)
    else:
        rows_out(page.members, as_format.value, sys.stdout)


def _print_lines(page: StoryPage) -> None:
    from crawler.terminal import clipped, plain

    story = page.story
    sys.stdout.write(f"story {story.story_id}: {plain(story.title)}\n")
    sys.stdout.write(f"{many(story.articles, 'article')} of {many(story.publishers, 'independent publisher')}\n\n")
    for source in page.sources:
        first = f", first seen with {source.first_publisher}" if source.name != source.first_publisher else ""
        sys.stdout.write(plain(f"{source.name}: {many(source.articles, 'article')}{first}").join(("  ", "\n")))
    sys.stdout.write("\n")
    for member in page.members:
        part = member.role
        if member.copy_of is not None:
            nearness = "" if member.similarity is None else f", {member.similarity:.0%} alike"
            part = f"copy of {member.copy_of}{nearness}"
        credit = f"; credits {plain(member.credit)}" if member.credit else ""
        when = member.first_seen_at.strftime("%Y-%m-%d %H:%MZ")
        line = f"  {member.article_id}  {when}  {plain(member.publisher)}: {clipped(plain(member.title), 80)} ({part}{credit})"
        sys.stdout.write(line + "\n")
