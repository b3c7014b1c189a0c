"""`demo`, `run`, `poll`, `backfill`: what crawls."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from crawler.cli.common import AsReport, ReportFormat, Until, days, fail, now

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Warnings only, no progress bar.")]


def register(app: typer.Typer) -> None:
    """Add the four commands."""
    app.command(epilog="Example: levantwatch demo")(demo)
    app.command(epilog="Example, from cron: levantwatch run --once")(run)
    app.command(epilog="Example: levantwatch poll https://example.org/feed.xml --force")(poll)
    app.command(epilog='Example: levantwatch backfill "North Post" --since 2024-11-27 --until 2024-12-31')(backfill)


def demo(keep: Annotated[bool, typer.Option(help="Keep the demo's database.")] = True) -> None:
    """Show the whole road on the bundled newsroom: serve it, poll twice, judge, store, print. Needs no network.

    Of the account: `entries` is what the feeds list, `new` what the ledger took in, `duplicates` what another feed lists as well
    and matches that are copies of another article, `unreadable` pages that gave no text.
    """
    from crawler.demo import FEEDS_POLLED, run_demo
    from crawler.terminal import account_line, matches_table, progress

    with progress("polling the newsroom", FEEDS_POLLED) as bar:
        report = run_demo(keep=keep, on_poll=bar.advance)
    if report is None:
        raise typer.Abort
    matches_table(report.matches, reasons=report.reasons)
    typer.echo(account_line(report.account))
    if keep:
        typer.echo(f"The database is {report.folder / 'levantwatch.db'}; ask it, for example, why an article is there:")
        number = report.matches[0].article_id if report.matches else 1
        typer.echo(f"  LEVANTWATCH_DATABASE_URL={report.database_url} {_ourselves()} why {number}")


def _ourselves() -> str:
    """What to type for this command: `levantwatch`, or where it was found when that is not on the PATH."""
    called = Path(sys.argv[0]).absolute()
    return str(called) if called.name == "levantwatch" and not shutil.which("levantwatch") else "levantwatch"


def run(
    once: Annotated[
        bool, typer.Option("--once", help="Poll and look again at what is due, then exit: for cron.")
    ] = False,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Share the feeds with other daemons on the same Postgres database.")
    ] = False,
    as_format: AsReport = ReportFormat.TABLE,
) -> None:
    """Watch: poll what is due and look again at matches, round after round, until stopped by Ctrl-C or SIGTERM."""
    from crawler.config import load_config

    if once and cluster:
        raise typer.BadParameter("--once polls alone; leave out one of the two", param_hint="--cluster")
    config = load_config()
    if once:
        from crawler.crawl import poll as poll_round
        from crawler.spiders.feeds import Round

        _print_account(poll_round(config, Round(looks=True), kind="once"), as_format)
        if config.alerts.file:
            from crawler.cli.alerts import tell_now

            tell_now()
        return
    from crawler import daemon

    if cluster:
        _require_cluster(config.database_url)
    daemon.run(config, cluster=cluster)


def _require_cluster(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        from storage.errors import ClusterNeedsPostgres

        raise ClusterNeedsPostgres
    try:
        import procrastinate  # noqa: F401 - found missing now, before anything is locked
    except ImportError:
        from crawler.config import ConfigError

        raise ConfigError('procrastinate is not installed: pip install "levantwatch[cluster]"') from None


def poll(
    feed: Annotated[list[str] | None, typer.Argument(metavar="[FEED]...", help="Numbers or URLs of feeds.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every enabled feed, due or not (the default).")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even where a server asked to be left alone.")] = False,
    quiet: Quiet = False,
    as_format: AsReport = ReportFormat.TABLE,
) -> None:
    """Poll these feeds, or every enabled one, now, due or not; pending articles are tried again, too."""
    from msgspec.structs import replace

    from crawler.config import load_config
    from crawler.crawl import poll_feeds
    from crawler.terminal import progress

    if feed and everything:
        raise typer.BadParameter("name feeds, or say --all, not both", param_hint="FEED")
    config = load_config()
    with progress("polling", None, quiet=quiet) as bar:
        if quiet or bar.shown:
            config = replace(config, log_level="WARNING")
        account = poll_feeds(config, feed or None, force=force, on_start=bar.expect, on_poll=bar.advance)
    _print_account(account, as_format)
    if feed and account.failed and account.failed == account.polled:
        fail("every feed that was named failed; see: levantwatch feeds list --failing")
    if account.failed and bar.shown:
        typer.echo("why feeds failed: levantwatch feeds list --failing", err=True)


def backfill(
    publisher: Annotated[
        str, typer.Argument(metavar="PUBLISHER", help="Its name or domain, or the number or URL of a feed of it.")
    ],
    since: Annotated[str, typer.Option("--since", metavar="DATE", help="From this day on: 2024-11-27, or 30d.")],
    until: Until = None,
    quiet: Quiet = False,
    as_format: AsReport = ReportFormat.TABLE,
) -> None:
    """Read what a publisher of a watched feed published between two days: its sitemaps, its feeds' older pages, then the articles that are worth it.

    Stopped or killed, the next run goes on from there.
    """
    from msgspec.structs import replace

    from crawler.backfilling import backfill as walk
    from crawler.backfilling import span_of
    from crawler.config import load_config
    from crawler.terminal import progress

    first, last = days(since, until)
    try:
        span = span_of(first, last, today=now().date())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from None
    config = load_config()
    with progress("walking", None, quiet=quiet) as bar:
        if quiet or bar.shown:
            config = replace(config, log_level="WARNING")
        account = walk(config, publisher, span, on_progress=bar.so_far)
    _print_account(account, as_format)
    if account.counts.get("documents_left") or account.counts.get("capped_documents"):
        typer.echo("levantwatch: not everything was asked for; the next run goes on from here", err=True)
    if not account.counts["documents_read"] + account.counts["documents_known"]:
        fail("nothing of its past could be read: neither a sitemap nor a feed")


def _print_account(account: object, as_format: ReportFormat) -> None:
    import json
    from dataclasses import asdict

    from crawler.terminal import account_line

    typer.echo(json.dumps(asdict(account)) if as_format is ReportFormat.JSON else account_line(account))  # type: ignore[call-overload]
