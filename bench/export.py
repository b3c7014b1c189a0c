"""How fast a full store is exported, and in how much memory: N invented matches, every format, each in a process of its own.

    .venv/bin/python bench/export.py 200000
    .venv/bin/python bench/export.py 200000 --url postgresql://user@host/empty

The matches are written straight into the tables, without the index of words, which no export of everything reads. Rows a
second count from the start of the command to its end; the memory is the peak of the process as the system counted it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from full_store import LANGUAGES, WEIGHTS, WORDS
from sqlalchemy import func, insert, select

from storage import feeds
from storage.articles import sort_key
from storage.db import Database, open_database
from storage.models import ARTICLES, ENTRIES, STORIES, VERDICTS

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FORMS = ("csv", "jsonl", "parquet", "snapshot")
OUTLETS, DAYS, BATCH, WORDS_EACH = 300, 3_650, 2_000, 600


def fill(database: Database, number: int) -> None:
    """Add the matches, unless they are there."""
    with database.write() as session:
        if session.scalar(select(func.count()).select_from(ARTICLES)):
            return
        for n in range(OUTLETS):
            feeds.add(session, url=f"https://outlet{n}.example/feed", now=NOW, publisher=f"Outlet {n}", country="GB")
        session.execute(
            insert(STORIES),
            [
                {"id": n + 1, "title": f"Story {n}", "created_at": NOW, "changed_at": NOW, "members": 10}
                for n in range(number // 10 + 1)
            ],
        )
    rng = random.Random(1)
    for start in range(0, number, BATCH):
        made = [_match(rng, n, number) for n in range(start, min(start + BATCH, number))]
        with database.write() as session:
            session.execute(insert(ENTRIES), [entry for entry, _ in made])
            session.execute(insert(ARTICLES), [article for _, article in made])
            session.execute(insert(VERDICTS), list(_verdicts(made)))


def _match(rng: random.Random, n: int, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    moment = NOW - timedelta(days=DAYS) * (1 - n / number)
    outlet = rng.randrange(OUTLETS)
    url = f"https://outlet{outlet}.example/2026/11/24/a-title-of-some-length-{n}"
    shared = {
        "id": n + 1, "feed_id": outlet + 1, "url": url, "canonical_url": url, "title": f"A title of some length {n}",
        "summary": "A summary of two lines, as feeds give them. " * 3, "author": "Staff writer",
        "language": rng.choice(LANGUAGES), "published_at": moment, "first_seen_at": moment,
    }  # fmt: skip
    entry = {**shared, "key": url, "host": f"outlet{outlet}.example", "state": "match"}
    article = {
        **shared, "publisher": f"Outlet {outlet}", "fetched_at": moment, "day": f"{moment:%Y-%m-%d}",
        "sort_key": sort_key(moment, n + 1), "topics": rng.choice(["syria", "isis", "isis,syria"]), "syria_score": rng.random(),
        "isis_score": rng.random(), "story_id": n // 10 + 1, "role": "original" if n % 10 == 0 else "copy", "words": WORDS_EACH,
        "extraction": "full", "extractor": "bench", "text_hash": f"{n:064x}", "stored_at": moment, "changed_at": moment,
        "text": " ".join(rng.choices(WORDS, cum_weights=CUMULATED, k=WORDS_EACH)),
    }  # fmt: skip
    return entry, article


def _verdicts(made: list[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for _, article in made:
        for topic in ("isis", "syria"):
            yield {
                "entry_id": article["id"], "topic": topic, "score": article[f"{topic}_score"], "threshold": 0.5,
                "matched": topic in article["topics"], "current": True, "model": "bench", "decided_at": NOW,
            }  # fmt: skip


CUMULATED = [sum(WEIGHTS[: n + 1]) for n in range(len(WEIGHTS))]


def measured(name: str, url: str, folder: Path, number: int, *arguments: str) -> None:
    """Run the command; print its rows a second, its peak memory and what it wrote."""
    begun = time.monotonic()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "crawler", *arguments],
        {**os.environ, "LEVANTWATCH_DATABASE_URL": url},
    )
    _, status, used = os.wait4(child, 0)
    seconds = time.monotonic() - begun
    if status:
        sys.exit(f"{name}: the command failed")
    written = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    for file in sorted(folder.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    print(
        f"{name:9} {number / seconds:8,.0f} rows/s {seconds:7.1f} s {used.ru_utime + used.ru_stime:7.1f} s CPU "
        f"{used.ru_maxrss / 1024:6.0f} MB peak {written / 1e6:8,.0f} MB written",
        flush=True,
    )


def main() -> None:
    """Fill, then export in every format, and make a snapshot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int)
    parser.add_argument("--url", help="an empty database; without it an SQLite file that is deleted afterwards")
    parser.add_argument("--only", nargs="+", choices=FORMS, default=FORMS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        url = given.url or f"sqlite:///{scratch}/bench.db"
        database = open_database(url)
        database.ensure_schema(upgrade=False)
        begun = time.monotonic()
        fill(database, given.number)
        database.close()
        print(
            f"{given.number:,} matches of {WORDS_EACH} words on {database.dialect}, filled in {time.monotonic() - begun:.0f} s"
        )
        out = Path(scratch, "out")
        out.mkdir()
        for form in given.only:
            wanted = ["snapshot"] if form == "snapshot" else ["export", "--format", form]
            measured(form, url, out, given.number, *wanted, "-o", str(out / form))


if __name__ == "__main__":
    main()
