"""How far back to look for the newest of some hits, so that little more is read than is shown: a room of looking.py, for Postgres alone.

The list of an index is in no order, and of each hit its row is read. So the hits among the newest documents are read first, of as many
documents as should hold enough, then of up to eight times as many, and only then all. Where so many documents begin, Postgres knows already:
the histogram of its statistics divides the keys of a table into parts of as many rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import TableClause, text
from sqlalchemy.orm import Session

WIDEST = 1_000_000  # documents; a step of the index of keys is 40 ns, so that as many cost 40 ms beside the list
GROWTH = 8
_KNOWN = text("""
SELECT c.reltuples, CAST(CAST(s.histogram_bounds AS text) AS bigint[])
FROM pg_class c
LEFT JOIN pg_stats s ON s.schemaname = CAST(CAST(c.relnamespace AS regnamespace) AS text) AND s.tablename = c.relname AND s.attname = 'rowid'
WHERE c.oid = to_regclass(:name)
""")


class Spread(Struct, frozen=True):
    """How many rows an index's table has, and the keys that divide it into parts of as many; none where Postgres never looked."""

    rows: float
    bounds: Sequence[int]

    @classmethod
    def of(cls, session: Session, index: TableClause) -> Spread:
        """What Postgres knows of it: as much as its last ANALYZE saw."""
        rows, bounds = session.execute(_KNOWN, {"name": index.name}).one()
        return cls(max(0.0, rows), bounds or ())

    def floor(self, low: int | None, high: int | None, share: float) -> int | None:
        """The key from which on such a share of all rows lies below `high`; `low` if that is no further, or when these are too many to be
        told by their keys."""
        parts = max(1, len(self.bounds) - 1)
        end = len(self.bounds) if high is None else bisect_left(self.bounds, high)
        place = end - max(2, round(share * parts) + 1)
        if not self.bounds or self.rows * share > WIDEST or place <= 0:
            return low
        return self.bounds[place] if low is None or self.bounds[place] > low else low

    def further(self, share: float, wanted: int, found: int) -> float:
        """The share in which as many as are wanted should stand, when `found` stand in this one."""
        return max(share, 1 / max(1, len(self.bounds) - 1)) * min(GROWTH, 2 * wanted / max(1, found))

    def number(self, low: int | None, high: int | None) -> float:
        """About how many rows are between two keys."""
        first = 0 if low is None else bisect_left(self.bounds, low)
        last = len(self.bounds) if high is None else bisect_left(self.bounds, high)
        return self.rows * max(0, last - first) / max(1, len(self.bounds) - 1)
