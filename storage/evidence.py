"""The terms behind the matches, as rows: which matches stand on one term alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.orm import Session

from storage.bulk import run_many
from storage.models import EVIDENCE_TERMS

_BIAS = "bias"  # the one item of the evidence that is no word of the article
_CLEAR = delete(EVIDENCE_TERMS).where(EVIDENCE_TERMS.c.entry_id.in_(bindparam("these", expanding=True)))
_ADD = insert(EVIDENCE_TERMS)


class Term(Struct, frozen=True):
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


def write_terms(session: Session, verdicts: Mapping[int, Sequence[Any]]) -> None:
    """Replace the terms of these entries by those of their verdicts that matched (verdicts.VerdictRecord)."""
    session.execute(_CLEAR, {"these": list(verdicts)})
    rows = [
        {
            "entry_id": entry_id,
            "topic": verdict.topic,
            "term": term.term,
            "sense": term.sense,
            "weight": term.weight,
            "needed": term.needed,
        }
        for entry_id, said in verdicts.items()
        for verdict in said
        if verdict.matched
        for term in terms_of(verdict.evidence, score=verdict.score, threshold=verdict.threshold)
    ]
    run_many(session, _ADD, rows)


def _log_odds(score: float) -> float:
    return math.log(score / (1 - score)) if 0 < score < 1 else math.copysign(math.inf, score - 0.5)


def strongest(session: Session, articles: Sequence[int], *, topic: str | None = None, most: int = 3) -> dict[int, str]:
    """The terms that weighed most for each of these matches, heaviest first, comma-joined; on one topic if it is named."""
    columns = (EVIDENCE_TERMS.c.entry_id, EVIDENCE_TERMS.c.term, EVIDENCE_TERMS.c.weight)
    query = select(*columns).where(EVIDENCE_TERMS.c.entry_id.in_(articles), EVIDENCE_TERMS.c.weight > 0)
    if topic:
        query = query.where(EVIDENCE_TERMS.c.topic == topic)
    weights: defaultdict[int, dict[str, float]] = defaultdict(dict)
    for entry_id, term, weight in session.execute(query):
        weights[entry_id][term] = max(weight, weights[entry_id].get(term, 0.0))
    return {
        id_: ", ".join(sorted(terms, key=lambda term: (-terms[term], term))[:most]) for id_, terms in weights.items()
    }
