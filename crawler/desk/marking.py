"""A text in paragraphs with the words that weighed marked, and a verdict as a sum. PURE."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crawler.reasons import pieces, spans

TERMS = 12  # of a sum that are shown; the rest is one line


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of text; `side` is "for", "against" or ''."""

    text: str
    side: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a sum: what it is, where it was found, and its part; `share` is its length from 0 to 100."""

    name: str
    sense: str
    weight: float
    times: int
    share: float


@dataclass(frozen=True, slots=True)
class Sum:
    """A verdict as a sum of log-odds: lines, heaviest first, and the total that makes the score."""

    topic: str
    score: float
    threshold: float
    matched: bool
    model: str
    lines: tuple[Line, ...]
    total: float


def paragraphs(text: str, field: str, evidence: Sequence[Mapping[str, Any]]) -> list[list[Mark]]:
    """The paragraphs of a field's text, each in pieces."""
    marks, start, found = spans(text, field, evidence), 0, []
    for line in text.split("\n"):
        end = start + len(line)
        if line.strip():
            found.append([Mark(piece, _side(weight)) for piece, weight in pieces(text, marks, start, end)])
        start = end + 1
    return found


def as_sum(verdict: Any) -> Sum:
    """A stored verdict as a sum."""
    weights: dict[tuple[str, str], list[float]] = {}
    for piece in verdict.evidence:
        weights.setdefault((str(piece["term"]), str(piece.get("sense") or "")), []).append(float(piece["weight"]))
    total = sum(sum(each) for each in weights.values())
    most = max((abs(sum(each)) for each in weights.values()), default=1) or 1
    lines = sorted(
        (
            Line(term, sense if sense != term else "", sum(each), len(each), abs(sum(each)) / most * 100)
            for (term, sense), each in weights.items()
        ),
        key=lambda line: -abs(line.weight),
    )
    shown = lines[:TERMS]
    if rest := lines[TERMS:]:
        weight = sum(line.weight for line in rest)
        shown.append(Line(f"{len(rest)} more", "", weight, 1, min(abs(weight) / most, 1) * 100))
    total = total if verdict.evidence else math.log(verdict.score / (1 - verdict.score)) if 0 < verdict.score < 1 else 0
    return Sum(verdict.topic, verdict.score, verdict.threshold, verdict.matched, verdict.model, tuple(shown), total)


def _side(weight: float) -> str:
    return "for" if weight > 0 else "against" if weight < 0 else ""
