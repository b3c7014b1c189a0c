"""How the store behaves when it is full: N invented articles, the analysts' questions timed, their plans printed.

    .venv/bin/python bench/full_store.py sqlite:///bench.db 100000
    .venv/bin/python bench/full_store.py postgresql://user@host/empty 100000

The database must be empty or hold what an earlier call made. Times are the median of five, in milliseconds; a plan is
printed for each question (EXPLAIN), so that a scan of a whole table can be seen.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from storage import articles, counts, entries, feeds, search
from storage.db import Database, open_database
from storage.search import Filters
from storage.verdicts import VerdictRecord

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FEEDS, DAYS, BATCH = 200, 700, 200
LANGUAGES = ["en"] * 6 + ["ar"] * 2 + ["tr", "fr"]
# a vocabulary of invented words whose frequencies fall like those of a language (Zipf)
WORDS = [
    f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("n", "r", "l", "mo", "ta", "ki", "zu", "she")
] * 4
WORDS = [f"{word}{number if number else ''}" for number, word in enumerate(WORDS)]
WEIGHTS = [1 / rank for rank in range(1, len(WORDS) + 1)]


def fill(database: Database, number: int) -> None:
    """Add invented feeds and `number` matches with about 400 words each; three rejected entries per match."""
    rng = random.Random(1)
    with database.write() as session:
        if feeds.count(session):
            return
        for n in range(FEEDS):
            country = "MT" if n == 7 else rng.choice(["GB", "US", "SY", "TR", "FR", "IQ"])
            feeds.add(session, url=f"https://outlet{n}.example/feed", now=NOW, publisher=f"Outlet {n}", country=country)
    started, spent = time.monotonic(), 0.0
    for start in range(0, number, BATCH):
        moment = NOW - timedelta(days=DAYS) * (1 - start / number)
        made = [_record(rng, n, moment) for n in range(start, min(start + BATCH, number))]
        with database.write() as session:
            begun = time.process_time()
            for n, make in enumerate(made, start):
                _store(session, n, make, moment)
            spent += time.process_time() - begun
    seconds = time.monotonic() - started
    print(f"{number} matches stored in {seconds:.0f} s, {spent / number * 1000:.2f} ms of our CPU each")


def _record(rng: random.Random, n: int, moment: datetime) -> dict[str, Any]:
    words = rng.choices(WORDS, WEIGHTS, k=rng.randint(150, 650))
    words += ["syria"] * (rng.random() < 0.9) + ["isis"] * (rng.random() < 0.1) + [f"unique{n}"]
    rng.shuffle(words)
    topics = rng.choices([("syria",), ("isis",), ("isis", "syria")], [90, 5, 5])[0]
    return {
        "feed": min(int(rng.paretovariate(0.6)), FEEDS),
        "text": " ".join(words),
        "topics": topics,
        "language": rng.choice(LANGUAGES),
        "published_at": moment - timedelta(minutes=rng.randint(0, 2000)),
        "bands": tuple(rng.getrandbits(63) for _ in range(32)),
    }


def _store(session: Session, n: int, make: dict[str, Any], moment: datetime) -> None:
    listed = [_seen(4 * n + k, make, moment) for k in range(4)]
    document = entries.Document(
        make["feed"], listed, moment, triage=lambda entry: entries.Triage(0.1, entry is listed[0])
    )
    [shown] = entries.record_seen(session, [document])
    ids = shown.new_ids
    verdicts = tuple(
        VerdictRecord(topic, 0.9 if topic in make["topics"] else 0.1, 0.5, topic in make["topics"], [], "bench")
        for topic in ("isis", "syria")
    )
    record = articles.ArticleRecord(
        entry_id=ids[0], url=listed[0].url, canonical_url=listed[0].url, publisher=f"Outlet {make['feed']}",
        title=listed[0].title, author=None, language=make["language"], text=make["text"], summary="", words=400,
        extraction="full", extractor="bench", published_at=make["published_at"], published_raw=None,
        published_source=None, updated_at=None, first_seen_at=moment, fetched_at=moment, signature=bytes(512),
        bands=make["bands"], verdicts=verdicts,
    )  # fmt: skip
    articles.store_match(session, record, now=moment, nearness=lambda a, b: 0.0, near_copy=0.7)


def _seen(n: int, make: dict[str, Any], moment: datetime) -> entries.SeenEntry:
    url = f"https://outlet{make['feed']}.example/2026/11/24/a-title-of-some-length-{n}"
    return entries.SeenEntry(
        key=url, url=url, canonical_url=url, host=f"outlet{make['feed']}.example", guid=url, title=f"A title {n}",
        summary="A summary of two lines, as feeds give them. " * 3, author=None, language="en", published_at=moment,
        published_raw=None, published_source=None, updated_at=None, updated_raw=None,
    )  # fmt: skip


RECENT = {"since": date(2026, 10, 1), "until": date(2026, 10, 31)}
QUESTIONS: dict[str, Callable[[Session], Any]] = {
    "newest": lambda s: search.search(s, Filters()),
    "newest about isis": lambda s: search.search(s, Filters(topic="isis")),
    "a frequent word": lambda s: search.search(s, Filters(words="syria")),
    "a rare word": lambda s: search.search(s, Filters(words="unique77")),
    "two words, one month": lambda s: search.search(s, Filters(words="syria isis", **RECENT)),
    "a word but not another": lambda s: search.search(s, Filters(words="isis -syria")),
    "one month": lambda s: search.search(s, Filters(**RECENT)),
    "a publisher": lambda s: search.search(s, Filters(publisher="Outlet 9")),
    "a rare publisher": lambda s: search.search(s, Filters(publisher="Outlet 150")),
    "a rare publisher and a frequent word": lambda s: search.search(s, Filters(words="syria", publisher="Outlet 150")),
    "a language": lambda s: search.search(s, Filters(language="tr")),
    "a rare country": lambda s: search.search(s, Filters(country="MT")),
    "a frequent country": lambda s: search.search(s, Filters(country="GB")),
    "counted by day, one month": lambda s: counts.per_day(s, Filters(limit=None, **RECENT)),
    "why, by address": lambda s: search.why(s, "https://outlet1.example/2026/11/24/a-title-of-some-length-8"),
    "the view by day": lambda s: s.execute(
        text("SELECT day, count(*) FROM matches WHERE day BETWEEN :a AND :b GROUP BY day"),
        {"a": "2026-10-01", "b": "2026-10-31"},
    ).all(),
    "the view, newest": lambda s: s.execute(
        text("SELECT * FROM matches ORDER BY day DESC, article_id DESC LIMIT 50")
    ).all(),
    "stats": search.stats,
    "due": lambda s: feeds.due(s, now=NOW, limit=100),
}


def ask(database: Database, name: str, question: Callable[[Session], Any]) -> None:
    """Print a question's median time and the plan of its slowest statement."""
    times = []
    for _ in range(5):
        with database.read() as session:
            begun = time.perf_counter()
            question(session)
            times.append(time.perf_counter() - begun)
    print(f"{statistics.median(times) * 1000:9.1f} ms  {name}")
    if "--plans" in sys.argv:
        print("\n".join(f"              {line}" for line in plan(database, question)))


