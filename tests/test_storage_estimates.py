"""Estimates: against published values, and against simulated ledgers whose truth is known."""

from __future__ import annotations

import random

import pytest

from storage.estimates import Estimate, Sampled, kappa, recall, wilson


@pytest.mark.parametrize(
    ("yes", "labelled", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)  # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I
def test_wilson_gives_the_published_intervals(yes: int, labelled: int, low: float, high: float) -> None:
    found = wilson(yes, labelled)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.value == yes / labelled


def test_nothing_is_known_without_labels() -> None:
    assert wilson(0, 0) is None
    assert recall(Sampled(10, 0, 0), [Sampled(10, 5, 1)]) is None
    assert recall(Sampled(10, 5, 5), [Sampled(10, 0, 0)]) is None
    assert recall(Sampled(10, 5, 0), [Sampled(10, 5, 0)]) is None


def test_recall_weighs_each_part_by_what_its_labels_stand_for() -> None:
    found = recall(Sampled(100, 50, 40), [Sampled(1_000, 100, 1), Sampled(0, 0, 0)])
    assert found is not None
    assert found.value == pytest.approx(80 / 90)  # 80 of the kept, and 1 in 100 of a thousand
    assert found.low < found.value < found.high


def test_what_was_labelled_whole_leaves_no_doubt() -> None:
    assert recall(Sampled(10, 10, 9), [Sampled(5, 5, 1)]) == Estimate(0.9, 0.9, 0.9)


def test_the_same_labels_give_the_same_interval() -> None:
    parts = (Sampled(500, 60, 50), [Sampled(9_000, 300, 2)])
    assert recall(*parts) == recall(*parts)


def simulated(seed: int) -> tuple[float, Estimate, float, Estimate]:
    """A ledger with a truth, a random sample of it labelled: true and estimated precision, true and estimated recall."""
    chance = random.Random(seed)
    shape = ((900, 0.93, 80), (300, 0.15, 80), (20_000, 0.003, 900))  # entries, share that is relevant, labels
    ledger = [[chance.random() < share for _ in range(size)] for size, share, _ in shape]
    parts = [
        Sampled(len(part), labels, sum(chance.sample(part, labels)))
        for part, (_, _, labels) in zip(ledger, shape, strict=True)
    ]
    precision, found = wilson(parts[0].yes, parts[0].labelled), recall(parts[0], parts[1:], draws=400, seed=seed)
    assert precision is not None
    assert found is not None
    return sum(ledger[0]) / len(ledger[0]), precision, sum(ledger[0]) / sum(map(sum, ledger)), found


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    worlds = [simulated(seed) for seed in range(200)]
    precise = sum(one.low <= truth <= one.high for truth, one, _, _ in worlds)
    complete = sum(one.low <= truth <= one.high for _, _, truth, one in worlds)
    assert 182 <= precise <= 200  # 190 are expected; 182 is three standard deviations below
    assert 182 <= complete <= 200
    errors = [one.value - truth for _, _, truth, one in worlds]
    assert abs(sum(errors) / len(errors)) < 0.02


def test_kappa_takes_chance_out() -> None:
    # 20 and 15 agreed of 50: observed .7; by chance .5 * .6 + .5 * .4 = .5; (.7 - .5) / (1 - .5)
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert kappa(pairs) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], None),
        ([("yes", "yes")] * 4, None),
        ([("yes", "no"), ("no", "yes")], -1),
        ([("yes", "yes"), ("no", "no")], 1),
    ],
)
def test_kappa_at_its_ends(pairs: list[tuple[str, str]], expected: float | None) -> None:
    assert kappa(pairs) == expected
