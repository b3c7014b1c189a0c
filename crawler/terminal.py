"""What the command prints for people: tables, pages, one-line accounts, a progress bar.

Quiet when piped: tab-separated rows instead of tables, no bar, no colour. Titles come from strangers, so everything is
cleaned of control and direction characters and never read as markup.
"""

from __future__ import annotations

import io
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from crawler.export import iso, write_rows
from storage.text import many

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

ROOMY = 110  # columns from which six cells stand side by side without breaking every other word
PIPED_COLUMNS = 120


def plain(text: object) -> str:
    """Text on one line that no terminal obeys: control, format and direction characters are gone."""
    kept = str(text)
    if kept.isprintable():  # then it holds none of them
        return " ".join(kept.split())
    kept = "".join(
        " " if character in "\n\r\t\x85\u2028\u2029" else character
        for character in kept
        if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co") or character in "\n\r\t\u200c\u200d\x85"
    )
    return " ".join(kept.split())


def utf8(file: TextIO) -> TextIO:
    """The file in UTF-8 whatever the locale: what programs read must not depend on it."""
    if isinstance(file, io.TextIOWrapper):
        file.reconfigure(encoding="utf-8")
    return file


def clipped(text: str, width: int) -> str:
    """The text in at most `width` characters."""
    return text if len(text) <= width else text[: max(width - 1, 0)].rstrip() + "…"


def console(file: TextIO | None = None) -> Console:
    """Rich's console, which colours only on a terminal; what is piped is PIPED_COLUMNS wide, unless COLUMNS says else."""
    from rich.console import Console

    out = file or sys.stdout
    width = None if out.isatty() else shutil.get_terminal_size((PIPED_COLUMNS, 0)).columns
    return Console(file=out, width=width, highlight=False, soft_wrap=False)


def rows_out(rows: Sequence[Any], form: str, file: TextIO) -> None:
    """Rows of any shape: a table on a terminal, tab-separated when piped, or the form that was asked for."""
    if form != "table":
        write_rows(rows, str(form), utf8(file))
        return
    names = _names(rows[0]) if rows else []
    values = [[_shown(_value(row, name)) for name in names] for row in rows]
    if not file.isatty():
        for row in values:
            file.write("\t".join(row) + "\n")
        return
    if not rows:
        file.write("nothing\n")
        return
    from crawler.grid import draw

    draw(names, values, console(file))


def matches_table(
    rows: Sequence[Any], reasons: Mapping[int, str] | None = None, *, heading: str = "because of"
) -> None:
    """Matches, newest first: id, day, topics with scores, publisher, title, and what `heading` says: the words that weighed most.

    Where the lines are shorter than ROOMY, publisher and reasons stand below the title. Words that weighed make it a page to read,
    so that is drawn when piped, too.
    """
    if not sys.stdout.isatty() and (reasons is None or heading != "because of"):
        for row in rows:
            cells = [str(row.article_id), row.day, " ".join(_scored(row)), plain(row.publisher), _marked(row)]
            cells += [plain(reasons.get(row.article_id, ""))] if reasons is not None else []
            sys.stdout.write("\t".join(cells) + "\n")
        return
    if not rows:  # of the newsroom: `search` says more
        sys.stderr.write("no match\n")
        return
    _draw_matches(rows, reasons, heading)


