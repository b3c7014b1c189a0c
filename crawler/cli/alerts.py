"""`alerts`: rules that tell when something happens, the channels that carry it, and the digest of a day."""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli.common import AsReport, ReportFormat, day, fail, now, print_json, reading, whole_file
from storage.text import many

if TYPE_CHECKING:
    from datetime import date, datetime

    from crawler.alerts.rules import Rules
    from crawler.alerts.telling import Outcome
    from storage import told
    from storage.db import Database

app = typer.Typer(help="Be told by mail or chat: rules, channels, the daily digest.", no_args_is_help=True)


class Page(enum.StrEnum):
    """How the digest is written."""

    TEXT = "text"
    HTML = "html"


@app.command(epilog="Example: levantwatch alerts check --dry-run")
def check(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be told, and why; write and send nothing.")
    ] = False,
) -> None:
    """Look once for every rule and tell what is new, as the daemon does every tick: for cron, beside `run --once`."""
    rules = _rules()
    if dry_run:
        _print_dry(rules)
        return
    outcome = tell_now(rules)
    typer.echo(f"messages written: {outcome.made}, told: {outcome.sent}")
    if outcome.failed or outcome.broken:
        raise typer.Exit(1)


def tell_now(rules: Rules | None = None) -> Outcome:
    """Look once for every rule, tell, and complain of what could not be told. ConfigError for a mistake in the file."""
    from crawler.alerts.telling import tell, usable

    rules = usable(rules or _rules())
    with _database() as database:
        outcome = tell(database, _writer(database), rules, clock=now)
    for name, error in outcome.broken.items():
        sys.stderr.write(f"levantwatch: {rules.file}: rule {name!r}: {error}\n")
    _complain(outcome)
    return outcome


def _complain(outcome: Outcome) -> None:
    for channel, error in outcome.failed.items():
        sys.stderr.write(f"levantwatch: channel {channel}: {error}; the next look tries again\n")


