"""Entries, the ledger: every item a feed ever listed, once, and what became of it.

pending -> match | near | irrelevant | unreadable | gone; and forgotten, which is for good (removal.py). An entry is due for a fetch exactly while `retry_at` is set,
it was triaged as worth it, and nobody has claimed it; a match of which only the summary could be read stays due too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import Row, and_, bindparam, case, func, null, select, update
from sqlalchemy.orm import Session

from storage.aliases import last_listing, same_entries
from storage.base import ENTRY_STATES, EntryState
from storage.claims import ClaimedEntry, claim, release_claims, renew_claims, untriaged
from storage.models import ENTRIES, FEEDS, SIGHTINGS
from storage.portable import insert_new, upsert
from storage.seen import SeenEntry
from storage.text import audit_rank, short_key

__all__ = [
    "ClaimedEntry",
    "SeenEntry",
    "SeenResult",
    "Triage",
    "TriageDecision",
    "claim",
    "count_listed",
    "counts",
    "record_end",
    "record_failure",
    "record_retry",
    "record_seen",
    "record_triage",
    "release_claims",
    "renew_claims",
    "retry_all",
    "untriaged",
]

# SQLite takes 32,766 parameters in a statement; an IN list of this many is far below
_PAGE = 1_000
_TOPICS = ("syria", "isis")
_FORGOTTEN = "forgotten"  # while its page was on its way; removal.py cleared the claim


@dataclass(frozen=True, slots=True)
class SeenResult:
    """What a document held: the new entries in its order, how many different ones, how many its last listing had.

    `new_keys` are the keys of `new_ids` as the caller gave them, one for one.
    """

    new_ids: tuple[int, ...]
    new_keys: tuple[str, ...]
    seen: int
    overlap: int
    renamed: int = 0  # of the overlap: listed before under another link or another id
    candidates: int = 0  # of the new ones: worth fetching


@dataclass(frozen=True, slots=True)
class Triage:
    """What triage says of an entry by its title and summary: whether its page is worth fetching."""

    score: float | None
    candidate: bool


@dataclass(frozen=True, slots=True)
class TriageDecision:
    """Whether an entry's page is worth fetching, by its title and summary."""

    entry_id: int
    score: float | None
    candidate: bool


# Made once, as every statement of the hot path: SQLAlchemy takes as long to build one as to run it.
_COLUMNS = tuple(field.name for field in fields(SeenEntry) if field.name != "link")  # which stands on the sighting
_TRIAGED = update(ENTRIES).where(ENTRIES.c.id == bindparam("which"))
_LISTED_NOW = update(FEEDS).where(FEEDS.c.id == bindparam("which"))
_OF_FEED = and_(SIGHTINGS.c.entry_id == ENTRIES.c.id, SIGHTINGS.c.feed_id == bindparam("feed"))
_KNOWN = (
    select(
        ENTRIES.c.key,
        ENTRIES.c.id,
        case((SIGHTINGS.c.last_seen_at >= FEEDS.c.listed_at, 1), else_=0).label("listed"),
    )
    .outerjoin_from(ENTRIES, SIGHTINGS, _OF_FEED)
    .outerjoin(FEEDS, FEEDS.c.id == bindparam("feed"))
    .where(ENTRIES.c.key.in_(bindparam("these", expanding=True)))
)


def record_seen(
    session: Session,
    *,
    feed_id: int,
    entries: Sequence[SeenEntry],
    now: datetime,
    whole: bool = True,
    triage: Callable[[SeenEntry], Triage] | None = None,
) -> SeenResult:
    """Write a feed's document into the ledger; what comes back as new is new. The one dedupe of the program.

    What is known is looked up first, for it is most of a document and its ids are needed; but the insert decides.
    New entries are pending and due at once; what `triage` calls no candidate is irrelevant and done with. Call it once per parsed
    document, an empty one too: it also notes that the feed's listing is from `now`, by which pruning tells what no feed lists any more.
    A document that is not `whole` (a delta, RFC 3229) adds to the listing and replaces nothing.
    """
    rows: dict[str, dict[str, Any]] = {}
    given: dict[str, SeenEntry] = {}
    for entry in entries:  # of two equal keys the first counts
        row = _row(entry, feed_id, now)
        rows.setdefault(row["key"], row)
        given.setdefault(row["key"], entry)
    known = _known(session, feed_id, list(rows))
    unknown = [row for key, row in rows.items() if key not in known]
    renamed = _renamed(session, feed_id, unknown, {row.id for row in known.values()}, size=len(rows)) if unknown else {}
    unknown = [row for row in unknown if row["key"] not in renamed]
    if triage is not None:
        for row in unknown:
            row |= _triaged(triage(given[row["key"]]), now)
    inserted = insert_new(session, ENTRIES, unknown, conflict=["key"], returning=[ENTRIES.c.key, ENTRIES.c.id])
    new = {row.key: row.id for row in inserted}
    ids = new | renamed | {key: row.id for key, row in known.items()}
    if len(ids) < len(rows):  # another process was faster with some
        ids |= {key: row.id for key, row in _known(session, feed_id, [key for key in rows if key not in ids]).items()}
    shown = {ids[key]: {"guid": row["guid"], "url": given[key].link} for key, row in rows.items()}
    _note_sightings(session, feed_id, shown, now, whole)
    fresh = [key for key in rows if key in new]
    return SeenResult(
        new_ids=tuple(new[key] for key in fresh),
        new_keys=tuple(given[key].key for key in fresh),
        seen=len(rows),
        overlap=sum(row.listed for row in known.values()) + len(renamed),
        renamed=len(renamed),
        candidates=sum(rows[key].get("triaged_at") is not None and rows[key]["state"] == "pending" for key in fresh),
    )