def _draw_matches(rows: Sequence[Any], reasons: Mapping[int, str] | None, heading: str) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    out = console()
    roomy = out.width >= ROOMY
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in (("id", "right"), ("day", "left"), ("topics", "left")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    if roomy:
        table.add_column("publisher", max_width=20)
        table.add_column("title", ratio=3)
        if reasons is not None:
            table.add_column(heading, ratio=2)
    else:
        table.add_column("title, publisher" if reasons is None else f"title, {heading}, publisher")
    for row in rows:
        cells = [Text(str(row.article_id)), Text(row.day), Text("\n".join(_scored(row)))]
        publisher, title = plain(row.publisher), _marked(row)
        because = [(plain(reasons.get(row.article_id, "")), "yellow")] if reasons is not None else []
        if roomy:
            table.add_row(*cells, Text(publisher), Text(title), *(Text.assemble(piece) for piece in because))
        else:
            below = [piece for reason in because for piece in (reason, (" · ", "dim"))]
            table.add_row(*cells, Text.assemble(title, "\n", *below, (publisher, "dim")))
    out.print(table)


def account_line(account: Any) -> str:
    """What a crawl did, in one line: `feeds 8 (1 failed) · entries 61 · new 61 · …`."""
    pieces = [f"feeds {account.polled}" + (f" ({account.failed} failed)" if account.failed else "")]
    pieces = [] if not account.polled and "documents" in account.counts else pieces
    pieces += [f"{name} {number}" for name, number in account.counts.items() if name != "feeds"]
    return " · ".join(pieces)


class Progress:
    """A progress bar, or nothing where there is no terminal; `shown` says which."""

    def __init__(self, bar: Any = None, task: Any = None) -> None:
        self._bar, self._task = bar, task
        self.shown = bar is not None

    def expect(self, total: int) -> None:
        """How many there will be, when that was not known at the beginning."""
        if self._bar is not None:
            self._bar.update(self._task, total=total)

    def advance(self) -> None:
        """One more is done."""
        if self._bar is not None:
            self._bar.advance(self._task)

    def reached(self, number: int) -> None:
        """So many are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=number)

    def so_far(self, number: int, total: int) -> None:
        """So many are done, of as many as are known by now."""
        if self._bar is not None:
            self._bar.update(self._task, completed=number, total=total)

    def through(self, items: Iterable[T]) -> Iterator[T]:
        """The items, each counted as it passes."""
        for item in items:
            yield item
            self.advance()


@contextmanager
def progress(what: str, total: int | None, *, quiet: bool = False) -> Iterator[Progress]:
    """A bar on standard error while the block runs; none where there is no terminal, or where `quiet` was asked for."""
    if quiet or not sys.stderr.isatty():
        yield Progress()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console(sys.stderr), transient=True) as bar:
        yield Progress(bar, bar.add_task(what, total=total))


def article_page(found: Any) -> None:
    """One article for reading: head, clocks, carriers, text."""
    from rich.text import Text

    from crawler.history import clock_facts, history_facts

    out = console()
    entry, article = found.entry, found.article
    shown = article or entry
    out.print(Text(plain(shown.title), style="bold"))
    facts = [
        ("id", f"{entry.id} ({entry.state})"),
        ("publisher", plain(found.feed.publisher or found.feed.title or found.feed.url)),
        ("url", plain(shown.url or "")),
        ("author", plain(shown.author or "")),
        ("language", shown.language or ""),
        *(clock_facts(found.clocks) or [("published", _claimed(shown)), ("updated", _shown(shown.updated_at))]),
        ("first seen", _shown(entry.first_seen_at)),
        ("fetched", _shown(article.fetched_at) if article else "never: it was not kept"),
    ]
    if article:
        by = f", by {article.extractor}" if article.extractor else ""
        facts += [
            ("topics", article.topics),
            ("text", f"{many(article.words, 'word')}, {article.extraction}{by}"),
            ("story", f"{article.story_id}, {article.role}, {many(found.story_members, 'article')}"),
        ]
    facts += [(f"{kind}s", _named(found.named, kind)) for kind in ("place", "actor")]
    facts += [("listed by", plain(f"{seen.feed_url} since {iso(seen.first_seen_at)}" + (f", as {seen.url}" if seen.url else ""))) for seen in found.seen_in]  # fmt: skip
    facts += [(name, plain(value)) for name, value in history_facts(found.recheck, found.revisions)]
    for name, value in facts:
        if value:
            out.print(Text(f"{name:>10}  ", style="dim") + Text(value))
    out.print()
    for paragraph in (article.text if article else entry.summary).split("\n"):
        if paragraph.strip():
            out.print(Text(plain(paragraph)))
            out.print()


def stats_page(report: Any) -> None:
    """The watch in numbers."""
    from rich.text import Text

    out = console()
    for field in fields(report):
        value = getattr(report, field.name)
        if isinstance(value, Mapping):
            value = ", ".join(f"{name} {number}" for name, number in value.items())
        out.print(Text(f"{field.name.replace('_', ' '):>16}  ", style="dim") + Text(_shown(value) or "-"))


def explanation(lines: Iterable[tuple[str, Any]]) -> None:
    """Names and values, one a line."""
    from rich.text import Text

    out = console()
    for name, value in lines:
        out.print(Text(f"{name:>16}  ", style="dim") + Text(_shown(value) or "-"))


def _scored(row: Any) -> list[str]:
    scores = ((topic, getattr(row, f"{topic}_score", None)) for topic in row.topics.split(",") if topic)
    return [f"{topic} {score:.2f}" if score is not None else topic for topic, score in scores]


def _marked(row: Any) -> str:
    marks = [row.role] if row.role != "original" else []
    marks += [row.extraction] if row.extraction not in ("full", "partial") else []
    return plain(row.title) + (f" ({', '.join(marks)})" if marks else "")


def _claimed(shown: Any) -> str:
    if shown.published_at is None:
        return f"not claimed{': ' + plain(shown.published_raw) if shown.published_raw else ''}"
    return f"{iso(shown.published_at)} (claimed: {plain(shown.published_source or 'feed')})"


def _named(named: Sequence[Any], kind: str) -> str:
    """The ids that an article names, most frequent first; those in doubt with a question mark."""
    return ", ".join(one.name + ("" if one.resolved else "?") for one in named if one.kind == kind)


def _names(row: Any) -> list[str]:
    return [field.name for field in fields(row)] if is_dataclass(row) else list(row)


def _value(row: Any, name: str) -> Any:
    return row[name] if isinstance(row, Mapping) else getattr(row, name)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%MZ")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return plain(value)
