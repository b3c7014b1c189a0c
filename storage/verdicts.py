"""Verdicts: what the judge said of every entry that was judged, the last and all before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, insert, update
from sqlalchemy import true as yes
from sqlalchemy.orm import Session

from storage import evidence, stories
from storage.among import among
from storage.bulk import run_many
from storage.models import ARTICLES, VERDICTS
from storage.portable import text_list

# made once: building such a statement takes SQLAlchemy as long as sending it
_SUPERSEDE = (
    update(VERDICTS).where(among(VERDICTS.c.entry_id, "these"), VERDICTS.c.current == yes()).values(current=False)
)
_JUDGED = insert(VERDICTS)
_REJUDGED = update(ARTICLES).where(ARTICLES.c.id == bindparam("which"))


class VerdictRecord(Struct, frozen=True):
    """What the judge said on one topic; evidence items are (field, start, end, text, term, sense, weight)."""

    topic: str
    score: float
    threshold: float
    matched: bool
    evidence: Sequence[Mapping[str, Any]]
    model: str


def topics_of(verdicts: Sequence[VerdictRecord]) -> dict[str, Any]:
    """The columns of `articles` and `entries` that verdicts decide."""
    scores = {verdict.topic: verdict.score for verdict in verdicts}
    return {
        "topics": text_list(verdict.topic for verdict in verdicts if verdict.matched),
        "syria_score": scores.get("syria"),
        "isis_score": scores.get("isis"),
    }


def write_verdicts(session: Session, said_of: Mapping[int, Sequence[VerdictRecord]], now: datetime) -> None:
    """Add the verdicts on these entries to the history; the ones before are no longer current."""
    session.execute(_SUPERSEDE, {"these": list(said_of)})
    rows = [
        {
            "entry_id": entry_id,
            "topic": verdict.topic,
            "score": verdict.score,
            "threshold": verdict.threshold,
            "matched": verdict.matched,
            "current": True,
            "model": verdict.model,
            "decided_at": now,
            "evidence": [dict(one) for one in verdict.evidence],
            "margin": abs(verdict.score - verdict.threshold),
        }
        for entry_id, said in said_of.items()
        for verdict in said
    ]
    if rows:
        run_many(session, _JUDGED, rows)
        evidence.write_terms(session, said_of)


def store_verdicts_of(session: Session, verdicts: Mapping[int, Sequence[VerdictRecord]], *, now: datetime) -> None:
    """Write the verdicts on some hundred entries by id that are no matches (entries.record_end says which state each ends in).

    An article that was stored for one, from its summary say, stays but leaves the view `matches`, unless a verdict matches after all.
    """
    if not verdicts:
        return
    write_verdicts(session, verdicts, now)
    rows = [{"which": entry_id, "changed_at": now, **topics_of(said)} for entry_id, said in verdicts.items()]
    run_many(session, _REJUDGED, rows)
    kept = {entry_id: any(verdict.matched for verdict in told) for entry_id, told in verdicts.items()}
    stories.keep(session, kept, now=now)
