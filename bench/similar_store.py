"""The stores that bench/similar.py measures in: one for the quality of copies, a full one for the time of one article."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, func, select, text, update

from crawler import similar
from crawler.event_keys import event_keys
from crawler.syndication import find_credit
from storage import articles, copies, entries, feeds, placing, same_event, stories
from storage.db import Database, open_database
from storage.models import ARTICLES, EVENT_KEYS
from storage.postings import post
from storage.verdicts import VerdictRecord

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAYS, BATCH, TRIALS = 30, 5_000, 600
WORDS = [
    f"{a}{b}{c}{d}" for a in "bdfgklmnprst" for b in "aeiou" for c in "nrlmtkz" for d in ("", "o", "an", "ish", "er")
]
WEIGHTS = [1 / rank for rank in range(3, len(WORDS) + 3)]
PLACES = [f"place-{number}" for number in range(600)]
PLACE_WEIGHTS = [1 / rank for rank in range(2, len(PLACES) + 2)]


class Shelf:
    """A small database of texts: what arrives is compared with what is there, by the functions that the crawler calls."""

    def __init__(self, url: str) -> None:
        self.database = open_database(url)
        self.database.ensure_schema(upgrade=False)
        self._made: dict[int, Any] = {}
        with self.database.write() as session:
            feeds.add(session, url="https://outlet.example/feed", now=NOW, publisher="Outlet")

    def arrive(self, one: Any, *, store: bool) -> Any:
        """The text that this one is linked to, or None; it stays if it is to be stored."""
        signature = similar.signature(one.text)
        bands = similar.bands(signature) if signature else ()
        with self.database.write() as session:
            text_ = copies.Text(-1, one.publisher, one.text, signature, bands, NOW, NOW)
            [found] = copies.find(
                session, [text_], nearness=similar.nearness, near_copy=similar.LIKELY, confirm=similar.copy_similarity
            )
            if store:
                record = _record(session, len(self._made), one.publisher, one.text, signature, bands)
                articles.store_match(session, record, now=NOW, nearness=lambda a, b: 0.0, near_copy=2.0)
                self._made[record.entry_id] = one
        return None if found is None else self._made[found.article_id]

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def _record(session: Any, number: int, publisher: str, words: str, signature: bytes | None, bands: Any) -> Any:
    url = f"https://outlet.example/{number}"
    seen = entries.SeenEntry(
        key=url, url=url, canonical_url=url, host="outlet.example", guid=url, title=url, summary="", author=None, language="en",
        published_at=NOW, published_raw=None, published_source=None, updated_at=None, updated_raw=None,
    )  # fmt: skip
    [[entry_id]] = [one.new_ids for one in entries.record_seen(session, [entries.Document(1, [seen], NOW)])]
    verdict = VerdictRecord("syria", 0.9, 0.5, True, [], "bench")
    return articles.ArticleRecord(
        entry_id=entry_id, url=url, canonical_url=url, publisher=publisher, title=url, author=None, language="en", text=words,
        summary="", words=len(words.split()), extraction="full", extractor="bench", published_at=NOW, published_raw=None,
        published_source=None, updated_at=None, first_seen_at=NOW, fetched_at=NOW, signature=signature, bands=bands,
        verdicts=(verdict,),
    )  # fmt: skip


# --- speed ---


def speed(number: int, percentile: Callable[[list[float], int], float], kept: Sequence[str] = ()) -> None:
    """The time of signature, look-up and story assignment of one article, with so many stored in 30 days: in databases of its own of both
    kinds, or in `kept` ones, which are filled when they are empty and stay."""
    with ExitStack() as stack:
        for url in kept or stack.enter_context(_both()):
            database = open_database(url)
            database.ensure_schema(upgrade=False)
            with database.read() as session:
                stored = session.scalar(select(func.count()).select_from(ARTICLES))
            if not stored:
                started = time.monotonic()
                _fill(database, number)
                print(
                    f"\n{database.dialect}: {number} articles in {DAYS} days, filled in {time.monotonic() - started:.0f} s"
                )
            else:
                print(f"\n{database.dialect}: {stored} articles in {DAYS} days, from an earlier call")
            for together in (1, 8):
                _time(database, percentile, together=together)
            database.close()
            sys.stdout.flush()


@contextmanager
def _both() -> Iterator[list[str]]:
    """An empty SQLite file, and a database of a Postgres server of ours, if there is one."""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    from postgres_server import PostgresServer, find_binaries, running_server

    with ExitStack() as stack:
        urls = [f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/full.db"]
        if binaries := find_binaries():
            server = PostgresServer(stack.enter_context(running_server(binaries)))
            stack.callback(server.close)
            urls.append(stack.enter_context(server.database()))
        yield urls


def _made(
    number: int, *, recent: Sequence[dict[str, Any]] = (), first: int = 1, seed: int = 7
) -> Iterator[dict[str, Any]]:
    """Articles in the order of time: every tenth repeats one before it with a few words changed, every fifth tells of its event."""
    rng = random.Random(seed)
    latest = deque(recent, maxlen=200)
    for at in range(number):
        chance = rng.random()
        model = rng.choice(latest) if latest and chance < 0.3 else None
        words = rng.choices(WORDS, WEIGHTS, k=rng.randint(150, 650))
        names = rng.choices(PLACES, PLACE_WEIGHTS, k=3)
        if model is not None:
            names = model["names"]
            words = model["text"].split() if chance < 0.1 else model["text"].split()[:20] + words
            for _ in range(6):
                words[rng.randrange(len(words))] = rng.choice(WORDS)
        one = {
            "id": first + at, "names": names, "text": " ".join(words), "title": " ".join(words[:10]),
            "moment": NOW - timedelta(days=DAYS) * (1 - at / number),
        }  # fmt: skip
        latest.append(one)
        yield one


def _keys(one: dict[str, Any]) -> frozenset[str]:
    spots = [(name, "text", 10) for name in one["names"]]
    return event_keys(one["title"], one["text"], spots, dict.fromkeys(one["names"], "town"))


def _fill(database: Database, number: int) -> None:
    """Rows as store_match would leave them, written in bulk: of each text the signature is real, for one in 50 stands a story."""
    sqlite = database.dialect == "sqlite"
    with database.write() as session:
        feeds.add(session, url="https://outlet.example/feed", now=NOW, publisher="Outlet")
    batch: list[dict[str, Any]] = []
    for one in _made(number):
        batch.append(one)
        if len(batch) == BATCH or one["id"] == number:
            with database.write() as session:
                _write(session, batch)
            batch = []
    with database.write() as session:
        if not sqlite:
            session.execute(text("SELECT setval(pg_get_serial_sequence('entries', 'id'), :n)"), {"n": number})
            session.execute(text("SELECT setval(pg_get_serial_sequence('stories', 'id'), :n)"), {"n": number})
        session.execute(text("ANALYZE"))


def _write(session: Any, batch: list[dict[str, Any]]) -> None:
    from storage.models import ARTICLES, BANDS, CARRIERS, ENTRIES, EVENT_KEYS, STORIES

    rows: dict[Any, list[dict[str, Any]]] = {
        table: [] for table in (ENTRIES, STORIES, ARTICLES, CARRIERS, BANDS, EVENT_KEYS)
    }
    for one in batch:
        number, moment = one["id"], one["moment"]
        signature = similar.signature(one["text"]) or b""
        key = articles.sort_key(moment, number)
        rows[ENTRIES].append(
            {"id": number, "key": str(number), "feed_id": 1, "first_seen_at": moment, "state": "match"}
        )
        rows[STORIES].append(
            {
                "id": number,
                "title": one["title"],
                "created_at": moment,
                "changed_at": moment,
                "members": 1,
                "first_at": moment,
                "last_at": moment,
            }
        )
        rows[ARTICLES].append(
            {
                "id": number, "feed_id": 1, "publisher": f"Outlet {number % 200}", "title": one["title"], "language": "en",
                "first_seen_at": moment, "day": articles.day_of(moment), "sort_key": key, "topics": "syria", "story_id": number,
                "role": "original", "extraction": "full", "text_hash": "", "signature": signature, "stored_at": moment,
                "changed_at": moment, "text": one["text"],
            }
        )  # fmt: skip
        rows[CARRIERS].append(
            {
                "article_id": number,
                "story_id": number,
                "at": moment,
                "root_id": number,
                "source": f"site {number % 200}",
            }
        )
        rows[BANDS] += [{"band": band, "article_id": number} for band in set(similar.bands(signature))]
        if moment > NOW - same_event.KEPT:
            rows[EVENT_KEYS] += [
                {"key": word, "sort_key": key, "article_id": number} for word in _keys(one) | {same_event.EVERY}
            ]
    for table, values in rows.items():
        _insert(session, table, values)


def _insert(session: Any, table: Any, values: list[dict[str, Any]]) -> None:
    if values:
        session.execute(table.insert(), values)


def _time(database: Database, percentile: Callable[[list[float], int], float], *, together: int) -> None:
    """New articles arrive, so many together; only what finds and writes copies and stories is timed. CPU seconds, ours and those of
    Postgres' own process, are of the whole pass: the machine may be shared, and then the wall clock says more of the others."""
    roles = {"copy": 0, "related": 0, "original": 0}
    warm = 48
    if database.dialect != "sqlite":
        _forget_undone(database)
    with suppress(_Undone), database.write() as session:
        fresh = _arrivals(session)
        ids = [_listed(session, one) for one in fresh]
        backend = None if database.dialect == "sqlite" else session.scalar(text("SELECT pg_backend_pid()"))
        for start in range(0, len(fresh), together):
            if start == warm:  # the first few fill caches
                begun = _cpu(backend)
                spans: dict[str, list[float]] = {"text": [], "look-up": [], "write": [], "all": []}
            for role in _some(
                session,
                fresh[start : start + together],
                ids[start : start + together],
                spans if start >= warm else None,
            ):
                roles[role] += 1
        ours, theirs = (after - before for after, before in zip(_cpu(backend), begun, strict=True))
        raise _Undone
    timed = len(fresh) - warm
    server = f" + {theirs / timed * 1000:.2f} ms of the server" if backend else ""
    print(f"  {timed} new articles, {together} together ({roles}): CPU {ours / timed * 1000:.2f} ms each{server}")
    for name, times in spans.items():
        shares = "  ".join(f"{share} %: {percentile(times, share):6.2f}" for share in (5, 25, 50, 75, 95))
        print(f"  wall clock in ms, {name:8} {shares}")


