"""What changed between two versions: words, numbers, and what is no change."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.revising import MOST_EDITS, compare, normalised, number, replaced, same

TITLE = "Market hit in Idlib"


def numbers(old: str, new: str) -> list[tuple[str, str]]:
    return [(one.before, one.after) for one in compare(TITLE, old, TITLE, new).numbers]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("killed  12", "killed 12"),
        ("“Nobody,” he said – twice", '"Nobody," he said - twice'),
        ("It’s over", "It's over"),
        ("cafe\u0301", "café"),
        ("soft\u00adhyphen\u200b", "softhyphen"),
        ("One.\n\nTwo.", "One.\nTwo."),
        ("One.\nTwo. Three.\nFour.", "One. Two.\nThree. Four."),
        ("Updated 5 minutes ago\nOne.", "Updated 2 hours ago\nOne."),
        ("منذ 5 دقائق\nنص", "منذ 12 دقيقة\nنص"),
        ("5 dakika önce\nMetin", "2 saat önce\nMetin"),
    ],
)
def test_what_is_no_change(old: str, new: str) -> None:
    assert same(TITLE, old, TITLE, new)
    assert compare(TITLE, old, TITLE, new).edits == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("killed 12", "killed 21"),
        ("He said so.", "He denied so."),
        ("It was three days ago that the convoy of the Red Crescent left the town of Ariha.", "It was four days ago that the convoy of the Red Crescent left the town of Ariha."),
    ],
)  # fmt: skip
def test_what_is_a_change(old: str, new: str) -> None:
    assert not same(TITLE, old, TITLE, new)
    assert compare(TITLE, old, TITLE, new).edits


def test_a_title_alone_may_change() -> None:
    assert not same("Nine killed", "Text.", "Thirteen killed", "Text.")
    (edit,) = compare("Nine killed", "Text.", "Thirteen killed", "Text.").edits
    assert (edit.field, edit.before, edit.after, edit.right) == ("title", "Nine", "Thirteen", "killed")


def test_words_are_told_with_the_words_around_them() -> None:
    found = compare(
        TITLE,
        "The army said the attack in Ariha was its own.",
        TITLE,
        "The army denied that the attack in Ariha was its own.",
    )
    (edit,) = found.edits
    assert (edit.left, edit.before, edit.after, edit.right) == ("The army", "said", "denied that", "the attack in")
    assert (found.added, found.removed) == (2, 1)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("killed 12 people", "killed 21 people", [("12", "21")]),
        ("killing nine people", "killing 13 people", [("nine", "13")]),
        ("Nine dead, 27 hurt.", "Thirteen dead, 41 hurt.", [("Nine", "Thirteen"), ("27", "41")]),
        ("1,200 families fled", "1,300 families fled", [("1,200", "1,300")]),
        ("نحو ١٢ قتيلا", "نحو ٢١ قتيلا", [("١٢", "٢١")]),
        ("مقتل تسعة مدنيين", "مقتل عشرة مدنيين", [("تسعة", "عشرة")]),
        ("dokuz kişi öldü", "13 kişi öldü", [("dokuz", "13")]),
        ("a rise of 3.5% was", "a rise of 5.3% was", [("3.5%", "5.3%")]),
        ("killed nine people", "killed 9 people", []),
        ("at 10:45 on", "at 11:20 on", []),
        ("killed 12 people", "killed some people", []),
        ("killed some people", "killed 12 people", []),
    ],
)
def test_numbers_that_changed(old: str, new: str, expected: list[tuple[str, str]]) -> None:
    assert numbers(old, new) == expected


def test_in_a_rewritten_passage_numbers_stand_for_each_other_by_the_word_beside_them() -> None:
    old = "Before. Local officials counted 12 dead, spoke of 30 wounded, and blamed rain alone. After."
    new = (
        "Before. Witnesses told how 4 trucks burned while volunteers at 7 places took away 17 dead in the night. After."
    )
    assert numbers(old, new) == [("12", "17")]


@pytest.mark.parametrize(
    ("word", "value"),
    [("12,000", 12000), ("1.200", 1200), ("3.5", 3.5), ("(21)", 21), ("$5", 5), ("7%", 7), ("١٢", 12), ("Twelve,", 12), ("2026-11-01", None), ("12th", None), ("10:45", None), ("one", None), ("", None)],
)  # fmt: skip
def test_a_number(word: str, value: float | None) -> None:
    assert number(word) == value


@given(st.text(max_size=300), st.text(max_size=300))
def test_the_same_has_no_edits_and_another_has(old: str, new: str) -> None:
    assert bool(compare("", old, "", new).edits) != same("", old, "", new)
    assert normalised(normalised(old)) == normalised(old)


@pytest.mark.parametrize("paragraphs", [False, True])
def test_even_what_has_nothing_in_common_is_compared_in_bounded_time_and_space(paragraphs: bool) -> None:
    chance = random.Random(7)
    old, new = ([str(chance.randrange(50)) for _ in range(20_000)] for _ in range(2))
    between = "\n" if paragraphs else " "
    began = time.process_time()
    found = compare("", between.join(old), "", between.join(new))
    assert time.process_time() - began < 5
    assert 0 < len(found.edits) <= MOST_EDITS
    assert sum(len(edit.before) + len(edit.after) for edit in found.edits) < 400_000


def test_what_cannot_be_compared_is_one_edit() -> None:
    found = replaced(TITLE, "Old words.", TITLE, "New words here.")
    assert (len(found.edits), found.numbers) == (1, ())
    assert found.edits[0].before.endswith("Old words.")
