"""The tables of tallies: matches and names counted as they are written, polls when their day is over. A part of models.py, which hands them on."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, BigId, PrimaryKey, table_of


class Tally(Base):
    """So many matches more, or fewer, of a day, or of a month under a publisher, a language or a feed; to be added up."""

    __tablename__ = "tallies"

    id: Mapped[PrimaryKey]
    kind: Mapped[str]
    period: Mapped[str]
    name: Mapped[str]
    topics: Mapped[str]
    matches: Mapped[int] = mapped_column(BigInteger)
    copies: Mapped[int] = mapped_column(BigInteger)
    summaries: Mapped[int] = mapped_column(BigInteger)

    # the whole row: it is read from the index alone
    __table_args__ = (
        Index("ix_tallies_counted", "kind", "period", "name", "topics", "matches", "copies", "summaries"),
    )


class NameTally(Base):
    """So many matches more, or fewer, of a day that name a place or an actor beyond doubt; to be added up."""

    __tablename__ = "name_tallies"

    id: Mapped[PrimaryKey]
    kind: Mapped[str]
    day: Mapped[str]
    name: Mapped[str]
    area: Mapped[str]
    matches: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_name_tallies_counted", "kind", "day", "name", "area", "matches"),)


class PollDay(Base):
    """What the polls of a day tell, added up once it is over; not there when one of them came, changed or went since."""

    __tablename__ = "poll_days"

    day: Mapped[str] = mapped_column(primary_key=True)
    told: Mapped[str]


class EntryBlock(Base):
    """Entries of one state in a block of the ledger; the row of the state '' says that the block was counted."""

    __tablename__ = "entry_blocks"

    block: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(primary_key=True)
    entries: Mapped[int]
    fetched: Mapped[int]
    unreadable: Mapped[int]


class SightingBlock(Base):
    """Listings of the entries of a block, and of how many of these there are any."""

    __tablename__ = "sighting_blocks"

    block: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    listings: Mapped[int]
    entries: Mapped[int]


TALLIES = table_of(Tally)
NAME_TALLIES = table_of(NameTally)
POLL_DAYS = table_of(PollDay)
ENTRY_BLOCKS, SIGHTING_BLOCKS = table_of(EntryBlock), table_of(SightingBlock)
