"""Fits the judge's weights from labelled articles. Needs scipy (extra `train`); the judge itself needs neither.

Logistic regression with an L2 penalty whose weights keep the sign that the rule of relevance gives them: a name in the title
never speaks against an article, a border beside it never for it. That costs no accuracy (docs/decisions/0030) and keeps every
reason readable. scikit-learn has no signs for logistic regression, so the likelihood is minimised by scipy's L-BFGS-B.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crawler.classify.document import Feature

PENALTY = 1.0  # C of scikit-learn's LogisticRegression; .3 and 3 change F1 by less than .003
AGAINST = frozenset(
    [
        "none",
        "late",
        "in-list",
        "person",
        "person-only",
        "border",
        "comparison",
        "title-rival",
        "rivals",
        "rival-likened",
        "single-late",
        "rival-beside",
        "lead-rival-alone",
        "title-rival-alone",
        "peers",
        "title-peer-alone",
        "title-migration-alone",
        "title-culture",
        "other",
        "other-share",
        "other-title",
        "bare",
        "abroad",
        "abroad-land",
        "war-elsewhere",
        "other-war",
        "other-war-front",
        "part",
        "quoted",
        "everyday",
        "sentences-before",
        "rival-first",
        "drowned",
        "event-only",
        "behind-lead",
        "stranger",
        "alone-weak",
        "alone-weaker",
        "alone-leader",
        "leisure",
        "migration",
        "owner",
        "owner-sentences",
        "owner-title",
        "edge-only",
        "edge-most",
        "title-comparison",
        "leader-only",
        "one-sentence",
        "distinct-once",
        "title-life",
        "title-mishap",
        "roundup",
        "away",
        "lived",
        "edge-plain",
        "comparisons",
    ]
)
EITHER = frozenset({"single", "title-peer", "title-migration", "front-life"})  # what the rule says nothing about
AS_GOOD = 0.001  # of F1
SMALL = 0.005  # weights nearer to 0 are left out: no score changes by more than a hundredth


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled article on one topic; `weight` is below 1 where two careful readers could disagree."""

    features: Mapping[str, Feature]
    relevant: bool
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A bias and weights by feature."""

    bias: float
    weights: Mapping[str, float]

    def log_odds(self, features: Mapping[str, Feature]) -> float:
        """The log-odds that an article with these features is relevant."""
        return self.bias + sum(self.weights.get(name, 0.0) * feature.value for name, feature in features.items())


def fit(samples: Sequence[Sample], *, penalty: float = PENALTY, start: Fitted | None = None) -> Fitted:
    """The weights that make the labels likeliest. With `start`, they are drawn to it instead of to 0.

    Raises ValueError when the samples are not of both kinds.
    """
    import numpy as np
    from scipy.optimize import minimize

    if len({sample.relevant for sample in samples}) < 2:
        raise ValueError("labels of both kinds are needed: relevant and not")
    known = set(start.weights) if start else set()
    names = sorted(known | {name for sample in samples for name in sample.features})
    values, labels, importance = _matrix(samples, names, np)
    prior = np.array([start.weights.get(name, 0.0) if start else 0.0 for name in names])

    def loss(point: Any) -> tuple[float, Any]:
        weights, bias = point[:-1], point[-1]
        margin = labels * (values @ weights + bias)
        slope = -importance * labels / (1 + np.exp(np.clip(margin, -30, 30)))
        away = weights - prior
        gradient = np.append(values.T @ slope + away / penalty, slope.sum())
        return float((importance * np.logaddexp(0, -margin)).sum() + (away @ away) / (2 * penalty)), gradient

    begin = np.append(prior, start.bias if start else 0.0)
    found = minimize(
        loss, begin, jac=True, bounds=[*map(_bounds, names), (None, None)], method="L-BFGS-B", options={"maxiter": 3000}
    )
    weights = {name: round(float(one), 4) for name, one in zip(names, found.x, strict=False) if abs(one) >= SMALL}
    return Fitted(round(float(found.x[-1]), 4), weights)


def _matrix(samples: Sequence[Sample], names: Sequence[str], np: Any) -> tuple[Any, Any, Any]:
    column = {name: number for number, name in enumerate(names)}
    values = np.zeros((len(samples), len(names)))
    for row, sample in enumerate(samples):
        for name, feature in sample.features.items():
            values[row, column[name]] = feature.value
    labels = np.array([1.0 if sample.relevant else -1.0 for sample in samples])
    return values, labels, np.array([sample.weight for sample in samples])


def _bounds(name: str) -> tuple[float | None, float | None]:
    if name in EITHER:
        return None, None
    return (None, 0.0) if name in AGAINST else (0.0, None)


def best_threshold(scores: Sequence[float], relevant: Sequence[bool]) -> float:
    """The score, in steps of .01 from .30 to .70, from which on a match gives the best F1; the middle of those as good.

    As good is within AS_GOOD of the best: less than what one article in a hundred changes.
    """
    found = [(f1(scores, relevant, step / 100), step / 100) for step in range(30, 71)]
    top = max(quality for quality, _ in found)
    good = [threshold for quality, threshold in found if quality >= top - AS_GOOD]
    return good[len(good) // 2]


def f1(scores: Sequence[float], relevant: Sequence[bool], threshold: float) -> float:
    """The harmonic mean of precision and recall at a threshold; 0 when nothing is relevant."""
    hits = sum(score >= threshold and truth for score, truth in zip(scores, relevant, strict=True))
    said, true = sum(score >= threshold for score in scores), sum(relevant)
    return 2 * hits / (said + true) if true else 0.0


def to_json(fitted: Fitted, *, threshold: float, near: float) -> dict[str, Any]:
    """The weights as one topic of model.json."""
    return {"bias": fitted.bias, "threshold": threshold, "near": near, "weights": dict(sorted(fitted.weights.items()))}
