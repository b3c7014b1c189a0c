"""The tables of proof: the append-only ledger, what it says of each article, where its page is kept, what was removed.

A part of models.py, which hands them on.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DDL, BigInteger, ForeignKey, Index, event
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import NEVER_REUSED, Base, BigId, PrimaryKey, table_of
from storage.portable import append_only


class ProofLine(Base):
    """A line of the append-only ledger of proof; every line holds the SHA-256 of the one before."""

    __tablename__ = "proof_ledger"

    seq: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    what: Mapped[str]
    entry_id: Mapped[int | None] = mapped_column(BigId)  # no foreign key: a line outlives what it is about
    line: Mapped[str]
    hash: Mapped[str]

    __table_args__ = (Index(None, "entry_id", "seq"),)


class Proof(Base):
    """What the ledger says of one entry's article, and what people decided about it: hold it, or forget it."""

    __tablename__ = "proofs"

    entry_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    seq: Mapped[int | None] = mapped_column(BigId)
    article_hash: Mapped[str | None]
    held_at: Mapped[datetime | None]
    held_why: Mapped[str | None]
    forgotten_at: Mapped[datetime | None]
    forgotten_why: Mapped[str | None]


class Capture(Base):
    """A request and its response in a WARC file: where, and the SHA-256 of those bytes."""

    __tablename__ = "captures"

    id: Mapped[PrimaryKey]
    entry_id: Mapped[int] = mapped_column(BigId, ForeignKey("entries.id", ondelete="CASCADE"))
    seq: Mapped[int] = mapped_column(BigId)
    file: Mapped[str]
    offset: Mapped[int] = mapped_column(BigInteger)
    length: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    payload_sha256: Mapped[str]
    url: Mapped[str]
    http_status: Mapped[int]
    captured_at: Mapped[datetime]
    record_id: Mapped[str]
    revisit_of: Mapped[str | None]
    tombstone_sha256: Mapped[str | None]
    erased_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "entry_id"), Index(None, "file", "offset"), NEVER_REUSED)


class Tombstone(Base):
    """The SHA-256 of an address, or of a publisher's text, that was removed for good."""

    __tablename__ = "tombstones"

    hash: Mapped[str] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(BigId, ForeignKey("entries.id", ondelete="CASCADE"))

    __table_args__ = (Index(None, "entry_id"), {"sqlite_with_rowid": False})


PROOF_LEDGER, PROOFS = table_of(ProofLine), table_of(Proof)
CAPTURES, TOMBSTONES = table_of(Capture), table_of(Tombstone)
for _dialect, _statements in append_only(PROOF_LEDGER.name).items():
    for _statement in _statements:
        _ddl = DDL(_statement)  # type: ignore[no-untyped-call]
        event.listen(PROOF_LEDGER, "after_create", _ddl.execute_if(dialect=_dialect))
