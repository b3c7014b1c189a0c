"""Signatures of texts: alike is near, different is far, the same everywhere and for ever."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.similar import BANDS, HASHES, LEAST_WORDS, bands, nearness, signature

WORDS = [f"word{number}" for number in range(5_000)]


def text(seed: int, words: int = 400) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def signed(words: str) -> bytes:
    found = signature(words)
    assert found is not None
    return found


def triples(words: str) -> set[tuple[str, ...]]:
    split = words.split()
    return {tuple(split[start : start + 3]) for start in range(len(split) - 2)}


def jaccard(one: str, other: str) -> float:
    left, right = triples(one), triples(other)
    return len(left & right) / len(left | right)


def edited(words: str, every: int) -> str:
    """The text with every so-many-th word replaced."""
    return " ".join("changed" if number % every == 0 else word for number, word in enumerate(words.split()))


def test_the_shape() -> None:
    found = signed(text(1))
    assert len(found) == 4 * HASHES
    assert len(bands(found)) == BANDS
    assert all(-(2**63) <= band < 2**63 for band in bands(found))


def test_it_never_changes_for_stored_signatures_depend_on_it() -> None:
    found = signed("Nine people were killed when shells hit a market in the north on Monday, rescuers said. " * 5)
    assert hashlib.sha256(found).hexdigest()[:16] == "ac8792f73c9e6710"
    assert bands(found)[0] == 1279414737643270814


@pytest.mark.parametrize("words", ["", "   ", "one two three", " ".join(WORDS[: LEAST_WORDS - 1]), "!!! ... ---" * 100])
def test_short_texts_have_none(words: str) -> None:
    assert signature(words) is None


def test_the_shortest_text_has_one() -> None:
    assert signature(" ".join(WORDS[:LEAST_WORDS])) is not None


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda words: words.replace(" ", "\n\n  "),
        lambda words: words.replace(" ", ", ") + "!",
        lambda words: "".join(
            chr(ord(letter) + 0xFEE0) if "!" < letter <= "~" else letter for letter in words
        ),  # full width
    ],
)
def test_case_spacing_punctuation_and_letter_forms_do_not_matter(change) -> None:  # type: ignore[no-untyped-def]
    assert signature(change(text(2))) == signature(text(2))


def test_arabic_has_words() -> None:
    words = "قالت مصادر محلية إن قذائف سقطت على سوق في المدينة وأصابت تسعة أشخاص"
    assert signature(words) is None
    assert signature(" ".join(f"{words} {number}" for number in range(6))) is not None


@pytest.mark.parametrize("every", [200, 50, 20, 10, 5])
def test_nearness_is_the_share_of_triples_in_common(every: int) -> None:
    errors = []
    for seed in range(10):
        one = text(seed)
        errors.append(nearness(signed(one), signed(edited(one, every))) - jaccard(one, edited(one, every)))
    assert abs(sum(errors) / len(errors)) < 0.05
    assert max(map(abs, errors)) < 0.2


def test_the_same_is_one_and_others_are_nothing() -> None:
    assert nearness(signed(text(3)), signed(text(3))) == 1.0
    assert max(nearness(signed(text(seed)), signed(text(seed + 1_000))) for seed in range(20)) < 0.05


def test_a_lightly_edited_copy_shares_a_band_and_another_text_does_not() -> None:
    for seed in range(30):
        one = text(seed)
        copy, other = edited(one, 40), text(seed + 1_000)
        assert set(bands(signed(one))) & set(bands(signed(copy)))
        assert not set(bands(signed(one))) & set(bands(signed(other)))


def test_the_band_s_number_is_part_of_it() -> None:
    assert len(set(bands(bytes(4 * HASHES)))) == BANDS


@given(st.text())
def test_any_text_has_a_signature_or_none(words: str) -> None:
    found = signature(words * 20)
    assert found is None or nearness(found, found) == 1.0
