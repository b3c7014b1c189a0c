"""How long analysts wait in a full store: every documented question, every form of search, every call of the API, every page.

    ./run.sh queries sqlite:///million.db              a store that bench/million.py filled
    ./run.sh queries postgresql://user@host/million --runs 40
    ./run.sh queries sqlite:///million.db --only "score" --plans
    ./run.sh queries sqlite:///million.db --cpu    processor time instead: what a busy machine tells nothing else of
    ./run.sh queries postgresql://… --cpu --server "$(head -1 data/postmaster.pid)"    with that of a server on this machine

Each is asked `--runs` times (20), each time for something else: other words, names, publishers, and other days. Of the spans of days a
third is one day, a third a week, a third a month, anywhere in ten years. API and pages are asked through their ASGI application in
this process, of which the desk keeps nothing for the next: each is the first who asks. Printed are the median, the 95th percentile and the slowest, in milliseconds; exit status 1 when a 95th percentile is
over its bound: 100, for what is ranked by relevance 250.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from invented import NATURAL, NOW, PUBLISHERS, SCRIPTS, Newsroom
from sqlalchemy import event, text

from crawler.cli import COLLECT_AFTER
from crawler.desk.app import create_app
from crawler.desk.guard import Rules
from crawler.desk.kept import Kept
from crawler.desk.views import Desk
from crawler.scope import scope
from storage import counts, mentions, search, summaries
from storage.db import Database, open_database
from storage.search import Filters

BOUND, RANKED = 100.0, 250.0
PAGE = Path(__file__).parents[1] / "docs" / "queries.md"
QUESTION = re.compile(r"^## (\d+\. [^\n]+)$.*?^```sql\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asked:
    """Something to be asked: its name, and what asks it once, for other things each time."""

    name: str
    ask: Callable[[], object]
    bound: float = BOUND


class Asker:
    """Draws what is asked for, the same in every run of the program."""

    def __init__(self, database: Database, seed: int) -> None:
        """Take the store, and learn its size."""
        self.database = database
        self.rng = random.Random(seed)
        newsroom = Newsroom(1)
        self._words = {script: newsroom._words[script].words for script in SCRIPTS}
        self.app = create_app(
            Desk(database, ("isis", "syria"), lambda: NOW, kept=Kept(0)), Rules(names=frozenset({"localhost"}))
        )
        with database.read() as session:
            self.last_id = session.scalar(text("SELECT max(id) FROM articles")) or 1
            self.last_story = session.scalar(text("SELECT max(id) FROM stories")) or 1

    def span(self, *lengths: int) -> tuple[str, str]:
        """The first and the last of some days, as text."""
        length = self.rng.choice(lengths or (1, 7, 30))
        first = NOW.date() - timedelta(days=self.rng.randint(length, 3_600))
        return f"{first}", f"{first + timedelta(days=length - 1)}"

    def word(self, low: int = 0, high: int = NATURAL) -> str:
        """A word of that rank in frequency, of any script."""
        return self.rng.choice(self._words[self.rng.choice(list(SCRIPTS))][low:high])

    def publisher(self) -> str:
        """A publisher."""
        return f"Outlet {self.rng.randint(1, PUBLISHERS)}"

    def article(self) -> int:
        """The number of an entry."""
        return self.rng.randint(1, self.last_id)

    def name(self, kind: str) -> str:
        """A place or an actor."""
        few = ("damascus", "aleppo", "homs", "deir-ez-zor", "raqqa") if kind == "place" else ("islamic-state", "sdf", "coalition", "united-states")  # fmt: skip
        return self.rng.choice(few)

    def sql(self, statement: str) -> int:
        """Ask a statement as `levantwatch sql` does."""
        since, until = self.span()
        values = {name: value for name, value in (("since", since), ("until", until)) if f":{name}" in statement}
        with self.database.ask(statement, values) as answer:
            return sum(1 for _ in answer.rows)

    def search(self, query: str, *, by_relevance: bool = False, **more: Any) -> int:
        """Ask a query as `levantwatch search` does."""
        with self.database.read() as session:
            filters = Filters(words=query, scope=scope(session, query, NOW), **more)
            return len(search.search(session, filters, by_relevance=by_relevance))

    def get(self, path: str, **asked: Any) -> bytes:
        """An answer of the API or the page."""
        status, body = asyncio.run(request(self.app, path, urlencode(asked)))
        if status not in (200, 303, 404):
            raise RuntimeError(f"{path} {asked}: {status} {body[:300]!r}")
        return body


async def request(app: Any, path: str, query: str = "", *headers: tuple[bytes, bytes]) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    parts: list[bytes] = []
    status, asked = 0, False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:  # whoever asks stays until it is answered
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    await app(
        {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
            "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "headers": [(b"host", b"localhost"), *headers],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        },
        receive, send,
    )  # fmt: skip
    return status, b"".join(parts)


def questions(on: Asker) -> Iterator[Asked]:
    """The documented questions."""
    for name, statement in QUESTION.findall(PAGE.read_text(encoding="utf-8")):
        yield Asked(f"sql {name}", lambda statement=statement: on.sql(statement))


def forms(on: Asker) -> Iterator[Asked]:
    """The forms of the query language, newest first and by relevance."""
    word = on.word
    asked: dict[str, Callable[[], str]] = {
        "newest": lambda: "",
        "a frequent word": lambda: word(0, 100),
        "a word": lambda: word(100, 3_000),
        "a rare word": lambda: word(8_000),
        "two words": lambda: f"{word(0, 300)} {word(0, 300)}",
        "a phrase": lambda: f'"{word(0, 40)} {word(0, 40)}"',
        "word*": lambda: f"{word(40, 3_000)}*",
        "word -word": lambda: f"{word(0, 300)} -{word(0, 100)}",
        "-word": lambda: f"-{word(0, 2_000)}",
        "word OR word": lambda: f"{word(0, 3_000)} OR {word(0, 3_000)}",
        "(a OR b) c": lambda: f"({word(0, 900)} OR {word(0, 900)}) {word(0, 900)}",
        "a OR lang:": lambda: f"{word(100, 3_000)} OR lang:de",
        "title:": lambda: f"title:{word(0, 3_000)}",
        'title:"a b"': lambda: f'title:"{word(0, 30)} {word(0, 30)}"',
        "word title:": lambda: f"{word(0, 300)} title:{word(0, 1_000)}",
        "publisher:": lambda: f'publisher:"{on.publisher()}"',
        "word publisher:": lambda: f'{word(0, 2_000)} publisher:"{on.publisher()}"',
        "country:": lambda: f"country:{on.rng.choice(('sy', 'gb', 'jo', 'ru'))}",
        "word country:": lambda: f"{word(0, 2_000)} country:{on.rng.choice(('sy', 'gb', 'jo', 'ru'))}",
        "lang:": lambda: f"lang:{on.rng.choice(('ar', 'en', 'de', 'tr', 'ku'))}",
        "topic:": lambda: f"topic:{on.rng.choice(('isis', 'syria'))}",
        "word topic:": lambda: f"{word(0, 2_000)} topic:isis",
        "place:": lambda: f"place:{on.name('place')}",
        "actor:": lambda: f"actor:{on.name('actor')}",
        "place: actor:": lambda: f"place:{on.name('place')} actor:{on.name('actor')}",
        "word place:": lambda: f"{word(0, 1_000)} place:{on.name('place')}",
        "-place:": lambda: f"-place:{on.name('place')}",
        "since: until:": lambda: "since:{} until:{}".format(*on.span()),
        "word since: until:": lambda: "{} since:{} until:{}".format(word(0, 2_000), *on.span(7, 30, 365)),
        "score:>": lambda: f"score:>{on.rng.choice((0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999))}",
        "score:isis>=": lambda: f"score:isis>={on.rng.choice((0.5, 0.8, 0.95, 0.99, 0.999))}",
        "score: a range": lambda: "score:{}..{}".format(*on.rng.choice(((0.5, 0.7), (0.41, 0.45), (0.1, 0.2), (0.98, 0.99)))),
        "score:<": lambda: f"score:<{on.rng.choice((0.42, 0.45, 0.5, 0.6))}",
        "word score:>": lambda: f"{word(0, 1_000)} score:>{on.rng.choice((0.9, 0.99, 0.999))}",
        "score:> lang:": lambda: f"score:>{on.rng.choice((0.9, 0.99, 0.999))} lang:{on.rng.choice(('ar', 'de'))}",
        "role:": lambda: f"role:{on.rng.choice(('original', 'copy', 'related'))}",
        "because:": lambda: f"because:{on.rng.choice(('islamic-state', 'syria', 'homs', 'sdf'))}",
        "lang:(a OR b)": lambda: "lang:(tr OR de)",
        "-lang:": lambda: "-lang:en",
        "publisher: topic: since:": lambda: f'publisher:"{on.publisher()}" topic:isis since:{on.span(365)[0]}',
    }  # fmt: skip
    for name, make in asked.items():
        yield Asked(f"search {name}", lambda make=make: on.search(make()))
    for name in ("a frequent word", "a word", "two words", "a phrase", "word*", "word OR word", "word -word", "title:", "word topic:", "word since: until:"):  # fmt: skip
        make = asked[name]
        yield Asked(f"ranked {name}", lambda make=make: on.search(make(), by_relevance=True), RANKED)


def functions(on: Asker) -> Iterator[Asked]:
    """What commands and notebooks ask beside search."""

    def within(ask: Callable[[Any], object]) -> Callable[[], object]:
        def once() -> object:
            with on.database.read() as session:
                return ask(session)

        return once

    def days(**more: Any) -> Filters:
        since, until = on.span()
        return Filters(words=f"since:{since} until:{until}", scope=None, limit=50, **more)

    yield Asked("stats", within(search.stats))
    yield Asked("collected", within(search.collected))
    yield Asked("why, by number", within(lambda session: search.why(session, on.article())))
    yield Asked("count of a word", within(lambda s: search.count(s, Filters(words=on.word(100, 3_000)))))
    yield Asked("counts of some days", within(lambda s: [one(s, days()) for one in (counts.per_day, counts.per_publisher, counts.per_language, counts.per_country)]))  # fmt: skip
    yield Asked("stories of some days", within(lambda s: summaries.stories(s, days())))
    yield Asked("places of some days", within(lambda s: mentions.counts(s, kind="place", since=NOW.date() - timedelta(days=30))))  # fmt: skip


def calls(on: Asker) -> Iterator[Asked]:
    """The API."""
    word, get = on.word, on.get

    def api(name: str, path: str, make: Callable[[], dict[str, Any]], bound: float = BOUND) -> Asked:
        return Asked(f"api {name}", lambda: get(f"/api/v1/{path}", **make()), bound)

    def spanned(*lengths: int, **more: Any) -> dict[str, Any]:
        since, until = on.span(*lengths)
        return {"since": since, "until": until, **more}

    yield api("matches", "matches", dict)
    yield api("matches, 200", "matches", lambda: {"limit": 200})
    yield api("matches q", "matches", lambda: {"q": word(0, 3_000), "snippets": "true"})
    yield api("matches by relevance", "matches", lambda: {"q": word(0, 3_000), "order": "relevance"}, RANKED)
    yield api("matches of days", "matches", lambda: spanned(topic="isis"))
    yield api("matches publisher", "matches", lambda: {"publisher": on.publisher()})
    yield api("matches country language", "matches", lambda: {"country": "SY", "language": "ar"})
    yield api("matches place actor", "matches", lambda: {"place": on.name("place"), "actor": on.name("actor")})
    yield api("matches role story", "matches", lambda: {"role": "copy", "story": on.rng.randint(1, on.last_story)})
    yield Asked("api matches, a later page", lambda: _later(on))
    yield Asked("api articles/{id}", lambda: get(f"/api/v1/articles/{on.article()}"))
    yield api("stories", "stories", dict)
    yield api("stories of days", "stories", lambda: spanned(topic="isis"))
    yield api("stories q", "stories", lambda: {"q": word(0, 3_000)})
    yield Asked("api stories/{id}", lambda: get(f"/api/v1/stories/{on.rng.randint(1, on.last_story)}"))
    yield api("feeds", "feeds", dict)
    for by in ("day", "publisher", "language", "country"):
        yield api(f"counts by {by}", "counts", lambda by=by: {"by": by})
        yield api(f"counts by {by}, topic, days", "counts", lambda by=by: spanned(30, 366, by=by, topic="isis"))
        yield api(f"counts by {by}, q", "counts", lambda by=by: {"by": by, "q": word(0, 3_000)})
    yield api("coverage", "coverage", dict)
    yield api("coverage, 28 days", "coverage", lambda: {"since": "28d"})
    yield Asked("api openapi.json", lambda: get("/api/v1/openapi.json"))


def _later(on: Asker) -> bytes:
    found = re.search(rb'"next": ?"([^"]+)"', on.get("/api/v1/matches", q=on.word(0, 300), limit=20))
    return on.get("/api/v1/matches", q=on.word(0, 300)) if found is None else found[1]


def pages(on: Asker) -> Iterator[Asked]:
    """The analysts' page."""
    get = on.get
    yield Asked("page /", lambda: get("/"))
    yield Asked("page /?q", lambda: get("/", q=on.word(0, 3_000)))
    yield Asked("page /?topic&language", lambda: get("/", topic="isis", language="ar"))
    yield Asked("page /?before", lambda: get("/", before=on.article()))
    yield Asked("page /article", lambda: get(f"/article/{on.article()}"))
    yield Asked("page /story", lambda: get(f"/story/{on.rng.randint(1, on.last_story)}"))
    for path in ("stories", "timeline", "map", "publishers", "feeds"):
        yield Asked(f"page /{path}", lambda path=path: get(f"/{path}"))
        for days in (30, 90, 365):
            yield Asked(f"page /{path}?days={days}", lambda path=path, days=days: get(f"/{path}", days=days))
    yield Asked("page /timeline?topic", lambda: get("/timeline", topic="isis", days=365))
    yield Asked("page /review", lambda: get("/review"))
    yield Asked("page /review?topic", lambda: get("/review", topic="isis"))
    yield Asked("page /api", lambda: get("/api"))


