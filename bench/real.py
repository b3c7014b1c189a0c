"""The captured feeds of ../shared through the real spider, into SQLite and into Postgres.

    ./run.sh real [--database sqlite|postgresql|both] [--limit N]

Serves the corpus (every document once) and the timelines (their captures in order, one a round) on loopback, crawls
them with the spider as it is, and reports: feeds read, entries found against what the captures' index expects,
exceptions, entries lost or doubled across the timelines, seconds and CPU. Fetches no article pages: the captures
have none. Exits 1 when a promise is broken, and says so, and exits 0, when ../shared is absent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import html
import http.server
import json
import logging
import lzma
import os
import re
import sys
import tarfile
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from crawler.config import Config
from crawler.crawl import crawl, rounds_of
from crawler.reactor import run_in_reactor
from crawler.spiders.feeds import Round
from crawler.urls import canonical_url
from crawler.watch import Watch
from storage import feeds

Figures = dict[str, Any]
SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "feeds"
TYPES = {"jsonfeed": "application/feed+json", "html": "text/html"}
ITEM = re.compile(rb"<(?:\w+:)?(item|entry)[\s>].*?</(?:\w+:)?\1\s*>", re.DOTALL | re.IGNORECASE)
GUID = re.compile(rb"<(?:guid|id)(?:\s[^>]*)?>\s*(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?\s*</(?:guid|id)>", re.DOTALL)


@dataclass
class Served:
    """One address of the farm: its documents, of which the last asked round's is served."""

    path: str
    documents: list[Path]
    content_type: str
    expected: int | None = None
    real: bool = True
    step: int = 0


