"""Repeats what bench/million.py filled, in Postgres itself: ten times as much in a quarter of the time that Python takes.

Each repetition has numbers, addresses and stories of its own and stands so many tenths of ten years later (what would be later than today
begins again ten years ago), so that the same text does not stand beside itself. Everything is written in the order of time, as
it would have come. Texts, publishers, scores and who copies whom are the same each time: a word is as frequent as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from invented import DAYS

# what is written first stands in a schema of its own, with an index of what it is looked up by
LOOKED_UP = {
    "entries": "id", "sightings": "entry_id", "stories": "id", "articles": "id", "carriers": "article_id", "verdicts": "entry_id",
    "evidence_terms": "entry_id", "mentions": "entry_id", "articles_fts": "rowid", "titles_fts": "rowid", "articles_pairs": "rowid",
}  # fmt: skip

# Every entry and every story under its new number, and the days that it moves. Those of a story move together.
MOVES = f"""
CREATE UNLOGGED TABLE filled.story_moves AS
SELECT (was - 1 + k * step) % most * {{times}} + k + 1 AS id, was, k, days - CASE WHEN at + days * interval '1 day' > last THEN {DAYS} ELSE 0 END AS days
FROM (SELECT max(id) AS most, max(id) / {{times}} AS step, max(created_at) AS last FROM filled.stories) sizes,
    (SELECT k, k * {DAYS} / {{times}} AS days FROM generate_series(0, {{times}} - 1) k) ks, (SELECT id AS was, created_at AS at FROM filled.stories) them;
CREATE UNIQUE INDEX ON filled.story_moves (was, k);
CREATE UNLOGGED TABLE filled.moves AS
SELECT place.id, place.was, place.k, a.sort_key AS old_key, s.id AS story, moved.days, moved.days * interval '1 day' AS later,
    (((a.sort_key >> 32) + moved.days * 1440) << 32) + place.id AS new_key
FROM (
    SELECT n + 1 AS id, (n / {{times}} - k * step + most) % most + 1 AS was, k, k * {DAYS} / {{times}} AS days, last
    FROM (SELECT max(id) AS most, max(id) / {{times}} AS step, max(first_seen_at) AS last FROM filled.entries) sizes,
        generate_series(0, most * {{times}} - 1) n, LATERAL (SELECT (n % {{times}})::int AS k) kth
) place
JOIN filled.entries e ON e.id = place.was
LEFT JOIN filled.articles a ON a.id = place.was
LEFT JOIN filled.story_moves s ON s.was = a.story_id AND s.k = place.k,
LATERAL (
    SELECT coalesce(s.days, place.days - CASE WHEN e.first_seen_at + place.days * interval '1 day' > place.last THEN {DAYS} ELSE 0 END) AS days
) moved
ORDER BY place.id;
CREATE INDEX ON filled.moves (was, k);
"""
_TIMES = ("published_at", "first_seen_at", "last_seen_at", "triaged_at", "finished_at", "fetched_at", "stored_at", "changed_at", "decided_at", "at")  # fmt: skip
_CHANGED = {
    **{name: f"t.{name} + m.later" for name in _TIMES},
    **{name: f"t.{name} || '.' || m.k" for name in ("key", "url", "canonical_url", "guid")},
    "day": "to_char((t.day::date + m.days), 'YYYY-MM-DD')", "sort_key": "m.new_key", "story_id": "m.story", "audit_rank": "random()",
    "root_id": "(SELECT r.id FROM filled.moves r WHERE r.was = t.root_id AND r.k = m.k)",
    "copy_of": "(SELECT r.id FROM filled.moves r WHERE r.was = t.copy_of AND r.k = m.k)",
}  # fmt: skip


def begin(raw: Any) -> None:
    """Let what is written to the tables go into copies of them."""
    raw.execute("CREATE SCHEMA filled")
    for table in LOOKED_UP:
        raw.execute(f"CREATE UNLOGGED TABLE filled.{table} (LIKE public.{table} INCLUDING DEFAULTS)")
    raw.execute("SET search_path = filled, public")


def end(raw: Any, times: int, tell: Callable[[str], None]) -> None:
    """Write everything so many times into the tables themselves; in one transaction, which spares the log (`wal_level = minimal`)."""
    for table, column in LOOKED_UP.items():
        raw.execute(f"CREATE INDEX ON filled.{table} ({column})")
    # joined in loops that begin with the moves, everything keeps their order
    raw.execute(
        "SET search_path = public; SET jit = off; SET enable_hashjoin = off; SET enable_mergejoin = off; ANALYZE"
    )
    raw.execute(MOVES.format(times=times))
    raw.execute("ANALYZE filled.moves; ANALYZE filled.story_moves")
    raw.commit()
    tell(f"{len(LOOKED_UP)} tables, {times} times")
    raw.execute("TRUNCATE entries, stories RESTART IDENTITY CASCADE; TRUNCATE articles_fts, titles_fts, articles_pairs")
    for table, column in LOOKED_UP.items():
        tell(f"{raw.execute(_copying(raw, table, column)).rowcount:,} rows of {table}")
    raw.commit()
    raw.execute("SET enable_hashjoin = on; SET enable_mergejoin = on; DROP SCHEMA filled CASCADE")
    raw.commit()


def _copying(raw: Any, table: str, column: str) -> str:
    names = [row[0] for row in raw.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position", (table,)
    )]  # fmt: skip
    if table == "verdicts":
        names.remove("id")  # counts on
    moves, was = ("filled.story_moves", "was") if table == "stories" else ("filled.moves", "was")
    changed = dict(_CHANGED)
    if column == "rowid":
        was, changed["rowid"] = "old_key", "m.new_key"
    else:
        changed[column] = "m.id"
    if table == "stories":
        changed |= {name: f"t.{name} + m.days * interval '1 day'" for name in ("created_at", "changed_at", "first_at", "last_at")}  # fmt: skip
    shown = ", ".join(changed.get(name, f't."{name}"') for name in names)
    quoted = (f'"{name}"' for name in names)
    # OFFSET 0: else the planner may begin with what was written, and each ten that are one stand side by side
    return (
        f"INSERT INTO {table} ({', '.join(quoted)})"
        f" SELECT {shown} FROM {moves} m"
        f" CROSS JOIN LATERAL (SELECT * FROM filled.{table} f WHERE f.{column} = m.{was} OFFSET 0) t"
    )