def timed(one: Asked, runs: int, on: Asker, clock: Callable[[], float]) -> list[float]:
    """Milliseconds of each run, sorted; one run before is not counted."""
    on.rng.seed(one.name)
    one.ask()
    times = []
    for _ in range(runs):
        begun = clock()
        one.ask()
        times.append((clock() - begun) * 1000)
    return sorted(times)


def processor(server: int | None, name: str) -> float:
    """Seconds of processor that this process has taken, and those of a server that work for the database of that name (Linux).

    Its first process has the number `server`; that one knows what processes took that have ended, of whatever database.
    """
    taken = time.process_time()
    if server is None:
        return taken
    ended = Path(f"/proc/{server}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[13:15]
    taken += sum(map(int, ended)) / os.sysconf("SC_CLK_TCK")
    for child in Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii").split():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            title = Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8", errors="replace")
            if f" {name} " in title:
                taken += int(Path(f"/proc/{child}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    return taken


def plans(one: Asked, database: Database) -> None:
    """Print how the database goes about it: every statement with its plan."""
    seen: dict[str, Any] = {}

    def look(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        seen.setdefault(statement, parameters)

    event.listen(database._reader, "before_cursor_execute", look)
    one.ask()
    event.remove(database._reader, "before_cursor_execute", look)
    word = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN ANALYZE "
    with database.read() as session:
        for statement, parameters in seen.items():
            if not statement.lstrip().upper().startswith(("SELECT", "WITH")):
                continue
            print(f"    {' '.join(statement.split())[:600]}")
            for row in session.connection().exec_driver_sql(word + statement, parameters).all():
                print(f"        {row[-1]}")


def main() -> None:
    """Ask everything; print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="a store that bench/million.py filled")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", default="", help="what has this in its name (a regular expression)")
    parser.add_argument("--plans", action="store_true", help="also print the statements and their plans")
    parser.add_argument("--cpu", action="store_true", help="processor time, on a machine that has other work")
    parser.add_argument(
        "--server", type=int, metavar="PID", help="with --cpu: the server's first process, on this machine"
    )
    parser.add_argument("--slow", action="store_true", help="print only what is over half its bound")
    given = parser.parse_args()
    gc.set_threshold(COLLECT_AFTER)  # as every command of ours, `levantwatch web` among them
    database = open_database(given.url)
    on = Asker(database, 1)
    gc.freeze()  # as `levantwatch web` does when it begins to serve
    name = database.name.rpartition("/")[2]
    clock = (lambda: processor(given.server, name)) if given.cpu else time.perf_counter
    print(
        f"{database.dialect}, {on.last_story:,} stories, {given.runs} runs each\n{'p50':>8} {'p95':>8} {'max':>8}  ms"
    )
    late = asked = 0
    for one in (one for kind in (questions, forms, functions, calls, pages) for one in kind(on)):
        if not re.search(given.only, one.name):
            continue
        times = timed(one, given.runs, on, clock)
        p95 = times[max(0, -(-95 * len(times) // 100) - 1)]
        late, asked = late + (p95 > one.bound), asked + 1
        if not given.slow or p95 > one.bound / 2:
            mark = f"  over {one.bound:.0f}" if p95 > one.bound else ""
            print(f"{statistics.median(times):8.1f} {p95:8.1f} {times[-1]:8.1f}  {one.name}{mark}", flush=True)
        if given.plans:
            plans(one, database)
    print(f"{asked} asked, {late} over their bound")
    database.close()
    sys.exit(late > 0)


if __name__ == "__main__":
    main()