@app.command("list", epilog="Example: levantwatch alerts list --format json")
def list_(as_format: AsReport = ReportFormat.TABLE) -> None:
    """List the rules: what each asks, since when, where it tells, what was told, what waits and why."""
    from crawler.export import to_json
    from crawler.terminal import plain, rows_out
    from storage import told

    rules = _rules()
    with reading() as session:
        began, accounts = told.beginnings(session), told.accounts(session)
    rows = [_row(rules, *one, began, accounts) for one in _told_where(rules)]
    if as_format is ReportFormat.JSON:
        print_json(to_json(rows))
        return
    rows_out(
        [{name: plain(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows],
        "table", sys.stdout,
    )  # fmt: skip


@app.command("test", epilog="Example: levantwatch alerts test desk")
def try_(
    channel: Annotated[
        list[str] | None, typer.Argument(metavar="[CHANNEL]...", help="Channels by name; by default every one.")
    ] = None,
) -> None:
    """Send a test message to channels, and say which took it."""
    from crawler.alerts.channels import Parcel, deliver
    from crawler.alerts.telling import usable

    rules = usable(_rules())
    wanted = channel or list(rules.channels)
    for name in wanted:
        if name not in rules.channels:
            known = ", ".join(rules.channels) or "none"
            raise typer.BadParameter(f"there is no channel {name!r}; the file has {known}", param_hint="CHANNEL")
    if not wanted:
        fail(f"{rules.file}: [channels] names no channel")
    body = "This is a test of levantwatch's alerts. Nothing has happened."
    errors = deliver(rules.channels, [Parcel(name, (), "levantwatch: a test", body) for name in wanted])
    for name, error in zip(wanted, errors, strict=True):
        typer.echo(f"{name}: {error or 'took it'}")
    if any(errors):
        raise typer.Exit(1)


@app.command(epilog="Example: levantwatch alerts digest --format html -o digest.html")
def digest(
    of_day: Annotated[
        str | None, typer.Option("--day", metavar="DATE", help="The UTC day; by default yesterday.")
    ] = None,
    as_format: Annotated[Page, typer.Option("--format", help="Text, or one page of HTML.")] = Page.TEXT,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Where to; - is standard output.")
    ] = "-",
    send: Annotated[
        bool, typer.Option("--send", help="Send it to the digest's channels instead, unless it was sent already.")
    ] = False,
) -> None:
    """Write the digest of a day: what it brought, what stood out, and what was quiet."""
    from crawler.alerts.digest import as_html, as_text
    from crawler.alerts.figures import figures
    from crawler.config import load_config

    moment = now()
    wanted = day(of_day, "--day") or (moment - timedelta(days=1)).date()
    if wanted > moment.date():
        raise typer.BadParameter("it lies in the future", param_hint="--day")
    if send and output != "-":
        raise typer.BadParameter(
            "the digest goes to its channels or into a file; leave out one of the two", param_hint="-o"
        )
    if send:
        _send_digest(_rules(), wanted, moment)
        return
    rules = _rules() if load_config().alerts.file else None
    with reading() as session:
        found = figures(session, wanted, rules, now=moment)
    desk = rules.desk if rules else ""
    with whole_file(output) as file:
        file.write(as_html(found, desk) + "\n" if as_format is Page.HTML else as_text(found, desk) + "\n")


def _rules() -> Rules:
    """The rule file of the configuration. ConfigError for a mistake in it; without one the command fails."""
    from pathlib import Path

    from crawler.alerts.rules import load
    from crawler.config import load_config
    from crawler.judging import configured_judge

    config = load_config()
    if not config.alerts.file:
        fail("there is no rule file: set alerts.file (LEVANTWATCH_ALERTS_FILE) to one; docs/alerts.md has an example")
    return load(Path(config.alerts.file), topics=configured_judge(config).topics)


@contextmanager
def _database() -> Iterator[Database]:
    from crawler.config import load_config
    from storage.db import open_database

    database = open_database(load_config().database_url)
    try:
        database.check_schema()
        yield database
    finally:
        database.close()


def _writer(database: Database) -> Callable[..., Any]:
    def write(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with database.write() as session:
            return function(session, *arguments, **named)

    return write


def _print_dry(rules: Rules) -> None:
    from crawler.alerts.compose import message_of
    from crawler.alerts.findings import look
    from crawler.alerts.telling import due_digest

    moment = now()
    with reading() as session:
        found = look(session, rules, now=moment)
        summary = due_digest(session, rules, now=moment)
    for name, error in found.broken.items():
        sys.stderr.write(f"levantwatch: {rules.file}: rule {name!r}: {error}\n")
    for new in found.beginnings:
        typer.echo(
            f"Rule {new.rule.name} is new: {many(len(new.known), 'match is', 'matches are')} there already and will not be told.\n"
        )
    for one in found.news:
        _print_message(message_of(one, rules, now=moment), moment)
    if summary is not None:
        _print_message(summary, moment)
    if not found.news and summary is None:
        typer.echo("There is nothing new to tell.")
    if found.broken:
        raise typer.Exit(1)


def _print_message(message: told.MessageRecord, moment: datetime) -> None:
    held = f", after the quiet hours, at {message.due_at:%Y-%m-%d %H:%MZ}" if message.due_at > moment else ""
    typer.echo(f"To {', '.join(message.channels)}{held}: {message.subject}\n\n{message.body}\n")


def _send_digest(rules: Rules, wanted: date, moment: datetime) -> None:
    from crawler.alerts.digest import message
    from crawler.alerts.figures import figures
    from crawler.alerts.telling import send, usable
    from storage import told

    if rules.digest is None:
        fail(f"{rules.file}: [digest] names no channels")
    usable(rules)
    with _database() as database:
        write = _writer(database)
        with database.read() as session:
            found = figures(session, wanted, rules, now=moment)
        new = write(told.add, message(found, rules, channels=rules.digest.channels, due_at=moment), now=moment)
        outcome = send(write, rules, clock=now)
    said = f"messages written: {new}" if new else f"the digest of {wanted} is on record already"
    typer.echo(f"{said}; told: {outcome.sent}")
    _complain(outcome)
    if outcome.failed:
        raise typer.Exit(1)


def _told_where(rules: Rules) -> Iterator[tuple[str, str, str]]:
    for rule in rules.rules:
        for channel in rule.channels:
            yield rule.name, rule.question, channel
    for channel in rules.digest.channels if rules.digest else ():
        yield "digest", f"every day at {rules.digest.at:%H:%M}" if rules.digest else "", channel


def _row(
    rules: Rules, rule: str, asks: str, channel: str, began: dict[str, datetime], accounts: list[told.Account]
) -> dict[str, object]:
    account = next((one for one in accounts if (one.rule, one.channel) == (rule, channel)), None)
    return {
        "rule": rule,
        "asks": asks,
        "channel": channel,
        "by": rules.channels[channel].partition("://")[0].lower(),
        "began_at": began.get(rule),
        "told": account.told if account else 0,
        "waiting": account.waiting if account else 0,
        "given_up": account.given_up if account else 0,
        "last_told_at": account.last_told_at if account else None,
        "error": account.error if account else None,
    }
