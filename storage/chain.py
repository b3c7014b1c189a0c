"""The ledger of proof: lines of JSON that are only ever added, each with the SHA-256 of the one before.

Whoever changes a line breaks every later one; whoever rewrites them all gets another head, which is why heads are noted
elsewhere (`levantwatch seal`). A line holds hashes, numbers and reasons, never a text or an address: it cannot be removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from storage.models import PROOF_LEDGER
from storage.portable import alone_with
from storage.text import clean_json

NOTHING = "0" * 64  # what the first line has before it
_PAGE = 500  # lines in memory at once


@dataclass(frozen=True, slots=True)
class Head:
    """The newest line: its number, its hash, and when it was written."""

    seq: int
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the ledger as it is stored: nothing here has been checked."""

    seq: int
    at: datetime
    what: str
    entry_id: int | None
    line: str
    hash: str


def canonical(value: Any) -> str:
    """JSON that is the same for the same value: keys sorted, no spaces, UTF-8."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(text: str) -> str:
    """SHA-256 of a text's UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def stamp(moment: datetime) -> str:
    """A time as the ledger writes it: UTC, microseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def append(session: Session, *, what: str, entry_id: int, facts: Mapping[str, Any], now: datetime) -> int:
    """Add a line and return its number. Writers of the ledger take turns, whatever the database."""
    alone_with(session, "proof ledger")
    last = head(session)
    seq = last.seq + 1 if last else 1
    said = {"seq": seq, "at": stamp(now), "what": what, "entry": entry_id, "prev": last.hash if last else NOTHING}
    line = canonical(clean_json({**facts, **said}))
    row = {"seq": seq, "at": now, "what": what, "entry_id": entry_id, "line": line, "hash": sha256(line)}
    session.execute(insert(PROOF_LEDGER), row)
    return seq


def head(session: Session) -> Head | None:
    """The newest line, or None while there is none."""
    newest = select(PROOF_LEDGER.c.seq, PROOF_LEDGER.c.hash, PROOF_LEDGER.c.at).order_by(PROOF_LEDGER.c.seq.desc())
    row = session.execute(newest.limit(1)).one_or_none()
    return None if row is None else Head(*row)


def count(session: Session) -> int:
    """How many lines there are."""
    return session.scalar(select(func.count()).select_from(PROOF_LEDGER)) or 0


def lines(session: Session, *, after: int = 0) -> Iterator[Line]:
    """The lines from number `after` + 1 on, in bounded memory."""
    columns = [PROOF_LEDGER.c[name] for name in Line.__slots__]
    while True:
        page = select(*columns).where(PROOF_LEDGER.c.seq > after).order_by(PROOF_LEDGER.c.seq).limit(_PAGE)
        rows = session.execute(page).all()
        for row in rows:
            yield Line(*row)
        if len(rows) < _PAGE:
            return
        after = rows[-1].seq


def of_entry(session: Session, entry_id: int) -> list[Line]:
    """The lines about one entry, oldest first."""
    columns = [PROOF_LEDGER.c[name] for name in Line.__slots__]
    query = select(*columns).where(PROOF_LEDGER.c.entry_id == entry_id).order_by(PROOF_LEDGER.c.seq)
    return [Line(*row) for row in session.execute(query)]
