"""The terms behind the matches, as rows: which matches stand on one term alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from storage.models import ARTICLES, EVIDENCE_TERMS

_BIAS = "bias"  # the one item of the evidence that is no word of the article


@dataclass(frozen=True, slots=True)
class OnlyBecause:
    """A match of a topic that would not be one without a term; `weight` is the term's part of the log-odds."""

    article_id: int
    topic: str
    term: str
    weight: float
    day: str
    publisher: str
    title: str


@dataclass(frozen=True, slots=True)
class Term:
    """A term with its sense and its summed weight; `needed` when the score is under the threshold without it."""

    term: str
    sense: str
    weight: float
    needed: bool


def terms_of(evidence: Sequence[Mapping[str, Any]], *, score: float, threshold: float) -> list[Term]:
    """The evidence of a verdict summed by term, heaviest first. Weights are parts of the score's log-odds."""
    weights: defaultdict[str, float] = defaultdict(float)
    senses: dict[str, str] = {}
    for piece in evidence:
        if piece["term"] != _BIAS:
            weights[piece["term"]] += piece["weight"]
            senses[piece["term"]] = piece["sense"]
    spare = _log_odds(score) - _log_odds(threshold)
    terms = [Term(term, senses[term], weight, weight > spare) for term, weight in weights.items()]
    return sorted(terms, key=lambda term: (-abs(term.weight), term.term))


def write_terms(session: Session, *, entry_id: int, verdicts: Sequence[Any]) -> None:
    """Replace an entry's terms by those of its verdicts that matched (articles.VerdictRecord)."""
    session.execute(delete(EVIDENCE_TERMS).where(EVIDENCE_TERMS.c.entry_id == entry_id))
    rows = [
        {
            "entry_id": entry_id,
            "topic": verdict.topic,
            "term": term.term,
            "sense": term.sense,
            "weight": term.weight,
            "needed": term.needed,
        }
        for verdict in verdicts
        if verdict.matched
        for term in terms_of(verdict.evidence, score=verdict.score, threshold=verdict.threshold)
    ]
    if rows:
        session.execute(insert(EVIDENCE_TERMS), rows)


def only_because_of(
    session: Session, *, term: str, topic: str | None = None, limit: int | None = 50
) -> list[OnlyBecause]:
    """The matches that are kept only by this term: without its weight their score is under the threshold. Newest first."""
    query = (
        select(
            ARTICLES.c.id,
            EVIDENCE_TERMS.c.topic,
            EVIDENCE_TERMS.c.term,
            EVIDENCE_TERMS.c.weight,
            ARTICLES.c.day,
            ARTICLES.c.publisher,
            ARTICLES.c.title,
        )
        .join_from(EVIDENCE_TERMS, ARTICLES, ARTICLES.c.id == EVIDENCE_TERMS.c.entry_id)
        .where(EVIDENCE_TERMS.c.term == term, EVIDENCE_TERMS.c.needed)
        .order_by(ARTICLES.c.sort_key.desc(), EVIDENCE_TERMS.c.topic)
        .limit(limit)
    )
    if topic is not None:
        query = query.where(EVIDENCE_TERMS.c.topic == topic)
    return [OnlyBecause(*row) for row in session.execute(query)]


def _log_odds(score: float) -> float:
    return math.log(score / (1 - score)) if 0 < score < 1 else math.copysign(math.inf, score - 0.5)
