"""The ledger counted block by block: how many entries there are in each state, how many pages were read, how many listings there are.

A block is `SIZE` entries by their ids. A row says what counting one gave, and triggers drop it as soon as an entry or a listing of the
block comes, changes or goes, whoever writes; blocks without a row are counted anew. So no row is ever needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field
from sqlalchemy import Column, Connection, Select, and_, func, insert, or_, select, text
from sqlalchemy.orm import Session

from storage.models import ENTRIES, ENTRY_BLOCKS, SIGHTING_BLOCKS, SIGHTINGS
from storage.portable import is_sqlite

SIZE = 4_000
MOST_OPEN = 20  # stretches without rows; where there are more, everything is counted
_ASKED = and_(ENTRIES.c.attempts > 0, ENTRIES.c.url.is_not(None))
_COUNTED = (
    func.count(),
    func.count().filter(and_(_ASKED, ENTRIES.c.error.is_(None), ENTRIES.c.claimed_at.is_(None))),
    func.count().filter(and_(_ASKED, ENTRIES.c.error.is_not(None))),
)
_LISTED = (func.count(), func.count(SIGHTINGS.c.entry_id.distinct()))
_WATCHED = {"entries": ("id", ("id", "state", "attempts", "url", "error", "claimed_at")), "sightings": ("entry_id", ("entry_id",))}  # fmt: skip
_TABLES = {"entries": ENTRY_BLOCKS, "sightings": SIGHTING_BLOCKS}


class Ledger(Struct):
    """Entries by their state; of all how many pages were read (`fetched`), and how many were asked for in vain."""

    states: Counter[str] = field(default_factory=Counter)
    fetched: int = 0
    unreadable: int = 0

    def add(self, state: str, number: int, fetched: int, unreadable: int) -> None:
        """Take in what was counted somewhere."""
        self.states[state] += number
        self.fetched += fetched
        self.unreadable += unreadable


def ledger(session: Session) -> Ledger:
    """All entries, counted."""
    found = Ledger()
    blocks = ENTRY_BLOCKS.c
    open_ = _open(session, ENTRIES.c.id, select(blocks.block).where(blocks.state == ""))
    if open_ is not None:
        kept = select(blocks.state, func.sum(blocks.entries), func.sum(blocks.fetched), func.sum(blocks.unreadable))
        for state, *numbers in session.execute(kept.where(blocks.state != "").group_by(blocks.state)):
            found.add(state, *map(int, numbers))
    for part in _parts(select(ENTRIES.c.state, *_COUNTED).group_by(ENTRIES.c.state), ENTRIES.c.id, open_):
        for row in session.execute(part):
            found.add(*row)
    return found


def listings(session: Session) -> tuple[int, int]:
    """How many listings there are, and of how many entries."""
    blocks = SIGHTING_BLOCKS.c
    open_ = _open(session, SIGHTINGS.c.entry_id, select(blocks.block))
    number, entries = 0, 0
    if open_ is not None:
        kept = select(func.coalesce(func.sum(blocks.listings), 0), func.coalesce(func.sum(blocks.entries), 0))
        number, entries = map(int, session.execute(kept).one())
    for part in _parts(select(*_LISTED), SIGHTINGS.c.entry_id, open_):
        more, of = session.execute(part).one()
        number, entries = number + more, entries + of
    return number, entries


def _open(session: Session, id_: Column[int], kept: Select[Any]) -> list[tuple[int, int]] | None:
    """The stretches of ids whose blocks have no row; None for too many."""
    blocks = set(session.scalars(kept))
    found: list[tuple[int, int]] = []
    for block in _blocks(session, id_):
        if block in blocks:
            continue
        if found and found[-1][1] == block * SIZE:
            found[-1] = (found[-1][0], (block + 1) * SIZE)
        else:
            found.append((block * SIZE, (block + 1) * SIZE))
        if len(found) > MOST_OPEN:
            return None
    return found


def _blocks(session: Session, id_: Column[int]) -> range:
    # two questions: of both at once no database asks its index
    first, last = session.scalar(select(func.min(id_))), session.scalar(select(func.max(id_)))
    return range(0) if first is None or last is None else range(first // SIZE, last // SIZE + 1)


def _parts(
    query: Select[*tuple[Any, ...]], id_: Column[int], open_: list[tuple[int, int]] | None
) -> Iterator[Select[*tuple[Any, ...]]]:
    if open_ is None:
        yield query
    elif open_:
        yield query.where(or_(*(and_(id_ >= low, id_ < high) for low, high in open_)))


def seal(session: Session, *, entries: bool, most: int = 5) -> int:
    """Count at most so many blocks that have no row, of entries or of listings, latest first and not the one that fills; how many
    it did. A transaction of its own."""
    id_, table = (ENTRIES.c.id, ENTRY_BLOCKS) if entries else (SIGHTINGS.c.entry_id, SIGHTING_BLOCKS)
    if not is_sqlite(session):  # whoever has written and not yet committed is waited for, else a row might lack it
        session.execute(text(f"LOCK TABLE {id_.table.name} IN SHARE MODE"))
    newest = session.scalar(select(func.max(ENTRIES.c.id))) or 0
    there = set(session.scalars(select(table.c.block).distinct()))
    open_ = [one for one in reversed(_blocks(session, id_)) if one not in there and one < newest // SIZE][:most]
    for block in open_:
        within = and_(id_ >= block * SIZE, id_ < (block + 1) * SIZE)
        if entries:
            rows = session.execute(select(ENTRIES.c.state, *_COUNTED).where(within).group_by(ENTRIES.c.state)).all()
            names = ("state", "entries", "fetched", "unreadable")
            counted = [dict(zip(names, row, strict=True)) for row in (("", 0, 0, 0), *rows)]
        else:
            row = session.execute(select(*_LISTED).where(within)).one()
            counted = [dict(zip(("listings", "entries"), row, strict=True))]
        session.execute(insert(table), [{"block": block, **one} for one in counted])
    return len(open_)


def make_triggers(connection: Connection) -> None:
    """Make the triggers anew, as those of the tallies are."""
    make = _sqlite_triggers if connection.dialect.name == "sqlite" else _postgres_triggers
    for table, (id_, columns) in _WATCHED.items():
        for statement in make(table, _TABLES[table].name, id_, columns):
            connection.exec_driver_sql(statement)


def _sqlite_triggers(table: str, blocks: str, id_: str, columns: tuple[str, ...]) -> Iterator[str]:
    changed = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in columns)
    for name, event, when, rows in (
        ("came", "INSERT", "", ("NEW",)),
        ("went", "DELETE", "", ("OLD",)),
        ("changed", f"UPDATE OF {', '.join(columns)}", f"WHEN {changed} ", ("OLD", "NEW")),
    ):
        yield f"DROP TRIGGER IF EXISTS tallies_{table}_{name}"
        yield (
            f"CREATE TRIGGER tallies_{table}_{name} AFTER {event} ON {table} {when}"
            f"BEGIN DELETE FROM {blocks} WHERE block IN ({_blocks_of(id_, rows)}); END"
        )


def _postgres_triggers(table: str, blocks: str, id_: str, columns: tuple[str, ...]) -> Iterator[str]:
    """One call for each statement that inserts or deletes, for rows come and go by dozens; they change one by one."""
    old, new = (", ".join(f"{row}.{name}" for name in columns) for row in ("OLD", "NEW"))
    changed = f"FOR EACH ROW WHEN (({old}) IS DISTINCT FROM ({new}))"
    of_all = f"SELECT {id_} / {SIZE} FROM these"
    for name, event, how, rows in (
        ("came", "INSERT", "REFERENCING NEW TABLE AS these FOR EACH STATEMENT", of_all),
        ("went", "DELETE", "REFERENCING OLD TABLE AS these FOR EACH STATEMENT", of_all),
        ("changed", f"UPDATE OF {', '.join(columns)}", changed, _blocks_of(id_, ("OLD", "NEW"))),
    ):
        yield (
            f"CREATE OR REPLACE FUNCTION tallies_{table}_{name}() RETURNS trigger LANGUAGE plpgsql"
            f" AS $$BEGIN DELETE FROM {blocks} WHERE block IN ({rows}); RETURN NULL; END$$"
        )
        yield f"DROP TRIGGER IF EXISTS tallies_{table}_{name} ON {table}"
        yield (
            f"CREATE TRIGGER tallies_{table}_{name} AFTER {event} ON {table} {how}"
            f" EXECUTE FUNCTION tallies_{table}_{name}()"
        )


def _blocks_of(id_: str, rows: tuple[str, ...]) -> str:
    return ", ".join(f"{row}.{id_} / {SIZE}" for row in rows)
