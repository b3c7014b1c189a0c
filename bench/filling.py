"""Writes rows in bulk and past the program, into either database; a room of bench/million.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import multiplied
import repeated

from storage.db import Database
from storage.pairs import pair_bits

Row = tuple[Any, ...]
Write = Callable[[str, Sequence[str], list[Row]], None]


@contextmanager
def into_sqlite(database: Database, times: int, tell: Callable[[str], None]) -> Iterator[Write]:
    """Writes past the program into the file, without a journal; indexes are made at the end, when everything stands there so many times."""
    with database._writer.connect() as connection:
        raw: Any = connection.connection.driver_connection
        for word in (
            "foreign_keys = OFF",
            "journal_mode = OFF",
            "synchronous = OFF",
            "locking_mode = EXCLUSIVE",
            "temp_store = MEMORY",
            "cache_size = -8000000",  # 8 GB: each repetition writes to places all over the texts and the unique keys
            "threads = 2",
        ):
            raw.execute(f"PRAGMA {word}").fetchall()
        _flush_words(raw, 64 << 20)
        indexes = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
        for name, _ in indexes:
            raw.execute(f"DROP INDEX {name}")
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE name LIKE 'tallies_%'").fetchall():
            raw.execute(f"DROP TRIGGER IF EXISTS {name}")  # made anew at the end, as the tallies are

        def write(table: str, columns: Sequence[str], rows: list[Row]) -> None:
            raw.execute("BEGIN IMMEDIATE")
            if table == "words":
                raw.executemany("INSERT INTO articles_fts (rowid, document) VALUES (?, ?)", [row[:2] for row in rows])
                raw.executemany(
                    "INSERT INTO titles_fts (rowid, document) VALUES (?, ?)", [(row[0], row[2]) for row in rows]
                )
            else:
                marks = ", ".join("?" * len(columns))
                raw.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
            raw.execute("COMMIT")

        yield write
        if times > 1:
            repeated.repeat(raw, times, tell)
        _flush_words(raw, 1 << 20)  # as it is unless told
        raw.execute("PRAGMA temp_store = FILE")  # an index of 30 million rows is sorted on the disk
        for name, sql in indexes:
            raw.execute(sql)
            tell(name)
        # The whole of it, as the nightly pruning does: with a limit a table's indexes tell of different numbers of rows, and SQLite makes
        # a Bloom filter of eight million articles for fifty.
        raw.execute("ANALYZE")
        raw.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.invalidate()


def _flush_words(raw: Any, size: int) -> None:
    """Let the full-text indexes gather so many bytes before they write a piece, which must be merged with others."""
    for table in ("articles_fts", "titles_fts"):
        raw.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('hashsize', {size})")


@contextmanager
def into_postgres(database: Database, times: int, tell: Callable[[str], None]) -> Iterator[Write]:
    """COPY, with neither foreign keys nor indexes; they are made at the end, when everything stands there so many times."""
    with database._writer.connect() as connection:
        raw: Any = connection.connection.driver_connection
        raw.execute(
            "SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '1GB'"
        )
        raw.execute("CREATE TEMPORARY TABLE words (rowid bigint, document text, title text)")
        indexes = raw.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        ).fetchall()
        for name, _ in indexes:
            raw.execute(f"DROP INDEX {name}")
        if times > 1:
            multiplied.begin(raw)
        raw.commit()

        def write(table: str, columns: Sequence[str], rows: list[Row]) -> None:
            with raw.cursor() as cursor:
                with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
                if table == "words":
                    for name, column in (("articles_fts", "document"), ("titles_fts", "title")):
                        cursor.execute(f"INSERT INTO {name} SELECT rowid, to_tsvector('simple', {column}) FROM words")
                    cursor.execute("TRUNCATE words")
                    with cursor.copy("COPY articles_pairs (rowid, bits) FROM STDIN") as copy:
                        for key, document, _ in rows:
                            copy.write_row((key, pair_bits(document.split())))
            raw.commit()

        yield write
        if times > 1:
            multiplied.end(raw, times, tell)
        for _, sql in indexes:
            raw.execute(sql)
            raw.commit()
        tell("indexes are made")
        for table in ("entries", "stories", "feeds", "runs"):
            raw.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        raw.commit()
        raw.autocommit = True
        raw.execute("VACUUM ANALYZE")
        connection.invalidate()