def plan(database: Database, question: Callable[[Session], Any]) -> list[str]:
    """The plan of every statement that a question sends."""
    lines: list[str] = []
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "

    def look(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith(explain) or not statement.lstrip().startswith(("SELECT", "UPDATE", "WITH")):
            return
        rows = connection.exec_driver_sql(explain + statement, parameters).all()
        lines.extend(str(row[-1]) for row in rows)

    with database.read() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", look)
        question(session)
    return lines


def claims(database: Database) -> None:
    """A backlog of due entries on few hosts, claimed eight at a time."""
    with database.write() as session:
        session.execute(
            text("UPDATE entries SET state = 'pending', retry_at = first_seen_at WHERE id % 4 = 2 AND state <> 'match'")
        )
    times = []
    for _ in range(20):
        with database.write() as session:
            begun = time.perf_counter()
            entries.claim(session, now=NOW, limit=8, per_host=1)
            times.append(time.perf_counter() - begun)
    print(f"{statistics.median(times) * 1000:9.1f} ms  a claim of 8 from a backlog of {entries_due(database)}")


def entries_due(database: Database) -> int:
    """How many entries wait."""
    with database.read() as session:
        return session.scalar(text("SELECT count(*) FROM entries WHERE state = 'pending'")) or 0


def main() -> None:
    """Fill, then ask."""
    database = open_database(sys.argv[1])
    database.ensure_schema(upgrade=False)
    fill(database, int(sys.argv[2]))
    with database.write() as session:
        session.execute(text("ANALYZE"))
    for name, question in QUESTIONS.items():
        ask(database, name, question)
    claims(database)
    database.close()


if __name__ == "__main__":
    main()