def _triaged(said: Triage, now: datetime) -> dict[str, Any]:
    """The columns that tell of an entry's triage."""
    values = {"triaged_at": now, "triage_score": said.score}
    if said.candidate:
        return {**values, "state": "pending", "retry_at": now, "finished_at": None}
    return {**values, "state": "irrelevant", "retry_at": None, "finished_at": now}


def _renamed(
    session: Session, feed_id: int, unknown: Sequence[Mapping[str, Any]], listed_still: Set[int], *, size: int
) -> dict[str, int]:
    """Of rows that seem new: those that the feed's last listing had under another key, with the ids of their entries."""
    gone = [row for row in last_listing(session, feed_id, size=size) if row.id not in listed_still]
    return same_entries(unknown, gone)


def _note_sightings(
    session: Session, feed_id: int, shown: Mapping[int, Mapping[str, str | None]], now: datetime, whole: bool
) -> None:
    """This feed lists the entries with these ids, and, when the document was whole, nothing else from now on."""
    seen = {"feed_id": feed_id, "first_seen_at": now, "last_seen_at": now}
    rows = [{**seen, "entry_id": entry_id, **said} for entry_id, said in shown.items()]
    upsert(session, SIGHTINGS, rows, conflict=["feed_id", "entry_id"], update=["guid", "last_seen_at", "url"])
    if whole:
        session.execute(_LISTED_NOW, {"which": feed_id, "listed_at": now})


def _row(entry: SeenEntry, feed_id: int, now: datetime) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in _COLUMNS}
    key = short_key(entry.key)
    mine = {"key": key, "feed_id": feed_id, "first_seen_at": now, "retry_at": now, "audit_rank": audit_rank(key)}
    return {**values, **mine}


def _known(session: Session, feed_id: int, keys: Sequence[str]) -> dict[str, Row[Any]]:
    """The entries with these keys: their `id`, and whether this feed's listing before this one had them (`listed`)."""
    found: dict[str, Row[Any]] = {}
    for start in range(0, len(keys), _PAGE):
        rows = session.execute(_KNOWN, {"feed": feed_id, "these": keys[start : start + _PAGE]})
        found.update({row.key: row for row in rows})
    return found


def count_listed(session: Session, *, feed_id: int, keys: Sequence[str]) -> int:
    """How many of these entries the feed's last document listed."""
    return sum(row.listed for row in _known(session, feed_id, [short_key(key) for key in keys]).values())


def record_triage(session: Session, decisions: Sequence[TriageDecision], now: datetime) -> None:
    """Triage entries that were listed without it: a candidate stays due when it was."""
    worth = [
        {"which": one.entry_id, "triage_score": one.score, "triaged_at": now} for one in decisions if one.candidate
    ]
    rest = [
        {"which": one.entry_id, **_triaged(Triage(one.score, False), now)} for one in decisions if not one.candidate
    ]
    for rows in (worth, rest):
        if rows:
            session.execute(_TRIAGED, rows)


def record_retry(session: Session, *, entry_id: int, error: str | None, retry_at: datetime, now: datetime) -> None:
    """The fetch failed and is to be tried again then, not before `now`; the claim ends."""
    session.execute(
        update(ENTRIES)
        .where(ENTRIES.c.id == entry_id, ENTRIES.c.state != _FORGOTTEN)
        .values(error=error, retry_at=max(retry_at, now), claimed_at=None)
    )


def record_end(
    session: Session,
    *,
    entry_id: int,
    state: EntryState,
    now: datetime,
    error: str | None = None,
    scores: Mapping[str, float] | None = None,
) -> None:
    """The entry is done with: no retry, no claim. What matched by its summary stays a match when its page is lost."""
    if state not in get_args(EntryState) or state == "pending":
        raise ValueError(f"an entry cannot end as {state!r}")
    lost = state in ("unreadable", "gone")
    values = {f"{topic}_score": score for topic, score in (scores or {}).items() if topic in _TOPICS}
    session.execute(
        update(ENTRIES)
        .where(ENTRIES.c.id == entry_id, ENTRIES.c.state != _FORGOTTEN)
        .values(
            state=case((ENTRIES.c.state == "match", "match"), else_=state) if lost else state,
            error=error,
            retry_at=null(),
            claimed_at=null(),
            finished_at=now,
            **values,
        )
    )


def record_failure(
    session: Session, *, entry_id: int, error: str, state: EntryState, retry_at: datetime | None, now: datetime
) -> None:
    """Nothing could be read or judged: to be tried again then, or, without a time, ended in this state."""
    if retry_at is not None:
        record_retry(session, entry_id=entry_id, error=error, retry_at=retry_at, now=now)
    else:
        record_end(session, entry_id=entry_id, state=state, error=error, now=now)


def retry_all(session: Session, *, now: datetime) -> int:
    """Make every entry that waits for a retry due now; returns how many."""
    waiting = and_(ENTRIES.c.retry_at > now, ENTRIES.c.claimed_at.is_(None))
    return len(session.execute(update(ENTRIES).where(waiting).values(retry_at=now).returning(ENTRIES.c.id)).all())


def counts(session: Session) -> dict[str, int]:
    """How many entries there are in each state."""
    rows = session.execute(select(ENTRIES.c.state, func.count().label("number")).group_by(ENTRIES.c.state)).all()
    found = {row.state: row.number for row in rows}
    return {state: found.get(state, 0) for state in ENTRY_STATES}