@dataclass
class Farm:
    """The captures on loopback."""

    served: dict[str, Served] = field(default_factory=dict)

    def start(self) -> str:
        """Serve on a free port of 127.0.0.1 until the process ends; the base URL."""
        farm = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                served = farm.served.get(self.path)
                body = served.documents[min(served.step, len(served.documents) - 1)].read_bytes() if served else b""
                self.send_response(200 if served else 404)
                self.send_header("Content-Type", served.content_type if served else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                return

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"


def unpack(name: str, to: Path) -> None:
    """Unpack one archive of the shared data."""
    with lzma.open(SHARED / name) as packed, tarfile.open(fileobj=packed) as archive:
        archive.extractall(to, filter="data")


def rows(name: str) -> list[Figures]:
    """The rows of an index of the shared data."""
    return [json.loads(line) for line in (SHARED / name).read_text(encoding="utf-8").splitlines()]


def located(folder: Path, file: str) -> Path:
    """The unpacked place of an indexed file, whatever folder the archive puts it in."""
    parts = Path(file).parts
    for cut in range(len(parts)):
        for base in (folder, *[child for child in folder.iterdir() if child.is_dir()]):
            path = base.joinpath(*parts[cut:])
            if path.is_file():
                return path
    raise FileNotFoundError(file)


def corpus(folder: Path, limit: int | None) -> list[Served]:
    """Every document of the corpus, with the count that its index expects of real captures."""
    served = []
    for number, row in enumerate(rows("INDEX.jsonl")[:limit]):
        kind = TYPES.get(row["kind"], "application/xml")
        expected = row["expected_entries"] if row["is_real_capture"] else None
        path = f"/corpus/{number}"
        served.append(Served(path, [located(folder, row["file"])], kind, expected or None, row["is_real_capture"]))
    return served


def timelines(folder: Path) -> list[Served]:
    """Each timeline as one address with its captures in order."""
    captures: dict[str, list[Figures]] = defaultdict(list)
    for row in rows("TIMELINES.jsonl"):
        captures[row["file"].split("/")[1]].append(row)
    return [
        Served(f"/timeline/{name}", [located(folder, row["file"]) for row in sorted(steps, key=lambda row: row["seq"])],
               "application/xml")
        for name, steps in captures.items()
    ]  # fmt: skip


def shown(served: Served) -> dict[bytes, set[bytes]]:
    """What a timeline ever showed, read without our parser: guid -> the raw items that carried it."""
    found: dict[bytes, set[bytes]] = defaultdict(set)
    for document in served.documents:
        for item in ITEM.finditer(document.read_bytes()):
            guid = GUID.search(item.group())
            if guid:
                found[guid.group(1).strip()].add(item.group())
    return found


async def rounds(watch: Watch, served: list[Served], ids: dict[str, int], stop: asyncio.Event) -> None:
    """Every document once, then as many rounds over the timelines as the longest has captures."""
    lines = [one for one in served if len(one.documents) > 1]
    await crawl(watch, rounds_of(Round(now=True)), kind="bench", stop=stop)
    for step in range(1, max(len(one.documents) for one in lines)):
        for one in lines:
            one.step = step
        moving = tuple(ids[one.path] for one in lines if step < len(one.documents))
        await crawl(watch, rounds_of(Round(now=True, feed_ids=moving)), kind="bench", stop=stop)


class Errors(logging.Handler):
    """Keeps what was logged as an error: a traceback in the spider is one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line of the record."""
        told = record.exc_info[1] if record.exc_info else None
        self.lines.append(f"{record.name}: {record.getMessage()[:200]} {told!r}")


def measure(name: str, url: str, base: str, served: list[Served]) -> Figures:
    """Crawl everything into one database; the figures."""
    config = Config(
        database_url=url, allow_networks=("127.0.0.0/8",), fetch="none", host_delay=0.0,
        host_connections=16, log_level="ERROR",
    )  # fmt: skip
    errors = Errors()
    logging.getLogger().addHandler(errors)
    watch = Watch.open(config)
    with watch.database.write() as session:
        ids = {one.path: feeds.add(session, url=base + one.path, now=watch.now())[0] for one in served}
    began, cpu = time.perf_counter(), _cpu()
    run_in_reactor(config, lambda stop: rounds(watch, served, ids, stop))
    seconds, cpu = time.perf_counter() - began, _cpu() - cpu
    if errors not in logging.getLogger().handlers:
        raise SystemExit("the crawl's log removed our handler: nothing is known of exceptions")
    with watch.database.read() as session:
        figures = counts(session, served, ids)
        figures |= losses(session, [one for one in served if len(one.documents) > 1], ids)
    watch.close()
    return {
        "database": name,
        "seconds": seconds,
        "cpu seconds, workers included": cpu,
        "exceptions": errors.lines,
        **figures,
    }


def counts(session: Session, served: list[Served], ids: dict[str, int]) -> Figures:
    """Feeds read and entries found, against what is expected of the real captures."""
    first = dict(
        session.execute(
            text("select feed_id, max(entries_seen) from polls where outcome in ('ok') group by feed_id")
        ).all()
    )
    known = [one for one in served if one.expected is not None]
    wrong = [(one.documents[0].name, one.expected, first.get(ids[one.path], 0)) for one in known
             if first.get(ids[one.path], 0) != one.expected]  # fmt: skip
    outcomes = dict(session.execute(text("select outcome, count(*) from polls group by outcome")).all())
    return {
        "documents": len(served),
        "outcomes": outcomes,
        "captures with a known count": len(known),
        "right count": len(known) - len(wrong),
        "wrong": wrong,
        "entries": session.scalar(text("select count(*) from entries")),
    }


def losses(session: Session, lines: list[Served], ids: dict[str, int]) -> Figures:
    """Entries of the timelines that are not in the ledger, and those that are in it twice."""
    lost, doubled, total = [], [], 0
    for line in lines:
        feed = ids[line.path]
        ledger = session.execute(
            text("select e.id, e.canonical_url, s.guid from sightings s join entries e on e.id = s.entry_id"
                 " where s.feed_id = :feed"), {"feed": feed},
        ).all()  # fmt: skip
        guids = {row.guid for row in ledger}
        links = {row.canonical_url for row in ledger if row.canonical_url}
        for guid, items in shown(line).items():
            total += 1
            name = _unescaped(guid)
            if name not in guids and canonical_url(name) not in links and not _link_known(items, links):
                lost.append((line.path, name))
        seen: dict[str, int] = defaultdict(int)
        for row in ledger:
            if row.canonical_url:
                seen[row.canonical_url] += 1
        doubled += [(line.path, link) for link, times in seen.items() if times > 1]
    return {"timelines": len(lines), "entries shown": total, "lost": lost, "doubled": doubled}


def _unescaped(value: bytes) -> str:
    return html.unescape(value.decode("utf-8", "replace")).strip()


def _link_known(items: set[bytes], links: set[str]) -> bool:
    for item in items:
        found = re.search(rb"<link[^>]*>\s*(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?\s*</link>", item, re.DOTALL)
        if found and canonical_url(_unescaped(found.group(1))) in links:
            return True
    return False


def _cpu() -> float:
    """Seconds of CPU of this process and all below it. Workers are children of a child: getrusage never sees them."""
    used: dict[int, float] = {}
    below: dict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        used[int(stat.parent.name)] = sum(map(int, values[11:15])) / os.sysconf("SC_CLK_TCK")
        below[int(values[1])].append(int(stat.parent.name))
    waiting, total = [os.getpid()], 0.0
    while waiting:
        pid = waiting.pop()
        total += used.get(pid, 0.0)
        waiting += below[pid]
    return total


def main() -> int:
    """One database in this process; several in a process each, as a reactor starts once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", default="both", choices=["sqlite", "postgresql", "both"])
    parser.add_argument("--limit", type=int, help="only so many documents of the corpus")
    args = parser.parse_args()
    if not SHARED.is_dir():
        print("the captured feeds of ../shared are not here; nothing was measured")
        return 0
    if args.database == "both":
        command = [sys.executable, __file__, *(["--limit", str(args.limit)] if args.limit else [])]
        return max(
            os.spawnv(os.P_WAIT, sys.executable, [*command, "--database", name]) for name in ("sqlite", "postgresql")
        )
    with tempfile.TemporaryDirectory() as folder, database(args.database, Path(folder)) as url:
        return report(args.database, url, Path(folder), args.limit)


@contextlib.contextmanager
def database(name: str, folder: Path) -> Iterator[str]:
    """The URL of a fresh database of this kind, there as long as the block."""
    if name == "sqlite":
        yield f"sqlite:///{folder / 'real.db'}"
        return
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from postgres_server import PostgresServer, find_binaries, running_server

    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("no Postgres here: install Debian's postgresql, or measure with --database sqlite")
    with running_server(binaries) as url:
        server = PostgresServer(url)
        with contextlib.closing(server), server.database() as fresh:
            yield fresh


def report(name: str, url: str, folder: Path, limit: int | None) -> int:
    """Measure, print, and judge."""
    unpack("corpus.tar.xz", folder / "corpus")
    unpack("timelines.tar.xz", folder / "timelines")
    lines = timelines(folder / "timelines")
    served = [*corpus(folder / "corpus", limit), *lines]
    farm = Farm({one.path: one for one in served})
    figures = measure(name, url, farm.start(), served)
    for key, value in figures.items():
        print(f"{key}: {value if not isinstance(value, float) else round(value, 1)}")
    share = figures["right count"] / max(1, figures["captures with a known count"])
    print(f"share of captures with the right count: {share:.4f}")
    broken = [
        what
        for what, bad in [
            ("counts", share < 0.99),
            ("exceptions", figures["exceptions"]),
            ("lost", figures["lost"]),
            ("doubled", figures["doubled"]),
        ]
        if bad
    ]
    print("broken promises:", ", ".join(broken) or "none")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
