"""What was learned: a weight for each feature and topic, thresholds, and how a score is put together from them. PURE.

The model is data (model.json), fitted by bench/train.py: logistic regression, so that a score is a sum that can be shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from crawler.classify.document import Feature, Spot

MODEL = Path(__file__).parent / "model.json"
DEFAULT = "default"  # the weights of a topic that nothing was learned for: fitted on all topics together
LIMIT = 12.0  # of log-odds: beyond, a score is 0 or 1 to five digits and more


class ModelError(Exception):
    """The model file is wrong; the message names the file."""


class Weights(Struct, frozen=True):
    """One topic's model: score = 1 / (1 + exp(-(bias + sum of weight times feature)))."""

    bias: float
    weights: Mapping[str, float]
    threshold: float
    near: float  # from here to the threshold an article is a near miss

    def shares(self, found: Mapping[str, Feature]) -> tuple[float, dict[Spot, float]]:
        """The bias, and each spot's part of the log-odds; what belongs to no spot is in the bias. Their sum is the log-odds."""
        bias = self.bias
        shares: dict[Spot, float] = {}
        for name, feature in found.items():
            worth = self.weights.get(name, 0.0) * feature.value
            if not worth:
                continue
            if not feature.spots:
                bias += worth
                continue
            for spot in feature.spots:
                shares[spot] = shares.get(spot, 0.0) + worth / len(feature.spots)
        rounded = {spot: round(share, 4) for spot, share in shares.items()}
        total = bias + sum(shares.values())
        within = max(-LIMIT, min(LIMIT, total))
        return round(within - sum(rounded.values()), 4), rounded


class Model(Struct, frozen=True):
    """All topics' weights."""

    topics: Mapping[str, Weights]

    def of(self, topic: str) -> Weights:
        """The weights of a topic, or the default ones."""
        return self.topics.get(topic) or self.topics[DEFAULT]


def probability(log_odds: float) -> float:
    """The logistic function."""
    return 1 / (1 + math.exp(-log_odds))


def load_model(file: Path = MODEL) -> Model:
    """The model in a file. Raises ModelError."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        topics = {topic: _weights(entry) for topic, entry in data["topics"].items()}
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{file}: no model: {type(error).__name__}: {error}") from None
    if DEFAULT not in topics:
        raise ModelError(f"{file}: it has no weights for {DEFAULT!r}")
    return Model(topics)


def _weights(entry: Mapping[str, Any]) -> Weights:
    weights = {str(name): float(weight) for name, weight in entry["weights"].items()}
    threshold, near = float(entry["threshold"]), float(entry["near"])
    if not 0 < near < threshold < 1:
        raise ValueError("0 < near < threshold < 1 must hold")
    return Weights(float(entry["bias"]), weights, threshold, near)