class _Undone(Exception):
    """What was timed is rolled back, so that it can be timed again."""


def _forget_undone(database: Database) -> None:
    """What an earlier pass rolled back stays in the indexes of Postgres until a vacuum, and the next pass, of the same articles, would
    find all of it: a crawl has no such rows."""
    with database._writer.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("VACUUM (INDEX_CLEANUP ON) bands, event_keys")


def _cpu(backend: int | None) -> tuple[float, float]:
    """CPU seconds of this process and of the server's that works for it."""
    if backend is None:
        return time.process_time(), 0.0
    fields = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()
    return time.process_time(), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _listed(session: Any, one: dict[str, Any]) -> int:
    """The rows of an article that are there without any of what is timed; returns its id."""
    record = _record(session, one["id"], "New Outlet", one["text"], similar.signature(one["text"]), ())
    values = articles._values(record, stories.Place(1, "original"), NOW)
    session.execute(ARTICLES.insert(), {**values, "feed_id": 1, "stored_at": NOW})
    return record.entry_id


def _arrivals(session: Any) -> list[dict[str, Any]]:
    """The articles that would come next: new ones, copies and tellings of the newest that are stored."""
    rows = session.execute(
        select(ARTICLES.c.id, ARTICLES.c.title, ARTICLES.c.text).order_by(ARTICLES.c.id.desc()).limit(200)
    ).all()
    named = select(EVENT_KEYS.c.key).where(EVENT_KEYS.c.key.startswith("@"), EVENT_KEYS.c.article_id == bindparam("id"))
    recent = [
        {
            "text": row.text,
            "title": row.title,
            "names": [key[1:] for key in session.scalars(named, {"id": row.id})] or PLACES[:3],
        }
        for row in reversed(rows)
    ]
    return [{**one, "moment": NOW} for one in _made(TRIALS, recent=recent, first=rows[0].id + 1, seed=8)]


