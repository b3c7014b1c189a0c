"""What Postgres' planner is told for one statement, or for the rest of a transaction: a room of looking.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.orm import Session

_NO_SCANS = "SET LOCAL enable_seqscan = off"
_ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"  # a second process starts in the time in which enough is found
# A look at a row costs a hundred steps of an index, and a single list is not read in the order of another index; where several meet,
# each may be such an index.
_LISTS, _ONE_LIST = "SET LOCAL cpu_tuple_cost = 1", "SET LOCAL enable_indexscan = off"
_AS_BEFORE = "; ".join(
    f"SET LOCAL {name} TO DEFAULT" for name in ("cpu_tuple_cost", "max_parallel_workers_per_gather", "enable_indexscan")
)


def no_scans(session: Session) -> None:
    """Texts are never all read, in the rest of the transaction either."""
    session.execute(text(_NO_SCANS))


@contextmanager
def alone(session: Session) -> Iterator[None]:
    """Plan what is asked meanwhile for one process, which stops when it has found enough."""
    with _told(session, _NO_SCANS, _ALONE):
        yield


@contextmanager
def for_lists(session: Session, *, one: bool = False) -> Iterator[None]:
    """Plan what is asked meanwhile for lists that meet, or for `one`, not for reading each document of some days."""
    with _told(session, _NO_SCANS, _ALONE, _LISTS, *([_ONE_LIST] if one else [])):
        yield


@contextmanager
def together(session: Session) -> Iterator[None]:
    """Ask a disk for rows that lie apart all at once, not one by one."""
    with _told(session, _ONE_LIST):
        yield


@contextmanager
def _told(session: Session, *settings: str) -> Iterator[None]:
    session.execute(text("; ".join(settings)))
    yield
    session.execute(text(_AS_BEFORE))
