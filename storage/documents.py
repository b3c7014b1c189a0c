"""What feeds' documents list goes into the ledger: the one dedupe of the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, case, select, update
from sqlalchemy.orm import Session

from storage.aliases import last_listing, same_entries
from storage.bulk import insert_many, run_many
from storage.models import ENTRIES, FEEDS, SIGHTINGS
from storage.portable import if_new, is_sqlite, or_update
from storage.seen import SeenEntry, Triage
from storage.text import audit_rank, short_key

# SQLite takes 32,766 parameters in a statement; an IN list of this many is far below
_PAGE = 1_000


class Document(Struct, frozen=True):
    """What a feed listed at the time `now`, an empty document too: it says that the feed lists nothing else any more.

    One that is not `whole` (a delta, RFC 3229) adds to the listing and replaces nothing. New entries are pending and due at once; what
    `triage` calls no candidate is irrelevant and done with.
    """

    feed_id: int
    entries: Sequence[SeenEntry]
    now: datetime
    whole: bool = True
    triage: Callable[[SeenEntry], Triage] | None = None


class SeenResult(Struct, frozen=True):
    """What a document held: the new entries in its order, how many different ones, how many its last listing had.

    `new_keys` are the keys of `new_ids` as the caller gave them, one for one.
    """

    new_ids: tuple[int, ...]
    new_keys: tuple[str, ...]
    seen: int
    overlap: int
    renamed: int = 0  # of the overlap: listed before under another link or another id
    candidates: int = 0  # of the new ones: worth fetching


class _Listing(Struct):
    """A document by short keys: its entries, the rows that they would be, which of these are new, which are known by another key."""

    document: Document
    given: dict[str, SeenEntry]
    rows: dict[str, dict[str, Any]]
    new: tuple[str, ...] = ()
    renamed: Mapping[str, int] | None = None

    @classmethod
    def of(cls, document: Document) -> _Listing:
        given: dict[str, SeenEntry] = {}
        for entry in document.entries:  # of two equal keys the first counts
            given.setdefault(short_key(entry.key), entry)
        return cls(document, given, {key: _row(key, entry, document) for key, entry in given.items()})


class _Known(Struct):
    """Entries that the ledger has, by short key, and which of them (feed, entry) a feed's last document listed."""

    ids: dict[str, int]
    listed: set[tuple[int, int]]


# Made once, as every statement of the hot path: SQLAlchemy takes as long to build one as to run it.
_NOT_OF_THE_ENTRY = ("link", "triage")  # the link stands on the sighting
_COLUMNS = tuple(name for name in SeenEntry.__struct_fields__ if name not in _NOT_OF_THE_ENTRY)
_LISTED_NOW = update(FEEDS).where(FEEDS.c.id == bindparam("which"))
_KNOWN = (
    select(
        ENTRIES.c.key,
        ENTRIES.c.id,
        SIGHTINGS.c.feed_id,
        case((SIGHTINGS.c.last_seen_at >= FEEDS.c.listed_at, 1), else_=0).label("listed"),
    )
    .outerjoin_from(ENTRIES, SIGHTINGS, SIGHTINGS.c.entry_id == ENTRIES.c.id)
    .outerjoin(FEEDS, FEEDS.c.id == SIGHTINGS.c.feed_id)
    .where(ENTRIES.c.key.in_(bindparam("these", expanding=True)))
)


def record_seen(session: Session, documents: Sequence[Document]) -> list[SeenResult]:
    """Write documents of different feeds into the ledger, as if they came one after another; what comes back as new is new.

    What is known is looked up first, for it is most of a document and its ids are needed; but the insert decides. Call it once for each
    document: it also notes that the feed's listing is from then, by which pruning tells what no feed lists any more.
    """
    listings = [_Listing.of(document) for document in documents]
    known = _known(session, [key for one in listings for key in one.rows])
    coming: dict[str, dict[str, Any]] = {}  # of two documents with a new entry the first brings it
    for one in listings:
        _find_new(session, one, known, coming)
    adding = if_new(is_sqlite(session), ENTRIES, ("key",), (ENTRIES.c.key, ENTRIES.c.id))
    new: dict[str, int] = dict(insert_many(session, adding, list(coming.values())))
    ids = known.ids | new
    if others := [key for key in coming if key not in new]:  # another process was faster with some
        ids |= _known(session, others).ids
    _note_sightings(session, listings, ids)
    _note_listed(session, listings)
    return [_result(one, known, ids, new) for one in listings]


