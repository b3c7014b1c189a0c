"""The schema: which version a database has, how it is made and upgraded. A room of db.py.

Alembic is imported only when there is something to migrate: every command would pay 0.2 s for it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Connection, inspect, text
from sqlalchemy.sql.schema import SchemaItem

from storage import ledger_blocks, name_tallies, poll_days, statistics, tallies
from storage.base import Base
from storage.errors import ForeignSchema, SchemaNewer, SchemaOutdated, StorageError
from storage.full_text import FULL_TEXT_TABLES
from storage.models import ENTRY_BLOCKS, NAME_TALLIES, POLL_DAYS, TALLIES
from storage.views import VIEWS

VERSION_TABLE = "levantwatch_version"  # not Alembic's own name: another program may share a Postgres database


class History(Struct, frozen=True):
    """The revisions that a program knows, oldest first, and the folder in which Alembic finds them."""

    revisions: tuple[str, ...]
    folder: Path

    @property
    def head(self) -> str:
        """The newest revision."""
        return self.revisions[-1]


# named here, so that a reader need not ask Alembic; a test holds it equal to the files of storage/migrations/versions
_REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0010",
    "0009",
    "0007",
    "0008",
    "0006",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
    "0016",
    "0017",
    "0018",
    "0019",
    "0020",
    "0021",
    "0022",
    "0023",
)
# what is kept up by triggers, by its table
_TRIGGERS = {
    TALLIES.name: tallies.make_triggers,
    NAME_TALLIES.name: name_tallies.make_triggers,
    POLL_DAYS.name: poll_days.make_triggers,
    ENTRY_BLOCKS.name: ledger_blocks.make_triggers,
}
HISTORY = History(_REVISIONS, Path(__file__).with_name("migrations"))


def read_version(connection: Connection) -> str | None:
    """The revision that the database says it has; None for one without levantwatch's tables."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    return None if version is None else str(version)


def check_version(version: str, history: History) -> None:
    """Raise unless this is the revision that the program knows as the newest."""
    if version not in history.revisions:
        raise SchemaNewer
    if version != history.head:
        raise SchemaOutdated


def bring_up_to_date(connection: Connection, history: History, *, upgrade: bool, tell: Callable[[str], None]) -> None:
    """Make or upgrade the schema on a connection that holds the database alone, inside its transaction; `tell` of what takes long.

    On SQLite foreign keys must be off: recreating a table would silently delete its children's rows.
    """
    version = read_version(connection)
    if version == history.head:
        return  # another process was faster
    if version is None:
        _refuse_foreign_tables(connection)
    elif version not in history.revisions or not upgrade:
        check_version(version, history)
    else:
        tell(
            f"bringing the schema from {version} to {history.head}; with a million matches an upgrade can take many minutes"
        )
    indexes = statistics.indexes(connection)
    # a view in the way makes SQLite's rename fail half-way, as does a trigger of another table; so they go first and come back last
    for name in reversed(VIEWS):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
    name_tallies.drop_triggers(connection)
    _run_alembic(connection, history, tell)
    tables = set(inspect(connection).get_table_names())  # a test's history may end before the tallies
    for name, view in VIEWS.items():
        if name != "daily_names" or NAME_TALLIES.name in tables:
            connection.execute(text(view))  # not as it is: psycopg takes % for a placeholder
    for table, make_triggers in _TRIGGERS.items():
        if table in tables:
            make_triggers(connection)
    if version is not None:
        statistics.refresh_changed(connection, indexes, tell)
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(3)
        if broken:
            raise StorageError(f"the upgrade was undone: it would have left rows without their parents, as in {broken}")


def is_modelled(thing: SchemaItem, name: str | None, kind: str, reflected: bool, twin: SchemaItem | None) -> bool:
    """Alembic's include_object: everything but the full-text indexes and their shadow tables."""
    return not (kind == "table" and name in FULL_TEXT_TABLES)


def _run_alembic(connection: Connection, history: History, tell: Callable[[str], None]) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic reads the path through configparser, where % begins a reference
    config.set_main_option("script_location", str(history.folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["tell"] = tell
    command.upgrade(config, history.head)


def _refuse_foreign_tables(connection: Connection) -> None:
    names = set(inspect(connection).get_table_names())
    ours = names if connection.dialect.name == "sqlite" else names & set(Base.metadata.tables)
    if ours:
        raise ForeignSchema
