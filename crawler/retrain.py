"""Fits the judge anew from the labels of the user's own database, and says honestly whether that helped.

The weights are drawn to those in force, so that a hundred labels move them a little and ten thousand a lot. What is shown as
"after" is cross-validated: every label is judged by weights that never saw it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crawler.classify.model import DEFAULT, Weights, probability
from crawler.classify.training import Fitted, Sample, best_threshold, fit, to_json
from storage.text import many

if TYPE_CHECKING:
    from crawler.classify import Judge
    from storage.labels import LabelledText

LEAST = 20  # labels of each answer: below, an interval is wider than any change
FOLDS = 5
PULL = 0.1  # C of the penalty that draws the weights to those in force: 100 labels move a weight by some tenths


@dataclass(frozen=True, slots=True)
class Quality:
    """Right and wrong among labelled articles; precision and recall are None where nothing stands below the line."""

    labels: int
    right: int
    wrong: int  # kept, labelled no
    missed: int  # not kept, labelled yes

    @property
    def precision(self) -> float | None:
        """The share of what was kept that is labelled yes."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        """The share of what is labelled yes that was kept."""
        return self.right / (self.right + self.missed) if self.right + self.missed else None


@dataclass(frozen=True, slots=True)
class Retrained:
    """One topic: how its labels are judged now and would be after, or why nothing was fitted."""

    topic: str
    before: Quality
    after: Quality | None
    threshold_before: float
    threshold_after: float | None
    problem: str = ""


def retrain(judge: Judge, labelled: Sequence[LabelledText]) -> tuple[list[Retrained], dict[str, Any]]:
    """Every topic fitted from its labels, and the new model as JSON. Topics with too few labels keep their weights."""
    model, reports = judge.model, []
    topics = {topic: _as_json(model.of(topic)) for topic in judge.topics}
    for topic in judge.topics:
        mine = [one for one in labelled if one.topic == topic]
        samples = [
            Sample(judge.features(title=one.title, text=one.text, language=one.language)[topic], one.value == "yes")
            for one in mine
        ]
        report, weights = _retrained(topic, model.of(topic), samples)
        reports.append(report)
        if weights is not None:
            topics[topic] = weights
    return reports, {"topics": {**topics, DEFAULT: _as_json(model.of(DEFAULT))}}


def _retrained(topic: str, old: Weights, samples: Sequence[Sample]) -> tuple[Retrained, dict[str, Any] | None]:
    now = Fitted(old.bias, dict(old.weights))
    before = _quality([probability(_bounded(now, sample)) for sample in samples], samples, old.threshold)
    yes = sum(sample.relevant for sample in samples)
    if min(yes, len(samples) - yes) < LEAST:
        problem = f"{many(yes, 'label')} yes, {len(samples) - yes} no: {LEAST} of each are needed"
        return Retrained(topic, before, None, old.threshold, None, problem), None
    scores = _cross_validated(samples, now)
    relevant = [sample.relevant for sample in samples]
    threshold = best_threshold(scores, relevant)
    after = _quality(scores, samples, threshold)
    fitted = to_json(fit(samples, penalty=PULL, start=now), threshold=threshold, near=min(old.near, threshold / 2))
    return Retrained(topic, before, after, old.threshold, threshold), fitted


def _cross_validated(samples: Sequence[Sample], start: Fitted) -> list[float]:
    """A score for each sample from a fit that did not see it; folds are drawn within each answer."""
    chance = random.Random(1)
    fold_of = [0] * len(samples)
    for answer in (True, False):
        places = [number for number, sample in enumerate(samples) if sample.relevant is answer]
        chance.shuffle(places)
        for turn, place in enumerate(places):
            fold_of[place] = turn % FOLDS
    scores = [0.0] * len(samples)
    for fold in range(FOLDS):
        model = fit([one for one, at in zip(samples, fold_of, strict=True) if at != fold], penalty=PULL, start=start)
        for number, (sample, at) in enumerate(zip(samples, fold_of, strict=True)):
            if at == fold:
                scores[number] = probability(_bounded(model, sample))
    return scores


def _bounded(model: Fitted, sample: Sample) -> float:
    return max(-12.0, min(12.0, model.log_odds(sample.features)))


def _quality(scores: Sequence[float], samples: Sequence[Sample], threshold: float) -> Quality:
    pairs = [(score >= threshold, sample.relevant) for score, sample in zip(scores, samples, strict=True)]
    return Quality(
        labels=len(pairs),
        right=sum(kept and yes for kept, yes in pairs),
        wrong=sum(kept and not yes for kept, yes in pairs),
        missed=sum(yes and not kept for kept, yes in pairs),
    )


def _as_json(weights: Weights) -> dict[str, Any]:
    return to_json(Fitted(weights.bias, dict(weights.weights)), threshold=weights.threshold, near=weights.near)