def count_listed(session: Session, *, feed_id: int, keys: Sequence[str]) -> int:
    """How many of these entries the feed's last document listed."""
    return sum(feed == feed_id for feed, _ in _known(session, [short_key(key) for key in keys]).listed)


def triaged(said: Triage, now: datetime) -> dict[str, Any]:
    """The columns that tell of an entry's triage."""
    values = {"triaged_at": now, "triage_score": said.score}
    if said.candidate:
        return {**values, "state": "pending", "retry_at": now, "finished_at": None}
    return {**values, "state": "irrelevant", "retry_at": None, "finished_at": now}


def _find_new(session: Session, one: _Listing, known: _Known, coming: dict[str, dict[str, Any]]) -> None:
    """Tell what of a document is new, and add it to what is coming; an entry may be known under another key."""
    document = one.document
    unknown = [row for key, row in one.rows.items() if key not in known.ids and key not in coming]
    one.renamed = {}
    if unknown:
        still = {known.ids[key] for key in one.rows if key in known.ids}
        one.renamed = _renamed(session, document.feed_id, unknown, still, size=len(one.rows))
    fresh = {row["key"]: row for row in unknown if row["key"] not in one.renamed}
    if document.triage is not None:
        for key, row in fresh.items():
            row |= triaged(document.triage(one.given[key]), document.now)
    one.new = tuple(fresh)
    coming |= fresh


def _result(one: _Listing, known: _Known, ids: Mapping[str, int], new: Mapping[str, int]) -> SeenResult:
    fresh = [key for key in one.new if key in new]
    renamed = one.renamed or {}
    before = sum((one.document.feed_id, ids[key]) in known.listed for key in one.rows if key in known.ids)
    return SeenResult(
        new_ids=tuple(new[key] for key in fresh),
        new_keys=tuple(one.given[key].key for key in fresh),
        seen=len(one.rows),
        overlap=before + len(renamed),
        renamed=len(renamed),
        candidates=sum(one.rows[key].get("state") == "pending" for key in fresh),
    )


def _renamed(
    session: Session, feed_id: int, unknown: Sequence[Mapping[str, Any]], listed_still: Set[int], *, size: int
) -> dict[str, int]:
    """Of rows that seem new: those that the feed's last listing had under another key, with the ids of their entries."""
    gone = [row for row in last_listing(session, feed_id, unknown, size=size) if row["id"] not in listed_still]
    return same_entries(unknown, gone)


def _note_sightings(session: Session, listings: Sequence[_Listing], ids: Mapping[str, int]) -> None:
    """These feeds list these entries."""
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for one in listings:
        feed_id, now = one.document.feed_id, one.document.now
        seen = {"feed_id": feed_id, "first_seen_at": now, "last_seen_at": now}
        renamed = one.renamed or {}
        for key, row in one.rows.items():
            entry_id = renamed[key] if key in renamed else ids[key]
            rows[feed_id, entry_id] = {**seen, "entry_id": entry_id, "guid": row["guid"], "url": one.given[key].link}
    noting = or_update(is_sqlite(session), SIGHTINGS, ("feed_id", "entry_id"), ("guid", "last_seen_at", "url"))
    run_many(session, noting, list(rows.values()))


def _note_listed(session: Session, listings: Sequence[_Listing]) -> None:
    """Nothing else is listed by these feeds from now on."""
    rows = [{"which": one.document.feed_id, "listed_at": one.document.now} for one in listings if one.document.whole]
    run_many(session, _LISTED_NOW, rows)


def _row(key: str, entry: SeenEntry, document: Document) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in _COLUMNS}
    mine = {"feed_id": document.feed_id, "first_seen_at": document.now, "retry_at": document.now}
    return {**values, **mine, "key": key, "audit_rank": audit_rank(key)}


def _known(session: Session, keys: Sequence[str]) -> _Known:
    found = _Known({}, set())
    for start in range(0, len(keys), _PAGE):
        for row in session.execute(_KNOWN, {"these": keys[start : start + _PAGE]}):
            found.ids[row.key] = row.id
            if row.listed:
                found.listed.add((row.feed_id, row.id))
    return found
