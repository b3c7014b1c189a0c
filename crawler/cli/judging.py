"""`why`, `reclassify`, `review`, `audit`: the judge before people, and people before the judge."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crawler.cli.common import (
    AsReport,
    Format,
    ReportFormat,
    Since,
    day,
    fail,
    known_topic,
    now,
    opened,
    print_json,
    reading,
)

if TYPE_CHECKING:
    from storage.db import Database
    from storage.reviews import ReviewItem

What = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="The number or the URL of an article or entry; with --text a file, or -."),
]
ATopic = Annotated[str | None, typer.Option("--topic", metavar="TOPIC", help="This topic only: syria, isis.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")]
Who = Annotated[str | None, typer.Option("--who", help="Who answers; by default the user's name.")]
AsRows = Annotated[
    Format | None, typer.Option("--format", help="Print the questions as rows instead of asking; so does a pipe.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: levantwatch why https://example.org/an-article")(why)
    app.command(epilog="Example: levantwatch reclassify --dry-run")(reclassify)
    app.command(epilog="Example: levantwatch review --topic isis")(review)
    app.command(epilog="Example: levantwatch audit --report")(audit)


def why(
    reference: What = None,
    text: Annotated[bool, typer.Option("--text", help="Judge a text: a file, or standard input.")] = False,
    title: Annotated[str | None, typer.Option("--title", help="With --text: its headline.")] = None,
    as_format: AsReport = ReportFormat.TABLE,
) -> None:
    """Say why an article was kept, or why it is not here: its text with the words that weighed, and their sum."""
    if text:
        _why_text(reference or "-", title or "", as_format)
        return
    if reference is None:
        raise typer.BadParameter("name an article or entry, or give a text with --text", param_hint="ID")
    if title is not None:
        raise typer.BadParameter("it goes with --text", param_hint="--title")
    from crawler.export import to_json
    from crawler.reasons import reasons_page
    from crawler.urls import canonical_url
    from storage.search import why as look_up

    with reading() as session:
        found = look_up(session, reference, canonical=canonical_url(reference))
        if as_format is ReportFormat.JSON:
            print_json(to_json(found))
        else:
            reasons_page(found)


def _why_text(source: str, title: str, as_format: ReportFormat) -> None:
    from crawler.classify import to_json
    from crawler.config import load_config
    from crawler.judging import configured_judge
    from crawler.reasons import text_page

    judge = configured_judge(load_config())
    with opened(source) as file:
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            fail(f"{source} is not UTF-8 text (byte {error.start})")
    if not (title + text).strip():
        fail("there is neither a text nor a --title to judge")
    verdicts = judge.judge(title=title, text=text)
    if as_format is ReportFormat.JSON:
        print_json({"model": judge.version, **{one.topic: to_json(one) for one in verdicts}})
    else:
        text_page(title, text, verdicts, model=judge.version)


def reclassify(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")] = False,
    since: Since = None,
    as_format: AsReport = ReportFormat.TABLE,
) -> None:
    """Judge anew what is stored, after a change of topic files or weights; the old verdicts stay as history.

    Matches are judged by their text, near misses and rejected entries by title and summary; of these, what matches now
    waits to be read again. What no longer matches leaves the matches, but keeps its article.
    """
    from crawler.accounts import change_page
    from crawler.export import to_json
    from crawler.reclassify import reclassify as judge_anew
    from crawler.reclassify import to_judge
    from crawler.terminal import progress

    first = day(since, "--since")
    start = datetime.combine(first, time(), UTC) if first else None
    with _database() as (database, config):
        from crawler.judging import configured_judge

        judge = configured_judge(config)
        with progress("judging", to_judge(database, judge, since=start)) as bar:
            report = judge_anew(database, judge, now=now(), since=start, dry_run=dry_run, on_judged=bar.advance)
    if as_format is ReportFormat.JSON:
        print_json(to_json(report))
    else:
        change_page(report)


def review(topic: ATopic = None, limit: Limit = 20, who: Who = None, as_format: AsRows = None) -> None:
    """Walk through matches and near misses that nobody has labelled, the most uncertain first; answers are labels.

    Labels never change what is a match.
    """
    from storage import reviews

    name = known_topic(topic)
    with _database() as (database, _):
        with database.read() as session:
            items = reviews.uncertain(session, topic=name, limit=limit)
        _ask_or_print(database, items, who=who, as_format=as_format, blind=False)


def audit(
    topic: ATopic = None,
    limit: Limit = 20,
    who: Who = None,
    second: Annotated[
        bool, typer.Option("--second", help="Ask about what others have labelled and you have not.")
    ] = False,
    report: Annotated[bool, typer.Option("--report", help="What the labels say: precision and recall.")] = False,
    agreement: Annotated[bool, typer.Option("--agreement", help="How far people agree who labelled the same.")] = False,
    as_format: AsRows = None,
) -> None:
    """Walk through a random sample of what was kept and what was not, without showing what the judge said of it.

    `--report` turns the labels into an estimate of precision and recall with its 95 % interval.
    """
    if second + report + agreement > 1:
        raise typer.BadParameter("give one of --second, --report and --agreement", param_hint="--report")
    if (report or agreement) and as_format is Format.CSV:
        raise typer.BadParameter("a report is no table of rows; take json or jsonl", param_hint="--format")
    from crawler.accounts import agreement_page, audit_page
    from crawler.judging import configured_judge
    from storage import audits, reviews

    name = known_topic(topic)
    with _database() as (database, config):
        topics, share = (name,) if name else configured_judge(config).topics, config.retention.audit_share
        with database.read() as session:
            if report:
                _print([audits.audit(session, topic=one, share=share) for one in topics], as_format, audit_page)
                return
            if agreement:
                _print(audits.agreement(session, topic=name), as_format, agreement_page)
                return
            if second:
                items = reviews.second_opinions(session, who=who or getpass.getuser(), topic=name, limit=limit)
            else:
                items = reviews.sample(session, topics=topics, share=share, limit=limit)
        _ask_or_print(database, items, who=who, as_format=as_format, blind=True)


@contextmanager
def _database() -> Iterator[tuple[Database, Any]]:
    from crawler.config import load_config
    from storage.db import open_database

    config = load_config()
    database = open_database(config.database_url)
    try:
        database.check_schema()
        yield database, config
    finally:
        database.close()


def _print(found: Sequence[Any], as_format: Format | None, page: Callable[[Sequence[Any]], None]) -> None:
    from crawler.terminal import rows_out

    if as_format is None or as_format is Format.TABLE:
        page(found)
    else:
        rows_out(found, as_format.value, sys.stdout)


def _ask_or_print(
    database: Database, items: Sequence[ReviewItem], *, who: str | None, as_format: Format | None, blind: bool
) -> None:
    from crawler.review import rows, show_item, walk
    from crawler.terminal import rows_out
    from storage import labels

    if as_format is not None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        rows_out(rows(items, blind=blind), (as_format or Format.TABLE).value, sys.stdout)
        return
    if not items:
        typer.echo("nothing is left to ask about")
        return

    def record(item: ReviewItem, value: Literal["yes", "no"]) -> None:
        with database.write() as session:
            labels.add(
                session, entry_id=item.entry_id, topic=item.topic, value=value, who=who or getpass.getuser(), now=now()
            )

    done = walk(
        items, show=lambda item, number: show_item(item, number, len(items), blind=blind), key=_key, record=record
    )
    typer.echo(
        f"{done.yes + done.no} labelled ({done.yes} yes, {done.no} no), {done.skipped} skipped, {done.left} left"
    )


def _key() -> str:
    try:
        return typer.getchar()
    except (EOFError, KeyboardInterrupt):  # Ctrl-D, Ctrl-C: an end like any other, for every answer is kept
        return ""
