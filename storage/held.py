"""What the ledger still holds the text of, to be judged anew, and what becomes of it then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, null, or_, select, update
from sqlalchemy.orm import Session

from storage.base import EntryState
from storage.models import ARTICLES, ENTRIES, FEEDS, VERDICTS
from storage.verdicts import VerdictRecord, store_verdicts_of

_SUMMARY_ONLY = "summary-only"


@dataclass(frozen=True, slots=True)
class HeldVerdict:
    """The verdict that holds on one topic."""

    score: float
    threshold: float
    matched: bool
    evidence: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class HeldEntry:
    """An entry whose text is held: its article's, else the feed's title and summary.

    `whole` says that the text is the page's; `was_read` that its page was asked for once; `waits` that it will be; `day` when
    it was published, as far as is known.
    """

    id: int
    state: EntryState
    title: str
    text: str
    language: str | None
    whole: bool
    was_read: bool
    waits: bool
    day: date
    verdicts: Mapping[str, HeldVerdict] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejudged:
    """An entry with its new verdicts and the state that it has by them."""

    entry: HeldEntry
    verdicts: Sequence[VerdictRecord]
    state: EntryState


def count(session: Session, *, model: str, since: datetime | None = None) -> int:
    """How many entries have a text and no verdict of this model."""
    return session.scalar(select(func.count()).select_from(ENTRIES).where(_to_judge(model, since))) or 0


def page(
    session: Session, *, model: str, since: datetime | None = None, after: int = 0, limit: int = 200
) -> list[HeldEntry]:
    """The next entries that have a text and no verdict of this model, by id from `after` on."""
    query = _HELD.where(_to_judge(model, since, of=func.coalesce(ENTRIES.c.state, "")), ENTRIES.c.id > after)
    rows = session.execute(query.order_by(ENTRIES.c.id).limit(limit)).all()
    verdicts: dict[int, dict[str, HeldVerdict]] = {}
    said = select(VERDICTS).where(VERDICTS.c.entry_id.in_([row.id for row in rows]), VERDICTS.c.current)
    for one in session.execute(said):
        held = HeldVerdict(one.score, one.threshold, one.matched, one.evidence)
        verdicts.setdefault(one.entry_id, {})[one.topic] = held
    return [_held(row, verdicts.get(row.id, {})) for row in rows]


def _held(row: Any, verdicts: dict[str, HeldVerdict]) -> HeldEntry:
    return HeldEntry(
        id=row.id,
        state=row.state,
        title=row.title,
        text=row.text,
        language=row.language,
        whole=bool(row.whole),
        was_read=bool(row.was_read),
        waits=bool(row.waits),
        day=row.at.date(),
        verdicts=verdicts,
    )


_HELD = (
    select(
        ENTRIES.c.id,
        ENTRIES.c.state,
        func.coalesce(ARTICLES.c.title, ENTRIES.c.title).label("title"),
        func.coalesce(ARTICLES.c.text, ENTRIES.c.summary).label("text"),
        func.coalesce(ARTICLES.c.language, ENTRIES.c.language, FEEDS.c.language).label("language"),
        and_(ARTICLES.c.id.is_not(None), ARTICLES.c.extraction != _SUMMARY_ONLY).label("whole"),
        (ENTRIES.c.attempts > 0).label("was_read"),
        ENTRIES.c.retry_at.is_not(None).label("waits"),
        func.coalesce(ENTRIES.c.published_at, ENTRIES.c.first_seen_at, type_=ENTRIES.c.first_seen_at.type).label("at"),
    )
    .outerjoin_from(ENTRIES, ARTICLES, ARTICLES.c.id == ENTRIES.c.id)
    .outerjoin(FEEDS, FEEDS.c.id == ENTRIES.c.feed_id)
)


def rejudge(session: Session, rejudged: Sequence[Rejudged], *, now: datetime) -> None:
    """Write new verdicts on some hundred entries and the states they have by them; the verdicts before stay as history.

    `pending` makes an entry due now, so that its page is read; a match that still waits for its page goes on waiting.
    What is neither pending nor a match leaves the view `matches` but keeps its article.
    """
    store_verdicts_of(session, {one.entry.id: one.verdicts for one in rejudged}, now=now)
    groups: defaultdict[tuple[EntryState, EntryState], list[dict[str, Any]]] = defaultdict(list)
    for one in rejudged:
        scores = {verdict.topic: verdict.score for verdict in one.verdicts}
        row = {"which": one.entry.id, "syria": scores.get("syria"), "isis": scores.get("isis")}
        groups[one.entry.state, one.state].append(row)
    scored: dict[str, Any] = {"syria_score": bindparam("syria"), "isis_score": bindparam("isis")}
    for (was, state), rows in groups.items():
        statement = update(ENTRIES).where(ENTRIES.c.id == bindparam("which"))
        session.execute(statement.values(state=state, **scored, **_moved(was, state, now)), rows)


def _moved(was: EntryState, state: EntryState, now: datetime) -> dict[str, Any]:
    """What changes on an entry beside its state."""
    if state == was:
        return {}
    if state != "pending":
        return {"retry_at": null(), "finished_at": now}
    again = {"finished_at": null(), "triaged_at": func.coalesce(ENTRIES.c.triaged_at, now)}
    if was == "match":
        return again  # its page is due already
    return {**again, "retry_at": now, "attempts": 0, "crashes": 0, "error": null()}  # as many attempts as a new entry


def _to_judge(model: str, since: datetime | None, *, of: ColumnElement[str] = ENTRIES.c.state) -> ColumnElement[bool]:
    """Matches, near misses and rejected entries with a text that this model has not judged.

    Whose page could not be read is left alone: nothing but a page would make it a match. `of` is the state; wrapped in a
    function it keeps SQLite from an index on it, after which every page would sort all that is left.
    """
    judged = exists().where(VERDICTS.c.entry_id == ENTRIES.c.id, VERDICTS.c.current, VERDICTS.c.model == model)
    wanted = and_(
        of.in_(("match", "near", "irrelevant")),
        or_(ENTRIES.c.text_pruned_at.is_(None), exists().where(ARTICLES.c.id == ENTRIES.c.id).correlate(ENTRIES)),
        ~judged,
    )
    return and_(wanted, ENTRIES.c.first_seen_at >= since) if since is not None else wanted
