"""A snapshot: the answer to a query as a data set that can be cited. A folder that is there whole or not at all.

matches.jsonl, matches.csv and, with pyarrow, matches.parquet   the same rows in the same order, newest first
manifest.json    what was asked, what was counted, the SHA-256 of each file, versions, what was not collected
README.md, CITATION.cff   the same for people
"""

from __future__ import annotations

import errno
import hashlib
import platform
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler import __version__, footnotes
from crawler.citation import citation, readme
from crawler.export import Csv, JsonLines, RowWriter, iso, json_text
from crawler.parquet import Parquet, installed
from crawler.whole import whole_folder
from storage import coverage, summaries
from storage.search import Filters, Match, stream

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

FORMAT = "levantwatch-snapshot/1"
MANIFEST = "manifest.json"
COLUMNS = [column.name for column in fields(Match)]


class SnapshotError(Exception):
    """A snapshot that cannot be made or read; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a snapshot is to hold. `query` is what was asked in words that can be read later; `judge` is the version of the
    judge that is configured now."""

    filters: Filters
    query: Mapping[str, Any]
    title: str
    authors: tuple[str, ...]
    judge: str


@dataclass(slots=True)
class _Counts:
    """What is counted while the rows pass."""

    matches: int = 0
    topics: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    publishers: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    first: str | None = None
    last: str | None = None

    def add(self, row: Match) -> None:
        self.matches += 1
        self.topics.update(row.topic_list)
        self.languages[row.language or "unknown"] += 1
        self.publishers[row.publisher] += 1
        self.roles[row.role] += 1
        self.first = min(self.first or row.day, row.day)
        self.last = max(self.last or row.day, row.day)

    def told(self, stories: int) -> dict[str, Any]:
        return {
            "matches": self.matches,
            "stories": stories,
            "first_day": self.first,
            "last_day": self.last,
            "by_topic": _most_first(self.topics),
            "by_role": _most_first(self.roles),
            "by_language": _most_first(self.languages),
            "by_publisher": _most_first(self.publishers),
        }


def make(
    session: Session,
    folder: Path,
    wanted: Wanted,
    *,
    now: datetime,
    through: Callable[[Iterable[Match]], Iterable[Match]] = iter,
) -> dict[str, Any]:
    """Make the folder, which must not be there or be empty; its manifest. SnapshotError, or OSError when it cannot be written.

    `session` sees one state of the database, so files, counts and coverage are of one moment. The rows go `through` what
    shows progress.
    """
    with _whole_folder(folder.resolve()) as part:
        counts = _Counts()
        files = _write_rows(part, through(stream(session, wanted.filters)), counts)
        manifest = {
            "format": FORMAT,
            "title": wanted.title,
            "authors": list(wanted.authors),
            "made_at": iso(now),
            "program": {"name": "levantwatch", "version": __version__, "python": platform.python_version()},
            "query": wanted.query,
            "models": {"judge": wanted.judge, "verdicts": summaries.models(session, wanted.filters)},
            "counts": counts.told(summaries.number_of_stories(session, wanted.filters)),
            "order": "newest first, by the minute of publication, then by the order in which they were found",
            "columns": COLUMNS,
            "files": [_described(file, counts.matches) for file in files],
            "coverage": _coverage(session, wanted.filters, counts.first, now),
        }
        for name, text in (
            (MANIFEST, _indented(manifest)),
            ("README.md", readme(manifest)),
            ("CITATION.cff", citation(manifest)),
        ):
            (part / name).write_text(text, encoding="utf-8", newline="")
    return manifest


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SnapshotError(f"{folder} is there already; a snapshot is never written over another")
    if not folder.parent.is_dir():
        raise SnapshotError(f"there is no folder {folder.parent}")
    with whole_folder(folder) as part:
        yield part


def _write_rows(folder: Path, rows: Iterable[Match], counts: _Counts) -> list[Path]:
    """Write every row to every file, in one pass."""
    with ExitStack() as stack:
        files = [folder / "matches.jsonl", folder / "matches.csv"]
        texts = [stack.enter_context(file.open("w", encoding="utf-8", newline="")) for file in files]
        writers: list[RowWriter] = [JsonLines(texts[0]), Csv(texts[1], columns=COLUMNS)]
        if installed():
            files.append(folder / "matches.parquet")
            writers.append(Parquet(stack.enter_context(files[-1].open("wb")), Match))
        for row in rows:
            counts.add(row)
            for writer in writers:
                writer.write(row)
        for writer in writers:
            writer.close()
    return files


def _described(file: Path, rows: int) -> dict[str, Any]:
    return {"name": file.name, "rows": rows, "bytes": file.stat().st_size, "sha256": digest(file)}


def digest(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises OSError, also for a pipe or a device, which may never end."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no file")
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _coverage(session: Session, filters: Filters, first_day: str | None, now: datetime) -> dict[str, Any]:
    """What was not collected in the time asked about; without a time from the first match until now."""
    moment = max(now, coverage.newest_poll(session) or now)
    asked = filters.asked()
    since = max(filter(None, (filters.since, asked.since)), default=None)
    until = min(filter(None, (filters.until, asked.until)), default=None)
    last = until or moment.date()
    first = since or min(date.fromisoformat(first_day) if first_day else last, last)
    report = coverage.report(session, since=first, until=max(first, last), now=moment, publisher=filters.publisher)
    return footnotes.whole(report, footnotes.rows(report), now=moment)


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _indented(value: Mapping[str, Any]) -> str:
    """JSON that people read, too: one line per key at the top."""
    lines = [f"  {json_text(key)}: {json_text(item)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
