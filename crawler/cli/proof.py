"""`verify`, `seal`, `evidence`, `hold`, `forget`: what proves an article, and what takes it away."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crawler.cli.common import AsReport, Reference, ReportFormat, fail, now, print_json, reading, writing
from storage.text import many

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from storage.search import Why

Why_ = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stays in the ledger for good.")]
_MOST_TOLD = 20  # notes on a terminal; --format json has all


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: levantwatch verify --head 3f1c…")(verify)
    app.command(epilog="Example: levantwatch seal | mail -s levantwatch notary@example.org")(seal)
    app.command(epilog="Example: levantwatch evidence 42 -o case-7")(evidence)
    app.command(epilog="Example: levantwatch hold 42 --reason 'case 7'")(hold)
    app.command(epilog="Example: levantwatch forget 42 --reason 'court order 12/2026'")(forget)


def verify(
    head: Annotated[
        str | None, typer.Option("--head", metavar="HASH", help="A head that `seal` printed earlier.")
    ] = None,
    as_format: AsReport = ReportFormat.TABLE,
) -> None:
    """Walk the ledger of proof, the database and the WARC files; exit status 1 when anything is not as it was."""
    from crawler import proof
    from crawler.config import load_config
    from crawler.export import to_json
    from crawler.terminal import progress
    from storage.db import open_database

    if head is not None and not re.fullmatch(r"[0-9a-f]{64}", head := head.strip().lower()):
        raise typer.BadParameter(
            "a head is 64 hexadecimal digits, as levantwatch seal prints them", param_hint="--head"
        )
    config = load_config()
    database = open_database(config.database_url)
    try:
        database.check_schema()
        with progress("verifying", proof.size(database)) as bar:
            for checked in proof.verify(database, Path(config.archive_dir), head=head):
                bar.reached(checked.lines + checked.articles + checked.records)
    finally:
        database.close()
    if as_format is ReportFormat.JSON:
        print_json(to_json(checked))
    else:
        _print(checked)
    if checked.problems:
        raise typer.Exit(1)


def _print(checked: object) -> None:
    from crawler.proof import Checked
    from crawler.terminal import plain

    assert isinstance(checked, Checked)
    for one in checked.problems:
        typer.echo(f"problem: {plain(one.where)}: {plain(one.what)}", err=True)
    for one in checked.notes[:_MOST_TOLD]:
        typer.echo(f"{plain(one.where)}: {plain(one.what)}")
    if len(checked.notes) > _MOST_TOLD:
        typer.echo(f"{len(checked.notes) - _MOST_TOLD} more; --format json has all")
    if checked.unproven:
        typer.echo(f"{many(checked.unproven, 'article')} without proof: stored while the archive was off")
    word = many(len(checked.problems), "problem") if checked.problems else "nothing was changed"
    if not checked.lines and not checked.problems:
        word = "nothing is proven: the ledger is empty, for nothing was stored with the archive on yet"
    typer.echo(
        f"{word}: {many(checked.lines, 'line')}, {many(checked.articles, 'article')}, {many(checked.records, 'record')}; "
        f"head {checked.head}"
    )


def seal() -> None:
    """Print the hash of the ledger's newest line: note it elsewhere, `verify --head` checks against it later."""
    from storage import chain

    with reading() as session:
        head = chain.head(session)
    if head is None:
        fail("the ledger of proof is empty; nothing was stored with the archive on yet")
    typer.echo(head.hash)
    if sys.stdout.isatty():
        typer.echo(
            f"line {head.seq}, written {head.at:%Y-%m-%d %H:%M}Z; levantwatch verify --head checks against it", err=True
        )


def evidence(
    reference: Reference,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="A folder that is empty or not there yet.")
    ],
) -> None:
    """Write a folder about one article: its page as it came, text, verdict with reasons, hashes, a readable README."""
    from crawler import dossier
    from crawler.config import load_config

    with reading() as session:
        files = dossier.write(session, _found(session, reference), Path(load_config().archive_dir), output)
    typer.echo(f"{many(len(files), 'file')} written to {output}", err=True)
    if not any(name.endswith(".warc.gz") for name in files):
        typer.echo("levantwatch: its page is not among them, for none is kept; README.md there says why", err=True)


def hold(
    reference: Reference,
    release: Annotated[bool, typer.Option("--release", help="Let it go.")] = False,
    reason: Why_ = "",
) -> None:
    """Exempt an entry from retention, and from `forget`, until it is released."""
    from storage import proofs

    with writing(create=False) as session:
        entry_id = _found(session, reference).entry.id
        if release:
            done = proofs.release(session, entry_id=entry_id, why=_line(reason), now=now())
        else:
            done = proofs.hold(session, entry_id=entry_id, why=_line(reason), now=now())
    word = "released" if release else "held"
    typer.echo(
        f"entry {entry_id}: {word}" if done else f"entry {entry_id}: {'not held' if release else 'held already'}"
    )


def forget(
    reference: Reference,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stays in the ledger for good.")],
) -> None:
    """Remove an article's text and page for good. Hashes and a tombstone stay, and it never comes back."""
    from crawler import proof
    from crawler.config import load_config
    from storage.db import open_database

    if not _line(reason):
        raise typer.BadParameter("say why; it is what verify tells of the removal", param_hint="--reason")
    config = load_config()
    database = open_database(config.database_url)
    try:
        database.check_schema()
        with database.read() as session:
            entry_id = _found(session, reference).entry.id
        left = proof.forget(database, Path(config.archive_dir), entry_id, why=_line(reason), now=now())
    finally:
        database.close()
    if left:
        fail(
            f"entry {entry_id} is out of the database, its page is not erased, mend that and run this again: {'; '.join(left)}"
        )
    typer.echo(f"entry {entry_id}: forgotten")


def _line(text: str) -> str:
    """A reason on one line, as it is stored."""
    from storage.text import clean

    return " ".join(clean(text).split())[:500]


def _found(session: Session, reference: str) -> Why:
    from crawler.urls import canonical_url
    from storage.search import why as look_up

    return look_up(session, reference, canonical=canonical_url(reference))