def _some(
    session: Any, some: Sequence[dict[str, Any]], ids: Sequence[int], spans: dict[str, list[float]] | None
) -> list[str]:
    """What store_matches and the pipeline do for copies and stories, in their order; the roles that came of it. Times are of one."""
    marks = [time.perf_counter()]
    arrivals = []
    for one, entry_id in zip(some, ids, strict=True):
        words = one["text"]
        find_credit(author="Staff writer", text=words, summary="", url="https://outlet.example/1")
        signature = similar.signature(words)
        found_by = similar.bands(signature) if signature else ()
        compared = copies.Text(entry_id, "New Outlet", words, signature, found_by, NOW, NOW)
        event = same_event.Event(entry_id, articles.sort_key(NOW, entry_id), NOW, "en", "New Outlet", _keys(one))
        arrivals.append(placing.Compared(one["title"], compared, event))
    marks.append(time.perf_counter())
    like = placing.Likeness(similar.nearness, similar.LIKELY, similar.copy_similarity)
    placed = placing.places(session, arrivals, like, now=NOW)
    marks.append(time.perf_counter())
    bands = [(band, one.text.article_id) for one in arrivals for band in set(one.text.bands)]
    post(session, {"bands": bands, "event_keys": same_event.postings([one.event for one in arrivals])})
    origin = stories.Origin("New Outlet")
    newcomers = [
        stories.Newcomer(one.text.article_id, place, origin, NOW, kept=True, begun=begun)
        for one, (place, begun) in zip(arrivals, placed, strict=True)
    ]
    stories.join(session, newcomers, now=NOW)
    marks.append(time.perf_counter())
    for one, (place, _) in zip(arrivals, placed, strict=True):
        session.execute(update(ARTICLES).where(ARTICLES.c.id == one.text.article_id).values(story_id=place.story_id))
    parts = [(after - before) * 1000 / len(some) for before, after in pairwise(marks)]
    for name, taken in zip(spans or (), [*parts, sum(parts)], strict=False):
        assert spans is not None
        spans[name].append(taken)
    return [place.role for place, _ in placed]


__all__ = ["Shelf", "speed"]
