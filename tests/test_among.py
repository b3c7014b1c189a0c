"""One of many numbers, as one parameter."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from storage_samples import add_feed, list_entries, seen

from storage.among import among
from storage.db import Database
from storage.models import ENTRIES

_SOME = select(ENTRIES.c.id).where(among(ENTRIES.c.id, "ids")).order_by(ENTRIES.c.id)


def test_the_rows_of_these_numbers_are_found(database: Database) -> None:
    ids = list_entries(database, add_feed(database), *map(seen, range(1, 6)))
    with database.read() as session:
        assert list(session.scalars(_SOME, {"ids": {ids[3], ids[1], 10**12}})) == [ids[1], ids[3]]
        assert list(session.scalars(_SOME, {"ids": []})) == []
        assert list(session.scalars(_SOME, {"ids": ids})) == list(ids)


@pytest.mark.parametrize("schema_url", ["sqlite"], indirect=True)
def test_sqlite_seeks_them(database: Database) -> None:
    with database.read() as session:
        sql = str(_SOME.compile(session.get_bind())).replace("?", "'[1, 2]'")
        plan = [row.detail for row in session.execute(text(f"EXPLAIN QUERY PLAN {sql}"))]
    assert plan[0].startswith("SEARCH entries USING INTEGER PRIMARY KEY")
