"""What labels on samples say about a whole: proportions, recall, agreement. PURE: no session, no clock."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959964  # of the normal distribution: 95 % lie within
DRAWS = 4_000  # of the posterior: the ends of the interval then move by less than a point from seed to seed
_PRIOR = 0.5  # Jeffreys'; the fixed hyperparameter that Webber recommends
_NORMAL_FROM = 200.0  # expected successes or failures from where on a binomial is drawn as a normal


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its 95 % interval, all in 0..1."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """How wide the interval is."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Sampled:
    """A part of the ledger of which some were labelled at random: how many there are, were labelled, and got a yes."""

    population: int
    labelled: int
    yes: int


def wilson(yes: int, labelled: int) -> Estimate | None:
    """The share of yes with its 95 % score interval; None without labels.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212.
    """
    if not labelled:
        return None
    share, squared = yes / labelled, Z95**2 / labelled
    middle = (share + squared / 2) / (1 + squared)
    half = Z95 / (1 + squared) * math.sqrt(share * (1 - share) / labelled + squared / (4 * labelled))
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def recall(kept: Sampled, missed: Sequence[Sampled], *, draws: int = DRAWS, seed: int = 0) -> Estimate | None:
    """How much of what is relevant was kept, of 1, with its 95 % interval; `missed` are the parts of what was not kept.

    Each part's labels are weighted by what they stand for (population / labelled). None while matches have no labels,
    or a part that is not empty has none, or nothing relevant was seen. The interval: the yield of each part has a
    beta-binomial posterior, and the recall's is drawn from them. W. Webber, "Approximate recall confidence intervals",
    ACM Transactions on Information Systems 31:1 (2013).
    """
    parts = (kept, *missed)
    if any(part.population and not part.labelled for part in parts) or not any(part.yes for part in parts):
        return None
    found = _weighted(kept)
    whole = found + sum(_weighted(part) for part in missed)
    chance = random.Random(seed)
    shares = sorted(_drawn_recall(chance, kept, missed) for _ in range(draws))
    low, high = shares[int(draws * 0.025)], shares[min(math.ceil(draws * 0.975), draws) - 1]
    value = found / whole
    return Estimate(value, min(low, value), max(high, value))


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa of two annotators' answers to the same questions; None without questions, or if both gave one answer.

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960), 37-46.
    """
    if not pairs:
        return None
    number = len(pairs)
    observed = sum(one == other for one, other in pairs) / number
    answers = {answer for pair in pairs for answer in pair}
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    expected = sum(first.count(answer) * second.count(answer) for answer in answers) / number**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def _weighted(part: Sampled) -> float:
    return part.population * part.yes / part.labelled if part.labelled else 0.0


def _drawn_recall(chance: random.Random, kept: Sampled, missed: Sequence[Sampled]) -> float:
    found = _drawn_yield(chance, kept)
    whole = found + sum(_drawn_yield(chance, part) for part in missed)
    return found / whole if whole else 1.0


def _drawn_yield(chance: random.Random, part: Sampled) -> int:
    """How many of a part are relevant: those that were seen, and a draw for the rest."""
    rest = part.population - part.labelled
    if rest <= 0:
        return part.yes
    return part.yes + _binomial(chance, rest, chance.betavariate(part.yes + _PRIOR, part.labelled - part.yes + _PRIOR))


def _binomial(chance: random.Random, number: int, share: float) -> int:
    """A binomial draw: by the gaps between successes where they are few (L. Devroye 1986, X.4.3), else as a normal."""
    if share > 0.5:
        return number - _binomial(chance, number, 1 - share)
    if share <= 0:
        return 0
    mean = number * share
    if mean > _NORMAL_FROM:
        return min(number, max(0, round(chance.gauss(mean, math.sqrt(mean * (1 - share))))))
    successes, place, step = 0, 0, math.log1p(-share)
    while True:
        place += 1 + int(math.log(1 - chance.random()) / step) if step else number + 1
        if place > number:
            return successes
        successes += 1
