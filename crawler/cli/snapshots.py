"""`snapshot`: an answer as a data set that can be cited, checked and compared with a later one."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from crawler.cli.common import (
    AsFormat,
    Country,
    Format,
    Language,
    Publisher,
    Since,
    Topic,
    Until,
    fail,
    now,
    reading,
)
from crawler.cli.searching import Actors, OnlyBecauseOf, Places, QueryCommand, Words, filters_of
from storage.text import many

if TYPE_CHECKING:
    from crawler.snapshot_diff import Change, Snapshot


class _MakeUnlessNamed(TyperGroup):
    """`levantwatch snapshot -o DIR …` is `levantwatch snapshot make -o DIR …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["make", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_MakeUnlessNamed,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="An answer as a data set that can be cited; `make` may be left out: levantwatch snapshot -o DIR camp.",
)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A snapshot.")]


@app.command(
    cls=QueryCommand,
    epilog="Example: levantwatch snapshot make -o camps-2026 camp --since 2026-01-01 --author 'A. Analyst'",
)
def make(
    output: Annotated[str, typer.Option("-o", "--output", metavar="DIR", help="A folder that is not there yet.")],
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
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="What it is called when cited.")] = None,
    author: Annotated[
        list[str] | None, typer.Option("--author", metavar="NAME", help="Who is cited; may be repeated.")
    ] = None,
) -> None:
    """Write every match that fits as files with a manifest, a README and a citation; whole or not at all."""
    from crawler.config import load_config
    from crawler.judging import configured_judge
    from crawler.scope import scope
    from crawler.snapshot import SnapshotError, Wanted
    from crawler.snapshot import make as write
    from crawler.terminal import progress
    from storage import saved
    from storage.search import count

    typed = " ".join(words or ())
    filters = filters_of(
        typed, topic=topic, since=since, until=until, publisher=publisher, country=country,
        language=language, place=place, actor=actor, only_because_of=only_because_of, limit=None,
    )  # fmt: skip
    judge = configured_judge(load_config()).version
    moment = now()
    with reading() as session:
        filters = replace(filters, scope=scope(session, typed, moment))
        query = {
            "words": typed, "topic": filters.topic, "since": _day(filters.since), "until": _day(filters.until),
            "publisher": publisher, "country": country, "language": language, "places": place or [], "actors": actor or [],
            "only_because_of": only_because_of, "saved": _used(typed, saved.queries(session)),
        }  # fmt: skip
        wanted = Wanted(filters, query, title or f"News matches: {typed or 'everything'}", tuple(author or ()), judge)
        with progress("writing", count(session, filters)) as bar:
            try:
                manifest = write(session, Path(output), wanted, now=moment, through=bar.through)
            except SnapshotError as error:
                fail(str(error))
    names = ", ".join(file["name"] for file in manifest["files"])
    typer.echo(f"{many(manifest['counts']['matches'], 'match', 'matches')} written to {output}: {names}", err=True)


@app.command(epilog="Example: levantwatch snapshot verify camps-2026")
def verify(folder: Folder) -> None:
    """Check that every file of a snapshot is what its manifest says."""
    _head(folder, _opened(folder))


@app.command(epilog="Example: levantwatch snapshot diff camps-october camps-november")
def diff(
    first: Annotated[Path, typer.Argument(metavar="A", help="The older snapshot.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="The newer one.")],
    as_format: AsFormat = Format.TABLE,
) -> None:
    """Tell which articles came, went and changed from A to B, and in what; both are checked first."""
    from crawler.export import write_rows
    from crawler.snapshot import SnapshotError
    from crawler.snapshot_diff import differences, making
    from crawler.terminal import plain, utf8

    a, b = _opened(first), _opened(second)
    out = sys.stdout if as_format is Format.TABLE else sys.stderr  # what is no row is not for programs
    for line in making(a, b):
        out.write(f"{plain(line)}\n")
    try:
        if as_format is Format.TABLE:
            _head(first, a)
            _head(second, b)
            _lines(differences(a, b))
        else:
            rows = differences(a, b)
            write_rows(_flat(rows) if as_format is Format.CSV else rows, as_format.value, utf8(sys.stdout))
    except SnapshotError as error:
        fail(str(error))


def _opened(folder: Path) -> Snapshot:
    from crawler.snapshot import SnapshotError
    from crawler.snapshot_diff import open_snapshot

    try:
        return open_snapshot(folder)
    except SnapshotError as error:
        fail(str(error))


def _head(folder: Path, snapshot: Snapshot) -> None:
    from crawler.terminal import plain

    manifest = snapshot.manifest
    rows = {file["name"]: file.get("rows") for file in manifest["files"]}["matches.jsonl"]
    sys.stdout.write(
        plain(
            f"{folder}: {rows} {'match' if rows == 1 else 'matches'}, made {manifest.get('made_at')}; {many(len(manifest['files']), 'file')} as its manifest says"
        )
        + "\n"
    )


def _lines(changes: Iterable[Change]) -> None:
    from crawler.terminal import clipped, plain

    signs = {"added": "+", "removed": "-", "changed": "~"}
    counted = Counter[str]()
    for one in changes:
        counted[one.change] += 1
        told = [f"{signs[one.change]} {one.article_id}", clipped(plain(one.title), 80)]
        if one.before is not None and one.after is not None:
            told += [f"{name}: {_value(one.before[name])} → {_value(one.after[name])}" for name in one.columns]
        sys.stdout.write("\t".join(told) + "\n")
    sys.stdout.write(", ".join(f"{counted[name]} {name}" for name in signs) + "\n")


def _value(value: object) -> str:
    """A value on a few columns; of a long text its length."""
    from crawler.terminal import plain

    shown = "nothing" if value is None else plain(value)
    return shown if len(shown) <= 60 else f"{len(str(value)):,} characters"


def _flat(changes: Iterable[Change]) -> Iterator[dict[str, Any]]:
    for one in changes:
        row = asdict(one)
        yield {name: row[name] for name in ("change", "article_id", "title", "columns")}


def _day(day: object) -> str | None:
    return None if day is None else str(day)[:10]


def _used(typed: str, known: Mapping[str, str]) -> dict[str, str]:
    """The saved searches that a query names, and those that they name."""
    used: dict[str, str] = {}
    waiting = [typed]
    while waiting:
        for name in re.findall(r"@([\w-]+)", waiting.pop()):
            if name in known and name not in used:
                used[name] = known[name]
                waiting.append(known[name])
    return used
