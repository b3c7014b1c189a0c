"""Repeats what bench/million.py filled, in SQLite itself, as bench/multiplied.py does in Postgres: tables are read and appended to.

Each repetition has numbers, addresses and stories of its own and stands so many tenths of ten years later (what would be later than today
begins again ten years ago). One repetition is written after the other, so a day of the full store lies in as many places of a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from invented import DAYS

# by what its rows are told apart; stories move as a whole
MOVED = {
    "entries": "id", "sightings": "entry_id", "articles": "id", "carriers": "article_id", "verdicts": "entry_id",
    "evidence_terms": "entry_id", "mentions": "entry_id", "articles_fts": "rowid", "titles_fts": "rowid",
}  # fmt: skip
_TIMES = {"published_at", "first_seen_at", "last_seen_at", "triaged_at", "finished_at", "fetched_at", "stored_at", "changed_at", "decided_at", "at", "created_at", "first_at", "last_at"}  # fmt: skip
_NAMED = {"key", "url", "canonical_url", "guid"}
_NUMBERS = {"id", "entry_id", "article_id", "root_id", "copy_of"}
_PLACES = """
CREATE TEMP TABLE places (id INTEGER PRIMARY KEY, at TEXT NOT NULL);
INSERT INTO places SELECT e.id, substr(coalesce(s.created_at, e.first_seen_at), 1, 10)
FROM entries e LEFT JOIN articles a ON a.id = e.id LEFT JOIN stories s ON s.id = a.story_id ORDER BY e.id;
CREATE TEMP TABLE keys (key INTEGER PRIMARY KEY, id INTEGER NOT NULL);
INSERT INTO keys SELECT sort_key, id FROM articles ORDER BY sort_key;
CREATE TEMP TABLE first_verdicts AS SELECT * FROM verdicts ORDER BY id;
CREATE TEMP TABLE first_sightings AS SELECT * FROM sightings;
CREATE TEMP TABLE moves (id INTEGER PRIMARY KEY, days INTEGER NOT NULL);
"""


def repeat(raw: Any, times: int, tell: Callable[[str], None]) -> None:
    """Write everything so many times, beside what is there."""
    raw.executescript(_PLACES)
    most, stories, last = raw.execute("SELECT max(e.id), (SELECT max(id) FROM stories), (SELECT max(at) FROM places) FROM entries e").fetchone()  # fmt: skip
    for k in range(1, times):
        days = k * DAYS // times
        moved = f"{days} - CASE WHEN date(at, '+{days} days') > '{last}' THEN {DAYS} ELSE 0 END"
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("DELETE FROM moves")
        raw.execute(f"INSERT INTO moves SELECT id, {moved} FROM places ORDER BY id")
        shift = {"id": k * most, "story_id": k * stories}
        for statement in _statements(raw, k, shift, moved.replace("at,", "t.created_at,")):
            raw.execute(statement)
        raw.execute("COMMIT")
        tell(f"{k + 1} times")


def _statements(raw: Any, k: int, shift: dict[str, int], moved: str) -> Iterator[str]:
    names = [row[1] for row in raw.execute("PRAGMA table_info(stories)")]
    shown = (_shown("stories", name, k, {**shift, "id": shift["story_id"]}, f"({moved})") for name in names)
    yield f"INSERT INTO stories ({_quoted(names)}) SELECT {', '.join(shown)} FROM stories t WHERE t.id <= {shift['story_id'] // k} ORDER BY t.id"
    for table, column in MOVED.items():
        if column == "rowid":
            key = _later("t.key", "m.days", shift["id"])
            yield (
                f"INSERT INTO {table} (rowid, document) SELECT {key}, f.document"
                f" FROM keys t JOIN moves m ON m.id = t.id JOIN {table} f ON f.rowid = t.key ORDER BY t.key"
            )
            continue
        names = [row[1] for row in raw.execute(f"PRAGMA table_info({table})") if (table, row[1]) != ("verdicts", "id")]
        shown = (_shown(table, name, k, shift, "m.days") for name in names)
        # those of these two lie in an order of their own: a copy, lest each repetition reads all that were written
        first = f"first_{table}" if table in ("sightings", "verdicts") else table
        ordered = "" if first != table else f" ORDER BY t.{column}"
        yield (
            f"INSERT INTO {table} ({_quoted(names)}) SELECT {', '.join(shown)}"
            f" FROM {first} t CROSS JOIN moves m ON m.id = t.{column} WHERE t.{column} <= {shift['id'] // k}{ordered}"
        )


def _shown(table: str, name: str, k: int, shift: dict[str, int], days: str) -> str:
    """What stands in a column of a repetition."""
    if name in _NUMBERS:
        return f"t.{name} + {shift['id']}"
    if name == "story_id":
        return f"t.story_id + {shift['story_id']}"
    if name in _NAMED:
        return f"t.{name} || '.{k}'"
    if name in _TIMES:
        return f"strftime('%Y-%m-%dT%H:%M:%S', substr(t.{name}, 1, 19), {days} || ' days') || substr(t.{name}, 20)"
    if name == "day":
        return f"date(t.day, {days} || ' days')"
    if name == "sort_key":
        return _later("t.sort_key", days, shift["id"])
    return f't."{name}"'


def _later(key: str, days: str, number: int) -> str:
    """A sort key so many days later, of the article whose number is so much higher."""
    return f"(((({key} >> 32) + {days} * 1440) << 32) + ({key} & 4294967295) + {number})"


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
